//! Bugs of the agreement that a simulator plants, to show that it finds them.
//!
//! They are there only with the feature `planted-bugs`, which no node is built with: `cargo xtask
//! tidy` looks at that. Without it all that is asked here is a constant, and what would be wrong is
//! not compiled.

use crate::rules::{Backed, Marks};
use picot_models::{Certificate, CertificateError, Justification, ValidatorSet, Value};

/// A bug of the agreement. Nothing but [`Engine::plant`](crate::Engine::plant) sets one.
#[cfg(feature = "planted-bugs")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlantedBug {
    /// Half of the stake counts as a quorum, in what is formed and in what is accepted.
    HalfQuorum,
    /// Who chose a miss votes a second time when a candidate comes (against rule 2).
    TwoVotes,
    /// Coordinators propose their best candidate, and voters vote for it, whatever is notarised or
    /// not nullified (against rules 3 and 4).
    SkipJustification,
    /// An operation that is in the thread's chain already is accepted in a body.
    AcceptReuse,
    /// The timer of a round never ends (against rule 6).
    UnboundedWait,
    /// A round that was nullified is finalised (against rule 5).
    FinaliseAfterNullify,
    /// Blocks are voted for and finalised whose bodies are not held (against rules 4 and 5).
    VoteUnheld,
    /// Nothing is sent again (against rule 9).
    NeverResend,
}

/// What is planted in an engine: nothing, unless a simulator says so.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Planted {
    #[cfg(feature = "planted-bugs")]
    bug: Option<PlantedBug>,
}

#[cfg(feature = "planted-bugs")]
impl Planted {
    pub(crate) const fn new(bug: PlantedBug) -> Self {
        Self { bug: Some(bug) }
    }
}

/// Whether one bug is planted.
macro_rules! questions {
    ($($question:ident: $bug:ident),* $(,)?) => {
        impl Planted {
            $(
                #[cfg(feature = "planted-bugs")]
                pub(crate) fn $question(self) -> bool {
                    self.bug == Some(PlantedBug::$bug)
                }

                #[cfg(not(feature = "planted-bugs"))]
                #[allow(clippy::unused_self, reason = "there is something in it with the feature")]
                pub(crate) const fn $question(self) -> bool {
                    false
                }
            )*
        }
    };
}

questions! {
    decides_by_half: HalfQuorum,
    votes_twice: TwoVotes,
    skips_justification: SkipJustification,
    accepts_reuse: AcceptReuse,
    waits_without_end: UnboundedWait,
    finalises_what_it_nullified: FinaliseAfterNullify,
    votes_for_what_is_not_held: VoteUnheld,
    never_sends_again: NeverResend,
}

/// What is done right without a bug, and wrong with it.
impl Planted {
    /// The weight that decides.
    pub(crate) fn quorum(self, validators: &ValidatorSet) -> u64 {
        if self.decides_by_half() {
            return validators.total_power().div_ceil(2);
        }
        validators.quorum()
    }

    /// Whether a certificate has a quorum.
    pub(crate) fn check_power(
        self,
        certificate: &Certificate,
        validators: &ValidatorSet,
    ) -> Result<(), CertificateError> {
        match certificate.check_power(validators) {
            Err(CertificateError::NoQuorum { found, .. })
                if self.decides_by_half() && found >= self.quorum(validators) =>
            {
                Ok(())
            }
            checked => checked,
        }
    }

    /// What the coordinator of a round proposes.
    pub(crate) fn proposal(self, by_rule_3: Option<Backed>, best: Value) -> Option<Backed> {
        if self.skips_justification() {
            return Some(unjustified(best));
        }
        by_rule_3
    }

    /// What comes with a proposal: all that it relies on.
    pub(crate) fn justification(self, whole: Option<Justification>) -> Option<Justification> {
        if self.skips_justification() && whole.is_none() {
            return Some(Justification {
                notarised: None,
                nullified: Vec::new(),
            });
        }
        whole
    }

    /// The vote for a proposal.
    pub(crate) fn vote(
        self,
        by_rule_4: Option<Backed>,
        proposal: Backed,
        votable: bool,
    ) -> Option<Backed> {
        if self.skips_justification() && votable {
            return Some(proposal);
        }
        by_rule_4
    }

    /// What rule 5 is told of what this validator signed.
    pub(crate) fn marks_to_finalise(self, mut marks: Marks) -> Marks {
        if self.finalises_what_it_nullified() {
            marks.nullified = false;
        }
        marks
    }
}

const fn unjustified(value: Value) -> Backed {
    Backed {
        value,
        carry: picot_models::Carry::Free,
    }
}
