//! Documents 05 and 06 a second time: small numbers in plain maps, one loop for each sentence, and
//! nothing clever. It shares no code with what it is compared with but the names of outcomes.

use picot_execution::{FailureReason, OperationOutcome};
use picot_models::OperationId;
use std::collections::{BTreeMap, BTreeSet};

/// Whose coins: the number of a key.
pub(crate) type Who = u64;
/// Period and thread.
pub(crate) type When = (u64, u8);
/// Block successes and failures, endorsement successes and failures.
pub(crate) type Counts = [u64; 4];

#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) threads: u8,
    pub(crate) periods_per_cycle: u64,
    pub(crate) roll_price: u64,
    pub(crate) reward: u64,
    pub(crate) endorsement_count: u64,
    pub(crate) new_entry_cost: u64,
    pub(crate) deferred_credit_cycles: u64,
    pub(crate) slash_rolls: u64,
    pub(crate) denunciation_expire_periods: u64,
    pub(crate) operation_validity_periods: u64,
    /// Numerator and denominator.
    pub(crate) max_block_miss_rate: (u64, u64),
    pub(crate) max_endorsement_miss_rate: (u64, u64),
    pub(crate) min_draws_for_deactivation: u64,
}

/// What happens at a slot. Who is drawn comes from outside.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Miss {
        drawn: Who,
        seed_bit: bool,
    },
    Block {
        producer: Who,
        /// Those ranked before it.
        better_ranked: Vec<Who>,
        /// Who was drawn to endorse the thread's block before, by index.
        endorsers: Vec<Who>,
        /// The indices of the endorsements that the block carries.
        carried: Vec<usize>,
        faults: Vec<Fault>,
        orders: Vec<Order>,
        seed_bit: bool,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) who: Who,
    pub(crate) at: When,
    pub(crate) kind: u8,
    /// Whether who is denounced was drawn, or had power, there.
    pub(crate) had_part: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) id: OperationId,
    pub(crate) sender: Who,
    pub(crate) senders_thread: u8,
    pub(crate) fee: u64,
    pub(crate) expire_period: u64,
    pub(crate) what: What,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    Transfer(Who, u64),
    Buy(u64),
    Sell(u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credit {
    owner: Who,
    due: u64,
    coins: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) rules: Rules,
    pub(crate) balances: BTreeMap<Who, u64>,
    pub(crate) rolls: BTreeMap<Who, u64>,
    pub(crate) credits: Vec<Credit>,
    pub(crate) counts: BTreeMap<(u64, Who), Counts>,
    pub(crate) bits: BTreeMap<u64, Vec<bool>>,
    /// The rolls at the end of each cycle.
    pub(crate) ends: BTreeMap<u64, BTreeMap<Who, u64>>,
    pub(crate) genesis_rolls: BTreeMap<Who, u64>,
    pub(crate) supply: u64,
    pub(crate) minted: u64,
    pub(crate) burnt: u64,
    pub(crate) slashed: u64,
    /// The last block of each thread, and who produced it: nobody, at genesis.
    pub(crate) last_blocks: BTreeMap<u8, (u64, Option<Who>)>,
    punished: BTreeSet<(Who, When, u8)>,
    executed: BTreeMap<OperationId, u64>,
    /// What became of the orders of the last slot.
    pub(crate) outcomes: Vec<OperationOutcome>,
    /// Whether the last end of a cycle kept the last stake, and how many rolls it sold.
    pub(crate) kept_last_stake: bool,
    pub(crate) sold_implicitly: u64,
}

impl Model {
    pub(crate) fn new(
        rules: Rules,
        balances: BTreeMap<Who, u64>,
        rolls: BTreeMap<Who, u64>,
        genesis_bits: Vec<bool>,
    ) -> Self {
        let supply =
            balances.values().sum::<u64>() + rolls.values().sum::<u64>() * rules.roll_price;
        Self {
            rules,
            balances,
            genesis_rolls: rolls.clone(),
            rolls,
            credits: Vec::new(),
            counts: BTreeMap::new(),
            bits: BTreeMap::from([(0, genesis_bits)]),
            ends: BTreeMap::new(),
            supply,
            minted: 0,
            burnt: 0,
            slashed: 0,
            last_blocks: (0..rules.threads)
                .map(|thread| (thread, (0, None)))
                .collect(),
            punished: BTreeSet::new(),
            executed: BTreeMap::new(),
            outcomes: Vec::new(),
            kept_last_stake: false,
            sold_implicitly: 0,
        }
    }

    pub(crate) fn cycle(&self, period: u64) -> u64 {
        period / self.rules.periods_per_cycle
    }

    pub(crate) fn total_rolls(&self) -> u64 {
        self.rolls.values().sum()
    }

    pub(crate) fn total_credits(&self) -> u64 {
        self.credits.iter().map(|credit| credit.coins).sum()
    }

    pub(crate) fn total_balances(&self) -> u64 {
        self.balances.values().sum()
    }

    pub(crate) fn rolls_of(&self, who: Who) -> u64 {
        self.rolls.get(&who).copied().unwrap_or(0)
    }

    pub(crate) fn credits_of(&self, who: Who) -> BTreeMap<u64, u64> {
        let mut credits = BTreeMap::new();
        for credit in &self.credits {
            if credit.owner == who && credit.coins > 0 {
                *credits.entry(credit.due).or_insert(0) += credit.coins;
            }
        }
        credits
    }

    /// The rolls that a cycle draws from.
    pub(crate) fn active_rolls(&self, cycle: u64) -> &BTreeMap<Who, u64> {
        match cycle.checked_sub(3) {
            Some(before) => &self.ends[&before],
            None => &self.genesis_rolls,
        }
    }

    /// One slot, in the order of document 05.
    pub(crate) fn slot(&mut self, at: When, event: &Event) {
        self.outcomes.clear();
        let seed_bit = match event {
            Event::Miss { drawn, seed_bit } => {
                self.count(at, *drawn, 1);
                *seed_bit
            }
            Event::Block { seed_bit, .. } => {
                self.block(at, event);
                *seed_bit
            }
        };
        let cycle = self.cycle(at.0);
        self.bits.entry(cycle).or_default().push(seed_bit);
        if self.cycle(at.0 + 1) > cycle && at.1 + 1 == self.rules.threads {
            self.end_cycle(cycle);
        }
        self.forget(at);
        let have = self.total_balances()
            + self.total_rolls() * self.rules.roll_price
            + self.total_credits();
        let should_have = self.supply + self.minted - self.burnt - self.slashed;
        assert_eq!(have, should_have, "the model loses coins at {at:?}");
    }

    fn block(&mut self, at: When, event: &Event) {
        let Event::Block {
            producer,
            better_ranked,
            endorsers,
            carried,
            faults,
            orders,
            ..
        } = event
        else {
            return;
        };
        for fault in faults {
            self.fault(at, fault);
        }
        for order in orders {
            let outcome = self.order(at, order, *producer);
            self.outcomes.push(outcome);
        }
        self.reward(at, *producer, endorsers, carried);
        self.count(at, *producer, 0);
        for better in better_ranked {
            self.count(at, *better, 1);
        }
        let (parent, _) = self.last_blocks[&at.1];
        // Nobody endorses the genesis; nobody may carry endorsements that are two cycles old.
        if parent > 0 && self.cycle(parent) + 1 >= self.cycle(at.0) {
            for (index, endorser) in endorsers.iter().enumerate() {
                self.count(at, *endorser, if carried.contains(&index) { 2 } else { 3 });
            }
        }
        self.last_blocks.insert(at.1, (at.0, Some(*producer)));
    }

    fn count(&mut self, at: When, who: Who, which: usize) {
        let cycle = self.cycle(at.0);
        self.counts.entry((cycle, who)).or_default()[which] += 1;
    }

    fn credit(&mut self, who: Who, coins: u64) {
        *self.balances.entry(who).or_insert(0) += coins;
    }

    fn reward(&mut self, at: When, producer: Who, endorsers: &[Who], carried: &[usize]) {
        let unit = self.rules.reward / (self.rules.endorsement_count + 1);
        let missing = self.rules.endorsement_count - carried.len() as u64;
        let mint = self.rules.reward - missing * unit;
        let mut left = mint;
        let (_, endorsed) = self.last_blocks[&at.1];
        for index in carried {
            for who in [endorsers[*index], endorsed.unwrap_or(producer)] {
                self.credit(who, unit / 3);
                left -= unit / 3;
            }
        }
        self.credit(producer, left);
        self.minted += mint;
    }

    fn order(&mut self, at: When, order: &Order, producer: Who) -> OperationOutcome {
        let first = order
            .expire_period
            .saturating_sub(self.rules.operation_validity_periods);
        if order.senders_thread != at.1
            || at.0 < first
            || at.0 > order.expire_period
            || self.executed.contains_key(&order.id)
        {
            self.executed.entry(order.id).or_insert(order.expire_period);
            return OperationOutcome::Refused;
        }
        self.executed.insert(order.id, order.expire_period);
        match self.balances.get_mut(&order.sender) {
            Some(balance) if *balance >= order.fee => *balance -= order.fee,
            _ => return OperationOutcome::Unpaid,
        }
        let before = self.clone();
        let done = match order.what {
            What::Transfer(to, amount) => self.transfer(order.sender, to, amount),
            What::Buy(count) => self.buy(at, order.sender, count),
            What::Sell(count) => self.sell(at, order.sender, count),
        };
        if done.is_err() {
            *self = before;
        }
        self.credit(producer, order.fee);
        match done {
            Ok(()) => OperationOutcome::Succeeded,
            Err(reason) => OperationOutcome::Failed(reason),
        }
    }

    fn take(&mut self, who: Who, coins: u64) -> Result<(), FailureReason> {
        let balance = self.balances.entry(who).or_insert(0);
        *balance = balance
            .checked_sub(coins)
            .ok_or(FailureReason::BalanceTooLow)?;
        Ok(())
    }

    fn transfer(&mut self, from: Who, to: Who, amount: u64) -> Result<(), FailureReason> {
        self.take(from, amount)?;
        let cost = if self.balances.contains_key(&to) {
            0
        } else {
            self.rules.new_entry_cost
        };
        let rest = amount
            .checked_sub(cost)
            .ok_or(FailureReason::BelowNewEntryCost)?;
        self.burnt += cost;
        self.credit(to, rest);
        Ok(())
    }

    /// One roll after the other: a sale of this cycle is taken back, or the roll is paid for.
    fn buy(&mut self, at: When, who: Who, count: u64) -> Result<(), FailureReason> {
        if count == 0 {
            return Err(FailureReason::NoRolls);
        }
        let due = self.cycle(at.0) + self.rules.deferred_credit_cycles;
        for _ in 0..count {
            let price = self.rules.roll_price;
            let credits = self.credits.iter_mut();
            let mut sold = credits.filter(|c| c.owner == who && c.due == due && c.coins == price);
            match sold.next() {
                Some(credit) => credit.coins = 0,
                None => self.take(who, price)?,
            }
            *self.rolls.entry(who).or_insert(0) += 1;
        }
        Ok(())
    }

    fn sell(&mut self, at: When, who: Who, count: u64) -> Result<(), FailureReason> {
        if count == 0 {
            return Err(FailureReason::NoRolls);
        }
        if count > self.rolls_of(who) {
            return Err(FailureReason::NotEnoughRolls);
        }
        if count == self.total_rolls() {
            return Err(FailureReason::LastRoll);
        }
        self.sell_owned(self.cycle(at.0), who, count);
        Ok(())
    }

    /// A credit for each roll, so that one at a time can be taken back or slashed.
    fn sell_owned(&mut self, cycle: u64, owner: Who, count: u64) {
        for _ in 0..count {
            self.drop_roll(owner);
            self.credits.push(Credit {
                owner,
                due: cycle + self.rules.deferred_credit_cycles,
                coins: self.rules.roll_price,
            });
        }
    }

    fn drop_roll(&mut self, who: Who) {
        *self.rolls.get_mut(&who).unwrap() -= 1;
        self.rolls.retain(|_, rolls| *rolls > 0);
    }

    fn fault(&mut self, at: When, fault: &Fault) {
        let is_late = fault.at.0 + self.rules.denunciation_expire_periods < at.0;
        if fault.at.0 == 0 || fault.at > at || is_late || !fault.had_part {
            return;
        }
        if !self.punished.insert((fault.who, fault.at, fault.kind)) {
            return;
        }
        for _ in 0..self.rules.slash_rolls {
            let credits = self.credits.iter_mut();
            let own = credits.filter(|credit| credit.owner == fault.who && credit.coins > 0);
            if let Some(soonest) = own.min_by_key(|credit| credit.due) {
                self.slashed += soonest.coins;
                soonest.coins = 0;
            } else if self.rolls_of(fault.who) > 0 && self.total_rolls() > 1 {
                self.drop_roll(fault.who);
                self.slashed += self.rules.roll_price;
            }
        }
    }

    fn end_cycle(&mut self, cycle: u64) {
        let active = self.active_rolls(cycle).clone();
        let mut sales = Vec::new();
        for (&(of, who), &[done, missed, carried, absent]) in &self.counts {
            let least = self.rules.min_draws_for_deactivation;
            let too_many = |good: u64, bad: u64, (above, below): (u64, u64)| {
                good + bad >= least && bad * below > (good + bad) * above
            };
            let blocks = too_many(done, missed, self.rules.max_block_miss_rate);
            let endorsements = too_many(carried, absent, self.rules.max_endorsement_miss_rate);
            if of == cycle && (blocks || endorsements) {
                let active = active.get(&who).copied().unwrap_or(0);
                sales.push((who, active.min(self.rolls_of(who))));
            }
        }
        let sold: u64 = sales.iter().map(|(_, count)| count).sum();
        self.kept_last_stake = sold >= self.total_rolls();
        self.sold_implicitly = sold;
        if !self.kept_last_stake {
            for (who, count) in sales {
                self.sell_owned(cycle, who, count);
            }
        }
        for credit in std::mem::take(&mut self.credits) {
            if credit.due > cycle {
                self.credits.push(credit);
            } else if credit.coins > 0 {
                self.credit(credit.owner, credit.coins);
            }
        }
        self.ends.insert(cycle, self.rolls.clone());
    }

    /// What can have no effect any more: so that a copy of the model stays small.
    fn forget(&mut self, at: When) {
        let oldest = self.cycle(at.0).saturating_sub(12);
        let expire = self.rules.denunciation_expire_periods;
        self.counts.retain(|(cycle, _), _| *cycle >= oldest);
        self.bits.retain(|cycle, _| *cycle >= oldest);
        self.ends.retain(|cycle, _| *cycle >= oldest);
        self.credits.retain(|credit| credit.coins > 0);
        self.executed
            .retain(|_, expire_period| *expire_period >= at.0);
        self.punished.retain(|(_, of, _)| of.0 + expire >= at.0);
    }
}
