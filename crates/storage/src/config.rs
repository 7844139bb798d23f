//! The bounds of what is kept in memory.

use crate::StorageError;

/// The bounds of a [`BoundedStorage`](crate::BoundedStorage).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageConfig {
    /// The most blocks in memory.
    pub max_blocks: usize,
    /// The most bytes of blocks in memory, counted as canonical bytes.
    pub max_block_bytes: usize,
    /// The most endorsements in memory.
    pub max_endorsements: usize,
}

impl Default for StorageConfig {
    /// Some minutes of a chain of 32 threads and 16 s periods with full blocks.
    fn default() -> Self {
        Self {
            max_blocks: 1_024,
            max_block_bytes: 256 * 1_024 * 1_024,
            max_endorsements: 65_536,
        }
    }
}

impl StorageConfig {
    /// Refuses bounds under which nothing could be kept.
    ///
    /// # Errors
    /// [`StorageError::Config`], which names the field.
    pub fn validate(&self) -> Result<(), StorageError> {
        if self.max_blocks == 0 {
            return Err(StorageError::Config("max_blocks is 0"));
        }
        if self.max_block_bytes == 0 {
            return Err(StorageError::Config("max_block_bytes is 0"));
        }
        if self.max_endorsements == 0 {
            return Err(StorageError::Config("max_endorsements is 0"));
        }
        Ok(())
    }
}
