//! Pictures: the sample gallery, and some that nobody would send in good faith.

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use exif::{In, Tag};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::{ImageFormat, Rgb, RgbImage};
use vestibule_sample::GallerySize;

use crate::scratch::run_folder;

static SAMPLE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = run_folder().join("sample-gallery");
    vestibule_sample::write_gallery(&folder, GallerySize::Small, &mut |_| {}).unwrap();
    folder
});

/// The sample gallery in small, painted once a run. Nobody changes it.
#[must_use]
pub fn sample_gallery() -> &'static Path {
    &SAMPLE
}

/// A small JPEG.
///
/// # Panics
/// Never: the pixels fit.
#[must_use]
pub fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let mix = |x: u32, y: u32| u8::try_from((x * 7 + y * 3) % 256).unwrap_or_default();
    let pixels = RgbImage::from_fn(width, height, |x, y| Rgb([mix(x, y), mix(y, x), 90]));
    let mut bytes = Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

/// A well-formed PNG of a few kilobytes whose pixels would fill the memory: one bit each, black.
///
/// # Panics
/// Never: memory is enough.
#[must_use]
pub fn png_bomb(width: u32, height: u32) -> Vec<u8> {
    let line = vec![0u8; usize::try_from(width.div_ceil(8) + 1).unwrap()];
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::best());
    for _ in 0..height {
        pixels.write_all(&line).unwrap();
    }
    let mut head = Vec::new();
    head.extend_from_slice(&width.to_be_bytes());
    head.extend_from_slice(&height.to_be_bytes());
    // one bit of grey, nothing interlaced
    head.extend_from_slice(&[1, 0, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in
        [(b"IHDR", head), (b"IDAT", pixels.finish().unwrap()), (b"IEND", Vec::new())]
    {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(&data);
        png.extend_from_slice(&u32::try_from(data.len()).unwrap().to_be_bytes());
        png.extend_from_slice(kind);
        png.extend_from_slice(&data);
        png.extend_from_slice(&crc.sum().to_be_bytes());
    }
    png
}

/// The pixels of a picture as they are stored.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn pixels(bytes: &[u8]) -> image::RgbaImage {
    image::load_from_memory(bytes).unwrap().into_rgba8()
}

/// The EXIF fields of a picture by name, with their text; empty if it has none.
#[must_use]
pub fn exif(bytes: &[u8]) -> Vec<(Tag, String)> {
    let read = exif::Reader::new().read_from_container(&mut Cursor::new(bytes));
    read.map_or_else(
        |_| Vec::new(),
        |exif| {
            let own = exif.fields().filter(|field| field.ifd_num == In::PRIMARY);
            own.map(|field| (field.tag, field.display_value().to_string())).collect()
        },
    )
}

/// The text of one EXIF field.
#[must_use]
pub fn exif_field(bytes: &[u8], tag: Tag) -> Option<String> {
    exif(bytes).into_iter().find(|(found, _)| *found == tag).map(|(_, text)| text)
}
