//! Blocks over links that delay, reorder and lose.

use super::{Node, WAIT, block_of, len, short_of};
use crate::operations::test_kit::transfers;
use crate::packet::Packet;
use picot_consensus::Peer;
use picot_serialization::Encode;
use proptest::prelude::*;
use std::collections::BTreeMap;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn over_links_that_delay_reorder_and_lose_a_block_becomes_whole_for_a_bounded_cost(
        pending in prop::collection::vec(any::<bool>(), 1..120),
        with_short: bool,
        seed: u64,
        delay in 1_u64..2_500,
        loss in 0_u64..50,
        answer_bytes in 1_usize..20_000,
    ) {
        let operations = transfers(pending.len() as u64);
        let block = block_of(1, &operations);
        let mut config = super::config();
        config.answer_bytes = answer_bytes;
        // Node 0 lacks it, 1 and 2 have it.
        let mut nodes: Vec<Node> = (0..3).map(|_| Node::with(config.clone())).collect();
        nodes[1].blocks.hold(block.clone());
        nodes[2].blocks.hold(block.clone());
        let has = operations.iter().zip(&pending).filter(|(_, pending)| **pending);
        let has: Vec<_> = has.map(|(one, _)| one.clone()).collect();
        nodes[0].pool.add(&has);
        let missing: usize = operations.iter().map(|one| one.encoded_len()).sum::<usize>()
            - has.iter().map(|one| one.encoded_len()).sum::<usize>();
        let short = short_of(&operations);
        nodes[0].candidate(1, &block, with_short.then_some(&short));

        let mut random = seed;
        let mut draw = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below.max(1)
        };
        let mut flying: BTreeMap<(u64, u64), (u64, usize, Packet)> = BTreeMap::new();
        let (mut lost, mut asks, mut bytes, mut late, mut sent) = (0, 0_u64, 0, 0, 0);
        let mut now = nodes[0].now.0;
        let mut ask_at = now;
        let whole = loop {
            if now >= ask_at {
                // Consensus asks again, of the one or the other.
                let to = (draw(2) == 0).then_some(1 + asks % 2);
                nodes[0].ask(block.id(), to, &[1, 2]);
                asks += 1;
                ask_at = now + 3 * WAIT;
            }
            nodes[0].verify();
            if let Some(from) = nodes[0].finished(&block) {
                break from;
            }
            for (from, node) in nodes.iter_mut().enumerate() {
                for (to, packet) in node.sent() {
                    bytes += len(&packet);
                    sent += 1;
                    if draw(100) < loss {
                        lost += 1;
                        continue;
                    }
                    let arrival = now + 1 + draw(delay);
                    late += u64::from(arrival > now + WAIT / 2);
                    flying.insert((arrival, sent), (from as u64, usize::try_from(to).unwrap(), packet));
                }
            }
            let next = flying.keys().map(|(at, _)| *at).next();
            now = [next, nodes[0].blocks.next_wake().map(|at| at.0), Some(ask_at)]
                .into_iter()
                .flatten()
                .min()
                .unwrap()
                .max(now);
            for node in &mut nodes {
                node.after(now - node.now.0);
            }
            while let Some(((at, _), _)) = flying.first_key_value() && *at <= now {
                let (_, (from, to, packet)) = flying.pop_first().unwrap();
                nodes[to].receive(Peer(from), &packet);
            }
            prop_assert!(asks < 200, "it never becomes whole");
        };
        prop_assert!(whole == 1 || whole == 2);
        for node in &mut nodes {
            prop_assert_eq!(node.faults(), []);
        }
        // Each answer that is lost or late may come once more; each question has up to three bytes for
        // a place, each answer 40 besides its operations, the ids 32 each.
        let again = usize::try_from(lost + late).unwrap();
        let ids = 32 * operations.len() + 80;
        let turns = usize::try_from(sent).unwrap();
        let bound = missing
            + (again + 1) * ids
            + again * (answer_bytes + 200).min(missing)
            + turns * (40 + 3 * operations.len());
        prop_assert!(bytes <= bound, "{} bytes, at most {}", bytes, bound);
    }
}
