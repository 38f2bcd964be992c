//! Pixels to files, with their metadata.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, RgbImage};
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
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality.clamp(1, 100)).encode_image(image)?;
    Ok(bytes)
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
