//! Gathering of signatures into certificates: a state machine without I/O.

use crate::certificate::check_power;
use crate::gathering::{Accepted, Admission, Gathering, Waiting};
use crate::message::MAX_SIGNATURES;
use crate::{ChainStep, CheckpointMessage, Config};
use picot_clock::{Millis, Slot, Timestamp};
use picot_consensus::{Peer, PeerFault, Verifier};
use picot_models::{
    Address, ChainId, ChainParams, Checkpoint, CheckpointCertificate, Denunciation, Envelope,
    Genesis, Prepared, PublicKey, Signed, SignedCheckpoint, ValidatorSet,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who validates in a cycle, if that is known.
///
/// Asked on the thread that gathers. An answer never changes.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Validators: Send + Sync {
    /// The validators of a cycle; `None` if they are not known yet, or not any more.
    fn of_cycle(&self, cycle: u64) -> Option<Arc<ValidatorSet>>;
}

/// What is to be done outside, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send to all.
    Broadcast(CheckpointMessage),
    /// Pass on what a peer sent and is well signed.
    Relay {
        /// Who sent it.
        from: Peer,
        /// What.
        message: CheckpointMessage,
    },
    /// Ask whoever is likely to know.
    Ask(CheckpointMessage),
    /// Keep a certificate, which is verified.
    Certified(CheckpointCertificate),
    /// Forget checkpoints inside a cycle that got no certificate.
    GaveUp(Vec<Slot>),
    /// Hand over the proof of a fault.
    Evidence(Arc<Denunciation>),
    /// A peer sent what no honest node sends.
    Blame {
        /// Who.
        peer: Peer,
        /// What.
        fault: PeerFault,
    },
    /// More than two thirds of the stake certify another state than this node's: it is wrong.
    Diverged {
        /// The slot.
        slot: Slot,
        /// What this node's state says.
        own: Box<Checkpoint>,
        /// What is certified.
        certified: Box<Checkpoint>,
    },
}

/// A checkpoint that one of our keys is to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    /// Who signs.
    pub address: Address,
    /// What.
    pub prepared: Prepared<Checkpoint>,
}

/// How far the certificate of a slot is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCheckpoint {
    /// The slot.
    pub slot: Slot,
    /// What this node's state says; `None` if it has not come there yet.
    pub own: Option<Checkpoint>,
    /// The power whose signature of that is here.
    pub power: u64,
    /// All power.
    pub total_power: u64,
}

/// Gathers the signatures of checkpoints into certificates (design 10, 'Checkpoints').
///
/// It is told what this node's state reached and what others signed, with the time, and says what to
/// send, keep and sign. It holds a bounded number of slots, and of each slot at most two signatures of
/// each validator.
pub struct CheckpointCore {
    config: Config,
    chain_id: ChainId,
    params: ChainParams,
    validators: Arc<dyn Validators>,
    verifier: Box<dyn Verifier>,
    /// The newest checkpoint that this node's state reached; the genesis before the first.
    latest: Slot,
    open: BTreeMap<Slot, Gathering>,
    closed: BTreeMap<Slot, Gathering>,
    unverified: usize,
    verify_at: Option<Timestamp>,
    outputs: Vec<Output>,
}

impl CheckpointCore {
    /// A core that has reached nothing; `latest` is the slot of this node's final state.
    #[must_use]
    pub fn new(
        genesis: &Genesis,
        config: Config,
        validators: Arc<dyn Validators>,
        verifier: Box<dyn Verifier>,
        latest: Slot,
    ) -> Self {
        Self {
            config,
            chain_id: genesis.chain_id(),
            params: genesis.params.clone(),
            validators,
            verifier,
            latest,
            open: BTreeMap::new(),
            closed: BTreeMap::new(),
            unverified: 0,
            verify_at: None,
            outputs: Vec::new(),
        }
    }

    /// What is to be done since it was asked last.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// The slots whose signatures are being gathered, ascending.
    #[must_use]
    pub fn open(&self) -> Vec<OpenCheckpoint> {
        let of_slot = |(slot, gathering): (&Slot, &Gathering)| {
            let (power, total_power) = gathering.progress();
            OpenCheckpoint {
                slot: *slot,
                own: gathering.own.clone(),
                power,
                total_power,
            }
        };
        self.open.iter().map(of_slot).collect()
    }

    /// Whether a checkpoint inside a cycle is so old that newer ones have taken its place. One at the
    /// end of a cycle never is: the chain leads over it.
    #[must_use]
    pub fn is_superseded(&self, slot: Slot) -> bool {
        let kept = self.intervals(self.config.intervals_kept);
        !self.params.ends_cycle(slot) && slot.period.saturating_add(kept) < self.latest.period
    }

    /// This node's state reached a checkpoint; `late` if that was long after its time, so that it is
    /// likely to be certified already. False if too many slots are open: it is to be told again later.
    pub fn reached(&mut self, checkpoint: Checkpoint, late: bool, now: Timestamp) -> bool {
        let slot = checkpoint.slot;
        self.latest = self.latest.max(slot);
        if let Some(closed) = self.closed.get(&slot) {
            let certified = closed.certificate().and_then(content);
            self.compare(&checkpoint, certified);
            return true;
        }
        if !self.open.contains_key(&slot) && !self.open_slot(slot) {
            return false;
        }
        let resend = self.config.resend;
        let late_wait = if late {
            self.config.late_wait
        } else {
            Millis::ZERO
        };
        if let Some(gathering) = self.open.get_mut(&slot)
            && gathering.own.is_none()
        {
            gathering.own = Some(checkpoint);
            gathering.sign_at = after(now, late_wait);
            gathering.resend_at = if late { now } else { after(now, resend) };
        }
        true
    }

    /// What our keys are to sign now. Each is to be answered by [`signed`](Self::signed) or
    /// [`refused`](Self::refused); without an answer it is said again.
    #[must_use]
    pub fn unsigned(&self, keys: &[(Address, PublicKey)], now: Timestamp) -> Vec<Unsigned> {
        let mut unsigned = Vec::new();
        for gathering in self.open.values() {
            let Some(own) = gathering.own.as_ref().filter(|_| gathering.sign_at <= now) else {
                continue;
            };
            for (address, key) in keys {
                if gathering.validators.power_of(address) > 0
                    && !gathering.settled.contains(address)
                {
                    unsigned.push(Unsigned {
                        address: *address,
                        prepared: Signed::prepare(own.clone(), *key, &self.chain_id),
                    });
                }
            }
        }
        unsigned
    }

    /// One of our keys signed a checkpoint, durably claimed.
    pub fn signed(&mut self, signed: SignedCheckpoint) {
        let (slot, address) = (signed.content().slot, signed.signer_address());
        let envelope = signed.into_envelope();
        let Some(gathering) = self.open.get_mut(&slot) else {
            return;
        };
        gathering.settled.insert(address);
        gathering.accept(address, envelope.clone());
        let message = CheckpointMessage::Signatures(vec![envelope]);
        self.outputs.push(Output::Broadcast(message));
        self.close_if_certified(slot);
    }

    /// One of our keys may not sign the checkpoint of a slot.
    pub fn refused(&mut self, slot: Slot, address: Address) {
        if let Some(gathering) = self.open.get_mut(&slot) {
            gathering.settled.insert(address);
        }
    }

    /// A peer sent signatures.
    pub fn signatures(&mut self, from: Peer, all: &[Envelope<Checkpoint>], now: Timestamp) {
        for envelope in all {
            let slot = envelope.content.slot;
            if !self.params.is_checkpoint(slot) {
                self.blame(from, PeerFault::Malformed);
                return;
            }
            if self.closed.contains_key(&slot) {
                self.look_for_fault(from, slot, envelope);
                continue;
            }
            if self.open.contains_key(&slot) || (self.is_ahead(slot) && self.open_slot(slot)) {
                self.admit(from, slot, envelope, now);
            }
        }
        if self.unverified >= self.config.collect_at_most {
            self.verify();
        }
    }

    fn admit(&mut self, from: Peer, slot: Slot, envelope: &Envelope<Checkpoint>, now: Timestamp) {
        let mut admission = self.admit_once(from, slot, envelope);
        if admission == Some(Admission::Crowded) {
            self.verify();
            admission = self.admit_once(from, slot, envelope);
        }
        match admission {
            Some(Admission::Waits) => {
                self.unverified = self.unverified.saturating_add(1);
                let due = after(now, self.config.collect);
                self.verify_at.get_or_insert(due);
            }
            Some(Admission::Stranger) => self.blame(from, PeerFault::Malformed),
            Some(Admission::Known | Admission::Crowded) => {}
            // What waited has closed the slot.
            None => self.look_for_fault(from, slot, envelope),
        }
    }

    fn admit_once(
        &mut self,
        from: Peer,
        slot: Slot,
        envelope: &Envelope<Checkpoint>,
    ) -> Option<Admission> {
        let gathering = self.open.get_mut(&slot)?;
        Some(gathering.admit(from, envelope))
    }

    /// Verifies everything that waits in one batch, passes on what is good, and closes what is
    /// certified.
    fn verify(&mut self) {
        self.verify_at = None;
        self.unverified = 0;
        let mut waiting: Vec<(Slot, Address, Waiting)> = Vec::new();
        for (slot, gathering) in &mut self.open {
            let of_slot = gathering.take_unverified().into_iter();
            waiting.extend(of_slot.map(|(address, one)| (*slot, address, one)));
        }
        let entries: Vec<_> = waiting
            .iter()
            .map(|(_, _, one)| one.envelope.batch_entry(&self.chain_id))
            .collect();
        let bad = self.verifier.bad(&entries);
        let mut good: BTreeMap<Peer, Vec<Envelope<Checkpoint>>> = BTreeMap::new();
        for (index, (slot, address, Waiting { from, envelope })) in waiting.into_iter().enumerate()
        {
            if bad.binary_search(&index).is_ok() {
                self.blame(from, PeerFault::BadSignature);
                continue;
            }
            let Some(gathering) = self.open.get_mut(&slot) else {
                continue;
            };
            match gathering.accept(address, envelope.clone()) {
                Accepted::New => good.entry(from).or_default().push(envelope),
                Accepted::Known => {}
                Accepted::Contradiction(other) => {
                    let fault = Denunciation::of_checkpoints(other, envelope);
                    self.outputs.push(Output::Evidence(Arc::new(fault)));
                }
            }
        }
        for (from, envelopes) in good {
            for part in envelopes.chunks(MAX_SIGNATURES) {
                let message = CheckpointMessage::Signatures(part.to_vec());
                self.outputs.push(Output::Relay { from, message });
            }
        }
        let slots: Vec<Slot> = self.open.keys().copied().collect();
        slots
            .into_iter()
            .for_each(|slot| self.close_if_certified(slot));
    }

    /// Who signed something else of a certified slot is denounced.
    fn look_for_fault(&mut self, from: Peer, slot: Slot, envelope: &Envelope<Checkpoint>) {
        let address = Address::of_key(&envelope.signer);
        let closed = self.closed.get(&slot);
        let other = closed.and_then(|closed| closed.signature_of(&address));
        let Some(other) = other.filter(|other| other.content != envelope.content) else {
            return;
        };
        let entry = envelope.batch_entry(&self.chain_id);
        if self.verifier.bad(&[entry]).is_empty() {
            let fault = Denunciation::of_checkpoints(other.clone(), envelope.clone());
            self.outputs.push(Output::Evidence(Arc::new(fault)));
        } else {
            self.blame(from, PeerFault::BadSignature);
        }
    }

    /// A peer answered with certified checkpoints. Those that are not waited for are passed over.
    pub fn steps(&mut self, from: Peer, steps: &[ChainStep]) {
        for step in steps {
            let Some(slot) = step.slot() else {
                self.blame(from, PeerFault::BadCertificate);
                return;
            };
            let Some(gathering) = self.open.get(&slot) else {
                continue;
            };
            let entries = step.certificate.signatures.iter();
            let entries: Vec<_> = entries
                .map(|envelope| envelope.batch_entry(&self.chain_id))
                .collect();
            let is_good = check_power(&step.certificate, &gathering.validators).is_ok()
                && self.verifier.bad(&entries).is_empty();
            if !is_good {
                self.blame(from, PeerFault::BadCertificate);
                return;
            }
            self.take_certificate(slot, &step.certificate);
        }
    }

    fn take_certificate(&mut self, slot: Slot, certificate: &CheckpointCertificate) {
        let Some(gathering) = self.open.get_mut(&slot) else {
            return;
        };
        for envelope in &certificate.signatures {
            let address = Address::of_key(&envelope.signer);
            if let Accepted::Contradiction(other) = gathering.accept(address, envelope.clone()) {
                let fault = Denunciation::of_checkpoints(other, envelope.clone());
                self.outputs.push(Output::Evidence(Arc::new(fault)));
            }
        }
        self.close(slot, certificate.clone());
    }

    fn close_if_certified(&mut self, slot: Slot) {
        let certificate = self.open.get(&slot).and_then(Gathering::certificate);
        if let Some(certificate) = certificate {
            self.close(slot, certificate);
        }
    }

    fn close(&mut self, slot: Slot, certificate: CheckpointCertificate) {
        let Some(gathering) = self.open.remove(&slot) else {
            return;
        };
        let own = gathering.own.clone();
        let certified = certificate
            .signatures
            .first()
            .map(|one| one.content.clone());
        self.outputs.push(Output::Certified(certificate));
        if let Some(own) = own {
            self.compare(&own, certified);
        }
        self.closed.insert(slot, gathering);
        while self.closed.len() > self.config.closed_slots.min(self.room()) {
            self.closed.pop_first();
        }
    }

    fn compare(&mut self, own: &Checkpoint, certified: Option<Checkpoint>) {
        let Some(certified) = certified.filter(|certified| certified != own) else {
            return;
        };
        self.outputs.push(Output::Diverged {
            slot: own.slot,
            own: Box::new(own.clone()),
            certified: Box::new(certified),
        });
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Timestamp) {
        if self.verify_at.is_some_and(|at| at <= now) {
            self.verify();
        }
        self.give_up();
        self.resend(now);
    }

    /// When it wants to be told the time next.
    #[must_use]
    pub fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        let of_slots = self.open.values().flat_map(|gathering| {
            // Once it is time to sign, that is tried whenever something happens.
            let signs = Some(gathering.sign_at).filter(|at| *at > now);
            [Some(gathering.resend_at), signs]
        });
        of_slots
            .chain([self.verify_at])
            .flatten()
            .filter(|at| *at < Timestamp::MAX)
            .min()
    }

    fn give_up(&mut self) {
        let given_up = |slot: &&Slot| self.is_superseded(**slot);
        let slots: Vec<Slot> = self.open.keys().filter(given_up).copied().collect();
        if !slots.is_empty() {
            for slot in &slots {
                self.open.remove(slot);
            }
            self.outputs.push(Output::GaveUp(slots));
        }
    }

    /// Says again what has no certificate yet, and asks for it.
    fn resend(&mut self, now: Timestamp) {
        let mut again = Vec::new();
        let mut oldest = None;
        for (slot, gathering) in &mut self.open {
            if gathering.resend_at > now {
                continue;
            }
            oldest.get_or_insert(*slot);
            gathering.resend_at = after(now, gathering.resend_wait);
            let doubled = gathering.resend_wait.checked_mul(2);
            let longest = self.config.max_resend;
            gathering.resend_wait = doubled.map_or(longest, |wait| wait.min(longest));
            let signed = gathering.settled.iter();
            again.extend(signed.filter_map(|own| gathering.signature_of(own).cloned()));
        }
        for part in again.chunks(MAX_SIGNATURES) {
            let message = CheckpointMessage::Signatures(part.to_vec());
            self.outputs.push(Output::Broadcast(message));
        }
        if let Some(after) = oldest.and_then(|oldest| oldest.prev(self.params.thread_count).ok()) {
            let question = CheckpointMessage::GetSteps { after };
            self.outputs.push(Output::Ask(question));
        }
    }

    /// Signatures of open slots after a slot, for who lacks a certificate as well.
    #[must_use]
    pub fn signatures_after(&self, after: Slot) -> Vec<Envelope<Checkpoint>> {
        let slots = self.open.iter().filter(|(slot, _)| **slot > after);
        let signatures = slots.flat_map(|(_, gathering)| gathering.verified().values());
        signatures.take(MAX_SIGNATURES).cloned().collect()
    }

    /// Whether a slot is a little ahead of this node's state.
    fn is_ahead(&self, slot: Slot) -> bool {
        let furthest = self.intervals(self.config.intervals_ahead);
        slot > self.latest && slot.period <= self.latest.period.saturating_add(furthest)
    }

    fn intervals(&self, count: u64) -> u64 {
        let params = &self.params;
        let interval = params.checkpoint_interval_periods;
        interval.min(params.periods_per_cycle).saturating_mul(count)
    }

    fn open_slot(&mut self, slot: Slot) -> bool {
        let Ok(cycle) = slot.cycle(self.params.periods_per_cycle) else {
            return false;
        };
        if self.open.len() >= self.room() {
            return false;
        }
        let Some(validators) = self.validators.of_cycle(cycle) else {
            return false;
        };
        let gathering = Gathering::new(validators, self.config.resend);
        self.open.insert(slot, gathering);
        true
    }

    /// How many slots may be open.
    fn room(&self) -> usize {
        let all = self.open.values().chain(self.closed.values());
        let most = all.map(|gathering| gathering.validators.len()).max();
        let of_signatures = self.config.max_signatures.checked_div(most.unwrap_or(1));
        let of_signatures = of_signatures.unwrap_or(usize::MAX).max(2);
        self.config.max_open_slots.min(of_signatures)
    }

    fn blame(&mut self, peer: Peer, fault: PeerFault) {
        self.outputs.push(Output::Blame { peer, fault });
    }
}

impl std::fmt::Debug for CheckpointCore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CheckpointCore")
            .field("latest", &self.latest)
            .field("open", &self.open.keys())
            .finish_non_exhaustive()
    }
}

fn content(certificate: CheckpointCertificate) -> Option<Checkpoint> {
    let first = certificate.signatures.into_iter().next()?;
    Some(first.content)
}

fn after(time: Timestamp, wait: Millis) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}
