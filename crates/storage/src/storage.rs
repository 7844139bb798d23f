//! The port to what is in flight.

use crate::StorageError;
use picot_models::{Block, BlockId, EndorsementId, SignedEndorsement, Slot};
use std::sync::Arc;

/// Blocks and endorsements that are in flight: bounded, shared, in memory; a block that has left,
/// or was decided before a restart, is read through to the archive.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Storage: Send + Sync {
    /// Keeps a block; the same again changes nothing. Never fails: when full, the blocks of the
    /// oldest slots leave, which may be this one.
    fn put_block(&self, block: Block);

    /// The block, from memory or else from the archive.
    ///
    /// # Errors
    /// The archive failed.
    fn block(&self, id: &BlockId) -> Result<Option<Block>, StorageError>;

    /// Keeps endorsements; when full, those of the oldest slots leave.
    fn put_endorsements(&self, endorsements: Vec<Arc<SignedEndorsement>>);

    /// The endorsement, if it is in memory.
    fn endorsement(&self, id: &EndorsementId) -> Option<Arc<SignedEndorsement>>;

    /// Drops from memory everything of slots earlier than `slot`.
    fn forget_before(&self, slot: Slot);
}
