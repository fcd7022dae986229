//! One bound holds for the memory of all answers in flight and of what is served.

use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::support::child::Running;
use crate::support::harness::until;
use crate::support::home::Started;
use crate::support::hostile::{Attack, Hostile};
use crate::support::scraped::Scraped;

/// The limit of the pod that is shipped.
const POD_BYTES: u64 = 256 << 20;
/// An attack takes a core and a half; two at a time would run into time-outs.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// An exporter of so many operations, each with a token and a queue of its own, all at a hostile vendor's.
async fn attacked(attack: Attack, operations: usize, timeout: u32) -> (Hostile, TempDir, Started) {
    let vendor = Hostile::start(attack).expect("a free port");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rest = format!("polling: {{interval: 6h, timeout: {timeout}s}}\nlimits: {{memory: 32MiB}}\n");
    let file = vendor.config(folder.path(), operations, &rest);
    let flags = [format!("--config.file={}", file.display()), "--web.listen-address=127.0.0.1:0".to_owned()];
    let mut process = Running::start(crate::support::child::EXPORTER, &flags.each_ref().map(String::as_str));
    let address = process.after("address=").await.parse().expect("an address");
    (vendor, folder, Started { process, address })
}

/// Waits until every operation was polled, and returns the scrape that says so and the peak of the memory.
async fn survived(attack: Attack, operations: usize, timeout: u32) -> (Scraped, u64) {
    let _alone = ONE_AT_A_TIME.lock().await;
    let (vendor, _folder, exporter) = attacked(attack, operations, timeout).await;
    let scraped = until("every operation polled", async || {
        let scraped = exporter.scrape().await;
        let polled = scraped.find("wolkvox_report_last_attempt_timestamp_seconds", &[]).len();
        (polled == operations).then_some(scraped)
    })
    .await;
    assert!(vendor.calls() >= operations as u64);
    (scraped, exporter.process.peak_memory())
}

#[tokio::test(flavor = "multi_thread")]
async fn never_crash_three_answers_of_249_mb_at_once_stay_under_the_pods_limit() {
    let (scraped, peak) = survived(Attack::Rows, 3, 60).await;
    let failures = scraped.failures("agent_aux_time");
    assert!(!failures.is_empty());
    // Where a machine is slow, one of them waits in vain for the memory that the others have.
    assert!(failures.keys().all(|reason| ["too_large", "memory_limit"].contains(&reason.as_str())), "{failures:?}");
    assert!(peak < POD_BYTES / 2, "{peak} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_60_000_records_that_cannot_be_split_show_record_limit_and_no_series() {
    let (scraped, _) = survived(Attack::Records, 1, 60).await;
    assert_eq!(scraped.failures("agent_kpi").into_keys().collect::<Vec<_>>(), ["record_limit"]);
    assert_eq!(scraped.value("wolkvox_report_truncated", &[]), Some(1.0));
    assert!(scraped.report_series().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn never_crash_a_name_of_249_mb_becomes_a_short_label_with_a_mark() {
    let (scraped, peak) = survived(Attack::Name, 1, 60).await;
    let series = scraped.find("wolkvox_agent_aux_seconds", &[]);
    assert_eq!(series.len(), 1);
    assert!(series.iter().all(|(labels, _)| labels.contains('…') && labels.len() < 1_300), "{series:?}");
    assert_eq!(scraped.value("wolkvox_report_shortened_labels_total", &[r#"operation="op0""#]), Some(1.0));
    assert!(peak < POD_BYTES / 2 && scraped.text().len() < 200_000, "{peak} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn never_crash_eight_servers_that_promise_249_mb_reserve_nothing() {
    let (scraped, peak) = survived(Attack::Promise, 8, 5).await;
    assert_eq!(scraped.failures("agent_aux_time").keys().map(String::as_str).collect::<Vec<_>>(), ["timeout"]);
    assert!(peak < POD_BYTES / 2, "{peak} bytes");
}

/// The rest of the attacks but `Noise`, whose answers take too long here: `cargo bench --bench memory` has them all.
#[tokio::test(flavor = "multi_thread")]
async fn never_crash_no_other_shape_of_a_249_mb_answer_takes_memory_without_end() {
    let done_above = [Attack::Rows, Attack::Name, Attack::Promise, Attack::Noise];
    for attack in Attack::ALL.into_iter().filter(|attack| !done_above.contains(attack)) {
        let (_, peak) = survived(attack, 1, 60).await;
        assert!(peak < POD_BYTES / 2, "{attack:?}: {peak} bytes");
    }
}
