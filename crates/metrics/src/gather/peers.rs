//! Who is connected, what goes to and fro, and whose clock is right.

use crate::catalogue as metric;
use crate::page::{Page, Sample, seconds};
use crate::{PeerFigure, PeerFigures, Sources};
use picot_clock::Millis;
use std::fmt;

pub(super) fn write(page: &mut Page<'_>, sources: &Sources) -> fmt::Result {
    page.one(&metric::CLOCK_TOLERANCE, sources.facts.max_clock_drift)?;
    // Alerts on a lack of peers need the figure of a node without a network too.
    let figures = sources.peers.as_ref().map(|ask| ask()).unwrap_or_default();
    peers(page, &figures)?;
    lanes(page, &figures)?;
    page.known(
        &metric::CLOCK_BEHIND,
        figures.clock_behind_ms.map(signed_seconds),
    )
}

fn peers(page: &mut Page<'_>, figures: &PeerFigures) -> fmt::Result {
    let peers = &figures.peers;
    let count = |keep: fn(&PeerFigure) -> bool| peers.iter().filter(|peer| keep(peer)).count();
    page.by(
        &metric::PEERS,
        [
            ("inbound", count(|peer| !peer.outbound)),
            ("outbound", count(|peer| peer.outbound)),
        ],
    )?;
    page.one(&metric::PEERS_RESERVED, count(|peer| peer.reserved))?;
    page.one(&metric::PEERS_BANNED, figures.banned)?;
    page.by(
        &metric::CONNECTIONS,
        [
            ("inbound", figures.connections_inbound),
            ("outbound", figures.connections_outbound),
        ],
    )?;
    let mut round_trips: Vec<Millis> = peers.iter().filter_map(|peer| peer.round_trip).collect();
    round_trips.sort_unstable();
    let median = round_trips.get(round_trips.len() / 2).copied();
    let statistics = [("median", median), ("max", round_trips.last().copied())];
    page.by(
        &metric::PEER_ROUND_TRIP,
        statistics
            .into_iter()
            .filter_map(|(name, length)| Some((name, length?))),
    )?;
    let lead = peers.iter().map(|peer| peer.ahead_slots).max();
    page.one(&metric::PEER_LEAD, lead.unwrap_or(0))
}

fn lanes(page: &mut Page<'_>, figures: &PeerFigures) -> fmt::Result {
    let lanes = || figures.lanes.iter();
    let bytes = lanes().flat_map(|lane| {
        [("received", lane.received_bytes), ("sent", lane.sent_bytes)].map(
            |(way, bytes)| -> Sample { (vec![lane.lane.clone(), way.to_owned()], bytes.into()) },
        )
    });
    page.many(&metric::NETWORK_BYTES, bytes)?;
    page.by(
        &metric::NETWORK_QUEUED,
        lanes().map(|lane| (&lane.lane, lane.queued_bytes)),
    )?;
    page.by(
        &metric::NETWORK_DROPPED,
        lanes().map(|lane| (&lane.lane, lane.dropped)),
    )?;
    page.one(&metric::NETWORK_REFUSED, figures.refused_packets)
}

#[allow(
    clippy::float_arithmetic,
    reason = "only people and their programs read it"
)]
fn signed_seconds(length_ms: i64) -> f64 {
    let length = seconds(Millis(length_ms.unsigned_abs()));
    if length_ms < 0 { -length } else { length }
}
