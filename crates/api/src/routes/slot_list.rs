//! `GET /slots`: the latest slots.

use super::page;
use crate::extract::QueryParts;
use crate::interface::Interface;
use crate::limits::Shared;
use crate::problem::Refusal;
use crate::types::{CandidateSummary, SlotPhase, SlotSummary, SlotsResponse};
use crate::{Problem, ProblemCode};
use axum::Json;
use axum::extract::State;
use picot_consensus::SlotStatus;
use picot_models::{Address, BlockId, Slot, Value};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Where the list begins.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    before: Option<String>,
    limit: Option<usize>,
}

pub(crate) async fn list(
    State(shared): State<Shared>,
    QueryParts(query): QueryParts<Query>,
) -> Result<Json<SlotsResponse>, Refusal> {
    let limit = page::limit(query.limit)?;
    let before = query.before.as_deref();
    let before = before.map(|text| super::parse("slot", text)).transpose()?;
    shared
        .run(move |interface| read(interface, before, limit))
        .await
        .map(Json)
}

fn read(
    interface: &Interface,
    before: Option<Slot>,
    limit: usize,
) -> Result<SlotsResponse, Problem> {
    let thread_count = interface.genesis.params.thread_count;
    let before = match before {
        Some(before) => check_thread(interface, before)?,
        None => after(newest(interface), thread_count),
    };
    let view = View {
        interface,
        last_final: interface.execution.summary().last_final_slot,
        own: interface.own_addresses(),
    };
    let patience = interface.patience();
    let (mut slots, mut at) = (Vec::new(), before);
    while slots.len() < limit
        && let Ok(slot) = at.prev(thread_count)
    {
        slots.push(view.describe(slot)?);
        at = slot;
        if patience.is_over() {
            break;
        }
    }
    Ok(SlotsResponse {
        slots,
        next: (at > Slot::GENESIS).then(|| at.to_string()),
    })
}

/// A slot of a thread that the chain has, within its calendar.
pub(super) fn check_thread(interface: &Interface, slot: Slot) -> Result<Slot, Problem> {
    let start = interface.slot_clock.start_of(slot);
    start
        .map(|_| slot)
        .map_err(|error| Problem::of_error(ProblemCode::InvalidParameter, &error))
}

/// The newest slot that is open, or else that has started.
pub(super) fn newest(interface: &Interface) -> Slot {
    let threads = interface.consensus.summary().threads;
    let open = threads.iter().filter_map(|thread| thread.open);
    let newest = open.map(|(slot, _)| slot).max();
    newest
        .or_else(|| interface.slot_clock.latest_slot_at(interface.clock.now()))
        .unwrap_or(Slot::GENESIS)
}

/// The slot after another one.
pub(super) fn after(slot: Slot, thread_count: u8) -> Slot {
    slot.next(thread_count).unwrap_or(slot)
}

/// What all slots of a list are seen by.
struct View<'a> {
    interface: &'a Interface,
    last_final: Slot,
    own: BTreeSet<Address>,
}

impl View<'_> {
    fn describe(&self, slot: Slot) -> Result<SlotSummary, Problem> {
        let start = self.interface.slot_clock.start_of(slot);
        let draws = self.interface.selector.draws(slot).ok();
        let drawn = draws.and_then(|draws| draws.producer().copied());
        let mut summary = SlotSummary {
            slot,
            start: start
                .map_err(|error| Problem::of_error(ProblemCode::InvalidParameter, &error))?,
            status: SlotPhase::NotOpen,
            round: None,
            block: None,
            producer: None,
            parents: None,
            operation_count: None,
            size_bytes: None,
            candidates: Vec::new(),
            leading: None,
            drawn,
            own: false,
        };
        match self.interface.facts.status(self.interface, slot)? {
            SlotStatus::NotOpen => {}
            SlotStatus::NotKept => summary.status = SlotPhase::NotKept,
            SlotStatus::Undecided {
                round,
                candidates,
                leading,
                ..
            } => {
                summary.status = SlotPhase::Undecided;
                summary.round = Some(round);
                summary.leading = leading;
                summary.candidates = self.candidates(&candidates)?;
            }
            SlotStatus::Decided { value, .. } => {
                summary.status = if slot <= self.last_final {
                    SlotPhase::Final
                } else {
                    SlotPhase::Decided
                };
                self.decided(&mut summary, value)?;
            }
        }
        let whose = summary.producer.or(summary.drawn);
        summary.own = whose.is_some_and(|address| self.own.contains(&address));
        Ok(summary)
    }

    fn candidates(&self, ids: &[BlockId]) -> Result<Vec<CandidateSummary>, Problem> {
        let candidates = ids.iter().map(|id| {
            let facts = self.interface.facts.block(self.interface, id)?;
            Ok(CandidateSummary {
                block: *id,
                producer: facts.map(|facts| facts.producer),
            })
        });
        candidates.collect()
    }

    fn decided(&self, summary: &mut SlotSummary, value: Value) -> Result<(), Problem> {
        let Some(id) = value.block() else {
            return Ok(());
        };
        summary.block = Some(id);
        if let Some(facts) = self.interface.facts.block(self.interface, &id)? {
            summary.producer = Some(facts.producer);
            summary.parents = Some(facts.parents.clone());
            summary.operation_count = Some(facts.operation_count);
            summary.size_bytes = Some(facts.size_bytes);
        }
        Ok(())
    }
}
