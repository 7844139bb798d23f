//! What goes into a block: design 08, steps 2 to 5. Each part is asked within its share of the one
//! deadline and left out if it does not answer.

mod ancestors;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use parking_lot::Mutex;
use picot_clock::{Clock, Slot, Timestamp};
use picot_execution::{Execution, Level};
use picot_models::limits::MAX_DENUNCIATION_BYTES;
use picot_models::{
    Address, Amount, BlockId, ChainId, ChainParams, Denunciation, Endorsement, Envelope,
    OperationId, SignedEndorsement, SignedOperation,
};
use picot_pool::Pool;
use picot_selector::{Selector, SelectorError, SlotDraws};
use picot_serialization::Encode;
use picot_storage::Storage;

use crate::{
    Collaborators, Config, Helper, LeftOut, Part,
    packing::{Packing, not_seen_before},
    schedule::Schedule,
};
use ancestors::Ancestors;

/// The block that a new one follows in its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnParent {
    pub(crate) id: BlockId,
    pub(crate) slot: Slot,
}

/// What goes into a block besides its parents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) endorsements: Vec<Envelope<Endorsement>>,
    pub(crate) operations: Vec<Arc<SignedOperation>>,
    pub(crate) denunciations: Vec<Denunciation>,
    pub(crate) left_out: LeftOut,
}

/// Asks the parts. One helper for each kind of question, so that the pool can be stuck over
/// endorsements and still give operations.
pub(crate) struct Assembler {
    chain_id: ChainId,
    params: ChainParams,
    clock: Arc<dyn Clock>,
    endorsements: Helper<dyn Pool>,
    endorsers: Helper<dyn Selector>,
    executed: Helper<dyn Execution>,
    ancestors: Helper<dyn Storage>,
    batches: Helper<dyn Pool>,
    balances: Helper<dyn Execution>,
    denunciations: Helper<dyn Pool>,
}

impl Assembler {
    pub(crate) fn new(config: &Config, parts: &Collaborators) -> Self {
        let (clock, asking) = (&parts.clock, config.asking);
        Self {
            chain_id: config.chain_id,
            params: config.params.clone(),
            clock: clock.clone(),
            endorsements: Helper::new("endorsements", parts.pool.clone(), clock.clone(), asking),
            endorsers: Helper::new("endorsers", parts.selector.clone(), clock.clone(), asking),
            executed: Helper::new("executed", parts.execution.clone(), clock.clone(), asking),
            ancestors: Helper::new("ancestors", parts.storage.clone(), clock.clone(), asking),
            batches: Helper::new("batches", parts.pool.clone(), clock.clone(), asking),
            balances: Helper::new("balances", parts.execution.clone(), clock.clone(), asking),
            denunciations: Helper::new("denunciations", parts.pool.clone(), clock.clone(), asking),
        }
    }

    pub(crate) fn assemble(&self, slot: Slot, parent: OwnParent, schedule: &Schedule) -> Contents {
        let mut left_out = LeftOut::default();
        let endorsements = if self.params.may_carry_endorsements(parent.slot, slot) {
            self.endorsements_of(parent, schedule, &mut left_out)
        } else {
            Vec::new()
        };
        let operations = self.operations(slot, parent, schedule, &mut left_out);
        let denunciations = self.denunciations(slot, schedule, &mut left_out);
        Contents {
            endorsements,
            operations,
            denunciations,
            left_out,
        }
    }

    fn one_share(&self, schedule: &Schedule) -> Timestamp {
        schedule.one_share_from(self.clock.now())
    }
}

/// Step 2: endorsements of the parent, verified against the draws.
impl Assembler {
    fn endorsements_of(
        &self,
        parent: OwnParent,
        schedule: &Schedule,
        left_out: &mut LeftOut,
    ) -> Vec<Envelope<Endorsement>> {
        let by = self.one_share(schedule);
        let answer = self.endorsements.ask(by, move |pool| {
            pool.endorsements_for(&parent.id, parent.slot)
        });
        let offered = left_out.heard(Part::Endorsements, answer);
        let Some(offered) = offered.filter(|offered| offered.iter().any(Option::is_some)) else {
            return Vec::new();
        };
        let draws = self
            .endorsers
            .ask(by, move |selector| selector.draws(parent.slot))
            .map(|draws| of_slot(parent.slot, draws));
        let draws = left_out.succeeded(Part::Endorsements, draws);
        draws
            .map(|draws| self.drawn_only(parent, &offered, &draws))
            .unwrap_or_default()
    }

    /// By ascending index and one for each at most, since each has its place in both lists.
    fn drawn_only(
        &self,
        parent: OwnParent,
        offered: &[Option<Arc<SignedEndorsement>>],
        draws: &SlotDraws,
    ) -> Vec<Envelope<Endorsement>> {
        (0..self.params.endorsement_count)
            .zip(offered.iter().zip(&draws.endorsers))
            .filter_map(|(index, (endorsement, endorser))| {
                let endorsement = endorsement.as_ref()?;
                let wanted = Endorsement {
                    slot: parent.slot,
                    index,
                    block: parent.id,
                };
                let is_drawn = *endorsement.content() == wanted
                    && endorsement.signer_address() == *endorser
                    && endorsement.envelope().id(&self.chain_id) == endorsement.id()
                    && endorsement.verify().is_ok();
                is_drawn.then(|| endorsement.envelope().clone())
            })
            .collect()
    }
}

/// The draws, if they are those that were asked for.
fn of_slot(
    slot: Slot,
    draws: Result<Arc<SlotDraws>, SelectorError>,
) -> Result<Arc<SlotDraws>, String> {
    let draws = draws.map_err(|error| error.to_string())?;
    if draws.slot == slot {
        return Ok(draws);
    }
    Err(format!(
        "the selector gave the draws of slot {}",
        draws.slot
    ))
}

/// Steps 3 and 4: operations.
impl Assembler {
    fn operations(
        &self,
        slot: Slot,
        parent: OwnParent,
        schedule: &Schedule,
        left_out: &mut LeftOut,
    ) -> Vec<Arc<SignedOperation>> {
        // Without this list an operation could be included a second time, which makes the block
        // invalid: better a block without operations.
        let Some(excluded) = self.executed_operations(slot, parent, schedule, left_out) else {
            return Vec::new();
        };
        self.pack(slot, excluded, schedule.operations_by(), left_out)
    }

    /// What is in the thread's chain within the validity window: what execution knows, and what
    /// the decided blocks carry that execution has not come to yet.
    fn executed_operations(
        &self,
        slot: Slot,
        parent: OwnParent,
        schedule: &Schedule,
        left_out: &mut LeftOut,
    ) -> Option<BTreeSet<OperationId>> {
        let by = self.one_share(schedule);
        let answer = self.executed.ask(by, move |execution| {
            // In this order: what becomes final in between is then in the list.
            let last_final_slot = execution.summary().last_final_slot;
            execution
                .executed_operations(slot.thread)
                .map(|executed| (last_final_slot, executed))
        });
        let (last_final_slot, mut executed) =
            left_out.succeeded(Part::ExecutedOperations, answer)?;
        let ancestors = Ancestors {
            parent,
            oldest_period: slot
                .period
                .saturating_sub(self.params.operation_validity_periods),
            last_final_slot,
        };
        if ancestors.are_needed() {
            let answer = self
                .ancestors
                .ask(by, move |storage| ancestors.operations(storage));
            executed.extend(left_out.succeeded(Part::ExecutedOperations, answer)?);
        }
        Some(executed)
    }

    fn pack(
        &self,
        slot: Slot,
        mut excluded: BTreeSet<OperationId>,
        by: Timestamp,
        left_out: &mut LeftOut,
    ) -> Vec<Arc<SignedOperation>> {
        let mut packing = Packing::new(slot, &self.params);
        while !packing.is_full() {
            let room = packing.remaining();
            let answer = self.batches.ask(by, move |pool| {
                let batch = pool.batch(slot, room.gas, room.space, &excluded);
                (batch, excluded)
            });
            let Some((batch, seen)) = left_out.heard(Part::Operations, answer) else {
                break;
            };
            excluded = seen;
            let batch = not_seen_before(batch, &mut excluded);
            if batch.is_empty() {
                break;
            }
            self.ask_balances(&mut packing, &batch, by, left_out);
            packing.offer(batch);
        }
        packing.into_operations()
    }

    /// One question for all senders of a batch, since a question has its price; but each balance
    /// that is found in time counts, also if a later one is slow.
    fn ask_balances(
        &self,
        packing: &mut Packing<'_>,
        batch: &[Arc<SignedOperation>],
        by: Timestamp,
        left_out: &mut LeftOut,
    ) {
        let senders = packing.unknown_senders(batch);
        if senders.is_empty() {
            return;
        }
        let found = Arc::new(Mutex::new(Vec::with_capacity(senders.len())));
        let (place, clock) = (found.clone(), self.clock.clone());
        let answer = self.balances.ask(by, move |execution| {
            let in_time = senders.iter().take_while(|_| clock.now() < by);
            let mut asked = 0_usize;
            for sender in in_time {
                let balance = candidate_balance(execution, sender)?;
                place.lock().push((*sender, balance));
                asked = asked.saturating_add(1);
            }
            if asked == senders.len() {
                Ok(())
            } else {
                Err("no time for all of them".to_owned())
            }
        });
        left_out.succeeded(Part::Balances, answer);
        packing.add_balances(std::mem::take(&mut *found.lock()));
    }
}

/// An address without an entry has nothing to spend.
fn candidate_balance(execution: &dyn Execution, sender: &Address) -> Result<Amount, String> {
    let balance = execution.balance(Level::Candidate, sender);
    balance
        .map(Option::unwrap_or_default)
        .map_err(|error| format!("{sender}: {error}"))
}

/// Step 5: denunciations.
impl Assembler {
    fn denunciations(
        &self,
        slot: Slot,
        schedule: &Schedule,
        left_out: &mut LeftOut,
    ) -> Vec<Denunciation> {
        let by = schedule.denunciations_by();
        let answer = self
            .denunciations
            .ask(by, move |pool| pool.denunciations_for(slot));
        let offered = left_out
            .heard(Part::Denunciations, answer)
            .unwrap_or_default();
        let max = usize::try_from(self.params.max_denunciations_per_block).unwrap_or(usize::MAX);
        let mut left = MAX_DENUNCIATION_BYTES;
        let ascending: BTreeMap<_, _> = offered
            .into_iter()
            .filter(|denunciation| self.is_punishable(denunciation, slot))
            .map(|denunciation| (denunciation.id(&self.chain_id), denunciation))
            // What is too large for the header waits for another block.
            .filter(|(_, it)| match left.checked_sub(it.encoded_len()) {
                Some(rest) => {
                    left = rest;
                    true
                }
                None => false,
            })
            .take(max)
            .collect();
        ascending.into_values().map(Arc::unwrap_or_clone).collect()
    }

    fn is_punishable(&self, denunciation: &Denunciation, slot: Slot) -> bool {
        let fault = denunciation.slot();
        let age = slot.period.checked_sub(fault.period);
        fault < slot
            && age.is_some_and(|age| age <= self.params.denunciation_expire_periods)
            && denunciation.check_contradiction().is_ok()
    }
}
