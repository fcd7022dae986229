//! The time from the start of the shipped binary to its first answer with data.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wolkvox_simulator::{Settings, Simulator};

use super::client::Times;

const BINARY: &str = env!("CARGO_BIN_EXE_wolkvox-exporter");

/// Bytes of the binary, and the times of several starts on what a first run left in its state folder.
pub fn measure(starts: usize) -> (u64, Times) {
    let size = fs::metadata(BINARY).expect("cargo built it").len();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let simulator = runtime.block_on(Simulator::start(Settings::default())).expect("a free port");
    let folder = tempfile::tempdir().expect("a writable folder");
    let config = format!(
        "operations:\n  - name: acme\n    base_url: {}\n    token_file: token\n    licenses: 40\n",
        simulator.base_url()
    );
    fs::write(folder.path().join("token"), "demo-token\n").expect("a writable folder");
    fs::write(folder.path().join("config.yml"), config).expect("a writable folder");
    // The first run asks the vendor for everything; what it learned is on disk before it is served long.
    let first = Exporter::start(folder.path());
    while !first.get("/-/ready").is_some_and(|answer| answer.contains(" 200 ")) {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_secs(1));
    drop(first);
    let mut times = Times::default();
    for _ in 0..starts {
        let start = Instant::now();
        let exporter = Exporter::start(folder.path());
        while !exporter.get("/metrics").is_some_and(|answer| answer.contains("\nwolkvox_agent_aux_seconds{")) {
            std::thread::sleep(Duration::from_micros(200));
        }
        times.push(start.elapsed());
    }
    (size, times)
}

struct Exporter {
    child: Child,
    port: u16,
}

impl Exporter {
    fn start(folder: &Path) -> Exporter {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let child = Command::new(BINARY)
            .arg(format!("--config.file={}", folder.join("config.yml").display()))
            .arg(format!("--state.dir={}", folder.join("state").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stderr(Stdio::null())
            .spawn()
            .expect("cargo built it");
        Exporter { child, port }
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // As a crash would: the state is whole at any moment.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
