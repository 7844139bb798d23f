//! The lowest of a producer's tickets, one for each of its rolls.

use super::{CanonicalRule, Entitlement, Rank};
use picot_clock::Millis;
use picot_crypto::{Context, Hasher};
use picot_models::{Address, CanonicalRuleKind, SignedHeader, Slot};
use picot_selector::SelectorError;
use picot_serialization::Encode;

/// Producers whose tickets are all looked at, to know whether one is the lowest of all.
const MAX_COMPARED_PRODUCERS: usize = 64;
/// Tickets that are looked at for that.
const MAX_COMPARED_ROLLS: u64 = 100_000;

/// Lowest hash made stake-fair and not to be ground: the ticket does not depend on the block.
///
/// The tickets of a producer are the 64-bit words of one extendable output over the cycle's seed,
/// the slot and the address, as many as it has rolls.
pub struct LowestTicket {
    pub(super) entitled: Entitlement,
    pub(super) wait: Millis,
    pub(super) periods_per_cycle: u64,
}

impl LowestTicket {
    fn lowest_ticket(&self, slot: Slot, producer: &Address) -> Result<u64, SelectorError> {
        let cycle = slot.cycle(self.periods_per_cycle)?;
        let seed = self.entitled.selector.seed(cycle)?;
        let rolls = self
            .entitled
            .selector
            .voting_power(cycle)?
            .power_of(producer);
        let mut hasher = Hasher::new(Context::Ticket);
        hasher.update(seed.as_bytes());
        hasher.update(&slot.to_bytes());
        hasher.update(&producer.to_bytes());
        let mut words = hasher.finalize_xof();
        Ok((0..rolls)
            .map(|_| words.next_u64())
            .min()
            .unwrap_or(u64::MAX))
    }

    fn lowest_of_all(&self, slot: Slot) -> Option<u64> {
        let producers = self.entitled.all_if_few(slot, MAX_COMPARED_PRODUCERS)?;
        let cycle = slot.cycle(self.periods_per_cycle).ok()?;
        let power = self.entitled.selector.voting_power(cycle).ok()?;
        let rolls = producers.iter().fold(0_u64, |sum, producer| {
            sum.saturating_add(power.power_of(producer))
        });
        if rolls > MAX_COMPARED_ROLLS {
            return None;
        }
        producers
            .iter()
            .filter_map(|producer| self.lowest_ticket(slot, producer).ok())
            .min()
    }
}

impl CanonicalRule for LowestTicket {
    fn kind(&self) -> CanonicalRuleKind {
        CanonicalRuleKind::LowestTicket
    }

    fn rank(
        &self,
        slot: Slot,
        header: &SignedHeader,
        _arrival: u64,
    ) -> Result<Option<Rank>, SelectorError> {
        let producer = header.signer_address();
        if self.entitled.rank_of(slot, &producer)?.is_none() {
            return Ok(None);
        }
        let order = self.lowest_ticket(slot, &producer)?;
        Ok(Some(Rank {
            order,
            id: header.id(),
        }))
    }

    fn unbeatable(&self, slot: Slot, rank: &Rank) -> bool {
        self.lowest_of_all(slot) == Some(rank.order)
    }

    fn wait(&self, _slot: Slot) -> Millis {
        self.wait
    }
}
