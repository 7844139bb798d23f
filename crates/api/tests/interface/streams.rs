//! The stream of events: topics, resume, operations, slow readers, bounds.

use crate::world::{LONG, Setting, World, config, decided, output};
use picot_api::{ApiConfig, ProblemCode};
use picot_consensus::ConsensusEvent;
use picot_execution::{Level, OperationOutcome, OperationStatus};
use picot_models::mocks::address;
use picot_models::{BlockId, Hash, Slot, Value};
use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// One event.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    name: String,
    id: Option<String>,
    data: Json,
}

struct Reader(BufReader<TcpStream>);

impl Reader {
    fn open(world: &World, query: &str, headers: &[(&str, &str)]) -> Self {
        let path = format!("/api/v1/stream/events{query}");
        let mut reader = BufReader::new(world.open(&path, headers));
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.contains("200"), "{line}");
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        Self(reader)
    }

    fn next(&mut self) -> Event {
        let (mut name, mut id, mut data) = (None, None, None);
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
            match line.trim_end().split_once(": ") {
                Some(("event", text)) => name = Some(text.to_owned()),
                Some(("id", text)) => id = Some(text.to_owned()),
                Some(("data", text)) => data = Some(serde_json::from_str(text).unwrap()),
                _ => {}
            }
            // An event ends with an empty line; lengths of chunks are lines of their own.
            if let (Some(name), Some(data)) = (&name, &data)
                && line.trim_end().is_empty()
            {
                let (name, data) = (name.clone(), Json::clone(data));
                return Event { name, id, data };
            }
        }
    }
}

fn slot(period: u64) -> Slot {
    Slot::new(period, 1)
}

fn opened(world: &World, period: u64) {
    let event = ConsensusEvent::Opened { slot: slot(period) };
    world.events.send(event).unwrap();
}

/// Everything of a slot.
fn happen(world: &World, period: u64) -> BlockId {
    let (slot, id) = (slot(period), BlockId::from(Hash([3; 32])));
    let producer = address(8);
    let events = [
        ConsensusEvent::Opened { slot },
        ConsensusEvent::CandidateAdded { slot, id, producer },
        ConsensusEvent::LeadingCandidateChanged { slot, id: Some(id) },
        ConsensusEvent::RoundEntered { slot, round: 1 },
        decided(slot, Value::Block { id }),
    ];
    events
        .into_iter()
        .for_each(|it| world.events.send(it).unwrap());
    id
}

#[test]
fn what_happens_in_a_slot_is_told_by_topic() {
    let world = World::new();
    let mut reader = Reader::open(&world, "", &[]);
    let block = happen(&world, 7);
    let slot = json!(slot(7));
    let expected = [
        ("opened", json!({ "slot": slot })),
        (
            "candidate",
            json!({ "slot": slot, "block": block, "producer": address(8), "own": true }),
        ),
        ("leading", json!({ "slot": slot, "block": block })),
        ("round", json!({ "slot": slot, "round": 1 })),
        (
            "decided",
            json!({
                "slot": slot,
                "through": 7,
                "value": { "type": "block", "id": block },
                "round": 1,
                "delay_ms": 123,
            }),
        ),
    ];
    for (name, data) in expected {
        let event = reader.next();
        assert_eq!((event.name.as_str(), &event.data), (name, &data));
        assert!(event.id.unwrap().starts_with("7/1#"));
    }
    world
        .outputs
        .send(Arc::new(output(Slot::new(7, 1), vec![])))
        .unwrap();
    let last = reader.next();
    assert_eq!((last.name.as_str(), &last.data["slot"]), ("slot", &slot));
}

#[test]
fn only_the_topics_that_were_asked_for_are_told() {
    let world = World::new();
    let mut reader = Reader::open(&world, "?topics=round,decided", &[]);
    happen(&world, 7);
    assert_eq!(
        (reader.next().name, reader.next().name),
        ("round".into(), "decided".into())
    );
}

#[test]
fn a_reader_that_was_cut_off_goes_on_exactly_where_it_was() {
    let world = World::new();
    let mut reader = Reader::open(&world, "?topics=opened", &[]);
    (1..=6).for_each(|period| opened(&world, period));
    let seen: Vec<_> = (0..3).map(|_| reader.next()).collect();
    let last = seen.last().unwrap().id.clone().unwrap();
    (3..6).for_each(|_| drop(reader.next()));
    drop(reader);
    let mut resumed = Reader::open(&world, "?topics=opened", &[("last-event-id", &last)]);
    for period in 4..=6 {
        assert_eq!(resumed.next().data, json!({ "slot": slot(period) }));
    }
    let mut from = Reader::open(&world, "?topics=opened&from=5/0", &[]);
    assert_eq!(from.next().data, json!({ "slot": slot(5) }));
}

#[test]
fn a_reader_of_an_earlier_run_is_told_that_it_missed_something() {
    let world = World::new();
    let mut first = Reader::open(&world, "?topics=opened", &[]);
    opened(&world, 3);
    first.next();
    let mut reader = Reader::open(&world, "?topics=opened", &[("last-event-id", "2/0#77")]);
    let missed = reader.next();
    assert_eq!(missed.name, "missed");
    assert_eq!(missed.data, json!({ "count": null, "next": slot(3) }));
    assert_eq!(reader.next().data, json!({ "slot": slot(3) }));
}

#[test]
fn the_fate_of_an_operation_is_told_until_it_is_final() {
    let world = World::new();
    let pending = crate::world::some_transfer(&world.genesis, 4, 1).id();
    let query = format!("?topics=operation&operation={pending}");
    let mut reader = Reader::open(&world, &query, &[]);
    let state = |event: &Event| event.data["state"].clone();
    let first = reader.next();
    assert_eq!(
        (first.name.as_str(), state(&first)),
        ("operation", json!("pending"))
    );
    let mut status = OperationStatus {
        slot: slot(7),
        block: BlockId::from(Hash([3; 32])),
        outcome: OperationOutcome::Succeeded,
        level: Level::Candidate,
    };
    world.statuses.lock().insert(pending, status);
    happen(&world, 7);
    assert_eq!(state(&reader.next()), "candidate");
    status.level = Level::Final;
    world.statuses.lock().insert(pending, status);
    let done = vec![(pending, OperationOutcome::Succeeded)];
    world.outputs.send(Arc::new(output(slot(7), done))).unwrap();
    let last = reader.next();
    assert_eq!(state(&last), "final");
    assert_eq!(last.data["outcome"], json!({ "result": "succeeded" }));
    assert_eq!(last.data["slot"], json!(slot(7)));
}

#[test]
fn without_a_filter_all_operations_that_become_final_are_told() {
    let world = World::new();
    let mut reader = Reader::open(&world, "?topics=operation", &[]);
    let ids: Vec<_> = world
        .final_block
        .operations
        .iter()
        .map(|it| it.id())
        .collect();
    let done = ids
        .iter()
        .map(|id| (*id, OperationOutcome::Unpaid))
        .collect();
    world.outputs.send(Arc::new(output(slot(7), done))).unwrap();
    let mut told: Vec<_> = ids
        .iter()
        .map(|_| reader.next().data["id"].clone())
        .collect();
    told.sort_by_key(Json::to_string);
    let mut expected: Vec<_> = ids.iter().map(|id| json!(id)).collect();
    expected.sort_by_key(Json::to_string);
    assert_eq!(told, expected);
}

#[test]
fn a_wrong_topic_operation_or_place_is_refused() {
    let world = World::new();
    let many: Vec<_> = (0..17).map(|it| format!("{}", operation_id(it))).collect();
    for query in [
        "topics=weather".to_owned(),
        "topics=".to_owned(),
        "operation=op1".to_owned(),
        format!("operation={}", many.join(",")),
        "from=now".to_owned(),
        "colour=red".to_owned(),
    ] {
        let problem = world
            .get(&format!("/api/v1/stream/events?{query}"))
            .problem();
        assert_eq!(problem.code, ProblemCode::InvalidParameter, "{query}");
    }
}

fn operation_id(number: u8) -> picot_models::OperationId {
    Hash([number; 32]).into()
}

#[test]
fn streams_are_bounded_counted_and_give_their_places_back() {
    let world = World::with(Setting {
        config: Some(ApiConfig {
            max_streams: 2,
            ..config()
        }),
        ..Setting::default()
    });
    let first = Reader::open(&world, "", &[]);
    let _second = Reader::open(&world, "", &[]);
    assert_eq!(world.counts.streams.load(Ordering::SeqCst), 2);
    let third = world.get("/api/v1/stream/events").problem();
    assert_eq!(third.code, ProblemCode::Unavailable);
    drop(first);
    while world.counts.streams.load(Ordering::SeqCst) == 2 {
        std::thread::yield_now();
    }
    let _again = Reader::open(&world, "", &[]);
}

#[test]
fn a_reader_that_stops_reading_holds_up_nobody_and_is_told_what_it_missed() {
    let world = World::new();
    let mut slow = Reader::open(&world, "?topics=slot", &[]);
    let mut quick = Reader::open(&world, "?topics=slot", &[]);
    // Large events, far more than the buffers on the way hold.
    let operations: Vec<_> = (0..200_u8)
        .map(|number| (operation_id(number), OperationOutcome::Succeeded))
        .collect();
    let last = 2_500;
    for period in 1..=last {
        world
            .outputs
            .send(Arc::new(output(Slot::new(period, 0), operations.clone())))
            .unwrap();
        if period % 50 == 0 {
            // The quick reader has everything up to here.
            while quick.next().data["slot"]["period"] != period {}
        }
    }
    let (mut expected, mut missed) = (1, 0);
    loop {
        let event = slow.next();
        if event.name == "missed" {
            let count = event.data["count"].as_u64().unwrap();
            assert!(count > 0);
            missed += count;
            expected += count;
            assert_eq!(event.data["next"]["period"], expected);
            continue;
        }
        assert_eq!(
            event.data["slot"]["period"], expected,
            "a gap that was not told"
        );
        if expected == last {
            break;
        }
        expected += 1;
    }
    assert!(missed > 0, "the test did not make the reader slow enough");
}

#[test]
fn a_connection_on_which_nothing_moves_any_more_is_closed() {
    let world = World::with(Setting {
        config: Some(ApiConfig {
            idle_timeout: Duration::from_millis(200),
            ..config()
        }),
        ..Setting::default()
    });
    // Keep-alive comments come later than that, so a silent stream ends.
    let mut stream = world.open("/api/v1/stream/events", &[]);
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    while world.counts.streams.load(Ordering::SeqCst) > 0 {
        std::thread::yield_now();
    }
}
