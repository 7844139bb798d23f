//! A few nodes that gather, on virtual time, over a network that tests look into.

use crate::mocks::CertifiedChain;
use crate::{
    CheckpointArchive, CheckpointDriver, CheckpointError, CheckpointMessage, CheckpointNetwork,
    CheckpointPorts, CheckpointStore, Config, MemoryCheckpointStore, StoreChange, StorePair,
    ValidatorSets,
};
use parking_lot::Mutex;
use picot_clock::{Clock, ManualClock, Millis, Slot};
use picot_consensus::mocks::CountingVerifier;
use picot_consensus::{Peer, PeerFault};
use picot_models::mocks::{address, key};
use picot_models::{Checkpoint, Denunciation, Signature};
use picot_pool::mocks::MockPool;
use picot_selector::mocks::MockSelector;
use picot_selector::{Missing, SelectorError};
use picot_wallet::mocks::MockWallet;
use picot_wallet::{ClaimVerdict, MemorySigningLog, SignRequest, SigningLog, WalletError};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a node did to the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    Broadcast(Arc<CheckpointMessage>),
    Relay(Peer, Arc<CheckpointMessage>),
    To(Peer, Arc<CheckpointMessage>),
    Ask(Arc<CheckpointMessage>),
    Blame(Peer, PeerFault),
}

#[derive(Default)]
pub(super) struct Wire(pub(super) Mutex<Vec<Sent>>);

impl CheckpointNetwork for Wire {
    fn broadcast(&self, message: Arc<CheckpointMessage>) {
        self.0.lock().push(Sent::Broadcast(message));
    }
    fn relay(&self, from: Peer, message: Arc<CheckpointMessage>) {
        self.0.lock().push(Sent::Relay(from, message));
    }
    fn send(&self, to: Peer, message: Arc<CheckpointMessage>) {
        self.0.lock().push(Sent::To(to, message));
    }
    fn ask(&self, message: Arc<CheckpointMessage>) {
        self.0.lock().push(Sent::Ask(message));
    }
    fn blame(&self, peer: Peer, fault: PeerFault) {
        self.0.lock().push(Sent::Blame(peer, fault));
    }
}

/// A store that fails when told to.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) inner: MemoryCheckpointStore,
    pub(super) fails: AtomicBool,
}

impl CheckpointStore for Disk {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, CheckpointError> {
        self.inner.get(key)
    }
    fn ascending(&self, a: &[u8], b: &[u8], n: usize) -> Result<Vec<StorePair>, CheckpointError> {
        self.inner.ascending(a, b, n)
    }
    fn descending(&self, a: &[u8], b: &[u8], n: usize) -> Result<Vec<StorePair>, CheckpointError> {
        self.inner.descending(a, b, n)
    }
    fn write(&self, changes: Vec<StoreChange>) -> Result<(), CheckpointError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(CheckpointError::Store {
                action: "writing",
                source: Arc::new(std::io::Error::other("full")),
            });
        }
        self.inner.write(changes)
    }
}

pub(super) struct Node {
    pub(super) driver: CheckpointDriver,
    pub(super) archive: CheckpointArchive,
    pub(super) disk: Arc<Disk>,
    pub(super) log: MemorySigningLog,
    pub(super) wire: Arc<Wire>,
    pub(super) evidence: Arc<Mutex<Vec<Arc<Denunciation>>>>,
    pub(super) verifier: CountingVerifier,
}

impl Node {
    /// All that it sent since it was asked last.
    pub(super) fn sent(&self) -> Vec<Sent> {
        std::mem::take(&mut *self.wire.0.lock())
    }

    pub(super) fn blamed(&self) -> Vec<(Peer, PeerFault)> {
        let blame = |sent: &Sent| match sent {
            Sent::Blame(peer, fault) => Some((*peer, *fault)),
            _ => None,
        };
        self.wire.0.lock().iter().filter_map(blame).collect()
    }

    pub(super) fn certified(&self, slot: Slot) -> Option<Checkpoint> {
        self.archive.certified(slot).unwrap()
    }
}

/// Who the keys of a node are, signing over a log.
pub(super) fn wallet(keys: Vec<u64>, log: &MemorySigningLog) -> MockWallet {
    let mut wallet = MockWallet::new();
    let mut addresses: Vec<_> = keys.iter().map(|number| address(*number)).collect();
    addresses.sort_unstable();
    wallet
        .expect_addresses()
        .returning(move || addresses.clone());
    let of = move |address_of: &picot_models::Address| {
        let number = keys.iter().find(|number| address(**number) == *address_of);
        number.map(|number| key(*number))
    };
    let key_of = of.clone();
    wallet
        .expect_public_key()
        .returning(move |address| Some(key_of(address)?.public_key()));
    let log = log.clone();
    let sign = move |request: &SignRequest| -> Result<Signature, WalletError> {
        match log.claim(std::slice::from_ref(request)).unwrap()[0] {
            ClaimVerdict::Safe => Ok(of(&request.address).unwrap().sign(&request.id)),
            ClaimVerdict::NotSafe { reason } => Err(WalletError::NotSafe {
                address: Box::new(request.address),
                kind: request.kind,
                slot: request.slot,
                round: request.round,
                reason: Box::new(reason),
            }),
        }
    };
    wallet
        .expect_sign_claimed()
        .returning(move |requests| requests.iter().map(&sign).collect());
    wallet
}

/// The validators of a chain's first cycles.
pub(super) fn selector(chain: &CertifiedChain) -> MockSelector {
    let mut sets = vec![ValidatorSets::genesis(&chain.genesis).unwrap()];
    sets.extend(chain.sets.iter().cloned());
    let mut selector = MockSelector::new();
    selector.expect_voting_power().returning(move |cycle| {
        let set = usize::try_from(cycle)
            .ok()
            .and_then(|cycle| sets.get(cycle));
        let set = set.map(|set| set.all()[0].validators().clone());
        set.ok_or(SelectorError::NotReady {
            cycle,
            missing: Missing::Genesis,
        })
    });
    selector
}

pub(super) struct Kit {
    pub(super) chain: CertifiedChain,
    pub(super) clock: Arc<ManualClock>,
    pub(super) config: Config,
    pub(super) nodes: Vec<Node>,
    /// Nodes that nothing comes from or goes to.
    pub(super) cut: BTreeSet<usize>,
}

impl Kit {
    /// Nodes with these keys, of a chain whose first validators are keys 1 to 4 with power 5 each.
    pub(super) fn new(keys: &[&[u64]]) -> Self {
        let chain = CertifiedChain::new(12);
        let start = chain.genesis.genesis_timestamp;
        let mut kit = Self {
            chain,
            clock: Arc::new(ManualClock::new(start)),
            config: Config::default(),
            nodes: Vec::new(),
            cut: BTreeSet::new(),
        };
        for keys in keys {
            let node = kit.node(keys, Arc::default(), MemorySigningLog::new());
            kit.nodes.push(node);
        }
        kit
    }

    /// A node that goes on from a disk and a log.
    pub(super) fn node(&self, keys: &[u64], disk: Arc<Disk>, log: MemorySigningLog) -> Node {
        let genesis = Arc::new(self.chain.genesis.clone());
        let archive = CheckpointArchive::new(disk.clone(), genesis);
        let (wire, evidence) = (Arc::new(Wire::default()), Arc::new(Mutex::new(Vec::new())));
        let verifier = CountingVerifier::default();
        let mut pool = MockPool::new();
        let taken = evidence.clone();
        pool.expect_add_denunciations().returning(move |proofs| {
            let answers = proofs.iter().map(|_| Ok(())).collect();
            taken.lock().extend(proofs);
            answers
        });
        let ports = CheckpointPorts {
            clock: self.clock.clone(),
            selector: Arc::new(selector(&self.chain)),
            wallet: Arc::new(wallet(keys.to_vec(), &log)),
            pool: Arc::new(pool),
            network: wire.clone(),
            verifier: Box::new(verifier.clone()),
        };
        let latest = Slot::new(0, 1);
        let driver =
            CheckpointDriver::new(self.config.clone(), archive.clone(), ports, latest).unwrap();
        Node {
            driver,
            archive,
            disk,
            log,
            wire,
            evidence,
            verifier,
        }
    }

    /// The checkpoint of a slot as honest nodes find it, with its sets.
    pub(super) fn checkpoint(&self, slot: Slot) -> (Checkpoint, ValidatorSets) {
        let next = slot.next(2).unwrap();
        let cycle = usize::try_from(next.cycle(4).unwrap()).unwrap();
        let sets = match cycle.checked_sub(1) {
            Some(before) => self.chain.sets[before].clone(),
            None => ValidatorSets::genesis(&self.chain.genesis).unwrap(),
        };
        (self.chain.checkpoint(slot, &sets), sets)
    }

    /// The time is just after a slot.
    pub(super) fn at(&self, slot: Slot) {
        let clock = self.chain.genesis.slot_clock().unwrap();
        let at = clock.start_of(slot).unwrap();
        self.clock.set(at.checked_add(Millis(100)).unwrap());
    }

    /// The state of a node comes to a checkpoint.
    pub(super) fn reach(&mut self, node: usize, slot: Slot) {
        let (checkpoint, sets) = self.checkpoint(slot);
        let node = &mut self.nodes[node];
        node.archive.reach(&checkpoint, &sets).unwrap();
        node.driver.drive().unwrap();
    }

    pub(super) fn reach_all(&mut self, slot: Slot) {
        self.at(slot);
        for node in 0..self.nodes.len() {
            self.reach(node, slot);
        }
    }

    pub(super) fn peer(node: usize) -> Peer {
        Peer(u64::try_from(node).unwrap())
    }

    pub(super) fn deliver(&mut self, from: usize, to: usize, message: &CheckpointMessage) {
        let to = &mut self.nodes[to];
        to.driver.deliver(Self::peer(from), message).unwrap();
    }

    /// Carries what was sent until nothing is, and lets the time for collecting pass.
    pub(super) fn settle(&mut self) {
        loop {
            let mut carried = false;
            for from in 0..self.nodes.len() {
                for sent in self.nodes[from].sent() {
                    carried |= self.carry(from, &sent);
                }
            }
            self.pass(self.config.collect);
            if !carried && self.nodes.iter().all(|node| node.wire.0.lock().is_empty()) {
                return;
            }
        }
    }

    /// A question goes to all: one of them is who is likely to know.
    fn carry(&mut self, from: usize, sent: &Sent) -> bool {
        let (message, to): (_, Vec<usize>) = match sent {
            Sent::Broadcast(message) | Sent::Ask(message) => {
                (message, (0..self.nodes.len()).collect())
            }
            Sent::Relay(source, message) => {
                let others = (0..self.nodes.len()).filter(|to| Self::peer(*to) != *source);
                (message, others.collect())
            }
            Sent::To(peer, message) => (message, vec![usize::try_from(peer.0).unwrap()]),
            Sent::Blame(..) => panic!("an honest node is blamed: {sent:?}"),
        };
        for to in to {
            if to != from && !self.cut.contains(&to) && !self.cut.contains(&from) {
                self.deliver(from, to, message);
            }
        }
        true
    }

    pub(super) fn pass(&mut self, time: Millis) {
        let now = self.clock.now();
        self.clock.set(now.checked_add(time).unwrap());
        for node in &mut self.nodes {
            node.driver.drive().unwrap();
        }
    }
}
