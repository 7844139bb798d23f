//! What is in force, for people and programs.

use super::list::{SETTINGS, Setting, Shape};
use super::merge::{Merged, Origin};
use serde::Serialize;
use serde_json::Value as Json;
use std::path::PathBuf;

/// One setting of `picot config show --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct ShownSetting {
    /// Its name.
    pub(in crate::cli) key: &'static str,
    /// Its value; none if it has none.
    pub(in crate::cli) value: Json,
    /// Where that was said.
    pub(in crate::cli) origin: ShownOrigin,
    /// The same for people.
    #[serde(skip)]
    pub(in crate::cli) text: String,
    #[serde(skip)]
    pub(in crate::cli) place: String,
}

/// Where a value was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::cli) enum ShownOrigin {
    Default,
    File { path: PathBuf, line: usize },
    Environment { variable: String },
    Flag { flag: String },
}

/// All settings, in their order.
pub(in crate::cli) fn shown(merged: &Merged) -> Vec<ShownSetting> {
    let show = |setting: &Setting| {
        let texts = (setting.get)(&merged.values);
        let origin = merged.origin(setting.key);
        ShownSetting {
            key: setting.key,
            value: value(setting.shape, &texts),
            origin: match origin.clone() {
                Origin::Default => ShownOrigin::Default,
                Origin::File { path, line } => ShownOrigin::File { path, line },
                Origin::Variable(variable) => ShownOrigin::Environment { variable },
                Origin::Flag(flag) => ShownOrigin::Flag { flag },
            },
            text: match texts.as_slice() {
                [] => "-".to_owned(),
                texts => texts.join("\n"),
            },
            place: origin.to_string(),
        }
    };
    SETTINGS.iter().map(show).collect()
}

fn value(shape: Shape, texts: &[String]) -> Json {
    let parsed = |text: &String| serde_json::from_str(text).unwrap_or(Json::Null);
    match shape {
        Shape::List => Json::from(texts),
        Shape::Number | Shape::Switch => texts.first().map_or(Json::Null, parsed),
        Shape::Text | Shape::Path => texts.first().cloned().map_or(Json::Null, Json::from),
    }
}
