//! Headers that peers announced, until their bodies are asked for or they are outdated.

use crate::packet::ShortBlock;
use picot_consensus::Peer;
use picot_crypto::Verifier;
use picot_models::{BlockId, ChainId, Envelope, Header};
use picot_serialization::Encode;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Announcers that are remembered of one header.
const MAX_ANNOUNCERS: usize = 8;

/// A header of which nothing is known but that its id is that of its content.
#[derive(Debug, Clone)]
pub(super) struct Announcement {
    pub(super) header: Envelope<Header>,
    /// Whose words these are: the first of the announcers, as long as it is connected.
    pub(super) from: Peer,
    /// The operations in short, and who named them.
    pub(super) short: Option<(Peer, ShortBlock)>,
    /// Who has the block, in the order in which they said so.
    pub(super) announcers: Vec<Peer>,
    /// On whose account it is, and its number among all.
    owner: Peer,
    number: u64,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Owner {
    ids: BTreeSet<(u64, BlockId)>,
    bytes: usize,
}

/// The bounds of what is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AnnouncedLimits {
    /// Headers of one announcer.
    pub(super) per_peer: usize,
    /// Bytes of these, with their short lists.
    pub(super) bytes_per_peer: usize,
    /// Bytes of all. Over it, the announcer with the most loses its oldest.
    pub(super) bytes: usize,
}

/// Announced headers, by id. Each is on the account of who announced it first, so that nobody can push
/// out what others announced by announcing much.
#[derive(Debug)]
pub(super) struct Announced {
    check: HeaderCheck,
    limits: AnnouncedLimits,
    by_id: BTreeMap<BlockId, Announcement>,
    owners: BTreeMap<Peer, Owner>,
    bytes: usize,
    next: u64,
}

impl Announced {
    pub(super) const fn new(check: HeaderCheck, limits: AnnouncedLimits) -> Self {
        Self {
            check,
            limits,
            by_id: BTreeMap::new(),
            owners: BTreeMap::new(),
            bytes: 0,
            next: 0,
        }
    }

    pub(super) fn get(&self, id: &BlockId) -> Option<&Announcement> {
        self.by_id.get(id)
    }

    /// A peer says that it has the block of this header.
    pub(super) fn note(
        &mut self,
        from: Peer,
        id: BlockId,
        header: &Envelope<Header>,
        short: Option<&ShortBlock>,
    ) {
        let Some(mut known) = self.remove(&id) else {
            return self.insert(id, from, header, short);
        };
        if known.header != *header && !self.check.is_well_signed(&known.header) {
            // The id does not cover the signature: who was first must not keep the true one out.
            return self.insert(id, from, header, short);
        }
        if !known.announcers.contains(&from) && known.announcers.len() < MAX_ANNOUNCERS {
            known.announcers.push(from);
        }
        if let (None, Some(short)) = (&known.short, short) {
            known.bytes = known.bytes.saturating_add(short.encoded_len());
            known.short = Some((from, short.clone()));
        }
        self.put(id, known);
    }

    fn insert(
        &mut self,
        id: BlockId,
        from: Peer,
        header: &Envelope<Header>,
        short: Option<&ShortBlock>,
    ) {
        let number = self.next;
        self.next = number.saturating_add(1);
        let short_bytes = short.map_or(0, Encode::encoded_len);
        let announcement = Announcement {
            bytes: header.encoded_len().saturating_add(short_bytes),
            header: header.clone(),
            from,
            short: short.map(|short| (from, short.clone())),
            announcers: vec![from],
            owner: from,
            number,
        };
        self.put(id, announcement);
    }

    fn put(&mut self, id: BlockId, announcement: Announcement) {
        let Announcement {
            owner,
            number,
            bytes,
            ..
        } = announcement;
        let account = self.owners.entry(owner).or_default();
        account.ids.insert((number, id));
        account.bytes = account.bytes.saturating_add(bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        self.by_id.insert(id, announcement);
        self.make_room(owner);
    }

    fn make_room(&mut self, owner: Peer) {
        while let Some(account) = self.owners.get(&owner)
            && (account.ids.len() > self.limits.per_peer
                || account.bytes > self.limits.bytes_per_peer)
        {
            self.drop_oldest_of(owner);
        }
        while self.bytes > self.limits.bytes {
            let most = self.owners.iter().max_by_key(|(_, account)| account.bytes);
            let Some(most) = most.map(|(peer, _)| *peer) else {
                return;
            };
            self.drop_oldest_of(most);
        }
    }

    fn drop_oldest_of(&mut self, owner: Peer) {
        let account = self.owners.get(&owner);
        match account.and_then(|account| account.ids.first().copied()) {
            Some((_, id)) => {
                self.remove(&id);
            }
            None => {
                self.owners.remove(&owner);
            }
        }
    }

    pub(super) fn remove(&mut self, id: &BlockId) -> Option<Announcement> {
        let removed = self.by_id.remove(id)?;
        self.bytes = self.bytes.saturating_sub(removed.bytes);
        if let Some(account) = self.owners.get_mut(&removed.owner) {
            account.ids.remove(&(removed.number, *id));
            account.bytes = account.bytes.saturating_sub(removed.bytes);
            if account.ids.is_empty() {
                self.owners.remove(&removed.owner);
            }
        }
        Some(removed)
    }

    /// A peer is gone. What others announced too is on their account from now on.
    pub(super) fn forget_peer(&mut self, peer: Peer) {
        let concerned = self.by_id.iter();
        let concerned = concerned.filter(|(_, one)| one.announcers.contains(&peer));
        let concerned: Vec<BlockId> = concerned.map(|(id, _)| *id).collect();
        for id in concerned {
            let Some(mut left) = self.remove(&id) else {
                continue;
            };
            left.announcers.retain(|other| *other != peer);
            let Some(first) = left.announcers.first().copied() else {
                continue;
            };
            if left.owner == peer {
                left.owner = first;
            }
            self.put(id, left);
        }
    }

    #[cfg(test)]
    pub(super) fn len_and_bytes(&self) -> (usize, usize) {
        (self.by_id.len(), self.bytes)
    }
}

/// Tells whether headers are their producers'.
#[derive(Clone)]
pub(crate) struct HeaderCheck {
    chain_id: ChainId,
    verifier: Arc<dyn Verifier>,
}

impl HeaderCheck {
    /// For the headers of a chain.
    pub(crate) fn new(chain_id: ChainId, verifier: Arc<dyn Verifier>) -> Self {
        Self { chain_id, verifier }
    }

    /// Whether the signature of a header is its producer's.
    pub(super) fn is_well_signed(&self, header: &Envelope<Header>) -> bool {
        let entry = header.batch_entry(&self.chain_id);
        self.verifier.bad(&[entry]).is_empty()
    }
}

impl fmt::Debug for HeaderCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("HeaderCheck");
        shown
            .field("chain_id", &self.chain_id)
            .finish_non_exhaustive()
    }
}
