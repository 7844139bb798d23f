//! Packages that may not be there, and requirements that any version satisfies.

use super::Finding;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for external in tree
        .externals
        .iter()
        .filter(|external| tree.deny.banned.contains(&external.name))
    {
        findings.push(Finding {
            file: "Cargo.lock".into(),
            what: format!("'{}' {} is banned", external.name, external.version),
            why: "deny.toml says why",
            mend: format!("see 'cargo tree -i {}', and do without", external.name),
        });
    }
    for member in &tree.members {
        for wildcard in &member.wildcards {
            findings.push(Finding {
                file: format!("{}/Cargo.toml", member.folder),
                what: format!("any version of '{wildcard}' will do"),
                why: "a crate with a requirement of '*' cannot be published, and builds with what nobody tried",
                mend: format!("take '{wildcard}' from [workspace.dependencies], with a version there"),
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::deny::Deny;
    use super::super::tree::{Member, external, member_named};
    use super::*;

    #[test]
    fn a_banned_package_is_found() {
        let tree = |name: &str| Tree {
            externals: vec![external(name, "1.0.0", None)],
            deny: Deny {
                banned: vec!["openssl".into()],
                ..Deny::default()
            },
            ..Tree::default()
        };
        assert_eq!(check(&tree("rustls")), []);
        assert_eq!(check(&tree("openssl")).len(), 1);
    }

    #[test]
    fn a_wildcard_is_found() {
        let member = Member {
            wildcards: vec!["nom".into()],
            ..member_named("pool")
        };
        assert_eq!(
            check(&Tree {
                members: vec![member],
                ..Tree::default()
            })
            .len(),
            1
        );
        assert_eq!(
            check(&Tree {
                members: vec![member_named("pool")],
                ..Tree::default()
            }),
            []
        );
    }
}
