//! Grants, listings, hidden things.

use serde_json::Value;
use vestibule_grant::{Binding, Claims, GrantKey, HEADER, KnownRules};
use vestibule_schema::{Permission, PermissionSet};

use super::pictures::{camera_jpeg, dng, jpeg};
use super::support::{Answer, Gallery, claims, key, path, set, with_below};

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

/// The names of folders and of images.
fn listed(answer: &Answer) -> (Vec<String>, Vec<String>) {
    let json = answer.json();
    let own = |list: &Value| names(list).into_iter().map(str::to_owned).collect();
    (own(&json["folders"]), own(&json["images"]))
}

#[tokio::test]
async fn without_a_grant_there_is_nothing() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", jpeg(40, 30));
    for target in [
        "/",
        "/browse/",
        "/api/folders/",
        "/api/images/a.jpg",
        "/view/a.jpg",
        "/zip/",
        "/image/a.jpg?size=thumbnail",
        "/image/a.jpg?size=original",
        "/raw/a.jpg",
        "/missing",
        "/image/missing.jpg?size=thumbnail",
        "/assets/gallery.css",
        "/browse/%2e%2e/",
        "/healthz/x",
    ] {
        for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS"] {
            let answer = gallery.send(method, target, &[]).await.expect(401);
            assert!(answer.body.is_empty(), "{target}");
        }
    }
    assert!(gallery.send("GET", "/healthz", &[]).await.expect(200).body.is_empty());
    assert!(gallery.send("GET", "/readyz", &[]).await.expect(200).body.is_empty());
}

#[tokio::test]
async fn a_grant_is_for_one_request() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", jpeg(40, 30));
    gallery.write("b.jpg", jpeg(40, 30));
    let who = claims(PermissionSet::ALL);
    let sign = |key: &GrantKey, site, method, target| {
        let now = std::time::SystemTime::now();
        key.sign(&Binding { site, method, target }, &who, now).unwrap()
    };
    let target = "/image/a.jpg?size=thumbnail";
    let good = sign(&key(), "family", "GET", target);
    gallery.send("GET", target, &[(HEADER, &good)]).await.expect(200);
    // remembered, but only for the same request
    gallery.send("GET", target, &[(HEADER, &good)]).await.expect(200);
    for other in [
        "/image/b.jpg?size=thumbnail",
        "/image/a.jpg?size=original",
        "/",
        "/image/a.jpg?size=thumbnail&x=1",
    ] {
        gallery.send("GET", other, &[(HEADER, &good)]).await.expect(401);
    }
    gallery.send("HEAD", target, &[(HEADER, &good)]).await.expect(401);
    gallery.send("GET", target, &[(HEADER, &good), (HEADER, &good)]).await.expect(401);
    let strange = GrantKey::from_secret("test", [1; 32]);
    for bad in [
        sign(&strange, "family", "GET", target),
        sign(&key(), "other", "GET", target),
        "x".into(),
        String::new(),
    ] {
        gallery.send("GET", target, &[(HEADER, &bad)]).await.expect(401);
    }
    let post = sign(&key(), "family", "POST", target);
    let answer = gallery.send("POST", target, &[(HEADER, &post)]).await.expect(405);
    assert_eq!(answer.header("allow"), Some("GET, HEAD"));
}

#[tokio::test]
async fn a_listing_holds_what_the_grant_shows() {
    let gallery = Gallery::new();
    for name in
        ["a10.jpg", "a2.jpg", "trip/x.jpg", "trip/day/y.jpg", "private/p.jpg", "other/o.jpg"]
    {
        gallery.write(name, jpeg(40, 30));
    }
    gallery.write("notes.txt", "no picture");
    gallery.write("a2.jpg.toml", "x = 1");
    gallery.write(".trash/t.jpg", jpeg(40, 30));
    gallery.write("__versions/v.jpg", jpeg(40, 30));
    gallery.write("@eaDir/e.jpg", jpeg(40, 30));
    gallery.write("#recycle/r.jpg", jpeg(40, 30));
    gallery.write("other/_folder.md", "+++\n[permissions]\npublic_role = \"viewer\"\n+++\n");
    gallery.write("trip/_folder.md", "+++\ntitle = \"The <trip>\"\n+++\nWe went far.\n");
    let who = with_below(claims(set(&[])), &[("/private/", PermissionSet::EMPTY)]);
    let answer = gallery.get("/api/folders/", &who).await.expect(200);
    let all = listed(&answer);
    assert_eq!(all, (vec!["trip".into()], vec!["a2.jpg".into(), "a10.jpg".into()]));
    let json = answer.json();
    let trip = &json["folders"][0];
    assert_eq!(trip["title"], "The <trip>");
    assert_eq!((trip["images"].as_u64(), trip["folders"].as_u64()), (Some(1), Some(1)));
    assert_eq!(trip["previews"][0], "/i/family/image/trip/x.jpg?size=thumbnail");
    assert_eq!(json["total"], 2);
    assert_eq!(json["images"][0]["width"], 40);
    assert_eq!(json["links"].get("zip"), None);
    // known to the gateway, the folder with a block of its own is as open as the grant says
    let knows = with_below(claims(set(&[])), &[("/other/", set(&[])), ("/private/", set(&[]))]);
    let answer = gallery.get("/api/folders/", &knows).await.expect(200);
    assert_eq!(listed(&answer).0, ["other", "private", "trip"]);
    for reserved in [
        "/api/folders/.trash/",
        "/api/folders/__versions/",
        "/api/images/_folder.md",
        "/api/images/a2.jpg.toml",
        "/api/images/notes.txt",
    ] {
        gallery.get(reserved, &claims(PermissionSet::ALL)).await.expect(404);
    }
    gallery.get("/api/folders/", &claims(PermissionSet::EMPTY)).await.expect(404);
}

/// A grant that tells of two levels opens nothing deeper, though it says nothing against it.
#[tokio::test]
async fn what_is_deeper_than_a_grant_tells_is_not_shown() {
    let gallery = Gallery::new();
    gallery.write("a/b/c/x.jpg", jpeg(40, 30));
    gallery.write("a/d/y.jpg", jpeg(40, 30));
    let all = claims(set(&[]));
    let cards = |answer: Answer| {
        let card = answer.expect(200).json()["folders"][0].clone();
        (card["folders"].as_u64().unwrap(), card["previews"].as_array().map_or(0, Vec::len))
    };
    assert_eq!(cards(gallery.get("/api/folders/", &all).await), (2, 2));
    let near = Claims { reach: Some(2), ..all.clone() };
    assert_eq!(cards(gallery.get("/api/folders/", &near).await), (2, 1));
    let nearest = Claims { reach: Some(1), ..all.clone() };
    assert_eq!(cards(gallery.get("/api/folders/", &nearest).await), (0, 0));
    let alone = Claims { reach: Some(0), ..all };
    let answer = gallery.get("/api/folders/", &alone).await.expect(200);
    assert_eq!(listed(&answer).0, [] as [String; 0]);
}

/// A folder that the gateway lists for another reason is closed once it has a block of its own.
#[tokio::test]
async fn a_folder_that_only_a_policy_named_is_closed_when_it_has_a_block() {
    let gallery = Gallery::new();
    gallery.write("named/a.jpg", jpeg(40, 30));
    let mut who = with_below(claims(set(&[])), &[("/named/", set(&[]))]);
    who.below[0].rules = KnownRules::None;
    let answer = gallery.get("/api/folders/", &who).await.expect(200);
    assert_eq!(listed(&answer).0, ["named"]);
    let block = "+++\n[permissions]\npublic_role = \"viewer\"\n+++\n";
    gallery.write("named/_folder.md", block);
    let answer = gallery.get("/api/folders/", &who).await.expect(200);
    assert_eq!(listed(&answer).0, [] as [String; 0]);
}

#[tokio::test]
async fn a_folder_with_an_error_is_closed_unless_the_gateway_knows_it() {
    let gallery = Gallery::new();
    gallery.write("broken/a.jpg", jpeg(40, 30));
    gallery.write("broken/_folder.md", "+++\nhiden = true\n");
    gallery.write("twice/a.jpg", jpeg(40, 30));
    gallery.write("twice/_folder.md", "fine");
    gallery.write("twice/_Folder.md", "fine");
    gallery.write("bytes/a.jpg", jpeg(40, 30));
    gallery.write("bytes/_folder.md", b"\xFF\xFE");
    gallery.write("fine/a.jpg", jpeg(40, 30));
    let answer = gallery.get("/api/folders/", &claims(set(&[]))).await.expect(200);
    assert_eq!(listed(&answer).0, ["fine"]);
    let owner = with_below(claims(set(&[])), &[("/broken/", PermissionSet::ALL)]);
    let answer = gallery.get("/api/folders/", &owner).await.expect(200);
    assert_eq!(listed(&answer).0, ["broken", "fine"]);
}

#[tokio::test]
async fn what_is_hidden_is_not_listed() {
    let gallery = Gallery::new();
    gallery.write("hidden/a.jpg", jpeg(40, 30));
    gallery.write("hidden/deep/b.jpg", jpeg(40, 30));
    gallery.write("hidden/_folder.md", "+++\nhidden = true\n+++\n");
    gallery.write("open/e\u{301}.jpg", jpeg(40, 30));
    gallery.write("open/raw.jpg", jpeg(40, 30));
    gallery.write("open/raw.dng", dng(&jpeg(60, 40), 1));
    // of a hidden picture that was deleted since
    gallery.write("open/gone.dng", dng(&jpeg(60, 40), 1));
    gallery.write("open/seen.jpg", jpeg(40, 30));
    gallery.write(
        "open/_folder.md",
        "+++\nhidden_images = [\"\u{e9}.jpg\", \"raw.jpg\", \"gone.jpg\"]\n+++\n",
    );
    let who = claims(set(&[Permission::DownloadRaw, Permission::DownloadOriginal]));
    let answer = gallery.get("/api/folders/", &who).await.expect(200);
    let json = answer.json();
    assert_eq!(names(&json["folders"]), ["open"]);
    assert_eq!(json["folders"][0]["images"], 1);
    assert_eq!(json["folders"][0]["previews"].as_array().unwrap().len(), 1);
    // hidden is not closed: by direct link the folder opens, and lists itself
    let answer = gallery.get("/api/folders/hidden/", &who).await.expect(200);
    assert_eq!(listed(&answer), (vec!["deep".into()], vec!["a.jpg".into()]));
    // a hidden image is not there at all, nor is its RAW file, which would show it
    for image in ["e%CC%81.jpg", "raw.jpg", "raw.dng", "gone.dng"] {
        for target in [
            format!("/image/open/{image}?size=thumbnail"),
            format!("/image/open/{image}?size=original"),
            format!("/api/images/open/{image}"),
            format!("/view/open/{image}"),
            format!("/raw/open/{image}"),
        ] {
            gallery.get(&target, &who).await.expect(404);
        }
    }
    let sees = claims(set(&[Permission::SeeHidden]));
    let json = gallery.get("/api/folders/", &sees).await.expect(200).json();
    assert_eq!(names(&json["folders"]), ["hidden", "open"]);
    assert_eq!(json["folders"][1]["images"], 4);
    gallery.get("/image/open/e%CC%81.jpg?size=thumbnail", &sees).await.expect(200);
}

#[tokio::test]
async fn dates_are_shown_and_sorted_as_far_as_they_may_be_known() {
    let gallery = Gallery::new();
    for (name, taken) in [
        ("c.jpg", "2026:01:03 10:00:00"),
        ("a.jpg", "2026:01:20 10:00:00"),
        ("b.jpg", "2025:12:31 23:59:59"),
    ] {
        gallery.write(name, camera_jpeg(40, 30, taken, 1));
    }
    gallery.write("undated.jpg", jpeg(40, 30));
    let order = async |may: &[Permission], sort: &str| {
        let answer = gallery.get(&format!("/api/folders/?sort={sort}"), &claims(set(may))).await;
        listed(&answer.expect(200)).1
    };
    assert_eq!(
        order(&[Permission::SeeExactDates], "date").await,
        ["b.jpg", "c.jpg", "a.jpg", "undated.jpg"]
    );
    assert_eq!(
        order(&[Permission::SeeExactDates], "-date").await,
        ["a.jpg", "c.jpg", "b.jpg", "undated.jpg"]
    );
    // within the month only the name counts
    assert_eq!(order(&[], "date").await, ["b.jpg", "a.jpg", "c.jpg", "undated.jpg"]);
    assert_eq!(order(&[], "-date").await, ["a.jpg", "c.jpg", "b.jpg", "undated.jpg"]);
    let json = gallery.get("/api/folders/", &claims(set(&[]))).await.json();
    assert_eq!(json["images"][0]["taken"], "January 2026");
    let exact = claims(set(&[Permission::SeeExactDates]));
    let json = gallery.get("/api/folders/", &exact).await.json();
    assert_eq!(json["images"][0]["taken"], "2026-01-20T10:00:00");
}

#[tokio::test]
async fn details_hold_what_may_be_seen() {
    let gallery = Gallery::new();
    gallery.write("a.jpg", camera_jpeg(40, 30, "2026:01:03 10:11:12", 6));
    gallery.write("a.dng", dng(&jpeg(60, 40), 1));
    gallery.write("b.jpg", jpeg(40, 30));
    let none = gallery.get("/api/images/a.jpg", &claims(set(&[]))).await.expect(200);
    for planted in ["Planted", "SERIAL", "47.5", "01-03", "2.8", "dng"] {
        assert!(!none.text().contains(planted), "{planted}: {}", none.text());
    }
    let json = none.json();
    assert_eq!(
        (json["details"]["width"].as_u64(), json["details"]["height"].as_u64()),
        (Some(30), Some(40))
    );
    assert_eq!(json["downloads"].as_array().unwrap().len(), 0);
    assert_eq!(json["next"]["page"], "/i/family/view/b.jpg");
    let all =
        gallery.get("/api/images/a.jpg", &claims(PermissionSet::ALL)).await.expect(200).json();
    assert_eq!(all["details"]["location"]["latitude"], 47.5);
    assert_eq!(all["details"]["location"]["longitude"], -8.25);
    let technical = &all["details"]["technical"];
    assert_eq!(technical["camera"], "Planted Camera X");
    assert_eq!(
        (technical["exposure"].as_str(), technical["aperture"].as_str()),
        (Some("1/250 s"), Some("f/2.8"))
    );
    let offered: Vec<_> = names(&all["downloads"]);
    assert_eq!(offered, ["medium", "large", "original", "raw"]);
    let page = gallery.get("/view/a.jpg", &claims(set(&[]))).await.expect(200);
    assert!(!page.text().contains("Planted") && page.text().contains("January 2026"));
}

#[tokio::test]
async fn flags_that_the_gateway_did_not_know_hold_for_all_below() {
    let gallery = Gallery::new();
    gallery.write("f/_folder.md", "+++\nhide_technical_details = true\n+++\n");
    gallery.write("f/g/a.jpg", jpeg(40, 30));
    let library = crate::library::Library::new(gallery.at(""));
    let shelf = library.open().unwrap();
    let technical = Permission::SeeTechnicalDetails;
    let see = |who: &Claims| {
        let root = crate::sight::Sight::folder(&shelf, who, &path("/")).unwrap();
        let below = root.folders(&shelf, who).remove(0).folders(&shelf, who).remove(0);
        below.may.holds(technical)
    };
    assert!(!see(&claims(set(&[technical]))));
    assert!(see(&with_below(claims(set(&[technical])), &[("/f/", set(&[technical]))])));
}

#[tokio::test]
async fn big_folders_come_in_pages() {
    let gallery = Gallery::new();
    for number in 0..450 {
        gallery.write(&format!("{number}.jpg"), b"\xFF\xD8\xFF");
    }
    gallery.write("sub/a.jpg", b"\xFF\xD8\xFF");
    let who = claims(set(&[]));
    let first = gallery.get("/api/folders/", &who).await.expect(200).json();
    assert_eq!((first["total"].as_u64(), names(&first["images"]).len()), (Some(450), 200));
    assert_eq!((names(&first["images"])[0], names(&first["folders"]).len()), ("0.jpg", 1));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = gallery.get(&format!("/api/folders/?cursor={cursor}"), &who).await.json();
    assert_eq!((names(&second["images"])[0], names(&second["folders"]).len()), ("200.jpg", 0));
    let last = gallery.get("/api/folders/?cursor=400", &who).await.json();
    assert_eq!((names(&last["images"]).len(), last.get("next_cursor")), (50, None));
    assert_eq!(
        names(&gallery.get("/api/folders/?cursor=9999999", &who).await.json()["images"]).len(),
        0
    );
}

#[tokio::test]
async fn pages_escape_and_link_below_the_base() {
    let gallery = Gallery::new();
    gallery.write("<b>\"x\"&.jpg", jpeg(40, 30));
    gallery
        .write("_folder.md", "+++\ntitle = \"<script>alert(1)</script>\"\n+++\n<img onerror=x>\n");
    let who = claims(set(&[Permission::DownloadGallery]));
    let page = gallery.get("/", &who).await.expect(200);
    let text = page.text();
    assert!(!text.contains("<script") && !text.contains("<img onerror") && !text.contains("<b>"));
    assert!(text.contains("/i/family/assets/gallery.css"));
    assert!(text.contains("href=\"/i/family/zip/\">Download all"));
    assert!(text.contains("/i/family/view/%3Cb%3E%22x%22%26.jpg"));
    assert!(text.contains("jane") && text.contains("href=\"/_vestibule/sign-out\""));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    assert_eq!(page.header("cache-control"), Some("private, no-cache"));
    let plain = gallery.get("/", &claims(set(&[]))).await;
    assert!(!plain.text().contains("Download all"));
    let mut visitor = claims(set(&[]));
    visitor.subject = vestibule_grant::Subject::Visitor;
    let page = gallery.get("/browse/", &visitor).await;
    assert!(page.text().contains("/_vestibule/sign-in?return=%2Fi%2Ffamily%2Fbrowse%2F"));
    gallery.get("/assets/gallery.css?v=1", &visitor).await.expect(200);
    let empty = Gallery::new();
    assert!(empty.get("/", &who).await.expect(200).text().contains("This folder is empty."));
    assert!(empty.get("/browse/none/", &who).await.expect(404).text().contains("Nothing here"));
}
