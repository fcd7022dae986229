//! How rows become series: labels, values, caps, and what of an answer is counted.

use std::sync::Arc;

use jiff::tz::TimeZone;
use wolkvox_exporter::aggregate::{Aggregated, Aggregator, RowPlan, SeriesCap};
use wolkvox_exporter::catalog::{Catalog, Family, Privacy};
use wolkvox_exporter::series::LABEL_BYTES;
use wolkvox_exporter::time::{Window, WindowName};
use wolkvox_exporter::wolkvox::{Failure, Reason, Source, Streamed, read_streamed, read_whole};

/// Most rows inside of one row that are read.
const MOST_NESTED: usize = 10_000;

fn window() -> Window {
    Window::at(WindowName::Today, "2026-03-01T20:00:00Z".parse().unwrap(), &TimeZone::get("America/Bogota").unwrap())
}

fn plan(report: &str) -> Arc<RowPlan> {
    let catalog = Catalog::builtin().unwrap();
    Arc::new(RowPlan::new(catalog.report(report).unwrap(), &Privacy::default()))
}

/// The rows of one body, added up.
fn added(plan: &Arc<RowPlan>, window: &Window, body: &[u8]) -> Result<Aggregator, Failure> {
    let mut aggregator = Aggregator::new(Arc::clone(plan), window.clone());
    read_whole(body, &mut aggregator).map(|_| aggregator)
}

fn finished(aggregator: Aggregator) -> Result<Aggregated, Failure> {
    let finished = aggregator.finish(usize::MAX, &mut SeriesCap::default());
    finished.map_err(|missing| Failure::new(Reason::Schema, missing.to_string()))
}

fn aggregate_in(report: &str, window: &Window, bodies: &[&str]) -> Result<Aggregated, Failure> {
    let plan = plan(report);
    let mut aggregator = Aggregator::new(Arc::clone(&plan), window.clone());
    for body in bodies {
        aggregator.merge(added(&plan, window, body.as_bytes())?);
    }
    finished(aggregator)
}

fn aggregate(report: &str, rows: &str) -> Result<Aggregated, Failure> {
    aggregate_in(report, &window(), &[&format!(r#"{{"code":200,"data":[{rows}]}}"#)])
}

/// A body that comes in so many bytes at a time.
struct Pieces(Vec<bytes::Bytes>);

impl Source for Pieces {
    fn next(&mut self) -> Result<Option<bytes::Bytes>, Failure> {
        Ok(self.0.pop())
    }
}

#[test]
fn never_lie_an_answer_read_while_it_comes_in_gives_what_a_whole_one_gives() {
    let kpi = r#"{"code":200,"data":[{"agent_id":7,"agent_name":"José \u00d1","agent_dni":null,"stats":[
        {"date":"20260301","points":"1,194","hits":"2","calls":"4","aht_time":"00:06:01","acw_time":"00:00:10","occupancy":"35 %","login_time":"02:00:00"},
        {"date":"20260228","points":"5"}]}]}"#;
    let aux = r#" [{"agent_id":"1","agent_dni":"","agent_name":"Ana","aux_state":"Break","time":"00:01:00","new":{"a":[1]}},
        {"agent_id":"1","agent_dni":"","agent_name":"Ana","aux_state":["x"],"time":"soon"}]"#;
    for (report, body) in [("agent_kpi", kpi), ("agent_aux_time", aux), ("agent_aux_time", &format!("\u{feff}{aux}"))] {
        let plan = plan(report);
        let whole = finished(added(&plan, &window(), body.as_bytes()).unwrap()).unwrap();
        for piece in [1, 3, 64, body.len()] {
            let pieces = body.as_bytes().chunks(piece).rev().map(bytes::Bytes::copy_from_slice).collect();
            let mut streamed = Aggregator::new(Arc::clone(&plan), window());
            read_streamed(&mut Streamed::new(Pieces(pieces)), &mut streamed).unwrap();
            let streamed = finished(streamed).unwrap();
            assert_eq!(lines(&streamed), lines(&whole), "{piece}");
            assert_eq!((streamed.rows, &streamed.rejected), (whole.rows, &whole.rejected));
        }
    }
}

#[test]
fn a_long_label_stands_shortened_with_a_mark_and_different_ones_stay_different() {
    let long = "ñ".repeat(2_000);
    let row = |end: &str| format!(r#"{{"agent_id":"1","agent_name":"{long}{end}","aux_state":"Break","time":"1"}}"#);
    let rows = [row("a"), row("a"), row("b")].join(",");
    let aggregated = aggregate("agent_aux_time", &rows).unwrap();
    let lines = lines(&aggregated);
    assert_eq!(aggregated.series(), 2, "{lines}");
    assert!(lines.lines().all(|line| line.contains('…') && line.len() < LABEL_BYTES + 200), "{lines}");
    assert_eq!(aggregated.shortened, [("agent_name".to_owned(), 3)]);
}

#[test]
fn never_crash_a_row_with_too_much_inside_is_refused() {
    for day in [r#"{"date":"20260301"}"#.to_owned(), format!(r#"{{"date":"{}"}}"#, "x".repeat(60_000))] {
        let days = vec![day; MOST_NESTED + 1].join(",");
        let failure = aggregate("agent_kpi", &format!(r#"{{"agent_id":"1","agent_name":"A","stats":[{days}]}}"#));
        assert_eq!(failure.unwrap_err().reason, Reason::Malformed);
    }
}

/// Every series and info entry as a line, the family by its position.
fn lines(aggregated: &Aggregated) -> String {
    let name = |family: &Family| family.name.trim_start_matches("wolkvox_").to_owned();
    let mut lines = Vec::new();
    for (family, series) in aggregated.families() {
        lines.extend(series.map(|(labels, column, value)| {
            let labels: Vec<&str> = labels.parts().chain(column).collect();
            format!("{}{{{}}} {value}", name(family), labels.join(","))
        }));
    }
    for (family, entries) in &aggregated.infos {
        lines.extend(entries.iter().map(|entry| format!("{} {}", name(family), entry.join("|"))));
    }
    lines.join("\n")
}

fn aux(id: &str, name: &str, state: &str, time: &str) -> String {
    format!(r#"{{"agent_id":"{id}","agent_dni":"77","agent_name":"{name}","aux_state":"{state}","time":"{time}"}}"#)
}

#[test]
fn rows_with_equal_labels_are_combined_never_repeated() {
    let rows = [
        aux("12", "Ana  Núñez ", "Break", "00:01:00"),
        aux("12", " Ana Núñez", " Break", "00:00:30"),
        aux("12", "Ana Núñez", " ", "00:00:05"),
    ];
    insta::assert_snapshot!(lines(&aggregate("agent_aux_time", &rows.join(",")).unwrap()), @r#"
    agent_aux_seconds{agent_id="12",agent_name="Ana Núñez",state="Break"} 90
    agent_aux_seconds{agent_id="12",agent_name="Ana Núñez",state="unknown"} 5
    agent_info |12|Ana Núñez
    "#);
}

#[test]
fn a_blank_or_dashed_value_is_no_zero_and_an_unreadable_one_is_counted() {
    let rows = [
        aux("1", "blank", "a", ""),
        aux("1", "dash", "a", "-"),
        aux("1", "dashes", "a", " -- "),
        aux("1", "bad", "a", "abc"),
        aux("1", "bad", "a", "00:00:10"),
        aux("1", "negative", "a", "-00:00:10"),
        r#"{"agent_id":1,"agent_name":"number","aux_state":null,"time":90}"#.to_owned(),
        r#"{"agent_id":"1","agent_name":"list","aux_state":"a","time":[1,{"x":2}]}"#.to_owned(),
        r#"{"agent_id":"1","agent_name":"no time","aux_state":"a"}"#.to_owned(),
    ];
    let aggregated = aggregate("agent_aux_time", &rows.join(",")).unwrap();
    assert_eq!(aggregated.rejected, [("time".to_owned(), 3)]);
    let text = lines(&aggregated);
    let series: Vec<&str> = text.lines().filter(|line| line.contains('{')).collect();
    assert_eq!(
        series,
        [
            r#"agent_aux_seconds{agent_id="1",agent_name="bad",state="a"} 10"#,
            r#"agent_aux_seconds{agent_id="1",agent_name="number",state="unknown"} 90"#,
        ]
    );
}

#[test]
fn escapes_and_hostile_names_stay_one_label_value() {
    let rows = aux("1", r#"Pe\u00f1a \"x\"}\n1"#, r"a\\b", "1:00:00");
    insta::assert_snapshot!(lines(&aggregate("agent_aux_time", &rows).unwrap()), @r#"
    agent_aux_seconds{agent_id="1",agent_name="Peña \"x\"} 1",state="a\\b"} 3600
    agent_info |1|Peña "x"} 1
    "#);
}

#[test]
fn a_name_of_a_thousand_bytes_is_kept_whole() {
    let name = "ñ".repeat(LABEL_BYTES / 2);
    let text = lines(&aggregate("agent_aux_time", &aux("1", &name, "a", "00:00:01")).unwrap());
    assert!(text.contains(&name));
}

#[test]
fn call_backs_are_counted_per_status_and_their_customers_never_show() {
    let row = |status: &str, attempts: &str, delay: &str, billed: &str| {
        format!(
            r#"{{"skill_id":"9","date_inbound_call":"2026-03-01 10:00:00","status":"{status}","attempts":"{attempts}",
            "ani":"57301555","dial_phone":"57310777","time_between_calls":"{delay}","time":"00:01:00",
            "billed_minutes":"{billed}","customer_id":"CUST-1"}}"#
        )
    };
    let rows = [row("OK", "1", "00:05:00", "3"), row("ok", "2", "00:01:00", "00:00:30"), row("NO USER", "1", "-", "-")];
    let text = lines(&aggregate("smart_wait", &rows.join(",")).unwrap());
    insta::assert_snapshot!(text, @r#"
    smart_wait_callbacks{skill_id="9",status="no_user"} 1
    smart_wait_callbacks{skill_id="9",status="ok"} 2
    smart_wait_attempts{skill_id="9",status="no_user"} 1
    smart_wait_attempts{skill_id="9",status="ok"} 3
    smart_wait_delay_seconds{skill_id="9",status="ok"} 360
    smart_wait_delay_max_seconds{skill_id="9",status="ok"} 300
    smart_wait_call_seconds{skill_id="9",status="no_user"} 60
    smart_wait_call_seconds{skill_id="9",status="ok"} 120
    smart_wait_billed_seconds{skill_id="9",status="ok"} 210
    "#);
}

#[test]
fn a_declared_field_in_no_row_fails_and_an_optional_one_does_not() {
    let failure =
        aggregate("agent_aux_time", r#"{"agent_id":"1","agent_name":"x","state":"a","time":"1"}"#).unwrap_err();
    assert_eq!(failure.to_string(), "schema: no row of 1 has the field aux_state");
    let nested = r#"{"agent_id":"1","agent_name":"x","stats":[{"date":"20260301","points":"1"}]}"#;
    let failure = aggregate("agent_kpi", nested).unwrap_err();
    assert!(failure.detail.contains("hits, aht_time") || failure.detail.contains("hits, calls"), "{failure}");
    assert!(aggregate("agent_kpi", r#"{"agent_id":"1","agent_name":"x"}"#).unwrap_err().detail.contains("stats"));
    assert!(aggregate("closed_interactions", r#"{"interactions":"1","agent_name":"x","cod_act":"A"}"#).is_ok());
    assert_eq!(aggregate("agent_aux_time", "").unwrap().rows, 0);
    assert_eq!(aggregate("agent_aux_time", "7").unwrap_err().reason, Reason::Malformed);
}

#[test]
fn days_outside_the_window_are_ignored_and_unreadable_ones_counted() {
    let day = |date: &str| {
        format!(
            r#"{{"date":"{date}","points":"1","hits":"0","calls":"1","aht_time":"00:00:10","acw_time":"00:00:01",
            "occupancy":"50 %","login_time":"00:01:00"}}"#
        )
    };
    // The list stands before the labels here: JSON objects have no order.
    let days = [day("20260302"), day("20260301"), day("20260228"), day("soon")].join(",");
    let aggregated =
        aggregate("agent_kpi", &format!(r#"{{"stats":[{days}],"agent_id":"1","agent_name":"x"}}"#)).unwrap();
    assert_eq!(aggregated.rejected, [("date".to_owned(), 1)]);
    assert!(lines(&aggregated).contains(r#"agent_points{agent_id="1",agent_name="x"} 1"#));
}

#[test]
fn a_mean_without_weight_is_absent_and_a_sum_of_zeros_is_zero() {
    let idle = r#"{"agent_id":"1","agent_name":"x","stats":[{"date":"20260301","points":"0","hits":"0","calls":"0",
        "aht_time":"00:00:00","acw_time":"00:00:00","occupancy":"0 %","login_time":"00:00:00"}]}"#;
    let text = lines(&aggregate("agent_kpi", idle).unwrap());
    assert!(text.contains("agent_calls") && !text.contains("occupancy") && !text.contains("average"), "{text}");
}

#[test]
fn the_vendors_printed_sample_gives_the_figures_worked_out_by_hand() {
    let body = include_str!("../samples/agents_kpi.json");
    let time = |text: &str| text.parse().unwrap();
    let (start, end) = (time("2023-01-01T05:00:00Z"), time("2023-01-31T04:59:59Z"));
    let zone = TimeZone::get("America/Bogota").unwrap();
    let window = Window::restored(WindowName::Yesterday, &zone, start, end, end);
    let text = lines(&aggregate_in("agent_kpi", &window, &[body]).unwrap());
    insta::assert_snapshot!(text, @r#"
    agent_points{agent_id="12999",agent_name="Menphy Halland"} 1194
    agent_hits{agent_id="12999",agent_name="Menphy Halland"} 0
    agent_calls{agent_id="12999",agent_name="Menphy Halland"} 4
    agent_handle_seconds{agent_id="12999",agent_name="Menphy Halland"} 804
    agent_average_handle_seconds{agent_id="12999",agent_name="Menphy Halland"} 201
    agent_after_call_work_seconds{agent_id="12999",agent_name="Menphy Halland"} 21
    agent_occupancy_ratio{agent_id="12999",agent_name="Menphy Halland"} 0.11316666666666667
    agent_login_seconds{agent_id="12999",agent_name="Menphy Halland"} 7200
    agent_info |12999|Menphy Halland
    "#);
}

#[test]
fn never_lie_long_ids_that_are_numbers_stay_apart() {
    let row = |id: &str| aux("ID", "x", "a", "00:00:01").replace(r#""ID""#, id);
    let ids = ["18446744073709551617", "18446744073709551618", "1.50", "1.5", "1.0e+25", "-0"];
    let aggregated = aggregate_in("agent_aux_time", &window(), &[&format!("[{}]", ids.map(row).join(","))]).unwrap();
    let text = lines(&aggregated);
    for id in ids {
        assert!(text.contains(&format!("agent_id=\"{id}\"")), "{id} is not in {text}");
    }
    assert_eq!((aggregated.series(), aggregated.rejected.len()), (ids.len(), 0));
}

#[test]
fn a_value_is_rejected_once_in_a_row_however_often_it_is_used() {
    let row = aux("ID", "x", "a", "00:00:01").replace(r#""ID""#, "[1]");
    let aggregated =
        aggregate_in("agent_aux_time", &window(), &[&format!("[{row},{row}]"), &format!("[{row}]")]).unwrap();
    assert_eq!(aggregated.rejected, [("agent_id".to_owned(), 3)]);
    let day = r#"{"date":"20260301","points":"1","hits":"1","calls":"1","aht_time":{},"acw_time":"1","occupancy":"1 %","login_time":"1"}"#;
    let row = format!(r#"{{"agent_id":true,"agent_name":"x","stats":[{day},{day}]}}"#);
    let aggregated = aggregate_in("agent_kpi", &window(), &[&format!("[{row}]")]).unwrap();
    assert_eq!(aggregated.rejected, [("agent_id".to_owned(), 1), ("aht_time".to_owned(), 2)]);
}

#[test]
fn never_lie_half_a_character_costs_neither_the_report_nor_the_name() {
    let row = |name: &str, more: &str| aux("1", name, "a", "00:00:01").replace('}', &format!(",{more}}}"));
    let rows = [
        row(r"Ana \ud83deude00", r#""\ud83d":"\ude00""#),
        row(r"Ana \ud83d\ude00", r#""undeclared":["\ud83d"]"#),
        row("Ana \u{fffd}", "\"x\":1"),
    ];
    let aggregated =
        aggregate_in("agent_aux_time", &window(), &[&format!("[{},{}]", rows[0], rows[1]), &format!("[{}]", rows[2])]);
    let aggregated = aggregated.unwrap();
    let text = lines(&aggregated);
    assert!(
        text.contains("agent_name=\"Ana \u{fffd}eude00\"") && text.contains("agent_name=\"Ana \u{1f600}\""),
        "{text}"
    );
    assert_eq!(aggregated.rejected, [("agent_name".to_owned(), 1)], "what the vendor itself replaced is not counted");
}

#[test]
fn answers_to_parts_of_a_window_add_up() {
    let part = |time: &str| format!(r"[{}]", aux("1", "x", "a", time));
    let aggregated =
        aggregate_in("agent_aux_time", &window(), &[&part("00:00:10"), r#"{"code":200,"data":[]}"#, &part("00:00:05")]);
    let aggregated = aggregated.unwrap();
    assert_eq!((aggregated.rows, aggregated.series()), (2, 1));
    assert!(lines(&aggregated).contains(" 15"));
}

#[test]
fn over_the_cap_the_same_series_stay_from_poll_to_poll() {
    let plan = plan("agent_aux_time");
    let mut kept = SeriesCap::default();
    let mut poll = |agents: std::ops::Range<usize>| {
        let rows: Vec<String> = agents.map(|agent| aux(&agent.to_string(), "x", "a", "00:00:01")).collect();
        let aggregator = added(&plan, &window(), format!("[{}]", rows.join(",")).as_bytes()).unwrap();
        let aggregated = aggregator.finish(10, &mut kept).unwrap();
        let series: Vec<String> =
            lines(&aggregated).lines().filter(|line| line.contains("seconds")).map(str::to_owned).collect();
        (series, aggregated.dropped)
    };
    let (first, dropped) = poll(0..30);
    assert_eq!((first.len(), dropped), (10, 20 + 20));
    let (second, _) = poll(0..300);
    assert_eq!(first, second, "newcomers displace nobody");
    let (fewer, dropped) = poll(0..8);
    assert_eq!((fewer.len(), dropped), (8, 0));
}

#[test]
fn never_crash_as_much_as_may_be_inside_of_a_row_is_read_and_no_more() {
    let most_bytes = 1 << 20;
    let plan = plan("agent_kpi");
    for (days, date, read) in [
        (MOST_NESTED, 8, true),
        (MOST_NESTED + 1, 8, false),
        (1, most_bytes, true),
        (1, most_bytes + 1, false),
        (4, most_bytes / 4, true),
        (4, most_bytes / 4 + 1, false),
    ] {
        let day = format!(r#"{{"date":"{}"}}"#, "x".repeat(date));
        let row = format!(r#"{{"agent_id":"1","agent_name":"A","stats":[{}]}}"#, vec![day; days].join(","));
        let added = added(&plan, &window(), format!("[{row}]").as_bytes());
        assert_eq!(
            added.map(|added| added.rows()).map_err(|failure| failure.reason).ok(),
            read.then_some(1),
            "{days} of {date}"
        );
    }
}

#[test]
fn over_the_cap_a_group_keeps_all_of_its_series_or_none() {
    let day = |calls: u32| {
        format!(
            r#"{{"date":"20260301","points":"1","hits":"1","calls":"{calls}","aht_time":"1","acw_time":"1",
            "occupancy":"1 %","login_time":"1"}}"#
        )
    };
    // Without calls there is no average: seven series instead of eight.
    let row = |id: u32| format!(r#"{{"agent_id":"{id}","agent_name":"x","stats":[{}]}}"#, day(id % 2));
    let rows: Vec<String> = (0..20).map(row).collect();
    for cap in [0, 7, 8, 50, 149, 150] {
        let body = format!("[{}]", rows.join(","));
        let aggregator = added(&plan("agent_kpi"), &window(), body.as_bytes()).unwrap();
        let aggregated = aggregator.finish(cap, &mut SeriesCap::default()).unwrap();
        let text = lines(&aggregated);
        let of = |id: u32| text.lines().filter(|line| line.contains(&format!("agent_id=\"{id}\""))).count();
        let series: Vec<usize> = (0..20).map(of).collect();
        let whole = |(id, count): (usize, &usize)| *count == 0 || *count == 7 + id % 2;
        assert!(series.iter().enumerate().all(whole), "{cap}: {series:?}");
        let kept: usize = series.iter().sum();
        let entries = 20_usize.saturating_sub(cap);
        assert_eq!((aggregated.series(), aggregated.dropped), (kept, (150 - kept + entries) as u64), "{cap}");
        assert!(kept <= cap && (cap < 150 || kept == 150), "{kept} of {cap}");
        assert!(kept + 8 > cap.min(150), "{cap}: there was room for one more than {series:?}");
    }
}
