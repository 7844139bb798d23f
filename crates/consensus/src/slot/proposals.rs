//! Proposals of the rounds after the first, with what allows them.

use super::{ROUNDS_AHEAD, SlotState};
use crate::env::{Env, Outbox};
use crate::rules::{self, Backed};
use crate::{Message, Output, Peer, PeerFault, evidence, range_miss};
use picot_models::{Address, Justification, SignedProposal};
use std::sync::Arc;

impl SlotState {
    /// The coordinator's first proposal of a round.
    pub(super) fn proposal_of(&self, round: u32) -> Option<Backed> {
        let content = self.proposals.get(&round)?.content();
        Some(Backed {
            value: content.value,
            carry: content.carry,
        })
    }

    /// Whether one of our validators coordinates a round.
    pub(super) fn coordinates(&mut self, env: &Env<'_>, place: usize, round: u32) -> bool {
        let coordinator = self.coordinator(env, round);
        self.own
            .get(place)
            .is_some_and(|own| coordinator == Some(*own.address()))
    }

    fn coordinator(&mut self, env: &Env<'_>, round: u32) -> Option<Address> {
        if let Some(known) = self.coordinators.get(&round) {
            return Some(*known);
        }
        let coordinator = env.shared.selector.coordinator(self.slot, round).ok()?;
        self.coordinators.insert(round, coordinator);
        while self.coordinators.len() > 16 {
            self.coordinators.pop_first();
        }
        Some(coordinator)
    }

    /// A proposal and the certificates that came along. The certificates are of use by themselves:
    /// they are the entry bundle of the round (rule 7).
    pub(crate) fn on_proposal(
        &mut self,
        env: &Env<'_>,
        from: Peer,
        message: &Arc<Message>,
        proposal: SignedProposal,
        justification: &Justification,
        out: &mut Outbox,
    ) {
        let round = proposal.content().round;
        if self.opened.is_none() || round < self.round {
            return;
        }
        if self.coordinator(env, round) != Some(proposal.signer_address())
            || !self.is_proposal_well_formed(env, &proposal)
        {
            out.blame(Some(from), PeerFault::Malformed);
            return;
        }
        match self.proposals.get(&round).cloned() {
            Some(known) if known.id() == proposal.id() => {}
            known => {
                if !env.shared.is_valid(proposal.batch_entry()) {
                    out.blame(Some(from), PeerFault::BadSignature);
                    return;
                }
                if let Some(known) = known {
                    let proof = evidence::of_proposals(&known, &proposal);
                    out.evidence(self.faults.new_one(proof));
                    return;
                }
                if !self.take_justification(env, from, justification, out) {
                    return;
                }
                // Its own certificates may have brought this slot to the round.
                if round <= self.reachable_round(env) {
                    self.proposals.insert(round, proposal);
                    let message = Arc::clone(message);
                    out.push(Output::Relay { from, message });
                }
                return;
            }
        }
        self.take_justification(env, from, justification, out);
    }

    /// The latest round that may be entered soon: proposals of later ones are not kept.
    fn reachable_round(&self, _env: &Env<'_>) -> u32 {
        rules::advance(&self.certificates, self.round, |_| true).saturating_add(ROUNDS_AHEAD)
    }

    fn is_proposal_well_formed(&self, env: &Env<'_>, proposal: &SignedProposal) -> bool {
        let content = proposal.content();
        let params = &env.shared.config.params;
        content.round > 0
            && content.version == params.protocol_version
            && self
                .opened
                .is_some_and(|opened| opened.digest == content.thread_digest)
            && rules::is_well_formed(content.round, content.carry)
            && range_miss::is_within_cycle(params, self.slot, &content.value)
    }

    /// Takes the certificates that are not known yet, one after the other, up to the first bad one.
    fn take_justification(
        &mut self,
        env: &Env<'_>,
        from: Peer,
        justification: &Justification,
        out: &mut Outbox,
    ) -> bool {
        let certificates = justification
            .notarised
            .iter()
            .chain(&justification.nullified);
        for certificate in certificates {
            if !self
                .certificates
                .lacks(certificate.round, &certificate.subject)
            {
                continue;
            }
            if !self.check_certificate(env, certificate, from, out) {
                return false;
            }
            self.add_certificate(env, Arc::new(certificate.clone()), out);
        }
        true
    }
}
