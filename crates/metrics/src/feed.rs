//! The thread that hears what happens in consensus and execution.

use crate::MetricsError;
use crate::events::{EventMetrics, Stream};
use crossbeam_channel::{Receiver, Select, never};
use picot_clock::{Clock, Stop};
use picot_consensus::{Consensus, ConsensusEvent};
use picot_execution::{Execution, SlotOutput};
use picot_wallet::Wallet;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How often a stop is looked for while nothing happens.
const STOP_INTERVAL: Duration = Duration::from_millis(50);

/// Feeds what happens to the counters.
pub(crate) struct Feed {
    pub(crate) events: Arc<EventMetrics>,
    pub(crate) consensus: Arc<dyn Consensus>,
    pub(crate) execution: Arc<dyn Execution>,
    pub(crate) wallet: Arc<dyn Wallet>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The two streams.
struct Streams {
    decisions: Receiver<ConsensusEvent>,
    finals: Receiver<Arc<SlotOutput>>,
}

impl Feed {
    /// Listens on a thread of its own until it is stopped.
    pub(crate) fn run(self, stop: Stop) -> Result<JoinHandle<()>, MetricsError> {
        // Before the thread runs: what happens from now on is not missed.
        let mut streams = Streams {
            decisions: self.consensus.subscribe(),
            finals: self.execution.subscribe(),
        };
        std::thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || {
                while !stop.is_stopped() {
                    self.step(&mut streams, &stop);
                }
            })
            .map_err(MetricsError::Thread)
    }

    /// Waits for something to happen, and counts it.
    fn step(&self, streams: &mut Streams, stop: &Stop) {
        let mut select = Select::new();
        let decisions = select.recv(&streams.decisions);
        select.recv(&streams.finals);
        let Ok(ready) = select.select_timeout(STOP_INTERVAL) else {
            return;
        };
        if ready.index() == decisions {
            match ready.recv(&streams.decisions) {
                Ok(event) => self.decided(&event),
                Err(_) => streams.decisions = self.cut_off(stop),
            }
        } else {
            match ready.recv(&streams.finals) {
                Ok(output) => self.events.finished(&output, self.clock.now()),
                // Execution has ended.
                Err(_) => streams.finals = never(),
            }
        }
    }

    fn decided(&self, event: &ConsensusEvent) {
        let is_own = |who: &_| self.wallet.addresses().contains(who);
        self.events.happened(event, is_own);
    }

    /// Consensus has ended, or has cut this reader off for being slow.
    fn cut_off(&self, stop: &Stop) -> Receiver<ConsensusEvent> {
        if stop.pause(picot_clock::Millis(50)) {
            return never();
        }
        self.events.count_lost(Stream::Consensus, 1);
        self.consensus.subscribe()
    }
}
