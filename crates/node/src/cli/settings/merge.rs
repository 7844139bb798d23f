//! File, environment and flags become the settings of one start, each with its origin.

use super::environment::Environment;
use super::error::{Problems, SettingsError};
use super::list::{SETTINGS, Setting, Shape, find};
use super::values::Values;
use super::{FILE_VARIABLE, file};
use crate::cli::args::SettingArgs;
use crate::data_layout::DEFAULT_DEV_DATA;
use crate::network::NetworkOptions;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where a value was said. A later one counts more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) enum Origin {
    /// Nowhere.
    Default,
    /// In a file.
    File { path: PathBuf, line: usize },
    /// In the environment.
    Variable(String),
    /// By a flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Self::Variable(name) => formatter.write_str(name),
            Self::Flag(flag) => formatter.write_str(flag),
        }
    }
}

/// A value that was said.
pub(super) struct Given {
    pub(super) setting: &'static Setting,
    pub(super) texts: Vec<String>,
    pub(super) origin: Origin,
}

/// What is in force.
#[derive(Debug)]
pub(in crate::cli) struct Merged {
    pub(in crate::cli) values: Values,
    origins: BTreeMap<&'static str, Origin>,
}

impl Merged {
    /// Where the value of a setting was said.
    pub(super) fn origin(&self, key: &str) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }

    fn is_said(&self, key: &str) -> bool {
        self.origins.contains_key(key)
    }

    fn new(all: Vec<Given>) -> Result<Self, SettingsError> {
        let (mut values, mut origins) = (Values::default(), BTreeMap::new());
        let mut problems = Vec::new();
        for Given {
            setting,
            texts,
            origin,
        } in all
        {
            match (setting.set)(&mut values, &texts) {
                Ok(()) => {
                    origins.insert(setting.key, origin);
                }
                Err(reason) => {
                    let said = picot_client::printable(&texts.join(","));
                    problems.push(format!("{origin}: `{}` is `{said}`: {reason}", setting.key));
                }
            }
        }
        if problems.is_empty() {
            return Ok(Self { values, origins });
        }
        Err(SettingsError::Wrong(Problems(problems)))
    }

    /// What cannot be said together, wherever it was said.
    fn check(&self) -> Result<(), SettingsError> {
        for other in ["genesis", "trusted_checkpoint"] {
            if self.values.dev && self.is_said(other) {
                return Err(SettingsError::Together {
                    first: "dev",
                    first_origin: self.place("dev"),
                    second: other,
                    second_origin: self.place(other),
                });
            }
        }
        Ok(self.values.pool.validate()?)
    }

    fn place(&self, key: &str) -> String {
        match self.origin(key) {
            Origin::Flag(flag) => format!("(flag {flag})"),
            origin => format!("({origin})"),
        }
    }

    /// What depends on other settings.
    fn fill(&mut self) {
        let dev = self.values.dev;
        if dev && self.values.data.is_none() {
            self.values.data = Some(PathBuf::from(DEFAULT_DEV_DATA));
        }
        // A development node is alone unless told otherwise; every other one listens.
        self.values.listen.get_or_insert_with(|| {
            if dev {
                Vec::new()
            } else {
                NetworkOptions::default_listen()
            }
        });
    }
}

/// The settings of one start.
pub(in crate::cli) fn merge(
    flags: &SettingArgs,
    environment: &Environment,
) -> Result<Merged, SettingsError> {
    let path = flags.config.clone();
    let path = path.or_else(|| environment.get(FILE_VARIABLE).map(PathBuf::from));
    let mut all = match path {
        Some(path) => file::read(&path)?,
        None => Vec::new(),
    };
    all.extend(of_environment(environment)?);
    all.extend(of_flags(flags)?);
    let mut merged = Merged::new(all)?;
    merged.check()?;
    merged.fill();
    Ok(merged)
}

/// Whether values can be in force together.
pub(super) fn check_together(given: Vec<Given>) -> Result<(), SettingsError> {
    Merged::new(given)?.check()
}

fn of_environment(environment: &Environment) -> Result<Vec<Given>, SettingsError> {
    let (mut given, mut problems) = (Vec::new(), Vec::new());
    for setting in SETTINGS {
        let variable = setting.variable();
        let Some(value) = environment.get(&variable) else {
            continue;
        };
        match value.to_str() {
            Some(text) => given.push(Given {
                setting,
                texts: setting.split(text),
                origin: Origin::Variable(variable),
            }),
            None => problems.push(format!("{variable}: this is no UTF-8 text")),
        }
    }
    if problems.is_empty() {
        return Ok(given);
    }
    Err(SettingsError::Wrong(Problems(problems)))
}

fn of_flags(flags: &SettingArgs) -> Result<Vec<Given>, SettingsError> {
    let mut given: Vec<Given> = Vec::new();
    let own = flags.own().into_iter();
    let own = own.filter_map(|(key, texts)| Some((find(key)?, texts)));
    for (setting, texts) in own.filter(|(_, texts)| !texts.is_empty()) {
        let origin = Origin::Flag(setting.flag.unwrap_or("--set").to_owned());
        given.push(Given {
            setting,
            texts,
            origin,
        });
    }
    for (key, text) in &flags.set {
        let Some(setting) = find(key) else {
            continue;
        };
        let texts = setting.split(text);
        let said = given.iter_mut().find(|other| other.setting.key == *key);
        match said {
            Some(other) if setting.shape == Shape::List => other.texts.extend(texts),
            Some(other) => {
                let problem = format!("`{key}` is said by `{}` and by `--set`", other.origin);
                return Err(SettingsError::Wrong(Problems(vec![problem])));
            }
            None => given.push(Given {
                setting,
                texts,
                origin: Origin::Flag("--set".to_owned()),
            }),
        }
    }
    Ok(given)
}
