//! `GET /addresses/{address}/datastore/{key}`: a value that a contract keeps.

use crate::extract::PathParts;
use crate::interface::Interface;
use crate::limits::Shared;
use crate::problem::{Refusal, internal};
use crate::types::{DatastoreResponse, HexBytes};
use crate::{Problem, ProblemCode};
use axum::Json;
use axum::extract::State;
use picot_execution::Level;
use picot_models::Address;
use picot_models::limits::MAX_DATASTORE_KEY_BYTES;

pub(crate) async fn read(
    State(shared): State<Shared>,
    PathParts((address, key)): PathParts<(String, HexBytes)>,
) -> Result<Json<DatastoreResponse>, Refusal> {
    let address: Address = super::parse("address", &address)?;
    if key.0.len() > MAX_DATASTORE_KEY_BYTES {
        let detail = format!("a key has at most {MAX_DATASTORE_KEY_BYTES} bytes");
        return Err(Refusal::new(ProblemCode::InvalidParameter, detail));
    }
    shared
        .read(move |interface| find(interface, address, key))
        .await
        .map(Json)
}

fn find(
    interface: &Interface,
    address: Address,
    key: HexBytes,
) -> Result<DatastoreResponse, Problem> {
    let value = |level| {
        let value = interface.execution.datastore(level, &address, &key.0);
        let value = value.map_err(|error| internal(&error))?;
        Ok(value.map(HexBytes))
    };
    Ok(DatastoreResponse {
        address,
        final_value: value(Level::Final)?,
        candidate: value(Level::Candidate)?,
        key,
    })
}
