//! A vendor that answers every request with one attack on memory, and never holds much of it itself.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Just under the vendor's own limit for an answer.
const ANSWER_BYTES: usize = 249_000_000;
/// Written at a time.
const PIECE: usize = 1 << 20;
/// One row under the vendor's limit.
const MOST_ROWS: usize = 59_999;

/// What an answer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// As many rows as fit, each of another agent.
    Rows,
    /// One row with one name.
    Name,
    /// Few rows with a long field that nobody reads.
    Padding,
    /// Names of 4,000 bytes that no compression makes shorter, a row under the vendor's limit.
    Noise,
    /// As many days as fit, all of one agent.
    Days,
    /// Lists inside lists.
    Depth,
    /// A number of so many digits.
    Digits,
    /// A `Content-Length` and nothing behind it.
    Promise,
    /// No attack: as many agents as the vendor gives records at most, of a report that cannot be asked in parts.
    Records,
}

impl Attack {
    pub const ALL: [Attack; 9] = [
        Attack::Rows,
        Attack::Name,
        Attack::Padding,
        Attack::Noise,
        Attack::Days,
        Attack::Depth,
        Attack::Digits,
        Attack::Promise,
        Attack::Records,
    ];

    /// The report that it is an answer to.
    fn report(self) -> &'static str {
        if matches!(self, Attack::Days | Attack::Records) { "agent_kpi" } else { "agent_aux_time" }
    }

    /// Writes the body; stops where nobody reads any more.
    fn write(self, out: &mut impl Write) -> io::Result<()> {
        let row = |name: &str| {
            format!(r#"{{"agent_id":"1","agent_dni":"","agent_name":"{name}","aux_state":"Break","time":"00:01:00"}}"#)
        };
        out.write_all(br#"{"code":"200","error":null,"msg":"records were found","data":["#)?;
        match self {
            Attack::Rows => {
                let length = row("Agent 00000000").len() + 1;
                for agent in 0..ANSWER_BYTES / length {
                    let comma = if agent == 0 { "" } else { "," };
                    write!(out, "{comma}{}", row(&format!("Agent {agent:08}")))?;
                }
            }
            Attack::Name => {
                let whole = row("\0");
                let (before, after) = whole.split_once('\0').expect("the name's place");
                out.write_all(before.as_bytes())?;
                repeat(out, b"Ana Mar\xc3\xada ")?;
                out.write_all(after.as_bytes())?;
            }
            Attack::Padding => {
                let padding = "x".repeat(PIECE);
                for agent in 0..ANSWER_BYTES / PIECE {
                    let comma = if agent == 0 { "" } else { "," };
                    let row = row(&format!("Agent {agent}"));
                    write!(out, r#"{comma}{{"padding":"{padding}",{}"#, &row[1..])?;
                }
            }
            Attack::Noise => {
                let mut rng = fastrand::Rng::with_seed(7);
                for agent in 0..MOST_ROWS {
                    let comma = if agent == 0 { "" } else { "," };
                    let name: String = std::iter::repeat_with(|| rng.alphanumeric()).take(4_000).collect();
                    write!(out, "{comma}{}", row(&name))?;
                }
            }
            Attack::Days => {
                out.write_all(br#"{"agent_id":"1","agent_name":"Ana","agent_dni":"","stats":[{"date":"20260301"}"#)?;
                repeat(out, br#",{"date":"20260301","points":"1","hits":"1","calls":"1"}"#)?;
                out.write_all(b"]}")?;
            }
            Attack::Depth => repeat(out, b"[")?,
            Attack::Digits => repeat(out, b"7")?,
            Attack::Promise => {}
            Attack::Records => {
                for agent in 0..=MOST_ROWS {
                    let comma = if agent == 0 { "" } else { "," };
                    write!(
                        out,
                        r#"{comma}{{"agent_id":"{agent}","agent_name":"Agent {agent}","agent_dni":"","stats":[]}}"#
                    )?;
                }
            }
        }
        out.write_all(b"]}")
    }
}

fn repeat(out: &mut impl Write, text: &[u8]) -> io::Result<()> {
    let piece = text.repeat(PIECE / text.len());
    for _ in 0..ANSWER_BYTES / piece.len() {
        out.write_all(&piece)?;
    }
    Ok(())
}

/// The vendor; it ends with the test's process.
pub struct Hostile {
    address: SocketAddr,
    attack: Attack,
    calls: Arc<AtomicU64>,
}

impl Hostile {
    pub fn start(attack: Attack) -> io::Result<Hostile> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let calls = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&calls);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::Relaxed);
                // Whoever hangs up ends its own answer only.
                thread::spawn(move || drop(answer(&stream, attack)));
            }
        });
        Ok(Hostile { address, attack, calls })
    }

    /// A config of so many operations of this vendor's, each with a token and so a queue of its own, and what else it
    /// says; in a folder with the tokens.
    pub fn config(&self, folder: &Path, operations: usize, rest: &str) -> PathBuf {
        let mut config = String::from("operations:\n");
        for operation in 0..operations {
            let (token, address, report) = (format!("token-{operation}"), self.address, self.attack.report());
            fs::write(folder.join(&token), &token).expect("a writable folder");
            let server = format!("base_url: \"http://{address}\", token_file: {token}, licenses: 40");
            writeln!(config, "  - {{name: op{operation}, {server}, reports: [{{name: {report}, windows: [today]}}]}}")
                .expect("a String takes it");
        }
        let file = folder.join("c.yml");
        fs::write(&file, config + rest).expect("a writable folder");
        file
    }

    /// Calls that were made.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

fn answer(stream: &TcpStream, attack: Attack) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let mut out = io::BufWriter::with_capacity(PIECE, stream);
    if attack == Attack::Promise {
        write!(out, "{head}content-length: {ANSWER_BYTES}\r\n\r\n{{")?;
        out.flush()?;
        // Until the client gives up.
        return io::copy(&mut &*stream, &mut io::sink()).map(drop);
    }
    write!(out, "{head}\r\n")?;
    attack.write(&mut out)?;
    out.flush()
}
