//! The keys that a config file can have, and the type of each.
//!
//! Only shapes: whether the values make sense together is for `check.rs`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::time::WindowName;
use crate::yaml::{At, Size, Span};

/// The config of wolkvox-exporter.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("anyOf" = serde_json::json!([
    { "required": ["operations"] }, { "required": ["operations_files"] },
]))))]
pub(super) struct ConfigFile {
    /// The contact centres to watch. At least one, here or in `operations_files`.
    #[cfg_attr(test, schemars(extend("minItems" = 1)))]
    pub operations: Option<At<Vec<At<OperationEntry>>>>,
    /// Files with more operations: a path or a pattern, or a list of such, which start at this file's folder. Each file has
    /// `operations:` and nothing else, as above; a `*` stands for any part of a name that does not begin with a dot. They
    /// are read in the order of their names, and again with this file.
    #[cfg_attr(test, schemars(extend("examples" = [["conf.d/*.yml"]])))]
    pub operations_files: Option<At<Patterns>>,
    /// Files with reports of your own, as docs/own-reports.md says: a path or a pattern, or a list of such, as above.
    #[cfg_attr(test, schemars(extend("examples" = [["reports/*.yml"]])))]
    pub catalog_files: Option<At<Patterns>>,
    /// For all reports that do not say otherwise.
    #[serde(default)]
    pub polling: At<PollingEntry>,
    /// What one report may cost this machine.
    #[serde(default)]
    pub limits: LimitsEntry,
    /// What is shown of agents. docs/privacy.md says what each choice means.
    #[serde(default)]
    pub privacy: At<PrivacyEntry>,
}

/// A file that `operations_files` finds.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OperationsFile {
    pub operations: Option<At<Vec<At<OperationEntry>>>>,
}

/// One pattern, which has no place of its own, or a list of them.
pub(super) struct Patterns(pub Vec<At<String>>);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("required" = ["name"], "allOf" = serde_json::json!([
    { "oneOf": [{ "required": ["server"] }, { "required": ["base_url"] }] },
    { "oneOf": [{ "required": ["token_file"] }, { "required": ["token_env"] }] },
]))))]
pub(super) struct OperationEntry {
    /// The `operation` label of every series. Required, and unique.
    #[cfg_attr(test, schemars(extend("examples" = ["acme"])))]
    pub name: Option<At<String>>,
    /// The number of the wolkvox server, in quotes. "0003" and "wv0003" mean `https://wv0003.wolkvox.com`. Required, or
    /// else `base_url`.
    #[cfg_attr(test, schemars(extend("examples" = ["0003"], "pattern" = "^(wv)?[0-9]{4}$")))]
    pub server: Option<At<String>>,
    /// An address in place of `server`, as of a proxy: what comes before /api/v2/. Never both.
    #[cfg_attr(test, schemars(extend("examples" = ["https://proxy.example/wolkvox"], "pattern" = "^https?://")))]
    pub base_url: Option<At<String>>,
    /// Lets `base_url` be plain http beyond this machine; the token then travels readable.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// A file that holds the token alone. A relative path starts at this file's folder. Required, or else `token_env`.
    /// `token:` is refused: a token does not belong into a config file.
    #[cfg_attr(test, schemars(extend("examples" = ["acme.token"])))]
    pub token_file: Option<At<String>>,
    /// The name of an environment variable in place of `token_file`. Never both.
    #[cfg_attr(test, schemars(extend("examples" = ["ACME_TOKEN"])))]
    pub token_env: Option<At<String>>,
    // Known only to be refused with a better word than "unknown key".
    #[cfg_attr(test, schemars(skip))]
    pub token: Option<At<IgnoredAny>>,
    /// IANA zone of the operation's days.
    #[cfg_attr(test, schemars(extend("default" = "America/Bogota")))]
    pub timezone: Option<At<String>>,
    /// Licences of the operation: the vendor allows 1,000 API requests a day for each. Left out, the vendor is asked a few
    /// times a day, and each asking is a request.
    #[cfg_attr(test, schemars(extend("examples" = [40], "minimum" = 1)))]
    pub licenses: Option<At<u32>>,
    /// Operations of the same pool share one budget and are asked one at a time. Those with the same token do so anyway.
    #[cfg_attr(test, schemars(extend("examples" = ["acme-group"])))]
    pub pool: Option<String>,
    /// What to poll: `default` stands for the five that are polled where this is left out. A report is a name, or a mapping
    /// with settings of its own.
    #[cfg_attr(test, schemars(extend("minItems" = 1)))]
    pub reports: Option<At<Vec<At<ReportEntry>>>>,
    /// What some reports ask the vendor with: `service_seconds`, the seconds within which a call is to be answered.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("examples" = [{ "service_seconds": "45" }])))]
    pub settings: BTreeMap<String, At<String>>,
}

/// A report with settings of its own; written as a plain string, it has none.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ReportMapping {
    /// As `wolkvox-exporter reports` prints it.
    pub name: String,
    /// This report's own pace. Default: `polling.interval`, or the report's where that is longer.
    #[cfg_attr(test, schemars(extend("examples" = ["10m"])))]
    pub interval: Option<At<Span>>,
    /// This report's own windows. Default: `polling.windows`. A report of what is now has none to choose from.
    #[cfg_attr(test, schemars(extend("examples" = [["today", "yesterday"]], "minItems" = 1)))]
    pub windows: Option<At<Vec<WindowName>>>,
}

/// A report as the list has it: a name, or a mapping.
pub(super) struct ReportEntry(pub ReportMapping);

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PollingEntry {
    /// Time between two polls of a report. 5m is the vendor's own pace; less is refused, unless the next key says true.
    #[cfg_attr(test, schemars(extend("default" = "5m")))]
    pub interval: Option<At<Span>>,
    /// Allows intervals from 1s. The vendor may refuse requests, and those of the day are used up sooner.
    #[serde(default)]
    pub allow_faster_than_vendor: bool,
    /// For one whole API request. From 1s to 5m; 60s is the vendor's own limit.
    #[cfg_attr(test, schemars(extend("default" = "60s")))]
    pub timeout: Option<At<Span>>,
    /// Age at which today's series stop being served. Default: three times the report's interval. Never less than it.
    #[cfg_attr(test, schemars(extend("examples" = ["30m"])))]
    pub stale_after: Option<At<Span>>,
    /// What to poll of each report: today, yesterday, week, month. A week begins on Monday; it and a month reach to now and
    /// are asked once an hour, and only of reports that can be added up over days.
    #[cfg_attr(test, schemars(extend("default" = ["today", "yesterday"], "minItems" = 1)))]
    pub windows: Option<At<Vec<WindowName>>>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct LimitsEntry {
    /// Most series of one report and window; the rest is left out and counted.
    #[cfg_attr(test, schemars(extend("default" = 200_000, "minimum" = 1)))]
    pub series_per_report: Option<At<usize>>,
    /// Largest answer that is read, after decompression. 256MB is the vendor's own limit.
    #[cfg_attr(test, schemars(extend("default" = "256MB")))]
    pub response_bytes: Option<At<Size>>,
    /// Rows at which an answer counts as cut off by the vendor; the window is then asked in halves.
    #[cfg_attr(test, schemars(extend("default" = 60_000, "minimum" = 1)))]
    pub rows_per_answer: Option<At<u64>>,
    /// Most memory of all answers in flight and of what is served, all together; at least 16MiB. Default: half of what
    /// this process may use by its cgroup, by `ulimit -v` and by the machine, and at most 1GiB.
    #[cfg_attr(test, schemars(extend("examples" = ["128MiB"])))]
    pub memory: Option<At<Size>>,
    /// Longest value of a label, from 64B to 64KiB. A longer one is shortened with a mark and a checksum, and counted.
    #[cfg_attr(test, schemars(extend("default" = "1kB")))]
    pub label_bytes: Option<At<Size>>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PrivacyEntry {
    /// How agents' names and ids are shown: plain, hashed, or omitted; with omitted, reports with agents are totals.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("default" = "plain")))]
    pub agent_name: AgentName,
    /// Whether agents' identity documents become a label of `wolkvox_agent_info`: omitted, or plain. Only with plain names.
    #[cfg_attr(test, schemars(extend("default" = "omitted")))]
    pub agent_dni: Option<At<AgentDni>>,
    /// With hashed names: a file with the secret that makes the hashes, at least 32 characters. Exporters with the same
    /// one make the same hashes. Left out, the state folder has one of its own.
    #[cfg_attr(test, schemars(extend("examples" = ["names.key"])))]
    pub key_file: Option<At<String>>,
}

#[derive(Clone, Copy, Default, PartialEq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) enum AgentName {
    #[default]
    Plain,
    Hashed,
    Omitted,
}

#[derive(Clone, Copy, PartialEq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) enum AgentDni {
    Plain,
    Omitted,
}

impl<'de> Deserialize<'de> for Patterns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Patterns, D::Error> {
        struct PatternsVisitor;

        impl<'de> Visitor<'de> for PatternsVisitor {
            type Value = Patterns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path such as conf.d/*.yml, or a list of such,")
            }

            fn visit_str<E>(self, one: &str) -> Result<Patterns, E> {
                Ok(Patterns(vec![At { value: one.to_owned(), ..At::default() }]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Patterns, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Patterns)
            }
        }

        deserializer.deserialize_any(PatternsVisitor)
    }
}

impl<'de> Deserialize<'de> for ReportEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ReportEntry, D::Error> {
        struct EntryVisitor;

        impl<'de> Visitor<'de> for EntryVisitor {
            type Value = ReportEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a report's name, or a mapping with name, interval and windows,")
            }

            fn visit_str<E>(self, name: &str) -> Result<ReportEntry, E> {
                Ok(ReportEntry(ReportMapping { name: name.to_owned(), ..ReportMapping::default() }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ReportEntry, A::Error> {
                ReportMapping::deserialize(MapAccessDeserializer::new(map)).map(ReportEntry)
            }
        }

        deserializer.deserialize_any(EntryVisitor)
    }
}
