//! Whether to follow what peers decided, or to receive a state.

use picot_clock::{Millis, Slot, Timestamp};

/// How long peers are waited for. Without any the node starts, and follows whoever comes.
const PEERS_WAIT: Millis = Millis(30_000);
/// How long more is heard after the first peer has said something.
const MORE_WAIT: Millis = Millis(3_000);

/// What a node begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It follows what was decided.
    Follow,
    /// It receives the state of a checkpoint.
    Receive,
}

/// What a peer says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Whether it has decided what this node has not.
    pub is_ahead: bool,
    /// The first period whose decisions it gives.
    pub serves_from: u64,
}

/// How far a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// It has no state yet.
    pub is_fresh: bool,
    /// By thread: the last decided period; 0 before the first.
    pub decided: Vec<u64>,
}

impl Standing {
    /// The first period that it needs from others.
    pub(crate) fn next_period(&self) -> u64 {
        let least = self.decided.iter().min().copied().unwrap_or(0);
        least.saturating_add(1)
    }

    /// The last slot up to which all is decided here: no state of an older one, or of this one, is of use.
    #[must_use]
    pub fn decided_up_to(&self) -> Slot {
        let next = self.decided.iter().zip(0_u8..);
        let next = next.map(|(period, thread)| Slot::new(period.saturating_add(1), thread));
        let threads = u8::try_from(self.decided.len()).unwrap_or(u8::MAX);
        let last = next.min().map(|next| next.prev(threads));
        last.and_then(Result::ok).unwrap_or(Slot::GENESIS)
    }

    /// Whether some slot is not decided here that is decided where the state of a slot is final.
    pub(crate) fn lacks(&self, certified: Slot) -> bool {
        let mut threads = self.decided.iter().zip(0_u8..);
        threads.any(|(period, thread)| Slot::new(period.saturating_add(1), thread) <= certified)
    }

    /// Whether others may have dropped what it needs: they keep more than a cycle.
    #[must_use]
    pub fn is_far_behind(&self, latest: Option<Slot>, periods_per_cycle: u64) -> bool {
        latest.is_some_and(|latest| {
            latest.period.saturating_sub(self.next_period()) >= periods_per_cycle
        })
    }
}

/// Decides by what peers say of themselves: whether they are ahead, and whether they give what is lacking.
#[derive(Debug)]
pub struct Chooser {
    began: Timestamp,
    heard: Option<Timestamp>,
    next_period: u64,
    believes: bool,
}

impl Chooser {
    /// Begins to listen.
    #[must_use]
    pub fn new(now: Timestamp, standing: &Standing) -> Self {
        Self {
            began: now,
            heard: None,
            next_period: standing.next_period(),
            believes: true,
        }
    }

    /// Of a node that followed those who said to give what it lacks, and did not get it: whoever is ahead
    /// may have a state for it. What that state is worth, nobody has to be believed.
    #[must_use]
    pub const fn disbelieving(mut self) -> Self {
        self.believes = false;
        self
    }

    /// What to do, by what each peer that has said something says; `None`: more is to be heard.
    pub fn choose(&mut self, now: Timestamp, claims: &[Claim]) -> Option<Choice> {
        let has_passed = |since, wait| now.since(since).is_none_or(|past| past >= wait);
        let mut ahead = claims.iter().filter(|claim| claim.is_ahead).peekable();
        let is_somebody_ahead = ahead.peek().is_some();
        if self.believes && ahead.any(|claim| claim.serves_from <= self.next_period) {
            return Some(Choice::Follow);
        }
        if claims.is_empty() {
            return has_passed(self.began, PEERS_WAIT).then_some(Choice::Follow);
        }
        let heard = *self.heard.get_or_insert(now);
        if !has_passed(heard, MORE_WAIT) {
            return None;
        }
        // Where nobody is ahead, there is nothing to receive.
        Some(if is_somebody_ahead {
            Choice::Receive
        } else {
            Choice::Follow
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn claim(serves_from: u64, is_ahead: bool) -> Claim {
        Claim {
            is_ahead,
            serves_from,
        }
    }

    fn standing() -> Standing {
        Standing {
            is_fresh: false,
            decided: vec![12, 9],
        }
    }

    fn later(ms: u64) -> Timestamp {
        Timestamp(NOW.0 + ms)
    }

    fn chooser() -> Chooser {
        Chooser::new(NOW, &standing())
    }

    #[test]
    fn where_a_peer_gives_the_next_decisions_they_are_followed() {
        let claims = [claim(50, true), claim(10, true)];
        assert_eq!(chooser().choose(NOW, &claims), Some(Choice::Follow));
    }

    #[test]
    fn where_none_of_those_ahead_gives_them_a_state_is_received_after_a_while() {
        let mut chooser = chooser();
        // One that is not ahead cannot help, whatever it gives.
        let claims = [claim(11, true), claim(0, false)];
        assert_eq!(chooser.choose(NOW, &claims), None);
        assert_eq!(chooser.choose(later(2_999), &claims), None);
        assert_eq!(chooser.choose(later(3_000), &claims), Some(Choice::Receive));
    }

    #[test]
    fn after_following_in_vain_those_ahead_are_asked_for_a_state_whatever_they_say() {
        let claims = [claim(0, true)];
        let mut chooser = chooser().disbelieving();
        assert_eq!(chooser.choose(NOW, &claims), None);
        assert_eq!(chooser.choose(later(3_000), &claims), Some(Choice::Receive));
    }

    #[test]
    fn where_nobody_is_ahead_or_nobody_is_there_the_node_starts() {
        let mut alone = chooser();
        assert_eq!(alone.choose(later(29_999), &[]), None);
        assert_eq!(alone.choose(later(30_000), &[]), Some(Choice::Follow));
        let mut among = chooser();
        let claims = [claim(u64::MAX, false)];
        assert_eq!(among.choose(NOW, &claims), None);
        assert_eq!(among.choose(later(3_000), &claims), Some(Choice::Follow));
    }

    #[test]
    fn all_is_decided_up_to_the_first_slot_that_is_not() {
        let of = |decided: &[u64]| Standing {
            is_fresh: false,
            decided: decided.to_vec(),
        };
        assert_eq!(of(&[12, 9]).decided_up_to(), Slot::new(10, 0));
        assert_eq!(of(&[9, 12]).decided_up_to(), Slot::new(9, 1));
        assert_eq!(of(&[4, 4, 4]).decided_up_to(), Slot::new(4, 2));
        assert_eq!(of(&[0, 0]).decided_up_to(), Slot::new(0, 1));
        assert_eq!(of(&[]).decided_up_to(), Slot::GENESIS);
        assert!(!of(&[12, 9]).lacks(Slot::new(10, 0)));
        assert!(of(&[12, 9]).lacks(Slot::new(10, 1)));
    }

    #[test]
    fn a_cycle_by_the_clock_is_far_behind() {
        let standing = standing();
        let at = |period| Some(Slot::new(period, 0));
        assert!(!standing.is_far_behind(None, 16));
        assert!(!standing.is_far_behind(at(25), 16));
        assert!(standing.is_far_behind(at(26), 16));
    }
}
