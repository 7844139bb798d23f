//! A package is there in one version, or `deny.toml` says why in two.

use std::collections::BTreeMap;

use cargo_metadata::semver::Version;

use super::Finding;
use super::tree::Tree;

const WHY: &str =
    "each duplicate is built and shipped twice, and its types do not meet (design 14)";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut versions: BTreeMap<&str, Vec<&Version>> = BTreeMap::new();
    for external in &tree.externals {
        versions
            .entry(&external.name)
            .or_default()
            .push(&external.version);
    }
    let mut findings = unlisted(tree, &versions);
    findings.extend(unneeded(tree, &versions));
    findings
}

/// More than one version is left after the listed ones.
fn unlisted(tree: &Tree, versions: &BTreeMap<&str, Vec<&Version>>) -> Vec<Finding> {
    let skipped = |name: &str, version: &Version| {
        tree.deny
            .skipped
            .iter()
            .any(|skip| skip.covers(name, version))
    };
    versions
        .iter()
        .filter(|(name, versions)| versions.iter().filter(|version| !skipped(name, version)).count() > 1)
        .map(|(name, versions)| {
            let shown: Vec<String> = versions.iter().map(ToString::to_string).collect();
            Finding {
                file: "Cargo.lock".into(),
                what: format!("'{name}' is there in versions {}", shown.join(", ")),
                why: WHY,
                mend: format!("see 'cargo tree -d'; bring them together, or list the old one in 'skip' of deny.toml with the reason, as \"{name}:VERSION\""),
            }
        })
        .collect()
}

/// A listed version that is gone, or alone, or listed without a reason.
fn unneeded(tree: &Tree, versions: &BTreeMap<&str, Vec<&Version>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for skip in &tree.deny.skipped {
        let there = versions
            .get(skip.name.as_str())
            .map(Vec::as_slice)
            .unwrap_or_default();
        let is_needed =
            there.len() > 1 && there.iter().any(|version| skip.versions.matches(version));
        let entry = format!("'{}' {}", skip.name, skip.versions);
        if !is_needed {
            findings.push(Finding {
                file: "deny.toml".into(),
                what: format!("{entry} in 'skip' is not a duplicate any more"),
                why: "a list that outlives its reasons hides the next duplicate",
                mend: "take it out".into(),
            });
        }
        if skip.reason.as_deref().is_none_or(str::is_empty) {
            findings.push(Finding {
                file: "deny.toml".into(),
                what: format!("{entry} in 'skip' has no reason"),
                why: WHY,
                mend: "say who needs the old version, in 'reason'".into(),
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::deny::Deny;
    use super::super::tree::external;
    use super::*;

    fn finds(packages: &[(&str, &str)], skip: &str) -> Vec<String> {
        let deny = Deny::parse(&format!("[licenses]\n[bans]\nskip = [{skip}]\n")).unwrap();
        let externals = packages
            .iter()
            .map(|(name, version)| external(name, version, None))
            .collect();
        check(&Tree {
            externals,
            deny,
            ..Tree::default()
        })
        .into_iter()
        .map(|finding| finding.what)
        .collect()
    }

    #[test]
    fn a_new_duplicate_is_found() {
        assert!(finds(&[("syn", "2.0.1"), ("nom", "8.0.0")], "").is_empty());
        assert_eq!(
            finds(&[("syn", "2.0.1"), ("syn", "3.0.0")], ""),
            ["'syn' is there in versions 2.0.1, 3.0.0"]
        );
    }

    #[test]
    fn a_listed_duplicate_is_well_and_a_third_version_is_not() {
        let skip = r#"{ crate = "syn:2", reason = "old macros" }"#;
        assert!(finds(&[("syn", "2.0.1"), ("syn", "3.0.0")], skip).is_empty());
        assert_eq!(
            finds(
                &[("syn", "1.0.0"), ("syn", "2.0.1"), ("syn", "3.0.0")],
                skip
            )
            .len(),
            1
        );
    }

    #[test]
    fn an_entry_without_need_or_without_reason_is_found() {
        let skip = r#"{ crate = "syn:2", reason = "old macros" }"#;
        assert_eq!(finds(&[("syn", "2.0.1")], skip).len(), 1);
        assert_eq!(finds(&[], skip).len(), 1);
        assert_eq!(
            finds(&[("syn", "2.0.1"), ("syn", "3.0.0")], r#""syn:2""#).len(),
            1
        );
    }
}
