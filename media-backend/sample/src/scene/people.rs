//! People as paper-cuts, before soft lights.

use super::Light;
use crate::paint::{Canvas, Colour, Dice, fbm, hex, lerp, smooth};

/// A background out of focus, with `count` discs of light.
pub(super) fn bokeh(
    canvas: &mut Canvas,
    (dark, pale): (Colour, Colour),
    count: usize,
    dice: &mut Dice,
) {
    let seed = dice.seed();
    let bottom = canvas.bottom();
    canvas.fill(|u, v| {
        let wash = fbm(u * 1.1, v * 1.1, 3, seed);
        dark.mix(pale, (smooth(0.25, 0.8, wash) * 0.7 + 0.28 * (1.0 - v / bottom)).min(1.0))
    });
    for _ in 0..count {
        let place = (dice.unit() * canvas.right(), dice.unit() * bottom * 0.9);
        let radius = dice.between(0.018, 0.085);
        let colour = pale.mix(hex(0xfff2d8), dice.unit() * 0.6) * dice.between(0.7, 1.25);
        canvas.disc((place.0, place.1, radius), radius * 0.12, (colour, dice.between(0.05, 0.34)));
        canvas.disc((place.0, place.1, radius * 0.92), radius * 0.3, (dark, 0.03));
    }
}

/// How a person looks.
struct Looks {
    skin: Colour,
    hair: Colour,
    cloth: Colour,
    /// 0 short, 1 to the shoulders, 2 tied up, 3 round.
    cut: u8,
    /// Light from behind.
    rim: Colour,
    side: f32,
}

pub(super) fn portrait(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let (background, rim) = match light {
        Light::Golden => ((0x4a3418, 0xe8b060), 0xffd890),
        Light::Dusk => ((0x14203c, 0x5870b0), 0xa8c0ff),
        Light::Sunset => ((0x4c2440, 0xf09060), 0xffb080),
        Light::Night => ((0x1c1410, 0xb07038), 0xffc070),
        _ => ((0x28483c, 0x9cc4a0), 0xf4fff0),
    };
    bokeh(canvas, (hex(background.0), hex(background.1)), 60, dice);
    let looks = Looks {
        skin: hex(dice.pick(&[0xe8b898, 0xc98a64, 0x8a5638, 0xf0c8ac, 0x6a3f2a, 0xd8a078])),
        hair: hex(dice.pick(&[0x1c1412, 0x3a2418, 0x6a4020, 0x8c8078, 0x2a1a1a, 0xa06a34])),
        cloth: hex(dice.pick(&[0x2f5d74, 0xa8443a, 0x3d6b4a, 0xd8a040, 0x5a4a7a, 0xe8dccb])),
        cut: dice.pick(&[0, 1, 2, 3]),
        rim: hex(rim),
        side: if dice.unit() < 0.5 { -1.0 } else { 1.0 },
    };
    let middle = canvas.right() * 0.5 + looks.side * 0.03;
    let eyes = canvas.bottom() * 0.385;
    figure(canvas, &looks, (middle, eyes), dice.seed());
}

/// Head and shoulders; lengths are in heads, from the middle of the face.
fn figure(canvas: &mut Canvas, looks: &Looks, (u, v): (f32, f32), seed: u32) {
    let head = 0.29;
    let soft = canvas.pixel() * 1.5 / head;
    let cover = |distance: f32| (0.5 - distance / soft).clamp(0.0, 1.0);
    canvas.change(canvas.everywhere(), |x, y, old| {
        let (px, py) = ((x - u) / head, (y - v) / head);
        let mut colour = old;
        colour = colour.mix(
            shaded(looks.hair * 0.8, looks, (px, py), back_hair(looks.cut, px, py), seed),
            cover(back_hair(looks.cut, px, py)),
        );
        let neck = neck(px, py);
        let throat = looks.skin * (0.72 - 0.3 * smooth(0.85, 0.45, py));
        colour = colour.mix(shaded(throat, looks, (px, py), neck, seed), cover(neck));
        let body = shoulders(px, py);
        let folds = 0.8 + 0.4 * fbm(px * 1.1 + py * 0.4, py * 0.9 - px * 0.5, 3, seed);
        colour = colour.mix(shaded(looks.cloth * folds, looks, (px, py), body, seed), cover(body));
        let face = face(px, py);
        colour = colour.mix(shaded(looks.skin, looks, (px, py), face, seed), cover(face));
        let front = front_hair(looks, px, py);
        colour.mix(shaded(looks.hair, looks, (px, py), front, seed), cover(front))
    });
}

/// A flat colour, rounded by light from one side and a bright edge on it.
fn shaded(flat: Colour, looks: &Looks, (x, y): (f32, f32), distance: f32, seed: u32) -> Colour {
    let turn = 0.5 + 0.42 * (x * looks.side).clamp(-1.0, 1.0) - 0.1 * y.clamp(-1.0, 1.0);
    let paper = 0.94 + 0.12 * fbm(x * 5.0, y * 5.0, 3, seed ^ 7);
    let edge = smooth(-0.085, 0.0, distance) * smooth(-0.1, 0.4, x * looks.side);
    let warm = flat.mix(flat * looks.rim * 1.5, 0.45);
    (warm * (lerp(0.4, 1.12, turn) * paper)) + looks.rim * (edge * 0.42)
}

fn ellipse(x: f32, y: f32, (across, down): (f32, f32)) -> f32 {
    let (nx, ny) = (x / across, y / down);
    ((nx * nx + ny * ny).sqrt() - 1.0) * across.min(down)
}

/// The union of two shapes, with a rounded seam.
fn join(a: f32, b: f32, round: f32) -> f32 {
    let t = (0.5 + 0.5 * (b - a) / round).clamp(0.0, 1.0);
    lerp(b, a, t) - round * t * (1.0 - t)
}

fn face(x: f32, y: f32) -> f32 {
    // a skull above, narrowing to the chin
    let narrow = 1.0 - 0.24 * smooth(0.0, 0.75, y);
    let skull = ellipse(x / narrow, y, (0.44, 0.62));
    let ears = ellipse(x.abs() - 0.43, y - 0.04, (0.07, 0.13));
    join(skull, ears, 0.04)
}

fn neck(x: f32, y: f32) -> f32 {
    let half = 0.2 + 0.16 * smooth(0.75, 1.15, y);
    (x.abs() - half).max(0.1 - y).max(y - 1.35)
}

fn shoulders(x: f32, y: f32) -> f32 {
    // sloping from the neck, rounded, then straight down and out of the picture
    let slope = ellipse(x, y.min(1.95) - 1.95, (1.14, 1.0));
    let neckline = ellipse(x, y - 0.86, (0.33, 0.3));
    slope.max(-neckline)
}

fn back_hair(cut: u8, x: f32, y: f32) -> f32 {
    match cut {
        1 => {
            let fall = ellipse(x, y - 0.3, (0.62, 0.98));
            fall.max(y - 1.12 - 0.05 * (x * 9.0).cos())
        }
        2 => ellipse(x - 0.06, y + 0.78, (0.25, 0.22)),
        3 => ellipse(x, y + 0.22, (0.74, 0.7)) + 0.018 * ((x * 23.0).sin() + (y * 21.0).cos()),
        _ => ellipse(x, y + 0.12, (0.48, 0.58)),
    }
}

/// What covers the forehead, parted on the side of the light.
fn front_hair(looks: &Looks, x: f32, y: f32) -> f32 {
    let cap = ellipse(x, y + 0.1, (0.49, 0.6));
    let part = looks.side * 0.16;
    let brow = -0.3 - 0.16 * smooth(0.5, 0.0, (x - part).abs()) + 0.5 * smooth(0.24, 0.5, x.abs());
    let brow = if looks.cut == 3 { -0.34 + 0.3 * smooth(0.25, 0.5, x.abs()) } else { brow };
    cap.max(y - brow)
}
