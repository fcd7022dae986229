//! Checking: the shapes of config files become a config, or errors that say what is wrong and where.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::file::{AgentDni, AgentName, ConfigFile, LimitsEntry, OperationsFile, PollingEntry, PrivacyEntry};
use super::{Config, Limits, Operation, VENDOR_INTERVAL, named_files};
use crate::catalog::{Agents, Catalog, NameKey, Privacy};
use crate::files;
use crate::memory::LEAST_TOTAL;
use crate::time::WindowName;
use crate::yaml::{self, At, ConfigError, ConfigErrors, FilePlace, Mistakes, Span, quoted_path};

/// The folder in which the service manager puts what only the service may read, as a path in the config begins.
const CREDENTIALS: &str = "$CREDENTIALS_DIRECTORY/";
/// What to do where no service manager has set it.
const NOT_THE_SERVICE: &str = "the service manager sets it; to check as the service does: sudo wolkvox-exporter-check";
/// The vendor's own limit for one request.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);
/// A request that is given longer than this blocks its token's other reports for a whole interval.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(5);
/// A report that is asked less than once a day says nothing of some days.
const LONGEST_INTERVAL: Duration = Duration::from_hours(24);
/// Longest value of a label that can be asked for: names must stay whole, and a scrape short.
const LABEL_RANGE: std::ops::RangeInclusive<usize> = 64..=64 * 1024;
/// What to do where nothing would be polled.
const NO_OPERATION: &str = "name at least one operation, with its name, server and token_file";
/// What the file of a token or a key must be.
const SECRET_FILE: &str = "it must be readable by the exporter's user";

/// Checks a file's text against the catalogue, and reads the files that it names.
pub(super) fn check(text: &str, path: &Path, catalog: &Catalog) -> Result<Config, ConfigErrors> {
    let mut main = Checker::of(path, catalog);
    let Some(At { value: file, place, is_whole }) = main.read::<At<ConfigFile>>(text) else {
        return told(vec![main], Mistakes::default(), None);
    };
    let of_catalog = file.catalog_files.as_ref().map(|patterns| named_files::find(path, patterns, "catalogue"));
    let of_catalog = of_catalog.unwrap_or_default();
    let mut of_reports = Mistakes::default();
    let is_found = of_catalog.mistakes.is_empty();
    of_catalog.mistakes.into_iter().for_each(|mistake| main.mistakes.note(mistake));
    let files: Vec<PathBuf> = of_catalog.files.into_iter().collect();
    let with_own = Arc::new(catalog.with_files(&files, &mut of_reports));
    main.catalog = &with_own;
    main.is_catalog_whole = is_found && of_reports.is_empty();
    let limits = main.limits(&file.limits);
    let privacy = main.privacy(&file.privacy);
    let polling = main.polling(&file.polling);
    let mut gathered = Gathered::default();
    for entry in file.operations.iter().flat_map(|list| &list.value) {
        main.operation(entry, &polling, &mut gathered);
    }
    let patterns = file.operations_files.as_ref();
    let found = patterns.map(|patterns| named_files::find(path, patterns, "operations")).unwrap_or_default();
    let is_read = is_whole && patterns.is_none_or(|patterns| patterns.is_whole) && found.mistakes.is_empty();
    match &file.operations {
        Some(list) if list.value.is_empty() && list.is_whole => {
            main.mistakes.note(main.wrong(list.place, "operations is empty").hint(NO_OPERATION));
        }
        None if is_read && found.files.is_empty() => main.mistakes.note(match patterns {
            None => main.wrong(place, "the config has no operations").hint(NO_OPERATION),
            Some(patterns) => main
                .wrong(patterns.place, "operations_files finds no file, and there are no other operations")
                .hint("put a file there that has operations: with at least one in it"),
        }),
        _ => {}
    }
    found.mistakes.into_iter().for_each(|mistake| main.mistakes.note(mistake));
    let is_catalog_whole = main.is_catalog_whole;
    let of_operations = |other| Checker { is_catalog_whole, ..Checker::of(other, &with_own) };
    let mut others: Vec<Checker> = found.files.iter().map(|other| of_operations(other)).collect();
    for other in &mut others {
        other.operations_file(&polling, &mut gathered);
    }
    main.stale_after(&polling, &gathered);
    let config = Config {
        file: Some(path.to_owned()),
        catalog: Arc::clone(&with_own),
        operations: gathered.operations,
        limits,
        privacy,
        exposed: Vec::new(),
    };
    others.insert(0, main);
    told(others, of_reports, Some(config))
}

/// The config, unless there is a mistake in any of its files.
fn told(files: Vec<Checker>, of_reports: Mistakes, config: Option<Config>) -> Result<Config, ConfigErrors> {
    let (mut mistakes, mut exposed) = (Mistakes::default(), Vec::new());
    for file in files {
        mistakes.add_file(file.mistakes);
        exposed.extend(file.exposed);
    }
    mistakes.add_file(of_reports);
    mistakes.instead_of(config.map(|config| Config { exposed, ..config }))
}

/// What all files together have.
#[derive(Default)]
pub(super) struct Gathered {
    pub operations: Vec<Operation>,
    /// Where each name was first.
    pub names: HashMap<String, (PathBuf, u64)>,
    /// Whether there is a report that goes by `polling.interval`.
    pub follows_polling: bool,
}

/// `polling`, checked.
pub(super) struct Polling {
    /// `None`: it is wrong, and what depends on it cannot be told.
    pub interval: Option<Duration>,
    pub is_faster_allowed: bool,
    pub timeout: Duration,
    pub stale_after: Option<(Duration, FilePlace)>,
    pub windows: Vec<WindowName>,
}

/// Checks one file.
pub(super) struct Checker<'a> {
    pub path: &'a Path,
    pub catalog: &'a Catalog,
    /// False where a catalogue file is wrong: then a report that is not known is no mistake of its own.
    pub is_catalog_whole: bool,
    pub mistakes: Mistakes,
    /// Files with a secret that everybody on this machine can read.
    pub exposed: Vec<PathBuf>,
}

impl<'a> Checker<'a> {
    fn of(path: &'a Path, catalog: &'a Catalog) -> Checker<'a> {
        Checker { path, catalog, is_catalog_whole: true, mistakes: Mistakes::default(), exposed: Vec::new() }
    }

    pub fn wrong(&self, place: FilePlace, what: impl Into<String>) -> ConfigError {
        ConfigError::at(self.path, place, what)
    }

    /// The value, or nothing and a note.
    pub fn keep<T>(&mut self, result: Result<T, ConfigError>) -> Option<T> {
        self.mistakes.keep(result)
    }

    fn read<T: serde::de::DeserializeOwned>(&mut self, text: &str) -> Option<T> {
        if yaml::is_blank(text) {
            self.mistakes.note(
                self.wrong(FilePlace { line: 1, column: 1 }, "the file is empty, or all of it is comments")
                    .hint(NO_OPERATION),
            );
            return None;
        }
        yaml::read(text, self.path, &mut self.mistakes)
    }

    /// A file that one of `operations_files` names.
    fn operations_file(&mut self, polling: &Polling, gathered: &mut Gathered) {
        let text = files::read_text(self.path)
            .map_err(|error| ConfigError::of_file(self.path, format!("the operations file cannot be read: {error}")));
        let Some(text) = self.keep(text) else { return };
        let Some(At { value: file, place, is_whole }) = self.read::<At<OperationsFile>>(&text) else { return };
        let list = file.operations.unwrap_or(At { value: Vec::new(), place, is_whole });
        if list.value.is_empty() && list.is_whole {
            let hint = "take the file away, or give it another ending than operations_files asks for";
            self.mistakes.note(self.wrong(list.place, "the file has no operations").hint(hint));
        }
        for entry in &list.value {
            self.operation(entry, polling, gathered);
        }
    }

    fn limits(&mut self, limits: &LimitsEntry) -> Limits {
        let default = Limits::default();
        let series = self.limit(
            limits.series_per_report.as_ref(),
            |series| *series > 0,
            "limits.series_per_report is 0: nothing could be served",
        );
        let bytes = self.limit(
            limits.response_bytes.as_ref(),
            |bytes| bytes.0 > 0,
            "limits.response_bytes is 0: no answer could be read",
        );
        let rows = self.limit(
            limits.rows_per_answer.as_ref(),
            |rows| *rows > 0,
            "limits.rows_per_answer is 0: every answer would count as cut off",
        );
        let memory = self.limit(limits.memory.as_ref(), |memory| memory.0 >= LEAST_TOTAL, "limits.memory is under 16MiB: a poll of the usual size could fail\nhint: leave it out for half of what this process may use");
        let label = self.limit(
            limits.label_bytes.as_ref(),
            |label| LABEL_RANGE.contains(&label.0),
            "limits.label_bytes must lie between 64B and 64KiB",
        );
        Limits {
            series_per_report: series.unwrap_or(default.series_per_report),
            response_bytes: bytes.map_or(default.response_bytes, |bytes| bytes.0),
            rows_per_answer: rows.unwrap_or(default.rows_per_answer),
            memory: memory.map_or(default.memory, |memory| memory.0),
            label_bytes: label.map_or(default.label_bytes, |label| label.0),
        }
    }

    fn limit<T: Copy>(&mut self, given: Option<&At<T>>, is_right: impl Fn(&T) -> bool, what: &str) -> Option<T> {
        let given = given?;
        if !is_right(&given.value) {
            self.mistakes.note(ConfigError::of_text(self.path, given.place, what));
        }
        Some(given.value)
    }

    fn privacy(&mut self, At { value: privacy, is_whole, .. }: &At<PrivacyEntry>) -> Privacy {
        let document = privacy.agent_dni.as_ref().filter(|document| document.value == AgentDni::Plain);
        let agents = match (privacy.agent_name, &privacy.key_file) {
            (AgentName::Plain, _) => Agents::Plain,
            (AgentName::Omitted, _) => Agents::Omitted,
            (AgentName::Hashed, file) => {
                let key = file.as_ref().and_then(|file| self.key_file(file));
                Agents::Hashed(key.unwrap_or_else(NameKey::passing))
            }
        };
        match &privacy.key_file {
            Some(file) if *is_whole && privacy.agent_name != AgentName::Hashed => self.mistakes.note(
                self.wrong(file.place, "privacy.key_file is there, and no name is hashed")
                    .hint("set privacy.agent_name: hashed, or leave key_file out"),
            ),
            _ => {}
        }
        match document {
            Some(document) if privacy.agent_name != AgentName::Plain => self.mistakes.note(
                self.wrong(document.place, "agent_dni: plain would tell whose names are hidden")
                    .hint("set privacy.agent_name: plain, or leave agent_dni out"),
            ),
            _ => {}
        }
        Privacy { agents, agent_dni: document.is_some() }
    }

    fn key_file(&mut self, file: &At<String>) -> Option<NameKey> {
        let text = self.secret("key", file)?;
        let key = NameKey::parse(&text).map_err(|error| {
            self.wrong(file.place, format!("the key file {} is too short: {error}", self.shown(&file.value)))
                .hint("make one with: openssl rand -hex 32 > names.key")
        });
        self.keep(key)
    }

    /// Reads a file with a secret, and notes whether others can read it too.
    pub fn secret(&mut self, kind: &str, file: &At<String>) -> Option<String> {
        let Some(path) = self.beside(&file.value) else {
            let what =
                format!("the {kind} file {} cannot be read: CREDENTIALS_DIRECTORY is not set", self.shown(&file.value));
            self.mistakes.note(self.wrong(file.place, what).hint(NOT_THE_SERVICE));
            return None;
        };
        let text = files::read_text(&path).map_err(|error| {
            let is_elsewhere = error.kind() == std::io::ErrorKind::NotFound && Path::new(&file.value).is_relative();
            let hint = if is_elsewhere { "a relative path starts at the folder of this file" } else { SECRET_FILE };
            let what = format!("the {kind} file {} cannot be read: {error}", self.shown(&file.value));
            self.wrong(file.place, what).hint(hint)
        });
        if text.is_ok() && files::is_readable_by_all(&path) && !self.exposed.contains(&path) {
            self.exposed.push(path);
        }
        self.keep(text)
    }

    /// Where a file is: [`located`], with this process's own credentials.
    fn beside(&self, file: &str) -> Option<PathBuf> {
        located(self.path, file, std::env::var_os("CREDENTIALS_DIRECTORY"))
    }

    /// The same for a message; as it is written where it cannot be told.
    pub fn shown(&self, file: &str) -> String {
        let shown = match file.strip_prefix(CREDENTIALS) {
            Some(name) => format!("{CREDENTIALS}{}", quoted_path(name)),
            None => quoted_path(file),
        };
        self.beside(&shown).map_or(shown, |path| path.display().to_string())
    }

    fn polling(&mut self, At { value: polling, is_whole, .. }: &At<PollingEntry>) -> Polling {
        let is_faster_allowed = polling.allow_faster_than_vendor;
        let timeout = polling.timeout.as_ref().map_or(DEFAULT_TIMEOUT, |timeout| {
            if !(Duration::from_secs(1)..=LONGEST_TIMEOUT).contains(&timeout.value.0) {
                self.mistakes.note(self.wrong(timeout.place, "polling.timeout must lie between 1s and 5m"));
            }
            timeout.value.0
        });
        let interval = match &polling.interval {
            Some(interval) => {
                let checked = self.interval(interval, is_faster_allowed || !is_whole);
                self.keep(checked)
            }
            None => is_whole.then_some(VENDOR_INTERVAL),
        };
        let windows = polling.windows.as_ref().and_then(|windows| self.windows(windows));
        Polling {
            interval,
            is_faster_allowed: is_faster_allowed || !is_whole,
            timeout,
            stale_after: polling.stale_after.as_ref().map(|span| (span.value.0, span.place)),
            windows: windows.unwrap_or_else(|| vec![WindowName::Today, WindowName::Yesterday]),
        }
    }

    pub fn interval(&self, interval: &At<Span>, is_faster_allowed: bool) -> Result<Duration, ConfigError> {
        let value = interval.value.0;
        if value < VENDOR_INTERVAL && !is_faster_allowed {
            return Err(self
                .wrong(interval.place, "an interval under 5m is faster than the vendor allows")
                .hint("the vendor's reports change every ten minutes; to ask faster all the same, set polling.allow_faster_than_vendor: true"));
        }
        if value < Duration::from_secs(1) {
            return Err(self.wrong(interval.place, "an interval cannot be under 1s"));
        }
        if value > LONGEST_INTERVAL {
            return Err(self.wrong(interval.place, "an interval cannot be over 24h"));
        }
        Ok(value)
    }

    pub fn windows(&mut self, windows: &At<Vec<WindowName>>) -> Option<Vec<WindowName>> {
        let mut unique = windows.value.clone();
        unique.sort_unstable();
        unique.dedup();
        if unique.contains(&WindowName::Now) {
            let hint = "reports of what is now have it anyway, and no others can";
            self.mistakes.note(self.wrong(windows.place, "now is not chosen as a window").hint(hint));
            return None;
        }
        if windows.is_whole && (unique.is_empty() || unique.len() < windows.value.len()) {
            let what = "windows must name at least one of today, yesterday, week and month, each once";
            self.mistakes.note(self.wrong(windows.place, what));
            return None;
        }
        Some(unique)
    }

    fn stale_after(&mut self, polling: &Polling, gathered: &Gathered) {
        if let (Some((stale_after, place)), Some(interval)) = (polling.stale_after, polling.interval)
            && stale_after < interval
            && gathered.follows_polling
        {
            let what = "stale_after is shorter than a report's interval: its series would come and go";
            self.mistakes.note(self.wrong(place, what).hint("three intervals are a good start"));
        }
    }
}

/// A relative path starts at the folder of the file that has it, and a service manager's at its folder of credentials.
/// `None`: no service manager has said which folder that is.
fn located(config: &Path, file: &str, credentials: Option<OsString>) -> Option<PathBuf> {
    match file.strip_prefix(CREDENTIALS) {
        Some(name) => credentials.filter(|folder| !folder.is_empty()).map(|folder| PathBuf::from(folder).join(name)),
        None => Some(config.parent().map_or_else(|| PathBuf::from(file), |folder| folder.join(file))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigErrors> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "s3cr3t-t0ken\n").unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        std::fs::write(folder.path().join("two"), "s3cr3t-t0ken\ns3cr3t-t0ken\n").unwrap();
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
        assert!(error.contains("the environment variable ACME_TOKEN is not set"), "{error}");
    }

    #[test]
    fn a_credential_is_looked_for_where_the_service_manager_put_it_and_nowhere_else() {
        let at = |file, credentials: Option<&str>| {
            located(Path::new("/etc/wolkvox-exporter/c.yml"), file, credentials.map(OsString::from))
        };
        let path = |path: &str| Some(PathBuf::from(path));
        let file = "$CREDENTIALS_DIRECTORY/token_acme";
        assert_eq!(at(file, Some("/run/credentials/x.service")), path("/run/credentials/x.service/token_acme"));
        assert_eq!((at(file, None), at(file, Some(""))), (None, None));
        assert_eq!(at("token_acme", None), path("/etc/wolkvox-exporter/token_acme"));
        assert_eq!(at("/run/secrets/wolkvox/acme", Some("/run/x")), path("/run/secrets/wolkvox/acme"));
    }

    #[test]
    fn a_credential_without_a_service_manager_is_told_with_a_way_to_check_it() {
        let file = "token_file: $CREDENTIALS_DIRECTORY/token_acme";
        let error = parse(&with("", "").replace("token_file: token", file)).unwrap_err().to_string();
        for part in [
            "the token file $CREDENTIALS_DIRECTORY/token_acme cannot be read: CREDENTIALS_DIRECTORY is not set",
            "c.yml:4:17",
            "hint: the service manager sets it; to check as the service does: sudo wolkvox-exporter-check",
        ] {
            assert!(error.contains(part), "{error}");
        }
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
            (String::new(), "the file is empty", ":1:1"),
            ("# s3cr3t-t0ken\n\n".to_owned(), "all of it is comments", ":1:1"),
            ("operations:\n".to_owned(), "the config has no operations", ":1:1"),
            ("polling: {}\n".to_owned(), "the config has no operations", ":1:1"),
            (with("    tokn: x\n", ""), "unknown key `tokn`", ":5:5"),
            (
                with(&format!("    {}: x\n", "long_".repeat(9)), ""),
                &format!("unknown key `{}…`", "long_".repeat(8)),
                ":5:5",
            ),
            (with("    pool: x\n    pool: y\n", ""), "the key `pool` is there twice", ":6:5"),
            (with("    token_file: x\n    token_file: y\n", ""), "the key `token_file` is there twice", ":5:5"),
            (with("    token: s3cr3t-t0ken\n", ""), "a token written into the config is refused", ":5:12"),
            (with("    licenses: many\n", ""), "not a whole number", ":5:15"),
            (with("    licenses: [1]\n", ""), "neither a list nor a mapping", ":5:15"),
            (with("    allow_plain_http: maybe\n", ""), "neither true nor false", ":5:23"),
            (with("    reports: all\n", ""), "a list is expected", ":5:14"),
            (with("    reports: [[x]]\n", ""), "a report's name, or a mapping", ":5:15"),
            (with("", "polling: 5m\n"), "keys with values are expected", ":5:10"),
            (with("    licenses: 0\n", ""), "licenses is 0", ":5:15"),
            (with("    timezone: America/Bogata\n", ""), "timezone America/Bogata is not known", ":5:15"),
            (with("    reports: [agent_3]\n", ""), "report agent_3 is not known", ":5:15"),
            (with("    reports: []\n", ""), "reports is empty", ":5:14"),
            (with("    reports: [agent_kpi, agent_kpi]\n", ""), "agent_kpi is there twice", ":5:26"),
            (with("    reports: [{name: agent_kpi, every: 5m}]\n", ""), "unknown key `every`", ":5:33"),
            (with("", "polling: {interval: 1m}\n"), "under 5m", ":5:21"),
            (with("", "polling: {interval: soon}\n"), "not a span of time", ":5:21"),
            (with("", "polling: {interval: 300}\n"), "hint: a number needs its unit: 300s", ":5:21"),
            (with("", "polling: {interval: 500000000000y}\n"), "cannot be over 24h", ":5:21"),
            (with("", "polling: {stale_after: 1m}\n"), "shorter than a report's interval", ":5:24"),
            (with("", "polling: {timeout: 1h}\n"), "between 1s and 5m", ":5:20"),
            (with("", "polling: {windows: []}\n"), "windows must name", ":5:20"),
            (with("", "polling: {windows: [tomorrow]}\n"), "`tomorrow` is not known here", ":5:21"),
            (with("", "limits: {response_bytes: much}\n"), "not a number of bytes", ":5:26"),
            (with("", "limits: {series_per_report: 0}\n"), "nothing could be served", ":5:29"),
            (with("", "limits: {rows_per_answer: 0}\n"), "count as cut off", ":5:27"),
            (with("", "privacy: {agent_name: hidden}\n"), "`hidden` is not known here", ":5:23"),
            (with("", "privacy: {key_file: token}\n"), "no name is hashed", ":5:21"),
            (with("", "privacy: {agent_name: omitted, key_file: token}\n"), "no name is hashed", ":5:42"),
            (with("", "privacy: {agent_name: hashed, key_file: token}\n"), "at least 32 characters", ":5:41"),
            (with("", "privacy: {agent_name: hashed, key_file: missing}\n"), "/missing cannot be read", ":5:41"),
            (with("", "privacy: {agent_name: hashed, agent_dni: plain}\n"), "whose names are hidden", ":5:42"),
            (with("", "privacy: {agent_name: omitted, agent_dni: plain}\n"), "whose names are hidden", ":5:43"),
            (with("", "").replace("\"0003\"", "\"3\""), "not a wolkvox server number", ":3:13"),
            (with("", "").replace("    server: \"0003\"\n", ""), "the operation has no server", ":2:11"),
            (with("", "").replace("    token_file: token\n", ""), "has no token", ":2:11"),
            (with("", "").replace("token_file: token", "token_file: missing"), "/missing cannot be read", ":4:17"),
            (with("", "").replace("token_file: token", "token_file: empty"), "/empty is empty", ":4:17"),
            (with("", "").replace("token_file: token", "token_file: two"), "/two has more than one line", ":4:17"),
            (
                with("", "").replace("token_file: token", "token_env: WOLKVOX_NO_SUCH"),
                "WOLKVOX_NO_SUCH is not set",
                ":4:16",
            ),
            (with("", "").replace("name: acme", "name: ' '"), "cannot be blank", ":2:11"),
            (
                with("  - {name: acme, server: \"0004\", token_file: token}\n", ""),
                "of this name is there already",
                ":5:12",
            ),
            (with("    base_url: https://a.example\n", ""), "exclude each other", ":5:15"),
            (
                with("", "").replace("server: \"0003\"", "base_url: https://a.example/x/api/v2/"),
                "hint: give only what comes before: https://a.example/x",
                ":3:15",
            ),
            (with("", "").replace("name: acme", "pool: acme"), "the operation has no name", ":2:5"),
            (with("", "operations_files: none.yml\n"), "/none.yml is not there", ":5:19"),
            (with("", "operations_files: [none.d/*.yml]\n"), "folder of the operations files", ":5:20"),
            ("operations_files: '*.yaml'\n".to_owned(), "operations_files finds no file", ":1:19"),
        ] {
            let error = parse(&text).expect_err(&text).to_string();
            assert!(error.contains(what), "{text}\n{error}");
            assert!(error.contains(&format!("c.yml{place}")), "{text}\n{error}");
        }
    }

    /// A wrong value is left out, and must not be told as missing too.
    #[test]
    fn one_mistake_is_told_once_however_much_depends_on_it() {
        for text in [
            with("", "").replace("\"0003\"", "[3]"),
            with("", "").replace("token_file", "tokn_file"),
            with("", "").replace("name: acme", "nme: acme"),
            with("    reports: [[x]]\n", ""),
            with("    reports: [{name: agent_kpi, windows: [tomorrow]}]\n", ""),
            with("", "polling: {windows: [tomorrow]}\n"),
            with("", "polling: {interval: 10, stale_after: 2m}\n"),
            with("", "polling: {interval: 1m}\n"),
            with("", "polling: {interval: 1m, allow_faster_than_vendor: maybe, stale_after: 1m}\n"),
            with("", "privacy: {agent_name: hash, key_file: missing}\n"),
            with("", "").replace("server: \"0003\"", "base_url: http://a.example\n    allow_plain_http: maybe"),
            "operation:\n  - {name: acme}\n".to_owned(),
            "operations:\n  - x\n".to_owned(),
            "operations_files: [[x]]\n".to_owned(),
            "operations_files: none/*.yml\n".to_owned(),
        ] {
            let error = parse(&text).expect_err(&text).to_string();
            assert!(!error.contains("mistakes in"), "{text}\n{error}");
        }
    }

    #[test]
    fn all_mistakes_are_told_in_the_order_of_the_file() {
        let text = with(
            "    tokn: x\n    licenses: 0\n  - {name: acme, server: 3, timezone: x/y}\n",
            "privacy: {agent_name: hidden}\nlimits: {series_per_report: 0}\npolling: {timeout: 1h, interval: 1m}\n",
        );
        let error = parse(&text).unwrap_err().to_string();
        let places: Vec<&str> =
            error.lines().filter_map(|line| line.split_once("c.yml:").map(|(_, place)| place)).collect();
        assert_eq!(
            places,
            ["5:5", "6:15", "7:12", "7:12", "7:26", "7:39", "8:23", "9:29", "10:20", "10:34"],
            "{error}"
        );
        assert!(error.ends_with("c.yml") && error.contains("\n\n10 mistakes in "), "{error}");
    }

    #[test]
    fn never_leak_no_setting_makes_a_customers_field_of_a_value() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("token", "s3cr3t-t0ken\n");
        write(
            "own.yml",
            "- name: our_levels\n  endpoint: real_time.php\n  api: skills\n  window: now\n  meaning: Levels\n  \
             params: { of: { setting: which, default: level } }\n  labels: { skill: skill_id }\n  metrics:\n    \
             - name: acme_levels\n      help: Levels.\n      columns: { label: of, fields: { \"{which}\": one } }\n      \
             format: number\n      combine: sum\n",
        );
        let told = |which: &str| {
            let lines = format!("    reports: [our_levels]\n    settings: {{which: {which}}}\n");
            let text = with(&lines, "catalog_files: own.yml\n");
            Config::parse(&text, &folder.path().join("c.yml"), &Catalog::builtin().unwrap())
        };
        assert!(told("level").is_ok());
        for which in ["telephone", "customer_id", "agent_dni"] {
            let error = told(which).expect_err(which).to_string();
            assert!(error.contains("with the operation's settings") && error.contains("c.yml:5:15"), "{error}");
            assert!(error.contains("hint:"), "{error}");
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
            with("", "operations_files: s3cr3t-t0ken\n"),
            with("", "operations_files: [s3cr3t-t0ken/*.yml, 's3cr3t-t0ken*', '**/s3cr3t-t0ken', '[s3cr3t-t0ken']\n"),
            with("", "polling: {interval: 573015550001, timeout: s3cr3t-t0ken}\n"),
            with("", "").replace("token_file: token", "token_file: two"),
            with("", "").replace("token_file: token", "token_file: /run/s3cr3t-t0ken/acme"),
            with("", "").replace("server: \"0003\"", "base_url: https://a.example/s3cr3t-t0ken/api/v2/"),
            with("", "privacy: {agent_name: hashed, key_file: two}\n"),
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
