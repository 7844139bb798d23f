//! Another state that is received beside the one in use, and takes its place.
//!
//! There are two keyspaces for states. Which of them is the state, one record says: so a state of any
//! size changes places in one small write.

use crate::store::Store;
use crate::{DatabaseError, DiskStateStore, FaultPoint};
use fjall::Keyspace;
use picot_ledger::StateMetadata;
use std::path::Path;

/// Beside the metadata of the state: which keyspace has it.
const CURRENT_KEY: &[u8] = b"current";
const FIRST: &[u8] = &[1];
const SECOND: &[u8] = &[2];

/// Whether the state is in the second of the two keyspaces.
pub(crate) fn second_is_current(state_metadata: &Keyspace) -> Result<bool, DatabaseError> {
    let found = state_metadata
        .get(CURRENT_KEY)
        .map_err(DatabaseError::store("reading which state is in use"))?;
    Ok(found.is_some_and(|value| *value == *SECOND))
}

/// Makes what was received the state, from the next opening on.
pub(crate) fn adopt(
    store: &Store,
    folder: &Path,
    incoming: &DiskStateStore,
) -> Result<(), DatabaseError> {
    let metadata = StateMetadata::read(incoming);
    if !matches!(metadata, Ok(Some(_))) {
        return Err(DatabaseError::damaged(
            folder,
            "the state that was received is not complete",
        ));
    }
    let failed = DatabaseError::store("changing the state in use");
    // What the record names must be there before it.
    store.sync().map_err(&failed)?;
    let new = if second_is_current(&store.state_metadata)? {
        FIRST
    } else {
        SECOND
    };
    store.faults.pass(FaultPoint::IncomingAdopt);
    let mut write = store.durable_batch();
    write.insert(&store.state_metadata, CURRENT_KEY, new);
    let written = store.note("changing the state in use", write.commit());
    written.map_err(&failed)?;
    store.sync().map_err(&failed)?;
    store.faults.pass(FaultPoint::IncomingAdopted);
    Ok(())
}

/// Removes what is in the keyspace that is not in use.
pub(crate) fn clear(store: &Store) -> Result<(), DatabaseError> {
    let failed = DatabaseError::store("removing a state that is not in use");
    let cleared = store.note("removing a state", store.incoming.clear());
    cleared.map_err(&failed)?;
    store.sync().map_err(&failed)
}
