//! Checks a stopped node's data against itself: state against archive, archive against signing log.

mod walk;

use crate::NodeError;
use crate::data_layout::DataLayout;
use crate::home;
use picot_checkpoint::CheckpointArchive;
use picot_crypto::Hash;
use picot_database::{DataDir, DatabaseConfig};
use picot_execution::{
    Base, Config, DecidedSlots, ExecutionCore, ExecutionSummary, recompute_state_hash,
    reexecute_until,
};
use picot_models::{Block, Genesis, Slot};
use picot_selector::{Selector, StakeSelector};
use picot_storage::{BlockArchive, Decided};
use picot_wallet::{ClaimKind, SigningLog};
use serde::Serialize;
use std::sync::Arc;
use walk::Walk;

/// Outcomes read at once.
const BATCH: usize = 64;
/// Cycles whose draws are kept: certificates of a batch of each thread wait until the draws of their
/// cycles are known, and no longer than that.
const KEPT_CYCLES: usize = 4 * BATCH;

/// What was found, all of it in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataReport {
    /// The slot whose state is the final one.
    pub last_final_slot: Slot,
    /// The state hash: stored, computed anew from all pairs, and that of the archive executed again
    /// if it is whole.
    pub state_hash: String,
    /// Whether the archive reaches back to the genesis, and was executed again.
    pub executed_again: bool,
    /// The first period from which on no thread's outcome is missing in the archive.
    pub archive_from: u64,
    /// Outcomes in the archive up to the last final slot.
    pub outcomes: u64,
    /// Certificates of outcomes that were verified against the validators of their cycle.
    pub certificates_verified: u64,
    /// Those of cycles whose validators are not known any more.
    pub certificates_unknown: u64,
    /// Blocks among them.
    pub blocks: u64,
    /// Blocks of our own keys, each the only header that was claimed for its slot.
    pub own_blocks: u64,
    /// Outcomes after the last final slot, to be executed at the next start.
    pub outcomes_to_execute: u64,
}

/// Checks a data directory that no node uses.
///
/// # Errors
/// It cannot be read, is in use, or contradicts itself: the error says where.
pub fn check(layout: &DataLayout) -> Result<DataReport, NodeError> {
    let genesis = home::open_chain(layout, None)?.genesis;
    let data = DataDir::open(
        layout.root(),
        &genesis.chain_id(),
        &DatabaseConfig::default(),
    )?;
    let draws = selector(&genesis)?;
    let (stored, base) = stored_state(&data, &genesis, Arc::clone(&draws) as _)?;
    let recomputed = recompute_state_hash(&*data.state())?;
    require_equal("of all pairs of the state", recomputed, &stored)?;
    let archive = data.archive();
    let signing_log = data.signing_log();
    let checkpoints = CheckpointArchive::new(data.checkpoints(), Arc::new(genesis.clone()));
    let mut report = DataReport {
        last_final_slot: stored.last_final_slot,
        state_hash: stored.state_hash.to_string(),
        executed_again: is_whole(&*archive, &base)?,
        archive_from: crate::pruning::ServedFrom::of(&*archive, &base)?.period(),
        outcomes: 0,
        certificates_verified: 0,
        certificates_unknown: 0,
        blocks: 0,
        own_blocks: 0,
        outcomes_to_execute: 0,
    };
    let history = History::new(&*archive, &genesis);
    let mut take = |walk: &mut Walk<'_>, decided: Result<Decided, NodeError>| {
        let decided = decided?;
        report.count(&decided, stored.last_final_slot, &*signing_log)?;
        walk.take(&decided)?;
        Ok(decided)
    };
    let walked = if is_whole(&*archive, &base)? {
        let draws = selector(&genesis)?;
        let mut walk = Walk::new(&genesis, Arc::clone(&draws), &base);
        let mut failure = None;
        let decided = history.map_while(|decided| {
            let taken = take(&mut walk, decided).map(slots_of);
            taken.map_err(|error| failure = Some(error)).ok()
        });
        let last = Some(stored.last_final_slot);
        let again = reexecute_until(&genesis, draws, decided, last);
        if let Some(error) = failure {
            return Err(error);
        }
        require_equal("of the archive executed again", again?, &stored)?;
        walk.end(&checkpoints)?
    } else {
        let mut walk = Walk::new(&genesis, draws, &base);
        for decided in history {
            take(&mut walk, decided)?;
        }
        walk.end(&checkpoints)?
    };
    report.certificates_verified = walked.verified;
    report.certificates_unknown = walked.unknown;
    Ok(report)
}

/// Draws of many cycles at once.
fn selector(genesis: &Genesis) -> Result<Arc<StakeSelector>, NodeError> {
    let mut config = picot_selector::Config::from_params(&genesis.params);
    config.kept_cycles = config.kept_cycles.max(KEPT_CYCLES);
    Ok(Arc::new(StakeSelector::new(config)?))
}

fn stored_state(
    data: &DataDir,
    genesis: &Genesis,
    selector: Arc<dyn Selector>,
) -> Result<(ExecutionSummary, Base), NodeError> {
    let core = ExecutionCore::open(data.state(), genesis, selector, Config::default())?;
    Ok((core.reader().summary(), core.base()))
}

/// Whether the archive has all outcomes from the genesis on.
fn is_whole(archive: &dyn BlockArchive, base: &Base) -> Result<bool, NodeError> {
    for (thread, base) in (0_u8..).zip(&base.threads) {
        let first = archive.first_outcome(thread)?;
        if first.map_or(base.next_period, |first| first.slot().period) > 1 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn require_equal(what: &str, found: Hash, stored: &ExecutionSummary) -> Result<(), NodeError> {
    if found == stored.state_hash {
        return Ok(());
    }
    Err(NodeError::Contradiction(format!(
        "the state of slot {} says its hash is {}, but that {what} is {found}",
        stored.last_final_slot, stored.state_hash
    )))
}

fn slots_of(decided: Decided) -> DecidedSlots {
    DecidedSlots {
        slot: decided.slot(),
        through: decided.through(),
        block: decided.block,
    }
}

impl DataReport {
    fn count(
        &mut self,
        decided: &Decided,
        last_final: Slot,
        log: &dyn SigningLog,
    ) -> Result<(), NodeError> {
        let counter = if decided.slot() > last_final {
            &mut self.outcomes_to_execute
        } else {
            &mut self.outcomes
        };
        *counter = counter.saturating_add(1);
        if let Some(block) = &decided.block {
            self.blocks = self.blocks.saturating_add(1);
            if is_own(block, log)? {
                self.own_blocks = self.own_blocks.saturating_add(1);
            }
        }
        Ok(())
    }
}

/// Whether one of our keys signed the block.
///
/// # Errors
/// It claimed another header for the slot: two of ours would be there.
fn is_own(block: &Block, log: &dyn SigningLog) -> Result<bool, NodeError> {
    let producer = block.header.signer_address();
    let is_of_slot = |kind, slot| kind == ClaimKind::Header && slot == block.slot();
    let claims = log
        .records(&producer, block.slot())
        .map_err(picot_wallet::WalletError::from)?;
    let Some(claim) = claims
        .into_iter()
        .find(|claim| is_of_slot(claim.kind, claim.slot))
    else {
        return Ok(false);
    };
    if claim.id == *block.id().as_hash() {
        return Ok(true);
    }
    Err(NodeError::Contradiction(format!(
        "the archive has block {} of {producer} at slot {}, but the signing log has another header",
        block.id(),
        block.slot()
    )))
}

/// The archive from its beginning: a batch of each thread in turns, so that the threads stay
/// together.
struct History<'a> {
    archive: &'a dyn BlockArchive,
    next: Vec<Option<u64>>,
    thread: usize,
    batch: std::vec::IntoIter<Decided>,
}

impl<'a> History<'a> {
    fn new(archive: &'a dyn BlockArchive, genesis: &Genesis) -> Self {
        let next = vec![Some(1); usize::from(genesis.params.thread_count)];
        Self {
            archive,
            next,
            thread: 0,
            batch: Vec::new().into_iter(),
        }
    }

    /// Reads the next batch of the thread whose turn it is.
    fn read(&mut self) -> Result<bool, NodeError> {
        while self.next.iter().any(Option::is_some) {
            let thread = self.thread;
            self.thread = thread
                .saturating_add(1)
                .checked_rem(self.next.len())
                .unwrap_or(0);
            let Some(Some(period)) = self.next.get(thread).copied() else {
                continue;
            };
            let number = u8::try_from(thread).unwrap_or(u8::MAX);
            let batch = self.archive.decided_from(number, period, BATCH)?;
            let following = batch.last().map(|last| last.through().saturating_add(1));
            if let Some(next) = self.next.get_mut(thread) {
                *next = following.filter(|_| batch.len() == BATCH);
            }
            if !batch.is_empty() {
                self.batch = batch.into_iter();
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Iterator for History<'_> {
    type Item = Result<Decided, NodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(decided) = self.batch.next() {
            return Some(Ok(decided));
        }
        match self.read() {
            Ok(true) => self.batch.next().map(Ok),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::open_dev_chain;
    use picot_ledger::{StateBatch, StateStore};
    use picot_models::Timestamp;

    /// A data directory of a chain that has not had a slot yet.
    fn fresh() -> (tempfile::TempDir, DataLayout, DataDir) {
        let directory = tempfile::tempdir().unwrap();
        let layout = DataLayout::new(directory.path().join("data"));
        let genesis = open_dev_chain(&layout, Timestamp(1_800_000_000_000))
            .unwrap()
            .genesis;
        let data =
            DataDir::open(layout.root(), &genesis.chain_id(), &DatabaseConfig::dev()).unwrap();
        stored_state(&data, &genesis, selector(&genesis).unwrap()).unwrap();
        (directory, layout, data)
    }

    #[test]
    fn a_state_that_nobody_touched_passes() {
        let (_directory, layout, data) = fresh();
        drop(data);
        let report = check(&layout).unwrap();
        assert_eq!(
            (report.last_final_slot, report.outcomes),
            (Slot::new(0, 3), 0)
        );
    }

    #[test]
    fn one_pair_too_many_is_found() {
        let (_directory, layout, data) = fresh();
        let mut batch = StateBatch::new();
        batch.put(vec![0xfe], vec![1]);
        data.state().commit(batch).unwrap();
        drop(data);
        let error = check(&layout).unwrap_err();
        assert!(matches!(error, NodeError::Contradiction(_)), "{error}");
    }

    #[test]
    fn a_directory_in_use_is_not_checked() {
        let (_directory, layout, _data) = fresh();
        let error = check(&layout).unwrap_err();
        assert!(error.to_string().contains("data directory"), "{error}");
    }
}
