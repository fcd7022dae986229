//! What do the pictures in the documentation show? The page, as a browser draws it.
//!
//! `UPDATE_PICTURES=1 cargo test --test it pictures` takes them anew.

use std::path::{Path, PathBuf};
use std::time::Duration;

use wolkvox_exporter::simulator::{Fault, Scope};

use crate::browser::Browser;
use crate::child::{EXPORTER, Running};
use crate::stage::{Plot, Stage};

/// Name, width, height, and colour scheme.
const PICTURES: [(&str, u32, u32, &str); 4] = [
    ("status-wide", 1000, 660, "light"),
    ("status-narrow", 360, 720, "light"),
    ("status-dark", 1000, 660, "dark"),
    ("status-failures", 1000, 820, "light"),
];
/// A reader may be far from a fast network.
const MOST_BYTES: usize = 150_000;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(format!("{name}.png"))
}

/// A centre with one report that fails, one that is refused, and one with values that cannot be read.
async fn in_trouble() -> Stage {
    let only = |api: &str| Scope { api: Some(api.to_owned()), ..Scope::default() };
    let plot = Plot { operations: &["bogota", "medellin"], interval: Duration::from_secs(5), ..Plot::fast() };
    let stage = Stage::start(Plot { faults: vec![(Fault::BadValues, only("agent_3"))], ..plot }).await;
    stage.inject(Fault::Html200, "chat_7");
    stage.inject(Fault::Status(503), "agent_9");
    stage.scrape_until("failures", |scraped| scraped.sum("wolkvox_report_consecutive_failures", &[]) >= 4.0).await;
    stage
}

async fn take() {
    let browser = Browser::start().await;
    let mut demo = Running::start(EXPORTER, &["demo", "--web.listen-address=127.0.0.1:0"]);
    let calm = demo.after("http://").await;
    let trouble = in_trouble().await;
    // A few polls later everything was polled once.
    tokio::time::sleep(Duration::from_secs(8)).await;
    for (name, width, height, scheme) in PICTURES {
        let address = if name.ends_with("failures") { trouble.address.to_string() } else { calm.clone() };
        browser.dress(width, height, scheme).await;
        browser.open(&format!("http://{address}/")).await;
        browser.picture(&file(name)).await;
    }
    browser.quit().await;
    demo.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pictures_are_small_and_described_where_they_are_shown() {
    if std::env::var_os("UPDATE_PICTURES").is_some() {
        take().await;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shown = ["README.md", "docs/status.md"].map(|name| std::fs::read_to_string(root.join(name)).expect(name));
    for (name, width, height, _) in PICTURES {
        let bytes = std::fs::read(file(name)).expect(name);
        assert!(bytes.len() <= MOST_BYTES, "{name}: {} bytes", bytes.len());
        assert!(bytes.starts_with(b"\x89PNG"), "{name}");
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        assert_eq!((number(16), number(20)), (width, height), "{name}");
        let alt = |text: &String| {
            text.split("![").skip(1).any(|part| {
                part.split_once("](")
                    .is_some_and(|(alt, target)| alt.len() > 20 && target.contains(&format!("{name}.png")))
            })
        };
        assert!(shown.iter().any(alt), "{name} is shown nowhere with a text for those who cannot see it");
    }
}
