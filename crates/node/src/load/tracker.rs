//! What became of what was submitted: a core that is told what happened.

use super::latencies::Latencies;
use picot_api::types::{OperationResult, SlotEvent, SubmitResult};
use picot_client::Refusal;
use picot_models::{OperationId, Slot, Timestamp};
use std::collections::BTreeMap;

/// Reasons that are told apart; further ones are counted as one.
const MAX_REASONS: usize = 64;
/// What further reasons are called.
const OTHER_REASONS: &str = "other";

/// How many came to what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Sent to a node.
    pub(crate) submitted: u64,
    /// Taken in by it.
    pub(crate) accepted: u64,
    /// Not taken in, by code.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Sent, and no answer came: they may have been taken in.
    pub(crate) unanswered: u64,
    /// Final, and did what they ordered.
    pub(crate) succeeded: u64,
    /// Final, and did not, by reason.
    pub(crate) failed: BTreeMap<String, u64>,
    /// Final, read from their block after their event was lost: what they came to is not known.
    pub(crate) untold: u64,
    /// All slots that could have included them are final, and none has.
    pub(crate) expired: u64,
}

impl Counts {
    /// All that are final.
    pub(crate) fn final_count(&self) -> u64 {
        let failed = sum(&self.failed);
        self.succeeded
            .saturating_add(failed)
            .saturating_add(self.untold)
    }

    /// All that were refused.
    pub(crate) fn refused_count(&self) -> u64 {
        sum(&self.refused)
    }
}

fn sum(counts: &BTreeMap<String, u64>) -> u64 {
    counts
        .values()
        .fold(0, |sum, count| sum.saturating_add(*count))
}

/// An operation whose fate is open.
struct Open {
    sent: Timestamp,
    /// The last slot that can include it.
    last: Slot,
}

/// Follows operations from their submission to their end.
#[derive(Default)]
pub(crate) struct Tracker {
    open: BTreeMap<OperationId, Open>,
    counts: Counts,
    latencies: Latencies,
    first_sent: Option<Timestamp>,
    last_sent: Option<Timestamp>,
    last_final: Option<Timestamp>,
    /// The first refusal, for whoever can do something about it.
    refusal: Option<Refusal>,
}

impl Tracker {
    /// These are sent now; each with the last slot that can include it. Told before they are, so that
    /// no event comes too early.
    pub(crate) fn sent(
        &mut self,
        now: Timestamp,
        ids: impl IntoIterator<Item = (OperationId, Slot)>,
    ) {
        self.first_sent.get_or_insert(now);
        self.last_sent = Some(now);
        for (id, last) in ids {
            self.counts.submitted = self.counts.submitted.saturating_add(1);
            self.open.insert(id, Open { sent: now, last });
        }
    }

    /// These were not sent after all: no connection came about.
    pub(crate) fn withdrawn(&mut self, ids: &[OperationId]) {
        for id in ids {
            if self.open.remove(id).is_some() {
                self.counts.submitted = self.counts.submitted.saturating_sub(1);
            }
        }
    }

    /// A node answered.
    pub(crate) fn answered(&mut self, results: Vec<SubmitResult>) {
        for SubmitResult { id, problem } in results {
            match problem {
                None => self.counts.accepted = self.counts.accepted.saturating_add(1),
                Some(problem) => {
                    let code = serde_json::to_value(problem.code).unwrap_or_default();
                    let refusal = Refusal {
                        status: problem.status,
                        code: code.as_str().unwrap_or(OTHER_REASONS).to_owned(),
                        detail: problem.detail,
                    };
                    self.refused(&[id], refusal);
                }
            }
        }
    }

    /// A node refused all of these for one reason.
    pub(crate) fn refused(&mut self, ids: &[OperationId], refusal: Refusal) {
        for id in ids {
            self.open.remove(id);
            count(&mut self.counts.refused, &refusal.code);
        }
        self.refusal.get_or_insert(refusal);
    }

    /// These were sent, and no answer came. They stay open: they may have been taken in.
    pub(crate) fn unanswered(&mut self, operations: usize) {
        let operations = u64::try_from(operations).unwrap_or(u64::MAX);
        self.counts.unanswered = self.counts.unanswered.saturating_add(operations);
    }

    /// A slot became final.
    pub(crate) fn finalised(&mut self, now: Timestamp, event: &SlotEvent) {
        for (id, result) in &event.operations {
            if !self.ended(now, id) {
                continue;
            }
            let reason = match result {
                OperationResult::Succeeded => {
                    self.counts.succeeded = self.counts.succeeded.saturating_add(1);
                    continue;
                }
                OperationResult::Failed { reason } => reason,
                OperationResult::Unpaid => "unpaid",
                OperationResult::Refused => "refused",
            };
            count(&mut self.counts.failed, reason);
        }
        self.expire(event.slot);
    }

    /// A slot became final whose event is lost; its block carries these.
    pub(crate) fn finalised_block(&mut self, now: Timestamp, slot: Slot, ids: &[OperationId]) {
        for id in ids {
            if self.ended(now, id) {
                self.counts.untold = self.counts.untold.saturating_add(1);
            }
        }
        self.expire(slot);
    }

    /// Whether it was one of ours.
    fn ended(&mut self, now: Timestamp, id: &OperationId) -> bool {
        let Some(open) = self.open.remove(id) else {
            return false;
        };
        // A wall clock that steps back makes a time of nothing, not one of ages.
        let latency = now.since(open.sent).unwrap_or_default();
        self.latencies.add(latency.as_millis());
        self.last_final = Some(now);
        true
    }

    fn expire(&mut self, slot: Slot) {
        // Once a period is enough to know what the next blocks cannot include.
        if slot.thread != 0 {
            return;
        }
        let before = self.open.len();
        self.open.retain(|_, open| open.last > slot);
        let gone = before.saturating_sub(self.open.len());
        let gone = u64::try_from(gone).unwrap_or(u64::MAX);
        self.counts.expired = self.counts.expired.saturating_add(gone);
    }

    /// How many are neither final, refused nor expired.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    pub(crate) const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The first refusal, if there was one.
    pub(crate) const fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    pub(super) const fn latencies(&self) -> &Latencies {
        &self.latencies
    }

    /// Milliseconds from the first submission to the last.
    pub(super) fn submitting_ms(&self) -> u64 {
        between(self.first_sent, self.last_sent)
    }

    /// Milliseconds from the first submission to the last that became final.
    pub(super) fn finalising_ms(&self) -> u64 {
        between(self.first_sent, self.last_final)
    }
}

fn between(first: Option<Timestamp>, last: Option<Timestamp>) -> u64 {
    let length = first.zip(last).and_then(|(first, last)| last.since(first));
    length.unwrap_or_default().as_millis()
}

fn count(counts: &mut BTreeMap<String, u64>, reason: &str) {
    let is_new = !counts.contains_key(reason);
    let reason = if is_new && counts.len() >= MAX_REASONS {
        OTHER_REASONS
    } else {
        reason
    };
    let count = counts.entry(reason.to_owned()).or_default();
    *count = count.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_api::{Problem, ProblemCode};
    use picot_models::Hash;

    const START: Timestamp = Timestamp(5_000);
    const LAST: Slot = Slot::new(20, 2);

    fn id(byte: u8) -> OperationId {
        OperationId::from_hash(Hash([byte; 32]))
    }

    /// Three operations, sent at the start.
    fn tracker() -> Tracker {
        let mut tracker = Tracker::default();
        tracker.sent(START, [1, 2, 3].map(|byte| (id(byte), LAST)));
        tracker
    }

    fn event(slot: Slot, operations: &[(u8, OperationResult)]) -> SlotEvent {
        let operations = operations.iter();
        SlotEvent {
            slot,
            block: None,
            producer: None,
            operations: operations
                .map(|(byte, result)| (id(*byte), result.clone()))
                .collect(),
            state_hash: None,
        }
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp(START.0 + ms)
    }

    fn result(byte: u8, code: Option<ProblemCode>) -> SubmitResult {
        let problem = code.map(|code| Problem::new(code, "because"));
        SubmitResult {
            id: id(byte),
            problem,
        }
    }

    #[test]
    fn an_operation_is_final_once_with_the_time_since_its_submission() {
        let mut tracker = tracker();
        let done = event(Slot::new(3, 1), &[(1, OperationResult::Succeeded)]);
        tracker.finalised(at(700), &done);
        tracker.finalised(at(900), &done);
        assert_eq!((tracker.counts().succeeded, tracker.open()), (1, 2));
        assert_eq!(tracker.latencies().max_ms(), 700);
        assert_eq!(tracker.finalising_ms(), 700);
    }

    #[test]
    fn operations_of_others_do_not_count() {
        let mut tracker = tracker();
        tracker.finalised(
            at(1),
            &event(Slot::new(3, 1), &[(9, OperationResult::Succeeded)]),
        );
        tracker.finalised_block(at(1), Slot::new(3, 2), &[id(9)]);
        assert_eq!((tracker.counts().final_count(), tracker.open()), (0, 3));
    }

    #[test]
    fn a_final_operation_that_failed_counts_by_its_reason() {
        let mut tracker = tracker();
        let failed = OperationResult::Failed {
            reason: "poor".to_owned(),
        };
        let all = [
            (1, failed.clone()),
            (2, failed),
            (3, OperationResult::Unpaid),
        ];
        tracker.finalised(at(1), &event(Slot::new(3, 1), &all));
        let counts = tracker.counts();
        assert_eq!((counts.failed["poor"], counts.failed["unpaid"]), (2, 1));
        assert_eq!((counts.succeeded, counts.final_count()), (0, 3));
    }

    #[test]
    fn a_refused_operation_counts_by_its_code_and_is_open_no_more() {
        let mut tracker = tracker();
        tracker.answered(vec![
            result(1, None),
            result(2, Some(ProblemCode::PoolFull)),
            result(3, Some(ProblemCode::FeeTooLow)),
        ]);
        let counts = tracker.counts();
        assert_eq!((counts.accepted, counts.refused_count()), (1, 2));
        assert_eq!(counts.refused["pool_full"], 1);
        assert_eq!(tracker.open(), 1);
        assert!(tracker.refusal().unwrap().is(ProblemCode::PoolFull));
    }

    #[test]
    fn an_operation_may_be_final_before_its_answer_comes() {
        let mut tracker = tracker();
        tracker.finalised(
            at(5),
            &event(Slot::new(3, 1), &[(1, OperationResult::Succeeded)]),
        );
        tracker.answered(vec![result(1, None)]);
        let counts = tracker.counts();
        assert_eq!(
            (counts.accepted, counts.succeeded, tracker.open()),
            (1, 1, 2)
        );
    }

    #[test]
    fn without_an_answer_an_operation_stays_open_and_may_become_final() {
        let mut tracker = tracker();
        tracker.unanswered(3);
        assert_eq!((tracker.counts().unanswered, tracker.open()), (3, 3));
        tracker.finalised(
            at(5),
            &event(Slot::new(3, 1), &[(2, OperationResult::Succeeded)]),
        );
        assert_eq!((tracker.counts().succeeded, tracker.open()), (1, 2));
    }

    #[test]
    fn an_operation_expires_once_its_last_slot_is_final_and_not_before() {
        let mut tracker = tracker();
        tracker.finalised(at(5), &event(Slot::new(20, 0), &[]));
        assert_eq!((tracker.counts().expired, tracker.open()), (0, 3));
        tracker.finalised(
            at(6),
            &event(Slot::new(20, 3), &[(1, OperationResult::Succeeded)]),
        );
        tracker.finalised(at(7), &event(Slot::new(21, 0), &[]));
        assert_eq!((tracker.counts().expired, tracker.open()), (2, 0));
        assert_eq!(tracker.counts().succeeded, 1);
    }

    #[test]
    fn what_was_not_sent_is_not_counted() {
        let mut tracker = tracker();
        tracker.withdrawn(&[id(1), id(2), id(9)]);
        assert_eq!((tracker.counts().submitted, tracker.open()), (1, 1));
    }

    #[test]
    fn a_block_whose_event_was_lost_makes_its_operations_final() {
        let mut tracker = tracker();
        tracker.finalised_block(at(400), Slot::new(3, 0), &[id(1), id(3)]);
        let counts = tracker.counts();
        assert_eq!(
            (counts.untold, counts.final_count(), tracker.open()),
            (2, 2, 1)
        );
    }

    #[test]
    fn reasons_are_bounded() {
        let mut tracker = Tracker::default();
        for number in 0..100 {
            let operation = id(number);
            tracker.sent(START, [(operation, LAST)]);
            let failed = OperationResult::Failed {
                reason: number.to_string(),
            };
            tracker.finalised(at(1), &event(Slot::new(3, 1), &[(number, failed)]));
        }
        let failed = &tracker.counts().failed;
        assert_eq!((failed.len(), failed[OTHER_REASONS]), (MAX_REASONS + 1, 36));
    }
}
