//! `demo`: an exporter of a simulated wolkvox.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use url::Url;
use wolkvox_simulator::{self as simulator, Simulator};

use super::health::from_here;
use super::{CommandError, Signals, bind_all, open_access, print, run};
use crate::catalog::{Catalog, Privacy};
use crate::cli::Flags;
use crate::config::{Config, Limits, Operation, ReportPlan};
use crate::exporter::Setup;
use crate::state::State;
use crate::time::WindowName;
use crate::web::ClientLimits;
use crate::wolkvox::Token;

/// Two operations whose nights are apart, so that one of them is always well into its day.
const OPERATIONS: [(&str, &str); 2] = [("bogota", "America/Bogota"), ("madrid", "Europe/Madrid")];
/// Fast enough to see numbers move while one looks.
const INTERVAL: Duration = Duration::from_secs(5);
/// The demo's pace would be over the budget of any real operation of this size.
const LICENSES: u32 = 1_000;

/// Runs a simulated wolkvox and an exporter of it: no token, no file, no network.
pub async fn demo(flags: &Flags, signals: Signals) -> Result<(), CommandError> {
    let access = open_access(flags)?;
    let scheme = if access.is_encrypted() { "https" } else { "http" };
    let simulator = Simulator::start(settings()).await.map_err(CommandError::Simulator)?;
    let catalog = Arc::new(Catalog::builtin()?);
    let base_url: Url = simulator.base_url().parse().expect("a loopback address is a URL");
    let listeners = bind_all(&flags.listen_addresses).await?;
    if let Some(address) = listeners.first().and_then(|listener| listener.local_addr().ok()) {
        let address = from_here(&address.to_string());
        let welcome = format!(
            "Two simulated operations are being watched. Nothing here comes from a real contact centre.\n  \
             open   {scheme}://{address}/\n  \
             try    curl -s {scheme}://{address}{} | grep wolkvox_agent_aux\n  \
             stop   Ctrl-C\n",
            flags.telemetry_path
        );
        // On a thread of its own and not waited for: the demo runs, and ends, also where nobody reads this.
        tokio::task::spawn_blocking(move || print(&welcome));
    }
    let known = Arc::clone(&catalog);
    let setup = Setup {
        catalog,
        load: Box::new(move || Ok(config(&base_url, &known))),
        state: State::in_memory(),
        listeners,
        telemetry_path: flags.telemetry_path.clone(),
        access: Arc::new(access),
        limits: ClientLimits::default(),
        hangup: signals.hangup,
    };
    run(setup, signals.stop).await
}

fn settings() -> simulator::Settings {
    let operations = OPERATIONS.map(|(name, zone)| simulator::Operation {
        zone: zone_of(zone),
        calls_per_day: u64::from(LICENSES) * 1_000,
        ..simulator::Operation::new(token_of(name))
    });
    simulator::Settings { operations: operations.to_vec(), ..simulator::Settings::default() }
}

fn config(base_url: &Url, catalog: &Catalog) -> Config {
    let plan = |report: &Arc<_>| ReportPlan {
        report: Arc::clone(report),
        interval: INTERVAL,
        windows: vec![WindowName::Today, WindowName::Yesterday],
        stale_after: INTERVAL * 3,
    };
    let operation = |(name, zone): (&str, &str)| Operation {
        name: name.into(),
        base_url: base_url.clone(),
        token: Token::parse(&token_of(name)).expect("the demo's tokens are plain letters"),
        zone: zone_of(zone),
        licenses: Some(LICENSES),
        pool: None,
        reports: catalog.reports().iter().map(plan).collect(),
        timeout: Duration::from_secs(10),
    };
    Config {
        file: None,
        operations: OPERATIONS.map(operation).into_iter().collect(),
        limits: Limits::default(),
        privacy: Privacy::default(),
    }
}

fn token_of(name: &str) -> String {
    format!("demo-{name}")
}

fn zone_of(name: &str) -> TimeZone {
    TimeZone::get(name).expect("the zone database is compiled in")
}
