//! What an address has.

#[cfg(feature = "openapi")]
use crate::schema;
use picot_models::text::as_hex;
use picot_models::{Address, Amount, Timestamp};
use serde::{Deserialize, Serialize};

/// `GET /addresses/{address}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AddressResponse {
    /// The address.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Address))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccountState {
    /// Its coins; none if it has no entry.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Amount>))]
    pub balance: Option<Amount>,
    /// Its rolls.
    pub rolls: u64,
    /// Coins to come.
    pub deferred_credits: Vec<DeferredCredit>,
}

/// Coins to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeferredCredit {
    /// The cycle at whose end they are credited.
    pub cycle: u64,
    /// How many.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Amount))]
    pub amount: Amount,
    /// The start of the slot after that cycle.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Timestamp>))]
    pub due: Option<Timestamp>,
}

/// Bytes as text: two lower-case hexadecimal digits each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = schema::Hex))]
#[serde(transparent)]
pub struct HexBytes(#[serde(with = "as_hex")] pub Vec<u8>);

/// `GET /addresses/{address}/datastore/{key}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DatastoreResponse {
    /// The address.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Address))]
    pub address: Address,
    /// The key.
    pub key: HexBytes,
    /// The value in the final state; none if there is none.
    #[serde(rename = "final")]
    pub final_value: Option<HexBytes>,
    /// The value in the candidate state.
    pub candidate: Option<HexBytes>,
}
