//! `GET /blocks/{id}`: a block that is decided, or in flight.

use crate::block_facts::find_block;
use crate::extract::PathParts;
use crate::limits::Shared;
use crate::problem::{Refusal, internal};
use crate::types::{BlockResponse, BlockState};
use crate::{ApiContext, Problem, ProblemCode};
use axum::Json;
use axum::extract::State;
use picot_consensus::SlotStatus;
use picot_models::{Block, BlockId, Value};
use picot_serialization::Encode;

pub(crate) async fn read(
    State(shared): State<Shared>,
    PathParts(id): PathParts<String>,
) -> Result<Json<BlockResponse>, Refusal> {
    let id: BlockId = super::parse("block", &id)?;
    shared.run(move |context| find(context, id)).await.map(Json)
}

fn find(context: &ApiContext, id: BlockId) -> Result<BlockResponse, Problem> {
    match find_block(context, &id)? {
        Some(block) => describe(context, &block),
        None => Err(Problem::new(
            ProblemCode::NotFound,
            format!("this node has no block {id}"),
        )),
    }
}

fn describe(context: &ApiContext, block: &Block) -> Result<BlockResponse, Problem> {
    let header = block.header.content();
    let endorsements = header
        .endorsements
        .iter()
        .map(|endorsement| endorsement.id(&context.chain_id));
    let denunciations = header
        .denunciations
        .iter()
        .map(|denunciation| denunciation.id(&context.chain_id));
    Ok(BlockResponse {
        id: block.id(),
        slot: header.slot,
        state: state_of(context, block)?,
        producer: block.header.signer_address(),
        version: header.version,
        parents: header.parents.clone(),
        operations: block
            .operations
            .iter()
            .map(|operation| operation.id())
            .collect(),
        endorsements: endorsements.collect(),
        denunciations: denunciations.collect(),
        size_bytes: block.encoded_len(),
    })
}

fn state_of(context: &ApiContext, block: &Block) -> Result<BlockState, Problem> {
    let slot = block.slot();
    if slot.period == 0 {
        return Ok(BlockState::Final);
    }
    let status = context
        .consensus
        .slot_status(slot)
        .map_err(|error| internal(&error))?;
    Ok(match status {
        SlotStatus::Decided {
            value: Value::Block { id },
            ..
        } if id == block.id() => {
            if slot <= context.execution.summary().last_final_slot {
                BlockState::Final
            } else {
                BlockState::Decided
            }
        }
        // A block whose outcome is gone is gone with it, unless it is dropped this very moment.
        SlotStatus::Decided { .. } | SlotStatus::NotKept => BlockState::Lost,
        SlotStatus::NotOpen | SlotStatus::Undecided { .. } => BlockState::Candidate,
    })
}
