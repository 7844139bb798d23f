//! Starts from the final state alone, with an archive that reaches back no further: nobody can tell
//! the difference.

use crate::mocks::{Delivery, Kit};
use crate::{ConsensusError, Input, Message, Output, Peer, Request, thread_starts};
use picot_clock::Millis;
use picot_execution::{Base, Config, DecidedSlots, ExecutionCore};
use picot_ledger::MemoryStateStore;
use picot_models::mocks::{address, key_in_thread, transfer};
use picot_models::{ChainParams, Slot, Value};
use picot_selector::StakeSelector;
use picot_storage::mocks::decided_miss;
use picot_storage::{BlockArchive, Decided, MemoryArchive};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const THREADS: u8 = 2;

/// Four nodes, two threads, short cycles, and operations in many blocks.
fn kit() -> Kit {
    let params = ChainParams {
        thread_count: THREADS,
        periods_per_cycle: 8,
        operation_validity_periods: 6,
        denunciation_expire_periods: 8,
        ..ChainParams::dev()
    };
    let mut kit = Kit::with_params(params, &[1, 1, 1, 1]);
    let chain_id = kit.genesis.chain_id();
    for period in 1..200 {
        for thread in 0..THREADS {
            let sender = key_in_thread(thread, THREADS, 50);
            let operation = transfer(&sender, address(9), period, 1, period + 3, &chain_id);
            kit.operations
                .insert(Slot::new(period, thread), vec![operation]);
        }
    }
    kit
}

fn history(archive: &dyn BlockArchive) -> Vec<Decided> {
    let threads = 0..THREADS;
    threads
        .flat_map(|thread| archive.decided_from(thread, 0, usize::MAX).unwrap())
        .collect()
}

/// The base after a slot, as execution makes it of what an archive has decided.
fn base_after(kit: &Kit, archive: &dyn BlockArchive, last: Slot) -> Base {
    let store = Arc::new(MemoryStateStore::new());
    let draws = picot_selector::Config::from_params(&kit.genesis.params);
    let selector = Arc::new(StakeSelector::new(draws).unwrap());
    let mut core = ExecutionCore::open(store, &kit.genesis, selector, Config::default()).unwrap();
    core.stop_after(Some(last));
    let decided = history(archive).into_iter().map(|decided| DecidedSlots {
        slot: decided.slot(),
        through: decided.through(),
        block: decided.block,
    });
    let applied = core.apply(decided.collect(), Vec::new());
    assert!(applied.failure.is_none(), "{:?}", applied.failure);
    assert_eq!(core.last_final_slot(), last);
    core.base()
}

/// The archive without what is before the base.
fn pruned(archive: &MemoryArchive, base: &Base) -> MemoryArchive {
    let pruned = MemoryArchive::new();
    let kept = history(archive)
        .into_iter()
        .filter(|decided| {
            let thread = usize::from(decided.slot().thread);
            decided.slot().period >= base.threads[thread].next_period
        })
        .collect::<Vec<_>>();
    pruned.store_decided(&kept).unwrap();
    pruned
}

/// What all nodes decided and said since they were cleared.
fn story(kit: &Kit) -> Vec<(Vec<Decided>, Vec<Arc<Message>>)> {
    let nodes = kit.nodes.iter();
    nodes
        .map(|node| (node.decided.clone(), node.sent.clone()))
        .collect()
}

fn last_decided(kit: &Kit, node: usize) -> u64 {
    let threads = 0..THREADS;
    let next = threads.map(|thread| kit.nodes[node].next_period(thread));
    next.min().unwrap() - 1
}

/// Runs two networks that are alike but for what node 0 restarts from, and compares all that is said.
fn compare(mut prepare: impl FnMut(&mut Kit), periods_back: u64) -> Kit {
    let (mut whole, mut based) = (kit(), kit());
    for kit in [&mut whole, &mut based] {
        prepare(kit);
        kit.crash(0);
        for node in &mut kit.nodes {
            node.sent.clear();
            node.decided.clear();
        }
    }
    let archive = based.nodes[0].archive.clone();
    let last = Slot::new(last_decided(&based, 0) - periods_back, THREADS - 1);
    let base = base_after(&based, &archive, last);
    based.nodes[0].archive = pruned(&archive, &base);
    based.nodes[0].base = Some(base);
    for kit in [&mut whole, &mut based] {
        kit.start(0);
    }
    let chains = |kit: &Kit| kit.nodes[0].engine.as_ref().unwrap().chains().to_vec();
    for (whole, based) in chains(&whole).iter().zip(&chains(&based)) {
        assert_eq!(whole.digest(), based.digest());
        assert_eq!(whole.next_period(), based.next_period());
        assert_eq!(whole.last_block(), based.last_block());
        assert_eq!(whole.last_block_parents(), based.last_block_parents());
    }
    for kit in [&mut whole, &mut based] {
        kit.run_for(kit.t0_ms() * 12);
    }
    assert_eq!(story(&whole), story(&based));
    based.check_agreement();
    assert!(last_decided(&based, 0) > last.period + periods_back + 9);
    based
}

#[test]
fn a_node_that_starts_from_the_state_alone_says_and_decides_what_it_would_with_all_blocks() {
    for periods in [3, 8, 17, 30] {
        compare(|kit| kit.run_for(kit.t0_ms() * periods), 0);
    }
}

#[test]
fn the_archive_after_the_base_is_followed() {
    for periods_back in [1, 5, 12] {
        compare(|kit| kit.run_for(kit.t0_ms() * 20), periods_back);
    }
}

#[test]
fn a_node_that_starts_from_the_state_alone_catches_up_as_it_would_with_all_blocks() {
    let kit = compare(
        |kit| {
            kit.run_for(kit.t0_ms() * 10);
            kit.crash(0);
            kit.run_for(kit.t0_ms() * 9);
        },
        0,
    );
    assert!(
        kit.nodes[0].decided.len() > 30,
        "{}",
        kit.nodes[0].decided.len()
    );
}

#[test]
fn a_network_whose_nodes_all_know_nothing_but_the_state_after_a_long_sleep_goes_on() {
    let mut kit = kit();
    kit.run_for(kit.t0_ms() * 6);
    for node in 0..4 {
        kit.crash(node);
    }
    // So long that the state remembers no block but the last one of each thread.
    kit.sleep(kit.t0_ms() * 8 * 6);
    for node in 0..4 {
        kit.nodes[node].produces = false;
        kit.start(node);
    }
    let latest = kit.clock().latest_slot_at(kit.now).unwrap();
    let slept = Slot::new(latest.period - 2, THREADS - 1);
    assert!(kit.run_until(20_000, |kit| kit.all_decided(slept)));
    for node in 0..4 {
        kit.crash(node);
        let archive = kit.nodes[node].archive.clone();
        let base = base_after(&kit, &archive, slept);
        assert!(base.threads.iter().all(|thread| thread.blocks.len() == 1));
        kit.nodes[node].archive = pruned(&archive, &base);
        kit.nodes[node].base = Some(base);
        kit.nodes[node].produces = true;
        kit.start(node);
    }
    let period = kit.nodes[0].next_period(0);
    for thread in 0..THREADS {
        let value = kit.decide(Slot::new(period + 4, thread), kit.t0_ms() * 12);
        assert!(value.block().is_some(), "blocks are built and voted for");
    }
    kit.check_agreement();
}

#[test]
fn an_operation_of_a_block_before_the_base_is_not_taken_again() {
    let mut kit = kit();
    kit.run_for(kit.t0_ms() * 5);
    kit.crash(0);
    let archive = kit.nodes[0].archive.clone();
    let last = Slot::new(last_decided(&kit, 0), THREADS - 1);
    let base = base_after(&kit, &archive, last);
    let starts = thread_starts(&kit.config(), &base, &MemoryArchive::new()).unwrap();
    let from_all = Base::genesis(&kit.genesis);
    let expected = thread_starts(&kit.config(), &from_all, &archive).unwrap();
    let mut count = 0;
    for (start, expected) in starts.iter().zip(&expected) {
        let within = |operations: &[(u64, Vec<_>)]| -> Vec<_> {
            let before_end = operations
                .iter()
                .filter(|(period, _)| *period <= last.period);
            before_end.cloned().collect()
        };
        assert_eq!(start.operations, within(&expected.operations));
        count += start.operations.len();
    }
    assert!(count > 4, "{count}");
}

#[test]
fn an_archive_that_does_not_go_on_from_the_base_is_refused() {
    let mut kit = kit();
    kit.run_for(kit.t0_ms() * 8);
    let archive = kit.nodes[0].archive.clone();
    let base = base_after(&kit, &archive, Slot::new(4, THREADS - 1));
    let refused = |archive: &MemoryArchive| thread_starts(&kit.config(), &base, archive).err();
    let beginning = |first: u64| {
        let archive = MemoryArchive::new();
        let other = decided_miss(Slot::new(first, 0), first);
        archive.store_decided(&[other]).unwrap();
        archive
    };
    assert!(refused(&pruned(&archive, &base)).is_none());
    assert!(refused(&MemoryArchive::new()).is_none(), "nothing since");
    assert!(refused(&beginning(3)).is_none(), "only what is older");
    let gap = refused(&beginning(6)).unwrap();
    assert!(matches!(gap, ConsensusError::ArchiveGap { .. }), "{gap}");
    let other = refused(&beginning(5)).unwrap();
    assert!(
        matches!(other, ConsensusError::OtherHistory { .. }),
        "{other}"
    );
    let mut few = base.clone();
    few.threads.pop();
    let error = thread_starts(&kit.config(), &few, &archive).err().unwrap();
    assert!(matches!(error, ConsensusError::Config(_)), "{error}");
}

#[test]
fn who_does_not_hold_what_is_needed_says_so_and_another_is_asked() {
    let mut refusals = 0;
    for holder in 1..4 {
        let mut kit = kit();
        kit.run_for(kit.t0_ms() * 4);
        kit.crash(0);
        kit.run_for(kit.t0_ms() * 8);
        for node in (1..4).filter(|node| *node != holder) {
            let archive = &kit.nodes[node].archive;
            archive.prune_before(Slot::new(10, 0), 100).unwrap();
        }
        let refusing = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&refusing);
        kit.post(move |from, _, message| {
            if matches!(message, Message::NotHeld(Request::Outcomes { .. })) {
                assert_ne!(from, holder);
                counted.fetch_add(1, Ordering::Relaxed);
            }
            Delivery::After(5)
        });
        kit.start(0);
        kit.run_for(kit.t0_ms() * 4);
        assert!(last_decided(&kit, 0) >= 14, "{}", kit.state());
        kit.check_agreement();
        refusals += refusing.load(Ordering::Relaxed);
    }
    assert!(refusals > 0);
}

#[test]
fn a_refusal_of_who_was_asked_first_leads_to_another_at_once_and_others_do_nothing() {
    let mut kit = kit();
    kit.post(|_, _, _| Delivery::Lost);
    kit.run_for(kit.t0_ms() * 3);
    let (thread, period) = (0, 1);
    let not_held = || Arc::new(Message::NotHeld(Request::Outcomes { thread, period }));
    let asks = |outputs: &[Output]| -> Vec<Option<Peer>> {
        outputs
            .iter()
            .filter_map(|output| match output {
                Output::Ask {
                    to,
                    request: Request::Outcomes { thread: 0, .. },
                } => Some(*to),
                _ => None,
            })
            .collect()
    };
    let now = kit.now;
    let engine = kit.nodes[0].engine.as_mut().unwrap();
    let slots = vec![Slot::new(2, thread)];
    let claim = Input::DecidedElsewhere {
        peer: Peer(1),
        slots,
    };
    assert_eq!(asks(&engine.step(now, claim)), [], "it may come by itself");
    let now = now.checked_add(Millis(150)).unwrap();
    let asked = asks(&engine.step(now, Input::Tick));
    assert!(asked.contains(&Some(Peer(1))), "{asked:?}");
    let mut say = |from: u64| {
        let message = not_held();
        let from = Peer(from);
        asks(&engine.step(now, Input::Message { from, message }))
    };
    assert_eq!(say(2), [], "it was not asked");
    assert_eq!(say(1), [None], "whoever knows is asked at once");
    for _ in 0..10 {
        assert_eq!(say(1), [], "said again, it does nothing");
    }
}

#[test]
fn a_decided_value_is_the_same_whatever_a_start_reads() {
    let kit = compare(|kit| kit.run_for(kit.t0_ms() * 4), 0);
    let values = (1..=last_decided(&kit, 0)).filter_map(|period| {
        let value = kit.nodes[0].decided_value(Slot::new(period, 0))?;
        Some(matches!(value, Value::Block { .. }))
    });
    assert!(values.clone().count() >= 9 && values.filter(|is_block| *is_block).count() >= 8);
}
