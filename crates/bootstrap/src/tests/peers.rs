//! Peers that are silent, slow, busy, late, and vanish.

use super::state::SOURCE;
use super::world::{Disk, End, TestServer, World};
use crate::{BootstrapError, Message, Phase, Question, Refusal, ServerConfig};
use picot_clock::{Millis, Slot};

#[test]
fn from_one_honest_peer_the_whole_state_comes() {
    let mut world = World::new(Disk::new(), vec![TestServer::with_state(1)]);
    world.ends_with_state(1);
    assert!(world.dropped.is_empty());
    assert_eq!(world.staged, SOURCE.indices[1].chunks().len());
    let progress = world.progress();
    assert_eq!(progress.phase, Phase::Done);
    assert_eq!(progress.pairs_here, 5_000);
    assert_eq!(progress.bytes_here, progress.bytes_total);
    assert_eq!(progress.remaining_ms, Some(0));
}

#[test]
fn chunks_come_from_several_peers_at_once() {
    let slow = ServerConfig {
        peer_bytes_per_second: 200_000,
        ..ServerConfig::default()
    };
    let run = |count: usize| {
        let server = || TestServer::of(1, slow.clone(), None);
        let servers = (0..count).map(|_| server()).collect();
        let mut world = World::new(Disk::new(), servers);
        let begin = world.now;
        world.ends_with_state(1);
        world.now.since(begin).unwrap().0
    };
    let (one, three) = (run(1), run(3));
    assert!(three * 2 < one, "{three} ms from three, {one} ms from one");
}

#[test]
fn the_newest_state_that_is_served_is_chosen() {
    let servers = vec![
        TestServer::with_state(0),
        TestServer::with_state(0),
        TestServer::with_state(1),
    ];
    let mut world = World::new(Disk::new(), servers);
    world.ends_with_state(1);
}

#[test]
fn an_older_state_is_taken_from_whoever_has_it_when_its_certificate_was_passed_by() {
    // The chain that is followed has the newest checkpoint only; the state is of the one before.
    let servers = vec![TestServer::with_state(0), {
        let mut chain_only = TestServer::lying(|message| match message {
            Message::Offers(_) => vec![Message::Offers(Vec::new())],
            other => vec![other],
        });
        chain_only.latency = Millis(1);
        chain_only
    }];
    let mut world = World::new(Disk::new(), servers);
    world.ends_with_state(0);
    assert!(world.dropped.is_empty());
}

#[test]
fn a_silent_peer_is_nobodys_liar_and_holds_nothing_up_for_ever() {
    let servers = vec![
        TestServer::silent(),
        TestServer::with_state(1),
        TestServer::silent(),
    ];
    let mut world = World::new(Disk::new(), servers);
    world.ends_with_state(1);
    assert!(world.dropped.is_empty());
}

#[test]
fn a_peer_that_falls_silent_in_the_middle_is_replaced() {
    let mut sent = 0;
    let falls_silent = TestServer::lying(move |message| {
        sent += 1;
        if sent > 6 { Vec::new() } else { vec![message] }
    });
    let servers = vec![falls_silent, TestServer::with_state(1)];
    let mut world = World::new(Disk::new(), servers);
    world.ends_with_state(1);
    assert!(world.dropped.is_empty());
}

#[test]
fn answers_that_come_late_are_not_held_against_a_peer() {
    let slow = TestServer::with_state(1).with_latency(7_000);
    let mut world = World::new(Disk::new(), vec![slow]);
    assert!(matches!(world.run_minutes(20), End::Late | End::Done(_)));
    assert!(world.dropped.is_empty(), "{:?}", world.dropped);
}

#[test]
fn peers_that_vanish_are_replaced_by_those_that_come() {
    let mut world = World::new(Disk::new(), vec![TestServer::leaving_after(5)]);
    for messages in [4, 5, 6, 5, 4] {
        assert!(matches!(world.run_minutes(1), End::Late));
        world.connect(TestServer::leaving_after(messages));
    }
    assert!(matches!(world.run_minutes(1), End::Late));
    world.connect(TestServer::with_state(1));
    world.ends_with_state(1);
    assert!(world.dropped.is_empty(), "{:?}", world.dropped);
    let all = SOURCE.indices[1].chunks().len();
    assert_eq!(world.staged, all, "no chunk came twice");
}

#[test]
fn when_nobody_serves_a_state_any_more_another_is_taken_and_what_is_the_same_is_kept() {
    let servers = vec![TestServer::leaving_after(8)];
    let mut world = World::new(Disk::new(), servers);
    assert!(matches!(world.run_minutes(1), End::Late));
    assert!(world.staged > 0);
    world.connect(TestServer::with_state(0));
    world.ends_with_state(0);
    assert!(world.dropped.is_empty(), "{:?}", world.dropped);
}

#[test]
fn who_is_always_busy_with_an_old_state_does_not_keep_a_node_from_a_newer_one() {
    let busy = TestServer::lying_about(0, |message| match message {
        Message::Chunk { index, number, .. } => vec![Message::Refused {
            question: Question::Chunk { index, number },
            refusal: Refusal::Busy(Millis(100)),
        }],
        other => vec![other],
    });
    let mut world = World::new(Disk::new(), vec![busy]);
    assert!(matches!(world.run_minutes(2), End::Late));
    world.connect(TestServer::with_state(1));
    world.ends_with_state(1);
    assert!(world.dropped.is_empty());
}

#[test]
fn without_peers_it_waits_and_without_a_state_it_asks_again() {
    let mut world = World::new(Disk::new(), vec![]);
    assert_eq!(world.progress().phase, Phase::Peers);
    let nothing = TestServer::lying(|message| match message {
        Message::Offers(_) => vec![Message::Offers(Vec::new())],
        other => vec![other],
    });
    world.connect(nothing);
    assert!(matches!(world.run_minutes(1), End::Late));
    assert_eq!(world.progress().phase, Phase::Offers);
    assert_eq!(world.progress().followed, Some(SOURCE.checkpoint(1).slot));
    world.connect(TestServer::with_state(1));
    world.ends_with_state(1);
}

#[test]
fn progress_has_totals_and_tells_how_long_it_may_take() {
    let slow = ServerConfig {
        peer_bytes_per_second: 100_000,
        ..ServerConfig::default()
    };
    let server = TestServer::of(1, slow, None);
    let mut world = World::new(Disk::new(), vec![server]);
    let until = world.now.checked_add(Millis(12_000)).unwrap();
    assert!(matches!(world.run_until(until), End::Late));
    let progress = world.progress();
    assert_eq!(progress.phase, Phase::Chunks);
    assert_eq!(progress.target, Some(SOURCE.checkpoint(1).slot));
    assert_eq!(progress.pairs_total, 5_000);
    assert!(progress.bytes_here > 0 && progress.bytes_here < progress.bytes_total);
    let begin = world.now;
    let told = progress.remaining_ms.unwrap();
    world.ends_with_state(1);
    let took = world.now.since(begin).unwrap().0;
    assert!(
        told / 2 < took && took < told * 2,
        "told {told} ms, took {took} ms"
    );
}

#[test]
fn a_node_with_a_state_takes_a_newer_one_only() {
    let older = SOURCE.checkpoint(0).slot;
    let servers = vec![TestServer::with_state(0), TestServer::with_state(1)];
    let mut world = World::with_own(Disk::new(), servers, older);
    world.ends_with_state(1);
}

#[test]
fn where_nobody_has_a_newer_state_than_its_own_a_node_goes_on_with_that() {
    let own = SOURCE.checkpoint(1).slot;
    // One says to have one, of a slot that nobody certified.
    let boaster = TestServer::lying(|mut message| {
        if let Message::Offers(offers) = &mut message {
            offers[0].checkpoint.slot = Slot::new(1_000, 1);
        }
        vec![message]
    });
    let servers = vec![
        TestServer::with_state(1),
        TestServer::with_state(0),
        boaster,
    ];
    let mut world = World::with_own(Disk::new(), servers, own);
    let end = world.run_minutes(2);
    assert!(
        matches!(end, End::Failed(BootstrapError::NothingNewer)),
        "{end:?}: {:?}",
        world.dropped
    );
    assert_eq!(world.staged, 0);
    let ours = !world.liars().contains(&0) && !world.liars().contains(&1);
    assert!(ours, "{:?}", world.dropped);
}

#[test]
fn who_says_nothing_keeps_a_node_with_a_state_no_longer_than_its_patience() {
    let own = SOURCE.checkpoint(0).slot;
    for servers in [Vec::new(), vec![TestServer::silent(), TestServer::silent()]] {
        let mut world = World::with_own(Disk::new(), servers, own);
        let end = world.run_minutes(1);
        assert!(
            matches!(end, End::Failed(BootstrapError::NothingNewer)),
            "{end:?}"
        );
    }
}

#[test]
fn a_node_with_a_state_waits_as_long_as_it_takes_once_it_is_proven_that_others_are_ahead() {
    let own = SOURCE.checkpoint(0).slot;
    // It gives the chain, and never what it serves.
    let reticent = TestServer::lying(|message| match message {
        Message::Offers(_) => Vec::new(),
        other => vec![other],
    });
    let mut world = World::with_own(Disk::new(), vec![reticent], own);
    assert!(matches!(world.run_minutes(5), End::Late));
    world.connect(TestServer::with_state(1));
    world.ends_with_state(1);
}
