//! The lists of `deny.toml`, which cargo-deny reads too.

use std::collections::BTreeMap;

use cargo_metadata::semver::{Version, VersionReq};

use super::toml::{self, Table, Value};

/// What is allowed and what is not.
#[derive(Debug, Default)]
pub(super) struct Deny {
    /// Licences that any package may have.
    pub(super) licenses: Vec<String>,
    /// Licences that one package may have besides.
    pub(super) exceptions: BTreeMap<String, Vec<String>>,
    /// Old versions that may be there besides the newest.
    pub(super) skipped: Vec<Skip>,
    /// Packages that may not be there at all.
    pub(super) banned: Vec<String>,
}

/// One `skip` entry: a name, and which versions of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Skip {
    pub(super) name: String,
    pub(super) versions: VersionReq,
    pub(super) reason: Option<String>,
}

impl Deny {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let root = toml::parse(text)?;
        let section = |name: &str| {
            root.get(name)
                .and_then(Value::as_table)
                .ok_or_else(|| format!("there is no [{name}]"))
        };
        let (licenses, bans) = (section("licenses")?, section("bans")?);
        Ok(Self {
            licenses: strings(licenses, "allow")?,
            exceptions: array(licenses, "exceptions")?
                .iter()
                .map(exception)
                .collect::<Result<_, _>>()?,
            skipped: array(bans, "skip")?
                .iter()
                .map(skip)
                .collect::<Result<_, _>>()?,
            banned: array(bans, "deny")?
                .iter()
                .map(|value| Ok(package(value)?.0))
                .collect::<Result<_, String>>()?,
        })
    }
}

impl Skip {
    pub(super) fn covers(&self, name: &str, version: &Version) -> bool {
        self.name == name && self.versions.matches(version)
    }
}

fn array<'a>(table: &'a Table, key: &str) -> Result<&'a [Value], String> {
    match table.get(key) {
        None => Ok(&[]),
        Some(value) => value
            .as_array()
            .ok_or_else(|| format!("'{key}' is not a list")),
    }
}

fn strings(table: &Table, key: &str) -> Result<Vec<String>, String> {
    array(table, key)?
        .iter()
        .map(|value| {
            value
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| format!("'{key}' holds something that is not a text"))
        })
        .collect()
}

fn exception(value: &Value) -> Result<(String, Vec<String>), String> {
    let (name, _) = package(value)?;
    let allowed = strings(
        value.as_table().ok_or("an exception is not a table")?,
        "allow",
    )?;
    Ok((name, allowed))
}

fn skip(value: &Value) -> Result<Skip, String> {
    let (name, versions) = package(value)?;
    let reason = value
        .as_table()
        .and_then(|table| table.get("reason"))
        .and_then(Value::as_str)
        .map(str::to_owned);
    Ok(Skip {
        name,
        versions,
        reason,
    })
}

/// A package as cargo-deny writes it: `name`, `name@version` or `name:requirement`, alone or as `crate = …`.
fn package(value: &Value) -> Result<(String, VersionReq), String> {
    let named = || value.as_table()?.get("crate")?.as_str();
    let text = value
        .as_str()
        .or_else(named)
        .ok_or("an entry names no crate")?;
    let (name, requirement) = match (text.split_once('@'), text.split_once(':')) {
        (Some((name, version)), _) => (name, format!("={version}")),
        (None, Some((name, requirement))) => (name, requirement.to_owned()),
        (None, None) => (text, "*".to_owned()),
    };
    let versions = VersionReq::parse(&requirement).map_err(|error| format!("'{text}': {error}"))?;
    Ok((name.to_owned(), versions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_read() {
        let deny = Deny::parse(
            r#"
            [licenses]
            allow = ["MIT", "ISC"] # the usual
            exceptions = [{ crate = "odd", allow = ["0BSD"] }]
            [bans]
            deny = ["openssl", { crate = "cmake", reason = "no" }]
            skip = [{ crate = "syn:2", reason = "old macros" }, "nom@7.1.0"]
            "#,
        )
        .unwrap();
        assert_eq!(deny.licenses, ["MIT", "ISC"]);
        assert_eq!(deny.exceptions["odd"], ["0BSD"]);
        assert_eq!(deny.banned, ["openssl", "cmake"]);
        let covered = |name: &str, version: &str| {
            deny.skipped
                .iter()
                .any(|skip| skip.covers(name, &version.parse().unwrap()))
        };
        assert!(covered("syn", "2.0.119") && !covered("syn", "3.0.0"));
        assert!(covered("nom", "7.1.0") && !covered("nom", "7.1.1"));
        assert_eq!(deny.skipped[0].reason.as_deref(), Some("old macros"));
        assert_eq!(deny.skipped[1].reason, None);
    }

    #[test]
    fn a_list_that_cannot_be_read_is_an_error() {
        assert!(Deny::parse("[licenses]\n").unwrap_err().contains("[bans]"));
        assert!(Deny::parse("[licenses]\nallow = 3\n[bans]\n").is_err());
        assert!(Deny::parse("[licenses]\n[bans]\nskip = [{ reason = \"none\" }]\n").is_err());
        assert!(Deny::parse("[licenses]\n[bans]\nskip = [\"syn:>x\"]\n").is_err());
    }
}
