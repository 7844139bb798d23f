//! How much of the past a node needs of its archive, and from where on it can give it to others.

use crate::ConsensusError;
use picot_execution::Base;
use picot_models::{BlockId, ChainParams, Slot};
use picot_storage::{BlockArchive, StorageError};

/// Outcomes of each thread that are dropped at once.
const DROPPED_AT_ONCE: usize = 64;

/// The fewest cycles before the current one that a node of a chain may keep: as long as a fault can be
/// punished, whose proof an operator may want to look at, and two at least, so that a peer that begins at
/// a checkpoint finds what was decided since.
#[must_use]
pub const fn fewest_kept_cycles(params: &ChainParams) -> u64 {
    let periods = if params.periods_per_cycle == 0 {
        1
    } else {
        params.periods_per_cycle
    };
    let of_faults = params.denunciation_expire_periods.div_ceil(periods);
    if of_faults > 2 { of_faults } else { 2 }
}

/// The first slot of the cycles that are kept, of so many before that of the newest certified checkpoint;
/// none if there are no more.
///
/// What comes after a certified checkpoint is never dropped: who is behind could neither follow it nor
/// begin at a later state, since nobody trusts one that is not certified, and might be needed for the next
/// certificate.
#[must_use]
pub fn first_of_kept_cycles(cycles: u64, certified: Slot, params: &ChainParams) -> Option<Slot> {
    let cycle = certified.cycle(params.periods_per_cycle).ok()?;
    let first = cycle.checked_sub(cycles)?;
    let period = first.checked_mul(params.periods_per_cycle)?;
    (period > 0).then(|| Slot::new(period, 0))
}

/// The first slot that must stay of those, beside the base that the node goes on from: the block that
/// the last block of some thread names stays as long as it may be named again. `certified` is the slot of
/// the newest certified checkpoint, be it that this node has not come there.
///
/// # Errors
/// The archive cannot be read.
pub fn first_kept(
    cycles: u64,
    base: &Base,
    certified: Slot,
    params: &ChainParams,
    archive: &dyn BlockArchive,
) -> Result<Option<Slot>, StorageError> {
    let reached = certified.min(base.last_final_slot);
    let Some(kept_from) = first_of_kept_cycles(cycles, reached, params) else {
        return Ok(None);
    };
    let named = oldest_named(base, archive)?;
    Ok(Some(named.map_or(kept_from, |named| kept_from.min(named))))
}

/// From which period on an archive can be given to others: nothing of any thread is missing from there
/// on. `next` is the first period of each thread that no outcome has settled; 0 if nothing is missing at
/// all.
///
/// # Errors
/// The archive cannot be read.
pub fn served_from(archive: &dyn BlockArchive, next: &[u64]) -> Result<u64, StorageError> {
    let mut served_from = 0;
    for (thread, next) in (0_u8..).zip(next) {
        let first = archive.first_outcome(thread)?;
        let first = first.map_or(*next, |outcome| outcome.slot().period);
        served_from = first.max(served_from);
    }
    Ok(if served_from <= 1 { 0 } else { served_from })
}

/// Drops the archive if it ends before the state that a node goes on from, as it does where another
/// node's later state was taken over: nothing could follow it. Gives how many outcomes went.
///
/// # Errors
/// The archive failed, or the base is of another chain.
pub fn drop_left_behind(archive: &dyn BlockArchive, base: &Base) -> Result<u64, ConsensusError> {
    let mut is_behind = false;
    for (thread, base) in (0_u8..).zip(&base.threads) {
        let last = archive.last_outcome(thread)?;
        is_behind |= last.is_some_and(|last| last.through().saturating_add(1) < base.next_period);
    }
    let mut dropped = 0_u64;
    if is_behind {
        let threads = u8::try_from(base.threads.len()).unwrap_or(u8::MAX);
        let first_kept = base.last_final_slot.next(threads);
        let first_kept = first_kept.map_err(|error| ConsensusError::Config(error.to_string()))?;
        loop {
            let pruned = archive.prune_before(first_kept, DROPPED_AT_ONCE)?;
            if pruned.is_nothing() {
                break;
            }
            dropped = dropped.saturating_add(pruned.outcomes);
        }
        archive.reclaim()?;
    }
    Ok(dropped)
}

/// The oldest block that the last block of some thread names: as long as it may be named again, its
/// place must be found.
fn oldest_named(base: &Base, archive: &dyn BlockArchive) -> Result<Option<Slot>, StorageError> {
    let mut oldest: Option<Slot> = None;
    for own in &base.threads {
        for ((thread, other), id) in (0_u8..).zip(&base.threads).zip(&own.last_block_parents) {
            let slot = match place_in(&other.blocks, id) {
                Some(period) => Some(Slot::new(period, thread)),
                None => archive.block(id)?.map(|block| block.slot()),
            };
            oldest = slot
                .map(|slot| oldest.map_or(slot, |oldest| oldest.min(slot)))
                .or(oldest);
        }
    }
    Ok(oldest)
}

fn place_in(blocks: &[(u64, BlockId)], id: &BlockId) -> Option<u64> {
    let place = blocks.iter().find(|(_, known)| known == id);
    place.map(|(period, _)| *period)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::mocks::genesis;
    use picot_storage::MemoryArchive;
    use picot_storage::mocks::{candidate, decided_block, decided_miss};

    const THREADS: u8 = 4;

    /// An archive with a block in each period of each thread, and the base after them.
    fn filled(periods: u64) -> (MemoryArchive, Base) {
        let (archive, mut base) = (MemoryArchive::new(), Base::genesis(&genesis(&[(1, 1)])));
        for (thread, base) in (0..THREADS).zip(&mut base.threads) {
            let blocks = (1..=periods).map(|period| candidate(Slot::new(period, thread), 1, 0));
            let blocks: Vec<_> = blocks.collect();
            let decided: Vec<_> = blocks.iter().map(decided_block).collect();
            archive.store_decided(&decided).unwrap();
            base.next_period = periods + 1;
            base.blocks = (1..).zip(blocks.iter().map(|block| block.id())).collect();
        }
        base.last_final_slot = Slot::new(periods, THREADS - 1);
        (archive, base)
    }

    #[test]
    fn a_whole_archive_is_served_from_its_beginning_and_a_pruned_one_from_where_all_threads_are() {
        let (archive, base) = filled(20);
        let served = || served_from(&archive, &base.next_periods()).unwrap();
        assert_eq!(served(), 0);
        archive.prune_before(Slot::new(8, 2), 100).unwrap();
        assert_eq!(served(), 9, "threads 0 and 1 have lost period 8");
        let (empty, new) = (MemoryArchive::new(), Base::genesis(&genesis(&[(1, 1)])));
        let served = |archive: &MemoryArchive, base: &Base| {
            served_from(archive, &base.next_periods()).unwrap()
        };
        assert_eq!(served(&empty, &new), 0);
        assert_eq!(served(&empty, &base), 21);
        empty
            .store_decided(&[decided_miss(Slot::new(21, 0), 30)])
            .unwrap();
        assert_eq!(served(&empty, &base), 21);
    }

    #[test]
    fn what_the_last_blocks_name_is_found_in_the_base_or_in_the_archive_and_stays() {
        let (archive, mut base) = filled(20);
        let params = ChainParams {
            periods_per_cycle: 2,
            ..ChainParams::dev()
        };
        let oldest = |base: &Base| oldest_named(base, &archive).unwrap();
        let first_kept = |base: &Base| {
            let certified = base.last_final_slot;
            first_kept(1, base, certified, &params, &archive).unwrap()
        };
        assert_eq!(oldest(&base), None, "nothing is named");
        assert_eq!(first_kept(&base), Some(Slot::new(18, 0)));
        let id =
            |base: &Base, thread: usize, period: usize| base.threads[thread].blocks[period - 1].1;
        let named = [17, 16, 20, 19];
        let parents = (0..4)
            .map(|thread| id(&base, thread, named[thread]))
            .collect();
        base.threads[2].last_block_parents = parents;
        assert_eq!(oldest(&base), Some(Slot::new(16, 1)));
        assert_eq!(first_kept(&base), Some(Slot::new(16, 1)));
        let first = id(&base, 3, 2);
        base.threads[3].blocks.drain(..10);
        base.threads[1].last_block_parents = vec![first; 4];
        assert_eq!(oldest(&base), Some(Slot::new(2, 3)), "the archive knows it");
        archive.prune_before(Slot::new(3, 0), 100).unwrap();
        let now = oldest_named(&base, &archive).unwrap();
        assert_eq!(now, Some(Slot::new(16, 1)), "nobody knows it any more");
    }

    #[test]
    fn what_comes_after_the_newest_certified_checkpoint_stays_however_old_it_is() {
        let (archive, base) = filled(20);
        let params = ChainParams {
            periods_per_cycle: 2,
            ..ChainParams::dev()
        };
        let kept = |certified| first_kept(2, &base, certified, &params, &archive).unwrap();
        assert_eq!(kept(Slot::GENESIS), None);
        assert_eq!(kept(Slot::new(5, 3)), None, "there are no more before");
        assert_eq!(kept(Slot::new(7, 3)), Some(Slot::new(2, 0)));
        assert_eq!(kept(Slot::new(19, 3)), Some(Slot::new(14, 0)));
        let beyond = Slot::new(99, 3);
        assert_eq!(
            kept(beyond),
            kept(base.last_final_slot),
            "it has not come there"
        );
    }

    #[test]
    fn an_archive_that_ends_before_the_state_is_dropped_and_another_one_stays() {
        let (archive, mut base) = filled(20);
        assert_eq!(drop_left_behind(&archive, &base).unwrap(), 0);
        for thread in &mut base.threads {
            thread.next_period = 31;
        }
        base.last_final_slot = Slot::new(30, THREADS - 1);
        assert_eq!(drop_left_behind(&archive, &base).unwrap(), 80);
        assert_eq!(archive.last_outcome(2).unwrap(), None);
        assert_eq!(drop_left_behind(&archive, &base).unwrap(), 0);
    }
}
