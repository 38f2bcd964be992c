//! The sea, and water that falls.

use super::Light;
use super::light::Sky;
use super::terrain::prepare;
use super::trees::{Row, firs};
use crate::paint::{Area, Canvas, Colour, Dice, fbm, fbm_slope, hex, lerp, smooth, value};

/// Waves to the horizon; in fair weather a strip of beach.
pub(super) fn sea(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let line = dice.between(0.4, 0.5);
    let sky = prepare(canvas, light, dice, line);
    let swell = if light == Light::Mist { 1.9 } else { 1.0 };
    waves(canvas, &sky, swell, dice);
    match light {
        Light::Day | Light::Golden => beach(canvas, &sky, dice),
        Light::Sunset => boat(canvas, &sky, dice),
        Light::Dawn | Light::Dusk | Light::Mist | Light::Night => {}
    }
}

/// Open water below `sky`'s horizon.
pub(super) fn waves(canvas: &mut Canvas, sky: &Sky, swell: f32, dice: &mut Dice) {
    let (seed, middle) = (dice.seed(), canvas.right() / 2.0);
    let water = hex(0x1c5f70) * (sky.ambient.brightness() * 1.1 + 0.12);
    let deep = water.mix(sky.ambient * 0.2, 0.45);
    let area = Area { top: sky.line, ..canvas.everywhere() };
    canvas.change(area, |u, v, old| {
        let below = (v - sky.line).max(0.001);
        let away = 0.3 / (below + 0.006);
        let across = (u - middle) * away;
        let far = fbm_slope(across * 3.0, away * 7.0, 3, seed, 0.0);
        let near = fbm_slope(across * 11.0 + far.value * 2.0, away * 24.0, 4, seed ^ 3, 0.0);
        // distant waves are too small to be seen one by one
        let calm = 1.0 / (1.0 + away * 0.16);
        let tilt = (far.dy * 0.10 + near.dy * 0.07) * swell * calm;
        let lean = (far.dx * 0.10 + near.dx * 0.08) * swell * calm;
        let up = (below * 0.75 + 0.02 + tilt * 0.3).abs().min(sky.line);
        let mirrored = sky.clear(u + lean * 0.4, sky.line - up);
        let fresnel = (0.75 - below * 0.6 - tilt * 0.9).clamp(0.12, 0.85);
        let mut colour = deep.mix(mirrored, fresnel);
        colour += glitter(sky, (u, below), tilt + lean * 0.4, near.value);
        let crest = smooth(0.66, 0.86, near.value + far.value * 0.35 * swell - 0.12);
        colour = colour.mix(sky.cloud(), crest * 0.35 * swell.min(1.5) * smooth(0.02, 0.2, below));
        let edge = smooth(0.0, canvas_edge(below), below);
        old.mix(colour.mix(sky.haze, 0.5 / (1.0 + below * 40.0)), edge)
    });
}

fn canvas_edge(below: f32) -> f32 {
    0.0015 + below * 0.001
}

/// The sun's road on the water.
fn glitter(sky: &Sky, (u, below): (f32, f32), tilt: f32, noise: f32) -> Colour {
    let width = 0.035 + below * 0.35;
    let aside = (u - sky.sun_at.0) / width;
    let road = (-aside * aside).exp();
    let sparkle = smooth(0.42, 0.75, noise + tilt * 0.8);
    sky.glow * sky.sun * (road * (0.12 + sparkle * 0.9) * 0.55)
}

fn beach(canvas: &mut Canvas, sky: &Sky, dice: &mut Dice) {
    let (seed, start) = (dice.seed(), canvas.bottom() * dice.between(0.72, 0.8));
    let slant = dice.between(-0.12, 0.12);
    let sand = hex(0xdcc094) * (sky.sun * 0.32 + sky.ambient * 0.55);
    let foam = (sky.sun * 0.3 + sky.ambient * 0.7) * 1.1;
    let shore = |u: f32| start + slant * u + (fbm(u * 1.7, 0.2, 3, seed) - 0.5) * 0.16;
    let area = Area { top: start - 0.3, ..canvas.everywhere() };
    canvas.change(area, |u, v, old| {
        let inland = v - shore(u);
        let lace = fbm(u * 9.0, v * 22.0, 4, seed ^ 1);
        let grain = value(u * 420.0, v * 620.0, seed ^ 2) * 0.12
            + fbm(u * 5.0, v * 9.0, 4, seed ^ 4) * 0.25;
        let wet = smooth(0.16, 0.02, inland);
        let ground = (sand * (0.82 + grain)).mix(sky.horizon * 0.5 + sand * 0.25, wet * 0.6);
        let mut colour = old.mix(ground, smooth(-0.012, 0.02, inland + (lace - 0.5) * 0.03));
        for (at, strength) in [(0.0, 0.95), (-0.075, 0.75), (-0.16, 0.5)] {
            let away = (inland - at + (lace - 0.5) * 0.05) / (0.02 + at.abs() * 0.08);
            let band = 1.0 / (1.0 + away * away * away * away) * smooth(0.34, 0.62, lace + 0.12);
            colour = colour.mix(foam, band * strength);
        }
        colour
    });
}

/// A small sailing boat before the sun.
fn boat(canvas: &mut Canvas, sky: &Sky, dice: &mut Dice) {
    let aside = if sky.sun_at.0 < canvas.right() / 2.0 { 0.3 } else { -0.3 };
    let (u, v) = (sky.sun_at.0 + aside, sky.line + 0.035);
    let size = dice.between(0.07, 0.1);
    let dark = hex(0x1a1420);
    let soft = canvas.pixel() * 1.3;
    let area = Area { top: v - size * 1.6, bottom: v + size, ..Area::around(u, v, size) };
    canvas.blend(area, |x, y| {
        let (across, up) = ((x - u) / size, (v - y) / size);
        // the mirror image is shorter and faint
        let (up, strength) = if up < 0.0 { (-up * 1.6 + 0.02, 0.4) } else { (up, 1.0) };
        let hull = (0.5 - across.abs() - (0.2 - up).max(0.0) * 0.5).min(0.17 - up).min(up + 0.02);
        let main = (0.42 - (up - 0.2) * 0.36 - across).min(across - 0.03).min(up - 0.22);
        let jib = (across + 0.4 - (up - 0.2) * 0.32).min(-0.03 - across).min(up - 0.24);
        let inside = hull.max(main).max(jib) * size;
        (dark, strength * (inside / soft + 0.5).clamp(0.0, 1.0))
    });
}

/// A fall between mossy walls, over a pool.
pub(super) fn waterfall(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let (right, bottom) = (canvas.right(), canvas.bottom());
    let sky = Sky::new(light, bottom * 0.24, canvas, dice);
    sky.paint(canvas);
    let row = Row {
        base: bottom * 0.24,
        relief: 0.1,
        height: 0.24,
        spacing: 0.3,
        colour: hex(0x2a4030).mix(sky.haze, 0.35),
        haze: sky.haze,
    };
    firs(canvas, &row, dice);
    let (middle, lip) = (right * dice.between(0.42, 0.58), bottom * 0.25);
    let pool = bottom * dice.between(0.76, 0.8);
    walls(canvas, &sky, (middle, lip), dice);
    fall(canvas, &sky, (middle, lip, pool), dice);
    surface(canvas, &sky, (middle, pool), dice);
}

fn walls(canvas: &mut Canvas, sky: &Sky, (middle, lip): (f32, f32), dice: &mut Dice) {
    let seed = dice.seed();
    let rock = hex(0x6a635c);
    let moss = hex(0x5d8a2c).mix(hex(0x7da03c), dice.unit());
    let pixel = canvas.pixel();
    let area = Area { top: lip - 0.35, ..canvas.everywhere() };
    canvas.blend(area, |u, v| {
        let aside = (u - middle).abs();
        let top = lip + 0.03
            - smooth(0.05, 0.5, aside) * 0.24
            - (fbm(u * 5.0, 1.0, 4, seed) - 0.5) * 0.09;
        // columns of basalt, broken into steps
        let bend = fbm(u * 2.0, v * 2.0, 3, seed ^ 1);
        let relief = fbm_slope(u * 9.0 + bend * 2.0, v * 3.2 + bend * 3.0, 6, seed ^ 2, 0.25);
        let light = 0.52 - relief.dx * 0.3 - relief.dy * 0.36 + (relief.value - 0.4) * 0.5;
        // the farther from the fall, the nearer to the viewer, the darker
        let hollow = lerp(0.95, 0.4, smooth(0.1, 0.55, aside));
        let stone = rock * (light.clamp(0.05, 1.3) * hollow);
        let ledge = smooth(0.0, 0.55, -relief.dy) * 0.8
            + smooth(0.5, 0.7, fbm(u * 7.0, v * 7.0, 4, seed ^ 4)) * 0.6;
        let damp = smooth(0.7, 0.05, aside) * 0.4 + 0.5;
        let green = moss * ((0.35 + light * 0.8).clamp(0.1, 1.2) * hollow);
        let lit = sky.sun * 0.28 + sky.ambient * 0.75;
        let colour = stone.mix(green, (ledge * damp).min(0.92)) * lit;
        (colour, ((v - top) / pixel + 0.5).clamp(0.0, 1.0))
    });
}

fn fall(canvas: &mut Canvas, sky: &Sky, (middle, lip, pool): (f32, f32, f32), dice: &mut Dice) {
    let seed = dice.seed();
    let white = (sky.sun * 0.3 + sky.ambient * 0.7).mix(hex(0xffffff), 0.35);
    let area = Area { top: lip - 0.02, bottom: pool + 0.1, ..canvas.everywhere() };
    canvas.blend(area, |u, v| {
        let down = ((v - lip) / (pool - lip)).clamp(0.0, 1.0);
        let sway = (fbm(v * 1.8, 0.3, 2, seed) - 0.5) * 0.05;
        let half = lerp(0.055, 0.105, down.powf(0.8));
        let across = (u - middle - sway) / half;
        let strands =
            fbm(across * 7.0 + sway * 20.0, v * 1.9 - across * across * 0.35, 4, seed ^ 1);
        let veil = fbm(across * 2.4, v * 3.4, 3, seed ^ 2);
        let body = smooth(1.05, 0.45, across.abs() + (veil - 0.5) * 0.9);
        let colour = (white * hex(0x9fbccb)).mix(white, smooth(0.35, 0.62, strands));
        (colour, body * (0.62 + 0.55 * strands) * smooth(lip - 0.012, lip + 0.03, v))
    });
    // spray
    let spray = white.mix(sky.haze, 0.4);
    canvas.blend(canvas.everywhere(), |u, v| {
        let (du, dv) = ((u - middle) / 0.36, (v - pool + 0.02) / 0.16);
        let cloud = fbm(u * 5.0, v * 7.0, 4, seed ^ 5);
        let body = 1.0 / (1.0 + (du * du + dv * dv).powi(2) * 1.5);
        (spray, body * (0.25 + 0.8 * cloud))
    });
}

fn surface(canvas: &mut Canvas, sky: &Sky, (middle, pool): (f32, f32), dice: &mut Dice) {
    let seed = dice.seed();
    let above = canvas.clone();
    let deep = hex(0x1f5a58) * (sky.ambient.brightness() + 0.1);
    let area = Area { top: pool - 0.02, ..canvas.everywhere() };
    canvas.blend(area, |u, v| {
        let below = v - pool - 0.035 * (fbm(u * 3.0, 2.0, 3, seed) - 0.5);
        let away = 0.22 / (below + 0.05).max(0.01);
        let ripple = fbm((u - middle) * away * 6.0, away * 18.0, 4, seed ^ 1) - 0.5;
        let seen = above.sample(u + ripple * 0.05, pool - below * 1.1 + ripple * 0.12);
        let foam = smooth(0.08, 0.3, ripple + 0.25 - (u - middle).abs() * 0.5 - below * 1.1);
        let colour = deep.mix(seen, 0.42) + sky.horizon * (ripple.max(0.0) * 0.12);
        let colour = colour.mix(sky.haze.mix(hex(0xffffff), 0.4), foam * 0.5);
        (colour, smooth(-0.004, 0.012, below))
    });
    boulders(canvas, sky, pool, dice);
}

/// Dark stones in the foreground.
fn boulders(canvas: &mut Canvas, sky: &Sky, pool: f32, dice: &mut Dice) {
    let lit = sky.sun * 0.25 + sky.ambient * 0.7;
    for index in 0..9 {
        let t = index as f32 / 8.0;
        let v = lerp(pool + 0.09, canvas.bottom() + 0.02, t);
        let side = if index % 2 == 0 { dice.between(-0.05, 0.3) } else { dice.between(0.7, 1.05) };
        let (u, radius) = (canvas.right() * side, lerp(0.03, 0.13, t) * dice.between(0.7, 1.2));
        let seed = dice.seed();
        let soft = canvas.pixel();
        canvas.blend(Area::around(u, v, radius * 1.4), |x, y| {
            let (across, up) = ((x - u) / radius, (y - v) / radius * 1.5);
            let rough = fbm(x / radius * 1.6, y / radius * 1.6, 5, seed);
            let inside = 1.0 - (across * across + up * up).sqrt() + (rough - 0.5) * 0.5;
            let shade = (0.32 - up * 0.42 + (rough - 0.5) * 0.7).clamp(0.04, 0.9);
            let green = smooth(-0.2, -0.6, up + (rough - 0.5)) * 0.7;
            let colour = (hex(0x57534e) * shade).mix(hex(0x5c8030) * (shade + 0.1), green) * lit;
            (colour, (inside * radius / soft + 0.5).clamp(0.0, 1.0) * smooth(0.75, 0.6, up))
        });
    }
}
