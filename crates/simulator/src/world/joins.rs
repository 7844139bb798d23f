//! Nodes that are far behind: they find out whether they can follow, or receive the state of a checkpoint.

use super::{Member, World};
use crate::invariants::{Invariant, Violation};
use crate::latency::MICROS_PER_MILLI;
use crate::node::{Effect, Ended, Joining, Node};
use picot_bootstrap::{Staging, Standing};
use picot_clock::Timestamp;
use picot_consensus::Peer;
use picot_protocol::Input as Word;
use std::sync::Arc;

/// What is known of a node that was far behind.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Join {
    /// When it first started like that, in microseconds; none: it never was, or has caught up.
    since_us: Option<u64>,
    /// Whether it has received a state, and has not run with it yet.
    pub(super) has_received: bool,
    /// Whether it has just looked for a state, and nobody had one of use.
    pub(super) has_looked_in_vain: bool,
    /// Whether it has just followed those who said to give what it lacks, and did not get it.
    pub(super) has_followed_in_vain: bool,
}

impl Join {
    /// Its process starts, and knows nothing of what it tried.
    pub(super) const fn begins(&mut self) {
        self.has_looked_in_vain = false;
        self.has_followed_in_vain = false;
    }
}

impl Member {
    /// Whether its process runs.
    pub(super) const fn is_up(&self) -> bool {
        self.node.is_some() || self.joining.is_some()
    }

    /// When it wants to be woken, by its own clock.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        let running = self.node.as_ref().map(|live| live.wake_at());
        let joining = || self.joining.as_ref().map(Joining::wake_at);
        running.or_else(joining).flatten()
    }

    /// Where it is, if it does not run.
    pub(super) fn whereabouts(&self) -> String {
        let joining = self.joining.as_ref();
        joining.map_or_else(
            || "down".to_owned(),
            |joining| match joining.progress() {
                None => "looks for peers that can be followed".to_owned(),
                Some(progress) => format!("receives a state: {progress:?}"),
            },
        )
    }
}

/// What a node is told, whether it runs or is far behind.
impl World<'_> {
    fn joining(&mut self, node: usize, life: u64) -> Option<&mut Joining> {
        let now = self.local_now(node);
        let member = self.members.get_mut(node)?;
        if member.life != life {
            return None;
        }
        let joining = member.joining.as_mut()?;
        joining.clock.set(now);
        Some(joining)
    }

    /// Its protocol is told something. False if it does not run.
    pub(super) fn tell(&mut self, node: usize, life: u64, word: Word) -> bool {
        if let Some(live) = self.live(node, life) {
            live.hear(word);
            return true;
        }
        let joining = self.joining(node, life);
        joining.map(|joining| joining.hear(word)).is_some()
    }

    /// Time passed. False if it does not run.
    pub(super) fn wake(&mut self, node: usize, life: u64) -> bool {
        if let Some(live) = self.live(node, life) {
            live.wake();
            return true;
        }
        self.joining(node, life).map(Joining::wake).is_some()
    }

    pub(super) fn tell_connected(
        &mut self,
        (node, life): (usize, u64),
        peer: Peer,
        peer_node: usize,
        outbound: bool,
    ) {
        if let Some(live) = self.live(node, life) {
            live.connected(peer, peer_node, outbound);
        } else if let Some(joining) = self.joining(node, life) {
            joining.connected(peer, peer_node, outbound);
        }
    }

    pub(super) fn tell_disconnected(&mut self, (node, life): (usize, u64), peer: Peer) {
        if let Some(live) = self.live(node, life) {
            live.disconnected(peer);
        } else if let Some(joining) = self.joining(node, life) {
            joining.disconnected(peer);
        }
    }
}

/// Nodes that are far behind.
impl World<'_> {
    /// Whether a validator may trade rolls. In short cycles they count within the run: there only those
    /// may who are there and honest, and they only buy, so that the others stay less than a third.
    pub(super) fn may_trade(&self, validator: usize) -> bool {
        let scenario = self.scenario;
        let lost = scenario.lost_logs.iter().map(|lost| lost.node);
        let late = scenario.newcomers.iter().map(|newcomer| newcomer.node);
        let mut away = scenario.absences.iter().map(|absence| absence.node);
        let is_missing = lost.chain(late).any(|node| node == validator)
            || away.any(|node| node == validator)
            || !self.is_honest(validator);
        !(self.config.newcomers && is_missing)
    }

    /// A running node cannot have what it lacks from anybody: it looks for a state, as at a start.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn leave_behind(&mut self, node: usize) -> Result<(), Violation> {
        if let Some(member) = self.members.get_mut(node) {
            let live = member.node.as_deref();
            member.join.has_followed_in_vain = live.is_some_and(Node::has_followed_in_vain);
            member.join.has_looked_in_vain = false;
        }
        self.say(node, "is left behind".to_owned());
        self.report.joins.left_behind += u64::from(self.is_honest(node));
        self.stop_running(node);
        if !self.join_if_far_behind(node)? {
            self.run_node(node)?;
        }
        self.settle(node)
    }

    /// Its parts end, and its process goes on.
    fn stop_running(&mut self, node: usize) {
        if let Some(member) = self.members.get_mut(node) {
            let dropped = member.node.as_deref().map_or(0, Node::dropped_outcomes);
            self.report.joins.dropped += dropped;
            member.node = None;
            member.joining = None;
            member.waits_for = None;
        }
        self.close_all(node);
    }

    /// A node that is far behind does not run yet. False if it is not.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn join_if_far_behind(&mut self, node: usize) -> Result<bool, Violation> {
        if !self.config.newcomers {
            return Ok(false);
        }
        let broken = |error: &dyn std::error::Error| {
            Violation::new(Invariant::NodeGoesOn, error.to_string())
        };
        let Some(member) = self.members.get(node) else {
            return Ok(false);
        };
        let params = &self.genesis.params;
        let standing = member.disk.standing(params.thread_count);
        let standing: Standing = standing.map_err(|error| broken(&error))?;
        let latest = self.slot_clock.latest_slot_at(self.local_now(node));
        let is_far_behind = standing.is_far_behind(latest, params.periods_per_cycle);
        let joining =
            is_far_behind.then(|| Joining::start(&self.start_of(node, member), &standing));
        let joining = joining.transpose().map_err(|error| broken(&error))?;
        let now_us = self.now_us;
        let Some(member) = self.members.get_mut(node) else {
            return Ok(false);
        };
        if joining.is_none() {
            member.disk.forget_incoming();
            return Ok(false);
        }
        member.joining = joining;
        member.join.since_us.get_or_insert(now_us);
        self.say(node, format!("is far behind: {:?}", standing.decided));
        self.connect_all(node);
        Ok(true)
    }

    /// Carries out what a node that is far behind did.
    ///
    /// # Errors
    /// An invariant is broken.
    pub(super) fn settle_joining(&mut self, node: usize) -> Result<(), Violation> {
        loop {
            let member = self.members.get_mut(node);
            let Some(joining) = member.and_then(|member| member.joining.as_mut()) else {
                return Ok(());
            };
            let effects = std::mem::take(&mut joining.effects);
            let is_down = joining.fuse.is_blown();
            let ended = joining.take_ended();
            let wake_at = joining.wake_at();
            let is_done = effects.is_empty();
            for effect in effects {
                let checked = self.carry_out(node, effect);
                self.heed(checked)?;
            }
            if is_down {
                return self.crash(node);
            }
            if let Some(ended) = ended {
                return self.end_joining(node, ended);
            }
            if is_done {
                self.schedule_wake(node, wake_at);
                return Ok(());
            }
        }
    }

    /// It knows how to go on, and runs.
    fn end_joining(&mut self, node: usize, ended: Ended) -> Result<(), Violation> {
        let honest = self.is_honest(node);
        match &ended {
            Ended::NothingNewer => {
                self.say(node, "finds no newer state than its own".to_owned());
                self.report.joins.in_vain += u64::from(honest);
            }
            Ended::Follow => {
                self.say(node, "can follow what was decided".to_owned());
                self.report.joins.followed += u64::from(honest);
            }
            Ended::Received(checkpoint) => {
                self.say(node, format!("has the state of {}", checkpoint.slot));
                if honest {
                    let checked = self.checker.on_certified(node, checkpoint);
                    self.heed(checked)?;
                }
                if self.adopt(node) {
                    return self.crash(node);
                }
            }
        }
        let now = self.local_now(node);
        if let Some(member) = self.members.get_mut(node) {
            member.join.has_looked_in_vain = ended == Ended::NothingNewer;
            member.disk.forget_incoming();
            // It has heard nothing of consensus so far: it listens before it signs.
            member.started_at = now;
        }
        self.stop_running(node);
        self.run_node(node)?;
        self.settle(node)
    }

    /// The state that a node received takes the place of its own. Gives whether it crashed there.
    fn adopt(&mut self, node: usize) -> bool {
        let (now_us, honest) = (self.now_us, self.is_honest(node));
        let Some(member) = self.members.get_mut(node) else {
            return false;
        };
        let fuse = Arc::clone(&member.fuse);
        if member.disk.adopt_incoming(&fuse) {
            member.join.has_received = true;
            if let Some(since_us) = member.join.since_us.filter(|_| honest) {
                let took_ms = (now_us - since_us) / MICROS_PER_MILLI;
                self.report.joins.received_ms.push(took_ms);
            }
        }
        fuse.is_blown()
    }

    /// A node that receives a state tells of it.
    pub(super) fn on_receiving(&mut self, node: usize, effect: Effect) {
        let honest = u64::from(self.is_honest(node));
        match effect {
            Effect::Receives => {
                let member = self.members.get(node);
                let incoming =
                    member.map(|one| Staging::new(Arc::new(one.disk.incoming(&one.fuse))));
                let has_some = incoming.is_some_and(|it| it.is_empty().is_ok_and(|empty| !empty));
                self.report.joins.resumed += honest * u64::from(has_some);
                self.say(node, "receives the state of a checkpoint".to_owned());
            }
            Effect::Staged => self.report.joins.chunks += honest,
            Effect::Lie(peer, lie) => {
                let other = self.connections.other_end(node, peer);
                self.report.joins.lies += honest;
                self.say(node, format!("finds that node {other:?} lies: {lie}"));
            }
            _ => {}
        }
    }

    /// A node that was far behind has decided what all others have, if it has.
    pub(super) fn note_up_to_date(&mut self, node: usize) {
        let now_us = self.now_us;
        let Some(member) = self.members.get_mut(node) else {
            return;
        };
        if member.join.since_us.is_some()
            && self.checker.is_up_to_date(node)
            && let Some(since_us) = member.join.since_us.take()
        {
            let took_ms = (now_us - since_us) / MICROS_PER_MILLI;
            self.report.joins.up_to_date_ms.push(took_ms);
            self.say(node, format!("is up to date after {took_ms} ms"));
        }
    }
}
