//! A file of the book: its fenced blocks, the steps in them, its links.

use std::fs;
use std::path::{Path, PathBuf};

/// What a chapter says that needs a development node, on a line of its own.
const NODE_MARK: &str = "<!-- tested beside a development node -->";
/// What says which exit code a step has.
const EXIT_MARK: &str = "# exits with ";

/// All chapters, in the order of the summary.
#[derive(Debug)]
pub struct Book {
    /// The chapters.
    pub chapters: Vec<Chapter>,
}

/// A file of the book, or the README.
#[derive(Debug)]
pub struct Chapter {
    /// Its file name without extension.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
    /// Its fenced blocks.
    pub fences: Vec<Fence>,
}

/// A fenced block.
#[derive(Debug)]
pub struct Fence {
    /// What is written after the fence.
    pub language: String,
    /// The line of the fence, from 1.
    pub line: usize,
    /// What is inside.
    pub lines: Vec<String>,
}

/// Something to type, and what is shown of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The line in the file, from 1.
    pub line: usize,
    /// What to type; none goes on with what the node that was started last says.
    pub command: Option<String>,
    /// The exit code that it must have.
    pub exit: i32,
    /// What is shown.
    pub shown: Vec<String>,
}

impl Book {
    /// Reads it.
    ///
    /// # Panics
    /// There is no summary, or it names a file that is not there.
    #[must_use]
    pub fn read() -> Self {
        let source = root().join("crates/node/docs/src");
        let summary = fs::read_to_string(source.join("SUMMARY.md")).expect("the book's summary");
        let names = links(&summary).into_iter();
        let chapters = names.map(|(_, name)| Chapter::read(&source.join(name)));
        Self {
            chapters: chapters.collect(),
        }
    }

    /// The chapter of a name.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn chapter(&self, name: &str) -> &Chapter {
        let found = self.chapters.iter().find(|chapter| chapter.name == name);
        found.unwrap_or_else(|| panic!("the book has no chapter {name}"))
    }
}

impl Chapter {
    /// Reads a file.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        let name = path.file_stem().expect("a file").to_string_lossy();
        Self {
            name: name.into_owned(),
            path: path.to_owned(),
            fences: fences(&text),
            text,
        }
    }

    /// The README of the repository.
    #[must_use]
    pub fn readme() -> Self {
        Self::read(&root().join("README.md"))
    }

    /// Whether a development node runs beside it.
    #[must_use]
    pub fn wants_node(&self) -> bool {
        self.text.lines().any(|line| line == NODE_MARK)
    }

    /// The blocks in a language.
    pub fn fences_in(&self, language: &str) -> impl Iterator<Item = &Fence> {
        self.fences
            .iter()
            .filter(move |fence| fence.language == language)
    }

    /// All that is to be typed, in order.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.fences_in("console").flat_map(Fence::steps).collect()
    }

    /// What is written as code inside of sentences, with the line at which its paragraph begins.
    #[must_use]
    pub fn inline_code(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (number, text) in self.paragraphs() {
            let code = text.split('`').skip(1).step_by(2);
            found.extend(code.map(|code| (number, code.to_owned())));
        }
        found
    }

    fn paragraphs(&self) -> Vec<(usize, String)> {
        let mut paragraphs: Vec<(usize, String)> = Vec::new();
        let mut last = 0;
        for (number, line) in self.prose().filter(|(_, line)| !line.trim().is_empty()) {
            match paragraphs.last_mut() {
                Some((_, text)) if number == last + 1 => {
                    text.push(' ');
                    text.push_str(line.trim());
                }
                _ => paragraphs.push((number, line.to_owned())),
            }
            last = number;
        }
        paragraphs
    }

    /// Where it points to: line and target, but for other sites.
    #[must_use]
    pub fn links(&self) -> Vec<(usize, String)> {
        let prose: Vec<_> = self.prose().collect();
        let mut found = Vec::new();
        for (number, line) in prose {
            let of_line = links(line).into_iter();
            found.extend(of_line.map(|(_, target)| (number, target)));
        }
        found.retain(|(_, target)| !target.contains("://"));
        found
    }

    /// The names by which its headings are pointed to.
    #[must_use]
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.prose().filter_map(|(_, line)| line.strip_prefix('#'));
        headings.map(anchor).collect()
    }

    /// The numbered lines outside of blocks.
    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_inside = |number: usize| {
            let range = |fence: &Fence| (fence.line, fence.line + fence.lines.len() + 1);
            let mut ranges = self.fences.iter().map(range);
            ranges.any(|(first, last)| (first..=last).contains(&number))
        };
        let numbered = self.text.lines().enumerate();
        let numbered = numbered.map(|(place, line)| (place + 1, line));
        numbered.filter(move |(number, _)| !is_inside(*number))
    }
}

impl Fence {
    /// The steps of a console block.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut goes_on = false;
        for (place, line) in self.lines.iter().enumerate() {
            if goes_on {
                let step = steps.last_mut().expect("a step that goes on");
                let command = step.command.as_mut().expect("a command that goes on");
                goes_on = join(command, line.trim_start());
            } else if let Some(command) = line.strip_prefix("$ ") {
                let mut text = String::new();
                goes_on = join(&mut text, command);
                steps.push(Step {
                    line: self.line + place + 1,
                    command: Some(text),
                    exit: 0,
                    shown: Vec::new(),
                });
            } else {
                if steps.is_empty() {
                    steps.push(Step {
                        line: self.line + place + 1,
                        command: None,
                        exit: 0,
                        shown: Vec::new(),
                    });
                }
                let step = steps.last_mut().expect("just made");
                step.shown.push(line.clone());
            }
        }
        steps.iter_mut().for_each(Step::take_exit_mark);
        steps
    }
}

impl Step {
    fn take_exit_mark(&mut self) {
        let Some(command) = &mut self.command else {
            return;
        };
        if let Some((before, code)) = command.clone().split_once(EXIT_MARK) {
            self.exit = code.trim().parse().expect("an exit code is a number");
            *command = before.trim_end().to_owned();
        }
    }
}

/// The repository.
pub(super) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the workspace").to_owned()
}

/// Adds a line to a command; whether the next one belongs to it too.
fn join(command: &mut String, line: &str) -> bool {
    match line.strip_suffix('\\') {
        Some(part) => {
            command.push_str(part);
            true
        }
        None => {
            command.push_str(line);
            false
        }
    }
}

fn fences(text: &str) -> Vec<Fence> {
    let mut fences: Vec<Fence> = Vec::new();
    let mut open = false;
    for (place, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(language), false) => {
                open = true;
                fences.push(Fence {
                    language: language.trim().to_owned(),
                    line: place + 1,
                    lines: Vec::new(),
                });
            }
            (Some(_), true) => open = false,
            (None, true) => {
                let fence = fences.last_mut().expect("an open block");
                fence.lines.push(line.to_owned());
            }
            (None, false) => {}
        }
    }
    assert!(!open, "a block is never closed");
    fences
}

/// Texts and targets of `[text](target)`.
fn links(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for piece in text.split("](").skip(1) {
        if let Some((target, _)) = piece.split_once(')') {
            found.push((String::new(), target.to_owned()));
        }
    }
    found
}

/// As GitHub and mdBook make them: lower case, words joined by hyphens, no other marks.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        letter if letter.is_alphanumeric() => Some(letter),
        _ => None,
    });
    kept.collect()
}
