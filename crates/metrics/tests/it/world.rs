//! A made-up node of two threads, and what it tells.

use crossbeam_channel::{Receiver, Sender, unbounded};
use mockall::Sequence;
use picot_block_factory::mocks::MockBlockFactory;
use picot_block_factory::{FactoryStats, Part, SkipReason};
use picot_checkpoint::mocks::MockCheckpoints;
use picot_checkpoint::{CheckpointSummary, OpenCheckpoint};
use picot_clock::{ManualClock, Millis, SlotClock, Stop};
use picot_consensus::mocks::MockConsensus;
use picot_consensus::{BehindReason, ConsensusEvent, ConsensusSummary, ThreadSummary};
use picot_endorsement_factory::mocks::MockEndorsementFactory;
use picot_execution::mocks::MockExecution;
use picot_execution::{ExecutionSummary, SlotOutput, Totals};
use picot_metrics::{
    Definition, Facts, LaneFigures, Metrics, PeerFigure, PeerFigures, ProductionFigures, Sources,
};
use picot_models::mocks::{address, chain_id, key};
use picot_models::{
    Amount, BlockId, Checkpoint, CheckpointCertificate, Hash, Signed, Slot, Timestamp,
};
use picot_pool::mocks::MockPool;
use picot_pool::{PoolStats, ThreadStats};
use picot_wallet::mocks::MockWallet;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

const GENESIS: Timestamp = Timestamp(1_000_000);
const T0: Millis = Millis(2_000);
const THREADS: u8 = 2;

/// Slot 10/0 has begun half a second ago.
const NOW: Timestamp = Timestamp(GENESIS.0 + 20_500);

pub(crate) fn block() -> BlockId {
    Hash([7; 32]).into()
}

pub(crate) fn consensus(events: Vec<Receiver<ConsensusEvent>>) -> MockConsensus {
    let mut consensus = MockConsensus::new();
    consensus.expect_summary().returning(|| ConsensusSummary {
        threads: vec![
            ThreadSummary {
                thread: 0,
                decided_period: 9,
                latest_block: (block(), 9),
                open: Some((Slot::new(10, 0), 3)),
            },
            ThreadSummary {
                thread: 1,
                decided_period: 7,
                latest_block: (block(), 7),
                open: None,
            },
        ],
        behind: Some(BehindReason::Draws { cycle: 4 }),
        decided_slots: 0,
        missed_slots: 0,
        bad_signatures: 5,
        faults: 6,
    });
    let mut order = Sequence::new();
    for events in events {
        consensus
            .expect_subscribe()
            .times(1)
            .in_sequence(&mut order)
            .return_once(move || events);
    }
    consensus
}

fn execution(finals: Receiver<Arc<SlotOutput>>) -> MockExecution {
    let mut execution = MockExecution::new();
    execution.expect_summary().returning(|| ExecutionSummary {
        last_final_slot: Slot::new(8, 0),
        state_hash: Hash([0; 32]),
        totals: Totals {
            balances: Amount::from_nanos(1_500_000_000),
            rolls: 30,
            minted: Amount::from_nanos(250_000_000),
            ..Totals::default()
        },
        cycle: 2,
        candidate_slot: Slot::new(9, 1),
        waiting_decided: 4,
        stopped: None,
    });
    let stakers = Arc::new(BTreeMap::from([(address(1), 10), (address(2), 20)]));
    execution.expect_stakers().return_const(stakers);
    execution.expect_subscribe().return_once(move || finals);
    execution
}

pub(crate) fn certified() -> CheckpointSummary {
    let checkpoint = Checkpoint {
        slot: Slot::new(7, 1),
        state_hash: Hash([0; 32]),
        validator_sets: Hash([0; 32]),
    };
    let signed = Signed::sign(checkpoint, &key(1), &chain_id(1));
    CheckpointSummary {
        certified: Some(CheckpointCertificate {
            signatures: vec![signed.into_envelope()],
        }),
        open: vec![OpenCheckpoint {
            slot: Slot::new(15, 1),
            own: None,
            power: 10,
            total_power: 40,
        }],
    }
}

fn pool() -> MockPool {
    let mut pool = MockPool::new();
    pool.expect_stats().returning(|| PoolStats {
        threads: vec![
            ThreadStats::default(),
            ThreadStats {
                operations: 11,
                not_yet_valid: 1,
                senders: 2,
                bytes: 1_200,
                evicted: 3,
                expired: 4,
            },
        ],
        endorsements: 9,
        denunciations: 1,
    });
    pool
}

fn peers() -> PeerFigures {
    let peer = |outbound, round_trip, ahead_slots| PeerFigure {
        outbound,
        reserved: outbound,
        round_trip: Some(Millis(round_trip)),
        ahead_slots,
    };
    PeerFigures {
        peers: vec![peer(true, 30, 0), peer(false, 10, 2), peer(true, 20, 1)],
        banned: 1,
        connections_inbound: 4,
        connections_outbound: 5,
        lanes: vec![LaneFigures {
            lane: "urgent".to_owned(),
            received_bytes: 100,
            sent_bytes: 200,
            queued_bytes: 3,
            dropped: 1,
        }],
        refused_packets: 8,
        clock_behind_ms: Some(-250),
    }
}

/// What a test changes of the made-up node.
pub(crate) struct Parts {
    pub(crate) consensus: MockConsensus,
    pub(crate) checkpoints: MockCheckpoints,
    pub(crate) peers: Option<PeerFigures>,
    pub(crate) own_power: Option<u64>,
}

/// A node of two threads, and the ends of its streams.
pub(crate) struct World {
    metrics: Metrics,
    pub(crate) decisions: Sender<ConsensusEvent>,
    pub(crate) finals: Sender<Arc<SlotOutput>>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.stop();
        self.thread.take().unwrap().join().unwrap();
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let (decisions, events) = unbounded();
        let mut checkpoints = MockCheckpoints::new();
        checkpoints.expect_summary().returning(|| Ok(certified()));
        Self::of(
            Parts {
                consensus: consensus(vec![events]),
                checkpoints,
                peers: Some(peers()),
                own_power: Some(15),
            },
            decisions,
        )
    }

    pub(crate) fn of(parts: Parts, decisions: Sender<ConsensusEvent>) -> Self {
        let (finals, outputs) = unbounded();
        let mut wallet = MockWallet::new();
        wallet.expect_addresses().return_const(vec![address(2)]);
        let mut blocks = MockBlockFactory::new();
        blocks.expect_is_enabled().return_const(true);
        blocks.expect_stats().returning(|| FactoryStats {
            produced: 12,
            skipped: BTreeMap::from([(SkipReason::Late, 2)]),
            left_out: BTreeMap::from([(Part::Operations, 1)]),
            missed_ticks: 7,
            latest_duration: Millis(40),
            longest_duration: Millis(90),
            lost_history_entries: 0,
        });
        let mut endorsements = MockEndorsementFactory::new();
        endorsements.expect_is_enabled().return_const(false);
        endorsements.expect_stats().returning(FactoryStats::default);
        let sources = Sources {
            facts: Facts {
                version: "1.2.3".to_owned(),
                chain: "a \"chain\"".to_owned(),
                chain_id: "chain1".to_owned(),
                roll_price: Amount::from_nanos(2_000_000_000),
                periods_per_cycle: 16,
                max_clock_drift: Millis(50),
                started_at: Timestamp(1_500),
            },
            clock: Arc::new(ManualClock::new(NOW)),
            slot_clock: SlotClock::new(GENESIS, T0, THREADS).unwrap(),
            consensus: Arc::new(parts.consensus),
            execution: Arc::new(execution(outputs)),
            checkpoints: Arc::new(parts.checkpoints),
            pool: Arc::new(pool()),
            blocks: Arc::new(blocks),
            endorsements: Arc::new(endorsements),
            wallet: Arc::new(wallet),
            production: Box::new(move || ProductionFigures {
                producing: true,
                refused_keys: 1,
                own_power: parts.own_power,
            }),
            peers: parts
                .peers
                .map(|peers| Box::new(move || peers.clone()) as _),
            stores: Box::new(|| vec![("state", 4_096), ("journal", 512)]),
            data_dir: std::env::temp_dir(),
        };
        let stop = Stop::new();
        let (metrics, thread) = Metrics::run(sources, stop.clone()).unwrap();
        Self {
            metrics,
            decisions,
            finals,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn page(&self) -> Page {
        Page::read(&self.metrics.text().unwrap())
    }

    /// The page once a series has a figure.
    pub(crate) fn page_when(&self, series: &str, figure: f64) -> Page {
        loop {
            let page = self.page();
            if page.samples.get(series) == Some(&figure) {
                return page;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A page as a reader sees it: the types of the families, and each sample by its whole name.
pub(crate) struct Page {
    pub(crate) kinds: BTreeMap<String, String>,
    samples: BTreeMap<String, f64>,
}

impl Page {
    fn read(text: &str) -> Self {
        let mut lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.pop(), Some("# EOF"));
        let mut page = Self {
            kinds: BTreeMap::new(),
            samples: BTreeMap::new(),
        };
        for line in lines {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (family, kind) = kind.split_once(' ').unwrap();
                let before = page.kinds.insert(family.to_owned(), kind.to_owned());
                assert_eq!(before, None, "{family} is told twice");
            } else if !line.starts_with('#') {
                let (series, figure) = line.rsplit_once(' ').unwrap();
                let before = page
                    .samples
                    .insert(series.to_owned(), figure.parse().unwrap());
                assert_eq!(before, None, "{series} is told twice");
            }
        }
        page
    }

    pub(crate) fn figure(&self, series: &str) -> f64 {
        *self
            .samples
            .get(series)
            .unwrap_or_else(|| panic!("no {series}"))
    }

    /// The whole name of each sample.
    pub(crate) fn series(&self) -> impl Iterator<Item = &String> {
        self.samples.keys()
    }

    pub(crate) fn has(&self, metric: &Definition) -> bool {
        self.kinds.contains_key(&metric.family())
    }
}
