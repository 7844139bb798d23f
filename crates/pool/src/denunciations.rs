//! The denunciations that blocks may still carry: a state machine without I/O.

use crate::{Config, PoolError};
use picot_models::{ChainParams, Denunciation, DenunciationId, FaultKey, Slot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A denunciation with what it is found by.
#[derive(Debug, Clone)]
pub(crate) struct Accusation {
    pub(crate) id: DenunciationId,
    pub(crate) fault: FaultKey,
    pub(crate) size_bytes: u64,
    /// Whether the candidate state has punished the fault, when accounts were asked last: it waits
    /// here for the block that punished it to become final or to lose.
    pub(crate) is_punished: bool,
    pub(crate) denunciation: Arc<Denunciation>,
}

/// One denunciation for each fault, by the slot of the fault.
#[derive(Debug)]
pub(crate) struct Denunciations {
    thread_count: u8,
    max: usize,
    max_bytes: u64,
    expire_periods: u64,
    ahead_periods: u64,
    now: Slot,
    /// By slot first, so that those that expire first are first.
    held: BTreeMap<(Slot, FaultKey), Accusation>,
    bytes: u64,
}

impl Denunciations {
    pub(crate) fn new(config: &Config, params: &ChainParams) -> Self {
        Self {
            thread_count: params.thread_count,
            max: config.max_denunciations,
            max_bytes: config.max_denunciation_bytes,
            expire_periods: params.denunciation_expire_periods,
            ahead_periods: config.max_ahead_periods,
            now: Slot::new(0, 0),
            held: BTreeMap::new(),
            bytes: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether a denunciation could still be of use, if it is true.
    pub(crate) fn check(&self, accusation: &Accusation) -> Result<(), PoolError> {
        let (id, fault, now) = (accusation.id, accusation.fault, self.now);
        let slot = fault.slot;
        let latest = now.period.saturating_add(self.ahead_periods);
        // Nobody signs for the genesis.
        let in_window = slot.period > 0 && slot.period <= latest && self.is_punishable(slot, now);
        if !in_window || slot.thread >= self.thread_count {
            return Err(PoolError::DenunciationOutOfWindow { id, slot, now });
        }
        if self.held.contains_key(&(slot, fault)) {
            return Err(PoolError::FaultHeld {
                address: Box::new(fault.address),
                slot,
            });
        }
        Ok(())
    }

    /// Holds a denunciation that is verified.
    pub(crate) fn insert(&mut self, accusation: Accusation) -> Result<(), PoolError> {
        self.check(&accusation)?;
        if self.is_full_for(&accusation) {
            return Err(PoolError::DenunciationsFull {
                id: accusation.id,
                held: self.held.len(),
            });
        }
        self.bytes = self.bytes.saturating_add(accusation.size_bytes);
        let key = (accusation.fault.slot, accusation.fault);
        self.held.insert(key, accusation);
        Ok(())
    }

    /// Whether there is no place for one more.
    pub(crate) fn is_full_for(&self, accusation: &Accusation) -> bool {
        self.held.len() >= self.max
            || self.bytes.saturating_add(accusation.size_bytes) > self.max_bytes
    }

    /// The faults for which something is held.
    pub(crate) fn faults(&self) -> Vec<FaultKey> {
        self.held.values().map(|held| held.fault).collect()
    }

    /// Whether a fault is punished in the candidate state now.
    pub(crate) fn set_punished(&mut self, fault: &FaultKey, is_punished: bool) {
        if let Some(held) = self.held.get_mut(&(fault.slot, *fault)) {
            held.is_punished = is_punished;
        }
    }

    pub(crate) fn remove(&mut self, fault: &FaultKey) {
        if let Some(removed) = self.held.remove(&(fault.slot, *fault)) {
            self.bytes = self.bytes.saturating_sub(removed.size_bytes);
        }
    }

    /// Those that a block of `slot` may carry, the soonest to expire first.
    pub(crate) fn punishable_at(&self, slot: Slot) -> Vec<Accusation> {
        let before = self.held.values();
        before
            .take_while(|held| held.fault.slot < slot)
            .filter(|held| !held.is_punished && self.is_punishable(held.fault.slot, slot))
            .cloned()
            .collect()
    }

    /// Time passes: what is no longer punishable leaves.
    pub(crate) fn advance(&mut self, now: Slot) {
        self.now = self.now.max(now);
        while let Some((&(slot, fault), _)) = self.held.first_key_value() {
            if self.is_punishable(slot, self.now) {
                break;
            }
            self.remove(&fault);
        }
    }

    /// A fault is punishable for `denunciation_expire_periods` after its slot (design 06,
    /// 'Slashing').
    fn is_punishable(&self, fault: Slot, at: Slot) -> bool {
        at.period <= fault.period.saturating_add(self.expire_periods)
    }
}
