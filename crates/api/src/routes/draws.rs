//! `GET /addresses/{address}/draws`: when an address is drawn, and what came of it.

use crate::extract::{PathParts, QueryParts};
use crate::interface::Interface;
use crate::limits::Shared;
use crate::problem::Refusal;
use crate::types::{Draw, DrawResult, DrawsResponse};
use crate::{ApiContext, Problem, ProblemCode};
use axum::Json;
use axum::extract::State;
use picot_clock::SlotRange;
use picot_consensus::SlotStatus;
use picot_models::{Address, Slot};
use picot_selector::AddressDraw;
use serde::Deserialize;

/// Slots that one answer looks at: past ones may be read from the disk.
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
    interface: &Interface,
    address: Address,
    from: Option<Slot>,
    to: Option<Slot>,
) -> Result<DrawsResponse, Problem> {
    let known = known_range(interface, from, to)?;
    let looked = first_part(interface, &known)?;
    let drawn = interface.selector.slots_of(&address, looked);
    let drawn = drawn.map_err(|error| super::of_selector(&error))?;
    let patience = interface.patience();
    let (mut draws, mut to) = (Vec::new(), looked.end());
    for draw in drawn {
        if !draws.is_empty() && patience.is_over() {
            to = draw.slot;
            break;
        }
        draws.extend(describe(interface, &address, draw)?);
    }
    Ok(DrawsResponse {
        address,
        from: looked.start(),
        to,
        draws,
        next: (to < known.end()).then_some(to),
    })
}

fn of_clock(error: picot_clock::ClockError) -> Problem {
    Problem::of_error(ProblemCode::InvalidParameter, &error)
}

/// What was asked for, as far as it is drawn and still known here.
fn known_range(
    context: &ApiContext,
    from: Option<Slot>,
    to: Option<Slot>,
) -> Result<SlotRange, Problem> {
    let params = &context.genesis.params;
    let now = context.slot_clock.latest_slot_at(context.clock.now());
    let now = now.unwrap_or(Slot::GENESIS).period;
    // What is to come is in the first answer, however many threads there are.
    let fitting = (MAX_SLOTS / 2).checked_div(params.thread_count.into());
    let around = PERIODS.min(fitting.unwrap_or(PERIODS));
    let from = from.unwrap_or(Slot::new(now.saturating_sub(around), 0));
    let to = to.unwrap_or(Slot::new(now.saturating_add(around), 0));
    let known = context.selector.ready_cycles();
    let first_of = |cycle| Slot::first_of_cycle(cycle, params.periods_per_cycle).map_err(of_clock);
    let (Some(first), Some(last)) = (known.first(), known.last()) else {
        let detail = "no draws are known yet";
        return Err(Problem::new(ProblemCode::NotYetKnown, detail));
    };
    let from = from.max(first_of(*first)?);
    let to = to.min(first_of(last.saturating_add(1))?).max(from);
    SlotRange::new(from, to, params.thread_count).map_err(of_clock)
}

/// As much of it as one answer looks at.
fn first_part(context: &ApiContext, range: &SlotRange) -> Result<SlotRange, Problem> {
    let max = usize::try_from(MAX_SLOTS).unwrap_or(usize::MAX);
    let end = range.iter().nth(max).unwrap_or(range.end());
    let thread_count = context.genesis.params.thread_count;
    SlotRange::new(range.start(), end, thread_count).map_err(of_clock)
}

/// A draw by which the address may act, with what came of it; nothing of slots without a duty.
fn describe(
    interface: &Interface,
    address: &Address,
    draw: AddressDraw,
) -> Result<Option<Draw>, Problem> {
    let AddressDraw {
        slot,
        producer_rank,
        endorser_indices,
    } = draw;
    let policy = interface.genesis.params.proposal_policy;
    let rank = producer_rank.filter(|rank| policy.allows_rank(*rank));
    let has_duty = rank.is_some() || !endorser_indices.is_empty();
    let Some(start) = interface.slot_clock.start_of(slot).ok() else {
        return Ok(None);
    };
    if slot.period == 0 || !has_duty {
        return Ok(None);
    }
    let result = result_of(interface, address, slot)?;
    let block = match result {
        DrawResult::Produced { block } | DrawResult::OfAnother { block, .. } => Some(block),
        DrawResult::Undecided | DrawResult::Missed | DrawResult::NotKept => None,
    };
    let endorsed = match block {
        Some(_) if !endorser_indices.is_empty() => endorsed(interface, slot, &endorser_indices)?,
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

fn result_of(interface: &Interface, address: &Address, slot: Slot) -> Result<DrawResult, Problem> {
    let block = match interface.facts.status(interface, slot)? {
        SlotStatus::NotOpen | SlotStatus::Undecided { .. } => return Ok(DrawResult::Undecided),
        SlotStatus::NotKept => return Ok(DrawResult::NotKept),
        SlotStatus::Decided { value, .. } => match value.block() {
            Some(block) => block,
            None => return Ok(DrawResult::Missed),
        },
    };
    let facts = interface.facts.block(interface, &block)?;
    let producer = facts.map(|facts| facts.producer);
    Ok(if producer == Some(*address) {
        DrawResult::Produced { block }
    } else {
        DrawResult::OfAnother { block, producer }
    })
}

/// Which of the indices the next block of the thread carries.
fn endorsed(
    interface: &Interface,
    slot: Slot,
    indices: &[u32],
) -> Result<Option<Vec<u32>>, Problem> {
    let mut next = slot;
    for _ in 0..MAX_MISSES {
        let Ok(following) = next.next_in_thread() else {
            return Ok(None);
        };
        next = following;
        let SlotStatus::Decided { value, .. } = interface.facts.status(interface, next)? else {
            return Ok(None);
        };
        let Some(id) = value.block() else {
            continue;
        };
        let Some(block) = interface.facts.block(interface, &id)? else {
            return Ok(None);
        };
        let is_carried = |index: &u32| block.endorsed.contains(&(slot, *index));
        return Ok(Some(indices.iter().copied().filter(is_carried).collect()));
    }
    Ok(None)
}
