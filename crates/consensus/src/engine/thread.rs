//! One thread: its slots in order, what came early, what is being stored.

use super::{Behind, Engine};
use crate::certificate_check::BadCertificates;
use crate::env::{Env, Outbox};
use crate::signers::Signers;
use crate::slot::SlotState;
use crate::{Output, Peer, Request};
use picot_clock::Timestamp;
use picot_models::{Block, Outcome, Slot};
use picot_storage::Decided;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Slots after the open one for which messages are held.
pub(super) const SLOTS_AHEAD: u64 = 2;
/// Decided slots whose votes are kept to find faults.
const PAST_SLOTS: usize = 2;
/// How often others are asked about a claim before it is dropped.
const MAX_ASKED: u32 = 3;

/// An outcome that is not applied yet.
#[derive(Debug, Clone)]
pub(super) struct PendingOutcome {
    pub(super) outcome: Arc<Outcome>,
    pub(super) block: Option<HeldBlock>,
    pub(super) from: Option<Peer>,
    /// Its certificate is verified, or was made here of verified votes.
    pub(super) verified: bool,
    /// It was made here.
    pub(super) formed: bool,
}

/// The block that an outcome names and that came along with it, whole; its header's signature is not
/// verified.
#[derive(Debug, Clone)]
pub(super) struct HeldBlock {
    pub(super) block: Block,
    pub(super) bytes: usize,
    pub(super) from: Peer,
}

/// One thread.
#[derive(Debug)]
pub(super) struct ThreadState {
    /// The open slot and the next ones, by period.
    pub(super) slots: BTreeMap<u64, Box<SlotState>>,
    /// Decided slots, for evidence.
    pub(super) past: VecDeque<Box<SlotState>>,
    /// Outcomes that came from elsewhere, by period.
    pub(super) outcomes: BTreeMap<u64, PendingOutcome>,
    /// Outcomes that proved nothing, since the last decision.
    pub(super) bad_outcomes: BadCertificates,
    /// Decisions that are being made durable, and whether they were made here.
    pub(super) storing: VecDeque<(Decided, bool)>,
    /// Whether anything may be signed: see [`crate::Config::signing_log_since`].
    pub(super) trusted: bool,
    /// What others say they have decided.
    pub(super) behind: Option<Behind>,
    /// When the last decision was made.
    pub(super) decided_at: Timestamp,
    /// When peers were last answered with outcomes that they did not ask for.
    pub(super) answered: BTreeMap<Peer, Timestamp>,
}

impl ThreadState {
    pub(super) fn new(trusted: bool) -> Self {
        Self {
            slots: BTreeMap::new(),
            past: VecDeque::new(),
            outcomes: BTreeMap::new(),
            bad_outcomes: BadCertificates::default(),
            storing: VecDeque::new(),
            trusted,
            behind: None,
            decided_at: Timestamp::EPOCH,
            answered: BTreeMap::new(),
        }
    }

    pub(super) fn remember_past(&mut self, mut state: Box<SlotState>) {
        state.close();
        self.past.push_back(state);
        if self.past.len() > PAST_SLOTS {
            self.past.pop_front();
        }
    }

    /// Drops the farthest blocks that came with outcomes, down to a bound: they are asked for when it
    /// is their turn. The nearest stays, whatever its size.
    pub(super) fn bound_pending_blocks(&mut self, max_bytes: usize) {
        let mut bytes = 0_usize;
        let mut is_first = true;
        for pending in self.outcomes.values_mut() {
            let Some(held) = &pending.block else {
                continue;
            };
            bytes = bytes.saturating_add(held.bytes);
            if bytes > max_bytes && !is_first {
                pending.block = None;
            }
            is_first = false;
        }
    }
}

/// The bit of a thread in a set of threads, of which there are at most 64.
pub(super) fn thread_bit(thread: u8) -> u64 {
    1_u64.checked_shl(thread.into()).unwrap_or(0)
}

impl Engine {
    /// A thread, what a step may read in it, and the keys of those who vote there.
    pub(super) fn thread_and_env(
        &mut self,
        thread: u8,
        now: Timestamp,
    ) -> Option<(&mut ThreadState, Env<'_>, &mut Signers)> {
        let Self {
            shared,
            chains,
            threads,
            signers,
            ..
        } = self;
        let thread = threads.get_mut(usize::from(thread))?;
        let env = Env {
            now,
            may_sign: now >= shared.signs_from && thread.trusted,
            shared,
            chains,
        };
        Some((thread, env, signers))
    }

    /// Does something with the state of a slot that is held.
    pub(super) fn with_slot<R>(
        &mut self,
        slot: Slot,
        now: Timestamp,
        action: impl FnOnce(&mut SlotState, &Env<'_>) -> R,
    ) -> Option<R> {
        let (thread, env, _) = self.thread_and_env(slot.thread, now)?;
        let state = thread.slots.get_mut(&slot.period)?;
        Some(action(state, &env))
    }

    /// As [`with_slot`](Self::with_slot), making the state if the slot is the next one of its thread
    /// or a little later, and its draws are known.
    pub(super) fn with_new_slot<R>(
        &mut self,
        slot: Slot,
        now: Timestamp,
        action: impl FnOnce(&mut SlotState, &Env<'_>) -> R,
    ) -> Option<R> {
        self.ensure_slot(slot, now);
        self.with_slot(slot, now, action)
    }

    pub(super) fn ensure_slot(&mut self, slot: Slot, now: Timestamp) {
        let Some(next) = self
            .chains
            .get(usize::from(slot.thread))
            .map(crate::ThreadChain::next_period)
        else {
            return;
        };
        if slot.period < next || slot.period > next.saturating_add(SLOTS_AHEAD) {
            return;
        }
        let missing = self
            .threads
            .get(usize::from(slot.thread))
            .is_some_and(|thread| !thread.slots.contains_key(&slot.period));
        if !missing {
            return;
        }
        let Some(validators) = self.shared.validators_of(slot).map(Arc::clone) else {
            return;
        };
        let state = SlotState::new(&self.env(slot.thread, now), slot, validators);
        if let Some(thread) = self.threads.get_mut(usize::from(slot.thread)) {
            thread.slots.insert(slot.period, Box::new(state));
        }
    }

    /// Brings a thread as far as it goes: outcomes, opening, the rules of the open slot.
    pub(super) fn evaluate_thread(&mut self, thread: u8, now: Timestamp, out: &mut Outbox) {
        loop {
            if self.apply_outcome(thread, now, out) {
                continue;
            }
            let Some(slot) = self.next_slot(thread) else {
                return;
            };
            self.open(slot, now, out);
            self.with_slot(slot, now, |state, env| state.evaluate(env, out));
            if !self.take_final_certificate(slot) {
                break;
            }
        }
        self.ask_if_behind(thread, now, out);
    }

    pub(super) fn next_slot(&self, thread: u8) -> Option<Slot> {
        self.chains
            .get(usize::from(thread))
            .map(crate::ThreadChain::next_slot)
    }

    /// Rule 1, open: the time has come, the slot before is decided and durable, the draws are known.
    fn open(&mut self, slot: Slot, now: Timestamp, out: &mut Outbox) {
        let started = self
            .shared
            .clock
            .start_of(slot)
            .is_ok_and(|start| self.shared.running(start) <= now);
        let stored = self
            .threads
            .get(usize::from(slot.thread))
            .is_some_and(|thread| thread.storing.is_empty());
        if !started || !stored {
            return;
        }
        if self.shared.validators_of(slot).is_none() {
            self.await_cycle(slot, out);
            return;
        }
        self.ensure_slot(slot, now);
        let Some(digest) = self
            .chains
            .get(usize::from(slot.thread))
            .map(crate::ThreadChain::digest)
        else {
            return;
        };
        self.with_slot(slot, now, |state, env| {
            if state.opened().is_none() {
                state.open(env, digest, out);
            }
        });
        self.open_threads |= thread_bit(slot.thread);
    }

    pub(super) fn await_cycle(&mut self, slot: Slot, out: &mut Outbox) {
        if let Some(cycle) = self.shared.cycle_of(slot)
            && self.awaiting.is_none_or(|awaited| cycle < awaited)
        {
            self.awaiting = Some(cycle);
            out.push(Output::AwaitCycle(cycle));
        }
    }

    /// A decision made here takes the same way as one from elsewhere.
    fn take_final_certificate(&mut self, slot: Slot) -> bool {
        let Some(thread) = self.threads.get_mut(usize::from(slot.thread)) else {
            return false;
        };
        if thread
            .outcomes
            .get(&slot.period)
            .is_some_and(|pending| pending.verified)
        {
            return false;
        }
        let Some(certificate) = thread
            .slots
            .get(&slot.period)
            .and_then(|state| state.final_certificate())
        else {
            return false;
        };
        let Ok(outcome) = Outcome::new(picot_models::Certificate::clone(certificate)) else {
            return false;
        };
        let came_along = thread
            .outcomes
            .remove(&slot.period)
            .filter(|pending| pending.outcome.value() == outcome.value())
            .and_then(|pending| pending.block);
        let pending = PendingOutcome {
            outcome: Arc::new(outcome),
            block: came_along,
            from: None,
            verified: true,
            formed: true,
        };
        thread.outcomes.insert(slot.period, pending);
        true
    }

    /// Others say that they have decided more: ask, first who said so, then anyone; a claim that
    /// nobody can prove is dropped.
    fn ask_if_behind(&mut self, thread: u8, now: Timestamp, out: &mut Outbox) {
        let Some(next) = self.next_slot(thread) else {
            return;
        };
        let wait = self.shared.timers.answer_wait();
        let Some(state) = self.threads.get_mut(usize::from(thread)) else {
            return;
        };
        let Some(behind) = &mut state.behind else {
            return;
        };
        if next.period > behind.period || behind.asked >= MAX_ASKED && behind.ask_at <= now {
            state.behind = None;
            return;
        }
        if behind.ask_at > now || state.outcomes.contains_key(&next.period) {
            return;
        }
        let to = if behind.asked == 0 { behind.peer } else { None };
        behind.asked = behind.asked.saturating_add(1);
        behind.ask_at = crate::timers::after(now, wait);
        let request = Request::Outcomes {
            thread,
            period: next.period,
        };
        out.push(Output::Ask { to, request });
    }

    pub(super) fn next_wake_of(&self, thread: u8, now: Timestamp) -> Option<Timestamp> {
        let slot = self.next_slot(thread)?;
        let state = self.threads.get(usize::from(thread))?;
        let open = state
            .slots
            .get(&slot.period)
            .and_then(|open| open.next_wake(&self.env(thread, now)));
        let start = self.shared.clock.start_of(slot).ok();
        let start = start.map(|start| self.shared.running(start));
        let behind = state.behind.map(|behind| behind.ask_at);
        [open, start, behind]
            .into_iter()
            .flatten()
            .filter(|at| *at > now)
            .min()
    }
}
