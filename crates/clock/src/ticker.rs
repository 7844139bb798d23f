//! Slots as they come, for one thread.

use std::sync::Arc;

use crate::{
    Clock, ClockError, Due, Millis, Slot, SlotClock, Stop, Tick, TickSequence, Wait,
    wait::{Poll, wait_for, wait_until},
};

/// Yields the tick of each slot, in order, to the one thread that owns it: design 03, ticker.
///
/// As an iterator it blocks for the next tick, and ends when stopped or, in theory, at the end of
/// time. The block factory takes ticks at the start of slots (offset zero), the endorsement factory
/// `t0/2` later ([`SlotClock::endorsement_offset`]).
///
/// - A slot is yielded once at most, also when the wall clock steps back.
/// - When ticks were missed, only the latest is yielded; the others are in its
///   [`skipped`](Tick::skipped).
/// - Nothing is kept over a restart: a new ticker starts from the time of its making, or from the
///   slot that it is given.
#[derive(Clone)]
pub struct Ticker {
    clock: Arc<dyn Clock>,
    stop: Stop,
    sequence: TickSequence,
}

impl Ticker {
    /// A ticker from now on, with ticks `offset` after the start of their slots.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, slot_clock: SlotClock, offset: Millis, stop: Stop) -> Self {
        let sequence = TickSequence::from_time(slot_clock, offset, clock.now());
        Self {
            clock,
            stop,
            sequence,
        }
    }

    /// The same ticker, but starting with the tick of `first`: if it has passed already, it and the
    /// following ones that have will be reported as skipped.
    ///
    /// # Errors
    /// [`ClockError::ThreadOutOfRange`].
    pub fn starting_at(self, first: Slot) -> Result<Self, ClockError> {
        let Self {
            clock,
            stop,
            sequence,
        } = self;
        let sequence = TickSequence::from_slot(*sequence.slot_clock(), sequence.offset(), first)?;
        Ok(Self {
            clock,
            stop,
            sequence,
        })
    }

    /// Blocks until the tick of `slot` has come; at once if it has passed.
    ///
    /// This does not touch the sequence of yielded ticks.
    ///
    /// # Errors
    /// [`ClockError::ThreadOutOfRange`], [`ClockError::SlotOutOfTime`].
    pub fn wait(&self, slot: Slot) -> Result<Wait, ClockError> {
        let tick_time = self
            .sequence
            .slot_clock()
            .tick_of(slot, self.sequence.offset())?;
        Ok(wait_until(self.clock.as_ref(), &self.stop, tick_time))
    }
}

impl Iterator for Ticker {
    type Item = Tick;

    fn next(&mut self) -> Option<Tick> {
        let Self {
            clock,
            stop,
            sequence,
        } = self;
        wait_for(clock.as_ref(), stop, |now| match sequence.due(now) {
            Due::Tick(tick) => Poll::Ready(Some(tick)),
            Due::After(left) => Poll::After(left),
            Due::Never => Poll::Ready(None),
        })
        .flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{Receiver, channel},
        thread::{self, JoinHandle},
    };

    use super::*;
    use crate::{
        ManualClock, SlotRange, Timestamp,
        mocks::{GENESIS_TIMESTAMP, slot_clock},
    };

    /// A thread that sends on what its ticker yields.
    struct World {
        clock: ManualClock,
        stop: Stop,
        ticks: Receiver<Tick>,
        consumer: JoinHandle<()>,
    }

    /// 4 threads, a slot every 500 ms, and a clock that stands at genesis.
    fn world() -> World {
        let clock = ManualClock::new(GENESIS_TIMESTAMP);
        let stop = Stop::new();
        let ticker = ticker(&clock, &stop);
        let (sender, ticks) = channel();
        let consumer = thread::spawn(move || {
            for tick in ticker {
                sender.send(tick).unwrap();
            }
        });
        World {
            clock,
            stop,
            ticks,
            consumer,
        }
    }

    fn ticker(clock: &ManualClock, stop: &Stop) -> Ticker {
        let clock = Arc::new(clock.clone());
        Ticker::new(
            clock,
            slot_clock(4, Millis(2_000)),
            Millis::ZERO,
            stop.clone(),
        )
    }

    #[test]
    fn a_consumer_gets_each_slot_when_the_clock_comes_to_it() {
        let World {
            clock,
            stop,
            ticks,
            consumer,
        } = world();
        for expected in SlotRange::new(Slot::GENESIS, Slot::new(3, 0), 4).unwrap() {
            assert_eq!(
                ticks.recv().unwrap(),
                Tick {
                    slot: expected,
                    skipped: None
                }
            );
            clock.advance(Millis(500)).unwrap();
        }
        stop.stop();
        consumer.join().unwrap();
    }

    #[test]
    fn a_suspension_gives_the_latest_slot_and_the_skipped_ones_as_a_range() {
        let World {
            clock,
            stop,
            ticks,
            consumer,
        } = world();
        assert_eq!(ticks.recv().unwrap().slot, Slot::GENESIS);
        clock.advance(Millis(86_400_000)).unwrap();
        let tick = ticks.recv().unwrap();
        assert_eq!(tick.slot, Slot::new(43_200, 0));
        assert_eq!(tick.skipped.unwrap().count_slots(), Ok(4 * 43_200 - 1));
        stop.stop();
        consumer.join().unwrap();
        assert!(ticks.recv().is_err(), "nothing was replayed");
    }

    #[test]
    fn a_step_back_yields_nothing_twice() {
        let World {
            clock,
            stop,
            ticks,
            consumer,
        } = world();
        assert_eq!(ticks.recv().unwrap().slot, Slot::GENESIS);
        clock.set(Timestamp(0));
        clock.set(GENESIS_TIMESTAMP);
        clock.advance(Millis(500)).unwrap();
        assert_eq!(
            ticks.recv().unwrap(),
            Tick {
                slot: Slot::new(0, 1),
                skipped: None
            }
        );
        stop.stop();
        consumer.join().unwrap();
    }

    #[test]
    fn one_stop_ends_many_tickers_before_genesis_and_after() {
        let stop = Stop::new();
        let tickers: Vec<_> = [Timestamp(0), GENESIS_TIMESTAMP]
            .map(|now| ticker(&ManualClock::new(now), &stop))
            .map(|ticker| thread::spawn(move || ticker.count()))
            .into();
        stop.stop();
        assert!(
            tickers
                .into_iter()
                .all(|ticker| ticker.join().unwrap() <= 1)
        );
    }

    #[test]
    fn waiting_for_a_slot_ends_when_it_starts_and_at_once_if_it_has() {
        let clock = ManualClock::new(GENESIS_TIMESTAMP);
        let ticker = ticker(&clock, &Stop::new());
        assert_eq!(ticker.wait(Slot::GENESIS), Ok(Wait::Reached));
        thread::scope(|scope| {
            let waiter = scope.spawn(|| (ticker.wait(Slot::new(1, 0)), clock.now()));
            clock.advance(Millis(1_999)).unwrap();
            let start = clock.advance(Millis(1)).unwrap();
            assert_eq!(waiter.join().unwrap(), (Ok(Wait::Reached), start));
        });
    }

    #[test]
    fn waiting_for_a_slot_that_never_comes_is_an_error() {
        let ticker = ticker(&ManualClock::default(), &Stop::new());
        let slot = Slot::new(u64::MAX, 0);
        assert_eq!(ticker.wait(slot), Err(ClockError::SlotOutOfTime { slot }));
        let slot = Slot::new(0, 4);
        assert_eq!(
            ticker.wait(slot),
            Err(ClockError::ThreadOutOfRange {
                slot,
                thread_count: 4
            })
        );
    }

    #[test]
    fn a_ticker_that_starts_at_a_given_slot_reports_what_passed_since() {
        let clock = ManualClock::new(GENESIS_TIMESTAMP.checked_add(Millis(2_600)).unwrap());
        let mut ticker = ticker(&clock, &Stop::new())
            .starting_at(Slot::new(0, 3))
            .unwrap();
        let skipped = SlotRange::new(Slot::new(0, 3), Slot::new(1, 1), 4).ok();
        assert_eq!(
            ticker.next(),
            Some(Tick {
                slot: Slot::new(1, 1),
                skipped
            })
        );
    }

    #[test]
    fn ticks_end_at_the_end_of_time() {
        let clock = ManualClock::new(Timestamp::MAX);
        let last = slot_clock(4, Millis(2_000))
            .latest_slot_at(Timestamp::MAX)
            .unwrap();
        let mut ticker = ticker(&clock, &Stop::new()).starting_at(last).unwrap();
        assert_eq!(ticker.next().map(|tick| tick.slot), Some(last));
        assert_eq!(ticker.next(), None);
    }

    /// The one test on real time: two slots of 1 ms on the system's clock.
    #[test]
    fn a_ticker_runs_on_the_system_clock() {
        let clock = crate::SystemClock;
        let slot_clock = SlotClock::new(clock.now(), Millis(1), 1).unwrap();
        let slots: Vec<_> = Ticker::new(Arc::new(clock), slot_clock, Millis::ZERO, Stop::new())
            .take(3)
            .map(|tick| tick.slot)
            .collect();
        assert!(slots.is_sorted_by(|earlier, later| earlier < later));
    }
}
