//! Which slots a factory may still work for.

use picot_clock::{Slot, SlotClock, SlotRange, Timestamp};

/// Lets each slot through once, in ascending order, and never one of period 0 (design 08).
///
/// Nothing is kept over a restart: then the start-up wait and the signing log protect.
#[derive(Clone, Debug)]
pub struct SlotGuard {
    slot_clock: SlotClock,
    last: Option<Slot>,
}

impl SlotGuard {
    /// A guard that has seen no slot.
    #[must_use]
    pub const fn new(slot_clock: SlotClock) -> Self {
        Self {
            slot_clock,
            last: None,
        }
    }

    /// Whether this slot is one to work for: not of period 0, of a thread that exists, and after
    /// the last slot that was let through. It is then the last one.
    pub fn admit(&mut self, slot: Slot) -> bool {
        let is_new = self.last.is_none_or(|last| slot > last);
        let exists = slot.check_thread(self.slot_clock.thread_count()).is_ok();
        let admitted = slot.period > 0 && is_new && exists;
        if admitted {
            self.last = Some(slot);
        }
        admitted
    }

    /// Whether the next slot of the same thread has begun: then it is too late for this one.
    #[must_use]
    pub fn has_successor_begun(&self, slot: Slot, now: Timestamp) -> bool {
        let successor = slot
            .next_in_thread()
            .and_then(|next| self.slot_clock.start_of(next));
        successor.is_ok_and(|start| now >= start)
    }

    /// The latest `max` slots of a range, without those of period 0: what is told one by one of
    /// slots whose ticks were missed, be it for a moment or for a day.
    #[must_use]
    pub fn latest_of(&self, range: SlotRange, max: usize) -> Option<SlotRange> {
        let thread_count = self.slot_clock.thread_count();
        let first = Slot::new(1, 0).max(range.start());
        let mut start = range.end();
        for _ in 0..max {
            match start.prev(thread_count) {
                Ok(earlier) if earlier >= first => start = earlier,
                _ => break,
            }
        }
        SlotRange::new(start, range.end(), thread_count)
            .ok()
            .filter(|latest| !latest.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use picot_clock::{
        Millis,
        mocks::{GENESIS_TIMESTAMP, slot_clock},
    };

    use super::*;

    fn guard() -> SlotGuard {
        SlotGuard::new(slot_clock(4, Millis(2_000)))
    }

    #[test]
    fn no_slot_of_period_0_is_admitted() {
        let mut guard = guard();
        assert!((0..4).all(|thread| !guard.admit(Slot::new(0, thread))));
        assert!(guard.admit(Slot::new(1, 0)));
    }

    #[test]
    fn a_slot_at_or_before_the_last_one_is_not_admitted() {
        let mut guard = guard();
        assert!(guard.admit(Slot::new(5, 2)));
        for earlier in [Slot::new(5, 2), Slot::new(5, 1), Slot::new(4, 3)] {
            assert!(!guard.admit(earlier), "{earlier}");
        }
        assert!(guard.admit(Slot::new(5, 3)));
    }

    #[test]
    fn a_slot_of_no_thread_is_not_admitted_and_not_the_last_one() {
        let mut guard = guard();
        assert!(!guard.admit(Slot::new(9, 4)));
        assert!(guard.admit(Slot::new(1, 0)));
    }

    #[test]
    fn a_successor_has_begun_from_its_start_on() {
        let (guard, slot) = (guard(), Slot::new(3, 1));
        let start = GENESIS_TIMESTAMP
            .checked_add(Millis(4 * 2_000 + 500))
            .unwrap();
        assert!(!guard.has_successor_begun(slot, Timestamp(start.0 - 1)));
        assert!(guard.has_successor_begun(slot, start));
        assert!(!guard.has_successor_begun(Slot::new(u64::MAX, 0), Timestamp::MAX));
    }

    #[test]
    fn of_a_long_range_the_latest_slots_are_told() {
        let range = |start, end| SlotRange::new(start, end, 4).unwrap();
        let day = range(Slot::new(1, 2), Slot::new(43_200, 1));
        let latest = guard().latest_of(day, 6).unwrap();
        assert_eq!(latest, range(Slot::new(43_198, 3), Slot::new(43_200, 1)));
        let short = range(Slot::new(0, 2), Slot::new(1, 2));
        assert_eq!(
            guard().latest_of(short, 6),
            Some(range(Slot::new(1, 0), Slot::new(1, 2)))
        );
        let genesis = range(Slot::GENESIS, Slot::new(1, 0));
        assert_eq!(guard().latest_of(genesis, 6), None);
    }
}
