//! WebP: the chunks that decide pixels, and a new EXIF chunk.

use bytes::Bytes;

use super::pieces::Pieces;
use super::{Privacy, exif};
use crate::tiff::number;

/// Flags of the extended header.
const HAS_XMP: u8 = 0x04;
const HAS_EXIF: u8 = 0x08;

/// One chunk: its name, where it begins, its content.
struct Chunk<'a> {
    name: &'a [u8],
    start: usize,
    content: &'a [u8],
}

/// What of a WebP file goes out; `None` if it can't be read to its end.
pub(super) fn redact(bytes: &Bytes, privacy: Privacy) -> Option<Pieces> {
    let length = usize::try_from(number(bytes.get(4..8)?, true)).ok()?;
    let body = bytes.get(12..length.checked_add(8)?)?;
    (bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP")).then_some(())?;
    let chunks = chunks(body, 12)?;
    let mut kept = Pieces::default();
    for chunk in &chunks {
        let whole = 8 + chunk.content.len() + chunk.content.len() % 2;
        match chunk.name {
            b"VP8 " | b"VP8L" | b"ALPH" | b"ANIM" | b"ICCP" => {
                kept.keep(chunk.start as u64, whole as u64);
            }
            b"ANMF" => {
                let inner = self::chunks(chunk.content.get(16..)?, 0)?;
                let is_plain =
                    |inner: &Chunk<'_>| matches!(inner.name, b"VP8 " | b"VP8L" | b"ALPH");
                inner.iter().all(is_plain).then_some(())?;
                kept.keep(chunk.start as u64, whole as u64);
            }
            b"VP8X" => kept.make(header(chunk.content, &chunks, privacy)?),
            b"EXIF" => {
                if let Some(block) = exif::rebuild(unprefixed(chunk.content), privacy) {
                    kept.make(made(b"EXIF", &block)?);
                }
            }
            _ => {}
        }
    }
    let mut head = b"RIFF".to_vec();
    head.extend_from_slice(&u32::try_from(kept.length() + 4).ok()?.to_le_bytes());
    head.extend_from_slice(b"WEBP");
    let mut pieces = Pieces::default();
    pieces.make(head);
    pieces.append(kept);
    Some(pieces)
}

/// The extended header, without what it no longer announces.
fn header(content: &[u8], chunks: &[Chunk<'_>], privacy: Privacy) -> Option<Vec<u8>> {
    let exif = chunks.iter().find(|chunk| chunk.name == b"EXIF");
    let stays = exif.and_then(|chunk| exif::rebuild(unprefixed(chunk.content), privacy));
    let mut content = content.to_vec();
    let flags = content.first_mut()?;
    *flags &= !HAS_XMP;
    if stays.is_none() {
        *flags &= !HAS_EXIF;
    }
    made(b"VP8X", &content)
}

fn unprefixed(block: &[u8]) -> &[u8] {
    block.strip_prefix(b"Exif\0\0").unwrap_or(block)
}

fn made(name: &[u8; 4], content: &[u8]) -> Option<Vec<u8>> {
    let mut chunk = name.to_vec();
    chunk.extend_from_slice(&u32::try_from(content.len()).ok()?.to_le_bytes());
    chunk.extend_from_slice(content);
    chunk.resize(chunk.len() + content.len() % 2, 0);
    Some(chunk)
}

/// The chunks of a body that begins at an offset of the file.
fn chunks(body: &[u8], base: usize) -> Option<Vec<Chunk<'_>>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let (name, length) = body.get(at..at + 8)?.split_at_checked(4)?;
        let length = usize::try_from(number(length, true)).ok()?;
        let content = body.get(at + 8..(at + 8).checked_add(length)?)?;
        let whole = 8 + length + length % 2;
        body.get(at..at + whole)?;
        found.push(Chunk { name, start: base + at, content });
        at += whole;
    }
    Some(found)
}
