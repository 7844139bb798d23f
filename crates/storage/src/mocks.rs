//! Mocks of this crate's traits, builders of decisions, and the tests that every archive passes.

mod archive_suite;

pub use crate::archive::MockBlockArchive;
pub use crate::storage::MockStorage;
pub use archive_suite::{archive_reopen_suite, archive_suite};

use crate::Decided;
use picot_models::mocks::{address, block, chain_id, key, transfer};
use picot_models::{
    Ballot, Block, Certificate, Outcome, Signed, Slot, ThreadDigest, ValidatorSet, Value, Vote,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The number of the chain (see [`chain_id`]) that everything here belongs to.
pub const CHAIN: u8 = 1;

/// The outcome of a slot with the certificate of one validator, key 1, of a set of one.
///
/// # Panics
/// If a validator set of one is refused.
#[must_use]
#[allow(clippy::unwrap_used, reason = "the parts are written here")]
pub fn outcome(slot: Slot, value: Value) -> Arc<Outcome> {
    outcome_of_round(slot, value, 0)
}

/// As [`outcome`], decided in a later round: the same value with another certificate.
///
/// # Panics
/// If a validator set of one is refused.
#[must_use]
#[allow(clippy::unwrap_used, reason = "the parts are written here")]
pub fn outcome_of_round(slot: Slot, value: Value, round: u32) -> Arc<Outcome> {
    let vote = Vote {
        version: 1,
        slot,
        round,
        thread_digest: ThreadDigest::genesis(&chain_id(CHAIN), slot.thread),
        ballot: Ballot::Finalise { value },
    };
    let vote = Signed::sign(vote, &key(1), &chain_id(CHAIN));
    let validators = ValidatorSet::new(0, &BTreeMap::from([(address(1), 1)])).unwrap();
    let certificate = Certificate::from_votes([&vote], &validators).unwrap();
    Arc::new(Outcome::new(certificate).unwrap())
}

/// A block of a slot by a producer (a key number) with `operations` transfers.
#[must_use]
pub fn candidate(slot: Slot, producer: u64, operations: u64) -> Block {
    let chain = chain_id(CHAIN);
    let transfers = (0..operations)
        .map(|number| {
            let expire_period = slot.period.saturating_add(10);
            transfer(&key(1), address(2), number, 1, expire_period, &chain)
        })
        .collect();
    block(&key(producer), slot, Vec::new(), transfers, &chain)
}

/// A slot decided as this block.
#[must_use]
pub fn decided_block(block: &Block) -> Decided {
    Decided {
        outcome: outcome(block.slot(), Value::Block { id: block.id() }),
        block: Some(block.clone()),
    }
}

/// A slot decided as a miss through a period.
#[must_use]
pub fn decided_miss(slot: Slot, through: u64) -> Decided {
    Decided {
        outcome: outcome(slot, Value::Miss { through }),
        block: None,
    }
}
