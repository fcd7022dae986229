//! The tables of `RESULTS.md`.

#![allow(clippy::format_push_string, reason = "a table is easier to read as it is written")]

use std::fmt;
use std::fs;
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;

use super::child::Server;
use super::client::Times;
use super::polls::Cost;

/// One server and its figures.
pub struct Contender {
    pub kind: &'static str,
    pub server: Server,
    /// Resident memory right after its series were loaded, and some seconds later.
    pub loaded: u64,
    pub idle: u64,
    /// With gzip, and without.
    pub figures: [Figures; 2],
}

impl Contender {
    pub fn new(kind: &'static str, server: Server) -> Contender {
        Contender { kind, server, loaded: 0, idle: 0, figures: Default::default() }
    }
}

#[derive(Default)]
pub struct Figures {
    pub times: Times,
    pub bytes: u64,
    /// Of the server, for all its scrapes.
    pub cpu: Duration,
}

/// Everyone at one size.
pub struct Size {
    pub series: usize,
    pub contenders: Vec<Contender>,
    /// Time to copy the body in memory, with gzip and without.
    pub copies: [Times; 2],
    /// Resident memory of each after all its scrapes.
    pub idle_after: Vec<u64>,
}

/// Scrapes beside a poll.
pub struct UnderPolls {
    pub idle: Times,
    pub busy: Times,
}

#[derive(Default)]
pub struct Results {
    pub sizes: Vec<Size>,
    pub polls: Vec<(usize, Cost)>,
    pub polling: Option<UnderPolls>,
    /// Size of the binary, times from its start to the first answer with data.
    pub started: Option<(u64, Times)>,
}

const HEADER: &str = "\
# What a scrape costs

Written by `benches/run`. The series are those of `agent_aux_time`: five labels (operation, window, agent_id, agent_name,
state), Spanish names, up to 60,000 to an operation (what the vendor puts into one answer), agent by agent. Every server is a process of its own with the allocator of the packages (feature
`jemalloc`), the scraper is another, on the loopback of one machine. All take turns, so the ratios mean more than the
milliseconds: ×N is the median as a multiple of ours.

- **p50, p99**: from the request to the last byte of the answer. **n**: scrapes measured; below 100 the p99 is the slowest.
- **CPU**: processor time of the server per scrape, kernel included; not that of threads that ended, so little of Python's,
  which starts one per request. **bytes**: of the body on the wire.
- **RSS loaded, idle, after**: resident memory after the series were loaded, 12 s later, and after all scrapes.
- **ours**: store, exposition and listener of the exporter, filled by polls through aggregation and rendering; it also serves its own
  metrics and `wolkvox_agent_info`, which the peers do not.
- **family**: prometheus-client, a gauge per series, tower-http's gzip. **collector**: prometheus-client, values held in a
  list and written at each scrape, same gzip. **metrics-exporter**: metrics-exporter-prometheus, same gzip. **python**:
  prometheus_client behind its own server.
- **ready**: the limit. hyper alone, sending the very bytes of our answer, made beforehand. **memcpy**: the same bytes
  copied once in memory.
";

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}\n{}", machine())?;
        writeln!(f, "{}", self.targets())?;
        writeln!(f, "{}", self.scrapes())?;
        writeln!(f, "{}", self.growth())?;
        writeln!(f, "{}", self.poll_table())?;
        writeln!(f, "{}", self.under_load())?;
        write!(f, "{}", self.start_table())
    }
}

impl Results {
    /// What was promised, and what this run says of it.
    fn targets(&self) -> String {
        let mut out = "## Promises\n\n| promise | bound | measured |\n|---|---|---|\n".to_owned();
        let mut row =
            |what: &str, bound: &str, measured: String| out += &format!("| {what} | {bound} | {measured} |\n");
        let gzip = |size: &Size, kind: &str| size.of(kind).map_or(0.0, |them| size.ratio(them, 0));
        for (series, label) in [(100_000, "100k"), (1_000_000, "1M")] {
            let Some(size) = self.sizes.iter().find(|size| size.series == series) else { continue };
            if series == 100_000 {
                row(
                    "100k series with gzip, beside family",
                    "≥ 300 times faster",
                    format!("{:.0}", gzip(size, "family")),
                );
            }
            let ready = 1.0 / gzip(size, "ready");
            row(&format!("{label} series with gzip, beside ready bytes"), "≤ 1.5 times as long", format!("{ready:.2}"));
            if let (1_000_000, Some(ours), Some(family)) = (series, size.of("ours"), size.of("family")) {
                row("RSS with 1M series, idle", "< 48 MB", mb(ours.idle));
                let share = ours.idle as f64 / family.idle as f64;
                row("the same beside family", "≤ 0.1", format!("{share:.3}"));
            }
        }
        if let Some(UnderPolls { idle, busy }) = &self.polling {
            let ratio = busy.quantile(0.99).as_secs_f64() / idle.quantile(0.99).as_secs_f64();
            row("p99 of scrapes while 60,000 rows are added up, beside idle", "≤ 2", format!("{ratio:.2}"));
        }
        if let Some((_, cost)) = self.polls.iter().find(|(rows, _)| *rows == 60_000) {
            let rate = cost.from_str.shortest().as_secs_f64() / cost.aggregate.shortest().as_secs_f64();
            row("rate of decode + aggregate, beside serde_json `from_str`", "≥ 0.70", format!("{rate:.2}"));
        }
        out
    }

    pub fn scrapes(&self) -> String {
        let mut out = String::new();
        for size in &self.sizes {
            out += &format!("## {} series\n\n", thousands(size.series));
            for (index, coding) in ["gzip", "no coding"].into_iter().enumerate() {
                out += &format!("| {coding} | p50 | ×N | p99 | n | CPU | bytes |\n|---|--:|--:|--:|--:|--:|--:|\n");
                for contender in &size.contenders {
                    let Figures { times, bytes, cpu } = &contender.figures[index];
                    // A turn's first scrape counts for the processor as for the clock, but was not noted.
                    let cpu = *cpu / u32::try_from(times.count().max(1)).unwrap_or(u32::MAX);
                    out += &format!(
                        "| {} | {} | {} | {} | {} | {} | {} |\n",
                        contender.kind,
                        time(times.median()),
                        ratio(size.ratio(contender, index)),
                        time(times.quantile(0.99)),
                        times.count(),
                        time(cpu),
                        thousands(usize::try_from(*bytes).unwrap_or_default()),
                    );
                }
                let copy = &size.copies[index];
                let ours = size.contenders[0].figures[index].times.median().as_secs_f64();
                let share = ratio(copy.median().as_secs_f64() / ours);
                out += &format!(
                    "| memcpy | {} | {share} | {} | {} | | |\n\n",
                    time(copy.median()),
                    time(copy.quantile(0.99)),
                    copy.count()
                );
            }
            out += "| RSS | loaded | idle | after |\n|---|--:|--:|--:|\n";
            for (contender, after) in size.contenders.iter().zip(&size.idle_after) {
                let [loaded, idle] =
                    [contender.loaded, contender.idle].map(|bytes| if bytes > 0 { mb(bytes) } else { String::new() });
                out += &format!("| {} | {loaded} | {idle} | {} |\n", contender.kind, mb(*after));
            }
            if size.of("python").is_none() {
                out += "\npython was left out at this size: it takes minutes, or it is not installed.\n";
            }
            out += "\n";
        }
        out.truncate(out.trim_end().len());
        out + "\n"
    }

    fn growth(&self) -> String {
        let mut out = "## Growth\n\nPer series, or per row: linear growth keeps it as it is. Above 60,000 \
            the polls are those of several operations, one after the other. **ready** is what the network alone makes of it.\n\n\
            | series, or rows | gzip p50 | ready gzip p50 | plain p50 | CPU gzip | idle RSS | poll |\n|---|--:|--:|--:|--:|--:|--:|\n"
            .to_owned();
        for size in self.sizes.iter().filter(|size| size.series >= 10_000) {
            let Some(ours) = size.of("ours") else { continue };
            let each = |time: Duration, count: usize| format!("{:.1} ns", time.as_secs_f64() * 1e9 / count as f64);
            let [gzip, plain] = [0, 1].map(|index| each(ours.figures[index].times.median(), size.series));
            let ready =
                size.of("ready").map_or(String::new(), |ready| each(ready.figures[0].times.median(), size.series));
            let cpu = each(ours.figures[0].cpu, size.series * ours.figures[0].times.count().max(1));
            let poll = self.polls.iter().find(|(rows, _)| *rows == size.series);
            let poll = poll.map_or(String::new(), |(rows, cost)| each(cost.poll.shortest(), *rows));
            let rss = ours.idle as f64 / size.series as f64;
            out +=
                &format!("| {} | {gzip} | {ready} | {plain} | {cpu} | {rss:.0} B | {poll} |\n", thousands(size.series));
        }
        out
    }

    fn poll_table(&self) -> String {
        let mut out = "## A poll\n\nAn answer of agent_3, one series a row. `from_str`: serde_json into borrowed structs in a list, \
            and nothing more. Decode + aggregate: to groups and values. The whole poll: sorted, rendered and deflated too. \
            Each is the shortest of all turns: a neighbour on the machine does not slow them all alike.\n\n\
            | rows | MB of JSON | `from_str` | decode + aggregate | rate | MB/s | whole poll |\n|---|--:|--:|--:|--:|--:|--:|\n"
            .to_owned();
        for (rows, cost) in &self.polls {
            let (from_str, aggregate) = (cost.from_str.shortest(), cost.aggregate.shortest());
            let rate = from_str.as_secs_f64() / aggregate.as_secs_f64();
            let megabytes = cost.bytes as f64 / 1e6;
            out += &format!(
                "| {} | {megabytes:.1} | {} | {} | {rate:.2} | {:.0} | {} |\n",
                thousands(*rows),
                time(from_str),
                time(aggregate),
                megabytes / aggregate.as_secs_f64(),
                time(cost.poll.shortest()),
            );
        }
        out
    }

    pub fn under_load(&self) -> String {
        let Some(UnderPolls { idle, busy }) = &self.polling else { return String::new() };
        let row = |what: &str, times: &Times| {
            format!("| {what} | {} | {} | {} |\n", time(times.median()), time(times.quantile(0.99)), times.count())
        };
        format!(
            "## Scrapes while a poll is added up\n\n100,000 series and those of a poll of 60,000 rows, with gzip, a scrape \
             every few milliseconds.\n\n| | p50 | p99 | n |\n|---|--:|--:|--:|\n{}{}",
            row("idle", idle),
            row("the poll again and again", busy)
        )
    }

    fn start_table(&self) -> String {
        let Some((size, times)) = &self.started else { return String::new() };
        format!(
            "## The binary\n\n| | |\n|---|--:|\n| size | {} |\n| start to first answer with restored data, p50 | {} |\n| slowest of {} | {} |\n",
            mb(*size),
            time(times.median()),
            times.count(),
            time(times.quantile(1.0))
        )
    }
}

impl Size {
    fn of(&self, kind: &str) -> Option<&Contender> {
        self.contenders.iter().find(|contender| contender.kind == kind)
    }

    /// A contender's median as a multiple of ours.
    fn ratio(&self, them: &Contender, index: usize) -> f64 {
        let median = |contender: &Contender| contender.figures[index].times.median().as_secs_f64();
        median(them) / median(&self.contenders[0])
    }
}

fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |line| line.trim_start_matches(['\t', ' ', ':']));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = read("/proc/sys/kernel/osrelease");
    let rustc = Command::new("rustc").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let load = read("/proc/loadavg").split(' ').take(1).collect::<String>();
    format!(
        "| | |\n|---|---|\n| date | {} |\n| processor | {model}, {cores} cores |\n| kernel | Linux {} |\n| compiler | {} |\n| load at the end | {load} |\n",
        Timestamp::now().strftime("%Y-%m-%d"),
        kernel.trim(),
        String::from_utf8_lossy(&rustc).trim(),
    )
}

fn time(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        0.0..1_000.0 => format!("{micros:.0} µs"),
        0.0..10_000.0 => format!("{:.2} ms", micros / 1e3),
        0.0..1_000_000.0 => format!("{:.0} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}

fn ratio(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2}") } else { format!("{ratio:.0}") }
}

fn mb(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    groups.iter().map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(",")
}
