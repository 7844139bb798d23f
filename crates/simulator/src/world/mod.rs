//! All nodes of a run on one queue of events and one virtual clock.

mod ahead;
mod faults;
mod gathered;
mod joins;
mod links;
mod lives;
mod send;
mod settle;
mod starts;

use crate::SimError;
use crate::byzantine::Actor;
use crate::clock::NodeClock;
use crate::config::{GENESIS_TIMESTAMP, SimConfig};
use crate::connections::{Connections, graph};
use crate::durable::Disk;
use crate::fuse::Fuse;
use crate::invariants::{Checker, Invariant, Violation};
use crate::latency::MICROS_PER_MILLI;
use crate::network::Network;
use crate::node::{Joining, Node};
use crate::packet::Parcel;
use crate::queue::Queue;
use crate::random::Random;
use crate::report::Report;
use crate::scenario::Scenario;
use crate::shared_sets::SharedSets;
use crate::staking::{Recorder, Rules, StakeRecord, audit};
use crate::trace::{Happened, Trace};
use crate::verified::SharedVerifier;
use crate::witness::Witness;
use ahead::{Ahead, OwnWork};
use gathered::Gathered;
use joins::Join;
use picot_clock::{SlotClock, Timestamp};
use picot_consensus::{Engine, Message, Peer};
use picot_models::{Address, Amount, ChainId, Genesis, OperationKind, PublicKey, SecretKey, Slot};
use picot_protocol::{Input as Word, Packet};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Events after which a run that is not over is given up.
const MAX_EVENTS: u64 = 2_000_000_000;
/// After a crash whose boundary does not come, the node is ended anyway.
const CRASH_PATIENCE_US: u64 = 3_000_000;

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// The hash of everything that happened: the same for the same seed and commit.
    pub trace_hash: String,
    /// The invariant that was broken, if one was.
    pub violation: Option<Violation>,
    /// The last events, if so.
    pub last_events: Vec<String>,
    /// What was measured.
    pub report: Report,
    /// What was decided, one line for each thread.
    pub lanes: Vec<String>,
    /// The record of stakes, if one was asked for.
    pub stakes: Option<StakeRecord>,
}

/// Runs a configuration with the faults that its seed chooses.
///
/// # Errors
/// The configuration is wrong, or a node cannot be made.
pub fn run(config: &SimConfig) -> Result<Run, SimError> {
    run_scenario(config, &Scenario::new(config))
}

/// Runs a configuration with these faults.
///
/// # Errors
/// The configuration is wrong, or a node cannot be made.
pub fn run_scenario(config: &SimConfig, scenario: &Scenario) -> Result<Run, SimError> {
    config.validate()?;
    let mut world = World::new(config, scenario)?;
    let checked = world.run();
    let checked = world.heed(checked);
    let stakes = world.recorder.take().map(Recorder::into_record);
    let checked = checked.and_then(|()| check_stakes(stakes.as_ref()));
    let mut run = world.into_run(checked.err());
    run.stakes = stakes;
    Ok(run)
}

/// The record of stakes is what the rules make of its blocks.
fn check_stakes(stakes: Option<&StakeRecord>) -> Result<(), Violation> {
    let Some(record) = stakes else {
        return Ok(());
    };
    let audited = audit(record, Rules::default());
    audited
        .map(drop)
        .map_err(|failure| Violation::new(Invariant::Stakes, failure.to_string()))
}

#[derive(Debug)]
enum Event {
    Arrive {
        to: usize,
        peer: Peer,
        parcel: Parcel,
    },
    /// A node hears all that was gathered for it until now.
    Gathered(usize),
    /// A node hears that a connection is gone.
    Gone {
        node: usize,
        peer: Peer,
    },
    /// A node calls another one.
    Connect {
        one: usize,
        other: usize,
    },
    /// A node's protocol is told something that comes late.
    Say {
        node: usize,
        life: u64,
        word: Box<Word>,
    },
    Wake {
        node: usize,
        life: u64,
        at: Timestamp,
    },
    BlockTick {
        node: usize,
        life: u64,
    },
    EndorsementTick {
        node: usize,
        life: u64,
    },
    Start(usize),
    Arm(usize),
    Kill {
        node: usize,
        life: u64,
    },
    ChangeClock(usize),
    Pause(usize),
    LoseLog(usize),
    Cut(usize),
    Join(usize),
    Heal,
    Operation,
    Order(usize),
    Leave(usize),
    Return(usize),
    Spell {
        number: usize,
        begins: bool,
    },
}

/// A place for a node, up or down.
struct Member {
    address: Address,
    key: SecretKey,
    disk: Disk,
    node: Option<Box<Node>>,
    /// It is far behind, and finds out how to catch up.
    joining: Option<Joining>,
    join: Join,
    life: u64,
    /// Where it crashes in this life.
    fuse: Arc<Fuse>,
    started_at: Timestamp,
    clock: NodeClock,
    actor: Option<Actor>,
    honest: bool,
    down_us: u64,
    loses_state: bool,
    loses_log: bool,
    paused_until_us: u64,
    /// It is off until then, whoever wants to start it.
    off_until_us: u64,
    /// The wake-up that is planned.
    waits_for: Option<Timestamp>,
    seen_state: Option<Slot>,
    seen_cycles: Option<u64>,
    own_work: OwnWork,
    /// What is on its way and will be handed over together, by the time of that.
    gathered: BTreeMap<u64, Gathered>,
}

struct World<'a> {
    config: &'a SimConfig,
    scenario: &'a Scenario,
    genesis: Genesis,
    chain_id: ChainId,
    slot_clock: SlotClock,
    members: Vec<Member>,
    network: Network,
    /// Who is a peer of whom.
    graph: Vec<BTreeSet<usize>>,
    connections: Connections,
    /// The keys of those who may do anything.
    watched: Arc<BTreeSet<PublicKey>>,
    checker: Checker,
    witness: Witness,
    trace: Trace,
    report: Report,
    queue: Queue<Event>,
    verifier: SharedVerifier,
    sets: SharedSets,
    now_us: u64,
    random: Random,
    random_looks: Random,
    healed: bool,
    /// Whether anything happened since it was looked last, after which the run may be over.
    may_be_over: bool,
    /// By thread: the last period that must be decided.
    goals: Vec<u64>,
    deadline_us: u64,
    operations: u64,
    recorder: Option<Recorder>,
    /// What works on events ahead, if anything does.
    ahead: Option<Ahead>,
}

impl<'a> World<'a> {
    fn new(config: &'a SimConfig, scenario: &'a Scenario) -> Result<Self, SimError> {
        let genesis = config.genesis();
        let wrong = |field, reason: String| SimError::Config { field, reason };
        genesis
            .validate()
            .map_err(|error| wrong("rolls", error.to_string()))?;
        let slot_clock = genesis
            .slot_clock()
            .map_err(|error| wrong("params", error.to_string()))?;
        let members = starts::members(config, scenario, &genesis);
        let bad = || members.iter().filter(|member| !member.honest);
        let watched: BTreeSet<PublicKey> = bad().map(|member| member.key.public_key()).collect();
        let witness = Witness::new(watched.iter().copied());
        let byzantine: BTreeSet<Address> = bad().map(|member| member.address).collect();
        let regions = config.latencies.len().max(1);
        let places = (0..members.len()).map(|node| node % regions).collect();
        let random = Random::new(config.seed, "links");
        let mut network = Network::new(config.latencies.clone(), places, random);
        network.set_rules(scenario.rules.clone(), scenario.slow.clone());
        network.set_storms(
            scenario.storms.clone(),
            GENESIS_TIMESTAMP.0 * MICROS_PER_MILLI,
        );
        let threads = u64::from(config.params.thread_count);
        let last = slot_of_number(config.slots - 1, threads);
        let last_start = slot_clock
            .start_of(last)
            .map_err(|error| wrong("slots", error.to_string()))?;
        let is_quiet = config.byzantine.is_empty() && *scenario == Scenario::quiet(config);
        if config.gather_ms.is_some() && (!is_quiet || config.newcomers) {
            let text = "it is for runs without faults and newcomers".to_owned();
            return Err(wrong("gather_ms", text));
        }
        let ahead = if is_quiet {
            Ahead::of_quiet_run(config, &network)?
        } else {
            None
        };
        let goals = (0..config.params.thread_count)
            .map(|thread| {
                if thread <= last.thread {
                    last.period
                } else {
                    last.period - 1
                }
            })
            .collect();
        Ok(Self {
            checker: Checker::new(&genesis, members.len(), config.verify_signatures, byzantine),
            witness,
            recorder: config.record_stakes.then(|| Recorder::new(&genesis)),
            config,
            scenario,
            chain_id: genesis.chain_id(),
            genesis,
            slot_clock,
            graph: graph(config.seed, members.len(), config.peers),
            connections: Connections::default(),
            watched: Arc::new(watched),
            members,
            network,
            trace: Trace::default(),
            report: Report::default(),
            queue: Queue::default(),
            sets: SharedSets::default(),
            verifier: if config.verify_signatures {
                SharedVerifier::default()
            } else {
                SharedVerifier::trusting()
            },
            now_us: GENESIS_TIMESTAMP.0 * MICROS_PER_MILLI,
            random: Random::new(config.seed, "world"),
            random_looks: Random::new(config.seed, "looks"),
            healed: scenario.heal_us.is_none(),
            may_be_over: false,
            goals,
            deadline_us: (last_start.0 + config.decision_bound_ms) * MICROS_PER_MILLI,
            operations: 0,
            ahead,
        })
    }

    fn run(&mut self) -> Result<(), Violation> {
        self.plan();
        while let Some((turn, event, done)) = self.next_event() {
            if turn.at_us > self.deadline_us {
                return Err(self.undecided());
            }
            self.now_us = turn.at_us;
            if let Some(done) = done {
                self.take_up(event, done)?;
            } else if let Some(until_us) = self.paused_until(&event) {
                self.schedule(until_us, event);
                continue;
            } else if let Some(node) = self.happen(event)? {
                self.settle(node)?;
            }
            if std::mem::take(&mut self.may_be_over) && self.is_over() {
                self.checker.finish()?;
                return self.witness.finish();
            }
            if self.trace.events() > MAX_EVENTS {
                break;
            }
        }
        Err(self.undecided())
    }

    /// Everything that is known before the first slot.
    fn plan(&mut self) {
        let genesis_us = self.now_us;
        for (node, member) in self.members.iter().enumerate() {
            let at_us = member.off_until_us.max(genesis_us);
            self.queue.push(at_us, Event::Start(node));
        }
        for (number, partition) in self.scenario.partitions.iter().enumerate() {
            self.schedule(genesis_us + partition.from_us, Event::Cut(number));
            self.schedule(genesis_us + partition.to_us, Event::Join(number));
        }
        for (number, crash) in self.scenario.crashes.iter().enumerate() {
            self.schedule(genesis_us + crash.at_us, Event::Arm(number));
        }
        self.plan_node_faults();
        self.plan_lives();
        if let Some(heal_us) = self.scenario.heal_us {
            self.schedule(genesis_us + heal_us, Event::Heal);
        }
        if self.config.operations_per_100_slots > 0 {
            self.schedule(genesis_us + MICROS_PER_MILLI, Event::Operation);
        }
    }

    fn schedule(&mut self, at_us: u64, event: Event) {
        self.queue.push(at_us.max(self.now_us), event);
    }

    fn say(&mut self, node: usize, text: String) {
        self.trace.record(self.now_us, node, Happened::Said(text));
    }

    fn is_over(&self) -> bool {
        self.healed && self.is_decided() && self.is_certified()
    }

    /// Whether each honest node has a certificate of the end of each cycle that the goals are past.
    fn is_certified(&self) -> bool {
        let period = self.goals.iter().min().copied().unwrap_or(0);
        let members = self.members.iter().enumerate();
        let mut honest = members.filter(|(_, member)| member.honest);
        // A node that crashed as soon as it had a certificate could not tell of it.
        let is_certified = |(node, member): (usize, &Member)| {
            let untold = self.checker.uncertified_ends(node, period);
            let mut untold = untold.into_iter();
            untold.all(|end| member.disk.has_certificate(&self.genesis, end))
        };
        self.scenario.agreement_only || honest.all(is_certified)
    }

    fn is_decided(&self) -> bool {
        self.goals.iter().zip(0_u8..).all(|(goal, thread)| {
            let done = |(node, member): (usize, &Member)| {
                !member.honest || self.checker.next_period(node, thread) > *goal
            };
            self.members.iter().enumerate().all(done)
        })
    }

    fn undecided(&self) -> Violation {
        let behind: Vec<String> = self
            .members
            .iter()
            .enumerate()
            .filter(|(_, member)| member.honest)
            .map(|(node, member)| {
                let state = member
                    .node
                    .as_ref()
                    .map_or_else(|| member.whereabouts(), |live| live.engine_read(open_slots));
                format!("node {node}: {state}")
            })
            .collect();
        let text = format!("not all is decided by the bound; {}", behind.join("; "));
        Violation::new(Invariant::Liveness, text)
    }
}

/// Where an engine is.
fn open_slots(engine: &Engine) -> String {
    let summary = engine.summary(Timestamp(0));
    let thread = |thread: &picot_consensus::ThreadSummary| match thread.open {
        Some((slot, round)) => format!("{slot} in round {round}"),
        None => format!("period {} decided", thread.decided_period),
    };
    let threads: Vec<String> = summary.threads.iter().map(thread).collect();
    threads.join(", ")
}

fn slot_of_number(number: u64, threads: u64) -> Slot {
    let thread = u8::try_from(number % threads).unwrap_or(0);
    Slot::new(1 + number / threads, thread)
}

/// Events.
impl World<'_> {
    /// Does what an event says. Gives the node at which it happened.
    fn happen(&mut self, event: Event) -> Result<Option<usize>, Violation> {
        match event {
            Event::Arrive { to, peer, parcel } => return Ok(self.arrive(to, peer, parcel)),
            Event::Gathered(node) => return Ok(self.hear_gathered(node)),
            Event::Gone { node, peer } => {
                if self.gone(node, peer) {
                    self.say(node, "hears that a connection is gone".to_owned());
                    return Ok(Some(node));
                }
            }
            Event::Connect { one, other } => return self.connect(one, other),
            Event::Say { node, life, word } => {
                if self.tell(node, life, *word) {
                    return Ok(Some(node));
                }
            }
            Event::Wake { node, life, at } => {
                let is_planned = self.forget_wake(node, at);
                if is_planned && self.wake(node, life) {
                    self.say(node, "wakes".to_owned());
                    return Ok(Some(node));
                }
            }
            Event::BlockTick { node, life } => {
                let now = self.local_now(node);
                if let Some(live) = self.live(node, life) {
                    let again = live.block_tick(now);
                    self.tick_again(again, Event::BlockTick { node, life });
                    self.look_at_peers(node)?;
                    return Ok(Some(node));
                }
            }
            Event::EndorsementTick { node, life } => {
                let now = self.local_now(node);
                if let Some(live) = self.live(node, life) {
                    let again = live.endorsement_tick(now);
                    self.tick_again(again, Event::EndorsementTick { node, life });
                    return Ok(Some(node));
                }
            }
            Event::Start(node) => {
                self.start(node)?;
                return Ok(Some(node));
            }
            Event::Arm(number) => self.arm(number),
            Event::Kill { node, life } => {
                let member = self.members.get(node).filter(|one| one.life == life);
                if let Some(member) = member.filter(|member| member.is_up()) {
                    member.fuse.blow();
                    return Ok(Some(node));
                }
            }
            Event::ChangeClock(number) => self.change_clock(number),
            Event::Pause(number) => self.pause(number),
            Event::LoseLog(number) => return Ok(self.lose_log(number)),
            Event::Cut(number) => {
                let partitions = &self.scenario.partitions;
                if let Some(partition) = partitions.get(number) {
                    self.network.cut(number, partition.cut.clone());
                    self.say(0, format!("cut {number}: {:?}", partition.cut.sides));
                }
            }
            Event::Join(number) => {
                self.network.join(number);
                self.say(0, format!("cut {number} ends"));
            }
            Event::Heal => self.heal(),
            Event::Operation => return Ok(self.send_operation()),
            Event::Order(number) => return Ok(self.give_order(number)),
            Event::Leave(number) => return Ok(self.leave(number)),
            Event::Return(number) => self.come_back(number),
            Event::Spell { number, begins } => self.change_spell(number, begins),
        }
        Ok(None)
    }

    fn tick_again(&mut self, after_ms: Option<u64>, event: Event) {
        if let Some(after_ms) = after_ms {
            self.schedule(self.now_us + after_ms * MICROS_PER_MILLI, event);
        }
    }

    /// A node in a life of its own, its clock set.
    fn live(&mut self, node: usize, life: u64) -> Option<&mut Node> {
        let now = self.local_now(node);
        let member = self.members.get_mut(node)?;
        if member.life != life {
            return None;
        }
        let live = member.node.as_deref_mut()?;
        live.clock.set(now);
        Some(live)
    }

    fn local_now(&self, node: usize) -> Timestamp {
        let member = self.members.get(node);
        member.map_or(Timestamp(0), |member| member.clock.local(self.now_us))
    }

    /// A wake-up has come. False if another one is planned meanwhile.
    fn forget_wake(&mut self, node: usize, at: Timestamp) -> bool {
        let member = self.members.get_mut(node);
        member.is_some_and(|member| member.waits_for.take_if(|planned| *planned == at).is_some())
    }

    fn arrive(&mut self, to: usize, peer: Peer, parcel: Parcel) -> Option<usize> {
        let from = self.connections.other_end(to, peer)?;
        let is_carried = parcel.is_handshake() || self.network.connects(from, to);
        if !is_carried || !self.connections.is_open(to, peer) {
            return None;
        }
        let member = self.members.get(to).filter(|member| member.is_up())?;
        let life = member.life;
        if let Parcel::Frame { frame, .. } = &parcel {
            self.overhear(to, from, frame.packet());
            let actor = self.actor(to);
            if actor.is_some_and(|actor| actor.keeps_to_itself(frame.packet())) {
                return None;
            }
        }
        let word = match &parcel {
            Parcel::Frame { lane, frame } => Word::Received {
                from: peer,
                lane: *lane,
                frame: Arc::clone(frame),
            },
            Parcel::Noise(_) => Word::Unreadable { from: peer },
        };
        self.trace
            .record(self.now_us, to, Happened::Arrived { from, parcel });
        self.tell(to, life, word).then_some(to)
    }

    /// What a packet is to the node that gets it, before its protocol does: to an actor, knowledge to
    /// use.
    fn overhear(&mut self, to: usize, from: usize, packet: &Packet) {
        let Some(actor) = self.actor(to) else {
            return;
        };
        let answers = match packet {
            Packet::Consensus(message) => actor.incoming(from, &message.0),
            Packet::Candidate { header, .. } => {
                actor.incoming(from, &Message::Candidate(header.clone()))
            }
            _ => return,
        };
        self.make_send(to, 0, answers);
    }

    fn arm(&mut self, number: usize) {
        let Some(crash) = self.scenario.crashes.get(number).copied() else {
            return;
        };
        let Some(member) = self.members.get_mut(crash.node) else {
            return;
        };
        let life = member.life;
        if member.is_up() {
            member.fuse.arm(crash.boundary);
            member.down_us = crash.down_us;
            member.loses_state = crash.loses_state;
            let node = crash.node;
            let at = self.now_us + CRASH_PATIENCE_US;
            self.schedule(at, Event::Kill { node, life });
            self.say(node, format!("will crash {:?}", crash.boundary));
        }
    }

    fn heal(&mut self) {
        self.network.heal();
        self.healed = true;
        self.may_be_over = true;
        self.say(0, "all faults end".to_owned());
        for node in 0..self.members.len() {
            let Some(member) = self.members.get_mut(node) else {
                continue;
            };
            member.down_us = 0;
            if !member.is_up() {
                self.schedule(self.now_us, Event::Start(node));
            }
        }
    }

    /// A validator sends coins or trades a roll, by way of its own node.
    fn send_operation(&mut self) -> Option<usize> {
        let threads = u64::from(self.genesis.params.thread_count).max(1);
        let slot_us = self.genesis.params.t0_ms * MICROS_PER_MILLI / threads;
        let gap_us = slot_us * 200 / self.config.operations_per_100_slots;
        let next = self.now_us + self.random.below(gap_us + 1);
        self.schedule(next, Event::Operation);
        let node = self.random.index(self.config.rolls.len());
        let recipient = self.random.index(self.config.rolls.len());
        let recipient = self.members.get(recipient)?.address;
        let key = self.members.get(node)?.key.clone();
        let kind = match self.random.below(20) {
            0 if self.may_trade(node) => OperationKind::RollBuy { roll_count: 1 },
            1 if self.may_trade(node) && !self.config.newcomers => {
                OperationKind::RollSell { roll_count: 1 }
            }
            _ => OperationKind::Transfer {
                recipient,
                amount: Amount::from_nanos(1_000_000 + self.random.below(1_000_000)),
            },
        };
        self.hand_in(node, &key, kind);
        Some(node)
    }
}

/// The end.
impl World<'_> {
    fn into_run(mut self, violation: Option<Violation>) -> Run {
        let mut report = std::mem::take(&mut self.report);
        let live = self
            .members
            .iter()
            .filter_map(|member| member.node.as_deref());
        report.joins.dropped += live.map(Node::dropped_outcomes).sum::<u64>();
        report.delays_ms.sort_unstable();
        report.count_slots(self.checker.decided());
        report.nodes = u64::try_from(self.members.len()).unwrap_or(0);
        report.events = self.trace.events();
        report.proven_faults = u64::try_from(self.checker.evidence().len()).unwrap_or(0);
        report.simulated_ms = self.now_us / MICROS_PER_MILLI - GENESIS_TIMESTAMP.0;
        let rolls: Vec<(Address, u64)> = self
            .members
            .iter()
            .zip(&self.config.rolls)
            .map(|(member, rolls)| (member.address, *rolls))
            .collect();
        report.count_shares(&rolls, self.checker.producers());
        let last_events = if violation.is_some() {
            self.trace.last_events()
        } else {
            Vec::new()
        };
        Run {
            seed: self.config.seed,
            trace_hash: self.trace.hash(),
            lanes: self.lanes(&rolls),
            violation,
            last_events,
            report,
            stakes: None,
        }
    }

    /// A line for each thread: the validator of each decided block, and `.` for each miss.
    fn lanes(&self, rolls: &[(Address, u64)]) -> Vec<String> {
        let name = |slot: &Slot| {
            let producer = self.checker.producers().get(slot);
            let validator = rolls
                .iter()
                .position(|(address, _)| Some(address) == producer);
            validator.map_or_else(|| ".".to_owned(), |validator| validator.to_string())
        };
        let lane = |thread: u8| {
            let decided = self.checker.decided().iter();
            let names: Vec<String> = decided
                .filter(|(slot, _)| slot.thread == thread)
                .map(
                    |(slot, value)| match value.through(slot.period) - slot.period {
                        0 => name(slot),
                        more => format!(".x{}", more + 1),
                    },
                )
                .collect();
            format!("thread {thread:>2}: {}", names.join(" "))
        };
        (0..self.genesis.params.thread_count).map(lane).collect()
    }
}
