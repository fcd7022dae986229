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
    pub client: ClientAddress,
    /// Whether the address listened on is one that only this machine reaches.
    pub on_loopback: bool,
}

/// How many of something each client has at the moment. Clients that have none are not kept.
#[derive(Clone, Debug, Default)]
pub struct ClientCounts(Arc<Mutex<HashMap<ClientAddress, usize>>>);

/// One of the things counted, until it is dropped.
#[derive(Debug)]
pub struct Counted {
    counts: ClientCounts,
    client: ClientAddress,
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

impl ClientCounts {
    /// Counts one more, unless the client has `most` already.
    pub fn count(&self, client: ClientAddress, most: usize) -> Option<Counted> {
        let mut counts = lock::mutex(&self.0);
        let count = counts.entry(client).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Counted { counts: self.clone(), client })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = lock::mutex(&self.counts.0);
        if let Some(count) = counts.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> ClientAddress {
        ClientAddress::of(text.parse().unwrap())
    }

    #[test]
    fn one_network_of_ipv6_is_one_client_and_an_ipv4_address_is_itself_in_either_form() {
        assert_eq!(address("2001:db8:1:2:3::4"), address("2001:db8:1:2::ffff"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
    }

    #[test]
    fn a_count_stops_at_its_limit_and_forgets_who_left() {
        let (counts, one, other) = (ClientCounts::default(), address("192.0.2.1"), address("192.0.2.2"));
        let held = [counts.count(one, 2).unwrap(), counts.count(one, 2).unwrap()];
        assert!(counts.count(one, 2).is_none());
        assert!(counts.count(other, 2).is_some());
        drop(held);
        assert!(counts.0.lock().unwrap().is_empty());
        assert!(counts.count(one, 2).is_some());
    }
}
