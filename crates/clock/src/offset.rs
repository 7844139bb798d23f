//! How far the node's clock is from its peers': design 03, clock.

use std::collections::BTreeMap;

use crate::{ClockError, Millis, Timestamp};

/// Fewer peers than this say nothing about our clock.
pub const MIN_OFFSET_PEERS: usize = 3;

/// How far a peer's clock is ahead of ours, in milliseconds, from one question and its answer.
///
/// The peer is taken to have read its clock half way between `sent_at` and `received_at`, which are
/// ours. `None` if our clock stepped back in between.
#[must_use]
pub fn peer_offset_ms(
    sent_at: Timestamp,
    received_at: Timestamp,
    peer_time: Timestamp,
) -> Option<i64> {
    received_at.since(sent_at)?;
    let half_way = Timestamp(u64::midpoint(sent_at.0, received_at.0));
    Some(peer_time.offset_ms_from(half_way))
}

/// The median, or `None` of nothing; of an even number, the middle between the two in the middle,
/// rounded towards zero.
#[must_use]
pub fn median_ms(mut offsets_ms: Vec<i64>) -> Option<i64> {
    offsets_ms.sort_unstable();
    let lower = offsets_ms.len().checked_sub(1)?.checked_div(2)?;
    let upper = offsets_ms.len().checked_div(2)?;
    Some(i64::midpoint(
        *offsets_ms.get(lower)?,
        *offsets_ms.get(upper)?,
    ))
}

/// An offset that at least [`MIN_OFFSET_PEERS`] peers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetEstimate {
    /// The median of how far the peers' clocks are ahead of ours, in milliseconds.
    pub offset_ms: i64,
    /// How many peers it is from.
    pub peer_count: usize,
}

/// What the peers say about our clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetVerdict {
    /// Too few peers have told their time.
    Unknown,
    /// The offset is tolerable.
    Within(OffsetEstimate),
    /// The offset is over the tolerance: the operator should be warned.
    Beyond(OffsetEstimate),
}

/// Collects the offsets of peers, the latest of each, all of equal weight.
///
/// It never corrects a clock: it is for warnings and metrics, so that peers cannot move our time.
#[derive(Clone, Debug)]
pub struct OffsetEstimator<P> {
    max_peers: usize,
    offsets_ms: BTreeMap<P, i64>,
}

impl<P: Ord> OffsetEstimator<P> {
    /// An estimator that remembers at most `max_peers` peers.
    ///
    /// # Errors
    /// [`ClockError::TooFewPeers`] if that is under [`MIN_OFFSET_PEERS`].
    pub fn new(max_peers: usize) -> Result<Self, ClockError> {
        if max_peers < MIN_OFFSET_PEERS {
            return Err(ClockError::TooFewPeers(max_peers));
        }
        Ok(Self {
            max_peers,
            offsets_ms: BTreeMap::new(),
        })
    }

    /// Takes the latest offset of `peer` in place of an earlier one, and tells whether there was
    /// room for it.
    pub fn observe(&mut self, peer: P, offset_ms: i64) -> bool {
        let has_room = self.offsets_ms.len() < self.max_peers;
        let taken = has_room || self.offsets_ms.contains_key(&peer);
        if taken {
            self.offsets_ms.insert(peer, offset_ms);
        }
        taken
    }

    /// Drops a peer, for instance when its connection ends.
    pub fn forget(&mut self, peer: &P) {
        self.offsets_ms.remove(peer);
    }

    /// The median of all peers, or `None` while they are fewer than [`MIN_OFFSET_PEERS`].
    #[must_use]
    pub fn estimate(&self) -> Option<OffsetEstimate> {
        let peer_count = self.offsets_ms.len();
        if peer_count < MIN_OFFSET_PEERS {
            return None;
        }
        let offset_ms = median_ms(self.offsets_ms.values().copied().collect())?;
        Some(OffsetEstimate {
            offset_ms,
            peer_count,
        })
    }

    /// The estimate held against a tolerance, such as half of what a chain lets clocks differ by.
    #[must_use]
    pub fn verdict(&self, tolerance: Millis) -> OffsetVerdict {
        match self.estimate() {
            None => OffsetVerdict::Unknown,
            Some(estimate) if estimate.offset_ms.unsigned_abs() > tolerance.0 => {
                OffsetVerdict::Beyond(estimate)
            }
            Some(estimate) => OffsetVerdict::Within(estimate),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn estimator(offsets_ms: &[i64]) -> OffsetEstimator<usize> {
        let mut estimator = OffsetEstimator::new(8).unwrap();
        for (peer, offset_ms) in offsets_ms.iter().enumerate() {
            assert!(estimator.observe(peer, *offset_ms));
        }
        estimator
    }

    #[test]
    fn fewer_than_three_peers_tell_nothing() {
        assert_eq!(
            estimator(&[9_000, 9_000]).verdict(Millis(1)),
            OffsetVerdict::Unknown
        );
        assert!(OffsetEstimator::<u8>::new(2).is_err());
    }

    #[test]
    fn an_offset_over_the_tolerance_is_beyond_in_either_direction() {
        let tolerance = Millis(250);
        for (offset_ms, is_beyond) in [(250, false), (251, true), (-250, false), (-251, true)] {
            let estimate = OffsetEstimate {
                offset_ms,
                peer_count: 3,
            };
            let expected = if is_beyond {
                OffsetVerdict::Beyond(estimate)
            } else {
                OffsetVerdict::Within(estimate)
            };
            assert_eq!(estimator(&[offset_ms; 3]).verdict(tolerance), expected);
        }
    }

    #[test]
    fn one_lying_peer_of_three_does_not_matter() {
        let estimate = estimator(&[4, i64::MIN, 6]).estimate().unwrap();
        assert_eq!(
            estimate,
            OffsetEstimate {
                offset_ms: 4,
                peer_count: 3
            }
        );
    }

    #[test]
    fn each_peer_counts_once_with_its_latest_offset() {
        let mut estimator = estimator(&[1, 2, 3]);
        for _ in 0..10 {
            assert!(estimator.observe(0, 1_000));
        }
        let estimate = estimator.estimate().unwrap();
        assert_eq!(
            estimate,
            OffsetEstimate {
                offset_ms: 3,
                peer_count: 3
            }
        );
    }

    #[test]
    fn the_number_of_peers_is_bounded_and_forgetting_makes_room() {
        let mut estimator = estimator(&[0; 8]);
        assert!(!estimator.observe(8, 5));
        estimator.forget(&0);
        assert!(estimator.observe(8, 5));
        assert_eq!(estimator.estimate().unwrap().peer_count, 8);
    }

    #[test]
    fn a_peer_is_taken_to_answer_half_way() {
        assert_eq!(
            peer_offset_ms(Timestamp(100), Timestamp(140), Timestamp(125)),
            Some(5)
        );
        assert_eq!(
            peer_offset_ms(Timestamp(100), Timestamp(140), Timestamp(100)),
            Some(-20)
        );
        assert_eq!(
            peer_offset_ms(Timestamp(140), Timestamp(100), Timestamp(125)),
            None
        );
        assert_eq!(
            peer_offset_ms(Timestamp(0), Timestamp(0), Timestamp::MAX),
            Some(i64::MAX)
        );
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(median_ms(vec![]), None);
        assert_eq!(median_ms(vec![10, -1, 4, 1]), Some(2));
        assert_eq!(median_ms(vec![i64::MAX, i64::MIN]), Some(0));
    }

    proptest! {
        #[test]
        fn at_most_half_are_below_the_median_and_at_most_half_above(
            offsets_ms in prop::collection::vec(any::<i64>(), 1..20),
        ) {
            let median = median_ms(offsets_ms.clone()).unwrap();
            let half = offsets_ms.len() / 2;
            prop_assert!(offsets_ms.iter().filter(|offset| **offset < median).count() <= half);
            prop_assert!(offsets_ms.iter().filter(|offset| **offset > median).count() <= half);
        }
    }
}
