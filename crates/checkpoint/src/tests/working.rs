//! The keeper and the thread, with execution.

use super::kit::{selector, wallet};
use crate::mocks::{CertifiedChain, short_params};
use crate::{
    CheckpointArchive, CheckpointError, CheckpointInbox, CheckpointKeeper, CheckpointMessage,
    CheckpointPorts, CheckpointWorker, Checkpoints, Config, Follower, MemoryCheckpointStore,
    NoPeers,
};
use picot_clock::{ManualClock, Slot, Timestamp};
use picot_consensus::{BatchVerifier, Peer};
use picot_execution::mocks::core_in_memory;
use picot_execution::{DecidedSlots, ExecutionError};
use picot_ledger::MemoryStateStore;
use picot_models::mocks::{genesis_with, key};
use picot_models::{Checkpoint, Genesis, Hash, Signed};
use picot_pool::mocks::MockPool;
use picot_selector::Selector;
use picot_wallet::MemorySigningLog;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn archive(genesis: &Genesis) -> CheckpointArchive {
    let store = Arc::new(MemoryCheckpointStore::new());
    CheckpointArchive::new(store, Arc::new(genesis.clone()))
}

fn ports(keys: Vec<u64>, selector: Arc<dyn Selector>) -> CheckpointPorts {
    CheckpointPorts {
        clock: Arc::new(ManualClock::new(Timestamp(1_000_000))),
        selector,
        wallet: Arc::new(wallet(keys, &MemorySigningLog::new())),
        pool: Arc::new(MockPool::new()),
        network: Arc::new(NoPeers),
        verifier: Box::new(BatchVerifier::default()),
    }
}

#[allow(clippy::disallowed_methods, reason = "a test that waits for a thread")]
fn wait_until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "it never came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn what_execution_reaches_is_signed_certified_and_followed_by_a_new_node() {
    let genesis = genesis_with(short_params(), &[(1, 10)]);
    let store = Arc::new(MemoryStateStore::new());
    let (mut core, selector) = core_in_memory(&genesis, &store).unwrap();
    let archive = archive(&genesis);
    let keeper = Arc::new(CheckpointKeeper::new(archive.clone()));
    core.watch_checkpoints(keeper.clone()).unwrap();
    let ports = ports(vec![1], selector);
    let worker =
        CheckpointWorker::start(Config::default(), &keeper, ports, core.last_final_slot()).unwrap();
    // Nine cycles of misses, each thread by itself; the draws of later cycles come on the way.
    for cycle in 0..9 {
        let misses = [0, 1].map(|thread| {
            let first = Slot::new((cycle * 4).max(1), thread);
            DecidedSlots::miss(first, cycle * 4 + 3)
        });
        let mut applied = core.apply(misses.to_vec(), vec![]);
        wait_until(|| {
            assert!(applied.failure.is_none(), "{:?}", applied.failure);
            let waits = applied.waits_for_draws.is_some();
            applied = core.resume(vec![]);
            !waits
        });
        let end = Slot::new(cycle * 4 + 3, 1);
        assert_eq!(core.last_final_slot(), end);
        wait_until(|| worker.certificate(end).unwrap().is_some());
    }
    let summary = worker.summary().unwrap();
    assert_eq!(summary.open, []);
    let newest = summary.certified.unwrap().signatures[0].content.clone();
    assert_eq!(newest.slot, Slot::new(35, 1));
    assert_eq!(newest.state_hash, core.reader().summary().state_hash);
    let by_hash = worker.certificate_of(&newest.hash(&genesis.chain_id()));
    assert_eq!(by_hash.unwrap().unwrap().signatures[0].content, newest);

    // The chain is that of real cycle ends: rolls, seeds and all.
    let mut follower = Follower::from_genesis(&genesis).unwrap();
    for step in archive.steps_after(Slot::GENESIS, 99, 1 << 20).unwrap() {
        follower.follow(&step).unwrap();
    }
    assert_eq!(follower.last(), Some(&newest));
    assert!(worker.failures().try_recv().is_err());
}

#[test]
fn execution_stops_at_a_checkpoint_that_is_certified_otherwise() {
    let genesis = genesis_with(short_params(), &[(1, 10)]);
    let store = Arc::new(MemoryStateStore::new());
    let (mut core, _) = core_in_memory(&genesis, &store).unwrap();
    let archive = archive(&genesis);
    let wrong = Checkpoint {
        slot: Slot::new(1, 1),
        state_hash: Hash([1; 32]),
        validator_sets: Hash([1; 32]),
    };
    let certificate = crate::mocks::certificate(&wrong, &[1], &genesis.chain_id());
    archive.certify(&certificate).unwrap();
    let keeper = Arc::new(CheckpointKeeper::new(archive));
    core.watch_checkpoints(keeper).unwrap();
    let misses = [0, 1].map(|thread| DecidedSlots::miss(Slot::new(1, thread), 3));
    let applied = core.apply(misses.to_vec(), vec![]);
    let Some(ExecutionError::Checkpoint { slot, source }) = applied.failure else {
        panic!("execution went on: {applied:?}");
    };
    assert_eq!(slot, wrong.slot);
    assert!(source.to_string().contains("wrong"), "{source}");
}

#[test]
fn a_worker_whose_node_is_wrong_says_so_and_ends() {
    let chain = CertifiedChain::new(2);
    let archive = archive(&chain.genesis);
    let right = chain.ends[0].checkpoint().unwrap();
    let wrong = Checkpoint {
        state_hash: Hash([1; 32]),
        ..right.clone()
    };
    archive.reach(&wrong, &chain.sets[0]).unwrap();
    let keeper = CheckpointKeeper::new(archive);
    let ports = ports(vec![], Arc::new(selector(&chain)));
    let worker = CheckpointWorker::start(Config::default(), &keeper, ports, wrong.slot).unwrap();
    let signatures = [1, 2, 3]
        .map(|number| Signed::sign(right.clone(), &key(number), &chain.id()).into_envelope());
    let message = Arc::new(CheckpointMessage::Signatures(signatures.to_vec()));
    // The clock stands still: enough signatures are verified without waiting.
    let failures = worker.failures();
    let config = Config::default();
    assert!(signatures.len() < config.collect_at_most);
    let steps = Arc::new(CheckpointMessage::Steps {
        after: Slot::GENESIS,
        steps: chain.ends.clone(),
    });
    worker.deliver(Peer(1), message);
    worker.deliver(Peer(1), steps);
    let failure = failures.recv_timeout(Duration::from_secs(30)).unwrap();
    assert!(
        matches!(failure, CheckpointError::Diverged { .. }),
        "{failure}"
    );
}
