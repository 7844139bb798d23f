//! The document of the interface (OpenAPI 3.1): schemas from the types, routes from one table.
//!
//! It is checked in as `openapi.json`; `cargo xtask openapi` writes it anew, and a test fails if it is
//! not what the types say.

mod control_routes;
mod route;
mod routes;

use crate::types::{Problem, ProblemCode};
use route::{Route, Schemas, put};
use serde_json::{Map, Value as Json, json};

/// The document as it has to be checked in.
#[must_use]
pub fn document_text() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

fn document() -> Json {
    let mut schemas = Schemas::default();
    let problem = schemas.of::<Problem>();
    let mut paths: Map<String, Json> = Map::new();
    let mut routes = routes::routes(&mut schemas);
    routes.extend(control_routes::routes(&mut schemas));
    for route in routes {
        let operation = describe(&route, &problem);
        let path = paths
            .entry(route.path.to_owned())
            .or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(route.method.to_owned(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Picot node",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            "description": include_str!("openapi/description.md"),
        },
        "tags": tags(),
        "paths": paths,
        "components": {
            "schemas": schemas.into_json(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token in the file `control.json` of the node's data.",
                },
            },
        },
    })
}

fn tags() -> Json {
    let tags = [
        ("node", "How the node is."),
        ("chain", "Slots, blocks, votes and certificates."),
        ("operations", "Orders, and what becomes of them."),
        ("addresses", "What addresses have."),
        ("stake", "Stakers, cycles and draws."),
        ("streams", "What happens, as server-sent events."),
        (
            "control",
            "Production, keys and peers of the node. On a listener of its own, which is on \
             loopback only; all requests need the node's token.",
        ),
    ];
    let told = tags.map(|(name, description)| json!({ "name": name, "description": description }));
    told.into_iter().collect()
}

fn describe(route: &Route, problem: &Json) -> Json {
    let mut responses = Map::new();
    let (status, description, content) = &route.answer;
    let mut answer = json!({ "description": description });
    if let Some((content_type, schema)) = content {
        put(
            &mut answer,
            "content",
            json!({ *content_type: { "schema": schema } }),
        );
    }
    responses.insert(status.to_string(), answer);
    for status in route.statuses() {
        let codes = route.problems.iter();
        let codes: Vec<String> = codes
            .filter(|code| code.status() == status)
            .map(code_text)
            .collect();
        let description = format!("A problem: `{}`.", codes.join("`, `"));
        let content = json!({ "application/problem+json": { "schema": problem } });
        let answer = json!({ "description": description, "content": content });
        responses.insert(status.to_string(), answer);
    }
    let mut operation = json!({
        "tags": [route.tag],
        "operationId": route.operation_id(),
        "summary": route.summary,
        "responses": responses,
    });
    if !route.parameters.is_empty() {
        put(
            &mut operation,
            "parameters",
            route.parameters.clone().into(),
        );
    }
    if let Some((schema, example)) = &route.body {
        let mut content = json!({ "schema": schema });
        if !example.is_null() {
            put(&mut content, "example", example.clone());
        }
        let content = json!({ "application/json": content });
        put(
            &mut operation,
            "requestBody",
            json!({ "required": true, "content": content }),
        );
    }
    if route.tag == "control" {
        put(&mut operation, "security", json!([{ "token": [] }]));
    }
    operation
}

fn code_text(code: &ProblemCode) -> String {
    let json = serde_json::to_value(code).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}
