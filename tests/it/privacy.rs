//! An agent's name is nowhere, when it is to be hashed or omitted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use wolkvox_exporter::aggregate::{Aggregated, Aggregator, RowPlan, SeriesCap};
use wolkvox_exporter::catalog::{Agents, Catalog, Combine, NameKey, Privacy, Report, VendorField};
use wolkvox_exporter::series::clean_into;
use wolkvox_exporter::time::{Window, WindowName};
use wolkvox_exporter::wolkvox::read_whole;
use wolkvox_simulator::{Operation, Request, Settings, Vendor, World};

use crate::state::{readable, tree};
use crate::support::harness::{Setup, settings, until, zone};
use crate::support::home::{Home, Started};
use crate::support::http;
use crate::support::scraped::Scraped;

const KEY: &str = "a key for names, long enough to hide them";
const HASHED: &str = "{agent_name: hashed}";
const OMITTED: &str = "{agent_name: omitted}";

/// Every label that says who an agent is, of every agent of the vendor's; ids only where they stand as such, because
/// five digits are also in many a value.
pub fn roster() -> Vec<String> {
    let world = World::new(&settings());
    let agents = world.agents(0);
    assert!(agents.len() > 20);
    let mut clean = String::new();
    let said = agents.iter().flat_map(|agent| {
        clean.clear();
        clean_into(&mut clean, &agent.name);
        [agent.name.trim().to_owned(), clean.clone(), agent.dni.clone(), format!("agent_id=\"{}\"", agent.id)]
    });
    said.chain(["Routing_point".to_owned()]).collect()
}

/// Of the roster, what a text says.
pub fn named<'r>(text: &str, roster: &'r [String]) -> Vec<&'r String> {
    roster.iter().filter(|said| text.contains(said.as_str())).collect()
}

/// Every page in each of its forms.
async fn pages(address: SocketAddr) -> String {
    let mut all = String::new();
    for path in ["/metrics", "/", "/status.json", "/docs/metrics.md", "/-/ready", "/-/healthy"] {
        for accept in ["", "Accept: application/openmetrics-text;version=1.0.0\r\n"] {
            for encoding in ["", "Accept-Encoding: gzip\r\n"] {
                all.push_str(&http::send(address, "GET", path, &format!("{accept}{encoding}")).await.text());
            }
        }
    }
    all
}

fn setup(privacy: &str) -> Setup {
    Setup { privacy: privacy.to_owned(), windows: "[today, yesterday]", ..Setup::fast() }
}

/// Without the closed day, which is asked for a few times a day only.
fn of_today(privacy: &str) -> Setup {
    Setup { privacy: privacy.to_owned(), ..Setup::fast() }
}

/// A home whose config names a key file, which is there.
async fn home(setup: Setup) -> Home {
    let home = Home::new(setup).await;
    fs::write(home.config.path().join("names.key"), KEY).unwrap();
    home
}

/// Has every report and window in its series.
async fn full(exporter: &Started) -> Scraped {
    let all_up = |scraped: &Scraped| scraped.find("wolkvox_report_up", &[]).iter().all(|(_, up)| *up == 1.0);
    exporter.scrape_until("good polls of all reports", |scraped| scraped.is_up("agent_kpi") && all_up(scraped)).await
}

/// Everything in the state folder, inflated.
fn kept(home: &Home) -> String {
    let files = tree(&home.state());
    files.iter().filter(|path| path.is_file()).map(|path| readable(&fs::read(path).unwrap())).collect()
}

/// The values of a label in a metric.
fn values(scraped: &Scraped, metric: &str, label: &str) -> BTreeSet<String> {
    let start = format!("{label}=\"");
    let value = |(series, _): &(&str, f64)| Some(series.split_once(&start)?.1.split('"').next()?.to_owned());
    scraped.find(metric, &[]).iter().filter_map(value).collect()
}

fn choose(home: &Home, privacy: &str) {
    fs::write(home.config_file(), of_today(privacy).config(&home.simulator.base_url())).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_hashed_or_omitted_no_agent_is_named_in_any_page_log_or_state_file() {
    let roster = roster();
    for (privacy, level) in [(HASHED, "trace"), (OMITTED, "debug")] {
        let home = home(setup(privacy)).await;
        let exporter = home.start(&["env", &format!("WOLKVOX_EXPORTER_LOG_LEVEL={level}")]).await;
        full(&exporter).await;
        let pages = pages(exporter.address).await;
        assert!(pages.contains("wolkvox_agent_calls{"), "there are data to look through");
        let (_, _, said) = exporter.process.terminate().await;
        assert!(said.contains("level=debug"), "it logs what it is asked to: {said}");
        let kept = kept(&home);
        assert!(kept.contains("wolkvox_agent_calls{"), "the state folder was read");
        for (place, text) in [("pages", pages), ("log", said), ("state folder", kept)] {
            assert_eq!(named(&text, &roster), Vec::<&String>::new(), "{privacy}: in the {place}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_the_search_for_names_finds_every_agent_where_they_are_plain() {
    let roster = roster();
    let home = Home::new(setup("{agent_dni: plain}")).await;
    let exporter = home.start(&[]).await;
    full(&exporter).await;
    let found = named(&pages(exporter.address).await, &roster).len();
    // Names with two blanks in a row show only in their tidy form.
    assert!(found > roster.len() * 3 / 4, "{found} of {}", roster.len());
    exporter.process.terminate().await;
    assert!(named(&kept(&home), &roster).len() > roster.len() * 3 / 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn hashed_the_reports_join_as_they_do_plain_and_the_hash_outlives_a_restart() {
    let plain = home(setup("{}")).await;
    let exporter = plain.start(&[]).await;
    let scraped = full(&exporter).await;
    exporter.process.terminate().await;
    let home = home(setup(HASHED)).await;
    let exporter = home.start(&[]).await;
    let hashed = full(&exporter).await;
    exporter.process.terminate().await;

    let names = values(&hashed, "wolkvox_agent_info", "agent_name");
    assert_eq!(names.len(), values(&scraped, "wolkvox_agent_info", "agent_name").len());
    assert!(
        names.iter().all(|name| name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit())),
        "{names:?}"
    );
    for metric in [
        "wolkvox_agent_aux_seconds",
        "wolkvox_agent_hold_seconds",
        "wolkvox_agent_closed_interactions",
        "wolkvox_agent_calls",
    ] {
        assert_eq!(hashed.find(metric, &[]).len(), scraped.find(metric, &[]).len(), "{metric}");
        assert_eq!(hashed.sum(metric, &[]), scraped.sum(metric, &[]), "{metric}");
        assert!(values(&hashed, metric, "agent_name").is_subset(&names), "{metric} has another hash");
    }

    let mode = fs::metadata(home.state().join("names.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = home.start(&[]).await;
    assert_eq!(values(&full(&again).await, "wolkvox_agent_info", "agent_name"), names);
    again.process.terminate().await;

    // A key that cannot be one is no reason to make another one: every hash would change.
    fs::write(home.state().join("names.key"), "short").unwrap();
    let refused = home.refused(&[]).await;
    assert!(refused.code == Some(1) && refused.stderr.contains("names.key cannot be used"), "{refused:?}");
    assert_eq!(fs::read_to_string(home.state().join("names.key")).unwrap(), "short");
}

#[tokio::test(flavor = "multi_thread")]
async fn exporters_with_one_key_file_agree_on_the_hashes_and_another_key_makes_others() {
    let mut hashes = Vec::new();
    for key in [KEY, KEY, "another key for names, as long as the first"] {
        let home = Home::new(setup("{agent_name: hashed, key_file: names.key}")).await;
        fs::write(home.config.path().join("names.key"), format!("{key}\n")).unwrap();
        let exporter = home.start(&[]).await;
        hashes.push(values(&full(&exporter).await, "wolkvox_agent_info", "agent_name"));
        assert!(!home.state().join("names.key").exists(), "no key of its own");
        let (_, _, said) = exporter.process.terminate().await;
        assert!(![said, kept(&home)].concat().contains(key), "the key shows");
    }
    assert_eq!(hashes[0], hashes[1]);
    assert!(hashes[0].is_disjoint(&hashes[2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_after_a_change_of_the_choice_the_old_names_are_gone_by_the_answer_to_the_reload() {
    let home = home(of_today("{}")).await;
    let exporter = home.start(&[]).await;
    let mut seen = names_shown(&full(&exporter).await);
    for privacy in ["{agent_name: hashed, key_file: names.key}", HASHED, OMITTED, "{}", "{agent_dni: plain}", OMITTED] {
        choose(&home, privacy);
        let answer = http::send(exporter.address, "POST", "/-/reload", "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let at_once = [pages(exporter.address).await, kept(&home)].concat();
        let gone = || seen.iter().filter(|name| at_once.contains(name.as_str())).collect::<Vec<_>>();
        assert!(privacy == "{agent_dni: plain}" || gone().is_empty(), "{privacy}: {:?}", gone());
        seen = names_shown(&full(&exporter).await);
        assert_eq!(seen.is_empty(), privacy == OMITTED, "{privacy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_after_a_change_of_the_choice_no_start_shows_or_keeps_the_old_names() {
    let home = home(of_today("{}")).await;
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for privacy in ["{}", HASHED, "{agent_name: hashed, key_file: names.key}", "{}", OMITTED] {
        choose(&home, privacy);
        let exporter = home.start(&[]).await;
        // The first answer comes once the state folder is swept; a connection is taken before.
        let pages = pages(exporter.address).await;
        // Where names are plain, a file that was set aside stays: a hash in it is no name.
        let kept = if privacy == "{}" { String::new() } else { kept(&home) };
        let at_once = [pages, kept].concat();
        let shown: Vec<&String> = seen.iter().filter(|name| at_once.contains(name.as_str())).collect();
        assert_eq!(shown, Vec::<&String>::new(), "{privacy}");
        seen = names_shown(&full(&exporter).await);
        exporter.process.terminate().await;
        // What was set aside, and what is of an operation that is gone, are names too.
        let operation = home.file("");
        fs::copy(home.file("agent_kpi.today.served"), home.file("agent_kpi.today.corrupt")).unwrap();
        let gone = home.state().join("gone");
        fs::create_dir_all(&gone).unwrap();
        fs::copy(operation.join("agent_kpi.today.served"), gone.join("agent_kpi.today.served")).unwrap();
    }
    let exporter = home.start(&[]).await;
    full(&exporter).await;
    assert_eq!(named(&kept(&home), &roster()), Vec::<&String>::new());
    assert!(home.file("calls.json").exists(), "what was spent is no name");
    assert_eq!(tree(&home.state().join("gone")).len(), 1);
    exporter.process.terminate().await;
}

fn names_shown(scraped: &Scraped) -> BTreeSet<String> {
    let mut names = values(scraped, "wolkvox_agent_info", "agent_name");
    names.remove("unknown");
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn omitted_the_reports_are_totals_of_the_operation_without_a_roster() {
    let plain = home(setup("{}")).await;
    let exporter = plain.start(&[]).await;
    let per_agent = full(&exporter).await;
    exporter.process.terminate().await;
    let home = home(setup(OMITTED)).await;
    let exporter = home.start(&[]).await;
    let totals = full(&exporter).await;
    assert_eq!(totals.find("wolkvox_agent_info", &[]), []);
    for label in ["agent_id", "agent_name", "agent_dni"] {
        assert!(!totals.text().contains(&format!("{label}=\"")), "{label}");
    }
    for metric in ["wolkvox_agent_hold_seconds", "wolkvox_agent_calls", "wolkvox_agent_login_seconds"] {
        for window in ["window=\"today\"", "window=\"yesterday\""] {
            assert_eq!(totals.value(metric, &[window]), Some(per_agent.sum(metric, &[window])), "{metric}");
        }
    }
    assert!(totals.find("wolkvox_agent_aux_seconds", &[]).iter().all(|(series, _)| series.contains("state=\"")));
    exporter.process.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_lasts_only_until_a_restart_is_warned_of() {
    let home = home(setup(HASHED)).await;
    let mut exporter = home.launch(&["env", "WOLKVOX_EXPORTER_STATE_DIR=none"]);
    exporter.after("address=").await;
    let kept_on_disk = exporter.said();
    assert!(!kept_on_disk.contains("other hashes"), "{kept_on_disk}");
    exporter.terminate().await;
    let config = format!("--config.file={}", home.config_file().display());
    let flags = [&config, "--state.dir=none", "--web.listen-address=127.0.0.1:0"];
    let mut exporter = crate::support::child::Running::start(crate::support::child::EXPORTER, &flags);
    let address: SocketAddr = exporter.after("address=").await.parse().expect("an address");
    let names = async || names_shown(&Scraped::parse(&http::get(address, "/metrics").await.text()));
    let before = until("names", async || Some(names().await).filter(|names| !names.is_empty())).await;
    assert_eq!(http::send(address, "POST", "/-/reload", "").await.status, 200);
    let after = until("names", async || Some(names().await).filter(|names| names.len() >= before.len())).await;
    assert!(before.is_subset(&after), "a reload does not change them");
    let said = exporter.said();
    assert_eq!(said.matches("after a restart, names will have other hashes").count(), 1, "{said}");
}

// === omitted is plain, added up ===

/// One report of the vendor's over yesterday, added up under a choice.
fn aggregated(vendor: &Vendor, report: &Report, privacy: &Privacy, now: Timestamp) -> Aggregated {
    let window = Window::at(WindowName::Yesterday, now, &zone());
    let (ini, end) = window.whole().vendor_dates();
    let target = format!("/api/v2/{}?api={}&date_ini={ini}&date_end={end}", report.endpoint, report.api);
    let answer = vendor.answer(&Request::get(&target, Some("token")), now);
    let mut aggregator = Aggregator::new(Arc::new(RowPlan::new(report, privacy)), window);
    read_whole(&answer.body, &mut aggregator).expect("the simulator answers as documented");
    aggregator.finish(usize::MAX, &mut SeriesCap::default()).expect("every field")
}

/// A series without what names an agent, its labels, and its value.
type Line = (String, String, f64);

/// The series of each metric of a report, in its order.
fn lines(aggregated: &Aggregated) -> Vec<Vec<Line>> {
    let rest = |labels: &str| {
        let kept = labels.split(',').filter(|label| !label.starts_with("agent_"));
        kept.collect::<Vec<_>>().join(",")
    };
    let line = |labels: String, value| (rest(&labels), labels, value);
    aggregated
        .families()
        .map(|(_, series)| series.map(|(labels, _, value)| line(labels.to_string(), value)).collect())
        .collect()
}

/// What a metric's series add up to, by what is left of their labels. The weight of a mean is a metric of the same
/// report: calls, or login time.
fn added_up(report: &Report, metric: usize, plain: &[Vec<Line>]) -> BTreeMap<String, f64> {
    let combine = &report.metrics[metric].values[0].combine;
    let is_sum_of = |other: &Combine, field: &VendorField| matches!(other, Combine::Sum { value, times: None } if value.field == *field);
    let weights: BTreeMap<&str, f64> = match combine {
        Combine::Mean { weight, .. } => {
            let place = report.metrics.iter().position(|other| is_sum_of(&other.values[0].combine, &weight.field));
            let series = &plain[place.expect("a weight that is shown")];
            series.iter().map(|(_, labels, value)| (labels.as_str(), *value)).collect()
        }
        _ => BTreeMap::new(),
    };
    let (mut sums, mut weighed) = (BTreeMap::<String, f64>::new(), BTreeMap::<String, f64>::new());
    for (rest, labels, value) in &plain[metric] {
        let weight = weights.get(labels.as_str()).copied().unwrap_or(1.0);
        *weighed.entry(rest.clone()).or_default() += weight;
        let sum = sums.entry(rest.clone()).or_default();
        *sum = if matches!(combine, Combine::Max { .. }) { sum.max(*value) } else { *sum + value * weight };
    }
    if matches!(combine, Combine::Mean { .. }) {
        for (rest, sum) in &mut sums {
            *sum /= weighed[rest];
        }
    }
    sums
}

/// What is the same of hashed and plain series: everything but who it is.
fn anonymous(series: &[Line]) -> Vec<(&str, u64)> {
    let mut lines: Vec<_> = series.iter().map(|(rest, _, value)| (rest.as_str(), value.to_bits())).collect();
    lines.sort_unstable();
    lines
}

proptest! {
    // Each case computes a day of every report three times.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn omitted_is_plain_added_up_by_each_metrics_own_rule(seed in any::<u64>(), agents in 1_usize..40) {
        let now = Timestamp::now();
        let operations = vec![Operation { zone: zone(), agents, ..Operation::new("token") }];
        let vendor = Vendor::new(Settings { seed, operations, clock: Arc::new(move || now), ..Settings::default() });
        let choice = |agents| Privacy { agents, agent_dni: false };
        let [omitted, hashed] = [choice(Agents::Omitted), choice(Agents::Hashed(NameKey::passing()))];
        for report in Catalog::builtin().unwrap().by_default() {
            let shown = |privacy| lines(&aggregated(&vendor, report, privacy, now));
            let (plain, omitted, hashed) = (shown(&Privacy::default()), shown(&omitted), shown(&hashed));
            for (place, metric) in report.metrics.iter().enumerate() {
                let expected = added_up(report, place, &plain);
                prop_assert_eq!(omitted[place].len(), expected.len(), "{}", &metric.family.name);
                for (rest, labels, value) in &omitted[place] {
                    prop_assert_eq!(rest, labels, "an agent's label stayed");
                    let expected = expected[rest];
                    let close = (value - expected).abs() <= 1e-9 * expected.abs().max(1.0);
                    prop_assert!(close, "{}: {} and not {}", &metric.family.name, value, expected);
                }
                prop_assert_eq!(anonymous(&plain[place]), anonymous(&hashed[place]), "{}", &metric.family.name);
            }
        }
    }
}
