//! A picture in the making.

use image::RgbImage;

use super::colour::Colour;
use super::noise::hash;

/// A picture in linear light.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    /// Pixels per unit.
    scale: f32,
    pixels: Vec<Colour>,
}

/// A rectangle of the canvas.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Area {
    pub(crate) left: f32,
    pub(crate) top: f32,
    pub(crate) right: f32,
    pub(crate) bottom: f32,
}

/// Something that depends on u alone, worked out once for each column.
#[derive(Debug, Clone)]
pub(crate) struct Profile<T> {
    values: Vec<T>,
    scale: f32,
}

impl<T: Copy + Default> Profile<T> {
    /// The value of the column at `u`; beyond the edge, that of the edge.
    pub(crate) fn at(&self, u: f32) -> T {
        let last = self.values.len().saturating_sub(1);
        let column = (u * self.scale).max(0.0) as usize;
        self.values.get(column.min(last)).copied().unwrap_or_default()
    }
}

impl Area {
    /// The square around a circle.
    pub(crate) fn around(u: f32, v: f32, radius: f32) -> Self {
        Self { left: u - radius, top: v - radius, right: u + radius, bottom: v + radius }
    }
}

impl Canvas {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let scale = width.min(height).max(1) as f32;
        Self { width, height, scale, pixels: vec![Colour::default(); width * height] }
    }

    /// The u of the right edge.
    pub(crate) fn right(&self) -> f32 {
        self.width as f32 / self.scale
    }

    /// The v of the lower edge.
    pub(crate) fn bottom(&self) -> f32 {
        self.height as f32 / self.scale
    }

    /// The size of a pixel.
    pub(crate) fn pixel(&self) -> f32 {
        1.0 / self.scale
    }

    pub(crate) fn columns(&self) -> usize {
        self.width
    }

    pub(crate) fn rows(&self) -> usize {
        self.height
    }

    /// The whole canvas.
    pub(crate) fn everywhere(&self) -> Area {
        Area { left: 0.0, top: 0.0, right: self.right(), bottom: self.bottom() }
    }

    /// `shape` for each column.
    pub(crate) fn profile<T>(&self, shape: impl Fn(f32) -> T) -> Profile<T> {
        let values = (0..self.width).map(|x| shape((x as f32 + 0.5) * self.pixel())).collect();
        Profile { values, scale: self.scale }
    }

    /// The same picture with twice as many pixels each way (Catmull-Rom).
    pub(crate) fn enlarged(&self) -> Self {
        let mut bigger = Self::new(self.width * 2, self.height * 2);
        let wide: Vec<Vec<Colour>> = self
            .pixels
            .chunks_exact(self.width.max(1))
            .map(|row| {
                let near = |x: usize, by: isize| neighbour(row, x, by);
                (0..self.width)
                    .flat_map(|x| {
                        halves(near(x, -2), near(x, -1), near(x, 0), near(x, 1), near(x, 2))
                    })
                    .collect()
            })
            .collect();
        let mut rows = bigger.pixels.chunks_exact_mut(self.width.max(1) * 2);
        for y in 0..self.height {
            let (Some(upper), Some(lower)) = (rows.next(), rows.next()) else { break };
            let near = |by: isize| {
                let at = y.saturating_add_signed(by).min(self.height - 1);
                wide.get(at).into_iter().flatten()
            };
            let taps = near(-2).zip(near(-1)).zip(near(0)).zip(near(1)).zip(near(2));
            for (((((a, b), c), d), e), (up, low)) in taps.zip(upper.iter_mut().zip(lower)) {
                [*up, *low] = halves(*a, *b, *c, *d, *e);
            }
        }
        bigger
    }

    /// Gives every pixel a colour.
    pub(crate) fn fill(&mut self, paint: impl Fn(f32, f32) -> Colour) {
        self.change(self.everywhere(), |u, v, _| paint(u, v));
    }

    /// Lays a colour over what is there, as opaque as the second number says (0 to 1).
    pub(crate) fn blend(&mut self, area: Area, paint: impl Fn(f32, f32) -> (Colour, f32)) {
        self.change(area, |u, v, old| {
            let (colour, alpha) = paint(u, v);
            if alpha <= 0.0 { old } else { old.mix(colour, alpha.min(1.0)) }
        });
    }

    /// Adds light.
    pub(crate) fn glow(&mut self, area: Area, paint: impl Fn(f32, f32) -> Colour) {
        self.change(area, |u, v, old| old + paint(u, v));
    }

    /// Makes each pixel of `area` anew from what it was.
    pub(crate) fn change(&mut self, area: Area, paint: impl Fn(f32, f32, Colour) -> Colour) {
        let pixel = |at: f32, limit: usize| (at * self.scale).clamp(0.0, limit as f32) as usize;
        let (left, top) = (pixel(area.left, self.width), pixel(area.top, self.height));
        let right = pixel(area.right + self.pixel(), self.width);
        let bottom = pixel(area.bottom + self.pixel(), self.height);
        let size = self.pixel();
        let rows = self.pixels.chunks_exact_mut(self.width.max(1)).enumerate();
        for (y, row) in rows.take(bottom).skip(top) {
            let v = (y as f32 + 0.5) * size;
            for (x, old) in row.iter_mut().enumerate().take(right).skip(left) {
                *old = paint((x as f32 + 0.5) * size, v, *old);
            }
        }
    }

    /// The colour at a point; beyond the edge, that of the edge.
    pub(crate) fn sample(&self, u: f32, v: f32) -> Colour {
        let x = (u * self.scale).clamp(0.0, self.width as f32 - 1.0) as usize;
        let y = (v * self.scale).clamp(0.0, self.height as f32 - 1.0) as usize;
        self.pixels.get(y * self.width + x).copied().unwrap_or_default()
    }

    /// Blends one pixel; outside it does nothing.
    pub(crate) fn dot(&mut self, x: usize, y: usize, colour: Colour, alpha: f32) {
        if x < self.width
            && let Some(old) = self.pixels.get_mut(y * self.width + x)
        {
            *old = old.mix(colour, alpha);
        }
    }

    /// A disc with an edge of `softness`.
    pub(crate) fn disc(
        &mut self,
        (u, v, radius): (f32, f32, f32),
        softness: f32,
        paint: (Colour, f32),
    ) {
        let soft = softness.max(self.pixel() * 1.2);
        self.blend(Area::around(u, v, radius + soft), |x, y| {
            let distance = ((x - u).powi(2) + (y - v).powi(2)).sqrt();
            (paint.0, paint.1 * ((radius - distance) / soft + 0.5).clamp(0.0, 1.0))
        });
    }

    /// The picture as bytes: corners a little darker, grain against banding.
    pub(crate) fn develop(&self, seed: u64) -> RgbImage {
        let (width, height) = (self.width as u32, self.height as u32);
        let seed = seed as u32 ^ (seed >> 32) as u32;
        let mut bytes = Vec::with_capacity(self.pixels.len() * 3);
        for (y, row) in self.pixels.chunks_exact(self.width.max(1)).enumerate() {
            let down = y as f32 / self.height as f32 - 0.5;
            for (x, colour) in row.iter().enumerate() {
                let across = x as f32 / self.width as f32 - 0.5;
                let vignette = 1.0 - 0.45 * (across * across + down * down);
                let grain = hash(x as i32, y as i32, seed) * 2.0 - 1.0;
                bytes.extend_from_slice(&(*colour * vignette).to_srgb(grain));
            }
        }
        // the buffer has exactly this length, so there is always a picture
        RgbImage::from_raw(width, height, bytes).unwrap_or_default()
    }
}

/// The two pixels that take the place of `c`.
fn halves(a: Colour, b: Colour, c: Colour, d: Colour, e: Colour) -> [Colour; 2] {
    // Catmull-Rom a quarter of the way from one pixel to the next
    const WEIGHTS: [f32; 4] = [-0.070_312_5, 0.867_187_5, 0.226_562_5, -0.023_437_5];
    let [before, here, next, after] = WEIGHTS;
    [a * after + b * next + c * here + d * before, b * before + c * here + d * next + e * after]
}

/// The pixel `by` places from `x`, or that of the edge.
fn neighbour(row: &[Colour], x: usize, by: isize) -> Colour {
    let at = x.saturating_add_signed(by).min(row.len().saturating_sub(1));
    row.get(at).copied().unwrap_or_default()
}
