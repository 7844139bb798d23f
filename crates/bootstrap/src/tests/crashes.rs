//! The new node is killed at any point, and goes on.

use super::state::SOURCE;
use super::world::{Disk, End, TestServer, World};
use crate::Message;
use picot_ledger::{StateBatch, StateStore};
use proptest::prelude::*;

fn honest() -> Vec<TestServer> {
    (0..2).map(|_| TestServer::with_state(1)).collect()
}

#[test]
fn killed_after_any_output_it_goes_on_and_ends_with_the_state() {
    let mut killed = 0;
    for outputs in (3..200).step_by(7) {
        let mut world = World::new(Disk::new(), honest());
        world.dies_after = Some(outputs);
        if matches!(world.run_minutes(5), End::Done(_)) {
            break;
        }
        killed += 1;
        let staged = world.staged;
        assert!(!world.is_accepted() || staged > 0);
        let mut again = World::new(world.disk, honest());
        again.ends_with_state(1);
        assert_eq!(again.kept, staged, "what came before is kept");
        assert_eq!(again.staged + staged, SOURCE.indices[1].chunks().len());
    }
    assert!(killed >= 5, "{killed}");
}

#[test]
fn what_a_crash_left_in_pieces_or_the_disk_changed_is_found_and_asked_for_again() {
    let mut world = World::new(Disk::new(), honest());
    world.dies_at_chunk = Some(6);
    assert!(matches!(world.run_minutes(5), End::Killed));
    let mut batch = StateBatch::new();
    let pairs = world.disk.state.scan(&[], &[], usize::MAX).unwrap();
    batch.delete(pairs[10].0.clone());
    batch.put(pairs[pairs.len() / 2].0.clone(), b"changed".to_vec());
    batch.put(b"\xffwhat nobody sent".to_vec(), b"extra".to_vec());
    batch.put(b"\x00".to_vec(), b"extra".to_vec());
    world.disk.state.commit(batch).unwrap();
    let mut again = World::new(world.disk, honest());
    again.ends_with_state(1);
    assert!(
        again.kept < world.staged,
        "{} of {}",
        again.kept,
        world.staged
    );
}

#[test]
fn what_a_disk_loses_is_found_before_the_state_is_accepted() {
    let mut world = World::new(Disk::new(), honest());
    world.loses_pairs = 2;
    world.ends_with_state(1);
    let all = SOURCE.indices[1].chunks().len();
    assert_eq!(world.staged, all + 2, "only what was lost came again");
}

#[test]
fn a_disk_that_loses_data_again_and_again_is_this_nodes_own_trouble() {
    let mut world = World::new(Disk::new(), honest());
    world.loses_pairs = u32::MAX;
    let end = world.run_minutes(5);
    assert!(
        matches!(end, End::Failed(crate::BootstrapError::NotTheState)),
        "{end:?}"
    );
    assert!(world.dropped.is_empty());
    assert!(!world.is_accepted());
}

#[test]
fn the_chain_that_was_followed_is_not_asked_for_again() {
    let mut world = World::new(Disk::new(), honest());
    world.dies_at_chunk = Some(1);
    assert!(matches!(world.run_minutes(5), End::Killed));
    let follower = world.disk.archive.follower().unwrap();
    assert!(follower.last().is_some());
    let mut again = World::new(world.disk, honest());
    again.ends_with_state(1);
}

/// What a peer is.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Honest,
    Older,
    Silent,
    Leaves(usize),
    FlipsChunks(usize),
    Repeats(usize),
    CutsChains,
    SaysBusy(u64),
}

impl Kind {
    const fn may_be_dropped(self) -> bool {
        matches!(
            self,
            Self::FlipsChunks(_) | Self::Repeats(_) | Self::CutsChains
        )
    }

    fn server(self) -> TestServer {
        match self {
            Self::Honest => TestServer::with_state(1),
            Self::Older => TestServer::with_state(0),
            Self::Silent => TestServer::silent(),
            Self::Leaves(messages) => TestServer::leaving_after(messages),
            Self::FlipsChunks(every) => {
                let mut count = 0;
                TestServer::lying(move |mut message| {
                    if let Message::Chunk { pairs, .. } = &mut message {
                        count += 1;
                        if count % every == 0 {
                            let place = (count * 7_919) % pairs.len();
                            pairs[place] ^= 1;
                        }
                    }
                    vec![message]
                })
            }
            Self::Repeats(every) => {
                let mut count = 0;
                TestServer::lying(move |message| {
                    count += 1;
                    let times = if count % every == 0 { 2 } else { 1 };
                    vec![message; times]
                })
            }
            Self::CutsChains => TestServer::lying(|mut message| {
                if let Message::Chain { steps, .. } = &mut message
                    && let Some(step) = steps.first_mut()
                {
                    step.certificate.signatures.truncate(1);
                }
                vec![message]
            }),
            Self::SaysBusy(wait) => {
                let mut is_busy = false;
                TestServer::lying(move |message| {
                    is_busy = !is_busy;
                    match message.answers() {
                        Some(question) if is_busy => vec![Message::Refused {
                            question,
                            refusal: crate::Refusal::Busy(picot_clock::Millis(wait)),
                        }],
                        _ => vec![message],
                    }
                })
            }
        }
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Honest),
        Just(Kind::Older),
        Just(Kind::Silent),
        (0..20_usize).prop_map(Kind::Leaves),
        (1..5_usize).prop_map(Kind::FlipsChunks),
        (1..9_usize).prop_map(Kind::Repeats),
        Just(Kind::CutsChains),
        (0..100_000_u64).prop_map(Kind::SaysBusy),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the others are, as long as one honest peer with the newest state is there in the end: the
    /// state is that of the source, no honest peer is dropped, and nothing wrong is ever accepted.
    #[test]
    fn one_honest_peer_is_enough(
        lives in prop::collection::vec(
            (prop::collection::vec((kind(), 1..3_000_u64), 0..5), 0..150_usize),
            0..4,
        ),
        others in prop::collection::vec((kind(), 1..3_000_u64), 0..5),
    ) {
        let mut disk = Disk::new();
        for (kinds, outputs) in lives {
            let servers = kinds.iter().map(|(kind, wait)| kind.server().with_latency(*wait));
            let mut world = World::new(disk, servers.collect());
            world.dies_after = Some(outputs);
            let end = world.run_minutes(3);
            check(&world, &kinds)?;
            if let End::Done(checkpoint) = end {
                let number = usize::from(checkpoint == SOURCE.checkpoint(1));
                prop_assert_eq!(&checkpoint, &SOURCE.checkpoint(number));
                let same = super::state::pairs_of(&*world.disk.state)
                    == super::state::pairs_of(&*SOURCE.states[number]);
                prop_assert!(same);
            }
            disk = world.disk;
        }
        let mut kinds = others;
        kinds.push((Kind::Honest, 50));
        let servers = kinds.iter().map(|(kind, wait)| kind.server().with_latency(*wait));
        let mut world = World::new(disk, servers.collect());
        world.ends_with_state_of(&[0, 1]);
        check(&world, &kinds)?;
    }
}

fn check(world: &World, kinds: &[(Kind, u64)]) -> Result<(), TestCaseError> {
    for (peer, lie) in &world.dropped {
        let (kind, _) = kinds[usize::try_from(peer.0).unwrap()];
        prop_assert!(kind.may_be_dropped(), "{:?} was dropped: {}", kind, lie);
    }
    Ok(())
}
