//! Which of our addresses propose.

use mockall::predicate::eq;
use picot_models::{ProposalPolicy, mocks::address};
use picot_selector::{Missing, SelectorError};

use super::world::{Ask, SLOT, World, key_of, reason_of, sign, silent, world_without};
use crate::{Duty, Event, SkipReason};

/// Our addresses are these, by key number, with these ranks.
fn world_of(ranks: &'static [(u64, Option<u32>)]) -> World {
    let mut world = world_without(&[Ask::Addresses, Ask::Ranks]);
    let mut addresses: Vec<_> = ranks.iter().map(|(number, _)| address(*number)).collect();
    addresses.sort();
    world.wallet.expect_addresses().return_const(addresses);
    for (number, rank) in ranks {
        let asked = address(*number);
        let question = world
            .selector
            .expect_producer_rank()
            .with(eq(SLOT), eq(asked));
        question.times(1).returning(|_, _| Ok(*rank));
    }
    world
}

fn ranks_of_blocks(policy: ProposalPolicy) -> Vec<Option<u32>> {
    let mut world = world_of(&[
        (1, Some(5)),
        (2, Some(0)),
        (3, None),
        (4, Some(1)),
        (5, Some(40)),
    ]);
    world.config.params.proposal_policy = policy;
    let entries = world.entries();
    assert!(
        entries
            .iter()
            .all(|entry| matches!(entry.event, Event::ProducedBlock(_)))
    );
    let rank = |duty| match duty {
        Duty::Block { rank } => rank,
        Duty::Endorsement { .. } => panic!("not a block"),
    };
    entries.iter().map(|entry| rank(entry.duty)).collect()
}

#[test]
fn under_the_policy_drawn_only_rank_0_proposes() {
    assert_eq!(ranks_of_blocks(ProposalPolicy::Drawn), [Some(0)]);
}

#[test]
fn under_the_policy_ranked_the_first_k_propose() {
    assert_eq!(
        ranks_of_blocks(ProposalPolicy::Ranked { count: 2 }),
        [Some(0), Some(1)]
    );
    assert_eq!(
        ranks_of_blocks(ProposalPolicy::Ranked { count: 1 }),
        [Some(0)]
    );
}

#[test]
fn under_the_policy_all_everyone_with_rolls_proposes_best_rank_first() {
    let ranks = [Some(0), Some(1), Some(5), Some(40)];
    assert_eq!(ranks_of_blocks(ProposalPolicy::All), ranks);
}

#[test]
fn two_addresses_at_one_slot_make_two_blocks_of_one_assembly_with_one_sync_of_the_log() {
    let mut world = world_without(&[Ask::Addresses, Ask::Ranks, Ask::Batches, Ask::Signing]);
    world
        .wallet
        .expect_addresses()
        .return_const(vec![address(1), address(2)]);
    let rank = |who: &_| if *who == address(2) { 0 } else { 3 };
    world
        .selector
        .expect_producer_rank()
        .returning(move |_, who| Ok(Some(rank(who))));
    world
        .pool
        .expect_batch()
        .times(1)
        .returning(|_, _, _, _| vec![]);
    world.wallet.expect_public_key().returning(|asked| {
        let number = if *asked == address(1) { 1 } else { 2 };
        Some(picot_models::mocks::key(number).public_key())
    });
    world
        .wallet
        .expect_sign_claimed()
        .times(1)
        .withf(|requests| requests.len() == 2)
        .returning(sign);
    let mut running = world.run();
    let entries = running.step(SLOT);
    let blocks = running.blocks();
    let producers: Vec<_> = blocks
        .iter()
        .map(|block| block.header.signer_address())
        .collect();
    assert_eq!(producers, [address(2), address(1)], "best rank first");
    assert_eq!(blocks[0].header.content(), blocks[1].header.content());
    assert_ne!(blocks[0].id(), blocks[1].id());
    let told: Vec<_> = entries.iter().map(|entry| entry.event.clone()).collect();
    assert_eq!(
        told,
        blocks
            .iter()
            .map(|block| Event::ProducedBlock(block.id()))
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_refusal_for_one_address_does_not_stop_the_other() {
    use picot_wallet::WalletError;
    let mut world = world_without(&[Ask::Addresses, Ask::Signing]);
    world
        .wallet
        .expect_addresses()
        .return_const(vec![address(1), address(2)]);
    world
        .wallet
        .expect_public_key()
        .returning(|asked| Some(key_of(asked).public_key()));
    world.wallet.expect_sign_claimed().returning(|requests| {
        let refused = |request: &picot_wallet::SignRequest| WalletError::Refused {
            address: Box::new(request.address),
            reason: "seen elsewhere".into(),
        };
        let signed = sign(&requests[1..]);
        [Err(refused(&requests[0]))]
            .into_iter()
            .chain(signed)
            .collect()
    });
    let mut running = world.run();
    let entries = running.step(SLOT);
    assert_eq!(reason_of(&entries[0]), SkipReason::SigningProtection);
    assert!(matches!(entries[1].event, Event::ProducedBlock(_)));
    assert_eq!(running.blocks().len(), 1);
}

#[test]
fn an_address_without_rolls_is_not_due_and_nothing_else_is_asked() {
    let mut world = silent();
    world
        .wallet
        .expect_addresses()
        .return_const(vec![address(1)]);
    world
        .selector
        .expect_producer_rank()
        .returning(|_, _| Ok(None));
    assert_eq!(world.entries(), []);
}

#[test]
fn an_address_that_the_wallet_names_twice_makes_one_block() {
    let mut world = world_without(&[Ask::Addresses]);
    world
        .wallet
        .expect_addresses()
        .return_const(vec![address(1), address(1)]);
    let mut running = world.run();
    assert_eq!(running.step(SLOT).len(), 1);
    assert_eq!(running.blocks().len(), 1);
}

#[test]
fn without_keys_nobody_is_due() {
    let mut world = silent();
    world.wallet.expect_addresses().return_const(vec![]);
    assert_eq!(world.entries(), []);
}

#[test]
fn unknown_draws_are_told_for_the_address_and_nothing_is_built() {
    let mut world = silent();
    world
        .wallet
        .expect_addresses()
        .return_const(vec![address(1)]);
    let error = SelectorError::NotReady {
        cycle: 9,
        missing: Missing::Genesis,
    };
    world
        .selector
        .expect_producer_rank()
        .returning(move |_, _| Err(error.clone()));
    let entry = world.entry();
    assert_eq!(reason_of(&entry), SkipReason::NoDraws);
    assert_eq!(
        (entry.address, entry.duty),
        (Some(address(1)), Duty::Block { rank: None })
    );
}
