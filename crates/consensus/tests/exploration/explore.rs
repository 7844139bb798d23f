//! Breadth first, by the number of votes cast: a step adds one, so a state is met in one layer only,
//! and two layers are all that is kept.

use crate::model::{Lemma, Model, State};
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

/// What an exploration found.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) states: u64,
    /// The most votes that the honest validators cast.
    pub(crate) depth: u32,
    /// The rounds in which some state decides, a bit each.
    pub(crate) decided_rounds: usize,
    /// The first part of the safety argument that does not hold, and in which state.
    pub(crate) violation: Option<(Lemma, String)>,
    /// The first state with two decisions, where the exploration ends.
    pub(crate) disagreement: Option<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} states, {} votes deep",
            self.states, self.depth
        )?;
        match &self.disagreement {
            None => write!(formatter, ", no disagreement"),
            Some(votes) => write!(formatter, ", a disagreement:\n{votes}"),
        }
    }
}

/// Visits every state, or as many as there are up to the first disagreement.
pub(crate) fn explore(model: &Model) -> Report {
    let mut report = Report {
        states: 0,
        depth: 0,
        decided_rounds: 0,
        violation: None,
        disagreement: None,
    };
    let mut layer = Layer::default();
    layer.insert(Model::start().0);
    loop {
        let mut next = Layer::default();
        #[allow(
            clippy::iter_over_hash_type,
            reason = "all are visited, in whatever order"
        )]
        for state in &layer {
            let state = State(*state);
            report.states += 1;
            let certificates = model.certificates(state);
            report.decided_rounds |= certificates.decided_rounds();
            if report.violation.is_none() {
                let violated = certificates.violated();
                report.violation = violated.map(|lemma| (lemma, model.describe(state)));
            }
            if certificates.disagrees() {
                report.disagreement = Some(model.describe(state));
                return report;
            }
            model.each_next(state, &certificates, |State(found)| {
                next.insert(found);
            });
        }
        if next.is_empty() {
            return report;
        }
        report.depth += 1;
        layer = next;
    }
}

type Layer = HashSet<u64, BuildHasherDefault<Mix>>;

/// States are numbers that nobody chooses: one multiplication spreads them.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("a state is hashed as one number");
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (number ^ number >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 29;
    }
}
