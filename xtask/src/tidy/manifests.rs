//! Each crate can be found, read and trusted: manifest, README and the attributes of its root.

use super::Finding;
use super::toml::{self, Value};
use super::tree::{Member, Tree};

/// What the root of every crate begins with (design 01).
const ATTRIBUTES: [(&str, &str); 3] = [
    (
        "#![doc = include_str!(\"../README.md\")]",
        "the README is the documentation of the crate (design 13), and its example a test",
    ),
    (
        "#![forbid(unsafe_code)]",
        "a node that holds coins has no use for memory tricks (design 01)",
    ),
    (
        "#![warn(missing_docs)]",
        "each public item says its shape, unit and errors (design 01)",
    ),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = tree
        .members
        .iter()
        .filter_map(|member| lints(tree, member))
        .collect();
    for member in tree.crates() {
        findings.extend(fields(member));
        findings.extend(readme(tree, member));
        findings.extend(attributes(tree, member));
    }
    findings
}

fn lints(tree: &Tree, member: &Member) -> Option<Finding> {
    let file = format!("{}/Cargo.toml", member.folder);
    let manifest = toml::parse(tree.text(&file).unwrap_or_default());
    let what = match &manifest {
        Ok(manifest) => {
            let lints = manifest
                .get("lints")
                .and_then(Value::as_table)
                .and_then(|lints| lints.get("workspace"));
            if lints == Some(&Value::Boolean(true)) {
                return None;
            }
            "does not take the lints of the workspace".into()
        }
        Err(error) => format!("cannot be read: {error}"),
    };
    Some(Finding {
        file,
        what,
        why: "the rules of design 13 are lints, once, for all crates",
        mend: "add '[lints]' with 'workspace = true'".into(),
    })
}

fn fields(member: &Member) -> Vec<Finding> {
    let missing = |text: &Option<String>| text.as_deref().is_none_or(str::is_empty);
    let fields = [
        ("description", missing(&member.description)),
        ("license", missing(&member.license)),
        ("rust-version", missing(&member.rust_version)),
        ("keywords", member.keywords.is_empty()),
    ];
    fields
        .into_iter()
        .filter(|(_, is_missing)| *is_missing)
        .map(|(field, _)| Finding {
            file: format!("{}/Cargo.toml", member.folder),
            what: format!("has no '{field}'"),
            why: "a crate that others shall take says what it is, for whom, and under which terms",
            mend: format!("add '{field}', or take it from [workspace.package]"),
        })
        .collect()
}

fn readme(tree: &Tree, member: &Member) -> Option<Finding> {
    let file = format!("{}/README.md", member.folder);
    if tree.text(&file).is_some_and(|text| !text.trim().is_empty()) {
        return None;
    }
    Some(Finding {
        file,
        what: "is missing or empty".into(),
        why: "whoever opens a crate sees what it gives, and an example that compiles (design 13)",
        mend: "write one sentence, the status, an example, and the contract of each trait".into(),
    })
}

fn attributes(tree: &Tree, member: &Member) -> Vec<Finding> {
    let file = format!("{}/src/lib.rs", member.folder);
    let text = tree.text(&file).unwrap_or_default();
    ATTRIBUTES
        .into_iter()
        .filter(|(attribute, _)| !text.lines().any(|line| line.trim() == *attribute))
        .map(|(attribute, why)| Finding {
            file: file.clone(),
            what: format!("has no '{attribute}'"),
            why,
            mend: "add it at the top".into(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::{member_named, tree_of_files};
    use super::*;

    const MANIFEST: &str = "[package]\nname = \"picot-pool\"\n[lints]\nworkspace = true\n";
    const ROOT: &str = "#![doc = include_str!(\"../README.md\")]\n#![forbid(unsafe_code)]\n#![warn(missing_docs)]\n";

    fn pool() -> Member {
        Member {
            description: Some("Pending operations".into()),
            license: Some("MIT".into()),
            rust_version: Some("1.95".into()),
            keywords: vec!["pool".into()],
            ..member_named("pool")
        }
    }

    fn finds(member: Member, manifest: &str, readme: &str, root: &str) -> Vec<String> {
        let files = [
            ("crates/pool/Cargo.toml", manifest),
            ("crates/pool/README.md", readme),
            ("crates/pool/src/lib.rs", root),
        ];
        let tree = Tree {
            members: vec![member],
            ..tree_of_files(&files)
        };
        check(&tree)
            .into_iter()
            .map(|finding| finding.what)
            .collect()
    }

    #[test]
    fn a_complete_crate_is_well() {
        assert!(finds(pool(), MANIFEST, "# Pool", ROOT).is_empty());
    }

    #[test]
    fn missing_lints_are_found() {
        assert_eq!(finds(pool(), "[package]\n", "# Pool", ROOT).len(), 1);
        assert_eq!(
            finds(pool(), "[lints]\nworkspace = false\n", "# Pool", ROOT).len(),
            1
        );
        assert_eq!(finds(pool(), "not toml", "# Pool", ROOT).len(), 1);
    }

    #[test]
    fn each_missing_field_is_found() {
        let bare = finds(member_named("pool"), MANIFEST, "# Pool", ROOT);
        assert_eq!(
            bare,
            [
                "has no 'description'",
                "has no 'license'",
                "has no 'rust-version'",
                "has no 'keywords'"
            ]
        );
    }

    #[test]
    fn a_missing_or_empty_readme_is_found() {
        assert_eq!(
            finds(pool(), MANIFEST, " \n", ROOT),
            ["is missing or empty"]
        );
    }

    #[test]
    fn each_missing_attribute_is_found_also_in_a_comment() {
        assert_eq!(finds(pool(), MANIFEST, "# Pool", "").len(), 3);
        let commented = ROOT.replace("#![forbid", "// #![forbid");
        assert_eq!(finds(pool(), MANIFEST, "# Pool", &commented).len(), 1);
    }
}
