//! The reports: what each is asked with, and who prints it. A new one is a row of [`REPORTS`] and a function.

mod account;
mod agents;
mod chats;
mod coding;
mod dialling;
mod form;
mod gamification;
mod network;
mod opinions;
mod roster;
mod skills;
mod smart_wait;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::Operation;
use crate::calendar::Pass;
use crate::message::Request;
use crate::queue::SKILLS;
use crate::world::World;

/// One report of the vendor.
pub(super) struct Report {
    /// The file under `/api/v2/`, without its `.php`.
    pub(super) file: &'static str,
    pub(super) api: &'static str,
    /// Whether it must be asked with two dates and shows what lies between them, up to the horizon. The others say what
    /// is now, whatever dates they are sent.
    pub(super) dated: bool,
    /// Query parameters without which the vendor refuses, beside the dates.
    required: &'static [&'static str],
    pub(super) frame: Frame,
    pub(super) print: fn(&Question) -> Printed,
}

/// What an answer's rows are sent in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    Envelope,
    /// The envelope, its `code` a text.
    TextCode,
    /// None at all: the rows are the answer.
    Bare,
}

/// Every report that is simulated.
pub(super) static REPORTS: [Report; 28] = [
    dated("reports_manager", "agent_3", &[], agents::pauses),
    dated("reports_manager", "agent_9", &[], agents::hold_mute),
    dated("reports_manager", "chat_7", &[], chats::closed),
    dated("reports_manager", "diagram_3", &[], smart_wait::callbacks),
    Report { frame: Frame::TextCode, ..dated("gamification", "agents_kpi", &[], gamification::indicators) },
    now("information", "token_info", &[], account::token),
    now("information", "services", &[], account::services),
    now("information", "agents", &[], roster::roster),
    now("real_time", "agents", &[], agents::states),
    now("real_time", "skills", &["skill_id"], skills::queues),
    now("real_time", "calls_last_10", &[], dialling::recent_calls),
    Report { frame: Frame::Bare, ..now("real_time", "campaigns", &[], dialling::campaigns) },
    now("real_time", "latency", &[], network::latency),
    dated("reports_manager", "agent_1", &[], agents::times),
    dated("reports_manager", "agent_12", &[], agents::transfers),
    dated("reports_manager", "skill_1", &["skill_id"], skills::service),
    dated("reports_manager", "skill_11", &["skill_id"], skills::service_by_type),
    dated("reports_manager", "act_1", &["cod_act"], coding::coded),
    dated("reports_manager", "act_4", &[], coding::uncoded),
    dated("reports_manager", "chat_16", &[], chats::of_agents),
    dated("reports_manager", "chat_13", &[], chats::of_channels),
    dated("reports_manager", "chat_5", &[], chats::interactions_of_agents),
    dated("reports_manager", "chat_3", &[], chats::interactions_of_channels),
    dated("reports_manager", "diagram_2", &[], smart_wait::summary),
    dated("reports_manager", "diagram_5", &[], opinions::surveys),
    dated("reports_manager", "quality_1", &[], opinions::evaluations),
    dated("reports_manager", "cdr_6", &[], dialling::unconnected),
    dated("reports_manager", "campaign_4", &["campaign_id"], dialling::results),
];

type Print = fn(&Question) -> Printed;

const fn dated(file: &'static str, api: &'static str, required: &'static [&'static str], print: Print) -> Report {
    Report { file, api, dated: true, required, frame: Frame::Envelope, print }
}

const fn now(file: &'static str, api: &'static str, required: &'static [&'static str], print: Print) -> Report {
    Report { dated: false, ..dated(file, api, required, print) }
}

/// A query parameter; an empty one is none.
fn sent<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.parameter(name).filter(|value| !value.is_empty())
}

impl Report {
    /// Whether a request has every parameter that the report requires, the dates aside.
    pub(super) fn is_asked_by(&self, request: &Request) -> bool {
        self.required.iter().all(|name| sent(request, name).is_some())
    }

    /// The report of this path, such as `/api/v2/real_time.php`, and name.
    pub(super) fn find(path: &str, api: &str) -> Option<&'static Report> {
        let file = path.strip_prefix("/api/v2/")?.strip_suffix(".php")?;
        REPORTS.iter().find(|report| report.file == file && report.api == api)
    }
}

/// What a report is asked, and by whom.
pub(super) struct Question<'a> {
    pub(super) world: &'a World,
    /// Which operation of the world.
    pub(super) index: usize,
    pub(super) operation: &'a Operation,
    pub(super) request: &'a Request,
    /// The stretches between the dates; none where the report has no dates.
    pub(super) asked: Vec<Pass>,
    pub(super) now: Timestamp,
    /// What the token used of its budget today.
    pub(super) used: u64,
    /// How many rows the answer has at most.
    pub(super) limit: usize,
}

impl Question<'_> {
    /// What was asked, up to the horizon.
    fn seen(&self) -> Vec<Pass> {
        let horizon = self.world.horizon(self.now);
        self.asked.iter().map(|(from, to)| (*from, (*to).min(horizon))).filter(|(from, to)| from < to).collect()
    }

    /// The rows of one stretch after the other.
    fn rows<R>(&self, of: impl Fn(usize, Timestamp, Timestamp) -> Vec<R>) -> Vec<R> {
        self.seen().into_iter().flat_map(|(from, to)| of(self.index, from, to)).collect()
    }

    /// The local day up to now, which is what real time counts: without any lag.
    fn today(&self) -> Vec<Pass> {
        let day = self.world.day_until(self.index, self.now);
        day.map(|day| (day.at(0), self.now)).into_iter().collect()
    }

    /// So many seconds before now.
    fn ago(&self, seconds: i64) -> Timestamp {
        self.now.saturating_sub(SignedDuration::from_secs(seconds)).unwrap_or(self.now)
    }

    /// A query parameter that is not empty.
    fn parameter(&self, name: &str) -> Option<&str> {
        sent(self.request, name)
    }

    /// Whether an optional parameter, where `all` means all, admits this one.
    fn admits(&self, parameter: &str, id: &str) -> bool {
        self.parameter(parameter).is_none_or(|wanted| wanted == id || wanted.eq_ignore_ascii_case("all"))
    }

    /// Which of `SKILLS` were asked for.
    fn skills(&self) -> impl Iterator<Item = usize> {
        (0..SKILLS.len()).filter(|skill| self.admits("skill_id", SKILLS[*skill].0))
    }

    fn print<T: Serialize>(&self, rows: impl IntoIterator<Item = T>) -> Printed {
        let rows: Vec<T> = rows.into_iter().take(self.limit).collect();
        // Structs of texts always have a JSON form; an empty answer would show at once if that ever changed.
        Printed { rows: rows.len(), json: serde_json::to_string(&rows).unwrap_or_default() }
    }
}

/// What an answer carries as JSON, and how many rows that is.
pub(super) struct Printed {
    pub(super) rows: usize,
    pub(super) json: String,
}
