//! A program run as a process of its own, and surely ended.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::support::harness::{PATIENCE, until};

/// The exporter's own binary.
pub const EXPORTER: &str = env!("CARGO_BIN_EXE_wolkvox-exporter");

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a program to its end.
pub async fn run(program: &str, args: &[&str], input: &[u8]) -> Ended {
    let mut child =
        command(program, args).stdin(Stdio::piped()).spawn().unwrap_or_else(|error| missing(program, &error));
    let mut stdin = child.stdin.take().expect("a pipe was asked for");
    let input = input.to_vec();
    // A program that does not read to the end is its own affair; what it says is judged.
    let feeding = tokio::spawn(async move { stdin.write_all(&input).await.ok() });
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.unwrap_or_else(|_| panic!("{program} {args:?} does not end")).expect("a process to wait for");
    feeding.abort();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs the exporter's binary to its end.
pub async fn exporter(args: &[&str]) -> Ended {
    run(EXPORTER, args, b"").await
}

/// A program that runs until it is ended, at the latest when this is dropped.
pub struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
    readers: [JoinHandle<()>; 2],
}

impl Running {
    pub fn start(program: &str, args: &[&str]) -> Running {
        let child = command(program, args).stdin(Stdio::null()).spawn();
        let mut child = child.unwrap_or_else(|error| missing(program, &error));
        let said = Arc::<Mutex<String>>::default();
        let stdout = collect(child.stdout.take().expect("a pipe was asked for"), &said);
        let stderr = collect(child.stderr.take().expect("a pipe was asked for"), &said);
        Running { child, said, readers: [stdout, stderr] }
    }

    /// Everything it wrote so far, to standard output and standard error.
    pub fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a line that holds `mark` and returns what follows it, up to a blank or slash.
    pub async fn after(&mut self, mark: &str) -> String {
        self.after_or_end(mark).await.unwrap_or_else(|end| panic!("{end}"))
    }

    /// The same of a program that may end before; then how.
    pub async fn after_or_end(&mut self, mark: &str) -> Result<String, String> {
        until(mark, async || {
            let said = self.said();
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(Err(format!("it ended with {status} instead of saying {mark}: {said}")));
            }
            let (_, rest) = said.lines().find_map(|line| line.split_once(mark))?;
            Some(Ok(rest.split([' ', '/', '"']).next().unwrap_or_default().to_owned()))
        })
        .await
    }

    /// The largest memory it ever held.
    pub fn peak_memory(&self) -> u64 {
        let pid = self.pid();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux tells");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells the peak");
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kilobytes * 1024
    }

    pub fn pid(&self) -> String {
        self.child.id().expect("a running process").to_string()
    }

    /// Sends it a signal: `TERM`, `HUP`.
    pub async fn signal(&self, name: &str) {
        let sent = run("sh", &["-c", &format!("kill -{name} {}", self.pid())], b"").await;
        assert_eq!(sent.code, Some(0), "{sent:?}");
    }

    /// Ends it without a chance to do anything first.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a process to kill");
    }

    /// Asks it to end, as a service manager does, and waits for it. Also says how long that took.
    pub async fn terminate(mut self) -> (ExitStatus, Duration, String) {
        let started = Instant::now();
        self.signal("TERM").await;
        let status =
            tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("it can be waited for");
        let took = started.elapsed();
        for reader in self.readers {
            reader.await.expect("a reader does not panic");
        }
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (status, took, said)
    }
}

/// The Python that has the strict parser.
pub fn python() -> String {
    let built = || {
        let target = std::env::var("CARGO_TARGET_DIR").map_or_else(|_| PathBuf::from("target"), PathBuf::from);
        [target, PathBuf::from("target")]
            .into_iter()
            .map(|folder| folder.join("test-venv/bin/python"))
            .find(|path| path.exists())
    };
    let given = std::env::var("WOLKVOX_TEST_PYTHON").ok().map(PathBuf::from);
    let python = given.or_else(built).expect("no Python with prometheus-client; tests/run makes one");
    python.to_str().expect("a path of plain characters").to_owned()
}

fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    // A test that says nothing of the state must not meet another one's.
    command.env("WOLKVOX_EXPORTER_STATE_DIR", "none");
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

fn missing(program: &str, error: &std::io::Error) -> ! {
    panic!("{program} cannot be run ({error}); .ci/install installs what the tests need")
}

fn collect(pipe: impl AsyncRead + Unpin + Send + 'static, said: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let said = Arc::clone(said);
    tokio::spawn(async move {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.push_str(&line);
            said.push('\n');
        }
    })
}
