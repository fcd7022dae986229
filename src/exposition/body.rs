//! How do segments leave as one response body, without being copied or held up?

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::segment::{Inflater, Segment};

/// Text inflated at a time, for a client without gzip: little enough to hold no other task up.
const INFLATED_AT_ONCE: usize = 64 * 1024;

/// The ten bytes that open a gzip member: deflate, no name, no time, unknown system.
const GZIP_HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// A response body of known length.
pub enum Body {
    /// Ready bytes, sent as they are.
    Ready { chunks: VecDeque<Bytes>, left: u64 },
    /// Deflated segments, inflated while they are sent.
    Inflated { segments: VecDeque<Bytes>, inflater: Box<Inflater>, left: u64 },
}

impl Body {
    /// One gzip member of all segments; the last must end the deflate stream.
    pub fn gzip(segments: &[&Segment]) -> Body {
        let mut crc = crc32fast::Hasher::new();
        let mut chunks = VecDeque::with_capacity(segments.len() + 2);
        chunks.push_back(Bytes::from_static(GZIP_HEADER));
        for segment in segments {
            crc.combine(&crc32fast::Hasher::new_with_initial_len(segment.crc, segment.length));
            chunks.push_back(segment.deflated.clone());
        }
        chunks.push_back(trailer(crc));
        let left = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Body::Ready { chunks, left }
    }

    /// The same text without a coding.
    pub fn identity(segments: &[&Segment]) -> Body {
        Body::Inflated {
            left: segments.iter().map(|segment| segment.length).sum(),
            segments: segments.iter().map(|segment| segment.deflated.clone()).collect(),
            inflater: Box::default(),
        }
    }

    fn next_chunk(&mut self) -> Option<Bytes> {
        match self {
            Body::Ready { chunks, left } => {
                let chunk = chunks.pop_front()?;
                *left -= chunk.len() as u64;
                Some(chunk)
            }
            Body::Inflated { segments, inflater, left } => {
                let mut text = Vec::with_capacity(INFLATED_AT_ONCE);
                while text.len() < text.capacity() {
                    let Some(deflated) = segments.front_mut() else { break };
                    inflater.inflate(deflated, &mut text);
                    if deflated.is_empty() && text.len() < text.capacity() {
                        segments.pop_front();
                    }
                }
                *left -= text.len() as u64;
                (!text.is_empty()).then(|| text.into())
            }
        }
    }

    fn left(&self) -> u64 {
        match self {
            Body::Ready { left, .. } | Body::Inflated { left, .. } => *left,
        }
    }
}

/// CRC and length of the text, both modulo 2^32.
fn trailer(crc: crc32fast::Hasher) -> Bytes {
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
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left())
    }
}
