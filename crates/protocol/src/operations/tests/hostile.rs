//! Whatever peers send in whatever order, what is kept is consistent and bounded.

use super::{Node, WAIT, config};
use crate::operations::test_kit::{Shared, forged, transfers};
use picot_consensus::Peer;
use proptest::prelude::*;
use std::sync::Arc;

#[derive(Debug, Clone)]
enum Act {
    Connect(u64),
    Leave(u64),
    Announce(u64, Vec<usize>),
    Ask(u64, Vec<usize>),
    Send(u64, Vec<usize>, bool),
    Submit(Vec<usize>),
    Judge,
    LoseJudgement,
    Wait(u64),
}

const COUNT: usize = 40;

fn act() -> impl Strategy<Value = Act> {
    let peer = || 0_u64..5;
    let some = || prop::collection::vec(0..COUNT, 1..20);
    prop_oneof![
        2 => peer().prop_map(Act::Connect),
        1 => peer().prop_map(Act::Leave),
        6 => (peer(), some()).prop_map(|(peer, some)| Act::Announce(peer, some)),
        3 => (peer(), some()).prop_map(|(peer, some)| Act::Ask(peer, some)),
        6 => (peer(), some(), prop::bool::weighted(0.2))
            .prop_map(|(peer, some, is_bad)| Act::Send(peer, some, is_bad)),
        1 => some().prop_map(Act::Submit),
        3 => Just(Act::Judge),
        1 => Just(Act::LoseJudgement),
        3 => (0..2 * WAIT).prop_map(Act::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_peers_do_what_is_kept_is_consistent_bounded_and_ends(
        acts in prop::collection::vec(act(), 1..80),
        (known, wanted, asked) in (1_usize..50, 1_usize..30, 1_usize..20),
    ) {
        let operations = transfers(COUNT as u64);
        let of = |places: &[usize]| -> Vec<Shared> {
            places.iter().map(|place| operations[*place].clone()).collect()
        };
        let mut small = config();
        (small.known, small.wanted, small.asked) = (known, wanted, asked);
        (small.wanted_per_peer, small.asked_per_peer, small.tickets) = (15, 5, 3);
        let mut node = Node::with(small);
        // Handles are never used again.
        let mut left = [0_u64; 5];
        for act in acts {
            let handle = |peer: u64| 10 * left[usize::try_from(peer).unwrap()] + peer;
            match act {
                Act::Connect(peer) => node.operations.connected(Peer(handle(peer))),
                Act::Leave(peer) => {
                    node.gone(handle(peer));
                    left[usize::try_from(peer).unwrap()] += 1;
                }
                Act::Announce(peer, some) => node.announced(handle(peer), &of(&some)),
                Act::Ask(peer, some) => node.asked(handle(peer), &of(&some)),
                Act::Send(peer, some, false) => node.came(handle(peer), &of(&some)),
                Act::Send(peer, some, true) => {
                    let bad: Vec<_> = of(&some)
                        .iter()
                        .map(|one| Arc::new(forged(one, &operations[0])))
                        .collect();
                    node.came(handle(peer), &bad);
                }
                Act::Submit(some) => node.submit(&of(&some)),
                Act::Judge => drop(node.judge()),
                Act::LoseJudgement => node.added.clear(),
                Act::Wait(millis) => node.after(millis),
            }
            node.step(|_, _, _| {});
            node.operations.check();
        }
        // Left alone, it comes to rest.
        for _ in 0..1_000 {
            let Some(at) = node.operations.next_wake() else {
                break;
            };
            node.after(at.0.saturating_sub(node.now.0));
            node.operations.check();
        }
        prop_assert_eq!(node.operations.next_wake(), None);
        prop_assert!(node.operations.wanted.is_empty() && node.operations.tickets.is_empty());
    }
}
