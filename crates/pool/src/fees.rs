//! What operations pay, in a figure that people can compare: the coins that a block full of such
//! operations would pay.

use crate::priority::product;
use picot_models::{Amount, ChainParams};

/// What the pending operations of a thread pay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeeLevels {
    /// What the worst one pays; none without pending operations. All levels are in coins for a full
    /// block.
    pub lowest: Option<Amount>,
    /// What the best one pays.
    pub highest: Option<Amount>,
    /// For each number of blocks that was asked for: what an operation must pay more than to be
    /// among those that fit. Nothing, if they have room for all.
    pub to_beat: Vec<Amount>,
}

/// The bounds of a pool that a client may want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    /// Pending operations of one thread.
    pub max_operations_per_thread: usize,
    /// Bytes of the pending operations of one thread.
    pub max_bytes_per_thread: u64,
    /// Pending operations of one sender.
    pub max_operations_per_sender: usize,
    /// The least fee of an operation.
    pub min_fee: Amount,
}

/// What an operation takes of a block's scarcer resource, multiplied by
/// `max_block_gas × max_block_size_bytes`. Not zero.
pub(crate) fn share(gas: u64, size_bytes: u64, params: &ChainParams) -> u128 {
    let gas_share = product(gas, params.max_block_size_bytes);
    let size_share = product(size_bytes, params.max_block_gas);
    gas_share.max(size_share).max(1)
}

/// The whole of it.
pub(crate) fn whole(params: &ChainParams) -> u128 {
    product(params.max_block_gas, params.max_block_size_bytes)
}

/// The coins that a block full of operations like one would pay; at most what an amount can hold.
pub(crate) fn level(fee_nanos: u64, share: u128, whole: u128) -> Amount {
    let of_all = u128::from(fee_nanos).saturating_mul(whole);
    let nanos = of_all.checked_div(share).unwrap_or(u128::MAX);
    Amount::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The least fee that puts an operation above a level, for which it takes this much of a block.
///
/// `None` if no amount can hold it.
#[must_use]
pub fn fee_above(level: Amount, gas: u64, size_bytes: u64, params: &ChainParams) -> Option<Amount> {
    if level == Amount::ZERO {
        return Some(Amount::ZERO);
    }
    let of_level = u128::from(level.as_nanos()).checked_mul(share(gas, size_bytes, params))?;
    let fee = of_level.checked_div(whole(params))?;
    // One more than the rounded part, and one for the rounding of the level itself.
    let fee = u64::try_from(fee).ok()?.checked_add(2)?;
    Some(Amount::from_nanos(fee))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::priority::Rank;
    use picot_models::{Hash, OperationId};
    use proptest::prelude::*;

    #[test]
    fn a_level_is_what_a_full_block_would_pay() {
        let params = ChainParams::dev();
        // A tenth of the space, and less of the gas.
        let share = share(1, params.max_block_size_bytes / 10, &params);
        let level = level(5, share, whole(&params));
        assert_eq!(level, Amount::from_nanos(50));
    }

    #[test]
    fn nothing_is_needed_where_there_is_room() {
        let fee = fee_above(Amount::ZERO, 1, 1, &ChainParams::dev());
        assert_eq!(fee, Some(Amount::ZERO));
    }

    proptest! {
        #[test]
        fn the_fee_above_a_level_beats_whoever_stands_at_it(
            (fee, gas, size) in (1..1_000_000_000_u64, 1..100_000_u64, 1..10_000_u64),
            (own_gas, own_size) in (1..100_000_u64, 1..10_000_u64),
        ) {
            let params = ChainParams::dev();
            let id = |number| OperationId::from(Hash([number; 32]));
            let level = level(fee, share(gas, size, &params), whole(&params));
            let own = fee_above(level, own_gas, own_size, &params).unwrap();
            let held = Rank::new(id(0), Amount::from_nanos(fee), gas, size, &params);
            let new = Rank::new(id(9), own, own_gas, own_size, &params);
            prop_assert!(new < held);
        }
    }
}
