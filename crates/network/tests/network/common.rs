//! Nodes on loopback, and how tests wait for what they do.
use crossbeam_channel::{Receiver, unbounded};
use picot_clock::{ManualClock, Timestamp};
use picot_network::{
    Address, Config, Event, Frame, Handle, Identity, LaneConfig, Limits, Link, Network, NodeId,
    SendError, start,
};
use std::collections::VecDeque;
use std::io::Write;
use std::ops::Deref;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tracing_subscriber::fmt::MakeWriter;

/// Far more than anything here takes: a test that waits so long has failed.
const TOO_LONG: Duration = Duration::from_secs(60);
pub(crate) const NOW: Timestamp = Timestamp(1_000_000);

/// A running node and what it told.
pub(crate) struct Node {
    handle: Handle,
    events: Receiver<Event>,
    passed: VecDeque<Event>,
    pub(crate) clock: Arc<ManualClock>,
}

impl Deref for Node {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

/// A node that listens on a free port of loopback, has no limits that tests reach, dials again at
/// once and looks for nobody.
pub(crate) fn config() -> Config {
    let lane = |max_frame_bytes, held| LaneConfig {
        max_frame_bytes,
        unread_bytes: held,
        unsent_bytes: held,
    };
    Config {
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        discovery: false,
        public: false,
        limits: Limits {
            max_inbound: 100,
            max_outbound: 100,
            target_outbound: 10,
            max_per_address: 100,
            max_per_prefix: 100,
            new_per_second: 1_000,
            new_burst: 1_000,
        },
        lanes: vec![
            lane(65_536, 262_144),
            lane(1_048_576, 2_097_152),
            lane(1_048_576, 2_097_152),
        ],
        redial_min: Duration::from_millis(20),
        redial_max: Duration::from_millis(200),
        ..Config::default()
    }
}

pub(crate) fn identity(seed: u8) -> Identity {
    Identity::from_seed([seed; 32]).unwrap()
}

pub(crate) fn node_id(seed: u8) -> NodeId {
    identity(seed).node_id()
}

impl Node {
    pub(crate) fn start(seed: u8, config: Config) -> Self {
        LazyLock::force(&LOG);
        let (sender, events) = unbounded();
        let clock = Arc::new(ManualClock::new(NOW));
        let of_node: Arc<ManualClock> = Arc::clone(&clock);
        let handle = start(identity(seed), config, of_node, move |event| {
            let _ = sender.send(event);
        });
        Self {
            handle: handle.unwrap(),
            events,
            passed: VecDeque::new(),
            clock,
        }
    }

    /// A node with the settings of [`config`] that dials `peers`.
    pub(crate) fn with_peers(seed: u8, peers: &[Address]) -> Self {
        Self::start(
            seed,
            Config {
                peers: peers.to_vec(),
                ..config()
            },
        )
    }

    /// Where the node is reached, with its name.
    pub(crate) fn address(&self) -> Address {
        let local = self.local();
        local.listen[0].with_node(local.node)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address().port().unwrap()
    }

    /// The first event, old or new, that `wanted` takes something out of. The others are kept.
    pub(crate) fn wait<T>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(&mut Event) -> Option<T>,
    ) -> T {
        for (index, event) in self.passed.iter_mut().enumerate() {
            if let Some(found) = wanted(event) {
                self.passed.remove(index);
                return found;
            }
        }
        let end = Instant::now() + TOO_LONG;
        loop {
            let Ok(mut event) = self.events.recv_deadline(end) else {
                panic!("waited too long for {what}; passed: {:?}", self.passed);
            };
            match wanted(&mut event) {
                Some(found) => return found,
                None => self.passed.push_back(event),
            }
        }
    }

    pub(crate) fn connected(&mut self, with: NodeId) -> Link {
        self.wait("a connection", |event| match event {
            Event::Connected { link, node, .. } if *node == with => Some(*link),
            _ => None,
        })
    }

    pub(crate) fn disconnected(&mut self, from: Link) -> String {
        self.wait("the end of a link", |event| match event {
            Event::Disconnected { link, reason, .. } if *link == from => Some(reason.clone()),
            _ => None,
        })
    }

    /// The next frame of a lane, with its room.
    pub(crate) fn frame(&mut self, of_lane: u8) -> Frame {
        self.wait("a frame", |event| match event {
            Event::Frame(frame) if frame.lane == of_lane => Some(std::mem::replace(
                frame,
                Frame::unbound(Link(0), 0, Vec::new()),
            )),
            _ => None,
        })
    }

    /// All that has been told and not been waited for.
    pub(crate) fn all(&mut self) -> Vec<&Event> {
        self.passed.extend(self.events.try_iter());
        self.passed.iter().collect()
    }

    pub(crate) fn count(&mut self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.all().into_iter().filter(|event| wanted(event)).count()
    }

    /// Sends, waiting while there is no room.
    pub(crate) fn send_all(&self, link: Link, lane: u8, frame: Vec<u8>) {
        let frame: Arc<[u8]> = frame.into();
        until("room for a frame", || {
            match self.send(link, lane, Arc::clone(&frame)) {
                Ok(()) => true,
                Err(SendError::Full) => false,
                Err(error) => panic!("{error}"),
            }
        });
    }

    /// Stops the node and gives what it had told and not been waited for.
    pub(crate) fn stop(mut self) -> Vec<Event> {
        drop(self.handle);
        self.passed.extend(self.events.try_iter());
        self.passed.into()
    }
}

/// Two linked nodes, the second having dialled, and their links.
pub(crate) fn pair(first: u8, second: u8) -> (Node, Link, Node, Link) {
    let mut one = Node::with_peers(first, &[]);
    let mut other = Node::with_peers(second, &[one.address()]);
    let (to_other, to_one) = (
        one.connected(node_id(second)),
        other.connected(node_id(first)),
    );
    (one, to_other, other, to_one)
}

pub(crate) fn is_connected(event: &Event) -> bool {
    matches!(event, Event::Connected { .. })
}

pub(crate) fn is_disconnected(event: &Event) -> bool {
    matches!(event, Event::Disconnected { .. })
}

/// Waits for a condition that no event tells.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + TOO_LONG;
    while !condition() {
        assert!(
            Instant::now() < end,
            "waited too long for {what}\n{}",
            log()
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// Waits for a log line that has all the words.
pub(crate) fn logged(words: &[&str]) {
    until(&format!("a log line with {words:?}"), || {
        log()
            .lines()
            .any(|line| words.iter().all(|word| line.contains(word)))
    });
}

fn log() -> String {
    String::from_utf8_lossy(&LINES.lock().unwrap()).into_owned()
}

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

static LOG: LazyLock<()> = LazyLock::new(|| {
    tracing_subscriber::fmt()
        .with_env_filter("picot_network=debug")
        .with_ansi(false)
        .with_writer(Lines)
        .init();
});

struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
