//! Access: who may ask, as the web config file says it.

mod client_certificate;
mod file;
mod password;
mod root;
mod sources;
mod tls;
mod web_config;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::HeaderMap;
use rustls::ServerConfig;

use super::client_address::{Arrival, ClientAddress};
use super::host::Hosts;
use super::rate_limit::RateLimiter;
use crate::lock;
use crate::yaml::ConfigErrors;
use password::{Login, PasswordCheck, Passwords};
use sources::Sources;

pub use password::LONGEST_PASSWORD;
pub(in crate::web) use web_config::PasswordHash;
pub use web_config::WebConfig;

/// How soon a changed file counts: a certificate is put in place long before the old one ends.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// The web config in force, and what is known of those who ask.
pub struct Access {
    /// `None`: everybody may read.
    path: Option<PathBuf>,
    in_force: RwLock<Arc<WebConfig>>,
    /// Of the last try to read it, also where that failed.
    sources: Mutex<Sources>,
    passwords: Passwords,
    rate_limiter: RateLimiter,
    hosts: Hosts,
}

/// A web config that is right and not yet in force.
pub struct Renewed(WebConfig, Sources);

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    Credentials,
    /// Others of this client's have to be decided first.
    Busy,
    /// The client asks too often, and may ask again after this.
    Rate(Duration),
}

impl Access {
    /// Reads the web config, if there is one.
    pub fn open(path: Option<&Path>) -> Result<Access, ConfigErrors> {
        let (config, sources) = path.map_or_else(|| (Ok(WebConfig::default()), Sources::default()), WebConfig::load);
        Ok(Access {
            path: path.map(Path::to_owned),
            in_force: RwLock::new(Arc::new(config?)),
            sources: Mutex::new(sources),
            passwords: Passwords::default(),
            rate_limiter: RateLimiter::default(),
            hosts: Hosts::default(),
        })
    }

    /// Also answers to these hosts.
    #[must_use]
    pub fn answering_to(self, hosts: Hosts) -> Access {
        Access { hosts, ..self }
    }

    /// Reads the web config again. It is not in force before [`Access::take`].
    pub fn read_again(&self) -> Result<Option<Renewed>, ConfigErrors> {
        let Some(path) = &self.path else { return Ok(None) };
        match WebConfig::load(path) {
            (Ok(config), sources) => Ok(Some(Renewed(config, sources))),
            (Err(error), sources) => {
                *lock::mutex(&self.sources) = sources;
                Err(error)
            }
        }
    }

    /// Puts a web config in force: for connections and requests that begin from now on.
    pub fn take(&self, Renewed(config, sources): Renewed) {
        *lock::write(&self.in_force) = Arc::new(config);
        *lock::mutex(&self.sources) = sources;
    }

    /// Ends when one of the files has changed since it was read.
    pub async fn changed(self: &Arc<Access>) {
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            let access = Arc::clone(self);
            // A folder of secrets may lie on a network.
            let looking = tokio::task::spawn_blocking(move || lock::mutex(&access.sources).have_changed());
            if looking.await.unwrap_or(false) {
                return;
            }
        }
    }

    /// Whether connections are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.in_force().tls.is_some()
    }

    /// What connections are to be encrypted with, if they are.
    pub(super) fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.in_force().tls.clone()
    }

    /// Headers for every answer.
    pub(super) fn headers(&self) -> HeaderMap {
        self.in_force().headers.clone()
    }

    /// Whether the host that a request names may be answered. Whoever serves a page can point its name to loopback: the
    /// page would then read what everybody on this machine may read. Where users have passwords, the page has none.
    pub(super) fn knows_host(&self, request: &Request, arrival: Arrival) -> bool {
        let everybody_may_read = arrival.on_loopback && self.in_force().users.is_empty();
        !(everybody_may_read || self.hosts.are_given()) || self.hosts.answer(request)
    }

    /// Whether a request with these headers may be answered.
    pub(super) async fn admit(&self, headers: &HeaderMap, client: ClientAddress) -> Result<(), Denial> {
        let config = self.in_force();
        if let Some(rate) = config.rate {
            self.rate_limiter.admit(rate, client, Instant::now()).map_err(Denial::Rate)?;
        }
        if config.users.is_empty() {
            return Ok(());
        }
        let login = Login::of(headers).ok_or(Denial::Credentials)?;
        match self.passwords.check(&config.users, login, client).await {
            PasswordCheck::Right => Ok(()),
            PasswordCheck::Wrong => Err(Denial::Credentials),
            PasswordCheck::Busy => Err(Denial::Busy),
        }
    }

    fn in_force(&self) -> Arc<WebConfig> {
        Arc::clone(&lock::read(&self.in_force))
    }
}
