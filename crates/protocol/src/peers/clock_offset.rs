//! How far away peers are, and how far their clocks are from this one.

use crate::packet::Status;
use picot_clock::{Millis, Timestamp};
use picot_consensus::Peer;
use std::collections::{BTreeMap, VecDeque};

/// Samples of a peer of which the one with the smallest round trip is believed.
const SAMPLES: usize = 8;
/// Peers that must have told before their median means anything.
const MIN_PEERS: usize = 3;

/// One exchange of statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    round_trip: Millis,
    /// How far the peer's clock is after this one.
    offset_ms: i64,
}

impl Sample {
    /// As in NTP: this node sent at `t1`; the peer got that at `t2` and answered at `t3`, of which it
    /// tells `t3` and `t3 - t2`; the answer came at `t4`. The message was on its way for
    /// `(t4 - t1) - (t3 - t2)` in all, and half of that each way.
    fn of(now: Timestamp, status: &Status) -> Option<Self> {
        let echo = status.echo?;
        let waited = now.since(Timestamp(echo.sent_at_ms))?;
        let round_trip = waited.checked_sub(Millis(echo.held_ms))?;
        let arrived = Timestamp(status.sent_at_ms).checked_add(Millis(round_trip.0 / 2))?;
        Some(Self {
            round_trip,
            offset_ms: arrived.offset_ms_from(now),
        })
    }
}

/// What the statuses of peers tell of clocks.
///
/// A peer can claim what it likes. The median of all is not moved out of the range of the honest ones by
/// fewer than half of the peers, and nothing but a warning depends on it.
#[derive(Debug, Default)]
pub(crate) struct ClockOffsets {
    peers: BTreeMap<Peer, VecDeque<Sample>>,
}

impl ClockOffsets {
    /// A peer answered a status of this node.
    pub(crate) fn on_status(&mut self, now: Timestamp, peer: Peer, status: &Status) {
        let Some(sample) = Sample::of(now, status) else {
            return;
        };
        let samples = self.peers.entry(peer).or_default();
        if samples.len() >= SAMPLES {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    pub(crate) fn disconnected(&mut self, peer: Peer) {
        self.peers.remove(&peer);
    }

    /// The shortest time to a peer and back, lately.
    pub(crate) fn round_trip(&self, peer: Peer) -> Option<Millis> {
        self.best(peer).map(|sample| sample.round_trip)
    }

    /// By how many milliseconds a peer's clock is after this one.
    pub(crate) fn offset_ms(&self, peer: Peer) -> Option<i64> {
        self.best(peer).map(|sample| sample.offset_ms)
    }

    /// By how many milliseconds the clocks of the peers are after this one: the lower median; none before
    /// three peers have told.
    pub(crate) fn median(&self) -> Option<i64> {
        let best = self.peers.values().filter_map(best);
        let mut offsets: Vec<i64> = best.map(|sample| sample.offset_ms).collect();
        if offsets.len() < MIN_PEERS {
            return None;
        }
        offsets.sort_unstable();
        offsets.get(offsets.len().saturating_sub(1) / 2).copied()
    }

    fn best(&self, peer: Peer) -> Option<Sample> {
        self.peers.get(&peer).and_then(best)
    }
}

/// The sample that was disturbed the least; of equals the latest.
fn best(samples: &VecDeque<Sample>) -> Option<Sample> {
    samples.iter().rev().min_by_key(|it| it.round_trip).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Echo;
    use proptest::prelude::*;

    /// An answer to a status that this node sent at `t1`, by a clock that is `offset_ms` after this one.
    /// Gives the time of its arrival, too.
    fn answer(
        t1: u64,
        there_ms: u64,
        held_ms: u64,
        back_ms: u64,
        offset_ms: i64,
    ) -> (Timestamp, Status) {
        let sent_at_ms = (t1 + there_ms + held_ms).strict_add_signed(offset_ms);
        let status = Status {
            sent_at_ms,
            echo: Some(Echo {
                sent_at_ms: t1,
                held_ms,
            }),
            decided: vec![],
            serves_from: 0,
        };
        (Timestamp(t1 + there_ms + held_ms + back_ms), status)
    }

    fn hear(clocks: &mut ClockOffsets, peer: u64, (now, status): (Timestamp, Status)) {
        clocks.on_status(now, Peer(peer), &status);
    }

    #[test]
    fn an_answer_tells_the_round_trip_and_the_offset() {
        let mut clocks = ClockOffsets::default();
        hear(&mut clocks, 1, answer(1_000_000, 20, 5_000, 20, -300));
        assert_eq!(clocks.round_trip(Peer(1)), Some(Millis(40)));
        assert_eq!(clocks.offset_ms(Peer(1)), Some(-300));
        assert_eq!(clocks.offset_ms(Peer(2)), None);
    }

    #[test]
    fn the_quickest_of_the_last_eight_is_believed() {
        let mut clocks = ClockOffsets::default();
        hear(&mut clocks, 1, answer(1_000_000, 10, 0, 10, 7));
        for number in 0..7 {
            hear(&mut clocks, 1, answer(1_001_000 + number, 30, 0, 900, 7));
            assert_eq!(clocks.offset_ms(Peer(1)), Some(7));
        }
        hear(&mut clocks, 1, answer(1_010_000, 30, 0, 900, 7));
        assert_eq!(clocks.round_trip(Peer(1)), Some(Millis(930)));
        assert_eq!(clocks.offset_ms(Peer(1)), Some(7 - 435));
    }

    #[test]
    fn what_cannot_be_is_no_sample() {
        let mut clocks = ClockOffsets::default();
        let (now, status) = answer(1_000_000, 10, 0, 10, 0);
        let echo = |sent_at_ms, held_ms| Status {
            echo: Some(Echo {
                sent_at_ms,
                held_ms,
            }),
            ..status.clone()
        };
        let overflowing = Status {
            sent_at_ms: u64::MAX,
            ..status.clone()
        };
        for wrong in [
            Status {
                echo: None,
                ..status.clone()
            },
            echo(now.0 + 1, 0),
            echo(now.0 - 10, 11),
            echo(0, u64::MAX),
            overflowing,
        ] {
            clocks.on_status(now, Peer(1), &wrong);
            assert_eq!(clocks.round_trip(Peer(1)), None, "{wrong:?}");
        }
    }

    #[test]
    fn two_peers_are_too_few_for_a_median() {
        let mut clocks = ClockOffsets::default();
        for peer in 1..=3 {
            assert_eq!(clocks.median(), None);
            hear(&mut clocks, peer, answer(1_000_000, 10, 0, 10, 5));
        }
        assert_eq!(clocks.median(), Some(5));
        clocks.disconnected(Peer(2));
        assert_eq!(clocks.median(), None);
    }

    proptest! {
        #[test]
        fn fewer_than_half_of_the_peers_cannot_move_the_median_out_of_the_honest_range(
            honest in proptest::collection::vec(-100_000_i64..100_000, 2..20),
            liars in proptest::collection::vec((any::<u64>(), any::<u64>(), any::<u64>()), 0..20),
        ) {
            let mut clocks = ClockOffsets::default();
            let now = Timestamp(1_000_000_000);
            for (peer, offset_ms) in (0..).zip(&honest) {
                hear(&mut clocks, peer, answer(now.0 - 20, 10, 0, 10, *offset_ms));
            }
            let liars = &liars[..liars.len().min(honest.len() - 1)];
            for (peer, (sent_at_ms, echo, held_ms)) in (1_000..).zip(liars) {
                let lie = Status {
                    sent_at_ms: *sent_at_ms,
                    echo: Some(Echo { sent_at_ms: echo % now.0, held_ms: held_ms % 1_000 }),
                    decided: vec![],
                    serves_from: 0,
                };
                clocks.on_status(now, Peer(peer), &lie);
            }
            if let Some(median) = clocks.median() {
                let (least, most) = (honest.iter().min().unwrap(), honest.iter().max().unwrap());
                prop_assert!((least..=most).contains(&&median));
            } else {
                prop_assert!(honest.len() < 3);
            }
        }

        #[test]
        fn the_error_is_at_most_half_the_round_trip(
            there in 0_u64..5_000,
            back in 0_u64..5_000,
            held in 0_u64..10_000,
            offset in -1_000_000_i64..1_000_000,
        ) {
            let mut clocks = ClockOffsets::default();
            hear(&mut clocks, 1, answer(10_000_000, there, held, back, offset));
            let found = clocks.offset_ms(Peer(1)).unwrap();
            prop_assert_eq!(clocks.round_trip(Peer(1)), Some(Millis(there + back)));
            prop_assert!(found.abs_diff(offset) <= (there + back) / 2 + 1);
        }
    }
}
