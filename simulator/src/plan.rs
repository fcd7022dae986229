//! What one agent does, second by second, on one local day.

use crate::random::Random;

/// The pause states of every operation, in the order reports list them.
pub const AUX_STATES: [&str; 6] = ["Almuerzo", "Baño", "Break", "Capacitación", "Pausa activa", "Reunión"];

/// The codes an interaction can be closed with, and their descriptions.
pub const CLOSING_CODES: [(&str, &str); 8] = [
    ("VENTA", "Venta efectiva"),
    ("NO_CONTESTA", "El cliente no contesta"),
    ("INFO", "Información general"),
    ("RECLAMO", "Reclamo del cliente"),
    ("PQR", "Petición, queja o recurso"),
    ("AGENDA", "Cita agendada para mañana"),
    ("TIMEOUTCHAT", "Cierre automático por inactividad"),
    ("TIMEOUTACW", "Cierre automático de la codificación"),
];

const TIMEOUT_CHAT: usize = 6;
const TIMEOUT_ACW: usize = 7;
const LUNCH: usize = 0;

/// Every agent starts one pause per cycle, staggered over the shift: so somebody is nearly always away.
const CYCLE: i64 = 2_160;

/// A day of one agent. All times are whole seconds since the local day began; every interval is half-open.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) login: (i64, i64),
    pub(super) pauses: Vec<Pause>,
    pub(super) calls: Vec<CallEnd>,
    /// One handle time and one wrap-up for all calls of the day: only so is calls × average exactly additive.
    pub(super) handle: u64,
    pub(super) wrap_up: u64,
    pub(super) holds: Vec<Hold>,
    pub(super) closings: Vec<Closing>,
}

pub(super) struct Pause {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) state: usize,
}

pub(super) struct CallEnd {
    pub(super) at: i64,
    pub(super) points: u64,
    pub(super) hit: bool,
}

pub(super) struct Hold {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) mute: bool,
}

pub(super) struct Closing {
    pub(super) at: i64,
    pub(super) code: usize,
}

/// Where an agent sits: which third of the day, and which place among those who share it.
pub(super) struct Seat {
    shift: i64,
    position: usize,
    members: usize,
}

impl Seat {
    pub(super) fn of(agent: usize, agents: usize) -> Seat {
        let shift = agent % 3;
        Seat {
            shift: i64::try_from(shift).unwrap_or(0),
            position: agent / 3,
            members: agents / 3 + usize::from(shift < agents % 3),
        }
    }

    /// First, second and last of a shift never have a day off: the first minutes of a shift depend on them.
    fn may_be_off(&self) -> bool {
        self.position >= 2 && !self.is_last()
    }

    fn is_last(&self) -> bool {
        self.position + 1 == self.members
    }

    fn first_pause(&self) -> i64 {
        let position = i64::try_from(self.position).unwrap_or(0);
        position * CYCLE / i64::try_from(self.members.max(1)).unwrap_or(1)
    }
}

/// The day of a person. Shifts are thirds of the day's real length, so days of 23 and 25 hours are fully staffed.
pub(super) fn person(random: &mut Random, seat: &Seat, length: i64) -> Plan {
    let mut plan = Plan::default();
    if length <= 0 || (seat.may_be_off() && random.percent(10)) {
        return plan;
    }
    plan.login = (length * seat.shift / 3, length * (seat.shift + 1) / 3);
    plan.handle = random.amount(120, 420);
    plan.wrap_up = random.amount(10, 40);
    plan_pauses(&mut plan, random, seat.first_pause());
    plan_work(&mut plan, random, seat);
    plan
}

fn plan_pauses(plan: &mut Plan, random: &mut Random, first: i64) {
    let (begin, end) = plan.login;
    let lunch_cycle = random.between(4, 7);
    let mut earliest = begin;
    for cycle in 0.. {
        let start = (begin + first + cycle * CYCLE + random.between(0, 60)).max(earliest);
        if start >= end {
            return;
        }
        let (state, seconds) =
            if cycle == lunch_cycle { (LUNCH, random.between(1_500, 2_100)) } else { short_pause(random) };
        plan.pauses.push(Pause { start, end: end.min(start + seconds), state });
        earliest = start + seconds + 300;
    }
}

fn short_pause(random: &mut Random) -> (usize, i64) {
    match random.amount(0, 99) {
        0..37 => (1, random.between(180, 420)),
        37..65 => (2, random.between(600, 780)),
        65..70 => (3, random.between(900, 1_800)),
        70..95 => (4, random.between(240, 480)),
        _ => (5, random.between(900, 1_800)),
    }
}

fn plan_work(plan: &mut Plan, random: &mut Random, seat: &Seat) {
    let (mut from, end) = plan.login;
    let pauses: Vec<(i64, i64)> = plan.pauses.iter().map(|pause| (pause.start, pause.end)).collect();
    for (start, back) in pauses.into_iter().chain([(end, end)]) {
        let opening = from == plan.login.0;
        plan_calls(plan, random, (from, start), opening && seat.is_last());
        plan_closings(plan, random, (from, start), opening && seat.position == 1);
        from = back;
    }
}

/// `at_once` makes the first call begin quickly and hold early, for reports of the first minutes of a shift.
fn plan_calls(plan: &mut Plan, random: &mut Random, (from, until): (i64, i64), at_once: bool) {
    let (handle, wrap_up) = (plan.handle.cast_signed(), plan.wrap_up.cast_signed());
    let mut start = from + random.between(5, if at_once { 20 } else { 90 });
    let mut hold_now = at_once;
    while start + handle + wrap_up < until {
        plan_holds(plan, random, start, hold_now);
        hold_now = false;
        let hit = random.percent(12);
        plan.calls.push(CallEnd {
            at: start + handle,
            points: random.amount(20, 180) + if hit { 250 } else { 0 },
            hit,
        });
        start += handle + wrap_up + random.between(10, 120);
    }
}

fn plan_holds(plan: &mut Plan, random: &mut Random, call: i64, certainly: bool) {
    let third = plan.handle.cast_signed() / 3;
    if certainly || random.percent(35) {
        let start = call + random.between(5, if certainly { 15 } else { third / 2 });
        plan.holds.push(Hold { start, end: start + random.between(8, third), mute: false });
    }
    if random.percent(18) {
        let start = call + 2 * third + random.between(0, third / 3);
        plan.holds.push(Hold { start, end: start + random.between(3, third / 2), mute: true });
    }
}

fn plan_closings(plan: &mut Plan, random: &mut Random, (from, until): (i64, i64), at_once: bool) {
    let mut at = from + if at_once { random.between(20, 90) } else { random.between(60, 600) };
    while at < until {
        let code = match random.amount(0, 99) {
            0..4 => TIMEOUT_CHAT,
            4..8 => TIMEOUT_ACW,
            _ => random.index(TIMEOUT_CHAT),
        };
        plan.closings.push(Closing { at, code });
        at += random.between(240, 900);
    }
}

/// The day of the routing point: it never logs in, but queues hold callers and time chats out round the clock.
pub(super) fn routing_point(random: &mut Random, length: i64) -> Plan {
    let mut plan = Plan::default();
    let mut start = random.between(10, 60);
    while start < length {
        let end = length.min(start + random.between(5, 30));
        plan.holds.push(Hold { start, end, mute: false });
        start += random.between(90, 300);
    }
    let mut at = random.between(20, 100);
    while at < length {
        let code = if random.percent(70) { TIMEOUT_CHAT } else { TIMEOUT_ACW };
        plan.closings.push(Closing { at, code });
        at += random.between(120, 600);
    }
    plan
}
