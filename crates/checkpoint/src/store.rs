//! The port to what keeps checkpoints: an ordered map of bytes.

use crate::CheckpointError;

/// One pair of the store.
pub type StorePair = (Vec<u8>, Vec<u8>);

/// What becomes of a key: a new value, or nothing.
pub type StoreChange = (Vec<u8>, Option<Vec<u8>>);

/// Where [`CheckpointArchive`](crate::CheckpointArchive) keeps what it keeps: an ordered map of bytes.
///
/// Keys are not empty and ordered byte by byte. Any thread may call at any time. What was written
/// survives the end of the process; and if the final state is in the same store, a failure of the
/// machine loses nothing of it that was written before a state that is not lost.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait CheckpointStore: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// [`CheckpointError::Store`].
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, CheckpointError>;

    /// At most `limit` pairs from `from` to before `end`, ascending.
    ///
    /// # Errors
    /// [`CheckpointError::Store`].
    fn ascending(
        &self,
        from: &[u8],
        end: &[u8],
        limit: usize,
    ) -> Result<Vec<StorePair>, CheckpointError>;

    /// At most `limit` pairs from `from` to before `end`, descending.
    ///
    /// # Errors
    /// [`CheckpointError::Store`].
    fn descending(
        &self,
        from: &[u8],
        end: &[u8],
        limit: usize,
    ) -> Result<Vec<StorePair>, CheckpointError>;

    /// Sets or deletes keys, all of them or none.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], and then nothing was taken over.
    fn write(&self, changes: Vec<StoreChange>) -> Result<(), CheckpointError>;
}
