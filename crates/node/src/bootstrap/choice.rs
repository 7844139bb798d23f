//! What peers say of themselves, for who chooses between following and receiving.

use picot_bootstrap::Claim;
use picot_protocol::PeerInfo;

/// What those who have introduced themselves and said something say.
pub(super) fn claims(peers: &[PeerInfo]) -> Vec<Claim> {
    let told = peers.iter().filter(|peer| peer.ready);
    told.filter_map(|peer| {
        Some(Claim {
            is_ahead: peer.ahead_slots > 0,
            serves_from: peer.serves_from?,
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_clock::Timestamp;
    use picot_models::Hash;
    use picot_protocol::PerLane;

    fn peer(ready: bool, serves_from: Option<u64>, ahead_slots: u64) -> PeerInfo {
        PeerInfo {
            peer: 1,
            node: Hash([1; 32]),
            address: None,
            outbound: true,
            reserved: false,
            ready,
            agent: String::new(),
            connected_at: Timestamp(1),
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

    #[test]
    fn those_who_have_said_nothing_claim_nothing() {
        let peers = [
            peer(true, Some(7), 3),
            peer(true, None, 0),
            peer(false, Some(1), 9),
            peer(true, Some(0), 0),
        ];
        let claim = |is_ahead, serves_from| Claim {
            is_ahead,
            serves_from,
        };
        assert_eq!(claims(&peers), [claim(true, 7), claim(false, 0)]);
    }
}
