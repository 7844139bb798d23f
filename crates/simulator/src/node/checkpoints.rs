//! Checkpoints of a node: its real driver, run by hand.

use super::{Effect, Node, Start, reason};
use crate::SimError;
use crate::wallet::SimWallet;
use crossbeam_channel::Receiver;
use parking_lot::Mutex;
use picot_checkpoint::{
    CheckpointArchive, CheckpointDriver, CheckpointKeeper, CheckpointMessage, CheckpointNetwork,
    CheckpointPorts, Config,
};
use picot_clock::{Clock, ManualClock, Millis};
use picot_consensus::{Peer, PeerFault};
use picot_execution::ExecutionCore;
use picot_models::Slot;
use picot_pool::Pool;
use picot_protocol::{CheckpointWord, Input as Word};
use picot_selector::Selector;
use std::sync::Arc;

/// The longest wait until signatures are sent again: runs are short.
const MAX_RESEND: Millis = Millis(8_000);

/// What the driver said since it was asked last.
#[derive(Default)]
struct Said(Mutex<Vec<Word>>);

impl Said {
    fn say(&self, word: CheckpointWord) {
        self.0.lock().push(Word::Checkpoint(word));
    }
}

impl CheckpointNetwork for Said {
    fn broadcast(&self, message: Arc<CheckpointMessage>) {
        self.say(CheckpointWord::Broadcast(message));
    }

    fn relay(&self, from: Peer, message: Arc<CheckpointMessage>) {
        self.say(CheckpointWord::Relay { from, message });
    }

    fn send(&self, to: Peer, message: Arc<CheckpointMessage>) {
        self.say(CheckpointWord::Send { to, message });
    }

    fn ask(&self, message: Arc<CheckpointMessage>) {
        self.say(CheckpointWord::Ask(message));
    }

    fn blame(&self, peer: Peer, fault: PeerFault) {
        self.0.lock().push(Word::Blame { peer, fault });
    }
}

/// What a node gathers with.
pub(super) struct Checkpoints {
    pub(super) driver: CheckpointDriver,
    pub(super) archive: CheckpointArchive,
    woken: Receiver<()>,
    said: Arc<Said>,
    clock: ManualClock,
}

impl Checkpoints {
    /// Watches the core, which is at its last final slot, and goes on from the disk.
    pub(super) fn start(
        start: &Start<'_>,
        store: Arc<dyn picot_checkpoint::CheckpointStore>,
        core: &mut ExecutionCore,
        (clock, selector): (&ManualClock, &Arc<dyn Selector>),
        (wallet, pool): (&Arc<SimWallet>, &Arc<dyn Pool>),
    ) -> Result<Self, SimError> {
        let wrong = |error: &dyn std::error::Error| SimError::Part {
            node: start.index,
            reason: reason(error),
        };
        let archive = CheckpointArchive::new(store, Arc::new(start.genesis.clone()));
        let keeper = Arc::new(CheckpointKeeper::new(archive.clone()));
        let woken = keeper.woken();
        let watched = core.watch_checkpoints(keeper);
        watched.map_err(|error| wrong(&error))?;
        let said = Arc::new(Said::default());
        let ports = CheckpointPorts {
            clock: Arc::new(clock.clone()),
            selector: Arc::clone(selector),
            wallet: Arc::clone(wallet) as _,
            pool: Arc::clone(pool),
            network: Arc::clone(&said) as _,
            verifier: Box::new(start.verifier.clone()),
        };
        let config = Config {
            max_resend: MAX_RESEND,
            ..Config::default()
        };
        let latest = core.last_final_slot();
        let driver = CheckpointDriver::new(config, archive.clone(), ports, latest);
        Ok(Self {
            driver: driver.map_err(|error| wrong(&error))?,
            archive,
            woken,
            said,
            clock: clock.clone(),
        })
    }

    /// When it wants to be driven next.
    pub(super) fn wake_at(&self) -> Option<picot_clock::Timestamp> {
        self.driver.wake_at()
    }

    /// What it said, in order.
    pub(super) fn take_said(&self) -> Vec<Word> {
        std::mem::take(&mut self.said.0.lock())
    }

    /// The oldest checkpoint that waits for its certificate: claims from there on are of use.
    pub(super) fn oldest_open(&self) -> Option<Slot> {
        let oldest = self.archive.uncertified(1).ok()?;
        oldest.first().map(|checkpoint| checkpoint.slot)
    }

    fn is_due(&self) -> bool {
        let now = self.clock.now();
        let is_woken = self.woken.try_recv().is_ok();
        is_woken || self.driver.wake_at().is_some_and(|at| at <= now)
    }
}

impl Node {
    /// Signs and gathers what there is to be, if anything is.
    pub(super) fn gather(&mut self) {
        if !self.fuse.is_blown() && self.checkpoints.is_due() {
            self.drive_checkpoints();
        }
    }

    fn drive_checkpoints(&mut self) {
        match self.checkpoints.driver.drive() {
            Ok(certified) => self
                .effects
                .extend(certified.into_iter().map(Effect::Certified)),
            Err(_) if self.fuse.is_blown() => {}
            Err(error) => {
                let text = format!("checkpoints stop: {}", reason(&error));
                self.effects.push(Effect::Broken(text));
            }
        }
    }

    /// A peer said something about checkpoints.
    pub(super) fn heed_checkpoint(&mut self, from: Peer, message: &CheckpointMessage) {
        match self.checkpoints.driver.deliver(from, message) {
            Ok(()) => self.drive_checkpoints(),
            Err(error) => self.effects.push(Effect::Broken(reason(&error))),
        }
    }
}
