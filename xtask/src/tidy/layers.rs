//! A crate knows only crates of its own row's left, or of rows above (design 01, "The crates").

use super::Finding;
use super::tree::Tree;

/// The rows of design 01, top to bottom, each from left to right.
const LAYERS: [(&str, &[&str]); 5] = [
    (
        "vocabulary",
        &["serialization", "clock", "crypto", "models"],
    ),
    (
        "ports and cores",
        &[
            "storage",
            "wallet",
            "selector",
            "pool",
            "ledger",
            "pos",
            "execution",
            "consensus",
            "checkpoint",
            "block-factory",
            "endorsement-factory",
        ],
    ),
    (
        "adapters",
        &[
            "database",
            "vm",
            "api-types",
            "client",
            "network",
            "protocol",
            "bootstrap",
            "dashboard",
            "metrics",
            "api",
        ],
    ),
    ("assembly", &["node", "simulator"]),
    ("top level", &["xtask", "tests"]),
];

const WHY: &str =
    "arrows point down only (design 01): otherwise no crate could be taken without the rest";

/// The crates without an outside technology: vocabulary, ports and cores.
pub(super) fn light() -> Vec<&'static str> {
    LAYERS
        .iter()
        .take(2)
        .flat_map(|(_, crates)| crates.iter().copied())
        .collect()
}

/// Those whose dependencies are looked at as if nothing else were built: the light ones and the node.
pub(super) fn taken_alone() -> Vec<&'static str> {
    let mut crates = light();
    crates.push("node");
    crates
}

/// The place in the order of design 01, and the name of the row.
pub(super) fn place(name: &str) -> Option<(usize, &'static str)> {
    let in_order = LAYERS
        .iter()
        .flat_map(|(layer, crates)| crates.iter().map(move |known| (*known, *layer)));
    in_order
        .enumerate()
        .find(|(_, (known, _))| *known == name)
        .map(|(index, (_, layer))| (index, layer))
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &tree.members {
        let file = format!("{}/Cargo.toml", member.folder);
        let Some((own, layer)) = place(&member.name) else {
            findings.push(Finding {
                file,
                what: format!("'{}' is in no layer", member.name),
                why: WHY,
                mend: "give it a place in design 01 and in xtask/src/tidy/layers.rs".into(),
            });
            continue;
        };
        for used in &member.uses {
            // An unknown crate is reported for itself.
            let is_below = place(used).is_some_and(|(place, _)| place >= own);
            if is_below {
                findings.push(Finding {
                    file: file.clone(),
                    what: format!(
                        "'{}' ({layer}) depends on '{used}', which is to its right or below",
                        member.name
                    ),
                    why: WHY,
                    mend: format!(
                        "move what is needed up, or let '{used}' implement a trait of '{}'",
                        member.name
                    ),
                });
            }
            if member.name == "clock" && used != "serialization" {
                findings.push(Finding {
                    file: file.clone(),
                    what: format!("'clock' depends on '{used}'"),
                    why: "clock knows only serialization: it is the leaf that other projects take first (design 01)",
                    mend: format!("take '{used}' out of its dependencies"),
                });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Member, member_named};
    use super::*;

    fn finds(name: &str, uses: &[&str]) -> usize {
        let uses = uses.iter().map(|&used| used.into()).collect();
        check(&Tree {
            members: vec![Member {
                uses,
                ..member_named(name)
            }],
            ..Tree::default()
        })
        .len()
    }

    #[test]
    fn crates_of_the_left_and_of_rows_above_may_be_used() {
        assert_eq!(
            finds("pool", &["serialization", "models", "storage", "selector"]),
            0
        );
        assert_eq!(
            finds("node", &["api", "endorsement-factory", "database"]),
            0
        );
        assert_eq!(finds("tests", &["node", "simulator"]), 0);
    }

    #[test]
    fn a_crate_of_the_right_or_of_a_row_below_is_found() {
        assert_eq!(finds("pool", &["ledger"]), 1);
        assert_eq!(finds("models", &["storage", "node"]), 2);
        assert_eq!(finds("node", &["xtask"]), 1);
        assert_eq!(finds("pool", &["pool"]), 1);
    }

    #[test]
    fn clock_may_use_serialization_only() {
        assert_eq!(finds("clock", &["serialization"]), 0);
        assert_eq!(finds("clock", &["crypto"]), 2);
    }

    #[test]
    fn a_crate_without_a_layer_is_found() {
        assert_eq!(finds("surprise", &[]), 1);
    }
}
