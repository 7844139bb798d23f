//! Nodes are made, and start.

use super::ahead::OwnWork;
use super::joins::Join;
use super::{Event, Member, World};
use crate::byzantine::{Actor, Behaviour, Crew, Role};
use crate::clock::NodeClock;
use crate::config::{GENESIS_TIMESTAMP, SimConfig};
use crate::durable::Disk;
use crate::invariants::{Invariant, Violation};
use crate::latency::MICROS_PER_MILLI;
use crate::node::{Node, Start};
use crate::random::Random;
use crate::scenario::Scenario;
use picot_clock::Timestamp;
use picot_models::{Genesis, Slot};
use picot_storage::BlockArchive;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Keys of nodes without stake: no validator has one of these numbers.
const OBSERVER_KEYS: usize = 1 << 20;

/// A node for each validator, a second one for each twin, and those without stake.
pub(super) fn members(config: &SimConfig, scenario: &Scenario, genesis: &Genesis) -> Vec<Member> {
    let behaviours: BTreeMap<usize, Behaviour> = scenario.byzantine.iter().copied().collect();
    let genesis_us = GENESIS_TIMESTAMP.0 * MICROS_PER_MILLI;
    let clock = |validator: usize| {
        let ahead_ms = scenario.clock_ahead_ms.get(validator);
        NodeClock::new(genesis_us, ahead_ms.copied().unwrap_or(0))
    };
    let crew = Crew::of(&scenario.byzantine, config.rolls.len());
    let member = |place: usize, validator: usize, behaviour: Option<Behaviour>| {
        let actor = behaviour.map(|behaviour| {
            let random = Random::new(config.seed, &format!("actor {validator}"));
            Actor::new(Role {
                behaviour,
                key: SimConfig::key(validator),
                crew: crew.clone(),
                chain_id: genesis.chain_id(),
                params: genesis.params.clone(),
                random,
            })
        });
        Member {
            address: SimConfig::address(validator),
            key: SimConfig::key(validator),
            disk: Disk::new(scenario.crashes.iter().any(|crash| crash.loses_state)),
            node: None,
            joining: None,
            join: Join::default(),
            life: 0,
            fuse: Arc::default(),
            started_at: Timestamp(0),
            clock: clock(validator),
            actor,
            honest: behaviour.is_none(),
            down_us: 0,
            loses_state: false,
            loses_log: false,
            paused_until_us: 0,
            off_until_us: begins_us(scenario, place).map_or(0, |at_us| genesis_us + at_us),
            waits_for: None,
            seen_state: None,
            seen_cycles: None,
            own_work: OwnWork::default(),
            gathered: BTreeMap::new(),
        }
    };
    let twins = behaviours
        .iter()
        .filter(|(_, behaviour)| **behaviour == Behaviour::TwinKey);
    let of_validator = |(place, validator): (usize, usize)| {
        member(place, validator, behaviours.get(&validator).copied())
    };
    let validators = (0..config.rolls.len()).chain(twins.map(|(validator, _)| *validator));
    let mut members: Vec<Member> = validators.enumerate().map(of_validator).collect();
    for (key, observer) in (OBSERVER_KEYS..).zip(&scenario.observers) {
        members.push(member(members.len(), key, observer.behaviour));
    }
    members
}

/// When a newcomer begins, after genesis.
fn begins_us(scenario: &Scenario, node: usize) -> Option<u64> {
    let mut newcomers = scenario.newcomers.iter();
    let newcomer = newcomers.find(|newcomer| newcomer.node == node)?;
    Some(newcomer.at_us)
}

/// Starts.
impl World<'_> {
    pub(super) fn start(&mut self, node: usize) -> Result<(), Violation> {
        let (now, now_us) = (self.local_now(node), self.now_us);
        let Some(member) = self.members.get_mut(node) else {
            return Ok(());
        };
        if member.is_up() {
            return Ok(());
        }
        let off_until_us = member.off_until_us;
        if off_until_us > now_us {
            self.schedule(off_until_us, Event::Start(node));
            return Ok(());
        }
        member.life += 1;
        let life = member.life;
        let lost = life > 1 && member.loses_state && member.disk.lose_unsynced_state();
        member.loses_state = false;
        member.paused_until_us = 0;
        member.fuse = Arc::default();
        member.started_at = now;
        member.join.begins();
        if std::mem::take(&mut member.loses_log) {
            member.disk.lose_log(now);
        }
        let planted = self.scenario.planted.filter(|_| member.honest);
        if let Some(planted) = planted.filter(|_| life > 1) {
            planted.at_restart(&mut member.disk);
        }
        self.say(node, format!("starts, life {life}, state lost: {lost}"));
        if self.join_if_far_behind(node)? {
            return Ok(());
        }
        self.run_node(node)
    }

    /// How a node is started.
    pub(super) fn start_of<'a>(&'a self, node: usize, member: &'a Member) -> Start<'a> {
        let has_stake = node < self.scenario.first_observer(self.config);
        let is_newcomer = begins_us(self.scenario, node).is_some();
        Start {
            genesis: &self.genesis,
            index: node,
            keys: Vec::from_iter(has_stake.then(|| member.key.clone())),
            verifier: self.verifier.clone(),
            sets: self.sets.clone(),
            disk: &member.disk,
            now: member.clock.local(self.now_us),
            since: member.started_at,
            fuse: Arc::clone(&member.fuse),
            fresh: member.life == 1 && !is_newcomer,
            serves: self.config.newcomers,
            has_looked_in_vain: member.join.has_looked_in_vain,
            has_followed_in_vain: member.join.has_followed_in_vain,
            history: self.scenario.history.get(node).copied().flatten(),
            planted: self.scenario.planted.filter(|_| member.honest),
            grinder: member.actor.as_ref().and_then(Actor::grinder),
            has_actor: member.actor.is_some(),
            is_metered: self.config.uplink_bytes_per_ms.is_some(),
            watched: Arc::clone(&self.watched),
        }
    }

    /// The node runs, from its own state or from one that it received.
    pub(super) fn run_node(&mut self, node: usize) -> Result<(), Violation> {
        self.begin_log(node);
        let Some(member) = self.members.get(node) else {
            return Ok(());
        };
        let started = Node::start(&self.start_of(node, member));
        if member.fuse.is_blown() {
            return self.crash(node);
        }
        let started =
            started.map_err(|error| Violation::new(Invariant::NodeGoesOn, error.to_string()))?;
        let Some(member) = self.members.get_mut(node) else {
            return Ok(());
        };
        let life = member.life;
        if std::mem::take(&mut member.join.has_received) {
            self.checker.goes_on_from(node, &started.next_periods());
        }
        member.node = Some(Box::new(started));
        member.seen_state = None;
        member.seen_cycles = None;
        let checked = self.catch_up(node);
        self.heed(checked)?;
        self.connect_all(node);
        self.schedule(self.now_us, Event::BlockTick { node, life });
        self.schedule(self.now_us, Event::EndorsementTick { node, life });
        Ok(())
    }

    /// The signing log of a newcomer with a key was begun when the chain ran already: it does not know
    /// what the key signed elsewhere, and says so.
    fn begin_log(&mut self, node: usize) {
        let (threads, slot_clock) = (self.genesis.params.thread_count, self.slot_clock);
        if begins_us(self.scenario, node).is_none() {
            return;
        }
        let Some(member) = self.members.get_mut(node) else {
            return;
        };
        if member.disk.log_since.is_none() {
            let standing = member.disk.standing(threads).ok();
            let decided = standing.and_then(|standing| standing.decided.into_iter().max());
            let last = Slot::new(decided.unwrap_or(0), threads.saturating_sub(1));
            let after = slot_clock.start_of(last).unwrap_or(Timestamp(0));
            member.disk.log_since = Some(member.started_at.max(Timestamp(after.0 + 1)));
        }
    }

    /// Decisions that became durable just before a crash, of which nobody heard.
    fn catch_up(&mut self, node: usize) -> Result<(), Violation> {
        for thread in 0..self.genesis.params.thread_count {
            let from = self.checker.next_period(node, thread);
            let archive = self.members.get(node).map(|one| one.disk.archive.clone());
            let decided = archive.map(|archive| archive.decided_from(thread, from, usize::MAX));
            for decided in decided.and_then(Result::ok).unwrap_or_default() {
                self.on_decided(node, &decided)?;
            }
        }
        Ok(())
    }
}
