//! The addresses to listen on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Binds an address as the field writes them: `127.0.0.1:10077`, `localhost:10077`, `:10077` for all of IPv4 and IPv6.
pub async fn bind(address: &str) -> io::Result<TcpListener> {
    let Some(port) = address.strip_prefix(':') else { return TcpListener::bind(address).await };
    let port = port.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "invalid port value"))?;
    match both(Ipv6Addr::UNSPECIFIED, port) {
        // Some machines have no IPv6.
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)).await
        }
        bound => bound,
    }
}

/// Says what the machine's settings may not: that the socket hears IPv4 too.
fn both(address: Ipv6Addr, port: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_only_v6(false)?;
    // As after a restart, when connections of the last run still linger.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::new(address.into(), port).into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    /// On the loopback of IPv4 as IPv6 writes it: a socket for IPv6 alone could not be bound to it.
    #[tokio::test]
    async fn a_socket_for_all_addresses_hears_ipv4_too() {
        let listener = match both(Ipv4Addr::LOCALHOST.to_ipv6_mapped(), 0) {
            Err(error) if Socket::new(Domain::IPV6, Type::STREAM, None).is_err() => {
                return eprintln!("no IPv6: {error}");
            }
            bound => bound.unwrap(),
        };
        let port = listener.local_addr().unwrap().port();
        let (connected, accepted) = tokio::join!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)), listener.accept());
        connected.unwrap();
        assert_eq!(accepted.unwrap().1.ip().to_canonical(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    }

    #[tokio::test]
    async fn a_port_that_is_none_is_told() {
        for address in [":", ":http", ":65536", ":-1"] {
            assert_eq!(bind(address).await.unwrap_err().kind(), io::ErrorKind::InvalidInput, "{address}");
        }
    }
}
