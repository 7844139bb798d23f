//! Nodes that are killed again and again, at random moments and at every named fault point, beside
//! one that never is.
//!
//! Four nodes of one network, under load. The twin has more than two thirds of the stake and is never
//! touched: it decides whatever happens to the others. Two stakers and a newcomer without stake are
//! killed; each is started again as it is, with nobody to help, and must come back by itself:
//!
//! - the state that it comes back with has the hash that the twin had at the same slot, and so has
//!   every state after it;
//! - no slot that it called final is lost;
//! - what it signed, as a witness heard it on the network, is one thing for each slot, round and kind,
//!   and is in its signing log;
//! - it catches up with the twin.
//!
//! The newcomer begins with an empty directory each time, to be killed during a first start.

mod plan;
mod process;
mod victim;
mod witness;

use crate::corrupt::data_of;
use crate::localnet::{make_genesis_with, new_key};
use crate::node::slot_events;
use crate::{NodeProcess, run_picot};
use picot_database::FaultPoint;
use picot_models::{Hash, Slot};
use plan::{NEWCOMERS, PRUNED, Plan, Round, STAKERS};
pub(crate) use process::Process;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use victim::{LOOK, Victim};
use witness::Witness;

/// How long a condition may take to come.
const PATIENCE: Duration = Duration::from_secs(240);
/// Rolls of the twin, and of each of the two stakers that are killed.
const TWIN_ROLLS: u64 = 80;
const VICTIM_ROLLS: u64 = 10;
/// The start-up wait of those who are killed all the time.
const WAIT_MS: u64 = 2_000;
/// Where nodes listen.
const PORTS: std::ops::Range<u16> = 10_000..32_000;
/// Transfers per second, to the twin.
const LOAD: &str = "20";

/// What a run came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Rounds: each a start and an end of a process.
    pub rounds: u64,
    /// How often each named fault point ended a process.
    pub reached: BTreeMap<FaultPoint, u64>,
    /// Rounds whose fault point was not passed, and which were killed instead.
    pub not_reached: BTreeMap<FaultPoint, u64>,
    /// Kills at random moments.
    pub kills: u64,
    /// States that were compared with the twin's.
    pub states: u64,
    /// Signatures of the killed nodes that the witness heard.
    pub signatures: u64,
    /// How many final slots the twin had at the end.
    pub slots: u64,
}

impl Report {
    fn add(&mut self, other: Self) {
        self.rounds += other.rounds;
        self.kills += other.kills;
        self.states += other.states;
        for (mine, others) in [
            (&mut self.reached, other.reached),
            (&mut self.not_reached, other.not_reached),
        ] {
            for (point, count) in others {
                *mine.entry(point).or_default() += count;
            }
        }
    }
}

/// Runs so many rounds.
///
/// # Panics
/// Something is not as it must be: the message says what, and with which seed.
#[must_use]
pub fn torture(rounds: u64, seed: u64) -> Report {
    let world = World::start(WAIT_MS);
    let plans = Plan::new(rounds, seed).lanes;
    let mut report = Report::default();
    thread::scope(|scope| {
        let lanes: Vec<_> = world
            .victims()
            .into_iter()
            .zip(plans)
            .enumerate()
            .map(|(lane, (victim, plan))| {
                let dice = crate::Dice::new(seed.wrapping_mul(31).wrapping_add(lane as u64));
                scope.spawn(move || run_lane(lane, victim, &plan, dice))
            })
            .collect();
        for lane in lanes {
            match lane.join() {
                Ok(part) => report.add(part),
                Err(cause) => {
                    eprintln!("this run was that of seed {seed}");
                    std::panic::resume_unwind(cause);
                }
            }
        }
    });
    world.end(&mut report);
    report
}

/// Periods for which two nodes with one key run side by side.
const SIDE_BY_SIDE: u64 = 12;
/// A wait after a start in which one that was begun before is heard, however slow the machine is.
const LONG_WAIT_MS: u64 = 6_000;

/// Starts a second node with the key of one that signs, and an empty signing log. The witness ends the
/// process if it hears two different things signed by it. Gives what the second node said.
///
/// # Panics
/// Something is not as it must be.
#[must_use]
pub fn one_key_twice() -> String {
    let world = World::start(LONG_WAIT_MS);
    let mut report = Report::default();
    let mut victims = world.victims().into_iter();
    let mut first = victims.next().expect("a staker");
    let mut second = victims.last().expect("a newcomer");
    let mut original = first.begin();
    let address = first.address.clone().expect("a staker");
    wait_until("a signature of the first node", || {
        first.catch_up(&mut original, &mut report);
        world.witness.heard_of(&address) > 0
    });
    std::fs::create_dir_all(&second.data).expect("a directory");
    let keys = std::fs::copy(first.data.join("keys.json"), second.data.join("keys.json"));
    keys.expect("a copy of the key");
    // Not the file of the passphrase: with it the directory would be one of development, whose keys
    // are taken to be made for it.
    let passphrase = data_of(&first.data.join("dev-passphrase"));
    let mut copy = second.begin_with(&["--passphrase-file", &passphrase]);
    second.catch_up(&mut copy, &mut report);
    let last = world.hashes.last().period.saturating_add(SIDE_BY_SIDE);
    wait_until("periods side by side", || {
        world.hashes.last().period >= last
    });
    first.catch_up(&mut original, &mut report);
    second.catch_up(&mut copy, &mut report);
    let status = world.twin.status();
    assert_eq!(status.supply.slashed.to_string(), "0", "it was punished");
    let said = copy.output();
    eprintln!(
        "the first node said:\n{}\nthe second:\n{said}",
        original.output()
    );
    original.kill();
    copy.kill();
    first.check_log();
    said
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited for {what} in vain");
        thread::sleep(LOOK);
    }
}

/// Rounds of one node after which it is told how far it is.
const TOLD_ROUNDS: usize = 25;

fn run_lane(lane: usize, mut victim: Victim<'_>, plan: &[Round], mut dice: crate::Dice) -> Report {
    let mut report = Report::default();
    for (done, round) in plan.iter().enumerate() {
        if done > 0 && done.is_multiple_of(TOLD_ROUNDS) {
            eprintln!("victim {lane}: {done} of {} rounds", plan.len());
        }
        victim.round(*round, &mut dice, &mut report);
    }
    victim.last_start(&mut report);
    report
}

/// The state hashes of a node that is never killed.
#[derive(Default)]
pub(crate) struct Hashes {
    known: Mutex<BTreeMap<Slot, Hash>>,
    grown: Condvar,
}

impl Hashes {
    /// Keeps what a node says, until it ends.
    pub(crate) fn listen(self: &Arc<Self>, twin: &NodeProcess) {
        let hashes = Arc::clone(self);
        let url = twin.url().to_owned();
        thread::spawn(move || {
            let mut from = Slot::new(1, 0);
            // A request ends after a while, and then the next one goes on.
            while let Some(events) = slot_events(&url, from) {
                for event in events {
                    from = event.slot;
                    let Some(hash) = event.state_hash else {
                        continue;
                    };
                    let hash = hash.parse().expect("a hash");
                    hashes.lock().insert(event.slot, hash);
                    hashes.grown.notify_all();
                }
            }
        });
    }

    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Slot, Hash>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hash at a slot, once the twin has it. None for a slot that passed while nobody
    /// listened.
    fn at(&self, slot: Slot) -> Option<Hash> {
        let start = Instant::now();
        let mut known = self.lock();
        loop {
            if let Some(hash) = known.get(&slot) {
                return Some(*hash);
            }
            if known.last_key_value().is_some_and(|(last, _)| slot < *last) {
                return None;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "the twin never said its hash at slot {slot}; its last is {:?}",
                known.last_key_value()
            );
            let waited = self.grown.wait_timeout(known, Duration::from_millis(50));
            known = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn last(&self) -> Slot {
        let last = self.lock().last_key_value().map(|(slot, _)| *slot);
        last.unwrap_or(Slot::GENESIS)
    }
}

/// Everything but what is killed.
struct World {
    // Processes end before the directory goes.
    load: Process,
    twin: NodeProcess,
    hashes: Arc<Hashes>,
    witness: Witness,
    genesis: PathBuf,
    addresses: Vec<String>,
    ports: Vec<u16>,
    directory: tempfile::TempDir,
}

impl World {
    /// With this start-up wait.
    fn start(wait_ms: u64) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        let addresses: Vec<String> = ["twin", "victim-0", "victim-1"]
            .map(|name| key_of(&root.join(name)))
            .to_vec();
        let genesis = root.join("genesis.json");
        let rolls = [TWIN_ROLLS, VICTIM_ROLLS, VICTIM_ROLLS];
        let stakes: Vec<_> = addresses.iter().zip(&rolls).collect();
        make_genesis_with(&genesis, "torture", &stakes, |genesis| {
            // Short cycles: claims are pruned at the start of each.
            let params = &mut genesis["params"];
            params["periods_per_cycle"] = 4.into();
            params["checkpoint_interval_periods"] = 2.into();
            params["denunciation_expire_periods"] = 8.into();
            params["t0_ms"] = 800.into();
            params["block_startup_delay_ms"] = wait_ms.into();
            params["endorsement_startup_delay_ms"] = wait_ms.into();
            // Who is killed all the time misses much, and keeps its rolls all the same.
            params["min_draws_for_deactivation"] = 1_000_000.into();
            // For the accounts of the load.
            genesis["allocations"][&addresses[0]] = "1000000".into();
        });
        let ports = free_ports(1 + STAKERS + NEWCOMERS);
        let data = root.join("twin");
        let arguments = node_arguments(&genesis, &ports, 0);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let twin = NodeProcess::start(&data, &arguments);
        let hashes = Arc::new(Hashes::default());
        hashes.listen(&twin);
        let witness = Witness::start(&ports, twin.status().chain_id);
        twin.wait_for_status("deciding", |status| status.last_final_slot.period > 1);
        let load = load(&twin, &root.join("load.log"));
        Self {
            load,
            twin,
            hashes,
            witness,
            genesis,
            addresses,
            ports,
            directory,
        }
    }

    fn victims(&self) -> Vec<Victim<'_>> {
        victim_names()
            .enumerate()
            .map(|(place, name)| Victim {
                world: self,
                place: place + 1,
                data: self.directory.path().join(name),
                address: self.addresses.get(place + 1).cloned(),
                best: Slot::GENESIS,
            })
            .collect()
    }

    /// The hash of the newest checkpoint that the twin has certified.
    fn certified(&self) -> String {
        self.twin.wait_for("a certified checkpoint", || {
            let (_, answer) = self.twin.get("/checkpoints");
            Some(answer["certified"]["hash"].as_str()?.to_owned())
        })
    }

    fn arguments(&self, place: usize) -> Vec<String> {
        let mut arguments = node_arguments(&self.genesis, &self.ports, place);
        if place == 1 + PRUNED {
            arguments.extend(["--history", "cycles=2"].map(str::to_owned));
        }
        arguments
    }

    fn end(mut self, report: &mut Report) {
        assert!(
            self.load.ended().is_none(),
            "the load ended: {}",
            self.load.output()
        );
        self.load.kill();
        let status = self.twin.status();
        assert_eq!(
            (status.supply.slashed.to_string(), status.pool.denunciations),
            ("0".to_owned(), 0),
            "somebody was found to have contradicted himself"
        );
        report.signatures = self.witness.count();
        report.slots = self.hashes.lock().len() as u64;
        for address in self.addresses.iter().skip(1) {
            assert!(
                self.witness.heard_of(address) > 0,
                "nothing was heard of {address}"
            );
        }
        let (ended, lines) = self.twin.stop("-TERM");
        assert!(ended.success(), "{}", lines.join("\n"));
        for name in victim_names().chain(["twin".to_owned()]) {
            let data = data_of(&self.directory.path().join(&name));
            let checked = run_picot(&["db", "check", "--data", &data]);
            assert_eq!(checked.code, 0, "{name}: {checked:?}");
        }
    }
}

/// The stakers, and then the newcomers.
fn victim_names() -> impl Iterator<Item = String> {
    let stakers = (0..STAKERS).map(|number| format!("victim-{number}"));
    stakers.chain((0..NEWCOMERS).map(|number| format!("newcomer-{number}")))
}

/// A key in a directory whose passphrase is beside it, so that it costs no second to open.
fn key_of(data: &Path) -> String {
    std::fs::create_dir_all(data).expect("a directory");
    let passphrase = data.join("dev-passphrase");
    std::fs::write(&passphrase, "of a test").expect("a file");
    crate::keep_private(&passphrase);
    new_key(data, &passphrase)
}

/// Ports that nobody uses now, below those that systems give to outgoing connections: some are listened
/// at only later.
fn free_ports(count: usize) -> Vec<u16> {
    // Tests that run side by side begin at different places.
    let first = std::process::id() as usize * count % PORTS.len();
    let all = PORTS.cycle().skip(first).take(PORTS.len());
    let free = all.filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.take(count).collect()
}

/// All nodes know each other. The witness comes by itself.
fn node_arguments(genesis: &Path, ports: &[u16], place: usize) -> Vec<String> {
    let multiaddress = |port: &u16| format!("/ip4/127.0.0.1/tcp/{port}");
    let mut arguments = ["--no-discovery", "--genesis"].map(str::to_owned).to_vec();
    arguments.push(data_of(genesis));
    arguments.extend(["--listen".to_owned(), multiaddress(&ports[place])]);
    for (other, port) in ports.iter().enumerate() {
        if other != place {
            arguments.extend(["--peer".to_owned(), multiaddress(port)]);
        }
    }
    arguments
}

fn load(twin: &NodeProcess, log: &Path) -> Process {
    let arguments = [
        "load",
        "--rate",
        LOAD,
        "--seconds",
        "1000000",
        "--accounts",
        "8",
        "--api",
        twin.url(),
        "--data",
        twin.data(),
    ];
    Process::start(&crate::picot(), &arguments, None, log)
}
