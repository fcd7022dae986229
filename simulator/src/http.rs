//! An answer as the bytes of an HTTP response.

use std::io::{self, Write};
use std::sync::OnceLock;

use flate2::write::GzEncoder;
use flate2::{Compression, Crc, FlushCompress};

use crate::message::Answer;

/// How the body is written down.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Plain,
    Gzip,
}

/// Whether the body of this status may exist at all.
pub(super) fn has_body(status: u16) -> bool {
    !matches!(status, 100..=199 | 204 | 304)
}

/// The status line and headers of a chunked answer.
pub(super) fn head(answer: &Answer, coding: Coding, keep: bool) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} {}\r\nServer: Apache\r\n", answer.status, reason(answer.status));
    head.extend(["Content-Type: ", answer.content_type, "\r\n"]);
    for (name, value) in &answer.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if has_body(answer.status) {
        head.push_str("Transfer-Encoding: chunked\r\n");
        if coding == Coding::Gzip {
            head.push_str("Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n");
        }
    }
    head.push_str(if keep { "Connection: keep-alive\r\n\r\n" } else { "Connection: close\r\n\r\n" });
    head.into_bytes()
}

/// One chunk. Its declared length may exceed its bytes: then the body is cut.
pub(super) fn chunk(declared: usize, bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{declared:x}\r\n").into_bytes();
    chunk.extend_from_slice(bytes);
    if bytes.len() == declared {
        chunk.extend_from_slice(b"\r\n");
    }
    chunk
}

/// The chunk that ends a body.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The body as one gzip member.
pub(super) fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// A correct gzip member of about 1 MB that inflates to a valid beginning and 1 GiB of spaces.
pub(super) fn bomb() -> io::Result<&'static [u8]> {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    if BOMB.get().is_none() {
        let built = build_bomb()?;
        return Ok(BOMB.get_or_init(|| built));
    }
    Ok(BOMB.get().map_or(&[], Vec::as_slice))
}

const MEBIBYTE: usize = 1 << 20;
const BOMB_START: &[u8] = br#"{"code":200,"error":null,"msg":"1 records were found","data":["#;

/// Compressing 1 GiB would take a debug build minutes. One fully flushed mebibyte of deflate refers to nothing before
/// it and ends on a byte, so it may be repeated, and checksums can be combined the same way.
fn build_bomb() -> io::Result<Vec<u8>> {
    let spaces = flushed(&vec![b' '; MEBIBYTE])?;
    let mut bomb = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];
    bomb.extend(flushed(BOMB_START)?);
    let mut sum = Crc::new();
    sum.update(BOMB_START);
    let mut block = Crc::new();
    block.update(&vec![b' '; MEBIBYTE]);
    for _ in 0..1_024 {
        bomb.extend_from_slice(&spaces);
        sum.combine(&block);
    }
    // An empty final block, then the trailer.
    bomb.extend([3, 0]);
    bomb.extend(sum.sum().to_le_bytes());
    bomb.extend(sum.amount().to_le_bytes());
    Ok(bomb)
}

fn flushed(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::Compress::new(Compression::best(), false);
    let mut packed = Vec::with_capacity(plain.len() / 64 + 1_024);
    encoder.compress_vec(plain, &mut packed, FlushCompress::Full)?;
    Ok(packed)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}
