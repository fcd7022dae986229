//! `check`: whether the config is right, what it costs, and whether the vendor lets us in.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::sync::Arc;

use humantime::format_duration;

use super::probe::probe;
use super::save::{Saving, check_saving};
use super::{CommandError, open_state, print, state_folder, table};
use crate::catalog::{Agents, Catalog};
use crate::cli::{CheckFlags, Flags};
use crate::config::Config;
use crate::memory::Memory;
use crate::poll::{self, BudgetPlan, Context, Job, ReportCost};
use crate::state::{State, StateError};
use crate::store::BudgetStatus;
use crate::time::{Clock, WindowName};
use crate::web::{Access, forecast_sentence};
use crate::wolkvox::Proxies;

/// Checks a config; with `probe`, sends one request per operation and report and prints what came back.
///
/// Probing spends the same budget as polling, so it is counted in the same state folder, and refused while an
/// exporter runs on that.
pub async fn check(config_file: &Path, flags: &Flags, asked: &CheckFlags) -> Result<(), CommandError> {
    let config = Config::load(config_file, &Catalog::builtin()?)?.share_of(flags.shard);
    let jobs = poll::jobs(&config);
    let (file, operations) = (config_file.display(), config.operations.len());
    print(&format!("{file}: fine, {operations} operation(s), {} windows of reports\n", jobs.len()))?;
    for file in &config.exposed {
        let file = file.display();
        print(&format!("{file}: everybody on this machine can read this secret\nhint: chmod o-r {file}\n"))?;
    }
    if let Some(file) = &flags.web_config_file {
        Access::open(Some(file))?;
        print(&format!("{}: fine\n", file.display()))?;
    }
    let memory = config.limits.memory >> 20;
    print(&format!("agents: {}\nmemory: {memory} MiB for answers and what is served\n", agents(&config)))?;
    print(&format!("proxy: {}\n{}", proxies(&config), forecast(&poll::plan_budgets(&config))))?;
    print(&spent(&config, flags)?)?;
    if !asked.probe {
        return Ok(());
    }
    let jobs = chosen(one_window_each(jobs), &config, &asked.operations)?;
    check_saving(asked)?;
    let mut context = Context {
        vendor: Arc::new(poll::client(&config).map_err(|failure| CommandError::Client(Box::new(failure)))?),
        store: Arc::default(),
        telemetry: Arc::default(),
        state: Arc::new(open_state(flags.state_dir.as_deref()).map_err(not_beside_an_exporter)?),
        memory: Arc::new(Memory::new(config.limits.memory)),
        clock: Clock::system(),
    };
    let saving = Saving::begin(asked, &config, &mut context, &jobs);
    let probed = probe(&config, &context, jobs).await;
    let Some(saving) = saving else { return probed };
    let saved = saving.end().await;
    if let (Err(_), Err(error)) = (&probed, &saved) {
        // Only one of them can end the command.
        print(&format!("not saved: {error}\n"))?;
    }
    probed.and(saved)
}

/// One token must not be used twice at the same time, nor one budget be spent by two counts.
fn not_beside_an_exporter(error: CommandError) -> CommandError {
    match error {
        CommandError::State(StateError::InUse(folder)) => CommandError::ProbeBesideExporter(folder),
        other => other,
    }
}

/// The jobs of the operations that are named; of all where none is.
fn chosen(mut jobs: Vec<Job>, config: &Config, names: &[String]) -> Result<Vec<Job>, CommandError> {
    let known = |name: &String| config.operations.iter().any(|operation| *operation.name == **name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let known: Vec<&str> = config.operations.iter().map(|operation| &*operation.name).collect();
        return Err(CommandError::UnknownOperation { name: unknown.clone(), known: known.join(", ") });
    }
    jobs.retain(|job| names.is_empty() || names.iter().any(|name| *job.target().operation == **name));
    Ok(jobs)
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

/// What was spent today, as the state folder has it counted, whether an exporter runs on it or not.
fn spent(config: &Config, flags: &Flags) -> Result<String, CommandError> {
    let Some(folder) = state_folder(flags.state_dir.as_deref())? else { return Ok(String::new()) };
    let operations = config.operations.iter().map(|operation| &*operation.name);
    let state = match State::copy_of(&folder, operations) {
        Ok(state) => Arc::new(state),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(format!("state: {} is not there yet: nothing was sent from it\n", folder.display()));
        }
        Err(error) => {
            let hint = "hint: check as the exporter's user; the package has wolkvox-exporter-check for that";
            return Ok(format!("state: the counts in {} cannot be read: {error}\n{hint}\n", folder.display()));
        }
    };
    let mut told = format!("state: {}\n", folder.display());
    for (operations, budget) in poll::spent_budgets(config, &state, Clock::system().now()) {
        let (names, BudgetStatus { limit, used, .. }) = (operations.join(", "), budget);
        // Writing to a String cannot fail.
        let _ = writeln!(told, "{names}: {used} of {limit} API requests used today, {} left", budget.left());
    }
    Ok(told)
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
