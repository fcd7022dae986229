//! The world: what truly happened in an operation between two instants.

use std::sync::{Arc, OnceLock};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::Settings;
use crate::calendar::{self, Pass, Span};
use crate::callbacks::CallbackDay;
pub use crate::callbacks::CallbackRow;
use crate::floor::Shift;
use crate::kept::Kept;
pub use crate::people::{Agent, ROUTING_POINT};
use crate::people::{former, roster};
use crate::plan::{self, Plan, Seat};
pub use crate::plan::{AUX_STATES, CLOSING_CODES};
use crate::random::Random;

/// Seconds one agent spent in one pause state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuxRow {
    /// The agent's extension.
    pub agent_id: String,
    /// The agent's document.
    pub agent_dni: String,
    /// The agent's name as printed.
    pub agent_name: String,
    /// The pause state.
    pub aux_state: &'static str,
    /// Seconds in it.
    pub seconds: u64,
}

/// Hold and mute of one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldMuteRow {
    /// The agent's name as printed, or the routing point.
    pub agent_name: String,
    /// How many holds and mutes began.
    pub count: u64,
    /// Seconds on hold.
    pub hold: u64,
    /// Seconds muted.
    pub mute: u64,
}

/// Interactions one agent closed with one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedRow {
    /// The agent's name as printed, or the routing point.
    pub agent_name: String,
    /// The closing code.
    pub code: &'static str,
    /// What the code means.
    pub description: &'static str,
    /// How many.
    pub interactions: u64,
}

/// The indicators of one agent, per local day the window touches, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KpiRow {
    /// The agent's extension.
    pub agent_id: String,
    /// The agent's name as printed.
    pub agent_name: String,
    /// The agent's document.
    pub agent_dni: String,
    /// One entry per local day.
    pub stats: Vec<KpiDay>,
}

/// The part of one local day that lies in the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KpiDay {
    /// The local day.
    pub date: Date,
    /// Gamification points.
    pub points: u64,
    /// Calls that reached their aim.
    pub hits: u64,
    /// Calls that ended.
    pub calls: u64,
    /// Average handle time of those calls in seconds, exact; 0 without calls.
    pub aht: u64,
    /// Wrap-up seconds of those calls, in total.
    pub acw: u64,
    /// calls × aht / login, rounded to a whole percent; 0 without login.
    pub occupancy_percent: u64,
    /// Seconds logged in.
    pub login: u64,
}

/// Every operation's past and future, computed from the seed alone. Windows are half-open and whole seconds; what
/// they count sums exactly over any split.
pub struct World {
    seed: u64,
    lag: bool,
    sites: Vec<Site>,
    plans: Kept<Plan>,
    shifts: Kept<Shift>,
}

struct Site {
    zone: TimeZone,
    agents: usize,
    callbacks_per_day: i64,
    roster: OnceLock<Vec<Agent>>,
}

/// More agent-days than a month of a large operation; a few tens of megabytes.
const PLANS_KEPT: usize = 10_000;

/// Enough for today of a large operation, in as much memory: the details of a plan are ten times its size.
const SHIFTS_KEPT: usize = 2_000;

impl World {
    /// The world of these settings.
    pub fn new(settings: &Settings) -> World {
        let site = |operation: &crate::Operation| Site {
            zone: operation.zone.clone(),
            agents: operation.agents,
            callbacks_per_day: i64::try_from(operation.callbacks_per_day).unwrap_or(0),
            roster: OnceLock::new(),
        };
        World {
            seed: settings.seed,
            lag: settings.lag,
            sites: settings.operations.iter().map(site).collect(),
            plans: Kept::up_to(PLANS_KEPT),
            shifts: Kept::up_to(SHIFTS_KEPT),
        }
    }

    /// Up to which instant, exclusive, the vendor shows what happened when it is `now`.
    pub fn horizon(&self, now: Timestamp) -> Timestamp {
        let now = now.as_second();
        let seen = if self.lag { (now - 600).div_euclid(180) * 180 } else { now };
        Timestamp::from_second(seen).unwrap_or(Timestamp::MIN)
    }

    /// The operation's agents, without the routing point; empty for an unknown operation.
    pub fn agents(&self, operation: usize) -> &[Agent] {
        let Some(site) = self.sites.get(operation) else {
            return &[];
        };
        site.roster.get_or_init(|| roster(self.seed, operation, site.agents))
    }

    /// People who left, and whose accounts are still there: nothing else ever tells of them.
    pub(super) fn former_agents(&self, operation: usize) -> Vec<Agent> {
        former(self.seed, operation, self.agents(operation))
    }

    /// Pause seconds per agent and state; agents and states without any are absent.
    pub fn aux(&self, operation: usize, from: Timestamp, to: Timestamp) -> Vec<AuxRow> {
        let spans = self.spans(operation, from, to);
        let mut rows = Vec::new();
        for (index, agent) in self.agents(operation).iter().enumerate() {
            let mut seconds = [0; AUX_STATES.len()];
            for span in &spans {
                for pause in &self.plan(operation, index, span).pauses {
                    seconds[pause.state] += span.overlap(pause.start, pause.end);
                }
            }
            for (aux_state, seconds) in AUX_STATES.into_iter().zip(seconds).filter(|(_, seconds)| *seconds > 0) {
                rows.push(AuxRow {
                    agent_id: agent.id.clone(),
                    agent_dni: agent.dni.clone(),
                    agent_name: agent.name.clone(),
                    aux_state,
                    seconds,
                });
            }
        }
        rows
    }

    /// Hold and mute per agent, the routing point last; a use counts where it begins, its seconds where they pass.
    pub fn hold_mute(&self, operation: usize, from: Timestamp, to: Timestamp) -> Vec<HoldMuteRow> {
        let spans = self.spans(operation, from, to);
        let mut rows = Vec::new();
        for (index, name) in self.names(operation).enumerate() {
            let (mut count, mut hold, mut mute) = (0, 0, 0);
            for span in &spans {
                for used in &self.plan(operation, index, span).holds {
                    count += u64::from(span.contains(used.start));
                    let seconds = if used.mute { &mut mute } else { &mut hold };
                    *seconds += span.overlap(used.start, used.end);
                }
            }
            if count + hold + mute > 0 {
                rows.push(HoldMuteRow { agent_name: name.to_owned(), count, hold, mute });
            }
        }
        rows
    }

    /// Closed interactions per agent and code, the routing point last.
    pub fn closed(&self, operation: usize, from: Timestamp, to: Timestamp) -> Vec<ClosedRow> {
        let spans = self.spans(operation, from, to);
        let mut rows = Vec::new();
        for (index, name) in self.names(operation).enumerate() {
            let mut counts = [0; CLOSING_CODES.len()];
            for span in &spans {
                for closing in &self.plan(operation, index, span).closings {
                    counts[closing.code] += u64::from(span.contains(closing.at));
                }
            }
            let coded = CLOSING_CODES.into_iter().zip(counts).filter(|(_, interactions)| *interactions > 0);
            rows.extend(coded.map(|((code, description), interactions)| ClosedRow {
                agent_name: name.to_owned(),
                code,
                description,
                interactions,
            }));
        }
        rows
    }

    /// Callbacks whose inbound call lies in the window, oldest first.
    pub fn callbacks(&self, operation: usize, from: Timestamp, to: Timestamp) -> Vec<CallbackRow> {
        let Some(site) = self.sites.get(operation) else {
            return Vec::new();
        };
        let mut rows = Vec::new();
        for span in self.spans(operation, from, to) {
            let day = CallbackDay {
                key: self.day_key(operation, &span),
                start: span.start,
                length: span.length,
                per_day: site.callbacks_per_day,
            };
            rows.extend(day.within(span.low, span.high));
        }
        rows
    }

    /// Indicators of every agent for every local day of the window, idle or not.
    pub fn kpi(&self, operation: usize, from: Timestamp, to: Timestamp) -> Vec<KpiRow> {
        self.kpi_seen(operation, from, to, to)
    }

    /// The same, but counting only what lies before `horizon`: days that are not visible yet are listed with zeros.
    pub fn kpi_seen(&self, operation: usize, from: Timestamp, to: Timestamp, horizon: Timestamp) -> Vec<KpiRow> {
        let mut spans = self.spans(operation, from, to);
        spans.reverse();
        for span in &mut spans {
            span.high = span.high.min(horizon.as_second() - span.start).max(span.low);
        }
        let row = |(index, agent): (usize, &Agent)| KpiRow {
            agent_id: agent.id.clone(),
            agent_name: agent.name.clone(),
            agent_dni: agent.dni.clone(),
            stats: spans.iter().map(|span| kpi_day(&self.plan(operation, index, span), span)).collect(),
        };
        self.agents(operation).iter().enumerate().map(row).collect()
    }

    /// Everybody whom the reports without ids name: the agents, then the routing point.
    fn names(&self, operation: usize) -> impl Iterator<Item = &str> {
        let agents = self.agents(operation);
        let routing = (!agents.is_empty()).then_some(ROUTING_POINT);
        agents.iter().map(|agent| agent.name.as_str()).chain(routing)
    }

    fn plan(&self, operation: usize, agent: usize, span: &Span) -> Arc<Plan> {
        self.plans.get((operation, agent, span.start), || self.draw(operation, agent, span))
    }

    /// Tells of every agent's part of every local day that these stretches of time touch, the routing point's last.
    pub(super) fn each_shift(&self, operation: usize, seen: &[Pass], mut tell: impl FnMut(usize, &Span, &Shift)) {
        let spans: Vec<Span> = seen.iter().flat_map(|(from, to)| self.spans(operation, *from, *to)).collect();
        for agent in 0..self.names(operation).count() {
            for span in &spans {
                tell(agent, span, &self.shift(operation, agent, span));
            }
        }
    }

    /// What an agent does on the day of this span, in detail.
    pub(super) fn shift(&self, operation: usize, agent: usize, span: &Span) -> Arc<Shift> {
        self.shifts.get((operation, agent, span.start), || {
            let key = [self.seed, operation as u64, agent as u64, span.start.cast_unsigned()];
            Shift::of(&self.plan(operation, agent, span), span.length, key)
        })
    }

    /// A stream of random of this world.
    pub(super) fn random(&self, parts: &[u64]) -> Random {
        let key: Vec<u64> = [self.seed].iter().chain(parts).copied().collect();
        Random::of(&key)
    }

    /// What belongs to one operation's local day and to no agent: the seed of its random.
    pub(super) fn day_key(&self, operation: usize, span: &Span) -> [u64; 3] {
        [self.seed, operation as u64, span.start.cast_unsigned()]
    }

    /// The local day of this instant, up to it.
    pub(super) fn day_until(&self, operation: usize, now: Timestamp) -> Option<Span> {
        calendar::day_until(&self.sites.get(operation)?.zone, now)
    }

    fn draw(&self, operation: usize, agent: usize, span: &Span) -> Plan {
        let agents = self.sites.get(operation).map_or(0, |site| site.agents);
        let mut random = Random::of(&[self.seed, operation as u64, agent as u64, span.start.cast_unsigned(), 0xDA7]);
        if agent >= agents {
            plan::routing_point(&mut random, span.length)
        } else {
            plan::person(&mut random, &Seat::of(agent, agents), span.length)
        }
    }

    /// The window cut at local midnights, oldest part first.
    pub(super) fn spans(&self, operation: usize, from: Timestamp, to: Timestamp) -> Vec<Span> {
        let zone = self.sites.get(operation).map(|site| &site.zone);
        zone.map_or_else(Vec::new, |zone| calendar::spans(zone, from, to))
    }
}

fn kpi_day(plan: &Plan, span: &Span) -> KpiDay {
    let (mut points, mut hits, mut calls) = (0, 0, 0);
    for call in plan.calls.iter().filter(|call| span.contains(call.at)) {
        points += call.points;
        hits += u64::from(call.hit);
        calls += 1;
    }
    let login = span.overlap(plan.login.0, plan.login.1);
    let aht = if calls > 0 { plan.handle } else { 0 };
    // Rounded half up; a window without login has no occupancy, even when a call ended in it.
    let occupancy_percent = (calls * aht * 100 + login / 2).checked_div(login).unwrap_or(0);
    KpiDay { date: span.date, points, hits, calls, aht, acw: calls * plan.wrap_up, occupancy_percent, login }
}

/// One second after this instant: turns the vendor's inclusive end into an exclusive one.
pub(super) fn second_after(at: Timestamp) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(1)).unwrap_or(at)
}
