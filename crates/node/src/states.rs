//! States for other nodes: what the bootstrap and the protocol are to each other.

use crate::NodeError;
use picot_bootstrap::{
    BootstrapNetwork, Lie, Message, ServerConfig, Serving, ServingHandle, ServingQueue,
};
use picot_checkpoint::{CheckpointArchive, CheckpointError};
use picot_clock::{Clock, Slot, SlotClock};
use picot_consensus::Peer;
use picot_database::DiskStateStore;
use picot_execution::{CheckpointState, CheckpointWatch, WatchError};
use picot_models::Checkpoint;
use picot_protocol::{ProtocolHandle, StateInbox};
use picot_serialization::Encode;
use std::sync::Arc;

/// Cycles after which the state of a checkpoint is too old for anybody to begin with.
const SERVED_CYCLES: u64 = 2;

/// The way to peers over the protocol.
pub(crate) struct OverProtocol(pub(crate) ProtocolHandle);

impl BootstrapNetwork for OverProtocol {
    fn send(&self, to: Peer, message: &Message) {
        let bytes = message.to_bytes();
        match message {
            Message::Ask(_) => self.0.ask_state(to, bytes),
            _ => self.0.answer_state(to, bytes),
        }
    }

    fn blame(&self, peer: Peer, _lie: &Lie) {
        self.0.blame_state(peer);
    }
}

/// What peers ask of this node's states.
struct Asked(ServingHandle);

impl StateInbox for Asked {
    fn introduced(&self, _peer: Peer) {}

    fn gone(&self, peer: Peer) {
        self.0.disconnected(peer);
    }

    fn deliver(&self, from: Peer, bytes: &[u8]) {
        self.0.received(from, bytes);
    }
}

/// Who serves states, before it does.
pub(crate) struct ToServe {
    handle: ServingHandle,
    queue: ServingQueue,
}

impl ToServe {
    pub(crate) fn new() -> Self {
        let (handle, queue) = ServingHandle::new();
        Self { handle, queue }
    }

    /// Who takes a snapshot of the state at each checkpoint. It has to be told after who keeps the
    /// checkpoints in the archive.
    pub(crate) fn watch(
        &self,
        state: Arc<DiskStateStore>,
        archive: CheckpointArchive,
        clock: Arc<dyn Clock>,
        slot_clock: SlotClock,
    ) -> Arc<dyn CheckpointWatch> {
        Arc::new(Snapshots {
            handle: self.handle.clone(),
            state,
            archive,
            clock,
            slot_clock,
        })
    }

    /// Serves from now on.
    pub(crate) fn start(
        self,
        archive: CheckpointArchive,
        clock: Arc<dyn Clock>,
        protocol: &ProtocolHandle,
    ) -> Result<Serving, NodeError> {
        let network = Arc::new(OverProtocol(protocol.clone()));
        protocol.deliver_states(Arc::new(Asked(self.handle.clone())));
        let config = ServerConfig::default();
        let (handle, queue) = (self.handle, self.queue);
        Ok(Serving::start(
            config, archive, clock, network, handle, queue,
        )?)
    }
}

/// Takes a snapshot of the state at each checkpoint.
struct Snapshots {
    handle: ServingHandle,
    state: Arc<DiskStateStore>,
    archive: CheckpointArchive,
    clock: Arc<dyn Clock>,
    slot_clock: SlotClock,
}

impl Snapshots {
    /// Whether anybody could begin with the state of a slot: not what is executed again or caught up with.
    fn is_recent(&self, slot: Slot) -> bool {
        let periods_per_cycle = self.archive.genesis().params.periods_per_cycle;
        let now = self.slot_clock.latest_slot_at(self.clock.now());
        let served = periods_per_cycle.saturating_mul(SERVED_CYCLES);
        now.is_none_or(|now| now.period <= slot.period.saturating_add(served))
    }

    fn checkpoint(&self, state: &CheckpointState) -> Result<Option<Checkpoint>, CheckpointError> {
        let known = match self.archive.certified(state.slot)? {
            None => self.archive.last_uncertified()?,
            certified => certified,
        };
        let is_it =
            |known: &Checkpoint| known.slot == state.slot && known.state_hash == state.state_hash;
        Ok(known.filter(is_it))
    }
}

impl CheckpointWatch for Snapshots {
    fn at_checkpoint(&self, state: &CheckpointState) -> Result<(), WatchError> {
        if self.is_recent(state.slot)
            && let Some(checkpoint) = self.checkpoint(state)?
        {
            let snapshot = Arc::new(self.state.snapshot());
            self.handle.reached(checkpoint, snapshot);
        }
        Ok(())
    }
}
