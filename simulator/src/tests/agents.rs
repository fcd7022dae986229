//! What is told of agents agrees, whichever report tells it.

use super::asking::{Asking, Row, WINDOWS, borrowed, instants, sum};
use super::*;

const TIMES: [&str; 6] = ["ready_time", "inbound_time", "outbound_time", "acw_time", "ring_time", "aux_time"];

#[test]
fn the_times_of_an_agent_add_up_to_its_login_time_which_the_indicators_say_too() {
    for asking in Asking::all() {
        for window in WINDOWS {
            let indicators = asking.indicators(window);
            let rows = asking.dated("agent_1", window);
            assert_eq!(rows.len(), asking.vendor.world().agents(0).len());
            for (row, kpi) in rows.iter().zip(&indicators) {
                let times: u64 = TIMES.iter().map(|key| row.number(key)).sum();
                assert_eq!(row.number("login_time"), times, "{}", row.0);
                let calls: u64 = ["inbound", "outbound", "internal"].iter().map(|key| row.number(key)).sum();
                assert_eq!(row.number("calls"), calls);
                let total = |key: &str| {
                    let days = kpi.0["stats"].as_array().unwrap().iter();
                    days.map(|day| Row(day.clone()).number(key)).sum::<u64>()
                };
                assert_eq!(row.text("agent_id"), kpi.text("agent_id"));
                assert_eq!((total("login_time"), total("calls"), total("hits")), (times, calls, row.number("hits")));
                assert!(row.number("hits") <= row.number("rpc") && row.number("rpc") <= calls);
                assert_eq!(row.text("login") == "-", times == 0);
                assert_eq!(row.text("logout") == "-", times == 0);
                assert!(row.text("login") <= row.text("logout"));
            }
        }
    }
}

#[test]
fn the_pause_time_of_an_agent_is_the_sum_of_its_pauses() {
    for asking in Asking::all() {
        for window in WINDOWS {
            let pauses = asking.dated("agent_3", window);
            for row in asking.dated("agent_1", window) {
                let own = pauses.iter().filter(|pause| pause.text("agent_id") == row.text("agent_id"));
                assert_eq!(row.number("aux_time"), own.map(|pause| pause.number("time")).sum::<u64>(), "{}", row.0);
            }
        }
    }
}

#[test]
fn occupancy_and_handle_times_follow_from_the_times() {
    for asking in Asking::all() {
        for row in asking.dated("agent_1", WINDOWS[0]).iter().filter(|row| row.number("calls") > 0) {
            let busy: u64 = ["inbound_time", "outbound_time", "acw_time"].iter().map(|key| row.number(key)).sum();
            let at_work = row.number("login_time") - row.number("aux_time");
            assert!(row.hundredths("occupancy").abs_diff(busy * 10_000 / at_work) <= 1, "{}", row.0);
            assert!(row.number("aht").abs_diff(busy / row.number("calls")) <= 1);
        }
    }
}

#[test]
fn every_call_of_an_agent_is_either_coded_or_not() {
    for asking in Asking::all() {
        for window in WINDOWS {
            let (coded, uncoded) = (asking.dated("act_1&cod_act=cod_act1", window), asking.dated("act_4", window));
            for row in asking.dated("agent_1", window) {
                let own = |rows: &[Row], key: &str, of: &str| {
                    let rows = rows.iter().filter(|other| other.text(key) == row.text(key));
                    rows.map(|row| row.number(of)).sum::<u64>()
                };
                let coded = own(&coded, "agent_dni", "count");
                assert_eq!(row.number("calls"), coded + own(&uncoded, "agent_id", "uncode_calls"), "{}", row.0);
            }
            let sales = coded.iter().filter(|row| row.text("cod_act") == "VENTA").map(|row| row.number("count"));
            assert_eq!(sales.sum::<u64>(), sum(&asking.dated("agent_1", window), "hits"));
            assert!(sum(&asking.dated("act_1&cod_act=cod_act2", window), "count") <= sum(&coded, "count"));
        }
    }
}

#[test]
fn opinions_and_transfers_are_of_calls_that_there_were() {
    for asking in Asking::all() {
        for window in WINDOWS {
            let rows = asking.dated("agent_1", window);
            let calls = |row: &Row, key: &str| {
                let own = rows.iter().find(|other| other.text("agent_id") == row.text("agent_id"));
                own.expect("an agent of agent_1").number(key)
            };
            for row in asking.dated("diagram_5", window) {
                assert!((1..=calls(&row, "inbound")).contains(&row.number("surveys")), "{}", row.0);
                let questions = ["q01", "q02", "q03", "q04", "q05"].map(|key| row.hundredths(key));
                assert!(questions.iter().all(|score| (100..=500).contains(score)), "{}", row.0);
                assert!(row.hundredths("average").abs_diff(questions.iter().sum::<u64>() / 5) <= 1);
                assert_eq!(row.text("q06"), "-");
            }
            for row in asking.dated("quality_1", window) {
                assert!((1..=calls(&row, "calls")).contains(&row.number("evaluations")), "{}", row.0);
                assert!((6_000..=10_000).contains(&row.hundredths("accuracy")), "{}", row.0);
            }
            for row in asking.dated("agent_12", window) {
                let both = row.number("transfer_calls") + row.number("conference_calls");
                assert!((1..=calls(&row, "calls")).contains(&both), "{}", row.0);
            }
        }
    }
}

#[test]
fn the_live_day_of_an_agent_is_what_its_dated_report_says_of_today() {
    for asking in instants() {
        let dated = asking.dated("agent_1", borrowed(&asking.today()));
        for row in asking.real_time("agents") {
            let same = dated.iter().find(|other| other.text("agent_id") == row.text("agent_id"));
            let Some(same) = same else {
                assert_eq!(row.number("login_time"), 0, "at midnight nothing was yet");
                continue;
            };
            for key in TIMES.iter().chain(&["calls", "inbound", "outbound", "internal", "login_time"]) {
                assert_eq!(row.number(key), same.number(key), "{key} of {}", row.0);
            }
            assert_eq!(row.text("ocupation"), same.text("occupancy"));
            assert_eq!(row.number("aht_time"), same.number("aht"));
        }
    }
}

/// What an agent did between two seconds, both included, as `agent_1` has it afterwards, and for how long.
fn activity(asking: &Asking, agent: &str, from: Timestamp, to: Timestamp) -> Vec<(&'static str, u64)> {
    let window = asking.between(from, to);
    let rows = asking.dated(&format!("agent_1&agent_id={agent}"), borrowed(&window));
    TIMES.into_iter().map(|key| (key, rows[0].number(key))).filter(|(_, seconds)| *seconds > 0).collect()
}

#[test]
fn the_live_state_of_an_agent_is_what_the_plan_says_and_began_when_it_says() {
    let mut states = BTreeSet::new();
    for asking in instants() {
        let (now, rows) = (asking.now, asking.real_time("agents"));
        let later = Asking { now: after(now, 7_200), ..asking };
        for row in rows {
            let (agent, lasted) = (row.text("agent_id"), row.number("time_state_now").cast_signed());
            let whole = activity(&later, agent, after(now, -lasted), now);
            let [(key, seconds)] = whole[..] else { panic!("{whole:?} of {}", row.0) };
            assert_eq!(seconds, lasted.cast_unsigned() + 1, "{}", row.0);
            let expected = match row.text("agent_status") {
                "READY" => ["ready_time"; 2],
                "RING" => ["ring_time"; 2],
                "TALK" => ["inbound_time", "outbound_time"],
                "ACW" => ["acw_time"; 2],
                _ => ["aux_time"; 2],
            };
            assert!(expected.contains(&key), "{key} of {}", row.0);
            let before = activity(&later, agent, after(now, -lasted - 1), after(now, -lasted - 1));
            assert!(before.first().is_none_or(|(before, _)| *before != key), "it began earlier: {}", row.0);
            if key == "aux_time" {
                let pause = later.dated("agent_3", borrowed(&later.between(now, now)));
                let own = pause.iter().find(|pause| pause.text("agent_id") == agent).expect("a pause");
                assert_eq!(own.text("aux_state"), row.text("agent_status"));
            }
            states.insert(row.text("agent_status").to_owned());
        }
    }
    for state in ["READY", "RING", "TALK", "ACW", "Baño", "Break"] {
        assert!(states.contains(state), "{state} was never seen: {states:?}");
    }
}

#[test]
fn whoever_is_logged_in_has_a_live_row_and_a_line_and_nobody_else_has() {
    for asking in instants() {
        let ids = |rows: Vec<Row>| rows.iter().map(|row| row.text("agent_id").to_owned()).collect::<BTreeSet<_>>();
        let live = ids(asking.real_time("agents"));
        let roster = asking.answer("information.php?api=agents");
        let rows = body(&roster)["data"].as_array().unwrap().iter().cloned().map(Row).collect::<Vec<_>>();
        let present = rows.into_iter().filter(|row| row.text("agent_status") != "Logout").collect();
        assert_eq!(live, ids(present));
        let lines = asking.answer("real_time.php?api=latency");
        if lines.status == 404 {
            assert!(live.is_empty());
            continue;
        }
        let lines = body(&lines);
        let numbers = lines["data"]["by_agent"].as_array().unwrap().iter();
        let numbers = numbers.map(|line| line["agent_id"].as_str().unwrap().split_once('-').unwrap().0.to_owned());
        assert_eq!(live, numbers.collect());
        let addresses = lines["data"]["by_ip"].as_array().unwrap().iter();
        let agents: u64 = addresses.map(|row| Row(row.clone()).number("total_agents")).sum();
        assert_eq!(agents, live.len() as u64);
    }
}

#[test]
fn the_roster_has_everybody_and_some_who_left() {
    let mut asking = Asking::of((7, "America/Bogota", 24, false), noon());
    let roster = body(&asking.answer("information.php?api=agents"));
    let rows: Vec<Row> = roster["data"].as_array().unwrap().iter().cloned().map(Row).collect();
    let (enabled, left): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.text("enabled") == "yes");
    let ids: Vec<&str> = enabled.iter().map(|row| row.text("agent_id")).collect();
    assert_eq!(ids, asking.vendor.world().agents(0).iter().map(|agent| agent.id.as_str()).collect::<Vec<_>>());
    assert_eq!(left.len(), 3);
    assert!(left.iter().all(|row| row.text("last_use") < "2026-05-01" && !ids.contains(&row.text("agent_id"))));
    for row in enabled {
        let present = row.text("agent_status") != "Logout";
        assert_eq!(row.text("last_use") == "2026-05-12 12:00:00", present, "{}", row.0);
    }
    asking.now = after(asking.now, 90_000);
    let tomorrow = body(&asking.answer("information.php?api=agents"));
    let left_tomorrow = tomorrow["data"].as_array().unwrap().iter().filter(|row| row["enabled"] == "no");
    assert!(left_tomorrow.eq(left.iter().map(|row| &row.0)), "who left does not come back");
}

#[test]
fn the_logout_of_whoever_is_there_moves_on_or_stands_where_a_pause_began() {
    let (mut moving, mut standing) = (0, 0);
    for asking in instants() {
        let (zone, now) = (TimeZone::get(asking.zone).unwrap(), asking.now);
        let written = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let rows = asking.dated("agent_1", borrowed(&asking.today()));
        for live in asking.real_time("agents") {
            let row = rows.iter().find(|row| row.text("agent_id") == live.text("agent_id"));
            let Some(row) = row.filter(|row| row.number("login_time") > 0) else { continue };
            let paused = !["READY", "RING", "TALK", "ACW"].contains(&live.text("agent_status"));
            let since = if paused { live.number("time_state_now").cast_signed() } else { 0 };
            assert_eq!(row.text("logout"), written(after(now, -since)), "{}", live.0);
            *if paused { &mut standing } else { &mut moving } += 1;
        }
    }
    assert!(moving > 20 && standing > 20, "{moving} move on, {standing} stand");
}
