//! Every `cargo xtask` command that is written down exists.

use super::Finding;
use super::tree::{TextFile, Tree};

const COMMAND: &str = "cargo xtask ";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    // A change log tells of what was.
    let is_read = |file: &&TextFile| {
        (file.path.ends_with(".md") && file.path != "CHANGELOG.md") || file.path == ".ci/run"
    };
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(is_read) {
        for name in named(&file.text).filter(|name| *name != "help" && !tree.tasks.contains(name)) {
            findings.push(Finding {
                file: file.path.clone(),
                what: format!("names 'cargo xtask {name}', which does not exist"),
                why: "a reader types what is written",
                mend: format!("write one of {}, or add the task", tree.tasks.join(", ")),
            });
        }
    }
    findings
}

/// The word after each `cargo xtask `, if it is one.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(COMMAND).filter_map(|(start, _)| {
        let after = text.get(start.saturating_add(COMMAND.len())..)?;
        let end = after
            .find(|c: char| !(c.is_ascii_lowercase() || c == '-'))
            .unwrap_or(after.len());
        after
            .get(..end)
            .filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree_of_files;
    use super::*;

    #[test]
    fn a_command_that_does_not_exist_is_found() {
        let finds = |path: &str, text: &str| {
            check(&Tree {
                tasks: vec!["node", "test"],
                ..tree_of_files(&[(path, text)])
            })
            .len()
        };
        assert_eq!(
            finds(
                "README.md",
                "`cargo xtask node --reset`, `cargo xtask <task>`, `cargo xtask`, `cargo xtask --help`"
            ),
            0
        );
        assert_eq!(
            finds(
                "README.md",
                "run `cargo xtask localnet` or\ncargo xtask test\n"
            ),
            1
        );
        assert_eq!(finds(".ci/run", "cargo xtask nosuch"), 1);
        assert_eq!(finds("CHANGELOG.md", "`cargo xtask old` is gone"), 0);
    }
}
