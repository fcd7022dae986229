//! How often one client may ask: a token bucket for each.
//!
//! Each client has a bucket of its own: with one for all of them, one client that asks without end would shut out the rest.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock;
use crate::web::client_address::ClientAddress;

/// How often one client may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Time between two requests, in the long run.
    pub interval: Duration,
    /// Requests that may come at once.
    pub burst: u32,
}

/// Clients that are told apart; each costs some dozen bytes.
const CLIENTS: usize = 4096;

/// When each client's bucket will be full again. Once there are `CLIENTS` buckets, the full ones are dropped.
#[derive(Debug, Default)]
pub struct RateLimiter(Mutex<HashMap<ClientAddress, Instant>>);

impl RateLimiter {
    /// Takes a request in, or says in what time the next one may come.
    pub fn admit(&self, rate: Rate, client: ClientAddress, now: Instant) -> Result<(), Duration> {
        let mut full_at = lock::mutex(&self.0);
        if full_at.len() >= CLIENTS {
            full_at.retain(|_, at| *at > now);
        }
        let known = full_at.len() < CLIENTS || full_at.contains_key(&client);
        let at = full_at.entry(if known { client } else { ClientAddress::ANYBODY }).or_insert(now);
        let debt = at.saturating_duration_since(now);
        // One request of the burst is the one at hand.
        let most = rate.interval.saturating_mul(rate.burst - 1);
        if let Some(wait) = debt.checked_sub(most).filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        *at = now + debt + rate.interval;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { interval: Duration::from_secs(1), burst: 3 };

    fn address(last: u32) -> ClientAddress {
        ClientAddress::of(std::net::Ipv4Addr::from_bits(0x0A00_0000 + last).into())
    }

    #[test]
    fn a_burst_is_taken_in_then_one_per_interval_and_other_clients_do_not_wait() {
        let (limiter, start) = (RateLimiter::default(), Instant::now());
        let admit = |client, ms| limiter.admit(RATE, address(client), start + Duration::from_millis(ms));
        for _ in 0..3 {
            assert_eq!(admit(1, 0), Ok(()));
        }
        assert_eq!(admit(1, 0), Err(Duration::from_secs(1)));
        assert_eq!(admit(1, 900), Err(Duration::from_millis(100)));
        assert_eq!(admit(2, 900), Ok(()));
        assert_eq!(admit(1, 1000), Ok(()));
        assert_eq!(admit(1, 1000), Err(Duration::from_secs(1)));
        assert_eq!(admit(1, 60_000), Ok(()));
    }

    #[test]
    fn clients_without_number_take_no_memory_without_end() {
        let (limiter, start) = (RateLimiter::default(), Instant::now());
        for client in 0..20_000 {
            let _ = limiter.admit(RATE, address(client), start);
        }
        assert!(limiter.0.lock().unwrap().len() <= CLIENTS + 1);
        // A client that was there before is still told apart from them.
        assert_eq!(limiter.admit(RATE, address(1), start), Ok(()));
    }
}
