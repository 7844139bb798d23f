//! Decisions: applied in order, made durable, then told (rule 8).

use super::Engine;
use super::thread::{HeldBlock, PendingOutcome, thread_bit};
use crate::certificate_check::bad_certificates;
use crate::env::{Outbox, Shared};
use crate::range_miss::opens_late;
use crate::timers::after;
use crate::{
    ConsensusEvent, MAX_ANSWER_BYTES, Message, Output, Peer, PeerFault, ThreadChain, range_miss,
};
use picot_clock::{Millis, Timestamp};
use picot_models::{Block, BlockEnvelope, BlockId, Outcome, Slot, Value};
use picot_serialization::Encode;
use picot_storage::Decided;
use std::sync::Arc;

/// Outcomes that are held until those before them come.
const MAX_PENDING_OUTCOMES: usize = 128;
/// Outcomes whose certificates are verified together.
const VERIFIED_TOGETHER: usize = 32;

impl Engine {
    /// An outcome from elsewhere. Without a certificate that proves it, it has no effect.
    pub(super) fn on_outcome(
        &mut self,
        now: Timestamp,
        from: Peer,
        outcome: &Outcome,
        block: Option<&BlockEnvelope>,
        out: &mut Outbox,
    ) {
        let slot = outcome.slot();
        let params = &self.shared.config.params;
        if slot.thread >= params.thread_count
            || !range_miss::is_within_cycle(params, slot, &outcome.value())
        {
            out.blame(Some(from), PeerFault::Malformed);
            return;
        }
        let Some(next) = self.next_slot(slot.thread) else {
            return;
        };
        if slot.period < next.period || self.ignores_outcomes_of(slot.thread, from) {
            return;
        }
        if slot.period > next.period {
            // Nobody can have decided it: kept, it would be a claim that never ends.
            if self.is_in_the_future(slot, now) {
                return;
            }
            self.claim(now, slot, slot.period.saturating_sub(1), from, Millis::ZERO);
        }
        if !self.makes_room(slot, outcome, from) {
            return;
        }
        let came_along = block
            .filter(|_| self.lacks_block(slot, outcome))
            .and_then(|block| self.block_of(outcome, block, from, out));
        let Some(thread) = self.threads.get_mut(usize::from(slot.thread)) else {
            return;
        };
        let mut known = thread.outcomes.remove(&slot.period);
        let held = known
            .as_mut()
            .filter(|known| known.outcome.value() == outcome.value())
            .and_then(|known| known.block.take());
        // An unproven outcome must not keep the true one out.
        let kept = known.filter(|known| known.verified || known.from == Some(from));
        let mut pending = kept.unwrap_or_else(|| PendingOutcome {
            outcome: Arc::new(outcome.clone()),
            block: None,
            from: Some(from),
            verified: false,
            formed: false,
        });
        pending.block = held.or(came_along);
        thread.outcomes.insert(slot.period, pending);
        thread.bound_pending_blocks(MAX_ANSWER_BYTES);
    }

    /// Whether an outcome can be of use: it is of a place that is free, or holds the same value, or
    /// holds one that nobody has proven yet.
    fn makes_room(&mut self, slot: Slot, outcome: &Outcome, from: Peer) -> bool {
        let Some(thread) = self.threads.get_mut(usize::from(slot.thread)) else {
            return false;
        };
        match thread.outcomes.get(&slot.period) {
            Some(known) => {
                known.outcome.value() == outcome.value()
                    || !known.verified && known.from != Some(from)
            }
            None if thread.outcomes.len() < MAX_PENDING_OUTCOMES => true,
            // The nearest are of use first; far ones must not keep them out.
            None => match thread.outcomes.last_entry() {
                Some(last) if *last.key() > slot.period => {
                    last.remove();
                    true
                }
                _ => false,
            },
        }
    }

    /// Whether the block of an outcome is not held with an outcome of the same value.
    fn lacks_block(&self, slot: Slot, outcome: &Outcome) -> bool {
        let thread = self.threads.get(usize::from(slot.thread));
        thread
            .and_then(|thread| thread.outcomes.get(&slot.period))
            .is_none_or(|known| known.block.is_none() || known.outcome.value() != outcome.value())
    }

    /// The block that came along with an outcome, if it is the one that is named there, whole, and
    /// not larger than any that can be decided.
    fn block_of(
        &self,
        outcome: &Outcome,
        block: &BlockEnvelope,
        from: Peer,
        out: &mut Outbox,
    ) -> Option<HeldBlock> {
        let config = &self.shared.config;
        let header = block.header.clone().identify(&config.chain_id);
        let bytes = block.operations.iter().fold(0_usize, |sum, operation| {
            sum.saturating_add(operation.encoded_len())
        });
        let is_named = outcome.value().block() == Some(header.id());
        let fits = u64::try_from(bytes).is_ok_and(|it| it <= config.params.max_block_size_bytes);
        let whole = (is_named && fits).then(|| Block {
            operations: block
                .operations
                .iter()
                .map(|operation| Arc::new(operation.clone().identify(&config.chain_id)))
                .collect(),
            header: Arc::new(header),
        });
        let Some(whole) = whole.filter(Block::matches_header) else {
            out.blame(Some(from), PeerFault::WrongBody);
            return None;
        };
        Some(HeldBlock {
            bytes: bytes.saturating_add(whole.header.encoded_len()),
            block: whole,
            from,
        })
    }

    /// Applies the outcome of the next slot, if it is there, proven, and its block is held. True if
    /// something was decided.
    pub(super) fn apply_outcome(&mut self, thread: u8, now: Timestamp, out: &mut Outbox) -> bool {
        let Some(slot) = self.next_slot(thread) else {
            return false;
        };
        if !self.has_outcome(slot) {
            return false;
        }
        if self.shared.validators_of(slot).is_none() {
            self.await_cycle(slot, out);
            return false;
        }
        self.verify_outcomes(slot, out);
        if !self.continues_history(slot, out) {
            return false;
        }
        let Some((outcome, formed)) = self
            .threads
            .get(usize::from(thread))
            .and_then(|state| state.outcomes.get(&slot.period))
            .filter(|pending| pending.verified)
            .map(|pending| (Arc::clone(&pending.outcome), pending.formed))
        else {
            return false;
        };
        let block = match outcome.value() {
            Value::Miss { .. } => None,
            Value::Block { id } => match self.decided_block(slot, id, now, out) {
                Some(block) => Some(block),
                None => return false,
            },
        };
        if !formed {
            self.listen_again_if_catching_up(slot, now);
        }
        self.settle(slot, outcome, formed, block, now, out);
        true
    }

    /// An outcome whose certificate was verified ahead of its turn must be of this history too.
    fn continues_history(&mut self, slot: Slot, out: &mut Outbox) -> bool {
        let digest = self
            .chains
            .get(usize::from(slot.thread))
            .map(ThreadChain::digest);
        let Some(thread) = self.threads.get(usize::from(slot.thread)) else {
            return false;
        };
        let other = thread
            .outcomes
            .get(&slot.period)
            .is_some_and(|pending| Some(pending.outcome.certificate().thread_digest) != digest);
        if other {
            self.mark_outcomes(slot.thread, &[], &[slot.period], out);
        }
        !other
    }

    fn ignores_outcomes_of(&self, thread: u8, peer: Peer) -> bool {
        self.threads
            .get(usize::from(thread))
            .is_some_and(|state| state.bad_outcomes.are_ignored(peer))
    }

    fn has_outcome(&self, slot: Slot) -> bool {
        self.threads
            .get(usize::from(slot.thread))
            .is_some_and(|state| state.outcomes.contains_key(&slot.period))
    }

    /// Verifies the certificate of the next outcome, together with those after it: a node that
    /// catches up checks many at once.
    fn verify_outcomes(&mut self, slot: Slot, out: &mut Outbox) {
        let Some(digest) = self
            .chains
            .get(usize::from(slot.thread))
            .map(ThreadChain::digest)
        else {
            return;
        };
        let Some(state) = self.threads.get(usize::from(slot.thread)) else {
            return;
        };
        if state
            .outcomes
            .get(&slot.period)
            .is_none_or(|pending| pending.verified)
        {
            return;
        }
        let version = self.shared.config.params.protocol_version;
        let chain_id = &self.shared.config.chain_id;
        let mut periods = Vec::new();
        let mut certificates = Vec::new();
        let mut wrong = Vec::new();
        let unverified = state.outcomes.range(slot.period..);
        for (&period, pending) in unverified
            .filter(|(_, pending)| !pending.verified)
            .take(VERIFIED_TOGETHER)
        {
            let certificate = pending.outcome.certificate();
            let Some(validators) = self.shared.validators_of(certificate.slot) else {
                break;
            };
            let other_history = period == slot.period && certificate.thread_digest != digest;
            if other_history
                || certificate.version != version
                || self
                    .shared
                    .planted
                    .check_power(certificate, validators)
                    .is_err()
            {
                wrong.push(period);
                continue;
            }
            certificates.push(certificate.batch_entries(chain_id));
            periods.push(period);
        }
        let bad = bad_certificates(self.shared.verifier.as_ref(), &certificates);
        let mut good = Vec::new();
        for (index, period) in periods.into_iter().enumerate() {
            if bad.contains(&index) {
                wrong.push(period);
            } else {
                good.push(period);
            }
        }
        self.mark_outcomes(slot.thread, &good, &wrong, out);
    }

    fn mark_outcomes(&mut self, thread: u8, good: &[u64], wrong: &[u64], out: &mut Outbox) {
        let Some(state) = self.threads.get_mut(usize::from(thread)) else {
            return;
        };
        for period in good {
            if let Some(pending) = state.outcomes.get_mut(period) {
                pending.verified = true;
            }
        }
        for period in wrong {
            if let Some(PendingOutcome {
                from: Some(from), ..
            }) = state.outcomes.remove(period)
            {
                state.bad_outcomes.count(from);
                out.blame(Some(from), PeerFault::BadCertificate);
            }
        }
    }

    /// The block of a proven outcome: it is held as a candidate, came along, or is asked for from
    /// whoever has it (more than a third of the stake's honest holders do).
    fn decided_block(
        &mut self,
        slot: Slot,
        id: BlockId,
        now: Timestamp,
        out: &mut Outbox,
    ) -> Option<Block> {
        let held = self
            .with_slot(slot, now, |state, env| {
                state.candidates.decided_block(env, &id, out)
            })
            .flatten();
        if let Some(block) = held.or_else(|| self.block_that_came_along(slot, out)) {
            return Some(block);
        }
        self.with_new_slot(slot, now, |state, env| {
            state.candidates.want_decided(id);
            state.candidates.check(env, out);
        });
        None
    }

    /// It is whole; its header's signature is verified here, once.
    fn block_that_came_along(&mut self, slot: Slot, out: &mut Outbox) -> Option<Block> {
        let thread = self.threads.get_mut(usize::from(slot.thread))?;
        let held = thread.outcomes.get_mut(&slot.period)?.block.take()?;
        if self.shared.is_valid(held.block.header.batch_entry()) {
            return Some(held.block);
        }
        thread.bad_outcomes.count(held.from);
        out.blame(Some(held.from), PeerFault::BadSignature);
        None
    }

    /// The start-up wait is for listening to those who sign now (design 08, 'Start-up safety'). While
    /// others' outcomes of late slots bring a thread nearer to the present, sooner than the slots took
    /// to pass, there was nothing of the present to hear: the wait begins again. That ends, for such a
    /// thread arrives; and where nobody decides, it does not happen.
    fn listen_again_if_catching_up(&mut self, slot: Slot, now: Timestamp) {
        let shared = &self.shared;
        if now >= shared.signs_from || !opens_late(&shared.clock, slot, shared.shown(now)) {
            return;
        }
        let thread = self.threads.get(usize::from(slot.thread));
        let state = thread.and_then(|thread| thread.slots.get(&slot.period));
        let is_news = state
            .and_then(|state| state.opened())
            .is_none_or(|opened| now < after(opened.at, shared.clock.t0()));
        if is_news {
            let wait = Millis(shared.config.params.endorsement_startup_delay_ms);
            self.shared.signs_from = shared.signs_from.max(after(now, wait));
        }
    }

    /// Appends a decision to the thread's chain and asks for it to be made durable. Nothing is
    /// signed for a later slot of the thread before it is.
    fn settle(
        &mut self,
        slot: Slot,
        outcome: Arc<Outcome>,
        formed: bool,
        block: Option<Block>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let value = outcome.value();
        if let Some(chain) = self.chains.get_mut(usize::from(slot.thread)) {
            chain.append(&value, block.as_ref());
        }
        let through = outcome.through();
        let slots = through.saturating_sub(slot.period).saturating_add(1);
        self.decided_slots = self.decided_slots.saturating_add(slots);
        if block.is_none() {
            self.missed_slots = self.missed_slots.saturating_add(slots);
        }
        let decided = Decided { outcome, block };
        out.decide(decided.clone());
        self.close_slots(slot, &decided, formed, now, out);
        self.shared
            .restored
            .retain(|restored, _| restored.thread != slot.thread || restored.period > through);
        self.touch_candidates();
    }

    fn close_slots(
        &mut self,
        slot: Slot,
        decided: &Decided,
        formed: bool,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let next = decided.through().saturating_add(1);
        let Shared { config, clock, .. } = &self.shared;
        let trusted = config.is_trusted(clock, Slot::new(decided.through(), slot.thread));
        let Some(thread) = self.threads.get_mut(usize::from(slot.thread)) else {
            return;
        };
        while let Some(first) = thread.slots.first_entry()
            && *first.key() < next
        {
            let state = first.remove();
            for block in state.candidates.losers(decided.outcome.value().block()) {
                out.push(Output::Lost(block));
            }
            if state.leading_id().is_some() {
                out.candidates_changed();
            }
            thread.remember_past(state);
        }
        while let Some(first) = thread.outcomes.first_entry()
            && *first.key() < next
        {
            first.remove();
        }
        self.open_threads &= !thread_bit(slot.thread);
        thread.bad_outcomes.clear();
        thread.storing.push_back((decided.clone(), formed));
        thread.decided_at = now;
        thread.trusted |= trusted;
        if let Some(behind) = &mut thread.behind {
            behind.asked = 0;
            behind.ask_at = now;
        }
    }

    /// The decision is durable: it is told, and the next slot may open.
    pub(super) fn on_decisions_stored(&mut self, now: Timestamp, slots: &[Slot], out: &mut Outbox) {
        for slot in slots {
            self.mark(slot.thread);
            let Some(thread) = self.threads.get_mut(usize::from(slot.thread)) else {
                continue;
            };
            if thread
                .storing
                .front()
                .is_none_or(|(decided, _)| decided.slot() != *slot)
            {
                continue;
            }
            let Some((decided, formed)) = thread.storing.pop_front() else {
                continue;
            };
            if formed {
                let certificate = decided.outcome.certificate();
                let message = Message::Have {
                    slot: *slot,
                    round: certificate.round,
                    subject: certificate.subject,
                };
                out.push(Output::Tell(Arc::new(message)));
            }
            let shown = self.shared.shown(now);
            let start = self.shared.clock.start_of(*slot).unwrap_or(shown);
            out.push(Output::Event(ConsensusEvent::Decided {
                slot: *slot,
                through: decided.through(),
                value: decided.outcome.value(),
                round: decided.outcome.certificate().round,
                delay: shown.since(start).unwrap_or(Millis::ZERO),
            }));
            out.push(Output::Decided(decided));
        }
    }

    /// Somebody claims that a thread is decided through a period: it has to be asked, in a moment.
    pub(super) fn claim(
        &mut self,
        now: Timestamp,
        slot: Slot,
        period: u64,
        from: Peer,
        wait: Millis,
    ) {
        let Some(thread) = self.threads.get_mut(usize::from(slot.thread)) else {
            return;
        };
        match &mut thread.behind {
            Some(behind) => behind.period = behind.period.max(period),
            None => {
                thread.behind = Some(super::Behind {
                    period,
                    peer: Some(from),
                    ask_at: after(now, wait),
                    asked: 0,
                });
                self.mark(slot.thread);
            }
        }
    }
}
