//! The order of pending operations: fee per unit of the scarcest resource (design 04, 'Pool').

use crate::fees::{level, share};
use picot_models::{Amount, ChainParams, OperationId};
use std::cmp::Ordering;

/// The place of an operation in the order of its thread; the least one is the best.
///
/// The order is by fee / max(gas / max_block_gas, size / max_block_size), highest first, then by
/// id: exact, and without regard to arrival.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rank {
    fee_nanos: u64,
    /// max(gas × max_block_size, size × max_block_gas): what it takes of a block, multiplied by
    /// max_block_gas × max_block_size, which is the same for all. Not zero.
    share: u128,
    id: OperationId,
}

impl Rank {
    pub(crate) fn new(
        id: OperationId,
        fee: Amount,
        gas: u64,
        size_bytes: u64,
        params: &ChainParams,
    ) -> Self {
        Self {
            fee_nanos: fee.as_nanos(),
            share: share(gas, size_bytes, params),
            id,
        }
    }

    /// What it pays, as the coins that a block full of its like would pay.
    pub(crate) fn level(&self, whole: u128) -> Amount {
        level(self.fee_nanos, self.share, whole)
    }

    pub(crate) const fn id(&self) -> &OperationId {
        &self.id
    }
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        // a / x > b / y if a·y > b·x.
        let ours = wide_product(self.fee_nanos, other.share);
        let theirs = wide_product(other.fee_nanos, self.share);
        theirs.cmp(&ours).then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rank {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Rank {}

#[allow(
    clippy::arithmetic_side_effects,
    reason = "the product of two 64-bit numbers fits 128 bits"
)]
pub(crate) fn product(left: u64, right: u64) -> u128 {
    u128::from(left) * u128::from(right)
}

/// The 192 bits of a product, as the upper 128 and the lower 64.
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "the lower halves are meant; (2^64 - 1)^2 + 2^64 - 1 fits 128 bits"
)]
fn wide_product(left: u64, right: u128) -> (u128, u64) {
    let low = product(left, right as u64);
    let high = product(left, (right >> 64) as u64) + (low >> 64);
    (high, low as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::Hash;
    use proptest::prelude::*;

    fn rank(fee: u64, gas: u64, size: u64, id: u8) -> Rank {
        let params = ChainParams {
            max_block_gas: 1_000,
            max_block_size_bytes: 100,
            ..ChainParams::dev()
        };
        Rank::new(
            Hash([id; 32]).into(),
            Amount::from_nanos(fee),
            gas,
            size,
            &params,
        )
    }

    #[test]
    fn the_scarcest_resource_counts() {
        // 10% of the gas and 50% of the space, against 40% of the gas and 1% of the space.
        assert!(rank(100, 400, 1, 1) < rank(100, 100, 50, 1));
        assert!(rank(100, 400, 1, 1) < rank(124, 100, 50, 1));
        assert!(rank(126, 100, 50, 1) < rank(100, 400, 1, 1));
    }

    #[test]
    fn equal_shares_are_told_apart_by_id() {
        // 125 / 50% = 100 / 40%.
        assert!(rank(125, 100, 50, 1) < rank(100, 400, 1, 2));
        assert!(rank(100, 400, 1, 1) < rank(125, 100, 50, 2));
        assert_eq!(rank(125, 100, 50, 1), rank(100, 400, 1, 1));
    }

    #[test]
    fn the_order_is_exact_at_the_largest_numbers() {
        let params = ChainParams {
            max_block_gas: u64::MAX,
            max_block_size_bytes: u64::MAX,
            ..ChainParams::dev()
        };
        let rank = |fee, gas| {
            Rank::new(
                Hash([0; 32]).into(),
                Amount::from_nanos(fee),
                gas,
                1,
                &params,
            )
        };
        // (2^64 - 1) / (2^64 - 1) is less than (2^64 - 2) / (2^64 - 3), by less than any float.
        assert!(rank(u64::MAX - 1, u64::MAX - 2) < rank(u64::MAX, u64::MAX));
        assert!(rank(u64::MAX, u64::MAX) < rank(u64::MAX - 2, u64::MAX - 1));
    }

    #[test]
    fn what_costs_nothing_still_has_a_place() {
        assert!(rank(1, 0, 0, 2) < rank(0, 0, 0, 1));
    }

    proptest! {
        #[test]
        fn a_wide_product_is_that_of_its_digits(left: u64, right: u128) {
            // In base 2^32, as by hand.
            let digits = |value: u128, count: u32| (0..count)
                .map(|place| (value >> (32 * place)) & 0xffff_ffff)
                .collect::<Vec<_>>();
            let mut sums = [0_u128; 6];
            for (i, a) in digits(left.into(), 2).into_iter().enumerate() {
                for (j, b) in digits(right, 4).into_iter().enumerate() {
                    sums[i + j] += a * b;
                }
            }
            let mut carry = 0;
            let mut result = [0_u128; 6];
            for (digit, sum) in result.iter_mut().zip(sums) {
                *digit = (sum + carry) & 0xffff_ffff;
                carry = (sum + carry) >> 32;
            }
            prop_assert_eq!(carry, 0);
            let low = result[0] | result[1] << 32;
            let high = (2..6).map(|place| result[place] << (32 * (place - 2))).sum::<u128>();
            prop_assert_eq!(wide_product(left, right), (high, u64::try_from(low).unwrap()));
        }

        #[test]
        fn the_order_is_total(
            items in prop::collection::vec((0_u64..4, 0_u64..4, 0_u64..4, 0_u8..3), 3)
        ) {
            let ranks: Vec<Rank> = items.iter().map(|&(a, b, c, d)| rank(a, b, c, d)).collect();
            let [a, b, c] = [ranks[0], ranks[1], ranks[2]];
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
        }
    }
}
