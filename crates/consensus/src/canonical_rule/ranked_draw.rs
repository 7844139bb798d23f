//! The selector's producer ranking: the default.

use super::{CanonicalRule, Entitlement, Rank};
use picot_clock::Millis;
use picot_models::{CanonicalRuleKind, SignedHeader, Slot};
use picot_selector::SelectorError;

/// The drawn producer if it is there, else the next ranked. Chosen after creation, stake-fair, and
/// not to be ground; nodes vote at once when rank 0 is there.
pub struct RankedDraw {
    pub(super) entitled: Entitlement,
    pub(super) wait: Millis,
}

impl CanonicalRule for RankedDraw {
    fn kind(&self) -> CanonicalRuleKind {
        CanonicalRuleKind::RankedDraw
    }

    fn rank(
        &self,
        slot: Slot,
        header: &SignedHeader,
        _arrival: u64,
    ) -> Result<Option<Rank>, SelectorError> {
        let rank = self.entitled.rank_of(slot, &header.signer_address())?;
        Ok(rank.map(|rank| Rank {
            order: rank.into(),
            id: header.id(),
        }))
    }

    fn unbeatable(&self, _slot: Slot, rank: &Rank) -> bool {
        rank.order == 0
    }

    fn wait(&self, _slot: Slot) -> Millis {
        self.wait
    }
}
