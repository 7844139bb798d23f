//! `picot genesis`.

use super::*;
use picot_models::{CanonicalRuleKind, ChainParams, Genesis, ProposalPolicy, mocks};

fn pair(number: u64, separator: &str, value: &str) -> String {
    format!("{}{separator}{value}", mocks::address(number))
}

#[test]
fn a_genesis_is_made_checked_and_shown() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("genesis.json");
    let file = file.to_str().unwrap();
    let (staker, coins) = (pair(1, ":", "10"), pair(2, "=", "12.5"));
    let new = [
        "genesis",
        "new",
        "--preset",
        "dev",
        "--name",
        "mine",
        "--timestamp",
        "1893456000000",
        "--staker",
        &staker,
        "--allocate",
        &coins,
        "--output",
        file,
    ];
    let made = picot(&new);
    assert_eq!(made.code, 0, "{made:?}");
    let genesis: Genesis = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(genesis.params, ChainParams::dev());
    assert_eq!(
        (genesis.name.as_str(), genesis.genesis_timestamp.0),
        ("mine", 1_893_456_000_000)
    );
    assert_eq!(genesis.stakers[0].rolls, 10);
    assert_eq!(genesis.allocations[&mocks::address(2)].to_string(), "12.5");

    let chain = genesis.chain_id().to_string();
    for command in ["check", "show"] {
        let ended = picot(&["genesis", command, file]);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.out.contains(&chain), "{ended:?}");
    }
    let checked: serde_json::Value =
        serde_json::from_str(&picot(&["genesis", "check", file, "--json"]).out).unwrap();
    assert_eq!(checked["chain_id"], chain.as_str());

    let again = picot(&new);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("exists already"), "{again:?}");
    assert_eq!(picot(&[&new[..], &["--force"]].concat()).code, 0);
}

#[test]
fn a_genesis_without_a_file_goes_to_the_output_and_starts_now() {
    let staker = pair(1, ":", "1");
    let ended = picot(&[
        "genesis",
        "new",
        "--preset",
        "production",
        "--staker",
        &staker,
    ]);
    let genesis: Genesis = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(genesis.params, ChainParams::production());
    assert_eq!(genesis.genesis_timestamp, Timestamp(1_767_225_600_000));
}

#[test]
fn a_genesis_that_makes_no_chain_is_refused_with_the_reason() {
    let (staker, twice) = (pair(1, ":", "1"), pair(2, "=", "1"));
    let new = ["genesis", "new", "--preset", "dev"];
    let why = |more: &[&str]| picot(&[&new[..], more].concat());
    let ended = why(&["--staker", &staker, "--staker", &staker]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("listed as a staker twice"), "{ended:?}");
    let ended = why(&[
        "--staker",
        &staker,
        "--allocate",
        &twice,
        "--allocate",
        &twice,
    ]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("is given coins twice"), "{ended:?}");
    let ended = why(&["--staker", &staker, "--name", ""]);
    assert!(
        ended
            .err
            .contains("makes no chain: the chain name has 0 bytes"),
        "{ended:?}"
    );
    for (wrong, expected) in [
        ("x", "an address, a colon and a number of rolls"),
        ("x:1", "x: expected an address"),
        (&pair(1, ":", "0"), "at least one roll"),
    ] {
        let ended = why(&["--staker", wrong]);
        assert_eq!(ended.code, 2);
        assert!(ended.err.contains(expected), "{ended:?}");
    }
    let ended = why(&[
        "--staker",
        &staker,
        "--allocate",
        &pair(1, "=", "1.0000000001"),
    ]);
    assert!(
        ended.err.contains("at most 9 decimals, got 10"),
        "{ended:?}"
    );
}

#[test]
fn a_file_that_is_no_genesis_is_refused_with_line_and_column() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("genesis.json");
    let path = file.to_str().unwrap();
    let missing = picot(&["genesis", "check", path]);
    assert_eq!(missing.code, 1);
    assert!(
        missing.err.contains(&format!("cannot read {path}")),
        "{missing:?}"
    );
    std::fs::write(&file, "{\n  \"name\": 5 }").unwrap();
    let broken = picot(&["genesis", "check", path]);
    assert!(
        broken.err.contains("is not a genesis file") && broken.err.contains("line 2"),
        "{broken:?}"
    );
    let mut genesis = mocks::genesis(&[(1, 1)]);
    genesis.stakers.clear();
    std::fs::write(&file, serde_json::to_vec(&genesis).unwrap()).unwrap();
    let nobody = picot(&["genesis", "show", path]);
    assert!(
        nobody.err.contains("names no staker with rolls"),
        "{nobody:?}"
    );
}

#[test]
fn policy_and_canonical_rule_are_those_asked_for() {
    let staker = format!("{}:1", mocks::address(1));
    let new = ["genesis", "new", "--preset", "dev", "--staker", &staker];
    let made = |more: &[&str]| {
        let ended = picot(&[&new, more].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        let genesis: Genesis = serde_json::from_str(&ended.out).unwrap();
        genesis.params
    };
    let preset = made(&[]);
    for (name, policy) in [
        ("all", ProposalPolicy::All),
        ("drawn", ProposalPolicy::Drawn),
        ("ranked:3", ProposalPolicy::Ranked { count: 3 }),
    ] {
        let params = made(&["--policy", name]);
        assert_eq!(params.proposal_policy, policy);
        assert_eq!(params.canonical_rule, preset.canonical_rule);
    }
    let params = made(&["--rule", "lowest-ticket"]);
    assert_eq!(params.canonical_rule, CanonicalRuleKind::LowestTicket);
    assert_eq!(params.proposal_policy, preset.proposal_policy);
    for wrong in [
        ["--policy", "ranked:0"],
        ["--policy", "some"],
        ["--rule", "best"],
    ] {
        assert_eq!(picot(&[&new[..], &wrong].concat()).code, 2, "{wrong:?}");
    }
}
