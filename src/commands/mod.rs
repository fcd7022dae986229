//! What does each command do?

mod check;
mod demo;
mod reports;

use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::catalog::{Catalog, CatalogError};
use crate::cli::Flags;
use crate::config::{Config, ConfigError};
use crate::exporter::{self, Setup};
use crate::wolkvox::Failure;

pub use check::check;
pub use demo::demo;
pub use reports::reports;

/// Why a command could not start or run.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot listen on {address}: {error}\nhint: is another exporter running there? see --web.listen-address")]
    Listen { address: String, error: std::io::Error },
    #[error("signals cannot be received: {0}")]
    Signal(std::io::Error),
    #[error("the simulated wolkvox cannot listen on this machine: {0}")]
    Simulator(std::io::Error),
    #[error("{0}\nhint: {hint}", hint = .0.reason.hint())]
    Client(Failure),
    #[error("{failed} of {all} reports could not be had\n{failures}")]
    Probe { failed: usize, all: usize, failures: String },
}

/// Polls the configured operations and serves their metrics.
pub async fn serve(config_file: &Path, flags: &Flags, stop: CancellationToken) -> Result<(), CommandError> {
    let catalog = Arc::new(Catalog::builtin()?);
    let config = Config::load(config_file, &catalog)?;
    let listeners = bind_all(&flags.listen_addresses).await?;
    let setup = Setup { catalog, config, listeners, telemetry_path: flags.telemetry_path.clone() };
    run(setup, stop).await
}

async fn run(setup: Setup, stop: CancellationToken) -> Result<(), CommandError> {
    for listener in &setup.listeners {
        if let Ok(address) = listener.local_addr() {
            info!(%address, operations = setup.config.operations.len(), "listening");
        }
    }
    exporter::run(setup, stop).await.map_err(CommandError::Client)?;
    info!("stopped");
    Ok(())
}

async fn bind_all(addresses: &[String]) -> Result<Vec<TcpListener>, CommandError> {
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = exporter::bind(address).await;
        listeners.push(listener.map_err(|error| CommandError::Listen { address: address.clone(), error })?);
    }
    Ok(listeners)
}

/// Rows as columns of equal width; the first row is the heading.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}
