//! Peers that send garbage, ask without end, or come in crowds: one node is attacked, and the network
//! goes on.

use crate::stranger::{Ears, Stranger, hello};
use picot_consensus::{Message, Request};
use picot_models::{BlockId, ChainId, Slot, Value};
use picot_protocol::{Lane, PROTOCOL_VERSION, Packet, Prefix, SharedMessage};
use picot_serialization::Encode;
use picot_tests::{Localnet, connect_from, slots};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const ALL: [usize; 4] = [0, 1, 2, 3];
/// Connections with one address, unless told otherwise.
const MAX_PER_ADDRESS: usize = 4;
/// Memory that the attacked node may take more than before, in MiB. The attackers send and have sent
/// many times as much.
const MAX_GROWTH_MIB: u64 = 192;
/// How long a slot may take that is decided in time although the machine is busy: without an attack, it
/// is some 30 ms; a node that looks at questions first needs longer than this for the first of them.
const MAX_DELAY: Duration = Duration::from_secs(5);
/// What one may do until one is sent away, by far: some is on its way before it is looked at.
const MAX_NUISANCES: u64 = 100_000;
/// How long a node may take to refuse a connection, on a busy machine: less than its patience with one
/// that it has taken and that says nothing.
const REFUSAL_TIME: Duration = Duration::from_secs(5);

#[test]
fn who_sends_garbage_is_banned_and_the_network_goes_on() {
    let mut net = Localnet::new(&[10; 4]);
    net.start(&ALL);
    let at = net.node_mut(0).listens_at();
    let chain_id = net.node(0).status().chain_id;
    net.wait_for_more(&ALL, 4);
    let before = net.node(0).peak_memory_kib();

    // Below the protocol: bytes that are no handshake of the transport.
    for round in 0..16 {
        let mut stream = connect_from(Ipv4Addr::new(127, 4, round, 1), at).unwrap();
        // The node may hang up before it has taken all.
        let _ = stream.write_all(&noise(u64::from(round), 1 << 20));
        wait_for_hang_up(stream);
    }
    let mut banned: Vec<Stranger> = nuisances(chain_id)
        .into_iter()
        .enumerate()
        .map(|(number, (what, nuisance))| {
            let number = u8::try_from(number).unwrap() + 10;
            let stranger = Stranger::call(number, at, Ears::Open).introduced(chain_id);
            be(&stranger, what, &nuisance);
            stranger
        })
        .collect();
    banned.push(skip_handshakes(9, at));
    let node = net.node(0);
    for stranger in &banned {
        let ban = node.wait_for("banned", || {
            let bans = node.peers().bans;
            bans.into_iter().find(|ban| ban.node == stranger.name)
        });
        assert_eq!(ban.address, Some(stranger.address.into()), "{ban:?}");
    }
    // They call again and again.
    net.node_mut(0).wait_for_line("whom it refuses", |line| {
        line.contains("connection refused") && line.contains("it is banned")
    });
    let bans = net.node(0).peers().bans;
    assert_eq!(bans.len(), banned.len(), "nobody else is banned: {bans:?}");

    net.wait_for_more(&ALL, 8);
    net.transfer(0);
    assert_bounded(&net, before);
    net.check_agreement();
    net.stop_and_check();
}

#[test]
fn who_asks_without_end_and_crowds_of_one_address_do_not_stop_a_node_from_deciding() {
    let mut net = Localnet::new(&[10; 4]);
    net.start(&ALL);
    let at = net.node_mut(0).listens_at();
    let chain_id = net.node(0).status().chain_id;
    // Something to ask for.
    net.wait_for_more(&ALL, 16);
    let before = net.node(0).peak_memory_kib();

    let stop = AtomicBool::new(false);
    let first = net.wait_for_more(&ALL, 1);
    thread::scope(|scope| {
        let floods: Vec<_> = (0..6)
            .map(|number| {
                let ears = if number % 2 == 0 {
                    Ears::Open
                } else {
                    Ears::Shut
                };
                let asker = Stranger::call(number + 1, at, ears).introduced(chain_id);
                let stop = &stop;
                scope.spawn(move || flood(asker, number, stop))
            })
            .collect();
        // While they ask.
        let last = net.wait_for_more(&ALL, 16);
        net.transfer(0);
        crowd(at);
        stop.store(true, Ordering::Relaxed);
        for (number, flood) in floods.into_iter().enumerate() {
            let (asked, answers) = flood.join().unwrap();
            assert!(asked > 100, "asker {number} asked {asked} times only");
            if number == 0 {
                assert!(answers > 0, "the node answers what it can");
            }
        }
        let blocks = count_blocks(&net, first, last);
        assert!(blocks >= 8, "{blocks} blocks from {first} to {last}");
        let delay = net.median_delay(0, first, last);
        say(&format!(
            "{blocks} blocks, decided after {delay:?}, while six asked"
        ));
        assert!(delay < MAX_DELAY, "slots were decided after {delay:?}");
    });
    net.node_mut(0).wait_for_line("whom it refused", |line| {
        line.contains("there are enough connections with its address")
    });
    assert_bounded(&net, before);
    net.check_agreement();
    net.stop_and_check();
}

/// One thing that no honest node sends, with its number.
type Nuisance = Box<dyn Fn(&Stranger, u64) -> bool>;

fn nuisances(chain_id: ChainId) -> Vec<(&'static str, Nuisance)> {
    let on_lane = |lane: Lane| -> Nuisance {
        Box::new(move |stranger, round| {
            let length = usize::try_from(round % 7).unwrap() * 20_000 + 1;
            stranger.send(lane, noise(round, length))
        })
    };
    let unknown: Nuisance = Box::new(|stranger, round| {
        let tag = u8::try_from(round % 64).unwrap() + 64;
        stranger.send(Lane::Urgent, vec![tag, 0, 1, 2])
    });
    let misplaced: Nuisance =
        Box::new(|stranger, _| stranger.send(Lane::Bulk, Packet::Announce(Vec::new()).to_bytes()));
    let again: Nuisance =
        Box::new(move |stranger, _| stranger.say(&hello(PROTOCOL_VERSION, chain_id)));
    vec![
        ("noise on the urgent lane", on_lane(Lane::Urgent)),
        ("noise on the gossip lane", on_lane(Lane::Gossip)),
        ("noise on the bulk lane", on_lane(Lane::Bulk)),
        ("unknown packets", unknown),
        ("packets on the wrong lane", misplaced),
        ("handshakes out of turn", again),
    ]
}

/// Is a nuisance until one is sent away.
fn be(stranger: &Stranger, what: &str, nuisance: &Nuisance) {
    let mut round = 0;
    while nuisance(stranger, round) {
        round += 1;
        assert!(round < MAX_NUISANCES, "{what} is not minded");
    }
    stranger.wait_for_end();
}

/// Calls without introducing oneself, until that is enough for a ban.
fn skip_handshakes(number: u8, at: SocketAddrV4) -> Stranger {
    let impolite = || {
        let stranger = Stranger::call(number, at, Ears::Open).connected();
        stranger.say(&Packet::Announce(Vec::new()));
        stranger.wait_for_end();
        stranger
    };
    impolite();
    impolite();
    impolite()
}

/// Asks as fast as the node takes questions. Gives how many it asked, and the answers that it took.
fn flood(asker: Stranger, number: u8, stop: &AtomicBool) -> (u64, u64) {
    let mut asked = 0;
    while !stop.load(Ordering::Relaxed) {
        if asker.try_say(&question(number, asked)) {
            asked += 1;
        } else {
            thread::sleep(Duration::from_millis(1));
        }
    }
    (asked, asker.frames())
}

fn question(number: u8, round: u64) -> Packet {
    match number / 2 {
        0 => {
            let thread = u8::try_from(round % 4).unwrap();
            let request = Request::Outcomes { thread, period: 1 };
            Packet::Consensus(SharedMessage(Arc::new(Message::Ask(request))))
        }
        1 => Packet::GetOperations(vec![Prefix(round.to_be_bytes()); 512]),
        _ => Packet::GetBlock(nothing(round)),
    }
}

/// Two hundred connections from one address: few are taken.
fn crowd(at: SocketAddrV4) {
    let source = Ipv4Addr::new(127, 5, 0, 1);
    let streams: Vec<TcpStream> = (0..200)
        .filter_map(|_| connect_from(source, at).ok())
        .collect();
    assert_eq!(
        streams.len(),
        200,
        "the system takes connections before the node does"
    );
    let start = Instant::now();
    let mut open = streams;
    while open.len() > MAX_PER_ADDRESS {
        open.retain(|stream| !has_hung_up(stream));
        assert!(start.elapsed() < REFUSAL_TIME, "{} were taken", open.len());
        thread::sleep(Duration::from_millis(10));
    }
}

fn has_hung_up(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let mut stream = stream;
    match stream.read(&mut [0; 1_024]) {
        Ok(length) => length == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

/// Waits until the node ends a connection; it may say something before.
fn wait_for_hang_up(mut stream: TcpStream) {
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut bytes = [0; 1_024];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("it listens to noise"),
            Err(_) => return,
        }
    }
}

/// Bytes without sense, the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// A block that there is not.
fn nothing(number: u64) -> BlockId {
    let mut bytes = [0xa5; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    BlockId::from_hash(bytes.into())
}

fn count_blocks(net: &Localnet, first: Slot, last: Slot) -> usize {
    let is_block = |slot: &Slot| matches!(net.decision(0, *slot), Some(Value::Block { .. }));
    slots(first, last).filter(is_block).count()
}

fn assert_bounded(net: &Localnet, before: Option<u64>) {
    let (Some(before), Some(after)) = (before, net.node(0).peak_memory_kib()) else {
        say("this system does not tell how much memory a process has: not checked");
        return;
    };
    let growth = after.saturating_sub(before) / 1_024;
    say(&format!(
        "the attacked node took {growth} MiB more than before"
    ));
    assert!(growth < MAX_GROWTH_MIB, "{growth} MiB more than before");
}

#[allow(
    clippy::print_stderr,
    reason = "a measurement, and a check that is left out, are told"
)]
fn say(text: &str) {
    eprintln!("{text}");
}
