//! Who a connection comes from, and how many it has.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use crate::lock;

/// Where a request comes from, as far as limits are concerned. Whoever has an IPv6 address has a whole network of
/// them, so only the network counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

/// How a connection came.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub origin: ClientAddress,
    /// Whether the address listened on is one that only this machine reaches.
    pub on_loopback: bool,
}

/// How many of something each origin has at the moment. Origins that have none are not kept.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Mutex<HashMap<ClientAddress, usize>>>);

/// One of the things counted, until it is dropped.
#[derive(Debug)]
pub struct CountedConnection {
    tally: Tally,
    origin: ClientAddress,
}

impl ClientAddress {
    /// Stands for all clients beyond those that can be known at once.
    pub const ANYBODY: ClientAddress = ClientAddress(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

    pub fn of(address: IpAddr) -> ClientAddress {
        ClientAddress(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Tally {
    /// Counts one more, unless the origin has `most` already.
    pub fn count(&self, origin: ClientAddress, most: usize) -> Option<CountedConnection> {
        let mut counts = lock::mutex(&self.0);
        let count = counts.entry(origin).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(CountedConnection { tally: self.clone(), origin })
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        let mut counts = lock::mutex(&self.tally.0);
        if let Some(count) = counts.get_mut(&self.origin) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> ClientAddress {
        ClientAddress::of(text.parse().unwrap())
    }

    #[test]
    fn one_network_of_ipv6_is_one_client_and_an_ipv4_address_is_itself_in_either_form() {
        assert_eq!(origin("2001:db8:1:2:3::4"), origin("2001:db8:1:2::ffff"));
        assert_ne!(origin("2001:db8:1:2::1"), origin("2001:db8:1:3::1"));
        assert_eq!(origin("::ffff:192.0.2.1"), origin("192.0.2.1"));
        assert_ne!(origin("192.0.2.1"), origin("192.0.2.2"));
    }

    #[test]
    fn a_tally_stops_at_its_limit_and_forgets_who_left() {
        let (tally, one, other) = (Tally::default(), origin("192.0.2.1"), origin("192.0.2.2"));
        let held = [tally.count(one, 2).unwrap(), tally.count(one, 2).unwrap()];
        assert!(tally.count(one, 2).is_none());
        assert!(tally.count(other, 2).is_some());
        drop(held);
        assert!(tally.0.lock().unwrap().is_empty());
        assert!(tally.count(one, 2).is_some());
    }
}
