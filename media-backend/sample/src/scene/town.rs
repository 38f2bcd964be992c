//! What people build: a city at night, a lighthouse.

use super::Light;
use super::light::Sky;
use super::terrain::prepare;
use super::water::waves;
use crate::paint::{Area, Canvas, Colour, Dice, fbm, hash, hex, lerp, smooth};

/// A skyline with lit windows above a river.
pub(super) fn city(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let bottom = canvas.bottom();
    let shore = bottom * 0.72;
    let sky = prepare(canvas, light, dice, 0.7);
    warm_horizon(canvas, shore);
    for layer in 0..4 {
        let t = layer as f32 / 3.0;
        let wall = sky.haze.mix(hex(0x0c1020), 0.3 + 0.62 * t);
        houses(canvas, (shore, t), wall, dice);
    }
    quay(canvas, shore, dice);
    river(canvas, shore, dice);
}

fn warm_horizon(canvas: &mut Canvas, shore: f32) {
    canvas.glow(Area { bottom: shore, ..canvas.everywhere() }, |_, v| {
        hex(0xff9a50) * (0.4 * smooth(shore - 0.55, shore, v).powi(2))
    });
}

/// One row of houses, the nearer the lower and darker.
fn houses(canvas: &mut Canvas, (shore, t): (f32, f32), wall: Colour, dice: &mut Dice) {
    let tall = lerp(0.62, 0.2, t) * (canvas.bottom() / 1.0).sqrt();
    let mut left = -dice.between(0.0, 0.08);
    while left < canvas.right() {
        let width = dice.between(0.055, 0.13) * lerp(0.8, 1.1, t);
        let middle = (left + width / 2.0) / canvas.right() - 0.5;
        // towers gather in the middle
        let height = tall * dice.between(0.3, 1.0) * (1.0 - 1.1 * middle * middle);
        let lit = dice.between(0.18, 0.5);
        house(canvas, (left, width, height), (shore, wall, lit), dice);
        left += width * dice.between(0.86, 1.12);
    }
}

fn house(
    canvas: &mut Canvas,
    (left, width, height): (f32, f32, f32),
    (shore, wall, lit): (f32, Colour, f32),
    dice: &mut Dice,
) {
    let seed = dice.seed();
    let (top, pixel) = (shore - height, canvas.pixel());
    let (window, floor) = (dice.between(0.0085, 0.012), dice.between(0.0125, 0.016));
    let roof = dice.pick(&[0.0, 0.0, 0.35, 0.9]);
    let mast = if dice.unit() < 0.2 { dice.between(0.03, 0.09) } else { 0.0 };
    let warm = [hex(0xffc66a), hex(0xffe0a0), hex(0xffa850), hex(0xcfe4ff)];
    let area = Area { left, top: top - width * roof - mast, right: left + width, bottom: shore };
    canvas.blend(area, |u, v| {
        let across = (u - left) / width - 0.5;
        let edge = top - width * roof * (0.5 - across.abs());
        let pole = if across.abs() * width < pixel { mast + width * roof * 0.5 } else { 0.0 };
        let inside = ((v - edge + pole) / pixel + 0.5).clamp(0.0, 1.0);
        let (column, row) = ((u - left) / window, (v - top) / floor);
        let (fx, fy) = (column - column.floor(), row - row.floor());
        let pane = (0.22..0.78).contains(&fx) && (0.25..0.8).contains(&fy) && row > 0.5;
        let cell = hash(column as i32, row as i32, seed);
        let storey = hash(3, row as i32, seed) * 0.3;
        if pane && cell < lit - 0.15 + storey && across.abs() < 0.44 {
            let choice = (hash(column as i32, row as i32, seed ^ 1) * 4.0) as usize;
            let glow = warm.get(choice).copied().unwrap_or_default();
            return (glow * (0.45 + 0.9 * hash(row as i32, column as i32, seed ^ 2)), inside);
        }
        (wall * (1.08 - 0.3 * across + 0.25 * smooth(0.2, 0.0, shore - v)), inside)
    });
}

/// Lamps along the water.
fn quay(canvas: &mut Canvas, shore: f32, dice: &mut Dice) {
    let area = Area { top: shore - 0.016, bottom: shore + 0.01, ..canvas.everywhere() };
    canvas.blend(area, |_, _| (hex(0x0a0c14), 0.95));
    let mut u = dice.between(0.01, 0.06);
    while u < canvas.right() {
        let v = shore - 0.024;
        canvas.glow(Area::around(u, v, 0.09), |x, y| {
            let distance = ((x - u).powi(2) + (y - v).powi(2)).sqrt();
            hex(0xffb45c)
                * (smooth(0.005, 0.003, distance) * 2.0
                    + 0.0016 / (distance + 0.012) * smooth(0.09, 0.0, distance))
        });
        u += dice.between(0.055, 0.075);
    }
}

fn river(canvas: &mut Canvas, shore: f32, dice: &mut Dice) {
    let seed = dice.seed();
    let above = canvas.clone();
    canvas.blend(Area { top: shore + 0.008, ..canvas.everywhere() }, |u, v| {
        let below = v - shore;
        let away = 0.2 / (below + 0.04);
        let ripple = fbm(u * away * 10.0, away * 34.0, 4, seed) - 0.5;
        let mut seen = Colour::default();
        // lights on moving water are long: look up along a line
        for reach in [0.7, 0.9, 1.1, 1.3, 1.55] {
            seen += above.sample(u + ripple * 0.022, shore - below * reach + ripple * 0.14);
        }
        let colour = seen * (0.2 * 0.72) + hex(0x0a1424) * 0.35;
        (colour * (1.0 + ripple * 0.7), 1.0)
    });
}

/// A lighthouse on a cliff above the sea.
pub(super) fn lighthouse(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let sky = prepare(canvas, light, dice, 0.58);
    waves(canvas, &sky, 1.2, dice);
    let right = canvas.right();
    // the tower stands where the sun doesn't
    let side = if sky.sun_at.0 > right / 2.0 { -1.0 } else { 1.0 };
    let (u, foot) = (right * (0.5 + side * 0.2), sky.line - 0.06);
    cliff(canvas, &sky, (u, foot, side), dice);
    let height = canvas.bottom() * 0.36;
    tower(canvas, &sky, (u, foot + 0.012, height));
    if light != Light::Day {
        beam(canvas, (u, foot + 0.012 - height * 0.905), -side);
    }
}

fn cliff(canvas: &mut Canvas, sky: &Sky, (u, foot, side): (f32, f32, f32), dice: &mut Dice) {
    let seed = dice.seed();
    let (pixel, bottom) = (canvas.pixel(), canvas.bottom());
    let lit = sky.sun * 0.36 + sky.ambient * 0.6;
    let (rock, grass) = (hex(0x74695c), hex(0x7d9440));
    canvas.blend(Area { top: foot - 0.1, ..canvas.everywhere() }, |x, y| {
        let seaward = (u - x) * side;
        let rough = fbm(x * 6.0, y * 6.0, 5, seed);
        // level around the tower, then a fall towards the sea
        let drop = smooth(0.08, 0.36, seaward + (rough - 0.5) * 0.12);
        let top =
            foot + drop * (bottom * 0.86 - foot) + (fbm(x * 4.0, 0.0, 4, seed ^ 1) - 0.5) * 0.05
                - smooth(0.1, 0.7, -seaward) * 0.06;
        let depth = y - top;
        let strata = fbm(x * 3.0 + y * 2.0, y * 26.0 + rough * 5.0, 4, seed ^ 2);
        let shade = (0.35 + 0.5 * strata + (rough - 0.5) * 0.8 - depth * 0.3).clamp(0.06, 1.1);
        let green = smooth(0.09, 0.03, depth + (rough - 0.5) * 0.14) * smooth(0.7, 0.2, drop);
        let blades = 0.55 + 0.6 * fbm(x * 90.0, y * 40.0, 2, seed ^ 3);
        let colour = (rock * shade).mix(grass * blades, green) * lit;
        let foam = smooth(0.035, 0.0, (bottom * 0.88 - y).abs() + (rough - 0.5) * 0.05) * drop;
        (colour.mix(sky.cloud(), foam * 0.5), (depth / pixel + 0.5).clamp(0.0, 1.0))
    });
}

fn tower(canvas: &mut Canvas, sky: &Sky, (u, foot, height): (f32, f32, f32)) {
    let soft = canvas.pixel() * 1.3;
    let lit = sky.sun * 0.42 + sky.ambient * 0.62;
    let side = if sky.sun_at.0 < u { -1.0 } else { 1.0 };
    let area = Area { left: u - 0.15, top: foot - height * 1.1, right: u + 0.15, bottom: foot };
    canvas.blend(area, |x, y| {
        let t = (foot - y) / height;
        let (half, paint) = match t {
            t if t < 0.8 => {
                let stripe = (t / 0.8 * 5.0) as i32 % 2 == 0;
                (lerp(0.098, 0.066, t / 0.8), if stripe { hex(0xf4f0e8) } else { hex(0xc43a2c) })
            }
            t if t < 0.835 => (0.1, hex(0x30343a)),
            t if t < 0.86 => (0.094, hex(0x565c64)),
            t if t < 0.95 => (0.052, hex(0xffe09a)),
            t if t < 1.03 => (0.066 * ((1.03 - t) / 0.08).max(0.0).sqrt(), hex(0x8c2a20)),
            t => (if t < 1.08 { 0.004 } else { 0.0 }, hex(0x30343a)),
        };
        if half <= 0.0 {
            return (paint, 0.0);
        }
        let across = (x - u) / (half * height);
        let round = (1.0 - across * across).max(0.0).sqrt();
        let shade = (0.45 + 0.35 * round + 0.3 * across * side).clamp(0.15, 1.1);
        let lantern = (0.86..0.95).contains(&t);
        let window = t < 0.75 && across.abs() < 0.16 && ((t * 4.2).fract() - 0.5).abs() < 0.09;
        let colour = if lantern {
            paint * if (across * 3.0).fract().abs() < 0.1 { 0.25 } else { 1.1 }
        } else if window {
            hex(0x20262e)
        } else {
            paint * lit * shade
        };
        (colour, ((1.0 - across.abs()) * half * height / soft + 0.5).clamp(0.0, 1.0))
    });
}

fn beam(canvas: &mut Canvas, (u, v): (f32, f32), side: f32) {
    canvas.glow(canvas.everywhere(), |x, y| {
        let (dx, dy) = ((x - u) * side, y - v);
        let distance = (dx * dx + dy * dy).sqrt();
        let halo = hex(0xffdf9a) * (0.012 / (0.012 + distance * distance * 3.0) * 0.55);
        let slope = dy / dx.abs().max(0.001) + 0.1;
        let ray = (-(slope * slope) * 320.0).exp() * if dx > 0.0 { 1.0 } else { 0.35 };
        halo + hex(0xffe6b0) * (ray * 0.34 / (1.0 + distance * 2.2))
    });
}
