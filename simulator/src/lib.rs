//! A fake wolkvox, for whoever builds on its API and cannot call the real one.
//!
//! It serves the vendor's reports over a made-up world of agents and calls, keeps the vendor's limits, and misbehaves as
//! asked. It knows nothing of any client. [`world`] is the truth, [`vendor`] answers from it, [`fault`] distorts an answer,
//! and [`call_log`] counts what each token spent. A further report is a row of the table in `report/mod.rs` and a function.

mod calendar;
pub mod call_log;
mod callbacks;
mod campaigns;
mod chats;
pub mod fault;
mod floor;
mod http;
mod kept;
mod message;
mod people;
mod plan;
mod queue;
mod random;
mod report;
mod server;
#[cfg(test)]
mod tests;
pub mod vendor;
mod work;
pub mod world;

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use call_log::{CallLog, LoggedRequest};
pub use fault::{Fault, REFUSED_CODES, Scope};
pub use message::{Answer, Request};
pub use vendor::{InFlight, Script, Vendor, passes};
pub use world::World;

/// Where the simulator gets the time from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the simulated vendor is like.
#[derive(Clone)]
pub struct Settings {
    /// Decides everything that happens in the world.
    pub seed: u64,
    /// The operations served; later ones win where tokens repeat.
    pub operations: Vec<Operation>,
    /// Whether the newest data are 10 to 13 minutes old instead of current.
    pub lag: bool,
    /// How many requests of one token may be in flight at once: 2 is documented, 1 strict.
    pub simultaneous: usize,
    /// How many rows an answer has at most.
    pub record_limit: usize,
    /// The time.
    pub clock: Clock,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            seed: 7,
            operations: vec![Operation::new("demo-token")],
            lag: false,
            simultaneous: 2,
            record_limit: 60_000,
            clock: Arc::new(Timestamp::now),
        }
    }
}

/// One contact centre.
#[derive(Clone, Debug)]
pub struct Operation {
    /// What its requests must carry.
    pub token: String,
    /// The zone of its dates, its days and its budget.
    pub zone: TimeZone,
    /// How many people work there.
    pub agents: usize,
    /// How many smart-wait callbacks a day has.
    pub callbacks_per_day: usize,
    /// How many calls a day it may make.
    pub calls_per_day: u64,
}

impl Operation {
    /// A Colombian operation of 24 agents, 240 callbacks and 40,000 calls a day.
    pub fn new(token: impl Into<String>) -> Operation {
        Operation {
            token: token.into(),
            // The zone database is compiled in; UTC only stands in for a build without one.
            zone: TimeZone::get("America/Bogota").unwrap_or(TimeZone::UTC),
            agents: 24,
            callbacks_per_day: 240,
            calls_per_day: 40_000,
        }
    }
}

/// A running vendor; stops when dropped.
pub struct Simulator {
    address: SocketAddr,
    vendor: Arc<Vendor>,
    task: JoinHandle<()>,
}

impl Simulator {
    /// Starts on a free port of this machine; requests are answered as soon as this returns.
    pub async fn start(settings: Settings) -> std::io::Result<Simulator> {
        Simulator::listen(settings, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// The same at an address of the caller's choice.
    pub async fn listen(settings: Settings, address: SocketAddr) -> std::io::Result<Simulator> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let clock = Arc::clone(&settings.clock);
        let vendor = Arc::new(Vendor::new(settings));
        let task = tokio::spawn(server::serve(listener, Arc::clone(&vendor), clock));
        Ok(Simulator { address, vendor, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What stands in for `https://wvNNNN.wolkvox.com`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The truth behind the answers.
    pub fn world(&self) -> &World {
        self.vendor.world()
    }

    /// The answering logic itself.
    pub fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    /// Puts a fault in force.
    pub fn inject(&self, fault: Fault, scope: Scope) {
        self.vendor.inject(fault, scope);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.vendor.clear_faults();
    }

    /// A copy of the log of calls.
    pub fn call_log(&self) -> CallLog {
        self.vendor.call_log()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // The task owns all connections, so they end with it.
        self.task.abort();
    }
}
