//! An exporter that is started, ended and started again, with its config and state folder.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use tempfile::TempDir;
use wolkvox_simulator::Simulator;

use crate::support::child::{EXPORTER, Ended, Running, run};
use crate::support::harness::{CONFIG_FILE, Setup, TOKEN, config_folder, until};
use crate::support::http;
use crate::support::scraped::Scraped;

/// A vendor, a config file and a state folder, which outlive every process that uses them.
pub struct Home {
    pub simulator: Simulator,
    pub config: TempDir,
    root: TempDir,
}

/// A process that lives here.
pub struct Started {
    pub process: Running,
    pub address: SocketAddr,
}

impl Home {
    pub async fn new(setup: Setup) -> Home {
        let simulator = Simulator::start(setup.simulator.clone()).await.expect("a free port");
        for (fault, scope) in &setup.faults {
            simulator.inject(fault.clone(), scope.clone());
        }
        let config = config_folder(&setup.config(&simulator.base_url()));
        Home { simulator, config, root: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn config_file(&self) -> PathBuf {
        self.config.path().join(CONFIG_FILE)
    }

    /// The state folder; the first start makes it.
    pub fn state(&self) -> PathBuf {
        self.root.path().join("state")
    }

    /// A file of the operation's.
    pub fn file(&self, name: &str) -> PathBuf {
        self.state().join("acme").join(name)
    }

    /// Names of the operation's files.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.file("")).into_iter().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// `wrapper` and the exporter with the flags of this home.
    fn command_line(&self, wrapper: &[&str]) -> Vec<String> {
        let flags = [
            EXPORTER.to_owned(),
            format!("--config.file={}", self.config_file().display()),
            format!("--state.dir={}", self.state().display()),
            "--web.listen-address=127.0.0.1:0".to_owned(),
        ];
        wrapper.iter().map(|&part| part.to_owned()).chain(flags).collect()
    }

    /// Starts the exporter and waits for nothing.
    pub fn launch(&self, wrapper: &[&str]) -> Running {
        let line = self.command_line(wrapper);
        let words: Vec<&str> = line.iter().map(String::as_str).collect();
        Running::start(words[0], &words[1..])
    }

    /// Starts the exporter and waits until it listens.
    pub async fn start(&self, wrapper: &[&str]) -> Started {
        let mut process = self.launch(wrapper);
        let address = process.after("address=").await.parse().expect("an address");
        Started { process, address }
    }

    /// Runs the exporter to its end, which is expected to come soon.
    pub async fn refused(&self, wrapper: &[&str]) -> Ended {
        let line = self.command_line(wrapper);
        let words: Vec<&str> = line.iter().map(String::as_str).collect();
        run(words[0], &words[1..], b"").await
    }

    /// Calls that are counted on disk, all days together.
    pub fn counted(&self) -> u64 {
        let Ok(bytes) = fs::read(self.file("calls.json")) else { return 0 };
        let first = bytes.iter().position(|byte| *byte == b'\n').expect("a line with the checksum");
        let file: serde_json::Value = serde_json::from_slice(&bytes[first..]).expect("a whole record");
        let calls = file["record"]["calls"].as_object().expect("calls by day");
        calls.values().map(|calls| calls.as_u64().expect("a count")).sum()
    }

    /// Calls that the vendor charged.
    pub fn charged(&self) -> u64 {
        self.simulator.call_log().count_for(TOKEN)
    }
}

impl Started {
    pub async fn scrape(&self) -> Scraped {
        Scraped::parse(&http::get(self.address, "/metrics").await.text())
    }

    /// Scrapes until what is waited for shows.
    pub async fn scrape_until(&self, what: &str, shows: impl Fn(&Scraped) -> bool) -> Scraped {
        until(what, async || Some(self.scrape().await).filter(|scraped| shows(scraped))).await
    }

    pub async fn is_ready(&self) -> bool {
        http::get(self.address, "/-/ready").await.status == 200
    }
}
