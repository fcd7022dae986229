//! What the vendor says of the budget: `information.php`, api `token_info`.
//!
//! The answer has one row with `token_limit`, `token_use_today` and `all_token_today` as text.
//! Asking costs an API request like any other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::de::{Deserialize, Deserializer};

use super::Context;
use super::poll::blocking;
use crate::catalog::{Format, FormatKind};
use crate::config::Operation;
use crate::rows::{Rows, Scalar, TakesAnswers};
use crate::time::{Target, WindowName};
use crate::wolkvox::{Answer, Body, Failure, Reason, Request, read_answer};

/// A few times a day: the limit hardly changes, what others spend does.
pub const ASK_INTERVAL: Duration = Duration::from_hours(4);

/// The request that asks for one budget.
#[derive(Debug)]
pub struct TokenInfo {
    target: Target,
    request: Request,
}

/// The vendor's answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetReport {
    /// Requests a day.
    pub limit: u64,
    /// Requests made today by anyone, this one included.
    pub used: u64,
}

impl TokenInfo {
    pub fn new(operation: &Operation) -> TokenInfo {
        TokenInfo {
            target: Target {
                operation: Arc::clone(&operation.name),
                report: "token_info".into(),
                window: WindowName::Today,
            },
            request: Request {
                base_url: operation.base_url.clone(),
                endpoint: "information.php".to_owned(),
                api: "token_info".to_owned(),
                params: Vec::new(),
                dates: None,
                token: operation.token.clone(),
                timeout: operation.timeout,
            },
        }
    }

    /// Under which its requests are counted.
    pub fn target(&self) -> &Target {
        &self.target
    }

    pub async fn ask(&self, context: &Context) -> Result<BudgetReport, Failure> {
        let memory = context.memory.poll();
        match context.vendor.call(&self.request, &memory).await? {
            Answer::Body(body) => blocking(move || parse(body)).await?,
            Answer::NoRows => Err(Failure::new(Reason::Schema, "token_info without a row")),
        }
    }
}

fn parse(mut body: Body) -> Result<BudgetReport, Failure> {
    let mut found = LastReport(None);
    read_answer(&mut body, &mut found)?;
    found.0.ok_or_else(|| Failure::new(Reason::Schema, "token_info without a readable token_limit and use"))
}

/// The last row that can be read.
struct LastReport(Option<BudgetReport>);

impl TakesAnswers for LastReport {
    type Rows<'a, 'de> = ReportRows<'a>;

    fn begin<'de>(&mut self, _: bool) -> Self::Rows<'_, 'de> {
        ReportRows(&mut self.0)
    }
}

struct ReportRows<'a>(&'a mut Option<BudgetReport>);

impl<'de> Rows<'de> for ReportRows<'_> {
    fn row<D: Deserializer<'de>>(&mut self, row: D) -> Result<(), D::Error> {
        let fields = HashMap::<String, Scalar<'de>>::deserialize(row)?;
        let count = |field: &str| fields.get(field).and_then(whole);
        // The budget is the operation's, so the larger count is the one that matters.
        let used = count("token_use_today").max(count("all_token_today"));
        if let (Some(limit), Some(used)) = (count("token_limit"), used) {
            *self.0 = Some(BudgetReport { limit, used });
        }
        Ok(())
    }
}

/// A count as the vendor writes it; all of them are far below what a double holds exactly.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an unsigned number of at most 15 digits")]
fn whole(scalar: &Scalar<'_>) -> Option<u64> {
    Format::of(FormatKind::Number).parse(scalar.text().trim(), &TimeZone::UTC).map(|number| number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_read_as_list_or_object_and_the_larger_use_wins() {
        let row = r#"{"token_limit":"5,000","token_use_today":"12","all_token_today":"40","available_consumption_options":"x\ud83d"}"#;
        for body in [format!(r#"{{"code":"200","data":[{row}]}}"#), format!(r#"{{"code":200,"data":{row}}}"#)] {
            assert_eq!(parse(Body::whole(body.as_bytes().to_vec())), Ok(BudgetReport { limit: 5000, used: 40 }));
        }
    }

    #[test]
    fn an_answer_without_figures_is_a_failure() {
        for body in [
            r#"{"code":200,"data":[]}"#,
            r#"{"code":200,"data":[{"token_limit":"many","token_use_today":"1"}]}"#,
            r#"{"code":200,"data":[{"token_limit":"5"}]}"#,
        ] {
            assert_eq!(parse(Body::whole(body.as_bytes().to_vec())).unwrap_err().reason, Reason::Schema, "{body}");
        }
    }

    #[test]
    fn never_overspend_a_refusal_with_status_200_is_no_count() {
        let row = r#"{"token_limit":"5000","token_use_today":"0","all_token_today":"0"}"#;
        let body = format!(r#"{{"code":"","error":"FORBIDDEN","msg":"TOKEN LIMIT EXCEEDED","data":[{row}]}}"#);
        assert_eq!(parse(Body::whole(body.as_bytes().to_vec())).unwrap_err().reason, Reason::BudgetExhausted);
    }
}
