//! The genesis of a chain: its parameters, its first stakers and the first coins.

use crate::limits::{MAX_CHAIN_NAME_BYTES, MAX_GENESIS_ENTRIES, MAX_VALIDATORS};
use crate::{
    Address, Amount, Block, BlockId, ChainId, ChainParams, Header, ParamsError, SignedHeader,
    operations_hash,
};
use displaydoc::Display;
use picot_clock::{Slot, SlotClock, Timestamp};
use picot_crypto::{Context, Hash, Hasher, PublicKey, Signature};
use picot_serialization::{Encode, codec_struct};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use thiserror::Error;

/// Why a genesis makes no chain.
#[derive(Debug, Clone, PartialEq, Eq, Display, Error)]
pub enum GenesisError {
    /// the parameters are wrong
    Params(#[from] ParamsError),
    /// the chain name has {0} bytes, but must have from 1 to 64
    Name(usize),
    /// the genesis names no staker with rolls: nobody could produce the first block
    NoStakers,
    /// {0} is listed as a staker twice
    DuplicateStaker(Box<Address>),
    /// the genesis lists {found} {what}, more than {max}
    TooMany {
        /// What is listed.
        what: &'static str,
        /// How many.
        found: usize,
        /// The bound.
        max: usize,
    },
    /// the coins of the genesis add up to more than an amount can hold
    Supply,
    /// {0} is an allocation to a contract, which cannot exist yet
    Contract(Box<Address>),
}

/// A staker of the first cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisStaker {
    /// Its address.
    pub address: Address,
    /// Its rolls.
    pub rolls: u64,
}

codec_struct!(GenesisStaker { address, rolls });

/// Everything that makes a chain this chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// Its name, for people.
    pub name: String,
    /// The start of slot (0, 0): milliseconds since the Unix epoch.
    pub genesis_timestamp: Timestamp,
    /// The parameters.
    pub params: ChainParams,
    /// The stakers of the first cycles.
    pub stakers: Vec<GenesisStaker>,
    /// The first coins.
    pub allocations: BTreeMap<Address, Amount>,
}

codec_struct!(Genesis {
    name: text(MAX_CHAIN_NAME_BYTES),
    genesis_timestamp,
    params,
    stakers: seq(MAX_VALIDATORS),
    allocations: map(MAX_GENESIS_ENTRIES),
});

impl Genesis {
    /// Checks the whole.
    ///
    /// # Errors
    /// [`GenesisError`] says what is wrong.
    pub fn validate(&self) -> Result<(), GenesisError> {
        self.params.validate()?;
        if self.name.is_empty() || self.name.len() > MAX_CHAIN_NAME_BYTES {
            return Err(GenesisError::Name(self.name.len()));
        }
        for (what, found, max) in [
            ("stakers", self.stakers.len(), MAX_VALIDATORS),
            ("allocations", self.allocations.len(), MAX_GENESIS_ENTRIES),
        ] {
            if found > max {
                return Err(GenesisError::TooMany { what, found, max });
            }
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = self
            .stakers
            .iter()
            .find(|staker| !seen.insert(staker.address))
        {
            return Err(GenesisError::DuplicateStaker(Box::new(twice.address)));
        }
        let addresses = self.allocations.keys().chain(&seen);
        if let Some(contract) = addresses.into_iter().find(|address| address.is_contract()) {
            return Err(GenesisError::Contract(Box::new(*contract)));
        }
        if self.stakers.iter().all(|staker| staker.rolls == 0) {
            return Err(GenesisError::NoStakers);
        }
        self.supply().map(|_| ()).ok_or(GenesisError::Supply)
    }

    /// The chain id: the hash of the canonical bytes.
    #[must_use]
    pub fn chain_id(&self) -> ChainId {
        Context::ChainId.hash(&self.to_bytes()).into()
    }

    /// The clock of the chain.
    ///
    /// # Errors
    /// Parameters that make no clock.
    pub fn slot_clock(&self) -> Result<SlotClock, GenesisError> {
        Ok(self.params.slot_clock(self.genesis_timestamp)?)
    }

    /// The rolls of the first cycles, by address.
    #[must_use]
    pub fn roll_counts(&self) -> BTreeMap<Address, u64> {
        self.stakers
            .iter()
            .filter(|staker| staker.rolls > 0)
            .map(|staker| (staker.address, staker.rolls))
            .collect()
    }

    /// All coins at the start, rolls at their price included; `None` past the largest amount.
    #[must_use]
    pub fn supply(&self) -> Option<Amount> {
        let rolls = self
            .stakers
            .iter()
            .try_fold(0_u64, |sum, staker| sum.checked_add(staker.rolls))?;
        self.allocations
            .values()
            .try_fold(self.params.roll_price.checked_mul(rolls)?, |sum, amount| {
                sum.checked_add(*amount)
            })
    }

    /// The seed of a cycle whose seed would come from before the chain began.
    #[must_use]
    pub fn seed(&self, cycle: u64) -> Hash {
        let mut hasher = Hasher::new(Context::GenesisSeed);
        hasher.update(self.chain_id().as_bytes());
        hasher.update(&cycle.to_bytes());
        hasher.finalize()
    }

    /// The block of period 0 of a thread: made by every node alike, signed by nobody, with no
    /// parents and no operations.
    #[must_use]
    pub fn block(&self, thread: u8) -> Block {
        genesis_block(&self.chain_id(), self.params.protocol_version, thread)
    }

    /// The ids of the blocks of period 0, by thread.
    #[must_use]
    pub fn block_ids(&self) -> Vec<BlockId> {
        let chain_id = self.chain_id();
        (0..self.params.thread_count)
            .map(|thread| genesis_block(&chain_id, self.params.protocol_version, thread).id())
            .collect()
    }
}

fn genesis_block(chain_id: &ChainId, version: u32, thread: u8) -> Block {
    let header = Header {
        version,
        slot: Slot::new(0, thread),
        parents: Vec::new(),
        operations_hash: operations_hash([]),
        operation_count: 0,
        endorsements: Vec::new(),
        denunciations: Vec::new(),
    };
    let nobody = PublicKey([0; 32]);
    let header = SignedHeader::prepare(header, nobody, chain_id).seal(Signature([0; 64]));
    Block {
        header: Arc::new(header),
        operations: Vec::new(),
    }
}
