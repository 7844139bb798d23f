//! Several cores on links of the test's own, with a pool and draws that say what the test wants.

use crate::core::{Core, Reads};
use crate::{Config, Farewell, Frame, Hello, Input, Output, PROTOCOL_VERSION, Packet};
use picot_clock::{Millis, Timestamp};
use picot_consensus::{BatchVerifier, Message, Peer};
use picot_crypto::{Context, Hash};
use picot_models::mocks::{address, block, genesis_with, key, transfer};
use picot_models::{
    Ballot, Block, Carry, ChainId, ChainParams, Genesis, Signed, Slot, ThreadDigest, Value, Vote,
};
use picot_pool::mocks::MockPool;
use picot_selector::mocks::MockSelector;
use std::collections::VecDeque;
use std::sync::Arc;

pub(super) const START: Timestamp = Timestamp(10_000_000);

pub(super) fn genesis() -> Genesis {
    genesis_with(ChainParams::dev(), &[(1, 1), (2, 1)])
}

pub(super) fn chain() -> ChainId {
    genesis().chain_id()
}

pub(super) fn node(number: usize) -> Hash {
    Context::Test.hash(&[u8::try_from(number).unwrap()])
}

/// A block of the first-ranked producer, or of another.
pub(super) fn block_of(producer: u64, operations: u64) -> Block {
    let operations =
        (0..operations).map(|one| transfer(&key(1), address(2), one + 1, 1, 9, &chain()));
    let parents = genesis().block_ids();
    let slot = Slot::new(1, 0);
    block(
        &key(producer),
        slot,
        parents,
        operations.collect(),
        &chain(),
    )
}

/// A vote of a validator, one for each period.
pub(super) fn vote(validator: u64, period: u64) -> Arc<Message> {
    let vote = Vote {
        version: 1,
        slot: Slot::new(period, 0),
        round: 0,
        thread_digest: ThreadDigest::genesis(&chain(), 0),
        ballot: Ballot::Notarise {
            value: Value::Miss { through: period },
            carry: Carry::Free,
        },
    };
    Arc::new(Message::Vote(
        Signed::sign(vote, &key(validator), &chain()).into_envelope(),
    ))
}

/// A core with a pool that holds nothing and draws that rank address 1 first.
pub(super) fn core(number: usize, chain_id: ChainId) -> Core {
    let mut pool = MockPool::new();
    pool.expect_operations_by_prefix()
        .returning(|prefixes| vec![None; prefixes.len()]);
    let mut selector = MockSelector::new();
    selector
        .expect_producer_ranking()
        .returning(|_, _| Ok(vec![address(1)]));
    let reads = Reads {
        selector: Arc::new(selector),
        pool: Arc::new(pool),
        verifier: Arc::new(BatchVerifier::default()),
    };
    Core::new(
        Config::new(chain_id, ChainParams::dev(), node(number)),
        reads,
    )
    .unwrap()
}

/// What a core did that is not sending.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) heard: Vec<(Peer, Arc<Message>)>,
    pub(super) outputs: Vec<Output>,
    pub(super) farewells: Vec<(Peer, Farewell)>,
}

/// Cores, each of which knows the others as the peers of their numbers.
pub(super) struct Net {
    pub(super) cores: Vec<Core>,
    pub(super) done: Vec<Done>,
    pub(super) now: Timestamp,
    /// What went over each link: from, to, what.
    pub(super) carried: Vec<(usize, usize, Arc<Frame>)>,
    /// Links that lose everything.
    pub(super) cut: Vec<(usize, usize)>,
    queue: VecDeque<(usize, usize, Arc<Frame>)>,
}

impl Net {
    /// So many cores, with these connections, all introduced.
    pub(super) fn new(count: usize, links: &[(usize, usize)]) -> Self {
        let mut net = Self {
            cores: (0..count).map(|number| core(number, chain())).collect(),
            done: (0..count).map(|_| Done::default()).collect(),
            now: START,
            carried: Vec::new(),
            cut: Vec::new(),
            queue: VecDeque::new(),
        };
        for (one, other) in links {
            net.connect(*one, *other);
        }
        net.run_for(1_000);
        net.carried.clear();
        for done in &mut net.done {
            done.outputs.clear();
        }
        net
    }

    /// All connected to all.
    pub(super) fn mesh(count: usize) -> Self {
        let links: Vec<_> = (0..count)
            .flat_map(|one| (one + 1..count).map(move |other| (one, other)))
            .collect();
        Self::new(count, &links)
    }

    pub(super) fn connect(&mut self, one: usize, other: usize) {
        for (at, to) in [(one, other), (other, one)] {
            let connected = Input::Connected {
                peer: Peer(to as u64),
                node: node(to),
                address: None,
                outbound: at == one,
                reserved: false,
            };
            self.step(at, connected);
        }
        self.carry();
    }

    /// Gives a core an input, and carries what it sends, until nothing is on its way.
    pub(super) fn input(&mut self, at: usize, input: Input) {
        self.step(at, input);
        self.carry();
    }

    fn carry(&mut self) {
        while let Some((from, to, frame)) = self.queue.pop_front() {
            let received = Input::Received {
                from: Peer(from as u64),
                lane: frame.lane(),
                frame,
            };
            self.step(to, received);
        }
    }

    fn step(&mut self, at: usize, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for output in self.cores[at].step(self.now, input) {
                match output {
                    Output::Send { to, frame } => {
                        let (lane, bytes) = (frame.lane(), frame.len());
                        inputs.push_back(Input::Written { to, lane, bytes });
                        let to = usize::try_from(to.0).unwrap();
                        self.carried.push((at, to, Arc::clone(&frame)));
                        if to < self.cores.len() && !self.cut.contains(&(at, to)) {
                            self.queue.push_back((at, to, frame));
                        }
                    }
                    Output::Consensus { from, message } => {
                        self.done[at].heard.push((from, message))
                    }
                    Output::Disconnect { peer, reason } | Output::Ban { peer, reason, .. } => {
                        self.done[at].farewells.push((peer, reason));
                    }
                    Output::WakeAt(_) => {}
                    other => self.done[at].outputs.push(other),
                }
            }
        }
    }

    /// A packet arrives, whoever sent it.
    pub(super) fn say(&mut self, from: usize, to: usize, packet: Packet) {
        let frame = Arc::new(Frame::new(packet));
        let lane = frame.lane();
        let from = Peer(from as u64);
        self.input(to, Input::Received { from, lane, frame });
    }

    /// Time passes, in steps that are shorter than any wait.
    pub(super) fn run_for(&mut self, length_ms: u64) {
        for _ in 0..length_ms / 50 {
            self.now = self.now.checked_add(Millis(50)).unwrap();
            for at in 0..self.cores.len() {
                self.input(at, Input::Tick);
            }
        }
    }

    /// How often a core heard a message.
    pub(super) fn heard(&self, at: usize, message: &Message) -> usize {
        let heard = self.done[at].heard.iter();
        heard.filter(|(_, heard)| **heard == *message).count()
    }

    /// Bytes that went over a link, both ways.
    pub(super) fn bytes_between(&self, one: usize, other: usize) -> usize {
        self.carried
            .iter()
            .filter(|(from, to, _)| (*from, *to) == (one, other) || (*from, *to) == (other, one))
            .map(|(_, _, frame)| frame.len())
            .sum()
    }
}

/// A stranger, by a number that is no core's, connects to a core and says what it likes.
pub(super) fn stranger(net: &mut Net, at: usize, number: usize) {
    let connected = Input::Connected {
        peer: Peer(number as u64),
        node: node(number),
        address: None,
        outbound: false,
        reserved: false,
    };
    net.input(at, connected);
}

pub(super) fn hello(chain_id: ChainId) -> Packet {
    Packet::Hello(Hello {
        version: PROTOCOL_VERSION,
        chain_id,
        agent: "stranger/1".to_owned(),
    })
}
