//! Which decisions an archive takes: written once for every archive.

use crate::{Decided, StorageError};
use picot_models::{BlockId, Outcome, Slot, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What [`admit`] must know of an archive.
pub trait OutcomeIndex {
    /// The thread's last outcome.
    ///
    /// # Errors
    /// The archive failed.
    fn cursor(&self, thread: u8) -> Result<Option<Arc<Outcome>>, StorageError>;

    /// The outcome that settled a slot.
    ///
    /// # Errors
    /// The archive failed.
    fn settled_by(&self, slot: Slot) -> Result<Option<Arc<Outcome>>, StorageError>;

    /// Whether the body of a block is held.
    ///
    /// # Errors
    /// The archive failed.
    fn holds(&self, id: &BlockId) -> Result<bool, StorageError>;
}

/// Checks a batch of decisions against an archive, and gives those that are new to it.
///
/// # Errors
/// [`StorageError::Contradiction`], [`StorageError::Gap`], [`StorageError::MissingBody`],
/// [`StorageError::WrongBody`], or the index failed; then nothing of the batch may be stored.
pub fn admit<'a>(
    decided: &'a [Decided],
    index: &dyn OutcomeIndex,
) -> Result<Vec<&'a Decided>, StorageError> {
    let mut admitted = Admitted::default();
    for one in decided {
        if let Some(stored) = admitted.settled_by(one.slot(), index)? {
            check_repeat(one, &stored)?;
            continue;
        }
        if let Some(last) = admitted.cursor(one.slot().thread, index)? {
            check_follows(one, &last)?;
        }
        check_body(one, index)?;
        admitted.push(one);
    }
    Ok(admitted.new)
}

/// What the archive would hold if the batch ended here.
#[derive(Default)]
struct Admitted<'a> {
    new: Vec<&'a Decided>,
    by_thread: BTreeMap<u8, BTreeMap<u64, Arc<Outcome>>>,
}

impl<'a> Admitted<'a> {
    fn push(&mut self, decided: &'a Decided) {
        let slot = decided.slot();
        let thread = self.by_thread.entry(slot.thread).or_default();
        thread.insert(slot.period, Arc::clone(&decided.outcome));
        self.new.push(decided);
    }

    fn cursor(
        &self,
        thread: u8,
        index: &dyn OutcomeIndex,
    ) -> Result<Option<Arc<Outcome>>, StorageError> {
        match self
            .by_thread
            .get(&thread)
            .and_then(BTreeMap::last_key_value)
        {
            Some((_, outcome)) => Ok(Some(Arc::clone(outcome))),
            None => index.cursor(thread),
        }
    }

    fn settled_by(
        &self,
        slot: Slot,
        index: &dyn OutcomeIndex,
    ) -> Result<Option<Arc<Outcome>>, StorageError> {
        let in_batch = self
            .by_thread
            .get(&slot.thread)
            .and_then(|thread| thread.range(..=slot.period).next_back())
            .map(|(_, outcome)| outcome)
            .filter(|outcome| outcome.through() >= slot.period);
        match in_batch {
            Some(outcome) => Ok(Some(Arc::clone(outcome))),
            None => index.settled_by(slot),
        }
    }
}

fn check_repeat(offered: &Decided, stored: &Outcome) -> Result<(), StorageError> {
    if stored.slot() == offered.slot() && stored.value() == offered.outcome.value() {
        return Ok(());
    }
    Err(StorageError::Contradiction {
        slot: offered.slot(),
        stored: Box::new(stored.value()),
        offered: Box::new(offered.outcome.value()),
    })
}

fn check_follows(offered: &Decided, last: &Outcome) -> Result<(), StorageError> {
    let slot = offered.slot();
    let expected = last.through().saturating_add(1);
    if slot.period == expected {
        return Ok(());
    }
    Err(StorageError::Gap { slot, expected })
}

fn check_body(offered: &Decided, index: &dyn OutcomeIndex) -> Result<(), StorageError> {
    let slot = offered.slot();
    let value = offered.outcome.value();
    match (value, &offered.block) {
        (Value::Block { id }, Some(block)) if block.id() == id && block.slot() == slot => Ok(()),
        (_, Some(block)) => Err(StorageError::WrongBody {
            slot,
            decided: Box::new(value),
            found: Box::new(block.id()),
        }),
        (Value::Block { id }, None) if !index.holds(&id)? => Err(StorageError::MissingBody {
            slot,
            block: Box::new(id),
        }),
        (_, None) => Ok(()),
    }
}
