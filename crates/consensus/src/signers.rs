//! Where in the validator set the keys stand that vote, so that a key is hashed once and not for
//! each of its votes.

use picot_models::{Address, PublicKey, ValidatorSet};
use std::collections::HashMap;

/// The places of keys in the validator set of a cycle. Only keys of validators are remembered, so
/// nobody else can fill it.
#[derive(Debug, Default)]
pub(crate) struct Signers {
    places: HashMap<PublicKey, Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    cycle: u64,
    index: usize,
}

impl Signers {
    /// The place of a key in a set, if it is of one of its validators.
    pub(crate) fn place(&mut self, key: &PublicKey, validators: &ValidatorSet) -> Option<usize> {
        let cycle = validators.cycle();
        if let Some(known) = self.places.get(key)
            && known.cycle == cycle
        {
            return Some(known.index);
        }
        let index = validators.index_of(&Address::of_key(key))?;
        // Those of cycles that are over must not stay for ever.
        if self.places.len() > validators.len().saturating_mul(2) {
            self.places.clear();
        }
        self.places.insert(*key, Place { cycle, index });
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::mocks::{address, key};

    fn validators(cycle: u64, numbers: impl Iterator<Item = u64>) -> ValidatorSet {
        let rolls = numbers.map(|number| (address(number), 1)).collect();
        ValidatorSet::new(cycle, &rolls).unwrap()
    }

    #[test]
    fn a_key_has_the_place_that_its_address_has_in_each_cycle() {
        let mut signers = Signers::default();
        let sets = [validators(0, 1..8), validators(1, 3..12)];
        for set in sets.iter().chain(&sets) {
            for number in 1..12 {
                let expected = set.index_of(&address(number));
                let public_key = key(number).public_key();
                for _ in 0..2 {
                    assert_eq!(signers.place(&public_key, set), expected);
                }
            }
        }
    }

    #[test]
    fn keys_of_nobody_and_of_cycles_that_are_over_are_not_kept() {
        let mut signers = Signers::default();
        for cycle in 0..20 {
            let set = validators(cycle, cycle * 4 + 1..cycle * 4 + 5);
            for number in 1..100 {
                signers.place(&key(number).public_key(), &set);
            }
            assert!(signers.places.len() <= 9);
        }
    }
}
