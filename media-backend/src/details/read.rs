//! Reading headers, without decoding a pixel.

use jiff::civil::DateTime;

use super::Details;
use crate::library::Opened;
use crate::media::Kind;
use crate::tiff::{Directory, Headed, ReadAt, Shifted, Tiff, number};

/// How many bytes of a file are read at once: mostly all that is needed.
const HEAD: usize = 16 * 1024;
/// The same for RAW files, some of which are searched.
const RAW_HEAD: usize = 64 * 1024;
/// How many segments or chunks are looked at.
const MAX_SEGMENTS: usize = 400;

/// Reads the header of a file; what can't be read is absent.
pub(crate) fn read(opened: &Opened, kind: Kind) -> Details {
    let head = if kind == Kind::Raw { RAW_HEAD } else { HEAD };
    let Ok(file) = Headed::new(&opened.file, opened.ident.size, head) else {
        return Details::default();
    };
    if !kind.matches(file.head()) {
        return Details { is_undecodable: true, ..Details::default() };
    }
    let mut details = Details { orientation: 1, ..Details::default() };
    match kind {
        Kind::Raw | Kind::Tiff => read_raw(&mut details, &file),
        _ => {
            if let Some(exif) = exif_of(&file, kind) {
                read_block(&mut details, &exif);
            }
            details.measures = measure(&file, kind);
        }
    }
    // whether a RAW file holds a preview takes too long to find out here
    details.is_undecodable = details.measures.is_none() && kind != Kind::Raw;
    if details.orientation >= 5 {
        details.measures = details.measures.map(|(width, height)| (height, width));
    }
    details
}

/// Width and height as stored; `None` if the header does not say.
pub(crate) fn measure(file: &Headed<'_>, kind: Kind) -> Option<(u32, u32)> {
    let head = file.head();
    let at = |range: std::ops::Range<usize>, little| {
        head.get(range).and_then(|bytes| u32::try_from(number(bytes, little)).ok())
    };
    let pair = match kind {
        Kind::Jpeg => jpeg_measures(file)?,
        Kind::Png => (at(16..20, false)?, at(20..24, false)?),
        Kind::Gif => (at(6..8, true)?, at(8..10, true)?),
        Kind::WebP => webp_measures(head)?,
        Kind::Tiff => {
            let first = Tiff::open(file, 0)?.first();
            let read = |tag| first.number(tag).and_then(|n| u32::try_from(n).ok());
            (read(0x100)?, read(0x101)?)
        }
        Kind::Raw | Kind::Undecodable => return None,
    };
    Some(pair).filter(|(width, height)| *width > 0 && *height > 0)
}

fn webp_measures(head: &[u8]) -> Option<(u32, u32)> {
    let at = |start: usize, length: usize| {
        let bytes = head.get(start..start + length)?;
        u32::try_from(number(bytes, true)).ok()
    };
    match head.get(12..16)? {
        b"VP8 " => Some((at(26, 2)? & 0x3FFF, at(28, 2)? & 0x3FFF)),
        b"VP8L" => {
            let bits = at(21, 4)?;
            Some(((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1))
        }
        b"VP8X" => Some((at(24, 3)? + 1, at(27, 3)? + 1)),
        _ => None,
    }
}

/// One segment of a JPEG's header: its marker, and the place of its content.
struct Segment {
    marker: u8,
    offset: u64,
    length: usize,
}

/// The segments up to the first scan.
fn jpeg_segments<'a>(file: &'a dyn ReadAt) -> impl Iterator<Item = Segment> + 'a {
    let mut at = 2;
    let mut is_over = false;
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        let mut head = file.bytes(at, 4)?;
        // fill bytes may stand before a marker
        while head.first() == Some(&0xFF) && head.get(1) == Some(&0xFF) {
            at += 1;
            head = file.bytes(at, 4)?;
        }
        let (0xFF, marker) = (*head.first()?, *head.get(1)?) else { return None };
        let length = usize::try_from(number(head.get(2..4)?, false)).ok()?;
        let segment = Segment { marker, offset: at + 4, length: length.checked_sub(2)? };
        at += 2 + length as u64;
        is_over = marker == 0xDA || marker == 0xD9;
        Some(segment)
    })
    .take(MAX_SEGMENTS)
}

/// Width and height as a JPEG's frame says; `None` for a lossless one, which no picture is.
pub(crate) fn jpeg_measures(file: &dyn ReadAt) -> Option<(u32, u32)> {
    let is_frame = |m: u8| {
        matches!(m, 0xC0..=0xCF) && !matches!(m, 0xC3 | 0xC4 | 0xC7 | 0xC8 | 0xCB | 0xCC | 0xCF)
    };
    let frame = jpeg_segments(file).find(|segment| is_frame(segment.marker))?;
    let bytes = file.bytes(frame.offset, 5)?;
    let read = |range| u32::try_from(number(bytes.get(range)?, false)).ok();
    Some((read(3..5)?, read(1..3)?))
}

/// The EXIF block of a JPEG, without its prefix.
pub(crate) fn jpeg_exif(file: &dyn ReadAt) -> Option<Vec<u8>> {
    jpeg_segments(file).filter(|segment| segment.marker == 0xE1).find_map(|segment| {
        let bytes = file.bytes(segment.offset, segment.length)?;
        bytes.strip_prefix(b"Exif\0\0").map(<[u8]>::to_vec)
    })
}

/// The chunk of a PNG or WebP file with this name: the two differ in order and padding only.
fn chunk(file: &dyn ReadAt, kind: Kind, name: &[u8]) -> Option<Vec<u8>> {
    let is_png = kind == Kind::Png;
    let mut at = if is_png { 8 } else { 12 };
    for _ in 0..MAX_SEGMENTS {
        let head = file.bytes(at, 8)?;
        let (first, second) = head.split_at_checked(4)?;
        let (length, found) = if is_png { (first, second) } else { (second, first) };
        let length = number(length, !is_png);
        if found == name {
            let length = usize::try_from(length).ok().filter(|length| *length <= 1 << 20)?;
            return file.bytes(at + 8, length);
        }
        at += 8 + if is_png { length + 4 } else { length + length % 2 };
    }
    None
}

fn exif_of(file: &Headed<'_>, kind: Kind) -> Option<Vec<u8>> {
    match kind {
        Kind::Jpeg => jpeg_exif(file),
        Kind::Png => chunk(file, kind, b"eXIf"),
        Kind::WebP => {
            let bytes = chunk(file, kind, b"EXIF")?;
            Some(bytes.strip_prefix(b"Exif\0\0").map(<[u8]>::to_vec).unwrap_or(bytes))
        }
        // a TIFF or RAW file is itself such a block
        Kind::Gif | Kind::Tiff | Kind::Raw | Kind::Undecodable => None,
    }
}

fn read_raw(details: &mut Details, file: &Headed<'_>) {
    let Some(tiff) = Tiff::open(file, 0) else {
        if file.head().starts_with(b"FUJIFILM") {
            read_fujifilm(details, file);
        } else {
            read_canon(details, file);
        }
        return;
    };
    let first = tiff.first();
    read_directories(details, &tiff, &first);
    let side = |directory: &Directory| {
        let read = |tag| directory.number(tag).and_then(|n| u32::try_from(n).ok());
        Some((read(0x100)?, read(0x101)?))
    };
    let subs = first.field(0x14A).map(|field| field.numbers().take(8).collect::<Vec<_>>());
    let subs = subs.unwrap_or_default().into_iter().filter_map(|offset| tiff.directory(offset));
    let sides = side(&first).into_iter().chain(subs.filter_map(|sub| side(&sub)));
    details.measures = sides.max_by_key(|(w, h)| u64::from(*w) * u64::from(*h));
}

/// Fujifilm's files hold a whole JPEG, with all that the camera wrote.
fn read_fujifilm(details: &mut Details, file: &Headed<'_>) {
    let Some(preview) = crate::render::largest_preview(file) else { return };
    if let Some(exif) = jpeg_exif(&Shifted { source: file, base: preview.offset }) {
        read_block(details, &exif);
    }
    details.measures = Some(preview.measures);
}

/// Canon's newer files keep each directory as a TIFF structure in a box of its own.
fn read_canon(details: &mut Details, file: &Headed<'_>) {
    let find = |name: &[u8]| {
        let at = file.head().windows(4).position(|window| window == name)?;
        Tiff::open(file, at as u64 + 4).map(|tiff| tiff.first())
    };
    let (first, exif, gps) = (find(b"CMT1"), find(b"CMT2"), find(b"CMT4"));
    let (first, exif) = (first.unwrap_or_default(), exif.unwrap_or_default());
    fill(details, &first, &exif, &gps.unwrap_or_default());
}

fn read_block(details: &mut Details, block: &dyn ReadAt) {
    if let Some(tiff) = Tiff::open(block, 0) {
        let first = tiff.first();
        read_directories(details, &tiff, &first);
    }
}

fn read_directories(details: &mut Details, tiff: &Tiff<'_>, first: &Directory) {
    let below = |tag| first.number(tag).and_then(|at| tiff.directory(at)).unwrap_or_default();
    fill(details, first, &below(0x8769), &below(0x8825));
}

fn fill(details: &mut Details, first: &Directory, exif: &Directory, gps: &Directory) {
    let orientation = first.number(0x112).and_then(|n| u8::try_from(n).ok());
    details.orientation = orientation.filter(|n| (1..=8).contains(n)).unwrap_or(1);
    details.taken = [exif.text(0x9003), exif.text(0x9004), first.text(0x132)]
        .into_iter()
        .flatten()
        .find_map(|text| date(&text));
    details.offset = exif.text(0x9011).or_else(|| exif.text(0x9010)).filter(|text| is_offset(text));
    details.location = location(gps);
    details.technical = technical(first, exif);
}

/// Reads `2026:01:03 10:11:12`.
fn date(text: &str) -> Option<DateTime> {
    let digits: Vec<i16> =
        text.split([':', ' ', '-', 'T']).take(6).map_while(|part| part.parse().ok()).collect();
    let [year, month, day, hour, minute, second] = <[i16; 6]>::try_from(digits).ok()?;
    let part = |value: i16| i8::try_from(value).ok();
    let (month, day) = (part(month)?, part(day)?);
    DateTime::new(year, month, day, part(hour)?, part(minute)?, part(second)?.min(59), 0)
        .ok()
        .filter(|taken| taken.year() > 1800)
}

fn is_offset(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 6
        && bytes.iter().enumerate().all(|(index, byte)| match index {
            0 => matches!(byte, b'+' | b'-'),
            3 => *byte == b':',
            _ => byte.is_ascii_digit(),
        })
}

fn location(gps: &Directory) -> Option<(f64, f64)> {
    let degrees = |tag: u16, reference: u16, negative: &str| {
        let parts: Vec<f64> = gps
            .field(tag)?
            .fractions()
            .map(|(a, b)| if b == 0.0 { f64::NAN } else { a / b })
            .collect();
        let mut sum = 0.0;
        for (part, scale) in parts.iter().zip([1.0, 60.0, 3600.0]) {
            sum += part / scale;
        }
        let sign = if gps.text(reference)?.eq_ignore_ascii_case(negative) { -1.0 } else { 1.0 };
        Some(sign * sum).filter(|value| value.is_finite() && !parts.is_empty())
    };
    let latitude = degrees(2, 1, "S").filter(|value| value.abs() <= 90.0)?;
    let longitude = degrees(4, 3, "W").filter(|value| value.abs() <= 180.0)?;
    Some((latitude, longitude))
}

fn technical(first: &Directory, exif: &Directory) -> Vec<(&'static str, String)> {
    let make = first.text(0x10F);
    let camera = first.text(0x110).map(|model| match &make {
        Some(make) if !model.to_lowercase().starts_with(&make.to_lowercase()) => {
            format!("{make} {model}")
        }
        _ => model,
    });
    let ratio = |tag| exif.fraction(tag).filter(|(_, b)| *b > 0.0).map(|(a, b)| a / b);
    let exposure = exif.fraction(0x829A).filter(|(a, b)| *a > 0.0 && *b > 0.0).map(|(a, b)| {
        if a < b { format!("1/{} s", (b / a).round()) } else { format!("{} s", tenths(a / b)) }
    });
    let all = [
        ("camera", camera.or(make)),
        ("lens", exif.text(0xA434)),
        ("focal_length", ratio(0x920A).map(|mm| format!("{} mm", tenths(mm)))),
        ("aperture", ratio(0x829D).map(|f| format!("f/{}", tenths(f)))),
        ("exposure", exposure),
        ("iso", exif.number(0x8827).filter(|iso| *iso > 0).map(|iso| iso.to_string())),
        ("software", first.text(0x131)),
        ("serial_number", exif.text(0xA431)),
    ];
    all.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
}

/// A number with one digit after the point, or none.
fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
