//! The routes, and the bounds that hold for all of them.

use crate::interface::Interface;
use crate::limits::Shared;
use crate::pages;
use crate::problem::Refusal;
use crate::routes::stream::Streams;
use crate::routes::{
    addresses, agreement, block_list, blocks, checkpoints, datastore, draws, events, health,
    network, operations, parameters, pool, slot_draws, slot_list, slots, stakers, status, stream,
};
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
    let metrics = context.metrics.clone();
    let interface = Arc::new(Interface::new(config, context));
    let streams = Streams::new(Arc::clone(&interface), config.max_streams, stopped);
    let shared = Shared::new(
        interface,
        config.max_blocking_requests,
        config.request_timeout,
        config.max_batch,
    );
    let answers = reads()
        .merge(writes())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            config.request_timeout,
        ))
        .layer(axum::middleware::map_response(explain))
        .with_state(shared.clone());
    let streams = Router::new()
        .route("/stream/slots", get(stream::slots))
        .route("/stream/events", get(events::events))
        .with_state(streams);
    let root = health_routes().route("/metrics", get(pages::metrics));
    let routes = Router::new()
        .nest("/api/v1", answers.merge(streams).merge(pages::document()))
        .merge(root.with_state(shared))
        .merge(pages::dashboard())
        .fallback(no_such_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(config.max_body_bytes));
    pages::counted(routes, metrics)
}

fn reads() -> Router<Shared> {
    Router::new()
        .route("/status", get(status::read))
        .route("/parameters", get(parameters::read))
        .route("/blocks", get(block_list::list))
        .route("/blocks/{id}", get(blocks::read))
        .route("/blocks/{id}/operations", get(block_list::operations))
        .route("/slots", get(slot_list::list))
        .route("/slots/{period}/{thread}", get(slots::read))
        .route("/slots/{period}/{thread}/agreement", get(agreement::read))
        .route("/checkpoints", get(checkpoints::latest))
        .route("/checkpoints/{period}/{thread}", get(checkpoints::read))
        .route("/addresses/{address}", get(addresses::read))
        .route("/addresses/{address}/draws", get(draws::read))
        .route("/addresses/{address}/datastore/{key}", get(datastore::read))
        .route("/operations/{id}", get(operations::read))
        .route("/stakers", get(stakers::stakers))
        .route("/cycles", get(stakers::cycles))
        .route("/cycles/{cycle}/production", get(stakers::production))
        .route("/draws", get(slot_draws::list))
        .route("/peers", get(network::peers))
        .route("/pool", get(pool::pool))
        .route("/fees", get(pool::fees))
        .merge(health_routes())
}

fn writes() -> Router<Shared> {
    Router::new()
        .route("/operations", get(pool::pending).post(operations::submit))
        .route("/operations/batch", post(operations::submit_batch))
        .route("/operations/simulate", post(pool::simulate))
}

fn health_routes() -> Router<Shared> {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
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
