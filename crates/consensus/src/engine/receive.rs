//! Messages, each to its slot; what is about a decided slot is answered with its outcome.

use super::Engine;
use super::thread::SLOTS_AHEAD;
use crate::env::Outbox;
use crate::timers::after;
use crate::{Message, Output, Peer, PeerFault, Request};
use picot_clock::{Millis, Timestamp};
use picot_models::{
    Block, BlockEnvelope, Certificate, CertificateSubject, Envelope, Header, Justification,
    RoundProposal, SignedHeader, Slot, Vote,
};
use std::sync::Arc;

/// Peers that are remembered to have been answered, in each thread.
const MAX_ANSWERED_PEERS: usize = 256;

/// Where a slot is.
enum Place {
    /// Decided.
    Past,
    /// The open one or one of the next.
    Present,
    /// So far ahead that others must have decided what is open here.
    Ahead,
}

impl Engine {
    pub(super) fn on_message(
        &mut self,
        now: Timestamp,
        from: Peer,
        message: &Arc<Message>,
        out: &mut Outbox,
    ) {
        if let Some(slot) = message.slot()
            && (slot.thread >= self.shared.config.params.thread_count || slot.period == 0)
        {
            out.blame(Some(from), PeerFault::Malformed);
            return;
        }
        // Of these two most change nothing that a rule reads.
        let is_frequent = matches!(**message, Message::Vote(_) | Message::Have { .. });
        if let Some(slot) = message.slot().filter(|_| !is_frequent) {
            self.mark(slot.thread);
        }
        match message.as_ref() {
            Message::Candidate(header) => self.on_header(now, from, header, out),
            Message::Vote(vote) => self.on_vote(now, from, message, vote, out),
            Message::Proposal {
                proposal,
                justification,
            } => self.on_proposal(now, from, message, proposal, justification, out),
            Message::Certificate(certificate) => self.on_certificate(now, from, certificate, out),
            Message::Have {
                slot,
                round,
                subject,
            } => self.on_have(now, from, *slot, *round, *subject, out),
            Message::Outcome { outcome, block } => {
                self.on_outcome(now, from, outcome, block.as_ref(), out);
            }
            Message::Ask(request) => self.on_ask(now, from, *request, out),
            Message::Body(block) => {
                let block = self.identify_block(block);
                self.on_body(now, block, Some(from), out);
            }
            Message::NotHeld(request) => self.on_not_held(now, from, *request),
        }
    }

    /// Who said to have decided more does not keep what is needed first: others are asked at once.
    fn on_not_held(&mut self, now: Timestamp, from: Peer, request: Request) {
        let Request::Outcomes { thread, .. } = request else {
            return;
        };
        let state = self.threads.get_mut(usize::from(thread));
        if let Some(behind) = state.and_then(|state| state.behind.as_mut())
            && behind.peer == Some(from)
            && behind.asked == 1
        {
            behind.ask_at = now;
            self.mark(thread);
        }
    }

    /// A header with its id: one that is held is not hashed again.
    fn identify_header(&self, header: &Envelope<Header>) -> Arc<SignedHeader> {
        let slot = header.content.slot;
        let thread = self.threads.get(usize::from(slot.thread));
        let held = thread
            .and_then(|thread| thread.slots.get(&slot.period))
            .and_then(|state| state.candidates.same_header(header));
        match held {
            Some(held) => Arc::clone(held),
            None => Arc::new(header.clone().identify(&self.shared.config.chain_id)),
        }
    }

    fn identify_block(&self, block: &BlockEnvelope) -> Block {
        let chain_id = &self.shared.config.chain_id;
        let operations = block.operations.iter();
        Block {
            header: self.identify_header(&block.header),
            operations: operations
                .map(|operation| Arc::new(operation.clone().identify(chain_id)))
                .collect(),
        }
    }

    fn place(&self, slot: Slot) -> Place {
        let next = self.next_slot(slot.thread).map_or(0, |next| next.period);
        if slot.period < next {
            Place::Past
        } else if slot.period <= next.saturating_add(SLOTS_AHEAD) {
            Place::Present
        } else {
            Place::Ahead
        }
    }

    /// Whether a slot begins so far in the future that no honest clock is there.
    pub(super) fn is_in_the_future(&self, slot: Slot, now: Timestamp) -> bool {
        let drift = Millis(self.shared.config.params.max_clock_drift_ms);
        self.shared
            .clock
            .start_of(slot)
            .map_or(true, |start| start > after(self.shared.shown(now), drift))
    }

    /// A message about a later slot of a thread says that its sender decided the one that is open
    /// here: if that does not come by itself, it is asked for.
    fn hear_of_later(&mut self, now: Timestamp, slot: Slot, from: Peer) {
        let is_open = self
            .next_slot(slot.thread)
            .is_some_and(|next| slot.period <= next.period);
        if !is_open && !self.is_in_the_future(slot, now) {
            let wait = match self.place(slot) {
                Place::Ahead => Millis::ZERO,
                Place::Past | Place::Present => self.shared.timers.answer_wait(),
            };
            self.claim(now, slot, slot.period.saturating_sub(1), from, wait);
        }
    }

    /// Somebody has decided a slot: if that does not come about here in a moment, it is asked for.
    fn hear_of_decision(&mut self, now: Timestamp, slot: Slot, from: Peer) {
        if !self.is_in_the_future(slot, now) && !matches!(self.place(slot), Place::Past) {
            let wait = self.shared.timers.moment();
            self.claim(now, slot, slot.period, from, wait);
        }
    }

    /// A peer says which slots it has decided last.
    pub(super) fn on_decided_elsewhere(&mut self, now: Timestamp, from: Peer, slots: &[Slot]) {
        for slot in slots {
            if slot.thread < self.shared.config.params.thread_count {
                self.hear_of_decision(now, *slot, from);
            }
        }
    }

    /// Rule 8: who still works on a decided slot is answered with its outcome, at most once in a
    /// while, and not in the moment in which everybody decides.
    fn answer_late(&mut self, now: Timestamp, slot: Slot, from: Peer, out: &mut Outbox) {
        let pause = self.shared.timers.finality_wait();
        let Some(next) = self.next_slot(slot.thread) else {
            return;
        };
        let Some(thread) = self.threads.get_mut(usize::from(slot.thread)) else {
            return;
        };
        let just_decided =
            slot.period.saturating_add(1) == next.period && now < after(thread.decided_at, pause);
        let answered = thread
            .answered
            .get(&from)
            .is_some_and(|at| now < after(*at, pause));
        if just_decided || answered || !thread.storing.is_empty() {
            return;
        }
        if thread.answered.len() >= MAX_ANSWERED_PEERS {
            thread.answered.pop_first();
        }
        thread.answered.insert(from, now);
        let request = Request::Outcomes {
            thread: slot.thread,
            period: slot.period,
        };
        out.push(Output::Answer { to: from, request });
    }

    pub(super) fn on_own_block(&mut self, now: Timestamp, block: Block, out: &mut Outbox) {
        let slot = block.slot();
        self.mark(slot.thread);
        if self
            .shared
            .held_keys
            .contains(&block.header.signer_address())
        {
            return;
        }
        self.with_new_slot(slot, now, |state, env| {
            state.on_header(env, Arc::clone(&block.header), None, out);
            state.on_body(env, block, None, out);
        });
    }

    pub(super) fn on_body(
        &mut self,
        now: Timestamp,
        block: Block,
        from: Option<Peer>,
        out: &mut Outbox,
    ) {
        let slot = block.slot();
        self.mark(slot.thread);
        if slot.period > 0 {
            self.with_slot(slot, now, |state, env| state.on_body(env, block, from, out));
        }
    }

    fn on_header(
        &mut self,
        now: Timestamp,
        from: Peer,
        header: &Envelope<Header>,
        out: &mut Outbox,
    ) {
        let slot = header.content.slot;
        match self.place(slot) {
            Place::Present => {}
            Place::Ahead => return self.hear_of_later(now, slot, from),
            Place::Past => {
                let header = Arc::new(header.clone().identify(&self.shared.config.chain_id));
                self.with_past(slot, now, |state, env| {
                    state.on_past_header(env, header, from, out);
                });
                return;
            }
        }
        self.hear_of_later(now, slot, from);
        let header = self.identify_header(header);
        self.with_new_slot(slot, now, |state, env| {
            state.on_header(env, header, Some(from), out);
        });
    }

    fn on_vote(
        &mut self,
        now: Timestamp,
        from: Peer,
        message: &Arc<Message>,
        vote: &Envelope<Vote>,
        out: &mut Outbox,
    ) {
        let slot = vote.content.slot;
        match self.place(slot) {
            Place::Ahead => self.hear_of_later(now, slot, from),
            Place::Past => {
                if let Some((thread, env, signers)) = self.thread_and_env(slot.thread, now)
                    && let Some(state) = thread.past.iter_mut().find(|state| state.slot() == slot)
                    && let Some(voter) = signers.place(&vote.signer, state.validators())
                {
                    state.on_vote(&env, from, message, voter, out);
                }
                self.answer_late(now, slot, from, out);
            }
            Place::Present => {
                self.hear_of_later(now, slot, from);
                self.ensure_slot(slot, now);
                if let Some((thread, env, signers)) = self.thread_and_env(slot.thread, now)
                    && let Some(state) = thread.slots.get_mut(&slot.period)
                    && let Some(voter) = signers.place(&vote.signer, state.validators())
                    && state.on_vote(&env, from, message, voter, out)
                {
                    self.mark(slot.thread);
                }
            }
        }
    }

    fn on_proposal(
        &mut self,
        now: Timestamp,
        from: Peer,
        message: &Arc<Message>,
        proposal: &Envelope<RoundProposal>,
        justification: &Justification,
        out: &mut Outbox,
    ) {
        let slot = proposal.content.slot;
        match self.place(slot) {
            Place::Past => self.answer_late(now, slot, from, out),
            Place::Ahead => self.hear_of_later(now, slot, from),
            Place::Present => {
                self.hear_of_later(now, slot, from);
                let proposal = proposal.clone().identify(&self.shared.config.chain_id);
                self.with_slot(slot, now, |state, env| {
                    state.on_proposal(env, from, message, proposal, justification, out);
                });
            }
        }
    }

    fn on_certificate(
        &mut self,
        now: Timestamp,
        from: Peer,
        certificate: &Certificate,
        out: &mut Outbox,
    ) {
        let slot = certificate.slot;
        if let Ok(outcome) = picot_models::Outcome::new(certificate.clone()) {
            return self.on_outcome(now, from, &outcome, None, out);
        }
        match self.place(slot) {
            Place::Past => self.answer_late(now, slot, from, out),
            Place::Ahead => self.hear_of_later(now, slot, from),
            Place::Present => {
                self.hear_of_later(now, slot, from);
                self.with_slot(slot, now, |state, env| {
                    state.on_certificate(env, from, certificate, out);
                });
            }
        }
    }

    fn on_have(
        &mut self,
        now: Timestamp,
        from: Peer,
        slot: Slot,
        round: u32,
        subject: CertificateSubject,
        out: &mut Outbox,
    ) {
        if matches!(subject, CertificateSubject::Finalise { .. }) {
            return self.hear_of_decision(now, slot, from);
        }
        match self.place(slot) {
            Place::Past => self.answer_late(now, slot, from, out),
            Place::Ahead => self.hear_of_later(now, slot, from),
            Place::Present => {
                self.hear_of_later(now, slot, from);
                let lacked = self.with_slot(slot, now, |state, env| {
                    state.on_have(env, from, round, subject)
                });
                if lacked == Some(true) {
                    self.mark(slot.thread);
                }
            }
        }
    }

    fn on_ask(&mut self, now: Timestamp, from: Peer, request: Request, out: &mut Outbox) {
        match request {
            Request::Certificate {
                slot,
                round,
                subject,
            } => {
                if matches!(self.place(slot), Place::Past) {
                    return self.answer_late(now, slot, from, out);
                }
                let message = self
                    .with_slot(slot, now, |state, _| {
                        state.certificate_message(round, &subject)
                    })
                    .flatten();
                if let Some(message) = message {
                    out.push(Output::Send { to: from, message });
                }
            }
            Request::Outcomes { thread, period } => {
                let decided = self
                    .next_slot(thread)
                    .is_some_and(|next| period < next.period);
                if decided {
                    out.push(Output::Answer { to: from, request });
                }
            }
            Request::Body { .. } => out.push(Output::Answer { to: from, request }),
        }
    }

    /// Does something with a decided slot that is still kept for evidence.
    fn with_past(
        &mut self,
        slot: Slot,
        now: Timestamp,
        action: impl FnOnce(&mut crate::slot::SlotState, &crate::env::Env<'_>),
    ) {
        let Some((thread, env, _)) = self.thread_and_env(slot.thread, now) else {
            return;
        };
        if let Some(state) = thread.past.iter_mut().find(|state| state.slot() == slot) {
            action(state, &env);
        }
    }
}

/// Bodies that are held in memory.
impl Engine {
    /// The block of a complete candidate of an undecided slot.
    #[must_use]
    pub fn candidate(&self, id: &picot_models::BlockId) -> Option<&Block> {
        self.threads
            .iter()
            .flat_map(|thread| thread.slots.values())
            .find_map(|state| state.candidates.block(id))
    }
}
