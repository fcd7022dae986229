//! The body of a scrape: segments one after the other, deflated or as text.

use std::convert::Infallible;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use crc32fast::Hasher;
use http_body::{Frame, SizeHint};

use crate::segment::{Inflater, Segment};

/// Text inflated at a time, for a client without gzip: little enough to hold no other task up.
const INFLATED_AT_ONCE: usize = 64 * 1024;

/// The ten bytes that open a gzip member: deflate, no name, no time, unknown system.
const GZIP_HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
const TRAILER_LENGTH: usize = 8;

/// What follows one another in a response; the last of it ends the deflate stream.
#[derive(Debug)]
pub struct Sequence {
    segments: Vec<Segment>,
    crc: Hasher,
    deflated: u64,
}

impl Sequence {
    /// Sums up once what every response with these segments has to say of them.
    pub fn new(segments: Vec<Segment>) -> Sequence {
        let mut crc = Hasher::new();
        for segment in &segments {
            crc.combine(&Hasher::new_with_initial_len(segment.crc, segment.length));
        }
        Sequence { deflated: segments.iter().map(|segment| segment.deflated.len() as u64).sum(), segments, crc }
    }
}

/// What one scrape is answered with: a sequence that many scrapes share, and another behind it.
#[derive(Clone, Debug)]
pub struct Scrape {
    parts: [Arc<Sequence>; 2],
    gzip: bool,
}

impl Scrape {
    pub fn new(parts: [Arc<Sequence>; 2], gzip: bool) -> Scrape {
        Scrape { parts, gzip }
    }

    /// Bytes of the body.
    pub fn length(&self) -> u64 {
        if self.gzip {
            (GZIP_HEADER.len() + TRAILER_LENGTH) as u64 + self.parts.iter().map(|part| part.deflated).sum::<u64>()
        } else {
            self.parts.iter().map(|part| part.crc.total_len()).sum()
        }
    }

    /// The text of the body, for whoever sends it nowhere.
    pub fn into_text(self) -> String {
        let mut text = Vec::with_capacity(usize::try_from(self.length()).unwrap_or_default());
        let mut pieces = Text::new(self);
        while let Some(chunk) = pieces.next_chunk() {
            text.extend_from_slice(&chunk);
        }
        String::from_utf8(text).expect("segments are made of texts")
    }

    fn segment(&self, at: usize) -> Option<&Segment> {
        let [first, second] = &self.parts;
        first.segments.get(at).or_else(|| second.segments.get(at - first.segments.len()))
    }
}

/// The body that sends a scrape's answer.
pub struct ScrapePieces {
    left: u64,
    rest: Rest,
}

/// What is still to be sent.
enum Rest {
    GzipMember(Option<GzipMember>),
    Text(Box<Text>),
}

impl From<Scrape> for ScrapePieces {
    fn from(scrape: Scrape) -> ScrapePieces {
        let left = scrape.length();
        let rest = if scrape.gzip {
            Rest::GzipMember(Some(GzipMember::new(scrape)))
        } else {
            Rest::Text(Box::new(Text::new(scrape)))
        };
        ScrapePieces { left, rest }
    }
}

impl http_body::Body for ScrapePieces {
    type Data = Chunk;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Chunk>, Infallible>>> {
        let ScrapePieces { left, rest } = self.get_mut();
        let chunk = match rest {
            Rest::GzipMember(member) => member.take().map(Chunk::GzipMember),
            Rest::Text(text) => text.next_chunk().map(Chunk::Whole),
        };
        if let Some(chunk) = &chunk {
            *left -= chunk.remaining() as u64;
        }
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// What a connection is given to write at a time.
pub enum Chunk {
    GzipMember(GzipMember),
    Whole(Bytes),
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        match self {
            Chunk::GzipMember(member) => member.remaining(),
            Chunk::Whole(bytes) => bytes.remaining(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Chunk::GzipMember(member) => member.chunk(),
            Chunk::Whole(bytes) => bytes.chunk(),
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        match self {
            Chunk::GzipMember(member) => member.chunks_vectored(slices),
            Chunk::Whole(bytes) => bytes.chunks_vectored(slices),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Chunk::GzipMember(member) => member.advance(count),
            Chunk::Whole(bytes) => bytes.advance(count),
        }
    }
}

/// One gzip member: deflated segments as they are, between a header and a trailer. It is given to the connection as a
/// whole, because each piece given alone becomes a write of its own, and with it a packet and a wake-up of the client.
pub struct GzipMember {
    scrape: Scrape,
    trailer: [u8; TRAILER_LENGTH],
    /// The piece that comes next, and how many bytes of it were sent.
    next: (usize, usize),
    left: usize,
}

impl GzipMember {
    fn new(scrape: Scrape) -> GzipMember {
        let mut crc = scrape.parts[0].crc.clone();
        crc.combine(&scrape.parts[1].crc);
        let left = usize::try_from(scrape.length()).expect("the segments are in this machine's memory");
        GzipMember { trailer: trailer(crc), scrape, next: (0, 0), left }
    }

    /// Header, segments, trailer.
    fn piece(&self, at: usize) -> Option<&[u8]> {
        let segments: usize = self.scrape.parts.iter().map(|part| part.segments.len()).sum();
        match at {
            0 => Some(GZIP_HEADER),
            _ if at == segments + 1 => Some(&self.trailer),
            _ => self.scrape.segment(at - 1).map(|segment| &segment.deflated[..]),
        }
    }

    /// What was not sent yet.
    fn rest(&self) -> impl Iterator<Item = &[u8]> {
        let (next, sent) = self.next;
        (next..)
            .map_while(|at| self.piece(at))
            .enumerate()
            .map(move |(at, piece)| if at == 0 { &piece[sent..] } else { piece })
    }
}

impl Buf for GzipMember {
    fn remaining(&self) -> usize {
        self.left
    }

    fn chunk(&self) -> &[u8] {
        self.rest().next().unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled = slices.iter_mut().zip(self.rest()).map(|(slice, bytes)| *slice = IoSlice::new(bytes));
        filled.count()
    }

    fn advance(&mut self, mut count: usize) {
        self.left = self.left.checked_sub(count).expect("no more was sent than there is");
        while count > 0 {
            let (next, sent) = self.next;
            let length = self.chunk().len();
            self.next = if count < length { (next, sent + count) } else { (next + 1, 0) };
            count -= count.min(length);
        }
    }
}

/// The same inflated while it is sent.
struct Text {
    scrape: Scrape,
    /// The segment that comes next.
    next: usize,
    inflater: Inflater,
    /// What is left of the segment at hand.
    deflated: Bytes,
}

impl Text {
    fn new(scrape: Scrape) -> Text {
        Text { scrape, next: 0, inflater: Inflater::default(), deflated: Bytes::new() }
    }

    fn next_chunk(&mut self) -> Option<Bytes> {
        let mut text = Vec::with_capacity(INFLATED_AT_ONCE);
        while text.len() < text.capacity() {
            self.inflater.inflate(&mut self.deflated, &mut text);
            if self.deflated.is_empty() && text.len() < text.capacity() {
                let Some(segment) = self.scrape.segment(self.next) else { break };
                self.deflated = segment.deflated.clone();
                self.next += 1;
            }
        }
        (!text.is_empty()).then(|| text.into())
    }
}

/// CRC and length of the text, both modulo 2^32.
fn trailer(crc: Hasher) -> [u8; TRAILER_LENGTH] {
    let length = crc.total_len();
    let mut trailer = [0; TRAILER_LENGTH];
    trailer[..4].copy_from_slice(&crc.finalize().to_le_bytes());
    trailer[4..].copy_from_slice(&length.to_le_bytes()[..4]);
    trailer
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;
    use crate::segment::Renderer;

    fn scrape(texts: &[String]) -> Scrape {
        let mut renderer = Renderer::default();
        let mut segments: Vec<Segment> = Vec::new();
        for text in texts {
            renderer.push(|out| out.extend_from_slice(text.as_bytes()));
            segments.push(renderer.finish());
        }
        let parts = [Sequence::new(segments), Sequence::new(vec![Segment::end_of_stream(b"# EOF\n")])];
        Scrape::new(parts.map(Arc::new), true)
    }

    proptest! {
        #[test]
        fn a_member_is_whole_however_little_of_it_a_connection_takes_at_a_time(
            texts in prop::collection::vec(".{0,40}", 0..6),
            slices in 1_usize..4,
            mut takes in prop::collection::vec(1_usize..60, 1..200),
        ) {
            let scrape = scrape(&texts);
            let mut member = GzipMember::new(scrape.clone());
            let mut sent = Vec::new();
            while member.has_remaining() {
                let mut offered = vec![IoSlice::new(&[]); slices];
                let filled = member.chunks_vectored(&mut offered);
                let offered = offered[..filled].iter().map(|slice| &slice[..]).collect::<Vec<_>>().concat();
                prop_assert!(offered.starts_with(member.chunk()) && !member.chunk().is_empty());
                let taken = takes.pop().unwrap_or(usize::MAX).min(offered.len());
                sent.extend_from_slice(&offered[..taken]);
                member.advance(taken);
            }
            prop_assert_eq!(sent.len() as u64, scrape.length());
            prop_assert_eq!(member.chunks_vectored(&mut [IoSlice::new(&[])]), 0);
            let mut text = String::new();
            GzDecoder::new(&sent[..]).read_to_string(&mut text).unwrap();
            prop_assert_eq!(text, texts.concat() + "# EOF\n");
        }
    }
}
