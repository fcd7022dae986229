//! What is told of calls agrees: queues, callbacks and campaigns, in real time and between dates.

use super::asking::{Asking, Row, WINDOWS, borrowed, instants, sum};
use super::*;

#[test]
fn every_caller_is_answered_or_gives_up_and_the_answered_are_the_agents_inbound_calls() {
    for asking in Asking::all() {
        for window in WINDOWS {
            let skills = asking.dated("skill_1&skill_id=all", window);
            for row in &skills {
                assert_eq!(row.number("inbound_calls"), row.number("answer_calls") + row.number("abandon_calls"));
                let levels = ["service_level_10seg", "service_level_20seg", "service_level_30seg"];
                let levels = levels.map(|key| row.hundredths(key));
                assert!(levels.is_sorted() && levels[2] <= 10_000, "{}", row.0);
                let lost = row.number("abandon_calls") * 10_000 / row.number("inbound_calls");
                assert!(row.hundredths("abandon").abs_diff(lost) <= 1);
                let alone = asking.dated(&format!("skill_1&skill_id={}", row.text("skill_id")), window);
                assert_eq!((alone.len(), &alone[0].0), (1, &row.0));
            }
            assert_eq!(sum(&skills, "answer_calls"), sum(&asking.dated("agent_1", window), "inbound"));
        }
    }
}

#[test]
fn the_live_queues_are_what_the_dated_report_says_of_today() {
    for asking in instants() {
        let dated = asking.dated("skill_1&skill_id=all", borrowed(&asking.today()));
        let live = asking.real_time("skills&skill_id=all");
        assert_eq!(live.len(), 5);
        for row in live {
            let same = dated.iter().find(|other| other.text("skill_id") == row.text("skill_id"));
            let keys = [("stat_inbound", "inbound_calls"), ("stat_answer", "answer_calls")];
            for (live, key) in keys.into_iter().chain([("stat_abandon", "abandon_calls")]) {
                assert_eq!(row.number(live), same.map_or(0, |same| same.number(key)), "{}", row.0);
            }
            let Some(same) = same else { continue };
            assert_eq!(row.text("service_level_20seg"), same.text("service_level_20seg"));
            assert_eq!(
                (row.text("by_abandon"), row.text("skill_name")),
                (same.text("abandon"), same.text("skill_name"))
            );
        }
    }
}

#[test]
fn the_queue_holds_each_caller_for_exactly_as_long_as_it_waits() {
    let zone = "America/Bogota";
    for seed in [2, 8] {
        let world = World::new(&settings(seed, operation(zone, 3)));
        let (from, to) = (local(zone, 2026, 5, 12, 0), local(zone, 2026, 5, 13, 0));
        let mut held = [0; 5];
        for second in 0..86_400 {
            for (held, queued) in held.iter_mut().zip(world.queued(0, after(from, second))) {
                *held += queued;
            }
        }
        let waits = world.service(0, &[(from, to)]);
        let waits: Vec<u64> = waits.iter().map(|service| service.answer_wait() + service.abandon_wait()).collect();
        assert!(waits.iter().all(|wait| *wait > 0), "{waits:?}");
        assert_eq!(held.to_vec(), waits, "seconds in the queue, and seconds waited");
    }
}

#[test]
fn there_is_a_rush_at_noon_and_a_ringing_agent_has_a_caller_waiting() {
    let (mut rush, mut quiet) = (0, 0);
    let midnight = local("America/Bogota", 2026, 5, 12, 0);
    let mut asking = Asking::of((7, "America/Bogota", 24, false), midnight);
    for minute in 0..1_440 {
        asking.now = after(midnight, minute * 60 + 17);
        let queued = sum(&asking.real_time("skills&skill_id=all"), "calls_in_queue_now");
        let agents = asking.real_time("agents");
        let ringing = agents.iter().filter(|row| row.text("agent_status") == "RING").count() as u64;
        assert!(ringing <= queued, "{ringing} ring, {queued} wait");
        match minute {
            660..780 => rush += queued,
            _ => quiet += queued,
        }
    }
    assert!(rush * 1_320 > quiet * 120 * 5, "{rush} in the two hours of noon, {quiet} in the other 22");
    assert!(rush > 120, "{rush}");
}

#[test]
fn the_summary_of_callbacks_counts_their_rows_per_skill() {
    for asking in Asking::all() {
        for window in WINDOWS {
            let rows = asking.dated("diagram_3", window);
            let summary = asking.dated("diagram_2", window);
            assert_eq!(sum(&summary, "treatment"), rows.len() as u64);
            for row in summary {
                let count = |statuses: &[&str]| {
                    let own = rows.iter().filter(|other| other.text("skill_id") == row.text("skill_id"));
                    own.filter(|other| statuses.contains(&other.text("status").to_uppercase().as_str())).count() as u64
                };
                assert_eq!(row.number("customer_say_no"), count(&["NO"]));
                assert_eq!(row.number("customer_say_yes"), count(&["YES", "OK", "FAIL", "NO USER", "STOP NEW"]));
                assert_eq!(row.number("treatment"), row.number("customer_say_no") + row.number("customer_say_yes"));
                assert_eq!((row.number("recall_ok"), row.number("recall_fail")), (count(&["OK"]), count(&["FAIL"])));
            }
        }
    }
}

fn result(rows: &[Row], word: &str, key: &str) -> u64 {
    rows.iter().find(|row| row.text("result") == word).map_or(0, |row| row.number(key))
}

#[test]
fn the_live_campaigns_are_what_the_dated_report_says_of_today() {
    let mut statuses = BTreeSet::new();
    for asking in instants() {
        let today = asking.today();
        let mut hits = 0;
        for row in asking.real_time("campaigns") {
            let id = row.text("campaign").split(' ').next().unwrap();
            let dated = asking.dated(&format!("campaign_4&campaign_id={id}"), borrowed(&today));
            assert_eq!(row.number("dial"), sum(&dated, "records"), "{}", row.0);
            let count = |word| result(&dated, word, "records");
            assert_eq!(row.number("answer"), count("answer"));
            assert_eq!(row.number("no_answer"), count("no-answer"));
            assert_eq!(row.number("answer_machine"), count("answer-machine"));
            assert_eq!(row.number("busy/congestion/failed"), count("busy") + count("congestion"));
            assert_eq!(row.number("records") + row.number("recycled"), row.number("dial") + row.number("clean"));
            assert!(row.number("hits") <= row.number("answer") && row.number("calls_x_min") <= row.number("dial"));
            hits += row.number("hits");
            statuses.insert(row.text("status").to_owned());
        }
        assert!(hits <= sum(&asking.dated("agent_1", borrowed(&today)), "hits"));
    }
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), ["started", "stopped"]);
}

#[test]
fn what_campaigns_dialled_agrees_with_what_agents_and_lines_say() {
    for asking in Asking::all() {
        for window in WINDOWS {
            let all = asking.dated("campaign_4&campaign_id=all", window);
            let (answered, lines) = (result(&all, "answer", "records"), asking.dated("cdr_6", window));
            assert!(answered <= sum(&asking.dated("agent_1", window), "outbound"));
            assert_eq!(result(&lines, "Congestion", "count"), result(&all, "congestion", "records"));
            assert_eq!(result(&lines, "Do not call", "count"), result(&all, "do-not-call_clean", "records"));
            assert!(result(&lines, "Busy", "count") >= result(&all, "busy", "records"), "agents dial too");
            let kinds = asking.dated("skill_11&skill_id=all", window);
            let dialled = kinds.iter().find(|row| row.text("type_interaction") == "out_pre");
            assert_eq!(dialled.map_or(0, |row| row.number("answer_calls")), answered);
            assert_eq!(dialled.map_or(0, |row| row.number("abandon_calls")), result(&all, "abandon", "records"));
            let percents: u64 = all.iter().map(|row| row.hundredths("percent")).sum();
            assert!(all.is_empty() || percents.abs_diff(10_000) <= 4, "{percents}");
        }
    }
}

#[test]
fn a_campaign_can_have_called_everybody_and_go_on() {
    let asking = Asking::of((7, "America/Bogota", 24, false), local("America/Bogota", 2026, 5, 12, 19));
    let rows = asking.real_time("campaigns");
    let done = |row: &&Row| row.text("status") == "started" && row.text("clean") == "0" && row.number("recycled") > 0;
    assert_eq!(rows.iter().filter(done).count(), 1);
    assert!(rows.iter().any(|row| row.text("status") == "stopped" && row.text("dial") == "0"));
}

#[test]
fn the_calls_of_ten_minutes_are_those_of_all_other_reports() {
    let mut all = 0;
    for asking in instants() {
        let recent = asking.real_time("calls_last_10");
        all += recent.len();
        assert!(recent.is_sorted_by_key(|row| row.text("date").to_owned()));
        let window = asking.between(after(asking.now, -600), after(asking.now, -1));
        let window = borrowed(&window);
        let count = |kinds: &[&str], result: &str| {
            let of_kind = recent.iter().filter(|row| kinds.contains(&row.text("type_interaction")));
            of_kind.filter(|row| row.text("result") == result).count() as u64
        };
        let agents = asking.dated("agent_1", window);
        let out = ["out_pre", "outbound_ma"];
        assert_eq!(count(&["inbound"], "answer"), sum(&agents, "inbound"));
        assert_eq!(count(&out, "answer"), sum(&agents, "outbound"));
        assert_eq!(count(&["internal call"], "answer"), sum(&agents, "internal"));
        assert_eq!(count(&["inbound"], "abandon"), sum(&asking.dated("skill_1&skill_id=all", window), "abandon_calls"));
        let lines = asking.dated("cdr_6", window);
        assert_eq!(count(&out, "no answer"), result(&lines, "No answer", "count"));
        assert_eq!(count(&out, "busy"), result(&lines, "Busy", "count"));
        let connections: BTreeSet<&str> = recent.iter().map(|row| row.text("conn_id")).collect();
        assert_eq!(connections.len(), recent.len());
    }
    assert!(all > 100, "{all}");
}
