//! A node of mocks: four threads, in period 5, final up to 4/1, with a block at 4/1 and a candidate at
//! 5/0.

use crossbeam_channel::{Receiver, Sender};
use parking_lot::Mutex;
use picot_api::types::Problem;
use picot_api::{ApiConfig, ApiContext, ApiMetrics, ApiServer, NodeFacts, Production};
use picot_checkpoint::CheckpointSummary;
use picot_checkpoint::mocks::MockCheckpoints;
use picot_clock::{ManualClock, Millis};
use picot_consensus::mocks::MockConsensus;
use picot_consensus::{
    Agreement, BehindReason, ConsensusEvent, ConsensusSummary, KnownCandidate, RoundVotes,
    SlotStatus, SlotVotes, SubjectVotes, ThreadSummary,
};
use picot_execution::mocks::MockExecution;
use picot_execution::{
    ExecutionSummary, Level, OperationOutcome, OperationStatus, Simulation, SlotOutput, Totals,
};
use picot_models::mocks::{address, block, genesis, key, transfer};
use picot_models::{
    Address, Amount, Block, BlockId, CertificateSubject, Genesis, Hash, OperationId,
    SignedOperation, Slot, Timestamp, ValidatorSet, Value,
};
use picot_pool::mocks::MockPool;
use picot_pool::{FeeLevels, PoolLimits, PoolStats, ThreadStats};
use picot_pos::{CycleInfo, ProductionStats};
use picot_selector::mocks::MockSelector;
use picot_selector::{Missing, SelectorError, SlotDraws};
use picot_storage::mocks::MockStorage;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Long enough that only something that is stuck takes it.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// Stakers 1 to 9, with as many rolls as their number, but the last two, who have the same.
pub(crate) const STAKERS: u64 = 9;

pub(crate) fn rolls_of(number: u64) -> u64 {
    number.min(8)
}

struct Facts;

impl Production for Facts {
    fn facts(&self) -> NodeFacts {
        NodeFacts {
            staking_addresses: vec![address(1), address(8)],
            producing: true,
            not_producing: None,
            blocks_produced: 3,
            endorsements_produced: 4,
            refused: BTreeMap::new(),
        }
    }
}

/// Remembers what was counted.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) answered: Mutex<Vec<(Option<String>, u16)>>,
    pub(crate) streams: Arc<AtomicUsize>,
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl ApiMetrics for Counts {
    fn page(&self) -> Option<(String, &'static str)> {
        Some(("picot_test 1\n".to_owned(), "text/plain"))
    }

    fn answered(&self, route: Option<&str>, status: u16, _duration: Duration) {
        self.answered
            .lock()
            .push((route.map(str::to_owned), status));
    }

    fn stream_opened(&self) -> Box<dyn Send> {
        self.streams.fetch_add(1, Ordering::SeqCst);
        Box::new(Counted(Arc::clone(&self.streams)))
    }
}

/// The running interface and what drives it.
pub(crate) struct World {
    pub(crate) server: ApiServer,
    pub(crate) genesis: Genesis,
    /// What the interface follows first; it is cut off once this is dropped.
    pub(crate) events: Sender<ConsensusEvent>,
    /// What it follows then.
    pub(crate) later_events: Sender<ConsensusEvent>,
    pub(crate) outputs: Sender<Arc<SlotOutput>>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) final_block: Block,
    pub(crate) candidate: Block,
    /// What execution knows of operations.
    pub(crate) statuses: Arc<Mutex<BTreeMap<OperationId, OperationStatus>>>,
}

/// What is different from the usual.
#[derive(Default)]
pub(crate) struct Setting {
    pub(crate) config: Option<ApiConfig>,
    pub(crate) behind: Option<BehindReason>,
    pub(crate) stopped: Option<String>,
}

pub(crate) fn config() -> ApiConfig {
    ApiConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        ..ApiConfig::default()
    }
}

pub(crate) fn some_transfer(genesis: &Genesis, sender: u64, amount: u64) -> SignedOperation {
    transfer(&key(sender), address(2), amount, 1, 50, &genesis.chain_id())
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Setting::default())
    }

    pub(crate) fn with(setting: Setting) -> Self {
        let genesis = genesis(&[(1, 10)]);
        let chain_id = genesis.chain_id();
        let operations = (1..=5).map(|amount| some_transfer(&genesis, 1, amount));
        let parents: Vec<BlockId> = genesis.block_ids();
        let final_block = block(
            &key(1),
            Slot::new(4, 1),
            parents.clone(),
            operations.collect(),
            &chain_id,
        );
        let candidate = block(&key(3), Slot::new(5, 0), parents, vec![], &chain_id);
        let statuses: Arc<Mutex<BTreeMap<_, _>>> = Arc::default();
        statuses.lock().insert(
            final_block.operations[0].id(),
            OperationStatus {
                slot: final_block.slot(),
                block: final_block.id(),
                outcome: OperationOutcome::Succeeded,
                level: Level::Final,
            },
        );
        let (events, event_queue) = crossbeam_channel::bounded(4_096);
        let (later_events, later_queue) = crossbeam_channel::bounded(4_096);
        let queues = [event_queue, later_queue];
        let (outputs, output_queue) = crossbeam_channel::bounded(4_096);
        let slot_clock = genesis.slot_clock().unwrap();
        let now = slot_clock.start_of(Slot::new(5, 0)).unwrap();
        let counts = Arc::new(Counts::default());
        let context = ApiContext {
            chain_id,
            genesis: Arc::new(genesis.clone()),
            slot_clock,
            clock: Arc::new(ManualClock::new(now)),
            selector: Arc::new(selector()),
            pool: Arc::new(pool(&genesis)),
            execution: Arc::new(execution(&setting, &statuses, output_queue)),
            consensus: Arc::new(consensus(&setting, &final_block, &candidate, queues)),
            storage: Arc::new(storage(&final_block, &candidate)),
            checkpoints: Arc::new(checkpoints()),
            production: Arc::new(Facts),
            peers: None,
            metrics: Some(Arc::clone(&counts) as _),
            node_version: "0.0.0",
            started_at: Timestamp(1_000),
        };
        let config = setting.config.unwrap_or_else(config);
        Self {
            server: ApiServer::start(config, Arc::new(context)).unwrap(),
            genesis,
            events,
            later_events,
            outputs,
            counts,
            final_block,
            candidate,
            statuses,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        request(self.server.address(), "GET", path, &[], b"")
    }

    /// The body of an answer that has to be good.
    pub(crate) fn read(&self, path: &str) -> Json {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    pub(crate) fn post(&self, path: &str, body: &Json) -> Answer {
        let body = serde_json::to_vec(body).unwrap();
        let json = ("content-type", "application/json");
        request(self.server.address(), "POST", path, &[json], &body)
    }

    pub(crate) fn open(&self, path: &str, headers: &[(&str, &str)]) -> TcpStream {
        let mut stream = TcpStream::connect(self.server.address()).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut head = format!("GET {path} HTTP/1.1\r\nhost: test\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        stream
    }
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// A refusal, as all of them have to look.
    pub(crate) fn problem(&self) -> Problem {
        let content_type = self.header("content-type");
        assert_eq!(content_type, "application/problem+json", "{self:?}");
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.status, self.status);
        assert!(!problem.detail.is_empty());
        problem
    }
}

/// One request on a connection of its own, written as it is given: a client would mend it.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let length = body.len();
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n"
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    // A node that refuses a body may close before it has it all.
    let _ = stream.write_all(body);
    read_answer(&mut stream)
}

/// The answer of a connection that ends with it.
pub(crate) fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut received = Vec::new();
    let mut part = [0; 65_536];
    while let Ok(count) = stream.read(&mut part) {
        if count == 0 {
            break;
        }
        received.extend_from_slice(&part[..count]);
    }
    parse(&received)
}

fn parse(received: &[u8]) -> Answer {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(received)));
    let head = String::from_utf8(received[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_lowercase(), value.trim().to_owned())
    });
    Answer {
        status: status.parse().unwrap(),
        headers: headers.collect(),
        body: received[end + 4..].to_vec(),
    }
}

fn selector() -> MockSelector {
    let mut selector = MockSelector::new();
    selector.expect_draws().returning(|slot| {
        if slot.period >= 32 {
            return Err(SelectorError::NotReady {
                cycle: 2,
                missing: Missing::Table,
            });
        }
        Ok(Arc::new(SlotDraws {
            slot,
            producers: vec![address(u64::from(slot.thread) + 1), address(7)],
            endorsers: vec![address(2)],
        }))
    });
    selector.expect_ready_cycles().returning(|| vec![0, 1]);
    selector.expect_slots_of().returning(|_, _| Ok(vec![]));
    let rank = |_, of: &Address| Ok((*of == address(3)).then_some(1));
    selector.expect_producer_rank().returning(rank);
    selector
        .expect_producer_ranking()
        .returning(|_, _| Ok(vec![address(1), address(4)]));
    let powers: BTreeMap<_, _> = (1..=STAKERS)
        .map(|it| (address(it), rolls_of(it)))
        .collect();
    let set = Arc::new(ValidatorSet::new(0, &powers).unwrap());
    selector
        .expect_voting_power()
        .returning(move |_| Ok(Arc::clone(&set)));
    selector
}

fn pool(genesis: &Genesis) -> MockPool {
    let mut pool = MockPool::new();
    pool.expect_add_operations()
        .returning(|operations| vec![Ok(()); operations.len()]);
    let held: Vec<_> = (1..=7)
        .map(|amount| Arc::new(some_transfer(genesis, 4, amount)))
        .collect();
    let known = held.clone();
    pool.expect_get()
        .returning(move |id| known.iter().find(|it| it.id() == *id).cloned());
    let known = held.clone();
    pool.expect_contains()
        .returning(move |id| known.iter().any(|it| it.id() == *id));
    pool.expect_of_sender().returning(move |sender| {
        let is_theirs = *sender == address(4);
        if is_theirs { held.clone() } else { vec![] }
    });
    pool.expect_stats().returning(|| PoolStats {
        threads: vec![
            ThreadStats {
                operations: 7,
                bytes: 1_000,
                ..ThreadStats::default()
            };
            4
        ],
        endorsements: 2,
        denunciations: 0,
    });
    pool.expect_fee_levels()
        .returning(|thread, blocks| FeeLevels {
            lowest: Some(Amount::from_nanos(10)),
            highest: Some(Amount::from_nanos(1_000_000_000_000)),
            // The first thread is full for a block, the second for two.
            to_beat: blocks
                .iter()
                .map(|count| match (thread, count) {
                    (0 | 1, 1) | (1, 2) => Amount::from_nanos(1_000_000_000_000),
                    _ => Amount::ZERO,
                })
                .collect(),
        });
    pool.expect_limits().returning(|| PoolLimits {
        max_operations_per_thread: 100,
        max_bytes_per_thread: 10_000,
        max_operations_per_sender: 10,
        min_fee: Amount::from_nanos(3),
    });
    pool
}

fn cycle_info() -> CycleInfo {
    let stats = |number: u64| ProductionStats {
        block_success_count: number,
        block_failure_count: 1,
        endorsement_success_count: 10,
        endorsement_failure_count: 2,
    };
    CycleInfo {
        roll_counts: Arc::new(
            (1..=STAKERS)
                .map(|it| (address(it), rolls_of(it)))
                .collect(),
        ),
        production_stats: Arc::new((1..=5).map(|it| (address(it), stats(it))).collect()),
        ..CycleInfo::new(0)
    }
}

fn execution(
    setting: &Setting,
    statuses: &Arc<Mutex<BTreeMap<OperationId, OperationStatus>>>,
    outputs: Receiver<Arc<SlotOutput>>,
) -> MockExecution {
    let mut execution = MockExecution::new();
    execution.expect_subscribe().return_once(move || outputs);
    let stopped = setting.stopped.clone();
    execution
        .expect_summary()
        .returning(move || ExecutionSummary {
            last_final_slot: Slot::new(4, 1),
            state_hash: Hash([5; 32]),
            totals: Totals::default(),
            cycle: 0,
            candidate_slot: Slot::new(4, 2),
            waiting_decided: 0,
            stopped: stopped.clone(),
        });
    let coins = |_, _: &Address| Ok(Some(Amount::from_nanos(1_500_000_000)));
    execution.expect_balance().returning(coins);
    execution.expect_rolls().returning(|_, _| Ok(3));
    execution
        .expect_deferred_credits()
        .returning(|_, _| Ok(BTreeMap::from([(2, Amount::from_nanos(500_000_000))])));
    execution.expect_datastore().returning(|level, _, key| {
        let is_there = level == Level::Final && key == [0x0a, 0xff];
        Ok(is_there.then(|| vec![1, 2, 0xab]))
    });
    let known = Arc::clone(statuses);
    execution
        .expect_operation_status()
        .returning(move |id| Ok(known.lock().get(id).copied()));
    execution.expect_simulate().returning(|_, sender| {
        Ok(Simulation {
            outcome: OperationOutcome::Succeeded,
            gas_used: 9,
            balances: vec![
                (address(2), None, Amount::from_nanos(5)),
                (*sender, Some(Amount::from_nanos(9)), Amount::from_nanos(3)),
            ],
            rolls: (4, 4),
            burnt: Amount::ZERO,
        })
    });
    let rolls: Arc<BTreeMap<_, _>> = Arc::new(
        (1..=STAKERS)
            .map(|it| (address(it), rolls_of(it)))
            .collect(),
    );
    execution
        .expect_stakers()
        .returning(move || Arc::clone(&rolls));
    execution.expect_known_cycles().returning(|| vec![0, 1]);
    execution
        .expect_cycle_info()
        .returning(|cycle| (cycle == 0).then(|| Arc::new(cycle_info())));
    execution
}

fn consensus(
    setting: &Setting,
    final_block: &Block,
    candidate: &Block,
    [events, later_events]: [Receiver<ConsensusEvent>; 2],
) -> MockConsensus {
    let mut consensus = MockConsensus::new();
    let mut first = Some(events);
    consensus
        .expect_subscribe()
        .returning(move || first.take().unwrap_or_else(|| later_events.clone()));
    let behind = setting.behind;
    let latest = final_block.id();
    consensus
        .expect_summary()
        .returning(move || ConsensusSummary {
            threads: (0..4)
                .map(|thread| ThreadSummary {
                    thread,
                    decided_period: 4,
                    latest_block: (latest, 4),
                    open: (thread == 0).then_some((Slot::new(5, 0), 1)),
                })
                .collect(),
            behind,
            decided_slots: 20,
            missed_slots: 1,
            bad_signatures: 0,
            faults: 0,
        });
    let (winner, open) = (final_block.id(), candidate.id());
    let status = move |slot: Slot| match slot {
        Slot { period: 0, .. } => panic!("nobody voted for the genesis"),
        Slot {
            period: 5,
            thread: 0,
        } => SlotStatus::Undecided {
            round: 1,
            opened_at: Timestamp(7),
            candidates: vec![open],
            leading: Some(open),
        },
        slot if slot == Slot::new(4, 1) => SlotStatus::Decided {
            outcome: slot,
            value: Value::Block { id: winner },
        },
        slot if slot.period < 5 => SlotStatus::Decided {
            outcome: slot,
            value: Value::Miss {
                through: slot.period,
            },
        },
        _ => SlotStatus::NotOpen,
    };
    consensus
        .expect_slot_status()
        .returning(move |slot| Ok(status(slot)));
    consensus.expect_agreement().returning(move |slot| {
        let votes = |subject, signers: &[u64]| SubjectVotes {
            subject,
            power: signers.iter().map(|it| rolls_of(*it)).sum(),
            signers: signers.iter().map(|it| address(*it)).collect(),
        };
        let value = Value::Block { id: open };
        let rounds = vec![
            RoundVotes {
                round: 0,
                subjects: vec![
                    votes(CertificateSubject::Notarise { value }, &[1, 2]),
                    votes(CertificateSubject::Nullify, &[8, 9]),
                ],
            },
            RoundVotes {
                round: 1,
                subjects: vec![votes(CertificateSubject::Finalise { value }, &[5])],
            },
        ];
        let is_open = slot == Slot::new(5, 0);
        Ok(Agreement {
            status: status(slot),
            votes: SlotVotes {
                candidates: vec![KnownCandidate {
                    id: open,
                    producer: address(3),
                }],
                canonical: Some(open),
                rounds: if is_open { rounds } else { vec![] },
            },
            outcome: None,
        })
    });
    consensus
}

fn storage(final_block: &Block, candidate: &Block) -> MockStorage {
    let blocks = [final_block.clone(), candidate.clone()];
    let mut storage = MockStorage::new();
    storage
        .expect_block()
        .returning(move |id| Ok(blocks.iter().find(|block| block.id() == *id).cloned()));
    storage
}

fn checkpoints() -> MockCheckpoints {
    let mut checkpoints = MockCheckpoints::new();
    checkpoints
        .expect_summary()
        .returning(|| Ok(CheckpointSummary::default()));
    checkpoints.expect_certificate().returning(|_| Ok(None));
    checkpoints
}

pub(crate) fn decided(slot: Slot, value: Value) -> ConsensusEvent {
    ConsensusEvent::Decided {
        slot,
        through: value.through(slot.period),
        value,
        round: 1,
        delay: Millis(123),
    }
}

pub(crate) fn output(slot: Slot, operations: Vec<(OperationId, OperationOutcome)>) -> SlotOutput {
    SlotOutput {
        slot,
        block: Some(BlockId::from(Hash([9; 32]))),
        producer: Some(address(1)),
        operations,
        minted: Amount::ZERO,
        ended_cycle: None,
        state_hash: None,
    }
}
