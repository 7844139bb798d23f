//! The canonical rules and proposal policies.

use crate::canonical_rule::{Rank, canonical_rule};
use crate::mocks::Kit;
use picot_models::mocks::block;
use picot_models::{CanonicalRuleKind, ChainParams, ProposalPolicy, Slot};
use picot_selector::Selector;
use std::sync::Arc;

const RULES: [CanonicalRuleKind; 4] = [
    CanonicalRuleKind::RankedDraw,
    CanonicalRuleKind::LowestHash,
    CanonicalRuleKind::LowestTicket,
    CanonicalRuleKind::FirstToQuorum,
];

const POLICIES: [ProposalPolicy; 3] = [
    ProposalPolicy::Drawn,
    ProposalPolicy::Ranked { count: 2 },
    ProposalPolicy::All,
];

fn params(rule: CanonicalRuleKind, policy: ProposalPolicy) -> ChainParams {
    ChainParams {
        thread_count: 1,
        canonical_rule: rule,
        proposal_policy: policy,
        ..ChainParams::dev()
    }
}

#[test]
fn every_rule_with_every_policy_decides_blocks() {
    for rule in RULES {
        for policy in POLICIES {
            let mut kit = Kit::with_params(params(rule, policy), &[3, 2, 2, 2]);
            for period in 1..=3 {
                let value = kit.decide(Slot::new(period, 0), kit.t0_ms() * 3);
                assert!(value.block().is_some(), "{rule:?} {policy:?}: {value}");
            }
        }
    }
}

#[test]
fn ranked_and_all_get_a_block_when_the_drawn_producer_is_down_and_drawn_does_not() {
    for policy in POLICIES {
        let mut kit = Kit::with_params(params(CanonicalRuleKind::RankedDraw, policy), &[1; 4]);
        let slot = Slot::new(1, 0);
        let drawn = kit.ranked(slot, 0);
        kit.crash(drawn);
        let value = kit.decide(slot, kit.t0_ms() * 3);
        assert_eq!(
            value.block().is_some(),
            policy != ProposalPolicy::Drawn,
            "{policy:?}"
        );
    }
}

/// The rank that each node's candidate has, by arrival in their order.
fn ranks(kit: &Kit, slot: Slot) -> Vec<Option<Rank>> {
    let selector: Arc<dyn Selector> = Arc::clone(&kit.selector) as Arc<dyn Selector>;
    let rule = canonical_rule(&kit.genesis.params, selector);
    (0..kit.nodes.len())
        .map(|node| {
            let parents = kit.genesis.block_ids();
            let block = block(
                &kit.key(node),
                slot,
                parents,
                Vec::new(),
                &kit.genesis.chain_id(),
            );
            rule.rank(slot, &block.header, node as u64).unwrap()
        })
        .collect()
}

#[test]
fn ranked_draw_orders_by_the_producer_ranking_and_rank_0_is_unbeatable() {
    let kit = Kit::with_params(
        params(RULES[0], ProposalPolicy::Ranked { count: 3 }),
        &[1; 4],
    );
    let slot = Slot::new(7, 0);
    let ranks = ranks(&kit, slot);
    let rule = canonical_rule(
        &kit.genesis.params,
        Arc::clone(&kit.selector) as Arc<dyn Selector>,
    );
    for place in 0..4 {
        let rank = ranks[kit.ranked(slot, place)];
        assert_eq!(
            rank.map(|rank| rank.order),
            (place < 3).then_some(place as u64)
        );
        assert!(rank.is_none_or(|rank| rule.unbeatable(slot, &rank) == (place == 0)));
    }
}

#[test]
fn lowest_hash_orders_by_id() {
    let kit = Kit::with_params(params(RULES[1], ProposalPolicy::All), &[1; 4]);
    let mut ranks: Vec<_> = ranks(&kit, Slot::new(7, 0)).into_iter().flatten().collect();
    ranks.sort_unstable();
    assert_eq!(ranks.len(), 4);
    assert!(ranks.is_sorted_by_key(|rank| rank.id));
}

#[test]
fn a_lowest_ticket_depends_on_slot_and_stake_and_not_on_the_block() {
    let kit = Kit::with_params(params(RULES[2], ProposalPolicy::All), &[1, 3]);
    let rule = canonical_rule(
        &kit.genesis.params,
        Arc::clone(&kit.selector) as Arc<dyn Selector>,
    );
    let slot = Slot::new(7, 0);
    let ticket = |parents: Vec<_>| {
        let block = block(
            &kit.key(0),
            slot,
            parents,
            Vec::new(),
            &kit.genesis.chain_id(),
        );
        rule.rank(slot, &block.header, 0).unwrap().unwrap().order
    };
    assert_eq!(ticket(kit.genesis.block_ids()), ticket(Vec::new()));
    let wins = (1..=400).filter(|period| {
        let ranks = ranks(&kit, Slot::new(*period, 0));
        let best = ranks.iter().flatten().min().unwrap();
        assert!(rule.unbeatable(Slot::new(*period, 0), best));
        *best == ranks[1].unwrap()
    });
    let wins = wins.count();
    assert!(
        (265..=335).contains(&wins),
        "three of four rolls win three of four slots: {wins}"
    );
}

#[test]
fn first_to_quorum_orders_by_arrival_and_never_waits() {
    let kit = Kit::with_params(params(RULES[3], ProposalPolicy::All), &[1; 4]);
    let rule = canonical_rule(
        &kit.genesis.params,
        Arc::clone(&kit.selector) as Arc<dyn Selector>,
    );
    let ranks = ranks(&kit, Slot::new(7, 0));
    assert!(ranks.iter().flatten().is_sorted());
    assert!(
        ranks
            .iter()
            .flatten()
            .all(|rank| rule.unbeatable(Slot::new(7, 0), rank))
    );
}
