//! The lowest block id.

use super::{CanonicalRule, Entitlement, Rank};
use picot_clock::Millis;
use picot_models::{CanonicalRuleKind, SignedHeader, Slot};
use picot_selector::SelectorError;

/// Deterministic and simple, but a producer can grind its id: 1,000 tries win 9 of 10 slots against
/// 100 others. For experiments only.
pub struct LowestHash {
    pub(super) entitled: Entitlement,
    pub(super) wait: Millis,
}

impl CanonicalRule for LowestHash {
    fn kind(&self) -> CanonicalRuleKind {
        CanonicalRuleKind::LowestHash
    }

    fn rank(
        &self,
        slot: Slot,
        header: &SignedHeader,
        _arrival: u64,
    ) -> Result<Option<Rank>, SelectorError> {
        let rank = self.entitled.rank_of(slot, &header.signer_address())?;
        Ok(rank.map(|_| Rank {
            order: 0,
            id: header.id(),
        }))
    }

    fn unbeatable(&self, slot: Slot, _rank: &Rank) -> bool {
        self.entitled.is_single(slot)
    }

    fn wait(&self, _slot: Slot) -> Millis {
        self.wait
    }
}
