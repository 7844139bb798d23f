//! The network of a node: the protocol over libp2p, between consensus, the pool and other nodes.

mod peers;
mod traffic;

use crate::data_layout::DataLayout;
use crate::pruning::ServedFrom;
use crate::randomness::SystemRandomness;
use crate::{NodeError, VERSION};
use crossbeam_channel::tick;
use parking_lot::Mutex;
use picot_block_factory::Connection;
use picot_checkpoint::CheckpointInbox;
use picot_clock::{Clock, Millis, Stop};
use picot_consensus::{BatchVerifier, Consensus, ConsensusInbox, Peer};
use picot_crypto::{Context, Hash};
use picot_models::{ChainId, Genesis};
use picot_network::{Address, Event, Identity, Link, Network, NodeId};
use picot_pool::Pool;
use picot_protocol::{
    Farewell, Lane, PeerInfo, ProtocolHandle, ProtocolPorts, ProtocolQueues, ProtocolWorker,
    Transport,
};
use picot_selector::Selector;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tracing::{debug, warn};
use traffic::Traffic;

/// How often the protocol is told how far this node is.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// Senders whose decompressed keys are kept.
const SENDER_KEYS: usize = 65_536;

/// How long a node of a local network waits at most before it calls again.
const LOCAL_REDIAL: Duration = Duration::from_secs(5);
/// New connections at once with one machine of a local network.
const LOCAL_BURST: u32 = 64;
/// Bytes of one peer and lane that may wait to be dealt with. Longer frames are rare: the rest of them
/// comes from what all peers share.
const UNREAD_BYTES: usize = 1 << 20;
const LONG_FRAMES_BYTES: usize = 128 << 20;
/// Links that are gone and whose nodes are still known.
const MAX_GONE: usize = 1_024;
/// The port of a node for other nodes.
const DEFAULT_PORT: u16 = 4_703;

/// How a node takes part in the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkOptions {
    /// Where it listens; port 0 takes a free one.
    pub listen: Vec<Address>,
    /// Where others reach it, if that differs.
    pub external: Vec<Address>,
    /// Peers to begin with.
    pub peers: Vec<Address>,
    /// Peers that always have a place.
    pub reserved: Vec<Address>,
    /// Whether it looks for more peers.
    pub discovery: bool,
    /// Connections with one IP address.
    pub max_per_address: usize,
}

impl NetworkOptions {
    /// Without a network.
    #[must_use]
    pub const fn alone() -> Self {
        Self {
            listen: Vec::new(),
            external: Vec::new(),
            peers: Vec::new(),
            reserved: Vec::new(),
            discovery: false,
            max_per_address: 1,
        }
    }

    /// Whether it would ever have a peer.
    #[must_use]
    pub const fn is_alone(&self) -> bool {
        self.listen.is_empty() && self.peers.is_empty() && self.reserved.is_empty()
    }

    /// Peers that it was told to connect to.
    #[must_use]
    pub const fn known_peers(&self) -> usize {
        self.peers.len().saturating_add(self.reserved.len())
    }

    /// Where a node listens unless told otherwise.
    #[must_use]
    pub fn default_listen() -> Vec<Address> {
        let any = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
        vec![Address::tcp(any, DEFAULT_PORT)]
    }

    /// On a network of one's own many nodes may be on one machine.
    fn limits(&self, defaults: picot_network::Limits, is_local: bool) -> picot_network::Limits {
        let max_per_address = self.max_per_address;
        picot_network::Limits {
            max_per_address,
            max_per_prefix: defaults.max_per_prefix.max(max_per_address),
            new_burst: if is_local {
                LOCAL_BURST
            } else {
                defaults.new_burst
            },
            ..defaults
        }
    }

    fn config(&self, chain_id: &ChainId) -> picot_network::Config {
        let defaults = picot_network::Config::default();
        // Among addresses that are not of the internet, others are not of it either.
        let is_public = |address: &Address| address.ip().is_none_or(is_public_address);
        let named = self.listen.iter().chain(&self.peers).chain(&self.reserved);
        let is_local = !named.clone().any(is_public);
        let lanes = Lane::ALL.map(|lane| picot_network::LaneConfig {
            max_frame_bytes: lane.max_frame_bytes(),
            unread_bytes: lane.max_frame_bytes().min(UNREAD_BYTES),
            unsent_bytes: lane.max_frame_bytes().saturating_add(1 << 20),
        });
        picot_network::Config {
            public: !is_local,
            listen: self.listen.clone(),
            external: self.external.clone(),
            peers: self.peers.clone(),
            reserved: self.reserved.clone(),
            discovery: self.discovery,
            limits: self.limits(defaults.limits, is_local),
            redial_max: if is_local {
                LOCAL_REDIAL
            } else {
                defaults.redial_max
            },
            lanes: lanes.into(),
            long_frames_bytes: LONG_FRAMES_BYTES,
            network_tag: chain_id.to_string().chars().take(64).collect(),
            agent: format!("picot/{VERSION}"),
            ..defaults
        }
    }
}

/// The network before consensus runs: what its parts send by, and what waits for it to start.
pub(crate) struct Prepared {
    pub(crate) handle: ProtocolHandle,
    queues: ProtocolQueues,
}

impl Prepared {
    pub(crate) fn new() -> Self {
        let (handle, queues) = ProtocolHandle::new();
        Self { handle, queues }
    }
}

/// What the network works with.
pub(crate) struct NetworkParts {
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) selector: Arc<dyn Selector>,
    pub(crate) pool: Arc<dyn Pool>,
    pub(crate) inbox: Arc<dyn ConsensusInbox>,
    pub(crate) checkpoints: Arc<dyn CheckpointInbox>,
}

/// The network of a running node. It ends when dropped.
pub(crate) struct NodeNetwork {
    handle: ProtocolHandle,
    links: Arc<Links>,
    network: Arc<dyn Network>,
    worker: ProtocolWorker,
}

impl NodeNetwork {
    /// Connects the node with others.
    pub(crate) fn start(
        options: &NetworkOptions,
        layout: &DataLayout,
        parts: NetworkParts,
        prepared: Prepared,
    ) -> Result<Self, NodeError> {
        let Prepared { handle, queues } = prepared;
        let identity = identity(layout)?;
        let chain_id = parts.genesis.chain_id();
        let params = parts.genesis.params.clone();
        let node = hash_of(&identity.node_id());
        let mut config = picot_protocol::Config::new(chain_id, params, node);
        config.agent = format!("picot/{VERSION}");
        let links = Arc::new(Links::new(Arc::clone(&parts.clock)));
        let ports = ProtocolPorts {
            clock: parts.clock,
            selector: parts.selector,
            pool: parts.pool,
            consensus: parts.inbox,
            checkpoints: parts.checkpoints,
            transport: Arc::clone(&links) as _,
            votes: Box::new(BatchVerifier::default()),
            operations: Box::new(BatchVerifier::new(SENDER_KEYS)),
        };
        let worker = ProtocolWorker::start(config, ports, &handle, queues)?;
        let events = {
            let (handle, links) = (handle.clone(), Arc::clone(&links));
            move |event| links.on_event(&handle, event)
        };
        let network: Arc<dyn Network> = Arc::new(picot_network::start(
            identity,
            options.config(&chain_id),
            Arc::clone(&links.clock),
            events,
        )?);
        links.connect(Arc::clone(&network));
        Ok(Self {
            handle,
            links,
            network,
            worker,
        })
    }

    /// What is known of each peer.
    pub(crate) fn peer_infos(&self) -> Vec<PeerInfo> {
        self.handle.peers()
    }

    pub(crate) fn local(&self) -> picot_network::Local {
        self.network.local()
    }

    /// Nothing goes out or comes in any more.
    pub(crate) fn stop(&self) {
        self.links.end();
        self.worker.stop();
    }

    /// Tells the protocol, and so the peers, how far this node is, until it ends.
    pub(crate) fn tell_progress(
        &self,
        consensus: Arc<dyn Consensus>,
        served_from: ServedFrom,
        stop: Stop,
    ) -> Result<JoinHandle<()>, NodeError> {
        let handle = self.handle.clone();
        let run = move || {
            let mut told = (Vec::new(), 0);
            for _ in tick(PROGRESS_INTERVAL) {
                if stop.is_stopped() {
                    return;
                }
                let threads = consensus.summary().threads;
                let decided: Vec<u64> = threads.iter().map(|one| one.decided_period).collect();
                let progress = (decided, served_from.period());
                if progress != told {
                    handle.progress(progress.0.clone(), progress.1);
                    told = progress;
                }
            }
        };
        std::thread::Builder::new()
            .name("progress".to_owned())
            .spawn(run)
            .map_err(|error| NodeError::Stopped(format!("no thread: {error}")))
    }
}

impl Drop for NodeNetwork {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Who is connected, and the way to them.
struct Links {
    clock: Arc<dyn Clock>,
    network: Mutex<Option<Arc<dyn Network>>>,
    nodes: Mutex<Nodes>,
    traffic: Traffic,
}

impl Links {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            network: Mutex::new(None),
            nodes: Mutex::default(),
            traffic: Traffic::default(),
        }
    }

    fn connect(&self, network: Arc<dyn Network>) {
        *self.network.lock() = Some(network);
    }

    fn end(&self) {
        *self.network.lock() = None;
    }

    fn network(&self) -> Option<Arc<dyn Network>> {
        self.network.lock().clone()
    }

    fn on_event(&self, handle: &ProtocolHandle, event: Event) {
        match event {
            Event::Connected {
                link,
                node,
                address,
                outbound,
                reserved,
            } => {
                self.traffic.connected(outbound);
                self.nodes.lock().connected(link, node);
                let peer = Peer(link.0);
                handle.connected(peer, hash_of(&node), address.ip(), outbound, reserved);
            }
            Event::Disconnected { link, .. } => {
                self.nodes.lock().disconnected(link);
                handle.disconnected(Peer(link.0));
            }
            Event::Frame(mut frame) => match Lane::of_number(frame.lane) {
                Some(lane) => {
                    let bytes = std::mem::take(&mut frame.bytes);
                    self.traffic.received(lane, bytes.len());
                    handle.receive(Peer(frame.link.0), lane, &bytes, Some(Box::new(frame)));
                }
                None => warn!(
                    lane = frame.lane,
                    "a frame came on a lane that there is not"
                ),
            },
            Event::Written {
                link, lane, bytes, ..
            } => {
                if let Some(lane) = Lane::of_number(lane) {
                    self.traffic.sent(lane, bytes);
                    handle.written(Peer(link.0), lane, bytes);
                }
            }
        }
    }
}

impl Transport for Links {
    fn send(&self, to: Peer, lane: Lane, frame: Arc<[u8]>) {
        let Some(network) = self.network() else {
            return;
        };
        if let Err(error) = network.send(Link(to.0), lane.number(), frame) {
            debug!(peer = to.0, %error, "a frame is not sent");
        }
    }

    fn disconnect(&self, peer: Peer, reason: &Farewell) {
        if let Some(network) = self.network() {
            network.disconnect(Link(peer.0), &reason.to_string());
        }
    }

    fn ban(
        &self,
        peer: Peer,
        _node: Hash,
        address: Option<IpAddr>,
        length: Millis,
        reason: &Farewell,
    ) {
        let node = self.nodes.lock().node(Link(peer.0));
        let until = self.clock.now().checked_add(length);
        if let (Some(network), Some(node), Some(until)) = (self.network(), node, until) {
            network.ban(&node, address, until, &reason.to_string());
        }
    }
}

/// Whose each link is, or was: the protocol may ban who has hung up before its last words were read.
#[derive(Debug, Default)]
struct Nodes {
    connected: BTreeMap<Link, NodeId>,
    /// The last ones that were disconnected, the latest last.
    gone: VecDeque<(Link, NodeId)>,
}

impl Nodes {
    fn connected(&mut self, link: Link, node: NodeId) {
        self.connected.insert(link, node);
    }

    fn disconnected(&mut self, link: Link) {
        if let Some(node) = self.connected.remove(&link) {
            if self.gone.len() >= MAX_GONE {
                self.gone.pop_front();
            }
            self.gone.push_back((link, node));
        }
    }

    fn node(&self, link: Link) -> Option<NodeId> {
        let gone = || self.gone.iter().find(|(other, _)| *other == link);
        let connected = self.connected.get(&link);
        connected.or_else(|| gone().map(|(_, node)| node)).copied()
    }
}

/// A factory's view: what a node that knows peers produces is of no use while none is connected.
pub(crate) struct PeersConnected {
    handle: ProtocolHandle,
    known_peers: usize,
}

impl PeersConnected {
    pub(crate) const fn new(handle: ProtocolHandle, known_peers: usize) -> Self {
        Self {
            handle,
            known_peers,
        }
    }
}

impl Connection for PeersConnected {
    fn cut_off(&self) -> Option<String> {
        (self.known_peers > 0 && self.handle.ready_peers() == 0).then(|| match self.known_peers {
            1 => "the one known peer is not connected".to_owned(),
            known => format!("none of {known} known peers is connected"),
        })
    }
}

/// The key of this node, made at its first start.
fn identity(layout: &DataLayout) -> Result<Identity, NodeError> {
    let path = layout.node_key_file();
    if path.exists() {
        return Ok(Identity::load(&path)?);
    }
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    SystemRandomness::new()?.fill(&mut *seed);
    let identity = Identity::from_seed(*seed)?;
    identity.save(&path)?;
    Ok(identity)
}

/// Who a node is to the protocol, which knows nothing of transports.
fn hash_of(node: &NodeId) -> Hash {
    Context::NodeId.hash(node.to_string().as_bytes())
}

fn is_public_address(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            !(ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified())
        }
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unique_local() || ip.is_unspecified()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(seed: u8) -> NodeId {
        Identity::from_seed([seed; 32]).unwrap().node_id()
    }

    #[test]
    fn whose_a_link_was_is_known_after_it_is_gone() {
        let mut nodes = Nodes::default();
        nodes.connected(Link(1), node(1));
        nodes.connected(Link(2), node(2));
        nodes.disconnected(Link(1));
        nodes.disconnected(Link(1));
        nodes.disconnected(Link(7));
        let known = [1, 2, 7].map(|link| nodes.node(Link(link)));
        assert_eq!(known, [Some(node(1)), Some(node(2)), None]);
    }

    #[test]
    fn links_that_are_gone_are_forgotten_the_oldest_first() {
        let mut nodes = Nodes::default();
        let last = u64::try_from(MAX_GONE).unwrap();
        for link in 0..=last {
            nodes.connected(Link(link), node(1));
            nodes.disconnected(Link(link));
        }
        let known = [0, 1, last].map(|link| nodes.node(Link(link)).is_some());
        assert_eq!(known, [false, true, true]);
    }
}
