//! What other nodes say of this slot.

use super::SlotState;
use crate::env::{Env, Outbox};
use crate::timers::after;
use crate::{Message, Output, Peer, PeerFault, Request};
use picot_models::{
    Address, Block, Certificate, CertificateSubject, SignedHeader, Slot, ValidatorSet,
};
use picot_wallet::ClaimKind;
use std::sync::Arc;

impl SlotState {
    /// A vote. Unknown signers, other histories and far rounds are dropped before a signature is
    /// looked at. True if a rule may have something to do now: never once the slot is decided, when a
    /// vote is of use as evidence, and to learn that somebody has a key of ours who is slower than those
    /// who decide.
    pub(crate) fn on_vote(
        &mut self,
        env: &Env<'_>,
        from: Peer,
        message: &Arc<Message>,
        voter: usize,
        out: &mut Outbox,
    ) -> bool {
        let Message::Vote(vote) = message.as_ref() else {
            return false;
        };
        if !self.is_acceptable(env, &vote.content) {
            return false;
        }
        match self.own_made(voter, &vote.content) {
            // An echo of our own.
            Some(true) => false,
            Some(false) => {
                if !env.shared.is_vote_valid(vote) {
                    out.blame(Some(from), PeerFault::BadSignature);
                    return false;
                }
                self.foreign(Address::of_key(&vote.signer), out);
                self.collect(env, message, voter, Some(from), true, out)
            }
            None => self.collect(env, message, voter, Some(from), false, out),
        }
    }

    pub(crate) fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    fn foreign(&self, address: Address, out: &mut Outbox) {
        out.foreign.push(address);
        let slot = self.slot;
        out.push(Output::ForeignSignature { address, slot });
    }

    /// A header.
    pub(crate) fn on_header(
        &mut self,
        env: &Env<'_>,
        header: Arc<SignedHeader>,
        from: Option<Peer>,
        out: &mut Outbox,
    ) {
        let producer = header.signer_address();
        if from.is_some()
            && env.shared.keys.contains_key(&producer)
            && !self.candidates.knows(&header.id())
            && !self.made_header(env, &header)
            && env.shared.is_valid(header.batch_entry())
        {
            self.foreign(producer, out);
        }
        self.candidates
            .add_header(env, header, from, &mut self.faults, out);
    }

    /// A header for a slot that is decided: of use only as evidence. What the signing log knew of the
    /// slot is forgotten, so that nothing can be said about keys of ours.
    pub(crate) fn on_past_header(
        &mut self,
        env: &Env<'_>,
        header: Arc<SignedHeader>,
        from: Peer,
        out: &mut Outbox,
    ) {
        self.candidates
            .add_header(env, header, Some(from), &mut self.faults, out);
    }

    /// Whether the signing log knows a header as ours from before a restart.
    fn made_header(&self, env: &Env<'_>, header: &SignedHeader) -> bool {
        env.shared
            .restored
            .get(&self.slot)
            .into_iter()
            .flatten()
            .any(|record| record.kind == ClaimKind::Header && record.id == *header.id().as_hash())
    }

    /// A body, maybe with a header that was not known.
    pub(crate) fn on_body(
        &mut self,
        env: &Env<'_>,
        block: Block,
        from: Option<Peer>,
        out: &mut Outbox,
    ) {
        self.candidates
            .add_body(env, block, from, &mut self.faults, out);
    }

    /// Bodies that are durable now. True if one is of this slot.
    pub(crate) fn on_stored(&mut self, ids: &[picot_models::BlockId]) -> bool {
        let mut stored = false;
        for id in ids {
            stored |= self.candidates.stored(id);
        }
        stored
    }

    /// A notarise or nullify certificate.
    pub(crate) fn on_certificate(
        &mut self,
        env: &Env<'_>,
        from: Peer,
        certificate: &Certificate,
        out: &mut Outbox,
    ) {
        let known = !self
            .certificates
            .lacks(certificate.round, &certificate.subject);
        if self.opened.is_none()
            || known
            || matches!(certificate.subject, CertificateSubject::Finalise { .. })
        {
            return;
        }
        if self.check_certificate(env, certificate, from, out) {
            self.add_certificate(env, Arc::new(certificate.clone()), out);
        }
    }

    /// Somebody has a certificate: ask for it, unless it comes by itself in a moment. True if it is
    /// lacked.
    pub(crate) fn on_have(
        &mut self,
        env: &Env<'_>,
        from: Peer,
        round: u32,
        subject: CertificateSubject,
    ) -> bool {
        if self.opened.is_none() || !self.certificates.lacks(round, &subject) {
            return false;
        }
        let ask_at = after(env.now, env.shared.timers.moment());
        self.offers.add(from, round, subject, ask_at);
        true
    }

    pub(super) fn ask_for_offered(&mut self, env: &Env<'_>, out: &mut Outbox) {
        let wait = env.shared.timers.answer_wait();
        let due = self.offers.due(env.now, wait, |round, subject| {
            self.certificates.lacks(round, subject)
        });
        for (peer, round, subject) in due {
            let to = Some(peer);
            let request = self.request_for(round, subject);
            out.push(Output::Ask { to, request });
        }
    }

    const fn request_for(&self, round: u32, subject: CertificateSubject) -> Request {
        match subject {
            CertificateSubject::Finalise { .. } => Request::Outcomes {
                thread: self.slot.thread,
                period: self.slot.period,
            },
            CertificateSubject::Notarise { .. } | CertificateSubject::Nullify => {
                Request::Certificate {
                    slot: self.slot,
                    round,
                    subject,
                }
            }
        }
    }

    /// The certificate that somebody asks for.
    pub(crate) fn certificate_message(
        &self,
        round: u32,
        subject: &CertificateSubject,
    ) -> Option<Arc<Message>> {
        let certificate = self.certificates.get(round, subject)?;
        Some(Arc::new(Message::Certificate(Certificate::clone(
            certificate,
        ))))
    }

    pub(crate) const fn slot(&self) -> Slot {
        self.slot
    }
}
