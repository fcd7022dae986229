//! Parses the command line and runs one command.

use std::io::{self, Write};
use std::num::NonZero;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::cli::{Cli, Command};
use wolkvox_exporter::commands::{self, CommandError, Signals};
use wolkvox_exporter::logs::Logs;

// A large poll is over in a moment and leaves little: glibc would keep what it used, jemalloc gives it back.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// From the signal that stops it, the process is to be gone within two seconds, whoever does not read its log.
const END: Duration = Duration::from_millis(1_900);
/// The part of it that the last lines of the log may take.
const LAST_LINES: Duration = Duration::from_millis(500);
/// Open files that the runtime, a listener and a request need.
const FILES: usize = 16;
/// Threads, besides the runtime's own, for what blocks: files, passwords, names of machines.
const BLOCKING: usize = 4;

/// When the signal came.
static STOPPED: OnceLock<Instant> = OnceLock::new();

fn main() -> ExitCode {
    let cli = Cli::parse();
    let is_stopped_by_signals = matches!(cli.command, None | Some(Command::Serve | Command::Demo(_)));
    let mut logs = match Logs::start(cli.flags.log_level, cli.flags.log_format, LAST_LINES) {
        Ok(logs) => logs,
        Err(error) => {
            // If standard error is closed, the exit status has to do.
            let _ = writeln!(io::stderr(), "error: {}", CommandError::Start(error));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime().map_err(CommandError::Start).and_then(|runtime| {
        let ended = runtime.block_on(run(cli));
        // What blocks a thread, as a name server that does not answer, must not block the end.
        runtime.shutdown_timeout(time_left() / 2);
        ended
    });
    if let Err(error) = &ended {
        logs.say(&format!("error: {error}\n"));
    }
    // A command that is over by itself waits for its reader, as any other program does, and any signal ends it.
    logs.patience = if is_stopped_by_signals { time_left().min(LAST_LINES) } else { Duration::MAX };
    if ended.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn time_left() -> Duration {
    STOPPED.get().map_or(END, |stopped| END.saturating_sub(stopped.elapsed()))
}

/// A runtime, or why the system has none for us. Where open files or threads are few the library panics or waits for ever,
/// so what it needs is asked for before.
fn runtime() -> io::Result<Runtime> {
    let files = (0..FILES).map(|_| io::stderr().as_fd().try_clone_to_owned());
    drop(files.collect::<io::Result<Vec<_>>>()?);
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let all_there = Mutex::new(());
    thread::scope(|scope| {
        // Every thread waits until all are started: so there are as many at once as the runtime will need.
        let _held = all_there.lock();
        let start = |_| thread::Builder::new().spawn_scoped(scope, || drop(all_there.lock()));
        (0..workers + BLOCKING).map(start).collect::<io::Result<Vec<_>>>().map(drop)
    })?;
    Builder::new_multi_thread().worker_threads(workers).enable_all().build()
}

async fn run(cli: Cli) -> Result<(), CommandError> {
    let flags = &cli.flags;
    match cli.command.as_ref().unwrap_or(&Command::Serve) {
        Command::Reports => commands::reports(flags.config_file.as_deref()),
        Command::Health => commands::health(flags).await,
        Command::Bcrypt => commands::bcrypt(),
        Command::Demo(size) => commands::demo(size, flags, signals()?).await,
        Command::Check(asked) => commands::check(config_file(&cli), flags, asked).await,
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
        // Only once; another signal changes nothing.
        let _ = STOPPED.set(Instant::now());
        stop.cancel();
    });
    Ok(signals)
}
