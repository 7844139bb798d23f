//! Where signatures are verified.

use crate::{BatchEntry, KeyCache, verify_batch_with_keys};
use parking_lot::Mutex;

/// Verifies signatures in batches.
///
/// A pure function of its input. Any thread may call; blocks for as long as the arithmetic takes, that of
/// other callers included.
pub trait Verifier: Send + Sync {
    /// The indices of the entries that are not valid, ascending.
    fn bad(&self, entries: &[BatchEntry]) -> Vec<usize>;
}

/// The real one, which remembers the points of keys that it has seen.
#[derive(Debug)]
pub struct BatchVerifier {
    keys: Mutex<KeyCache>,
}

impl BatchVerifier {
    /// With room for so many keys.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            keys: Mutex::new(KeyCache::new(capacity)),
        }
    }
}

impl Default for BatchVerifier {
    /// Room for the validators of a large network.
    fn default() -> Self {
        Self::new(8_192)
    }
}

impl Verifier for BatchVerifier {
    fn bad(&self, entries: &[BatchEntry]) -> Vec<usize> {
        let mut keys = self.keys.lock();
        for entry in entries {
            // A key that is no point is found bad below.
            let _ = keys.get_or_insert(&entry.public_key);
        }
        let keys: &KeyCache = &keys;
        match verify_batch_with_keys(entries, |key| keys.get(key)) {
            Ok(()) => Vec::new(),
            Err(error) => error.bad,
        }
    }
}
