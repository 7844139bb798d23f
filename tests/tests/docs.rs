//! The book of `crates/node/docs` and the README are true: what they say to type is typed, against real
//! nodes, and the commands, flags, files and places that they name are there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use picot_tests::book::{Book, Chapter, Names, Programs, appears, run};
use std::path::Path;

/// Each chapter with something to type has a test here, so that they run side by side.
macro_rules! chapters {
    ($($test:ident: $chapter:literal,)*) => {
        $(#[test]
        fn $test() {
            run(Book::read().chapter($chapter));
        })*

        const TYPED: &[&str] = &[$($chapter),*];
    };
}

chapters! {
    what_the_book_says_to_type_to_run_a_node: "run",
    what_the_book_says_to_type_to_stake: "stake",
    what_the_book_says_to_type_to_be_secure: "secure",
    what_the_book_says_to_type_to_monitor: "monitor",
    what_the_book_says_to_type_to_upgrade_and_move: "upgrade",
    what_the_book_says_to_type_to_join: "bootstrap",
    what_the_book_says_to_type_about_the_network: "network",
    what_the_book_says_to_type_to_use_the_api: "api",
    what_the_book_says_to_type_to_answer_questions: "questions",
}

#[test]
fn what_the_readme_says_to_type() {
    run(&Chapter::readme());
}

fn all() -> Vec<Chapter> {
    let mut all = Book::read().chapters;
    all.push(Chapter::readme());
    all
}

/// Fails with all that is wrong.
fn nothing_of(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn each_chapter_with_something_to_type_is_typed() {
    let book = Book::read();
    let typed = book.chapters.iter().filter(|it| !it.steps().is_empty());
    let mut names: Vec<&str> = typed.map(|chapter| chapter.name.as_str()).collect();
    let mut tested = TYPED.to_vec();
    names.sort_unstable();
    tested.sort_unstable();
    assert_eq!(names, tested);
}

#[test]
fn each_file_of_the_book_is_in_its_summary() {
    let book = Book::read();
    let mut listed: Vec<_> = book.chapters.iter().map(|it| it.path.clone()).collect();
    let folder = listed[0].parent().unwrap().to_owned();
    listed.push(folder.join("SUMMARY.md"));
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path());
    let texts = files.filter(|file| file.is_file());
    let left_out: Vec<_> = texts.filter(|file| !listed.contains(file)).collect();
    assert!(left_out.is_empty(), "{left_out:?}");
}

#[test]
fn each_command_and_flag_that_is_named_is_there() {
    let mut programs = Programs::default();
    let mut wrong = Vec::new();
    for chapter in all() {
        let steps = chapter.steps().into_iter();
        let typed = steps.filter_map(|step| Some((step.line, step.command?)));
        let shells = chapter.fences_in("sh").flat_map(|fence| {
            let lines = fence.lines.iter().enumerate();
            lines.map(|(place, line)| (fence.line + place + 1, line.clone()))
        });
        let all = typed.chain(shells).chain(chapter.inline_code());
        for (line, text) in all {
            if let Err(what) = programs.check(&text) {
                wrong.push(format!("{}:{line}: {what}", chapter.path.display()));
            }
        }
    }
    nothing_of(&wrong);
}

#[test]
fn each_file_and_heading_that_is_pointed_to_is_there() {
    let mut wrong = Vec::new();
    for chapter in all() {
        for (line, link) in chapter.links() {
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => chapter.path.clone(),
                file => chapter.path.parent().unwrap().join(file),
            };
            if !target.exists() || !(heading.is_empty() || has_heading(&target, heading)) {
                wrong.push(format!("{}:{line}: {link}", chapter.path.display()));
            }
        }
    }
    nothing_of(&wrong);
}

fn has_heading(file: &Path, heading: &str) -> bool {
    let anchors = Chapter::read(file).anchors();
    anchors.iter().any(|anchor| anchor == heading)
}

#[test]
fn each_file_of_settings_that_is_shown_is_good() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for chapter in Book::read().chapters {
        for fence in chapter.fences_in("toml") {
            let file = folder.path().join("picot.toml");
            std::fs::write(&file, fence.lines.join("\n")).unwrap();
            let checked = picot_tests::run_picot(&["config", "check", file.to_str().unwrap()]);
            seen += 1;
            if checked.code != 0 {
                let told = checked.stderr;
                wrong.push(format!("{}:{}: {told}", chapter.path.display(), fence.line));
            }
        }
    }
    nothing_of(&wrong);
    assert!(seen > 0, "the book shows a file of settings");
}

/// The document of the API, as it is checked in.
fn openapi() -> serde_json::Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/api/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// A route without its query, and without the names of its parts.
fn shape(route: &str) -> String {
    let path = route.split('?').next().unwrap();
    let parts = path.split('/');
    let parts = parts.map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn each_route_that_is_named_is_in_the_document_of_the_api() {
    let document = openapi();
    let routes = document["paths"].as_object().unwrap().keys();
    let routes: Vec<String> = routes.map(|route| shape(route)).collect();
    let is_there = |named: &str| {
        let named = shape(named);
        let is_it = |route: &String| *route == named || *route == format!("/api/v1{named}");
        routes.iter().any(is_it) || named == "/api/v1"
    };
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (line, code) in Book::read().chapter("api").inline_code() {
        let route = code.rsplit(' ').next().unwrap();
        if route.starts_with('/') {
            seen += 1;
            if !is_there(route) {
                wrong.push(format!("api.md:{line}: {code}"));
            }
        }
    }
    nothing_of(&wrong);
    assert!(seen > 20, "the book names routes");
}

#[test]
fn each_problem_code_is_explained() {
    let document = openapi();
    let codes = &document["components"]["schemas"]["ProblemCode"]["enum"];
    let codes = codes.as_array().unwrap().iter();
    let explained = Book::read().chapter("api").inline_code();
    let is_explained = |code: &str| explained.iter().any(|(_, named)| named == code);
    let left_out = codes.filter(|code| !is_explained(code.as_str().unwrap()));
    assert_eq!(
        left_out.collect::<Vec<_>>(),
        Vec::<&serde_json::Value>::new()
    );
}

#[test]
fn each_block_says_its_language() {
    let mut wrong = Vec::new();
    for chapter in all() {
        for fence in &chapter.fences {
            let known = ["console", "sh", "text", "toml", "json", "rust"];
            if !known.contains(&fence.language.as_str()) {
                wrong.push(format!("{}:{}", chapter.path.display(), fence.line));
            }
        }
    }
    nothing_of(&wrong);
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_shown_line_must_be_printed_word_for_word_but_for_numbers_and_what_is_left_out() {
    let printed = lines("coins  12 of alice\nrolls  3\nstate  final");
    let shows = |shown: &str| appears(&lines(shown), &printed, &mut Names::default()).is_ok();
    assert!(shows("coins 99 of alice\n…\nstate final"));
    assert!(shows("coins … alice"));
    assert!(shows("st… final"));
    assert!(!shows("coins 12 of bob"));
    assert!(!shows("coins 12"));
    assert!(!shows("state final\nrolls 3"), "in another order");
    assert!(!shows("st…x final"));
}

#[test]
fn an_id_with_a_name_is_put_where_the_name_is() {
    let mut names = Names::default();
    let shown = lines("key of addr1…alice is in\nkey of addr1…bob, too");
    let printed = lines("key of addr1qaa is in\nkey of addr1qbb, too");
    appears(&shown, &printed, &mut names).unwrap();
    let put = names.put_into("send addr1…alice=5 addr1…bob:6").unwrap();
    assert_eq!(put, "send addr1qaa=5 addr1qbb:6");
    assert!(names.put_into("send addr1…carol").is_err());
    assert!(appears(&lines("key blk1…"), &lines("key addr1qaa"), &mut names).is_err());
}

#[test]
fn a_command_or_a_flag_that_is_not_there_is_found() {
    let mut programs = Programs::default();
    let mut check = |line: &str| programs.check(line);
    check("sudo -u picot picot db info --data /var/lib/picot").unwrap();
    check("printf x | picot keys list --json").unwrap();
    check("A=1 cargo xtask localnet --nodes 4 # four").unwrap();
    assert!(check("picot dance").is_err());
    assert!(check("picot keys dance").is_err());
    assert!(check("picot status --dance").is_err());
    assert!(check("cd x && picot genesis new --dance 3").is_err());
    assert!(check("cargo xtask dance").is_err());
    assert!(check("cargo xtask localnet --dance").is_err());
}
