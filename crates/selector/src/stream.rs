//! The endless stream of numbers that a slot draws from, each found without those before it.
//!
//! The stream of a slot is the BLAKE3 extendable output, in the context `picot 1 draw`, of the
//! cycle's seed (32 bytes) and the slot's canonical bytes. It has two lanes: endorser draws read
//! from byte 0, producer draws from byte `2^31`. Draw `i` of a lane is the 64-bit word, lowest byte
//! first, at byte `8 i` of the lane.
//!
//! A word `w` becomes a number below `bound` as the upper half of the 128-bit product `w * bound`
//! (Lemire, "Fast random integer generation in an interval", 2019). It is refused if the lower half
//! is below `2^64 mod bound`: every number then has exactly the same count of words. In place of a
//! refused word comes the one `2^32` bytes further on, and so on: a refusal moves no other draw.

use picot_clock::Slot;
use picot_crypto::{Hasher, XofReader};
use picot_serialization::Encode;

/// First byte of each lane.
const ENDORSER_LANE: u64 = 0;
const PRODUCER_LANE: u64 = 1 << 31;
/// Bytes from a refused word to the one in its place.
const ATTEMPT_STRIDE: u64 = 1 << 32;
/// Words tried for one draw. Each is accepted with a probability above one half, so the last one,
/// which is taken as it is, is met by nobody: once in `2^256` draws at worst.
const MAX_ATTEMPTS: u64 = 256;
/// Bytes of a word.
const WORD_BYTES: u64 = 8;
/// Words of one block of BLAKE3's output.
const BLOCK_WORDS: u64 = 8;

/// The stream of one slot.
pub(crate) struct DrawStream(XofReader);

impl DrawStream {
    /// The stream of `slot`; `seeded` has taken the cycle's seed.
    pub(crate) fn new(seeded: &Hasher, slot: Slot) -> Self {
        let mut slot_bytes = Vec::with_capacity(16);
        slot.encode(&mut slot_bytes);
        Self(seeded.clone().update(&slot_bytes).finalize_xof())
    }

    /// Producer draws, from the first one.
    pub(crate) fn producers(&self) -> Draws {
        Draws::new(&self.0, PRODUCER_LANE)
    }

    /// Endorser draws, from index 0.
    pub(crate) fn endorsers(&self) -> Draws {
        Draws::new(&self.0, ENDORSER_LANE)
    }
}

/// The draws of one lane, in order.
pub(crate) struct Draws {
    reader: XofReader,
    lane: u64,
    /// The draw that comes next.
    next: u64,
    /// The block of output that has it, unless it is the block's first.
    block: [u8; 64],
}

impl Draws {
    fn new(output: &XofReader, lane: u64) -> Self {
        let mut reader = output.clone();
        reader.seek(lane);
        Self {
            reader,
            lane,
            next: 0,
            block: [0; 64],
        }
    }

    /// The next draw: each number below `bound` with the same probability.
    pub(crate) fn next_below(&mut self, bound: u64) -> u64 {
        let draw = self.next;
        let word = self.next_word();
        accept(word, bound).unwrap_or_else(|| self.draw_again(draw, bound))
    }

    fn next_word(&mut self) -> u64 {
        let place = self.next % BLOCK_WORDS;
        if place == 0 {
            self.reader.fill(&mut self.block);
        }
        self.next = self.next.wrapping_add(1);
        let (words, _) = self.block.as_chunks::<8>();
        let word = usize::try_from(place)
            .ok()
            .and_then(|place| words.get(place));
        word.map_or(0, |word| u64::from_le_bytes(*word))
    }

    /// The words in place of the refused one of `draw`.
    #[cold]
    fn draw_again(&self, draw: u64, bound: u64) -> u64 {
        let mut reader = self.reader.clone();
        let first = draw.wrapping_mul(WORD_BYTES).wrapping_add(self.lane);
        let mut word = 0;
        for attempt in 1..MAX_ATTEMPTS {
            reader.seek(attempt.wrapping_mul(ATTEMPT_STRIDE).wrapping_add(first));
            word = reader.next_u64();
            if let Some(number) = accept(word, bound) {
                return number;
            }
        }
        word.carrying_mul(bound, 0).1
    }
}

/// The number below `bound` that a word stands for, unless the word is one too many.
fn accept(word: u64, bound: u64) -> Option<u64> {
    let (low, high) = word.carrying_mul(bound, 0);
    // The remainder is below `bound`, so that it is seldom needed.
    let is_refused = low < bound && low < bound.wrapping_neg().checked_rem(bound).unwrap_or(0);
    (!is_refused).then_some(high)
}

#[cfg(test)]
mod tests {
    use picot_crypto::{Context, Hash};
    use proptest::prelude::*;

    use super::*;

    fn stream(seed: u8, slot: Slot) -> DrawStream {
        let mut seeded = Hasher::new(Context::Draw);
        seeded.update(&[seed; 32]);
        DrawStream::new(&seeded, slot)
    }

    fn output(seed: u8, slot: Slot) -> XofReader {
        let mut input = Hash([seed; 32]).to_bytes().to_vec();
        slot.encode(&mut input);
        Hasher::new(Context::Draw).update(&input).finalize_xof()
    }

    #[test]
    fn draw_i_is_word_i_of_its_lane_and_needs_none_before_it() {
        let slot = Slot::new(1_000_000, 31);
        let (mut endorsers, mut producers) =
            (stream(7, slot).endorsers(), stream(7, slot).producers());
        let mut output = output(7, slot);
        for draw in 0..100_u64 {
            output.seek(8 * draw);
            assert_eq!(endorsers.next_word(), output.next_u64());
            output.seek((1 << 31) + 8 * draw);
            assert_eq!(producers.next_word(), output.next_u64());
        }
    }

    #[test]
    fn a_refused_word_is_replaced_from_further_on_and_moves_no_other_draw() {
        // Nearly half of all words are one too many for this bound.
        let bound = (1 << 63) + 1;
        let slot = Slot::new(3, 1);
        let mut draws = stream(1, slot).producers();
        let mut output = output(1, slot);
        let mut refusals = 0;
        for draw in 0..64_u64 {
            let accepted = (0..).find_map(|attempt: u64| {
                output.seek((1 << 31) + 8 * draw + (attempt << 32));
                let number = accept(output.next_u64(), bound);
                refusals += u64::from(number.is_none());
                number
            });
            assert_eq!(draws.next_below(bound), accepted.unwrap());
        }
        assert!((16..=128).contains(&refusals), "{refusals} refusals");
    }

    #[test]
    fn every_number_has_the_same_count_of_words() {
        // With words of 4 bits in place of 64, all of them can be counted.
        for bound in 1..16_u32 {
            let mut counts = vec![0_u32; bound as usize];
            for word in 0..16 {
                let product = word * bound;
                if product % 16 >= 16 % bound {
                    counts[(product / 16) as usize] += 1;
                }
            }
            assert!(
                counts.iter().all(|count| *count == 16 / bound),
                "{bound}: {counts:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn accepted_numbers_follow_the_formula(word: u64, bound in 1..=u64::MAX) {
            let product = u128::from(word) * u128::from(bound);
            let excess = (1_u128 << 64) % u128::from(bound);
            let expected = (product % (1 << 64) >= excess).then_some((product >> 64) as u64);
            prop_assert_eq!(accept(word, bound), expected);
            prop_assert!(expected.is_none_or(|number| number < bound));
        }
    }
}
