//! What can't be shown, and what is no picture.

use serde_json::Value;
use vestibule_grant::Claims;
use vestibule_schema::hidden::RAW_EXTENSIONS;
use vestibule_schema::{Permission, PermissionSet};

use super::pictures::{dng, jpeg};
use super::support::{Gallery, claims, set};

fn cut_jpeg() -> Vec<u8> {
    let whole = jpeg(800, 600);
    whole[..whole.len() / 2].to_vec()
}

async fn json(gallery: &Gallery, target: &str, who: &Claims) -> Value {
    gallery.get(target, who).await.expect(200).json()
}

/// Names and whether they have no preview, as the listing says.
async fn no_previews(gallery: &Gallery) -> Vec<(String, bool)> {
    let json = json(gallery, "/api/folders/", &claims(set(&[]))).await;
    let images = json["images"].as_array().unwrap().iter();
    images
        .map(|image| (image["name"].as_str().unwrap().to_owned(), image["no_preview"] == true))
        .collect()
}

fn offered(details: &Value) -> Vec<&str> {
    let downloads = details["downloads"].as_array().unwrap().iter();
    downloads.map(|download| download["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_header_that_is_none_is_known_at_once() {
    let gallery = Gallery::new();
    gallery.write("empty.jpg", b"");
    gallery.write("fine.jpg", jpeg(40, 30));
    gallery.write("head.jpg", &jpeg(40, 30)[..20]);
    gallery.write("phone.heic", b"\0\0\0\x18ftypheic");
    gallery.write("text.jpg", "this is no picture");
    let expected = [
        ("empty.jpg", true),
        ("fine.jpg", false),
        ("head.jpg", true),
        ("phone.heic", true),
        ("text.jpg", true),
    ];
    let expected: Vec<_> = expected.map(|(name, known)| (name.to_owned(), known)).into();
    assert_eq!(no_previews(&gallery).await, expected);
    let page = gallery.get("/", &claims(set(&[]))).await.expect(200);
    assert_eq!(page.text().matches("No preview").count(), 4);
    assert_eq!(page.text().matches("<img").count(), 1);
    let all = claims(PermissionSet::ALL);
    for name in ["empty.jpg", "text.jpg", "phone.heic"] {
        let page = gallery.get(&format!("/view/{name}"), &all).await.expect(200);
        assert!(page.text().contains("can’t be shown") && !page.text().contains("<img"), "{name}");
        let details = json(&gallery, &format!("/api/images/{name}"), &all).await;
        assert_eq!(offered(&details), ["original"], "{name}");
        assert_eq!((details["links"].get("medium"), details["links"].get("large")), (None, None));
    }
    // what is no picture can't be redacted, so that it is not offered to be
    let some = claims(set(&[Permission::DownloadOriginal]));
    gallery.get("/image/text.jpg?size=original", &some).await.expect(422);
    assert!(offered(&json(&gallery, "/api/images/text.jpg", &some).await).is_empty());
    assert_eq!(offered(&json(&gallery, "/api/images/fine.jpg", &some).await), ["original"]);
}

#[tokio::test]
async fn a_failure_is_remembered_until_the_file_changes() {
    let gallery = Gallery::new();
    gallery.write("cut.jpg", cut_jpeg());
    gallery.write("raw.nef", b"II*\0\x08\0\0\0\0\0\0\0\0\0");
    let known = async |expected: bool| {
        let all = no_previews(&gallery).await;
        assert_eq!(all, [("cut.jpg".to_owned(), expected), ("raw.nef".to_owned(), expected)]);
    };
    let who = claims(set(&[Permission::DownloadMedium]));
    // a file that may be fine is shown as one
    known(false).await;
    assert_eq!(offered(&json(&gallery, "/api/images/cut.jpg", &who).await), ["medium"]);
    gallery.get("/image/cut.jpg?size=thumbnail", &who).await.expect(422);
    gallery.get("/image/raw.nef?size=thumbnail", &who).await.expect(422);
    known(true).await;
    assert!(offered(&json(&gallery, "/api/images/cut.jpg", &who).await).is_empty());
    gallery.write("cut.jpg", jpeg(800, 600));
    gallery.write("raw.nef", dng(&jpeg(60, 40), 1));
    known(false).await;
    gallery.get("/image/cut.jpg?size=thumbnail", &who).await.expect(200);
}

/// A busy decoder says nothing of the file.
#[tokio::test]
async fn what_is_no_fault_of_the_file_is_not_remembered() {
    let gallery = Gallery::with(|config| {
        config.limits.decode_concurrency = 1;
        config.limits.queue = 0;
    });
    let names: Vec<_> = (0..6).map(|number| format!("{number}.jpg")).collect();
    names.iter().for_each(|name| gallery.write(name, jpeg(1500, 1000)));
    let who = claims(set(&[]));
    let targets: Vec<_> = names.iter().map(|n| format!("/image/{n}?size=gallery")).collect();
    let all = targets.iter().map(|target| gallery.get(target, &who));
    let answers = futures_util::future::join_all(all).await;
    assert!(answers.iter().any(|answer| answer.status == 503));
    assert!(no_previews(&gallery).await.iter().all(|(_, known)| !known));
}

#[tokio::test]
async fn tiles_of_folders_show_what_can_be_shown() {
    let gallery = Gallery::new();
    gallery.write("mixed/a.jpg", b"");
    gallery.write("mixed/b.jpg", cut_jpeg());
    gallery.write("mixed/c.jpg", jpeg(40, 30));
    // hardly anything but what a telephone takes
    for number in 0..40 {
        gallery.write(&format!("mixed/{number}.heic"), b"\0\0\0\x18ftypheic");
    }
    gallery.write("ruins/a.jpg", "no picture");
    let who = claims(set(&[]));
    let tiles = async || {
        let json = json(&gallery, "/api/folders/", &who).await;
        json["folders"].as_array().unwrap().iter().map(|f| f["previews"].clone()).collect()
    };
    let link = |name: &str| Value::from(format!("/i/family/image/mixed/{name}?size=thumbnail"));
    let none = || Value::from(Vec::<Value>::new());
    let before: Vec<Value> = tiles().await;
    assert_eq!(before, [Value::from(vec![link("b.jpg"), link("c.jpg")]), none()]);
    gallery.get("/image/mixed/b.jpg?size=thumbnail", &who).await.expect(422);
    let after: Vec<Value> = tiles().await;
    assert_eq!(after, [Value::from(vec![link("c.jpg")]), none()]);
    let page = gallery.get("/", &who).await.expect(200);
    assert!(page.text().contains(">No preview<") && !page.text().contains("No pictures"));
}

/// Before a failure is known, the style sheet puts the name in place of the browser's mark.
#[tokio::test]
async fn a_picture_that_does_not_come_leaves_its_name() {
    let gallery = Gallery::new();
    gallery.write("cut.jpg", cut_jpeg());
    let who = claims(set(&[]));
    let page = gallery.get("/", &who).await.expect(200);
    assert!(page.text().contains("alt=\"cut.jpg\""));
    let style = gallery.get("/assets/gallery.css", &who).await.expect(200);
    let (_, rule) = style.text().split_once(".grid img::after, .previews img::after").unwrap();
    assert!(rule.split('}').next().unwrap().contains("content: attr(alt)"));
}

#[tokio::test]
async fn other_files_are_counted() {
    let gallery = Gallery::new();
    for name in ["films/a.mp4", "films/b.mov", "films/notes.txt", "mixed/c.mp4"] {
        gallery.write(name, "no picture");
    }
    gallery.write("mixed/a.jpg", jpeg(40, 30));
    // sidecars and litter belong to somebody else
    for name in ["mixed/a.jpg.toml", "mixed/a.xmp", "mixed/Thumbs.db", "mixed/.DS_Store"] {
        gallery.write(name, "x");
    }
    gallery.write("films/_folder.md", "+++\nhidden_images = [\"b.mov\"]\n+++\n");
    std::fs::create_dir(gallery.at("void")).unwrap();
    let who = claims(set(&[]));
    let films = json(&gallery, "/api/folders/films/", &who).await;
    assert_eq!((films["other_files"].as_u64(), films["total"].as_u64()), (Some(2), Some(0)));
    let sees = claims(set(&[Permission::SeeHidden]));
    assert_eq!(json(&gallery, "/api/folders/films/", &sees).await["other_files"], 3);
    let root = json(&gallery, "/api/folders/", &who).await;
    assert_eq!(root.get("other_files"), None);
    let says = async |target: &str, words: &str| {
        let page = gallery.get(target, &who).await.expect(200);
        assert!(page.text().contains(words), "{target}: {}", page.text());
        assert!(!page.text().contains("mp4"), "{target}");
    };
    says("/browse/films/", "No pictures in this folder; 2 other files are not shown.").await;
    says("/browse/mixed/", ">1 other file is not shown.").await;
    says("/browse/void/", "This folder is empty.").await;
    says("/", "<span class=\"count\">no pictures</span>").await;
    gallery.get("/api/folders/films/", &claims(PermissionSet::EMPTY)).await.expect(404);
}

#[tokio::test]
async fn each_raw_that_is_offered_is_found() {
    let gallery = Gallery::new();
    gallery.write("one.crw", dng(&jpeg(60, 40), 1));
    gallery.write("two.dng", dng(&jpeg(60, 40), 1));
    gallery.write("two.jpg", jpeg(60, 40));
    gallery.write("two.nef", dng(&jpeg(30, 20), 1));
    let who = claims(PermissionSet::ALL);
    for (name, expected) in [
        ("one.crw", vec!["/raw/one.crw"]),
        ("two.jpg", vec!["/raw/two.jpg", "/raw/two.jpg?ext=nef"]),
    ] {
        let details = json(&gallery, &format!("/api/images/{name}"), &who).await;
        let downloads = details["downloads"].as_array().unwrap().iter();
        let raws = downloads.filter(|download| download["name"] == "raw");
        let raws: Vec<_> = raws.map(|raw| raw["href"].as_str().unwrap()).collect();
        let raws: Vec<_> = raws.iter().map(|raw| raw.strip_prefix("/i/family").unwrap()).collect();
        assert_eq!(raws, expected);
        for raw in raws {
            gallery.get(raw, &who).await.expect(200);
        }
    }
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&format!("RAW ({})", RAW_EXTENSIONS.join(" "))));
}
