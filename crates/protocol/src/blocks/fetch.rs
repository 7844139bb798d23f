//! One block that is being fetched: its header, the names of its operations, and those that are found.

use crate::packet::{Prefix, ShortBlock};
use picot_clock::Timestamp;
use picot_consensus::Peer;
use picot_crypto::Hash;
use picot_models::{Envelope, Header, OperationId, SignedOperation, operations_hash};
use picot_pool::Pool;
use picot_serialization::Encode;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Operations that contradict a short list and are remembered until it is known who is wrong.
const MAX_SUSPECTS: usize = 8;

/// An operation of the block.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) operation: Arc<SignedOperation>,
    /// Who sent it, as long as its signature is not verified.
    pub(super) unverified_from: Option<Peer>,
}

/// What is known of the ids of the operations.
#[derive(Debug)]
pub(super) enum Names {
    /// Their beginnings, as a peer says.
    Short(Vec<Prefix>),
    /// All of them, proven by the hash in the header.
    Full(Vec<OperationId>),
}

/// The operations in the order of the block.
#[derive(Debug)]
pub(super) struct List {
    /// Who named them.
    pub(super) from: Peer,
    pub(super) names: Names,
    found: Vec<Option<Found>>,
    missing: usize,
}

impl List {
    pub(super) fn new(from: Peer, names: Names) -> Self {
        let len = match &names {
            Names::Short(prefixes) => prefixes.len(),
            Names::Full(ids) => ids.len(),
        };
        Self {
            from,
            names,
            found: vec![None; len],
            missing: len,
        }
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// The first places without an operation.
    pub(super) fn missing(&self, count: usize) -> Vec<u32> {
        let places = self.found.iter().enumerate();
        places
            .filter(|(_, found)| found.is_none())
            .filter_map(|(place, _)| u32::try_from(place).ok())
            .take(count)
            .collect()
    }

    /// Whether the operation at a place has this id, as far as its name tells.
    pub(super) fn is_named(&self, place: usize, id: &OperationId) -> bool {
        match &self.names {
            Names::Short(prefixes) => prefixes.get(place) == Some(&Prefix::of(id)),
            Names::Full(ids) => ids.get(place) == Some(id),
        }
    }

    /// Whether these are named at these places, the first of them if there are fewer operations.
    pub(super) fn fits(&self, places: &[u32], operations: &[Arc<SignedOperation>]) -> bool {
        places.iter().zip(operations).all(|(place, operation)| {
            let place = usize::try_from(*place).unwrap_or(usize::MAX);
            self.is_named(place, &operation.id())
        })
    }

    /// Puts an operation at a place that has none. False if it has one.
    pub(super) fn put(&mut self, place: usize, found: Found) -> bool {
        match self.found.get_mut(place) {
            Some(free @ None) => {
                *free = Some(found);
                self.missing = self.missing.saturating_sub(1);
                true
            }
            _ => false,
        }
    }

    /// Takes an operation away.
    pub(super) fn take(&mut self, place: u32) -> Option<Found> {
        let place = usize::try_from(place).ok()?;
        let taken = self.found.get_mut(place)?.take();
        if taken.is_some() {
            self.missing = self.missing.saturating_add(1);
        }
        taken
    }

    pub(super) fn set_verified(&mut self, place: u32) {
        let place = usize::try_from(place).ok();
        if let Some(Some(found)) = place.and_then(|place| self.found.get_mut(place)) {
            found.unverified_from = None;
        }
    }

    /// What is to be verified, with its places.
    pub(super) fn unverified(&self) -> (Vec<u32>, Vec<Arc<SignedOperation>>) {
        let places = self.found.iter().enumerate();
        places
            .filter_map(|(place, found)| {
                let found = found.as_ref()?;
                found.unverified_from?;
                Some((u32::try_from(place).ok()?, Arc::clone(&found.operation)))
            })
            .unzip()
    }

    pub(super) fn found(&self) -> impl Iterator<Item = &Found> {
        self.found.iter().flatten()
    }

    pub(super) fn hash(&self) -> Hash {
        operations_hash(self.found().map(|found| found.operation.id()))
    }

    /// Looks in the pool for what is missing. What is there is verified.
    pub(super) fn fill_from(&mut self, pool: &dyn Pool) {
        let places = self.missing(usize::MAX);
        let numbers: Vec<u64> = match &self.names {
            Names::Short(prefixes) => of(&places, prefixes).map(|it| it.number()).collect(),
            Names::Full(ids) => of(&places, ids).map(|id| Prefix::of(id).number()).collect(),
        };
        if numbers.is_empty() {
            return;
        }
        for (place, operation) in places.iter().zip(pool.operations_by_prefix(&numbers)) {
            self.put_pending(*place, operation);
        }
        let left = self.missing(usize::MAX);
        let Names::Full(ids) = &self.names else {
            return;
        };
        // Two of one prefix are told apart by their ids.
        let ids: Vec<OperationId> = of(&left, ids).copied().collect();
        if ids.is_empty() {
            return;
        }
        for ((place, id), is_held) in left.iter().zip(&ids).zip(pool.holds(&ids)) {
            if is_held {
                self.put_pending(*place, pool.get(id));
            }
        }
    }

    fn put_pending(&mut self, place: u32, operation: Option<Arc<SignedOperation>>) {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if let Some(operation) = operation
            && self.is_named(place, &operation.id())
        {
            let unverified_from = None;
            self.put(
                place,
                Found {
                    operation,
                    unverified_from,
                },
            );
        }
    }
}

fn of<'a, T>(places: &'a [u32], all: &'a [T]) -> impl Iterator<Item = &'a T> {
    places.iter().filter_map(|place| {
        let place = usize::try_from(*place).ok()?;
        all.get(place)
    })
}

/// What a peer was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    /// For the block: nothing is known of it.
    Whole,
    /// For the ids of its operations: answered by these, or by the block from an archive.
    Ids,
    /// For the operations at these places, ascending.
    Operations(Vec<u32>),
}

/// What is with the verifier.
#[derive(Debug)]
pub(super) struct Verifying {
    pub(super) ticket: u64,
    pub(super) places: Vec<u32>,
    /// When the verifier is taken to have lost it.
    pub(super) due: Timestamp,
    pub(super) tries: u32,
}

/// One block that is being fetched.
#[derive(Debug)]
pub(super) struct Fetch {
    /// Its number among all.
    pub(super) number: u64,
    /// The header, well signed, and who sent it.
    pub(super) header: Option<(Envelope<Header>, Peer)>,
    pub(super) list: Option<List>,
    /// Who is asked next.
    pub(super) sources: VecDeque<Peer>,
    /// Who sent something bad for this block, and is not asked again.
    pub(super) distrusted: BTreeSet<Peer>,
    /// A short list that is not what the header names, or seems not to be, and who sent it.
    claim: Option<(Peer, ShortBlock)>,
    /// Operations that are not those of the short list.
    suspects: Vec<(Peer, u32, OperationId)>,
    /// What was found before the names turned out to be doubtful.
    spare: BTreeMap<OperationId, Found>,
    /// What was asked and is not answered; the last one is waited for if `waits_until` is set.
    pub(super) questions: Vec<(Peer, Question)>,
    pub(super) waits_until: Option<Timestamp>,
    pub(super) verifying: Option<Verifying>,
    /// Bytes of operations that peers sent.
    pub(super) bytes: usize,
    /// When it is given up, unless it is asked for again.
    pub(super) expires: Timestamp,
}

impl Fetch {
    pub(super) const fn new(number: u64, expires: Timestamp) -> Self {
        Self {
            number,
            header: None,
            list: None,
            sources: VecDeque::new(),
            distrusted: BTreeSet::new(),
            claim: None,
            suspects: Vec::new(),
            spare: BTreeMap::new(),
            questions: Vec::new(),
            waits_until: None,
            verifying: None,
            bytes: 0,
            expires,
        }
    }

    /// Whether nothing will come of it unless somebody else can be asked.
    pub(super) const fn is_idle(&self) -> bool {
        self.waits_until.is_none() && self.verifying.is_none()
    }

    /// Takes a header with the short list that came along. `empty` is the hash of no operations.
    pub(super) fn adopt(
        &mut self,
        header: (Envelope<Header>, Peer),
        short: Option<(Peer, ShortBlock)>,
        empty: Hash,
        pool: &dyn Pool,
    ) {
        let content = &header.0.content;
        let count = usize::try_from(content.operation_count).unwrap_or(usize::MAX);
        if count == 0 && content.operations_hash == empty {
            self.list = Some(List::new(header.1, Names::Full(Vec::new())));
        } else if let Some((from, short)) = short {
            if short.0.len() == count {
                let mut list = List::new(from, Names::Short(short.0));
                list.fill_from(pool);
                self.list = Some(list);
            } else {
                self.claim = Some((from, short));
            }
        }
        self.header = Some(header);
        self.waits_until = None;
    }

    /// The names are short and not right, or do not tell enough: the ids are needed.
    pub(super) fn doubt(&mut self) {
        let Some(list) = self.list.take() else {
            return;
        };
        for found in list.found.into_iter().flatten() {
            self.spare.insert(found.operation.id(), found);
        }
        if let Names::Short(prefixes) = list.names {
            self.claim.get_or_insert((list.from, ShortBlock(prefixes)));
        }
    }

    /// An operation came that the short list does not name.
    pub(super) fn suspect(&mut self, from: Peer, place: u32, id: OperationId) {
        if self.suspects.len() < MAX_SUSPECTS {
            self.suspects.push((from, place, id));
        }
    }

    /// Takes the ids, which are proven, and gives those who are proven wrong by them.
    pub(super) fn take_ids(&mut self, from: Peer, ids: Vec<OperationId>) -> BTreeSet<Peer> {
        self.doubt();
        let mut wrong = BTreeSet::new();
        if let Some((from, ShortBlock(prefixes))) = self.claim.take()
            && !prefixes.iter().copied().eq(ids.iter().map(Prefix::of))
        {
            wrong.insert(from);
        }
        for (from, place, id) in std::mem::take(&mut self.suspects) {
            let place = usize::try_from(place).ok();
            if place.and_then(|place| ids.get(place)) != Some(&id) {
                wrong.insert(from);
            }
        }
        let spare = std::mem::take(&mut self.spare);
        let places = ids.iter().enumerate();
        let found: Vec<(usize, Found)> = places
            .filter_map(|(place, id)| Some((place, spare.get(id)?.clone())))
            .collect();
        let mut list = List::new(from, Names::Full(ids));
        for (place, found) in found {
            list.put(place, found);
        }
        self.bytes = bytes_of(&list);
        self.list = Some(list);
        wrong
    }

    /// Whom to ask from now on: these in this order, but nobody who is distrusted or waited for.
    pub(super) fn set_sources(&mut self, peers: impl IntoIterator<Item = Peer>, max: usize) {
        let waited_for = self.waited_for();
        self.sources.clear();
        for peer in peers {
            if self.sources.len() < max
                && waited_for != Some(peer)
                && !self.distrusted.contains(&peer)
                && !self.sources.contains(&peer)
            {
                self.sources.push_back(peer);
            }
        }
    }

    pub(super) fn waited_for(&self) -> Option<Peer> {
        self.waits_until?;
        self.questions.last().map(|(peer, _)| *peer)
    }

    /// The places that a peer was asked for and has not answered, in each question of at least so many.
    pub(super) fn places_asked(&self, from: Peer, at_least: usize) -> Vec<Vec<u32>> {
        let asked = self.questions.iter().filter(|(peer, _)| *peer == from);
        asked
            .filter_map(|(_, question)| match question {
                Question::Operations(places) => Some(places.clone()),
                Question::Whole | Question::Ids => None,
            })
            .filter(|places| places.len() >= at_least)
            .collect()
    }

    /// Takes back the question that a peer answers, if it was asked one such.
    pub(super) fn answered(
        &mut self,
        from: Peer,
        is_answer: impl Fn(&Question) -> bool,
    ) -> Option<Question> {
        let asked = self.questions.iter();
        let index = asked
            .enumerate()
            .rfind(|(_, (peer, question))| *peer == from && is_answer(question))
            .map(|(index, _)| index)?;
        if index.saturating_add(1) == self.questions.len() {
            self.waits_until = None;
        }
        let (_, question) = self.questions.remove(index);
        Some(question)
    }

    /// A peer sent what is bad for this block.
    pub(super) fn distrust(&mut self, peer: Peer) {
        self.distrusted.insert(peer);
        self.sources.retain(|source| *source != peer);
    }

    /// A peer is gone.
    pub(super) fn forget_peer(&mut self, peer: Peer) {
        if self.waited_for() == Some(peer) {
            self.waits_until = None;
        }
        self.sources.retain(|source| *source != peer);
        self.distrusted.remove(&peer);
        let last = self.questions.last().map(|(peer, _)| *peer);
        debug_assert!(self.waits_until.is_none() || last != Some(peer));
        self.questions.retain(|(asked, _)| *asked != peer);
    }
}

/// Bytes of what peers sent and nobody else holds.
fn bytes_of(list: &List) -> usize {
    let sent = list.found().filter(|found| found.unverified_from.is_some());
    sent.fold(0, |sum, found| {
        sum.saturating_add(found.operation.encoded_len())
    })
}
