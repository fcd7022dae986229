//! What each agent did, added up over some stretches of time.

use jiff::Timestamp;

use crate::calendar::{Pass, Span};
use crate::floor::{Activity, Call, Direction, QUESTIONS, SECOND_CODES, Shift};
use crate::plan::CLOSING_CODES;
use crate::world::World;

/// Something for each way a call can go.
#[derive(Clone, Copy, Default)]
pub(super) struct ByDirection {
    pub(super) inbound: u64,
    pub(super) outbound: u64,
    pub(super) internal: u64,
}

impl ByDirection {
    fn of(&mut self, direction: Direction) -> &mut u64 {
        match direction {
            Direction::Inbound => &mut self.inbound,
            Direction::Outbound => &mut self.outbound,
            Direction::Internal => &mut self.internal,
        }
    }

    pub(super) fn total(self) -> u64 {
        self.inbound + self.outbound + self.internal
    }
}

/// The work of one agent.
#[derive(Clone, Default)]
pub(super) struct Work {
    pub(super) calls: ByDirection,
    pub(super) hits: u64,
    /// Calls that spoke with whom they were meant for.
    pub(super) reached: u64,
    /// Seconds of each activity; together they are the seconds logged in.
    pub(super) ready: u64,
    pub(super) ringing: u64,
    pub(super) talking: ByDirection,
    pub(super) wrapping_up: ByDirection,
    pub(super) away: u64,
    /// When the first of the sessions began, though it may have been before the window.
    pub(super) login: Option<Timestamp>,
    /// When the last of them ended; while it goes on, the newest instant seen, or where the pause began.
    pub(super) logout: Option<Timestamp>,
    /// Calls of each of `CLOSING_CODES`, and of each of `SECOND_CODES`.
    pub(super) codes: [u64; CLOSING_CODES.len()],
    pub(super) second_codes: [u64; SECOND_CODES.len()],
    pub(super) uncoded: u64,
    pub(super) surveys: u64,
    /// Points that all surveys together gave to each question.
    pub(super) points: [u64; QUESTIONS],
    pub(super) evaluations: u64,
    pub(super) scores: u64,
    pub(super) user_errors: u64,
    pub(super) business_errors: u64,
    pub(super) transfers: u64,
    pub(super) conferences: u64,
    /// Seconds of the transferred calls and the conferences after the third person came in.
    pub(super) handed_over: u64,
    pub(super) chats: u64,
    pub(super) chat_life: u64,
    pub(super) transferred_chats: u64,
    /// Interactions closed, and seconds from their arrival to their closing.
    pub(super) interactions: u64,
    pub(super) closing_time: u64,
}

impl Work {
    pub(super) fn logged_in(&self) -> u64 {
        self.ready + self.ringing + self.talking.total() + self.wrapping_up.total() + self.away
    }

    /// Seconds with customers or what they leave to do.
    pub(super) fn busy(&self) -> u64 {
        self.talking.total() + self.wrapping_up.total()
    }

    fn add(&mut self, span: &Span, shift: &Shift) {
        for stretch in &shift.stretches {
            let seconds = span.overlap(stretch.start, stretch.end);
            *self.seconds_of(stretch.activity) += seconds;
        }
        if span.overlap(shift.login.0, shift.login.1) > 0 {
            self.login = self.login.or(Some(span.at(shift.login.0)));
            self.logout = Some(span.at(last_sign(span, shift)));
        }
        shift.calls_within(span).for_each(|call| self.add_call(call));
        for chat in shift.chats.iter().filter(|chat| !chat.lost && span.contains(chat.at)) {
            self.chats += 1;
            self.chat_life += chat.life;
            self.transferred_chats += u64::from(chat.transferred);
        }
        for interaction in shift.interactions.iter().filter(|interaction| span.contains(interaction.at)) {
            self.interactions += 1;
            self.closing_time += interaction.seconds;
        }
    }

    fn seconds_of(&mut self, activity: Activity) -> &mut u64 {
        match activity {
            Activity::Ready => &mut self.ready,
            Activity::Ringing => &mut self.ringing,
            Activity::Talking(direction) => self.talking.of(direction),
            Activity::WrappingUp(direction) => self.wrapping_up.of(direction),
            Activity::Away(_) => &mut self.away,
        }
    }

    fn add_call(&mut self, call: &Call) {
        *self.calls.of(call.direction) += 1;
        self.hits += u64::from(call.hit);
        self.reached += u64::from(call.reached());
        *call.code.map_or(&mut self.uncoded, |code| &mut self.codes[code]) += 1;
        if let Some(code) = call.second_code {
            self.second_codes[code] += 1;
        }
        if let Some(survey) = call.survey {
            self.surveys += 1;
            self.points.iter_mut().zip(survey).for_each(|(points, given)| *points += u64::from(given));
        }
        if let Some(evaluation) = &call.evaluation {
            self.evaluations += 1;
            self.scores += evaluation.score;
            self.user_errors += u64::from(evaluation.user_error);
            self.business_errors += u64::from(evaluation.business_error);
        }
        if let Some(handover) = &call.handover {
            *if handover.conference { &mut self.conferences } else { &mut self.transfers } += 1;
            self.handed_over += handover.seconds;
        }
    }
}

/// The second of the day at which the vendor has an agent leave: a pause hides whether it is still there.
fn last_sign(span: &Span, shift: &Shift) -> i64 {
    let end = shift.login.1;
    if end <= span.high {
        return end;
    }
    match shift.stretch_at(span.high) {
        Some(stretch) if matches!(stretch.activity, Activity::Away(_)) => stretch.start,
        _ => span.high,
    }
}

impl World {
    /// The work of everybody: the agents in their order, then the routing point, whose share is interactions only.
    pub(super) fn work(&self, operation: usize, seen: &[Pass]) -> Vec<Work> {
        let agents = self.agents(operation).len();
        let mut work = vec![Work::default(); if agents > 0 { agents + 1 } else { 0 }];
        self.each_shift(operation, seen, |agent, span, shift| work[agent].add(span, shift));
        work
    }
}
