//! Whom to ask for what.

use super::chain::Known;
use super::fetching::Fetching;
use super::{BootstrapError, Client, ClientOutput, Stage};
use crate::message::{Offer, Question};
use picot_clock::{Slot, Timestamp};
use picot_consensus::Peer;

/// So many times rarer than before a state is chosen, peers that do not serve it are asked again.
const RARER: u64 = 10;

impl Client {
    pub(super) fn plan(&mut self, now: Timestamp) {
        if let Some(hash) = self.chain.lacking_start() {
            return self.ask_some(now, Question::Start(hash), |client, state| {
                state.has_no_start.is_none_or(|at| client.is_stale(now, at))
            });
        }
        self.leave_if_stuck(now);
        if self.fetching.is_none() {
            self.follow_chain(now);
            self.ask_offers(now);
            self.choose(now);
        } else {
            self.ask_offers(now);
        }
        self.fetch(now);
    }

    fn is_stale(&self, now: Timestamp, at: Timestamp) -> bool {
        now.since(at)
            .is_none_or(|past| past >= self.config.offers_interval)
    }

    /// Asks peers until as many as configured are asked.
    fn ask_some(
        &mut self,
        now: Timestamp,
        question: Question,
        may: impl Fn(&Self, &super::peers::PeerState) -> bool,
    ) {
        let asked = self.peers.iter();
        let asked = asked.filter(|(_, state)| state.is_asked(&question)).count();
        let free = self.config.chain_askers.saturating_sub(asked);
        let usable = self.peers.usable(now);
        let peers: Vec<Peer> = usable
            .filter(|(_, state)| !state.is_asked(&question) && may(self, state))
            .map(|(peer, _)| peer)
            .take(free)
            .collect();
        for peer in peers {
            self.ask(now, peer, question);
        }
    }

    fn follow_chain(&mut self, now: Timestamp) {
        if let Some(last) = self.chain.last_slot() {
            self.ask_some(now, Question::Chain(last), |client, state| {
                let end = state.chain_end;
                end.is_none_or(|(slot, at)| slot != last || client.is_stale(now, at))
            });
        }
    }

    /// Whether all who answer have said that there is no more of the chain, and what they serve.
    fn all_have_told(&self, now: Timestamp, last: Slot) -> bool {
        let mut answering = self.peers.iter().filter(|(_, state)| state.answers(now));
        answering.all(|(_, state)| {
            state.chain_end.is_some_and(|(slot, _)| slot == last) && state.offers.is_some()
        })
    }

    fn ask_offers(&mut self, now: Timestamp) {
        let last = self.chain.last_slot();
        let fetched = self.fetching.as_ref().map(Fetching::offer);
        let interval = self.config.offers_interval.0;
        let peers: Vec<Peer> = self
            .peers
            .usable(now)
            .filter(|(_, state)| {
                if state.is_asked(&Question::Offers) {
                    return false;
                }
                let told = state.offers.as_ref();
                let is_over = |after: u64| {
                    told.is_none_or(|(_, at)| now.since(*at).is_none_or(|past| past.0 >= after))
                };
                match fetched {
                    Some(offer) => !state.serves(offer) && is_over(interval.saturating_mul(RARER)),
                    // Before the chain is followed, nobody could say what an offer is worth.
                    None => {
                        let end = state.chain_end;
                        end.is_some_and(|(slot, _)| Some(slot) == last) && is_over(interval)
                    }
                }
            })
            .map(|(peer, _)| peer)
            .collect();
        for peer in peers {
            self.ask(now, peer, Question::Offers);
        }
    }

    /// The newest certified state that is offered; among several of a slot the one of the most peers.
    fn choose(&mut self, now: Timestamp) {
        let Some(last) = self.chain.last_slot() else {
            return;
        };
        let mut questions = Vec::new();
        let mut groups: Vec<(usize, &Offer)> = Vec::new();
        for (peer, state) in self.peers.usable(now) {
            let offers = state.offers.iter().flat_map(|(offers, _)| offers);
            for offer in offers.filter(|offer| Some(offer.checkpoint.slot) > self.own) {
                match self.chain.knows(offer) {
                    Known::Certified => match groups.iter_mut().find(|(_, it)| *it == offer) {
                        Some((count, _)) => *count = count.saturating_add(1),
                        None => groups.push((1, offer)),
                    },
                    Known::Unverified => {
                        questions.push((peer, Question::Certificate(offer.checkpoint.slot)));
                    }
                    // It is asked for the chain again when what it said is stale.
                    Known::Ahead | Known::TooOld | Known::Contradicted => {}
                }
            }
        }
        let worth = |(count, offer): &(usize, &Offer)| (offer.checkpoint.slot, *count, offer.index);
        let best = groups.into_iter().max_by_key(worth);
        let best = best.map(|(_, offer)| offer.clone());
        let mut certificates = 0_usize;
        for (peer, question) in questions {
            let slot = best.as_ref().map(|offer| offer.checkpoint.slot);
            let is_newer = matches!(question, Question::Certificate(it) if Some(it) > slot);
            if !is_newer {
                continue;
            }
            certificates = certificates.saturating_add(1);
            let is_asked = |state: &super::peers::PeerState| state.is_asked(&question);
            if !self.peers.get(peer).is_some_and(is_asked) {
                self.ask(now, peer, question);
            }
        }
        let Some(offer) = best else {
            self.candidate_since = None;
            return self.give_up_if_useless(now, last);
        };
        self.useless_since = None;
        let since = *self.candidate_since.get_or_insert(now);
        let patience = self.config.patience;
        let is_long = now.since(since).is_none_or(|past| past >= patience);
        if is_long || (certificates == 0 && self.all_have_told(now, last)) {
            self.stuck_since = None;
            self.moved_at = Some(now);
            self.candidate_since = None;
            let left = self.left.take();
            let same = left.filter(|chunks| *chunks.index().offer() == offer);
            self.fetching = Some(same.map_or_else(|| Fetching::of(offer), Fetching::Chunks));
        }
    }

    /// A node that has a state does without another if nobody has a newer one. Whoever only says to be
    /// ahead, or says nothing, keeps it no longer than this: it is waited for longer only if what was
    /// followed of the chain proves that others are ahead.
    fn give_up_if_useless(&mut self, now: Timestamp, last: Slot) {
        let has_told = self.peers.iter().any(|(_, state)| {
            state.chain_end.is_some_and(|(slot, _)| slot == last) && state.offers.is_some()
        });
        let is_behind = Some(last) > self.own;
        if self.own.is_none() || (is_behind && !has_told) {
            self.useless_since = None;
            return;
        }
        let since = *self.useless_since.get_or_insert(now);
        let patience = self.config.patience;
        if now.since(since).is_none_or(|past| past >= patience) {
            self.fail(BootstrapError::NothingNewer);
        }
    }

    /// A state that nobody can be asked for any more is given up; what was received of it stays.
    fn leave_if_stuck(&mut self, now: Timestamp) {
        let Some(offer) = self.fetching.as_ref().map(Fetching::offer) else {
            return;
        };
        let patience = self.config.patience;
        let has_passed = |since| now.since(since).is_none_or(|past| past >= patience);
        if self.moved_at.is_some_and(has_passed) {
            // Those who serve it answer, and give nothing: others may have a newer one meanwhile.
            let offer = offer.clone();
            self.peers.forget_offer(&offer);
            return self.leave();
        }
        let serving = self.peers.iter().filter(|(_, state)| state.serves(offer));
        let usable: Vec<bool> = serving.map(|(_, state)| state.is_usable(now)).collect();
        if usable.contains(&true) {
            self.stuck_since = None;
            return;
        }
        let since = *self.stuck_since.get_or_insert(now);
        let is_long = now
            .since(since)
            .is_none_or(|past| past >= self.config.answer_wait);
        if usable.is_empty() || is_long {
            self.leave();
        }
    }

    fn leave(&mut self) {
        self.stuck_since = None;
        self.moved_at = None;
        if let Some(Fetching::Chunks(chunks)) = self.fetching.take() {
            self.left = Some(chunks);
        }
    }

    fn fetch(&mut self, now: Timestamp) {
        match self.fetching {
            None => {}
            Some(Fetching::Index { .. }) => self.fetch_index(now),
            Some(Fetching::Chunks(_)) => self.fetch_chunks(now),
        }
    }

    fn fetch_index(&mut self, now: Timestamp) {
        let Some(Fetching::Index { gathering, from }) = &mut self.fetching else {
            return;
        };
        let offer = gathering.offer();
        let usable = self.peers.usable(now);
        let usable = usable.filter(|(_, state)| state.serves(offer));
        let usable: Vec<Peer> = usable.map(|(peer, _)| peer).collect();
        // The one that sent the last page goes on.
        let same = usable.iter().find(|peer| from.contains(peer));
        if same.is_none() && self.index_from_one {
            // Pages of several did not fit together.
            gathering.restart();
            from.clear();
        }
        let index = gathering.offer().index;
        let Some(first) = gathering.next() else {
            return;
        };
        let question = Question::Index { index, first };
        if self
            .peers
            .iter()
            .any(|(_, state)| state.is_asked(&question))
        {
            return;
        }
        if let Some(peer) = same.or_else(|| usable.first()).copied() {
            self.ask(now, peer, question);
        }
    }

    fn fetch_chunks(&mut self, now: Timestamp) {
        let Some(Fetching::Chunks(chunks)) = &mut self.fetching else {
            return;
        };
        let index = chunks.hash();
        while let Some((number, expected)) = chunks.next_unexamined(self.config.max_examined) {
            self.outputs.push(ClientOutput::Examine {
                index,
                number,
                expected,
            });
        }
        if chunks.are_all_here() {
            self.stage = Stage::Accepting;
            let checkpoint = chunks.index().offer().checkpoint.clone();
            return self.outputs.push(ClientOutput::Accept(checkpoint));
        }
        let serving = self.peers.usable(now);
        let serving = serving.filter(|(_, state)| state.serves(chunks.index().offer()));
        let free = serving.map(|(peer, state)| (state.free_chunks(), peer));
        let mut free: Vec<(usize, Peer)> = free.filter(|(free, _)| *free > 0).collect();
        // Whoever has the least to do is asked first, and then each in turn.
        free.sort_unstable_by(|one, other| other.cmp(one));
        let mut questions = Vec::new();
        while !free.is_empty() && chunks.is_lacking() {
            for (free, peer) in &mut free {
                if chunks.in_flight() < self.config.max_chunks_in_flight
                    && let Some(number) = chunks.next_lacking(*peer)
                {
                    questions.push((*peer, Question::Chunk { index, number }));
                    *free = free.saturating_sub(1);
                } else {
                    *free = 0;
                }
            }
            free.retain(|(free, _)| *free > 0);
        }
        for (peer, question) in questions {
            self.ask(now, peer, question);
        }
    }
}
