//! The steps of design 08 for the endorsement tick of one slot, in order.

use std::{sync::Arc, thread::JoinHandle};

use picot_block_factory::{
    Claim, Config, Duty, Event, FactoryError, Helper, HistoryEntry, LeftOut, MAX_MISSED_TICKS_TOLD,
    OurDraws, Production, Skip, SkipReason, SlotGuard, Story, SwitchStore, run_on_ticks,
    sign_claims,
};
use picot_clock::{Clock, Millis, Slot, SlotClock, SlotRange, Tick, Timestamp};
use picot_consensus::Consensus;
use picot_models::{
    Address, BlockId, ChainId, ChainParams, Endorsement, EndorsementId, SignedEndorsement,
};
use picot_selector::SlotDraws;
use picot_wallet::{ClaimKind, Wallet};

use crate::{Collaborators, EndorsementControl, delivery::Delivery};

/// Endorses the block of a slot for every index that is drawn for one of our addresses.
///
/// A state machine over the traits of the other parts: the loop gives it ticks, the simulator calls
/// it on virtual time.
pub struct EndorsementProducer {
    chain_id: ChainId,
    params: ChainParams,
    slot_clock: SlotClock,
    clock: Arc<dyn Clock>,
    guard: SlotGuard,
    production: Arc<Production>,
    control: Arc<EndorsementControl>,
    draws: OurDraws,
    blocks: Helper<dyn Consensus>,
    signing: Helper<dyn Wallet>,
    delivery: Delivery,
}

/// An index that is drawn for one of our addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Endorser {
    index: u32,
    address: Address,
}

impl EndorsementProducer {
    /// A producer that has seen no slot.
    ///
    /// # Errors
    /// [`FactoryError::Params`].
    pub fn new(config: &Config, parts: &Collaborators) -> Result<Self, FactoryError> {
        let slot_clock = config.validate()?;
        let (clock, asking) = (&parts.clock, config.asking);
        let production = Arc::new(Production::new(
            "endorsement-history",
            config.enabled,
            config.startup(),
            parts.connection.clone(),
            parts.history.clone(),
            clock.clone(),
            asking,
        ));
        let control = EndorsementControl::new(slot_clock, production.clone(), parts);
        Ok(Self {
            chain_id: config.chain_id,
            params: config.params.clone(),
            slot_clock,
            clock: clock.clone(),
            guard: SlotGuard::new(slot_clock),
            production,
            control: Arc::new(control),
            draws: OurDraws::new(
                Helper::new("addresses", parts.wallet.clone(), clock.clone(), asking),
                Helper::new("draws", parts.selector.clone(), clock.clone(), asking),
            ),
            blocks: Helper::new("blocks", parts.consensus.clone(), clock.clone(), asking),
            signing: Helper::new("signing", parts.wallet.clone(), clock.clone(), asking),
            delivery: Delivery::new(config, parts),
        })
    }

    /// Switches and questions of others, from any thread.
    #[must_use]
    pub fn control(&self) -> Arc<EndorsementControl> {
        self.control.clone()
    }

    /// From now on the switch is kept there over restarts: [`Production::keep_switch_in`].
    pub fn keep_switch_in(&self, store: Arc<dyn SwitchStore>) -> bool {
        self.production.keep_switch_in(store)
    }

    /// Takes ticks on a thread of its own until they end. The ticks are those at half a period
    /// after the starts of slots: a `Ticker` with the offset `SlotClock::endorsement_offset`.
    ///
    /// # Errors
    /// [`FactoryError::Thread`].
    pub fn run<I>(mut self, ticks: I) -> Result<JoinHandle<()>, FactoryError>
    where
        I: IntoIterator<Item = Tick> + Send + 'static,
    {
        run_on_ticks("endorsement-factory", ticks, move |tick| {
            drop(self.step(tick))
        })
    }

    /// Does what is due at a tick, and tells and records it. It takes to the next tick at most, and
    /// half as long again for a history log that is stuck.
    pub fn step(&mut self, tick: Tick) -> Vec<HistoryEntry> {
        let begin = self.clock.now();
        let is_new = self.guard.admit(tick.slot);
        let endorsed = if is_new {
            self.endorse(tick.slot, begin)
        } else {
            Vec::new()
        };
        let mut entries = tick
            .skipped
            .map(|range| self.missed(range))
            .unwrap_or_default();
        entries.extend(endorsed);
        self.production.record(&entries, self.patience());
        entries
    }

    fn endorse(&self, slot: Slot, begin: Timestamp) -> Vec<HistoryEntry> {
        let story = Story {
            slot,
            begin,
            clock: self.clock.as_ref(),
        };
        let by = self.deadline(slot, begin);
        let endorsers = match self.endorsers(&story, by) {
            Ok(endorsers) if endorsers.is_empty() => return Vec::new(),
            Ok(endorsers) => endorsers,
            Err(entries) => return entries,
        };
        let results = match self.block_to_endorse(slot, by) {
            Ok(block) => self.sign(slot, block, &endorsers, by),
            Err(skip) => vec![Err(skip); endorsers.len()],
        };
        let signed: Vec<_> = results.iter().flatten().cloned().collect();
        let left_out = if signed.is_empty() {
            Vec::new()
        } else {
            self.delivery.hand_on(&signed, by)
        };
        let mut left_out = left_out.into_iter();
        let entry = |(endorser, result): (&Endorser, Result<Arc<SignedEndorsement>, Skip>)| {
            let (event, left_out) = match result {
                Ok(endorsement) => {
                    let event = Event::ProducedEndorsement {
                        id: endorsement.id(),
                        block: endorsement.content().block,
                    };
                    (event, left_out.next().unwrap_or_default())
                }
                Err(skip) => (Event::Skipped(skip), LeftOut::default()),
            };
            story.line(Some(endorser.address), endorser.duty(), event, left_out)
        };
        endorsers.iter().zip(results).map(entry).collect()
    }

    /// The next tick, but no later than when the next block of the thread is built, which is what
    /// the endorsements are for.
    fn deadline(&self, slot: Slot, begin: Timestamp) -> Timestamp {
        let next_tick = begin
            .checked_add(self.slot_clock.slot_length())
            .unwrap_or(Timestamp::MAX);
        let successor = slot
            .next_in_thread()
            .and_then(|next| self.slot_clock.start_of(next));
        successor.map_or(next_tick, |start| start.min(next_tick))
    }

    /// How long the history log, and the selector about missed ticks, may take.
    fn patience(&self) -> Millis {
        self.slot_clock
            .slot_length()
            .checked_div(2)
            .unwrap_or(Millis::ZERO)
    }
}

/// Steps 1 to 3.
impl EndorsementProducer {
    /// The indices that are drawn for our addresses, ascending, or what is to be told if the draws
    /// are not known.
    fn endorsers(
        &self,
        story: &Story<'_>,
        by: Timestamp,
    ) -> Result<Vec<Endorser>, Vec<HistoryEntry>> {
        let unknown = |address, skip| {
            let duty = Duty::Endorsement { index: None };
            story.line(address, duty, Event::Skipped(skip), LeftOut::default())
        };
        // Whoever is late must still tell for whom, so these two may take their time.
        let by = by.max(self.clock.now().checked_add(self.patience()).unwrap_or(by));
        let addresses = self
            .draws
            .addresses(by)
            .map_err(|skip| vec![unknown(None, skip)])?;
        if addresses.is_empty() {
            return Ok(Vec::new());
        }
        let slot = story.slot;
        let draws = self
            .draws
            .ask(by, move |selector| selector.draws(slot))
            .and_then(|draws| draws.map_err(|error| Skip::new(SkipReason::NoDraws, error)))
            .and_then(|draws| of_slot(slot, draws));
        let draws = draws.map_err(|skip| {
            addresses
                .iter()
                .map(|address| unknown(Some(*address), skip.clone()))
                .collect::<Vec<_>>()
        })?;
        let drawn = |(index, address): (u32, &Address)| {
            addresses.contains(address).then_some(Endorser {
                index,
                address: *address,
            })
        };
        Ok((0..self.params.endorsement_count)
            .zip(&draws.endorsers)
            .filter_map(drawn)
            .collect())
    }

    fn block_to_endorse(&self, slot: Slot, by: Timestamp) -> Result<BlockId, Skip> {
        self.check_pause()?;
        let now = self.clock.now();
        if self.guard.has_successor_begun(slot, now) {
            let detail = format_args!("at {now} the next slot of the thread has begun");
            return Err(Skip::new(SkipReason::Late, detail));
        }
        match self
            .blocks
            .ask(by, move |consensus| consensus.blockclique_block(slot))
        {
            Ok(Ok(Some(block))) => Ok(block),
            Ok(Ok(None)) => Err(Skip::new(
                SkipReason::NoBlock,
                "the blockclique has none there",
            )),
            Ok(Err(error)) => Err(Skip::of_consensus(&error, SkipReason::ConsensusBehind)),
            Err(no_answer) => Err(Skip::no_answer(
                SkipReason::ConsensusBehind,
                "consensus",
                no_answer,
            )),
        }
    }

    fn sign(
        &self,
        slot: Slot,
        block: BlockId,
        endorsers: &[Endorser],
        by: Timestamp,
    ) -> Vec<Result<Arc<SignedEndorsement>, Skip>> {
        let claim = |endorser: &Endorser| Claim {
            address: endorser.address,
            kind: ClaimKind::Endorsement,
            slot,
            round: endorser.index,
            content: Endorsement {
                slot,
                index: endorser.index,
                block,
            },
        };
        let (claims, chain_id) = (endorsers.iter().map(claim).collect(), self.chain_id);
        let signed = self.check_pause().and_then(|()| {
            let answer = self.signing.ask(by, move |wallet| {
                sign_claims(wallet, claims, EndorsementId::as_hash, &chain_id)
            });
            answer.map_err(|no_answer| {
                Skip::no_answer(SkipReason::SigningFailed, "wallet", no_answer)
            })
        });
        match signed {
            Ok(signed) => signed.into_iter().map(|one| one.map(Arc::new)).collect(),
            Err(skip) => vec![Err(skip); endorsers.len()],
        }
    }

    fn check_pause(&self) -> Result<(), Skip> {
        self.production.pause_reason().map_or(Ok(()), Err)
    }
}

/// The draws, if they are those that were asked for.
fn of_slot(slot: Slot, draws: Arc<SlotDraws>) -> Result<Arc<SlotDraws>, Skip> {
    if draws.slot == slot {
        return Ok(draws);
    }
    let detail = format_args!("the selector gave those of slot {}", draws.slot);
    Err(Skip::new(SkipReason::NoDraws, detail))
}

/// Slots whose ticks were missed: told, never caught up on.
impl EndorsementProducer {
    fn missed(&self, range: SlotRange) -> Vec<HistoryEntry> {
        self.production.count_missed_ticks(&range);
        let Some(latest) = self.guard.latest_of(range, MAX_MISSED_TICKS_TOLD) else {
            return Vec::new();
        };
        let begin = self.clock.now();
        let by = begin.checked_add(self.patience()).unwrap_or(begin);
        let mut entries = Vec::new();
        for (address, draw) in self.draws.in_range(latest, by) {
            let story = Story {
                slot: draw.slot,
                begin,
                clock: self.clock.as_ref(),
            };
            for index in draw.endorser_indices {
                let skip = Skip::new(SkipReason::Late, "its tick was missed");
                let (event, duty) = (Event::Skipped(skip), Endorser { index, address }.duty());
                entries.push(story.line(Some(address), duty, event, LeftOut::default()));
            }
        }
        entries
    }
}

impl Endorser {
    const fn duty(&self) -> Duty {
        Duty::Endorsement {
            index: Some(self.index),
        }
    }
}

#[cfg(test)]
mod tests;
