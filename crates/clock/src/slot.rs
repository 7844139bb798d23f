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
