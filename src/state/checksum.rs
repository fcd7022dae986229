//! The checksum of a state file: a flipped digit must not pass for what was written.
//!
//! The first line is JSON with the version and the CRC-32 of all that follows it.

use std::io;

use serde::{Deserialize, Serialize};

/// Grows when a file of an older version would be misread.
const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    version: u32,
    /// Of all bytes below this line.
    crc32: String,
}

/// The first line of a file with these parts.
pub(super) fn first_line(parts: &[&[u8]]) -> io::Result<Vec<u8>> {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let seal = Seal { version: VERSION, crc32: format!("{:08x}", hasher.finalize()) };
    let mut line = serde_json::to_vec(&seal)?;
    line.push(b'\n');
    Ok(line)
}

/// What stands below the first line, if it is as it was written; else why it is not.
pub(super) fn checked(bytes: &[u8]) -> Result<&[u8], String> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("no first line")?;
    let seal: Seal = serde_json::from_slice(&bytes[..end])
        .map_err(|error| format!("no checksum in the first line, at column {}", error.column()))?;
    if seal.version != VERSION {
        return Err(format!("written by a version that counts as {}, not {VERSION}", seal.version));
    }
    let rest = &bytes[end + 1..];
    if seal.crc32 != format!("{:08x}", crc32fast::hash(rest)) {
        return Err("the checksum is another one: the file was damaged or changed by hand".to_owned());
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_overspend_any_flipped_bit_of_a_file_is_noticed() {
        let body = b"{\"calls\":{\"2026-03-01\":812}}\n";
        let mut file = first_line(&[body]).unwrap();
        file.extend_from_slice(body);
        assert_eq!(checked(&file), Ok(body.as_slice()));
        for place in 0..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[place / 8] ^= 1 << (place % 8);
            assert!(checked(&flipped).is_err(), "bit {place}");
        }
        for length in 0..file.len() {
            assert!(checked(&file[..length]).is_err(), "cut off after {length} bytes");
        }
    }
}
