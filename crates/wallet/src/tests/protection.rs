//! Signing protection that moves between machines.

use super::vote;
use crate::mocks::request;
use crate::{
    ClaimKind, ClaimRecord, ClaimVerdict, MemorySigningLog, Protection, ProtectionError, Refusal,
    SigningHistory, SigningLog,
};
use picot_models::mocks::{address, chain_id};
use picot_models::{Hash, Slot};

const LATEST: Slot = Slot::new(100, 0);

fn log_of(records: &[ClaimRecord]) -> MemorySigningLog {
    let log = MemorySigningLog::new();
    log.claim(records).unwrap();
    log
}

fn some_claims() -> [ClaimRecord; 4] {
    [
        vote(1, 5, 1),
        request(1, ClaimKind::RoundEnd, Slot::new(5, 3), 2, 2),
        vote(1, 6, 3),
        request(2, ClaimKind::Header, Slot::new(9, 1), 0, 4),
    ]
}

fn exported(log: &MemorySigningLog) -> Protection {
    let json = Protection::export(log, chain_id(1), None)
        .unwrap()
        .to_json()
        .unwrap();
    Protection::from_json(&json).unwrap()
}

#[test]
fn what_is_exported_and_imported_is_all_that_was_signed() {
    let old = log_of(&some_claims());
    let new = MemorySigningLog::new();
    let imported = exported(&old).import(&new, &chain_id(1), LATEST).unwrap();
    assert_eq!((imported.taken_over, imported.too_old), (4, 0));
    assert_eq!(imported.contradictions, []);
    for number in [1, 2] {
        assert_eq!(
            new.records(&address(number), Slot::GENESIS).unwrap(),
            old.records(&address(number), Slot::GENESIS).unwrap()
        );
    }
    let contradiction = new.claim(&[vote(1, 5, 9)]).unwrap();
    let reason = Refusal::Taken { by: Hash([1; 32]) };
    assert_eq!(contradiction, [ClaimVerdict::NotSafe { reason }]);
}

#[test]
fn an_export_may_be_of_some_addresses_only() {
    let old = log_of(&some_claims());
    let only = Protection::export(&old, chain_id(1), Some(&[address(2)])).unwrap();
    assert_eq!(only.records().collect::<Vec<_>>(), some_claims()[3..]);
}

#[test]
fn what_the_old_log_forgot_is_never_signed_on_the_new_machine() {
    let old = log_of(&some_claims());
    old.prune(Slot::new(6, 0)).unwrap();
    let new = MemorySigningLog::new();
    exported(&old).import(&new, &chain_id(1), LATEST).unwrap();
    assert_eq!(new.horizon().unwrap(), Slot::new(6, 0));
    let forgotten = new.claim(&[vote(1, 5, 9), vote(3, 5, 9)]).unwrap();
    let before = Slot::new(6, 0);
    let reason = Refusal::Pruned { before };
    assert_eq!(forgotten, [ClaimVerdict::NotSafe { reason }; 2]);
}

#[test]
fn an_import_keeps_what_the_log_knows_and_tells_contradictions() {
    let new = log_of(&[vote(1, 5, 7), vote(3, 8, 8)]);
    let protection = exported(&log_of(&some_claims()));
    for _ in 0..2 {
        let imported = protection.import(&new, &chain_id(1), LATEST).unwrap();
        assert_eq!(imported.taken_over, 3, "the second time changes nothing");
        assert_eq!(imported.contradictions, [vote(1, 5, 1)]);
    }
    assert_eq!(
        new.records(&address(1), Slot::GENESIS).unwrap()[0].id,
        Hash([7; 32])
    );
    assert_eq!(new.records(&address(3), Slot::GENESIS).unwrap().len(), 1);
}

#[test]
fn claims_before_the_horizon_of_the_new_log_are_too_old_to_matter() {
    let new = MemorySigningLog::new();
    new.prune(Slot::new(6, 0)).unwrap();
    let imported = exported(&log_of(&some_claims()))
        .import(&new, &chain_id(1), LATEST)
        .unwrap();
    assert_eq!((imported.taken_over, imported.too_old), (2, 2));
}

#[test]
fn a_file_of_another_chain_or_of_the_future_is_refused_whole() {
    let protection = exported(&log_of(&some_claims()));
    let new = MemorySigningLog::new();
    let refused = protection.import(&new, &chain_id(2), LATEST);
    assert!(matches!(refused, Err(ProtectionError::OtherChain { .. })));
    let refused = protection.import(&new, &chain_id(1), Slot::new(9, 0));
    assert!(matches!(
        refused,
        Err(ProtectionError::FromTheFuture { slot, .. }) if slot == Slot::new(9, 1)
    ));
    let old = MemorySigningLog::new();
    old.prune(Slot::new(101, 0)).unwrap();
    let refused = exported(&old).import(&new, &chain_id(1), LATEST);
    assert!(matches!(
        refused,
        Err(ProtectionError::FromTheFuture { .. })
    ));
    assert_eq!(new.syncs(), 0);
}

#[test]
fn a_log_that_fails_is_told() {
    let log = log_of(&some_claims());
    let protection = exported(&log);
    log.fail(true);
    assert!(Protection::export(&log, chain_id(1), None).is_err());
    let refused = protection.import(&log, &chain_id(1), LATEST);
    assert!(matches!(refused, Err(ProtectionError::Log(_))));
}

#[test]
fn what_is_no_file_of_protection_is_refused_with_the_reason() {
    let json = exported(&log_of(&some_claims())).to_json().unwrap();
    let cases = [
        (
            json.replace("picot-signing-protection", "eip-3076"),
            "format",
        ),
        (json.replace("\"notarise\"", "\"nod\""), "nod"),
        (json.replace("\"round\"", "\"turn\""), "turn"),
        (json[..json.len() / 2].to_owned(), "EOF"),
        (String::new(), "EOF"),
        ("[]".to_owned(), "Header"),
    ];
    for (wrong, part) in cases {
        match Protection::from_json(&wrong) {
            Err(ProtectionError::Malformed(reason)) => assert!(reason.contains(part), "{reason}"),
            other => unreachable!("{other:?}"),
        }
    }
    let newer = json.replace("\"version\": 1", "\"version\": 2");
    assert!(matches!(
        Protection::from_json(&newer),
        Err(ProtectionError::UnknownVersion { found: 2, known: 1 })
    ));
}

#[test]
fn the_form_of_the_file_is_that_of_the_readme() {
    let claim = request(1, ClaimKind::RoundEnd, Slot::new(5, 3), 2, 2);
    let json = exported(&log_of(&[claim])).to_json().unwrap();
    let expected = serde_json::json!({
        "format": "picot-signing-protection",
        "version": 1,
        "chain_id": chain_id(1),
        "complete_from": { "period": 0, "thread": 0 },
        "addresses": [{
            "address": address(1),
            "claims": [{
                "slot": { "period": 5, "thread": 3 },
                "kind": "round_end",
                "round": 2,
                "id": "02".repeat(32),
                "payload": "020202",
            }],
        }],
    });
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json).unwrap(),
        expected
    );
}
