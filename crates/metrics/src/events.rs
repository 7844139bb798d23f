//! What is counted as it happens: decisions, candidates, final operations.

use crate::catalogue as metric;
use crate::labels::{Buckets, Counters, Histograms, labels, register};
use crate::page::seconds;
use parking_lot::Mutex;
use picot_clock::{Millis, Slot, SlotClock, Timestamp};
use picot_consensus::ConsensusEvent;
use picot_execution::{OperationOutcome, SlotOutput};
use picot_models::{Address, BlockId, Value};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;

/// In seconds: from a local network to slots of many seconds, and what was caught up on.
const DELAY_BUCKETS: &[f64] = &[
    0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0,
    60.0, 300.0,
];
const ROUND_BUCKETS: &[f64] = &[0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0];
/// Own candidates whose slots are not decided; more are not counted.
const MAX_OWN: usize = 4_096;

const OUTCOMES: [&str; 2] = ["block", "miss"];
const FATES: [&str; 3] = ["decided", "lost", "missed"];
const OPERATION_OUTCOMES: [&str; 4] = ["succeeded", "failed", "unpaid", "refused"];

/// Who tells what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Consensus,
    Execution,
}

impl Stream {
    const ALL: [Self; 2] = [Self::Consensus, Self::Execution];

    const fn label(self) -> &'static str {
        match self {
            Self::Consensus => "consensus",
            Self::Execution => "execution",
        }
    }
}

/// Counts what happens. It does no I/O and waits for nothing.
#[derive(Debug)]
pub(crate) struct EventMetrics {
    slot_clock: SlotClock,
    decided_slots: Counters,
    decision_delay: Histograms,
    decision_round: Histogram,
    finality_delay: Histogram,
    rounds_entered: Counters,
    candidates: Counters,
    leading_changes: Counters,
    operations: Counters,
    own_blocks: Counters,
    foreign_signatures: Counter,
    events_lost: Counters,
    /// Own candidates of undecided slots.
    own: Mutex<BTreeMap<Slot, BlockId>>,
    /// The last slot that was told as final.
    last_final: Mutex<Option<Slot>>,
}

impl EventMetrics {
    pub(crate) fn new(registry: &mut Registry, slot_clock: SlotClock) -> Self {
        let metrics = Self {
            slot_clock,
            decided_slots: Counters::default(),
            decision_delay: Histograms::new_with_constructor(Buckets(DELAY_BUCKETS)),
            decision_round: Buckets(ROUND_BUCKETS).histogram(),
            finality_delay: Buckets(DELAY_BUCKETS).histogram(),
            rounds_entered: Counters::default(),
            candidates: Counters::default(),
            leading_changes: Counters::default(),
            operations: Counters::default(),
            own_blocks: Counters::default(),
            foreign_signatures: Counter::default(),
            events_lost: Counters::default(),
            own: Mutex::default(),
            last_final: Mutex::default(),
        };
        metrics.begin_at_zero();
        metrics.register(registry);
        metrics
    }

    /// A rate over a series that begins at 1 would miss that one.
    fn begin_at_zero(&self) {
        for thread in 0..self.slot_clock.thread_count() {
            for outcome in OUTCOMES {
                let of_slot = [thread.to_string(), outcome.to_owned()];
                let of_slot = labels(&metric::DECIDED_SLOTS, of_slot);
                drop(self.decided_slots.get_or_create(&of_slot));
            }
            let threads = [
                (&metric::ROUNDS_ENTERED, &self.rounds_entered),
                (&metric::CANDIDATES, &self.candidates),
                (&metric::LEADING_CHANGES, &self.leading_changes),
            ];
            for (metric, counters) in threads {
                drop(counters.get_or_create(&labels(metric, [thread.to_string()])));
            }
        }
        for outcome in OUTCOMES {
            let of_slot = labels(&metric::DECISION_DELAY, [outcome.to_owned()]);
            drop(self.decision_delay.get_or_create(&of_slot));
        }
        for fate in FATES {
            let of_fate = labels(&metric::OWN_BLOCKS, [fate.to_owned()]);
            drop(self.own_blocks.get_or_create(&of_fate));
        }
        for outcome in OPERATION_OUTCOMES {
            let of_outcome = labels(&metric::OPERATIONS_FINAL, [outcome.to_owned()]);
            drop(self.operations.get_or_create(&of_outcome));
        }
        for stream in Stream::ALL {
            self.count_lost(stream, 0);
        }
    }

    fn register(&self, registry: &mut Registry) {
        let families = [
            (&metric::DECIDED_SLOTS, &self.decided_slots),
            (&metric::ROUNDS_ENTERED, &self.rounds_entered),
            (&metric::CANDIDATES, &self.candidates),
            (&metric::LEADING_CHANGES, &self.leading_changes),
            (&metric::OPERATIONS_FINAL, &self.operations),
            (&metric::OWN_BLOCKS, &self.own_blocks),
            (&metric::EVENTS_LOST, &self.events_lost),
        ];
        for (metric, counters) in families {
            register(registry, metric, counters.clone());
        }
        let delay = self.decision_delay.clone();
        register(registry, &metric::DECISION_DELAY, delay);
        let round = self.decision_round.clone();
        register(registry, &metric::DECISION_ROUND, round);
        let finality = self.finality_delay.clone();
        register(registry, &metric::FINALITY_DELAY, finality);
        let foreign = self.foreign_signatures.clone();
        register(registry, &metric::FOREIGN_SIGNATURES, foreign);
    }

    /// Something happened in consensus; `is_own` tells the addresses of the wallet.
    pub(crate) fn happened(&self, event: &ConsensusEvent, is_own: impl Fn(&Address) -> bool) {
        match event {
            ConsensusEvent::CandidateAdded { slot, id, producer } => {
                count(&self.candidates, &metric::CANDIDATES, *slot);
                if is_own(producer) {
                    self.own_candidate(*slot, *id);
                }
            }
            ConsensusEvent::LeadingCandidateChanged { slot, .. } => {
                count(&self.leading_changes, &metric::LEADING_CHANGES, *slot);
            }
            ConsensusEvent::RoundEntered { slot, .. } => {
                count(&self.rounds_entered, &metric::ROUNDS_ENTERED, *slot);
            }
            ConsensusEvent::Decided {
                slot,
                through,
                value,
                round,
                delay,
            } => {
                self.decided(*slot, *through, value, *delay);
                self.decision_round.observe(f64::from(*round));
                self.settle_own(*slot, *through, value);
            }
            ConsensusEvent::ForeignSignature { .. } => {
                self.foreign_signatures.inc();
            }
            // How many faults there are is asked of consensus.
            ConsensusEvent::Opened { .. } | ConsensusEvent::Fault(_) => {}
        }
    }

    fn decided(&self, slot: Slot, through: u64, value: &Value, delay: Millis) {
        let outcome = match value {
            Value::Block { .. } => "block",
            Value::Miss { .. } => "miss",
        };
        let slots = through.saturating_sub(slot.period).saturating_add(1);
        let of_slot = [slot.thread.to_string(), outcome.to_owned()];
        let of_slot = labels(&metric::DECIDED_SLOTS, of_slot);
        self.decided_slots.get_or_create(&of_slot).inc_by(slots);
        let of_delay = labels(&metric::DECISION_DELAY, [outcome.to_owned()]);
        let histogram = self.decision_delay.get_or_create(&of_delay);
        histogram.observe(seconds(delay));
    }

    fn own_candidate(&self, slot: Slot, id: BlockId) {
        let mut own = self.own.lock();
        if own.len() < MAX_OWN {
            own.insert(slot, id);
        }
    }

    /// Tells the own blocks of the decided slots, and of earlier ones of the thread, what became of
    /// them.
    fn settle_own(&self, slot: Slot, through: u64, value: &Value) {
        let mut own = self.own.lock();
        own.retain(|candidate, id| {
            if candidate.thread != slot.thread || candidate.period > through {
                return true;
            }
            let fate = match value {
                // What was decided before this is not known: the event was lost.
                _ if candidate.period < slot.period => return false,
                Value::Block { id: decided } if decided == id => "decided",
                Value::Block { .. } => "lost",
                Value::Miss { .. } => "missed",
            };
            let of_fate = labels(&metric::OWN_BLOCKS, [fate.to_owned()]);
            self.own_blocks.get_or_create(&of_fate).inc();
            false
        });
    }

    /// A slot is final here, at this time.
    pub(crate) fn finished(&self, output: &SlotOutput, now: Timestamp) {
        self.notice_gap(output.slot);
        for (_, outcome) in &output.operations {
            let outcome = match outcome {
                OperationOutcome::Succeeded => "succeeded",
                OperationOutcome::Failed(_) => "failed",
                OperationOutcome::Unpaid => "unpaid",
                OperationOutcome::Refused => "refused",
            };
            let of_outcome = labels(&metric::OPERATIONS_FINAL, [outcome.to_owned()]);
            self.operations.get_or_create(&of_outcome).inc();
        }
        if let Ok(start) = self.slot_clock.start_of(output.slot) {
            let delay = now.since(start).unwrap_or_default();
            self.finality_delay.observe(seconds(delay));
        }
    }

    /// Slots that were left out of the stream are counted as lost.
    fn notice_gap(&self, slot: Slot) {
        let before = self.last_final.lock().replace(slot);
        let expected = before.and_then(|before| before.next(self.slot_clock.thread_count()).ok());
        if expected.is_some_and(|expected| expected < slot) {
            self.count_lost(Stream::Execution, 1);
        }
    }

    /// What was counted of a stream misses something.
    pub(crate) fn count_lost(&self, stream: Stream, times: u64) {
        let of_stream = labels(&metric::EVENTS_LOST, [stream.label().to_owned()]);
        self.events_lost.get_or_create(&of_stream).inc_by(times);
    }
}

fn count(counters: &Counters, metric: &crate::Definition, slot: Slot) {
    let of_thread = labels(metric, [slot.thread.to_string()]);
    counters.get_or_create(&of_thread).inc();
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_clock::mocks::slot_clock;
    use picot_execution::FailureReason;
    use picot_models::Hash;
    use picot_models::mocks::address;

    fn metrics() -> EventMetrics {
        EventMetrics::new(&mut Registry::default(), slot_clock(2, Millis(2_000)))
    }

    fn block(number: u8) -> BlockId {
        Hash([number; 32]).into()
    }

    fn candidate(slot: Slot, number: u8, producer: u64) -> ConsensusEvent {
        ConsensusEvent::CandidateAdded {
            slot,
            id: block(number),
            producer: address(producer),
        }
    }

    fn decided(slot: Slot, through: u64, value: Value) -> ConsensusEvent {
        ConsensusEvent::Decided {
            slot,
            through,
            value,
            round: 0,
            delay: Millis(300),
        }
    }

    fn figure<const N: usize>(
        counters: &Counters,
        metric: &crate::Definition,
        values: [&str; N],
    ) -> u64 {
        counters
            .get_or_create(&labels(metric, values.map(str::to_owned)))
            .get()
    }

    #[test]
    fn a_miss_of_many_periods_counts_every_slot_of_it() {
        let metrics = metrics();
        let ours = |_: &Address| true;
        let miss = Value::Miss { through: 9 };
        metrics.happened(&decided(Slot::new(4, 1), 9, miss), ours);
        let id = block(1);
        metrics.happened(&decided(Slot::new(10, 1), 10, Value::Block { id }), ours);
        let slots = |thread, outcome| {
            figure(
                &metrics.decided_slots,
                &metric::DECIDED_SLOTS,
                [thread, outcome],
            )
        };
        assert_eq!((slots("1", "miss"), slots("1", "block")), (6, 1));
        assert_eq!((slots("0", "miss"), slots("0", "block")), (0, 0));
    }

    #[test]
    fn own_blocks_are_counted_by_what_became_of_their_slots() {
        let metrics = metrics();
        let ours = |who: &Address| *who == address(1);
        for period in 1..=4 {
            let number = u8::try_from(period).unwrap();
            metrics.happened(&candidate(Slot::new(period, 0), number, 1), ours);
        }
        metrics.happened(&candidate(Slot::new(1, 1), 9, 2), ours);
        metrics.happened(&candidate(Slot::new(5, 1), 5, 1), ours);
        for (slot, through, value) in [
            (Slot::new(1, 0), 1, Value::Block { id: block(1) }),
            (Slot::new(2, 0), 2, Value::Block { id: block(7) }),
            // Period 3 was not heard of.
            (Slot::new(4, 0), 6, Value::Miss { through: 6 }),
            (Slot::new(1, 1), 1, Value::Block { id: block(9) }),
        ] {
            metrics.happened(&decided(slot, through, value), ours);
        }
        let fates = FATES.map(|fate| figure(&metrics.own_blocks, &metric::OWN_BLOCKS, [fate]));
        assert_eq!(fates, [1, 1, 1]);
        let waiting: Vec<_> = metrics.own.lock().keys().copied().collect();
        assert_eq!(
            waiting,
            [Slot::new(5, 1)],
            "the other thread's is undecided"
        );
    }

    #[test]
    fn own_candidates_that_are_never_decided_take_bounded_memory() {
        let metrics = metrics();
        for period in 0..5_000 {
            metrics.happened(&candidate(Slot::new(period, 0), 1, 1), |_| true);
        }
        assert_eq!(metrics.own.lock().len(), MAX_OWN);
    }

    fn output(slot: Slot, outcomes: &[OperationOutcome]) -> SlotOutput {
        let operations = outcomes.iter();
        SlotOutput {
            slot,
            block: None,
            producer: None,
            operations: operations
                .map(|outcome| (Hash([1; 32]).into(), *outcome))
                .collect(),
            minted: picot_models::Amount::from_nanos(0),
            ended_cycle: None,
            state_hash: None,
        }
    }

    #[test]
    fn final_operations_are_counted_by_outcome_and_a_gap_is_noticed() {
        let metrics = metrics();
        let failed = OperationOutcome::Failed(FailureReason::NoRolls);
        let outcomes = [
            OperationOutcome::Succeeded,
            failed,
            OperationOutcome::Succeeded,
        ];
        let now = Timestamp(u64::MAX);
        metrics.finished(&output(Slot::new(3, 1), &outcomes), now);
        metrics.finished(&output(Slot::new(4, 0), &[]), now);
        let lost = || figure(&metrics.events_lost, &metric::EVENTS_LOST, ["execution"]);
        assert_eq!(lost(), 0);
        metrics.finished(&output(Slot::new(5, 0), &[]), now);
        assert_eq!(lost(), 1);
        let operations = OPERATION_OUTCOMES
            .map(|outcome| figure(&metrics.operations, &metric::OPERATIONS_FINAL, [outcome]));
        assert_eq!(operations, [2, 1, 0, 0]);
    }

    #[test]
    fn rounds_candidates_and_changes_are_counted_by_thread() {
        let metrics = metrics();
        let slot = Slot::new(3, 1);
        let none_is_ours = |_: &Address| false;
        metrics.happened(
            &ConsensusEvent::RoundEntered { slot, round: 1 },
            none_is_ours,
        );
        metrics.happened(
            &ConsensusEvent::LeadingCandidateChanged { slot, id: None },
            none_is_ours,
        );
        metrics.happened(&candidate(slot, 1, 1), none_is_ours);
        let foreign = ConsensusEvent::ForeignSignature {
            address: address(1),
            slot,
        };
        metrics.happened(&foreign, none_is_ours);
        let counters = [
            (&metrics.rounds_entered, &metric::ROUNDS_ENTERED),
            (&metrics.leading_changes, &metric::LEADING_CHANGES),
            (&metrics.candidates, &metric::CANDIDATES),
        ];
        for (counters, metric) in counters {
            let figures = ["0", "1"].map(|thread| figure(counters, metric, [thread]));
            assert_eq!(figures, [0, 1], "{}", metric.name);
        }
        assert_eq!(metrics.foreign_signatures.get(), 1);
        assert!(metrics.own.lock().is_empty());
    }
}
