//! The steps of design 08 for one slot, in order.

use std::{sync::Arc, thread::JoinHandle};

use picot_clock::{Clock, Millis, Slot, SlotClock, SlotRange, Tick, Timestamp};
use picot_consensus::{BestParents, Consensus, ConsensusError};
use picot_models::{Address, Block, ChainParams};
use picot_selector::AddressDraw;

use crate::{
    BlockControl, Collaborators, Config, Duty, Event, FactoryError, Helper, HistoryEntry, LeftOut,
    MAX_MISSED_TICKS_TOLD, OurDraws, Part, Production, Skip, SkipReason, SlotGuard, Story,
    SwitchStore,
    assembly::{Assembler, OwnParent},
    run_on_ticks,
    schedule::Schedule,
    sealing::{Draft, Sealer},
};

/// Times that a block is built anew because its parent in its own thread changed.
const MAX_REBUILDS: u32 = 1;

/// Builds a block at each slot that one of our addresses may propose.
///
/// A state machine over the traits of the other parts: the loop gives it ticks, the simulator calls
/// it on virtual time.
pub struct BlockProducer {
    params: ChainParams,
    slot_clock: SlotClock,
    clock: Arc<dyn Clock>,
    guard: SlotGuard,
    production: Arc<Production>,
    control: Arc<BlockControl>,
    draws: OurDraws,
    parents: Helper<dyn Consensus>,
    assembler: Assembler,
    sealer: Sealer,
}

/// One of our addresses that may propose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Proposer {
    rank: u32,
    address: Address,
}

impl BlockProducer {
    /// A producer that has seen no slot.
    ///
    /// # Errors
    /// [`FactoryError::Params`].
    pub fn new(config: &Config, parts: &Collaborators) -> Result<Self, FactoryError> {
        let slot_clock = config.validate()?;
        let (clock, asking) = (&parts.clock, config.asking);
        let production = Arc::new(Production::new(
            "block-history",
            config.enabled,
            config.startup(),
            parts.connection.clone(),
            parts.history.clone(),
            clock.clone(),
            asking,
        ));
        let control = BlockControl::new(config, slot_clock, production.clone(), parts);
        Ok(Self {
            params: config.params.clone(),
            slot_clock,
            clock: clock.clone(),
            guard: SlotGuard::new(slot_clock),
            production,
            control: Arc::new(control),
            draws: OurDraws::new(
                Helper::new("addresses", parts.wallet.clone(), clock.clone(), asking),
                Helper::new("ranks", parts.selector.clone(), clock.clone(), asking),
            ),
            parents: Helper::new("parents", parts.consensus.clone(), clock.clone(), asking),
            assembler: Assembler::new(config, parts),
            sealer: Sealer::new(config, parts),
        })
    }

    /// Switches and questions of others, from any thread.
    #[must_use]
    pub fn control(&self) -> Arc<BlockControl> {
        self.control.clone()
    }

    /// From now on the switch is kept there over restarts: [`Production::keep_switch_in`].
    pub fn keep_switch_in(&self, store: Arc<dyn SwitchStore>) -> bool {
        self.production.keep_switch_in(store)
    }

    /// Takes ticks on a thread of its own until they end: design 08, "a thin loop that waits for the
    /// tick". The ticks are those at the starts of slots.
    ///
    /// # Errors
    /// [`FactoryError::Thread`].
    pub fn run<I>(mut self, ticks: I) -> Result<JoinHandle<()>, FactoryError>
    where
        I: IntoIterator<Item = Tick> + Send + 'static,
    {
        run_on_ticks("block-factory", ticks, move |tick| drop(self.step(tick)))
    }

    /// Does what is due at a tick, and tells and records it. It takes to the end of the slot at
    /// most, and as long again for a history log that is stuck.
    pub fn step(&mut self, tick: Tick) -> Vec<HistoryEntry> {
        let begin = self.clock.now();
        let is_new = self.guard.admit(tick.slot);
        let produced = if is_new {
            self.produce(tick.slot, begin)
        } else {
            Vec::new()
        };
        let mut entries = tick
            .skipped
            .map(|range| self.missed(range))
            .unwrap_or_default();
        entries.extend(produced);
        self.production.record(&entries, self.patience());
        entries
    }

    fn produce(&self, slot: Slot, begin: Timestamp) -> Vec<HistoryEntry> {
        let story = Story {
            slot,
            begin,
            clock: self.clock.as_ref(),
        };
        let (proposers, mut entries) = self.proposers(&story);
        if proposers.is_empty() {
            return entries;
        }
        let mut left_out = LeftOut::default();
        let results = match self.build(slot, &mut left_out) {
            Ok((draft, by)) => self.seal(&draft, &proposers, by, &left_out),
            Err(skip) => vec![(Err(skip), left_out); proposers.len()],
        };
        for (proposer, (result, left_out)) in proposers.iter().zip(results) {
            entries.push(story.of_proposer(*proposer, result, left_out));
        }
        entries
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How long the wallet and the selector may take to tell who may propose.
    fn patience(&self) -> Millis {
        Millis(self.params.production_deadline_ms())
    }
}

/// Who may propose.
impl BlockProducer {
    /// Best rank first, and what is to be told of those whose rank is not known.
    fn proposers(&self, story: &Story<'_>) -> (Vec<Proposer>, Vec<HistoryEntry>) {
        let by = later(self.now(), self.patience());
        let unknown = |address, skip| {
            let duty = Duty::Block { rank: None };
            story.line(address, duty, Event::Skipped(skip), LeftOut::default())
        };
        let addresses = match self.draws.addresses(by) {
            Ok(addresses) => addresses,
            Err(skip) => return (Vec::new(), vec![unknown(None, skip)]),
        };
        let ranks = self.ranks(story.slot, &addresses, by);
        let (mut proposers, mut entries) = (Vec::new(), Vec::new());
        for (address, rank) in addresses.into_iter().zip(ranks) {
            match rank {
                Ok(rank) => proposers.extend(self.proposer(address, rank)),
                Err(skip) => entries.push(unknown(Some(address), skip)),
            }
        }
        proposers.sort_by_key(|proposer| (proposer.rank, proposer.address));
        (proposers, entries)
    }

    fn ranks(
        &self,
        slot: Slot,
        addresses: &[Address],
        by: Timestamp,
    ) -> Vec<Result<Option<u32>, Skip>> {
        let asked = addresses.to_vec();
        let ranks = self.draws.ask(by, move |selector| {
            let rank = |address| selector.producer_rank(slot, address);
            asked.iter().map(rank).collect::<Vec<_>>()
        });
        let no_draws = |error| Skip::new(SkipReason::NoDraws, error);
        match ranks {
            Ok(ranks) => ranks
                .into_iter()
                .map(|rank| rank.map_err(no_draws))
                .collect(),
            Err(skip) => vec![Err(skip); addresses.len()],
        }
    }

    fn proposer(&self, address: Address, rank: Option<u32>) -> Option<Proposer> {
        let rank = rank.filter(|rank| self.params.proposal_policy.allows_rank(*rank))?;
        Some(Proposer { rank, address })
    }
}

/// From the parents to a draft.
impl BlockProducer {
    /// The draft, and when it must be signed and handed on.
    fn build(&self, slot: Slot, left_out: &mut LeftOut) -> Result<(Draft, Timestamp), Skip> {
        self.check_pause()?;
        let schedule = self.schedule(slot)?;
        let mut parents = self.first_parents(slot, &schedule)?;
        for _ in 0..=MAX_REBUILDS {
            let parent = self.own_parent(slot, &parents)?;
            let mut contents = self.assembler.assemble(slot, parent, &schedule);
            *left_out = std::mem::take(&mut contents.left_out);
            let fresh = self.fresh_parents(slot, parents.clone(), &schedule, left_out)?;
            if self.own_parent(slot, &fresh)? == parent {
                self.check_pause()?;
                let version = self.params.protocol_version;
                let draft = Draft::new(version, slot, fresh.ids(), contents);
                return Ok((draft, schedule.slot_end()));
            }
            if self.now() >= schedule.operations_by() {
                break;
            }
            parents = fresh;
        }
        let detail = "the parent in the own thread changed while the block was built";
        Err(Skip::new(SkipReason::ParentChanged, detail))
    }

    fn check_pause(&self) -> Result<(), Skip> {
        self.production.pause_reason().map_or(Ok(()), Err)
    }

    /// A slot whose successor in the same thread has begun is late in any case.
    fn schedule(&self, slot: Slot) -> Result<Schedule, Skip> {
        let (now, time) = (self.now(), Millis(self.params.production_deadline_ms()));
        Schedule::new(slot, now, &self.slot_clock, time)
            .filter(|_| !self.guard.has_successor_begun(slot, now))
            .ok_or_else(|| {
                Skip::new(
                    SkipReason::Late,
                    format_args!("begun at {now}, more than {time} late"),
                )
            })
    }

    /// Step 1. Consensus waits for the previous slot of the thread by itself; one share more is for
    /// its answer that the wait was in vain.
    fn first_parents(&self, slot: Slot, schedule: &Schedule) -> Result<BestParents, Skip> {
        let timeout = schedule
            .parents_by()
            .since(self.now())
            .unwrap_or(Millis::ZERO);
        let by = schedule.one_share_from(schedule.parents_by());
        let answer = self
            .parents
            .ask(by, move |consensus| consensus.best_parents(slot, timeout));
        match answer {
            Ok(parents) => {
                parents.map_err(|error| Skip::of_consensus(&error, SkipReason::ConsensusBehind))
            }
            Err(no_answer) => Err(Skip::no_answer(
                SkipReason::ConsensusBehind,
                "consensus",
                no_answer,
            )),
        }
    }

    /// The parents once more, just before signing. Those that were found first are still right if
    /// consensus does not answer: nothing decided is ever undone.
    fn fresh_parents(
        &self,
        slot: Slot,
        first: BestParents,
        schedule: &Schedule,
        left_out: &mut LeftOut,
    ) -> Result<BestParents, Skip> {
        let by = schedule.ready_by();
        let answer = self.parents.ask(by, move |consensus| {
            consensus.best_parents(slot, Millis::ZERO)
        });
        if let Ok(Err(error @ ConsensusError::AlreadyDecided { .. })) = answer {
            return Err(Skip::of_consensus(&error, SkipReason::Late));
        }
        Ok(left_out
            .succeeded(Part::FreshParents, answer)
            .unwrap_or(first))
    }

    fn own_parent(&self, slot: Slot, parents: &BestParents) -> Result<OwnParent, Skip> {
        let wrong = |what: &str| Skip::new(SkipReason::ConsensusBehind, what);
        if parents.parents.len() != usize::from(self.params.thread_count) {
            return Err(wrong("consensus gave parents of another number of threads"));
        }
        let mut all = (0..self.params.thread_count).filter_map(|thread| parents.in_thread(thread));
        let (id, parent_slot) = parents
            .in_thread(slot.thread)
            .filter(|_| all.all(|(_, parent_slot)| parent_slot < slot))
            .ok_or_else(|| wrong("consensus gave a parent that is not before the slot"))?;
        Ok(OwnParent {
            id,
            slot: parent_slot,
        })
    }
}

/// From a draft to blocks.
impl BlockProducer {
    fn seal(
        &self,
        draft: &Draft,
        proposers: &[Proposer],
        by: Timestamp,
        left_out: &LeftOut,
    ) -> Vec<(Result<Block, Skip>, LeftOut)> {
        let addresses: Vec<_> = proposers.iter().map(|proposer| proposer.address).collect();
        let signed = self.sealer.sign(draft, &addresses, by);
        signed
            .into_iter()
            .map(|block| {
                let mut left_out = left_out.clone();
                let handed_on = block.and_then(|block| {
                    self.sealer
                        .hand_on(block.clone(), by, &mut left_out)
                        .map(|()| block)
                });
                (handed_on, left_out)
            })
            .collect()
    }
}

/// Slots whose ticks were missed: told, never caught up on.
impl BlockProducer {
    fn missed(&self, range: SlotRange) -> Vec<HistoryEntry> {
        self.production.count_missed_ticks(&range);
        let Some(latest) = self.guard.latest_of(range, MAX_MISSED_TICKS_TOLD) else {
            return Vec::new();
        };
        let begin = self.now();
        let draws = self.draws.in_range(latest, later(begin, self.patience()));
        let entry = |(address, draw): (Address, AddressDraw)| {
            let proposer = self.proposer(address, draw.producer_rank)?;
            let story = Story {
                slot: draw.slot,
                begin,
                clock: self.clock.as_ref(),
            };
            let skip = Skip::new(SkipReason::Late, "its tick was missed");
            Some(story.of_proposer(proposer, Err(skip), LeftOut::default()))
        };
        draws.into_iter().filter_map(entry).collect()
    }
}

impl Story<'_> {
    fn of_proposer(
        &self,
        proposer: Proposer,
        result: Result<Block, Skip>,
        left_out: LeftOut,
    ) -> HistoryEntry {
        let event = match result {
            Ok(block) => Event::ProducedBlock(block.id()),
            Err(skip) => Event::Skipped(skip),
        };
        let duty = Duty::Block {
            rank: Some(proposer.rank),
        };
        self.line(Some(proposer.address), duty, event, left_out)
    }
}

fn later(now: Timestamp, by: Millis) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
