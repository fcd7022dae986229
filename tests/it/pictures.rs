//! The pictures in the documentation show the page, as a browser draws it.
//!
//! `UPDATE_PICTURES=1 cargo test --test it pictures` takes them anew.

use std::path::{Path, PathBuf};
use std::time::Duration;

use wolkvox_simulator::{Fault, Scope};

use crate::support::browser::Browser;
use crate::support::child::{EXPORTER, Running};
use crate::support::forty;
use crate::support::harness::{Harness, Setup, until};

/// What is pictured.
#[derive(Clone, Copy, PartialEq)]
enum Scene {
    Demo,
    Trouble,
    Forty,
}

/// Name, scene, language, width, height, and colour scheme.
const PICTURES: [(&str, Scene, &str, u32, u32, &str); 7] = [
    ("status-wide", Scene::Demo, "en", 1000, 660, "light"),
    ("status-es", Scene::Demo, "es", 1000, 660, "light"),
    ("status-narrow", Scene::Trouble, "en", 360, 760, "dark"),
    ("status-dark", Scene::Demo, "en", 1000, 660, "dark"),
    ("status-failures", Scene::Trouble, "en", 1000, 760, "light"),
    ("status-forty", Scene::Forty, "en", 1280, 720, "light"),
    ("status-forty-narrow", Scene::Forty, "en", 390, 844, "light"),
];
/// A reader may be far from a fast network.
const MOST_BYTES: usize = 220_000;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(format!("{name}.png"))
}

/// A centre with one report that fails, one that is refused, and one with values that cannot be read.
async fn in_trouble() -> Harness {
    let only = |api: &str| Scope { api: Some(api.to_owned()), ..Scope::default() };
    let setup = Setup { operations: &["bogota", "medellin"], interval: Duration::from_secs(5), ..Setup::fast() };
    let harness = Harness::start(Setup { faults: vec![(Fault::BadValues, only("agent_3"))], ..setup }).await;
    harness.inject(Fault::Html200, "chat_7");
    harness.inject(Fault::Status(503), "agent_9");
    harness.scrape_until("failures", |scraped| scraped.sum("wolkvox_report_consecutive_failures", &[]) >= 4.0).await;
    harness
}

/// Forty centres, a few of them without data since their tokens were refused.
async fn forty_in_trouble() -> Harness {
    let harness = forty::start(Duration::from_secs(10), Duration::from_secs(25)).await;
    forty::refuse_tokens(&harness);
    harness.scrape_until("stale reports", |scraped| scraped.sum("wolkvox_report_stale", &[]) >= 15.0).await;
    forty::trouble_reports(&harness);
    let four = async || harness.get("/?lang=en").await.text().contains("4 causes in 18 of 40").then_some(());
    until("four causes", four).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    harness
}

async fn take() {
    let browser = Browser::start().await;
    let mut demo = Running::start(EXPORTER, &["demo", "--web.listen-address=127.0.0.1:0"]);
    let demo_address = demo.after("http://").await;
    let trouble = in_trouble().await;
    // A few polls later everything was polled once.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let forty = forty_in_trouble().await;
    for (name, scene, language, width, height, scheme) in PICTURES {
        let address = match scene {
            Scene::Demo => demo_address.trim_end_matches('/').to_owned(),
            Scene::Trouble => trouble.address.to_string(),
            Scene::Forty => forty.address.to_string(),
        };
        browser.dress(width, height, scheme).await;
        browser.open(&format!("http://{address}/?lang={language}")).await;
        browser.picture(&file(name)).await;
    }
    browser.quit().await;
    demo.terminate().await;
}

/// What the pictures were taken of: the sources of the page, without their comments.
fn page_checksum(root: &Path) -> String {
    let mut hasher = crc32fast::Hasher::new();
    for name in ["mod.rs", "page.rs", "page.css", "words.rs", "causes.rs"] {
        let source = std::fs::read_to_string(root.join("src/web/status").join(name)).expect("a source of the page");
        let code = source.split("\n#[cfg(test)]\n").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            hasher.update(line.as_bytes());
        }
    }
    format!("status page {:08x}\n", hasher.finalize())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pictures_are_small_and_described_where_they_are_shown() {
    if std::env::var_os("UPDATE_PICTURES").is_some() {
        take().await;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (page, record) = (page_checksum(root), root.join("tests/pictures.txt"));
    if std::env::var_os("UPDATE_PICTURES").is_some() {
        std::fs::write(&record, &page).expect("a writable folder");
    }
    let taken_of = std::fs::read_to_string(&record).unwrap_or_default();
    assert_eq!(taken_of, page, "the page has changed since; to renew: UPDATE_PICTURES=1 cargo test --test it pictures");
    let shown = ["README.md", "docs/status.md", "docs/status.es.md"]
        .map(|name| std::fs::read_to_string(root.join(name)).expect(name));
    for (name, _, _, width, height, _) in PICTURES {
        let bytes = std::fs::read(file(name)).expect(name);
        assert!(bytes.len() <= MOST_BYTES, "{name}: {} bytes", bytes.len());
        assert!(bytes.starts_with(b"\x89PNG"), "{name}");
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        assert_eq!((number(16), number(20)), (width, height), "{name}");
        let is_this = |(alt, rest): (&str, &str)| alt.len() > 20 && rest.contains(&format!("{name}.png"));
        let described = |text: &String| text.split("![").skip(1).filter_map(|part| part.split_once("](")).any(is_this);
        assert!(shown.iter().any(described), "{name} is shown nowhere with a text for those who cannot see it");
    }
}
