//! The vocabulary of the chain as schemas: each stands for the type of its name in `picot_models`, as
//! people's formats write it. Tests hold the two together.

use std::borrow::Cow;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! texts {
    ($($name:ident: $description:literal, $pattern:literal;)*) => {$(
        #[doc = $description]
        #[derive(Debug, serde::Serialize)]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let object = ObjectBuilder::new()
                    .schema_type(Type::String)
                    .pattern(Some($pattern))
                    .description(Some($description));
                RefOr::T(Schema::Object(object.build()))
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

texts! {
    Address: "An address: the text form of the hash of a key.", "^(addr|con)1[0-9a-z]+$";
    Amount: "Coins as a decimal number with at most nine places.", "^[0-9]+(\\.[0-9]{1,9})?$";
    BlockId: "A block's id.", "^blk1[0-9a-z]+$";
    ChainId: "A chain's id.", "^chain1[0-9a-z]+$";
    CheckpointHash: "What names a checkpoint.", "^ckp1[0-9a-z]+$";
    DenunciationId: "A denunciation's id.", "^den1[0-9a-z]+$";
    EndorsementId: "An endorsement's id.", "^end1[0-9a-z]+$";
    OperationId: "An operation's id.", "^op1[0-9a-z]+$";
    Hex: "Bytes: two lower-case hexadecimal digits each.", "^([0-9a-f]{2})*$";
    Hash: "32 bytes in hexadecimal.", "^[0-9a-f]{64}$";
    PublicKey: "A public key.", "^pub1[0-9a-z]+$";
    Signature: "A signature.", "^sig1[0-9a-z]+$";
}

macro_rules! numbers {
    ($($name:ident: $description:literal;)*) => {$(
        #[doc = $description]
        #[derive(Debug, serde::Serialize)]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let object = ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                    .minimum(Some(0))
                    .description(Some($description));
                RefOr::T(Schema::Object(object.build()))
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

numbers! {
    Timestamp: "Milliseconds since the Unix epoch.";
    Millis: "Milliseconds.";
}

/// A slot.
#[derive(Debug, ToSchema, serde::Serialize)]
pub struct Slot {
    /// The period.
    pub period: u64,
    /// The thread.
    pub thread: u8,
}

/// What a slot can be decided as.
#[derive(Debug, ToSchema, serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Value {
    /// This block.
    Block {
        /// The block's id.
        id: BlockId,
    },
    /// No block, nor in the thread's later slots up to this period.
    Miss {
        /// The last period that the miss covers: the slot's own, or a later one of its cycle.
        through: u64,
    },
}

/// What an address orders.
#[derive(Debug, ToSchema, serde::Serialize)]
pub struct Operation {
    /// What the sender pays for it, kept even if it fails.
    pub fee: Amount,
    /// The last period at which it may be included.
    pub expire_period: u64,
    /// What it does.
    pub kind: OperationKind,
}

/// What an operation does.
#[derive(Debug, ToSchema, serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OperationKind {
    /// Moves coins.
    Transfer {
        /// Who gets them.
        recipient: Address,
        /// How many.
        amount: Amount,
    },
    /// Buys rolls at the roll price.
    RollBuy {
        /// How many, at least one.
        roll_count: u64,
    },
    /// Sells rolls; the coins come as a deferred credit.
    RollSell {
        /// How many, at least one.
        roll_count: u64,
    },
    /// Deploys a contract.
    Deploy {
        /// Its code.
        bytecode: Hex,
        /// Gas that its deployment can use at most.
        max_gas: u64,
        /// Coins that its deployment can take at most.
        max_coins: Amount,
        /// The entries that its datastore begins with, by ascending key.
        datastore: Vec<DatastoreEntry>,
    },
    /// Calls a contract.
    Call {
        /// The contract.
        contract: Address,
        /// The function's name.
        function: String,
        /// What the function is given.
        parameter: Hex,
        /// Gas that it can use at most.
        max_gas: u64,
        /// Coins given along.
        coins: Amount,
    },
}

/// One entry of a datastore.
#[derive(Debug, ToSchema, serde::Serialize)]
pub struct DatastoreEntry {
    /// The key.
    pub key: Hex,
    /// The value.
    pub value: Hex,
}

/// A signed operation as it is submitted: what is ordered, by whom, and the signature.
#[derive(Debug, ToSchema, serde::Serialize)]
#[schema(as = SignedOperation)]
pub struct SubmittedOperation {
    /// What is ordered.
    pub content: Operation,
    /// By whom.
    pub signer: PublicKey,
    /// The signature of the operation's id.
    pub signature: Signature,
}

/// A fraction of whole numbers, so that no node computes with floating point.
#[derive(Debug, ToSchema, serde::Serialize)]
pub struct Ratio {
    /// Above the line.
    pub numerator: u64,
    /// Below the line, not zero.
    pub denominator: u64,
}

/// Who may propose a block at a slot (design 03).
#[derive(Debug, ToSchema, serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ProposalPolicy {
    /// The drawn producer alone.
    Drawn,
    /// The first of the producer ranking.
    Ranked {
        /// How many of them, at least one.
        count: u32,
    },
    /// Everyone with rolls.
    All,
}

/// How candidates of one slot are ordered (design 07, 'Canonical rule').
#[derive(Debug, ToSchema, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CanonicalRuleKind {
    /// By the selector's producer ranking.
    RankedDraw,
    /// By block id.
    LowestHash,
    /// By the lowest of the producer's per-roll hashes.
    LowestTicket,
    /// By arrival at each voter.
    FirstToQuorum,
}

/// Everything that the nodes of a chain must agree on before its first slot.
#[derive(Debug, ToSchema, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChainParams {
    /// Version of the protocol that blocks and votes follow.
    pub protocol_version: u32,
    /// Threads: a power of two from 1 to 64.
    pub thread_count: u8,
    /// Length of a period in milliseconds: a multiple of the thread count.
    pub t0_ms: u64,
    /// Periods of a cycle.
    pub periods_per_cycle: u64,
    /// Endorsements that a block can carry, and endorser draws of a slot.
    pub endorsement_count: u32,
    /// Bytes of operations that a block can carry.
    pub max_block_size_bytes: u64,
    /// Gas that the operations of a block can use.
    pub max_block_gas: u64,
    /// Operations that a block can carry.
    pub max_operations_per_block: u32,
    /// Denunciations that a block can carry.
    pub max_denunciations_per_block: u32,
    /// Periods, before the one in which it expires, in which an operation is valid.
    pub operation_validity_periods: u64,
    /// Milliseconds that building a block may take; never past half a slot.
    pub max_block_production_ms: u64,
    /// Price of a roll.
    pub roll_price: Amount,
    /// Minted for a block with all its endorsements.
    pub block_reward: Amount,
    /// Burnt from the first credit of an address that has no entry.
    pub new_entry_cost: Amount,
    /// Deposit for each byte that a contract stores.
    pub storage_cost_per_byte: Amount,
    /// Gas of a transfer.
    pub transfer_gas: u64,
    /// Gas of buying or selling rolls.
    pub roll_gas: u64,
    /// Gas of a deployment, besides what it declares.
    pub deploy_gas: u64,
    /// Gas of a call, besides what it declares.
    pub call_gas: u64,
    /// Cycles until the coins of sold rolls are credited.
    pub deferred_credit_cycles: u64,
    /// Block failures over draws, above which a staker's rolls are sold.
    pub max_block_miss_rate: Ratio,
    /// Endorsement failures over draws, above which a staker's rolls are sold.
    pub max_endorsement_miss_rate: Ratio,
    /// Draws in a cycle, under which a staker is not judged.
    pub min_draws_for_deactivation: u64,
    /// Rolls whose price a denunciation costs.
    pub slash_rolls: u64,
    /// Periods after its slot in which a fault is punishable.
    pub denunciation_expire_periods: u64,
    /// Who may propose a block at a slot.
    pub proposal_policy: ProposalPolicy,
    /// How candidates are ordered.
    pub canonical_rule: CanonicalRuleKind,
    /// Places of the producer ranking that are drawn by stake; the rest follows by hash.
    pub max_ranked_producers: u32,
    /// `D`: milliseconds in which the network delivers, when it is well.
    pub network_delay_ms: u64,
    /// Milliseconds by which clocks may differ.
    pub max_clock_drift_ms: u64,
    /// Milliseconds after its start in which a node signs no block.
    pub block_startup_delay_ms: u64,
    /// Milliseconds after its start in which a node signs no vote and no endorsement.
    pub endorsement_startup_delay_ms: u64,
    /// Periods between two checkpoints inside a cycle.
    pub checkpoint_interval_periods: u64,
}

/// What became of something that was due.
#[derive(Debug, ToSchema, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A block was signed and handed on.
    ProducedBlock(BlockId),
    /// An endorsement was signed and handed on.
    ProducedEndorsement {
        /// Its id.
        id: EndorsementId,
        /// The block that it is for.
        block: BlockId,
    },
    /// Nothing was produced.
    Skipped(crate::control::Skip),
}

/// What became of a slot, and so of what was produced for it.
#[derive(Debug, ToSchema, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Nothing yet.
    Undecided,
    /// The slot is decided as the block that was produced, or endorsed.
    Decided,
    /// The slot is decided as another block: this one.
    LostTo(BlockId),
    /// The slot is decided as one without a block.
    Missed,
    /// The slot is decided, and this node does not keep as what: it was off for a long time.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::mocks::{address, chain_id, key, transfer};
    use serde_json::{Value as Json, to_value};
    use std::collections::BTreeSet;

    fn keys(json: &Json) -> BTreeSet<String> {
        json.as_object().unwrap().keys().cloned().collect()
    }

    /// A schema has exactly the fields that the type writes, and asks for all of them.
    fn assert_alike<S: ToSchema>(written: impl serde::Serialize) {
        let (schema, written) = (to_value(S::schema()).unwrap(), to_value(written).unwrap());
        assert_eq!(keys(&schema["properties"]), keys(&written), "{}", S::name());
        let required = schema["required"].as_array().unwrap().iter();
        let required: BTreeSet<_> = required.map(|it| it.as_str().unwrap().to_owned()).collect();
        assert_eq!(required, keys(&written), "{}", S::name());
    }

    /// One of the variants of a schema has exactly the fields that the value writes.
    fn assert_is_variant<S: ToSchema>(written: impl serde::Serialize) {
        let (schema, written) = (to_value(S::schema()).unwrap(), to_value(written).unwrap());
        let variants = schema["oneOf"].as_array().unwrap();
        let is_it = |variant: &&Json| {
            variant["properties"]["type"]["enum"] == serde_json::json!([written["type"]])
        };
        let variant = variants.iter().find(is_it).unwrap();
        assert_eq!(
            keys(&variant["properties"]),
            keys(&written),
            "{}",
            S::name()
        );
    }

    #[test]
    fn the_schemas_of_the_vocabulary_are_what_its_types_write() {
        let params = picot_models::ChainParams::dev();
        assert_alike::<Ratio>(params.max_block_miss_rate);
        assert_alike::<ChainParams>(params);
        assert_alike::<Slot>(picot_models::Slot::new(1, 2));
        let operation = transfer(&key(1), address(2), 3, 4, 5, &chain_id(1));
        assert_alike::<Operation>(operation.content());
        assert_is_variant::<OperationKind>(&operation.content().kind);
        assert_is_variant::<OperationKind>(picot_models::OperationKind::RollBuy { roll_count: 1 });
        assert_alike::<SubmittedOperation>(operation.envelope());
        assert_is_variant::<Value>(picot_models::Value::Miss { through: 1 });
        let id = picot_models::Hash([1; 32]).into();
        assert_is_variant::<Value>(picot_models::Value::Block { id });
        assert_is_variant::<ProposalPolicy>(picot_models::ProposalPolicy::Ranked { count: 1 });
    }
}
