//! The settings of `picot node`. Each one may be said in a file, in the environment and by a flag: the
//! environment counts more than the file, a flag more than both.
//!
//! ```text
//! list ──► what there is: key, shape, default, what is allowed
//!   ├──► file      a TOML file, every wrong line named
//!   ├──► merge     file, environment and flags, each value with its origin
//!   ├──► example   the file that documents them all
//!   └──► show      what is in force, and where it was said
//! ```

mod environment;
mod error;
mod example;
mod file;
mod list;
mod merge;
mod show;
mod values;

pub use environment::Environment;
pub use error::SettingsError;

pub(super) use example::example;
pub(super) use file::check_file;
pub(super) use list::{check, check_assignment};
pub(super) use merge::merge;
pub(super) use show::{ShownSetting, shown};

/// The environment variable with the file of settings.
pub(super) const FILE_VARIABLE: &str = "PICOT_CONFIG";

#[cfg(test)]
mod tests;
