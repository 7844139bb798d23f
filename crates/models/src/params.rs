//! The parameters of a chain: every limit and delay that nodes must agree on.
//!
//! They are part of the genesis file and hashed into the chain id.

use crate::Amount;
use crate::limits::{MAX_DENUNCIATIONS, MAX_ENDORSEMENTS, MAX_OPERATIONS, MAX_THREAD_COUNT};
use displaydoc::Display;
use picot_clock::{Millis, Slot, SlotClock, Timestamp};
use picot_serialization::{codec_enum, codec_struct};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why parameters make no chain.
#[derive(Debug, Clone, PartialEq, Eq, Display, Error)]
pub enum ParamsError {
    /// chain parameter `{field}` is {value}, but must be {rule}
    Wrong {
        /// The field.
        field: &'static str,
        /// What it is.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
}

/// A fraction of whole numbers, so that no node computes with floating point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ratio {
    /// Above the line.
    pub numerator: u64,
    /// Below the line, not zero.
    pub denominator: u64,
}

codec_struct!(Ratio {
    numerator,
    denominator
});

impl Ratio {
    /// Whether `part / whole` is more than this; of nothing, it is not.
    #[must_use]
    pub fn is_exceeded_by(&self, part: u64, whole: u64) -> bool {
        let left = u128::from(part).checked_mul(u128::from(self.denominator));
        let right = u128::from(self.numerator).checked_mul(u128::from(whole));
        // A product of two u64 always fits a u128.
        whole > 0 && left > right
    }
}

/// Who may propose a block at a slot (design 03).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

codec_enum!(ProposalPolicy { 0 => Drawn, 1 => Ranked { count }, 2 => All });

impl ProposalPolicy {
    /// Whether the staker at this place of the producer ranking may propose.
    #[must_use]
    pub const fn allows_rank(&self, rank: u32) -> bool {
        match self {
            Self::Drawn => rank == 0,
            Self::Ranked { count } => rank < *count,
            Self::All => true,
        }
    }
}

/// How candidates of one slot are ordered (design 07, 'Canonical rule').
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

codec_enum!(CanonicalRuleKind { 0 => RankedDraw, 1 => LowestHash, 2 => LowestTicket, 3 => FirstToQuorum });

/// Everything that the nodes of a chain must agree on before its first slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

codec_struct!(ChainParams {
    protocol_version,
    thread_count,
    t0_ms,
    periods_per_cycle,
    endorsement_count,
    max_block_size_bytes,
    max_block_gas,
    max_operations_per_block,
    max_denunciations_per_block,
    operation_validity_periods,
    max_block_production_ms,
    roll_price,
    block_reward,
    new_entry_cost,
    storage_cost_per_byte,
    transfer_gas,
    roll_gas,
    deploy_gas,
    call_gas,
    deferred_credit_cycles,
    max_block_miss_rate,
    max_endorsement_miss_rate,
    min_draws_for_deactivation,
    slash_rolls,
    denunciation_expire_periods,
    proposal_policy,
    canonical_rule,
    max_ranked_producers,
    network_delay_ms,
    max_clock_drift_ms,
    block_startup_delay_ms,
    endorsement_startup_delay_ms,
    checkpoint_interval_periods,
});

impl ChainParams {
    /// The production preset of design 02.
    #[must_use]
    pub const fn production() -> Self {
        Self {
            protocol_version: 1,
            thread_count: 32,
            t0_ms: 16_000,
            periods_per_cycle: 128,
            endorsement_count: 16,
            max_block_size_bytes: 1_000_000,
            max_block_gas: 4_294_967_295,
            max_operations_per_block: 10_000,
            max_denunciations_per_block: 16,
            operation_validity_periods: 10,
            max_block_production_ms: 500,
            roll_price: Amount::from_nanos(100_000_000_000),
            block_reward: Amount::from_nanos(1_020_000_000),
            new_entry_cost: Amount::from_nanos(1_000_000),
            storage_cost_per_byte: Amount::from_nanos(100_000),
            transfer_gas: 100_000,
            roll_gas: 100_000,
            deploy_gas: 300_000,
            call_gas: 300_000,
            deferred_credit_cycles: 3,
            max_block_miss_rate: Ratio {
                numerator: 7,
                denominator: 10,
            },
            max_endorsement_miss_rate: Ratio {
                numerator: 7,
                denominator: 10,
            },
            min_draws_for_deactivation: 1,
            slash_rolls: 1,
            denunciation_expire_periods: 256,
            proposal_policy: ProposalPolicy::Ranked { count: 8 },
            canonical_rule: CanonicalRuleKind::RankedDraw,
            max_ranked_producers: 32,
            network_delay_ms: 1_000,
            max_clock_drift_ms: 500,
            block_startup_delay_ms: 32_000,
            endorsement_startup_delay_ms: 32_000,
            checkpoint_interval_periods: 32,
        }
    }

    /// The development preset of design 02: few threads, short periods, everyone proposes, and a
    /// start-up wait of one period instead of two, so that a restart is soon at work again.
    #[must_use]
    pub const fn dev() -> Self {
        Self {
            thread_count: 4,
            t0_ms: 2_000,
            periods_per_cycle: 16,
            endorsement_count: 4,
            operation_validity_periods: 100,
            denunciation_expire_periods: 32,
            proposal_policy: ProposalPolicy::All,
            network_delay_ms: 50,
            max_clock_drift_ms: 50,
            block_startup_delay_ms: 2_000,
            endorsement_startup_delay_ms: 2_000,
            checkpoint_interval_periods: 8,
            ..Self::production()
        }
    }

    /// Checks each field, and the fields against each other.
    ///
    /// # Errors
    /// [`ParamsError::Wrong`] names the first wrong field.
    pub fn validate(&self) -> Result<(), ParamsError> {
        self.validate_time()?;
        self.validate_blocks()?;
        self.validate_stake()
    }

    /// The clock of the chain.
    ///
    /// # Errors
    /// Those of [`ChainParams::validate`] that concern time.
    pub fn slot_clock(&self, genesis_timestamp: Timestamp) -> Result<SlotClock, ParamsError> {
        SlotClock::new(genesis_timestamp, Millis(self.t0_ms), self.thread_count).map_err(|error| {
            wrong(
                "t0_ms",
                format!(
                    "{} with {} threads ({error})",
                    self.t0_ms, self.thread_count
                ),
                T0_RULE,
            )
        })
    }

    /// Whether the state after a slot is one that validators sign: after the last slot of a cycle, and
    /// of every `checkpoint_interval_periods` periods (design 10, 'Checkpoints'). The genesis is none.
    #[must_use]
    pub fn is_checkpoint(&self, slot: Slot) -> bool {
        let is_last_thread = slot.thread.saturating_add(1) == self.thread_count;
        let next_period = slot.period.saturating_add(1);
        let at_interval = next_period.checked_rem(self.checkpoint_interval_periods) == Some(0);
        is_last_thread && slot.period > 0 && (at_interval || self.ends_cycle(slot))
    }

    /// Whether a slot is the last of its cycle.
    #[must_use]
    pub fn ends_cycle(&self, slot: Slot) -> bool {
        slot.is_last_of_cycle(self.periods_per_cycle, self.thread_count)
            .unwrap_or(false)
    }

    /// The milliseconds from the start of a slot until a block for it must be ready.
    #[must_use]
    pub fn production_deadline_ms(&self) -> u64 {
        let slot_ms = self
            .t0_ms
            .checked_div(u64::from(self.thread_count))
            .unwrap_or(0);
        self.max_block_production_ms
            .min(slot_ms.checked_div(2).unwrap_or(0))
    }

    /// Whether a block of `slot` may carry endorsements of its parent at `parent`: of its own cycle or
    /// the one before, so that nobody needs older draws to judge a block.
    #[must_use]
    pub fn may_carry_endorsements(&self, parent: Slot, slot: Slot) -> bool {
        let cycle = |slot: Slot| slot.cycle(self.periods_per_cycle).ok();
        cycle(parent)
            .zip(cycle(slot))
            .is_some_and(|(parent, own)| parent.saturating_add(1) >= own)
    }

    fn validate_time(&self) -> Result<(), ParamsError> {
        let threads = usize::from(self.thread_count);
        check(
            threads.is_power_of_two() && threads <= MAX_THREAD_COUNT,
            "thread_count",
            self.thread_count,
            "a power of two from 1 to 64",
        )?;
        self.slot_clock(Timestamp(0))?;
        check(
            (2..=65_536).contains(&self.periods_per_cycle),
            "periods_per_cycle",
            self.periods_per_cycle,
            "from 2 to 65536",
        )?;
        check(
            self.network_delay_ms > 0,
            "network_delay_ms",
            self.network_delay_ms,
            "above 0",
        )?;
        check(
            self.network_delay_ms <= self.t0_ms,
            "network_delay_ms",
            self.network_delay_ms,
            "at most a period",
        )?;
        check(
            self.max_clock_drift_ms <= self.t0_ms,
            "max_clock_drift_ms",
            self.max_clock_drift_ms,
            "at most a period",
        )?;
        check(
            (1..=self.periods_per_cycle).contains(&self.checkpoint_interval_periods),
            "checkpoint_interval_periods",
            self.checkpoint_interval_periods,
            "from 1 to the periods of a cycle",
        )
    }

    fn validate_blocks(&self) -> Result<(), ParamsError> {
        check(
            is_within(self.endorsement_count, MAX_ENDORSEMENTS),
            "endorsement_count",
            self.endorsement_count,
            "at most 64",
        )?;
        check(
            is_within(self.max_operations_per_block, MAX_OPERATIONS),
            "max_operations_per_block",
            self.max_operations_per_block,
            "at most 100000",
        )?;
        check(
            is_within(self.max_denunciations_per_block, MAX_DENUNCIATIONS),
            "max_denunciations_per_block",
            self.max_denunciations_per_block,
            "at most 64",
        )?;
        check(
            (1..=100_000_000).contains(&self.max_block_size_bytes),
            "max_block_size_bytes",
            self.max_block_size_bytes,
            "from 1 to 100000000",
        )?;
        check(
            self.max_block_gas > 0,
            "max_block_gas",
            self.max_block_gas,
            "above 0",
        )?;
        check(
            (1..=MAX_VALIDITY_PERIODS).contains(&self.operation_validity_periods),
            "operation_validity_periods",
            self.operation_validity_periods,
            "from 1 to 65536",
        )?;
        check(
            self.max_block_production_ms > 0,
            "max_block_production_ms",
            self.max_block_production_ms,
            "above 0",
        )
    }

    fn validate_stake(&self) -> Result<(), ParamsError> {
        check(
            !self.roll_price.is_zero(),
            "roll_price",
            self.roll_price,
            "above 0",
        )?;
        check(
            (3..=64).contains(&self.deferred_credit_cycles),
            "deferred_credit_cycles",
            self.deferred_credit_cycles,
            "from 3 (a seller's rolls stay in the draws that long) to 64",
        )?;
        check(
            self.slash_rolls > 0 && self.roll_price.checked_mul(self.slash_rolls).is_some(),
            "slash_rolls",
            self.slash_rolls,
            "above 0, and no more than an amount can pay for",
        )?;
        for (field, rate) in [
            ("max_block_miss_rate", self.max_block_miss_rate),
            ("max_endorsement_miss_rate", self.max_endorsement_miss_rate),
        ] {
            let text = format!("{}/{}", rate.numerator, rate.denominator);
            check(
                rate.denominator > 0 && rate.numerator <= rate.denominator,
                field,
                text,
                "a fraction of at most one",
            )?;
        }
        let credit_periods = self
            .deferred_credit_cycles
            .saturating_mul(self.periods_per_cycle);
        check(
            self.denunciation_expire_periods < credit_periods,
            "denunciation_expire_periods",
            self.denunciation_expire_periods,
            "less than the periods in which deferred credits come due",
        )?;
        if let ProposalPolicy::Ranked { count } = self.proposal_policy {
            check(count > 0, "proposal_policy.count", count, "above 0")?;
            check(
                count <= self.max_ranked_producers,
                "proposal_policy.count",
                count,
                "at most max_ranked_producers",
            )?;
        }
        check(
            (1..=1_024).contains(&self.max_ranked_producers),
            "max_ranked_producers",
            self.max_ranked_producers,
            "from 1 to 1024",
        )
    }
}

/// Periods in which an operation is valid, at most: what was executed is remembered for twice as many.
const MAX_VALIDITY_PERIODS: u64 = 65_536;

const T0_RULE: &str = "above 0 and a multiple of thread_count";

fn is_within(value: u32, max: usize) -> bool {
    usize::try_from(value).is_ok_and(|value| value <= max)
}

fn check(
    holds: bool,
    field: &'static str,
    value: impl ToString,
    rule: &'static str,
) -> Result<(), ParamsError> {
    if holds {
        Ok(())
    } else {
        Err(wrong(field, value.to_string(), rule))
    }
}

fn wrong(field: &'static str, value: String, rule: &'static str) -> ParamsError {
    ParamsError::Wrong { field, value, rule }
}
