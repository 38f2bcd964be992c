//! Firs: one, a row, a forest.

use super::Light;
use super::light::Sky;
use crate::paint::{Area, Canvas, Colour, Dice, fbm, hash, hex, lerp, smooth};

/// A row of firs with their feet on `base`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// v of the ground.
    pub(super) base: f32,
    /// How far the ground rises and falls.
    pub(super) relief: f32,
    /// Height of a grown tree.
    pub(super) height: f32,
    /// Distance from tree to tree, in tree heights.
    pub(super) spacing: f32,
    pub(super) colour: Colour,
    /// What the feet of the trees fade into.
    pub(super) haze: Colour,
}

/// A forest in haze: the farther, the paler.
pub(super) fn forest(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let bottom = canvas.bottom();
    let sky = Sky::new(light, bottom * 0.62, canvas, dice);
    sky.paint(canvas);
    let area = canvas.everywhere();
    canvas.blend(Area { top: sky.line - 0.2, ..area }, |_, v| {
        (sky.haze, smooth(sky.line - 0.2, sky.line + 0.05, v))
    });
    let near = if light == Light::Golden { hex(0x3a2a10) } else { hex(0x101c16) };
    let rows = 8;
    for index in 0..rows {
        let t = index as f32 / (rows - 1) as f32;
        let colour = sky.haze.mix(near.mix(sky.ambient, 0.1), 0.12 + 0.86 * t.powf(1.3));
        let haze = sky.haze.mix(sky.horizon, 0.4).mix(colour, 0.12 + 0.5 * t);
        let row = Row {
            base: bottom * lerp(0.48, 1.06, t.powf(1.25)),
            relief: 0.2 - 0.12 * t,
            height: lerp(0.09, 0.55, t * t),
            spacing: lerp(0.22, 0.34, t),
            colour,
            haze,
        };
        firs(canvas, &row, dice);
        drift(canvas, &sky, row.base, 0.55 * (1.0 - t), dice);
    }
    sunbeam(canvas, &sky, light);
}

/// A bank of mist above the feet of a row.
fn drift(canvas: &mut Canvas, sky: &Sky, base: f32, strength: f32, dice: &mut Dice) {
    let seed = dice.seed();
    let area = Area { top: base - 0.2, bottom: base + 0.25, ..canvas.everywhere() };
    let mist = sky.haze.mix(sky.horizon, 0.5);
    canvas.blend(area, |u, v| {
        let away = (v - base - 0.02) / 0.16;
        let body = 1.0 / (1.0 + away * away * 2.0) - 0.2;
        (mist, strength * body.max(0.0) * smooth(0.25, 0.75, fbm(u * 1.6, v * 5.0, 4, seed)))
    });
}

/// Warm light that comes from the sun's side.
fn sunbeam(canvas: &mut Canvas, sky: &Sky, light: Light) {
    let strength = match light {
        Light::Golden | Light::Dawn => 0.3,
        Light::Sunset => 0.25,
        Light::Day => 0.1,
        Light::Dusk | Light::Mist | Light::Night => return,
    };
    let (u, v) = (sky.sun_at.0, sky.sun_at.1.max(0.0));
    canvas.glow(canvas.everywhere(), |x, y| {
        let distance = (x - u).powi(2) + (y - v).powi(2);
        sky.glow * (strength / (1.0 + distance * 9.0))
    });
}

/// Plants a row of firs, and the ground under it.
pub(super) fn firs(canvas: &mut Canvas, row: &Row, dice: &mut Dice) {
    let seed = dice.seed();
    let ground =
        canvas.profile(|u| row.base - row.relief * (fbm(u * 1.4, 0.5, 3, seed) - 0.5) * 1.4);
    let pixel = canvas.pixel();
    let top = row.base - row.relief - pixel;
    canvas.blend(Area { top, ..canvas.everywhere() }, |u, v| {
        let depth = v - ground.at(u);
        let colour = row.colour.mix(row.haze, smooth(-0.02, 0.16, depth));
        (colour, (depth / pixel + 0.5).clamp(0.0, 1.0))
    });
    let step = row.height * row.spacing;
    let count = (canvas.right() / step) as i32 + 2;
    for index in -1..count {
        // groves and gaps
        let grove = fbm(index as f32 * 0.31, 3.7, 2, seed ^ 1);
        if hash(index, 0, seed) > 0.25 + grove * 1.3 {
            continue;
        }
        let u = (index as f32 + dice.unit()) * step;
        let height = row.height * dice.between(0.45, 1.0) * (0.6 + 0.8 * grove);
        fir(canvas, (u, ground.at(u) + height * 0.03), height, row, dice);
    }
}

/// One fir; `(u, v)` is its foot.
fn fir(canvas: &mut Canvas, (u, v): (f32, f32), height: f32, row: &Row, dice: &mut Dice) {
    let seed = dice.seed();
    let (slim, tiers) = (dice.between(0.15, 0.21), dice.between(9.0, 15.0));
    let lean = dice.between(-0.02, 0.02);
    let pixel = canvas.pixel();
    let area = Area { top: v - height, bottom: v, ..Area::around(u, v, height * 0.3) };
    canvas.blend(area, |x, y| {
        // 0 at the top, 1 at the foot
        let t = 1.0 - (v - y) / height;
        if !(0.0..=1.0).contains(&t) {
            return (row.colour, 0.0);
        }
        let side = x - u - lean * (1.0 - t) * height;
        let tier = t.powf(0.85) * tiers + if side < 0.0 { 0.37 } else { 0.0 };
        let along = tier - tier.floor();
        let twig = hash(tier as i32, i32::from(side < 0.0), seed);
        let reach = (0.5 + 0.5 * along) * (0.72 + 0.4 * twig) * t.powf(0.8);
        let ragged = 0.75 + 0.5 * hash((y / pixel) as i32 / 2, 1 + i32::from(side < 0.0), seed);
        let branch = height * slim * reach * (0.82 + 0.18 * ragged);
        let trunk = height * 0.012;
        let edge = if t > 0.95 { trunk } else { branch.max(trunk * t) };
        let cover = ((edge - side.abs()) / (pixel * 1.3) + 0.5).clamp(0.0, 1.0);
        let colour = row.colour.mix(row.haze, 0.75 * smooth(0.55, 1.1, t));
        (colour, cover)
    });
}
