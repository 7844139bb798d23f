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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(start: (u64, u8), end: (u64, u8)) -> Result<SlotRange, ClockError> {
        SlotRange::new(Slot::new(start.0, start.1), Slot::new(end.0, end.1), 4)
    }

    #[test]
    fn a_range_has_its_start_and_not_its_end() {
        let range = range((1, 2), (2, 1)).unwrap();
        let slots: Vec<_> = range.iter().map(|slot| slot.to_string()).collect();
        assert_eq!(slots, ["1/2", "1/3", "2/0"]);
        assert_eq!(range.to_string(), "1/2..2/1");
        assert!(range.contains(Slot::new(1, 2)) && !range.contains(Slot::new(2, 1)));
        assert!(
            !range.contains(Slot::new(1, 4)),
            "a slot of another chain is not inside"
        );
    }

    #[test]
    fn a_range_of_equal_ends_is_empty() {
        let range = range((1, 2), (1, 2)).unwrap();
        assert!(range.is_empty() && range.iter().next().is_none());
    }

    #[test]
    fn a_descending_range_or_one_of_another_chain_is_an_error() {
        assert!(matches!(
            range((1, 2), (1, 1)),
            Err(ClockError::Descending { .. })
        ));
        assert!(matches!(
            range((1, 4), (2, 0)),
            Err(ClockError::ThreadOutOfRange { .. })
        ));
        assert!(matches!(
            range((1, 0), (2, 4)),
            Err(ClockError::ThreadOutOfRange { .. })
        ));
    }

    #[test]
    fn a_range_to_the_end_of_64_bits_is_walked_without_a_wrap() {
        let range = range((u64::MAX, 1), (u64::MAX, 3)).unwrap();
        assert_eq!(range.iter().count(), 2);
        let all = SlotRange::new(Slot::GENESIS, Slot::new(u64::MAX, 3), 4).unwrap();
        assert!(matches!(
            all.count_slots(),
            Err(ClockError::TooManySlots { .. })
        ));
        assert_eq!(all.iter().size_hint(), (usize::MAX, None));
    }

    proptest! {
        #[test]
        fn iteration_agrees_with_count_order_and_contains(
            start_period in 0..5_u64, start_thread in 0..4_u8,
            end_period in 5..10_u64, end_thread in 0..4_u8,
        ) {
            let range = range((start_period, start_thread), (end_period, end_thread)).unwrap();
            let slots: Vec<_> = range.into_iter().collect();
            prop_assert_eq!(Ok(slots.len() as u64), range.count_slots());
            prop_assert_eq!(range.iter().size_hint(), (slots.len(), Some(slots.len())));
            prop_assert!(slots.is_sorted_by(|earlier, later| earlier < later));
            prop_assert!(slots.iter().all(|slot| range.contains(*slot)));
        }
    }
}
