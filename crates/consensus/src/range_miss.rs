//! Misses that settle many periods at once (design 07, 'Values and messages').

use picot_clock::{Millis, SlotClock, Timestamp};
use picot_models::{ChainParams, Slot, Value};

/// Whether a slot that opens now opens more than `t0` late.
#[must_use]
pub fn opens_late(clock: &SlotClock, slot: Slot, now: Timestamp) -> bool {
    is_older_than_a_period(clock, slot, now)
        && clock
            .start_of(slot)
            .ok()
            .and_then(|start| now.since(start))
            .is_some_and(|late| late > clock.t0())
}

/// The miss that an honest chooser or coordinator names: of the slot alone, or, if it opened `late`,
/// through the last period of its cycle that is older than the clock by at least `t0`.
#[must_use]
pub fn miss(
    clock: &SlotClock,
    params: &ChainParams,
    slot: Slot,
    late: bool,
    now: Timestamp,
) -> Value {
    let own = Value::Miss {
        through: slot.period,
    };
    if !late {
        return own;
    }
    let Some(last_of_cycle) = last_period_of_cycle(params, slot) else {
        return own;
    };
    let Some(latest) = now
        .checked_sub(clock.t0())
        .and_then(|time| clock.latest_slot_of_thread_at(slot.thread, time).ok())
        .flatten()
    else {
        return own;
    };
    Value::Miss {
        through: latest.period.min(last_of_cycle).max(slot.period),
    }
}

/// Whether a value can be one of the slot at all: a miss reaches no further than its cycle.
#[must_use]
pub fn is_within_cycle(params: &ChainParams, slot: Slot, value: &Value) -> bool {
    match value {
        Value::Block { .. } => true,
        Value::Miss { through } => {
            *through >= slot.period
                && last_period_of_cycle(params, slot).is_some_and(|last| *through <= last)
        }
    }
}

/// Whether a proposed miss may be voted for: of the slot alone always, of later periods once they
/// are older than the clock by at least `t0`, leaving the proposer's clock its `drift`.
#[must_use]
pub fn may_vote(
    clock: &SlotClock,
    slot: Slot,
    through: u64,
    now: Timestamp,
    drift: Millis,
) -> bool {
    through == slot.period
        || is_older_than_a_period(
            clock,
            Slot::new(through, slot.thread),
            now.checked_add(drift).unwrap_or(Timestamp::MAX),
        )
}

fn is_older_than_a_period(clock: &SlotClock, slot: Slot, now: Timestamp) -> bool {
    clock
        .start_of(slot)
        .ok()
        .and_then(|start| now.since(start))
        .is_some_and(|age| age >= clock.t0())
}

fn last_period_of_cycle(params: &ChainParams, slot: Slot) -> Option<u64> {
    let cycle = slot.cycle(params.periods_per_cycle).ok()?;
    cycle
        .checked_add(1)?
        .checked_mul(params.periods_per_cycle)?
        .checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> (SlotClock, ChainParams) {
        let params = ChainParams::dev();
        let clock = params.slot_clock(Timestamp(1_000_000)).unwrap();
        (clock, params)
    }

    fn at(clock: &SlotClock, period: u64, thread: u8, plus: u64) -> Timestamp {
        let start = clock.start_of(Slot::new(period, thread)).unwrap();
        start.checked_add(Millis(plus)).unwrap()
    }

    #[test]
    fn a_slot_that_opens_on_time_is_missed_alone() {
        let (clock, params) = world();
        let slot = Slot::new(5, 1);
        assert!(!opens_late(&clock, slot, at(&clock, 5, 1, 2_000)));
        assert!(opens_late(&clock, slot, at(&clock, 5, 1, 2_001)));
        let later = at(&clock, 12, 0, 0);
        assert_eq!(
            miss(&clock, &params, slot, false, later),
            Value::Miss { through: 5 }
        );
    }

    #[test]
    fn a_range_miss_reaches_to_one_period_before_the_clock_and_never_past_the_cycle() {
        let (clock, params) = world();
        let slot = Slot::new(5, 1);
        let now = at(&clock, 12, 1, 0);
        assert_eq!(
            miss(&clock, &params, slot, true, now),
            Value::Miss { through: 11 }
        );
        let just_before = at(&clock, 11, 1, 1_999);
        assert_eq!(
            miss(&clock, &params, slot, true, just_before),
            Value::Miss { through: 10 }
        );
        let next_day = at(&clock, 50_000, 0, 0);
        assert_eq!(
            miss(&clock, &params, slot, true, next_day),
            Value::Miss { through: 15 }
        );
    }

    #[test]
    fn a_miss_past_the_cycle_or_before_the_slot_is_no_value() {
        let (_, params) = world();
        let slot = Slot::new(5, 1);
        let within = |through| is_within_cycle(&params, slot, &Value::Miss { through });
        assert!(within(5) && within(15));
        assert!(!within(4) && !within(16) && !within(u64::MAX));
    }

    #[test]
    fn a_proposed_range_is_voted_for_only_once_it_is_old_enough() {
        let (clock, _) = world();
        let slot = Slot::new(5, 1);
        let now = at(&clock, 9, 1, 0);
        let drift = Millis(50);
        assert!(
            may_vote(&clock, slot, 5, Timestamp(0), drift),
            "its own period always"
        );
        assert!(may_vote(&clock, slot, 8, now, drift));
        assert!(!may_vote(&clock, slot, 9, now, drift));
        assert!(may_vote(&clock, slot, 9, at(&clock, 9, 1, 1_950), drift));
    }
}
