//! The thread that prepares cycles.

use std::{
    collections::BTreeMap,
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

/// A [`StakeSelector`] whose cycles are prepared on a thread of its own, lowest first:
/// `feed_cycle` checks what it is given and returns.
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
    is_stopped: Mutex<bool>,
    /// A cycle was fed, or became ready, or all is over. Rung under the lock, so that nobody goes to
    /// sleep between a look and the ring.
    changed: Condvar,
}

impl BackgroundSelector {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`SelectorError::Config`], [`SelectorError::Thread`].
    pub fn new(config: Config) -> Result<Self, SelectorError> {
        let shared = Arc::new(Shared {
            selector: StakeSelector::new(config)?,
            is_stopped: Mutex::default(),
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
        let is_waiting = |_: &mut bool| {
            let state = self.shared.selector.cycle(cycle);
            state.is_err_and(|error| error.is_not_known_yet())
        };
        let mut guard = self.shared.is_stopped.lock();
        self.shared
            .changed
            .wait_while_for(&mut guard, is_waiting, timeout);
        drop(guard);
        self.shared.selector.cycle(cycle).map(|_| ())
    }
}

impl Drop for BackgroundSelector {
    fn drop(&mut self) {
        *self.shared.is_stopped.lock() = true;
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
            self.ring();
        }
    }

    fn next_feed(&self) -> Option<Arc<Feed>> {
        let mut is_stopped = self.is_stopped.lock();
        loop {
            if *is_stopped {
                return None;
            }
            if let Some(feed) = self.selector.next_fed() {
                return Some(feed);
            }
            self.changed.wait(&mut is_stopped);
        }
    }

    fn ring(&self) {
        let _is_stopped = self.is_stopped.lock();
        self.changed.notify_all();
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
        if self.shared.selector.accept(cycle, rolls, seed)?.is_some() {
            self.shared.ring();
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
