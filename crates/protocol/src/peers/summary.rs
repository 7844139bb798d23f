//! What an operator sees of a peer.

use super::{Accounts, ClockOffsets, PacketKind, PerLane, Statuses};
use crate::Lane;
use picot_clock::{Millis, Timestamp};
use picot_crypto::Hash;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What went one way on a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Traffic {
    pub(super) fn count(&mut self, bytes: usize) {
        self.packets = self.packets.saturating_add(1);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// What an operator sees of a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeerInfo {
    /// The handle of the connection.
    pub peer: u64,
    /// The node: the hash of its identity in the transport.
    pub node: Hash,
    /// From where it is connected, if the transport has addresses.
    pub address: Option<IpAddr>,
    /// Whether this node called it.
    pub outbound: bool,
    /// Whether the operator keeps a place for it.
    pub reserved: bool,
    /// Whether it has introduced itself.
    pub ready: bool,
    /// What it says that it runs, without control characters; empty before it has introduced itself.
    pub agent: String,
    /// Since when it is connected.
    pub connected_at: Timestamp,
    /// The time to it and back.
    pub round_trip: Option<Millis>,
    /// By how many milliseconds its clock is after this node's.
    pub clock_offset_ms: Option<i64>,
    /// The last periods that it says to have decided, summed up over the threads.
    pub decided: Option<u64>,
    /// The first period whose blocks it says to give.
    pub serves_from: Option<u64>,
    /// Slots that it says not to have decided and this node has.
    pub behind_slots: u64,
    /// Slots that it says to have decided and this node has not.
    pub ahead_slots: u64,
    /// Bytes that wait for it, by lane.
    pub queued_bytes: PerLane<usize>,
    /// What was sent to it.
    pub sent: PerLane<Traffic>,
    /// What came from it, looked at or not.
    pub received: PerLane<Traffic>,
    /// Packets that came over its rates and were not looked at.
    pub refused_packets: u64,
    /// Packets that were to be sent to it and for which there was no room, by kind.
    pub dropped: PerLane<BTreeMap<PacketKind, u64>>,
    /// The points of its faults: see [`PeersConfig::penalty_limit`](super::PeersConfig::penalty_limit).
    pub penalty: u64,
}

/// What found no room, of one peer or of all that were ever connected: it never shrinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Losses {
    /// Packets that were to be sent and for which there was no room.
    pub dropped: PerLane<u64>,
    /// Packets that came over the rates of their peers and were not looked at.
    pub refused_packets: u64,
}

impl Losses {
    pub(super) fn and(self, more: &Self) -> Self {
        let mut dropped = self.dropped;
        for lane in Lane::ALL {
            let sum = dropped.get_mut(lane);
            *sum = sum.saturating_add(*more.dropped.get(lane));
        }
        Self {
            dropped,
            refused_packets: self.refused_packets.saturating_add(more.refused_packets),
        }
    }
}

/// What others know of peers.
pub(super) struct Sources<'a> {
    pub(super) statuses: &'a Statuses,
    pub(super) clocks: &'a ClockOffsets,
    pub(super) accounts: &'a Accounts,
    /// By thread: the last period that is decided here.
    pub(super) decided: &'a [u64],
}

/// The sum of what the first has more than the second, thread by thread.
pub(super) fn more_in(first: &[u64], second: &[u64]) -> u64 {
    let pairs = first.iter().zip(second);
    pairs.fold(0, |sum, (first, second)| {
        u64::saturating_add(sum, first.saturating_sub(*second))
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{HELLO_SOURCES, World};
    use picot_consensus::Peer;

    #[test]
    fn an_operator_sees_what_a_peer_says_and_what_went_to_and_fro() {
        let mut world = World::new();
        world.ready(1);
        world.status(1, &[5, 9]);
        world.fault(1);
        let infos = world.infos(&[7, 7]);
        assert_eq!(infos.len(), 1);
        let info = &infos[0];
        assert_eq!(info.peer, 1);
        assert!(info.ready && !info.reserved);
        assert_eq!(info.agent, HELLO_SOURCES.1);
        assert_eq!(info.decided, Some(14));
        assert_eq!((info.behind_slots, info.ahead_slots), (2, 2));
        assert_eq!(info.penalty, 40);
        assert_eq!(info.sent.urgent.packets, 0);
        assert_eq!(info.queued_bytes.urgent, 0);
        world
            .table
            .push(Peer(1), super::super::test_kit::vote_frame(1, 0, 1));
        assert!(world.infos(&[7, 7])[0].queued_bytes.urgent > 100);
        world.table.take_sendable(|_, _| {});
        let info = &world.infos(&[7, 7])[0];
        assert_eq!(info.queued_bytes.urgent, 0);
        assert_eq!(info.sent.urgent.packets, 1);
    }

    #[test]
    fn before_a_peer_has_said_anything_it_is_neither_ahead_nor_behind() {
        let mut world = World::new();
        world.connect(1);
        let info = &world.infos(&[7, 7])[0];
        assert!(!info.ready);
        assert_eq!(info.decided, None);
        assert_eq!((info.behind_slots, info.ahead_slots), (0, 0));
    }

    #[test]
    fn the_json_names_each_field_and_lane() {
        let mut world = World::new();
        world.ready(1);
        let json = serde_json::to_value(&world.infos(&[0, 0])[0]).unwrap();
        let fields: Vec<&str> = json.as_object().unwrap().keys().map(|it| &**it).collect();
        assert_eq!(fields.len(), 20);
        assert_eq!(json["received"]["urgent"]["bytes"], 0);
        assert_eq!(json["address"], "10.0.0.1");
        assert!(json["node"].is_string());
    }
}
