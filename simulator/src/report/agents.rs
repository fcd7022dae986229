//! Agents: what they did between two dates, and what they do now.

use serde::Serialize;

use super::form::{NOTHING, clock, share, whole_average};
use super::{Printed, Question};
use crate::calendar::Span;
use crate::floor::{Activity, Stretch};
use crate::people::Agent;
use crate::plan::AUX_STATES;
use crate::work::Work;

#[derive(Serialize)]
struct Paused {
    agent_id: String,
    agent_dni: String,
    agent_name: String,
    aux_state: &'static str,
    time: String,
}

#[derive(Serialize)]
struct HoldMute {
    agent_name: String,
    count: String,
    hold_time: String,
    mute_time: String,
    total_time: String,
}

#[derive(Serialize)]
struct Times<'a> {
    agent_id: &'a str,
    agent_dni: &'a str,
    agent_name: &'a str,
    calls: String,
    inbound: String,
    outbound: String,
    internal: String,
    ready_time: String,
    inbound_time: String,
    outbound_time: String,
    acw_time: String,
    ring_time: String,
    login_time: String,
    aht: String,
    occupancy: String,
    aux_time: String,
    hits: String,
    rpc: String,
    aht_outbund: String,
    aht_inbound: String,
    login: String,
    logout: String,
}

#[derive(Serialize)]
struct Transfers<'a> {
    agent_name: &'a str,
    agent_id: &'a str,
    transfer_calls: String,
    conference_calls: String,
    total_time: String,
}

#[derive(Serialize)]
struct State<'a> {
    agent_id: &'a str,
    agent_name: &'a str,
    agent_status: &'static str,
    calls: String,
    inbound: String,
    outbound: String,
    internal: String,
    time_state_now: String,
    ready_time: String,
    inbound_time: String,
    outbound_time: String,
    acw_time: String,
    ring_time: String,
    login_time: String,
    aht_time: String,
    ocupation: String,
    aux_time: String,
}

/// `agent_3`: seconds per agent and pause state.
pub(super) fn pauses(question: &Question) -> Printed {
    let rows = question.rows(|index, from, to| question.world.aux(index, from, to));
    question.print(rows.into_iter().map(|row| Paused {
        agent_id: row.agent_id,
        agent_dni: row.agent_dni,
        agent_name: row.agent_name,
        aux_state: row.aux_state,
        time: clock(row.seconds),
    }))
}

/// `agent_9`.
pub(super) fn hold_mute(question: &Question) -> Printed {
    let rows = question.rows(|index, from, to| question.world.hold_mute(index, from, to));
    question.print(rows.into_iter().map(|row| HoldMute {
        agent_name: row.agent_name,
        count: row.count.to_string(),
        hold_time: clock(row.hold),
        mute_time: clock(row.mute),
        total_time: clock(row.hold + row.mute),
    }))
}

/// `agent_1`: all agents, those without a login with zeros. The time of internal calls is outbound time, since the six
/// times must add up to the login time and an internal call is one that the agent dials.
pub(super) fn times(question: &Question) -> Printed {
    let seen = question.seen();
    let work = question.world.work(question.index, &seen);
    let agents = question.world.agents(question.index).iter().zip(&work).filter(|_| !seen.is_empty());
    question.print(agents.filter(|(agent, _)| question.admits("agent_id", &agent.id)).map(|(agent, work)| {
        let (calls, talking, wrapping_up) = (work.calls, work.talking, work.wrapping_up);
        let dialled = talking.outbound + talking.internal + wrapping_up.outbound + wrapping_up.internal;
        let written = |at: Option<_>| at.map_or_else(|| NOTHING.to_owned(), |at| question.wall_clock(at));
        Times {
            agent_id: &agent.id,
            agent_dni: &agent.dni,
            agent_name: &agent.name,
            calls: calls.total().to_string(),
            inbound: calls.inbound.to_string(),
            outbound: calls.outbound.to_string(),
            internal: calls.internal.to_string(),
            ready_time: clock(work.ready),
            inbound_time: clock(talking.inbound),
            outbound_time: clock(talking.outbound + talking.internal),
            acw_time: clock(wrapping_up.total()),
            ring_time: clock(work.ringing),
            login_time: clock(work.logged_in()),
            aht: clock(whole_average(work.busy(), calls.total())),
            occupancy: share(work.busy(), work.logged_in() - work.away),
            aux_time: clock(work.away),
            hits: work.hits.to_string(),
            rpc: work.reached.to_string(),
            aht_outbund: clock(whole_average(dialled, calls.outbound + calls.internal)),
            aht_inbound: clock(whole_average(talking.inbound + wrapping_up.inbound, calls.inbound)),
            login: written(work.login),
            logout: written(work.logout),
        }
    }))
}

/// `agent_12`. The vendor's table has a `skill_name` where its example has `agent_name`; the example is followed.
pub(super) fn transfers(question: &Question) -> Printed {
    let work = question.world.work(question.index, &question.seen());
    let agents = question.world.agents(question.index).iter().zip(&work);
    question.print(agents.filter(|(_, work)| work.transfers + work.conferences > 0).map(|(agent, work)| Transfers {
        agent_name: &agent.name,
        agent_id: &agent.id,
        transfer_calls: work.transfers.to_string(),
        conference_calls: work.conferences.to_string(),
        total_time: clock(work.handed_over),
    }))
}

/// `agents` of real time: who is logged in, in which state, and the day so far. Times are plain seconds here, as an
/// integrator reads them, but for the login time, which he keeps as text.
pub(super) fn states(question: &Question) -> Printed {
    let Some(day) = question.world.day_until(question.index, question.now) else {
        return question.print::<State>([]);
    };
    let work = question.world.work(question.index, &question.today());
    let idle = Work::default();
    let agents = question.world.agents(question.index).iter().enumerate();
    question.print(agents.filter_map(|(index, agent)| {
        let shift = question.world.shift(question.index, index, &day);
        Some(state(agent, shift.stretch_at(day.high)?, &day, work.get(index).unwrap_or(&idle)))
    }))
}

fn state<'a>(agent: &'a Agent, now: &Stretch, day: &Span, work: &Work) -> State<'a> {
    State {
        agent_id: &agent.id,
        agent_name: &agent.name,
        agent_status: word(now.activity),
        calls: work.calls.total().to_string(),
        inbound: work.calls.inbound.to_string(),
        outbound: work.calls.outbound.to_string(),
        internal: work.calls.internal.to_string(),
        time_state_now: (day.high - now.start).to_string(),
        ready_time: work.ready.to_string(),
        inbound_time: work.talking.inbound.to_string(),
        outbound_time: (work.talking.outbound + work.talking.internal).to_string(),
        acw_time: work.wrapping_up.total().to_string(),
        ring_time: work.ringing.to_string(),
        login_time: clock(work.logged_in()),
        aht_time: whole_average(work.busy(), work.calls.total()).to_string(),
        ocupation: share(work.busy(), work.logged_in() - work.away),
        aux_time: work.away.to_string(),
    }
}

/// The vendor's word for what an agent does; pauses are named by the operation.
pub(super) fn word(activity: Activity) -> &'static str {
    match activity {
        Activity::Ready => "READY",
        Activity::Ringing => "RING",
        Activity::Talking(_) => "TALK",
        Activity::WrappingUp(_) => "ACW",
        Activity::Away(pause) => AUX_STATES[pause],
    }
}
