//! What peers say.

use super::{Core, MAX_OUTCOMES_VERIFIED, MAX_RECENT};
use crate::input::Effects;
use crate::packet::{Packet, ShortBlock, Status};
use crate::{Farewell, Fault, Frame, Lane, Output};
use picot_clock::Timestamp;
use picot_consensus::{Message, Peer, PeerFault, Request};
use picot_models::{BlockId, Denunciation, Endorsement, Envelope, Header};
use std::sync::Arc;

impl Core {
    pub(super) fn on_received(
        &mut self,
        now: Timestamp,
        from: Peer,
        lane: Lane,
        frame: &Arc<Frame>,
        effects: &mut Effects,
    ) {
        let Some(place) = self.table.place(from) else {
            return;
        };
        if frame.lane() != lane {
            return effects.blame(from, Fault::Unreadable);
        }
        let is_ready = self.table.ready().contains(place);
        match frame.packet() {
            Packet::Hello(hello) if !is_ready => {
                let ours = (crate::PROTOCOL_VERSION, self.config.chain_id);
                match self.table.introduce(from, hello.clone(), ours) {
                    Ok(()) => self.on_ready(now, from, effects),
                    Err(reason) => effects.push(Output::Disconnect { peer: from, reason }),
                }
            }
            Packet::Hello(_) => effects.blame(from, Fault::OutOfTurn),
            _ if !is_ready => {
                effects.blame(from, Fault::OutOfTurn);
                let reason = Farewell::NotIntroduced;
                effects.push(Output::Disconnect { peer: from, reason });
            }
            packet => match self.table.admit(now, from, lane, frame.len(), packet) {
                Ok(()) => self.on_packet(now, from, place, frame, effects),
                Err(fault) => {
                    if let Some(fault) = fault {
                        effects.blame(from, fault);
                    }
                }
            },
        }
    }

    fn on_packet(
        &mut self,
        now: Timestamp,
        from: Peer,
        place: usize,
        frame: &Arc<Frame>,
        effects: &mut Effects,
    ) {
        let pool = self.reads.pool.as_ref();
        match frame.packet() {
            Packet::Hello(_) => {}
            Packet::Status(status) => self.on_status(now, from, status, effects),
            Packet::Neighbours(nodes) => self.table.set_neighbours(from, nodes),
            Packet::Consensus(message) => {
                self.on_message(now, from, place, &message.0, frame, effects);
            }
            Packet::Candidate { header, operations } => {
                self.gossip.received(place, frame);
                self.on_candidate(now, from, header, operations.as_ref(), effects);
            }
            Packet::Have(tags) => self.gossip.on_have(from, place, tags, effects),
            Packet::Want(tags) => {
                let (verifier, chain_id) = (&self.reads.verifier, &self.config.chain_id);
                let is_good = |frame: &Frame| is_well_signed(verifier.as_ref(), chain_id, frame);
                self.gossip.on_want(from, place, tags, is_good, effects);
            }
            Packet::Announce(prefixes) => {
                self.operations
                    .on_announce(now, from, prefixes, pool, effects);
            }
            Packet::GetOperations(prefixes) => {
                self.operations.on_get(now, from, prefixes, pool, effects);
            }
            Packet::Operations(operations) => {
                self.operations
                    .on_operations(now, from, operations, effects);
            }
            Packet::Endorsements(endorsements) => {
                self.on_endorsements(place, from, endorsements, frame, effects);
            }
            Packet::Denunciations(denunciations) => {
                self.on_denunciations(place, from, denunciations, frame, effects);
            }
            Packet::GetBlock(id) => self.on_get_block(now, from, *id, effects),
            Packet::BlockIds { id, operations } => {
                self.blocks
                    .on_block_ids(now, from, *id, operations, pool, effects);
            }
            Packet::GetBlockOperations { id, places } => {
                self.blocks
                    .on_get_block_operations(now, from, *id, places, effects);
            }
            Packet::BlockOperations { id, operations } => {
                self.blocks
                    .on_block_operations(now, from, *id, operations, effects);
            }
            Packet::NotHeld(id) => self.blocks.on_not_held(now, from, *id, effects),
            Packet::GetState(_) | Packet::State(_) => {
                let frame = Arc::clone(frame);
                effects.push(Output::State { from, frame });
            }
            Packet::Checkpoint(message) => {
                let message = Arc::clone(&message.0);
                effects.push(Output::Checkpoint { from, message });
            }
        }
    }

    fn on_status(&mut self, now: Timestamp, from: Peer, status: &Status, effects: &mut Effects) {
        if status.decided.len() != self.decided.len() {
            return effects.blame(from, Fault::Consensus(PeerFault::Malformed));
        }
        self.clocks.on_status(now, from, status);
        self.statuses.on_status(now, from, status);
        let slots = self.statuses.newly_ahead(from, &self.decided);
        if !slots.is_empty() {
            effects.push(Output::DecidedElsewhere { peer: from, slots });
        }
    }

    fn on_message(
        &mut self,
        now: Timestamp,
        from: Peer,
        place: usize,
        message: &Arc<Message>,
        frame: &Arc<Frame>,
        effects: &mut Effects,
    ) {
        match message.as_ref() {
            // These have packets of their own.
            Message::Candidate(_) | Message::NotHeld(Request::Body { .. }) => {
                return effects.blame(from, Fault::Consensus(PeerFault::Malformed));
            }
            Message::Body(block) => {
                let pool = self.reads.pool.as_ref();
                return self.blocks.on_body(now, from, block, pool, effects);
            }
            Message::Outcome {
                block: Some(block), ..
            } if !block.operations.is_empty() => {
                return self.verify_outcome(from, message, effects);
            }
            Message::Vote(_) | Message::Proposal { .. } => {
                self.gossip.received(place, frame);
                if self.recent.len() >= MAX_RECENT {
                    self.recent.pop_front();
                }
                self.recent.push_back(Arc::clone(frame));
            }
            Message::Certificate(_)
            | Message::Have { .. }
            | Message::Outcome { .. }
            | Message::NotHeld(_)
            | Message::Ask(_) => {}
        }
        let message = Arc::clone(message);
        effects.push(Output::Consensus { from, message });
    }

    /// Signatures of operations are not covered by the ids that a certificate vouches for.
    fn verify_outcome(&mut self, from: Peer, message: &Arc<Message>, effects: &mut Effects) {
        let Message::Outcome {
            block: Some(block), ..
        } = message.as_ref()
        else {
            return;
        };
        if self.outcomes.len() >= MAX_OUTCOMES_VERIFIED {
            return;
        }
        let ticket = self.next_outcome;
        self.next_outcome = ticket.saturating_add(1);
        let chain_id = &self.config.chain_id;
        let operations = block.operations.iter();
        let operations = operations
            .map(|operation| Arc::new(operation.clone().identify(chain_id)))
            .collect();
        self.outcomes.insert(ticket, (from, Arc::clone(message)));
        effects.push(Output::Verify { ticket, operations });
    }

    pub(super) fn on_outcome_verified(
        &mut self,
        ticket: u64,
        bad: &[usize],
        effects: &mut Effects,
    ) {
        let Some((from, message)) = self.outcomes.remove(&ticket) else {
            return;
        };
        if bad.is_empty() {
            effects.push(Output::Consensus { from, message });
        } else {
            effects.blame(from, Fault::BadItem);
        }
    }

    fn on_candidate(
        &mut self,
        now: Timestamp,
        from: Peer,
        header: &Envelope<Header>,
        operations: Option<&ShortBlock>,
        effects: &mut Effects,
    ) {
        let id = header.id(&self.config.chain_id);
        self.blocks.on_candidate(now, from, id, header, operations);
        let message = Arc::new(Message::Candidate(header.clone()));
        effects.push(Output::Consensus { from, message });
    }

    fn on_endorsements(
        &mut self,
        place: usize,
        from: Peer,
        endorsements: &[Envelope<Endorsement>],
        frame: &Arc<Frame>,
        effects: &mut Effects,
    ) {
        self.gossip.received(place, frame);
        let chain_id = &self.config.chain_id;
        let endorsements = endorsements
            .iter()
            .map(|endorsement| Arc::new(endorsement.clone().identify(chain_id)))
            .collect();
        effects.push(Output::AddEndorsements { from, endorsements });
    }

    fn on_denunciations(
        &mut self,
        place: usize,
        from: Peer,
        denunciations: &[Denunciation],
        frame: &Arc<Frame>,
        effects: &mut Effects,
    ) {
        self.gossip.received(place, frame);
        let denunciations = denunciations.iter().cloned().map(Arc::new).collect();
        effects.push(Output::AddDenunciations {
            from,
            denunciations,
        });
    }

    /// What is not held here may be in the archive.
    fn on_get_block(&mut self, now: Timestamp, from: Peer, id: BlockId, effects: &mut Effects) {
        if !self.blocks.on_get_block(now, from, id, effects) {
            let message = Arc::new(Message::Ask(Request::Body { id }));
            effects.push(Output::Consensus { from, message });
        }
    }
}

/// Whether the signature of a message that is passed on is its signer's.
pub(super) fn is_well_signed(
    verifier: &dyn picot_consensus::Verifier,
    chain_id: &picot_models::ChainId,
    frame: &Frame,
) -> bool {
    let Packet::Consensus(message) = frame.packet() else {
        // Consensus has verified what it passes on otherwise.
        return true;
    };
    let entry = match message.0.as_ref() {
        Message::Vote(vote) => vote.batch_entry(chain_id),
        Message::Proposal { proposal, .. } => proposal.batch_entry(chain_id),
        _ => return true,
    };
    verifier.bad(&[entry]).is_empty()
}
