//! A window is the sum of its parts, and shows nothing that is not visible yet.

use super::asking::{Asking, Row, WORLDS};
use super::*;

/// Each dated report with its parameters, its labels, and what of it is a sum.
const SUMS: [(&str, &str, &str); 15] = [
    (
        "agent_1",
        "agent_id agent_name agent_dni",
        "calls inbound outbound internal ready_time inbound_time outbound_time acw_time ring_time login_time aux_time hits rpc",
    ),
    ("agent_12", "agent_id", "transfer_calls conference_calls total_time"),
    ("skill_1&skill_id=all", "skill_id", "inbound_calls answer_calls abandon_calls"),
    ("skill_11&skill_id=all", "type_interaction", "inbound_calls answer_calls abandon_calls"),
    ("act_1&cod_act=cod_act1", "agent_name cod_act", "count"),
    ("act_1&cod_act=cod_act2", "agent_name cod_act", "count"),
    ("act_4", "agent_id", "uncode_calls"),
    ("chat_16", "agent_id", "total_chats time"),
    ("chat_13", "chanel", "interaction"),
    ("chat_5", "agent_name", "interactions close_time"),
    ("chat_3", "channel", "interactions closing_time"),
    ("diagram_2", "skill_id", "treatment customer_say_no customer_say_yes recall_fail recall_ok"),
    ("diagram_5", "agent_id", "surveys"),
    ("quality_1", "agent_id", "evaluations"),
    ("cdr_6", "result", "count"),
];

fn add(sums: &mut BTreeMap<String, u64>, rows: &[Row], labels: &str, keys: &str) {
    for row in rows {
        let name: Vec<&str> = labels.split(' ').map(|label| row.text(label)).collect();
        for key in keys.split(' ').filter(|key| row.number(key) > 0) {
            *sums.entry(format!("{key} {name:?}")).or_default() += row.number(key);
        }
    }
}

#[test]
fn every_split_of_a_window_sums_to_the_whole_in_every_dated_report() {
    let reports = SUMS.into_iter().chain([("campaign_4&campaign_id=all", "result", "records")]);
    for (api, labels, keys) in reports {
        for (seed, zone, agents, lag) in WORLDS {
            for (year, month, day) in [(2026, 5, 12), (2026, 3, 8), (2025, 11, 2)] {
                let from = local(zone, year, month, day, 0);
                let to = after(local(zone, year, month, day + 1, 3), 0);
                // Half of the window is not there yet, so that the horizon is one of its cuts.
                let asking = Asking::of((seed, zone, agents, lag), local(zone, year, month, day, 19));
                let ask = |from, to: Timestamp| {
                    let (from, to) = asking.between(from, after(to, -1));
                    asking.dated(api, (&from, &to))
                };
                let mut whole = BTreeMap::new();
                add(&mut whole, &ask(from, to), labels, keys);
                let mut random = Random::of(&[seed, u64::from(day.unsigned_abs())]);
                // No cut within the hours that clocks may show twice.
                let mut cuts: Vec<i64> =
                    (0..3).map(|_| random.between(14_400, to.as_second() - from.as_second() - 1)).collect();
                cuts.extend([43_200, to.as_second() - from.as_second()]);
                cuts.sort_unstable();
                let (mut parts, mut begin) = (BTreeMap::new(), from);
                for cut in cuts.into_iter().map(|cut| after(from, cut)).filter(|cut| *cut > begin).collect::<Vec<_>>() {
                    add(&mut parts, &ask(begin, cut), labels, keys);
                    begin = cut;
                }
                assert_eq!(parts, whole, "{api} of {seed} in {zone} on {year}-{month}-{day}");
                assert!(!whole.is_empty() || agents == 1, "{api}");
            }
        }
    }
}

#[test]
fn what_averages_are_made_of_sums_over_every_split_too() {
    let zone = "America/Bogota";
    let world = World::new(&settings(5, operation(zone, 9)));
    let (from, to) = (local(zone, 2026, 5, 11, 10), local(zone, 2026, 5, 13, 4));
    let made_of = |from, to| {
        let mut sums = [0; 12];
        let mut add = |place: usize, value: u64| sums[place] += value;
        for service in world.service(0, &[(from, to)]) {
            add(0, service.answer_wait());
            add(1, service.abandon_wait());
            add(2, service.within(20));
            add(3, service.within(45));
        }
        for work in world.work(0, &[(from, to)]) {
            add(4, work.points.iter().sum());
            add(5, work.scores);
            add(6, work.user_errors);
            add(7, work.business_errors);
            add(8, work.chat_life);
            add(9, work.transferred_chats);
            add(10, work.busy());
            add(11, work.handed_over);
        }
        sums
    };
    let whole = made_of(from, to);
    assert!(whole.iter().all(|sum| *sum > 0), "{whole:?}");
    let mut random = Random::of(&[5]);
    for _ in 0..20 {
        let cut = after(from, random.between(1, to.as_second() - from.as_second() - 1));
        let (one, other) = (made_of(from, cut), made_of(cut, to));
        let both: Vec<u64> = one.iter().zip(other).map(|(one, other)| one + other).collect();
        assert_eq!(both, whole);
    }
}

#[test]
fn the_first_login_is_the_least_of_any_parts_and_the_last_logout_the_greatest() {
    for world in WORLDS {
        let asking = Asking::of(world, local(world.1, 2026, 5, 12, 21));
        let whole = asking.dated("agent_1", ("20260511060000", "20260512235959"));
        let parts = [
            ("20260511060000", "20260511131415"),
            ("20260511131416", "20260512100000"),
            ("20260512100001", "20260512235959"),
        ]
        .map(|window| asking.dated("agent_1", window));
        for (place, row) in whole.iter().enumerate() {
            let of = |key| {
                parts.iter().map(|part| part[place].text(key)).filter(|text| *text != "-").collect::<BTreeSet<_>>()
            };
            assert_eq!(of("login").first().copied().unwrap_or("-"), row.text("login"));
            assert_eq!(of("logout").last().copied().unwrap_or("-"), row.text("logout"));
        }
    }
}

#[test]
fn dated_reports_end_at_the_horizon_and_real_time_does_not() {
    let now = after(noon(), 95);
    let [prompt, late] = [false, true].map(|lag| Asking::of((7, "America/Bogota", 12, lag), now));
    let horizon = late.vendor.world().horizon(now);
    assert!(horizon < now);
    let mut behind = 0;
    for (api, ..) in SUMS.into_iter().chain([("campaign_4&campaign_id=all", "", "")]) {
        let rows = |asking: &Asking, (from, to): (&str, &str)| {
            asking.dated(api, (from, to)).into_iter().map(|row| row.0).collect::<Vec<_>>()
        };
        let day = ("20260512000000", "20260512235959");
        let (_, seen) = prompt.between(now, after(horizon, -1));
        let late_rows = rows(&late, day);
        assert_eq!(late_rows, rows(&prompt, (day.0, &seen)), "{api}");
        // Rare things may not have happened meanwhile.
        behind += usize::from(late_rows != rows(&prompt, day));
        // Nothing of what is not visible yet is told.
        let (from, to) = late.between(horizon, after(now, 3_600));
        assert!(rows(&late, (&from, &to)).is_empty(), "{api}");
    }
    assert!(behind > 8, "{behind}");
    for api in ["agents", "skills&skill_id=all", "calls_last_10", "campaigns", "latency"] {
        let target = format!("real_time.php?api={api}");
        assert_eq!(late.answer(&target), prompt.answer(&target), "{api}");
    }
}
