//! A reader of as much TOML as manifests and `deny.toml` use.
//!
//! Tables, dotted keys, strings, lists, inline tables and booleans; every other bare value is kept
//! as its text. Whatever it does not understand is an error, never a silent gap.

use std::collections::BTreeMap;

/// Keys and values of one table.
pub(super) type Table = BTreeMap<String, Value>;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Boolean(bool),
    /// A number or a date, as it was written.
    Bare(String),
    Array(Vec<Value>),
    Table(Table),
}

impl Value {
    pub(super) fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    pub(super) fn as_array(&self) -> Option<&[Value]> {
        if let Self::Array(values) = self {
            Some(values)
        } else {
            None
        }
    }

    pub(super) fn as_table(&self) -> Option<&Table> {
        if let Self::Table(table) = self {
            Some(table)
        } else {
            None
        }
    }
}

/// Reads a document; an error names the line.
pub(super) fn parse(text: &str) -> Result<Table, String> {
    let mut reader = Reader { rest: text };
    let mut root = Table::new();
    document(&mut reader, &mut root).map_err(|error| {
        let read = text.len().saturating_sub(reader.rest.len());
        let line = text
            .get(..read)
            .unwrap_or_default()
            .matches('\n')
            .count()
            .saturating_add(1);
        format!("line {line}: {error}")
    })?;
    Ok(root)
}

struct Reader<'a> {
    rest: &'a str,
}

fn document(reader: &mut Reader<'_>, root: &mut Table) -> Result<(), String> {
    let mut header: Vec<String> = Vec::new();
    loop {
        reader.skip_blank_lines();
        if reader.rest.is_empty() {
            return Ok(());
        }
        if reader.take("[[") {
            header = reader.key()?;
            reader.expect("]]")?;
            append_table(root, &header)?;
        } else if reader.take("[") {
            header = reader.key()?;
            reader.expect("]")?;
            descend(root, &header)?;
        } else {
            let key = reader.key()?;
            reader.expect("=")?;
            let value = reader.value()?;
            insert(descend(root, &header)?, &key, value)?;
        }
        reader.end_of_line()?;
    }
}

/// The table at the path, made if it is not there; of a list of tables, the last one.
fn descend<'t>(mut table: &'t mut Table, path: &[String]) -> Result<&'t mut Table, String> {
    for name in path {
        let value = table
            .entry(name.clone())
            .or_insert_with(|| Value::Table(Table::new()));
        let inner = match value {
            Value::Array(values) => values.last_mut(),
            other => Some(other),
        };
        table = match inner {
            Some(Value::Table(inner)) => inner,
            _ => return Err(format!("'{name}' is not a table")),
        };
    }
    Ok(table)
}

fn append_table(root: &mut Table, path: &[String]) -> Result<(), String> {
    let (last, parents) = path.split_last().ok_or("a header without a name")?;
    let list = descend(root, parents)?
        .entry(last.clone())
        .or_insert_with(|| Value::Array(Vec::new()));
    match list {
        Value::Array(values) => values.push(Value::Table(Table::new())),
        _ => return Err(format!("'{last}' is not a list of tables")),
    }
    Ok(())
}

fn insert(table: &mut Table, key: &[String], value: Value) -> Result<(), String> {
    let (last, parents) = key.split_last().ok_or("a value without a key")?;
    match descend(table, parents)?.insert(last.clone(), value) {
        None => Ok(()),
        Some(_) => Err(format!("'{last}' is there twice")),
    }
}

impl Reader<'_> {
    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    /// Skips spaces, line ends and comments.
    fn skip_blank_lines(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if !self.rest.starts_with('#') {
                return;
            }
            self.skip_comment();
        }
    }

    fn skip_comment(&mut self) {
        if self.rest.starts_with('#') {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.rest = self.rest.get(end..).unwrap_or_default();
        }
    }

    fn end_of_line(&mut self) -> Result<(), String> {
        self.skip_spaces();
        self.skip_comment();
        if self.rest.is_empty() || self.rest.starts_with('\n') || self.rest.starts_with("\r\n") {
            return Ok(());
        }
        Err("something is left over at the end of the line".into())
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_spaces();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) {
            Ok(())
        } else {
            Err(format!("'{token}' is missing"))
        }
    }

    /// `a.b."c d"`.
    fn key(&mut self) -> Result<Vec<String>, String> {
        let mut parts = Vec::new();
        loop {
            self.skip_spaces();
            parts.push(match self.rest.chars().next() {
                Some('"') => self.basic_string()?,
                Some('\'') => self.literal_string()?,
                _ => self.bare_key()?,
            });
            if !self.take(".") {
                return Ok(parts);
            }
        }
    }

    fn bare_key(&mut self) -> Result<String, String> {
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if word.is_empty() {
            Err("a key is missing".into())
        } else {
            Ok(word)
        }
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !accept(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    fn value(&mut self) -> Result<Value, String> {
        self.skip_spaces();
        if self.rest.starts_with("\"\"\"") || self.rest.starts_with("'''") {
            return Err("strings of several lines are not read here".into());
        }
        match self.rest.chars().next() {
            Some('"') => self.basic_string().map(Value::Text),
            Some('\'') => self.literal_string().map(Value::Text),
            Some('[') => self.array(),
            Some('{') => self.inline_table(),
            _ => self.bare_value(),
        }
    }

    fn bare_value(&mut self) -> Result<Value, String> {
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || "-_+.:".contains(c));
        match word.as_str() {
            "" => Err("a value is missing".into()),
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            _ => Ok(Value::Bare(word)),
        }
    }

    fn basic_string(&mut self) -> Result<String, String> {
        self.expect("\"")?;
        let mut text = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((index, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = self.rest.get(index.saturating_add(1)..).unwrap_or_default();
                    return Ok(text);
                }
                '\\' => text.push(match characters.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, 't')) => '\t',
                    Some((_, escaped @ ('"' | '\\'))) => escaped,
                    _ => return Err("an escape that is not read here".into()),
                }),
                '\n' => break,
                other => text.push(other),
            }
        }
        Err("a string is not closed".into())
    }

    fn literal_string(&mut self) -> Result<String, String> {
        self.expect("'")?;
        let text = self.take_while(|c| c != '\'' && c != '\n');
        if self.take("'") {
            Ok(text)
        } else {
            Err("a string is not closed".into())
        }
    }

    fn array(&mut self) -> Result<Value, String> {
        self.expect("[")?;
        let mut values = Vec::new();
        loop {
            self.skip_blank_lines();
            if self.take("]") {
                return Ok(Value::Array(values));
            }
            values.push(self.value()?);
            self.skip_blank_lines();
            if !self.take(",") {
                self.expect("]")?;
                return Ok(Value::Array(values));
            }
        }
    }

    fn inline_table(&mut self) -> Result<Value, String> {
        self.expect("{")?;
        let mut table = Table::new();
        loop {
            self.skip_blank_lines();
            if self.take("}") {
                return Ok(Value::Table(table));
            }
            let key = self.key()?;
            self.expect("=")?;
            let value = self.value()?;
            insert(&mut table, &key, value)?;
            self.skip_blank_lines();
            if !self.take(",") {
                self.expect("}")?;
                return Ok(Value::Table(table));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn tables_keys_and_values_are_read() {
        let root = parse(
            "top = 1 # comment\n[a.b]\n\"quoted key\" = 'literal \\n'\nflag = true\nx.y = \"es\\\"caped\"\n\
             list = [\n  \"one\", # first\n  { k = \"v\", n = 2 },\n]\n[[many]]\nk = \"1\"\n[[many]]\nk = \"2\"\n",
        )
        .unwrap();
        assert_eq!(root["top"], Value::Bare("1".into()));
        let b = root["a"].as_table().unwrap()["b"].as_table().unwrap();
        assert_eq!(b["quoted key"], text("literal \\n"));
        assert_eq!(b["flag"], Value::Boolean(true));
        assert_eq!(b["x"].as_table().unwrap()["y"], text("es\"caped"));
        let list = b["list"].as_array().unwrap();
        assert_eq!(list[0], text("one"));
        assert_eq!(list[1].as_table().unwrap()["k"], text("v"));
        assert_eq!(
            root["many"].as_array().unwrap()[1].as_table().unwrap()["k"],
            text("2")
        );
    }

    #[test]
    fn an_error_names_its_line() {
        assert!(parse("a = 1\nb =\n").unwrap_err().starts_with("line 2:"));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for broken in [
            "a",
            "a = ",
            "a = \"open",
            "a = [1",
            "a = { b = 1",
            "[a",
            "a = 1 2",
            "a = 1\na = 2",
            "a = \"\"\"x\"\"\"",
            "a = 1\n[a]",
        ] {
            assert!(parse(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn the_manifests_of_this_workspace_are_read() {
        let manifest = std::fs::read_to_string(crate::cargo::root().join("Cargo.toml")).unwrap();
        assert!(
            parse(&manifest).unwrap()["workspace"]
                .as_table()
                .unwrap()
                .contains_key("lints")
        );
    }
}
