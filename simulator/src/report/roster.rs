//! Everybody who has, or had, an account.

use jiff::Timestamp;
use serde::Serialize;

use super::agents::word;
use super::form::NOTHING;
use super::{Printed, Question};
use crate::people::Agent;

#[derive(Serialize)]
struct Member<'a> {
    agent_id: &'a str,
    agent_name: &'a str,
    agent_dni: &'a str,
    agent_status: &'static str,
    last_use: String,
    agent_sso: String,
    enabled: &'static str,
}

const DAY: i64 = 86_400;

/// How many days back somebody's last shift is looked for.
const DAYS: i64 = 30;

/// `agents` of information: those who work, then those who left and whose accounts are still there.
pub(super) fn roster(question: &Question) -> Printed {
    let (world, index) = (question.world, question.index);
    let working = world.agents(index).iter().enumerate().map(|(place, agent)| {
        let last_use = last_use(question, place);
        member(agent, status(question, place), last_use.map(|at| question.wall_clock(at)), "yes")
    });
    let left = world.former_agents(index);
    let left = left.iter().zip(0..).map(|(agent, place)| {
        member(agent, "Logout", Some(question.wall_clock(question.ago(gone_for(question.now, place)))), "no")
    });
    question.print(working.chain(left).filter(|member| question.admits("agent", member.agent_id)))
}

fn member<'a>(
    agent: &'a Agent,
    agent_status: &'static str,
    last_use: Option<String>,
    enabled: &'static str,
) -> Member<'a> {
    Member {
        agent_id: &agent.id,
        agent_name: &agent.name,
        agent_dni: &agent.dni,
        agent_status,
        last_use: last_use.unwrap_or_else(|| NOTHING.to_owned()),
        agent_sso: format!("u{}@example.com", agent.dni),
        enabled,
    }
}

/// For how many seconds somebody has been gone: one to six months, after which the vendor drops an account and another
/// takes its place. Until then the day of its last use stands still.
fn gone_for(now: Timestamp, place: i64) -> i64 {
    let (today, second) = (now.as_second().div_euclid(DAY), now.as_second().rem_euclid(DAY));
    second + DAY * (31 + (today + place * 37).rem_euclid(149))
}

fn status(question: &Question, agent: usize) -> &'static str {
    let day = question.world.day_until(question.index, question.now);
    let state = day.and_then(|day| {
        let shift = question.world.shift(question.index, agent, &day);
        shift.stretch_at(day.high).map(|stretch| word(stretch.activity))
    });
    state.unwrap_or("Logout")
}

/// Until when an agent was last logged in: now, if it still is.
fn last_use(question: &Question, agent: usize) -> Option<Timestamp> {
    let from = question.ago(DAY * DAYS);
    let spans = question.world.spans(question.index, from, question.now);
    spans.iter().rev().find_map(|span| {
        let (login, logout) = question.world.shift(question.index, agent, span).login;
        (login < logout && login < span.high).then(|| span.at(logout.min(span.high)))
    })
}
