//! `demo`: an exporter of a simulated wolkvox, or of a capture.

use std::sync::Arc;
use std::time::Duration;

use humantime::format_duration;

use super::health::from_here;
use super::history::history;
use super::replay::Replay;
use super::simulated::{config, places, settings, simulate};
use super::{CommandError, Signals, bind_all, open_access, print, run};
use crate::catalog::Catalog;
use crate::cli::{DemoFlags, Flags};
use crate::exporter::{Loader, Setup};
use crate::state::State;
use crate::web::ClientLimits;

/// Fast enough to see numbers move while one looks.
const INTERVAL: Duration = Duration::from_secs(5);
/// Agents whose reports one processor can make and read that often, with most of it left for others.
const AGENTS_PER_INTERVAL: u32 = 250;
/// A request costs something however few agents it is about.
const AGENTS_AT_LEAST: u16 = 12;
/// Of a capture, as much as that many agents' reports have.
const BYTES_PER_INTERVAL: u32 = 1 << 20;

/// Runs a simulated wolkvox and an exporter of it: no token, no file, no network.
pub async fn demo(size: &DemoFlags, flags: &Flags, signals: Signals) -> Result<(), CommandError> {
    if let Some(folder) = &size.history {
        return history(folder, size, &signals.stop).await;
    }
    let catalog = Arc::new(Catalog::builtin()?);
    if let Some(folder) = &size.replay {
        let replay = Replay::open(folder, &catalog)?;
        let (simulator, base_url) = simulate(settings(replay.places())).await?;
        replay.answer_by(simulator.vendor());
        let interval = INTERVAL * replay.bytes().div_ceil(BYTES_PER_INTERVAL).max(1);
        let watched = replay.welcome(interval);
        let load = move || Ok(replay.config(&base_url, &catalog, interval));
        return watch(Box::new(load), &watched, flags, signals).await;
    }
    let places = places(size);
    let (_simulator, base_url) = simulate(settings(&places)).await?;
    let interval = interval(size);
    let watched = match size.operations {
        1 => "One simulated operation is being watched,".to_owned(),
        2 => "Two simulated operations are being watched,".to_owned(),
        more => format!("{more} simulated operations are being watched,"),
    };
    let watched =
        format!("{watched} every {}. Nothing here comes from a real contact centre.", format_duration(interval));
    let load = move || Ok(config(&places, &base_url, &catalog, interval, |_| true));
    watch(Box::new(load), &watched, flags, signals).await
}

/// Runs an exporter of what the config says, and says at the beginning what is `watched` and where.
async fn watch(load: Loader, watched: &str, flags: &Flags, signals: Signals) -> Result<(), CommandError> {
    let access = open_access(flags)?;
    let scheme = if access.is_encrypted() { "https" } else { "http" };
    let listeners = bind_all(&flags.listen_addresses).await?;
    if let Some(address) = listeners.first().and_then(|listener| listener.local_addr().ok()) {
        let address = from_here(&address.to_string());
        let welcome = format!(
            "{watched}\n  \
             open   {scheme}://{address}/\n  \
             try    curl -s {scheme}://{address}{} | grep wolkvox_agent_aux\n  \
             stop   Ctrl-C\n",
            flags.telemetry_path
        );
        // On a thread of its own and not waited for: the demo runs, and ends, also where nobody reads this.
        tokio::task::spawn_blocking(move || print(&welcome));
    }
    let setup = Setup {
        load,
        state: State::in_memory(),
        listeners,
        telemetry_path: flags.telemetry_path.clone(),
        access: Arc::new(access),
        limits: ClientLimits::default(),
        hangup: signals.hangup,
    };
    run(setup, signals.stop).await
}

/// Time between two polls: longer, the more there is to poll.
fn interval(size: &DemoFlags) -> Duration {
    let agents = u32::from(size.operations) * u32::from(size.agents.max(AGENTS_AT_LEAST));
    INTERVAL * agents.div_ceil(AGENTS_PER_INTERVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(operations: u16, agents: u16) -> DemoFlags {
        DemoFlags { operations, agents, history: None, days: 14, all_reports: false, gzip: false, replay: None }
    }

    #[test]
    fn the_more_agents_the_longer_the_interval() {
        let seconds = [(2, 24), (10, 25), (40, 25), (100, 1), (200, 1000)]
            .map(|(operations, agents)| interval(&size(operations, agents)).as_secs());
        assert_eq!(seconds, [5, 5, 20, 25, 4_000]);
    }
}
