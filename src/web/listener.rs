//! How are connections accepted, bounded in number and time, and ended?

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

/// A client that has not sent its request head by then is not a scraper.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Request heads are a few hundred bytes; hyper needs 8 KiB at least.
const HEADER_BYTES: usize = 16 * 1024;
/// Enough for dozens of replicas; each costs some kilobytes.
const CONNECTIONS: usize = 512;
/// A connection is closed after this, between two responses where possible: only so do clients end that never
/// read. A scraper connects again without noticing.
const LIFETIME: Duration = Duration::from_mins(2);
/// For the response that is under way when a connection's life ends.
const LAST_RESPONSE: Duration = Duration::from_secs(30);
/// The same when the exporter stops: it must be gone within two seconds.
const STOP_RESPONSE: Duration = Duration::from_millis(1500);
/// Pause after a failed accept, as when file descriptors ran out: trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Answers on every listener until `stop`, then ends the responses that are under way.
pub async fn serve(listeners: Vec<TcpListener>, routes: Router, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let accepting = TaskTracker::new();
    for listener in listeners {
        let accept = accept(listener, routes.clone(), connections.clone(), Arc::clone(&places), stop.clone());
        accepting.spawn(stop.clone().run_until_cancelled_owned(accept));
    }
    accepting.close();
    accepting.wait().await;
    connections.close();
    // A client that does not take its answer must not keep the exporter from stopping.
    let _ = timeout(STOP_RESPONSE, connections.wait()).await;
}

async fn accept(
    listener: TcpListener,
    routes: Router,
    connections: TaskTracker,
    places: Arc<Semaphore>,
    stop: CancellationToken,
) {
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(converse(stream, routes.clone(), place, stop.clone()));
            }
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, routes: Router, _place: OwnedSemaphorePermit, stop: CancellationToken) {
    // Without it the last part of a response can wait for an acknowledgement; failing to set it only costs that.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let mut connection = std::pin::pin!(connection);
    let grace = tokio::select! {
        // How a client ends its connection is its own affair.
        _ = connection.as_mut() => return,
        () = sleep(LIFETIME) => LAST_RESPONSE,
        () = stop.cancelled() => STOP_RESPONSE,
    };
    connection.as_mut().graceful_shutdown();
    let _ = timeout(grace, connection).await;
}
