//! The 32-byte ids of objects, each its own type so that one is never taken for another.

use crate::text::{self, Text, TextError, TextKind};
use picot_crypto::Hash;
use picot_serialization::{Decode, DecodeError, Encode, IResult};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $kind:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Hash);

        impl $name {
            /// The id with these 32 bytes.
            #[must_use]
            pub const fn from_hash(hash: Hash) -> Self {
                Self(hash)
            }

            /// The 32 bytes, which are also what the signer signs.
            #[must_use]
            pub const fn as_hash(&self) -> &Hash {
                &self.0
            }

            /// The bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 32] {
                self.0.as_bytes()
            }
        }

        impl From<Hash> for $name {
            fn from(hash: Hash) -> Self {
                Self(hash)
            }
        }

        impl Text for $name {
            fn to_text(&self) -> String {
                text::encode($kind, self.as_bytes())
            }

            fn from_text(text: &str) -> Result<Self, TextError> {
                text::decode($kind, text).map(|bytes| Self(Hash(bytes)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(&self.to_text())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}", self.to_text())
            }
        }

        impl FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                Self::from_text(text)
            }
        }

        impl Encode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                self.0.encode(out);
            }

            fn encoded_len(&self) -> usize {
                self.0.encoded_len()
            }
        }

        impl Decode for $name {
            fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError> {
                Hash::decode(input).map(|(rest, hash)| (rest, Self(hash)))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                text::as_text::serialize(self, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text::as_text::deserialize(deserializer)
            }
        }
    };
}
id_type!(
    /// What a chain is told from another by: the hash of its genesis.
    ChainId,
    TextKind::Chain
);
id_type!(
    /// The id of a block, which is that of its header.
    BlockId,
    TextKind::Block
);
id_type!(
    /// The id of an operation.
    OperationId,
    TextKind::Operation
);
id_type!(
    /// The id of an endorsement.
    EndorsementId,
    TextKind::Endorsement
);
id_type!(
    /// The id of a denunciation.
    DenunciationId,
    TextKind::Denunciation
);
id_type!(
    /// The id of a vote.
    VoteId,
    TextKind::Vote
);
id_type!(
    /// The id of a round proposal.
    ProposalId,
    TextKind::Proposal
);
id_type!(
    /// The id of a checkpoint.
    CheckpointId,
    TextKind::Checkpoint
);
id_type!(
    /// The hash of a checkpoint on a chain, whoever signed it: what an operator may trust.
    CheckpointHash,
    TextKind::CheckpointHash
);
