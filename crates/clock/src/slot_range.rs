//! Runs of slots.

use std::fmt;

use crate::{ClockError, Slot};

/// The slots from `start` on and before `end`, ascending.
///
/// Its text form is `12/3..13/0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlotRange {
    start: Slot,
    end: Slot,
    thread_count: u8,
}

impl SlotRange {
    /// The slots from `start` on and before `end`; none if they are equal.
    ///
    /// # Errors
    /// [`ClockError::ThreadOutOfRange`] for either, [`ClockError::Descending`] if `end` is earlier.
    pub fn new(start: Slot, end: Slot, thread_count: u8) -> Result<Self, ClockError> {
        start.check_thread(thread_count)?;
        end.check_thread(thread_count)?;
        if end < start {
            return Err(ClockError::Descending { start, end });
        }
        Ok(Self {
            start,
            end,
            thread_count,
        })
    }

    /// The first slot inside, if there is one.
    #[must_use]
    pub const fn start(&self) -> Slot {
        self.start
    }

    /// The first slot after the range.
    #[must_use]
    pub const fn end(&self) -> Slot {
        self.end
    }

    /// How many slots are inside.
    ///
    /// # Errors
    /// [`ClockError::TooManySlots`] if the number passes 64 bits.
    pub fn count_slots(&self) -> Result<u64, ClockError> {
        Slot::slots_between(self.start, self.end, self.thread_count)
    }

    /// Whether no slot is inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether `slot` is inside.
    #[must_use]
    pub fn contains(&self, slot: Slot) -> bool {
        slot.thread < self.thread_count && self.start <= slot && slot < self.end
    }

    /// The slots inside, earliest first.
    ///
    /// A range may be very long, after a day of suspension for instance: whoever collects it sets a
    /// bound with `take`.
    #[must_use]
    pub const fn iter(&self) -> SlotIter {
        SlotIter { left: *self }
    }
}

impl fmt::Display for SlotRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

impl IntoIterator for SlotRange {
    type Item = Slot;
    type IntoIter = SlotIter;

    fn into_iter(self) -> SlotIter {
        self.iter()
    }
}

impl IntoIterator for &SlotRange {
    type Item = Slot;
    type IntoIter = SlotIter;

    fn into_iter(self) -> SlotIter {
        self.iter()
    }
}

/// The slots of a [`SlotRange`], one by one.
#[derive(Clone, Debug)]
pub struct SlotIter {
    left: SlotRange,
}

impl Iterator for SlotIter {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        if self.left.is_empty() {
            return None;
        }
        let slot = self.left.start;
        // A slot before `end` always has a successor.
        self.left.start = slot.next(self.left.thread_count).unwrap_or(self.left.end);
        Some(slot)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self.left.count_slots().map(usize::try_from) {
            Ok(Ok(count)) => (count, Some(count)),
            _ => (usize::MAX, None),
        }
    }
}
