//! What is to happen, in order of time.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

/// When it is an event's turn: of two events at one time the one that was scheduled first comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    /// The time.
    pub at_us: u64,
    /// How many were scheduled before, and itself.
    number: u64,
}

/// Something that is to happen at a time.
#[derive(Debug)]
struct Entry<E> {
    turn: Turn,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.turn == other.turn
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    /// The earliest is the greatest, which is what a heap gives first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.turn.cmp(&self.turn)
    }
}

/// The microseconds that events are kept together for.
const SPAN_US: u64 = 1_024;

/// Events by time, and at one time in the order in which they were scheduled.
///
/// Tens of thousands of messages are on their way at a time. Only those of the present millisecond
/// are in a heap, which stays small; the others wait in lists, one for each millisecond.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    /// The span of time that the heap is of: everything in `later` is of a later one.
    present: u64,
    heap: BinaryHeap<Entry<E>>,
    later: BTreeMap<u64, Vec<Entry<E>>>,
    numbers: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self {
            present: 0,
            heap: BinaryHeap::new(),
            later: BTreeMap::new(),
            numbers: 0,
        }
    }
}

impl<E> Queue<E> {
    /// Schedules an event.
    pub(crate) fn push(&mut self, at_us: u64, event: E) {
        self.numbers += 1;
        let number = self.numbers;
        let turn = Turn { at_us, number };
        let entry = Entry { turn, event };
        let span = at_us / SPAN_US;
        if span <= self.present {
            self.heap.push(entry);
        } else {
            self.later.entry(span).or_default().push(entry);
        }
    }

    /// The next event and its turn.
    pub(crate) fn peek(&mut self) -> Option<(Turn, &E)> {
        self.fill();
        let entry = self.heap.peek()?;
        Some((entry.turn, &entry.event))
    }

    /// Takes the next event, with its turn.
    pub(crate) fn pop(&mut self) -> Option<(Turn, E)> {
        self.fill();
        let entry = self.heap.pop()?;
        Some((entry.turn, entry.event))
    }

    fn fill(&mut self) {
        if self.heap.is_empty()
            && let Some((span, entries)) = self.later.pop_first()
        {
            self.present = span;
            self.heap = entries.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn events_come_by_time_and_at_one_time_as_they_were_scheduled() {
        let mut random = Random::new(1, "queue");
        let (mut queue, mut expected, mut popped) = (Queue::default(), Vec::new(), Vec::new());
        let mut now_us = 0;
        for number in 0..2_000 {
            let span_us = if random.chance(500_000) { 50 } else { 5_000 };
            let at_us = now_us + random.below(span_us);
            queue.push(at_us, number);
            expected.push((at_us, number));
            if random.chance(300_000) {
                let next = queue.peek().map(|(turn, event)| (turn, *event));
                assert_eq!(queue.pop(), next);
                let (turn, event) = next.unwrap();
                now_us = turn.at_us;
                popped.push((turn.at_us, event));
            }
        }
        let rest = std::iter::from_fn(|| queue.pop());
        popped.extend(rest.map(|(turn, event)| (turn.at_us, event)));
        expected.sort_unstable();
        assert_eq!(popped, expected);
    }
}
