//! Pixels to files, with their metadata.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _, RgbImage};
use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::png::Png;
use img_parts::webp::WebP;
use img_parts::{Bytes, ImageEXIF};

use crate::exif::Exif;
use crate::icc;
use crate::xmp::Xmp;

/// Why a picture could not be made into a file.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The codec refused the pixels: a side of 0, or one that the format can't hold.
    #[error("can't encode the pixels")]
    Codec(#[from] image::ImageError),
    /// The JPEG codec refused the pixels: a side of 0, or one above 65,500.
    #[error("can't encode the pixels as JPEG")]
    Jpeg(#[from] turbojpeg::Error),
    /// What the codec wrote could not be taken apart to add the metadata.
    #[error("can't add metadata to the encoded picture")]
    Container(#[from] img_parts::Error),
    /// A segment of a JPEG holds less than 64 kB.
    #[error("metadata of {length} bytes don't fit a JPEG segment; leave the thumbnail out")]
    MetadataTooLong {
        /// Bytes that were to be stored.
        length: usize,
    },
    /// WebP sides are at most 16,383 pixels.
    #[error("can't encode {width} x {height} pixels as WebP")]
    WebP {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
}

/// What a JPEG may carry besides EXIF.
#[derive(Debug, Clone, Default)]
pub struct Extras {
    /// An XMP packet.
    pub xmp: Option<Xmp>,
    /// Whether the file names its colour space with an ICC profile.
    pub colour: Colour,
}

/// Whether a file carries an ICC profile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Colour {
    /// The file says nothing: readers take it as sRGB.
    #[default]
    Unstated,
    /// An sRGB profile is embedded.
    Profile,
}

/// A JPEG with EXIF, if there is any. `quality` is 1 to 100.
///
/// # Errors
///
/// [`EncodeError`] if the codec refuses the pixels or the metadata are too long.
pub fn jpeg(image: &RgbImage, quality: u8, exif: Option<&Exif>) -> Result<Vec<u8>, EncodeError> {
    jpeg_with(image, quality, exif, &Extras::default())
}

/// A JPEG with EXIF and the rest.
///
/// # Errors
///
/// [`EncodeError`] if the codec refuses the pixels or the metadata are too long.
pub fn jpeg_with(
    image: &RgbImage,
    quality: u8,
    exif: Option<&Exif>,
    extras: &Extras,
) -> Result<Vec<u8>, EncodeError> {
    let plain = plain_jpeg(image, quality)?;
    let mut segments = Vec::new();
    if let Some(exif) = exif {
        let block = exif.to_bytes(image.width(), image.height());
        segments.push(segment(markers::APP1, &[b"Exif\0\0", &block])?);
    }
    if let Some(xmp) = &extras.xmp {
        let name = b"http://ns.adobe.com/xap/1.0/\0";
        segments.push(segment(markers::APP1, &[name, xmp.to_packet().as_bytes()])?);
    }
    if extras.colour == Colour::Profile {
        segments.push(segment(markers::APP2, &[b"ICC_PROFILE\0\x01\x01", &icc::srgb()])?);
    }
    if segments.is_empty() {
        return Ok(plain);
    }
    let mut file = Jpeg::from_bytes(plain.into())?;
    // the JFIF header that the codec wrote must stay first
    let first = usize::from(file.segments().first().is_some_and(|s| s.marker() == markers::APP0));
    file.segments_mut().splice(first..first, segments);
    Ok(file.encoder().bytes().to_vec())
}

pub(crate) fn plain_jpeg(image: &RgbImage, quality: u8) -> Result<Vec<u8>, EncodeError> {
    let pixels = turbojpeg::Image {
        pixels: image.as_raw().as_slice(),
        width: image.width() as usize,
        pitch: image.width() as usize * 3,
        height: image.height() as usize,
        format: turbojpeg::PixelFormat::RGB,
    };
    let quality = i32::from(quality.clamp(1, 100));
    Ok(turbojpeg::compress(pixels, quality, turbojpeg::Subsamp::Sub2x2)?.to_vec())
}

fn segment(marker: u8, parts: &[&[u8]]) -> Result<JpegSegment, EncodeError> {
    let contents = parts.concat();
    if contents.len() > 65_533 {
        return Err(EncodeError::MetadataTooLong { length: contents.len() });
    }
    Ok(JpegSegment::new_with_contents(marker, Bytes::from(contents)))
}

/// A PNG with an `eXIf` chunk, if there is EXIF.
///
/// # Errors
///
/// [`EncodeError`] if the codec refuses the pixels.
pub fn png(image: &RgbImage, exif: Option<&Exif>) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive)
        .write_image(image.as_raw(), image.width(), image.height(), ExtendedColorType::Rgb8)?;
    let Some(exif) = exif else { return Ok(bytes) };
    let mut file = Png::from_bytes(bytes.into())?;
    file.set_exif(Some(exif.to_bytes(image.width(), image.height()).into()));
    Ok(file.encoder().bytes().to_vec())
}

/// A lossy WebP with an `EXIF` chunk, if there is EXIF. `quality` is 0 to 100.
///
/// # Errors
///
/// [`EncodeError`] if the codec refuses the pixels.
pub fn webp(image: &RgbImage, quality: u8, exif: Option<&Exif>) -> Result<Vec<u8>, EncodeError> {
    let (width, height) = image.dimensions();
    let encoded = webp::Encoder::from_rgb(image.as_raw(), width, height)
        .encode_simple(false, f32::from(quality.min(100)))
        .map_err(|_| EncodeError::WebP { width, height })?;
    let bytes = encoded.to_vec();
    let Some(exif) = exif else { return Ok(bytes) };
    let mut file = WebP::from_bytes(bytes.into())?;
    file.set_exif(Some(exif.to_bytes(width, height).into()));
    Ok(file.encoder().bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use exif::{In, Reader, Tag};
    use jiff::civil::date;
    use jiff::tz::Offset;

    use super::{Colour, EncodeError, Extras, jpeg, jpeg_with, png, webp};
    use crate::{Exif, Light, Orientation, Position, Scene, Subject, Xmp, dng, picture};

    fn exif() -> Exif {
        Exif {
            make: "Halden".to_owned(),
            model: "R7".to_owned(),
            lens: "24-70".to_owned(),
            serial: "42".to_owned(),
            software: "test".to_owned(),
            artist: None,
            taken: date(2024, 12, 31).at(23, 30, 15, 7_000_000),
            offset: Offset::constant(-8),
            position: Some(Position { latitude: -33.5, longitude: -70.25, altitude: -12 }),
            exposure: (1, 250),
            iso: 100,
            f_number_tenths: 28,
            focal_length: 35,
            orientation: Orientation::UpsideDown,
            thumbnail: None,
        }
    }

    /// The fields that a careful reader checks, as text.
    fn read(file: &[u8]) -> Vec<String> {
        let found = Reader::new().read_from_container(&mut Cursor::new(file)).unwrap();
        [
            Tag::Model,
            Tag::LensModel,
            Tag::DateTimeOriginal,
            Tag::OffsetTimeOriginal,
            Tag::SubSecTimeOriginal,
            Tag::ExposureTime,
            Tag::FNumber,
            Tag::Orientation,
            Tag::GPSLatitude,
            Tag::GPSLatitudeRef,
            Tag::GPSLongitude,
            Tag::GPSAltitudeRef,
            Tag::GPSDateStamp,
        ]
        .map(|tag| found.get_field(tag, In::PRIMARY).unwrap().display_value().to_string())
        .to_vec()
    }

    const EXPECTED: [&str; 13] = [
        "\"R7\"",
        "\"24-70\"",
        "2024-12-31 23:30:15",
        "\"-08:00\"",
        "\"007\"",
        "1/250",
        "2.8",
        "row 0 at bottom and column 0 at right",
        "33 deg 30 min 0 sec",
        "S",
        "70 deg 15 min 0 sec",
        "below sea level",
        // New Year's Eve on the west coast is next year in UTC
        "2025-01-01",
    ];

    #[test]
    fn every_format_gives_its_exif_back() {
        let image = picture(Scene::new(Subject::Sea, Light::Day), 64, 48, 1);
        for file in [
            jpeg(&image, 85, Some(&exif())).unwrap(),
            png(&image, Some(&exif())).unwrap(),
            webp(&image, 80, Some(&exif())).unwrap(),
            dng(&image, &exif()).unwrap(),
        ] {
            assert_eq!(read(&file), EXPECTED);
        }
    }

    #[test]
    fn extras_are_in_the_file_and_escaped() {
        let image = picture(Scene::new(Subject::Moon, Light::Night), 60, 40, 1);
        let xmp = Xmp { city: "Q & \"A\"".to_owned(), ..Xmp::default() };
        let extras = Extras { xmp: Some(xmp), colour: Colour::Profile };
        let file = jpeg_with(&image, 85, Some(&exif()), &extras).unwrap();
        let has = |part: &[u8]| file.windows(part.len()).any(|window| window == part);
        assert!(has(b"photoshop:City=\"Q &amp; &quot;A&quot;\""));
        assert!(has(b"ICC_PROFILE\0\x01\x01"));
        assert_eq!(image::load_from_memory(&file).unwrap().width(), 60);
    }

    #[test]
    fn a_thumbnail_that_is_too_large_is_refused() {
        let image = picture(Scene::new(Subject::Moon, Light::Night), 60, 40, 1);
        let exif = Exif { thumbnail: Some(vec![0; 65_000]), ..exif() };
        let refused = jpeg(&image, 85, Some(&exif));
        assert!(matches!(refused, Err(EncodeError::MetadataTooLong { length }) if length > 65_533));
    }
}
