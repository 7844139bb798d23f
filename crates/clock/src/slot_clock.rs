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

    /// How far the node's clock may be from its peers' without a warning: `t0/8`.
    #[must_use]
    pub const fn offset_tolerance(&self) -> Millis {
        Millis(self.t0.0 / 8)
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
