//! The byte forms of packets.

use crate::packet::{MAX_TAGS, Packet, Tag};
use crate::peers::test_kit::packet_of_each_kind;
use crate::{Frame, Lane};
use picot_serialization::testing::check_value;
use picot_serialization::{Encode, decode_exact};

#[test]
fn every_packet_has_one_byte_form() {
    for packet in packet_of_each_kind() {
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
    let lanes: Vec<Lane> = packet_of_each_kind()
        .into_iter()
        .map(|packet| Frame::new(packet).lane())
        .collect();
    let expected = [
        Urgent, Urgent, Urgent, Urgent, Urgent, Urgent, Bulk, Urgent, Urgent, Urgent, Gossip,
        Gossip, Gossip, Gossip, Gossip, Urgent, Bulk, Urgent, Bulk, Urgent, Gossip, Gossip, Bulk,
        Gossip, Bulk,
    ];
    assert_eq!(lanes, expected);
}

#[test]
fn a_candidate_has_one_tag_whether_or_not_its_operations_come_along() {
    let candidate = packet_of_each_kind().into_iter().find_map(|it| match it {
        Packet::Candidate { header, operations } => Some((header, operations)),
        _ => None,
    });
    let (header, operations) = candidate.unwrap();
    let tag = |packet| Frame::new(packet).tag();
    let tag_with = |operations| {
        tag(Packet::Candidate {
            header: header.clone(),
            operations,
        })
    };
    assert!(operations.is_some());
    assert_eq!(tag_with(operations), tag_with(None));
    let others = packet_of_each_kind()
        .into_iter()
        .filter(|packet| !matches!(packet, Packet::Candidate { .. }));
    assert!(others.map(tag).all(|other| other != tag_with(None)));
}

#[test]
fn a_frame_that_came_has_the_bytes_and_the_tag_of_the_one_that_was_sent() {
    for packet in packet_of_each_kind() {
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
