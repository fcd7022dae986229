//! What those who test against the simulator rely on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::random::Random;

mod agents;
mod asking;
mod calls;
mod faults;
mod first_five;
mod messages;
mod shapes;
mod splits;

const REPORTS: [(&str, &str); 5] = [
    ("reports_manager", "agent_3"),
    ("reports_manager", "agent_9"),
    ("reports_manager", "chat_7"),
    ("reports_manager", "diagram_3"),
    ("gamification", "agents_kpi"),
];

fn operation(zone: &str, agents: usize) -> Operation {
    Operation { zone: TimeZone::get(zone).unwrap(), agents, ..Operation::new("t") }
}

fn settings(seed: u64, operation: Operation) -> Settings {
    Settings { seed, operations: vec![operation], ..Settings::default() }
}

fn local(zone: &str, year: i16, month: i8, day: i8, hour: i8) -> Timestamp {
    date(year, month, day).at(hour, 0, 0, 0).in_tz(zone).unwrap().timestamp()
}

fn after(at: Timestamp, seconds: i64) -> Timestamp {
    at + SignedDuration::from_secs(seconds)
}

/// Everything a window sums, under a name for each sum.
fn sums(world: &World, from: Timestamp, to: Timestamp) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    let mut add = |name: String, value: u64| {
        if value > 0 {
            *sums.entry(name).or_insert(0) += value;
        }
    };
    for row in world.aux(0, from, to) {
        add(format!("aux {} {}", row.agent_id, row.aux_state), row.seconds);
    }
    for row in world.hold_mute(0, from, to) {
        add(format!("count {}", row.agent_name), row.count);
        add(format!("hold {}", row.agent_name), row.hold);
        add(format!("mute {}", row.agent_name), row.mute);
    }
    for row in world.closed(0, from, to) {
        add(format!("closed {} {}", row.agent_name, row.code), row.interactions);
    }
    for row in world.callbacks(0, from, to) {
        add(format!("callbacks {}", row.status), 1);
        add("attempts".into(), row.attempts);
        add("between".into(), row.time_between_calls);
        add("time".into(), row.time);
        add("billed".into(), row.billed_minutes);
        add(format!("callback {} {}", row.ani, row.inbound), 1);
    }
    for row in world.kpi(0, from, to) {
        for day in row.stats {
            let key = format!("{} {}", row.agent_id, day.date);
            add(format!("points {key}"), day.points);
            add(format!("hits {key}"), day.hits);
            add(format!("calls {key}"), day.calls);
            add(format!("handled {key}"), day.calls * day.aht);
            add(format!("acw {key}"), day.acw);
            add(format!("login {key}"), day.login);
        }
    }
    sums
}

#[test]
fn every_split_of_a_window_sums_to_the_whole() {
    let days =
        [("America/Bogota", (2026, 5, 12)), ("America/New_York", (2026, 3, 8)), ("America/New_York", (2026, 11, 1))];
    for seed in 1..=3 {
        for (zone, (year, month, day)) in days {
            let world = World::new(&settings(seed, operation(zone, 5)));
            let (from, to) = (after(local(zone, year, month, day, 0), -43_200), local(zone, year, month, day + 1, 3));
            let whole = sums(&world, from, to);
            assert!(whole.len() > 100, "{zone}: {}", whole.len());
            let mut random = Random::of(&[seed]);
            let length = to.as_second() - from.as_second();
            let mut cuts: Vec<i64> = (0..8).map(|_| random.between(1, length - 1)).collect();
            // Noon, midnight, and the seconds around an event that certainly exists.
            cuts.extend([length / 2, local(zone, year, month, day, 0).as_second() - from.as_second()]);
            let event = world.callbacks(0, from, to)[7].inbound.as_second() - from.as_second();
            cuts.extend([event, event + 1, length]);
            cuts.sort_unstable();
            let mut parts = BTreeMap::new();
            let mut begin = 0;
            for cut in cuts {
                for (name, value) in sums(&world, after(from, begin), after(from, cut)) {
                    *parts.entry(name).or_insert(0) += value;
                }
                begin = cut;
            }
            assert_eq!(parts, whole, "seed {seed}, {zone}");
        }
    }
}

#[test]
fn days_of_23_and_25_hours_are_staffed_from_end_to_end() {
    let zone = "America/New_York";
    for ((year, month, day), hours) in [((2026, 3, 8), 23), ((2026, 11, 1), 25), ((2026, 6, 1), 24)] {
        let world = World::new(&settings(4, operation(zone, 3)));
        let (from, to) = (local(zone, year, month, day, 0), local(zone, year, month, day + 1, 0));
        let rows = world.kpi(0, from, to);
        assert!(rows.iter().all(|row| row.stats.len() == 1));
        let login: u64 = rows.iter().map(|row| row.stats[0].login).sum();
        assert_eq!(login, hours * 3_600);
        assert_eq!(world.callbacks(0, from, to).len(), 240);
    }
}

#[test]
fn the_same_seed_makes_the_same_world_in_whatever_order_it_is_asked() {
    let zone = "America/Bogota";
    let (from, to) = (local(zone, 2026, 5, 1, 0), local(zone, 2026, 5, 4, 0));
    let one = World::new(&settings(9, operation(zone, 6)));
    let other = World::new(&settings(9, operation(zone, 6)));
    other.kpi(0, after(from, 86_400), to);
    assert_eq!(sums(&one, from, to), sums(&other, from, to));
    let stranger = World::new(&settings(10, operation(zone, 6)));
    assert_ne!(sums(&one, from, to), sums(&stranger, from, to));
}

#[test]
fn a_new_day_has_rows_in_every_report_within_minutes() {
    let zone = "America/Bogota";
    let world = World::new(&settings(7, operation(zone, 12)));
    for day in 1..=20 {
        let from = local(zone, 2026, 5, day, 0);
        let to = after(from, 180);
        assert!(!world.aux(0, from, to).is_empty(), "aux {day}");
        assert!(world.hold_mute(0, from, to).len() > 1, "hold {day}");
        assert!(world.closed(0, from, to).len() > 1, "closed {day}");
        assert!(!world.callbacks(0, from, to).is_empty(), "callbacks {day}");
        assert!(world.kpi(0, from, to).iter().any(|row| row.stats[0].login > 0), "kpi {day}");
    }
}

#[test]
fn somebody_is_nearly_always_away_and_days_are_believable() {
    let zone = "America/Bogota";
    let world = World::new(&settings(7, Operation::new("t")));
    let from = local(zone, 2026, 5, 4, 0);
    let quiet = (0..720).filter(|slot| world.aux(0, after(from, slot * 120), after(from, slot * 120 + 120)).is_empty());
    let quiet = quiet.count();
    assert!(quiet <= 7, "{quiet}");
    let to = after(from, 86_400);
    let login: u64 = world.kpi(0, from, to).iter().map(|row| row.stats[0].login).sum();
    let away: u64 = world.aux(0, from, to).iter().map(|row| row.seconds).sum();
    assert!((15..40).contains(&(away * 100 / login)), "{away} of {login}");
    for row in world.kpi(0, from, to) {
        let day = &row.stats[0];
        assert!(day.login == 0 || (25..80).contains(&day.occupancy_percent), "{day:?}");
    }
    let names: BTreeSet<String> =
        world.agents(0).iter().map(|agent| agent.name.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(names.len(), 24);
    assert!(world.agents(0).iter().any(|agent| agent.name.ends_with(' ')));
}

#[test]
fn a_window_of_minutes_in_a_day_of_150_000_callbacks_holds_only_its_own() {
    let zone = "America/Bogota";
    let many = Operation { callbacks_per_day: 150_000, ..operation(zone, 3) };
    let world = World::new(&settings(1, many));
    let from = local(zone, 2026, 5, 4, 9);
    let rows = world.callbacks(0, from, after(from, 300));
    assert!((515..=526).contains(&rows.len()), "{}", rows.len());
    assert!(rows.iter().all(|row| row.ani.starts_with("57301555") && row.customer_id.starts_with("CUST-")));
}

fn noon() -> Timestamp {
    local("America/Bogota", 2026, 5, 12, 12)
}

fn target(file: &str, api: &str, from: &str, to: &str) -> String {
    format!("/api/v2/{file}.php?api={api}&date_ini={from}&date_end={to}")
}

fn today(api: &str) -> Request {
    let file = REPORTS.iter().find(|(_, name)| *name == api).unwrap().0;
    Request::get(&target(file, api, "20260512000000", "20260512235959"), Some("t"))
}

fn vendor(change: impl FnOnce(&mut Settings)) -> Vendor {
    let mut settings = settings(7, operation("America/Bogota", 12));
    change(&mut settings);
    Vendor::new(settings)
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

fn fields(row: &Value) -> Vec<&str> {
    row.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn answers_have_the_documented_fields() {
    let documented = [
        "agent_dni agent_id agent_name aux_state time",
        "agent_name count hold_time mute_time total_time",
        "agent_name cod_act description_cod_act interactions",
        "ani attempts billed_minutes customer_id date_inbound_call date_last_outbound_call dial_phone skill_id status \
         time time_between_calls",
        "agent_dni agent_id agent_name stats",
    ];
    let vendor = vendor(|_| {});
    for ((_, api), documented) in REPORTS.iter().zip(documented) {
        let answer = vendor.answer(&today(api), noon());
        assert_eq!(answer.status, 200, "{api}");
        let value = body(&answer);
        let rows = value["data"].as_array().unwrap();
        assert_eq!(value["msg"], format!("{} records were found", rows.len()));
        let code = if *api == "agents_kpi" { Value::from("200") } else { Value::from(200) };
        assert_eq!((&value["code"], &value["error"]), (&code, &Value::Null));
        assert_eq!(fields(&rows[0]), documented.split_whitespace().collect::<Vec<_>>(), "{api}");
        let texts = rows[0].as_object().unwrap().values().filter(|value| value.is_string()).count();
        assert_eq!(texts, fields(&rows[0]).len() - usize::from(*api == "agents_kpi"));
    }
    let kpi = body(&vendor.answer(&today("agents_kpi"), noon()));
    let day = &kpi["data"][0]["stats"][0];
    let documented = "acw_time aht_time calls date hits login_time occupancy points";
    assert_eq!(fields(day), documented.split(' ').collect::<Vec<_>>());
    assert_eq!(day["date"], "20260512");
    assert!(day["occupancy"].as_str().unwrap().ends_with(" %"));
}

#[test]
fn indicators_come_newest_first_for_all_agents() {
    let vendor = vendor(|_| {});
    let request = Request::get(&target("gamification", "agents_kpi", "20260510120000", "20260512060000"), Some("t"));
    let value = body(&vendor.answer(&request, noon()));
    let rows = value["data"].as_array().unwrap();
    assert_eq!(rows.len(), 12);
    for row in rows {
        let dates: Vec<&str> =
            row["stats"].as_array().unwrap().iter().map(|day| day["date"].as_str().unwrap()).collect();
        assert_eq!(dates, ["20260512", "20260511", "20260510"]);
    }
}

#[test]
fn refusals_have_the_documented_status_and_text() {
    let vendor = vendor(|_| {});
    let ask = |target: &str, token: Option<&str>| {
        let answer = vendor.answer(&Request::get(target, token), noon());
        let value = body(&answer);
        assert_eq!(value["code"], answer.status.to_string());
        (answer.status, value["msg"].as_str().unwrap().to_owned())
    };
    let agent_3 = |from, to| target("reports_manager", "agent_3", from, to);
    let good = agent_3("20260512000000", "20260512235959");
    assert_eq!(ask(&good, None), (401, "PLEASE ENTER THE WOLKVOX-TOKEN".into()));
    assert_eq!(ask(&good, Some("  ")), (401, "PLEASE ENTER THE WOLKVOX-TOKEN".into()));
    assert_eq!(ask(&good, Some("other")), (403, "PLEASE VALIDATE TOKEN".into()));
    let unknown = (400, "THE API YOU WANT TO CONSULT DOES NOT EXIST".to_owned());
    assert_eq!(ask("/api/v2/reports_manager.php?api=agent_99", Some("t")), unknown);
    assert_eq!(ask(&good.replace("reports_manager", "gamification"), Some("t")), unknown);
    let missing = (400, "SOME PARAMETERS ARE REQUIRED".to_owned());
    assert_eq!(ask("/api/v2/reports_manager.php?api=agent_3", Some("t")), missing);
    assert_eq!(ask(&agent_3("20260512", "20260512235959"), Some("t")), missing);
    assert_eq!(ask(&agent_3("20260231000000", "20260512235959"), Some("t")), missing);
    assert_eq!(ask(&agent_3("20260301000000", "20260512235959"), Some("t")).0, 400);
    let empty = (404, "Validate dates entered".to_owned());
    assert_eq!(ask(&agent_3("20260512235959", "20260512000000"), Some("t")), empty);
    assert_eq!(ask(&agent_3("20260513000000", "20260513235959"), Some("t")), empty);
    let month = Request::get(&agent_3("20260401000000", "20260501235959"), Some("t"));
    assert_eq!(vendor.answer(&month, noon()).status, 200);
}

#[test]
fn the_budget_is_charged_for_everything_and_starts_anew_at_local_midnight() {
    let vendor = vendor(|settings| settings.operations[0].calls_per_day = 3);
    vendor.answer(&Request::get("/api/v2/reports_manager.php?api=nothing", Some("t")), noon());
    vendor.answer(&today("agent_3"), noon());
    let info = Request::get("/api/v2/information.php?api=token_info", Some("t"));
    let value = body(&vendor.answer(&info, noon()));
    assert_eq!(value["data"][0]["token_limit"], "3");
    assert_eq!(value["data"][0]["token_use_today"], "3");
    assert_eq!(value["data"][0]["available_consumption_options"], "0");
    let over = vendor.answer(&today("agent_3"), noon());
    assert_eq!((over.status, body(&over)["msg"].as_str()), (403, Some("TOKEN LIMIT EXCEEDED")));
    let midnight = local("America/Bogota", 2026, 5, 13, 0);
    assert_eq!(vendor.answer(&today("agent_3"), after(midnight, -1)).status, 403);
    assert_eq!(vendor.answer(&today("agent_3"), midnight).status, 200);
    let call_log = vendor.call_log();
    assert_eq!((call_log.total, call_log.count("agent_3"), call_log.count_for("t")), (6, 4, 6));
    assert_eq!(call_log.per_token["t"].days.values().copied().collect::<Vec<_>>(), [5, 1]);
    assert_eq!(vendor.used_today("t", midnight), 1);
}

#[test]
fn simultaneous_requests_beyond_the_limit_are_refused() {
    let vendor = vendor(|settings| settings.simultaneous = 1);
    let first = vendor.begin("t");
    let second = vendor.begin("t");
    assert_eq!(vendor.answer_during(&second, None, &today("agent_3"), noon()).status, 403);
    assert_eq!(vendor.answer_during(&first, None, &today("agent_3"), noon()).status, 200);
    drop((first, second));
    assert_eq!(vendor.answer(&today("agent_3"), noon()).status, 200);
    assert_eq!(vendor.call_log().peak_in_flight, 2);
}

#[test]
fn answers_are_cut_at_exactly_the_record_limit() {
    let vendor = vendor(|settings| settings.record_limit = 100);
    let value = body(&vendor.answer(&today("diagram_3"), noon()));
    assert_eq!(value["data"].as_array().unwrap().len(), 100);
    assert_eq!(value["msg"], "100 records were found");
}

#[test]
fn data_are_visible_up_to_the_horizon_only() {
    for lag in [false, true] {
        let vendor = vendor(|settings| settings.lag = lag);
        let horizon = vendor.world().horizon(noon());
        let age = noon().as_second() - horizon.as_second();
        assert!(if lag { (600..780).contains(&age) } else { age == 0 }, "{age}");
        let from = local("America/Bogota", 2026, 5, 12, 0);
        let shown = body(&vendor.answer(&today("diagram_3"), noon()))["data"].as_array().unwrap().len();
        assert_eq!(shown, vendor.world().callbacks(0, from, horizon).len());
        // Just after midnight the lagging vendor has nothing of the new day, but names its agents.
        let young = after(from, 60);
        assert_eq!(vendor.answer(&today("agents_kpi"), young).status, 200);
        assert_eq!(vendor.answer(&today("agent_9"), young).status, if lag { 404 } else { 200 });
    }
}

#[test]
fn faults_strike_in_order_within_their_scope() {
    let vendor = vendor(|_| {});
    let once = Scope { api: Some("agent_3".into()), times: Some(1), ..Scope::default() };
    vendor.inject(Fault::CutBody, once);
    vendor.inject(Fault::Bom, Scope { token: Some("t".into()), ..Scope::default() });
    assert_eq!(vendor.fault_for(&today("chat_7")), Some(Fault::Bom));
    assert_eq!(vendor.fault_for(&today("agent_3")), Some(Fault::CutBody));
    assert_eq!(vendor.fault_for(&today("agent_3")), Some(Fault::Bom));
    assert_eq!(vendor.fault_for(&Request { token: None, ..today("agent_3") }), None);
    vendor.clear_faults();
    assert_eq!(vendor.fault_for(&today("agent_3")), None);
}

fn distorted(fault: &Fault, api: &str) -> Answer {
    let vendor = vendor(|_| {});
    let flight = vendor.begin("t");
    let answer = vendor.answer_during(&flight, Some(fault), &today(api), noon());
    assert_eq!(vendor.call_log().calls[0].status, answer.status);
    answer
}

#[test]
fn faults_of_the_content_spoil_what_they_say_and_nothing_else() {
    assert_eq!(distorted(&Fault::Html200, "agent_3").content_type, "text/html; charset=UTF-8");
    assert_eq!(distorted(&Fault::Status(503), "agent_3").status, 503);
    let wait = distorted(&Fault::StatusWithRetryAfter(429, "17".into()), "agent_3");
    assert_eq!(wait.headers, [("Retry-After", "17".to_owned())]);
    assert!(distorted(&Fault::Maintenance, "agent_3").text().contains("BACKUP"));
    assert_eq!(body(&distorted(&Fault::StringCodes, "agent_3"))["code"], "200");
    assert_eq!(body(&distorted(&Fault::StringCodes, "agents_kpi"))["code"], " ");
    assert!(distorted(&Fault::Bom, "agent_3").body.starts_with(b"\xEF\xBB\xBF{"));
    assert!(std::str::from_utf8(&distorted(&Fault::InvalidUtf8, "chat_7").body).is_err());
    assert!(serde_json::from_slice::<Value>(&distorted(&Fault::Truncated, "chat_7").body).is_err());
    let good = body(&distorted(&Fault::Delay(Duration::ZERO), "agent_9"));
    let long = body(&distorted(&Fault::HugeNames, "agent_9"));
    assert_eq!(long["data"].as_array().unwrap().len(), good["data"].as_array().unwrap().len());
    assert!(long["data"][3]["agent_name"].as_str().unwrap().len() > 10_240);
    assert_eq!(long["data"][3]["count"], good["data"][3]["count"]);
    let renamed = Fault::RenamedField { from: "count".into(), to: "cuenta".into() };
    assert_eq!(body(&distorted(&renamed, "agent_9"))["data"][3]["cuenta"], good["data"][3]["count"]);
    for (_, api) in REPORTS {
        let text = distorted(&Fault::BadValues, api).text().into_owned();
        assert!(["abc", "-", "--", "", "12:61:00", "-5"].iter().all(|bad| text.contains(&format!(":\"{bad}\""))));
    }
}

/// One request on a connection of its own; everything the server sends back.
async fn exchange(simulator: &Simulator, target: &str, extra: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(simulator.address()).await?;
    let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\nWolkvox-Token: t\r\nConnection: close\r\n{extra}\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await?;
    Ok(received)
}

/// Head and body of a chunked answer; the body is `None` when it did not end properly.
fn opened(received: &[u8]) -> (String, Option<Vec<u8>>) {
    let end = received.windows(4).position(|part| part == b"\r\n\r\n").unwrap() + 4;
    (String::from_utf8_lossy(&received[..end]).into_owned(), unchunked(&received[end..]))
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|part| part == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

async fn running(change: impl FnOnce(&mut Settings)) -> Simulator {
    let mut settings = settings(7, operation("America/Bogota", 12));
    settings.clock = Arc::new(noon);
    change(&mut settings);
    Simulator::start(settings).await.unwrap()
}

const AGENT_3: &str = "/api/v2/reports_manager.php?api=agent_3&date_ini=20260512000000&date_end=20260512235959";

#[tokio::test]
async fn good_answers_travel_chunked_compressed_and_on_kept_connections() {
    let simulator = running(|_| {}).await;
    let truth = simulator.vendor().answer(&Request::get(AGENT_3, Some("t")), noon()).body;
    let (head, plain) = opened(&exchange(&simulator, AGENT_3, "").await.unwrap());
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("application/json; charset=utf-8"));
    assert_eq!(plain.unwrap(), truth);
    let (head, packed) = opened(&exchange(&simulator, AGENT_3, "Accept-Encoding: br, gzip\r\n").await.unwrap());
    assert!(head.contains("Content-Encoding: gzip"));
    let mut inflated = Vec::new();
    flate2::read::GzDecoder::new(&packed.unwrap()[..]).read_to_end(&mut inflated).unwrap();
    assert_eq!(inflated, truth);

    let mut stream = TcpStream::connect(simulator.address()).await.unwrap();
    for _ in 0..2 {
        let head = format!("GET {AGENT_3} HTTP/1.1\r\nwolkvox-token: t\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut received = Vec::new();
        while !received.ends_with(b"\r\n0\r\n\r\n") {
            assert!(stream.read_buf(&mut received).await.unwrap() > 0);
        }
        assert_eq!(opened(&received).1.unwrap(), truth);
    }
    assert_eq!((simulator.call_log().total, simulator.call_log().peak_in_flight), (5, 1));
    drop(simulator);
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn faults_of_the_connection_break_it_as_they_say() {
    let simulator = running(|_| {}).await;
    let strike = async |fault: Fault| {
        simulator.inject(fault, Scope { times: Some(1), ..Scope::default() });
        exchange(&simulator, AGENT_3, "").await
    };
    assert_eq!(opened(&strike(Fault::CutBody).await.unwrap()).1, None);
    assert!(strike(Fault::Reset).await.is_err());
    let cut = opened(&strike(Fault::CutGzip).await.unwrap()).1.unwrap();
    assert!(flate2::read::GzDecoder::new(&cut[..]).read_to_end(&mut Vec::new()).is_err());
    let huge = opened(&strike(Fault::Huge(3_000_000)).await.unwrap()).1.unwrap();
    assert_eq!(huge.len(), 3_000_000);
    assert_eq!(serde_json::from_slice::<Value>(&huge).unwrap()["code"], 200);
    let bomb = opened(&strike(Fault::Bomb).await.unwrap()).1.unwrap();
    assert!(bomb.len() < 3 << 20, "{}", bomb.len());
    let mut begun = vec![0; 2 << 20];
    flate2::read::GzDecoder::new(&bomb[..]).read_exact(&mut begun).unwrap();
    assert!(begun.starts_with(b"{\"code\":200,") && begun.ends_with(b"   "));
    let moved = strike(Fault::Redirect("http://127.0.0.1:9/".into())).await.unwrap();
    assert!(opened(&moved).0.contains("302 Found\r\n") && opened(&moved).0.contains("Location: http://127.0.0.1:9/"));
    let empty = strike(Fault::Status(204)).await.unwrap();
    assert!(empty.starts_with(b"HTTP/1.1 204") && empty.ends_with(b"\r\n\r\n"));
    let bytes = opened(&strike(Fault::Body(b"\x00\xFF".to_vec())).await.unwrap()).1.unwrap();
    assert_eq!(bytes, b"\x00\xFF");
    let late = opened(&strike(Fault::Delay(Duration::from_millis(20))).await.unwrap());
    assert!(late.1.is_some());
    assert_eq!(simulator.call_log().count("agent_3"), 9);
    assert_eq!(simulator.call_log().peak_in_flight, 1);
}

#[tokio::test]
async fn a_dripping_answer_is_complete() {
    let simulator = running(|_| {}).await;
    simulator.inject(Fault::Drip(Duration::from_micros(10)), Scope::default());
    let received = exchange(&simulator, "/api/v2/information.php?api=token_info", "").await.unwrap();
    assert!(serde_json::from_slice::<Value>(&opened(&received).1.unwrap()).is_ok());
}

#[test]
fn a_scripted_report_is_answered_by_its_script_within_the_same_limits_and_no_other_is() {
    let vendor = Vendor::new(settings(1, Operation { calls_per_day: 3, ..operation("America/Bogota", 2) }));
    let script = |now: Timestamp| Answer::ok(now.to_string().into_bytes());
    vendor.answer_by("t", "/api/v2/reports_manager.php", "agent_3", Arc::new(script));
    let ask = |target: &str, token| vendor.answer(&Request::get(target, Some(token)), noon());
    let answer = ask(AGENT_3, "t");
    assert_eq!((answer.status, answer.text().into_owned()), (200, noon().to_string()));
    assert!(ask("/api/v2/reports_manager.php?api=agent_9", "t").text().contains("PARAMETERS"), "from the world");
    assert_eq!(ask(AGENT_3, "other").status, 403);
    assert_eq!([ask(AGENT_3, "t").status, ask(AGENT_3, "t").status], [200, 403], "the budget counts them");
    assert_eq!((Answer::no_rows().status, Answer::no_rows().text().contains("Validate dates")), (404, true));
}

#[tokio::test]
async fn requests_given_up_by_their_client_are_no_longer_in_flight() {
    let simulator = running(|settings| settings.simultaneous = 1).await;
    simulator.inject(Fault::Drop, Scope { times: Some(2), ..Scope::default() });
    for _ in 0..2 {
        let lost = tokio::time::timeout(Duration::from_millis(30), exchange(&simulator, AGENT_3, ""));
        assert!(lost.await.is_err());
    }
    assert!(opened(&exchange(&simulator, AGENT_3, "").await.unwrap()).0.contains("200 OK"));
    assert_eq!(simulator.call_log().peak_in_flight, 1);
}

#[tokio::test]
async fn truly_simultaneous_requests_are_refused_over_http() {
    let simulator = running(|settings| settings.simultaneous = 1).await;
    simulator.inject(Fault::Delay(Duration::from_millis(80)), Scope { times: Some(1), ..Scope::default() });
    let second = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        exchange(&simulator, AGENT_3, "").await.unwrap()
    };
    let (first, second) = tokio::join!(exchange(&simulator, AGENT_3, ""), second);
    assert!(opened(&first.unwrap()).0.contains("200 OK"));
    assert!(String::from_utf8_lossy(&second).contains("EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN (2)"));
}

#[tokio::test]
async fn heads_that_are_too_large_or_of_another_method_are_refused() {
    let simulator = running(|_| {}).await;
    let mut stream = TcpStream::connect(simulator.address()).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert!(received.starts_with(b"HTTP/1.1 405"));
    let long = format!("X: {}\r\n", "x".repeat(40_000));
    let refused = exchange(&simulator, AGENT_3, &long).await;
    assert!(refused.map_or(true, |received| received.starts_with(b"HTTP/1.1 431")));
    assert_eq!(simulator.call_log().total, 0);
}
