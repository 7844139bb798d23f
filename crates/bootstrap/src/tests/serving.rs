//! Who serves: what is served, how much of it, and to whom.

use super::state::SOURCE;
use crate::{Message, Question, Refusal, Server, ServerConfig, ServerInput, ServerOutput, Source};
use picot_clock::{Millis, Timestamp};
use picot_consensus::Peer;
use picot_models::Slot;
use std::sync::Arc;

const NOW: Timestamp = Timestamp(1_000_000);

fn server(config: ServerConfig) -> Server {
    Server::new(config).unwrap()
}

fn reached(number: usize) -> ServerInput {
    ServerInput::Reached {
        checkpoint: SOURCE.checkpoint(number),
        snapshot: SOURCE.states[number].clone(),
    }
}

fn ask(peer: u64, question: Question) -> ServerInput {
    let from = Peer(peer);
    ServerInput::Asked { from, question }
}

fn indexed(number: usize) -> ServerInput {
    ServerInput::Indexed {
        slot: SOURCE.checkpoint(number).slot,
        index: Some(Arc::clone(&SOURCE.indices[number])),
    }
}

/// One that serves the state with number 0.
fn serving(config: ServerConfig) -> Server {
    let mut server = server(config);
    server.step(NOW, reached(0));
    server.step(NOW, ServerInput::Certified(SOURCE.checkpoint(0)));
    server.step(NOW, ask(0, Question::Offers));
    server.step(NOW, indexed(0));
    server
}

fn offered(server: &mut Server, now: Timestamp) -> Vec<Slot> {
    let outputs = server.step(now, ask(99, Question::Offers));
    let offers = outputs.iter().find_map(|output| match output {
        ServerOutput::Send {
            message: Message::Offers(offers),
            ..
        } => Some(offers.clone()),
        _ => None,
    });
    let offers = offers.unwrap_or_default();
    offers.iter().map(|offer| offer.checkpoint.slot).collect()
}

fn reads(outputs: &[ServerOutput]) -> Vec<(u64, Question)> {
    let read = |output: &ServerOutput| match output {
        ServerOutput::Read { to, question, .. } => Some((to.0, *question)),
        _ => None,
    };
    outputs.iter().filter_map(read).collect()
}

fn refusals(outputs: &[ServerOutput]) -> Vec<(u64, Refusal)> {
    let refusal = |output: &ServerOutput| match output {
        ServerOutput::Send {
            to,
            message: Message::Refused { refusal, .. },
        } => Some((to.0, *refusal)),
        _ => None,
    };
    outputs.iter().filter_map(refusal).collect()
}

fn chunk(number: u32) -> Question {
    let index = *SOURCE.indices[0].hash();
    Question::Chunk { index, number }
}

fn answered(peer: u64, number: u32, bytes: usize) -> ServerInput {
    let index = *SOURCE.indices[0].hash();
    ServerInput::Answered {
        to: Peer(peer),
        question: chunk(number),
        answer: Some(Message::Chunk {
            index,
            number,
            pairs: vec![0; bytes],
        }),
    }
}

#[test]
fn a_state_is_offered_when_it_is_certified_and_has_an_index_which_is_made_when_someone_asks() {
    let mut server = server(ServerConfig::default());
    let outputs = server.step(NOW, reached(0));
    assert!(outputs.is_empty());
    assert_eq!(offered(&mut server, NOW), [], "not certified");
    let certified = ServerInput::Certified(SOURCE.checkpoint(0));
    assert!(server.step(NOW, certified).is_empty(), "nobody asked");
    let outputs = server.step(NOW, ask(1, Question::Offers));
    assert!(
        matches!(outputs[0], ServerOutput::MakeIndex { slot, .. } if slot == SOURCE.checkpoint(0).slot)
    );
    assert!(matches!(refusals(&outputs)[..], [(1, Refusal::Busy(_))]));
    let outputs = server.step(NOW, ask(2, Question::Offers));
    assert_eq!(outputs.len(), 1, "the index is being made");
    server.step(NOW, indexed(0));
    assert_eq!(offered(&mut server, NOW), [SOURCE.checkpoint(0).slot]);
}

#[test]
fn a_certificate_may_come_before_the_state() {
    let mut server = server(ServerConfig::default());
    server.step(NOW, ServerInput::Certified(SOURCE.checkpoint(0)));
    server.step(NOW, reached(0));
    server.step(NOW, ask(1, Question::Offers));
    server.step(NOW, indexed(0));
    assert_eq!(offered(&mut server, NOW), [SOURCE.checkpoint(0).slot]);
}

#[test]
fn a_state_that_is_not_the_certified_one_is_served_to_nobody() {
    let mut server = server(ServerConfig::default());
    server.step(NOW, reached(0));
    let mut other = SOURCE.checkpoint(0);
    other.state_hash = picot_crypto::Hash([1; 32]);
    server.step(NOW, ServerInput::Certified(other));
    assert_eq!(offered(&mut server, NOW), []);
    assert_eq!(server.held().count(), 0);
}

#[test]
fn an_index_that_is_not_that_of_the_checkpoint_is_not_offered() {
    let mut server = server(ServerConfig::default());
    server.step(NOW, reached(0));
    server.step(NOW, ServerInput::Certified(SOURCE.checkpoint(0)));
    server.step(NOW, ask(1, Question::Offers));
    server.step(
        NOW,
        ServerInput::Indexed {
            slot: SOURCE.checkpoint(0).slot,
            index: Some(Arc::clone(&SOURCE.indices[1])),
        },
    );
    assert_eq!(offered(&mut server, NOW), []);
}

#[test]
fn the_state_before_the_newest_is_kept_for_those_who_receive_it_and_then_let_go() {
    let mut server = serving(ServerConfig::default());
    server.step(NOW, reached(1));
    assert_eq!(server.held().count(), 2);
    server.step(NOW, ServerInput::Certified(SOURCE.checkpoint(1)));
    assert_eq!(offered(&mut server, NOW), [SOURCE.checkpoint(0).slot]);
    server.step(NOW, indexed(1));
    let slots = [SOURCE.checkpoint(1).slot, SOURCE.checkpoint(0).slot];
    assert_eq!(offered(&mut server, NOW), slots);
    let linger = ServerConfig::default().linger;
    let soon = NOW.checked_add(Millis(linger.0 - 1)).unwrap();
    assert_eq!(reads(&server.step(soon, ask(3, chunk(0)))).len(), 1);
    server.step(soon, answered(3, 0, 10));
    let later = soon.checked_add(Millis(linger.0 - 1)).unwrap();
    server.step(later, ServerInput::Tick);
    assert_eq!(server.held().count(), 2, "it was asked for");
    let late = soon.checked_add(linger).unwrap();
    server.step(late, ServerInput::Tick);
    assert_eq!(
        server.held().collect::<Vec<_>>(),
        [SOURCE.checkpoint(1).slot]
    );
    let outputs = server.step(late, ask(3, chunk(1)));
    assert!(matches!(refusals(&outputs)[..], [(3, Refusal::NotHere)]));
}

#[test]
fn states_that_are_never_certified_are_not_all_kept() {
    let mut server = server(ServerConfig::default());
    for period in 0..10 {
        let mut checkpoint = SOURCE.checkpoint(0);
        checkpoint.slot = Slot::new(period, 1);
        let snapshot = SOURCE.states[0].clone();
        server.step(
            NOW,
            ServerInput::Reached {
                checkpoint,
                snapshot,
            },
        );
    }
    let held: Vec<u64> = server.held().map(|slot| slot.period).collect();
    assert_eq!(held, [7, 8, 9]);
}

#[test]
fn a_peer_is_served_no_faster_than_its_rate_and_all_no_faster_than_theirs() {
    let config = ServerConfig {
        peer_bytes_per_second: 1_000,
        total_bytes_per_second: 3_000,
        burst: Millis(100),
        max_reads: 1,
        ..ServerConfig::default()
    };
    let mut server = serving(config);
    let mut now = NOW.checked_add(Millis(10_000)).unwrap();
    let begin = now;
    let mut sent = std::collections::BTreeMap::<u64, u64>::new();
    for peer in 1..=5 {
        for number in 0..4 {
            let outputs = server.step(now, ask(peer, chunk(number)));
            assert!(refusals(&outputs).is_empty());
            run(&mut server, now, outputs, &mut sent);
        }
    }
    while now.since(begin).unwrap() < Millis(2_000) {
        now = now.checked_add(Millis(10)).unwrap();
        let outputs = server.step(now, ServerInput::Tick);
        run(&mut server, now, outputs, &mut sent);
    }
    let total: u64 = sent.values().sum();
    // A burst and one answer more than the rate.
    assert!(total <= 3_000 * 2 + 300 + 600, "{total} bytes in 2 s");
    assert!(total >= 3_000 * 2 - 600, "{total} bytes in 2 s");
    for (peer, bytes) in &sent {
        assert!(*bytes <= 1_000 * 2 + 100 + 600, "{bytes} bytes to {peer}");
    }
    let least = sent.values().min().unwrap();
    assert!(sent.len() == 5 && *least > 500, "each in turn: {sent:?}");
}

/// Answers each read with a chunk of 500 bytes.
fn run(
    server: &mut Server,
    now: Timestamp,
    outputs: Vec<ServerOutput>,
    sent: &mut std::collections::BTreeMap<u64, u64>,
) {
    for output in outputs {
        match output {
            ServerOutput::Read { to, question, .. } => {
                let Question::Chunk { number, .. } = question else {
                    panic!("{question:?}");
                };
                let outputs = server.step(now, answered(to.0, number, 500));
                run(server, now, outputs, sent);
            }
            ServerOutput::Send { to, message } => {
                let bytes = picot_serialization::Encode::encoded_len(&message);
                *sent.entry(to.0).or_default() += u64::try_from(bytes).unwrap();
            }
            _ => {}
        }
    }
}

#[test]
fn peers_are_answered_in_turn_and_no_more_is_read_at_once_than_allowed() {
    let mut server = serving(ServerConfig::default());
    let now = NOW.checked_add(Millis(10_000)).unwrap();
    let mut outputs = Vec::new();
    for peer in [1, 2, 3] {
        for number in 0..3 {
            outputs.extend(server.step(now, ask(peer, chunk(number))));
        }
    }
    assert_eq!(reads(&outputs), [(1, chunk(0)), (1, chunk(1))]);
    let mut order = Vec::new();
    for (peer, number) in [(1, 0), (1, 1), (2, 0), (3, 0), (1, 2)] {
        let outputs = server.step(now, answered(peer, number, 10));
        order.extend(reads(&outputs).into_iter().map(|(peer, _)| peer));
    }
    assert_eq!(order, [2, 3, 1, 2, 3]);
}

#[test]
fn who_asks_for_too_much_is_sent_away_for_a_while() {
    let config = ServerConfig {
        max_waiting: 3,
        max_reads: 1,
        max_peers: 2,
        ..ServerConfig::default()
    };
    let mut server = serving(config.clone());
    let now = NOW.checked_add(Millis(10_000)).unwrap();
    let mut outputs = Vec::new();
    for number in 0..6 {
        outputs.extend(server.step(now, ask(1, chunk(number))));
    }
    let busy = Refusal::Busy(config.busy_wait);
    assert_eq!(refusals(&outputs), [(1, busy), (1, busy)]);
    server.step(now, ask(2, chunk(0)));
    let outputs = server.step(now, ask(3, chunk(0)));
    assert_eq!(refusals(&outputs), [(3, busy)], "a third peer");
    server.step(now, ServerInput::Disconnected(Peer(2)));
    let outputs = server.step(now, ask(3, chunk(0)));
    assert_eq!(refusals(&outputs), [], "there is room again");
}

#[test]
fn the_answer_for_a_peer_that_is_gone_is_not_sent() {
    let mut server = serving(ServerConfig::default());
    let now = NOW.checked_add(Millis(10_000)).unwrap();
    assert_eq!(reads(&server.step(now, ask(1, chunk(0)))).len(), 1);
    server.step(now, ServerInput::Disconnected(Peer(1)));
    assert!(server.step(now, answered(1, 0, 10)).is_empty());
}

#[test]
fn a_chunk_that_there_is_not_is_refused() {
    let mut server = serving(ServerConfig::default());
    let now = NOW.checked_add(Millis(10_000)).unwrap();
    let outputs = server.step(now, ask(1, chunk(1_000)));
    assert_eq!(refusals(&outputs), [(1, Refusal::NotHere)]);
    let index = picot_crypto::Hash([9; 32]);
    let outputs = server.step(now, ask(1, Question::Index { index, first: 0 }));
    assert_eq!(refusals(&outputs), [(1, Refusal::NotHere)]);
}

#[test]
fn a_read_is_of_the_state_that_was_asked_for() {
    let mut server = serving(ServerConfig::default());
    let now = NOW.checked_add(Millis(10_000)).unwrap();
    let outputs = server.step(now, ask(1, chunk(2)));
    let ServerOutput::Read {
        from: Source::Pairs { range, .. },
        ..
    } = &outputs[0]
    else {
        panic!("no read");
    };
    assert_eq!(Some(range), SOURCE.indices[0].range(2).as_ref());
}

#[test]
fn the_wrong_field_of_a_configuration_is_named() {
    type Change = fn(&mut ServerConfig);
    let cases: [(&str, Change); 9] = [
        ("serve.peer_bytes_per_second", |c| {
            c.peer_bytes_per_second = 0
        }),
        ("serve.total_bytes_per_second", |c| {
            c.total_bytes_per_second = 0
        }),
        ("serve.max_waiting", |c| c.max_waiting = 0),
        ("serve.max_peers", |c| c.max_peers = 0),
        ("serve.max_reads", |c| c.max_reads = 0),
        ("serve.chain_bytes", |c| c.chain_bytes = 0),
        ("serve.chain_steps", |c| c.chain_steps = 0),
        ("serve.chain_steps", |c| c.chain_steps = 1 << 20),
        ("serve.busy_wait", |c| c.busy_wait = Millis(0)),
    ];
    for (wrong, change) in cases {
        let mut config = ServerConfig::default();
        assert!(config.validate().is_ok());
        change(&mut config);
        match config.validate() {
            Err(crate::BootstrapError::Config { field, .. }) => assert_eq!(field, wrong),
            other => panic!("{wrong}: {other:?}"),
        }
    }
}
