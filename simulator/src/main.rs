//! Runs a fake wolkvox until Ctrl-C: `wolkvox-simulator --listen 127.0.0.1:0`.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use jiff::tz::TimeZone;
use wolkvox_simulator::{Operation, Settings, Simulator};

/// A fake wolkvox: its reports, its limits and its faults.
#[derive(Parser)]
#[command(version, about)]
struct Flags {
    /// Address to listen on; with port 0 a free one is taken and printed.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Token of an operation. Several times: several operations.
    #[arg(long, default_value = "demo-token")]
    token: Vec<String>,
    /// IANA zone of the operations' days.
    #[arg(long, default_value = "America/Bogota", value_parser = zone)]
    timezone: TimeZone,
    /// Agents of each operation.
    #[arg(long, default_value_t = 24)]
    agents: usize,
    /// Requests a day that each operation may send.
    #[arg(long, default_value_t = 40_000)]
    requests_per_day: u64,
    /// Decides everything that happens in the simulated world.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Makes the newest figures 10 to 13 minutes old, as the vendor's are.
    #[arg(long)]
    lag: bool,
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("no time zone is called {name}; one is America/Bogota"))
}

#[tokio::main]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    match run(flags).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: the simulator cannot listen: {error}\nhint: choose another --listen address");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> std::io::Result<()> {
    let operation = |token: &String| Operation {
        zone: flags.timezone.clone(),
        agents: flags.agents,
        calls_per_day: flags.requests_per_day,
        ..Operation::new(token)
    };
    let operations = flags.token.iter().map(operation).collect();
    let settings = Settings { seed: flags.seed, operations, lag: flags.lag, ..Settings::default() };
    let simulator = Simulator::listen(settings, flags.listen).await?;
    println!("base_url={}", simulator.base_url());
    tokio::signal::ctrl_c().await
}
