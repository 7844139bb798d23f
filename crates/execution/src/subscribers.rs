//! Who watches final slots.

use crate::SlotOutput;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use parking_lot::Mutex;
use std::sync::Arc;

/// The readers of final slots, each with a bounded queue.
#[derive(Debug)]
pub(crate) struct Subscribers {
    queued_outputs: usize,
    senders: Mutex<Vec<Sender<Arc<SlotOutput>>>>,
}

impl Subscribers {
    pub(crate) fn new(queued_outputs: usize) -> Self {
        Self {
            queued_outputs,
            senders: Mutex::default(),
        }
    }

    pub(crate) fn subscribe(&self) -> Receiver<Arc<SlotOutput>> {
        let (sender, receiver) = bounded(self.queued_outputs);
        self.senders.lock().push(sender);
        receiver
    }

    /// Sends to all; never waits. A reader whose queue is full sees a gap later.
    pub(crate) fn publish(&self, outputs: &[Arc<SlotOutput>]) {
        let mut senders = self.senders.lock();
        for output in outputs {
            senders.retain(|sender| {
                !matches!(
                    sender.try_send(Arc::clone(output)),
                    Err(TrySendError::Disconnected(_))
                )
            });
        }
    }
}
