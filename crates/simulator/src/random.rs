//! Seeded randomness: the only source of chance in a run.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of numbers that depends on a seed and a label alone.
#[derive(Debug, Clone)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream with this label. Streams of different labels are independent, so that a new use
    /// of chance in one part of a run does not change another.
    #[must_use]
    pub fn new(seed: u64, label: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        hasher.update(label.as_bytes());
        Self(ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()))
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64().checked_rem(end).unwrap_or(0)
    }

    /// An index below a length.
    pub fn index(&mut self, len: usize) -> usize {
        let chosen = self.below(u64::try_from(len).unwrap_or(u64::MAX));
        usize::try_from(chosen).unwrap_or(0)
    }

    /// A number of a range, both ends included.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last.saturating_sub(first) + 1)
    }

    /// True in so many of a million cases. What never happens takes nothing of the stream.
    pub fn chance(&mut self, per_million: u64) -> bool {
        per_million > 0 && self.below(1_000_000) < per_million
    }

    /// `count` different indices below `len`, or all of them if there are no more.
    pub fn indices(&mut self, len: usize, count: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..len).collect();
        let mut chosen = Vec::new();
        while chosen.len() < count && !all.is_empty() {
            let place = self.index(all.len());
            chosen.push(all.swap_remove(place));
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_label_give_the_same_numbers_and_others_give_others() {
        let take = |seed, label| {
            let mut random = Random::new(seed, label);
            (0..8).map(|_| random.below(1_000)).collect::<Vec<_>>()
        };
        assert_eq!(take(1, "a"), take(1, "a"));
        assert_ne!(take(1, "a"), take(1, "b"));
        assert_ne!(take(1, "a"), take(2, "a"));
    }

    #[test]
    fn numbers_stay_in_their_ranges() {
        let mut random = Random::new(1, "ranges");
        for _ in 0..1_000 {
            assert!((3..=5).contains(&random.between(3, 5)));
            assert!(random.below(7) < 7);
        }
        assert_eq!(random.below(0), 0);
        let mut all = random.indices(5, 9);
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4]);
    }
}
