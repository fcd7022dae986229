//! The simulated operations that `demo` watches and whose past `demo --history` writes, and what an exporter of them is set to.
//! Those of `demo --replay` are simulated too, but for what they answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use url::Url;
use wolkvox_simulator::{self as simulator, Simulator};

use super::CommandError;
use crate::catalog::{Catalog, Privacy, Report};
use crate::cli::DemoFlags;
use crate::config::{Config, Limits, Operation, ReportPlan, STALE_INTERVALS};
use crate::files;
use crate::time::WindowName;
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
/// The demo's pace would be over the budget of any real operation of this size.
const LICENSES: u32 = 1_000;
/// As many as in the simulator's own operation.
const CALLBACKS_PER_AGENT: usize = 10;

/// One of the simulated operations.
#[derive(Debug)]
pub(super) struct DemoOperation {
    pub name: String,
    pub zone: TimeZone,
    agents: usize,
}

impl DemoOperation {
    /// An operation of nobody: what it answers comes from elsewhere.
    pub(super) fn deserted(name: String, zone: TimeZone) -> DemoOperation {
        DemoOperation { name, zone, agents: 0 }
    }

    pub(super) fn token(&self) -> String {
        format!("demo-{}", files::safe_name(&self.name))
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

/// Starts the vendor, and says where it is.
pub(super) async fn simulate(settings: simulator::Settings) -> Result<(Simulator, Url), CommandError> {
    let simulator = Simulator::start(settings).await.map_err(CommandError::Simulator)?;
    let base_url = simulator.base_url().parse().expect("a loopback address is a URL");
    Ok((simulator, base_url))
}

/// A config that polls the `wanted` reports of every operation: for today and yesterday, or for now where a report has
/// no dates.
pub(super) fn config(
    places: &[DemoOperation],
    base_url: &Url,
    catalog: &Arc<Catalog>,
    interval: Duration,
    wanted: impl Fn(&Report) -> bool,
) -> Config {
    let asked = |report: &Arc<Report>| {
        let windows =
            if report.is_dated() { vec![WindowName::Today, WindowName::Yesterday] } else { vec![WindowName::Now] };
        (Arc::clone(report), windows)
    };
    config_of(places, base_url, catalog, interval, |_| {
        catalog.reports().iter().filter(|report| wanted(report)).map(asked).collect()
    })
}

/// Of each operation, what is `asked` of it.
pub(super) fn config_of(
    places: &[DemoOperation],
    base_url: &Url,
    catalog: &Arc<Catalog>,
    interval: Duration,
    asked: impl Fn(&DemoOperation) -> Vec<(Arc<Report>, Vec<WindowName>)>,
) -> Config {
    let plan = |(report, windows)| {
        let report = Report::settled(&report, &BTreeMap::new());
        ReportPlan { report, interval, windows, stale_after: interval * STALE_INTERVALS }
    };
    let operation = |place: &DemoOperation| Operation {
        name: place.name.as_str().into(),
        base_url: base_url.clone(),
        token: Token::parse(&place.token()).expect("the demo's tokens are plain ASCII"),
        zone: place.zone.clone(),
        licenses: Some(LICENSES),
        pool: None,
        reports: asked(place).into_iter().map(plan).collect(),
        timeout: Duration::from_secs(10),
    };
    Config {
        file: None,
        catalog: Arc::clone(catalog),
        operations: places.iter().map(operation).collect(),
        limits: Limits::default(),
        privacy: Privacy::default(),
        exposed: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn size(operations: u16, agents: u16) -> DemoFlags {
        DemoFlags { operations, agents, history: None, days: 14, all_reports: false, gzip: false, replay: None }
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
}
