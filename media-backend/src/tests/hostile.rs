//! Files and names that are not what they should be.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use vestibule_schema::{Permission, PermissionSet};

use super::pictures::{jpeg, png_bomb};
use super::support::{Gallery, claims, set};

#[tokio::test]
async fn damaged_pictures_are_a_clear_error() {
    let gallery = Gallery::new();
    let whole = jpeg(800, 600);
    gallery.write("cut.jpg", &whole[..whole.len() / 2]);
    gallery.write("head.jpg", &whole[..40]);
    gallery.write("empty.jpg", b"");
    gallery.write("text.jpg", "this is no picture");
    gallery.write("page.png", "<html><script>alert(1)</script>");
    gallery.write(
        "lie.jpg",
        super::pictures::encode(&super::pictures::gradient(9, 9), image::ImageFormat::Png),
    );
    gallery.write("a.heic", b"\0\0\0\x18ftypheic");
    gallery.write("bomb.png", png_bomb(20_000, 20_000));
    assert!(fs::metadata(gallery.at("bomb.png")).unwrap().len() < 1_000_000);
    let who = claims(set(&[]));
    let check = async |name: &str, status: u16, error: &str| {
        // twice: also what is remembered of the failure is clear
        for _ in 0..2 {
            let answer =
                gallery.get(&format!("/image/{name}?size=gallery"), &who).await.expect(status);
            assert_eq!(answer.json()["error"], error, "{name}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
        }
    };
    check("cut.jpg", 422, "unprocessable_media").await;
    check("head.jpg", 422, "unprocessable_media").await;
    check("bomb.png", 422, "unprocessable_media").await;
    check("empty.jpg", 415, "unsupported_media").await;
    check("text.jpg", 415, "unsupported_media").await;
    check("page.png", 415, "unsupported_media").await;
    check("lie.jpg", 415, "unsupported_media").await;
    check("a.heic", 415, "unsupported_media").await;
    // the listing shows them all, without measures that it does not know
    let json = gallery.get("/api/folders/", &who).await.expect(200).json();
    assert_eq!(json["total"], 8);
    gallery.get("/view/text.jpg", &who).await.expect(200);
}

#[tokio::test]
async fn links_pipes_and_strangers_are_not_there() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", jpeg(40, 30));
    gallery.write("real/b.jpg", jpeg(40, 30));
    fs::write(gallery.at("../outside.jpg"), jpeg(40, 30)).unwrap();
    symlink("../outside.jpg", gallery.at("link.jpg")).unwrap();
    symlink("a.jpg", gallery.at("inner.jpg")).unwrap();
    symlink("real", gallery.at("linked")).unwrap();
    symlink("/etc", gallery.at("etc")).unwrap();
    gallery.write("code.svg", "<svg/>");
    gallery.write("page.html", "<script/>");
    gallery.write("script.jpg.html", "<script/>");
    let pipe = gallery.at("pipe.jpg");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o644.into(), 0)
        .unwrap();
    let who = claims(PermissionSet::ALL);
    let json = gallery.get("/api/folders/", &who).await.expect(200).json();
    assert_eq!(json["total"], 1);
    assert_eq!(json["folders"].as_array().unwrap().len(), 1);
    let names = [
        "link.jpg",
        "inner.jpg",
        "linked/b.jpg",
        "pipe.jpg",
        "code.svg",
        "page.html",
        "script.jpg.html",
        "A.JPG",
        "REAL/b.jpg",
        "real",
        "a.jpg/b.jpg",
    ];
    for name in names {
        let target = format!("/image/{name}?size=original");
        let asked = gallery.get(&target, &who);
        // a pipe must not make anybody wait
        tokio::time::timeout(Duration::from_secs(10), asked).await.unwrap().expect(404);
    }
    gallery.get("/browse/linked/", &who).await.expect(404);
    gallery.get("/zip/etc/", &who).await.expect(404);
}

/// A file that became a link or a pipe after it was listed.
#[tokio::test]
async fn what_changes_under_our_hands_is_not_followed() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", jpeg(40, 30));
    let library = crate::library::Library::new(gallery.at(""));
    let shelf = library.open().unwrap();
    let at = super::support::path("/a.jpg");
    assert!(shelf.image(&at).is_ok());
    fs::remove_file(gallery.at("a.jpg")).unwrap();
    symlink("/etc/hostname", gallery.at("a.jpg")).unwrap();
    assert!(shelf.image(&at).is_err());
    fs::remove_file(gallery.at("a.jpg")).unwrap();
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, gallery.at("a.jpg"), kind, 0o644.into(), 0).unwrap();
    assert!(shelf.image(&at).is_err());
}

#[tokio::test]
async fn names_of_all_kinds_work_everywhere() {
    let gallery = Gallery::new();
    let long = format!("{}.jpg", "é".repeat(125) + "x");
    assert_eq!(long.len(), 255);
    let names = [
        "a b.jpg",
        "it's \"q\".jpg",
        "📷 ünï.jpg",
        "100%.jpg",
        "a;b#c?d&e=f+g.jpg",
        "-rf.jpg",
        long.as_str(),
    ];
    for name in names {
        gallery.write(&format!("f o/{name}"), jpeg(40, 30));
    }
    let who = claims(PermissionSet::ALL);
    let json = gallery.get("/api/folders/f%20o/", &who).await.expect(200).json();
    let images = json["images"].as_array().unwrap();
    assert_eq!(images.len(), names.len());
    for image in images {
        for link in ["page", "api", "thumbnail", "gallery"] {
            let link = image["links"][link].as_str().unwrap();
            gallery.get(link.strip_prefix("/i/family").unwrap(), &who).await.expect(200);
        }
        let api = image["links"]["api"].as_str().unwrap().strip_prefix("/i/family").unwrap();
        let details = gallery.get(api, &who).await.json();
        assert_eq!(details["name"], image["name"]);
        for download in details["downloads"].as_array().unwrap() {
            let href = download["href"].as_str().unwrap().strip_prefix("/i/family").unwrap();
            gallery.get(href, &who).await.expect(200);
        }
    }
    // bytes that are no text have no address
    let raw = std::ffi::OsStr::from_encoded_bytes_checked(b"\xFF.jpg");
    fs::write(gallery.at("f o").join(raw), jpeg(40, 30)).unwrap();
    assert_eq!(gallery.get("/api/folders/f%20o/", &who).await.json()["total"], names.len());
}

trait FromBytes {
    fn from_encoded_bytes_checked(bytes: &[u8]) -> &Self;
}

impl FromBytes for std::ffi::OsStr {
    fn from_encoded_bytes_checked(bytes: &[u8]) -> &Self {
        std::os::unix::ffi::OsStrExt::from_bytes(bytes)
    }
}

#[tokio::test]
async fn paths_that_two_would_read_differently_are_refused() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", jpeg(40, 30));
    let who = claims(PermissionSet::ALL);
    for path in [
        "/image/../a.jpg",
        "/image/%2e%2e/a.jpg",
        "/image/x%2fa.jpg",
        "/image//a.jpg",
        "/image/a%00.jpg",
        "/image/%c0%ae/a.jpg",
        "/image/a%252e.jpg",
    ] {
        let answer = gallery.get(&format!("{path}?size=original"), &who).await.expect(400);
        assert_eq!(answer.json()["error"], "bad_path", "{path}");
    }
}

#[tokio::test]
async fn a_library_that_vanishes_comes_back() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", jpeg(40, 30));
    let who = claims(set(&[Permission::DownloadOriginal, Permission::DownloadGallery]));
    gallery.get("/api/folders/", &who).await.expect(200);
    let away = gallery.around().join("away");
    fs::rename(gallery.at(""), &away).unwrap();
    for target in ["/api/folders/", "/image/a.jpg?size=thumbnail", "/api/images/a.jpg", "/zip/"] {
        let answer = gallery.get(target, &who).await.expect(503);
        assert_eq!(answer.json()["error"], "library_unavailable");
        assert!(answer.header("retry-after").is_some());
    }
    assert!(gallery.get("/", &who).await.expect(503).text().contains("Not now"));
    gallery.send("GET", "/readyz", &[]).await.expect(503);
    gallery.send("GET", "/healthz", &[]).await.expect(200);
    fs::rename(&away, gallery.at("")).unwrap();
    gallery.get("/api/folders/", &who).await.expect(200);
    gallery.get("/image/a.jpg?size=thumbnail", &who).await.expect(200);
}

#[tokio::test]
async fn a_full_queue_asks_for_patience() {
    let gallery = Gallery::with(|config| {
        config.limits.decode_concurrency = 1;
        config.limits.queue = 0;
    });
    for number in 0..6 {
        gallery.write(&format!("{number}.jpg"), jpeg(1500, 1000));
    }
    let who = claims(set(&[]));
    let targets: Vec<_> =
        (0..6).map(|number| format!("/image/{number}.jpg?size=gallery")).collect();
    let all = targets.iter().map(|target| gallery.get(target, &who));
    let answers = futures_util::future::join_all(all).await;
    assert!(answers.iter().any(|answer| answer.status == 200));
    let busy: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(!busy.is_empty());
    assert_eq!(
        (busy[0].header("retry-after"), busy[0].json()["error"].as_str()),
        (Some("2"), Some("busy"))
    );
    gallery.get("/image/5.jpg?size=gallery", &who).await.expect(200);
}
