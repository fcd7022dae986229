//! A demo's past is what polls would have left, and a real Prometheus takes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use wolkvox_exporter::time::midnight_before;

use crate::prometheus::{free_port, query};
use crate::support::child::{EXPORTER, Running, exporter, run};
use crate::support::harness::until;

const LOOK_BACK: i64 = 300;

/// A sample of a file.
struct Sample<'t> {
    name: &'t str,
    labels: &'t str,
    value: f64,
    at: i64,
}

fn sample(line: &str) -> Sample<'_> {
    let (series, rest) = line.split_once("} ").expect("labels");
    let (name, labels) = series.split_once('{').expect("a name");
    let (value, at) = rest.split_once(' ').expect("a time");
    Sample { name, labels, value: value.parse().expect("a number"), at: at.parse().expect("whole seconds") }
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut names: Vec<String> = entries.map(|path| path.display().to_string()).collect();
    names.sort();
    names
}

async fn history_of(folder: &Path, flags: &[&str]) -> Vec<String> {
    let into = format!("--history={}", folder.display());
    let ended = exporter(&[&["demo", &into][..], flags].concat()).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let names = files(folder);
    assert!(ended.stdout.starts_with(&format!("{} files", names.len())), "{} of {names:?}", ended.stdout);
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_a_day_of_the_past_ends_as_yesterday_says_the_day_after_and_nothing_outlives_it() {
    let folder = tempfile::tempdir().unwrap();
    let names = history_of(folder.path(), &["--days=2", "--operations=2", "--agents=3"]).await;
    let texts: Vec<String> = names.iter().map(|name| fs::read_to_string(name).unwrap()).collect();
    assert!(texts.iter().all(|text| text.ends_with("\n# EOF\n")));
    let lines = texts.iter().flat_map(|text| text.lines()).filter(|line| !line.starts_with('#'));
    let samples: Vec<Sample<'_>> = lines.map(sample).collect();

    let seen: BTreeSet<i64> = samples.iter().filter(|sample| sample.name == "up").map(|sample| sample.at).collect();
    assert!(seen.iter().zip(seen.iter().skip(1)).all(|(one, next)| next - one <= 240), "a gap: {seen:?}");
    let now = Timestamp::now().as_second();
    assert!((now - 300..=now).contains(seen.last().unwrap()), "not up to now");
    assert!(samples.iter().all(|sample| sample.labels.starts_with("job=\"wolkvox\",instance=\"127.0.0.1:10077\"")));

    for (operation, zone) in [("bogota", "America/Bogota"), ("madrid", "Europe/Madrid")] {
        let (of, zone) = (format!("operation=\"{operation}\""), TimeZone::get(zone).unwrap());
        let own: Vec<&Sample<'_>> = samples.iter().filter(|sample| sample.labels.contains(&of)).collect();
        let sum = |name: &str, window: &str, at: i64| -> f64 {
            let window = format!("window=\"{window}\"");
            let those = own.iter().filter(|one| one.name == name && one.at == at && one.labels.contains(&window));
            those.map(|one| one.value).sum()
        };
        let midnight = midnight_before(Timestamp::now(), &zone).as_second();
        let windows = own.iter().filter(|one| one.labels.contains("window=\""));
        let outlives = windows.clone().find(|one| (midnight - LOOK_BACK + 1..midnight).contains(&one.at));
        assert!(outlives.is_none(), "{} at {}", outlives.unwrap().labels, outlives.unwrap().at);
        // Both windows of the last day are over, and those of the next are not polled yet. What is now goes on.
        let mut of_days =
            windows.filter(|one| one.name.starts_with("wolkvox_agent_") && !one.labels.contains("=\"now\""));
        let at_midnight = of_days.find(|one| one.at == midnight);
        assert_eq!(at_midnight.map(|one| one.labels), None);
        let settled = midnight + 30 * 60;
        for name in ["wolkvox_agent_calls", "wolkvox_agent_login_seconds", "wolkvox_agent_aux_seconds"] {
            let (at_its_end, said) = (sum(name, "today", midnight - LOOK_BACK), sum(name, "yesterday", settled));
            assert!(at_its_end > 0.0);
            // For half an hour of a day, one of the two has no yesterday yet.
            assert!(said == at_its_end || settled > now, "{operation} {name}: {at_its_end}, and {said} the day after");
        }
    }
    // A process that ran all the time, and polled every quarter of an hour.
    let mut polls: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for polled in samples.iter().filter(|one| one.name == "wolkvox_report_polls_total") {
        polls.entry(polled.labels).or_default().push(polled.value);
    }
    assert!(polls.values().all(|values| values.is_sorted()));
    let most = polls.values().filter_map(|values| values.last()).fold(0.0_f64, |most, value| most.max(*value));
    assert!(most >= f64::from(2 * 24 * 4), "{most} polls of a report");

    let again = exporter(&["demo", &format!("--history={}", folder.path().display())]).await;
    assert_eq!((again.code, files(folder.path())), (Some(1), names));
    assert!(again.stderr.contains("holds a history already") && again.stderr.contains("hint:"), "{again:?}");
}

/// What `docker-compose.yml` does before Prometheus starts.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_prometheus_is_filled_once_and_answers_of_the_past() {
    let folder = tempfile::tempdir().unwrap();
    let programs = Path::new(EXPORTER).parent().unwrap().display().to_string();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/history");
    let line = format!("PATH={programs}:$PATH {script} {} --days=1 --operations=1 --agents=3", folder.path().display());
    let filled = run("sh", &["-c", &line], b"").await;
    assert_eq!(filled.code, Some(0), "{filled:?}");
    let blocks = files(folder.path());
    assert!(
        !blocks.is_empty() && blocks.iter().all(|block| Path::new(block).join("meta.json").is_file()),
        "{blocks:?}"
    );
    let again = run("sh", &["-c", &line], b"").await;
    assert!(again.code == Some(0) && again.stdout.contains("no history"), "{again:?}");
    assert_eq!(files(folder.path()), blocks);

    let (config, address) = (tempfile::NamedTempFile::new().unwrap(), free_port());
    let flags = [
        format!("--config.file={}", config.path().display()),
        format!("--storage.tsdb.path={}", folder.path().display()),
        format!("--web.listen-address={address}"),
    ];
    let _prometheus = Running::start("prometheus", &flags.each_ref().map(String::as_str));
    let agents = until("the past", async || {
        let found = query(address, "count(last_over_time(wolkvox_agent_calls{operation=\"bogota\"}[2h]))").await;
        found.first()?["value"][1].as_str().map(str::to_owned)
    });
    assert_eq!(agents.await, "6", "three agents, today and yesterday");
}
