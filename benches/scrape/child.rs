//! A server in a process of its own, whose memory and processor time can be told from the scraper's.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use super::data;

/// Ends with the bench, as its standard input closes.
pub struct Server {
    pub port: u16,
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Server {
    /// This program again, as the server of that kind.
    pub fn start(kind: &str, series: usize) -> Server {
        let program = std::env::current_exe().expect("this program");
        Server::spawn(Command::new(program).args(["serve", kind, &series.to_string()])).expect("this program runs")
    }

    /// The server of ready bytes, which are written to it.
    pub fn ready(plain: &[u8], gzip: &[u8]) -> Server {
        let program = std::env::current_exe().expect("this program");
        let folder = std::env::temp_dir().join(format!("wolkvox-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a writable folder");
        fs::write(folder.join("plain"), plain).expect("a writable folder");
        fs::write(folder.join("gzip"), gzip).expect("a writable folder");
        let server =
            Server::spawn(Command::new(program).args(["serve", "ready"]).arg(&folder)).expect("this program runs");
        fs::remove_dir_all(folder).expect("a folder of this bench");
        server
    }

    /// Python's client library behind its own server; `None` where there is none.
    pub fn python(series: usize) -> Option<Server> {
        let python = python()?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/scrape/peer.py");
        let mut server = Command::new(python);
        server.arg(script).arg(series.to_string());
        Server::spawn_with(&mut server, |stdin| {
            for (operation, rows) in data::operations(series) {
                for row in data::rows(rows) {
                    writeln!(
                        stdin,
                        "{operation}\t{}\t{}\t{}\t{}",
                        row.agent_id, row.agent_name, row.state, row.seconds
                    )?;
                }
            }
            stdin.flush()
        })
    }

    fn spawn(command: &mut Command) -> Option<Server> {
        Server::spawn_with(command, |_| Ok(()))
    }

    fn spawn_with(command: &mut Command, feed: impl FnOnce(&mut ChildStdin) -> std::io::Result<()>) -> Option<Server> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let mut stdin = child.stdin.take()?;
        feed(&mut stdin).ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
        let port = line.trim().parse().ok()?;
        Some(Server { port, child, stdin: Some(stdin) })
    }

    /// Tells the server a word, as `poll`.
    pub fn tell(&mut self, word: &str) {
        let stdin = self.stdin.as_mut().expect("open until it is dropped");
        writeln!(stdin, "{word}").and_then(|()| stdin.flush()).expect("a server that listens");
    }

    /// Resident memory, in bytes.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a running server");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells it");
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1024
    }

    /// Processor time of all its threads so far.
    pub fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("a running server");
        let on_cpu = |task: std::io::Result<fs::DirEntry>| -> Option<u64> {
            let path = task.ok()?.path().join("schedstat");
            fs::read_to_string(path).ok()?.split(' ').next()?.parse().ok()
        };
        Duration::from_nanos(tasks.filter_map(on_cpu).sum())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It may be in the middle of a scrape.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The Python of the tests, or the one named by `WOLKVOX_TEST_PYTHON`.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("WOLKVOX_TEST_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/target/test-venv/bin/python").into());
    python.exists().then_some(python)
}
