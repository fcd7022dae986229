//! The dashboards show what the exporter serves, and only that.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::prometheus::Scraping;
use crate::support::boards::{Board, Target, boards, grouping_labels, known, selectors};
use crate::support::child::{EXPORTER, Running, python, run};
use crate::support::harness::{midnight, until};
use crate::support::past;

/// What the demo calls its operations.
const DEMO: &str = "bogota|madrid";
const AGENTS: usize = 6;
/// Between two points of a panel that does not say.
const STEP: u32 = 300;
/// What `deploy/prometheus.yml` sets.
const SCRAPE_INTERVAL: u32 = 15;
/// What Prometheus adds to every series.
const OF_THE_SCRAPE: [&str; 2] = ["instance", "job"];

/// A demo that runs, and a Prometheus that scrapes it and knows the past of another operation.
struct Watched {
    _demo: Running,
    prometheus: Scraping,
    now: Timestamp,
}

impl Watched {
    async fn start() -> Watched {
        let now = Timestamp::now();
        let living = tokio::task::spawn_blocking(move || past::scrapes(now, AGENTS));
        let mut demo = Running::start(EXPORTER, &["demo", "--web.listen-address=127.0.0.1:0"]);
        let exporter = demo.after("http://").await.parse().expect("an address");
        let past = living.await.expect("a past");
        let prometheus = Scraping::after(&past, exporter).await;
        let watched = Watched { _demo: demo, prometheus, now };
        until("a Prometheus that answers", async || watched.at("vector(1)", now).await.ok()).await;
        watched
    }

    /// Waits until every report of the demo was polled between two scrapes.
    async fn settled(&self) {
        let polled = format!("count(increase(wolkvox_api_requests_total{{operation=~\"{DEMO}\"}}[1m]) > 0) == 10");
        until("ten reports of the demo", async || {
            self.at(&polled, Timestamp::now()).await.ok().filter(|values| !values.is_empty())
        })
        .await;
    }

    async fn at(&self, promql: &str, at: Timestamp) -> Result<Vec<f64>, String> {
        ask(self.prometheus.address, promql, at, None).await
    }
}

/// The finite values of an answer, or what is wrong with the question. `range`: seconds back, and the step.
async fn ask(
    prometheus: SocketAddr,
    promql: &str,
    at: Timestamp,
    range: Option<(u32, u32)>,
) -> Result<Vec<f64>, String> {
    let mut words = vec![format!("query={promql}")];
    let path = if let Some((back, step)) = range {
        let start = at.as_second() - i64::from(back);
        words.extend([format!("start={start}"), format!("end={}", at.as_second()), format!("step={step}")]);
        "query_range"
    } else {
        words.push(format!("time={}", at.as_second()));
        "query"
    };
    let url = format!("http://{prometheus}/api/v1/{path}");
    let mut args = vec!["-sS", &url];
    args.extend(words.iter().flat_map(|word| ["--data-urlencode", word]));
    let answer = run("curl", &args, b"").await;
    let body: Value = serde_json::from_str(&answer.stdout).map_err(|error| format!("{error}: {answer:?}"))?;
    if body["status"] != "success" {
        return Err(body["error"].to_string());
    }
    let result = body["data"]["result"].as_array().expect("series");
    let samples = result.iter().flat_map(|series| {
        let many = series["values"].as_array().map(Vec::as_slice).unwrap_or_default();
        many.iter().chain(series.get("value")).map(|sample| sample[1].as_str().expect("a value"))
    });
    // What is not a number is drawn as nothing.
    Ok(samples.filter_map(|value| value.parse::<f64>().ok()).filter(|value| value.is_finite()).collect())
}

/// What Grafana asks: the variables are filled.
fn filled(promql: &str, operation: &str, agents: &str, step: u32) -> String {
    let rate_interval = (step + SCRAPE_INTERVAL).max(4 * SCRAPE_INTERVAL);
    let filled = promql
        .replace("$operation", operation)
        .replace("$agent_name", agents)
        .replace("$__rate_interval", &format!("{rate_interval}s"));
    assert!(!filled.contains('$'), "a variable that nothing fills: {filled}");
    filled
}

fn step_of(panel: &Value) -> u32 {
    let Some(interval) = panel["interval"].as_str() else { return STEP };
    let (number, unit) = interval.split_at(interval.len() - 1);
    let number: u32 = number.parse().expect("a number of minutes or hours");
    number * if unit == "h" { 3600 } else { 60 }
}

/// The names that a board's variables offer, as Grafana writes a choice of several.
async fn agents_of(watched: &Watched, board: &Board, operation: &str) -> Result<String, String> {
    let mut agents = String::new();
    for [name, label, series] in board.asking_variables() {
        let query = format!("count by ({label}) ({})", filled(series, operation, "", STEP));
        let url = format!("http://{}/api/v1/query", watched.prometheus.address);
        let answer = run("curl", &["-sS", &url, "--data-urlencode", &format!("query={query}")], b"").await;
        let body: Value = serde_json::from_str(&answer.stdout).map_err(|error| error.to_string())?;
        let result = body["data"]["result"].as_array().ok_or_else(|| format!("{query}: {body}"))?;
        let values: Vec<&str> = result.iter().filter_map(|one| one["metric"][label].as_str()).collect();
        if values.is_empty() {
            return Err(format!("${name} has no values: {query}"));
        }
        if name == "agent_name" {
            agents = values.join("|");
        }
    }
    Ok(agents)
}

/// What is wrong with a query's answers, if anything.
async fn wrong_answer(watched: &Watched, board: &Board, target: &Target<'_>, agents: [&str; 2]) -> Option<String> {
    let step = step_of(target.panel);
    let range = (!target.instant).then(|| (board.range(), step));
    let everything = filled(target.promql, &format!("{DEMO}|site-0"), agents[0], step);
    match ask(watched.prometheus.address, &everything, Timestamp::now(), range).await {
        Err(error) => return Some(format!("{error}: {everything}")),
        Ok(values) if values.is_empty() => return Some(format!("empty: {everything}")),
        Ok(_) => {}
    }
    // What looks further back than the demo runs, and what a healthy exporter has none of, was asked of the past.
    let may_be_empty =
        everything.contains(" offset ") || target.panel["fieldConfig"]["defaults"]["noValue"].is_string();
    let of_the_demo = filled(target.promql, DEMO, agents[1], step);
    match watched.at(&of_the_demo, Timestamp::now()).await {
        Err(error) => Some(format!("{error}: {of_the_demo}")),
        Ok(values) if values.is_empty() && !may_be_empty => Some(format!("empty for the demo: {of_the_demo}")),
        Ok(_) => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_every_board_is_answered_by_a_real_prometheus() {
    let watched = Watched::start().await;
    watched.settled().await;
    let (mut panels, mut queries, mut variables, mut wrong) = (0, 0, 0, Vec::new());
    let boards = boards();
    for board in &boards {
        let all = agents_of(&watched, board, &format!("{DEMO}|site-0")).await.expect("names");
        let of_the_demo = agents_of(&watched, board, DEMO).await.expect("names");
        for target in board.targets() {
            queries += 1;
            let found = wrong_answer(&watched, board, &target, [&all, &of_the_demo]).await;
            wrong.extend(found.map(|found| format!("{}, {}: {found}", board.file, board.title(target.panel))));
        }
        panels += board.panels().len();
        variables += board.asking_variables().len();
    }
    println!("{} boards, {panels} panels, {queries} queries, {variables} variables that ask", boards.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_the_hours_of_a_day_add_up_to_the_day_and_none_reaches_over_midnight() {
    let watched = Watched::start().await;
    let boards = boards();
    let board = boards.iter().find(|board| board.file == "auxiliary.json").expect("the board of states");
    let hours = board.targets().into_iter().find(|target| board.title(target.panel).contains("agent and hour"));
    let hourly = filled(hours.expect("a panel of hours").promql, "site-0", "", 3600);
    let midnight = midnight();
    let whole_hours = (watched.now.as_second() - midnight.as_second()) / 3600;
    let mut sum = 0.0;
    for hour in 1..=whole_hours {
        let values = watched.at(&hourly, midnight + SignedDuration::from_hours(hour)).await.expect("an answer");
        sum += values.iter().sum::<f64>();
    }
    let last = midnight + SignedDuration::from_hours(whole_hours);
    let day = watched.at("sum(wolkvox_agent_aux_seconds{window=\"today\"})", last).await.expect("an answer");
    println!("{whole_hours} hours add up to {sum} s, and the day so far is {day:?} s");
    assert!(whole_hours >= 11 && sum > 0.0, "{whole_hours} hours, {sum} s");
    assert_eq!(vec![sum], day);
    // Every quarter of an hour since the past begins, over the midnight: nobody pauses for more than an hour an hour.
    for quarter in 4..past::HOURS * 4 {
        let at = watched.now - SignedDuration::from_mins(15 * (past::HOURS * 4 - quarter));
        let values = watched.at(&hourly, at).await.expect("an answer");
        assert!(values.iter().all(|value| (0.0..=3600.0).contains(value)), "{at}: {values:?}");
    }
}

#[tokio::test]
async fn the_boards_are_what_their_script_writes() {
    let checked = run(&python(), &["-B", "dashboards/build.py", "--check"], b"").await;
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""));
}

#[test]
fn every_board_and_panel_says_what_it_shows_and_can_be_imported_anywhere() {
    let (mut uids, mut titles) = (BTreeSet::new(), BTreeSet::new());
    for board in boards() {
        let Board { file, json } = &board;
        let uid = json["uid"].as_str().expect("a uid");
        assert_eq!(format!("wolkvox-{}", file.trim_end_matches(".json")), uid);
        assert!(uids.insert(uid.to_owned()) && titles.insert(json["title"].to_string()), "{file}: twice");
        assert_eq!(json["editable"], false, "{file}");
        assert_eq!(json["tags"], serde_json::json!(["wolkvox"]), "{file}");
        assert_eq!(json["links"][0]["type"], "dashboards", "{file}: leads to the other boards");
        let variable = |name: &str| board.variables().iter().find(|variable| variable["name"] == name);
        assert_eq!(variable("datasource").expect("a data source")["query"], "prometheus", "{file}");
        let operation = variable("operation").expect("a choice of operations");
        assert_eq!((&operation["multi"], &operation["includeAll"]), (&Value::Bool(true), &Value::Bool(true)), "{file}");
        for asking in board.variables().iter().filter(|variable| variable["type"] == "query") {
            assert_eq!(asking["datasource"]["uid"], "${datasource}", "{file}");
        }
        let ids: BTreeSet<u64> = board.panels().iter().filter_map(|panel| panel["id"].as_u64()).collect();
        assert_eq!(ids.len(), board.panels().len(), "{file}: ids");
        for panel in board.panels() {
            let title = board.title(panel);
            let words = panel["description"].as_str().unwrap_or_default();
            assert!(words.len() > 15 && words.ends_with('.'), "{file}, {title}: {words}");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{file}, {title}: no unit");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{file}, {title}");
            for target in panel["targets"].as_array().expect("queries") {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{file}, {title}");
            }
        }
        no_overlap(&board);
    }
    assert_eq!(uids.len(), 7);
}

/// Every panel lies in the 24 columns, and no two on the same cell.
fn no_overlap(board: &Board) {
    let mut cells = BTreeSet::new();
    for panel in board.panels() {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().expect("a place"));
        assert!(w > 0 && h > 0 && x + w <= 24, "{}, {}", board.file, board.title(panel));
        for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line))) {
            assert!(cells.insert(cell), "{}, {}: lies on another", board.file, board.title(panel));
        }
    }
}

#[test]
fn never_lie_every_board_shows_the_age_of_every_report_that_it_shows() {
    let known = known();
    for board in boards() {
        let targets = board.targets();
        let (age, others): (Vec<_>, Vec<_>) = targets
            .iter()
            .partition(|target| target.panel["type"] == "stat" && board.title(target.panel) == "Age of the data");
        let [age] = age[..] else { panic!("{}: no age, or two", board.file) };
        let mut polled = selectors(age.promql).into_iter().map(|selector| selector.matchers["report"].clone());
        let reports = polled.next().expect("a selection of reports");
        assert!(
            age.promql.contains("wolkvox_report_last_success_timestamp_seconds") && polled.all(|more| more == reports)
        );
        let shown: BTreeSet<&str> = reports.trim_matches(['=', '~', '"']).split('|').collect();
        for selector in others.iter().flat_map(|target| selectors(target.promql)) {
            let report = known.get(&selector.metric).and_then(|known| known.report.as_deref());
            assert!(report.is_none_or(|report| shown.contains(report)), "{}: no age of {report:?}", board.file);
        }
    }
}

#[test]
fn no_query_names_what_the_exporter_does_not_have() {
    let known = known();
    let all: BTreeSet<&str> = known.values().flat_map(|known| known.labels.iter().map(String::as_str)).collect();
    let mut named = BTreeSet::new();
    for board in boards() {
        let variables = board.asking_variables();
        let targets = board.targets();
        let queries = targets.iter().map(|target| target.promql).chain(variables.iter().map(|[_, _, series]| *series));
        for query in queries {
            let found = selectors(query);
            assert!(!found.is_empty(), "{}: {query}", board.file);
            for selector in found {
                let metric = known.get(&selector.metric).unwrap_or_else(|| panic!("{}: {query}", board.file));
                for label in selector.matchers.keys() {
                    assert!(metric.labels.contains(label), "{}: {label} in {query}", board.file);
                }
                // A variable asks which operations there are.
                if metric.labels.contains("operation") && query != selector.metric {
                    let chosen = selector.matchers.get("operation").map(String::as_str);
                    assert_eq!(chosen, Some("=~\"$operation\""), "{}: {query}", board.file);
                }
                // Two days must never be added up.
                let made_of_a_report = metric.report.is_some();
                assert!(!made_of_a_report || selector.matchers.contains_key("window"), "{}: {query}", board.file);
                named.insert(selector.metric);
            }
            for label in grouping_labels(query) {
                let made = query.contains(&format!("\"{label}\", \" · \""));
                let has = all.contains(label.as_str()) || OF_THE_SCRAPE.contains(&label.as_str());
                assert!(has || made, "{}: {label} in {query}", board.file);
            }
        }
    }
    println!("{} of {} metrics are on a board", named.len(), known.len());
}
