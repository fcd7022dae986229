//! The servers that are compared, each in a process of its own.

use std::convert::Infallible;
use std::fmt;
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axum::Router;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use axum::http::{HeaderMap, HeaderValue, Request, Response};
use axum::routing::get;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use metrics_exporter_prometheus::PrometheusBuilder;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use wolkvox_exporter::aggregate::SeriesCap;
use wolkvox_exporter::catalog::{Catalog, Privacy};
use wolkvox_exporter::config::{Config, InForce, Limits};
use wolkvox_exporter::exposition::Exposition;
use wolkvox_exporter::store::Store;
use wolkvox_exporter::telemetry::Telemetry;
use wolkvox_exporter::time::{Clock, Target, WindowName};
use wolkvox_exporter::web::{self, Access, ClientLimits, HandlerContext, Server};

use super::data;
use super::polls::{self, Poll};

const NAME: &str = "wolkvox_agent_aux_seconds";
const HELP: &str = "Time each agent spent in each auxiliary state";

/// Serves until standard input closes.
pub fn serve(kind: &str, what: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let _context = runtime.enter();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let listener = TcpListener::from_std(listener).expect("a socket");
    let port = listener.local_addr().expect("a bound socket").port();
    let polling = Arc::new(AtomicBool::new(false));
    let series = || what.parse::<usize>().expect("a number of series");
    match kind {
        "ours" => {
            runtime.spawn(ours(series(), &polling).serve(vec![listener]));
        }
        "ready" => {
            let read = |name: &str| Bytes::from(std::fs::read(Path::new(what).join(name)).expect("the bench wrote it"));
            runtime.spawn(ready(listener, read("plain"), read("gzip")));
        }
        _ => {
            let routes = match kind {
                "family" => rendered(family(series())),
                "collector" => rendered(collector(series())),
                "metrics-exporter" => metrics_exporter(series()),
                _ => panic!("{kind} is no server"),
            };
            let routes = routes.layer(CompressionLayer::new());
            runtime.spawn(async move { axum::serve(listener, routes).await });
        }
    }
    println!("{port}");
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        polling.store(line == "poll", Ordering::Relaxed);
    }
}

/// The exporter's own store, exposition and listener, filled by polls. While `polling`, another poll of 60,000 rows is
/// taken again and again.
fn ours(series: usize, polling: &Arc<AtomicBool>) -> Server {
    let catalog = Arc::new(Catalog::builtin().expect("the shipped catalogue is right"));
    let store: Arc<Store> = Arc::default();
    let telemetry = Arc::new(Telemetry::default());
    let clock = Clock::system();
    let target = |operation: &str| Target {
        operation: operation.into(),
        report: "agent_aux_time".into(),
        window: WindowName::Today,
    };
    // Each operation's poll ends before the next begins, as those of one token do.
    for (operation, rows) in data::operations(series) {
        let target = target(&operation);
        telemetry.target_registered(&target);
        let poll = Poll::new(&catalog, polls::AUX_TIME.report, &operation);
        store.succeed(&target, poll.run(&data::body(rows), &mut SeriesCap::default(), clock.now()));
    }
    let (polling, polled, now) = (Arc::clone(polling), Arc::clone(&store), clock.clone());
    let (catalog_of_polls, target) = (Arc::clone(&catalog), target("operacion-zz"));
    tokio::task::spawn_blocking(move || {
        let poll = Poll::new(&catalog_of_polls, polls::AUX_TIME.report, &target.operation);
        let mut body = None;
        let mut kept = SeriesCap::default();
        loop {
            if polling.load(Ordering::Relaxed) {
                let body = body.get_or_insert_with(|| data::body(60_000));
                polled.succeed(&target, poll.run(body, &mut kept, now.now()));
            } else {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
    });
    let exposition = Exposition::new(Arc::clone(&store), Arc::clone(&telemetry));
    let (reload, _) = tokio::sync::mpsc::channel(1);
    // Only the status page shows it, and nobody asks for that here.
    let config = Arc::new(Config {
        file: None,
        catalog,
        operations: Vec::new(),
        limits: Limits::default(),
        privacy: Privacy::default(),
        exposed: Vec::new(),
    });
    let (_, config) = tokio::sync::watch::channel(InForce { config, loaded_at: clock.now().wall, refusal: None });
    let telemetry_path = "/metrics".to_owned();
    let ready = AtomicBool::new(true);
    let access = Arc::new(Access::open(None).expect("nothing to be wrong"));
    let (own, own_access) = (Arc::clone(&telemetry), Arc::clone(&access));
    let site = HandlerContext { exposition, store, telemetry, clock, config, access, telemetry_path, reload, ready };
    let (limits, stop) = (ClientLimits::default(), CancellationToken::new());
    Server { routes: web::routes(Arc::new(site)), access: own_access, telemetry: own, limits, stop }
}

/// The least that hyper can do: the same bytes, made beforehand.
async fn ready(listener: TcpListener, plain: Bytes, gzip: Bytes) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let _ = stream.set_nodelay(true);
        let (plain, gzip) = (plain.clone(), gzip.clone());
        let answer = service_fn(move |request: Request<Incoming>| {
            let (plain, gzip) = (plain.clone(), gzip.clone());
            async move {
                Ok::<_, Infallible>(if request.headers().contains_key(ACCEPT_ENCODING) {
                    let mut response = Response::new(Full::new(gzip));
                    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                    response
                } else {
                    Response::new(Full::new(plain))
                })
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    operation: Arc<str>,
    window: &'static str,
    agent_id: String,
    agent_name: String,
    state: &'static str,
}

fn labelled(series: usize) -> impl Iterator<Item = (Labels, f64)> {
    data::operations(series).flat_map(|(operation, rows)| {
        let operation: Arc<str> = operation.into();
        data::rows(rows).map(move |row| {
            let labels = Labels {
                operation: Arc::clone(&operation),
                window: "today",
                agent_id: row.agent_id,
                agent_name: row.agent_name,
                state: row.state,
            };
            (labels, row.seconds as f64)
        })
    })
}

/// A gauge per series, as prometheus-client's documentation begins.
fn family(series: usize) -> Registry {
    let family = Family::<Labels, Gauge<f64, AtomicU64>>::default();
    for (labels, value) in labelled(series) {
        family.get_or_create_owned(&labels).set(value);
    }
    let mut registry = Registry::default();
    registry.register(NAME, HELP, family);
    registry
}

/// Values held elsewhere and written at each scrape.
#[derive(Debug)]
struct Held(Vec<(Labels, f64)>);

impl Collector for Held {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut family = encoder.encode_descriptor(NAME, HELP, None, MetricType::Gauge)?;
        for (labels, value) in &self.0 {
            ConstGauge::new(*value).encode(family.encode_family(labels)?)?;
        }
        Ok(())
    }
}

fn collector(series: usize) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Held(labelled(series).collect())));
    registry
}

fn rendered(registry: Registry) -> Router {
    let registry = Arc::new(registry);
    Router::new().route(
        "/metrics",
        get(move |_: HeaderMap| async move {
            let mut text = String::new();
            encode(&mut text, &registry).expect("writing to a String");
            text
        }),
    )
}

fn metrics_exporter(series: usize) -> Router {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        metrics::describe_gauge!(NAME, HELP);
        for (labels, value) in labelled(series) {
            let Labels { operation, window, agent_id, agent_name, state } = labels;
            metrics::gauge!(NAME, "operation" => operation, "window" => window, "agent_id" => agent_id,
                "agent_name" => agent_name, "state" => state)
            .set(value);
        }
    });
    Router::new().route("/metrics", get(move || async move { handle.render() }))
}
