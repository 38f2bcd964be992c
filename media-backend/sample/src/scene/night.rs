//! Skies to stay up for.

use super::Light;
use super::light::{Sky, sprinkle_stars};
use super::trees::{Row, firs};
use crate::paint::{Area, Canvas, Colour, Dice, fbm, hex, lerp, smooth, value};

/// A dark gradient with light of distant towns at the horizon.
fn darkness(canvas: &mut Canvas, (zenith, horizon): (u32, u32), line: f32) {
    let (zenith, horizon) = (hex(zenith), hex(horizon));
    canvas.fill(|_, v| zenith.mix(horizon, (v / line).clamp(0.0, 1.0).powf(2.2)));
}

/// Ridges in silhouette, the nearest last.
fn ridges(canvas: &mut Canvas, line: f32, colours: (Colour, Colour), dice: &mut Dice) {
    let pixel = canvas.pixel();
    for index in 0..3 {
        let t = index as f32 / 2.0;
        let seed = dice.seed();
        let colour = colours.0.mix(colours.1, t);
        let (base, relief) = (line + t * 0.1, lerp(0.34, 0.16, t));
        let crest = canvas.profile(|u| {
            let ridge = fbm(u * 2.1, 0.7, 8, seed);
            // folded at the middle: peaks instead of domes
            let sharp = 1.0 - (2.0 * fbm(u * 1.5 + 4.0, 0.2, 6, seed ^ 1) - 1.0).abs();
            base - relief * (0.55 * ridge + 0.65 * sharp - 0.35)
        });
        canvas.blend(Area { top: base - relief, ..canvas.everywhere() }, |u, v| {
            let top = crest.at(u);
            let fade = smooth(0.0, 0.3, v - top);
            (colour.mix(colours.0, fade * 0.5), ((v - top) / pixel + 0.5).clamp(0.0, 1.0))
        });
    }
}

pub(super) fn aurora(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let line = canvas.bottom() * 0.82;
    darkness(canvas, (0x040816, 0x12283c), line);
    sprinkle_stars(canvas, line, 0.9, dice);
    let (low, high) = match light {
        Light::Dusk => (hex(0x48f0b0), hex(0xb04ae0)),
        _ => (hex(0x52f58a), hex(0x3c78e8)),
    };
    for (strength, rise) in [(0.45, 0.34), (0.75, 0.46), (0.4, 0.6)] {
        curtain(canvas, (low, high), (strength, line - rise), dice);
    }
    if light == Light::Dusk {
        fjord(canvas, line, dice);
        return;
    }
    ridges(canvas, line, (hex(0x0c1c2a), hex(0x0a1620)), dice);
    let row = Row {
        base: canvas.bottom() * 0.95,
        relief: 0.1,
        height: 0.26,
        spacing: 0.26,
        colour: hex(0x03070a),
        haze: hex(0x050b10),
    };
    firs(canvas, &row, dice);
}

/// One band of light, with rays that rise from its lower edge.
fn curtain(
    canvas: &mut Canvas,
    (low, high): (Colour, Colour),
    (strength, base): (f32, f32),
    dice: &mut Dice,
) {
    let (seed, tilt) = (dice.seed(), dice.between(-0.22, 0.22));
    let folds = canvas.profile(|u| {
        // the band folds back on itself: its phase runs unevenly
        let fold = fbm(u * 1.3, 0.9, 3, seed) * 3.0;
        let swing = (u * 2.3 + fold * 2.0).sin() * 0.09;
        let edge = base + tilt * (u - 0.75) + swing + (fold - 1.5) * 0.05;
        let phase = u * 5.0 + fold * 3.2;
        let reach = 0.13 + 0.22 * value(phase * 0.9, 2.0, seed ^ 3);
        let patchy = smooth(0.2, 0.65, fbm(u * 0.9 + 2.0, 0.4, 2, seed ^ 4));
        let bundles = 0.65 * 1.8 * value(phase * 1.7, 5.0, seed ^ 2);
        (edge, phase, reach, bundles, 0.25 + 0.75 * patchy)
    });
    canvas.glow(canvas.everywhere(), |u, v| {
        let (edge, phase, reach, bundles, patchy) = folds.at(u);
        let up = edge - v;
        if up < -0.12 {
            return Colour::default();
        }
        let rays = 0.35 + bundles * value(phase * 5.5, up * 0.9, seed ^ 1);
        let body = if up < 0.0 { (up * 42.0).exp() } else { (-up / reach).exp() };
        let colour = low.mix(high, smooth(0.05, 0.42, up));
        colour * (strength * body * rays * patchy)
    });
}

/// Black mountains and still water that doubles the sky.
fn fjord(canvas: &mut Canvas, line: f32, dice: &mut Dice) {
    let shore = line - 0.08;
    ridges(canvas, shore - 0.05, (hex(0x0a1a28), hex(0x060f18)), dice);
    let seed = dice.seed();
    let above = canvas.clone();
    canvas.blend(Area { top: shore, ..canvas.everywhere() }, |u, v| {
        let below = v - shore;
        let ripple = fbm(u * 14.0 / (below + 0.2), v * 120.0 / (below * 6.0 + 1.0), 3, seed) - 0.5;
        let seen = above.sample(u + ripple * 0.02, shore - below * 1.7 + ripple * 0.05);
        (seen * 0.62 + hex(0x04101a) * 0.5, smooth(0.0, 0.004, below))
    });
}

pub(super) fn milky_way(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let line = canvas.bottom() * 0.84;
    let horizon = if light == Light::Dusk { 0x6a4a4c } else { 0x35506a };
    darkness(canvas, (0x040713, horizon), line);
    let (seed, angle) = (dice.seed(), dice.between(0.7, 1.1));
    let (sin, cos) =
        if dice.unit() < 0.5 { (angle.sin(), angle.cos()) } else { (angle.sin(), -angle.cos()) };
    let (cu, cv) = (canvas.right() * 0.5, line * 0.62);
    let (core, arm) = (hex(0xffd9a8), hex(0x8fa6dc));
    let band = |u: f32, v: f32| {
        let along = (u - cu) * cos + (v - cv) * sin;
        let across = (v - cv) * cos - (u - cu) * sin;
        (along, across)
    };
    canvas.glow(Area { bottom: line, ..canvas.everywhere() }, |u, v| {
        let (along, across) = band(u, v);
        let warp = fbm(along * 2.2, across * 2.2, 4, seed) - 0.5;
        let width = 0.15 + 0.09 * smooth(0.5, -0.1, (along - 0.2).abs());
        let away = (across + warp * 0.12) / width;
        if away.abs() > 2.6 {
            return Colour::default();
        }
        let body = (-away * away).exp();
        let texture = fbm(along * 6.0, across * 9.0, 6, seed ^ 1);
        let lane_at = (across - 0.015 + warp * 0.16) / 0.055;
        let lane = (-lane_at * lane_at).exp()
            * smooth(0.3, 0.62, fbm(along * 5.0, across * 7.0, 6, seed ^ 2) + 0.06);
        let bulge = (-(along - 0.2).powi(2) * 9.0).exp();
        let light =
            body * (0.05 + 0.3 * texture * texture + 0.26 * bulge * texture) * (1.0 - 0.85 * lane);
        arm.mix(core, (0.2 + bulge * 0.8) * body) * light
    });
    sprinkle_stars(canvas, line, 1.8, dice);
    star_dust(canvas, line, band, dice);
    nebulae(canvas, (cu, cv), (cos, sin), dice);
    ridges(canvas, line, (hex(0x1a2433), hex(0x070a10)), dice);
}

/// Stars too many to count, along the band.
fn star_dust(
    canvas: &mut Canvas,
    line: f32,
    band: impl Fn(f32, f32) -> (f32, f32),
    dice: &mut Dice,
) {
    let pixel = canvas.pixel().max(0.000_6);
    for _ in 0..9_000 {
        let (u, v) = (dice.unit() * canvas.right(), dice.unit() * line);
        let across = band(u, v).1 / 0.13;
        let chance = dice.unit();
        if chance > (-across * across).exp() {
            continue;
        }
        let colour = hex(0xe8e4ff) * (0.05 + 0.5 * dice.unit().powi(5));
        canvas.glow(Area::around(u, v, pixel * 0.6), |_, _| colour);
    }
}

fn nebulae(canvas: &mut Canvas, (cu, cv): (f32, f32), (cos, sin): (f32, f32), dice: &mut Dice) {
    for _ in 0..7 {
        let along = dice.between(-0.45, 0.5);
        let across = dice.between(-0.05, 0.05);
        let (u, v) = (cu + along * cos - across * sin, cv + along * sin + across * cos);
        let radius = dice.between(0.008, 0.022);
        canvas.glow(Area::around(u, v, radius * 2.5), |x, y| {
            let distance = ((x - u).powi(2) + (y - v).powi(2)) / (radius * radius);
            hex(0xff5f8f) * (0.2 * (-distance).exp())
        });
    }
}

pub(super) fn moon(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let bottom = canvas.bottom();
    let line = bottom * 0.84;
    let sky = if light == Light::Dusk { (0x1a2350, 0xc98a90) } else { (0x060b1a, 0x243c60) };
    darkness(canvas, sky, line);
    sprinkle_stars(canvas, line, if light == Light::Dusk { 0.1 } else { 0.5 }, dice);
    let radius = dice.between(0.13, 0.17);
    let (u, v) = if light == Light::Dusk {
        (canvas.right() * 0.64, line - 0.27)
    } else {
        (canvas.right() * 0.4, bottom * 0.36)
    };
    let tone = if light == Light::Dusk { hex(0xffd9a8) } else { hex(0xf2f0e6) };
    canvas.glow(canvas.everywhere(), |x, y| {
        let distance = ((x - u).powi(2) + (y - v).powi(2)).sqrt() / radius;
        tone * (0.28 / (1.0 + distance * distance) + 0.05 / (1.0 + distance))
    });
    face_of_the_moon(canvas, (u, v, radius), tone, dice);
    let seed = dice.seed();
    canvas.blend(Area { bottom: line, ..canvas.everywhere() }, |x, y| {
        let cloud = fbm(x * 1.6, y * 7.0, 5, seed);
        let near = 1.0 / (1.0 + ((x - u).powi(2) + (y - v).powi(2)) * 8.0);
        (hex(0x33405f).mix(tone, near * 0.5), smooth(0.56, 0.85, cloud) * 0.6)
    });
    let far = if light == Light::Dusk { hex(0x6d5a78) } else { hex(0x1f304c) };
    ridges(canvas, line, (far, hex(0x080c16)), dice);
}

fn face_of_the_moon(
    canvas: &mut Canvas,
    (u, v, radius): (f32, f32, f32),
    tone: Colour,
    dice: &mut Dice,
) {
    let seed = dice.seed();
    let soft = canvas.pixel() * 1.3;
    let craters: Vec<(f32, f32, f32)> = (0..46)
        .map(|_| {
            (
                dice.between(-0.95, 0.95),
                dice.between(-0.95, 0.95),
                dice.unit().powi(3) * 0.11 + 0.015,
            )
        })
        .collect();
    canvas.blend(Area::around(u, v, radius + soft), |x, y| {
        let (px, py) = ((x - u) / radius, (y - v) / radius);
        let distance = (px * px + py * py).sqrt();
        let maria = smooth(0.46, 0.62, fbm(px * 1.5 + 3.0, py * 1.5, 4, seed));
        let fine = fbm(px * 9.0, py * 9.0, 5, seed ^ 1);
        let mut light = 0.86 - 0.36 * maria + (fine - 0.5) * 0.3;
        for (cx, cy, size) in &craters {
            let away = ((px - cx).powi(2) + (py - cy).powi(2)).sqrt() / size;
            if away < 1.6 {
                light += 0.12 * (1.0 - ((away - 1.0) * 3.2).powi(2)).max(0.0)
                    - 0.1 * smooth(0.9, 0.3, away);
            }
        }
        let limb = (1.0 - distance * distance).max(0.0).sqrt() * 0.35 + 0.68;
        (tone * (light * limb), ((1.0 - distance) * radius / soft + 0.5).clamp(0.0, 1.0))
    });
}

pub(super) fn stars(canvas: &mut Canvas, light: Light, dice: &mut Dice) {
    let bottom = canvas.bottom();
    let sky = Sky::new(light, bottom * 0.9, canvas, dice);
    let horizon = if light == Light::Dusk { 0x8a5f74 } else { 0x2e5478 };
    darkness(canvas, (0x050a1e, horizon), sky.line);
    sprinkle_stars(canvas, sky.line, 2.2, dice);
    meteor(canvas, dice);
    ridges(canvas, bottom * 0.8, (hex(0x22374f), hex(0x15222f)), dice);
    for (base, height) in [(0.9, 0.2), (1.04, 0.42)] {
        let row = Row {
            base: bottom * base,
            relief: 0.08,
            height,
            spacing: 0.28,
            colour: hex(0x03060a).mix(hex(0x101c28), (1.04 - base) * 5.0),
            haze: hex(0x0a121a),
        };
        firs(canvas, &row, dice);
    }
}

/// A shooting star.
fn meteor(canvas: &mut Canvas, dice: &mut Dice) {
    let (u, v) =
        (canvas.right() * dice.between(0.3, 0.6), canvas.bottom() * dice.between(0.12, 0.3));
    let (length, drop) = (dice.between(0.22, 0.34), dice.between(0.3, 0.6));
    let size = (1.0 + drop * drop).sqrt();
    let width = canvas.pixel().max(0.0011);
    let area = Area { left: u, top: v - 0.01, right: u + length, bottom: v + length * drop + 0.01 };
    canvas.glow(area, |x, y| {
        let along = ((x - u) + (y - v) * drop) / (size * size) / length;
        let across = ((y - v) - (x - u) * drop).abs() / size;
        let body = (1.0 - across / (width * (0.4 + 1.6 * along))).max(0.0);
        hex(0xdff0ff) * (body * along.clamp(0.0, 1.0).powi(2) * smooth(1.0, 0.97, along) * 1.3)
    });
}
