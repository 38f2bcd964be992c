//! From pixels to a rendition: no metadata, only the colour profile.

use bytes::Bytes;
use image::DynamicImage;
use img_parts::ImageICC as _;
use turbojpeg::{Compressor, PixelFormat, Subsamp};

use super::decode::Decoded;
use crate::media::Format;
use crate::refusal::Refusal;

const JPEG_QUALITY: i32 = 82;
const WEBP_QUALITY: f32 = 80.0;

/// Encodes a picture.
pub(super) fn encode(decoded: Decoded, format: Format) -> Result<Bytes, Refusal> {
    let Decoded { pixels, profile, .. } = decoded;
    match format {
        Format::Jpeg => {
            let encoded = encode_jpeg(pixels)?;
            let Some(profile) = profile else { return Ok(encoded) };
            let mut jpeg =
                img_parts::jpeg::Jpeg::from_bytes(encoded).map_err(|_| Refusal::Internal)?;
            jpeg.set_icc_profile(Some(profile));
            Ok(jpeg.encoder().bytes())
        }
        Format::WebP => {
            let encoded = encode_webp(&pixels)?;
            let Some(profile) = profile else { return Ok(encoded) };
            let mut webp =
                img_parts::webp::WebP::from_bytes(encoded).map_err(|_| Refusal::Internal)?;
            webp.set_icc_profile(Some(profile));
            Ok(webp.encoder().bytes())
        }
    }
}

fn encode_jpeg(pixels: DynamicImage) -> Result<Bytes, Refusal> {
    let rgb = match pixels {
        DynamicImage::ImageRgb8(rgb) => rgb,
        other => on_white(other),
    };
    let width = rgb.width() as usize;
    let image = turbojpeg::Image {
        pixels: rgb.as_raw().as_slice(),
        width,
        pitch: width * 3,
        height: rgb.height() as usize,
        format: PixelFormat::RGB,
    };
    let mut encoder = Compressor::new().map_err(|_| Refusal::Internal)?;
    encoder.set_quality(JPEG_QUALITY).map_err(|_| Refusal::Internal)?;
    encoder.set_subsamp(Subsamp::Sub2x2).map_err(|_| Refusal::Internal)?;
    encoder.compress_to_vec(image).map(Bytes::from).map_err(|_| Refusal::Internal)
}

/// JPEG knows no transparency: what shines through is white.
fn on_white(pixels: DynamicImage) -> image::RgbImage {
    let rgba = pixels.into_rgba8();
    let (width, height) = rgba.dimensions();
    let mut rgb = image::RgbImage::new(width, height);
    for (to, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let [red, green, blue, alpha] = from.0;
        let mix = |channel: u8| {
            let (channel, alpha) = (u32::from(channel), u32::from(alpha));
            u8::try_from((channel * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(255)
        };
        to.0 = [mix(red), mix(green), mix(blue)];
    }
    rgb
}

fn encode_webp(pixels: &DynamicImage) -> Result<Bytes, Refusal> {
    let (width, height) = (pixels.width(), pixels.height());
    let encoder = match pixels {
        DynamicImage::ImageRgba8(rgba) => webp::Encoder::from_rgba(rgba.as_raw(), width, height),
        DynamicImage::ImageRgb8(rgb) => webp::Encoder::from_rgb(rgb.as_raw(), width, height),
        _ => return Err(Refusal::Internal),
    };
    let encoded = encoder.encode_simple(false, WEBP_QUALITY).map_err(|_| Refusal::Internal)?;
    Ok(Bytes::copy_from_slice(&encoded))
}
