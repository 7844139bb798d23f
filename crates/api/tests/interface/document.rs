//! Every route of the document, with good requests, and with bad ones of every kind: never our fault,
//! and always a problem.

use crate::schema::check;
use crate::world::{Answer, World, request};
use picot_api::{OPENAPI, ProblemCode};
use serde_json::{Map, Value as Json, json};
use std::io::{BufRead, BufReader};

/// What no part of a path or query should be.
const WRONG_TEXTS: [&str; 16] = [
    "x",
    "%00",
    "%ff%fe",
    "%F0%9F%92%A5",
    "-1",
    "1e9",
    "0x10",
    "18446744073709551616",
    "4/1",
    "4%2F",
    "..",
    "%2e%2e%2f",
    "addr1",
    "blk1qqqqqqqqqqqqqqqq",
    "%27%20or%201=1",
    "null",
];

fn document() -> Json {
    serde_json::from_str(OPENAPI).unwrap()
}

/// A route of the interface under test; those of control are on another listener.
struct Route {
    path: String,
    method: String,
    operation: Json,
}

fn routes() -> Vec<Route> {
    let document = document();
    let paths = document["paths"].as_object().unwrap().iter();
    let routes = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| Route {
            path: path.clone(),
            method: method.to_uppercase(),
            operation: operation.clone(),
        })
    });
    let routes = routes.filter(|route| !route.path.starts_with("/control/"));
    let routes: Vec<_> = routes.collect();
    assert!(routes.len() > 30, "{}", routes.len());
    routes
}

impl Route {
    fn parameters(&self, place: &str) -> Vec<(String, Json, bool)> {
        let parameters = self.operation["parameters"].as_array();
        let parameters = parameters.into_iter().flatten();
        let here = parameters.filter(|parameter| parameter["in"] == place);
        let told = here.map(|it| {
            let name = it["name"].as_str().unwrap().to_owned();
            (name, it["example"].clone(), it["required"] == true)
        });
        told.collect()
    }

    /// The path with its examples, but one part replaced.
    fn filled(&self, replaced: Option<(&str, &str)>) -> String {
        let mut path = self.path.clone();
        for (name, example, _) in self.parameters("path") {
            let text = match replaced {
                Some((wrong, text)) if wrong == name => text.to_owned(),
                _ => plain(&example),
            };
            path = path.replace(&format!("{{{name}}}"), &text);
        }
        path
    }

    /// The query of what is needed, of all examples, or with one part replaced.
    fn query(&self, with_all: bool, replaced: Option<(&str, &str)>) -> String {
        let mut parts = Vec::new();
        for (name, example, required) in self.parameters("query") {
            let text = match replaced {
                Some((wrong, text)) if wrong == name => text.to_owned(),
                _ if (required || with_all) && !example.is_null() => plain(&example),
                _ => continue,
            };
            parts.push(format!("{name}={text}"));
        }
        if parts.is_empty() {
            String::new()
        } else {
            format!("?{}", parts.join("&"))
        }
    }

    fn body(&self) -> Option<Json> {
        let content = &self.operation["requestBody"]["content"]["application/json"];
        content.get("example").cloned()
    }

    fn is_stream(&self) -> bool {
        self.path.contains("/stream/")
    }

    fn statuses(&self) -> Vec<u16> {
        let statuses = self.operation["responses"].as_object().unwrap().keys();
        statuses.map(|status| status.parse().unwrap()).collect()
    }

    fn send(&self, world: &World, target: &str, body: Option<&[u8]>) -> Answer {
        let json = [("content-type", "application/json")];
        let headers: &[_] = if body.is_some() { &json } else { &[] };
        let address = world.server.address();
        request(address, &self.method, target, headers, body.unwrap_or(b""))
    }
}

fn plain(example: &Json) -> String {
    match example {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whatever was asked: not our fault, and if it is refused, by a problem that the document tells.
fn assert_well(route: &Route, asked: &str, answer: &Answer) {
    assert!(
        answer.status < 500,
        "{} {asked}: {}",
        route.method,
        answer.text()
    );
    if answer.status >= 400 {
        let problem = answer.problem();
        let is_elsewhere = [ProblemCode::NoSuchRoute, ProblemCode::MethodNotAllowed];
        if !is_elsewhere.contains(&problem.code) {
            let told = route.statuses();
            assert!(
                told.contains(&answer.status),
                "{} {asked}: {problem:?}",
                route.method
            );
        }
    }
}

#[test]
fn the_document_is_what_types_and_routes_say() {
    assert!(
        OPENAPI == picot_api::openapi::document_text(),
        "crates/api/openapi.json is old: run `cargo xtask openapi`"
    );
}

#[test]
fn every_reference_of_the_document_leads_somewhere_and_ids_are_distinct() {
    let document = document();
    let mut open = vec![&document];
    let mut ids = std::collections::BTreeSet::new();
    while let Some(json) = open.pop() {
        match json {
            Json::Object(fields) => {
                if let Some(Json::String(reference)) = fields.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                if let Some(Json::String(id)) = fields.get("operationId") {
                    assert!(ids.insert(id), "{id} twice");
                }
                open.extend(fields.values());
            }
            Json::Array(items) => open.extend(items),
            _ => {}
        }
    }
}

#[test]
fn every_route_of_the_interface_is_in_the_document() {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let sources = [
        ("/api/v1", include_str!("../../src/router.rs")),
        ("/control/v1", include_str!("../../src/control/routes.rs")),
        (
            "/control/v1",
            include_str!("../../src/control/peer_routes.rs"),
        ),
    ];
    let mut found = 0;
    for (prefix, source) in sources {
        let routes = source.split(".route(").skip(1);
        for route in routes.filter_map(|rest| rest.split('"').nth(1)) {
            let is_told = paths.contains_key(&format!("{prefix}{route}"));
            assert!(is_told || paths.contains_key(route), "{prefix}{route}");
            found += 1;
        }
    }
    assert!(found > 35, "{found}");
}

#[test]
fn good_requests_are_answered_as_the_document_says() {
    let (world, document) = (World::new(), document());
    for route in routes() {
        for with_all in [false, true] {
            let target = route.filled(None) + &route.query(with_all, None);
            if route.is_stream() {
                let mut reader = BufReader::new(world.open(&target, &[]));
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                assert!(line.contains(" 200 "), "{target}: {line}");
                continue;
            }
            let body = route.body().map(|body| serde_json::to_vec(&body).unwrap());
            let answer = route.send(&world, &target, body.as_deref());
            assert_well(&route, &target, &answer);
            if answer.status >= 400 {
                // The examples are of no block and no certificate that the world has.
                assert_eq!(answer.problem().code, ProblemCode::NotFound, "{target}");
                continue;
            }
            let told = &route.operation["responses"][answer.status.to_string()];
            assert!(told.is_object(), "{target}: {} is not told", answer.status);
            let (content_type, content) =
                told["content"].as_object().unwrap().iter().next().unwrap();
            if content_type == "application/json" {
                assert_eq!(
                    answer.header("content-type"),
                    "application/json",
                    "{target}"
                );
                let checked = check(&document, &content["schema"], &answer.json(), "answer");
                assert_eq!(checked, Ok(()), "{} {target}", route.method);
            }
        }
    }
}

#[test]
fn answers_about_things_that_exist_are_as_the_document_says() {
    let (world, document) = (World::new(), document());
    let paths = &document["paths"];
    let block = world.final_block.id();
    let operation = world.final_block.operations[0].id();
    for (path, asked) in [
        ("/api/v1/blocks/{id}", format!("/api/v1/blocks/{block}")),
        (
            "/api/v1/blocks/{id}/operations",
            format!("/api/v1/blocks/{block}/operations"),
        ),
        (
            "/api/v1/operations/{id}",
            format!("/api/v1/operations/{operation}"),
        ),
        (
            "/api/v1/slots/{period}/{thread}/agreement",
            "/api/v1/slots/5/0/agreement".to_owned(),
        ),
        (
            "/api/v1/slots/{period}/{thread}",
            "/api/v1/slots/5/0".to_owned(),
        ),
    ] {
        let content = &paths[path]["get"]["responses"]["200"]["content"]["application/json"];
        let checked = check(&document, &content["schema"], &world.read(&asked), "answer");
        assert_eq!(checked, Ok(()), "{asked}");
    }
}

#[test]
fn wrong_parts_of_paths_and_queries_are_refused_with_a_problem() {
    let world = World::new();
    let mut taken = Vec::new();
    let long = "a".repeat(4_000);
    let wrong = || WRONG_TEXTS.into_iter().chain([long.as_str()]);
    for route in routes().iter().filter(|route| !route.is_stream()) {
        let body = route.body().map(|body| serde_json::to_vec(&body).unwrap());
        for (name, ..) in route.parameters("path") {
            for text in wrong() {
                let target = route.filled(Some((&name, text))) + &route.query(false, None);
                let answer = route.send(&world, &target, body.as_deref());
                assert_well(route, &target, &answer);
                // Digits are hexadecimal, too.
                let is_hex = text == "18446744073709551616" && name == "key";
                if answer.status < 400 && !is_hex {
                    taken.push(target);
                }
            }
        }
        for (name, ..) in route.parameters("query") {
            for text in wrong().chain([""]) {
                let target = route.filled(None) + &route.query(false, Some((&name, text)));
                let answer = route.send(&world, &target, body.as_deref());
                assert_well(route, &target, &answer);
                // The only one of them that is right somewhere: as a slot.
                let is_slot = text == "4/1" && ["before", "from", "to"].contains(&name.as_str());
                if answer.status < 400 && !is_slot {
                    taken.push(target);
                }
            }
        }
    }
    assert!(taken.is_empty(), "{taken:#?}");
}

#[test]
fn parameters_that_no_route_knows_are_refused() {
    let world = World::new();
    for route in routes() {
        if route.parameters("query").is_empty() {
            continue;
        }
        let glue = if route.query(false, None).is_empty() {
            '?'
        } else {
            '&'
        };
        let target = route.filled(None) + &route.query(false, None);
        let answer = route.send(&world, &format!("{target}{glue}surprise=1"), None);
        assert_eq!(
            answer.problem().code,
            ProblemCode::InvalidParameter,
            "{target}"
        );
    }
}

/// Bodies that are none, or not of the right shape.
fn wrong_bodies(good: &Json) -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "null",
        "true",
        "1",
        "\"text\"",
        "[]",
        "[1]",
        "{}",
        "{",
        "}",
        "{\"",
        "{\"a\":}",
        "{\"a\":1}",
        "nul",
        "1e999",
        "-0",
        "\u{feff}{}",
        "{\"content\":{}}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    bodies.push(vec![0xff, 0xfe, 0x00]);
    bodies.push(b"[".repeat(100_000));
    bodies.push(b"{\"a\":".repeat(100_000));
    bodies.push(format!("\"{}\"", "a".repeat(1_000_000)).into_bytes());
    let whole = serde_json::to_vec(good).unwrap();
    bodies.push(whole[..whole.len() / 2].to_vec());
    bodies.push([whole.as_slice(), b"x"].concat());
    for changed in changed(good) {
        bodies.push(serde_json::to_vec(&changed).unwrap());
    }
    bodies
}

/// The value with each of its parts, at any depth, left out or replaced by what it should not be.
fn changed(good: &Json) -> Vec<Json> {
    let wrong = [
        Json::Null,
        json!(true),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!("wrong"),
        json!(""),
        json!([]),
        json!({}),
        json!("9".repeat(1_000)),
    ];
    let mut all = Vec::new();
    let object = good.as_object().cloned().unwrap_or_default();
    for name in object.keys() {
        let mut without = object.clone();
        without.remove(name);
        all.push(Json::Object(without));
        let parts = wrong.iter().cloned().chain(changed(&object[name]));
        all.extend(parts.map(|part| {
            let mut other: Map<_, _> = object.clone();
            other.insert(name.clone(), part);
            Json::Object(other)
        }));
    }
    if let Some([first, ..]) = good.as_array().map(Vec::as_slice) {
        all.extend(changed(first).into_iter().map(|item| json!([item])));
    }
    all
}

#[test]
fn wrong_bodies_of_every_kind_are_refused_with_a_problem() {
    let world = World::new();
    let (mut tried, mut taken) = (0, Vec::new());
    for route in routes() {
        let Some(good) = route.body() else {
            continue;
        };
        for body in wrong_bodies(&good) {
            let target = route.filled(None);
            let answer = route.send(&world, &target, Some(&body));
            let told = String::from_utf8_lossy(&body[..body.len().min(2_000)]).into_owned();
            assert_well(&route, &format!("{target} with {told}"), &answer);
            tried += 1;
            // The pool of this world checks nothing, so any period will do, and no operations are a batch.
            let is_good = [
                &b"\"expire_period\":18446744073709551615"[..],
                b"{\"operations\":[]}",
            ];
            let is_good = is_good
                .iter()
                .any(|part| body.windows(part.len()).any(|it| it == *part));
            if answer.status < 400 && !is_good {
                taken.push(format!("{target} with {told}: {}", answer.text()));
            }
        }
        let whole = serde_json::to_vec(&good).unwrap();
        let address = world.server.address();
        for content_type in ["text/plain", "application/xml", ""] {
            let headers = [("content-type", content_type)];
            let answer = request(address, "POST", &route.path, &headers, &whole);
            assert_eq!(
                answer.problem().code,
                ProblemCode::InvalidBody,
                "{content_type}"
            );
        }
        let large = vec![b' '; 4 * 1024 * 1024 + 1];
        let answer = route.send(&world, &route.path, Some(&large));
        assert_eq!(answer.problem().code, ProblemCode::BodyTooLarge);
    }
    assert!(tried > 150, "{tried}");
    assert!(taken.is_empty(), "{taken:#?}");
}

#[test]
fn fields_that_a_request_does_not_have_are_refused() {
    let world = World::new();
    for (path, of) in [
        ("/api/v1/operations/batch", "operations"),
        ("/api/v1/operations/simulate", "operation"),
    ] {
        let route = routes().into_iter().find(|it| it.path == path).unwrap();
        let mut body = route.body().unwrap();
        assert!(body.get(of).is_some());
        body["surprise"] = json!(1);
        let problem = world.post(path, &body).problem();
        assert_eq!(problem.code, ProblemCode::InvalidBody, "{path}");
        assert!(problem.detail.contains("surprise"), "{problem:?}");
    }
}

#[test]
fn other_methods_are_refused_with_a_problem() {
    let world = World::new();
    let document = document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        if path.starts_with("/control/") {
            continue;
        }
        let filled = routes()
            .into_iter()
            .find(|it| it.path == *path)
            .unwrap()
            .filled(None);
        for method in [
            "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "STRANGE",
        ] {
            if methods.get(method.to_lowercase()).is_some() {
                continue;
            }
            let answer = request(world.server.address(), method, &filled, &[], b"");
            let problem = answer.problem();
            assert_eq!(
                problem.code,
                ProblemCode::MethodNotAllowed,
                "{method} {filled}"
            );
        }
    }
}
