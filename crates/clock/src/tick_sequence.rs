//! Which tick is due: the ticker's core, without threads and sleeps.

use crate::{ClockError, Millis, Slot, SlotClock, SlotRange, Timestamp};

/// The tick of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tick {
    /// The slot whose tick it is: the latest one.
    pub slot: Slot,
    /// The slots since the tick before whose own ticks were missed, because the wall clock stepped
    /// forward, the process was suspended, or the consumer was busy.
    pub skipped: Option<SlotRange>,
}

/// What a [`TickSequence`] has for a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Due {
    /// This tick, now.
    Tick(Tick),
    /// Nothing for this much time.
    After(Millis),
    /// Nothing ever: the next slot would start past 64 bits of time.
    Never,
}

/// The ticks of all slots in ascending order, each at most once: design 03, ticker.
///
/// A state machine that is told the time. [`Ticker`](crate::Ticker) runs it on a clock; a simulator
/// may run it on its own time.
#[derive(Clone, Debug)]
pub struct TickSequence {
    slot_clock: SlotClock,
    offset: Millis,
    /// The first slot that was neither yielded nor skipped; `None` past the last.
    next: Option<Slot>,
}

impl TickSequence {
    /// The ticks from `now` on, each `offset` after the start of its slot; one that falls on `now`
    /// is among them.
    #[must_use]
    pub fn from_time(slot_clock: SlotClock, offset: Millis, now: Timestamp) -> Self {
        let next = match latest_tick(&slot_clock, offset, now) {
            None => Some(Slot::GENESIS),
            Some(slot) if slot_clock.tick_of(slot, offset) == Ok(now) => Some(slot),
            Some(slot) => slot.next(slot_clock.thread_count()).ok(),
        };
        Self {
            slot_clock,
            offset,
            next,
        }
    }

    /// The ticks from that of `first` on: those that have passed will be reported as skipped.
    ///
    /// # Errors
    /// [`ClockError::ThreadOutOfRange`].
    pub fn from_slot(
        slot_clock: SlotClock,
        offset: Millis,
        first: Slot,
    ) -> Result<Self, ClockError> {
        first.check_thread(slot_clock.thread_count())?;
        Ok(Self {
            slot_clock,
            offset,
            next: Some(first),
        })
    }

    /// The calendar of the ticks.
    #[must_use]
    pub const fn slot_clock(&self) -> &SlotClock {
        &self.slot_clock
    }

    /// Time from a slot's start to its tick.
    #[must_use]
    pub const fn offset(&self) -> Millis {
        self.offset
    }

    /// What is due at `now`. A tick is given once: the next call goes on after it, even if `now`
    /// has gone back.
    pub fn due(&mut self, now: Timestamp) -> Due {
        let Some(next) = self.next else {
            return Due::Never;
        };
        let Ok(next_tick) = self.slot_clock.tick_of(next, self.offset) else {
            return Due::Never;
        };
        match next_tick.since(now) {
            None | Some(Millis::ZERO) => Due::Tick(self.take(next, now)),
            Some(left) => Due::After(left),
        }
    }

    /// The latest tick at `now`, which is that of `next` or a later one.
    fn take(&mut self, next: Slot, now: Timestamp) -> Tick {
        let thread_count = self.slot_clock.thread_count();
        let latest = latest_tick(&self.slot_clock, self.offset, now)
            .unwrap_or(next)
            .max(next);
        let skipped = SlotRange::new(next, latest, thread_count).ok();
        self.next = latest.next(thread_count).ok();
        Tick {
            slot: latest,
            skipped: skipped.filter(|range| !range.is_empty()),
        }
    }
}

/// The slot with the latest tick at `now`, or `None` before the first tick.
fn latest_tick(slot_clock: &SlotClock, offset: Millis, now: Timestamp) -> Option<Slot> {
    slot_clock.latest_slot_at(now.checked_sub(offset)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mocks::{GENESIS_TIMESTAMP, slot_clock};

    /// Genesis, threads and period as in `dev`: a slot every 500 ms.
    fn sequence(offset: u64) -> TickSequence {
        let slot_clock = slot_clock(4, Millis(2_000));
        TickSequence::from_slot(slot_clock, Millis(offset), Slot::GENESIS).unwrap()
    }

    fn at(ms_since_genesis: u64) -> Timestamp {
        GENESIS_TIMESTAMP
            .checked_add(Millis(ms_since_genesis))
            .unwrap()
    }

    fn tick(period: u64, thread: u8) -> Due {
        Due::Tick(Tick {
            slot: Slot::new(period, thread),
            skipped: None,
        })
    }

    #[test]
    fn slots_are_yielded_in_order_each_at_its_start() {
        let mut sequence = sequence(0);
        let before = GENESIS_TIMESTAMP.checked_sub(Millis(1)).unwrap();
        assert_eq!(sequence.due(before), Due::After(Millis(1)));
        assert_eq!(sequence.due(at(0)), tick(0, 0));
        assert_eq!(sequence.due(at(0)), Due::After(Millis(500)));
        assert_eq!(sequence.due(at(499)), Due::After(Millis(1)));
        assert_eq!(sequence.due(at(500)), tick(0, 1));
        assert_eq!(sequence.due(at(1_499)), tick(0, 2));
        assert_eq!(sequence.due(at(1_500)), tick(0, 3));
        assert_eq!(sequence.due(at(2_001)), tick(1, 0));
    }

    #[test]
    fn endorsement_ticks_come_half_a_period_after_the_start() {
        let mut sequence = sequence(slot_clock(4, Millis(2_000)).endorsement_offset().0);
        assert_eq!(sequence.due(at(0)), Due::After(Millis(1_000)));
        assert_eq!(sequence.due(at(999)), Due::After(Millis(1)));
        assert_eq!(sequence.due(at(1_000)), tick(0, 0));
        assert_eq!(sequence.due(at(1_500)), tick(0, 1));
    }

    #[test]
    fn no_slot_is_yielded_twice_when_the_wall_clock_steps_back() {
        let mut sequence = sequence(0);
        assert!(matches!(sequence.due(at(2_000)), Due::Tick(_)));
        assert_eq!(sequence.due(at(0)), Due::After(Millis(2_500)));
        assert_eq!(
            sequence.due(Timestamp(0)),
            Due::After(Millis(GENESIS_TIMESTAMP.0 + 2_500))
        );
        assert_eq!(sequence.due(at(2_500)), tick(1, 1));
    }

    #[test]
    fn skipped_slots_are_reported_and_not_replayed_in_a_burst() {
        let mut sequence = sequence(0);
        assert_eq!(sequence.due(at(0)), tick(0, 0));
        let range = SlotRange::new(Slot::new(0, 1), Slot::new(1, 2), 4).unwrap();
        let late = Tick {
            slot: Slot::new(1, 2),
            skipped: Some(range),
        };
        assert_eq!(sequence.due(at(3_250)), Due::Tick(late));
        assert_eq!(sequence.due(at(3_250)), Due::After(Millis(250)));
        assert_eq!(sequence.due(at(3_500)), tick(1, 3));
    }

    #[test]
    fn a_leap_to_the_end_of_time_is_one_tick_with_one_range() {
        let mut sequence = sequence(0);
        let Due::Tick(last) = sequence.due(Timestamp::MAX) else {
            panic!("a tick was due")
        };
        assert_eq!(last.skipped.unwrap().start(), Slot::GENESIS);
        assert_eq!(last.skipped.unwrap().end(), last.slot);
        assert_eq!(sequence.due(Timestamp::MAX), Due::Never);
    }

    #[test]
    fn a_sequence_from_a_time_starts_with_the_tick_on_it_or_after_it() {
        let clock = slot_clock(4, Millis(2_000));
        let first_from = |now| TickSequence::from_time(clock, Millis(1_000), now).next;
        assert_eq!(first_from(Timestamp(0)), Some(Slot::GENESIS));
        assert_eq!(first_from(at(1_000)), Some(Slot::GENESIS));
        assert_eq!(first_from(at(1_001)), Some(Slot::new(0, 1)));
        assert_eq!(first_from(at(1_500)), Some(Slot::new(0, 1)));
    }

    #[test]
    fn a_sequence_from_a_slot_of_another_chain_is_refused() {
        let clock = slot_clock(4, Millis(2_000));
        assert!(TickSequence::from_slot(clock, Millis(0), Slot::new(0, 4)).is_err());
    }

    proptest! {
        /// Whatever the wall clock does: ticks ascend strictly, and each slot up to the last tick
        /// was either yielded or skipped, exactly once.
        #[test]
        fn every_slot_is_yielded_or_skipped_exactly_once(
            times in prop::collection::vec(0_u64..60_000, 1..60),
            offset in 0_u64..3_000,
        ) {
            let mut sequence = sequence(offset);
            let mut accounted = Vec::new();
            for time in times {
                if let Due::Tick(tick) = sequence.due(at(time)) {
                    accounted.extend(tick.skipped.iter().flatten());
                    accounted.push(tick.slot);
                }
            }
            let end = accounted.last().map_or(Slot::GENESIS, |last| last.next(4).unwrap());
            let all: Vec<_> = SlotRange::new(Slot::GENESIS, end, 4).unwrap().iter().collect();
            prop_assert_eq!(accounted, all);
        }
    }
}
