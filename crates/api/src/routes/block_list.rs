//! `GET /blocks` and `GET /blocks/{id}/operations`.

use super::{operations, page, slot_list};
use crate::Problem;
use crate::block_facts::held_block;
use crate::extract::{PathParts, QueryParts};
use crate::interface::Interface;
use crate::limits::Shared;
use crate::problem::{Refusal, internal};
use crate::types::{
    BlockOperation, BlockOperationsResponse, BlockState, BlockSummary, BlocksResponse,
};
use axum::Json;
use axum::extract::State;
use picot_consensus::SlotStatus;
use picot_models::{Address, BlockId, SignedOperation, Slot};
use serde::Deserialize;

/// Slots that one request looks at, at most: those of other producers, or without a block, take time,
/// too.
const MAX_SLOTS: usize = 4_096;

/// Which blocks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    before: Option<String>,
    limit: Option<usize>,
    producer: Option<String>,
}

pub(crate) async fn list(
    State(shared): State<Shared>,
    QueryParts(query): QueryParts<ListQuery>,
) -> Result<Json<BlocksResponse>, Refusal> {
    let limit = page::limit(query.limit)?;
    let before = query.before.as_deref();
    let before = before.map(|text| super::parse("slot", text)).transpose()?;
    let producer = query.producer.as_deref();
    let producer = producer.map(|text| super::parse("producer", text));
    let producer = producer.transpose()?;
    let read = move |interface: &Interface| read(interface, before, limit, producer);
    shared.run(read).await.map(Json)
}

fn read(
    interface: &Interface,
    before: Option<Slot>,
    limit: usize,
    producer: Option<Address>,
) -> Result<BlocksResponse, Problem> {
    let thread_count = interface.genesis.params.thread_count;
    let before = match before {
        Some(before) => slot_list::check_thread(interface, before)?,
        None => slot_list::after(newest_decided(interface), thread_count),
    };
    let last_final = interface.execution.summary().last_final_slot;
    let patience = interface.patience();
    let (mut blocks, mut at, mut looked) = (Vec::new(), before, 0_usize);
    while blocks.len() < limit && looked < MAX_SLOTS && !patience.is_over() {
        let Ok(slot) = at.prev(thread_count) else {
            break;
        };
        at = slot;
        looked = looked.saturating_add(1);
        match interface.facts.status(interface, slot)? {
            // All slots before it are not kept either.
            SlotStatus::NotKept => return Ok(BlocksResponse { blocks, next: None }),
            SlotStatus::NotOpen | SlotStatus::Undecided { .. } => {}
            SlotStatus::Decided { value, .. } => {
                let Some(id) = value.block() else { continue };
                let block = describe(interface, slot, id, last_final)?;
                blocks.extend(block.filter(|it| producer.is_none_or(|who| who == it.producer)));
            }
        }
    }
    Ok(BlocksResponse {
        blocks,
        next: (at > Slot::GENESIS).then(|| at.to_string()),
    })
}

fn newest_decided(interface: &Interface) -> Slot {
    let threads = interface.consensus.summary().threads;
    let decided = threads.iter();
    let decided = decided.map(|it| Slot::new(it.decided_period, it.thread));
    decided.max().unwrap_or(Slot::GENESIS)
}

fn describe(
    interface: &Interface,
    slot: Slot,
    id: BlockId,
    last_final: Slot,
) -> Result<Option<BlockSummary>, Problem> {
    let Some(facts) = interface.facts.block(interface, &id)? else {
        return Ok(None);
    };
    let start = interface.slot_clock.start_of(slot);
    Ok(Some(BlockSummary {
        id,
        slot,
        start: start.map_err(|error| internal(&error))?,
        state: if slot <= last_final {
            BlockState::Final
        } else {
            BlockState::Decided
        },
        producer: facts.producer,
        operation_count: facts.operation_count,
        size_bytes: facts.size_bytes,
    }))
}

/// From where on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperationsQuery {
    after: Option<String>,
    limit: Option<usize>,
}

pub(crate) async fn operations(
    State(shared): State<Shared>,
    PathParts(id): PathParts<String>,
    QueryParts(query): QueryParts<OperationsQuery>,
) -> Result<Json<BlockOperationsResponse>, Refusal> {
    let id: BlockId = super::parse("block", &id)?;
    let limit = page::limit(query.limit)?;
    let after = query.after.as_deref();
    let after: Option<usize> = after.map(|text| super::parse("cursor", text)).transpose()?;
    let read = move |interface: &Interface| read_operations(interface, id, after, limit);
    shared.run(read).await.map(Json)
}

fn read_operations(
    interface: &Interface,
    id: BlockId,
    after: Option<usize>,
    limit: usize,
) -> Result<BlockOperationsResponse, Problem> {
    let block = held_block(interface, &id)?;
    let first = after.map_or(0, |last| last.saturating_add(1));
    let told = block.operations.iter().skip(first).take(limit);
    let told: Result<Vec<_>, Problem> = told
        .map(|operation| describe_operation(interface, id, operation))
        .collect();
    let told = told?;
    let last = first.saturating_add(told.len()).saturating_sub(1);
    let has_more = last.saturating_add(1) < block.operations.len() && !told.is_empty();
    Ok(BlockOperationsResponse {
        id,
        slot: block.slot(),
        operation_count: block.operations.len(),
        operations: told,
        next: has_more.then(|| last.to_string()),
    })
}

fn describe_operation(
    interface: &Interface,
    block: BlockId,
    operation: &SignedOperation,
) -> Result<BlockOperation, Problem> {
    let status = interface.execution.operation_status(&operation.id());
    let status = status.map_err(|error| internal(&error))?;
    // It may have been executed in another candidate of the slot.
    let here = status.filter(|status| status.block == block);
    Ok(BlockOperation {
        id: operation.id(),
        sender: operation.signer_address(),
        operation: operation.envelope().clone(),
        outcome: here.map(|status| operations::result_of(status.outcome)),
    })
}
