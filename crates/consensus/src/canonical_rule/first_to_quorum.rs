//! The first candidate to arrive at each voter.

use super::{CanonicalRule, Entitlement, Rank};
use picot_clock::Millis;
use picot_models::{CanonicalRuleKind, SignedHeader, Slot};
use picot_selector::SelectorError;

/// Fastest when proposers differ in speed; splits are normal, and mended by round 1.
pub struct FirstToQuorum {
    pub(super) entitled: Entitlement,
    pub(super) wait: Millis,
}

impl CanonicalRule for FirstToQuorum {
    fn kind(&self) -> CanonicalRuleKind {
        CanonicalRuleKind::FirstToQuorum
    }

    fn rank(
        &self,
        slot: Slot,
        header: &SignedHeader,
        arrival: u64,
    ) -> Result<Option<Rank>, SelectorError> {
        let rank = self.entitled.rank_of(slot, &header.signer_address())?;
        Ok(rank.map(|_| Rank {
            order: arrival,
            id: header.id(),
        }))
    }

    fn unbeatable(&self, _slot: Slot, _rank: &Rank) -> bool {
        true
    }

    fn wait(&self, _slot: Slot) -> Millis {
        self.wait
    }
}
