//! What the operation bought, and what is left of today's calls.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Printed, Question};

#[derive(Serialize)]
struct Budget {
    token_limit: String,
    token_use_today: String,
    all_token_today: String,
    available_consumption_options: String,
}

/// The paid services, and whether this operation has them.
const SERVICES: [(&str, bool); 28] = [
    ("screen_recording", true),
    ("video_call", false),
    ("stereo_recording", true),
    ("gamification", true),
    ("text_analytics", false),
    ("speech_analytics", true),
    ("rsync", false),
    ("wolkvox_storage", true),
    ("blob_storage", false),
    ("aws_s3", false),
    ("intelligentdial", true),
    ("bi", true),
    ("customer_prot", false),
    ("mr_wizard", false),
    ("turbo_dial", true),
    ("sso", false),
    ("mailgun", true),
    ("whatsapp", true),
    ("facebook_page", true),
    ("facebook_messenger", true),
    ("instagram_page", true),
    ("instagram_chat", true),
    ("sms_bidireccional", false),
    ("chat_web", true),
    ("telegram", false),
    ("crm", true),
    ("email", true),
    ("cobrowsing", false),
];

/// Calls a day that each licence brings.
const CALLS_PER_LICENCE: u64 = 1_000;

/// `token_info`.
pub(super) fn token(question: &Question) -> Printed {
    let (limit, used) = (question.operation.calls_per_day, question.used);
    question.print([Budget {
        token_limit: limit.to_string(),
        token_use_today: used.to_string(),
        // One token per operation here, so all tokens together used as much as this one.
        all_token_today: used.to_string(),
        available_consumption_options: limit.saturating_sub(used).to_string(),
    }])
}

/// `services`: one row.
pub(super) fn services(question: &Question) -> Printed {
    let text = |value: u64| Value::from(value.to_string());
    let mut row = Map::new();
    row.insert("licenses".into(), text((question.operation.calls_per_day / CALLS_PER_LICENCE).max(1)));
    row.insert("pbx".into(), text(question.operation.agents as u64 / 4 + 1));
    for (service, enabled) in SERVICES {
        row.insert(service.into(), Value::from(if enabled { "yes" } else { "no" }));
    }
    question.print([row])
}
