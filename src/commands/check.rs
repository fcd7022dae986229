//! `check`: whether the config is right, what it costs, and whether the vendor lets us in.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use humantime::format_duration;

use super::{CommandError, open_state, print, table};
use crate::catalog::{Agents, Catalog};
use crate::cli::Flags;
use crate::config::Config;
use crate::memory::Memory;
use crate::poll::{self, BudgetPlan, Context, Job, Polled, ReportCost};
use crate::store::Store;
use crate::time::{Clock, Target, WindowName};
use crate::web::{Access, forecast_sentence};
use crate::wolkvox::Proxies;

/// Checks a config; with `probe`, sends one request per operation and report and prints what came back.
///
/// Probing spends the same budget as polling, so it is counted in the same state folder, and refused while an
/// exporter runs on that.
pub async fn check(config_file: &Path, flags: &Flags, probe: bool) -> Result<(), CommandError> {
    let catalog = Arc::new(Catalog::builtin()?);
    let config = Config::load(config_file, &catalog)?.share_of(flags.shard);
    let jobs = poll::jobs(&config);
    let (file, operations) = (config_file.display(), config.operations.len());
    print(&format!("{file}: fine, {operations} operation(s), {} windows of reports\n", jobs.len()))?;
    if let Some(file) = &flags.web_config_file {
        Access::open(Some(file))?;
        print(&format!("{}: fine\n", file.display()))?;
    }
    let memory = config.limits.memory >> 20;
    print(&format!("agents: {}\nmemory: {memory} MiB for answers and what is served\n", agents(&config)))?;
    print(&format!("proxy: {}\n{}", proxies(&config), forecast(&poll::plan_budgets(&config))))?;
    if !probe {
        return Ok(());
    }
    let context = Context {
        vendor: Arc::new(poll::client(&config).map_err(CommandError::Client)?),
        store: Arc::new(Store::new(Arc::clone(&catalog))),
        telemetry: Arc::default(),
        state: Arc::new(open_state(flags.state_dir.as_deref())?),
        memory: Arc::new(Memory::new(config.limits.memory)),
        clock: Clock::system(),
        catalog,
    };
    print_probe(&poll::probe(&config, &context, one_window_each(jobs)).await)
}

/// How agents would be shown.
fn agents(config: &Config) -> &'static str {
    match &config.privacy.agents {
        Agents::Plain if config.privacy.agent_dni => "plain names, ids and identity documents",
        Agents::Plain => "plain names and ids",
        Agents::Hashed(key) if key.is_given() => "hashed names and ids, with privacy.key_file",
        Agents::Hashed(_) => "hashed names and ids, with the state folder's own key",
        Agents::Omitted => "omitted, their reports are totals",
    }
}

/// Which proxy variables are set, and which operations are asked through which proxy.
fn proxies(config: &Config) -> String {
    let proxies = Proxies::of_environment();
    if proxies.variables.is_empty() {
        return "none, as no proxy variable is set".to_owned();
    }
    let mut by_proxy: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for operation in &config.operations {
        let proxy = proxies.of(&operation.base_url).unwrap_or_else(|| "none".to_owned());
        by_proxy.entry(proxy).or_default().push(&operation.name);
    }
    let told: Vec<String> = by_proxy.iter().map(|(proxy, names)| format!("{proxy} for {}", names.join(", "))).collect();
    format!("{}, by {}", told.join("; "), proxies.variables.join(", "))
}

/// What would run, at what pace, and what that costs.
fn forecast(budgets: &[BudgetPlan]) -> String {
    let mut told = String::new();
    let mut rows = vec![
        ["OPERATION", "REPORT", "WINDOWS", "INTERVAL", "PACE", "REQUESTS A DAY", "OF BUDGET"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for BudgetPlan { operations, licensed, asking, reports, forecast } in budgets {
        let limit = forecast.limit;
        let share = |requests: f64| format!("{:.1} %", requests / limit as f64 * 100.0);
        rows.extend(reports.iter().map(|report| {
            let windows: Vec<String> = report.windows.iter().map(ToString::to_string).collect();
            vec![
                report.operation.to_string(),
                report.report.to_string(),
                windows.join(", "),
                format_duration(report.interval).to_string(),
                pace(report),
                format!("{:.0}", report.requests),
                share(report.requests),
            ]
        }));
        // Writing to a String cannot fail.
        let _ = writeln!(told, "{}: {}", operations.join(", "), forecast_sentence(forecast));
        if licensed.is_none() {
            let requests = asking.to_string();
            let row = [&operations[0], "token_info", "", "", "", &requests, &share(*asking as f64)];
            rows.push(row.map(str::to_owned).to_vec());
            let hint = "until the vendor has said more; set licenses if you know";
            let _ = writeln!(told, "  {limit} API requests a day are assumed {hint}");
        }
    }
    format!("{}{told}", table(&rows))
}

fn pace(report: &ReportCost) -> String {
    match report.pace {
        _ if report.windows == [WindowName::Yesterday] => "fixed times".to_owned(),
        Some(pace) => format_duration(pace).to_string(),
        None => "none".to_owned(),
    }
}

/// The first window of each report: one request tells whether it can be had.
fn one_window_each(mut jobs: Vec<Job>) -> Vec<Job> {
    jobs.dedup_by(|next, first| {
        let (next, first) = (next.target(), first.target());
        next.operation == first.operation && next.report == first.report
    });
    jobs
}

fn print_probe(probed: &[(Target, Polled)]) -> Result<(), CommandError> {
    let mut failures = Vec::new();
    let mut rows = vec![["OPERATION", "REPORT", "STATUS", "ROWS", "SERIES", "BYTES", "MS"].map(str::to_owned).to_vec()];
    for (target, polled) in probed {
        let (status, counts) = match &polled.outcome {
            Ok(served) => ("ok", [served.rows, served.series].map(|count| count.to_string())),
            Err(missed) => {
                let failure = missed.failure();
                failures.push(format!("{target}: {failure}\nhint: {}", failure.hint()));
                (failure.reason.as_str(), ["-", "-"].map(str::to_owned))
            }
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
    }
    print(&table(&rows))?;
    if failures.is_empty() {
        return Ok(());
    }
    Err(CommandError::Probe { failed: failures.len(), all: probed.len(), failures: failures.join("\n") })
}
