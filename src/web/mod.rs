//! What does the exporter answer over HTTP?

mod listener;
mod status;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tokio::sync::{mpsc, oneshot};
use tower_http::catch_panic::CatchPanicLayer;

use crate::clock::Clock;
use crate::exposition::Exposition;
use crate::store::Store;
use crate::telemetry::Telemetry;

pub use listener::serve;

const HEALTHY_PATH: &str = "/-/healthy";
const READY_PATH: &str = "/-/ready";
const RELOAD_PATH: &str = "/-/reload";

/// Where the outcome of a reload is sent: the reason, if the config is wrong.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// What the handlers read. None of them can reach the vendor.
pub struct Site {
    pub exposition: Exposition,
    pub store: Arc<Store>,
    pub telemetry: Arc<Telemetry>,
    pub clock: Clock,
    /// Where the metrics are: `/metrics`, unless the operator says otherwise.
    pub telemetry_path: String,
    pub reload: mpsc::Sender<ReloadRequest>,
    /// Whether every report was tried or restored, ever.
    pub ready: AtomicBool,
}

/// The exporter's routes.
pub fn routes(site: Arc<Site>) -> Router {
    let mut router = Router::new()
        .route("/", get(status_page))
        .route(HEALTHY_PATH, get(healthy))
        .route(READY_PATH, get(ready))
        .route(RELOAD_PATH, post(reload));
    if site.telemetry_path != "/" {
        router = router.route(&site.telemetry_path, get(metrics));
    }
    router
        .layer(middleware::from_fn_with_state(Arc::clone(&site), count))
        .layer(CatchPanicLayer::new())
        .with_state(site)
}

async fn metrics(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response<Body> {
    let now = site.clock.now();
    if !site.exposition.is_heavy() {
        return site.exposition.respond(&headers, now).map(Body::new);
    }
    match tokio::task::spawn_blocking(move || site.exposition.respond(&headers, now)).await {
        Ok(response) => response.map(Body::new),
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    }
}

async fn status_page(State(site): State<Arc<Site>>) -> impl IntoResponse {
    let now = site.clock.now();
    let page = status::page(&site.store.view(now), now, &site.telemetry_path);
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
    // Once ready, ready: a report that a reload added makes nobody else's data worse.
    if site.ready.load(Ordering::Relaxed) || site.store.all_tried() {
        site.ready.store(true, Ordering::Relaxed);
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: some reports were not polled yet\n")
    }
}

/// Reads the config again; a wrong one changes nothing and is told.
async fn reload(State(site): State<Arc<Site>>) -> (StatusCode, String) {
    let (request, answer) = oneshot::channel();
    // Both fail only while the exporter stops.
    if site.reload.send(request).await.is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    match answer.await {
        Ok(Ok(())) => (StatusCode::OK, "reloaded\n".to_owned()),
        Ok(Err(reason)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{reason}\n")),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned()),
    }
}

async fn count(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response<Body> {
    let handler = match request.uri().path() {
        path if path == site.telemetry_path => "metrics",
        "/" => "status",
        HEALTHY_PATH => "healthy",
        READY_PATH => "ready",
        RELOAD_PATH => "reload",
        _ => "other",
    };
    let response = next.run(request).await;
    site.telemetry.request_answered(handler, response.status().as_u16());
    response
}
