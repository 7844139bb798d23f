//! What a node keeps of checkpoints, and serves of them.
//!
//! | first byte, then | value |
//! | --- | --- |
//! | `r`, slot | a checkpoint that this node's execution reached and that has no certificate yet |
//! | `c`, slot | a certificate |
//! | `d`, cycle | what the end of the cycle added to the validator sets |
//! | `b`, cycle | the validator sets from a cycle on, whole: every so often, and where the chain begins |
//! | `h`, checkpoint hash | the slot of a certificate |

use crate::{
    ChainStep, CheckpointError, CheckpointStore, Follower, SetsChange, StoreChange, TrustedStart,
    ValidatorSets, ValidatorSetsRecord,
};
use picot_clock::Slot;
use picot_models::{ChainId, Checkpoint, CheckpointCertificate, CheckpointHash, Genesis};
use picot_serialization::{Decode, Encode, decode_exact};
use std::sync::Arc;

/// Cycles from one whole record of the validator sets to the next: what is between is found by going
/// through at most so many changes.
const CYCLES_PER_BASE: u64 = 64;
/// Cycles after which certificates from inside a cycle go: the chain leads over those at the ends.
const KEPT_INNER_CYCLES: u64 = 8;
/// Certificates inside one cycle that are looked at when they go.
const MAX_INNER: usize = 65_536;

const REACHED: u8 = b'r';
const CERTIFICATE: u8 = b'c';
const CHANGE: u8 = b'd';
const BASE: u8 = b'b';
const HASH: u8 = b'h';

/// What a node keeps of checkpoints: those that it reached, certificates, and how the validator sets
/// changed from cycle to cycle, which together prove the chain.
///
/// What is handed over is believed: whoever calls has verified it. Any thread may call at any time.
#[derive(Clone)]
pub struct CheckpointArchive {
    store: Arc<dyn CheckpointStore>,
    genesis: Arc<Genesis>,
    chain_id: ChainId,
}

impl CheckpointArchive {
    /// Over a store that is empty or was used for the same chain.
    #[must_use]
    pub fn new(store: Arc<dyn CheckpointStore>, genesis: Arc<Genesis>) -> Self {
        Self {
            store,
            chain_id: genesis.chain_id(),
            genesis,
        }
    }

    /// The chain that it is of.
    #[must_use]
    pub const fn genesis(&self) -> &Arc<Genesis> {
        &self.genesis
    }

    /// Keeps a checkpoint that this node's execution reached, and at the end of a cycle what is new in
    /// its sets. Gives what validators certified for the slot, if that is known already.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], [`CheckpointError::Damaged`].
    pub fn reach(
        &self,
        checkpoint: &Checkpoint,
        sets: &ValidatorSets,
    ) -> Result<Option<Checkpoint>, CheckpointError> {
        let slot = checkpoint.slot;
        let certified = self.certified(slot)?;
        let mut changes = Vec::new();
        if certified.is_none() {
            changes.push((slot_key(REACHED, slot), Some(checkpoint.to_bytes())));
        }
        self.add_sets(slot, sets, &mut changes)?;
        self.store.write(changes)?;
        Ok(certified)
    }

    /// Keeps a certificate that was verified. The first of a slot stays.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], [`CheckpointError::EmptyCertificate`].
    pub fn certify(&self, certificate: &CheckpointCertificate) -> Result<(), CheckpointError> {
        let mut changes = Vec::new();
        self.add_certificate(certificate, &mut changes)?;
        self.store.write(changes)
    }

    /// Keeps a step that a follower has followed, with the follower's sets after it.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], [`CheckpointError::EmptyCertificate`].
    pub fn keep_step(&self, step: &ChainStep, sets: &ValidatorSets) -> Result<(), CheckpointError> {
        let slot = step.slot().ok_or(CheckpointError::EmptyCertificate)?;
        let mut changes = Vec::new();
        self.add_certificate(&step.certificate, &mut changes)?;
        self.add_sets(slot, sets, &mut changes)?;
        self.store.write(changes)
    }

    /// Keeps the sets of a trusted checkpoint: the chain is known from there on.
    ///
    /// # Errors
    /// [`CheckpointError::Store`].
    pub fn keep_start(&self, start: &TrustedStart) -> Result<(), CheckpointError> {
        let key = cycle_key(BASE, start.sets.first_cycle);
        self.store.write(vec![(key, Some(start.sets.to_bytes()))])
    }

    fn add_certificate(
        &self,
        certificate: &CheckpointCertificate,
        changes: &mut Vec<StoreChange>,
    ) -> Result<(), CheckpointError> {
        let first = certificate.signatures.first();
        let checkpoint = &first.ok_or(CheckpointError::EmptyCertificate)?.content;
        let slot = checkpoint.slot;
        changes.push((slot_key(REACHED, slot), None));
        if self.store.get(&slot_key(CERTIFICATE, slot))?.is_none() {
            let hash = checkpoint.hash(&self.chain_id);
            let bytes = certificate.to_bytes();
            changes.push((slot_key(CERTIFICATE, slot), Some(bytes)));
            changes.push((hash_key(&hash), Some(slot.to_bytes())));
        }
        if self.genesis.params.ends_cycle(slot) {
            self.remove_inner(slot, changes)?;
        }
        Ok(())
    }

    /// Removes what is in the middle of a cycle that ended long ago.
    fn remove_inner(
        &self,
        slot: Slot,
        changes: &mut Vec<StoreChange>,
    ) -> Result<(), CheckpointError> {
        let params = &self.genesis.params;
        let cycle = slot.cycle(params.periods_per_cycle)?;
        let Some(old) = cycle.checked_sub(KEPT_INNER_CYCLES) else {
            return Ok(());
        };
        let first = Slot::first_of_cycle(old, params.periods_per_cycle)?;
        let last = Slot::last_of_cycle(old, params.periods_per_cycle, params.thread_count)?;
        let (from, end) = (slot_key(CERTIFICATE, first), slot_key(CERTIFICATE, last));
        for (key, value) in self.store.ascending(&from, &end, MAX_INNER)? {
            let certificate: CheckpointCertificate = read("a certificate", &value)?;
            if let Some(envelope) = certificate.signatures.first() {
                let hash = envelope.content.hash(&self.chain_id);
                changes.push((hash_key(&hash), None));
            }
            changes.push((key, None));
        }
        Ok(())
    }

    fn add_sets(
        &self,
        slot: Slot,
        sets: &ValidatorSets,
        changes: &mut Vec<StoreChange>,
    ) -> Result<(), CheckpointError> {
        let params = &self.genesis.params;
        if !params.ends_cycle(slot) {
            return Ok(());
        }
        let cycle = slot.cycle(params.periods_per_cycle)?;
        let change = sets.last_change().to_bytes();
        changes.push((cycle_key(CHANGE, cycle), Some(change)));
        let first = sets.first_cycle();
        if first.checked_rem(CYCLES_PER_BASE) == Some(0) {
            let base = sets.to_record().to_bytes();
            changes.push((cycle_key(BASE, first), Some(base)));
        }
        Ok(())
    }

    /// The checkpoints that were reached and have no certificate yet: the first ones, ascending.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], [`CheckpointError::Damaged`].
    pub fn uncertified(&self, limit: usize) -> Result<Vec<Checkpoint>, CheckpointError> {
        let pairs = self.store.ascending(&[REACHED], &[REACHED + 1], limit)?;
        let read = |(_, value): &(Vec<u8>, Vec<u8>)| read("a checkpoint", value);
        pairs.iter().map(read).collect()
    }

    /// Forgets checkpoints that were reached and will have no certificate.
    ///
    /// # Errors
    /// [`CheckpointError::Store`].
    pub fn give_up(&self, slots: &[Slot]) -> Result<(), CheckpointError> {
        let gone = slots.iter().map(|slot| (slot_key(REACHED, *slot), None));
        self.store.write(gone.collect())
    }

    /// The newest checkpoint that this node reached, certified or not.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], [`CheckpointError::Damaged`].
    pub fn last_uncertified(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let newest = self.store.descending(&[REACHED], &[REACHED + 1], 1)?;
        let newest = newest.first().map(|(_, value)| read("a checkpoint", value));
        newest.transpose()
    }

    /// The certificate of a slot.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], [`CheckpointError::Damaged`].
    pub fn certificate(
        &self,
        slot: Slot,
    ) -> Result<Option<CheckpointCertificate>, CheckpointError> {
        let found = self.store.get(&slot_key(CERTIFICATE, slot))?;
        found.map(|value| read("a certificate", &value)).transpose()
    }

    /// What is certified for a slot.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], [`CheckpointError::Damaged`].
    pub fn certified(&self, slot: Slot) -> Result<Option<Checkpoint>, CheckpointError> {
        let certificate = self.certificate(slot)?;
        Ok(certificate.and_then(content))
    }

    /// The newest certificate, of a slot in `cycle`s' end or inside one.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], [`CheckpointError::Damaged`].
    pub fn last_certificate(&self) -> Result<Option<CheckpointCertificate>, CheckpointError> {
        let newest = self
            .store
            .descending(&[CERTIFICATE], &[CERTIFICATE + 1], 1)?;
        let newest = newest
            .first()
            .map(|(_, value)| read("a certificate", value));
        newest.transpose()
    }

    /// The slot of the newest certificate; the genesis before the first.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], [`CheckpointError::Damaged`].
    pub fn last_certified(&self) -> Result<Slot, CheckpointError> {
        let newest = self
            .store
            .descending(&[CERTIFICATE], &[CERTIFICATE + 1], 1)?;
        let Some((key, _)) = newest.first() else {
            return Ok(Slot::GENESIS);
        };
        parse_slot(key).ok_or_else(|| CheckpointError::Damaged {
            what: "the key of a certificate".to_owned(),
            reason: "it has another length".to_owned(),
        })
    }

    /// The slot and the certificate of the checkpoint with this hash.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], [`CheckpointError::Damaged`].
    pub fn certificate_of(
        &self,
        hash: &CheckpointHash,
    ) -> Result<Option<CheckpointCertificate>, CheckpointError> {
        match self.store.get(&hash_key(hash))? {
            Some(slot) => self.certificate(read("the slot of a checkpoint", &slot)?),
            None => Ok(None),
        }
    }

    /// Steps of the chain after a slot: those at the ends of cycles, without a gap, and when there are
    /// no more of these the newest one inside the cycle that comes next. At most `max_steps` and
    /// `max_bytes`, but at least one if there is any.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], [`CheckpointError::Damaged`].
    pub fn steps_after(
        &self,
        after: Slot,
        max_steps: usize,
        max_bytes: usize,
    ) -> Result<Vec<ChainStep>, CheckpointError> {
        let params = &self.genesis.params;
        let mut served = Served::new(max_steps, max_bytes);
        let next = after.next(params.thread_count)?;
        let mut cycle = next.cycle(params.periods_per_cycle)?;
        loop {
            let end = Slot::last_of_cycle(cycle, params.periods_per_cycle, params.thread_count)?;
            let (certificate, change) = (self.certificate(end)?, self.change(cycle)?);
            let (Some(certificate), Some(change)) = (certificate, change) else {
                break;
            };
            let change = Some(change);
            if !served.add(ChainStep {
                certificate,
                change,
            }) {
                return Ok(served.steps);
            }
            let Some(next) = cycle.checked_add(1) else {
                break;
            };
            cycle = next;
        }
        if let Some(certificate) = self.newest_inside(cycle, after)? {
            let change = None;
            served.add(ChainStep {
                certificate,
                change,
            });
        }
        Ok(served.steps)
    }

    /// The newest certificate inside a cycle, if it is after a slot.
    fn newest_inside(
        &self,
        cycle: u64,
        after: Slot,
    ) -> Result<Option<CheckpointCertificate>, CheckpointError> {
        let params = &self.genesis.params;
        let first = Slot::first_of_cycle(cycle, params.periods_per_cycle)?;
        let first = first.max(after.next(params.thread_count)?);
        let last = Slot::last_of_cycle(cycle, params.periods_per_cycle, params.thread_count)?;
        let (from, end) = (slot_key(CERTIFICATE, first), slot_key(CERTIFICATE, last));
        let newest = self.store.descending(&from, &end, 1)?;
        let newest = newest
            .first()
            .map(|(_, value)| read("a certificate", value));
        newest.transpose()
    }

    fn change(&self, cycle: u64) -> Result<Option<SetsChange>, CheckpointError> {
        let found = self.store.get(&cycle_key(CHANGE, cycle))?;
        let read = |value: Vec<u8>| read("a change of validator sets", &value);
        found.map(read).transpose()
    }

    /// The validator sets from a cycle on, if everything that leads there is kept.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], [`CheckpointError::Damaged`], [`CheckpointError::Genesis`].
    pub fn sets(&self, first_cycle: u64) -> Result<Option<ValidatorSets>, CheckpointError> {
        let until = cycle_key(BASE, first_cycle.saturating_add(1));
        let base = self.store.descending(&[BASE], &until, 1)?;
        let mut sets = match base.first() {
            Some((_, value)) => {
                let record: ValidatorSetsRecord = read("validator sets", value)?;
                record.open().map_err(damaged("validator sets"))?
            }
            None => ValidatorSets::genesis(&self.genesis)?,
        };
        // The distance is bounded where the chain is kept whole: a gap ends the loop.
        while sets.first_cycle() < first_cycle {
            let Some(change) = self.change(sets.first_cycle())? else {
                return Ok(None);
            };
            let changed = sets.changed(&change);
            sets = changed.map_err(damaged("a change of validator sets"))?;
        }
        Ok(Some(sets))
    }

    /// What a node needs that trusts this checkpoint, if it is certified and the sets are known.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], [`CheckpointError::Damaged`].
    pub fn start_at(&self, hash: &CheckpointHash) -> Result<Option<TrustedStart>, CheckpointError> {
        let Some(checkpoint) = self.certificate_of(hash)?.and_then(content) else {
            return Ok(None);
        };
        let sets = self.sets(self.cycle_after(checkpoint.slot)?)?;
        Ok(sets.map(|sets| TrustedStart {
            checkpoint,
            sets: sets.to_record(),
        }))
    }

    /// A follower at the last end of a cycle up to which the chain is kept, for a node that goes on
    /// following after a restart; at the genesis if there is none.
    ///
    /// # Errors
    /// [`CheckpointError::Store`], [`CheckpointError::Damaged`], [`CheckpointError::Genesis`].
    pub fn follower(&self) -> Result<Follower, CheckpointError> {
        let params = &self.genesis.params;
        let changes = self.store.descending(&[CHANGE], &[CHANGE + 1], KEPT_OPEN)?;
        for (key, _) in changes {
            let Some(cycle) = parse_cycle(&key) else {
                return Err(CheckpointError::Damaged {
                    what: "the key of a change".to_owned(),
                    reason: "it has another length".to_owned(),
                });
            };
            let end = Slot::last_of_cycle(cycle, params.periods_per_cycle, params.thread_count)?;
            let Some(last) = self.certified(end)? else {
                continue;
            };
            if let Some(sets) = self.sets(cycle.saturating_add(1))? {
                return Follower::resume(&self.genesis, sets, last);
            }
        }
        Follower::from_genesis(&self.genesis)
    }

    fn cycle_after(&self, slot: Slot) -> Result<u64, CheckpointError> {
        let params = &self.genesis.params;
        let next = slot.next(params.thread_count)?;
        Ok(next.cycle(params.periods_per_cycle)?)
    }
}

/// Ends of cycles that are looked at for the last one with a certificate.
const KEPT_OPEN: usize = 4_096;

impl std::fmt::Debug for CheckpointArchive {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CheckpointArchive")
            .field("chain", &self.chain_id)
            .finish_non_exhaustive()
    }
}

/// Steps of an answer, within its bounds.
struct Served {
    steps: Vec<ChainStep>,
    steps_left: usize,
    bytes_left: usize,
}

impl Served {
    fn new(steps_left: usize, bytes_left: usize) -> Self {
        Self {
            steps: Vec::new(),
            steps_left,
            bytes_left,
        }
    }

    /// Adds a step if there is room; tells whether there was.
    fn add(&mut self, step: ChainStep) -> bool {
        let left = self.bytes_left.checked_sub(step.encoded_len());
        if self.steps_left == 0 || (left.is_none() && !self.steps.is_empty()) {
            return false;
        }
        self.steps_left = self.steps_left.saturating_sub(1);
        self.bytes_left = left.unwrap_or(0);
        self.steps.push(step);
        true
    }
}

fn content(certificate: CheckpointCertificate) -> Option<Checkpoint> {
    let first = certificate.signatures.into_iter().next()?;
    Some(first.content)
}

/// Numbers from their highest byte on: keys ascend as slots do.
fn slot_key(kind: u8, slot: Slot) -> Vec<u8> {
    let mut key = cycle_key(kind, slot.period);
    key.push(slot.thread);
    key
}

fn parse_slot(key: &[u8]) -> Option<Slot> {
    let (thread, period) = key.split_last()?;
    Some(Slot::new(parse_cycle(period)?, *thread))
}

fn cycle_key(kind: u8, cycle: u64) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&cycle.to_be_bytes());
    key
}

fn parse_cycle(key: &[u8]) -> Option<u64> {
    let (_, cycle) = key.split_first()?;
    Some(u64::from_be_bytes(cycle.try_into().ok()?))
}

fn hash_key(hash: &CheckpointHash) -> Vec<u8> {
    let mut key = vec![HASH];
    key.extend_from_slice(hash.as_bytes());
    key
}

fn read<T: Decode>(what: &str, value: &[u8]) -> Result<T, CheckpointError> {
    decode_exact(value).map_err(|error| damaged(what)(error))
}

fn damaged<E: ToString>(what: &str) -> impl FnOnce(E) -> CheckpointError {
    let what = what.to_owned();
    move |reason| CheckpointError::Damaged {
        what,
        reason: reason.to_string(),
    }
}
