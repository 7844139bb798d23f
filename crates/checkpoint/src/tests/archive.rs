//! What the archive keeps and serves.

use crate::mocks::{CertifiedChain, checkpoint_store_suite};
use crate::{ChainStep, CheckpointArchive, CheckpointStore, Follower, MemoryCheckpointStore};
use picot_models::Slot;
use picot_serialization::Encode;
use std::sync::Arc;

fn archive_of(chain: &CertifiedChain) -> (CheckpointArchive, Arc<MemoryCheckpointStore>) {
    let store = Arc::new(MemoryCheckpointStore::new());
    let genesis = Arc::new(chain.genesis.clone());
    (CheckpointArchive::new(store.clone(), genesis), store)
}

/// An archive with the chain of a node that executed and gathered it.
fn filled(chain: &CertifiedChain) -> CheckpointArchive {
    let (archive, _) = archive_of(chain);
    let mut before = crate::ValidatorSets::genesis(&chain.genesis).unwrap();
    for ((middle, end), sets) in chain.middles.iter().zip(&chain.ends).zip(&chain.sets) {
        archive
            .reach(middle.checkpoint().unwrap(), &before)
            .unwrap();
        archive.certify(&middle.certificate).unwrap();
        archive.reach(end.checkpoint().unwrap(), sets).unwrap();
        archive.certify(&end.certificate).unwrap();
        before = sets.clone();
    }
    archive
}

#[test]
fn the_memory_store_keeps_its_contract() {
    checkpoint_store_suite(&MemoryCheckpointStore::new());
}

#[test]
fn what_a_node_gathers_is_the_chain_that_a_new_one_follows() {
    let chain = CertifiedChain::new(70);
    let archive = filled(&chain);
    let mut follower = Follower::from_genesis(&chain.genesis).unwrap();
    let mut answers = 0;
    loop {
        let steps = archive
            .steps_after(follower.last_slot(), 16, 1 << 20)
            .unwrap();
        if steps.is_empty() {
            break;
        }
        answers += 1;
        for step in &steps {
            follower.follow(step).unwrap();
        }
    }
    assert_eq!(answers, 5);
    assert_eq!(follower.sets(), chain.sets.last().unwrap());
}

#[test]
fn an_answer_ends_with_the_newest_checkpoint_inside_the_running_cycle() {
    let mut chain = CertifiedChain::new(6);
    chain.ends.pop();
    let archive = filled(&chain);
    archive.certify(&chain.middles[5].certificate).unwrap();
    let steps = archive.steps_after(Slot::new(13, 1), 9, 1 << 20).unwrap();
    assert_eq!(steps[..2], chain.ends[3..5]);
    assert_eq!(steps[2..], chain.middles[5..]);
    let rest = archive.steps_after(Slot::new(19, 1), 9, 1 << 20).unwrap();
    assert_eq!(rest, chain.middles[5..]);
    assert_eq!(
        archive.steps_after(Slot::new(21, 1), 9, 1 << 20).unwrap(),
        []
    );
}

#[test]
fn an_answer_is_bounded_in_steps_and_bytes_and_never_empty_if_there_is_a_step() {
    let chain = CertifiedChain::new(10);
    let archive = filled(&chain);
    let after = Slot::GENESIS;
    assert_eq!(archive.steps_after(after, 3, 1 << 20).unwrap().len(), 3);
    assert_eq!(archive.steps_after(after, 0, 1 << 20).unwrap().len(), 0);
    assert_eq!(archive.steps_after(after, 9, 1).unwrap().len(), 1);
    let bytes: usize = chain.ends[..4].iter().map(ChainStep::encoded_len).sum();
    assert_eq!(archive.steps_after(after, 9, bytes).unwrap().len(), 4);
    assert_eq!(archive.steps_after(after, 9, bytes - 1).unwrap().len(), 3);
}

#[test]
fn a_gap_in_the_chain_ends_an_answer() {
    let chain = CertifiedChain::new(6);
    let (archive, _) = archive_of(&chain);
    for cycle in [0, 1, 3, 4] {
        archive
            .keep_step(&chain.ends[cycle], &chain.sets[cycle])
            .unwrap();
    }
    let steps = archive.steps_after(Slot::GENESIS, 9, 1 << 20).unwrap();
    assert_eq!(steps, chain.ends[..2]);
    assert_eq!(archive.sets(2).unwrap().as_ref(), Some(&chain.sets[1]));
    assert_eq!(archive.sets(4).unwrap(), None);
}

#[test]
fn the_sets_of_every_cycle_are_found() {
    let chain = CertifiedChain::new(140);
    let archive = filled(&chain);
    for cycle in [0, 1, 62, 63, 64, 65, 127, 128, 139] {
        let sets = archive.sets(cycle + 1).unwrap();
        assert_eq!(
            sets.as_ref(),
            chain.sets.get(usize::try_from(cycle).unwrap())
        );
    }
    assert_eq!(archive.sets(141).unwrap(), None);
}

#[test]
fn every_end_of_a_cycle_can_be_a_trusted_start_and_inner_ones_for_a_while() {
    let chain = CertifiedChain::new(70);
    let archive = filled(&chain);
    let start_of = |step: &ChainStep| {
        let hash = step.checkpoint().unwrap().hash(&chain.id());
        let start = archive.start_at(&hash).unwrap()?;
        Some(Follower::from_trusted(&chain.genesis, &hash, &start).unwrap())
    };
    for cycle in [0_u64, 5, 63, 64, 69] {
        let index = usize::try_from(cycle).unwrap();
        let follower = start_of(&chain.ends[index]).unwrap();
        assert_eq!(follower.running_cycle(), cycle + 1);
    }
    let inner = start_of(&chain.middles[68]).unwrap();
    assert_eq!(
        (inner.running_cycle(), inner.last_slot()),
        (68, Slot::new(273, 1))
    );
    assert!(start_of(&chain.middles[61]).is_none());
    assert!(start_of(&chain.middles[62]).is_some());
    let unknown = picot_models::Hash([1; 32]).into();
    assert_eq!(archive.start_at(&unknown).unwrap(), None);
}

#[test]
fn a_node_that_began_at_a_trusted_checkpoint_serves_from_there_on_and_resumes() {
    let chain = CertifiedChain::new(12);
    let (archive, _) = archive_of(&chain);
    let start = chain.start(5);
    let hash = start.checkpoint.hash(&chain.id());
    archive.keep_start(&start).unwrap();
    let mut follower = Follower::from_trusted(&chain.genesis, &hash, &start).unwrap();
    for step in &chain.ends[6..9] {
        follower.follow(step).unwrap();
        archive.keep_step(step, follower.sets()).unwrap();
    }
    let mut resumed = archive.follower().unwrap();
    assert_eq!(resumed.last(), follower.last());
    assert_eq!(resumed.sets(), follower.sets());
    resumed.follow(&chain.ends[9]).unwrap();
    let after = start.checkpoint.slot;
    assert_eq!(
        archive.steps_after(after, 9, 1 << 20).unwrap(),
        chain.ends[6..9]
    );
    assert_eq!(archive.steps_after(Slot::GENESIS, 9, 1 << 20).unwrap(), []);
}

#[test]
fn an_empty_archive_resumes_at_the_genesis() {
    let chain = CertifiedChain::new(0);
    let (archive, _) = archive_of(&chain);
    let follower = archive.follower().unwrap();
    assert_eq!((follower.last(), follower.running_cycle()), (None, 0));
}

#[test]
fn what_is_reached_waits_for_its_certificate() {
    let chain = CertifiedChain::new(4);
    let (archive, store) = archive_of(&chain);
    let reached: Vec<_> = chain
        .ends
        .iter()
        .map(|step| step.checkpoint().unwrap().clone())
        .collect();
    for (checkpoint, sets) in reached.iter().zip(&chain.sets) {
        assert_eq!(archive.reach(checkpoint, sets).unwrap(), None);
    }
    assert_eq!(archive.uncertified(9).unwrap(), reached);
    assert_eq!(archive.uncertified(2).unwrap(), reached[..2]);
    assert_eq!(archive.last_uncertified().unwrap().as_ref(), reached.last());

    assert_eq!(archive.last_certified().unwrap(), Slot::GENESIS);
    archive.certify(&chain.ends[1].certificate).unwrap();
    archive.give_up(&[reached[3].slot]).unwrap();
    assert_eq!(
        archive.uncertified(9).unwrap(),
        [reached[0].clone(), reached[2].clone()]
    );
    let newest = archive.last_certificate().unwrap();
    assert_eq!(newest.as_ref(), Some(&chain.ends[1].certificate));
    assert_eq!(archive.last_certified().unwrap(), reached[1].slot);

    // A certificate that came before this node was there: what is reached is compared, not kept.
    archive.certify(&chain.ends[2].certificate).unwrap();
    let certified = archive.reach(&reached[2], &chain.sets[2]).unwrap();
    assert_eq!(certified.as_ref(), Some(&reached[2]));
    assert_eq!(archive.uncertified(9).unwrap(), reached[..1]);
    assert!(!store.is_empty());
}

#[test]
fn damage_is_named_and_never_served() {
    let chain = CertifiedChain::new(3);
    let (archive, store) = archive_of(&chain);
    for (step, sets) in chain.ends.iter().zip(&chain.sets) {
        archive.keep_step(step, sets).unwrap();
    }
    let pairs = store.ascending(&[0], &[255], 999).unwrap();
    for (key, value) in pairs {
        let mut cut = value.clone();
        cut.pop();
        store.write(vec![(key.clone(), Some(cut))]).unwrap();
        let is_found = archive.steps_after(Slot::GENESIS, 9, 1 << 20).is_err()
            || chain.ends.iter().any(|step| {
                let hash = step.checkpoint().unwrap().hash(&chain.id());
                archive.start_at(&hash).is_err()
            });
        assert!(is_found, "{key:?}");
        store.write(vec![(key, Some(value))]).unwrap();
    }
}
