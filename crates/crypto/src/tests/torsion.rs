//! Signatures crafted with components of small order and odd encodings.
//!
//! Libraries disagree on these (Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs", 2020);
//! here each kind has one verdict, alone and in a batch.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::Verifier;
use sha2::{Digest, Sha512};

use crate::batch::one_equation_accepts;
use crate::mocks::{hash, signed};
use crate::{BatchEntry, Hash, PublicKey, Signature, verify_batch, verify_batch_sequential};

/// `p = 2²⁵⁵ − 19`, lowest byte first.
const FIELD_ORDER: [u8; 32] = {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed;
    bytes[31] = 0x7f;
    bytes
};

/// `L`, the order of the group, lowest byte first (RFC 8032, section 5.1).
pub(super) const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// `a + b` as 256-bit integers, or nothing past them.
pub(super) fn add(a: [u8; 32], b: [u8; 32]) -> Option<[u8; 32]> {
    let mut sum = [0; 32];
    let mut carry = 0_u16;
    for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
        carry += u16::from(a) + u16::from(b);
        *sum = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    (carry == 0).then_some(sum)
}

/// Every encoding that decompresses to a point of small order, canonical or not.
pub(super) fn small_order_encodings() -> Vec<PublicKey> {
    let mut encodings = Vec::new();
    for point in EIGHT_TORSION {
        let mut canonical = point.compress().0;
        canonical[31] &= 0x7f;
        let lifted = add(canonical, FIELD_ORDER).filter(|y| y[31] & 0x80 == 0);
        for y in [Some(canonical), lifted].into_iter().flatten() {
            for sign in [0, 0x80] {
                let mut bytes = y;
                bytes[31] |= sign;
                encodings.push(PublicKey(bytes));
            }
        }
    }
    encodings.sort();
    encodings.dedup();
    encodings
}

/// Every encoding with `y ≥ p` that decompresses.
fn non_canonical_encodings() -> Vec<PublicKey> {
    let all = (0..19_u8).flat_map(|excess| {
        let mut bytes = FIELD_ORDER;
        bytes[0] += excess;
        let mut negative = bytes;
        negative[31] |= 0x80;
        [PublicKey(bytes), PublicKey(negative)]
    });
    all.filter(|key| decompress(key).is_some()).collect()
}

fn decompress(key: &PublicKey) -> Option<EdwardsPoint> {
    CompressedEdwardsY(key.0).decompress()
}

fn scalar(name: &str, index: u64) -> Scalar {
    let wide = Sha512::new()
        .chain_update(name)
        .chain_update(index.to_le_bytes())
        .finalize();
    Scalar::from_bytes_mod_order_wide(&wide.into())
}

fn challenge(r: [u8; 32], key: &PublicKey, message: &Hash) -> Scalar {
    let wide = Sha512::new()
        .chain_update(r)
        .chain_update(key.0)
        .chain_update(message.0)
        .finalize();
    Scalar::from_bytes_mod_order_wide(&wide.into())
}

fn signature(r: [u8; 32], s: [u8; 32]) -> Signature {
    Signature([r, s].concat().try_into().unwrap())
}

/// A signature by the key `[a]B + T₁` with the commitment `[r]B + T₂`: it satisfies the cofactored
/// equation for all points `T` of small order.
pub(super) fn mixed_order(index: u64, key_torsion: usize, commitment_torsion: usize) -> BatchEntry {
    let (a, r, message) = (scalar("a", index), scalar("r", index), hash(index));
    let torsion = |place: usize| EIGHT_TORSION[place % 8];
    let key = (ED25519_BASEPOINT_POINT * a + torsion(key_torsion))
        .compress()
        .0;
    let commitment = (ED25519_BASEPOINT_POINT * r + torsion(commitment_torsion))
        .compress()
        .0;
    let public_key = PublicKey(key);
    let s = r + challenge(commitment, &public_key, &message) * a;
    BatchEntry {
        message,
        public_key,
        signature: signature(commitment, s.to_bytes()),
    }
}

/// The signature of nobody: `A` and `R` of small order, `S = 0`.
pub(super) fn small_order(index: u64, key: usize, commitment: usize) -> BatchEntry {
    let encodings = small_order_encodings();
    BatchEntry {
        message: hash(index),
        public_key: encodings[key % encodings.len()],
        signature: signature(encodings[commitment % encodings.len()].0, [0; 32]),
    }
}

/// `entry` with `S + L` in place of `S`: the same equation, another encoding.
pub(super) fn with_excess_s(entry: BatchEntry) -> BatchEntry {
    let (r, s) = entry.signature.parts();
    BatchEntry {
        signature: signature(r, add(s, GROUP_ORDER).unwrap()),
        ..entry
    }
}

pub(super) fn is_valid(entry: &BatchEntry) -> bool {
    entry
        .public_key
        .verify(&entry.message, &entry.signature)
        .is_ok()
}

fn is_valid_for_dalek(entry: &BatchEntry) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(&entry.signature.0);
    ed25519_dalek::VerifyingKey::from_bytes(&entry.public_key.0)
        .is_ok_and(|key| key.verify(&entry.message.0, &signature).is_ok())
}

/// The verdict on `entries`: each alone, then all together, among good ones, and in pairs.
fn assert_verdict(entries: &[BatchEntry], valid: bool) {
    for entry in entries {
        assert_eq!(is_valid(entry), valid, "{entry:?}");
        let among_good = [signed(1, 1), *entry, signed(2, 2)];
        let bad = verify_batch(&among_good).err().map(|error| error.bad);
        assert_eq!(bad, (!valid).then(|| vec![1]), "{entry:?}");
        // The equation itself agrees: nothing is mended by verifying the entries of a batch again.
        assert_eq!(one_equation_accepts(&among_good), valid, "{entry:?}");
    }
    assert_eq!(one_equation_accepts(entries), valid);
    let all: Vec<usize> = (0..entries.len()).collect();
    let expected = (!valid && !entries.is_empty()).then_some(all);
    assert_eq!(verify_batch(entries).err().map(|error| error.bad), expected);
    assert_eq!(
        verify_batch_sequential(entries)
            .err()
            .map(|error| error.bad),
        expected
    );
}

#[test]
fn there_are_14_encodings_of_points_of_small_order() {
    // ZIP-215's test vectors are built on the same 14.
    let encodings = small_order_encodings();
    let points: Vec<EdwardsPoint> = encodings.iter().filter_map(decompress).collect();
    assert_eq!((encodings.len(), points.len()), (14, 14));
    assert!(points.iter().all(EdwardsPoint::is_small_order));
}

#[test]
fn any_encodings_of_small_order_are_accepted_with_s_zero() {
    let entries: Vec<_> = (0..14)
        .flat_map(|key| (0..14).map(move |commitment| small_order(3, key, commitment)))
        .collect();
    assert_eq!(entries.len(), 196);
    assert_verdict(&entries, true);
}

#[test]
fn any_components_of_small_order_are_accepted_if_the_rest_is_right() {
    let entries: Vec<_> = (0..64_usize)
        .map(|index| mixed_order(index as u64, index / 8, index % 8))
        .collect();
    assert_verdict(&entries, true);
    // The reason for all this: a cofactorless check takes some of them and not others.
    let accepted = entries
        .iter()
        .filter(|entry| is_valid_for_dalek(entry))
        .count();
    assert!(
        (1..64).contains(&accepted),
        "dalek accepted {accepted} of 64"
    );
}

#[test]
fn a_key_of_mixed_order_with_a_commitment_of_small_order_is_accepted() {
    // R = T₂ and S = k·a.
    let entries: Vec<_> = (0..8_usize)
        .flat_map(|torsion| {
            small_order_encodings()
                .into_iter()
                .map(move |r| (torsion, r))
        })
        .map(|(torsion, r)| {
            let (a, message) = (scalar("a", 5), hash(5));
            let point = ED25519_BASEPOINT_POINT * a + EIGHT_TORSION[torsion];
            let public_key = PublicKey(point.compress().0);
            let s = challenge(r.0, &public_key, &message) * a;
            BatchEntry {
                message,
                public_key,
                signature: signature(r.0, s.to_bytes()),
            }
        })
        .collect();
    assert_verdict(&entries, true);
}

#[test]
fn a_key_of_small_order_with_a_commitment_of_mixed_order_is_accepted() {
    // S = r: anybody can sign for such a key, which is why no address is made from it.
    let entries: Vec<_> = (0..8_usize)
        .flat_map(|torsion| {
            small_order_encodings()
                .into_iter()
                .map(move |key| (torsion, key))
        })
        .map(|(torsion, public_key)| {
            let r = scalar("r", 6);
            let commitment = (ED25519_BASEPOINT_POINT * r + EIGHT_TORSION[torsion])
                .compress()
                .0;
            let signature = signature(commitment, r.to_bytes());
            BatchEntry {
                message: hash(6),
                public_key,
                signature,
            }
        })
        .collect();
    assert_verdict(&entries, true);
}

#[test]
fn the_challenge_is_over_the_encodings_as_sent() {
    // The signer hashed the canonical encoding of R, and sent another one of the same point.
    let (a, message) = (scalar("a", 7), hash(7));
    let public_key = PublicKey((ED25519_BASEPOINT_POINT * a).compress().0);
    let entries: Vec<_> = small_order_encodings()
        .into_iter()
        .filter_map(|sent| {
            let canonical = decompress(&sent)?.compress().0;
            let s = challenge(canonical, &public_key, &message) * a;
            let signature = signature(sent.0, s.to_bytes());
            (canonical != sent.0).then_some(BatchEntry {
                message,
                public_key,
                signature,
            })
        })
        .collect();
    assert_eq!(entries.len(), 6);
    assert_verdict(&entries, false);
}

#[test]
fn an_s_at_or_above_the_order_of_the_group_is_refused() {
    let mut entries: Vec<_> = (0..20)
        .map(|index| with_excess_s(signed(index, index)))
        .collect();
    entries.extend((0..20).map(|index| with_excess_s(mixed_order(index, 3, 5))));
    let small = small_order(1, 0, 0);
    for s in [GROUP_ORDER, [0xff; 32]] {
        entries.push(BatchEntry {
            signature: signature(small.signature.parts().0, s),
            ..small
        });
    }
    assert_verdict(&entries, false);
}

#[test]
fn the_largest_canonical_s_is_read() {
    // S = −1: refused by the equation, not by its encoding.
    let entry = signed(1, 1);
    let s = (-Scalar::ONE).to_bytes();
    let entry = BatchEntry {
        signature: signature(entry.signature.parts().0, s),
        ..entry
    };
    assert_eq!(
        entry.public_key.verify(&entry.message, &entry.signature),
        Err(crate::CryptoError::WrongSignature(entry.public_key))
    );
}

#[test]
fn points_that_are_not_on_the_curve_are_refused() {
    let mut nowhere = [0; 32];
    nowhere[0] = 2;
    let good = signed(1, 1);
    let (r, s) = good.signature.parts();
    let entries = [
        BatchEntry {
            public_key: PublicKey(nowhere),
            ..good
        },
        BatchEntry {
            signature: signature(nowhere, s),
            ..good
        },
        BatchEntry {
            public_key: PublicKey(nowhere),
            signature: signature(nowhere, s),
            ..good
        },
        BatchEntry {
            public_key: PublicKey([0xff; 32]),
            signature: signature(r, s),
            ..good
        },
    ];
    let expected: Vec<bool> = entries.iter().map(is_valid).collect();
    assert_eq!(expected, [false; 4]);
    assert_verdict(&entries, false);
}

#[test]
fn non_canonical_encodings_of_other_points_have_one_verdict() {
    let good = signed(1, 1);
    let (r, s) = good.signature.parts();
    let encodings = non_canonical_encodings();
    assert!(encodings.len() > 6, "{}", encodings.len());
    let large: Vec<_> = encodings
        .into_iter()
        .filter(|key| !crate::is_small_order(key))
        .collect();
    let entries: Vec<_> = large
        .iter()
        .flat_map(|key| {
            [
                BatchEntry {
                    public_key: *key,
                    signature: signature(r, s),
                    ..good
                },
                BatchEntry {
                    signature: signature(key.0, s),
                    ..good
                },
                BatchEntry {
                    public_key: *key,
                    signature: signature(key.0, s),
                    ..good
                },
            ]
        })
        .collect();
    // Nobody knows their logarithms, so nobody can sign for them.
    assert_verdict(&entries, false);
}
