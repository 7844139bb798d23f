//! A node that begins with the state of a checkpoint, received from others.

use crate::certified;
use crate::go_between::{GoBetween, Manner};
use picot_database::{DataDir, DatabaseConfig, FaultPoint};
use picot_ledger::StateStore;
use picot_models::{Address, ChainId, Hash, Slot};
use picot_tests::{Localnet, NodeProcess, Relay, Split, run_picot};
use serde_json::Value as Json;
use std::net::Ipv4Addr;
use std::path::Path;

/// Periods of a cycle, in the networks whose past goes by quickly.
const CYCLE: u64 = 4;
/// Accounts beside those of the stakers: the state has some chunks.
const ACCOUNTS: u32 = 30_000;
/// Nodes read so large a genesis for some seconds before its first slot.
const READING_MS: u64 = 15_000;
/// The nodes that were there before, and the one that comes.
const OLD: [usize; 3] = [0, 1, 2];
const NEW: usize = 3;
const PRUNED: [&str; 2] = ["--history", "cycles=4"];
const RECEIVED: &str = "was received, and is the certified one";

#[test]
fn a_new_node_receives_the_state_of_a_checkpoint_and_goes_on_as_one_of_all() {
    let (end, next) = (Slot::new(15, 3), Slot::new(31, 3));
    let mut net = Localnet::new(&[10; 4]);
    net.start(&[0, 1, 2]);
    let trusted = certified(net.node(0), end).hash.to_string();
    net.start_with(&[3], &["--trusted-checkpoint", &trusted]);
    let lines = net.node(3).lines();
    let received = |line: &String| line.contains(RECEIVED);
    assert!(lines.iter().any(received), "{lines:?}");
    let shown = run_picot(&["bootstrap", "status", "--data", net.node(3).data()]);
    assert!(shown.stdout.contains("is here"), "{shown:?}");
    net.wait_for_more(&[0, 1, 2, 3], 8);
    // Killed, it goes on from what it has.
    net.kill(3);
    net.start(&[3]);
    net.wait_for_producing(3);
    net.transfer(3);
    // A node whose own state is another than the certified one stops: it has come to the same.
    let of_all = certified(net.node(0), next);
    let of_new = certified(net.node(3), next);
    assert_eq!(of_all.state_hash, of_new.state_hash);
    net.wait_for_final(&[3], next);
    net.wait_for_more(&[0, 1, 2, 3], 4);
}

#[test]
fn among_peers_that_dropped_the_past_a_new_node_receives_a_state_by_itself_over_kills_at_each_step()
{
    let mut net = Localnet::with_genesis(&[10, 10, 10, 1], many_accounts_and_short_cycles);
    net.start_with(&OLD, &PRUNED);
    wait_until_pruned(&net);
    let chain_id = net.node(0).status().chain_id;
    // Where what is lacking can be had from nobody, and the node ends at each moment in turn.
    for (point, passing) in [
        (FaultPoint::IncomingWrite, 1),
        (FaultPoint::IncomingWritten, 1),
        (FaultPoint::IncomingWrite, 2),
        (FaultPoint::IncomingWritten, 1),
        (FaultPoint::IncomingAdopt, 1),
    ] {
        let said = net.dies_at(NEW, point, passing, &PRUNED);
        assert!(
            said.contains("no peer has what was decided since"),
            "{said}"
        );
    }
    let all = status(net.data(NEW))["pairs_total"].as_u64();
    assert_eq!(pairs_received(net.data(NEW), &chain_id), all, "all stays");
    let said = net.dies_at(NEW, FaultPoint::IncomingAdopted, 1, &PRUNED);
    assert!(said.contains(RECEIVED), "{said}");
    net.start_with(&[NEW], &PRUNED);
    net.wait_for_producing(NEW);
    net.transfer(NEW);
    ends_equal(net);
}

#[test]
fn a_node_that_was_cut_off_for_long_is_left_behind_and_begins_again_by_itself() {
    let mut net = Localnet::with_genesis(&[10, 10, 10, 1], short_cycles);
    net.start_with(&[0, 1, 2, NEW], &PRUNED);
    net.wait_for_more(&[0, 1, 2, NEW], 4);
    net.split(&OLD, &[NEW], Split::Closed);
    let last = net.last_final(NEW);
    net.node(0)
        .wait_for("what comes next there is dropped", || {
            let gone = Slot::new(last.period + 2, 0);
            (slot_state(net.node(0), gone) == "not_kept").then_some(())
        });
    wait_until_not_kept(&net, Slot::new(last.period + 2, 0));
    net.heal();
    net.node_mut(NEW)
        .wait_for_line("that it is left behind", |line| {
            line.contains("none of the peers gives what was decided next any more")
        });
    net.node_mut(NEW)
        .wait_for_line("that it has a state", |line| line.contains(RECEIVED));
    net.node(NEW).wait_for_answers();
    net.wait_for_more(&[0, 1, 2, NEW], 8);
    net.wait_for_producing(NEW);
    net.transfer(NEW);
    ends_equal(net);
}

#[test]
fn liars_are_found_one_after_the_other_and_what_a_vanished_peer_gave_stays_over_kill_9() {
    let mut net = Localnet::with_genesis(&[10, 10, 10, 1], many_accounts_and_short_cycles);
    net.start(&OLD);
    let honest = net.node_mut(0).listens_at();
    let chain_id = net.node(0).status().chain_id;
    let trusted = certified(net.node(0), Slot::new(CYCLE + 1, 3));
    // The chain from there has some more steps.
    certified(net.node(0), Slot::new(2 * CYCLE + 1, 3));
    let trusted = trusted.hash.to_string();
    net.split(&OLD, &[NEW], Split::Closed);

    let manners = [
        (Manner::WrongCertificate, "a wrong step of the certificate"),
        (Manner::WrongChunk, "it sent a wrong chunk"),
        (Manner::Endless, "it answered what it was not asked"),
        (Manner::FallsSilent(1), ""),
    ];
    let ways: Vec<Relay> = (1..5)
        .map(|number| {
            let to_it = Ipv4Addr::new(127, 6, number, 1);
            Relay::start(to_it, Ipv4Addr::new(127, 7, number, 1))
        })
        .collect();
    let mut more = vec!["--trusted-checkpoint", &trusted];
    let addresses: Vec<String> = ways.iter().map(Relay::multiaddress).collect();
    more.extend(addresses.iter().flat_map(|address| ["--peer", address]));
    let mut new = net.begin(NEW, &more);
    new.wait_for_line("that it looks for the trusted checkpoint", |line| {
        line.contains("this node has no state: it begins at the trusted checkpoint")
    });
    for (number, (way, (manner, lie))) in (1..).zip(ways.iter().zip(manners)) {
        let between = GoBetween::start(number, honest, chain_id, manner);
        way.lead_to(between.address);
        if lie.is_empty() {
            let told = new.wait_for("what the one that vanishes gave", || {
                let told = status(net.data(NEW));
                (told["chunks_here"] == 1).then_some(told)
            });
            assert!(told["chunks_total"].as_u64() > Some(2), "{told}");
        } else {
            new.wait_for_line(lie, |line| line.contains(lie));
        }
    }
    // It is gone, and the new node waits for others: in the middle of it all, it is killed.
    new.wait_for("that nobody is left", || {
        (status(net.data(NEW))["phase"] == "peers").then_some(())
    });
    new.kill();
    let here = pairs_received(net.data(NEW), &chain_id);
    assert!(here > Some(0), "what came stays");

    let new = net.begin(NEW, &more[..2]);
    net.heal();
    net.take_in(NEW, new);
    let lines = net.node(NEW).lines();
    assert!(
        lines.iter().any(|line| line.contains(RECEIVED)),
        "{lines:?}"
    );
    let told = status(net.data(NEW));
    assert!(told["pairs_total"].as_u64() > here, "{told}");
    assert_eq!(told["liars"], 0, "{told}");
    net.wait_for_producing(NEW);
    net.transfer(NEW);
    ends_equal(net);
}

/// It needs a machine with nothing else to do: `cargo nextest run -p picot-tests --run-ignored only
/// --no-capture who_serves_a_state`.
#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stderr, reason = "it tells what it measured")]
fn who_serves_a_state_decides_as_it_did_before() {
    const MANY: u32 = 200_000;
    let genesis = |genesis: &mut Json| accounts_and_short_cycles(genesis, MANY);
    let mut net = Localnet::with_genesis(&[10, 10, 10, 1], genesis);
    net.start_with(&OLD, &PRUNED);
    wait_until_pruned(&net);
    let first = net.node(0).lines().len();
    net.wait_for_more(&OLD, 40);
    let second = net.node(0).lines().len();
    let mut new = net.begin(NEW, &PRUNED);
    new.wait_for_line("that it has a state", |line| line.contains(RECEIVED));
    let lines = net.node(0).lines();
    net.take_in(NEW, new);
    let usual = delays_ms(&lines[first..second]);
    let meanwhile = delays_ms(&lines[second..]);
    let of = |delays: &[u64], percent: usize| delays[(delays.len() - 1) * percent / 100];
    for (what, delays) in [("before", &usual), ("meanwhile", &meanwhile)] {
        let (half, most) = (of(delays, 50), of(delays, 99));
        eprintln!(
            "{what}: {} decisions, p50 {half} ms, p99 {most} ms",
            delays.len()
        );
    }
    for percent in [50, 99] {
        let (usual, meanwhile) = (of(&usual, percent), of(&meanwhile, percent));
        assert!(
            meanwhile <= usual * 2 + 50,
            "{percent} %: {usual} ms, {meanwhile} ms"
        );
    }
    ends_equal(net);
}

/// How long after their start slots were decided, by what a node prints of them, ascending.
fn delays_ms(lines: &[String]) -> Vec<u64> {
    let delay = |line: &String| {
        let (_, rest) = line.split_once("decided after ")?;
        rest.split_once(" ms")?.0.parse().ok()
    };
    let mut delays: Vec<u64> = lines.iter().filter_map(delay).collect();
    delays.sort_unstable();
    delays
}

/// What is dropped leaves after some seconds.
fn short_cycles(genesis: &mut Json) {
    let params = &mut genesis["params"];
    params["periods_per_cycle"] = CYCLE.into();
    params["checkpoint_interval_periods"] = 2.into();
    params["operation_validity_periods"] = 6.into();
    params["denunciation_expire_periods"] = 8.into();
    // Who is away for long misses much, and keeps its rolls all the same.
    params["min_draws_for_deactivation"] = 1_000_000.into();
}

fn many_accounts_and_short_cycles(genesis: &mut Json) {
    accounts_and_short_cycles(genesis, ACCOUNTS);
}

fn accounts_and_short_cycles(genesis: &mut Json, accounts: u32) {
    short_cycles(genesis);
    let begins = genesis["genesis_timestamp"].as_u64().unwrap();
    genesis["genesis_timestamp"] = (begins + READING_MS).into();
    for number in 0..accounts {
        // Spread, as addresses are.
        let mut bytes = [0x5a; 32];
        bytes[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
        let address = Address::Key(Hash(bytes)).to_string();
        genesis["allocations"][address] = "1".into();
    }
}

fn slot_state(node: &NodeProcess, slot: Slot) -> Json {
    let path = format!("/slots/{}/{}", slot.period, slot.thread);
    node.get(&path).1["status"].clone()
}

/// Waits until none of the old nodes gives what was decided at a slot.
fn wait_until_not_kept(net: &Localnet, slot: Slot) {
    for place in OLD {
        net.node(place).wait_for("what is old is dropped", || {
            (slot_state(net.node(place), slot) == "not_kept").then_some(())
        });
    }
}

fn wait_until_pruned(net: &Localnet) {
    wait_until_not_kept(net, Slot::new(1, 0));
}

/// How far the last bootstrap of a data directory is.
fn status(data: &Path) -> Json {
    let data = data.to_str().unwrap();
    let told = run_picot(&["bootstrap", "status", "--json", "--data", data]);
    assert_eq!(told.code, 0, "{told:?}");
    serde_json::from_str(&told.stdout).unwrap()
}

/// The pairs that a node has of the state that it receives; no process may use them.
fn pairs_received(data: &Path, chain_id: &ChainId) -> Option<u64> {
    let data = DataDir::open(data, chain_id, &DatabaseConfig::dev()).unwrap();
    let pairs = data.incoming().scan(&[], &[], usize::MAX).unwrap();
    u64::try_from(pairs.len()).ok()
}

/// All have the same state at the same slots, and each one's is what its pairs add up to.
fn ends_equal(mut net: Localnet) -> tempfile::TempDir {
    for place in [0, 1, 2, NEW] {
        net.may_keep_less(place);
    }
    net.check_agreement();
    net.stop_and_check()
}
