//! The files are all there, small, and lead nowhere else.

use super::*;
use std::collections::BTreeSet;
use std::path::Path;

/// What a browser loads once, uncompressed. Anything that does not fit is not worth its wait.
const MOST_BYTES: usize = 142_000;

fn text(path: &str) -> &'static str {
    std::str::from_utf8(asset(path).unwrap().bytes).unwrap()
}

fn files_below(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, root, found);
        } else {
            let below = path.strip_prefix(root).unwrap();
            found.insert(below.to_str().unwrap().replace('\\', "/"));
        }
    }
}

#[test]
fn every_file_of_the_folder_is_embedded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let mut found = BTreeSet::new();
    files_below(&root, &root, &mut found);
    assert_eq!(paths().map(str::to_owned).collect::<BTreeSet<_>>(), found);
}

#[test]
fn the_page_is_small() {
    let total: usize = paths().map(|path| asset(path).unwrap().bytes.len()).sum();
    assert!(total <= MOST_BYTES, "{total} bytes");
    // The README states the bound.
    assert!(include_str!("../README.md").contains(&format!("at most {} kB", MOST_BYTES / 1_000)));
}

#[test]
fn the_empty_path_is_the_page_and_an_unknown_one_is_nothing() {
    assert_eq!(asset(""), asset(INDEX));
    for unknown in ["/", "index", "../Cargo.toml", "js", "js/", "INDEX.HTML"] {
        assert_eq!(asset(unknown), None, "{unknown}");
    }
}

#[test]
fn every_file_has_a_type_of_its_own_and_a_quoted_tag() {
    for path in paths() {
        let asset = asset(path).unwrap();
        assert_ne!(asset.content_type, "application/octet-stream", "{path}");
        assert!(asset.etag.starts_with('"') && asset.etag.ends_with('"'));
    }
    let tags: BTreeSet<String> = paths().map(|path| asset(path).unwrap().etag).collect();
    assert_eq!(tags.len(), paths().count());
}

#[test]
fn nothing_names_another_origin() {
    for path in paths() {
        let text = text(path);
        // The names of XML are no addresses that anybody asks.
        let text = text.replace("http://www.w3.org/", "");
        for sign in ["http://", "https://", "url(//", "src=\"//", "@import"] {
            assert!(!text.contains(sign), "{path} has {sign}");
        }
    }
}

#[test]
fn nothing_writes_html_from_text() {
    for path in paths().filter(|path| path.ends_with(".js")) {
        for sign in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!text(path).contains(sign), "{path} has {sign}");
        }
    }
}

#[test]
fn every_module_that_is_imported_is_there() {
    for path in paths().filter(|path| path.ends_with(".js")) {
        for line in text(path).lines().filter(|line| line.contains(" from \"")) {
            let module = line.split('"').nth(1).unwrap();
            let name = module.strip_prefix("./").unwrap();
            assert!(asset(&format!("js/{name}")).is_some(), "{path}: {line}");
        }
    }
    for path in ["style.css", "favicon.svg", "js/main.js"] {
        assert!(text(INDEX).contains(&format!("\"{path}\"")), "{path}");
    }
}

#[test]
fn the_page_has_the_policy_that_is_sent_with_it() {
    // What a page cannot say of itself is in the header alone.
    let of_the_page = CONTENT_SECURITY_POLICY.replace("; frame-ancestors 'none'", "");
    assert!(text(INDEX).contains(&of_the_page));
}
