//! The table of everything that is hashed, so that bytes of one kind never stand for another.

use std::sync::OnceLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

use crate::{Hash, Hasher};

/// Makes the enum, the list of all its members and their texts from one table.
macro_rules! contexts {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// What a hash is of: each use has its own context string, and so its own function.
        ///
        /// A hash is BLAKE3 in its `derive_key` mode with the context string of the use, over the
        /// canonical bytes (design 02, 'Hash, keys, signatures').
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Context {
            $($(#[$doc])* $name,)*
        }

        impl Context {
            /// Every context, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The context string.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }

        /// The context key of each context, a constant that costs one hash to find.
        static KEYS: OnceLock<[ContextKey; Context::ALL.len()]> = OnceLock::new();

        fn keys() -> &'static [ContextKey] {
            KEYS.get_or_init(|| [$(hash_derive_key_context($text)),*])
        }
    };
}

contexts! {
    /// The id of an operation, which its sender signs.
    OperationId => "picot 1 operation id",
    /// The content of a header, before its signer's key is bound to it.
    HeaderContent => "picot 1 header content",
    /// The id of a header and so of its block, which its creator signs.
    HeaderId => "picot 1 block id",
    /// The id of an endorsement, which its endorser signs.
    EndorsementId => "picot 1 endorsement id",
    /// The id of a vote, which its validator signs.
    VoteId => "picot 1 vote id",
    /// The id of a proposal, which its coordinator signs.
    ProposalId => "picot 1 proposal id",
    /// The id of a certificate.
    CertificateId => "picot 1 certificate id",
    /// The id of a checkpoint, which validators sign.
    CheckpointId => "picot 1 checkpoint id",
    /// A checkpoint whoever signed it: what an operator may trust.
    CheckpointHash => "picot 1 checkpoint hash",
    /// The id of a denunciation.
    DenunciationId => "picot 1 denunciation id",
    /// The address of a public key.
    Address => "picot 1 address",
    /// The address of a contract: deployer, slot and index.
    ContractAddress => "picot 1 contract address",
    /// The operations of a block: their ids, one after the other.
    OperationsHash => "picot 1 operations hash",
    /// The id of a chain: its parameters and genesis state.
    ChainId => "picot 1 chain id",
    /// The chain of decided values of one thread.
    ThreadDigest => "picot 1 thread digest",
    /// The bit that a slot gives to its cycle's seed.
    SeedBit => "picot 1 seed bit",
    /// The seed of a cycle: its bits.
    CycleSeed => "picot 1 cycle seed",
    /// The seed of a cycle before there are bits.
    GenesisSeed => "picot 1 genesis seed",
    /// The stream of draws of a slot.
    Draw => "picot 1 draw",
    /// The order of a producer ranking's tail.
    RankTail => "picot 1 rank tail",
    /// The ticket of a roll in a slot.
    Ticket => "picot 1 ticket",
    /// One key and value of the final state, expanded and summed to the state hash.
    StateHash => "picot 1 state hash",
    /// The digest of a whole state hash, which is long.
    StateDigest => "picot 1 state digest",
    /// A part of a state or of a history that is sent as a whole.
    Chunk => "picot 1 chunk",
    /// The coefficients that weigh the signatures of a batch.
    BatchCoefficients => "picot 1 batch coefficients",
    /// The roll distribution that validators of a cycle are drawn from.
    ValidatorSet => "picot 1 validator set",
    /// The validator sets of three cycles in a row and their seeds, which a checkpoint names.
    ValidatorSets => "picot 1 validator sets",
    /// What was signed for a slot, in the signing log.
    SigningLog => "picot 1 signing log",
    /// The short name of a message that nodes pass on.
    MessageTag => "picot 1 message tag",
    /// The short name of a node, of its identity in the network.
    NodeId => "picot 1 node id",
    /// The seeds of generators in tests and simulations.
    Test => "picot 1 test",
    /// The keys of the load generator's transfers.
    TransferTest => "picot 1 transfer test",
}

impl Context {
    /// The hash of `bytes` in this context.
    #[must_use]
    pub fn hash(self, bytes: &[u8]) -> Hash {
        Hasher::new(self).update(bytes).finalize()
    }

    /// The hash of 32-byte ids, one after the other.
    ///
    /// BLAKE3 is a Merkle tree over chunks of 1 KiB, so this is also a Merkle root over the ids.
    pub fn hash_ids<T: AsRef<[u8; 32]>>(self, ids: impl IntoIterator<Item = T>) -> Hash {
        let mut hasher = Hasher::new(self);
        for id in ids {
            hasher.update(id.as_ref());
        }
        hasher.finalize()
    }

    /// A hasher of this context. Hashing the context string anew would double the cost of a short
    /// input.
    pub(crate) fn hasher(self) -> blake3::Hasher {
        match keys().get(self as usize) {
            Some(key) => blake3::Hasher::new_from_context_key(key),
            None => blake3::Hasher::new_derive_key(self.text()),
        }
    }
}
