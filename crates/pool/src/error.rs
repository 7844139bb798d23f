//! Why something is refused.

use displaydoc::Display;
use picot_models::{
    Address, Amount, DenunciationError, DenunciationId, EndorsementId, OperationId, Slot,
};
use picot_selector::SelectorError;
use picot_serialization::DecodeError;
use thiserror::Error;

/// Why the pool refuses an item.
#[derive(Debug, Clone, PartialEq, Eq, Display, Error)]
pub enum PoolError {
    /// pool setting `{field}` is {value}, but must be {rule}
    Config {
        /// The field.
        field: &'static str,
        /// What it is.
        value: String,
        /// What it must be.
        rule: &'static str,
    },

    /// operation {0} is of another chain
    OperationOfOtherChain(OperationId),
    /// the signature of operation {0} is not its sender's
    OperationSignature(OperationId),
    /// operation {0} is signed by a key of small order, for which anybody can sign
    WeakSenderKey(OperationId),
    /// operation {0} buys or sells no rolls
    NoRolls(OperationId),
    /// operation {0} deploys or calls a contract, and this node has no engine for contracts yet
    NoContractEngine(OperationId),
    /// operation {id} could not be read back from its bytes
    MalformedOperation {
        /// The operation.
        id: OperationId,
        /// What is wrong.
        #[source]
        source: DecodeError,
    },
    /// operation {id} has {size} bytes, more than the {max} of a block
    OperationTooLarge {
        /// The operation.
        id: OperationId,
        /// Its bytes.
        size: u64,
        /// The bound.
        max: u64,
    },
    /// operation {id} can use more gas than the {max} of a block
    TooMuchGas {
        /// The operation.
        id: OperationId,
        /// The bound.
        max: u64,
    },
    /// operation {0} can take more coins than there can be
    SpendsTooMuch(OperationId),
    /// the fee of operation {id} is {fee}, less than this node's minimum of {min}
    FeeTooLow {
        /// The operation.
        id: OperationId,
        /// Its fee.
        fee: Amount,
        /// The bound.
        min: Amount,
    },
    /// operation {id} expired with period {expire_period}, and slot {now} has started
    OperationExpired {
        /// The operation.
        id: OperationId,
        /// The last period at which it could have been included.
        expire_period: u64,
        /// The latest slot.
        now: Slot,
    },
    /// operation {id} is valid from period {first_period} on only, too long after slot {now}
    OperationTooEarly {
        /// The operation.
        id: OperationId,
        /// The first period at which it may be included.
        first_period: u64,
        /// The latest slot.
        now: Slot,
    },
    /// operation {0} is pending already
    OperationPending(OperationId),
    /// operation {0} was executed already
    OperationExecuted(OperationId),
    /// operation {id} and what else {sender} has pending can spend {needed} nano-coins, more than its balance of {balance}
    BalanceTooLow {
        /// The operation.
        id: OperationId,
        /// Its sender.
        sender: Box<Address>,
        /// Nano-coins that all of them can take: may be more than an amount can be.
        needed: u128,
        /// What it has.
        balance: Amount,
    },
    /// operation {id} and what else {sender} has pending sell {wanted} rolls, but it owns and buys {available}
    RollsTooFew {
        /// The operation.
        id: OperationId,
        /// Its sender.
        sender: Box<Address>,
        /// Rolls that all of them sell.
        wanted: u128,
        /// Rolls that it owns, and those that its pending purchases buy.
        available: u128,
    },
    /// operation {id} is not better than the {max} that {sender} has pending, which is the most
    SenderFull {
        /// The operation.
        id: OperationId,
        /// Its sender.
        sender: Box<Address>,
        /// The bound.
        max: usize,
    },
    /// operation {id} is not better than those pending, and thread {thread} is full
    ThreadFull {
        /// The operation.
        id: OperationId,
        /// The thread.
        thread: u8,
    },

    /// endorsement {0} is of another chain
    EndorsementOfOtherChain(EndorsementId),
    /// the signature of endorsement {0} is not its signer's
    EndorsementSignature(EndorsementId),
    /// endorsement {id} is for slot {slot}, which is not within the window around slot {now}
    EndorsementOutOfWindow {
        /// The endorsement.
        id: EndorsementId,
        /// Its slot.
        slot: Slot,
        /// The latest slot.
        now: Slot,
    },
    /// endorsement {id} has index {index}, but a slot has {count} endorsers
    EndorsementIndex {
        /// The endorsement.
        id: EndorsementId,
        /// Its index.
        index: u32,
        /// Draws of a slot.
        count: u32,
    },
    /// endorsement {id} is not signed by the endorser drawn at index {index} of slot {slot}
    EndorserNotDrawn {
        /// The endorsement.
        id: EndorsementId,
        /// Its slot.
        slot: Slot,
        /// Its index.
        index: u32,
    },
    /// endorsement {0} is held already
    EndorsementHeld(EndorsementId),
    /// endorsement {id} is one more for index {index} of slot {slot}, whose endorser is denounced
    EndorserContradicted {
        /// The endorsement.
        id: EndorsementId,
        /// Its slot.
        slot: Slot,
        /// Its index.
        index: u32,
    },

    /// denunciation {id} proves no fault
    FalseDenunciation {
        /// The denunciation.
        id: DenunciationId,
        /// What is wrong.
        #[source]
        source: Box<DenunciationError>,
    },
    /// denunciation {id} is for slot {slot}, which is not punishable around slot {now}
    DenunciationOutOfWindow {
        /// The denunciation.
        id: DenunciationId,
        /// The slot of the fault.
        slot: Slot,
        /// The latest slot.
        now: Slot,
    },
    /// denunciation {id} names {culprit}, who had no part in slot {slot}
    CulpritNotDrawn {
        /// The denunciation.
        id: DenunciationId,
        /// Whom it names.
        culprit: Box<Address>,
        /// The slot of the fault.
        slot: Slot,
    },
    /// a denunciation of {address} for its fault at slot {slot} is held already
    FaultHeld {
        /// Whose fault.
        address: Box<Address>,
        /// The slot of the fault.
        slot: Slot,
    },
    /// the fault of {address} at slot {slot} was punished already
    FaultPunished {
        /// Whose fault.
        address: Box<Address>,
        /// The slot of the fault.
        slot: Slot,
    },
    /// denunciation {id} has {size_bytes} bytes, a block carries at most {max_bytes}
    DenunciationTooLarge {
        /// The denunciation.
        id: DenunciationId,
        /// Its size.
        size_bytes: u64,
        /// What all denunciations of a block may have together.
        max_bytes: u64,
    },
    /// there is no place for denunciation {id} beside the {held} that are held
    DenunciationsFull {
        /// The denunciation.
        id: DenunciationId,
        /// How many are held.
        held: usize,
    },

    /// the draws of slot {slot} are not known yet
    DrawsNotKnownYet {
        /// The slot.
        slot: Slot,
        /// What is missing.
        #[source]
        source: Box<SelectorError>,
    },
    /// the draws of slot {slot} cannot be had
    NoDraws {
        /// The slot.
        slot: Slot,
        /// Why.
        #[source]
        source: Box<SelectorError>,
    },
}

impl PoolError {
    /// Of a question to the selector about a slot.
    pub(crate) fn of_draws(slot: Slot, source: SelectorError) -> Self {
        let not_known_yet = source.is_not_known_yet();
        let source = Box::new(source);
        if not_known_yet {
            Self::DrawsNotKnownYet { slot, source }
        } else {
            Self::NoDraws { slot, source }
        }
    }

    /// Whether the same item may be taken in later, so that nobody is blamed for it (design 06,
    /// 'Robustness').
    #[must_use]
    pub const fn is_not_known_yet(&self) -> bool {
        matches!(self, Self::DrawsNotKnownYet { .. })
    }

    /// Whether the pool has it already, or it had its effect already: no fault of the sender.
    #[must_use]
    pub const fn is_known_already(&self) -> bool {
        matches!(
            self,
            Self::OperationPending(_)
                | Self::OperationExecuted(_)
                | Self::EndorsementHeld(_)
                | Self::FaultHeld { .. }
                | Self::FaultPunished { .. }
        )
    }
}
