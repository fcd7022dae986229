//! The commands, one file each; what two of them share stands in `simulated`, and here.

mod bcrypt;
mod check;
mod demo;
mod health;
mod history;
mod probe;
mod replay;
mod reports;
mod save;
mod simulated;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::capture::CaptureError;
use crate::catalog::Catalog;
use crate::cli::Flags;
use crate::config::Config;
use crate::exporter::{self, ExporterError, Setup};
use crate::history::HistoryError;
use crate::state::{State, StateError};
use crate::time::Target;
use crate::web::{self, Access, ClientLimits, Hosts};
use crate::wolkvox::Failure;
use crate::yaml::ConfigErrors;

pub use bcrypt::bcrypt;
pub use check::check;
pub use demo::demo;
pub use health::health;
pub use reports::reports;

/// Below the user's folder for state, where the service manager names none.
const STATE_FOLDER: &str = "wolkvox-exporter";

/// Why a command could not start or run.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    Exporter(#[from] ExporterError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("there is no folder for the state\nhint: give one with --state.dir, or none to keep it in memory")]
    NoStateFolder,
    #[error("cannot listen on {address}: {error}\nhint: is another exporter running there? see --web.listen-address")]
    Listen { address: String, error: std::io::Error },
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error(transparent)]
    Capture(#[from] CaptureError),
    #[error(
        "there is no terminal to ask whether the answers may be saved\nhint: give --yes to save them without a question"
    )]
    NobodyToAsk,
    #[error("the answer to the question cannot be read: {0}\nhint: give --yes to save without a question")]
    Question(io::Error),
    #[error(
        "the capture has no answer that can be replayed\n  {left_out}\nhint: make another one once the probe succeeds"
    )]
    NothingToReplay { left_out: String },
    #[error("the history cannot be made: {target}: {failure}")]
    HistoryPoll { target: Target, failure: Box<Failure> },
    #[error("no hash was made: {0}")]
    NotAPassword(&'static str),
    #[error("the password cannot be read: {0}")]
    Password(std::io::Error),
    #[error("standard output cannot be written: {0}\nhint: is the disk full?")]
    Output(io::Error),
    #[error(
        "the process cannot start: {0}\nhint: does it reach a limit on open files or threads? see ulimit -n and ulimit -u"
    )]
    Start(io::Error),
    #[error("signals cannot be received: {0}")]
    Signal(std::io::Error),
    #[error("the simulated wolkvox cannot listen on this machine: {0}")]
    Simulator(std::io::Error),
    #[error("{0}\nhint: {hint}", hint = .0.hint())]
    Client(Box<Failure>),
    #[error("there is no operation {name} in the config\nhint: there are {known}")]
    UnknownOperation { name: String, known: String },
    #[error(
        "an exporter runs on the state folder {}: beside it, a probe would use its tokens a second time\n\
         hint: its status page says how each report goes; to probe, stop it first", .0.display()
    )]
    ProbeBesideExporter(PathBuf),
    /// `causes` has a line end behind each.
    #[error("{missed} of {all} reports could not be had; {not_asked} of them were not asked\n{causes}next: {next}")]
    Probe { missed: usize, all: usize, not_asked: usize, causes: String, next: String },
    #[error("{url}: {reason}\nhint: does the exporter run with the same --web.listen-address?")]
    Unhealthy { url: String, reason: String },
}

/// Signals that a running exporter obeys.
pub struct Signals {
    pub stop: CancellationToken,
    /// The config is to be read again.
    pub hangup: Arc<Notify>,
}

/// Polls the configured operations and serves their metrics.
pub async fn serve(config_file: &Path, flags: &Flags, signals: Signals) -> Result<(), CommandError> {
    let catalog = Catalog::builtin()?;
    // Before anything is opened: a mistake in the config is the likeliest one, and reads best alone.
    Config::load(config_file, &catalog)?;
    let access = open_access(flags)?;
    let state = open_state(flags.state_dir.as_deref())?;
    let (file, shard) = (config_file.to_owned(), flags.shard);
    let setup = Setup {
        load: Box::new(move || Config::load(&file, &catalog).map(|config| config.share_of(shard))),
        state,
        listeners: bind_all(&flags.listen_addresses).await?,
        telemetry_path: flags.telemetry_path.clone(),
        access: Arc::new(access),
        limits: ClientLimits::default(),
        hangup: signals.hangup,
    };
    run(setup, signals.stop).await
}

async fn run(setup: Setup, stop: CancellationToken) -> Result<(), CommandError> {
    for listener in &setup.listeners {
        if let Ok(address) = listener.local_addr() {
            info!(%address, state = setup.state.place(), "listening");
        }
    }
    exporter::run(setup, stop).await?;
    info!("stopped");
    Ok(())
}

/// Who may read, and by which names they ask.
fn open_access(flags: &Flags) -> Result<Access, ConfigErrors> {
    let hosts = Hosts::new(&flags.allowed_hosts, &flags.listen_addresses);
    Ok(Access::open(flags.web_config_file.as_deref())?.answering_to(hosts))
}

/// Prints what a command was asked for. A closed pipe, as `head` leaves one, is not an error.
fn print(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CommandError::Output(error)),
        _ => Ok(()),
    }
}

fn open_state(flag: Option<&str>) -> Result<State, CommandError> {
    let Some(folder) = state_folder(flag)? else {
        warn!(hint = "set --state.dir", "state is kept in memory: a restart forgets what was spent and may overspend");
        return Ok(State::in_memory());
    };
    Ok(State::open(&folder)?)
}

/// The folder that the flag names, or the one that service managers and desktops agree on; `None` where there is to be none.
fn state_folder(flag: Option<&str>) -> Result<Option<PathBuf>, CommandError> {
    if flag == Some("none") {
        return Ok(None);
    }
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    flag.map(PathBuf::from)
        .or_else(|| variable("STATE_DIRECTORY"))
        .or_else(|| variable("XDG_STATE_HOME").map(|folder| folder.join(STATE_FOLDER)))
        .or_else(|| variable("HOME").map(|home| home.join(".local/state").join(STATE_FOLDER)))
        .map(Some)
        .ok_or(CommandError::NoStateFolder)
}

async fn bind_all(addresses: &[String]) -> Result<Vec<TcpListener>, CommandError> {
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = web::bind(address).await;
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
