//! Slots: the places of blocks in time.

use std::{fmt, str::FromStr};

use picot_serialization::codec_struct;

use crate::ClockError;

/// A place for one block: thread `thread` of period `period`.
///
/// Slots are ordered by period, then thread, which is also their order in time. The text form, in
/// logs and in URLs, is `period/thread`, as in `12/3`. The canonical bytes are the period as a
/// varint and the thread as one byte.
///
/// A slot alone does not know its chain: methods that need the number of threads or the length of
/// a cycle are given it, and answer with an error where the slot is not on such a chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Slot {
    /// Count of whole `t0` since genesis.
    pub period: u64,
    /// Thread inside the period, from 0 to `thread_count - 1`.
    pub thread: u8,
}

codec_struct!(Slot { period, thread });

impl Slot {
    /// The first slot of a chain.
    pub const GENESIS: Self = Self::new(0, 0);

    /// The slot of `thread` in `period`.
    #[must_use]
    pub const fn new(period: u64, thread: u8) -> Self {
        Self { period, thread }
    }

    /// Refuses a slot whose thread a chain of `thread_count` threads does not have.
    ///
    /// # Errors
    /// [`ClockError::ThreadOutOfRange`].
    pub const fn check_thread(self, thread_count: u8) -> Result<(), ClockError> {
        if self.thread < thread_count {
            Ok(())
        } else {
            Err(ClockError::ThreadOutOfRange {
                slot: self,
                thread_count,
            })
        }
    }

    /// The slot that starts next.
    ///
    /// # Errors
    /// [`ClockError::ThreadOutOfRange`], and [`ClockError::NoSlotAfter`] the last slot of 64 bits.
    pub fn next(self, thread_count: u8) -> Result<Self, ClockError> {
        self.check_thread(thread_count)?;
        match self.thread.checked_add(1) {
            Some(thread) if thread < thread_count => Ok(Self::new(self.period, thread)),
            _ => match self.period.checked_add(1) {
                Some(period) => Ok(Self::new(period, 0)),
                None => Err(ClockError::NoSlotAfter { slot: self }),
            },
        }
    }

    /// The slot that started just before this one.
    ///
    /// # Errors
    /// [`ClockError::ThreadOutOfRange`], and [`ClockError::NoSlotBefore`] slot `0/0`.
    pub fn prev(self, thread_count: u8) -> Result<Self, ClockError> {
        self.check_thread(thread_count)?;
        if let Some(thread) = self.thread.checked_sub(1) {
            return Ok(Self::new(self.period, thread));
        }
        let last_thread = thread_count.saturating_sub(1);
        match self.period.checked_sub(1) {
            Some(period) => Ok(Self::new(period, last_thread)),
            None => Err(ClockError::NoSlotBefore { slot: self }),
        }
    }

    /// The slot of the same thread one period later.
    ///
    /// # Errors
    /// [`ClockError::NoSlotAfter`] the last period of 64 bits.
    pub fn next_in_thread(self) -> Result<Self, ClockError> {
        match self.period.checked_add(1) {
            Some(period) => Ok(Self::new(period, self.thread)),
            None => Err(ClockError::NoSlotAfter { slot: self }),
        }
    }

    /// The slot of the same thread one period earlier.
    ///
    /// # Errors
    /// [`ClockError::NoSlotBefore`] period 0.
    pub fn previous_in_thread(self) -> Result<Self, ClockError> {
        match self.period.checked_sub(1) {
            Some(period) => Ok(Self::new(period, self.thread)),
            None => Err(ClockError::NoSlotBefore { slot: self }),
        }
    }

    /// How many slots start from `start` on and before `end`: 0 if they are equal.
    ///
    /// # Errors
    /// [`ClockError::ThreadOutOfRange`] for either, [`ClockError::Descending`] if `end` is earlier,
    /// [`ClockError::TooManySlots`] if the number passes 64 bits.
    pub fn slots_between(start: Self, end: Self, thread_count: u8) -> Result<u64, ClockError> {
        let (from, to) = (start.ordinal(thread_count)?, end.ordinal(thread_count)?);
        let count = to
            .checked_sub(from)
            .ok_or(ClockError::Descending { start, end })?;
        u64::try_from(count).map_err(|_| ClockError::TooManySlots { start, end })
    }

    /// Count of slots before this one; 64 bits of period and 8 of thread always fit 128 bits.
    fn ordinal(self, thread_count: u8) -> Result<u128, ClockError> {
        self.check_thread(thread_count)?;
        let before_period = u128::from(self.period).saturating_mul(u128::from(thread_count));
        Ok(before_period.saturating_add(u128::from(self.thread)))
    }
}

/// Cycles.
impl Slot {
    /// The cycle of this slot.
    ///
    /// # Errors
    /// [`ClockError::NoPeriodsPerCycle`].
    pub fn cycle(self, periods_per_cycle: u64) -> Result<u64, ClockError> {
        self.period
            .checked_div(periods_per_cycle)
            .ok_or(ClockError::NoPeriodsPerCycle)
    }

    /// The first slot of a cycle, which is always in thread 0.
    ///
    /// # Errors
    /// [`ClockError::NoPeriodsPerCycle`], [`ClockError::CycleOutOfRange`].
    pub fn first_of_cycle(cycle: u64, periods_per_cycle: u64) -> Result<Self, ClockError> {
        if periods_per_cycle == 0 {
            return Err(ClockError::NoPeriodsPerCycle);
        }
        match cycle.checked_mul(periods_per_cycle) {
            Some(period) => Ok(Self::new(period, 0)),
            None => Err(ClockError::CycleOutOfRange {
                cycle,
                periods_per_cycle,
            }),
        }
    }

    /// The last slot of a cycle, which is always in the last thread.
    ///
    /// # Errors
    /// [`ClockError::NoPeriodsPerCycle`], [`ClockError::CycleOutOfRange`] if the cycle does not end
    /// within 64 bits, [`ClockError::ThreadOutOfRange`] if there are no threads.
    pub fn last_of_cycle(
        cycle: u64,
        periods_per_cycle: u64,
        thread_count: u8,
    ) -> Result<Self, ClockError> {
        let first = Self::first_of_cycle(cycle, periods_per_cycle)?;
        first.check_thread(thread_count)?;
        match first
            .period
            .checked_add(periods_per_cycle.saturating_sub(1))
        {
            Some(period) => Ok(Self::new(period, thread_count.saturating_sub(1))),
            None => Err(ClockError::CycleOutOfRange {
                cycle,
                periods_per_cycle,
            }),
        }
    }

    /// Whether a cycle starts with this slot.
    ///
    /// # Errors
    /// [`ClockError::NoPeriodsPerCycle`].
    pub fn is_first_of_cycle(self, periods_per_cycle: u64) -> Result<bool, ClockError> {
        let period_in_cycle = self.period_in_cycle(periods_per_cycle)?;
        Ok(self.thread == 0 && period_in_cycle == 0)
    }

    /// Whether a cycle ends with this slot.
    ///
    /// # Errors
    /// [`ClockError::NoPeriodsPerCycle`], [`ClockError::ThreadOutOfRange`].
    pub fn is_last_of_cycle(
        self,
        periods_per_cycle: u64,
        thread_count: u8,
    ) -> Result<bool, ClockError> {
        self.check_thread(thread_count)?;
        let period_in_cycle = self.period_in_cycle(periods_per_cycle)?;
        Ok(self.thread == thread_count.saturating_sub(1)
            && period_in_cycle == periods_per_cycle.saturating_sub(1))
    }

    fn period_in_cycle(self, periods_per_cycle: u64) -> Result<u64, ClockError> {
        self.period
            .checked_rem(periods_per_cycle)
            .ok_or(ClockError::NoPeriodsPerCycle)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.period, self.thread)
    }
}

impl FromStr for Slot {
    type Err = ClockError;

    /// Reads `12/3`. Signs, blanks and leading zeros are refused, so that a slot has one text.
    fn from_str(text: &str) -> Result<Self, ClockError> {
        let slot = text.split_once('/').and_then(|(period, thread)| {
            Some(Self::new(plain_number(period)?, plain_number(thread)?))
        });
        slot.ok_or_else(|| ClockError::SlotText(text.chars().take(64).collect()))
    }
}

/// Digits only, without a leading zero: `from_str` of the standard library also takes `+7` and `007`.
fn plain_number<N: FromStr>(digits: &str) -> Option<N> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits == "0" || !digits.starts_with('0');
    if plain && canonical {
        digits.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use picot_serialization::{
        Encode,
        testing::{check_appended, check_canonical, check_round_trip, check_truncated},
    };
    use proptest::prelude::*;

    use super::*;

    const LAST_PERIOD: u64 = u64::MAX;

    #[test]
    fn slots_are_ordered_by_period_then_thread() {
        assert!(Slot::new(1, 63) < Slot::new(2, 0));
        assert!(Slot::new(2, 0) < Slot::new(2, 1));
    }

    #[test]
    fn the_next_slot_is_in_the_next_thread_and_then_in_the_next_period() {
        assert_eq!(Slot::new(7, 0).next(4), Ok(Slot::new(7, 1)));
        assert_eq!(Slot::new(7, 3).next(4), Ok(Slot::new(8, 0)));
        assert_eq!(Slot::new(7, 0).next(1), Ok(Slot::new(8, 0)));
        assert_eq!(Slot::new(7, 254).next(u8::MAX), Ok(Slot::new(8, 0)));
    }

    #[test]
    fn the_ends_of_64_bits_are_errors_and_never_wrap() {
        let last = Slot::new(LAST_PERIOD, 3);
        assert_eq!(last.next(4), Err(ClockError::NoSlotAfter { slot: last }));
        assert_eq!(
            last.next_in_thread(),
            Err(ClockError::NoSlotAfter { slot: last })
        );
        let first = Slot::GENESIS;
        assert_eq!(first.prev(4), Err(ClockError::NoSlotBefore { slot: first }));
        let first_of_thread = Slot::new(0, 3);
        let no_slot_before = ClockError::NoSlotBefore {
            slot: first_of_thread,
        };
        assert_eq!(first_of_thread.previous_in_thread(), Err(no_slot_before));
    }

    #[test]
    fn a_thread_that_the_chain_does_not_have_is_an_error() {
        let slot = Slot::new(7, 4);
        let error = ClockError::ThreadOutOfRange {
            slot,
            thread_count: 4,
        };
        assert_eq!(slot.next(4), Err(error.clone()));
        assert_eq!(slot.prev(4), Err(error.clone()));
        assert_eq!(slot.is_last_of_cycle(8, 4), Err(error.clone()));
        assert_eq!(
            Slot::slots_between(Slot::GENESIS, slot, 4),
            Err(error.clone())
        );
        assert_eq!(error.to_string(), "slot 7/4 is not on a chain of 4 threads");
        assert!(
            Slot::GENESIS.next(0).is_err(),
            "and a chain without threads has no slots"
        );
        assert!(Slot::last_of_cycle(0, 8, 0).is_err());
    }

    #[test]
    fn a_cycle_goes_from_its_first_slot_to_its_last() {
        let (first, last) = (Slot::new(16, 0), Slot::new(23, 3));
        assert_eq!(Slot::first_of_cycle(2, 8), Ok(first));
        assert_eq!(Slot::last_of_cycle(2, 8, 4), Ok(last));
        assert_eq!(last.next(4), Slot::first_of_cycle(3, 8));
        for slot in crate::SlotRange::new(first, last.next(4).unwrap(), 4).unwrap() {
            assert_eq!(slot.cycle(8), Ok(2));
            assert_eq!(slot.is_first_of_cycle(8), Ok(slot == first));
            assert_eq!(slot.is_last_of_cycle(8, 4), Ok(slot == last));
        }
    }

    #[test]
    fn a_cycle_without_periods_or_past_64_bits_is_an_error() {
        let slot = Slot::new(16, 0);
        assert_eq!(slot.cycle(0), Err(ClockError::NoPeriodsPerCycle));
        assert_eq!(
            slot.is_first_of_cycle(0),
            Err(ClockError::NoPeriodsPerCycle)
        );
        assert_eq!(
            slot.is_last_of_cycle(0, 4),
            Err(ClockError::NoPeriodsPerCycle)
        );
        assert_eq!(
            Slot::first_of_cycle(2, 0),
            Err(ClockError::NoPeriodsPerCycle)
        );
        let (cycle, periods_per_cycle) = (u64::MAX / 3 + 1, 3);
        let error = ClockError::CycleOutOfRange {
            cycle,
            periods_per_cycle,
        };
        assert_eq!(Slot::first_of_cycle(cycle, periods_per_cycle), Err(error));
        assert!(Slot::first_of_cycle(u64::MAX / 4, 4).is_ok());
        assert_eq!(
            Slot::last_of_cycle(u64::MAX / 4, 4, 2),
            Ok(Slot::new(LAST_PERIOD, 1))
        );
        assert!(
            Slot::last_of_cycle(u64::MAX / 7, 7, 2).is_err(),
            "it starts but does not end"
        );
    }

    #[test]
    fn slots_between_counts_the_start_and_not_the_end() {
        let between = |start, end| Slot::slots_between(start, end, 4);
        assert_eq!(between(Slot::new(1, 2), Slot::new(1, 2)), Ok(0));
        assert_eq!(between(Slot::new(1, 2), Slot::new(3, 1)), Ok(7));
        let (start, end) = (Slot::new(1, 2), Slot::new(1, 1));
        assert_eq!(
            between(start, end),
            Err(ClockError::Descending { start, end })
        );
        let (start, end) = (Slot::GENESIS, Slot::new(LAST_PERIOD, 0));
        assert_eq!(
            between(start, end),
            Err(ClockError::TooManySlots { start, end })
        );
    }

    #[test]
    fn the_text_form_is_period_slash_thread_and_nothing_else() {
        assert_eq!(Slot::new(12, 3).to_string(), "12/3");
        assert_eq!("12/3".parse(), Ok(Slot::new(12, 3)));
        assert_eq!("0/0".parse(), Ok(Slot::GENESIS));
        let refused = [
            "",
            "/",
            "12",
            "12/",
            "/3",
            "12.3",
            "(12, 3)",
            "12/3/4",
            " 12/3",
            "12/3 ",
            "+12/3",
            "12/-3",
            "012/3",
            "12/03",
            "12/256",
            "18446744073709551616/0",
            "１２/3",
        ];
        for text in refused {
            assert_eq!(
                text.parse::<Slot>(),
                Err(ClockError::SlotText(text.into())),
                "{text}"
            );
        }
    }

    #[test]
    fn an_error_does_not_repeat_a_long_text() {
        let error = "9".repeat(10_000).parse::<Slot>().unwrap_err();
        assert!(error.to_string().len() < 200);
    }

    #[test]
    fn the_bytes_are_the_period_as_a_varint_and_the_thread() {
        assert_eq!(Slot::new(300, 3).to_bytes(), [0xac, 0x02, 3]);
        assert_eq!(Slot::new(LAST_PERIOD, 63).encoded_len(), 11);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn the_json_form_names_period_and_thread() {
        let json = r#"{"period":12,"thread":3}"#;
        assert_eq!(serde_json::to_string(&Slot::new(12, 3)).unwrap(), json);
        assert_eq!(
            serde_json::from_str::<Slot>(json).unwrap(),
            Slot::new(12, 3)
        );
        assert!(serde_json::from_str::<Slot>(r#"{"period":12,"thread":3,"x":0}"#).is_err());
        assert!(serde_json::from_str::<Slot>(r#"{"period":12,"thread":256}"#).is_err());
    }

    /// A number of threads and a slot of such a chain, often near the ends of 64 bits.
    fn thread_count_and_slot() -> impl Strategy<Value = (u8, Slot)> {
        let period = prop_oneof![any::<u64>(), 0..4_u64, LAST_PERIOD - 4..=LAST_PERIOD];
        (1..=u8::MAX, period).prop_flat_map(|(thread_count, period)| {
            (0..thread_count).prop_map(move |thread| (thread_count, Slot::new(period, thread)))
        })
    }

    proptest! {
        #[test]
        fn next_and_prev_are_inverse_and_adjacent((thread_count, slot) in thread_count_and_slot()) {
            if let Ok(next) = slot.next(thread_count) {
                prop_assert!(next > slot);
                prop_assert_eq!(next.prev(thread_count), Ok(slot));
                prop_assert_eq!(Slot::slots_between(slot, next, thread_count), Ok(1));
            }
            if let Ok(prev) = slot.prev(thread_count) {
                prop_assert!(prev < slot);
                prop_assert_eq!(prev.next(thread_count), Ok(slot));
            }
        }

        #[test]
        fn neighbours_in_a_thread_are_one_period_apart((thread_count, slot) in thread_count_and_slot()) {
            if let Ok(next) = slot.next_in_thread() {
                prop_assert_eq!(next.previous_in_thread(), Ok(slot));
                let apart = Slot::slots_between(slot, next, thread_count);
                prop_assert_eq!(apart, Ok(u64::from(thread_count)));
            }
        }

        #[test]
        fn a_slot_is_between_the_first_and_the_last_of_its_cycle(
            (thread_count, slot) in thread_count_and_slot(),
            periods_per_cycle in prop_oneof![1..200_u64, any::<u64>().prop_map(|p| p.max(1))],
        ) {
            let cycle = slot.cycle(periods_per_cycle).unwrap();
            let first = Slot::first_of_cycle(cycle, periods_per_cycle).unwrap();
            prop_assert!(first <= slot);
            prop_assert_eq!(first.is_first_of_cycle(periods_per_cycle), Ok(true));
            if let Ok(last) = Slot::last_of_cycle(cycle, periods_per_cycle, thread_count) {
                prop_assert!(slot <= last);
                prop_assert_eq!(last.is_last_of_cycle(periods_per_cycle, thread_count), Ok(true));
                if let Ok(next) = last.next(thread_count) {
                    prop_assert_eq!(next.cycle(periods_per_cycle), Ok(cycle + 1));
                }
            }
        }

        #[test]
        fn text_reads_back(period: u64, thread: u8) {
            let slot = Slot::new(period, thread);
            prop_assert_eq!(slot.to_string().parse(), Ok(slot));
        }

        #[test]
        fn any_text_is_a_slot_in_canonical_form_or_an_error(text in "[0-9/+. -]{0,24}") {
            if let Ok(slot) = text.parse::<Slot>() {
                prop_assert_eq!(slot.to_string(), text);
            }
        }

        #[test]
        fn bytes_keep_the_codec_laws(period: u64, thread: u8, bytes: [u8; 3]) {
            let slot = Slot::new(period, thread);
            check_round_trip(&slot);
            check_truncated(&slot);
            check_appended(&slot);
            check_canonical::<Slot>(&bytes);
        }
    }
}
