//! The indicators of each agent, per day.

use serde::Serialize;

use super::form::{clock, percent};
use super::{Printed, Question};
use crate::calendar::Pass;
use crate::world::{KpiDay, KpiRow, second_after};

#[derive(Serialize)]
struct Kpi {
    agent_id: String,
    agent_name: String,
    agent_dni: String,
    stats: Vec<Stats>,
}

#[derive(Serialize)]
struct Stats {
    date: String,
    points: String,
    hits: String,
    calls: String,
    aht_time: String,
    acw_time: String,
    occupancy: String,
    login_time: String,
}

/// `agents_kpi`. Inactive agents carry zeros here, so a day that began after the horizon is listed all the same.
pub(super) fn indicators(question: &Question) -> Printed {
    let (world, now) = (question.world, question.now);
    let horizon = world.horizon(now);
    let begun = question.asked.iter().filter(|(from, _)| *from <= now);
    let begun = begun.map(|(from, to): &Pass| (*from, (*to).min(second_after(now))));
    question.print(begun.flat_map(|(from, to)| world.kpi_seen(question.index, from, to, horizon)).map(kpi))
}

fn kpi(row: KpiRow) -> Kpi {
    Kpi {
        agent_id: row.agent_id,
        agent_name: row.agent_name,
        agent_dni: row.agent_dni,
        stats: row.stats.iter().map(stats).collect(),
    }
}

fn stats(day: &KpiDay) -> Stats {
    Stats {
        date: day.date.strftime("%Y%m%d").to_string(),
        points: day.points.to_string(),
        hits: day.hits.to_string(),
        calls: day.calls.to_string(),
        aht_time: clock(day.aht),
        acw_time: clock(day.acw),
        occupancy: percent(day.occupancy_percent),
        login_time: clock(day.login),
    }
}
