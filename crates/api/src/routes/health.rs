//! `GET /health/live` and `GET /health/ready`: for whoever restarts nodes, or sends them clients.
//! Both answer from memory, however busy the interface is.

use super::status::behind_text;
use crate::ProblemCode;
use crate::limits::Shared;
use crate::problem::Refusal;
use crate::types::{LiveResponse, ReadyResponse};
use axum::Json;
use axum::extract::State;
use picot_consensus::BehindReason;

pub(crate) async fn live() -> Json<LiveResponse> {
    Json(LiveResponse { live: true })
}

/// Ready is a node that goes on and is in step with the others. One that only waits before it signs
/// answers as well as any.
pub(crate) async fn ready(State(shared): State<Shared>) -> Result<Json<ReadyResponse>, Refusal> {
    let interface = shared.context();
    if let Some(reason) = interface.execution.summary().stopped {
        let detail = format!("execution has stopped: {reason}");
        return Err(Refusal::new(ProblemCode::NotReady, detail));
    }
    match interface.consensus.summary().behind {
        None | Some(BehindReason::StartupWait { .. }) => Ok(Json(ReadyResponse { ready: true })),
        Some(reason) => Err(Refusal::new(ProblemCode::NotReady, behind_text(reason))),
    }
}
