//! Linear light in three channels.

use std::ops::{Add, AddAssign, Mul};

/// A colour; 1 is as bright as the screen gets, more is allowed until development.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Colour {
    pub(crate) red: f32,
    pub(crate) green: f32,
    pub(crate) blue: f32,
}

/// A colour as designers write it, `0xff8800`.
pub(crate) fn hex(rgb: u32) -> Colour {
    let channel = |shift: u32| {
        let value = ((rgb >> shift) & 0xff) as f32 / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    Colour { red: channel(16), green: channel(8), blue: channel(0) }
}

impl Colour {
    pub(crate) fn mix(self, other: Self, t: f32) -> Self {
        self * (1.0 - t) + other * t
    }

    /// The three bytes of sRGB; `grain` is added before rounding, in 255ths.
    pub(crate) fn to_srgb(self, grain: f32) -> [u8; 3] {
        let byte =
            |light: f32| (srgb(shoulder(light)) * 255.0 + 0.5 + grain).clamp(0.0, 255.0) as u8;
        [byte(self.red), byte(self.green), byte(self.blue)]
    }

    /// How far apart two colours are, summed over the channels.
    pub(crate) fn distance(self, other: Self) -> f32 {
        (self.red - other.red).abs()
            + (self.green - other.green).abs()
            + (self.blue - other.blue).abs()
    }

    pub(crate) fn brightness(self) -> f32 {
        0.2126 * self.red + 0.7152 * self.green + 0.0722 * self.blue
    }
}

/// Rolls highlights off softly, as film does, instead of cutting them.
fn shoulder(light: f32) -> f32 {
    const KNEE: f32 = 0.7;
    if light <= KNEE {
        return light.max(0.0);
    }
    let over = (light - KNEE) / (1.0 - KNEE);
    KNEE + (1.0 - KNEE) * over / (1.0 + over)
}

/// The curve of sRGB by square roots: to half a step in 255, at a fraction of the price of a power.
fn srgb(light: f32) -> f32 {
    if light < 0.003_130_8 {
        return light * 12.92;
    }
    let root = light.sqrt();
    let fourth = root.sqrt();
    let eighth = fourth.sqrt();
    0.662_002_7 * root + 0.684_122_1 * fourth - 0.323_583_6 * eighth - 0.022_541_15 * light
}

impl Add for Colour {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            red: self.red + other.red,
            green: self.green + other.green,
            blue: self.blue + other.blue,
        }
    }
}

impl AddAssign for Colour {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul<f32> for Colour {
    type Output = Self;

    fn mul(self, factor: f32) -> Self {
        Self { red: self.red * factor, green: self.green * factor, blue: self.blue * factor }
    }
}

impl Mul for Colour {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self {
            red: self.red * other.red,
            green: self.green * other.green,
            blue: self.blue * other.blue,
        }
    }
}
