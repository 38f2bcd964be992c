//! Country: mountains, hills, dunes, and the lakes between.

use super::Light;
use super::light::{Sky, sprinkle_stars};
use crate::paint::{Canvas, Colour, Dice, Slope, fbm, fbm_slope, hex, smooth, value};
use march::{Ground, Spot, Water};

mod march;

/// Which plants and how much snow.
#[derive(Debug, Clone, Copy)]
struct Cover {
    /// Height above which snow lies.
    snow: f32,
    /// Height below which trees stand.
    trees: f32,
    grass: Colour,
    rock: Colour,
    seed: u32,
}

pub(super) fn alps(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let sky = prepare(canvas, light, dice, 0.66);
    let cover = Cover {
        snow: dice.between(2.3, 3.0),
        trees: dice.between(1.0, 1.5),
        grass: hex(0x6f8a3a).mix(hex(0xa09048), dice.unit() * 0.5),
        rock: hex(0x8d857c).mix(hex(0xb09a84), dice.unit()),
        seed: dice.seed(),
    };
    mountains(canvas, &sky, &cover, (0.0, Water::Dry), dice);
}

pub(super) fn snow(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let sky = prepare(canvas, light, dice, 0.7);
    let cover = Cover {
        snow: dice.between(-0.3, 0.3),
        trees: dice.between(0.7, 1.0),
        grass: hex(0x8f949c),
        rock: hex(0x5f6068),
        seed: dice.seed(),
    };
    mountains(canvas, &sky, &cover, (0.0, Water::Dry), dice);
}

pub(super) fn lake(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let sky = prepare(canvas, light, dice, 0.5);
    let cover = Cover {
        snow: dice.between(1.9, 2.6),
        trees: dice.between(1.0, 1.4),
        grass: hex(0x63803a),
        rock: hex(0x857e78),
        seed: dice.seed(),
    };
    mountains(canvas, &sky, &cover, (0.42, Water::Lake), dice);
}

/// Mountains from `sink` below the viewer's valley upwards.
pub(super) fn distant_range(canvas: &mut Canvas, sky: &Sky, dice: &mut Dice) {
    let cover = Cover {
        snow: dice.between(2.4, 3.2),
        trees: 1.3,
        grass: hex(0x74903c),
        rock: hex(0x8d857c),
        seed: dice.seed(),
    };
    mountains(canvas, sky, &cover, (0.0, Water::Dry), dice);
}

/// A sky down to a horizon at `line` of the shorter side, stars included at night.
pub(super) fn prepare(canvas: &mut Canvas, light: Light, dice: &mut Dice, line: f32) -> Sky {
    let sky = Sky::new(light, canvas.bottom() * line, canvas, dice);
    sky.paint(canvas);
    match light {
        Light::Night => sprinkle_stars(canvas, sky.line, 1.0, dice),
        Light::Dusk => sprinkle_stars(canvas, sky.line, 0.12, dice),
        Light::Dawn | Light::Day | Light::Golden | Light::Mist | Light::Sunset => {}
    }
    sky
}

fn mountains(
    canvas: &mut Canvas,
    sky: &Sky,
    cover: &Cover,
    (sink, water): (f32, Water),
    dice: &mut Dice,
) {
    let (seed, bend) = (dice.seed(), dice.between(-1.2, 1.2));
    let (strength, begin) = (dice.between(6.6, 8.2), dice.between(2.0, 3.4));
    let height = |x: f32, z: f32, octaves: u32| {
        let rise = smooth(begin, begin + 7.5, z);
        let valley = 0.38 + 0.62 * smooth(0.2, 3.8, (x - bend * (z * 0.3).sin()).abs());
        let peaks = fbm_slope(x * 0.24, z * 0.24, octaves, seed, 0.62);
        let near = fbm_slope(x * 0.9, z * 0.9, octaves.min(6), seed ^ 5, 0.0);
        let much = rise * valley * strength;
        let little = 0.34 * (1.0 - rise);
        Slope {
            value: peaks.value * much + near.value * little - sink,
            dx: peaks.dx * much * 0.24 + near.dx * little * 0.9,
            dy: peaks.dy * much * 0.24 + near.dy * little * 0.9,
        }
    };
    let eye = if water == Water::Lake { 0.32 } else { 0.72 };
    let colour = |spot: &Spot| alpine(spot, cover);
    let near = if water == Water::Lake { 0.6 } else { 0.75 };
    Ground { height, colour, eye, near, far: 36.0, frequency: 0.24, water }.paint(canvas, sky);
}

fn alpine(spot: &Spot, cover: &Cover) -> Colour {
    let (x, z) = (spot.across, spot.away);
    let rough = fbm(x * 2.3, z * 2.3, 4, cover.seed);
    let fine = value(x * 31.0, z * 31.0, cover.seed ^ 1);
    let strata = value(spot.height * 9.0 + rough * 3.0, x * 0.4, cover.seed ^ 2);
    let rock = cover.rock * (0.55 + 0.4 * rough + 0.25 * strata) * (0.8 + 0.4 * fine);
    let level = spot.level + (rough - 0.5) * 0.35;
    let altitude = spot.height + (rough - 0.5) * 1.1;

    let grass = cover.grass * (0.55 + 0.5 * rough + 0.25 * fine);
    let green = smooth(0.5, 0.68, level) * smooth(2.2, 1.2, altitude);
    let mut colour = rock.mix(grass, green);

    let stand = fbm(x * 1.1 + 7.0, z * 1.1, 3, cover.seed ^ 3) + (fine - 0.5) * 0.2;
    let wooded = smooth(0.47, 0.53, stand) * smooth(0.42, 0.55, level);
    let woods = wooded * smooth(cover.trees + 0.3, cover.trees - 0.2, altitude);
    colour = colour.mix(hex(0x24381f) * (0.35 + fine * 0.9), woods * 0.92);

    let covered = smooth(0.42, 0.6, level) * smooth(cover.snow - 0.25, cover.snow + 0.35, altitude);
    colour.mix(hex(0xf4f7fc), covered * (1.0 - 0.75 * woods))
}

pub(super) fn hills(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let sky = prepare(canvas, light, dice, 0.42);
    rolling(canvas, &sky, dice);
}

/// Green country with fields, hedges and single trees.
fn rolling(canvas: &mut Canvas, sky: &Sky, dice: &mut Dice) {
    let seed = dice.seed();
    let height = |x: f32, z: f32, octaves: u32| {
        let hills = fbm_slope(x * 0.33, z * 0.33, octaves.min(4), seed, 0.0);
        let rise = 1.5 + smooth(4.0, 16.0, z) * 1.6;
        let bumps =
            fbm_slope(x * 6.0, z * 6.0, octaves.saturating_sub(4).clamp(1, 3), seed ^ 9, 0.0);
        Slope {
            value: hills.value * rise + bumps.value * 0.012,
            dx: hills.dx * rise * 0.33 + bumps.dx * 0.05,
            dy: hills.dy * rise * 0.33 + bumps.dy * 0.05,
        }
    };
    let young = hex(0x86a33c).mix(hex(0x5f8f3a), dice.unit());
    let ripe = hex(0xc9ac58).mix(hex(0xa98c4a), dice.unit());
    let colour = |spot: &Spot| field(spot, (young, ripe), seed);
    let ground = Ground {
        height,
        colour,
        eye: 1.95,
        near: 1.2,
        far: 42.0,
        frequency: 0.33,
        water: Water::Dry,
    };
    ground.paint(canvas, sky);
}

fn field(spot: &Spot, (young, ripe): (Colour, Colour), seed: u32) -> Colour {
    let (x, z) = (spot.across, spot.away);
    // borders that wander a little, as old ones do
    let bend = fbm(x * 0.5, z * 0.5, 2, seed ^ 4) * 2.2;
    let (column, row) = (x * 0.55 + bend, z * 0.42 - bend * 0.7);
    let crop = crate::paint::hash(column.floor() as i32, row.floor() as i32, seed);
    let fine = value(x * 26.0, z * 26.0, seed ^ 6);
    let soft = fbm(x * 1.7, z * 1.7, 3, seed ^ 7);
    let furrows = if crop > 0.55 { ((x * 0.8 + z * 0.5 + bend) * 46.0).sin() * 0.05 } else { 0.0 };
    let base = young.mix(ripe, smooth(0.3, 0.9, crop));
    let mut colour = base * (0.62 + 0.4 * soft + 0.22 * fine + furrows);

    let (across, down) = (column - column.floor(), row - row.floor());
    let border = across.min(1.0 - across).min(down.min(1.0 - down));
    let hedge = smooth(0.05, 0.02, border) * smooth(0.42, 0.5, soft);
    let grove = smooth(0.66, 0.7, fbm(x * 1.3, z * 1.3, 4, seed ^ 8));
    colour = colour.mix(hex(0x2c421f) * (0.4 + fine), hedge.max(grove) * 0.9);
    colour
}

pub(super) fn dunes(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let sky = prepare(canvas, light, dice, 0.36);
    let seed = dice.seed();
    let turn = dice.between(-0.5, 0.5);
    let crest = move |x: f32, z: f32| {
        let warp = fbm(x * 0.28, z * 0.28, 3, seed) * 3.4;
        let along = (x * turn + z) * 0.42 + warp;
        let wave = along - along.floor();
        // a long windward slope and a short steep one behind the crest
        let profile = if wave < 0.72 { wave / 0.72 } else { (1.0 - wave) / 0.28 };
        let swell = fbm(x * 0.22 + 9.0, z * 0.22, 2, seed ^ 2);
        let lift = 0.35 + 1.3 * swell;
        (profile * profile * (3.0 - 2.0 * profile) * 0.75 + profile * 0.25) * lift
    };
    let height = |x: f32, z: f32, octaves: u32| {
        let step = 0.012 + z * 0.0012;
        let (here, right, beyond) = (crest(x, z), crest(x + step, z), crest(x, z + step));
        let ripple_phase = x * 34.0 + z * 9.0 + fbm(x * 2.0, z * 2.0, 3, seed ^ 3) * 26.0;
        let ripples = if octaves >= 5 { ripple_phase.cos() * 0.16 / (1.0 + z * 0.35) } else { 0.0 };
        Slope {
            value: here,
            dx: (right - here) / step + ripples,
            dy: (beyond - here) / step + ripples * 0.3,
        }
    };
    let sand = hex(0xd9a566).mix(hex(0xe2bd8a), dice.unit());
    let colour = |spot: &Spot| {
        let grain = value(spot.across * 60.0, spot.away * 60.0, seed ^ 5);
        let soft = fbm(spot.across * 0.9, spot.away * 0.9, 3, seed ^ 6);
        sand * (0.78 + 0.16 * grain + 0.24 * soft)
    };
    let ground = Ground {
        height,
        colour,
        eye: 1.75,
        near: 1.3,
        far: 34.0,
        frequency: 0.3,
        water: Water::Dry,
    };
    ground.paint(canvas, &sky);
}
