//! The means: colour, chance, noise, and a canvas to put them on.
//!
//! Coordinates are in units of the picture's shorter side, from the left and from the top, so that a
//! scene looks the same at every size. Colours are linear light.

mod canvas;
mod colour;
mod dice;
mod noise;

pub(crate) use canvas::{Area, Canvas};
pub(crate) use colour::{Colour, hex};
pub(crate) use dice::Dice;
pub(crate) use noise::{Slope, fbm, fbm_slope, hash, value};

/// 0 below `from`, 1 above `to`, smooth between; `from` may be the larger.
pub(crate) fn smooth(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// `from` at 0, `to` at 1.
pub(crate) fn lerp(from: f32, to: f32, t: f32) -> f32 {
    from + (to - from) * t
}
