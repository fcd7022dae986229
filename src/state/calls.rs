//! The record of an operation's API requests: how many, when, and when the next may be sent.

use std::collections::BTreeMap;
use std::io;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::checksum;

/// Requests spent and turns taken, as of the last request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallRecord {
    /// Requests per local day: the current one, and after a clock was set back also days that seem to lie ahead.
    pub calls: BTreeMap<Date, u64>,
    /// Whose days these are. Records from before there was this field do not say.
    #[serde(default)]
    pub zone: Option<String>,
    /// What the vendor last said of the budget.
    pub reported: Option<Reported>,
    /// Until when nothing is asked with this operation's token.
    pub paused_until: Option<Timestamp>,
    /// By report and window, as `agent_kpi.today`.
    pub targets: BTreeMap<String, TargetRecord>,
}

/// The vendor's own count (`information.php`, `token_info`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    pub day: Date,
    /// Requests that the operation may make in a day.
    pub limit: u64,
    /// Requests made by anyone, including the one that asked.
    pub used: u64,
    /// Own count at that moment.
    pub own: u64,
}

/// When a report was asked, and when it may be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetRecord {
    pub last_attempt: Timestamp,
    pub due: Timestamp,
    pub failures: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallsFile {
    operation: String,
    record: CallRecord,
}

impl CallRecord {
    /// Adds what somebody else recorded of the same operation. How much of it is counted here already is not known, so
    /// all of it counts.
    pub(super) fn add(&mut self, other: &CallRecord) {
        for (day, calls) in &other.calls {
            let own = self.calls.entry(*day).or_default();
            *own = own.saturating_add(*calls);
        }
        self.paused_until = self.paused_until.max(other.paused_until);
        for (target, turn) in &other.targets {
            let own = self.targets.entry(target.clone()).or_insert(*turn);
            if own.last_attempt < turn.last_attempt {
                *own = *turn;
            }
        }
    }

    /// Reads a file's bytes; says why they are no record of this operation.
    pub(super) fn parse(bytes: &[u8], operation: &str) -> Result<CallRecord, String> {
        let file: CallsFile = serde_json::from_slice(checksum::checked(bytes)?)
            .map_err(|error| format!("not a record at line {} column {}", error.line() + 1, error.column()))?;
        if file.operation != operation {
            return Err("the record of another operation".to_owned());
        }
        Ok(file.record)
    }

    pub(super) fn to_bytes(&self, operation: &str) -> io::Result<Vec<u8>> {
        let file = CallsFile { operation: operation.to_owned(), record: self.clone() };
        let record = serde_json::to_vec_pretty(&file)?;
        let mut bytes = checksum::first_line(&[&record])?;
        bytes.extend_from_slice(&record);
        Ok(bytes)
    }
}
