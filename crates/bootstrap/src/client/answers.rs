//! What peers answer.

use super::fetching::{Chunks, Fetching};
use super::peers::Standing;
use super::{BootstrapError, Client, ClientOutput, Lie};
use crate::chunk::ChunkInfo;
use crate::index::IndexFault;
use crate::message::{Message, Offer, Question, Refusal};
use picot_checkpoint::{ChainStep, TrustedStart};
use picot_clock::{Millis, Slot, Timestamp};
use picot_consensus::Peer;
use picot_crypto::Hash;
use std::collections::BTreeSet;

impl Client {
    pub(super) fn on_message(&mut self, now: Timestamp, from: Peer, message: Message) {
        let Some(state) = self.peers.get_mut(from) else {
            return;
        };
        let Some(question) = message.answers() else {
            if let Message::Ask(question) = message {
                self.refuse(from, question);
            }
            return;
        };
        let standing = state.answered(&question, &self.config);
        if standing == Standing::Unasked {
            // The one thing that keeps endless answers from being looked at.
            return self.blame(from, Lie::Unasked);
        }
        match message {
            Message::Ask(_) => {}
            Message::Chain { after, steps } => self.on_chain(now, from, after, &steps),
            Message::Start { start, .. } => self.on_start(from, start),
            Message::Offers(offers) => self.on_offers(now, from, offers),
            Message::Certificate { slot, certificate } => {
                match self.chain.certify(slot, &certificate) {
                    Ok(()) => self.check_offers(from),
                    Err(error) => self.blame(from, Lie::Certificate(error)),
                }
            }
            Message::Index {
                index,
                first,
                chunks,
            } => {
                self.moved_at = Some(now);
                self.on_index(from, index, first, &chunks);
            }
            Message::Chunk {
                index,
                number,
                pairs,
            } => self.on_chunk(now, from, index, number, pairs),
            Message::Refused { question, refusal } => {
                self.on_refused(now, from, question, refusal, standing);
            }
        }
    }

    fn on_chain(&mut self, now: Timestamp, from: Peer, after: Slot, steps: &[ChainStep]) {
        if self.chain.last_slot() != Some(after) {
            // Others were quicker: these steps are known, or lead on from where nobody is any more.
            return;
        }
        if steps.is_empty() {
            if let Some(state) = self.peers.get_mut(from) {
                state.chain_end = Some((after, now));
            }
            return;
        }
        for step in steps {
            match self.chain.follow(step) {
                Ok(()) => {}
                Err(error) if error.is_of_the_offer() => {
                    return self.blame(from, Lie::Step(error));
                }
                Err(error) => return self.fail(BootstrapError::Checkpoint(error)),
            }
            if let Some(sets) = self.chain.sets() {
                self.outputs.push(ClientOutput::KeepStep {
                    step: step.clone(),
                    sets: Box::new(sets.clone()),
                });
            }
        }
    }

    fn on_start(&mut self, from: Peer, start: TrustedStart) {
        if self.chain.lacking_start().is_none() {
            return;
        }
        match self.chain.start(&start) {
            Ok(()) => self.outputs.push(ClientOutput::KeepStart(start)),
            Err(error) if error.is_of_the_offer() => self.blame(from, Lie::Start(error)),
            Err(error) => self.fail(BootstrapError::Checkpoint(error)),
        }
    }

    fn on_offers(&mut self, now: Timestamp, from: Peer, mut offers: Vec<Offer>) {
        let max = self.config.max_chunks;
        offers.retain(|offer| (1..=max).contains(&offer.chunks));
        if let Some(state) = self.peers.get_mut(from) {
            state.offers = Some((offers, now));
        }
        self.check_offers(from);
    }

    /// Who offers what contradicts a certificate has no such state.
    pub(super) fn check_offers(&mut self, peer: Peer) {
        let state = self.peers.get(peer);
        let offers = state.and_then(|state| state.offers.as_ref());
        let Some((offers, _)) = offers else {
            return;
        };
        let is_wrong =
            |offer: &&Offer| self.chain.knows(offer) == super::chain::Known::Contradicted;
        if let Some(offer) = offers.iter().find(is_wrong) {
            let slot = offer.checkpoint.slot;
            self.blame(peer, Lie::Offer(slot));
        }
    }

    fn on_index(&mut self, from: Peer, index: Hash, first: u32, page: &[ChunkInfo]) {
        let Some(Fetching::Index {
            gathering,
            from: senders,
        }) = &mut self.fetching
        else {
            return;
        };
        if gathering.offer().index != index || gathering.next() != Some(first) {
            return;
        }
        senders.insert(from);
        match gathering.add(page) {
            Ok(()) if gathering.next().is_none() => self.on_whole_index(),
            Ok(()) => {}
            Err(fault) => {
                // A page is wrong in itself, or beside what another peer sent before.
                let is_alone = senders.len() == 1;
                gathering.restart();
                senders.clear();
                if is_alone {
                    return self.blame(from, Lie::Index(fault));
                }
                self.index_from_one = true;
            }
        }
    }

    fn on_whole_index(&mut self) {
        let Some(Fetching::Index {
            gathering,
            from: senders,
        }) = self.fetching.take()
        else {
            return;
        };
        let offer = gathering.offer().clone();
        match gathering.finish() {
            Ok(index) => {
                let chunks = Chunks::new(index, self.nothing_is_kept);
                self.fetching = Some(Fetching::Chunks(chunks));
            }
            Err(fault) => self.on_wrong_index(&offer, &senders, fault),
        }
    }

    /// An index that has another hash than was said is the fault of its sender, if there was but one. One
    /// that has the hash and is wrong is the fault of all who said that it is theirs.
    fn on_wrong_index(&mut self, offer: &Offer, senders: &BTreeSet<Peer>, fault: IndexFault) {
        let liars: Vec<Peer> = match fault {
            IndexFault::WrongHash if senders.len() > 1 => {
                self.index_from_one = true;
                Vec::new()
            }
            IndexFault::WrongHash => senders.iter().copied().collect(),
            _ => {
                let vouched = self.peers.iter();
                vouched
                    .filter(|(_, state)| state.serves(offer))
                    .map(|(peer, _)| peer)
                    .collect()
            }
        };
        for liar in liars {
            self.blame(liar, Lie::Index(fault.clone()));
        }
        // Those that are left may have it: it is chosen again.
    }

    fn on_chunk(&mut self, now: Timestamp, from: Peer, index: Hash, number: u32, pairs: Vec<u8>) {
        let Some(chunks) = self.chunks_of(&index) else {
            return;
        };
        match chunks.received(number, &pairs) {
            Ok(true) => {
                self.rate.add(now, u64::try_from(pairs.len()).unwrap_or(0));
                self.nothing_is_kept = false;
                self.outputs.push(ClientOutput::Stage {
                    index,
                    number,
                    pairs,
                });
            }
            Ok(false) => {}
            Err(fault) => {
                chunks.not_given(number, from);
                self.blame(from, Lie::Chunk { number, fault });
            }
        }
    }

    fn on_refused(
        &mut self,
        now: Timestamp,
        from: Peer,
        question: Question,
        refusal: Refusal,
        standing: Standing,
    ) {
        if standing == Standing::Asked {
            self.not_given(question, from);
        }
        let max_rest = self.config.max_rest;
        let Some(state) = self.peers.get_mut(from) else {
            return;
        };
        if let Refusal::Busy(wait) = refusal {
            let wait = wait.clamp(Millis(1), max_rest);
            return state.busy_until(now.checked_add(wait).unwrap_or(Timestamp::MAX));
        }
        match question {
            Question::Chain(after) => state.chain_end = Some((after, now)),
            Question::Start(_) => state.has_no_start = Some(now),
            Question::Offers => state.offers = Some((Vec::new(), now)),
            Question::Certificate(slot) => {
                if let Some((offers, _)) = &mut state.offers {
                    offers.retain(|offer| offer.checkpoint.slot != slot);
                }
            }
            Question::Index { index, .. } | Question::Chunk { index, .. } => {
                if let Some((offers, _)) = &mut state.offers {
                    offers.retain(|offer| offer.index != index);
                }
            }
        }
    }
}
