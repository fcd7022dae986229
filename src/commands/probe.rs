//! `check --probe`: one API request per operation and report, and what each brought.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use humantime::format_duration;
use jiff::SignedDuration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::{CommandError, print};
use crate::config::Config;
use crate::poll::{self, Context, Job, Polled, Probed};
use crate::store::{Findings, PollData};
use crate::time::Target;
use crate::wolkvox::{Failure, Reason};

/// Without any news for this long, a line says who is waited for.
const QUIET: Duration = Duration::from_secs(5);
/// Names in one line of a message.
const MOST_NAMES: usize = 6;
const HEADING: [&str; 7] = ["OPERATION", "REPORT", "STATUS", "ROWS", "SERIES", "BYTES", "MS"];
const NOT_ASKED: &str = "not asked";
/// Clocks that differ by less than this bring no report into a wrong window for long.
const CLOCKS_AGREE: Duration = Duration::from_mins(2);
/// Agents' time in pauses is a part of their time of login; the two reports are built minutes apart.
const AUX_WITHIN_LOGIN: f64 = 1.05;

/// Asks for each job once, prints a row for each as it comes, and says at the end what to do next.
pub(super) async fn probe(config: &Config, context: &Context, jobs: Vec<Job>) -> Result<(), CommandError> {
    let mut probe = Probe::new(config, &jobs);
    print(&probe.row(HEADING.map(str::to_owned)))?;
    let (tell, told) = unbounded_channel();
    let asking = async {
        poll::probe(config, context, jobs, tell).await;
        Ok(())
    };
    tokio::try_join!(asking, probe.listen(told))?;
    probe.compare_clocks(context.vendor.clock_ahead());
    probe.end()
}

/// What has come so far, and what is still to come.
struct Probe {
    command: String,
    /// Widths of the first three columns.
    widths: [usize; 3],
    pending: Vec<Target>,
    operations: usize,
    reports: usize,
    requests: u32,
    not_asked: usize,
    failures: Vec<SharedFailure>,
    good: Vec<(Target, PollData)>,
    findings: Vec<String>,
}

/// One cause of failure, however many reports it has.
struct SharedFailure {
    said: String,
    hint: String,
    targets: Vec<Target>,
}

impl Probe {
    fn new(config: &Config, jobs: &[Job]) -> Probe {
        let targets: Vec<Target> = jobs.iter().map(|job| job.target().clone()).collect();
        let longest = |texts: &mut dyn Iterator<Item = &str>, heading: &str| {
            texts.map(|text| text.chars().count()).chain([heading.len()]).max().unwrap_or_default()
        };
        let file = config.file.as_deref().map(|file| format!(" --config.file={}", file.display())).unwrap_or_default();
        Probe {
            command: file,
            widths: [
                longest(&mut targets.iter().map(|target| &*target.operation), HEADING[0]),
                longest(&mut targets.iter().map(|target| &*target.report), HEADING[1]),
                longest(&mut Reason::ALL.iter().map(|reason| reason.as_str()).chain([NOT_ASKED]), HEADING[2]),
            ],
            operations: operations_of(&targets).len(),
            reports: targets.len(),
            pending: targets,
            requests: 0,
            not_asked: 0,
            failures: Vec::new(),
            good: Vec::new(),
            findings: Vec::new(),
        }
    }

    async fn listen(&mut self, mut told: UnboundedReceiver<Probed>) -> Result<(), CommandError> {
        let started = Instant::now();
        let mut waited = false;
        loop {
            match timeout(QUIET, told.recv()).await {
                Ok(Some(probed)) => print(&self.take(probed))?,
                Ok(None) => return Ok(()),
                Err(_) => {
                    let line = self.waiting(started.elapsed());
                    let hint = "hint: an address that is not on the vendor's allow-list gets no answer at all\n";
                    // A console that is gone takes no line; the rows tell whether anybody still reads.
                    let _ = write!(io::stderr(), "{line}{}", if waited { "" } else { hint });
                    waited = true;
                }
            }
        }
    }

    fn waiting(&self, since: Duration) -> String {
        let names = operations_of(&self.pending);
        let (waiting, all, seconds) = (names.len(), self.operations, since.as_secs());
        format!("waiting for {waiting} of {all} operation(s) after {seconds} s: {}\n", some_of(&names))
    }

    /// The row of what became of one job.
    fn take(&mut self, probed: Probed) -> String {
        let (Probed::Asked(job, _) | Probed::NotAsked(job, _)) = &probed;
        let target = job.target().clone();
        self.pending.retain(|pending| *pending != target);
        let head = [target.operation.to_string(), target.report.to_string()];
        let [status, rows, series, bytes, elapsed] = match probed {
            Probed::NotAsked(..) => {
                self.not_asked += 1;
                [NOT_ASKED, "-", "-", "-", "-"].map(str::to_owned)
            }
            Probed::Asked(job, polled) => self.take_poll(&job, *polled),
        };
        let [operation, report] = head;
        self.row([operation, report, status, rows, series, bytes, elapsed])
    }

    fn take_poll(&mut self, job: &Job, polled: Polled) -> [String; 5] {
        self.requests += polled.requests;
        let tail = [polled.bytes.to_string(), polled.elapsed.as_millis().to_string()];
        let (status, counts) = match polled.outcome {
            Ok(data) => {
                let counts = [data.rows, data.series].map(|count| count.to_string());
                self.good.push((job.target().clone(), data));
                ("ok", counts)
            }
            Err(error) => {
                let failure = error.failure();
                self.note(job, &failure);
                (failure.reason.as_str(), ["-", "-"].map(str::to_owned))
            }
        };
        let [rows, series] = counts;
        let [bytes, elapsed] = tail;
        [status.to_owned(), rows, series, bytes, elapsed]
    }

    fn note(&mut self, job: &Job, failure: &Failure) {
        let mut said = failure.to_string();
        if let Some(wording) = &failure.said {
            // Writing to a String cannot fail.
            let _ = write!(said, "\n  its own words: {}", wording.masked(job.token()));
        }
        let hint: String = match failure.reason {
            Reason::RecordLimit | Reason::TooLarge if job.splits() => {
                "a probe sends one request; polling asks for this report in parts, and needs nothing to be done".into()
            }
            _ => failure.hint().into(),
        };
        match self.failures.iter_mut().find(|cause| cause.said == said && cause.hint == hint) {
            Some(cause) => cause.targets.push(job.target().clone()),
            None => self.failures.push(SharedFailure { said, hint, targets: vec![job.target().clone()] }),
        }
    }

    fn row(&self, cells: [String; HEADING.len()]) -> String {
        let [operation, report, status, rows, series, bytes, elapsed] = cells;
        let [first, second, third] = self.widths;
        format!(
            "{operation:first$}  {report:second$}  {status:third$}  {rows:>7}  {series:>7}  {bytes:>9}  {elapsed:>6}\n"
        )
    }

    /// What the answers say of themselves, what was spent, and what comes next.
    fn end(mut self) -> Result<(), CommandError> {
        self.good.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (target, data) in &self.good {
            self.findings.extend(sentences(data).map(|sentence| format!("{target}: {sentence}")));
        }
        let mut text = String::new();
        if let Some(sums) = self.compare_aux_with_login() {
            let _ = writeln!(text, "sums: {sums}");
        }
        for finding in &self.findings {
            let _ = writeln!(text, "note: {finding}");
        }
        let _ = writeln!(text, "{} API request(s) sent for {} report(s)", self.requests, self.reports);
        print(&text)?;
        let command = &self.command;
        if self.failures.is_empty() {
            return print(&format!("next: start it with wolkvox-exporter{command}\n"));
        }
        // They came in any order: the widest cause is told first, and among equals that of the first operation.
        for cause in &mut self.failures {
            cause.targets.sort_unstable();
        }
        self.failures.sort_by(|a, b| b.targets.len().cmp(&a.targets.len()).then_with(|| a.targets.cmp(&b.targets)));
        let failed: usize = self.failures.iter().map(|cause| cause.targets.len()).sum();
        let mut causes = String::new();
        for SharedFailure { said, hint, targets } in &self.failures {
            let names: Vec<String> =
                targets.iter().map(|target| format!("{} {}", target.operation, target.report)).collect();
            let _ = writeln!(causes, "{said}\n  --> {}\nhint: {hint}", some_of(&names));
        }
        let targets: Vec<Target> = self.failures.iter().flat_map(|cause| cause.targets.clone()).collect();
        let broken = operations_of(&targets);
        let only = if broken.len() < self.operations && broken.len() <= MOST_NAMES {
            format!(" --operation={}", broken.join(" --operation="))
        } else {
            String::new()
        };
        Err(CommandError::Probe {
            missed: failed + self.not_asked,
            all: self.reports,
            not_asked: self.not_asked,
            causes,
            next: format!("do what the hints say, then ask again: wolkvox-exporter check --probe{command}{only}"),
        })
    }

    /// A window ends at this machine's now: where its clock is wrong, the vendor is asked for another day's rows.
    fn compare_clocks(&mut self, ahead: SignedDuration) {
        if ahead.unsigned_abs() < CLOCKS_AGREE {
            return;
        }
        let minutes = (ahead.unsigned_abs().as_secs() + 30) / 60;
        let (span, side) = (
            format_duration(Duration::from_secs(minutes * 60)),
            if ahead.is_negative() { "ahead of" } else { "behind" },
        );
        self.findings.push(format!("this machine's clock is {span} {side} the vendor's: set it, or windows are wrong"));
    }

    /// More time in pauses than of login is what no floor can have: one of the two is not what it is taken for.
    fn compare_aux_with_login(&mut self) -> Option<String> {
        let total = |metric: &str, of: &Target| {
            let same = |target: &Target| target.operation == of.operation && target.window == of.window;
            let mut data = self.good.iter().filter(|(target, _)| same(target)).map(|(_, data)| data);
            data.find_map(|data| total(data, metric))
        };
        let mut shares = Vec::new();
        for (target, _) in self.good.iter().filter(|(target, _)| *target.report == *"agent_aux_time") {
            let sums = total("wolkvox_agent_aux_seconds", target).zip(total("wolkvox_agent_login_seconds", target));
            let Some((aux, login)) = sums.filter(|(_, login)| *login > 0.0) else { continue };
            shares.push(aux / login * 100.0);
            if aux > login * AUX_WITHIN_LOGIN {
                let operation = &target.operation;
                self.findings.push(format!(
                    "{operation}: {aux:.0} s in auxiliary states (agent_3), more than {login:.0} s of login (agents_kpi)"
                ));
            }
        }
        let (least, most) = (shares.iter().copied().reduce(f64::min)?, shares.iter().copied().reduce(f64::max)?);
        let count = shares.len();
        Some(format!(
            "time in auxiliary states (agent_3) is {least:.0} % to {most:.0} % of login (agents_kpi) in {count} operation(s)"
        ))
    }
}

/// What an answer had that nobody expects.
fn sentences(data: &PollData) -> impl Iterator<Item = String> {
    let Findings { undocumented_fields, rows_without_value, rows_outside_window } = &data.findings;
    let fields = format!("fields that are not documented, and not read: {}", undocumented_fields.join(", "));
    let values = data.rejected.iter().map(|(field, count)| (*count, format!("{count} unreadable value(s) of {field}")));
    let others = [
        (undocumented_fields.len() as u64, fields),
        (*rows_without_value, format!("{rows_without_value} of {} row(s) without any readable value", data.rows)),
        (*rows_outside_window, format!("{rows_outside_window} day(s) outside the window, left out")),
        (data.dropped, format!("{} series over limits.series_per_report, left out", data.dropped)),
    ];
    let all: Vec<(u64, String)> = others.into_iter().chain(values).collect();
    all.into_iter().filter(|(count, _)| *count > 0).map(|(_, sentence)| sentence)
}

/// The sum of a metric's series; `None` where it has none.
fn total(data: &PollData, metric: &str) -> Option<f64> {
    let (_, segment) = data.families.iter().find(|(family, _)| family.name == metric)?;
    let text = String::from_utf8(segment.text()).ok()?;
    text.lines().map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

fn operations_of(targets: &[Target]) -> Vec<String> {
    let names: BTreeSet<&str> = targets.iter().map(|target| &*target.operation).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// The first names, and how many more there are.
fn some_of(names: &[String]) -> String {
    match names.len() {
        count if count > MOST_NAMES => format!("{} and {} more", names[..MOST_NAMES].join(", "), count - MOST_NAMES),
        _ => names.join(", "),
    }
}
