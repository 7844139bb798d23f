//! A node of mocks around one producer.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
};

use parking_lot::Mutex;
use picot_clock::{ManualClock, Millis, Slot, Tick, Timestamp};
use picot_consensus::{BestParents, ConsensusError, mocks::MockConsensus};
use picot_execution::{ExecutionSummary, Totals, mocks::MockExecution};
use picot_models::Hash;
use picot_models::{
    Address, Amount, Block, BlockId, Endorsement, SecretKey, Signed, SignedEndorsement,
    SignedOperation,
    mocks::{address, chain_id, key, key_in_thread, transfer},
};
use picot_pool::mocks::MockPool;
use picot_selector::{SlotDraws, mocks::MockSelector};
use picot_storage::mocks::MockStorage;
use picot_wallet::{SignRequest, WalletError, mocks::MockWallet};

use crate::{
    BlockProducer, Collaborators, Config, Event, HistoryEntry, MemoryHistory, SkipReason,
    mocks::{MockConnection, MockHistoryLog, config},
};

/// The slot of most tests: of the development chain, whose production deadline is 250 ms and whose
/// slots last 500 ms.
pub(super) const SLOT: Slot = Slot::new(20, 1);
/// Its parent in its own thread.
pub(super) const PARENT_SLOT: Slot = Slot::new(19, 1);
/// When [`SLOT`] starts: 40.5 s after the genesis of [`config`].
pub(super) const START: Timestamp = Timestamp(1_000_000 + 40_500);

/// A question to a collaborator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Addresses,
    Ranks,
    Parents,
    Endorsements,
    Endorsers,
    Executed,
    Ancestors,
    Batches,
    Balances,
    Denunciations,
    FreshParents,
    Signing,
    Storing,
    Registering,
    Recording,
}

/// Mocks that expect nothing yet.
pub(super) struct World {
    pub(super) config: Config,
    pub(super) clock: ManualClock,
    pub(super) selector: MockSelector,
    pub(super) wallet: MockWallet,
    pub(super) consensus: MockConsensus,
    pub(super) pool: MockPool,
    pub(super) execution: MockExecution,
    pub(super) storage: MockStorage,
    pub(super) connection: MockConnection,
    pub(super) history: Arc<MemoryHistory>,
    /// Instead of `history`, if a test wants to.
    pub(super) log: Option<MockHistoryLog>,
    pub(super) registered: Arc<Mutex<Vec<Block>>>,
}

/// A producer among its mocks.
pub(super) struct Running {
    pub(super) producer: BlockProducer,
    pub(super) clock: ManualClock,
    pub(super) history: Arc<MemoryHistory>,
    pub(super) registered: Arc<Mutex<Vec<Block>>>,
}

/// At the start of [`SLOT`], with mocks that expect nothing: a call that a test does not name fails
/// it.
pub(super) fn silent() -> World {
    World {
        config: config(),
        clock: ManualClock::new(START),
        selector: MockSelector::new(),
        wallet: MockWallet::new(),
        consensus: MockConsensus::new(),
        pool: MockPool::new(),
        execution: MockExecution::new(),
        storage: MockStorage::new(),
        connection: connected(),
        history: Arc::new(MemoryHistory::new(100)),
        log: None,
        registered: Arc::default(),
    }
}

/// Somebody always hears us.
fn connected() -> MockConnection {
    let mut connection = MockConnection::new();
    connection.expect_cut_off().returning(|| None);
    connection
}

/// One address with rank 0, parents known, nothing to include, and everybody answering; but for
/// these questions, which the test answers itself.
pub(super) fn world_without(own: &[Ask]) -> World {
    let mut world = silent();
    let usual = [
        (Ask::Addresses, World::usual_addresses as fn(&mut World)),
        (Ask::Ranks, World::usual_ranks),
        (Ask::Parents, World::usual_parents),
        (Ask::Endorsements, World::usual_endorsements),
        (Ask::Endorsers, World::usual_endorsers),
        (Ask::Executed, World::usual_executed),
        (Ask::Batches, World::usual_batches),
        (Ask::Balances, World::usual_balances),
        (Ask::Denunciations, World::usual_denunciations),
        (Ask::Signing, World::usual_signing),
        (Ask::Storing, World::usual_storing),
        (Ask::Registering, World::usual_registering),
    ];
    for (ask, expect) in usual {
        if !own.contains(&ask) {
            expect(&mut world);
        }
    }
    world
}

pub(super) fn world() -> World {
    world_without(&[])
}

impl World {
    fn usual_addresses(&mut self) {
        self.wallet
            .expect_addresses()
            .returning(|| vec![address(1)]);
    }

    fn usual_ranks(&mut self) {
        self.selector
            .expect_producer_rank()
            .returning(|_, _| Ok(Some(0)));
    }

    fn usual_parents(&mut self) {
        self.consensus
            .expect_best_parents()
            .returning(|_, _| Ok(parents(1)));
    }

    fn usual_endorsements(&mut self) {
        self.pool
            .expect_endorsements_for()
            .returning(|_, _| vec![None; 4]);
    }

    fn usual_endorsers(&mut self) {
        self.selector
            .expect_draws()
            .returning(|slot| Ok(Arc::new(endorser_draws(slot))));
    }

    fn usual_executed(&mut self) {
        self.execution.expect_summary().returning(|| summary(SLOT));
        self.execution
            .expect_executed_operations()
            .returning(|_| Ok(BTreeSet::new()));
    }

    fn usual_batches(&mut self) {
        self.pool.expect_batch().returning(|_, _, _, _| vec![]);
    }

    fn usual_balances(&mut self) {
        let rich = Ok(Some(Amount::from_nanos(1_000)));
        self.execution
            .expect_balance()
            .returning(move |_, _| rich.clone());
    }

    fn usual_denunciations(&mut self) {
        self.pool.expect_denunciations_for().returning(|_| vec![]);
    }

    fn usual_signing(&mut self) {
        self.wallet
            .expect_public_key()
            .returning(|asked| Some(key_of(asked).public_key()));
        self.wallet.expect_sign_claimed().returning(sign);
    }

    fn usual_storing(&mut self) {
        self.storage.expect_put_block().returning(|_| ());
    }

    fn usual_registering(&mut self) {
        let registered = self.registered.clone();
        self.consensus
            .expect_register_block()
            .returning(move |block| {
                registered.lock().push(block);
                Ok(())
            });
    }

    /// The pool offers these, one batch after the other, and then nothing.
    pub(super) fn offers(&mut self, batches: Vec<Vec<Arc<SignedOperation>>>) {
        let mut batches = batches.into_iter();
        self.pool
            .expect_batch()
            .returning(move |_, _, _, _| batches.next().unwrap_or_default());
    }

    pub(super) fn run(self) -> Running {
        let Self {
            config,
            clock,
            history,
            registered,
            ..
        } = self;
        let parts = Collaborators {
            clock: Arc::new(clock.clone()),
            selector: Arc::new(self.selector),
            wallet: Arc::new(self.wallet),
            consensus: Arc::new(self.consensus),
            pool: Arc::new(self.pool),
            execution: Arc::new(self.execution),
            storage: Arc::new(self.storage),
            connection: Arc::new(self.connection),
            history: match self.log {
                Some(log) => Arc::new(log),
                None => history.clone(),
            },
        };
        let producer = BlockProducer::new(&config, &parts).unwrap();
        Running {
            producer,
            clock,
            history,
            registered,
        }
    }

    /// The lines of one step at [`SLOT`].
    pub(super) fn entries(self) -> Vec<HistoryEntry> {
        self.run().step(SLOT)
    }

    /// The one line of one step at [`SLOT`].
    pub(super) fn entry(self) -> HistoryEntry {
        let entries = self.entries();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries[0].clone()
    }

    /// The reason in the one line of one step at [`SLOT`].
    pub(super) fn reason(self) -> SkipReason {
        reason_of(&self.entry())
    }

    /// The one block of one step at [`SLOT`].
    pub(super) fn block(self) -> Block {
        let mut running = self.run();
        let entries = running.step(SLOT);
        let [block] = &running.registered.lock()[..] else {
            panic!("{entries:?}")
        };
        block.clone()
    }
}

impl Running {
    pub(super) fn step(&mut self, slot: Slot) -> Vec<HistoryEntry> {
        self.producer.step(Tick {
            slot,
            skipped: None,
        })
    }

    pub(super) fn blocks(&self) -> Vec<Block> {
        self.registered.lock().clone()
    }
}

pub(super) fn reason_of(entry: &HistoryEntry) -> SkipReason {
    match &entry.event {
        Event::Skipped(skip) => skip.reason,
        other => panic!("not skipped: {other:?}"),
    }
}

pub(super) fn after_start(ms: u64) -> Timestamp {
    START.checked_add(Millis(ms)).unwrap()
}

/// A block id made of a number.
pub(super) fn block_id(number: u8) -> BlockId {
    Hash([number; 32]).into()
}

/// Parents of which that of thread 1 is made of this number.
pub(super) fn parents(own: u8) -> BestParents {
    let other = |thread: u8| (block_id(100 + thread), 19);
    BestParents {
        parents: vec![other(0), (block_id(own), 19), other(2), other(3)],
    }
}

pub(super) fn undecided() -> ConsensusError {
    ConsensusError::ParentUndecided { slot: PARENT_SLOT }
}

pub(super) fn summary(last_final_slot: Slot) -> ExecutionSummary {
    ExecutionSummary {
        last_final_slot,
        state_hash: Hash([0; 32]),
        totals: Totals::default(),
        cycle: 1,
        candidate_slot: last_final_slot,
        waiting_decided: 0,
        stopped: None,
    }
}

/// The keys 11 to 14 are drawn at the indices 0 to 3 of every slot.
pub(super) fn endorser_draws(slot: Slot) -> SlotDraws {
    SlotDraws {
        slot,
        producers: vec![],
        endorsers: (11..=14).map(address).collect(),
    }
}

/// An endorsement of the parent at an index, by a key.
pub(super) fn endorsement(index: u32, signer: u64) -> Option<Arc<SignedEndorsement>> {
    let content = Endorsement {
        slot: PARENT_SLOT,
        index,
        block: block_id(1),
    };
    Some(Arc::new(Signed::sign(content, &key(signer), &chain_id(1))))
}

/// The `number`-th sender of the slot's thread.
pub(super) fn sender(number: u64) -> SecretKey {
    key_in_thread(SLOT.thread, 4, number * 1_000)
}

/// A transfer that spends 10 nano-coins in all.
pub(super) fn pay(number: u64, nonce: u64) -> Arc<SignedOperation> {
    Arc::new(transfer(
        &sender(number),
        address(nonce),
        7,
        3,
        SLOT.period + 1,
        &chain_id(1),
    ))
}

pub(super) fn key_of(asked: &Address) -> SecretKey {
    (1..20)
        .map(key)
        .find(|key| Address::of_key(&key.public_key()) == *asked)
        .unwrap()
}

pub(super) fn sign(requests: &[SignRequest]) -> Vec<Result<picot_models::Signature, WalletError>> {
    requests
        .iter()
        .map(|request| Ok(key_of(&request.address).sign(&request.id)))
        .collect()
}

/// Where a part gets stuck until the test opens the gate by dropping it.
pub(super) struct Gate {
    pub(super) entered: Receiver<()>,
    _open_on_drop: Sender<()>,
}

/// What happens to a part over a question: it does not return before a gate is open, or it panics.
pub(super) type Trouble = Arc<dyn Fn() + Send + Sync>;

pub(super) fn gate() -> (Gate, Trouble) {
    let (entered_sender, entered) = channel();
    let (_open_on_drop, closed) = channel::<()>();
    let closed = Mutex::new(closed);
    let stuck = move || {
        entered_sender.send(()).ok();
        closed.lock().recv().unwrap_err();
    };
    (
        Gate {
            entered,
            _open_on_drop,
        },
        Arc::new(stuck),
    )
}
