//! What one agent does, second by second, on one local day.

use crate::chance::Dice;

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
pub(super) fn person(dice: &mut Dice, seat: &Seat, length: i64) -> Plan {
    let mut plan = Plan::default();
    if length <= 0 || (seat.may_be_off() && dice.percent(10)) {
        return plan;
    }
    plan.login = (length * seat.shift / 3, length * (seat.shift + 1) / 3);
    plan.handle = dice.amount(120, 420);
    plan.wrap_up = dice.amount(10, 40);
    plan_pauses(&mut plan, dice, seat.first_pause());
    plan_work(&mut plan, dice, seat);
    plan
}

fn plan_pauses(plan: &mut Plan, dice: &mut Dice, first: i64) {
    let (begin, end) = plan.login;
    let lunch_cycle = dice.between(4, 7);
    let mut earliest = begin;
    for cycle in 0.. {
        let start = (begin + first + cycle * CYCLE + dice.between(0, 60)).max(earliest);
        if start >= end {
            return;
        }
        let (state, seconds) =
            if cycle == lunch_cycle { (LUNCH, dice.between(1_500, 2_100)) } else { short_pause(dice) };
        plan.pauses.push(Pause { start, end: end.min(start + seconds), state });
        earliest = start + seconds + 300;
    }
}

fn short_pause(dice: &mut Dice) -> (usize, i64) {
    match dice.amount(0, 99) {
        0..37 => (1, dice.between(180, 420)),
        37..65 => (2, dice.between(600, 780)),
        65..70 => (3, dice.between(900, 1_800)),
        70..95 => (4, dice.between(240, 480)),
        _ => (5, dice.between(900, 1_800)),
    }
}

fn plan_work(plan: &mut Plan, dice: &mut Dice, seat: &Seat) {
    let (mut from, end) = plan.login;
    let pauses: Vec<(i64, i64)> = plan.pauses.iter().map(|pause| (pause.start, pause.end)).collect();
    for (start, back) in pauses.into_iter().chain([(end, end)]) {
        let opening = from == plan.login.0;
        plan_calls(plan, dice, (from, start), opening && seat.is_last());
        plan_closings(plan, dice, (from, start), opening && seat.position == 1);
        from = back;
    }
}

/// `at_once` makes the first call begin quickly and hold early, for reports of the first minutes of a shift.
fn plan_calls(plan: &mut Plan, dice: &mut Dice, (from, until): (i64, i64), at_once: bool) {
    let (handle, wrap_up) = (plan.handle.cast_signed(), plan.wrap_up.cast_signed());
    let mut start = from + dice.between(5, if at_once { 20 } else { 90 });
    let mut hold_now = at_once;
    while start + handle + wrap_up < until {
        plan_holds(plan, dice, start, hold_now);
        hold_now = false;
        let hit = dice.percent(12);
        plan.calls.push(CallEnd { at: start + handle, points: dice.amount(20, 180) + if hit { 250 } else { 0 }, hit });
        start += handle + wrap_up + dice.between(10, 120);
    }
}

fn plan_holds(plan: &mut Plan, dice: &mut Dice, call: i64, certainly: bool) {
    let third = plan.handle.cast_signed() / 3;
    if certainly || dice.percent(35) {
        let start = call + dice.between(5, if certainly { 15 } else { third / 2 });
        plan.holds.push(Hold { start, end: start + dice.between(8, third), mute: false });
    }
    if dice.percent(18) {
        let start = call + 2 * third + dice.between(0, third / 3);
        plan.holds.push(Hold { start, end: start + dice.between(3, third / 2), mute: true });
    }
}

fn plan_closings(plan: &mut Plan, dice: &mut Dice, (from, until): (i64, i64), at_once: bool) {
    let mut at = from + if at_once { dice.between(20, 90) } else { dice.between(60, 600) };
    while at < until {
        let code = match dice.amount(0, 99) {
            0..4 => TIMEOUT_CHAT,
            4..8 => TIMEOUT_ACW,
            _ => dice.index(TIMEOUT_CHAT),
        };
        plan.closings.push(Closing { at, code });
        at += dice.between(240, 900);
    }
}

/// The day of the routing point: it never logs in, but queues hold callers and time chats out round the clock.
pub(super) fn routing_point(dice: &mut Dice, length: i64) -> Plan {
    let mut plan = Plan::default();
    let mut start = dice.between(10, 60);
    while start < length {
        let end = length.min(start + dice.between(5, 30));
        plan.holds.push(Hold { start, end, mute: false });
        start += dice.between(90, 300);
    }
    let mut at = dice.between(20, 100);
    while at < length {
        let code = if dice.percent(70) { TIMEOUT_CHAT } else { TIMEOUT_ACW };
        plan.closings.push(Closing { at, code });
        at += dice.between(120, 600);
    }
    plan
}
