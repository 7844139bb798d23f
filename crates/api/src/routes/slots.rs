//! `GET /slots/{period}/{thread}`: what is known of a slot.

use crate::extract::PathParts;
use crate::interface::Interface;
use crate::limits::Shared;
use crate::problem::Refusal;
use crate::types::{SlotResponse, SlotState};
use crate::{Problem, ProblemCode};
use axum::Json;
use axum::extract::State;
use picot_consensus::SlotStatus;
use picot_models::Slot;

pub(crate) async fn read(
    State(shared): State<Shared>,
    PathParts((period, thread)): PathParts<(u64, u8)>,
) -> Result<Json<SlotResponse>, Refusal> {
    shared
        .run(move |interface| find(interface, Slot::new(period, thread)))
        .await
        .map(Json)
}

fn find(interface: &Interface, slot: Slot) -> Result<SlotResponse, Problem> {
    let start = interface
        .slot_clock
        .start_of(slot)
        .map_err(|error| Problem::of_error(ProblemCode::InvalidParameter, &error))?;
    // A slot far ahead may have no draws yet, which is no error here.
    let draws = interface.selector.draws(slot).ok();
    let state = state_of(interface.facts.status_now(interface, slot)?);
    Ok(SlotResponse {
        slot,
        start,
        is_final: slot <= interface.execution.summary().last_final_slot,
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
