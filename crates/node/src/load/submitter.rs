//! Submits signed batches to the nodes in turn: each submitter is a thread with connections of its own.

use super::pace::Pace;
use super::signer::Batch;
use super::tracker::Tracker;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use parking_lot::{Condvar, Mutex};
use picot_api::ProblemCode;
use picot_api::types::SubmitResult;
use picot_client::{ApiClient, ApiUrl, ClientError};
use picot_clock::{Clock, Millis, SlotClock, Stop, Timestamp};
use picot_models::OperationId;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How often a submitter that waits looks whether it shall stop.
const LOOK: Duration = Duration::from_millis(100);
/// For how long a node that did not answer is left alone.
const REST_DEAD: Millis = Millis(1_000);
/// For how long a node that has no room is left alone.
const REST_FULL: Millis = Millis(100);
/// Before all nodes are tried again, if none can be reached.
const PAUSE_ALL_DEAD: Millis = Millis(200);
/// A batch that was signed this much of its validity ago is thrown away unsent: 1 part of this is
/// left.
const STALE_PART: u64 = 4;

/// What the submitters share.
pub(super) struct Shared<'a> {
    pub(super) clock: &'a dyn Clock,
    pub(super) slot_clock: SlotClock,
    pub(super) stop: &'a Stop,
    pub(super) tracker: &'a Mutex<Tracker>,
    /// Rung when there may be room again.
    pub(super) room: Condvar,
    /// The most that may be open.
    pub(super) max_open: usize,
    /// None: as fast as the nodes take them.
    pub(super) pace: Option<Mutex<Pace>>,
    /// When submitting ends; none: with the last batch.
    pub(super) until: Option<Timestamp>,
    pub(super) expire_in: u64,
    pub(super) nodes: Vec<Node>,
    pub(super) next_node: AtomicUsize,
    pub(super) heard: Mutex<Heard>,
}

/// A node that is submitted to.
pub(super) struct Node {
    pub(super) url: ApiUrl,
    /// It is left alone until then.
    pub(super) rests_until: Mutex<Timestamp>,
}

/// When a node answered last, and what was wrong since.
pub(super) struct Heard {
    pub(super) at: Timestamp,
    pub(super) trouble: Option<(ApiUrl, ClientError)>,
}

impl Heard {
    fn answered(&mut self, now: Timestamp) {
        self.at = now;
        self.trouble = None;
    }
}

/// What became of an attempt.
enum Sent {
    /// It arrived, or may have.
    Done,
    /// No node can be reached: it has not left.
    Nowhere,
}

impl Shared<'_> {
    /// Submits batches until there are no more, or time is up, or it is told to stop.
    pub(super) fn run(&self, batches: &Receiver<Batch>) {
        let clients: Vec<_> = self
            .nodes
            .iter()
            .map(|node| ApiClient::new(node.url.clone()))
            .collect();
        while !self.is_over() {
            let batch = match batches.recv_timeout(LOOK) {
                Ok(batch) => batch,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if self.is_stale(&batch) {
                continue;
            }
            self.wait_turn(batch.ids.len());
            if !self.wait_room(batch.ids.len()) {
                return;
            }
            while !self.is_over() {
                match self.send(&clients, &batch) {
                    Sent::Done => break,
                    Sent::Nowhere => self.pause(PAUSE_ALL_DEAD),
                }
            }
        }
    }

    fn is_over(&self) -> bool {
        self.stop.is_stopped() || self.until.is_some_and(|until| self.clock.now() >= until)
    }

    fn pause(&self, length: Millis) {
        let _is_stopped = self.stop.pause(length);
    }

    /// Whether too little of its validity is left: the nodes stood still for that long.
    fn is_stale(&self, batch: &Batch) -> bool {
        let now = self.slot_clock.latest_slot_at(self.clock.now());
        let now = now.map_or(0, |slot| slot.period);
        let left = batch.expire_period.saturating_sub(now);
        left.saturating_mul(STALE_PART) < self.expire_in
    }

    fn wait_turn(&self, operations: usize) {
        let Some(pace) = &self.pace else { return };
        let wait = pace.lock().turn(self.clock.now(), operations);
        let left = self.until.and_then(|until| until.since(self.clock.now()));
        self.pause(wait.min(left.unwrap_or(wait)));
    }

    /// Waits until the batch fits under the bound; false if it is over before.
    fn wait_room(&self, operations: usize) -> bool {
        let mut tracker = self.tracker.lock();
        while tracker.open().saturating_add(operations) > self.max_open {
            self.room.wait_for(&mut tracker, LOOK);
            if self.is_over() {
                return false;
            }
        }
        !self.is_over()
    }

    /// Sends to the next node that is well, or else to any that can be reached.
    fn send(&self, clients: &[ApiClient], batch: &Batch) -> Sent {
        let first = self.next_node.fetch_add(1, Ordering::Relaxed);
        let turns = self.nodes.iter().zip(clients).cycle();
        let turns = turns
            .skip(first.checked_rem(clients.len()).unwrap_or(0))
            .take(clients.len());
        let now = self.clock.now();
        let (well, resting): (Vec<_>, Vec<_>) =
            turns.partition(|(node, _)| *node.rests_until.lock() <= now);
        well.into_iter()
            .chain(resting)
            .find_map(|(node, client)| self.send_to(node, client, batch))
            .map_or(Sent::Nowhere, |()| Sent::Done)
    }

    /// None if the node cannot be reached.
    fn send_to(&self, node: &Node, client: &ApiClient, batch: &Batch) -> Option<()> {
        let ids: Vec<OperationId> = batch.ids.iter().map(|(id, _)| *id).collect();
        self.tracker
            .lock()
            .sent(self.clock.now(), batch.ids.iter().copied());
        let answer = client.submit_batch(&batch.operations);
        let now = self.clock.now();
        match answer {
            Ok(answer) => {
                self.heard.lock().answered(now);
                if answer.results.iter().any(is_full) {
                    self.rest(node, REST_FULL);
                }
                self.tracker.lock().answered(answer.results);
            }
            Err(ClientError::Refused(refusal)) => {
                self.heard.lock().answered(now);
                self.rest(node, REST_FULL);
                self.tracker.lock().refused(&ids, refusal);
            }
            Err(error) => {
                self.rest(node, REST_DEAD);
                let unreached = matches!(error, ClientError::Unreachable { .. });
                let mut tracker = self.tracker.lock();
                if unreached {
                    tracker.withdrawn(&ids);
                } else {
                    tracker.unanswered(ids.len());
                }
                drop(tracker);
                self.heard.lock().trouble = Some((node.url.clone(), error));
                if unreached {
                    return None;
                }
            }
        }
        self.room.notify_all();
        Some(())
    }

    fn rest(&self, node: &Node, length: Millis) {
        let until = self.clock.now().checked_add(length);
        *node.rests_until.lock() = until.unwrap_or_default();
    }
}

fn is_full(result: &SubmitResult) -> bool {
    let code = result.problem.as_ref().map(|problem| problem.code);
    code == Some(ProblemCode::PoolFull)
}
