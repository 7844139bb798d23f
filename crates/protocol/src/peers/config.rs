//! How peers are treated.

use super::PerLane;
use super::table::MAX_PLACES;
use crate::{Lane, ProtocolError};
use picot_clock::Millis;

/// So many in a second, and so many at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In a second, in the long run.
    pub per_second: u64,
    /// At once.
    pub burst: u64,
}

/// The bounds of one lane of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneLimits {
    /// Frames that wait.
    pub queue_frames: usize,
    /// Bytes of the frames that wait; at least the longest frame of the lane.
    pub queue_bytes: usize,
    /// Bytes that the transport has been given and has not passed on, each frame with
    /// [`FRAME_COST_BYTES`](crate::FRAME_COST_BYTES) more. A frame that is longer is given to it alone:
    /// a transport must be able to hold so much, or the longest frame, without refusing any.
    pub window_bytes: usize,
    /// Packets that the peer may send.
    pub packets: Rate,
    /// Bytes that the peer may send; the burst is at least the longest frame of the lane.
    pub bytes: Rate,
}

/// How peers are treated.
///
/// The defaults leave an honest node of the production parameters (32 threads, 16 s, 1,000 validators) a
/// wide margin even when rounds go badly: 2 slots a second with 3 votes of each validator are 6,000 votes
/// of some 250 bytes, and a certificate of all of them has 100 KB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeersConfig {
    /// Peers that are not reserved. Reserved ones may take the other places up to 256 in all.
    pub max_peers: usize,
    /// Of these, peers that called this node: the rest is kept for those that this node calls.
    pub max_inbound: usize,
    /// How long a peer may take to introduce itself.
    pub handshake_wait: Millis,
    /// How often a peer is told how far this node is, if nothing else happens.
    pub status_interval: Millis,
    /// How often at most, while this node makes progress.
    pub status_pause: Millis,
    /// Peers that are told of progress at once, others each time.
    pub progress_told: usize,
    /// Points at which a node is banned; see [`Fault`](crate::Fault).
    pub penalty_limit: u64,
    /// In what time one point fades.
    pub penalty_fade: Millis,
    /// How long a node's first ban is; each further one is twice as long.
    pub ban_length: Millis,
    /// How long a ban is at most. So long after a ban it no longer doubles the next one.
    pub max_ban_length: Millis,
    /// Nodes whose faults are remembered.
    pub max_accounts: usize,
    /// The bounds of each lane.
    pub lanes: PerLane<LaneLimits>,
    /// Questions that a peer may ask; a question with a long answer counts as several.
    pub questions: Rate,
    /// Bytes that wait for all peers together; a frame that waits for several counts for each. Over
    /// it, the peer for whom the most waits loses its least valuable frames.
    pub max_queued_bytes: usize,
}

impl Default for PeersConfig {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        const MIB_U64: u64 = 1 << 20;
        Self {
            max_peers: 192,
            max_inbound: 160,
            handshake_wait: Millis(10_000),
            status_interval: Millis(5_000),
            status_pause: Millis(1_000),
            progress_told: 8,
            penalty_limit: 100,
            penalty_fade: Millis(6_000),
            ban_length: Millis(5 * 60_000),
            max_ban_length: Millis(24 * 3_600_000),
            max_accounts: 4_096,
            lanes: PerLane {
                urgent: LaneLimits {
                    queue_frames: 16_384,
                    queue_bytes: 24 * MIB,
                    window_bytes: MIB / 4,
                    packets: Rate {
                        per_second: 16_384,
                        burst: 65_536,
                    },
                    bytes: Rate {
                        per_second: 32 * MIB_U64,
                        burst: 64 * MIB_U64,
                    },
                },
                gossip: LaneLimits {
                    queue_frames: 4_096,
                    queue_bytes: 16 * MIB,
                    window_bytes: MIB / 4,
                    packets: Rate {
                        per_second: 8_192,
                        burst: 16_384,
                    },
                    bytes: Rate {
                        per_second: 32 * MIB_U64,
                        burst: 64 * MIB_U64,
                    },
                },
                // Outcomes come only when they are asked for: at once at most 64 of each thread, and
                // their bytes as fast as links are.
                bulk: LaneLimits {
                    queue_frames: 4_096,
                    queue_bytes: 32 * MIB,
                    window_bytes: MIB,
                    packets: Rate {
                        per_second: 16_384,
                        burst: 32_768,
                    },
                    bytes: Rate {
                        per_second: 128 * MIB_U64,
                        burst: 256 * MIB_U64,
                    },
                },
            },
            questions: Rate {
                per_second: 1_024,
                burst: 4_096,
            },
            max_queued_bytes: 512 * MIB,
        }
    }
}

impl PeersConfig {
    /// Checks the fields.
    ///
    /// # Errors
    /// [`ProtocolError::Config`] names the wrong field.
    pub fn validate(&self) -> Result<(), ProtocolError> {
        require(
            (1..=MAX_PLACES).contains(&self.max_peers),
            "peers.max_peers",
            "must be from 1 to 256",
        )?;
        require(
            self.max_inbound <= self.max_peers,
            "peers.max_inbound",
            "is more than peers.max_peers",
        )?;
        for (time, field) in [
            (self.handshake_wait, "peers.handshake_wait"),
            (self.status_pause, "peers.status_pause"),
            (self.penalty_fade, "peers.penalty_fade"),
            (self.ban_length, "peers.ban_length"),
        ] {
            require(time > Millis::ZERO, field, "must be longer than nothing")?;
        }
        require(
            self.status_pause <= self.status_interval,
            "peers.status_interval",
            "is shorter than peers.status_pause",
        )?;
        require(
            self.ban_length <= self.max_ban_length,
            "peers.max_ban_length",
            "is shorter than peers.ban_length",
        )?;
        require(
            self.progress_told > 0,
            "peers.progress_told",
            "must be above 0",
        )?;
        require(
            self.penalty_limit > 0,
            "peers.penalty_limit",
            "must be at least 1",
        )?;
        require(
            self.max_accounts >= MAX_PLACES,
            "peers.max_accounts",
            "must be at least 256: one for each peer",
        )?;
        self.validate_bounds()
    }

    fn validate_bounds(&self) -> Result<(), ProtocolError> {
        for (lane, field) in [
            (Lane::Urgent, "peers.lanes.urgent"),
            (Lane::Gossip, "peers.lanes.gossip"),
            (Lane::Bulk, "peers.lanes.bulk"),
        ] {
            let (limits, longest) = (self.lanes.get(lane), lane.max_frame_bytes());
            require(
                limits.queue_frames > 0 && limits.queue_bytes >= longest,
                field,
                "the queue has no room for the longest frame",
            )?;
            require(
                limits.window_bytes > 0,
                field,
                "the window must be at least 1 byte",
            )?;
            require(
                limits.packets.per_second > 0 && limits.packets.burst > 0,
                field,
                "the rate of packets lets none in",
            )?;
            require(
                limits.bytes.per_second > 0
                    && usize::try_from(limits.bytes.burst).is_ok_and(|burst| burst >= longest),
                field,
                "the rate of bytes does not let the longest frame in",
            )?;
            require(
                self.max_queued_bytes >= limits.queue_bytes,
                "peers.max_queued_bytes",
                "is less than what may wait on one lane of one peer",
            )?;
        }
        require(
            self.questions.per_second > 0 && self.questions.burst >= super::rate::MAX_QUESTION_COST,
            "peers.questions",
            "the rate does not let the longest question in",
        )
    }
}

fn require(is_right: bool, field: &'static str, reason: &str) -> Result<(), ProtocolError> {
    if is_right {
        return Ok(());
    }
    Err(ProtocolError::Config {
        field,
        reason: reason.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_right() {
        assert_eq!(PeersConfig::default().validate(), Ok(()));
    }

    #[test]
    fn the_wrong_field_is_named() {
        type Change = fn(&mut PeersConfig);
        let cases: [(&str, Change); 21] = [
            ("peers.max_peers", |c| c.max_peers = 0),
            ("peers.max_peers", |c| c.max_peers = 257),
            ("peers.max_inbound", |c| c.max_inbound = c.max_peers + 1),
            ("peers.handshake_wait", |c| c.handshake_wait = Millis(0)),
            ("peers.status_pause", |c| c.status_pause = Millis(0)),
            ("peers.status_interval", |c| c.status_interval = Millis(1)),
            ("peers.progress_told", |c| c.progress_told = 0),
            ("peers.penalty_limit", |c| c.penalty_limit = 0),
            ("peers.penalty_fade", |c| c.penalty_fade = Millis(0)),
            ("peers.ban_length", |c| c.ban_length = Millis(0)),
            ("peers.max_ban_length", |c| c.max_ban_length = Millis(1)),
            ("peers.max_accounts", |c| c.max_accounts = 255),
            ("peers.lanes.urgent", |c| c.lanes.urgent.queue_frames = 0),
            ("peers.lanes.bulk", |c| c.lanes.bulk.queue_bytes = 16 << 19),
            ("peers.lanes.gossip", |c| c.lanes.gossip.window_bytes = 0),
            ("peers.lanes.gossip", |c| c.lanes.gossip.packets.burst = 0),
            ("peers.lanes.gossip", |c| {
                c.lanes.gossip.bytes.per_second = 0;
            }),
            ("peers.lanes.urgent", |c| c.lanes.urgent.bytes.burst = 1),
            ("peers.max_queued_bytes", |c| c.max_queued_bytes = 1),
            ("peers.questions", |c| c.questions.per_second = 0),
            ("peers.questions", |c| c.questions.burst = 3),
        ];
        for (wrong, change) in cases {
            let mut config = PeersConfig::default();
            change(&mut config);
            match config.validate() {
                Err(ProtocolError::Config { field, .. }) => assert_eq!(field, wrong),
                other => panic!("{wrong}: {other:?}"),
            }
        }
    }
}
