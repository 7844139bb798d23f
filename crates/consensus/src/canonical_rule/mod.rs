//! Which candidate of a slot to vote for first (design 07, 'Canonical rule').
//!
//! A rule cannot affect safety: it only tells what an honest validator chooses in round 0, and what
//! an honest coordinator proposes when it is free to.

mod first_to_quorum;
mod lowest_hash;
mod lowest_ticket;
mod ranked_draw;

pub use first_to_quorum::FirstToQuorum;
pub use lowest_hash::LowestHash;
pub use lowest_ticket::LowestTicket;
pub use ranked_draw::RankedDraw;

use crate::Timers;
use picot_clock::Millis;
use picot_models::{
    Address, BlockId, CanonicalRuleKind, ChainParams, ProposalPolicy, SignedHeader, Slot,
};
use picot_selector::{Selector, SelectorError};
use std::sync::Arc;

/// The place of a candidate among those of its slot: the lowest is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    /// What the rule orders by.
    pub order: u64,
    /// The block, so that the order is total.
    pub id: BlockId,
}

/// A total order on the candidates of a slot.
///
/// Called often, by one thread; never blocks; the same answer each time for the same arguments.
pub trait CanonicalRule: Send + Sync {
    /// Which rule this is.
    fn kind(&self) -> CanonicalRuleKind;

    /// The place of a candidate, the `arrival`-th of its slot here; `None` if its producer is not
    /// entitled to propose.
    ///
    /// # Errors
    /// The draws of the slot are not there.
    fn rank(
        &self,
        slot: Slot,
        header: &SignedHeader,
        arrival: u64,
    ) -> Result<Option<Rank>, SelectorError>;

    /// Whether no other honest candidate of the slot can be better, so that nobody need wait.
    fn unbeatable(&self, slot: Slot, rank: &Rank) -> bool;

    /// How long after its opening a slot waits for better candidates.
    fn wait(&self, slot: Slot) -> Millis;
}

/// The rule that the parameters name.
#[must_use]
pub fn canonical_rule(params: &ChainParams, selector: Arc<dyn Selector>) -> Box<dyn CanonicalRule> {
    let wait = Timers::new(params).candidate_wait();
    let entitled = Entitlement {
        policy: params.proposal_policy,
        selector,
    };
    match params.canonical_rule {
        CanonicalRuleKind::RankedDraw => Box::new(RankedDraw { entitled, wait }),
        CanonicalRuleKind::LowestHash => Box::new(LowestHash { entitled, wait }),
        CanonicalRuleKind::LowestTicket => Box::new(LowestTicket {
            entitled,
            wait,
            periods_per_cycle: params.periods_per_cycle,
        }),
        CanonicalRuleKind::FirstToQuorum => Box::new(FirstToQuorum { entitled, wait }),
    }
}

/// Who may propose at a slot (design 03, proposal policy).
pub(crate) struct Entitlement {
    policy: ProposalPolicy,
    selector: Arc<dyn Selector>,
}

impl Entitlement {
    /// The rank of a producer, if it may propose.
    fn rank_of(&self, slot: Slot, producer: &Address) -> Result<Option<u32>, SelectorError> {
        let rank = self.selector.producer_rank(slot, producer)?;
        Ok(rank.filter(|rank| self.policy.allows_rank(*rank)))
    }

    /// Those who may propose, if they are at most `max`.
    fn all_if_few(&self, slot: Slot, max: usize) -> Option<Vec<Address>> {
        let few = self
            .selector
            .producer_ranking(slot, max.saturating_add(1))
            .ok()?;
        let entitled: Vec<Address> = (0_u32..)
            .zip(few)
            .filter(|(rank, _)| self.policy.allows_rank(*rank))
            .map(|(_, producer)| producer)
            .collect();
        (entitled.len() <= max).then_some(entitled)
    }

    /// Whether only one staker may propose.
    fn is_single(&self, slot: Slot) -> bool {
        self.all_if_few(slot, 1).is_some()
    }
}
