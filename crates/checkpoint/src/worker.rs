//! The thread around the driver, and what others read of it.

use crate::checkpoint_core::OpenCheckpoint;
use crate::{
    CheckpointArchive, CheckpointDriver, CheckpointError, CheckpointInbox, CheckpointKeeper,
    CheckpointMessage, CheckpointPorts, Config,
};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select};
use parking_lot::{Mutex, RwLock};
use picot_clock::{Clock, Slot};
use picot_consensus::Peer;
use picot_models::{CheckpointCertificate, CheckpointHash};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tracing::{error, warn};

/// Messages that wait; more are dropped.
const QUEUE_LEN: usize = 1_024;
/// Messages that are taken together.
const MAX_TOGETHER: usize = 256;
/// The longest sleep before keys and the clock are looked at again.
const MAX_SLEEP: Duration = Duration::from_millis(500);
/// The shortest: what is due is done together.
const MIN_SLEEP: Duration = Duration::from_millis(5);

/// Where checkpoints are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckpointSummary {
    /// The newest certificate.
    pub certified: Option<CheckpointCertificate>,
    /// The slots whose signatures are being gathered, ascending.
    pub open: Vec<OpenCheckpoint>,
}

/// What can be read of checkpoints, from any thread at any time.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Checkpoints: Send + Sync {
    /// Where checkpoints are now.
    ///
    /// # Errors
    /// The archive cannot be read.
    fn summary(&self) -> Result<CheckpointSummary, CheckpointError>;

    /// The certificate of a slot.
    ///
    /// # Errors
    /// The archive cannot be read.
    fn certificate(&self, slot: Slot) -> Result<Option<CheckpointCertificate>, CheckpointError>;

    /// The certificate of the checkpoint with this hash.
    ///
    /// # Errors
    /// The archive cannot be read.
    fn certificate_of(
        &self,
        hash: &CheckpointHash,
    ) -> Result<Option<CheckpointCertificate>, CheckpointError>;
}

enum Command {
    Message(Peer, Arc<CheckpointMessage>),
    LookOut(bool),
    Stop,
}

/// A [`CheckpointDriver`] on a thread of its own. It stops when dropped.
pub struct CheckpointWorker {
    archive: CheckpointArchive,
    commands: Sender<Command>,
    open: Arc<RwLock<Vec<OpenCheckpoint>>>,
    elsewhere: Arc<RwLock<Option<Slot>>>,
    failures: Receiver<CheckpointError>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl CheckpointWorker {
    /// Goes on from what a keeper has kept, on a new thread; `latest` is the slot of this node's final
    /// state.
    ///
    /// # Errors
    /// The genesis makes no chain, the system gives no thread.
    pub fn start(
        config: Config,
        keeper: &CheckpointKeeper,
        ports: CheckpointPorts,
        latest: Slot,
    ) -> Result<Self, CheckpointError> {
        let (archive, woken) = (keeper.archive().clone(), keeper.woken());
        let (commands, queue) = bounded(QUEUE_LEN);
        let (failure, failures) = bounded(1);
        let open = Arc::new(RwLock::new(Vec::new()));
        let elsewhere = Arc::new(RwLock::new(None));
        let clock = Arc::clone(&ports.clock);
        let shell = Shell {
            driver: CheckpointDriver::new(config, archive.clone(), ports, latest)?,
            clock,
            queue,
            woken,
            open: Arc::clone(&open),
            elsewhere: Arc::clone(&elsewhere),
            failure,
        };
        let thread = std::thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || shell.run())
            .map_err(|error| CheckpointError::Stopped(format!("no thread: {error}")))?;
        Ok(Self {
            archive,
            commands,
            open,
            elsewhere,
            failures,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Where the reason is sent when this node's state turns out to be wrong: the node stops then.
    #[must_use]
    pub fn failures(&self) -> Receiver<CheckpointError> {
        self.failures.clone()
    }

    /// Begins, or ends, to look past this node's own state for what others have certified
    /// ([`CheckpointDriver::look_out`]). Never blocks; told again if it is to be sure.
    pub fn look_out(&self, is_on: bool) {
        // While too much waits it is told again; of a thread that has ended nobody expects anything.
        let _ = self.commands.try_send(Command::LookOut(is_on));
    }

    /// The newest slot that is certified elsewhere, by proof ([`CheckpointDriver::certified_elsewhere`]).
    #[must_use]
    pub fn certified_elsewhere(&self) -> Option<Slot> {
        *self.elsewhere.read()
    }

    /// Ends the thread.
    pub fn stop(&self) {
        if let Some(thread) = self.thread.lock().take() {
            // If it has ended, nobody listens.
            let _ = self.commands.send(Command::Stop);
            if thread.join().is_err() {
                error!("the thread of checkpoints panicked");
            }
        }
    }
}

impl Drop for CheckpointWorker {
    fn drop(&mut self) {
        self.stop();
    }
}

impl CheckpointInbox for CheckpointWorker {
    fn deliver(&self, from: Peer, message: Arc<CheckpointMessage>) {
        match self.commands.try_send(Command::Message(from, message)) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => {
                tracing::debug!("a message about checkpoints is dropped: too many wait");
            }
        }
    }
}

impl Checkpoints for CheckpointWorker {
    fn summary(&self) -> Result<CheckpointSummary, CheckpointError> {
        Ok(CheckpointSummary {
            certified: self.archive.last_certificate()?,
            open: self.open.read().clone(),
        })
    }

    fn certificate(&self, slot: Slot) -> Result<Option<CheckpointCertificate>, CheckpointError> {
        self.archive.certificate(slot)
    }

    fn certificate_of(
        &self,
        hash: &CheckpointHash,
    ) -> Result<Option<CheckpointCertificate>, CheckpointError> {
        self.archive.certificate_of(hash)
    }
}

/// What the thread owns.
struct Shell {
    driver: CheckpointDriver,
    clock: Arc<dyn Clock>,
    queue: Receiver<Command>,
    woken: Receiver<()>,
    open: Arc<RwLock<Vec<OpenCheckpoint>>>,
    elsewhere: Arc<RwLock<Option<Slot>>>,
    failure: Sender<CheckpointError>,
}

impl Shell {
    fn run(mut self) {
        loop {
            match self.driver.drive() {
                Ok(_) => {}
                Err(error @ CheckpointError::Diverged { .. }) => {
                    error!(%error, "this node must not go on");
                    // The channel has room for one, and nothing else is ever sent.
                    let _ = self.failure.try_send(error);
                    return;
                }
                Err(error) => warn!(%error, "checkpoints wait"),
            }
            *self.open.write() = self.driver.open();
            *self.elsewhere.write() = self.driver.certified_elsewhere();
            if !self.gather() {
                return;
            }
        }
    }

    fn sleep(&self) -> Duration {
        let Some(at) = self.driver.wake_at() else {
            return MAX_SLEEP;
        };
        let left = at.since(self.clock.now()).map_or(MIN_SLEEP, Duration::from);
        left.clamp(MIN_SLEEP, MAX_SLEEP)
    }

    /// Waits for a cause to go on, and takes what else is there. False if it is time to end.
    fn gather(&mut self) -> bool {
        let first = select! {
            recv(self.queue) -> command => command.ok(),
            recv(self.woken) -> _ => None,
            default(self.sleep()) => None,
        };
        let more: Vec<Command> = self.queue.try_iter().take(MAX_TOGETHER).collect();
        for command in first.into_iter().chain(more) {
            match command {
                Command::Message(from, message) => {
                    if let Err(error) = self.driver.deliver(from, &message) {
                        warn!(%error, "a question about checkpoints is not answered");
                    }
                }
                Command::LookOut(is_on) => {
                    if let Err(error) = self.driver.look_out(is_on) {
                        warn!(%error, "what others have certified cannot be looked for");
                    }
                }
                Command::Stop => return false,
            }
        }
        true
    }
}
