//! JPEG: the segments that decide pixels, the colour profile, and a new EXIF block.

use bytes::Bytes;

use super::pieces::Pieces;
use super::{Privacy, exif};
use crate::tiff::number;

const EXIF_PREFIX: &[u8] = b"Exif\0\0";

/// What of a JPEG goes out; `None` if it can't be read to its end.
pub(super) fn redact(bytes: &Bytes, privacy: Privacy) -> Option<Pieces> {
    let mut pieces = Pieces::default();
    let mut reader = Reader { bytes, at: 2 };
    bytes.starts_with(b"\xFF\xD8").then_some(())?;
    pieces.keep(0, 2);
    let mut exif = find_exif(bytes).and_then(|block| exif::rebuild(block, privacy));
    loop {
        let marker = reader.marker()?;
        // the new block comes first, but JFIF wants to be first of all
        if marker != 0xE0
            && let Some(block) = exif.take()
        {
            pieces.make(segment(0xE1, &[EXIF_PREFIX, &block])?);
        }
        match marker {
            0xD9 => {
                pieces.make(Bytes::from_static(b"\xFF\xD9"));
                return Some(pieces);
            }
            // fillers without content
            0x01 | 0xD0..=0xD7 => {}
            _ => {
                let (start, content) = reader.content()?;
                keep_segment(&mut pieces, marker, start, content)?;
                if marker == 0xDA {
                    let scan = reader.at;
                    reader.skip_scan()?;
                    pieces.keep(scan as u64, (reader.at - scan) as u64);
                }
            }
        }
    }
}

fn keep_segment(pieces: &mut Pieces, marker: u8, start: usize, content: &[u8]) -> Option<()> {
    match marker {
        // JFIF without its thumbnail
        0xE0 if content.starts_with(b"JFIF\0") => {
            pieces.make(segment(0xE0, &[content.get(..12)?, &[0, 0]])?);
        }
        0xE2 if content.starts_with(b"ICC_PROFILE\0") => keep_whole(pieces, start, content),
        // how the channels are coded
        0xEE if content.starts_with(b"Adobe") => {
            pieces.make(segment(0xEE, &[content.get(..12)?])?);
        }
        // frames, tables, restarts, scans, lines
        0xC0..=0xCF | 0xDA..=0xDF => keep_whole(pieces, start, content),
        // everything else goes: applications, comments, what is reserved
        0xE0..=0xFE | 0x02..=0xBF => {}
        _ => return None,
    }
    Some(())
}

/// Keeps a segment as it is: marker, length, content.
fn keep_whole(pieces: &mut Pieces, start: usize, content: &[u8]) {
    pieces.keep(start as u64, content.len() as u64 + 4);
}

/// Makes a segment.
fn segment(marker: u8, parts: &[&[u8]]) -> Option<Vec<u8>> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>() + 2;
    let mut segment = vec![0xFF, marker];
    segment.extend_from_slice(&u16::try_from(length).ok()?.to_be_bytes());
    parts.iter().for_each(|part| segment.extend_from_slice(part));
    Some(segment)
}

/// The EXIF block before the first scan.
fn find_exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader { bytes, at: 2 };
    loop {
        match reader.marker()? {
            0xDA | 0xD9 => return None,
            0x01 | 0xD0..=0xD7 => {}
            marker => {
                let (_, content) = reader.content()?;
                if let (0xE1, Some(block)) = (marker, content.strip_prefix(EXIF_PREFIX)) {
                    return Some(block);
                }
            }
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next marker. Bytes that belong to nothing are passed over, as decoders do.
    fn marker(&mut self) -> Option<u8> {
        while *self.bytes.get(self.at)? != 0xFF {
            self.at += 1;
        }
        while *self.bytes.get(self.at)? == 0xFF {
            self.at += 1;
        }
        let marker = *self.bytes.get(self.at)?;
        self.at += 1;
        // a stuffed byte is none; a second begin of a picture is not understood
        if marker == 0 || marker == 0xD8 { None } else { Some(marker) }
    }

    /// The content of a segment whose marker has just been read, and where the segment begins.
    fn content(&mut self) -> Option<(usize, &'a [u8])> {
        let start = self.at.checked_sub(2)?;
        let length = usize::try_from(number(self.bytes.get(self.at..self.at + 2)?, false)).ok()?;
        let content = self.bytes.get(self.at + 2..self.at + length)?;
        self.at += length;
        Some((start, content))
    }

    /// Passes over a scan's coded data, up to the next marker.
    fn skip_scan(&mut self) -> Option<()> {
        loop {
            let ahead = self.bytes.get(self.at..)?;
            self.at += ahead.iter().position(|byte| *byte == 0xFF)?;
            match *self.bytes.get(self.at + 1)? {
                0x00 | 0xD0..=0xD7 => self.at += 2,
                0xFF => self.at += 1,
                _ => return Some(()),
            }
        }
    }
}
