//! The simulated vendor of one operation, asked without a network: a day of hundreds of requests takes seconds.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use wolkvox_exporter::catalog::Catalog;
use wolkvox_exporter::config::Config;
use wolkvox_exporter::memory::{Memory, PollMemory};
use wolkvox_exporter::poll::Context;
use wolkvox_exporter::state::State;
use wolkvox_exporter::time::Clock;
use wolkvox_exporter::wolkvox::{Call, Request, Vendor, classify};
use wolkvox_simulator::{self as simulator, Fault, Scope};

use crate::support::harness::{CONFIG_FILE, TOKEN, config_folder};
use crate::support::paused_time::simulated;

/// A request that was sent, and the status of its answer.
pub struct Sent {
    /// On the steady clock.
    pub at: Duration,
    pub request: Request,
    pub status: u16,
}

/// The vendor, by the exporter's clock.
pub struct InProcess {
    vendor: simulator::Vendor,
    clock: Clock,
    /// How long an answer takes, on tokio's clock.
    takes: Duration,
    sent: Mutex<Vec<Sent>>,
}

impl InProcess {
    pub fn new(operation: simulator::Operation, clock: Clock, takes: Duration) -> Arc<InProcess> {
        let theirs = clock.clone();
        let vendor = simulator::Vendor::new(simulator::Settings {
            operations: vec![simulator::Operation { token: TOKEN.to_owned(), ..operation }],
            // A second request at the same time is refused.
            simultaneous: 1,
            clock: Arc::new(move || theirs.now().wall),
            ..simulator::Settings::default()
        });
        Arc::new(InProcess { vendor, clock, takes, sent: Mutex::default() })
    }

    /// What a worker of it needs.
    pub fn context(self: &Arc<InProcess>) -> Context {
        Context {
            vendor: Arc::clone(self) as Arc<dyn Vendor>,
            store: Arc::default(),
            telemetry: Arc::default(),
            state: Arc::new(State::in_memory()),
            memory: Arc::new(Memory::unbounded()),
            clock: self.clock.clone(),
        }
    }

    /// From now on all requests fail.
    pub fn goes_down(&self) {
        self.vendor.inject(Fault::Status(500), Scope::default());
    }

    /// All requests so far, which are then forgotten.
    pub fn take_sent(&self) -> Vec<Sent> {
        std::mem::take(&mut *self.sent.lock().expect("nothing panics with it"))
    }
}

impl Vendor for InProcess {
    fn call<'c>(&'c self, request: &'c Request, _: &'c Arc<PollMemory>) -> Call<'c> {
        Box::pin(async move {
            let (at, flight) = (self.clock.now(), self.vendor.begin(TOKEN));
            let asked = simulated(request, TOKEN.to_owned());
            let fault = self.vendor.fault_for(&asked);
            let answer = self.vendor.answer_during(&flight, fault.as_ref(), &asked, at.wall);
            if !self.takes.is_zero() {
                tokio::time::sleep(self.takes).await;
            }
            let sent = Sent { at: at.steady, request: request.clone(), status: answer.status };
            self.sent.lock().expect("nothing panics with it").push(sent);
            classify(answer.status, None, answer.body)
        })
    }
}

/// The config of the one operation, with these lines in it, and the folder that it needs.
pub fn config(polling: &str, operation: &str) -> (Config, TempDir) {
    let text = format!(
        "polling: {polling}\noperations:\n  - {{name: acme, base_url: \"http://127.0.0.1:1\", token_file: token, {operation}}}\n"
    );
    let folder = config_folder(&text);
    let catalog = Catalog::builtin().expect("the shipped catalogue is right");
    let config = Config::load(&folder.path().join(CONFIG_FILE), &catalog).unwrap_or_else(|error| panic!("{error}"));
    (config, folder)
}
