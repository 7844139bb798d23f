//! `GET /blocks/{id}`: a block that is decided, or in flight.

use crate::Problem;
use crate::block_facts::held_block;
use crate::extract::PathParts;
use crate::interface::Interface;
use crate::limits::Shared;
use crate::problem::Refusal;
use crate::types::{BlockResponse, BlockState};
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
    shared
        .run(move |interface| find(interface, id))
        .await
        .map(Json)
}

fn find(interface: &Interface, id: BlockId) -> Result<BlockResponse, Problem> {
    describe(interface, &held_block(interface, &id)?)
}

fn describe(interface: &Interface, block: &Block) -> Result<BlockResponse, Problem> {
    let header = block.header.content();
    let endorsements = header
        .endorsements
        .iter()
        .map(|endorsement| endorsement.id(&interface.chain_id));
    let denunciations = header
        .denunciations
        .iter()
        .map(|denunciation| denunciation.id(&interface.chain_id));
    Ok(BlockResponse {
        id: block.id(),
        slot: header.slot,
        state: state_of(interface, block)?,
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

fn state_of(interface: &Interface, block: &Block) -> Result<BlockState, Problem> {
    let slot = block.slot();
    Ok(match interface.facts.status(interface, slot)? {
        SlotStatus::Decided {
            value: Value::Block { id },
            ..
        } if id == block.id() => {
            if slot.period == 0 || slot <= interface.execution.summary().last_final_slot {
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
