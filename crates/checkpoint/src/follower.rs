//! Along the certificate chain, from what is trusted to what is proven.

use crate::{ChainStep, CheckpointError, TrustedStart, ValidatorSets, verify_certificate};
use picot_clock::Slot;
use picot_crypto::KeyCache;
use picot_models::{ChainId, ChainParams, Checkpoint, CheckpointHash, Genesis};

/// Keys of validators that are kept decompressed: most sign again in the next cycle.
const KEPT_KEYS: usize = 8_192;

/// Follows the certificate chain (design 10, 'Bootstrap', step 1): each step is verified against the
/// validator sets that the one before named, and these against what they are named by. Without I/O.
///
/// It begins at the genesis, at a checkpoint whose hash an operator trusts, or where it was before a
/// restart. After a step that is refused everything is as before it.
#[derive(Debug)]
pub struct Follower {
    chain_id: ChainId,
    params: ChainParams,
    sets: ValidatorSets,
    last: Option<Checkpoint>,
    keys: KeyCache,
}

impl Follower {
    /// From the genesis on: nobody is trusted but who wrote that.
    ///
    /// # Errors
    /// The genesis makes no chain.
    pub fn from_genesis(genesis: &Genesis) -> Result<Self, CheckpointError> {
        genesis.validate()?;
        let sets = ValidatorSets::genesis(genesis)?;
        Ok(Self::new(genesis, sets, None))
    }

    /// From a checkpoint on whose hash an operator trusts.
    ///
    /// # Errors
    /// [`CheckpointError::NotTrusted`]: it is another one. [`CheckpointError::OtherSets`]: the sets are
    /// not those that it names. [`CheckpointError::NoCheckpoint`].
    pub fn from_trusted(
        genesis: &Genesis,
        trusted: &CheckpointHash,
        start: &TrustedStart,
    ) -> Result<Self, CheckpointError> {
        genesis.validate()?;
        let found = start.checkpoint.hash(&genesis.chain_id());
        if found != *trusted {
            return Err(CheckpointError::NotTrusted {
                found: Box::new(found),
                trusted: Box::new(*trusted),
            });
        }
        Self::resume(genesis, start.sets.open()?, start.checkpoint.clone())
    }

    /// From where a follower was: its last checkpoint and its sets, which whoever calls has verified.
    ///
    /// # Errors
    /// [`CheckpointError::OtherSets`]: they do not belong together. [`CheckpointError::NoCheckpoint`].
    pub fn resume(
        genesis: &Genesis,
        sets: ValidatorSets,
        last: Checkpoint,
    ) -> Result<Self, CheckpointError> {
        let params = &genesis.params;
        if !params.is_checkpoint(last.slot) {
            return Err(CheckpointError::NoCheckpoint(last.slot));
        }
        let next = last.slot.next(params.thread_count)?;
        let running = next.cycle(params.periods_per_cycle)?;
        if sets.hash() != last.validator_sets || sets.first_cycle() != running {
            return Err(CheckpointError::OtherSets(last.slot));
        }
        Ok(Self::new(genesis, sets, Some(last)))
    }

    fn new(genesis: &Genesis, sets: ValidatorSets, last: Option<Checkpoint>) -> Self {
        Self {
            chain_id: genesis.chain_id(),
            params: genesis.params.clone(),
            sets,
            last,
            keys: KeyCache::new(KEPT_KEYS),
        }
    }

    /// The last checkpoint that was followed; none at the genesis.
    #[must_use]
    pub const fn last(&self) -> Option<&Checkpoint> {
        self.last.as_ref()
    }

    /// The slot of the last checkpoint that was followed: what to ask peers for more after.
    #[must_use]
    pub fn last_slot(&self) -> Slot {
        self.last.as_ref().map_or(Slot::GENESIS, |last| last.slot)
    }

    /// The cycle that the next step must be of.
    #[must_use]
    pub fn running_cycle(&self) -> u64 {
        self.sets.first_cycle()
    }

    /// The validator sets that the last checkpoint names.
    #[must_use]
    pub const fn sets(&self) -> &ValidatorSets {
        &self.sets
    }

    /// Follows one step: a checkpoint of the running cycle after the last one. One at the cycle's end
    /// leads into the next cycle.
    ///
    /// # Errors
    /// [`CheckpointError::NotNext`], [`CheckpointError::NoCheckpoint`],
    /// [`CheckpointError::EmptyCertificate`], [`CheckpointError::Certificate`],
    /// [`CheckpointError::OtherSets`], [`CheckpointError::WrongChange`],
    /// [`CheckpointError::Validators`]: the step is wrong, and whoever sent it is no honest node, unless
    /// something else was asked for.
    pub fn follow(&mut self, step: &ChainStep) -> Result<&Checkpoint, CheckpointError> {
        let checkpoint = step.checkpoint().ok_or(CheckpointError::EmptyCertificate)?;
        let slot = checkpoint.slot;
        self.check_is_next(slot)?;
        let ends_cycle = self.params.ends_cycle(slot);
        if ends_cycle != step.change.is_some() {
            let reason = "there is one at the end of a cycle, and nowhere else";
            return Err(CheckpointError::WrongChange(reason));
        }
        self.verify(step, slot)?;
        let changed = step.change.as_ref().map(|change| self.sets.changed(change));
        let changed = changed.transpose()?;
        let named = changed.as_ref().unwrap_or(&self.sets);
        if named.hash() != checkpoint.validator_sets {
            return Err(CheckpointError::OtherSets(slot));
        }
        if let Some(changed) = changed {
            self.sets = changed;
        }
        Ok(self.last.insert(checkpoint.clone()))
    }

    fn check_is_next(&self, slot: Slot) -> Result<(), CheckpointError> {
        slot.check_thread(self.params.thread_count)?;
        if !self.params.is_checkpoint(slot) {
            return Err(CheckpointError::NoCheckpoint(slot));
        }
        let cycle = self.running_cycle();
        let after = self.last_slot();
        if slot.cycle(self.params.periods_per_cycle)? == cycle && slot > after {
            return Ok(());
        }
        Err(CheckpointError::NotNext { slot, cycle, after })
    }

    fn verify(&mut self, step: &ChainStep, slot: Slot) -> Result<(), CheckpointError> {
        let certificate = &step.certificate;
        let [running, ..] = self.sets.all();
        let validators = running.validators();
        for envelope in &certificate.signatures {
            // A key that is no point is found bad below; one of nobody must not fill the cache.
            if validators.power_of(&picot_models::Address::of_key(&envelope.signer)) > 0 {
                let _ = self.keys.get_or_insert(&envelope.signer);
            }
        }
        let keys = &self.keys;
        verify_certificate(certificate, &self.chain_id, validators, |key| keys.get(key))
            .map(|_| ())
            .map_err(|source| CheckpointError::Certificate { slot, source })
    }
}
