//! The routes of the control interface. All of them need the token.

use super::convert::{factory_status, history_entry};
use super::types::{
    AddKeyRequest, FactoriesResponse, FactoryName, FactoryStatus, HistoryResponse, KeyResponse,
    KeyStatus, KeysResponse, SwitchRequest,
};
use super::{ControlContext, KeyControl};
use crate::extract::{JsonBody, PathParts, QueryParts};
use crate::limits::Places;
use crate::problem::Refusal;
use crate::routes::page;
use crate::{ApiConfig, Problem, ProblemCode};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use picot_block_factory::FactoryError;
use picot_execution::Level;
use picot_models::{Address, Slot};
use picot_wallet::WalletError;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use tower_http::timeout::TimeoutLayer;
use zeroize::Zeroizing;

/// Lines of a history in one answer, unless told otherwise.
const HISTORY_ENTRIES: usize = 100;
/// Bytes of a body: a key takes less than a hundred.
const MAX_BODY_BYTES: usize = 4_096;

type Shared = Places<ControlContext>;

/// The control interface as one service.
pub(crate) fn router(config: &ApiConfig, context: Arc<ControlContext>) -> Router {
    let token = context.token.clone();
    let shared = Places::new(
        context,
        config.max_blocking_requests,
        config.request_timeout,
        config.max_batch,
    );
    let check = move |request: Request, next: Next| {
        let token = token.clone();
        async move {
            let given = request.headers().get(header::AUTHORIZATION);
            if given.is_some_and(|given| token.is_in(given.as_bytes())) {
                return next.run(request).await;
            }
            let detail = "this interface needs `Authorization: Bearer` and the node's token";
            Refusal::new(ProblemCode::Unauthorized, detail).into_response()
        }
    };
    let routes = Router::new()
        .route("/factories", get(factories))
        .route("/factories/{factory}", put(switch))
        .route("/factories/{factory}/history", get(history))
        .route("/keys", get(keys))
        .route("/keys", post(add_key))
        .route("/keys/{address}", delete(remove_key))
        .route("/keys/{address}/refusal", delete(clear_refusal))
        .merge(super::peer_routes::routes())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            config.request_timeout,
        ))
        .layer(axum::middleware::map_response(crate::router::explain))
        .with_state(shared);
    Router::new()
        .nest("/control/v1", routes)
        .fallback(crate::router::no_such_route)
        .method_not_allowed_fallback(crate::router::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(axum::middleware::from_fn(check))
}

async fn factories(State(shared): State<Shared>) -> Result<Json<FactoriesResponse>, Refusal> {
    let read = |context: &ControlContext| {
        let factories = FactoryName::ALL.map(|factory| status(context, factory));
        Ok(FactoriesResponse {
            factories: factories.to_vec(),
        })
    };
    shared.run(read).await.map(Json)
}

fn status(context: &ControlContext, factory: FactoryName) -> FactoryStatus {
    match factory {
        FactoryName::Blocks => {
            let blocks = &context.blocks;
            factory_status(
                factory,
                blocks.is_enabled(),
                blocks.startup(),
                blocks.stats(),
            )
        }
        FactoryName::Endorsements => {
            let endorsements = &context.endorsements;
            factory_status(
                factory,
                endorsements.is_enabled(),
                endorsements.startup(),
                endorsements.stats(),
            )
        }
    }
}

async fn switch(
    State(shared): State<Shared>,
    PathParts(factory): PathParts<FactoryName>,
    JsonBody(SwitchRequest { enabled }): JsonBody<SwitchRequest>,
) -> Result<Json<FactoryStatus>, Refusal> {
    let switch = move |context: &ControlContext| {
        let switched = match factory {
            FactoryName::Blocks => context.blocks.set_enabled(enabled),
            FactoryName::Endorsements => context.endorsements.set_enabled(enabled),
        };
        switched.map_err(|error| of_factory(&error))?;
        tracing::info!(%factory, enabled, "an operator switched production");
        Ok(status(context, factory))
    };
    shared.run(switch).await.map(Json)
}

/// Where a history is read from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryQuery {
    before: Option<String>,
    limit: Option<usize>,
}

async fn history(
    State(shared): State<Shared>,
    PathParts(factory): PathParts<FactoryName>,
    QueryParts(query): QueryParts<HistoryQuery>,
) -> Result<Json<HistoryResponse>, Refusal> {
    let before = query.before.as_deref();
    let before: Option<Slot> = before
        .map(|text| crate::routes::parse("slot", text))
        .transpose()?;
    let limit = page::limit(query.limit.or(Some(HISTORY_ENTRIES)))?;
    let read = move |context: &ControlContext| read_history(context, factory, before, limit);
    shared.run(read).await.map(Json)
}

fn read_history(
    context: &ControlContext,
    factory: FactoryName,
    before: Option<Slot>,
    limit: usize,
) -> Result<HistoryResponse, Problem> {
    // One more, to know whether there is more.
    let max = limit.saturating_add(1);
    let entries = match factory {
        FactoryName::Blocks => context.blocks.history(before, max),
        FactoryName::Endorsements => context.endorsements.history(before, max),
    };
    let mut entries = entries.map_err(|error| of_factory(&error))?;
    let mut next = None;
    if entries.len() > limit {
        entries.truncate(limit);
        // Lines of a slot stay together, unless there are more of them than an answer may have.
        let last = entries.last().map(|entry| entry.slot);
        let is_cut = |entry: &picot_block_factory::HistoryEntry| Some(entry.slot) == last;
        if !entries.iter().all(is_cut) {
            entries.retain(|entry| !is_cut(entry));
        }
        next = entries.last().map(|entry| entry.slot);
    }
    Ok(HistoryResponse {
        factory,
        entries: entries.into_iter().map(history_entry).collect(),
        next,
    })
}

async fn keys(State(shared): State<Shared>) -> Result<Json<KeysResponse>, Refusal> {
    let read = |context: &ControlContext| {
        let (held, refusals) = (context.keys.addresses(), context.keys.refusals());
        let all: BTreeSet<_> = held.iter().chain(refusals.keys()).copied().collect();
        let keys = all.into_iter().map(|address| KeyStatus {
            held: held.contains(&address),
            thread: address.thread(context.thread_count),
            rolls: context.execution.rolls(Level::Final, &address).ok(),
            refused: refusals.get(&address).cloned(),
            address,
        });
        Ok(KeysResponse {
            locked: context.keys.is_locked(),
            keys: keys.collect(),
        })
    };
    shared.run(read).await.map(Json)
}

async fn add_key(
    State(shared): State<Shared>,
    JsonBody(AddKeyRequest { secret_key }): JsonBody<AddKeyRequest>,
) -> Result<(StatusCode, Json<KeyResponse>), Refusal> {
    let secret_key = secret_key.map(Zeroizing::new);
    let added = on_key(&shared, "added", move |keys| match &secret_key {
        Some(text) => keys.add(text),
        None => keys.generate(),
    });
    Ok((StatusCode::CREATED, added.await?))
}

async fn remove_key(
    State(shared): State<Shared>,
    PathParts(address): PathParts<String>,
) -> Result<Json<KeyResponse>, Refusal> {
    let address: Address = crate::routes::parse("address", &address)?;
    let remove = move |keys: &dyn KeyControl| keys.remove(&address).map(|()| address);
    on_key(&shared, "removed", remove).await
}

async fn clear_refusal(
    State(shared): State<Shared>,
    PathParts(address): PathParts<String>,
) -> Result<Json<KeyResponse>, Refusal> {
    let address: Address = crate::routes::parse("address", &address)?;
    let clear = move |context: &ControlContext| {
        let cleared = context.keys.clear_refusal(&address);
        if cleared.map_err(|error| of_wallet(&error))? {
            tracing::warn!(%address, "an operator lets a key sign that was seen in use elsewhere");
            return Ok(KeyResponse { address });
        }
        let detail = format!("the key of {address} is not refused");
        Err(Problem::new(ProblemCode::NotFound, detail))
    };
    shared.run(clear).await.map(Json)
}

async fn on_key(
    shared: &Shared,
    what: &'static str,
    work: impl FnOnce(&dyn KeyControl) -> Result<Address, WalletError> + Send + 'static,
) -> Result<Json<KeyResponse>, Refusal> {
    let work = move |context: &ControlContext| {
        let address = work(&*context.keys).map_err(|error| of_wallet(&error))?;
        tracing::info!(%address, "an operator {what} a key");
        Ok(KeyResponse { address })
    };
    shared.run(work).await.map(Json)
}

fn of_factory(error: &FactoryError) -> Problem {
    // Whoever has the token may know the causes.
    tracing::error!(%error, "a factory failed to answer");
    Problem::of_error(ProblemCode::Internal, error)
}

fn of_wallet(error: &WalletError) -> Problem {
    let code = match error {
        WalletError::Locked | WalletError::NotFound(_) => ProblemCode::NoWallet,
        WalletError::UnknownAddress(_) => ProblemCode::NotFound,
        WalletError::DuplicateKey(_) | WalletError::Full(_) => ProblemCode::KeyNotAdded,
        WalletError::KeyText(_) | WalletError::WeakKey => ProblemCode::InvalidKey,
        WalletError::ChangedOnDisk(_) => ProblemCode::KeyFileChanged,
        _ => ProblemCode::Internal,
    };
    Problem::of_error(code, error)
}
