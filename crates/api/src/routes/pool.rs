//! What is pending, and what it takes to get into a block: `GET /operations`, `GET /pool`,
//! `GET /fees`, and `POST /operations/simulate`.

use super::{operations, page};
use crate::extract::{JsonBody, QueryParts};
use crate::interface::Interface;
use crate::limits::Shared;
use crate::problem::{Refusal, internal};
use crate::types::{
    BalanceChange, FeesResponse, PendingOperation, PendingOperationsResponse, PoolBounds,
    PoolResponse, PoolThread, RollsChange, SimulateRequest, SimulateResponse, SuggestedFee,
    SuggestedFees,
};
use crate::{Problem, ProblemCode};
use axum::Json;
use axum::extract::State;
use picot_models::{
    Address, Amount, ChainParams, Envelope, Operation, OperationId, OperationKind, SecretKey,
    Signature,
};
use picot_pool::fee_above;
use picot_serialization::Encode;
use serde::Deserialize;
use std::cmp::Reverse;

/// The numbers of periods for which fees are told.
const FEE_PERIODS: [u64; 4] = [1, 2, 4, 8];

/// Whose operations.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PendingQuery {
    sender: String,
    after: Option<String>,
    limit: Option<usize>,
}

pub(crate) async fn pending(
    State(shared): State<Shared>,
    QueryParts(query): QueryParts<PendingQuery>,
) -> Result<Json<PendingOperationsResponse>, Refusal> {
    let sender: Address = super::parse("sender", &query.sender)?;
    let limit = page::limit(query.limit)?;
    let after = query.after.as_deref();
    let after: Option<OperationId> = after.map(|text| super::parse("cursor", text)).transpose()?;
    let read = move |interface: &Interface| Ok(read_pending(interface, sender, after, limit));
    shared.run(read).await.map(Json)
}

fn read_pending(
    interface: &Interface,
    sender: Address,
    after: Option<OperationId>,
    limit: usize,
) -> PendingOperationsResponse {
    let mut held = interface.pool.of_sender(&sender);
    let total = held.len();
    held.sort_by_key(|operation| operation.id());
    let wanted = held
        .iter()
        .filter(|operation| after.is_none_or(|after| operation.id() > after));
    let told = wanted
        .take(limit.saturating_add(1))
        .map(|operation| PendingOperation {
            id: operation.id(),
            operation: operation.envelope().clone(),
        });
    let (told, has_more) = page::cut(told.collect(), limit);
    let last = told.last().filter(|_| has_more).map(|last| last.id);
    PendingOperationsResponse {
        sender,
        total,
        next: last.map(|id| id.to_string()),
        operations: told,
    }
}

pub(crate) async fn pool(State(shared): State<Shared>) -> Result<Json<PoolResponse>, Refusal> {
    shared
        .run(|interface| Ok(describe(interface)))
        .await
        .map(Json)
}

fn describe(interface: &Interface) -> PoolResponse {
    let (stats, limits) = (interface.pool.stats(), interface.pool.limits());
    let threads = (0_u8..).zip(&stats.threads).map(|(thread, of_thread)| {
        let fees = interface.pool.fee_levels(thread, &[]);
        PoolThread {
            thread,
            operations: of_thread.operations,
            not_yet_valid: of_thread.not_yet_valid,
            senders: of_thread.senders,
            bytes: of_thread.bytes,
            evicted: of_thread.evicted,
            expired: of_thread.expired,
            lowest_fee: fees.lowest,
            highest_fee: fees.highest,
        }
    });
    PoolResponse {
        operations: stats.operations(),
        operation_bytes: stats.bytes(),
        endorsements: stats.endorsements,
        denunciations: stats.denunciations,
        threads: threads.collect(),
        bounds: PoolBounds {
            max_operations_per_thread: limits.max_operations_per_thread,
            max_bytes_per_thread: limits.max_bytes_per_thread,
            max_operations_per_sender: limits.max_operations_per_sender,
        },
    }
}

/// Who would send.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeesQuery {
    sender: Option<String>,
}

pub(crate) async fn fees(
    State(shared): State<Shared>,
    QueryParts(query): QueryParts<FeesQuery>,
) -> Result<Json<FeesResponse>, Refusal> {
    let sender = query.sender.as_deref();
    let sender: Option<Address> = sender
        .map(|text| super::parse("sender", text))
        .transpose()?;
    let read = move |interface: &Interface| suggest(interface, sender);
    shared.run(read).await.map(Json)
}

fn suggest(interface: &Interface, sender: Option<Address>) -> Result<FeesResponse, Problem> {
    let params = &interface.genesis.params;
    let thread = sender.map(|sender| sender.thread(params.thread_count));
    let threads = thread.map_or(0..params.thread_count, |it| it..it.saturating_add(1));
    let mut to_beat = [Amount::ZERO; FEE_PERIODS.len()];
    for thread in threads {
        let levels = levels_to_beat(interface, thread);
        for (most, level) in to_beat.iter_mut().zip(levels) {
            *most = level.max(*most);
        }
    }
    let minimal_fee = interface.pool.limits().min_fee;
    let (gas, size) = cost_of_transfer(params);
    let mut fees = FEE_PERIODS.iter().zip(to_beat).map(|(periods, level)| {
        let above = fee_above(level, gas, size, params).unwrap_or(Amount::MAX);
        SuggestedFee {
            periods: *periods,
            fee: above.max(minimal_fee),
        }
    });
    let next_block = fees.next().map_or(minimal_fee, |first| first.fee);
    Ok(FeesResponse {
        thread,
        minimal_fee,
        suggested: SuggestedFees {
            next_block,
            within_periods: fees.collect(),
        },
    })
}

/// Asked once a slot: the pool looks through what is pending for it, and the block factory waits.
fn levels_to_beat(interface: &Interface, thread: u8) -> Vec<Amount> {
    let now = interface.slot_clock.latest_slot_at(interface.clock.now());
    let mut known = interface.fees.lock();
    if let Some((slot, levels)) = known.get(&thread)
        && now == Some(*slot)
    {
        return levels.clone();
    }
    let levels = interface.pool.fee_levels(thread, &FEE_PERIODS).to_beat;
    if let Some(now) = now {
        known.insert(thread, (now, levels.clone()));
    }
    levels
}

/// The gas of a transfer, and its bytes at most.
fn cost_of_transfer(params: &ChainParams) -> (u64, u64) {
    let key = SecretKey::from_seed([0; 32]).public_key();
    let content = Operation {
        fee: Amount::MAX,
        expire_period: u64::MAX,
        kind: OperationKind::Transfer {
            recipient: Address::of_key(&key),
            amount: Amount::MAX,
        },
    };
    let gas = content.gas_usage(params).unwrap_or(0);
    let envelope = Envelope {
        content,
        signer: key,
        signature: Signature([0; 64]),
    };
    (
        gas,
        u64::try_from(envelope.encoded_len()).unwrap_or(u64::MAX),
    )
}

pub(crate) async fn simulate(
    State(shared): State<Shared>,
    JsonBody(SimulateRequest { sender, operation }): JsonBody<SimulateRequest>,
) -> Result<Json<SimulateResponse>, Refusal> {
    let run = move |interface: &Interface| run(interface, sender, &operation);
    shared.run(run).await.map(Json)
}

fn run(
    interface: &Interface,
    sender: Address,
    operation: &Operation,
) -> Result<SimulateResponse, Problem> {
    let params = &interface.genesis.params;
    if operation
        .gas_usage(params)
        .is_none_or(|gas| gas > params.max_block_gas)
    {
        let detail = "the operation can use more gas than a block may";
        return Err(Problem::new(ProblemCode::TooLarge, detail));
    }
    let simulated = interface.execution.simulate(operation, &sender);
    let simulated = simulated.map_err(|error| internal(&error))?;
    let mut balances = simulated.balances;
    // The sender first, then by address.
    balances.sort_by_key(|(address, ..)| (Reverse(*address == sender), *address));
    let changes = balances.into_iter();
    Ok(SimulateResponse {
        outcome: operations::result_of(simulated.outcome),
        gas_used: simulated.gas_used,
        balances: changes
            .map(|(address, before, after)| BalanceChange {
                address,
                before,
                after,
            })
            .collect(),
        rolls: RollsChange {
            before: simulated.rolls.0,
            after: simulated.rolls.1,
        },
        burnt: simulated.burnt,
    })
}
