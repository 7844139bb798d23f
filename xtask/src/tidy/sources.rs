//! Packages come from crates.io (design 14: no git dependencies).

use super::Finding;
use super::tree::Tree;

/// How cargo names crates.io.
pub(super) const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.externals
        .iter()
        .filter(|external| external.source != CRATES_IO)
        .map(|external| Finding {
            file: "Cargo.lock".into(),
            what: format!(
                "'{}' {} comes from {}",
                external.name, external.version, external.source
            ),
            why: "nothing of ours could be published with it (design 14)",
            mend: "take a version from crates.io".into(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::{External, external};
    use super::*;

    #[test]
    fn a_git_dependency_or_another_registry_is_found() {
        let from = |source: &str| Tree {
            externals: vec![External {
                source: source.into(),
                ..external("nom", "8.0.0", None)
            }],
            ..Tree::default()
        };
        assert_eq!(check(&from(CRATES_IO)), []);
        assert_eq!(check(&from("git+https://example.org/nom#0123")).len(), 1);
        assert_eq!(check(&from("registry+https://example.org/index")).len(), 1);
    }
}
