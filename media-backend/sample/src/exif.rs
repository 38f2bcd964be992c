//! The metadata that a camera writes.

use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::tiff::{self, Ifd, Value};

/// A camera's word on one picture. Numbers are in the units that EXIF uses.
#[derive(Debug, Clone, PartialEq)]
pub struct Exif {
    /// Maker of the camera.
    pub make: String,
    /// Model of the camera.
    pub model: String,
    /// Model of the lens.
    pub lens: String,
    /// Serial number of the body.
    pub serial: String,
    /// The program that wrote the file.
    pub software: String,
    /// Who took the picture.
    pub artist: Option<String>,
    /// The camera's clock when the picture was taken; its milliseconds become `SubSecTimeOriginal`.
    pub taken: DateTime,
    /// What the camera's clock was ahead of UTC.
    pub offset: Offset,
    /// Where it was taken.
    pub position: Option<Position>,
    /// Exposure time in seconds, as a fraction.
    pub exposure: (u32, u32),
    /// Sensitivity.
    pub iso: u16,
    /// The f-number, times ten.
    pub f_number_tenths: u32,
    /// Focal length in millimetres.
    pub focal_length: u16,
    /// How the pixels are to be turned.
    pub orientation: Orientation,
    /// A small JPEG, as cameras embed it; at most about 60 kB, since all of EXIF must stay below 64.
    pub thumbnail: Option<Vec<u8>>,
}

/// A place on the Earth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// Degrees north of the equator.
    pub latitude: f64,
    /// Degrees east of Greenwich.
    pub longitude: f64,
    /// Metres above the sea.
    pub altitude: i32,
}

/// EXIF orientation, of which the sample uses what cameras use most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Orientation {
    /// 1: as stored.
    #[default]
    Upright,
    /// 3: to be turned by a half.
    UpsideDown,
    /// 6: to be turned a quarter clockwise.
    QuarterClockwise,
    /// 8: to be turned a quarter counter-clockwise.
    QuarterCounterClockwise,
}

impl Orientation {
    fn code(self) -> u16 {
        match self {
            Self::Upright => 1,
            Self::UpsideDown => 3,
            Self::QuarterClockwise => 6,
            Self::QuarterCounterClockwise => 8,
        }
    }
}

impl Exif {
    /// The TIFF structure that stands in an APP1 segment (after `Exif\0\0`), an `eXIf` or an `EXIF`
    /// chunk. `width` and `height` are those of the stored pixels.
    #[must_use]
    pub fn to_bytes(&self, width: u32, height: u32) -> Vec<u8> {
        let mut first = Ifd::default();
        self.describe(&mut first);
        first.rational(0x011a, 72, 1).rational(0x011b, 72, 1).short(0x0128, 2).short(0x0213, 1);
        let mut details = self.details();
        details
            .set(0x9101, Value::Undefined(vec![1, 2, 3, 0]))
            .set(0xa000, Value::Undefined(b"0100".to_vec()))
            .short(0xa001, 1)
            .long(0xa002, width)
            .long(0xa003, height);
        first.set(0x8769, Value::Ifds(vec![details]));
        if let Some(thumbnail) = &self.thumbnail {
            let mut second = Ifd::default();
            second
                .short(0x0103, 6)
                .rational(0x011a, 72, 1)
                .rational(0x011b, 72, 1)
                .short(0x0128, 2)
                .set(0x0201, Value::Block(thumbnail.clone()))
                .long(0x0202, thumbnail.len() as u32);
            first.follow(second);
        }
        tiff::write(&first)
    }

    /// Camera, orientation, date and place: what stands in the first directory.
    pub(crate) fn describe(&self, ifd: &mut Ifd) {
        ifd.text(0x010f, &self.make)
            .text(0x0110, &self.model)
            .short(0x0112, self.orientation.code())
            .text(0x0131, &self.software)
            .text(0x0132, &clock(self.taken));
        if let Some(artist) = &self.artist {
            ifd.text(0x013b, artist).text(0x8298, &format!("(c) {artist}"));
        }
        if let Some(position) = self.position {
            ifd.set(0x8825, Value::Ifds(vec![self.place(position)]));
        }
    }

    /// The EXIF directory, without what depends on the pixels.
    pub(crate) fn details(&self) -> Ifd {
        let sub_seconds = format!("{:03}", self.taken.millisecond());
        let offset = offset_text(self.offset);
        let mut ifd = Ifd::default();
        ifd.rational(0x829a, self.exposure.0, self.exposure.1)
            .rational(0x829d, self.f_number_tenths, 10)
            .short(0x8822, 3)
            .short(0x8827, self.iso)
            .short(0x8830, 2)
            .long(0x8832, u32::from(self.iso))
            .set(0x9000, Value::Undefined(b"0232".to_vec()))
            .text(0x9003, &clock(self.taken))
            .text(0x9004, &clock(self.taken))
            .text(0x9010, &offset)
            .text(0x9011, &offset)
            .text(0x9012, &offset)
            .text(0x9290, &sub_seconds)
            .text(0x9291, &sub_seconds)
            .text(0x9292, &sub_seconds)
            .set(0x9204, Value::SignedRational(vec![(0, 3)]))
            .short(0x9207, 5)
            .short(0x9209, 16)
            .rational(0x920a, u32::from(self.focal_length), 1)
            .short(0xa402, 0)
            .short(0xa403, 0)
            .short(0xa405, self.focal_length)
            .text(0xa431, &self.serial)
            .text(0xa433, &self.make)
            .text(0xa434, &self.lens);
        ifd
    }

    fn place(&self, position: Position) -> Ifd {
        let north = if position.latitude < 0.0 { "S" } else { "N" };
        let east = if position.longitude < 0.0 { "W" } else { "E" };
        let mut ifd = Ifd::default();
        ifd.set(0, Value::Byte(vec![2, 3, 0, 0]))
            .text(1, north)
            .set(2, Value::Rational(degrees(position.latitude)))
            .text(3, east)
            .set(4, Value::Rational(degrees(position.longitude)))
            .set(5, Value::Byte(vec![u8::from(position.altitude < 0)]))
            .rational(6, position.altitude.unsigned_abs(), 1)
            .text(18, "WGS-84");
        // a date that has no moment in UTC (the edge of the calendar) has no GPS clock either
        if let Ok(moment) = self.offset.to_timestamp(self.taken) {
            let utc = Offset::UTC.to_datetime(moment);
            let part = |number: i8| (u32::from(number.unsigned_abs()), 1);
            ifd.set(
                7,
                Value::Rational(vec![part(utc.hour()), part(utc.minute()), part(utc.second())]),
            )
            .text(29, &format!("{:04}:{:02}:{:02}", utc.year(), utc.month(), utc.day()));
        }
        ifd
    }
}

fn clock(moment: DateTime) -> String {
    moment.strftime("%Y:%m:%d %H:%M:%S").to_string()
}

/// `+02:00`; EXIF has no room for seconds.
fn offset_text(offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// Degrees, minutes and hundredths of seconds.
fn degrees(angle: f64) -> Vec<(u32, u32)> {
    let hundredths = (angle.abs() * 360_000.0).round() as u32;
    vec![(hundredths / 360_000, 1), (hundredths / 6_000 % 60, 1), (hundredths % 6_000, 100)]
}
