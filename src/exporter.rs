//! How do the parts become one running exporter, and how does it take a changed config?

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::{Config, ConfigError, InForce, Refusal};
use crate::exposition::Exposition;
use crate::poll::{self, Context};
use crate::state::{Origin, State, remove_served};
use crate::store::Store;
use crate::target::Target;
use crate::telemetry::Telemetry;
use crate::web::{self, Access, ClientLimits, ReloadRequest, Renewed, Server, Site};
use crate::wolkvox::{Failure, Vendor};

/// Reads the config, at the start and whenever it is to be read again.
pub type Loader = Box<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>;

/// What an exporter runs with.
pub struct Setup {
    pub catalog: Arc<Catalog>,
    pub load: Loader,
    pub state: State,
    /// Bound already: the caller knows the ports, and an address in use is its error to tell.
    pub listeners: Vec<TcpListener>,
    pub telemetry_path: String,
    /// Who may read.
    pub access: Arc<Access>,
    /// What clients may take of this machine.
    pub limits: ClientLimits,
    /// Tells that the config is to be read again.
    pub hangup: Arc<Notify>,
}

/// Why an exporter cannot start, or a config cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{0}\nhint: {hint}", hint = .0.reason.hint())]
    Client(Failure),
}

/// Polls and serves until `stop`.
pub async fn run(setup: Setup, stop: CancellationToken) -> Result<(), ExporterError> {
    let Setup { catalog, load, state, listeners, telemetry_path, access, limits, hangup } = setup;
    let config = Arc::new(load()?);
    let clock = Clock::system();
    let store = Arc::new(Store::new(Arc::clone(&catalog)));
    let telemetry = Arc::new(Telemetry::default());
    let context = Context {
        vendor: Arc::new(poll::client(&config).map_err(ExporterError::Client)?),
        catalog: Arc::clone(&catalog),
        store: Arc::clone(&store),
        telemetry: Arc::clone(&telemetry),
        state: Arc::new(state),
        clock: clock.clone(),
    };
    let loaded_at = clock.now().wall;
    telemetry.config_loaded(config.operations.len(), loaded_at);
    let (in_force, shown) = watch::channel(InForce { config: Arc::clone(&config), loaded_at, refusal: None });
    let exposition = Exposition::new(&catalog, Arc::clone(&store), Arc::clone(&telemetry));
    // One request waits while another is carried out; more would only ask for the same.
    let (requests, reloads) = mpsc::channel(1);
    let site = Arc::new(Site {
        exposition,
        store,
        telemetry: Arc::clone(&telemetry),
        clock,
        config: shown,
        access: Arc::clone(&access),
        telemetry_path,
        reload: requests,
        ready: AtomicBool::new(false),
    });
    let following = follow(Arc::clone(&access), Arc::clone(&telemetry));
    let polling = Polling { context, config, access: Arc::clone(&access), in_force, load, reloads, hangup };
    let server = Server { routes: web::routes(site), access, telemetry, limits, stop: stop.clone() };
    tokio::join!(stop.run_until_cancelled(polling.run()), stop.run_until_cancelled(following), server.serve(listeners));
    Ok(())
}

/// Takes a changed web config, certificate or key as soon as it is there; a wrong one changes nothing and is told.
async fn follow(access: Arc<Access>, telemetry: Arc<Telemetry>) {
    loop {
        access.changed().await;
        match access.read_again() {
            Ok(next) => take(&access, next, &telemetry),
            Err(error) => telemetry.web_config_refused(&error.to_string()),
        }
    }
}

fn take(access: &Access, next: Option<Renewed>, telemetry: &Telemetry) {
    if let Some(next) = next {
        access.take(next);
        telemetry.web_config_loaded();
    }
}

/// Binds an address as the field writes them: `127.0.0.1:10077`, `localhost:10077`, `:10077` for all.
pub async fn bind(address: &str) -> io::Result<TcpListener> {
    match address.strip_prefix(':') {
        Some(port) => TcpListener::bind(format!("0.0.0.0:{port}")).await,
        None => TcpListener::bind(address).await,
    }
}

/// Polls one config after the other.
struct Polling {
    context: Context,
    config: Arc<Config>,
    access: Arc<Access>,
    /// The same for whoever wants to see it.
    in_force: watch::Sender<InForce>,
    load: Loader,
    reloads: mpsc::Receiver<ReloadRequest>,
    hangup: Arc<Notify>,
}

impl Polling {
    /// A reload ends the calls in flight, and starts over with the new config from what is written down of each
    /// operation: so the unchanged ones keep their schedule, their budget and their data.
    async fn run(mut self) {
        loop {
            let (config, vendor) = self.poll_until_changed().await;
            forget_changed(&self.context, &self.config, &config);
            lift_pauses(&self.context, &self.config, &config);
            self.config = config;
            self.context.vendor = vendor;
        }
    }

    /// Polls the config at hand until there is another that is right.
    async fn poll_until_changed(&mut self) -> Loaded {
        let drain = CancellationToken::new();
        // Without any operation, as an empty shard has, there is nothing to poll until the config changes.
        let polling = async {
            poll::run(&self.config, self.context.clone(), drain.clone()).await;
            drain.cancelled().await;
        };
        let mut polling = std::pin::pin!(polling);
        let changed = loop {
            let answer_to = tokio::select! {
                () = polling.as_mut() => continue,
                // No sender is left once the exporter stops: that asks for nothing.
                Some(request) = self.reloads.recv() => Some(request),
                () = self.hangup.notified() => None,
            };
            if let Some(loaded) = self.load_again(answer_to) {
                break loaded;
            }
        };
        drain.cancel();
        polling.await;
        changed
    }

    /// Reads both configs again and answers whoever asked for it. `None`: one is wrong, and the old ones stay.
    fn load_again(&self, answer_to: Option<ReloadRequest>) -> Option<Loaded> {
        let now = self.context.clock.now().wall;
        let telemetry = &self.context.telemetry;
        let (loaded, answer) = match self.load() {
            Ok(((config, vendor), access)) => {
                take(&self.access, access, telemetry);
                telemetry.config_loaded(config.operations.len(), now);
                self.in_force.send_replace(InForce { config: Arc::clone(&config), loaded_at: now, refusal: None });
                (Some((config, vendor)), Ok(()))
            }
            Err(error) => {
                let reason = error.to_string();
                telemetry.config_refused(&reason);
                self.in_force.send_modify(|shown| shown.refusal = Some(Refusal { at: now, reason: reason.clone() }));
                (None, Err(reason))
            }
        };
        if let Some(answer_to) = answer_to {
            // Whoever asked may be gone by now.
            let _ = answer_to.send(answer);
        }
        loaded
    }

    fn load(&self) -> Result<(Loaded, Option<Renewed>), ExporterError> {
        let access = self.access.read_again().inspect_err(|error| {
            self.context.telemetry.web_config_refused(&error.to_string());
        })?;
        let config = (self.load)()?;
        let client = poll::client(&config).map_err(ExporterError::Client)?;
        Ok(((Arc::new(config), Arc::new(client)), access))
    }
}

type Loaded = (Arc<Config>, Arc<dyn Vendor>);

/// Drops the data of targets that are gone, or that now come from elsewhere.
fn forget_changed(context: &Context, old: &Config, new: &Config) {
    let origins = |config: &Config| -> HashMap<Target, Origin> {
        poll::jobs(config).iter().map(|job| (job.target().clone(), job.origin().clone())).collect()
    };
    let (old, new) = (origins(old), origins(new));
    for (target, origin) in &old {
        if new.get(target) != Some(origin) {
            context.store.forget(target);
            remove_served(&context.state, target);
        }
    }
    context.store.retain(&new.into_keys().collect::<HashSet<_>>());
}

/// A pause was for the old token; a new one is tried at once.
fn lift_pauses(context: &Context, old: &Config, new: &Config) {
    for operation in &new.operations {
        let before = old.operations.iter().find(|before| before.name == operation.name);
        if before.is_some_and(|before| before.token != operation.token)
            && let Err(error) = poll::lift_pause(&context.state, &operation.name)
        {
            context.telemetry.state_not_written(&error);
        }
    }
}
