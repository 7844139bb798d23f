//! The routes of the control interface.

use super::route::{Route, Schemas};
use super::routes::example_address;
use crate::control::types::{
    AddKeyRequest, AddPeerRequest, BanRequest, FactoriesResponse, FactoryName, FactoryStatus,
    HistoryResponse, KeyResponse, KeysResponse, PeerResponse, PeersResponse, SwitchRequest,
};
use crate::types::ProblemCode;
use picot_api_types::schema;
use serde_json::{Value as Json, json};

const NODE: &str = "12D3KooWExample";

pub(super) fn routes(schemas: &mut Schemas) -> Vec<Route> {
    let mut routes = factories(schemas);
    routes.extend(keys(schemas));
    routes.extend(peers(schemas));
    routes
}

fn factories(schemas: &mut Schemas) -> Vec<Route> {
    let name = schemas.of::<FactoryName>();
    let slot = json!({ "type": "string", "pattern": "^[0-9]+/[0-9]+$" });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 });
    vec![
        Route::get(
            "/control/v1/factories",
            "control",
            "Both factories: switch, wait, counters.",
            schemas.of::<FactoriesResponse>(),
        ),
        Route::new(
            "put",
            "/control/v1/factories/{factory}",
            "control",
            "Switches a factory on or off.",
            schemas.of::<FactoryStatus>(),
        )
        .part("factory", name.clone(), "blocks")
        .body(schemas.of::<SwitchRequest>(), json!({ "enabled": true })),
        Route::get(
            "/control/v1/factories/{factory}/history",
            "control",
            "What was produced, or why not, and its fate; the latest first.",
            schemas.of::<HistoryResponse>(),
        )
        .part("factory", name, "blocks")
        .query(
            "before",
            "Those before this slot: `next` of the last answer.",
            slot,
            "9/0",
        )
        .query("limit", "How many are wanted.", limit, 100),
    ]
}

fn keys(schemas: &mut Schemas) -> Vec<Route> {
    let address = schemas.of::<schema::Address>();
    vec![
        Route::get(
            "/control/v1/keys",
            "control",
            "The keys, with rolls and refusals.",
            schemas.of::<KeysResponse>(),
        ),
        Route::new(
            "post",
            "/control/v1/keys",
            "control",
            "Adds a key, or makes one.",
            schemas.of::<KeyResponse>(),
        )
        .body(schemas.of::<AddKeyRequest>(), json!({ "secret_key": null }))
        .status(201)
        .problem(ProblemCode::NoWallet)
        .problem(ProblemCode::InvalidKey)
        .problem(ProblemCode::KeyNotAdded)
        .problem(ProblemCode::KeyFileChanged),
        Route::new(
            "delete",
            "/control/v1/keys/{address}",
            "control",
            "Removes a key: it signs nothing once this is answered.",
            schemas.of::<KeyResponse>(),
        )
        .part("address", address.clone(), example_address())
        .problem(ProblemCode::NotFound)
        .problem(ProblemCode::NoWallet)
        .problem(ProblemCode::KeyFileChanged),
        Route::new(
            "delete",
            "/control/v1/keys/{address}/refusal",
            "control",
            "Lets a key sign again that was seen in use elsewhere.",
            schemas.of::<KeyResponse>(),
        )
        .part("address", address, example_address())
        .problem(ProblemCode::NotFound)
        .problem(ProblemCode::NoWallet),
    ]
}

fn peers(schemas: &mut Schemas) -> Vec<Route> {
    let text = || json!({ "type": "string" });
    let peer = schemas.of::<PeerResponse>();
    let of_node = |method, path, summary, peer: &Json| {
        Route::new(method, path, "control", summary, peer.clone())
            .part("node", text(), NODE)
            .problem(ProblemCode::NotFound)
    };
    vec![
        Route::get(
            "/control/v1/peers",
            "control",
            "Peers with their addresses and traffic, reserved ones and bans.",
            schemas.of::<PeersResponse>(),
        )
        .problem(ProblemCode::NotFound),
        Route::new(
            "post",
            "/control/v1/peers",
            "control",
            "Calls an address, once or, if it is reserved, for ever.",
            peer.clone(),
        )
        .body(
            schemas.of::<AddPeerRequest>(),
            json!({ "address": "/ip4/192.0.2.1/tcp/4700", "reserved": false }),
        )
        .status(201)
        .problem(ProblemCode::InvalidParameter)
        .problem(ProblemCode::NotFound),
        of_node(
            "delete",
            "/control/v1/peers/{node}",
            "Keeps no place for a node any more, and ends the connection with it.",
            &peer,
        ),
        of_node(
            "post",
            "/control/v1/peers/{node}/ban",
            "Refuses a node, and the address that it is connected from.",
            &peer,
        )
        .body(schemas.of::<BanRequest>(), json!({ "seconds": 600 })),
        of_node(
            "delete",
            "/control/v1/peers/{node}/ban",
            "Lets a node in again.",
            &peer,
        ),
    ]
}
