//! A small digital negative: what the sensor saw, before any program made a picture of it.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use crate::encode::{EncodeError, plain_jpeg};
use crate::exif::Exif;
use crate::tiff::{self, Ifd, Value};

/// What the sample's sensor sees of a white wall in daylight, per channel.
const NEUTRAL: [f64; 3] = [0.52, 1.0, 0.64];
/// From XYZ to linear sRGB; with [`NEUTRAL`] it makes the sensor's colour matrix.
const FROM_XYZ: [[f64; 3]; 3] =
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]];
const BLACK: u16 = 256;
const WHITE: u16 = 15_871;

/// A DNG 1.4 as cameras write it: a thumbnail, the uncompressed mosaic of the sensor at a quarter
/// of `image`'s width, and the whole `image` as a JPEG preview.
///
/// # Errors
///
/// [`EncodeError`] if the codec refuses the pixels.
pub fn dng(image: &RgbImage, exif: &Exif) -> Result<Vec<u8>, EncodeError> {
    let (width, height) = image.dimensions();
    // whole cells of the mosaic only
    let raw = resized(image, (width / 4).max(4) & !1, (height / 4).max(4) & !1);
    let thumbnail = resized(image, (width / 16).max(1), (height / 16).max(1));

    let mut first = strip(&thumbnail, 1, thumbnail.as_raw().clone());
    first
        .set(0x0102, Value::Short(vec![8, 8, 8]))
        .short(0x0103, 1)
        .short(0x0106, 2)
        .short(0x0115, 3);
    exif.describe(&mut first);
    let matrix = FROM_XYZ.iter().zip(NEUTRAL).flat_map(|(row, neutral)| {
        row.iter().map(move |factor| ((factor * neutral * 10_000.0).round() as i32, 10_000))
    });
    let neutral = NEUTRAL.iter().map(|part| ((part * 1_000.0) as u32, 1_000)).collect();
    first
        .set(0x014a, Value::Ifds(vec![sensor(&raw), preview(image)?]))
        .set(0x8769, Value::Ifds(vec![exif.details()]))
        .set(0xc612, Value::Byte(vec![1, 4, 0, 0]))
        .set(0xc613, Value::Byte(vec![1, 1, 0, 0]))
        .text(0xc614, &format!("{} {}", exif.make, exif.model))
        .set(0xc621, Value::SignedRational(matrix.collect()))
        .set(0xc628, Value::Rational(neutral))
        .text(0xc62f, &exif.serial)
        .short(0xc65a, 21);
    Ok(tiff::write(&first))
}

/// What all three pictures of the file have in common: one strip of bytes.
fn strip(image: &RgbImage, kind: u32, bytes: Vec<u8>) -> Ifd {
    let mut ifd = Ifd::default();
    ifd.long(0x00fe, kind)
        .long(0x0100, image.width())
        .long(0x0101, image.height())
        .long(0x0116, image.height())
        .long(0x0117, bytes.len() as u32)
        .set(0x0111, Value::Block(bytes))
        .short(0x011c, 1);
    ifd
}

fn sensor(image: &RgbImage) -> Ifd {
    let mut ifd = strip(image, 0, mosaic(image));
    ifd.short(0x0102, 16)
        .short(0x0103, 1)
        .short(0x0106, 32_803)
        .short(0x0115, 1)
        .set(0x828d, Value::Short(vec![2, 2]))
        .set(0x828e, Value::Byte(vec![0, 1, 1, 2]))
        .set(0xc616, Value::Byte(vec![0, 1, 2]))
        .short(0xc617, 1)
        .set(0xc619, Value::Short(vec![1, 1]))
        .short(0xc61a, BLACK)
        .long(0xc61d, u32::from(WHITE))
        .set(0xc61e, Value::Rational(vec![(1, 1), (1, 1)]))
        .set(0xc61f, Value::Long(vec![0, 0]))
        .set(0xc620, Value::Long(vec![image.width(), image.height()]));
    ifd
}

fn preview(image: &RgbImage) -> Result<Ifd, EncodeError> {
    let mut ifd = strip(image, 1, plain_jpeg(image, 85)?);
    ifd.set(0x0102, Value::Short(vec![8, 8, 8]))
        .short(0x0103, 7)
        .short(0x0106, 6)
        .short(0x0115, 3)
        .set(0x0212, Value::Short(vec![2, 2]))
        .set(0x0214, Value::Rational([0, 255, 128, 255, 128, 255].map(|n| (n, 1)).to_vec()))
        .long(0xc71a, 1);
    Ok(ifd)
}

/// Red, green, green, blue: of each pixel the one colour that its filter lets through.
fn mosaic(image: &RgbImage) -> Vec<u8> {
    let sample = |(x, y, pixel): (u32, u32, &Rgb<u8>)| {
        let Rgb([red, green, blue]) = *pixel;
        let [of_red, of_green, of_blue] = NEUTRAL;
        let (value, factor) = match (y % 2, x % 2) {
            (0, 0) => (red, of_red),
            (1, 1) => (blue, of_blue),
            _ => (green, of_green),
        };
        let light = linear(value) * factor;
        (f64::from(BLACK) + light * f64::from(WHITE - BLACK)).round() as u16
    };
    image.enumerate_pixels().flat_map(|pixel| sample(pixel).to_le_bytes()).collect()
}

fn linear(value: u8) -> f64 {
    let value = f64::from(value) / 255.0;
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

fn resized(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    imageops::resize(image, width, height, FilterType::Triangle)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use exif::{Context, In, Reader, Tag};
    use image::RgbImage;
    use jiff::civil::date;
    use jiff::tz::Offset;

    use super::dng;
    use crate::{Exif, Orientation};

    fn negative() -> Vec<u8> {
        let image = RgbImage::from_pixel(240, 160, image::Rgb([255, 255, 255]));
        let exif = Exif {
            make: "Halden".to_owned(),
            model: "R7".to_owned(),
            lens: String::new(),
            serial: "42".to_owned(),
            software: String::new(),
            artist: None,
            taken: date(2024, 1, 2).at(3, 4, 5, 0),
            offset: Offset::UTC,
            position: None,
            exposure: (1, 60),
            iso: 100,
            f_number_tenths: 40,
            focal_length: 35,
            orientation: Orientation::Upright,
            thumbnail: None,
        };
        dng(&image, &exif).unwrap()
    }

    /// Offsets into a little-endian TIFF, by hand, so that no reader's leniency hides a mistake.
    fn entry(file: &[u8], ifd: usize, wanted: u16) -> Option<(u32, usize)> {
        let short = |at: usize| u16::from_le_bytes([file[at], file[at + 1]]);
        let long = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let count = usize::from(short(ifd));
        let tags: Vec<u16> = (0..count).map(|index| short(ifd + 2 + index * 12)).collect();
        assert!(tags.is_sorted(), "{tags:?}");
        let index = tags.iter().position(|tag| *tag == wanted)?;
        let at = ifd + 2 + index * 12;
        Some((long(at + 4), long(at + 8) as usize))
    }

    #[test]
    fn the_raw_and_the_preview_are_where_the_file_says() {
        let file = negative();
        let (count, at) = entry(&file, 8, 0x014a).unwrap();
        assert_eq!(count, 2);
        let offset = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        let (raw, preview) = (offset(at), offset(at + 4));

        assert_eq!(entry(&file, raw, 0x0106).unwrap().1 as u16, 32_803);
        let (strip, bytes) =
            (entry(&file, raw, 0x0111).unwrap().1, entry(&file, raw, 0x0117).unwrap().1);
        assert_eq!(bytes, 60 * 40 * 2);
        let green = u16::from_le_bytes([file[strip + 2], file[strip + 3]]);
        assert_eq!(green, super::WHITE, "a white wall saturates green");
        let red = u16::from_le_bytes([file[strip], file[strip + 1]]);
        assert!(red > super::BLACK && red < green);

        let (strip, bytes) =
            (entry(&file, preview, 0x0111).unwrap().1, entry(&file, preview, 0x0117).unwrap().1);
        let jpeg = image::load_from_memory(&file[strip..strip + bytes]).unwrap();
        assert_eq!((jpeg.width(), jpeg.height()), (240, 160));
    }

    #[test]
    fn it_says_that_it_is_a_dng() {
        let file = negative();
        let read = Reader::new().read_from_container(&mut Cursor::new(file)).unwrap();
        let version = read.get_field(Tag(Context::Tiff, 0xc612), In::PRIMARY).unwrap();
        assert!(matches!(&version.value, exif::Value::Byte(bytes) if *bytes == [1, 4, 0, 0]));
    }
}
