//! Whether to follow what peers decided, or to receive a state.

use picot_clock::{Millis, Slot, Timestamp};
use picot_protocol::PeerInfo;

/// How long peers are waited for. Without any the node starts, and follows whoever comes.
const PEERS_WAIT: Millis = Millis(30_000);
/// How long more is heard after the first peer has said something.
const MORE_WAIT: Millis = Millis(3_000);

/// What a node begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// It follows what was decided.
    Follow,
    /// It receives the state of a checkpoint.
    Receive,
}

/// How far a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// It has no state yet.
    pub(super) is_fresh: bool,
    /// By thread: the last decided period.
    pub(super) decided: Vec<u64>,
}

impl Standing {
    /// The first period that it needs from others.
    fn next_period(&self) -> u64 {
        let least = self.decided.iter().min().copied().unwrap_or(0);
        least.saturating_add(1)
    }

    /// Whether others may have dropped what it needs: they keep more than a cycle.
    pub(super) fn is_far_behind(&self, latest: Option<Slot>, periods_per_cycle: u64) -> bool {
        latest.is_some_and(|latest| {
            latest.period.saturating_sub(self.next_period()) >= periods_per_cycle
        })
    }
}

/// Decides by what peers say of themselves: whether they are ahead, and whether they give what is lacking.
pub(super) struct Chooser {
    began: Timestamp,
    heard: Option<Timestamp>,
    next_period: u64,
}

impl Chooser {
    pub(super) fn new(now: Timestamp, standing: &Standing) -> Self {
        Self {
            began: now,
            heard: None,
            next_period: standing.next_period(),
        }
    }

    /// What to do; `None`: more is to be heard.
    pub(super) fn choose(&mut self, now: Timestamp, peers: &[PeerInfo]) -> Option<Choice> {
        let has_passed = |since, wait| now.since(since).is_none_or(|past| past >= wait);
        let told = peers.iter();
        let told = told.filter(|peer| peer.ready && peer.serves_from.is_some());
        let ahead = told.clone().filter(|peer| peer.ahead_slots > 0);
        let serves = |peer: &PeerInfo| peer.serves_from.is_some_and(|it| it <= self.next_period);
        if ahead.clone().any(serves) {
            return Some(Choice::Follow);
        }
        if told.count() == 0 {
            return has_passed(self.began, PEERS_WAIT).then_some(Choice::Follow);
        }
        let heard = *self.heard.get_or_insert(now);
        if !has_passed(heard, MORE_WAIT) {
            return None;
        }
        // Where nobody is ahead, there is nothing to receive.
        Some(if ahead.count() == 0 {
            Choice::Follow
        } else {
            Choice::Receive
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::Hash;
    use picot_protocol::PerLane;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn peer(serves_from: Option<u64>, ahead_slots: u64) -> PeerInfo {
        PeerInfo {
            peer: 1,
            node: Hash([1; 32]),
            address: None,
            outbound: true,
            reserved: false,
            ready: true,
            agent: String::new(),
            connected_at: NOW,
            round_trip: None,
            clock_offset_ms: None,
            decided: serves_from,
            serves_from,
            behind_slots: 0,
            ahead_slots,
            queued_bytes: PerLane::default(),
            sent: PerLane::default(),
            received: PerLane::default(),
            refused_packets: 0,
            dropped: PerLane::default(),
            penalty: 0,
        }
    }

    fn standing() -> Standing {
        Standing {
            is_fresh: false,
            decided: vec![12, 9],
        }
    }

    fn later(ms: u64) -> Timestamp {
        Timestamp(NOW.0 + ms)
    }

    fn chooser() -> Chooser {
        Chooser::new(NOW, &standing())
    }

    #[test]
    fn where_a_peer_gives_the_next_decisions_they_are_followed() {
        let peers = [peer(Some(50), 100), peer(Some(10), 100)];
        assert_eq!(chooser().choose(NOW, &peers), Some(Choice::Follow));
    }

    #[test]
    fn where_none_of_those_ahead_gives_them_a_state_is_received_after_a_while() {
        let mut chooser = chooser();
        // One that is not ahead cannot help, whatever it gives.
        let peers = [peer(Some(11), 100), peer(Some(0), 0)];
        assert_eq!(chooser.choose(NOW, &peers), None);
        assert_eq!(chooser.choose(later(2_999), &peers), None);
        assert_eq!(chooser.choose(later(3_000), &peers), Some(Choice::Receive));
    }

    #[test]
    fn where_nobody_is_ahead_or_nobody_is_there_the_node_starts() {
        let mut alone = chooser();
        assert_eq!(alone.choose(later(29_999), &[peer(None, 0)]), None);
        assert_eq!(alone.choose(later(30_000), &[]), Some(Choice::Follow));
        let mut among = chooser();
        let peers = [peer(Some(u64::MAX), 0)];
        assert_eq!(among.choose(NOW, &peers), None);
        assert_eq!(among.choose(later(3_000), &peers), Some(Choice::Follow));
    }

    #[test]
    fn a_cycle_by_the_clock_is_far_behind() {
        let standing = standing();
        let at = |period| Some(Slot::new(period, 0));
        assert!(!standing.is_far_behind(None, 16));
        assert!(!standing.is_far_behind(at(25), 16));
        assert!(standing.is_far_behind(at(26), 16));
    }
}
