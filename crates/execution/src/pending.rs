//! Slots that are executed and will be final with the next commit.

use crate::SlotOutput;
use crate::decided_thread::DecidedThreads;
use crate::effects::{ExecutedSlot, SlotEffects};
use crate::execution_core::{Layers, SharedSlot};
use picot_clock::Slot;
use picot_crypto::Hash;
use std::sync::Arc;

/// Slots that will be final with the next commit, in order.
///
/// Effects that nobody else holds are merged as they come, so that a thousand missed slots are one
/// layer; those of the history are shared with its readers and stay as they are.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    layers: Vec<Layer>,
    outputs: Vec<SlotOutput>,
    /// How far the threads are decided then in which an outcome begins with one of the slots.
    pub(crate) threads: DecidedThreads,
}

#[derive(Debug)]
enum Layer {
    Owned(Box<SlotEffects>),
    Shared(SharedSlot),
}

impl Layer {
    fn effects(&self) -> &SlotEffects {
        match self {
            Self::Owned(effects) => effects,
            Self::Shared(executed) => &executed.effects,
        }
    }
}

impl Pending {
    pub(crate) fn push_owned(&mut self, executed: ExecutedSlot) {
        self.outputs.push(executed.output);
        if let Some(Layer::Owned(effects)) = self.layers.last_mut() {
            effects.merge(executed.effects);
        } else {
            self.layers.push(Layer::Owned(Box::new(executed.effects)));
        }
    }

    pub(crate) fn push_shared(&mut self, executed: SharedSlot) {
        self.outputs.push(executed.output.clone());
        self.layers.push(Layer::Shared(executed));
    }

    /// The number of slots.
    pub(crate) fn len(&self) -> usize {
        self.outputs.len()
    }

    pub(crate) fn last_slot(&self) -> Option<Slot> {
        self.outputs.last().map(|output| output.slot)
    }

    pub(crate) fn newest_first(&self) -> Layers<'_> {
        self.layers.iter().rev().map(Layer::effects).collect()
    }

    pub(crate) fn oldest_first(&self) -> Layers<'_> {
        self.layers.iter().map(Layer::effects).collect()
    }

    /// The outputs; the last slot is the one that the state hash is of.
    pub(crate) fn into_outputs(
        mut self,
        state_hash: Hash,
    ) -> impl Iterator<Item = Arc<SlotOutput>> {
        if let Some(last) = self.outputs.last_mut() {
            last.state_hash = Some(state_hash);
        }
        self.outputs.into_iter().map(Arc::new)
    }
}
