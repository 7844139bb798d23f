//! Where endorsements go: storage, the pool, and the network (design 08, step 4).

use std::sync::Arc;

use picot_block_factory::{Config, Helper, LeftOut, Part, half_way};
use picot_clock::{Clock, Timestamp};
use picot_models::SignedEndorsement;
use picot_pool::{Pool, PoolError, Propagation};
use picot_storage::Storage;

use crate::Collaborators;

/// Hands endorsements on; none of the three places is held up by another.
pub(crate) struct Delivery {
    clock: Arc<dyn Clock>,
    storage: Helper<dyn Storage>,
    pool: Helper<dyn Pool>,
    network: Helper<dyn Propagation>,
}

impl Delivery {
    pub(crate) fn new(config: &Config, parts: &Collaborators) -> Self {
        let (clock, asking) = (&parts.clock, config.asking);
        Self {
            clock: clock.clone(),
            storage: Helper::new("storing", parts.storage.clone(), clock.clone(), asking),
            pool: Helper::new("pooling", parts.pool.clone(), clock.clone(), asking),
            network: Helper::new("announcing", parts.network.clone(), clock.clone(), asking),
        }
    }

    /// Hands all of them on; for each, what was left out.
    pub(crate) fn hand_on(
        &self,
        endorsements: &[Arc<SignedEndorsement>],
        by: Timestamp,
    ) -> Vec<LeftOut> {
        let mut common = LeftOut::default();
        let (stored, share) = (endorsements.to_vec(), self.half_until(by));
        let answer = self
            .storage
            .ask(share, move |storage| storage.put_endorsements(stored));
        common.heard(Part::Storage, answer);

        let refused = self.offer_to_pool(endorsements, by, &mut common);
        let unannounced: Vec<_> = refused
            .iter()
            .flatten()
            .map(|(endorsement, _)| endorsement.clone())
            .collect();
        if !unannounced.is_empty() {
            let answer = self
                .network
                .ask(by, move |network| network.endorsements(&unannounced));
            common.heard(Part::Network, answer);
        }
        let of_each = refused.into_iter().map(|refused| {
            let mut left_out = common.clone();
            if let Some((_, reason)) = refused {
                left_out.leave_out(Part::Pool, reason);
            }
            left_out
        });
        of_each.collect()
    }

    /// The pool announces what it takes in. What it did not take in is given back with the reason:
    /// others can still make use of it.
    fn offer_to_pool(
        &self,
        endorsements: &[Arc<SignedEndorsement>],
        by: Timestamp,
        common: &mut LeftOut,
    ) -> Vec<Option<(Arc<SignedEndorsement>, String)>> {
        let (offered, share) = (endorsements.to_vec(), self.half_until(by));
        let answer = self
            .pool
            .ask(share, move |pool| pool.add_endorsements(offered));
        let answers = common.heard(Part::Pool, answer).unwrap_or_default();
        let mut answers = answers.into_iter();
        let of_one = |endorsement: &Arc<SignedEndorsement>| {
            let reason = match answers.next() {
                Some(Ok(())) => return None,
                Some(Err(error)) if error.is_known_already() => return None,
                Some(Err(error)) => PoolError::to_string(&error),
                None => "the pool gave no answer".to_owned(),
            };
            Some((endorsement.clone(), reason))
        };
        endorsements.iter().map(of_one).collect()
    }

    /// The share of a part that may be left out.
    fn half_until(&self, by: Timestamp) -> Timestamp {
        half_way(self.clock.now(), by)
    }
}
