//! The rules of the certificate chain.

use crate::mocks::{CertifiedChain, certificate};
use crate::{CertificateFault, ChainStep, CheckpointError, Follower, SetsChange, ValidatorSets};
use picot_models::mocks::{address, key};
use picot_models::{Checkpoint, Hash, Slot, Validator};

fn followed(chain: &CertifiedChain, cycles: usize) -> Follower {
    let mut follower = Follower::from_genesis(&chain.genesis).unwrap();
    for step in &chain.ends[..cycles] {
        follower.follow(step).unwrap();
    }
    follower
}

/// That a step is refused and changes nothing.
fn refused(follower: &mut Follower, step: &ChainStep) -> CheckpointError {
    let before = (follower.last().cloned(), follower.sets().clone());
    let error = follower.follow(step).unwrap_err();
    assert_eq!((follower.last().cloned(), follower.sets().clone()), before);
    assert!(error.is_of_the_offer(), "{error}");
    error
}

#[test]
fn the_chain_is_followed_from_the_genesis_over_changing_validator_sets() {
    let chain = CertifiedChain::new(80);
    let mut follower = Follower::from_genesis(&chain.genesis).unwrap();
    assert_eq!((follower.last(), follower.running_cycle()), (None, 0));
    for (cycle, (step, sets)) in (0..).zip(chain.ends.iter().zip(&chain.sets)) {
        assert_eq!(follower.running_cycle(), cycle);
        let checkpoint = follower.follow(step).unwrap();
        assert_eq!(Some(checkpoint), step.checkpoint());
        assert_eq!(follower.sets(), sets);
    }
    let [first, ..] = follower.sets().all();
    let has = |number| first.validators().power_of(&address(number)) > 0;
    assert!(
        (1..5).any(|number| !has(number)),
        "nobody of the genesis left"
    );
}

#[test]
fn a_checkpoint_inside_a_cycle_is_followed_and_leads_to_no_other_cycle() {
    let chain = CertifiedChain::new(3);
    let mut follower = followed(&chain, 2);
    let sets = follower.sets().clone();
    follower.follow(&chain.middles[2]).unwrap();
    assert_eq!(follower.sets(), &sets);
    assert_eq!(follower.last_slot(), Slot::new(9, 1));
    // Again, or an earlier one, is no step forward.
    let error = refused(&mut follower, &chain.middles[2]);
    assert!(matches!(error, CheckpointError::NotNext { .. }), "{error}");
    follower.follow(&chain.ends[2]).unwrap();
    assert_eq!(follower.running_cycle(), 3);
}

#[test]
fn no_cycle_is_left_out_and_none_is_followed_twice() {
    let chain = CertifiedChain::new(5);
    for wrong in [&chain.ends[3], &chain.ends[1], &chain.middles[3]] {
        let error = refused(&mut followed(&chain, 2), wrong);
        assert!(matches!(error, CheckpointError::NotNext { .. }), "{error}");
    }
}

#[test]
fn the_validators_of_the_checkpoints_own_cycle_decide_it() {
    let chain = CertifiedChain::new(32);
    // Signed by those who decide a later cycle.
    let checkpoint = chain.ends[10].checkpoint().unwrap();
    let mut step = chain.step(checkpoint, &chain.sets[30], None);
    step.change.clone_from(&chain.ends[10].change);
    let error = refused(&mut followed(&chain, 10), &step);
    assert!(
        matches!(&error, CheckpointError::Certificate { .. }),
        "{error}"
    );
}

fn fault_of(step: &ChainStep, chain: &CertifiedChain) -> CertificateFault {
    match refused(&mut followed(chain, 0), step) {
        CheckpointError::Certificate { slot, source } => {
            assert_eq!(Some(slot), step.slot());
            source
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_certificate_needs_more_than_two_thirds_of_distinct_valid_signers() {
    let chain = CertifiedChain::new(1);
    let good = &chain.ends[0];
    let checkpoint = good.checkpoint().unwrap();
    let of = |signers: &[u64]| ChainStep {
        certificate: certificate(checkpoint, signers, &chain.id()),
        ..good.clone()
    };
    // Four with five rolls each: three have 15 of 20, and 14 decide.
    assert_eq!(good.certificate.signatures.len(), 3);
    assert!(followed(&chain, 0).follow(&of(&[1, 2, 4])).is_ok());
    let too_little = CertificateFault::TooLittlePower {
        found: 10,
        needed: 14,
    };
    assert_eq!(fault_of(&of(&[1, 3]), &chain), too_little);
    let stranger = CertificateFault::NoValidator(Box::new(address(9)));
    assert_eq!(fault_of(&of(&[1, 2, 3, 9]), &chain), stranger);

    let mut twice = of(&[1, 2]);
    let first = twice.certificate.signatures[0].clone();
    twice.certificate.signatures.insert(0, first);
    assert_eq!(fault_of(&twice, &chain), CertificateFault::WrongOrder);
    let mut unordered = good.clone();
    unordered.certificate.signatures.swap(0, 2);
    assert_eq!(fault_of(&unordered, &chain), CertificateFault::WrongOrder);

    let mut mixed = good.clone();
    mixed.certificate.signatures[1].content.state_hash = Hash([1; 32]);
    assert_eq!(fault_of(&mixed, &chain), CertificateFault::Mixed);

    let mut forged = good.clone();
    let other = forged.certificate.signatures[0].signature;
    forged.certificate.signatures[1].signature = other;
    let CertificateFault::BadSignature(error) = fault_of(&forged, &chain) else {
        panic!("a forged signature is found");
    };
    assert_eq!(error.bad, [1]);

    let mut empty = good.clone();
    empty.certificate.signatures.clear();
    let error = refused(&mut followed(&chain, 0), &empty);
    assert!(matches!(error, CheckpointError::EmptyCertificate));
}

#[test]
fn a_certificate_of_another_chain_proves_nothing() {
    let chain = CertifiedChain::new(1);
    let mut other = chain.clone();
    other.genesis.name = "other".to_owned();
    let step = other.step(
        chain.ends[0].checkpoint().unwrap(),
        &ValidatorSets::genesis(&other.genesis).unwrap(),
        chain.ends[0].change.clone(),
    );
    let fault = fault_of(&step, &chain);
    assert!(
        matches!(fault, CertificateFault::BadSignature(_)),
        "{fault}"
    );
}

#[test]
fn one_wrong_roll_seed_or_validator_in_a_change_is_found() {
    let chain = CertifiedChain::new(3);
    let good = &chain.ends[2];
    let with = |change: Option<SetsChange>| ChainStep {
        change,
        ..good.clone()
    };
    let change = good.change.clone().unwrap();
    let mut wrong = vec![change.clone(); 5];
    wrong[0].seed = Hash([9; 32]);
    wrong[1].rolls[0].power += 1;
    wrong[2].rolls.pop();
    let more = Validator {
        address: address(39),
        power: 1,
    };
    wrong[3].rolls.push(more);
    wrong[3].rolls.sort_by_key(|one| one.address);
    wrong[4].rolls.reverse();
    for wrong in wrong {
        let error = refused(&mut followed(&chain, 2), &with(Some(wrong)));
        let is_expected = matches!(
            error,
            CheckpointError::OtherSets(_) | CheckpointError::WrongChange(_)
        );
        assert!(is_expected, "{error}");
    }
    let missing = refused(&mut followed(&chain, 2), &with(None));
    assert!(matches!(missing, CheckpointError::WrongChange(_)));
    let mut needless = chain.middles[2].clone();
    needless.change = Some(change);
    let needless = refused(&mut followed(&chain, 2), &needless);
    assert!(matches!(needless, CheckpointError::WrongChange(_)));
}

#[test]
fn a_change_that_takes_all_rolls_is_refused() {
    let chain = CertifiedChain::new(1);
    let sets = &chain.sets[0];
    let last = sets.all()[2].validators();
    let rolls = last.validators().iter();
    let change = SetsChange {
        rolls: rolls.map(|one| Validator { power: 0, ..*one }).collect(),
        seed: Hash([1; 32]),
    };
    assert!(matches!(
        sets.changed(&change),
        Err(CheckpointError::Validators(_))
    ));
}

#[test]
fn a_slot_without_a_checkpoint_has_none() {
    let chain = CertifiedChain::new(1);
    let sets = ValidatorSets::genesis(&chain.genesis).unwrap();
    for slot in [Slot::new(1, 0), Slot::new(2, 1), Slot::new(0, 1)] {
        let step = chain.step(&chain.checkpoint(slot, &sets), &sets, None);
        let error = refused(&mut followed(&chain, 0), &step);
        assert!(matches!(error, CheckpointError::NoCheckpoint(_)), "{error}");
    }
    let step = chain.step(&chain.checkpoint(Slot::new(1, 7), &sets), &sets, None);
    refused(&mut followed(&chain, 0), &step);
}

#[test]
fn from_a_trusted_checkpoint_the_chain_is_followed_without_what_was_before() {
    let chain = CertifiedChain::new(9);
    let start = chain.start(5);
    let hash = start.checkpoint.hash(&chain.id());
    let mut follower = Follower::from_trusted(&chain.genesis, &hash, &start).unwrap();
    for step in &chain.ends[6..] {
        follower.follow(step).unwrap();
    }
    assert_eq!(follower.sets(), &chain.sets[8]);
}

#[test]
fn a_start_that_is_not_the_trusted_one_or_has_other_sets_is_refused() {
    let chain = CertifiedChain::new(9);
    let start = chain.start(5);
    let hash = start.checkpoint.hash(&chain.id());
    let error = Follower::from_trusted(&chain.genesis, &hash, &chain.start(6)).unwrap_err();
    assert!(matches!(error, CheckpointError::NotTrusted { .. }));

    let mut wrong = start.clone();
    wrong.checkpoint.state_hash = Hash([1; 32]);
    let error = Follower::from_trusted(&chain.genesis, &hash, &wrong).unwrap_err();
    assert!(matches!(error, CheckpointError::NotTrusted { .. }));

    let mut sets = vec![start.sets.clone(); 4];
    sets[0].first[0].power += 1;
    sets[1].seeds.2 = Some(Hash([1; 32]));
    sets[2].first_cycle += 1;
    sets[3].third.clear();
    for sets in sets {
        let wrong = crate::TrustedStart {
            sets,
            ..start.clone()
        };
        let error = Follower::from_trusted(&chain.genesis, &hash, &wrong).unwrap_err();
        assert!(error.is_of_the_offer(), "{error}");
    }
}

#[test]
fn the_hash_of_a_checkpoint_does_not_depend_on_who_signed_and_differs_by_chain() {
    let chain = CertifiedChain::new(1);
    let checkpoint = chain.ends[0].checkpoint().unwrap();
    let hash = checkpoint.hash(&chain.id());
    let text = hash.to_string();
    assert!(text.starts_with("ckp1"), "{text}");
    assert_eq!(text.parse(), Ok(hash));
    assert_ne!(checkpoint.hash(&picot_models::mocks::chain_id(9)), hash);
    let other = Checkpoint {
        state_hash: Hash([5; 32]),
        ..checkpoint.clone()
    };
    assert_ne!(other.hash(&chain.id()), hash);
    let signed = picot_models::Signed::sign(checkpoint.clone(), &key(1), &chain.id());
    assert_ne!(signed.id().as_hash(), hash.as_hash());
}
