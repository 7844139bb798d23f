//! Design 05 and 06 in plain maps: what operations, faults, blocks and cycle ends do to coins and
//! stakes. It shares no code with what it is compared with but the names of outcomes.

use super::record::SlotRecord;
use picot_execution::{FailureReason, OperationOutcome};
use picot_models::{
    Address, Block, CanonicalRuleKind, Denunciation, FaultKey, Genesis, OperationKind, Ratio,
    SignedOperation, Slot, ValidatorSet,
};
use std::collections::{BTreeMap, BTreeSet};

/// Rules of design 06 that a test may change, to see that a difference is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Cycles from the end of a cycle to the one that draws from its rolls: 3.
    pub draw_lag: u64,
    /// Whether a fault is paid from deferred credits before rolls: it is.
    pub credits_first: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            draw_lag: 3,
            credits_first: true,
        }
    }
}

/// Something that happened to somebody's stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Rolls were bought: so many, of which so many took back sales of the same cycle.
    Bought {
        /// All of them.
        rolls: u64,
        /// Those that cost nothing.
        taken_back: u64,
    },
    /// Rolls were sold by an operation.
    Sold {
        /// How many.
        rolls: u64,
    },
    /// Rolls were sold at the end of a cycle in which their owner missed too much.
    SoldImplicitly {
        /// How many.
        rolls: u64,
    },
    /// A fault was punished.
    Slashed {
        /// Coins from deferred credits, in nano-coins.
        from_credits: u64,
        /// Rolls.
        rolls: u64,
    },
    /// Deferred credits came due.
    Reimbursed {
        /// In nano-coins.
        coins: u64,
    },
}

/// Block successes and failures, endorsement successes and failures.
type Counts = [u64; 4];

/// What an operation did, or why not.
type Done = Result<Option<Outcome>, FailureReason>;

/// The model of one chain.
pub(super) struct Model {
    rules: Rules,
    genesis: Genesis,
    /// Nano-coins of who has an entry.
    pub(super) balances: BTreeMap<Address, u64>,
    /// Of those who have any.
    pub(super) rolls: BTreeMap<Address, u64>,
    /// By due cycle and owner, in nano-coins, none of them zero.
    pub(super) credits: BTreeMap<(u64, Address), u64>,
    /// Of the running cycle.
    counts: BTreeMap<Address, Counts>,
    /// The rolls at the end of each cycle.
    ends: Vec<BTreeMap<Address, u64>>,
    punished: BTreeSet<FaultKey>,
    /// By thread: the last block and its producer; the genesis has none.
    last_blocks: BTreeMap<u8, (Slot, Option<Address>)>,
    /// By slot: producers and endorsers that were drawn.
    draws: BTreeMap<Slot, (Vec<Address>, Vec<Address>)>,
    pub(super) minted: u64,
    pub(super) burnt: u64,
    pub(super) slashed: u64,
    /// Whether the end of the last cycle made no sales, because nobody would have had rolls.
    pub(super) kept_last_stake: bool,
    /// What happened since it was asked last.
    pub(super) happened: Vec<(Address, Outcome)>,
}

impl Model {
    pub(super) fn new(genesis: &Genesis, rules: Rules) -> Self {
        let allocations = genesis.allocations.iter();
        let stakers = genesis.stakers.iter();
        Self {
            rules,
            balances: allocations
                .map(|(address, coins)| (*address, coins.as_nanos()))
                .collect(),
            rolls: stakers.map(|one| (one.address, one.rolls)).collect(),
            credits: BTreeMap::new(),
            counts: BTreeMap::new(),
            ends: Vec::new(),
            punished: BTreeSet::new(),
            last_blocks: (0..genesis.params.thread_count)
                .map(|thread| (thread, (Slot::new(0, thread), None)))
                .collect(),
            draws: BTreeMap::new(),
            minted: 0,
            burnt: 0,
            slashed: 0,
            kept_last_stake: false,
            happened: Vec::new(),
            genesis: genesis.clone(),
        }
    }

    pub(super) const fn cycle(&self, slot: Slot) -> u64 {
        slot.period / self.genesis.params.periods_per_cycle
    }

    pub(super) const fn roll_price(&self) -> u64 {
        self.genesis.params.roll_price.as_nanos()
    }

    pub(super) fn rolls_of(&self, who: &Address) -> u64 {
        self.rolls.get(who).copied().unwrap_or(0)
    }

    /// Nano-coins that somebody has in one form or the other.
    pub(super) fn all_coins(&self) -> u64 {
        let rolls: u64 = self.rolls.values().sum();
        let balances: u64 = self.balances.values().sum();
        balances + self.credits.values().sum::<u64>() + rolls * self.roll_price()
    }

    /// The rolls that a cycle draws from.
    pub(super) fn active_rolls(&self, cycle: u64) -> BTreeMap<Address, u64> {
        let end = cycle.checked_sub(self.rules.draw_lag);
        match end.and_then(|end| usize::try_from(end).ok()) {
            Some(end) => self.ends.get(end).cloned().unwrap_or_default(),
            None => self.genesis.roll_counts(),
        }
    }

    /// One slot, in the order of design 05. Gives what becomes of the operations.
    pub(super) fn slot(&mut self, record: &SlotRecord) -> Vec<OperationOutcome> {
        let slot = record.slot;
        let drawn = (record.producers.clone(), record.endorsers.clone());
        self.draws.insert(slot, drawn);
        let outcomes = match &record.block {
            Some(block) => self.block(record, block),
            None => {
                if let Some(drawn) = record.producers.first() {
                    self.count(*drawn, 1);
                }
                Vec::new()
            }
        };
        let params = &self.genesis.params;
        let is_last = slot.thread + 1 == params.thread_count
            && (slot.period + 1).is_multiple_of(params.periods_per_cycle);
        self.kept_last_stake = false;
        if is_last {
            self.end_cycle(self.cycle(slot));
        }
        outcomes
    }

    fn block(&mut self, record: &SlotRecord, block: &Block) -> Vec<OperationOutcome> {
        let producer = block.header.signer_address();
        for denunciation in &block.header.content().denunciations {
            self.denounce(record.slot, denunciation);
        }
        let outcomes = block
            .operations
            .iter()
            .map(|operation| self.operation(record.slot, operation, producer))
            .collect();
        self.reward(record.slot, block, producer);
        self.count(producer, 0);
        if self.genesis.params.canonical_rule == CanonicalRuleKind::RankedDraw {
            for better in record.producers.iter().take_while(|one| **one != producer) {
                self.count(*better, 1);
            }
        }
        self.count_endorsements(record.slot, block);
        let thread = record.slot.thread;
        self.last_blocks
            .insert(thread, (record.slot, Some(producer)));
        outcomes
    }

    fn count(&mut self, who: Address, which: usize) {
        if let Some(count) = self.counts.entry(who).or_default().get_mut(which) {
            *count += 1;
        }
    }

    fn parent(&self, slot: Slot) -> (Slot, Option<Address>) {
        let last = self.last_blocks.get(&slot.thread).copied();
        last.unwrap_or((Slot::new(0, slot.thread), None))
    }

    fn count_endorsements(&mut self, slot: Slot, block: &Block) {
        let (parent, _) = self.parent(slot);
        if parent.period == 0 || self.cycle(parent) + 1 < self.cycle(slot) {
            return;
        }
        let endorsements = block.header.content().endorsements.iter();
        let carried: BTreeSet<u32> = endorsements.map(|one| one.content.index).collect();
        let endorsers = self.draws.get(&parent).map(|(_, drawn)| drawn.clone());
        for (index, endorser) in (0_u32..).zip(endorsers.unwrap_or_default()) {
            self.count(endorser, if carried.contains(&index) { 2 } else { 3 });
        }
    }

    fn credit(&mut self, who: Address, coins: u64) {
        *self.balances.entry(who).or_insert(0) += coins;
    }

    fn reward(&mut self, slot: Slot, block: &Block, producer: Address) {
        let reward = self.genesis.params.block_reward.as_nanos();
        let count = u64::from(self.genesis.params.endorsement_count);
        let unit = reward / (count + 1);
        let (_, endorsed) = self.parent(slot);
        let mut mine = reward - unit * count;
        for endorsement in &block.header.content().endorsements {
            self.credit(Address::of_key(&endorsement.signer), unit / 3);
            self.credit(endorsed.unwrap_or(producer), unit / 3);
            mine += unit - 2 * (unit / 3);
            self.minted += 2 * (unit / 3);
        }
        self.credit(producer, mine);
        self.minted += mine;
    }
}

/// Operations.
impl Model {
    fn operation(
        &mut self,
        slot: Slot,
        operation: &SignedOperation,
        producer: Address,
    ) -> OperationOutcome {
        let sender = operation.signer_address();
        let fee = operation.content().fee.as_nanos();
        match self.balances.get_mut(&sender) {
            Some(balance) if *balance >= fee => *balance -= fee,
            _ => return OperationOutcome::Unpaid,
        }
        let done = match operation.content().kind {
            OperationKind::Transfer { recipient, amount } => {
                self.transfer(sender, recipient, amount.as_nanos())
            }
            OperationKind::RollBuy { roll_count } => self.buy(slot, sender, roll_count),
            OperationKind::RollSell { roll_count } => self.sell(slot, sender, roll_count),
            OperationKind::Deploy { .. } | OperationKind::Call { .. } => {
                Err(FailureReason::NoContractEngine)
            }
        };
        self.credit(producer, fee);
        match done {
            Ok(outcome) => {
                self.happened
                    .extend(outcome.map(|outcome| (sender, outcome)));
                OperationOutcome::Succeeded
            }
            Err(reason) => OperationOutcome::Failed(reason),
        }
    }

    fn take(&mut self, who: Address, coins: u64) -> Result<(), FailureReason> {
        let balance = self.balances.get_mut(&who).filter(|has| **has >= coins);
        let balance = balance.ok_or(FailureReason::BalanceTooLow)?;
        *balance -= coins;
        Ok(())
    }

    fn transfer(&mut self, from: Address, to: Address, amount: u64) -> Done {
        let is_new = !self.balances.contains_key(&to);
        let cost = if is_new {
            self.genesis.params.new_entry_cost.as_nanos()
        } else {
            0
        };
        if self.balances.get(&from).is_none_or(|has| *has < amount) {
            return Err(FailureReason::BalanceTooLow);
        }
        if amount < cost {
            return Err(FailureReason::BelowNewEntryCost);
        }
        self.take(from, amount)?;
        self.credit(to, amount - cost);
        self.burnt += cost;
        Ok(None)
    }

    fn due(&self, cycle: u64) -> u64 {
        cycle + self.genesis.params.deferred_credit_cycles
    }

    fn buy(&mut self, slot: Slot, who: Address, rolls: u64) -> Done {
        if rolls == 0 {
            return Err(FailureReason::NoRolls);
        }
        let due = (self.due(self.cycle(slot)), who);
        let price = self.roll_price();
        let sold = self.credits.get(&due).map_or(0, |coins| coins / price);
        let taken_back = sold.min(rolls);
        let cost = (rolls - taken_back).checked_mul(price);
        self.take(who, cost.ok_or(FailureReason::Overflow)?)?;
        self.lower_credit(due, taken_back * price);
        *self.rolls.entry(who).or_insert(0) += rolls;
        Ok(Some(Outcome::Bought { rolls, taken_back }))
    }

    fn sell(&mut self, slot: Slot, who: Address, rolls: u64) -> Done {
        if rolls == 0 {
            return Err(FailureReason::NoRolls);
        }
        if rolls > self.rolls_of(&who) {
            return Err(FailureReason::NotEnoughRolls);
        }
        if rolls == self.rolls.values().sum::<u64>() {
            return Err(FailureReason::LastRoll);
        }
        self.defer(self.cycle(slot), who, rolls);
        Ok(Some(Outcome::Sold { rolls }))
    }

    /// Rolls leave, and their coins come later.
    fn defer(&mut self, cycle: u64, who: Address, rolls: u64) {
        self.drop_rolls(who, rolls);
        let coins = rolls * self.roll_price();
        *self.credits.entry((self.due(cycle), who)).or_insert(0) += coins;
    }

    fn drop_rolls(&mut self, who: Address, rolls: u64) {
        let left = self.rolls_of(&who) - rolls;
        self.rolls.insert(who, left);
        self.rolls.retain(|_, rolls| *rolls > 0);
    }

    fn lower_credit(&mut self, key: (u64, Address), coins: u64) {
        if let Some(credit) = self.credits.get_mut(&key) {
            *credit -= coins;
        }
        self.credits.retain(|_, coins| *coins > 0);
    }
}

/// Faults and the ends of cycles.
impl Model {
    fn denounce(&mut self, slot: Slot, denunciation: &Denunciation) {
        let fault = denunciation.fault_key();
        let expires = fault.slot.period + self.genesis.params.denunciation_expire_periods;
        let is_in_time = fault.slot.period > 0 && fault.slot <= slot && slot.period <= expires;
        if !is_in_time || !self.had_part(denunciation) || !self.is_proof(denunciation) {
            return;
        }
        if !self.punished.insert(fault) {
            return;
        }
        let outcome = self.slash(fault.address);
        self.happened.push((fault.address, outcome));
    }

    fn is_proof(&self, denunciation: &Denunciation) -> bool {
        let cycle = self.cycle(denunciation.slot());
        let active = self.active_rolls(cycle);
        let chain_id = self.genesis.chain_id();
        ValidatorSet::new(cycle, &active)
            .is_ok_and(|validators| denunciation.verify(&chain_id, &validators).is_ok())
    }

    fn had_part(&self, denunciation: &Denunciation) -> bool {
        let fault = denunciation.fault_key();
        let drawn = self.draws.get(&fault.slot).cloned();
        let (producers, endorsers) = drawn.unwrap_or_default();
        match denunciation {
            Denunciation::Headers { .. } => {
                let rank = producers.iter().position(|one| *one == fault.address);
                let rank = rank.and_then(|rank| u32::try_from(rank).ok());
                rank.is_some_and(|rank| self.genesis.params.proposal_policy.allows_rank(rank))
            }
            Denunciation::Endorsements { first, .. } => {
                let index = usize::try_from(first.content.index).ok();
                index.and_then(|index| endorsers.get(index)) == Some(&fault.address)
            }
            Denunciation::Proposals { first, .. } => {
                let round = usize::try_from(first.content.round).ok();
                let place = round.and_then(|round| round.checked_rem(producers.len()));
                place.and_then(|place| producers.get(place)) == Some(&fault.address)
            }
            Denunciation::Votes { .. }
            | Denunciation::FalseCarry { .. }
            | Denunciation::Checkpoints { .. } => {
                let active = self.active_rolls(self.cycle(fault.slot));
                active.contains_key(&fault.address)
            }
        }
    }

    /// One roll's price after the other: from the credit that is due soonest, else a roll, unless it
    /// is the last one of all.
    fn slash(&mut self, who: Address) -> Outcome {
        let price = self.roll_price();
        let (mut from_credits, mut rolls) = (0, 0);
        for _ in 0..self.genesis.params.slash_rolls {
            let own = self.credits.keys().find(|(_, owner)| *owner == who);
            let own = own.copied();
            let total: u64 = self.rolls.values().sum();
            let has_roll = self.rolls_of(&who) > 0 && total > 1;
            match own {
                Some(soonest) if self.rules.credits_first || !has_roll => {
                    self.lower_credit(soonest, price);
                    from_credits += price;
                }
                _ if has_roll => {
                    self.drop_rolls(who, 1);
                    rolls += 1;
                }
                _ => {}
            }
        }
        self.slashed += from_credits + rolls * price;
        Outcome::Slashed {
            from_credits,
            rolls,
        }
    }

    fn end_cycle(&mut self, cycle: u64) {
        let active = self.active_rolls(cycle);
        let mut sales = Vec::new();
        for (who, counts) in std::mem::take(&mut self.counts) {
            if self.misses_too_much(counts) {
                let active = active.get(&who).copied().unwrap_or(0);
                sales.push((who, active.min(self.rolls_of(&who))));
            }
        }
        let sold: u64 = sales.iter().map(|(_, rolls)| rolls).sum();
        self.kept_last_stake = sold > 0 && sold >= self.rolls.values().sum();
        if !self.kept_last_stake {
            for (who, rolls) in sales.into_iter().filter(|(_, rolls)| *rolls > 0) {
                self.defer(cycle, who, rolls);
                self.happened.push((who, Outcome::SoldImplicitly { rolls }));
            }
        }
        for ((due, who), coins) in std::mem::take(&mut self.credits) {
            if due == cycle {
                self.credit(who, coins);
                self.happened.push((who, Outcome::Reimbursed { coins }));
            } else {
                self.credits.insert((due, who), coins);
            }
        }
        self.ends.push(self.rolls.clone());
    }

    fn misses_too_much(&self, counts: Counts) -> bool {
        let params = &self.genesis.params;
        let [made, missed, carried, absent] = counts;
        let is_over = |good: u64, bad: u64, rate: Ratio| {
            good + bad >= params.min_draws_for_deactivation
                && bad * rate.denominator > (good + bad) * rate.numerator
        };
        is_over(made, missed, params.max_block_miss_rate)
            || is_over(carried, absent, params.max_endorsement_miss_rate)
    }
}
