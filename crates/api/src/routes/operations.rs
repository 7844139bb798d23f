//! `POST /operations`, `POST /operations/batch` and `GET /operations/{id}`.

use crate::extract::{JsonBody, PathParts};
use crate::limits::Shared;
use crate::problem::{Refusal, internal};
use crate::types::{
    OperationResponse, OperationResult, OperationState, SubmitBatchRequest, SubmitBatchResponse,
    SubmitResponse, SubmitResult, SubmittedOperation,
};
use crate::{ApiContext, Problem, ProblemCode};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use picot_execution::{Level, OperationOutcome};
use picot_models::OperationId;
use picot_pool::PoolError;
use std::sync::Arc;

pub(crate) async fn submit(
    State(shared): State<Shared>,
    JsonBody(operation): JsonBody<SubmittedOperation>,
) -> Result<(StatusCode, Json<SubmitResponse>), Refusal> {
    let results = shared
        .run(move |context| Ok(add(context, vec![operation])))
        .await?;
    match results.into_iter().next() {
        Some(SubmitResult { id, problem: None }) => {
            Ok((StatusCode::ACCEPTED, Json(SubmitResponse { id })))
        }
        Some(SubmitResult {
            problem: Some(problem),
            ..
        }) => Err(Refusal(problem)),
        None => Err(Refusal::new(
            ProblemCode::Internal,
            "the pool gave no answer",
        )),
    }
}

pub(crate) async fn submit_batch(
    State(shared): State<Shared>,
    JsonBody(batch): JsonBody<SubmitBatchRequest>,
) -> Result<Json<SubmitBatchResponse>, Refusal> {
    let (found, max) = (batch.operations.len(), shared.max_batch);
    if found > max {
        let detail = format!("the batch has {found} operations, this node takes at most {max}");
        return Err(Refusal::new(ProblemCode::BatchTooLarge, detail));
    }
    let results = shared
        .run(move |context| Ok(add(context, batch.operations)))
        .await?;
    Ok(Json(SubmitBatchResponse { results }))
}

fn add(context: &ApiContext, submitted: Vec<SubmittedOperation>) -> Vec<SubmitResult> {
    let operations: Vec<_> = submitted
        .into_iter()
        .map(|operation| Arc::new(operation.identify(&context.chain_id)))
        .collect();
    let ids: Vec<OperationId> = operations.iter().map(|operation| operation.id()).collect();
    let results = context.pool.add_operations(operations);
    ids.into_iter()
        .zip(results)
        .map(|(id, result)| SubmitResult {
            id,
            problem: result.err().map(|error| refusal(&error)),
        })
        .collect()
}

fn refusal(error: &PoolError) -> Problem {
    let code = match error {
        PoolError::OperationOfOtherChain(_) | PoolError::OperationSignature(_) => {
            ProblemCode::InvalidSignature
        }
        PoolError::OperationExpired { .. } => ProblemCode::Expired,
        PoolError::OperationTooEarly { .. } => ProblemCode::TooEarly,
        PoolError::OperationTooLarge { .. } | PoolError::TooMuchGas { .. } => ProblemCode::TooLarge,
        PoolError::FeeTooLow { .. } => ProblemCode::FeeTooLow,
        PoolError::OperationPending(_) => ProblemCode::AlreadyPending,
        PoolError::OperationExecuted(_) => ProblemCode::AlreadyExecuted,
        PoolError::BalanceTooLow { .. } => ProblemCode::BalanceTooLow,
        PoolError::RollsTooFew { .. } => ProblemCode::RollsTooFew,
        PoolError::NoContractEngine(_) => ProblemCode::NoContractEngine,
        PoolError::SenderFull { .. } | PoolError::ThreadFull { .. } => ProblemCode::PoolFull,
        _ => ProblemCode::InvalidOperation,
    };
    Problem::of_error(code, error)
}

pub(crate) async fn read(
    State(shared): State<Shared>,
    PathParts(id): PathParts<String>,
) -> Result<Json<OperationResponse>, Refusal> {
    let id: OperationId = super::parse("operation", &id)?;
    shared.run(move |context| find(context, id)).await.map(Json)
}

fn find(context: &ApiContext, id: OperationId) -> Result<OperationResponse, Problem> {
    let status = context
        .execution
        .operation_status(&id)
        .map_err(|error| internal(&error))?;
    let pending = context.pool.get(&id);
    let held = |operation: Arc<picot_models::SignedOperation>| operation.envelope().clone();
    let Some(status) = status else {
        let Some(operation) = pending else {
            let detail =
                format!("operation {id} is not pending here, and no block of late carries it");
            return Err(Problem::new(ProblemCode::NotFound, detail));
        };
        return Ok(OperationResponse {
            id,
            state: OperationState::Pending,
            slot: None,
            block: None,
            outcome: None,
            operation: Some(held(operation)),
        });
    };
    let block = context
        .storage
        .block(&status.block)
        .map_err(|error| internal(&error))?;
    let carried = block
        .and_then(|block| {
            block
                .operations
                .into_iter()
                .find(|operation| operation.id() == id)
        })
        .or(pending);
    Ok(OperationResponse {
        id,
        state: match status.level {
            Level::Final => OperationState::Final,
            Level::Candidate => OperationState::Candidate,
        },
        slot: Some(status.slot),
        block: Some(status.block),
        outcome: Some(result_of(status.outcome)),
        operation: carried.map(held),
    })
}

pub(crate) fn result_of(outcome: OperationOutcome) -> OperationResult {
    match outcome {
        OperationOutcome::Succeeded => OperationResult::Succeeded,
        OperationOutcome::Failed(reason) => OperationResult::Failed {
            reason: reason.to_string(),
        },
        OperationOutcome::Unpaid => OperationResult::Unpaid,
        OperationOutcome::Refused => OperationResult::Refused,
    }
}
