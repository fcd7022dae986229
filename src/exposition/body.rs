//! How do segments leave as one response body, without being copied or held up?

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use crc32fast::Hasher;
use http_body::{Frame, SizeHint};

use crate::segment::{Inflater, Segment};

/// Text inflated at a time, for a client without gzip: little enough to hold no other task up.
const INFLATED_AT_ONCE: usize = 64 * 1024;

/// Segments smaller than this are sent together, up to this many bytes of them.
const SMALL: usize = 64 * 1024;
const GATHERED: usize = 256 * 1024;

/// The ten bytes that open a gzip member: deflate, no name, no time, unknown system.
const GZIP_HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

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

/// A response body of known length: a sequence that many responses share, and another behind it.
pub struct Body {
    parts: [Arc<Sequence>; 2],
    /// Part and segment that come next.
    next: (usize, usize),
    coding: Coding,
    /// A segment that was taken already and is to be sent next.
    held: Option<Bytes>,
    left: u64,
}

enum Coding {
    /// Deflated segments as they are, between these two.
    Gzip { header: Option<Bytes>, trailer: Option<Bytes> },
    /// The same inflated while they are sent, and what is left of the segment at hand.
    Identity { inflater: Box<Inflater>, deflated: Bytes },
}

impl Body {
    /// One gzip member.
    pub fn gzip(parts: [Arc<Sequence>; 2]) -> Body {
        let mut crc = parts[0].crc.clone();
        crc.combine(&parts[1].crc);
        let (header, trailer) = (Bytes::from_static(GZIP_HEADER), trailer(crc));
        let left = (header.len() + trailer.len()) as u64 + parts.iter().map(|part| part.deflated).sum::<u64>();
        Body {
            parts,
            next: (0, 0),
            coding: Coding::Gzip { header: Some(header), trailer: Some(trailer) },
            held: None,
            left,
        }
    }

    /// The same text without a coding.
    pub fn identity(parts: [Arc<Sequence>; 2]) -> Body {
        let left = parts.iter().map(|part| part.crc.total_len()).sum();
        Body {
            parts,
            next: (0, 0),
            coding: Coding::Identity { inflater: Box::default(), deflated: Bytes::new() },
            held: None,
            left,
        }
    }

    fn next_chunk(&mut self) -> Option<Bytes> {
        let Body { parts, next, coding, held, left } = self;
        let chunk = match coding {
            Coding::Gzip { header, trailer } => {
                let mut following = || header.take().or_else(|| next_segment(parts, next)).or_else(|| trailer.take());
                held.take().or_else(&mut following).map(|first| gather(first, following, held))
            }
            Coding::Identity { inflater, deflated } => {
                let mut text = Vec::with_capacity(INFLATED_AT_ONCE);
                while text.len() < text.capacity() {
                    inflater.inflate(deflated, &mut text);
                    if deflated.is_empty() && text.len() < text.capacity() {
                        match next_segment(parts, next) {
                            Some(segment) => *deflated = segment,
                            None => break,
                        }
                    }
                }
                (!text.is_empty()).then(|| text.into())
            }
        }?;
        *left -= chunk.len() as u64;
        Some(chunk)
    }
}

/// Small pieces as one: each piece that hyper is given can become a write of its own, and with it a packet and a wake-up
/// of the client, which take longer than copying some kilobytes. What ended the gathering is held for the next time.
fn gather(first: Bytes, mut following: impl FnMut() -> Option<Bytes>, held: &mut Option<Bytes>) -> Bytes {
    if first.len() >= SMALL {
        return first;
    }
    let mut gathered = BytesMut::from(first);
    while let Some(piece) = following() {
        if piece.len() >= SMALL || gathered.len() + piece.len() > GATHERED {
            *held = Some(piece);
            break;
        }
        gathered.extend_from_slice(&piece);
    }
    gathered.freeze()
}

fn next_segment(parts: &[Arc<Sequence>; 2], (part, segment): &mut (usize, usize)) -> Option<Bytes> {
    loop {
        if let Some(found) = parts.get(*part)?.segments.get(*segment) {
            *segment += 1;
            return Some(found.deflated.clone());
        }
        (*part, *segment) = (*part + 1, 0);
    }
}

/// CRC and length of the text, both modulo 2^32.
fn trailer(crc: Hasher) -> Bytes {
    let length = crc.total_len();
    let mut trailer = [0; 8];
    trailer[..4].copy_from_slice(&crc.finalize().to_le_bytes());
    trailer[4..].copy_from_slice(&length.to_le_bytes()[..4]);
    Bytes::copy_from_slice(&trailer)
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.get_mut().next_chunk().map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
