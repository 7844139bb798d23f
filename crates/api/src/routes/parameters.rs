//! `GET /parameters`: the chain.

use crate::limits::Shared;
use crate::types::ParametersResponse;
use axum::Json;
use axum::extract::State;

pub(crate) async fn read(State(shared): State<Shared>) -> Json<ParametersResponse> {
    let context = shared.context();
    Json(ParametersResponse {
        chain_id: context.chain_id,
        name: context.genesis.name.clone(),
        genesis_timestamp: context.genesis.genesis_timestamp,
        params: context.genesis.params.clone(),
    })
}
