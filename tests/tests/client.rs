//! The client crate against a real node: every read as its type, control, and streams over a restart.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use picot_api_types::control::FactoryName;
use picot_api_types::{ProblemCode, Topic};
use picot_client::{ApiClient, ControlClient, EventFilter, NodeEvent, Page, Resume, StreamEvent};
use picot_models::{Slot, mocks};
use picot_tests::{NodeProcess, picot};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

#[test]
fn every_read_of_a_real_node_is_of_its_type() {
    let data = tempfile::tempdir().unwrap();
    let node = NodeProcess::start_dev(&data.path().join("dev"));
    let client = ApiClient::new(node.url().parse().unwrap());
    let mut slots = client.final_slots(None).unwrap();
    let block = loop {
        let event = slots.next_event().unwrap();
        if let Some(StreamEvent::Slot(event)) = event
            && let Some(block) = event.block
        {
            break block;
        }
    };
    drop(slots);
    let status = client.status().unwrap();
    let staker = status.production.staking_addresses[0];
    let block = client.block(&block).unwrap();
    assert_eq!(block.producer, staker);
    let page = Page::first(2);
    client.parameters().unwrap();
    client.slot(block.slot).unwrap();
    assert_eq!(client.agreement(block.slot).unwrap().slot, block.slot);
    let part = client.slots(&page).unwrap();
    let next = Page {
        cursor: part.next,
        limit: Some(2),
    };
    let after = client.slots(&next).unwrap();
    assert!(
        after.slots[0].slot < part.slots[1].slot,
        "the next part goes on"
    );
    let blocks = client.blocks(&page, Some(&staker)).unwrap().blocks;
    assert!(blocks.iter().all(|block| block.producer == staker));
    client.block_operations(&block.id, &page).unwrap();
    client.checkpoints().unwrap();
    client.address(&staker).unwrap();
    let (from, to) = (block.slot, Slot::new(block.slot.period + 1, 0));
    client.draws(&staker, from, to).unwrap();
    client.slot_draws(&page).unwrap();
    client.datastore(&staker, &[1]).unwrap();
    assert!(client.stakers(&page).unwrap().stakers[0].own);
    client.cycles().unwrap();
    client.production(0, &page).unwrap();
    client.peers().unwrap();
    client.pool().unwrap();
    client.fees(Some(&staker)).unwrap();
    client.pending_operations(&staker, &page).unwrap();
    assert!(client.live().unwrap().live);
    assert!(client.ready().unwrap().ready);
    let refused = client.slots(&Page::first(1_001)).unwrap_err();
    assert!(
        refused.is_refusal(ProblemCode::InvalidParameter),
        "{refused}"
    );
    let unknown = client
        .block(&mocks::block(&mocks::key(1), block.slot, vec![], vec![], &status.chain_id).id());
    assert!(unknown.unwrap_err().is_refusal(ProblemCode::NotFound));
}

#[test]
fn a_real_node_is_controlled_with_its_token_alone() {
    let data = tempfile::tempdir().unwrap();
    let node = NodeProcess::start_dev(&data.path().join("dev"));
    let access = std::fs::read_to_string(Path::new(node.data()).join("control.json")).unwrap();
    let access: serde_json::Value = serde_json::from_str(&access).unwrap();
    let address: SocketAddr = access["address"].as_str().unwrap().parse().unwrap();
    let control = ControlClient::new(address.into(), access["token"].as_str().unwrap());
    assert_eq!(control.factories().unwrap().factories.len(), 2);
    assert!(!control.switch(FactoryName::Blocks, false).unwrap().enabled);
    assert!(control.switch(FactoryName::Blocks, true).unwrap().enabled);
    control.history(FactoryName::Blocks, None, 5).unwrap();
    assert_eq!(control.keys().unwrap().keys.len(), 1);
    let wrong = ControlClient::new(address.into(), "guessed");
    let refused = wrong.keys().unwrap_err();
    assert!(refused.is_refusal(ProblemCode::Unauthorized), "{refused}");
}

/// A development node on an address of its own, killed when dropped.
struct Fixed(Child);

impl Fixed {
    fn start(data: &Path, api: SocketAddr) -> Self {
        let child = Command::new(picot())
            .args(["node", "--dev", "--api", &api.to_string(), "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Fixed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn streams_go_on_over_a_restart_of_their_node_and_nothing_comes_twice() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path().join("dev");
    let api = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let client = ApiClient::new(api.into());
    let patient = Resume {
        tries: 100,
        ..Resume::default()
    };
    let filter = EventFilter {
        topics: vec![Topic::Slot],
        ..EventFilter::default()
    };
    let mut finals = client.final_slots_resumed(None, patient);
    let mut events = client.events_resumed(&filter, patient);
    let mut slots = Vec::new();
    let mut of_events = Vec::new();
    for _ in 0..2 {
        let node = Fixed::start(&data, api);
        let enough = slots.len() + 3;
        while slots.len() < enough {
            if let StreamEvent::Slot(event) = finals.next().unwrap().unwrap() {
                slots.push(event.slot);
            }
        }
        let enough = of_events.len() + 3;
        while of_events.len() < enough {
            if let NodeEvent::Slot(event) = events.next().unwrap().unwrap() {
                of_events.push(event.slot);
            }
        }
        drop(node);
    }
    for slots in [slots, of_events] {
        assert!(slots.windows(2).all(|pair| pair[0] < pair[1]), "{slots:?}");
    }
}
