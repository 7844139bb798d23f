//! What a network gives.

use picot_clock::{Millis, Timestamp};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

use crate::{Address, NetworkError, NodeId, SendError};

/// The handle of one connected peer. It is never used again in a run: whoever connects again has a
/// new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link(pub u64);

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}", self.0)
    }
}

/// The links of a node. All calls return at once.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Network: Send + Sync {
    /// Gives a frame to a lane of a link. Frames of a lane arrive in order, once, or the link ends.
    ///
    /// # Errors
    /// [`SendError`]; `Full` once the lane's unsent bytes are at their bound: try again after
    /// [`Event::Written`].
    fn send(&self, link: Link, lane: u8, frame: Arc<[u8]>) -> Result<(), SendError>;

    /// Ends a link; what is unsent is dropped. [`Event::Disconnected`] follows.
    fn disconnect(&self, link: Link, reason: &str);

    /// Ends the links of a node, and of an IP address (an IPv6 address stands for its /64), and
    /// refuses them until `until`. The later of two bans of one node holds. Links of reserved
    /// peers are not ended for their address.
    fn ban(&self, node: &NodeId, address: Option<IpAddr>, until: Timestamp, reason: &str);

    /// Lifts the ban of a node and of the address that was banned with it; whether there was one.
    fn unban(&self, node: &NodeId) -> bool;

    /// The bans that hold.
    fn bans(&self) -> Vec<Ban>;

    /// The links, the oldest first.
    fn links(&self) -> Vec<LinkInfo>;

    /// Dials an address once.
    ///
    /// # Errors
    /// [`NetworkError`] if it is not even tried. Whether it succeeds is told by
    /// [`Event::Connected`] and the log.
    fn dial(&self, address: &Address) -> Result<(), NetworkError>;

    /// Keeps a peer from now on; the address must say which node answers.
    ///
    /// # Errors
    /// [`NetworkError::Undialable`], [`NetworkError::Busy`] or [`NetworkError::Stopped`].
    fn add_reserved(&self, address: &Address) -> Result<(), NetworkError>;

    /// Keeps a peer no longer; a link with it stays. Whether it was reserved.
    ///
    /// # Errors
    /// [`NetworkError::Busy`] or [`NetworkError::Stopped`].
    fn remove_reserved(&self, node: &NodeId) -> Result<bool, NetworkError>;

    /// The reserved peers' addresses.
    fn reserved(&self) -> Vec<Address>;

    /// What we are to others.
    fn local(&self) -> Local;
}

/// What a node is to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Its name.
    pub node: NodeId,
    /// The addresses at which it listens, with their real ports.
    pub listen: Vec<Address>,
    /// The addresses at which it says that others reach it, beside those.
    pub external: Vec<Address>,
}

/// One link, for people and for decisions about peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkInfo {
    /// The handle.
    pub link: Link,
    /// Who it is.
    pub node: NodeId,
    /// Where it was dialled, or where it dialled from.
    pub address: Address,
    /// Whether we dialled.
    pub outbound: bool,
    /// Whether the peer is reserved.
    pub reserved: bool,
    /// When the link was made.
    pub since: Timestamp,
    /// The last round trip of a ping, if one came back.
    pub round_trip: Option<Millis>,
    /// What the peer says of its program, shortened.
    pub agent: Option<String>,
    /// Traffic of each lane.
    pub lanes: Vec<LaneTraffic>,
}

/// Traffic of a lane of a link, in bytes of frames without what carries them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneTraffic {
    /// Bytes received.
    pub received_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// Bytes that wait to be written, with what frames cost in memory.
    pub unsent_bytes: usize,
}

/// A refusal of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// The node.
    pub node: NodeId,
    /// The address that is refused too.
    pub address: Option<IpAddr>,
    /// When it ends.
    pub until: Timestamp,
    /// Why, shortened.
    pub reason: String,
}

/// What happens on the network. Of each link: `Connected` once, then frames and writes, then
/// `Disconnected` once and nothing more. A node has one link at a time.
#[derive(Debug)]
pub enum Event {
    /// All lanes of a new link are open.
    Connected {
        /// The link.
        link: Link,
        /// Who it is.
        node: NodeId,
        /// Where it was dialled, or where it dialled from.
        address: Address,
        /// Whether we dialled.
        outbound: bool,
        /// Whether the peer is reserved.
        reserved: bool,
    },
    /// A link has ended.
    Disconnected {
        /// The link.
        link: Link,
        /// Who it was.
        node: NodeId,
        /// Why, for the log.
        reason: String,
    },
    /// A frame has come.
    Frame(Frame),
    /// Frames were given to the connection: no longer in our queues, but not yet received.
    Written {
        /// The link.
        link: Link,
        /// The lane.
        lane: u8,
        /// How many frames.
        frames: usize,
        /// Their bytes together.
        bytes: usize,
    },
}

/// A received frame. Until it is dropped, its bytes count as unread, and bound what the peer can
/// send on the lane.
pub struct Frame {
    /// The link that it came by.
    pub link: Link,
    /// The lane that it came by.
    pub lane: u8,
    /// What it says.
    pub bytes: Vec<u8>,
    /// Gives the room back when it is dropped.
    room: Option<Room>,
}

/// What a frame takes of its lane, and of what all links share for long frames.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) _of_lane: OwnedSemaphorePermit,
    pub(crate) _of_all: Option<OwnedSemaphorePermit>,
}

impl Frame {
    pub(crate) const fn received(link: Link, lane: u8, bytes: Vec<u8>, room: Room) -> Self {
        Self {
            link,
            lane,
            bytes,
            room: Some(room),
        }
    }

    /// A frame that takes no room of any link, for tests and for what a node tells itself.
    #[must_use]
    pub const fn unbound(link: Link, lane: u8, bytes: Vec<u8>) -> Self {
        Self {
            link,
            lane,
            bytes,
            room: None,
        }
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("link", &self.link)
            .field("lane", &self.lane)
            .field("bytes", &self.bytes.len())
            .field("counted", &self.room.is_some())
            .finish()
    }
}
