//! What pages say of pictures, and what the files beside them add.

use vestibule_schema::{Permission, PermissionSet};

use super::pictures::{camera_jpeg, jpeg};
use super::support::{Gallery, claims, set};

const SIDECAR: &str = "+++
title = \"Still <lake>\"
location = \"Bled, Slovenia\"
alt_text = \"Mountains mirrored\"
capture_date = 2024-02-03T04:05:06
+++

Ten minutes later came the wind.

The <b>boat</b> stayed.
";

#[tokio::test]
async fn a_sidecar_is_shown_as_far_as_it_may_be() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", jpeg(40, 30));
    gallery.write("a.jpg.md", SIDECAR);
    gallery.write("b.jpg", camera_jpeg(40, 30, "2026:01:03 10:11:12", 1));
    gallery.write("b.md", "+++\ncapture_date = 1999-01-01\n+++\n# Second\n");
    let nobody = claims(set(&[]));
    let json = gallery.get("/api/images/a.jpg", &nobody).await.expect(200).json();
    assert_eq!(json["title"], "Still <lake>");
    assert_eq!(json["description"], "Ten minutes later came the wind.\n\nThe <b>boat</b> stayed.");
    assert_eq!((json.get("alt_text"), json["details"].get("place")), (None, None));
    assert_eq!(json["details"]["taken"], "February 2024");
    assert_eq!(json["next"]["title"], "Second");
    for target in ["/view/a.jpg", "/browse/", "/api/folders/"] {
        let text = gallery.get(target, &nobody).await.expect(200).text().to_owned();
        assert!(!text.contains("Bled") && !text.contains("mirrored"), "{target}: {text}");
        assert!(!text.contains("<b>boat") && !text.contains("04:05"), "{target}: {text}");
    }
    let page = gallery.get("/view/a.jpg", &nobody).await;
    assert!(page.text().contains("alt=\"Still &#60;lake&#62;\""), "{}", page.text());
    assert!(page.text().contains("Ten minutes later"));
    let all = claims(PermissionSet::ALL);
    let json = gallery.get("/api/images/a.jpg", &all).await.expect(200).json();
    assert_eq!(json["details"]["place"], "Bled, Slovenia");
    assert_eq!(json["alt_text"], "Mountains mirrored");
    assert_eq!(json["details"]["taken"], "2024-02-03T04:05:06");
    let page = gallery.get("/view/a.jpg", &all).await;
    assert!(page.text().contains("alt=\"Mountains mirrored\""));
    assert!(page.text().contains("3 February 2024, 04:05:06"));
    let listing = gallery.get("/api/folders/?sort=date", &all).await.json();
    assert_eq!(listing["images"][0]["title"], "Still <lake>");
    assert_eq!(listing["images"][0]["alt_text"], "Mountains mirrored");
    // what the camera wrote comes before what somebody did
    assert_eq!(listing["images"][1]["taken"], "2026-01-03T10:11:12");
    // the sidecar itself is not served
    gallery.get("/image/a.jpg.md?size=original", &all).await.expect(404);
}

#[tokio::test]
async fn a_broken_sidecar_is_as_good_as_none() {
    let gallery = Gallery::new();
    gallery.write("secret.txt", "+++\ntitle = \"Secret\"\n+++\n");
    let broken: [(&str, Vec<u8>); 4] = [
        ("yaml", b"---\ntitle: x\nlocation: home\n---\n".to_vec()),
        ("bytes", vec![0xFF, 0xFE]),
        ("open", b"+++\ntitle = \"x\"\n".to_vec()),
        ("long", vec![b'x'; 64 * 1024 + 1]),
    ];
    for (name, text) in broken {
        gallery.write(&format!("{name}.jpg"), jpeg(40, 30));
        gallery.write(&format!("{name}.jpg.md"), text);
    }
    gallery.write("linked.jpg", jpeg(40, 30));
    std::os::unix::fs::symlink("secret.txt", gallery.at("linked.jpg.md")).unwrap();
    gallery.write("folder.jpg", jpeg(40, 30));
    std::fs::create_dir(gallery.at("folder.jpg.md")).unwrap();
    // the folder's own document is no picture's
    gallery.write("_folder.jpg", jpeg(40, 30));
    gallery.write("_folder.md", "# The folder\n");
    let json = gallery.get("/api/folders/", &claims(PermissionSet::ALL)).await.expect(200).json();
    let images = json["images"].as_array().unwrap();
    assert_eq!(images.len(), 7);
    for image in images {
        assert_eq!(image.get("title"), None, "{image}");
        let target = image["links"]["page"].as_str().unwrap().strip_prefix("/i/family").unwrap();
        let page = gallery.get(target, &claims(PermissionSet::ALL)).await.expect(200);
        assert!(!page.text().contains("home"));
    }
}

#[tokio::test]
async fn a_sidecar_that_changes_is_read_again() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", jpeg(40, 30));
    let title = async || {
        let json = gallery.get("/api/images/a.jpg", &claims(set(&[]))).await.expect(200).json();
        json.get("title").map(|title| title.as_str().unwrap().to_owned())
    };
    assert_eq!(title().await, None);
    gallery.write("a.md", "# One");
    assert_eq!(title().await.as_deref(), Some("One"));
    gallery.write("a.md", "# Three");
    assert_eq!(title().await.as_deref(), Some("Three"));
    gallery.write("a.jpg.md", "# The nearer one");
    assert_eq!(title().await.as_deref(), Some("The nearer one"));
}

#[tokio::test]
async fn browsers_learn_how_wide_the_renditions_are() {
    let gallery = Gallery::with(|config| config.sizes.medium = 1000);
    gallery.write("upright.jpg", jpeg(600, 1200));
    gallery.write("small.jpg", jpeg(40, 30));
    gallery.write("wide.jpg", jpeg(300, 100));
    let who = claims(set(&[Permission::UseZoom]));
    let page = gallery.get("/view/upright.jpg", &who).await.expect(200);
    let image = "/i/family/image/upright.jpg";
    let set = format!("srcset=\"{image}?size=gallery 400w, {image}?size=medium 500w\"");
    assert!(page.text().contains(&set), "{}", page.text());
    assert!(page.text().contains("80vh * 600 / 1200, 500px)"));
    let page = gallery.get("/view/small.jpg", &who).await.expect(200);
    assert!(page.text().contains("srcset=\"/i/family/image/small.jpg?size=gallery 40w\""));
    // a panorama's thumbnail would be too low for its row
    let page = gallery.get("/", &who).await.expect(200);
    assert!(page.text().contains("src=\"/i/family/image/wide.jpg?size=gallery\""));
}

#[tokio::test]
async fn who_has_signed_in_finds_the_account() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", jpeg(40, 30));
    let mut who = claims(set(&[]));
    let account = "<a class=\"name\" href=\"/_vestibule/account\"";
    for target in ["/", "/view/a.jpg"] {
        assert!(gallery.get(target, &who).await.expect(200).text().contains(account), "{target}");
    }
    who.subject = vestibule_grant::Subject::Visitor;
    assert!(!gallery.get("/", &who).await.expect(200).text().contains("/_vestibule/account"));
}

/// The style sheet caps how far each picture may stretch, by classes for shapes.
#[tokio::test]
async fn each_shape_has_its_cap() {
    let gallery = Gallery::new();
    gallery.write("a-flag.jpg", jpeg(20, 200));
    gallery.write("b-upright.jpg", jpeg(60, 90));
    gallery.write("c-square.jpg", jpeg(50, 50));
    gallery.write("d-wide.jpg", jpeg(90, 60));
    gallery.write("e-panorama.jpg", jpeg(400, 100));
    gallery.write("f-none.jpg", b"");
    let who = claims(set(&[]));
    let page = gallery.get("/", &who).await.expect(200);
    let shapes = page.text().split("<li class=\"").skip(1);
    let shapes: Vec<_> = shapes.map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(shapes, ["r3", "r7", "r10", "r15", "wide", "r10"]);
    let style = gallery.get("/assets/gallery.css", &who).await.expect(200);
    for tenths in 3..=30 {
        let rule = format!(".r{tenths} {{ --shape: {}", f64::from(tenths) / 10.0);
        assert!(style.text().contains(&rule.replace(": 0.", ": .")), "{rule}");
    }
    assert!(style.text().contains(".wide {"));
    assert!(style.text().contains("min(100%, var(--row) * var(--shape, 1) * 1.4)"));
}

#[tokio::test]
async fn long_names_wrap() {
    let gallery = Gallery::new();
    let style = gallery.get("/assets/gallery.css", &claims(set(&[]))).await.expect(200);
    for rule in [".folders .label {", ".crumbs > a, .crumbs .here {"] {
        let found = style.text().split("}").filter(|text| text.trim().starts_with(rule));
        let wraps =
            |text: &&str| text.contains("normal") && text.contains("overflow-wrap: anywhere");
        assert!(found.clone().any(|text| wraps(&text)), "{rule}");
    }
}

/// The names of the folders above, as a page says.
async fn crumbs(gallery: &Gallery, target: &str) -> Vec<String> {
    let page = gallery.get(target, &claims(set(&[]))).await.expect(200);
    let (crumbs, _) = page.text().split_once("</nav>").unwrap();
    let links = crumbs.split("/\">").skip(1);
    links.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_folders_above_are_called_by_what_may_be_known() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", jpeg(40, 30));
    gallery.write("trip/day/b.jpg", jpeg(40, 30));
    // without a title, the root is called after the site
    let root = gallery.get("/", &claims(set(&[]))).await.expect(200);
    assert!(root.text().contains("<h1>family</h1>"));
    assert_eq!(crumbs(&gallery, "/view/a.jpg").await, ["family"]);
    assert_eq!(crumbs(&gallery, "/browse/trip/day/").await, ["family", "trip"]);
    for (folder, title) in [("", "Ours"), ("trip/", "The trip"), ("trip/day/", "A <day>")] {
        gallery.write(&format!("{folder}_folder.md"), format!("+++\ntitle = \"{title}\"\n+++\n"));
    }
    assert_eq!(crumbs(&gallery, "/view/a.jpg").await, ["Ours"]);
    let day = crumbs(&gallery, "/view/trip/day/b.jpg").await;
    assert_eq!(day, ["family", "trip", "A &#60;day&#62;"]);
    // that a folder may be viewed says nothing of those above it
    assert_eq!(crumbs(&gallery, "/browse/trip/day/").await, ["family", "trip"]);
}
