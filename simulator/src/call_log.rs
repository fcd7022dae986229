//! The log of calls: which ones the vendor received, and how many it charges.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::Timestamp;
use jiff::civil::Date;

/// One API request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRequest {
    /// When it arrived.
    pub at: Timestamp,
    /// The token as sent; empty when none was.
    pub token: String,
    /// The report asked for.
    pub api: String,
    /// The beginning of the window as sent.
    pub date_ini: String,
    /// The end of the window as sent.
    pub date_end: String,
    /// The HTTP status of the answer, or the one it would have had when a fault prevents an answer.
    pub status: u16,
}

/// What one token used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All its calls.
    pub total: u64,
    /// Its calls per vendor day, the local day of its operation; empty for unknown tokens.
    pub days: BTreeMap<Date, u64>,
}

/// A copy of the vendor's log of calls.
#[derive(Clone, Debug, Default)]
pub struct CallLog {
    /// The last calls, oldest first; at most [`CALLS_KEPT`].
    pub calls: Vec<LoggedRequest>,
    /// The largest number of requests that any one token had in flight at once.
    pub peak_in_flight: usize,
    /// All calls ever.
    pub total: u64,
    /// All calls ever, per report.
    pub per_api: HashMap<String, u64>,
    /// All calls ever, per token as sent.
    pub per_token: HashMap<String, Usage>,
}

/// How many calls are remembered one by one; the totals are exact beyond that.
pub const CALLS_KEPT: usize = 100_000;

impl CallLog {
    /// All calls for one report.
    pub fn count(&self, api: &str) -> u64 {
        self.per_api.get(api).copied().unwrap_or(0)
    }

    /// All calls with one token.
    pub fn count_for(&self, token: &str) -> u64 {
        self.per_token.get(token).map_or(0, |usage| usage.total)
    }
}

/// The log while calls come in.
#[derive(Default)]
pub(super) struct OpenCallLog {
    calls: VecDeque<LoggedRequest>,
    total: u64,
    per_api: HashMap<String, u64>,
    per_token: HashMap<String, Usage>,
}

impl OpenCallLog {
    /// Charges one call and says how many the token has now used on that vendor day.
    pub(super) fn charge(&mut self, token: &str, day: Option<Date>) -> u64 {
        if !self.per_token.contains_key(token) {
            self.per_token.insert(token.to_owned(), Usage::default());
        }
        let Some(usage) = self.per_token.get_mut(token) else {
            return 0;
        };
        usage.total += 1;
        let Some(day) = day else { return 0 };
        let used = usage.days.entry(day).or_insert(0);
        *used += 1;
        *used
    }

    pub(super) fn used(&self, token: &str, day: Date) -> u64 {
        self.per_token.get(token).and_then(|usage| usage.days.get(&day)).copied().unwrap_or(0)
    }

    pub(super) fn record(&mut self, call: LoggedRequest) {
        self.total += 1;
        match self.per_api.get_mut(&call.api) {
            Some(count) => *count += 1,
            None => drop(self.per_api.insert(call.api.clone(), 1)),
        }
        if self.calls.len() >= CALLS_KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    pub(super) fn copy(&self, peak_in_flight: usize) -> CallLog {
        CallLog {
            calls: self.calls.iter().cloned().collect(),
            peak_in_flight,
            total: self.total,
            per_api: self.per_api.clone(),
            per_token: self.per_token.clone(),
        }
    }
}
