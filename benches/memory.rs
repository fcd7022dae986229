//! A bench of what a hostile vendor can make one exporter hold, under the memory limit of the pod that is shipped.
//!
//! Every attack of `tests/it/support/hostile.rs` at 1, 4 and 16 operations, the exporter in a cgroup of 256 MiB: its peak, whether
//! it was killed, and how long a scrape took meanwhile. Needs root and a memory controller. Another binary can be given,
//! to compare: `EXPORTER=…/wolkvox-exporter cargo bench --bench memory --features jemalloc`.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[path = "../tests/it/support/hostile.rs"]
mod hostile;

use hostile::{Attack, Hostile};

const POD_BYTES: u64 = 256 << 20;
/// An attack that is not over by then goes on as it began.
const LONGEST: Duration = Duration::from_secs(30);
/// Between two scrapes.
const PAUSE: Duration = Duration::from_millis(20);

fn main() {
    let group = Group::new().expect("root, and a memory controller that takes a new group");
    println!(
        "| attack | operations | peak MiB | ended | polled | scrape p50 ms | requests |\n|---|--:|--:|---|--:|--:|--:|"
    );
    for attack in Attack::ALL {
        for operations in [1, 4, 16] {
            run(&group, attack, operations);
        }
    }
}

fn run(group: &Group, attack: Attack, operations: usize) {
    let vendor = Hostile::start(attack).expect("a free port");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut exporter = Exporter::start(group, folder.path(), &vendor, operations);
    let (started, mut scrapes, mut polled, mut killed) = (Instant::now(), Vec::new(), 0, false);
    while started.elapsed() < LONGEST && polled < operations && !killed {
        let before = Instant::now();
        if let Ok(text) = exporter.scrape() {
            scrapes.push(before.elapsed());
            polled =
                text.lines().filter(|line| line.starts_with("wolkvox_report_last_attempt_timestamp_seconds{")).count();
        }
        killed = exporter.child.try_wait().expect("a child to ask about").is_some();
        std::thread::sleep(PAUSE);
    }
    scrapes.sort_unstable();
    let p50 = scrapes.get(scrapes.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0);
    let peak = group.peak().unwrap_or(0).max(exporter.peak().unwrap_or(0)) as f64 / f64::from(1 << 20);
    let ended = if killed { "**killed**" } else { "no" };
    println!("| {attack:?} | {operations} | {peak:.0} | {ended} | {polled} | {p50:.1} | {} |", vendor.calls());
}

/// A cgroup with the pod's limit.
struct Group {
    folder: PathBuf,
    peak: &'static str,
}

impl Group {
    fn new() -> io::Result<Group> {
        let name = format!("wolkvox-bench-{}", std::process::id());
        let (first, second) = ("/sys/fs/cgroup/memory", "/sys/fs/cgroup");
        let (mount, limit, peak) = if Path::new(first).is_dir() {
            (first, "memory.limit_in_bytes", "memory.max_usage_in_bytes")
        } else {
            (second, "memory.max", "memory.peak")
        };
        let folder = Path::new(mount).join(name);
        fs::create_dir(&folder)?;
        fs::write(folder.join(limit), POD_BYTES.to_string())?;
        Ok(Group { folder, peak })
    }

    /// The peak since the last time.
    fn peak(&self) -> io::Result<u64> {
        let file = self.folder.join(self.peak);
        let peak = fs::read_to_string(&file)?.trim().parse().map_err(io::Error::other)?;
        // Where it cannot be set back, it is that of all attacks so far.
        let _ = fs::write(file, "0");
        Ok(peak)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It is empty by now; if not, the system keeps an empty group.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// The exporter, ended when this goes.
struct Exporter {
    child: Child,
    address: SocketAddr,
}

impl Exporter {
    fn start(group: &Group, folder: &Path, vendor: &Hostile, operations: usize) -> Exporter {
        let file = vendor.config(folder, operations, "polling: {interval: 6h}\n");
        let program = std::env::var("EXPORTER").unwrap_or_else(|_| env!("CARGO_BIN_EXE_wolkvox-exporter").to_owned());
        let enter = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", group.folder.display());
        let mut child = Command::new("sh")
            .args(["-c", &enter, "sh", &program, "--web.listen-address=127.0.0.1:0", "--state.dir=none"])
            .arg(format!("--config.file={}", file.display()))
            .stderr(Stdio::piped())
            .spawn()
            .expect("the exporter runs");
        let mut lines =
            BufReader::new(child.stderr.take().expect("a pipe was asked for")).lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.split_once("address=")?.1.split([' ', '/']).next()?.parse().ok());
        std::thread::spawn(move || lines.for_each(drop));
        Exporter { address: address.expect("it listens"), child }
    }

    fn scrape(&self) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(LONGEST))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }

    /// The most that it ever held itself.
    fn peak(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
