//! The core: messages and time in; persist, sign, send, timer and decision out.

mod outcomes;
mod receive;
mod thread;

use crate::canonical_rule::{CanonicalRule, canonical_rule};
use crate::env::{Env, Outbox, OwnSigned, Shared};
use crate::planted::Planted;
use crate::signers::Signers;
use crate::{
    BehindReason, BestParents, Config, ConsensusError, ConsensusSummary, Input, Output, Peer,
    SignResult, SlotStatus, SlotVotes, ThreadChain, ThreadStart, ThreadSummary, Timers, Verifier,
};
use picot_clock::{Millis, SlotClock, Timestamp};
use picot_models::{Address, Block, BlockId, PublicKey, Slot, ValidatorSet};
use picot_selector::Selector;
use picot_wallet::SignRequest;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use thread::{ThreadState, thread_bit};

/// The agreement on all slots of all threads, as a state machine without I/O.
///
/// [`step`](Self::step) is deterministic: the same inputs at the same times give the same outputs.
/// It knows no clock, no threads, no disk, no network. It reads the draws of cycles that it was told
/// are ready ([`Input::CycleReady`]); these never change.
pub struct Engine {
    shared: Shared,
    chains: Vec<ThreadChain>,
    threads: Vec<ThreadState>,
    signers: Signers,
    /// What the clock showed at the last step.
    clock_time: Timestamp,
    /// When time alone may give something to do, and what the clock will show then.
    due_at: Option<Timestamp>,
    wake_at: Option<Timestamp>,
    /// When time alone may give each thread something to do.
    thread_wakes: Vec<Option<Timestamp>>,
    /// Threads that something happened to: one bit each, for there are at most 64.
    dirty: u64,
    /// Threads with an open slot, in the same way.
    open_threads: u64,
    /// Whether all threads are evaluated once more at every step, which must make no difference.
    #[cfg(test)]
    pub(crate) evaluates_always: bool,
    /// Whether the start-up wait had ended at the last step.
    voting: bool,
    awaiting: Option<u64>,
    decided_slots: u64,
    missed_slots: u64,
    bad_signatures: u64,
    faults: u64,
}

impl Engine {
    /// An engine that goes on from `starts`, one for each thread, with the canonical rule of the
    /// parameters.
    ///
    /// # Errors
    /// [`ConsensusError::Config`].
    pub fn new(
        config: Config,
        selector: Arc<dyn Selector>,
        verifier: Box<dyn Verifier>,
        starts: Vec<ThreadStart>,
    ) -> Result<Self, ConsensusError> {
        let rule = canonical_rule(&config.params, Arc::clone(&selector));
        Self::with_rule(config, selector, verifier, rule, starts)
    }

    /// As [`new`](Self::new), with a canonical rule of one's own.
    ///
    /// # Errors
    /// [`ConsensusError::Config`].
    pub fn with_rule(
        config: Config,
        selector: Arc<dyn Selector>,
        verifier: Box<dyn Verifier>,
        rule: Box<dyn CanonicalRule>,
        starts: Vec<ThreadStart>,
    ) -> Result<Self, ConsensusError> {
        let clock = config.validate()?;
        if starts.len() != usize::from(config.params.thread_count) {
            return Err(ConsensusError::Config(format!(
                "{} threads to start from, the chain has {}",
                starts.len(),
                config.params.thread_count
            )));
        }
        let validity = config.params.operation_validity_periods;
        let chains: Vec<_> = (0_u8..)
            .zip(starts)
            .map(|(thread, start)| ThreadChain::new(thread, validity, start))
            .collect();
        let threads: Vec<ThreadState> = chains
            .iter()
            .map(|chain| ThreadState::new(config.is_trusted(&clock, chain.last_decided())))
            .collect();
        Ok(Self {
            shared: Shared {
                timers: Timers::new(&config.params),
                signs_from: config.voting_from,
                config,
                clock,
                selector,
                rule,
                verifier,
                cycles: BTreeMap::new(),
                keys: BTreeMap::new(),
                held_keys: BTreeSet::new(),
                restored: BTreeMap::new(),
                set_back: Millis::ZERO,
                planted: Planted::default(),
            },
            thread_wakes: vec![None; threads.len()],
            chains,
            threads,
            signers: Signers::default(),
            clock_time: Timestamp::EPOCH,
            due_at: None,
            wake_at: None,
            dirty: u64::MAX,
            open_threads: 0,
            #[cfg(test)]
            evaluates_always: false,
            voting: false,
            awaiting: None,
            decided_slots: 0,
            missed_slots: 0,
            bad_signatures: 0,
            faults: 0,
        })
    }

    /// Plants a bug, before the first step.
    #[cfg(feature = "planted-bugs")]
    pub const fn plant(&mut self, bug: crate::PlantedBug) {
        self.shared.planted = Planted::new(bug);
    }

    /// Takes one input at a time, and gives what is to be done because of it, in order.
    ///
    /// `now` is what the clock shows, and slots begin by it. It may be set back or leap, as wall
    /// clocks do. Waits that run do not get longer then: they go on from the latest time that was
    /// given. A leap ahead counts as time that passed, for a process that was suspended cannot tell.
    /// After the clock was set back, a step is needed to learn anew when to wake.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        self.step_all(now, [input])
    }

    /// Takes several inputs that wait together, so that one sync serves what comes of all of them.
    pub fn step_all(
        &mut self,
        now: Timestamp,
        inputs: impl IntoIterator<Item = Input>,
    ) -> Vec<Output> {
        let mut out = Outbox::default();
        let now = self.run_on(now);
        self.mark_due(now);
        for input in inputs {
            self.take(now, input, &mut out);
        }
        if self.dirty != 0 {
            self.evaluate(now, &mut out);
            self.wake(now, &mut out);
        }
        #[cfg(test)]
        if self.evaluates_always {
            self.mark_all();
            self.evaluate(now, &mut out);
            self.wake(now, &mut out);
        }
        self.held_keys(&mut out);
        self.bad_signatures = self.bad_signatures.saturating_add(out.bad_signatures);
        self.faults = self.faults.saturating_add(out.faults);
        out.into_outputs()
    }

    /// The time by which waits run: it goes on when the clock is set back.
    fn run_on(&mut self, clock: Timestamp) -> Timestamp {
        if let Some(back) = self.clock_time.since(clock)
            && back > Millis::ZERO
        {
            let set_back = self.shared.set_back;
            self.shared.set_back = set_back.checked_add(back).unwrap_or(set_back);
            self.mark_all();
        }
        self.clock_time = clock;
        self.shared.running(clock)
    }

    /// Only threads to which something happened are evaluated.
    fn mark(&mut self, thread: u8) {
        self.dirty |= thread_bit(thread);
    }

    fn mark_all(&mut self) {
        self.dirty = u64::MAX;
    }

    /// Time happens to the threads that waited for it.
    fn mark_due(&mut self, now: Timestamp) {
        if !self.voting && now >= self.shared.signs_from {
            self.voting = true;
            self.mark_all();
        }
        // Of all threads the earliest.
        if self.due_at.is_none_or(|at| at > now) {
            return;
        }
        for (thread, wake_at) in (0_u8..).zip(&self.thread_wakes) {
            if wake_at.is_some_and(|at| at <= now) {
                self.dirty |= thread_bit(thread);
            }
        }
    }

    fn take(&mut self, now: Timestamp, input: Input, out: &mut Outbox) {
        match input {
            // Time happens to the threads that wait for it, whatever the input.
            Input::Tick => {}
            Input::OwnBlock(block) => self.on_own_block(now, block, out),
            Input::Message { from, message } => self.on_message(now, from, &message, out),
            Input::Body(block) => self.on_body(now, block, None, out),
            Input::DecidedElsewhere { peer, slots } => self.on_decided_elsewhere(now, peer, &slots),
            Input::CycleReady(validators) => self.on_cycle_ready(validators),
            Input::Keys(keys) => self.on_keys(now, &keys),
            Input::Restore(records) => self.on_restore(now, records),
            Input::Signed(results) => self.on_signed(now, results, out),
            Input::CandidatesStored(ids) => self.on_candidates_stored(&ids),
            Input::DecisionsStored(slots) => self.on_decisions_stored(now, &slots, out),
            Input::Resolved { id, slot } => self.on_resolved(id, slot),
        }
    }

    /// What a step may read in a thread.
    fn env(&self, thread: u8, now: Timestamp) -> Env<'_> {
        let may_sign = now >= self.shared.signs_from
            && self
                .threads
                .get(usize::from(thread))
                .is_some_and(|state| state.trusted);
        Env {
            now,
            shared: &self.shared,
            chains: &self.chains,
            may_sign,
        }
    }

    fn on_cycle_ready(&mut self, validators: Arc<ValidatorSet>) {
        let cycle = validators.cycle();
        self.mark_all();
        self.shared.cycles.insert(cycle, validators);
        if self.awaiting == Some(cycle) {
            self.awaiting = None;
        }
        let needed = self.oldest_cycle();
        self.shared.cycles = self.shared.cycles.split_off(&needed);
    }

    fn on_keys(&mut self, now: Timestamp, keys: &[PublicKey]) {
        self.shared.keys = keys
            .iter()
            .map(|key| (Address::of_key(key), *key))
            .collect();
        self.update_keys(now);
    }

    fn on_restore(&mut self, now: Timestamp, records: Vec<SignRequest>) {
        for record in records {
            let decided = self
                .chains
                .get(usize::from(record.slot.thread))
                .is_none_or(|chain| record.slot.period < chain.next_period());
            if !decided {
                let known = self.shared.restored.entry(record.slot).or_default();
                if !known.contains(&record) {
                    known.push(record);
                }
            }
        }
        self.update_keys(now);
    }

    fn update_keys(&mut self, now: Timestamp) {
        self.mark_all();
        for thread in self.thread_numbers() {
            let Some((state, env, _)) = self.thread_and_env(thread, now) else {
                continue;
            };
            for slot in state.slots.values_mut() {
                slot.update_keys(&env);
            }
        }
    }

    fn on_signed(&mut self, now: Timestamp, results: Vec<SignResult>, out: &mut Outbox) {
        for result in results {
            let (slot, signed) = match result {
                SignResult::Vote(vote) => (vote.content().slot, Ok(OwnSigned::Vote(vote))),
                SignResult::Proposal(proposal) => {
                    (proposal.content().slot, Ok(OwnSigned::Proposal(proposal)))
                }
                // What would contradict an earlier signature stays unsigned; the mark stays too.
                SignResult::Refused(_) => continue,
                SignResult::Failed(unsigned) => (unsigned.slot(), Err(unsigned)),
            };
            self.mark(slot.thread);
            self.with_slot(slot, now, |state, env| match signed {
                Ok(signed) => state.own_signed(env, signed, out),
                Err(unsigned) => state.own_failed(unsigned),
            });
        }
    }

    fn on_candidates_stored(&mut self, ids: &[BlockId]) {
        for thread in self.open_threads() {
            let Some(state) = self.threads.get_mut(usize::from(thread)) else {
                continue;
            };
            let mut stored = false;
            for slot in state.slots.values_mut() {
                stored |= slot.on_stored(ids);
            }
            if stored {
                self.mark(thread);
            }
        }
    }

    fn on_resolved(&mut self, id: BlockId, slot: Option<Slot>) {
        let Some(slot) = slot else {
            return;
        };
        let Some(chain) = self.chains.get_mut(usize::from(slot.thread)) else {
            return;
        };
        if slot.period < chain.next_period() {
            chain.resolve(id, slot.period);
            self.recheck_candidates();
        }
    }

    /// Decided state changed: headers that waited for it are looked at again.
    fn touch_candidates(&mut self) {
        for thread in self.open_threads() {
            let Some(state) = self.threads.get_mut(usize::from(thread)) else {
                continue;
            };
            let mut waits = false;
            for slot in state.slots.values_mut() {
                if slot.opened().is_some() {
                    waits |= slot.candidates.touch();
                }
            }
            if waits {
                self.mark(thread);
            }
        }
    }

    /// A block that headers wait for was found.
    fn recheck_candidates(&mut self) {
        self.mark_all();
        for thread in &mut self.threads {
            for state in thread.slots.values_mut() {
                if state.opened().is_some() {
                    state.candidates.recheck();
                }
            }
        }
    }

    fn held_keys(&mut self, out: &mut Outbox) {
        for address in out.foreign.drain(..) {
            self.shared.held_keys.insert(address);
        }
    }

    fn evaluate(&mut self, now: Timestamp, out: &mut Outbox) {
        // A decision in one thread can free a header that waits in another, so the threads are gone
        // through until nothing is decided any more.
        while self.dirty != 0 {
            let dirty = std::mem::take(&mut self.dirty);
            for thread in self.threads_in(dirty) {
                self.evaluate_thread(thread, now, out);
                let wake_at = self.next_wake_of(thread, now);
                if let Some(known) = self.thread_wakes.get_mut(usize::from(thread)) {
                    *known = wake_at;
                }
            }
        }
    }

    /// The next time at which anything may have to be done.
    fn wake(&mut self, now: Timestamp, out: &mut Outbox) {
        let signs_from = Some(self.shared.signs_from).filter(|at| *at > now);
        let wake_at = self
            .thread_wakes
            .iter()
            .filter_map(|wake_at| *wake_at)
            .chain(signs_from)
            .min();
        let shown = wake_at.map(|at| self.shared.shown(at));
        if shown != self.wake_at
            && let Some(at) = shown
        {
            out.push(Output::WakeAt(at));
        }
        self.due_at = wake_at;
        self.wake_at = shown;
    }

    fn thread_numbers(&self) -> impl Iterator<Item = u8> + use<> {
        0..self.shared.config.params.thread_count
    }

    /// The threads of a set, ascending.
    fn threads_in(&self, mut set: u64) -> impl Iterator<Item = u8> + use<> {
        let count = self.shared.config.params.thread_count;
        std::iter::from_fn(move || {
            let thread = u8::try_from(set.trailing_zeros()).ok()?;
            set &= !thread_bit(thread);
            (thread < count).then_some(thread)
        })
    }

    /// The threads with an open slot.
    fn open_threads(&self) -> impl Iterator<Item = u8> + use<> {
        self.threads_in(self.open_threads)
    }
}

/// Reads.
impl Engine {
    /// The calendar.
    #[must_use]
    pub const fn slot_clock(&self) -> &SlotClock {
        &self.shared.clock
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.shared.config
    }

    /// The decided chains, by thread.
    #[must_use]
    pub fn chains(&self) -> &[ThreadChain] {
        &self.chains
    }

    /// When time alone may give something to do: the last [`Output::WakeAt`].
    #[must_use]
    pub const fn wake_at(&self) -> Option<Timestamp> {
        self.wake_at
    }

    /// The cycle whose draws hold a slot up whose time has come.
    #[must_use]
    pub const fn awaited_cycle(&self) -> Option<u64> {
        self.awaiting
    }

    /// Whether a cycle is of use and was not said to be ready yet.
    #[must_use]
    pub fn needs_cycle(&self, cycle: u64) -> bool {
        cycle >= self.oldest_cycle() && !self.shared.cycles.contains_key(&cycle)
    }

    /// The first slot that is not decided in any thread.
    #[must_use]
    pub fn oldest_undecided(&self) -> Option<Slot> {
        self.chains.iter().map(ThreadChain::next_slot).min()
    }

    /// Drops the blocks of decided slots: a candidate that could not be made durable until its slot
    /// was decided is of no use any more, and if it won, the decision brings its body along.
    pub fn retain_undecided(&self, candidates: &mut Vec<Block>) {
        candidates.retain(|block| {
            let slot = block.slot();
            let chain = self.chains.get(usize::from(slot.thread));
            chain.is_some_and(|chain| slot.period >= chain.next_period())
        });
    }

    fn oldest_cycle(&self) -> u64 {
        self.oldest_undecided()
            .and_then(|slot| self.shared.cycle_of(slot))
            .unwrap_or(0)
            .saturating_sub(1)
    }

    /// The open slots, with what is known of them.
    pub fn open_slots(&self) -> impl Iterator<Item = (Slot, SlotStatus)> + '_ {
        self.chains
            .iter()
            .map(ThreadChain::next_slot)
            .map(|slot| (slot, self.undecided_status(slot)))
    }

    /// The leading candidate of each undecided slot that has one, by ascending slot.
    #[must_use]
    pub fn leading_candidates(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = self
            .threads
            .iter()
            .flat_map(|thread| thread.slots.values())
            .filter_map(|state| state.leading().cloned())
            .collect();
        blocks.sort_by_key(Block::slot);
        blocks
    }

    /// The parents for a block of a slot that is open or would be next in its thread; `None` if the
    /// slot before it in its thread is undecided or it is decided itself, or if this node is behind in
    /// another thread: a parent older than the own-thread parent's makes a block invalid.
    #[must_use]
    pub fn best_parents(&self, slot: Slot) -> Option<BestParents> {
        let own = self.chains.get(usize::from(slot.thread))?;
        if own.next_period() != slot.period {
            return None;
        }
        let parents = self
            .chains
            .iter()
            .zip(0_u8..)
            .map(|(chain, thread)| {
                if thread == slot.thread {
                    return Some(chain.last_block());
                }
                let latest = chain.latest_before(slot)?;
                chain.has_what_is_named_by(own).then_some(latest)
            })
            .collect::<Option<Vec<_>>>()?;
        Some(BestParents { parents })
    }

    /// What is known of an undecided slot.
    #[must_use]
    pub fn undecided_status(&self, slot: Slot) -> SlotStatus {
        let state = self
            .threads
            .get(usize::from(slot.thread))
            .and_then(|thread| thread.slots.get(&slot.period));
        match state.and_then(|state| Some((state, state.opened()?))) {
            Some((state, opened)) => SlotStatus::Undecided {
                round: state.round(),
                opened_at: self.shared.shown(opened.at),
                candidates: state.candidates.complete(),
                leading: state.leading_id(),
            },
            None => SlotStatus::NotOpen,
        }
    }

    /// The candidates and votes of a slot that is undecided, or was decided a few slots ago; nothing
    /// of others.
    #[must_use]
    pub fn votes(&self, slot: Slot) -> SlotVotes {
        let Some(thread) = self.threads.get(usize::from(slot.thread)) else {
            return SlotVotes::default();
        };
        let past = thread.past.iter().find(|state| state.slot() == slot);
        let state = thread.slots.get(&slot.period).or(past);
        state.map(|state| state.votes()).unwrap_or_default()
    }

    /// The state of all threads.
    #[must_use]
    pub fn summary(&self, now: Timestamp) -> ConsensusSummary {
        let threads = (0_u8..)
            .zip(self.chains.iter().zip(&self.threads))
            .map(|(thread, (chain, state))| ThreadSummary {
                thread,
                decided_period: chain.next_period().saturating_sub(1),
                latest_block: chain.last_block(),
                open: state
                    .slots
                    .get(&chain.next_period())
                    .filter(|open| open.opened().is_some())
                    .map(|open| (open.slot(), open.round())),
            })
            .collect();
        ConsensusSummary {
            threads,
            behind: self.behind(now),
            decided_slots: self.decided_slots,
            missed_slots: self.missed_slots,
            bad_signatures: self.bad_signatures,
            faults: self.faults,
        }
    }

    fn behind(&self, now: Timestamp) -> Option<BehindReason> {
        let until = self.shared.shown(self.shared.signs_from);
        if now < until {
            return Some(BehindReason::StartupWait { until });
        }
        let elsewhere = self
            .threads
            .iter()
            .zip(&self.chains)
            .filter_map(|(thread, chain)| {
                let period = thread.behind.as_ref()?.period;
                Some(Slot::new(period, chain.next_slot().thread))
            })
            .max();
        if let Some(decided_elsewhere) = elsewhere {
            return Some(BehindReason::Outcomes { decided_elsewhere });
        }
        if let Some(cycle) = self.awaiting {
            return Some(BehindReason::Draws { cycle });
        }
        let oldest = self.chains.iter().map(ThreadChain::next_slot).min()?;
        let age = now.since(self.shared.clock.start_of(oldest).ok()?)?;
        (age > self.shared.clock.t0()).then_some(BehindReason::Undecided { slot: oldest })
    }

    /// Bytes of state that grow with what others send: for tests of bounds.
    #[cfg(any(test, feature = "mocks"))]
    #[must_use]
    pub fn held_slots(&self) -> usize {
        self.threads.iter().map(|thread| thread.slots.len()).sum()
    }

    /// The headers that are held for a slot, and their bytes: for tests of bounds.
    #[cfg(any(test, feature = "mocks"))]
    #[must_use]
    pub fn held_headers(&self, slot: Slot) -> (usize, usize) {
        let thread = self.threads.get(usize::from(slot.thread));
        let state = thread.and_then(|thread| thread.slots.get(&slot.period));
        state.map_or((0, 0), |state| state.candidates.held_headers())
    }

    /// Bytes of the blocks that are held for outcomes whose turn has not come: for tests of bounds.
    #[cfg(any(test, feature = "mocks"))]
    #[must_use]
    pub fn held_outcome_bytes(&self) -> usize {
        let held = self.threads.iter().flat_map(|it| it.outcomes.values());
        let blocks = held.filter_map(|pending| pending.block.as_ref());
        blocks.fold(0, |sum, held| sum.saturating_add(held.bytes))
    }
}

/// A peer that has to be asked again, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Behind {
    /// The last period that somebody claims to be decided.
    pub(crate) period: u64,
    pub(crate) peer: Option<Peer>,
    pub(crate) ask_at: Timestamp,
    pub(crate) asked: u32,
}
