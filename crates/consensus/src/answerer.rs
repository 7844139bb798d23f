//! Answers to who asks for what the archive has, on a thread of their own: however much others ask,
//! consensus reads nothing for them.

use crate::worker::envelope;
use crate::{ConsensusError, ConsensusNetwork, Message, Peer, Request, answer_outcomes};
use parking_lot::{Condvar, Mutex};
use picot_clock::{Clock, Millis};
use picot_models::BlockId;
use picot_storage::BlockArchive;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tracing::{error, warn};

/// Peers whose questions wait, at most.
const MAX_PEERS: usize = 256;
/// Blocks that one peer waits for, at most.
const MAX_BODIES: usize = 64;
/// The shortest rest after an answer.
const MIN_REST: Millis = Millis(1);

/// The questions of one peer.
#[derive(Debug, Default)]
struct Asked {
    /// By thread: the period from which on outcomes are wanted.
    outcomes: BTreeMap<u8, u64>,
    bodies: BTreeSet<BlockId>,
}

impl Asked {
    fn pop(&mut self) -> Option<Request> {
        let outcomes = self.outcomes.pop_first();
        outcomes
            .map(|(thread, period)| Request::Outcomes { thread, period })
            .or_else(|| self.bodies.pop_first().map(|id| Request::Body { id }))
    }

    fn is_empty(&self) -> bool {
        self.outcomes.is_empty() && self.bodies.is_empty()
    }
}

/// The questions that wait: of each peer at most one for each thread and a few for blocks, so that who
/// asks without end waits for itself alone. Peers are answered in turn.
#[derive(Debug, Default)]
struct Questions {
    peers: BTreeMap<Peer, Asked>,
    last: Option<Peer>,
}

impl Questions {
    /// Of two questions for outcomes of one thread, the later counts. What there is no room for is
    /// dropped: who needs it asks again.
    fn add(&mut self, from: Peer, request: Request) {
        if self.peers.len() >= MAX_PEERS && !self.peers.contains_key(&from) {
            return;
        }
        let asked = self.peers.entry(from).or_default();
        match request {
            Request::Outcomes { thread, period } => {
                asked.outcomes.insert(thread, period);
            }
            Request::Body { id } if asked.bodies.len() < MAX_BODIES => {
                asked.bodies.insert(id);
            }
            Request::Body { .. } | Request::Certificate { .. } => {}
        }
    }

    fn next(&mut self) -> Option<(Peer, Request)> {
        let after = self.last.map_or(Unbounded, Excluded);
        let later = self.peers.range((after, Unbounded)).next();
        let peer = *later.or_else(|| self.peers.first_key_value())?.0;
        self.last = Some(peer);
        let asked = self.peers.get_mut(&peer)?;
        let request = asked.pop();
        if asked.is_empty() {
            self.peers.remove(&peer);
        }
        Some((peer, request?))
    }
}

#[derive(Default)]
struct Queue {
    questions: Mutex<(Questions, bool)>,
    changed: Condvar,
}

/// The thread that answers. It ends when this is dropped.
pub(crate) struct Answerer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Answerer {
    pub(crate) fn start(
        archive: Arc<dyn BlockArchive>,
        network: Arc<dyn ConsensusNetwork>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConsensusError> {
        let queue = Arc::new(Queue::default());
        let questions = Arc::clone(&queue);
        let run = move || {
            while let Some((peer, request)) = wait(&questions) {
                let began = clock.now();
                answer(archive.as_ref(), network.as_ref(), peer, request);
                let took = clock.now().since(began).unwrap_or(MIN_REST);
                // Who asks gets half of this thread's time at most: the rest of the node lives, too.
                rest(&questions, took.max(MIN_REST));
            }
        };
        let thread = std::thread::Builder::new()
            .name("answers".to_owned())
            .spawn(run)
            .map_err(|error| ConsensusError::Stopped(format!("no thread: {error}")))?;
        Ok(Self {
            queue,
            thread: Some(thread),
        })
    }

    /// Answers a peer, in its turn.
    pub(crate) fn answer(&self, to: Peer, request: Request) {
        self.queue.questions.lock().0.add(to, request);
        self.queue.changed.notify_one();
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        self.queue.questions.lock().1 = true;
        self.queue.changed.notify_one();
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            error!("the thread that answers panicked");
        }
    }
}

/// The next question; none once it is time to end.
fn wait(queue: &Queue) -> Option<(Peer, Request)> {
    let mut state = queue.questions.lock();
    loop {
        if state.1 {
            return None;
        }
        if let Some(next) = state.0.next() {
            return Some(next);
        }
        queue.changed.wait(&mut state);
    }
}

/// Rests for a time, or until it is time to end.
fn rest(queue: &Queue, time: Millis) {
    let mut state = queue.questions.lock();
    let is_on = |state: &mut (Questions, bool)| !state.1;
    queue
        .changed
        .wait_while_for(&mut state, is_on, Duration::from(time));
}

fn answer(archive: &dyn BlockArchive, network: &dyn ConsensusNetwork, to: Peer, request: Request) {
    match request {
        Request::Body { id } => match archive.block(&id) {
            Ok(Some(block)) => network.send(to, Arc::new(Message::Body(envelope(&block)))),
            Ok(None) => network.send(to, Arc::new(Message::NotHeld(request))),
            Err(error) => warn!(%error, block = %id, "a block cannot be read"),
        },
        Request::Outcomes { thread, period } => match answer_outcomes(archive, thread, period) {
            Ok(messages) => {
                for message in messages {
                    network.send(to, Arc::new(message));
                }
            }
            Err(error) => warn!(%error, "outcomes cannot be read"),
        },
        Request::Certificate { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(thread: u8, period: u64) -> Request {
        Request::Outcomes { thread, period }
    }

    fn body(number: u8) -> Request {
        let id = BlockId::from_hash([number; 32].into());
        Request::Body { id }
    }

    fn all(questions: &mut Questions) -> Vec<(Peer, Request)> {
        std::iter::from_fn(|| questions.next()).collect()
    }

    #[test]
    fn who_asks_without_end_is_answered_once_and_others_in_turn() {
        let mut questions = Questions::default();
        for period in 1..=10_000 {
            questions.add(Peer(1), outcomes(0, period));
        }
        questions.add(Peer(1), outcomes(1, 5));
        questions.add(Peer(1), body(1));
        questions.add(Peer(2), outcomes(0, 7));
        let expected = [
            (Peer(1), outcomes(0, 10_000)),
            (Peer(2), outcomes(0, 7)),
            (Peer(1), outcomes(1, 5)),
            (Peer(1), body(1)),
        ];
        assert_eq!(all(&mut questions), expected);
        assert!(questions.peers.is_empty());
    }

    #[test]
    fn the_turn_goes_round_although_the_first_asks_again_and_again() {
        let mut questions = Questions::default();
        for peer in 1..=3 {
            questions.add(Peer(peer), outcomes(0, 1));
        }
        let mut turns = Vec::new();
        for _ in 0..6 {
            turns.push(questions.next().unwrap().0.0);
            questions.add(Peer(1), outcomes(0, 1));
        }
        assert_eq!(turns, [1, 2, 3, 1, 1, 1]);
    }

    #[test]
    fn peers_and_blocks_that_wait_are_bounded() {
        let mut questions = Questions::default();
        for number in 0..=255 {
            questions.add(Peer(0), body(number));
        }
        assert_eq!(all(&mut questions).len(), MAX_BODIES);
        for peer in 0..1_000 {
            questions.add(Peer(peer), outcomes(0, 1));
        }
        assert_eq!(questions.peers.len(), MAX_PEERS);
        assert_eq!(all(&mut questions).len(), MAX_PEERS);
    }
}
