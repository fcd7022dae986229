//! What is left after the exporter was killed in the middle of anything.

use std::cell::Cell;
use std::fs;
use std::rc::Rc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use wolkvox_simulator::{Fault, Scope};

use crate::support::harness::{Harness, Setup, together};
use crate::support::home::Home;
use crate::support::scraped::Scraped;

const KILLS: usize = 200;
/// Exporters at a time: each has a vendor, a config and a state folder of its own.
const HOMES: usize = 4;
/// From before the first instruction until well into the polls.
const LONGEST_LIFE: u64 = 400;
const LAST_SUCCESS: &str = "wolkvox_report_last_success_timestamp_seconds";

/// What the lives together met: says whether the moments were spread over all that there is to interrupt.
#[derive(Default)]
struct Met {
    silent: Cell<usize>,
    unfinished: Cell<usize>,
    calls: Cell<u64>,
    reports_served: Cell<usize>,
}

fn add<T: Copy + std::ops::Add<Output = T>>(cell: &Cell<T>, more: T) {
    cell.set(cell.get() + more);
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_nor_lie_after_kill_9_at_200_random_moments() {
    let started = Instant::now();
    let truth = Harness::start(Setup::default()).await.scrape().await;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let (truth, met) = (Rc::new(truth), Rc::<Met>::default());
    together((0..HOMES).map(|home| {
        let (truth, met) = (Rc::clone(&truth), Rc::clone(&met));
        let random = fastrand::Rng::with_seed(seed.wrapping_add(home as u64));
        async move { lives(random, &truth, &met).await }
    }))
    .await;
    println!(
        "{KILLS} kills in {:?}: {} before a word was said, {} while a file was written; {} calls, {} reports restored",
        started.elapsed(),
        met.silent.get(),
        met.unfinished.get(),
        met.calls.get(),
        met.reports_served.get(),
    );
    assert!(met.reports_served.get() > KILLS, "too little was ever restored for this to show anything");
}

/// One home's share of the kills.
async fn lives(mut random: fastrand::Rng, truth: &Scraped, met: &Met) {
    let home = Home::new(Setup::fast()).await;
    for round in 0..KILLS / HOMES {
        let exporter = home.launch(&[]);
        tokio::time::sleep(Duration::from_millis(random.u64(0..=LONGEST_LIFE))).await;
        add(&met.silent, usize::from(exporter.said().is_empty()));
        exporter.kill().await;
        add(&met.unfinished, assert_whole(&home, round));
        look(&home, truth, met).await;
        assert_whole(&home, round);
    }
    add(&met.calls, home.charged());
}

/// Nothing is half written, and nothing was spent that is not counted. Returns how many files were never finished.
fn assert_whole(home: &Home, round: usize) -> usize {
    let files = home.files();
    let unfinished = files.iter().filter(|file| file.starts_with(".new-")).count();
    assert!(unfinished <= 1, "round {round}: they pile up: {files:?}");
    assert!(!files.iter().any(|file| file.ends_with(".corrupt")), "round {round}: {files:?}");
    let (charged, counted) = (home.charged(), home.counted());
    assert!(counted >= charged, "round {round}: {charged} calls were made and {counted} are counted");
    unfinished
}

/// Starts the exporter while the vendor is silent, so that all there is to serve is what was kept.
async fn look(home: &Home, truth: &Scraped, met: &Met) {
    home.simulator.inject(Fault::Drop, Scope::default());
    let kept: Vec<String> = home.files().into_iter().filter(|file| file.ends_with(".served")).collect();
    let start = Timestamp::now().as_millisecond() as f64 / 1000.0;
    let exporter = home.start(&[]).await;
    let (ready, scraped) = (exporter.is_ready().await, exporter.scrape().await);
    exporter.process.kill().await;
    home.simulator.clear_faults();

    assert_eq!(ready, kept.len() == 5, "with {kept:?}");
    assert_eq!(scraped.find(LAST_SUCCESS, &[]).len(), kept.len(), "{kept:?}");
    for file in &kept {
        let report = format!("report=\"{}\"", file.split('.').next().unwrap_or_default());
        let polled_at = polled_at(home, file);
        let told = scraped.value(LAST_SUCCESS, &[&report]).expect("a kept report has its age");
        assert!((told - polled_at).abs() < 0.01 && told < start, "{report}: {told} for {polled_at}, started {start}");
        for metric in ["wolkvox_report_series", "wolkvox_report_rows"] {
            assert_eq!(scraped.value(metric, &[&report]), truth.value(metric, &[&report]), "{report}");
        }
    }
    add(&met.reports_served, kept.len());
    let (served, true_ones) = (scraped.report_series(), truth.report_series());
    if kept.len() == 5 {
        assert_eq!(served, true_ones);
    }
    for (series, value) in served.iter().filter(|(series, _)| !series.contains("_info{")) {
        assert_eq!(true_ones.get(series), Some(value), "{series}");
    }
}

/// When the data in a file were asked for.
fn polled_at(home: &Home, file: &str) -> f64 {
    let bytes = fs::read(home.file(file)).expect("a kept file");
    let record = bytes.split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
    let record: serde_json::Value = serde_json::from_slice(record).expect("a record");
    let at: Timestamp = record["polled_at"].as_str().expect("a time").parse().expect("a time");
    at.as_millisecond() as f64 / 1000.0
}
