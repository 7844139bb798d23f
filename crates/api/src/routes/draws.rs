//! `GET /addresses/{address}/draws`: when an address is drawn, and what came of it.

use crate::extract::{PathParts, QueryParts};
use crate::interface::Interface;
use crate::limits::Shared;
use crate::problem::{Refusal, internal};
use crate::types::{Draw, DrawResult, DrawsResponse};
use crate::{ApiContext, Problem, ProblemCode};
use axum::Json;
use axum::extract::State;
use picot_clock::SlotRange;
use picot_consensus::SlotStatus;
use picot_models::{Address, Block, BlockId, Slot};
use picot_selector::{AddressDraw, SelectorError};
use serde::Deserialize;

/// Slots that one request may look at: past ones are read from the disk.
const MAX_SLOTS: u64 = 512;
/// Periods before and after now that are looked at unless told otherwise.
const PERIODS: u64 = 8;
/// Periods after a slot in which the next block of its thread is looked for.
const MAX_MISSES: u64 = 4;

/// Which slots: from the first on, before the second.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    from: Option<String>,
    to: Option<String>,
}

pub(crate) async fn read(
    State(shared): State<Shared>,
    PathParts(address): PathParts<String>,
    QueryParts(query): QueryParts<Query>,
) -> Result<Json<DrawsResponse>, Refusal> {
    let address: Address = super::parse("address", &address)?;
    let slot = |text: Option<String>| text.map(|text| super::parse("slot", &text)).transpose();
    let (from, to) = (slot(query.from)?, slot(query.to)?);
    let read = move |interface: &Interface| find(interface, address, from, to);
    shared.run(read).await.map(Json)
}

fn find(
    context: &ApiContext,
    address: Address,
    from: Option<Slot>,
    to: Option<Slot>,
) -> Result<DrawsResponse, Problem> {
    let range = range(context, from, to)?;
    let draws = context.selector.slots_of(&address, range);
    let draws = draws.map_err(|error| of_selector(&error))?;
    let draws: Result<Vec<_>, Problem> = draws
        .into_iter()
        .filter_map(|draw| describe(context, &address, draw).transpose())
        .collect();
    Ok(DrawsResponse {
        address,
        from: range.start(),
        to: range.end(),
        draws: draws?,
    })
}

/// What was asked for, as far as it is drawn and still known here.
fn range(context: &ApiContext, from: Option<Slot>, to: Option<Slot>) -> Result<SlotRange, Problem> {
    let wrong =
        |error: picot_clock::ClockError| Problem::of_error(ProblemCode::InvalidParameter, &error);
    let params = &context.genesis.params;
    let now = context.slot_clock.latest_slot_at(context.clock.now());
    let now = now.unwrap_or(Slot::GENESIS).period;
    let from = from.unwrap_or(Slot::new(now.saturating_sub(PERIODS), 0));
    let to = to.unwrap_or(Slot::new(now.saturating_add(PERIODS), 0));
    let known = context.selector.ready_cycles();
    let first_of = |cycle| Slot::first_of_cycle(cycle, params.periods_per_cycle).map_err(wrong);
    let (Some(first), Some(last)) = (known.first(), known.last()) else {
        let detail = "no draws are known yet";
        return Err(Problem::new(ProblemCode::NotYetKnown, detail));
    };
    let from = from.max(first_of(*first)?);
    let to = to.min(first_of(last.saturating_add(1))?).max(from);
    let range = SlotRange::new(from, to, params.thread_count).map_err(wrong)?;
    let slots = range.count_slots().map_err(wrong)?;
    if slots > MAX_SLOTS {
        let detail = format!("from {from} to {to} are {slots} slots, more than {MAX_SLOTS}");
        return Err(Problem::new(ProblemCode::InvalidParameter, detail));
    }
    Ok(range)
}

fn of_selector(error: &SelectorError) -> Problem {
    if error.is_not_known_yet() {
        return Problem::of_error(ProblemCode::NotYetKnown, error);
    }
    Problem::of_error(ProblemCode::InvalidParameter, error)
}

/// A draw by which the address may act, with what came of it; nothing of slots without a duty.
fn describe(
    context: &ApiContext,
    address: &Address,
    draw: AddressDraw,
) -> Result<Option<Draw>, Problem> {
    let AddressDraw {
        slot,
        producer_rank,
        endorser_indices,
    } = draw;
    let policy = context.genesis.params.proposal_policy;
    let rank = producer_rank.filter(|rank| policy.allows_rank(*rank));
    let has_duty = rank.is_some() || !endorser_indices.is_empty();
    let Some(start) = context.slot_clock.start_of(slot).ok() else {
        return Ok(None);
    };
    if slot.period == 0 || !has_duty {
        return Ok(None);
    }
    let result = result_of(context, address, slot)?;
    let block = match result {
        DrawResult::Produced { block } | DrawResult::OfAnother { block, .. } => Some(block),
        DrawResult::Undecided | DrawResult::Missed | DrawResult::NotKept => None,
    };
    let endorsed = match block {
        Some(_) if !endorser_indices.is_empty() => endorsed(context, slot, &endorser_indices)?,
        _ => None,
    };
    Ok(Some(Draw {
        slot,
        start,
        rank,
        endorser_indices,
        result,
        endorsed,
    }))
}

/// What is known of a slot's decision.
enum Decision {
    None,
    NotKept,
    /// A block, or a miss.
    Known(Option<BlockId>),
}

fn decided(context: &ApiContext, slot: Slot) -> Result<Decision, Problem> {
    match context.consensus.slot_status(slot) {
        Ok(SlotStatus::Decided { value, .. }) => Ok(Decision::Known(value.block())),
        Ok(SlotStatus::NotKept) => Ok(Decision::NotKept),
        Ok(SlotStatus::NotOpen | SlotStatus::Undecided { .. }) => Ok(Decision::None),
        Err(error) => Err(internal(&error)),
    }
}

fn block(context: &ApiContext, id: &BlockId) -> Result<Option<Block>, Problem> {
    let block = context.storage.block(id);
    block.map_err(|error| internal(&error))
}

fn result_of(context: &ApiContext, address: &Address, slot: Slot) -> Result<DrawResult, Problem> {
    let id = match decided(context, slot)? {
        Decision::None => return Ok(DrawResult::Undecided),
        Decision::NotKept => return Ok(DrawResult::NotKept),
        Decision::Known(None) => return Ok(DrawResult::Missed),
        Decision::Known(Some(id)) => id,
    };
    let producer = block(context, &id)?.map(|block| block.header.signer_address());
    Ok(if producer == Some(*address) {
        DrawResult::Produced { block: id }
    } else {
        DrawResult::OfAnother {
            block: id,
            producer,
        }
    })
}

/// Which of the indices the next block of the thread carries.
fn endorsed(
    context: &ApiContext,
    slot: Slot,
    indices: &[u32],
) -> Result<Option<Vec<u32>>, Problem> {
    let mut next = slot;
    for _ in 0..MAX_MISSES {
        let Ok(following) = next.next_in_thread() else {
            return Ok(None);
        };
        next = following;
        let id = match decided(context, next)? {
            Decision::None | Decision::NotKept => return Ok(None),
            Decision::Known(None) => continue,
            Decision::Known(Some(id)) => id,
        };
        let Some(block) = block(context, &id)? else {
            return Ok(None);
        };
        let carried = &block.header.content().endorsements;
        let is_carried = |index: &u32| {
            let mut contents = carried.iter().map(|endorsement| &endorsement.content);
            contents.any(|content| content.slot == slot && content.index == *index)
        };
        return Ok(Some(indices.iter().copied().filter(is_carried).collect()));
    }
    Ok(None)
}
