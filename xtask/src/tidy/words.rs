//! No file names a place of one machine.

use super::Finding;
use super::tree::Tree;

/// Built from halves, or this file would break its own rule.
const PLACES: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            for place in PLACES.iter().filter(|place| line.contains(*place)) {
                findings.push(Finding {
                    file: format!("{}:{}", file.path, index.saturating_add(1)),
                    what: format!("names '{place}'"),
                    why: "a path of one machine is wrong on all others",
                    mend: "write it from the root of the workspace, or take it out".into(),
                });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree_of_files;
    use super::*;

    #[test]
    fn a_path_of_a_machine_is_found_with_its_line() {
        assert_eq!(check(&tree_of_files(&[("a.md", "crates/pool\n")])), []);
        for place in PLACES {
            let text = format!("first\nsee {place}x\n");
            let findings = check(&tree_of_files(&[("a.md", &text)]));
            assert_eq!(findings.len(), 1);
            assert_eq!(findings[0].file, "a.md:2");
        }
    }
}
