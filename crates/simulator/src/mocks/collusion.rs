//! Validators that work together: they know each other's keys, and all do the same at the same
//! moments.

use super::byzantine::{Behaviour, Sent};
use crate::SimConfig;
use picot_consensus::Message;
use picot_models::{Ballot, ChainId, ChainParams, SecretKey, Signed, SignedVote, Slot, Vote};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Periods for which it is remembered who was answered.
const PERIODS_KEPT: u64 = 4;

/// What those who work together know of each other and of the rest.
#[derive(Debug, Clone, Default)]
pub struct Crew {
    /// The keys of all of them: what one signs, each could.
    pub keys: Vec<SecretKey>,
    /// The nodes of all validators that behave well.
    pub honest: Vec<usize>,
}

impl Crew {
    /// Those of the Byzantine validators of a run that work together.
    #[must_use]
    pub fn of(byzantine: &[(usize, Behaviour)], validators: usize) -> Self {
        let together = byzantine.iter().filter(|(_, how)| how.is_together());
        let is_bad = |validator: &usize| byzantine.iter().any(|(bad, _)| bad == validator);
        Self {
            keys: together
                .map(|(validator, _)| SimConfig::key(*validator))
                .collect(),
            honest: (0..validators)
                .filter(|validator| !is_bad(validator))
                .collect(),
        }
    }

    /// The honest node that is shown what the others are not: another one at each slot, and the
    /// same for all of the crew.
    #[must_use]
    pub fn victim(&self, slot: Slot) -> Option<usize> {
        let chosen = mixed(slot, 0) % u64::try_from(self.honest.len()).unwrap_or(1).max(1);
        self.honest
            .get(usize::try_from(chosen).unwrap_or(0))
            .copied()
    }
}

/// A number that is the same for all of a crew.
fn mixed(slot: Slot, round: u32) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&slot.period.to_le_bytes());
    hasher.update(&[slot.thread]);
    hasher.update(&round.to_le_bytes());
    let hash = hasher.finalize();
    u64::from_le_bytes(hash.as_bytes().first_chunk().copied().unwrap_or_default())
}

/// One member's part in what its crew does.
#[derive(Debug)]
pub(super) struct Part {
    crew: Crew,
    key: SecretKey,
    chain_id: ChainId,
    delay_ms: u64,
    choice_ms: u64,
    /// Votes of others that were answered: slot, round, kind, node.
    answered: BTreeSet<(Slot, u32, u8, usize)>,
}

impl Part {
    pub(super) fn new(
        crew: Crew,
        key: SecretKey,
        chain_id: ChainId,
        params: &ChainParams,
        choice_ms: u64,
    ) -> Self {
        Self {
            crew,
            key,
            chain_id,
            delay_ms: params.network_delay_ms,
            choice_ms,
            answered: BTreeSet::new(),
        }
    }

    /// Two faces: whoever votes gets the same vote of the whole crew, whatever that is. Each side
    /// of a partition or of a split hears what it wants, and no node sees a contradiction.
    pub(super) fn mirror(&mut self, from: usize, message: &Message) -> Sent {
        let Message::Vote(seen) = message else {
            return Vec::new();
        };
        let content = &seen.content;
        let is_ours = |key: &SecretKey| key.public_key() == seen.signer;
        if self.crew.keys.iter().any(is_ours) || !self.crew.honest.contains(&from) {
            return Vec::new();
        }
        let kind = match content.ballot {
            Ballot::Notarise { .. } => 0,
            Ballot::Nullify => 1,
            Ballot::Finalise { .. } => 2,
        };
        let is_new = self
            .answered
            .insert((content.slot, content.round, kind, from));
        let kept_from = content.slot.period.saturating_sub(PERIODS_KEPT);
        self.answered = self.answered.split_off(&(Slot::new(kept_from, 0), 0, 0, 0));
        if !is_new {
            return Vec::new();
        }
        let votes = self.crew.keys.iter();
        votes
            .map(|key| (from, Arc::new(self.vote(key, content, content.ballot))))
            .collect()
    }

    /// What leaves in the place of a message of the member's node about a slot.
    pub(super) fn outgoing(
        &self,
        behaviour: Behaviour,
        message: &Arc<Message>,
        others: &[usize],
    ) -> Sent {
        let Some(slot) = message.slot() else {
            return to_all(message, others);
        };
        let victim = self.crew.victim(slot);
        let is_victim = |to: &usize| Some(*to) == victim;
        let only_victim = || to_those(message, others, is_victim);
        let own_vote = self.own_vote(message);
        match (behaviour, own_vote.map(|vote| vote.ballot)) {
            (Behaviour::TwoFaced, Some(_)) => Vec::new(),
            (Behaviour::LateVotes, Some(_)) => {
                let round = own_vote.map_or(0, |vote| vote.round);
                let parity = mixed(slot, round) % 2;
                let is_chosen = |to: &usize| u64::try_from(*to).unwrap_or(0) % 2 == parity;
                to_those(message, others, is_chosen)
            }
            (Behaviour::LoneNotarisation, Some(Ballot::Notarise { .. })) => only_victim(),
            (Behaviour::LoneNotarisation, Some(_)) => Vec::new(),
            (Behaviour::LoneNotarisation, None) if is_of_rounds(message) => only_victim(),
            (Behaviour::LoneDecision, Some(Ballot::Finalise { .. })) => {
                let mut sent = only_victim();
                if let Some(vote) = own_vote {
                    let nullify = Arc::new(self.vote(&self.key, vote, Ballot::Nullify));
                    sent.extend(to_those(&nullify, others, |to| !is_victim(to)));
                }
                sent
            }
            (Behaviour::LoneDecision, Some(Ballot::Nullify)) => {
                to_those(message, others, |to| !is_victim(to))
            }
            (Behaviour::LoneDecision, None) if matches!(**message, Message::Outcome { .. }) => {
                only_victim()
            }
            _ => to_all(message, others),
        }
    }

    /// Whether the member's node passes on what others said. Who falls silent does not.
    pub(super) const fn relays(behaviour: Behaviour, message: &Message) -> bool {
        match behaviour {
            Behaviour::Silent => false,
            Behaviour::LoneNotarisation => !is_of_rounds(message),
            _ => true,
        }
    }

    /// Late votes: they come when the round's timer ends, a moment before or after it.
    pub(super) fn holds_back_ms(&self, message: &Message) -> u64 {
        let Some(vote) = self.own_vote(message) else {
            return 0;
        };
        let chance = mixed(vote.slot, vote.round);
        let end_ms = if vote.round > 0 {
            (5 + u64::from(vote.round)) * self.delay_ms
        } else if chance.is_multiple_of(2) {
            3 * self.delay_ms
        } else {
            self.choice_ms + 3 * self.delay_ms
        };
        let moment = (chance / 2) % (2 * self.delay_ms + 1);
        (end_ms + moment).saturating_sub(self.delay_ms)
    }

    fn own_vote<'a>(&self, message: &'a Message) -> Option<&'a Vote> {
        match message {
            Message::Vote(vote) if vote.signer == self.key.public_key() => Some(&vote.content),
            _ => None,
        }
    }

    fn vote(&self, key: &SecretKey, like: &Vote, ballot: Ballot) -> Message {
        let content = Vote {
            ballot,
            ..like.clone()
        };
        let vote: SignedVote = Signed::sign(content, key, &self.chain_id);
        Message::Vote(vote.into_envelope())
    }
}

/// Whether a message is about what the rounds of a slot have come to.
const fn is_of_rounds(message: &Message) -> bool {
    matches!(
        message,
        Message::Certificate(_) | Message::Have { .. } | Message::Proposal { .. }
    )
}

fn to_all(message: &Arc<Message>, others: &[usize]) -> Sent {
    to_those(message, others, |_| true)
}

fn to_those(message: &Arc<Message>, others: &[usize], chosen: impl Fn(&usize) -> bool) -> Sent {
    let those = others.iter().filter(|to| chosen(to));
    those.map(|to| (*to, Arc::clone(message))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::{Carry, ThreadDigest, Value};

    const CREW: [(usize, Behaviour); 3] = [
        (0, Behaviour::TwoFaced),
        (1, Behaviour::TwoFaced),
        (2, Behaviour::Silent),
    ];
    const SLOT: Slot = Slot::new(5, 1);

    fn part() -> Part {
        let genesis = SimConfig::new(1, 8).genesis();
        Part::new(
            Crew::of(&CREW, 8),
            SimConfig::key(0),
            genesis.chain_id(),
            &genesis.params,
            200,
        )
    }

    fn vote(signer: usize, ballot: Ballot) -> Arc<Message> {
        let chain_id = SimConfig::new(1, 8).genesis().chain_id();
        let content = Vote {
            version: 1,
            slot: SLOT,
            round: 0,
            thread_digest: ThreadDigest::genesis(&chain_id, 1),
            ballot,
        };
        let vote: SignedVote = Signed::sign(content, &SimConfig::key(signer), &chain_id);
        Arc::new(Message::Vote(vote.into_envelope()))
    }

    const MISS: Value = Value::Miss { through: 5 };
    const NOTARISE: Ballot = Ballot::Notarise {
        value: MISS,
        carry: Carry::Free,
    };

    fn reached(sent: &Sent) -> Vec<usize> {
        sent.iter().map(|(to, _)| *to).collect()
    }

    #[test]
    fn a_crew_is_those_who_work_together_and_knows_who_is_honest() {
        let crew = Crew::of(&CREW, 8);
        assert_eq!(crew.keys.len(), 2);
        assert_eq!(crew.honest, [3, 4, 5, 6, 7]);
        assert!(crew.honest.contains(&crew.victim(SLOT).unwrap()));
    }

    #[test]
    fn each_voter_hears_its_own_vote_from_the_whole_crew_once() {
        let mut part = part();
        for (voter, ballot) in [(3, NOTARISE), (4, Ballot::Nullify)] {
            let sent = part.mirror(voter, &vote(voter, ballot));
            assert_eq!(reached(&sent), [voter, voter]);
            for ((_, message), member) in sent.iter().zip([0, 1]) {
                assert_eq!(*message, vote(member, ballot));
            }
            assert!(part.mirror(voter, &vote(voter, ballot)).is_empty());
        }
        assert!(part.mirror(1, &vote(1, NOTARISE)).is_empty());
        let own = part.outgoing(Behaviour::TwoFaced, &vote(0, NOTARISE), &[1, 2, 3]);
        assert!(own.is_empty());
    }

    #[test]
    fn a_lone_notarisation_is_shown_to_one_honest_node_and_then_there_is_silence() {
        let (part, all) = (part(), [1, 2, 3, 4, 5, 6, 7]);
        let send = |message| part.outgoing(Behaviour::LoneNotarisation, &message, &all);
        let victim = part.crew.victim(SLOT).unwrap();
        assert_eq!(reached(&send(vote(0, NOTARISE))), [victim]);
        assert!(send(vote(0, Ballot::Nullify)).is_empty());
        assert!(send(vote(0, Ballot::Finalise { value: MISS })).is_empty());
    }

    #[test]
    fn a_lone_decision_is_for_one_honest_node_while_all_others_see_nullify_votes() {
        let (part, all) = (part(), [1, 2, 3, 4, 5, 6, 7]);
        let finalise = vote(0, Ballot::Finalise { value: MISS });
        let sent = part.outgoing(Behaviour::LoneDecision, &finalise, &all);
        let victim = part.crew.victim(SLOT).unwrap();
        for (to, message) in &sent {
            let is_finalise = *message == finalise;
            assert_eq!(is_finalise, *to == victim);
            assert!(is_finalise || *message == vote(0, Ballot::Nullify));
        }
        assert_eq!(sent.len(), all.len());
    }

    #[test]
    fn late_votes_reach_half_at_the_end_of_the_round() {
        let part = part();
        let message = vote(0, NOTARISE);
        let sent = part.outgoing(Behaviour::LateVotes, &message, &[2, 3, 4, 5]);
        assert_eq!(sent.len(), 2);
        assert!(part.holds_back_ms(&message) >= 2 * part.delay_ms);
        assert_eq!(part.holds_back_ms(&vote(3, NOTARISE)), 0);
    }
}
