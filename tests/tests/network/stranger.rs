//! A peer that a test speaks for: a real connection, over which it says what it likes.

use picot_clock::SystemClock;
use picot_models::ChainId;
use picot_network::{
    Config, Event, Frame, Handle, Identity, LaneConfig, Link, Network, SendError, start,
};
use picot_protocol::{Hello, Lane, PROTOCOL_VERSION, Packet};
use picot_serialization::{Encode, decode_exact};
use picot_tests::Relay;
use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long an answer may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries to send to a node that takes no more.
const FULL_PAUSE: Duration = Duration::from_millis(1);

/// Frames that are kept for [`Stranger::hear`]; those after them are only counted.
const KEPT_FRAMES: u64 = 1_000;

/// Whether it takes what the node sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ears {
    Open,
    /// What comes is never taken, so that the node's window closes.
    Shut,
}

/// What came to a stranger.
enum Heard {
    Connected(Link),
    Packet(Vec<u8>),
    /// Takes room of the link as long as it is there.
    Untaken(#[allow(dead_code, reason = "only that it is there matters")] Frame),
    Ended(Link),
}

/// A stranger, at an address of its own.
pub struct Stranger {
    /// The name of its node.
    pub name: String,
    /// Where it calls from.
    pub address: Ipv4Addr,
    handle: Handle,
    heard: Receiver<Heard>,
    /// Connections whose end was heard of.
    ended: RefCell<Vec<Link>>,
    frames: Arc<AtomicU64>,
    link: Option<Link>,
    _relay: Relay,
}

impl Stranger {
    /// Calls a node: who it is and where it calls from is made of a number.
    pub fn call(number: u8, node: SocketAddrV4, ears: Ears) -> Self {
        Self::call_as(number, node, ears, "/picot/1")
    }

    /// As [`Stranger::call`], over another protocol.
    pub fn call_as(number: u8, node: SocketAddrV4, ears: Ears, protocol: &str) -> Self {
        let address = Ipv4Addr::new(127, 3, number, 1);
        let relay = Relay::start(Ipv4Addr::LOCALHOST, address);
        relay.lead_to(node);
        let config = Config {
            peers: vec![relay.multiaddress().parse().unwrap()],
            discovery: false,
            public: false,
            lanes: lanes(),
            redial_min: Duration::from_millis(100),
            redial_max: Duration::from_millis(100),
            protocol: protocol.to_owned(),
            ..Config::default()
        };
        let identity = Identity::from_seed([number; 32]).unwrap();
        let name = identity.node_id().to_string();
        let (sender, heard) = channel();
        let frames = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&frames);
        let handle = start(identity, config, Arc::new(SystemClock), move |event| {
            if let Some(heard) = listen(event, ears, &count) {
                // The stranger may be gone already.
                let _ = sender.send(heard);
            }
        });
        Self {
            name,
            address,
            handle: handle.unwrap(),
            heard,
            ended: RefCell::default(),
            frames,
            link: None,
            _relay: relay,
        }
    }

    /// Waits until it is connected.
    pub fn connected(mut self) -> Self {
        self.link = Some(self.wait_for("connected", |heard| match heard {
            Heard::Connected(link) => Some(*link),
            _ => None,
        }));
        self
    }

    /// Says what an honest node says first.
    pub fn introduced(self, chain_id: ChainId) -> Self {
        let this = self.connected();
        this.say(&hello(PROTOCOL_VERSION, chain_id));
        this
    }

    /// Sends a packet on its lane. Whether it is still connected.
    pub fn say(&self, packet: &Packet) -> bool {
        let lane = picot_protocol::Frame::new(packet.clone()).lane();
        self.send(lane, packet.to_bytes())
    }

    /// Sends a frame, once there is room for it. Whether it is still connected.
    pub fn send(&self, lane: Lane, bytes: Vec<u8>) -> bool {
        let frame: Arc<[u8]> = bytes.into();
        let start = Instant::now();
        loop {
            match self
                .handle
                .send(self.link(), lane.number(), Arc::clone(&frame))
            {
                Ok(()) => return true,
                Err(SendError::Full) if start.elapsed() < PATIENCE => {
                    std::thread::sleep(FULL_PAUSE);
                }
                Err(_) => return false,
            }
        }
    }

    /// Sends a frame if there is room. Whether it did.
    pub fn try_say(&self, packet: &Packet) -> bool {
        let frame = picot_protocol::Frame::new(packet.clone());
        let bytes = Arc::clone(frame.bytes());
        self.handle
            .send(self.link(), frame.lane().number(), bytes)
            .is_ok()
    }

    fn link(&self) -> Link {
        self.link.unwrap()
    }

    /// Waits until the node ends the connection, which it may have done while something else was waited
    /// for: what it said last can be lost with the connection, and is said again at the next one.
    pub fn wait_for_end(&self) {
        let link = self.link();
        if self.ended.borrow().contains(&link) {
            return;
        }
        self.wait_for("sent away", |heard| {
            matches!(heard, Heard::Ended(ended) if *ended == link).then_some(())
        });
    }

    /// Frames of the node that it took.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Waits for a packet of the node.
    pub fn hear<T>(&self, what: &str, is_it: impl Fn(Packet) -> Option<T>) -> T {
        self.wait_for(what, |heard| match heard {
            Heard::Packet(bytes) => is_it(decode_exact(bytes).unwrap()),
            _ => None,
        })
    }

    fn wait_for<T>(&self, what: &str, is_it: impl Fn(&Heard) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(start.elapsed());
            match self.heard.recv_timeout(left) {
                Ok(heard) => {
                    if let Heard::Ended(link) = &heard {
                        self.ended.borrow_mut().push(*link);
                    }
                    if let Some(found) = is_it(&heard) {
                        return found;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("stranger {} was never {what}", self.name)
                }
            }
        }
    }
}

fn listen(event: Event, ears: Ears, count: &AtomicU64) -> Option<Heard> {
    match event {
        Event::Connected { link, .. } => Some(Heard::Connected(link)),
        Event::Disconnected { link, .. } => Some(Heard::Ended(link)),
        Event::Written { .. } => None,
        Event::Frame(frame) if ears == Ears::Shut => Some(Heard::Untaken(frame)),
        Event::Frame(mut frame) => {
            let is_kept = count.fetch_add(1, Ordering::Relaxed) < KEPT_FRAMES;
            is_kept.then(|| Heard::Packet(std::mem::take(&mut frame.bytes)))
        }
    }
}

/// The lanes of a node, with room for the longest frames.
pub fn lanes() -> Vec<LaneConfig> {
    let lane = |lane: Lane| LaneConfig {
        max_frame_bytes: lane.max_frame_bytes(),
        unread_bytes: lane.max_frame_bytes() + (1 << 20),
        unsent_bytes: lane.max_frame_bytes() + (1 << 20),
    };
    Lane::ALL.map(lane).into()
}

/// A handshake.
pub fn hello(version: u32, chain_id: ChainId) -> Packet {
    Packet::Hello(Hello {
        version,
        chain_id,
        agent: "stranger".to_owned(),
    })
}
