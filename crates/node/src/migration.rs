//! Data of an older format becomes data of the present one, at start and in one step.

use crate::NodeError;
use picot_database::DataDir;
use picot_execution::{ExecutionError, PastOutcome, migrate_state};
use picot_models::{Genesis, Slot};
use picot_storage::{BlockArchive, StorageError};

/// Brings the final state to the present format; what it lacks is in the archive.
///
/// # Errors
/// It is of a format that is not known, or state or archive are damaged; nothing has changed then.
pub(crate) fn migrate(data: &DataDir, genesis: &Genesis) -> Result<(), NodeError> {
    let archive = data.archive();
    let past = |slot: Slot| past_outcome(&*archive, slot).map_err(unreadable);
    if migrate_state(&*data.state(), genesis, &past)? {
        tracing::info!("the final state was of an older format, and is of the present one now");
    }
    Ok(())
}

fn past_outcome(
    archive: &dyn BlockArchive,
    slot: Slot,
) -> Result<Option<PastOutcome>, StorageError> {
    let decided = archive.decided_at(slot)?;
    Ok(decided.map(|decided| PastOutcome {
        slot: decided.slot(),
        value: decided.outcome.value(),
        digest: decided.outcome.certificate().thread_digest,
        block: decided.block,
    }))
}

fn unreadable(error: StorageError) -> ExecutionError {
    ExecutionError::Corrupt(format!(
        "the archive that it is to be completed from: {error}"
    ))
}
