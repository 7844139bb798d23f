//! A state store that fails when it is told to, for tests of what is above it.

use crate::{LedgerError, Pair, StateBatch, StateStore, Visitor};
use displaydoc::Display;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use thiserror::Error;

/// this call was told to fail
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, Error)]
struct ToldToFail;

/// Calls that no test makes: nothing is to fail.
const NEVER: u64 = u64::MAX;

/// A store that passes everything on to another one, but for one call, which fails: a commit that
/// fails has changed nothing, and who asks for many values may have been shown some of them.
#[derive(Debug)]
pub struct UnreliableStore<S> {
    inner: S,
    /// Calls that still succeed before the one that fails.
    left: AtomicU64,
    has_failed: AtomicBool,
}

impl<S: StateStore> UnreliableStore<S> {
    /// In front of a store; nothing fails yet.
    pub const fn new(inner: S) -> Self {
        Self {
            inner,
            left: AtomicU64::new(NEVER),
            has_failed: AtomicBool::new(false),
        }
    }

    /// Lets so many calls succeed from now on and the next one fail; those after it succeed again.
    pub fn fail_after(&self, calls: u64) {
        self.has_failed.store(false, Ordering::SeqCst);
        self.left.store(calls, Ordering::SeqCst);
    }

    /// Lets all calls succeed from now on.
    pub fn fail_never(&self) {
        self.left.store(NEVER, Ordering::SeqCst);
    }

    /// Whether the call that was told to fail has come.
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::SeqCst)
    }

    /// The store behind it, which does not fail.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    fn call(&self, action: &'static str) -> Result<(), LedgerError> {
        let next = |left: u64| match left {
            NEVER => None,
            left => Some(left.checked_sub(1).unwrap_or(NEVER)),
        };
        let counted = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
        if counted == Ok(0) {
            self.has_failed.store(true, Ordering::SeqCst);
            return Err(LedgerError::store(action, ToldToFail));
        }
        Ok(())
    }
}

impl<S: StateStore> StateStore for UnreliableStore<S> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        self.call("get a value")?;
        self.inner.get(key)
    }

    fn get_many(&self, keys: &[&[u8]], visitor: &mut dyn Visitor) -> Result<(), LedgerError> {
        if let Err(error) = self.call("get many values") {
            let (some, _) = keys.split_at(keys.len().div_euclid(2));
            self.inner.get_many(some, visitor)?;
            return Err(error);
        }
        self.inner.get_many(keys, visitor)
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, LedgerError> {
        self.call("scan")?;
        self.inner.scan(prefix, from, limit)
    }

    fn metadata(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        self.call("get the metadata")?;
        self.inner.metadata()
    }

    fn commit(&self, batch: StateBatch) -> Result<(), LedgerError> {
        self.call("commit")?;
        self.inner.commit(batch)
    }

    fn sync(&self) -> Result<(), LedgerError> {
        self.call("sync")?;
        self.inner.sync()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryStateStore, mocks};
    use std::sync::Arc;

    #[test]
    fn one_that_is_told_nothing_keeps_the_contract() {
        mocks::check_state_store(|| Arc::new(UnreliableStore::new(MemoryStateStore::new())));
    }

    #[test]
    fn the_call_that_is_told_to_fail_fails_and_no_other() {
        let store = UnreliableStore::new(MemoryStateStore::new());
        let mut batch = StateBatch::new();
        batch.put(b"a".to_vec(), b"1".to_vec());
        store.fail_after(1);
        store.sync().unwrap();
        assert!(!store.has_failed());
        assert!(store.commit(batch.clone()).is_err());
        assert!(store.has_failed() && store.inner().is_empty());
        store.commit(batch).unwrap();
        store.fail_after(0);
        let (keys, mut shown): ([&[u8]; 3], _) = ([b"a", b"b", b"c"], 0);
        let mut show = |_, _: Option<&[u8]>| shown += 1;
        assert!(store.get_many(&keys, &mut show).is_err());
        assert_eq!(shown, 1, "some were shown");
        assert_eq!(store.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
        for calls in [
            &|| store.get(b"a").map(|_| ()),
            &|| store.scan(b"", b"", 1).map(|_| ()),
            &|| store.metadata().map(|_| ()),
            &|| store.sync(),
        ] as [&dyn Fn() -> Result<(), LedgerError>; 4]
        {
            store.fail_after(0);
            assert!(calls().is_err());
            assert!(calls().is_ok());
        }
    }
}
