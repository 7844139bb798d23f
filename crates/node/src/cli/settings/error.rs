//! Why there are no settings to start a node with.

use displaydoc::Display;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why there are no settings to start a node with.
#[derive(Debug, Display, Error)]
pub enum SettingsError {
    /// cannot read configuration file {path}: {source}
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// configuration file {path} has more than {max} bytes
    TooLong {
        /// The file.
        path: PathBuf,
        /// The bound.
        max: u64,
    },
    /// {0}
    Wrong(Problems),
    /// it is not said where the node keeps its data: `--data <DIR>`, or `--dev` for a development node
    NoData,
    /// `{first}` {first_origin} cannot be used with `{second}` {second_origin}
    Together {
        /// A key.
        first: &'static str,
        /// Where it was said.
        first_origin: String,
        /// Another.
        second: &'static str,
        /// Where that was said.
        second_origin: String,
    },
    /// `--reset` is for development nodes: it needs `--dev`
    ResetWithoutDev,
    /// {0}
    Pool(#[from] picot_pool::PoolError),
    /// no configuration file was named
    NoFile,
}

impl SettingsError {
    /// Whether another way of writing a setting mends it.
    pub(in crate::cli) const fn is_usage(&self) -> bool {
        !matches!(self, Self::File { .. } | Self::TooLong { .. })
    }

    pub(in crate::cli) const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Wrong(_) => Some("`picot config example` shows every setting"),
            Self::NoFile => Some("name it, or set PICOT_CONFIG"),
            Self::Pool(_) => Some("`picot config show` tells where each value comes from"),
            _ => None,
        }
    }
}

/// Everything that is wrong, one line each, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub(super) Vec<String>);

impl std::fmt::Display for Problems {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_slice() {
            [only] => formatter.write_str(only),
            many => {
                write!(formatter, "{} settings are wrong:", many.len())?;
                many.iter()
                    .try_for_each(|problem| write!(formatter, "\n  {problem}"))
            }
        }
    }
}
