//! Signed objects: what is on the wire, and what is known of it.
//!
//! Bytes are read as an [`Envelope`]. Its id covers the chain, so it becomes a [`Signed`] only when
//! the chain is known ([`Envelope::identify`]). Whether the signature is valid is asked apart, one
//! by one or in batches, because much of what arrives never needs the answer.

use crate::text::as_text;
use crate::{Address, ChainId};
use picot_crypto::{
    BatchEntry, Context, CryptoError, Hash, Hasher, PublicKey, SecretKey, Signature,
};
use picot_serialization::{Decode, DecodeError, Encode, IResult};
use serde::{Deserialize, Serialize};

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

    /// The same with its id found out, once and for all.
    #[must_use]
    pub fn identify(self, chain_id: &ChainId) -> Signed<C> {
        let id = self.id(chain_id);
        let signer_address = Address::of_key(&self.signer);
        Signed {
            id,
            signer_address,
            envelope: self,
        }
    }
}

/// A content with its signer, its signature and its id on the chain that it was identified for.
///
/// The signature is not known to be valid: see [`Signed::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<C: Content> {
    id: C::Id,
    signer_address: Address,
    envelope: Envelope<C>,
}

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
        self.envelope
            .signer
            .verify(self.id.as_id_hash(), &self.envelope.signature)
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
