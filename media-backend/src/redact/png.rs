//! PNG: the chunks that decide pixels, and a new EXIF chunk.

use bytes::Bytes;
use flate2::Crc;

use super::pieces::Pieces;
use super::{Privacy, exif};
use crate::tiff::number;

/// The chunks that stay: pixels, animation, colours.
const STAY: [&[u8; 4]; 17] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV",
    b"cLLI", b"sBIT", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT",
];

/// What of a PNG goes out; `None` if it can't be read to its end.
pub(super) fn redact(bytes: &Bytes, privacy: Privacy) -> Option<Pieces> {
    let mut pieces = Pieces::default();
    let mut at = 8;
    bytes.starts_with(b"\x89PNG\r\n\x1a\n").then_some(())?;
    pieces.keep(0, 8);
    loop {
        let head = bytes.get(at..at + 8)?;
        let (length, name) = head.split_at_checked(4)?;
        let length = usize::try_from(number(length, false)).ok()?;
        let content = bytes.get(at + 8..(at + 8).checked_add(length)?)?;
        let whole = 12 + length;
        bytes.get(at..at + whole)?;
        if STAY.iter().any(|stays| *stays == name) {
            pieces.keep(at as u64, whole as u64);
        } else if name == b"eXIf" {
            if let Some(block) = exif::rebuild(content, privacy) {
                pieces.make(chunk(*b"eXIf", &block)?);
            }
        } else if name == b"iCCP" {
            // the profile stays, its name goes
            let end = content.iter().position(|byte| *byte == 0)?;
            let profile = [b"ICC", content.get(end..)?].concat();
            pieces.make(chunk(*b"iCCP", &profile)?);
        } else if name.first().is_some_and(u8::is_ascii_uppercase) {
            // a chunk that must be understood, and is not
            return None;
        }
        if name == b"IEND" {
            return Some(pieces);
        }
        at += whole;
    }
}

fn chunk(name: [u8; 4], content: &[u8]) -> Option<Vec<u8>> {
    let mut crc = Crc::new();
    crc.update(&name);
    crc.update(content);
    let mut chunk = u32::try_from(content.len()).ok()?.to_be_bytes().to_vec();
    chunk.extend_from_slice(&name);
    chunk.extend_from_slice(content);
    chunk.extend_from_slice(&crc.sum().to_be_bytes());
    Some(chunk)
}
