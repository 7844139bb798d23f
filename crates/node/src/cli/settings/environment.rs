//! The environment variables of this program.

use super::FILE_VARIABLE;
use super::list::SETTINGS;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// What all variables of this program begin with.
const PREFIX: &str = "PICOT_";
/// Variables that are no setting of a node: of other commands, of tests, and the passphrase itself,
/// which is not kept here.
const OTHERS: [&str; 10] = [
    FILE_VARIABLE,
    PASSPHRASE,
    "PICOT_API",
    "PICOT_BIN",
    "PICOT_CHROMEDRIVER",
    "PICOT_CHROMIUM",
    "PICOT_COMMIT",
    "PICOT_FAULT",
    "PICOT_FAULTS_BIN",
    "PICOT_TRACE",
];
const PASSPHRASE: &str = "PICOT_PASSPHRASE";

/// The variables of a process whose names begin with `PICOT_`, the passphrase left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let named =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self::new(named)
    }

    /// Of these variables.
    #[must_use]
    pub fn new<V: Into<OsString>>(variables: impl IntoIterator<Item = (String, V)>) -> Self {
        let ours = |name: &str| name.starts_with(PREFIX) && name != PASSPHRASE;
        let variables = variables.into_iter().filter(|(name, _)| ours(name));
        Self(
            variables
                .map(|(name, value)| (name, value.into()))
                .collect(),
        )
    }

    /// The value of a variable, if it is set.
    pub(in crate::cli) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(name).map(OsString::as_os_str)
    }

    /// Variables that look like settings and are none: mistyped, perhaps.
    pub(in crate::cli) fn unknown(&self) -> Vec<&str> {
        let is_known = |name: &str| {
            OTHERS.contains(&name) || SETTINGS.iter().any(|setting| setting.variable() == name)
        };
        let names = self.0.keys().map(String::as_str);
        names.filter(|name| !is_known(name)).collect()
    }
}
