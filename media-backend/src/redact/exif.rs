//! EXIF blocks made anew from what may stay.

use super::Privacy;
use crate::tiff::{Directory, Field, Tiff};

/// The most bytes that a kept block may have: what one segment of a JPEG holds.
const MAX_BYTES: usize = 60_000;
/// The directories that are read.
const EXIF: u16 = 0x8769;
const GPS: u16 = 0x8825;

/// What of an EXIF block a caller may see, as a new block; `None` if nothing is left.
///
/// What decides how pixels look stays always, and who made the picture.
pub(super) fn rebuild(block: &[u8], privacy: Privacy) -> Option<Vec<u8>> {
    let source = block.to_vec();
    let tiff = Tiff::open(&source, 0)?;
    let first = tiff.first();
    let below = |tag| first.number(tag).and_then(|at| tiff.directory(at)).unwrap_or_default();
    let keep = |directory: Directory, stays: fn(u16, Privacy) -> bool| {
        let mut fields = directory.fields;
        fields.retain(|field| field.is_whole() && stays(field.tag, privacy));
        fields.sort_by_key(|field| field.tag);
        fields.dedup_by_key(|field| field.tag);
        fields
    };
    let (exif, gps) = (keep(below(EXIF), exif_stays), keep(below(GPS), gps_stays));
    let first = keep(first, first_stays);
    if first.is_empty() && exif.is_empty() && gps.is_empty() {
        return None;
    }
    let made = write(first, &exif, &gps, tiff.is_little());
    Some(made).filter(|bytes| bytes.len() <= MAX_BYTES)
}

/// Orientation, artist, copyright; dates; make, model, software.
fn first_stays(tag: u16, privacy: Privacy) -> bool {
    match tag {
        0x0112 | 0x013B | 0x8298 => true,
        0x0132 => privacy.dates,
        0x010F | 0x0110 | 0x0131 => privacy.technical,
        _ => false,
    }
}

fn exif_stays(tag: u16, privacy: Privacy) -> bool {
    match tag {
        // version, components, colour space, measures
        0x9000 | 0x9101 | 0xA000..=0xA003 => true,
        // dates, their offsets from UTC and fractions of a second
        0x9003 | 0x9004 | 0x9010..=0x9012 | 0x9290..=0x9292 => privacy.dates,
        // exposure, lens and body, but neither maker notes nor the owner's name
        0x829A | 0x829D | 0x8822 | 0x8827 | 0x8830..=0x8835 | 0x9201..=0x920A => privacy.technical,
        0xA20E..=0xA210 | 0xA215 | 0xA217 | 0xA300..=0xA301 => privacy.technical,
        0xA401..=0xA40C | 0xA431..=0xA435 => privacy.technical,
        _ => false,
    }
}

fn gps_stays(tag: u16, privacy: Privacy) -> bool {
    match tag {
        // the satellites' clock is a date
        0x07 | 0x1D => privacy.location && privacy.dates,
        0x00..=0x06 | 0x0C..=0x1A | 0x1F => privacy.location,
        _ => false,
    }
}

/// Writes a TIFF structure of up to three directories.
fn write(mut first: Vec<Field>, exif: &[Field], gps: &[Field], is_little: bool) -> Vec<u8> {
    let pointer = |tag, at: usize| {
        let at = u32::try_from(at).unwrap_or_default();
        Field::new(tag, 4, word(at, is_little).to_vec(), is_little)
    };
    // the pointers have to be there before anything can be measured
    for (tag, fields) in [(EXIF, exif), (GPS, gps)] {
        if !fields.is_empty() {
            first.push(pointer(tag, 0));
        }
    }
    first.sort_by_key(|field| field.tag);
    let exif_at = 8 + measure(&first);
    let gps_at = exif_at + if exif.is_empty() { 0 } else { measure(exif) };
    for field in &mut first {
        match field.tag {
            EXIF => *field = pointer(EXIF, exif_at),
            GPS => *field = pointer(GPS, gps_at),
            _ => {}
        }
    }
    let mut out = Vec::new();
    out.extend_from_slice(if is_little { b"II*\0" } else { b"MM\0*" });
    out.extend_from_slice(&word(8, is_little));
    for fields in [first.as_slice(), exif, gps] {
        if !fields.is_empty() {
            write_directory(&mut out, fields, is_little);
        }
    }
    out
}

/// How many bytes a directory takes with its values.
fn measure(fields: &[Field]) -> usize {
    let values = fields.iter().map(|field| match field.value.len() {
        0..=4 => 0,
        length => length + length % 2,
    });
    2 + 12 * fields.len() + 4 + values.sum::<usize>()
}

fn write_directory(out: &mut Vec<u8>, fields: &[Field], is_little: bool) {
    let mut value_at = out.len() + 2 + 12 * fields.len() + 4;
    let mut values = Vec::new();
    out.extend_from_slice(&half(u16::try_from(fields.len()).unwrap_or_default(), is_little));
    for field in fields {
        out.extend_from_slice(&half(field.tag, is_little));
        out.extend_from_slice(&half(field.kind, is_little));
        out.extend_from_slice(&word(field.count, is_little));
        if field.value.len() <= 4 {
            let mut inline = field.value.clone();
            inline.resize(4, 0);
            out.extend_from_slice(&inline);
        } else {
            out.extend_from_slice(&word(u32::try_from(value_at).unwrap_or_default(), is_little));
            values.extend_from_slice(&field.value);
            values.resize(values.len() + values.len() % 2, 0);
            value_at += field.value.len() + field.value.len() % 2;
        }
    }
    out.extend_from_slice(&word(0, is_little));
    out.append(&mut values);
}

fn word(value: u32, is_little: bool) -> [u8; 4] {
    if is_little { value.to_le_bytes() } else { value.to_be_bytes() }
}

fn half(value: u16, is_little: bool) -> [u8; 2] {
    if is_little { value.to_le_bytes() } else { value.to_be_bytes() }
}
