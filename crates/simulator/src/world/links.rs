//! Connections that are made and lost.

use super::{Event, Member, World};
use crate::invariants::{Invariant, Violation};
use crate::latency::MICROS_PER_MILLI;
use picot_clock::Millis;
use picot_consensus::Peer;
use picot_protocol::Farewell;

/// After how long a connection that could not be made, or was ended, is tried again.
const RETRY_US: u64 = 200 * MICROS_PER_MILLI;

/// Connections.
impl World<'_> {
    /// A node that is up calls all its peers.
    pub(super) fn connect_all(&mut self, node: usize) {
        self.connections.forget_bans(node);
        let peers = self.graph.get(node).cloned().unwrap_or_default();
        for other in peers {
            self.schedule(self.now_us, Event::Connect { one: node, other });
        }
    }

    /// A node calls another one, if both are up and nothing is between them. Gives the other one.
    ///
    /// # Errors
    /// What follows at the first one breaks an invariant.
    pub(super) fn connect(&mut self, one: usize, other: usize) -> Result<Option<usize>, Violation> {
        // Who starts calls everybody.
        if !self.are_up([one, other]) {
            return Ok(None);
        }
        let ends = [(one, other), (other, one)];
        let ends = ends.map(|(node, other)| self.connections.between(node, other));
        if ends.iter().all(Option::is_some) {
            return Ok(None);
        }
        let again = Event::Connect { one, other };
        let banned_until_us = self.connections.banned_until_us(one, other);
        if banned_until_us > self.now_us {
            self.schedule(banned_until_us, again);
            return Ok(None);
        }
        if !self.network.connects(one, other) {
            self.schedule(self.now_us + RETRY_US, again);
            return Ok(None);
        }
        // One end may not have heard that the connection before is gone.
        for (node, peer) in [one, other].into_iter().zip(ends) {
            if let Some(peer) = peer {
                self.gone(node, peer);
                self.settle(node)?;
            }
        }
        // It may have crashed by that.
        if !self.are_up([one, other]) {
            return Ok(None);
        }
        let peer = self.connections.open(one, other);
        self.say(one, format!("is connected to node {other}"));
        for (node, peer_node, outbound) in [(one, other, true), (other, one, false)] {
            let life = self.members.get(node).map_or(0, |member| member.life);
            self.tell_connected((node, life), peer, peer_node, outbound);
        }
        self.settle(one)?;
        Ok(Some(other))
    }

    fn are_up(&self, nodes: [usize; 2]) -> bool {
        let mut members = nodes.iter().map(|node| self.members.get(*node));
        members.all(|member| member.is_some_and(Member::is_up))
    }

    /// A node hears that a connection is gone. True if that is news.
    pub(super) fn gone(&mut self, node: usize, peer: Peer) -> bool {
        if !self.connections.close(node, peer) {
            return false;
        }
        let life = self.members.get(node).map_or(0, |member| member.life);
        self.tell_disconnected((node, life), peer);
        true
    }

    /// A node ends its end of a connection, or crashes: the other one hears of it after all that was on
    /// its way.
    pub(super) fn close(&mut self, node: usize, peer: Peer) {
        let Some(other) = self.connections.other_end(node, peer) else {
            return;
        };
        self.connections.close(node, peer);
        let carried = self.network.carry_surely(self.now_us, node, other, 0);
        let [at_us, _] = carried.arrives_us;
        let at_us = at_us.unwrap_or(self.now_us);
        let at_us = at_us.max(self.connections.last_us(other, peer));
        self.schedule(at_us, Event::Gone { node: other, peer });
    }

    /// A node has crashed, and all its connections end.
    pub(super) fn close_all(&mut self, node: usize) {
        let all: Vec<Peer> = self.connections.of(node).map(|(_, peer)| peer).collect();
        for peer in all {
            self.close(node, peer);
        }
    }

    /// A node sends a peer away, and lets it in no more for so long.
    ///
    /// # Errors
    /// Both are honest.
    pub(super) fn part(
        &mut self,
        node: usize,
        peer: Peer,
        reason: &Farewell,
        length: Millis,
    ) -> Result<(), Violation> {
        let Some(other) = self.connections.other_end(node, peer) else {
            return Ok(());
        };
        let text = format!("node {node} sends node {other} away, since {reason}");
        self.say(node, text.clone());
        if self.is_honest(node) && self.is_honest(other) {
            return Err(Violation::new(Invariant::NoFalseAccusation, text));
        }
        self.close(node, peer);
        let until_us = self.now_us + length.0.saturating_mul(MICROS_PER_MILLI);
        if length > Millis::ZERO {
            self.connections.ban(node, other, until_us);
            self.report.bans += u64::from(self.is_honest(node));
        }
        let again = Event::Connect {
            one: other,
            other: node,
        };
        self.schedule(until_us.max(self.now_us + RETRY_US), again);
        Ok(())
    }

    pub(super) fn is_honest(&self, node: usize) -> bool {
        self.members.get(node).is_some_and(|member| member.honest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Behaviour;
    use crate::config::SimConfig;
    use crate::node::Effect;
    use crate::scenario::Scenario;
    use picot_protocol::Fault;

    const REASON: Farewell = Farewell::Penalties {
        last: Fault::Unasked,
    };

    /// Whether it breaks an invariant that a node bans, or punishes, another one. Node 3 misbehaves.
    fn is_broken(node: usize, other: usize) -> [bool; 2] {
        let mut config = SimConfig::new(1, 4);
        config.byzantine = vec![(3, Behaviour::Garbage)];
        let scenario = Scenario::new(&config);
        let mut world = World::new(&config, &scenario).unwrap();
        let peer = world.connections.open(node, other);
        let punished = Effect::Punished(peer, Fault::Unasked);
        [
            world.carry_out(node, punished).is_err(),
            world.part(node, peer, &REASON, Millis(1)).is_err(),
        ]
    }

    #[test]
    fn an_honest_node_that_punishes_or_bans_an_honest_one_is_found() {
        assert_eq!(is_broken(0, 1), [true, true]);
        assert_eq!(is_broken(0, 3), [false, false]);
        assert_eq!(is_broken(3, 0), [false, false]);
    }

    #[test]
    fn who_crashes_when_it_hears_that_a_connection_is_gone_is_not_connected_again() {
        let config = SimConfig::new(1, 4);
        let scenario = Scenario::new(&config);
        let mut world = World::new(&config, &scenario).unwrap();
        for node in 0..4 {
            world.start(node).unwrap();
        }
        world.connect(0, 1).unwrap();
        let peer = world.connections.between(0, 1).unwrap();
        world.close(0, peer);
        world.members[1].fuse.blow();
        assert_eq!(world.connect(0, 1).unwrap(), None);
        assert!(!world.members[1].is_up());
        assert_eq!(world.connections.between(0, 1), None);
    }

    #[test]
    fn who_is_banned_is_let_in_again_when_the_ban_is_over() {
        let mut config = SimConfig::new(1, 4);
        config.byzantine = vec![(3, Behaviour::Garbage)];
        let scenario = Scenario::new(&config);
        let mut world = World::new(&config, &scenario).unwrap();
        for node in 0..4 {
            world.start(node).unwrap();
        }
        let connected = |world: &World<'_>| world.connections.between(0, 3).is_some();
        world.connect(0, 3).unwrap();
        let peer = world.connections.between(0, 3).unwrap();
        world.part(0, peer, &REASON, Millis(1_000)).unwrap();
        world.connect(3, 0).unwrap();
        assert!(!connected(&world), "as long as the ban lasts");
        world.now_us += 1_000 * MICROS_PER_MILLI;
        world.connect(3, 0).unwrap();
        assert!(connected(&world));
        assert_eq!(world.report.bans, 1);
    }
}
