//! A chain of certified checkpoints whose validators change.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "the parts are written here"
)]

use crate::{ChainStep, SetsChange, TrustedStart, ValidatorSets, best_certificate};
use picot_clock::Slot;
use picot_crypto::{Hash, SecretKey};
use picot_models::mocks::{address, genesis_with, key};
use picot_models::{
    Address, ChainId, ChainParams, Checkpoint, CheckpointCertificate, Genesis, Signed, Validator,
};
use std::collections::BTreeMap;

/// Cycles of four periods in two threads, with a checkpoint in the middle of each.
#[must_use]
pub fn short_params() -> ChainParams {
    let mut params = ChainParams::dev();
    params.thread_count = 2;
    params.periods_per_cycle = 4;
    params.checkpoint_interval_periods = 2;
    params.denunciation_expire_periods = 8;
    params
}

/// A certificate of a checkpoint by these keys, whatever their power.
#[must_use]
pub fn certificate(
    checkpoint: &Checkpoint,
    signers: &[u64],
    chain_id: &ChainId,
) -> CheckpointCertificate {
    let sign = |number: &u64| {
        let key: SecretKey = key(*number);
        let signed = Signed::sign(checkpoint.clone(), &key, chain_id);
        (address(*number), signed.into_envelope())
    };
    let signatures: BTreeMap<Address, _> = signers.iter().map(sign).collect();
    CheckpointCertificate {
        signatures: signatures.into_values().collect(),
    }
}

/// A chain whose stakers are keys 1 to 40 at most, with rolls that change from cycle to cycle.
#[derive(Debug, Clone)]
pub struct CertifiedChain {
    /// The chain.
    pub genesis: Genesis,
    /// The step at the end of each cycle, from cycle 0 on.
    pub ends: Vec<ChainStep>,
    /// The step in the middle of each cycle, from cycle 0 on.
    pub middles: Vec<ChainStep>,
    /// The validator sets after the end of each cycle, from cycle 0 on.
    pub sets: Vec<ValidatorSets>,
}

impl CertifiedChain {
    /// So many cycles of a chain with [`short_params`].
    #[must_use]
    pub fn new(cycles: u64) -> Self {
        let genesis = genesis_with(short_params(), &[(1, 5), (2, 5), (3, 5), (4, 5)]);
        let mut chain = Self {
            sets: Vec::new(),
            ends: Vec::new(),
            middles: Vec::new(),
            genesis,
        };
        let mut sets = ValidatorSets::genesis(&chain.genesis).unwrap();
        for cycle in 0..cycles {
            let middle = chain.checkpoint(Slot::new(cycle * 4 + 1, 1), &sets);
            chain.middles.push(chain.step(&middle, &sets, None));
            let change = rolls_of(cycle, &sets);
            let after = sets.changed(&change).unwrap();
            let end = chain.checkpoint(Slot::new(cycle * 4 + 3, 1), &after);
            chain.ends.push(chain.step(&end, &sets, Some(change)));
            chain.sets.push(after.clone());
            sets = after;
        }
        chain
    }

    /// The chain id.
    #[must_use]
    pub fn id(&self) -> ChainId {
        self.genesis.chain_id()
    }

    /// The checkpoint of a slot that names these sets.
    #[must_use]
    pub fn checkpoint(&self, slot: Slot, sets: &ValidatorSets) -> Checkpoint {
        let mut state_hash = [0; 32];
        state_hash[..8].copy_from_slice(&slot.period.to_le_bytes());
        Checkpoint {
            slot,
            state_hash: Hash(state_hash),
            validator_sets: sets.hash(),
        }
    }

    /// A step that the validators of the first of `sets` certify.
    #[must_use]
    pub fn step(
        &self,
        checkpoint: &Checkpoint,
        sets: &ValidatorSets,
        change: Option<SetsChange>,
    ) -> ChainStep {
        let validators = sets.all()[0].validators();
        let chain_id = self.id();
        let all = certificate(checkpoint, &signers(sets), &chain_id);
        let by_address = all.signatures.iter();
        let by_address: Vec<_> = by_address
            .map(|envelope| (Address::of_key(&envelope.signer), envelope))
            .collect();
        let by_address = by_address.iter().map(|(address, one)| (address, *one));
        ChainStep {
            certificate: best_certificate(by_address, validators).unwrap(),
            change,
        }
    }

    /// What a node needs that trusts the end of a cycle.
    #[must_use]
    pub fn start(&self, cycle: u64) -> TrustedStart {
        let cycle = usize::try_from(cycle).unwrap();
        TrustedStart {
            checkpoint: self.ends[cycle].checkpoint().unwrap().clone(),
            sets: self.sets[cycle].to_record(),
        }
    }
}

/// The numbers of the keys of the first set's validators.
fn signers(sets: &ValidatorSets) -> Vec<u64> {
    let validators = sets.all()[0].validators();
    let is_one = |number: &u64| validators.power_of(&address(*number)) > 0;
    (1..=40).filter(is_one).collect()
}

/// Each cycle one more comes, one leaves, and one has other rolls; in every fifth nothing changes.
fn rolls_of(cycle: u64, sets: &ValidatorSets) -> SetsChange {
    let last = sets.all()[2].validators();
    let mut rolls = BTreeMap::new();
    if cycle % 5 != 4 {
        rolls.insert(address(cycle % 36 + 5), cycle % 7 + 1);
        rolls.insert(address(cycle % 36 + 1), 0);
        rolls.insert(address(cycle % 36 + 3), cycle % 3 + 2);
    }
    rolls.retain(|address, power| last.power_of(address) != *power);
    let rolls = rolls.into_iter();
    SetsChange {
        rolls: rolls
            .map(|(address, power)| Validator { address, power })
            .collect(),
        seed: Hash([u8::try_from(cycle % 251).unwrap(); 32]),
    }
}
