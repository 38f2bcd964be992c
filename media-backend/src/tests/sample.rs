//! The whole sample gallery, as somebody walks through it.

use serde_json::Value;
use vestibule_grant::Claims;
use vestibule_sample::{GallerySize, write_gallery};
use vestibule_schema::{Action, PermissionSet};

use super::support::{Gallery, claims, path, with_below};

/// Follows a link as a browser does, without the part before the gallery.
async fn follow(gallery: &Gallery, link: &Value, who: &Claims) -> super::support::Answer {
    let target = link.as_str().unwrap().strip_prefix("/i/family").unwrap();
    gallery.get(target, who).await
}

/// All folders have rules that the gateway knows of, and all give the same.
fn everywhere(gallery: &Gallery, permissions: PermissionSet) -> Claims {
    let mut folders = Vec::new();
    let mut waiting = vec![gallery.at("")];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                let below = entry.path();
                let relative = below.strip_prefix(gallery.at("")).unwrap().to_str().unwrap();
                folders.push(format!("/{relative}/"));
                waiting.push(below);
            }
        }
    }
    let below: Vec<_> = folders.iter().map(|folder| (folder.as_str(), permissions)).collect();
    let above = folders.iter().map(|folder| path(folder)).collect();
    Claims { above, ..with_below(claims(permissions), &below) }
}

#[tokio::test]
async fn every_link_leads_to_something_and_redaction_keeps_the_pixels() {
    let gallery = Gallery::new();
    let summary = write_gallery(&gallery.at(""), GallerySize::Small, &mut |_| {}).unwrap();
    let owner = everywhere(&gallery, PermissionSet::ALL);
    let blurred = [Action::SeeLocation, Action::SeeExactDates, Action::SeeTechnicalDetails];
    let blurred =
        blurred.iter().fold(PermissionSet::ALL, |set, action| set.without_action(*action));
    let blurred = everywhere(&gallery, blurred);
    let mut waiting = vec![Value::from("/i/family/api/folders/")];
    let (mut folders, mut pictures, mut raws) = (0, 0, 0);
    while let Some(link) = waiting.pop() {
        folders += 1;
        let json = follow(&gallery, &link, &owner).await.expect(200).json();
        follow(&gallery, &json["links"]["page"], &owner).await.expect(200);
        waiting
            .extend(json["folders"].as_array().unwrap().iter().map(|f| f["links"]["api"].clone()));
        for image in json["images"].as_array().unwrap() {
            pictures += 1;
            follow(&gallery, &image["links"]["thumbnail"], &owner).await.expect(200);
            follow(&gallery, &image["links"]["page"], &owner).await.expect(200);
            let details = follow(&gallery, &image["links"]["api"], &owner).await.expect(200).json();
            assert!(details["details"]["width"].as_u64().unwrap() > 100, "{details}");
            let downloads = details["downloads"].as_array().unwrap();
            let named = |name: &str| downloads.iter().find(|d| d["name"] == name).cloned();
            if let Some(raw) = named("raw") {
                raws += 1;
                follow(&gallery, &raw["href"], &owner).await.expect(200);
                follow(&gallery, &raw["href"], &blurred).await.expect(403);
            }
            let original = &named("original").unwrap()["href"];
            let whole = follow(&gallery, original, &owner).await.expect(200);
            let redacted = follow(&gallery, original, &blurred).await.expect(200);
            let pixels = |body: &[u8]| image::load_from_memory(body).unwrap().into_rgba8();
            assert_eq!(pixels(&whole.body), pixels(&redacted.body), "{details}");
        }
    }
    assert_eq!((folders, pictures, raws), (summary.folders, summary.pictures, summary.raws));
    // the preview of the DNG, called for by itself
    let zip = gallery.get("/zip/", &owner).await.expect(200);
    let names = zip::ZipArchive::new(std::io::Cursor::new(zip.body)).unwrap();
    assert_eq!(names.len(), summary.pictures + summary.raws);
    let dng = names.file_names().map(Result::unwrap).find(|name| name.ends_with(".dng")).unwrap();
    let at = path(&format!("/{}", dng.split_once('/').unwrap().1)).encoded();
    let preview = gallery.get(&format!("/image{at}?size=thumbnail"), &owner).await.expect(200);
    assert!(image::load_from_memory(&preview.body).unwrap().width() > 100);
}
