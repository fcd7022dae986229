//! A capture names nobody, and replayed it says what the vendor said.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use wolkvox_exporter::aggregate::{Aggregator, RowPlan, SeriesCap};
use wolkvox_exporter::capture::{AnswerKind, Capture, ContentClass};
use wolkvox_exporter::catalog::{Catalog, Form, Label, Privacy, Report};
use wolkvox_exporter::series::clean_into;
use wolkvox_exporter::time::{WindowName, midnight_before};
use wolkvox_exporter::wolkvox::read_whole;
use wolkvox_simulator::{Fault, Scope, Simulator};

use crate::support::captured::{self, Captured, FOLDER, SETS};
use crate::support::child::{EXPORTER, Running, exporter, run};
use crate::support::harness::{CONFIG_FILE, Setup, TOKEN, config_folder, settings, until, zone};
use crate::support::http;
use crate::support::scraped::{Scraped, report_metrics};

/// A name that stands in unknown fields of one of the sets, with a phone.
const SUPERVISOR: [&str; 2] = ["Ana Núñez", "301 555 0123"];

// === nobody is named ===

/// Everything that tells of somebody in the simulator's world, and the operation's own words.
/// Of each set: a checksum of the series, as the version before the other reports made them.
const SERIES_AS_EVER: [u32; 3] = [3_223_701_508, 2_721_322_009, 3_223_701_508];

fn roster(simulator: &Simulator, now: Timestamp, zone: &TimeZone) -> Vec<String> {
    let world = simulator.world();
    let agents = world.agents(0).iter().flat_map(|agent| [agent.name.clone(), agent.dni.clone(), agent.id.clone()]);
    let midnight = midnight_before(now, zone);
    let callbacks = world.callbacks(0, midnight, now);
    let customers = callbacks.into_iter().flat_map(|row| [row.ani, row.dial_phone, row.customer_id, row.skill_id]);
    let words = world.aux(0, midnight, now).into_iter().map(|row| row.aux_state.to_owned());
    let codes =
        world.closed(0, midnight, now).into_iter().flat_map(|row| [row.code.to_owned(), row.description.to_owned()]);
    let codes = codes.filter(|code| !code.starts_with("TIMEOUT"));
    let all: BTreeSet<String> =
        agents.chain(customers).chain(words).chain(codes).filter(|text| !text.trim().is_empty()).collect();
    assert!(all.len() > 30, "{all:?}");
    all.into_iter().chain(SUPERVISOR.map(str::to_owned)).collect()
}

/// A text in every form in which it may stand in a file.
fn forms(text: &str) -> BTreeSet<String> {
    let escaped = |upper: bool| {
        let unit = |unit: u16| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
        let char = |char: char| {
            if char.is_ascii() {
                char.to_string()
            } else {
                char.encode_utf16(&mut [0; 2]).iter().copied().map(unit).collect()
            }
        };
        text.chars().map(char).collect::<String>()
    };
    let all_escaped = every_letter_escaped(text);
    let mut clean = String::new();
    clean_into(&mut clean, text);
    let percent: String = url::form_urlencoded::byte_serialize(clean.as_bytes()).collect();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let without_blanks = clean.replace(' ', "");
    let mut forms = BTreeSet::from([
        text.trim().to_owned(),
        text.to_lowercase().trim().to_owned(),
        escaped(false),
        escaped(true),
        all_escaped,
        percent.replace('+', "%20"),
        percent,
        clean.replace(' ', "_"),
        without_blanks,
        clean,
    ]);
    if digits.len() >= 5 {
        forms.insert(digits);
    }
    forms
}

/// Whether a text stands in another one. What is short may stand by chance in longer digits or words: it is looked for as
/// a whole.
fn stands_in(text: &str, form: &str) -> bool {
    let is_whole = |at: usize| {
        let before = text[..at].chars().next_back();
        let after = text[at + form.len()..].chars().next();
        let joins = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
        !joins(before) && !joins(after)
    };
    text.match_indices(form).any(|(at, _)| form.len() > 8 || is_whole(at))
}

/// Who of the roster stands in some of these texts, in whatever form.
fn named<'r>(texts: &[String], roster: &'r [String]) -> Vec<&'r String> {
    let texts: Vec<String> = texts.iter().flat_map(|text| [text.clone(), text.to_lowercase()]).collect();
    let is_named = |person: &&String| {
        let forms = forms(person).into_iter().flat_map(|form| [form.to_lowercase(), form]);
        forms.into_iter().any(|form| texts.iter().any(|text| stands_in(text, &form)))
    };
    roster.iter().filter(is_named).collect()
}

fn texts(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let text = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        name + "\n" + &String::from_utf8_lossy(&fs::read(&path).expect("a file"))
    };
    entries.map(text).collect()
}

fn root(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER).join(folder)
}

/// To renew them: `UPDATE_DOCS=1 cargo test --test it capture_sets`.
#[tokio::test(flavor = "multi_thread")]
async fn the_capture_sets_are_what_their_vendors_answer_and_name_nobody() {
    for name in SETS {
        let Captured { capture, originals, simulator, .. } = captured::set(name).await;
        let roster = roster(&simulator, captured::moment(), &captured::zone());
        let answers: Vec<String> = originals.iter().map(|body| String::from_utf8_lossy(body).into_owned()).collect();
        assert!(named(&answers, &roster).len() >= roster.len() - SUPERVISOR.len(), "the search finds them all");
        if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
            let _ = fs::remove_dir_all(root(name));
            capture.write(&root(name)).unwrap();
        }
        assert_eq!(named(&texts(&root(name)), &roster), Vec::<&String>::new(), "{name}");
        for (file, bytes) in capture.files() {
            let kept = fs::read(root(name).join(&file)).unwrap_or_default();
            assert!(
                kept == bytes,
                "{name}/{file} is out of date; to renew it: UPDATE_DOCS=1 cargo test --test it capture_sets"
            );
            assert!(bytes.len() < 20_000, "{name}/{file} has {} bytes", bytes.len());
        }
        assert_eq!(Capture::read(&root(name)).unwrap(), capture);
    }
}

#[test]
fn the_sets_show_quirks_and_new_fields_in_their_summaries() {
    let set = |name: &str| Capture::read(&root(name)).unwrap();
    let plain = set("plain");
    let fields = |capture: &Capture, report: &str| {
        capture.summary.answers.iter().find(|answer| answer.report == report).expect("an answer").fields.clone()
    };
    assert!(fields(&plain, "agent_aux_time").new.is_empty());
    assert!(fields(&plain, "agent_kpi").came.contains("login_time"), "fields of nested rows count");
    let new = fields(&set("unknown-fields"), "agent_aux_time").new;
    assert!(new.contains("queue_position"), "{new:?}");
    assert!(new.iter().any(|name| name.ends_with("_score") && name != "sentiment_score"), "{new:?}");
    assert!(!plain.summary.differences().contains("agent_aux_time"), "{}", plain.summary.differences());
    assert!(
        plain.summary.answers.iter().all(|answer| answer.rows > 0 && answer.whole && answer.fields.missing.is_empty())
    );
    let quirky = set("quirky");
    let body = |report: &str| {
        let place = quirky.summary.answers.iter().position(|answer| answer.report == report).expect("an answer");
        String::from_utf8(quirky.bodies[place].clone().expect("a body")).expect("UTF-8")
    };
    assert!(body("agent_hold_mute").starts_with("[{") && body("agent_hold_mute").contains("\\u00"));
    assert!(body("closed_interactions").starts_with('\u{feff}'));
    assert!(body("agent_aux_time").contains("\"12:61:00\""), "what was no duration is none");
    assert!(body("agent_kpi").contains("\"code\":\" \""));
}

/// Everything of the roster where nobody expects it.
fn hostile(roster: &[String], place: usize) -> Vec<u8> {
    let mut rows = String::new();
    for person in roster {
        let quoted = Value::from(person.as_str()).to_string();
        let digits: String = person.chars().filter(char::is_ascii_digit).collect();
        let escaped = every_letter_escaped(person);
        let small = Value::from(person.to_lowercase().replace(' ', "_")).to_string();
        let percent: String = url::form_urlencoded::byte_serialize(person.as_bytes()).collect();
        write!(
            rows,
            "{{{quoted}:1,{small}:{{{quoted}:[[{quoted}]]}},\"{escaped}\":\"{escaped}\",\"agent_name\":{quoted},\"agent_id\":{quoted},\
             \"time\":{quoted},\"time\":\"{percent}\",\"status\":{small},\"date\":{quoted},\"mail\":\"{small_mail}@example.com\",\
             \"note\":{note},\"stats\":[{{\"date\":{quoted},\"calls\":{quoted}}}]",
            small_mail = percent.to_lowercase(),
            note = Value::from(format!("hablé con {person}; su número es {digits}")),
        )
        .expect("a String takes it");
        if !digits.is_empty() && !digits.starts_with('0') {
            let numbers = [
                digits.clone(),
                format!("-{digits}"),
                format!("{digits}.5"),
                format!("1e{digits}"),
                format!("0.{digits}1"),
            ];
            write!(rows, ",\"agent_dni\":{digits},\"calls\":[{}]", numbers.join(",")).expect("a String takes it");
        }
        rows.push_str("},");
    }
    let said = Value::from(format!("NO DATA FOR {}, TOKEN {TOKEN}", roster.join(" AND "))).to_string();
    let body = format!("{{\"code\":{said},\"error\":{said},\"msg\":{said},\"data\":[{rows}{{}}],{said}:{said}}}");
    match place {
        0 => body.into_bytes(),
        // Cut off in the middle of a name.
        1 => body.as_bytes()[..body.rfind("hablé").expect("a note") + 20].to_vec(),
        2 => format!("[{}", roster.join(",")).into_bytes(),
        3 => format!("<html>MAINTENANCE {}</html>", roster.join("<br>")).into_bytes(),
        // Latin-1, quoted as nobody quotes JSON.
        _ => {
            let text = format!("{{'{}': '{}'}}", roster.join("': '"), roster.join("', '"));
            text.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect()
        }
    }
}

/// The config of an exporter that asks a simulator, in a folder of its own, as a flag.
fn config_of(simulator: &Simulator, folder: &mut Option<tempfile::TempDir>, limits: &'static str) -> String {
    written(&Setup { limits, ..Setup::default() }, simulator, folder)
}

fn written(setup: &Setup, simulator: &Simulator, folder: &mut Option<tempfile::TempDir>) -> String {
    let config = setup.config(&simulator.base_url());
    let folder = folder.insert(config_folder(&config));
    format!("--config.file={}", folder.path().join(CONFIG_FILE).display())
}

/// What a probe of hostile answers writes and shows.
async fn saved(config: &str, save: &Path) -> Vec<String> {
    let ended = exporter(&["check", "--probe", "--yes", config, &format!("--save={}", save.display())]).await;
    assert!(ended.stdout.contains("written: 5 files"), "four answers and the summary: {ended:?}");
    let mut all = texts(save);
    assert_eq!(all.len(), 5);
    let (_, shown) = ended.stdout.split_once("These files would be written").expect("what would be written");
    all.push(shown.to_owned());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_a_capture_of_hostile_answers_names_nobody() {
    let simulator = Simulator::start(captured::settings()).await.unwrap();
    let roster = roster(&simulator, captured::moment(), &captured::zone());
    let catalog = Catalog::builtin().unwrap();
    for (place, report) in catalog.by_default().enumerate() {
        let scope = Scope { api: Some(report.api.clone()), ..Scope::default() };
        simulator.inject(Fault::Body(hostile(&roster, place)), scope);
    }
    let mut config = None;
    // What the first says is a refusal: nothing more is asked after it.
    let reports = "[agent_hold_mute, closed_interactions, smart_wait, agent_kpi, agent_aux_time]";
    let config = written(&Setup { reports, ..Setup::default() }, &simulator, &mut config);
    // A number of four digits may become another person's by chance: not twice, as each capture draws a key of its own.
    let folder = tempfile::tempdir().unwrap();
    let save = folder.path().join("a/capture");
    let (one, other) = (saved(&config, &save).await, saved(&config, &folder.path().join("another")).await);
    let of_other = named(&other, &roster);
    let of_both: Vec<&String> = named(&one, &roster).into_iter().filter(|person| of_other.contains(person)).collect();
    assert_eq!(of_both, Vec::<&String>::new());
    let all = [one, other].concat();
    assert!(all.iter().all(|text| !text.contains(TOKEN) && !text.contains("s3cr3t")));
    let capture = Capture::read(&save).unwrap();
    let said = AnswerKind::NotJson { class: ContentClass::Markup, says: Some("MAINTENANCE".to_owned()) };
    assert_eq!(capture.summary.answers.iter().filter(|answer| answer.kind == said).count(), 1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&save), mode(&save.join("summary.json"))), (0o700, 0o600));
    assert_eq!(mode(&save.join("acme.agent_aux_time.json")), 0o600);
}

// === what is replayed ===

/// The rows of an answer, as values.
fn rows(body: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(body);
    let mut value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).expect("JSON");
    let rows = if value.is_array() { value } else { value["data"].take() };
    serde_json::from_value(rows).expect("rows")
}

/// A field as its label shows it.
fn shown(row: &Value, label: &Label) -> String {
    let mut text = String::new();
    match &row[&label.field.name] {
        Value::String(value) => clean_into(&mut text, value),
        other => clean_into(&mut text, &other.to_string()),
    }
    if label.form == Form::LowerSnake { text.to_lowercase().replace(' ', "_") } else { text }
}

/// What stands for each label's value in a capture.
fn replacements(captured: &Captured) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for ((report, original), body) in captured.reports.iter().zip(&captured.originals).zip(&captured.capture.bodies) {
        let (before, after) = (rows(original), rows(body.as_ref().expect("a body")));
        assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            for label in &report.labels {
                let (before, after) = (shown(before, label), shown(after, label));
                assert_eq!(before.is_empty(), after.is_empty());
                let known = all.insert(before.clone(), after.clone());
                assert!(known.is_none_or(|known| known == after), "{before} became {after}, and another thing before");
            }
        }
    }
    let different: BTreeSet<&String> = all.values().collect();
    assert_eq!(different.len(), all.len(), "two became one");
    all
}

/// The series of the answers as they came.
fn series(captured: &Captured) -> BTreeMap<String, f64> {
    let mut text = String::new();
    for (report, original) in captured.reports.iter().zip(&captured.originals) {
        let report: &Report = report;
        let plan = Arc::new(RowPlan::new(report, &Privacy::default()));
        let mut aggregator = Aggregator::new(plan, captured.window.clone());
        read_whole(original, &mut aggregator).expect("an answer that can be read");
        let aggregated = aggregator.finish(usize::MAX, &mut SeriesCap::default()).expect("every field");
        for (_, segment) in aggregated.render("acme", WindowName::Today).expect("enough memory") {
            text.push_str(std::str::from_utf8(&segment.text()).expect("UTF-8"));
        }
    }
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ').expect("a sample");
        (series.to_owned(), value.parse().expect("a number"))
    };
    text.lines().map(sample).collect()
}

/// A series with what stands for its labels in a capture.
fn replaced(series: &str, replacements: &BTreeMap<String, String>) -> String {
    let value = |(place, part): (usize, &str)| match replacements.get(part) {
        Some(other) if place % 2 == 1 => other.clone(),
        _ => part.to_owned(),
    };
    series.split('"').enumerate().map(value).collect::<Vec<_>>().join("\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_a_replay_has_the_series_and_values_of_the_answers_as_they_came() {
    let infos: BTreeSet<String> = report_metrics().into_iter().filter(|name| name.ends_with("_info")).collect();
    for name in SETS {
        let captured = captured::set(name).await;
        let replacements = replacements(&captured);
        let expected: BTreeMap<String, f64> =
            series(&captured).into_iter().map(|(series, value)| (replaced(&series, &replacements), value)).collect();
        assert!(expected.len() > 50, "{} series", expected.len());
        let folder = format!("--replay={}", root(name).display());
        let mut demo = Running::start(EXPORTER, &["demo", &folder, "--web.listen-address=127.0.0.1:0"]);
        let address = demo.after("open   http://").await.parse().expect("an address");
        let scraped = until("all reports", async || {
            let scraped = Scraped::parse(&http::get(address, "/metrics").await.text());
            let up = scraped.find("wolkvox_report_up", &[]);
            (up.len() == 5 && up.iter().all(|(_, up)| *up == 1.0)).then_some(scraped)
        })
        .await;
        let is_info = |series: &str| infos.contains(series.split('{').next().unwrap_or_default());
        let found: BTreeMap<String, f64> = scraped
            .report_series()
            .into_iter()
            .filter(|(series, _)| !is_info(series))
            .map(|(series, value)| (series.to_owned(), value))
            .collect();
        assert_eq!(found, expected, "{name}");
        let said = demo.said();
        assert!(said.contains("captured on 2026-03-02") && !said.contains("left out"), "{said}");
        demo.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_capture_is_refused_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let replay = async || exporter(&["demo", &format!("--replay={}", folder.path().display())]).await;
    let summary = fs::read_to_string(root("plain").join("summary.json")).unwrap();
    let two = summary.replacen("agent_hold_mute", "agent_aux_time", 1);
    for (text, reason) in [
        (None, "summary.json"),
        (Some("{}".to_owned()), "cannot be read"),
        (Some(summary.replace("\"version\": 1", "\"version\": 2")), "version 2"),
        (Some(summary.replace("America/Bogota", "America/Bogotá")), "no time zone"),
        (Some(summary.replace("\"acme\"", "\"../../etc/passwd\"")), "%2e%2e%2f"),
        (Some(two), "there are two answers"),
    ] {
        if let Some(text) = text {
            fs::write(folder.path().join("summary.json"), text).unwrap();
            for answer in ["agent_aux_time", "agent_hold_mute", "closed_interactions", "smart_wait", "agent_kpi"] {
                fs::write(folder.path().join(format!("acme.{answer}.json")), "{}").unwrap();
            }
        }
        let ended = replay().await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(reason) && ended.stderr.contains("hint:"), "{reason}: {}", ended.stderr);
    }
}

// === who is asked ===

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_nothing_is_asked_of_the_vendor_where_nothing_could_be_saved() {
    let simulator = Simulator::start(captured::settings()).await.unwrap();
    let (mut config, folder) = (None, tempfile::tempdir().unwrap());
    let config = config_of(&simulator, &mut config, "{}");
    fs::write(folder.path().join("mine"), "").unwrap();
    let held = format!("--save={}", folder.path().display());
    let free = format!("--save={}", folder.path().join("capture").display());
    for (flags, reason) in [(&[held.as_str(), "--yes"][..], "holds files"), (&[free.as_str()], "no terminal")] {
        let ended = exporter(&[&["check", "--probe", &config], flags].concat()).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(reason) && ended.stderr.contains("hint:"), "{}", ended.stderr);
    }
    assert_eq!(simulator.call_log().total, 0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_terminal_the_files_are_shown_and_written_only_after_a_yes() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let (mut config, folder) = (None, tempfile::tempdir().unwrap());
    let config = config_of(&simulator, &mut config, "{}");
    let save = folder.path().join("capture");
    let line = format!("{EXPORTER} check --probe {config} --save={}", save.display());
    for (answer, written) in [("n\n", false), ("\n", false), ("y\n", true)] {
        let said = run("script", &["--quiet", "--return", "--command", &line, "/dev/null"], answer.as_bytes()).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        for part in ["acme.agent_kpi.json", "summary.json", "{\"agent_id\":\"", "Nothing is sent anywhere", "[y/N]"] {
            assert!(said.stdout.contains(part), "{part} is not in {}", said.stdout);
        }
        assert_eq!(save.exists(), written, "{answer:?}: {}", said.stdout);
        assert_eq!(said.stdout.contains("nothing was written"), !written);
    }
    assert_eq!(texts(&save).len(), 6);
    let now = (settings().clock)();
    assert_eq!(named(&texts(&save), &roster(&simulator, now, &zone())), Vec::<&String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_read_while_they_come_in_are_saved_too_and_longer_ones_are_told() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let long = |bytes: usize| {
        let row = r#"{"agent_id":"12001","agent_dni":"","agent_name":"Ana","aux_state":"Break","time":"00:00:01"}"#;
        let rows = vec![row; bytes / row.len()].join(",");
        Fault::Body(format!(r#"{{"code":200,"error":null,"msg":"","data":[{rows}]}}"#).into_bytes())
    };
    for (api, bytes) in [("agent_3", 1_500_000), ("agent_9", 4_000_000)] {
        simulator.inject(long(bytes), Scope { api: Some(api.to_owned()), ..Scope::default() });
    }
    let (mut config, folder) = (None, tempfile::tempdir().unwrap());
    // The least there is: a body of more than 1 MiB is not held as a whole.
    let config = config_of(&simulator, &mut config, "{memory: 16MiB}");
    let save = folder.path().join("capture");
    let ended = exporter(&["check", "--probe", "--yes", &config, &format!("--save={}", save.display())]).await;
    let capture = Capture::read(&save).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    let answer =
        |report: &str| capture.summary.answers.iter().find(|answer| answer.report == report).expect("an answer");
    let streamed = answer("agent_aux_time");
    assert!(streamed.whole && streamed.bytes > 1_400_000 && streamed.rows > 10_000, "{streamed:?}");
    let longer = answer("agent_hold_mute");
    assert_eq!((&longer.kind, longer.rows), (&AnswerKind::TooLong, 0));
    assert!(ended.stdout.contains("are too many; not saved"), "{}", ended.stdout);
    assert_eq!(answer("agent_kpi").kind, AnswerKind::Json, "there is room for the others");
}

/// Each letter as JSON can also write it.
fn every_letter_escaped(text: &str) -> String {
    let mut escaped = String::new();
    for unit in text.encode_utf16() {
        let _ = write!(escaped, "\\u{unit:04x}");
    }
    escaped
}

/// The same answers, whatever else the catalogue learns. What their series were before other reports joined them:
/// `cksum` of the sorted lines, made by the version before.
#[tokio::test(flavor = "multi_thread")]
async fn the_five_reports_make_the_same_series_as_ever() {
    for (name, expected) in SETS.into_iter().zip(SERIES_AS_EVER) {
        let mut lines = String::new();
        for (series, value) in series(&captured::set(name).await) {
            let _ = writeln!(lines, "{series} {value}");
        }
        assert_eq!((name, crc32fast::hash(lines.as_bytes())), (name, expected));
    }
}
