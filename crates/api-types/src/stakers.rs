//! Stakes, cycles and what was produced in them.

#[cfg(feature = "openapi")]
use crate::schema;
use picot_models::{Address, Slot, Timestamp};
use serde::{Deserialize, Serialize};

/// An address that holds rolls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Staker {
    /// The address.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Address))]
    pub address: Address,
    /// Its rolls.
    pub rolls: u64,
    /// Whether its key is in the node's wallet.
    pub own: bool,
}

/// `GET /stakers?after=…&limit=64`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StakersResponse {
    /// The cycle of the final state.
    pub cycle: u64,
    /// All rolls.
    pub total_rolls: u64,
    /// All stakers, in number.
    pub staker_count: usize,
    /// Most rolls first.
    pub stakers: Vec<Staker>,
    /// For `after`, to go on reading; none at the end.
    pub next: Option<String>,
}

/// A cycle of which the node knows something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CycleSummary {
    /// The cycle.
    pub cycle: u64,
    /// Its first slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub first_slot: Slot,
    /// Its last slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub last_slot: Slot,
    /// When it starts.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Timestamp))]
    pub start: Timestamp,
    /// Whether all its slots are final.
    pub is_complete: bool,
    /// All rolls, at its end or now.
    pub total_rolls: u64,
    /// Who holds them, in number.
    pub stakers: usize,
    /// Blocks of drawn producers so far.
    pub produced: u64,
    /// Slots so far whose drawn producer had no block in them.
    pub missed: u64,
    /// Endorsements that blocks carry so far.
    pub endorsements: u64,
    /// Endorsements that were drawn and that no block carries.
    pub missed_endorsements: u64,
}

/// `GET /cycles`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CyclesResponse {
    /// Ascending.
    pub cycles: Vec<CycleSummary>,
}

/// What an address did in a cycle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AddressProduction {
    /// The address.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Address))]
    pub address: Address,
    /// Whether its key is in the node's wallet.
    pub own: bool,
    /// Slots that it was drawn for and that have its block.
    pub produced: u64,
    /// Slots that it was drawn for and that have none of its blocks.
    pub missed: u64,
    /// Endorsements that it was drawn for and that a block carries.
    pub endorsed: u64,
    /// Endorsements that it was drawn for and that no block carries.
    pub missed_endorsements: u64,
}

/// `GET /cycles/{cycle}/production?after=…&limit=64`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProductionResponse {
    /// The cycle.
    pub cycle: u64,
    /// Whether all its slots are final.
    pub is_complete: bool,
    /// Ascending by address.
    pub production: Vec<AddressProduction>,
    /// For `after`, to go on reading; none at the end.
    pub next: Option<String>,
}
