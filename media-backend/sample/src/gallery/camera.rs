//! What the photographer carried, and what the camera noted.

use jiff::ToSpan as _;

use super::catalogue::Shot;
use crate::exif::{Exif, Orientation, Position};
use crate::scene::{Light, Subject};

/// A body with a lens. The makers are invented.
struct Kit {
    make: &'static str,
    model: &'static str,
    lens: &'static str,
    serial: &'static str,
    focal_lengths: &'static [u16],
}

const WIDE: Kit = Kit {
    make: "Halden",
    model: "Halden R7 II",
    lens: "Halden R 14-24mm F2.8",
    serial: "3018842",
    focal_lengths: &[14, 18, 24],
};
const STANDARD: Kit = Kit {
    make: "Halden",
    model: "Halden R7 II",
    lens: "Halden R 24-70mm F4 S",
    serial: "3018842",
    focal_lengths: &[24, 35, 50, 70],
};
const COMPACT: Kit = Kit {
    make: "Lumenar",
    model: "Lumenar X20",
    lens: "Lumenar 23mm F2",
    serial: "LX20-0071539",
    focal_lengths: &[23],
};
const PORTRAIT: Kit = Kit {
    make: "Okuda Optical",
    model: "M-5",
    lens: "Okuda 85mm f/1.8",
    serial: "00420817",
    focal_lengths: &[85],
};

/// The EXIF block of an entry of the catalogue.
pub(super) fn exif(shot: &Shot, seed: u64) -> Exif {
    let kit = kit(shot, seed);
    let (exposure, iso, f_number_tenths) = exposure(shot);
    let pick = seed as usize % kit.focal_lengths.len().max(1);
    // nobody stands on the very same spot twice: up to about 500 m away
    let drift = |shift: u32| f64::from((seed >> shift) as u16) / 65_536.0 * 0.01 - 0.005;
    Exif {
        make: kit.make.to_owned(),
        model: kit.model.to_owned(),
        lens: kit.lens.to_owned(),
        serial: kit.serial.to_owned(),
        software: concat!("vestibule sample ", env!("CARGO_PKG_VERSION")).to_owned(),
        artist: Some("Olivia Marchetti".to_owned()),
        taken: shot.taken.saturating_add(((seed % 1_000) as i64).milliseconds()),
        offset: shot.place.offset(shot.taken),
        position: Some(Position {
            latitude: shot.place.latitude + drift(8),
            longitude: shot.place.longitude + drift(24),
            altitude: shot.place.altitude,
        }),
        exposure,
        iso,
        f_number_tenths,
        focal_length: kit.focal_lengths.get(pick).copied().unwrap_or(35),
        orientation: Orientation::Upright,
        thumbnail: None,
    }
}

fn kit(shot: &Shot, seed: u64) -> &'static Kit {
    match shot.scene.subject {
        Subject::Aurora | Subject::MilkyWay | Subject::Moon | Subject::Stars => &WIDE,
        Subject::Portrait | Subject::Flower => &PORTRAIT,
        _ if seed.is_multiple_of(3) => &COMPACT,
        _ => &STANDARD,
    }
}

/// Seconds as a fraction, sensitivity, f-number times ten.
fn exposure(shot: &Shot) -> ((u32, u32), u16, u32) {
    match (shot.scene.subject, shot.scene.light) {
        (Subject::Aurora, _) => ((6, 1), 1_600, 28),
        (Subject::MilkyWay | Subject::Stars, _) => ((15, 1), 3_200, 28),
        (Subject::Moon, _) => ((1, 125), 200, 80),
        (Subject::Portrait | Subject::Flower, _) => ((1, 320), 200, 18),
        (Subject::Waterfall, _) => ((1, 2), 64, 160),
        (_, Light::Night | Light::Dusk) => ((1, 8), 800, 40),
        (_, Light::Dawn | Light::Sunset) => ((1, 60), 200, 80),
        (_, Light::Mist) => ((1, 125), 200, 80),
        (_, Light::Day | Light::Golden) => ((1, 250), 100, 80),
    }
}
