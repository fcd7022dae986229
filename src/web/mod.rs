//! What does the exporter answer over HTTP?

mod listener;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::get;
use jiff::Timestamp;
use tower_http::catch_panic::CatchPanicLayer;

use crate::exposition::Exposition;
use crate::store::Store;
use crate::telemetry::Telemetry;

pub use listener::serve;

const HEALTHY_PATH: &str = "/-/healthy";
const READY_PATH: &str = "/-/ready";

/// What the handlers read. None of them can reach the vendor.
pub struct Site {
    pub exposition: Exposition,
    pub store: Arc<Store>,
    pub telemetry: Arc<Telemetry>,
    /// Where the metrics are: `/metrics`, unless the operator says otherwise.
    pub telemetry_path: String,
}

/// The exporter's routes.
pub fn routes(site: Arc<Site>) -> Router {
    let mut router =
        Router::new().route("/", get(status_page)).route(HEALTHY_PATH, get(healthy)).route(READY_PATH, get(ready));
    if site.telemetry_path != "/" {
        router = router.route(&site.telemetry_path, get(metrics));
    }
    router
        .layer(middleware::from_fn_with_state(Arc::clone(&site), count))
        .layer(CatchPanicLayer::new())
        .with_state(site)
}

async fn metrics(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response<Body> {
    site.exposition.respond(&headers, Timestamp::now()).map(Body::new)
}

async fn status_page(State(site): State<Arc<Site>>) -> impl IntoResponse {
    let now = Timestamp::now();
    let page = status::page(&site.store.statuses(now), now, &site.telemetry_path);
    let headers: [(HeaderName, &str); 4] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers.map(|(name, value)| (name, HeaderValue::from_static(value))), page)
}

/// The process answers: nothing else is asked of it here, least of all the vendor.
async fn healthy() -> &'static str {
    "healthy\n"
}

async fn ready(State(site): State<Arc<Site>>) -> impl IntoResponse {
    if site.store.all_tried() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: some reports were not polled yet\n")
    }
}

async fn count(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response<Body> {
    let handler = match request.uri().path() {
        path if path == site.telemetry_path => "metrics",
        "/" => "status",
        HEALTHY_PATH => "healthy",
        READY_PATH => "ready",
        _ => "other",
    };
    let response = next.run(request).await;
    site.telemetry.request_answered(handler, response.status().as_u16());
    response
}
