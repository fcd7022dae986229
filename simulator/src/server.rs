//! The server: requests and answers over real sockets, and the faults that break them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::Clock;
use crate::fault::Fault;
use crate::http::{self, Coding};
use crate::message::{Answer, Request, refusal};
use crate::vendor::{InFlight, Vendor};

const HEAD_LIMIT: usize = 16 * 1024;
const PIECE: usize = 32 * 1024;

/// Serves until its task is aborted; the connections live and die with it.
pub(super) async fn serve(listener: TcpListener, vendor: Arc<Vendor>, clock: Clock) {
    let parked = Arc::new(AtomicUsize::new(0));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let connection = Connection {
                        stream,
                        unread: Vec::new(),
                        vendor: Arc::clone(&vendor),
                        clock: Arc::clone(&clock),
                        parked: Arc::clone(&parked),
                    };
                    connections.spawn(connection.converse());
                }
                // Out of file descriptors, most likely: they come back as connections end.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
    vendor: Arc<Vendor>,
    clock: Clock,
    /// How many requests wait in a fault, over all connections.
    parked: Arc<AtomicUsize>,
}

/// What matters of a request head.
struct Head {
    method: String,
    request: Request,
    coding: Coding,
    keep: bool,
}

enum Received {
    Head(Head),
    TooLarge,
    Nothing,
}

/// Counts a request as waiting, whichever way the wait ends.
struct Parked(Arc<AtomicUsize>);

impl Parked {
    fn new(count: &Arc<AtomicUsize>) -> Parked {
        count.fetch_add(1, Ordering::SeqCst);
        Parked(Arc::clone(count))
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Connection {
    /// Clients may vanish at any point: every error just ends the conversation.
    async fn converse(mut self) {
        let _ = self.stream.set_nodelay(true);
        while let Ok(received) = self.receive().await {
            let turn = match received {
                Received::Nothing => return,
                Received::TooLarge => self.refuse(431, "HEADERS TOO LARGE").await,
                Received::Head(head) if head.method != "GET" => self.refuse(405, "ONLY GET").await,
                Received::Head(head) => self.reply(head).await,
            };
            if !matches!(turn, Ok(true)) {
                return;
            }
        }
    }

    async fn receive(&mut self) -> io::Result<Received> {
        loop {
            if let Some(end) = self.unread.windows(4).position(|part| part == b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                return Ok(Received::Head(parsed(&String::from_utf8_lossy(&head))));
            }
            if self.unread.len() > HEAD_LIMIT {
                return Ok(Received::TooLarge);
            }
            if self.stream.read_buf(&mut self.unread).await? == 0 {
                return Ok(Received::Nothing);
            }
        }
    }

    async fn refuse(&mut self, status: u16, message: &str) -> io::Result<bool> {
        let flight = self.vendor.begin("");
        self.send(&refusal(status, message), Coding::Plain, false, flight).await
    }

    /// One request and its answer. Says whether another may follow.
    async fn reply(&mut self, head: Head) -> io::Result<bool> {
        if self.parked.load(Ordering::SeqCst) > 0 {
            // A client that gave up a waiting request has closed that connection already; hear of it first, or its
            // next request would look simultaneous.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let flight = self.vendor.begin(head.request.token.as_deref().unwrap_or_default());
        let fault = self.vendor.fault_for(&head.request);
        let now = (self.clock)();
        let answer = self.vendor.answer_during(&flight, fault.as_ref(), &head.request, now);
        let answer = answer.with("Date", &now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        let Some(fault) = fault else {
            return self.send(&answer, head.coding, head.keep, flight).await;
        };
        match fault {
            Fault::Drop => self.wait(None).await,
            Fault::Reset => self.reset(flight),
            Fault::Delay(time) => {
                self.wait(Some(time)).await?;
                self.send(&answer, head.coding, false, flight).await.map(drop)
            }
            Fault::Drip(pause) => self.drip(&answer, head.coding, pause, flight).await,
            Fault::CutBody => self.cut_body(&answer, flight).await,
            Fault::CutGzip => {
                let packed = http::gzip(&answer.body)?;
                self.send_packed(&answer, &packed[..packed.len() / 2], flight).await
            }
            Fault::Bomb => {
                let answer = Answer { status: 200, ..answer };
                self.send_packed(&answer, http::bomb()?, flight).await
            }
            _ => self.send(&answer, head.coding, false, flight).await.map(drop),
        }?;
        Ok(false)
    }

    async fn send(&mut self, answer: &Answer, coding: Coding, keep: bool, flight: InFlight) -> io::Result<bool> {
        // Padding compresses to nothing, which would defeat its purpose.
        let coding = if answer.padding > 0 { Coding::Plain } else { coding };
        if !http::has_body(answer.status) {
            drop(flight);
            self.stream.write_all(&http::head(answer, coding, keep)).await?;
            return self.finish(keep).await;
        }
        let packed = if coding == Coding::Gzip { Some(http::gzip(&answer.body)?) } else { None };
        let body = packed.as_deref().unwrap_or(&answer.body);
        self.stream.write_all(&http::head(answer, coding, keep)).await?;
        let (start, end) = body.split_at(if answer.padding > 0 { body.len().saturating_sub(1) } else { body.len() });
        self.chunks(start).await?;
        self.spaces(answer.padding).await?;
        self.chunks(end).await?;
        self.end(keep, flight).await
    }

    async fn send_packed(&mut self, answer: &Answer, packed: &[u8], flight: InFlight) -> io::Result<()> {
        self.stream.write_all(&http::head(answer, Coding::Gzip, false)).await?;
        self.chunks(packed).await?;
        self.end(false, flight).await.map(drop)
    }

    async fn chunks(&mut self, body: &[u8]) -> io::Result<()> {
        for piece in body.chunks(PIECE) {
            self.stream.write_all(&http::chunk(piece.len(), piece)).await?;
        }
        Ok(())
    }

    async fn spaces(&mut self, mut count: usize) -> io::Result<()> {
        let piece = vec![b' '; PIECE.min(count)];
        while count > 0 {
            let now = count.min(PIECE);
            self.stream.write_all(&http::chunk(now, &piece[..now])).await?;
            count -= now;
        }
        Ok(())
    }

    /// The request has landed before the client can know: its next one is never counted beside it.
    async fn end(&mut self, keep: bool, flight: InFlight) -> io::Result<bool> {
        drop(flight);
        self.stream.write_all(http::LAST_CHUNK).await?;
        self.finish(keep).await
    }

    async fn finish(&mut self, keep: bool) -> io::Result<bool> {
        if !keep {
            self.stream.shutdown().await?;
        }
        Ok(keep)
    }

    async fn drip(&mut self, answer: &Answer, coding: Coding, pause: Duration, flight: InFlight) -> io::Result<()> {
        let packed = if coding == Coding::Gzip { Some(http::gzip(&answer.body)?) } else { None };
        self.stream.write_all(&http::head(answer, coding, false)).await?;
        for byte in packed.as_deref().unwrap_or(&answer.body) {
            self.stream.write_all(&http::chunk(1, &[*byte])).await?;
            self.wait(Some(pause)).await?;
        }
        self.end(false, flight).await.map(drop)
    }

    async fn cut_body(&mut self, answer: &Answer, flight: InFlight) -> io::Result<()> {
        let half = &answer.body[..answer.body.len() / 2];
        self.stream.write_all(&http::head(answer, Coding::Plain, false)).await?;
        self.stream.write_all(&http::chunk(answer.body.len(), half)).await?;
        drop(flight);
        self.stream.shutdown().await
    }

    fn reset(&mut self, flight: InFlight) -> io::Result<()> {
        drop(flight);
        self.stream.set_zero_linger()
    }

    /// Waits that long, or for ever; an error if the client leaves meanwhile.
    async fn wait(&mut self, time: Option<Duration>) -> io::Result<()> {
        let _parked = Parked::new(&self.parked);
        let over = async {
            match time {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = over => Ok(()),
            () = left(&self.stream) => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

/// Completes when the client closes. One that sends more instead is still there.
async fn left(stream: &TcpStream) {
    if let Ok(1..) = stream.peek(&mut [0]).await {
        std::future::pending::<()>().await;
    }
}

fn parsed(head: &str) -> Head {
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().unwrap_or_default().to_owned();
    let target = first.next().unwrap_or_default();
    let mut keep = first.next() == Some("HTTP/1.1");
    let mut coding = Coding::Plain;
    let mut token = None;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "wolkvox-token" => token = Some(value),
            "accept-encoding" if accepts_gzip(value) => coding = Coding::Gzip,
            "connection" if value.eq_ignore_ascii_case("close") => keep = false,
            // A body would be read as the next request; answering once and closing needs no parser for it.
            "content-length" | "transfer-encoding" if value != "0" => keep = false,
            _ => {}
        }
    }
    Head { method, request: Request::get(target, token), coding, keep }
}

fn accepts_gzip(value: &str) -> bool {
    value.split(',').map(str::trim).any(|item| {
        let (name, quality) = item.split_once(';').unwrap_or((item, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(quality.trim(), "q=0" | "q=0.0")
    })
}
