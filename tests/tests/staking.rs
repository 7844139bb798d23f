//! What stakers and operators do with a running node: rolls over cycles, production switched off and
//! on, keys that come and go.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

use picot_models::{Address, Amount, Genesis, Timestamp};
use picot_tests::{Finished, NodeProcess, run_picot};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::Path;

fn good(ended: Finished) -> String {
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.stdout
}

fn json_of(ended: Finished) -> Json {
    serde_json::from_str(&good(ended)).unwrap()
}

/// Two accounts whose keys are in one directory, on a chain whose cycles take some seconds.
struct TwoAccounts {
    node: NodeProcess,
    first: String,
    second: String,
    /// How the passphrase is given.
    passphrase: String,
}

impl TwoAccounts {
    fn start(folder: &Path) -> Self {
        let data = folder.join("data");
        let data_text = data.to_str().unwrap();
        let passphrase = folder.join("passphrase");
        fs::write(&passphrase, "correct horse battery\n").unwrap();
        let passphrase = passphrase.to_str().unwrap().to_owned();
        let new_key = || {
            let new = ["keys", "new", "--json", "--data", data_text];
            let made = run_picot(&[&new[..], &["--passphrase-file", &passphrase]].concat());
            json_of(made)["address"].as_str().unwrap().to_owned()
        };
        let (first, second) = (new_key(), new_key());
        let genesis = folder.join("genesis.json");
        let genesis_text = genesis.to_str().unwrap();
        let staker = |address: &str| format!("{address}:20");
        let coins = |address: &str| format!("{address}=1000");
        good(run_picot(&[
            "genesis",
            "new",
            "--preset",
            "dev",
            "--staker",
            &staker(&first),
            "--staker",
            &staker(&second),
            "--allocate",
            &coins(&first),
            "--allocate",
            &coins(&second),
            "--output",
            genesis_text,
        ]));
        shorten_cycles(&genesis);
        let start = ["--genesis", genesis_text, "--passphrase-file", &passphrase];
        let node = NodeProcess::start(&data, &start);
        Self {
            node,
            first,
            second,
            passphrase,
        }
    }

    fn order(&self, order: &[&str], from: &str) {
        let rest = ["--from", from, "--passphrase-file", &self.passphrase];
        good(self.node.command(&[order, &rest].concat()));
    }

    fn final_state(&self, address: &str) -> Json {
        self.node.get(&format!("/addresses/{address}")).1["final"].clone()
    }
}

/// Two threads, periods of 1 s, cycles of 4 periods, and a begin that the start of a node comes
/// before; the rest as in development.
fn shorten_cycles(path: &Path) {
    let mut genesis: Genesis = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    genesis.genesis_timestamp = Timestamp(genesis.genesis_timestamp.0 + 3_000);
    genesis.params.thread_count = 2;
    genesis.params.t0_ms = 1_000;
    genesis.params.periods_per_cycle = 4;
    genesis.params.checkpoint_interval_periods = 4;
    genesis.params.denunciation_expire_periods = 8;
    genesis.validate().unwrap();
    fs::write(path, serde_json::to_string(&genesis).unwrap()).unwrap();
}

fn coins(state: &Json) -> Amount {
    state["balance"].as_str().unwrap().parse().unwrap()
}

#[test]
fn two_accounts_buy_and_sell_rolls_and_the_price_is_paid_when_it_was_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let world = TwoAccounts::start(folder.path());
    world.order(&["buy-rolls", "3"], &world.first);
    assert_eq!(world.final_state(&world.first)["rolls"], 23);
    world.order(&["sell-rolls", "5"], &world.second);
    let sold = world.final_state(&world.second);
    assert_eq!(sold["rolls"], 15);
    let credit = sold["deferred_credits"][0].clone();
    assert_eq!(credit["amount"], "500");
    let due = Timestamp(credit["due"].as_u64().unwrap());
    let shown = good(world.node.command(&["address", &world.second]));
    assert!(shown.contains(&format!("500 at {due}")), "{shown}");

    let cycle = credit["cycle"].as_u64().unwrap();
    let last_period = (cycle + 1) * 4 - 1;
    // Until the last slot of that cycle, the coins are to come; from then on they are there.
    let before = world.final_state(&world.second);
    assert_eq!(before["deferred_credits"][0]["amount"], "500");
    let paid = world
        .node
        .wait_for_status("in the cycle after the credit", |status| {
            status.last_final_slot.period > last_period
        });
    assert!(paid.now >= due, "not before the time that was told");
    let after = world.final_state(&world.second);
    assert_eq!(after["deferred_credits"], json!([]));
    let gain = coins(&after).checked_sub(coins(&before)).unwrap();
    assert!(gain >= "500".parse().unwrap(), "{gain}");

    // The rolls count, three cycles later, in the draws of both.
    let draws = json_of(world.node.command(&["draws", "--past", "3", "--json"]));
    let drawn = draws.as_array().unwrap();
    assert_eq!(drawn.len(), 2);
    for address in drawn {
        let results = address["draws"].as_array().unwrap().iter();
        let decided = results.filter(|draw| draw["result"]["type"] != "undecided");
        assert!(decided.count() > 0, "{address}");
    }
}

fn switched(node: &NodeProcess, order: &str, factory: &str) {
    let answer = json_of(node.command(&["factory", order, factory, "--json"]));
    assert_eq!(answer["factories"][0]["enabled"], order == "enable");
}

fn history(node: &NodeProcess, factory: &str) -> Vec<Json> {
    let asked = node.command(&["factory", "history", factory, "--limit", "200", "--json"]);
    json_of(asked)["entries"].as_array().unwrap().clone()
}

/// Waits for a line of a history.
fn wait_for_entry(node: &NodeProcess, factory: &str, what: &str, is_it: impl Fn(&Json) -> bool) {
    node.wait_for_status(what, |_| history(node, factory).iter().any(&is_it));
}

#[test]
fn production_is_switched_off_and_on_over_a_restart_and_the_history_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    let node = NodeProcess::start_dev(&data);
    let is_made = |entry: &Json| entry["event"]["produced_block"].is_string();
    wait_for_entry(&node, "blocks", "a decided block", |entry| {
        is_made(entry) && entry["fate"] == "decided"
    });
    switched(&node, "disable", "blocks");
    let is_off = |entry: &Json| entry["event"]["skipped"]["reason"] == "disabled";
    wait_for_entry(&node, "blocks", "a missed slot", |entry| {
        is_off(entry) && entry["fate"] == "missed"
    });
    let status = node.status().production;
    assert!(!status.producing);
    assert!(status.not_producing.unwrap().contains("switched off"));
    // The other factory goes on: it has nothing to endorse, and says so.
    wait_for_entry(&node, "endorsements", "nothing to endorse", |entry| {
        entry["event"]["skipped"]["reason"] == "no_block"
    });
    let shown = good(node.command(&["factory", "history"]));
    assert!(shown.contains("disabled: switched off"), "{shown}");

    let (status, _) = node.stop("-TERM");
    assert!(status.success());
    let node = NodeProcess::start_dev(&data);
    assert!(!node.status().production.producing);
    assert!(
        history(&node, "blocks").iter().any(is_made),
        "the history is kept"
    );
    switched(&node, "enable", "blocks");
    node.wait_for_status("producing again", |status| {
        status.production.blocks_produced > 0
    });
    let factories = json_of(node.command(&["factory", "status", "--json"]));
    let mut factories = factories["factories"].as_array().unwrap().iter();
    assert!(factories.all(|factory| factory["enabled"] == true));
}

#[test]
fn keys_come_and_go_while_the_node_runs_and_are_in_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    let node = NodeProcess::start_dev(&data);
    let staking = || node.status().production.staking_addresses;
    let [staker] = staking()[..] else {
        panic!("one key: {:?}", staking());
    };
    let made = json_of(node.command(&["keys", "generate", "--json"]));
    let made: Address = made["address"].as_str().unwrap().parse().unwrap();
    assert!(staking().contains(&made));
    let listed = good(node.command(&["keys", "list"]));
    assert_eq!(listed.matches("in use").count(), 2, "{listed}");
    let secret = good(node.command(&["keys", "export", &staker.to_string()]));

    good(node.command(&["keys", "remove", &staker.to_string(), "--yes"]));
    assert_eq!(staking(), [made]);
    let produced = node.status().production.blocks_produced;
    let slot = node.status().current_slot.unwrap();
    let later = node.wait_for_status("two periods later", |status| {
        status.current_slot.unwrap().period > slot.period + 2
    });
    // The block that was being signed when the key was removed may have been counted since.
    assert!(later.production.blocks_produced <= produced + 1);

    let file = directory.path().join("secret.txt");
    fs::write(&file, secret).unwrap();
    let file = file.to_str().unwrap();
    good(node.command(&["keys", "add", "--secret-file", file]));
    node.wait_for_status("producing with the key", |status| {
        status.production.blocks_produced > later.production.blocks_produced
    });
    node.stop("-TERM");
    let listed = run_picot(&["keys", "list", "--data", data.to_str().unwrap()]);
    assert_eq!(good(listed).lines().count(), 2);
}

#[test]
fn who_has_not_the_token_controls_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    let node = NodeProcess::start_dev(&data);
    let file = data.join("control.json");
    let access: Json = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let url = format!(
        "http://{}/control/v1/keys",
        access["address"].as_str().unwrap()
    );
    let refused = ureq::get(&url).call().unwrap_err();
    assert!(matches!(refused, ureq::Error::StatusCode(401)), "{refused}");
    // The public interface knows nothing of it.
    assert_eq!(node.get("/keys").0, 404);
    node.stop("-TERM");
    assert!(!file.exists(), "a node that ended is not controlled");
}
