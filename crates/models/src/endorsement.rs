//! Endorsements: a drawn staker's signature that it saw a slot's block.

use crate::{BlockId, Content, EndorsementId, Signed};
use picot_clock::Slot;
use picot_crypto::Context;
use picot_serialization::codec_struct;
use serde::{Deserialize, Serialize};

/// What an endorser signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endorsement {
    /// The slot of the endorsed block, and of the draw.
    pub slot: Slot,
    /// Which of the slot's draws.
    pub index: u32,
    /// The block of the blockclique at the slot.
    pub block: BlockId,
}

codec_struct!(Endorsement { slot, index, block });

impl Content for Endorsement {
    type Id = EndorsementId;
    const CONTEXT: Context = Context::EndorsementId;
}

/// An endorsement with its signer, its signature and its id.
pub type SignedEndorsement = Signed<Endorsement>;
