//! A bench of what a thousand operations cost one exporter.
//!
//! A simulated vendor in this process, the exporter's binary as a process of its own, five reports each. Prints CPU
//! and memory per interval and the calls per second that the vendor saw, as the last part of `benches/RESULTS.md`. The
//! numbers of operations and intervals can be given: `cargo bench --bench operations -- 1000 3`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use wolkvox_simulator::{Operation, Settings, Simulator};

const INTERVAL: Duration = Duration::from_mins(1);
const REPORTS: usize = 5;
const AGENTS: usize = 20;

/// The exporter, ended when this goes.
struct Exporter(Child);

impl Drop for Exporter {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::main]
async fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let (operations, intervals) = (numbers.first().copied().unwrap_or(1000), numbers.get(1).copied().unwrap_or(3));
    let simulated = (0..operations).map(|operation| Operation {
        agents: AGENTS,
        callbacks_per_day: 100,
        ..Operation::new(format!("token-{operation}"))
    });
    let vendor = Settings { operations: simulated.collect(), ..Settings::default() };
    let simulator = Simulator::start(vendor).await.expect("a free port");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let exporter = start(&folder, &simulator.base_url(), operations);
    println!(
        "## {operations} operations\n\nOf {AGENTS} agents with {REPORTS} reports each, every {} s, from a simulated vendor. \
         Operations start spread over the first interval; in the second the reports of each move apart, so it has fewer calls.\n",
        INTERVAL.as_secs()
    );
    println!("| interval | CPU % of one core | RSS MiB | calls | peak calls in a second |");
    println!("|--:|--:|--:|--:|--:|");
    let mut spent = cpu_seconds(&exporter);
    for interval in 1..=intervals {
        let since = Timestamp::now();
        tokio::time::sleep(INTERVAL).await;
        let now = cpu_seconds(&exporter);
        let (calls, peak) = calls_since(&simulator, since);
        let share = (now - spent) / INTERVAL.as_secs_f64() * 100.0;
        println!("| {interval} | {share:.1} | {:.1} | {calls} | {peak} |", resident_mebibytes(&exporter));
        spent = now;
    }
}

fn start(folder: &tempfile::TempDir, base_url: &str, operations: usize) -> Exporter {
    let mut config = "operations:\n".to_owned();
    for operation in 0..operations {
        let file = format!("token-{operation}");
        fs::write(folder.path().join(&file), &file).expect("a writable folder");
        // Writing to a String cannot fail.
        let _ = writeln!(
            config,
            "  - {{name: operation-{operation}, base_url: \"{base_url}\", token_file: {file}, licenses: 40}}"
        );
    }
    let _ = writeln!(config, "polling: {{interval: {}s, allow_faster_than_vendor: true}}", INTERVAL.as_secs());
    let file = folder.path().join("config.yml");
    fs::write(&file, config).expect("a writable folder");
    let child = Command::new(env!("CARGO_BIN_EXE_wolkvox-exporter"))
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--state.dir={}", folder.path().join("state").display()))
        .args(["--web.listen-address=127.0.0.1:0", "--log.level=error"])
        .stdout(Stdio::null())
        .spawn();
    Exporter(child.expect("the exporter was built with this bench"))
}

fn cpu_seconds(exporter: &Exporter) -> f64 {
    let stat = process(exporter).stat().expect("Linux tells");
    (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64
}

fn resident_mebibytes(exporter: &Exporter) -> f64 {
    let stat = process(exporter).stat().expect("Linux tells");
    (stat.rss * procfs::page_size()) as f64 / f64::from(1 << 20)
}

fn process(exporter: &Exporter) -> procfs::process::Process {
    let pid = i32::try_from(exporter.0.id()).expect("Linux numbers processes so");
    procfs::process::Process::new(pid).expect("the exporter runs")
}

fn calls_since(simulator: &Simulator, since: Timestamp) -> (usize, usize) {
    let mut seconds: BTreeMap<i64, usize> = BTreeMap::new();
    for call in simulator.call_log().calls.iter().filter(|call| call.at >= since) {
        *seconds.entry(call.at.as_second()).or_default() += 1;
    }
    (seconds.values().sum(), seconds.values().copied().max().unwrap_or(0))
}
