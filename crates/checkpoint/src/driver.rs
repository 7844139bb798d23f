//! The core with its ports, without a thread: what a worker and a simulation drive.

use crate::checkpoint_core::{CheckpointCore, OpenCheckpoint, Output, Unsigned, Validators};
use crate::lookout::Lookout;
use crate::{
    ChainStep, CheckpointArchive, CheckpointError, CheckpointMessage, CheckpointNetwork, Config,
    MAX_STEPS,
};
use parking_lot::Mutex;
use picot_clock::{Clock, Slot, SlotClock, Timestamp};
use picot_consensus::{Peer, PeerFault, Verifier};
use picot_models::{Address, Checkpoint, CheckpointCertificate, PublicKey, ValidatorSet};
use picot_pool::Pool;
use picot_selector::Selector;
use picot_serialization::Encode;
use picot_wallet::{ClaimKind, SignRequest, Wallet, WalletError};
use std::collections::VecDeque;
use std::sync::Arc;
use tracing::{debug, info, warn};

/// Checkpoints in the archive that are looked at for some to open: more than ever are open.
const MAX_LOOKED_AT: usize = 1_024;
/// Signatures that are asked of the wallet at once.
const MAX_SIGNED_TOGETHER: usize = 256;

/// Everything that gathering uses.
pub struct CheckpointPorts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The draws, which tell the validators.
    pub selector: Arc<dyn Selector>,
    /// Our keys.
    pub wallet: Arc<dyn Wallet>,
    /// What takes evidence.
    pub pool: Arc<dyn Pool>,
    /// Other nodes.
    pub network: Arc<dyn CheckpointNetwork>,
    /// What verifies signatures.
    pub verifier: Box<dyn Verifier>,
}

/// The validators of a cycle from the selector, or from the archive if the selector has forgotten them.
pub struct KnownValidators {
    selector: Arc<dyn Selector>,
    archive: CheckpointArchive,
    /// The last answer of the archive, which is asked about one cycle many times.
    found: Mutex<Option<Arc<ValidatorSet>>>,
}

impl KnownValidators {
    /// Of a chain.
    #[must_use]
    pub fn new(selector: Arc<dyn Selector>, archive: CheckpointArchive) -> Self {
        Self {
            selector,
            archive,
            found: Mutex::default(),
        }
    }
}

impl Validators for KnownValidators {
    fn of_cycle(&self, cycle: u64) -> Option<Arc<ValidatorSet>> {
        match self.selector.voting_power(cycle) {
            Ok(validators) => return Some(validators),
            Err(error) if error.is_not_known_yet() => return None,
            Err(error) => debug!(%error, cycle, "the archive is asked for validators"),
        }
        let mut found = self.found.lock();
        if let Some(found) = found.as_ref().filter(|found| found.cycle() == cycle) {
            return Some(Arc::clone(found));
        }
        let sets = self.archive.sets(cycle).ok().flatten()?;
        let set = Arc::clone(sets.of_cycle(cycle)?.validators());
        *found = Some(Arc::clone(&set));
        Some(set)
    }
}

/// Drives a [`CheckpointCore`]: reads what was reached from the archive, signs through the wallet, sends
/// through the network, keeps what is certified. Without a thread; blocks for as long as the wallet and
/// the archive take.
pub struct CheckpointDriver {
    core: CheckpointCore,
    config: Config,
    slot_clock: SlotClock,
    archive: CheckpointArchive,
    clock: Arc<dyn Clock>,
    wallet: Arc<dyn Wallet>,
    pool: Arc<dyn Pool>,
    network: Arc<dyn CheckpointNetwork>,
    keys: Vec<(Address, PublicKey)>,
    /// Certified, and not yet in the archive.
    unkept: VecDeque<CheckpointCertificate>,
    /// Given up, and still in the archive.
    given_up: Vec<Slot>,
    /// Got a certificate, which is kept, since this was told last.
    certified: Vec<Checkpoint>,
    /// What looks past this node's own state, if anything does.
    lookout: Option<Lookout>,
}

impl CheckpointDriver {
    /// Goes on from what the archive has; `latest` is the slot of this node's final state.
    ///
    /// # Errors
    /// The genesis makes no chain.
    pub fn new(
        config: Config,
        archive: CheckpointArchive,
        ports: CheckpointPorts,
        latest: Slot,
    ) -> Result<Self, CheckpointError> {
        let CheckpointPorts {
            clock,
            selector,
            wallet,
            pool,
            network,
            verifier,
        } = ports;
        let genesis = Arc::clone(archive.genesis());
        let validators = Arc::new(KnownValidators::new(selector, archive.clone()));
        Ok(Self {
            core: CheckpointCore::new(&genesis, config.clone(), validators, verifier, latest),
            config,
            slot_clock: genesis.slot_clock()?,
            archive,
            clock,
            wallet,
            pool,
            network,
            keys: Vec::new(),
            unkept: VecDeque::new(),
            given_up: Vec::new(),
            certified: Vec::new(),
            lookout: None,
        })
    }

    /// The slots whose signatures are being gathered.
    #[must_use]
    pub fn open(&self) -> Vec<OpenCheckpoint> {
        self.core.open()
    }

    /// Begins, or ends, to look past this node's own state for what others have certified: of use to a
    /// node that seems to be left behind.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], [`CheckpointError::Damaged`], [`CheckpointError::Genesis`]: the chain
    /// that is kept cannot be followed on.
    pub fn look_out(&mut self, is_on: bool) -> Result<(), CheckpointError> {
        if is_on != self.lookout.is_some() {
            let follower = is_on.then(|| self.archive.follower()).transpose()?;
            let now = self.clock.now();
            self.lookout = follower.map(|follower| Lookout::new(follower, now));
        }
        Ok(())
    }

    /// While it [looks out](Self::look_out): the newest slot of which it has seen a valid certificate on
    /// the chain of certificates. Whatever peers say of themselves, others have decided up to there.
    #[must_use]
    pub fn certified_elsewhere(&self) -> Option<Slot> {
        self.lookout.as_ref().map(Lookout::certified)
    }

    /// When it wants to be driven next without a cause.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let of_lookout = self.lookout.as_ref().map(Lookout::wake_at);
        let of_core = self.core.wake_at(self.clock.now());
        of_core.into_iter().chain(of_lookout).min()
    }

    /// Takes up what execution reached, signs what is to be signed, and does what is due. Gives what
    /// got its certificate.
    ///
    /// # Errors
    /// [`CheckpointError::Diverged`], for good; [`CheckpointError::Store`],
    /// [`CheckpointError::Damaged`]: nothing is lost, and it may be tried again.
    pub fn drive(&mut self) -> Result<Vec<Checkpoint>, CheckpointError> {
        self.take_up()?;
        self.core.tick(self.clock.now());
        self.execute()?;
        self.sign();
        self.execute()?;
        let lookout = self.lookout.as_mut();
        if let Some(question) = lookout.and_then(|it| it.question(self.clock.now())) {
            self.network.ask(Arc::new(question));
        }
        Ok(std::mem::take(&mut self.certified))
    }

    /// A message of another node. What it makes necessary is done with the next [`drive`](Self::drive).
    ///
    /// # Errors
    /// The archive cannot be read for an answer.
    pub fn deliver(
        &mut self,
        from: Peer,
        message: &CheckpointMessage,
    ) -> Result<(), CheckpointError> {
        match message {
            CheckpointMessage::Signatures(signatures) => {
                self.core.signatures(from, signatures, self.clock.now());
            }
            CheckpointMessage::Steps { steps, .. } => {
                self.core.steps(from, steps);
                self.look_at(from, steps);
            }
            CheckpointMessage::GetSteps { after } => self.answer(from, *after)?,
        }
        Ok(())
    }

    fn look_at(&mut self, from: Peer, steps: &[ChainStep]) {
        let now = self.clock.now();
        let Some(lookout) = &mut self.lookout else {
            return;
        };
        if let Err(error) = lookout.steps(steps, now) {
            debug!(%error, "a peer sent a wrong step of the chain of certificates");
            self.network.blame(from, PeerFault::BadCertificate);
        }
    }

    /// What is certified, and the signatures of what is not yet.
    fn answer(&self, to: Peer, after: Slot) -> Result<(), CheckpointError> {
        let bytes = self.config.answer_bytes;
        let steps = self.archive.steps_after(after, MAX_STEPS, bytes)?;
        self.send(to, CheckpointMessage::Steps { after, steps });
        let signatures = self.core.signatures_after(after);
        if !signatures.is_empty() {
            self.send(to, CheckpointMessage::Signatures(signatures));
        }
        Ok(())
    }

    fn send(&self, to: Peer, message: CheckpointMessage) {
        self.network.send(to, Arc::new(message));
    }

    /// Opens the slots that were reached and are not certified, oldest first, while there is room.
    fn take_up(&mut self) -> Result<(), CheckpointError> {
        let reached = self.archive.uncertified(MAX_LOOKED_AT)?;
        let newest = self.archive.last_uncertified()?;
        let now = self.clock.now();
        // The newest first: it says which ones are superseded.
        for checkpoint in newest.into_iter().chain(reached) {
            let slot = checkpoint.slot;
            if self.core.is_superseded(slot) {
                self.given_up.push(slot);
            } else if !self.core.reached(checkpoint, self.is_late(slot, now), now) {
                break;
            }
        }
        Ok(())
    }

    /// Whether others are likely to have certified a slot long ago.
    fn is_late(&self, slot: Slot, now: Timestamp) -> bool {
        let interval = self.archive.genesis().params.checkpoint_interval_periods;
        let later = Slot::new(slot.period.saturating_add(interval), slot.thread);
        let due = self.slot_clock.start_of(later);
        due.is_ok_and(|due| due < now)
    }

    fn sign(&mut self) {
        self.update_keys();
        let unsigned = self.core.unsigned(&self.keys, self.clock.now());
        for part in unsigned.chunks(MAX_SIGNED_TOGETHER) {
            let requests: Vec<SignRequest> = part.iter().map(request).collect();
            let results = self.wallet.sign_claimed(&requests);
            for (unsigned, result) in part.iter().zip(results) {
                let slot = unsigned.prepared.content().slot;
                match result {
                    Ok(signature) => self.core.signed(unsigned.prepared.clone().seal(signature)),
                    Err(error @ (WalletError::NotSafe { .. } | WalletError::Refused { .. })) => {
                        warn!(%error, %slot, "a checkpoint is not signed");
                        self.core.refused(slot, unsigned.address);
                    }
                    Err(error) => debug!(%error, %slot, "a checkpoint cannot be signed now"),
                }
            }
        }
    }

    fn update_keys(&mut self) {
        let addresses = self.wallet.addresses();
        if self.keys.iter().map(|(address, _)| address).eq(&addresses) {
            return;
        }
        let key = |address: Address| Some((address, self.wallet.public_key(&address)?));
        self.keys = addresses.into_iter().filter_map(key).collect();
    }

    fn execute(&mut self) -> Result<(), CheckpointError> {
        let mut diverged = None;
        for output in self.core.take_outputs() {
            match output {
                Output::Broadcast(message) => self.network.broadcast(Arc::new(message)),
                Output::Relay { from, message } => self.network.relay(from, Arc::new(message)),
                Output::Ask(message) => self.network.ask(Arc::new(message)),
                Output::Certified(certificate) => self.unkept.push_back(certificate),
                Output::GaveUp(slots) => self.given_up.extend(slots),
                Output::Evidence(fault) => {
                    for refused in self.pool.add_denunciations(vec![fault]) {
                        if let Err(error) = refused {
                            debug!(%error, "the pool refuses evidence");
                        }
                    }
                }
                Output::Blame { peer, fault } => self.network.blame(peer, fault),
                Output::Diverged { own, certified, .. } => {
                    diverged = Some(CheckpointError::diverged(&own, &certified));
                }
            }
        }
        self.keep()?;
        diverged.map_or(Ok(()), Err)
    }

    /// Keeps what is to be kept; what cannot be stays to be tried again.
    fn keep(&mut self) -> Result<(), CheckpointError> {
        while let Some(certificate) = self.unkept.front() {
            self.archive.certify(certificate)?;
            let kept = self.unkept.pop_front();
            let signatures = kept.map(|kept| kept.signatures).unwrap_or_default();
            let signers = signatures.len();
            if let Some(first) = signatures.into_iter().next() {
                info!(slot = %first.content.slot, signers, "a checkpoint is certified");
                self.certified.push(first.content);
            }
        }
        if !self.given_up.is_empty() {
            let count = self.given_up.len();
            debug!(count, "checkpoints inside cycles are given up");
            self.archive.give_up(&self.given_up)?;
            self.given_up.clear();
        }
        Ok(())
    }
}

fn request(unsigned: &Unsigned) -> SignRequest {
    let content = unsigned.prepared.content();
    SignRequest {
        address: unsigned.address,
        kind: ClaimKind::Checkpoint,
        slot: content.slot,
        round: 0,
        id: *unsigned.prepared.id().as_hash(),
        payload: content.to_bytes(),
    }
}
