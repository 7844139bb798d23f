//! The stream of final slots: server-sent events, read line by line with a bound on each.

use super::{ApiClient, ClientError, MAX_ANSWER_BYTES, printable};
use picot_api::types::{MissedEvent, SlotEvent};
use picot_models::Slot;
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

/// Seconds without a byte after which the node counts as gone: it says something every 15 s.
const SILENCE_SECONDS: u64 = 40;

/// One event of `GET /stream/slots`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// A slot became final.
    Slot(Box<SlotEvent>),
    /// What the reader did not get.
    Missed(MissedEvent),
}

/// A stream of final slots, in order, until the node or the connection ends.
pub struct SlotStream<'a> {
    client: &'a ApiClient,
    events: Events<Box<dyn BufRead + Send>>,
}

impl ApiClient {
    /// `GET /stream/slots`: from a slot on, as far back as the node still knows, or what follows.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn slots(&self, from: Option<Slot>) -> Result<SlotStream<'_>, ClientError> {
        let path = match from {
            Some(from) => format!("/stream/slots?from={from}"),
            None => "/stream/slots".to_owned(),
        };
        let request = self.with_token(self.agent.get(self.full(&path)));
        let request = request
            .config()
            .timeout_global(None)
            .timeout_per_read(Some(Duration::from_secs(SILENCE_SECONDS)))
            .build();
        let mut answer = request.call().map_err(|error| self.trouble(error))?;
        if !answer.status().is_success() {
            let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES);
            let body = body.read_to_vec().map_err(|error| self.trouble(error))?;
            return Err(self.refusal(&path, answer.status(), &body));
        }
        let body = answer.into_body().into_with_config().limit(u64::MAX);
        let lines: Box<dyn BufRead + Send> = Box::new(BufReader::new(body.reader()));
        Ok(SlotStream {
            client: self,
            events: Events::new(lines),
        })
    }
}

impl SlotStream<'_> {
    /// The next event, once there is one; none if the node has ended the stream.
    ///
    /// # Errors
    /// [`ClientError`], after which nothing more comes.
    pub fn next_event(&mut self) -> Result<Option<StreamEvent>, ClientError> {
        let event = self
            .events
            .next()
            .map_err(|error| match ureq::Error::from(error) {
                ureq::Error::Timeout(_) => ClientError::Slow {
                    url: self.client.url.clone(),
                    seconds: SILENCE_SECONDS,
                },
                error => self.client.trouble(error),
            })?;
        let Some(Event { name, data }) = event else {
            return Ok(None);
        };
        let parsed = match name.as_str() {
            "slot" => serde_json::from_str(&data).map(StreamEvent::Slot),
            "missed" => serde_json::from_str(&data).map(StreamEvent::Missed),
            // What a later version may tell besides.
            _ => return self.next_event(),
        };
        parsed.map(Some).map_err(|error| {
            let error = printable(&error.to_string());
            self.client.not_picot(format!(
                "the stream's event `{}` is of no known shape ({error})",
                printable(&name)
            ))
        })
    }
}

/// An event as the format has it.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    name: String,
    data: String,
}

/// Reads events out of lines.
struct Events<R> {
    lines: R,
    max_bytes: u64,
}

impl<R: BufRead> Events<R> {
    const fn new(lines: R) -> Self {
        Self {
            lines,
            max_bytes: MAX_ANSWER_BYTES,
        }
    }

    /// The next event that has data. One that is cut off by the end is none.
    fn next(&mut self) -> std::io::Result<Option<Event>> {
        let (mut name, mut data) = (String::new(), String::new());
        while let Some(line) = self.line(data.len())? {
            if line.is_empty() {
                if !data.is_empty() {
                    return Ok(Some(Event { name, data }));
                }
                name.clear();
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut name),
                "data" => {
                    if !data.is_empty() {
                        data.push('\n');
                    }
                    data.push_str(value);
                }
                // Comments keep the connection; ids are slots, which the data has too.
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
            return Err(std::io::Error::other("an event is too large"));
        }
        let length = line.trim_end_matches(['\r', '\n']).len();
        line.truncate(length);
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::super::stub::{Answer, StubNode};
    use super::*;

    fn events(text: &str) -> Vec<(String, String)> {
        let mut events = Events::new(text.as_bytes());
        std::iter::from_fn(|| events.next().unwrap())
            .map(|event| (event.name, event.data))
            .collect()
    }

    fn pair(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn events_are_read_with_name_and_data_and_comments_are_passed_over() {
        let text = ": hello\n\nevent: slot\nid: 1/0\ndata: {}\n\n:\n\nevent:missed\r\ndata:a\r\ndata: b\r\n\r\n";
        assert_eq!(events(text), [pair("slot", "{}"), pair("missed", "a\nb")]);
    }

    #[test]
    fn an_event_that_the_end_cuts_off_is_none() {
        assert_eq!(
            events("event: slot\ndata: 1\n\nevent: slot\ndata: 2"),
            [pair("slot", "1")]
        );
    }

    #[test]
    fn an_event_without_end_is_refused_at_the_bound() {
        for text in ["data: 0123456789\n\n", "data: 01\ndata: 23\ndata: 45\n\n"] {
            let mut events = Events::new(text.as_bytes());
            events.max_bytes = 10;
            assert!(events.next().unwrap_err().to_string().contains("too large"));
        }
    }

    #[test]
    fn a_stream_gives_final_slots_and_what_was_missed_and_then_ends() {
        let text = "event: missed\ndata: {\"count\":null,\"next\":{\"period\":5,\"thread\":0}}\n\n\
            event: news\ndata: 7\n\n\
            event: slot\ndata: {\"slot\":{\"period\":5,\"thread\":0},\"block\":null,\"producer\":null,\"operations\":{},\"state_hash\":null}\n\n";
        let node = StubNode::start().on("GET /stream/slots?from=3/1", Answer::text(200, text));
        let client = ApiClient::new(node.url().clone());
        let mut stream = client.slots(Some(Slot::new(3, 1))).unwrap();
        let missed = MissedEvent {
            count: None,
            next: Some(Slot::new(5, 0)),
        };
        assert_eq!(
            stream.next_event().unwrap(),
            Some(StreamEvent::Missed(missed))
        );
        let Some(StreamEvent::Slot(event)) = stream.next_event().unwrap() else {
            panic!("the slot follows");
        };
        assert_eq!(event.slot, Slot::new(5, 0));
        assert_eq!(stream.next_event().unwrap(), None);
    }

    #[test]
    fn an_event_of_an_unknown_shape_is_told() {
        let text = "event: slot\ndata: 7\n\n";
        let node = StubNode::start().on("GET /stream/slots", Answer::text(200, text));
        let client = ApiClient::new(node.url().clone());
        let mut stream = client.slots(None).unwrap();
        let error = stream.next_event().unwrap_err().to_string();
        assert!(
            error.contains("the stream's event `slot` is of no known shape"),
            "{error}"
        );
    }
}
