//! Checking: the shapes of a config file become a config, or an error that says what is wrong and where.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_saphyr::Location;
use url::Url;

use super::error::{ConfigError, quoted};
use super::file::{self, AgentDni, AgentName, ConfigFile, ReportEntry, ReportMapping};
use super::yaml::At;
use super::{Config, Limits, Operation, ReportPlan, VENDOR_INTERVAL};
use crate::catalog::{Agents, Catalog, NameKey, Privacy};
use crate::files;
use crate::memory::LEAST_TOTAL;
use crate::time::WindowName;
use crate::wolkvox::{Token, is_loopback};

/// Most integrators of the vendor's are Colombian; so is the zone of its own examples.
const DEFAULT_ZONE: &str = "America/Bogota";
/// The vendor's own limit for one request.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);
/// A request that is given longer than this blocks its token's other reports for a whole interval.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(5);
/// A report that is asked less than once a day says nothing of some days.
const LONGEST_INTERVAL: Duration = Duration::from_hours(24);
/// Polls that may fail before the series they would have renewed are dropped.
const STALE_INTERVALS: u32 = 3;
/// Longest value of a label that can be asked for: names must stay whole, and a scrape short.
const LABEL_RANGE: std::ops::RangeInclusive<usize> = 64..=64 * 1024;

/// Checks a file against the catalogue and reads the tokens it names.
pub(super) fn check(file: ConfigFile, path: &Path, catalog: &Catalog) -> Result<Config, ConfigError> {
    let checker = Checker { path, catalog, polling: &file.polling };
    let limits = checker.limits(&file.limits)?;
    let privacy = checker.privacy(&file.privacy)?;
    if file.operations.value.is_empty() {
        return Err(checker
            .wrong(file.operations.referenced, "operations is empty")
            .hint("name at least one operation, with its server and token_file"));
    }
    let mut names: HashMap<String, u64> = HashMap::new();
    let mut operations = Vec::new();
    for operation in file.operations.value {
        let name = &operation.name;
        if let Some(line) = names.insert(name.value.clone(), name.referenced.line()) {
            return Err(checker
                .wrong(name.referenced, "an operation of this name is there already")
                .hint(format!("the first is at line {line}; each operation needs a name of its own")));
        }
        operations.push(checker.operation(operation)?);
    }
    Ok(Config { file: Some(path.to_owned()), operations, limits, privacy })
}

struct Checker<'a> {
    path: &'a Path,
    catalog: &'a Catalog,
    polling: &'a file::PollingEntry,
}

impl Checker<'_> {
    fn wrong(&self, location: Location, what: impl Into<String>) -> ConfigError {
        ConfigError::at(self.path, location, what)
    }

    fn limits(&self, limits: &file::LimitsEntry) -> Result<Limits, ConfigError> {
        let series = limits.series_per_report.as_ref();
        let bytes = limits.response_bytes.as_ref();
        if let Some(series) = series.filter(|series| series.value == 0) {
            return Err(self.wrong(series.referenced, "limits.series_per_report is 0: nothing could be served"));
        }
        if let Some(bytes) = bytes.filter(|bytes| bytes.value.0 == 0) {
            return Err(self.wrong(bytes.referenced, "limits.response_bytes is 0: no answer could be read"));
        }
        let rows = limits.rows_per_answer.as_ref();
        if let Some(rows) = rows.filter(|rows| rows.value == 0) {
            return Err(self.wrong(rows.referenced, "limits.rows_per_answer is 0: every answer would count as cut off"));
        }
        let memory = limits.memory.as_ref();
        if let Some(memory) = memory.filter(|memory| memory.value.0 < LEAST_TOTAL) {
            return Err(self
                .wrong(memory.referenced, "limits.memory is under 16MiB: a poll of the usual size could fail")
                .hint("leave limits.memory out for half of what this process may use"));
        }
        let label = limits.label_bytes.as_ref();
        if let Some(label) = label.filter(|label| !LABEL_RANGE.contains(&label.value.0)) {
            return Err(self.wrong(label.referenced, "limits.label_bytes must lie between 64B and 64KiB"));
        }
        let default = Limits::default();
        Ok(Limits {
            series_per_report: series.map_or(default.series_per_report, |series| series.value),
            response_bytes: bytes.map_or(default.response_bytes, |bytes| bytes.value.0),
            rows_per_answer: rows.map_or(default.rows_per_answer, |rows| rows.value),
            memory: memory.map_or(default.memory, |memory| memory.value.0),
            label_bytes: label.map_or(default.label_bytes, |label| label.value.0),
        })
    }

    fn privacy(&self, privacy: &file::PrivacyEntry) -> Result<Privacy, ConfigError> {
        let document = privacy.agent_dni.as_ref().filter(|document| document.value == AgentDni::Plain);
        let agents = match (privacy.agent_name, &privacy.key_file) {
            (AgentName::Hashed, None) => Agents::Hashed(NameKey::passing()),
            (AgentName::Hashed, Some(file)) => Agents::Hashed(self.key_file(file)?),
            (AgentName::Plain | AgentName::Omitted, Some(file)) => {
                return Err(self
                    .wrong(file.referenced, "privacy.key_file is there, and no name is hashed")
                    .hint("set privacy.agent_name: hashed, or leave key_file out"));
            }
            (AgentName::Plain, None) => Agents::Plain,
            (AgentName::Omitted, None) => Agents::Omitted,
        };
        match document {
            Some(document) if privacy.agent_name != AgentName::Plain => Err(self
                .wrong(document.referenced, "agent_dni: plain would tell whose names are hidden")
                .hint("set privacy.agent_name: plain, or leave agent_dni out")),
            _ => Ok(Privacy { agents, agent_dni: document.is_some() }),
        }
    }

    fn key_file(&self, file: &At<String>) -> Result<NameKey, ConfigError> {
        let path = self.beside_config(&file.value);
        let hint = "make one with: openssl rand -hex 32 > names.key; it must be readable by the exporter's user";
        let text = files::read_text(&path)
            .map_err(|error| self.wrong(file.referenced, format!("the key file cannot be read: {error}")).hint(hint))?;
        NameKey::parse(&text).map_err(|error| self.wrong(file.referenced, error.to_string()).hint(hint))
    }

    fn operation(&self, operation: file::OperationEntry) -> Result<Operation, ConfigError> {
        let name = &operation.name;
        if name.value.trim() != name.value || name.value.is_empty() || name.value.chars().any(char::is_control) {
            return Err(self.wrong(name.referenced, "an operation's name cannot be blank or have blanks around it"));
        }
        if let Some(licenses) = operation.licenses.as_ref().filter(|licenses| licenses.value == 0) {
            return Err(self
                .wrong(licenses.referenced, "licenses is 0: there would be no API request to spend")
                .hint("leave licenses out if the number is not known"));
        }
        Ok(Operation {
            base_url: self.base_url(&operation)?,
            token: self.token(&operation)?,
            zone: self.zone(operation.timezone.as_ref())?,
            licenses: operation.licenses.map(|licenses| licenses.value),
            pool: operation.pool,
            reports: self.reports(operation.reports)?,
            timeout: self.timeout()?,
            name: Arc::from(operation.name.value),
        })
    }

    fn base_url(&self, operation: &file::OperationEntry) -> Result<Url, ConfigError> {
        match (&operation.server, &operation.base_url) {
            (Some(server), None) => self.server(server),
            (None, Some(base_url)) => self.given_url(base_url, operation.allow_plain_http),
            (Some(_), Some(both)) => Err(self
                .wrong(both.referenced, "server and base_url exclude each other")
                .hint("server is enough, unless a proxy stands between")),
            (None, None) => Err(self
                .wrong(operation.name.referenced, "the operation has no server")
                .hint("add server: \"0003\", the number in the address https://wv0003.wolkvox.com")),
        }
    }

    fn server(&self, server: &At<String>) -> Result<Url, ConfigError> {
        let digits = server.value.strip_prefix("wv").unwrap_or(&server.value);
        let valid = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let url = Url::parse(&format!("https://wv{digits}.wolkvox.com"));
        url.ok().filter(|_| valid).ok_or_else(|| {
            self.wrong(server.referenced, "server is not a wolkvox server number")
                .hint("four digits as in https://wv0003.wolkvox.com, in quotes: \"0003\"")
        })
    }

    fn given_url(&self, base_url: &At<String>, allow_plain_http: bool) -> Result<Url, ConfigError> {
        let wrong = |what: &str| self.wrong(base_url.referenced, format!("base_url {what}"));
        let url = Url::parse(&base_url.value).map_err(|error| wrong(&format!("is not a URL: {error}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("carries a user or password").hint("the token belongs into a token_file"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("has a query or fragment").hint("give only what comes before /api/v2/"));
        }
        match url.scheme() {
            "https" => Ok(url),
            "http" if is_loopback(&url) || allow_plain_http => Ok(url),
            "http" => Err(wrong("is plain http beyond this machine, and the token would travel readable")
                .hint("use https, or set allow_plain_http: true on this operation")),
            _ => Err(wrong("is neither https nor http")),
        }
    }

    fn token(&self, operation: &file::OperationEntry) -> Result<Token, ConfigError> {
        let hint = "use token_file: /run/secrets/…, or token_env: NAME_OF_A_VARIABLE";
        if let Some(inline) = &operation.token {
            return Err(self.wrong(inline.referenced, "a token written into the config is refused").hint(hint));
        }
        let (source, text) = match (&operation.token_file, &operation.token_env) {
            (Some(file), None) => (file, self.token_file(file)?),
            (None, Some(variable)) => (variable, self.token_variable(variable)?),
            (Some(_), Some(both)) => {
                return Err(self.wrong(both.referenced, "token_file and token_env exclude each other").hint(hint));
            }
            (None, None) => {
                return Err(self.wrong(operation.name.referenced, "the operation has no token").hint(hint));
            }
        };
        Token::parse(&text).map_err(|error| self.wrong(source.referenced, error.to_string()))
    }

    fn token_file(&self, file: &At<String>) -> Result<String, ConfigError> {
        let path = self.beside_config(&file.value);
        files::read_text(&path).map_err(|error| {
            self.wrong(file.referenced, format!("the token file cannot be read: {error}"))
                .hint("the file must hold the token alone and be readable by the exporter's user")
        })
    }

    fn token_variable(&self, variable: &At<String>) -> Result<String, ConfigError> {
        std::env::var(&variable.value)
            .map_err(|_| self.wrong(variable.referenced, "the environment variable of token_env is not set"))
    }

    fn beside_config(&self, file: &str) -> PathBuf {
        self.path.parent().map_or_else(|| PathBuf::from(file), |folder| folder.join(file))
    }

    fn zone(&self, zone: Option<&At<String>>) -> Result<TimeZone, ConfigError> {
        let name = zone.map_or(DEFAULT_ZONE, |zone| &zone.value);
        TimeZone::get(name).map_err(|_| {
            let location = zone.map_or(Location::UNKNOWN, |zone| zone.referenced);
            self.wrong(location, "timezone is not known").hint("an IANA name such as America/Bogota")
        })
    }

    fn timeout(&self) -> Result<Duration, ConfigError> {
        let Some(timeout) = &self.polling.timeout else { return Ok(DEFAULT_TIMEOUT) };
        let value = timeout.value.0;
        if value < Duration::from_secs(1) || value > LONGEST_TIMEOUT {
            return Err(self.wrong(timeout.referenced, "polling.timeout must lie between 1s and 5m"));
        }
        Ok(value)
    }

    fn reports(&self, entries: Option<At<Vec<At<ReportEntry>>>>) -> Result<Vec<ReportPlan>, ConfigError> {
        let Some(entries) = entries else {
            let all = self.catalog.reports().iter();
            return all.map(|report| self.report(&ReportMapping::named(&report.name), Location::UNKNOWN)).collect();
        };
        if entries.value.is_empty() {
            return Err(self
                .wrong(entries.referenced, "reports is empty: nothing would be polled")
                .hint("leave reports out for the default ones"));
        }
        let mut plans: Vec<ReportPlan> = Vec::new();
        for entry in entries.value {
            let plan = self.report(&entry.value.0, entry.referenced)?;
            if plans.iter().any(|known| known.report.name == plan.report.name) {
                return Err(self.wrong(entry.referenced, format!("report {} is there twice", plan.report.name)));
            }
            plans.push(plan);
        }
        Ok(plans)
    }

    fn report(&self, entry: &ReportMapping, location: Location) -> Result<ReportPlan, ConfigError> {
        let report = self.catalog.report(&entry.name).ok_or_else(|| {
            let known: Vec<&str> = self.catalog.reports().iter().map(|report| &*report.name).collect();
            self.wrong(location, format!("report {} is not known", quoted(&entry.name)))
                .hint(format!("the known reports are {}", known.join(", ")))
        })?;
        let interval = self.interval(entry)?;
        Ok(ReportPlan {
            report: Arc::clone(report),
            interval,
            windows: self.windows(entry)?,
            stale_after: self.stale_after(interval)?,
        })
    }

    fn interval(&self, entry: &ReportMapping) -> Result<Duration, ConfigError> {
        let Some(interval) = entry.interval.as_ref().or(self.polling.interval.as_ref()) else {
            return Ok(VENDOR_INTERVAL);
        };
        if interval.value.0 < VENDOR_INTERVAL && !self.polling.allow_faster_than_vendor {
            return Err(self
                .wrong(interval.referenced, "an interval under 5m is faster than the vendor allows")
                .hint("the vendor's reports change every ten minutes; to ask faster all the same, set polling.allow_faster_than_vendor: true"));
        }
        if interval.value.0 < Duration::from_secs(1) {
            return Err(self.wrong(interval.referenced, "an interval cannot be under 1s"));
        }
        if interval.value.0 > LONGEST_INTERVAL {
            return Err(self.wrong(interval.referenced, "an interval cannot be over 24h"));
        }
        Ok(interval.value.0)
    }

    fn windows(&self, entry: &ReportMapping) -> Result<Vec<WindowName>, ConfigError> {
        let Some(windows) = entry.windows.as_ref().or(self.polling.windows.as_ref()) else {
            return Ok(vec![WindowName::Today, WindowName::Yesterday]);
        };
        let mut unique = windows.value.clone();
        unique.sort_unstable();
        unique.dedup();
        if unique.is_empty() || unique.len() < windows.value.len() {
            return Err(self.wrong(windows.referenced, "windows must name today, yesterday or both, each once"));
        }
        Ok(unique)
    }

    fn stale_after(&self, interval: Duration) -> Result<Duration, ConfigError> {
        match &self.polling.stale_after {
            None => Ok(interval * STALE_INTERVALS),
            Some(span) if span.value.0 < interval => Err(self
                .wrong(span.referenced, "stale_after is shorter than a report's interval: its series would come and go")
                .hint("three intervals are a good start")),
            Some(span) => Ok(span.value.0),
        }
    }
}

impl ReportMapping {
    fn named(name: &str) -> ReportMapping {
        ReportMapping { name: name.to_owned(), ..ReportMapping::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "s3cr3t-t0ken\n").unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        Config::parse(text, &folder.path().join("c.yml"), &Catalog::builtin().unwrap())
    }

    /// One operation that is fine but for `lines`, and `rest` below it.
    fn with(lines: &str, rest: &str) -> String {
        format!("operations:\n  - name: acme\n    server: \"0003\"\n    token_file: token\n{lines}{rest}")
    }

    #[test]
    fn the_smallest_config_gets_every_default() {
        let config = parse(&with("", "")).unwrap();
        let operation = &config.operations[0];
        assert_eq!(operation.base_url.as_str(), "https://wv0003.wolkvox.com/");
        assert_eq!(operation.zone.iana_name(), Some("America/Bogota"));
        assert_eq!(operation.timeout, Duration::from_mins(1));
        assert_eq!(operation.reports.len(), 5);
        for plan in &operation.reports {
            assert_eq!((plan.interval, plan.stale_after), (Duration::from_mins(5), Duration::from_mins(15)));
            assert_eq!(plan.windows, [WindowName::Today, WindowName::Yesterday]);
        }
        assert_eq!((config.limits.series_per_report, config.limits.response_bytes), (200_000, 256_000_000));
        assert!(!config.privacy.agent_dni);
    }

    #[test]
    fn a_report_can_have_its_own_interval_and_windows() {
        let config = parse(&with(
            "    reports:\n      - agent_aux_time\n      - { name: agent_kpi, interval: 10m, windows: [today] }\n",
            "",
        ))
        .unwrap();
        let plan = &config.operations[0].reports[1];
        assert_eq!((plan.interval, plan.stale_after), (Duration::from_mins(10), Duration::from_mins(30)));
        assert_eq!(plan.windows, [WindowName::Today]);
    }

    #[test]
    fn the_example_file_is_a_config_and_shows_the_defaults() {
        let example = include_str!("../../wolkvox-exporter.example.yml");
        let shown = parse(&example.replace("acme.token", "token")).unwrap();
        let plain = parse(&with("", "")).unwrap();
        let (example, default) = (&shown.operations[0], &plain.operations[0]);
        assert_eq!((&example.base_url, &example.zone), (&default.base_url, &default.zone));
        assert_eq!((example.reports.len(), example.timeout), (default.reports.len(), default.timeout));
        assert_eq!(example.reports[0].interval, default.reports[0].interval);
        assert_eq!(example.reports[0].windows, default.reports[0].windows);
        assert_eq!(shown.limits.series_per_report, plain.limits.series_per_report);
        assert_eq!(shown.limits.response_bytes, plain.limits.response_bytes);
        assert_eq!(shown.limits.rows_per_answer, plain.limits.rows_per_answer);
        assert_eq!((shown.privacy.mark(), shown.privacy.agent_dni), (plain.privacy.mark(), plain.privacy.agent_dni));
        assert_eq!(example.reports[0].stale_after, default.reports[0].stale_after);
    }

    #[test]
    fn the_example_files_other_choices_are_configs_too() {
        let example = include_str!("../../wolkvox-exporter.example.yml").replace("acme.token", "token");
        let elsewhere = example
            .replace("    server: \"0003\"\n", "")
            .replace("    # base_url: https", "    base_url: http")
            .replace("allow_plain_http: false", "allow_plain_http: true");
        assert_eq!(parse(&elsewhere).unwrap().operations[0].base_url.as_str(), "http://proxy.example/wolkvox");
        let variable = example.replace("    token_file: token\n", "").replace("    # token_env", "    token_env");
        let error = parse(&variable).unwrap_err().to_string();
        assert!(error.contains("the environment variable of token_env is not set"), "{error}");
    }

    #[test]
    fn wv_before_the_server_number_means_the_same() {
        let config = parse(&with("", "").replace("\"0003\"", "wv0003")).unwrap();
        assert_eq!(config.operations[0].base_url.as_str(), "https://wv0003.wolkvox.com/");
    }

    #[test]
    fn plain_http_goes_to_loopback_or_where_it_is_allowed() {
        let url = |lines: &str| parse(&with("", "").replace("    server: \"0003\"\n", lines));
        assert!(url("    base_url: http://127.0.0.1:9/x\n").is_ok());
        assert!(url("    base_url: http://[::1]:9\n").is_ok());
        assert!(url("    base_url: http://proxy.example\n    allow_plain_http: true\n").is_ok());
        let error = url("    base_url: http://proxy.example\n").unwrap_err().to_string();
        assert!(error.contains("plain http") && error.contains(":3:15") && error.contains("hint:"), "{error}");
    }

    #[test]
    fn every_mistake_says_what_where_and_what_to_do() {
        for (text, what, place) in [
            ("operations: []\n".to_owned(), "operations is empty", ":1:13"),
            (String::new(), "unexpected end", ":1:1"),
            (with("    tokn: x\n", ""), "unknown field `tokn`", ":5:5"),
            (
                with(&format!("    {}: x\n", "long_".repeat(9)), ""),
                &format!("unknown field `{}…`", "long_".repeat(8)),
                ":5:5",
            ),
            (with("    pool: x\n    pool: y\n", ""), "the key `pool` is there twice", ":6:5"),
            (with("    token_file: x\n    token_file: y\n", ""), "the key `token_file` is there twice", ":5:5"),
            (with("    token: s3cr3t-t0ken\n", ""), "a token written into the config is refused", ":5:12"),
            (with("    licenses: many\n", ""), "not a whole number", ":5:15"),
            (with("    licenses: [1]\n", ""), "neither a list nor a mapping", ":5:15"),
            (with("    allow_plain_http: maybe\n", ""), "neither true nor false", ":5:23"),
            (with("    reports: all\n", ""), "a list is expected", ":5:14"),
            (with("    reports: [[x]]\n", ""), "a report is a name", ":5:15"),
            (with("", "polling: 5m\n"), "keys with values are expected", ":5:10"),
            (with("    licenses: 0\n", ""), "licenses is 0", ":5:15"),
            (with("    timezone: America/Bogata\n", ""), "timezone is not known", ":5:15"),
            (with("    reports: [agent_3]\n", ""), "report agent_3 is not known", ":5:15"),
            (with("    reports: []\n", ""), "reports is empty", ":5:14"),
            (with("    reports: [agent_kpi, agent_kpi]\n", ""), "agent_kpi is there twice", ":5:26"),
            (with("    reports: [{name: agent_kpi, every: 5m}]\n", ""), "unknown field `every`", ":5:33"),
            (with("", "polling: {interval: 1m}\n"), "under 5m", ":5:21"),
            (with("", "polling: {interval: soon}\n"), "not a span of time", ":5:21"),
            (with("", "polling: {interval: 500000000000y}\n"), "cannot be over 24h", ":5:21"),
            (with("", "polling: {stale_after: 1m}\n"), "shorter than a report's interval", ":5:24"),
            (with("", "polling: {timeout: 1h}\n"), "between 1s and 5m", ":5:20"),
            (with("", "polling: {windows: []}\n"), "windows must name", ":5:20"),
            (with("", "polling: {windows: [tomorrow]}\n"), "unknown variant", ":5:21"),
            (with("", "limits: {response_bytes: much}\n"), "not a number of bytes", ":5:26"),
            (with("", "limits: {series_per_report: 0}\n"), "nothing could be served", ":5:29"),
            (with("", "limits: {rows_per_answer: 0}\n"), "count as cut off", ":5:27"),
            (with("", "privacy: {agent_name: hidden}\n"), "unknown variant", ":5:23"),
            (with("", "privacy: {key_file: token}\n"), "no name is hashed", ":5:21"),
            (with("", "privacy: {agent_name: omitted, key_file: token}\n"), "no name is hashed", ":5:42"),
            (with("", "privacy: {agent_name: hashed, key_file: token}\n"), "at least 32 characters", ":5:41"),
            (with("", "privacy: {agent_name: hashed, key_file: missing}\n"), "cannot be read", ":5:41"),
            (with("", "privacy: {agent_name: hashed, agent_dni: plain}\n"), "whose names are hidden", ":5:42"),
            (with("", "privacy: {agent_name: omitted, agent_dni: plain}\n"), "whose names are hidden", ":5:43"),
            (with("", "").replace("\"0003\"", "\"3\""), "not a wolkvox server number", ":3:13"),
            (with("", "").replace("    server: \"0003\"\n", ""), "the operation has no server", ":2:11"),
            (with("", "").replace("    token_file: token\n", ""), "has no token", ":2:11"),
            (with("", "").replace("token_file: token", "token_file: missing"), "cannot be read", ":4:17"),
            (with("", "").replace("token_file: token", "token_file: empty"), "the token is empty", ":4:17"),
            (with("", "").replace("token_file: token", "token_env: WOLKVOX_NO_SUCH"), "is not set", ":4:16"),
            (with("", "").replace("name: acme", "name: ' '"), "cannot be blank", ":2:11"),
            (
                with("  - {name: acme, server: \"0004\", token_file: token}\n", ""),
                "of this name is there already",
                ":5:12",
            ),
            (with("    base_url: https://a.example\n", ""), "exclude each other", ":5:15"),
        ] {
            let error = parse(&text).expect_err(&text).to_string();
            assert!(error.contains(what), "{text}\n{error}");
            assert!(error.contains(&format!("c.yml{place}")), "{text}\n{error}");
        }
    }

    #[test]
    fn never_leak_no_error_repeats_a_token_or_a_neighbouring_line() {
        for text in [
            with("    token: s3cr3t-t0ken\n", ""),
            with("    token: s3cr3t-t0ken\n    licenses: [\n", ""),
            with("    licenses: s3cr3t-t0ken\n", ""),
            with("    timezone: s3cr3t-t0ken\n", ""),
            with("", "privacy: {agent_name: s3cr3t-t0ken}\n"),
            with("", "privacy: {agent_name: hashed, key_file: s3cr3t-t0ken}\n"),
            with("", "").replace("token_file: token", "token_file: s3cr3t-t0ken"),
            with("", "").replace("token_file: token", "token_env: s3cr3t-t0ken"),
            with("", "").replace("token_file: token", "pool: x").replace("acme", "s3cr3t-t0ken"),
            with("", "").replace("server: \"0003\"", "pool: x").replace("acme", "s3cr3t-t0ken"),
            with("  - {name: s3cr3t-t0ken}\n", "").replace("acme", "s3cr3t-t0ken"),
            with("    reports: s3cr3t-t0ken\n", ""),
            with("    licenses: -1\n    token: s3cr3t-t0ken\n", ""),
            with("    \"tokn\n    token: s3cr3t-t0ken\n    pool\": x\n", ""),
            with("    timezone: \"America\n    token: s3cr3t-t0ken\n    pool\"\n", ""),
            with("    timezone: >\n      America\n      # token s3cr3t-t0ken\n", ""),
            with("    reports: [\"agent_kpi\n    token: s3cr3t-t0ken\n    \"]\n", ""),
            with("", "").replace("token_file: token", "token_file: \"token\n    token: s3cr3t-t0ken\"\n"),
            with("", "").replace("    server: \"0003\"\n", "    base_url: https://u:s3cr3t-t0ken@a.example\n"),
        ] {
            let error = parse(&text).expect_err(&text);
            assert!(!error.to_string().contains("s3cr3t"), "{error}");
            assert!(!format!("{error:?}").contains("s3cr3t"), "{error}");
        }
        assert!(!format!("{:?}", parse(&with("", ""))).contains("s3cr3t"));
    }
}
