//! One engine under test; the other validators are keys that say what the test makes them say.

use crate::mocks::Kit;
use crate::rules::Backed;
use crate::{Message, Peer};
use picot_models::mocks::{block, key};
use picot_models::{
    Ballot, Block, BlockId, Carry, Certificate, ChainParams, Envelope, Justification,
    RoundProposal, Signed, SignedOperation, SignedProposal, SignedVote, Slot, Value, Vote,
};

pub(super) const S1: Slot = Slot::new(1, 0);
pub(super) const MISS: Value = Value::Miss { through: 1 };

/// Four validators of weight 1; only node 0 runs, builds nothing, and is not drawn for slot 1/0.
pub(super) fn alone_of_four() -> Kit {
    // Any change of the parameters is another chain, with other draws.
    let chains = (1_000_000..).map(|size| ChainParams {
        thread_count: 1,
        max_block_size_bytes: size,
        ..ChainParams::dev()
    });
    let mut kits = chains.map(|params| Kit::with_params(params, &[1, 1, 1, 1]));
    let mut kit = kits.find(|kit| kit.ranked(S1, 0) != 0).unwrap();
    for node in 1..4 {
        kit.crash(node);
    }
    kit.nodes[0].produces = false;
    kit
}

/// As [`alone_of_four`], at the moment in which slot 1/0 opens.
pub(super) fn at_slot_1() -> Kit {
    let mut kit = alone_of_four();
    kit.run_for(kit.t0_ms());
    assert!(kit.nodes[0].engine.as_ref().unwrap().open_slots().count() == 1);
    kit
}

pub(super) fn signed_vote(
    kit: &Kit,
    node: usize,
    slot: Slot,
    round: u32,
    ballot: Ballot,
) -> SignedVote {
    let engine = kit.nodes[0].engine.as_ref().unwrap();
    let vote = Vote {
        version: kit.genesis.params.protocol_version,
        slot,
        round,
        thread_digest: engine.chains()[usize::from(slot.thread)].digest(),
        ballot,
    };
    Signed::sign(vote, &kit.key(node), &kit.genesis.chain_id())
}

pub(super) fn notarise(value: Value) -> Ballot {
    Ballot::Notarise {
        value,
        carry: Carry::Free,
    }
}

pub(super) fn carried(value: Value, round: u32) -> Ballot {
    Ballot::Notarise {
        value,
        carry: Carry::From { round },
    }
}

pub(super) fn finalise(value: Value) -> Ballot {
    Ballot::Finalise { value }
}

/// Node `node` says its vote to node 0.
pub(super) fn say(kit: &mut Kit, node: usize, round: u32, ballot: Ballot) {
    let vote = signed_vote(kit, node, S1, round, ballot);
    kit.inject(node, 0, Message::Vote(vote.into_envelope()));
}

pub(super) fn say_all(kit: &mut Kit, round: u32, ballot: Ballot) {
    for node in 1..4 {
        say(kit, node, round, ballot);
    }
}

/// A certificate of nodes 1 to 3.
pub(super) fn certificate(kit: &Kit, round: u32, ballot: Ballot) -> Certificate {
    use picot_selector::Selector;
    let votes: Vec<_> = (1..4)
        .map(|node| signed_vote(kit, node, S1, round, ballot))
        .collect();
    let validators = kit.selector.voting_power(0).unwrap();
    Certificate::from_votes(&votes, &validators).unwrap()
}

pub(super) fn signed_proposal(
    kit: &Kit,
    node: usize,
    round: u32,
    backed: Backed,
) -> SignedProposal {
    let engine = kit.nodes[0].engine.as_ref().unwrap();
    let proposal = RoundProposal {
        version: kit.genesis.params.protocol_version,
        slot: S1,
        round,
        thread_digest: engine.chains()[0].digest(),
        value: backed.value,
        carry: backed.carry,
    };
    Signed::sign(proposal, &kit.key(node), &kit.genesis.chain_id())
}

pub(super) fn propose(kit: &mut Kit, round: u32, backed: Backed, justification: Justification) {
    let node = kit.coordinator(S1, round);
    let proposal = signed_proposal(kit, node, round, backed).into_envelope();
    kit.inject(
        node,
        0,
        Message::Proposal {
            proposal,
            justification,
        },
    );
}

pub(super) fn free(value: Value) -> Backed {
    Backed {
        value,
        carry: Carry::Free,
    }
}

/// `Z` of the rounds from 0 on.
pub(super) fn nullified(kit: &Kit, rounds: u32) -> Justification {
    Justification {
        notarised: None,
        nullified: (0..rounds)
            .map(|round| certificate(kit, round, Ballot::Nullify))
            .collect(),
    }
}

/// A block of a node for slot 1/0.
pub(super) fn block_of(kit: &Kit, node: usize, operations: Vec<SignedOperation>) -> Block {
    block(
        &key(node as u64 + 1),
        S1,
        kit.genesis.block_ids(),
        operations,
        &kit.genesis.chain_id(),
    )
}

/// Node 0 learns of a block, header and body.
pub(super) fn show(kit: &mut Kit, from: usize, block: &Block) -> BlockId {
    show_header(kit, from, block);
    kit.inject(from, 0, Message::Body(crate::worker::envelope(block)));
    block.id()
}

pub(super) fn show_header(kit: &mut Kit, from: usize, block: &Block) {
    kit.inject(from, 0, Message::Candidate(block.header.envelope().clone()));
}

pub(super) fn value(id: BlockId) -> Value {
    Value::Block { id }
}

/// The votes that node 0 sent for slot 1/0, each once: round and ballot.
pub(super) fn voted(kit: &Kit) -> Vec<(u32, Ballot)> {
    let mut votes = Vec::new();
    for message in &kit.nodes[0].sent {
        if let Message::Vote(Envelope { content, .. }) = message.as_ref()
            && content.slot == S1
            && !votes.contains(&(content.round, content.ballot))
        {
            votes.push((content.round, content.ballot));
        }
    }
    votes
}

pub(super) fn proposed(kit: &Kit) -> Vec<(u32, Backed)> {
    let mut proposals = Vec::new();
    for message in &kit.nodes[0].sent {
        if let Message::Proposal { proposal, .. } = message.as_ref() {
            let RoundProposal {
                round,
                value,
                carry,
                ..
            } = proposal.content;
            proposals.push((round, Backed { value, carry }));
        }
    }
    proposals.dedup();
    proposals
}

pub(super) fn verified(kit: &Kit) -> u64 {
    kit.nodes[0]
        .verifier
        .verified
        .load(std::sync::atomic::Ordering::Relaxed)
}

pub(super) fn peer(node: usize) -> Peer {
    Peer(node as u64)
}

/// The other nodes by their place in the producer ranking.
pub(super) fn others(kit: &Kit) -> Vec<usize> {
    let ranked = (0..4).map(|rank| kit.ranked(S1, rank));
    ranked.filter(|node| *node != 0).collect()
}
