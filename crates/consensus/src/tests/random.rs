//! Agreement under random delivery.

use crate::Message;
use crate::mocks::{Delivery, Kit};
use picot_models::{Ballot, ChainParams, Signed, Slot};
use proptest::prelude::*;

/// A generator that a seed fixes.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap()
    }
}

/// Delays up to far beyond `D`, losses, for a while; then a timely network.
fn storm(kit: &mut Kit, seed: u64, loss_percent: u64, max_delay_ms: u64, calm_at: u64) {
    let mut dice = Dice(seed | 1);
    let calm = std::rc::Rc::new(std::cell::Cell::new(false));
    let is_calm = std::rc::Rc::clone(&calm);
    kit.post(move |_, _, _| {
        if is_calm.get() {
            return Delivery::After(1 + dice.below(20));
        }
        if dice.below(100) < loss_percent {
            return Delivery::Lost;
        }
        Delivery::After(dice.below(max_delay_ms))
    });
    kit.run_for(calm_at);
    calm.set(true);
}

/// Node `who` says to half of the others the contrary of what it votes.
fn two_faced(kit: &mut Kit, who: usize) {
    let votes: Vec<_> = kit.nodes[who]
        .sent
        .iter()
        .filter_map(|message| match message.as_ref() {
            Message::Vote(vote) => Some(vote.content.clone()),
            _ => None,
        })
        .collect();
    let Some(last) = votes.last().cloned() else {
        return;
    };
    let contrary = match last.ballot {
        Ballot::Finalise { .. } => Ballot::Nullify,
        Ballot::Nullify | Ballot::Notarise { .. } => Ballot::Notarise {
            value: picot_models::Value::Miss {
                through: last.slot.period,
            },
            carry: picot_models::Carry::Free,
        },
    };
    let vote = picot_models::Vote {
        ballot: contrary,
        ..last
    };
    let vote = Signed::sign(vote, &kit.key(who), &kit.genesis.chain_id()).into_envelope();
    for to in (0..kit.nodes.len()).filter(|to| *to != who).step_by(2) {
        kit.inject(who, to, Message::Vote(vote.clone()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn all_agree_and_go_on_whatever_the_order_of_delivery(
        seed: u64,
        rolls in prop_oneof![Just(vec![1, 1, 1, 1]), Just(vec![3, 2, 2, 1, 1]), Just(vec![1; 7])],
        loss_percent in 0_u64..40,
        max_delay_ms in 10_u64..1_500,
        crash in any::<Option<u8>>(),
    ) {
        let mut kit = Kit::new(&rolls);
        let crashed = crash.map(|number| usize::from(number) % rolls.len());
        let t0 = kit.t0_ms();
        storm(&mut kit, seed, loss_percent, max_delay_ms, t0 * 2);
        if let Some(node) = crashed {
            kit.crash(node);
            kit.run_for(t0);
            kit.start(node);
        }
        let reached = kit.nodes.iter().map(|node| node.next_period(0)).max().unwrap();
        kit.decide(Slot::new(reached.max(5), 0), t0 * 20);
        for node in &kit.nodes {
            prop_assert!(node.evidence.is_empty(), "an honest key contradicted itself");
            prop_assert!(node.foreign.is_empty());
        }
    }

    #[test]
    fn threads_side_by_side_with_clocks_apart_and_crashes_in_the_middle_of_writing(
        seed: u64,
        max_delay_ms in 10_u64..400,
        ahead_ms in proptest::collection::vec(0_u64..50, 4),
        crash_after in proptest::collection::vec(1_u64..120, 4),
    ) {
        let mut kit = Kit::with_params(ChainParams::dev(), &[3, 2, 2, 2]);
        for (node, (ahead_ms, crash_after)) in ahead_ms.into_iter().zip(crash_after).enumerate() {
            kit.nodes[node].clock_ahead_ms = ahead_ms;
            kit.nodes[node].crash_after_persists = Some(crash_after);
        }
        let t0 = kit.t0_ms();
        let mut dice = Dice(seed | 1);
        kit.post(move |_, _, _| match dice.below(20) {
            0 => Delivery::Lost,
            _ => Delivery::After(dice.below(max_delay_ms)),
        });
        for _ in 0..16 {
            kit.run_for(t0 / 4);
            for node in 0..4 {
                if kit.nodes[node].engine.is_none() {
                    kit.start(node);
                }
            }
        }
        for node in &mut kit.nodes {
            node.crash_after_persists = None;
        }
        kit.post(|_, _, _| Delivery::After(10));
        for thread in 0..4 {
            let reached = kit.nodes.iter().map(|node| node.next_period(thread)).max().unwrap();
            kit.decide(Slot::new(reached.max(4) + 1, thread), t0 * 20);
        }
        for node in &kit.nodes {
            prop_assert!(node.evidence.is_empty(), "an honest key contradicted itself");
            prop_assert!(node.foreign.is_empty());
            prop_assert!(node.blamed.is_empty(), "{:?}", node.blamed);
        }
    }

    #[test]
    fn all_honest_agree_and_go_on_beside_one_who_contradicts_itself(seed: u64, liar in 0_usize..4) {
        let params = ChainParams { thread_count: 1, ..ChainParams::dev() };
        let mut kit = Kit::with_params(params, &[1, 1, 1, 1]);
        let t0 = kit.t0_ms();
        let mut dice = Dice(seed | 1);
        kit.post(move |_, _, _| Delivery::After(dice.below(60)));
        for _ in 0..40 {
            kit.run_for(t0 / 8);
            two_faced(&mut kit, liar);
        }
        kit.decide(Slot::new(6, 0), t0 * 20);
        let found = kit.nodes.iter().flat_map(|node| &node.evidence);
        for proof in found {
            prop_assert_eq!(proof.culprit_key(), &kit.key(liar).public_key());
        }
    }
}

#[test]
fn two_runs_of_one_seed_send_the_same() {
    let run = || {
        let mut kit = Kit::new(&[2, 1, 1, 1]);
        storm(&mut kit, 42, 20, 300, 6_000);
        kit.run_for(4_000);
        kit.nodes
            .iter()
            .map(|node| node.sent.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

/// What four nodes say to each other, with trouble in every round.
fn overheard() -> Vec<Vec<u8>> {
    use picot_serialization::Encode;
    let mut kit = Kit::new(&[1, 1, 1, 1]);
    storm(&mut kit, 7, 45, 900, 12_000);
    let messages = kit.nodes.iter().flat_map(|node| &node.sent);
    messages.map(|message| message.to_bytes()).collect()
}

#[test]
fn no_message_however_garbled_stops_an_engine() {
    let heard = overheard();
    let mut dice = Dice(99);
    let mut kit = Kit::new(&[1, 1, 1, 1]);
    kit.run_for(kit.t0_ms());
    let mut read = 0;
    for round in 0..4_000_usize {
        let mut bytes = heard[dice.index(heard.len())].clone();
        for _ in 0..dice.below(3) {
            let at = dice.index(bytes.len());
            bytes[at] ^= 1 << dice.below(8);
        }
        if let Ok(message) = picot_serialization::decode_exact::<Message>(&bytes) {
            read += 1;
            kit.inject(round % 4, (round / 4) % 4, message);
        }
        if round % 100 == 0 {
            kit.run_for(50);
        }
    }
    assert!(read > 500, "{read} were messages");
    let periods = kit.nodes.iter().map(|node| node.next_period(0));
    let reached = periods.max().unwrap();
    // What they heard was signed by keys of theirs, so that they sign no more until they are told to.
    for node in 0..4 {
        kit.crash(node);
        kit.start(node);
    }
    kit.decide(Slot::new(reached + 1, 0), kit.t0_ms() * 20);
}
