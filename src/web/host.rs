//! Whether a browser asks on behalf of a page that is not the exporter's own.
//!
//! A browser on this machine reaches what no other machine does, and it runs whatever page is open in it. Such a page may
//! send a request to a loopback address; the browser keeps the answer from it, but what the request does is done. And a name
//! of the page's own may come to stand for a loopback address ("DNS rebinding"): then the browser takes the exporter for a
//! part of the page, and lets it read. Prometheus, curl and health checks say nothing of a page, and name the host that they
//! were told to ask.

use std::net::IpAddr;
use std::str::FromStr;

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// A name or an address by which a machine is asked, without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Address(IpAddr),
    /// In lower case, without a dot at its end.
    Name(String),
}

/// The hosts that are answered besides those of loopback.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    listed: Vec<Host>,
    /// Whether the operator said which: then no address answers to another one.
    are_given: bool,
}

impl FromStr for Host {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Host, &'static str> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Host::Address(address.to_canonical()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if name.is_empty() || !name.bytes().all(plain) {
            return Err("a name such as exporter.example or an address, without a port");
        }
        Ok(Host::Name(name.to_ascii_lowercase()))
    }
}

impl Host {
    fn is_loopback(&self) -> bool {
        match self {
            Host::Address(address) => address.is_loopback(),
            // Nobody can own a name below localhost.
            Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }
}

impl Hosts {
    /// What the exporter listens on is listed, however it is written: it is what scrapers are told to ask.
    pub fn new(allowed: &[Host], listen_addresses: &[String]) -> Hosts {
        let own = listen_addresses.iter().filter_map(|address| address.rsplit_once(':')?.0.parse().ok());
        Hosts { listed: allowed.iter().cloned().chain(own).collect(), are_given: !allowed.is_empty() }
    }

    pub(super) fn are_given(&self) -> bool {
        self.are_given
    }

    /// Whether every host that a request names is one of these. A request without any comes from no browser.
    pub(super) fn answer(&self, request: &Request) -> bool {
        let known = |host: &str| host.parse().is_ok_and(|host: Host| host.is_loopback() || self.listed.contains(&host));
        request.uri().authority().is_none_or(|authority| known(authority.host()))
            && request.headers().get_all(HOST).iter().all(|host| {
                host.to_str().ok().and_then(|host| host.parse().ok()).is_some_and(|host: Authority| known(host.host()))
            })
    }
}

/// Whether a page of another site made a browser send this, other than by a link to here. A link may be followed: the
/// page cannot read what it leads to.
pub(super) fn is_cross_site(request: &Request) -> bool {
    let headers = request.headers();
    let only_reads = [Method::GET, Method::HEAD].contains(request.method());
    match text(headers, &SEC_FETCH_SITE) {
        Some("same-origin" | "none") => false,
        Some(_) => !(only_reads && text(headers, &SEC_FETCH_MODE) == Some("navigate")),
        // Browsers that are too old for it, or have come by plain HTTP from elsewhere, tell at least this.
        None => !only_reads && headers.contains_key(ORIGIN) && !is_own(headers),
    }
}

/// Whether the page that a browser names is on the very host that it asks.
fn is_own(headers: &HeaderMap) -> bool {
    let page = text(headers, &ORIGIN).and_then(|origin| Some(origin.split_once("://")?.1));
    page.is_some() && page == text(headers, &HOST)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    // A header that is not text says nothing of where the request comes from.
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request {
        let builder = Request::builder().method(method).uri(uri);
        headers
            .iter()
            .fold(builder, |builder, (name, value)| builder.header(*name, *value))
            .body(Body::empty())
            .unwrap()
    }

    #[test]
    fn loopback_and_what_is_listed_is_answered_and_nothing_that_only_looks_like_it() {
        let allowed = ["Exporter.Example.".parse().unwrap(), "2001:db8::7".parse().unwrap()];
        let hosts = Hosts::new(&allowed, &["127.0.0.1:1".to_owned(), "metrics.internal:1".to_owned(), ":1".to_owned()]);
        let answered = |host| hosts.answer(&request("GET", "/", &[("host", host)]));
        for host in [
            "127.0.0.1",
            "127.0.0.1:10077",
            "127.9.9.9:1",
            "localhost:10077",
            "LOCALHOST.",
            "a.localhost:1",
            "[::1]:10077",
            "[::ffff:127.0.0.1]:1",
            "exporter.example:443",
            "EXPORTER.example.",
            "[2001:db8::7]",
            "metrics.internal",
        ] {
            assert!(answered(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "evil-localhost",
            "127.0.0.1.evil.example:10077",
            "127.0.0.1@evil.example",
            "2130706433",
            "0.0.0.0:10077",
            "192.0.2.1",
            "[::2]",
            "exporter.example.evil.example",
            "evil.example, localhost",
            "localhost evil.example",
        ] {
            assert!(!answered(host), "{host}");
        }
        assert!(hosts.answer(&request("GET", "/", &[])));
        assert!(!hosts.answer(&request("GET", "/", &[("host", "localhost"), ("host", "evil.example")])));
        assert!(!hosts.answer(&request("GET", "http://evil.example/", &[("host", "localhost")])));
        for wrong in ["", "a:1", "http://a", "a b", "*"] {
            assert!(wrong.parse::<Host>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_link_may_lead_here_and_nothing_else_of_another_site_may() {
        let (site, mode, origin, host) = ("sec-fetch-site", "sec-fetch-mode", "origin", ("host", "a:1"));
        for (method, headers, is_refused) in [
            ("GET", vec![], false),
            ("POST", vec![], false),
            ("GET", vec![(site, "none"), (mode, "navigate")], false),
            ("POST", vec![(site, "same-origin"), (origin, "http://a:1")], false),
            ("GET", vec![(site, "cross-site"), (mode, "navigate")], false),
            ("POST", vec![(site, "cross-site"), (mode, "navigate")], true),
            ("GET", vec![(site, "cross-site"), (mode, "no-cors")], true),
            ("GET", vec![(site, "same-site"), (mode, "cors"), (origin, "http://a:2")], true),
            ("POST", vec![(site, "same-site"), (mode, "cors")], true),
            ("POST", vec![(site, "\u{e9}")], true),
            ("POST", vec![(origin, "http://a:1")], false),
            ("POST", vec![(origin, "http://a:2")], true),
            ("POST", vec![(origin, "http://evil.example")], true),
            ("POST", vec![(origin, "null")], true),
            ("OPTIONS", vec![(origin, "http://evil.example")], true),
            ("GET", vec![(origin, "http://evil.example")], false),
        ] {
            let headers = [vec![host], headers].concat();
            assert_eq!(is_cross_site(&request(method, "/-/reload", &headers)), is_refused, "{method} {headers:?}");
        }
    }
}
