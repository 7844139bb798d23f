//! The thread around the engine, over memory and mocks.

use crate::mocks::KitWallet;
use crate::{
    BatchVerifier, Config, Consensus, ConsensusError, ConsensusEvent, ConsensusInbox,
    ConsensusPorts, ConsensusWorker, Message, NoPeers, Peer, SlotStatus,
};
use parking_lot::Mutex;
use picot_clock::{Clock, ManualClock, Millis, SystemClock, Timestamp};
use picot_execution::mocks::MockExecution;
use picot_execution::{Base, DecidedSlots};
use picot_models::mocks::{block, genesis_with, key};
use picot_models::{
    Address, Ballot, ChainParams, Denunciation, Genesis, OperationId, PublicKey, Signature, Signed,
    Slot, ThreadDigest, Value, Vote,
};
use picot_pool::mocks::MockPool;
use picot_selector::{Config as SelectorConfig, Selector, StakeSelector};
use picot_storage::MemoryArchive;
use picot_wallet::{MemorySigningLog, SignRequest, SigningLog, Wallet, WalletError};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Long enough that only a worker that is stuck takes it.
const LONG: Duration = Duration::from_secs(60);

impl Wallet for KitWallet {
    fn addresses(&self) -> Vec<Address> {
        let all: BTreeSet<_> = self
            .keys
            .iter()
            .map(|key| Address::of_key(&key.public_key()))
            .collect();
        all.into_iter().collect()
    }

    fn public_key(&self, address: &Address) -> Option<PublicKey> {
        self.key_of(address).map(|key| key.public_key())
    }

    fn sign_claimed(&self, requests: &[SignRequest]) -> Vec<Result<Signature, WalletError>> {
        self.sign(requests)
            .into_iter()
            .map(|signature| signature.ok_or(WalletError::Locked))
            .collect()
    }

    fn sign_operation(&self, _: &Address, _: &OperationId) -> Result<Signature, WalletError> {
        Err(WalletError::Locked)
    }

    fn signed_since(&self, address: &Address, from: Slot) -> Result<Vec<SignRequest>, WalletError> {
        Ok(self.log.records(address, from)?)
    }
}

/// A clock that counts how often it is read.
struct CountingClock {
    clock: ManualClock,
    reads: Arc<AtomicU64>,
}

impl Clock for CountingClock {
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        self.reads.fetch_add(1, Ordering::SeqCst);
        now
    }
}

struct World {
    genesis: Genesis,
    clock: Arc<dyn Clock>,
    selector: Arc<StakeSelector>,
    archive: MemoryArchive,
    log: MemorySigningLog,
    executed: Arc<Mutex<Vec<DecidedSlots>>>,
    evidence: Arc<Mutex<Vec<Arc<Denunciation>>>>,
}

/// Draws of a cycle follow when both cycles before it are executed, as execution feeds them.
struct Feeder {
    genesis: Genesis,
    selector: Arc<StakeSelector>,
    through: Vec<u64>,
    fed: u64,
}

impl Feeder {
    fn feed_through(&mut self, cycle: u64) {
        while self.fed <= cycle {
            let rolls = Arc::new(self.genesis.roll_counts());
            let seed = self.genesis.seed(self.fed);
            self.selector.feed_cycle(self.fed, rolls, seed).unwrap();
            self.fed += 1;
        }
    }

    fn take(&mut self, decided: &[DecidedSlots]) {
        for decided in decided {
            self.through[usize::from(decided.slot.thread)] = decided.through;
        }
        let complete =
            (self.through.iter().min().unwrap() + 1) / self.genesis.params.periods_per_cycle;
        self.feed_through(complete + 1);
    }
}

impl World {
    fn new(clock: Arc<dyn Clock>, genesis_timestamp: Timestamp) -> Self {
        Self::of_stakers(clock, genesis_timestamp, &[(1, 10)])
    }

    fn of_stakers(
        clock: Arc<dyn Clock>,
        genesis_timestamp: Timestamp,
        stakers: &[(u64, u64)],
    ) -> Self {
        let mut genesis = genesis_with(ChainParams::dev(), stakers);
        genesis.genesis_timestamp = genesis_timestamp;
        let selector = StakeSelector::new(SelectorConfig::from_params(&genesis.params)).unwrap();
        Self {
            genesis,
            clock,
            selector: Arc::new(selector),
            archive: MemoryArchive::new(),
            log: MemorySigningLog::new(),
            executed: Arc::default(),
            evidence: Arc::default(),
        }
    }

    fn start(&self) -> ConsensusWorker {
        let wallet = KitWallet {
            keys: vec![key(1)],
            log: self.log.clone(),
        };
        let mut feeder = Feeder {
            genesis: self.genesis.clone(),
            selector: Arc::clone(&self.selector),
            through: vec![0; 4],
            fed: 0,
        };
        feeder.feed_through(1);
        let feeder = Mutex::new(feeder);
        let executed = Arc::clone(&self.executed);
        let mut execution = MockExecution::new();
        execution.expect_update().returning(move |decided, _| {
            feeder.lock().take(&decided);
            executed.lock().extend(decided);
            Ok(())
        });
        let mut pool = MockPool::new();
        pool.expect_offer_again().return_const(());
        let evidence = Arc::clone(&self.evidence);
        pool.expect_add_denunciations().returning(move |proofs| {
            let results = proofs.iter().map(|_| Ok(())).collect();
            evidence.lock().extend(proofs);
            results
        });
        let ports = ConsensusPorts {
            base: Base::genesis(&self.genesis),
            clock: Arc::clone(&self.clock),
            selector: Arc::clone(&self.selector) as Arc<dyn Selector>,
            wallet: Arc::new(wallet),
            archive: Arc::new(self.archive.clone()),
            execution: Arc::new(execution),
            pool: Arc::new(pool),
            network: Arc::new(NoPeers),
            verifier: Box::new(BatchVerifier::default()),
        };
        let now = self.clock.now();
        let config = Config::of_genesis(&self.genesis, now);
        ConsensusWorker::start(config, ports).unwrap()
    }
}

fn manual() -> (World, ManualClock) {
    let clock = ManualClock::new(Timestamp(1_000_000));
    let world = World::new(Arc::new(clock.clone()), Timestamp(1_000_000));
    (world, clock)
}

fn wait_for(
    events: &crossbeam_channel::Receiver<ConsensusEvent>,
    mut wanted: impl FnMut(&ConsensusEvent) -> bool,
) {
    loop {
        if wanted(&events.recv_timeout(LONG).unwrap()) {
            return;
        }
    }
}

const S1: Slot = Slot::new(1, 0);

fn own_block(world: &World, worker: &ConsensusWorker) -> picot_models::Block {
    let parents = worker.best_parents(S1, Millis::ZERO).unwrap().ids();
    block(&key(1), S1, parents, Vec::new(), &world.genesis.chain_id())
}

#[test]
fn who_looks_on_sees_the_candidates_and_votes_of_an_undecided_slot() {
    let clock = ManualClock::new(Timestamp(1_000_000));
    let stakers = [(1, 10), (2, 10)];
    let world = World::of_stakers(Arc::new(clock.clone()), Timestamp(1_000_000), &stakers);
    let worker = world.start();
    let events = worker.subscribe();
    let unopened = worker.agreement(S1).unwrap();
    assert_eq!(unopened.status, SlotStatus::NotOpen);
    assert_eq!(unopened.votes, crate::SlotVotes::default());
    clock.advance(Millis(2_000)).unwrap();
    worker.wake();
    wait_for(&events, |event| {
        *event == ConsensusEvent::Opened { slot: S1 }
    });
    let block = own_block(&world, &worker);
    worker.register_block(block.clone()).unwrap();
    // Half of the stake votes at once or after the wait for candidates, and decides nothing.
    clock.advance(Millis(500)).unwrap();
    worker.wake();
    let votes = loop {
        let agreement = worker.agreement(S1).unwrap();
        assert!(matches!(agreement.status, SlotStatus::Undecided { .. }));
        assert_eq!(agreement.outcome, None);
        if !agreement.votes.rounds.is_empty() {
            break agreement.votes;
        }
    };
    let us = Address::of_key(&key(1).public_key());
    let candidates = [crate::KnownCandidate {
        id: block.id(),
        producer: us,
    }];
    assert_eq!(votes.candidates, candidates);
    assert_eq!(votes.canonical, Some(block.id()));
    let value = Value::Block { id: block.id() };
    let notarise = crate::SubjectVotes {
        subject: picot_models::CertificateSubject::Notarise { value },
        power: 10,
        signers: vec![us],
    };
    let round = crate::RoundVotes {
        round: 0,
        subjects: vec![notarise],
    };
    assert_eq!(votes.rounds, [round]);
    let unknown = worker.agreement(Slot::new(1, 200));
    assert!(matches!(unknown, Err(ConsensusError::UnknownThread { .. })));
    worker.stop();
    let ended = worker.agreement(S1);
    assert!(
        matches!(ended, Err(ConsensusError::Stopped(_))),
        "{ended:?}"
    );
}

#[test]
fn who_looks_on_sees_the_certificate_and_the_last_votes_of_a_decided_slot() {
    let (world, clock) = manual();
    let worker = world.start();
    let events = worker.subscribe();
    clock.advance(Millis(2_000)).unwrap();
    worker.wake();
    wait_for(&events, |event| {
        *event == ConsensusEvent::Opened { slot: S1 }
    });
    let block = own_block(&world, &worker);
    worker.register_block(block.clone()).unwrap();
    wait_for(&events, |event| {
        matches!(event, ConsensusEvent::Decided { slot: S1, .. })
    });
    let agreement = worker.agreement(S1).unwrap();
    let value = Value::Block { id: block.id() };
    assert_eq!(agreement.status, SlotStatus::Decided { outcome: S1, value });
    let outcome = agreement.outcome.unwrap();
    assert_eq!((outcome.value(), outcome.slot()), (value, S1));
    assert_eq!(agreement.votes.candidates.len(), 1);
    let kinds = agreement.votes.rounds[0].subjects.len();
    assert_eq!(kinds, 2, "notarise and finalise");
}

#[test]
fn a_registered_block_is_decided_and_told_to_execution() {
    let (world, clock) = manual();
    let worker = world.start();
    let events = worker.subscribe();
    clock.advance(Millis(2_000)).unwrap();
    worker.wake();
    wait_for(&events, |event| {
        *event == ConsensusEvent::Opened { slot: S1 }
    });
    let parents = worker.best_parents(S1, Millis::ZERO).unwrap();
    assert_eq!(parents.ids(), world.genesis.block_ids());
    let block = block(
        &key(1),
        S1,
        parents.ids(),
        Vec::new(),
        &world.genesis.chain_id(),
    );
    worker.register_block(block.clone()).unwrap();
    wait_for(&events, |event| {
        matches!(event, ConsensusEvent::Decided { slot: S1, .. })
    });
    assert_eq!(worker.blockclique_block(S1).unwrap(), Some(block.id()));
    let value = Value::Block { id: block.id() };
    assert_eq!(
        worker.slot_status(S1).unwrap(),
        SlotStatus::Decided { outcome: S1, value }
    );
    assert!(matches!(
        worker.register_block(block.clone()),
        Err(ConsensusError::AlreadyDecided { slot: S1 })
    ));
    let next = worker.best_parents(Slot::new(2, 0), Millis::ZERO).unwrap();
    assert_eq!(next.in_thread(0), Some((block.id(), S1)));
    worker.stop();
    assert_eq!(*world.executed.lock(), [DecidedSlots::block(block)]);
}

#[test]
fn best_parents_waits_for_the_slot_before_and_gives_up_at_its_time_out() {
    let (world, clock) = manual();
    let worker = world.start();
    let second = Slot::new(2, 0);
    match worker.best_parents(second, Millis(1)) {
        Err(ConsensusError::ParentUndecided { slot }) => assert_eq!(slot, S1),
        other => panic!("{other:?}"),
    }
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| worker.best_parents(second, Millis(60_000)));
        clock.advance(Millis(2_000)).unwrap();
        worker.wake();
        let parents = worker.best_parents(S1, Millis(60_000)).unwrap().ids();
        let block = block(&key(1), S1, parents, Vec::new(), &world.genesis.chain_id());
        worker.register_block(block.clone()).unwrap();
        let parents = waiting.join().unwrap().unwrap();
        assert_eq!(parents.in_thread(0), Some((block.id(), S1)));
    });
}

#[test]
fn wrong_questions_have_their_errors() {
    let (world, _) = manual();
    let worker = world.start();
    let nowhere = Slot::new(1, 9);
    assert!(matches!(
        worker.best_parents(nowhere, Millis::ZERO),
        Err(ConsensusError::UnknownThread { .. })
    ));
    assert!(matches!(
        worker.slot_status(nowhere),
        Err(ConsensusError::UnknownThread { .. })
    ));
    assert!(matches!(
        worker.best_parents(Slot::new(0, 0), Millis::ZERO),
        Err(ConsensusError::AlreadyDecided { .. })
    ));
    assert_eq!(worker.slot_status(S1).unwrap(), SlotStatus::NotOpen);
    worker.stop();
    assert!(matches!(
        worker.best_parents(S1, Millis::ZERO),
        Err(ConsensusError::Stopped(_))
    ));
}

#[test]
fn a_day_off_is_settled_by_one_decision_per_thread_and_cycle_with_grouped_syncs() {
    let (world, clock) = manual();
    let cycles = 300;
    clock.advance(Millis(32_000 * cycles)).unwrap();
    let worker = world.start();
    let last = Slot::new(16 * cycles - 2, 3);
    let next = Slot::new(last.period + 1, 3);
    assert!(matches!(
        worker.best_parents(Slot::new(next.period, 3), Millis(60_000)),
        Ok(_) | Err(ConsensusError::AlreadyDecided { .. })
    ));
    worker.stop();
    let decided = world.executed.lock().len() as u64;
    assert!(
        (4 * cycles - 4..=4 * cycles + 8).contains(&decided),
        "{decided} decisions"
    );
    assert!(
        world.log.syncs() <= 2 * cycles + 8,
        "{} syncs",
        world.log.syncs()
    );
    assert!(
        world.archive.writes() <= cycles + 8,
        "{} batches",
        world.archive.writes()
    );
}

#[test]
fn decisions_wait_while_the_archive_fails_and_go_on_when_it_works() {
    let (world, clock) = manual();
    let worker = world.start();
    let events = worker.subscribe();
    world.archive.fail_writes(true);
    clock.advance(Millis(32_000)).unwrap();
    worker.wake();
    wait_for(&events, |event| {
        *event == ConsensusEvent::Opened { slot: S1 }
    });
    world.archive.fail_writes(false);
    wait_for(&events, |event| {
        matches!(event, ConsensusEvent::Decided { slot: S1, .. })
    });
}

#[test]
fn a_second_start_goes_on_where_the_first_ended() {
    let (world, clock) = manual();
    clock.advance(Millis(20_000)).unwrap();
    let decided_by_first = {
        let worker = world.start();
        while worker
            .best_parents(Slot::new(9, 2), Millis(60_000))
            .is_err()
        {
            if worker.summary().threads[2].decided_period >= 9 {
                break;
            }
        }
        worker.summary()
    };
    let worker = world.start();
    let again = worker.summary();
    for (before, after) in decided_by_first.threads.iter().zip(&again.threads) {
        assert!(after.decided_period >= before.decided_period);
    }
    assert!(
        worker
            .slot_status(Slot::new(3, 2))
            .is_ok_and(|status| matches!(status, SlotStatus::Decided { .. }))
    );
}

#[test]
fn a_reader_of_events_that_does_not_read_is_cut_off() {
    let view_events = {
        let (world, clock) = manual();
        let worker = world.start();
        let events = worker.subscribe();
        clock.advance(Millis(32_000 * 700)).unwrap();
        worker.wake();
        let end = Slot::new(16 * 700 - 2, 0);
        let _ = worker.best_parents(end, Millis(60_000));
        events
    };
    assert!(view_events.len() <= crate::EVENT_QUEUE_LEN);
    let drained = view_events.try_iter().count();
    assert!(drained <= crate::EVENT_QUEUE_LEN);
    assert!(view_events.recv_timeout(LONG).is_err(), "closed");
}

#[test]
fn on_the_wall_clock_slots_are_decided_as_time_passes() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let genesis = Timestamp(clock.now().0 - 1_900);
    let world = World::new(clock, genesis);
    let worker = world.start();
    let events = worker.subscribe();
    wait_for(&events, |event| {
        *event == ConsensusEvent::Opened { slot: S1 }
    });
    let parents = worker.best_parents(S1, Millis::ZERO).unwrap().ids();
    let mine = block(&key(1), S1, parents, Vec::new(), &world.genesis.chain_id());
    worker.register_block(mine).unwrap();
    wait_for(&events, |event| {
        matches!(event, ConsensusEvent::Decided { slot: S1, .. })
    });
}

#[test]
fn messages_are_delivered_and_evidence_goes_to_the_pool() {
    let clock = ManualClock::new(Timestamp(1_000_000));
    let world = World::of_stakers(
        Arc::new(clock.clone()),
        Timestamp(1_000_000),
        &[(1, 10), (2, 1)],
    );
    let worker = world.start();
    let events = worker.subscribe();
    clock.advance(Millis(2_000)).unwrap();
    worker.wake();
    wait_for(&events, |event| {
        *event == ConsensusEvent::Opened { slot: S1 }
    });
    let chain_id = world.genesis.chain_id();
    let (finalise, nullify) = (
        Ballot::Finalise {
            value: Value::Miss { through: 1 },
        },
        Ballot::Nullify,
    );
    for ballot in [finalise, nullify] {
        let vote = Vote {
            version: world.genesis.params.protocol_version,
            slot: S1,
            round: 0,
            thread_digest: ThreadDigest::genesis(&chain_id, 0),
            ballot,
        };
        let vote = Signed::sign(vote, &key(2), &chain_id).into_envelope();
        worker
            .deliver(Peer(1), Arc::new(Message::Vote(vote)))
            .unwrap();
    }
    wait_for(&events, |event| matches!(event, ConsensusEvent::Fault(_)));
    worker.stop();
    assert_eq!(world.evidence.lock().len(), 1);
    assert_eq!(worker.summary().faults, 1);
}

#[test]
fn subscribers_are_told_of_a_signature_of_our_key_that_we_did_not_make_and_of_no_other() {
    let clock = ManualClock::new(Timestamp(1_000_000));
    let world = World::of_stakers(
        Arc::new(clock.clone()),
        Timestamp(1_000_000),
        &[(1, 10), (2, 1)],
    );
    let worker = world.start();
    let events = worker.subscribe();
    clock.advance(Millis(2_000)).unwrap();
    worker.wake();
    wait_for(&events, |event| {
        *event == ConsensusEvent::Opened { slot: S1 }
    });
    let chain_id = world.genesis.chain_id();
    // Of another staker, and then of the key that the wallet holds, on another machine.
    for signer in [2, 1] {
        let vote = Vote {
            version: world.genesis.params.protocol_version,
            slot: S1,
            round: 0,
            thread_digest: ThreadDigest::genesis(&chain_id, 0),
            ballot: Ballot::Nullify,
        };
        let vote = Signed::sign(vote, &key(signer), &chain_id).into_envelope();
        worker
            .deliver(Peer(1), Arc::new(Message::Vote(vote)))
            .unwrap();
    }
    let mut told = Vec::new();
    wait_for(&events, |event| {
        if let ConsensusEvent::ForeignSignature { address, slot } = event {
            told.push((*address, *slot));
        }
        !told.is_empty()
    });
    worker.stop();
    let more = events.try_iter();
    told.extend(more.filter_map(|event| match event {
        ConsensusEvent::ForeignSignature { address, slot } => Some((address, slot)),
        _ => None,
    }));
    assert_eq!(told, [(Address::of_key(&key(1).public_key()), S1)]);
}

#[test]
fn a_clock_that_is_set_back_while_nothing_happens_delays_an_open_slot_by_no_more_than_a_reading() {
    let clock = ManualClock::new(Timestamp(1_000_000));
    let reads = Arc::new(AtomicU64::new(0));
    let counting = CountingClock {
        clock: clock.clone(),
        reads: Arc::clone(&reads),
    };
    let world = World::new(Arc::new(counting), Timestamp(1_000_000));
    let worker = world.start();
    let events = worker.subscribe();
    // Of three more readings, one at least is of the time as it is now.
    let wait_for_readings = || {
        let enough = reads.load(Ordering::SeqCst) + 3;
        worker.wake();
        while reads.load(Ordering::SeqCst) < enough {
            std::thread::yield_now();
        }
    };
    clock.advance(Millis(2_000)).unwrap();
    worker.wake();
    wait_for(&events, |event| {
        *event == ConsensusEvent::Opened { slot: S1 }
    });
    let choose = crate::Timers::new(&world.genesis.params).candidate_wait().0;
    clock.advance(Millis(choose - 1)).unwrap();
    wait_for_readings();
    clock.set(Timestamp(500_000));
    wait_for_readings();
    clock.advance(Millis(1)).unwrap();
    worker.wake();
    wait_for(&events, |event| {
        matches!(event, ConsensusEvent::Decided { slot: S1, .. })
    });
}
