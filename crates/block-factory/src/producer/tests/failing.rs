//! Every collaborator that fails, refuses or answers nonsense.

use std::collections::BTreeSet;

use picot_consensus::{BestParents, ConsensusError};
use picot_execution::ExecutionError;
use picot_models::{Amount, Block, Signature, mocks::block};
use picot_selector::SelectorError;
use picot_storage::StorageError;
use picot_wallet::{ClaimKind, Refusal, SignRequest, SigningLogError, WalletError};

use super::world::{
    Ask, PARENT_SLOT, SLOT, World, after_start, block_id, endorsement, endorser_draws, parents,
    pay, sender, summary, undecided, world_without,
};
use crate::{BlockFactory, Event, Part, SkipReason};

/// Nothing after the parents is asked for.
const AFTER_PARENTS: [Ask; 10] = [
    Ask::Parents,
    Ask::Endorsements,
    Ask::Endorsers,
    Ask::Executed,
    Ask::Batches,
    Ask::Balances,
    Ask::Denunciations,
    Ask::Signing,
    Ask::Storing,
    Ask::Registering,
];

fn reason_with_parents(answer: Result<BestParents, ConsensusError>) -> SkipReason {
    let mut world = world_without(&AFTER_PARENTS);
    world
        .consensus
        .expect_best_parents()
        .times(1)
        .return_once(move |_, _| answer);
    world.reason()
}

#[test]
fn without_parents_nothing_is_built() {
    let answers = [
        (undecided(), SkipReason::ConsensusBehind),
        (
            ConsensusError::Stopped("by a test".into()),
            SkipReason::ConsensusBehind,
        ),
        (
            ConsensusError::AlreadyDecided { slot: SLOT },
            SkipReason::Late,
        ),
    ];
    for (error, reason) in answers {
        assert_eq!(reason_with_parents(Err(error)), reason);
    }
}

#[test]
fn parents_that_cannot_be_are_not_built_on() {
    let too_few = BestParents {
        parents: parents(1).parents[1..].to_vec(),
    };
    let mut not_before = parents(1);
    not_before.parents[1] = (block_id(1), SLOT.period);
    let mut other_not_before = parents(1);
    other_not_before.parents[3] = (block_id(3), SLOT.period);
    for wrong in [too_few, not_before, other_not_before] {
        assert_eq!(reason_with_parents(Ok(wrong)), SkipReason::ConsensusBehind);
    }
}

#[test]
fn fresh_parents_that_cannot_be_are_not_signed() {
    let mut world = world_without(&[Ask::Parents, Ask::Signing]);
    let mut not_before = parents(1);
    not_before.parents[0] = (block_id(9), SLOT.period + 1);
    let mut answers = [parents(1), not_before].into_iter();
    world
        .consensus
        .expect_best_parents()
        .times(2)
        .returning(move |_, _| Ok(answers.next().unwrap()));
    assert_eq!(world.reason(), SkipReason::ConsensusBehind);
}

/// The block is made, and these parts are left out.
fn left_out(world: World) -> (BTreeSet<Part>, usize) {
    let mut running = world.run();
    let entries = running.step(SLOT);
    assert!(
        matches!(entries[0].event, Event::ProducedBlock(_)),
        "{entries:?}"
    );
    let stats = running.producer.control().stats();
    let counted: BTreeSet<_> = stats.left_out.keys().copied().collect();
    assert_eq!(
        counted, entries[0].left_out,
        "the metric says what the history says"
    );
    (counted, running.blocks()[0].operations.len())
}

#[test]
fn without_the_parents_draws_the_block_carries_no_endorsements() {
    let mut world = world_without(&[Ask::Endorsements, Ask::Endorsers]);
    world
        .pool
        .expect_endorsements_for()
        .returning(|_, _| vec![endorsement(0, 11)]);
    let error = SelectorError::Pruned {
        cycle: 1,
        oldest: 2,
    };
    world
        .selector
        .expect_draws()
        .returning(move |_| Err(error.clone()));
    assert_eq!(left_out(world), ([Part::Endorsements].into(), 0));
}

#[test]
fn the_draws_of_another_slot_verify_no_endorsement() {
    let mut world = world_without(&[Ask::Endorsements, Ask::Endorsers]);
    world
        .pool
        .expect_endorsements_for()
        .returning(|_, _| vec![endorsement(0, 11)]);
    world
        .selector
        .expect_draws()
        .returning(|_| Ok(std::sync::Arc::new(endorser_draws(SLOT))));
    assert_eq!(left_out(world), ([Part::Endorsements].into(), 0));
}

#[test]
fn draws_without_endorsers_verify_no_endorsement_and_are_no_failure() {
    let mut world = world_without(&[Ask::Endorsements, Ask::Endorsers]);
    world
        .pool
        .expect_endorsements_for()
        .returning(|_, _| vec![endorsement(0, 11)]);
    world.selector.expect_draws().returning(|slot| {
        let mut draws = endorser_draws(slot);
        draws.endorsers.clear();
        Ok(std::sync::Arc::new(draws))
    });
    let block = world.block();
    assert_eq!(block.header.content().endorsements, []);
}

#[test]
fn without_the_executed_operations_the_block_carries_no_operations() {
    let mut world = world_without(&[Ask::Executed, Ask::Batches, Ask::Balances]);
    world.execution.expect_summary().returning(|| summary(SLOT));
    let error = ExecutionError::Stopped("by a test".into());
    world
        .execution
        .expect_executed_operations()
        .returning(move |_| Err(error.clone()));
    assert_eq!(left_out(world), ([Part::ExecutedOperations].into(), 0));
}

#[test]
fn without_the_blocks_that_execution_lacks_the_block_carries_no_operations() {
    let another = || {
        let signer = picot_models::mocks::key(5);
        let chain_id = picot_models::mocks::chain_id(1);
        let parents = vec![block_id(1); 4];
        Ok(Some(block(
            &signer,
            PARENT_SLOT,
            parents,
            vec![],
            &chain_id,
        )))
    };
    type Answer = fn() -> Result<Option<Block>, StorageError>;
    let answers: [Answer; 3] = [|| Ok(None), || Err(StorageError::Config("a test")), another];
    for answer in answers {
        let mut world = world_without(&[Ask::Executed, Ask::Batches, Ask::Balances]);
        world
            .execution
            .expect_summary()
            .returning(|| summary(picot_clock::Slot::GENESIS));
        world
            .execution
            .expect_executed_operations()
            .returning(|_| Ok(BTreeSet::new()));
        world
            .storage
            .expect_block()
            .times(1)
            .returning(move |_| answer());
        assert_eq!(left_out(world), ([Part::ExecutedOperations].into(), 0));
    }
}

#[test]
fn a_balance_that_cannot_be_read_costs_the_operations_that_need_it() {
    let mut world = world_without(&[Ask::Batches, Ask::Balances]);
    world.offers(vec![vec![pay(1, 1)], vec![pay(2, 1)]]);
    world
        .execution
        .expect_balance()
        .times(2)
        .returning(|_, who| {
            let unread = picot_models::Address::of_key(&sender(1).public_key());
            let rich = Ok(Some(Amount::from_nanos(1_000)));
            let error = Err(ExecutionError::Stopped("by a test".into()));
            if *who == unread { error } else { rich }
        });
    assert_eq!(left_out(world), ([Part::Balances].into(), 1));
}

#[test]
fn the_first_parents_are_good_enough_if_they_cannot_be_asked_again() {
    let mut world = world_without(&[Ask::Parents]);
    let mut answers = [Ok(parents(1)), Err(undecided())].into_iter();
    world
        .consensus
        .expect_best_parents()
        .times(2)
        .returning(move |_, _| answers.next().unwrap());
    assert_eq!(left_out(world), ([Part::FreshParents].into(), 0));
}

#[test]
fn a_slot_that_was_decided_meanwhile_is_not_signed() {
    let mut world = world_without(&[Ask::Parents, Ask::Signing]);
    let mut answers = [
        Ok(parents(1)),
        Err(ConsensusError::AlreadyDecided { slot: SLOT }),
    ]
    .into_iter();
    world
        .consensus
        .expect_best_parents()
        .times(2)
        .returning(move |_, _| answers.next().unwrap());
    assert_eq!(world.reason(), SkipReason::Late);
}

#[test]
fn a_slot_whose_parent_keeps_changing_is_given_up() {
    let mut world = world_without(&[Ask::Parents, Ask::Signing]);
    let mut own = 0;
    world
        .consensus
        .expect_best_parents()
        .times(3)
        .returning(move |_, _| {
            own += 1;
            Ok(parents(own))
        });
    assert_eq!(world.reason(), SkipReason::ParentChanged);
}

#[test]
fn a_slot_whose_parent_changes_too_late_to_build_again_is_given_up() {
    let mut world = world_without(&[Ask::Parents, Ask::Denunciations, Ask::Signing]);
    let clock = world.clock.clone();
    world
        .pool
        .expect_denunciations_for()
        .times(1)
        .returning(move |_| {
            clock.set(after_start(188));
            vec![]
        });
    let mut answers = [parents(1), parents(2)].into_iter();
    world
        .consensus
        .expect_best_parents()
        .times(2)
        .returning(move |_, _| Ok(answers.next().unwrap()));
    assert_eq!(world.reason(), SkipReason::ParentChanged);
}

#[test]
fn what_is_not_signed_is_neither_stored_nor_registered() {
    let taken = || WalletError::NotSafe {
        address: Box::new(picot_models::mocks::address(1)),
        kind: ClaimKind::Header,
        slot: SLOT,
        round: 0,
        reason: Box::new(Refusal::Taken {
            by: picot_models::Hash([1; 32]),
        }),
    };
    let log = || WalletError::Log(SigningLogError::Damaged("by a test".into()));
    let refusals = [
        (taken(), SkipReason::SigningProtection),
        (WalletError::Locked, SkipReason::LockedWallet),
        (log(), SkipReason::SigningFailed),
    ];
    for (error, reason) in refusals {
        let mut world = world_without(&[Ask::Signing, Ask::Storing, Ask::Registering]);
        world
            .wallet
            .expect_public_key()
            .returning(|_| Some(picot_models::mocks::key(1).public_key()));
        world
            .wallet
            .expect_sign_claimed()
            .times(1)
            .return_once(move |_| vec![Err(error)]);
        assert_eq!(world.reason(), reason);
    }
}

#[test]
fn the_key_of_another_address_signs_nothing() {
    let mut world = world_without(&[Ask::Signing, Ask::Storing, Ask::Registering]);
    world
        .wallet
        .expect_public_key()
        .returning(|_| Some(picot_models::mocks::key(2).public_key()));
    assert_eq!(world.reason(), SkipReason::SigningFailed);
}

#[test]
fn a_wallet_that_signs_wrongly_or_not_at_all_makes_no_block() {
    type Answer = fn(&[SignRequest]) -> Vec<Result<Signature, WalletError>>;
    let wrong: Answer = |requests| {
        let another = picot_models::mocks::key(2);
        let signed = requests.iter().map(|request| Ok(another.sign(&request.id)));
        signed.collect()
    };
    let nothing: Answer = |_| vec![];
    for answer in [wrong, nothing] {
        let mut world = world_without(&[Ask::Signing, Ask::Storing, Ask::Registering]);
        world
            .wallet
            .expect_public_key()
            .returning(|_| Some(picot_models::mocks::key(1).public_key()));
        world.wallet.expect_sign_claimed().returning(answer);
        assert_eq!(world.reason(), SkipReason::SigningFailed);
    }
}

#[test]
fn a_key_that_was_removed_meanwhile_is_not_used() {
    let mut world = world_without(&[Ask::Signing, Ask::Storing, Ask::Registering]);
    world.wallet.expect_public_key().returning(|_| None);
    assert_eq!(world.reason(), SkipReason::LockedWallet);
}

#[test]
fn a_block_that_our_own_consensus_refuses_is_told_as_skipped() {
    let refusals = [
        (ConsensusError::Config("a test".into()), SkipReason::Refused),
        (
            ConsensusError::AlreadyDecided { slot: SLOT },
            SkipReason::Late,
        ),
        (
            ConsensusError::Stopped("by a test".into()),
            SkipReason::ConsensusBehind,
        ),
    ];
    for (error, reason) in refusals {
        let mut world = world_without(&[Ask::Registering]);
        world
            .consensus
            .expect_register_block()
            .times(1)
            .return_once(move |_| Err(error));
        assert_eq!(world.reason(), reason);
    }
}

#[test]
fn skips_are_counted_by_reason() {
    let mut world = world_without(&AFTER_PARENTS);
    world
        .consensus
        .expect_best_parents()
        .returning(|_, _| Err(undecided()));
    let mut running = world.run();
    running.step(SLOT);
    let stats = running.producer.control().stats();
    assert_eq!(stats.skipped, [(SkipReason::ConsensusBehind, 1)].into());
    assert_eq!(stats.produced, 0);
}
