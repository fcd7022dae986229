//! Answers look as documented, and so do refusals.

use super::asking::Asking;
use super::*;
use crate::report::REPORTS as ALL;

const DATES: &str = "&date_ini=20260512000000&date_end=20260512235959";

/// Each report with all that it requires, and its keys.
const KEYS: [(&str, &str); 21] = [
    (
        "real_time.php?api=agents",
        "acw_time agent_id agent_name agent_status aht_time aux_time calls inbound inbound_time internal login_time \
         ocupation outbound outbound_time ready_time ring_time time_state_now",
    ),
    (
        "real_time.php?api=skills&skill_id=all&services_time=45",
        "by_abandon calls_in_queue_now service_level_10seg service_level_20seg service_level_30seg \
         service_level_45seg skill_id skill_name stat_abandon stat_answer stat_inbound",
    ),
    (
        "real_time.php?api=campaigns",
        "answer answer_machine busy/congestion/failed calls_x_min campaign clean dial hits no_answer penetration_day \
         penetration_now records recycled skill_id speed status",
    ),
    ("real_time.php?api=calls_last_10", "conn_id customer_id date result telephone type_interaction"),
    (
        "reports_manager.php?api=agent_1",
        "acw_time agent_dni agent_id agent_name aht aht_inbound aht_outbund aux_time calls hits inbound inbound_time \
         internal login login_time logout occupancy outbound outbound_time ready_time ring_time rpc",
    ),
    (
        "reports_manager.php?api=skill_1&skill_id=all&services_time=45",
        "abandon abandon_calls answer_calls asa ata inbound_calls service_level_10seg service_level_20seg \
         service_level_30seg service_level_45seg skill_id skill_name",
    ),
    ("reports_manager.php?api=act_4", "agent_id agent_name uncode_calls"),
    ("reports_manager.php?api=act_1&cod_act=cod_act1", "agent_dni agent_name cod_act count description_cod_act"),
    ("reports_manager.php?api=act_1&cod_act=cod_act2", "agent_dni agent_name cod_act count description_cod_act"),
    ("reports_manager.php?api=chat_16", "agent_id agent_name percent_transfer time tmo total_chats"),
    (
        "reports_manager.php?api=diagram_2",
        "customer_say_no customer_say_yes recall_fail recall_ok service_level_up skill_id treatment",
    ),
    ("reports_manager.php?api=chat_5", "agent_name close_time interactions"),
    ("reports_manager.php?api=chat_13", "chanel interaction"),
    ("reports_manager.php?api=chat_3", "channel closing_time interactions"),
    (
        "reports_manager.php?api=diagram_5",
        "agent_id agent_name average q01 q02 q03 q04 q05 q06 q07 q08 q09 q10 surveys",
    ),
    (
        "reports_manager.php?api=quality_1",
        "accuracy agent_id agent_name evaluations precision_opportunity_critical_error precision_unit_critical_error",
    ),
    ("reports_manager.php?api=agent_12", "agent_id agent_name conference_calls total_time transfer_calls"),
    (
        "reports_manager.php?api=skill_11&skill_id=all",
        "abandon abandon_calls answer_calls asa ata inbound_calls service_level_10seg service_level_20seg \
         service_level_30seg type_interaction",
    ),
    ("reports_manager.php?api=cdr_6", "count result"),
    ("reports_manager.php?api=campaign_4&campaign_id=all", "percent records result"),
    ("information.php?api=agents", "agent_dni agent_id agent_name agent_sso agent_status enabled last_use"),
];

const SERVICES: &str = "aws_s3 bi blob_storage chat_web cobrowsing crm customer_prot email facebook_messenger \
                        facebook_page gamification instagram_chat instagram_page intelligentdial licenses mailgun \
                        mr_wizard pbx rsync screen_recording sms_bidireccional speech_analytics sso stereo_recording \
                        telegram text_analytics turbo_dial video_call whatsapp wolkvox_storage";

const LINES: [(&str, &str); 3] = [
    (
        "by_agent",
        "agent_id agent_status connection_type ip last_date latency_ms network_rejection platform rx_jitter rx_ploss \
         tx_jitter tx_ploss version",
    ),
    ("by_ip", "average_latency ip maximum minimum network_rejection total_agents"),
    ("by_pbx", "rx_jitter rx_ploss status tx_jitter tx_ploss user"),
];

fn asking() -> Asking {
    Asking::of((7, "America/Bogota", 24, false), noon())
}

fn dated(target: &str) -> String {
    if target.starts_with("reports_manager") { format!("{target}{DATES}") } else { target.to_owned() }
}

/// Rows that have these keys and nothing but texts in them.
fn assert_rows(rows: &Value, keys: &str, what: &str) {
    let rows = rows.as_array().unwrap_or_else(|| panic!("{what} has no rows"));
    assert!(!rows.is_empty(), "{what}");
    for row in rows {
        assert_eq!(fields(row), keys.split_whitespace().collect::<Vec<_>>(), "{what}");
        assert!(row.as_object().unwrap().values().all(Value::is_string), "{what}: {row}");
    }
}

#[test]
fn every_row_has_the_documented_keys_and_its_values_are_texts() {
    for (target, keys) in KEYS.into_iter().chain([("information.php?api=services", SERVICES)]) {
        let answer = asking().answer(&dated(target));
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        let value = body(&answer);
        let rows = if target.contains("campaigns") { &value } else { &value["data"] };
        assert_rows(rows, keys, target);
        if value.is_object() {
            let count = rows.as_array().unwrap().len();
            assert_eq!((&value["code"], &value["error"]), (&Value::from(200), &Value::Null));
            assert_eq!(value["msg"], format!("{count} records were found"));
        }
    }
    let services = body(&asking().answer("information.php?api=services"));
    assert_eq!(services["data"].as_array().unwrap().len(), 1);
    assert_eq!((&services["data"][0]["licenses"], &services["data"][0]["gamification"]), (&"40".into(), &"yes".into()));
}

#[test]
fn every_report_of_the_table_is_tested_for_its_keys_or_was_there_before() {
    let tested = |report: &&crate::report::Report| {
        let start = format!("{}.php?api={}", report.file, report.api);
        let known = ["information.php?api=services", "information.php?api=token_info", "real_time.php?api=latency"];
        REPORTS.contains(&(report.file, report.api))
            || known.contains(&start.as_str())
            || KEYS.iter().any(|(target, _)| target.split('&').next() == Some(&start))
    };
    assert_eq!(ALL.iter().filter(|report| !tested(report)).map(|report| report.api).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn campaigns_come_as_a_bare_array_and_lines_as_an_object_of_three_lists() {
    assert!(body(&asking().answer("real_time.php?api=campaigns")).is_array());
    let value = body(&asking().answer("real_time.php?api=latency"));
    assert_eq!(value["data"].as_object().unwrap().len(), 3);
    for (list, keys) in LINES {
        assert_rows(&value["data"][list], keys, list);
    }
    let agent = value["data"]["by_agent"][0]["agent_id"].as_str().unwrap();
    let (number, name) = agent.split_once('-').unwrap();
    let asking = asking();
    let known = asking.vendor.world().agents(0).iter().find(|agent| agent.id == number).unwrap();
    assert_eq!(name, known.name);
    assert!(value["data"]["by_agent"][0]["network_rejection"].as_str().unwrap().ends_with('%'));
}

#[test]
fn refused_without_what_is_required() {
    let without = [
        "real_time.php?api=skills",
        "real_time.php?api=skills&skill_id=",
        "reports_manager.php?api=skill_1",
        "reports_manager.php?api=skill_1&skill_id=",
        "reports_manager.php?api=skill_11",
        "reports_manager.php?api=act_1",
        "reports_manager.php?api=act_1&cod_act=",
        "reports_manager.php?api=campaign_4",
    ];
    let refused = |target: &str| {
        let answer = asking().answer(target);
        assert_eq!(answer.status, 400, "{target}");
        assert_eq!(body(&answer)["msg"], "SOME PARAMETERS ARE REQUIRED", "{target}");
    };
    for target in without {
        refused(&dated(target));
    }
    for (target, _) in KEYS.into_iter().filter(|(target, _)| target.starts_with("reports_manager")) {
        refused(target);
        refused(&format!("{target}&date_ini=20260512000000"));
        refused(&format!("{target}&date_ini=20260512000000&date_end="));
        refused(&format!("{target}&date_ini=20260401000000&date_end=20260512").replace("&&", "&"));
    }
    for elsewhere in ["reports_manager.php?api=agents", "real_time.php?api=services", "real_time?api=agents"] {
        let answer = asking().answer(elsewhere);
        assert_eq!(body(&answer)["msg"], "THE API YOU WANT TO CONSULT DOES NOT EXIST");
    }
}

#[test]
fn the_service_time_that_is_asked_for_is_added_and_the_usual_ones_bring_a_zero() {
    for target in ["real_time.php?api=skills&skill_id=all", "reports_manager.php?api=skill_1&skill_id=all"] {
        let row = |time: &str| body(&asking().answer(&dated(&format!("{target}{time}"))))["data"][0].clone();
        for usual in ["", "&services_time=10", "&services_time=20", "&services_time=30", "&services_time=soon"] {
            assert_eq!(row(usual)["service_level_0seg"], "0 %", "{usual}");
        }
        let asked = row("&services_time=60");
        assert!(asked.get("service_level_0seg").is_none());
        let share = |key: &str| asked[key].as_str().unwrap().trim_end_matches(" %").parse::<f64>().unwrap();
        assert!(share("service_level_60seg") >= share("service_level_30seg"), "{asked}");
    }
}

#[test]
fn no_rows_is_an_answer_of_404() {
    let nobody = Asking::of((7, "America/Bogota", 0, false), noon());
    let without_agents = ["real_time.php?api=agents", "real_time.php?api=campaigns", "information.php?api=agents"];
    for target in without_agents.into_iter().chain(["real_time.php?api=latency", "real_time.php?api=calls_last_10"]) {
        assert_eq!(nobody.answer(target), Answer::no_rows(), "{target}");
    }
    for unknown in ["skill_1&skill_id=9", "act_1&cod_act=cod_act3", "campaign_4&campaign_id=9", "agent_1&agent_id=9"] {
        let answer = asking().answer(&dated(&format!("reports_manager.php?api={unknown}")));
        assert_eq!(answer, Answer::no_rows(), "{unknown}");
    }
    for (target, _) in KEYS.into_iter().filter(|(target, _)| target.starts_with("reports_manager")) {
        let tomorrow = format!("{target}&date_ini=20260513000000&date_end=20260513235959");
        assert_eq!(asking().answer(&tomorrow), Answer::no_rows(), "{target}");
    }
}

#[test]
fn undated_reports_ignore_dates() {
    for (target, _) in KEYS.into_iter().filter(|(target, _)| !target.starts_with("reports_manager")) {
        let plain = asking().answer(target);
        assert_eq!(asking().answer(&format!("{target}&date_ini=nonsense&date_end=20200101000000")), plain, "{target}");
        assert_eq!(plain.status, 200, "{target}");
    }
}

#[test]
fn one_can_be_asked_for_where_all_are_told() {
    let one = |target: &str, key: &str, id: &str| {
        let value = body(&asking().answer(&dated(target)));
        let rows = if value.is_array() { &value } else { &value["data"] };
        assert_eq!(rows.as_array().unwrap().len(), 1, "{target}");
        assert!(rows[0][key].as_str().unwrap().starts_with(id), "{target}");
    };
    one("reports_manager.php?api=agent_1&agent_id=12002", "agent_id", "12002");
    one("information.php?api=agents&agent=12003", "agent_id", "12003");
    one("real_time.php?api=campaigns&campaign_id=32842", "campaign", "32842 - ");
    one("real_time.php?api=skills&skill_id=7004", "skill_id", "7004");
}

#[test]
fn every_report_is_cut_at_the_record_limit() {
    let vendor = vendor(|settings| settings.record_limit = 3);
    for (target, _) in KEYS {
        let answer = vendor.answer(&Request::get(&format!("/api/v2/{}", dated(target)), Some("t")), noon());
        let value = body(&answer);
        let rows = if value.is_array() { &value } else { &value["data"] };
        assert_eq!(rows.as_array().unwrap().len(), 3, "{target}");
    }
}

#[test]
fn customers_are_always_invented_and_known_as_such() {
    let value = body(&asking().answer("real_time.php?api=calls_last_10"));
    for row in value["data"].as_array().unwrap() {
        assert!(row["telephone"].as_str().unwrap().starts_with("57301555"), "{row}");
        assert!(row["customer_id"].as_str().unwrap().starts_with("CUST-"), "{row}");
    }
    let value = body(&asking().answer("information.php?api=agents"));
    let rows = value["data"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["agent_sso"].as_str().unwrap().ends_with("@example.com")));
}
