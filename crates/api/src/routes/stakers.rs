//! `GET /stakers`, `GET /cycles` and `GET /cycles/{cycle}/production`.

use super::page;
use crate::extract::{PathParts, QueryParts};
use crate::interface::Interface;
use crate::limits::Shared;
use crate::problem::Refusal;
use crate::types::{
    AddressProduction, CycleSummary, CyclesResponse, ProductionResponse, Staker, StakersResponse,
};
use crate::{Problem, ProblemCode};
use axum::Json;
use axum::extract::State;
use picot_models::{Address, Slot};
use serde::Deserialize;
use std::cmp::Reverse;
use std::ops::Bound::{Excluded, Unbounded};

/// From where on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    after: Option<String>,
    limit: Option<usize>,
}

/// A place in the list of stakers: most rolls first, then by address.
type Place = (Reverse<u64>, Address);

fn parse_place(text: &str) -> Result<Place, Problem> {
    let wrong = || {
        let detail = format!("cursor `{text}` is none of this list");
        Problem::new(ProblemCode::InvalidParameter, detail)
    };
    let (rolls, address) = text.split_once('-').ok_or_else(wrong)?;
    let rolls: u64 = rolls.parse().map_err(|_| wrong())?;
    let address: Address = address.parse().map_err(|_| wrong())?;
    Ok((Reverse(rolls), address))
}

pub(crate) async fn stakers(
    State(shared): State<Shared>,
    QueryParts(query): QueryParts<Query>,
) -> Result<Json<StakersResponse>, Refusal> {
    let limit = page::limit(query.limit)?;
    let after = query.after.as_deref().map(parse_place).transpose()?;
    shared
        .run(move |interface| Ok(read_stakers(interface, after, limit)))
        .await
        .map(Json)
}

fn read_stakers(interface: &Interface, after: Option<Place>, limit: usize) -> StakersResponse {
    let rolls = interface.execution.stakers();
    let own = interface.own_addresses();
    let mut places: Vec<Place> = rolls
        .iter()
        .map(|(address, rolls)| (Reverse(*rolls), *address))
        .filter(|place| after.is_none_or(|after| *place > after))
        .collect();
    places.sort_unstable();
    let (places, has_more) = page::cut(places, limit);
    let last = places.last().filter(|_| has_more);
    StakersResponse {
        cycle: interface.execution.summary().cycle,
        total_rolls: rolls.values().fold(0, |sum, it| sum.saturating_add(*it)),
        staker_count: rolls.len(),
        next: last.map(|(Reverse(rolls), address)| format!("{rolls}-{address}")),
        stakers: places
            .into_iter()
            .map(|(Reverse(rolls), address)| Staker {
                address,
                rolls,
                own: own.contains(&address),
            })
            .collect(),
    }
}

pub(crate) async fn cycles(State(shared): State<Shared>) -> Result<Json<CyclesResponse>, Refusal> {
    let read = |interface: &Interface| {
        let current = interface.execution.summary().cycle;
        let known = interface.execution.known_cycles().into_iter();
        // Of later ones there are credits at most.
        let cycles = known.filter(|cycle| *cycle <= current);
        Ok(CyclesResponse {
            cycles: cycles.filter_map(|it| summary(interface, it)).collect(),
        })
    };
    shared.run(read).await.map(Json)
}

fn summary(interface: &Interface, cycle: u64) -> Option<CycleSummary> {
    let info = interface.execution.cycle_info(cycle)?;
    let params = &interface.genesis.params;
    let first_slot = Slot::first_of_cycle(cycle, params.periods_per_cycle).ok()?;
    let last_slot =
        Slot::last_of_cycle(cycle, params.periods_per_cycle, params.thread_count).ok()?;
    let rolls = info.roll_counts.values();
    let mut summary = CycleSummary {
        cycle,
        first_slot,
        last_slot,
        start: interface.slot_clock.start_of(first_slot).ok()?,
        is_complete: info.complete,
        total_rolls: rolls.fold(0, |sum, it| sum.saturating_add(*it)),
        stakers: info.roll_counts.len(),
        produced: 0,
        missed: 0,
        endorsements: 0,
        missed_endorsements: 0,
    };
    let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
    for stats in info.production_stats.values() {
        add(&mut summary.produced, stats.block_success_count);
        add(&mut summary.missed, stats.block_failure_count);
        add(&mut summary.endorsements, stats.endorsement_success_count);
        let missed = stats.endorsement_failure_count;
        add(&mut summary.missed_endorsements, missed);
    }
    Some(summary)
}

pub(crate) async fn production(
    State(shared): State<Shared>,
    PathParts(cycle): PathParts<u64>,
    QueryParts(query): QueryParts<Query>,
) -> Result<Json<ProductionResponse>, Refusal> {
    let limit = page::limit(query.limit)?;
    let after = query.after.as_deref();
    let after: Option<Address> = after.map(|text| super::parse("cursor", text)).transpose()?;
    let read = move |interface: &Interface| read_production(interface, cycle, after, limit);
    shared.run(read).await.map(Json)
}

fn read_production(
    interface: &Interface,
    cycle: u64,
    after: Option<Address>,
    limit: usize,
) -> Result<ProductionResponse, Problem> {
    let Some(info) = interface.execution.cycle_info(cycle) else {
        let detail = format!("this node knows nothing of cycle {cycle}, yet or any more");
        return Err(Problem::new(ProblemCode::NotFound, detail));
    };
    let own = interface.own_addresses();
    let from = after.map_or(Unbounded, Excluded);
    let told = info.production_stats.range((from, Unbounded));
    let told = told
        .take(limit.saturating_add(1))
        .map(|(address, stats)| AddressProduction {
            address: *address,
            own: own.contains(address),
            produced: stats.block_success_count,
            missed: stats.block_failure_count,
            endorsed: stats.endorsement_success_count,
            missed_endorsements: stats.endorsement_failure_count,
        });
    let (production, has_more) = page::cut(told.collect(), limit);
    let last = production.last().filter(|_| has_more);
    Ok(ProductionResponse {
        cycle,
        is_complete: info.complete,
        next: last.map(|last| last.address.to_string()),
        production,
    })
}
