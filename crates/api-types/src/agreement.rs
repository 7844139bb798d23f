//! Votes and certificates.

use crate::SlotPhase;
#[cfg(feature = "openapi")]
use crate::schema;
use picot_models::{Address, BlockId, Slot, Timestamp, Value};
use serde::{Deserialize, Serialize};

/// `GET /slots/{period}/{thread}/agreement`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgreementResponse {
    /// The slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
    /// How far it is.
    pub status: SlotPhase,
    /// As what it is decided, if it is.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Value>))]
    pub value: Option<Value>,
    /// The slot of the decision: an earlier one inside a miss of several periods.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Slot>))]
    pub outcome_slot: Option<Slot>,
    /// The round that decided.
    pub decided_round: Option<u32>,
    /// From the start of the slot to the decision here, if this node remembers.
    pub delay_ms: Option<u64>,
    /// The stake that votes; none while the draws are not known.
    pub total_power: Option<u64>,
    /// The stake that decides.
    pub quorum_power: Option<u64>,
    /// When the slot opened here, if it is undecided.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Timestamp>))]
    pub opened_at: Option<Timestamp>,
    /// The round that this node is in, if it is undecided.
    pub round: Option<u32>,
    /// The valid candidates.
    pub candidates: Vec<AgreementCandidate>,
    /// The rounds of which votes are held, ascending. Of a slot that was decided some slots ago there
    /// are none.
    pub rounds: Vec<AgreementRound>,
    /// What proves the decision.
    pub certificate: Option<CertificateSummary>,
}

/// A candidate of the slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgreementCandidate {
    /// The block.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::BlockId))]
    pub block: BlockId,
    /// Its producer.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Address))]
    pub producer: Address,
    /// The producer's place in the ranking of the slot; none while the draws are not known.
    pub rank: Option<u32>,
    /// Whether the node builds on it, or the slot is decided as it.
    pub leading: bool,
    /// Whether the canonical rule prefers it at this node; none once the slot is decided.
    pub canonical: Option<bool>,
}

/// The votes of a round, as they were received: signatures are verified where a quorum depends on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgreementRound {
    /// The round.
    pub round: u32,
    /// Who may propose in it; none in round 0.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Address>))]
    pub coordinator: Option<Address>,
    /// The votes to notarise, by value.
    pub notarise: Vec<ValueVotes>,
    /// The votes to nullify.
    pub nullify: Votes,
    /// The votes to finalise, by value.
    pub finalise: Vec<ValueVotes>,
}

/// The votes for a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ValueVotes {
    /// The value.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Value))]
    pub value: Value,
    /// The stake of the voters.
    pub power: u64,
    /// Who voted.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::Address>))]
    pub signers: Vec<Address>,
}

/// Votes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Votes {
    /// The stake of the voters.
    pub power: u64,
    /// Who voted.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::Address>))]
    pub signers: Vec<Address>,
}

/// What votes are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum VoteKind {
    /// For a value.
    Notarise,
    /// Against waiting any longer in the round.
    Nullify,
    /// For deciding a notarised value.
    Finalise,
}

/// Votes of more than two thirds of the stake for one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CertificateSummary {
    /// What the votes are.
    pub kind: VoteKind,
    /// The round.
    pub round: u32,
    /// The value; none of nullify votes.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Value>))]
    pub value: Option<Value>,
    /// The stake of the signers; none if the stakes of that cycle are not known any more.
    pub power: Option<u64>,
    /// Who signed.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::Address>))]
    pub signers: Vec<Address>,
}
