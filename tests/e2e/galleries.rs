//! Whole galleries and their directories: one in the place of another, links, one that vanishes.

use std::fs;

use vestibule_tests::{ConfigDir, Gateway, eventually, pictures};

use crate::reload::{CLOSING, OPEN, ROOT, SOON, SUB, becomes, open};

/// A directory that takes another's place brings its sub-folders' rules with it.
#[tokio::test]
async fn what_is_below_a_replaced_directory_is_judged_anew() {
    let gateway = open().await;
    let visitor = gateway.client();
    let config = &gateway.config;
    config.put("site", "a/t.jpg", pictures::jpeg(60, 40));
    config.put("site", "a/b/secret.jpg", pictures::jpeg(60, 40));
    config.put(
        "site",
        "a/b/_folder.md",
        "+++\n[permissions]\npublic_role = \"all\"\n\
        [permissions.roles.all]\npermissions = { can_view = true, can_download_gallery = true, \
        can_download_original = true }\n+++\n",
    );
    let below = "/image/a/b/secret.jpg?size=thumbnail";
    becomes(&visitor, below, 200).await;
    let made = config.at("made");
    fs::create_dir_all(made.join("b")).unwrap();
    fs::write(made.join("t.jpg"), pictures::jpeg(60, 40)).unwrap();
    fs::write(made.join("b/secret.jpg"), pictures::jpeg(60, 40)).unwrap();
    fs::write(made.join("b/_folder.md"), CLOSING).unwrap();
    let place = config.gallery("site").join("a");
    fs::rename(&place, config.at("aside")).unwrap();
    fs::rename(&made, &place).unwrap();
    // never asked for by itself, as that would make the gateway read it
    for target in ["/api/folders/a/", "/api/folders/"] {
        let listing = visitor.get(target).await.expect(200).json();
        assert!(!listing.to_string().contains("secret"), "{target}: {listing}");
    }
    eventually(SOON, "the new rules are in force", async || {
        let listing = visitor.get("/api/folders/a/").await.expect(200).json();
        (!listing.to_string().contains("/a/b/")).then_some(())
    })
    .await;
    visitor.get(below).await.expect(401);
}

/// Events of a watch that follows links come under the link's name, or of another gallery's.
#[tokio::test]
async fn links_in_a_gallery_hide_no_change() {
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, OPEN);
    config.put("site", "sub/b.jpg", pictures::jpeg(60, 40));
    let gallery = config.gallery("site");
    for (target, link) in [("sub", "aa"), ("sub", "zz9"), ("../..", "up"), (".", "loop")] {
        std::os::unix::fs::symlink(target, gallery.join(link)).unwrap();
    }
    let gateway = Gateway::start(config).await;
    let visitor = gateway.client();
    visitor.get(SUB).await.expect(200);
    gateway.config.put("site", "sub/_folder.md", CLOSING);
    becomes(&visitor, SUB, 401).await;
    fs::remove_file(gallery.join("sub/_folder.md")).unwrap();
    becomes(&visitor, SUB, 200).await;
    gateway.config.write("config.d/sites/site/permissions.toml", "");
    becomes(&visitor, SUB, 401).await;
}

/// Another directory in the gallery's place is watched like the first one: no folder in it changes
/// without being judged anew. The gallery is far from the configuration, which is watched too.
#[tokio::test]
async fn a_gallery_in_the_place_of_another_is_watched() {
    let elsewhere = ConfigDir::new();
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, OPEN);
    let site = elsewhere.site_text("site", r#"hosts = ["localhost"]"#);
    config.write("config.d/sites/site/site.toml", &site);
    elsewhere.put("site", "sub/b.jpg", pictures::jpeg(60, 40));
    elsewhere.put("other", "sub/b.jpg", pictures::jpeg(60, 40));
    elsewhere.put("other", "sub/_folder.md", CLOSING);
    let gateway = Gateway::start(config).await;
    let visitor = gateway.client();
    visitor.get(SUB).await.expect(200);
    fs::rename(elsewhere.gallery("site"), elsewhere.at("away")).unwrap();
    fs::rename(elsewhere.gallery("other"), elsewhere.gallery("site")).unwrap();
    becomes(&visitor, SUB, 401).await;
    eventually(SOON, "the log says that it is another one", async || {
        gateway.log().contains("the gallery is another one").then_some(())
    })
    .await;
    let rules = elsewhere.gallery("site").join("sub/_folder.md");
    for (text, status) in [("Hello.\n", 200), (CLOSING, 401), ("Hello.\n", 200)] {
        // within the file, so that no directory changes. What opens is for the gateway to notice
        fs::write(&rules, text).unwrap();
        becomes(&visitor, SUB, status).await;
    }
}

/// A gallery that vanishes while serving is closed, and works again when it is back.
#[tokio::test]
async fn a_gallery_that_vanishes_is_closed_until_it_is_back() {
    let gateway = open().await;
    let visitor = gateway.client();
    gateway.config.put("site", "sub/_folder.md", CLOSING);
    becomes(&visitor, SUB, 401).await;
    let (gallery, away) = (gateway.config.gallery("site"), gateway.config.at("away"));
    for _ in 0..2 {
        fs::rename(&gallery, &away).unwrap();
        let gone = visitor.get(ROOT).await;
        assert_ne!(gone.status, 200);
        becomes(&visitor, ROOT, 401).await;
        visitor.get(SUB).await.expect(401);
        visitor.get("/api/folders/").await.expect(401);
        fs::rename(&away, &gallery).unwrap();
        becomes(&visitor, ROOT, 200).await;
        visitor.get(SUB).await.expect(401);
    }
    assert!(gateway.log().contains("the gallery is gone"));
}
