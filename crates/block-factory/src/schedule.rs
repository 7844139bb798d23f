//! The one deadline of a block, and the share of each part in it.

use picot_clock::{Millis, Slot, SlotClock, Timestamp};

/// Shares in which the time is dealt out.
const SHARES: u64 = 8;

/// When each part of the production of one block must be done.
///
/// The block is ready at `production_deadline_ms` after the start of its slot (design 08; the least
/// of `max_block_production` and half a slot). What is left of that time when the work begins is
/// dealt out in eighths:
///
/// | part | time |
/// | --- | --- |
/// | parents | the first 4 eighths: they may have to be waited for |
/// | any short question after that | 1 eighth from when it is asked |
/// | operations | to the end of the 6th |
/// | denunciations | to the end of the 7th |
/// | parents again | to the end of the 8th |
///
/// When all answer as they should, each takes next to nothing, and nearly all of the six eighths
/// are for operations. Signing and handing on come after that, to the end of the slot: a slow disk
/// under the signing log should not cost a block that is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    begin: Timestamp,
    budget: Millis,
    slot_end: Timestamp,
}

impl Schedule {
    /// The schedule of a slot whose work begins now; `None` if it is too late for it.
    pub(crate) fn new(
        slot: Slot,
        now: Timestamp,
        slot_clock: &SlotClock,
        production_deadline: Millis,
    ) -> Option<Self> {
        let start = slot_clock.start_of(slot).ok()?;
        let elapsed = now.since(start).unwrap_or(Millis::ZERO);
        let budget = production_deadline
            .checked_sub(elapsed)
            .filter(|left| *left > Millis::ZERO)?;
        // A clock that was set back after the tick must not lengthen the waits, so it is counted
        // from `now` and not from the start of the slot.
        let slot_end = now.checked_add(slot_clock.slot_length().saturating_sub(elapsed))?;
        Some(Self {
            begin: now,
            budget,
            slot_end,
        })
    }

    pub(crate) fn parents_by(&self) -> Timestamp {
        self.after_shares(4)
    }

    pub(crate) fn operations_by(&self) -> Timestamp {
        self.after_shares(6)
    }

    pub(crate) fn denunciations_by(&self) -> Timestamp {
        self.after_shares(7)
    }

    pub(crate) fn ready_by(&self) -> Timestamp {
        self.after_shares(SHARES)
    }

    /// When it must be signed and handed on.
    pub(crate) fn slot_end(&self) -> Timestamp {
        self.slot_end
    }

    /// When a short question that is asked now must be answered: a share from now, but not past the
    /// time for operations.
    pub(crate) fn one_share_from(&self, now: Timestamp) -> Timestamp {
        let end = now.checked_add(self.shares(1)).unwrap_or(Timestamp::MAX);
        end.min(self.operations_by())
    }

    fn after_shares(&self, count: u64) -> Timestamp {
        self.begin
            .checked_add(self.shares(count))
            .unwrap_or(Timestamp::MAX)
    }

    /// Rounded up, so that the shortest budget leaves something for everybody.
    fn shares(&self, count: u64) -> Millis {
        Millis(self.budget.0.saturating_mul(count).div_ceil(SHARES))
    }
}

#[cfg(test)]
mod tests {
    use picot_clock::mocks::{GENESIS_TIMESTAMP, slot_clock};

    use super::*;

    const SLOT: Slot = Slot::new(3, 1);
    /// Start of [`SLOT`] with 4 threads and periods of 2 s.
    const START: Timestamp = Timestamp(GENESIS_TIMESTAMP.0 + 6_500);

    fn schedule(now: Timestamp) -> Option<Schedule> {
        Schedule::new(SLOT, now, &slot_clock(4, Millis(2_000)), Millis(240))
    }

    #[test]
    fn a_block_is_ready_at_the_production_deadline_after_the_start_of_its_slot() {
        for elapsed in [0, 1, 100, 239] {
            let schedule = schedule(Timestamp(START.0 + elapsed)).unwrap();
            assert_eq!(schedule.ready_by(), Timestamp(START.0 + 240), "{elapsed}");
            assert_eq!(schedule.slot_end(), Timestamp(START.0 + 500));
        }
    }

    #[test]
    fn a_slot_is_late_from_the_production_deadline_on() {
        assert_eq!(schedule(Timestamp(START.0 + 240)), None);
        assert_eq!(schedule(Timestamp::MAX), None);
    }

    #[test]
    fn the_parts_have_their_shares_one_after_the_other() {
        let schedule = schedule(START).unwrap();
        let times = [
            schedule.parents_by(),
            schedule.operations_by(),
            schedule.denunciations_by(),
        ];
        assert_eq!(times.map(|time| time.0 - START.0), [120, 180, 210]);
    }

    #[test]
    fn a_short_question_has_one_share_but_takes_no_time_from_later_parts() {
        let schedule = schedule(START).unwrap();
        assert_eq!(schedule.one_share_from(START).0 - START.0, 30);
        assert_eq!(
            schedule.one_share_from(Timestamp(START.0 + 170)),
            schedule.operations_by()
        );
        assert_eq!(
            schedule.one_share_from(Timestamp::MAX),
            schedule.operations_by()
        );
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_lengthen_the_waits() {
        let now = Timestamp(START.0 - 3_600_000);
        let schedule = schedule(now).unwrap();
        assert_eq!(schedule.ready_by(), Timestamp(now.0 + 240));
        assert_eq!(schedule.slot_end(), Timestamp(now.0 + 500));
    }
}
