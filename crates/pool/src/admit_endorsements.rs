//! How endorsements come in.

use crate::PoolError;
use crate::shared_pool::SharedPool;
use picot_models::{Denunciation, SignedEndorsement};
use std::sync::Arc;

impl SharedPool {
    /// Window and draw first, signatures together, then the insertion, each refused alone.
    pub(crate) fn admit_endorsements(
        &self,
        endorsements: Vec<Arc<SignedEndorsement>>,
    ) -> Vec<Result<(), PoolError>> {
        let mut results: Vec<_> = endorsements
            .iter()
            .map(|endorsement| self.check_endorsement(endorsement))
            .collect();
        self.verify_endorsements(&endorsements, &mut results);
        let mut added = Vec::new();
        let mut contradictions = Vec::new();
        {
            let mut held = self.endorsements.lock();
            for (endorsement, result) in endorsements.into_iter().zip(&mut results) {
                if result.is_err() {
                    continue;
                }
                match held.insert(Arc::clone(&endorsement)) {
                    Ok(contradicted) => {
                        contradictions.extend(contradicted.map(|other| {
                            Arc::new(Denunciation::of_endorsements(
                                other.envelope().clone(),
                                endorsement.envelope().clone(),
                            ))
                        }));
                        added.push(endorsement);
                    }
                    Err(error) => *result = Err(error),
                }
            }
        }
        if !added.is_empty() {
            self.propagation.endorsements(&added);
        }
        if !contradictions.is_empty() {
            // Refused if the fault is known already, which is all the same here.
            self.admit_denunciations(contradictions);
        }
        results
    }

    fn check_endorsement(&self, endorsement: &SignedEndorsement) -> Result<(), PoolError> {
        let (id, content) = (endorsement.id(), endorsement.content());
        let (slot, index) = (content.slot, content.index);
        self.endorsements.lock().check(endorsement)?;
        if endorsement.envelope().id(&self.chain_id) != id {
            return Err(PoolError::EndorsementOfOtherChain(id));
        }
        let draws = self
            .selector
            .draws(slot)
            .map_err(|error| PoolError::of_draws(slot, error))?;
        let drawn = usize::try_from(index)
            .ok()
            .and_then(|index| draws.endorsers.get(index));
        if drawn != Some(&endorsement.signer_address()) {
            return Err(PoolError::EndorserNotDrawn { id, slot, index });
        }
        Ok(())
    }

    /// Verifies the signatures of those that are not refused yet.
    fn verify_endorsements(
        &self,
        endorsements: &[Arc<SignedEndorsement>],
        results: &mut [Result<(), PoolError>],
    ) {
        let (mut asked, mut open) = (Vec::new(), Vec::new());
        for (endorsement, result) in endorsements.iter().zip(results) {
            if result.is_ok() {
                open.push(endorsement.as_ref());
                asked.push((endorsement.id(), result));
            }
        }
        let verdict = SignedEndorsement::verify_all_by(&open, |entries| self.verifier.bad(entries));
        let Err(error) = verdict else {
            return;
        };
        for place in error.bad {
            if let Some((id, result)) = asked.get_mut(place) {
                **result = Err(PoolError::EndorsementSignature(*id));
            }
        }
    }
}
