//! The data of a node that has just ended, opened again by the same process.

use crate::NodeError;
use picot_clock::{Millis, Stop};
use picot_database::DatabaseError;

/// How often it is tried.
const INTERVAL: Millis = Millis(100);
/// How often it is tried in vain, until it is given up.
const TRIES: u32 = 100;

/// Does what opens the data, again and again while something of the node that ended still holds it: an
/// answer of the interface that is under way may take some seconds. None if it is stopped meanwhile.
///
/// # Errors
/// What the opening says; that the data is held for too long.
pub(crate) fn once_free<T>(
    stop: &Stop,
    open: impl FnMut() -> Result<T, NodeError>,
) -> Result<Option<T>, NodeError> {
    once_free_within(TRIES, stop, open)
}

fn once_free_within<T>(
    tries: u32,
    stop: &Stop,
    mut open: impl FnMut() -> Result<T, NodeError>,
) -> Result<Option<T>, NodeError> {
    for _ in 0..tries {
        match open() {
            Err(NodeError::Database(DatabaseError::InUse(_))) => {}
            opened => return opened.map(Some),
        }
        if stop.pause(INTERVAL) {
            return Ok(None);
        }
    }
    let waited = u64::from(tries).saturating_mul(INTERVAL.0);
    Err(NodeError::Stopped(format!(
        "the node ended to begin again, and after {waited} ms something still holds its data"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_database::{DataDir, DatabaseConfig};
    use picot_models::mocks::chain_id;
    use std::path::Path;

    fn open(folder: &Path) -> Result<DataDir, NodeError> {
        Ok(DataDir::open(folder, &chain_id(1), &DatabaseConfig::dev())?)
    }

    #[test]
    fn data_that_is_held_for_a_moment_is_opened_when_it_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let mut held = Some(open(folder.path()).unwrap());
        let mut refused = 0;
        let opened = once_free(&Stop::new(), || {
            let opened = open(folder.path());
            if opened.is_err() {
                refused += 1;
            }
            if refused == 2 {
                held = None;
            }
            opened
        });
        assert!(opened.unwrap().is_some());
        assert_eq!(refused, 2);
    }

    #[test]
    fn data_that_is_held_for_long_is_given_up_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let _held = open(folder.path()).unwrap();
        let ended = once_free_within(2, &Stop::new(), || open(folder.path()));
        let reason = ended.map(|_| ()).unwrap_err().to_string();
        assert!(reason.contains("still holds its data"), "{reason}");
    }

    #[test]
    fn a_stop_ends_the_wait() {
        let folder = tempfile::tempdir().unwrap();
        let _held = open(folder.path()).unwrap();
        let stop = Stop::new();
        stop.stop();
        let ended = once_free(&stop, || open(folder.path()));
        assert!(ended.unwrap().is_none());
    }

    #[test]
    fn another_failure_is_told_at_once() {
        let mut tries = 0;
        let ended = once_free(&Stop::new(), || {
            tries += 1;
            Err::<(), _>(NodeError::Stopped("for another reason".to_owned()))
        });
        assert!(ended.is_err());
        assert_eq!(tries, 1);
    }
}
