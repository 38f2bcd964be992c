//! Country in perspective: along each column of the picture, from the viewer to the horizon.

use super::super::light::Sky;
use crate::paint::{Canvas, Colour, Slope, fbm, lerp};

/// A country: heights, and what grows on them. Lengths are in some hundred metres.
pub(super) struct Ground<H, C> {
    /// Height and slope at (across, away), with so many octaves of detail.
    pub(super) height: H,
    /// The colour in white light.
    pub(super) colour: C,
    /// The viewer's height.
    pub(super) eye: f32,
    pub(super) near: f32,
    pub(super) far: f32,
    /// The coarsest detail's frequency, from which the finest that can be seen follows.
    pub(super) frequency: f32,
    pub(super) water: Water,
}

/// What fills the hollows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Water {
    /// Nothing.
    Dry,
    /// All below height 0 lies under a calm lake.
    Lake,
}

/// A spot on the ground.
pub(super) struct Spot {
    pub(super) across: f32,
    pub(super) away: f32,
    pub(super) height: f32,
    /// 1 where it is level, 0 where it is a wall.
    pub(super) level: f32,
}

/// A piece of a column: one colour at its upper end, one at its lower.
struct Span {
    top: f32,
    bottom: f32,
    upper: Colour,
    lower: Colour,
}

/// Width of the view, as the distance at which one unit of the picture is one of the world.
const FOCAL: f32 = 1.35;

impl<H: Fn(f32, f32, u32) -> Slope, C: Fn(&Spot) -> Colour> Ground<H, C> {
    /// Paints the country below and across `sky`'s horizon.
    pub(super) fn paint(&self, canvas: &mut Canvas, sky: &Sky) {
        let steps = (canvas.rows() as f32 * 0.95).clamp(120.0, 800.0) as usize;
        let ratio = (self.far / self.near).powf(1.0 / steps as f32);
        let mut water = Vec::new();
        let mut spans = Vec::with_capacity(steps);
        for x in 0..canvas.columns() {
            let u = (x as f32 + 0.5) * canvas.pixel();
            let shore = self.column(canvas, sky, (u, steps, ratio), &mut spans);
            for span in spans.iter().rev() {
                put(canvas, x, span);
            }
            if let Some(shore) = shore {
                water.push((x, shore));
            }
        }
        mirror(canvas, sky, &water);
    }

    /// Finds what is visible in a column, nearest first. Answers where the lake begins.
    fn column(
        &self,
        canvas: &Canvas,
        sky: &Sky,
        (u, steps, ratio): (f32, usize, f32),
        spans: &mut Vec<Span>,
    ) -> Option<f32> {
        spans.clear();
        let aside = (u - canvas.right() / 2.0) / FOCAL;
        let mut skyline = canvas.bottom() + 0.1;
        let mut away = self.near;
        let mut last: Option<Colour> = None;
        let mut shore = None;
        for _ in 0..steps {
            let finest = 0.6 * FOCAL / (away * canvas.pixel() * self.frequency);
            let octaves = (finest.log2() as u32).clamp(2, 10);
            let ground = (self.height)(aside * away, away, octaves);
            let is_lake = self.water == Water::Lake && ground.value < 0.0;
            let height = if is_lake { 0.0 } else { ground.value };
            let top = sky.line - (height - self.eye) * FOCAL / away;
            if top < skyline {
                let colour = if is_lake {
                    shore = Some(top);
                    sky.haze
                } else {
                    self.shade(sky, (aside * away, away), &ground)
                };
                // beyond an edge something else begins: no blending across it
                let lower = last.unwrap_or(colour);
                spans.push(Span { top, bottom: skyline, upper: colour, lower });
                skyline = top;
                last = Some(colour);
            } else {
                last = None;
            }
            away *= ratio;
        }
        shore
    }

    fn shade(&self, sky: &Sky, (across, away): (f32, f32), ground: &Slope) -> Colour {
        let steep = (1.0 + ground.dx * ground.dx + ground.dy * ground.dy).sqrt();
        let side = if sky.sun_at.0 < 0.75 { -0.8 } else { 0.8 };
        let light = normal((side, sky.height, -0.22));
        let facing = (light.1 - ground.dx * light.0 - ground.dy * light.2) / steep;
        let spot = Spot { across, away, height: ground.value, level: 1.0 / steep };
        let sun = if facing > 0.0 { facing * self.sunlit(&spot, light) } else { 0.0 };
        let open = 0.45 + 0.55 * spot.level;
        let lit = (self.colour)(&spot) * (sky.sun * sun + sky.ambient * open);
        let low = (1.3 - ground.value * 0.16).clamp(0.55, 1.3);
        let clear = (-away * 0.034 * sky.thickness * low).exp();
        sky.haze.mix(lit, clear)
    }

    /// 1 in the sun, 0 in the shadow of something between.
    fn sunlit(&self, spot: &Spot, light: (f32, f32, f32)) -> f32 {
        let mut open = 1.0_f32;
        let mut reach = 0.03 + spot.away * 0.012;
        for _ in 0..5 {
            let there =
                (self.height)(spot.across + light.0 * reach, spot.away + light.2 * reach, 4);
            let above = spot.height + light.1 * reach - there.value;
            open = open.min(0.5 + above * 5.0 / (reach + 0.2));
            if open <= 0.0 {
                return 0.0;
            }
            reach *= 2.1;
        }
        open.min(1.0)
    }
}

fn normal((x, y, z): (f32, f32, f32)) -> (f32, f32, f32) {
    let length = (x * x + y * y + z * z).sqrt();
    (x / length, y / length, z / length)
}

fn put(canvas: &mut Canvas, x: usize, span: &Span) {
    let scale = 1.0 / canvas.pixel();
    let (top, bottom) = (span.top * scale, (span.bottom * scale).min(canvas.rows() as f32));
    let first = top.max(0.0) as usize;
    let last = bottom.max(0.0).ceil() as usize;
    let length = (span.bottom - span.top) * scale;
    for y in first..last.min(canvas.rows()) {
        let t = ((y as f32 + 0.5 - top) / length).clamp(0.0, 1.0);
        let cover = (y as f32 + 1.0 - top).clamp(0.0, 1.0);
        canvas.dot(x, y, span.upper.mix(span.lower, t), cover);
    }
}

/// Lets the lake show what stands above its far shore.
fn mirror(canvas: &mut Canvas, sky: &Sky, columns: &[(usize, f32)]) {
    if columns.is_empty() {
        return;
    }
    let pixel = canvas.pixel();
    let land = canvas.clone();
    let deep = sky.ambient.mix(sky.zenith, 0.5) * 0.25;
    for (x, shore) in columns {
        let u = (*x as f32 + 0.5) * pixel;
        let first = (shore / pixel).max(0.0) as usize;
        for y in first..canvas.rows() {
            let v = (y as f32 + 0.5) * pixel;
            // the height of land that the march painted here is unknown: it paints lake as haze
            if land.sample(u, v).distance(sky.haze) > 1e-5 {
                continue;
            }
            let below = v - shore;
            let distance = 0.35 / (v - sky.line).max(0.01);
            let wave = fbm(u * distance * 5.0, distance * 26.0, 3, 77) - 0.5;
            let calm = smooth_breeze(u, distance);
            let shift = wave * (0.006 + below * 0.07) * calm;
            let seen = land.sample(u + shift * 0.35, shore - below * 0.96 + shift);
            let depth = lerp(0.12, 0.5, (below * 1.3).min(1.0));
            let breeze = sky.horizon * (0.028 * calm * calm);
            canvas.dot(*x, y, seen.mix(deep, depth) + breeze * (1.0 - depth), 1.0);
        }
    }
}

/// Patches where a breeze touches the water.
fn smooth_breeze(u: f32, distance: f32) -> f32 {
    let patch = fbm(u * distance * 0.5 + 3.0, distance * 1.6, 2, 91);
    0.25 + 1.6 * crate::paint::smooth(0.5, 0.72, patch)
}
