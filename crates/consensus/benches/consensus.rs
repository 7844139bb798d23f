//! What it costs a validator to decide a slot, beside the signatures that this takes.
//!
//! `N` engines in one process decide slot after slot, without faults, with empty blocks, on the
//! production parameters with one header per slot. Every figure is processor time of this process,
//! per decision and validator: what a benchmark of `decision_*` counts is the calls of
//! `Engine::step_all`, the doing of what it says on the spot (sign, say that something is stored),
//! and the making of the header. It does not count the network between: who gets which message is
//! worked out, and bodies are handed out, between two moments in which all validators work.
//!
//! - `decision_nN`: what waits together is handed in together, as the worker's thread does with its
//!   queue: all messages of one moment.
//! - `…_one_by_one`: a step for each message.
//! - `…_no_signatures`: signatures are zeroes and nobody looks at them.
//! - `floor_nN`: the signatures alone: two quorums verified, one header verified, three made.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a benchmark may stop where it cannot go on"
)]

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, criterion_group, criterion_main};
use picot_clock::{Millis, SlotClock, Timestamp};
use picot_consensus::{
    BatchVerifier, Config, Engine, Input, Message, Output, Peer, Request, SignResult, Unsigned,
    Verifier, thread_starts,
};
use picot_crypto::BatchEntry;
use picot_execution::Base;
use picot_models::mocks::{genesis_with, key};
use picot_models::{
    Address, Block, BlockEnvelope, ChainParams, Genesis, Header, ProposalPolicy, PublicKey,
    SecretKey, Signature, SignedHeader, Slot, operations_hash,
};
use picot_selector::{Config as SelectorConfig, Selector, StakeSelector};
use picot_storage::MemoryArchive;
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

const VALIDATORS: [u64; 4] = [4, 16, 64, 128];
/// Rolls of each validator.
const ROLLS: u64 = 100;
/// Validators that one tells what it has.
const TOLD: usize = 12;
/// From one moment to the next.
const DELAY: Millis = Millis(20);

/// Whether signatures are made and checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signatures {
    Ed25519,
    Off,
}

/// What goes into one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Steps {
    /// All that waits.
    Drained,
    /// One message.
    OneByOne,
}

/// Takes every signature for good.
struct NoVerifier;

impl Verifier for NoVerifier {
    fn bad(&self, entries: &[BatchEntry]) -> Vec<usize> {
        black_box(entries);
        Vec::new()
    }
}

/// Processor time of this process so far: other processes of the machine do not count.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap(),
        time.tv_nsec.try_into().unwrap(),
    )
}

/// Measures intervals without what reading the clock costs.
#[derive(Debug, Clone, Copy)]
struct Stopwatch {
    nothing: Duration,
}

impl Stopwatch {
    fn new() -> Self {
        let nothing = || {
            let start = cpu_time();
            cpu_time() - start
        };
        Self {
            nothing: (0..1_000).map(|_| nothing()).min().unwrap(),
        }
    }

    fn time<R>(self, action: impl FnOnce() -> R) -> (R, Duration) {
        let start = cpu_time();
        let result = action();
        let spent = cpu_time() - start;
        (result, spent.saturating_sub(self.nothing))
    }
}

struct Signer {
    key: SecretKey,
    public_key: PublicKey,
    signatures: Signatures,
}

impl Signer {
    fn new(number: u64, signatures: Signatures) -> Self {
        let key = key(number);
        Self {
            public_key: key.public_key(),
            key,
            signatures,
        }
    }

    fn sign(&self, id: &picot_crypto::Hash) -> Signature {
        match self.signatures {
            Signatures::Ed25519 => self.key.sign(id),
            Signatures::Off => Signature([0; 64]),
        }
    }

    fn sign_all(&self, unsigned: Vec<Unsigned>) -> Vec<SignResult> {
        let sign = |one: Unsigned| {
            let id = one.to_request().id;
            one.seal(self.sign(&id))
        };
        unsigned.into_iter().map(sign).collect()
    }

    fn block(&self, genesis: &Genesis, slot: Slot, parents: Vec<picot_models::BlockId>) -> Block {
        let header = Header {
            version: genesis.params.protocol_version,
            slot,
            parents,
            operations_hash: operations_hash([]),
            operation_count: 0,
            endorsements: Vec::new(),
            denunciations: Vec::new(),
        };
        let prepared = SignedHeader::prepare(header, self.public_key, &genesis.chain_id());
        let signature = self.sign(prepared.id().as_hash());
        Block {
            header: Arc::new(prepared.seal(signature)),
            operations: Vec::new(),
        }
    }
}

struct Node {
    engine: Engine,
    signer: Signer,
    inbox: Vec<Input>,
    sent: Vec<Output>,
}

impl Node {
    fn new(genesis: &Genesis, number: u64, signatures: Signatures) -> Self {
        let now = genesis.genesis_timestamp;
        let config = Config::of_genesis(genesis, now);
        let base = Base::genesis(genesis);
        let starts = thread_starts(&config, &base, &MemoryArchive::new()).unwrap();
        let verifier: Box<dyn Verifier> = match signatures {
            Signatures::Ed25519 => Box::new(BatchVerifier::default()),
            Signatures::Off => Box::new(NoVerifier),
        };
        let signer = Signer::new(number, signatures);
        // One for each: draws that a node works out once are worked out once by each.
        let selector =
            Arc::new(StakeSelector::new(SelectorConfig::from_params(&genesis.params)).unwrap());
        let mut node = Self {
            engine: Engine::new(config, Arc::clone(&selector) as _, verifier, starts).unwrap(),
            inbox: Vec::new(),
            sent: Vec::new(),
            signer,
        };
        let rolls = Arc::new(genesis.roll_counts());
        let mut inputs = vec![Input::Keys(vec![node.signer.public_key])];
        for cycle in 0..CYCLES {
            selector
                .feed_cycle(cycle, Arc::clone(&rolls), genesis.seed(cycle))
                .unwrap();
            inputs.push(Input::CycleReady(selector.voting_power(cycle).unwrap()));
        }
        node.step(now, inputs);
        node
    }

    /// Takes what waits.
    fn work(&mut self, now: Timestamp, steps: Steps) {
        let inputs = take(&mut self.inbox);
        match steps {
            Steps::Drained => self.step(now, inputs),
            Steps::OneByOne => {
                for input in inputs {
                    self.step(now, vec![input]);
                }
            }
        }
    }

    /// Steps until nothing is left to do here.
    fn step(&mut self, now: Timestamp, mut inputs: Vec<Input>) {
        while !inputs.is_empty() {
            for output in self.engine.step_all(now, take(&mut inputs)) {
                match output {
                    Output::StoreCandidates(blocks) => {
                        let ids = blocks.iter().map(Block::id).collect();
                        inputs.push(Input::CandidatesStored(ids));
                    }
                    Output::StoreDecided(decided) => {
                        let slots = decided.iter().map(|decided| decided.slot()).collect();
                        inputs.push(Input::DecisionsStored(slots));
                    }
                    Output::Sign(unsigned) => {
                        inputs.push(Input::Signed(self.signer.sign_all(unsigned)));
                    }
                    Output::Broadcast(_)
                    | Output::Tell(_)
                    | Output::Send { .. }
                    | Output::Ask { .. }
                    | Output::Answer { .. } => self.sent.push(output),
                    Output::Blame { .. }
                    | Output::Evidence(_)
                    | Output::ForeignSignature { .. } => {
                        panic!("nobody does wrong here: {output:?}")
                    }
                    // Everyone has it from who made it, and a network drops copies.
                    Output::Relay { .. }
                    | Output::Resolve(_)
                    | Output::AwaitCycle(_)
                    | Output::WakeAt(_)
                    | Output::Decided(_)
                    | Output::Lost(_)
                    | Output::CandidatesChanged
                    | Output::Event(_) => {}
                }
            }
        }
    }
}

/// Validators that decide one slot after the other.
struct World {
    genesis: Genesis,
    clock: SlotClock,
    selector: StakeSelector,
    places: BTreeMap<Address, usize>,
    nodes: Vec<Node>,
    steps: Steps,
    slot: Slot,
    now: Timestamp,
    stopwatch: Stopwatch,
    spent: Duration,
}

/// The cycles that draws are there for.
const CYCLES: u64 = 4;

impl World {
    fn new(validators: u64, signatures: Signatures, steps: Steps) -> Self {
        let params = ChainParams {
            proposal_policy: ProposalPolicy::Drawn,
            periods_per_cycle: 4_096,
            ..ChainParams::production()
        };
        let stakers: Vec<(u64, u64)> = (1..=validators).map(|number| (number, ROLLS)).collect();
        let genesis = genesis_with(params, &stakers);
        let selector = StakeSelector::new(SelectorConfig::from_params(&genesis.params)).unwrap();
        for cycle in 0..CYCLES {
            let rolls = Arc::new(genesis.roll_counts());
            selector
                .feed_cycle(cycle, rolls, genesis.seed(cycle))
                .unwrap();
        }
        let nodes: Vec<Node> = stakers
            .iter()
            .map(|(number, _)| Node::new(&genesis, *number, signatures))
            .collect();
        let places = nodes
            .iter()
            .map(|node| Address::of_key(&node.signer.public_key))
            .zip(0..)
            .collect();
        Self {
            clock: genesis.slot_clock().unwrap(),
            now: genesis.genesis_timestamp,
            genesis,
            selector,
            places,
            nodes,
            steps,
            slot: Slot::new(1, 0),
            stopwatch: Stopwatch::new(),
            spent: Duration::ZERO,
        }
    }

    /// Has the next slot decided; the processor time that it took a validator.
    fn decide(&mut self) -> Duration {
        self.spent = Duration::ZERO;
        self.now = self.clock.start_of(self.slot).unwrap();
        for node in &mut self.nodes {
            node.inbox.push(Input::Tick);
        }
        self.moment();
        self.produce();
        while self.nodes.iter().any(|node| !node.inbox.is_empty()) {
            self.moment();
        }
        for node in &self.nodes {
            let chain = &node.engine.chains()[usize::from(self.slot.thread)];
            assert_eq!(
                chain.last_block().1,
                self.slot.period,
                "every slot has its block"
            );
        }
        self.slot = self.slot.next(self.genesis.params.thread_count).unwrap();
        self.spent / u32::try_from(self.nodes.len()).unwrap()
    }

    /// The drawn producer makes a block.
    fn produce(&mut self) {
        let drawn = self.selector.draws(self.slot).unwrap();
        let producer = self.places[drawn.producer().unwrap()];
        let node = &mut self.nodes[producer];
        let parents = node.engine.best_parents(self.slot).unwrap().ids();
        let make = || node.signer.block(&self.genesis, self.slot, parents);
        let (block, spent) = self.stopwatch.time(make);
        self.spent += spent;
        node.inbox.push(Input::OwnBlock(block));
    }

    /// Everyone takes what has arrived; what they send arrives in the next moment.
    fn moment(&mut self) {
        let (now, steps) = (self.now, self.steps);
        let nodes = &mut self.nodes;
        let ((), spent) = self.stopwatch.time(|| {
            for node in nodes {
                node.work(now, steps);
            }
        });
        self.spent += spent;
        self.now = self.now.checked_add(DELAY).unwrap();
        for from in 0..self.nodes.len() {
            for output in take(&mut self.nodes[from].sent) {
                self.carry(from, output);
            }
        }
    }

    fn carry(&mut self, from: usize, output: Output) {
        match output {
            Output::Broadcast(message) => self.deliver_to_others(from, &message),
            Output::Tell(message) => {
                let others = self.nodes.len() - 1;
                for distance in 1..=TOLD.min(others) {
                    let to = (from + distance) % self.nodes.len();
                    self.deliver(from, to, Arc::clone(&message));
                }
            }
            Output::Send { to, message } => self.deliver(from, place(to), message),
            Output::Ask {
                to: Some(to),
                request,
            } => {
                self.deliver(from, place(to), Arc::new(Message::Ask(request)));
            }
            Output::Ask { to: None, request } => {
                self.deliver_to_others(from, &Arc::new(Message::Ask(request)));
            }
            Output::Answer {
                to,
                request: Request::Body { id },
            } => {
                let block = self.nodes[from].engine.candidate(&id).unwrap();
                let body = Message::Body(envelope(block));
                self.deliver(from, place(to), Arc::new(body));
            }
            other => panic!("nobody is behind here: {other:?}"),
        }
    }

    fn deliver_to_others(&mut self, from: usize, message: &Arc<Message>) {
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            self.deliver(from, to, Arc::clone(message));
        }
    }

    fn deliver(&mut self, from: usize, to: usize, message: Arc<Message>) {
        let from = Peer(from as u64);
        self.nodes[to].inbox.push(Input::Message { from, message });
    }
}

/// The place of a node that `Peer` names.
fn place(peer: Peer) -> usize {
    peer.0.try_into().unwrap()
}

fn envelope(block: &Block) -> BlockEnvelope {
    BlockEnvelope {
        header: block.header.envelope().clone(),
        operations: Vec::new(),
    }
}

/// The signatures of a decision, and nothing else.
struct Floor {
    verifier: BatchVerifier,
    signer: Signer,
    votes: Vec<BatchEntry>,
    header: BatchEntry,
    stopwatch: Stopwatch,
}

impl Floor {
    fn new(validators: u64) -> Self {
        let quorum = picot_models::quorum(validators);
        let entry = |number: u64| {
            let message = picot_crypto::Context::Test.hash(&number.to_le_bytes());
            BatchEntry {
                message,
                public_key: key(number).public_key(),
                signature: key(number).sign(&message),
            }
        };
        Self {
            verifier: BatchVerifier::default(),
            signer: Signer::new(1, Signatures::Ed25519),
            votes: (1..=quorum).map(entry).collect(),
            header: entry(1),
            stopwatch: Stopwatch::new(),
        }
    }

    fn decide(&self) -> Duration {
        let ((), spent) = self.stopwatch.time(|| {
            for _ in 0..2 {
                assert!(self.verifier.bad(black_box(&self.votes)).is_empty());
            }
            assert!(self.verifier.bad(black_box(&[self.header])).is_empty());
            for _ in 0..3 {
                black_box(self.signer.sign(black_box(&self.header.message)));
            }
        });
        spent
    }
}

fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut decide: impl FnMut() -> Duration,
) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| decide()).sum());
    });
}

fn consensus(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("consensus");
    group
        .sample_size(20)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4));
    for validators in VALIDATORS {
        let floor = Floor::new(validators);
        measure(&mut group, &format!("floor_n{validators}"), || {
            floor.decide()
        });
        for (suffix, signatures, steps) in [
            ("", Signatures::Ed25519, Steps::Drained),
            ("_no_signatures", Signatures::Off, Steps::Drained),
            ("_one_by_one", Signatures::Ed25519, Steps::OneByOne),
            (
                "_no_signatures_one_by_one",
                Signatures::Off,
                Steps::OneByOne,
            ),
        ] {
            let name = format!("decision_n{validators}{suffix}");
            // Made only if it is measured.
            let mut world = None;
            measure(&mut group, &name, || {
                world
                    .get_or_insert_with(|| World::new(validators, signatures, steps))
                    .decide()
            });
        }
    }
    group.finish();
}

criterion_group!(benches, consensus);
criterion_main!(benches);
