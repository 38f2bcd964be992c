//! Pictures that are made for a test.

use exif::experimental::Writer;
use exif::{Field, In, Rational, Tag, Value};
use image::{DynamicImage, ImageFormat, RgbImage};
use img_parts::{ImageEXIF as _, ImageICC as _};
use std::io::Cursor;

/// A gradient that shows which way is up: red grows to the right, green downwards.
pub(super) fn gradient(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let part = |at: u32, of: u32| u8::try_from(at * 255 / of.max(1)).unwrap();
        image::Rgb([part(x, width), part(y, height), 64])
    })
}

pub(super) fn encode(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    let image = DynamicImage::ImageRgb8(image.clone());
    image.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

pub(super) fn jpeg(width: u32, height: u32) -> Vec<u8> {
    encode(&gradient(width, height), ImageFormat::Jpeg)
}

/// What a camera writes: every kind of detail, each with a word to search for.
pub(super) fn exif_block(taken: &str, orientation: u16) -> Vec<u8> {
    let text = |tag, text: &str| Field {
        tag,
        ifd_num: In::PRIMARY,
        value: Value::Ascii(vec![text.as_bytes().to_vec()]),
    };
    let field = |tag, value| Field { tag, ifd_num: In::PRIMARY, value };
    let ratio = |a, b| Rational { num: a, denom: b };
    let fields = [
        text(Tag::Make, "Planted"),
        text(Tag::Model, "Camera X"),
        text(Tag::Software, "PlantedSoft 1.0"),
        text(Tag::ImageDescription, "Planted description"),
        text(Tag::DateTime, taken),
        text(Tag::DateTimeOriginal, taken),
        text(Tag::DateTimeDigitized, taken),
        text(Tag::LensModel, "Planted 35mm"),
        text(Tag::BodySerialNumber, "SERIAL12345"),
        text(Tag::Copyright, "Jane Doe"),
        field(Tag::Orientation, Value::Short(vec![orientation])),
        field(Tag::ExposureTime, Value::Rational(vec![ratio(1, 250)])),
        field(Tag::FNumber, Value::Rational(vec![ratio(28, 10)])),
        field(Tag::PhotographicSensitivity, Value::Short(vec![400])),
        field(Tag::FocalLength, Value::Rational(vec![ratio(35, 1)])),
        field(Tag::MakerNote, Value::Undefined(b"PLANTEDNOTE".to_vec(), 0)),
        text(Tag::GPSLatitudeRef, "N"),
        field(Tag::GPSLatitude, Value::Rational(vec![ratio(47, 1), ratio(30, 1), ratio(0, 1)])),
        text(Tag::GPSLongitudeRef, "W"),
        field(Tag::GPSLongitude, Value::Rational(vec![ratio(8, 1), ratio(15, 1), ratio(0, 1)])),
        text(Tag::GPSDateStamp, "2026:01:03"),
    ];
    let mut writer = Writer::new();
    fields.iter().for_each(|field| writer.push_field(field));
    let mut block = Cursor::new(Vec::new());
    writer.write(&mut block, false).unwrap();
    block.into_inner()
}

/// A profile that is one by its head only.
pub(super) fn profile() -> Vec<u8> {
    let mut profile = vec![0; 200];
    profile[16..20].copy_from_slice(b"RGB ");
    profile
}

/// A JPEG as a camera and three programs leave it.
pub(super) fn camera_jpeg(width: u32, height: u32, taken: &str, orientation: u16) -> Vec<u8> {
    let mut jpeg = img_parts::jpeg::Jpeg::from_bytes(jpeg(width, height).into()).unwrap();
    jpeg.set_exif(Some(exif_block(taken, orientation).into()));
    jpeg.set_icc_profile(Some(profile().into()));
    let segment = |marker, bytes: &[u8]| {
        img_parts::jpeg::JpegSegment::new_with_contents(marker, bytes.to_vec().into())
    };
    let at = jpeg.segments().iter().position(|s| s.marker() == 0xDB).unwrap();
    for (marker, bytes) in [
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x>PLANTEDXMP</x>".as_slice()),
        (0xED, b"Photoshop 3.0\0PLANTEDIPTC"),
        (0xFE, b"PLANTEDCOMMENT"),
        (0xE2, b"MPF\0PLANTEDMPF"),
    ] {
        jpeg.segments_mut().insert(at, segment(marker, bytes));
    }
    let mut bytes = jpeg.encoder().bytes().to_vec();
    bytes.extend_from_slice(b"PLANTEDTRAILER");
    bytes
}

/// A DNG by its structure: a small first picture, the RAW data, and a larger JPEG preview.
pub(super) fn dng(preview: &[u8], orientation: u16) -> Vec<u8> {
    let mut out = b"II*\0\x08\0\0\0".to_vec();
    let entries: [(u16, u16, u32, u32); 7] = [
        (0x100, 4, 1, 6000),
        (0x101, 4, 1, 4000),
        (0x103, 3, 1, 7),
        (0x111, 4, 1, 8 + 2 + 7 * 12 + 4),
        (0x112, 3, 1, u32::from(orientation)),
        (0x117, 4, 1, u32::try_from(preview.len()).unwrap()),
        (0x131, 2, 4, u32::from_le_bytes(*b"abc\0")),
    ];
    out.extend_from_slice(&7_u16.to_le_bytes());
    for (tag, kind, count, value) in entries {
        out.extend_from_slice(&tag.to_le_bytes());
        out.extend_from_slice(&kind.to_le_bytes());
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(&value.to_le_bytes());
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(preview);
    out
}

/// A PNG that promises many pixels and holds hardly any bytes.
pub(super) fn png_bomb(width: u32, height: u32) -> Vec<u8> {
    use std::io::Write as _;
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8; 4], content: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(name);
        crc.update(content);
        out.extend_from_slice(&u32::try_from(content.len()).unwrap().to_be_bytes());
        out.extend_from_slice(name);
        out.extend_from_slice(content);
        out.extend_from_slice(&crc.sum().to_be_bytes());
    };
    let mut head = width.to_be_bytes().to_vec();
    head.extend_from_slice(&height.to_be_bytes());
    head.extend_from_slice(&[1, 0, 0, 0, 0]);
    chunk(b"IHDR", &head);
    let mut rows = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let row = vec![0; width as usize / 8 + 1];
    for _ in 0..height {
        rows.write_all(&row).unwrap();
    }
    chunk(b"IDAT", &rows.finish().unwrap());
    chunk(b"IEND", b"");
    out
}
