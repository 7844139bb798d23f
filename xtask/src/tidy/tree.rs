//! What the checks look at: packages, files and dependency trees, as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, Package, semver::Version};

use super::deny::Deny;
use super::layers;
use crate::cargo::{self, Invocation};
use crate::failure::Failure;

/// Folders that hold what was built or run, not what was written.
const NOT_OURS: [&str; 5] = [".git", "target", "picot-data", "node_modules", ".idea"];

/// Files above this size are data, not text: no check reads them.
const LONGEST_TEXT_BYTES: u64 = 4 * 1024 * 1024;

/// A checkout and what cargo knows about it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Packages of the workspace.
    pub(super) members: Vec<Member>,
    /// Packages from elsewhere, of all platforms.
    pub(super) externals: Vec<External>,
    /// Every text file, sorted by path.
    pub(super) files: Vec<TextFile>,
    /// Normal dependencies that are built for this machine, by crate.
    pub(super) normal_trees: BTreeMap<String, BTreeSet<Built>>,
    /// The lists of `deny.toml`.
    pub(super) deny: Deny,
    /// The tasks of `cargo xtask`.
    pub(super) tasks: Vec<&'static str>,
}

/// A package of the workspace.
#[derive(Debug, Default)]
pub(super) struct Member {
    /// The name in the design: `pool` for `picot-pool`.
    pub(super) name: String,
    /// The folder, from the root: `crates/pool`.
    pub(super) folder: String,
    /// Members that it needs outside its tests, by name.
    pub(super) uses: Vec<String>,
    /// Dependencies of any kind that any version satisfies.
    pub(super) wildcards: Vec<String>,
    pub(super) description: Option<String>,
    pub(super) license: Option<String>,
    pub(super) rust_version: Option<String>,
    pub(super) keywords: Vec<String>,
}

/// A package from elsewhere.
#[derive(Debug)]
pub(super) struct External {
    pub(super) name: String,
    pub(super) version: Version,
    pub(super) license: Option<String>,
    pub(super) source: String,
}

/// A text file, its path from the root with `/` between folders.
#[derive(Debug)]
pub(super) struct TextFile {
    pub(super) path: String,
    pub(super) text: String,
}

/// One line of a dependency tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Built {
    pub(super) name: String,
    pub(super) version: String,
    /// The features that it is built with.
    pub(super) features: BTreeSet<String>,
}

impl Tree {
    /// Reads this checkout; fails if cargo or `deny.toml` cannot be read.
    pub(super) fn load() -> Result<Self, Failure> {
        let root = cargo::root();
        let metadata = cargo::metadata()?;
        let mut files = Vec::new();
        collect_files(root, "", &mut files)
            .map_err(|error| Failure::Task(format!("cannot read the checkout: {error}")))?;
        files.sort_by(|a, b| a.path.cmp(&b.path));

        let mut tree = Self {
            members: members(&metadata),
            externals: externals(&metadata),
            files,
            tasks: crate::task_names(),
            ..Self::default()
        };
        let lists = tree
            .text("deny.toml")
            .ok_or_else(|| Failure::Task("deny.toml is missing".into()))?;
        tree.deny =
            Deny::parse(lists).map_err(|error| Failure::Task(format!("deny.toml: {error}")))?;
        tree.normal_trees = normal_trees(&tree.members)?;
        Ok(tree)
    }

    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    }

    /// The members below `crates/`: those that others may take.
    pub(super) fn crates(&self) -> impl Iterator<Item = &Member> {
        self.members
            .iter()
            .filter(|member| member.folder.starts_with("crates/"))
    }
}

/// `pool` for `picot-pool`.
fn short(package: &str) -> &str {
    package.strip_prefix("picot-").unwrap_or(package)
}

fn members(metadata: &Metadata) -> Vec<Member> {
    let packages = metadata.workspace_packages();
    let names: BTreeSet<&str> = packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    packages
        .iter()
        .map(|package| member(package, metadata, &names))
        .collect()
}

fn member(package: &Package, metadata: &Metadata, names: &BTreeSet<&str>) -> Member {
    let folder = package
        .manifest_path
        .parent()
        .and_then(|folder| folder.strip_prefix(&metadata.workspace_root).ok());
    let outside_tests = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development);
    Member {
        name: short(&package.name).to_owned(),
        folder: folder
            .map(|folder| folder.as_str().replace('\\', "/"))
            .unwrap_or_default(),
        uses: outside_tests
            .filter(|dependency| names.contains(dependency.name.as_str()))
            .map(|dependency| short(&dependency.name).to_owned())
            .collect(),
        wildcards: package
            .dependencies
            .iter()
            .filter(|dependency| dependency.req.comparators.is_empty())
            .map(|dependency| dependency.name.clone())
            .collect(),
        description: package.description.clone(),
        license: package.license.clone(),
        rust_version: package.rust_version.as_ref().map(ToString::to_string),
        keywords: package.keywords.clone(),
    }
}

fn externals(metadata: &Metadata) -> Vec<External> {
    metadata
        .packages
        .iter()
        .filter_map(|package| {
            Some(External {
                name: package.name.to_string(),
                version: package.version.clone(),
                license: package.license.clone(),
                source: package.source.as_ref()?.repr.clone(),
            })
        })
        .collect()
}

fn collect_files(folder: &Path, path: &str, files: &mut Vec<TextFile>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let below = if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}/{name}")
        };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            // Cargo marks each of its target folders, whatever its name.
            let is_cache = entry.path().join("CACHEDIR.TAG").exists();
            if !NOT_OURS.contains(&name) && !is_cache {
                collect_files(&entry.path(), &below, files)?;
            }
        } else if kind.is_file() && entry.metadata()?.len() <= LONGEST_TEXT_BYTES {
            match fs::read_to_string(entry.path()) {
                Ok(text) => files.push(TextFile { path: below, text }),
                // Bytes that are not text, or a file that a running test has just removed.
                Err(error)
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::InvalidData | std::io::ErrorKind::NotFound
                    ) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Asks cargo itself: `cargo metadata` merges the features of the whole workspace, tests included,
/// and so shows more than what is built when a crate is taken alone.
fn normal_trees(members: &[Member]) -> Result<BTreeMap<String, BTreeSet<Built>>, Failure> {
    let alone = layers::taken_alone();
    members
        .iter()
        .filter(|member| alone.contains(&member.name.as_str()))
        .map(|member| {
            let package = format!("picot-{}", member.name);
            let lines = Invocation::new([
                "tree",
                "--quiet",
                "--package",
                &package,
                "--edges",
                "normal",
                "--prefix",
                "none",
                "--format",
                "{p} | {f}",
            ])
            .output()?;
            Ok((member.name.clone(), parse_tree(&lines, &package)))
        })
        .collect()
}

/// Each line is `name vVERSION`, remarks in brackets, `|`, features between commas, and a star if the
/// package was shown before.
fn parse_tree(lines: &str, root: &str) -> BTreeSet<Built> {
    lines
        .lines()
        .filter_map(|line| {
            let (package, features) = line.split_once('|')?;
            let mut words = package.split_whitespace();
            let features = features.split_whitespace().next().unwrap_or_default();
            Some(Built {
                name: words.next()?.to_owned(),
                version: words.next()?.trim_start_matches('v').to_owned(),
                features: features
                    .split(',')
                    .filter(|feature| !feature.is_empty() && *feature != "(*)")
                    .map(str::to_owned)
                    .collect(),
            })
        })
        .filter(|built| built.name != root)
        .collect()
}

/// A member with a name alone, in its usual folder.
#[cfg(test)]
pub(super) fn member_named(name: &str) -> Member {
    Member {
        name: name.into(),
        folder: format!("crates/{name}"),
        ..Member::default()
    }
}

/// A tree of files alone.
#[cfg(test)]
pub(super) fn tree_of_files(files: &[(&str, &str)]) -> Tree {
    let files = files
        .iter()
        .map(|&(path, text)| TextFile {
            path: path.into(),
            text: text.into(),
        })
        .collect();
    Tree {
        files,
        ..Tree::default()
    }
}

/// A package from the usual registry.
#[cfg(test)]
pub(super) fn external(name: &str, version: &str, license: Option<&str>) -> External {
    External {
        name: name.into(),
        version: version.parse().unwrap(),
        license: license.map(Into::into),
        source: super::sources::CRATES_IO.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_of_a_printed_tree_is_counted_once_and_the_root_never() {
        let lines = "picot-clock v0.1.0 (/somewhere) | default\nnom v8.0.0 | alloc,std\nmemchr v2.8.3 | \n\nnom v8.0.0 | alloc,std (*)\nmemchr v2.8.3 |  (*)\nsyn v3.0.9 | \nsyn v2.0.1 | \n";
        let names: Vec<String> = parse_tree(lines, "picot-clock")
            .iter()
            .map(|built| format!("{} {} {:?}", built.name, built.version, built.features))
            .collect();
        assert_eq!(
            names,
            [
                "memchr 2.8.3 {}",
                r#"nom 8.0.0 {"alloc", "std"}"#,
                "syn 2.0.1 {}",
                "syn 3.0.9 {}"
            ]
        );
    }

    #[test]
    fn the_members_and_their_normal_uses_are_read() {
        let members = members(&cargo::metadata().unwrap());
        let clock = members
            .iter()
            .find(|member| member.name == "clock")
            .unwrap();
        assert_eq!(clock.folder, "crates/clock");
        assert_eq!(clock.uses, ["serialization"]);
        assert!(clock.description.is_some() && !clock.keywords.is_empty());
    }

    #[test]
    fn every_text_file_is_read_but_what_was_built() {
        let mut files = Vec::new();
        collect_files(cargo::root(), "", &mut files).unwrap();
        let has = |path: &str| files.iter().any(|file| file.path == path);
        assert!(has("Cargo.toml") && has(".ci/run") && has("xtask/src/tidy/tree.rs"));
        assert!(!files.iter().any(|file| file.path.starts_with("target/")));
    }
}
