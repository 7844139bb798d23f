//! Our own votes and proposals: marked when they are asked to be signed, sent when they are.

use super::SlotState;
use crate::env::{Env, Outbox, OwnSigned};
use crate::input::ClaimedVote;
use crate::rules::{Backed, Marks};
use crate::{Message, Output, Unsigned};
use picot_models::{
    Address, Ballot, Certificate, CertificateSubject, Envelope, PublicKey, RoundProposal,
    SignedProposal, SignedVote, Vote,
};
use picot_serialization::decode_exact;
use picot_wallet::{ClaimKind, SignRequest};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which of the signatures of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Proposal,
    Notarise,
    RoundEnd,
}

/// One validator whose key we have.
#[derive(Debug)]
pub(super) struct OwnValidator {
    address: Address,
    /// Its place in the validator set.
    voter: usize,
    public_key: PublicKey,
    marks: BTreeMap<u32, Box<Marks>>,
    /// Restored from the log, to be signed again when signing is allowed.
    waiting: Vec<Unsigned>,
    /// Could not be signed for a reason that may pass.
    failed: Vec<Unsigned>,
    /// Votes and proposals that are signed, to be sent again.
    signed: BTreeMap<(u32, Part), Signed>,
    /// Whether what the log knows has been made ready to be signed again.
    restored: bool,
}

#[derive(Debug, Clone)]
enum Signed {
    Vote(Arc<Message>),
    Proposal(Box<SignedProposal>),
}

impl OwnValidator {
    pub(super) const fn address(&self) -> &Address {
        &self.address
    }

    /// The slot is decided: nothing is signed or sent any more. What was signed stays known.
    pub(super) fn close(&mut self) {
        self.waiting = Vec::new();
        self.failed = Vec::new();
        self.signed = BTreeMap::new();
    }

    pub(super) fn last_notarised(&self) -> Option<Backed> {
        self.marks.values().rev().find_map(|marks| marks.notarised)
    }

    fn mark(&mut self, round: u32) -> &mut Marks {
        self.marks.entry(round).or_default()
    }

    /// Sets the mark of a signature; what is marked already stays.
    fn mark_vote(&mut self, vote: &Vote) {
        let marks = self.mark(vote.round);
        match vote.ballot {
            Ballot::Notarise { value, carry } => {
                marks.notarised.get_or_insert(Backed { value, carry });
            }
            Ballot::Nullify => marks.nullified = true,
            Ballot::Finalise { value } => {
                marks.finalised.get_or_insert(value);
            }
        }
    }

    fn mark_proposal(&mut self, proposal: &RoundProposal) {
        let RoundProposal { value, carry, .. } = *proposal;
        let marks = self.mark(proposal.round);
        marks.proposed.get_or_insert(Backed { value, carry });
    }

    /// Whether this vote is one that we made.
    fn made(&self, vote: &Vote) -> bool {
        let Some(marks) = self.marks.get(&vote.round) else {
            return false;
        };
        match vote.ballot {
            Ballot::Notarise { value, carry } => marks.notarised == Some(Backed { value, carry }),
            Ballot::Nullify => marks.nullified,
            Ballot::Finalise { value } => marks.finalised == Some(value),
        }
    }
}

impl SlotState {
    /// Takes up keys of ours that are in the validator set, with what the log says they signed.
    pub(crate) fn update_keys(&mut self, env: &Env<'_>) {
        for (address, public_key) in &env.shared.keys {
            let known = self.own.iter().any(|own| own.address == *address);
            if !known && let Some(voter) = self.validators.index_of(address) {
                self.own.push(OwnValidator {
                    address: *address,
                    voter,
                    public_key: *public_key,
                    marks: BTreeMap::new(),
                    waiting: Vec::new(),
                    failed: Vec::new(),
                    signed: BTreeMap::new(),
                    restored: false,
                });
            }
        }
        let records = env.shared.restored.get(&self.slot);
        for place in 0..self.own.len() {
            for certificate in self.restore(env, place, records.map_or(&[], Vec::as_slice)) {
                self.restore_certificate(env, certificate);
            }
        }
    }

    /// A certificate that one of our finalise votes relied on before a restart. It was verified then;
    /// it is verified again, for a signing log may have been anywhere.
    fn restore_certificate(&mut self, env: &Env<'_>, certificate: Certificate) {
        if self
            .certificates
            .lacks(certificate.round, &certificate.subject)
            && self.is_proven(env, &certificate)
        {
            self.certificates.add(Arc::new(certificate), env.now);
        }
    }

    /// Marks what was signed before a restart. Once the slot is open the same is asked to be signed
    /// again, which gives the same bytes. Gives the certificates that were relied on.
    fn restore(
        &mut self,
        env: &Env<'_>,
        place: usize,
        records: &[SignRequest],
    ) -> Vec<Certificate> {
        let mut relied_on = Vec::new();
        let digest = self.opened.map(|opened| opened.digest);
        let Some(own) = self.own.get_mut(place) else {
            return relied_on;
        };
        if own.restored {
            return relied_on;
        }
        own.restored = digest.is_some();
        let chain_id = &env.shared.config.chain_id;
        let address = own.address;
        for record in records.iter().filter(|record| record.address == address) {
            let again = match record.kind {
                ClaimKind::Notarise | ClaimKind::RoundEnd => {
                    let Some(claimed) = ClaimedVote::decode(&record.payload) else {
                        continue;
                    };
                    let vote = claimed.vote;
                    own.mark_vote(&vote);
                    let same_history = digest == Some(vote.thread_digest);
                    relied_on.extend(claimed.relied_on.filter(|_| same_history));
                    let value = match vote.ballot {
                        Ballot::Notarise { value, .. } | Ballot::Finalise { value } => Some(value),
                        Ballot::Nullify => None,
                    };
                    if let Some(id) = value.and_then(|value| value.block()) {
                        self.candidates.want(id);
                    }
                    let prepared = SignedVote::prepare(vote, own.public_key, chain_id);
                    same_history.then_some(Unsigned::Vote {
                        address,
                        prepared,
                        relies_on: None,
                    })
                }
                ClaimKind::Proposal => {
                    let Ok(proposal) = decode_exact::<RoundProposal>(&record.payload) else {
                        continue;
                    };
                    own.mark_proposal(&proposal);
                    let same_history = digest == Some(proposal.thread_digest);
                    let prepared = SignedProposal::prepare(proposal, own.public_key, chain_id);
                    same_history.then_some(Unsigned::Proposal { address, prepared })
                }
                ClaimKind::Header | ClaimKind::Endorsement | ClaimKind::Checkpoint => None,
            };
            own.waiting.extend(again);
        }
        relied_on
    }

    pub(super) fn marks(&self, place: usize, round: u32) -> Marks {
        self.own
            .get(place)
            .and_then(|own| own.marks.get(&round))
            .map(|marks| **marks)
            .unwrap_or_default()
    }

    /// With that bug, a choice of a miss does not bind once there is a candidate.
    pub(super) fn forget_choice_if_planted(&mut self, place: usize) {
        let changes = self.planted.votes_twice() && self.round == 0;
        if !changes || self.candidates.best_id().is_none() {
            return;
        }
        if let Some(own) = self.own.get_mut(place) {
            let chosen = &mut own.mark(0).notarised;
            *chosen = chosen.filter(|chosen| chosen.value.block().is_some());
        }
    }

    /// Of a validator of ours, whether it made the vote.
    pub(super) fn own_made(&self, voter: usize, vote: &Vote) -> Option<bool> {
        let own = self.own.iter().find(|own| own.voter == voter)?;
        Some(own.made(vote))
    }

    pub(super) fn sign_waiting(&mut self, place: usize, out: &mut Outbox) -> bool {
        let Some(own) = self.own.get_mut(place) else {
            return false;
        };
        for unsigned in own.waiting.drain(..) {
            out.sign(unsigned);
        }
        false
    }

    pub(super) fn sign_notarise(
        &mut self,
        env: &Env<'_>,
        place: usize,
        round: u32,
        Backed { value, carry }: Backed,
        out: &mut Outbox,
    ) -> bool {
        self.sign_vote(env, place, round, Ballot::Notarise { value, carry }, out)
    }

    pub(super) fn sign_finalise(
        &mut self,
        env: &Env<'_>,
        place: usize,
        round: u32,
        value: picot_models::Value,
        out: &mut Outbox,
    ) -> bool {
        self.sign_vote(env, place, round, Ballot::Finalise { value }, out)
    }

    pub(super) fn sign_nullify(
        &mut self,
        env: &Env<'_>,
        place: usize,
        round: u32,
        out: &mut Outbox,
    ) -> bool {
        self.sign_vote(env, place, round, Ballot::Nullify, out)
    }

    fn sign_vote(
        &mut self,
        env: &Env<'_>,
        place: usize,
        round: u32,
        ballot: Ballot,
        out: &mut Outbox,
    ) -> bool {
        let (Some(opened), Some(own)) = (self.opened, self.own.get_mut(place)) else {
            return false;
        };
        let vote = Vote {
            version: env.shared.config.params.protocol_version,
            slot: self.slot,
            round,
            thread_digest: opened.digest,
            ballot,
        };
        own.mark_vote(&vote);
        let relies_on = match ballot {
            Ballot::Finalise { value } => self
                .certificates
                .get(round, &CertificateSubject::Notarise { value })
                .map(Arc::clone),
            Ballot::Notarise { .. } | Ballot::Nullify => None,
        };
        out.sign(Unsigned::Vote {
            address: own.address,
            prepared: SignedVote::prepare(vote, own.public_key, &env.shared.config.chain_id),
            relies_on,
        });
        true
    }

    pub(super) fn sign_proposal(
        &mut self,
        env: &Env<'_>,
        place: usize,
        round: u32,
        Backed { value, carry }: Backed,
        out: &mut Outbox,
    ) -> bool {
        let (Some(opened), Some(own)) = (self.opened, self.own.get_mut(place)) else {
            return false;
        };
        let proposal = RoundProposal {
            version: env.shared.config.params.protocol_version,
            slot: self.slot,
            round,
            thread_digest: opened.digest,
            value,
            carry,
        };
        own.mark_proposal(&proposal);
        out.sign(Unsigned::Proposal {
            address: own.address,
            prepared: SignedProposal::prepare(
                proposal,
                own.public_key,
                &env.shared.config.chain_id,
            ),
        });
        true
    }

    /// Ours, claimed in the log and signed: it is sent, and takes the same way as others' (rule 10).
    pub(crate) fn own_signed(&mut self, env: &Env<'_>, signed: OwnSigned, out: &mut Outbox) {
        match signed {
            OwnSigned::Vote(vote) => {
                let message = Arc::new(Message::Vote(vote.envelope().clone()));
                let part = match vote.content().ballot {
                    Ballot::Notarise { .. } => Part::Notarise,
                    Ballot::Nullify | Ballot::Finalise { .. } => Part::RoundEnd,
                };
                let key = (vote.content().round, part);
                let signed = Signed::Vote(Arc::clone(&message));
                let signer = vote.signer_address();
                self.keep_signed(&signer, key, signed);
                out.push(Output::Broadcast(Arc::clone(&message)));
                if let Some(voter) = self.validators.index_of(&signer) {
                    self.collect(env, &message, voter, None, true, out);
                }
            }
            OwnSigned::Proposal(proposal) => {
                let key = (proposal.content().round, Part::Proposal);
                let signed = Signed::Proposal(Box::new(proposal.clone()));
                self.keep_signed(&proposal.signer_address(), key, signed);
                if let Some(message) = self.proposal_message(&proposal) {
                    out.push(Output::Broadcast(message));
                }
                let round = proposal.content().round;
                self.proposals.entry(round).or_insert(proposal);
            }
        }
    }

    pub(super) fn sign_failed(&mut self, env: &Env<'_>, out: &mut Outbox) {
        for own in &mut self.own {
            if env.may_sign_with(&own.address) {
                own.failed.drain(..).for_each(|unsigned| out.sign(unsigned));
            }
        }
    }

    fn keep_signed(&mut self, address: &Address, key: (u32, Part), signed: Signed) {
        if let Some(own) = self.own.iter_mut().find(|own| own.address == *address) {
            own.signed.insert(key, signed);
        }
    }

    /// A signature that could not be made for a reason that may pass is asked for again when the
    /// slot stands still.
    pub(crate) fn own_failed(&mut self, unsigned: Unsigned) {
        let address = *unsigned.address();
        if let Some(own) = self.own.iter_mut().find(|own| own.address == address) {
            own.failed.push(unsigned);
        }
    }

    /// With the certificates that allow it, as far as they are known.
    fn proposal_message(&self, proposal: &SignedProposal) -> Option<Arc<Message>> {
        let content = proposal.content();
        let known = self
            .certificates
            .justification(content.round, content.carry);
        let justification = self.planted.justification(known)?;
        let proposal: Envelope<RoundProposal> = proposal.envelope().clone();
        Some(Arc::new(Message::Proposal {
            proposal,
            justification,
        }))
    }

    /// Everything of ours from a round on, to be sent again.
    pub(super) fn own_messages_from(&self, round: u32, max: usize) -> Vec<Arc<Message>> {
        self.own
            .iter()
            .flat_map(|own| own.signed.range((round, Part::Proposal)..).take(max))
            .filter_map(|(_, signed)| match signed {
                Signed::Vote(message) => Some(Arc::clone(message)),
                Signed::Proposal(proposal) => self.proposal_message(proposal),
            })
            .collect()
    }
}

impl Unsigned {
    /// The vote, if it is one.
    #[must_use]
    pub const fn vote(&self) -> Option<&Vote> {
        match self {
            Self::Vote { prepared, .. } => Some(prepared.content()),
            Self::Proposal { .. } => None,
        }
    }
}
