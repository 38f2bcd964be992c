//! Skies, and the light that they throw on the ground.

use super::Light;
use crate::paint::{Area, Canvas, Colour, Dice, fbm, hex, smooth};

/// A sky and its light.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sky {
    pub(super) zenith: Colour,
    pub(super) horizon: Colour,
    /// Light around the sun.
    pub(super) glow: Colour,
    /// Sunlight on the ground.
    pub(super) sun: Colour,
    /// Light from the sky on the ground.
    pub(super) ambient: Colour,
    /// What distance fades into.
    pub(super) haze: Colour,
    cloud_lit: Colour,
    cloud_dark: Colour,
    /// 0 for none to 1 for overcast.
    clouds: f32,
    /// How much of the sun's disc is to be seen.
    disc: f32,
    /// Height of the sun above the horizon, for the ground's shading.
    pub(super) height: f32,
    /// How soon haze swallows things: 1 is a clear day.
    pub(super) thickness: f32,
    /// Where the sun (or moon) stands.
    pub(super) sun_at: (f32, f32),
    /// Where the horizon is.
    pub(super) line: f32,
    seed: u32,
}

/// Zenith, horizon, glow, sun, ambient, haze, lit cloud, dark cloud.
fn palette(light: Light) -> [u32; 8] {
    match light {
        Light::Dawn => {
            [0x4a6fa5, 0xf2c6b4, 0xffb58a, 0xffc9a0, 0x7d8cb8, 0xd9b8c0, 0xffc4ae, 0x8c86ac]
        }
        Light::Day => {
            [0x2a6cbf, 0xb9dcf2, 0xfff6e0, 0xfff4e0, 0x86a8d8, 0xb4d2ea, 0xffffff, 0xaebfd4]
        }
        Light::Dusk => {
            [0x101e46, 0x6c86b8, 0xc89aa8, 0x9fb2e0, 0x38508c, 0x5d77a8, 0x8c90b8, 0x2c3a66]
        }
        Light::Golden => {
            [0x4583c0, 0xf4dcae, 0xffd48a, 0xffd694, 0x7f93bc, 0xe6cfae, 0xfff0cc, 0xa29ca8]
        }
        Light::Mist => {
            [0x9fb0be, 0xdce2e4, 0xffffff, 0xd8dcdc, 0xa4b2bc, 0xd4dbde, 0xe6eaec, 0xa9b4bc]
        }
        Light::Night => {
            [0x050a1c, 0x1c3358, 0x8fa8d8, 0x7f98cc, 0x1c2c50, 0x1a2c4c, 0x32466e, 0x0c1630]
        }
        Light::Sunset => {
            [0x3b3f7c, 0xffab5c, 0xff7a38, 0xff9a58, 0x6c5c92, 0xe88a68, 0xff9560, 0x5a4672]
        }
    }
}

impl Sky {
    /// The sky of `light` above a horizon at `line`.
    pub(super) fn new(light: Light, line: f32, canvas: &Canvas, dice: &mut Dice) -> Self {
        let [zenith, horizon, glow, sun, ambient, haze, cloud_lit, cloud_dark] =
            palette(light).map(hex);
        // sun, ambient strength; clouds; disc; sun height; haze; sun above the horizon in the picture
        let (strength, clouds, disc, height, thickness, above) = match light {
            Light::Dawn => ((1.5, 0.75), 0.5, 0.4, 0.45, 1.5, 0.04),
            Light::Day => ((1.9, 0.7), 0.5, 0.0, 0.9, 0.8, 0.75),
            Light::Dusk => ((0.45, 0.6), 0.4, 0.0, 0.35, 1.2, -0.05),
            Light::Golden => ((2.1, 0.6), 0.45, 0.0, 0.42, 1.1, 0.22),
            Light::Mist => ((0.7, 0.95), 0.8, 0.0, 0.8, 3.0, 0.4),
            Light::Night => ((0.3, 0.35), 0.2, 0.0, 0.6, 0.7, 0.9),
            Light::Sunset => ((1.7, 0.6), 0.6, 1.0, 0.3, 1.3, 0.045),
        };
        let across =
            if dice.unit() < 0.5 { dice.between(0.2, 0.4) } else { dice.between(0.6, 0.8) };
        // no two days are alike
        let shift = dice.between(0.9, 1.1);
        let tint =
            Colour { red: dice.between(0.94, 1.06), green: 1.0, blue: dice.between(0.94, 1.06) };
        Self {
            zenith: zenith * shift * tint,
            horizon: horizon * tint,
            glow,
            sun: sun * strength.0,
            ambient: ambient * strength.1,
            haze: haze * tint,
            cloud_lit,
            cloud_dark,
            clouds: (clouds + dice.between(-0.25, 0.2)).clamp(0.0, 0.9),
            disc,
            height,
            thickness,
            sun_at: (canvas.right() * across, line - above),
            line,
            seed: dice.seed(),
        }
    }

    /// The sky without clouds, as water mirrors it.
    pub(super) fn clear(&self, u: f32, v: f32) -> Colour {
        let up = ((self.line - v) / 0.75).clamp(0.0, 1.3);
        let colour = self.horizon.mix(self.zenith, (up * 1.25).min(1.0).powf(0.7));
        let (du, dv) = (u - self.sun_at.0, (v - self.sun_at.1) * 1.3);
        let distance = (du * du + dv * dv).sqrt();
        let halo = 1.0 / (1.0 + distance * distance * 14.0);
        colour.mix(self.glow, 0.75 * halo * halo)
    }

    /// The colour of a lit cloud, of foam and other white things.
    pub(super) fn cloud(&self) -> Colour {
        self.cloud_lit
    }

    /// The sky with clouds in perspective and, when it is low, the sun.
    pub(super) fn at(&self, u: f32, v: f32) -> Colour {
        let mut colour = self.clear(u, v);
        let (du, dv) = (u - self.sun_at.0, v - self.sun_at.1);
        let distance = (du * du + dv * dv).sqrt();
        if self.disc > 0.0 {
            let core = smooth(0.034, 0.028, distance);
            let aureole = 1.0 / (1.0 + (distance * 16.0).powi(2));
            colour += self.glow * (self.disc * (core * 5.0 + aureole * 0.8));
        }
        let up = self.line - v;
        if up <= 0.0 || self.clouds <= 0.02 {
            return colour;
        }
        let depth = 1.0 / (up + 0.14);
        let (x, y) = ((u - 0.75) * depth * 1.1, depth * 2.3);
        let density = fbm(x, y, 5, self.seed);
        let cover = smooth(0.66 - 0.3 * self.clouds, 0.86 - 0.28 * self.clouds, density);
        if cover <= 0.0 {
            return colour;
        }
        // lit from the sun's side: compare with the density a step nearer to it
        let nearer = fbm(x - (du * 4.0).clamp(-1.0, 1.0) * 0.25, y - 0.2, 3, self.seed);
        let lit = (0.55 + (density - nearer) * 2.2 + 0.25 / (1.0 + distance * 3.0)).clamp(0.0, 1.0);
        let cloud = self.cloud_dark.mix(self.cloud_lit, lit);
        let fade = smooth(0.0, 0.16, up);
        colour.mix(cloud, cover * (0.25 + 0.6 * fade))
    }

    /// Fills the canvas with sky.
    pub(super) fn paint(&self, canvas: &mut Canvas) {
        canvas.fill(|_, _| self.horizon);
        let area = Area { bottom: self.line + 0.02, ..canvas.everywhere() };
        canvas.change(area, |u, v, _| self.at(u, v));
    }
}

/// Stars above `line`, `density` of them (1 is a clear night in the mountains).
pub(super) fn sprinkle_stars(canvas: &mut Canvas, line: f32, density: f32, dice: &mut Dice) {
    let area = canvas.right() * line.max(0.0);
    let count = (area * 1_500.0 * density) as usize;
    let size = canvas.pixel().max(0.0006) * 0.75;
    for _ in 0..count {
        let (u, v) = (dice.unit() * canvas.right(), dice.unit() * line);
        // few bright ones, many faint ones
        let bright = dice.unit().powi(10) * 2.2 + 0.12;
        let warmth = dice.unit();
        let colour =
            hex(0xa8c4ff).mix(hex(0xffdcb0), warmth) * bright * smooth(0.0, 0.3, line - v + 0.05);
        let radius = size * (1.0 + bright * 1.2);
        canvas.glow(Area::around(u, v, radius * 2.0), |x, y| {
            let distance = ((x - u).powi(2) + (y - v).powi(2)) / (radius * radius);
            colour * (1.0 / (1.0 + 3.0 * distance * distance) - 0.02).max(0.0)
        });
    }
}
