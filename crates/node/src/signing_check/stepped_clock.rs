//! A whole node whose clock is set back and forth, while it runs and between its starts.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::SigningCheck;
use crate::assembly::Node;
use crate::data_layout::DataLayout;
use crate::db_check;
use crate::home::Chain;
use crate::test_kit::{lone_node, short_chain};
use picot_clock::{Clock, Millis, Stop, SystemClock, Timestamp};
use picot_database::{DataDir, DatabaseConfig, LogOrigin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How far ahead of the start the clock of the first node is: it can be set back to before that.
const AHEAD_MS: u64 = 3_600_000;
/// A condition that has not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// The clock of the machine, but so many milliseconds ahead.
struct Stepped(AtomicU64);

impl Stepped {
    fn set_ahead(&self, ms: u64) {
        self.0.store(ms, Ordering::SeqCst);
    }
}

impl Clock for Stepped {
    fn now(&self) -> Timestamp {
        let ahead = Millis(self.0.load(Ordering::SeqCst));
        SystemClock.now().checked_add(ahead).unwrap()
    }
}

struct World {
    layout: DataLayout,
    chain: Chain,
    clock: Arc<Stepped>,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = DataLayout::new(folder.path().join("dev"));
        let clock = Arc::new(Stepped(AtomicU64::new(AHEAD_MS)));
        let chain = short_chain(&layout, clock.now(), 400, 200);
        let text = serde_json::to_string(&chain.genesis).unwrap();
        std::fs::write(layout.genesis_file(), text).unwrap();
        Self {
            layout,
            chain,
            clock,
            _folder: folder,
        }
    }

    fn start(&self) -> Node {
        let config = lone_node(&self.layout, &self.chain, Arc::clone(&self.clock) as _);
        Node::start(config, &Stop::new()).unwrap()
    }

    fn open(&self) -> DataDir {
        let chain_id = self.chain.genesis.chain_id();
        DataDir::open(self.layout.root(), &chain_id, &DatabaseConfig::dev()).unwrap()
    }

    /// Everything that our key signed and the archive has, is in the log like that.
    fn check(&self) {
        {
            let data = self.open();
            let genesis = &self.chain.genesis;
            let check = SigningCheck {
                archive: &*data.archive(),
                log: &*data.signing_log(),
                begun: None,
                keys: genesis.roll_counts().keys().copied().collect(),
                chain_id: genesis.chain_id(),
                slot_clock: genesis.slot_clock().unwrap(),
                thread_count: genesis.params.thread_count,
            };
            check.run().unwrap();
        }
        db_check::check(&self.layout).unwrap();
    }
}

fn wait_for_more(node: &Node, what: &str) {
    let decided = || node.execution().summary().last_final_slot.period;
    let before = decided();
    let looks = PATIENCE.as_millis() / LOOK_PAUSE.as_millis();
    for _ in 0..looks {
        if decided() >= before + 2 {
            return;
        }
        std::thread::sleep(LOOK_PAUSE);
    }
    panic!("no more slots {what}");
}

#[test]
fn a_clock_that_is_set_back_and_forth_makes_no_key_contradict_itself() {
    let world = World::new();
    let node = world.start();
    wait_for_more(&node, "at first");
    for (ahead, what) in [
        (AHEAD_MS - 1_500, "after a step back"),
        (AHEAD_MS + 1_500, "after a step forth"),
        (AHEAD_MS + 700, "after a short step back"),
        (AHEAD_MS + 4_000, "after a long step forth"),
    ] {
        world.clock.set_ahead(ahead);
        wait_for_more(&node, what);
    }
    drop(node);
    world.check();
    // Between two starts: the second begins before what the first signed.
    world.clock.set_ahead(AHEAD_MS + 2_000);
    let node = world.start();
    wait_for_more(&node, "after a start in the past");
    drop(node);
    world.check();
}

#[test]
fn a_lost_log_is_not_taken_for_a_new_one_by_a_clock_that_says_the_chain_has_not_begun() {
    let world = World::new();
    let node = world.start();
    wait_for_more(&node, "at first");
    drop(node);
    let archive = world.open().archive();
    let last = picot_storage::BlockArchive::last_outcome(&*archive, 0).unwrap();
    let slot_clock = world.chain.genesis.slot_clock().unwrap();
    let last_start = slot_clock.start_of(last.unwrap().slot()).unwrap();
    drop(archive);
    std::fs::remove_dir_all(world.layout.root().join("signing")).unwrap();
    world.clock.set_ahead(0);
    assert!(world.clock.now() < world.chain.genesis.genesis_timestamp);
    let node = world.start();
    assert!(node.not_producing().is_some());
    drop(node);
    let origin = world.open().signing_log().origin().unwrap();
    assert!(
        matches!(origin, LogOrigin::Since(since) if since >= last_start),
        "{origin:?}"
    );
}
