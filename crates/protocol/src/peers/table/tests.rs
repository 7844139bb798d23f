//! Who gets a place, who is heard, and what is sent to whom.

use super::super::FRAME_COST_BYTES;
use super::super::test_kit::{
    World, ask_outcomes, block_frame, hello, node, small_config, vote_frame,
};
use super::*;
use crate::Rate;
use picot_clock::Millis;
use proptest::prelude::*;

const START: Timestamp = Timestamp(1_000_000);

fn later(ms: u64) -> Timestamp {
    Timestamp(START.0 + ms)
}

fn connect(table: &mut Table, number: u64) -> Result<(), Farewell> {
    table.connect(START, Peer(number), node(number), None, false, false)
}

fn ours() -> (u32, ChainId) {
    (hello(1).version, hello(1).chain_id)
}

fn ready(numbers: impl IntoIterator<Item = u64>) -> Table {
    let mut table = Table::new(&PeersConfig::default());
    for number in numbers {
        connect(&mut table, number).unwrap();
        table
            .introduce(Peer(number), hello(number), ours())
            .unwrap();
    }
    table
}

#[test]
fn a_place_is_given_again_after_its_peer_is_gone() {
    let mut table = ready(1..=3);
    assert_eq!(table.place(Peer(2)), Some(1));
    assert_eq!(table.disconnect(Peer(2)), Some(1));
    assert_eq!(table.disconnect(Peer(2)), None);
    assert_eq!((table.place(Peer(2)), table.peer(1)), (None, None));
    assert!(!table.ready().contains(1));
    connect(&mut table, 4).unwrap();
    assert_eq!(
        (table.place(Peer(4)), table.peer(1)),
        (Some(1), Some(Peer(4)))
    );
    assert!(!table.ready().contains(1));
}

#[test]
fn a_peer_is_ready_once_it_has_introduced_itself() {
    let mut table = Table::new(&PeersConfig::default());
    connect(&mut table, 1).unwrap();
    assert!(!table.is_ready(Peer(1)));
    assert_eq!(table.ready_peers().count(), 0);
    table.introduce(Peer(1), hello(1), ours()).unwrap();
    assert!(table.is_ready(Peer(1)));
    assert_eq!(table.ready_nodes().collect::<Vec<_>>(), [&node(1)]);
    assert_eq!(table.who(Peer(1)), Some((node(1), None)));
}

#[test]
fn a_peer_of_another_version_or_chain_is_sent_away_with_the_reason() {
    let mut table = Table::new(&PeersConfig::default());
    connect(&mut table, 1).unwrap();
    let (version, chain_id) = ours();
    let other_chain = picot_models::mocks::chain_id(77);
    let other = Hello {
        chain_id: other_chain,
        ..hello(1)
    };
    let result = table.introduce(Peer(1), other.clone(), ours());
    let theirs = other_chain;
    assert_eq!(result, Err(Farewell::OtherChain { theirs }));
    // Of another version nothing else is understood.
    let result = table.introduce(Peer(1), other, (version + 1, chain_id));
    assert_eq!(result, Err(Farewell::OtherVersion { theirs: version }));
    assert!(!table.is_ready(Peer(1)));
}

#[test]
fn who_does_not_introduce_itself_in_time_is_late() {
    let mut table = ready([1]);
    table
        .connect(later(5), Peer(2), node(2), None, true, true)
        .unwrap();
    let wait = PeersConfig::default().handshake_wait.0;
    assert_eq!(table.next_wake(), Some(later(5 + wait)));
    assert_eq!(table.late_handshakes(later(4 + wait)), []);
    let late = table.late_handshakes(later(5 + wait));
    assert_eq!(late, [(Peer(2), Farewell::NoHandshake)]);
    table.disconnect(Peer(2));
    assert_eq!(table.late_handshakes(later(5 + wait)), []);
    assert_eq!(table.next_wake(), None);
}

#[test]
fn a_clock_that_has_stepped_back_makes_nobody_late_and_gives_nobody_hours() {
    let mut table = Table::new(&PeersConfig::default());
    for peer in [1, 2] {
        table
            .connect(later(3_600_000), Peer(peer), node(peer), None, true, true)
            .unwrap();
    }
    let wait = PeersConfig::default().handshake_wait.0;
    assert_eq!(table.late_handshakes(START), []);
    assert_eq!(table.next_wake(), Some(later(wait)));
    table.introduce(Peer(2), hello(2), ours()).unwrap();
    let late = table.late_handshakes(later(wait));
    assert_eq!(late, [(Peer(1), Farewell::NoHandshake)]);
}

#[test]
fn of_two_connections_with_a_node_the_later_is_closed() {
    let mut table = ready([1]);
    let again = table.connect(START, Peer(9), node(1), None, true, true);
    assert_eq!(again, Err(Farewell::ConnectedAlready));
    assert_eq!(table.place(Peer(9)), None);
    assert!(table.is_ready(Peer(1)));
    table.disconnect(Peer(1));
    let again = table.connect(START, Peer(9), node(1), None, true, true);
    assert_eq!(again, Ok(()));
}

#[test]
fn callers_leave_room_for_those_who_are_called_and_all_for_reserved_ones() {
    let config = PeersConfig {
        max_peers: 5,
        max_inbound: 3,
        ..PeersConfig::default()
    };
    let mut table = Table::new(&config);
    let mut try_it = |number, outbound, reserved| {
        let result = table.connect(START, Peer(number), node(number), None, outbound, reserved);
        result == Ok(())
    };
    let called_by = [1, 2, 3, 4].map(|number| try_it(number, false, false));
    assert_eq!(called_by, [true, true, true, false]);
    let called = [5, 6, 7].map(|number| try_it(number, true, false));
    assert_eq!(called, [true, true, false]);
    for number in 10..261 {
        assert!(try_it(number, number % 2 == 0, true), "{number}");
    }
    assert!(!try_it(300, true, true));
}

#[test]
fn an_agent_cannot_write_to_the_terminal() {
    let mut world = World::new();
    world.connect(1);
    let agent = "evil\u{1b}[2J\nnode".to_owned();
    let hello = Hello { agent, ..hello(1) };
    world.table.introduce(Peer(1), hello, ours()).unwrap();
    assert_eq!(world.infos(&[0, 0])[0].agent, "evil [2J node");
}

fn name(table: &mut Table, from: u64, neighbours: &[u64]) {
    let tags: Vec<_> = neighbours
        .iter()
        .map(|it| NodeTag::of(&node(*it)))
        .collect();
    table.set_neighbours(Peer(from), &tags);
}

fn adjacent(table: &Table, number: u64) -> Vec<u64> {
    let place = table.place(Peer(number)).unwrap();
    let places = table.adjacent(place).iter();
    places.map(|place| table.peer(place).unwrap().0).collect()
}

#[test]
fn two_peers_are_adjacent_when_both_say_so() {
    let mut table = ready(1..=4);
    name(&mut table, 1, &[2, 3, 1, 50]);
    assert_eq!(adjacent(&table, 1), [] as [u64; 0]);
    name(&mut table, 2, &[1, 4]);
    assert_eq!(adjacent(&table, 1), [2]);
    assert_eq!(adjacent(&table, 2), [1]);
    name(&mut table, 1, &[3]);
    assert_eq!(adjacent(&table, 2), [] as [u64; 0]);
    name(&mut table, 1, &[2]);
    table.disconnect(Peer(2));
    assert_eq!(adjacent(&table, 1), [] as [u64; 0]);
    // Whoever gets the place is not taken for who had it.
    connect(&mut table, 9).unwrap();
    assert_eq!(adjacent(&table, 1), [] as [u64; 0]);
    assert!(table.adjacent(200).is_empty());
}

#[test]
fn any_peer_is_each_in_turn() {
    let mut table = ready([1, 2, 3]);
    connect(&mut table, 4).unwrap();
    let mut asked: Vec<_> = (0..6).map(|_| table.any().unwrap().0).collect();
    asked.sort_unstable();
    assert_eq!(asked, [1, 1, 2, 2, 3, 3]);
    assert_eq!(Table::new(&PeersConfig::default()).any(), None);
}

#[test]
fn frames_reach_their_peers_and_no_more_than_a_window_at_once() {
    let (first, second) = (vote_frame(1, 0, 1), vote_frame(1, 0, 2));
    let mut table = Table::new(&small_config(
        10,
        usize::MAX,
        first.len() + FRAME_COST_BYTES,
    ));
    connect(&mut table, 1).unwrap();
    connect(&mut table, 2).unwrap();
    for frame in [&first, &second] {
        table.push(Peer(1), Arc::clone(frame));
    }
    table.push(Peer(2), Arc::clone(&second));
    table.push(Peer(3), Arc::clone(&second));
    let taken = |table: &mut Table| {
        let mut taken = Vec::new();
        table.take_sendable(|to, frame| taken.push((to.0, frame.tag())));
        taken
    };
    assert_eq!(taken(&mut table), [(1, first.tag()), (2, second.tag())]);
    assert_eq!(taken(&mut table), []);
    table.written(Peer(1), Lane::Urgent, first.len());
    assert_eq!(taken(&mut table), [(1, second.tag())]);
    assert_eq!(table.queued_bytes, 0);
}

#[test]
fn over_the_bound_of_all_the_peer_for_whom_most_waits_loses() {
    let block = block_frame(1, 100);
    let config = PeersConfig {
        max_queued_bytes: block.len() * 4,
        ..small_config(100, usize::MAX, 1)
    };
    let mut table = Table::new(&config);
    for number in 1..=2 {
        connect(&mut table, number).unwrap();
    }
    table.push(Peer(1), Arc::clone(&block));
    for number in 2..=5 {
        table.push(Peer(2), block_frame(number, 100));
    }
    assert!(table.queued_bytes <= config.max_queued_bytes);
    let queued = |place: usize| table.entry(place).unwrap().outbox.all_queued_bytes();
    assert_eq!((queued(0), queued(1)), (block.len(), block.len() * 3));
    table.disconnect(Peer(2));
    assert_eq!(table.queued_bytes, block.len());
}

#[test]
fn what_a_peer_lost_still_counts_when_it_is_gone_and_only_once() {
    let mut config = PeersConfig::default();
    config.lanes.bulk.queue_frames = 1;
    config.lanes.urgent.packets = Rate {
        per_second: 1,
        burst: 1,
    };
    let mut table = Table::new(&config);
    for number in 1..=2 {
        connect(&mut table, number).unwrap();
        for block in 1..=3 {
            table.push(Peer(number), block_frame(block, 1));
        }
        for _ in 0..2 {
            let vote = vote_frame(1, 0, 1);
            let _ = table.admit(START, Peer(number), Lane::Urgent, 10, vote.packet());
        }
    }
    let expected = Losses {
        dropped: PerLane {
            bulk: 4,
            ..PerLane::default()
        },
        refused_packets: 2,
    };
    assert_eq!(table.losses(), expected);
    for number in [1, 1, 2] {
        table.disconnect(Peer(number));
        assert_eq!(table.losses(), expected);
    }
}

#[test]
fn who_does_not_read_its_answers_is_not_given_more_and_not_blamed() {
    let config = PeersConfig {
        lanes: {
            let mut lanes = PeersConfig::default().lanes;
            lanes.bulk.queue_bytes = 10_000;
            lanes.bulk.window_bytes = 1;
            lanes
        },
        ..PeersConfig::default()
    };
    let mut table = Table::new(&config);
    connect(&mut table, 1).unwrap();
    let ask = ask_outcomes(0, 1);
    let admit = |table: &mut Table| table.admit(START, Peer(1), Lane::Urgent, 10, &ask);
    assert_eq!(admit(&mut table), Ok(()));
    for number in 1..=2 {
        table.push(Peer(1), block_frame(number, 100));
    }
    assert_eq!(admit(&mut table), Err(None));
    let vote = vote_frame(1, 0, 1);
    let vote = table.admit(START, Peer(1), Lane::Urgent, 10, vote.packet());
    assert_eq!(vote, Ok(()));
    table.take_sendable(|_, _| {});
    assert_eq!(admit(&mut table), Ok(()));
}

#[test]
fn of_a_peer_that_is_gone_nothing_is_heard() {
    let mut table = Table::new(&PeersConfig::default());
    let result = table.admit(START, Peer(1), Lane::Urgent, 10, &ask_outcomes(0, 1));
    assert_eq!(result, Err(None));
}

proptest! {
    #[test]
    fn places_peers_and_sums_agree_whatever_happens(
        steps in proptest::collection::vec((0_u8..5, 0_u64..12, 0_u64..12), 1..200),
    ) {
        let mut table = Table::new(&small_config(5, 2_000, 400));
        let mut connected: BTreeMap<u64, bool> = BTreeMap::new();
        for (what, number, other) in steps {
            let peer = Peer(number);
            match what {
                0 => {
                    let is_new = connect(&mut table, number).is_ok();
                    prop_assert_eq!(is_new, !connected.contains_key(&number));
                    connected.entry(number).or_insert(false);
                }
                1 => {
                    let was = table.disconnect(peer).is_some();
                    prop_assert_eq!(was, connected.remove(&number).is_some());
                }
                2 => {
                    table.introduce(peer, hello(number), ours()).unwrap();
                    if let Some(is_ready) = connected.get_mut(&number) {
                        *is_ready = true;
                    }
                }
                3 => table.push(peer, vote_frame(other, 0, 1)),
                _ => {
                    name(&mut table, number, &[other, number]);
                    table.written(peer, Lane::Urgent, 200);
                    table.take_sendable(|_, _| {});
                }
            }
            let mut places = BTreeSet::new();
            for (number, is_ready) in &connected {
                let place = table.place(Peer(*number)).unwrap();
                prop_assert!(places.insert(place) && place < connected.len().max(12));
                prop_assert_eq!(table.peer(place), Some(Peer(*number)));
                prop_assert_eq!(table.is_ready(Peer(*number)), *is_ready);
                for other in table.adjacent(place).iter() {
                    prop_assert!(table.adjacent(other).contains(place) && other != place);
                }
            }
            let ready = connected.values().filter(|it| **it).count();
            prop_assert_eq!(table.ready().len(), ready);
            prop_assert_eq!(table.waiting.len(), connected.len() - ready);
            let queued: usize = table.entries().map(|(_, it)| it.outbox.all_queued_bytes()).sum();
            prop_assert_eq!(table.queued_bytes, queued);
        }
        let late = table.late_handshakes(after(START, Millis(3_600_000)));
        prop_assert_eq!(late.len(), table.waiting.len());
    }
}
