//! `picot watch`: what happens at a node, line by line, as it happens.

use super::args::{TopicName, WatchArgs};
use super::send::asking;
use super::{CliError, World, tables};
use picot_api_types::Topic;
use picot_client::{ApiClient, EventFilter, NodeEvent, Resume};
use serde_json::{Value as Json, json};

pub(super) fn run(arguments: &WatchArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let client = ApiClient::new(arguments.node.api.clone());
    let filter = EventFilter {
        topics: arguments.topics.iter().copied().map(topic).collect(),
        from: arguments.from,
        operations: arguments.operations.clone(),
    };
    let most = arguments.count.unwrap_or(u64::MAX);
    let mut events = client.events_resumed(&filter, Resume::default());
    for _ in 0..most {
        let Some(event) = events.next() else { break };
        let event = event.map_err(asking("watch the node"))?;
        if arguments.node.json {
            world.say(json_of(&event))?;
        } else {
            world.say(tables::event(&event))?;
        }
    }
    Ok(())
}

const fn topic(name: TopicName) -> Topic {
    match name {
        TopicName::Opened => Topic::Opened,
        TopicName::Candidate => Topic::Candidate,
        TopicName::Leading => Topic::Leading,
        TopicName::Round => Topic::Round,
        TopicName::Decided => Topic::Decided,
        TopicName::Slot => Topic::Slot,
        TopicName::Operation => Topic::Operation,
    }
}

/// One object a line: the name of the event, and what it tells.
fn json_of(event: &NodeEvent) -> Json {
    match event {
        NodeEvent::Opened(data) => json!({ "event": "opened", "data": data }),
        NodeEvent::Candidate(data) => json!({ "event": "candidate", "data": data }),
        NodeEvent::Leading(data) => json!({ "event": "leading", "data": data }),
        NodeEvent::Round(data) => json!({ "event": "round", "data": data }),
        NodeEvent::Decided(data) => json!({ "event": "decided", "data": data }),
        NodeEvent::Slot(data) => json!({ "event": "slot", "data": data }),
        NodeEvent::Operation(data) => json!({ "event": "operation", "data": data }),
        NodeEvent::Missed(data) => json!({ "event": "missed", "data": data }),
    }
}
