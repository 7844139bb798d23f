//! The parents that a node gives to a new block (design 07, 'Candidates').

use crate::mocks::{Delivery, Kit};
use crate::{BestParents, Message};
use picot_models::{ChainParams, Slot};

fn best_parents(kit: &Kit, node: usize) -> (Slot, Option<BestParents>) {
    let engine = kit.nodes[node].engine.as_ref().unwrap();
    let next = engine.chains()[0].next_slot();
    (next, engine.best_parents(next))
}

/// Four nodes, the last of which hears nothing of thread 1 from period 3 on.
fn deaf_in_thread_1() -> Kit {
    let mut kit = Kit::with_params(ChainParams::dev(), &[1, 1, 1, 1]);
    kit.post(|_, to, message: &Message| {
        let is_late = |slot: Slot| slot.thread == 1 && slot.period > 2;
        if to == 3 && message.slot().is_some_and(is_late) {
            Delivery::Lost
        } else {
            Delivery::After(10)
        }
    });
    kit.run_for(kit.t0_ms() * 8);
    kit
}

#[test]
fn who_lacks_what_the_parent_names_in_another_thread_builds_no_block() {
    let mut kit = deaf_in_thread_1();
    let chains = kit.nodes[3].engine.as_ref().unwrap().chains();
    assert_eq!(chains[1].next_period(), 3);
    let (next, parents) = best_parents(&kit, 3);
    assert!(next.period > 4, "thread 0 goes on");
    assert_eq!(parents, None);
    assert!(best_parents(&kit, 0).1.is_some());

    kit.post(|_, _, _| Delivery::After(10));
    let has_parents = |kit: &Kit| best_parents(kit, 3).1.is_some();
    assert!(kit.run_until(kit.t0_ms() * 20, has_parents));
}

#[test]
fn nobody_is_blamed_for_a_block_of_a_node_that_was_behind() {
    let mut kit = deaf_in_thread_1();
    kit.post(|_, _, _| Delivery::After(10));
    kit.run_for(kit.t0_ms() * 12);
    for node in &kit.nodes {
        assert_eq!(node.blamed, []);
    }
}

#[test]
fn what_a_thread_that_is_behind_does_not_know_yet_is_not_taken_for_old_after_a_restart() {
    let mut kit = deaf_in_thread_1();
    let named = |kit: &Kit| {
        let chains = kit.nodes[3].engine.as_ref().unwrap().chains();
        let named = chains[0].last_block_parents()[1];
        (chains[1].next_period(), chains[1].period_of(&named))
    };
    assert_eq!(named(&kit), (3, None));
    kit.crash(3);
    kit.start(3);
    assert_eq!(named(&kit), (3, None));
    kit.post(|_, _, _| Delivery::After(10));
    kit.run_for(kit.t0_ms() * 12);
    for node in &kit.nodes {
        assert_eq!(node.blamed, []);
    }
    assert!(named(&kit).1.is_some_and(|period| period > 3));
}
