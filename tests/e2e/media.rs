//! Pictures, listings and archives through the gateway: exactly what the caller may see.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::time::SystemTime;

use exif::Tag;
use pretty_assertions::assert_eq;
use vestibule_grant::{Binding, Claims, GrantKey, HEADER, Subject};
use vestibule_schema::{GalleryPath, PermissionSet};
use vestibule_tests::pictures::{exif, exif_field, jpeg, pixels};
use vestibule_tests::{Client, ConfigDir, Gateway, raw};

use crate::{demo, encoded};

/// Every folder that a caller reaches through listings, with the names of its images.
async fn walk(client: &Client) -> BTreeMap<String, Vec<String>> {
    let mut seen = BTreeMap::new();
    let mut waiting = vec!["/api/folders/".to_owned()];
    while let Some(link) = waiting.pop() {
        let listing = client.get(&link).await.expect(200).json();
        let names = listing["images"].as_array().unwrap().iter();
        let names: Vec<_> = names.map(|i| i["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(listing["total"], names.len());
        for folder in listing["folders"].as_array().unwrap() {
            waiting.push(folder["links"]["api"].as_str().unwrap().to_owned());
        }
        seen.insert(listing["path"].as_str().unwrap().to_owned(), names);
    }
    seen
}

/// The pictures of the sample gallery on disk, by folder; without what is no picture.
fn on_disk() -> BTreeMap<String, Vec<String>> {
    fn collect(at: &std::path::Path, path: &str, found: &mut BTreeMap<String, Vec<String>>) {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(at).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if entry.file_type().unwrap().is_dir() {
                collect(&entry.path(), &format!("{path}{name}/"), found);
            } else if [".jpg", ".png", ".webp"].iter().any(|end| name.ends_with(end)) {
                names.push(name);
            }
        }
        found.insert(path.to_owned(), names);
    }
    let mut found = BTreeMap::new();
    collect(vestibule_tests::pictures::sample_gallery(), "/", &mut found);
    found
}

/// What there is, without some folders and the one hidden picture.
fn all_but(closed: &[&str]) -> BTreeMap<String, Vec<String>> {
    let mut all = on_disk();
    all.retain(|path, _| !closed.iter().any(|closed| path.starts_with(closed)));
    all.get_mut("/landscapes/").unwrap().retain(|name| name != "unfinished.jpg");
    all
}

fn sorted(mut tree: BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
    tree.values_mut().for_each(|names| names.sort());
    tree
}

#[tokio::test]
async fn listings_hold_exactly_what_one_may_see() {
    let gateway = demo().await;
    let hidden = "/drafts/";
    for (name, closed) in [
        ("", vec!["/family/", "/clients/", "/client-smith/", hidden]),
        ("fred", vec!["/clients/", "/client-smith/", hidden]),
        ("carla", vec!["/family/", "/clients/", hidden]),
    ] {
        let client = gateway.client();
        if !name.is_empty() {
            client.sign_in(name).await;
        }
        assert_eq!(sorted(walk(&client).await), sorted(all_but(&closed)), "{name}");
    }
    let olivia = gateway.signed_in("olivia").await;
    assert_eq!(sorted(walk(&olivia).await), sorted(on_disk()));
    // hidden is not closed: who knows the address may look
    let visitor = gateway.client();
    let drafts = visitor.get("/api/folders/drafts/").await.expect(200).json();
    assert_eq!(drafts["total"], 2);
    visitor.get("/image/drafts/sky-test.jpg?size=thumbnail").await.expect(200);
}

fn entries(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let read = |index| {
        let mut file = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        // the reader checks the checksum
        file.read_to_end(&mut bytes).unwrap();
        (file.name().unwrap().to_string(), bytes)
    };
    (0..zip::ZipArchive::new(Cursor::new(zip)).unwrap().len()).map(read).collect()
}

#[tokio::test]
async fn an_archive_holds_exactly_what_one_may_take() {
    let gateway = demo().await;
    let fred = gateway.signed_in("fred").await;
    let zip = fred.get("/zip/").await.expect(200);
    assert_eq!(zip.header("content-type"), "application/zip");
    let entries = entries(&zip.body);
    let mut names: Vec<_> = entries.iter().map(|(name, _)| name.clone()).collect();
    let mut expected: Vec<_> = all_but(&["/clients/", "/client-smith/", "/drafts/"])
        .into_iter()
        .flat_map(|(path, names)| names.into_iter().map(move |name| format!("gallery{path}{name}")))
        .collect();
    expected.push("gallery/night-skies/aurora.dng".to_owned());
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
    let named = |end: &str| &entries.iter().find(|(name, _)| name.ends_with(end)).unwrap().1;
    // who may see everything gets the file itself, elsewhere without what is withheld
    let original = fred.get("/image/landscapes/still-lake.jpg?size=original").await.expect(200);
    assert_eq!(*named("/still-lake.jpg"), original.body);
    assert!(exif_field(named("/still-lake.jpg"), Tag::GPSLatitude).is_some());
    assert!(exif_field(named("/portfolio/foss.jpg"), Tag::Model).is_none());
}

/// The best size that one may have; what is missing is counted and named.
#[tokio::test]
async fn an_archive_says_what_is_missing() {
    let permissions = "[roles.packer]\npermissions = { can_view = true, can_download_gallery = true, \
                       can_download_large = true }\n\
                       [[user_roles]]\nusername = \"jane\"\nroles = [\"packer\"]\n";
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, permissions);
    config.put("site", "a.jpg", jpeg(2400, 1200));
    config.put("site", "phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    config.put("site", "hidden.jpg", jpeg(40, 30));
    config.put("site", "closed/b.jpg", jpeg(40, 30));
    config.put("site", "_folder.md", "+++\nhidden_images = [\"hidden.jpg\"]\n+++\n");
    config.put("site", "closed/_folder.md", "+++\n[permissions]\n+++\n");
    let gateway = Gateway::start(config).await;
    let jane = gateway.signed_in("jane").await;
    let zip = jane.get("/zip/").await.expect(200);
    let entries = entries(&zip.body);
    let names: Vec<_> = entries.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["site/a.jpg", "SKIPPED.txt"]);
    assert_eq!(image::load_from_memory(&entries[0].1).unwrap().width(), 1600);
    let skipped = String::from_utf8(entries[1].1.clone()).unwrap();
    assert!(
        skipped.contains('1') && !skipped.contains("hidden") && !skipped.contains("closed"),
        "{skipped}"
    );
    // nothing left to pack
    jane.get("/zip/closed/").await.expect(404);
}

/// Whom originals tell where and with what they were taken; the pixels are the same.
#[tokio::test]
async fn originals_keep_their_pixels_and_tell_only_what_one_may_know() {
    let permissions = "[roles.all]\ninherits = \"viewer\"\n[roles.some]\npermissions = { can_view = true, \
                       can_download_original = true, can_see_exact_dates = true }\n\
                       [[user_roles]]\nusername = \"fred\"\nroles = [\"all\"]\n\
                       [[user_roles]]\nusername = \"jane\"\nroles = [\"some\"]\n";
    let config = ConfigDir::new().with_sample_site("gallery", r#"hosts = ["localhost"]"#);
    config.write("config.d/sites/gallery/permissions.toml", permissions);
    let gateway = Gateway::start(config).await;
    let (fred, jane) = (gateway.signed_in("fred").await, gateway.signed_in("jane").await);
    let names = [
        "landscapes/still-lake.jpg",
        "landscapes/evening-dunes.jpg",
        "landscapes/tuscan-morning.webp",
        "night-skies/full-moon.png",
        "night-skies/milky-way-upright.jpg",
    ];
    for name in names {
        let target = format!("/image/{name}?size=original");
        let whole = fred.get(&target).await.expect(200).body;
        let part = jane.get(&target).await.expect(200).body;
        let file = std::fs::read(gateway.config.gallery("gallery").join(name)).unwrap();
        assert!(whole == file, "{name}: who may see everything gets the file itself");
        assert_eq!(pixels(&whole), pixels(&part), "{name}");
        for (tag, stays) in [
            (Tag::GPSLatitude, false),
            (Tag::Model, false),
            (Tag::BodySerialNumber, false),
            (Tag::MakerNote, false),
            (Tag::DateTimeOriginal, true),
            (Tag::Orientation, true),
        ] {
            let (before, after) = (exif_field(&whole, tag), exif_field(&part, tag));
            assert_eq!(after, before.filter(|_| stays), "{name}: {tag}");
        }
        assert!(exif_field(&whole, Tag::GPSLatitude).is_some(), "{name}: {:?}", exif(&whole));
        let text = String::from_utf8_lossy(&part);
        for word in ["Halden", "3018842", "GPSLatitude"] {
            assert!(!text.contains(word), "{name}: {word}");
        }
    }
    // what can't be redacted is refused with the reason
    jane.get("/raw/night-skies/aurora.jpg?ext=dng").await.expect(403);
    let dng = fred.get("/raw/night-skies/aurora.jpg?ext=dng").await.expect(200);
    assert!(dng.body.starts_with(b"II*\0") || dng.body.starts_with(b"MM\0*"));
    assert!(dng.header("content-disposition").contains("aurora.dng"), "{:?}", dng.headers);
}

#[tokio::test]
async fn details_tell_only_what_one_may_know() {
    let gateway = demo().await;
    let (fred, visitor) = (gateway.signed_in("fred").await, gateway.client());
    let target = "/api/images/landscapes/still-lake.jpg";
    let known = fred.get(target).await.expect(200).json();
    assert_eq!(known["details"]["technical"]["camera"], "Halden R7 II");
    assert_eq!(known["details"]["taken"], "2025-09-14T18:20:42+02:00");
    assert!(known["details"]["location"]["latitude"].as_f64().unwrap() > 46.0);
    let public = visitor.get(target).await.expect(200).json();
    assert_eq!(public["details"]["taken"], "September 2025");
    assert_eq!(public["details"].get("location").or(public["details"].get("technical")), None);
    assert_eq!(public["downloads"].as_array().unwrap().len(), 0);
    let page = visitor.open("/view/landscapes/still-lake.jpg").await.expect(200);
    for word in ["Halden", "46.36", "18:20", "Bled", "size=original"] {
        assert!(!page.text().contains(word), "{word}");
    }
    // a folder's flag, which also the family feels
    let portfolio = fred.get("/api/images/portfolio/foss.jpg").await.expect(200).json();
    assert_eq!(portfolio["details"].get("technical"), None);
    assert!(portfolio["details"]["location"].is_object());
}

#[tokio::test]
async fn renditions_are_webp_for_who_accepts_it() {
    let visitor = demo().await.client();
    let target = "/image/landscapes/june-meadow.jpg?size=gallery";
    let webp = visitor.get_with(target, &[("accept", "image/avif,image/webp,*/*;q=0.8")]).await;
    assert_eq!(webp.header("content-type"), "image/webp");
    assert!(webp.body.starts_with(b"RIFF"));
    let jpeg = visitor.get_with(target, &[("accept", "*/*")]).await;
    assert_eq!(jpeg.header("content-type"), "image/jpeg");
    for reply in [&webp, &jpeg] {
        assert!(reply.all("vary").join(",").to_lowercase().contains("accept"));
        assert_eq!(exif(&reply.body), []);
    }
    // the camera was held upright
    let upright = visitor.get("/image/night-skies/milky-way-upright.jpg?size=gallery").await;
    let upright = image::load_from_memory(&upright.body).unwrap();
    assert!(upright.height() > upright.width());
}

#[tokio::test]
async fn parts_and_what_is_known_already() {
    let fred = demo().await.signed_in("fred").await;
    let original = "/image/welcome.jpg?size=original";
    let whole = fred.get(original).await.expect(200);
    let part = fred.get_with(original, &[("range", "bytes=100-199")]).await.expect(206);
    assert_eq!(part.body, whole.body.slice(100..200));
    assert_eq!(part.header("content-range"), format!("bytes 100-199/{}", whole.body.len()));
    let tail = fred.get_with(original, &[("range", "bytes=-50")]).await.expect(206);
    assert_eq!(tail.body, whole.body.slice(whole.body.len() - 50..));
    fred.get_with(original, &[("range", "bytes=99999999-")]).await.expect(416);
    for target in [original, "/image/welcome.jpg?size=thumbnail"] {
        let first = fred.get(target).await.expect(200);
        let etag = first.header("etag");
        assert!(etag.len() > 4, "{:?}", first.headers);
        let again = fred.get_with(target, &[("if-none-match", etag)]).await.expect(304);
        assert_eq!(again.body.len(), 0);
        fred.get_with(target, &[("if-none-match", "\"other\"")]).await.expect(200);
    }
    // knowing a picture's tag is no right to it
    let visitor = demo().await.client();
    visitor.get_with(original, &[("if-none-match", whole.header("etag"))]).await.expect(401);
}

#[tokio::test]
async fn twice_the_pixels_need_what_their_size_needs() {
    let gateway = demo().await;
    let (carla, fred) = (gateway.signed_in("carla").await, gateway.signed_in("fred").await);
    for (size, small, large) in [
        ("thumbnail@2x", 200, 200),
        ("gallery@2x", 403, 200),
        ("medium@2x", 403, 200),
        ("large@2x", 403, 200),
    ] {
        let target = format!("/image/welcome.jpg?size={size}");
        assert_eq!(carla.get(&target).await.status, small, "carla {size}");
        assert_eq!(fred.get(&target).await.status, large, "fred {size}");
    }
}

fn secret(gateway: &Gateway) -> GrantKey {
    let text = std::fs::read_to_string(gateway.config.at("state/grant.key")).unwrap();
    GrantKey::from_text(&text).unwrap()
}

fn grant(key: &GrantKey, site: &str, target: &str) -> String {
    let claims = Claims {
        subject: Subject::User { name: "olivia".into() },
        base: String::new(),
        permissions: PermissionSet::ALL,
        // as the sample's folders have it
        above: vec![GalleryPath::from_decoded("/family/").unwrap()],
        below: Vec::new(),
        reach: None,
        raw_keeps_metadata: false,
    };
    key.sign(&Binding { site, method: "GET", target }, &claims, SystemTime::now()).unwrap()
}

/// Whoever reaches the media backend's socket gets nothing without the gateway's word.
#[tokio::test]
async fn the_media_backend_serves_nothing_without_a_grant() {
    let gateway = demo().await;
    let socket = gateway.config.at("state/media-gallery.sock");
    let family = "/image/family/garden.jpg?size=thumbnail";
    for target in [
        "/",
        "/browse/",
        "/browse/family/",
        "/view/welcome.jpg",
        "/api/folders/",
        "/api/images/welcome.jpg",
        "/image/welcome.jpg?size=thumbnail",
        family,
        "/raw/night-skies/aurora.jpg?ext=dng",
        "/zip/",
        "/assets/gallery.css",
    ] {
        for lines in [
            vec![],
            vec!["X-Vestibule-Grant: x"],
            vec!["Remote-User: olivia"],
            vec!["Cookie: vestibule=x"],
        ] {
            let reply = raw::unix(&socket, &raw::get(target, &lines)).await;
            assert_eq!(reply.status, 401, "{target} {lines:?}: {}", reply.text);
        }
    }
    let ask = async |token: &str, target: &str| {
        let line = format!("{HEADER}: {token}");
        raw::unix(&socket, &raw::get(target, &[&line])).await.status
    };
    let key = secret(gateway);
    let good = grant(&key, "gallery", family);
    assert_eq!(ask(&good, family).await, 200);
    // a grant is for one request: neither another path, nor size, nor site, nor by another key
    assert_eq!(ask(&good, "/image/family/first-snow.jpg?size=thumbnail").await, 401);
    assert_eq!(ask(&good, "/image/family/garden.jpg?size=original").await, 401);
    assert_eq!(ask(&grant(&key, "other", family), family).await, 401);
    let stranger = GrantKey::from_secret("k1", [1; 32]);
    assert_eq!(ask(&grant(&stranger, "gallery", family), family).await, 401);
    let line = format!("{HEADER}: {good}");
    assert_eq!(raw::unix(&socket, &raw::get(family, &[&line, &line])).await.status, 401);
    let head = raw::get(family, &[&line]);
    let put = String::from_utf8(head).unwrap().replacen("GET", "PUT", 1);
    assert_eq!(raw::unix(&socket, put.as_bytes()).await.status, 401);
}

/// What comes from outside as if it came from the gateway changes nothing, even with a grant that
/// the backend would believe.
#[tokio::test]
async fn spoofed_identity_is_ignored() {
    let gateway = demo().await;
    let carla = gateway.signed_in("carla").await;
    let family = "/image/family/garden.jpg?size=thumbnail";
    let good = grant(&secret(gateway), "gallery", family);
    for (name, value) in [
        (HEADER, good.as_str()),
        ("remote-user", "olivia"),
        ("x-remote-user", "olivia"),
        ("x-forwarded-user", "olivia"),
        ("x-forwarded-preferred-username", "olivia"),
        ("x-auth-request-user", "olivia"),
        ("x-vestibule-user", "olivia"),
        ("x-vestibule-permissions", "owner_access"),
        ("x-original-url", "/browse/"),
        ("x-rewrite-url", "/browse/"),
        ("x-http-method-override", "GET"),
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1;host=localhost;proto=https"),
    ] {
        assert_eq!(carla.get_with(family, &[(name, value)]).await.status, 404, "{name}");
        let visitor = gateway.client();
        assert_eq!(visitor.get_with(family, &[(name, value)]).await.status, 401, "{name}");
        let open = visitor.get_with("/image/welcome.jpg?size=thumbnail", &[(name, value)]).await;
        assert_eq!(open.status, 200, "{name}");
        assert_eq!(open.header(HEADER), "", "a grant goes back to the browser");
    }
}

/// Names of all kinds: every link of the sample gallery leads somewhere.
#[tokio::test]
async fn every_link_of_the_sample_gallery_leads_to_something() {
    let fred = demo().await.signed_in("fred").await;
    let mut pictures = 0;
    for (folder, names) in walk(&fred).await {
        fred.open(&format!("/browse{}", encoded(&folder))).await.expect(200);
        for name in names {
            let path = encoded(&format!("{folder}{name}"));
            fred.open(&format!("/view{path}")).await.expect(200);
            let picture = fred.get(&format!("/image{path}?size=thumbnail")).await.expect(200);
            assert!(image::load_from_memory(&picture.body).is_ok(), "{path}");
            pictures += 1;
        }
    }
    assert!(pictures > 40, "{pictures}");
}
