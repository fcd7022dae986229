//! The fuzz targets: what must hold for every input, whoever made it up.
//!
//! One function per fuzz target. cargo-fuzz calls them with what it finds, and the test suite with the committed
//! corpus and mutations of it (`tests/it/fuzz.rs`).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use wolkvox_exporter::aggregate::{Aggregated, Aggregator, RowPlan, SeriesCap};
use wolkvox_exporter::catalog::{
    Agents, Catalog, Family, Form, Format, FormatKind, Label, NameKey, PLAIN, Privacy, Report, parse_day,
};
use wolkvox_exporter::config::Config;
use wolkvox_exporter::exposition::{self, accepts_gzip};
use wolkvox_exporter::poll::{Budget, record_of, restored};
use wolkvox_exporter::rows::{Rows, TakesAnswers};
use wolkvox_exporter::segment::{Renderer, Segment};
use wolkvox_exporter::series::{UNKNOWN, clean_into};
use wolkvox_exporter::state::{CallRecord, DataOrigin, Loaded, State, StateError, TargetRecord};
use wolkvox_exporter::store::{Findings, PollData, Store};
use wolkvox_exporter::time::{Moment, Target, Window, WindowName};
use wolkvox_exporter::web::WebConfig;
use wolkvox_exporter::wolkvox::{Answer, Failure, Reading, Source, Streamed, classify, read_streamed, read_whole};
use wolkvox_exporter::yaml::ConfigErrors;

const OPERATION: &str = "acme";
const ZONE: &str = "America/Bogota";

static CATALOG: LazyLock<Arc<Catalog>> =
    LazyLock::new(|| Arc::new(Catalog::builtin().expect("the catalogue that is shipped is right")));

/// Records are written on a thread of their own.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime without drivers"));

fn zone() -> TimeZone {
    TimeZone::get(ZONE).expect("the zone database is compiled in")
}

/// Noon of the newest day in the vendor's own sample.
fn now() -> Moment {
    let wall: Timestamp = "2023-01-30T17:00:00Z".parse().expect("a timestamp");
    Moment { wall, steady: Duration::from_hours(1000) }
}

/// A folder in memory where the system has one, as every input writes files and syncs them.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a temporary folder")
}

// === body ===

/// Series that a report may have here: few, so that inputs reach the cap.
const CAP: usize = 40;

/// Every choice of what is shown of agents.
static CHOICES: LazyLock<[Privacy; 4]> = LazyLock::new(|| {
    let choice = |agents, agent_dni| Privacy { agents, agent_dni };
    let hashed = Agents::Hashed(NameKey::passing());
    [choice(Agents::Plain, false), choice(Agents::Plain, true), choice(hashed, false), choice(Agents::Omitted, false)]
});

/// For each report, how it is read under each choice.
static PLANS: LazyLock<Vec<[Arc<RowPlan>; 4]>> = LazyLock::new(|| {
    let plans = |report: &Arc<Report>| CHOICES.each_ref().map(|privacy| Arc::new(RowPlan::new(report, privacy)));
    CATALOG.reports().iter().map(plans).collect()
});

static WINDOW: LazyLock<Window> = LazyLock::new(|| Window::at(WindowName::Today, now().wall, &zone()));

/// An answer's body through every report: what is accepted is rendered as valid series of declared fields only.
pub fn body(data: &[u8]) {
    let texts = LazyLock::new(|| texts(data));
    for (report, plans) in CATALOG.reports().iter().zip(&*PLANS) {
        for (choice, (plan, privacy)) in plans.iter().zip(&*CHOICES).enumerate() {
            let added = || {
                let mut aggregator = Aggregator::new(Arc::clone(plan), WINDOW.clone());
                read_whole(data, &mut aggregator).map(|_| aggregator)
            };
            // Nearly always, what one choice cannot read is no answer to the others.
            let Ok(one) = added() else { break };
            let rows = one.rows();
            let Ok(one) = one.finish(CAP, &mut SeriesCap::default()) else { continue };
            assert!(one.series() <= CAP, "{} series over a cap of {CAP}", one.series());
            // How parts add up, and how they come in, does not depend on what is shown of them.
            if choice == data.len() % plans.len() {
                check_streamed(plan, &one, data);
                let (mut two, other) = (added().expect("read before"), added().expect("read before"));
                two.merge(other);
                assert_eq!(two.rows(), 2 * rows, "rows get lost between the parts of a window");
                let two = two.finish(CAP, &mut SeriesCap::default()).expect("complete before");
                assert_eq!((one.series(), one.dropped), (two.series(), two.dropped), "a part twice has other series");
            }
            if let Some(texts) = &*texts {
                check_rendering(report, privacy, &one, texts);
            }
        }
    }
}

/// The same answer in pieces says the same.
fn check_streamed(plan: &Arc<RowPlan>, whole: &Aggregated, data: &[u8]) {
    let pieces = data.chunks(data.len() % 61 + 1).rev().map(Bytes::copy_from_slice).collect();
    let mut streamed = Aggregator::new(Arc::clone(plan), WINDOW.clone());
    read_streamed(&mut Streamed::new(Pieces(pieces)), &mut streamed).expect("the whole was read");
    let streamed = streamed.finish(CAP, &mut SeriesCap::default()).expect("the whole was complete");
    let text = |aggregated: &Aggregated| {
        let families = aggregated.render(OPERATION, WindowName::Today).expect("no bound");
        families.iter().map(|(_, segment)| segment.text()).collect::<Vec<_>>()
    };
    assert!(text(&streamed) == text(whole), "in pieces it says something else");
    assert_eq!((streamed.rows, streamed.dropped), (whole.rows, whole.dropped), "in pieces");
}

/// A body as it comes in.
struct Pieces(Vec<Bytes>);

impl Source for Pieces {
    fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        Ok(self.0.pop())
    }
}

fn check_rendering(report: &Report, privacy: &Privacy, aggregated: &Aggregated, texts: &Texts) {
    let families = aggregated.render(OPERATION, WindowName::Today).expect("no bound");
    let gauges: HashSet<Arc<Family>> = families.iter().map(|(family, _)| Arc::clone(family)).collect();
    let store = Store::default();
    let data = PollData {
        window: WINDOW.clone(),
        polled_at: now(),
        stale_after: None,
        rows: aggregated.rows,
        series: aggregated.series() as u64,
        dropped: aggregated.dropped,
        rejected: vec![],
        shortened: vec![],
        findings: Findings::default(),
        changed_at: None,
        families,
        infos: aggregated.infos.clone(),
        memory: None,
    };
    store.succeed(&target(), data);
    let labels: Vec<&Label> = report.labels.iter().filter(|label| privacy.shows(label)).collect();
    let mut seen = HashSet::new();
    let mut count = 0;
    for (family, segments) in &store.view(now()).snapshot.families {
        let is_gauge = gauges.contains(family);
        let infos = report.info.iter().filter(|info| info.family == *family);
        let mut declared: Vec<&Label> = infos.flat_map(|info| info.labels.iter().flatten()).collect();
        declared.retain(|label| privacy.shows(label));
        for segment in segments {
            let declared = if is_gauge { &labels } else { &declared };
            let lines = check_text(family, segment, declared, privacy, texts, &mut seen);
            count += if is_gauge { lines } else { 0 };
        }
    }
    assert_eq!(count, aggregated.series(), "the number of series");
}

/// Reads a family's text back, line by line, and returns how many there are.
fn check_text(
    family: &Family,
    segment: &Segment,
    declared: &[&Label],
    privacy: &Privacy,
    texts: &Texts,
    seen: &mut HashSet<String>,
) -> usize {
    let text = segment.text();
    assert_joins(segment, &text);
    let text = String::from_utf8(text).expect("an exposition is UTF-8");
    let name = family.name.as_str();
    assert!(text.ends_with('\n'), "the last line is not ended: {text:?}");
    for line in text.strip_suffix('\n').unwrap_or(&text).split('\n') {
        let (labels, value) = parse_line(line, name).unwrap_or_else(|| panic!("no sample of {name}: {line:?}"));
        assert!(value.is_finite(), "{line:?}");
        assert!(seen.insert(line.rsplit_once(' ').expect("a parsed line has a value").0.to_owned()), "twice: {line:?}");
        for (label, value) in labels {
            match label.as_str() {
                "operation" => assert_eq!(value, OPERATION),
                "window" => assert_eq!(value, "today"),
                _ => {
                    let declared = declared.iter().find(|declared| declared.name == label);
                    let declared = declared.unwrap_or_else(|| panic!("{label} is not declared: {line:?}"));
                    assert!(
                        may_say(declared, &value, privacy, texts),
                        "{label} does not come from its field: {line:?}"
                    );
                }
            }
        }
    }
    text.lines().count()
}

/// A sample line of the text format, strictly: `name{label="value",…} 1.5`.
fn parse_line(line: &str, name: &str) -> Option<(BTreeMap<String, String>, f64)> {
    let mut rest = line.strip_prefix(name)?.strip_prefix('{')?;
    let mut labels = BTreeMap::new();
    loop {
        let (label, after) = rest.split_once("=\"")?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        if label.is_empty() || !label.bytes().all(plain) {
            return None;
        }
        let (value, after) = unescape(after)?;
        if labels.insert(label.to_owned(), value).is_some() {
            return None;
        }
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Some((labels, after.strip_prefix("} ")?.parse().ok()?)),
        }
    }
}

/// A label's value up to its closing quote, and what follows that.
fn unescape(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                same @ ('\\' | '"') => same,
                _ => return None,
            }),
            _ => value.push(char),
        }
    }
    None
}

/// Whether a label's field had such a value in the body.
fn may_say(label: &Label, value: &str, privacy: &Privacy, texts: &Texts) -> bool {
    let as_label = |text: &String| {
        let mut clean = String::new();
        clean_into(&mut clean, text);
        let formed = match label.form {
            Form::AsSent => clean,
            Form::LowerSnake => clean.to_lowercase().replace(' ', "_"),
            Form::LeadingNumber => clean.chars().take_while(char::is_ascii_digit).collect(),
        };
        privacy.pseudonyms(label).map_or_else(|| formed.clone(), |pseudonyms| pseudonyms.of(&formed))
    };
    value == UNKNOWN
        || texts.get(&label.field.name).is_some_and(|texts| texts.iter().any(|text| as_label(text) == value))
}

/// Every text in a body, by the key it stands under: found without the decoder that is being tested.
type Texts = BTreeMap<String, BTreeSet<String>>;

/// `None` where a body is nested deeper than this reader goes.
fn texts(data: &[u8]) -> Option<Texts> {
    let mut texts = Texts::new();
    let data = whole_characters(data.strip_prefix("\u{feff}".as_bytes()).unwrap_or(data));
    let mut json = serde_json::Deserializer::from_slice(&data);
    match (Collect { key: "", texts: &mut texts }.deserialize(&mut json)) {
        Err(error) if error.to_string().contains("recursion limit") => None,
        collected => {
            collected.expect("an accepted body is JSON");
            Some(texts)
        }
    }
}

/// The data with U+FFFD for each escape that is half a character, by decoding every run of escapes as UTF-16.
fn whole_characters(data: &[u8]) -> Vec<u8> {
    let (mut data, mut at) = (data.to_vec(), 0);
    while at < data.len() {
        if data[at] != b'\\' {
            at += 1;
            continue;
        }
        let run: Vec<u16> = data[at..].chunks_exact(6).map_while(escaped_unit).collect();
        if run.is_empty() {
            at += 2;
        }
        for decoded in char::decode_utf16(run) {
            if decoded.is_err() {
                data[at..at + 6].copy_from_slice(br"\ufffd");
            }
            at += 6 * decoded.map_or(1, char::len_utf16);
        }
    }
    data
}

fn escaped_unit(escape: &[u8]) -> Option<u16> {
    let hex = std::str::from_utf8(escape.strip_prefix(br"\u")?).ok()?;
    hex.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(hex, 16).ok())?
}

struct Collect<'c> {
    key: &'c str,
    texts: &'c mut Texts,
}

impl Collect<'_> {
    fn add(self, text: impl fmt::Display) {
        self.texts.entry(self.key.to_owned()).or_default().insert(text.to_string());
    }
}

impl<'de> DeserializeSeed<'de> for Collect<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Collect<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.add(text);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.add(number);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.add(number);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Collect { key: self.key, texts: &mut *self.texts })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            // So serde_json hands over a number that fits no integer.
            let key = if key == "$serde_json::private::Number" { self.key } else { &key };
            map.next_value_seed(Collect { key, texts: &mut *self.texts })?;
        }
        Ok(())
    }
}

// === envelope ===

const STATUSES: [u16; 8] = [200, 404, 403, 206, 401, 400, 500, 302];

/// A whole answer. The first byte says which status it has: what is taken for a success is one that the vendor documents.
pub fn envelope(data: &[u8]) {
    let Some((status, body)) = data.split_first() else { return };
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    let mut rows = CountedRows(0);
    let reading = match classify(status, None, body.to_vec()) {
        Ok(Answer::Body(_)) => read_whole(body, &mut rows),
        Ok(Answer::NoRows) => Ok(Reading::NoRows),
        Err(failure) => Err(failure),
    };
    match reading {
        Ok(reading) => assert_documented(status, body, reading, rows.0),
        Err(failure) => assert!(failure.detail.is_ascii() && failure.detail.len() < 150, "{failure}"),
    }
}

struct CountedRows(u64);

impl TakesAnswers for CountedRows {
    type Rows<'a, 'de> = RowCount<'a>;

    fn begin<'de>(&mut self, _: bool) -> Self::Rows<'_, 'de> {
        RowCount(&mut self.0)
    }
}

struct RowCount<'a>(&'a mut u64);

impl<'de> Rows<'de> for RowCount<'_> {
    fn row<D: Deserializer<'de>>(&mut self, row: D) -> Result<(), D::Error> {
        *self.0 += 1;
        row.deserialize_ignored_any(IgnoredAny).map(drop)
    }
}

fn assert_documented(status: u16, body: &[u8], reading: Reading, rows: u64) {
    let text = String::from_utf8_lossy(body);
    let json = whole_characters(text.strip_prefix('\u{feff}').unwrap_or(&text).as_bytes());
    let mut json = serde_json::Deserializer::from_slice(&json);
    let members = match json.deserialize_any(Members) {
        Ok(members) => members,
        // The reader here goes less deep, and takes an object with the parser's own key for a number.
        Err(error) => {
            let (error, own) = (error.to_string(), ["recursion limit", "invalid number"]);
            return assert!(own.iter().any(|limit| error.contains(limit)), "{error}");
        }
    };
    let Some(members) = members else {
        return assert!(status == 200 && reading == Reading::Rows, "HTTP {status} with a bare array");
    };
    let find = |name: &str| {
        let mut found = members.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
        let value = found.next();
        assert!(found.next().is_none(), "{name} twice is taken for a success");
        value
    };
    let text = |name: &str| find(name).and_then(Value::as_str).unwrap_or_default().to_uppercase();
    let said = format!("{}\n{}", text("msg"), text("error"));
    for refusal in
        ["PLEASE VALIDATE TOKEN", "TOKEN LIMIT EXCEEDED", "EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN"]
    {
        assert!(!said.contains(refusal), "{refusal} is taken for a success");
    }
    let code = find("code").map(|code| code.as_str().map_or_else(|| code.to_string(), |code| code.trim().to_owned()));
    if reading == Reading::NoRows {
        assert!(status == 404 || status == 200 && code.as_deref() == Some("404"), "HTTP {status} is taken for no rows");
        return assert!(rows == 0 && said.contains("VALIDATE DATES ENTERED"), "{rows} rows are taken for none");
    }
    let no_error = find("error").is_none_or(|error| {
        error.is_null() || error.as_str().is_some_and(|error| ["", "null"].contains(&error.trim()))
    });
    let fits = match code.as_deref() {
        Some("200") => no_error,
        Some("" | "0") => no_error && find("error").is_some(),
        _ => false,
    };
    assert!(status == 200 && fits && find("data").is_some(), "HTTP {status} {members:?} is taken for a success");
}

/// The members of an object in their order; `None` for a list.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Option<Vec<(String, Value)>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Some(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

// === formats ===

/// A value's text in every format, and as a day: what is read is finite and what the text plainly says.
pub fn formats(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for kind in FormatKind::ALL {
        let plain = Format::of(kind).parse(&text, &TimeZone::UTC);
        let signed = Format::Known { kind, signed: true }.parse(&text, &TimeZone::UTC);
        assert!(signed.is_none_or(f64::is_finite), "{kind:?} of {text:?} is {signed:?}");
        if let Some(value) = plain {
            assert!(value.is_sign_positive(), "{kind:?} of {text:?} is {value}");
            assert_eq!(Some(value), signed, "{kind:?} of {text:?}");
            let expected = plainly(kind, &text).unwrap_or_else(|| panic!("{kind:?} of {text:?} is {value}"));
            assert!((value - expected).abs() <= expected * 1e-12, "{kind:?} of {text:?} is {value}, not {expected}");
        } else if let Some(value) = signed {
            let rest = text.strip_prefix('-').expect("only a minus makes the difference");
            assert_eq!(Format::of(kind).parse(rest, &TimeZone::UTC), Some(-value), "{kind:?} of {text:?}");
        }
    }
    if let Some(day) = parse_day(&text) {
        let compact = day.strftime("%Y%m%d").to_string();
        assert!(*text == compact || text.starts_with(&day.to_string()), "{text:?} is no {day}");
    }
}

/// The same by simpler and laxer means.
fn plainly(kind: FormatKind, text: &str) -> Option<f64> {
    let number = |text: &str| text.replace(',', "").parse::<f64>().ok();
    let clock = || {
        let parts: Vec<f64> = text.split(':').map(number).collect::<Option<_>>()?;
        let [hours, minutes, seconds] = parts[..] else { return None };
        Some(hours * 3600.0 + minutes * 60.0 + seconds)
    };
    match kind {
        FormatKind::Duration => clock().or_else(|| number(text)),
        FormatKind::Number => number(text),
        FormatKind::Percent => number(text.trim_end_matches('%').trim_end()).map(|percent| percent / 100.0),
        FormatKind::Minutes => clock().or_else(|| number(text).map(|minutes| minutes * 60.0)),
        FormatKind::Milliseconds => number(text).map(|milliseconds| milliseconds / 1_000.0),
        FormatKind::Gigabytes => number(text).map(|gigabytes| gigabytes * 1e9),
        FormatKind::Timestamp => {
            text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp().as_second() as f64)
        }
        FormatKind::YesNo => Some(f64::from(!text.to_lowercase().starts_with('n'))),
    }
}

// === accept ===

/// An `Accept` or `Accept-Encoding` header: nothing is answered with that it does not name.
pub fn accept(data: &[u8]) {
    let header = String::from_utf8_lossy(data);
    let (format, gzip) = (exposition::ExpositionFormat::negotiate(&header), accepts_gzip(&header));
    let lower = header.to_ascii_lowercase();
    if format == exposition::ExpositionFormat::OpenMetrics {
        assert!(lower.contains("application/openmetrics-text"), "{header:?}");
    }
    assert!(!gzip || lower.contains("gzip") || lower.contains('*'), "{header:?}");
    for same in [lower, header.to_ascii_uppercase(), format!("{header},{header}"), format!("{header},x/y;q=0.9")] {
        assert_eq!(exposition::ExpositionFormat::negotiate(&same), format, "{header:?} and {same:?}");
        assert_eq!(accepts_gzip(&same), gzip, "{header:?} and {same:?}");
    }
}

// === config ===

/// Stands in the token file.
const TOKEN: &str = "t0ken-0f-a-file";
/// Stands in lines of the config that should not be there.
const PLANTED: &str = "pl4nted-s3cret";
/// Such lines, in every form that YAML has for a text. `=` stands for the indentation of the line below.
const PLANTS: [&str; 20] = [
    "=token: PLANTED",
    "=# PLANTED",
    "=- PLANTED",
    "=PLANTED",
    "=PLANTED: x",
    "=? PLANTED",
    "=\"token\": \"PLANTED\"",
    "=token: 'PLANTED",
    "=\"PLANTED",
    "=x: PLANTED\"",
    "=token: >-\n=  PLANTED",
    "=token: |\n=  PLANTED",
    "=? |\n=  PLANTED\n=: x",
    "={token: PLANTED, PLANTED: PLANTED}",
    "=[PLANTED, {PLANTED: x}]",
    "=token: &PLANTED x",
    "=token: *PLANTED",
    "=token: !PLANTED x",
    "%PLANTED x",
    "=`PLANTED`: `PLANTED`",
];
/// Longer is no message: what it quotes is short, and so are the lists of what would be right.
const LONGEST_MESSAGE: usize = 1_500;

/// A text of a config and of a web config: it is checked or told what is wrong with it, and no message repeats a line that
/// could be secret.
pub fn config(data: &[u8]) {
    thread_local! {
        static FOLDER: TempDir = {
            let folder = folder();
            fs::write(folder.path().join("token"), TOKEN).expect("a file in the temporary folder");
            folder
        };
    }
    let text = String::from_utf8_lossy(data);
    // A device as a token file could keep the target busy for ever; the operator who writes that gets what they ask for.
    if text.contains('/') && (text.contains("dev") || text.contains("proc")) || text.contains(PLANTED) {
        return;
    }
    FOLDER.with(|folder| {
        let [path, web] = ["c.yml", "web.yml"].map(|name| folder.path().join(name));
        let parse = |text: &str| Config::parse(text, &path, &CATALOG);
        let refusals = |text: &str| {
            fs::write(&web, text).expect("a file in the temporary folder");
            [parse(text).err(), WebConfig::load(&web).0.err()].into_iter().flatten()
        };
        if let Ok(config) = parse(&text) {
            check_config(&config);
        }
        refusals(&text).for_each(|error| check_message(&text, &error, TOKEN));
        let lines: Vec<&str> = text.split('\n').collect();
        let place = data.len() % lines.len();
        let indent = &lines[place][..lines[place].len() - lines[place].trim_start().len()];
        // The first two are the likeliest; of the others, each input has some.
        let turn = data.iter().fold(data.len(), |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let others = (0..3).map(|step| PLANTS[2 + (turn + step * 7) % (PLANTS.len() - 2)]);
        for plant in PLANTS[..2].iter().copied().chain(others) {
            let planted = plant.replace('=', indent).replace("PLANTED", PLANTED);
            let text = [&lines[..place], &[&planted], &lines[place..]].concat().join("\n");
            refusals(&text).for_each(|error| check_message(&text, &error, PLANTED));
        }
    });
}

fn check_message(text: &str, errors: &ConfigErrors, secret: &str) {
    let (told, debug) = (errors.to_string(), format!("{errors:?}"));
    assert!(!told.contains(secret) && !debug.contains(secret), "{text:?} says {errors}");
    for message in told.split("\n\n") {
        assert!(message.lines().count() <= 3 && message.len() <= LONGEST_MESSAGE, "{text:?} says {errors}");
    }
}

fn check_config(config: &Config) {
    assert!(!format!("{config:?}").contains(TOKEN));
    let names: HashSet<&str> = config.operations.iter().map(|operation| &*operation.name).collect();
    assert!(!names.is_empty() && names.len() == config.operations.len());
    assert!(
        config.limits.series_per_report > 0 && config.limits.response_bytes > 0 && config.limits.rows_per_answer > 0
    );
    for operation in &config.operations {
        assert!(!operation.name.chars().any(char::is_control));
        assert!(!operation.reports.is_empty());
        assert!(operation.base_url.username().is_empty() && operation.base_url.password().is_none());
        assert!(operation.licenses != Some(0));
        for plan in &operation.reports {
            assert!(plan.interval >= Duration::from_secs(1) && plan.stale_after >= plan.interval);
            assert!(!plan.windows.is_empty());
        }
    }
}

// === state ===

/// The files of the state folder. The first byte says which: a record of requests, kept data, a lone
/// segment, or any of them without a checksum.
pub fn state(data: &[u8]) {
    thread_local! {
        static FOLDER: TempDir = folder();
    }
    let Some((kind, data)) = data.split_first() else { return };
    FOLDER.with(|folder| match kind % 4 {
        0 => calls(folder.path(), &sealed(data)),
        1 => drop(kept(folder.path(), &sealed(data))),
        2 => segment(folder.path(), data),
        // Without a first line that is right, nothing is believed.
        _ => {
            calls(folder.path(), data);
            kept(folder.path(), data);
        }
    });
}

fn target() -> Target {
    Target { operation: OPERATION.into(), report: "agent_kpi".into(), window: WindowName::Today }
}

/// Opens the folder with one file in the operation's part of it.
fn state_with(folder: &Path, name: &str, data: &[u8]) -> State {
    let operation = folder.join(OPERATION);
    fs::create_dir_all(&operation).expect("a folder");
    fs::write(operation.join(name), data).expect("a file");
    let given_up = Instant::now() + Duration::from_secs(10);
    loop {
        match State::open(folder) {
            // A process that another test just started holds the last lock until it becomes its own program.
            Err(StateError::InUse(_)) if Instant::now() < given_up => std::thread::sleep(Duration::from_millis(1)),
            opened => break opened.expect("a state folder"),
        }
    }
}

fn calls(folder: &Path, data: &[u8]) {
    let state = Arc::new(state_with(folder, "calls.json", data));
    match state.load_calls(OPERATION) {
        Loaded::Fresh => panic!("the file is there"),
        Loaded::Damaged => assert_eq!(fs::read(folder.join(OPERATION).join("calls.corrupt")).expect("evidence"), data),
        Loaded::Known(record) => {
            state.save_calls(OPERATION, &record).expect("a folder in memory takes it");
            assert_eq!(state.load_calls(OPERATION), Loaded::Known(record.clone()));
            RUNTIME.block_on(spend(state, &record));
        }
    }
}

fn members() -> Vec<(Arc<str>, Vec<Duration>)> {
    vec![(OPERATION.into(), vec![Duration::from_mins(5)])]
}

/// A budget made of the record never forgets a call of it.
async fn spend(state: Arc<State>, record: &CallRecord) {
    let now = now();
    let today = now.wall.to_zoned(zone()).date();
    let own = record.calls.range(today..).fold(0_u64, |sum, (_, calls)| sum.saturating_add(*calls));
    let mut budget = Budget::open(Arc::clone(&state), members(), zone(), Some(1_000), now);
    assert!(budget.status(now).used >= own, "{own} calls became {}", budget.status(now).used);
    let turn = TargetRecord { last_attempt: now.wall, due: now.wall, failures: 0 };
    assert!(budget.paused_until().is_none_or(|until| until <= now.wall + Duration::from_hours(1)));
    assert!(budget.turn(&target()).is_none_or(|turn| turn.last_attempt <= now.wall));
    let (left, day) = (budget.left(now), Duration::from_hours(24));
    assert_eq!(budget.reserve(&target(), turn, now).await.is_ok(), left > 0);
    assert_eq!(budget.left(now), left.saturating_sub(1));
    let set = Moment { wall: now.wall + day, ..now };
    let left = budget.left(now);
    budget.observe(set).await.expect("a folder in memory takes it");
    assert!(budget.left(set) <= left, "a clock that is set gives calls back");
    let mut left = budget.left(set);
    for other in ["Pacific/Kiritimati", "Pacific/Midway", ZONE] {
        let other = TimeZone::get(other).expect("the zone database is compiled in");
        let reopened = Budget::open(Arc::clone(&state), members(), other, Some(1_000), set);
        assert!(reopened.left(set) <= left, "a change of the timezone gives calls back");
        left = reopened.left(set);
    }
}

/// A file's content below a first line that is right about it.
fn sealed(data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(data);
    let first = format!("{{\"version\":2,\"crc32\":\"{:08x}\"}}\n", crc.sum());
    [first.as_bytes(), data].concat()
}

fn kept(folder: &Path, data: &[u8]) -> Option<PollData> {
    let state = state_with(folder, &format!("{}.served", target().key()), data);
    let origin = DataOrigin {
        base_url: "https://wv0003.wolkvox.com/".to_owned(),
        zone: ZONE.to_owned(),
        agent_dni: false,
        agents: PLAIN.to_owned(),
        report: CATALOG.report(&target().report).expect("a built-in report").mark(),
    };
    let load = || restored(&state, &target(), &origin, CATALOG.families(), now());
    let kept = load()?;
    for (_, segment) in &kept.families {
        assert_joins(segment, &segment.text());
    }
    state.save_data(&record_of(&target(), &origin, &kept)).expect("a folder in memory takes it");
    let again = load().expect("what was saved is there");
    assert_eq!((&again.window, again.polled_at, again.stale_after), (&kept.window, kept.polled_at, kept.stale_after));
    assert_eq!((again.rows, again.series, again.dropped), (kept.rows, kept.series, kept.dropped));
    assert_eq!((&again.families, &again.infos), (&kept.families, &kept.infos));
    let store = Store::default();
    store.restore(&target(), again, 1);
    for (_, segments) in &store.view(now()).snapshot.families {
        for segment in segments {
            assert_joins(segment, &segment.text());
        }
    }
    Some(kept)
}

/// Deflated bytes in a record that is right about their text: all that is left to doubt is how they end.
fn segment(folder: &Path, deflated: &[u8]) {
    let (mut text, mut inflater) = (Vec::with_capacity(1 << 16), Decompress::new(false));
    if inflater.decompress_vec(deflated, &mut text, FlushDecompress::None).is_err() || text.len() == text.capacity() {
        return;
    }
    let origin =
        format!(r#"{{"base_url":"https://wv0003.wolkvox.com/","zone":"{ZONE}","agent_dni":false,"agents":"plain"}}"#);
    let mut crc = flate2::Crc::new();
    crc.update(&text);
    let (length, crc, bytes) = (text.len(), crc.sum(), deflated.len());
    let part = format!(r#"{{"family":"wolkvox_agent_calls","length":{length},"crc":{crc},"deflated_length":{bytes}}}"#);
    let record = format!(
        r#"{{"operation":"acme","target":"agent_kpi.today","origin":{origin},"start":"2023-01-30T05:00:00Z","end":"2023-01-30T16:59:00Z","expires":"2023-01-31T05:00:00Z","polled_at":"2023-01-30T16:59:00Z","stale_after":{{"secs":900,"nanos":0}},"rows":1,"series":1,"dropped":0,"rejected":[],"families":[{part}],"infos":[]}}"#
    );
    kept(folder, &sealed(&[record.as_bytes(), b"\n", deflated].concat()));
}

/// A segment's neighbours in a stream.
static NEIGHBOUR: LazyLock<Segment> = LazyLock::new(|| {
    let mut renderer = Renderer::default();
    renderer.push(|text| text.extend_from_slice(NEIGHBOURS_TEXT));
    renderer.finish()
});
const NEIGHBOURS_TEXT: &[u8] = b"# a neighbour\n";
static END: LazyLock<Segment> = LazyLock::new(|| Segment::end_of_stream(ENDS_TEXT));
const ENDS_TEXT: &[u8] = b"# EOF\n";

/// Asserts that a segment with this text can stand before and after others in one stream, as in every scrape.
fn assert_joins(segment: &Segment, text: &[u8]) {
    assert!(segment.is_sound());
    let parts = [&*NEIGHBOUR, segment, &NEIGHBOUR, segment, &END];
    let stream: Bytes = parts.iter().flat_map(|part| part.deflated.iter().copied()).collect();
    let expected = [NEIGHBOURS_TEXT, text, NEIGHBOURS_TEXT, text, ENDS_TEXT].concat();
    let mut text = Vec::with_capacity(expected.len() + 1);
    let status = Decompress::new(false).decompress_vec(&stream, &mut text, FlushDecompress::Finish);
    assert_eq!(status.ok(), Some(Status::StreamEnd), "the stream does not end: {:?}", segment.deflated);
    assert!(text == expected, "the stream says something else: {:?}", segment.deflated);
}
