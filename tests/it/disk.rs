//! What happens where the state folder takes nothing.
//!
//! No disk is filled and nothing is mounted: that needs rights that root of a container has not. Here a disk is full
//! when the process may write no file longer than nothing (`prlimit`), and a folder is read-only when its mode says so
//! and root's right to overrule that is taken away (`setpriv`). Both are of util-linux, which every Debian has.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use crate::support::child::{Ended, run};
use crate::support::harness::{Setup, together};
use crate::support::home::{Home, Started};
use crate::support::scraped::Scraped;

const REPORTS: [&str; 2] = ["agent_aux_time", "agent_hold_mute"];
const STALE_AFTER: Duration = Duration::from_secs(4);

/// A write over the limit is to fail, as on a full disk, and not to end the process.
const NO_SIGNAL: [&str; 4] = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];

fn setup() -> Setup {
    Setup { reports: "[agent_aux_time, agent_hold_mute]", stale_after: STALE_AFTER, ..Setup::fast() }
}

/// Runs what follows as a user whom a folder's mode stops.
fn bound_by_modes() -> Vec<&'static str> {
    let root = fs::metadata("/proc/self").expect("Linux tells").uid() == 0;
    let drop =
        ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"];
    if root { drop.to_vec() } else { Vec::new() }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("an own folder");
}

/// Makes a folder read-only, and makes sure that it is.
async fn make_read_only(folder: &Path) {
    set_mode(folder, 0o500);
    let script = format!("test ! -w '{}'", folder.display());
    let words: Vec<&str> = bound_by_modes().into_iter().chain(["sh", "-c", &script]).collect();
    let Ended { code, stderr, .. } = run(words[0], &words[1..], b"").await;
    assert_eq!(code, Some(0), "root cannot be stopped from writing here, so this test shows nothing: {stderr}");
}

async fn limit_files(exporter: &Started, limit: &str) {
    let set = run("prlimit", &["--pid", &exporter.process.pid(), &format!("--fsize={limit}:unlimited")], b"").await;
    assert_eq!(set.code, Some(0), "{set:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_on_a_full_disk_no_call_is_made_until_there_is_room_again() {
    let home = Home::new(setup()).await;
    let exporter = home.start(&NO_SIGNAL).await;
    well(&exporter).await;
    limit_files(&exporter, "0").await;
    stopped(&home, &exporter).await;
    limit_files(&exporter, "unlimited").await;
    well(&exporter).await;
    assert_eq!(home.files().iter().filter(|file| file.starts_with('.')).count(), 0, "{:?}", home.files());
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_in_a_read_only_state_folder_no_call_is_made_until_it_can_be_written() {
    let home = Home::new(setup()).await;
    let exporter = home.start(&bound_by_modes()).await;
    well(&exporter).await;
    make_read_only(&home.file("")).await;
    stopped(&home, &exporter).await;
    set_mode(&home.file(""), 0o700);
    well(&exporter).await;
}

async fn well(exporter: &Started) {
    exporter.scrape_until("good polls", |scraped| REPORTS.iter().all(|report| scraped.is_up(report))).await;
}

/// Nothing is spent, it is said why, and the data go when it is time.
async fn stopped(home: &Home, exporter: &Started) {
    let refused = |scraped: &Scraped| {
        REPORTS
            .iter()
            .all(|report| scraped.failures(report).contains_key("state_not_written") && !scraped.is_up(report))
    };
    let told = exporter.scrape_until("the disk refuses", refused).await;
    let charged = home.charged();
    assert!(told.sum("wolkvox_exporter_state_write_failures_total", &[]) >= 2.0, "{}", told.text());
    let said = exporter.process.said();
    assert!(said.contains("could not be counted on disk, so it was not sent"), "{said}");
    let hint = format!("free disk space for the state folder {}", home.state().display());
    assert!(said.contains(&hint), "{said}");
    let gone = |scraped: &Scraped| scraped.sum("wolkvox_report_stale", &[]) == 2.0;
    let gone = exporter.scrape_until("the data are too old", gone).await;
    assert!(gone.report_series().is_empty());
    assert_eq!(home.charged(), charged, "a call was made that could not be counted");
    assert_eq!(home.counted(), charged);
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_a_disk_full_from_the_start_costs_no_call_and_kept_data_are_served() {
    let home = Home::new(Setup { stale_after: Duration::from_hours(12), ..setup() }).await;
    let before = home.start(&[]).await;
    well(&before).await;
    before.process.terminate().await;
    let charged = home.charged();
    let full = ["sh", "-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"];
    let exporter = home.start(&full).await;
    assert!(exporter.is_ready().await);
    assert!(!exporter.scrape().await.report_series().is_empty());
    let refused = |scraped: &Scraped| scraped.failures(REPORTS[0]).contains_key("state_not_written");
    let told = exporter.scrape_until("the disk refuses", refused).await;
    assert!(!told.report_series().is_empty());
    assert_eq!(home.charged(), charged);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_that_cannot_be_used_ends_the_start_with_status_1_and_a_hint() {
    let cases = ["a file", "read-only and new", "read-only and used before"];
    let starts = cases.map(|case| async move {
        let home = Home::new(setup()).await;
        match case {
            "a file" => fs::write(home.state(), "").expect("a writable folder"),
            "read-only and new" => fs::create_dir(home.state()).expect("a writable folder"),
            _ => home.start(&[]).await.process.kill().await,
        }
        if case != "a file" {
            make_read_only(&home.state()).await;
        }
        let charged = home.charged();
        let ended = home.refused(&bound_by_modes()).await;
        assert_eq!(ended.code, Some(1), "{case}: {ended:?}");
        let folder = home.state().display().to_string();
        assert!(ended.stderr.contains(&folder) && ended.stderr.contains("hint: "), "{case}: {ended:?}");
        assert_eq!(home.charged(), charged, "{case}");
        if case != "a file" {
            set_mode(&home.state(), 0o700);
        }
    });
    together(starts).await;
}
