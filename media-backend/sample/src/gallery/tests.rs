//! What a whole gallery must be.

use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use exif::{In, Reader, Tag, Value};

use super::{GallerySize, MARKER, SampleError, Summary, write_gallery};

fn write(folder: &Path) -> Result<Summary, SampleError> {
    write_gallery(folder, GallerySize::Small, &mut |_| {})
}

fn field(path: &Path, tag: Tag) -> String {
    let bytes = fs::read(path).unwrap();
    let read = Reader::new().read_from_container(&mut Cursor::new(bytes)).unwrap();
    let field = read.get_field(tag, In::PRIMARY).unwrap_or_else(|| panic!("no {tag} in {path:?}"));
    field.display_value().to_string()
}

#[test]
fn the_tree_is_complete_and_every_picture_has_its_metadata() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("gallery");
    let mut seen = BTreeSet::new();
    let mut last = 0;
    let summary = write_gallery(&root, GallerySize::Small, &mut |progress| {
        assert_eq!(progress.done, last + 1);
        last = progress.done;
        assert!(seen.insert(progress.path.to_owned()));
    })
    .unwrap();

    assert!(summary.pictures >= 40, "{summary:?}");
    assert_eq!((summary.pictures, summary.raws), (seen.len(), 1));
    for path in &seen {
        let path = root.join(path);
        assert!(image::open(&path).unwrap().width() >= 160, "{path:?}");
        assert!(field(&path, Tag::DateTimeOriginal).starts_with("202"));
        assert!(!field(&path, Tag::BodySerialNumber).is_empty());
        assert!(field(&path, Tag::GPSLatitude).contains("deg"));
    }
    let extensions: BTreeSet<_> = seen.iter().filter_map(|path| path.extension()).collect();
    assert_eq!(extensions.len(), 3);
    assert!(root.join("night-skies/aurora.dng").is_file());
    assert!(fs::read_dir(root.join("empty")).unwrap().count() == 1);
    assert!(!root.join(MARKER).exists());
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn the_upright_picture_is_stored_sideways() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("gallery");
    write(&root).unwrap();
    let path = root.join("night-skies/milky-way-upright.jpg");
    let (width, height) = image::image_dimensions(&path).unwrap();
    assert!(width > height);
    let bytes = fs::read(&path).unwrap();
    let read = Reader::new().read_from_container(&mut Cursor::new(bytes)).unwrap();
    let orientation = read.get_field(Tag::Orientation, In::PRIMARY).unwrap();
    assert!(matches!(&orientation.value, Value::Short(codes) if *codes == [6]));
    // the clock of the file is that of the camera: 02:03 in La Palma's summer is 01:03 UTC
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let modified = jiff::Timestamp::try_from(modified).unwrap();
    assert!(modified.to_string().starts_with("2025-08-23T01:03:"), "{modified}");
}

#[test]
fn the_same_bytes_every_time() {
    let parent = tempfile::tempdir().unwrap();
    let (one, two) = (parent.path().join("one"), parent.path().join("two"));
    write(&one).unwrap();
    write(&two).unwrap();
    for name in ["welcome.jpg", "night-skies/aurora.dng", "night-skies/full-moon.png"] {
        assert!(fs::read(one.join(name)).unwrap() == fs::read(two.join(name)).unwrap(), "{name}");
    }
}

#[test]
fn a_folder_with_something_in_it_is_refused_and_untouched() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("gallery");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("mine.txt"), "mine").unwrap();
    assert!(matches!(write(&root), Err(SampleError::NotEmpty { path }) if path == root));
    assert_eq!(fs::read_dir(&root).unwrap().count(), 1);
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
}

#[test]
fn a_stranger_in_the_place_of_the_half_finished_gallery_stays() {
    let parent = tempfile::tempdir().unwrap();
    let stranger = parent.path().join("gallery.partial");
    fs::create_dir(&stranger).unwrap();
    fs::write(stranger.join("thesis.txt"), "five years").unwrap();
    let refused = write(&parent.path().join("gallery"));
    assert!(matches!(refused, Err(SampleError::InTheWay { path }) if path == stranger));
    assert!(stranger.join("thesis.txt").is_file());
}

#[test]
fn an_interrupted_run_is_cleared_away_by_the_next() {
    let parent = tempfile::tempdir().unwrap();
    let (root, partial) = (parent.path().join("gallery"), parent.path().join("gallery.partial"));
    fs::create_dir(&partial).unwrap();
    fs::write(partial.join(MARKER), "").unwrap();
    fs::write(partial.join("half.jpg"), "half").unwrap();
    fs::create_dir(&root).unwrap();
    write(&root).unwrap();
    assert!(root.join("welcome.jpg").is_file() && !root.join("half.jpg").exists());
    assert!(!partial.exists());
}

#[test]
fn a_path_without_a_name_is_refused() {
    assert!(matches!(write(Path::new("/")), Err(SampleError::NoName { .. })));
}
