//! What happens on the floor: an agent's day as stretches of one activity each, and its calls in detail.
//!
//! All of it is added to the plan of the day, which stays as it is, by random numbers of its own: one stream per call, so
//! that whatever is added to a call later changes nothing that was there before.

use crate::calendar::Span;
use crate::campaigns;
use crate::chats::{self, Chat, Interaction};
use crate::plan::Plan;
use crate::queue::{self, SKILLS};
use crate::random::Random;

/// Codes of the second group, which some calls are given as well.
pub(super) const SECOND_CODES: [(&str, &str); 4] = [
    ("CLIENTE_NUEVO", "Cliente nuevo"),
    ("CLIENTE_ANTIGUO", "Cliente antiguo"),
    ("TERCERO", "Contesta un tercero"),
    ("EMPRESA", "Línea de una empresa"),
];

/// Places in `CLOSING_CODES`: a call that reached its aim is a sale, and one whose coding time ran out is closed for it.
const SALE: usize = 0;
const NOBODY: usize = 1;
const TIMEOUT_ACW: usize = 7;

/// Questions that a survey of this operation asks.
pub(super) const QUESTIONS: usize = 5;

/// The points that a question may be given; repeated ones are the more frequent.
const POINTS: [u8; 10] = [5, 5, 5, 5, 4, 4, 4, 3, 2, 1];

/// What an agent is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    Ready,
    Ringing,
    Talking(Direction),
    WrappingUp(Direction),
    /// Which of `AUX_STATES` it is away for.
    Away(usize),
}

/// Which way a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Inbound,
    Outbound,
    Internal,
}

/// Seconds of the day, half-open, with one activity.
pub(super) struct Stretch {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) activity: Activity,
}

/// One answered call. It counts where it ends, as it does in the indicators.
pub(super) struct Call {
    /// When the agent answers, or is answered.
    pub(super) start: i64,
    /// When it ends.
    pub(super) at: i64,
    pub(super) direction: Direction,
    /// Seconds it rings at the agent; 0 where the agent calls.
    ring: i64,
    /// Seconds from the caller's arrival to the answer; 0 where the agent calls.
    pub(super) wait: i64,
    /// Which of `SKILLS` the caller waited for.
    pub(super) skill: usize,
    /// Which of the campaigns dialled.
    pub(super) campaign: Option<usize>,
    pub(super) hit: bool,
    /// Which of `CLOSING_CODES` it was given.
    pub(super) code: Option<usize>,
    /// Which of `SECOND_CODES`.
    pub(super) second_code: Option<usize>,
    /// Points from 1 to 5 that the caller gave to each question.
    pub(super) survey: Option<[u8; QUESTIONS]>,
    pub(super) evaluation: Option<Evaluation>,
    pub(super) handover: Option<Handover>,
    /// The last digits of the customer's number.
    pub(super) customer: u64,
}

/// What somebody who listened to a call thought of it.
pub(super) struct Evaluation {
    /// Out of a hundred.
    pub(super) score: u64,
    pub(super) user_error: bool,
    pub(super) business_error: bool,
}

/// A call that a third person came into.
pub(super) struct Handover {
    /// Both stayed, rather than the agent leaving.
    pub(super) conference: bool,
    pub(super) seconds: u64,
}

/// An agent's local day.
pub(super) struct Shift {
    pub(super) login: (i64, i64),
    /// Side by side from login to logout.
    pub(super) stretches: Vec<Stretch>,
    pub(super) calls: Vec<Call>,
    pub(super) chats: Vec<Chat>,
    /// One for each closing of the plan.
    pub(super) interactions: Vec<Interaction>,
}

impl Shift {
    /// The details of a planned day of that many seconds. The key is its seed, operation, agent and beginning.
    pub(super) fn of(plan: &Plan, length: i64, key: [u64; 4]) -> Shift {
        let ends = plan.calls.iter().zip(0..);
        let calls: Vec<Call> = ends
            .map(|(end, index)| {
                let mut random = Random::of(&[key[0], key[1], key[2], key[3], 0xCA11, index]);
                call(&mut random, (end.at - plan.handle.cast_signed(), end.at), end.hit, length)
            })
            .collect();
        Shift {
            login: plan.login,
            stretches: stretches(plan, &calls),
            calls,
            chats: chats::chats(&mut Random::of(&[key[0], key[1], key[2], key[3], 0xC4A7]), plan.login),
            interactions: chats::interactions(&mut Random::of(&[key[0], key[1], key[2], key[3], 0x1A7E]), plan),
        }
    }

    /// What the agent does at a second of the day, if it is logged in.
    pub(super) fn stretch_at(&self, second: i64) -> Option<&Stretch> {
        self.stretches.iter().find(|stretch| (stretch.start..stretch.end).contains(&second))
    }

    /// The calls that end within the span.
    pub(super) fn calls_within(&self, span: &Span) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(|call| span.contains(call.at))
    }
}

fn call(random: &mut Random, (start, at): (i64, i64), hit: bool, length: i64) -> Call {
    let direction = match random.amount(0, 99) {
        0..60 => Direction::Inbound,
        60..93 => Direction::Outbound,
        _ => Direction::Internal,
    };
    let inbound = direction == Direction::Inbound;
    // The plan leaves an agent at least five seconds before each call.
    let ring = random.between(2, 5);
    let wait = (ring + queue::wait(random, start, length)).min(start);
    let skill = random.index(SKILLS.len());
    let campaign = campaigns::dialler(random, (start, at), length).filter(|_| direction == Direction::Outbound);
    let code = code(random, hit);
    Call {
        start,
        at,
        direction,
        ring: if inbound { ring } else { 0 },
        wait: if inbound { wait } else { 0 },
        skill: campaign.map_or(skill, |campaign| campaigns::CAMPAIGNS[campaign].skill),
        campaign,
        hit,
        code,
        second_code: random.percent(40).then(|| random.index(SECOND_CODES.len())).filter(|_| code.is_some()),
        survey: survey(random).filter(|_| inbound),
        evaluation: evaluation(random),
        handover: handover(random, at - start),
        customer: random.amount(0, 9_999),
    }
}

fn code(random: &mut Random, hit: bool) -> Option<usize> {
    let code = match random.amount(0, 99) {
        0..12 => None,
        12..18 => Some(TIMEOUT_ACW),
        _ => Some(NOBODY + random.index(5)),
    };
    if hit { Some(SALE) } else { code }
}

fn survey(random: &mut Random) -> Option<[u8; QUESTIONS]> {
    random.percent(15).then(|| std::array::from_fn(|_| POINTS[random.index(POINTS.len())]))
}

fn evaluation(random: &mut Random) -> Option<Evaluation> {
    let (score, user_error, business_error) = (random.amount(60, 100), random.percent(8), random.percent(5));
    random.percent(6).then_some(Evaluation { score, user_error, business_error })
}

fn handover(random: &mut Random, handle: i64) -> Option<Handover> {
    let (conference, seconds) = (random.percent(25), random.between(5, handle / 2).unsigned_abs());
    random.percent(8).then_some(Handover { conference, seconds })
}

impl Call {
    /// Whether the agent reached the person that the call was meant for.
    pub(super) fn reached(&self) -> bool {
        self.code.is_some_and(|code| code != NOBODY && code != TIMEOUT_ACW)
    }

    /// When the caller came into the queue.
    pub(super) fn arrival(&self) -> i64 {
        self.start - self.wait
    }

    /// Whether its caller waits at this second.
    pub(super) fn waits_at(&self, second: i64) -> bool {
        self.direction == Direction::Inbound && (self.arrival()..self.start).contains(&second)
    }
}

/// The plan's pauses and calls, and ready between them.
fn stretches(plan: &Plan, calls: &[Call]) -> Vec<Stretch> {
    let away = plan.pauses.iter().map(|pause| Stretch {
        start: pause.start,
        end: pause.end,
        activity: Activity::Away(pause.state),
    });
    let mut busy: Vec<Stretch> = away.collect();
    for call in calls {
        let wrapped_up = call.at + plan.wrap_up.cast_signed();
        let mut add = |start, end, activity| busy.push(Stretch { start, end, activity });
        add(call.start - call.ring, call.start, Activity::Ringing);
        add(call.start, call.at, Activity::Talking(call.direction));
        add(call.at, wrapped_up, Activity::WrappingUp(call.direction));
    }
    busy.sort_by_key(|stretch| (stretch.start, stretch.end));
    let (mut from, until) = plan.login;
    let mut all = Vec::new();
    for stretch in busy {
        all.push(Stretch { start: from, end: stretch.start, activity: Activity::Ready });
        from = stretch.end;
        all.push(stretch);
    }
    all.push(Stretch { start: from, end: until, activity: Activity::Ready });
    all.retain(|stretch| stretch.start < stretch.end);
    all.shrink_to_fit();
    all
}
