//! The port to the final state: one ordered map of bytes, and a piece of metadata beside it.

use crate::LedgerError;
use std::collections::BTreeMap;

/// One pair of the state.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Everything that one commit changes, all or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateBatch {
    /// What becomes of each key: a new value, or nothing.
    pub changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// The new metadata; `None` leaves it as it is.
    pub metadata: Option<Vec<u8>>,
}

impl StateBatch {
    /// A batch that changes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value. The last word on a key wins.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(key, Some(value));
    }

    /// Deletes a key, if it is there.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }

    /// Sets or deletes many keys, the last word on each of which wins. Quickest if they ascend.
    pub fn change_all(&mut self, changes: impl IntoIterator<Item = (Vec<u8>, Option<Vec<u8>>)>) {
        let mut changes: BTreeMap<_, _> = changes.into_iter().collect();
        if self.changes.is_empty() {
            self.changes = changes;
        } else if changes.len() >= self.changes.len().div_euclid(16) {
            // Merging two trees costs as much as reading both.
            self.changes.append(&mut changes);
        } else {
            self.changes.extend(changes);
        }
    }

    /// Sets the metadata.
    pub fn set_metadata(&mut self, metadata: Vec<u8>) {
        self.metadata = Some(metadata);
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.metadata.is_none()
    }
}

/// Who is shown values: any function of a place and a value that may be there.
pub trait Visitor {
    /// Shows the value of the key at a place.
    fn visit(&mut self, place: usize, value: Option<&[u8]>);
}

impl<F: FnMut(usize, Option<&[u8]>)> Visitor for F {
    fn visit(&mut self, place: usize, value: Option<&[u8]>) {
        self(place, value);
    }
}

/// The final state as bytes: an ordered map and a piece of metadata.
///
/// Keys are not empty, at most [`MAX_KEY_BYTES`](crate::keys::MAX_KEY_BYTES) long, and ordered byte
/// by byte. One writer commits, any number of readers read at the same time; a reader never waits
/// for a commit to reach the disk.
///
/// - `commit` is atomic: a reader, and a node that starts after a crash at any moment, sees all of
///   a batch or nothing of it. Batches take effect in the order of the calls: after a crash the
///   state is that of some commit, with all before it and none after it.
/// - What was committed survives the end of the process. It survives a failure of the machine once
///   `sync` has returned; a commit may sync by itself.
/// - After an error of `commit` nothing of its batch is visible.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait StateStore: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// The store failed.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError>;

    /// Shows the visitor the place and the value of each of these keys, in their order: the same as
    /// [`get`](Self::get), for who asks for many at once. Quickest if the keys ascend.
    ///
    /// # Errors
    /// The store failed; then some may not have been visited.
    #[allow(clippy::needless_lifetimes, reason = "the mock needs the name")]
    fn get_many<'a>(
        &self,
        keys: &[&'a [u8]],
        visitor: &mut dyn Visitor,
    ) -> Result<(), LedgerError> {
        for (place, key) in keys.iter().enumerate() {
            visitor.visit(place, self.get(key)?.as_deref());
        }
        Ok(())
    }

    /// At most `limit` pairs in ascending order whose keys begin with `prefix` and are not below
    /// `from` (which need not begin with the prefix, nor exist). An empty prefix is all keys. Fewer
    /// than `limit` pairs mean that there are no more.
    ///
    /// # Errors
    /// The store failed.
    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, LedgerError>;

    /// The metadata of the last commit that set it; `None` before the first.
    ///
    /// # Errors
    /// The store failed.
    fn metadata(&self) -> Result<Option<Vec<u8>>, LedgerError>;

    /// Takes over all changes of the batch at once.
    ///
    /// # Errors
    /// The store failed, and took over nothing.
    fn commit(&self, batch: StateBatch) -> Result<(), LedgerError>;

    /// Returns when everything committed so far survives a failure of the machine.
    ///
    /// # Errors
    /// The store failed.
    fn sync(&self) -> Result<(), LedgerError>;
}

/// Calls `visit` with every pair under a prefix in ascending order, page by page.
///
/// # Errors
/// Those of the store and of `visit`, whichever comes first.
pub fn for_each_pair<E: From<LedgerError>>(
    store: &dyn StateStore,
    prefix: &[u8],
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    const PAGE_PAIRS: usize = 1_024;
    let mut from = prefix.to_vec();
    loop {
        let page = store.scan(prefix, &from, PAGE_PAIRS)?;
        for (key, value) in &page {
            visit(key, value)?;
        }
        match page.last() {
            Some((last, _)) if page.len() >= PAGE_PAIRS => {
                from.clone_from(last);
                // The least key above `last`.
                from.push(0);
            }
            _ => return Ok(()),
        }
    }
}
