//! The rules of stakes written a second time: plain maps, one list of credits, nothing clever.

use std::collections::BTreeMap;

/// Coins that one sale left, or what is left of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lot {
    pub(crate) owner: u64,
    pub(crate) due: u64,
    pub(crate) coins: u64,
}

/// Block successes and failures, endorsement successes and failures.
pub(crate) type Counts = [u64; 4];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) cycle: u64,
    pub(crate) balances: BTreeMap<u64, u64>,
    pub(crate) rolls: BTreeMap<u64, u64>,
    pub(crate) lots: Vec<Lot>,
    pub(crate) counts: BTreeMap<(u64, u64), Counts>,
    pub(crate) bits: BTreeMap<u64, Vec<bool>>,
    /// Rolls at the end of each cycle.
    pub(crate) ends: BTreeMap<u64, BTreeMap<u64, u64>>,
    pub(crate) genesis: BTreeMap<u64, u64>,
    pub(crate) slashed: u64,
    pub(crate) price: u64,
    pub(crate) credit_cycles: u64,
}

impl Model {
    pub(crate) fn total_rolls(&self) -> u64 {
        self.rolls.values().sum()
    }

    /// Everything that anybody has or had taken away.
    pub(crate) fn all_coins(&self) -> u64 {
        let balances: u64 = self.balances.values().sum();
        let lots: u64 = self.lots.iter().map(|lot| lot.coins).sum();
        balances + lots + self.total_rolls() * self.price + self.slashed
    }

    pub(crate) fn credits_of(&self, owner: u64) -> BTreeMap<u64, u64> {
        let mut credits = BTreeMap::new();
        for lot in self
            .lots
            .iter()
            .filter(|lot| lot.owner == owner && lot.coins > 0)
        {
            *credits.entry(lot.due).or_insert(0) += lot.coins;
        }
        credits
    }

    fn change_rolls(&mut self, owner: u64, by: i64) {
        let rolls = self.rolls.entry(owner).or_insert(0);
        *rolls = rolls.checked_add_signed(by).unwrap();
        self.rolls.retain(|_, rolls| *rolls > 0);
    }

    /// One roll after the other: a sale of this cycle is taken back if there is one, else it is
    /// paid for. If it cannot be, nothing happened.
    pub(crate) fn buy(&mut self, owner: u64, count: u64) -> bool {
        let mut after = self.clone();
        let due = self.cycle + self.credit_cycles;
        for _ in 0..count {
            let sold = after.lots.iter_mut();
            let mut sold = sold.filter(|lot| lot.owner == owner && lot.due == due && lot.coins > 0);
            if let Some(lot) = sold.next() {
                lot.coins -= self.price;
            } else {
                let balance = after.balances.entry(owner).or_insert(0);
                match balance.checked_sub(self.price) {
                    Some(rest) => *balance = rest,
                    None => return false,
                }
            }
            after.change_rolls(owner, 1);
        }
        *self = after;
        count > 0
    }

    pub(crate) fn sell(&mut self, owner: u64, count: u64) -> bool {
        let owned = self.rolls.get(&owner).copied().unwrap_or(0);
        if count == 0 || count > owned || count == self.total_rolls() {
            return false;
        }
        self.sell_owned(owner, count);
        true
    }

    fn sell_owned(&mut self, owner: u64, count: u64) {
        self.change_rolls(owner, -i64::try_from(count).unwrap());
        let due = self.cycle + self.credit_cycles;
        // One lot for each roll, so that a purchase takes back one at a time.
        let lot = Lot {
            owner,
            due,
            coins: self.price,
        };
        self.lots.extend((0..count).map(|_| lot.clone()));
    }

    /// One roll's price after the other: from the credit that is due soonest, else a roll, unless
    /// it is the last one of all.
    pub(crate) fn slash(&mut self, owner: u64, price_rolls: u64) {
        for _ in 0..price_rolls {
            let lots = self.lots.iter_mut();
            let lots = lots.filter(|lot| lot.owner == owner && lot.coins > 0);
            if let Some(lot) = lots.min_by_key(|lot| lot.due) {
                lot.coins -= self.price;
                self.slashed += self.price;
            } else if self.rolls.contains_key(&owner) && self.total_rolls() > 1 {
                self.change_rolls(owner, -1);
                self.slashed += self.price;
            }
        }
    }

    pub(crate) fn count(&mut self, owner: u64, which: usize) {
        self.counts.entry((self.cycle, owner)).or_default()[which] += 1;
    }

    pub(crate) fn end_slot(&mut self, bit: bool, ends_cycle: bool) {
        self.bits.entry(self.cycle).or_default().push(bit);
        if ends_cycle {
            self.end_cycle();
        }
    }

    fn end_cycle(&mut self) {
        let cycle = self.cycle;
        let active = match cycle.checked_sub(3) {
            Some(before) => self.ends[&before].clone(),
            None => self.genesis.clone(),
        };
        let mut sales = Vec::new();
        for (&(of, owner), counts) in &self.counts {
            let over = |done: u64, failed: u64| failed * 10 > (done + failed) * 7;
            if of == cycle && (over(counts[0], counts[1]) || over(counts[2], counts[3])) {
                let active = active.get(&owner).copied().unwrap_or(0);
                let owned = self.rolls.get(&owner).copied().unwrap_or(0);
                sales.push((owner, active.min(owned)));
            }
        }
        if sales.iter().map(|(_, count)| count).sum::<u64>() < self.total_rolls() {
            for (owner, count) in sales {
                self.sell_owned(owner, count);
            }
        }
        for lot in self.lots.iter().filter(|lot| lot.due == cycle) {
            *self.balances.entry(lot.owner).or_insert(0) += lot.coins;
        }
        self.lots.retain(|lot| lot.due != cycle && lot.coins > 0);
        self.ends.insert(cycle, self.rolls.clone());
        self.cycle += 1;
    }
}
