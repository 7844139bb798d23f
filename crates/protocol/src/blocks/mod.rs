//! Bodies of candidates between nodes: names of operations first, then those that are lacked (design 09,
//! 'What travels').
//!
//! A header comes with its operations in short, eight bytes each, or without. What of them is in the pool
//! is taken from there. If that is all, and its ids hash to what the header says, the block is whole
//! without a packet; what is missing is asked for by its places. If the short list is not known, or what
//! is found does not hash right, the full ids are asked for, which must. A block of which not even the
//! header is known is asked for whole.
//!
//! - Who announced the block is asked first, others next; one question for a block is out at a time, and
//!   who does not answer in time makes room for the next. What comes late is taken if it is still lacked.
//! - Operations from the pool are verified; those of peers are verified when all are there.
//! - Blame is exact: for ids or operations that are provably not the header's, who sent them
//!   ([`Fault::WrongBlock`](crate::Fault)); for a bad signature of an operation, who sent that
//!   ([`Fault::BadItem`](crate::Fault)). A short list is judged by the full ids alone: two operations of
//!   one prefix are nobody's fault.
//! - The last question, asked in vain, leaves the fetch as it is: consensus asks again, and then it goes
//!   on with what it has.

mod announced;
mod answer;
mod fetch;
mod held;
#[cfg(test)]
mod tests;

use crate::input::Effects;
use crate::packet::{Packet, Prefix, SharedMessage, ShortBlock};
use crate::time::after;
use crate::{Fault, Output};
pub(crate) use announced::HeaderCheck;
use announced::{Announced, AnnouncedLimits};
use fetch::{Fetch, Names, Question, Verifying};
use held::Held;
use picot_clock::{Millis, Timestamp};
use picot_consensus::{Message, Peer, PeerFault, Request};
use picot_crypto::Hash;
use picot_models::{
    Block, BlockEnvelope, BlockId, ChainId, Envelope, Header, OperationId, SignedOperation,
    operations_hash,
};
use picot_pool::Pool;
use picot_serialization::Encode;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Peers that are asked for one block, one after the other, until consensus asks again.
const MAX_SOURCES: usize = 16;
/// Questions about one block whose answers may still come.
const MAX_QUESTIONS: usize = 32;
/// Answers that may come for blocks that are no longer fetched.
const MAX_OWED: usize = 1_024;
/// Places that are asked for at once.
const MAX_PLACES_ASKED: usize = 16_384;
/// How often the verifier is asked for the same.
const MAX_VERIFY_TRIES: u32 = 3;

/// The bounds of what is kept for blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlocksConfig {
    /// How long a peer may take to answer.
    pub(crate) answer_wait: Millis,
    /// Blocks that are given to others.
    pub(crate) held: usize,
    /// Bytes of these.
    pub(crate) held_bytes: usize,
    /// Headers that are remembered of one announcer until they are asked for.
    pub(crate) announced_per_peer: usize,
    /// Bytes of these.
    pub(crate) announced_bytes_per_peer: usize,
    /// Bytes of those of all announcers.
    pub(crate) announced_bytes: usize,
    /// Blocks that are fetched at once. Beyond it, one that waits for nothing or the oldest is given up.
    pub(crate) fetches: usize,
    /// Bytes of the operations that peers sent for one of them. A block with more is given up.
    pub(crate) fetch_bytes: usize,
    /// The same of all together. Beyond it the oldest is given up.
    pub(crate) fetched_bytes: usize,
    /// Bytes of operations in one answer, and one operation at least.
    pub(crate) answer_bytes: usize,
    /// How long a fetch lasts after it was last asked for.
    pub(crate) fetch_life: Millis,
    /// When verifying is taken to be lost.
    pub(crate) verify_wait: Millis,
}

impl BlocksConfig {
    /// For the production parameters: some 16 candidates of up to a megabyte in a second.
    pub(crate) const fn new(answer_wait: Millis) -> Self {
        Self {
            answer_wait,
            held: 256,
            held_bytes: 128 << 20,
            announced_per_peer: 256,
            announced_bytes_per_peer: 4 << 20,
            announced_bytes: 64 << 20,
            fetches: 64,
            fetch_bytes: 16 << 20,
            fetched_bytes: 64 << 20,
            answer_bytes: 1 << 20,
            fetch_life: Millis(answer_wait.0.saturating_mul(16)),
            verify_wait: Millis(5_000),
        }
    }
}

/// Blocks that are given to others and blocks that are fetched; see the [module](self).
#[derive(Debug)]
pub(crate) struct Blocks {
    chain_id: ChainId,
    check: HeaderCheck,
    config: BlocksConfig,
    held: Held,
    announced: Announced,
    fetches: BTreeMap<BlockId, Fetch>,
    next_fetch: u64,
    /// Fetches for which something was announced meanwhile.
    stirred: BTreeSet<BlockId>,
    /// Who may still answer for blocks that are no longer fetched, the latest last.
    owed: VecDeque<(Peer, BlockId)>,
    next_ticket: u64,
    /// The hash of no operations.
    empty: Hash,
}

impl Blocks {
    /// Without blocks. Who is asked for a part of one may take `answer_wait`.
    pub(crate) fn new(chain_id: ChainId, check: HeaderCheck, answer_wait: Millis) -> Self {
        Self::with_config(chain_id, check, BlocksConfig::new(answer_wait))
    }

    pub(crate) fn with_config(chain_id: ChainId, check: HeaderCheck, config: BlocksConfig) -> Self {
        let limits = AnnouncedLimits {
            per_peer: config.announced_per_peer,
            bytes_per_peer: config.announced_bytes_per_peer,
            bytes: config.announced_bytes,
        };
        Self {
            chain_id,
            held: Held::new(config.held, config.held_bytes),
            announced: Announced::new(check.clone(), limits),
            check,
            config,
            fetches: BTreeMap::new(),
            next_fetch: 0,
            stirred: BTreeSet::new(),
            owed: VecDeque::new(),
            next_ticket: 0,
            empty: operations_hash([]),
        }
    }

    /// This node has a block whole: others may ask for it.
    pub(crate) fn hold(&mut self, block: Block) {
        let id = block.id();
        self.announced.remove(&id);
        self.give_up(&id);
        self.held.insert(block);
    }

    /// The operations of a held block in short, to go along with its header.
    pub(crate) fn short(&self, id: &BlockId) -> Option<ShortBlock> {
        let block = self.held.get(id)?;
        let operations = block.operations.iter();
        let prefixes = operations.map(|operation| Prefix::of(&operation.id()));
        Some(ShortBlock(prefixes.collect()))
    }

    /// A peer says that it has the block of a header.
    pub(crate) fn on_candidate(
        &mut self,
        _now: Timestamp,
        from: Peer,
        id: BlockId,
        header: &Envelope<Header>,
        short: Option<&ShortBlock>,
    ) {
        if self.held.get(&id).is_some() {
            return;
        }
        self.announced.note(from, id, header, short);
        if let Some(fetch) = self.fetches.get_mut(&id) {
            if fetch.sources.len() < MAX_SOURCES
                && !fetch.sources.contains(&from)
                && fetch.waited_for() != Some(from)
                && !fetch.distrusted.contains(&from)
            {
                fetch.sources.push_front(from);
            }
            self.stirred.insert(id);
        }
    }

    /// Consensus wants a body: of `to`, who says to have it, or else of whoever announced it, or else of
    /// `others`. Asked again, the fetch goes on with these peers.
    pub(crate) fn ask(
        &mut self,
        now: Timestamp,
        id: BlockId,
        to: Option<Peer>,
        others: &[Peer],
        pool: &dyn Pool,
        effects: &mut Effects,
    ) {
        if let Some(block) = self.held.get(&id) {
            // Nothing is to be had from others that is not here.
            if let Some(from) = to.or_else(|| others.first().copied()) {
                effects.push(body(from, block.header.envelope(), block.operations.iter()));
            }
            return;
        }
        let expires = after(now, self.config.fetch_life);
        let mut fetch = match self.fetches.remove(&id) {
            Some(fetch) => fetch,
            None => self.new_fetch(expires),
        };
        fetch.expires = expires;
        let announcers = self.announced.get(&id);
        let announcers = announcers.map_or_else(Vec::new, |known| known.announcers.clone());
        // Not all nodes ask the same peers first.
        let start = usize::from(id.as_bytes()[0])
            .checked_rem(others.len())
            .unwrap_or(0);
        let others = others.iter().cycle().skip(start).take(others.len());
        let not_asked = fetch.sources.clone();
        let peers = to.into_iter().chain(announcers).chain(not_asked);
        fetch.set_sources(peers.chain(others.copied()), MAX_SOURCES);
        self.adopt(id, &mut fetch, pool);
        self.advance(now, id, fetch, effects);
    }

    fn new_fetch(&mut self, expires: Timestamp) -> Fetch {
        while self.fetches.len() >= self.config.fetches.max(1) {
            let worst = self
                .fetches
                .iter()
                .min_by_key(|(_, fetch)| (!fetch.is_idle(), fetch.number))
                .map(|(id, _)| *id);
            let Some(worst) = worst else {
                break;
            };
            self.give_up(&worst);
        }
        let number = self.next_fetch;
        self.next_fetch = number.saturating_add(1);
        Fetch::new(number, expires)
    }

    /// Takes a header over that was announced, if it is lacked and well signed.
    fn adopt(&mut self, id: BlockId, fetch: &mut Fetch, pool: &dyn Pool) {
        if fetch.header.is_some() {
            return;
        }
        let Some(announced) = self.announced.remove(&id) else {
            return;
        };
        if self.check.is_well_signed(&announced.header) {
            let header = (announced.header, announced.from);
            fetch.adopt(header, announced.short, self.empty, pool);
        }
    }

    /// Does the next thing for a block, and keeps the fetch unless it is done.
    fn advance(&mut self, now: Timestamp, id: BlockId, mut fetch: Fetch, effects: &mut Effects) {
        if let (Some((header, _)), Some(list)) = (&fetch.header, &fetch.list)
            && list.is_complete()
            && matches!(list.names, Names::Short(_))
            && list.hash() != header.content.operations_hash
        {
            fetch.doubt();
            fetch.waits_until = None;
        }
        let question = match (&fetch.header, &fetch.list) {
            (Some(_), Some(list)) if list.is_complete() => {
                return self.complete(now, id, fetch, effects);
            }
            (Some(_), Some(list)) => Question::Operations(list.missing(MAX_PLACES_ASKED)),
            (Some(_), None) => Question::Ids,
            (None, _) => Question::Whole,
        };
        if fetch.is_idle()
            && let Some(peer) = fetch.sources.pop_front()
        {
            effects.send(peer, packet(id, &question));
            if fetch.questions.len() >= MAX_QUESTIONS {
                let (peer, _) = fetch.questions.remove(0);
                self.owe(peer, id);
            }
            fetch.questions.push((peer, question));
            fetch.waits_until = Some(after(now, self.config.answer_wait));
        }
        self.fetches.insert(id, fetch);
    }

    /// All operations are there: what peers sent is verified, and then the block is done.
    fn complete(&mut self, now: Timestamp, id: BlockId, mut fetch: Fetch, effects: &mut Effects) {
        let (Some((header, _)), Some(list), None) = (&fetch.header, &fetch.list, &fetch.verifying)
        else {
            self.fetches.insert(id, fetch);
            return;
        };
        let (places, operations) = list.unverified();
        if places.is_empty() {
            let operations = list.found().map(|found| &found.operation);
            effects.push(body(list.from, header, operations));
            return self.end(id, fetch);
        }
        let ticket = self.next_ticket;
        self.next_ticket = ticket.saturating_add(1);
        fetch.waits_until = None;
        fetch.verifying = Some(Verifying {
            ticket,
            places,
            due: after(now, self.config.verify_wait),
            tries: 1,
        });
        effects.push(Output::Verify { ticket, operations });
        self.fetches.insert(id, fetch);
    }

    /// A block is no longer fetched. Answers may still come.
    fn give_up(&mut self, id: &BlockId) {
        if let Some(fetch) = self.fetches.remove(id) {
            self.end(*id, fetch);
        }
    }

    fn end(&mut self, id: BlockId, fetch: Fetch) {
        self.stirred.remove(&id);
        for (peer, _) in fetch.questions {
            self.owe(peer, id);
        }
    }

    fn owe(&mut self, peer: Peer, id: BlockId) {
        self.owed.push_back((peer, id));
        if self.owed.len() > MAX_OWED {
            self.owed.pop_front();
        }
    }

    /// A peer is gone: others are asked.
    pub(crate) fn disconnected(&mut self, now: Timestamp, peer: Peer, effects: &mut Effects) {
        self.announced.forget_peer(peer);
        self.owed.retain(|(owing, _)| *owing != peer);
        for fetch in self.fetches.values_mut() {
            fetch.forget_peer(peer);
        }
        let ids: Vec<BlockId> = self.fetches.keys().copied().collect();
        for id in ids {
            if let Some(fetch) = self.fetches.remove(&id) {
                self.advance(now, id, fetch, effects);
            }
        }
    }

    /// What time gives to do. To be called after every input as well.
    pub(crate) fn tick(&mut self, now: Timestamp, pool: &dyn Pool, effects: &mut Effects) {
        let stirred = std::mem::take(&mut self.stirred);
        let due = self.fetches.iter();
        let due = due.filter(|(id, fetch)| wake_of(fetch) <= now || stirred.contains(id));
        let due: Vec<BlockId> = due.map(|(id, _)| *id).collect();
        for id in due {
            let Some(mut fetch) = self.fetches.remove(&id) else {
                continue;
            };
            if fetch.expires <= now && fetch.verifying.is_none() {
                self.end(id, fetch);
                continue;
            }
            if fetch.waits_until.is_some_and(|until| until <= now) {
                fetch.waits_until = None;
            }
            self.adopt(id, &mut fetch, pool);
            if self.verify_again(now, &mut fetch, effects) {
                self.advance(now, id, fetch, effects);
            } else {
                self.end(id, fetch);
            }
        }
    }

    /// Asks the verifier again if it is late. False if that was done often enough.
    fn verify_again(&self, now: Timestamp, fetch: &mut Fetch, effects: &mut Effects) -> bool {
        let (Some(verifying), Some(list)) = (&mut fetch.verifying, &fetch.list) else {
            return true;
        };
        if verifying.due > now {
            return true;
        }
        if verifying.tries >= MAX_VERIFY_TRIES {
            return false;
        }
        verifying.tries = verifying.tries.saturating_add(1);
        verifying.due = after(now, self.config.verify_wait);
        let (_, operations) = list.unverified();
        let ticket = verifying.ticket;
        effects.push(Output::Verify { ticket, operations });
        true
    }

    /// When there is something to do if nothing else happens.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        self.fetches.values().map(wake_of).min()
    }
}

fn wake_of(fetch: &Fetch) -> Timestamp {
    match (&fetch.verifying, fetch.waits_until) {
        (Some(verifying), _) => verifying.due,
        (None, Some(until)) => until.min(fetch.expires),
        (None, None) => fetch.expires,
    }
}

fn packet(id: BlockId, question: &Question) -> Packet {
    match question {
        Question::Whole => {
            let message = Message::Ask(Request::Body { id });
            Packet::Consensus(SharedMessage(Arc::new(message)))
        }
        Question::Ids => Packet::GetBlock(id),
        Question::Operations(places) => Packet::GetBlockOperations {
            id,
            places: places.clone(),
        },
    }
}

fn body<'a>(
    from: Peer,
    header: &Envelope<Header>,
    operations: impl Iterator<Item = &'a Arc<SignedOperation>>,
) -> Output {
    let block = BlockEnvelope {
        header: header.clone(),
        operations: operations.map(|one| one.envelope().clone()).collect(),
    };
    let message = Arc::new(Message::Body(block));
    Output::Consensus { from, message }
}

impl Blocks {
    /// A peer asks for the ids of a block's operations. False if the block is not held here.
    pub(crate) fn on_get_block(
        &mut self,
        _now: Timestamp,
        from: Peer,
        id: BlockId,
        effects: &mut Effects,
    ) -> bool {
        let Some(block) = self.held.get(&id) else {
            return false;
        };
        let operations = block.operations.iter().map(|one| one.id()).collect();
        effects.send(from, Packet::BlockIds { id, operations });
        true
    }

    /// A peer asks for operations of a block, by their places, ascending. It gets the first of them.
    pub(crate) fn on_get_block_operations(
        &mut self,
        _now: Timestamp,
        from: Peer,
        id: BlockId,
        places: &[u32],
        effects: &mut Effects,
    ) {
        if places.is_empty() || !places.is_sorted_by(|one, next| one < next) {
            return effects.blame(from, Fault::Consensus(PeerFault::Malformed));
        }
        let Some(block) = self.held.get(&id) else {
            return effects.send(from, Packet::NotHeld(id));
        };
        let (mut operations, mut bytes) = (Vec::new(), 0_usize);
        for place in places {
            let place = usize::try_from(*place).unwrap_or(usize::MAX);
            let Some(operation) = block.operations.get(place) else {
                return effects.blame(from, Fault::Consensus(PeerFault::Malformed));
            };
            bytes = bytes.saturating_add(operation.encoded_len());
            if bytes > self.config.answer_bytes && !operations.is_empty() {
                break;
            }
            operations.push(operation.envelope().clone());
        }
        effects.send(from, Packet::BlockOperations { id, operations });
    }
}

/// What proves a list of ids: its length and its hash.
fn is_list_of(header: &Header, ids: &[OperationId]) -> bool {
    u32::try_from(ids.len()) == Ok(header.operation_count)
        && operations_hash(ids.iter().copied()) == header.operations_hash
}
