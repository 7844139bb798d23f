//! The headers and bodies of one slot: bounded, each producer with its first header and, as
//! evidence, a second one.

mod places;
pub(crate) mod validity;

use crate::canonical_rule::Rank;
use crate::env::{Env, Outbox};
use crate::evidence::{self, Faults};
use crate::{ConsensusEvent, KnownCandidate, Message, Output, Peer, PeerFault, Request};
use picot_clock::Timestamp;
use picot_models::{Address, Block, BlockId, Envelope, Header, SignedHeader, Slot};
use places::{Remains, candidate};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use validity::{Verdict, check_body, check_header};

/// Headers kept of one producer that nobody asked for.
const HEADERS_PER_PRODUCER: usize = 2;
/// Bodies of the best headers that are asked for at once, and of those that were asked for in vain.
const BODIES_ASKED: usize = 3;
/// Blocks named by certificates, proposals or the signing log that are looked for.
const MAX_WANTED: usize = 64;
/// Peers that are remembered to have announced a header, and so to hold its body.
const MAX_ANNOUNCERS: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeaderState {
    Unchecked,
    Waiting,
    Valid,
    Invalid,
}

/// How far a body has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyState {
    Absent,
    Unchecked,
    Valid,
    Storing,
    Stored,
    Invalid,
}

#[derive(Debug, Clone)]
struct Candidate {
    header: Arc<SignedHeader>,
    producer: Address,
    bytes: usize,
    rank: Rank,
    from: Option<Peer>,
    /// Who announced it, in order, the first being `from`.
    announcers: Vec<Peer>,
    signature_ok: bool,
    state: HeaderState,
    body: Option<Block>,
    body_state: BodyState,
    body_from: Option<Peer>,
}

impl Candidate {
    const fn is_complete(&self) -> bool {
        matches!(self.state, HeaderState::Valid)
            && matches!(
                self.body_state,
                BodyState::Valid | BodyState::Storing | BodyState::Stored
            )
    }

    /// Who announces a header holds its body, so it can be asked for that.
    fn announced_by(&mut self, peer: Option<Peer>) {
        if let Some(peer) = peer
            && self.announcers.len() < MAX_ANNOUNCERS
            && !self.announcers.contains(&peer)
        {
            self.announcers.push(peer);
        }
    }
}

/// When a body was asked for last, and how often.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    again_at: Option<Timestamp>,
    times: u32,
}

/// The headers and bodies of one slot.
#[derive(Debug)]
pub(crate) struct Candidates {
    slot: Slot,
    by_id: BTreeMap<BlockId, Box<Candidate>>,
    by_producer: BTreeMap<Address, Vec<BlockId>>,
    /// The bytes of all headers that are held.
    bytes: usize,
    /// Of producers whose header is not held.
    dropped: BTreeMap<Address, Remains>,
    /// Producers that are known to have made two headers.
    doubles: BTreeSet<Address>,
    /// Blocks that are needed whatever their rank.
    wanted: BTreeSet<BlockId>,
    wanted_in_order: VecDeque<BlockId>,
    decided: Option<BlockId>,
    asked: BTreeMap<BlockId, Asked>,
    resolving: BTreeSet<BlockId>,
    arrivals: u64,
    dirty: bool,
}

impl Candidates {
    pub(crate) fn new(slot: Slot) -> Self {
        Self {
            slot,
            by_id: BTreeMap::new(),
            by_producer: BTreeMap::new(),
            bytes: 0,
            dropped: BTreeMap::new(),
            doubles: BTreeSet::new(),
            wanted: BTreeSet::new(),
            wanted_in_order: VecDeque::new(),
            decided: None,
            asked: BTreeMap::new(),
            resolving: BTreeSet::new(),
            arrivals: 0,
            dirty: false,
        }
    }

    /// Something that validity depends on changed: look at all headers again. True if there are any
    /// that are not settled.
    pub(crate) fn touch(&mut self) -> bool {
        self.dirty = true;
        self.resolving.clear();
        self.by_id.values().any(|candidate| {
            matches!(
                candidate.state,
                HeaderState::Unchecked | HeaderState::Waiting
            )
        })
    }

    /// The archive answered: look at all headers again, but ask it nothing twice before decided state
    /// changes. What it cannot answer would otherwise be asked without end.
    pub(crate) fn recheck(&mut self) {
        self.dirty = true;
    }

    /// Whether there is something to check.
    pub(crate) const fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// A block is needed whatever its rank, because a certificate or a proposal names it. The latest
    /// needs count: blocks that were only made up must not keep out the one that is decided.
    pub(crate) fn want(&mut self, id: BlockId) {
        if !self.wanted.insert(id) {
            return;
        }
        self.dirty = true;
        self.wanted_in_order.push_back(id);
        if self.wanted_in_order.len() > MAX_WANTED
            && self.wanted_in_order.front() == self.decided.as_ref()
        {
            self.wanted_in_order.rotate_left(1);
        }
        if self.wanted_in_order.len() > MAX_WANTED
            && let Some(oldest) = self.wanted_in_order.pop_front()
        {
            self.wanted.remove(&oldest);
            self.asked.remove(&oldest);
        }
    }

    /// A block is needed because it is decided: nothing takes its place.
    pub(crate) fn want_decided(&mut self, id: BlockId) {
        self.decided = Some(id);
        self.want(id);
    }

    pub(crate) fn knows(&self, id: &BlockId) -> bool {
        self.by_id.contains_key(id)
    }

    /// The held header that is the same to the last byte.
    pub(crate) fn same_header(&self, header: &Envelope<Header>) -> Option<&Arc<SignedHeader>> {
        self.by_id
            .values()
            .map(|candidate| &candidate.header)
            .find(|held| *held.signature() == header.signature && held.envelope() == header)
    }

    /// Takes a header. Unentitled producers are dropped before their signature is looked at; a
    /// second header of a producer makes both be verified, and is evidence.
    pub(crate) fn add_header(
        &mut self,
        env: &Env<'_>,
        header: Arc<SignedHeader>,
        from: Option<Peer>,
        faults: &mut Faults,
        out: &mut Outbox,
    ) -> bool {
        let id = header.id();
        if self.by_id.contains_key(&id) {
            self.same_header_again(env, &header, from);
            return false;
        }
        let arrival = self.arrivals;
        let rank = match env.shared.rule.rank(self.slot, &header, arrival) {
            Ok(Some(rank)) => rank,
            // Not entitled, or nobody can tell yet.
            Ok(None) | Err(_) => return false,
        };
        let mut new = candidate(header, rank, from);
        let producer = new.producer;
        let held = self.by_producer.get(&producer).cloned().unwrap_or_default();
        let enough = held.len() >= HEADERS_PER_PRODUCER || self.doubles.contains(&producer);
        if enough && !self.wanted.contains(&id) {
            return false;
        }
        for other in held {
            if !self.verify_held(env, &other, out) {
                continue;
            }
            if !new.signature_ok && !env.shared.is_valid(new.header.batch_entry()) {
                out.blame(from, PeerFault::BadSignature);
                return false;
            }
            new.signature_ok = true;
            if let Some(other) = self.by_id.get(&other) {
                self.doubles.insert(producer);
                let proof = evidence::of_headers(&other.header, &new.header);
                out.evidence(faults.new_one(proof));
            }
        }
        if !self.check_dropped(env, &mut new, faults, out) {
            return false;
        }
        self.arrivals = arrival.saturating_add(1);
        if !self.make_place(env, &mut new, out) {
            return false;
        }
        self.by_producer.entry(producer).or_default().push(id);
        self.bytes = self.bytes.saturating_add(new.bytes);
        self.by_id.insert(id, Box::new(new));
        self.dirty = true;
        true
    }

    /// An id does not cover the signature: a bad one must not keep the good one out.
    fn same_header_again(&mut self, env: &Env<'_>, header: &Arc<SignedHeader>, from: Option<Peer>) {
        let Some(known) = self.by_id.get_mut(&header.id()) else {
            return;
        };
        if known.header.signature() == header.signature() {
            known.announced_by(from);
            return;
        }
        if known.signature_ok {
            return;
        }
        if from.is_none() || env.shared.is_valid(header.batch_entry()) {
            known.header = Arc::clone(header);
            known.from = from;
            known.announcers = from.into_iter().collect();
            known.signature_ok = true;
            known.state = HeaderState::Unchecked;
            self.dirty = true;
        }
    }

    /// Verifies the signature of a held header; drops the header if it is bad.
    fn verify_held(&mut self, env: &Env<'_>, id: &BlockId, out: &mut Outbox) -> bool {
        let Some(candidate) = self.by_id.get_mut(id) else {
            return false;
        };
        if candidate.signature_ok || env.shared.is_valid(candidate.header.batch_entry()) {
            candidate.signature_ok = true;
            return true;
        }
        out.blame(candidate.from, PeerFault::BadSignature);
        self.forget(id);
        false
    }

    fn forget(&mut self, id: &BlockId) -> Option<Box<Candidate>> {
        let candidate = self.by_id.remove(id)?;
        self.bytes = self.bytes.saturating_sub(candidate.bytes);
        self.dirty = true;
        if !self.wanted.contains(id) {
            self.asked.remove(id);
        }
        if let Some(ids) = self.by_producer.get_mut(&candidate.producer) {
            ids.retain(|held| held != id);
            if ids.is_empty() {
                self.by_producer.remove(&candidate.producer);
            }
        }
        Some(candidate)
    }

    /// Takes the body of a held header, or of a wanted block together with its header.
    pub(crate) fn add_body(
        &mut self,
        env: &Env<'_>,
        block: Block,
        from: Option<Peer>,
        faults: &mut Faults,
        out: &mut Outbox,
    ) {
        let id = block.id();
        self.add_header(env, Arc::clone(&block.header), from, faults, out);
        let Some(candidate) = self.by_id.get_mut(&id) else {
            return;
        };
        if !matches!(candidate.body_state, BodyState::Absent) {
            return;
        }
        if from.is_some() && !self.asked.contains_key(&id) {
            return;
        }
        if !block.matches_header() {
            out.blame(from, PeerFault::WrongBody);
            return;
        }
        candidate.body = Some(Block {
            header: Arc::clone(&candidate.header),
            operations: block.operations,
        });
        candidate.body_state = BodyState::Unchecked;
        candidate.body_from = from;
        self.dirty = true;
    }

    /// Checks what is worth checking, asks for bodies, passes on what leads. True if a candidate
    /// became complete.
    pub(crate) fn check(&mut self, env: &Env<'_>, out: &mut Outbox) -> bool {
        if self.dirty {
            self.dirty = false;
            let mut completed = false;
            for id in self.worth_checking() {
                completed |= self.check_one(env, &id, out);
            }
            self.ask_for_bodies(env, out);
            return completed;
        }
        if self.asked_in_vain().any(|at| at <= env.now) {
            self.ask_for_bodies(env, out);
        }
        false
    }

    /// Unsettled candidates that are better than the best complete one, or wanted; best first.
    fn worth_checking(&self) -> Vec<BlockId> {
        let best = self.best().map(|(_, key)| key);
        let mut found: Vec<_> = self
            .by_id
            .iter()
            .filter(|(_, candidate)| {
                !candidate.is_complete() && candidate.state != HeaderState::Invalid
            })
            .map(|(id, candidate)| (self.key(candidate), *id))
            .filter(|(key, id)| best.is_none_or(|best| *key < best) || self.wanted.contains(id))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id).collect()
    }

    fn check_one(&mut self, env: &Env<'_>, id: &BlockId, out: &mut Outbox) -> bool {
        let Some(candidate) = self.by_id.get(id) else {
            return false;
        };
        if matches!(
            candidate.state,
            HeaderState::Unchecked | HeaderState::Waiting
        ) {
            match check_header(env, &candidate.header, candidate.signature_ok) {
                Verdict::Valid => self.header_is_valid(id),
                Verdict::Wait(unknown) => {
                    self.header_waits(env, id, unknown, out);
                    return false;
                }
                Verdict::Invalid(_) => {
                    self.header_is_invalid(env, id, out);
                    return false;
                }
            }
        }
        self.check_held_body(env, id, out)
    }

    fn header_is_valid(&mut self, id: &BlockId) {
        if let Some(candidate) = self.by_id.get_mut(id) {
            candidate.state = HeaderState::Valid;
            candidate.signature_ok = true;
        }
    }

    /// A header is passed on once its body is held and valid: who announces a block has it. Of
    /// others' blocks only those better than the best known are, so that `all` does not flood
    /// (design 07, 'Candidates').
    fn announce(&self, id: &BlockId, out: &mut Outbox) {
        let Some(candidate) = self.by_id.get(id) else {
            return;
        };
        let message = Arc::new(Message::Candidate(candidate.header.envelope().clone()));
        match candidate.from {
            None => out.push(Output::Broadcast(message)),
            Some(from) if self.best_id() == Some(*id) => out.push(Output::Relay { from, message }),
            Some(_) => {}
        }
    }

    fn header_waits(
        &mut self,
        env: &Env<'_>,
        id: &BlockId,
        unknown: Vec<(u8, BlockId)>,
        out: &mut Outbox,
    ) {
        let Some(candidate) = self.by_id.get_mut(id) else {
            return;
        };
        candidate.state = HeaderState::Waiting;
        candidate.signature_ok = true;
        let from = candidate.from;
        for (thread, block) in unknown {
            if !self.resolving.insert(block) {
                continue;
            }
            out.push(Output::Resolve(block));
            if let Some(chain) = env.chain(thread) {
                let period = chain.next_period();
                let request = Request::Outcomes { thread, period };
                out.push(Output::Ask { to: from, request });
            }
        }
    }

    /// A bad signature blames who sent it, and leaves the place to the true header.
    fn header_is_invalid(&mut self, env: &Env<'_>, id: &BlockId, out: &mut Outbox) {
        let Some(candidate) = self.by_id.get_mut(id) else {
            return;
        };
        candidate.state = HeaderState::Invalid;
        candidate.body = None;
        let from = candidate.from;
        if candidate.signature_ok || env.shared.is_valid(candidate.header.batch_entry()) {
            candidate.signature_ok = true;
            out.blame(from, PeerFault::InvalidHeader);
        } else {
            out.blame(from, PeerFault::BadSignature);
            self.forget(id);
        }
    }

    fn check_held_body(&mut self, env: &Env<'_>, id: &BlockId, out: &mut Outbox) -> bool {
        let Some(candidate) = self.by_id.get_mut(id) else {
            return false;
        };
        let (BodyState::Unchecked, Some(body)) = (candidate.body_state, &candidate.body) else {
            return false;
        };
        let Some(chain) = env.chain(self.slot.thread) else {
            return false;
        };
        if check_body(env.shared, chain, body).is_err() {
            candidate.body_state = BodyState::Invalid;
            candidate.body = None;
            return false;
        }
        candidate.body_state = BodyState::Valid;
        out.push(Output::Event(ConsensusEvent::CandidateAdded {
            slot: self.slot,
            id: *id,
            producer: candidate.producer,
        }));
        self.announce(id, out);
        true
    }

    fn ask_for_bodies(&mut self, env: &Env<'_>, out: &mut Outbox) {
        let wait = env.shared.timers.answer_wait();
        for id in self.bodies_needed(env.now) {
            let announcers = self.by_id.get(&id).map(|one| one.announcers.as_slice());
            let asked = self.asked.entry(id).or_default();
            if asked.again_at.is_some_and(|at| at > env.now) {
                continue;
            }
            // Who announced it, one after the other, then whoever may have it.
            let to = usize::try_from(asked.times)
                .ok()
                .and_then(|times| announcers?.get(times).copied());
            asked.times = asked.times.saturating_add(1);
            asked.again_at = Some(crate::timers::after(env.now, wait));
            let request = Request::Body { id };
            out.push(Output::Ask { to, request });
        }
    }

    /// The best headers whose body was not asked for in vain yet, some of those for which it was,
    /// and what is wanted. Whoever withholds a body must not keep the body of the next from being
    /// asked for.
    fn bodies_needed(&self, now: Timestamp) -> BTreeSet<BlockId> {
        let best = self.best().map(|(_, key)| key);
        let (mut fresh, mut unanswered) = (Vec::new(), Vec::new());
        for (id, candidate) in &self.by_id {
            let key = self.key(candidate);
            if candidate.state != HeaderState::Valid
                || candidate.body_state != BodyState::Absent
                || best.is_some_and(|best| key >= best)
            {
                continue;
            }
            let asked = self.asked.get(id).copied().unwrap_or_default();
            let idle = asked.again_at.is_none_or(|at| at <= now);
            if asked.times == 0 || asked.times == 1 && !idle {
                fresh.push((key, *id));
            } else {
                unanswered.push((idle, asked.times, key, *id));
            }
        }
        fresh.sort_unstable();
        unanswered.sort_unstable();
        let again = unanswered.into_iter().take(BODIES_ASKED);
        let wanted = self.wanted.iter().filter(|id| {
            let held = self.by_id.get(id);
            held.is_none_or(|candidate| candidate.body_state == BodyState::Absent)
        });
        fresh
            .into_iter()
            .take(BODIES_ASKED)
            .map(|(_, id)| id)
            .chain(again.map(|(.., id)| id))
            .chain(wanted.copied())
            .collect()
    }

    /// Blocks that were asked for and whose body is not held, with the time from which they may be
    /// asked for again. Each such time can make another body worth asking for.
    fn asked_in_vain(&self) -> impl Iterator<Item = Timestamp> {
        self.asked.iter().filter_map(|(id, asked)| {
            let held = self.by_id.get(id);
            let is_held = held.is_some_and(|one| one.body_state != BodyState::Absent);
            asked.again_at.filter(|_| !is_held)
        })
    }

    /// When a body may have to be asked for again.
    pub(crate) fn next_ask(&self, now: Timestamp) -> Option<Timestamp> {
        self.asked_in_vain().filter(|at| *at > now).min()
    }

    /// The order in which candidates are chosen: a producer that made two headers is behind all
    /// others (rule 2).
    fn key(&self, candidate: &Candidate) -> (bool, Rank) {
        let double = self.doubles.contains(&candidate.producer);
        (double, candidate.rank)
    }

    fn best(&self) -> Option<(BlockId, (bool, Rank))> {
        self.by_id
            .iter()
            .filter(|(_, candidate)| candidate.is_complete())
            .map(|(id, candidate)| (*id, self.key(candidate)))
            .min_by_key(|(_, key)| *key)
    }

    /// The best complete candidate, and whether nothing better can come.
    pub(crate) fn best_complete(&self, env: &Env<'_>) -> Option<(BlockId, bool)> {
        let (id, (double, rank)) = self.best()?;
        let unbeatable = !double && env.shared.rule.unbeatable(self.slot, &rank);
        Some((id, unbeatable))
    }

    /// The best complete candidate.
    pub(crate) fn best_id(&self) -> Option<BlockId> {
        self.best().map(|(id, _)| id)
    }

    /// How far a block's body has come; `Absent` of what is no valid candidate.
    pub(crate) fn body_state(&self, id: &BlockId) -> BodyState {
        match self.by_id.get(id) {
            Some(candidate) if candidate.is_complete() => candidate.body_state,
            _ => BodyState::Absent,
        }
    }

    /// Asks for a valid body to be made durable.
    pub(crate) fn store(&mut self, id: &BlockId, out: &mut Outbox) {
        if let Some(candidate) = self.by_id.get_mut(id)
            && candidate.body_state == BodyState::Valid
            && let Some(body) = &candidate.body
        {
            out.store(body.clone());
            candidate.body_state = BodyState::Storing;
        }
    }

    /// A body is durable. True if it is one of these.
    pub(crate) fn stored(&mut self, id: &BlockId) -> bool {
        match self.by_id.get_mut(id) {
            Some(candidate) if candidate.body_state == BodyState::Storing => {
                candidate.body_state = BodyState::Stored;
                true
            }
            _ => false,
        }
    }

    /// The block of a complete candidate.
    pub(crate) fn block(&self, id: &BlockId) -> Option<&Block> {
        self.by_id
            .get(id)
            .filter(|candidate| candidate.is_complete())
            .and_then(|candidate| candidate.body.as_ref())
    }

    /// The block that a certificate decided: whoever signed has judged it, so here it must only be
    /// whole and well signed.
    pub(crate) fn decided_block(
        &mut self,
        env: &Env<'_>,
        id: &BlockId,
        out: &mut Outbox,
    ) -> Option<Block> {
        if !self.verify_held(env, id, out) {
            return None;
        }
        self.by_id.get(id)?.body.clone()
    }

    /// How many headers are held, and their bytes.
    #[cfg(any(test, feature = "mocks"))]
    pub(crate) fn held_headers(&self) -> (usize, usize) {
        (self.by_id.len(), self.bytes)
    }

    /// The ids of all complete candidates.
    pub(crate) fn complete(&self) -> Vec<BlockId> {
        self.by_id
            .iter()
            .filter(|(_, candidate)| candidate.is_complete())
            .map(|(id, _)| *id)
            .collect()
    }

    /// Those whose headers are valid, by id.
    pub(crate) fn known(&self) -> Vec<KnownCandidate> {
        let valid = self.by_id.iter();
        let valid = valid.filter(|(_, candidate)| candidate.state == HeaderState::Valid);
        valid
            .map(|(id, candidate)| KnownCandidate {
                id: *id,
                producer: candidate.producer,
            })
            .collect()
    }

    /// All complete bodies but one.
    pub(crate) fn losers(&self, winner: Option<BlockId>) -> Vec<Block> {
        self.by_id
            .iter()
            .filter(|(id, candidate)| candidate.is_complete() && Some(**id) != winner)
            .filter_map(|(_, candidate)| candidate.body.clone())
            .collect()
    }

    /// Headers that this node made and announced, to be sent again.
    pub(crate) fn own_headers(&self, env: &Env<'_>) -> impl Iterator<Item = &Arc<SignedHeader>> {
        let keys = &env.shared.keys;
        self.by_id
            .values()
            .filter(|candidate| candidate.is_complete() && candidate.body.is_some())
            .filter(|candidate| keys.contains_key(&candidate.producer))
            .map(|candidate| &candidate.header)
    }

    /// Drops the bodies, for a slot that is decided.
    pub(crate) fn drop_bodies(&mut self) {
        for candidate in self.by_id.values_mut() {
            candidate.body = None;
            candidate.body_state = BodyState::Absent;
        }
        self.asked.clear();
        self.wanted.clear();
        self.wanted_in_order.clear();
        self.resolving.clear();
    }
}
