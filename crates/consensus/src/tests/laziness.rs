//! What is left undone because nothing has changed would have changed nothing (rule 10).

use crate::Message;
use crate::mocks::{Delivery, Kit, KitNode};
use picot_models::ChainParams;
use proptest::prelude::*;

/// A network in which messages are late or lost for two periods and a node crashes; then all is well.
fn history(eager: bool, threads: u8, rolls: &[u64], loss_percent: u64, seed: u64) -> Kit {
    let params = ChainParams {
        thread_count: threads,
        ..ChainParams::dev()
    };
    let mut kit = Kit::with_params(params, rolls);
    let evaluate_always = |kit: &mut Kit| {
        for node in &mut kit.nodes {
            if let Some(engine) = &mut node.engine {
                engine.evaluates_always = eager;
            }
        }
    };
    let t0 = kit.t0_ms();
    let mut number = seed | 1;
    let calm_at = kit.now.0 + 3 * t0;
    let clock = std::rc::Rc::new(std::cell::Cell::new(0));
    let time = std::rc::Rc::clone(&clock);
    kit.post(move |_, _, _| {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        match number % 100 {
            _ if time.get() >= calm_at => Delivery::After(5),
            dice if dice < loss_percent => Delivery::Lost,
            _ => Delivery::After(number / 100 % 400),
        }
    });
    evaluate_always(&mut kit);
    for turn in 0..24 {
        kit.run_for(t0 / 4);
        clock.set(kit.now.0);
        match turn {
            4 => kit.crash(0),
            6 => {
                kit.start(0);
                evaluate_always(&mut kit);
            }
            _ => {}
        }
    }
    kit
}

/// What the first node that does not behave alike does differently, shortly told.
fn difference(one: &Kit, other: &Kit) -> Option<String> {
    let text = |message: &Message| format!("{message:?}").chars().take(300).collect::<String>();
    for (number, (one, other)) in one.nodes.iter().zip(&other.nodes).enumerate() {
        let sent = one.sent.iter().zip(&other.sent);
        if let Some((one, other)) = sent.clone().find(|(one, other)| one != other) {
            return Some(format!("{number} sends {}, {}", text(one), text(other)));
        }
        let events = one.events.iter().zip(&other.events);
        if let Some((one, other)) = events.clone().find(|(one, other)| one != other) {
            return Some(format!("{number} tells {one:?}, {other:?}"));
        }
        let lengths = |node: &KitNode| (node.sent.len(), node.events.len(), node.decided.len());
        if lengths(one) != lengths(other) {
            return Some(format!(
                "{number}: {:?}, {:?}",
                lengths(one),
                lengths(other)
            ));
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rule_10_who_evaluates_only_what_changed_does_what_who_evaluates_all_always_does(
        seed: u64,
        threads in prop_oneof![Just(1_u8), Just(4)],
        rolls in prop_oneof![Just(vec![1]), Just(vec![1; 4]), Just(vec![3, 2, 2, 1, 1])],
        loss_percent in 0_u64..40,
    ) {
        let lazy = history(false, threads, &rolls, loss_percent, seed);
        let eager = history(true, threads, &rolls, loss_percent, seed);
        prop_assert!(lazy.nodes.iter().any(|node| !node.decided.is_empty()));
        prop_assert_eq!(difference(&lazy, &eager), None);
    }
}
