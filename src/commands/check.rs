//! Is the config right, and does the vendor let us in?

use std::path::Path;
use std::sync::Arc;

use super::{CommandError, table};
use crate::catalog::Catalog;
use crate::config::Config;
use crate::poll::{self, Context, Job};
use crate::store::Store;

/// Checks a config; with `probe`, makes one call per operation and report and prints what came back.
pub async fn check(config_file: &Path, probe: bool) -> Result<(), CommandError> {
    let catalog = Arc::new(Catalog::builtin()?);
    let config = Config::load(config_file, &catalog)?;
    let jobs = poll::jobs(&config);
    println!(
        "{}: fine, {} operation(s), {} windows of reports",
        config_file.display(),
        config.operations.len(),
        jobs.len()
    );
    if !probe {
        return Ok(());
    }
    let context = Context {
        client: poll::client(&config).map_err(CommandError::Client)?,
        store: Arc::new(Store::new(Arc::clone(&catalog))),
        telemetry: Arc::default(),
        catalog,
    };
    probe_each(one_window_each(jobs), &context).await
}

/// The first window of each report: one call tells whether it can be had.
fn one_window_each(mut jobs: Vec<Job>) -> Vec<Job> {
    jobs.dedup_by(|next, first| {
        let (next, first) = (next.target(), first.target());
        next.operation == first.operation && next.report == first.report
    });
    jobs
}

async fn probe_each(jobs: Vec<Job>, context: &Context) -> Result<(), CommandError> {
    let all = jobs.len();
    let mut failures = Vec::new();
    let mut rows = vec![["OPERATION", "REPORT", "STATUS", "ROWS", "SERIES", "BYTES", "MS"].map(str::to_owned).to_vec()];
    for job in jobs {
        let polled = job.ask(context).await;
        let target = job.target();
        let (status, counts) = match &polled.outcome {
            Ok(good) => ("ok", [good.served.rows, good.served.series].map(|count| count.to_string())),
            Err(failure) => (failure.reason.as_str(), ["-", "-"].map(str::to_owned)),
        };
        let [rows_read, series] = counts;
        rows.push(vec![
            target.operation.to_string(),
            target.report.to_string(),
            status.to_owned(),
            rows_read,
            series,
            polled.bytes.to_string(),
            polled.elapsed.as_millis().to_string(),
        ]);
        if let Err(failure) = polled.outcome {
            failures.push(format!("{target}: {failure}\nhint: {}", failure.reason.hint()));
        }
    }
    print!("{}", table(&rows));
    if failures.is_empty() {
        return Ok(());
    }
    Err(CommandError::Probe { failed: failures.len(), all, failures: failures.join("\n") })
}
