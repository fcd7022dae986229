//! The keys that a web config can have, and the type of each.
//!
//! Those of Prometheus' exporter-toolkit, so that one file serves every exporter of a machine.

use std::collections::BTreeMap;

use crate::yaml::{At, Span};

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebConfigFile {
    pub tls_server_config: Option<At<Tls>>,
    pub http_server_config: Option<Http>,
    pub basic_auth_users: Option<BTreeMap<String, At<String>>>,
    pub rate_limit: Option<RateLimit>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub cert_file: Option<At<String>>,
    pub cert: Option<At<String>>,
    pub key_file: Option<At<String>>,
    pub key: Option<At<String>>,
    pub client_ca_file: Option<At<String>>,
    pub client_ca: Option<At<String>>,
    pub client_auth_type: Option<At<ClientAuth>>,
    pub client_allowed_sans: Option<At<Vec<At<String>>>>,
    pub min_version: Option<At<Version>>,
    pub max_version: Option<At<Version>>,
    pub cipher_suites: Option<At<Vec<At<String>>>>,
    pub prefer_server_cipher_suites: Option<bool>,
    pub curve_preferences: Option<At<Vec<At<String>>>>,
}

/// Go's names, which the field knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub(super) enum ClientAuth {
    NoClientCert,
    RequestClientCert,
    /// `RequireClientCert` is what exporter-toolkit called it once, and still takes.
    #[serde(alias = "RequireClientCert")]
    RequireAnyClientCert,
    VerifyClientCertIfGiven,
    RequireAndVerifyClientCert,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Version {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Http {
    pub http2: Option<At<bool>>,
    pub headers: Option<Headers>,
}

/// The only ones that exporter-toolkit lets an operator set.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Headers {
    #[serde(rename = "Content-Security-Policy")]
    pub content_security_policy: Option<At<String>>,
    #[serde(rename = "X-Frame-Options")]
    pub x_frame_options: Option<At<String>>,
    #[serde(rename = "X-Content-Type-Options")]
    pub x_content_type_options: Option<At<String>>,
    #[serde(rename = "X-XSS-Protection")]
    pub x_xss_protection: Option<At<String>>,
    #[serde(rename = "Strict-Transport-Security")]
    pub strict_transport_security: Option<At<String>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateLimit {
    pub interval: Option<At<Span>>,
    pub burst: Option<At<u32>>,
}
