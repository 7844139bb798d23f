//! `GET /addresses/{address}`: what an address has, final and candidate.

use crate::ApiContext;
use crate::extract::PathParts;
use crate::limits::Shared;
use crate::problem::{Refusal, internal};
use crate::types::{AccountState, AddressResponse, DeferredCredit};
use axum::Json;
use axum::extract::State;
use picot_execution::{ExecutionError, Level};
use picot_models::{Address, Slot, Timestamp};

pub(crate) async fn read(
    State(shared): State<Shared>,
    PathParts(address): PathParts<String>,
) -> Result<Json<AddressResponse>, Refusal> {
    let address: Address = super::parse("address", &address)?;
    let answer =
        shared.read(move |context| describe(context, address).map_err(|error| internal(&error)));
    answer.await.map(Json)
}

fn describe(context: &ApiContext, address: Address) -> Result<AddressResponse, ExecutionError> {
    Ok(AddressResponse {
        address,
        thread: address.thread(context.genesis.params.thread_count),
        final_state: account(context, Level::Final, &address)?,
        candidate: account(context, Level::Candidate, &address)?,
    })
}

fn account(
    context: &ApiContext,
    level: Level,
    address: &Address,
) -> Result<AccountState, ExecutionError> {
    let credits = context.execution.deferred_credits(level, address)?;
    Ok(AccountState {
        balance: context.execution.balance(level, address)?,
        rolls: context.execution.rolls(level, address)?,
        deferred_credits: credits
            .into_iter()
            .map(|(cycle, amount)| DeferredCredit {
                cycle,
                amount,
                due: end_of_cycle(context, cycle),
            })
            .collect(),
    })
}

fn end_of_cycle(context: &ApiContext, cycle: u64) -> Option<Timestamp> {
    let next = cycle.checked_add(1)?;
    let first = Slot::first_of_cycle(next, context.genesis.params.periods_per_cycle).ok()?;
    context.slot_clock.start_of(first).ok()
}
