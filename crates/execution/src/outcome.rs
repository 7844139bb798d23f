//! What became of operations and slots.

use displaydoc::Display;
use picot_clock::Slot;
use picot_crypto::Hash;
use picot_models::{Address, Amount, BlockId, OperationId};
use picot_serialization::codec_enum;

/// Which state is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// After decided slots only: never undone.
    Final,
    /// With the blockclique's leading candidates on top: may change.
    Candidate,
}

/// Why an operation failed after its fee was taken. Nothing of it remains but the fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Display)]
pub enum FailureReason {
    /// the balance is too low
    BalanceTooLow,
    /// the amount does not cover the cost of the recipient's new entry
    BelowNewEntryCost,
    /// the recipient is a contract that refuses coins
    RecipientRefuses,
    /// more rolls are sold than owned
    NotEnoughRolls,
    /// the network's last roll cannot be sold
    LastRoll,
    /// the number of rolls is zero
    NoRolls,
    /// a sum is past what a number can hold
    Overflow,
    /// there is no contract engine in this version of the protocol
    NoContractEngine,
    /// there are as many stakers already as a certificate can name
    TooManyStakers,
}

codec_enum!(FailureReason {
    0 => BalanceTooLow,
    1 => BelowNewEntryCost,
    2 => RecipientRefuses,
    3 => NotEnoughRolls,
    4 => LastRoll,
    5 => NoRolls,
    6 => Overflow,
    7 => NoContractEngine,
    8 => TooManyStakers,
});

/// What became of an operation of a block (design 05, step 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Display)]
pub enum OperationOutcome {
    /// succeeded
    Succeeded,
    /// failed: {0}
    Failed(FailureReason),
    /// not paid for: the balance does not cover the fee
    Unpaid,
    /// not executed: it was executed before, or its block may not carry it
    Refused,
}

codec_enum!(OperationOutcome {
    0 => Succeeded,
    1 => Failed(reason),
    2 => Unpaid,
    3 => Refused,
});

/// Where an operation was executed and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationStatus {
    /// The slot of its block.
    pub slot: Slot,
    /// Its block.
    pub block: BlockId,
    /// What became of it.
    pub outcome: OperationOutcome,
    /// Whether its block is decided.
    pub level: Level,
}

/// What an operation would do if it were executed next, at the candidate level. Nothing is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulation {
    /// What would become of it.
    pub outcome: OperationOutcome,
    /// The gas that it would use.
    pub gas_used: u64,
    /// The balances that it would change, by ascending address: before (none without an entry) and
    /// after. The fee has left the sender; who would get it is not known.
    pub balances: Vec<(Address, Option<Amount>, Amount)>,
    /// The sender's rolls, before and after.
    pub rolls: (u64, u64),
    /// Coins that would be burnt.
    pub burnt: Amount,
}

/// A cycle that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedCycle {
    /// The cycle.
    pub cycle: u64,
    /// All stakers missed too much, and kept their rolls because nobody would have had any (design
    /// 06, 'The last stake never vanishes').
    pub kept_last_stake: bool,
}

/// What a final slot did, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotOutput {
    /// The slot.
    pub slot: Slot,
    /// Its block; `None` for a miss.
    pub block: Option<BlockId>,
    /// The producer of the block.
    pub producer: Option<Address>,
    /// The block's operations in order, with what became of each.
    pub operations: Vec<(OperationId, OperationOutcome)>,
    /// Coins minted for the block.
    pub minted: Amount,
    /// The cycle that the slot ended.
    pub ended_cycle: Option<EndedCycle>,
    /// The hash of the state after the slot. Net changes of slots that became final together are
    /// hashed once, so only the last of them knows it; the slots of checkpoints and the last slot
    /// of a cycle always do.
    pub state_hash: Option<Hash>,
}
