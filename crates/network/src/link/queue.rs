//! The frames of a lane that wait to be sent: bounded by bytes, never waited for by whoever sends.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;

use crate::SendError;
use crate::config::FRAME_COST_BYTES;

/// Small frames are written together up to about so many bytes: one packet of yamux.
const BATCH_BYTES: usize = 16 * 1_024;

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Arc<[u8]>>,
    /// The cost of the frames above and of those that are being written.
    held_bytes: usize,
}

/// A queue from many senders to one writer.
#[derive(Debug)]
pub(super) struct Queue {
    limit_bytes: usize,
    waiting: Mutex<Waiting>,
    ring: Notify,
}

impl Queue {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            waiting: Mutex::default(),
            ring: Notify::new(),
        }
    }

    /// Takes a frame if there is room for it.
    pub(super) fn push(&self, frame: Arc<[u8]>) -> Result<(), SendError> {
        let mut waiting = self.waiting.lock();
        let held_bytes = waiting.held_bytes.saturating_add(cost(&frame));
        if held_bytes > self.limit_bytes {
            return Err(SendError::Full);
        }
        waiting.held_bytes = held_bytes;
        waiting.frames.push_back(frame);
        drop(waiting);
        self.ring.notify_one();
        Ok(())
    }

    /// The next frames to write; they count as held until they are [`written`](Self::written).
    pub(super) async fn next(&self) -> Vec<Arc<[u8]>> {
        loop {
            let batch = self.take_batch();
            if !batch.is_empty() {
                return batch;
            }
            self.ring.notified().await;
        }
    }

    /// Gives back the room of frames that are written.
    pub(super) fn written(&self, frames: &[Arc<[u8]>]) {
        let bytes = frames
            .iter()
            .fold(0_usize, |sum, frame| sum.saturating_add(cost(frame)));
        let mut waiting = self.waiting.lock();
        waiting.held_bytes = waiting.held_bytes.saturating_sub(bytes);
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.waiting.lock().held_bytes
    }

    fn take_batch(&self) -> Vec<Arc<[u8]>> {
        let mut waiting = self.waiting.lock();
        let mut batch = Vec::new();
        let mut bytes = 0_usize;
        while bytes < BATCH_BYTES {
            let Some(frame) = waiting.frames.pop_front() else {
                break;
            };
            bytes = bytes.saturating_add(cost(&frame));
            batch.push(frame);
        }
        batch
    }
}

/// What a frame costs in the accounts of a lane.
pub(super) fn cost(frame: &[u8]) -> usize {
    frame.len().saturating_add(FRAME_COST_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use proptest::prelude::*;

    fn frame(bytes: usize) -> Arc<[u8]> {
        vec![0; bytes].into()
    }

    #[test]
    fn frames_are_held_until_they_are_written_not_until_they_are_taken() {
        let queue = Queue::new(2 * (100 + FRAME_COST_BYTES));
        queue.push(frame(100)).unwrap();
        queue.push(frame(100)).unwrap();
        assert_eq!(queue.push(frame(0)), Err(SendError::Full));
        let batch = queue.next().now_or_never().unwrap();
        assert_eq!(batch.len(), 2);
        assert_eq!(queue.push(frame(0)), Err(SendError::Full));
        queue.written(&batch);
        assert_eq!(queue.held_bytes(), 0);
        queue.push(frame(0)).unwrap();
    }

    #[test]
    fn who_waits_for_a_frame_gets_it() {
        let queue = Queue::new(1_000);
        assert!(queue.next().now_or_never().is_none());
        queue.push(frame(1)).unwrap();
        assert_eq!(queue.next().now_or_never().unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn what_is_held_stays_within_the_limit_and_order_is_kept(
            steps in prop::collection::vec(prop::option::of(0_usize..20_000), 1..100),
        ) {
            let queue = Queue::new(50_000);
            let (mut pushed, mut taken) = (Vec::new(), Vec::new());
            for step in steps {
                if let Some(bytes) = step {
                    if queue.push(frame(bytes)).is_ok() {
                        pushed.push(bytes);
                    }
                } else {
                    let batch = queue.take_batch();
                    taken.extend(batch.iter().map(|frame| frame.len()));
                    queue.written(&batch);
                }
                prop_assert!(queue.held_bytes() <= 50_000);
                prop_assert!(pushed.starts_with(&taken));
            }
        }
    }
}
