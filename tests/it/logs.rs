//! The exporter does its work, and ends, whoever does not read what it writes.

use std::fmt::Write as _;
use std::io::{self, PipeReader, Read, Write};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use wolkvox_simulator::{Operation, Settings, Simulator};

use crate::prometheus::free_port;
use crate::support::child::{EXPORTER, run};
use crate::support::harness::{CONFIG_FILE, PATIENCE, Setup, TOKEN, config_folder, settings, until, zone, zone_name};
use crate::support::home::Home;
use crate::support::http;
use crate::support::scraped::Scraped;

const OPERATIONS: usize = 150;
const POLLS: f64 = 10_000.0;
const DROPPED: &str = "wolkvox_exporter_log_lines_dropped_total";
const SOON: Duration = Duration::from_secs(2);

/// A vendor of many small operations, and a config that polls them as fast as one can.
async fn crowd() -> (Simulator, TempDir) {
    let operation = |number| Operation {
        zone: zone(),
        agents: 1,
        callbacks_per_day: 1,
        calls_per_day: 4_000_000,
        ..Operation::new(format!("{TOKEN}-{number}"))
    };
    let operations = (0..OPERATIONS).map(operation).collect();
    let simulator = Simulator::start(Settings { operations, simultaneous: 100, ..settings() }).await.unwrap();
    let (url, zone) = (simulator.base_url(), zone_name());
    let mut operations = String::new();
    for number in 0..OPERATIONS {
        let place = format!("base_url: {url}, timezone: {zone}, token_file: token-{number}");
        writeln!(operations, "  - {{name: \"{number}\", {place}, licenses: 4000}}").unwrap();
    }
    let polling = "polling: {interval: 1s, allow_faster_than_vendor: true, stale_after: 1h}\n";
    let folder = config_folder(&format!("operations:\n{operations}\n{polling}"));
    for number in 0..OPERATIONS {
        std::fs::write(folder.path().join(format!("token-{number}")), format!("{TOKEN}-{number}")).unwrap();
    }
    (simulator, folder)
}

/// Starts the exporter with these for its standard output and standard error.
fn start(args: &[&str], stdout: Stdio, stderr: Stdio) -> (Child, SocketAddr) {
    let address = free_port();
    let mut command = Command::new(EXPORTER);
    command.args(args).arg(format!("--web.listen-address={address}")).env("WOLKVOX_EXPORTER_STATE_DIR", "none");
    (command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).kill_on_drop(true).spawn().unwrap(), address)
}

async fn is_alive(address: SocketAddr) {
    until("an answer", async || {
        tokio::net::TcpStream::connect(address).await.ok()?;
        (http::get(address, "/-/healthy").await.status == 200).then_some(())
    })
    .await;
}

/// Ends it as a service manager does; it is gone within two seconds.
async fn terminate(mut child: Child) {
    let started = Instant::now();
    let sent = run("sh", &["-c", &format!("kill -TERM {}", child.id().unwrap())], b"").await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let status = timeout(PATIENCE, child.wait()).await.expect("it does not end").unwrap();
    let took = started.elapsed();
    assert!(status.success() && took < SOON, "{status} after {took:?}");
}

async fn scrape(address: SocketAddr) -> Scraped {
    Scraped::parse(&http::get(address, "/metrics").await.text())
}

/// Waits until it has polled ten thousand times and answered all the while, and lines of the log were lost.
async fn work(address: SocketAddr) {
    is_alive(address).await;
    until("ten thousand polls", async || {
        (scrape(address).await.sum("wolkvox_api_requests_total", &[]) >= POLLS).then_some(())
    })
    .await;
    assert!(scrape(address).await.value(DROPPED, &[]) > Some(0.0), "no line was lost");
}

/// Reads a kilobyte now and then, and all that comes once it is told to hurry.
fn read_slowly(mut reader: PipeReader, hurry: Arc<Mutex<bool>>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let (mut text, mut part) = (Vec::new(), [0; 1024]);
        loop {
            match reader.read(&mut part).unwrap() {
                0 => return String::from_utf8(text).unwrap(),
                read => text.extend_from_slice(&part[..read]),
            }
            if !*hurry.lock().unwrap() {
                thread::sleep(Duration::from_millis(100));
            }
        }
    })
}

/// The numbers in the lines that say how many are missing.
fn missing(log: &str) -> f64 {
    let told = log.lines().filter(|line| line.contains("\"message\":\"log lines dropped\""));
    told.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["lines"].as_f64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_polls_and_the_end_wait_for_no_reader_of_the_log_be_it_stalled_closed_or_slow() {
    let (_simulator, folder) = crowd().await;
    let config = format!("--config.file={}", folder.path().join(CONFIG_FILE).display());
    let launch = || {
        let (reader, writer) = io::pipe().unwrap();
        (start(&[&config, "--log.format=json"], Stdio::null(), writer.into()), reader)
    };
    let ((stalled, address), _unread) = launch();
    work(address).await;
    terminate(stalled).await;
    let ((closed, address), reader) = launch();
    drop(reader);
    work(address).await;
    terminate(closed).await;
    let ((slow, address), reader) = launch();
    let hurry = Arc::<Mutex<bool>>::default();
    let reading = read_slowly(reader, Arc::clone(&hurry));
    work(address).await;
    *hurry.lock().unwrap() = true;
    // Nothing more is dropped while it is read, so the log says in the end how many were.
    let dropped = until("a log that is read again", async || {
        let before = scrape(address).await.value(DROPPED, &[]).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        (scrape(address).await.value(DROPPED, &[]) == Some(before)).then_some(before)
    })
    .await;
    terminate(slow).await;
    let log = reading.join().unwrap();
    assert_eq!(missing(&log), dropped, "the log does not tell how many lines are missing");
    for line in log.lines() {
        let event: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(event.is_ok_and(|event| event["timestamp"].is_string()), "a line is cut: {line}");
    }
    assert!(log.contains("\"message\":\"stopped\""), "the last lines are missing");
}

/// A pipe that is full already, as one that other programs share.
fn full_pipe() -> (PipeReader, io::PipeWriter) {
    let (reader, mut writer) = io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while writer.write(&[b'x'; 512]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    (reader, writer)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_runs_and_ends_where_nobody_reads_its_output() {
    let (_reader, writer) = full_pipe();
    let (unread, address) = start(&["demo"], writer.try_clone().unwrap().into(), writer.into());
    let (_, gone) = io::pipe().unwrap();
    let (closed, closed_at) = start(&["demo"], gone.try_clone().unwrap().into(), gone.into());
    for (demo, address) in [(unread, address), (closed, closed_at)] {
        is_alive(address).await;
        terminate(demo).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_output_nobody_takes_ends_with_its_own_status_or_a_sentence_and_never_panics() {
    let home = Home::new(Setup::default()).await;
    let config = format!("--config.file={}", home.config_file().display());
    let gone = || io::pipe().unwrap().1;
    for command in [&["reports"][..], &["check", &config]] {
        let (child, _) = start(command, gone().into(), Stdio::piped());
        let closed = child.wait_with_output().await.unwrap();
        assert!(closed.status.success() && closed.stderr.is_empty(), "{command:?} {closed:?}");
    }
    for command in [&["reports"][..], &["check", &config], &["bcrypt"]] {
        let line = format!("echo secret | {EXPORTER} {} > /dev/full", command.join(" "));
        let full = run("sh", &["-c", &line], b"").await;
        assert_eq!(full.code, Some(1), "{full:?}");
        assert!(full.stderr.starts_with("error: standard output cannot be written: "), "{full:?}");
    }
    let (mut unheard, _) = start(&["check", "--config.file=nowhere"], Stdio::null(), gone().into());
    assert_eq!(unheard.wait().await.unwrap().code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_open_files_or_threads_end_the_start_with_a_sentence_and_status_1() {
    let home = Home::new(Setup::frozen()).await;
    let mut started = 0;
    // Wherever between nothing and enough it is refused, it says so.
    for files in [8, 12, 16, 19, 20, 21, 22, 23, 24, 28, 40] {
        let limited = format!("ulimit -n {files}; exec \"$@\"");
        let mut process = home.launch(&["sh", "-c", &limited, "sh"]);
        match process.after_or_end("address=").await {
            Ok(_) => {
                started += 1;
                let (status, _, said) = process.terminate().await;
                assert!(status.success() && !said.contains("panicked"), "{files} files: {status} {said}");
            }
            Err(told) => {
                assert!(told.contains("exit status: 1 "), "{files} files: {told}");
                assert!(told.contains("error: ") && told.contains("hint: "), "{files} files: {told}");
                assert!(told.contains("Too many open files") && !told.contains("panicked"), "{files} files: {told}");
            }
        }
    }
    assert!((1..=10).contains(&started), "{started} starts");
    let few = home.refused(&["sh", "-c", "ulimit -n 8; exec \"$@\"", "sh"]).await;
    assert_eq!(few.code, Some(1), "{few:?}");
    assert!(few.stderr.starts_with("error: the process cannot start: Too many open files"), "{few:?}");
    // No machine has room for such a stack.
    let none = home.refused(&["env", "RUST_MIN_STACK=4503599627370496"]).await;
    assert_eq!(none.code, Some(1), "{none:?}");
    assert!(
        none.stderr.starts_with("error: the process cannot start: ") && none.stderr.contains("\nhint: "),
        "{none:?}"
    );
}
