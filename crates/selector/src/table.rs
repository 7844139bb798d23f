//! From the number of a roll to its owner, exactly and in constant time.
//!
//! The rolls of a cycle are numbered from 0 over its stakers in ascending order of addresses: the
//! first staker owns the first numbers, and so on. The owner of a number is the first staker at
//! whose end the count of rolls passes it. These prefix sums are what nodes must agree on; how the
//! owner is found is not.
//!
//! It is found by a guide table (Chen and Asau, "On generating random variates from an empirical
//! distribution", 1974): the numbers are cut into at most `2 n` equal pieces for `n` stakers, and
//! of each piece the owner of its first number is noted. What is left is a search over the stakers
//! of one piece: over all numbers, fewer than two on average, however unequal the stakes are, and
//! never more than `log2(n)` steps.

use std::collections::BTreeMap;

use picot_models::Address;

use crate::SelectorError;

/// Checks that roll counts can be drawn from.
pub(crate) fn check_rolls(cycle: u64, rolls: &BTreeMap<Address, u64>) -> Result<(), SelectorError> {
    rolls
        .values()
        .try_fold(0_u64, |total, rolls| total.checked_add(*rolls))
        .ok_or(SelectorError::TooManyRolls { cycle })
        .and_then(|total| match total {
            0 => Err(SelectorError::NoRolls { cycle }),
            _ => Ok(()),
        })?;
    match u32::try_from(rolls.len()) {
        Ok(_) => Ok(()),
        Err(_) => Err(SelectorError::TooManyStakers {
            cycle,
            found: rolls.len(),
        }),
    }
}

/// The stakers of a cycle by ascending address, numbered from 0, and their rolls.
#[derive(Debug)]
pub(crate) struct RollTable {
    addresses: Vec<Address>,
    /// For each staker, the rolls up to and with its own.
    ends: Vec<u64>,
    /// For each piece of `2^shift` roll numbers, the owner of its first one; and the last staker,
    /// at the end.
    guide: Vec<u32>,
    shift: u32,
}

impl RollTable {
    /// The table of roll counts that passed [`check_rolls`].
    pub(crate) fn new(rolls: &BTreeMap<Address, u64>) -> Self {
        let mut addresses = Vec::with_capacity(rolls.len());
        let mut ends = Vec::with_capacity(rolls.len());
        let mut total = 0_u64;
        for (address, rolls) in rolls.iter().filter(|(_, rolls)| **rolls > 0) {
            total = total.saturating_add(*rolls);
            addresses.push(*address);
            ends.push(total);
        }
        let shift = piece_shift(total, addresses.len());
        Self {
            guide: guide(&ends, shift),
            addresses,
            ends,
            shift,
        }
    }

    /// All rolls.
    pub(crate) fn total(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The number of stakers.
    pub(crate) fn len(&self) -> usize {
        self.addresses.len()
    }

    /// The address of a staker.
    pub(crate) fn address(&self, staker: u32) -> Option<&Address> {
        self.addresses.get(place(staker))
    }

    /// The number of the staker with an address.
    pub(crate) fn staker(&self, address: &Address) -> Option<u32> {
        let place = self.addresses.binary_search(address).ok()?;
        u32::try_from(place).ok()
    }

    /// The first roll of a staker and the first one that is not its own any more.
    pub(crate) fn rolls(&self, staker: u32) -> (u64, u64) {
        let end = |place: usize| self.ends.get(place).copied().unwrap_or(0);
        let staker = place(staker);
        (staker.checked_sub(1).map_or(0, end), end(staker))
    }

    /// The staker that owns the roll with a number below [`total`](Self::total).
    pub(crate) fn owner(&self, roll: u64) -> u32 {
        let piece = usize::try_from(roll.checked_shr(self.shift).unwrap_or(0)).unwrap_or(0);
        let noted = |piece: usize| self.guide.get(piece).copied().unwrap_or(0);
        let (first, last) = (noted(piece), noted(piece.saturating_add(1)));
        let stakers = self.ends.get(place(first)..place(last)).unwrap_or(&[]);
        let passed = stakers.partition_point(|end| *end <= roll);
        first.saturating_add(u32::try_from(passed).unwrap_or(0))
    }

    /// Whether these are the roll counts that the table was made from.
    pub(crate) fn is_of(&self, rolls: &BTreeMap<Address, u64>) -> bool {
        let stakers = rolls.iter().filter(|(_, rolls)| **rolls > 0);
        let own = (0_u32..).zip(&self.addresses).map(|(staker, address)| {
            let (start, end) = self.rolls(staker);
            (address, end.saturating_sub(start))
        });
        stakers.map(|(address, rolls)| (address, *rolls)).eq(own)
    }
}

/// A staker's place in the vectors; 32 bits always fit.
fn place(staker: u32) -> usize {
    usize::try_from(staker).unwrap_or(usize::MAX)
}

/// The smallest shift that cuts the rolls into at most two pieces for each staker.
fn piece_shift(total: u64, stakers: usize) -> u32 {
    let max_pieces = u64::try_from(stakers).unwrap_or(u64::MAX).saturating_mul(2);
    let last_roll = total.saturating_sub(1);
    (0..u64::BITS)
        .find(|shift| last_roll.checked_shr(*shift).unwrap_or(0) < max_pieces)
        .unwrap_or(0)
}

/// The owners of the first roll of each piece, and the last staker.
fn guide(ends: &[u64], shift: u32) -> Vec<u32> {
    let last_roll = ends.last().map_or(0, |total| total.saturating_sub(1));
    let last_piece = last_roll.checked_shr(shift).unwrap_or(0);
    let mut stakers = (0_u32..).zip(ends).peekable();
    let mut guide: Vec<u32> = (0..=last_piece)
        .map(|piece| {
            let first_roll = piece.checked_shl(shift).unwrap_or(0);
            while stakers.next_if(|(_, end)| **end <= first_roll).is_some() {}
            stakers.peek().map_or(0, |(staker, _)| *staker)
        })
        .collect();
    guide.push(u32::try_from(ends.len().saturating_sub(1)).unwrap_or(u32::MAX));
    guide
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mocks::staker;

    fn rolls(counts: &[u64]) -> BTreeMap<Address, u64> {
        (0..).map(staker).zip(counts.iter().copied()).collect()
    }

    /// The definition: go through the stakers until their rolls pass the number.
    fn owner_by_walking(rolls: &BTreeMap<Address, u64>, roll: u64) -> Address {
        let mut left = u128::from(roll);
        for (address, count) in rolls {
            match left.checked_sub(u128::from(*count)) {
                Some(rest) => left = rest,
                None => return *address,
            }
        }
        panic!("roll {roll} has no owner")
    }

    fn check_owners(counts: &[u64], numbers: impl IntoIterator<Item = u64>) {
        let rolls = rolls(counts);
        check_rolls(0, &rolls).unwrap();
        let table = RollTable::new(&rolls);
        for roll in numbers {
            let owner = table.owner(roll);
            assert_eq!(
                table.address(owner),
                Some(&owner_by_walking(&rolls, roll)),
                "roll {roll} of {counts:?}"
            );
            let (start, end) = table.rolls(owner);
            assert!((start..end).contains(&roll));
        }
    }

    #[test]
    fn every_roll_belongs_to_its_owner_in_ascending_order_of_addresses() {
        for counts in [
            &[1][..],
            &[5],
            &[1, 1, 1],
            &[0, 3, 0, 2],
            &[1, 1_000, 1, 1],
            &[1_000, 1, 1, 1],
            &[7; 100],
        ] {
            check_owners(counts, 0..counts.iter().sum());
        }
    }

    #[test]
    fn the_rolls_may_fill_64_bits() {
        let most = u64::MAX - 3;
        let edges = [0, 1, 2, 3, 1 << 63, most - 1, most, u64::MAX - 1];
        check_owners(&[most, 1, 1, 1], edges);
        check_owners(&[1, 1, 1, most], edges);
        check_owners(&[u64::MAX], edges);
    }

    #[test]
    fn rolls_that_nobody_can_be_drawn_from_are_refused() {
        assert_eq!(
            check_rolls(4, &rolls(&[])),
            Err(SelectorError::NoRolls { cycle: 4 })
        );
        assert_eq!(
            check_rolls(4, &rolls(&[0, 0])),
            Err(SelectorError::NoRolls { cycle: 4 })
        );
        let too_many = check_rolls(4, &rolls(&[u64::MAX, 1]));
        assert_eq!(too_many, Err(SelectorError::TooManyRolls { cycle: 4 }));
    }

    #[test]
    fn a_table_knows_the_roll_counts_it_was_made_from() {
        let table = RollTable::new(&rolls(&[3, 0, 5]));
        assert!(table.is_of(&rolls(&[3, 0, 5])));
        for other in [&[3, 0, 6][..], &[3, 1, 5], &[3], &[3, 0, 5, 1], &[5, 0, 3]] {
            assert!(!table.is_of(&rolls(other)), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn the_owner_is_the_one_that_walking_finds(
            counts in prop::collection::vec(
                prop_oneof![Just(0), 1..10_u64, 1..1_000_000_u64, 1..1_u64 << 50], 1..200,
            ),
            parts: [u64; 16],
        ) {
            let total: u64 = counts.iter().sum();
            prop_assume!(total > 0);
            check_owners(&counts, parts.map(|part| part % total));
        }
    }
}
