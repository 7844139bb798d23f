//! The lines of a node that others are ahead of.

use crate::countdown::length_text;
use picot_clock::{Millis, Timestamp};
use picot_consensus::{BehindReason, ConsensusSummary};

/// How often is looked, and how often something is said.
const LOOK_INTERVAL: Millis = Millis(1_000);
const LINE_INTERVAL: Millis = Millis(5_000);
/// Periods that a node may be behind without a word: decisions of others arrive before one's own.
const USUAL_PERIODS: u64 = 2;

/// Says how far a node is in following what others decided, from when it is more than two periods behind
/// until it is up to date.
#[derive(Debug, Default)]
pub(crate) struct CatchingUp {
    begun: Option<Beginning>,
    looked_at: Option<Timestamp>,
    said_at: Option<Timestamp>,
}

/// Where it began.
#[derive(Debug, Clone, Copy)]
struct Beginning {
    at: Timestamp,
    decided: u64,
}

impl CatchingUp {
    /// Whether it is time to look.
    pub(crate) fn is_due(&mut self, now: Timestamp) -> bool {
        let is_due = has_passed(self.looked_at, now, LOOK_INTERVAL);
        if is_due {
            self.looked_at = Some(now);
        }
        is_due
    }

    /// The line that is due, if one is.
    pub(crate) fn line(&mut self, now: Timestamp, summary: &ConsensusSummary) -> Option<String> {
        let periods = summary.threads.iter().map(|thread| thread.decided_period);
        let decided: u64 = periods.clone().fold(0, u64::saturating_add);
        let ahead = match summary.behind {
            Some(BehindReason::Outcomes { decided_elsewhere }) => decided_elsewhere.period,
            _ => 0,
        };
        let left = periods.clone().map(|period| ahead.saturating_sub(period));
        let left: u64 = left.fold(0, u64::saturating_add);
        let most = periods.map(|period| ahead.saturating_sub(period)).max();
        let is_behind = match self.begun {
            Some(_) => left > 0,
            None => most.is_some_and(|most| most > USUAL_PERIODS),
        };
        if !is_behind {
            let begun = self.begun.take()?;
            self.said_at = None;
            let slots = decided.saturating_sub(begun.decided);
            let time = length_text(seconds_since(begun.at, now));
            return Some(format!(
                "up to date with the peers after {slots} slots in {time}"
            ));
        }
        let begun = *self.begun.get_or_insert(Beginning { at: now, decided });
        if !has_passed(self.said_at, now, LINE_INTERVAL) {
            return None;
        }
        self.said_at = Some(now);
        let total = decided.saturating_add(left);
        let passed = seconds_since(begun.at, now);
        let gained = decided.saturating_sub(begun.decided);
        let rest = left.saturating_mul(passed).checked_div(gained);
        let rest = rest.map(|seconds| format!(", about {} left", length_text(seconds)));
        Some(format!(
            "following what others decided: {decided} of {total} slots{}",
            rest.unwrap_or_default()
        ))
    }
}

fn has_passed(since: Option<Timestamp>, now: Timestamp, interval: Millis) -> bool {
    since.is_none_or(|at| now.since(at).is_none_or(|passed| passed >= interval))
}

fn seconds_since(at: Timestamp, now: Timestamp) -> u64 {
    let passed = now.since(at).unwrap_or(Millis::ZERO);
    passed.as_millis().div_euclid(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_consensus::ThreadSummary;
    use picot_models::{Hash, Slot};

    const NOW: Timestamp = Timestamp(1_000_000);

    fn later(ms: u64) -> Timestamp {
        Timestamp(NOW.0 + ms)
    }

    fn summary(decided: [u64; 2], ahead: Option<u64>) -> ConsensusSummary {
        let thread = |(number, decided_period)| ThreadSummary {
            thread: number,
            decided_period,
            latest_block: (Hash([0; 32]).into(), 0),
            open: None,
        };
        ConsensusSummary {
            threads: (0..).zip(decided).map(thread).collect(),
            behind: ahead.map(|period| BehindReason::Outcomes {
                decided_elsewhere: Slot::new(period, 1),
            }),
            decided_slots: 0,
            missed_slots: 0,
            bad_signatures: 0,
            faults: 0,
        }
    }

    #[test]
    fn a_node_that_others_are_ahead_of_says_how_far_it_is_until_it_is_up_to_date() {
        let mut lines = CatchingUp::default();
        let first = lines.line(NOW, &summary([10, 12], Some(110))).unwrap();
        assert_eq!(first, "following what others decided: 22 of 220 slots");
        assert_eq!(
            lines.line(later(4_999), &summary([40, 50], Some(110))),
            None
        );
        let second = lines
            .line(later(5_000), &summary([60, 62], Some(111)))
            .unwrap();
        assert_eq!(
            second,
            "following what others decided: 122 of 222 slots, about 5 s left"
        );
        // Less than what it began with, but not all.
        let third = lines.line(later(10_000), &summary([111, 110], Some(111)));
        assert!(third.is_some());
        let last = lines
            .line(later(11_000), &summary([112, 111], None))
            .unwrap();
        assert_eq!(last, "up to date with the peers after 201 slots in 11 s");
        assert_eq!(lines.line(later(12_000), &summary([112, 112], None)), None);
    }

    #[test]
    fn a_period_or_two_are_not_worth_a_word() {
        let mut lines = CatchingUp::default();
        assert_eq!(lines.line(NOW, &summary([10, 10], Some(12))), None);
        assert_eq!(lines.line(NOW, &summary([10, 12], None)), None);
        assert!(lines.line(NOW, &summary([9, 12], Some(12))).is_some());
    }

    #[test]
    fn it_is_looked_once_a_second() {
        let mut lines = CatchingUp::default();
        let due = [0, 999, 1_000, 1_500, 2_000].map(|ms| lines.is_due(later(ms)));
        assert_eq!(due, [true, false, true, false, true]);
    }
}
