//! Factories and keys.

use super::{HistoryEntry, Part, SkipReason};
#[cfg(feature = "openapi")]
use crate::schema;
use picot_models::{Address, Slot, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// One of the two factories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FactoryName {
    /// Makes blocks.
    Blocks,
    /// Endorses blocks.
    Endorsements,
}

impl FactoryName {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Blocks, Self::Endorsements];

    /// Its text in paths.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Endorsements => "endorsements",
        }
    }
}

impl fmt::Display for FactoryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// How a factory is, and what it did since the node started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FactoryStatus {
    /// Which one.
    pub factory: FactoryName,
    /// Whether it is switched on.
    pub enabled: bool,
    /// When the wait after the start ends; none if the node did not have to wait.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Timestamp>))]
    pub waits_until: Option<Timestamp>,
    /// Blocks or endorsements that were signed and handed on.
    pub produced: u64,
    /// What was due and not produced, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// How often each part was left out of what was produced.
    pub left_out: BTreeMap<Part, u64>,
    /// Slots whose ticks were missed.
    pub missed_ticks: u64,
    /// How long the latest product took.
    pub latest_duration_ms: u64,
    /// How long the slowest product took.
    pub longest_duration_ms: u64,
    /// Lines of the history that could not be kept.
    pub lost_history_entries: u64,
}

/// `GET /factories`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FactoriesResponse {
    /// Both of them.
    pub factories: Vec<FactoryStatus>,
}

/// `PUT /factories/{factory}`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SwitchRequest {
    /// Whether it is to produce.
    pub enabled: bool,
}

/// `GET /factories/{factory}/history?before=12/3&limit=100`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryResponse {
    /// Which factory.
    pub factory: FactoryName,
    /// Latest first.
    pub entries: Vec<HistoryEntry>,
    /// For `before`, to go on reading; none at the end of the history.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Slot>))]
    pub next: Option<Slot>,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyStatus {
    /// Whose key.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Address))]
    pub address: Address,
    /// Whether the wallet has it: a key that was removed may still be refused.
    pub held: bool,
    /// Its thread.
    pub thread: u8,
    /// Its rolls in the final state; none if they could not be read.
    pub rolls: Option<u64>,
    /// Why it signs nothing until an operator clears it, if so.
    pub refused: Option<String>,
}

/// `GET /keys`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeysResponse {
    /// Whether there are no keys in memory.
    pub locked: bool,
    /// The keys, ascending by address.
    pub keys: Vec<KeyStatus>,
}

/// `POST /keys`
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AddKeyRequest {
    /// The key, `sec1…`; a new one is made without it.
    pub secret_key: Option<String>,
}

/// The address of a key that was added or removed, or whose refusal was cleared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyResponse {
    /// Whose key.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Address))]
    pub address: Address,
}
