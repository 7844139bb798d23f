//! `picot protection`.

use super::*;
use crate::genesis_file::read_genesis;
use picot_database::{DataDir, DatabaseConfig};
use picot_models::{Slot, mocks};
use picot_wallet::mocks::request;
use picot_wallet::{ClaimKind, SigningLog};

/// A data directory with a chain, whose node has signed these for slots of a period.
fn machine(genesis: &str, signed: &[(u64, u64, u8)]) -> DevDirectory {
    let directory = DevDirectory::new();
    std::fs::copy(genesis, directory.layout().genesis_file()).unwrap();
    let chain_id = read_genesis(std::path::Path::new(genesis))
        .unwrap()
        .chain_id();
    let data = DataDir::open(directory.0.path(), &chain_id, &DatabaseConfig::dev()).unwrap();
    for (signer, period, content) in signed {
        let slot = Slot::new(*period, 0);
        let claim = request(*signer, ClaimKind::Header, slot, 0, *content);
        data.signing_log().claim(&[claim]).unwrap();
    }
    directory
}

/// A genesis whose slot 1/0 is over since long.
fn genesis(folder: &tempfile::TempDir, name: &str) -> String {
    let path = folder.path().join(format!("{name}.json"));
    let path = path.to_str().unwrap().to_owned();
    let staker = format!("{}:10", mocks::address(1));
    let ended = picot(&[
        "genesis",
        "new",
        "--preset",
        "dev",
        "--name",
        name,
        "--staker",
        &staker,
        "--timestamp",
        "1767225000000",
        "--output",
        &path,
    ]);
    assert_eq!(ended.code, 0, "{ended:?}");
    path
}

#[test]
fn what_was_signed_moves_to_another_machine() {
    let folder = tempfile::tempdir().unwrap();
    let genesis = genesis(&folder, "main");
    let old = machine(&genesis, &[(1, 5, 1), (1, 6, 2), (2, 6, 3)]);
    let file = folder.path().join("signed.json");
    let file = file.to_str().unwrap();
    let exported = picot(&[
        "protection",
        "export",
        "--output",
        file,
        "--data",
        old.path(),
    ]);
    assert_eq!(exported.code, 0, "{exported:?}");
    assert!(exported.out.contains("3 claims of 2 keys"), "{exported:?}");
    assert!(
        exported.err.contains("do not start this node"),
        "{exported:?}"
    );

    // A directory without a chain is told which one by the genesis.
    let new = DevDirectory::new();
    let import = [
        "protection",
        "import",
        file,
        "--genesis",
        &genesis,
        "--data",
        new.path(),
    ];
    let imported = picot(&import);
    assert_eq!(imported.code, 0, "{imported:?}");
    assert!(imported.out.contains("took over 3 claims"), "{imported:?}");
    let shown = picot(&["protection", "show", "--json", "--data", new.path()]);
    let shown: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
    let claims: Vec<_> = shown["addresses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| each["claims"].as_u64().unwrap())
        .collect();
    assert_eq!(claims.iter().sum::<u64>(), 3);
    let table = picot(&["protection", "show", "--data", new.path()]);
    assert!(
        table.out.contains("5/0") && table.out.contains("6/0"),
        "{}",
        table.out
    );
    // The new log knows all that these keys signed: nobody waits for others because of it.
    let chain_id = read_genesis(std::path::Path::new(&genesis))
        .unwrap()
        .chain_id();
    let data = DataDir::open(new.0.path(), &chain_id, &DatabaseConfig::dev()).unwrap();
    let origin = data.signing_log().origin().unwrap();
    assert_eq!(origin, picot_database::LogOrigin::Complete);
}

#[test]
fn contradictions_are_told_by_their_slots() {
    let folder = tempfile::tempdir().unwrap();
    let genesis = genesis(&folder, "main");
    let old = machine(&genesis, &[(1, 5, 1)]);
    let new = machine(&genesis, &[(1, 5, 2)]);
    let exported = picot(&["protection", "export", "--data", old.path()]);
    let file = folder.path().join("signed.json");
    std::fs::write(&file, exported.out).unwrap();
    let imported = picot(&[
        "protection",
        "import",
        file.to_str().unwrap(),
        "--data",
        new.path(),
    ]);
    assert_eq!(imported.code, 0, "{imported:?}");
    assert!(
        imported
            .err
            .contains("signed two things as block header of slot 5/0")
    );
    assert!(imported.out.contains("1 contradict"), "{imported:?}");
}

#[test]
fn files_of_another_chain_or_of_no_chain_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (main, test) = (genesis(&folder, "main"), genesis(&folder, "test"));
    let old = machine(&main, &[(1, 5, 1)]);
    let new = machine(&test, &[]);
    let exported = picot(&["protection", "export", "--data", old.path()]).out;
    let file = folder.path().join("signed.json");
    let import = [
        "protection",
        "import",
        file.to_str().unwrap(),
        "--data",
        new.path(),
    ];
    std::fs::write(&file, exported).unwrap();
    let refused = picot(&import);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("the file is of chain"), "{refused:?}");
    assert!(refused.err.contains(file.to_str().unwrap()), "{refused:?}");
    std::fs::write(&file, "{}").unwrap();
    assert!(picot(&import).err.contains("no file of signing protection"));
    std::fs::remove_file(&file).unwrap();
    assert!(picot(&import).err.contains("cannot read"));
}

#[test]
fn an_export_for_a_key_that_signed_nothing_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let genesis = genesis(&folder, "main");
    let old = machine(&genesis, &[(1, 5, 1)]);
    let (known, unknown) = (mocks::address(1).to_string(), mocks::address(9).to_string());
    let export = |address: &str| {
        let export = ["protection", "export", "--data", old.path(), "--address"];
        let ended = picot(&[&export[..], &[address]].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        ended
    };
    let warning = |address: &str| format!("nothing is known here to be signed by {address}");
    assert!(export(&unknown).err.contains(&warning(&unknown)));
    let ended = export(&known);
    assert!(!ended.err.contains("nothing is known"), "{ended:?}");
    assert!(ended.out.contains("\"claims\""), "{ended:?}");
}

#[test]
fn an_export_that_cannot_be_written_does_not_retire_the_node() {
    let folder = tempfile::tempdir().unwrap();
    let genesis = genesis(&folder, "main");
    let old = machine(&genesis, &[(1, 5, 1)]);
    let nowhere = folder.path().join("missing/signed.json");
    let nowhere = nowhere.to_str().unwrap();
    let export = ["protection", "export", "--data", old.path(), "--output"];
    let ended = picot(&[&export[..], &[nowhere]].concat());
    assert_eq!(ended.code, 1);
    assert!(
        ended.err.contains(&format!("cannot write {nowhere}")),
        "{ended:?}"
    );
    assert!(!ended.err.contains("do not start"), "{ended:?}");
}

#[test]
fn a_directory_in_use_or_without_a_chain_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let genesis = genesis(&folder, "main");
    let directory = machine(&genesis, &[]);
    let chain_id = read_genesis(std::path::Path::new(&genesis))
        .unwrap()
        .chain_id();
    let running = DataDir::open(directory.0.path(), &chain_id, &DatabaseConfig::dev()).unwrap();
    let refused = picot(&["protection", "export", "--data", directory.path()]);
    assert_eq!(refused.code, SAFETY_REFUSAL);
    assert!(refused.err.contains("stop the node first"), "{refused:?}");
    drop(running);
    let empty = DevDirectory::new();
    let refused = picot(&["protection", "show", "--data", empty.path()]);
    assert!(refused.err.contains("no chain"), "{refused:?}");
}
