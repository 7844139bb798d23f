//! The producer ranking: drawn places first, then a tail in the order of hashes.
//!
//! **Drawn places.** Draws fall on the number of a roll, and the ranking is the sequence of the
//! distinct owners met. So each place goes to one of the stakers that are left, with a probability
//! in proportion to its rolls: sampling without replacement. Sampling ends with
//! `max_ranked_producers` places, or with all stakers.
//!
//! **Repeats.** A draw that meets a ranked staker gives no place. When
//! [`MAX_REPEATED_DRAWS`] draws have done so, every later draw of the slot falls on the rolls of
//! the stakers that are left, numbered from 0 in ascending order of addresses, so that it cannot
//! repeat. Given the places before, a draw that is repeated until it is new and one among the left
//! rolls have the same distribution; so the ranking's is the same, and at most
//! `max_ranked_producers + MAX_REPEATED_DRAWS` draws are needed, however unequal the stakes are.
//!
//! **Tail.** All other stakers follow, by ascending BLAKE3 in the context `picot 1 rank tail` of
//! the cycle's seed, the slot's canonical bytes and the address' canonical bytes; equal hashes by
//! address.

use crate::{stream::Draws, table::RollTable};

/// Repeated draws of one slot, after which draws fall on those who are not ranked yet.
///
/// Consensus-relevant: another number gives other rankings.
pub const MAX_REPEATED_DRAWS: u32 = 16;

/// The stakers at the first `count` drawn places.
pub(crate) fn rank_producers(table: &RollTable, mut draws: Draws, count: usize) -> Vec<u32> {
    let count = count.min(table.len());
    let mut ranking = Vec::with_capacity(count);
    // The same stakers in ascending order.
    let mut ranked = Vec::with_capacity(count);
    let mut left_rolls = table.total();
    let mut repeats = 0_u32;
    while ranking.len() < count {
        let staker = if repeats < MAX_REPEATED_DRAWS {
            table.owner(draws.next_below(table.total()))
        } else {
            table.owner(skip_ranked(table, &ranked, draws.next_below(left_rolls)))
        };
        match ranked.binary_search(&staker) {
            Ok(_) => repeats = repeats.saturating_add(1),
            Err(place) => {
                ranked.insert(place, staker);
                ranking.push(staker);
                let (start, end) = table.rolls(staker);
                left_rolls = left_rolls.saturating_sub(end.saturating_sub(start));
            }
        }
    }
    ranking
}

/// The number, among all rolls, of roll `left` among those of stakers that are not ranked.
fn skip_ranked(table: &RollTable, ranked: &[u32], left: u64) -> u64 {
    ranked.iter().fold(left, |roll, staker| {
        let (start, end) = table.rolls(*staker);
        if roll < start {
            roll
        } else {
            roll.saturating_add(end.saturating_sub(start))
        }
    })
}

/// The whole producer ranking of a slot.
#[derive(Debug)]
pub(crate) struct Ranking {
    /// The stakers by place.
    order: Vec<u32>,
    /// The place of each staker.
    places: Vec<u32>,
}

impl Ranking {
    /// Of an order that has every staker once.
    pub(crate) fn new(order: Vec<u32>) -> Self {
        let mut places = vec![0; order.len()];
        for (place, staker) in (0_u32..).zip(&order) {
            let entry = usize::try_from(*staker)
                .ok()
                .and_then(|staker| places.get_mut(staker));
            if let Some(entry) = entry {
                *entry = place;
            }
        }
        Self { order, places }
    }

    /// The stakers by place.
    pub(crate) fn order(&self) -> &[u32] {
        &self.order
    }

    /// The place of a staker.
    pub(crate) fn place_of(&self, staker: u32) -> Option<u32> {
        let place = usize::try_from(staker).ok()?;
        self.places.get(place).copied()
    }
}
