//! Value noise and its sums.

/// Noise with its slope along both axes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slope {
    pub(crate) value: f32,
    pub(crate) dx: f32,
    pub(crate) dy: f32,
}

/// A number from 0 to 1 for each cell of a grid.
pub(crate) fn hash(x: i32, y: i32, seed: u32) -> f32 {
    let mut mixed = (x as u32).wrapping_mul(0x9e37_79b1)
        ^ (y as u32).wrapping_mul(0x85eb_ca77).rotate_left(15)
        ^ seed.wrapping_mul(0xc2b2_ae3d);
    mixed ^= mixed >> 15;
    mixed = mixed.wrapping_mul(0x2c1b_3c6d);
    mixed ^= mixed >> 13;
    mixed = mixed.wrapping_mul(0x297a_2d39);
    // through i32, which processors convert at once
    ((mixed >> 9) as i32) as f32 * (1.0 / 8_388_608.0)
}

/// Rounds down; `f32::floor` is a call on processors that must be assumed.
fn floor(x: f32) -> (i32, f32) {
    let whole = x as i32;
    let whole = if x < whole as f32 { whole.wrapping_sub(1) } else { whole };
    (whole, x - whole as f32)
}

/// Smooth noise, 0 to 1.
pub(crate) fn value(x: f32, y: f32, seed: u32) -> f32 {
    let (column, fx) = floor(x);
    let (row, fy) = floor(y);
    let (right, below) = (column.wrapping_add(1), row.wrapping_add(1));
    let ux = fx * fx * (3.0 - 2.0 * fx);
    let uy = fy * fy * (3.0 - 2.0 * fy);
    let (a, b) = (hash(column, row, seed), hash(right, row, seed));
    let (c, d) = (hash(column, below, seed), hash(right, below, seed));
    let upper = a + (b - a) * ux;
    let lower = c + (d - c) * ux;
    upper + (lower - upper) * uy
}

fn value_slope(x: f32, y: f32, seed: u32) -> Slope {
    let (column, fx) = floor(x);
    let (row, fy) = floor(y);
    let (right, below) = (column.wrapping_add(1), row.wrapping_add(1));
    let quintic = |t: f32| t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
    let quintic_slope = |t: f32| 30.0 * t * t * (t * (t - 2.0) + 1.0);
    let (ux, uy) = (quintic(fx), quintic(fy));
    let (a, b) = (hash(column, row, seed), hash(right, row, seed));
    let (c, d) = (hash(column, below, seed), hash(right, below, seed));
    let twist = a - b - c + d;
    Slope {
        value: a + (b - a) * ux + (c - a) * uy + twist * ux * uy,
        dx: quintic_slope(fx) * ((b - a) + twist * uy),
        dy: quintic_slope(fy) * ((c - a) + twist * ux),
    }
}

/// A sum of noises, each twice as fine and half as strong; 0 to 1, mostly near the middle.
pub(crate) fn fbm(x: f32, y: f32, octaves: u32, seed: u32) -> f32 {
    let (mut x, mut y) = (x, y);
    let (mut sum, mut weight, mut total) = (0.0, 0.5, 0.0);
    for octave in 0..octaves {
        sum += weight * value(x, y, seed.wrapping_add(octave));
        total += weight;
        weight *= 0.5;
        // turned a little each time, or the grid shows
        (x, y) = (1.6 * x + 1.2 * y, 1.6 * y - 1.2 * x);
    }
    sum / total
}

/// Noise that is rough on heights and smooth on slopes, as rain leaves mountains; about 0 to 1,
/// with its slope.
pub(crate) fn fbm_slope(x: f32, y: f32, octaves: u32, seed: u32, erosion: f32) -> Slope {
    let (mut px, mut py) = (x, y);
    let mut sum = Slope::default();
    let (mut weight, mut scale) = (0.5, 1.0);
    // the product of the turns so far, to bring slopes back to the axes of the caller
    let (mut cos, mut sin) = (1.0_f32, 0.0_f32);
    let (mut drift_x, mut drift_y) = (0.0, 0.0);
    for octave in 0..octaves {
        let noise = value_slope(px, py, seed.wrapping_add(octave));
        let dx = noise.dx * cos - noise.dy * sin;
        let dy = noise.dx * sin + noise.dy * cos;
        drift_x += dx;
        drift_y += dy;
        let damping = 1.0 / (1.0 + erosion * (drift_x * drift_x + drift_y * drift_y));
        sum.value += weight * noise.value * damping;
        sum.dx += weight * scale * dx * damping;
        sum.dy += weight * scale * dy * damping;
        weight *= 0.5;
        scale *= 2.0;
        (px, py) = (1.6 * px + 1.2 * py, 1.6 * py - 1.2 * px);
        (cos, sin) = (0.8 * cos + 0.6 * sin, 0.8 * sin - 0.6 * cos);
    }
    sum
}
