//! How denunciations come in, and which of them a block may carry.

use crate::PoolError;
use crate::denunciations::Accusation;
use crate::shared_pool::SharedPool;
use picot_models::limits::MAX_DENUNCIATION_BYTES;
use picot_models::{Denunciation, FaultKey, Slot, ValidatorSet};
use picot_selector::SelectorError;
use picot_serialization::Encode;
use std::sync::Arc;

/// Bytes of the denunciations of a block.
#[allow(clippy::cast_possible_truncation, reason = "it is half a million")]
const MAX_BYTES: u64 = MAX_DENUNCIATION_BYTES as u64;

impl SharedPool {
    /// One by one: they are rare, and each is a batch of its own.
    pub(crate) fn admit_denunciations(
        &self,
        denunciations: Vec<Arc<Denunciation>>,
    ) -> Vec<Result<(), PoolError>> {
        let mut added = Vec::new();
        let results = denunciations
            .into_iter()
            .map(|denunciation| {
                self.admit_denunciation(Arc::clone(&denunciation))?;
                added.push(denunciation);
                Ok(())
            })
            .collect();
        if !added.is_empty() {
            self.propagation.denunciations(&added);
        }
        results
    }

    fn admit_denunciation(&self, denunciation: Arc<Denunciation>) -> Result<(), PoolError> {
        let accusation = Accusation {
            id: denunciation.id(&self.chain_id),
            fault: denunciation.fault_key(),
            size_bytes: u64::try_from(denunciation.encoded_len()).unwrap_or(u64::MAX),
            is_punished: false,
            denunciation,
        };
        let (id, fault) = (accusation.id, accusation.fault);
        if accusation.size_bytes > MAX_BYTES {
            return Err(PoolError::DenunciationTooLarge {
                id,
                size_bytes: accusation.size_bytes,
                max_bytes: MAX_BYTES,
            });
        }
        self.denunciations.lock().check(&accusation)?;
        if self.accounts.is_punished(&fault) {
            return Err(PoolError::FaultPunished {
                address: Box::new(fault.address),
                slot: fault.slot,
            });
        }
        let not_known = |error| PoolError::of_draws(fault.slot, error);
        let validators = self.validators_at(fault.slot).map_err(not_known)?;
        if !self.had_part(&accusation, &validators).map_err(not_known)? {
            return Err(PoolError::CulpritNotDrawn {
                id,
                culprit: Box::new(fault.address),
                slot: fault.slot,
            });
        }
        accusation
            .denunciation
            .verify(&self.chain_id, &validators)
            .map_err(|source| PoolError::FalseDenunciation {
                id,
                source: Box::new(source),
            })?;
        self.make_place(&accusation);
        self.denunciations.lock().insert(accusation)?;
        // A block may have punished it meanwhile, and told the pool before it was held.
        self.check_punished(&fault);
        Ok(())
    }

    fn validators_at(&self, slot: Slot) -> Result<Arc<ValidatorSet>, SelectorError> {
        let cycle = slot.cycle(self.params.periods_per_cycle)?;
        self.selector.voting_power(cycle)
    }

    /// Whether the one it names was drawn for what it signed, or had power: one that was not is
    /// worthless, and would take the place of a true one (design 06, 'Slashing').
    fn had_part(
        &self,
        accusation: &Accusation,
        validators: &ValidatorSet,
    ) -> Result<bool, SelectorError> {
        let (slot, culprit) = (accusation.fault.slot, accusation.fault.address);
        match accusation.denunciation.as_ref() {
            Denunciation::Headers { .. } => {
                let rank = self.selector.producer_rank(slot, &culprit)?;
                let policy = self.params.proposal_policy;
                Ok(rank.is_some_and(|rank| policy.allows_rank(rank)))
            }
            Denunciation::Proposals { first, .. } => {
                let coordinator = self.selector.coordinator(slot, first.content.round)?;
                Ok(coordinator == culprit)
            }
            Denunciation::Endorsements { first, .. } => {
                let draws = self.selector.draws(slot)?;
                let drawn = usize::try_from(first.content.index)
                    .ok()
                    .and_then(|index| draws.endorsers.get(index));
                Ok(drawn == Some(&culprit))
            }
            Denunciation::Votes { .. }
            | Denunciation::FalseCarry { .. }
            | Denunciation::Checkpoints { .. } => Ok(validators.power_of(&culprit) > 0),
        }
    }

    /// When all places are taken, those of faults that were punished are given up.
    fn make_place(&self, accusation: &Accusation) {
        let faults = {
            let held = self.denunciations.lock();
            if !held.is_full_for(accusation) {
                return;
            }
            held.faults()
        };
        for fault in faults {
            if self.accounts.is_punished(&fault) {
                self.denunciations.lock().remove(&fault);
            }
        }
    }

    /// Asks again what is punished, whenever the candidate state has changed: so blocks are not kept
    /// waiting for the answer.
    pub(crate) fn settle_denunciations(&self) {
        let faults = self.denunciations.lock().faults();
        for fault in faults {
            self.check_punished(&fault);
        }
    }

    fn check_punished(&self, fault: &FaultKey) {
        let is_punished = self.accounts.is_punished(fault);
        self.denunciations.lock().set_punished(fault, is_punished);
    }

    /// Of what is still punishable, those that expire soonest; ascending by id. Asks nobody.
    pub(crate) fn choose_denunciations(&self, slot: Slot) -> Vec<Arc<Denunciation>> {
        let max = usize::try_from(self.params.max_denunciations_per_block).unwrap_or(usize::MAX);
        let punishable = self.denunciations.lock().punishable_at(slot);
        let mut chosen = fitting(punishable.into_iter(), max);
        chosen.sort_unstable_by_key(|accusation| accusation.id);
        chosen
            .into_iter()
            .map(|accusation| accusation.denunciation)
            .collect()
    }
}

/// At most `max`, and no more than fit into a header together: what is too large waits.
fn fitting(held: impl Iterator<Item = Accusation>, max: usize) -> Vec<Accusation> {
    let mut left = MAX_BYTES;
    let fits = held.filter(|accusation| match left.checked_sub(accusation.size_bytes) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    });
    fits.take(max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::mocks::{chain_id, false_carry, key};

    #[test]
    fn a_block_gets_no_more_denunciations_than_its_header_has_room_for() {
        let accusation = |culprit: u64, signers| {
            let denunciation = Arc::new(false_carry(&key(culprit), Slot::new(1, 0), signers));
            Accusation {
                id: denunciation.id(&chain_id(1)),
                fault: denunciation.fault_key(),
                size_bytes: u64::try_from(denunciation.encoded_len()).unwrap(),
                is_punished: false,
                denunciation,
            }
        };
        let held =
            [(1, 3_000), (2, 2_500), (3, 2_000), (4, 3)].map(|(n, size)| accusation(n, size));
        let places = |max| {
            let chosen = fitting(held.iter().cloned(), max).into_iter();
            let place = |one: Accusation| held.iter().position(|it| it.id == one.id).unwrap();
            chosen.map(place).collect::<Vec<_>>()
        };
        assert_eq!(places(16), [0, 2, 3], "the second waits");
        assert_eq!(places(2), [0, 2]);
    }
}
