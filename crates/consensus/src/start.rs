//! Where each thread goes on after a restart, read from the archive.

use crate::thread_chain::RECENT_BLOCKS;
use crate::{Config, ConsensusError, ThreadStart};
use picot_models::{BlockId, Outcome, Slot, ThreadDigest};
use picot_storage::{BlockArchive, Decided};
use std::collections::VecDeque;

/// Outcomes read at once.
const READ_AT_ONCE: usize = 256;

/// What all threads start from.
///
/// The digest of a thread is in the certificate of its last outcome, so nothing before it need be
/// hashed again: the time depends on the windows, not on the length of the chain.
///
/// # Errors
/// The archive failed or has a gap.
pub fn thread_starts(
    config: &Config,
    archive: &dyn BlockArchive,
) -> Result<Vec<ThreadStart>, ConsensusError> {
    (0..config.params.thread_count)
        .zip(&config.genesis_blocks)
        .map(|(thread, genesis)| thread_start(config, archive, thread, *genesis))
        .collect()
}

fn thread_start(
    config: &Config,
    archive: &dyn BlockArchive,
    thread: u8,
    genesis: BlockId,
) -> Result<ThreadStart, ConsensusError> {
    let before_all = ThreadDigest::genesis(&config.chain_id, thread);
    let mut start = ThreadStart::genesis(before_all, genesis);
    let Some(last) = archive.last_outcome(thread)? else {
        return Ok(start);
    };
    start.digest = digest_after(&last);
    start.next_period = last.through().saturating_add(1);
    let recent = u64::try_from(RECENT_BLOCKS).unwrap_or(u64::MAX);
    let from = start.next_period.saturating_sub(recent).max(1);
    let mut places = VecDeque::new();
    read_recent(config, archive, thread, from, &mut start, &mut places)?;
    // At least one block before those, so that there is always one that is early enough.
    match block_before(archive, Slot::new(from, thread))? {
        Some(block) => {
            places.push_front((block.0, block.1));
            if places.len() == 1 {
                start.last_block = (block.1, block.0, block.2);
            }
        }
        None => places.push_front((0, genesis)),
    }
    start.places = places.into();
    Ok(start)
}

fn digest_after(outcome: &Outcome) -> ThreadDigest {
    let before = outcome.certificate().thread_digest;
    before.after(outcome.slot(), &outcome.value())
}

fn read_recent(
    config: &Config,
    archive: &dyn BlockArchive,
    thread: u8,
    from: u64,
    start: &mut ThreadStart,
    places: &mut VecDeque<(u64, BlockId)>,
) -> Result<(), ConsensusError> {
    let validity = config.params.operation_validity_periods;
    let oldest_operation = start.next_period.saturating_sub(validity);
    let mut period = from.min(oldest_operation).max(1);
    while period < start.next_period {
        let decided = archive.decided_from(thread, period, READ_AT_ONCE)?;
        let Some(last) = decided.last() else {
            return Err(gap(Slot::new(period, thread)));
        };
        period = last.through().saturating_add(1);
        for block in decided.into_iter().filter_map(|decided| decided.block) {
            let at = block.slot().period;
            if at >= oldest_operation && !block.operations.is_empty() {
                let ids = block.operations.iter().map(|operation| operation.id());
                start.operations.push((at, ids.collect()));
            }
            if at >= from {
                places.push_back((at, block.id()));
                let parents = block.header.content().parents.clone();
                start.last_block = (block.id(), at, parents);
            }
        }
    }
    Ok(())
}

/// The last decided block before a slot of its thread, over however many misses; `None` if only the
/// genesis block is.
fn block_before(
    archive: &dyn BlockArchive,
    slot: Slot,
) -> Result<Option<(u64, BlockId, Vec<BlockId>)>, ConsensusError> {
    let mut period = slot.period.saturating_sub(1);
    while period > 0 {
        let at = Slot::new(period, slot.thread);
        let decided: Decided = archive.decided_at(at)?.ok_or_else(|| gap(at))?;
        if let Some(block) = decided.block {
            let parents = block.header.content().parents.clone();
            return Ok(Some((block.slot().period, block.id(), parents)));
        }
        period = decided.outcome.slot().period.saturating_sub(1);
    }
    Ok(None)
}

fn gap(slot: Slot) -> ConsensusError {
    ConsensusError::ArchiveGap { slot }
}
