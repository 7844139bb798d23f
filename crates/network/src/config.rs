//! The settings of the network.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Address, NetworkError, NodeId};

/// What a frame costs in the accounts of unread and unsent bytes, beside its own bytes: about the
/// memory that keeping it takes.
pub(crate) const FRAME_COST_BYTES: usize = 256;

/// The least of the bytes that a lane's receiver may hold.
const MIN_UNREAD_BYTES: usize = 64 * 1_024;

/// The most lanes of a link.
pub(crate) const MAX_LANES: usize = 8;

/// One lane of every link. Both ends must have the same `max_frame_bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneConfig {
    /// Bytes of the largest frame; a peer that announces a larger one is disconnected.
    pub max_frame_bytes: usize,
    /// Bytes of received frames of one link that may be held by whoever receives them, 256 for
    /// each frame included; while they are, the lane is not read. A longer frame takes all of them,
    /// and the rest of [`Config::long_frames_bytes`].
    pub unread_bytes: usize,
    /// Bytes of frames of one link that may wait to be sent, 256 for each frame included.
    pub unsent_bytes: usize,
}

/// Who may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections that others may have opened, handshakes included. Reserved peers do not count,
    /// in this limit and in those below.
    pub max_inbound: usize,
    /// Connections that we may have opened, attempts included.
    pub max_outbound: usize,
    /// Outbound links that we try to have.
    pub target_outbound: usize,
    /// Connections with one IP address.
    pub max_per_address: usize,
    /// Connections with one range of addresses: /24 of IPv4, /48 of IPv6.
    pub max_per_prefix: usize,
    /// New inbound connections per second of one such range.
    pub new_per_second: u32,
    /// New inbound connections of one such range at once.
    pub new_burst: u32,
}

/// The settings of a node's network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: Vec<Address>,
    /// Where others reach us, if that differs from where we listen.
    pub external: Vec<Address>,
    /// Peers to begin with; which node answers may be left open.
    pub peers: Vec<Address>,
    /// Peers that always have room and are dialled for ever; with the node that must answer.
    pub reserved: Vec<Address>,
    /// Whether peers are asked for other peers; needs `target_outbound` links to be reached.
    pub discovery: bool,
    /// Whether this is a network of the internet: then addresses of private ranges are neither told
    /// nor dialled when learnt from others.
    pub public: bool,
    /// Who may connect.
    pub limits: Limits,
    /// The lanes, the most urgent first; both ends must have as many.
    pub lanes: Vec<LaneConfig>,
    /// For all links together: bytes that frames may have over the `unread_bytes` of their lanes, so
    /// that many peers who send long frames cannot fill the memory.
    pub long_frames_bytes: usize,
    /// Bytes per second that are read from one link. The bytes of a less urgent lane wait for those
    /// of a more urgent one.
    pub read_bytes_per_second: u64,
    /// Bytes that are read from one link at once after it was quiet.
    pub read_burst_bytes: u64,
    /// Bytes that one connection may have received that no lane has read, at least 256 KiB for each
    /// of its streams.
    pub window_bytes: usize,
    /// How long each step of becoming a link may take: connecting with the handshakes, and opening
    /// the lanes.
    pub handshake_timeout: Duration,
    /// How long after an answered ping the next one is sent.
    pub ping_interval: Duration,
    /// How long a ping may stay unanswered. A link with no answer for this and `ping_interval`
    /// together is given up.
    pub ping_timeout: Duration,
    /// Wait before a peer is dialled again, at first; it doubles with each failure.
    pub redial_min: Duration,
    /// Wait before a peer is dialled again, at most.
    pub redial_max: Duration,
    /// The name of the protocol, with its version: nodes with different names have no links.
    pub protocol: String,
    /// What keeps the searches for peers of different chains apart, as a part of a protocol's name.
    pub network_tag: String,
    /// What we tell peers of our program, for people to read.
    pub agent: String,
    /// Threads of the network, 1 or 2.
    pub worker_threads: usize,
}

impl Default for Config {
    fn default() -> Self {
        const KIB: usize = 1_024;
        const MIB: usize = 1_024 * KIB;
        let lane = |max_frame_bytes, held_bytes| LaneConfig {
            max_frame_bytes,
            unread_bytes: held_bytes,
            unsent_bytes: held_bytes,
        };
        Self {
            listen: Vec::new(),
            external: Vec::new(),
            peers: Vec::new(),
            reserved: Vec::new(),
            discovery: true,
            public: true,
            limits: Limits {
                max_inbound: 64,
                max_outbound: 16,
                target_outbound: 8,
                max_per_address: 4,
                max_per_prefix: 16,
                new_per_second: 4,
                new_burst: 16,
            },
            lanes: vec![
                lane(64 * KIB, 512 * KIB),
                lane(MIB, 2 * MIB),
                lane(2 * MIB, 4 * MIB),
            ],
            long_frames_bytes: 64 * MIB,
            read_bytes_per_second: 16 * 1_048_576,
            read_burst_bytes: 16 * 1_048_576,
            window_bytes: 12 * MIB,
            handshake_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(5),
            ping_timeout: Duration::from_secs(15),
            redial_min: Duration::from_secs(1),
            redial_max: Duration::from_secs(60),
            protocol: "/picot/1".to_owned(),
            network_tag: "picot".to_owned(),
            agent: concat!("picot/", env!("CARGO_PKG_VERSION")).to_owned(),
            worker_threads: 2,
        }
    }
}

impl Config {
    /// Refuses settings that cannot work.
    ///
    /// # Errors
    /// [`NetworkError::Config`], which names the field.
    pub fn validate(&self) -> Result<(), NetworkError> {
        self.validate_addresses()?;
        self.validate_lanes()?;
        self.validate_limits()?;
        self.validate_times()?;
        self.validate_names()
    }

    /// The reserved peers with their addresses.
    pub(crate) fn reserved_nodes(&self) -> BTreeMap<NodeId, Vec<Address>> {
        let mut nodes: BTreeMap<NodeId, Vec<Address>> = BTreeMap::new();
        for address in &self.reserved {
            if let Some(node) = address.node() {
                nodes.entry(node).or_default().push(address.without_node());
            }
        }
        nodes
    }

    /// What both ends must speak alike: the protocol and the number of lanes.
    pub(crate) fn dialect(&self) -> String {
        format!("{}/{}-lanes", self.protocol, self.lanes.len())
    }

    /// Streams that one connection may have: the lanes, and what pings, identification and
    /// discovery open beside them.
    pub(crate) fn max_streams(&self) -> usize {
        self.lanes.len().saturating_add(STREAMS_BESIDE_LANES)
    }

    fn validate_addresses(&self) -> Result<(), NetworkError> {
        for (field, addresses) in [
            ("external", &self.external),
            ("peers", &self.peers),
            ("reserved", &self.reserved),
        ] {
            for address in addresses {
                if let Some(trouble) = address.trouble() {
                    return wrong(format!("{field}: {address}: {trouble}"));
                }
                if field == "reserved" && address.node().is_none() {
                    return wrong(format!(
                        "reserved: {address} does not say which node: add /p2p/"
                    ));
                }
            }
        }
        for address in &self.listen {
            if address.ip().is_none() || address.port().is_none() || address.node().is_some() {
                return wrong(format!("listen: {address} is not an IP address and port"));
            }
        }
        Ok(())
    }

    fn validate_lanes(&self) -> Result<(), NetworkError> {
        if self.lanes.is_empty() || self.lanes.len() > MAX_LANES {
            return wrong(format!(
                "lanes: {} is not in 1..={MAX_LANES}",
                self.lanes.len()
            ));
        }
        for (lane, config) in self.lanes.iter().enumerate() {
            let most = config.max_frame_bytes.saturating_add(FRAME_COST_BYTES);
            if config.max_frame_bytes == 0 || most > u32::MAX as usize {
                return wrong(format!(
                    "lanes: max_frame_bytes of lane {lane} is 0 or over 4 GiB"
                ));
            }
            let least = most.min(MIN_UNREAD_BYTES);
            if config.unread_bytes < least || config.unread_bytes > u32::MAX as usize {
                return wrong(format!(
                    "lanes: unread_bytes of lane {lane} is not in {least}..4 GiB"
                ));
            }
            if most.saturating_sub(config.unread_bytes) > self.long_frames_bytes {
                return wrong(format!(
                    "lanes: unread_bytes of lane {lane} and long_frames_bytes hold no whole frame"
                ));
            }
            if config.unsent_bytes < most {
                return wrong(format!(
                    "lanes: unsent_bytes of lane {lane} holds no whole frame"
                ));
            }
        }
        if self.long_frames_bytes > u32::MAX as usize {
            return wrong("long_frames_bytes is over 4 GiB".into());
        }
        Ok(())
    }

    fn validate_limits(&self) -> Result<(), NetworkError> {
        if self.limits.target_outbound > self.limits.max_outbound {
            return wrong("limits: target_outbound is over max_outbound".into());
        }
        if self.limits.new_per_second == 0 || self.limits.new_burst == 0 {
            return wrong("limits: new_per_second or new_burst is 0".into());
        }
        if self.read_bytes_per_second == 0 || self.read_burst_bytes < MIN_READ_BURST_BYTES {
            return wrong(format!(
                "read_bytes_per_second is 0 or read_burst_bytes is below {MIN_READ_BURST_BYTES}"
            ));
        }
        let least = self.max_streams().saturating_mul(STREAM_WINDOW_BYTES);
        if self.window_bytes < least || self.window_bytes > u32::MAX as usize {
            return wrong(format!("window_bytes is not in {least}..4 GiB"));
        }
        if !(1..=2).contains(&self.worker_threads) {
            return wrong("worker_threads is not 1 or 2".into());
        }
        Ok(())
    }

    fn validate_times(&self) -> Result<(), NetworkError> {
        for (field, time) in [
            ("handshake_timeout", self.handshake_timeout),
            ("ping_interval", self.ping_interval),
            ("ping_timeout", self.ping_timeout),
            ("redial_min", self.redial_min),
            ("redial_max", self.redial_max),
        ] {
            if time.is_zero() || time > MAX_TIME {
                return wrong(format!("{field} is 0 or over an hour"));
            }
        }
        if self.redial_min > self.redial_max {
            return wrong("redial_min is over redial_max".into());
        }
        Ok(())
    }

    fn validate_names(&self) -> Result<(), NetworkError> {
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_graphic()) && text.len() <= 64;
        if !self.protocol.starts_with('/') || self.protocol.len() < 2 || !plain(&self.protocol) {
            return wrong(format!("protocol: {:?} is not like /name/1", self.protocol));
        }
        if self.network_tag.is_empty() || !plain(&self.network_tag) {
            return wrong(format!(
                "network_tag: {:?} is not a short word",
                self.network_tag
            ));
        }
        if !plain(&self.agent) {
            return wrong(format!("agent: {:?} is not a short word", self.agent));
        }
        Ok(())
    }
}

/// The window that every stream has from the beginning (yamux, section 'flow control').
pub(crate) const STREAM_WINDOW_BYTES: usize = 256 * 1_024;
const STREAMS_BESIDE_LANES: usize = 29;
/// Room for a chunk of each lane above the reserve of the lanes before it.
const MIN_READ_BURST_BYTES: u64 = 64 * 1_024;
const MAX_TIME: Duration = Duration::from_secs(3_600);

fn wrong(what: String) -> Result<(), NetworkError> {
    Err(NetworkError::Config(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_pinned() {
        let config = Config::default();
        config.validate().unwrap();
        assert_eq!(config.limits.max_inbound, 64);
        assert_eq!(config.limits.target_outbound, 8);
        assert_eq!(config.limits.max_per_address, 4);
        let frames: Vec<_> = config
            .lanes
            .iter()
            .map(|lane| lane.max_frame_bytes)
            .collect();
        assert_eq!(frames, [65_536, 1_048_576, 2_097_152]);
        assert_eq!(config.handshake_timeout, Duration::from_secs(10));
        assert_eq!(config.protocol, "/picot/1");
        assert!(config.public && config.discovery);
    }

    fn refused(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_field_is_named() {
        type Change = Box<dyn FnOnce(&mut Config)>;
        let cases: Vec<(&str, Change)> = vec![
            ("lanes", Box::new(|c| c.lanes.clear())),
            ("lanes", Box::new(|c| c.lanes = vec![c.lanes[0]; 9])),
            (
                "max_frame_bytes of lane 1",
                Box::new(|c| c.lanes[1].max_frame_bytes = 0),
            ),
            (
                "unread_bytes of lane 2",
                Box::new(|c| c.lanes[2].unread_bytes = (64 << 10) - 1),
            ),
            (
                "unread_bytes of lane 1 and long_frames_bytes",
                Box::new(|c| {
                    c.lanes[1].unread_bytes = 64 << 10;
                    c.long_frames_bytes = 900_000;
                }),
            ),
            (
                "long_frames_bytes",
                Box::new(|c| c.long_frames_bytes = usize::MAX),
            ),
            (
                "unsent_bytes of lane 0",
                Box::new(|c| c.lanes[0].unsent_bytes = 65_536),
            ),
            (
                "target_outbound",
                Box::new(|c| c.limits.target_outbound = 17),
            ),
            ("new_per_second", Box::new(|c| c.limits.new_per_second = 0)),
            ("read_burst_bytes", Box::new(|c| c.read_burst_bytes = 1)),
            ("window_bytes", Box::new(|c| c.window_bytes = 1)),
            ("worker_threads", Box::new(|c| c.worker_threads = 3)),
            (
                "ping_timeout",
                Box::new(|c| c.ping_timeout = Duration::ZERO),
            ),
            (
                "redial_min",
                Box::new(|c| c.redial_min = Duration::from_secs(99)),
            ),
            ("protocol", Box::new(|c| c.protocol = "picot".into())),
            ("network_tag", Box::new(|c| c.network_tag.clear())),
            ("agent", Box::new(|c| c.agent = "two words".into())),
            (
                "listen",
                Box::new(|c| c.listen.push("/dns4/a/tcp/1".parse().unwrap())),
            ),
            (
                "external",
                Box::new(|c| c.external.push("/ip4/0.0.0.0/tcp/1".parse().unwrap())),
            ),
            (
                "peers",
                Box::new(|c| c.peers.push("/ip4/1.2.3.4/tcp/0".parse().unwrap())),
            ),
            (
                "reserved",
                Box::new(|c| c.reserved.push("/ip4/1.2.3.4/tcp/1".parse().unwrap())),
            ),
        ];
        for (field, change) in cases {
            let error = refused(change);
            assert!(error.contains(field), "{error} does not name {field}");
        }
    }
}
