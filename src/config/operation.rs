//! Checking one operation of a config file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use url::Url;

use super::check::{Checker, Gathered, Polling};
use super::file::{OperationEntry, ReportEntry, ReportMapping};
use super::{Operation, ReportPlan, STALE_INTERVALS};
use crate::catalog::{DEFAULT, Report};
use crate::time::WindowName;
use crate::wolkvox::{Token, TokenError, is_loopback};
use crate::yaml::{At, ConfigError, FilePlace, quoted, quoted_path};

/// Most integrators of the vendor's are Colombian; so is the zone of its own examples.
const DEFAULT_ZONE: &str = "America/Bogota";

impl Checker<'_> {
    pub(super) fn operation(&mut self, entry: &At<OperationEntry>, polling: &Polling, gathered: &mut Gathered) {
        let At { value: operation, place, is_whole } = entry;
        let place = operation.name.as_ref().map_or(*place, |name| name.place);
        let name = self.name(operation, place, *is_whole, gathered);
        if let Some(licenses) = operation.licenses.as_ref().filter(|licenses| licenses.value == 0) {
            self.mistakes.note(
                self.wrong(licenses.place, "licenses is 0: there would be no API request to spend")
                    .hint("leave licenses out if the number is not known"),
            );
        }
        let base_url = self.base_url(operation, place, *is_whole);
        let token = self.token(operation, place, *is_whole);
        let zone = self.zone(operation.timezone.as_ref());
        let settings = self.settings(&operation.settings);
        let reports = self.reports(operation.reports.as_ref(), &settings, polling, gathered);
        if let (Some(name), Some(base_url), Some(token), Some(zone)) = (name, base_url, token, zone) {
            gathered.operations.push(Operation {
                name,
                base_url,
                token,
                zone,
                licenses: operation.licenses.as_ref().map(|licenses| licenses.value),
                pool: operation.pool.clone(),
                reports,
                timeout: polling.timeout,
            });
        }
    }

    fn name(
        &mut self,
        operation: &OperationEntry,
        place: FilePlace,
        is_whole: bool,
        gathered: &mut Gathered,
    ) -> Option<Arc<str>> {
        let Some(name) = operation.name.as_ref().map(|name| name.value.as_str()) else {
            if is_whole {
                let hint = "add name: acme, or what the label operation is to say";
                self.mistakes.note(self.wrong(place, "the operation has no name").hint(hint));
            }
            return None;
        };
        if name.trim() != name || name.is_empty() || name.chars().any(char::is_control) {
            let what = "an operation's name cannot be blank or have blanks around it";
            self.mistakes.note(self.wrong(place, what));
            return None;
        }
        if let Some((file, line)) = gathered.names.get(name) {
            let first = if file == self.path { format!("line {line}") } else { format!("{}:{line}", file.display()) };
            let hint = format!("the first is at {first}; each operation needs a name of its own");
            self.mistakes.note(self.wrong(place, "an operation of this name is there already").hint(hint));
            return None;
        }
        gathered.names.insert(name.to_owned(), (self.path.to_owned(), place.line));
        Some(Arc::from(name))
    }

    fn base_url(&mut self, operation: &OperationEntry, place: FilePlace, is_whole: bool) -> Option<Url> {
        let url = match (&operation.server, &operation.base_url) {
            (Some(server), None) => self.server(server),
            (None, Some(base_url)) => self.given_url(base_url, operation.allow_plain_http || !is_whole),
            (Some(_), Some(both)) => Err(self
                .wrong(both.place, "server and base_url exclude each other")
                .hint("server is enough, unless a proxy stands between")),
            (None, None) if !is_whole => return None,
            (None, None) => Err(self
                .wrong(place, "the operation has no server")
                .hint("add server: \"0003\", the number in the address https://wv0003.wolkvox.com")),
        };
        self.keep(url)
    }

    fn server(&self, server: &At<String>) -> Result<Url, ConfigError> {
        let digits = server.value.strip_prefix("wv").unwrap_or(&server.value);
        let is_valid = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let url = Url::parse(&format!("https://wv{digits}.wolkvox.com"));
        url.ok().filter(|_| is_valid).ok_or_else(|| {
            self.wrong(server.place, "server is not a wolkvox server number")
                .hint("four digits as in https://wv0003.wolkvox.com, in quotes: \"0003\"")
        })
    }

    fn given_url(&self, base_url: &At<String>, is_plain_allowed: bool) -> Result<Url, ConfigError> {
        let wrong = |what: &str| self.wrong(base_url.place, format!("base_url {what}"));
        let url = Url::parse(&base_url.value).map_err(|error| {
            wrong(&format!("is not a URL: {error}")).hint("it begins with https://, as in https://wv0003.wolkvox.com")
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("carries a user or password").hint("the token belongs into a token_file"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("has a query or fragment").hint("give only what comes before /api/v2/"));
        }
        let is_right_scheme = match url.scheme() {
            "https" => true,
            "http" => is_loopback(&url) || is_plain_allowed,
            _ => return Err(wrong("is neither https nor http")),
        };
        if !is_right_scheme {
            return Err(wrong("is plain http beyond this machine, and the token would travel readable")
                .hint("use https, or set allow_plain_http: true on this operation"));
        }
        // The exporter adds it, and the vendor answers nothing where it stands twice.
        if let Some((before, _)) = format!("{}/", url.path()).split_once("/api/v2/") {
            let start = url.origin().ascii_serialization();
            return Err(wrong("has /api/v2 in it, which the exporter adds")
                .hint(format!("give only what comes before: {start}{}", quoted_path(before))));
        }
        Ok(url)
    }

    fn token(&mut self, operation: &OperationEntry, place: FilePlace, is_whole: bool) -> Option<Token> {
        let hint = "use token_file: /run/secrets/…, or token_env: NAME_OF_A_VARIABLE";
        let token = match (&operation.token, &operation.token_file, &operation.token_env) {
            (Some(inline), ..) => {
                Err(self.wrong(inline.place, "a token written into the config is refused").hint(hint))
            }
            (None, Some(file), None) => {
                let text = self.secret("token", file)?;
                let source = format!("the token file {}", self.shown(&file.value));
                self.parsed_token(&text, &source, file.place)
            }
            (None, None, Some(variable)) => {
                let source = format!("the environment variable {}", quoted(&variable.value));
                match std::env::var(&variable.value) {
                    Ok(text) => self.parsed_token(&text, &source, variable.place),
                    Err(_) => Err(self
                        .wrong(variable.place, format!("{source} is not set"))
                        .hint("it must be set for the exporter's own process")),
                }
            }
            (None, Some(_), Some(both)) => {
                Err(self.wrong(both.place, "token_file and token_env exclude each other").hint(hint))
            }
            (None, None, None) if !is_whole => return None,
            (None, None, None) => Err(self.wrong(place, "the operation has no token").hint(hint)),
        };
        self.keep(token)
    }

    fn parsed_token(&self, text: &str, source: &str, place: FilePlace) -> Result<Token, ConfigError> {
        Token::parse(text).map_err(|error| {
            let what = match error {
                TokenError::Empty => "is empty",
                TokenError::TooLong => "has more in it than any token is long",
                TokenError::NotAHeader if text.trim().contains('\n') => "has more than one line",
                TokenError::NotAHeader => "has a blank or a letter in it that no token has",
            };
            self.wrong(place, format!("{source} {what}")).hint("it must hold the token alone")
        })
    }

    fn zone(&mut self, zone: Option<&At<String>>) -> Option<TimeZone> {
        let name = zone.map_or(DEFAULT_ZONE, |zone| &zone.value);
        let found = TimeZone::get(name).map_err(|_| {
            let place = zone.map(|zone| zone.place).unwrap_or_default();
            self.wrong(place, format!("the timezone {} is not known", quoted_path(name)))
                .hint("an IANA name such as America/Bogota")
        });
        self.keep(found)
    }

    fn reports(
        &mut self,
        entries: Option<&At<Vec<At<ReportEntry>>>>,
        settings: &BTreeMap<String, String>,
        polling: &Polling,
        gathered: &mut Gathered,
    ) -> Vec<ReportPlan> {
        let catalog = self.catalog;
        let by_default: Vec<ReportMapping> =
            catalog.by_default().map(|report| ReportMapping::named(&report.name)).collect();
        let Some(entries) = entries else {
            return by_default
                .iter()
                .filter_map(|report| {
                    self.report(&report.name, report, FilePlace::default(), settings, polling, gathered)
                })
                .collect();
        };
        if entries.value.is_empty() && entries.is_whole {
            self.mistakes.note(
                self.wrong(entries.place, "reports is empty: nothing would be polled")
                    .hint("leave reports out for the default ones"),
            );
        }
        let mut plans: Vec<ReportPlan> = Vec::new();
        // What is named itself counts more than what `default` stands for.
        let is_named = |report: &ReportMapping| entries.value.iter().any(|entry| entry.value.0.name == report.name);
        for entry in &entries.value {
            if entry.value.0.name == DEFAULT {
                for report in by_default.iter().filter(|report| !is_named(report)) {
                    let name = &report.name;
                    plans.extend(self.report(name, &entry.value.0, entry.place, settings, polling, gathered));
                }
                continue;
            }
            let Some(plan) = self.report(&entry.value.0.name, &entry.value.0, entry.place, settings, polling, gathered)
            else {
                continue;
            };
            if plans.iter().any(|known| known.report.name == plan.report.name) {
                let what = format!("report {} is there twice", plan.report.name);
                self.mistakes.note(self.wrong(entry.place, what));
            }
            plans.push(plan);
        }
        plans
    }

    /// One report; `entry` has what is set for it.
    fn report(
        &mut self,
        name: &str,
        entry: &ReportMapping,
        place: FilePlace,
        settings: &BTreeMap<String, String>,
        polling: &Polling,
        gathered: &mut Gathered,
    ) -> Option<ReportPlan> {
        let report = self.catalog.report(name).map(Arc::clone);
        if report.is_none() && self.is_catalog_whole {
            let known: Vec<&str> = self.catalog.reports().iter().map(|report| &*report.name).collect();
            let hint = format!("the known reports are {}", known.join(", "));
            self.mistakes.note(self.wrong(place, format!("report {} is not known", quoted(name))).hint(hint));
        }
        let windows = report.as_ref().map(|report| self.windows_of(report, entry, place, polling));
        let interval = if let Some(own) = &entry.interval {
            let checked = self.interval(own, polling.is_faster_allowed);
            let interval = self.keep(checked);
            self.own_stale_after(interval, own.place, polling);
            interval
        } else {
            gathered.follows_polling = true;
            polling
                .interval
                .map(|interval| interval.max(report.as_ref().and_then(|report| report.interval).unwrap_or_default()))
        };
        let interval = interval?;
        // A bound that is meant for quick reports would make the slow ones come and go.
        let stale_after = polling.stale_after.map(|(stale_after, _)| stale_after).filter(|bound| *bound >= interval);
        let report = Report::settled(&report?, settings);
        // A setting can be a part of a field's name, and so make it another field's.
        if let Some((field, what, hint)) = report.value_of_a_person() {
            let what = format!("with the operation's settings, {} {what}", quoted(field));
            self.mistakes.note(self.wrong(place, what).hint(hint));
        }
        Some(ReportPlan {
            report,
            interval,
            windows: windows?,
            stale_after: stale_after.unwrap_or(interval * STALE_INTERVALS),
        })
    }

    /// The windows in which a report is polled.
    fn windows_of(
        &mut self,
        report: &Report,
        entry: &ReportMapping,
        place: FilePlace,
        polling: &Polling,
    ) -> Vec<WindowName> {
        if !report.is_dated() {
            if let Some(windows) = &entry.windows {
                let what = format!("report {} says what is now, and has no windows", report.name);
                self.mistakes.note(self.wrong(windows.place, what).hint("leave windows out"));
            }
            return vec![WindowName::Now];
        }
        let can = |window: &WindowName| !window.is_long() || report.takes_long_windows();
        let Some(given) = &entry.windows else {
            let windows: Vec<WindowName> = polling.windows.iter().copied().filter(can).collect();
            if windows.is_empty() && !polling.windows.is_empty() {
                let what = format!("report {} cannot be asked for a week or a month", report.name);
                self.mistakes.note(self.wrong(place, what).hint("give it windows: [today, yesterday]"));
            }
            return windows;
        };
        let windows = self.windows(given).unwrap_or_default();
        if !windows.iter().all(can) {
            let what = format!("report {} cannot be asked for a week or a month", report.name);
            self.mistakes.note(self.wrong(given.place, what).hint("its rows of several days do not add up"));
        }
        windows
    }

    /// What the operation's reports ask the vendor with.
    fn settings(&mut self, given: &BTreeMap<String, At<String>>) -> BTreeMap<String, String> {
        let known: BTreeSet<&str> =
            self.catalog.reports().iter().flat_map(|report| report.settings().into_keys()).collect();
        let known: Vec<String> = known.into_iter().map(str::to_owned).collect();
        for (name, value) in given {
            if !known.contains(name) && self.is_catalog_whole {
                let what = format!("no report has a setting {}", quoted(name));
                self.mistakes
                    .note(self.wrong(value.place, what).hint(format!("the known settings are {}", known.join(", "))));
            } else if value.value.is_empty() || value.value.len() > 40 || !value.value.bytes().all(is_plain) {
                let what = "a setting has letters, digits and signs such as . - _ only";
                self.mistakes.note(self.wrong(value.place, what).hint("such as 45"));
            }
        }
        given.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect()
    }

    fn own_stale_after(&mut self, interval: Option<Duration>, place: FilePlace, polling: &Polling) {
        if let (Some(interval), Some((stale_after, _))) = (interval, polling.stale_after)
            && stale_after < interval
        {
            let what = "the interval is longer than polling.stale_after: the report's series would come and go";
            let hint = "three intervals are a good start for polling.stale_after";
            self.mistakes.note(self.wrong(place, what).hint(hint));
        }
    }
}

/// Whether it can stand in a query and in a label as it is.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-_".contains(&byte)
}

impl ReportMapping {
    fn named(name: &str) -> ReportMapping {
        ReportMapping { name: name.to_owned(), ..ReportMapping::default() }
    }
}
