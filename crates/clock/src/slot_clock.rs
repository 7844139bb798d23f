//! Slots to times and back: design 03, clock.

use crate::{ClockError, Millis, Slot, Timestamp};

/// The most threads a chain may have: design 02, identifiers.
pub const MAX_THREAD_COUNT: u8 = 64;

/// The calendar of a chain: when each slot starts.
///
/// Slot `(p, τ)` starts at `genesis_timestamp + t0·p + τ·t0/thread_count`, and its endorsement tick
/// is half a period (`t0/2`, rounded down) later. A slot's own span is the `t0/thread_count` from
/// its start to the start of the next slot. Nothing here reads a clock or wraps: what is before
/// genesis or past 64 bits is `None` or an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlotClock {
    genesis_timestamp: Timestamp,
    t0: Millis,
    thread_count: u8,
    /// `t0/thread_count`, exact and positive.
    slot_length_ms: u64,
}

impl SlotClock {
    /// The calendar of a chain whose slot `0/0` starts at `genesis_timestamp`.
    ///
    /// # Errors
    /// [`ClockError::InvalidThreadCount`] unless `thread_count` is a power of two from 1 to 64,
    /// [`ClockError::InvalidT0`] unless `t0` is positive and a multiple of `thread_count`
    /// milliseconds.
    pub fn new(
        genesis_timestamp: Timestamp,
        t0: Millis,
        thread_count: u8,
    ) -> Result<Self, ClockError> {
        if !thread_count.is_power_of_two() || thread_count > MAX_THREAD_COUNT {
            return Err(ClockError::InvalidThreadCount(thread_count));
        }
        if t0 == Millis::ZERO || !t0.0.is_multiple_of(u64::from(thread_count)) {
            return Err(ClockError::InvalidT0 { t0, thread_count });
        }
        match t0.checked_div(u64::from(thread_count)) {
            Some(Millis(slot_length_ms)) => Ok(Self {
                genesis_timestamp,
                t0,
                thread_count,
                slot_length_ms,
            }),
            None => Err(ClockError::InvalidThreadCount(thread_count)),
        }
    }

    /// Start of slot `0/0`.
    #[must_use]
    pub const fn genesis_timestamp(&self) -> Timestamp {
        self.genesis_timestamp
    }

    /// Length of a period.
    #[must_use]
    pub const fn t0(&self) -> Millis {
        self.t0
    }

    /// Threads of the chain.
    #[must_use]
    pub const fn thread_count(&self) -> u8 {
        self.thread_count
    }

    /// Time from one slot's start to the next one's: `t0/thread_count`.
    #[must_use]
    pub const fn slot_length(&self) -> Millis {
        Millis(self.slot_length_ms)
    }

    /// Time from a slot's start to its endorsement tick: `t0/2`.
    #[must_use]
    pub const fn endorsement_offset(&self) -> Millis {
        Millis(self.t0.0 / 2)
    }
}

/// From slots to times.
impl SlotClock {
    /// When `slot` starts.
    ///
    /// # Errors
    /// [`ClockError::ThreadOutOfRange`], [`ClockError::SlotOutOfTime`].
    pub fn start_of(&self, slot: Slot) -> Result<Timestamp, ClockError> {
        self.tick_of(slot, Millis::ZERO)
    }

    /// When endorsements of `slot`'s block are made: `t0/2` after its start.
    ///
    /// # Errors
    /// [`ClockError::ThreadOutOfRange`], [`ClockError::SlotOutOfTime`].
    pub fn endorsement_tick_of(&self, slot: Slot) -> Result<Timestamp, ClockError> {
        self.tick_of(slot, self.endorsement_offset())
    }

    /// The point `offset` after the start of `slot`.
    ///
    /// # Errors
    /// [`ClockError::ThreadOutOfRange`], [`ClockError::SlotOutOfTime`].
    pub fn tick_of(&self, slot: Slot, offset: Millis) -> Result<Timestamp, ClockError> {
        slot.check_thread(self.thread_count)?;
        let since_genesis = || {
            let in_period = self.slot_length().checked_mul(u64::from(slot.thread))?;
            self.t0
                .checked_mul(slot.period)?
                .checked_add(in_period)?
                .checked_add(offset)
        };
        since_genesis()
            .and_then(|length| self.genesis_timestamp.checked_add(length))
            .ok_or(ClockError::SlotOutOfTime { slot })
    }
}

/// From times to slots.
impl SlotClock {
    /// The slot whose own span contains `time`.
    ///
    /// It is [`latest_slot_at`](Self::latest_slot_at) for callers to whom a time before genesis is
    /// a mistake: they get an error that says so.
    ///
    /// # Errors
    /// [`ClockError::BeforeGenesis`].
    pub fn slot_at(&self, time: Timestamp) -> Result<Slot, ClockError> {
        let genesis_timestamp = self.genesis_timestamp;
        self.latest_slot_at(time).ok_or(ClockError::BeforeGenesis {
            time,
            genesis_timestamp,
        })
    }

    /// The latest slot that has started at `time`, or `None` before genesis.
    #[must_use]
    pub fn latest_slot_at(&self, time: Timestamp) -> Option<Slot> {
        let since_genesis = time.since(self.genesis_timestamp)?;
        let ordinal = since_genesis.0.checked_div(self.slot_length_ms)?;
        let thread_count = u64::from(self.thread_count);
        let thread = u8::try_from(ordinal.checked_rem(thread_count)?).ok()?;
        Some(Slot::new(ordinal.checked_div(thread_count)?, thread))
    }

    /// The first slot that starts after `time`, not at it: slot `0/0` at any time before genesis,
    /// `None` if that slot would start past 64 bits.
    #[must_use]
    pub fn next_slot_after(&self, time: Timestamp) -> Option<Slot> {
        let next = match self.latest_slot_at(time) {
            Some(slot) => slot.next(self.thread_count).ok()?,
            None => Slot::GENESIS,
        };
        self.start_of(next).ok().map(|_| next)
    }

    /// The latest slot of `thread` that has started at `time`, or `None` before the thread's first.
    ///
    /// # Errors
    /// [`ClockError::ThreadOutOfRange`].
    pub fn latest_slot_of_thread_at(
        &self,
        thread: u8,
        time: Timestamp,
    ) -> Result<Option<Slot>, ClockError> {
        Slot::new(0, thread).check_thread(self.thread_count)?;
        let Some(latest) = self.latest_slot_at(time) else {
            return Ok(None);
        };
        let this_period = Slot::new(latest.period, thread);
        Ok(if thread <= latest.thread {
            Some(this_period)
        } else {
            this_period.previous_in_thread().ok()
        })
    }

    /// The count-down to genesis, or `None` from genesis on.
    #[must_use]
    pub fn time_until_genesis(&self, now: Timestamp) -> Option<Millis> {
        self.genesis_timestamp
            .since(now)
            .filter(|left| *left > Millis::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mocks::{GENESIS_TIMESTAMP, slot_clock};

    fn at(ms_since_genesis: u64) -> Timestamp {
        GENESIS_TIMESTAMP
            .checked_add(Millis(ms_since_genesis))
            .unwrap()
    }

    /// 4 threads, a slot every 500 ms.
    fn dev() -> SlotClock {
        slot_clock(4, Millis(2_000))
    }

    #[test]
    fn the_number_of_threads_is_a_power_of_two_from_1_to_64() {
        let accepted = (0..=u8::MAX).filter(|thread_count| {
            SlotClock::new(GENESIS_TIMESTAMP, Millis(256 * 255), *thread_count)
                .is_ok_and(|clock| clock.thread_count() == *thread_count)
        });
        assert_eq!(accepted.collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32, 64]);
    }

    #[test]
    fn t0_is_a_positive_multiple_of_one_millisecond_for_each_thread() {
        for (t0, is_ok) in [
            (0, false),
            (1, false),
            (31, false),
            (32, true),
            (48, false),
            (64, true),
        ] {
            let made = SlotClock::new(GENESIS_TIMESTAMP, Millis(t0), 32);
            assert_eq!(made.is_ok(), is_ok, "{t0} ms");
        }
    }

    #[test]
    fn slots_are_staggered_evenly_inside_a_period() {
        let clock = dev();
        assert_eq!(clock.slot_length(), Millis(500));
        assert_eq!(clock.start_of(Slot::GENESIS), Ok(at(0)));
        assert_eq!(clock.start_of(Slot::new(0, 3)), Ok(at(1_500)));
        assert_eq!(clock.start_of(Slot::new(10, 1)), Ok(at(20_500)));
    }

    #[test]
    fn the_endorsement_tick_is_half_a_period_after_the_start() {
        assert_eq!(dev().endorsement_tick_of(Slot::new(10, 1)), Ok(at(21_500)));
        assert_eq!(
            slot_clock(1, Millis(5)).endorsement_tick_of(Slot::GENESIS),
            Ok(at(2))
        );
    }

    #[test]
    fn a_slot_lasts_from_its_start_to_the_start_of_the_next() {
        let clock = dev();
        assert_eq!(clock.slot_at(at(0)), Ok(Slot::GENESIS));
        assert_eq!(clock.slot_at(at(499)), Ok(Slot::GENESIS));
        assert_eq!(clock.slot_at(at(500)), Ok(Slot::new(0, 1)));
        assert_eq!(clock.latest_slot_at(at(2_000)), Some(Slot::new(1, 0)));
    }

    #[test]
    fn before_genesis_there_is_no_slot_but_a_next_one_and_a_count_down() {
        let clock = dev();
        let time = GENESIS_TIMESTAMP.checked_sub(Millis(1)).unwrap();
        let genesis_timestamp = GENESIS_TIMESTAMP;
        let error = ClockError::BeforeGenesis {
            time,
            genesis_timestamp,
        };
        assert_eq!(
            error.to_string(),
            "time 2025-12-31T23:59:59.999Z is before genesis at 2026-01-01T00:00:00.000Z"
        );
        assert_eq!(clock.slot_at(time), Err(error));
        assert_eq!(clock.latest_slot_at(time), None);
        assert_eq!(clock.latest_slot_of_thread_at(0, time), Ok(None));
        assert_eq!(clock.next_slot_after(time), Some(Slot::GENESIS));
        assert_eq!(clock.time_until_genesis(time), Some(Millis(1)));
        assert_eq!(clock.time_until_genesis(GENESIS_TIMESTAMP), None);
        assert_eq!(clock.time_until_genesis(Timestamp::MAX), None);
    }

    #[test]
    fn the_next_slot_starts_after_the_time_and_not_at_it() {
        assert_eq!(dev().next_slot_after(at(0)), Some(Slot::new(0, 1)));
        assert_eq!(dev().next_slot_after(at(499)), Some(Slot::new(0, 1)));
        assert_eq!(dev().next_slot_after(at(1_500)), Some(Slot::new(1, 0)));
    }

    #[test]
    fn each_thread_has_its_own_latest_slot() {
        let clock = dev();
        let latest = |thread, ms| clock.latest_slot_of_thread_at(thread, at(ms)).unwrap();
        assert_eq!(latest(1, 499), None, "its first slot has not started");
        assert_eq!(latest(1, 500), Some(Slot::new(0, 1)));
        assert_eq!(latest(1, 2_499), Some(Slot::new(0, 1)));
        assert_eq!(latest(1, 2_500), Some(Slot::new(1, 1)));
        assert!(clock.latest_slot_of_thread_at(4, at(0)).is_err());
    }

    #[test]
    fn the_far_end_of_time_is_an_error_and_never_wraps() {
        let clock = dev();
        let slot = Slot::new(u64::MAX, 3);
        assert_eq!(
            clock.start_of(slot),
            Err(ClockError::SlotOutOfTime { slot })
        );
        let last = clock.latest_slot_at(Timestamp::MAX).unwrap();
        assert!(clock.start_of(last).is_ok());
        assert_eq!(clock.next_slot_after(Timestamp::MAX), None);
        assert!(clock.start_of(last.next(4).unwrap()).is_err());
        assert!(
            clock.endorsement_tick_of(last).is_err(),
            "its start is in time, its tick is not"
        );
    }

    #[test]
    fn the_very_last_slot_of_the_finest_chain_has_no_next() {
        let clock = SlotClock::new(Timestamp(0), Millis(1), 1).unwrap();
        let last = clock.latest_slot_at(Timestamp::MAX).unwrap();
        assert_eq!(last, Slot::new(u64::MAX, 0));
        assert_eq!(clock.start_of(last), Ok(Timestamp::MAX));
        assert_eq!(clock.next_slot_after(Timestamp::MAX), None);
    }

    fn any_clock() -> impl Strategy<Value = SlotClock> {
        let genesis = prop_oneof![0..10_000_u64, any::<u64>()];
        let slot_length = prop_oneof![1..10_000_u64, 1..=u64::MAX / 64];
        (genesis, 0..=6_u32, slot_length).prop_map(|(genesis, thread_bits, slot_length)| {
            let thread_count = 1_u8 << thread_bits;
            let t0 = Millis(slot_length * u64::from(thread_count));
            SlotClock::new(Timestamp(genesis), t0, thread_count).unwrap()
        })
    }

    fn any_time() -> impl Strategy<Value = Timestamp> {
        prop_oneof![0..100_000_u64, any::<u64>(), u64::MAX - 1_000..=u64::MAX].prop_map(Timestamp)
    }

    proptest! {
        #[test]
        fn the_slot_at_the_start_of_a_slot_is_that_slot(
            clock in any_clock(),
            period in prop_oneof![0..1_000_u64, any::<u64>()],
            thread in 0..64_u8,
        ) {
            let slot = Slot::new(period, thread % clock.thread_count());
            if let Ok(start) = clock.start_of(slot) {
                prop_assert_eq!(clock.slot_at(start), Ok(slot));
                prop_assert_eq!(clock.latest_slot_of_thread_at(slot.thread, start), Ok(Some(slot)));
                if let Some(before) = start.checked_sub(Millis(1)) {
                    prop_assert_eq!(clock.next_slot_after(before), Some(slot));
                    prop_assert_eq!(clock.latest_slot_at(before), slot.prev(clock.thread_count()).ok());
                }
            }
        }

        #[test]
        fn the_slot_at_a_time_has_started_and_the_next_one_has_not(
            clock in any_clock(), time in any_time(),
        ) {
            match clock.latest_slot_at(time) {
                Some(slot) => {
                    let start = clock.start_of(slot).unwrap();
                    prop_assert!(start <= time);
                    prop_assert!(time.since(start).unwrap() < clock.slot_length());
                }
                None => prop_assert!(time < clock.genesis_timestamp()),
            }
            if let Some(next) = clock.next_slot_after(time) {
                prop_assert!(time < clock.start_of(next).unwrap());
            }
        }

        #[test]
        fn the_latest_slot_of_all_threads_is_the_latest_slot(
            clock in any_clock(), time in any_time(),
        ) {
            let of_thread = |thread| clock.latest_slot_of_thread_at(thread, time).unwrap();
            let latest = (0..clock.thread_count()).filter_map(of_thread).max();
            prop_assert_eq!(latest, clock.latest_slot_at(time));
        }

        #[test]
        fn slots_start_in_their_order(clock in any_clock(), period: u64, thread in 0..64_u8) {
            let slot = Slot::new(period, thread % clock.thread_count());
            if let Ok(next) = slot.next(clock.thread_count())
                && let Ok(next_start) = clock.start_of(next)
            {
                let start = clock.start_of(slot).unwrap();
                prop_assert_eq!(next_start.since(start), Some(clock.slot_length()));
            }
        }
    }
}
