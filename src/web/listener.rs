//! The listener: connections are accepted, encrypted, bounded in number and time, and ended.

use std::io::ErrorKind::TimedOut;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::access::Access;
use super::client_address::{Arrival, ClientAddress, ClientCounts};
use super::handshake;
use super::scrape_body::unwrap_scrape;
use crate::telemetry::{Refused, Telemetry};

/// Request heads are a few hundred bytes; hyper needs 8 KiB at least.
const HEADER_BYTES: usize = 16 * 1024;
/// Pause after a failed accept, as when file descriptors ran out: trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What clients may take of this machine. The default is what an exporter runs with; tests have less patience.
#[derive(Clone, Copy, Debug)]
pub struct ClientLimits {
    /// Enough for dozens of replicas; each costs some kilobytes. Who comes after that waits to be accepted.
    pub connections: usize,
    /// One client alone must not take all places, but many scrapers can share an address. Further connections of that
    /// client are closed at once.
    pub connections_per_client: usize,
    /// A client that has not sent its request head by then is not a scraper.
    pub header: Duration,
    /// The same for the TLS handshake, which costs the server more.
    pub handshake: Duration,
    /// A connection is closed after this, between two responses where possible: only so do clients end that never
    /// read. A scraper connects again without noticing.
    pub lifetime: Duration,
    /// For the response that is under way when a connection's life ends.
    pub last_response: Duration,
    /// The same when the exporter stops: it must be gone within two seconds.
    pub stop_response: Duration,
}

impl Default for ClientLimits {
    fn default() -> ClientLimits {
        ClientLimits {
            connections: 512,
            connections_per_client: 256,
            header: Duration::from_secs(10),
            handshake: Duration::from_secs(5),
            lifetime: Duration::from_mins(2),
            last_response: Duration::from_secs(30),
            stop_response: Duration::from_millis(1500),
        }
    }
}

/// What every connection is served with.
#[derive(Clone)]
pub struct Server {
    pub routes: Router,
    pub access: Arc<Access>,
    pub telemetry: Arc<Telemetry>,
    pub limits: ClientLimits,
    pub stop: CancellationToken,
}

impl Server {
    /// Answers on every listener until it is to stop, then ends the responses that are under way.
    pub async fn serve(self, listeners: Vec<TcpListener>) {
        let connections = TaskTracker::new();
        let places = Arc::new(Semaphore::new(self.limits.connections));
        let clients = ClientCounts::default();
        let accepting = TaskTracker::new();
        for listener in listeners {
            let accept = self.clone().accept(listener, connections.clone(), Arc::clone(&places), clients.clone());
            accepting.spawn(self.stop.clone().run_until_cancelled_owned(accept));
        }
        accepting.close();
        accepting.wait().await;
        connections.close();
        // A client that does not take its answer must not keep the exporter from stopping.
        let _ = timeout(self.limits.stop_response, connections.wait()).await;
    }

    async fn accept(
        self,
        listener: TcpListener,
        connections: TaskTracker,
        places: Arc<Semaphore>,
        clients: ClientCounts,
    ) {
        let on_loopback = listener.local_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback());
        let mut failed = false;
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let (stream, client) = match listener.accept().await {
                Ok((stream, address)) => {
                    failed = false;
                    (stream, ClientAddress::of(address.ip()))
                }
                Err(error) => {
                    // Told once: until one is accepted again, the next ones fail for the same reason.
                    if !std::mem::replace(&mut failed, true) {
                        warn!(%error, hint = "see ulimit -n", "a connection could not be accepted");
                    }
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(counted) = clients.count(client, self.limits.connections_per_client) else {
                self.telemetry.connection_refused(Refused::Connections);
                continue;
            };
            let server = self.clone();
            connections.spawn(async move {
                let _held = (place, counted);
                server.welcome(stream, Arrival { client, on_loopback }).await;
            });
        }
    }

    /// Agrees on encryption, where it is asked for, before a single byte of HTTP is read.
    async fn welcome(self, stream: TcpStream, arrival: Arrival) {
        // Without it the last part of a response can wait for an acknowledgement; failing to set it only costs that.
        let _ = stream.set_nodelay(true);
        let Some(config) = self.access.tls() else { return self.converse(stream, arrival).await };
        let mut name = None;
        let handshake = async {
            let greeted = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
            name = greeted.client_hello().server_name().map(str::to_owned);
            greeted.into_stream(config).await
        };
        let handshake = timeout(self.limits.handshake, handshake);
        match self
            .stop
            .run_until_cancelled(handshake)
            .await
            .map(|agreed| agreed.unwrap_or_else(|_| Err(TimedOut.into())))
        {
            Some(Ok(stream)) => self.converse(stream, arrival).await,
            Some(Err(error)) => {
                self.telemetry.handshake_refused(handshake::reason(&error, name.as_deref()), &arrival.client);
            }
            None => {}
        }
    }

    async fn converse(&self, stream: impl AsyncRead + AsyncWrite + Unpin, arrival: Arrival) {
        let routes = TowerToHyperService::new(self.routes.clone());
        let answer = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(arrival);
            let answer = routes.call(request);
            async move { answer.await.map(unwrap_scrape) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header)
            .max_buf_size(HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), answer);
        let mut connection = std::pin::pin!(connection);
        let grace = tokio::select! {
            // How a client ends its connection is its own affair.
            _ = connection.as_mut() => return,
            () = sleep(self.limits.lifetime) => self.limits.last_response,
            () = self.stop.cancelled() => self.limits.stop_response,
        };
        connection.as_mut().graceful_shutdown();
        let _ = timeout(grace, connection).await;
    }
}
