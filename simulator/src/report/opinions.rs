//! What others think of a call: its caller, in a survey, and whoever evaluates its quality.

use serde::Serialize;

use super::form::{NOTHING, average, share};
use super::{Printed, Question};
use crate::floor::QUESTIONS;
use crate::people::Agent;
use crate::work::Work;

#[derive(Serialize)]
struct Scores<'a> {
    agent_id: &'a str,
    agent_name: &'a str,
    surveys: String,
    q01: String,
    q02: String,
    q03: String,
    q04: String,
    q05: String,
    q06: &'static str,
    q07: &'static str,
    q08: &'static str,
    q09: &'static str,
    q10: &'static str,
    average: String,
}

#[derive(Serialize)]
struct Verdict<'a> {
    agent_id: &'a str,
    agent_name: &'a str,
    evaluations: String,
    precision_unit_critical_error: String,
    precision_opportunity_critical_error: String,
    accuracy: String,
}

/// `diagram_5`. Five questions are asked, so the other five have no score; every survey answers all of them, so the
/// average is of questions and of surveys alike.
pub(super) fn surveys(question: &Question) -> Printed {
    let work = question.world.work(question.index, &question.seen());
    let agents = question.world.agents(question.index).iter().zip(&work);
    question.print(agents.filter(|(_, work)| work.surveys > 0).map(survey))
}

fn survey<'a>((agent, work): (&'a Agent, &Work)) -> Scores<'a> {
    let [q01, q02, q03, q04, q05] = work.points.map(|points| average(points, work.surveys));
    Scores {
        agent_id: &agent.id,
        agent_name: &agent.name,
        surveys: work.surveys.to_string(),
        q01,
        q02,
        q03,
        q04,
        q05,
        q06: NOTHING,
        q07: NOTHING,
        q08: NOTHING,
        q09: NOTHING,
        q10: NOTHING,
        average: average(work.points.iter().sum(), work.surveys * QUESTIONS as u64),
    }
}

/// `quality_1`.
pub(super) fn evaluations(question: &Question) -> Printed {
    let work = question.world.work(question.index, &question.seen());
    let agents = question.world.agents(question.index).iter().zip(&work);
    question.print(agents.filter(|(_, work)| work.evaluations > 0).map(|(agent, work)| Verdict {
        agent_id: &agent.id,
        agent_name: &agent.name,
        evaluations: work.evaluations.to_string(),
        precision_unit_critical_error: share(work.evaluations - work.user_errors, work.evaluations),
        precision_opportunity_critical_error: share(work.evaluations - work.business_errors, work.evaluations),
        accuracy: share(work.scores, work.evaluations * 100),
    }))
}
