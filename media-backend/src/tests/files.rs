//! Renditions, originals, RAW files: sizes, permissions, validators, ranges.

use vestibule_schema::{Permission, PermissionSet};

use super::pictures::{camera_jpeg, dng, encode, gradient, jpeg, profile};
use super::support::{Answer, Gallery, claims, set};
use image::{DynamicImage, ImageFormat};
use img_parts::ImageICC as _;

fn decoded(answer: &Answer) -> DynamicImage {
    image::load_from_memory(&answer.body).unwrap()
}

/// Red and green at a place, as parts of the whole picture.
fn colour(image: &DynamicImage, x: f32, y: f32) -> (u8, u8) {
    let rgb = image.to_rgb8();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "small pictures"
    )]
    let at = |part: f32, of: u32| (part * of as f32) as u32;
    let pixel = rgb.get_pixel(at(x, rgb.width()), at(y, rgb.height()));
    (pixel.0[0], pixel.0[1])
}

#[tokio::test]
async fn renditions_have_the_size_that_was_asked_for() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", jpeg(2000, 1000));
    gallery.write("small.png", encode(&gradient(50, 20), ImageFormat::Png));
    gallery.write("w.webp", encode(&gradient(900, 300), ImageFormat::WebP));
    gallery.write("t.tif", encode(&gradient(900, 300), ImageFormat::Tiff));
    gallery.write("g.gif", encode(&gradient(90, 30), ImageFormat::Gif));
    let who = claims(PermissionSet::ALL);
    let check = async |target: &str, width: u32, height: u32| {
        let answer = gallery.get(&format!("/image/{target}"), &who).await.expect(200);
        assert_eq!(answer.header("content-type"), Some("image/jpeg"));
        assert_eq!(answer.header("vary"), Some("accept"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("content-security-policy").unwrap().contains("sandbox"));
        let image = decoded(&answer);
        assert_eq!((image.width(), image.height()), (width, height), "{target}");
    };
    check("a.jpg?size=thumbnail", 300, 150).await;
    check("a.jpg?size=thumbnail@2x", 600, 300).await;
    check("a.jpg?size=gallery", 800, 400).await;
    check("a.jpg?size=medium", 1200, 600).await;
    check("a.jpg?size=large", 1600, 800).await;
    // never enlarged
    check("a.jpg?size=large@2x", 2000, 1000).await;
    check("small.png?size=large", 50, 20).await;
    check("w.webp?size=thumbnail", 300, 100).await;
    check("t.tif?size=thumbnail", 300, 100).await;
    check("g.gif?size=thumbnail", 90, 30).await;
}

#[tokio::test]
async fn webp_goes_to_who_accepts_it_and_profiles_stay() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", camera_jpeg(400, 200, "2026:01:03 10:11:12", 1));
    let who = claims(set(&[]));
    let target = "/image/a.jpg?size=thumbnail";
    let webp = gallery.ask("GET", target, &who, &[("accept", "image/webp,*/*")]).await.expect(200);
    assert_eq!(webp.header("content-type"), Some("image/webp"));
    assert_eq!(decoded(&webp).width(), 300);
    let plain = gallery.get(target, &who).await.expect(200);
    assert_ne!(webp.header("etag"), plain.header("etag"));
    let jpeg = img_parts::jpeg::Jpeg::from_bytes(plain.body.clone()).unwrap();
    assert_eq!(jpeg.icc_profile().unwrap(), profile());
    let webp = img_parts::webp::WebP::from_bytes(webp.body).unwrap();
    assert_eq!(webp.icc_profile().unwrap(), profile());
    assert!(
        exif::Reader::new().read_from_container(&mut std::io::Cursor::new(&plain.body)).is_err()
    );
}

#[tokio::test]
async fn pictures_stand_upright() {
    let gallery = Gallery::new();
    let who = claims(set(&[]));
    // where the corner that is dark in red and green goes: orientation, and its place
    for (orientation, x, y) in [(1, 0.05, 0.05), (3, 0.95, 0.95), (6, 0.95, 0.05), (8, 0.05, 0.95)]
    {
        let name = format!("{orientation}.jpg");
        gallery.write(&name, camera_jpeg(400, 200, "2026:01:03 10:11:12", orientation));
        let answer = gallery.get(&format!("/image/{name}?size=thumbnail"), &who).await.expect(200);
        let image = decoded(&answer);
        let expected = if orientation < 5 { (300, 150) } else { (150, 300) };
        assert_eq!((image.width(), image.height()), expected);
        let (red, green) = colour(&image, x, y);
        assert!(red < 50 && green < 50, "{orientation}: {red} {green}");
    }
}

#[tokio::test]
async fn transparency_becomes_white_in_jpeg() {
    let gallery = Gallery::new();
    let clear = image::RgbaImage::from_pixel(20, 20, image::Rgba([0, 0, 0, 0]));
    let mut bytes = Vec::new();
    clear.write_to(&mut std::io::Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
    gallery.write("a.png", bytes);
    let who = claims(set(&[]));
    let answer = gallery.get("/image/a.png?size=thumbnail", &who).await.expect(200);
    assert!(decoded(&answer).to_rgb8().get_pixel(5, 5).0.iter().all(|part| *part > 250));
    let accept = [("accept", "image/webp")];
    let answer = gallery.ask("GET", "/image/a.png?size=thumbnail", &who, &accept).await.expect(200);
    assert_eq!(decoded(&answer).to_rgba8().get_pixel(5, 5).0[3], 0);
}

#[tokio::test]
async fn what_is_lacking_is_named() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", jpeg(400, 200));
    gallery.write("a.nef", dng(&jpeg(60, 40), 1));
    let refused = async |target: &str, held: &[Permission]| {
        let answer = gallery.get(target, &claims(set(held))).await.expect(403);
        let json = answer.json();
        assert_eq!(json["error"], "forbidden");
        json["missing"].as_str().unwrap().to_owned()
    };
    assert_eq!(refused("/image/a.jpg?size=medium", &[]).await, "download_medium");
    assert_eq!(
        refused("/image/a.jpg?size=medium&download=1", &[Permission::UseZoom]).await,
        "download_medium"
    );
    assert_eq!(refused("/image/a.jpg?size=gallery@2x", &[]).await, "download_large");
    assert_eq!(
        refused("/image/a.jpg?size=medium@2x", &[Permission::DownloadLarge]).await,
        "download_original"
    );
    assert_eq!(refused("/image/a.jpg?size=original", &[]).await, "download_original");
    assert_eq!(refused("/raw/a.jpg", &[Permission::DownloadOriginal]).await, "download_raw");
    // a RAW file is one however it is called for
    assert_eq!(
        refused("/image/a.nef?size=original", &[Permission::DownloadOriginal]).await,
        "download_raw"
    );
    assert_eq!(refused("/zip/", &[Permission::DownloadOriginal]).await, "download_gallery");
    let zoom = claims(set(&[Permission::UseZoom]));
    gallery.get("/image/a.jpg?size=medium", &zoom).await.expect(200);
    // without view there is nothing, whatever else is held
    let blind = claims(PermissionSet::ALL.without_action(vestibule_schema::Action::View));
    for target in [
        "/image/a.jpg?size=original",
        "/image/a.jpg?size=thumbnail",
        "/raw/a.jpg",
        "/zip/",
        "/view/a.jpg",
        "/browse/",
    ] {
        gallery.get(target, &blind).await.expect(404);
    }
}

#[tokio::test]
async fn originals_go_out_whole_in_part_and_not_again() {
    let gallery = Gallery::new();
    let bytes = camera_jpeg(400, 200, "2026:01:03 10:11:12", 1);
    gallery.write("é \"a\".jpg", &bytes);
    let who = claims(PermissionSet::ALL);
    let target = "/image/%C3%A9%20%22a%22.jpg?size=original";
    let whole = gallery.get(target, &who).await.expect(200);
    assert_eq!(whole.body, bytes);
    assert_eq!(whole.header("content-length"), Some(bytes.len().to_string().as_str()));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert!(whole.header("last-modified").is_some());
    let etag = whole.header("etag").unwrap().to_owned();
    let part = gallery.ask("GET", target, &who, &[("range", "bytes=10-19")]).await.expect(206);
    assert_eq!(part.body, bytes[10..20]);
    assert_eq!(part.header("content-range"), Some(format!("bytes 10-19/{}", bytes.len()).as_str()));
    let stale = [("range", "bytes=10-19"), ("if-range", "\"old\"")];
    assert_eq!(gallery.ask("GET", target, &who, &stale).await.expect(200).body.len(), bytes.len());
    let beyond = gallery.ask("GET", target, &who, &[("range", "bytes=9999999-")]).await.expect(416);
    assert_eq!(beyond.header("content-range"), Some(format!("bytes */{}", bytes.len()).as_str()));
    let again = gallery.ask("GET", target, &who, &[("if-none-match", &etag)]).await.expect(304);
    assert!(again.body.is_empty() && again.header("etag") == Some(&etag));
    let head = gallery.ask("HEAD", target, &who, &[]).await.expect(200);
    assert!(head.body.is_empty());
    assert_eq!(head.header("content-length"), whole.header("content-length"));
    let saved = gallery.get(&format!("{target}&download=1"), &who).await.expect(200);
    assert_eq!(
        saved.header("content-disposition"),
        Some("attachment; filename=\"_ _a_.jpg\"; filename*=UTF-8''%C3%A9%20%22a%22.jpg")
    );
    let blurred =
        claims(PermissionSet::ALL.without_action(vestibule_schema::Action::SeeExactDates));
    assert_eq!(gallery.get(target, &blurred).await.expect(200).header("last-modified"), None);
}

#[tokio::test]
async fn renditions_are_validated_and_kept() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", jpeg(400, 200));
    let who = claims(set(&[]));
    let target = "/image/a.jpg?size=thumbnail";
    let first = gallery.get(target, &who).await.expect(200);
    let etag = first.header("etag").unwrap();
    gallery.ask("GET", target, &who, &[("if-none-match", etag)]).await.expect(304);
    gallery.write("a.jpg", jpeg(200, 400));
    let second = gallery.ask("GET", target, &who, &[("if-none-match", etag)]).await.expect(200);
    assert_eq!(decoded(&second).height(), 300);
    let large = claims(set(&[Permission::DownloadLarge]));
    let saved = gallery.get("/image/a.jpg?size=large&download=1", &large).await.expect(200);
    assert!(saved.header("content-disposition").unwrap().contains("filename=\"a-large.jpg\""));
}

#[tokio::test]
async fn raw_files_show_their_preview_and_go_out_whole_or_not_at_all() {
    let gallery = Gallery::new();
    let raw = dng(&jpeg(600, 400), 6);
    gallery.write("a.jpg", jpeg(40, 30));
    gallery.write("a.dng", &raw);
    gallery.write("a.ARW", b"II*\0other");
    gallery.write("alone.dng", &raw);
    let who = claims(set(&[]));
    let answer = gallery.get("/image/alone.dng?size=thumbnail", &who).await.expect(200);
    assert_eq!((decoded(&answer).width(), decoded(&answer).height()), (200, 300));
    let listing = gallery.get("/api/folders/", &who).await.json();
    assert_eq!(listing["total"], 2);
    let all = claims(PermissionSet::ALL);
    assert_eq!(gallery.get("/raw/a.jpg?ext=dng", &all).await.expect(200).body, raw);
    assert_eq!(gallery.get("/raw/a.jpg?ext=arw", &all).await.expect(200).body, "II*\0other");
    assert_eq!(gallery.get("/raw/alone.dng", &all).await.expect(200).body, raw);
    gallery.get("/raw/a.jpg?ext=nef", &all).await.expect(404);
    let mut partly =
        claims(set(&[Permission::DownloadRaw, Permission::SeeLocation, Permission::SeeExactDates]));
    let refused = gallery.get("/raw/a.jpg", &partly).await.expect(403);
    assert_eq!(refused.json()["error"], "not_redactable");
    partly.raw_keeps_metadata = true;
    gallery.get("/raw/a.jpg", &partly).await.expect(200);
}
