//! The sample gallery: landscapes, night skies and portraits that the program paints itself, with
//! the metadata that a camera would have written, and one folder for each kind of override.
//!
//! `vestibule demo` shows it, tests and benchmarks are fed by it. It is *not* test data for
//! decoders: everything in it is well formed. Nothing is read from disk or network, and the same
//! version writes the same bytes on every run.
//!
//! Start with [`write_gallery`] for a whole tree, or with [`picture`] and [`jpeg`] for one file:
//!
//! ```
//! use vestibule_sample::{Light, Scene, Subject, jpeg, picture};
//!
//! let pixels = picture(Scene::new(Subject::Lake, Light::Golden), 240, 160, 7);
//! let file = jpeg(&pixels, 85, None)?;
//! assert!(file.starts_with(&[0xff, 0xd8]));
//! # Ok::<(), vestibule_sample::EncodeError>(())
//! ```

mod dng;
mod encode;
mod exif;
mod gallery;
mod icc;
mod paint;
mod scene;
mod tiff;
mod xmp;

pub use dng::dng;
pub use encode::{Colour, EncodeError, Extras, jpeg, jpeg_with, png, webp};
pub use exif::{Exif, Orientation, Position};
pub use gallery::{GallerySize, Progress, SampleError, Summary, write_gallery};
pub use scene::{Light, Scene, Subject, picture};
pub use xmp::Xmp;
