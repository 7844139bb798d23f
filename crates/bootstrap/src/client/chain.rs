//! The certificate chain, as far as it was followed.

use crate::message::Offer;
use picot_checkpoint::{
    ChainStep, CheckpointError, Follower, TrustedStart, ValidatorSets, verify_certificate,
};
use picot_clock::Slot;
use picot_models::{
    ChainId, Checkpoint, CheckpointCertificate, CheckpointHash, Genesis, ValidatorSet,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Checkpoints that are remembered as certified: a state that is older than so many is not taken.
const MAX_CERTIFIED: usize = 64;
/// Cycles whose validators are remembered.
const MAX_CYCLES: usize = 4;

/// From where a node follows the certificate chain.
#[derive(Debug)]
pub enum ChainStart {
    /// From the genesis, or from where it was.
    Follower(Box<Follower>),
    /// From a checkpoint that the operator trusts, which peers have to show.
    Trusted(CheckpointHash),
}

/// What is known of an offered state's checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It is certified.
    Certified,
    /// Another one of its slot is certified.
    Contradicted,
    /// The chain was not followed so far: there is more of it.
    Ahead,
    /// Its certificate could be verified.
    Unverified,
    /// It is too old to be verified.
    TooOld,
}

/// The certificate chain, as far as it was followed.
pub(super) struct Chain {
    genesis: Arc<Genesis>,
    chain_id: ChainId,
    trusted: Option<CheckpointHash>,
    follower: Option<Follower>,
    certified: BTreeMap<Slot, Checkpoint>,
    validators: BTreeMap<u64, Arc<ValidatorSet>>,
}

impl Chain {
    pub(super) fn new(genesis: Arc<Genesis>, start: ChainStart) -> Self {
        let mut chain = Self {
            chain_id: genesis.chain_id(),
            genesis,
            trusted: None,
            follower: None,
            certified: BTreeMap::new(),
            validators: BTreeMap::new(),
        };
        match start {
            ChainStart::Follower(follower) => chain.begin(*follower),
            ChainStart::Trusted(hash) => chain.trusted = Some(hash),
        }
        chain
    }

    fn begin(&mut self, follower: Follower) {
        if let Some(last) = follower.last() {
            self.certified.insert(last.slot, last.clone());
        }
        self.follower = Some(follower);
        self.remember();
    }

    /// The checkpoint that has to be shown first.
    pub(super) fn lacking_start(&self) -> Option<CheckpointHash> {
        self.trusted.filter(|_| self.follower.is_none())
    }

    /// After which slot to go on; `None` as long as the start is lacking.
    pub(super) fn last_slot(&self) -> Option<Slot> {
        Some(self.follower.as_ref()?.last_slot())
    }

    pub(super) fn last(&self) -> Option<&Checkpoint> {
        self.follower.as_ref()?.last()
    }

    pub(super) fn sets(&self) -> Option<&ValidatorSets> {
        Some(self.follower.as_ref()?.sets())
    }

    pub(super) fn start(&mut self, start: &TrustedStart) -> Result<(), CheckpointError> {
        if let Some(trusted) = self.lacking_start() {
            self.begin(Follower::from_trusted(&self.genesis, &trusted, start)?);
        }
        Ok(())
    }

    pub(super) fn follow(&mut self, step: &ChainStep) -> Result<(), CheckpointError> {
        let Some(follower) = &mut self.follower else {
            return Ok(());
        };
        let checkpoint = follower.follow(step)?.clone();
        self.certified.insert(checkpoint.slot, checkpoint);
        self.remember();
        Ok(())
    }

    fn remember(&mut self) {
        if let Some(follower) = &self.follower {
            let [running, ..] = follower.sets().all();
            let cycle = follower.running_cycle();
            self.validators
                .insert(cycle, Arc::clone(running.validators()));
        }
        while self.validators.len() > MAX_CYCLES {
            self.validators.pop_first();
        }
        while self.certified.len() > MAX_CERTIFIED {
            self.certified.pop_first();
        }
    }

    /// What is known of the checkpoint of an offer.
    pub(super) fn knows(&self, offer: &Offer) -> Known {
        let slot = offer.checkpoint.slot;
        match self.certified.get(&slot) {
            Some(certified) if *certified == offer.checkpoint => Known::Certified,
            Some(_) => Known::Contradicted,
            None if self.validators_of(slot).is_some() => Known::Unverified,
            None if self.last_slot().is_none_or(|last| last < slot) => Known::Ahead,
            None => Known::TooOld,
        }
    }

    fn validators_of(&self, slot: Slot) -> Option<&Arc<ValidatorSet>> {
        let cycle = slot.cycle(self.genesis.params.periods_per_cycle).ok()?;
        self.validators.get(&cycle)
    }

    /// Takes over the certificate of a checkpoint that was passed by.
    pub(super) fn certify(
        &mut self,
        slot: Slot,
        certificate: &CheckpointCertificate,
    ) -> Result<(), CheckpointError> {
        let Some(validators) = self.validators_of(slot) else {
            // It was asked for while they were known.
            return Ok(());
        };
        let verified = verify_certificate(certificate, &self.chain_id, validators, |_| None);
        let checkpoint =
            verified.map_err(|source| CheckpointError::Certificate { slot, source })?;
        if checkpoint.slot != slot {
            return Err(CheckpointError::NoCheckpoint(checkpoint.slot));
        }
        self.certified.insert(slot, checkpoint.clone());
        Ok(())
    }
}
