//! Whether a running node can still have what it lacks.

use crate::choice::{Claim, Standing};
use picot_clock::{Millis, Slot, Timestamp};

/// How long nobody may give what a node lacks until it looks for a state.
const PATIENCE: Millis = Millis(10_000);
/// How long those who say that they give it may not do so.
const PROMISE: Millis = Millis(60_000);
/// The same for one that has looked and found none: whoever only says to be ahead keeps nobody busy.
const LONG_PATIENCE: Millis = Millis(600_000);

/// Watches a running node that may have started without peers, was cut off from them for long, or follows
/// one that only says to give what comes next: those who come may have dropped what it lacks. Then a state
/// has to be received, as at a start.
///
/// Meanwhile the node neither votes nor builds blocks. So what peers say of themselves is never enough: a
/// certified checkpoint has to show that others have decided what it has not, so that its votes are of no
/// use there. Otherwise whoever only says to be ahead could keep all from deciding.
#[derive(Debug)]
pub struct LeftBehind {
    patience: Millis,
    since: Option<Timestamp>,
    /// How much was decided when that was more than before, and when that was.
    moved: Option<(u64, Timestamp)>,
    has_followed_in_vain: bool,
}

impl Default for LeftBehind {
    fn default() -> Self {
        Self::with_patience(PATIENCE)
    }
}

impl LeftBehind {
    /// Of a node that looked for a state, and nobody had one of use.
    #[must_use]
    pub const fn after_looking_in_vain() -> Self {
        Self::with_patience(LONG_PATIENCE)
    }

    /// With so long a time in which nobody may give what the node lacks.
    #[must_use]
    pub const fn with_patience(patience: Millis) -> Self {
        Self {
            patience,
            since: None,
            moved: None,
            has_followed_in_vain: false,
        }
    }

    /// Whether it is certain by now: the node is a cycle behind the clock, some peer is ahead, what is
    /// certified elsewhere proves it, nothing was decided for a while, and in that none of those ahead said
    /// to give what comes next, or for longer nobody did.
    ///
    /// `certified` is the newest slot whose certificate was seen while [a proof is
    /// wanted](Self::wants_proof).
    pub fn is_certain(
        &mut self,
        now: Timestamp,
        standing: &Standing,
        latest: Option<Slot>,
        periods_per_cycle: u64,
        claims: &[Claim],
        certified: Option<Slot>,
    ) -> bool {
        let next = standing.next_period();
        let mut ahead = claims.iter().filter(|claim| claim.is_ahead).peekable();
        if !standing.is_far_behind(latest, periods_per_cycle) || ahead.peek().is_none() {
            self.since = None;
            self.moved = None;
            return false;
        }
        let has_passed = |since, wait| now.since(since).is_none_or(|past| past >= wait);
        let decided = standing
            .decided
            .iter()
            .copied()
            .fold(0, u64::saturating_add);
        let moved_at = match self.moved {
            Some((known, at)) if known == decided => at,
            _ => now,
        };
        self.moved = Some((decided, moved_at));
        self.has_followed_in_vain = has_passed(moved_at, PROMISE.max(self.patience));
        let is_long = if ahead.all(|claim| claim.serves_from > next) {
            let since = *self.since.get_or_insert(now);
            has_passed(since.max(moved_at), self.patience)
        } else {
            self.since = None;
            self.has_followed_in_vain
        };
        is_long && certified.is_some_and(|certified| standing.lacks(certified))
    }

    /// Whether the node seems to be left behind, so that it is to be looked for a proof.
    #[must_use]
    pub const fn wants_proof(&self) -> bool {
        self.moved.is_some()
    }

    /// Whether nothing was decided for long, whatever those ahead said to give: then what they say is not
    /// to be believed ([`Chooser::disbelieving`](crate::Chooser::disbelieving)).
    #[must_use]
    pub const fn has_followed_in_vain(&self) -> bool {
        self.has_followed_in_vain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(serves_from: u64, is_ahead: bool) -> Claim {
        Claim {
            is_ahead,
            serves_from,
        }
    }

    /// What certifies slot 10/1, which the node has not decided.
    const PROOF: Option<Slot> = Some(Slot::new(11, 0));

    /// Whether a node that has decided period 9 holds it for certain after so many milliseconds.
    fn looks(watch: &mut LeftBehind, ms: u64, period: u64, claims: &[Claim]) -> bool {
        sees(watch, ms, period, claims, PROOF)
    }

    fn sees(
        watch: &mut LeftBehind,
        ms: u64,
        period: u64,
        claims: &[Claim],
        certified: Option<Slot>,
    ) -> bool {
        let standing = Standing {
            is_fresh: false,
            decided: vec![12, 9],
        };
        let (now, latest) = (Timestamp(1_000_000 + ms), Some(Slot::new(period, 0)));
        watch.is_certain(now, &standing, latest, 16, claims, certified)
    }

    #[test]
    fn without_a_proof_nobody_is_left_behind_whatever_others_say() {
        let silent = [claim(11, true)];
        let promising = [claim(0, true)];
        // Slots of thread 0 are decided up to period 12, and those of thread 1 up to 9.
        for certified in [None, Some(Slot::GENESIS), Some(Slot::new(10, 0))] {
            for claims in [&silent, &promising] {
                let mut watch = LeftBehind::default();
                for seconds in [0, 10, 900] {
                    let looked = sees(&mut watch, seconds * 1_000, 26, claims, certified);
                    assert!(!looked && watch.wants_proof());
                }
                assert!(sees(
                    &mut watch,
                    900_000,
                    26,
                    claims,
                    Some(Slot::new(10, 1))
                ));
            }
        }
        let mut watch = LeftBehind::default();
        assert!(!looks(&mut watch, 0, 26, &[claim(11, false)]));
        assert!(!watch.wants_proof());
    }

    #[test]
    fn a_node_is_left_behind_when_nobody_ahead_gives_what_comes_next_for_a_while() {
        let mut watch = LeftBehind::default();
        let claims = [claim(11, true), claim(0, false)];
        assert!(!looks(&mut watch, 0, 26, &claims));
        assert!(!looks(&mut watch, 9_999, 26, &claims));
        assert!(looks(&mut watch, 10_000, 26, &claims));
    }

    #[test]
    fn one_who_gives_it_begins_the_while_anew() {
        let mut watch = LeftBehind::default();
        let nobody = [claim(11, true)];
        assert!(!looks(&mut watch, 0, 26, &nobody));
        assert!(!looks(
            &mut watch,
            9_000,
            26,
            &[claim(11, true), claim(10, true)]
        ));
        assert!(!looks(&mut watch, 10_000, 26, &nobody));
        assert!(looks(&mut watch, 20_000, 26, &nobody));
    }

    #[test]
    fn a_node_that_is_hardly_behind_the_clock_or_behind_nobody_is_not() {
        let mut watch = LeftBehind::default();
        for (period, claims) in [
            (25, vec![claim(11, true)]),
            (26, vec![claim(11, false)]),
            (26, Vec::new()),
        ] {
            assert!(!looks(&mut watch, 0, period, &claims));
            assert!(!looks(&mut watch, 900_000, period, &claims));
        }
    }

    #[test]
    fn who_has_looked_in_vain_looks_again_after_long() {
        let mut watch = LeftBehind::after_looking_in_vain();
        let claims = [claim(11, true)];
        assert!(!looks(&mut watch, 0, 26, &claims));
        assert!(!looks(&mut watch, 599_999, 26, &claims));
        assert!(looks(&mut watch, 600_000, 26, &claims));
    }

    #[test]
    fn who_says_to_give_what_comes_next_and_does_not_is_believed_for_a_minute() {
        let mut watch = LeftBehind::default();
        let claims = [claim(11, true), claim(0, true)];
        assert!(!looks(&mut watch, 0, 26, &claims));
        assert!(!looks(&mut watch, 59_999, 26, &claims));
        assert!(!watch.has_followed_in_vain());
        assert!(looks(&mut watch, 60_000, 26, &claims));
        assert!(watch.has_followed_in_vain());
    }

    #[test]
    fn a_node_that_decides_something_is_not_left_behind_however_far_it_is() {
        let mut watch = LeftBehind::default();
        for step in 0..20 {
            let standing = Standing {
                is_fresh: false,
                decided: vec![12 + step, 9],
            };
            let (now, latest) = (Timestamp(1 + 30_000 * step), Some(Slot::new(900, 0)));
            for claims in [[claim(0, true)], [claim(u64::MAX, true)]] {
                assert!(!watch.is_certain(now, &standing, latest, 16, &claims, PROOF));
            }
        }
    }
}
