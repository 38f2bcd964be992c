//! Flowers: one, and a thousand.

use std::f32::consts::TAU;

use super::Light;
use super::light::Sky;
use super::people::bokeh;
use super::terrain::{distant_range, prepare};
use crate::paint::{Area, Canvas, Colour, Dice, fbm, hash, hex, lerp, smooth, value};

/// A meadow before mountains.
pub(super) fn meadow(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let sky = prepare(canvas, light, dice, 0.56);
    distant_range(canvas, &sky, dice);
    let top = canvas.bottom() * 0.62;
    grass(canvas, &sky, top, dice);
    let colours: [u32; 4] = match light {
        Light::Sunset => [0xd8261c, 0xe04428, 0xc01a1a, 0xf0c8a0],
        Light::Golden => [0xf6d23c, 0xffffff, 0xe88bb8, 0xf6b03c],
        _ => [0xffffff, 0xf4d03a, 0x7c6be0, 0xe060a0],
    };
    let count = 1_500;
    for index in 0..count {
        // the far ones first
        let t = (index as f32 / count as f32).powf(1.7);
        let v = lerp(top + 0.012, canvas.bottom() + 0.02, t);
        let u = dice.unit() * canvas.right();
        let grove = fbm(u * 3.0 / (t + 0.3), t * 9.0, 2, 5);
        if grove < 0.42 {
            continue;
        }
        let size = lerp(0.0018, 0.02, t * t) * dice.between(0.7, 1.3);
        let lit = sky.sun * 0.42 + sky.ambient * 0.5;
        blossom(canvas, (u, v, size), hex(dice.pick(&colours)) * lit, dice);
    }
}

/// A few petals, seen from a low angle.
fn blossom(canvas: &mut Canvas, (u, v, size): (f32, f32, f32), colour: Colour, dice: &mut Dice) {
    let turn = dice.unit() * TAU;
    let soft = canvas.pixel();
    let stem = size * 3.4;
    let green = hex(0x37561c) * 0.6;
    canvas.blend(Area { left: u - soft, top: v, right: u + soft, bottom: v + stem }, |x, _| {
        (green, (1.0 - (x - u).abs() / (size * 0.1 + soft)).clamp(0.0, 1.0))
    });
    canvas.blend(Area::around(u, v, size * 1.2), |x, y| {
        let (dx, dy) = ((x - u) / size, (y - v) / size * 1.35);
        let distance = (dx * dx + dy * dy).sqrt();
        let petals = 0.78 + 0.22 * ((dy.atan2(dx) + turn) * 5.0).cos();
        let shade = 0.62 + 0.45 * distance - dy * 0.18;
        let tint = if distance < 0.24 { hex(0xf0b820).mix(colour, 0.3) } else { colour * shade };
        (tint, ((petals - distance) * size / soft + 0.5).clamp(0.0, 1.0))
    });
}

fn grass(canvas: &mut Canvas, sky: &Sky, top: f32, dice: &mut Dice) {
    let seed = dice.seed();
    let green = hex(0x6f9a30).mix(hex(0x8fa83c), dice.unit());
    let lit = sky.sun * 0.4 + sky.ambient * 0.5;
    let pixel = canvas.pixel();
    let bottom = canvas.bottom();
    canvas.blend(Area { top: top - 0.06, ..canvas.everywhere() }, |u, v| {
        let edge = top
            - 0.03 * (fbm(u * 2.0, 0.4, 3, seed) - 0.3)
            - 0.006 * value(u * 190.0, 0.0, seed ^ 8);
        let t = ((v - edge) / (bottom - top)).clamp(0.0, 1.0);
        let away = 1.0 / (t + 0.12);
        // blades: fine across, long upwards, coarser towards the viewer
        let blades =
            value(u * away * 55.0 + fbm(u * 9.0, v * 9.0, 2, seed) * 6.0, v * away * 9.0, seed ^ 1);
        let blades =
            blades * 0.6 + 0.4 * value(u * away * 130.0, v * away * 16.0 + u * 9.0, seed ^ 2);
        let patches = fbm(u * away * 1.2, away * 3.0, 4, seed ^ 3);
        let colour = green * (0.25 + 0.55 * blades + 0.5 * patches - 0.1 * t);
        let far = sky.haze * 0.5 + green * lit * 0.5;
        let colour = (colour * lit).mix(far, 0.4 * smooth(0.3, 0.0, t));
        (colour, ((v - edge) / pixel + 0.5).clamp(0.0, 1.0))
    });
}

/// A large blossom before soft lights.
pub(super) fn flower(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let (dark, pale) = match light {
        Light::Golden => (hex(0x5a5a24), hex(0xd9b25c)),
        _ => (hex(0x1f4a2c), hex(0x8fbf6a)),
    };
    bokeh(canvas, (dark, pale), 70, dice);
    let petals: [u32; 3] = match light {
        Light::Golden => [0xf2b8a0, 0xe8788a, 0xf4d8b8],
        _ => [0xe2559a, 0xf2a0c8, 0xc23a86],
    };
    let side = if dice.unit() < 0.5 { 0.38 } else { 0.62 };
    let heads = [
        (canvas.right() * (1.0 - side * 0.9), canvas.bottom() * 0.68, 0.17, 0.02),
        (canvas.right() * side, canvas.bottom() * 0.45, 0.33, 0.0),
    ];
    for (index, (u, v, size, blur)) in heads.into_iter().enumerate() {
        let colour = hex(petals.get(index).copied().unwrap_or(0xe8788a));
        stalk(canvas, (u, v), (size, blur), dark);
        head(canvas, (u, v), (size, blur), (colour, pale), dice);
    }
}

fn stalk(canvas: &mut Canvas, (u, v): (f32, f32), (size, blur): (f32, f32), dark: Colour) {
    let (half, soft) = (size * 0.05, canvas.pixel() * 1.5 + blur);
    let area = Area { top: v, left: u - size, right: u + size, ..canvas.everywhere() };
    canvas.blend(area, |x, y| {
        let bend = u + (y - v).powi(2) * 0.25;
        let across = (x - bend) / half;
        let colour = dark.mix(hex(0x7fa848), (0.6 - across * 0.4).clamp(0.0, 1.0));
        (colour, ((1.0 - across.abs()) * half / soft + 0.5).clamp(0.0, 1.0))
    });
}

/// Rings of petals, the outer ones first.
fn head(
    canvas: &mut Canvas,
    (u, v): (f32, f32),
    (size, blur): (f32, f32),
    (colour, rim): (Colour, Colour),
    dice: &mut Dice,
) {
    let soft = canvas.pixel() * 1.3 + blur;
    let turn = dice.unit() * TAU;
    for ring in 0..5 {
        let t = ring as f32 / 4.0;
        let (reach, count) = (size * lerp(1.0, 0.36, t), 13 - ring);
        let seed = dice.seed();
        for petal in 0..count {
            let angle = turn + t * 0.9 + TAU * petal as f32 / count as f32;
            let angle = angle + (hash(petal, ring, seed) - 0.5) * 0.16;
            let length = reach * (0.92 + 0.16 * hash(petal, ring + 9, seed));
            let (sin, cos) = angle.sin_cos();
            let shade = lerp(0.72, 1.08, t) * (0.9 + 0.14 * hash(petal, 3, seed)) - sin * 0.1;
            canvas.blend(Area::around(u, v, length + soft), |x, y| {
                let (dx, dy) = (x - u, (y - v) * 1.12);
                let along = (dx * cos + dy * sin) / length;
                let across = (dy * cos - dx * sin) / length;
                if !(0.0..=1.05).contains(&along) {
                    return (colour, 0.0);
                }
                let width =
                    0.27 * (along * 3.0).min(1.0).sqrt() * (1.0 - along.powi(6)).max(0.0).sqrt();
                let fold = (across / width.max(0.01)).abs();
                let veins = value(across * 70.0, along * 3.0, seed) * 0.1;
                let light = shade
                    * (0.5 + 0.6 * along + veins - 0.22 * smooth(0.1, 0.0, across.abs() * 2.0));
                let paint = (colour * light).mix(rim, 0.14 * smooth(0.6, 1.0, fold) * along);
                (paint, ((width - across.abs()) * length / soft + 0.5).clamp(0.0, 1.0))
            });
        }
    }
    let heart = hex(0xe8b030);
    let seed = dice.seed();
    canvas.blend(Area::around(u, v, size * 0.2 + soft), |x, y| {
        let distance = ((x - u).powi(2) + (y - v).powi(2)).sqrt() / (size * 0.17);
        let dots = value(x / size * 60.0, y / size * 60.0, seed);
        let light = 0.35 + 0.8 * dots * smooth(0.0, 1.0, distance);
        (heart * light, ((1.0 - distance) * size * 0.17 / soft + 0.5).clamp(0.0, 1.0))
    });
}
