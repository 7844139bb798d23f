//! What a step shows against what was printed, and names for ids.
//!
//! Of each line that is shown there must be one that was printed, in the same order; others may be
//! between. Of a shown line,
//! - `…` alone stands for any words, and inside of a word for anything;
//! - an id that is cut, such as `addr1…alice` or `op1…`, stands for an id, which is known by that name
//!   from then on: in commands it is put in its place;
//! - a word with a digit and without `…` stands for any one word: numbers, times and ids differ;
//! - every other word must be there.

use std::collections::BTreeMap;

/// How ids begin that can have names.
const KINDS: [&str; 8] = [
    "addr1", "blk1", "op1", "chain1", "sec1", "pub1", "12D3Koo", "check1",
];

/// What names stand for.
#[derive(Debug, Clone, Default)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// Gives something a name.
    pub fn know(&mut self, name: &str, id: &str) {
        self.0.insert(name.to_owned(), id.to_owned());
    }

    /// A text with ids for names.
    ///
    /// # Errors
    /// A name that was never shown.
    pub fn put_into(&self, text: &str) -> Result<String, String> {
        let mut made = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = split_at_name(rest) {
            let id = self.0.get(name);
            let id = id.ok_or_else(|| format!("nothing that was shown is `{name}`"))?;
            made.push_str(before);
            made.push_str(id);
            rest = after;
        }
        made.push_str(rest);
        Ok(made)
    }
}

/// Whether what is shown was printed; what it names is known then.
///
/// # Errors
/// The first line that was not.
pub fn appears(shown: &[String], printed: &[String], names: &mut Names) -> Result<(), String> {
    let mut printed = printed.iter();
    for line in shown.iter().filter(|line| line.trim() != "…") {
        if line.trim().is_empty() {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let found = printed.by_ref().find_map(|printed| {
            let printed: Vec<&str> = printed.split_whitespace().collect();
            matches(&words, &printed)
        });
        let Some(found) = found else {
            return Err(line.clone());
        };
        for (name, id) in found {
            names.know(&name, &id);
        }
    }
    Ok(())
}

/// The names found, if a line is the one that is shown.
fn matches(shown: &[&str], printed: &[&str]) -> Option<Vec<(String, String)>> {
    let Some((first, shown_rest)) = shown.split_first() else {
        return printed.is_empty().then(Vec::new);
    };
    if *first == "…" {
        return (0..=printed.len()).find_map(|skipped| matches(shown_rest, &printed[skipped..]));
    }
    let (word, printed_rest) = printed.split_first()?;
    let mut found = match_word(first, word)?;
    found.extend(matches(shown_rest, printed_rest)?);
    Some(found)
}

fn match_word(shown: &str, printed: &str) -> Option<Vec<(String, String)>> {
    if let Some((before, name, after)) = split_at_name(shown) {
        let kind = name.split('…').next()?;
        let varies = |letter: char| letter == '…' || letter.is_ascii_digit();
        let rest = if before.contains(varies) {
            &printed[printed.find(kind)?..]
        } else {
            printed.strip_prefix(before)?
        };
        let id_end = rest.find(|letter: char| !letter.is_ascii_alphanumeric());
        let (id, rest) = rest.split_at(id_end.unwrap_or(rest.len()));
        if !id.starts_with(kind) {
            return None;
        }
        let mut found = vec![(name.to_owned(), id.to_owned())];
        found.extend(match_word(after, rest)?);
        return Some(found);
    }
    if shown.contains('…') {
        return matches_pieces(shown, printed).then(Vec::new);
    }
    let has_digit = shown.contains(|letter: char| letter.is_ascii_digit());
    (has_digit || shown == printed).then(Vec::new)
}

fn matches_pieces(shown: &str, printed: &str) -> bool {
    let mut pieces = shown.split('…');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = printed.strip_prefix(first) else {
        return false;
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(place) => rest = &rest[place + piece.len()..],
            None => return false,
        }
    }
    shown.ends_with('…') || rest.is_empty()
}

/// What is before the first name in a text, the name, and what is after it.
fn split_at_name(text: &str) -> Option<(&str, &str, &str)> {
    for (place, _) in text.match_indices('…') {
        let before = &text[..place];
        let Some(kind) = KINDS.iter().find(|kind| before.ends_with(**kind)) else {
            continue;
        };
        let after = &text[place + '…'.len_utf8()..];
        let end = after.find(|letter: char| !letter.is_ascii_lowercase());
        let start = place - kind.len();
        let end = place + '…'.len_utf8() + end.unwrap_or(after.len());
        return Some((&text[..start], &text[start..end], &text[end..]));
    }
    None
}
