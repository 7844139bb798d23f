//! One line a slot, for whoever looks at a development node.

use picot_clock::{Millis, SlotClock};
use picot_consensus::ConsensusEvent;
use picot_execution::{OperationOutcome, SlotOutput};
use picot_models::{Slot, Timestamp};
use std::collections::BTreeMap;

/// Decisions whose delay is remembered until their slot is final.
const MAX_REMEMBERED: usize = 4_096;

/// Turns final slots into lines. Misses of the time in which the node was off share one line.
pub struct SlotLines {
    slot_clock: SlotClock,
    delays: BTreeMap<Slot, Millis>,
    old_misses: Option<(Slot, Slot, u64)>,
}

impl SlotLines {
    /// For the slots of a chain.
    #[must_use]
    pub const fn new(slot_clock: SlotClock) -> Self {
        Self {
            slot_clock,
            delays: BTreeMap::new(),
            old_misses: None,
        }
    }

    /// Remembers how long a decision took.
    pub fn note(&mut self, event: &ConsensusEvent) {
        if let ConsensusEvent::Decided { slot, delay, .. } = event {
            if self.delays.len() >= MAX_REMEMBERED {
                self.delays.pop_first();
            }
            self.delays.insert(*slot, *delay);
        }
    }

    /// The lines that a final slot completes: none, its own, or two.
    pub fn lines(&mut self, output: &SlotOutput, now: Timestamp) -> Vec<String> {
        if output.block.is_none() && self.is_old(output.slot, now) {
            let (first, _, count) = self.old_misses.unwrap_or((output.slot, output.slot, 0));
            self.old_misses = Some((first, output.slot, count.saturating_add(1)));
            return Vec::new();
        }
        let mut lines: Vec<String> = self.flush().into_iter().collect();
        let delay = self.delays.remove(&output.slot);
        lines.push(line(output, delay));
        lines
    }

    /// The line of the old misses so far, if there are any.
    pub fn flush(&mut self) -> Option<String> {
        let (first, last, count) = self.old_misses.take()?;
        self.delays.retain(|slot, _| *slot > last);
        Some(match count {
            1 => format!("slot {first:<9} missed, while no validator was on line"),
            _ => {
                format!("slots {first} to {last} missed ({count}), while no validator was on line")
            }
        })
    }

    /// Whether a slot began more than two periods ago.
    fn is_old(&self, slot: Slot, now: Timestamp) -> bool {
        let age = self
            .slot_clock
            .start_of(slot)
            .ok()
            .and_then(|start| now.since(start));
        age.is_some_and(|age| age > self.slot_clock.t0().checked_mul(2).unwrap_or(age))
    }
}

fn line(output: &SlotOutput, delay: Option<Millis>) -> String {
    let slot = output.slot;
    let delay = delay
        .map(|delay| format!("  decided after {} ms", delay.as_millis()))
        .unwrap_or_default();
    match output.block {
        Some(block) => {
            let operations = operations_text(output);
            format!(
                "slot {slot:<9} block {:.16}…  {operations}{delay}",
                block.to_string()
            )
        }
        None => format!("slot {slot:<9} missed{delay}"),
    }
}

fn operations_text(output: &SlotOutput) -> String {
    let count = output.operations.len();
    let is_failure = |outcome: &OperationOutcome| *outcome != OperationOutcome::Succeeded;
    let failed = output
        .operations
        .iter()
        .filter(|(_, outcome)| is_failure(outcome))
        .count();
    let noun = if count == 1 {
        "operation"
    } else {
        "operations"
    };
    if failed == 0 {
        format!("{count:>4} {noun}")
    } else {
        format!("{count:>4} {noun}, {failed} failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::{Amount, Hash, Value};

    fn slot_clock() -> SlotClock {
        SlotClock::new(Timestamp(0), Millis(2_000), 4).unwrap()
    }

    fn output(period: u64, block: Option<u8>) -> SlotOutput {
        SlotOutput {
            slot: Slot::new(period, 0),
            block: block.map(|byte| Hash([byte; 32]).into()),
            producer: None,
            operations: Vec::new(),
            minted: Amount::ZERO,
            ended_cycle: None,
            state_hash: None,
        }
    }

    fn at(period: u64) -> Timestamp {
        slot_clock().start_of(Slot::new(period, 0)).unwrap()
    }

    #[test]
    fn a_block_has_a_line_with_its_delay() {
        let mut lines = SlotLines::new(slot_clock());
        let slot = Slot::new(7, 0);
        let value = Value::Block {
            id: Hash([1; 32]).into(),
        };
        let delay = Millis(12);
        lines.note(&ConsensusEvent::Decided {
            slot,
            through: 7,
            value,
            round: 0,
            delay,
        });
        let texts = lines.lines(&output(7, Some(1)), at(7));
        assert_eq!(texts.len(), 1);
        assert!(
            texts[0].contains("7/0") && texts[0].contains("decided after 12 ms"),
            "{texts:?}"
        );
        assert!(texts[0].contains("0 operations"), "{texts:?}");
    }

    #[test]
    fn a_miss_of_now_has_a_line_of_its_own() {
        let texts = SlotLines::new(slot_clock()).lines(&output(7, None), at(8));
        assert!(texts[0].contains("missed"), "{texts:?}");
    }

    #[test]
    fn misses_of_the_time_off_share_one_line_before_the_next_block() {
        let mut lines = SlotLines::new(slot_clock());
        for period in 1..=1_000 {
            assert!(lines.lines(&output(period, None), at(2_000)).is_empty());
        }
        let texts = lines.lines(&output(2_000, Some(1)), at(2_000));
        assert_eq!(
            texts[0],
            "slots 1/0 to 1000/0 missed (1000), while no validator was on line"
        );
        assert!(texts[1].contains("2000/0"), "{texts:?}");
    }
}
