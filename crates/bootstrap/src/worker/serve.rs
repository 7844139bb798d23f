//! The threads of who serves.

use super::BootstrapNetwork;
use crate::{
    BootstrapError, Lie, Message, Question, Server, ServerConfig, ServerInput, ServerOutput,
    StateIndex, read_answer,
};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select, unbounded};
use picot_checkpoint::CheckpointArchive;
use picot_clock::{Clock, Millis, Slot, Timestamp};
use picot_consensus::Peer;
use picot_ledger::StateSnapshot;
use picot_models::Checkpoint;
use picot_serialization::decode_exact;
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tracing::{debug, error, warn};

/// Questions that were not looked at yet, of all peers: more are lost, and asked again.
const QUEUE_LEN: usize = 4_096;
const MAX_SLEEP: Duration = Duration::from_millis(500);
/// How often certificates are looked for.
const LOOK_INTERVAL: Millis = Millis(500);

/// What peers do.
enum Asked {
    Question(Peer, Question),
    Unreadable(Peer),
}

/// What this node does, and who is gone: few, and never lost.
enum Own {
    Gone(Peer),
    Reached(Checkpoint, Arc<dyn StateSnapshot>),
    Indexed(Slot, Option<Arc<StateIndex>>),
    Stop,
}

/// What others tell who serves. No method waits.
#[derive(Clone)]
pub struct ServingHandle {
    asked: Sender<Asked>,
    own: Sender<Own>,
}

/// The other end.
pub struct ServingQueue {
    asked: Receiver<Asked>,
    own: Receiver<Own>,
}

impl ServingHandle {
    /// A handle, and the queue for [`Serving::start`].
    #[must_use]
    pub fn new() -> (Self, ServingQueue) {
        let (asked, asked_queue) = bounded(QUEUE_LEN);
        let (own, own_queue) = unbounded();
        let queue = ServingQueue {
            asked: asked_queue,
            own: own_queue,
        };
        (Self { asked, own }, queue)
    }

    /// A peer sent something. Who serves is only asked.
    pub fn received(&self, from: Peer, bytes: &[u8]) {
        match decode_exact::<Message>(bytes) {
            Ok(Message::Ask(question)) => self.ask(Asked::Question(from, question)),
            // An answer that came too late for whoever asked.
            Ok(_) => {}
            Err(_) => self.ask(Asked::Unreadable(from)),
        }
    }

    /// A peer is gone.
    pub fn disconnected(&self, peer: Peer) {
        self.tell(Own::Gone(peer));
    }

    /// Execution reached a checkpoint: its state, as it is exactly now.
    pub fn reached(&self, checkpoint: Checkpoint, snapshot: Arc<dyn StateSnapshot>) {
        self.tell(Own::Reached(checkpoint, snapshot));
    }

    fn tell(&self, own: Own) {
        // The other end is gone only when the node ends.
        let _ = self.own.send(own);
    }

    fn ask(&self, asked: Asked) {
        if let Err(TrySendError::Full(_)) = self.asked.try_send(asked) {
            debug!("more is asked of this node's state than it can look at");
        }
    }
}

/// Serves states to others on a thread of its own, until it is dropped. Which of them are certified, it
/// finds in the archive.
pub struct Serving {
    handle: ServingHandle,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    /// Starts the thread.
    ///
    /// # Errors
    /// The configuration is wrong, or the system gives no thread.
    pub fn start(
        config: ServerConfig,
        archive: CheckpointArchive,
        clock: Arc<dyn Clock>,
        network: Arc<dyn BootstrapNetwork>,
        handle: ServingHandle,
        queue: ServingQueue,
    ) -> Result<Self, BootstrapError> {
        let mut shell = Shell {
            server: Server::new(config)?,
            archive,
            clock,
            network,
            indexed: handle.own.clone(),
            indexing: None,
            wake_at: None,
            looked_at: Timestamp::EPOCH,
        };
        let thread = std::thread::Builder::new()
            .name("serving".to_owned())
            .spawn(move || {
                shell.run(&queue);
                // Who makes an index waits for nobody.
                drop(queue);
                shell.end();
            })
            .map_err(|_| BootstrapError::Thread("serving states"))?;
        Ok(Self {
            handle,
            thread: Some(thread),
        })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.handle.tell(Own::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the thread that serves states panicked");
        }
    }
}

struct Shell {
    server: Server,
    archive: CheckpointArchive,
    clock: Arc<dyn Clock>,
    network: Arc<dyn BootstrapNetwork>,
    indexed: Sender<Own>,
    indexing: Option<JoinHandle<()>>,
    wake_at: Option<Timestamp>,
    looked_at: Timestamp,
}

impl Shell {
    fn run(&mut self, queue: &ServingQueue) {
        loop {
            let input = select! {
                recv(queue.own) -> own => match own {
                    Ok(Own::Stop) | Err(_) => return,
                    Ok(Own::Gone(peer)) => ServerInput::Disconnected(peer),
                    Ok(Own::Reached(checkpoint, snapshot)) => ServerInput::Reached {
                        checkpoint,
                        snapshot,
                    },
                    Ok(Own::Indexed(slot, index)) => ServerInput::Indexed { slot, index },
                },
                recv(queue.asked) -> asked => match asked {
                    Ok(Asked::Question(from, question)) => ServerInput::Asked { from, question },
                    Ok(Asked::Unreadable(peer)) => {
                        warn!(peer = peer.0, "a peer asks for states with what cannot be read");
                        self.network.blame(peer, &Lie::Unreadable);
                        continue;
                    }
                    Err(_) => return,
                },
                default(self.sleep()) => ServerInput::Tick,
            };
            self.step(input);
            self.look_for_certificates();
        }
    }

    /// Whether the states that are held were certified meanwhile.
    fn look_for_certificates(&mut self) {
        let now = self.clock.now();
        let is_due = now.since(self.looked_at);
        if is_due.is_some_and(|past| past < LOOK_INTERVAL) {
            return;
        }
        self.looked_at = now;
        let slots: Vec<Slot> = self.server.uncertified().collect();
        for slot in slots {
            match self.archive.certified(slot) {
                Ok(Some(checkpoint)) => self.step(ServerInput::Certified(checkpoint)),
                Ok(None) => {}
                Err(error) => warn!(%error, %slot, "a certificate cannot be read"),
            }
        }
    }

    fn end(&mut self) {
        if let Some(indexing) = self.indexing.take() {
            let _ = indexing.join();
        }
    }

    fn sleep(&self) -> Duration {
        let now = self.clock.now();
        let wait = self.wake_at.map(|at| at.since(now).unwrap_or_default());
        wait.map_or(MAX_SLEEP, |wait| {
            Duration::from_millis(wait.0).min(MAX_SLEEP)
        })
    }

    fn step(&mut self, input: ServerInput) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for output in self.server.step(self.clock.now(), input) {
                match output {
                    ServerOutput::Send { to, message } => self.network.send(to, &message),
                    ServerOutput::MakeIndex { slot, snapshot } => {
                        if !self.make_index(slot, snapshot) {
                            inputs.push_back(ServerInput::Indexed { slot, index: None });
                        }
                    }
                    ServerOutput::Read { to, question, from } => {
                        let answer = read_answer(&self.archive, question, &from);
                        if let Err(error) = &answer {
                            warn!(%error, "a state cannot be served");
                        }
                        inputs.push_back(ServerInput::Answered {
                            to,
                            question,
                            answer: answer.ok().flatten(),
                        });
                    }
                    ServerOutput::WakeAt(at) => self.wake_at = Some(at),
                }
            }
        }
        let now = self.clock.now();
        self.wake_at = self.wake_at.filter(|at| *at > now);
    }

    /// Makes an index on a thread of its own: it takes a while.
    fn make_index(&mut self, slot: Slot, snapshot: Arc<dyn StateSnapshot>) -> bool {
        let indexed = self.indexed.clone();
        let run = move || {
            let index = StateIndex::of(&*snapshot);
            if let Err(error) = &index {
                warn!(%error, %slot, "a state cannot be served");
            }
            drop(snapshot);
            let _ = indexed.send(Own::Indexed(slot, index.ok().map(Arc::new)));
        };
        let thread = std::thread::Builder::new().name("indexing".to_owned());
        match thread.spawn(run) {
            Ok(thread) => {
                self.indexing = Some(thread);
                true
            }
            Err(error) => {
                warn!(%error, "there is no thread for an index");
                false
            }
        }
    }
}
