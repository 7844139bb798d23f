//! Sets of peers by their places in the table.

use super::table::MAX_PLACES;

const WORDS: usize = MAX_PLACES / 64;

/// A set of places in the [`Table`](super::Table): one bit each. Other numbers are never in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PeerSet([u64; WORDS]);

impl PeerSet {
    /// Of nobody.
    pub(crate) const EMPTY: Self = Self([0; WORDS]);

    pub(crate) fn insert(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= bit(place);
        }
    }

    pub(crate) fn remove(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word &= !bit(place);
        }
    }

    pub(crate) fn contains(&self, place: usize) -> bool {
        self.0
            .get(place / 64)
            .is_some_and(|word| word & bit(place) != 0)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().fold(0, |sum, word| {
            usize::saturating_add(sum, word.count_ones() as usize)
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }

    /// The places, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(number, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let lowest = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left.wrapping_sub(1);
                Some(number.saturating_mul(64).saturating_add(lowest))
            })
        })
    }

    /// Takes in those of another.
    pub(crate) fn union(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
    }

    /// Takes out those of another.
    pub(crate) fn subtract(&mut self, other: &Self) {
        for (word, less) in self.0.iter_mut().zip(other.0) {
            *word &= !less;
        }
    }

    /// So many of them, or all if there are fewer: counted round from the `start`-th, so that equally
    /// spread starts give every member its equal share.
    pub(crate) fn some(&self, count: usize, start: usize) -> Self {
        let len = self.len();
        if len <= count {
            return self.clone();
        }
        let first = start.checked_rem(len).unwrap_or(0);
        let mut chosen = Self::EMPTY;
        let round = self.iter().skip(first).chain(self.iter());
        for place in round.take(count) {
            chosen.insert(place);
        }
        chosen
    }

    /// The places, in a round that begins with those from a place on.
    pub(crate) fn round(&self, first: usize) -> impl Iterator<Item = usize> + '_ {
        let after = self.iter().filter(move |place| *place >= first);
        let before = self.iter().filter(move |place| *place < first);
        after.chain(before)
    }

    /// At most so many members: those from a place on, and then the first ones.
    pub(crate) fn some_from(&self, count: usize, first: usize) -> Self {
        let mut chosen = Self::EMPTY;
        for place in self.round(first).take(count) {
            chosen.insert(place);
        }
        chosen
    }
}

const fn bit(place: usize) -> u64 {
    1 << (place % 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set(places: &BTreeSet<usize>) -> PeerSet {
        let mut set = PeerSet::default();
        for place in places {
            set.insert(*place);
        }
        set
    }

    fn places() -> impl Strategy<Value = BTreeSet<usize>> {
        proptest::collection::btree_set(0..MAX_PLACES, 0..40)
    }

    #[test]
    fn a_number_that_is_no_place_is_never_in_a_set() {
        let mut set = PeerSet::default();
        set.insert(MAX_PLACES);
        set.remove(usize::MAX);
        assert!(set.is_empty());
        assert!(!set.contains(MAX_PLACES));
    }

    #[test]
    fn equally_spread_starts_give_every_member_its_share() {
        let sparse = set(&BTreeSet::from([0, 1, 2, 200, 255]));
        let mut chosen = [0; MAX_PLACES];
        for start in 0..500 {
            for place in sparse.some(2, start).iter() {
                chosen[place] += 1;
            }
        }
        for place in sparse.iter() {
            assert_eq!(chosen[place], 200);
        }
    }

    proptest! {
        #[test]
        fn a_set_is_a_set(left in places(), right in places(), gone in 0..MAX_PLACES) {
            let mut it = set(&left);
            prop_assert_eq!(it.iter().collect::<Vec<_>>(), left.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(it.len(), left.len());
            prop_assert_eq!(it.is_empty(), left.is_empty());
            for place in 0..MAX_PLACES {
                prop_assert_eq!(it.contains(place), left.contains(&place));
            }
            it.union(&set(&right));
            prop_assert_eq!(&it, &set(&left.union(&right).copied().collect()));
            it.subtract(&set(&left));
            prop_assert_eq!(&it, &set(&right.difference(&left).copied().collect()));
            it.remove(gone);
            prop_assert!(!it.contains(gone));
        }

        #[test]
        fn some_are_so_many_members(members in places(), count in 0_usize..50, start: usize) {
            let all = set(&members);
            let mut some = all.some(count, start);
            prop_assert_eq!(some.len(), count.min(members.len()));
            some.subtract(&all);
            prop_assert!(some.is_empty());
        }

        #[test]
        fn some_from_a_place_are_the_next_ones_in_a_round(
            members in places(), count in 0_usize..50, first in 0_usize..300,
        ) {
            let round = members.range(first..).chain(members.range(..first));
            let expected: BTreeSet<usize> = round.take(count).copied().collect();
            prop_assert_eq!(set(&members).some_from(count, first), set(&expected));
        }
    }
}
