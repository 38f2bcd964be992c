//! Every folder and every picture of the sample gallery: the one place that lists them.

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::{DateTime, date};
use jiff::tz::Offset;

use super::pages;
use crate::scene::Light::{self, Dawn, Day, Dusk, Golden, Mist, Night, Sunset};
use crate::scene::Scene;
use crate::scene::Subject::{
    self, Alps, Aurora, City, Dunes, Flower, Forest, Hills, Lake, Lighthouse, Meadow, MilkyWay,
    Moon, Portrait, Sea, Snow, Stars, Waterfall,
};

/// One folder of the tree.
pub(super) struct Folder {
    /// Relative to the gallery; empty for the gallery itself.
    pub(super) path: &'static str,
    /// Markdown files: name and text.
    pub(super) pages: &'static [(&'static str, &'static str)],
    pub(super) shots: &'static [Shot],
}

/// One picture.
pub(super) struct Shot {
    pub(super) name: &'static str,
    pub(super) scene: Scene,
    pub(super) taken: DateTime,
    pub(super) place: &'static Place,
    pub(super) shape: Shape,
    pub(super) format: Format,
    pub(super) finish: Finish,
}

/// A public place.
pub(super) struct Place {
    pub(super) city: &'static str,
    pub(super) country: &'static str,
    pub(super) latitude: f64,
    pub(super) longitude: f64,
    pub(super) altitude: i32,
    /// Hours ahead of UTC in winter.
    winter: i8,
    /// Hours ahead of UTC from April to October.
    summer: i8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Panorama,
    Square,
    Tall,
    Wide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Jpeg,
    JpegAndRaw,
    Png,
    WebP,
}

/// What happened between the camera and the gallery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    /// Nothing.
    Camera,
    /// Thumbnail, XMP with words, place and keywords, ICC profile.
    Edited,
    /// The camera was held upright and left the turning to the viewer.
    StoredSideways,
}

impl Shot {
    const fn tall(mut self) -> Self {
        self.shape = Shape::Tall;
        self
    }

    const fn shaped(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    const fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    const fn sideways(mut self) -> Self {
        self.finish = Finish::StoredSideways;
        self.tall()
    }

    const fn edited(mut self) -> Self {
        self.finish = Finish::Edited;
        self
    }

    pub(super) fn has_raw(&self) -> bool {
        self.format == Format::JpegAndRaw
    }

    /// The moment in time.
    pub(super) fn moment(&self) -> Timestamp {
        self.place.offset(self.taken).to_timestamp(self.taken).unwrap_or_default()
    }

    /// The name as words: `still-lake.jpg` is `Still lake`.
    pub(super) fn title(&self) -> String {
        let stem = self.name.split('.').next().unwrap_or(self.name).replace('-', " ");
        let mut letters = stem.chars();
        letters.next().map_or_else(String::new, |first| {
            first.to_uppercase().collect::<String>() + letters.as_str()
        })
    }

    /// From the path, so that a picture stays the same when others come and go (FNV-1a).
    pub(super) fn seed(&self, path: &Path) -> u64 {
        let start = 0xcbf2_9ce4_8422_2325;
        path.as_os_str()
            .as_encoded_bytes()
            .iter()
            .fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

impl Place {
    /// Good enough for pictures that no one takes in the night of the change.
    pub(super) fn offset(&self, moment: DateTime) -> Offset {
        let is_summer = (4..=10).contains(&moment.month());
        Offset::constant(if is_summer { self.summer } else { self.winter })
    }
}

const fn place(
    (city, country): (&'static str, &'static str),
    (latitude, longitude, altitude): (f64, f64, i32),
    (winter, summer): (i8, i8),
) -> Place {
    Place { city, country, latitude, longitude, altitude, winter, summer }
}

const CET: (i8, i8) = (1, 2);
static ANNECY: Place = place(("Annecy", "France"), (45.8992, 6.1294, 447), CET);
static BLED: Place = place(("Bled", "Slovenia"), (46.3636, 14.0938, 475), CET);
static BIARRITZ: Place = place(("Biarritz", "France"), (43.4933, -1.5657, 12), CET);
static CHAMONIX: Place = place(("Chamonix", "France"), (45.9237, 6.8694, 2_310), CET);
static CORTINA: Place = place(("Cortina d'Ampezzo", "Italy"), (46.5405, 12.1357, 1_980), CET);
static ERG_CHEBBI: Place = place(("Merzouga", "Morocco"), (31.0995, -4.0127, 720), (1, 1));
static GRINDELWALD: Place = place(("Grindelwald", "Switzerland"), (46.6242, 8.0414, 2_060), CET);
static LA_PALMA: Place = place(("Garafía", "Spain"), (28.7606, -17.8814, 2_390), (0, 1));
static PRAGUE: Place = place(("Prague", "Czechia"), (50.0865, 14.4114, 190), CET);
static SIENA: Place = place(("Pienza", "Italy"), (43.0786, 11.6789, 480), CET);
static SKOGAR: Place = place(("Skógar", "Iceland"), (63.5321, -19.5114, 25), (0, 0));
static TROMSO: Place = place(("Tromsø", "Norway"), (69.6492, 18.9553, 90), CET);
static VANCOUVER: Place = place(("Vancouver", "Canada"), (49.3017, -123.1417, 15), (-8, -7));
static ZERMATT: Place = place(("Zermatt", "Switzerland"), (45.9833, 7.7853, 2_580), CET);

const fn shot(
    name: &'static str,
    subject: Subject,
    light: Light,
    taken: DateTime,
    place: &'static Place,
) -> Shot {
    Shot {
        name,
        scene: Scene::new(subject, light),
        taken,
        place,
        shape: Shape::Wide,
        format: Format::Jpeg,
        finish: Finish::Camera,
    }
}

/// A clock time; the seconds follow from the rest, for no reason but to differ.
const fn at(year: i16, month: i8, day: i8, hour: i8, minute: i8) -> DateTime {
    date(year, month, day).at(hour, minute, (minute / 2 + day + hour) % 60, 0)
}

/// The tree. Parents stand before their children.
pub(super) static FOLDERS: &[Folder] = &[
    Folder { path: "", pages: &[("_folder.md", pages::ROOT)], shots: ROOT },
    Folder {
        path: "landscapes",
        pages: &[("_folder.md", pages::LANDSCAPES), ("still-lake.jpg.md", pages::STILL_LAKE)],
        shots: LANDSCAPES,
    },
    Folder { path: "landscapes/alps", pages: &[("_folder.md", pages::ALPS)], shots: ALPS },
    Folder {
        path: "night-skies",
        pages: &[("_folder.md", pages::NIGHT_SKIES), ("aurora.jpg.md", pages::AURORA)],
        shots: NIGHT_SKIES,
    },
    Folder { path: "people", pages: &[("_folder.md", pages::PEOPLE)], shots: PEOPLE },
    Folder {
        path: "family",
        pages: &[("_folder.md", pages::FAMILY), ("grandmother.jpg.md", pages::GRANDMOTHER)],
        shots: FAMILY,
    },
    Folder { path: "clients", pages: &[("_folder.md", pages::CLIENTS)], shots: CLIENTS },
    Folder { path: "client-smith", pages: &[("_folder.md", pages::CLIENT_SMITH)], shots: SMITH },
    Folder { path: "portfolio", pages: &[("_folder.md", pages::PORTFOLIO)], shots: PORTFOLIO },
    Folder { path: "drafts", pages: &[("_folder.md", pages::DRAFTS)], shots: DRAFTS },
    Folder { path: "Été à la mer 🌊", pages: &[("_folder.md", pages::SEA)], shots: SEA },
    Folder { path: "empty", pages: &[("_folder.md", pages::EMPTY)], shots: &[] },
];

const ROOT: &[Shot] =
    &[shot("welcome.jpg", Lake, Dawn, at(2025, 9, 14, 6, 52), &BLED).shaped(Shape::Panorama)];

const LANDSCAPES: &[Shot] = &[
    shot("autumn-forest.jpg", Forest, Golden, at(2024, 10, 19, 16, 41), &VANCOUVER),
    shot("dunes-at-noon.jpg", Dunes, Day, at(2025, 2, 8, 12, 5), &ERG_CHEBBI),
    shot("evening-dunes.jpg", Dunes, Sunset, at(2025, 2, 8, 18, 22), &ERG_CHEBBI).edited(),
    shot("june-meadow.jpg", Meadow, Day, at(2025, 6, 11, 10, 33), &GRINDELWALD),
    shot("morning-mist.jpg", Forest, Mist, at(2024, 11, 3, 7, 48), &VANCOUVER),
    shot("rolling-hills.jpg", Hills, Golden, at(2025, 5, 3, 19, 12), &SIENA),
    shot("still-lake.jpg", Lake, Golden, at(2025, 9, 14, 18, 20), &BLED).edited(),
    shot("tuscan-morning.webp", Hills, Mist, at(2025, 5, 4, 6, 30), &SIENA).format(Format::WebP),
    shot("unfinished.jpg", Hills, Day, at(2025, 5, 4, 11, 2), &SIENA),
];

const ALPS: &[Shot] = &[
    shot("01-first-light.jpg", Alps, Dawn, at(2025, 7, 12, 5, 51), &CHAMONIX).edited(),
    shot("02-the-pass.jpg", Alps, Day, at(2025, 7, 12, 11, 24), &CHAMONIX),
    shot("03-lac-blanc.jpg", Lake, Day, at(2025, 7, 12, 13, 9), &CHAMONIX),
    shot("04-evening-ridge.jpg", Alps, Golden, at(2025, 7, 12, 20, 17), &CHAMONIX),
    shot("05-alpine-meadow.jpg", Meadow, Golden, at(2025, 7, 13, 18, 55), &GRINDELWALD),
    shot("06-north-face.jpg", Snow, Day, at(2025, 7, 14, 9, 40), &GRINDELWALD),
    shot("07-afterglow.jpg", Snow, Sunset, at(2025, 7, 14, 21, 26), &GRINDELWALD),
    shot("08-fog-in-the-valley.jpg", Alps, Mist, at(2025, 7, 15, 6, 44), &ZERMATT),
    shot("09-the-horn.jpg", Snow, Golden, at(2025, 7, 15, 19, 38), &ZERMATT),
    shot("10-blue-hour.jpg", Snow, Dusk, at(2025, 7, 15, 22, 1), &ZERMATT),
    shot("11-tarn.jpg", Lake, Mist, at(2025, 7, 16, 7, 15), &CORTINA),
    shot("12-dolomites.jpg", Alps, Sunset, at(2025, 7, 16, 20, 48), &CORTINA),
    shot("13-firs.jpg", Forest, Dawn, at(2025, 7, 17, 5, 58), &CORTINA),
    shot("14-waterfall.jpg", Waterfall, Day, at(2025, 7, 17, 14, 20), &CORTINA).tall(),
    shot("15-hut-under-stars.jpg", Lake, Night, at(2025, 7, 17, 23, 36), &CORTINA),
    shot("16-panorama.jpg", Alps, Day, at(2025, 7, 18, 10, 12), &CORTINA).shaped(Shape::Panorama),
];

const NIGHT_SKIES: &[Shot] = &[
    shot("aurora.jpg", Aurora, Night, at(2025, 2, 12, 23, 47), &TROMSO).format(Format::JpegAndRaw),
    shot("aurora-over-the-fjord.jpg", Aurora, Dusk, at(2025, 2, 13, 0, 31), &TROMSO).edited(),
    shot("full-moon.png", Moon, Night, at(2025, 4, 13, 2, 22), &LA_PALMA).format(Format::Png),
    shot("milky-way.jpg", MilkyWay, Night, at(2025, 8, 23, 1, 14), &LA_PALMA),
    shot("milky-way-upright.jpg", MilkyWay, Dusk, at(2025, 8, 23, 2, 3), &LA_PALMA).sideways(),
    shot("moonrise.jpg", Moon, Dusk, at(2025, 8, 9, 21, 9), &SKOGAR),
    shot("winter-stars.jpg", Stars, Night, at(2025, 1, 28, 22, 40), &ZERMATT),
];

const PEOPLE: &[Shot] = &[
    shot("amara.jpg", Portrait, Golden, at(2024, 6, 22, 19, 4), &PRAGUE).tall().edited(),
    shot("jonas.jpg", Portrait, Day, at(2024, 6, 23, 11, 37), &PRAGUE).tall(),
    shot("lin.jpg", Portrait, Dusk, at(2024, 6, 23, 21, 50), &PRAGUE).tall(),
    shot("noor.jpg", Portrait, Sunset, at(2024, 7, 2, 20, 41), &BIARRITZ).tall(),
    shot("old-town.jpg", City, Dusk, at(2024, 6, 23, 22, 8), &PRAGUE).tall(),
];

const FAMILY: &[Shot] = &[
    shot("first-snow.jpg", Snow, Mist, at(2024, 12, 26, 10, 18), &ANNECY),
    shot("garden.jpg", Flower, Day, at(2025, 5, 29, 15, 46), &ANNECY),
    shot("grandmother.jpg", Portrait, Night, at(2025, 3, 8, 20, 31), &ANNECY).tall().edited(),
    shot("holiday-beach.jpg", Sea, Day, at(2025, 8, 4, 11, 3), &BIARRITZ),
];

const CLIENTS: &[Shot] =
    &[shot("contract-cover.jpg", City, Night, at(2025, 10, 2, 19, 55), &PRAGUE)];

const SMITH: &[Shot] = &[
    shot("smith-001.jpg", Portrait, Day, at(2025, 6, 21, 15, 10), &ANNECY).tall(),
    shot("smith-002.jpg", Portrait, Golden, at(2025, 6, 21, 18, 44), &ANNECY).tall(),
    shot("smith-bouquet.jpg", Flower, Golden, at(2025, 6, 21, 14, 2), &ANNECY).edited(),
    shot("smith-lakeside.jpg", Lake, Sunset, at(2025, 6, 21, 21, 12), &ANNECY),
];

const PORTFOLIO: &[Shot] = &[
    shot("city-lights.jpg", City, Dusk, at(2023, 12, 1, 17, 2), &VANCOUVER),
    shot("foss.jpg", Waterfall, Mist, at(2023, 9, 6, 16, 28), &SKOGAR).tall(),
    shot("last-boat.jpg", Sea, Sunset, at(2024, 9, 11, 20, 12), &BIARRITZ).edited(),
    shot("poppies.jpg", Meadow, Sunset, at(2024, 5, 30, 20, 50), &SIENA),
    shot("square-dune.jpg", Dunes, Golden, at(2025, 2, 9, 8, 14), &ERG_CHEBBI)
        .shaped(Shape::Square),
];

const DRAFTS: &[Shot] = &[
    shot("forest-test.jpg", Forest, Day, at(2025, 10, 11, 13, 13), &VANCOUVER),
    shot("sky-test.jpg", Stars, Dusk, at(2025, 10, 11, 19, 59), &VANCOUVER),
];

const SEA: &[Shot] = &[
    shot(
        "Le \"vieux\" phare, l'été dernier.jpg",
        Lighthouse,
        Day,
        at(2025, 8, 2, 17, 40),
        &BIARRITZ,
    )
    .tall(),
    shot("coucher de soleil.jpg", Lighthouse, Sunset, at(2025, 8, 3, 21, 14), &BIARRITZ),
    shot("grandes vagues.jpg", Sea, Mist, at(2025, 8, 6, 9, 31), &BIARRITZ),
    shot("marée basse 🐚.jpg", Sea, Golden, at(2025, 8, 6, 20, 2), &BIARRITZ),
    shot(
        "le soir où nous avons attendu le rayon vert jusqu'à la dernière minute et où, pour une \
         fois, personne n'a parlé, pas même les enfants qui comptaient les bateaux.jpg",
        Sea,
        Dusk,
        at(2025, 8, 7, 21, 40),
        &BIARRITZ,
    ),
];
