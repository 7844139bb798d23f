//! Outcomes are followed in each thread, and their certificates verified as soon as the validators of
//! their cycle are known.

use crate::NodeError;
use picot_checkpoint::CheckpointArchive;
use picot_execution::{Base, ThreadBase};
use picot_models::{ChainId, Genesis, Outcome, Slot, ThreadDigest, ValidatorSet};
use picot_selector::{Selector, StakeSelector};
use picot_storage::Decided;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Certificates that wait before it is looked whether their validators are known.
const LOOK_AFTER: u32 = 64;

/// Follows the outcomes of all threads.
pub(super) struct Walk<'a> {
    chain_id: ChainId,
    version: u32,
    periods_per_cycle: u64,
    selector: Arc<StakeSelector>,
    threads: Vec<Followed<'a>>,
    /// Outcomes whose certificates are not verified yet, by cycle.
    waiting: BTreeMap<u64, Vec<Arc<Outcome>>>,
    since_look: u32,
    walked: Walked,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Walked {
    pub(super) verified: u64,
    pub(super) unknown: u64,
}

/// A thread of which some outcomes were seen.
struct Followed<'a> {
    base: &'a ThreadBase,
    /// After the last one that was seen.
    after: Option<(u64, ThreadDigest)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(genesis: &Genesis, selector: Arc<StakeSelector>, base: &'a Base) -> Self {
        let threads = base.threads.iter();
        Self {
            chain_id: genesis.chain_id(),
            version: genesis.params.protocol_version,
            periods_per_cycle: genesis.params.periods_per_cycle,
            selector,
            threads: threads.map(|base| Followed { base, after: None }).collect(),
            waiting: BTreeMap::new(),
            since_look: 0,
            walked: Walked::default(),
        }
    }

    /// The next outcome of its thread.
    pub(super) fn take(&mut self, decided: &Decided) -> Result<(), NodeError> {
        let slot = decided.slot();
        let Some(thread) = self.threads.get_mut(usize::from(slot.thread)) else {
            return Err(contradiction(slot, "it is of no thread of this chain"));
        };
        thread.follow(decided)?;
        let cycle = slot.cycle(self.periods_per_cycle)?;
        let waiting = self.waiting.entry(cycle).or_default();
        waiting.push(Arc::clone(&decided.outcome));
        self.since_look = self.since_look.saturating_add(1);
        if self.since_look >= LOOK_AFTER {
            self.since_look = 0;
            self.verify_known()?;
        }
        Ok(())
    }

    /// After the last outcome: that the threads lead to the state. The validators of older cycles may
    /// be among those that the kept checkpoints name.
    pub(super) fn end(mut self, checkpoints: &CheckpointArchive) -> Result<Walked, NodeError> {
        self.verify_known()?;
        let cycles: Vec<u64> = self.waiting.keys().copied().collect();
        for cycle in cycles {
            let sets = checkpoints.sets(cycle)?;
            if let Some(set) = sets.as_ref().and_then(|sets| sets.of_cycle(cycle)) {
                self.verify_cycle(cycle, set.validators())?;
            }
        }
        for (thread, followed) in (0_u8..).zip(&self.threads) {
            let base = followed.base.next_period;
            if followed.after.is_some_and(|(period, _)| period < base) {
                let slot = Slot::new(base.saturating_sub(1), thread);
                let reason = "the state knows it, and the archive ends before it";
                return Err(contradiction(slot, reason));
            }
        }
        for outcomes in self.waiting.values() {
            let unknown = u64::try_from(outcomes.len()).unwrap_or(u64::MAX);
            self.walked.unknown = self.walked.unknown.saturating_add(unknown);
        }
        Ok(self.walked)
    }

    fn verify_known(&mut self) -> Result<(), NodeError> {
        let cycles: Vec<u64> = self.waiting.keys().copied().collect();
        for cycle in cycles {
            let Ok(validators) = self.selector.voting_power(cycle) else {
                continue;
            };
            self.verify_cycle(cycle, &validators)?;
        }
        Ok(())
    }

    fn verify_cycle(&mut self, cycle: u64, validators: &ValidatorSet) -> Result<(), NodeError> {
        for outcome in self.waiting.remove(&cycle).unwrap_or_default() {
            let certificate = outcome.certificate();
            if certificate.version != self.version {
                let reason = "its certificate is of another version of the protocol";
                return Err(contradiction(outcome.slot(), reason));
            }
            certificate
                .verify(&self.chain_id, validators)
                .map_err(|error| {
                    contradiction(outcome.slot(), &format!("its certificate is bad: {error}"))
                })?;
            self.walked.verified = self.walked.verified.saturating_add(1);
        }
        Ok(())
    }
}

impl Followed<'_> {
    fn follow(&mut self, decided: &Decided) -> Result<(), NodeError> {
        let (slot, digest) = (decided.slot(), decided.outcome.certificate().thread_digest);
        let is_first = self.after.is_none();
        let (period, expected) = self.after.unwrap_or((slot.period, digest));
        if slot.period != period {
            return Err(NodeError::ArchiveGap(Slot::new(period, slot.thread)));
        }
        if digest != expected {
            let reason = "its votes were for another history of its thread";
            return Err(contradiction(slot, reason));
        }
        let known = (self.base.next_period, self.base.digest);
        if is_first && period > known.0 {
            return Err(NodeError::ArchiveGap(Slot::new(known.0, slot.thread)));
        }
        // A node that goes on from a later state has nothing before it.
        if period == known.0 && digest != known.1 {
            let reason = "it goes on from another history than the state's";
            return Err(contradiction(slot, reason));
        }
        let value = decided.outcome.value();
        let after = (
            decided.through().saturating_add(1),
            digest.after(slot, &value),
        );
        if after.0 == known.0 && after.1 != known.1 {
            return Err(contradiction(
                slot,
                "the state knows another history of its thread",
            ));
        }
        if period < known.0 && known.0 < after.0 {
            return Err(contradiction(slot, "the state knows a part of it only"));
        }
        self.after = Some(after);
        Ok(())
    }
}

fn contradiction(slot: Slot, reason: &str) -> NodeError {
    NodeError::Contradiction(format!("the archive's outcome of slot {slot}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::mocks::{address, chain_id, key};
    use picot_models::{Ballot, Certificate, Signed, ValidatorSet, Value, Vote};
    use std::collections::BTreeMap;

    fn miss(period: u64, through: u64, digest: ThreadDigest) -> Decided {
        let vote = Vote {
            version: 1,
            slot: Slot::new(period, 0),
            round: 0,
            thread_digest: digest,
            ballot: Ballot::Finalise {
                value: Value::Miss { through },
            },
        };
        let vote = Signed::sign(vote, &key(1), &chain_id(1));
        let validators = ValidatorSet::new(0, &BTreeMap::from([(address(1), 1)])).unwrap();
        let certificate = Certificate::from_votes([&vote], &validators).unwrap();
        Decided {
            outcome: Arc::new(Outcome::new(certificate).unwrap()),
            block: None,
        }
    }

    fn after(digest: ThreadDigest, period: u64, through: u64) -> ThreadDigest {
        digest.after(Slot::new(period, 0), &Value::Miss { through })
    }

    /// The state knows a thread up to period 5: misses of 1 to 3, of 4 and of 5.
    fn known() -> (ThreadBase, [ThreadDigest; 4]) {
        let start = ThreadDigest::genesis(&chain_id(1), 0);
        let first = after(start, 1, 3);
        let second = after(first, 4, 4);
        let third = after(second, 5, 5);
        let genesis = picot_models::mocks::genesis(&[(1, 1)]);
        let mut base = Base::genesis(&genesis).threads.swap_remove(0);
        base.digest = third;
        base.next_period = 6;
        (base, [start, first, second, third])
    }

    fn follow(base: &ThreadBase, outcomes: &[Decided]) -> Result<(), String> {
        let mut thread = Followed { base, after: None };
        let followed = outcomes.iter().try_for_each(|one| thread.follow(one));
        followed.map_err(|error| error.to_string())
    }

    #[test]
    fn outcomes_that_lead_to_the_state_and_on_are_followed_from_wherever_they_begin() {
        let (base, digests) = known();
        let all = [
            miss(1, 3, digests[0]),
            miss(4, 4, digests[1]),
            miss(5, 5, digests[2]),
            miss(6, 9, digests[3]),
            miss(10, 10, after(digests[3], 6, 9)),
        ];
        for first in 0..all.len() - 1 {
            follow(&base, &all[first..]).unwrap();
        }
        let gap = follow(&base, &all[4..]).unwrap_err();
        assert!(gap.contains("6/0"), "{gap}");
        let gap = follow(&base, &[all[0].clone(), all[2].clone()]).unwrap_err();
        assert!(gap.contains("4/0"), "{gap}");
    }

    #[test]
    fn outcomes_of_another_history_are_found() {
        let (base, digests) = known();
        let wrong = [
            vec![miss(1, 3, digests[0]), miss(4, 4, digests[2])],
            vec![miss(5, 5, digests[1])],
            vec![miss(6, 6, digests[2])],
            vec![miss(4, 7, digests[1])],
        ];
        for outcomes in wrong {
            assert!(follow(&base, &outcomes).is_err(), "{outcomes:?}");
        }
        // What began wrong is found where the state is reached.
        let digest = after(digests[1], 1, 3);
        let outcomes = [
            miss(1, 3, digests[1]),
            miss(4, 4, digest),
            miss(5, 5, after(digest, 4, 4)),
        ];
        assert!(follow(&base, &outcomes).is_err());
    }
}
