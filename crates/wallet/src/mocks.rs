//! Mocks of this crate's traits, builders of requests, and the tests that every signing log passes.

mod signing_log_suite;

pub use crate::signing_log::MockSigningLog;
pub use crate::wallet::MockWallet;
pub use signing_log_suite::{signing_history_suite, signing_log_reopen_suite, signing_log_suite};

use crate::{ClaimKind, SignRequest};
use picot_models::mocks::address;
use picot_models::{Hash, Slot};

/// A request of an address (a key number) to sign content that is made of one number.
#[must_use]
pub fn request(signer: u64, kind: ClaimKind, slot: Slot, round: u32, content: u8) -> SignRequest {
    SignRequest {
        address: address(signer),
        kind,
        slot,
        round,
        id: Hash([content; 32]),
        payload: vec![content; 3],
    }
}
