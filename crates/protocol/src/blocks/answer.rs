//! What peers answer to questions about blocks.

use super::fetch::{Fetch, Found, List, Names, Question};
use super::{Blocks, is_list_of};
use crate::Fault;
use crate::input::Effects;
use picot_clock::Timestamp;
use picot_consensus::{Peer, PeerFault};
use picot_models::{BlockEnvelope, BlockId, Envelope, Operation, OperationId, SignedOperation};
use picot_pool::Pool;
use picot_serialization::Encode;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Blocks {
    /// The ids of a block's operations came.
    pub(crate) fn on_block_ids(
        &mut self,
        now: Timestamp,
        from: Peer,
        id: BlockId,
        ids: &[OperationId],
        pool: &dyn Pool,
        effects: &mut Effects,
    ) {
        let is_answer = |question: &Question| *question == Question::Ids;
        let Some((mut fetch, _)) = self.answered(from, id, is_answer, effects) else {
            return;
        };
        if let Some((header, _)) = &fetch.header
            && fetch.list.is_none()
        {
            if is_list_of(&header.content, ids) {
                let wrong = fetch.take_ids(from, ids.to_vec());
                blame_wrong(&mut fetch, wrong, effects);
                if let Some(list) = &mut fetch.list {
                    list.fill_from(pool);
                }
            } else {
                blame_wrong(&mut fetch, BTreeSet::from([from]), effects);
            }
            if !fetch.distrusted.contains(&from) {
                // Who has the ids has the operations, and nobody else is needed for the ids.
                fetch.waits_until = None;
                fetch.sources.retain(|source| *source != from);
                fetch.sources.push_front(from);
            }
        }
        self.advance(now, id, fetch, effects);
    }

    /// Operations of a block came: the first of those that were asked for, in order.
    pub(crate) fn on_block_operations(
        &mut self,
        now: Timestamp,
        from: Peer,
        id: BlockId,
        operations: &[Envelope<Operation>],
        effects: &mut Effects,
    ) {
        let asked = self.fetches.get(&id);
        let asked = asked.map_or_else(Vec::new, |it| it.places_asked(from, operations.len()));
        let operations: Vec<Arc<SignedOperation>> = operations
            .iter()
            .take(asked.first().map_or(0, |_| operations.len()))
            .map(|operation| Arc::new(operation.clone().identify(&self.chain_id)))
            .collect();
        // Asked twice, a peer may answer to either.
        let list = self.fetches.get(&id).and_then(|fetch| fetch.list.as_ref());
        let fits = |places: &Vec<u32>| list.is_none_or(|list| list.fits(places, &operations));
        let places = asked.iter().find(|places| fits(places)).or(asked.first());
        let is_it = |question: &Question| match question {
            Question::Operations(asked) => Some(asked) == places,
            _ => false,
        };
        let Some((mut fetch, _)) = self.answered(from, id, is_it, effects) else {
            return;
        };
        if let (Some(places), None) = (places, &fetch.verifying) {
            let is_sure = asked.len() == 1;
            take_operations(&mut fetch, from, places, operations, is_sure, effects);
        }
        if fetch.bytes > self.config.fetch_bytes {
            return self.end(id, fetch);
        }
        self.advance(now, id, fetch, effects);
        self.bound_bytes();
    }

    /// Gives up the oldest while too much is held for those that are not done.
    fn bound_bytes(&mut self) {
        loop {
            let bytes = self.fetches.values().map(|fetch| fetch.bytes);
            if bytes.fold(0, usize::saturating_add) <= self.config.fetched_bytes {
                return;
            }
            let heavy = self.fetches.iter().filter(|(_, fetch)| fetch.bytes > 0);
            let Some(oldest) = heavy.min_by_key(|(_, it)| it.number).map(|(id, _)| *id) else {
                return;
            };
            self.give_up(&oldest);
        }
    }

    /// A whole block came, which answers a question for the block or for its ids.
    pub(crate) fn on_body(
        &mut self,
        now: Timestamp,
        from: Peer,
        block: &BlockEnvelope,
        pool: &dyn Pool,
        effects: &mut Effects,
    ) {
        let id = block.header.id(&self.chain_id);
        let is_answer = |question: &Question| matches!(question, Question::Whole | Question::Ids);
        let Some((mut fetch, _)) = self.answered(from, id, is_answer, effects) else {
            return;
        };
        let is_lacked = fetch.list.as_ref().is_none_or(|list| !list.is_complete());
        if is_lacked {
            self.take_body(&mut fetch, from, block, pool, effects);
        }
        if fetch.bytes > self.config.fetch_bytes {
            return self.end(id, fetch);
        }
        self.advance(now, id, fetch, effects);
        self.bound_bytes();
    }

    fn take_body(
        &self,
        fetch: &mut Fetch,
        from: Peer,
        block: &BlockEnvelope,
        pool: &dyn Pool,
        effects: &mut Effects,
    ) {
        if fetch.header.is_none() {
            if !self.check.is_well_signed(&block.header) {
                fetch.distrust(from);
                return effects.blame(from, Fault::Consensus(PeerFault::BadSignature));
            }
            fetch.header = Some((block.header.clone(), from));
        }
        let operations = block.operations.iter();
        let operations: Vec<SignedOperation> = operations
            .map(|operation| operation.clone().identify(&self.chain_id))
            .collect();
        let ids: Vec<OperationId> = operations.iter().map(|operation| operation.id()).collect();
        if !is_list_of(&block.header.content, &ids) {
            return blame_wrong(fetch, BTreeSet::from([from]), effects);
        }
        let wrong = fetch.take_ids(from, ids);
        blame_wrong(fetch, wrong, effects);
        if let Some(list) = &mut fetch.list {
            list.fill_from(pool);
            fetch.bytes = fetch.bytes.saturating_add(fill(list, from, operations));
        }
    }

    /// A peer does not have the block that it was asked for.
    pub(crate) fn on_not_held(
        &mut self,
        now: Timestamp,
        from: Peer,
        id: BlockId,
        effects: &mut Effects,
    ) {
        if let Some((fetch, _)) = self.answered(from, id, |_| true, effects) {
            self.advance(now, id, fetch, effects);
        }
    }

    /// What came of verifying the operations that peers sent for a block: the places of the bad ones
    /// among them, ascending.
    pub(crate) fn on_verified(
        &mut self,
        now: Timestamp,
        ticket: u64,
        bad: &[usize],
        effects: &mut Effects,
    ) {
        let is_it = |fetch: &Fetch| {
            fetch
                .verifying
                .as_ref()
                .is_some_and(|it| it.ticket == ticket)
        };
        let id = self.fetches.iter().find(|(_, fetch)| is_it(fetch));
        let Some(id) = id.map(|(id, _)| *id) else {
            return;
        };
        let Some(mut fetch) = self.fetches.remove(&id) else {
            return;
        };
        let (Some(verifying), Some(list)) = (fetch.verifying.take(), &mut fetch.list) else {
            return self.end(id, fetch);
        };
        let mut liars = BTreeSet::new();
        for (index, place) in verifying.places.iter().enumerate() {
            if bad.binary_search(&index).is_err() {
                list.set_verified(*place);
            } else if let Some(found) = list.take(*place) {
                liars.extend(found.unverified_from);
                let bytes = found.operation.encoded_len();
                fetch.bytes = fetch.bytes.saturating_sub(bytes);
            }
        }
        for liar in liars {
            fetch.distrust(liar);
            effects.blame(liar, Fault::BadItem);
        }
        self.advance(now, id, fetch, effects);
    }

    /// The fetch that an answer belongs to, and the question; blames who was not asked.
    fn answered(
        &mut self,
        from: Peer,
        id: BlockId,
        is_answer: impl Fn(&Question) -> bool,
        effects: &mut Effects,
    ) -> Option<(Fetch, Question)> {
        if let Some(fetch) = self.fetches.get_mut(&id)
            && let Some(question) = fetch.answered(from, is_answer)
        {
            return Some((self.fetches.remove(&id)?, question));
        }
        let owed = self.owed.iter().position(|owed| *owed == (from, id));
        match owed {
            // It was asked before, and the answer is of no more use.
            Some(index) => {
                self.owed.remove(index);
            }
            None => effects.blame(from, Fault::Unasked),
        }
        None
    }
}

/// Puts operations at the places that were asked for. `is_sure` if there was no other question that they
/// may be the answer to.
fn take_operations(
    fetch: &mut Fetch,
    from: Peer,
    places: &[u32],
    operations: Vec<Arc<SignedOperation>>,
    is_sure: bool,
    effects: &mut Effects,
) {
    let (mut is_contradicted, is_empty) = (false, operations.is_empty());
    for (place, operation) in places.iter().zip(operations) {
        let Some(list) = &mut fetch.list else {
            return;
        };
        let index = usize::try_from(*place).unwrap_or(usize::MAX);
        if list.is_named(index, &operation.id()) {
            let bytes = operation.encoded_len();
            let found = Found {
                operation,
                unverified_from: Some(from),
            };
            if list.put(index, found) {
                fetch.bytes = fetch.bytes.saturating_add(bytes);
            }
        } else if matches!(list.names, Names::Full(_)) {
            return blame_wrong(fetch, BTreeSet::from([from]), effects);
        } else {
            // Either the short list is wrong or the answer: the ids will tell.
            is_contradicted = true;
            if is_sure {
                fetch.suspect(from, *place, operation.id());
            }
        }
    }
    if is_contradicted {
        fetch.doubt();
        fetch.waits_until = None;
    }
    if !is_empty && !fetch.sources.contains(&from) {
        // The rest, or the ids.
        fetch.sources.push_front(from);
    }
}

/// Puts the operations of a whole block where the pool had none, and gives their bytes.
fn fill(list: &mut List, from: Peer, operations: Vec<SignedOperation>) -> usize {
    let mut bytes = 0_usize;
    for (place, operation) in operations.into_iter().enumerate() {
        let len = operation.encoded_len();
        let found = Found {
            operation: Arc::new(operation),
            unverified_from: Some(from),
        };
        if list.put(place, found) {
            bytes = bytes.saturating_add(len);
        }
    }
    bytes
}

/// These sent what is provably not the block.
fn blame_wrong(fetch: &mut Fetch, wrong: BTreeSet<Peer>, effects: &mut Effects) {
    for peer in wrong {
        fetch.distrust(peer);
        effects.blame(peer, Fault::WrongBlock);
    }
}
