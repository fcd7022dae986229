//! `demo`: an exporter of a simulated wolkvox.

use std::sync::Arc;
use std::time::Duration;

use humantime::format_duration;
use jiff::tz::TimeZone;
use url::Url;
use wolkvox_simulator::{self as simulator, Simulator};

use super::health::from_here;
use super::history::history;
use super::{CommandError, Signals, bind_all, open_access, print, run};
use crate::catalog::{Catalog, Privacy};
use crate::cli::{DemoFlags, Flags};
use crate::config::{Config, Limits, Operation, ReportPlan};
use crate::exporter::Setup;
use crate::state::State;
use crate::time::WindowName;
use crate::web::ClientLimits;
use crate::wolkvox::Token;

/// Where the operations are. The nights of the first two are apart, so that one of them is always well into its day.
const CITIES: [(&str, &str); 44] = [
    ("bogota", "America/Bogota"),
    ("madrid", "Europe/Madrid"),
    ("medellin", "America/Bogota"),
    ("guadalajara", "America/Mexico_City"),
    ("lima", "America/Lima"),
    ("santiago", "America/Santiago"),
    ("quito", "America/Guayaquil"),
    ("monterrey", "America/Monterrey"),
    ("cali", "America/Bogota"),
    ("sevilla", "Europe/Madrid"),
    ("barranquilla", "America/Bogota"),
    ("guayaquil", "America/Guayaquil"),
    ("arequipa", "America/Lima"),
    ("valparaiso", "America/Santiago"),
    ("tijuana", "America/Tijuana"),
    ("bucaramanga", "America/Bogota"),
    ("queretaro", "America/Mexico_City"),
    ("valencia", "Europe/Madrid"),
    ("pereira", "America/Bogota"),
    ("hermosillo", "America/Hermosillo"),
    ("manizales", "America/Bogota"),
    ("puebla", "America/Mexico_City"),
    ("trujillo", "America/Lima"),
    ("concepcion", "America/Santiago"),
    ("cuenca", "America/Guayaquil"),
    ("barcelona", "Europe/Madrid"),
    ("cartagena", "America/Bogota"),
    ("merida", "America/Merida"),
    ("leon", "America/Mexico_City"),
    ("ibague", "America/Bogota"),
    ("antofagasta", "America/Santiago"),
    ("chiclayo", "America/Lima"),
    ("malaga", "Europe/Madrid"),
    ("cancun", "America/Cancun"),
    ("armenia", "America/Bogota"),
    ("toluca", "America/Mexico_City"),
    ("temuco", "America/Santiago"),
    ("piura", "America/Lima"),
    ("ambato", "America/Guayaquil"),
    ("zaragoza", "Europe/Madrid"),
    ("cucuta", "America/Bogota"),
    ("saltillo", "America/Monterrey"),
    ("bilbao", "Europe/Madrid"),
    ("villavicencio", "America/Bogota"),
];
/// Fast enough to see numbers move while one looks.
const INTERVAL: Duration = Duration::from_secs(5);
/// Agents whose reports one processor can make and read that often, with most of it left for others.
const AGENTS_PER_INTERVAL: u32 = 250;
/// A request costs something however few agents it is about.
const AGENTS_AT_LEAST: u16 = 12;
/// The demo's pace would be over the budget of any real operation of this size.
const LICENSES: u32 = 1_000;
/// As many as in the simulator's own operation.
const CALLBACKS_PER_AGENT: usize = 10;

/// Runs a simulated wolkvox and an exporter of it: no token, no file, no network.
pub async fn demo(size: &DemoFlags, flags: &Flags, signals: Signals) -> Result<(), CommandError> {
    if let Some(folder) = &size.history {
        return history(folder, size, &signals.stop).await;
    }
    let access = open_access(flags)?;
    let scheme = if access.is_encrypted() { "https" } else { "http" };
    let places = places(size);
    let simulator = Simulator::start(settings(&places)).await.map_err(CommandError::Simulator)?;
    let catalog = Arc::new(Catalog::builtin()?);
    let base_url: Url = simulator.base_url().parse().expect("a loopback address is a URL");
    let listeners = bind_all(&flags.listen_addresses).await?;
    let interval = interval(size);
    if let Some(address) = listeners.first().and_then(|listener| listener.local_addr().ok()) {
        let address = from_here(&address.to_string());
        let watched = match size.operations {
            1 => "One simulated operation is being watched,".to_owned(),
            2 => "Two simulated operations are being watched,".to_owned(),
            more => format!("{more} simulated operations are being watched,"),
        };
        let welcome = format!(
            "{watched} every {}. Nothing here comes from a real contact centre.\n  \
             open   {scheme}://{address}/\n  \
             try    curl -s {scheme}://{address}{} | grep wolkvox_agent_aux\n  \
             stop   Ctrl-C\n",
            format_duration(interval),
            flags.telemetry_path
        );
        // On a thread of its own and not waited for: the demo runs, and ends, also where nobody reads this.
        tokio::task::spawn_blocking(move || print(&welcome));
    }
    let known = Arc::clone(&catalog);
    let setup = Setup {
        catalog,
        load: Box::new(move || Ok(config(&places, &base_url, &known, interval))),
        state: State::in_memory(),
        listeners,
        telemetry_path: flags.telemetry_path.clone(),
        access: Arc::new(access),
        limits: ClientLimits::default(),
        hangup: signals.hangup,
    };
    run(setup, signals.stop).await
}

/// One of the simulated operations.
#[derive(Debug)]
pub(super) struct DemoOperation {
    pub name: String,
    pub zone: TimeZone,
    agents: usize,
}

impl DemoOperation {
    fn token(&self) -> String {
        format!("demo-{}", self.name)
    }
}

/// The operations of a demo. Where there are more than cities, a city has a second one.
pub(super) fn places(size: &DemoFlags) -> Vec<DemoOperation> {
    let round = |round: usize| {
        CITIES.iter().map(move |(city, zone)| DemoOperation {
            name: if round == 1 { (*city).to_owned() } else { format!("{city}-{round}") },
            zone: TimeZone::get(zone).expect("the zone database is compiled in"),
            agents: size.agents.into(),
        })
    };
    (1..).flat_map(round).take(size.operations.into()).collect()
}

/// Time between two polls: longer, the more there is to poll.
fn interval(size: &DemoFlags) -> Duration {
    let agents = u32::from(size.operations) * u32::from(size.agents.max(AGENTS_AT_LEAST));
    INTERVAL * agents.div_ceil(AGENTS_PER_INTERVAL)
}

pub(super) fn settings(places: &[DemoOperation]) -> simulator::Settings {
    let operation = |place: &DemoOperation| simulator::Operation {
        zone: place.zone.clone(),
        agents: place.agents,
        callbacks_per_day: place.agents * CALLBACKS_PER_AGENT,
        calls_per_day: u64::from(LICENSES) * 1_000,
        ..simulator::Operation::new(place.token())
    };
    simulator::Settings { operations: places.iter().map(operation).collect(), ..simulator::Settings::default() }
}

pub(super) fn config(places: &[DemoOperation], base_url: &Url, catalog: &Catalog, interval: Duration) -> Config {
    let plan = |report: &Arc<_>| ReportPlan {
        report: Arc::clone(report),
        interval,
        windows: vec![WindowName::Today, WindowName::Yesterday],
        stale_after: interval * 3,
    };
    let operation = |place: &DemoOperation| Operation {
        name: place.name.as_str().into(),
        base_url: base_url.clone(),
        token: Token::parse(&place.token()).expect("the demo's tokens are plain letters"),
        zone: place.zone.clone(),
        licenses: Some(LICENSES),
        pool: None,
        reports: catalog.reports().iter().map(plan).collect(),
        timeout: Duration::from_secs(10),
    };
    Config {
        file: None,
        operations: places.iter().map(operation).collect(),
        limits: Limits::default(),
        privacy: Privacy::default(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn size(operations: u16, agents: u16) -> DemoFlags {
        DemoFlags { operations, agents, history: None, days: 14, gzip: false }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_the_first_two_stay_who_they_are() {
        let names: Vec<String> = places(&size(200, 24)).into_iter().map(|place| place.name).collect();
        assert_eq!(names[..2], ["bogota", "madrid"]);
        assert_eq!(names[CITIES.len()], "bogota-2");
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 200);
        let plain =
            |name: &String| name.bytes().all(|byte| b"-0123456789".contains(&byte) || byte.is_ascii_lowercase());
        assert!(names.iter().all(plain), "{names:?}");
    }

    #[test]
    fn the_more_agents_the_longer_the_interval() {
        let seconds = [(2, 24), (10, 25), (40, 25), (100, 1), (200, 1000)]
            .map(|(operations, agents)| interval(&size(operations, agents)).as_secs());
        assert_eq!(seconds, [5, 5, 20, 25, 4_000]);
    }
}
