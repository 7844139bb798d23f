//! Events that are worked on before their turn, by all processors.
//!
//! What a node does reaches no other one before the shortest way between two nodes has passed. So what is
//! to happen within that time is, at each node, settled by what the node is now: the nodes are worked on
//! side by side, each on its own events in order, and what each does outside of itself is kept. When it is
//! an event's turn, that is carried out and checked, one event after the other, as if it happened then: the
//! trace is the same with any number of threads, or without any of this.
//!
//! Where a node plans something for itself that comes before its next event, what follows at that node is
//! done in turn; and nothing is taken past an event that is not one node's alone (an operation, a start).
//! Where there are faults, everything is done in turn.

use super::{Event, Gathered, Member, World};
use crate::SimError;
use crate::config::SimConfig;
use crate::invariants::Violation;
use crate::latency::MICROS_PER_MILLI;
use crate::network::Network;
use crate::node::Outcome;
use crate::packet::Parcel;
use crate::queue::Turn;
use crate::trace::Happened;
use parking_lot::Mutex;
use picot_clock::Timestamp;
use picot_protocol::Input as Word;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::collections::VecDeque;
use std::sync::Arc;

/// Fewer events are not worth to wake anybody for.
const LEAST_EVENTS: usize = 16;
/// Events that are taken at a time.
const MOST_EVENTS: usize = 65_536;

/// What is to be done at a node.
#[derive(Debug)]
enum Task {
    Hear(Box<Word>),
    HearAll(Gathered),
    Wake(Timestamp),
    BlockTick,
    EndorsementTick,
}

/// What a node did at an event.
#[derive(Debug)]
pub(super) struct Done {
    outcome: Box<Outcome>,
    /// After how many milliseconds it wants the same again.
    again_ms: Option<u64>,
}

/// What is done ahead at one node.
#[derive(Debug, Default)]
pub(super) struct OwnWork {
    tasks: Vec<(Turn, Task)>,
    done: VecDeque<(Turn, Done)>,
}

/// The threads, and the events that were taken off the queue, in order.
#[derive(Debug)]
pub(super) struct Ahead {
    threads: ThreadPool,
    reach_us: u64,
    taken: VecDeque<(Turn, Event)>,
}

impl Ahead {
    /// For a run that has several threads, this one among them, and in which nothing but nodes and healthy
    /// links does anything. Newcomers, records of stakes and uplinks make more than a node of what it does.
    pub(super) fn of_quiet_run(
        config: &SimConfig,
        network: &Network,
    ) -> Result<Option<Self>, SimError> {
        let is_more =
            config.newcomers || config.record_stakes || config.uplink_bytes_per_ms.is_some();
        if config.threads < 2 || is_more {
            return Ok(None);
        }
        let threads = ThreadPoolBuilder::new()
            .num_threads(config.threads.saturating_sub(1))
            .build()
            .map_err(|error| SimError::Threads(error.to_string()))?;
        Ok(Some(Self {
            threads,
            reach_us: network.shortest_us(),
            taken: VecDeque::new(),
        }))
    }
}

impl Member {
    /// Works on its tasks until something that it plans for itself comes before the next one.
    fn work(&mut self) {
        let Some(live) = self.node.as_mut() else {
            return;
        };
        let (mut planned, mut own_us) = (self.waits_for, u64::MAX);
        for (turn, task) in self.own_work.tasks.drain(..) {
            let at_us = turn.at_us;
            if at_us > own_us {
                if let Task::HearAll(gathered) = task {
                    self.gathered.insert(at_us, gathered);
                }
                continue;
            }
            let now = self.clock.local(at_us);
            if let Task::Wake(at) = task
                && planned.take_if(|planned| *planned == at).is_none()
            {
                continue;
            }
            live.clock.set(now);
            let again_ms = match task {
                Task::Hear(word) => {
                    live.hear(*word);
                    None
                }
                Task::HearAll(gathered) => {
                    self.gathered.insert(at_us, gathered.summary());
                    live.hear_all(gathered.frames);
                    None
                }
                Task::Wake(_) => {
                    live.wake();
                    None
                }
                Task::BlockTick => live.block_tick(now),
                Task::EndorsementTick => live.endorsement_tick(now),
            };
            let outcome = Box::new(live.take_outcome());
            if let Some(again_ms) = again_ms {
                own_us = own_us.min(at_us + again_ms * MICROS_PER_MILLI);
            }
            if outcome.wake_at != planned {
                planned = outcome.wake_at;
                let after_us = planned.and_then(|at| self.clock.until_us(at_us, at));
                own_us = own_us.min(at_us + after_us.unwrap_or(0));
            }
            self.own_work
                .done
                .push_back((turn, Done { outcome, again_ms }));
        }
    }
}

impl World<'_> {
    /// The next event, with what was done for it if it was worked on ahead.
    pub(super) fn next_event(&mut self) -> Option<(Turn, Event, Option<Done>)> {
        self.work_ahead();
        let other = self.queue.peek().map(|(turn, _)| turn);
        let ahead = self.ahead.as_mut();
        let is_taken = |taken: &mut (Turn, Event)| other.is_none_or(|other| taken.0 < other);
        let Some((turn, event)) = ahead.and_then(|it| it.taken.pop_front_if(is_taken)) else {
            let (turn, event) = self.queue.pop()?;
            return Some((turn, event, None));
        };
        let done = node_of(&event).and_then(|node| {
            let done = &mut self.members.get_mut(node)?.own_work.done;
            done.pop_front_if(|(of, _)| *of == turn)
        });
        Some((turn, event, done.map(|(_, done)| done)))
    }

    /// Takes what is to happen next, as far as nothing else can come between, and works on it.
    fn work_ahead(&mut self) {
        let Some(mut ahead) = self.ahead.take_if(|ahead| ahead.taken.is_empty()) else {
            return;
        };
        let until_us = self.queue.peek().map_or(0, |(turn, _)| turn.at_us) + ahead.reach_us;
        while ahead.taken.len() < MOST_EVENTS
            && let Some((turn, event)) = self.queue.peek()
            && turn.at_us < until_us
            && node_of(event).is_some()
            && let Some(next) = self.queue.pop()
        {
            ahead.taken.push_back(next);
        }
        if ahead.taken.len() >= LEAST_EVENTS {
            for (turn, event) in &ahead.taken {
                self.give_task(*turn, event);
            }
            let busy = |member: &&mut Member| !member.own_work.tasks.is_empty();
            let busy = Mutex::new(self.members.iter_mut().filter(busy).collect::<Vec<_>>());
            let next = || busy.lock().pop();
            let work = || std::iter::from_fn(next).for_each(Member::work);
            ahead.threads.in_place_scope(|scope| {
                for _ in 0..ahead.threads.current_num_threads() {
                    scope.spawn(|_| work());
                }
                work();
            });
        }
        self.ahead = Some(ahead);
    }

    /// What an event gives a node to do, unless it is known already that it gives it nothing.
    fn give_task(&mut self, turn: Turn, event: &Event) {
        let member = node_of(event).and_then(|node| self.members.get(node));
        if member.is_none_or(|member| member.node.is_none()) {
            return;
        }
        let (node, life, task) = match event {
            Event::Arrive { to, peer, parcel } => {
                let Parcel::Frame { lane, frame } = parcel else {
                    return;
                };
                if !self.connections.is_open(*to, *peer) {
                    return;
                }
                let word = Word::Received {
                    from: *peer,
                    lane: *lane,
                    frame: Arc::clone(frame),
                };
                (*to, None, Task::Hear(Box::new(word)))
            }
            Event::Gathered(node) => {
                let Some(gathered) = self.take_gathered(*node, turn.at_us) else {
                    return;
                };
                (*node, None, Task::HearAll(gathered))
            }
            Event::Wake { node, life, at } => (*node, Some(*life), Task::Wake(*at)),
            Event::BlockTick { node, life } => (*node, Some(*life), Task::BlockTick),
            Event::EndorsementTick { node, life } => (*node, Some(*life), Task::EndorsementTick),
            _ => return,
        };
        if let Some(member) = self.members.get_mut(node)
            && life.is_none_or(|life| member.life == life)
        {
            member.own_work.tasks.push((turn, task));
        }
    }

    /// It is the turn of an event for which a node has done what there was to do.
    ///
    /// # Errors
    /// An invariant is broken.
    pub(super) fn take_up(&mut self, event: Event, done: Done) -> Result<(), Violation> {
        let Done { outcome, again_ms } = done;
        let node = match event {
            Event::Arrive { to, peer, parcel } => {
                let from = self.connections.other_end(to, peer).unwrap_or(usize::MAX);
                let arrived = Happened::Arrived { from, parcel };
                self.trace.record(self.now_us, to, arrived);
                to
            }
            Event::Gathered(node) => {
                if let Some(gathered) = self.take_gathered(node, self.now_us) {
                    self.trace.record(self.now_us, node, gathered.happened());
                }
                node
            }
            Event::Wake { node, at, .. } => {
                self.forget_wake(node, at);
                self.say(node, "wakes".to_owned());
                node
            }
            Event::BlockTick { node, .. } => {
                self.tick_again(again_ms, event);
                self.look_at_peers(node)?;
                node
            }
            Event::EndorsementTick { node, .. } => {
                self.tick_again(again_ms, event);
                node
            }
            _ => return Ok(()),
        };
        self.follow(node, *outcome)
    }
}

/// The only node that an event is for, if it is one of those that come all the time.
const fn node_of(event: &Event) -> Option<usize> {
    match event {
        Event::Arrive { to: node, .. }
        | Event::Gathered(node)
        | Event::Wake { node, .. }
        | Event::BlockTick { node, .. }
        | Event::EndorsementTick { node, .. } => Some(*node),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Faults;
    use crate::scenario::Scenario;

    fn works_ahead(config: &SimConfig, scenario: &Scenario) -> bool {
        World::new(config, scenario).unwrap().ahead.is_some()
    }

    #[test]
    fn only_runs_without_faults_are_worked_on_ahead_and_only_by_several_threads() {
        let mut config = SimConfig::new(1, 4);
        let quiet = Scenario::new(&config);
        assert!(!works_ahead(&config, &quiet));
        config.threads = 2;
        assert!(works_ahead(&config, &quiet));
        let mut slow = quiet.clone();
        slow.clock_ahead_ms = vec![0, 5, 0, 0];
        assert!(!works_ahead(&config, &slow));
        let mut metered = config.clone();
        metered.uplink_bytes_per_ms = Some(1_000);
        assert!(!works_ahead(&metered, &Scenario::new(&metered)));
        config.faults = Faults::Documented;
        assert!(!works_ahead(&config, &Scenario::new(&config)));
    }

    #[test]
    fn a_node_stops_where_it_plans_something_before_its_next_event() {
        let mut config = SimConfig::new(1, 4);
        config.threads = 2;
        let scenario = Scenario::new(&config);
        let mut world = World::new(&config, &scenario).unwrap();
        for node in 0..4 {
            world.start(node).unwrap();
        }
        let life = world.members[0].life;
        let tick = Event::BlockTick { node: 0, life };
        let far_us = world.now_us + 3_600_000_000;
        world.schedule(world.now_us, tick);
        world.schedule(far_us, Event::EndorsementTick { node: 0, life });
        while let Some((turn, event)) = world.queue.pop() {
            if matches!(event, Event::BlockTick { node: 0, .. }) || turn.at_us == far_us {
                world.give_task(turn, &event);
            }
        }
        let member = &mut world.members[0];
        assert!(member.own_work.tasks.len() >= 2);
        member.work();
        assert!(!member.own_work.done.is_empty());
        assert!(
            member
                .own_work
                .done
                .iter()
                .all(|(turn, _)| turn.at_us < far_us)
        );
        assert!(member.own_work.tasks.is_empty());
    }
}
