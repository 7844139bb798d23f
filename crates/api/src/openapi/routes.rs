//! The routes of the interface.

use super::route::{Route, Schemas};
use crate::types::{
    AddressResponse, AgreementResponse, BlockOperationsResponse, BlockResponse, BlocksResponse,
    CandidateEvent, CheckpointResponse, CheckpointsResponse, CyclesResponse, DatastoreResponse,
    DecidedEvent, DrawsResponse, FeesResponse, LeadingEvent, LiveResponse, MissedEvent,
    OpenedEvent, OperationEvent, OperationResponse, ParametersResponse, PendingOperationsResponse,
    PoolResponse, ProblemCode, ProductionResponse, PublicPeersResponse, ReadyResponse, RoundEvent,
    SimulateRequest, SimulateResponse, SlotDrawsResponse, SlotEvent, SlotResponse, SlotsResponse,
    StakersResponse, StatusResponse, SubmitBatchRequest, SubmitBatchResponse, SubmitResponse,
    Topic,
};
use picot_api_types::schema;
use picot_models::{
    Address, Amount, BlockId, Hash, Operation, OperationId, OperationKind, SecretKey, Signed,
};
use serde_json::{Value as Json, json, to_value};

pub(super) fn routes(schemas: &mut Schemas) -> Vec<Route> {
    let mut routes = node(schemas);
    routes.extend(chain(schemas));
    routes.extend(operations(schemas));
    routes.extend(addresses(schemas));
    routes.extend(stake(schemas));
    routes.extend(streams(schemas));
    routes
}

fn text() -> Json {
    json!({ "type": "string" })
}

fn number() -> Json {
    json!({ "type": "integer", "minimum": 0 })
}

fn slot() -> Json {
    json!({ "type": "string", "pattern": "^[0-9]+/[0-9]+$" })
}

fn example_key() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

pub(super) fn example_address() -> String {
    Address::of_key(&example_key().public_key()).to_string()
}

fn example_block() -> String {
    BlockId::from(Hash([1; 32])).to_string()
}

fn example_operation_id() -> String {
    OperationId::from(Hash([1; 32])).to_string()
}

fn example_order() -> Operation {
    Operation {
        fee: Amount::from_nanos(10_000_000),
        expire_period: 12,
        kind: OperationKind::Transfer {
            recipient: Address::of_key(&SecretKey::from_seed([2; 32]).public_key()),
            amount: Amount::from_nanos(12_500_000_000),
        },
    }
}

fn example_signed() -> Json {
    let chain = Hash([0; 32]).into();
    let signed = Signed::sign(example_order(), &example_key(), &chain);
    to_value(signed.envelope()).unwrap_or_default()
}

fn node(schemas: &mut Schemas) -> Vec<Route> {
    let mut routes = vec![
        Route::get(
            "/api/v1/status",
            "node",
            "How the node is.",
            schemas.of::<StatusResponse>(),
        ),
        Route::get(
            "/api/v1/parameters",
            "node",
            "The chain and its parameters.",
            schemas.of::<ParametersResponse>(),
        ),
        Route::get(
            "/api/v1/peers",
            "node",
            "Who is connected, without where they are.",
            schemas.of::<PublicPeersResponse>(),
        ),
        Route::get(
            "/api/v1/openapi.json",
            "node",
            "This document.",
            json!({ "type": "object" }),
        ),
        Route::get(
            "/api/v1/docs",
            "node",
            "A page to read this document.",
            text(),
        )
        .content("The page.", "text/html; charset=utf-8"),
        Route::get("/", "node", "The dashboard.", text())
            .content("The page.", "text/html; charset=utf-8"),
        Route::get(
            "/metrics",
            "node",
            "The figures of the node, for Prometheus.",
            text(),
        )
        .content(
            "The figures.",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )
        .problem(ProblemCode::NotFound),
    ];
    for path in ["/health/live", "/api/v1/health/live"] {
        let answer = schemas.of::<LiveResponse>();
        routes.push(Route::get(
            path,
            "node",
            "Whether the node answers.",
            answer,
        ));
    }
    for path in ["/health/ready", "/api/v1/health/ready"] {
        let answer = schemas.of::<ReadyResponse>();
        let summary = "Whether the node goes on and is in step with the others.";
        let route = Route::get(path, "node", summary, answer);
        routes.push(route.problem(ProblemCode::NotReady));
    }
    routes
}

fn chain(schemas: &mut Schemas) -> Vec<Route> {
    let slot_parts = |route: Route| {
        let thread = json!({ "type": "integer", "minimum": 0, "maximum": 255 });
        route.part("period", number(), 4).part("thread", thread, 1)
    };
    let block_id = schemas.of::<schema::BlockId>();
    let address = schemas.of::<schema::Address>();
    vec![
        Route::get(
            "/api/v1/slots",
            "chain",
            "The latest slots first, from the newest open one.",
            schemas.of::<SlotsResponse>(),
        )
        .query(
            "before",
            "Those before this slot: `next` of the last answer.",
            slot(),
            "5/0",
        )
        .limit(),
        slot_parts(Route::get(
            "/api/v1/slots/{period}/{thread}",
            "chain",
            "What is known of a slot, with its draws.",
            schemas.of::<SlotResponse>(),
        )),
        slot_parts(Route::get(
            "/api/v1/slots/{period}/{thread}/agreement",
            "chain",
            "Who voted for what in a slot, and what proves its decision.",
            schemas.of::<AgreementResponse>(),
        ))
        .problem(ProblemCode::NotFound),
        Route::get(
            "/api/v1/blocks",
            "chain",
            "The blocks of decided slots, the latest first.",
            schemas.of::<BlocksResponse>(),
        )
        .query(
            "before",
            "Those before this slot: `next` of the last answer.",
            slot(),
            "5/0",
        )
        .limit()
        .query(
            "producer",
            "Of this producer only.",
            address,
            example_address(),
        ),
        Route::get(
            "/api/v1/blocks/{id}",
            "chain",
            "A block that is decided or in flight.",
            schemas.of::<BlockResponse>(),
        )
        .part("id", block_id.clone(), example_block())
        .problem(ProblemCode::NotFound),
        Route::get(
            "/api/v1/blocks/{id}/operations",
            "chain",
            "The operations of a block, with what they came to.",
            schemas.of::<BlockOperationsResponse>(),
        )
        .part("id", block_id, example_block())
        .query("after", "`next` of the last answer.", text(), "0")
        .limit()
        .problem(ProblemCode::NotFound),
        Route::get(
            "/api/v1/checkpoints",
            "chain",
            "The newest certified checkpoint, and those that are being signed.",
            schemas.of::<CheckpointsResponse>(),
        ),
        slot_parts(Route::get(
            "/api/v1/checkpoints/{period}/{thread}",
            "chain",
            "The certified checkpoint of a slot.",
            schemas.of::<CheckpointResponse>(),
        ))
        .problem(ProblemCode::NotFound),
    ]
}

fn operations(schemas: &mut Schemas) -> Vec<Route> {
    let submitted = schemas.of::<schema::SubmittedOperation>();
    let batch = schemas.of::<SubmitBatchRequest>();
    let simulate = schemas.of::<SimulateRequest>();
    let address = schemas.of::<schema::Address>();
    let operation_id = schemas.of::<schema::OperationId>();
    let order = json!({ "sender": example_address(), "operation": example_order() });
    let refusals = [
        ProblemCode::InvalidSignature,
        ProblemCode::Expired,
        ProblemCode::TooEarly,
        ProblemCode::TooLarge,
        ProblemCode::FeeTooLow,
        ProblemCode::AlreadyPending,
        ProblemCode::AlreadyExecuted,
        ProblemCode::BalanceTooLow,
        ProblemCode::RollsTooFew,
        ProblemCode::NoContractEngine,
        ProblemCode::InvalidOperation,
        ProblemCode::PoolFull,
    ];
    let submit = Route::new(
        "post",
        "/api/v1/operations",
        "operations",
        "Submits a signed operation.",
        schemas.of::<SubmitResponse>(),
    )
    .body(submitted, example_signed())
    .status(202);
    vec![
        refusals.into_iter().fold(submit, Route::problem),
        Route::get(
            "/api/v1/operations",
            "operations",
            "What a sender has pending.",
            schemas.of::<PendingOperationsResponse>(),
        )
        .needed(
            "sender",
            "Whose operations.",
            address.clone(),
            example_address(),
        )
        .query(
            "after",
            "`next` of the last answer.",
            operation_id.clone(),
            Json::Null,
        )
        .limit(),
        Route::new(
            "post",
            "/api/v1/operations/batch",
            "operations",
            "Submits many signed operations: a result for each, in their order.",
            schemas.of::<SubmitBatchResponse>(),
        )
        .body(batch, json!({ "operations": [example_signed()] }))
        .problem(ProblemCode::BatchTooLarge),
        Route::new(
            "post",
            "/api/v1/operations/simulate",
            "operations",
            "What an operation would do if it were executed next. Nothing is kept.",
            schemas.of::<SimulateResponse>(),
        )
        .body(simulate, order)
        .problem(ProblemCode::TooLarge),
        Route::get(
            "/api/v1/operations/{id}",
            "operations",
            "How far an operation is, and what it came to.",
            schemas.of::<OperationResponse>(),
        )
        .part("id", operation_id, example_operation_id())
        .problem(ProblemCode::NotFound),
        Route::get(
            "/api/v1/pool",
            "operations",
            "What is pending, by thread, and what the pool takes in at most.",
            schemas.of::<PoolResponse>(),
        ),
        Route::get(
            "/api/v1/fees",
            "operations",
            "What a transfer should pay, by what is pending at this node now.",
            schemas.of::<FeesResponse>(),
        )
        .query("sender", "Who would send it.", address, example_address()),
    ]
}

fn addresses(schemas: &mut Schemas) -> Vec<Route> {
    let address = schemas.of::<schema::Address>();
    vec![
        Route::get(
            "/api/v1/addresses/{address}",
            "addresses",
            "Balance, rolls and deferred credits, final and candidate.",
            schemas.of::<AddressResponse>(),
        )
        .part("address", address.clone(), example_address()),
        Route::get(
            "/api/v1/addresses/{address}/draws",
            "addresses",
            "When the address is drawn, and what came of it.",
            schemas.of::<DrawsResponse>(),
        )
        .part("address", address.clone(), example_address())
        .query("from", "The first slot that is looked at.", slot(), "4/0")
        .query("to", "The first slot after those.", slot(), "6/0")
        .problem(ProblemCode::NotYetKnown)
        .problem(ProblemCode::NotFound),
        Route::get(
            "/api/v1/addresses/{address}/datastore/{key}",
            "addresses",
            "A value that a contract keeps.",
            schemas.of::<DatastoreResponse>(),
        )
        .part("address", address, example_address())
        .part("key", schemas.of::<schema::Hex>(), "0aff"),
    ]
}

fn stake(schemas: &mut Schemas) -> Vec<Route> {
    let address = schemas.of::<schema::Address>();
    let cursor = format!("3-{}", example_address());
    vec![
        Route::get(
            "/api/v1/stakers",
            "stake",
            "Who holds rolls, most rolls first.",
            schemas.of::<StakersResponse>(),
        )
        .query("after", "`next` of the last answer.", text(), cursor)
        .limit(),
        Route::get(
            "/api/v1/cycles",
            "stake",
            "The cycles that the node knows something of.",
            schemas.of::<CyclesResponse>(),
        ),
        Route::get(
            "/api/v1/cycles/{cycle}/production",
            "stake",
            "What each address that was drawn did in a cycle.",
            schemas.of::<ProductionResponse>(),
        )
        .part("cycle", number(), 0)
        .query("after", "`next` of the last answer.", address, Json::Null)
        .limit()
        .problem(ProblemCode::NotFound),
        Route::get(
            "/api/v1/draws",
            "stake",
            "Who is drawn for slots, from the present one.",
            schemas.of::<SlotDrawsResponse>(),
        )
        .query(
            "from",
            "The first slot: `next` of the last answer.",
            slot(),
            "4/0",
        )
        .limit()
        .problem(ProblemCode::NotYetKnown)
        .problem(ProblemCode::NotFound),
    ]
}

fn streams(schemas: &mut Schemas) -> Vec<Route> {
    // The data of events have schemas, too, by the names of the events.
    let events: [Json; 9] = [
        schemas.of::<OpenedEvent>(),
        schemas.of::<CandidateEvent>(),
        schemas.of::<LeadingEvent>(),
        schemas.of::<RoundEvent>(),
        schemas.of::<DecidedEvent>(),
        schemas.of::<SlotEvent>(),
        schemas.of::<OperationEvent>(),
        schemas.of::<MissedEvent>(),
        schemas.of::<Topic>(),
    ];
    let operations = schemas.of::<schema::OperationId>();
    debug_assert!(!events.is_empty());
    let topics = Topic::ALL.map(Topic::as_str).join(",");
    let stream = |path, summary| {
        Route::get(path, "streams", summary, text()).content("Events.", "text/event-stream")
    };
    vec![
        stream(
            "/api/v1/stream/slots",
            "Final slots: `slot` with `SlotEvent`, `missed` with `MissedEvent`. The header \
             `Last-Event-ID` resumes.",
        )
        .query("from", "The first slot that is wanted.", slot(), "4/0"),
        stream(
            "/api/v1/stream/events",
            "What happens: the name of an event is its topic, its data the schema of that name, \
             such as `DecidedEvent`; `slot` has `SlotEvent`. `missed` tells what a reader did not \
             get. The header `Last-Event-ID` resumes exactly.",
        )
        .query(
            "topics",
            "Separated by commas; all but `operation` without it.",
            text(),
            topics,
        )
        .query("from", "The first slot that is wanted.", slot(), "4/0")
        .query(
            "operation",
            "Whose fate is told: ids, separated by commas, at most 16.",
            operations,
            example_operation_id(),
        ),
    ]
}
