//! A node of mocks around one producer.

use std::sync::Arc;

use parking_lot::Mutex;
use picot_block_factory::{
    Config, Event, HistoryEntry, MemoryHistory, SkipReason,
    mocks::{MockConnection, MockHistoryLog, config},
};
use picot_clock::{ManualClock, Slot, Tick, Timestamp};
use picot_consensus::mocks::MockConsensus;
use picot_models::{
    Address, BlockId, Hash, SecretKey, Signature, SignedEndorsement,
    mocks::{address, key},
};
use picot_pool::mocks::{MockPool, MockPropagation};
use picot_selector::{SlotDraws, mocks::MockSelector};
use picot_storage::mocks::MockStorage;
use picot_wallet::{SignRequest, WalletError, mocks::MockWallet};

use crate::{Collaborators, EndorsementProducer};

/// The slot of most tests: of the development chain, whose periods last 2 s and slots 500 ms.
pub(super) const SLOT: Slot = Slot::new(20, 1);
/// Its endorsement tick, half a period after its start.
pub(super) const TICK: Timestamp = Timestamp(1_000_000 + 40_500 + 1_000);

/// A question to a collaborator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Addresses,
    Draws,
    Block,
    Signing,
    Storing,
    Pooling,
    Announcing,
    Recording,
}

/// Mocks that expect nothing yet.
pub(super) struct World {
    pub(super) config: Config,
    pub(super) clock: ManualClock,
    pub(super) selector: MockSelector,
    pub(super) wallet: MockWallet,
    pub(super) consensus: MockConsensus,
    pub(super) storage: MockStorage,
    pub(super) pool: MockPool,
    pub(super) network: MockPropagation,
    pub(super) connection: MockConnection,
    pub(super) history: Arc<MemoryHistory>,
    /// Instead of `history`, if a test wants to.
    pub(super) log: Option<MockHistoryLog>,
    pub(super) pooled: Arc<Mutex<Vec<Arc<SignedEndorsement>>>>,
}

/// A producer among its mocks.
pub(super) struct Running {
    pub(super) producer: EndorsementProducer,
    pub(super) clock: ManualClock,
    pub(super) history: Arc<MemoryHistory>,
    pub(super) pooled: Arc<Mutex<Vec<Arc<SignedEndorsement>>>>,
}

/// At the tick of [`SLOT`], with mocks that expect nothing: a call that a test does not name fails
/// it.
pub(super) fn silent() -> World {
    World {
        config: config(),
        clock: ManualClock::new(TICK),
        selector: MockSelector::new(),
        wallet: MockWallet::new(),
        consensus: MockConsensus::new(),
        storage: MockStorage::new(),
        pool: MockPool::new(),
        network: MockPropagation::new(),
        connection: connected(),
        history: Arc::new(MemoryHistory::new(100)),
        log: None,
        pooled: Arc::default(),
    }
}

/// Somebody always hears us.
fn connected() -> MockConnection {
    let mut connection = MockConnection::new();
    connection.expect_cut_off().returning(|| None);
    connection
}

/// Our addresses are those of the keys 1 and 2; the indices 0 to 3 are drawn for the keys 1, 9, 2
/// and 1; everybody answers, but for these questions, which the test answers itself.
pub(super) fn world_without(own: &[Ask]) -> World {
    let mut world = silent();
    let usual = [
        (Ask::Addresses, World::usual_addresses as fn(&mut World)),
        (Ask::Draws, World::usual_draws),
        (Ask::Block, World::usual_block),
        (Ask::Signing, World::usual_signing),
        (Ask::Storing, World::usual_storing),
        (Ask::Pooling, World::usual_pooling),
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
    pub(super) fn usual_addresses(&mut self) {
        self.wallet
            .expect_addresses()
            .returning(|| vec![address(1), address(2)]);
    }

    pub(super) fn usual_draws(&mut self) {
        self.selector
            .expect_draws()
            .returning(|slot| Ok(Arc::new(draws(slot, &[1, 9, 2, 1]))));
    }

    fn usual_block(&mut self) {
        self.consensus
            .expect_blockclique_block()
            .returning(|_| Ok(Some(block_id())));
    }

    fn usual_signing(&mut self) {
        self.wallet
            .expect_public_key()
            .returning(|asked| Some(key_of(asked).public_key()));
        self.wallet.expect_sign_claimed().returning(sign);
    }

    fn usual_storing(&mut self) {
        self.storage.expect_put_endorsements().returning(|_| ());
    }

    fn usual_pooling(&mut self) {
        let pooled = self.pooled.clone();
        self.pool
            .expect_add_endorsements()
            .returning(move |endorsements| {
                let answers = endorsements.iter().map(|_| Ok(())).collect();
                pooled.lock().extend(endorsements);
                answers
            });
    }

    pub(super) fn run(self) -> Running {
        let Self {
            config,
            clock,
            history,
            pooled,
            ..
        } = self;
        let parts = Collaborators {
            clock: Arc::new(clock.clone()),
            selector: Arc::new(self.selector),
            wallet: Arc::new(self.wallet),
            consensus: Arc::new(self.consensus),
            storage: Arc::new(self.storage),
            pool: Arc::new(self.pool),
            network: Arc::new(self.network),
            connection: Arc::new(self.connection),
            history: match self.log {
                Some(log) => Arc::new(log),
                None => history.clone(),
            },
        };
        let producer = EndorsementProducer::new(&config, &parts).unwrap();
        Running {
            producer,
            clock,
            history,
            pooled,
        }
    }

    /// The lines of one step at [`SLOT`].
    pub(super) fn entries(self) -> Vec<HistoryEntry> {
        self.run().step(SLOT)
    }

    /// The reasons in the lines of one step at [`SLOT`].
    pub(super) fn reasons(self) -> Vec<SkipReason> {
        self.entries().iter().map(reason_of).collect()
    }
}

impl Running {
    pub(super) fn step(&mut self, slot: Slot) -> Vec<HistoryEntry> {
        self.producer.step(Tick {
            slot,
            skipped: None,
        })
    }
}

pub(super) fn reason_of(entry: &HistoryEntry) -> SkipReason {
    match &entry.event {
        Event::Skipped(skip) => skip.reason,
        other => panic!("not skipped: {other:?}"),
    }
}

pub(super) fn is_endorsed(entry: &HistoryEntry) -> bool {
    matches!(entry.event, Event::ProducedEndorsement { .. })
}

pub(super) fn block_id() -> BlockId {
    Hash([7; 32]).into()
}

/// These keys are drawn, by index.
pub(super) fn draws(slot: Slot, endorsers: &[u64]) -> SlotDraws {
    SlotDraws {
        slot,
        producers: vec![],
        endorsers: endorsers.iter().copied().map(address).collect(),
    }
}

pub(super) fn key_of(asked: &Address) -> SecretKey {
    (1..10)
        .map(key)
        .find(|key| Address::of_key(&key.public_key()) == *asked)
        .unwrap()
}

pub(super) fn sign(requests: &[SignRequest]) -> Vec<Result<Signature, WalletError>> {
    requests
        .iter()
        .map(|request| Ok(key_of(&request.address).sign(&request.id)))
        .collect()
}
