//! A network of engines on virtual time, with delivery that a test controls.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test ends where its world breaks"
)]

use super::kit_node::KitNode;
use crate::answers::answer_outcomes;
use crate::worker::envelope;
use crate::{BehindReason, Config, ConsensusEvent, Input, Message, Output, Peer, Request};
use picot_clock::{Millis, SlotClock, Timestamp};
use picot_execution::Base;
use picot_models::mocks::{genesis_with, key};
use picot_models::{
    Address, Block, BlockId, ChainParams, Genesis, Header, SecretKey, SignedHeader,
    SignedOperation, Slot, operations_hash,
};
use picot_selector::{Config as SelectorConfig, Selector, StakeSelector};
use picot_serialization::Encode;
use picot_storage::BlockArchive;
use picot_wallet::{ClaimKind, SignRequest};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What becomes of a message on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It arrives after so many milliseconds.
    After(u64),
    /// It is lost.
    Lost,
}

enum Event {
    Message {
        from: usize,
        to: usize,
        message: Arc<Message>,
    },
    Wake {
        node: usize,
    },
}

/// Decides what becomes of a message: sender, receiver, message, the usual delay.
type Post = Box<dyn FnMut(usize, usize, &Message) -> Delivery>;

/// N engines on an in-memory queue. Everything is deterministic.
pub struct Kit {
    /// The nodes. Node `i` is `Peer(i)` to the others, and has the key `key(i + 1)`.
    pub nodes: Vec<KitNode>,
    /// The time.
    pub now: Timestamp,
    /// The chain.
    pub genesis: Genesis,
    /// The draws, the same for all.
    pub selector: Arc<StakeSelector>,
    /// Operations that producers put into their blocks, by slot.
    pub operations: BTreeMap<Slot, Vec<SignedOperation>>,
    post: Post,
    sides: Vec<usize>,
    queue: BTreeMap<(Timestamp, u64), Event>,
    numbers: u64,
}

/// The cycles that draws are there for.
const CYCLES: u64 = 64;

impl Kit {
    /// One node for each entry, with so many rolls, on the development parameters with one thread
    /// and the policy `ranked-draw` over all producers. Messages take 5 ms.
    #[must_use]
    pub fn new(rolls: &[u64]) -> Self {
        let params = ChainParams {
            thread_count: 1,
            ..ChainParams::dev()
        };
        Self::with_params(params, rolls)
    }

    /// As [`new`](Self::new), on these parameters.
    #[must_use]
    pub fn with_params(params: ChainParams, rolls: &[u64]) -> Self {
        let stakers: Vec<(u64, u64)> = (1..).zip(rolls.iter().copied()).collect();
        let genesis = genesis_with(params, &stakers);
        let selector = StakeSelector::new(SelectorConfig {
            kept_cycles: CYCLES as usize,
            ..SelectorConfig::from_params(&genesis.params)
        })
        .unwrap();
        let rolls_by_address = Arc::new(genesis.roll_counts());
        for cycle in 0..CYCLES {
            let rolls = Arc::clone(&rolls_by_address);
            selector
                .feed_cycle(cycle, rolls, genesis.seed(cycle))
                .unwrap();
        }
        let mut kit = Self {
            nodes: rolls
                .iter()
                .zip(1..)
                .map(|(_, number)| KitNode::new(vec![key(number)]))
                .collect(),
            now: genesis.genesis_timestamp,
            selector: Arc::new(selector),
            operations: BTreeMap::new(),
            post: Box::new(|_, _, _| Delivery::After(5)),
            sides: vec![0; rolls.len()],
            queue: BTreeMap::new(),
            numbers: 0,
            genesis,
        };
        for node in 0..kit.nodes.len() {
            kit.start(node);
        }
        kit
    }

    /// The calendar.
    #[must_use]
    pub fn clock(&self) -> SlotClock {
        self.genesis.slot_clock().unwrap()
    }

    /// The secret key of a node.
    #[must_use]
    pub fn key(&self, node: usize) -> SecretKey {
        key(node as u64 + 1)
    }

    /// The node whose key an address is of.
    #[must_use]
    pub fn node_of(&self, address: &Address) -> usize {
        let found = self
            .nodes
            .iter()
            .position(|node| node.wallet.key_of(address).is_some());
        found.unwrap()
    }

    /// The node that coordinates a round.
    #[must_use]
    pub fn coordinator(&self, slot: Slot, round: u32) -> usize {
        self.node_of(&self.selector.coordinator(slot, round).unwrap())
    }

    /// The node at a place of the producer ranking.
    #[must_use]
    pub fn ranked(&self, slot: Slot, rank: usize) -> usize {
        self.node_of(&self.selector.producer_ranking(slot, usize::MAX).unwrap()[rank])
    }

    /// What becomes of messages from now on.
    pub fn post(&mut self, post: impl FnMut(usize, usize, &Message) -> Delivery + 'static) {
        self.post = Box::new(post);
    }

    /// Cuts the network: `"01|23"` puts nodes 0 and 1 on one side, 2 and 3 on the other. A node
    /// that is not named is alone.
    pub fn split(&mut self, sides: &str) {
        self.sides = (1_000..).take(self.nodes.len()).collect();
        for (side, nodes) in sides.split('|').enumerate() {
            for node in nodes.chars().filter_map(|digit| digit.to_digit(10)) {
                self.sides[node as usize] = side;
            }
        }
    }

    /// Joins all sides again.
    pub fn heal(&mut self) {
        self.sides = vec![0; self.nodes.len()];
    }

    /// A node's configuration when it starts now.
    #[must_use]
    pub fn config(&self) -> Config {
        Config::of_genesis(&self.genesis, self.now)
    }

    /// Starts a node from what survived.
    pub fn start(&mut self, node: usize) {
        let config = self.config();
        self.start_with(node, config);
    }

    /// Starts a node with a configuration of the test's.
    pub fn start_with(&mut self, node: usize, config: Config) {
        let selector: Arc<dyn Selector> = Arc::<StakeSelector>::clone(&self.selector);
        let base = self.nodes[node].base.clone();
        let base = base.unwrap_or_else(|| Base::genesis(&self.genesis));
        let mut inputs = self.nodes[node].start(config, &base, selector);
        let ready = self.selector.ready_cycles();
        let validators = ready
            .iter()
            .map(|cycle| self.selector.voting_power(*cycle).unwrap());
        inputs.extend(validators.map(Input::CycleReady));
        inputs.push(Input::Tick);
        for input in inputs {
            self.input(node, input);
        }
    }

    /// Ends a node at once.
    pub fn crash(&mut self, node: usize) {
        self.nodes[node].engine = None;
    }

    /// A message arrives at a node, whoever signed it.
    pub fn inject(&mut self, from: usize, to: usize, message: Message) {
        let message = Arc::new(message);
        self.input(
            to,
            Input::Message {
                from: Peer(from as u64),
                message,
            },
        );
    }

    /// Runs until a condition holds; false if it does not within `limit_ms`.
    pub fn run_until(&mut self, limit_ms: u64, mut holds: impl FnMut(&Self) -> bool) -> bool {
        let end = Timestamp(self.now.0 + limit_ms);
        loop {
            if holds(self) {
                return true;
            }
            match self.queue.first_key_value() {
                Some(((at, _), _)) if *at <= end => self.next_event(),
                _ => {
                    self.now = end;
                    return holds(self);
                }
            }
        }
    }

    /// Runs for a time.
    pub fn run_for(&mut self, length_ms: u64) {
        self.run_until(length_ms, |_| false);
    }

    /// Lets time pass without running anything, as when all nodes are off.
    pub fn sleep(&mut self, length_ms: u64) {
        self.now = Timestamp(self.now.0 + length_ms);
    }

    /// Runs until all nodes that are up have decided a slot, and gives its value.
    ///
    /// # Panics
    /// If they do not within `limit_ms`, or if they decide differently.
    pub fn decide(&mut self, slot: Slot, limit_ms: u64) -> picot_models::Value {
        let decided = self.run_until(limit_ms, |kit| kit.all_decided(slot));
        assert!(
            decided,
            "slot {slot} is not decided everywhere: {}",
            self.state()
        );
        self.check_agreement();
        let up = self
            .nodes
            .iter()
            .find(|node| node.engine.is_some())
            .unwrap();
        up.decided_value(slot).unwrap()
    }

    /// Whether all nodes that are up have decided a slot.
    #[must_use]
    pub fn all_decided(&self, slot: Slot) -> bool {
        self.nodes
            .iter()
            .filter(|node| node.engine.is_some())
            .all(|node| node.next_period(slot.thread) > slot.period)
    }

    /// Why a node is behind, if it is.
    ///
    /// # Panics
    /// If it is down.
    #[must_use]
    pub fn behind(&self, node: usize) -> Option<BehindReason> {
        let engine = self.nodes[node].engine.as_ref().unwrap();
        engine.summary(self.now).behind
    }

    /// A line that shows where every node is.
    #[must_use]
    pub fn state(&self) -> String {
        let node = |node: &KitNode| match &node.engine {
            None => "down".to_owned(),
            Some(engine) => format!("{:?}", engine.open_slots().collect::<Vec<_>>()),
        };
        self.nodes.iter().map(node).collect::<Vec<_>>().join("; ")
    }

    /// No two nodes decided a slot differently, and every decided block is held.
    ///
    /// # Panics
    /// If they did.
    pub fn check_agreement(&self) {
        let mut values = BTreeMap::new();
        for node in &self.nodes {
            for thread in 0..self.genesis.params.thread_count {
                for decided in node.archive.decided_from(thread, 1, usize::MAX).unwrap() {
                    let value = decided.outcome.value();
                    let known = values.entry(decided.slot()).or_insert(value);
                    assert_eq!(*known, value, "slot {} is decided twice", decided.slot());
                    assert_eq!(value.block(), decided.block.map(|block| block.id()));
                }
            }
        }
    }

    /// Gives a node an input, and does what it says.
    pub fn input(&mut self, node: usize, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now = Timestamp(self.now.0 + self.nodes[node].clock_ahead_ms);
            let Some(engine) = &mut self.nodes[node].engine else {
                return;
            };
            for output in engine.step(now, input) {
                self.execute(node, output, &mut inputs);
                if self.nodes[node].engine.is_none() {
                    return;
                }
            }
        }
    }

    fn execute(&mut self, node: usize, output: Output, inputs: &mut VecDeque<Input>) {
        let it = &mut self.nodes[node];
        match output {
            Output::StoreCandidates(blocks) => {
                if it.archive.store_candidates(&blocks).is_ok() && it.persisted() {
                    let ids = blocks.iter().map(Block::id).collect();
                    inputs.push_back(Input::CandidatesStored(ids));
                }
            }
            Output::StoreDecided(decided) => {
                it.archive.store_decided(&decided).unwrap();
                if it.persisted() {
                    let slots = decided.iter().map(|decided| decided.slot()).collect();
                    inputs.push_back(Input::DecisionsStored(slots));
                }
            }
            Output::Sign(unsigned) => {
                let signed = it.wallet.sign_all(unsigned);
                if it.persisted() {
                    inputs.push_back(signed);
                }
            }
            Output::Broadcast(message) | Output::Tell(message) => {
                it.sent.push(Arc::clone(&message));
                for to in 0..self.nodes.len() {
                    self.carry(node, to, Arc::clone(&message));
                }
            }
            Output::Send { to, message } => self.carry(node, to.0 as usize, message),
            Output::Relay { message, .. } => it.relayed.push(message),
            Output::CandidatesChanged | Output::AwaitCycle(_) => {}
            Output::Ask { to, request } => self.ask(node, to, request, inputs),
            Output::Answer { to, request } => self.answer(node, to.0 as usize, request),
            Output::Resolve(id) => {
                let block = it.archive.block(&id).unwrap();
                let slot = block.map(|block| block.slot()).filter(|slot| {
                    it.decided_value(*slot).and_then(|value| value.block()) == Some(id)
                });
                inputs.push_back(Input::Resolved { id, slot });
            }
            Output::WakeAt(at) => self.wake(node, at),
            Output::Decided(decided) => it.decided.push(decided),
            Output::Lost(_) => it.lost_blocks += 1,
            Output::Evidence(denunciation) => it.evidence.push(denunciation),
            Output::Blame { peer, fault } => it.blamed.push((peer, fault)),
            Output::ForeignSignature { address, .. } => it.foreign.push(address),
            Output::Event(event) => {
                it.events.push(event.clone());
                if let ConsensusEvent::Opened { slot } = event {
                    inputs.extend(self.produce(node, slot).map(Input::OwnBlock));
                }
            }
        }
    }

    fn wake(&mut self, node: usize, at: Timestamp) {
        let at = Timestamp(at.0.saturating_sub(self.nodes[node].clock_ahead_ms)).max(self.now);
        self.nodes[node].wake_at = Some(at);
        self.schedule(at, Event::Wake { node });
    }

    fn schedule(&mut self, at: Timestamp, event: Event) {
        self.numbers += 1;
        self.queue.insert((at, self.numbers), event);
    }

    fn carry(&mut self, from: usize, to: usize, message: Arc<Message>) {
        if from == to || to >= self.nodes.len() || self.sides[from] != self.sides[to] {
            return;
        }
        if let Delivery::After(delay_ms) = (self.post)(from, to, &message) {
            let at = Timestamp(self.now.0 + delay_ms);
            self.schedule(at, Event::Message { from, to, message });
        }
    }

    fn ask(
        &mut self,
        node: usize,
        to: Option<Peer>,
        request: Request,
        inputs: &mut VecDeque<Input>,
    ) {
        if let Request::Body { id } = request
            && let Some(block) = self.nodes[node].archive.block(&id).unwrap()
        {
            inputs.push_back(Input::Body(block));
            return;
        }
        let message = Arc::new(Message::Ask(request));
        let all = 0..self.nodes.len();
        let asked: Vec<usize> = to.map_or(all.collect(), |to| vec![to.0 as usize]);
        for to in asked {
            self.carry(node, to, Arc::clone(&message));
        }
    }

    fn answer(&mut self, node: usize, to: usize, request: Request) {
        let it = &self.nodes[node];
        let messages: Vec<Message> = match request {
            Request::Body { id } if it.gives_bodies => {
                let held = it
                    .engine
                    .as_ref()
                    .and_then(|engine| engine.candidate(&id).cloned());
                let block = held.or_else(|| it.archive.block(&id).unwrap());
                block
                    .map(|block| Message::Body(envelope(&block)))
                    .into_iter()
                    .collect()
            }
            Request::Outcomes { thread, period } => {
                answer_outcomes(&it.archive, thread, period).unwrap()
            }
            Request::Body { .. } | Request::Certificate { .. } => Vec::new(),
        };
        for message in messages {
            self.carry(node, to, Arc::new(message));
        }
    }

    fn next_event(&mut self) {
        let Some(((at, _), event)) = self.queue.pop_first() else {
            return;
        };
        self.now = self.now.max(at);
        match event {
            Event::Wake { node } => {
                if self.nodes[node].wake_at == Some(at) {
                    self.input(node, Input::Tick);
                }
            }
            Event::Message { from, to, message } => {
                if self.sides[from] == self.sides[to] {
                    let from = Peer(from as u64);
                    self.input(to, Input::Message { from, message });
                }
            }
        }
    }

    /// The block of a node for a slot that just opened there on time, if it may propose.
    fn produce(&mut self, node: usize, slot: Slot) -> Option<Block> {
        let start = self.clock().start_of(slot).ok()?;
        if !self.nodes[node].produces || self.now > Timestamp(start.0 + self.clock().t0().0) {
            return None;
        }
        let key = self.key(node);
        let address = Address::of_key(&key.public_key());
        let rank = self.selector.producer_rank(slot, &address).ok()??;
        if !self.genesis.params.proposal_policy.allows_rank(rank) {
            return None;
        }
        let parents = self.nodes[node].engine.as_ref()?.best_parents(slot)?.ids();
        let operations = self.operations.get(&slot).cloned().unwrap_or_default();
        let block = self.build(node, slot, parents, operations)?;
        self.nodes[node].persisted().then_some(block)
    }

    /// A block of a node, claimed in its signing log.
    pub fn build(
        &mut self,
        node: usize,
        slot: Slot,
        parents: Vec<BlockId>,
        operations: Vec<SignedOperation>,
    ) -> Option<Block> {
        let header = Header {
            version: self.genesis.params.protocol_version,
            slot,
            parents,
            operations_hash: operations_hash(operations.iter().map(|operation| operation.id())),
            operation_count: operations.len() as u32,
            endorsements: Vec::new(),
            denunciations: Vec::new(),
        };
        let key = self.key(node);
        let payload = header.to_bytes();
        let prepared = SignedHeader::prepare(header, key.public_key(), &self.genesis.chain_id());
        let request = SignRequest {
            address: Address::of_key(&key.public_key()),
            kind: ClaimKind::Header,
            slot,
            round: 0,
            id: *prepared.id().as_hash(),
            payload,
        };
        let signature = self.nodes[node].wallet.sign(&[request]).pop()??;
        Some(Block {
            header: Arc::new(prepared.seal(signature)),
            operations: operations.into_iter().map(Arc::new).collect(),
        })
    }

    /// As many milliseconds.
    #[must_use]
    pub fn t0_ms(&self) -> u64 {
        let Millis(t0) = self.clock().t0();
        t0
    }
}
