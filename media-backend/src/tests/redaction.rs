//! What a caller may not see is not in the bytes, and the pixels are the same.

use std::io::Cursor;

use exif::{In, Tag};
use image::ImageFormat;
use img_parts::{ImageEXIF as _, ImageICC as _};
use proptest::prelude::*;
use vestibule_schema::{Action, Permission, PermissionSet};

use super::pictures::{camera_jpeg, encode, exif_block, gradient, profile};
use super::support::{Answer, Gallery, claims};
use crate::redact::Privacy;

const TAKEN: &str = "2026:01:03 10:11:12";
const TARGET: &str = "?size=original";

fn without(actions: &[Action]) -> PermissionSet {
    actions.iter().fold(PermissionSet::ALL, |set, action| set.without_action(*action))
}

fn exif(answer: &Answer) -> exif::Exif {
    exif::Reader::new().read_from_container(&mut Cursor::new(&answer.body)).unwrap()
}

fn has(exif: &exif::Exif, tag: Tag) -> bool {
    exif.get_field(tag, In::PRIMARY).is_some()
}

/// Whether the bytes hold a word.
fn holds(answer: &Answer, word: &str) -> bool {
    answer.body.windows(word.len()).any(|window| window == word.as_bytes())
}

#[tokio::test]
async fn a_jpeg_keeps_what_may_be_seen_and_its_pixels() {
    let gallery = Gallery::new();
    let original = camera_jpeg(90, 60, TAKEN, 6);
    gallery.write("a.jpg", &original);
    let pixels = image::load_from_memory(&original).unwrap().to_rgb8();
    let all = [Action::SeeLocation, Action::SeeExactDates, Action::SeeTechnicalDetails];
    for lacks in [&all[..], &all[..1], &all[1..2], &all[2..]] {
        let may = without(lacks);
        let answer = gallery.get(&format!("/image/a.jpg{TARGET}"), &claims(may)).await.expect(200);
        assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
        assert_eq!(image::load_from_memory(&answer.body).unwrap().to_rgb8(), pixels, "{lacks:?}");
        for gone in [
            "PLANTEDXMP",
            "PLANTEDIPTC",
            "PLANTEDCOMMENT",
            "PLANTEDMPF",
            "PLANTEDTRAILER",
            "PLANTEDNOTE",
            "Planted description",
        ] {
            assert!(!holds(&answer, gone), "{gone}");
        }
        let exif = exif(&answer);
        assert_eq!(
            exif.get_field(Tag::Orientation, In::PRIMARY).unwrap().value.get_uint(0),
            Some(6)
        );
        assert!(has(&exif, Tag::Copyright));
        let sees = |action| may.allows(action);
        assert_eq!(has(&exif, Tag::GPSLatitude), sees(Action::SeeLocation));
        assert_eq!(has(&exif, Tag::DateTimeOriginal), sees(Action::SeeExactDates));
        assert_eq!(has(&exif, Tag::DateTime), sees(Action::SeeExactDates));
        assert_eq!(
            has(&exif, Tag::GPSDateStamp),
            sees(Action::SeeLocation) && sees(Action::SeeExactDates)
        );
        assert_eq!(holds(&answer, "2026:01:03"), sees(Action::SeeExactDates));
        for tag in [
            Tag::Make,
            Tag::Model,
            Tag::LensModel,
            Tag::BodySerialNumber,
            Tag::ExposureTime,
            Tag::Software,
        ] {
            assert_eq!(has(&exif, tag), sees(Action::SeeTechnicalDetails), "{tag}");
        }
        let jpeg = img_parts::jpeg::Jpeg::from_bytes(answer.body.clone()).unwrap();
        assert_eq!(jpeg.icc_profile().unwrap(), profile());
    }
}

#[tokio::test]
async fn values_that_stay_are_the_same() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", camera_jpeg(90, 60, TAKEN, 1));
    let may = without(&[Action::SeeLocation]);
    let answer = gallery.get(&format!("/image/a.jpg{TARGET}"), &claims(may)).await.expect(200);
    let exif = exif(&answer);
    let shown = |tag| exif.get_field(tag, In::PRIMARY).unwrap().display_value().to_string();
    assert_eq!(shown(Tag::DateTimeOriginal), "2026-01-03 10:11:12");
    assert_eq!(shown(Tag::LensModel), "\"Planted 35mm\"");
    assert_eq!(shown(Tag::ExposureTime), "1/250");
    let location = without(&[Action::SeeTechnicalDetails]);
    let answer = gallery.get(&format!("/image/a.jpg{TARGET}"), &claims(location)).await.expect(200);
    let exif = super::redaction::exif(&answer);
    let shown = |tag| exif.get_field(tag, In::PRIMARY).unwrap().display_value().to_string();
    assert_eq!(shown(Tag::GPSLatitude), "47 deg 30 min 0 sec");
}

#[tokio::test]
async fn ranges_and_validators_are_those_of_the_redacted_file() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", camera_jpeg(90, 60, TAKEN, 1));
    let who = claims(without(&[Action::SeeLocation]));
    let target = format!("/image/a.jpg{TARGET}");
    let whole = gallery.get(&target, &who).await.expect(200);
    let open = gallery.get(&target, &claims(PermissionSet::ALL)).await.expect(200);
    assert_ne!(whole.header("etag"), open.header("etag"));
    let mut parts = Vec::new();
    for start in (0..whole.body.len()).step_by(100) {
        let range = format!("bytes={start}-{}", start + 99);
        let part = gallery.ask("GET", &target, &who, &[("range", &range)]).await.expect(206);
        parts.extend_from_slice(&part.body);
    }
    assert_eq!(parts, whole.body);
}

#[tokio::test]
async fn png_and_webp_are_redacted_too() {
    let gallery = Gallery::new();
    let block = exif_block(TAKEN, 3);
    let mut png =
        img_parts::png::Png::from_bytes(encode(&gradient(40, 30), ImageFormat::Png).into())
            .unwrap();
    png.set_exif(Some(block.clone().into()));
    png.set_icc_profile(Some(profile().into()));
    let text = img_parts::png::PngChunk::new(*b"tEXt", b"Comment\0PLANTEDTEXT".as_slice().into());
    png.chunks_mut().insert(1, text);
    let mut png = png.encoder().bytes().to_vec();
    png.extend_from_slice(b"PLANTEDTRAILER");
    gallery.write("a.png", &png);
    let mut webp =
        img_parts::webp::WebP::from_bytes(encode(&gradient(40, 30), ImageFormat::WebP).into())
            .unwrap();
    webp.set_exif(Some(block.into()));
    webp.set_icc_profile(Some(profile().into()));
    let xmp = img_parts::riff::RiffContent::Data(b"PLANTEDXMP".as_slice().into());
    webp.chunks_mut().push(img_parts::riff::RiffChunk::new(*b"XMP ", xmp));
    let webp = webp.encoder().bytes().to_vec();
    gallery.write("a.webp", &webp);
    for (name, original) in [("a.png", &png), ("a.webp", &webp)] {
        let who = claims(without(&[Action::SeeLocation, Action::SeeExactDates]));
        let answer = gallery.get(&format!("/image/{name}{TARGET}"), &who).await.expect(200);
        for gone in ["PLANTEDTEXT", "PLANTEDXMP", "PLANTEDTRAILER", "PLANTEDNOTE", "2026"] {
            assert!(!holds(&answer, gone), "{name} {gone}");
        }
        let exif = exif(&answer);
        assert!(has(&exif, Tag::Model) && !has(&exif, Tag::GPSLatitude), "{name}");
        assert_eq!(
            exif.get_field(Tag::Orientation, In::PRIMARY).unwrap().value.get_uint(0),
            Some(3)
        );
        let pixels = |bytes: &[u8]| image::load_from_memory(bytes).unwrap().to_rgba8();
        assert_eq!(pixels(&answer.body), pixels(original), "{name}");
        let open =
            gallery.get(&format!("/image/{name}{TARGET}"), &claims(PermissionSet::ALL)).await;
        assert_eq!(open.body, original.as_slice());
    }
}

#[tokio::test]
async fn what_cannot_be_redacted_is_refused_with_a_reason() {
    let gallery = Gallery::new();
    gallery.write("a.tif", encode(&gradient(40, 30), ImageFormat::Tiff));
    gallery.write("a.gif", encode(&gradient(40, 30), ImageFormat::Gif));
    gallery.write("a.heic", b"\0\0\0\x18ftypheic");
    let mut cut = camera_jpeg(90, 60, TAKEN, 1);
    cut.truncate(cut.len() - 60);
    gallery.write("cut.jpg", &cut);
    let who = claims(without(&[Action::SeeLocation]));
    for name in ["a.tif", "a.gif", "a.heic"] {
        let answer = gallery.get(&format!("/image/{name}{TARGET}"), &who).await.expect(403);
        assert_eq!(answer.json()["error"], "not_redactable", "{name}");
        gallery
            .get(&format!("/image/{name}{TARGET}"), &claims(PermissionSet::ALL))
            .await
            .expect(200);
    }
    let answer = gallery.get(&format!("/image/cut.jpg{TARGET}"), &who).await.expect(422);
    assert_eq!(answer.json()["error"], "unprocessable_media");
    // who sees everything gets the file as it is
    let all = claims(PermissionSet::ALL);
    assert_eq!(gallery.get(&format!("/image/cut.jpg{TARGET}"), &all).await.expect(200).body, cut);
    assert!(PermissionSet::ALL.holds(Permission::SeeLocation));
}

/// Damaged files of every kind are refused or redacted, never a panic, never longer than known.
fn redact_anything(name: &str, bytes: &[u8], privacy: Privacy) {
    use crate::library::Library;
    use vestibule_schema::GalleryPath;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(name), bytes).unwrap();
    let library = Library::new(dir.path().to_owned());
    let shelf = library.open().unwrap();
    let opened = shelf.image(&GalleryPath::from_decoded(&format!("/{name}")).unwrap()).unwrap();
    let redactor = crate::redact::Redactor::new(&crate::Limits::default());
    let kind = crate::media::Kind::of_name(name).unwrap();
    if let Ok(pieces) = redactor.redact(&opened, kind, privacy) {
        let out = pieces.read(&opened.file, 0, usize::MAX).unwrap();
        assert_eq!(out.len() as u64, pieces.length());
        assert!(!out.windows(8).any(|window| window == b"PLANTEDX"));
    }
    let _ = crate::details::read(&opened, kind);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn damage_is_never_a_panic_nor_a_leak(at in 0_usize..4000, byte: u8, cut in 0_usize..4000, bits in 0_u8..7) {
        let mut bytes = camera_jpeg(30, 20, TAKEN, 6);
        let privacy = Privacy { dates: bits & 1 != 0, location: bits & 2 != 0, technical: bits & 4 != 0 };
        let length = bytes.len();
        bytes[at % length] = byte;
        redact_anything("a.jpg", &bytes, privacy);
        bytes.truncate(cut % length);
        redact_anything("a.jpg", &bytes, privacy);
        let mut png = encode(&gradient(20, 10), ImageFormat::Png);
        let length = png.len();
        png[at % length] = byte;
        redact_anything("a.png", &png, privacy);
        let mut webp = encode(&gradient(20, 10), ImageFormat::WebP);
        let length = webp.len();
        webp[at % length] = byte;
        redact_anything("a.webp", &webp, privacy);
    }
}
