//! The scraper: how long an answer takes, and how many bytes it has.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const ACCEPT: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";

/// One kept connection, as Prometheus keeps it.
pub struct Client {
    stream: BufReader<TcpStream>,
    request: String,
    /// A response is read into here; nothing of it is kept.
    buffer: Vec<u8>,
}

/// One answer: time to its last byte, and the bytes of its body.
pub struct Scrape {
    pub took: Duration,
    pub bytes: u64,
}

impl Client {
    pub fn new(port: u16, gzip: bool) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a server that listens");
        stream.set_nodelay(true).expect("a socket");
        let coding = if gzip { "Accept-Encoding: gzip\r\n" } else { "" };
        Client {
            stream: BufReader::with_capacity(128 * 1024, stream),
            request: format!("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {ACCEPT}\r\n{coding}\r\n"),
            buffer: vec![0; 128 * 1024],
        }
    }

    pub fn scrape(&mut self) -> Scrape {
        self.read(|_| {})
    }

    /// The body of one answer.
    pub fn body(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        self.read(|bytes| body.extend_from_slice(bytes));
        body
    }

    fn read(&mut self, mut take: impl FnMut(&[u8])) -> Scrape {
        let start = Instant::now();
        self.stream.get_mut().write_all(self.request.as_bytes()).expect("a server that reads");
        let status = self.line();
        assert!(status.contains(" 200 "), "{status}");
        let (mut length, mut chunked, mut closes) = (None, false, status.starts_with("HTTP/1.0"));
        loop {
            let line = self.line().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = Some(value.trim().parse::<u64>().expect("a number"));
            }
            chunked |= line == "transfer-encoding: chunked";
            closes |= line == "connection: close";
        }
        let mut bytes = 0;
        if chunked {
            loop {
                let size = u64::from_str_radix(&self.line(), 16).expect("a chunk's size");
                self.take(size, &mut take);
                self.line();
                bytes += size;
                if size == 0 {
                    break;
                }
            }
        } else {
            bytes = length.expect("a length or chunks");
            self.take(bytes, &mut take);
        }
        let took = start.elapsed();
        if closes {
            // Python's server speaks HTTP/1.0. Connecting again is not counted against it.
            let peer = self.stream.get_ref().peer_addr().expect("a socket");
            *self.stream.get_mut() = TcpStream::connect(peer).expect("a server that listens");
        }
        Scrape { took, bytes }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line");
        line.truncate(line.trim_end().len());
        line
    }

    fn take(&mut self, mut left: u64, take: &mut impl FnMut(&[u8])) {
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            let read = self.stream.read(&mut self.buffer[..most]).expect("a body");
            assert!(read > 0, "the body broke off");
            take(&self.buffer[..read]);
            left -= read as u64;
        }
    }
}

/// Times of equal things, to be asked for their quantiles.
#[derive(Clone, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that this share of them does not exceed.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index of a list in memory")]
    pub fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        sorted.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    }

    pub fn median(&self) -> Duration {
        self.quantile(0.5)
    }

    /// What the work takes by itself: whatever else the machine does only adds to it.
    pub fn shortest(&self) -> Duration {
        self.quantile(0.0)
    }
}

/// Does something over and over for about this long, but often enough for a median.
pub fn repeat(budget: Duration, least: usize, mut once: impl FnMut()) -> Times {
    let (start, mut times) = (Instant::now(), Times::default());
    while times.count() < least || (start.elapsed() < budget && times.count() < 5_000) {
        let before = Instant::now();
        once();
        times.push(before.elapsed());
    }
    times
}
