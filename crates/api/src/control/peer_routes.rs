//! The routes by which an operator sees and changes the peers of a node.

use super::ControlContext;
use super::peers::{
    AddPeerRequest, BanRequest, PeerControl, PeerControlError, PeerResponse, PeersResponse,
};
use crate::extract::{JsonBody, PathParts};
use crate::limits::Places;
use crate::problem::Refusal;
use crate::{Problem, ProblemCode};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Json, Router};

type Shared = Places<ControlContext>;

/// The longest ban that an operator may ask for: a year.
const MAX_BAN_SECONDS: u64 = 366 * 86_400;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/peers", get(peers))
        .route("/peers", post(add))
        .route("/peers/{node}", delete(remove))
        .route("/peers/{node}/ban", post(ban))
        .route("/peers/{node}/ban", delete(unban))
}

async fn peers(State(shared): State<Shared>) -> Result<Json<PeersResponse>, Refusal> {
    let read = |context: &ControlContext| Ok(network(context)?.peers());
    shared.run(read).await.map(Json)
}

async fn add(
    State(shared): State<Shared>,
    JsonBody(AddPeerRequest { address, reserved }): JsonBody<AddPeerRequest>,
) -> Result<(StatusCode, Json<PeerResponse>), Refusal> {
    let added = change(&shared, "added", address, move |peers, address| {
        peers.add(address, reserved)
    });
    Ok((StatusCode::CREATED, added.await?))
}

async fn remove(
    State(shared): State<Shared>,
    PathParts(node): PathParts<String>,
) -> Result<Json<PeerResponse>, Refusal> {
    change(&shared, "removed", node, |peers, node| peers.remove(node)).await
}

async fn ban(
    State(shared): State<Shared>,
    PathParts(node): PathParts<String>,
    JsonBody(BanRequest { seconds }): JsonBody<BanRequest>,
) -> Result<Json<PeerResponse>, Refusal> {
    if !(1..=MAX_BAN_SECONDS).contains(&seconds) {
        let detail = format!("seconds {seconds} is not from 1 to {MAX_BAN_SECONDS}");
        return Err(Refusal::new(ProblemCode::InvalidParameter, detail));
    }
    let ban = move |peers: &dyn PeerControl, node: &str| peers.ban(node, seconds);
    change(&shared, "banned", node, ban).await
}

async fn unban(
    State(shared): State<Shared>,
    PathParts(node): PathParts<String>,
) -> Result<Json<PeerResponse>, Refusal> {
    change(&shared, "let in again", node, |peers, node| {
        peers.unban(node)
    })
    .await
}

async fn change(
    shared: &Shared,
    what: &'static str,
    peer: String,
    work: impl FnOnce(&dyn PeerControl, &str) -> Result<(), PeerControlError> + Send + 'static,
) -> Result<Json<PeerResponse>, Refusal> {
    let work = move |context: &ControlContext| {
        work(network(context)?, &peer).map_err(of_peers)?;
        tracing::info!(peer, "an operator changed the peers: {what}");
        Ok(PeerResponse { peer })
    };
    shared.run(work).await.map(Json)
}

fn network(context: &ControlContext) -> Result<&dyn PeerControl, Problem> {
    context.peers.as_deref().ok_or_else(|| {
        let detail = "this node has no network: it was started without `--listen` and `--peer`";
        Problem::new(ProblemCode::NotFound, detail)
    })
}

fn of_peers(error: PeerControlError) -> Problem {
    match error {
        PeerControlError::Invalid(detail) => Problem::new(ProblemCode::InvalidParameter, detail),
        PeerControlError::NotFound(detail) => Problem::new(ProblemCode::NotFound, detail),
        PeerControlError::Failed(detail) => Problem::new(ProblemCode::Internal, detail),
    }
}
