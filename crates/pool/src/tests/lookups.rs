//! Many operations found in one call.

use super::*;
use crate::{MAX_PREFIXES, prefix_of};
use picot_models::Amount;
use picot_serialization::Encode;

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

#[test]
fn what_a_sender_has_pending_is_told_best_first() {
    let world = World::new();
    let own: Vec<_> = [1, 3, 2]
        .map(|fee| world.transfer(&sender(1), fee, fee))
        .into();
    for operation in own.iter().chain([&world.transfer(&sender(2), 1, 9)]) {
        assert_eq!(world.add(operation), Ok(()));
    }
    let found = ids(&world.pool.of_sender(&address_of(&sender(1))));
    assert_eq!(found, [own[1].id(), own[2].id(), own[0].id()]);
    assert!(world.pool.of_sender(&address_of(&key(900))).is_empty());
}

#[test]
fn fee_levels_tell_what_it_takes_to_be_in_the_next_blocks() {
    let mut params = ChainParams::dev();
    let one = World::new().transfer(&sender(0), 1, 1);
    // Two transfers fill a block.
    params.max_block_size_bytes = 2 * u64::try_from(one.encoded_len()).unwrap();
    let world = World::with(Config::default(), params);
    let empty = world.pool.fee_levels(0, &[1]);
    assert_eq!((empty.lowest, empty.highest), (None, None));
    assert_eq!(empty.to_beat, [Amount::ZERO]);
    for (number, fee) in (0..).zip([50, 40, 30, 20, 10]) {
        let operation = world.transfer(&sender(number), 1, fee);
        assert_eq!(world.add(&operation), Ok(()));
    }
    let levels = world.pool.fee_levels(0, &[1, 2, 3]);
    let coins = Amount::from_nanos;
    assert_eq!(
        (levels.lowest, levels.highest),
        (Some(coins(20)), Some(coins(100)))
    );
    assert_eq!(levels.to_beat, [coins(60), coins(20), Amount::ZERO]);
    let in_any_order = world.pool.fee_levels(0, &[2, 9, 1, 2, 0]);
    assert_eq!(
        in_any_order.to_beat,
        [coins(20), Amount::ZERO, coins(60), coins(20), coins(100)]
    );
    let elsewhere = world.pool.fee_levels(200, &[1]);
    assert_eq!(elsewhere, crate::FeeLevels::default());
    assert_eq!(world.pool.limits().min_fee, Config::default().min_fee);
}
