//! The largest JPEG that a RAW file holds.

use crate::details::jpeg_measures;
use crate::tiff::{Directory, Headed, ReadAt, Shifted, Tiff, number};

/// How many directories of a TIFF structure are looked at.
const MAX_DIRECTORIES: usize = 24;
/// How much of a file without such a structure is searched.
const MAX_SEARCH: u64 = 64 * 1024 * 1024;
/// How much is searched at once.
const STEP: usize = 1024 * 1024;
/// How many candidates are looked at.
const MAX_CANDIDATES: usize = 64;

/// A JPEG within a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Preview {
    /// Where it begins.
    pub(crate) offset: u64,
    /// The most bytes that it may have; it may end earlier.
    pub(crate) length: u64,
    /// Width and height as stored.
    pub(crate) measures: (u32, u32),
}

/// The largest preview in pixels; `None` if there is none.
pub(crate) fn largest(file: &Headed<'_>) -> Option<Preview> {
    let mut places = Vec::new();
    if let Some(tiff) = Tiff::open(file, 0) {
        directories(&tiff).iter().for_each(|directory| places.extend(named(directory)));
    } else if file.head().starts_with(b"FUJIFILM") {
        let read = |at: usize| file.head().get(at..at + 4).map(|bytes| number(bytes, false));
        places.extend(read(84).zip(read(88)));
    }
    pick(file, &places).or_else(|| pick(file, &search(file)))
}

fn pick(file: &Headed<'_>, places: &[(u64, u64)]) -> Option<Preview> {
    let previews = places.iter().filter_map(|(offset, length)| {
        let length = (*length).min(file.size().checked_sub(*offset)?);
        if file.bytes(*offset, 3)? != [0xFF, 0xD8, 0xFF] {
            return None;
        }
        let measures = jpeg_measures(&Shifted { source: file, base: *offset })?;
        Some(Preview { offset: *offset, length, measures })
    });
    previews.max_by_key(|found| u64::from(found.measures.0) * u64::from(found.measures.1))
}

/// All directories: the chain from the first, and those below each.
fn directories(tiff: &Tiff<'_>) -> Vec<Directory> {
    let mut found = Vec::new();
    let mut next = Some(tiff.first());
    while let Some(directory) = next.take() {
        let below = directory.field(0x14A).map(|field| field.numbers().take(8).collect());
        let below: Vec<u64> = below.unwrap_or_default();
        let at = directory.next;
        found.push(directory);
        found.extend(below.into_iter().filter_map(|offset| tiff.directory(offset)));
        if at != 0 && found.len() < MAX_DIRECTORIES {
            next = tiff.directory(at);
        }
    }
    found.truncate(MAX_DIRECTORIES);
    found
}

/// The places of JPEGs that a directory names.
fn named(directory: &Directory) -> Vec<(u64, u64)> {
    let pair = |at, length| directory.number(at).zip(directory.number(length));
    let mut places: Vec<(u64, u64)> = pair(0x201, 0x202).into_iter().collect();
    let is_single = directory.field(0x111).is_some_and(|field| field.count == 1);
    if is_single && matches!(directory.number(0x103), Some(6 | 7)) {
        places.extend(pair(0x111, 0x117));
    }
    // Panasonic keeps its preview as the value of an entry
    places.extend(directory.field(0x2E).map(|field| (field.offset, u64::from(field.count))));
    places
}

/// Where a JPEG may begin, in a file without directories.
fn search(file: &Headed<'_>) -> Vec<(u64, u64)> {
    let mut places = Vec::new();
    let end = file.size().min(MAX_SEARCH);
    let mut at = 0;
    while at < end && places.len() < MAX_CANDIDATES {
        let length = usize::try_from(end - at).unwrap_or(STEP).min(STEP + 3);
        let Some(bytes) = file.bytes(at, length) else { break };
        let hits = bytes.windows(4).enumerate().filter(|(_, window)| {
            matches!(window, [0xFF, 0xD8, 0xFF, marker] if matches!(marker, 0xC0..=0xFE))
        });
        places.extend(hits.map(|(index, _)| (at + index as u64, u64::MAX)));
        at += STEP as u64;
    }
    places.truncate(MAX_CANDIDATES);
    places
}
