//! `GET /draws`: who is drawn for the slots to come, or of the past.

use super::{page, slot_list};
use crate::extract::QueryParts;
use crate::interface::Interface;
use crate::limits::Shared;
use crate::problem::Refusal;
use crate::types::{SlotDraw, SlotDrawsResponse};
use crate::{Problem, ProblemCode};
use axum::Json;
use axum::extract::State;
use picot_models::Slot;
use serde::Deserialize;

/// From where on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    from: Option<String>,
    limit: Option<usize>,
}

pub(crate) async fn list(
    State(shared): State<Shared>,
    QueryParts(query): QueryParts<Query>,
) -> Result<Json<SlotDrawsResponse>, Refusal> {
    let limit = page::limit(query.limit)?;
    let from = query.from.as_deref();
    let from = from.map(|text| super::parse("slot", text)).transpose()?;
    shared
        .run(move |interface| read(interface, from, limit))
        .await
        .map(Json)
}

fn read(
    interface: &Interface,
    from: Option<Slot>,
    limit: usize,
) -> Result<SlotDrawsResponse, Problem> {
    let thread_count = interface.genesis.params.thread_count;
    let now = interface.slot_clock.latest_slot_at(interface.clock.now());
    let from = match from {
        Some(from) => slot_list::check_thread(interface, from)?,
        None => now.unwrap_or(Slot::GENESIS),
    };
    let own = interface.own_addresses();
    let (mut draws, mut slot) = (Vec::new(), from);
    while draws.len() < limit {
        let known = match interface.selector.draws(slot) {
            Ok(known) => known,
            Err(error) if draws.is_empty() => return Err(super::of_selector(&error)),
            Err(_) => return Ok(SlotDrawsResponse { draws, next: None }),
        };
        let start = interface.slot_clock.start_of(slot);
        let producer = known.producer().copied();
        draws.push(SlotDraw {
            slot,
            start: start
                .map_err(|error| Problem::of_error(ProblemCode::InvalidParameter, &error))?,
            producer,
            ranked: known.producers.clone(),
            own: producer.is_some_and(|producer| own.contains(&producer)),
        });
        slot = slot_list::after(slot, thread_count);
    }
    Ok(SlotDrawsResponse {
        draws,
        next: Some(slot.to_string()),
    })
}
