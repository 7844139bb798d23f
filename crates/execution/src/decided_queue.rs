//! Decided things that wait until it is their slot's turn.

use crate::{DecidedSlots, ExecutionError};
use picot_clock::Slot;
use picot_models::Block;
use std::collections::VecDeque;

/// Decided things by thread, each thread without gaps from the last final slot on. Threads run
/// ahead of each other; what is taken out is in slot order.
#[derive(Debug)]
pub(crate) struct DecidedQueue {
    threads: Vec<ThreadQueue>,
}

#[derive(Debug)]
struct ThreadQueue {
    /// The first period that was not handed over yet.
    next_period: u64,
    waiting: VecDeque<DecidedSlots>,
}

impl DecidedQueue {
    /// Nothing waits, and all slots up to `last_final_slot` are known.
    pub(crate) fn new(thread_count: u8, last_final_slot: Slot) -> Self {
        let next_period = |thread: u8| {
            let done = u64::from(thread <= last_final_slot.thread);
            last_final_slot.period.saturating_add(done)
        };
        let threads = (0..thread_count).map(|thread| ThreadQueue {
            next_period: next_period(thread),
            waiting: VecDeque::new(),
        });
        Self {
            threads: threads.collect(),
        }
    }

    /// A miss before `next_period` is known of the thread, as far as it is not final yet: the state
    /// may be that of a slot inside of it.
    pub(crate) fn miss_until(
        &mut self,
        thread: u8,
        next_period: u64,
    ) -> Result<(), ExecutionError> {
        let first = self.threads.get(usize::from(thread));
        match first.map(|queue| queue.next_period) {
            Some(first) if first < next_period => {
                let last = next_period.saturating_sub(1);
                self.push(DecidedSlots::miss(Slot::new(first, thread), last))
            }
            _ => Ok(()),
        }
    }

    /// Adds one decided thing. What is known already is passed over.
    pub(crate) fn push(&mut self, decided: DecidedSlots) -> Result<(), ExecutionError> {
        let slot = decided.slot;
        let thread_count = u8::try_from(self.threads.len()).unwrap_or(u8::MAX);
        slot.check_thread(thread_count)?;
        let is_sound = match &decided.block {
            Some(block) => block.slot() == slot && decided.through == slot.period,
            None => decided.through >= slot.period,
        };
        let Some(queue) = self.threads.get_mut(usize::from(slot.thread)) else {
            return Err(ExecutionError::WrongSlot { slot });
        };
        if !is_sound {
            return Err(ExecutionError::WrongSlot { slot });
        }
        if decided.through < queue.next_period {
            return Ok(());
        }
        if slot.period > queue.next_period {
            return Err(ExecutionError::OutOfOrder {
                thread: slot.thread,
                period: slot.period,
                expected: queue.next_period,
            });
        }
        queue.next_period = decided.through.saturating_add(1);
        queue.waiting.push_back(decided);
        Ok(())
    }

    /// Takes out what was decided at a slot, whose turn it is: a block, a miss, or nothing yet.
    pub(crate) fn take(&mut self, slot: Slot) -> Option<Option<Block>> {
        let queue = self.threads.get_mut(usize::from(slot.thread))?;
        while let Some(first) = queue.waiting.front()
            && first.through < slot.period
        {
            queue.waiting.pop_front();
        }
        let first = queue.waiting.front()?;
        if first.slot.period > slot.period {
            return None;
        }
        if first.through > slot.period {
            // A miss that reaches further stays for the slots to come.
            return Some(None);
        }
        queue.waiting.pop_front().map(|decided| decided.block)
    }

    /// What was decided at a slot, if it waits here.
    pub(crate) fn get(&self, slot: Slot) -> Option<Option<&Block>> {
        let waiting = &self.threads.get(usize::from(slot.thread))?.waiting;
        let index = waiting.partition_point(|decided| decided.through < slot.period);
        let decided = waiting.get(index)?;
        (decided.slot.period <= slot.period).then_some(decided.block.as_ref())
    }

    /// The last period that is settled together with a slot, if that waits here.
    pub(crate) fn through(&self, slot: Slot) -> Option<u64> {
        let waiting = &self.threads.get(usize::from(slot.thread))?.waiting;
        let index = waiting.partition_point(|decided| decided.through < slot.period);
        waiting.get(index).map(|decided| decided.through)
    }

    /// The last slot of a waiting block.
    pub(crate) fn last_block_slot(&self) -> Option<Slot> {
        let last = |queue: &ThreadQueue| {
            let mut newest_first = queue.waiting.iter().rev();
            newest_first.find_map(|decided| Some(decided.block.as_ref()?.slot()))
        };
        self.threads.iter().filter_map(last).max()
    }

    /// The number of things that wait.
    pub(crate) fn len(&self) -> usize {
        let lens = self.threads.iter().map(|queue| queue.waiting.len());
        lens.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::mocks;

    fn miss(period: u64, thread: u8, through: u64) -> DecidedSlots {
        DecidedSlots::miss(Slot::new(period, thread), through)
    }

    fn block(period: u64, thread: u8) -> DecidedSlots {
        let slot = Slot::new(period, thread);
        let chain_id = mocks::chain_id(1);
        DecidedSlots::block(mocks::block(
            &mocks::key(1),
            slot,
            vec![],
            vec![],
            &chain_id,
        ))
    }

    #[test]
    fn threads_are_joined_in_slot_order_whatever_the_order_of_arrival() {
        let mut queue = DecidedQueue::new(2, Slot::new(0, 1));
        for decided in [block(1, 1), miss(2, 1, 3), block(1, 0), block(2, 0)] {
            queue.push(decided).unwrap();
        }
        let mut slot = Slot::new(1, 0);
        let mut taken = Vec::new();
        while let Some(decided) = queue.take(slot) {
            taken.push(decided.map(|block| block.slot()));
            slot = slot.next(2).unwrap();
        }
        let blocks = [(1, 0), (1, 1), (2, 0)].map(|(period, thread)| Slot::new(period, thread));
        assert_eq!(
            taken,
            [Some(blocks[0]), Some(blocks[1]), Some(blocks[2]), None]
        );
        assert_eq!(
            slot,
            Slot::new(3, 0),
            "thread 0 has nothing for period 3 yet"
        );
    }

    #[test]
    fn a_miss_of_many_periods_is_each_of_its_slots() {
        let mut queue = DecidedQueue::new(1, Slot::new(0, 0));
        queue.push(miss(1, 0, 3)).unwrap();
        queue.push(block(4, 0)).unwrap();
        for period in 1..=3 {
            assert_eq!(queue.get(Slot::new(period, 0)), Some(None));
            assert_eq!(queue.take(Slot::new(period, 0)), Some(None));
        }
        assert!(queue.take(Slot::new(4, 0)).unwrap().is_some());
        assert_eq!(queue.take(Slot::new(5, 0)), None);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn what_is_known_already_is_passed_over_even_in_part() {
        let mut queue = DecidedQueue::new(1, Slot::new(5, 0));
        queue.push(block(5, 0)).unwrap();
        queue.push(miss(4, 0, 8)).unwrap();
        assert_eq!(queue.len(), 1);
        queue.push(miss(6, 0, 7)).unwrap();
        queue.push(block(9, 0)).unwrap();
        queue.push(block(9, 0)).unwrap();
        assert_eq!(queue.take(Slot::new(6, 0)), Some(None));
        assert_eq!(queue.last_block_slot(), Some(Slot::new(9, 0)));
    }

    #[test]
    fn a_gap_and_a_wrong_slot_are_errors() {
        let mut queue = DecidedQueue::new(2, Slot::new(5, 0));
        let gap = queue.push(block(7, 0)).unwrap_err();
        assert!(
            matches!(gap, ExecutionError::OutOfOrder { expected: 6, .. }),
            "{gap}"
        );
        queue.push(block(5, 1)).unwrap();
        assert!(queue.push(miss(6, 2, 6)).is_err(), "no such thread");
        assert!(
            queue.push(miss(6, 0, 5)).is_err(),
            "it ends before it begins"
        );
        let mut wrong = block(6, 0);
        wrong.slot = Slot::new(6, 1);
        assert!(queue.push(wrong).is_err(), "a block of another slot");
    }
}
