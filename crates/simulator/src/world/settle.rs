//! What follows an event at a node: its effects are carried out, and all that may have changed is
//! checked.

use super::{Event, Member, World};
use crate::invariants::{Checker, Invariant, Violation};
use crate::node::{Effect, Node, Outcome};
use crate::witness::{Glimpse, Life};
use picot_clock::Timestamp;
use picot_consensus::{ConsensusEvent, Message};
use picot_execution::SlotOutput;
use picot_models::{Address, Slot, ValidatorSet};
use picot_storage::{BlockArchive, Decided};
use std::sync::Arc;

/// At so many of a million ticks it is looked at what waits for each peer of a node.
const LOOKS_PER_MILLION: u64 = 100_000;

/// What follows an event.
impl World<'_> {
    /// Carries out what a node did, and checks everything that may have changed.
    pub(super) fn settle(&mut self, node: usize) -> Result<(), Violation> {
        let mut final_slots = Vec::new();
        loop {
            let Some(live) = self.members.get_mut(node).and_then(|one| one.node.as_mut()) else {
                return self.settle_joining(node);
            };
            let mut outcome = live.take_outcome();
            final_slots.append(&mut outcome.final_slots);
            // What an actor makes of what its node says is more for the node to do.
            if outcome.effects.is_empty() || self.actor(node).is_none() {
                outcome.final_slots = final_slots;
                return self.follow(node, outcome);
            }
            if self.carry_out_all(node, &mut outcome)? {
                return Ok(());
            }
        }
    }

    /// Carries out what a node did, which gives it no more to do, and checks everything that may have
    /// changed.
    pub(super) fn follow(&mut self, node: usize, mut outcome: Outcome) -> Result<(), Violation> {
        if self.carry_out_all(node, &mut outcome)? {
            return Ok(());
        }
        let checked = self.check_node(node, &outcome);
        self.heed(checked)?;
        self.record(node, &outcome.final_slots)?;
        self.schedule_wake(node, outcome.wake_at);
        Ok(())
    }

    /// Carries out what a node did. Gives whether it does not run any more, and all is settled.
    fn carry_out_all(&mut self, node: usize, outcome: &mut Outcome) -> Result<bool, Violation> {
        let checked = self.checker.on_signed(node, &outcome.signed);
        self.heed(checked)?;
        for effect in outcome.effects.drain(..) {
            let checked = self.carry_out(node, effect);
            self.heed(checked)?;
        }
        if outcome.is_down {
            self.crash(node)?;
        } else if outcome.is_left_behind {
            self.leave_behind(node)?;
        }
        Ok(outcome.is_down || outcome.is_left_behind)
    }

    /// A violation ends the run, unless it is one that is not looked at.
    pub(super) fn heed(&self, checked: Result<(), Violation>) -> Result<(), Violation> {
        checked.or_else(|violation| {
            let is_agreement = violation.invariant == Invariant::Agreement;
            if self.scenario.agreement_only && !is_agreement {
                return Ok(());
            }
            Err(violation)
        })
    }

    /// Wakes a node when it wants to be, unless that is planned.
    pub(super) fn schedule_wake(&mut self, node: usize, wake_at: Option<Timestamp>) {
        let Some(member) = self.members.get_mut(node) else {
            return;
        };
        if wake_at == member.waits_for {
            return;
        }
        member.waits_for = wake_at;
        let life = member.life;
        if let Some(at) = wake_at {
            let after_us = member.clock.until_us(self.now_us, at).unwrap_or(0);
            self.schedule(self.now_us + after_us, Event::Wake { node, life, at });
        }
    }

    pub(super) fn crash(&mut self, node: usize) -> Result<(), Violation> {
        let now_us = self.now_us;
        let Some(member) = self.members.get_mut(node) else {
            return Ok(());
        };
        let dropped = member.node.as_deref().map_or(0, Node::dropped_outcomes);
        self.report.joins.dropped += dropped;
        member.node = None;
        member.joining = None;
        member.waits_for = None;
        let down_us = if self.healed { 0 } else { member.down_us };
        self.report.crashes += 1;
        self.say(node, "crashes".to_owned());
        self.close_all(node);
        self.schedule(now_us + down_us, Event::Start(node));
        Ok(())
    }

    pub(super) fn carry_out(&mut self, node: usize, effect: Effect) -> Result<(), Violation> {
        let honest = self.members.get(node).is_some_and(|member| member.honest);
        match effect {
            Effect::Send(peer, frame) => self.send(node, peer, frame),
            Effect::Said(word) => self.act(node, word),
            Effect::Saw(message, open) => {
                if let Some(glimpse) = self.glimpse(node, open, &message) {
                    self.witness.saw(glimpse);
                }
            }
            Effect::Parted(peer, reason, length) => self.part(node, peer, &reason, length)?,
            Effect::Decided(decided) => {
                self.say(
                    node,
                    format!("decides {} {}", decided.slot(), decided.outcome.value()),
                );
                self.on_decided(node, &decided)?;
            }
            Effect::Certified(checkpoint) if honest => {
                self.say(node, format!("certifies {}", checkpoint.slot));
                self.checker.on_certified(node, &checkpoint)?;
            }
            Effect::Evidence(denunciation) if honest => {
                self.say(node, format!("proves {:?}", denunciation.fault_key()));
                self.witness.proved(denunciation.fault_key());
                if let Some(validators) = self.validators(node, denunciation.slot()) {
                    self.checker.on_evidence(node, &denunciation, &validators)?;
                }
            }
            Effect::Punished(peer, fault) if honest => {
                let other = self.connections.other_end(node, peer);
                let other = other.unwrap_or(usize::MAX);
                self.say(node, format!("punishes node {other} for {fault}"));
                if self.is_honest(other) {
                    let text = format!("node {node} punishes honest node {other} for {fault}");
                    return Err(Violation::new(Invariant::NoFalseAccusation, text));
                }
            }
            // Without its log, a node does not know its own signatures of before.
            Effect::Foreign(_, slot) if self.has_lost_log(node) => {
                self.say(node, format!("does not know its own signature of {slot}"));
            }
            Effect::Foreign(address, slot) if honest => {
                let text =
                    format!("node {node} sees its key {address} in use elsewhere, at {slot}");
                return Err(Violation::new(Invariant::HonestKeys, text));
            }
            Effect::Event(ConsensusEvent::Decided { round, delay, .. }) if honest => {
                self.report.delays_ms.push(delay.0);
                *self.report.rounds.entry(round).or_default() += 1;
            }
            Effect::Receives | Effect::Staged | Effect::Lie(..) => self.on_receiving(node, effect),
            Effect::Broken(text) if honest => {
                let text = format!("node {node}: {text}");
                return Err(Violation::new(Invariant::NodeGoesOn, text));
            }
            _ => {}
        }
        Ok(())
    }

    /// What an honest node must look at in a message of a Byzantine validator, unless it crashes first.
    fn glimpse(&self, node: usize, open: (Slot, u32), message: &Message) -> Option<Glimpse> {
        let address = self.witness.signer(message)?;
        let member = self.members.get(node).filter(|member| member.honest)?;
        let live = member.node.as_ref().filter(|live| !live.fuse.is_blown())?;
        let slot = message.slot()?;
        if self.validators(node, slot)?.power_of(&address) == 0 {
            return None;
        }
        if matches!(message, Message::Candidate(_)) {
            let rank = live.selector().producer_rank(slot, &address).ok()??;
            let policy = self.genesis.params.proposal_policy;
            policy.allows_rank(rank).then_some(())?;
        }
        let life = member.life;
        self.witness.glimpse(Life { node, life }, open, message)
    }

    /// What an honest node made final, for the record of stakes.
    fn record(&mut self, node: usize, final_slots: &[Arc<SlotOutput>]) -> Result<(), Violation> {
        let (Some(recorder), Some(member)) = (&mut self.recorder, self.members.get(node)) else {
            return Ok(());
        };
        match &member.node {
            Some(live) if member.honest && !final_slots.is_empty() => recorder
                .on_final(live, final_slots)
                .map_err(|text| Violation::new(Invariant::Stakes, text)),
            _ => Ok(()),
        }
    }

    /// What waits for each peer is looked at now and then: it is much to look at.
    pub(super) fn look_at_peers(&mut self, node: usize) -> Result<(), Violation> {
        if !self.random_looks.chance(LOOKS_PER_MILLION) {
            return Ok(());
        }
        let member = self.members.get(node).filter(|member| member.honest);
        let checked = match member.and_then(|member| member.node.as_ref()) {
            Some(live) => Checker::check_peers(node, &live.peers()),
            None => Ok(()),
        };
        self.heed(checked)
    }

    fn has_lost_log(&self, node: usize) -> bool {
        self.members
            .get(node)
            .is_some_and(|member| member.disk.log_since.is_some())
    }

    fn validators(&self, node: usize, slot: Slot) -> Option<Arc<ValidatorSet>> {
        let cycle = slot.cycle(self.genesis.params.periods_per_cycle).ok()?;
        let live = self.members.get(node)?.node.as_ref()?;
        live.selector().voting_power(cycle).ok()
    }

    pub(super) fn on_decided(&mut self, node: usize, decided: &Decided) -> Result<(), Violation> {
        if !self.members.get(node).is_some_and(|member| member.honest) {
            return Ok(());
        }
        let slot = decided.slot();
        let validators = self.validators(node, slot).ok_or_else(|| {
            let text = format!("node {node} decides {slot} without its draws");
            Violation::new(Invariant::EqualDraws, text)
        })?;
        let live = self.members.get(node).and_then(|one| one.node.as_ref());
        let rank = |producer: &Address| {
            let selector = live?.selector();
            selector.producer_rank(slot, producer).ok()?
        };
        let is_first = self.checker.on_decided(node, decided, &validators, rank)?;
        self.may_be_over = true;
        self.note_up_to_date(node);
        if is_first && let Some(block) = &decided.block {
            self.report.operations += u64::try_from(block.operations.len()).unwrap_or(0);
            let id = block.id();
            let holds = |member: &&Member| {
                member.honest
                    && (matches!(member.disk.archive.block(&id), Ok(Some(_)))
                        || member
                            .node
                            .as_ref()
                            .is_some_and(|live| live.held_block(&id).is_some()))
            };
            let held_by = self
                .members
                .iter()
                .filter(holds)
                .map(|member| validators.power_of(&member.address))
                .sum();
            Checker::check_available(slot, held_by, &validators)?;
        }
        Ok(())
    }

    /// What an engine holds may change at each event; the state and the draws that it gives change
    /// only when slots become final, or the node is new.
    fn check_node(&mut self, node: usize, outcome: &Outcome) -> Result<(), Violation> {
        let Some(member) = self.members.get_mut(node).filter(|member| member.honest) else {
            return Ok(());
        };
        let Some(live) = &member.node else {
            return Ok(());
        };
        self.checker.on_held_slots(node, outcome.held_slots)?;
        Checker::check_queued(node, outcome.queued_bytes)?;
        if outcome.final_slots.is_empty() && member.seen_state.is_some() {
            return Ok(());
        }
        let summary = live.execution().summary();
        if member.seen_state != Some(summary.last_final_slot) {
            member.seen_state = Some(summary.last_final_slot);
            self.checker.on_state(node, &summary)?;
            let ready = live.selector().ready_cycles();
            let newest = ready.iter().max().copied();
            if newest > member.seen_cycles {
                member.seen_cycles = newest;
                for cycle in ready {
                    self.checker.on_draws(node, cycle, live.selector())?;
                }
            }
        }
        Ok(())
    }
}
