//! A data directory of the first format, as a node of the first version left it, is opened by today's;
//! one of a newer format is refused, and stays as it is.
//!
//! `fixtures/data-format-1` was made by `picot node --dev`: 18 slots with blocks, and a transfer.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use picot_database::{DataDir, DatabaseConfig};
use picot_ledger::{STATE_FORMAT, StateBatch, StateMetadata, StateStore};
use picot_models::{Genesis, Slot};
use picot_serialization::Encode;
use picot_tests::{Finished, NodeProcess, keep_private, run_picot};
use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};

/// Its last final slot, and its operation.
const LAST: Slot = Slot::new(5, 1);
const OPERATION: &str = "op1qqd6gw93tdcjypr66n282ylz5ggq4446szkkg6xj5u9vh2crxzpw209lyc8";
/// The format of directories and files, apart from that of the state.
const FORMAT: u64 = 1;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn first_format() -> (tempfile::TempDir, PathBuf) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/data-format-1");
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    copy(&fixture, &data);
    keep_private(&data.join("dev-passphrase"));
    (directory, data)
}

fn check(data: &Path) -> Finished {
    run_picot(&["db", "check", "--json", "--data", data.to_str().unwrap()])
}

fn genesis(data: &Path) -> Genesis {
    serde_json::from_str(&fs::read_to_string(data.join("genesis.json")).unwrap()).unwrap()
}

#[test]
fn data_of_the_first_format_is_taken_over_whole() {
    let (_directory, data) = first_format();
    let node = NodeProcess::start_dev(&data);
    let status = node.wait_for_status("going on", |status| status.last_final_slot > LAST);
    assert_eq!(status.chain_id, genesis(&data).chain_id());
    let (code, operation) = node.get(&format!("/operations/{OPERATION}"));
    assert!(code == 200 || code == 404, "{operation}");
    for slot in picot_tests::slots(Slot::new(1, 0), LAST) {
        let (_, answer) = node.get(&format!("/slots/{}/{}", slot.period, slot.thread));
        assert_eq!(answer["status"], "decided", "{answer}");
        assert_eq!(answer["value"]["type"], "block", "{answer}");
    }
    let (ended, lines) = node.stop("-TERM");
    assert!(ended.success(), "{lines:?}");
    // The state is that of the whole archive, executed again by today's rules.
    let checked = check(&data);
    assert_eq!(checked.code, 0, "{checked:?}");
    let report: Json = serde_json::from_str(&checked.stdout).unwrap();
    assert!(report["outcomes"].as_u64().unwrap() >= 18, "{report}");
    let opened = DataDir::open(&data, &genesis(&data).chain_id(), &DatabaseConfig::dev()).unwrap();
    let metadata = StateMetadata::read(&*opened.state()).unwrap().unwrap();
    assert_eq!(metadata.format, STATE_FORMAT);
}

/// Starts a node, which must refuse for safety's sake, and touch nothing.
fn refused(data: &Path) -> String {
    let chain = fs::read(data.join("chain")).unwrap();
    let data_text = data.to_str().unwrap();
    let ended = run_picot(&["node", "--dev", "--api", "127.0.0.1:0", "--data", data_text]);
    assert_ne!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("hint: "), "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
    assert_eq!(fs::read(data.join("chain")).unwrap(), chain);
    format!("{} {}", ended.code, ended.stderr)
}

#[test]
fn a_directory_of_a_newer_format_is_refused_with_both_numbers() {
    let (_directory, data) = first_format();
    let chain = fs::read_to_string(data.join("chain")).unwrap();
    let newer = FORMAT + 1;
    let text = chain.replace(&format!("format {FORMAT}"), &format!("format {newer}"));
    assert_ne!(text, chain);
    fs::write(data.join("chain"), text).unwrap();
    let told = refused(&data);
    assert!(
        told.starts_with("77 ") && told.contains(&format!("format {newer}")),
        "{told}"
    );
}

#[test]
fn a_state_of_a_newer_format_is_refused_with_both_numbers() {
    let (_directory, data) = first_format();
    let node = NodeProcess::start_dev(&data);
    node.stop("-TERM");
    {
        let chain_id = genesis(&data).chain_id();
        let opened = DataDir::open(&data, &chain_id, &DatabaseConfig::dev()).unwrap();
        let state = opened.state();
        let mut metadata = StateMetadata::read(&*state).unwrap().unwrap();
        metadata.format = STATE_FORMAT + 1;
        let mut batch = StateBatch::new();
        batch.set_metadata(metadata.to_bytes());
        state.commit(batch).unwrap();
    }
    let told = refused(&data);
    assert!(
        told.contains(&format!("format {}", STATE_FORMAT + 1)),
        "{told}"
    );
    assert!(
        told.contains(&format!("reads format {STATE_FORMAT}")),
        "{told}"
    );
}
