//! Rows printed as JSON, as the vendor prints them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::world::{AuxRow, CallbackRow, ClosedRow, HoldMuteRow, KpiDay, KpiRow};

/// The rows of one report as a JSON array, at most `limit` of them, and how many they are.
pub(super) struct Printed {
    pub(super) rows: usize,
    pub(super) json: String,
}

#[derive(Serialize)]
struct Paused<'a> {
    agent_id: &'a str,
    agent_dni: &'a str,
    agent_name: &'a str,
    aux_state: &'a str,
    time: String,
}

#[derive(Serialize)]
struct HoldMute<'a> {
    agent_name: &'a str,
    count: String,
    hold_time: String,
    mute_time: String,
    total_time: String,
}

#[derive(Serialize)]
struct Closed<'a> {
    interactions: String,
    agent_name: &'a str,
    cod_act: &'a str,
    description_cod_act: &'a str,
}

#[derive(Serialize)]
struct Callback<'a> {
    skill_id: &'a str,
    date_inbound_call: String,
    date_last_outbound_call: String,
    status: &'a str,
    attempts: String,
    ani: &'a str,
    dial_phone: &'a str,
    time_between_calls: String,
    time: String,
    billed_minutes: String,
    customer_id: &'a str,
}

#[derive(Serialize)]
struct Kpi<'a> {
    agent_id: &'a str,
    agent_name: &'a str,
    agent_dni: &'a str,
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

pub(super) fn aux(rows: &[AuxRow], limit: usize) -> Printed {
    print(rows.iter().take(limit).map(|row| Paused {
        agent_id: &row.agent_id,
        agent_dni: &row.agent_dni,
        agent_name: &row.agent_name,
        aux_state: row.aux_state,
        time: clock(row.seconds),
    }))
}

pub(super) fn hold_mute(rows: &[HoldMuteRow], limit: usize) -> Printed {
    print(rows.iter().take(limit).map(|row| HoldMute {
        agent_name: &row.agent_name,
        count: row.count.to_string(),
        hold_time: clock(row.hold),
        mute_time: clock(row.mute),
        total_time: clock(row.hold + row.mute),
    }))
}

pub(super) fn closed(rows: &[ClosedRow], limit: usize) -> Printed {
    print(rows.iter().take(limit).map(|row| Closed {
        interactions: row.interactions.to_string(),
        agent_name: &row.agent_name,
        cod_act: row.code,
        description_cod_act: row.description,
    }))
}

pub(super) fn callbacks(rows: &[CallbackRow], limit: usize, zone: &TimeZone) -> Printed {
    print(rows.iter().take(limit).map(|row| Callback {
        skill_id: &row.skill_id,
        date_inbound_call: wall_clock(row.inbound, zone),
        date_last_outbound_call: row.last_outbound.map_or_else(|| "--".to_owned(), |at| wall_clock(at, zone)),
        status: row.status,
        attempts: row.attempts.to_string(),
        ani: &row.ani,
        dial_phone: &row.dial_phone,
        time_between_calls: clock(row.time_between_calls),
        time: clock(row.time),
        billed_minutes: billed(row),
        customer_id: &row.customer_id,
    }))
}

pub(super) fn kpi(rows: &[KpiRow], limit: usize) -> Printed {
    print(rows.iter().take(limit).map(|row| Kpi {
        agent_id: &row.agent_id,
        agent_name: &row.agent_name,
        agent_dni: &row.agent_dni,
        stats: row.stats.iter().map(stats).collect(),
    }))
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

fn print<T: Serialize>(rows: impl Iterator<Item = T>) -> Printed {
    let rows: Vec<T> = rows.collect();
    // Structs of texts always have a JSON form; an empty answer would show at once if that ever changed.
    Printed { rows: rows.len(), json: serde_json::to_string(&rows).unwrap_or_default() }
}

fn billed(row: &CallbackRow) -> String {
    if row.billed_as_clock { clock(row.billed_minutes * 60) } else { row.billed_minutes.to_string() }
}

/// `HH:MM:SS`, with as many digits of hours as it takes.
fn clock(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Comma thousands, as in the vendor's `15,233.33 %`.
fn percent(value: u64) -> String {
    match (value / 1_000, value % 1_000) {
        (0, rest) => format!("{rest} %"),
        (thousands, rest) => format!("{thousands},{rest:03} %"),
    }
}

fn wall_clock(at: Timestamp, zone: &TimeZone) -> String {
    zone.to_datetime(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
