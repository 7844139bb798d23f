//! What goes to and fro, counted over all peers that were ever connected.

use super::NodeNetwork;
use picot_clock::Millis;
use picot_metrics::{LaneFigures, PeerFigure, PeerFigures};
use picot_network::{Link, LinkInfo};
use picot_protocol::{Lane, Losses, PeerInfo};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of connections and bytes since the start.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    inbound: AtomicU64,
    outbound: AtomicU64,
    received: PerLane,
    sent: PerLane,
}

type PerLane = [AtomicU64; Lane::ALL.len()];

/// Adds without a stop at the greatest number: it would take centuries.
fn add(counter: &AtomicU64, number: usize) {
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    counter.fetch_add(number, Ordering::Relaxed);
}

fn add_to_lane(counters: &PerLane, lane: Lane, bytes: usize) {
    if let Some(counter) = counters.get(usize::from(lane.number())) {
        add(counter, bytes);
    }
}

impl Traffic {
    pub(super) fn connected(&self, outbound: bool) {
        let counter = if outbound {
            &self.outbound
        } else {
            &self.inbound
        };
        add(counter, 1);
    }

    pub(super) fn received(&self, lane: Lane, bytes: usize) {
        add_to_lane(&self.received, lane, bytes);
    }

    pub(super) fn sent(&self, lane: Lane, bytes: usize) {
        add_to_lane(&self.sent, lane, bytes);
    }

    fn figures(&self, infos: &[PeerInfo], losses: &Losses) -> PeerFigures {
        let lanes = Lane::ALL.iter().zip(&self.received).zip(&self.sent);
        let lanes = lanes.map(|((lane, received), sent)| {
            let queued = infos.iter().map(|info| *info.queued_bytes.get(*lane));
            let queued = queued.fold(0_usize, usize::saturating_add);
            LaneFigures {
                lane: format!("{lane:?}").to_lowercase(),
                received_bytes: received.load(Ordering::Relaxed),
                sent_bytes: sent.load(Ordering::Relaxed),
                queued_bytes: u64::try_from(queued).unwrap_or(u64::MAX),
                dropped: *losses.dropped.get(*lane),
            }
        });
        PeerFigures {
            connections_inbound: self.inbound.load(Ordering::Relaxed),
            connections_outbound: self.outbound.load(Ordering::Relaxed),
            lanes: lanes.collect(),
            refused_packets: losses.refused_packets,
            ..PeerFigures::default()
        }
    }
}

impl NodeNetwork {
    /// The peers as figures.
    pub(crate) fn figures(&self) -> PeerFigures {
        let infos = self.handle.peers();
        let links = self.network.links();
        let introduced = infos.iter().filter(|info| info.ready);
        PeerFigures {
            peers: introduced.map(|info| figure(info, &links)).collect(),
            banned: self.network.bans().len(),
            clock_behind_ms: self.handle.clock_offset_ms(),
            ..self.links.traffic.figures(&infos, &self.handle.losses())
        }
    }
}

fn figure(info: &PeerInfo, links: &[LinkInfo]) -> PeerFigure {
    let link = links.iter().find(|link| link.link == Link(info.peer));
    let round_trip: Option<Millis> = link.and_then(|link| link.round_trip);
    PeerFigure {
        outbound: info.outbound,
        reserved: info.reserved,
        round_trip: round_trip.or(info.round_trip),
        ahead_slots: info.ahead_slots,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_by_lane_and_way_and_connections_by_who_called() {
        let traffic = Traffic::default();
        traffic.connected(true);
        traffic.connected(true);
        traffic.connected(false);
        traffic.received(Lane::Urgent, 10);
        traffic.received(Lane::Urgent, 5);
        traffic.sent(Lane::Bulk, 7);
        let losses = Losses {
            refused_packets: 3,
            ..Losses::default()
        };
        let figures = traffic.figures(&[], &losses);
        assert_eq!(figures.refused_packets, 3);
        assert_eq!(
            (figures.connections_inbound, figures.connections_outbound),
            (1, 2)
        );
        let bytes: Vec<_> = figures
            .lanes
            .iter()
            .map(|lane| (&*lane.lane, lane.received_bytes, lane.sent_bytes))
            .collect();
        assert_eq!(bytes, [("urgent", 15, 0), ("gossip", 0, 0), ("bulk", 0, 7)]);
    }
}
