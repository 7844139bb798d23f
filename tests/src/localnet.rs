//! A network of real nodes on this machine, whose links a test can slow down, hold and cut.
//!
//! Nodes know each other only through relays: two for each pair of nodes, one for each side that calls.
//! A node is seen by the others at an address of its own (127.1.NODE.1), and finds them at addresses of
//! their own (127.2.NODE.1), as if each were another machine.

use crate::torture::Process;
use crate::{NodeProcess, Relay, run_picot};
use picot_api::types::{OperationResponse, OperationState, SlotEvent, SlotResponse, SlotState};
use picot_database::FaultPoint;
use picot_models::{Slot, Value};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The time from the making of the genesis to its first slot: nodes start in it.
const GENESIS_DELAY: Duration = Duration::from_secs(3);
/// The length of a period: short, for quick tests. A slot has a quarter of it.
const PERIOD_MS: u64 = 1_000;
/// How long after their start nodes sign nothing.
const STARTUP_DELAY_MS: u64 = 500;
/// How long a condition may take to come, and how often it is looked for.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Slots whose state hashes are compared at the end.
const COMPARED_SLOTS: usize = 8;

struct Member {
    data: PathBuf,
    address: String,
    node: Option<NodeProcess>,
}

/// How nodes are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// What they send does not arrive, and nobody is told: pulled cables.
    Silent,
    /// Their connections are ended, and new ones too: a firewall.
    Closed,
}

/// A local network.
///
/// It keeps what was decided: a slot of which any node ever says something else than any node said
/// before ends the test.
pub struct Localnet {
    // Nodes end before the relays, and both before the directory goes.
    members: Vec<Member>,
    relays: BTreeMap<(usize, usize), Relay>,
    decided: BTreeMap<Slot, Value>,
    /// Nodes that need not know all slots from the first on.
    keeps_less: BTreeSet<usize>,
    genesis: PathBuf,
    passphrase: PathBuf,
    directory: tempfile::TempDir,
}

impl Localnet {
    /// Makes keys and a genesis in which each node has as many rolls as said. Nothing runs yet; the
    /// chain begins in a few seconds.
    ///
    /// # Panics
    /// The files cannot be made.
    #[must_use]
    pub fn new(rolls: &[u64]) -> Self {
        Self::with_genesis(rolls, |_| {})
    }

    /// As [`Localnet::new`], with something else in the genesis.
    ///
    /// # Panics
    /// The files cannot be made.
    #[must_use]
    pub fn with_genesis(rolls: &[u64], change: impl FnOnce(&mut Json)) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let passphrase = directory.path().join("passphrase");
        std::fs::write(&passphrase, "of a test\n").expect("a file");
        let root = directory.path();
        let members: Vec<Member> = thread::scope(|scope| {
            let member = |place| Member::new(root.join(format!("node-{place}")), &passphrase);
            let makers: Vec<_> = (0..rolls.len())
                .map(|place| scope.spawn(move || member(place)))
                .collect();
            let made = makers.into_iter().map(|maker| maker.join());
            made.map(|member| member.expect("keys")).collect()
        });
        let genesis = root.join("genesis.json");
        let stakes: Vec<_> = members
            .iter()
            .map(|member| &member.address)
            .zip(rolls)
            .collect();
        make_genesis_with(&genesis, "localnet", &stakes, change);
        Self {
            relays: relays(rolls.len()),
            members,
            decided: BTreeMap::new(),
            keeps_less: BTreeSet::new(),
            genesis,
            passphrase,
            directory,
        }
    }

    /// A directory for what else a test needs.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The genesis file.
    #[must_use]
    pub fn genesis(&self) -> &Path {
        &self.genesis
    }

    /// Starts nodes, all at once: at the first time with an empty database, then from disk.
    ///
    /// # Panics
    /// One does not start.
    pub fn start(&mut self, places: &[usize]) {
        self.start_with(places, &[]);
    }

    /// The same with more arguments.
    ///
    /// # Panics
    /// One does not start.
    pub fn start_with(&mut self, places: &[usize], more: &[&str]) {
        let arguments = |place| {
            let mut arguments = self.arguments(place);
            arguments.extend(more.iter().map(|it| (*it).to_owned()));
            arguments
        };
        let starting: Vec<(usize, Vec<String>)> = places
            .iter()
            .map(|place| (*place, arguments(*place)))
            .collect();
        let members = &self.members;
        let started: Vec<(usize, NodeProcess)> = thread::scope(|scope| {
            let start = |place: usize, arguments: Vec<String>| {
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                (place, NodeProcess::start(&members[place].data, &arguments))
            };
            let starters: Vec<_> = starting
                .into_iter()
                .map(|(place, arguments)| scope.spawn(move || start(place, arguments)))
                .collect();
            let started = starters.into_iter().map(|starter| starter.join());
            started.map(|node| node.expect("a node")).collect()
        });
        for (place, node) in started {
            self.take_in(place, node);
        }
    }

    /// Starts a node without waiting until it answers: one that receives a state does not.
    ///
    /// # Panics
    /// It cannot be run.
    #[must_use]
    pub fn begin(&self, place: usize, more: &[&str]) -> NodeProcess {
        let arguments = self.arguments(place);
        let arguments = arguments.iter().map(String::as_str);
        let arguments: Vec<&str> = arguments.chain(more.iter().copied()).collect();
        NodeProcess::begin(&self.members[place].data, &arguments)
    }

    /// Waits until a node that was begun answers, and takes it in.
    ///
    /// # Panics
    /// It never does.
    pub fn take_in(&mut self, place: usize, node: NodeProcess) {
        let mut node = node.answering();
        let target = node.listens_at();
        let to_it = self.relays.iter().filter(|((_, to), _)| *to == place);
        to_it.for_each(|(_, relay)| relay.lead_to(target));
        self.members[place].node = Some(node);
    }

    /// Runs a node until it ends itself, as a power cut would, at the n-th passing of a named moment.
    /// Gives what it said.
    ///
    /// # Panics
    /// It never does, or ends in another way.
    pub fn dies_at(&self, place: usize, point: FaultPoint, passing: u64, more: &[&str]) -> String {
        let arguments = self.arguments(place);
        let member = &self.members[place];
        let data = crate::corrupt::data_of(&member.data);
        let mut all = vec!["node", "--api", "127.0.0.1:0", "--data", &data];
        all.extend(
            arguments
                .iter()
                .map(String::as_str)
                .chain(more.iter().copied()),
        );
        let fault = ("PICOT_FAULT", format!("{point}:{passing}"));
        let log = member.data.with_extension("log");
        let mut process = Process::start(&crate::picot_with_faults(), &all, Some(fault), &log);
        let start = Instant::now();
        while process.ended().is_none() {
            let is_late = start.elapsed() >= PATIENCE;
            assert!(!is_late, "{point} is never passed:\n{}", process.output());
            thread::sleep(LOOK_INTERVAL);
        }
        let said = process.output();
        let is_it = said.contains(&format!("fault point {point} reached"));
        assert!(is_it, "it ended before {point}:\n{said}");
        said
    }

    /// The data directory of a node.
    #[must_use]
    pub fn data(&self, place: usize) -> &Path {
        &self.members[place].data
    }

    fn arguments(&self, place: usize) -> Vec<String> {
        let path = |path: &Path| path.to_str().expect("a path of letters").to_owned();
        let mut arguments = vec![
            "--genesis".to_owned(),
            path(&self.genesis),
            "--passphrase-file".to_owned(),
            path(&self.passphrase),
            "--listen".to_owned(),
            "/ip4/127.0.0.1/tcp/0".to_owned(),
            "--no-discovery".to_owned(),
            "--log".to_owned(),
            "info".to_owned(),
        ];
        for ((from, _), relay) in &self.relays {
            if *from == place {
                arguments.extend(["--peer".to_owned(), relay.multiaddress()]);
            }
        }
        arguments
    }

    /// A running node.
    ///
    /// # Panics
    /// It does not run.
    #[must_use]
    pub fn node(&self, place: usize) -> &NodeProcess {
        let node = self.members[place].node.as_ref();
        node.expect("a node that runs")
    }

    /// As [`Localnet::node`], to wait for lines of it.
    ///
    /// # Panics
    /// It does not run.
    #[must_use]
    pub fn node_mut(&mut self, place: usize) -> &mut NodeProcess {
        let node = self.members[place].node.as_mut();
        node.expect("a node that runs")
    }

    /// The nodes that run.
    #[must_use]
    pub fn running(&self) -> Vec<usize> {
        let runs = |place: &usize| self.members[*place].node.is_some();
        (0..self.members.len()).filter(runs).collect()
    }

    /// A node may say of old slots that it does not keep them: it drops them, or began with a later
    /// state.
    pub fn may_keep_less(&mut self, place: usize) {
        self.keeps_less.insert(place);
    }

    /// Kills a node, as a power cut would.
    ///
    /// # Panics
    /// It does not run.
    pub fn kill(&mut self, place: usize) {
        let node = self.members[place].node.take();
        node.expect("a node that runs").kill();
    }

    /// Keeps two groups of nodes apart.
    pub fn split(&self, one: &[usize], other: &[usize], how: Split) {
        for ((from, to), relay) in &self.relays {
            let crosses = (one.contains(from) && other.contains(to))
                || (other.contains(from) && one.contains(to));
            if crosses {
                match how {
                    Split::Silent => relay.hold(),
                    Split::Closed => relay.cut(),
                }
            }
        }
    }

    /// Lets all nodes reach each other, at once.
    pub fn heal(&self) {
        for relay in self.relays.values() {
            relay.delay(Duration::ZERO);
            relay.open();
        }
    }

    /// What a node sends and hears takes so much longer from now on.
    pub fn delay(&self, place: usize, delay: Duration) {
        for ((from, to), relay) in &self.relays {
            if *from == place || *to == place {
                relay.delay(delay);
            }
        }
    }

    /// Waits until nodes have so many more final slots than the furthest of them has now, and gives the
    /// last of these.
    ///
    /// # Panics
    /// It never comes.
    pub fn wait_for_more(&self, places: &[usize], slots: u64) -> Slot {
        let now = places.iter().map(|place| self.last_final(*place)).max();
        let mut target = now.expect("a node");
        for _ in 0..slots {
            target = next(target);
        }
        self.wait_for_final(places, target);
        target
    }

    /// Waits until a slot is final on nodes.
    ///
    /// # Panics
    /// It never is.
    pub fn wait_for_final(&self, places: &[usize], slot: Slot) {
        for place in places {
            let what = format!("with slot {slot} final on node {place}");
            self.node(*place)
                .wait_for_status(&what, |status| status.last_final_slot >= slot);
        }
    }

    /// The last final slot of a node.
    #[must_use]
    pub fn last_final(&self, place: usize) -> Slot {
        self.node(place).status().last_final_slot
    }

    /// Waits until the clock has passed so many slots, and gives those that began in the meantime: none
    /// that had begun before.
    ///
    /// # Panics
    /// The chain has not begun.
    #[must_use]
    pub fn wait_for_time(&self, slots: u64) -> Vec<Slot> {
        let node = self.node(self.running()[0]);
        let now = node.status().current_slot.expect("the chain has begun");
        let mut passed = vec![next(now)];
        for _ in 1..slots {
            passed.push(next(passed[passed.len() - 1]));
        }
        let end = next(passed[passed.len() - 1]);
        node.wait_for_status("so late", |status| status.current_slot >= Some(end));
        passed
    }

    /// What a node says of a slot; none if it is not decided there.
    ///
    /// # Panics
    /// It does not answer.
    #[must_use]
    pub fn decision(&self, place: usize, slot: Slot) -> Option<Value> {
        match slot_of(self.node(place), slot).state {
            SlotState::Decided { value, .. } => Some(value),
            _ => None,
        }
    }

    /// How long after their starts slots were decided on a node, as it says in its lines: the median.
    ///
    /// # Panics
    /// It decided none of them.
    #[must_use]
    pub fn median_delay(&self, place: usize, first: Slot, last: Slot) -> Duration {
        let lines = self.node(place).lines();
        let delay = |slot: Slot| {
            let start = format!("slot {slot} ");
            let line = lines.iter().find(|line| line.starts_with(&start))?;
            let text = line.split("decided after ").nth(1)?.strip_suffix(" ms")?;
            text.parse().ok().map(Duration::from_millis)
        };
        let mut delays: Vec<Duration> = slots(first, last).filter_map(delay).collect();
        delays.sort_unstable();
        delays[delays.len() / 2]
    }

    /// Submits a transfer to one node, and waits until it is final on all that run.
    ///
    /// # Panics
    /// It is not accepted, or never final on one of them.
    pub fn transfer(&self, by: usize) {
        self.wait_for_operation(&self.submit(by));
    }

    /// Submits a transfer to one node, and gives its id.
    ///
    /// # Panics
    /// It is not accepted.
    #[must_use]
    pub fn submit(&self, by: usize) -> String {
        let node = self.node(by);
        let recipient = &self.members[(by + 1) % self.members.len()].address;
        let sent = node.command(&[
            "transfer",
            recipient,
            "1.5",
            "--wait",
            "accepted",
            "--json",
            "--passphrase-file",
            self.passphrase.to_str().expect("a path of letters"),
        ]);
        assert_eq!(sent.code, 0, "{sent:?}\n{}", node.lines().join("\n"));
        let json: Json = serde_json::from_str(&sent.stdout).expect("JSON");
        json["id"].as_str().expect("an id").to_owned()
    }

    /// Waits until an operation is final on all nodes that run.
    ///
    /// # Panics
    /// It never is on one of them.
    pub fn wait_for_operation(&self, id: &str) {
        for place in self.running() {
            let node = self.node(place);
            node.wait_for("an operation that is final on all nodes", || {
                let (status, answer) = node.get(&format!("/operations/{id}"));
                (status == 200 && is_final(&answer)).then_some(())
            });
        }
    }

    /// Waits until a node produces blocks.
    ///
    /// # Panics
    /// It never does.
    pub fn wait_for_producing(&self, place: usize) {
        let node = self.node(place);
        node.wait_for_status("producing", |status| status.production.producing);
    }

    /// Compares all that the running nodes have decided with all that was ever seen decided.
    ///
    /// # Panics
    /// Something was decided twice.
    pub fn check_decisions(&mut self) {
        for place in self.running() {
            let node = self.members[place].node.as_ref().expect("it runs");
            let last = node.status().last_final_slot;
            for slot in slots(Slot::new(1, 0), last) {
                let value = match slot_of(node, slot).state {
                    SlotState::Decided { value, .. } => value,
                    SlotState::NotKept if self.keeps_less.contains(&place) => continue,
                    other => panic!("slot {slot} is final on node {place} and is {other:?}"),
                };
                let seen = self.decided.entry(slot).or_insert(value);
                assert_eq!(
                    *seen, value,
                    "slot {slot} is decided twice, now on node {place}"
                );
            }
        }
    }

    /// Waits for some more final slots and compares all decisions, and the state hashes at the same
    /// slots. Gives the last slot.
    ///
    /// # Panics
    /// Nodes differ, or one stays behind.
    pub fn check_agreement(&mut self) -> Slot {
        let running = self.running();
        let from = self.wait_for_more(&running, 1);
        let hashes: Vec<BTreeMap<Slot, String>> = thread::scope(|scope| {
            let nodes = running.iter().map(|place| self.node(*place));
            let readers: Vec<_> = nodes
                .map(|node| scope.spawn(move || hashes(node, from)))
                .collect();
            let read = readers.into_iter().map(|reader| reader.join());
            read.map(|hashes| hashes.expect("hashes")).collect()
        });
        let common = hashes.iter().skip(1).fold(
            hashes[0].keys().copied().collect::<BTreeSet<_>>(),
            |common, hashes| {
                common
                    .into_iter()
                    .filter(|slot| hashes.contains_key(slot))
                    .collect()
            },
        );
        assert!(!common.is_empty(), "no slot is common: {hashes:#?}");
        for slot in &common {
            let at_slot: BTreeSet<_> = hashes.iter().map(|hashes| &hashes[slot]).collect();
            assert_eq!(
                at_slot.len(),
                1,
                "states differ at slot {slot}: {at_slot:?}"
            );
        }
        self.check_decisions();
        from
    }

    /// Stops all nodes, and checks the data of each against itself, as an operator would. Gives the
    /// directory of it all.
    ///
    /// # Panics
    /// One contradicts itself.
    pub fn stop_and_check(mut self) -> tempfile::TempDir {
        for member in &mut self.members {
            if let Some(node) = member.node.take() {
                let (status, lines) = node.stop("-TERM");
                assert!(status.success(), "{status}: {}", lines.join("\n"));
            }
        }
        for member in self
            .members
            .iter()
            .filter(|member| member.data.join("store").exists())
        {
            let data = member.data.to_str().expect("a path of letters");
            let checked = run_picot(&["db", "check", "--data", data]);
            assert_eq!(checked.code, 0, "{checked:?}");
        }
        self.directory
    }
}

impl Member {
    fn new(data: PathBuf, passphrase: &Path) -> Self {
        Self {
            address: new_key(&data, passphrase),
            data,
            node: None,
        }
    }
}

/// Makes a key in a data directory, and gives its address.
///
/// # Panics
/// It cannot be made.
#[must_use]
pub fn new_key(data: &Path, passphrase: &Path) -> String {
    let data = data.to_str().expect("a path of letters");
    let passphrase = passphrase.to_str().expect("a path of letters");
    let arguments = [
        "keys",
        "new",
        "--json",
        "--data",
        data,
        "--passphrase-file",
        passphrase,
    ];
    let made = run_picot(&arguments);
    assert_eq!(made.code, 0, "{made:?}");
    let json: Json = serde_json::from_str(&made.stdout).expect("JSON");
    json["address"].as_str().expect("an address").to_owned()
}

/// Makes a genesis with short periods that begins soon.
///
/// # Panics
/// It cannot be made.
pub fn make_genesis(path: &Path, name: &str, stakes: &[(&String, &u64)]) {
    make_genesis_with(path, name, stakes, |_| {});
}

/// As [`make_genesis`], with something else in it.
///
/// # Panics
/// It cannot be made.
pub fn make_genesis_with(
    path: &Path,
    name: &str,
    stakes: &[(&String, &u64)],
    change: impl FnOnce(&mut Json),
) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let begins = now.expect("after 1970") + GENESIS_DELAY;
    let mut arguments = ["genesis", "new", "--preset", "dev", "--name", name]
        .map(str::to_owned)
        .to_vec();
    arguments.extend(["--timestamp".to_owned(), begins.as_millis().to_string()]);
    for (address, rolls) in stakes {
        arguments.extend(["--staker".to_owned(), format!("{address}:{rolls}")]);
        arguments.extend(["--allocate".to_owned(), format!("{address}=1000")]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let made = run_picot(&arguments);
    assert_eq!(made.code, 0, "{made:?}");
    let mut genesis: Json = serde_json::from_str(&made.stdout).expect("JSON");
    let params = &mut genesis["params"];
    params["t0_ms"] = PERIOD_MS.into();
    params["block_startup_delay_ms"] = STARTUP_DELAY_MS.into();
    params["endorsement_startup_delay_ms"] = STARTUP_DELAY_MS.into();
    change(&mut genesis);
    std::fs::write(path, genesis.to_string()).expect("a file");
}

/// One for each ordered pair of nodes.
fn relays(nodes: usize) -> BTreeMap<(usize, usize), Relay> {
    let address = |network, place: usize| {
        let node = u8::try_from(place).expect("few nodes");
        Ipv4Addr::new(127, network, node, 1)
    };
    let pairs = (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to)));
    pairs
        .filter(|(from, to)| from != to)
        .map(|(from, to)| ((from, to), Relay::start(address(2, to), address(1, from))))
        .collect()
}

/// All slots from one to another, this included.
pub fn slots(first: Slot, last: Slot) -> impl Iterator<Item = Slot> {
    std::iter::successors(Some(first), |slot| Some(next(*slot)))
        .take_while(move |slot| *slot <= last)
}

fn next(slot: Slot) -> Slot {
    slot.next(THREADS).expect("a slot in this age")
}

/// Threads of the chain.
const THREADS: u8 = 4;

fn slot_of(node: &NodeProcess, slot: Slot) -> SlotResponse {
    let (status, answer) = node.get(&format!("/slots/{}/{}", slot.period, slot.thread));
    assert_eq!(status, 200, "{answer}");
    serde_json::from_value(answer).expect("a slot")
}

fn is_final(answer: &Json) -> bool {
    let answer = serde_json::from_value::<OperationResponse>(answer.clone());
    answer.expect("an operation").state == OperationState::Final
}

/// The state hashes at some slots from one on.
fn hashes(node: &NodeProcess, from: Slot) -> BTreeMap<Slot, String> {
    let events = node.final_slots(from).take(COMPARED_SLOTS);
    let hash = |event: SlotEvent| Some((event.slot, event.state_hash?));
    events.filter_map(hash).collect()
}
