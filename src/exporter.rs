//! How do the parts become one running exporter?

use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::config::Config;
use crate::exposition::Exposition;
use crate::poll::{self, Context};
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::web::{self, Site};
use crate::wolkvox::Failure;

/// What an exporter runs with.
pub struct Setup {
    pub catalog: Arc<Catalog>,
    pub config: Config,
    /// Bound already: the caller knows the ports, and an address in use is its error to tell.
    pub listeners: Vec<TcpListener>,
    pub telemetry_path: String,
}

/// Polls and serves until `stop`.
pub async fn run(setup: Setup, stop: CancellationToken) -> Result<(), Failure> {
    let Setup { catalog, config, listeners, telemetry_path } = setup;
    let store = Arc::new(Store::new(Arc::clone(&catalog)));
    let telemetry = Arc::new(Telemetry::default());
    let client = poll::client(&config)?;
    let context =
        Context { catalog: Arc::clone(&catalog), client, store: Arc::clone(&store), telemetry: Arc::clone(&telemetry) };
    let exposition = Exposition::new(&catalog, Arc::clone(&store), Arc::clone(&telemetry));
    let site = Arc::new(Site { exposition, store, telemetry, telemetry_path });
    let polling = poll::run(&config, context, stop.clone());
    let serving = web::serve(listeners, web::routes(site), stop);
    tokio::join!(polling, serving);
    Ok(())
}

/// Binds an address as the field writes them: `127.0.0.1:10077`, `localhost:10077`, `:10077` for all.
pub async fn bind(address: &str) -> io::Result<TcpListener> {
    match address.strip_prefix(':') {
        Some(port) => TcpListener::bind(format!("0.0.0.0:{port}")).await,
        None => TcpListener::bind(address).await,
    }
}
