//! How certificates from elsewhere are verified: a small sample of each first, so that one with many
//! signer bits and garbage behind them costs its receiver little, and few of a peer that sent bad
//! ones (design 07, 'Bounds and cost').

use crate::{Peer, Verifier};
use picot_crypto::BatchEntry;
use std::collections::{BTreeMap, BTreeSet};

/// Signatures of a certificate that are verified before the others: so many first ones, and so many
/// spread over the whole. The choice is the same everywhere and each time: whoever knows some true
/// signatures can pass it, but it is blamed then, and [`MAX_BAD`] bounds what it costs.
const SAMPLE: usize = 4;
/// Certificates with at most so many signatures are verified at once.
const WITHOUT_SAMPLE: usize = 16;
/// Bad certificates of one peer after which no others of it are looked at.
const MAX_BAD: u32 = 3;
/// Peers whose bad certificates are counted.
const MAX_PEERS: usize = 256;

/// Which of these certificates, each given by its signatures, are bad. No signature is verified
/// twice; of a certificate whose sample is bad the rest is not verified.
pub(crate) fn bad_certificates(
    verifier: &dyn Verifier,
    certificates: &[Vec<BatchEntry>],
) -> BTreeSet<usize> {
    let mut bad = BTreeSet::new();
    for in_sample in [true, false] {
        let mut entries = Vec::new();
        let mut owners = Vec::new();
        for (owner, certificate) in certificates.iter().enumerate() {
            if bad.contains(&owner) {
                continue;
            }
            for (place, entry) in certificate.iter().enumerate() {
                if is_sampled(place, certificate.len()) == in_sample {
                    entries.push(*entry);
                    owners.push(owner);
                }
            }
        }
        if !entries.is_empty() {
            let found = verifier.bad(&entries);
            bad.extend(found.iter().filter_map(|index| owners.get(*index).copied()));
        }
    }
    bad
}

/// Whether one certificate's signatures are all valid.
pub(crate) fn is_certificate_valid(verifier: &dyn Verifier, signatures: Vec<BatchEntry>) -> bool {
    bad_certificates(verifier, &[signatures]).is_empty()
}

fn is_sampled(place: usize, count: usize) -> bool {
    let stride = count.div_euclid(SAMPLE).max(1);
    let is_spread = place.saturating_add(1).checked_rem(stride) == Some(0);
    count <= WITHOUT_SAMPLE || place < SAMPLE || is_spread
}

/// How many bad certificates each peer sent about one slot.
#[derive(Debug, Clone, Default)]
pub(crate) struct BadCertificates {
    by_peer: BTreeMap<Peer, u32>,
}

impl BadCertificates {
    /// A peer sent one, and is blamed.
    pub(crate) fn count(&mut self, peer: Peer) {
        if self.by_peer.len() >= MAX_PEERS && !self.by_peer.contains_key(&peer) {
            self.by_peer.pop_first();
        }
        let count = self.by_peer.entry(peer).or_default();
        *count = count.saturating_add(1);
    }

    /// Whether a peer sent so many that no others of it are looked at.
    pub(crate) fn are_ignored(&self, peer: Peer) -> bool {
        self.by_peer
            .get(&peer)
            .is_some_and(|count| *count >= MAX_BAD)
    }

    /// The slot is decided.
    pub(crate) fn clear(&mut self) {
        self.by_peer.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::mocks::key;
    use picot_models::{Hash, Signature};
    use std::sync::Mutex;

    /// Says that signatures of one kind are bad, and keeps what it was asked.
    struct Judge {
        bad: Signature,
        asked: Mutex<Vec<BatchEntry>>,
    }

    impl Verifier for Judge {
        fn bad(&self, entries: &[BatchEntry]) -> Vec<usize> {
            self.asked.lock().unwrap().extend_from_slice(entries);
            let numbered = entries.iter().enumerate();
            let bad = numbered.filter(|(_, entry)| entry.signature == self.bad);
            bad.map(|(index, _)| index).collect()
        }
    }

    fn signatures(certificate: u8, count: u8, signature: &Signature) -> Vec<BatchEntry> {
        let message = |place| {
            let mut bytes = [certificate; 32];
            bytes[0] = place;
            Hash(bytes)
        };
        let entry = |place| BatchEntry {
            message: message(place),
            public_key: key(1).public_key(),
            signature: *signature,
        };
        (0..count).map(entry).collect()
    }

    fn kinds() -> [Signature; 2] {
        [[1; 32], [2; 32]].map(|message| key(1).sign(&Hash(message)))
    }

    #[test]
    fn a_sample_is_four_first_ones_and_four_spread_ones_of_a_large_certificate() {
        let sampled = |count: usize| {
            let places = (0..count).filter(|place| is_sampled(*place, count));
            places.collect::<Vec<_>>()
        };
        assert_eq!(sampled(100), [0, 1, 2, 3, 24, 49, 74, 99]);
        assert_eq!(sampled(16).len(), 16);
        assert_eq!(sampled(0), Vec::<usize>::new());
    }

    #[test]
    fn a_bad_sample_ends_the_verification_and_nothing_is_verified_twice() {
        let [good, bad] = kinds();
        let judge = Judge {
            bad,
            asked: Mutex::default(),
        };
        let mut late = signatures(3, 67, &good);
        late[10].signature = bad;
        let certificates = [
            signatures(1, 67, &good),
            signatures(2, 67, &bad),
            late,
            signatures(4, 3, &good),
        ];
        let found = bad_certificates(&judge, &certificates);
        assert_eq!(found, BTreeSet::from([1, 2]));
        let asked = judge.asked.into_inner().unwrap();
        assert_eq!(asked.len(), 67 + 8 + 67 + 3);
        let distinct: BTreeSet<_> = asked.iter().map(|entry| entry.message).collect();
        assert_eq!(distinct.len(), asked.len());
    }

    #[test]
    fn peers_are_counted_alone_and_boundedly() {
        let mut counts = BadCertificates::default();
        for _ in 0..MAX_BAD {
            assert!(!counts.are_ignored(Peer(7)));
            counts.count(Peer(7));
        }
        assert!(counts.are_ignored(Peer(7)) && !counts.are_ignored(Peer(8)));
        for number in 1_000..2_000 {
            counts.count(Peer(number));
        }
        assert_eq!(counts.by_peer.len(), MAX_PEERS);
    }
}
