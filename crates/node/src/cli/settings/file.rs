//! A file of settings, in TOML: what it says, or everything that is wrong with it, line by line.

use super::error::{Problems, SettingsError};
use super::list::{SETTINGS, Setting, Shape, find};
use super::merge::{Given, Origin};
use super::values::Values;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The most bytes of a file.
const MAX_BYTES: u64 = 1 << 20;
/// What is said by a flag alone, each time: in a file it would forget a chain, or vouch for keys, at
/// every start.
const FLAGS_ALONE: [(&str, &str); 2] = [
    ("reset", "--reset"),
    ("keys_never_signed", "--keys-never-signed"),
];

/// Something wrong, on a line that counts from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    pub(super) line: usize,
    pub(super) what: String,
}

/// What a file says; an error names every wrong line.
pub(super) fn read(path: &Path) -> Result<Vec<Given>, SettingsError> {
    let (given, problems) = parse(&text(path)?, path);
    if problems.is_empty() {
        return Ok(given);
    }
    let place =
        |problem: &Problem| format!("{}:{}: {}", path.display(), problem.line, problem.what);
    Err(SettingsError::Wrong(Problems(
        problems.iter().map(place).collect(),
    )))
}

/// Checks a file alone: its keys, its values, and whether they go together. Gives how many it sets.
pub(in crate::cli) fn check_file(path: &Path) -> Result<usize, SettingsError> {
    let given = read(path)?;
    let count = given.len();
    super::merge::check_together(given)?;
    Ok(count)
}

fn text(path: &Path) -> Result<String, SettingsError> {
    let failed = |source| SettingsError::File {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    let mut file = file.take(MAX_BYTES.saturating_add(1));
    let read = file.read_to_string(&mut text).map_err(failed)?;
    if u64::try_from(read).is_ok_and(|read| read <= MAX_BYTES) {
        return Ok(text);
    }
    Err(SettingsError::TooLong {
        path: path.to_owned(),
        max: MAX_BYTES,
    })
}

/// What a text says, and what is wrong with it, by line.
pub(super) fn parse(text: &str, path: &Path) -> (Vec<Given>, Vec<Problem>) {
    let mut reader = Reader {
        text,
        path,
        given: Vec::new(),
        problems: Vec::new(),
    };
    match DeTable::parse(text) {
        Ok(table) => reader.table(table.get_ref(), ""),
        Err(error) => {
            let span = error.span().unwrap_or(0..0);
            reader.problem(&span, format!("this is no TOML: {}", error.message()));
        }
    }
    reader.problems.sort();
    (reader.given, reader.problems)
}

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    given: Vec<Given>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, section: &str) {
        for (name, value) in table {
            let key = match section {
                "" => name.get_ref().to_string(),
                section => format!("{section}.{}", name.get_ref()),
            };
            match (find(&key), value.get_ref()) {
                (Some(setting), _) => self.setting(setting, value),
                (None, DeValue::Table(inner)) if is_section(&key) => self.table(inner, &key),
                (None, _) => self.problem(&name.span(), unknown(&key, section)),
            }
        }
    }

    fn setting(&mut self, setting: &'static Setting, value: &Spanned<DeValue<'_>>) {
        let span = value.span();
        let checked = texts(setting.shape, value.get_ref()).and_then(|texts| {
            let texts = self.beside_file(setting.shape, texts);
            (setting.set)(&mut Values::default(), &texts).map(|()| texts)
        });
        match checked {
            Ok(texts) => {
                let origin = Origin::File {
                    path: self.path.to_owned(),
                    line: self.line(&span),
                };
                self.given.push(Given {
                    setting,
                    texts,
                    origin,
                });
            }
            Err(reason) => {
                let said = self.text.get(span.clone()).unwrap_or_default();
                let what = format!("`{}` is {}: {reason}", setting.key, shortened(said));
                self.problem(&span, what);
            }
        }
    }

    /// A path that does not begin at the root is meant from the file's folder.
    fn beside_file(&self, shape: Shape, texts: Vec<String>) -> Vec<String> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        if shape != Shape::Path || texts.iter().any(String::is_empty) {
            return texts;
        }
        let from_folder = |text: String| folder.join(PathBuf::from(text)).display().to_string();
        texts.into_iter().map(from_folder).collect()
    }

    fn problem(&mut self, span: &Range<usize>, what: String) {
        let line = self.line(span);
        self.problems.push(Problem { line, what });
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        before.matches('\n').count().saturating_add(1)
    }
}

/// The texts of a value of the right shape.
fn texts(shape: Shape, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let expected = || format!("expected {}", shape.words());
    match (shape, value) {
        (Shape::Text | Shape::Path, DeValue::String(text)) => Ok(vec![text.to_string()]),
        (Shape::Number, DeValue::Integer(number)) if number.radix() == 10 => {
            Ok(vec![number.as_str().replace('_', "")])
        }
        (Shape::Switch, DeValue::Boolean(on)) => Ok(vec![on.to_string()]),
        (Shape::List, DeValue::Array(items)) => {
            let text = |item: &Spanned<DeValue<'_>>| item.get_ref().as_str().map(str::to_owned);
            let texts: Option<Vec<_>> = items.iter().map(text).collect();
            texts.ok_or_else(expected)
        }
        _ => Err(expected()),
    }
}

fn is_section(key: &str) -> bool {
    SETTINGS.iter().any(|setting| section_of(setting) == key)
}

fn section_of(setting: &Setting) -> &str {
    setting
        .key
        .split_once('.')
        .map_or("", |(section, _)| section)
}

/// What is said of a key that is none: what there is beside it.
fn unknown(key: &str, section: &str) -> String {
    if let Some((_, flag)) = FLAGS_ALONE.iter().find(|(name, _)| *name == key) {
        return format!("`{key}` is said by the flag `{flag}` alone, at the start that it is for");
    }
    let beside = SETTINGS
        .iter()
        .filter(|setting| section_of(setting) == section);
    let mut names: Vec<_> = beside
        .map(|setting| setting.key.rsplit('.').next().unwrap_or(setting.key))
        .collect();
    if !section.is_empty() {
        return format!(
            "`{key}` is no setting: [{section}] has {}",
            names.join(", ")
        );
    }
    let mut sections: Vec<_> = SETTINGS.iter().map(section_of).collect();
    sections.dedup();
    sections.retain(|section| !section.is_empty());
    let sections: Vec<_> = sections.iter().map(|name| format!("[{name}]")).collect();
    names.extend(sections.iter().map(String::as_str));
    format!("`{key}` is no setting: there are {}", names.join(", "))
}

/// What was written, as far as it helps.
fn shortened(said: &str) -> String {
    const MOST: usize = 60;
    let line = picot_client::printable(said);
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
