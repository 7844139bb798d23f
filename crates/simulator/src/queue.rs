//! What is to happen, in order of time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Something that is to happen at a time.
#[derive(Debug)]
struct Entry<E> {
    at_us: u64,
    number: u64,
    event: E,
}

impl<E> Entry<E> {
    /// Of two events at one time the one that was scheduled first comes first.
    const fn key(&self) -> (u64, u64) {
        (self.at_us, self.number)
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
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
        other.key().cmp(&self.key())
    }
}

/// Events by time, and at one time in the order in which they were scheduled.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    heap: BinaryHeap<Entry<E>>,
    numbers: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            numbers: 0,
        }
    }
}

impl<E> Queue<E> {
    /// Schedules an event.
    pub(crate) fn push(&mut self, at_us: u64, event: E) {
        self.numbers += 1;
        self.heap.push(Entry {
            at_us,
            number: self.numbers,
            event,
        });
    }

    /// The next event and its time.
    pub(crate) fn pop(&mut self) -> Option<(u64, E)> {
        let entry = self.heap.pop()?;
        Some((entry.at_us, entry.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn events_come_by_time_and_at_one_time_as_they_were_scheduled() {
        let mut random = Random::new(1, "queue");
        let (mut queue, mut expected) = (Queue::default(), Vec::new());
        for number in 0..1_000 {
            let at_us = random.below(50);
            queue.push(at_us, number);
            expected.push((at_us, number));
        }
        expected.sort_unstable();
        let popped: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(popped, expected);
    }
}
