//! A whole node whose key is used elsewhere: what is seen by consensus stops the key in the wallet, in
//! the factories and over restarts, until an operator clears it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::assembly::Node;
use crate::control_file;
use crate::data_layout::DataLayout;
use crate::home::Chain;
use crate::test_kit::{dev_passphrase, lone_node, short_chain};
use picot_api::control::types::{Event, FactoryName};
use picot_client::ControlClient;
use picot_clock::{Clock, Millis, Stop, SystemClock};
use picot_consensus::{ConsensusEvent, Message, Peer};
use picot_models::mocks::{block, key};
use picot_models::text::import_secret_key;
use picot_models::{Address, Hash, SecretKey, Slot};
use picot_wallet::{
    ClaimKind, FileWallet, MemorySigningLog, SignRequest, WalletConfig, WalletError,
};
use std::sync::Arc;
use std::time::Duration;

/// Long enough that only a node that is stuck takes it.
const LONG_MS: Millis = Millis(60_000);
/// The same.
const LONG: Duration = Duration::from_millis(LONG_MS.0);

struct World {
    layout: DataLayout,
    chain: Chain,
    secret: SecretKey,
    _folder: tempfile::TempDir,
}

impl World {
    /// A development chain of short periods.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = DataLayout::new(folder.path().join("dev"));
        let chain = short_chain(&layout, SystemClock.now(), 1_000, 2_000);
        let passphrase = dev_passphrase(&layout);
        let log = Arc::new(MemorySigningLog::new());
        let wallet = FileWallet::open(&layout.keys_file(), WalletConfig::dev(), log).unwrap();
        wallet.unlock(&passphrase).unwrap();
        let staker = *chain.genesis.roll_counts().keys().next().unwrap();
        let secret = import_secret_key(&wallet.export(&staker).unwrap()).unwrap();
        Self {
            layout,
            chain,
            secret,
            _folder: folder,
        }
    }

    fn address(&self) -> Address {
        Address::of_key(&self.secret.public_key())
    }

    fn start(&self, is_new: bool) -> Running {
        let mut chain = self.chain.clone();
        chain.is_new = is_new;
        let config = lone_node(&self.layout, &chain, Arc::new(SystemClock));
        let node = Node::start(config, &Stop::new()).unwrap();
        let control = control_file::client(&self.layout).unwrap().unwrap();
        Running { node, control }
    }
}

struct Running {
    node: Node,
    control: ControlClient,
}

impl Running {
    fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let end = SystemClock.now().checked_add(LONG_MS).unwrap();
        while !is_so() {
            assert!(SystemClock.now() < end, "waited for {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn refusal(&self, address: Address) -> Option<String> {
        let keys = self.control.keys().unwrap().keys;
        let key = keys.into_iter().find(|key| key.address == address);
        key.unwrap().refused
    }

    fn wait_for_block(&self) {
        let begin = self.node.slot_clock().latest_slot_at(SystemClock.now());
        self.wait_until("a block", || {
            let history = self.control.history(FactoryName::Blocks, None, 20);
            let entries = history.unwrap().entries;
            let mut since = entries.iter().filter(|entry| Some(entry.slot) > begin);
            since.any(|entry| matches!(entry.event, Event::ProducedBlock(_)))
        });
    }

    /// A peer passes on a header of this key for the next slot that opens; where, unless the slot
    /// is decided already.
    fn see_header_of(&self, secret: &SecretKey) -> Option<Slot> {
        let consensus = self.node.consensus();
        let events = consensus.subscribe();
        let slot = loop {
            if let ConsensusEvent::Opened { slot } = events.recv_timeout(LONG).unwrap() {
                break slot;
            }
        };
        let parents = consensus.best_parents(slot, Millis::ZERO).ok()?.ids();
        let header = block(secret, slot, parents, vec![], &self.node.chain_id()).header;
        let message = Arc::new(Message::Candidate(header.envelope().clone()));
        self.node.inbox().deliver(Peer(1), message).unwrap();
        Some(slot)
    }

    fn signs(&self, address: Address) -> bool {
        let slot = Slot::new(1_000_000, 0);
        let request = SignRequest {
            address,
            kind: ClaimKind::Header,
            slot,
            round: 0,
            id: Hash([1; 32]),
            payload: vec![],
        };
        let signed = self.node.wallet().sign_claimed(&[request]);
        !matches!(signed.first(), Some(Err(WalletError::Refused { .. })))
    }
}

#[test]
fn a_key_in_use_elsewhere_signs_nothing_over_restarts_until_an_operator_clears_it() {
    let world = World::new();
    let address = world.address();
    let running = world.start(true);
    running.wait_for_block();
    // Without blocks of ours, slots stay open for long enough to see one of somebody else. What
    // others sign, and what we sign ourselves, is nobody else's use of our key.
    running.control.switch(FactoryName::Blocks, false).unwrap();
    let mut seen = Vec::new();
    running.wait_until("some headers of another", || {
        seen.extend(running.see_header_of(&key(9)));
        seen.len() >= 3
    });
    let keys = running.control.keys().unwrap().keys;
    assert!(keys.iter().all(|key| key.refused.is_none()), "{keys:?}");

    seen.clear();
    running.wait_until("the refusal", || {
        let is_refused = running.refusal(address).is_some();
        if !is_refused {
            seen.extend(running.see_header_of(&world.secret));
        }
        is_refused
    });
    let reason = running.refusal(address).unwrap();
    let names = |slot: &Slot| reason.contains(&format!("of slot {slot} was seen"));
    assert!(seen.iter().any(names), "{reason}: {seen:?}");
    running.control.switch(FactoryName::Blocks, true).unwrap();
    let why_not = running.node.not_producing().unwrap();
    assert!(why_not.contains("in use elsewhere"), "{why_not}");
    assert!(!running.signs(address));
    drop(running);

    let running = world.start(false);
    assert_eq!(running.refusal(address), Some(reason));
    assert!(!running.signs(address));
    running.control.clear_refusal(&address).unwrap();
    assert_eq!(running.refusal(address), None);
    assert!(running.signs(address));
    drop(running);

    let running = world.start(false);
    running.wait_for_block();
}
