//! The dashboards show what the exporter serves, and only that.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use wolkvox_exporter::catalog::Catalog;

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

    /// Waits until every report of the demo's two operations was polled between two scrapes.
    async fn settled(&self) {
        let reports = Catalog::builtin().expect("the shipped catalogue is right").reports().len() * 2;
        let polled =
            format!("count(increase(wolkvox_api_requests_total{{operation=~\"{DEMO}\"}}[1m]) > 0) == {reports}");
        until("every report of the demo", async || {
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
        .replace("$instance", ".*")
        .replace("$__range", "86400s")
        // A week before is a day before here: the past of a test is that long.
        .replace("offset 168h", "offset 24h")
        .replace("offset 169h", "offset 25h")
        .replace("time() - 608400", "time() - 90000")
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
    if target.promql.starts_with("label_replace(vector(0)") {
        return wrong_empty_row(watched, target, agents[0]).await;
    }
    let range = (!target.instant).then(|| (board.range(), step));
    let everything = filled(target.promql, &format!("{DEMO}|site-0"), agents[0], step);
    // What looks further back than the demo runs, and what a healthy exporter has none of, is asked of the past,
    // where that has the report.
    let may_be_empty =
        everything.contains(" offset ") || target.panel["fieldConfig"]["defaults"]["noValue"].is_string();
    match ask(watched.prometheus.address, &everything, Timestamp::now(), range).await {
        Err(error) => return Some(format!("{error}: {everything}")),
        Ok(values) if values.is_empty() && !(may_be_empty && has_no_past(target)) => {
            return Some(format!("empty: {everything}"));
        }
        Ok(_) => {}
    }
    let of_the_demo = filled(target.promql, DEMO, agents[1], step);
    match watched.at(&of_the_demo, Timestamp::now()).await {
        Err(error) => Some(format!("{error}: {of_the_demo}")),
        Ok(values) if values.is_empty() && !may_be_empty => Some(format!("empty for the demo: {of_the_demo}")),
        Ok(_) => None,
    }
}

/// Whether a query is of reports that the past does not have: it has those that are polled by default.
fn has_no_past(target: &Target<'_>) -> bool {
    let catalog = Catalog::builtin().expect("the shipped catalogue is right");
    let known = known();
    let reports =
        selectors(target.promql).into_iter().filter_map(|selector| known.get(&selector.metric)?.report.clone());
    let is_default = |name: &String| catalog.by_default().any(|report| *report.name == **name);
    reports.into_iter().any(|name| !is_default(&name))
}

/// The row that says why a table is empty is there where nothing is known, and only there.
async fn wrong_empty_row(watched: &Watched, target: &Target<'_>, agents: &str) -> Option<String> {
    let now = Timestamp::now();
    let at = async |operation: &str| watched.at(&filled(target.promql, operation, agents, STEP), now).await;
    match (at(&format!("{DEMO}|site-0")).await, at("nobody").await) {
        (Ok(known), Ok(unknown)) if known.is_empty() && unknown == [0.0] => None,
        answers => Some(format!("{answers:?}: {}", target.promql)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_every_board_is_answered_by_a_real_prometheus() {
    let watched = Watched::start().await;
    watched.settled().await;
    let (mut panels, mut queries, mut variables, mut wrong) = (0, 0, 0, Vec::new());
    let boards = boards("en");
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
    let boards = boards("en");
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
    for language in ["en", "es"] {
        let suffix = if language == "en" { "" } else { "-es" };
        for board in boards(language) {
            let Board { file, json, .. } = &board;
            let uid = json["uid"].as_str().expect("a uid");
            assert_eq!(format!("wolkvox-{}{suffix}", file.trim_end_matches(".json")), uid);
            assert!(uids.insert(uid.to_owned()) && titles.insert(json["title"].to_string()), "{file}: twice");
            assert_eq!(json["editable"], false, "{file}");
            // Each language leads to its own boards.
            assert_eq!(json["tags"], json!([format!("wolkvox{suffix}")]), "{file}");
            assert_eq!(
                (&json["links"][0]["type"], &json["links"][0]["tags"]),
                (&json!("dashboards"), &json["tags"]),
                "{file}"
            );
            choices(&board);
            let ids: BTreeSet<u64> = board.panels().iter().filter_map(|panel| panel["id"].as_u64()).collect();
            assert_eq!(ids.len(), board.panels().len(), "{file}: ids");
            for panel in board.panels() {
                let title = board.title(panel);
                let words = panel["description"].as_str().unwrap_or_default();
                assert!(words.len() > 15 && words.ends_with('.'), "{file}, {title}: {words}");
                let defaults = &panel["fieldConfig"]["defaults"];
                assert!(
                    defaults["noValue"].as_str().is_some_and(|why| why.len() > 3),
                    "{file}, {title}: empty without why"
                );
                // Of a table with several columns Grafana would draw the headings alone.
                let queries = panel["targets"].as_array().expect("queries");
                if panel["type"] == "table" && queries.len() > 1 {
                    let last = queries.last().and_then(|query| query["expr"].as_str()).unwrap_or_default();
                    assert!(last.starts_with("label_replace(vector(0)"), "{file}, {title}: empty without why");
                }
                assert_eq!(panel["datasource"]["uid"], "${datasource}", "{file}, {title}");
                for target in panel["targets"].as_array().expect("queries") {
                    assert_eq!(target["datasource"]["uid"], "${datasource}", "{file}, {title}");
                }
            }
            no_overlap(&board);
        }
    }
    assert_eq!(uids.len(), 22);
}

/// The boards that show many operations at once.
const OF_MANY: [&str; 3] = ["overview.json", "wallboard.json", "exporter.json"];

/// The variables of a board ask the chosen data source.
fn choices(board: &Board) {
    let file = &board.file;
    let variable = |name: &str| board.variables().iter().find(|variable| variable["name"] == name);
    assert_eq!(variable("datasource").expect("a data source")["query"], "prometheus", "{file}");
    let operation = variable("operation").expect("a choice of operations");
    let many = OF_MANY.contains(&file.as_str());
    assert_eq!(operation["includeAll"].as_bool().unwrap_or(false), many, "{file}");
    assert_eq!(variable("instance").is_some(), file == "exporter.json", "{file}");
    for asking in board.variables().iter().filter(|variable| variable["type"] == "query") {
        assert_eq!(asking["datasource"]["uid"], "${datasource}", "{file}");
        // Grafana escapes a name only where a pattern may stand, which is where several can be chosen.
        assert_eq!(asking["multi"], true, "{file}");
    }
}

/// A name of `2026` or a code of `7001` reads `7.00 K` once it has a number's unit.
#[test]
fn never_lie_no_id_name_or_code_is_written_as_a_number() {
    let mut labels = 0;
    for (board, panel) in panels_of("table") {
        let title = board.title(&panel).to_owned();
        assert_eq!(
            panel["fieldConfig"]["defaults"]["unit"], "string",
            "{title}: what has no unit of its own is a text"
        );
        let organize = transformation(&panel, "organize").expect("columns");
        for (source, heading) in organize["renameByName"].as_object().expect("names") {
            let unit = looks(&panel, heading.as_str().expect("a heading"), "unit").expect("a unit");
            if source.starts_with("Value") {
                assert_ne!(unit, "short", "{title}: every digit counts");
            } else {
                assert_eq!(unit, "string", "{title}, {heading}");
                labels += 1;
            }
        }
    }
    assert!(labels >= 20, "only {labels}");
}

/// Whoever runs a contact centre reads 8:05:10 and 4,290, not 8.09 hour and 4.29 K.
#[test]
fn durations_are_hours_minutes_seconds_and_counts_have_every_digit() {
    for language in ["en", "es"] {
        for board in boards(language) {
            for panel in board.panels() {
                let title = board.title(panel);
                let asked: String = panel["targets"]
                    .as_array()
                    .expect("queries")
                    .iter()
                    .map(|target| target["expr"].to_string())
                    .collect();
                let overrides = panel["fieldConfig"]["overrides"].to_string();
                assert!(!overrides.contains("\"short\"") && !overrides.contains("\"s\""), "{title}");
                let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().expect("a unit");
                // A poll takes parts of a second.
                let of_a_poll = asked.contains("poll_duration_seconds");
                assert!(!["short", "m", "h", "d"].contains(&unit) && (unit != "s" || of_a_poll), "{title}: {unit}");
                // A table's columns say it themselves, and cells of colour have no figure.
                if ["locale", "dthms"].contains(&unit) && panel["type"] != "status-history" {
                    assert_eq!(panel["fieldConfig"]["defaults"]["decimals"], 0.0, "{title}");
                }
            }
        }
    }
}

/// A legend of eight times `Adriana Ramírez Jiménez · b…` tells nothing.
#[test]
fn legends_say_only_what_differs_on_their_board() {
    for language in ["en", "es"] {
        for board in boards(language) {
            let many = OF_MANY.contains(&board.file.as_str());
            for target in board.targets() {
                let title = board.title(target.panel);
                let legend = target.legend.unwrap_or_default();
                assert!(many || !legend.contains("{{operation}}"), "{}, {title}: {legend}", board.file);
                assert!(board.file != "agent.json" || !legend.contains("agent_name"), "{title}: {legend}");
                // What a query adds up to has one line, or one for each label of its legend.
                for label in legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
                    assert!(target.promql.contains(label), "{}, {title}: {legend}", board.file);
                }
            }
        }
    }
}

#[test]
fn lines_have_colours_of_their_own_and_no_fill_that_hides_another() {
    for (board, panel) in panels_of("timeseries") {
        let title = board.title(&panel).to_owned();
        let defaults = &panel["fieldConfig"]["defaults"];
        assert_eq!(defaults["color"]["mode"], "palette-classic", "{}, {title}", board.file);
        let custom = &defaults["custom"];
        let stacked = custom["stacking"]["mode"] == "normal";
        assert_eq!(custom["fillOpacity"] == 0.0, !stacked, "{}, {title}", board.file);
        let limits = defaults["thresholds"]["steps"].as_array().map_or(0, Vec::len);
        assert!(limits < 2 || custom["thresholdsStyle"]["mode"] == "dashed", "{}, {title}: limits unseen", board.file);
    }
}

/// On a screen of 1600 pixels no column is cut off or out of sight.
#[test]
fn the_columns_of_every_table_fit_into_it() {
    for (board, panel) in panels_of("table") {
        let title = board.title(&panel).to_owned();
        let organize = transformation(&panel, "organize").expect("columns");
        let hidden = organize["excludeByName"].as_object().expect("names");
        let shown = organize["renameByName"]
            .as_object()
            .expect("names")
            .iter()
            .filter(|(source, _)| !hidden.contains_key(*source));
        let widths: Vec<Option<u64>> = shown
            .map(|(_, heading)| {
                looks(&panel, heading.as_str().expect("a heading"), "custom.width").and_then(Value::as_u64)
            })
            .collect();
        let set: u64 = widths.iter().flatten().sum();
        let free = widths.iter().filter(|wide| wide.is_none()).count();
        let room = panel["gridPos"]["w"].as_u64().expect("a width") * 1_568 / 24 - 16;
        assert_eq!(free, 1, "{}, {title}: one column takes what is left", board.file);
        assert!(set + 150 <= room, "{}, {title}: {set} of {room} pixels leave no room for the name", board.file);
    }
}

#[test]
fn people_stand_apart_from_routing_points_and_every_name_has_a_line() {
    for (board, panel) in panels_of("barchart") {
        let title = board.title(&panel).to_owned();
        assert_eq!(panel["options"]["orientation"], "horizontal", "{title}");
        let query = panel["targets"][0]["expr"].as_str().expect("a query");
        assert!(query.contains(r#"agent_name!~"Routing_point.*""#), "{}, {title}", board.file);
    }
    for (kind, line) in [("barchart", 28), ("table", 36), ("status-history", 28)] {
        for (board, panel) in panels_of(kind) {
            let query = panel["targets"][0]["expr"].as_str().expect("a query");
            let Some((_, most)) = query.split_once("topk(") else { continue };
            let most: u64 = most.split(',').next().and_then(|number| number.parse().ok()).expect("a number");
            let high = panel["gridPos"]["h"].as_u64().expect("a height");
            assert!(high * 38 >= most * line, "{}, {}: {most} names in {high}", board.file, board.title(&panel));
        }
    }
}

/// Two screens of 1600 × 900: a unit of the grid is 38 pixels high.
#[test]
fn a_board_fits_two_screens_and_begins_with_one_thin_quiet_line_of_ages() {
    for board in boards("en") {
        let shown = board.json["panels"].as_array().expect("panels");
        let bottom = shown
            .iter()
            .map(|panel| panel["gridPos"]["y"].as_u64().unwrap_or(0) + panel["gridPos"]["h"].as_u64().unwrap_or(0));
        let bottom = bottom.max().expect("panels");
        assert!(bottom * 38 <= 1_900, "{}: {} pixels", board.file, bottom * 38);
        let age = board.panels().iter().find(|panel| board.title(panel) == "Age of the data").expect("an age");
        assert!(age["gridPos"]["y"].as_u64() <= Some(1) && age["gridPos"]["h"].as_u64() <= Some(3), "{}", board.file);
        assert_eq!(age["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["color"], "text", "{}", board.file);
        assert!(
            age["fieldConfig"]["defaults"]["links"][0]["url"]
                .as_str()
                .is_some_and(|url| url.contains("/d/wolkvox-exporter?"))
        );
    }
}

/// Every word that a person reads on a board; what a machine reads is the same in both languages.
#[test]
fn english_and_spanish_boards_differ_in_their_words_alone() {
    // Written alike in both languages.
    let alike = ["Id", "Rust", "Series", "wolkvox"];
    let (mut pairs, mut same) = (0, Vec::new());
    for (english, spanish) in boards("en").into_iter().zip(boards("es")) {
        assert_eq!(english.file, spanish.file);
        let (mut one, mut other) = (Vec::new(), Vec::new());
        words_of(&english.json, "", &mut one);
        words_of(&spanish.json, "", &mut other);
        assert_eq!(one.len(), other.len(), "{}", english.file);
        pairs += one.len();
        let is_same = |(one, other): &(&String, &String)| one == other && !alike.contains(&one.as_str());
        same.extend(one.iter().zip(&other).filter(is_same).map(|(one, _)| format!("{}: {one}", english.file)));
        assert_eq!(without_words(&english.json), without_words(&spanish.json), "{}", english.file);
    }
    assert!(same.is_empty(), "not translated: {same:#?}");
    assert!(pairs > 300, "only {pairs} texts");
}

/// Where words stand in the JSON of a board.
const WORDS: [&str; 9] =
    ["title", "description", "noValue", "legendFormat", "text", "label", "displayName", "value", "name"];

fn is_words(key: &str, text: &str) -> bool {
    // A legend of labels alone, a title made of a variable, a value that is a name of Grafana's own.
    let spoken = text.split("{{").map(|part| part.split_once("}}").map_or(part, |(_, rest)| rest)).collect::<String>();
    let is_a_sentence = spoken.chars().next().is_some_and(char::is_uppercase) || spoken.contains(' ');
    WORDS.contains(&key)
        && spoken.chars().any(char::is_alphabetic)
        && !text.starts_with('$')
        && (key != "value" && key != "name" || is_a_sentence)
}

fn words_of(value: &Value, key: &str, words: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            // The headings of a table stand in its transformation, and what a column looks like is found by its heading.
            let inner = if key == "renameByName" { "" } else { key };
            if key == "renameByName" {
                let headings = value.as_object().expect("names").values().filter_map(Value::as_str);
                words.extend(headings.map(str::to_owned));
            } else if !["options", "expr", "uid", "tags"].contains(&inner) || value.is_object() {
                words_of(value, key, words);
            }
        }),
        Value::Array(items) => items.iter().for_each(|item| words_of(item, key, words)),
        Value::String(text) if is_words(key, text) => words.push(text.clone()),
        _ => {}
    }
}

/// The queries, places and kinds of all panels.
fn without_words(board: &Value) -> Value {
    let panels = board["panels"].as_array().expect("panels");
    let inner = |panel: &Value| panel["panels"].as_array().cloned().unwrap_or_default();
    let shown = panels.iter().cloned().chain(panels.iter().flat_map(inner));
    let facts = shown.map(|panel| {
        let queries: Vec<Value> =
            panel["targets"].as_array().into_iter().flatten().map(|target| target["expr"].clone()).collect();
        let defaults = &panel["fieldConfig"]["defaults"];
        json!([panel["type"], panel["gridPos"], queries, defaults["unit"], defaults["thresholds"]])
    });
    facts.collect()
}

/// Every panel of a type, on every board of both languages.
fn panels_of(kind: &str) -> Vec<(Board, Value)> {
    let mut found = Vec::new();
    for language in ["en", "es"] {
        for board in boards(language) {
            let of_kind: Vec<Value> = board.panels().iter().filter(|panel| panel["type"] == kind).cloned().collect();
            found.extend(of_kind.into_iter().map(|panel| (board.clone(), panel)));
        }
    }
    assert!(!found.is_empty(), "no {kind}");
    found
}

/// The options of a panel's transformation.
fn transformation<'p>(panel: &'p Value, id: &str) -> Option<&'p Value> {
    let transformations = panel["transformations"].as_array()?;
    transformations.iter().find(|transformation| transformation["id"] == id).map(|found| &found["options"])
}

/// A property of a column, as its override says.
fn looks<'p>(panel: &'p Value, heading: &str, property: &str) -> Option<&'p Value> {
    let overrides = panel["fieldConfig"]["overrides"].as_array()?;
    let column = overrides.iter().find(|one| one["matcher"]["options"] == heading)?;
    let properties = column["properties"].as_array()?;
    properties.iter().find(|one| one["id"] == property).map(|found| &found["value"])
}

/// A wall has no mouse: what is not on the first screen of 1080 pixels is seen by nobody, and small letters by few.
#[test]
fn the_wallboard_is_one_screen_of_large_letters_about_this_moment() {
    for language in ["en", "es"] {
        let boards = boards(language);
        let board = boards.iter().find(|board| board.file == "wallboard.json").expect("the board");
        assert_eq!(board.json["refresh"], "1m");
        let side = |panel: &Value, side: &str| panel["gridPos"][side].as_u64().expect("a place");
        let bottom = board.panels().iter().map(|panel| side(panel, "y") + side(panel, "h")).max();
        // Above the panels stands the line of what is chosen.
        assert!(bottom.is_some_and(|bottom| bottom * 38 + 73 <= 1_080), "{bottom:?}");
        for panel in board.panels().iter().filter(|panel| board.title(panel) != board.title(&board.panels()[0])) {
            let title = board.title(panel);
            let letters = &panel["options"]["text"]["valueSize"];
            let large = match panel["type"].as_str().expect("a type") {
                // A tile's are as large as it: of a size of their own, the words of an empty one would be cut off.
                "stat" => letters.is_null() && side(panel, "h") >= 4 && side(panel, "w") >= 4,
                "table" => true,
                _ => letters.as_u64() >= Some(24),
            };
            assert!(large, "{title}: letters of {letters}");
            for query in
                panel["targets"].as_array().expect("queries").iter().filter_map(|target| target["expr"].as_str())
            {
                assert!(!query.contains("window=\"today\"") && !query.contains("yesterday"), "{title}: {query}");
            }
        }
    }
}

#[test]
fn every_status_that_the_vendor_documents_is_told_in_words() {
    for language in ["en", "es"] {
        let boards = boards(language);
        let board = boards.iter().find(|board| board.file == "smart-wait.json").expect("the board");
        let table = board.panels().iter().find(|panel| {
            panel["targets"][0]["expr"]
                .as_str()
                .is_some_and(|query| query.contains("by (status)") && panel["type"] == "table")
        });
        let mapped = looks(table.expect("a table"), if language == "en" { "Status" } else { "Estado" }, "mappings")
            .expect("words");
        let mapped = mapped[0]["options"].as_object().expect("values");
        for status in ["ok", "fail", "yes", "no", "no_user", "stop_new"] {
            assert!(mapped[status]["text"].as_str().is_some_and(|text| text.len() > 5), "{status}");
        }
    }
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
    for board in boards("en") {
        let targets = board.targets();
        let (age, others): (Vec<_>, Vec<_>) = targets
            .iter()
            .partition(|target| target.panel["type"] == "stat" && board.title(target.panel) == "Age of the data");
        let mut aged = BTreeSet::new();
        for target in age {
            assert!(target.promql.contains("wolkvox_report_last_success_timestamp_seconds"), "{}", board.file);
            let mut polled = selectors(target.promql).into_iter().map(|selector| selector.matchers["report"].clone());
            let reports = polled.next().expect("a selection of reports");
            assert!(polled.all(|more| more == reports));
            aged.extend(reports.trim_matches(['=', '~', '"']).split('|').map(str::to_owned));
        }
        for selector in others.iter().flat_map(|target| selectors(target.promql)) {
            let report = known.get(&selector.metric).and_then(|known| known.report.as_deref());
            assert!(report.is_none_or(|report| aged.contains(report)), "{}: no age of {report:?}", board.file);
        }
    }
}

#[test]
fn no_query_names_what_the_exporter_does_not_have() {
    let known = known();
    let all: BTreeSet<&str> = known.values().flat_map(|known| known.labels.iter().map(String::as_str)).collect();
    let mut named = BTreeSet::new();
    for board in boards("en") {
        let variables = board.asking_variables();
        let targets = board.targets();
        let queries = targets.iter().map(|target| target.promql).chain(variables.iter().map(|[_, _, series]| *series));
        for query in queries {
            let found = selectors(query);
            assert!(!found.is_empty(), "{}: {query}", board.file);
            for selector in found {
                let metric = known.get(&selector.metric).unwrap_or_else(|| panic!("{}: {query}", board.file));
                for label in selector.matchers.keys() {
                    let has = metric.labels.contains(label) || OF_THE_SCRAPE.contains(&label.as_str());
                    assert!(has, "{}: {label} in {query}", board.file);
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
                let has = all.contains(label.as_str()) || OF_THE_SCRAPE.contains(&label.as_str());
                assert!(has, "{}: {label} in {query}", board.file);
            }
        }
    }
    println!("{} of {} metrics are on a board", named.len(), known.len());
}
