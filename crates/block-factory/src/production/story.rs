//! Writing the lines of the history.

use picot_clock::{Clock, Millis, Slot, Timestamp};
use picot_models::Address;

use super::{Duty, Event, Fate, HistoryEntry};
use crate::LeftOut;

/// The work for one slot, as the history tells it.
pub struct Story<'a> {
    /// The slot.
    pub slot: Slot,
    /// When the work began.
    pub begin: Timestamp,
    /// Tells how long it has taken.
    pub clock: &'a dyn Clock,
}

impl Story<'_> {
    /// One line; its duration is up to now.
    #[must_use]
    pub fn line(
        &self,
        address: Option<Address>,
        duty: Duty,
        event: Event,
        left_out: LeftOut,
    ) -> HistoryEntry {
        HistoryEntry {
            slot: self.slot,
            address,
            duty,
            event,
            left_out: left_out.into_parts(),
            duration: self.clock.now().since(self.begin).unwrap_or(Millis::ZERO),
            fate: Fate::Undecided,
        }
    }
}
