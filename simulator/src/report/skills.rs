//! Queues: how they served their callers, per queue and per kind of contact, and who waits now.

use std::collections::BTreeMap;

use serde::Serialize;

use super::form::{average, share};
use super::{Printed, Question};
use crate::campaigns::{CAMPAIGNS, Outcome};
use crate::chats::{CHANNELS, CHAT_CHANNELS};
use crate::queue::{SKILLS, Service};

#[derive(Serialize)]
struct Queue {
    skill_id: &'static str,
    skill_name: &'static str,
    calls_in_queue_now: String,
    stat_inbound: String,
    stat_answer: String,
    stat_abandon: String,
    #[serde(flatten)]
    levels: Levels,
    by_abandon: String,
}

#[derive(Serialize)]
struct Served {
    skill_name: &'static str,
    skill_id: &'static str,
    #[serde(flatten)]
    treatment: Treatment,
}

#[derive(Serialize)]
struct ServedType {
    type_interaction: String,
    #[serde(flatten)]
    treatment: Treatment,
}

/// What `skill_1` and `skill_11` have in common.
#[derive(Serialize)]
struct Treatment {
    inbound_calls: String,
    answer_calls: String,
    abandon_calls: String,
    #[serde(flatten)]
    levels: Levels,
    abandon: String,
    asa: String,
    ata: String,
}

/// Shares of the inbound calls that were answered within so many seconds.
#[derive(Serialize)]
struct Levels {
    service_level_10seg: String,
    service_level_20seg: String,
    service_level_30seg: String,
    /// The one that was asked for, whose key depends on the question.
    #[serde(flatten)]
    asked: BTreeMap<String, String>,
}

fn level(service: &Service, seconds: u64) -> String {
    share(service.within(seconds), service.inbound())
}

fn levels(service: &Service) -> Levels {
    Levels {
        service_level_10seg: level(service, 10),
        service_level_20seg: level(service, 20),
        service_level_30seg: level(service, 30),
        asked: BTreeMap::new(),
    }
}

/// With the level of `services_time`. Those that every row has anyway, and none at all, bring a useless one of zero.
fn levels_asked(question: &Question, service: &Service) -> Levels {
    let seconds = question.parameter("services_time").and_then(|seconds| seconds.parse().ok());
    let asked = match seconds.filter(|seconds| ![10, 20, 30].contains(seconds)) {
        Some(seconds) => (format!("service_level_{seconds}seg"), level(service, seconds)),
        None => ("service_level_0seg".to_owned(), share(0, 0)),
    };
    Levels { asked: BTreeMap::from([asked]), ..levels(service) }
}

fn treatment(service: &Service, levels: Levels) -> Treatment {
    Treatment {
        inbound_calls: service.inbound().to_string(),
        answer_calls: service.answered().to_string(),
        abandon_calls: service.abandoned().to_string(),
        levels,
        abandon: share(service.abandoned(), service.inbound()),
        asa: average(service.answer_wait(), service.answered()),
        ata: average(service.abandon_wait(), service.abandoned()),
    }
}

/// `skills` of real time: every queue, with what it did today.
pub(super) fn queues(question: &Question) -> Printed {
    let services = question.world.service(question.index, &question.today());
    let queued = question.world.queued(question.index, question.now);
    question.print(question.skills().map(|skill| {
        let (service, (skill_id, skill_name)) = (&services[skill], SKILLS[skill]);
        Queue {
            skill_id,
            skill_name,
            calls_in_queue_now: queued[skill].to_string(),
            stat_inbound: service.inbound().to_string(),
            stat_answer: service.answered().to_string(),
            stat_abandon: service.abandoned().to_string(),
            levels: levels_asked(question, service),
            by_abandon: share(service.abandoned(), service.inbound()),
        }
    }))
}

/// `skill_1`: every queue that anybody called.
pub(super) fn service(question: &Question) -> Printed {
    let services = question.world.service(question.index, &question.seen());
    let called = question.skills().filter(|skill| services[*skill].inbound() > 0);
    question.print(called.map(|skill| {
        let (service, (skill_id, skill_name)) = (&services[skill], SKILLS[skill]);
        Served { skill_name, skill_id, treatment: treatment(service, levels_asked(question, service)) }
    }))
}

/// `skill_11`: the queues that are asked for, together, per kind of contact. Its inbound calls are those of `skill_1`,
/// its chats and mails those of `chat_13` and `chat_3`, and what it says of campaigns is what `campaign_4` does.
pub(super) fn service_by_type(question: &Question) -> Printed {
    let mut types: BTreeMap<String, Service> = BTreeMap::new();
    add_calls(question, &mut types);
    add_campaigns(question, &mut types);
    add_messages(question, &mut types);
    let contacted = types.into_iter().filter(|(_, service)| service.inbound() > 0);
    question.print(contacted.map(|(type_interaction, service)| ServedType {
        type_interaction,
        treatment: treatment(&service, levels(&service)),
    }))
}

fn add_calls(question: &Question, types: &mut BTreeMap<String, Service>) {
    let services = question.world.service(question.index, &question.seen());
    let inbound = types.entry("inbound".into()).or_default();
    question.skills().for_each(|skill| inbound.merge(&services[skill]));
}

fn add_campaigns(question: &Question, types: &mut BTreeMap<String, Service>) {
    let skills: Vec<usize> = question.skills().collect();
    let dialled = types.entry("out_pre".into()).or_default();
    for (_, attempt) in question.world.attempts(question.index, &question.seen()) {
        if !attempt.campaign.is_some_and(|campaign| skills.contains(&CAMPAIGNS[campaign].skill)) {
            continue;
        }
        match attempt.outcome {
            Outcome::Answer => dialled.answer(attempt.wait),
            Outcome::Abandon => dialled.lose(attempt.wait),
            _ => {}
        }
    }
}

fn add_messages(question: &Question, types: &mut BTreeMap<String, Service>) {
    let skills: Vec<usize> = question.skills().collect();
    question.world.each_shift(question.index, &question.seen(), |_, span, shift| {
        for chat in shift.chats.iter().filter(|chat| span.contains(chat.at) && skills.contains(&chat.skill)) {
            chat.serve(types.entry(format!("chat-{}", CHAT_CHANNELS[chat.channel])).or_default());
        }
        for mail in shift.interactions.iter().filter(|mail| span.contains(mail.at) && skills.contains(&mail.skill)) {
            let kind = format!("omni-{}", CHANNELS[mail.channel].to_lowercase());
            types.entry(kind).or_default().answer(mail.wait);
        }
    });
}
