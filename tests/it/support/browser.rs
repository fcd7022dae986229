//! A real browser: Debian's Chromium, asked over the W3C's `WebDriver` protocol.
//!
//! Half a dozen requests with curl: the Rust clients of that protocol bring dozens of crates, some long outdated.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::child::{Running, run};

/// With these, Chromium sends nothing by itself and reaches nothing but loopback.
const ARGUMENTS: [&str; 13] = [
    "--headless=new",
    // Its sandbox needs rights that a container lacks. Only pages of this repository are opened.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    // Coloured edges of letters would treble the size of a picture.
    "--disable-lcd-text",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    // It ends with the pipe to its driver, so that no end of a test leaves it behind.
    "--remote-debugging-pipe",
];

/// How often a driver is started until it has a port.
const DRIVERS: usize = 10;

/// A driver and its port. It takes any free one of IPv6, and ends where IPv4's of the same number is in use: while another
/// test holds ten thousand connections, one in three is.
async fn driver() -> (Running, String) {
    let mut end = String::new();
    for _ in 0..DRIVERS {
        let mut driver = Running::start("chromedriver", &["--port=0"]);
        match driver.after_or_end("successfully on port ").await {
            Ok(port) => return (driver, port.trim_end_matches('.').to_owned()),
            Err(ended) => end = ended,
        }
    }
    panic!("{end}")
}

/// One window of one browser.
pub struct Browser {
    driver: Running,
    session: String,
    _profile: TempDir,
}

impl Browser {
    pub async fn start() -> Browser {
        let (driver, port) = driver().await;
        let driver_url = format!("http://127.0.0.1:{port}/session");
        let profile = tempfile::tempdir().expect("a temporary folder");
        let profile_flag = format!("--user-data-dir={}", profile.path().display());
        let arguments: Vec<&str> = ARGUMENTS.into_iter().chain([profile_flag.as_str()]).collect();
        let capabilities = json!({
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let opened = request("POST", &driver_url, &json!({"capabilities": {"alwaysMatch": capabilities}})).await;
        let session = format!("{driver_url}/{}", opened["sessionId"].as_str().expect("a session"));
        Browser { driver, session, _profile: profile }
    }

    /// Opens an address and waits until it is loaded.
    pub async fn open(&self, url: &str) {
        self.command("url", json!({ "url": url })).await;
    }

    /// What a function body returns in the page.
    pub async fn script(&self, body: &str) -> Value {
        self.command("execute/sync", json!({ "script": body, "args": [] })).await
    }

    /// What a person reads on the page.
    pub async fn text(&self) -> String {
        self.script("return document.body.innerText").await.as_str().expect("a text").to_owned()
    }

    /// Everything that was written to the console since this was last asked: errors of the page, and of its loading.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.command("se/log", json!({"type": "browser"})).await;
        entries.as_array().expect("entries").iter().map(|entry| entry["message"].to_string()).collect()
    }

    /// Makes the window that large, and the page prefer `light` or `dark`.
    pub async fn dress(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// Goes on in a new tab; the page of this one lives on behind it. Tells which one it leaves.
    pub async fn beside(&self) -> Value {
        let left = request("GET", &format!("{}/window", self.session), &Value::Null).await;
        let tab = self.command("window/new", json!({"type": "tab"})).await;
        self.command("window", json!({"handle": tab["handle"]})).await;
        left
    }

    /// Goes back to a tab that was left.
    pub async fn back_to(&self, tab: &Value) {
        self.command("window", json!({ "handle": tab })).await;
    }

    /// Writes what is in the window to a PNG file.
    pub async fn picture(&self, file: &Path) {
        let picture = self.devtools("Page.captureScreenshot", json!({"format": "png"})).await;
        let base64 = picture["data"].as_str().expect("a picture").as_bytes();
        let file = file.to_str().expect("a path of plain characters");
        let written = run("sh", &["-c", "base64 --decode >\"$0\"", file], base64).await;
        assert_eq!(written.code, Some(0), "{written:?}");
    }

    pub async fn quit(self) {
        request("DELETE", &self.session, &Value::Null).await;
        self.driver.terminate().await;
    }

    async fn devtools(&self, command: &str, params: Value) -> Value {
        self.command("goog/cdp/execute", json!({ "cmd": command, "params": params })).await
    }

    async fn command(&self, path: &str, body: Value) -> Value {
        request("POST", &format!("{}/{path}", self.session), &body).await
    }
}

async fn request(method: &str, url: &str, body: &Value) -> Value {
    let json = ["-H", "Content-Type: application/json", "--data-binary", "@-"];
    let arguments = ["-sS", "-X", method, url];
    let with_body = arguments.iter().chain(json.iter().filter(|_| method == "POST")).copied().collect::<Vec<_>>();
    let said = run("curl", &with_body, body.to_string().as_bytes()).await;
    let answer: Value =
        serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("no answer of WebDriver: {said:?}"));
    assert!(answer["value"]["error"].is_null(), "{url} {body}: {answer}");
    answer["value"].clone()
}
