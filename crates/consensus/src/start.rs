//! Where each thread goes on after a restart: what the final state says, and what the archive has
//! decided since.

use crate::{Config, ConsensusError, ThreadStart};
use picot_execution::Base;
use picot_models::{BlockId, Slot};
use picot_storage::{BlockArchive, Decided};

/// Outcomes read at once.
const READ_AT_ONCE: usize = 256;

/// What all threads start from: a base, and the outcomes of the archive after it, of which there may
/// be none. What is before the base is not needed, and may be gone.
///
/// The time depends on what was decided since the base, not on the length of the chain.
///
/// # Errors
/// The base is of another chain, or the archive failed, has a gap, or goes on from something else.
pub fn thread_starts(
    config: &Config,
    base: &Base,
    archive: &dyn BlockArchive,
) -> Result<Vec<ThreadStart>, ConsensusError> {
    let threads = usize::from(config.params.thread_count);
    if base.threads.len() != threads {
        return Err(ConsensusError::Config(format!(
            "a base of {} threads, the chain has {threads}",
            base.threads.len()
        )));
    }
    let mut starts = Vec::with_capacity(threads);
    for (thread, (base, genesis)) in (0_u8..).zip(base.threads.iter().zip(&config.genesis_blocks)) {
        let mut start = ThreadStart {
            genesis: *genesis,
            digest: base.digest,
            next_period: base.next_period,
            last_block: (
                base.last_block,
                base.last_block_period,
                base.last_block_parents.clone(),
            ),
            places: base.blocks.clone(),
            named: Vec::new(),
            operations: base.operations.clone(),
        };
        follow(archive, thread, &mut start)?;
        let validity = config.params.operation_validity_periods;
        let oldest = start.next_period.saturating_sub(validity);
        start.operations.retain(|(period, _)| *period >= oldest);
        starts.push(start);
    }
    find_named(&mut starts, archive)?;
    Ok(starts)
}

/// Goes on with what the archive has decided.
fn follow(
    archive: &dyn BlockArchive,
    thread: u8,
    start: &mut ThreadStart,
) -> Result<(), ConsensusError> {
    loop {
        let decided = archive.decided_from(thread, start.next_period, READ_AT_ONCE)?;
        let is_last = decided.len() < READ_AT_ONCE;
        for one in decided {
            append(thread, start, &one)?;
        }
        if is_last {
            return Ok(());
        }
    }
}

fn append(thread: u8, start: &mut ThreadStart, decided: &Decided) -> Result<(), ConsensusError> {
    let slot = Slot::new(start.next_period, thread);
    if decided.slot() > slot {
        return Err(ConsensusError::ArchiveGap { slot });
    }
    if decided.slot() < slot || decided.outcome.certificate().thread_digest != start.digest {
        return Err(ConsensusError::OtherHistory { slot });
    }
    start.digest = start.digest.after(slot, &decided.outcome.value());
    start.next_period = decided.through().saturating_add(1);
    if let Some(block) = &decided.block {
        let parents = block.header.content().parents.clone();
        start.last_block = (block.id(), slot.period, parents);
        start.places.push((slot.period, block.id()));
        if !block.operations.is_empty() {
            let ids = block.operations.iter().map(|operation| operation.id());
            start.operations.push((slot.period, ids.collect()));
        }
    }
    Ok(())
}

/// Finds the blocks that the last block of each thread names in the others: the next one may name
/// none that are older, so their places must be known for as long as it takes.
///
/// One that neither the base nor the archive knows is older than all that they do know, if its thread is
/// decided past the block that names it. For what is known it is as good as the oldest one. If its thread
/// is behind, it may as well be a later one, of which nothing is known yet.
fn find_named(
    starts: &mut [ThreadStart],
    archive: &dyn BlockArchive,
) -> Result<(), ConsensusError> {
    let mut named: Vec<(u8, BlockId, Slot)> = Vec::new();
    for (own, start) in (0_u8..).zip(&*starts) {
        let (_, period, parents) = &start.last_block;
        let others = (0_u8..).zip(parents).filter(|(thread, _)| *thread != own);
        named.extend(others.map(|(thread, id)| (thread, *id, Slot::new(*period, own))));
    }
    for (thread, id, by) in named {
        let Some(start) = starts.get_mut(usize::from(thread)) else {
            continue;
        };
        let is_known = id == start.genesis
            || start.places.iter().any(|(_, known)| *known == id)
            || start.named.iter().any(|(_, known)| *known == id);
        if !is_known {
            let slot = archive.block(&id)?.map(|block| block.slot());
            let is_past = Slot::new(start.next_period, thread) > by;
            match slot.filter(|slot| slot.thread == thread) {
                Some(slot) => start.named.push((slot.period, id)),
                None if is_past => start.named.push((0, id)),
                None => {}
            }
        }
    }
    Ok(())
}
