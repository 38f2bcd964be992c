//! What can be painted: a subject in a light.

use image::RgbImage;

use crate::paint::{Canvas, Dice};

mod bloom;
mod light;
mod night;
mod people;
mod terrain;
mod town;
mod trees;
mod water;

/// A subject in a light; with a size and a seed it makes a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scene {
    /// What is to be seen.
    pub subject: Subject,
    /// The time of day and the weather.
    pub light: Light,
}

/// What is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Rocky mountains above a valley.
    Alps,
    /// Northern lights above firs.
    Aurora,
    /// A skyline with lit windows, mirrored in a river.
    City,
    /// Sand dunes.
    Dunes,
    /// A large blossom before a soft background.
    Flower,
    /// Rows of firs in haze.
    Forest,
    /// Rolling green country.
    Hills,
    /// Mountains mirrored in a lake.
    Lake,
    /// A lighthouse on a cliff.
    Lighthouse,
    /// A meadow in flower before mountains.
    Meadow,
    /// The band of our galaxy above a ridge.
    MilkyWay,
    /// The moon above a ridge.
    Moon,
    /// A person before soft lights.
    Portrait,
    /// Waves under a wide sky.
    Sea,
    /// Mountains deep in snow.
    Snow,
    /// A field of stars above firs.
    Stars,
    /// Water falling between rocks.
    Waterfall,
}

/// The time of day and the weather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Light {
    /// Before sunrise: rose and pale blue.
    Dawn,
    /// Late morning, fair weather.
    Day,
    /// After sunset: blue.
    Dusk,
    /// The last warm hour.
    Golden,
    /// Low cloud, grey and soft.
    Mist,
    /// Moonlight.
    Night,
    /// The sun at the horizon.
    Sunset,
}

impl Scene {
    /// `subject` in `light`.
    #[must_use]
    pub const fn new(subject: Subject, light: Light) -> Self {
        Self { subject, light }
    }

    /// One sentence for those who can't see the picture.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self.subject {
            Subject::Alps => "Rocky mountains above a valley.",
            Subject::Aurora => "Northern lights above dark firs.",
            Subject::City => "A skyline with lit windows above a river.",
            Subject::Dunes => "Sand dunes with sharp crests.",
            Subject::Flower => "A large blossom before a soft background.",
            Subject::Forest => "Rows of firs that fade into haze.",
            Subject::Hills => "Rolling hills, one behind the other.",
            Subject::Lake => "Mountains mirrored in a calm lake.",
            Subject::Lighthouse => "A lighthouse on a cliff above the sea.",
            Subject::Meadow => "A meadow in flower before mountains.",
            Subject::MilkyWay => "The Milky Way above a dark ridge.",
            Subject::Moon => "The moon above a dark ridge.",
            Subject::Portrait => "A person from the shoulders up, before soft lights.",
            Subject::Sea => "Waves under a wide sky.",
            Subject::Snow => "Mountains deep in snow.",
            Subject::Stars => "A sky full of stars above dark firs.",
            Subject::Waterfall => "A waterfall between mossy rocks.",
        }
    }

    /// One word to file it under.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self.subject {
            Subject::Alps | Subject::Snow => "mountains",
            Subject::Aurora => "northern lights",
            Subject::City => "city",
            Subject::Dunes => "desert",
            Subject::Flower | Subject::Meadow => "flowers",
            Subject::Forest => "forest",
            Subject::Hills => "hills",
            Subject::Lake => "lake",
            Subject::Lighthouse | Subject::Sea => "sea",
            Subject::MilkyWay | Subject::Moon | Subject::Stars => "night sky",
            Subject::Portrait => "people",
            Subject::Waterfall => "waterfall",
        }
    }
}

/// Paints `scene`. The same arguments give the same pixels; sides of 0 are taken as 1.
#[must_use]
pub fn picture(scene: Scene, width: u32, height: u32, seed: u64) -> RgbImage {
    let (width, height) = (width.max(1) as usize, height.max(1) as usize);
    // above a megapixel or so, brushwork finer than two pixels costs more than it shows
    let is_large = width.min(height) >= 800 && width.is_multiple_of(2) && height.is_multiple_of(2);
    let mut canvas =
        if is_large { Canvas::new(width / 2, height / 2) } else { Canvas::new(width, height) };
    let dice = &mut Dice::new(seed);
    let light = scene.light;
    match scene.subject {
        Subject::Alps => terrain::alps(&mut canvas, light, dice),
        Subject::Aurora => night::aurora(&mut canvas, light, dice),
        Subject::City => town::city(&mut canvas, light, dice),
        Subject::Dunes => terrain::dunes(&mut canvas, light, dice),
        Subject::Flower => bloom::flower(&mut canvas, light, dice),
        Subject::Forest => trees::forest(&mut canvas, light, dice),
        Subject::Hills => terrain::hills(&mut canvas, light, dice),
        Subject::Lake => terrain::lake(&mut canvas, light, dice),
        Subject::Lighthouse => town::lighthouse(&mut canvas, light, dice),
        Subject::Meadow => bloom::meadow(&mut canvas, light, dice),
        Subject::MilkyWay => night::milky_way(&mut canvas, light, dice),
        Subject::Moon => night::moon(&mut canvas, light, dice),
        Subject::Portrait => people::portrait(&mut canvas, light, dice),
        Subject::Sea => water::sea(&mut canvas, light, dice),
        Subject::Snow => terrain::snow(&mut canvas, light, dice),
        Subject::Stars => night::stars(&mut canvas, light, dice),
        Subject::Waterfall => water::waterfall(&mut canvas, light, dice),
    }
    if is_large {
        canvas = canvas.enlarged();
    }
    canvas.develop(seed)
}

#[cfg(test)]
mod tests {
    use super::{Light, Scene, Subject, picture};

    #[test]
    fn the_same_seed_paints_the_same_picture_and_another_seed_another() {
        let scene = Scene::new(Subject::Alps, Light::Golden);
        let first = picture(scene, 96, 64, 1);
        assert_eq!(first, picture(scene, 96, 64, 1));
        assert_ne!(first, picture(scene, 96, 64, 2));
    }

    #[test]
    fn every_size_is_what_was_asked_for() {
        for (width, height) in [(1, 1), (3, 200), (200, 3), (801, 800), (800, 802)] {
            for subject in [Subject::Lake, Subject::Portrait, Subject::City, Subject::Aurora] {
                let image = picture(Scene::new(subject, Light::Dusk), width, height, 3);
                assert_eq!(image.dimensions(), (width, height));
            }
        }
        assert_eq!(picture(Scene::new(Subject::Sea, Light::Day), 0, 9, 1).dimensions(), (1, 9));
    }
}
