//! The port to the state as it was at one moment.

use crate::{LedgerError, MemoryStateStore, StateStore};
use std::ops::ControlFlow;

/// Who is shown pairs, ascending: any function of a key and a value that says whether to go on.
pub trait PairVisitor {
    /// Shows a pair.
    fn visit(&mut self, key: &[u8], value: &[u8]) -> ControlFlow<()>;
}

impl<F: FnMut(&[u8], &[u8]) -> ControlFlow<()>> PairVisitor for F {
    fn visit(&mut self, key: &[u8], value: &[u8]) -> ControlFlow<()> {
        self(key, value)
    }
}

/// The final state as it was at one moment, whatever is committed later: what a node serves to others
/// while it goes on.
///
/// It may be read by any number of threads; readers and the writer of the state do not wait for each
/// other. As long as it is held, what it shows stays on disk.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait StateSnapshot: Send + Sync {
    /// Shows the visitor all pairs whose keys are not below `from`, ascending, until it has enough.
    ///
    /// # Errors
    /// The store failed; then some may not have been shown.
    fn visit(&self, from: &[u8], visitor: &mut dyn PairVisitor) -> Result<(), LedgerError>;
}

/// What [`MemoryStateStore::snapshot`] gives, as long as nobody writes to it.
impl StateSnapshot for MemoryStateStore {
    fn visit(&self, from: &[u8], visitor: &mut dyn PairVisitor) -> Result<(), LedgerError> {
        const PAGE_PAIRS: usize = 1_024;
        let mut from = from.to_vec();
        loop {
            let page = self.scan(&[], &from, PAGE_PAIRS)?;
            for (key, value) in &page {
                if visitor.visit(key, value).is_break() {
                    return Ok(());
                }
            }
            match page.last() {
                Some((last, _)) if page.len() >= PAGE_PAIRS => {
                    from.clone_from(last);
                    // The least key above it.
                    from.push(0);
                }
                _ => return Ok(()),
            }
        }
    }
}
