//! The latest of what happened, for any number of readers, bounded by number and by size.
//!
//! Everything has a number that grows by one, and a reader is the number of what it is told next. So a
//! slow one holds nothing but its place, and is held up by nobody else: what has left before it came
//! there is missed, and told as such.

use parking_lot::Mutex;
use picot_models::Slot;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::watch;

/// Results of operations that are kept, at most: 30 MB, and the reasons of those that failed. A full
/// block of the largest chain has some 7,000.
pub(crate) const MAX_OPERATIONS: usize = 1 << 19;

/// What can be kept.
pub(crate) trait Thing {
    /// The slot that it is about.
    fn slot(&self) -> Slot;

    /// The results of operations that it holds.
    fn operations(&self) -> usize;
}

/// Where a reader goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// With what happens from now on.
    Now,
    /// With what happened in this slot or later ones.
    Slot(Slot),
    /// After what has this number.
    After(u64),
}

/// What a reader is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told<T> {
    /// What happened, with its number.
    Thing(u64, Arc<T>),
    /// That it was not told some of what happened: how much, if that can be told, and the slot of what
    /// follows.
    Missed(Option<u64>, Option<Slot>),
}

/// Where a reader is.
pub(crate) struct Place {
    next: u64,
    /// What is about earlier slots is passed over, of what was there when the reader came: all before
    /// this number.
    first_slot: Option<(Slot, u64)>,
    /// Whether it is to be told that it missed what nobody can count.
    has_missed: bool,
    newest: watch::Receiver<u64>,
}

impl Place {
    fn passes_over(&self, number: u64, slot: Slot) -> bool {
        self.first_slot
            .is_some_and(|(first, until)| number < until && slot < first)
    }

    /// Whether it is told everything from here on.
    fn is_told_all(&self) -> bool {
        self.first_slot.is_none_or(|(_, until)| self.next >= until)
    }
}

struct History<T> {
    things: VecDeque<Arc<T>>,
    operations: usize,
    /// The number of the first thing of this run.
    run: u64,
    /// The number of the oldest thing that is kept, or of the next one.
    first: u64,
    /// The latest slot of which something is not kept: not everything is told in the order of slots.
    forgotten: Option<Slot>,
}

impl<T: Thing> History<T> {
    /// The number of what happens next.
    fn end(&self) -> u64 {
        let kept = u64::try_from(self.things.len()).unwrap_or(u64::MAX);
        self.first.saturating_add(kept)
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.things.pop_front() else {
            return;
        };
        self.first = self.first.saturating_add(1);
        self.operations = self.operations.saturating_sub(oldest.operations());
        self.forgotten = self.forgotten.max(Some(oldest.slot()));
    }

    /// What a reader is told next, of what is kept.
    fn next_of(&self, place: &Place) -> Option<(u64, &Arc<T>)> {
        let index = place.next.saturating_sub(self.first);
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let numbers = place.next.max(self.first)..;
        let mut rest = numbers.zip(self.things.iter().skip(index));
        rest.find(|(number, thing)| !place.passes_over(*number, thing.slot()))
    }
}

/// What is kept.
pub(crate) struct Kept<T> {
    history: Mutex<History<T>>,
    max_things: usize,
    max_operations: usize,
    newest: watch::Sender<u64>,
}

impl<T: Thing> Kept<T> {
    /// Begins with the number `first`. Of slots up to `forgotten` something may have happened before.
    pub(crate) fn new(
        max_things: usize,
        max_operations: usize,
        first: u64,
        forgotten: Option<Slot>,
    ) -> Self {
        Self {
            history: Mutex::new(History {
                things: VecDeque::new(),
                operations: 0,
                run: first,
                first,
                forgotten,
            }),
            max_things,
            max_operations,
            newest: watch::Sender::new(first),
        }
    }

    /// Adds what happened. The newest is kept whatever its size.
    pub(crate) fn push(&self, thing: T) {
        let mut history = self.history.lock();
        history.operations = history.operations.saturating_add(thing.operations());
        history.things.push_back(Arc::new(thing));
        while history.things.len() > 1
            && (history.things.len() > self.max_things || history.operations > self.max_operations)
        {
            history.forget_oldest();
        }
        self.newest.send_replace(history.end());
    }

    /// A place for a reader.
    pub(crate) fn join(&self, from: From) -> Place {
        let newest = self.newest.subscribe();
        let history = self.history.lock();
        let end = history.end();
        let (next, first_slot, has_missed) = match from {
            From::Now => (end, None, false),
            From::Slot(slot) => {
                let has_missed = history.forgotten.is_some_and(|latest| latest >= slot);
                (history.first, Some((slot, end)), has_missed)
            }
            From::After(number) if number < end => (number.saturating_add(1), None, false),
            // What did not happen yet was told by another run, by another clock.
            From::After(_) => (history.first, None, true),
        };
        Place {
            next,
            first_slot,
            has_missed,
            newest,
        }
    }

    /// What a reader is told next, once there is something.
    pub(crate) async fn next(&self, place: &mut Place) -> Option<Told<T>> {
        loop {
            if let Some(told) = self.look(place) {
                return Some(told);
            }
            place.newest.changed().await.ok()?;
        }
    }

    fn look(&self, place: &mut Place) -> Option<Told<T>> {
        let history = self.history.lock();
        let missed = history.first.saturating_sub(place.next);
        if place.has_missed || missed > 0 {
            let is_countable =
                !place.has_missed && place.next >= history.run && place.is_told_all();
            place.has_missed = false;
            place.next = place.next.max(history.first);
            let next = history.next_of(place).map(|(_, thing)| thing.slot());
            return Some(Told::Missed(is_countable.then_some(missed), next));
        }
        let Some((number, thing)) = history.next_of(place) else {
            place.next = history.end();
            return None;
        };
        let thing = Arc::clone(thing);
        place.next = number.saturating_add(1);
        Some(Told::Thing(number, thing))
    }

    /// All that a reader can be told now.
    #[cfg(test)]
    pub(crate) fn all(&self, place: &mut Place) -> Vec<Told<T>> {
        std::iter::from_fn(|| self.look(place)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::OperationResult;
    use picot_models::OperationId;

    const FIRST: u64 = 1_000;

    /// Something about a slot, with so many operations.
    #[derive(Debug, PartialEq, Eq)]
    struct About(Slot, usize);

    impl Thing for About {
        fn slot(&self) -> Slot {
            self.0
        }

        fn operations(&self) -> usize {
            self.1
        }
    }

    fn slot(period: u64) -> Slot {
        Slot::new(period, 0)
    }

    fn kept(max_things: usize, periods: u64) -> Kept<About> {
        let kept = Kept::new(max_things, 100, FIRST, None);
        (1..=periods).for_each(|period| kept.push(About(slot(period), 0)));
        kept
    }

    /// The periods of what a reader is told, after what it missed.
    fn told(kept: &Kept<About>, place: &mut Place) -> (Vec<u64>, Option<Option<u64>>) {
        let (mut periods, mut missed) = (Vec::new(), None);
        for told in kept.all(place) {
            match told {
                Told::Thing(_, about) => periods.push(about.0.period),
                Told::Missed(count, next) => {
                    assert!(missed.is_none() && periods.is_empty(), "told too late");
                    missed = Some((count, next));
                }
            }
        }
        if let Some((_, next)) = missed {
            assert_eq!(next.map(|next| next.period), periods.first().copied());
        }
        (periods, missed.map(|(count, _)| count))
    }

    fn joined(kept: &Kept<About>, from: From) -> (Vec<u64>, Option<Option<u64>>) {
        told(kept, &mut kept.join(from))
    }

    #[test]
    fn a_reader_goes_on_after_what_it_had_last() {
        let kept = kept(10, 5);
        let mut place = kept.join(From::After(FIRST + 2));
        kept.push(About(slot(6), 0));
        assert_eq!(told(&kept, &mut place), (vec![4, 5, 6], None));
        assert_eq!(told(&kept, &mut place), (vec![], None), "each once");
        assert_eq!(joined(&kept, From::After(FIRST + 5)), (vec![], None));
        assert_eq!(joined(&kept, From::Now), (vec![], None));
    }

    #[test]
    fn a_reader_that_was_away_too_long_is_told_how_much_it_missed() {
        let kept = kept(3, 8);
        let missed = joined(&kept, From::After(FIRST + 1));
        assert_eq!(missed, (vec![6, 7, 8], Some(Some(3))));
    }

    #[test]
    fn a_reader_that_is_too_slow_is_told_how_much_it_missed() {
        let kept = kept(3, 1);
        let mut place = kept.join(From::Now);
        (2..=8).for_each(|period| kept.push(About(slot(period), 0)));
        assert_eq!(told(&kept, &mut place), (vec![6, 7, 8], Some(Some(4))));
    }

    #[test]
    fn a_reader_of_another_run_missed_what_nobody_can_count() {
        let kept = kept(10, 2);
        for number in [FIRST - 500, FIRST + 2, u64::MAX] {
            let missed = joined(&kept, From::After(number));
            assert_eq!(missed, (vec![1, 2], Some(None)), "{number}");
        }
    }

    #[test]
    fn a_reader_that_begins_with_a_slot_gets_what_is_kept_of_it_and_of_later_ones() {
        let kept = kept(10, 5);
        assert_eq!(joined(&kept, From::Slot(slot(4))), (vec![4, 5], None));
        let mut later = kept.join(From::Slot(slot(9)));
        kept.push(About(slot(6), 0));
        assert_eq!(told(&kept, &mut later), (vec![6], None), "it follows");
    }

    #[test]
    fn what_was_forgotten_is_told_by_the_latest_slot_of_it() {
        let kept = Kept::new(2, 100, FIRST, Some(slot(3)));
        assert_eq!(joined(&kept, From::Slot(slot(3))).1, Some(None));
        assert_eq!(joined(&kept, From::Slot(slot(4))).1, None);
        // The oldest that is kept is about slot 4, but something about 9 has left before it.
        for period in [9, 4, 5] {
            kept.push(About(slot(period), 0));
        }
        assert_eq!(joined(&kept, From::Slot(slot(9))).1, Some(None));
        assert_eq!(joined(&kept, From::Slot(slot(5))), (vec![5], Some(None)));
        assert_eq!(joined(&kept, From::Slot(slot(10))), (vec![], None));
    }

    #[test]
    fn what_is_kept_is_bounded_by_its_operations_but_for_the_newest() {
        let kept = kept(10, 2);
        kept.push(About(slot(3), 60));
        kept.push(About(slot(4), 40));
        let all = From::Slot(slot(0));
        assert_eq!(joined(&kept, all).0, [1, 2, 3, 4]);
        kept.push(About(slot(5), 1));
        assert_eq!(joined(&kept, all), (vec![4, 5], Some(None)));
        kept.push(About(slot(6), 1_000));
        assert_eq!(joined(&kept, all).0, [6]);
        kept.push(About(slot(7), 100));
        assert_eq!(joined(&kept, all).0, [7]);
    }

    #[test]
    fn the_operations_that_are_kept_take_as_many_bytes_as_is_said() {
        let bytes = size_of::<(OperationId, OperationResult)>() * MAX_OPERATIONS;
        assert!(bytes <= 30_000_000, "{bytes}");
    }
}
