//! What is told of chats and interactions agrees.

use super::asking::{Asking, Row, WINDOWS, sum};
use super::*;

#[test]
fn the_interactions_of_every_report_are_those_that_were_closed() {
    for asking in Asking::all() {
        for window in WINDOWS {
            let closed = asking.dated("chat_7", window);
            let (agents, channels) = (asking.dated("chat_5", window), asking.dated("chat_3", window));
            let mut names: BTreeMap<&str, u64> = BTreeMap::new();
            for row in &closed {
                *names.entry(row.text("agent_name")).or_default() += row.number("interactions");
            }
            let told: BTreeMap<&str, u64> =
                agents.iter().map(|row| (row.text("agent_name"), row.number("interactions"))).collect();
            assert_eq!(told, names);
            assert_eq!(sum(&channels, "interactions"), sum(&closed, "interactions"));
            assert_eq!(sum(&channels, "closing_time"), sum(&agents, "close_time"));
        }
    }
}

#[test]
fn the_chats_of_channels_are_those_of_agents() {
    for asking in Asking::all() {
        for window in WINDOWS {
            let agents = asking.dated("chat_16", window);
            assert_eq!(sum(&agents, "total_chats"), sum(&asking.dated("chat_13", window), "interaction"));
            for row in agents {
                assert!(row.number("tmo").abs_diff(row.number("time") / row.number("total_chats")) <= 1);
                // A whole number of chats, whatever the rounding of their share.
                let (share, chats) = (row.hundredths("percent_transfer"), row.number("total_chats"));
                let transferred = (share * chats + 5_000) / 10_000;
                assert!(share.abs_diff(transferred * 10_000 / chats) <= 1, "{}", row.0);
            }
        }
    }
}

#[test]
fn each_kind_of_contact_is_what_its_own_report_says() {
    for asking in Asking::all() {
        for window in WINDOWS {
            let kinds = asking.dated("skill_11&skill_id=all", window);
            let answered = |kind: &str, key: &str| {
                kinds.iter().find(|row| row.text("type_interaction") == kind).map_or(0, |row| row.number(key))
            };
            for key in ["inbound_calls", "answer_calls", "abandon_calls"] {
                assert_eq!(answered("inbound", key), sum(&asking.dated("skill_1&skill_id=all", window), key));
            }
            for row in asking.dated("chat_13", window) {
                let kind = format!("chat-{}", row.text("chanel"));
                assert_eq!(answered(&kind, "answer_calls"), row.number("interaction"));
            }
            for row in asking.dated("chat_3", window) {
                let kind = format!("omni-{}", row.text("channel").to_lowercase());
                assert_eq!(answered(&kind, "answer_calls"), row.number("interactions"));
            }
            let mut parts: BTreeMap<String, u64> = BTreeMap::new();
            for skill in 7_001..=7_005 {
                for row in asking.dated(&format!("skill_11&skill_id={skill}"), window) {
                    *parts.entry(row.text("type_interaction").to_owned()).or_default() += row.number("inbound_calls");
                }
            }
            let whole = |row: &Row| (row.text("type_interaction").to_owned(), row.number("inbound_calls"));
            assert_eq!(parts, kinds.iter().map(whole).collect());
        }
    }
}
