//! Signatures whose validity is known in this run.
//!
//! Whether a signature is valid is a function of its bytes alone. In a run, each of a message's
//! recipients asks for it again, so the answer is remembered for all of them: the nodes do all that
//! nodes do, but the curve's arithmetic is done once. The engine asks as before, when it would and
//! for what it would; what it is told is what [`BatchVerifier`] says of exactly these bytes.
//!
//! A signature that a wallet of the run made is known to be valid for the id and the key that it was
//! made with, as an engine knows it of its own: a recipient that finds another id for the bytes it
//! got, or another key, asks for another signature, and the arithmetic is done. The certificate and
//! the header of each decided block are verified past this memory, by the invariants.

use parking_lot::Mutex;
use picot_consensus::{BatchVerifier, Verifier};
use picot_crypto::{BatchEntry, Hash, PublicKey, Signature};
use std::collections::HashMap;
use std::sync::Arc;

/// Verdicts that are remembered in one half of the memory.
const MAX_HALF: usize = 1 << 16;

/// What was verified, by signature.
#[derive(Debug)]
struct Verdict {
    message: Hash,
    public_key: PublicKey,
    is_valid: bool,
}

#[derive(Debug, Default)]
struct Verdicts {
    young: HashMap<Signature, Verdict>,
    /// When the young half is full, it takes the place of the old one.
    old: HashMap<Signature, Verdict>,
}

impl Verdicts {
    /// The verdict on exactly these bytes.
    fn get(&self, entry: &BatchEntry) -> Option<bool> {
        let young = self.young.get(&entry.signature);
        let verdict = young.or_else(|| self.old.get(&entry.signature))?;
        let is_same = verdict.message == entry.message && verdict.public_key == entry.public_key;
        is_same.then_some(verdict.is_valid)
    }

    fn insert(&mut self, entry: &BatchEntry, is_valid: bool) {
        if self.young.len() >= MAX_HALF {
            self.old = std::mem::take(&mut self.young);
        }
        let verdict = Verdict {
            message: entry.message,
            public_key: entry.public_key,
            is_valid,
        };
        self.young.insert(entry.signature, verdict);
    }
}

/// The verifier of all nodes of a run. Copies share what they remember.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedVerifier {
    /// Whether it takes every signature for valid.
    trusts: bool,
    real: Arc<BatchVerifier>,
    verdicts: Arc<Mutex<Verdicts>>,
}

impl SharedVerifier {
    /// One that takes every signature for valid.
    #[must_use]
    pub(crate) fn trusting() -> Self {
        Self {
            trusts: true,
            ..Self::default()
        }
    }

    /// A key of the run made this signature.
    pub(crate) fn made(&self, entry: &BatchEntry) {
        if !self.trusts {
            self.verdicts.lock().insert(entry, true);
        }
    }
}

impl Verifier for SharedVerifier {
    fn bad(&self, entries: &[BatchEntry]) -> Vec<usize> {
        if self.trusts {
            return Vec::new();
        }
        let mut verdicts = self.verdicts.lock();
        let (mut bad, mut open, mut asked) = (Vec::new(), Vec::new(), Vec::new());
        for (index, entry) in entries.iter().enumerate() {
            match verdicts.get(entry) {
                Some(true) => {}
                Some(false) => bad.push(index),
                None => {
                    open.push(index);
                    asked.push(*entry);
                }
            }
        }
        if asked.is_empty() {
            return bad;
        }
        let found = self.real.bad(&asked);
        for (place, (index, entry)) in open.into_iter().zip(&asked).enumerate() {
            let is_valid = found.binary_search(&place).is_err();
            verdicts.insert(entry, is_valid);
            if !is_valid {
                bad.push(index);
            }
        }
        bad.sort_unstable();
        bad
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::SecretKey;

    fn entry(seed: u8, message: u8) -> BatchEntry {
        let key = SecretKey::from_seed([seed; 32]);
        let message = Hash([message; 32]);
        BatchEntry {
            message,
            public_key: key.public_key(),
            signature: key.sign(&message),
        }
    }

    #[test]
    fn verdicts_are_those_of_the_real_verifier_the_first_time_and_again() {
        let (good, mut of_another) = (entry(1, 1), entry(2, 2));
        of_another.public_key = good.public_key;
        let mut forged = entry(3, 3);
        forged.signature.0[0] ^= 1;
        let entries = [good, of_another, entry(2, 2), forged, good];
        let (shared, real) = (SharedVerifier::default(), BatchVerifier::default());
        for _ in 0..3 {
            assert_eq!(shared.bad(&entries), real.bad(&entries));
            assert_eq!(shared.bad(&entries), [1, 3]);
        }
    }

    #[test]
    fn a_signature_that_is_valid_for_one_message_is_not_for_another() {
        let shared = SharedVerifier::default();
        let good = entry(1, 1);
        assert!(shared.bad(&[good]).is_empty());
        let moved = BatchEntry {
            message: Hash([9; 32]),
            ..good
        };
        assert_eq!(shared.bad(&[moved, good]), [0]);
        let other_key = BatchEntry {
            public_key: entry(2, 1).public_key,
            ..good
        };
        assert_eq!(shared.bad(&[good, other_key]), [1]);
    }

    #[test]
    fn a_signature_that_was_made_is_valid_for_what_it_was_made_of_alone() {
        let shared = SharedVerifier::default();
        let made = entry(1, 1);
        shared.made(&made);
        assert!(shared.bad(&[made]).is_empty());
        let moved = BatchEntry {
            message: Hash([9; 32]),
            ..made
        };
        assert_eq!(shared.bad(&[made, moved]), [1]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut verdicts = Verdicts::default();
        let template = entry(1, 1);
        for number in 0..3 * MAX_HALF {
            let signature = with_signature(number);
            verdicts.insert(
                &BatchEntry {
                    signature,
                    ..template
                },
                true,
            );
        }
        assert!(verdicts.young.len() + verdicts.old.len() <= 2 * MAX_HALF);
    }

    fn with_signature(number: usize) -> Signature {
        let mut bytes = [0; 64];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Signature(bytes)
    }
}
