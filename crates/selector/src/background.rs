//! The thread that prepares cycles.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use picot_clock::{Slot, SlotRange};
use picot_models::{Address, Hash, ValidatorSet};

use crate::{
    AddressDraw, Config, Selector, SelectorError, SlotDraws, StakeSelector, cycle_draws::Feed,
};

/// A [`StakeSelector`] whose cycles are prepared on a thread of its own: `feed_cycle` checks what
/// it is given and returns.
///
/// The thread ends when this is dropped, after the table that it is building.
#[derive(Debug)]
pub struct BackgroundSelector {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    selector: StakeSelector,
    queue: Mutex<Queue>,
    /// A cycle came into the queue, or became ready, or all is over.
    changed: Condvar,
}

/// What is to be prepared: never longer than the cycles that are kept, plus those that were pruned
/// while they waited.
#[derive(Debug, Default)]
struct Queue {
    feeds: VecDeque<Arc<Feed>>,
    is_stopped: bool,
}

impl BackgroundSelector {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`SelectorError::Config`], [`SelectorError::Thread`].
    pub fn new(config: Config) -> Result<Self, SelectorError> {
        let shared = Arc::new(Shared {
            selector: StakeSelector::new(config)?,
            queue: Mutex::default(),
            changed: Condvar::new(),
        });
        let thread = thread::Builder::new()
            .name("selector".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.prepare_until_stopped()
            })
            .map_err(|error| SelectorError::Thread(error.kind()))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Blocks until the draws of a cycle are there: for an orderly start, and for tests.
    ///
    /// # Errors
    /// [`SelectorError::NotReady`] after `timeout`, [`SelectorError::Pruned`] at once.
    pub fn wait_ready(&self, cycle: u64, timeout: Duration) -> Result<(), SelectorError> {
        let is_waiting = |_: &mut Queue| {
            let state = self.shared.selector.cycle(cycle);
            state.is_err_and(|error| error.is_not_known_yet())
        };
        let mut queue = self.shared.queue.lock();
        self.shared
            .changed
            .wait_while_for(&mut queue, is_waiting, timeout);
        self.shared.selector.cycle(cycle).map(|_| ())
    }
}

impl Drop for BackgroundSelector {
    fn drop(&mut self) {
        self.shared.queue.lock().is_stopped = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked; and if it had, there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn prepare_until_stopped(&self) {
        while let Some(feed) = self.next_feed() {
            self.selector.prepare(&feed);
            // Under the lock, so that nobody goes to sleep between its look and this call.
            let _queue = self.queue.lock();
            self.changed.notify_all();
        }
    }

    fn next_feed(&self) -> Option<Arc<Feed>> {
        let mut queue = self.queue.lock();
        self.changed.wait_while(&mut queue, |queue| {
            queue.feeds.is_empty() && !queue.is_stopped
        });
        if queue.is_stopped {
            return None;
        }
        queue.feeds.pop_front()
    }
}

impl Selector for BackgroundSelector {
    fn draws(&self, slot: Slot) -> Result<Arc<SlotDraws>, SelectorError> {
        self.shared.selector.draws(slot)
    }

    fn producer_ranking(&self, slot: Slot, count: usize) -> Result<Vec<Address>, SelectorError> {
        self.shared.selector.producer_ranking(slot, count)
    }

    fn producer_rank(&self, slot: Slot, address: &Address) -> Result<Option<u32>, SelectorError> {
        self.shared.selector.producer_rank(slot, address)
    }

    fn feed_cycle(
        &self,
        cycle: u64,
        rolls: Arc<BTreeMap<Address, u64>>,
        seed: Hash,
    ) -> Result<(), SelectorError> {
        if let Some(feed) = self.shared.selector.accept(cycle, rolls, seed)? {
            self.shared.queue.lock().feeds.push_back(feed);
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    fn slots_of(
        &self,
        address: &Address,
        range: SlotRange,
    ) -> Result<Vec<AddressDraw>, SelectorError> {
        self.shared.selector.slots_of(address, range)
    }

    fn voting_power(&self, cycle: u64) -> Result<Arc<ValidatorSet>, SelectorError> {
        self.shared.selector.voting_power(cycle)
    }

    fn seed(&self, cycle: u64) -> Result<Hash, SelectorError> {
        self.shared.selector.seed(cycle)
    }

    fn ready_cycles(&self) -> Vec<u64> {
        self.shared.selector.ready_cycles()
    }

    fn coordinator(&self, slot: Slot, round: u32) -> Result<Address, SelectorError> {
        self.shared.selector.coordinator(slot, round)
    }
}
