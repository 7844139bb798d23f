//! Every source file begins with what its module is for (design 13).

use super::Finding;
use super::tree::{TextFile, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let is_source = |file: &&TextFile| {
        file.path.ends_with(".rs")
            && tree
                .members
                .iter()
                .any(|member| file.path.starts_with(&format!("{}/src/", member.folder)))
    };
    tree.files
        .iter()
        .filter(is_source)
        .filter(|file| !begins_with_docs(&file.text))
        .map(|file| Finding {
            file: file.path.clone(),
            what: "does not begin with module documentation".into(),
            why: "a module's documentation is its specification (design 13)",
            mend: "begin with '//!' and say what the module gives, and which rule it implements"
                .into(),
        })
        .collect()
}

fn begins_with_docs(text: &str) -> bool {
    let first = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    let says_something = |rest: &str| !rest.trim().is_empty();
    first.strip_prefix("//!").is_some_and(says_something)
        || first.starts_with("#![doc = include_str!(")
}

#[cfg(test)]
mod tests {
    use super::super::tree::{member_named, tree_of_files};
    use super::*;

    #[test]
    fn documentation_comes_first_and_says_something() {
        assert!(begins_with_docs("//! Slots.\nuse x;\n"));
        assert!(begins_with_docs(
            "\n#![doc = include_str!(\"../README.md\")]\n"
        ));
        for bad in [
            "",
            "use x;\n//! Late.\n",
            "// A comment.\n",
            "//!\nuse x;\n",
        ] {
            assert!(!begins_with_docs(bad), "{bad}");
        }
    }

    #[test]
    fn every_source_file_of_a_member_is_looked_at() {
        let files = [
            ("crates/pool/src/lib.rs", "//! Pool.\n"),
            ("crates/pool/src/deep/er.rs", "fn bare() {}\n"),
            ("crates/pool/src/notes.txt", "not a source\n"),
            ("elsewhere/src/lib.rs", "not a member\n"),
        ];
        let tree = Tree {
            members: vec![member_named("pool")],
            ..tree_of_files(&files)
        };
        let found: Vec<String> = check(&tree)
            .into_iter()
            .map(|finding| finding.file)
            .collect();
        assert_eq!(found, ["crates/pool/src/deep/er.rs"]);
    }
}
