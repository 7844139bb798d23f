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
        Self::of(world, "events", query, headers)
    }

    fn of(world: &World, stream: &str, query: &str, headers: &[(&str, &str)]) -> Self {
        let path = format!("/api/v1/stream/{stream}{query}");
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
    let mut from = Reader::open(&world, "?topics=opened&from=5/1", &[]);
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

/// The slots from 100/0 on.
fn nth(number: u64) -> Slot {
    Slot::new(100 + number / 4, u8::try_from(number % 4).unwrap())
}

#[test]
fn a_reader_that_is_cut_off_between_the_operations_of_a_slot_gets_all_of_them() {
    let world = World::new();
    let query = "?topics=slot,operation";
    let mut reader = Reader::open(&world, query, &[]);
    let ids: Vec<_> = (0..20).map(operation_id).collect();
    let done = |ids: &[_]| {
        ids.iter()
            .map(|id| (*id, OperationOutcome::Unpaid))
            .collect()
    };
    for (number, ids) in [(0, &ids[..10]), (1, &ids[10..])] {
        let output = output(nth(number), done(ids));
        world.outputs.send(Arc::new(output)).unwrap();
    }
    // The whole of the first slot, and of the second so much that something is left.
    let seen: Vec<_> = (0..17).map(|_| reader.next()).collect();
    let with_id: Vec<_> = (0..17).filter(|index| seen[*index].id.is_some()).collect();
    assert_eq!(
        with_id,
        [10],
        "who has the id has all that was told because of it"
    );
    let last = seen[10].id.clone().unwrap();
    assert!(last.starts_with("100/0#"), "{last}");
    drop(reader);
    let mut resumed = Reader::open(&world, query, &[("last-event-id", &last)]);
    let again: Vec<_> = (0..11).map(|_| resumed.next()).collect();
    assert_eq!(again[0].data["slot"], json!(nth(1)));
    let told: Vec<_> = again[1..].iter().map(|it| it.data["id"].clone()).collect();
    let expected: Vec<_> = ids[10..].iter().map(|id| json!(id)).collect();
    assert_eq!(told, expected);
    assert!(again[10].id.clone().unwrap().starts_with("100/1#"));
}

#[test]
fn final_slots_that_execution_left_out_are_told_as_missed_on_both_streams() {
    let world = World::new();
    let mut slots = Reader::of(&world, "slots", "", &[]);
    let mut all = Reader::open(&world, "", &[]);
    let mut others = Reader::open(&world, "?topics=round", &[]);
    for number in [0, 3, 4] {
        let output = output(nth(number), vec![]);
        world.outputs.send(Arc::new(output)).unwrap();
    }
    for reader in [&mut slots, &mut all] {
        assert_eq!(reader.next().data["slot"], json!(nth(0)));
        let missed = reader.next();
        assert_eq!(missed.name, "missed");
        assert_eq!(missed.data, json!({ "count": 2, "next": nth(3) }));
        assert_eq!(reader.next().data["slot"], json!(nth(3)));
        assert_eq!(reader.next().data["slot"], json!(nth(4)));
    }
    let slot = slot(7);
    let round = ConsensusEvent::RoundEntered { slot, round: 1 };
    world.events.send(round).unwrap();
    assert_eq!(others.next().name, "round", "it is not about that");
    let mut from = Reader::of(&world, "slots", &format!("?from={}", nth(3)), &[]);
    assert_eq!(from.next().data["slot"], json!(nth(3)), "it missed nothing");
}

#[test]
fn who_reads_on_after_consensus_cut_the_interface_off_is_told_that_something_is_missing() {
    let mut world = World::new();
    let mut reader = Reader::open(&world, "?topics=opened", &[]);
    let mut others = Reader::open(&world, "?topics=slot", &[]);
    opened(&world, 7);
    assert_eq!(reader.next().data, json!({ "slot": slot(7) }));
    // As a slow one is cut off: the sender is dropped.
    world.events = world.later_events.clone();
    opened(&world, 9);
    let missed = reader.next();
    assert_eq!(missed.name, "missed");
    assert_eq!(missed.data, json!({ "count": null, "next": slot(9) }));
    assert_eq!(reader.next().data, json!({ "slot": slot(9) }));
    let output = output(nth(0), vec![]);
    world.outputs.send(Arc::new(output)).unwrap();
    assert_eq!(others.next().name, "slot", "it is not about that");
}

#[test]
fn what_was_missed_is_counted_only_for_who_wants_all_of_it() {
    let world = World::with(Setting {
        config: Some(ApiConfig {
            stream_history_slots: 1,
            ..config()
        }),
        ..Setting::default()
    });
    let mut live = Reader::open(&world, "", &[]);
    opened(&world, 7);
    let first = live.next().id.unwrap();
    (8..=20).for_each(|period| {
        opened(&world, period);
        live.next();
    });
    // Six are kept of fourteen.
    let headers = [("last-event-id", first.as_str())];
    for (query, count) in [
        ("", json!(7)),
        ("?topics=opened", Json::Null),
        ("?topics=round,decided", Json::Null),
        (
            "?topics=opened,candidate,leading,round,decided,slot,operation",
            Json::Null,
        ),
    ] {
        let missed = Reader::open(&world, query, &headers).next();
        assert_eq!(missed.name, "missed", "{query}");
        assert_eq!(
            missed.data,
            json!({ "count": count, "next": slot(15) }),
            "{query}"
        );
    }
}

#[test]
fn a_reader_that_stops_reading_holds_up_nobody_and_is_told_what_it_missed() {
    let world = World::with(Setting {
        config: Some(ApiConfig {
            stream_history_slots: 50,
            ..config()
        }),
        ..Setting::default()
    });
    let mut slow = Reader::open(&world, "", &[]);
    let mut quick = Reader::open(&world, "", &[]);
    // Large events, far more than the buffers on the way hold.
    let operations: Vec<_> = (0..200_u8)
        .map(|number| (operation_id(number), OperationOutcome::Succeeded))
        .collect();
    let last = 2_500;
    for number in 0..=last {
        let output = output(nth(number), operations.clone());
        world.outputs.send(Arc::new(output)).unwrap();
        if number % 50 == 0 {
            // The quick reader has everything up to here.
            while quick.next().data["slot"] != json!(nth(number)) {}
        }
    }
    let (mut expected, mut missed) = (0, 0);
    loop {
        let event = slow.next();
        if event.name == "missed" {
            let count = event.data["count"].as_u64().unwrap();
            assert!(count > 0);
            missed += count;
            expected += count;
            assert_eq!(event.data["next"], json!(nth(expected)));
            continue;
        }
        assert_eq!(
            event.data["slot"],
            json!(nth(expected)),
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
