//! Random histories against a second, plain implementation: equal at every slot, final and ahead of
//! it, over restarts and candidates that lose, for a thousand cycles here and more by command
//! (`cargo xtask model`).

use crate::faults::{two_checkpoints, two_endorsements, two_headers, two_proposals};
use crate::kit::{Chain, small_genesis, small_params, two_votes};
use crate::model::{Event, Fault, Model, Order, Rules, What, When, Who};
use picot_crypto::Context;
use picot_execution::{Config, DecidedSlots, FailureReason, Level, OperationOutcome};
use picot_models::{
    Address, Amount, Block, Denunciation, Genesis, OperationKind, Ratio, SignedOperation, Slot,
    mocks,
};
use picot_pos::ProductionStats;
use picot_selector::Selector;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Everybody there is: more than have coins at the start.
const PEOPLE: std::ops::RangeInclusive<Who> = 1..=8;
/// Slots ahead of the final one: fewer than a cycle has.
const MOST_AHEAD: usize = 5;

/// The numbers of a history, from a seed that stands for all of it.
struct Dice(TestRng);

impl Dice {
    fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }

    /// A number below a bound.
    fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    /// Whether something happens that happens once in so many times.
    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn person(&mut self) -> Who {
        1 + self.below(8)
    }
}

/// A slot that is executed and not final, with what the model has after it.
struct Ahead {
    slot: Slot,
    block: Option<Block>,
    model: Model,
}

struct World {
    dice: Dice,
    genesis: Genesis,
    chain: Chain,
    /// What the model has at the final slot.
    model: Model,
    ahead: VecDeque<Ahead>,
    /// Who does not produce at present, and whether anybody does.
    asleep: Vec<Who>,
    all_asleep: bool,
    people: BTreeMap<Address, Who>,
    /// What became of orders, and the cycles in which the last stake was kept or rolls were sold
    /// implicitly: to see that a history is not a dull one.
    seen: BTreeSet<String>,
}

fn genesis(stakers: &[(u64, u64)]) -> Genesis {
    let mut params = small_params();
    params.thread_count = 2;
    params.periods_per_cycle = 3;
    params.checkpoint_interval_periods = 1;
    // Neither division comes out even.
    params.block_reward = Amount::from_nanos(107);
    params.slash_rolls = 2;
    // Rates that are met exactly, often.
    (params.max_block_miss_rate, params.max_endorsement_miss_rate) = (ratio(1, 2), ratio(2, 3));
    params.min_draws_for_deactivation = 2;
    small_genesis(params, stakers)
}

fn ratio(numerator: u64, denominator: u64) -> Ratio {
    Ratio {
        numerator,
        denominator,
    }
}

fn rules(genesis: &Genesis) -> Rules {
    let params = &genesis.params;
    Rules {
        threads: params.thread_count,
        periods_per_cycle: params.periods_per_cycle,
        roll_price: params.roll_price.as_nanos(),
        reward: params.block_reward.as_nanos(),
        endorsement_count: params.endorsement_count.into(),
        new_entry_cost: params.new_entry_cost.as_nanos(),
        deferred_credit_cycles: params.deferred_credit_cycles,
        slash_rolls: params.slash_rolls,
        denunciation_expire_periods: params.denunciation_expire_periods,
        operation_validity_periods: params.operation_validity_periods,
        max_block_miss_rate: (1, 2),
        max_endorsement_miss_rate: (2, 3),
        min_draws_for_deactivation: params.min_draws_for_deactivation,
    }
}

fn bit_of(bytes: &[u8]) -> bool {
    Context::SeedBit.hash(bytes).as_bytes()[0] & 1 == 1
}

fn when(slot: Slot) -> When {
    (slot.period, slot.thread)
}

impl World {
    fn new(seed: u64, stakers: &[(u64, u64)]) -> Self {
        let genesis = genesis(stakers);
        let people: BTreeMap<_, _> = PEOPLE.map(|who| (mocks::address(who), who)).collect();
        let balances = genesis
            .allocations
            .iter()
            .map(|(address, coins)| (people[address], coins.as_nanos()));
        let bits = genesis.block_ids();
        let bits = bits.iter().map(|id| bit_of(id.as_bytes())).collect();
        let rolls = stakers.iter().copied().collect();
        Self {
            dice: Dice::new(seed),
            model: Model::new(rules(&genesis), balances.collect(), rolls, bits),
            chain: Chain::new(genesis.clone()),
            genesis,
            ahead: VecDeque::new(),
            asleep: Vec::new(),
            all_asleep: false,
            people,
            seen: BTreeSet::new(),
        }
    }

    fn newest(&self) -> (Slot, &Model) {
        match self.ahead.back() {
            Some(ahead) => (ahead.slot, &ahead.model),
            None => (self.chain.core.last_final_slot(), &self.model),
        }
    }

    /// Adds a slot ahead: the model does what the block says.
    fn extend(&mut self) {
        let (last, model) = self.newest();
        let (slot, mut model) = (last.next(2).unwrap(), model.clone());
        let ranking = self
            .chain
            .selector
            .producer_ranking(slot, usize::MAX)
            .unwrap();
        let ranking: Vec<Who> = ranking.iter().map(|address| self.people[address]).collect();
        let awake = ranking.iter().position(|who| !self.asleep.contains(who));
        let block = match awake {
            Some(rank) if !self.all_asleep && !self.dice.one_in(12) => {
                Some(self.block(slot, &mut model, &ranking, rank))
            }
            _ => {
                let mut bytes = Vec::new();
                picot_serialization::Encode::encode(&slot, &mut bytes);
                let event = Event::Miss {
                    drawn: ranking[0],
                    seed_bit: bit_of(&bytes),
                };
                model.slot(when(slot), &event);
                None
            }
        };
        self.ahead.push_back(Ahead { slot, block, model });
    }

    fn block(&mut self, slot: Slot, model: &mut Model, ranking: &[Who], rank: usize) -> Block {
        let producer = ranking[rank];
        let (parent_period, parent_producer) = model.last_blocks[&slot.thread];
        let parent = Slot::new(parent_period, slot.thread);
        let may_endorse =
            parent_producer.is_some() && model.cycle(parent_period) + 1 >= model.cycle(slot.period);
        let mut endorsers = Vec::new();
        let mut carried = Vec::new();
        let mut endorsements = Vec::new();
        if may_endorse {
            let draws = self.chain.selector.draws(parent).unwrap();
            endorsers = draws.endorsers.iter().map(|one| self.people[one]).collect();
            carried = (0..endorsers.len())
                .filter(|index| !self.asleep.contains(&endorsers[*index]))
                .collect();
            carried.retain(|_| !self.dice.one_in(8));
            endorsements = self.endorse(parent, &carried);
        }
        let (faults, denunciations) = self.faults(slot, model);
        let signed = self.orders(slot, model);
        let orders = signed.iter().map(|signed| self.order(signed)).collect();
        let key = mocks::key(producer);
        let block = self
            .chain
            .full_block(slot, &key, signed, &endorsements, denunciations);
        let event = Event::Block {
            producer,
            better_ranked: ranking[..rank].to_vec(),
            endorsers,
            carried,
            faults,
            orders,
            seed_bit: bit_of(block.id().as_bytes()),
        };
        model.slot(when(slot), &event);
        block
    }

    /// Endorsements of whatever was decided at a slot: execution does not read which block it was.
    fn endorse(&self, parent: Slot, carried: &[usize]) -> Vec<picot_models::SignedEndorsement> {
        let block = mocks::block(&mocks::key(1), parent, vec![], vec![], &self.chain.chain_id);
        self.chain.endorse(&block, carried)
    }

    fn faults(&mut self, slot: Slot, model: &Model) -> (Vec<Fault>, Vec<Denunciation>) {
        let (mut faults, mut denunciations) = (Vec::new(), Vec::new());
        while self.dice.one_in(9) {
            let (who, kind) = (self.dice.person(), self.dice.below(5));
            let key = mocks::key(who);
            // Also too old, of the genesis and of the future.
            let period = (slot.period + 1).saturating_sub(self.dice.below(11));
            let at = Slot::new(period, u8::from(self.dice.one_in(2)));
            let is_known = model.cycle(at.period) <= model.cycle(slot.period);
            if !is_known {
                continue;
            }
            let chain = &self.chain;
            let has_power = model
                .active_rolls(model.cycle(at.period))
                .contains_key(&who);
            let (denunciation, had_part) = match kind {
                0 => (two_headers(chain, &key, at), has_power),
                1 => (two_votes(chain, &key, at), has_power),
                2 => (two_checkpoints(chain, &key, at), has_power),
                3 => {
                    let drawn = chain.selector.draws(at).unwrap().endorsers[1];
                    (
                        two_endorsements(chain, &key, at, 1),
                        self.people[&drawn] == who,
                    )
                }
                _ => {
                    let coordinator = chain.selector.coordinator(at, 2).unwrap();
                    (
                        two_proposals(chain, &key, at, 2),
                        self.people[&coordinator] == who,
                    )
                }
            };
            denunciations.push(denunciation);
            faults.push(Fault {
                who,
                at: when(at),
                kind: u8::try_from(kind).unwrap(),
                had_part,
            });
        }
        (faults, denunciations)
    }

    fn orders(&mut self, slot: Slot, model: &Model) -> Vec<SignedOperation> {
        let mut orders: Vec<SignedOperation> = Vec::new();
        while !self.dice.one_in(3) {
            if self.dice.one_in(15)
                && let Some(again) = orders.last()
            {
                orders.push(again.clone());
                continue;
            }
            let sender = self.dice.person();
            let balance = model.balances.get(&sender).copied().unwrap_or(0);
            let coins = match self.dice.below(5) {
                0 => balance,
                1 => 0,
                2 => balance + self.dice.below(3),
                _ => self.dice.below(200),
            };
            let rolls = self.dice.below(6);
            let kind = match self.dice.below(5) {
                0 | 1 => OperationKind::Transfer {
                    recipient: mocks::address(self.dice.person()),
                    amount: Amount::from_nanos(coins),
                },
                2 | 3 => OperationKind::RollBuy { roll_count: rolls },
                _ => OperationKind::RollSell {
                    roll_count: match self.dice.below(3) {
                        0 => model.rolls_of(sender),
                        _ => rolls,
                    },
                },
            };
            let fee = match self.dice.below(12) {
                0 => balance + 1,
                fee => fee,
            };
            // Mostly valid; also expired, or for later.
            let validity = self.genesis.params.operation_validity_periods;
            let expire = (slot.period + self.dice.below(validity + 3)).saturating_sub(1);
            orders.push(mocks::operation(
                &mocks::key(sender),
                kind,
                fee,
                expire,
                &self.chain.chain_id,
            ));
        }
        orders
    }

    fn order(&self, signed: &SignedOperation) -> Order {
        let content = signed.content();
        Order {
            id: signed.id(),
            sender: self.people[&signed.signer_address()],
            senders_thread: signed.signer_address().thread(2),
            fee: content.fee.as_nanos(),
            expire_period: content.expire_period,
            what: match content.kind {
                OperationKind::Transfer { recipient, amount } => {
                    What::Transfer(self.people[&recipient], amount.as_nanos())
                }
                OperationKind::RollBuy { roll_count } => What::Buy(roll_count),
                OperationKind::RollSell { roll_count } => What::Sell(roll_count),
                _ => unreachable!("no contracts are ordered"),
            },
        }
    }

    fn candidates(&self) -> Vec<Block> {
        self.ahead
            .iter()
            .filter_map(|ahead| ahead.block.clone())
            .collect()
    }

    /// Executes the candidates, and compares what is ahead of the final state.
    fn check_ahead(&mut self) {
        let applied = self.chain.core.apply(vec![], self.candidates());
        assert!(applied.failure.is_none() && applied.failed_candidate.is_none());
        // What is behind the last block is not executed ahead.
        let last = self.ahead.iter().rev().find(|ahead| ahead.block.is_some());
        let (slot, model) = match last {
            Some(ahead) => (ahead.slot, &ahead.model),
            None => (self.chain.core.last_final_slot(), &self.model),
        };
        assert_eq!(self.chain.reader().summary().candidate_slot, slot);
        self.check_people(Level::Candidate, model);
    }

    fn check_people(&self, level: Level, model: &Model) {
        let reader = self.chain.reader();
        for (address, who) in &self.people {
            let balance = reader.balance(level, address).unwrap();
            let balance = balance.map(Amount::as_nanos);
            assert_eq!(
                balance,
                model.balances.get(who).copied(),
                "balance of {who}"
            );
            let rolls = reader.rolls(level, address).unwrap();
            assert_eq!(rolls, model.rolls_of(*who), "rolls of {who}");
            let credits = reader.deferred_credits(level, address).unwrap();
            let credits: BTreeMap<_, _> = credits
                .into_iter()
                .map(|(cycle, coins)| (cycle, coins.as_nanos()))
                .collect();
            assert_eq!(credits, model.credits_of(*who), "credits of {who}");
        }
    }

    /// Makes the first slot that is ahead final, and compares all that is final.
    fn settle(&mut self) {
        let Some(first) = self.ahead.pop_front() else {
            return;
        };
        let decided = match first.block {
            Some(block) => DecidedSlots::block(block),
            None => DecidedSlots::miss(first.slot, first.slot.period),
        };
        let applied = self.chain.core.apply(vec![decided], self.candidates());
        assert!(applied.failure.is_none(), "{:?}", applied.failure);
        let output = &applied.final_slots[0];
        assert_eq!(output.slot, first.slot);
        let outcomes: Vec<_> = output
            .operations
            .iter()
            .map(|(_, outcome)| *outcome)
            .collect();
        assert_eq!(outcomes, first.model.outcomes, "outcomes at {}", first.slot);
        self.seen.extend(outcomes.iter().map(ToString::to_string));
        if let Some(ended) = output.ended_cycle {
            assert_eq!(ended.kept_last_stake, first.model.kept_last_stake);
            let what = match (ended.kept_last_stake, first.model.sold_implicitly) {
                (true, _) => "the last stake was kept",
                (false, 0) => "nobody missed too much",
                (false, _) => "rolls were sold implicitly",
            };
            self.seen.insert(what.to_owned());
        }
        self.model = first.model;
        self.check_people(Level::Final, &self.model);
        self.check_totals();
        if self.chain.core.last_final_slot().thread == 1 {
            self.check_cycles();
        }
    }

    fn check_totals(&self) {
        self.chain.check_totals();
        let (totals, model) = (self.chain.totals(), &self.model);
        let found = [
            totals.balances.as_nanos(),
            totals.rolls,
            totals.deferred_credits.as_nanos(),
            totals.storage_deposits.as_nanos(),
            totals.genesis_supply.as_nanos(),
            totals.minted.as_nanos(),
            totals.burnt.as_nanos(),
            totals.slashed.as_nanos(),
        ];
        let expected = [
            model.total_balances(),
            model.total_rolls(),
            model.total_credits(),
            0,
            model.supply,
            model.minted,
            model.burnt,
            model.slashed,
        ];
        assert_eq!(found, expected, "totals");
    }

    fn by_person(&self, rolls: &BTreeMap<Address, u64>) -> BTreeMap<Who, u64> {
        rolls
            .iter()
            .map(|(address, rolls)| (self.people[address], *rolls))
            .collect()
    }

    fn check_cycles(&self) {
        let (reader, model) = (self.chain.reader(), &self.model);
        let last = self.chain.core.last_final_slot();
        let running = model.cycle(last.period + 1);
        for cycle in running.saturating_sub(5)..=running {
            let info = reader.cycle_info(cycle).unwrap();
            assert_eq!(info.complete, cycle < running);
            let bits: Vec<bool> = info.rng_seed.iter().by_vals().collect();
            assert_eq!(bits, model.bits.get(&cycle).cloned().unwrap_or_default());
            let rolls = model.ends.get(&cycle).unwrap_or(&model.rolls);
            assert_eq!(
                &self.by_person(&info.roll_counts),
                rolls,
                "of cycle {cycle}"
            );
            let found: BTreeMap<_, _> = info
                .production_stats
                .iter()
                .map(|(address, stats)| ((cycle, self.people[address]), counts(stats)))
                .collect();
            let expected = model.counts.range((cycle, 0)..=(cycle, Who::MAX));
            let expected: BTreeMap<_, _> = expected.map(|(key, counts)| (*key, *counts)).collect();
            assert_eq!(found, expected, "counts of cycle {cycle}");
        }
        // What the next cycle draws from.
        let next = running + 1;
        let power = self.chain.selector.voting_power(next).unwrap();
        let power = power
            .validators()
            .iter()
            .map(|one| (one.address, one.power));
        assert_eq!(&self.by_person(&power.collect()), model.active_rolls(next));
        if let Some(of) = next.checked_sub(2).filter(|_| next > 2) {
            let seed = seed_of(of, &model.bits[&of]);
            assert_eq!(self.chain.selector.seed(next).unwrap(), seed);
        }
    }

    fn restart(&mut self) {
        let store = self.chain.store.clone();
        self.chain = Chain::on_store(self.genesis.clone(), Config::default(), store);
    }

    /// One slot more, and whatever else may happen between two slots.
    fn step(&mut self) {
        if self.dice.one_in(15) {
            self.asleep = PEOPLE.filter(|_| self.dice.one_in(3)).collect();
            self.all_asleep = self.dice.one_in(6);
        }
        self.extend();
        if self.dice.one_in(10) {
            // Other candidates lead now.
            let kept = self.dice.below(self.ahead.len() as u64);
            let kept = usize::try_from(kept).unwrap();
            self.check_ahead();
            self.ahead.truncate(kept);
            self.extend();
        }
        self.check_ahead();
        let least = self.ahead.len().saturating_sub(MOST_AHEAD) as u64;
        for _ in 0..least.max(self.dice.below(3)) {
            self.settle();
        }
        if self.dice.one_in(100) {
            self.restart();
        }
    }
}

fn counts(stats: &ProductionStats) -> [u64; 4] {
    [
        stats.block_success_count,
        stats.block_failure_count,
        stats.endorsement_success_count,
        stats.endorsement_failure_count,
    ]
}

/// The hash of the cycle, the number of its bits, and the bits, the first one lowest.
fn seed_of(cycle: u64, bits: &[bool]) -> picot_models::Hash {
    let mut bytes = varint(cycle);
    bytes.extend(varint(bits.len() as u64));
    for eight in bits.chunks(8) {
        let bits = eight.iter().rev();
        bytes.push(bits.fold(0, |byte, bit| byte << 1 | u8::from(*bit)));
    }
    Context::CycleSeed.hash(&bytes)
}

/// Seven bits a byte, the lowest first, the highest bit of all but the last one set.
fn varint(number: u64) -> Vec<u8> {
    let [low, ..] = (number & 0x7f).to_le_bytes();
    match number >> 7 {
        0 => vec![low],
        rest => [vec![low | 0x80], varint(rest)].concat(),
    }
}

/// Says how to repeat a history that failed.
struct OnFailure(u64);

impl Drop for OnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the history of seed {} differs from the model", self.0);
        }
    }
}

/// Compares a history of so many cycles; gives what was seen in it.
fn compare(seed: u64, stakers: &[(u64, u64)], cycles: u64) -> BTreeSet<String> {
    let _on_failure = OnFailure(seed);
    let mut world = World::new(seed, stakers);
    let is_done = |model: &Model| {
        let last = model.ends.last_key_value();
        last.is_some_and(|(last, _)| last + 1 >= cycles)
    };
    while !is_done(&world.model) {
        world.step();
    }
    assert!(world.model.slashed > 0 && world.model.burnt > 0);
    world.seen
}

/// Everything that can become of the orders of these histories, and of cycles.
fn everything() -> BTreeSet<String> {
    use FailureReason::{BalanceTooLow, BelowNewEntryCost, LastRoll, NoRolls, NotEnoughRolls};
    use OperationOutcome::{Failed, Refused, Succeeded, Unpaid};
    let failures = [
        BalanceTooLow,
        BelowNewEntryCost,
        LastRoll,
        NoRolls,
        NotEnoughRolls,
    ];
    let outcomes = failures.map(Failed).into_iter();
    let outcomes = outcomes.chain([Succeeded, Unpaid, Refused]);
    let cycles = [
        "the last stake was kept",
        "nobody missed too much",
        "rolls were sold implicitly",
    ];
    let cycles = cycles.into_iter().map(str::to_owned);
    outcomes
        .map(|outcome| outcome.to_string())
        .chain(cycles)
        .collect()
}

const STAKERS: [(u64, u64); 4] = [(1, 5), (2, 3), (3, 1), (4, 7)];

#[test]
fn four_hundred_cycles_equal_a_plain_model() {
    compare(1, &STAKERS, 400);
}

#[test]
fn four_hundred_other_cycles_equal_a_plain_model() {
    compare(2, &STAKERS, 400);
}

#[test]
fn two_hundred_cycles_that_begin_with_one_staker_alone_equal_a_plain_model() {
    let seen = compare(3, &[(1, 1)], 200);
    assert_eq!(seen, everything(), "nothing is left out");
}

#[test]
#[ignore = "long: cargo xtask model"]
fn many_cycles_equal_a_plain_model() {
    for seed in 100..140 {
        compare(seed, &STAKERS, 1_000);
        println!("history {seed}: 1,000 cycles are equal");
    }
}
