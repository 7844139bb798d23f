//! Genesis files: read with a bound and checked.

use displaydoc::Display;
use picot_client::printable;
use picot_models::{Genesis, GenesisError};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The most bytes of a genesis file: with the most stakers and allocations, it has fewer.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// Why a file gives no genesis.
#[derive(Debug, Display, Error)]
pub enum GenesisFileError {
    /// cannot read {path}
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// {path} has more than {max} bytes, which no genesis file has
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        max: u64,
    },
    /// {path} is not a genesis file: {reason}
    Json {
        /// The file.
        path: PathBuf,
        /// What the reader says, with line and column.
        reason: String,
    },
    /// {path} makes no chain
    NoChain {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: GenesisError,
    },
}

/// Reads and checks a genesis file.
///
/// # Errors
/// The file cannot be read, is too large, is not a genesis, or is one that makes no chain.
pub fn read_genesis(path: &Path) -> Result<Genesis, GenesisFileError> {
    let path = || path.to_owned();
    let bytes = read_bounded(&path())?;
    let genesis: Genesis =
        serde_json::from_slice(&bytes).map_err(|error| GenesisFileError::Json {
            path: path(),
            reason: printable(&error.to_string()),
        })?;
    match genesis.validate() {
        Ok(()) => Ok(genesis),
        Err(source) => Err(GenesisFileError::NoChain {
            path: path(),
            source,
        }),
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, GenesisFileError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| {
        file.take(MAX_BYTES.saturating_add(1))
            .read_to_end(&mut bytes)
    });
    let path = path.to_owned();
    if let Err(source) = read {
        return Err(GenesisFileError::Read { path, source });
    }
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        let max = MAX_BYTES;
        return Err(GenesisFileError::TooLarge { path, max });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_genesis_is_refused_with_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("genesis.json");
        std::fs::write(&path, "{\n  \"name\": 5\n}").unwrap();
        let error = read_genesis(&path).unwrap_err().to_string();
        assert!(error.contains("genesis.json"), "{error}");
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let directory = tempfile::tempdir().unwrap();
        for path in [directory.path(), &directory.path().join("missing")] {
            let error = read_genesis(path).unwrap_err();
            assert!(matches!(error, GenesisFileError::Read { .. }), "{error}");
            assert!(error.to_string().contains(path.to_str().unwrap()));
        }
    }
}
