//! Archives hold what may be taken, and say what is missing.

use std::io::{Cursor, Read as _};
use std::time::{Duration, SystemTime};

use vestibule_schema::{Permission, PermissionSet};
use zip::ZipArchive;

use super::pictures::{camera_jpeg, dng, encode, gradient, jpeg};
use super::support::{Answer, Gallery, claims, set, with_below};

/// Names and contents, in order. The reader checks the checksums.
fn entries(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(answer.body.clone())).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut file = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            (file.name().unwrap().to_string(), bytes)
        })
        .collect()
}

fn names(answer: &Answer) -> Vec<String> {
    entries(answer).into_iter().map(|(name, _)| name).collect()
}

fn skipped(answer: &Answer) -> String {
    let (name, text) = entries(answer).pop().unwrap();
    assert_eq!(name, "SKIPPED.txt");
    String::from_utf8(text).unwrap()
}

fn owner() -> PermissionSet {
    PermissionSet::ALL.without_action(vestibule_schema::Action::SeeHidden)
}

fn trip() -> Gallery {
    let gallery = Gallery::new();
    gallery.write("trip/é 1.jpg", camera_jpeg(60, 40, "2026:01:03 10:11:12", 1));
    gallery.write("trip/b.jpg", jpeg(60, 40));
    gallery.write("trip/b.dng", dng(&jpeg(30, 20), 1));
    gallery.write("trip/b.jpg.toml", "x = 1");
    gallery.write("trip/hidden.jpg", jpeg(60, 40));
    gallery.write("trip/_folder.md", "+++\nhidden_images = [\"hidden.jpg\"]\n+++\n");
    gallery.write("trip/day/c.png", encode(&gradient(60, 40), image::ImageFormat::Png));
    gallery.write("trip/secret/s.jpg", jpeg(60, 40));
    gallery.write("trip/look/l.jpg", jpeg(60, 40));
    gallery.write("trip/veiled/v.jpg", jpeg(60, 40));
    gallery.write("trip/veiled/_folder.md", "+++\nhidden = true\n+++\n");
    gallery
}

#[tokio::test]
async fn an_archive_holds_what_may_be_taken() {
    let gallery = trip();
    let looks = set(&[Permission::DownloadOriginal]);
    let below = [("/trip/secret/", PermissionSet::EMPTY), ("/trip/look/", looks)];
    let who = with_below(claims(owner()), &below);
    let answer = gallery.get("/zip/trip/", &who).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/zip"));
    assert!(answer.header("content-disposition").unwrap().contains("filename=\"trip.zip\""));
    let expected = ["trip/b.jpg", "trip/b.dng", "trip/é 1.jpg", "trip/day/c.png", "SKIPPED.txt"];
    assert_eq!(names(&answer), expected);
    for (name, bytes) in entries(&answer).iter().take(4) {
        assert_eq!(*bytes, std::fs::read(gallery.at(name)).unwrap(), "{name}");
    }
    let text = skipped(&answer);
    assert!(
        text.contains("1 picture was left out") && text.contains("not download them"),
        "{text}"
    );
    let head = gallery.ask("HEAD", "/zip/trip/", &who, &[]).await.expect(200);
    assert!(head.body.is_empty());
    // nothing left out, nothing to say
    let answer = gallery.get("/zip/trip/day/", &claims(owner())).await.expect(200);
    assert_eq!(names(&answer), ["day/c.png"]);
}

#[tokio::test]
async fn each_image_comes_in_the_best_size_that_is_allowed() {
    let gallery = trip();
    let zip = Permission::DownloadGallery;
    let check = async |held: &[Permission], expected: &[&str]| {
        let answer = gallery.get("/zip/trip/", &claims(set(held))).await.expect(200);
        let names = names(&answer);
        assert_eq!(names, expected, "{held:?}");
        entries(&answer)
    };
    let jpegs =
        ["trip/b.jpg", "trip/é 1.jpg", "trip/day/c.jpg", "trip/look/l.jpg", "trip/secret/s.jpg"];
    let packed = check(&[zip, Permission::DownloadMedium], &jpegs).await;
    assert!(packed.iter().all(|(_, bytes)| !bytes.windows(7).any(|window| window == b"Planted")));
    check(&[zip, Permission::DownloadLarge], &jpegs).await;
    // originals are freed of what may not be seen
    let packed = check(
        &[zip, Permission::DownloadOriginal],
        &["trip/b.jpg", "trip/é 1.jpg", "trip/day/c.png", "trip/look/l.jpg", "trip/secret/s.jpg"],
    )
    .await;
    assert!(packed.iter().all(|(_, bytes)| !bytes.windows(7).any(|window| window == b"Planted")));
    let answer =
        gallery.get("/zip/trip/", &claims(set(&[zip, Permission::UseZoom]))).await.expect(403);
    assert_eq!(answer.json()["error"], "nothing_to_pack");
    let empty = Gallery::new();
    empty.get("/zip/", &claims(PermissionSet::ALL)).await.expect(403);
}

#[tokio::test]
async fn what_fails_is_told_and_the_rest_comes() {
    let gallery = Gallery::new();
    let whole = jpeg(800, 600);
    gallery.write("a.jpg", jpeg(60, 40));
    gallery.write("cut.jpg", &whole[..whole.len() / 2]);
    gallery.write("t.tif", encode(&gradient(60, 40), image::ImageFormat::Tiff));
    gallery.write("x.heic", b"\0\0\0\x18ftypheic");
    let held = [Permission::DownloadGallery, Permission::DownloadLarge];
    let answer = gallery.get("/zip/", &claims(set(&held))).await.expect(200);
    assert_eq!(names(&answer), ["family/a.jpg", "family/t.jpg", "SKIPPED.txt"]);
    let text = skipped(&answer);
    assert!(
        text.contains("2 pictures were left out") && text.contains("- 1: their files are damaged"),
        "{text}"
    );
    // what can't be redacted goes out smaller, or not at all
    let held = [Permission::DownloadGallery, Permission::DownloadOriginal];
    let answer = gallery.get("/zip/", &claims(set(&held))).await.expect(200);
    assert_eq!(names(&answer), ["family/a.jpg", "SKIPPED.txt"]);
    let text = skipped(&answer);
    assert!(text.contains("- 2: their files hold details"), "{text}");
    assert!(text.contains("- 1: their files are damaged"), "{text}");
}

#[tokio::test]
async fn times_tell_no_more_than_the_month() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", jpeg(60, 40));
    // 2026-01-20 10:11:12 UTC
    let written = SystemTime::UNIX_EPOCH + Duration::from_secs(1_768_903_872);
    let file = std::fs::File::options().write(true).open(gallery.at("a.jpg")).unwrap();
    file.set_modified(written).unwrap();
    let time = async |may: PermissionSet| {
        let answer = gallery.get("/zip/", &claims(may)).await.expect(200);
        let mut archive = ZipArchive::new(Cursor::new(answer.body)).unwrap();
        archive.by_index(0).unwrap().last_modified().unwrap().to_string()
    };
    assert_eq!(time(PermissionSet::ALL).await, "2026-01-20 10:11:12");
    let blurred = PermissionSet::ALL.without_action(vestibule_schema::Action::SeeExactDates);
    assert_eq!(time(blurred).await, "2026-01-01 00:00:00");
}

#[tokio::test]
async fn what_is_no_picture_is_told_too() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", jpeg(60, 40));
    gallery.write("a.jpg.toml", "x = 1");
    gallery.write("film.mp4", "no picture");
    gallery.write("day/clip.mov", "no picture");
    gallery.write("day/veiled.mov", "no picture");
    gallery.write("day/_folder.md", "+++\nhidden_images = [\"veiled.mov\"]\n+++\n");
    gallery.write("secret/film.mp4", "no picture");
    let who = with_below(claims(owner()), &[("/secret/", PermissionSet::EMPTY)]);
    let answer = gallery.get("/zip/", &who).await.expect(200);
    assert_eq!(names(&answer), ["family/a.jpg", "SKIPPED.txt"]);
    assert_eq!(skipped(&answer), "2 files that are no pictures were left out.\n");
    // they are nothing to pack
    assert_eq!(gallery.get("/zip/day/", &who).await.expect(403).json()["error"], "nothing_to_pack");
}
