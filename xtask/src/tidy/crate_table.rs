//! The crate table of ARCHITECTURE.md is written from the manifests, between two marks.

use std::fs;
use std::path::Path;

use super::Finding;
use super::layers;
use super::tree::{Member, Tree};
use crate::failure::{Failure, Outcome};

const FILE: &str = "ARCHITECTURE.md";
const BEGIN: &str = "<!-- crates:begin -->";
const END: &str = "<!-- crates:end -->";
const WHY: &str = "the crate list with one line each is where a newcomer begins (design 13)";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let finding = |what: &str, mend: &str| {
        vec![Finding {
            file: FILE.into(),
            what: what.into(),
            why: WHY,
            mend: mend.into(),
        }]
    };
    let Some(text) = tree.text(FILE) else {
        return finding(
            "is missing",
            "write it, with the two marks around the crate table",
        );
    };
    match with_table(text, &table(tree)) {
        None => finding(
            "has no marks of the crate table",
            &format!("add the lines '{BEGIN}' and '{END}', then 'cargo xtask tidy --fix'"),
        ),
        Some(fresh) if fresh != text => {
            finding("has an old crate table", "run 'cargo xtask tidy --fix'")
        }
        Some(_) => Vec::new(),
    }
}

/// Writes the table between its marks; a missing file or mark is left to the check.
pub(super) fn fix(root: &Path, tree: &Tree) -> Outcome {
    let Some(text) = tree.text(FILE) else {
        return Ok(());
    };
    match with_table(text, &table(tree)) {
        Some(fresh) if fresh != text => {
            println!("tidy: writes the crate table of {FILE}");
            fs::write(root.join(FILE), fresh)
                .map_err(|error| Failure::Task(format!("cannot write {FILE}: {error}")))
        }
        _ => Ok(()),
    }
}

/// The text with what is between the marks replaced; nothing, if the marks are not there once, in order.
fn with_table(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let is_once = !after.contains(BEGIN) && !after.contains(END) && !before.contains(END);
    is_once.then(|| format!("{before}{BEGIN}\n{table}{END}{after}"))
}

/// One line for each crate, in the order of the layers.
fn table(tree: &Tree) -> String {
    let mut crates: Vec<&Member> = tree.crates().collect();
    crates.sort_by_key(|member| {
        (
            layers::place(&member.name).map_or(usize::MAX, |(place, _)| place),
            member.name.clone(),
        )
    });
    let mut table = String::from("| layer | crate | what it gives |\n| --- | --- | --- |\n");
    for member in crates {
        let layer = layers::place(&member.name).map_or("", |(_, layer)| layer);
        let description = member
            .description
            .as_deref()
            .unwrap_or_default()
            .replace('|', "\\|");
        table.push_str(&format!(
            "| {layer} | [`{}`]({}) | {description} |\n",
            member.name, member.folder
        ));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::tree::{member_named, tree_of_files};
    use super::*;

    fn tree(text: &str) -> Tree {
        let described = |name: &str, description: &str| Member {
            description: Some(description.into()),
            ..member_named(name)
        };
        let xtask = Member {
            folder: "xtask".into(),
            ..member_named("xtask")
        };
        Tree {
            members: vec![
                xtask,
                described("pool", "Pending"),
                described("clock", "Slots"),
            ],
            ..tree_of_files(&[(FILE, text)])
        }
    }

    #[test]
    fn the_table_lists_the_crates_in_the_order_of_the_layers() {
        let expected = "| layer | crate | what it gives |\n| --- | --- | --- |\n\
            | vocabulary | [`clock`](crates/clock) | Slots |\n\
            | ports and cores | [`pool`](crates/pool) | Pending |\n";
        assert_eq!(table(&tree("")), expected);
    }

    #[test]
    fn a_missing_file_missing_marks_and_an_old_table_are_found() {
        assert_eq!(check(&Tree::default()).len(), 1);
        for text in [
            "no marks",
            "<!-- crates:begin -->",
            "<!-- crates:end --><!-- crates:begin -->",
        ] {
            assert!(check(&tree(text))[0].what.contains("no marks"), "{text}");
        }
        assert!(
            check(&tree("a <!-- crates:begin -->\nold\n<!-- crates:end --> b"))[0]
                .what
                .contains("old")
        );
    }

    #[test]
    fn the_mended_text_is_well_and_keeps_what_is_around_the_table() {
        let old = tree("# Title\n<!-- crates:begin -->\nold\n<!-- crates:end -->\nrest\n");
        let fresh = with_table(old.text(FILE).unwrap(), &table(&old)).unwrap();
        assert!(fresh.starts_with("# Title\n") && fresh.ends_with("\nrest\n"));
        assert_eq!(check(&tree(&fresh)), []);
    }
}
