//! Pages and figures: what a browser and Prometheus get.

use crate::world::{World, request};
use picot_api::{OPENAPI, ProblemCode};

#[test]
fn pages_are_served_with_a_policy_that_loads_nothing_from_elsewhere() {
    let world = World::new();
    let paths = [
        "/",
        "/index.html",
        "/api/v1/docs",
        "/api/v1/docs.js",
        "/api/v1/docs.css",
    ];
    for path in paths {
        let answer = world.get(path);
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(
            !answer.text().contains("http://"),
            "{path} names another place"
        );
        assert!(
            !answer.text().contains("https://"),
            "{path} names another place"
        );
    }
    assert_eq!(
        world.get("/").header("content-type"),
        "text/html; charset=utf-8"
    );
    let no_page = world.get("/nothing.html").problem();
    assert_eq!(no_page.code, ProblemCode::NoSuchRoute);
    for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/..%2fCargo.toml"] {
        assert_eq!(world.get(path).status, 404, "{path}");
    }
}

#[test]
fn a_browser_that_has_a_file_already_is_told_so() {
    let world = World::new();
    let first = world.get("/");
    let tag = first.header("etag").to_owned();
    assert!(!tag.is_empty());
    let ask = |tag: &str| {
        let headers = [("if-none-match", tag)];
        request(world.server.address(), "GET", "/", &headers, b"")
    };
    let again = ask(&tag);
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(ask("\"other\"").status, 200);
}

#[test]
fn the_document_is_served_as_it_is_checked_in() {
    let answer = World::new().get("/api/v1/openapi.json");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.text(), OPENAPI);
}

#[test]
fn figures_are_told_and_requests_counted_by_route() {
    let world = World::new();
    let figures = world.get("/metrics");
    assert_eq!(
        (figures.status, figures.text().as_str()),
        (200, "picot_test 1\n")
    );
    assert_eq!(figures.header("content-type"), "text/plain");
    world.get("/api/v1/blocks/wrong");
    world.get("/no/such/place");
    let counted = world.counts.answered.lock().clone();
    let expected = [
        (Some("/metrics".to_owned()), 200),
        (Some("/api/v1/blocks/{id}".to_owned()), 400),
        (None, 404),
    ];
    assert_eq!(counted, expected);
}
