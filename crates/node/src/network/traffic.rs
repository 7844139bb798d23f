//! What goes to and fro, counted over all peers that were ever connected.

use super::NodeNetwork;
use parking_lot::Mutex;
use picot_clock::Millis;
use picot_metrics::{LaneFigures, PeerFigure, PeerFigures};
use picot_network::{Link, LinkInfo};
use picot_protocol::{Lane, PeerInfo};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of connections and bytes since the start.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    inbound: AtomicU64,
    outbound: AtomicU64,
    received: PerLane,
    sent: PerLane,
    losses: Mutex<Losses>,
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

    fn figures(&self, infos: &[PeerInfo]) -> PeerFigures {
        let lost = self.losses.lock().of_all(infos);
        let lanes = Lane::ALL.iter().zip(&self.received).zip(&self.sent);
        let lanes = lanes
            .zip(lost.dropped)
            .map(|(((lane, received), sent), dropped)| {
                let queued = infos.iter().map(|info| *info.queued_bytes.get(*lane));
                let queued = queued.fold(0_usize, usize::saturating_add);
                LaneFigures {
                    lane: format!("{lane:?}").to_lowercase(),
                    received_bytes: received.load(Ordering::Relaxed),
                    sent_bytes: sent.load(Ordering::Relaxed),
                    queued_bytes: u64::try_from(queued).unwrap_or(u64::MAX),
                    dropped,
                }
            });
        PeerFigures {
            connections_inbound: self.inbound.load(Ordering::Relaxed),
            connections_outbound: self.outbound.load(Ordering::Relaxed),
            lanes: lanes.collect(),
            refused_packets: lost.refused,
            ..PeerFigures::default()
        }
    }
}

/// What found no room, of one peer or of several.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Lost {
    dropped: [u64; Lane::ALL.len()],
    refused: u64,
}

impl Lost {
    fn of(info: &PeerInfo) -> Self {
        let dropped = Lane::ALL.map(|lane| {
            let kinds = info.dropped.get(lane).values();
            kinds.fold(0, |sum: u64, count| sum.saturating_add(*count))
        });
        Self {
            dropped,
            refused: info.refused_packets,
        }
    }

    fn and(self, other: &Self) -> Self {
        let mut dropped = self.dropped;
        for (sum, more) in dropped.iter_mut().zip(other.dropped) {
            *sum = sum.saturating_add(more);
        }
        Self {
            dropped,
            refused: self.refused.saturating_add(other.refused),
        }
    }
}

/// Peers are asked for what they lost; what those lost that are gone since is kept here, as they were
/// asked last, so that the sum never shrinks.
#[derive(Debug, Default)]
struct Losses {
    gone: Lost,
    /// By handle, which is never used again.
    connected: BTreeMap<u64, Lost>,
}

impl Losses {
    fn of_all(&mut self, infos: &[PeerInfo]) -> Lost {
        let now = infos
            .iter()
            .map(|info| (info.peer, Lost::of(info)))
            .collect();
        let before = std::mem::replace(&mut self.connected, now);
        for (peer, lost) in before {
            if !self.connected.contains_key(&peer) {
                self.gone = self.gone.and(&lost);
            }
        }
        let connected = self.connected.values();
        connected.fold(self.gone, |sum, lost| sum.and(lost))
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
            ..self.links.traffic.figures(&infos)
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

    fn lost(dropped: [u64; 3], refused: u64) -> Lost {
        Lost { dropped, refused }
    }

    fn losses(connected: &[(u64, Lost)]) -> Losses {
        Losses {
            gone: Lost::default(),
            connected: connected.iter().copied().collect(),
        }
    }

    #[test]
    fn what_peers_lost_that_are_gone_still_counts() {
        let mut losses = losses(&[(1, lost([1, 2, 3], 4)), (2, lost([0, 0, 5], 0))]);
        assert_eq!(losses.of_all(&[]), lost([1, 2, 8], 4));
        assert_eq!(losses.of_all(&[]), lost([1, 2, 8], 4), "and only once");
    }

    #[test]
    fn bytes_are_counted_by_lane_and_way_and_connections_by_who_called() {
        let traffic = Traffic::default();
        traffic.connected(true);
        traffic.connected(true);
        traffic.connected(false);
        traffic.received(Lane::Urgent, 10);
        traffic.received(Lane::Urgent, 5);
        traffic.sent(Lane::Bulk, 7);
        let figures = traffic.figures(&[]);
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
