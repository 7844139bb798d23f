//! The draws of one prepared cycle: a pure function of its roll counts and seed.

use std::{collections::BTreeMap, sync::Arc};

use picot_clock::Slot;
use picot_crypto::{Context, Hasher};
use picot_models::{Address, Hash, ValidatorSet, ValidatorSetError};
use picot_serialization::Encode;

use crate::{
    AddressDraw, Config, SelectorError, SlotDraws,
    ranking::{Ranking, rank_producers},
    stream::DrawStream,
    table::{RollTable, check_rolls},
};

/// What a cycle was fed, checked: all that preparing it needs.
#[derive(Debug)]
pub(crate) struct Feed {
    cycle: u64,
    rolls: Arc<BTreeMap<Address, u64>>,
    seed: Hash,
}

impl Feed {
    /// Refuses roll counts that cannot be drawn from.
    pub(crate) fn new(
        cycle: u64,
        rolls: Arc<BTreeMap<Address, u64>>,
        seed: Hash,
    ) -> Result<Self, SelectorError> {
        check_rolls(cycle, &rolls)?;
        Ok(Self { cycle, rolls, seed })
    }

    /// The cycle.
    pub(crate) const fn cycle(&self) -> u64 {
        self.cycle
    }

    /// Whether both feed the same roll counts and seed.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let same_rolls =
            || Arc::ptr_eq(&self.rolls, &other.rolls) || self.stakers().eq(other.stakers());
        self.cycle == other.cycle && self.seed == other.seed && same_rolls()
    }

    fn stakers(&self) -> impl Iterator<Item = (&Address, &u64)> {
        self.rolls.iter().filter(|(_, rolls)| **rolls > 0)
    }

    /// Builds the table: the long part, which no lock is held for.
    pub(crate) fn prepare(&self, config: &Config) -> CycleDraws {
        let seeded = |context| {
            let mut hasher = Hasher::new(context);
            hasher.update(self.seed.as_bytes());
            hasher
        };
        CycleDraws {
            cycle: self.cycle,
            seed: self.seed,
            table: RollTable::new(&self.rolls),
            validators: ValidatorSet::new(self.cycle, &self.rolls).map(Arc::new),
            draw_hasher: seeded(Context::Draw),
            tail_hasher: seeded(Context::RankTail),
            ranked_count: usize::try_from(config.max_ranked_producers).unwrap_or(usize::MAX),
            endorsement_count: usize::try_from(config.endorsement_count).unwrap_or(usize::MAX),
        }
    }
}

/// A prepared cycle.
#[derive(Debug)]
pub(crate) struct CycleDraws {
    cycle: u64,
    seed: Hash,
    table: RollTable,
    /// An error if a certificate cannot name so many, which hinders no draw.
    validators: Result<Arc<ValidatorSet>, ValidatorSetError>,
    /// Both have taken the seed.
    draw_hasher: Hasher,
    tail_hasher: Hasher,
    ranked_count: usize,
    endorsement_count: usize,
}

impl CycleDraws {
    /// The cycle.
    pub(crate) const fn cycle(&self) -> u64 {
        self.cycle
    }

    /// The seed.
    pub(crate) const fn seed(&self) -> Hash {
        self.seed
    }

    /// The stakers.
    pub(crate) const fn table(&self) -> &RollTable {
        &self.table
    }

    /// The validators.
    pub(crate) fn validators(&self) -> Result<Arc<ValidatorSet>, SelectorError> {
        self.validators.clone().map_err(SelectorError::Validators)
    }

    /// Whether the cycle was prepared from this.
    pub(crate) fn is_of(&self, feed: &Feed) -> bool {
        self.cycle == feed.cycle && self.seed == feed.seed && self.table.is_of(&feed.rolls)
    }

    /// The draws of a slot of this cycle.
    pub(crate) fn draws(&self, slot: Slot) -> SlotDraws {
        let stream = DrawStream::new(&self.draw_hasher, slot);
        let producers = rank_producers(&self.table, stream.producers(), self.ranked_count);
        SlotDraws {
            slot,
            producers: self.addresses(producers),
            endorsers: self.addresses(self.endorsers(&stream)),
        }
    }

    /// What one staker is drawn for at a slot of this cycle, if for anything.
    pub(crate) fn draw_of(&self, slot: Slot, staker: u32) -> Option<AddressDraw> {
        let stream = DrawStream::new(&self.draw_hasher, slot);
        let producers = rank_producers(&self.table, stream.producers(), self.ranked_count);
        let rank = (0_u32..).zip(producers).find(|(_, drawn)| *drawn == staker);
        let indices = (0_u32..).zip(self.endorsers(&stream));
        let draw = AddressDraw {
            slot,
            producer_rank: rank.map(|(rank, _)| rank),
            endorser_indices: indices
                .filter(|(_, drawn)| *drawn == staker)
                .map(|(index, _)| index)
                .collect(),
        };
        (draw.producer_rank.is_some() || !draw.endorser_indices.is_empty()).then_some(draw)
    }

    /// The whole producer ranking of a slot: the drawn places and the hashed tail.
    pub(crate) fn ranking(&self, slot: Slot) -> Ranking {
        let stream = DrawStream::new(&self.draw_hasher, slot);
        let mut order = rank_producers(&self.table, stream.producers(), self.ranked_count);
        let mut drawn = order.clone();
        drawn.sort_unstable();
        let stakers = 0..u32::try_from(self.table.len()).unwrap_or(u32::MAX);
        let mut bytes = slot.to_bytes();
        let slot_length = bytes.len();
        let mut tail: Vec<(Hash, u32)> = stakers
            .filter(|staker| drawn.binary_search(staker).is_err())
            .filter_map(|staker| {
                bytes.truncate(slot_length);
                self.table.address(staker)?.encode(&mut bytes);
                Some((self.tail_hasher.clone().update(&bytes).finalize(), staker))
            })
            .collect();
        // Stakers are numbered by address, so that equal hashes are ordered by address.
        tail.sort_unstable();
        order.extend(tail.iter().map(|(_, staker)| *staker));
        Ranking::new(order)
    }

    /// The addresses of stakers.
    pub(crate) fn addresses(&self, stakers: impl IntoIterator<Item = u32>) -> Vec<Address> {
        let stakers = stakers.into_iter();
        let mut addresses = Vec::with_capacity(stakers.size_hint().0);
        addresses.extend(stakers.filter_map(|staker| self.table.address(staker)));
        addresses
    }

    fn endorsers(&self, stream: &DrawStream) -> impl Iterator<Item = u32> {
        let mut draws = stream.endorsers();
        (0..self.endorsement_count)
            .map(move |_| self.table.owner(draws.next_below(self.table.total())))
    }
}
