//! The routes: each path of the exporter and what is answered there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tokio::sync::oneshot;
use tower_http::catch_panic::CatchPanicLayer;

use super::{HandlerContext, admission, reference, scrape_body, status};

const STATUS_JSON_PATH: &str = "/status.json";
const METRICS_DOC_PATH: &str = "/docs/metrics.md";
pub const HEALTHY_PATH: &str = "/-/healthy";
pub const READY_PATH: &str = "/-/ready";
const RELOAD_PATH: &str = "/-/reload";

/// Whether the metrics cannot be at a path, because something else is.
pub fn is_taken(path: &str) -> bool {
    path.starts_with("/-/") || [STATUS_JSON_PATH, METRICS_DOC_PATH].contains(&path)
}

/// The exporter's routes.
pub fn routes(context: Arc<HandlerContext>) -> Router {
    let mut router = Router::new()
        .route("/", get(status_page))
        .route(STATUS_JSON_PATH, get(status_json))
        .route(METRICS_DOC_PATH, get(metrics_doc))
        .route(HEALTHY_PATH, get(healthy))
        .route(READY_PATH, get(ready))
        .route(RELOAD_PATH, post(reload));
    if context.telemetry_path != "/" {
        router = router.route(&context.telemetry_path, get(metrics));
    }
    router
        .layer(middleware::from_fn_with_state(Arc::clone(&context), admission::admit))
        .layer(middleware::from_fn_with_state(Arc::clone(&context), count))
        .layer(CatchPanicLayer::new())
        .with_state(context)
}

async fn metrics(State(context): State<Arc<HandlerContext>>, headers: HeaderMap) -> Response<Body> {
    let now = context.clock.now();
    if !context.exposition.is_heavy() {
        return scrape_body::of_scrape(context.exposition.respond(&headers, now));
    }
    match tokio::task::spawn_blocking(move || context.exposition.respond(&headers, now)).await {
        Ok(scrape) => scrape_body::of_scrape(scrape),
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    }
}

async fn status_page(
    State(context): State<Arc<HandlerContext>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response<Body> {
    let asked = status::Asked::of(query.as_deref(), &headers);
    let language = HeaderValue::from_static(asked.language.code());
    let page = overview(context, move |context, overview| {
        let links = status::Links { json: STATUS_JSON_PATH, metrics: &context.telemetry_path, docs: METRICS_DOC_PATH };
        status::page(overview, &links, &asked)
    });
    let mut response = fresh("text/html; charset=utf-8", page.await);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, status::content_policy());
    headers.insert(CONTENT_LANGUAGE, language);
    headers.insert(VARY, HeaderValue::from_static("Accept-Language"));
    response
}

async fn status_json(State(context): State<Arc<HandlerContext>>) -> Response<Body> {
    let json =
        overview(context, |_, overview| serde_json::to_string(overview).expect("plain structs of texts and numbers"));
    fresh("application/json", json.await)
}

/// Shows how everything stands now, on a blocking thread: thousands of reports must not hold up a scrape.
async fn overview(
    context: Arc<HandlerContext>,
    show: impl FnOnce(&HandlerContext, &status::Overview<'_>) -> String + Send + 'static,
) -> String {
    let shown = tokio::task::spawn_blocking(move || {
        let now = context.clock.now();
        let in_force = context.config.borrow().clone();
        show(&context, &status::Overview::of(&context.store.view(now), &in_force, now))
    });
    shown.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

async fn metrics_doc(State(context): State<Arc<HandlerContext>>, headers: HeaderMap) -> Response<Body> {
    let catalog = Arc::clone(&context.config.borrow().config.catalog);
    let mut response = if reference::wants_page(&headers) {
        fresh("text/html; charset=utf-8", reference::page(&catalog))
    } else {
        fresh("text/plain; charset=utf-8", reference::text(&catalog))
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, status::content_policy());
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    response
}

/// A text that caches must not keep.
fn fresh(content_type: &'static str, text: String) -> Response<Body> {
    let headers: [(HeaderName, &str); 3] =
        [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers.map(|(name, value)| (name, HeaderValue::from_static(value))), text).into_response()
}

/// The process answers: nothing else is asked of it here, least of all the vendor.
async fn healthy() -> &'static str {
    "healthy\n"
}

async fn ready(State(context): State<Arc<HandlerContext>>) -> impl IntoResponse {
    // What was ready stays ready: a report that a reload adds does not make the other data worse.
    if context.ready.load(Ordering::Relaxed) || context.store.all_tried() {
        context.ready.store(true, Ordering::Relaxed);
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: some reports were not polled yet\n")
    }
}

/// Reads the config again; a wrong one changes nothing and is told.
async fn reload(State(context): State<Arc<HandlerContext>>) -> (StatusCode, String) {
    let (request, answer) = oneshot::channel();
    // Both fail only while the exporter stops.
    if context.reload.send(request).await.is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    match answer.await {
        Ok(Ok(())) => (StatusCode::OK, "reloaded\n".to_owned()),
        Ok(Err(reason)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{reason}\n")),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned()),
    }
}

async fn count(State(context): State<Arc<HandlerContext>>, request: Request, next: Next) -> Response<Body> {
    let handler = match request.uri().path() {
        path if path == context.telemetry_path => "metrics",
        "/" => "status",
        STATUS_JSON_PATH => "status_json",
        METRICS_DOC_PATH => "docs",
        HEALTHY_PATH => "healthy",
        READY_PATH => "ready",
        RELOAD_PATH => "reload",
        _ => "other",
    };
    let response = next.run(request).await;
    context.telemetry.request_answered(handler, response.status().as_u16());
    response
}
