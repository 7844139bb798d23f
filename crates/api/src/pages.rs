//! What is not JSON: the dashboard at `/`, the figures at `/metrics`, and the document of the
//! interface with a page to read it.
//!
//! Pages load nothing but what this node serves: their security policy says so to the browser.

use crate::limits::Shared;
use crate::metrics::ApiMetrics;
use crate::problem::{Refusal, internal};
use crate::{Problem, ProblemCode};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use picot_dashboard::{Asset, CONTENT_SECURITY_POLICY, asset};
use std::sync::Arc;
use tokio::time::Instant;

/// The document of the interface, generated from the types.
pub const OPENAPI: &str = include_str!("../openapi.json");

const DOCS_HTML: &str = include_str!("../pages/docs.html");
const DOCS_JS: &str = include_str!("../pages/docs.js");
const DOCS_CSS: &str = include_str!("../pages/docs.css");

/// The document, and a page to read it.
pub(crate) fn document() -> Router {
    let page = |content_type: &'static str, text: &'static str| {
        get(move || async move { page(content_type, text.as_bytes()) })
    };
    Router::new()
        .route("/openapi.json", page("application/json", OPENAPI))
        .route("/docs", page("text/html; charset=utf-8", DOCS_HTML))
        .route("/docs.js", page("text/javascript; charset=utf-8", DOCS_JS))
        .route("/docs.css", page("text/css; charset=utf-8", DOCS_CSS))
}

/// The dashboard: its files are known by name, so there is no path that could lead elsewhere.
pub(crate) fn dashboard() -> Router {
    let route = |path: &'static str| {
        get(move |headers: HeaderMap| async move {
            match asset(path) {
                Some(asset) => answer(&asset, &headers),
                None => Refusal::new(ProblemCode::NotFound, path).into_response(),
            }
        })
    };
    let paths = picot_dashboard::paths();
    let routes = paths.fold(Router::new(), |routes, path| {
        routes.route(&format!("/{path}"), route(path))
    });
    routes.route("/", route(""))
}

/// The whole file, or that the browser has it already.
fn answer(asset: &Asset, headers: &HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH);
    let known = known.and_then(|value| value.to_str().ok()).unwrap_or("");
    let is_known = known.split(',').any(|tag| tag.trim() == asset.etag);
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        page(asset.content_type, asset.bytes)
    };
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// A file with the headers by which a browser treats it as what it is, and loads nothing else.
fn page(content_type: &'static str, bytes: &'static [u8]) -> Response {
    let headers: [(HeaderName, &str); 6] = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, bytes).into_response()
}

/// `GET /metrics`
pub(crate) async fn metrics(State(shared): State<Shared>) -> Result<Response, Refusal> {
    let (text, content_type) = shared
        .run(|interface| {
            let Some(metrics) = &interface.metrics else {
                let detail = "this node tells no figures";
                return Err(Problem::new(ProblemCode::NotFound, detail));
            };
            metrics
                .page()
                .ok_or_else(|| internal(&std::io::Error::other("the figures cannot be written")))
        })
        .await?;
    Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
}

/// Counts each request by the route that it took.
pub(crate) fn counted(routes: Router, metrics: Option<Arc<dyn ApiMetrics>>) -> Router {
    let Some(metrics) = metrics else {
        return routes;
    };
    routes.layer(axum::middleware::from_fn(
        move |request: Request, next: Next| {
            let metrics = Arc::clone(&metrics);
            async move {
                let route = request.extensions().get::<MatchedPath>().cloned();
                let begin = Instant::now();
                let response = next.run(request).await;
                let route = route.as_ref().map(MatchedPath::as_str);
                metrics.answered(route, response.status().as_u16(), begin.elapsed());
                response
            }
        },
    ))
}
