//! A lying peer at each step: it is found and dropped, the honest ones stay, and the state comes.

use super::state::{SOURCE, state_of};
use super::world::{Disk, End, TestServer, World};
use crate::chunk::{Pairs, push_pair};
use crate::index::StateIndex;
use crate::{IndexFault, Lie, Message};
use picot_checkpoint::CheckpointError;
use picot_crypto::Hash;
use picot_ledger::LatticeHash;
use picot_models::Slot;

/// What a liar makes of the pairs of a chunk.
type Forgery = fn(&mut Vec<(Vec<u8>, Vec<u8>)>);

/// A peer that lies about its chunks.
fn with_chunks(forge: Forgery) -> TestServer {
    TestServer::lying(move |message| {
        let Message::Chunk {
            index,
            number,
            pairs,
        } = message
        else {
            return vec![message];
        };
        let owned = |pair: Result<(&[u8], &[u8]), _>| {
            let (key, value) = pair.unwrap();
            (key.to_vec(), value.to_vec())
        };
        let mut forged: Vec<_> = Pairs::of(&pairs).map(owned).collect();
        forge(&mut forged);
        let mut pairs = Vec::new();
        for (key, value) in forged {
            push_pair(&key, &value, &mut pairs);
        }
        vec![Message::Chunk {
            index,
            number,
            pairs,
        }]
    })
}

/// Runs with the liar among two honest peers, and says what it was dropped for.
fn lie_of(liar: TestServer) -> Lie {
    // The liar is quicker, so that it is heard.
    let honest = || TestServer::with_state(1).with_latency(100);
    let mut world = World::new(Disk::new(), vec![honest(), liar, honest()]);
    world.ends_with_state(1);
    assert_eq!(
        world.liars(),
        [1].into(),
        "only the liar is dropped: {:?}",
        world.dropped
    );
    assert_eq!(world.progress().liars, 1);
    world.dropped.pop_first().unwrap().1
}

#[test]
fn a_wrong_certificate_is_found_and_only_its_sender_dropped() {
    let liar = TestServer::lying(|mut message| {
        if let Message::Chain { steps, .. } = &mut message
            && let Some(step) = steps.last_mut()
        {
            step.certificate.signatures.pop();
        }
        vec![message]
    });
    let lie = lie_of(liar);
    assert!(
        matches!(
            lie,
            Lie::Step(CheckpointError::Certificate { .. } | CheckpointError::EmptyCertificate)
        ),
        "{lie}"
    );
}

#[test]
fn a_wrong_roll_distribution_is_found() {
    let liar = TestServer::lying(|mut message| {
        if let Message::Chain { steps, .. } = &mut message {
            for change in steps.iter_mut().filter_map(|step| step.change.as_mut()) {
                if let Some(validator) = change.rolls.first_mut() {
                    validator.power += 1;
                }
            }
        }
        vec![message]
    });
    assert!(matches!(lie_of(liar), Lie::Step(_)));
}

#[test]
fn steps_in_the_wrong_order_are_found() {
    let liar = TestServer::lying(|mut message| {
        if let Message::Chain { steps, .. } = &mut message {
            steps.reverse();
        }
        vec![message]
    });
    assert!(matches!(
        lie_of(liar),
        Lie::Step(CheckpointError::NotNext { .. })
    ));
}

#[test]
fn a_wrong_chunk_is_found() {
    let lie = lie_of(with_chunks(|pairs| pairs[3].1[0] ^= 1));
    assert!(matches!(lie, Lie::Chunk { .. }), "{lie}");
}

#[test]
fn a_missing_key_is_found() {
    let lie = lie_of(with_chunks(|pairs| {
        pairs.remove(5);
    }));
    assert!(matches!(lie, Lie::Chunk { .. }), "{lie}");
}

#[test]
fn a_missing_key_whose_bytes_are_hidden_in_another_value_is_found() {
    let lie = lie_of(with_chunks(|pairs| {
        let (key, value) = pairs.remove(5);
        let len = key.len() + value.len();
        pairs[5].1.extend(vec![0; len]);
    }));
    assert!(matches!(lie, Lie::Chunk { .. }), "{lie}");
}

#[test]
fn an_extra_key_is_found() {
    let lie = lie_of(with_chunks(|pairs| {
        let mut extra = pairs[0].clone();
        extra.0.push(0);
        pairs.insert(1, extra);
    }));
    assert!(matches!(lie, Lie::Chunk { .. }), "{lie}");
}

#[test]
fn a_wrong_order_is_found_though_the_sum_is_right() {
    let lie = lie_of(with_chunks(|pairs| pairs.swap(1, 2)));
    let Lie::Chunk { fault, .. } = lie else {
        panic!("{lie}");
    };
    assert_eq!(fault, crate::ChunkFault::WrongOrder);
}

#[test]
fn pairs_of_another_chunk_are_found() {
    let lie = lie_of(with_chunks(|pairs| {
        pairs[0].0 = vec![0];
    }));
    assert!(matches!(lie, Lie::Chunk { .. }), "{lie}");
}

#[test]
fn an_answer_that_is_given_again_and_again_ends_the_connection() {
    let liar = TestServer::lying(|message| vec![message; 3]);
    assert!(matches!(lie_of(liar), Lie::Unasked));
}

#[test]
fn an_offer_of_another_state_than_the_certified_one_is_found() {
    let liar = TestServer::lying(|mut message| {
        if let Message::Offers(offers) = &mut message {
            offers[0].checkpoint.state_hash = Hash([1; 32]);
        }
        vec![message]
    });
    assert!(matches!(lie_of(liar), Lie::Offer(slot) if slot == SOURCE.checkpoint(1).slot));
}

#[test]
fn a_checkpoint_that_nobody_certified_is_not_taken_and_its_certificate_asked_for() {
    let liar = TestServer::lying(|mut message| {
        match &mut message {
            Message::Offers(offers) => {
                offers[0].checkpoint.slot = Slot::new(23, 1);
                offers[0].checkpoint.state_hash = Hash([1; 32]);
            }
            Message::Refused {
                question: crate::Question::Certificate(slot),
                ..
            } => {
                let certificate = SOURCE.middles[1].certificate.clone();
                return vec![Message::Certificate {
                    slot: *slot,
                    certificate,
                }];
            }
            _ => {}
        }
        vec![message]
    });
    assert!(matches!(lie_of(liar), Lie::Certificate(_)));
}

/// The index of state 1 with some of its chunks' sums changed, and hashed again.
fn forged_index(forge: impl FnOnce(&mut Vec<crate::ChunkInfo>)) -> StateIndex {
    StateIndex::forged(&SOURCE.indices[1], forge)
}

#[test]
fn an_index_whose_sums_are_made_up_to_fit_is_found_by_the_chunk_that_nobody_can_show() {
    // What is taken from one chunk is given to another, so that all of them add up to the state hash.
    let index = forged_index(|chunks| {
        let mut moved = LatticeHash::new();
        moved.add(b"some", b"pair");
        chunks[2].sum.combine(&moved);
        let mut lacking = LatticeHash::new();
        lacking.remove(b"some", b"pair");
        chunks[4].sum.combine(&lacking);
    });
    assert_ne!(index.hash(), SOURCE.indices[1].hash());
    assert_eq!(index.state_hash(), SOURCE.indices[1].state_hash());
    let forged = TestServer::with_index;
    // The liars are the majority.
    let other = forged_index(|chunks| {
        let sum = chunks[1].sum.clone();
        chunks[1].sum = chunks[3].sum.clone();
        chunks[3].sum = sum;
    });
    let again = StateIndex::forged(&index, |_| {});
    let servers = vec![
        forged(index),
        forged(again),
        TestServer::with_state(1),
        forged(other),
    ];
    let mut world = World::new(Disk::new(), servers);
    world.ends_with_state(1);
    assert!(!world.liars().contains(&2), "{:?}", world.dropped);
    let lies = world.dropped.values();
    let chunk = lies.filter(|lie| matches!(lie, Lie::Chunk { .. })).count();
    assert!(chunk >= 2, "{:?}", world.dropped);
}

#[test]
fn an_index_of_another_state_is_found_before_any_chunk_is_taken() {
    let other = state_of(5_000, 77);
    let other = StateIndex::of(&*other).unwrap();
    let pretends = StateIndex::pretending(other, SOURCE.indices[1].state_sum());
    let pretends = std::sync::Arc::new(pretends);
    let liar = || TestServer::of(1, crate::ServerConfig::default(), Some(pretends.clone()));
    let servers = vec![liar(), liar(), TestServer::with_state(1)];
    let mut world = World::new(Disk::new(), servers);
    world.ends_with_state(1);
    assert_eq!(
        world.liars(),
        [0, 1].into(),
        "all who vouched for it are found at once"
    );
    let is_sum = |lie: &Lie| matches!(lie, Lie::Index(IndexFault::WrongSum));
    assert!(world.dropped.values().all(is_sum), "{:?}", world.dropped);
    assert_eq!(world.staged, SOURCE.indices[1].chunks().len());
}

#[test]
fn who_says_wrong_things_about_the_right_index_is_blamed_alone() {
    type Change = fn(&mut crate::Offer);
    let changes: [Change; 4] = [
        |offer| offer.chunks += 1,
        |offer| offer.chunks -= 1,
        |offer| offer.pairs += 1,
        |offer| offer.bytes += 1,
    ];
    for change in changes {
        let liar = TestServer::lying(move |mut message| {
            if let Message::Offers(offers) = &mut message {
                change(&mut offers[0]);
            }
            vec![message]
        });
        let mut world = World::new(Disk::new(), vec![TestServer::with_state(1), liar]);
        world.ends_with_state(1);
        assert!(!world.liars().contains(&0), "{:?}", world.dropped);
    }
}

#[test]
fn a_page_of_an_index_that_does_not_fit_its_hash_is_the_fault_of_its_sender() {
    let liar = TestServer::lying(|mut message| {
        if let Message::Index { chunks, .. } = &mut message {
            chunks[1].sum = LatticeHash::new();
        }
        vec![message]
    });
    let mut world = World::new(Disk::new(), vec![liar, TestServer::with_state(1)]);
    world.ends_with_state(1);
    assert!(matches!(
        world.dropped.values().next(),
        Some(Lie::Index(IndexFault::WrongHash))
    ));
    assert_eq!(world.liars(), [0].into());
}

#[test]
fn an_index_without_end_is_not_taken() {
    let liar = TestServer::lying(|mut message| {
        if let Message::Offers(offers) = &mut message {
            offers[0].chunks = u32::MAX;
        }
        vec![message]
    });
    let mut world = World::new(Disk::new(), vec![liar]);
    assert!(matches!(world.run_minutes(5), End::Late));
    assert_eq!(world.staged, 0);
    world.connect(TestServer::with_state(1));
    world.ends_with_state(1);
}

#[test]
fn with_liars_alone_no_state_is_accepted() {
    let liars = (0..3).map(|_| with_chunks(|pairs| pairs[0].1[0] ^= 1));
    let mut world = World::new(Disk::new(), liars.collect());
    assert!(matches!(world.run_minutes(5), End::Late));
    assert_eq!(world.liars(), [0, 1, 2].into());
    assert!(!world.is_accepted());
    world.connect(TestServer::with_state(1));
    world.ends_with_state(1);
}

#[test]
fn a_wrong_start_is_found_and_the_trusted_one_taken() {
    let trusted = SOURCE.chain.start(2).checkpoint.hash(&SOURCE.chain.id());
    let liar = TestServer::lying(|mut message| {
        if let Message::Start { start, .. } = &mut message {
            *start = SOURCE.chain.start(1);
        }
        vec![message]
    });
    let servers = vec![liar, TestServer::with_state(1)];
    let mut world = World::with_trust(Disk::new(), servers, Some(trusted));
    world.ends_with_state(1);
    assert_eq!(world.liars(), [0].into());
    assert!(matches!(
        world.dropped.values().next(),
        Some(Lie::Start(CheckpointError::NotTrusted { .. }))
    ));
    let first = world.disk.archive.steps_after(Slot::GENESIS, 1, 1_000);
    assert_eq!(
        first.unwrap(),
        [],
        "what is before the trusted one was not needed"
    );
}

#[test]
fn sets_that_do_not_belong_to_the_trusted_checkpoint_are_found() {
    let trusted = SOURCE.chain.start(2).checkpoint.hash(&SOURCE.chain.id());
    let liar = TestServer::lying(|mut message| {
        if let Message::Start { start, .. } = &mut message {
            start.sets.first[0].power += 1;
        }
        vec![message]
    });
    let servers = vec![liar, TestServer::with_state(1)];
    let mut world = World::with_trust(Disk::new(), servers, Some(trusted));
    world.ends_with_state(1);
    assert_eq!(world.liars(), [0].into());
}
