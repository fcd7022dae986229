//! `health`: whether an exporter answers.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::redirect;

use super::{CommandError, print};
use crate::cli::Flags;
use crate::web::{self, Access};

/// Under what a container engine gives a check by default, so that the reason is still told.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Asks the exporter that listens at the first of these addresses. Reads of the configs only whether to speak TLS, and makes
/// no request to the vendor.
pub async fn health(flags: &Flags) -> Result<(), CommandError> {
    let address = from_here(flags.listen_addresses.first().map_or("", String::as_str));
    let encrypted = Access::open(flags.web_config_file.as_deref())?.is_encrypted();
    let scheme = if encrypted { "https" } else { "http" };
    let url = format!("{scheme}://{address}{}", web::HEALTHY_PATH);
    match ask(scheme, &address).await {
        Ok(()) => print(&format!("{url}: healthy\n")),
        Err(reason) => Err(CommandError::Unhealthy { url, reason }),
    }
}

async fn ask(scheme: &str, address: &str) -> Result<(), String> {
    // The library wants one even for plain http; a second installation changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let found: Vec<SocketAddr> = tokio::net::lookup_host(address).await.map_err(|error| error.to_string())?.collect();
    let port = found.first().ok_or("nothing stands for this address")?.port();
    let url = format!("{scheme}://{}:{port}{}", web::HEALTH_NAME, web::HEALTHY_PATH);
    let client = reqwest::Client::builder()
        .no_proxy()
        // By this name the exporter knows that nothing is wrong where no certificate is shown.
        .resolve_to_addrs(web::HEALTH_NAME, &found)
        .redirect(redirect::Policy::none())
        .tls_certs_only([])
        // It asks whether this machine's own exporter answers, and tells it nothing: whose name the certificate has is
        // for those to check who come from outside.
        .tls_danger_accept_invalid_certs(true)
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| root_cause(&error))?;
    let status = match client.get(url).send().await {
        Ok(answer) => answer.status(),
        Err(error) if wants_certificate(&error) => return Ok(()),
        Err(error) => return Err(root_cause(&error)),
    };
    if status.is_success() { Ok(()) } else { Err(format!("the answer is {status}")) }
}

/// Where a listener on this address is reached from its own machine.
pub fn from_here(address: &str) -> String {
    if let Some(port) = address.strip_prefix(':') {
        return format!("{}:{port}", Ipv4Addr::LOCALHOST);
    }
    match address.parse::<SocketAddr>() {
        Ok(every) if every.ip().is_unspecified() => SocketAddr::new(loopback(every.ip()), every.port()).to_string(),
        _ => address.to_owned(),
    }
}

fn loopback(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}

/// Whether the exporter refused this check because it has no client certificate. Then the exporter is alive.
fn wants_certificate(error: &reqwest::Error) -> bool {
    let wanted = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
    let sources = std::iter::successors(error.source(), |&error| error.source());
    let mut within = sources.filter_map(|error| error.downcast_ref::<std::io::Error>()?.get_ref());
    within.any(|error| error.downcast_ref() == Some(&wanted))
}

/// The last of an error's sources says what happened; those before it only where.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        for (listens, asked) in [
            (":10077", "127.0.0.1:10077"),
            ("0.0.0.0:10077", "127.0.0.1:10077"),
            ("[::]:10077", "[::1]:10077"),
            ("192.0.2.7:10077", "192.0.2.7:10077"),
            ("localhost:10077", "localhost:10077"),
        ] {
            assert_eq!(from_here(listens), asked);
        }
    }
}
