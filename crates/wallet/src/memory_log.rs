//! A signing log in memory.

use crate::{ClaimKey, ClaimRecord, ClaimVerdict, SigningHistory, SigningLog, SigningLogError};
use displaydoc::Display;
use parking_lot::Mutex;
use picot_models::{Address, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use thiserror::Error;

/// the signing log was told to fail
#[derive(Debug, Display, Error)]
struct ToldToFail;

/// A [`SigningLog`] in memory, for tests and simulations. It fails when told to. Clones are the
/// same log: a clone that outlives the rest of a node stands for its disk.
#[derive(Debug, Clone, Default)]
pub struct MemorySigningLog {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<ClaimKey, ClaimRecord>,
    horizon: Slot,
    fails: bool,
    syncs: u64,
}

impl MemorySigningLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on, every call fails, or succeeds again.
    pub fn fail(&self, fails: bool) {
        self.state.lock().fails = fails;
    }

    /// How many calls wrote something: what would have been the syncs of a disk.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state.lock().syncs
    }
}

impl State {
    fn check(&self) -> Result<(), SigningLogError> {
        if self.fails {
            return Err(SigningLogError::Failed {
                action: "being used",
                source: Arc::new(ToldToFail),
            });
        }
        Ok(())
    }

    fn claim(&mut self, record: &ClaimRecord) -> ClaimVerdict {
        let held = self.records.get(&record.key()).map(|held| held.id);
        let verdict = ClaimVerdict::of(record, held, self.horizon);
        if verdict == ClaimVerdict::Safe && held.is_none() {
            self.records.insert(record.key(), record.clone());
        }
        verdict
    }
}

impl SigningLog for MemorySigningLog {
    fn claim(&self, records: &[ClaimRecord]) -> Result<Vec<ClaimVerdict>, SigningLogError> {
        let mut state = self.state.lock();
        state.check()?;
        let before = state.records.len();
        let verdicts = records.iter().map(|record| state.claim(record)).collect();
        if state.records.len() > before {
            state.syncs = state.syncs.saturating_add(1);
        }
        Ok(verdicts)
    }

    fn records(&self, address: &Address, from: Slot) -> Result<Vec<ClaimRecord>, SigningLogError> {
        let state = self.state.lock();
        state.check()?;
        let of_address = state.records.range(ClaimKey::first(*address, from)..);
        Ok(of_address
            .take_while(|(key, _)| key.address == *address)
            .map(|(_, record)| record.clone())
            .collect())
    }

    fn prune(&self, before: Slot) -> Result<(), SigningLogError> {
        let mut state = self.state.lock();
        state.check()?;
        state.horizon = state.horizon.max(before);
        let horizon = state.horizon;
        state.records.retain(|key, _| key.slot >= horizon);
        state.syncs = state.syncs.saturating_add(1);
        Ok(())
    }
}

impl SigningHistory for MemorySigningLog {
    fn addresses(&self) -> Result<Vec<Address>, SigningLogError> {
        let state = self.state.lock();
        state.check()?;
        let addresses: BTreeSet<_> = state.records.keys().map(|key| key.address).collect();
        Ok(addresses.into_iter().collect())
    }

    fn horizon(&self) -> Result<Slot, SigningLogError> {
        let state = self.state.lock();
        state.check()?;
        Ok(state.horizon)
    }
}
