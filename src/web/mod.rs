//! The web: what the exporter answers over HTTP.

mod access;
mod admission;
mod client_address;
mod handshake;
mod host;
mod listen_address;
mod listener;
mod rate_limit;
mod reference;
mod routes;
mod scrape_body;
mod status;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::{mpsc, oneshot, watch};

use crate::config::InForce;
use crate::exposition::Exposition;
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::time::Clock;

pub use access::{Access, LONGEST_PASSWORD, Renewed, WebConfig};
pub use host::{Host, Hosts};
pub use listen_address::bind;
pub use listener::{ClientLimits, Server};
pub use routes::{HEALTHY_PATH, is_taken, routes};
pub use status::forecast_sentence;

/// The host that the exporter's own health check names. By it the exporter knows that a missing client certificate is
/// nothing to warn of.
pub const HEALTH_NAME: &str = "health.wolkvox-exporter.invalid";

/// Where the outcome of a reload is sent: the reason, if the config is wrong.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// What the handlers read. None of them can reach the vendor.
pub struct HandlerContext {
    pub exposition: Exposition,
    pub store: Arc<Store>,
    pub telemetry: Arc<Telemetry>,
    pub clock: Clock,
    pub config: watch::Receiver<InForce>,
    pub access: Arc<Access>,
    /// Where the metrics are: `/metrics`, unless the operator says otherwise.
    pub telemetry_path: String,
    pub reload: mpsc::Sender<ReloadRequest>,
    /// Whether every report was tried or restored, ever.
    pub ready: AtomicBool,
}
