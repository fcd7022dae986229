//! Calls out: how they ended, how far the campaigns are, and what the last ten minutes brought.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::form::share;
use super::{Printed, Question};
use crate::calendar::Pass;
use crate::campaigns::{Attempt, CAMPAIGNS, OUTCOMES, Outcome};
use crate::floor::Direction;
use crate::queue::{SKILLS, abandoned};

#[derive(Serialize)]
struct Progress {
    campaign: String,
    speed: String,
    status: &'static str,
    skill_id: &'static str,
    records: String,
    clean: String,
    dial: String,
    answer: String,
    no_answer: String,
    #[serde(rename = "busy/congestion/failed")]
    failed: String,
    answer_machine: String,
    penetration_day: String,
    penetration_now: String,
    hits: String,
    calls_x_min: String,
    recycled: String,
}

#[derive(Serialize)]
struct Tried {
    result: &'static str,
    records: String,
    percent: String,
}

#[derive(Serialize)]
struct Unconnected {
    result: &'static str,
    count: String,
}

#[derive(Serialize)]
struct Recent {
    type_interaction: &'static str,
    result: &'static str,
    date: String,
    telephone: String,
    customer_id: String,
    conn_id: String,
}

/// How far back `calls_last_10` looks, in seconds.
const TEN_MINUTES: i64 = 600;

impl Outcome {
    /// As results of campaigns are written. Only agents end up without a channel or cancel.
    fn of_record(self) -> Option<&'static str> {
        match self {
            Outcome::Answer => Some("answer"),
            Outcome::NoAnswer => Some("no-answer"),
            Outcome::Busy => Some("busy"),
            Outcome::Congestion => Some("congestion"),
            Outcome::AnswerMachine => Some("answer-machine"),
            Outcome::DoNotCall => Some("do-not-call_clean"),
            Outcome::Abandon => Some("abandon"),
            Outcome::Cancelled | Outcome::NoChannel => None,
        }
    }

    /// As results of calls that did not connect are written.
    fn of_unconnected(self) -> Option<&'static str> {
        match self {
            Outcome::NoAnswer => Some("No answer"),
            Outcome::Busy => Some("Busy"),
            Outcome::Congestion => Some("Congestion"),
            Outcome::DoNotCall => Some("Do not call"),
            Outcome::Cancelled => Some("Cancel"),
            Outcome::NoChannel => Some("Chanunavail"),
            Outcome::Answer | Outcome::AnswerMachine | Outcome::Abandon => None,
        }
    }

    fn of_call(self) -> &'static str {
        match self {
            Outcome::Answer => "answer",
            Outcome::NoAnswer => "no answer",
            Outcome::Busy => "busy",
            Outcome::Congestion => "congestion",
            Outcome::AnswerMachine => "answer machine",
            Outcome::DoNotCall | Outcome::Cancelled => "failed",
            Outcome::Abandon => "abandon",
            Outcome::NoChannel => "chanunavail",
        }
    }
}

fn counted<'a>(attempts: impl Iterator<Item = &'a Attempt>) -> BTreeMap<Outcome, u64> {
    let mut counts = BTreeMap::new();
    for attempt in attempts {
        *counts.entry(attempt.outcome).or_default() += 1;
    }
    counts
}

/// `campaigns` of real time, which count today: their results are those of `campaign_4`, and what they dialled is the
/// sum of them.
pub(super) fn campaigns(question: &Question) -> Printed {
    let agents = question.world.agents(question.index).len();
    let attempts = question.world.attempts(question.index, &question.today());
    let day = question.world.day_until(question.index, question.now);
    let minute_ago = question.ago(60);
    let shown =
        CAMPAIGNS.iter().enumerate().filter(|(_, campaign)| agents > 0 && question.admits("campaign_id", campaign.id));
    question.print(shown.map(|(index, campaign)| {
        let own = || attempts.iter().filter(|(_, attempt)| attempt.campaign == Some(index));
        let counts = counted(own().map(|(_, attempt)| attempt));
        let count = |outcome| counts.get(&outcome).copied().unwrap_or(0);
        let (records, dialled) = (campaign.records(agents), counts.values().sum::<u64>());
        let touched = dialled.min(records);
        Progress {
            campaign: format!("{} - {} {}", campaign.id, campaign.name, share(touched, records)),
            speed: campaign.speed.to_string(),
            status: if day.as_ref().is_some_and(|day| campaign.started(day)) { "started" } else { "stopped" },
            skill_id: SKILLS[campaign.skill].0,
            records: records.to_string(),
            clean: (records - touched).to_string(),
            dial: dialled.to_string(),
            answer: count(Outcome::Answer).to_string(),
            no_answer: count(Outcome::NoAnswer).to_string(),
            failed: (count(Outcome::Busy) + count(Outcome::Congestion)).to_string(),
            answer_machine: count(Outcome::AnswerMachine).to_string(),
            penetration_day: share(dialled, records),
            penetration_now: share(touched, records),
            hits: own().filter(|(_, attempt)| attempt.hit).count().to_string(),
            calls_x_min: own().filter(|(at, _)| *at >= minute_ago).count().to_string(),
            recycled: (dialled - touched).to_string(),
        }
    }))
}

/// `campaign_4`: every attempt of the campaigns that are asked for, together.
pub(super) fn results(question: &Question) -> Printed {
    let attempts = question.world.attempts(question.index, &question.seen());
    let admitted = |campaign: usize| question.admits("campaign_id", CAMPAIGNS[campaign].id);
    let counts =
        counted(attempts.iter().map(|(_, attempt)| attempt).filter(|attempt| attempt.campaign.is_some_and(admitted)));
    let all = counts.values().sum();
    question.print(OUTCOMES.into_iter().filter_map(|outcome| {
        let records = *counts.get(&outcome)?;
        Some(Tried { result: outcome.of_record()?, records: records.to_string(), percent: share(records, all) })
    }))
}

/// `cdr_6`: calls out that did not connect, a campaign's and an agent's alike.
pub(super) fn unconnected(question: &Question) -> Printed {
    let attempts = question.world.attempts(question.index, &question.seen());
    let counts = counted(attempts.iter().map(|(_, attempt)| attempt));
    question.print(OUTCOMES.into_iter().filter_map(|outcome| {
        let count = *counts.get(&outcome)?;
        Some(Unconnected { result: outcome.of_unconnected()?, count: count.to_string() })
    }))
}

/// `calls_last_10`: every call that ended within the last ten minutes, oldest first.
pub(super) fn recent_calls(question: &Question) -> Printed {
    let seen = [(question.ago(TEN_MINUTES), question.now)];
    let mut calls = inbound_and_internal(question, &seen);
    for (at, attempt) in question.world.attempts(question.index, &seen) {
        let kind = if attempt.campaign.is_some() { "out_pre" } else { "outbound_ma" };
        calls.push((at, kind, attempt.outcome.of_call(), attempt.customer));
    }
    calls.sort_unstable();
    question.print(calls.into_iter().zip(0..).map(|((at, type_interaction, result, customer), place)| Recent {
        type_interaction,
        result,
        date: question.wall_clock(at),
        telephone: format!("57301555{customer:04}"),
        customer_id: format!("CUST-{customer:08}"),
        conn_id: format!("{}.{place}", at.as_second()),
    }))
}

/// When a call ended, its kind, its result, and the customer's last digits.
type Ended = (Timestamp, &'static str, &'static str, u64);

fn inbound_and_internal(question: &Question, seen: &[Pass]) -> Vec<Ended> {
    let (world, index) = (question.world, question.index);
    let mut calls = Vec::new();
    world.each_shift(index, seen, |_, span, shift| {
        for call in shift.calls_within(span) {
            let kind = match call.direction {
                Direction::Inbound => "inbound",
                Direction::Internal => "internal call",
                Direction::Outbound => continue,
            };
            calls.push((span.at(call.at), kind, "answer", call.customer));
        }
    });
    for span in seen.iter().flat_map(|(from, to)| world.spans(index, *from, *to)) {
        let callers = abandoned(world.day_key(index, &span), span.length, world.agents(index).len());
        for caller in callers.iter().filter(|caller| span.contains(caller.at)) {
            calls.push((span.at(caller.at), "inbound", "abandon", caller.customer));
        }
    }
    calls
}
