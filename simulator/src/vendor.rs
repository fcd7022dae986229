//! The vendor: its reply to a request, within its limits, whoever carries it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

use crate::calendar::Pass;
use crate::call_log::{CallLog, LoggedRequest, OpenCallLog};
use crate::fault::{Fault, Faults, Scope};
use crate::message::{Answer, Request, refusal};
use crate::report::{Frame, Printed, Question, Report};
use crate::world::{World, second_after};
use crate::{Operation, Settings};

/// The answering logic with its log of calls, faults and counters; knows nothing of sockets.
pub struct Vendor {
    world: World,
    operations: Vec<Operation>,
    by_token: HashMap<String, usize>,
    simultaneous: usize,
    record_limit: usize,
    call_log: Mutex<OpenCallLog>,
    faults: Mutex<Faults>,
    scripts: Mutex<HashMap<ScriptKey, Script>>,
    flights: Arc<Mutex<Flights>>,
}

/// Makes an answer at the time of its request.
pub type Script = Arc<dyn Fn(Timestamp) -> Answer + Send + Sync>;

/// Token, path and report.
type ScriptKey = (String, String, String);

#[derive(Default)]
struct Flights {
    by_token: HashMap<String, usize>,
    peak: usize,
}

/// A request in flight; it lands when this is dropped.
pub struct InFlight {
    flights: Arc<Mutex<Flights>>,
    token: String,
    over: bool,
}

impl InFlight {
    /// Whether its token already had as many requests in flight as the vendor tolerates.
    pub fn over(&self) -> bool {
        self.over
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut flights = locked(&self.flights);
        if let Some(count) = flights.by_token.get_mut(&self.token) {
            *count -= 1;
            if *count == 0 {
                flights.by_token.remove(&self.token);
            }
        }
    }
}

/// No code here panics while it holds a lock, so what a poisoned one guards is still whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a window of local readings covers, half-open: where clocks go back, perhaps two stretches.
type Passes = Vec<Pass>;

const DAYS_LIMIT: f64 = 31.0;
const NO_SUCH_API: &str = "THE API YOU WANT TO CONSULT DOES NOT EXIST";
const PARAMETERS: &str = "SOME PARAMETERS ARE REQUIRED";

impl Vendor {
    /// A vendor that serves these operations.
    pub fn new(settings: Settings) -> Vendor {
        let world = World::new(&settings);
        let tokens = settings.operations.iter().enumerate();
        Vendor {
            world,
            by_token: tokens.map(|(index, operation)| (operation.token.clone(), index)).collect(),
            operations: settings.operations,
            simultaneous: settings.simultaneous,
            record_limit: settings.record_limit,
            call_log: Mutex::default(),
            faults: Mutex::default(),
            scripts: Mutex::default(),
            flights: Arc::default(),
        }
    }

    /// The truth behind the answers.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Puts a fault in force.
    pub fn inject(&self, fault: Fault, scope: Scope) {
        locked(&self.faults).add(fault, scope);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        locked(&self.faults).clear();
    }

    /// Answers a report by a script instead of from the world: for a token, and a path such as `/api/v2/gamification.php`.
    pub fn answer_by(&self, token: &str, path: &str, api: &str, script: Script) {
        locked(&self.scripts).insert((token.to_owned(), path.to_owned(), api.to_owned()), script);
    }

    fn scripted(&self, token: &str, request: &Request, api: &str, now: Timestamp) -> Option<Answer> {
        let key = (token.to_owned(), request.path.clone(), api.to_owned());
        let script = locked(&self.scripts).get(&key).cloned()?;
        Some(script(now))
    }

    /// The fault that befalls this request, if any; asking uses up one of its times.
    pub fn fault_for(&self, request: &Request) -> Option<Fault> {
        locked(&self.faults).strike(request)
    }

    /// A copy of the log of calls.
    pub fn call_log(&self) -> CallLog {
        let peak = locked(&self.flights).peak;
        locked(&self.call_log).copy(peak)
    }

    /// What a token has used of its budget on the vendor day of `now`.
    pub fn used_today(&self, token: &str, now: Timestamp) -> u64 {
        let Some(operation) = self.by_token.get(token).and_then(|index| self.operations.get(*index)) else {
            return 0;
        };
        locked(&self.call_log).used(token, vendor_day(operation, now))
    }

    /// Puts a request in flight until the guard is dropped. A request without a token is not held against anyone.
    pub fn begin(&self, token: &str) -> InFlight {
        let mut over = false;
        if !token.is_empty() {
            let mut flights = locked(&self.flights);
            let count = flights.by_token.entry(token.to_owned()).or_insert(0);
            *count += 1;
            over = *count > self.simultaneous;
            flights.peak = (*count).max(flights.peak);
        }
        InFlight { flights: Arc::clone(&self.flights), token: token.to_owned(), over }
    }

    /// Answers a request that is in flight only meanwhile, without any fault.
    pub fn answer(&self, request: &Request, now: Timestamp) -> Answer {
        let flight = self.begin(request.token.as_deref().unwrap_or_default());
        self.answer_during(&flight, None, request, now)
    }

    /// Answers a request that the caller keeps in flight, as this fault distorts it, and logs it.
    pub fn answer_during(&self, flight: &InFlight, fault: Option<&Fault>, request: &Request, now: Timestamp) -> Answer {
        let answer = self.charged(flight.over, request, now).unwrap_or_else(|refused| refused);
        let answer = if let Some(fault) = fault { fault.distort(answer) } else { answer };
        let sent = |name: &str| request.parameter(name).unwrap_or_default().to_owned();
        locked(&self.call_log).record(LoggedRequest {
            at: now,
            token: request.token.clone().unwrap_or_default(),
            api: sent("api"),
            date_ini: sent("date_ini"),
            date_end: sent("date_end"),
            status: answer.status,
        });
        answer
    }

    fn charged(&self, over: bool, request: &Request, now: Timestamp) -> Result<Answer, Answer> {
        let token = request.token.as_deref().unwrap_or_default();
        let known = self.by_token.get(token).and_then(|index| Some((*index, self.operations.get(*index)?)));
        let day = known.map(|(_, operation)| vendor_day(operation, now));
        let used = locked(&self.call_log).charge(token, day);
        if token.trim().is_empty() {
            return Err(refusal(401, "PLEASE ENTER THE WOLKVOX-TOKEN"));
        }
        let (index, operation) = known.ok_or_else(|| refusal(403, "PLEASE VALIDATE TOKEN"))?;
        if used > operation.calls_per_day {
            return Err(refusal(403, "TOKEN LIMIT EXCEEDED"));
        }
        if over {
            // The vendor's text names the documented limit, whatever this simulator tolerates.
            return Err(refusal(403, "EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN (2)"));
        }
        self.routed(request, now, index, used)
    }

    fn routed(&self, request: &Request, now: Timestamp, index: usize, used: u64) -> Result<Answer, Answer> {
        let operation = &self.operations[index];
        let api = request.parameter("api").filter(|api| !api.is_empty()).ok_or_else(|| refusal(400, PARAMETERS))?;
        if let Some(answer) = self.scripted(&operation.token, request, api, now) {
            return Ok(answer);
        }
        let report = Report::find(&request.path, api).ok_or_else(|| refusal(400, NO_SUCH_API))?;
        if !report.is_asked_by(request) {
            return Err(refusal(400, PARAMETERS));
        }
        let asked = if report.dated { asked(request, &operation.zone)? } else { Passes::new() };
        let limit = self.record_limit;
        let printed =
            (report.print)(&Question { world: &self.world, index, operation, request, asked, now, used, limit });
        if printed.rows == 0 {
            return Err(Answer::no_rows());
        }
        Ok(framed(&printed, report.frame))
    }
}

fn vendor_day(operation: &Operation, now: Timestamp) -> Date {
    operation.zone.to_datetime(now).date()
}

fn framed(printed: &Printed, frame: Frame) -> Answer {
    let Printed { rows, json } = printed;
    let code = match frame {
        Frame::Envelope => "200",
        Frame::TextCode => "\"200\"",
        Frame::Bare => return Answer::json(200, json.clone()),
    };
    Answer::json(
        200,
        format!("{{\"code\":{code},\"error\":null,\"msg\":\"{rows} records were found\",\"data\":{json}}}"),
    )
}

fn asked(request: &Request, zone: &TimeZone) -> Result<Passes, Answer> {
    let date = |name| request.parameter(name).and_then(civil).ok_or_else(|| refusal(400, PARAMETERS));
    let (begin, end) = (date("date_ini")?, date("date_end")?);
    if begin > end {
        return Err(Answer::no_rows());
    }
    let days = (end - begin).total((Unit::Day, jiff::SpanRelativeTo::days_are_24_hours()));
    if days.is_ok_and(|days| days > DAYS_LIMIT) {
        return Err(refusal(400, "THE DATE RANGE EXCEEDS THE LIMIT OF 31 DAYS"));
    }
    passes(zone, begin, end).map_err(|_| refusal(400, PARAMETERS))
}

/// When a local clock shows a reading from `begin` to `end`, both included. The vendor's rows carry readings without an
/// offset, so that a window takes every row whose reading lies in it, whichever of two equal hours that is of.
pub fn passes(zone: &TimeZone, begin: DateTime, end: DateTime) -> Result<Passes, jiff::Error> {
    let first = zone.to_ambiguous_timestamp(begin).earlier()?;
    let last = second_after(zone.to_ambiguous_timestamp(end).later()?);
    let changes = zone.following(first).map(|change| change.timestamp()).take_while(|at| *at < last);
    let mut passes = Passes::new();
    let mut from = first;
    for to in changes.chain([last]) {
        let offset = zone.to_offset(from);
        let low = offset.to_timestamp(begin)?.max(from);
        let high = second_after(offset.to_timestamp(end)?).min(to);
        match passes.last_mut() {
            Some((_, before)) if *before == low => *before = high.max(low),
            _ if low < high => passes.push((low, high)),
            _ => {}
        }
        from = to;
    }
    Ok(passes)
}

/// `YYYYmmddHHiiss`, strictly.
fn civil(text: &str) -> Option<DateTime> {
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let two = |at: usize| text[at..at + 2].parse::<i8>().ok();
    let year = text[..4].parse().ok()?;
    DateTime::new(year, two(4)?, two(6)?, two(8)?, two(10)?, two(12)?, 0).ok()
}
