//! Server-sent events, read line by line with a bound on each event.

use crate::http::MAX_ANSWER_BYTES;
use std::io::{BufRead, Read};

/// An event as the format has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// What follows this event on another connection is asked for by this.
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) data: String,
}

/// Reads events out of lines.
pub(crate) struct Events<R> {
    lines: R,
    max_bytes: u64,
}

impl<R: BufRead> Events<R> {
    pub(crate) const fn new(lines: R) -> Self {
        Self {
            lines,
            max_bytes: MAX_ANSWER_BYTES,
        }
    }

    /// The next event that has data. One that is cut off by the end is none; one that is too large is an
    /// error that is told apart from a connection that broke.
    pub(crate) fn next(&mut self) -> std::io::Result<Option<Event>> {
        let (mut id, mut name, mut data) = (None, String::new(), String::new());
        while let Some(line) = self.line(data.len())? {
            if line.is_empty() {
                if !data.is_empty() {
                    return Ok(Some(Event { id, name, data }));
                }
                name.clear();
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut name),
                "id" => id = Some(value.to_owned()),
                "data" => {
                    if !data.is_empty() {
                        data.push('\n');
                    }
                    data.push_str(value);
                }
                // Comments keep the connection.
                _ => {}
            }
        }
        Ok(None)
    }

    /// The next line without its end; `held` bytes of the event are held already.
    fn line(&mut self, held: usize) -> std::io::Result<Option<String>> {
        let held = u64::try_from(held).unwrap_or(u64::MAX);
        let room = self.max_bytes.saturating_sub(held);
        let mut line = String::new();
        let read = (&mut self.lines).take(room).read_line(&mut line)?;
        if read == 0 && room > 0 {
            return Ok(None);
        }
        if !line.ends_with('\n') && u64::try_from(read).is_ok_and(|read| read >= room) {
            let too_large = ureq::Error::BodyExceedsLimit(self.max_bytes);
            return Err(std::io::Error::other(too_large));
        }
        let length = line.trim_end_matches(['\r', '\n']).len();
        line.truncate(length);
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str) -> Vec<(Option<String>, String, String)> {
        let mut events = Events::new(text.as_bytes());
        std::iter::from_fn(|| events.next().unwrap())
            .map(|event| (event.id, event.name, event.data))
            .collect()
    }

    fn event(id: Option<&str>, name: &str, data: &str) -> (Option<String>, String, String) {
        (id.map(str::to_owned), name.to_owned(), data.to_owned())
    }

    #[test]
    fn events_are_read_with_id_name_and_data_and_comments_are_passed_over() {
        let text = ": hello\n\nevent: slot\nid: 1/0\ndata: {}\n\n:\n\nevent:missed\r\ndata:a\r\ndata: b\r\n\r\n";
        assert_eq!(
            events(text),
            [
                event(Some("1/0"), "slot", "{}"),
                event(None, "missed", "a\nb")
            ]
        );
    }

    #[test]
    fn an_event_that_the_end_cuts_off_is_none() {
        assert_eq!(
            events("event: slot\ndata: 1\n\nevent: slot\ndata: 2"),
            [event(None, "slot", "1")]
        );
    }

    #[test]
    fn an_event_without_end_is_refused_at_the_bound() {
        for text in ["data: 0123456789\n\n", "data: 01\ndata: 23\ndata: 45\n\n"] {
            let mut events = Events::new(text.as_bytes());
            events.max_bytes = 10;
            let error = ureq::Error::from(events.next().unwrap_err());
            assert!(
                matches!(error, ureq::Error::BodyExceedsLimit(10)),
                "{error}"
            );
        }
    }
}
