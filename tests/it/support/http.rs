//! An HTTP client so plain that nothing it does can hide a fault.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No answer of the exporter's takes that long, even on a machine with other things to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// One answer, as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text, without its coding.
    pub fn text(&self) -> String {
        String::from_utf8(self.decoded()).expect("an answer is UTF-8")
    }

    /// The body without its coding.
    pub fn decoded(&self) -> Vec<u8> {
        match self.header("content-encoding") {
            None => self.body.clone(),
            Some("gzip") => {
                let mut text = Vec::new();
                // One member only, as most clients read it: a second one would be missed here as it is there.
                flate2::read::GzDecoder::new(&*self.body).read_to_end(&mut text).expect("a whole gzip member");
                text
            }
            Some(other) => panic!("nobody asked for the coding {other}"),
        }
    }

    pub fn parse(bytes: &[u8]) -> Answer {
        let end = bytes.windows(4).position(|part| part == b"\r\n\r\n").expect("a response head");
        let head = std::str::from_utf8(&bytes[..end]).expect("a head is ASCII");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        Answer { status, headers: lines.filter_map(header).collect(), body: bytes[end + 4..].to_vec() }
    }
}

/// `GET path`.
pub async fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, "GET", path, "").await
}

/// The header line of basic authentication.
pub fn basic(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// Sends bytes as they are, and reads whatever comes back until the other side ends it.
pub async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let exchange = async {
        // The other side may have heard enough before everything is sent, and may end without a farewell.
        let _ = stream.write_all(request).await;
        let _ = stream.read_to_end(&mut bytes).await;
    };
    timeout(PATIENCE, exchange).await.expect("an end in time");
    bytes
}

/// A `GET` that asks for the connection to be closed after it.
pub fn request(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")
}

/// One request on a connection of its own. `headers` are whole lines, each ended by CRLF.
pub async fn send(address: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.expect("the exporter listens");
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.expect("the request is taken");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.expect("the answer is whole");
        Answer::parse(&bytes)
    };
    let answer = timeout(PATIENCE, exchange).await.expect("an answer in time");
    if method != "HEAD" {
        let length = answer.header("content-length").map(|length| length.parse::<usize>().expect("a number"));
        assert_eq!(length, Some(answer.body.len()), "Content-Length of {method} {path}");
    }
    answer
}
