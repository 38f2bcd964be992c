//! From a file to pixels, not many more than are needed.

use std::io::Cursor;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use fast_image_resize::images::Image as Pixels;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage, RgbaImage};
use img_parts::ImageICC as _;
use turbojpeg::{Colorspace, Decompressor, PixelFormat, ScalingFactor};

use super::preview;
use crate::config::Limits;
use crate::details;
use crate::library::Opened;
use crate::media::Kind;
use crate::refusal::Refusal;
use crate::tiff::Headed;

const DAMAGED: Refusal = Refusal::Unprocessable("the picture is damaged or incomplete");
const TOO_LARGE: Refusal =
    Refusal::Unprocessable("the picture is larger than what can be shown here");
const LYING: Refusal = Refusal::Unsupported("the file is not the picture that its name promises");
/// How many scans a progressive JPEG may have: honest ones have a dozen.
const MAX_SCANS: u32 = 200;

/// A decoded picture, RGB or RGBA with eight bits, and how to hold it.
#[derive(Debug)]
pub(super) struct Decoded {
    /// The pixels.
    pub(super) pixels: DynamicImage,
    /// The colour profile, if it is one for RGB.
    pub(super) profile: Option<Bytes>,
    orientation: u8,
}

/// Decodes a file to at least so many pixels on the long side, if it has as many.
pub(super) fn decode(
    opened: &Opened,
    kind: Kind,
    pixels: u32,
    limits: &Limits,
) -> Result<Decoded, Refusal> {
    if opened.ident.size > limits.max_file_bytes {
        return Err(TOO_LARGE);
    }
    let headed =
        Headed::new(&opened.file, opened.ident.size, 64 * 1024).map_err(|_| Refusal::Unreadable)?;
    if !kind.matches(headed.head()) {
        return Err(LYING);
    }
    let orientation = details::read(opened, kind).orientation;
    if kind == Kind::Raw {
        let found = preview::largest(&headed);
        let found = found.ok_or(Refusal::Unprocessable("the RAW file holds no preview"))?;
        check(found.measures, limits)?;
        let bytes = read(opened, found.offset, found.length)?;
        return decode_jpeg(bytes, pixels, limits, orientation);
    }
    check(details::measure(&headed, kind).ok_or(DAMAGED)?, limits)?;
    let bytes = read(opened, 0, opened.ident.size)?;
    match kind {
        Kind::Jpeg => decode_jpeg(bytes, pixels, limits, orientation),
        Kind::Png => decode_other(bytes, ImageFormat::Png, limits, orientation),
        Kind::WebP => decode_other(bytes, ImageFormat::WebP, limits, orientation),
        Kind::Gif => decode_other(bytes, ImageFormat::Gif, limits, orientation),
        Kind::Tiff => decode_other(bytes, ImageFormat::Tiff, limits, orientation),
        Kind::Raw | Kind::Undecodable => Err(LYING),
    }
}

fn check((width, height): (u32, u32), limits: &Limits) -> Result<(), Refusal> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels > limits.max_pixels { Err(TOO_LARGE) } else { Ok(()) }
}

fn read(opened: &Opened, offset: u64, length: u64) -> Result<Bytes, Refusal> {
    let length = usize::try_from(length).map_err(|_| TOO_LARGE)?;
    let mut bytes = vec![0; length];
    opened.file.read_exact_at(&mut bytes, offset).map_err(|_| Refusal::Unreadable)?;
    Ok(Bytes::from(bytes))
}

/// Decodes a JPEG at the smallest of the scales that the format gives for free.
fn decode_jpeg(
    bytes: Bytes,
    target: u32,
    limits: &Limits,
    orientation: u8,
) -> Result<Decoded, Refusal> {
    let mut decoder = Decompressor::new().map_err(|_| Refusal::Internal)?;
    let header = decoder.read_header(&bytes).map_err(|_| DAMAGED)?;
    let side = |n: usize| u32::try_from(n).map_err(|_| TOO_LARGE);
    check((side(header.width)?, side(header.height)?), limits)?;
    let is_print = matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    if is_print || header.is_lossless {
        return decode_other(bytes, ImageFormat::Jpeg, limits, orientation);
    }
    decoder.set_scan_limit(MAX_SCANS).map_err(|_| Refusal::Internal)?;
    let long = header.width.max(header.height);
    let scale = Decompressor::supported_scaling_factors()
        .into_iter()
        .filter(|scale| scale.num() <= scale.denom())
        .filter(|scale| scale.scale(long) >= target as usize)
        .min_by_key(|scale| scale.scale(long))
        .unwrap_or(ScalingFactor::ONE);
    decoder.set_scaling_factor(scale).map_err(|_| Refusal::Internal)?;
    let scaled = header.scaled(scale);
    let (width, height) = (scaled.width, scaled.height);
    let mut pixels = vec![0; width * height * 3];
    let output = turbojpeg::Image {
        pixels: pixels.as_mut_slice(),
        width,
        pitch: width * 3,
        height,
        format: PixelFormat::RGB,
    };
    match decoder.decompress(&bytes, output) {
        // stray bytes between segments, which some cameras write, harm no pixel
        Err(error) if !error.to_string().contains("extraneous bytes") => return Err(DAMAGED),
        _ => {}
    }
    let pixels = RgbImage::from_raw(side(width)?, side(height)?, pixels).ok_or(DAMAGED)?;
    let profile = img_parts::jpeg::Jpeg::from_bytes(bytes).ok().and_then(|jpeg| jpeg.icc_profile());
    Ok(Decoded { pixels: pixels.into(), profile: profile.filter(is_for_rgb), orientation })
}

fn decode_other(
    bytes: Bytes,
    format: ImageFormat,
    limits: &Limits,
    orientation: u8,
) -> Result<Decoded, Refusal> {
    // the decoder forgives a JPEG that ends early; half a picture is not shown as a whole one
    if format == ImageFormat::Jpeg && !bytes.windows(2).rev().any(|w| w == [0xFF, 0xD9]) {
        return Err(DAMAGED);
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut allowed = image::Limits::default();
    allowed.max_alloc = Some(limits.max_pixels.saturating_mul(8).saturating_add(1 << 24));
    reader.limits(allowed);
    let mut decoder = reader.into_decoder().map_err(|error| refuse(&error))?;
    check(decoder.dimensions(), limits)?;
    let profile = decoder.icc_profile().ok().flatten().map(Bytes::from);
    let pixels = DynamicImage::from_decoder(decoder).map_err(|error| refuse(&error))?;
    let pixels = if pixels.color().has_alpha() {
        DynamicImage::ImageRgba8(pixels.into_rgba8())
    } else {
        DynamicImage::ImageRgb8(pixels.into_rgb8())
    };
    Ok(Decoded { pixels, profile: profile.filter(is_for_rgb), orientation })
}

fn refuse(error: &image::ImageError) -> Refusal {
    match error {
        image::ImageError::Limits(_) => TOO_LARGE,
        image::ImageError::Unsupported(_) => {
            Refusal::Unsupported("this variety of the format can't be shown here")
        }
        _ => DAMAGED,
    }
}

/// A profile for grey or print would paint RGB pixels wrong.
fn is_for_rgb(profile: &Bytes) -> bool {
    profile.get(16..20) == Some(b"RGB ")
}

impl Decoded {
    /// The picture with at most so many pixels on the long side; never enlarged.
    pub(super) fn scaled(self, target: u32) -> Result<Self, Refusal> {
        let (width, height) = (self.pixels.width(), self.pixels.height());
        let long = width.max(height);
        if long <= target {
            return Ok(self);
        }
        let side = |n: u32| {
            let scaled = (u64::from(n) * u64::from(target) + u64::from(long) / 2) / u64::from(long);
            u32::try_from(scaled).unwrap_or(target).max(1)
        };
        let (to_width, to_height) = (side(width), side(height));
        let kind = if self.pixels.color().has_alpha() { PixelType::U8x4 } else { PixelType::U8x3 };
        let internal = |_| Refusal::Internal;
        let source = Pixels::from_vec_u8(width, height, self.pixels.into_bytes(), kind);
        let source = source.map_err(|_| Refusal::Internal)?;
        let mut scaled = Pixels::new(to_width, to_height, kind);
        let filter = ResizeAlg::Convolution(FilterType::Lanczos3);
        let options = ResizeOptions::new().resize_alg(filter);
        Resizer::new().resize(&source, &mut scaled, &options).map_err(internal)?;
        let bytes = scaled.into_vec();
        let pixels = match kind {
            PixelType::U8x4 => RgbaImage::from_raw(to_width, to_height, bytes).map(Into::into),
            _ => RgbImage::from_raw(to_width, to_height, bytes).map(Into::into),
        };
        Ok(Self { pixels: pixels.ok_or(Refusal::Internal)?, ..self })
    }

    /// The picture turned as the camera was held.
    pub(super) fn upright(mut self) -> Self {
        if let Some(orientation) = Orientation::from_exif(self.orientation) {
            self.pixels.apply_orientation(orientation);
        }
        self.orientation = 1;
        self
    }
}
