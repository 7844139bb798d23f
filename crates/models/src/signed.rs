//! Signed objects: what is on the wire, and what is known of it.
//!
//! Bytes are read as an [`Envelope`]. Its id covers the chain, so it becomes a [`Signed`] only when
//! the chain is known ([`Envelope::identify`]). Whether the signature is valid is asked apart, one
//! by one or in batches, because much of what arrives never needs the answer.

use crate::text::as_text;
use crate::{Address, ChainId};
use picot_crypto::{
    BatchEntry, BatchError, Context, CryptoError, Hash, Hasher, PublicKey, SecretKey, Signature,
    VerifyingKey, verify_batch_with_keys,
};
use picot_serialization::{Decode, DecodeError, Encode, IResult};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};

/// What can be signed.
pub trait Content: Encode {
    /// The type of its id.
    type Id: From<Hash> + Copy + Eq + Ord + std::fmt::Debug;

    /// The hash context of its id.
    const CONTEXT: Context;

    /// What the id covers of the content: its canonical bytes, unless a short proof of it must be
    /// possible without the whole.
    fn write_id_input(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

/// The id of a content signed by a key on a chain: it covers the chain id, the content's canonical
/// bytes and the signer's public key, and not the signature (design 02).
pub(crate) fn id_of<C: Content>(content: &C, signer: &PublicKey, chain_id: &ChainId) -> C::Id {
    let mut input = Vec::with_capacity(content.encoded_len().min(4_096));
    content.write_id_input(&mut input);
    id_of_input(C::CONTEXT, &input, signer, chain_id).into()
}

pub(crate) fn id_of_input(
    context: Context,
    input: &[u8],
    signer: &PublicKey,
    chain_id: &ChainId,
) -> Hash {
    let mut hasher = Hasher::new(context);
    hasher.update(chain_id.as_bytes());
    hasher.update(input);
    hasher.update(signer.as_bytes());
    hasher.finalize()
}

/// A content, its signer and a signature that nobody has looked at yet: the wire form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<C> {
    /// What is signed.
    pub content: C,
    /// By whom.
    #[serde(with = "as_text")]
    pub signer: PublicKey,
    /// The signature of the id.
    #[serde(with = "as_text")]
    pub signature: Signature,
}

impl<C: Encode> Encode for Envelope<C> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.content.encode(out);
        self.signer.encode(out);
        self.signature.encode(out);
    }

    fn encoded_len(&self) -> usize {
        self.content
            .encoded_len()
            .saturating_add(self.signer.encoded_len())
            .saturating_add(self.signature.encoded_len())
    }
}

impl<C: Decode> Decode for Envelope<C> {
    fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError> {
        let (input, content) = C::decode(input)?;
        let (input, signer) = PublicKey::decode(input)?;
        let (input, signature) = Signature::decode(input)?;
        Ok((
            input,
            Self {
                content,
                signer,
                signature,
            },
        ))
    }
}

impl<C: Content> Envelope<C> {
    /// The id on a chain.
    #[must_use]
    pub fn id(&self, chain_id: &ChainId) -> C::Id {
        id_of(&self.content, &self.signer, chain_id)
    }

    /// What a batch verification needs, of an envelope that is verified once and not kept identified.
    #[must_use]
    pub fn batch_entry(&self, chain_id: &ChainId) -> BatchEntry
    where
        C::Id: AsIdHash,
    {
        BatchEntry {
            message: *self.id(chain_id).as_id_hash(),
            public_key: self.signer,
            signature: self.signature,
        }
    }

    /// The same with its id found out, once and for all.
    #[must_use]
    pub fn identify(self, chain_id: &ChainId) -> Signed<C> {
        let id = self.id(chain_id);
        let signer_address = Address::of_key(&self.signer);
        Signed {
            id,
            signer_address,
            envelope: self,
            verified: Verified::default(),
        }
    }
}

/// A content with its signer, its signature and its id on the chain that it was identified for.
///
/// The signature is not known to be valid: see [`Signed::verify`]. Once it was found to be, whoever
/// shares the object does not verify it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<C: Content> {
    id: C::Id,
    signer_address: Address,
    envelope: Envelope<C>,
    verified: Verified,
}

/// Whether a signature was found valid: a fact about bytes that never change, and no part of them.
#[derive(Debug, Default)]
struct Verified(AtomicBool);

impl Verified {
    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Clone for Verified {
    fn clone(&self) -> Self {
        Self(AtomicBool::new(self.get()))
    }
}

impl PartialEq for Verified {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Verified {}

impl<C: Content> Signed<C> {
    /// The id.
    #[must_use]
    pub const fn id(&self) -> C::Id {
        self.id
    }

    /// What is signed.
    #[must_use]
    pub const fn content(&self) -> &C {
        &self.envelope.content
    }

    /// The signer's public key.
    #[must_use]
    pub const fn signer(&self) -> &PublicKey {
        &self.envelope.signer
    }

    /// The signer's address.
    #[must_use]
    pub const fn signer_address(&self) -> Address {
        self.signer_address
    }

    /// The signature.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.envelope.signature
    }

    /// The wire form.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope<C> {
        &self.envelope
    }

    /// The wire form, for keeps.
    #[must_use]
    pub fn into_envelope(self) -> Envelope<C> {
        self.envelope
    }

    /// Begins to sign: the id is known, the signature is not.
    #[must_use]
    pub fn prepare(content: C, signer: PublicKey, chain_id: &ChainId) -> Prepared<C> {
        let id = id_of(&content, &signer, chain_id);
        Prepared {
            id,
            content,
            signer,
        }
    }

    /// Signs with a key at hand.
    #[must_use]
    pub fn sign(content: C, key: &SecretKey, chain_id: &ChainId) -> Self
    where
        C::Id: AsIdHash,
    {
        let prepared = Self::prepare(content, key.public_key(), chain_id);
        let signature = key.sign(prepared.id.as_id_hash());
        prepared.seal(signature)
    }
}

impl<C: Content> Signed<C>
where
    C::Id: AsIdHash,
{
    /// What a batch verification needs.
    #[must_use]
    pub fn batch_entry(&self) -> BatchEntry {
        BatchEntry {
            message: *self.id.as_id_hash(),
            public_key: self.envelope.signer,
            signature: self.envelope.signature,
        }
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// The signature is not the signer's over this id.
    pub fn verify(&self) -> Result<(), CryptoError> {
        if !self.verified.get() {
            let signer = &self.envelope.signer;
            signer.verify(self.id.as_id_hash(), &self.envelope.signature)?;
            self.verified.set();
        }
        Ok(())
    }

    /// Checks the signatures of many together, but for those that were found valid before. `known`
    /// gives keys that are already decompressed.
    ///
    /// # Errors
    /// The indices of those that are not valid.
    pub fn verify_all(
        all: &[&Self],
        known: impl Fn(&PublicKey) -> Option<VerifyingKey> + Sync,
    ) -> Result<(), BatchError> {
        Self::verify_all_by(all, |entries| {
            let verdict = verify_batch_with_keys(entries, known);
            verdict.map_or_else(|error| error.bad, |()| Vec::new())
        })
    }

    /// The same by whoever tells the indices of the entries that are not valid, ascending.
    ///
    /// # Errors
    /// The indices of those that are not valid.
    pub fn verify_all_by(
        all: &[&Self],
        bad: impl FnOnce(&[BatchEntry]) -> Vec<usize>,
    ) -> Result<(), BatchError> {
        let open = all.iter().enumerate();
        let open: Vec<(usize, &Self)> = open
            .filter(|(_, signed)| !signed.verified.get())
            .map(|(index, signed)| (index, *signed))
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        let entries: Vec<BatchEntry> = open
            .iter()
            .map(|(_, signed)| signed.batch_entry())
            .collect();
        let bad_places = bad(&entries);
        let mut bad = Vec::new();
        for (place, (index, signed)) in open.into_iter().enumerate() {
            if bad_places.binary_search(&place).is_ok() {
                bad.push(index);
            } else {
                signed.verified.set();
            }
        }
        if bad.is_empty() {
            return Ok(());
        }
        Err(BatchError { bad })
    }
}

impl<C: Content> Encode for Signed<C> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.envelope.encode(out);
    }

    fn encoded_len(&self) -> usize {
        self.envelope.encoded_len()
    }
}

/// A content whose id is known and whose signature is to come from a signer elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared<C: Content> {
    id: C::Id,
    content: C,
    signer: PublicKey,
}

impl<C: Content> Prepared<C> {
    /// What is to be signed.
    #[must_use]
    pub const fn id(&self) -> C::Id {
        self.id
    }

    /// The content.
    #[must_use]
    pub const fn content(&self) -> &C {
        &self.content
    }

    /// Adds the signature.
    #[must_use]
    pub fn seal(self, signature: Signature) -> Signed<C> {
        let signer_address = Address::of_key(&self.signer);
        let envelope = Envelope {
            content: self.content,
            signer: self.signer,
            signature,
        };
        Signed {
            id: self.id,
            signer_address,
            envelope,
            verified: Verified::default(),
        }
    }
}

/// An id whose hash is what gets signed.
pub trait AsIdHash {
    /// The 32 bytes that are signed.
    fn as_id_hash(&self) -> &Hash;
}

macro_rules! as_id_hash {
    ($($id:ident),*) => {
        $(impl AsIdHash for crate::$id {
            fn as_id_hash(&self) -> &Hash {
                self.as_hash()
            }
        })*
    };
}
as_id_hash!(
    BlockId,
    OperationId,
    EndorsementId,
    VoteId,
    ProposalId,
    CheckpointId
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mocks::chain_id;
    use crate::{Endorsement, Slot};

    fn signed(seed: u8) -> Signed<Endorsement> {
        let content = Endorsement {
            slot: Slot::new(1, 0),
            index: 0,
            block: Hash([seed; 32]).into(),
        };
        Signed::sign(content, &SecretKey::from_seed([seed; 32]), &chain_id(1))
    }

    /// The same content and signer with the signature of another.
    fn forged(seed: u8) -> Signed<Endorsement> {
        let mut envelope = signed(seed).into_envelope();
        envelope.signature = *signed(seed.wrapping_add(1)).signature();
        envelope.identify(&chain_id(1))
    }

    #[test]
    fn a_signature_that_was_found_valid_is_known_to_be_and_a_bad_one_stays_bad() {
        let (good, bad) = (signed(1), forged(1));
        for _ in 0..2 {
            assert!(good.verify().is_ok() && bad.verify().is_err());
            assert!(good.verified.get() && !bad.verified.get());
        }
        assert!(good.clone().verified.get());
        assert!(
            !good
                .clone()
                .into_envelope()
                .identify(&chain_id(2))
                .verified
                .get()
        );
        assert_eq!(good, signed(1));
    }

    #[test]
    fn verified_together_only_the_bad_ones_are_named_each_time() {
        let all = [signed(1), forged(2), signed(3), forged(4)];
        all[2].verify().unwrap();
        let all: Vec<_> = all.iter().collect();
        for _ in 0..2 {
            let error = Signed::verify_all(&all, |_| None).unwrap_err();
            assert_eq!(error.bad, [1, 3]);
            let known: Vec<bool> = all.iter().map(|one| one.verified.get()).collect();
            assert_eq!(known, [true, false, true, false]);
        }
        assert_eq!(Signed::verify_all(&all[..1], |_| None), Ok(()));
    }
}
