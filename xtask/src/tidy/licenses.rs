//! Every resolved package, of any platform, has a licence of the list in `deny.toml` (design 14).

use super::Finding;
use super::spdx;
use super::tree::{External, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.externals
        .iter()
        .filter_map(|external| {
            let trouble = trouble(tree, external)?;
            Some(Finding {
                file: "Cargo.lock".into(),
                what: format!("'{}' {} {trouble}", external.name, external.version),
                why: "whoever takes Picot takes the duties of all its dependencies (design 14)",
                mend: "do without it, or allow its licence in deny.toml, for this package alone, with the reason".into(),
            })
        })
        .collect()
}

/// What is wrong with the licence, if anything.
fn trouble(tree: &Tree, external: &External) -> Option<String> {
    let Some(expression) = &external.license else {
        return Some("states no licence".into());
    };
    let exceptions = tree
        .deny
        .exceptions
        .get(&external.name)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let is_allowed = |license: &str| {
        tree.deny
            .licenses
            .iter()
            .chain(exceptions)
            .any(|allowed| allowed == license)
    };
    match spdx::satisfied(expression, &is_allowed) {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "has the licence '{expression}', which is not in the list"
        )),
        Err(error) => Some(format!(
            "has the licence '{expression}', which cannot be read: {error}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::deny::Deny;
    use super::super::tree::external;
    use super::*;

    fn finds(name: &str, license: Option<&str>) -> usize {
        let deny = Deny::parse("[licenses]\nallow = [\"MIT\"]\nexceptions = [{ crate = \"odd\", allow = [\"0BSD\"] }]\n[bans]\n").unwrap();
        check(&Tree {
            externals: vec![external(name, "1.0.0", license)],
            deny,
            ..Tree::default()
        })
        .len()
    }

    #[test]
    fn a_licence_of_the_list_is_well_and_another_is_found() {
        assert_eq!(finds("nom", Some("MIT OR GPL-3.0-only")), 0);
        assert_eq!(finds("nom", Some("GPL-3.0-only")), 1);
    }

    #[test]
    fn an_exception_is_for_its_package_alone() {
        assert_eq!(finds("odd", Some("0BSD")), 0);
        assert_eq!(finds("nom", Some("0BSD")), 1);
    }

    #[test]
    fn a_missing_or_unreadable_licence_is_found() {
        assert_eq!(finds("nom", None), 1);
        assert_eq!(finds("nom", Some("MIT OR")), 1);
    }
}
