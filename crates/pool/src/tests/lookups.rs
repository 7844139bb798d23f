//! Many operations found in one call.

use super::*;
use crate::{MAX_PREFIXES, prefix_of};

/// One pending operation in each thread, and one more in the first.
fn pending(world: &World) -> Vec<SignedOperation> {
    let mut keys: Vec<_> = (0..4).map(|thread| key_in_thread(thread, 4, 1)).collect();
    keys.push(sender(7));
    let operations: Vec<_> = keys.iter().map(|key| world.transfer(key, 1, 1)).collect();
    for operation in &operations {
        assert_eq!(world.add(operation), Ok(()));
    }
    operations
}

#[test]
fn a_prefix_gives_the_pending_operation_of_whatever_thread_in_the_order_asked() {
    let world = World::new();
    let mut operations = pending(&world);
    operations.reverse();
    let mut prefixes: Vec<u64> = operations.iter().map(|one| prefix_of(&one.id())).collect();
    prefixes.insert(2, prefixes[0].wrapping_add(1));
    prefixes.push(prefixes[0]);
    let mut expected: Vec<_> = operations.into_iter().map(Arc::new).map(Some).collect();
    expected.insert(2, None);
    expected.push(expected[0].clone());
    assert_eq!(world.pool.operations_by_prefix(&prefixes), expected);
    assert!(world.pool.operations_by_prefix(&[]).is_empty());
}

#[test]
fn a_prefix_finds_what_is_not_valid_yet_and_not_what_has_left() {
    let world = World::new();
    let waiting = world.transfer_until(&sender(1), 1, 1, 105);
    let leaving = world.transfer(&sender(2), 1, 1);
    assert_eq!(world.add(&waiting), Ok(()));
    assert_eq!(world.add(&leaving), Ok(()));
    world.pool.notify_final(Slot::new(1, 0), &[leaving.id()]);
    let prefixes = [waiting.id(), leaving.id()].map(|id| prefix_of(&id));
    let expected = [Some(Arc::new(waiting)), None];
    assert_eq!(world.pool.operations_by_prefix(&prefixes), expected);
}

#[test]
fn prefixes_beyond_the_bound_find_nothing() {
    let world = World::new();
    let prefix = prefix_of(&pending(&world)[0].id());
    let found = world
        .pool
        .operations_by_prefix(&vec![prefix; MAX_PREFIXES + 2]);
    assert_eq!(found.len(), MAX_PREFIXES + 2);
    assert!(found[..MAX_PREFIXES].iter().all(Option::is_some));
    assert!(found[MAX_PREFIXES..].iter().all(Option::is_none));
}

#[test]
fn what_is_held_is_told_of_many_ids_at_once_in_their_order() {
    let world = World::new();
    let operations = pending(&world);
    let unknown = world.transfer(&sender(3), 2, 2).id();
    let mut ids: Vec<_> = operations.iter().map(SignedOperation::id).collect();
    ids.insert(1, unknown);
    ids.push(ids[0]);
    let expected = [true, false, true, true, true, true, true];
    assert_eq!(world.pool.holds(&ids), expected);
    assert!(world.pool.holds(&[]).is_empty());
}
