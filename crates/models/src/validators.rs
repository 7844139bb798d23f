//! The validators of a cycle and the quorum.

use crate::Address;
use crate::limits::MAX_VALIDATORS;
use displaydoc::Display;
use picot_crypto::{Context, Hash};
use picot_serialization::{Encode, codec_struct, encode_seq};
use std::collections::BTreeMap;
use thiserror::Error;

/// The least weight that decides: `floor(2W/3) + 1` (design 07, 'Model and promises').
///
/// One function, the same in every round and every situation. Of no weight at all there is no
/// quorum, so the result is 1.
#[must_use]
pub fn quorum(total_weight: u64) -> u64 {
    let two_thirds = u128::from(total_weight)
        .saturating_mul(2)
        .checked_div(3)
        .unwrap_or(0);
    // At most 2/3 of a u64, plus one.
    u64::try_from(two_thirds)
        .unwrap_or(u64::MAX)
        .saturating_add(1)
}

/// Why a list of stakers is no validator set.
#[derive(Debug, Clone, PartialEq, Eq, Display, Error)]
pub enum ValidatorSetError {
    /// cycle {0} has no staker with rolls
    Empty(u64),
    /// cycle {cycle} has {found} stakers, more than the {max} that a certificate can name
    TooMany {
        /// The cycle.
        cycle: u64,
        /// Stakers found.
        found: usize,
        /// The bound.
        max: usize,
    },
    /// the rolls of cycle {0} add up to more than a 64-bit number
    Overflow(u64),
}

/// One validator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validator {
    /// Its address.
    pub address: Address,
    /// Its voting power: rolls.
    pub power: u64,
}

codec_struct!(Validator { address, power });

/// The first 64 bits of an address, in the order of addresses: the kind, then the hash.
fn head_of(address: &Address) -> u64 {
    let hash = address.as_hash().as_bytes();
    let first = u64::from_be_bytes(hash.first_chunk().copied().unwrap_or_default());
    let kind = u64::from(matches!(address, Address::Contract(_)));
    (kind << 63) | (first >> 1)
}

/// The validators of a cycle by ascending address, with their voting power.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorSet {
    cycle: u64,
    validators: Vec<Validator>,
    /// The head of each address, for [`ValidatorSet::index_of`]: all of them are in a few lines of
    /// the processor's cache, which whole addresses are not.
    heads: Vec<u64>,
    total_power: u64,
}

impl ValidatorSet {
    /// From the roll counts that the cycle's draws use; addresses without rolls are left out.
    ///
    /// # Errors
    /// No rolls at all, more stakers than a certificate can name, a sum past `u64`.
    pub fn new(
        cycle: u64,
        roll_counts: &BTreeMap<Address, u64>,
    ) -> Result<Self, ValidatorSetError> {
        let validators: Vec<Validator> = roll_counts
            .iter()
            .filter(|&(_, &power)| power > 0)
            .map(|(&address, &power)| Validator { address, power })
            .collect();
        if validators.is_empty() {
            return Err(ValidatorSetError::Empty(cycle));
        }
        if validators.len() > MAX_VALIDATORS {
            return Err(ValidatorSetError::TooMany {
                cycle,
                found: validators.len(),
                max: MAX_VALIDATORS,
            });
        }
        let total_power = validators
            .iter()
            .try_fold(0_u64, |total, validator| total.checked_add(validator.power))
            .ok_or(ValidatorSetError::Overflow(cycle))?;
        let heads = validators.iter().map(|one| head_of(&one.address)).collect();
        Ok(Self {
            cycle,
            validators,
            heads,
            total_power,
        })
    }

    /// The cycle.
    #[must_use]
    pub const fn cycle(&self) -> u64 {
        self.cycle
    }

    /// The validators by ascending address.
    #[must_use]
    pub fn validators(&self) -> &[Validator] {
        &self.validators
    }

    /// The number of validators, at least one.
    #[must_use]
    #[allow(
        clippy::len_without_is_empty,
        reason = "a validator set is never empty"
    )]
    pub fn len(&self) -> usize {
        self.validators.len()
    }

    /// The sum of all power.
    #[must_use]
    pub const fn total_power(&self) -> u64 {
        self.total_power
    }

    /// The power that decides.
    #[must_use]
    pub fn quorum(&self) -> u64 {
        quorum(self.total_power)
    }

    /// The place of an address in the set.
    #[must_use]
    pub fn index_of(&self, address: &Address) -> Option<usize> {
        let head = head_of(address);
        let first = self.heads.partition_point(|other| *other < head);
        // Addresses with one head are next to each other, and more than one is next to impossible.
        let of_head = self
            .validators
            .get(first..)?
            .iter()
            .zip(self.heads.get(first..)?);
        of_head
            .take_while(|(_, other)| **other == head)
            .position(|(validator, _)| validator.address == *address)
            .and_then(|place| first.checked_add(place))
    }

    /// The validator at a place.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Validator> {
        self.validators.get(index)
    }

    /// The power of an address: zero for who is not in the set.
    #[must_use]
    pub fn power_of(&self, address: &Address) -> u64 {
        self.index_of(address)
            .and_then(|index| self.get(index))
            .map_or(0, |validator| validator.power)
    }

    /// The hash that a checkpoint names the set by.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut input = self.cycle.to_bytes();
        encode_seq(&self.validators, &mut input);
        Context::ValidatorSet.hash(&input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses of both kinds, some of which differ in their last byte alone.
    fn addresses() -> Vec<Address> {
        let mut addresses = Vec::new();
        for first in [0_u8, 1, 0x7f, 0x80, 0xff] {
            for last in [0_u8, 1, 2, 0xff] {
                let mut hash = [first; 32];
                hash[31] = last;
                addresses.extend([Address::Key(Hash(hash)), Address::Contract(Hash(hash))]);
            }
        }
        addresses
    }

    #[test]
    fn each_address_is_found_at_its_place_and_no_other_is() {
        let all = addresses();
        let rolls: BTreeMap<Address, u64> = all.iter().step_by(3).map(|one| (*one, 1)).collect();
        let set = ValidatorSet::new(1, &rolls).unwrap();
        for address in all {
            let expected = set
                .validators()
                .iter()
                .position(|one| one.address == address);
            assert_eq!(set.index_of(&address), expected);
            assert_eq!(set.power_of(&address), u64::from(expected.is_some()));
        }
    }

    #[test]
    fn heads_are_in_the_order_of_addresses() {
        let mut all = addresses();
        all.sort_unstable();
        assert!(all.is_sorted_by_key(head_of));
    }
}
