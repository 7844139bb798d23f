//! The trait: who is drawn for a slot, and with which power validators vote.

use std::{collections::BTreeMap, sync::Arc};

use picot_clock::SlotRange;
use picot_models::{Address, Hash, Slot, ValidatorSet};

use crate::SelectorError;

/// Everything that is drawn by stake for one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotDraws {
    /// The slot.
    pub slot: Slot,
    /// The drawn part of the producer ranking: the first `max_ranked_producers` distinct addresses,
    /// or all stakers if there are fewer. The first one is the drawn producer.
    pub producers: Vec<Address>,
    /// The drawn endorsers by index; one address may be there several times.
    pub endorsers: Vec<Address>,
}

impl SlotDraws {
    /// The drawn producer: rank 0.
    #[must_use]
    pub fn producer(&self) -> Option<&Address> {
        self.producers.first()
    }

    /// The place of `address` in the drawn part of the producer ranking.
    #[must_use]
    pub fn drawn_rank(&self, address: &Address) -> Option<u32> {
        let place = self
            .producers
            .iter()
            .position(|producer| producer == address)?;
        u32::try_from(place).ok()
    }

    /// The endorser indices drawn for `address`, ascending.
    #[must_use]
    pub fn endorser_indices(&self, address: &Address) -> Vec<u32> {
        (0_u32..)
            .zip(&self.endorsers)
            .filter(|(_, endorser)| *endorser == address)
            .map(|(index, _)| index)
            .collect()
    }
}

/// What one address is drawn for at one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressDraw {
    /// The slot.
    pub slot: Slot,
    /// The place in the drawn part of the producer ranking, if it is there.
    pub producer_rank: Option<u32>,
    /// The endorser indices, ascending.
    pub endorser_indices: Vec<u32>,
}

/// Who is drawn for each slot: a pure function of the cycle's roll counts and seed.
///
/// Any method may be called from any thread, as often as one likes, in any order. None waits for a
/// cycle: what is not known yet is [`SelectorError::NotReady`], what is not kept any more is
/// [`SelectorError::Pruned`]. An answer never changes: two calls, two nodes, and two runs of one
/// node agree on every slot of a cycle with the same roll counts and seed.
pub trait Selector: Send + Sync {
    /// The draws of a slot.
    ///
    /// # Errors
    /// [`SelectorError::NotReady`], [`SelectorError::Pruned`], [`SelectorError::Slot`].
    fn draws(&self, slot: Slot) -> Result<Arc<SlotDraws>, SelectorError>;

    /// The first `count` places of the whole producer ranking: the drawn part, then the hashed
    /// tail. Every staker is in it exactly once, so the answer is shorter than `count` if there are
    /// fewer stakers.
    ///
    /// # Errors
    /// As [`draws`](Self::draws).
    fn producer_ranking(&self, slot: Slot, count: usize) -> Result<Vec<Address>, SelectorError>;

    /// The place of an address in the whole producer ranking; `None` if it has no rolls in the
    /// slot's cycle.
    ///
    /// # Errors
    /// As [`draws`](Self::draws).
    fn producer_rank(&self, slot: Slot, address: &Address) -> Result<Option<u32>, SelectorError>;

    /// Gives cycle `cycle` its roll counts (the snapshot of cycle `cycle - 3`) and its seed (of
    /// cycle `cycle - 2`), or those of the genesis.
    ///
    /// May be called before the cycles before it are fed. The draws may become ready after the
    /// return. Feeding the same again changes nothing. Nothing is durable: whoever owns the
    /// snapshots feeds them again after a restart.
    ///
    /// # Errors
    /// [`SelectorError::Contradiction`] if the cycle was fed something else, and then the first
    /// stays; [`SelectorError::Pruned`]; roll counts that cannot be drawn from
    /// ([`SelectorError::NoRolls`], [`SelectorError::TooManyRolls`],
    /// [`SelectorError::TooManyStakers`]).
    fn feed_cycle(
        &self,
        cycle: u64,
        rolls: Arc<BTreeMap<Address, u64>>,
        seed: Hash,
    ) -> Result<(), SelectorError>;

    /// The slots of a range at which an address is drawn, ascending: in the drawn part of the
    /// producer ranking or as an endorser.
    ///
    /// # Errors
    /// As [`draws`](Self::draws), for the first slot of the range that cannot be answered; and
    /// [`SelectorError::RangeTooLong`].
    fn slots_of(
        &self,
        address: &Address,
        range: SlotRange,
    ) -> Result<Vec<AddressDraw>, SelectorError>;

    /// The validators of a cycle with their voting power, which is their rolls.
    ///
    /// # Errors
    /// As [`draws`](Self::draws), and [`SelectorError::Validators`] if there are more stakers than
    /// a certificate can name.
    fn voting_power(&self, cycle: u64) -> Result<Arc<ValidatorSet>, SelectorError>;

    /// The seed that a cycle draws with.
    ///
    /// # Errors
    /// [`SelectorError::NotReady`], [`SelectorError::Pruned`].
    fn seed(&self, cycle: u64) -> Result<Hash, SelectorError>;

    /// The cycles whose draws can be asked for now, ascending.
    fn ready_cycles(&self) -> Vec<u64>;

    /// The coordinator of a round of a slot's agreement: rank `round mod n` of the whole producer
    /// ranking of `n` stakers.
    ///
    /// # Errors
    /// As [`draws`](Self::draws).
    fn coordinator(&self, slot: Slot, round: u32) -> Result<Address, SelectorError> {
        let ranking = self.producer_ranking(slot, usize::MAX)?;
        usize::try_from(round)
            .ok()
            .and_then(|round| ranking.get(round.checked_rem(ranking.len())?))
            .copied()
            .ok_or(SelectorError::EmptyRanking { slot })
    }
}
