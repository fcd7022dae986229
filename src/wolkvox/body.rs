//! An answer's body: whole in memory where it is of the usual size, and read while it comes in where it is larger.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use reqwest::Response;
use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::failure::{Failure, Reason, broken};
use super::surrogates::{settled, without_lone_surrogates};
use crate::memory::{PollMemory, Share};

/// The first piece of a body that memory is taken for. Nothing is taken on the word of a `Content-Length`.
const FIRST_BYTES: usize = 16 * 1024;
/// Bytes of a large answer that are looked at in one go.
const PIECE: usize = 64 * 1024;
/// Longest text that is let through of a large answer: far more than a label may have, and no name has it.
const LONGEST_TEXT: usize = 64 * 1024;
/// Stands where a text was cut off, so that it is never read as a number or as another name.
const CUT: &[u8] = "…".as_bytes();
/// Longest number, and any other word outside of quotes.
const LONGEST_WORD: usize = 16 * 1024;
/// Lists and objects inside each other; the parser remembers each in a byte.
const DEEPEST: usize = 1 << 20;

/// A body still to be read.
#[derive(Debug)]
pub struct Body(BodyKind);

#[derive(Debug)]
enum BodyKind {
    Whole { bytes: Vec<u8>, _memory: Share },
    Streamed(Box<StreamedBody>),
}

/// What a reader is given of a body.
pub enum Content<'b> {
    Whole(&'b [u8]),
    Streamed(&'b mut StreamedBody),
}

/// Sees a body as it is read, piece by piece. `None` is its end, which a reader that gives up does not come to.
pub trait BodyWatch: fmt::Debug + Send + Sync {
    fn see(&self, piece: Option<&[u8]>);
}

/// A body that is read while it comes in, on a thread that may be blocked.
pub type StreamedBody = Streamed<Incoming>;

impl Body {
    /// A body that was made here.
    pub fn whole(bytes: Vec<u8>) -> Body {
        Body(BodyKind::Whole { bytes, _memory: PollMemory::unbounded().share() })
    }

    /// Reads a body of at most `limit` bytes, to its end where the memory for a whole one suffices.
    pub(super) async fn read(mut response: Response, limit: usize, memory: &Arc<PollMemory>) -> Result<Body, Failure> {
        let (share, mut bytes) = (memory.share(), Vec::new());
        let whole = memory.memory().whole_body();
        while let Some(chunk) = response.chunk().await.map_err(|error| broken(error, "the answer broke off"))? {
            let length = bytes.len() + chunk.len();
            if length > limit {
                return Err(over(limit));
            }
            if length > whole {
                let incoming = Incoming::new(bytes, share, chunk, response, limit);
                return Ok(Body(BodyKind::Streamed(Box::new(Streamed::new(incoming)))));
            }
            if length > bytes.capacity() {
                let capacity = length.max(bytes.capacity() * 2).max(FIRST_BYTES);
                // While it is moved, the old one is there as well.
                share.resize(capacity + bytes.capacity()).await?;
                bytes.reserve_exact(capacity - bytes.len());
                share.resize(bytes.capacity()).await?;
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Body(BodyKind::Whole { bytes, _memory: share }))
    }

    /// Shows all that is read of it to `watch`.
    pub fn watched_by(&mut self, watch: &Arc<dyn BodyWatch>) {
        match &mut self.0 {
            BodyKind::Whole { bytes, .. } => {
                watch.see(Some(bytes));
                watch.see(None);
            }
            BodyKind::Streamed(streamed) => streamed.source.watch = Some(Arc::clone(watch)),
        }
    }

    pub fn content(&mut self) -> Content<'_> {
        match &mut self.0 {
            BodyKind::Whole { bytes, .. } => Content::Whole(bytes),
            BodyKind::Streamed(streamed) => Content::Streamed(streamed),
        }
    }

    /// Bytes that came so far, after decompression.
    pub fn length(&self) -> usize {
        match &self.0 {
            BodyKind::Whole { bytes, .. } => bytes.len(),
            BodyKind::Streamed(streamed) => streamed.source.came,
        }
    }

    /// Once it is dropped, no thread waits for the rest of the body any more; `None` where nothing is to be waited for.
    pub fn guard(&self) -> Option<DropGuard> {
        match &self.0 {
            BodyKind::Whole { .. } => None,
            BodyKind::Streamed(streamed) => Some(streamed.source.given_up.clone().drop_guard()),
        }
    }
}

fn over(limit: usize) -> Failure {
    Failure::new(Reason::TooLarge, format!("more than {limit} bytes after decompression"))
}

/// Where a streamed body comes from.
pub trait Source {
    /// The next bytes; `None` at the end.
    fn next(&mut self) -> Result<Option<Bytes>, Failure>;
}

/// The rest of a response, behind what was read of it already.
#[derive(Debug)]
pub struct Incoming {
    /// What was read already, and its memory.
    first: Option<(Vec<u8>, Share)>,
    second: Option<Bytes>,
    /// The memory of what was handed on last.
    handed_on: Option<Share>,
    response: Response,
    runtime: Handle,
    given_up: CancellationToken,
    came: usize,
    limit: usize,
    watch: Option<Arc<dyn BodyWatch>>,
}

impl Incoming {
    fn new(first: Vec<u8>, memory: Share, second: Bytes, response: Response, limit: usize) -> Incoming {
        Incoming {
            came: first.len() + second.len(),
            first: Some((first, memory)),
            second: Some(second),
            handed_on: None,
            response,
            runtime: Handle::current(),
            given_up: CancellationToken::new(),
            limit,
            watch: None,
        }
    }

    fn piece(&mut self) -> Result<Option<Bytes>, Failure> {
        self.handed_on = None;
        if let Some((bytes, memory)) = self.first.take() {
            self.handed_on = Some(memory);
            return Ok(Some(Bytes::from(bytes)));
        }
        if let Some(bytes) = self.second.take() {
            return Ok(Some(bytes));
        }
        let next = self.given_up.run_until_cancelled(self.response.chunk());
        let chunk = match self.runtime.block_on(next) {
            Some(chunk) => chunk.map_err(|error| broken(error, "the answer broke off"))?,
            None => return Err(Failure::new(Reason::Connect, "the exporter stopped while the answer came in")),
        };
        self.came += chunk.as_ref().map_or(0, Bytes::len);
        if self.came > self.limit { Err(over(self.limit)) } else { Ok(chunk) }
    }
}

impl Source for Incoming {
    fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let piece = self.piece()?;
        if let Some(watch) = &self.watch {
            watch.see(piece.as_deref());
        }
        Ok(piece)
    }
}

/// JSON as it comes in, without what would take memory without end: of a text only its beginning is let through.
#[derive(Debug)]
pub struct Streamed<S> {
    source: S,
    /// What came and was not looked at yet.
    rest: Bytes,
    /// The end of the last piece, where it may be half an escape.
    unsettled: Vec<u8>,
    /// What was let through and not read yet.
    ready: Vec<u8>,
    read: usize,
    texts: ShortTexts,
    failure: Option<Failure>,
}

impl<S: Source> Streamed<S> {
    pub fn new(source: S) -> Streamed<S> {
        Streamed {
            source,
            rest: Bytes::new(),
            unsettled: Vec::new(),
            ready: Vec::with_capacity(PIECE + CUT.len()),
            read: 0,
            texts: ShortTexts::default(),
            failure: None,
        }
    }

    /// Why reading failed, where it was not for what the body says.
    pub fn take_failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    /// What can be read now; nothing at the end.
    pub fn peek(&mut self) -> io::Result<&[u8]> {
        while self.read == self.ready.len() {
            self.ready.clear();
            self.read = 0;
            match self.let_through() {
                Ok(true) => {}
                Ok(false) => break,
                Err(failure) => {
                    let error = io::Error::other(failure.reason.as_str());
                    self.failure = Some(failure);
                    return Err(error);
                }
            }
        }
        Ok(&self.ready[self.read..])
    }

    /// Passes over what was looked at.
    pub fn skip(&mut self, bytes: usize) {
        self.read = (self.read + bytes).min(self.ready.len());
    }

    /// Looks at the next piece; false at the end.
    fn let_through(&mut self) -> Result<bool, Failure> {
        if self.rest.is_empty() {
            match self.source.next()? {
                Some(bytes) => self.rest = bytes,
                None if self.unsettled.is_empty() => return Ok(false),
                None => {
                    let end = std::mem::take(&mut self.unsettled);
                    self.texts.let_through(&without_lone_surrogates(&end), &mut self.ready)?;
                    return Ok(true);
                }
            }
        }
        let mut piece = std::mem::take(&mut self.unsettled);
        piece.extend_from_slice(&self.rest.split_to(self.rest.len().min(PIECE)));
        self.unsettled = piece.split_off(settled(&piece));
        self.texts.let_through(&without_lone_surrogates(&piece), &mut self.ready)?;
        Ok(true)
    }
}

impl<S: Source> Read for Streamed<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let ready = self.peek()?;
        let length = ready.len().min(out.len());
        out[..length].copy_from_slice(&ready[..length]);
        self.skip(length);
        Ok(length)
    }
}

/// Where in the JSON the last byte stood.
#[derive(Debug, Default)]
struct ShortTexts {
    place: JsonPlace,
    /// Bytes of the text or word so far.
    length: usize,
    /// Whether the rest of the text is left out.
    cut: bool,
    depth: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum JsonPlace {
    #[default]
    Outside,
    Text,
    /// Behind a backslash; then so many characters of the escape are still to come.
    Escape,
    Hex(u8),
}

impl ShortTexts {
    fn let_through(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        let mut rest = piece;
        while !rest.is_empty() {
            if self.place == JsonPlace::Text {
                let run = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                self.run(&rest[..run], out);
                rest = &rest[run..];
            }
            let Some((&byte, behind)) = rest.split_first() else { break };
            rest = behind;
            match self.place {
                JsonPlace::Outside => self.outside(byte)?,
                JsonPlace::Text => self.text(byte, out),
                JsonPlace::Escape => self.place = if byte == b'u' { JsonPlace::Hex(4) } else { JsonPlace::Text },
                JsonPlace::Hex(1) => self.place = JsonPlace::Text,
                JsonPlace::Hex(left) => self.place = JsonPlace::Hex(left - 1),
            }
            if self.place != JsonPlace::Outside {
                self.length += 1;
            }
            if !self.cut {
                out.push(byte);
            }
        }
        if self.length > 2 * LONGEST_TEXT && !self.cut {
            return Err(Failure::new(
                Reason::Malformed,
                format!("a text of more than {LONGEST_TEXT} bytes that cannot be cut"),
            ));
        }
        Ok(())
    }

    fn outside(&mut self, byte: u8) -> Result<(), Failure> {
        match byte {
            b'"' => (self.place, self.length) = (JsonPlace::Text, 0),
            b'[' | b'{' => (self.depth, self.length) = (self.depth + 1, 0),
            b']' | b'}' => (self.depth, self.length) = (self.depth.saturating_sub(1), 0),
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => self.length = 0,
            _ => self.length += 1,
        }
        if self.place == JsonPlace::Outside && self.length > LONGEST_WORD {
            return Err(Failure::new(Reason::Malformed, format!("a number of more than {LONGEST_WORD} digits")));
        }
        if self.depth > DEEPEST {
            return Err(Failure::new(Reason::Malformed, format!("more than {DEEPEST} lists inside each other")));
        }
        Ok(())
    }

    /// Takes a part of a text, up to its end or an escape, and cuts the text where it is too long. The cut is never
    /// inside a character or an escape, nor right before an escape, which could be the second half of a character.
    fn run(&mut self, run: &[u8], out: &mut Vec<u8>) {
        if self.cut {
            return;
        }
        let room = LONGEST_TEXT.saturating_sub(self.length).min(run.len());
        let is_within_character = |byte: &u8| (0x80..=0xbf).contains(byte);
        let end = run[room..].iter().position(|byte| !is_within_character(byte)).map_or(run.len(), |at| room + at);
        self.cut = end < run.len();
        self.length += end;
        out.extend_from_slice(&run[..end]);
    }

    /// The end of a text, or the beginning of an escape in it.
    fn text(&mut self, byte: u8, out: &mut Vec<u8>) {
        if byte == b'\\' {
            self.place = JsonPlace::Escape;
            return;
        }
        if std::mem::take(&mut self.cut) {
            out.extend_from_slice(CUT);
        }
        (self.place, self.length) = (JsonPlace::Outside, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pieces(Vec<Bytes>);

    impl Source for Pieces {
        fn next(&mut self) -> Result<Option<Bytes>, Failure> {
            Ok(self.0.pop())
        }
    }

    fn streamed(text: &[u8], piece: usize) -> Result<Vec<u8>, Option<Failure>> {
        let pieces = text.chunks(piece).rev().map(Bytes::copy_from_slice).collect();
        let mut streamed = Streamed::new(Pieces(pieces));
        let mut out = Vec::new();
        streamed.read_to_end(&mut out).map_err(|_| streamed.take_failure())?;
        Ok(out)
    }

    #[test]
    fn what_is_short_comes_through_as_it_is_whatever_the_pieces() {
        let text = r#"{"a\"b":[1,-2.5e3,"\u00f1\\","ñandú",{}],"c":null}"#.as_bytes();
        for piece in 1..text.len() {
            assert_eq!(streamed(text, piece).unwrap(), text, "{piece}");
        }
    }

    #[test]
    fn a_text_without_end_is_cut_with_a_mark_and_what_follows_it_is_read() {
        for (long, kept) in [
            ("x".repeat(300_000), LONGEST_TEXT),
            ("ñ".repeat(300_000), LONGEST_TEXT),
            (r"\\x".repeat(90_000), LONGEST_TEXT + 1),
        ] {
            let text = format!(r#"["{long}","after"]"#);
            for piece in [1, 7, 65_536, text.len()] {
                let out = String::from_utf8(streamed(text.as_bytes(), piece).unwrap()).unwrap();
                let read: Vec<String> = serde_json::from_str(&out).unwrap();
                assert!(read[0].ends_with('…') && read[0].len() <= kept + CUT.len(), "{}", read[0].len());
                assert_eq!(read[1], "after");
            }
        }
    }

    #[test]
    fn half_a_character_becomes_the_same_whatever_the_pieces() {
        let text = br#"["\ud83d\ude00 \\\\\ud83d","\ud83deude00","\udc00\n","\ud83d\u00f1"]"#;
        let expected = without_lone_surrogates(text).into_owned();
        assert_ne!(expected, text);
        for piece in 1..text.len() {
            assert_eq!(streamed(text, piece).unwrap(), expected, "{piece}");
        }
        for broken in [&br#"["\ud8"#[..], br#"["\"#, br#"["\ud83d"#] {
            assert_eq!(streamed(broken, 3).unwrap(), without_lone_surrogates(broken).into_owned());
        }
    }

    #[test]
    fn what_would_take_memory_without_end_is_refused() {
        let escapes = format!(r#"["{}"]"#, r"\u0041".repeat(30_000));
        for text in ["1".repeat(LONGEST_WORD + 1), "[".repeat(DEEPEST + 1), escapes] {
            let failure = streamed(text.as_bytes(), 1_000).unwrap_err().unwrap();
            assert_eq!(failure.reason, Reason::Malformed);
        }
    }
}
