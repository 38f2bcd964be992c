//! From an entry of the catalogue to the bytes of its files.

use std::path::Path;

use image::imageops::{self, FilterType};
use image::{RgbImage, imageops::rotate270};

use super::GallerySize;
use super::camera;
use super::catalogue::{Finish, Format, Shape, Shot};
use crate::encode::{Colour, EncodeError, Extras, jpeg_with, plain_jpeg, png, webp};
use crate::exif::{Exif, Orientation};
use crate::xmp::Xmp;
use crate::{dng, picture};

/// The files of one picture, each with its extension.
pub(super) fn develop(
    path: &Path,
    shot: &Shot,
    size: GallerySize,
) -> Result<Vec<(&'static str, Vec<u8>)>, EncodeError> {
    let seed = shot.seed(path);
    let (width, height) = dimensions(shot.shape, size);
    let mut pixels = picture(shot.scene, width, height, seed);
    let mut exif = camera::exif(shot, seed);
    if shot.finish == Finish::StoredSideways {
        pixels = rotate270(&pixels);
        exif.orientation = Orientation::QuarterClockwise;
    }
    match shot.format {
        Format::Png => Ok(vec![("png", png(&pixels, Some(&exif))?)]),
        Format::WebP => Ok(vec![("webp", webp(&pixels, 84, Some(&exif))?)]),
        Format::Jpeg => Ok(vec![("jpg", finished_jpeg(shot, &pixels, exif)?)]),
        Format::JpegAndRaw => {
            let raw = dng(&pixels, &exif)?;
            Ok(vec![("jpg", finished_jpeg(shot, &pixels, exif)?), ("dng", raw)])
        }
    }
}

fn finished_jpeg(shot: &Shot, pixels: &RgbImage, mut exif: Exif) -> Result<Vec<u8>, EncodeError> {
    let mut extras = Extras::default();
    if shot.finish == Finish::Edited {
        exif.thumbnail = Some(thumbnail(pixels)?);
        extras.colour = Colour::Profile;
        extras.xmp = Some(Xmp {
            title: shot.title(),
            alt_text: shot.scene.words().to_owned(),
            city: shot.place.city.to_owned(),
            country: shot.place.country.to_owned(),
            keywords: vec![shot.place.city.to_owned(), shot.scene.keyword().to_owned()],
        });
    }
    jpeg_with(pixels, 86, Some(&exif), &extras)
}

/// 160 pixels on the long side, as the EXIF standard has it.
fn thumbnail(pixels: &RgbImage) -> Result<Vec<u8>, EncodeError> {
    let (width, height) = pixels.dimensions();
    let long = width.max(height).max(1);
    let scaled = |side: u32| (side * 160 / long).max(1);
    let small = imageops::resize(pixels, scaled(width), scaled(height), FilterType::Triangle);
    plain_jpeg(&small, 75)
}

fn dimensions(shape: Shape, size: GallerySize) -> (u32, u32) {
    let unit = match size {
        GallerySize::Full => 80,
        GallerySize::Small => 8,
    };
    let (across, down) = match shape {
        Shape::Panorama => (60, 16),
        Shape::Square => (20, 20),
        Shape::Tall => (20, 30),
        Shape::Wide => (30, 20),
    };
    (across * unit, down * unit)
}
