//! A stream over one connection, or over as many as it takes.

use crate::error::ClientError;
use crate::http::{Http, Lines};
use crate::sse::{Event, Events};
use std::thread::sleep;
use std::time::Duration;

/// How often, and after what time, a stream is asked for again once it broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// Tries without an event in between, after which the stream ends with the last error. 0 never
    /// tries again.
    pub tries: u32,
    /// The wait before the first of them; it doubles with each one.
    pub first_pause: Duration,
    /// The longest wait.
    pub max_pause: Duration,
}

impl Default for Resume {
    /// For about a minute.
    fn default() -> Self {
        Self {
            tries: 16,
            first_pause: Duration::from_millis(100),
            max_pause: Duration::from_secs(5),
        }
    }
}

impl Resume {
    /// The wait before a try, the first being 0.
    fn pause(&self, tried: u32) -> Duration {
        let factor = 1_u32.checked_shl(tried).unwrap_or(u32::MAX);
        self.first_pause.saturating_mul(factor).min(self.max_pause)
    }
}

/// What is asked for, and how its events are read: none for those of no interest.
pub(crate) struct Source<T> {
    pub(crate) path: String,
    pub(crate) read: fn(&Http, &Event) -> Result<Option<T>, ClientError>,
}

/// The events of a stream over one connection, until the node or the connection ends.
pub struct Stream<'a, T> {
    http: &'a Http,
    source: Source<T>,
    events: Events<Lines>,
}

impl<'a, T> Stream<'a, T> {
    pub(crate) fn open(http: &'a Http, source: Source<T>) -> Result<Self, ClientError> {
        let events = http.stream(&source.path, None)?;
        Ok(Self {
            http,
            source,
            events,
        })
    }

    /// The next event, once there is one; none if the node has ended the stream.
    ///
    /// # Errors
    /// [`ClientError`], after which nothing more comes.
    pub fn next_event(&mut self) -> Result<Option<T>, ClientError> {
        loop {
            let event = self.events.next();
            let Some(event) = event.map_err(|error| self.http.stream_trouble(error))? else {
                return Ok(None);
            };
            if let Some(event) = (self.source.read)(self.http, &event)? {
                return Ok(Some(event));
            }
        }
    }
}

/// The events of a stream, over as many connections as it takes. An error is the last item: the node
/// refused, or did not come back within the tries of [`Resume`].
///
/// A node remembers so many events and not more, and one that was started anew remembers none: what was
/// missed between two connections is told by an event of the stream.
pub struct Resumed<'a, T> {
    http: &'a Http,
    source: Source<T>,
    resume: Resume,
    events: Option<Events<Lines>>,
    /// The id of the last event.
    last: Option<String>,
    tried: u32,
    has_ended: bool,
}

impl<'a, T> Resumed<'a, T> {
    pub(crate) const fn new(http: &'a Http, source: Source<T>, resume: Resume) -> Self {
        Self {
            http,
            source,
            resume,
            events: None,
            last: None,
            tried: 0,
            has_ended: false,
        }
    }

    /// One event of the connection; none at its end.
    fn event(&mut self) -> Result<Option<Event>, ClientError> {
        let events = match &mut self.events {
            Some(events) => events,
            None => {
                let after = self.last.as_deref();
                let events = self.http.stream(&self.source.path, after)?;
                self.events.insert(events)
            }
        };
        events
            .next()
            .map_err(|error| self.http.stream_trouble(error))
    }

    /// Waits for another try; gives the error back where there is none.
    fn again(&mut self, error: ClientError) -> Option<ClientError> {
        self.events = None;
        if !error.is_passing() || self.tried >= self.resume.tries {
            self.has_ended = true;
            return Some(error);
        }
        sleep(self.resume.pause(self.tried));
        self.tried = self.tried.saturating_add(1);
        None
    }
}

impl<T> Iterator for Resumed<'_, T> {
    type Item = Result<T, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.has_ended {
            let failed = match self.event() {
                Ok(Some(event)) => {
                    self.tried = 0;
                    if event.id.is_some() {
                        self.last.clone_from(&event.id);
                    }
                    match (self.source.read)(self.http, &event) {
                        Ok(Some(item)) => return Some(Ok(item)),
                        Ok(None) => continue,
                        Err(error) => error,
                    }
                }
                Ok(None) => ClientError::Broken {
                    url: self.http.url().clone(),
                    reason: "the node ended the stream".to_owned(),
                },
                Err(error) => error,
            };
            if let Some(error) = self.again(failed) {
                return Some(Err(error));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let resume = Resume::default();
        let pauses: Vec<_> = (0..9)
            .map(|tried| resume.pause(tried).as_millis())
            .collect();
        assert_eq!(
            pauses,
            [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]
        );
        assert_eq!(resume.pause(u32::MAX), resume.max_pause);
    }
}
