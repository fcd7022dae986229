//! Where do log lines go, and in which form?

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::cli::LogFormat;

/// Starts logging to standard error. Only the exporter's own events are written: a library's could hold a URL or a header.
pub fn start(level: Level, format: LogFormat) {
    let own = Targets::new().with_target(env!("CARGO_CRATE_NAME"), LevelFilter::from_level(level));
    let layer = match format {
        LogFormat::Logfmt => tracing_logfmt::builder()
            .with_target(false)
            .with_span_name(false)
            .layer()
            .with_writer(std::io::stderr)
            .boxed(),
        LogFormat::Json => {
            fmt::layer().json().flatten_event(true).with_target(false).with_writer(std::io::stderr).boxed()
        }
    };
    tracing_subscriber::registry().with(layer.with_filter(own)).init();
}
