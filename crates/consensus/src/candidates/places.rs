//! Which headers of a slot are held: under the policy `all` every staker may make one, and the best
//! few are enough to choose from. Of the others there stays what proves that a producer made two.

use super::{BodyState, Candidate, Candidates, HeaderState};
use crate::canonical_rule::Rank;
use crate::env::{Env, Outbox};
use crate::evidence::Faults;
use crate::{Output, Peer, PeerFault};
use picot_crypto::BatchEntry;
use picot_models::{BlockId, Denunciation, HeaderProof, PublicKey, SignedHeader, Slot};
use picot_serialization::Encode;
use std::sync::Arc;

/// Headers that are held of a slot, besides our own and those that are needed whatever their rank:
/// many more than round 0 and the coordinators after it choose from.
const MAX_HEADERS: usize = 64;
/// Their bytes. A header with a few endorsements has a kibibyte, and can have half a mebibyte.
const MAX_BYTES: usize = 4 << 20;

/// The proof that a producer made a header that is not held.
#[derive(Debug)]
pub(super) struct Remains {
    id: BlockId,
    signer: PublicKey,
    proof: HeaderProof,
    from: Option<Peer>,
    verified: bool,
}

impl Remains {
    fn of(header: &SignedHeader, from: Option<Peer>, verified: bool) -> Self {
        Self {
            id: header.id(),
            signer: *header.signer(),
            proof: HeaderProof::of(header),
            from,
            verified,
        }
    }

    fn batch_entry(&self) -> BatchEntry {
        BatchEntry {
            message: *self.id.as_hash(),
            public_key: self.signer,
            signature: self.proof.signature,
        }
    }

    fn against(&self, slot: Slot, header: &SignedHeader) -> Denunciation {
        Denunciation::of_headers(
            slot,
            self.signer,
            self.proof.clone(),
            HeaderProof::of(header),
        )
    }
}

/// The order in which headers are given up: invalid ones first, then the worst.
type Worth = (bool, (bool, Rank));

impl Candidates {
    /// Holds a header against one of its producer that was dropped: two are evidence. False if the
    /// new one's signature is bad.
    pub(super) fn check_dropped(
        &mut self,
        env: &Env<'_>,
        candidate: &mut Candidate,
        faults: &mut Faults,
        out: &mut Outbox,
    ) -> bool {
        let producer = candidate.producer;
        let Some(remains) = self.dropped.get_mut(&producer) else {
            return true;
        };
        if remains.id == candidate.header.id() {
            return true;
        }
        if !remains.verified && !env.shared.is_valid(remains.batch_entry()) {
            out.blame(remains.from, PeerFault::BadSignature);
            self.dropped.remove(&producer);
            return true;
        }
        remains.verified = true;
        if !candidate.signature_ok && !env.shared.is_valid(candidate.header.batch_entry()) {
            out.blame(candidate.from, PeerFault::BadSignature);
            return false;
        }
        candidate.signature_ok = true;
        let proof = remains.against(self.slot, &candidate.header);
        self.doubles.insert(producer);
        out.evidence(faults.new_one(proof));
        true
    }

    /// Whether there is a place for a header, which the worst one gives up if need be. What is worse
    /// than a candidate that is complete needs none; what is better must be well signed, and so must
    /// those that keep it out: nobody is kept out by what anyone could have made up.
    pub(super) fn make_place(
        &mut self,
        env: &Env<'_>,
        candidate: &mut Candidate,
        out: &mut Outbox,
    ) -> bool {
        let id = candidate.header.id();
        if candidate.from.is_none() || self.wanted.contains(&id) || self.has_place(candidate) {
            return true;
        }
        let key = self.key(candidate);
        if self.best().is_some_and(|(_, best)| key >= best) {
            self.leave_proof(candidate);
            return false;
        }
        self.verify_ordinary(env, out);
        while !self.has_place(candidate) {
            let Some((worth, worst)) = self.worst() else {
                break;
            };
            if worth <= (false, key) {
                self.leave_proof(candidate);
                return false;
            }
            if !is_well_signed(env, candidate, out) {
                return false;
            }
            self.give_up(&worst, out);
        }
        true
    }

    /// What is not held leaves its proof.
    fn leave_proof(&mut self, candidate: &Candidate) {
        let Candidate {
            header,
            from,
            signature_ok,
            ..
        } = candidate;
        self.dropped
            .entry(candidate.producer)
            .or_insert_with(|| Remains::of(header, *from, *signature_ok));
    }

    fn has_place(&self, candidate: &Candidate) -> bool {
        let fits = |count: usize, bytes: usize| {
            count < MAX_HEADERS && bytes.saturating_add(candidate.bytes) <= MAX_BYTES
        };
        if fits(self.by_id.len(), self.bytes) {
            return true;
        }
        let (count, bytes) = self.ordinary().fold((0_usize, 0_usize), |sum, (_, held)| {
            (sum.0.saturating_add(1), sum.1.saturating_add(held.bytes))
        });
        fits(count, bytes)
    }

    /// Headers that nobody asked for and nothing was done for yet.
    fn ordinary(&self) -> impl Iterator<Item = (&BlockId, &Candidate)> {
        self.by_id
            .iter()
            .map(|(id, held)| (id, held.as_ref()))
            .filter(|(id, held)| {
                held.from.is_some()
                    && !matches!(held.body_state, BodyState::Storing | BodyState::Stored)
                    && !self.wanted.contains(id)
            })
    }

    fn worst(&self) -> Option<(Worth, BlockId)> {
        self.ordinary()
            .map(|(id, held)| {
                let invalid = held.state == HeaderState::Invalid;
                ((invalid, self.key(held)), *id)
            })
            .max()
    }

    /// All at once, and each once.
    fn verify_ordinary(&mut self, env: &Env<'_>, out: &mut Outbox) {
        let unverified = self.ordinary().filter(|(_, held)| !held.signature_ok);
        let (ids, entries): (Vec<BlockId>, Vec<BatchEntry>) = unverified
            .map(|(id, held)| (*id, held.header.batch_entry()))
            .unzip();
        if entries.is_empty() {
            return;
        }
        let bad = env.shared.verifier.bad(&entries);
        for (number, id) in ids.iter().enumerate() {
            if bad.binary_search(&number).is_ok() {
                let from = self.by_id.get(id).and_then(|held| held.from);
                out.blame(from, PeerFault::BadSignature);
                self.forget(id);
            } else if let Some(held) = self.by_id.get_mut(id) {
                held.signature_ok = true;
            }
        }
    }

    fn give_up(&mut self, id: &BlockId, out: &mut Outbox) {
        let Some(candidate) = self.forget(id) else {
            return;
        };
        self.leave_proof(&candidate);
        if candidate.is_complete()
            && let Some(body) = candidate.body
        {
            out.push(Output::Lost(body));
        }
    }
}

fn is_well_signed(env: &Env<'_>, candidate: &mut Candidate, out: &mut Outbox) -> bool {
    if !candidate.signature_ok && !env.shared.is_valid(candidate.header.batch_entry()) {
        out.blame(candidate.from, PeerFault::BadSignature);
        return false;
    }
    candidate.signature_ok = true;
    true
}

/// A header as it comes.
pub(super) fn candidate(header: Arc<SignedHeader>, rank: Rank, from: Option<Peer>) -> Candidate {
    Candidate {
        producer: header.signer_address(),
        bytes: header.encoded_len(),
        header,
        rank,
        from,
        announcers: from.into_iter().collect(),
        signature_ok: from.is_none(),
        state: HeaderState::Unchecked,
        body: None,
        body_state: BodyState::Absent,
        body_from: None,
    }
}
