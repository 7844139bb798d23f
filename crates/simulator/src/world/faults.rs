//! What befalls nodes besides crashes: clocks that change, pauses, lost signing logs.

use super::{Event, World};
use crate::latency::MICROS_PER_MILLI;

/// Faults of nodes.
impl World<'_> {
    /// All that is known of them before the first slot.
    pub(super) fn plan_node_faults(&mut self) {
        let genesis_us = self.now_us;
        for (number, change) in self.scenario.clock_changes.iter().enumerate() {
            self.schedule(genesis_us + change.at_us, Event::ChangeClock(number));
        }
        for (number, pause) in self.scenario.pauses.iter().enumerate() {
            self.schedule(genesis_us + pause.at_us, Event::Pause(number));
        }
        for (number, lost) in self.scenario.lost_logs.iter().enumerate() {
            self.schedule(genesis_us + lost.at_us, Event::LoseLog(number));
        }
    }

    /// The end of a pause of the node to which an event is to happen: it happens then.
    pub(super) fn paused_until(&self, event: &Event) -> Option<u64> {
        let nodes = match event {
            Event::Arrive { to: node, .. }
            | Event::Gone { node, .. }
            | Event::Say { node, .. }
            | Event::Wake { node, .. }
            | Event::BlockTick { node, .. }
            | Event::EndorsementTick { node, .. } => [*node, *node],
            Event::Connect { one, other } => [*one, *other],
            _ => return None,
        };
        let members = nodes.iter().filter_map(|node| self.members.get(*node));
        let until_us = members.map(|member| member.paused_until_us).max()?;
        (until_us > self.now_us).then_some(until_us)
    }

    /// A node's clock is stepped, and drifts from now on.
    pub(super) fn change_clock(&mut self, number: usize) {
        let Some(change) = self.scenario.clock_changes.get(number).copied() else {
            return;
        };
        let now_us = self.now_us;
        let Some(member) = self.members.get_mut(change.node) else {
            return;
        };
        member.clock.change(now_us, change.step_us, change.rate_ppm);
        member.waits_for = None;
        let wake_at = member.wake_at();
        let ahead_us = member.clock.ahead_us(now_us);
        let rate = change.rate_ppm;
        let text = format!("clock is {ahead_us} us ahead and gains {rate} ppm");
        self.say(change.node, text);
        self.schedule_wake(change.node, wake_at);
    }

    /// A node stops for a while. One that is stopped already goes on when it would: what waits for its
    /// first moment stays in order.
    pub(super) fn pause(&mut self, number: usize) {
        let Some(pause) = self.scenario.pauses.get(number).copied() else {
            return;
        };
        let now_us = self.now_us;
        let member = self.members.get_mut(pause.node);
        if let Some(member) = member.filter(|member| member.paused_until_us <= now_us) {
            member.paused_until_us = now_us.saturating_add(pause.for_us);
            let for_ms = pause.for_us / MICROS_PER_MILLI;
            self.say(pause.node, format!("pauses for {for_ms} ms"));
        }
    }

    /// A node crashes here and now, and its signing log is gone when it starts again. Gives the
    /// node if it was up.
    pub(super) fn lose_log(&mut self, number: usize) -> Option<usize> {
        let lost = self.scenario.lost_logs.get(number).copied()?;
        let member = self.members.get_mut(lost.node)?;
        member.loses_log = true;
        if !member.is_up() {
            return None;
        }
        member.fuse.blow();
        member.down_us = lost.down_us;
        self.say(lost.node, "loses its signing log".to_owned());
        Some(lost.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SimConfig;
    use crate::scenario::{Pause, Scenario};

    #[test]
    fn a_node_that_is_paused_already_goes_on_when_it_would() {
        let config = SimConfig::new(1, 2);
        let mut scenario = Scenario::new(&config);
        let pause = |for_us| Pause {
            at_us: 0,
            node: 0,
            for_us,
        };
        scenario.pauses = vec![pause(1_000), pause(5_000)];
        let mut world = World::new(&config, &scenario).unwrap();
        let begun_us = world.now_us;
        let wake = || Event::BlockTick { node: 0, life: 0 };
        world.pause(0);
        world.now_us = begun_us + 500;
        world.pause(1);
        assert_eq!(world.paused_until(&wake()), Some(begun_us + 1_000));
        world.now_us = begun_us + 1_000;
        assert_eq!(world.paused_until(&wake()), None);
        world.pause(1);
        assert_eq!(world.paused_until(&wake()), Some(begun_us + 6_000));
    }
}
