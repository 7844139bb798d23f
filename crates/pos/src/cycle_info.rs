//! What is known of one cycle.

use bitvec::prelude::{BitVec, Lsb0};
use picot_clock::Slot;
use picot_crypto::{Context, Hash, Hasher};
use picot_models::{Address, Amount};
use picot_serialization::{Encode, codec_struct, encode_bits};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a staker did in a cycle with what it was drawn for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProductionStats {
    /// Slots that its block was decided for.
    pub block_success_count: u64,
    /// Slots at which it was drawn and a miss, or a worse ranked producer's block, was decided.
    pub block_failure_count: u64,
    /// Endorsements of it that blocks carried.
    pub endorsement_success_count: u64,
    /// Endorsements that it was drawn for and that the next block did not carry.
    pub endorsement_failure_count: u64,
}

codec_struct!(ProductionStats {
    block_success_count,
    block_failure_count,
    endorsement_success_count,
    endorsement_failure_count,
});

impl ProductionStats {
    /// Slots that counted: successes and failures.
    #[must_use]
    pub const fn block_draws(&self) -> u64 {
        self.block_success_count
            .saturating_add(self.block_failure_count)
    }

    /// Endorsements that counted: successes and failures.
    #[must_use]
    pub const fn endorsement_draws(&self) -> u64 {
        self.endorsement_success_count
            .saturating_add(self.endorsement_failure_count)
    }
}

/// What is known of one cycle (design 06, 'State'). A copy shares its maps, whatever their size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CycleInfo {
    /// The cycle.
    pub cycle: u64,
    /// Whether all its slots are final.
    pub complete: bool,
    /// Its last slot that is final.
    pub last_final_slot: Option<Slot>,
    /// The rolls of each address: at the end of a complete cycle, now in the running one, none in a
    /// future one.
    pub roll_counts: Arc<BTreeMap<Address, u64>>,
    /// One bit for each of its slots so far.
    pub rng_seed: BitVec<u8, Lsb0>,
    /// What each address that was drawn did.
    pub production_stats: Arc<BTreeMap<Address, ProductionStats>>,
    /// What is credited when it ends; nothing once that has happened.
    pub deferred_credits: Arc<BTreeMap<Address, Amount>>,
}

impl CycleInfo {
    /// A cycle of which nothing is known.
    #[must_use]
    pub fn new(cycle: u64) -> Self {
        Self {
            cycle,
            ..Self::default()
        }
    }

    /// The seed that its bits make: `BLAKE3(context, cycle, bits)` (design 06, 'Seed').
    #[must_use]
    pub fn seed(&self) -> Hash {
        let mut hasher = Hasher::new(Context::CycleSeed);
        hasher.update(&self.cycle.to_bytes());
        let mut bits = Vec::new();
        encode_bits(self.rng_seed.len(), self.rng_seed.as_raw_slice(), &mut bits);
        hasher.update(&bits).finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_serialization::testing::check_value;

    #[test]
    fn production_counts_keep_the_laws_of_codecs() {
        let stats = ProductionStats {
            block_success_count: 1,
            block_failure_count: 200,
            endorsement_success_count: 40_000,
            endorsement_failure_count: u64::MAX,
        };
        check_value(&stats);
        assert_eq!(stats.block_draws(), 201);
        assert_eq!(stats.endorsement_draws(), u64::MAX, "never a wrap");
    }

    #[test]
    fn a_seed_is_that_of_the_cycle_and_its_bits_as_canonical_bytes() {
        let mut info = CycleInfo::new(300);
        info.rng_seed.extend([true, false, false, true]);
        // The cycle as a varint, four bits, and their byte.
        let expected = Context::CycleSeed.hash(&[0xac, 0x02, 4, 0b1001]);
        assert_eq!(info.seed(), expected);
    }
}
