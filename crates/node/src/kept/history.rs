//! The history of a factory, on disk.

use parking_lot::Mutex;
use picot_block_factory::{Event, FactoryError, Fate, HistoryEntry, HistoryLog};
use picot_database::{DatabaseError, NodeStore};
use picot_models::{BlockId, Slot};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The history of one factory: JSON by slot and place within the slot.
///
/// It survives the end of the process, and nobody waits for the disk: a failure of the machine may
/// cost the last lines.
pub struct KeptHistory {
    store: Arc<NodeStore>,
    prefix: Vec<u8>,
    max_entries: usize,
    /// One writer at a time.
    index: Mutex<Index>,
}

/// What is known of the entries without reading them.
struct Index {
    count: usize,
    undecided: BTreeSet<Slot>,
}

impl KeptHistory {
    /// The history of the factory of this name, of at most so many entries.
    ///
    /// # Errors
    /// The store failed.
    pub fn open(
        store: Arc<NodeStore>,
        factory: &str,
        max_entries: usize,
    ) -> Result<Self, DatabaseError> {
        let prefix = format!("history/{factory}/").into_bytes();
        let kept = store.first(&prefix, usize::MAX)?;
        let undecided = kept.iter().filter_map(|(_, value)| read(value));
        let undecided = undecided.filter(|entry| entry.fate == Fate::Undecided);
        let index = Index {
            count: kept.len(),
            undecided: undecided.map(|entry| entry.slot).collect(),
        };
        Ok(Self {
            store,
            prefix,
            max_entries,
            index: Mutex::new(index),
        })
    }

    /// Keys ascend by slot and place: numbers with their highest byte first.
    fn of_slot(&self, slot: Slot) -> Vec<u8> {
        let mut key = self.prefix.clone();
        key.extend_from_slice(&slot.period.to_be_bytes());
        key.push(slot.thread);
        key
    }

    /// The place after the last one of a slot.
    fn next_place(&self, slot: Slot) -> Result<u32, DatabaseError> {
        let of_slot = self.of_slot(slot);
        let last = self.store.last(&of_slot, 1)?;
        let place = last.first().and_then(|(key, _)| {
            let bytes = key.get(of_slot.len()..)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        });
        Ok(place.map_or(0, |place| place.saturating_add(1)))
    }

    fn add(&self, entries: &[HistoryEntry]) -> Result<(), DatabaseError> {
        let mut index = self.index.lock();
        for entry in entries {
            let place = self.next_place(entry.slot)?;
            let mut key = self.of_slot(entry.slot);
            key.extend_from_slice(&place.to_be_bytes());
            self.store.write([(key, Some(written(entry)))])?;
            index.count = index.count.saturating_add(1);
            if entry.fate == Fate::Undecided {
                index.undecided.insert(entry.slot);
            }
        }
        self.drop_excess(&mut index)
    }

    fn drop_excess(&self, index: &mut Index) -> Result<(), DatabaseError> {
        let excess = index.count.saturating_sub(self.max_entries);
        if excess == 0 {
            return Ok(());
        }
        let dropped = self.store.first(&self.prefix, excess)?;
        let count = dropped.len();
        let first_kept = self.store.first(&self.prefix, excess.saturating_add(1))?;
        let first_kept = first_kept.get(count).and_then(|(_, value)| read(value));
        self.store
            .write(dropped.into_iter().map(|(key, _)| (key, None)))?;
        index.count = index.count.saturating_sub(count);
        index.undecided = match first_kept {
            Some(first) => index.undecided.split_off(&first.slot),
            None => BTreeSet::new(),
        };
        Ok(())
    }

    fn give_fates(&self, slot: Slot, fate: impl Fn(&Event) -> Fate) -> Result<(), DatabaseError> {
        let mut index = self.index.lock();
        let entries = self.store.first(&self.of_slot(slot), usize::MAX)?;
        let changes: Vec<_> = entries
            .into_iter()
            .filter_map(|(key, value)| {
                let mut entry = read(&value)?;
                entry.fate = fate(&entry.event);
                Some((key, Some(written(&entry))))
            })
            .collect();
        self.store.write(changes)?;
        index.undecided.remove(&slot);
        Ok(())
    }
}

fn written(entry: &HistoryEntry) -> Vec<u8> {
    // Numbers, texts and enumerations have a JSON form.
    serde_json::to_vec(entry).unwrap_or_default()
}

/// An entry of another version of the program is left out.
fn read(value: &[u8]) -> Option<HistoryEntry> {
    let read = serde_json::from_slice(value);
    read.inspect_err(|error| tracing::debug!(%error, "an entry of the history cannot be read"))
        .ok()
}

fn failed(error: DatabaseError) -> FactoryError {
    FactoryError::History(error.to_string())
}

impl HistoryLog for KeptHistory {
    fn record(&self, entries: &[HistoryEntry]) -> Result<(), FactoryError> {
        self.add(entries).map_err(failed)
    }

    fn latest(&self, before: Option<Slot>, max: usize) -> Result<Vec<HistoryEntry>, FactoryError> {
        let latest = match before {
            None => self.store.last(&self.prefix, max),
            Some(before) => self
                .store
                .last_before(&self.prefix, &self.of_slot(before), max),
        };
        let latest = latest.map_err(failed)?;
        Ok(latest.iter().filter_map(|(_, value)| read(value)).collect())
    }

    fn undecided(&self, max: usize) -> Result<Vec<Slot>, FactoryError> {
        let index = self.index.lock();
        Ok(index.undecided.iter().take(max).copied().collect())
    }

    fn settle(&self, slot: Slot, decided: Option<BlockId>) -> Result<(), FactoryError> {
        self.give_fates(slot, |event| Fate::of(event, decided))
            .map_err(failed)
    }

    fn give_up(&self, slot: Slot) -> Result<(), FactoryError> {
        self.give_fates(slot, |_| Fate::Unknown).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_block_factory::mocks::{history_entry, history_log_reopen_suite, history_log_suite};
    use picot_database::{DataDir, DatabaseConfig};
    use picot_models::mocks::chain_id;
    use std::cell::RefCell;
    use std::path::Path;

    fn open(folder: &Path, factory: &str, max_entries: usize) -> KeptHistory {
        let data = DataDir::open(folder, &chain_id(1), &DatabaseConfig::dev()).unwrap();
        KeptHistory::open(data.node(), factory, max_entries).unwrap()
    }

    #[test]
    fn the_history_on_disk_keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path(), &chain_id(1), &DatabaseConfig::dev()).unwrap();
        let mut count = 0;
        // Beside each other in one store: none sees another's entries.
        history_log_suite(|max_entries| {
            count += 1;
            KeptHistory::open(data.node(), &format!("{count}"), max_entries).unwrap()
        });
    }

    #[test]
    fn the_history_on_disk_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let bound = RefCell::new(0);
        history_log_reopen_suite(
            |max_entries| {
                *bound.borrow_mut() = max_entries;
                open(folder.path(), "blocks", max_entries)
            },
            |log| {
                drop(log);
                open(folder.path(), "blocks", *bound.borrow())
            },
        );
    }

    #[test]
    fn an_entry_that_cannot_be_read_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path(), "blocks", 9);
        log.record(&[history_entry(1, 0), history_entry(2, 0)])
            .unwrap();
        let mut key = log.of_slot(Slot::new(2, 0));
        key.extend_from_slice(&0_u32.to_be_bytes());
        log.store.write([(key, Some(b"{}".to_vec()))]).unwrap();
        assert_eq!(log.latest(None, 9).unwrap(), [history_entry(1, 0)]);
    }
}
