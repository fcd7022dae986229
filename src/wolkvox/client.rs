//! The HTTP client: one request, and how a broken one ends.
//!
//! Each request is one GET. There is no redirect, no retry, and no re-used connection that could make the library send a
//! request again: every attempt costs budget.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use hyper_util::client::proxy::matcher::Matcher;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{ClientBuilder, Response, StatusCode, redirect, retry};
use url::Url;

use super::body::Body;
use super::envelope::{Answer, classify};
use super::failure::{CONNECT_TIMEOUT, Failure, broken};
use super::token::Token;
use crate::memory::PollMemory;
use crate::time::until;

/// The header that carries the token, as the vendor names it.
const TOKEN_HEADER: &str = "wolkvox-token";

/// Longest body of a refusal that is read to find out its kind; the documented ones have 80 bytes.
const REFUSAL_BYTES: usize = 64 * 1024;

/// One request, ready to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// Everything before `/api/v2/`.
    pub base_url: Url,
    pub endpoint: String,
    pub api: String,
    /// Further query parameters.
    pub params: Vec<(String, String)>,
    /// `date_ini` and `date_end` where the report takes them.
    pub dates: Option<(String, String)>,
    pub token: Token,
    /// For the whole request, to the last byte of the body.
    pub timeout: Duration,
}

/// Sends requests. Holds no token: each request brings its own.
#[derive(Clone, Debug)]
pub struct Client {
    /// For what is beyond this machine: obeys the proxy variables of the environment.
    beyond: reqwest::Client,
    /// For this machine: no proxy, whatever the environment says. A proxy would read the token of a plain-http request.
    within: reqwest::Client,
    /// Largest body that is read, after decompression.
    response_bytes: usize,
    /// Seconds that the clock of the last answer's server was ahead of this machine's.
    clock_ahead: Arc<AtomicI64>,
}

impl Client {
    /// A client for requests to `base_urls`; machine-wide trust roots are only needed where one of them is https.
    pub fn new<'u>(base_urls: impl IntoIterator<Item = &'u Url>, response_bytes: usize) -> Result<Client, Failure> {
        let https = base_urls.into_iter().any(|url| url.scheme() == "https");
        // A second installation changes nothing: the provider is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            let builder = reqwest::Client::builder()
                .user_agent(concat!("wolkvox-exporter/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .referer(false)
                .retry(retry::never())
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_max_idle_per_host(0)
                .gzip(true);
            if https { builder } else { builder.tls_certs_only([]) }
        };
        let build = |builder: ClientBuilder| builder.build().map_err(|error| broken(error, "no HTTPS client"));
        Ok(Client {
            beyond: build(builder())?,
            within: build(builder().no_proxy())?,
            response_bytes,
            clock_ahead: Arc::default(),
        })
    }

    /// Every web server says what time it is.
    fn note_clock(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok()).and_then(http_date);
        let ahead = date.zip(Timestamp::try_from(SystemTime::now()).ok()).map(|(date, now)| date.duration_since(now));
        if let Some(ahead) = ahead {
            self.clock_ahead.store(ahead.as_secs(), Ordering::Relaxed);
        }
    }

    async fn send(&self, request: &Request, memory: &Arc<PollMemory>) -> Result<Answer, Failure> {
        let http = if is_this_machine(&request.base_url) { &self.within } else { &self.beyond };
        let mut response = http
            .get(request.url())
            .header(TOKEN_HEADER, request.token.header())
            .timeout(request.timeout)
            .send()
            .await
            .map_err(|error| broken(error, "no answer"))?;
        self.note_clock(response.headers());
        if response.status() == StatusCode::OK {
            return Body::read(response, self.response_bytes, memory).await.map(Answer::Body);
        }
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        classify(status, retry_after, read_refusal(&mut response).await)
    }
}

/// A request under way.
pub type Call<'c> = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send + 'c>>;

/// Answers requests: the vendor, or a test in its place.
pub trait Vendor: Send + Sync {
    /// Sends one request and reads its answer, to the end where it is of the usual size.
    fn call<'c>(&'c self, request: &'c Request, memory: &'c Arc<PollMemory>) -> Call<'c>;

    /// How far the clock of the last answer's server was ahead of this machine's.
    fn clock_ahead(&self) -> SignedDuration {
        SignedDuration::ZERO
    }
}

impl Vendor for Client {
    fn call<'c>(&'c self, request: &'c Request, memory: &'c Arc<PollMemory>) -> Call<'c> {
        Box::pin(self.send(request, memory))
    }

    fn clock_ahead(&self) -> SignedDuration {
        SignedDuration::from_secs(self.clock_ahead.load(Ordering::Relaxed))
    }
}

impl Request {
    fn url(&self) -> Url {
        let mut url = self.base_url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v2", &self.endpoint]);
        }
        let mut query = url.query_pairs_mut();
        query.append_pair("api", &self.api).extend_pairs(&self.params);
        if let Some((ini, end)) = &self.dates {
            query.append_pair("date_ini", ini).append_pair("date_end", end);
        }
        drop(query);
        url
    }
}

/// The proxy variables in their order: of each pair, the first that is set counts.
const PROXY_VARIABLES: [[&str; 2]; 4] = [
    ["HTTPS_PROXY", "https_proxy"],
    ["HTTP_PROXY", "http_proxy"],
    ["ALL_PROXY", "all_proxy"],
    ["NO_PROXY", "no_proxy"],
];

/// What the environment says of proxies, and what the client makes of it.
pub struct Proxies {
    /// The same decision as the client's own: it asks this matcher too.
    matcher: Matcher,
    /// The variables that are set and count.
    pub variables: Vec<&'static str>,
}

impl Proxies {
    pub fn of_environment() -> Proxies {
        let is_set = |name: &&str| std::env::var(name).is_ok();
        let variables = PROXY_VARIABLES.iter().filter_map(|names| names.iter().copied().find(is_set)).collect();
        Proxies { matcher: Matcher::from_system(), variables }
    }

    /// Host and port of the proxy that requests to a URL go through. Its user and password are not told.
    pub fn of(&self, url: &Url) -> Option<String> {
        let uri = url.as_str().parse().ok().filter(|_| !is_this_machine(url))?;
        let proxy = self.matcher.intercept(&uri)?;
        let host = proxy.uri().host()?;
        Some(proxy.uri().port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }
}

/// Whether a URL may be this machine's, in any spelling: then no proxy could bring the request there.
fn is_this_machine(url: &Url) -> bool {
    let is_local = |address: IpAddr| address.is_loopback() || address.is_unspecified();
    match url.host() {
        Some(url::Host::Ipv4(address)) => is_local(address.into()),
        Some(url::Host::Ipv6(address)) => is_local(IpAddr::from(address).to_canonical()),
        Some(url::Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

/// Whether a URL can only reach this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// What can be read of the body of an answer that is no HTTP 200. Where it cannot be read, the status alone decides.
async fn read_refusal(response: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > REFUSAL_BYTES {
            break;
        }
    }
    body
}

/// Both forms of `Retry-After`: seconds, or an HTTP date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = Timestamp::try_from(SystemTime::now()).ok()?;
    Some(until(now, http_date(text)?))
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(base_url: &str) -> Request {
        Request {
            base_url: base_url.parse().unwrap(),
            endpoint: "reports_manager.php".into(),
            api: "agent_3".into(),
            params: Vec::new(),
            dates: Some(("20260301000000".into(), "20260301120000".into())),
            token: Token::parse("s3cr3t").unwrap(),
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn the_url_is_the_documented_one() {
        let tail = "/api/v2/reports_manager.php?api=agent_3&date_ini=20260301000000&date_end=20260301120000";
        for base in ["https://wv0003.wolkvox.com", "https://wv0003.wolkvox.com/", "https://proxy.example/wolkvox/"] {
            let expected = format!("{}{tail}", base.trim_end_matches('/'));
            assert_eq!(request(base).url().as_str(), expected);
        }
    }

    #[test]
    fn never_leak_a_request_shows_no_token() {
        assert!(!format!("{:?}", request("https://wv0003.wolkvox.com")).contains("s3cr3t"));
    }

    #[test]
    fn every_spelling_of_this_machine_goes_without_a_proxy() {
        let is_ours = |host: &str| is_this_machine(&format!("http://{host}:8080/x").parse().unwrap());
        for host in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "wolkvox.localhost",
            "127.0.0.1",
            "127.9.8.7",
            "127.1",
            "0x7f.0.0.1",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_ours(host), "{host}");
        }
        for host in ["wv0003.wolkvox.com", "localhost.example", "notlocalhost", "128.0.0.1", "10.0.0.1", "[::2]"] {
            assert!(!is_ours(host), "{host}");
        }
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let header = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(header("120"), Some(Duration::from_mins(2)));
        assert_eq!(header("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let later = header("Wed, 21 Oct 2065 07:28:00 GMT").unwrap();
        assert!(later > Duration::from_hours(8760));
        assert_eq!(header("soon"), None);
    }
}
