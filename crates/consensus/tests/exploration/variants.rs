//! The rules that are explored: as they are, and weakened in one thing each. A weakened rule calls
//! the real function too, with something hidden from it or made up.

use crate::model::Known;
use picot_consensus::rules::{self, Backed, KnownCertificates, Marks};
use picot_models::{Carry, Value, quorum};

/// What an honest validator does: the functions of `picot_consensus::rules`, and the quorum.
pub(crate) trait Rules {
    fn quorum(&self, total: u64) -> u64 {
        quorum(total)
    }

    fn choose(&self, marks: &Marks, round: u32, choice: Value) -> Option<Backed> {
        rules::choose(marks, round, Some(choice))
    }

    fn vote(&self, known: &Known, marks: &Marks, round: u32, proposal: Backed) -> Option<Backed> {
        rules::vote(known, marks, round, proposal, true)
    }

    fn finalise(&self, known: &Known, marks: &Marks, round: u32) -> Option<Value> {
        rules::finalise(known, marks, round, |_| true)
    }

    fn nullify(&self, known: &Known, marks: &Marks, round: u32) -> bool {
        rules::nullify(known, marks, round, true, false)
            || rules::nullify(known, marks, round, false, true)
    }

    fn advance(&self, known: &Known, round: u32, waited: bool) -> u32 {
        rules::advance(known, round, |_| waited)
    }
}

/// The rules of design 07.
pub(crate) struct AsDesigned;

impl Rules for AsDesigned {}

/// Forgets the notarise votes that it cast.
pub(crate) struct NotariseTwice;

impl NotariseTwice {
    fn forget(marks: &Marks) -> Marks {
        Marks {
            notarised: None,
            ..*marks
        }
    }
}

impl Rules for NotariseTwice {
    fn choose(&self, marks: &Marks, round: u32, choice: Value) -> Option<Backed> {
        AsDesigned.choose(&Self::forget(marks), round, choice)
    }

    fn vote(&self, known: &Known, marks: &Marks, round: u32, proposal: Backed) -> Option<Backed> {
        AsDesigned.vote(known, &Self::forget(marks), round, proposal)
    }
}

/// Finalises a round as if it had not nullified it.
pub(crate) struct FinaliseAfterNullify;

impl Rules for FinaliseAfterNullify {
    fn finalise(&self, known: &Known, marks: &Marks, round: u32) -> Option<Value> {
        let forgetful = Marks {
            nullified: false,
            ..*marks
        };
        AsDesigned.finalise(known, &forgetful, round)
    }
}

/// Nullifies a round as if it had not finalised it.
pub(crate) struct NullifyAfterFinalise;

impl Rules for NullifyAfterFinalise {
    fn nullify(&self, known: &Known, marks: &Marks, round: u32) -> bool {
        let forgetful = Marks {
            finalised: None,
            ..*marks
        };
        AsDesigned.nullify(known, &forgetful, round)
    }
}

/// Takes every round since the notarisation for nullified.
pub(crate) struct CarryOverGaps;

/// What is known, and every round after one nullified.
struct Gapless<'a> {
    known: &'a Known,
    after: u32,
}

impl KnownCertificates for Gapless<'_> {
    fn notarised(&self, round: u32) -> Option<Value> {
        self.known.notarised(round)
    }

    fn nullified(&self, round: u32) -> bool {
        round > self.after || self.known.nullified(round)
    }

    fn latest_round(&self) -> Option<u32> {
        self.known.latest_round()
    }
}

impl Rules for CarryOverGaps {
    fn vote(&self, known: &Known, marks: &Marks, round: u32, proposal: Backed) -> Option<Backed> {
        match proposal.carry {
            Carry::Free => AsDesigned.vote(known, marks, round, proposal),
            Carry::From { round: after } => {
                rules::vote(&Gapless { known, after }, marks, round, proposal, true)
            }
        }
    }
}

/// Takes every proposal for justified.
pub(crate) struct Unjustified;

/// Certificates of everything that a proposal claims.
struct Claimed(Value);

impl KnownCertificates for Claimed {
    fn notarised(&self, _round: u32) -> Option<Value> {
        Some(self.0)
    }

    fn nullified(&self, _round: u32) -> bool {
        true
    }

    fn latest_round(&self) -> Option<u32> {
        None
    }
}

impl Rules for Unjustified {
    fn vote(&self, _known: &Known, marks: &Marks, round: u32, proposal: Backed) -> Option<Backed> {
        rules::vote(&Claimed(proposal.value), marks, round, proposal, true)
    }
}

/// Half of the weight is enough.
pub(crate) struct Half;

impl Rules for Half {
    fn quorum(&self, total: u64) -> u64 {
        total / 2
    }
}

/// Any majority is enough.
pub(crate) struct MoreThanHalf;

impl Rules for MoreThanHalf {
    fn quorum(&self, total: u64) -> u64 {
        total / 2 + 1
    }
}
