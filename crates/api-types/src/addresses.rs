//! What an address has.

use picot_models::{Address, Amount, Timestamp};
use serde::{Deserialize, Serialize};

/// `GET /addresses/{address}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressResponse {
    /// The address.
    pub address: Address,
    /// Its thread.
    pub thread: u8,
    /// After decided slots only.
    #[serde(rename = "final")]
    pub final_state: AccountState,
    /// With the leading candidates on top.
    pub candidate: AccountState,
}

/// What an address has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// Its coins; none if it has no entry.
    pub balance: Option<Amount>,
    /// Its rolls.
    pub rolls: u64,
    /// Coins to come.
    pub deferred_credits: Vec<DeferredCredit>,
}

/// Coins to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeferredCredit {
    /// The cycle at whose end they are credited.
    pub cycle: u64,
    /// How many.
    pub amount: Amount,
    /// The start of the slot after that cycle.
    pub due: Option<Timestamp>,
}
