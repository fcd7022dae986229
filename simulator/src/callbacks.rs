//! The smart-wait call-backs of an operation, and how each of them ends.

use jiff::Timestamp;

use crate::random::Random;

/// One call that was promised a callback: a point event at its inbound second, fixed for ever from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackRow {
    /// The queue the call waited in.
    pub skill_id: String,
    /// When the customer called; the only time that decides which window the row belongs to.
    pub inbound: Timestamp,
    /// When the system last called back, if it ever did.
    pub last_outbound: Option<Timestamp>,
    /// One of the vendor's statuses, in whatever case it happens to print them.
    pub status: &'static str,
    /// How often the system dialled.
    pub attempts: u64,
    /// The caller's number: personal data, always begins `57301555`.
    pub ani: String,
    /// The number to call back: personal data, always begins `57310777`.
    pub dial_phone: String,
    /// Seconds from the customer's call to the last call back; 0 without one.
    pub time_between_calls: u64,
    /// Seconds talked.
    pub time: u64,
    /// Whole minutes billed.
    pub billed_minutes: u64,
    /// Whether the vendor prints those minutes as `HH:MM:SS` instead of a number.
    pub billed_as_clock: bool,
    /// The customer's document: personal data, always begins `CUST-`.
    pub customer_id: String,
}

/// Status and the attempts that go with it; repeated entries are the more frequent ones.
const OUTCOMES: [(&str, u64, u64); 20] = [
    ("OK", 1, 3),
    ("OK", 1, 3),
    ("OK", 1, 2),
    ("OK", 1, 1),
    ("ok", 1, 3),
    ("ok", 1, 2),
    ("Ok", 1, 2),
    ("FAIL", 2, 5),
    ("FAIL", 1, 5),
    ("fail", 1, 5),
    ("Fail", 1, 4),
    ("NO", 0, 0),
    ("no", 0, 0),
    ("YES", 0, 1),
    ("yes", 0, 1),
    ("NO USER", 1, 2),
    ("NO USER", 1, 2),
    ("no user", 1, 2),
    ("STOP NEW", 0, 0),
    ("Stop New", 0, 0),
];

/// One local day of one operation: enough to compute any of its callbacks without computing the others.
pub(super) struct CallbackDay {
    /// Seed, operation and the day's beginning.
    pub(super) key: [u64; 3],
    /// Unix second at which the local day begins.
    pub(super) start: i64,
    /// Real seconds of the local day.
    pub(super) length: i64,
    pub(super) per_day: i64,
}

impl CallbackDay {
    /// The callbacks with `low <= second of the day < high`, oldest first. Each has its own slice of the day, so a
    /// window of minutes in a day of 150,000 costs only the rows it returns.
    pub(super) fn within(&self, low: i64, high: i64) -> Vec<CallbackRow> {
        if self.per_day <= 0 || self.length <= 0 || low >= high {
            return Vec::new();
        }
        let first = (low * self.per_day / self.length - 1).max(0);
        let last = (high * self.per_day / self.length + 1).min(self.per_day);
        let mut rows = Vec::new();
        for index in first..last {
            let mut random = Random::of(&[self.key[0], self.key[1], self.key[2], index.cast_unsigned()]);
            let second = self.second(index, &mut random);
            if (low..high).contains(&second)
                && let Ok(inbound) = Timestamp::from_second(self.start + second)
            {
                rows.push(callback(inbound, &mut random));
            }
        }
        rows
    }

    fn second(&self, index: i64, random: &mut Random) -> i64 {
        let begin = index * self.length / self.per_day;
        let width = (index + 1) * self.length / self.per_day - begin;
        // The first one comes early, so that a new day shows callbacks within its first minute.
        let width = if index == 0 { width.min(60) } else { width };
        begin + random.between(0, width - 1)
    }
}

fn callback(inbound: Timestamp, random: &mut Random) -> CallbackRow {
    let (status, fewest, most) = OUTCOMES[random.index(OUTCOMES.len())];
    let attempts = random.amount(fewest, most);
    let time_between_calls = if attempts > 0 { random.amount(45, 3_600) } else { 0 };
    let time = if status.eq_ignore_ascii_case("ok") { random.amount(20, 900) } else { 0 };
    let back = Timestamp::from_second(inbound.as_second() + time_between_calls.cast_signed());
    CallbackRow {
        skill_id: (7_001 + random.amount(0, 4)).to_string(),
        inbound,
        last_outbound: back.ok().filter(|_| attempts > 0),
        status,
        attempts,
        ani: format!("57301555{:04}", random.amount(0, 9_999)),
        dial_phone: format!("57310777{:04}", random.amount(0, 9_999)),
        time_between_calls,
        time,
        billed_minutes: time.div_ceil(60),
        billed_as_clock: random.percent(10),
        customer_id: format!("CUST-{:08}", random.amount(0, 99_999_999)),
    }
}
