//! `cargo xtask tidy`: the rules of the house that no compiler knows.
//!
//! One file per check. A check looks at a [`Tree`], which is plain data, so that each one is
//! tested on a small made-up tree that breaks its rule.

mod bans;
mod crate_table;
mod deny;
mod dependency_trees;
mod duplicates;
mod file_length;
mod layers;
mod licenses;
mod manifests;
mod module_docs;
mod sources;
mod spdx;
mod task_names;
mod toml;
mod tree;
mod words;

use std::ffi::OsString;
use std::fmt;

use crate::Task;
use crate::cargo;
use crate::failure::{Failure, Outcome};
use tree::Tree;

pub(crate) const TASK: Task = Task {
    name: "tidy",
    summary: "checks layers, dependencies, licences, documentation and files",
    help: "\
Usage: cargo xtask tidy [--fix]

Checks what no compiler does: the layers of the crates, the number and kind of
their dependencies, duplicate versions, licences and sources, manifests and
READMEs, module documentation, the crate table of ARCHITECTURE.md, words and
lengths of files, and that each 'cargo xtask' command that is written down
exists. Each finding says what, why and how to mend it.

  --fix   first writes what can be written: the crate table
",
    passes_help_on: false,
    run,
};

/// A rule that something breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    /// The file to look at, from the root of the workspace.
    file: String,
    what: String,
    why: &'static str,
    mend: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}: {}", self.file, self.what)?;
        writeln!(formatter, "    why:  {}", self.why)?;
        write!(formatter, "    mend: {}", self.mend)
    }
}

struct Check {
    name: &'static str,
    find: fn(&Tree) -> Vec<Finding>,
}

const CHECKS: [Check; 12] = [
    Check {
        name: "layers",
        find: layers::check,
    },
    Check {
        name: "dependency trees",
        find: dependency_trees::check,
    },
    Check {
        name: "duplicate versions",
        find: duplicates::check,
    },
    Check {
        name: "banned crates and wildcards",
        find: bans::check,
    },
    Check {
        name: "sources",
        find: sources::check,
    },
    Check {
        name: "licences",
        find: licenses::check,
    },
    Check {
        name: "manifests",
        find: manifests::check,
    },
    Check {
        name: "module documentation",
        find: module_docs::check,
    },
    Check {
        name: "crate table",
        find: crate_table::check,
    },
    Check {
        name: "words",
        find: words::check,
    },
    Check {
        name: "file length",
        find: file_length::check,
    },
    Check {
        name: "task names",
        find: task_names::check,
    },
];

fn run(arguments: &[OsString]) -> Outcome {
    match arguments {
        [] => run_checks(),
        [only] if only == "--fix" => {
            crate_table::fix(cargo::root(), &Tree::load()?)?;
            run_checks()
        }
        _ => Err(Failure::Usage("tidy takes '--fix' or nothing".into())),
    }
}

/// Runs every check on this checkout and prints what they find.
pub(crate) fn run_checks() -> Outcome {
    let tree = Tree::load()?;
    let mut total = 0_usize;
    for check in &CHECKS {
        let findings = (check.find)(&tree);
        println!(
            "tidy: {}: {}",
            check.name,
            if findings.is_empty() {
                "ok".into()
            } else {
                counted(findings.len())
            }
        );
        for finding in &findings {
            println!("{finding}");
        }
        total = total.saturating_add(findings.len());
    }
    if total == 0 {
        return Ok(());
    }
    Err(Failure::Task(format!("tidy: {}", counted(total))))
}

fn counted(findings: usize) -> String {
    if findings == 1 {
        "1 finding".into()
    } else {
        format!("{findings} findings")
    }
}
