//! Which requests are turned away before anything is looked up for them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Extension, Request, State};
use axum::http::header::{CONNECTION, RETRY_AFTER, TRANSFER_ENCODING, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::middleware::Next;
use axum::response::IntoResponse;

use super::HandlerContext;
use super::access::Denial;
use super::client_address::{Arrival, ClientAddress};
use super::host::is_cross_site;
use super::routes::{HEALTHY_PATH, READY_PATH};
use crate::telemetry::Refused;

/// No endpoint reads a body. A small one is let pass, because some clients send one by habit.
const BODY_BYTES: u64 = 4096;
const FOREIGN_HOST: &str = "this exporter does not answer to the host that the request names\n\
    hint: ask for 127.0.0.1 or localhost, or list the name with --web.allowed-host\n";
const CROSS_SITE: &str = "a page of another site made the browser send this request, and it may not\n\
    hint: a link to here may be followed; to reload, use a program without a page, such as curl, or SIGHUP\n";
/// A check of one password takes less than this.
const BUSY: Duration = Duration::from_secs(1);

/// Lets a request through to the routes, or answers it here.
pub(super) async fn admit(
    State(context): State<Arc<HandlerContext>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
    next: Next,
) -> Response<Body> {
    // A service manager or Kubernetes asks for these without a password, and learns one word.
    let is_health = [HEALTHY_PATH, READY_PATH].contains(&request.uri().path());
    let refusal = match body_refusal(&request) {
        Some(status) => Some(refused(&context, Refused::Body, status)),
        None if is_health => None,
        // Before anything is counted against the client: on one machine, a browser and Prometheus are the same one.
        None => match foreign(&context, &request, arrival) {
            None => denial(&context, request.headers(), arrival.client).await,
            foreign => foreign,
        },
    };
    let mut response = match refusal {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    for (name, value) in &context.access.headers() {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

/// A body of unknown length is where two programs can disagree on the beginning of the next request.
fn body_refusal(request: &Request) -> Option<StatusCode> {
    if request.headers().contains_key(TRANSFER_ENCODING) {
        return Some(StatusCode::LENGTH_REQUIRED);
    }
    let fits = request.body().size_hint().upper().is_some_and(|length| length <= BODY_BYTES);
    (!fits).then_some(StatusCode::PAYLOAD_TOO_LARGE)
}

/// What a browser was made to ask by a page that is not the exporter's own. Nothing that was sent is repeated.
fn foreign(context: &HandlerContext, request: &Request, arrival: Arrival) -> Option<Response<Body>> {
    let (reason, text) = if !context.access.knows_host(request, arrival) {
        (Refused::Host, FOREIGN_HOST)
    } else if is_cross_site(request) {
        (Refused::CrossSite, CROSS_SITE)
    } else {
        return None;
    };
    context.telemetry.request_refused(reason);
    Some((StatusCode::FORBIDDEN, text).into_response())
}

async fn denial(context: &HandlerContext, headers: &HeaderMap, client: ClientAddress) -> Option<Response<Body>> {
    let denial = context.access.admit(headers, client).await.err()?;
    let (reason, status, name, value) = match denial {
        Denial::Credentials => {
            let realm = HeaderValue::from_static("Basic realm=\"wolkvox-exporter\", charset=\"UTF-8\"");
            (Refused::Credentials, StatusCode::UNAUTHORIZED, WWW_AUTHENTICATE, realm)
        }
        Denial::Busy => (Refused::Busy, StatusCode::TOO_MANY_REQUESTS, RETRY_AFTER, seconds(BUSY)),
        Denial::Rate(wait) => (Refused::Rate, StatusCode::TOO_MANY_REQUESTS, RETRY_AFTER, seconds(wait)),
    };
    let mut response = refused(context, reason, status);
    response.headers_mut().insert(name, value);
    Some(response)
}

/// Says no more than the status does.
fn refused(context: &HandlerContext, reason: Refused, status: StatusCode) -> Response<Body> {
    context.telemetry.request_refused(reason);
    let text = status.canonical_reason().unwrap_or_default().to_ascii_lowercase();
    let mut response = (status, format!("{text}\n")).into_response();
    if reason == Refused::Body {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whole seconds, rounded up: who comes back then comes late enough.
fn seconds(wait: Duration) -> HeaderValue {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).into()
}
