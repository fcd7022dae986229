//! How the parts become one running exporter, and how it takes a changed config.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::catalog::{Agents, NameKey};
use crate::config::{Config, InForce, Refusal};
use crate::exposition::Exposition;
use crate::memory::Memory;
use crate::poll::{self, Context};
use crate::state::{DataOrigin, State, StateError};
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::time::{Clock, Target};
use crate::web::{self, Access, ClientLimits, HandlerContext, ReloadRequest, Renewed, Server};
use crate::wolkvox::{Failure, Vendor};
use crate::yaml::ConfigErrors;

/// Reads the config, at the start and whenever it is to be read again.
pub type Loader = Box<dyn Fn() -> Result<Config, ConfigErrors> + Send + Sync>;

/// What an exporter runs with.
pub struct Setup {
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
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("{0}\nhint: {hint}", hint = .0.hint())]
    Client(Failure),
}

/// Polls and serves until `stop`.
pub async fn run(setup: Setup, stop: CancellationToken) -> Result<(), ExporterError> {
    let Setup { load, state, listeners, telemetry_path, access, limits, hangup } = setup;
    let config = Arc::new(load()?.keyed(|| names_key(&state))?);
    retain_shown(&state, &config).or_else(|error| match config.privacy.agents {
        Agents::Plain => Ok(()),
        Agents::Hashed(_) | Agents::Omitted => Err(StateError::Retained(error)),
    })?;
    let clock = Clock::system();
    let store = Arc::new(Store::default());
    let telemetry = Arc::new(Telemetry::default());
    let context = Context {
        vendor: Arc::new(poll::client(&config).map_err(ExporterError::Client)?),
        store: Arc::clone(&store),
        telemetry: Arc::clone(&telemetry),
        state: Arc::new(state),
        memory: Arc::new(Memory::new(config.limits.memory)),
        clock: clock.clone(),
    };
    let loaded_at = clock.now().wall;
    telemetry.config_loaded(config.operations.len(), loaded_at);
    telemetry.secrets_exposed(&config.exposed);
    let (in_force, shown) = watch::channel(InForce { config: Arc::clone(&config), loaded_at, refusal: None });
    let exposition = Exposition::new(Arc::clone(&store), Arc::clone(&telemetry));
    // One request waits while another is carried out; more would only ask for the same.
    let (requests, reloads) = mpsc::channel(1);
    let context_of_handlers = Arc::new(HandlerContext {
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
    let polling = PollLoop { context, config, access: Arc::clone(&access), in_force, load, reloads, hangup };
    let server = Server { routes: web::routes(context_of_handlers), access, telemetry, limits, stop: stop.clone() };
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

/// Polls one config after the other.
struct PollLoop {
    context: Context,
    config: Arc<Config>,
    access: Arc<Access>,
    /// The config in force and how its last reload went, for the pages that show it.
    in_force: watch::Sender<InForce>,
    load: Loader,
    reloads: mpsc::Receiver<ReloadRequest>,
    hangup: Arc<Notify>,
}

impl PollLoop {
    /// A reload ends the requests in flight, and starts over with the new config from what is written down of each
    /// operation: so the unchanged ones keep their schedule, their budget and their data.
    async fn run(mut self) {
        loop {
            let NextConfig { config, vendor, answer_to } = self.poll_until_changed().await;
            forget_changed(&self.context, &self.config, &config);
            lift_pauses(&self.context, &self.config, &config);
            if config.limits.memory != self.config.limits.memory {
                // What is served already goes on counting against the old bound, until its next poll.
                self.context.memory = Arc::new(Memory::new(config.limits.memory));
            }
            self.config = config;
            self.context.vendor = vendor;
            answer(answer_to, Ok(()));
        }
    }

    /// Polls the config at hand until there is another that is right.
    async fn poll_until_changed(&mut self) -> NextConfig {
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
            match self.load_again() {
                Ok((config, vendor)) => {
                    // A request in flight may take its time. Only names that are to be hidden are worth waiting for it:
                    // whoever asked may rely on their being gone.
                    let waits = config.privacy.mark() != self.config.privacy.mark();
                    let answer_to = if waits { answer_to } else { answer(answer_to, Ok(())) };
                    break NextConfig { config, vendor, answer_to };
                }
                Err(reason) => answer(answer_to, Err(reason)),
            };
        };
        drain.cancel();
        polling.await;
        changed
    }

    /// Reads both configs again. Where one is wrong, the old ones stay.
    fn load_again(&self) -> Result<ConfigAndVendor, String> {
        let now = self.context.clock.now().wall;
        let telemetry = &self.context.telemetry;
        match self.load() {
            Ok(((config, vendor), access)) => {
                take(&self.access, access, telemetry);
                telemetry.config_loaded(config.operations.len(), now);
                telemetry.secrets_exposed(&config.exposed);
                self.in_force.send_replace(InForce { config: Arc::clone(&config), loaded_at: now, refusal: None });
                Ok((config, vendor))
            }
            Err(error) => {
                let reason = error.to_string();
                telemetry.config_refused(&reason);
                self.in_force.send_modify(|shown| shown.refusal = Some(Refusal { at: now, reason: reason.clone() }));
                Err(reason)
            }
        }
    }

    fn load(&self) -> Result<(ConfigAndVendor, Option<Renewed>), ExporterError> {
        let access = self.access.read_again().inspect_err(|error| {
            self.context.telemetry.web_config_refused(&error.to_string());
        })?;
        let config = (self.load)()?.keyed(|| names_key(&self.context.state))?;
        let client = poll::client(&config).map_err(ExporterError::Client)?;
        Ok(((Arc::new(config), Arc::new(client)), access))
    }
}

/// A config, and a client for its operations.
type ConfigAndVendor = (Arc<Config>, Arc<dyn Vendor>);

/// A config to go on with.
struct NextConfig {
    config: Arc<Config>,
    vendor: Arc<dyn Vendor>,
    /// Where the outcome of the reload is still to be sent.
    answer_to: Option<ReloadRequest>,
}

/// Sends the outcome of a reload to whoever asked for it; returns that there is nobody left to tell.
fn answer(answer_to: Option<ReloadRequest>, outcome: Result<(), String>) -> Option<ReloadRequest> {
    // The client that asked may have hung up.
    let _ = answer_to?.send(outcome);
    None
}

/// Drops all of targets that are gone, and the data of those that now come from elsewhere or are to be shown otherwise.
fn forget_changed(context: &Context, old: &Config, new: &Config) {
    let (before, after) = (origins(old), origins(new));
    for (target, origin) in &before {
        if after.get(target) != Some(origin) {
            context.store.forget(target);
        }
    }
    let mut targets: HashSet<Target> = after.into_keys().collect();
    context.store.retain(&targets);
    targets.extend(poll::budget_queries(new));
    context.telemetry.retain(&targets);
    if let Err(error) = retain_shown(&context.state, new) {
        context.telemetry.state_not_removed(&error);
    }
}

/// The state folder's own key for names.
fn names_key(state: &State) -> Result<NameKey, StateError> {
    state.names_key(NameKey::draw, NameKey::parse)
}

/// Keeps of the state folder's data only what this config would show.
fn retain_shown(state: &State, config: &Config) -> io::Result<()> {
    let origins = origins(config);
    let wanted = origins.iter().map(|(target, origin)| (&*target.operation, target.key(), origin));
    state.retain_data(wanted, matches!(config.privacy.agents, Agents::Plain))
}

fn origins(config: &Config) -> HashMap<Target, DataOrigin> {
    poll::jobs(config).iter().map(|job| (job.target().clone(), job.origin().clone())).collect()
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
