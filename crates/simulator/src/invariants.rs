//! What must hold after every event (design 12).

use displaydoc::Display;
use picot_consensus::{BatchVerifier, Verifier};
use picot_execution::ExecutionSummary;
use picot_models::{
    Address, Amount, Block, BlockId, ChainId, Checkpoint, Denunciation, FaultKey, Genesis, Hash,
    OperationId, Slot, ValidatorSet, Value,
};
use picot_protocol::{Lane, PeerInfo, PeersConfig};
use picot_selector::Selector;
use picot_storage::Decided;
use picot_wallet::{ClaimKey, SignRequest};
use std::collections::{BTreeMap, BTreeSet};

/// Slots of a thread for which an engine may hold something: the open one, and two that are next.
const MAX_HELD_SLOTS_PER_THREAD: usize = 3;

/// An invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Display)]
pub enum Invariant {
    /// agreement
    Agreement,
    /// decided blocks are valid
    Validity,
    /// decided blocks are available
    Availability,
    /// thread chains are linked
    Linked,
    /// states are equal at equal slots
    EqualStates,
    /// certified checkpoints are those of the state
    Checkpoints,
    /// draws are equal on all nodes
    EqualDraws,
    /// conservation of coins
    Conservation,
    /// stakes follow the rules
    Stakes,
    /// no honest key signs a contradiction
    HonestKeys,
    /// nobody honest is accused or blamed
    NoFalseAccusation,
    /// each provable fault is proven
    Evidence,
    /// everything is decided in time
    Liveness,
    /// memory is bounded
    BoundedMemory,
    /// a node goes on
    NodeGoesOn,
}

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Display)]
#[displaydoc("{invariant}: {detail}")]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// What was seen, and where.
    pub detail: String,
}

impl Violation {
    /// Of an invariant.
    pub fn new(invariant: Invariant, detail: impl Into<String>) -> Self {
        Self {
            invariant,
            detail: detail.into(),
        }
    }
}

/// Fails with what `detail` says if the condition does not hold.
fn hold(
    holds: bool,
    invariant: Invariant,
    detail: impl FnOnce() -> String,
) -> Result<(), Violation> {
    if holds {
        Ok(())
    } else {
        Err(Violation::new(invariant, detail()))
    }
}

/// What is known of the run as a whole, against which each node is checked.
pub(crate) struct Checker {
    genesis: Genesis,
    chain_id: ChainId,
    verify_signatures: bool,
    /// Past what the nodes know: a verifier that remembers the points of keys, and no verdicts.
    verifier: BatchVerifier,
    roll_price: Amount,
    /// Addresses of those who may do anything.
    byzantine: BTreeSet<Address>,
    /// What was decided, by slot.
    decided: BTreeMap<Slot, Value>,
    /// The place of each decided block.
    places: BTreeMap<BlockId, Slot>,
    /// By thread: the last decided block.
    last_block: Vec<BlockId>,
    /// By thread: the next period that nobody has decided.
    frontier: Vec<u64>,
    /// By node and thread: its next period.
    next: Vec<Vec<u64>>,
    /// Parents that were not decided by anybody when their child was.
    open_parents: BTreeMap<BlockId, (Slot, Slot)>,
    operations: BTreeSet<OperationId>,
    states: BTreeMap<Slot, Hash>,
    checkpoints: BTreeMap<Slot, Checkpoint>,
    /// By node: the ends of cycles of which it has told the certificate.
    certified_ends: Vec<BTreeSet<Slot>>,
    draws: BTreeMap<u64, (Hash, Vec<Address>)>,
    signed: BTreeMap<ClaimKey, Hash>,
    producers: BTreeMap<Slot, Address>,
    evidence: BTreeSet<Address>,
}

impl Checker {
    /// Before the first slot.
    #[must_use]
    pub(crate) fn new(
        genesis: &Genesis,
        nodes: usize,
        verify_signatures: bool,
        byzantine: BTreeSet<Address>,
    ) -> Self {
        let ids = genesis.block_ids();
        let places = (0_u8..)
            .zip(&ids)
            .map(|(thread, id)| (*id, Slot::new(0, thread)))
            .collect();
        Self {
            chain_id: genesis.chain_id(),
            verify_signatures,
            verifier: BatchVerifier::default(),
            roll_price: genesis.params.roll_price,
            byzantine,
            decided: BTreeMap::new(),
            places,
            frontier: vec![1; ids.len()],
            next: vec![vec![1; ids.len()]; nodes],
            last_block: ids,
            open_parents: BTreeMap::new(),
            operations: BTreeSet::new(),
            states: BTreeMap::new(),
            checkpoints: BTreeMap::new(),
            certified_ends: vec![BTreeSet::new(); nodes],
            draws: BTreeMap::new(),
            signed: BTreeMap::new(),
            producers: BTreeMap::new(),
            evidence: BTreeSet::new(),
            genesis: genesis.clone(),
        }
    }

    /// What was decided, by slot.
    #[must_use]
    pub(crate) const fn decided(&self) -> &BTreeMap<Slot, Value> {
        &self.decided
    }

    /// Who made each decided block.
    #[must_use]
    pub(crate) const fn producers(&self) -> &BTreeMap<Slot, Address> {
        &self.producers
    }

    /// Whose faults were proven.
    #[must_use]
    pub(crate) const fn evidence(&self) -> &BTreeSet<Address> {
        &self.evidence
    }

    /// The next period of a thread at a node.
    #[must_use]
    pub(crate) fn next_period(&self, node: usize, thread: u8) -> u64 {
        let of_node = self.next.get(node);
        let next = of_node.and_then(|next| next.get(usize::from(thread)));
        next.copied().unwrap_or(1)
    }

    /// A node goes on from a state that it received: these are the next periods of its threads.
    pub(crate) fn goes_on_from(&mut self, node: usize, next_periods: &[u64]) {
        let next = self.next.get_mut(node).into_iter().flatten();
        for (next, from) in next.zip(next_periods) {
            *next = (*next).max(*from);
        }
    }

    /// Whether a node has decided all but the last period of what anybody has.
    #[must_use]
    pub(crate) fn is_up_to_date(&self, node: usize) -> bool {
        let next = self.next.get(node).into_iter().flatten();
        next.zip(&self.frontier)
            .all(|(next, frontier)| next + 1 >= *frontier)
    }

    /// A node decided something, durably. True if it is the first to do so; then the block's
    /// availability is to be checked. `rank` gives the rank of a producer at the slot.
    ///
    /// # Errors
    /// Agreement, validity or the links of a chain are broken.
    pub(crate) fn on_decided(
        &mut self,
        node: usize,
        decided: &Decided,
        validators: &ValidatorSet,
        rank: impl FnOnce(&Address) -> Option<u32>,
    ) -> Result<bool, Violation> {
        let (slot, value) = (decided.slot(), decided.outcome.value());
        let thread = usize::from(slot.thread);
        let next = self
            .next
            .get_mut(node)
            .and_then(|next| next.get_mut(thread));
        if let Some(next) = next {
            hold(*next == slot.period, Invariant::Linked, || {
                format!("node {node} decides {slot}, its next period is {next}")
            })?;
            *next = decided.through() + 1;
        }
        if let Some(known) = self.decided.get(&slot) {
            hold(*known == value, Invariant::Agreement, || {
                format!("slot {slot}: node {node} decides {value}, another decided {known}")
            })?;
            return Ok(false);
        }
        let frontier = self.frontier.get(thread).copied().unwrap_or(0);
        hold(frontier == slot.period, Invariant::Agreement, || {
            format!(
                "node {node} decides {slot}, but thread {thread} is decided up to period \
                 {frontier} by a decision that node {node} does not have"
            )
        })?;
        self.decided.insert(slot, value);
        if let Some(frontier) = self.frontier.get_mut(thread) {
            *frontier = decided.through() + 1;
        }
        self.check_certificate(decided, validators)?;
        match (&decided.block, value.block()) {
            (Some(block), Some(id)) => {
                let rank = rank(&block.header.signer_address());
                self.check_block(block, id, slot, rank)?;
            }
            (None, None) => {}
            _ => {
                let detail = format!("node {node} decides {slot} as {value} without its body");
                return Err(Violation::new(Invariant::Availability, detail));
            }
        }
        Ok(true)
    }

    fn check_certificate(
        &self,
        decided: &Decided,
        validators: &ValidatorSet,
    ) -> Result<(), Violation> {
        let certificate = decided.outcome.certificate();
        certificate.check_power(validators).map_err(|error| {
            let detail = format!("the certificate of {}: {error}", decided.slot());
            Violation::new(Invariant::Validity, detail)
        })?;
        if self.verify_signatures {
            let bad = self
                .verifier
                .bad(&certificate.batch_entries(&self.chain_id));
            hold(bad.is_empty(), Invariant::Validity, || {
                format!("the certificate of {} has bad signatures", decided.slot())
            })?;
        }
        Ok(())
    }

    fn check_block(
        &mut self,
        block: &Block,
        id: BlockId,
        slot: Slot,
        rank: Option<u32>,
    ) -> Result<(), Violation> {
        let valid = |holds: bool, what: &str| {
            hold(holds, Invariant::Validity, || {
                format!("the block of {slot} {what}")
            })
        };
        let header = block.header.content();
        valid(block.id() == id && block.slot() == slot, "is another one")?;
        valid(block.matches_header(), "has another body")?;
        let policy = self.genesis.params.proposal_policy;
        let is_allowed = rank.is_some_and(|rank| policy.allows_rank(rank));
        valid(is_allowed, "is of a producer that may not propose")?;
        if self.verify_signatures {
            valid(block.header.verify().is_ok(), "is badly signed")?;
        }
        let own = header.parents.get(usize::from(slot.thread));
        let last = self.last_block.get_mut(usize::from(slot.thread));
        hold(own == last.as_deref(), Invariant::Linked, || {
            format!("the block of {slot} does not follow the last decided one of its thread")
        })?;
        if let Some(last) = last {
            *last = id;
        }
        self.check_parents(&header.parents, slot)?;
        for operation in &block.operations {
            let is_new = self.operations.insert(operation.id());
            hold(is_new, Invariant::Validity, || {
                format!("the block of {slot} has an operation again")
            })?;
        }
        self.producers.insert(slot, block.header.signer_address());
        self.places.insert(id, slot);
        if let Some((child, before)) = self.open_parents.remove(&id) {
            hold(slot < before, Invariant::Linked, || {
                format!("the block of {child} has a parent at {slot}")
            })?;
        }
        Ok(())
    }

    fn check_parents(&mut self, parents: &[BlockId], slot: Slot) -> Result<(), Violation> {
        for (thread, parent) in (0_u8..).zip(parents) {
            match self.places.get(parent) {
                Some(place) => hold(
                    place.thread == thread && *place < slot,
                    Invariant::Linked,
                    || format!("the block of {slot} has in thread {thread} a parent at {place}"),
                )?,
                None => {
                    self.open_parents.insert(*parent, (slot, slot));
                }
            }
        }
        Ok(())
    }

    /// Honest validators of more than a third of the stake hold a block.
    ///
    /// # Errors
    /// They do not.
    pub(crate) fn check_available(
        slot: Slot,
        held_by: u64,
        validators: &ValidatorSet,
    ) -> Result<(), Violation> {
        let third = validators.total_power() / 3;
        hold(held_by > third, Invariant::Availability, || {
            let all = validators.total_power();
            format!("the block of {slot} is held by honest power {held_by} of {all}")
        })
    }

    /// The state of a node after an event.
    ///
    /// # Errors
    /// Coins do not add up, or the state is not that of others.
    pub(crate) fn on_state(
        &mut self,
        node: usize,
        summary: &ExecutionSummary,
    ) -> Result<(), Violation> {
        let slot = summary.last_final_slot;
        let known = self.states.entry(slot).or_insert(summary.state_hash);
        hold(*known == summary.state_hash, Invariant::EqualStates, || {
            format!("node {node} has another state after {slot} than others")
        })?;
        let (held, supplied) = (
            summary.totals.held(self.roll_price),
            summary.totals.supplied(),
        );
        hold(held == supplied, Invariant::Conservation, || {
            format!("node {node} after {slot}: {held} are held, {supplied} should be")
        })
    }

    /// A node has a certificate.
    ///
    /// # Errors
    /// It is not of the state that nodes had, or not of the checkpoint that others have.
    pub(crate) fn on_certified(
        &mut self,
        node: usize,
        checkpoint: &Checkpoint,
    ) -> Result<(), Violation> {
        let slot = checkpoint.slot;
        let known = self.checkpoints.entry(slot);
        let known = known.or_insert_with(|| checkpoint.clone());
        let state = self.states.get(&slot);
        let is_of_state = state.is_none_or(|state| *state == checkpoint.state_hash);
        hold(
            known == checkpoint && is_of_state,
            Invariant::Checkpoints,
            || format!("node {node} certifies another checkpoint of {slot} than that of others"),
        )?;
        if self.genesis.params.ends_cycle(slot)
            && let Some(ends) = self.certified_ends.get_mut(node)
        {
            ends.insert(slot);
        }
        Ok(())
    }

    /// The ends of cycles before a period of which a node has not told the certificate.
    pub(crate) fn uncertified_ends(&self, node: usize, period: u64) -> Vec<Slot> {
        let params = &self.genesis.params;
        let end_of =
            |cycle| Slot::last_of_cycle(cycle, params.periods_per_cycle, params.thread_count).ok();
        let ends = (0..period / params.periods_per_cycle).filter_map(end_of);
        let told = self.certified_ends.get(node);
        ends.filter(|end| told.is_none_or(|told| !told.contains(end)))
            .collect()
    }

    /// The validators of a cycle and the ranking of its first slot, as a node draws them.
    ///
    /// # Errors
    /// They are not those of others.
    pub(crate) fn on_draws(
        &mut self,
        node: usize,
        cycle: u64,
        selector: &dyn Selector,
    ) -> Result<(), Violation> {
        let first = Slot::new(cycle * self.genesis.params.periods_per_cycle, 0);
        let (Ok(validators), Ok(ranking)) = (
            selector.voting_power(cycle),
            selector.producer_ranking(first, usize::MAX),
        ) else {
            return Ok(());
        };
        let draws = (validators.hash(), ranking);
        let known = self.draws.entry(cycle).or_insert_with(|| draws.clone());
        hold(*known == draws, Invariant::EqualDraws, || {
            format!("node {node} has other draws in cycle {cycle} than others")
        })
    }

    /// Signatures were made.
    ///
    /// # Errors
    /// One of an honest key contradicts an earlier one.
    pub(crate) fn on_signed(
        &mut self,
        node: usize,
        signed: &[SignRequest],
    ) -> Result<(), Violation> {
        for request in signed {
            if self.byzantine.contains(&request.address) {
                continue;
            }
            let key = request.key();
            let known = self.signed.entry(key).or_insert(request.id);
            hold(*known == request.id, Invariant::HonestKeys, || {
                let ClaimKey {
                    slot, kind, round, ..
                } = key;
                format!("node {node} signs a second {kind} of {slot}, round {round}")
            })?;
        }
        Ok(())
    }

    /// A fault was proven.
    ///
    /// # Errors
    /// It is that of an honest key, or it proves nothing.
    pub(crate) fn on_evidence(
        &mut self,
        node: usize,
        denunciation: &Denunciation,
        validators: &ValidatorSet,
    ) -> Result<(), Violation> {
        let fault = denunciation.fault_key();
        let is_bad = self.byzantine.contains(&fault.address);
        hold(is_bad, Invariant::NoFalseAccusation, || {
            let FaultKey {
                address,
                slot,
                kind,
            } = fault;
            format!("node {node} accuses honest {address} of {kind:?} at {slot}")
        })?;
        let proof = denunciation.verify(&self.chain_id, validators);
        hold(proof.is_ok(), Invariant::NoFalseAccusation, || {
            format!("node {node} makes evidence that proves nothing: {proof:?}")
        })?;
        self.evidence.insert(fault.address);
        Ok(())
    }

    /// What a node's protocol holds for all its peers.
    ///
    /// # Errors
    /// It is too much.
    pub(crate) fn check_queued(node: usize, queued: usize) -> Result<(), Violation> {
        let most = PeersConfig::default().max_queued_bytes;
        hold(queued <= most, Invariant::BoundedMemory, || {
            format!("{queued} bytes wait to leave node {node}, {most} are allowed")
        })
    }

    /// What a node's protocol holds for each of its peers.
    ///
    /// # Errors
    /// It is too much, or there are too many of them.
    pub(crate) fn check_peers(node: usize, peers: &[PeerInfo]) -> Result<(), Violation> {
        let config = PeersConfig::default();
        hold(
            peers.len() <= config.max_peers,
            Invariant::BoundedMemory,
            || format!("node {node} has {} peers", peers.len()),
        )?;
        for peer in peers {
            for lane in Lane::ALL {
                let queued = *peer.queued_bytes.get(lane);
                let most = config.lanes.get(lane).queue_bytes;
                hold(queued <= most, Invariant::BoundedMemory, || {
                    format!("{queued} bytes wait on one lane of node {node}, {most} are allowed")
                })?;
            }
        }
        Ok(())
    }

    /// How many slots an engine holds something of.
    ///
    /// # Errors
    /// Too many.
    pub(crate) fn on_held_slots(&self, node: usize, held: usize) -> Result<(), Violation> {
        let most = MAX_HELD_SLOTS_PER_THREAD * self.frontier.len();
        hold(held <= most, Invariant::BoundedMemory, || {
            format!("node {node} holds {held} slots, more than {most}")
        })
    }

    /// At the end: nothing is left open.
    ///
    /// # Errors
    /// A block has a parent that nobody decided.
    pub(crate) fn finish(&self) -> Result<(), Violation> {
        match self.open_parents.first_key_value() {
            Some((parent, (child, _))) => Err(Violation::new(
                Invariant::Linked,
                format!("the block of {child} has parent {parent}, which nobody decided"),
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimConfig;
    use picot_models::{Ballot, Certificate, Outcome, Signed, ThreadDigest, Vote};
    use std::sync::Arc;

    /// A decision of one validator alone.
    fn miss(slot: Slot, through: u64, genesis: &Genesis, validators: &ValidatorSet) -> Decided {
        let chain_id = genesis.chain_id();
        let content = Vote {
            version: 1,
            slot,
            round: 0,
            thread_digest: ThreadDigest::genesis(&chain_id, slot.thread),
            ballot: Ballot::Finalise {
                value: Value::Miss { through },
            },
        };
        let vote = Signed::sign(content, &SimConfig::key(0), &chain_id);
        let certificate = Certificate::from_votes([&vote], validators).unwrap();
        Decided {
            outcome: Arc::new(Outcome::new(certificate).unwrap()),
            block: None,
        }
    }

    fn world() -> (Genesis, ValidatorSet, Checker) {
        let genesis = SimConfig::new(1, 1).genesis();
        let validators = ValidatorSet::new(0, &genesis.roll_counts()).unwrap();
        let checker = Checker::new(&genesis, 2, true, BTreeSet::new());
        (genesis, validators, checker)
    }

    #[test]
    fn two_decisions_of_one_slot_break_agreement() {
        let (genesis, validators, mut checker) = world();
        let slot = Slot::new(1, 0);
        let decide = |through| miss(slot, through, &genesis, &validators);
        let first = checker.on_decided(0, &decide(1), &validators, |_| None);
        assert_eq!(first, Ok(true));
        let error = checker.on_decided(1, &decide(2), &validators, |_| None);
        assert_eq!(error.unwrap_err().invariant, Invariant::Agreement);
    }

    #[test]
    fn a_decision_after_a_gap_breaks_the_chain() {
        let (genesis, validators, mut checker) = world();
        let long = miss(Slot::new(1, 0), 3, &genesis, &validators);
        assert_eq!(
            checker.on_decided(0, &long, &validators, |_| None),
            Ok(true)
        );
        let ahead = miss(Slot::new(5, 0), 5, &genesis, &validators);
        let error = checker.on_decided(0, &ahead, &validators, |_| None);
        assert_eq!(error.unwrap_err().invariant, Invariant::Linked);
    }

    #[test]
    fn a_certificate_without_a_quorum_proves_nothing() {
        let (genesis, validators, mut checker) = world();
        let decided = miss(Slot::new(1, 0), 1, &genesis, &validators);
        let mut rolls = genesis.roll_counts();
        rolls.insert(SimConfig::address(1), 10);
        let more = ValidatorSet::new(0, &rolls).unwrap();
        let error = checker.on_decided(0, &decided, &more, |_| None);
        assert_eq!(error.unwrap_err().invariant, Invariant::Validity);
    }

    #[test]
    fn a_key_that_signs_two_contents_is_found_and_a_repeat_is_not() {
        let (_, _, mut checker) = world();
        let request = |byte| SignRequest {
            address: SimConfig::address(0),
            kind: picot_wallet::ClaimKind::Notarise,
            slot: Slot::new(1, 0),
            round: 0,
            id: Hash([byte; 32]),
            payload: Vec::new(),
        };
        assert_eq!(checker.on_signed(0, &[request(1), request(1)]), Ok(()));
        let error = checker.on_signed(0, &[request(2)]).unwrap_err();
        assert_eq!(error.invariant, Invariant::HonestKeys);
    }

    #[test]
    fn a_protocol_that_holds_more_than_its_bounds_is_found() {
        let most = PeersConfig::default().max_queued_bytes;
        assert!(Checker::check_queued(0, most).is_ok());
        let error = Checker::check_queued(0, most + 1).unwrap_err();
        assert_eq!(error.invariant, Invariant::BoundedMemory);
    }
}
