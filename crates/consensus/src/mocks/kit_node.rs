//! One node of the kit: an engine with what survives its crashes.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test ends where its world breaks"
)]

use crate::{
    BatchVerifier, Config, ConsensusEvent, Engine, Input, Message, Peer, PeerFault, SignResult,
    Unsigned, Verifier, thread_starts,
};
use picot_clock::Timestamp;
use picot_crypto::BatchEntry;
use picot_execution::Base;
use picot_models::{Address, Denunciation, PublicKey, SecretKey, Signature, Slot};
use picot_selector::Selector;
use picot_storage::{BlockArchive, Decided, MemoryArchive};
use picot_wallet::{ClaimVerdict, MemorySigningLog, SignRequest, SigningLog};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A verifier that counts what it is asked.
#[derive(Debug, Clone, Default)]
pub struct CountingVerifier {
    inner: Arc<BatchVerifier>,
    /// Signatures verified so far.
    pub verified: Arc<AtomicU64>,
}

impl Verifier for CountingVerifier {
    fn bad(&self, entries: &[BatchEntry]) -> Vec<usize> {
        self.verified
            .fetch_add(entries.len() as u64, Ordering::Relaxed);
        self.inner.bad(entries)
    }
}

/// Keys over a signing log in memory.
#[derive(Debug, Clone)]
pub struct KitWallet {
    /// The keys.
    pub keys: Vec<SecretKey>,
    /// The log, which survives crashes.
    pub log: MemorySigningLog,
}

impl KitWallet {
    /// Claims, then signs.
    #[must_use]
    pub fn sign(&self, requests: &[SignRequest]) -> Vec<Option<Signature>> {
        let Ok(verdicts) = self.log.claim(requests) else {
            return vec![None; requests.len()];
        };
        requests
            .iter()
            .zip(verdicts)
            .map(|(request, verdict)| {
                let key = self.key_of(&request.address)?;
                (verdict == ClaimVerdict::Safe).then(|| key.sign(&request.id))
            })
            .collect()
    }

    /// The key of an address.
    #[must_use]
    pub fn key_of(&self, address: &Address) -> Option<&SecretKey> {
        self.keys
            .iter()
            .find(|key| Address::of_key(&key.public_key()) == *address)
    }

    pub(super) fn sign_all(&self, unsigned: Vec<Unsigned>) -> Input {
        let requests: Vec<_> = unsigned.iter().map(Unsigned::to_request).collect();
        let log_fails = self.log.claim(&[]).is_err();
        let signatures = self.sign(&requests);
        let results = unsigned.into_iter().zip(signatures);
        Input::Signed(
            results
                .map(|(unsigned, signature)| match signature {
                    Some(signature) => unsigned.seal(signature),
                    None if log_fails => SignResult::Failed(unsigned),
                    None => SignResult::Refused(unsigned),
                })
                .collect(),
        )
    }
}

/// One node of the kit.
pub struct KitNode {
    /// The engine; `None` while the node is down.
    pub engine: Option<Engine>,
    /// What is decided, which survives crashes.
    pub archive: MemoryArchive,
    /// What the final state says, which starts go on from; the genesis if there is none.
    pub base: Option<Base>,
    /// Its keys and signing log, which survive crashes.
    pub wallet: KitWallet,
    /// What it verifies with.
    pub verifier: CountingVerifier,
    /// Whether it builds blocks when slots open.
    pub produces: bool,
    /// Whether it answers requests for bodies.
    pub gives_bodies: bool,
    /// How far its clock is ahead.
    pub clock_ahead_ms: u64,
    /// What was decided since the first start, in order.
    pub decided: Vec<Decided>,
    /// What happened.
    pub events: Vec<ConsensusEvent>,
    /// Everything that it sent.
    pub sent: Vec<Arc<Message>>,
    /// What it passed on of others'; the kit delivers none of it.
    pub relayed: Vec<Arc<Message>>,
    /// The faults that it proved.
    pub evidence: Vec<Arc<Denunciation>>,
    /// Whom it blamed.
    pub blamed: Vec<(Peer, PeerFault)>,
    /// Own keys that it saw in use elsewhere.
    pub foreign: Vec<Address>,
    /// Operations of candidates that lost.
    pub lost_blocks: usize,
    /// Durable writes so far, of any kind.
    pub persists: u64,
    /// Crash after so many durable writes, before anything of them is told to anyone.
    pub crash_after_persists: Option<u64>,
    pub(super) wake_at: Option<Timestamp>,
}

impl KitNode {
    pub(super) fn new(keys: Vec<SecretKey>) -> Self {
        Self {
            engine: None,
            archive: MemoryArchive::new(),
            base: None,
            wallet: KitWallet {
                keys,
                log: MemorySigningLog::new(),
            },
            verifier: CountingVerifier::default(),
            produces: true,
            gives_bodies: true,
            clock_ahead_ms: 0,
            decided: Vec::new(),
            events: Vec::new(),
            sent: Vec::new(),
            relayed: Vec::new(),
            evidence: Vec::new(),
            blamed: Vec::new(),
            foreign: Vec::new(),
            lost_blocks: 0,
            persists: 0,
            crash_after_persists: None,
            wake_at: None,
        }
    }

    /// Makes an engine from what survived; gives the inputs that it starts with.
    pub(super) fn start(
        &mut self,
        config: Config,
        base: &Base,
        selector: Arc<dyn Selector>,
    ) -> Vec<Input> {
        let starts = thread_starts(&config, base, &self.archive).unwrap();
        let verifier = Box::new(self.verifier.clone());
        let engine = Engine::new(config, selector, verifier, starts).unwrap();
        let from = engine.oldest_undecided().unwrap_or(Slot::new(0, 0));
        let records = self
            .public_keys()
            .iter()
            .flat_map(|key| {
                let address = Address::of_key(key);
                self.wallet.log.records(&address, from).unwrap()
            })
            .collect();
        self.engine = Some(engine);
        self.wake_at = None;
        vec![Input::Restore(records), Input::Keys(self.public_keys())]
    }

    pub(super) fn public_keys(&self) -> Vec<PublicKey> {
        self.wallet.keys.iter().map(SecretKey::public_key).collect()
    }

    /// Counts a durable write. False if the node crashes right after it.
    pub(super) fn persisted(&mut self) -> bool {
        self.persists += 1;
        if self.crash_after_persists == Some(self.persists) {
            self.crash_after_persists = None;
            self.engine = None;
            return false;
        }
        true
    }

    /// The value that it decided for a slot, looking into misses of many periods.
    #[must_use]
    pub fn decided_value(&self, slot: Slot) -> Option<picot_models::Value> {
        let decided = self.archive.decided_at(slot).unwrap()?;
        Some(decided.outcome.value())
    }

    /// The first period of a thread that it has not decided.
    #[must_use]
    pub fn next_period(&self, thread: u8) -> u64 {
        let last = self.archive.last_outcome(thread).unwrap();
        let base = self.base.as_ref();
        let base = base.map_or(1, |base| base.threads[usize::from(thread)].next_period);
        last.map_or(base, |outcome| outcome.through() + 1)
    }
}
