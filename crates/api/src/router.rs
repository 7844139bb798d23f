//! The routes, and the bounds that hold for all of them.

use crate::limits::Shared;
use crate::problem::Refusal;
use crate::routes::{
    addresses, blocks, checkpoints, draws, operations, parameters, slots, status, stream,
};
use crate::slot_feed::SlotFeed;
use crate::{ApiConfig, ApiContext, ProblemCode};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;
use tokio::sync::watch;
use tower_http::timeout::TimeoutLayer;

/// The whole interface as one service. `stopped` ends the streams.
pub fn router(
    config: &ApiConfig,
    context: Arc<ApiContext>,
    stopped: watch::Receiver<bool>,
) -> Router {
    let feed = SlotFeed::start(&context, config.stream_history_slots);
    let shared = Shared::new(
        context,
        config.max_blocking_requests,
        config.request_timeout,
        config.max_batch,
    );
    let answers = Router::new()
        .route("/status", get(status::read))
        .route("/parameters", get(parameters::read))
        .route("/blocks/{id}", get(blocks::read))
        .route("/slots/{period}/{thread}", get(slots::read))
        .route("/checkpoints", get(checkpoints::latest))
        .route("/checkpoints/{period}/{thread}", get(checkpoints::read))
        .route("/addresses/{address}", get(addresses::read))
        .route("/addresses/{address}/draws", get(draws::read))
        .route("/operations", post(operations::submit))
        .route("/operations/batch", post(operations::submit_batch))
        .route("/operations/{id}", get(operations::read))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            config.request_timeout,
        ))
        .layer(axum::middleware::map_response(explain))
        .with_state(shared);
    let streams = Router::new()
        .route("/stream/slots", get(stream::slots))
        .with_state(stream::Streams::new(feed, config.max_streams, stopped));
    Router::new()
        .nest("/api/v1", answers.merge(streams))
        .fallback(no_such_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(config.max_body_bytes))
}

pub(crate) async fn no_such_route(request: axum::extract::Request) -> Refusal {
    Refusal::new(
        ProblemCode::NoSuchRoute,
        format!("there is nothing at {}", request.uri().path()),
    )
}

pub(crate) async fn method_not_allowed(request: axum::extract::Request) -> Refusal {
    let detail = format!(
        "{} does not answer {}",
        request.uri().path(),
        request.method()
    );
    Refusal::new(ProblemCode::MethodNotAllowed, detail)
}

/// A time-out by the layer has no body of its own.
pub(crate) async fn explain(response: Response) -> Response {
    if response.status() == StatusCode::REQUEST_TIMEOUT {
        return Refusal::new(
            ProblemCode::Timeout,
            "the request took longer than this node allows",
        )
        .into_response();
    }
    response
}
