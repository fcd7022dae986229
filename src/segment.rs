//! Segments: text that is deflated once and ended by a full flush.
//!
//! Segments can stand one after the other in a gzip member, in any order, without being touched again: a scrape only copies
//! them. Nothing here knows what the text says.

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::{Compress, Compression, Decompress, DecompressError, FlushCompress, FlushDecompress};

/// Level 3 on sorted rows is half the size of level 1 and a third of the time of level 6.
const LEVEL: Compression = Compression::new(3);
/// `x` and a line end, deflated by Huffman codes and flushed: no stream reads it so but one that stands between two
/// blocks, at the start of a byte.
const PROBE: (&[u8], &[u8]) = (b"\xaa\xe0\x02\x00\x00\x00\xff\xff", b"x\n");
/// For text that few scrapes send: level 1 takes a fifth of the time, and a scrape waits for it.
const QUICK_LEVEL: Compression = Compression::new(1);
/// Bytes before the text of a stored block, which is at most 65,535 bytes long.
const BLOCK_HEADER: usize = 5;
/// Text is deflated in pieces of this size, so that a large report is never in memory as text.
pub const PIECE: usize = 64 * 1024;

/// Deflated text that can be joined with others.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Raw deflate blocks, the last of them a full flush or the end of the stream.
    pub deflated: Bytes,
    /// Of the text.
    pub crc: u32,
    /// Bytes of the text.
    pub length: u64,
}

/// Renders text piece by piece into a segment.
pub struct Renderer {
    compress: Compress,
    text: Vec<u8>,
    deflated: Vec<u8>,
    crc: Hasher,
}

impl Default for Renderer {
    fn default() -> Renderer {
        Renderer::with_level(LEVEL)
    }
}

impl Renderer {
    /// For what is made while somebody waits for it.
    pub fn quick() -> Renderer {
        Renderer::with_level(QUICK_LEVEL)
    }

    fn with_level(level: Compression) -> Renderer {
        Renderer {
            compress: Compress::new(level, false),
            text: Vec::with_capacity(PIECE),
            deflated: Vec::new(),
            crc: Hasher::new(),
        }
    }

    /// Takes text that `write` appends.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.text);
        if self.text.len() >= PIECE {
            self.deflate(FlushCompress::None);
        }
    }

    /// Ends the segment; the renderer is as new.
    pub fn finish(&mut self) -> Segment {
        self.deflate(FlushCompress::Full);
        self.compress.reset();
        let crc = std::mem::take(&mut self.crc);
        Segment {
            length: crc.total_len(),
            crc: crc.finalize(),
            deflated: Bytes::from(std::mem::take(&mut self.deflated).into_boxed_slice()),
        }
    }

    fn deflate(&mut self, flush: FlushCompress) {
        self.crc.update(&self.text);
        let mut read = 0;
        loop {
            // The output grows as needed, so that room is left after the last call tells that all is written.
            self.deflated.reserve(PIECE / 4);
            let before = self.compress.total_in();
            self.compress
                .compress_vec(&self.text[read..], &mut self.deflated, flush)
                .expect("a deflate stream with no dictionary accepts any input");
            read += usize::try_from(self.compress.total_in() - before).expect("less than the text's length was read");
            if read == self.text.len() && self.deflated.len() < self.deflated.capacity() {
                break;
            }
        }
        self.text.clear();
    }
}

/// Inflates segments one after the other, as much at a time as the reader takes.
pub struct Inflater {
    decompress: Decompress,
}

impl Default for Inflater {
    fn default() -> Inflater {
        Inflater { decompress: Decompress::new(false) }
    }
}

impl Inflater {
    /// Appends up to the free room of `out`, and drops from `deflated` what was read.
    pub fn inflate(&mut self, deflated: &mut Bytes, out: &mut Vec<u8>) {
        self.try_inflate(deflated, out).expect("a segment is made by a renderer, or checked when it is restored");
    }

    fn try_inflate(&mut self, deflated: &mut Bytes, out: &mut Vec<u8>) -> Result<(), DecompressError> {
        let before = self.decompress.total_in();
        self.decompress.decompress_vec(deflated, out, FlushDecompress::None)?;
        let read = usize::try_from(self.decompress.total_in() - before).expect("no more than the segment was read");
        *deflated = deflated.split_off(read);
        Ok(())
    }

    /// Whether the stream has not ended, and the next segment would be read as it was written.
    fn can_go_on(mut self) -> bool {
        let (mut probe, mut text) = (Bytes::from_static(PROBE.0), Vec::with_capacity(PIECE));
        self.try_inflate(&mut probe, &mut text).is_ok() && probe.is_empty() && text == PROBE.1
    }
}

impl Segment {
    /// Text that ends the deflate stream: nothing can follow it. It is stored as it is, because it is sent once, and to
    /// deflate a few kilobytes takes as long as all else that a scrape waits for.
    pub fn end_of_stream(text: &[u8]) -> Segment {
        let mut deflated = Vec::with_capacity(text.len() + BLOCK_HEADER * (text.len() / usize::from(u16::MAX) + 1));
        let mut rest = text;
        loop {
            let length = u16::try_from(rest.len()).unwrap_or(u16::MAX);
            let (block, behind) = rest.split_at(usize::from(length));
            // Whether it is the last one, and that it is stored.
            deflated.push(u8::from(behind.is_empty()));
            deflated.extend(length.to_le_bytes());
            deflated.extend((!length).to_le_bytes());
            deflated.extend_from_slice(block);
            if behind.is_empty() {
                break;
            }
            rest = behind;
        }
        Segment { deflated: deflated.into(), crc: crc32fast::hash(text), length: text.len() as u64 }
    }

    /// Whether it inflates to the text that its length and checksum tell of, and whether another segment can follow
    /// it: for bytes that come from a disk.
    pub fn is_sound(&self) -> bool {
        let (mut inflater, mut rest) = (Inflater::default(), self.deflated.clone());
        let mut crc = Hasher::new();
        let mut text = Vec::with_capacity(PIECE);
        loop {
            text.clear();
            let before = rest.len();
            if inflater.try_inflate(&mut rest, &mut text).is_err() || crc.total_len() > self.length {
                return false;
            }
            crc.update(&text);
            if text.is_empty() && rest.len() == before {
                break;
            }
        }
        let whole = rest.is_empty() && crc.total_len() == self.length && crc.finalize() == self.crc;
        whole && inflater.can_go_on()
    }

    /// The whole text, for those that need it once more.
    pub fn text(&self) -> Vec<u8> {
        let length = usize::try_from(self.length).expect("a segment's text was in this machine's memory before");
        // One byte of room beyond the text: the inflater must see the flush that ends it.
        let mut text = Vec::with_capacity(length + 1);
        let (mut inflater, mut rest) = (Inflater::default(), self.deflated.clone());
        while !rest.is_empty() && text.len() < text.capacity() {
            inflater.inflate(&mut rest, &mut text);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(text: &[u8]) -> Segment {
        let mut renderer = Renderer::default();
        for piece in text.chunks(1000) {
            renderer.push(|out| out.extend_from_slice(piece));
        }
        renderer.finish()
    }

    #[test]
    fn a_renderer_is_as_new_after_each_segment() {
        let mut renderer = Renderer::default();
        let mut render = |text: &str| {
            renderer.push(|out| out.extend_from_slice(text.as_bytes()));
            renderer.finish()
        };
        let (first, second, again) = (render("a 1\na 1\n"), render("b 2\n"), render("a 1\na 1\n"));
        assert_eq!(first, again);
        assert_eq!(second.text(), b"b 2\n");
        assert_eq!(first.crc, crc32fast::hash(b"a 1\na 1\n"));
    }

    #[test]
    fn an_empty_segment_is_valid() {
        assert_eq!(segment(b"").text(), b"");
    }

    #[test]
    fn a_damaged_segment_is_not_sound() {
        let whole = segment(b"wolkvox_agent_calls{operation=\"acme\"} 1\n");
        assert!(whole.is_sound());
        for at in 0..whole.deflated.len() {
            let mut bytes = whole.deflated.to_vec();
            bytes[at] ^= 0x40;
            let damaged = Segment { deflated: bytes.into(), ..whole.clone() };
            assert!(!damaged.is_sound() || damaged.text() == whole.text(), "byte {at}");
        }
        let cut = Segment { deflated: whole.deflated.slice(..whole.deflated.len() / 2), ..whole.clone() };
        assert!(!cut.is_sound());
        assert!(!Segment { crc: 1, ..whole.clone() }.is_sound());
        assert!(!Segment { length: 1, ..whole }.is_sound());
    }

    #[test]
    fn a_segment_that_nothing_can_follow_is_not_sound() {
        let text = b"wolkvox_agent_calls{operation=\"acme\"} 1\n";
        let whole = segment(text);
        let ended = Segment::end_of_stream(text);
        assert_eq!(ended.text(), text);
        assert!(!ended.is_sound(), "a scrape would stop behind it");
        // One bit makes the empty block at its end the last one of the stream.
        let flush = whole.deflated.len() - 5;
        let mut bytes = whole.deflated.to_vec();
        assert_eq!(bytes[flush..], [0, 0, 0, 0xff, 0xff]);
        bytes[flush] = 1;
        assert!(!Segment { deflated: bytes.into(), ..whole.clone() }.is_sound());
        let unflushed = Segment { deflated: whole.deflated.slice(..flush), ..whole };
        assert_eq!(unflushed.text(), text);
        assert!(!unflushed.is_sound(), "the next segment would be read from the middle of a byte");
    }

    proptest! {
        #[test]
        fn text_survives_deflating_whatever_its_size(byte in any::<u8>(), sizes in prop::collection::vec(0_usize..200_000, 1..3)) {
            for size in sizes {
                let text: Vec<u8> = (0..size).map(|i| byte.wrapping_mul(u8::try_from(i / 7 % 256).unwrap())).collect();
                let segment = segment(&text);
                let ended = Segment::end_of_stream(&text);
                for segment in [segment, ended] {
                    prop_assert_eq!(segment.length, text.len() as u64);
                    prop_assert_eq!(segment.crc, crc32fast::hash(&text));
                    prop_assert_eq!(segment.text(), &text[..]);
                }
            }
        }

        #[test]
        fn segments_can_be_read_one_after_the_other_in_any_order(texts in prop::collection::vec(".{0,40}", 0..6)) {
            let mut inflater = Inflater::default();
            let mut out = Vec::with_capacity(64 * 1024);
            for text in texts.iter().rev() {
                let mut deflated = segment(text.as_bytes()).deflated;
                while !deflated.is_empty() {
                    inflater.inflate(&mut deflated, &mut out);
                }
            }
            let expected: String = texts.into_iter().rev().collect();
            prop_assert_eq!(out, expected.into_bytes());
        }
    }
}
