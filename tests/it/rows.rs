//! What becomes of rows that are not as documented.

use std::time::Duration;

use wolkvox_simulator::{Fault, Scope};

use crate::support::child::{python, run};
use crate::support::harness::{Harness, Setup, midnight, zone};
use crate::support::http;
use crate::support::scraped::Scraped;

/// A harness whose vendor answers every call for `report` with these rows.
async fn answered_with(report: &'static str, rows: &str) -> (Harness, Scraped) {
    let body = format!(r#"{{"code":200,"error":null,"msg":"1 records were found","data":[{rows}]}}"#);
    let faults = vec![(Fault::Body(body.into_bytes()), Scope::default())];
    let harness = Harness::start(Setup { reports: report, faults, ..Setup::frozen() }).await;
    let scraped = harness.scrape().await;
    (harness, scraped)
}

fn aux(id: &str, name: &str, time: &str) -> String {
    format!(r#"{{"agent_id":"{id}","agent_dni":"1","agent_name":"{name}","aux_state":"Break","time":{time}}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_a_value_that_cannot_be_read_is_counted_and_is_no_zero() {
    let values = [
        ("1", r#""-""#, None),
        ("2", r#""--""#, None),
        ("3", r#""""#, None),
        ("4", "null", None),
        ("5", r#""abc""#, None),
        ("6", r#""-00:00:10""#, None),
        ("7", r#""99:59:59""#, Some(359_999.0)),
        ("8", r#""123:00:00""#, Some(442_800.0)),
        ("9", r#""4:38:08""#, Some(16_688.0)),
        ("10", "90", Some(90.0)),
    ];
    let rows: Vec<String> = values.iter().map(|(id, time, _)| aux(id, "Ana", time)).collect();
    let no_time = r#"{"agent_id":"11","agent_name":"Ana","aux_state":"Break"}"#.to_owned();
    let (_harness, scraped) = answered_with("[agent_aux_time]", &[rows, vec![no_time]].concat().join(",")).await;
    for (id, time, expected) in values {
        let label = format!("agent_id=\"{id}\"");
        assert_eq!(scraped.value("wolkvox_agent_aux_seconds", &[&label]), expected, "{time}");
    }
    assert_eq!(scraped.value("wolkvox_agent_aux_seconds", &["agent_id=\"11\""]), None, "a row without the field");
    let rejected =
        scraped.value("wolkvox_report_rejected_values_total", &["report=\"agent_aux_time\"", "field=\"time\""]);
    assert_eq!(rejected, Some(2.0), "abc and the negative one");
    assert!(scraped.is_up("agent_aux_time"));
    assert_eq!(scraped.sum("wolkvox_report_rows", &[]), 11.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_what_a_declaration_does_not_expect_is_counted_with_every_poll() {
    let rows = [
        aux("1", "Ana", r#""00:00:10""#),
        aux("2", "Eva", r#""-""#),
        r#"{"agent_id":"3","agent_name":"Ana","aux_state":"Break","time":"x","shift":"1","shift":"2","573015550001":"1"}"#
            .to_owned(),
    ];
    let (_harness, scraped) = answered_with("[agent_aux_time]", &rows.join(",")).await;
    let value = |metric: &str| scraped.value(&format!("wolkvox_report_{metric}"), &["report=\"agent_aux_time\""]);
    assert_eq!(
        (value("undocumented_fields"), value("rows_without_value")),
        (Some(2.0), Some(2.0)),
        "{}",
        scraped.text()
    );
    assert!(!scraped.text().contains("57301555") && !scraped.text().contains("shift"));

    let day = |date: &str| format!(r#"{{"date":"{date}","points":"1"}}"#);
    let (today, yesterday) = (midnight().to_zoned(zone()), midnight().to_zoned(zone()).yesterday().unwrap());
    let days: Vec<String> =
        [&today, &yesterday].iter().map(|day_of| day(&day_of.strftime("%Y%m%d").to_string())).collect();
    let fields = r#""hits":"1","calls":"1","aht_time":"1","acw_time":"1","occupancy":"1 %","login_time":"1""#;
    let stats = days.join(",").replace(r#""points":"1""#, &format!(r#""points":"1",{fields}"#));
    let row = format!(r#"{{"agent_id":"1","agent_dni":"1","agent_name":"Ana","stats":[{stats}]}}"#);
    let (_harness, scraped) = answered_with("[agent_kpi]", &row).await;
    let value = |metric: &str| scraped.value(&format!("wolkvox_report_{metric}"), &["report=\"agent_kpi\""]);
    assert_eq!(
        (value("rows_outside_window"), value("undocumented_fields")),
        (Some(1.0), Some(0.0)),
        "{}",
        scraped.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_equal_after_cleaning_are_added_up() {
    let rows = [
        aux("1", " Ana  Maria", r#""00:00:10""#),
        aux("1", "Ana Maria ", r#""00:00:05""#),
        aux("1", "Ana Maria", r#""1""#),
    ];
    let (_harness, scraped) = answered_with("[agent_aux_time]", &rows.join(",")).await;
    let expected = scraped.value("wolkvox_agent_aux_seconds", &["agent_name=\"Ana Maria\"", "state=\"Break\""]);
    assert_eq!(expected, Some(16.0), "{}", scraped.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_stay_one_label_value_for_every_parser() {
    let long = "ñ".repeat(500);
    let rows = [
        aux("1", r"Pe\u00f1a", r#""00:00:01""#),
        aux("2", r#"a \"quote\", a }brace and a \\ "#, r#""00:00:02""#),
        aux("3", r"two\nlines", r#""00:00:03""#),
        aux("4", &long, r#""00:00:04""#),
        aux("5", r"", r#""00:00:05""#),
        r#"{"agent_id":6,"agent_name":null,"aux_state":true,"time":"00:00:06"}"#.to_owned(),
    ];
    let (harness, scraped) = answered_with("[agent_aux_time]", &rows.join(",")).await;
    assert_eq!(scraped.find("wolkvox_agent_aux_seconds", &[]).len(), 6);
    for (coding, arguments) in [("text/plain", vec!["text"]), ("application/openmetrics-text", vec![])] {
        let answer = http::send(harness.address, "GET", "/metrics", &format!("Accept: {coding}\r\n")).await;
        let script = [vec!["tests/strict_openmetrics.py"], arguments].concat();
        let read = run(&python(), &script, &answer.body).await;
        assert_eq!(read.code, Some(0), "{}", read.stderr);
        let names = ["Peña", r#"a \"quote\", a }brace and a \\"#, "two lines", &long, "unknown"];
        for name in names {
            let label = format!("\"agent_name\": \"{name}\"");
            let rows = read.stdout.lines().filter(|line| line.contains("_aux_seconds") && line.contains(&label));
            assert!(rows.count() >= 1, "{name} is not in {}", read.stdout);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_ten_thousand_bytes_are_served_in_every_report_shortened_or_as_long_as_the_operator_lets_them_be() {
    for (limits, shortest, longest) in [("{}", 1_000, 1_400), ("{ label_bytes: 16KiB }", 10_000, 12_000)] {
        let faults = vec![(Fault::HugeNames, Scope::default())];
        let harness = Harness::start(Setup { limits, faults, ..Setup::frozen() }).await;
        let scraped = harness.scrape().await;
        assert_eq!(scraped.sum("wolkvox_report_up", &[]), 5.0);
        assert_eq!(scraped.missing_metrics(), Vec::<String>::new());
        assert_eq!(scraped.find("wolkvox_report_rejected_values_total", &[]), []);
        let names = scraped.find("wolkvox_agent_login_seconds", &[]);
        assert!(!names.is_empty());
        assert!(names.iter().all(|(series, _)| (shortest..longest).contains(&series.len())), "{names:?}");
        let shortened = scraped.sum("wolkvox_report_shortened_labels_total", &[]);
        assert_eq!(shortened > 0.0, longest < 10_000, "{shortened}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_bad_values_among_good_ones_are_counted_in_every_report() {
    let faults = vec![(Fault::BadValues, Scope::default())];
    let harness = Harness::start(Setup { faults, ..Setup::frozen() }).await;
    let scraped = harness.scrape().await;
    assert_eq!(scraped.sum("wolkvox_report_up", &[]), 5.0);
    for report in ["agent_aux_time", "agent_hold_mute", "closed_interactions", "smart_wait", "agent_kpi"] {
        let label = format!("report=\"{report}\"");
        assert!(scraped.sum("wolkvox_report_rejected_values_total", &[&label]) > 0.0, "{report}");
        assert!(scraped.sum("wolkvox_report_series", &[&label]) > 0.0, "{report}");
    }
    let values = scraped.report_series();
    let unsigned = values.iter().filter(|(series, _)| !series.starts_with("wolkvox_agent_points"));
    assert!(unsigned.clone().count() > 0 && unsigned.into_iter().all(|(_, value)| *value >= 0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_percentage_of_thousands_and_days_outside_the_window_are_read_as_documented() {
    let today = zone().to_datetime(jiff::Timestamp::now()).date();
    let day = |date: jiff::civil::Date, points: &str| {
        format!(
            r#"{{"date":"{}","points":"{points}","hits":"0","calls":"2","aht_time":"00:00:10","acw_time":"00:00:01",
            "occupancy":"15,233.33 %","login_time":"00:01:00"}}"#,
            date.strftime("%Y%m%d")
        )
    };
    let stats = [day(today, "-7"), day(today.yesterday().unwrap(), "1000")].join(",");
    let row = format!(r#"{{"agent_id":"1","agent_name":"Ana","agent_dni":"1","stats":[{stats}]}}"#);
    let (_harness, scraped) = answered_with("[agent_kpi]", &row).await;
    assert_eq!(scraped.value("wolkvox_agent_points", &[]), Some(-7.0));
    assert_eq!(scraped.value("wolkvox_agent_handle_seconds", &[]), Some(20.0));
    let occupancy = scraped.value("wolkvox_agent_occupancy_ratio", &[]).unwrap();
    assert!((occupancy - 152.3333).abs() < 1e-9, "{occupancy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_new_values_replace_the_old_ones_and_what_is_gone_is_gone() {
    let body = |rows: &str| Fault::Body(format!(r#"{{"code":200,"data":[{rows}]}}"#).into_bytes());
    let faults = vec![(body(&[aux("1", "Ana", "\"5\""), aux("2", "Eva", "\"6\"")].join(",")), Scope::default())];
    let setup = Setup { reports: "[agent_aux_time]", faults, interval: Duration::from_secs(1), ..Setup::default() };
    let harness = Harness::start(setup).await;
    harness.simulator.clear_faults();
    harness.inject(body(&aux("2", "Eva", "\"4\"")), "agent_3");
    let only = harness
        .scrape_until("the new answer", |scraped| scraped.find("wolkvox_agent_aux_seconds", &[]).len() == 1)
        .await;
    assert_eq!(only.value("wolkvox_agent_aux_seconds", &["agent_id=\"2\""]), Some(4.0), "a total can become smaller");
    assert_eq!(only.find("wolkvox_agent_info", &["agent_id=\"1\""]), [], "the roster is of what is served");
}
