//! The byte forms of packets.

use crate::packet::{
    Hello, MAX_TAGS, NodeTag, Packet, Prefix, SharedMessage, ShortBlock, Status, Tag,
};
use crate::{Echo, Frame, Lane};
use picot_consensus::{Message, Request};
use picot_models::mocks::{address, block, genesis_with, key, transfer};
use picot_models::{
    Ballot, Block, BlockEnvelope, Carry, ChainId, ChainParams, OperationId, Signed, Slot,
    ThreadDigest, Value, Vote,
};
use picot_serialization::testing::check_value;
use picot_serialization::{Encode, decode_exact};
use std::sync::Arc;

fn chain() -> ChainId {
    genesis_with(ChainParams::dev(), &[(1, 1)]).chain_id()
}

fn some_block() -> Block {
    let genesis = genesis_with(ChainParams::dev(), &[(1, 1)]);
    let operations = (0..3).map(|amount| transfer(&key(1), address(2), amount + 1, 1, 9, &chain()));
    let parents = genesis.block_ids();
    block(
        &key(1),
        Slot::new(1, 0),
        parents,
        operations.collect(),
        &chain(),
    )
}

fn some_vote() -> Message {
    let vote = Vote {
        version: 1,
        slot: Slot::new(3, 1),
        round: 0,
        thread_digest: ThreadDigest::genesis(&chain(), 1),
        ballot: Ballot::Notarise {
            value: Value::Miss { through: 3 },
            carry: Carry::Free,
        },
    };
    Message::Vote(Signed::sign(vote, &key(1), &chain()).into_envelope())
}

fn shared(message: Message) -> Packet {
    Packet::Consensus(SharedMessage(Arc::new(message)))
}

/// One of each kind.
fn packets() -> Vec<Packet> {
    let block = some_block();
    let id = block.id();
    let ids: Vec<OperationId> = block.operations.iter().map(|one| one.id()).collect();
    let prefixes: Vec<Prefix> = ids.iter().map(Prefix::of).collect();
    let operations: Vec<_> = block
        .operations
        .iter()
        .map(|one| one.envelope().clone())
        .collect();
    let header = block.header.envelope().clone();
    vec![
        Packet::Hello(Hello {
            version: 1,
            chain_id: chain(),
            agent: "picot/0.1.0".to_owned(),
        }),
        Packet::Status(Status {
            sent_at_ms: 5,
            echo: Some(Echo {
                sent_at_ms: 3,
                held_ms: 1,
            }),
            decided: vec![7, 8],
            serves_from: 1,
        }),
        Packet::Neighbours(vec![NodeTag([1; 8]), NodeTag([2; 8])]),
        shared(some_vote()),
        Packet::Candidate {
            header: header.clone(),
            operations: Some(ShortBlock(prefixes.clone())),
        },
        Packet::Candidate {
            header: header.clone(),
            operations: None,
        },
        Packet::Have(vec![Tag([1; 8])]),
        Packet::Want(vec![Tag([1; 8])]),
        Packet::Announce(prefixes.clone()),
        Packet::GetOperations(prefixes),
        Packet::Operations(operations.clone()),
        Packet::Endorsements(Vec::new()),
        Packet::Denunciations(Vec::new()),
        Packet::GetBlock(id),
        Packet::BlockIds {
            id,
            operations: ids,
        },
        Packet::GetBlockOperations {
            id,
            places: vec![0, 2],
        },
        Packet::BlockOperations {
            id,
            operations: operations.clone(),
        },
        Packet::NotHeld(id),
        shared(Message::Body(BlockEnvelope { header, operations })),
    ]
}

#[test]
fn every_packet_has_one_byte_form() {
    for packet in packets() {
        check_value(&packet);
        let frame = Frame::new(packet.clone());
        assert_eq!(frame.len(), packet.to_bytes().len());
        assert_eq!(&**frame.bytes(), packet.to_bytes());
    }
}

#[test]
fn lists_are_bounded_before_anything_is_allocated() {
    let long = Packet::Have(vec![Tag([0; 8]); MAX_TAGS + 1]).to_bytes();
    assert!(decode_exact::<Packet>(&long).is_err());
    assert!(decode_exact::<Packet>(&[5, 0xff, 0xff, 0x03]).is_err());
}

#[test]
fn what_slots_wait_for_is_on_the_urgent_lane_and_blocks_are_not() {
    use Lane::{Bulk, Gossip, Urgent};
    let lanes: Vec<Lane> = packets()
        .into_iter()
        .map(|packet| Frame::new(packet).lane())
        .collect();
    let expected = [
        Urgent, Urgent, Urgent, Urgent, Urgent, Urgent, Urgent, Urgent, Gossip, Gossip, Gossip,
        Gossip, Gossip, Urgent, Bulk, Urgent, Bulk, Urgent, Bulk,
    ];
    assert_eq!(lanes, expected);
}

#[test]
fn a_candidate_has_one_tag_whether_or_not_its_operations_come_along() {
    let tags: Vec<Tag> = packets()
        .into_iter()
        .filter(|packet| matches!(packet, Packet::Candidate { .. }))
        .map(|packet| Frame::new(packet).tag())
        .collect();
    assert_eq!(tags.len(), 2);
    assert_eq!(tags[0], tags[1]);
    let other = Frame::new(shared(Message::Ask(Request::Body {
        id: some_block().id(),
    })));
    assert_ne!(other.tag(), tags[0]);
}

#[test]
fn a_frame_that_came_has_the_bytes_and_the_tag_of_the_one_that_was_sent() {
    for packet in packets() {
        let sent = Frame::new(packet);
        let came = decode_exact::<Packet>(sent.bytes()).unwrap();
        let came = Frame::received(came, sent.bytes());
        assert_eq!(came.bytes(), sent.bytes());
        assert_eq!(
            (came.len(), came.tag(), came.lane()),
            (sent.len(), sent.tag(), sent.lane())
        );
    }
}
