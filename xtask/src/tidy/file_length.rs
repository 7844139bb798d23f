//! A file is one idea (design 13): what takes more than this is more than one.

use super::Finding;
use super::tree::Tree;

const MOST_LINES: usize = 800;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files
        .iter()
        .filter(|file| file.path.ends_with(".rs"))
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(file, lines)| Finding {
            file: file.path.clone(),
            what: format!("has {lines} lines, more than {MOST_LINES}"),
            why: "a file is one idea (design 13)",
            mend: "find the two or three ideas in it, and give each its file".into(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree_of_files;
    use super::*;

    #[test]
    fn a_long_source_file_is_found_and_a_long_text_is_not() {
        let (short, long) = ("x\n".repeat(MOST_LINES), "x\n".repeat(MOST_LINES + 1));
        assert_eq!(
            check(&tree_of_files(&[("short.rs", &short), ("long.md", &long)])),
            []
        );
        assert_eq!(check(&tree_of_files(&[("long.rs", &long)])).len(), 1);
    }
}
