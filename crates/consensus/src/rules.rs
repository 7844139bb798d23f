//! The vote rules of design 07 as pure functions of what one validator signed and which
//! certificates it knows.
//!
//! The engine decides with exactly these, and so does whoever explores the protocol exhaustively.
//! They know no time, no messages, no signatures: whether a timer has ended, whether a block is
//! held and valid, and how much weight voted are arguments.

use picot_models::{Carry, Value};

/// A value and what it relies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Backed {
    /// The value.
    pub value: Value,
    /// What it relies on.
    pub carry: Carry,
}

/// What one validator has signed in one round of one slot. Nothing is ever unset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Marks {
    /// Its proposal, if it coordinates the round.
    pub proposed: Option<Backed>,
    /// Its notarise vote.
    pub notarised: Option<Backed>,
    /// Its nullify vote.
    pub nullified: bool,
    /// Its finalise vote.
    pub finalised: Option<Value>,
}

/// The certificates of one slot that a validator knows.
pub trait KnownCertificates {
    /// The value of `N(round, ·)`.
    fn notarised(&self, round: u32) -> Option<Value>;
    /// Whether `Z(round)` is known.
    fn nullified(&self, round: u32) -> bool;
    /// The latest round with a certificate of either kind.
    fn latest_round(&self) -> Option<u32>;
}

/// What a value of a round may be, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// Only this value, for it was notarised in an earlier round and every round since was
    /// nullified.
    Carried(Backed),
    /// Any valid value, for every earlier round was nullified.
    Any,
}

/// What a proposal of `round` must be, by the certificates known; `None` if they do not reach back
/// far enough to tell.
///
/// Rule 3: the value of the highest `N(j, ·)` whose `Z(j+1) … Z(round−1)` are there; else, with all
/// `Z`, any. A validator that rule 7 placed in `round` knows, unless a bare `N(round, ·)` did,
/// without the certificates of the rounds before: that is harmless, for the round is notarised
/// already.
#[must_use]
pub fn allowed(certificates: &impl KnownCertificates, round: u32) -> Option<Allowed> {
    for earlier in (0..round).rev() {
        if let Some(value) = certificates.notarised(earlier) {
            return Some(Allowed::Carried(Backed {
                value,
                carry: Carry::From { round: earlier },
            }));
        }
        if !certificates.nullified(earlier) {
            return None;
        }
    }
    Some(Allowed::Any)
}

/// Whether the certificates known justify a value in a round: `Carry(j)` by `N(j, v)` and
/// `Z(j+1) … Z(round−1)`, `Free` by `Z(0) … Z(round−1)`.
#[must_use]
pub fn is_justified(
    certificates: &impl KnownCertificates,
    round: u32,
    Backed { value, carry }: Backed,
) -> bool {
    match carry {
        Carry::Free => (0..round).all(|earlier| certificates.nullified(earlier)),
        Carry::From { round: notarised } => {
            notarised < round
                && certificates.notarised(notarised) == Some(value)
                && (notarised.saturating_add(1)..round)
                    .all(|earlier| certificates.nullified(earlier))
        }
    }
}

/// Whether what a notarise vote or proposal says it relies on can be true of any certificates.
#[must_use]
pub const fn is_well_formed(round: u32, carry: Carry) -> bool {
    match carry {
        Carry::Free => true,
        Carry::From { round: notarised } => notarised < round,
    }
}

/// Rule 2, choose: the first vote of round 0. `choice` is there once the time to choose has come.
#[must_use]
pub fn choose(marks: &Marks, round: u32, choice: Option<Value>) -> Option<Backed> {
    let value = choice?;
    (round == 0 && marks.notarised.is_none()).then_some(Backed {
        value,
        carry: Carry::Free,
    })
}

/// Rule 3, propose: what the coordinator of `round` proposes; `free_choice` is its best valid
/// candidate, or a miss.
#[must_use]
pub fn propose(
    certificates: &impl KnownCertificates,
    marks: &Marks,
    round: u32,
    free_choice: Value,
) -> Option<Backed> {
    if round == 0 || marks.proposed.is_some() {
        return None;
    }
    match allowed(certificates, round)? {
        Allowed::Carried(backed) => Some(backed),
        Allowed::Any => Some(Backed {
            value: free_choice,
            carry: Carry::Free,
        }),
    }
}

/// Rule 4, vote: for the coordinator's first proposal of the round that the validator is in, if it
/// is justified and `votable` (a block that is held and valid, or a miss that may be).
#[must_use]
pub fn vote(
    certificates: &impl KnownCertificates,
    marks: &Marks,
    round: u32,
    proposal: Backed,
    votable: bool,
) -> Option<Backed> {
    (round > 0
        && marks.notarised.is_none()
        && votable
        && is_justified(certificates, round, proposal))
    .then_some(proposal)
}

/// Rule 5, finalise: in any round with `N(round, v)` that the validator did not nullify, if `v` is
/// `held` (and valid) or a miss.
#[must_use]
pub fn finalise(
    certificates: &impl KnownCertificates,
    marks: &Marks,
    round: u32,
    held: impl Fn(&Value) -> bool,
) -> Option<Value> {
    let value = certificates.notarised(round)?;
    (!marks.nullified && marks.finalised.is_none() && held(&value)).then_some(value)
}

/// Rule 6, nullify: in the round that the validator is in, when nothing is notarised there at the
/// end of its timer, or nothing can be any more, and the validator did not finalise it.
#[must_use]
pub fn nullify(
    certificates: &impl KnownCertificates,
    marks: &Marks,
    round: u32,
    timer_ended: bool,
    hopeless: bool,
) -> bool {
    (timer_ended || hopeless)
        && certificates.notarised(round).is_none()
        && !marks.nullified
        && marks.finalised.is_none()
}

/// Whether the votes seen prove that no value can reach the quorum in a round: even the one with
/// most weight, with all the weight that has not been seen voting.
#[must_use]
pub fn is_hopeless(most_for_one: u64, seen: u64, total: u64, quorum: u64) -> bool {
    let unseen = total.saturating_sub(seen);
    most_for_one.saturating_add(unseen) < quorum
}

/// Rule 7, advance: the round to be in. `waited(r)` tells whether `N(r, ·)` has been known for `Tf`
/// without a decision. Rounds advance by certificates only, and never back.
#[must_use]
pub fn advance(
    certificates: &impl KnownCertificates,
    round: u32,
    waited: impl Fn(u32) -> bool,
) -> u32 {
    let Some(latest) = certificates.latest_round() else {
        return round;
    };
    for candidate in (round..=latest).rev() {
        let next = candidate.saturating_add(1);
        if certificates.nullified(candidate) && allowed(certificates, next).is_some() {
            return next;
        }
        if certificates.notarised(candidate).is_some() {
            return if waited(candidate) { next } else { candidate };
        }
    }
    round
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::{BlockId, Hash, quorum};
    use std::collections::{BTreeMap, BTreeSet};

    #[derive(Default)]
    struct Known {
        notarised: BTreeMap<u32, Value>,
        nullified: BTreeSet<u32>,
    }

    impl KnownCertificates for Known {
        fn notarised(&self, round: u32) -> Option<Value> {
            self.notarised.get(&round).copied()
        }
        fn nullified(&self, round: u32) -> bool {
            self.nullified.contains(&round)
        }
        fn latest_round(&self) -> Option<u32> {
            let notarised = self.notarised.keys().next_back();
            notarised.max(self.nullified.last()).copied()
        }
    }

    fn known(notarised: &[(u32, Value)], nullified: &[u32]) -> Known {
        Known {
            notarised: notarised.iter().copied().collect(),
            nullified: nullified.iter().copied().collect(),
        }
    }

    fn block(number: u8) -> Value {
        Value::Block {
            id: BlockId::from_hash(Hash([number; 32])),
        }
    }

    const MISS: Value = Value::Miss { through: 1 };

    fn free(value: Value) -> Backed {
        Backed {
            value,
            carry: Carry::Free,
        }
    }

    fn carried(value: Value, round: u32) -> Backed {
        Backed {
            value,
            carry: Carry::From { round },
        }
    }

    #[test]
    fn rule_2_a_choice_is_made_once_and_in_round_0_only() {
        let marks = Marks::default();
        assert_eq!(choose(&marks, 0, None), None, "the time has not come");
        assert_eq!(choose(&marks, 0, Some(block(1))), Some(free(block(1))));
        assert_eq!(choose(&marks, 1, Some(block(1))), None);
        let chosen = Marks {
            notarised: Some(free(MISS)),
            ..marks
        };
        assert_eq!(choose(&chosen, 0, Some(block(1))), None, "never changed");
    }

    #[test]
    fn rule_3_the_highest_notarised_value_with_nullifications_since_is_proposed() {
        let marks = Marks::default();
        let both = known(&[(0, block(1)), (1, block(2))], &[0, 1, 2]);
        assert_eq!(propose(&both, &marks, 3, MISS), Some(carried(block(2), 1)));
        let gap = known(&[(0, block(1))], &[2]);
        assert_eq!(propose(&gap, &marks, 3, MISS), None, "round 1 is unknown");
    }

    #[test]
    fn rule_3_with_all_rounds_nullified_the_best_candidate_is_proposed() {
        let all = known(&[], &[0, 1]);
        assert_eq!(
            propose(&all, &Marks::default(), 2, block(7)),
            Some(free(block(7)))
        );
        let proposed = Marks {
            proposed: Some(free(block(7))),
            ..Marks::default()
        };
        assert_eq!(
            propose(&all, &proposed, 2, block(8)),
            None,
            "once per round"
        );
        assert_eq!(
            propose(&all, &Marks::default(), 0, block(8)),
            None,
            "round 0 has none"
        );
    }

    #[test]
    fn rule_4_only_a_justified_and_votable_proposal_gets_the_one_vote() {
        let certificates = known(&[(0, block(1))], &[1]);
        let marks = Marks::default();
        let good = carried(block(1), 0);
        assert_eq!(vote(&certificates, &marks, 2, good, true), Some(good));
        assert_eq!(vote(&certificates, &marks, 2, good, false), None);
        assert_eq!(
            vote(&certificates, &marks, 2, carried(block(2), 0), true),
            None
        );
        assert_eq!(vote(&certificates, &marks, 2, free(block(1)), true), None);
        assert_eq!(
            vote(&certificates, &marks, 3, good, true),
            None,
            "Z(2) is missing"
        );
        let voted = Marks {
            notarised: Some(good),
            ..marks
        };
        assert_eq!(vote(&certificates, &voted, 2, good, true), None);
    }

    #[test]
    fn rule_5_a_notarised_round_is_finalised_unless_nullified() {
        let certificates = known(&[(1, block(1))], &[]);
        let marks = Marks::default();
        assert_eq!(finalise(&certificates, &marks, 1, |_| true), Some(block(1)));
        assert_eq!(
            finalise(&certificates, &marks, 1, |_| false),
            None,
            "not held"
        );
        assert_eq!(finalise(&certificates, &marks, 0, |_| true), None);
        let nullified = Marks {
            nullified: true,
            ..marks
        };
        assert_eq!(finalise(&certificates, &nullified, 1, |_| true), None);
        let finalised = Marks {
            finalised: Some(block(1)),
            ..marks
        };
        assert_eq!(
            finalise(&certificates, &finalised, 1, |_| true),
            None,
            "once"
        );
    }

    #[test]
    fn rule_6_a_round_is_nullified_at_its_timer_or_when_hopeless_unless_finalised() {
        let none = known(&[], &[]);
        let marks = Marks::default();
        assert!(nullify(&none, &marks, 0, true, false));
        assert!(nullify(&none, &marks, 0, false, true));
        assert!(!nullify(&none, &marks, 0, false, false));
        let notarised = known(&[(0, block(1))], &[]);
        assert!(!nullify(&notarised, &marks, 0, true, false));
        let finalised = Marks {
            finalised: Some(block(1)),
            ..marks
        };
        assert!(!nullify(&none, &finalised, 0, true, true));
    }

    #[test]
    fn rule_6_a_split_is_hopeless_as_soon_as_no_value_can_reach_the_quorum() {
        let hopeless = |most, seen| is_hopeless(most, seen, 4, quorum(4));
        assert!(!hopeless(1, 2), "two unseen can still make three");
        assert!(hopeless(1, 3));
        assert!(hopeless(2, 4));
        assert!(!hopeless(2, 3));
        assert!(!hopeless(3, 4));
    }

    #[test]
    fn rule_7_a_round_is_left_by_its_nullification_or_after_waiting_for_finality() {
        assert_eq!(advance(&known(&[], &[0]), 0, |_| false), 1);
        assert_eq!(advance(&known(&[(0, MISS)], &[]), 0, |_| false), 0);
        assert_eq!(advance(&known(&[(0, MISS)], &[]), 0, |_| true), 1);
        assert_eq!(
            advance(&known(&[], &[]), 0, |_| true),
            0,
            "by certificates only"
        );
    }

    #[test]
    fn rule_7_a_valid_entry_bundle_of_a_later_round_is_followed() {
        assert_eq!(advance(&known(&[(2, MISS)], &[3, 4]), 0, |_| false), 5);
        assert_eq!(advance(&known(&[], &[0, 1, 2]), 0, |_| false), 3);
        assert_eq!(
            advance(&known(&[], &[1, 2]), 0, |_| false),
            0,
            "Z(0) is missing"
        );
        assert_eq!(
            advance(&known(&[(4, MISS)], &[]), 0, |_| false),
            4,
            "to finalise there"
        );
        assert_eq!(
            advance(&known(&[(4, MISS)], &[]), 6, |_| true),
            6,
            "never back"
        );
    }

    #[test]
    fn the_quorum_of_1_to_100_is_more_than_two_thirds_and_reachable_without_a_third() {
        for total in 1..=100_u64 {
            let q = quorum(total);
            assert!(3 * q > 2 * total && 3 * (q - 1) <= 2 * total, "W = {total}");
            let faulty = (total - 1) / 3;
            assert!(total - faulty >= q, "W = {total}");
        }
    }
}
