//! What stakers do: they give orders, leave and come back, and misbehave for a time.

use super::{Event, World};
use crate::byzantine::Actor;
use crate::latency::MICROS_PER_MILLI;
use crate::scenario::Away;
use crate::{GENESIS_TIMESTAMP, SimConfig};
use picot_clock::Timestamp;
use picot_models::{Amount, Operation, OperationKind, SecretKey, Signed};

/// The lives of stakers.
impl World<'_> {
    /// All that is known of them before the first slot.
    pub(super) fn plan_lives(&mut self) {
        let genesis_us = self.now_us;
        for (number, order) in self.scenario.orders.iter().enumerate() {
            self.schedule(genesis_us + order.at_us, Event::Order(number));
        }
        for (number, absence) in self.scenario.absences.iter().enumerate() {
            self.schedule(genesis_us + absence.from_us, Event::Leave(number));
            self.schedule(genesis_us + absence.to_us, Event::Return(number));
        }
        for (number, spell) in self.scenario.spells.iter().enumerate() {
            self.set_active(spell.validator, false);
            for (at_us, begins) in [(spell.from_us, true), (spell.to_us, false)] {
                self.schedule(genesis_us + at_us, Event::Spell { number, begins });
            }
        }
    }

    fn set_active(&mut self, validator: usize, is_active: bool) {
        let member = self.members.get_mut(validator);
        if let Some(actor) = member.and_then(|member| member.actor.as_mut()) {
            Actor::set_active(actor, is_active);
        }
    }

    /// A Byzantine validator begins to misbehave, or stops.
    pub(super) fn change_spell(&mut self, number: usize, begins: bool) {
        if let Some(spell) = self.scenario.spells.get(number).copied() {
            self.set_active(spell.validator, begins);
            self.say(spell.validator, format!("misbehaves: {begins}"));
        }
    }

    /// A staker orders something. Gives the node that it went to.
    pub(super) fn give_order(&mut self, number: usize) -> Option<usize> {
        let order = self.scenario.orders.get(number)?;
        let is_up = |node: &usize| {
            let member = self.members.get(*node);
            member.is_some_and(|member| member.node.is_some())
        };
        let others = 0..self.members.len();
        let node = std::iter::once(order.staker).chain(others).find(is_up)?;
        self.say(
            node,
            format!("staker {} orders {:?}", order.staker, order.kind),
        );
        self.hand_in(node, &SimConfig::key(order.staker), order.kind.clone());
        Some(node)
    }

    /// A new operation, which is valid for half of the longest time, goes to the pool of a node.
    pub(super) fn hand_in(&mut self, node: usize, key: &SecretKey, kind: OperationKind) {
        let period = self
            .slot_clock
            .latest_slot_at(Timestamp(self.now_us / MICROS_PER_MILLI))
            .map_or(0, |slot| slot.period);
        let content = Operation {
            fee: Amount::from_nanos(10_000 + self.operations),
            expire_period: period + self.genesis.params.operation_validity_periods / 2,
            kind,
        };
        self.operations += 1;
        let operation = Signed::sign(content, key, &self.chain_id);
        let life = self.members.get(node).map_or(0, |member| member.life);
        if let Some(live) = self.live(node, life) {
            live.hand_in(operation);
        }
    }

    /// A staker stops. Gives its node if that is to go down.
    pub(super) fn leave(&mut self, number: usize) -> Option<usize> {
        let absence = self.scenario.absences.get(number).copied()?;
        self.say(absence.node, format!("leaves: {:?}", absence.how));
        let member = self.members.get_mut(absence.node)?;
        match absence.how {
            Away::Off => {
                member.off_until_us = GENESIS_TIMESTAMP.0 * MICROS_PER_MILLI + absence.to_us;
                member.is_up().then(|| {
                    member.fuse.blow();
                    absence.node
                })
            }
            Away::NotProducing => {
                member.node.as_ref()?.set_producing(false);
                None
            }
        }
    }

    /// A staker comes back; a node that was off starts by itself.
    pub(super) fn come_back(&mut self, number: usize) {
        let Some(absence) = self.scenario.absences.get(number).copied() else {
            return;
        };
        self.say(absence.node, format!("is back: {:?}", absence.how));
        let member = self.members.get(absence.node);
        if let Some(live) = member.and_then(|member| member.node.as_ref()) {
            live.set_producing(true);
        }
    }
}
