//! What is known of each peer: what it was asked, what it said, and whether it answers.

use crate::ClientConfig;
use crate::message::{Offer, Question};
use picot_clock::{Millis, Slot, Timestamp};
use picot_consensus::Peer;
use std::collections::BTreeMap;

/// Questions that a peer may still answer after their time: more are not remembered.
const MAX_LATE: usize = 256;

/// How an answer relates to what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was asked for, and is in time.
    Asked,
    /// It was asked for, and comes late.
    Late,
    /// Nobody asked for it.
    Unasked,
}

/// What is known of a peer.
#[derive(Debug)]
pub(super) struct PeerState {
    asked: BTreeMap<Question, Timestamp>,
    /// Answers that are late, by question.
    late: BTreeMap<Question, u32>,
    /// Of these, those that it is still expected to be working on.
    owed: usize,
    /// Chunks that it is asked for at once: fewer when its answers are late.
    window: usize,
    strikes: u32,
    rests: u32,
    rests_until: Option<Timestamp>,
    busy_until: Option<Timestamp>,
    /// After which slot it has nothing more of the chain, and when it said so.
    pub(super) chain_end: Option<(Slot, Timestamp)>,
    /// When it said that it does not have the trusted checkpoint.
    pub(super) has_no_start: Option<Timestamp>,
    /// What it serves, and when it said so.
    pub(super) offers: Option<(Vec<Offer>, Timestamp)>,
}

impl PeerState {
    const fn new(window: usize) -> Self {
        Self {
            asked: BTreeMap::new(),
            late: BTreeMap::new(),
            owed: 0,
            window,
            strikes: 0,
            rests: 0,
            rests_until: None,
            busy_until: None,
            chain_end: None,
            has_no_start: None,
            offers: None,
        }
    }

    /// Whether it can be asked now.
    pub(super) fn is_usable(&self, now: Timestamp) -> bool {
        self.answers(now) && self.busy_until.is_none_or(|until| until <= now)
    }

    /// Whether it answers, be it that it is busy.
    pub(super) fn answers(&self, now: Timestamp) -> bool {
        self.rests_until.is_none_or(|until| until <= now)
    }

    pub(super) fn is_asked(&self, question: &Question) -> bool {
        self.asked.contains_key(question)
    }

    pub(super) fn asked(&self) -> impl Iterator<Item = &Question> {
        self.asked.keys()
    }

    pub(super) fn ask(&mut self, question: Question, deadline: Timestamp) {
        self.asked.insert(question, deadline);
    }

    /// Chunks that it can be asked for now.
    pub(super) fn free_chunks(&self) -> usize {
        let is_chunk = |question: &&Question| matches!(question, Question::Chunk { .. });
        let asked = self.asked.keys().filter(is_chunk).count();
        self.window.saturating_sub(asked).saturating_sub(self.owed)
    }

    /// An answer came.
    pub(super) fn answered(&mut self, question: &Question, config: &ClientConfig) -> Standing {
        if self.asked.remove(question).is_some() {
            self.window = self.window.saturating_add(1).min(config.chunks_per_peer);
            self.strikes = 0;
            self.rests = 0;
            return Standing::Asked;
        }
        let Some(times) = self.late.get_mut(question) else {
            return Standing::Unasked;
        };
        *times = times.saturating_sub(1);
        if *times == 0 {
            self.late.remove(question);
        }
        self.owed = self.owed.saturating_sub(1);
        self.strikes = 0;
        Standing::Late
    }

    /// It said that it is busy.
    pub(super) fn busy_until(&mut self, until: Timestamp) {
        self.busy_until = Some(until);
    }

    /// Questions whose time is over; who owes too many answers is left alone for a while.
    pub(super) fn expire(&mut self, now: Timestamp, config: &ClientConfig) -> Vec<Question> {
        let is_over = |(_, deadline): &(&Question, &Timestamp)| **deadline <= now;
        let over: Vec<Question> = self
            .asked
            .iter()
            .filter(is_over)
            .map(|(it, _)| *it)
            .collect();
        if over.is_empty() {
            return over;
        }
        for question in &over {
            self.asked.remove(question);
            if self.late.len() < MAX_LATE {
                let times = self.late.entry(*question).or_default();
                *times = times.saturating_add(1);
                self.owed = self.owed.saturating_add(1);
            }
        }
        self.window = self.window.div_euclid(2).max(1);
        self.strikes = self.strikes.saturating_add(1);
        if self.strikes >= config.max_strikes {
            self.strikes = 0;
            let times = 1_u64.checked_shl(self.rests).unwrap_or(u64::MAX);
            let rest = config.rest.0.saturating_mul(times).min(config.max_rest.0);
            self.rests = self.rests.saturating_add(1);
            let until = now.checked_add(Millis(rest)).unwrap_or(Timestamp::MAX);
            self.rests_until = Some(until);
            // Whatever it owes by then, it is asked anew.
            self.owed = 0;
        }
        over
    }

    /// When something of it is due.
    pub(super) fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        let pauses = [self.rests_until, self.busy_until].into_iter().flatten();
        let pauses = pauses.filter(|until| *until > now);
        self.asked.values().copied().chain(pauses).min()
    }

    /// Whether it says to serve this state, exactly so.
    pub(super) fn serves(&self, offer: &Offer) -> bool {
        let told = self.offers.as_ref();
        told.is_some_and(|(offers, _)| offers.contains(offer))
    }
}

/// All peers.
#[derive(Debug, Default)]
pub(super) struct Peers {
    peers: BTreeMap<Peer, PeerState>,
}

impl Peers {
    pub(super) fn connected(&mut self, peer: Peer, config: &ClientConfig) {
        let new = || PeerState::new(config.chunks_per_peer);
        self.peers.entry(peer).or_insert_with(new);
    }

    pub(super) fn remove(&mut self, peer: Peer) -> Option<PeerState> {
        self.peers.remove(&peer)
    }

    pub(super) fn get(&self, peer: Peer) -> Option<&PeerState> {
        self.peers.get(&peer)
    }

    pub(super) fn get_mut(&mut self, peer: Peer) -> Option<&mut PeerState> {
        self.peers.get_mut(&peer)
    }

    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Peer, &PeerState)> {
        self.peers.iter().map(|(peer, state)| (*peer, state))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Peer, &mut PeerState)> {
        self.peers.iter_mut().map(|(peer, state)| (*peer, state))
    }

    /// What those who serve a state said of it counts no more, until they say it again.
    pub(super) fn forget_offer(&mut self, offer: &Offer) {
        for state in self.peers.values_mut() {
            if let Some((offers, _)) = &mut state.offers {
                offers.retain(|it| it != offer);
            }
        }
    }

    /// Those that can be asked now.
    pub(super) fn usable(&self, now: Timestamp) -> impl Iterator<Item = (Peer, &PeerState)> {
        self.iter().filter(move |(_, state)| state.is_usable(now))
    }
}
