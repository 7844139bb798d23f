//! `GET /slots/{period}/{thread}`: what is known of a slot.

use crate::extract::PathParts;
use crate::limits::Shared;
use crate::problem::{Refusal, internal};
use crate::types::{SlotResponse, SlotState};
use crate::{ApiContext, Problem, ProblemCode};
use axum::Json;
use axum::extract::State;
use picot_consensus::SlotStatus;
use picot_models::{Slot, Value};

pub(crate) async fn read(
    State(shared): State<Shared>,
    PathParts((period, thread)): PathParts<(u64, u8)>,
) -> Result<Json<SlotResponse>, Refusal> {
    shared
        .run(move |context| find(context, Slot::new(period, thread)))
        .await
        .map(Json)
}

fn find(context: &ApiContext, slot: Slot) -> Result<SlotResponse, Problem> {
    let start = context
        .slot_clock
        .start_of(slot)
        .map_err(|error| Problem::of_error(ProblemCode::InvalidParameter, &error))?;
    // A slot far ahead may have no draws yet, which is no error here.
    let draws = context.selector.draws(slot).ok();
    let state = if slot.period == 0 {
        let id = context.genesis.block(slot.thread).id();
        SlotState::Decided {
            outcome_slot: slot,
            value: Value::Block { id },
        }
    } else {
        state_of(
            context
                .consensus
                .slot_status(slot)
                .map_err(|error| internal(&error))?,
        )
    };
    Ok(SlotResponse {
        slot,
        start,
        is_final: slot <= context.execution.summary().last_final_slot,
        state,
        producers: draws.as_ref().map(|draws| draws.producers.clone()),
        endorsers: draws.map(|draws| draws.endorsers.clone()),
    })
}

fn state_of(status: SlotStatus) -> SlotState {
    match status {
        SlotStatus::NotOpen => SlotState::NotOpen,
        SlotStatus::NotKept => SlotState::NotKept,
        SlotStatus::Undecided {
            round,
            candidates,
            leading,
            ..
        } => SlotState::Undecided {
            round,
            candidates,
            leading,
        },
        SlotStatus::Decided { outcome, value } => SlotState::Decided {
            outcome_slot: outcome,
            value,
        },
    }
}
