//! Parses the command line and runs one command.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::cli::{Cli, Command};
use wolkvox_exporter::commands::{self, CommandError};
use wolkvox_exporter::logs;

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
        Command::Demo => commands::demo(flags, stop_signal()?).await,
        Command::Check { probe } => commands::check(config_file(&cli), probe).await,
        Command::Serve => commands::serve(config_file(&cli), flags, stop_signal()?).await,
    }
}

/// The config file; without one the usage is wrong, and the process ends with status 2.
fn config_file(cli: &Cli) -> &std::path::Path {
    cli.flags.config_file.as_deref().unwrap_or_else(|| {
        let what = "--config.file=FILE is needed\n\n  tip: to look around without one, run: wolkvox-exporter demo";
        Cli::command().error(ErrorKind::MissingRequiredArgument, what).exit()
    })
}

/// Cancelled by SIGTERM and Ctrl-C.
fn stop_signal() -> Result<CancellationToken, CommandError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(CommandError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CommandError::Signal)?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopped.cancel();
    });
    Ok(stop)
}
