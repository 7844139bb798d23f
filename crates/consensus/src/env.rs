//! What every part of the engine may read, and where it puts what is to be done.

use crate::canonical_rule::CanonicalRule;
use crate::planted::Planted;
use crate::timers::after;
use crate::{Config, Output, Peer, PeerFault, ThreadChain, Timers, Unsigned, Verifier};
use picot_clock::{Millis, SlotClock, Timestamp};
use picot_crypto::BatchEntry;
use picot_models::{
    Address, Block, Denunciation, Envelope, PublicKey, SignedProposal, SignedVote, Slot,
    ValidatorSet, Vote,
};
use picot_selector::Selector;
use picot_storage::Decided;
use picot_wallet::SignRequest;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is the same for all threads.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) clock: SlotClock,
    pub(crate) timers: Timers,
    pub(crate) selector: Arc<dyn Selector>,
    pub(crate) rule: Box<dyn CanonicalRule>,
    pub(crate) verifier: Box<dyn Verifier>,
    /// The validator sets of the cycles that are ready.
    pub(crate) cycles: BTreeMap<u64, Arc<ValidatorSet>>,
    /// The keys to vote with.
    pub(crate) keys: BTreeMap<Address, PublicKey>,
    /// Keys that were seen in use elsewhere.
    pub(crate) held_keys: BTreeSet<Address>,
    /// What our keys signed for undecided slots before this start.
    pub(crate) restored: BTreeMap<Slot, Vec<SignRequest>>,
    /// When the start-up wait ends, in which nothing is signed: it begins again while this node
    /// catches up.
    pub(crate) signs_from: Timestamp,
    /// By how much the clock was set back since the start.
    pub(crate) set_back: Millis,
    pub(crate) planted: Planted,
}

impl Shared {
    /// The validator set of a slot's cycle, once its draws are known.
    pub(crate) fn validators_of(&self, slot: Slot) -> Option<&Arc<ValidatorSet>> {
        self.cycles.get(&self.cycle_of(slot)?)
    }

    pub(crate) fn cycle_of(&self, slot: Slot) -> Option<u64> {
        slot.cycle(self.config.params.periods_per_cycle).ok()
    }

    /// The time by which waits run: the clock's, and what it was set back by.
    pub(crate) fn running(&self, clock: Timestamp) -> Timestamp {
        after(clock, self.set_back)
    }

    /// What the clock shows at a time of [`running`](Self::running).
    pub(crate) fn shown(&self, running: Timestamp) -> Timestamp {
        running
            .checked_sub(self.set_back)
            .unwrap_or(Timestamp::EPOCH)
    }

    pub(crate) fn is_valid(&self, entry: BatchEntry) -> bool {
        self.verifier.bad(&[entry]).is_empty()
    }

    pub(crate) fn is_vote_valid(&self, vote: &Envelope<Vote>) -> bool {
        self.is_valid(vote.batch_entry(&self.config.chain_id))
    }
}

/// What a step may read.
#[derive(Clone, Copy)]
pub(crate) struct Env<'a> {
    /// Never goes back: see [`Shared::running`].
    pub(crate) now: Timestamp,
    pub(crate) shared: &'a Shared,
    pub(crate) chains: &'a [ThreadChain],
    /// Whether anything may be signed in the thread at hand.
    pub(crate) may_sign: bool,
}

impl Env<'_> {
    /// What the clock shows: slots begin by it. Waits run by [`now`](Self::now).
    pub(crate) fn clock_time(&self) -> Timestamp {
        self.shared.shown(self.now)
    }

    pub(crate) fn may_sign_with(&self, address: &Address) -> bool {
        self.may_sign
            && self.shared.keys.contains_key(address)
            && !self.shared.held_keys.contains(address)
    }

    pub(crate) fn chain(&self, thread: u8) -> Option<&ThreadChain> {
        self.chains.get(usize::from(thread))
    }
}

/// What is to be done, gathered over a step so that one sync serves all that waits for one.
#[derive(Default)]
pub(crate) struct Outbox {
    others: Vec<Output>,
    store: Vec<Block>,
    sign: Vec<Unsigned>,
    decided: Vec<Decided>,
    candidates_changed: bool,
    /// Our keys that were seen in use elsewhere.
    pub(crate) foreign: Vec<Address>,
    pub(crate) bad_signatures: u64,
    pub(crate) faults: u64,
}

impl Outbox {
    pub(crate) fn push(&mut self, output: Output) {
        self.others.push(output);
    }

    pub(crate) fn store(&mut self, block: Block) {
        self.store.push(block);
    }

    pub(crate) fn sign(&mut self, unsigned: Unsigned) {
        self.sign.push(unsigned);
    }

    pub(crate) fn decide(&mut self, decided: Decided) {
        self.decided.push(decided);
    }

    pub(crate) fn candidates_changed(&mut self) {
        self.candidates_changed = true;
    }

    pub(crate) fn blame(&mut self, peer: Option<Peer>, fault: PeerFault) {
        if fault == PeerFault::BadSignature {
            self.bad_signatures = self.bad_signatures.saturating_add(1);
        }
        if let Some(peer) = peer {
            self.others.push(Output::Blame { peer, fault });
        }
    }

    pub(crate) fn blame_all(&mut self, peers: Vec<Peer>) {
        for peer in peers {
            self.blame(Some(peer), PeerFault::BadSignature);
        }
    }

    pub(crate) fn evidence(&mut self, denunciation: Option<Denunciation>) {
        if let Some(denunciation) = denunciation {
            self.faults = self.faults.saturating_add(1);
            let key = denunciation.fault_key();
            self.push(Output::Event(crate::ConsensusEvent::Fault(key)));
            self.push(Output::Evidence(Arc::new(denunciation)));
        }
    }

    /// Everything, what must be durable first.
    pub(crate) fn into_outputs(self) -> Vec<Output> {
        let mut outputs = Vec::with_capacity(self.others.len().saturating_add(4));
        if !self.store.is_empty() {
            outputs.push(Output::StoreCandidates(self.store));
        }
        if !self.decided.is_empty() {
            outputs.push(Output::StoreDecided(self.decided));
        }
        if !self.sign.is_empty() {
            outputs.push(Output::Sign(self.sign));
        }
        outputs.extend(self.others);
        if self.candidates_changed {
            outputs.push(Output::CandidatesChanged);
        }
        outputs
    }
}

/// What our wallet signed.
pub(crate) enum OwnSigned {
    Vote(SignedVote),
    Proposal(SignedProposal),
}
