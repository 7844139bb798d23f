//! The states that are served: the newest certified one, the one before as long as somebody receives it,
//! and the newest one, which may be certified next.

use super::Source;
use crate::chunk::ChunkInfo;
use crate::index::StateIndex;
use crate::message::{MAX_OFFERS, Offer};
use picot_clock::{Millis, Slot, Timestamp};
use picot_crypto::Hash;
use picot_ledger::StateSnapshot;
use picot_models::Checkpoint;
use std::collections::BTreeMap;
use std::sync::Arc;

/// States that wait for their certificates: each holds what was changed since on disk.
const MAX_UNCERTIFIED: usize = 3;

struct State {
    checkpoint: Checkpoint,
    snapshot: Arc<dyn StateSnapshot>,
    index: Option<Arc<StateIndex>>,
    is_indexing: bool,
    /// It cannot be read.
    is_broken: bool,
    is_certified: bool,
    /// When somebody asked for it last.
    used_at: Timestamp,
}

impl State {
    fn is_served(&self) -> bool {
        self.is_certified && self.index.is_some()
    }
}

/// The states that are held.
pub(super) struct States {
    linger: Millis,
    states: BTreeMap<Slot, State>,
    /// Certified checkpoints that execution did not reach yet, the newest of them.
    ahead: Option<Checkpoint>,
}

impl States {
    pub(super) const fn new(linger: Millis) -> Self {
        Self {
            linger,
            states: BTreeMap::new(),
            ahead: None,
        }
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.states.keys().copied()
    }

    pub(super) fn uncertified(&self) -> impl Iterator<Item = Slot> {
        let waiting = self.states.iter().filter(|(_, state)| !state.is_certified);
        waiting.map(|(slot, _)| *slot)
    }

    pub(super) fn reached(&mut self, checkpoint: Checkpoint, snapshot: Arc<dyn StateSnapshot>) {
        let state = State {
            is_certified: self.ahead.as_ref() == Some(&checkpoint),
            checkpoint,
            snapshot,
            index: None,
            is_indexing: false,
            is_broken: false,
            used_at: Timestamp::EPOCH,
        };
        self.states.insert(state.checkpoint.slot, state);
        let waiting = self.states.iter().filter(|(_, state)| !state.is_certified);
        let waiting: Vec<Slot> = waiting.map(|(slot, _)| *slot).collect();
        for slot in waiting.iter().rev().skip(MAX_UNCERTIFIED) {
            self.states.remove(slot);
        }
    }

    pub(super) fn certified(&mut self, now: Timestamp, checkpoint: &Checkpoint) {
        match self.states.get_mut(&checkpoint.slot) {
            Some(state) if state.checkpoint == *checkpoint => {
                state.is_certified = true;
                state.used_at = now;
            }
            // This node's state is not what the others have: it serves nobody.
            Some(_) => {
                self.states.remove(&checkpoint.slot);
            }
            None => {
                let is_newer = |ahead: &Checkpoint| ahead.slot < checkpoint.slot;
                if self.ahead.as_ref().is_none_or(is_newer) {
                    self.ahead = Some(checkpoint.clone());
                }
            }
        }
    }

    fn newest_certified(&self) -> Option<Slot> {
        let mut newest = self.states.iter().rev();
        newest
            .find(|(_, state)| state.is_certified && !state.is_broken)
            .map(|(slot, _)| *slot)
    }

    /// The state whose index is to be made now: the newest certified one.
    pub(super) fn next_to_index(&mut self) -> Option<(Slot, Arc<dyn StateSnapshot>)> {
        if self.is_indexing() {
            return None;
        }
        let slot = self.newest_certified()?;
        let state = self.states.get_mut(&slot)?;
        if state.index.is_some() {
            return None;
        }
        state.is_indexing = true;
        Some((slot, Arc::clone(&state.snapshot)))
    }

    pub(super) fn is_indexing(&self) -> bool {
        self.states.values().any(|state| state.is_indexing)
    }

    pub(super) fn indexed(&mut self, slot: Slot, index: Option<Arc<StateIndex>>) {
        if let Some(state) = self.states.get_mut(&slot) {
            state.is_indexing = false;
            let fits = |index: &Arc<StateIndex>| index.state_hash() == state.checkpoint.state_hash;
            // What does not have the hash of its checkpoint was damaged: nobody would take it.
            state.index = index.filter(fits);
            state.is_broken = state.index.is_none();
        }
    }

    /// What is served, the newest first.
    pub(super) fn offers(&self) -> Vec<Offer> {
        let served = self.states.values().rev().filter(|state| state.is_served());
        let offer = |state: &State| Some(state.index.as_ref()?.offer(state.checkpoint.clone()));
        served.filter_map(offer).take(MAX_OFFERS).collect()
    }

    fn used(&mut self, now: Timestamp, index: &Hash) -> Option<(&State, &Arc<StateIndex>)> {
        let mut served = self.states.values_mut().filter(|state| state.is_served());
        let is_it = |state: &&mut State| state.index.as_ref().is_some_and(|it| it.hash() == index);
        let state = served.find(is_it)?;
        state.used_at = now;
        Some((state, state.index.as_ref()?))
    }

    /// A page of an index.
    pub(super) fn page(
        &mut self,
        now: Timestamp,
        index: &Hash,
        first: u32,
    ) -> Option<Vec<ChunkInfo>> {
        let (_, index) = self.used(now, index)?;
        Some(index.page(first).to_vec())
    }

    /// Where a chunk is read.
    pub(super) fn chunk(&mut self, now: Timestamp, index: &Hash, number: u32) -> Option<Source> {
        let (state, index) = self.used(now, index)?;
        let place = usize::try_from(number).ok()?;
        Some(Source::Pairs {
            snapshot: Arc::clone(&state.snapshot),
            range: index.range(number)?,
            bytes: index.chunks().get(place)?.bytes,
        })
    }

    /// Lets go of what nobody needs any more.
    pub(super) fn release(&mut self, now: Timestamp) {
        let served = self.states.values().rev().find(|state| state.is_served());
        let served = served.map(|state| state.checkpoint.slot);
        let (newest, linger) = (self.newest_certified(), self.linger);
        // Until the newest one has its index, the one before is what is offered.
        let served = served.filter(|_| self.is_indexing());
        self.states.retain(|slot, state| {
            let is_newer = newest.is_none_or(|newest| *slot >= newest);
            let is_used = state.is_served() && expires(state, linger) > now;
            is_newer || is_used || Some(*slot) == served
        });
    }

    /// When the next one may be let go of.
    pub(super) fn next_release(&self, now: Timestamp) -> Option<Timestamp> {
        let newest = self.newest_certified()?;
        let older = self.states.range(..newest);
        let times = older.map(|(_, state)| expires(state, self.linger));
        times.filter(|at| *at > now).min()
    }
}

fn expires(state: &State, linger: Millis) -> Timestamp {
    let expires = state.used_at.checked_add(linger);
    expires.unwrap_or(Timestamp::MAX)
}
