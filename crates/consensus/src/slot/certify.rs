//! Votes become certificates, and certificates are held against votes.

use super::{ROUNDS_AHEAD, ROUNDS_BEHIND, SlotState};
use crate::certificate_check::is_certificate_valid;
use crate::env::{Env, Outbox};
use crate::{Message, Output, Peer, PeerFault, evidence, range_miss, rules};
use picot_models::{
    Ballot, Certificate, CertificateSubject, DenunciationKind, Envelope, Value, Vote,
};
use std::sync::Arc;

impl SlotState {
    /// Takes the vote in a message, by the validator at a place of the set, whose signature nobody
    /// has looked at, unless it is `verified` because it is ours. True if a rule may have something
    /// to do now: most votes complete nothing.
    pub(super) fn collect(
        &mut self,
        env: &Env<'_>,
        message: &Arc<Message>,
        voter: usize,
        from: Option<Peer>,
        verified: bool,
        out: &mut Outbox,
    ) -> bool {
        let Message::Vote(vote) = message.as_ref() else {
            return false;
        };
        let round = vote.content.round;
        let subject = CertificateSubject::of_ballot(&vote.content.ballot);
        let verifier = env.shared.verifier.as_ref();
        if from.is_some() {
            self.check_carry_of(env, vote, out);
        }
        let added = self.collector.add(voter, message, from, verified, verifier);
        out.blame_all(added.blamed);
        if let Some(fault) = added.fault {
            let (one, other) = *fault;
            let proof = evidence::of_votes(one, other);
            out.evidence(self.faults.new_one(proof));
        }
        if !added.stored {
            return false;
        }
        if let Some(from) = from {
            let message = Arc::clone(message);
            out.push(Output::Relay { from, message });
        }
        let mut matters = false;
        if round == self.round && matches!(subject, CertificateSubject::Notarise { .. }) {
            self.votes_changed = true;
            matters = self.collector.looks_hopeless(round);
        }
        if self.collector.weight(round, &subject) >= self.collector.quorum()
            && self.certificates.lacks(round, &subject)
        {
            self.ripe.push((round, subject));
            matters = true;
        }
        matters
    }

    /// Whether a vote can be one of this slot: kept rounds, the right version and history, a value
    /// and a carry that can be.
    pub(super) fn is_acceptable(&self, env: &Env<'_>, content: &Vote) -> bool {
        let params = &env.shared.config.params;
        let (first, ahead) = match self.opened {
            Some(_) => (self.round.saturating_sub(ROUNDS_BEHIND), ROUNDS_AHEAD),
            None => (0, super::EARLY_ROUNDS_AHEAD),
        };
        let rounds = first..=self.round.saturating_add(ahead);
        let well_formed = match content.ballot {
            Ballot::Notarise { value, carry } => {
                range_miss::is_within_cycle(params, self.slot, &value)
                    && rules::is_well_formed(content.round, carry)
            }
            Ballot::Finalise { value } => range_miss::is_within_cycle(params, self.slot, &value),
            Ballot::Nullify => true,
        };
        rounds.contains(&content.round)
            && content.version == params.protocol_version
            && self
                .opened
                .is_none_or(|opened| opened.digest == content.thread_digest)
            && well_formed
    }

    /// Forms the certificates that the votes allow. True if there was one.
    pub(super) fn certify(&mut self, env: &Env<'_>, out: &mut Outbox) -> bool {
        let mut formed = false;
        for (round, subject) in std::mem::take(&mut self.ripe) {
            if !self.certificates.lacks(round, &subject) {
                continue;
            }
            let mut blamed = Vec::new();
            let verifier = env.shared.verifier.as_ref();
            let certificate = self
                .collector
                .certify(round, &subject, verifier, &mut blamed);
            out.blame_all(blamed);
            if let Some(certificate) = certificate {
                let certificate = Arc::new(certificate);
                announce(&certificate, out);
                formed |= self.add_certificate(env, certificate, out);
            }
        }
        formed
    }

    /// Takes a certificate that is verified. True if it was new.
    pub(super) fn add_certificate(
        &mut self,
        env: &Env<'_>,
        certificate: Arc<Certificate>,
        out: &mut Outbox,
    ) -> bool {
        if !self.certificates.add(Arc::clone(&certificate), env.now) {
            return false;
        }
        self.progressed(env);
        if let Some(Value::Block { id }) = certificate.subject.value()
            && self.candidates.block(&id).is_none()
        {
            self.candidates.want(id);
        }
        self.check_carries_against(env, &certificate, out);
        true
    }

    /// Checks a certificate that came from elsewhere: nothing is verified that is known already.
    pub(super) fn check_certificate(
        &mut self,
        env: &Env<'_>,
        certificate: &Certificate,
        from: Peer,
        out: &mut Outbox,
    ) -> bool {
        if self.bad_certificates.are_ignored(from) {
            return false;
        }
        let good = self.is_proven(env, certificate);
        if !good {
            self.bad_certificates.count(from);
            out.blame(Some(from), PeerFault::BadCertificate);
        }
        good
    }

    /// Whether a certificate is of this slot and history, and proves what it says.
    pub(super) fn is_proven(&self, env: &Env<'_>, certificate: &Certificate) -> bool {
        let params = &env.shared.config.params;
        certificate.slot == self.slot
            && certificate.version == params.protocol_version
            && self
                .opened
                .is_some_and(|opened| opened.digest == certificate.thread_digest)
            && certificate
                .subject
                .value()
                .is_none_or(|value| range_miss::is_within_cycle(params, self.slot, &value))
            && self
                .planted
                .check_power(certificate, &self.validators)
                .is_ok()
            && is_certificate_valid(
                env.shared.verifier.as_ref(),
                certificate.batch_entries(&env.shared.config.chain_id),
            )
    }

    /// A new vote whose carry a known certificate excludes.
    fn check_carry_of(&mut self, env: &Env<'_>, vote: &Envelope<Vote>, out: &mut Outbox) {
        let excluded = self
            .certificates
            .iter()
            .find(|certificate| evidence::carry_is_false(&vote.content, certificate));
        if let Some(certificate) = excluded
            && !self.faults.is_told(vote, DenunciationKind::FalseCarry)
            && env.shared.is_vote_valid(vote)
        {
            let proof = evidence::of_carry(vote, certificate);
            out.evidence(self.faults.new_one(proof));
        }
    }

    /// Held votes whose carry a new certificate excludes.
    fn check_carries_against(
        &mut self,
        env: &Env<'_>,
        certificate: &Certificate,
        out: &mut Outbox,
    ) {
        let mut proofs = Vec::new();
        for vote in self.collector.notarise_votes_after(certificate.round) {
            if evidence::carry_is_false(&vote.content, certificate)
                && !self.faults.is_told(vote, DenunciationKind::FalseCarry)
                && env.shared.is_vote_valid(vote)
            {
                proofs.push(evidence::of_carry(vote, certificate));
            }
        }
        for proof in proofs {
            out.evidence(self.faults.new_one(proof));
        }
    }
}

/// Of `N(0, ·)`, which everybody forms in the good case, only its existence is told; the others come
/// about in trouble, and are sent. A finalise certificate is told once the decision is durable.
fn announce(certificate: &Arc<Certificate>, out: &mut Outbox) {
    let message = match certificate.subject {
        CertificateSubject::Finalise { .. } => return,
        CertificateSubject::Notarise { .. } if certificate.round == 0 => Message::Have {
            slot: certificate.slot,
            round: certificate.round,
            subject: certificate.subject,
        },
        _ => Message::Certificate(Certificate::clone(certificate)),
    };
    out.push(Output::Tell(Arc::new(message)));
}
