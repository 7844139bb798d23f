//! The core: what peers say and what this node wants to say in, what is to be sent and told out.

mod local;
mod packets;

use crate::blocks::{Blocks, HeaderCheck};
use crate::gossip::Gossip;
use crate::input::Effects;
use crate::operations::{Operations, OperationsStats};
use crate::packet::{Hello, NodeTag, Packet};
use crate::peers::{Accounts, ClockOffsets, Losses, PeerInfo, Statuses, Table, Verdict};
use crate::time::after;
use crate::{Config, Farewell, Fault, Frame, Input, Output, PROTOCOL_VERSION, ProtocolError};
use picot_clock::{Millis, Timestamp};
use picot_consensus::{Message, Peer, Verifier};
use picot_crypto::Hash;
use picot_models::SignedHeader;
use picot_pool::Pool;
use picot_selector::Selector;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

/// How long changes among the peers are gathered before the others are told.
const NEIGHBOURS_WAIT: Millis = Millis(200);
/// Outcomes whose blocks are being verified.
const MAX_OUTCOMES_VERIFIED: usize = 256;
/// Frames that are found again when consensus passes on what is in them.
const MAX_RECENT: usize = 64;

/// What the core may read.
pub struct Reads {
    /// Who may produce.
    pub selector: Arc<dyn Selector>,
    /// What is pending.
    pub pool: Arc<dyn Pool>,
    /// Where signatures of headers and votes are verified.
    pub verifier: Arc<dyn Verifier>,
}

/// What nodes say to each other, as a state machine without I/O.
///
/// [`step`](Self::step) is deterministic: the same inputs at the same times give the same outputs, given
/// the same answers of the pool and the selector.
pub struct Core {
    config: Config,
    reads: Reads,
    table: Table,
    accounts: Accounts,
    statuses: Statuses,
    clocks: ClockOffsets,
    gossip: Gossip,
    operations: Operations,
    blocks: Blocks,
    /// Outcomes with blocks whose operations are being verified, by ticket.
    outcomes: BTreeMap<u64, (Peer, Arc<Message>)>,
    /// The last votes and proposals that came, the latest last: most of them are passed on at once.
    recent: VecDeque<Arc<Frame>>,
    next_outcome: u64,
    /// By thread: the last period that is decided here.
    decided: Vec<u64>,
    serves_from: u64,
    /// When the peers are told of their changes.
    neighbours_due: Option<Timestamp>,
    wake_at: Option<Timestamp>,
}

impl Core {
    /// A core without peers.
    ///
    /// # Errors
    /// [`ProtocolError::Config`].
    pub fn new(config: Config, reads: Reads) -> Result<Self, ProtocolError> {
        config.validate()?;
        let threads = usize::from(config.params.thread_count);
        let check = HeaderCheck::new(config.chain_id, Arc::clone(&reads.verifier));
        Ok(Self {
            table: Table::new(&config.peers),
            accounts: Accounts::new(&config.peers),
            statuses: Statuses::new(&config.peers),
            clocks: ClockOffsets::default(),
            gossip: Gossip::new(config.gossip.clone(), &config.node),
            operations: Operations::new(config.chain_id, config.answer_wait),
            blocks: Blocks::new(config.chain_id, check, config.answer_wait),
            outcomes: BTreeMap::new(),
            recent: VecDeque::new(),
            next_outcome: OUTCOME_TICKETS,
            decided: vec![0; threads],
            serves_from: 0,
            neighbours_due: None,
            wake_at: None,
            config,
            reads,
        })
    }

    /// Takes one input, and gives what is to be done because of it, in order.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        let mut effects = Effects::default();
        let is_light = self.wake_at.is_some_and(|at| at > now) && is_light(&input);
        self.take(now, input, &mut effects);
        let is_light = is_light && effects.faults.is_empty();
        if !is_light {
            self.tick(now, &mut effects);
        }
        self.settle(now, effects, is_light)
    }

    fn take(&mut self, now: Timestamp, input: Input, effects: &mut Effects) {
        match input {
            Input::Tick => {}
            Input::Connected {
                peer,
                node,
                address,
                outbound,
                reserved,
            } => self.on_connected(now, (peer, node, address), outbound, reserved, effects),
            Input::Disconnected(peer) => self.on_disconnected(now, peer, effects),
            Input::Received { from, lane, frame } => {
                self.on_received(now, from, lane, &frame, effects);
            }
            Input::Unreadable { from } => effects.blame(from, Fault::Unreadable),
            Input::Written { to, lane, bytes } => self.table.written(to, lane, bytes),
            other => self.on_local(now, other, effects),
        }
    }

    fn on_connected(
        &mut self,
        now: Timestamp,
        (peer, node, address): (Peer, Hash, Option<IpAddr>),
        outbound: bool,
        reserved: bool,
        effects: &mut Effects,
    ) {
        if node == self.config.node {
            let reason = Farewell::Ourselves;
            return effects.push(Output::Disconnect { peer, reason });
        }
        if let Err(reason) = self
            .table
            .connect(now, peer, node, address, outbound, reserved)
        {
            return effects.push(Output::Disconnect { peer, reason });
        }
        let hello = Hello {
            version: PROTOCOL_VERSION,
            chain_id: self.config.chain_id,
            agent: self.config.agent.clone(),
        };
        effects.send(peer, Packet::Hello(hello));
    }

    fn on_disconnected(&mut self, now: Timestamp, peer: Peer, effects: &mut Effects) {
        let Some(place) = self.table.disconnect(peer) else {
            return;
        };
        self.gossip.disconnected(place);
        self.operations.disconnected(now, peer, effects);
        self.blocks.disconnected(now, peer, effects);
        self.statuses.disconnected(peer);
        self.clocks.disconnected(peer);
        effects.push(Output::Gone(peer));
        self.neighbours_changed(now);
    }

    /// A peer has introduced itself as one of this chain.
    fn on_ready(&mut self, now: Timestamp, peer: Peer, effects: &mut Effects) {
        self.operations.connected(peer);
        effects.push(Output::Introduced(peer));
        let status = self
            .statuses
            .make(now, &self.decided, self.serves_from, peer);
        effects.send(peer, Packet::Status(status));
        self.neighbours_changed(now);
    }

    fn neighbours_changed(&mut self, now: Timestamp) {
        self.neighbours_due
            .get_or_insert(after(now, NEIGHBOURS_WAIT));
    }

    fn tell_neighbours(&mut self, now: Timestamp, effects: &mut Effects) {
        if self.neighbours_due.is_none_or(|due| due > now) {
            return;
        }
        self.neighbours_due = None;
        let nodes: BTreeSet<NodeTag> = self.table.ready_nodes().map(NodeTag::of).collect();
        let frame = Arc::new(Frame::new(Packet::Neighbours(nodes.into_iter().collect())));
        for peer in self.table.ready_peers() {
            effects.share(peer, &frame);
        }
    }

    /// What time alone gives to do.
    fn tick(&mut self, now: Timestamp, effects: &mut Effects) {
        for (peer, reason) in self.table.late_handshakes(now) {
            effects.push(Output::Disconnect { peer, reason });
        }
        self.tell_neighbours(now, effects);
        let pool = self.reads.pool.as_ref();
        self.gossip.tick(now, &self.table, effects);
        self.operations.tick(now, &self.table, pool, effects);
        self.blocks.tick(now, pool, effects);
        for peer in self.statuses.due(now) {
            let status = self
                .statuses
                .make(now, &self.decided, self.serves_from, peer);
            effects.send(peer, Packet::Status(status));
        }
    }

    /// Penalties, queues and wake-ups.
    fn settle(&mut self, now: Timestamp, mut effects: Effects, is_light: bool) -> Vec<Output> {
        for (peer, fault) in std::mem::take(&mut effects.faults) {
            self.punish(now, peer, fault, &mut effects);
        }
        let mut outputs = std::mem::take(&mut effects.outputs);
        let banned: BTreeSet<Peer> = outputs.iter().filter_map(who_is_banned).collect();
        // Who is banned is disconnected by that.
        outputs.retain(
            |output| !matches!(output, Output::Disconnect { peer, .. } if banned.contains(peer)),
        );
        for output in &outputs {
            // Who is sent away is gone for this core at once, and hears no more.
            if let Output::Disconnect { peer, .. } | Output::Ban { peer, .. } = output {
                self.on_disconnected(now, *peer, &mut effects);
            }
        }
        outputs.append(&mut effects.outputs);
        for (to, frame) in effects.sends {
            self.table.push(to, frame);
        }
        self.table
            .take_sendable(|to, frame| outputs.push(Output::Send { to, frame }));
        self.wake(&mut outputs, is_light);
        outputs
    }

    fn punish(&mut self, now: Timestamp, peer: Peer, fault: Fault, effects: &mut Effects) {
        let Some((node, address)) = self.table.who(peer) else {
            return;
        };
        effects.push(Output::Penalty { peer, fault });
        match self.accounts.penalise(now, node, fault) {
            Verdict::Noted => {}
            Verdict::Ban { length } => effects.push(Output::Ban {
                peer,
                node,
                address,
                length,
                reason: Farewell::Penalties { last: fault },
            }),
        }
    }

    fn wake(&mut self, outputs: &mut Vec<Output>, is_light: bool) {
        let times = if is_light {
            // Nothing else can have changed.
            [
                self.wake_at,
                self.gossip.next_wake(),
                None,
                None,
                None,
                None,
            ]
        } else {
            [
                self.neighbours_due,
                self.gossip.next_wake(),
                self.operations.next_wake(),
                self.blocks.next_wake(),
                self.statuses.next_wake(),
                self.table.next_wake(),
            ]
        };
        let wake_at = times.into_iter().flatten().min();
        if let Some(at) = wake_at.filter(|_| wake_at != self.wake_at) {
            outputs.push(Output::WakeAt(at));
        }
        self.wake_at = wake_at;
    }

    /// When time alone gives something to do.
    #[must_use]
    pub const fn wake_at(&self) -> Option<Timestamp> {
        self.wake_at
    }

    /// All peers, as an operator sees them.
    #[must_use]
    pub fn peers(&self, now: Timestamp) -> Vec<PeerInfo> {
        let (statuses, clocks) = (&self.statuses, &self.clocks);
        self.table
            .infos(now, statuses, clocks, &self.accounts, &self.decided)
    }

    /// What found no room since the start, of all peers that were ever connected.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.table.losses()
    }

    /// Bytes that wait to be handed to the transport, for all peers together.
    #[must_use]
    pub const fn queued_bytes(&self) -> usize {
        self.table.queued_bytes()
    }

    /// Peers that have introduced themselves.
    #[must_use]
    pub fn ready_peers(&self) -> usize {
        self.table.ready().len()
    }

    /// By how many milliseconds this node's clock seems to be behind those of its peers, negative if it
    /// is ahead; none before three peers have told.
    #[must_use]
    pub fn clock_offset_ms(&self) -> Option<i64> {
        self.clocks.median()
    }

    /// What was not done with operations, for want of room.
    #[must_use]
    pub const fn operations_stats(&self) -> OperationsStats {
        self.operations.stats()
    }

    /// Whether a header is of the best-ranked producer of its slot: its operations go along.
    fn is_first_ranked(&self, header: &SignedHeader) -> bool {
        let slot = header.content().slot;
        let ranking = self.reads.selector.producer_ranking(slot, 1);
        ranking.is_ok_and(|first| first.first() == Some(&header.signer_address()))
    }
}

const fn who_is_banned(output: &Output) -> Option<Peer> {
    match output {
        Output::Ban { peer, .. } => Some(*peer),
        _ => None,
    }
}

/// Whether an input gives nothing to do later but to name messages: the votes of slots, which are most of
/// what a node hears and says, cost no look at anything else.
fn is_light(input: &Input) -> bool {
    match input {
        Input::Written { .. }
        | Input::Broadcast(_)
        | Input::Tell(_)
        | Input::Relay { .. }
        | Input::Send { .. }
        | Input::Checkpoint(_)
        | Input::State { .. }
        | Input::NewEndorsements(_)
        | Input::NewDenunciations(_)
        | Input::Judged { .. } => true,
        Input::Received { frame, .. } => match frame.packet() {
            Packet::Have(_)
            | Packet::Want(_)
            | Packet::Status(_)
            | Packet::Neighbours(_)
            | Packet::Endorsements(_)
            | Packet::Denunciations(_)
            | Packet::Checkpoint(_)
            | Packet::GetState(_)
            | Packet::State(_) => true,
            Packet::Consensus(message) => matches!(
                *message.0,
                Message::Vote(_)
                    | Message::Proposal { .. }
                    | Message::Certificate(_)
                    | Message::Have { .. }
            ),
            _ => false,
        },
        _ => false,
    }
}

/// Tickets of outcomes that are verified begin here; those of single blocks are below.
const OUTCOME_TICKETS: u64 = 1 << 63;
