//! Parses the command line and runs one command.

use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::cli::{Cli, Command};
use wolkvox_exporter::commands::{self, CommandError, Signals};
use wolkvox_exporter::logs;

// A large poll is over in a moment and leaves little: glibc would keep what it used, jemalloc gives it back.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    logs::start(cli.flags.log_level, cli.flags.log_format);
    match run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), CommandError> {
    let flags = &cli.flags;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Reports => commands::reports(),
        Command::Health => commands::health(flags).await,
        Command::Bcrypt => commands::bcrypt().await,
        Command::Demo => commands::demo(flags, signals()?).await,
        Command::Check { probe } => commands::check(config_file(&cli), flags, probe).await,
        Command::Serve => commands::serve(config_file(&cli), flags, signals()?).await,
    }
}

/// The config file; without one the usage is wrong, and the process ends with status 2.
fn config_file(cli: &Cli) -> &std::path::Path {
    cli.flags.config_file.as_deref().unwrap_or_else(|| {
        let what = "--config.file=FILE is needed\n\n  tip: to look around without one, run: wolkvox-exporter demo";
        Cli::command().error(ErrorKind::MissingRequiredArgument, what).exit()
    })
}

/// SIGTERM and Ctrl-C stop, SIGHUP reloads.
fn signals() -> Result<Signals, CommandError> {
    let receive = |kind| signal(kind).map_err(CommandError::Signal);
    let mut terminate = receive(SignalKind::terminate())?;
    let mut interrupt = receive(SignalKind::interrupt())?;
    let mut hangup = receive(SignalKind::hangup())?;
    let signals = Signals { stop: CancellationToken::new(), hangup: Arc::default() };
    let (stop, reload) = (signals.stop.clone(), Arc::clone(&signals.hangup));
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => reload.notify_one(),
            }
        }
        stop.cancel();
    });
    Ok(signals)
}
