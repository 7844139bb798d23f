//! Block rewards and production counts (design 05, steps 4 and 5; design 06, 'Production statistics').

use crate::kit::{Chain, key_of, small_genesis, small_params};
use picot_models::{Address, Block, CanonicalRuleKind, Slot, mocks};
use picot_pos::ProductionStats;
use picot_selector::Selector;
use std::collections::BTreeMap;

fn stats(chain: &Chain, cycle: u64, address: &Address) -> ProductionStats {
    let info = chain.reader().cycle_info(cycle).unwrap();
    info.production_stats
        .get(address)
        .copied()
        .unwrap_or_default()
}

/// Many stakers of one roll each: no two shares of one block are likely to be the same address's.
fn many_stakers() -> Chain {
    let stakers: Vec<_> = (1..=20).map(|number| (number, 1)).collect();
    Chain::new(small_genesis(small_params(), &stakers))
}

/// How each balance differs from before.
fn gains(chain: &Chain, before: &BTreeMap<Address, u64>) -> BTreeMap<Address, u64> {
    let mut gains = balances(chain);
    for (address, gain) in &mut gains {
        *gain -= before.get(address).copied().unwrap_or(0);
    }
    gains.retain(|_, gain| *gain > 0);
    gains
}

fn balances(chain: &Chain) -> BTreeMap<Address, u64> {
    (0..=30)
        .map(|number| (mocks::address(number), chain.balance(number)))
        .collect()
}

fn add(gains: &mut BTreeMap<Address, u64>, address: Address, amount: u64) {
    *gains.entry(address).or_default() += amount;
}

/// A block at slot (1, 0), and one at (2, 0) that endorses it at these indices. Reward 90, of which
/// a unit is 30 and a third 10.
fn endorsed(chain: &mut Chain, indices: &[usize]) -> (Block, Block) {
    let first = chain.block(Slot::new(1, 0), vec![]);
    chain.decide_block(first.clone());
    let endorsements = chain.endorse(&first, indices);
    let slot = Slot::new(2, 0);
    let producer = chain.producer_at(slot);
    let second = chain.full_block(slot, &producer, vec![], &endorsements, vec![]);
    (first, second)
}

#[test]
fn a_block_without_endorsements_mints_one_unit_for_its_producer() {
    let mut chain = many_stakers();
    let before = balances(&chain);
    let block = chain.block(Slot::new(1, 0), vec![]);
    let applied = chain.decide_block(block.clone());
    let expected = BTreeMap::from([(block.header.signer_address(), 30)]);
    assert_eq!(gains(&chain, &before), expected);
    assert_eq!(applied.final_slots[0].minted.as_nanos(), 30);
    assert_eq!(chain.totals().minted.as_nanos(), 30);
}

#[test]
fn each_endorsement_mints_a_third_for_endorser_endorsed_and_includer() {
    for indices in [vec![0], vec![1], vec![0, 1]] {
        let mut chain = many_stakers();
        let (first, second) = endorsed(&mut chain, &indices);
        let before = balances(&chain);
        let applied = chain.decide_block(second.clone());
        let draws = chain.selector.draws(Slot::new(1, 0)).unwrap();
        let mut expected = BTreeMap::new();
        let includer = second.header.signer_address();
        add(&mut expected, includer, 30);
        for index in &indices {
            add(&mut expected, draws.endorsers[*index], 10);
            add(&mut expected, first.header.signer_address(), 10);
            add(&mut expected, includer, 10);
        }
        assert_eq!(gains(&chain, &before), expected);
        let minted = 30 + 30 * u64::try_from(indices.len()).unwrap();
        assert_eq!(applied.final_slots[0].minted.as_nanos(), minted);
    }
}

#[test]
fn a_miss_mints_nothing() {
    let mut chain = many_stakers();
    let before = balances(&chain);
    let applied = chain.miss();
    assert_eq!(applied.final_slots[0].minted.as_nanos(), 0);
    assert!(gains(&chain, &before).is_empty());
}

#[test]
fn a_block_of_the_drawn_producer_is_a_success_and_nobodys_failure() {
    let mut chain = many_stakers();
    let block = chain.block(Slot::new(1, 0), vec![]);
    chain.decide_block(block.clone());
    let info = chain.reader().cycle_info(0).unwrap();
    let success = ProductionStats {
        block_success_count: 1,
        ..ProductionStats::default()
    };
    let expected = BTreeMap::from([(block.header.signer_address(), success)]);
    assert_eq!(*info.production_stats, expected);
}

#[test]
fn a_block_of_rank_k_is_a_failure_of_all_better_ranked() {
    // The last rank is in the hashed tail of the ranking if so few are drawn.
    for max_ranked_producers in [3, 32] {
        let mut params = small_params();
        params.max_ranked_producers = max_ranked_producers;
        let stakers: Vec<_> = (1..=8).map(|number| (number, 1)).collect();
        let mut chain = Chain::new(small_genesis(params, &stakers));
        let slot = Slot::new(1, 0);
        let ranking = chain.selector.producer_ranking(slot, usize::MAX).unwrap();
        let rank = 6;
        let block = mocks::block(
            &key_of(&ranking[rank]),
            slot,
            vec![],
            vec![],
            &chain.chain_id,
        );
        chain.decide_block(block);
        for (place, address) in ranking.iter().enumerate() {
            let expected = ProductionStats {
                block_success_count: u64::from(place == rank),
                block_failure_count: u64::from(place < rank),
                ..ProductionStats::default()
            };
            assert_eq!(stats(&chain, 0, address), expected, "rank {place}");
        }
    }
}

#[test]
fn under_other_rules_than_the_ranked_draw_a_block_is_nobodys_failure() {
    let mut params = small_params();
    params.canonical_rule = CanonicalRuleKind::LowestTicket;
    let mut chain = Chain::new(small_genesis(params, &[(1, 10), (2, 10)]));
    let slot = Slot::new(1, 0);
    let ranking = chain.selector.producer_ranking(slot, usize::MAX).unwrap();
    let block = mocks::block(&key_of(&ranking[1]), slot, vec![], vec![], &chain.chain_id);
    chain.decide_block(block);
    assert_eq!(stats(&chain, 0, &ranking[0]), ProductionStats::default());
    assert_eq!(stats(&chain, 0, &ranking[1]).block_success_count, 1);
}

#[test]
fn the_seed_bit_of_a_slot_is_the_lowest_of_the_hash_of_its_block_or_of_a_missed_slot() {
    use picot_crypto::Context;
    let mut chain = many_stakers();
    let lowest = |bytes: &[u8]| Context::SeedBit.hash(bytes).as_bytes()[0] & 1 == 1;
    let block = chain.block(Slot::new(1, 0), vec![]);
    chain.decide_block(block.clone());
    chain.miss();
    let bits = &chain.reader().cycle_info(0).unwrap().rng_seed;
    let bits: Vec<bool> = bits.iter().by_vals().collect();
    let genesis = chain.genesis.block_ids()[0];
    let ids = [genesis, block.id()].map(|id| lowest(id.as_bytes()));
    // Period 2, thread 0.
    assert_eq!(bits, [ids[0], ids[1], lowest(&[2, 0])]);
}

#[test]
fn a_miss_is_a_failure_of_the_drawn_producer() {
    let mut chain = many_stakers();
    chain.miss();
    let drawn = *chain
        .selector
        .draws(Slot::new(1, 0))
        .unwrap()
        .producer()
        .unwrap();
    let info = chain.reader().cycle_info(0).unwrap();
    let failure = ProductionStats {
        block_failure_count: 1,
        ..ProductionStats::default()
    };
    assert_eq!(*info.production_stats, BTreeMap::from([(drawn, failure)]));
}

#[test]
fn each_index_of_the_parents_endorsers_is_a_success_if_carried_and_a_failure_if_not() {
    let mut chain = many_stakers();
    let (_, second) = endorsed(&mut chain, &[1]);
    // Misses in between do not matter: the parent is the thread's last block.
    chain.decide_block(second);
    let draws = chain.selector.draws(Slot::new(1, 0)).unwrap();
    let (failed, done) = (&draws.endorsers[0], &draws.endorsers[1]);
    assert_ne!(failed, done, "the seed of this test draws two stakers");
    assert_eq!(stats(&chain, 0, failed).endorsement_failure_count, 1);
    assert_eq!(stats(&chain, 0, failed).endorsement_success_count, 0);
    assert_eq!(stats(&chain, 0, done).endorsement_success_count, 1);
    assert_eq!(stats(&chain, 0, done).endorsement_failure_count, 0);
}

#[test]
fn nobody_is_blamed_for_not_endorsing_the_genesis_or_a_miss() {
    let mut chain = many_stakers();
    chain.miss();
    chain.run(vec![]);
    let info = chain.reader().cycle_info(0).unwrap();
    assert!(
        info.production_stats
            .values()
            .all(|stats| stats.endorsement_draws() == 0)
    );
}

#[test]
fn endorsers_of_a_parent_from_before_all_known_draws_are_not_judged() {
    let mut chain = many_stakers();
    chain.run(vec![]);
    // Cycle 3: the draws of cycle 1 and later are certain to be known.
    while chain.core.last_final_slot().period < 12 {
        chain.miss();
    }
    chain.run(vec![]);
    let info = chain.reader().cycle_info(3).unwrap();
    assert!(
        info.production_stats
            .values()
            .all(|stats| stats.endorsement_draws() == 0)
    );
    // The next block's parent is of this cycle.
    chain.run(vec![]);
    let info = chain.reader().cycle_info(3).unwrap();
    let draws: u64 = info
        .production_stats
        .values()
        .map(ProductionStats::endorsement_draws)
        .sum();
    assert_eq!(draws, 2);
}

/// Consensus refuses endorsements of a parent that is more than a cycle older than the block.
#[test]
fn endorsers_whose_endorsements_no_block_may_carry_are_not_judged() {
    for (parent_period, judged) in [(7, 0), (8, 2)] {
        let mut chain = many_stakers();
        while chain.next_slot().period < parent_period {
            chain.miss();
        }
        chain.run(vec![]);
        while chain.next_slot().period < 12 {
            chain.miss();
        }
        let block = chain.block(chain.next_slot(), vec![]);
        chain.decide_block(block);
        let info = chain.reader().cycle_info(3).unwrap();
        let draws: u64 = info
            .production_stats
            .values()
            .map(ProductionStats::endorsement_draws)
            .sum();
        assert_eq!(draws, judged, "the parent is of period {parent_period}");
    }
}
