//! All clients read the same from `/metrics`, whatever format and coding they ask for.

use wolkvox_simulator::{Fault, Scope};

use crate::support::child::{python, run};
use crate::support::harness::{Harness, Setup};
use crate::support::http::{self, Answer};
use crate::support::scraped::{Scraped, report_metrics};

const OPEN_METRICS: &str = "Accept: application/openmetrics-text;version=1.0.0\r\n";
const GZIP: &str = "Accept-Encoding: gzip\r\n";
async fn scrape(harness: &Harness, headers: &str) -> Answer {
    http::send(harness.address, "GET", "/metrics", headers).await
}

/// The series as the strict parser reads them, one a line.
async fn strictly(text: &[u8], format: &[&str]) -> Vec<String> {
    let read = run(&python(), &[&["tests/strict_openmetrics.py"], format].concat(), text).await;
    assert_eq!(read.code, Some(0), "{}", read.stderr);
    // What the exporter says about itself changes with every scrape.
    let names: Vec<String> = report_metrics().iter().map(|name| format!("[\"{name}\",")).collect();
    let of_reports = |line: &&str| names.iter().any(|name| line.starts_with(name));
    read.stdout.lines().filter(of_reports).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_reads_the_same_series_from_one_state() {
    let harness = Harness::start(Setup::frozen()).await;
    let url = format!("http://{}/metrics", harness.address);
    let plain = run("curl", &["-sSf", &url], b"").await;
    let compressed = run("curl", &["-sSf", "--compressed", &url], b"").await;
    let open = ["-sSf", "--compressed", "-H", "Accept: application/openmetrics-text", &url];
    let open = run("curl", &open, b"").await;
    let expected = strictly(plain.stdout.as_bytes(), &["text"]).await;
    assert!(expected.len() > 300, "{}", expected.len());
    assert_eq!(strictly(compressed.stdout.as_bytes(), &["text"]).await, expected);
    assert_eq!(strictly(open.stdout.as_bytes(), &[]).await, expected);
    for headers in ["", GZIP] {
        assert_eq!(strictly(&scrape(&harness, headers).await.decoded(), &["text"]).await, expected);
        let headers = format!("{headers}{OPEN_METRICS}");
        assert_eq!(strictly(&scrape(&harness, &headers).await.decoded(), &[]).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_tells_what_get_would_send_and_sends_nothing() {
    let harness = Harness::start(Setup::frozen()).await;
    for headers in ["", GZIP, OPEN_METRICS] {
        let head = http::send(harness.address, "HEAD", "/metrics", headers).await;
        let get = scrape(&harness, headers).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        for name in ["content-type", "content-encoding", "vary"] {
            assert_eq!(head.header(name), get.header(name), "{name}");
        }
        // Own counters may grow by a digit between the two.
        let length = |answer: &Answer| answer.header("content-length").unwrap().parse::<usize>().unwrap();
        assert!(length(&head).abs_diff(length(&get)) < 2_000 && length(&head) > 1_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn formats_and_codings_are_sent_to_those_who_ask_for_them() {
    let harness = Harness::start(Setup::frozen()).await;
    let text = "text/plain; version=0.0.4; charset=utf-8";
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    for (headers, format, coding) in [
        ("", text, None),
        ("Accept: */*\r\nAccept-Encoding: identity\r\n", text, None),
        ("Accept: application/openmetrics-text;q=0\r\nAccept-Encoding: gzip;q=0\r\n", text, None),
        ("Accept: ;;;,=;q=,\r\nAccept-Encoding: ,;q=2,gz ip\r\n", text, None),
        ("Accept: \u{fc}\r\nAccept-Encoding: \u{fc}\r\n", text, None),
        ("Accept: application/json\r\nAccept-Encoding: br, deflate\r\n", text, None),
        ("Accept: application/openmetrics-text\r\nAccept-Encoding: gzip, deflate\r\n", open, Some("gzip")),
        (
            "Accept: text/plain;q=0.2\r\nAccept: application/openmetrics-text;q=0.3\r\nAccept-Encoding: *\r\n",
            open,
            Some("gzip"),
        ),
    ] {
        let answer = scrape(&harness, headers).await;
        assert_eq!(answer.status, 200, "{headers}");
        assert_eq!(answer.header("content-type"), Some(format), "{headers}");
        assert_eq!(answer.header("content-encoding"), coding, "{headers}");
        assert_eq!(
            answer.header("vary").map(str::to_ascii_lowercase).as_deref(),
            Some("accept, accept-encoding"),
            "{headers}"
        );
        assert_eq!(answer.text().ends_with("# EOF\n"), format == open, "{headers}");
        assert_eq!(Scraped::parse(&answer.text()).missing_metrics(), Vec::<String>::new(), "{headers}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sample_has_a_time_of_its_own_and_families_keep_their_order() {
    let harness = Harness::start(Setup::frozen()).await;
    let families = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("# TYPE ")).map(str::to_owned).collect()
    };
    let (first, second) = (scrape(&harness, "").await.text(), scrape(&harness, "").await.text());
    assert_eq!(families(&first), families(&second));
    for line in first.lines().filter(|line| !line.starts_with('#')) {
        let after_labels = line.rsplit_once('}').map_or(line, |(_, rest)| rest);
        assert_eq!(after_labels.matches(' ').count(), 1, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_a_scrape_shows_the_series_and_their_state_of_one_moment() {
    let row = |id: u32| format!(r#"{{"agent_id":"{id}","agent_name":"Ana","aux_state":"Break","time":"1"}}"#);
    let body = |rows: u32| format!(r#"{{"code":200,"data":[{}]}}"#, (0..rows).map(row).collect::<Vec<_>>().join(","));
    let scope = || Scope { times: Some(1), ..Scope::default() };
    let answers = (1..=60).map(|rows| (Fault::Body(body(rows).into_bytes()), scope()));
    let setup = Setup {
        operations: &["a", "b", "c", "d", "e", "f"],
        reports: "[agent_aux_time]",
        faults: answers.collect(),
        ..Setup::default()
    };
    let harness = Harness::start(setup).await;
    let watch = async || {
        while harness.simulator.call_log().total < 36 {
            let scraped = harness.scrape().await;
            for operation in ["a", "b", "c", "d", "e", "f"] {
                let label = format!("operation=\"{operation}\"");
                let series = scraped.find("wolkvox_agent_aux_seconds", &[&label]).len();
                assert_eq!(scraped.value("wolkvox_report_rows", &[&label]), Some(series as f64), "{operation}");
            }
        }
    };
    tokio::join!(watch(), watch(), watch(), watch());
}
