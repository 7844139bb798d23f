//! What the handle, the links and the swarm's task share.

use parking_lot::{Mutex, RwLock};
use picot_clock::Clock;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::bans::Bans;
use crate::link::LinkState;
use crate::{Address, Config, Event, Link, Local, NodeId};

/// Takes what happens. It is called from the network's threads and must return soon: the link, or
/// all links, wait for it.
pub(crate) type Events = Arc<dyn Fn(Event) + Send + Sync>;

/// The state that more than one thread uses. Each lock is held for a look or a small change, never
/// while another is taken, and never while an event is told.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: Events,
    pub(crate) links: RwLock<BTreeMap<Link, Arc<LinkState>>>,
    pub(crate) bans: Mutex<Bans>,
    pub(crate) reserved: Mutex<BTreeMap<NodeId, Vec<Address>>>,
    pub(crate) local: Mutex<Local>,
    /// Room for what frames have over the room of their lanes.
    pub(crate) long_frames: Arc<Semaphore>,
    begin: Instant,
}

impl Shared {
    pub(crate) fn new(
        config: Config,
        node: NodeId,
        clock: Arc<dyn Clock>,
        events: Events,
        begin: Instant,
    ) -> Self {
        let local = Local {
            node,
            listen: Vec::new(),
            external: config.external.clone(),
        };
        Self {
            links: RwLock::default(),
            bans: Mutex::default(),
            reserved: Mutex::new(config.reserved_nodes()),
            local: Mutex::new(local),
            long_frames: Arc::new(Semaphore::new(config.long_frames_bytes)),
            config,
            clock,
            events,
            begin,
        }
    }

    /// The time since the network began, by a clock that nobody sets.
    pub(crate) fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    pub(crate) fn link(&self, link: Link) -> Option<Arc<LinkState>> {
        self.links.read().get(&link).cloned()
    }

    pub(crate) fn all_links(&self) -> Vec<Arc<LinkState>> {
        self.links.read().values().cloned().collect()
    }

    pub(crate) fn is_reserved(&self, node: &NodeId) -> bool {
        self.reserved.lock().contains_key(node)
    }

    /// The reserved peers that are said to live at an address.
    pub(crate) fn reserved_at(&self, ip: IpAddr) -> Vec<NodeId> {
        let reserved = self.reserved.lock();
        let lives = |addresses: &[Address]| addresses.iter().any(|at| at.ip() == Some(ip));
        reserved
            .iter()
            .filter(|(_, addresses)| lives(addresses))
            .map(|(node, _)| *node)
            .collect()
    }

    /// Whether a node at an address is refused: a reserved one never for its address.
    pub(crate) fn is_banned(&self, node: &NodeId, ip: Option<IpAddr>) -> bool {
        let of_address = || ip.is_some_and(|ip| self.is_banned_address(ip));
        self.is_banned_node(node) || (of_address() && !self.is_reserved(node))
    }

    pub(crate) fn is_banned_node(&self, node: &NodeId) -> bool {
        self.bans.lock().refuses_node(node, self.clock.now())
    }

    pub(crate) fn is_banned_address(&self, ip: IpAddr) -> bool {
        self.bans.lock().refuses_address(ip, self.clock.now())
    }
}
