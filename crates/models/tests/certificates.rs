//! Validator sets, the quorum and certificates (design 07), one test for each rule.

mod support;

use picot_models::mocks::{address, chain_id};
use picot_models::{
    Ballot, Carry, Certificate, CertificateError, Slot, ValidatorSet, ValidatorSetError, quorum,
};
use std::collections::BTreeMap;
use support::{CHAIN, block_value, certificate, validators, vote};

#[test]
fn the_quorum_is_two_thirds_and_one_for_every_weight() {
    for weight in 1..=100_u64 {
        let q = u128::from(quorum(weight));
        assert!(
            3 * q > 2 * u128::from(weight),
            "q of {weight} is over two thirds"
        );
        assert!(
            3 * (q - 1) <= 2 * u128::from(weight),
            "q of {weight} is the least such"
        );
        assert!(q <= u128::from(weight), "q of {weight} can be reached");
    }
    assert_eq!([1, 2, 3, 4, 100].map(quorum), [1, 2, 3, 3, 67]);
    assert_eq!(quorum(u64::MAX), 12_297_829_382_473_034_411);
}

#[test]
fn a_validator_set_has_who_has_rolls_by_ascending_address() {
    let rolls = BTreeMap::from([(address(1), 3), (address(2), 0), (address(3), 4)]);
    let set = ValidatorSet::new(9, &rolls).unwrap();
    assert_eq!((set.len(), set.total_power(), set.quorum()), (2, 7, 5));
    assert!(
        set.validators()
            .is_sorted_by_key(|validator| validator.address)
    );
    assert_eq!(
        [1, 2, 3].map(|number| set.power_of(&address(number))),
        [3, 0, 4]
    );
    assert_eq!(
        ValidatorSet::new(9, &BTreeMap::new()),
        Err(ValidatorSetError::Empty(9))
    );
    let too_much = BTreeMap::from([(address(1), u64::MAX), (address(2), 1)]);
    assert_eq!(
        ValidatorSet::new(9, &too_much),
        Err(ValidatorSetError::Overflow(9))
    );
}

#[test]
fn a_certificate_of_a_quorum_is_accepted() {
    for ballot in [
        Ballot::Notarise {
            value: block_value(1),
            carry: Carry::Free,
        },
        Ballot::Nullify,
        Ballot::Finalise {
            value: block_value(1),
        },
    ] {
        assert_eq!(
            certificate(ballot).verify(&chain_id(CHAIN), &validators()),
            Ok(())
        );
    }
}

#[test]
fn votes_of_one_value_with_different_carries_make_one_certificate() {
    let carries = [Carry::Free, Carry::From { round: 0 }, Carry::Free];
    let votes: Vec<_> = [2, 3, 4]
        .into_iter()
        .zip(carries)
        .map(|(voter, carry)| {
            vote(
                voter,
                Ballot::Notarise {
                    value: block_value(1),
                    carry,
                },
            )
        })
        .collect();
    let certificate = Certificate::from_votes(&votes, &validators()).unwrap();
    assert_eq!(certificate.verify(&chain_id(CHAIN), &validators()), Ok(()));
}

#[test]
fn a_certificate_is_made_of_placed_votes_that_ascend_and_of_no_others() {
    let validators = validators();
    let votes = [2, 3, 4].map(|voter| vote(voter, Ballot::Nullify));
    let mut placed: Vec<_> = votes
        .iter()
        .map(|vote| {
            let place = validators.index_of(&vote.signer_address()).unwrap();
            (place, vote.envelope())
        })
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    let make = |placed: &[_]| Certificate::from_placed_votes(placed.iter().copied(), &validators);
    assert_eq!(make(&placed), Certificate::from_votes(&votes, &validators));
    assert_eq!(make(&[]), None);
    assert_eq!(make(&[placed[1], placed[0]]), None);
    assert_eq!(make(&[placed[0], placed[0]]), None);
    assert_eq!(make(&[(validators.len(), placed[0].1)]), None);
}

#[test]
fn a_certificate_without_a_quorum_is_refused() {
    let votes = [1, 2, 3].map(|voter| vote(voter, Ballot::Nullify));
    let weak = Certificate::from_votes(&votes, &validators()).unwrap();
    let error = weak.verify(&chain_id(CHAIN), &validators()).unwrap_err();
    assert_eq!(
        error,
        CertificateError::NoQuorum {
            slot: Slot::new(5, 2),
            found: 6,
            quorum: 7
        }
    );
}

#[test]
fn a_certificate_with_a_signature_of_something_else_is_refused() {
    let mut forged = certificate(Ballot::Nullify);
    forged.round = 2;
    let error = forged.verify(&chain_id(CHAIN), &validators()).unwrap_err();
    assert!(
        matches!(error, CertificateError::BadSignatures { .. }),
        "{error}"
    );
    assert!(
        certificate(Ballot::Nullify)
            .verify(&chain_id(1), &validators())
            .is_err()
    );
}

#[test]
fn a_certificate_that_counts_a_signer_twice_or_under_another_name_is_refused() {
    let mut doubled = certificate(Ballot::Nullify);
    let first = doubled.signatures[0].clone();
    doubled.signatures[1] = first.clone();
    let error = doubled.verify(&chain_id(CHAIN), &validators()).unwrap_err();
    assert!(
        matches!(error, CertificateError::WrongKey { .. }),
        "{error}"
    );
    let mut longer = certificate(Ballot::Nullify);
    longer.signatures.push(first);
    let error = longer.verify(&chain_id(CHAIN), &validators()).unwrap_err();
    assert!(
        matches!(error, CertificateError::WrongSignatureCount { .. }),
        "{error}"
    );
    let mut wider = certificate(Ballot::Nullify);
    wider.signers.push(false);
    let error = wider.verify(&chain_id(CHAIN), &validators()).unwrap_err();
    assert!(
        matches!(error, CertificateError::WrongSetSize { .. }),
        "{error}"
    );
}
