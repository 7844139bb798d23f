//! The pending operations of one thread: a state machine without I/O.
//!
//! Threads have nothing in common: an operation belongs to its sender's thread, so its sender's
//! other operations are there too.

use crate::lookup::{Found, with_prefix};
use crate::pending::Pending;
use crate::priority::Rank;
use crate::{Config, FeeLevels, PoolError, ThreadStats, fees};
use picot_models::{Address, Amount, ChainParams, OperationId, SignedOperation, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The pending operations of one thread.
///
/// `by_id` says what is pending; everything else is found out from it and indexes it.
#[derive(Debug)]
pub(crate) struct ThreadOperations {
    thread: u8,
    limits: Limits,
    /// The latest slot that started.
    now: Slot,
    /// Operations that are valid from this period on are ready.
    ready_period: u64,
    by_id: BTreeMap<OperationId, Arc<Pending>>,
    /// Those that became valid, best first: what batches are taken from.
    ready: BTreeMap<Rank, Ready>,
    /// Those that did not yet, and sales of rolls that are still to be bought; best first.
    waiting: BTreeMap<Rank, Arc<Pending>>,
    /// Those that wait for their first period, by it.
    by_start: BTreeSet<(u64, Rank)>,
    /// All, by their last period.
    by_expiry: BTreeSet<(u64, Rank)>,
    senders: BTreeMap<Address, Sender>,
    bytes: u64,
    evicted: u64,
    expired: u64,
}

/// What a batch must know of an operation, beside its rank: in many a pending one, each look at
/// another place in memory is what costs time.
#[derive(Debug)]
struct Ready {
    gas: u64,
    size_bytes: u64,
    first_period: u64,
    expire_period: u64,
    operation: Arc<SignedOperation>,
}

impl Ready {
    fn new(pending: &Pending) -> Self {
        Self {
            gas: pending.gas,
            size_bytes: pending.size_bytes,
            first_period: pending.first_period,
            expire_period: pending.expire_period,
            operation: Arc::clone(&pending.operation),
        }
    }

    fn is_valid_at(&self, period: u64) -> bool {
        (self.first_period..=self.expire_period).contains(&period)
    }
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    operations: usize,
    bytes: u64,
    operations_per_sender: usize,
    future_periods: u64,
    batch_operations: usize,
    batch_skips: usize,
}

/// What one sender has pending.
#[derive(Debug, Default)]
struct Sender {
    /// Its operations, best first, and whether the candidate state includes the operation already:
    /// then it is in the balance already, and waits here for its block to become final or to lose.
    operations: BTreeMap<Rank, Entry>,
    /// Nano-coins that those can take which are not in the candidate state.
    spend: u128,
    /// Rolls that those buy.
    rolls_bought: u128,
    /// Rolls that those sell.
    rolls_sold: u128,
}

#[derive(Debug)]
struct Entry {
    pending: Arc<Pending>,
    is_executed: bool,
    /// Whether it sells rolls that the sender does not own yet: it waits for the purchase, because
    /// in a block before that it would fail.
    is_parked: bool,
}

impl Entry {
    fn open(&self, what: impl FnOnce(&Pending) -> u128) -> u128 {
        if self.is_executed {
            0
        } else {
            what(&self.pending)
        }
    }

    fn open_spend(&self) -> u128 {
        self.open(Pending::spend)
    }
}

impl Sender {
    /// Counts what is open anew.
    fn count_open(&mut self) {
        let sum = |what: fn(&Pending) -> u128| {
            let open = self.operations.values().map(|entry| entry.open(what));
            open.fold(0, u128::saturating_add)
        };
        let (spend, bought) = (sum(Pending::spend), sum(Pending::rolls_bought));
        self.rolls_sold = sum(Pending::rolls_sold);
        (self.spend, self.rolls_bought) = (spend, bought);
    }

    fn add_open(&mut self, entry: &Entry) {
        let add = |sum: &mut u128, what: fn(&Pending) -> u128| {
            *sum = sum.saturating_add(entry.open(what))
        };
        add(&mut self.spend, Pending::spend);
        add(&mut self.rolls_bought, Pending::rolls_bought);
        add(&mut self.rolls_sold, Pending::rolls_sold);
    }

    fn subtract_open(&mut self, entry: &Entry) {
        let subtract = |sum: &mut u128, what: fn(&Pending) -> u128| {
            *sum = sum.saturating_sub(entry.open(what))
        };
        subtract(&mut self.spend, Pending::spend);
        subtract(&mut self.rolls_bought, Pending::rolls_bought);
        subtract(&mut self.rolls_sold, Pending::rolls_sold);
    }
}

/// What accounts say of a pending operation and its sender.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Standing {
    /// The sender's candidate balance.
    pub(crate) balance: Amount,
    /// The sender's rolls; not asked for if none are sold.
    pub(crate) rolls: u64,
    /// Whether the candidate state includes the operation.
    pub(crate) is_executed: bool,
}

impl Standing {
    /// Whether this would be enough, if nothing else of the sender were pending.
    pub(crate) fn could_cover(&self, pending: &Pending) -> bool {
        pending.max_spend <= self.balance && pending.rolls_sold() <= self.rolls.into()
    }
}

impl ThreadOperations {
    pub(crate) fn new(thread: u8, config: &Config) -> Self {
        Self {
            thread,
            limits: Limits {
                operations: config.max_operations_per_thread,
                bytes: config.max_bytes_per_thread,
                operations_per_sender: config.max_operations_per_sender,
                future_periods: config.max_future_periods,
                batch_operations: config.max_batch_operations,
                batch_skips: config.max_batch_skips,
            },
            now: Slot::new(0, 0),
            ready_period: 0,
            by_id: BTreeMap::new(),
            ready: BTreeMap::new(),
            waiting: BTreeMap::new(),
            by_start: BTreeSet::new(),
            by_expiry: BTreeSet::new(),
            senders: BTreeMap::new(),
            bytes: 0,
            evicted: 0,
            expired: 0,
        }
    }

    pub(crate) fn contains(&self, id: &OperationId) -> bool {
        self.by_id.contains_key(id)
    }

    pub(crate) fn get(&self, id: &OperationId) -> Option<Arc<SignedOperation>> {
        self.by_id
            .get(id)
            .map(|pending| Arc::clone(&pending.operation))
    }

    /// Adds those whose id begins with this prefix to what was found elsewhere.
    pub(crate) fn find_prefix(&self, prefix: u64, found: &mut Found<Arc<SignedOperation>>) {
        for pending in with_prefix(&self.by_id, prefix) {
            found.add(|| Arc::clone(&pending.operation));
        }
    }

    pub(crate) fn stats(&self) -> ThreadStats {
        ThreadStats {
            operations: self.by_id.len(),
            not_yet_valid: self.by_start.len(),
            senders: self.senders.len(),
            bytes: self.bytes,
            evicted: self.evicted,
            expired: self.expired,
        }
    }

    /// What is pending pays, and what it takes to be among those that fit in so many blocks.
    pub(crate) fn fee_levels(&self, blocks: &[u64], params: &ChainParams) -> FeeLevels {
        let whole = fees::whole(params);
        let level = |rank: &Rank| rank.level(whole);
        let (mut ready, mut waiting) = (self.ready.keys(), self.waiting.keys());
        let firsts = [ready.clone().next(), waiting.clone().next()];
        let lasts = [ready.next_back(), waiting.next_back()];
        let to_beat = self.first_that_do_not_fit(blocks, params);
        let to_beat = blocks.iter().map(|count| to_beat.get(count));
        FeeLevels {
            lowest: lasts.into_iter().flatten().max().map(level),
            highest: firsts.into_iter().flatten().min().map(level),
            to_beat: to_beat
                .map(|rank| rank.map_or(Amount::ZERO, |rank| level(rank)))
                .collect(),
        }
    }

    /// For each of these numbers of blocks the first that does not fit in them, if there is one.
    fn first_that_do_not_fit(&self, blocks: &[u64], params: &ChainParams) -> BTreeMap<u64, &Rank> {
        let mut found = BTreeMap::new();
        let counts: BTreeSet<u64> = blocks.iter().copied().collect();
        let mut counts = counts.into_iter().peekable();
        let (mut gas, mut space) = (0_u64, 0_u64);
        let mut ready = self.ready.iter();
        // One pass for all of them: what a few blocks have no room for may fit in more.
        while counts.peek().is_some()
            && let Some((rank, operation)) = ready.next()
        {
            gas = gas.saturating_add(operation.gas);
            space = space.saturating_add(operation.size_bytes);
            let is_full = |count: &u64| {
                gas > params.max_block_gas.saturating_mul(*count)
                    || space > params.max_block_size_bytes.saturating_mul(*count)
            };
            while let Some(count) = counts.next_if(is_full) {
                found.insert(count, rank);
            }
        }
        found
    }

    /// What a sender has pending, best first.
    pub(crate) fn of_sender(&self, sender: &Address) -> Vec<Arc<Pending>> {
        self.senders.get(sender).map_or_else(Vec::new, |sender| {
            let entries = sender.operations.values();
            entries.map(|entry| Arc::clone(&entry.pending)).collect()
        })
    }

    /// Whether an operation would be taken in now.
    pub(crate) fn check(&self, pending: &Pending, standing: Standing) -> Result<(), PoolError> {
        self.victims(pending, standing).map(|_| ())
    }

    /// Takes an operation in, in the place of worse ones if it must be.
    pub(crate) fn insert(&mut self, pending: Pending, standing: Standing) -> Result<(), PoolError> {
        for victim in self.victims(&pending, standing)? {
            self.remove(&victim);
            self.evicted = self.evicted.saturating_add(1);
        }
        self.add(Arc::new(pending), standing);
        Ok(())
    }

    /// Who must leave for an operation, all of them worse; or why it is refused.
    fn victims(
        &self,
        pending: &Pending,
        standing: Standing,
    ) -> Result<Vec<OperationId>, PoolError> {
        if self.contains(&pending.id()) {
            return Err(PoolError::OperationPending(pending.id()));
        }
        self.check_window(pending)?;
        let own_victim = self.own_victim(pending)?;
        self.check_cover(pending, standing, own_victim)?;
        self.check_rolls(pending, standing, own_victim)?;
        self.thread_victims(pending, own_victim)
    }

    fn check_window(&self, pending: &Pending) -> Result<(), PoolError> {
        let (id, now) = (pending.id(), self.now);
        if self.is_over(pending.expire_period) {
            return Err(PoolError::OperationExpired {
                id,
                expire_period: pending.expire_period,
                now,
            });
        }
        if pending.first_period > now.period.saturating_add(self.limits.future_periods) {
            return Err(PoolError::OperationTooEarly {
                id,
                first_period: pending.first_period,
                now,
            });
        }
        Ok(())
    }

    /// Whether a later slot than this thread's of a period has started.
    fn is_over(&self, period: u64) -> bool {
        Slot::new(period, self.thread) < self.now
    }

    /// A sender that has as many operations as it may have gives up its worst for a better one.
    fn own_victim(&self, pending: &Pending) -> Result<Option<&Entry>, PoolError> {
        let max = self.limits.operations_per_sender;
        let Some(sender) = self.senders.get(&pending.sender) else {
            return Ok(None);
        };
        if sender.operations.len() < max {
            return Ok(None);
        }
        match sender.operations.last_key_value() {
            Some((rank, worst)) if pending.rank < *rank => Ok(Some(worst)),
            _ => Err(PoolError::SenderFull {
                id: pending.id(),
                sender: Box::new(pending.sender),
                max,
            }),
        }
    }

    /// The balance must cover the operation together with the sender's others (design 04, 'Pool').
    fn check_cover(
        &self,
        pending: &Pending,
        standing: Standing,
        own_victim: Option<&Entry>,
    ) -> Result<(), PoolError> {
        if standing.is_executed {
            return Ok(());
        }
        let others = self.senders.get(&pending.sender).map_or(0, |sender| {
            sender
                .spend
                .saturating_sub(own_victim.map_or(0, Entry::open_spend))
        });
        let needed = others.saturating_add(pending.spend());
        if needed > standing.balance.as_nanos().into() {
            return Err(PoolError::BalanceTooLow {
                id: pending.id(),
                sender: Box::new(pending.sender),
                needed,
                balance: standing.balance,
            });
        }
        Ok(())
    }

    /// Who sells rolls owns them, or has ordered to buy them, together with the sender's others.
    fn check_rolls(
        &self,
        pending: &Pending,
        standing: Standing,
        own_victim: Option<&Entry>,
    ) -> Result<(), PoolError> {
        let wanted = pending.rolls_sold();
        if standing.is_executed || wanted == 0 {
            return Ok(());
        }
        let others = |of_sender: fn(&Sender) -> u128, of_victim: fn(&Pending) -> u128| {
            let all = self.senders.get(&pending.sender).map_or(0, of_sender);
            all.saturating_sub(own_victim.map_or(0, |entry| entry.open(of_victim)))
        };
        let sold = others(|sender| sender.rolls_sold, Pending::rolls_sold);
        let bought = others(|sender| sender.rolls_bought, Pending::rolls_bought);
        let available = bought.saturating_add(standing.rolls.into());
        if sold.saturating_add(wanted) > available {
            return Err(PoolError::RollsTooFew {
                id: pending.id(),
                sender: Box::new(pending.sender),
                wanted: sold.saturating_add(wanted),
                available,
            });
        }
        Ok(())
    }

    /// In a full thread the worst leave, and only for a better one.
    fn thread_victims(
        &self,
        pending: &Pending,
        own_victim: Option<&Entry>,
    ) -> Result<Vec<OperationId>, PoolError> {
        let mut victims: Vec<_> = own_victim.iter().map(|entry| entry.pending.id()).collect();
        let mut operations = self.by_id.len().saturating_sub(victims.len());
        let mut bytes = self
            .bytes
            .saturating_sub(own_victim.map_or(0, |entry| entry.pending.size_bytes));
        let fits = |operations: usize, bytes: u64| {
            operations < self.limits.operations
                && bytes.saturating_add(pending.size_bytes) <= self.limits.bytes
        };
        let mut worst_first = self.worst_first();
        while !fits(operations, bytes) {
            let worst = worst_first
                .next()
                .filter(|worst| pending.rank < worst.rank)
                .ok_or(PoolError::ThreadFull {
                    id: pending.id(),
                    thread: self.thread,
                })?;
            if own_victim.is_some_and(|entry| entry.pending.id() == worst.id()) {
                continue;
            }
            victims.push(worst.id());
            operations = operations.saturating_sub(1);
            bytes = bytes.saturating_sub(worst.size_bytes);
        }
        Ok(victims)
    }

    fn worst_first(&self) -> impl Iterator<Item = &Arc<Pending>> {
        let mut ready = self.ready.keys().rev().peekable();
        let mut waiting = self.waiting.keys().rev().peekable();
        let ranks = std::iter::from_fn(move || match (ready.peek(), waiting.peek()) {
            (Some(one), Some(other)) if one < other => waiting.next(),
            (None, _) => waiting.next(),
            _ => ready.next(),
        });
        ranks.filter_map(|rank| self.by_id.get(rank.id()))
    }

    fn add(&mut self, pending: Arc<Pending>, standing: Standing) {
        let (rank, sender) = (pending.rank, pending.sender);
        let is_sale = pending.rolls_sold() > 0;
        self.bytes = self.bytes.saturating_add(pending.size_bytes);
        self.by_expiry.insert((pending.expire_period, rank));
        self.list(&pending, false);
        let account = self.senders.entry(sender).or_default();
        let entry = Entry {
            pending: Arc::clone(&pending),
            is_executed: standing.is_executed,
            is_parked: false,
        };
        account.add_open(&entry);
        account.operations.insert(rank, entry);
        self.by_id.insert(pending.id(), pending);
        if is_sale {
            self.park_sales(&sender, standing.rolls);
        }
    }

    /// Of a sender's sales, the best that its rolls cover are offered; the rest wait for purchases.
    fn park_sales(&mut self, sender: &Address, rolls: u64) {
        let Some(account) = self.senders.get_mut(sender) else {
            return;
        };
        let mut sold: u128 = 0;
        let mut changed = Vec::new();
        for entry in account.operations.values_mut() {
            let sells = entry.open(Pending::rolls_sold);
            sold = sold.saturating_add(sells);
            let is_parked = sells > 0 && sold > rolls.into();
            if is_parked {
                // A smaller one may still be covered.
                sold = sold.saturating_sub(sells);
            }
            if is_parked != entry.is_parked {
                entry.is_parked = is_parked;
                changed.push((Arc::clone(&entry.pending), is_parked));
            }
        }
        for (pending, is_parked) in changed {
            self.unlist(&pending);
            self.list(&pending, is_parked);
        }
    }

    /// Puts an operation where batches find it, or where it waits.
    fn list(&mut self, pending: &Arc<Pending>, is_parked: bool) {
        let rank = pending.rank;
        if is_parked {
            self.waiting.insert(rank, Arc::clone(pending));
        } else if pending.first_period <= self.ready_period {
            self.ready.insert(rank, Ready::new(pending));
        } else {
            self.by_start.insert((pending.first_period, rank));
            self.waiting.insert(rank, Arc::clone(pending));
        }
    }

    fn unlist(&mut self, pending: &Pending) {
        let rank = &pending.rank;
        if self.ready.remove(rank).is_none() {
            self.by_start.remove(&(pending.first_period, *rank));
            self.waiting.remove(rank);
        }
    }

    /// Lets an operation go, whatever the reason.
    pub(crate) fn remove(&mut self, id: &OperationId) -> Option<Arc<Pending>> {
        let pending = self.by_id.remove(id)?;
        let rank = &pending.rank;
        self.bytes = self.bytes.saturating_sub(pending.size_bytes);
        self.by_expiry.remove(&(pending.expire_period, *rank));
        self.unlist(&pending);
        if let Some(sender) = self.senders.get_mut(&pending.sender) {
            if let Some(entry) = sender.operations.remove(rank) {
                sender.subtract_open(&entry);
            }
            if sender.operations.is_empty() {
                self.senders.remove(&pending.sender);
            }
        }
        Some(pending)
    }

    /// Time passes: what expired leaves, what became valid is ready.
    pub(crate) fn advance(&mut self, now: Slot) {
        if now <= self.now {
            return;
        }
        self.now = now;
        while let Some(&(period, rank)) = self.by_expiry.first() {
            if !self.is_over(period) {
                break;
            }
            self.remove(rank.id());
            self.expired = self.expired.saturating_add(1);
        }
        self.make_ready(now.period);
    }

    fn make_ready(&mut self, period: u64) {
        self.ready_period = self.ready_period.max(period);
        while let Some(&(first_period, rank)) = self.by_start.first() {
            if first_period > self.ready_period {
                break;
            }
            self.by_start.remove(&(first_period, rank));
            if let Some(pending) = self.waiting.remove(&rank) {
                self.ready.insert(rank, Ready::new(&pending));
            }
        }
    }

    /// The best operations that are valid at a period, not excluded, and together fit.
    ///
    /// The walk passes over at most as many operations as are excluded, and `max_batch_skips` that
    /// do not fit, so its time does not depend on how many are pending.
    pub(crate) fn batch(
        &mut self,
        period: u64,
        mut remaining_gas: u64,
        mut remaining_space: u64,
        excluded: &BTreeSet<OperationId>,
    ) -> Vec<Arc<SignedOperation>> {
        // The factory's tick may come before ours.
        self.make_ready(period);
        let mut batch = Vec::new();
        let mut skips: usize = 0;
        for (rank, ready) in &self.ready {
            if batch.len() >= self.limits.batch_operations || skips > self.limits.batch_skips {
                break;
            }
            if excluded.contains(rank.id()) {
                continue;
            }
            let left = ready.is_valid_at(period).then_some(()).and_then(|()| {
                let gas = remaining_gas.checked_sub(ready.gas)?;
                Some((gas, remaining_space.checked_sub(ready.size_bytes)?))
            });
            let Some(left) = left else {
                skips = skips.saturating_add(1);
                continue;
            };
            (remaining_gas, remaining_space) = left;
            batch.push(Arc::clone(&ready.operation));
        }
        batch
    }

    /// Checks again what a sender has pending: of that which the candidate state does not include,
    /// the best stay that balance and rolls cover, in the order in which a factory would take them.
    ///
    /// `is_executed` is about what was pending when accounts were asked.
    pub(crate) fn settle(
        &mut self,
        sender: &Address,
        standing: Standing,
        is_executed: &BTreeMap<OperationId, bool>,
    ) {
        let Some(account) = self.senders.get_mut(sender) else {
            return;
        };
        for (rank, entry) in &mut account.operations {
            if let Some(&is_executed) = is_executed.get(rank.id()) {
                entry.is_executed = is_executed;
            }
        }
        let mut uncovered = account.beyond_balance(standing.balance);
        uncovered.extend(account.beyond_rolls(standing.rolls, &uncovered));
        // Until they leave, those that are not covered count.
        account.count_open();
        for id in uncovered {
            self.remove(&id);
        }
        self.park_sales(sender, standing.rolls);
    }
}

impl Sender {
    /// Those that the balance does not cover, after the better ones that it does.
    fn beyond_balance(&self, balance: Amount) -> BTreeSet<OperationId> {
        let mut spend: u128 = 0;
        let is_beyond = |(rank, entry): (&Rank, &Entry)| {
            let with_it = spend.saturating_add(entry.open_spend());
            if entry.is_executed || with_it <= balance.as_nanos().into() {
                spend = with_it;
                return None;
            }
            Some(*rank.id())
        };
        self.operations.iter().filter_map(is_beyond).collect()
    }

    /// Those that sell more than the sender owns and buys, without the purchases that leave.
    fn beyond_rolls(&self, rolls: u64, leaving: &BTreeSet<OperationId>) -> Vec<OperationId> {
        let staying = || {
            let all = self.operations.iter();
            all.filter(|(rank, _)| !leaving.contains(rank.id()))
        };
        let bought = staying().map(|(_, entry)| entry.open(Pending::rolls_bought));
        let available = bought.fold(rolls.into(), u128::saturating_add);
        let mut sold: u128 = 0;
        let is_beyond = |(rank, entry): (&Rank, &Entry)| {
            let with_it = sold.saturating_add(entry.open(Pending::rolls_sold));
            if with_it <= available {
                sold = with_it;
                return None;
            }
            Some(*rank.id())
        };
        staying().filter_map(is_beyond).collect()
    }
}

#[cfg(test)]
impl ThreadOperations {
    /// Everything is found out again from `by_id`, and must be as it is kept.
    pub(crate) fn check_invariants(&self) {
        let all = || self.by_id.values();
        let is_parked = |pending: &&Arc<Pending>| {
            let sender = &self.senders[&pending.sender];
            sender.operations[&pending.rank].is_parked
        };
        let is_ready = |pending: &&Arc<Pending>| {
            pending.first_period <= self.ready_period && !is_parked(pending)
        };
        let ranks = |items: Vec<&Arc<Pending>>| -> BTreeSet<Rank> {
            items.iter().map(|pending| pending.rank).collect()
        };
        let kept = |index: &BTreeMap<Rank, Arc<Pending>>| -> BTreeSet<Rank> {
            index.keys().copied().collect()
        };
        let ready: BTreeSet<Rank> = self.ready.keys().copied().collect();
        assert_eq!(ready, ranks(all().filter(is_ready).collect()));
        let waiting: Vec<_> = all().filter(|pending| !is_ready(pending)).collect();
        let by_start = waiting
            .iter()
            .filter(|pending| !is_parked(pending))
            .map(|pending| (pending.first_period, pending.rank));
        assert_eq!(self.by_start, by_start.collect());
        assert_eq!(kept(&self.waiting), ranks(waiting));
        let by_expiry = all().map(|pending| (pending.expire_period, pending.rank));
        assert_eq!(self.by_expiry, by_expiry.collect());
        assert_eq!(
            self.bytes,
            all().map(|pending| pending.size_bytes).sum::<u64>()
        );

        let entries = || {
            self.senders
                .values()
                .flat_map(|sender| sender.operations.values())
        };
        assert_eq!(
            entries()
                .map(|entry| entry.pending.rank)
                .collect::<BTreeSet<_>>(),
            ranks(all().collect())
        );
        for (address, sender) in &self.senders {
            assert!((1..=self.limits.operations_per_sender).contains(&sender.operations.len()));
            let of_sender = |entry: &Entry| entry.pending.sender == *address;
            assert!(sender.operations.values().all(of_sender));
            let spend: u128 = sender.operations.values().map(Entry::open_spend).sum();
            assert_eq!(sender.spend, spend);
            let sum = |what: fn(&Pending) -> u128| -> u128 {
                sender
                    .operations
                    .values()
                    .map(|entry| entry.open(what))
                    .sum()
            };
            assert_eq!(sender.rolls_bought, sum(Pending::rolls_bought));
            assert_eq!(sender.rolls_sold, sum(Pending::rolls_sold));
        }
        for (id, pending) in &self.by_id {
            assert_eq!(*id, pending.id());
            assert_eq!(*id, *pending.rank.id());
            assert!(!self.is_over(pending.expire_period));
        }
        assert!(self.by_id.len() <= self.limits.operations);
        assert!(self.bytes <= self.limits.bytes);
    }
}
