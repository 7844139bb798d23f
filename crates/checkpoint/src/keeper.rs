//! What this node's execution reaches, kept before execution goes on.

use crate::{CheckpointArchive, CheckpointError, ValidatorSets};
use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use picot_execution::{CheckpointState, CheckpointWatch, WatchError};
use picot_models::Checkpoint;

/// Watches execution, and keeps each checkpoint that it comes to in the archive before it goes on: so
/// after a crash at any moment none is missing that the state is past. Signing is left to who is woken.
#[derive(Debug)]
pub struct CheckpointKeeper {
    archive: CheckpointArchive,
    /// The sets of the last checkpoint: most of them are those of the next, and hashing them costs.
    last_sets: Mutex<Option<ValidatorSets>>,
    wake: Sender<()>,
    woken: Receiver<()>,
}

impl CheckpointKeeper {
    /// Keeps in an archive.
    #[must_use]
    pub fn new(archive: CheckpointArchive) -> Self {
        let (wake, woken) = bounded(1);
        Self {
            archive,
            last_sets: Mutex::default(),
            wake,
            woken,
        }
    }

    /// Has something when there may be new checkpoints in the archive.
    #[must_use]
    pub fn woken(&self) -> Receiver<()> {
        self.woken.clone()
    }

    /// Where it keeps.
    #[must_use]
    pub const fn archive(&self) -> &CheckpointArchive {
        &self.archive
    }

    /// Keeps the checkpoint of a state.
    ///
    /// # Errors
    /// [`CheckpointError::Diverged`]: another one is certified. [`CheckpointError::Store`],
    /// [`CheckpointError::Validators`].
    pub fn keep(&self, state: &CheckpointState) -> Result<Checkpoint, CheckpointError> {
        let mut last_sets = self.last_sets.lock();
        let sets = ValidatorSets::of_draws(&state.draws, last_sets.as_ref())?;
        let checkpoint = Checkpoint {
            slot: state.slot,
            state_hash: state.state_hash,
            validator_sets: sets.hash(),
        };
        let certified = self.archive.reach(&checkpoint, &sets)?;
        *last_sets = Some(sets);
        if let Some(certified) = certified
            && certified != checkpoint
        {
            return Err(CheckpointError::diverged(&checkpoint, &certified));
        }
        // One that is not taken yet is enough.
        let _ = self.wake.try_send(());
        Ok(checkpoint)
    }
}

impl CheckpointWatch for CheckpointKeeper {
    fn at_checkpoint(&self, state: &CheckpointState) -> Result<(), WatchError> {
        self.keep(state)?;
        Ok(())
    }
}
