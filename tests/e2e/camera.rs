//! Real camera files: what phones and cameras write, not what this repository does.
//!
//! They hold real places and serial numbers, so they are fetched and not committed.

use std::path::PathBuf;

use exif::Tag;
use image::DynamicImage;
use image::imageops::{self, FilterType};
use pretty_assertions::assert_eq;
use serde_json::Value;
use tokio::sync::OnceCell;
use vestibule_tests::pictures::{exif_field, pixels};
use vestibule_tests::{ConfigDir, Gateway, repository};

/// Fred sees and takes everything, carla takes originals and sees nothing of where and with what;
/// visitors see the pictures.
const PERMISSIONS: &str = "public_role = \"limited\"\n\
    [roles.limited]\npermissions = { can_view = true }\n\
    [roles.taker]\npermissions = { can_view = true, can_download_original = true, \
    can_download_large = true, can_download_raw = true }\n\
    [[user_roles]]\nusername = \"fred\"\nroles = [\"viewer\"]\n\
    [[user_roles]]\nusername = \"carla\"\nroles = [\"taker\"]\n";

fn file(name: &str) -> PathBuf {
    let path = repository().join("target/camera-files").join(name);
    assert!(path.exists(), "`{name}` is missing: run `make camera-files`");
    path
}

async fn gateway() -> &'static Gateway {
    static GATEWAY: OnceCell<Gateway> = OnceCell::const_new();
    GATEWAY
        .get_or_init(async || {
            let config =
                ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, PERMISSIONS);
            for name in ["sony.jpg", "iphone.jpg", "lumia.jpg"] {
                config.put("site", name, std::fs::read(file(name)).unwrap());
            }
            for entry in std::fs::read_dir(file("raw")).unwrap() {
                let entry = entry.unwrap();
                let name = format!("raw/{}", entry.file_name().to_string_lossy());
                config.put("site", &name, std::fs::read(entry.path()).unwrap());
            }
            Gateway::start(config).await
        })
        .await
}

/// How much two pictures differ in the mean, of 255; both are compared at 32 × 32.
fn difference(one: &DynamicImage, other: &DynamicImage) -> f64 {
    let small = |picture: &DynamicImage| {
        imageops::resize(&picture.to_rgb8(), 32, 32, FilterType::Triangle).into_raw()
    };
    let (one, other) = (small(one), small(other));
    let sum: f64 = one.iter().zip(&other).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
    sum / f64::from(u32::try_from(one.len()).unwrap())
}

/// Twenty-four megapixels: renditions have their size and show the picture.
#[tokio::test]
async fn a_large_photograph_is_made_smaller() {
    let fred = gateway().await.signed_in("fred").await;
    let stored = image::open(file("sony.jpg")).unwrap();
    assert_eq!((stored.width(), stored.height()), (6000, 4000));
    for (size, width, height) in
        [("thumbnail", 300, 200), ("gallery", 800, 533), ("large", 1600, 1067)]
    {
        let reply = fred.get(&format!("/image/sony.jpg?size={size}")).await.expect(200);
        let rendition = image::load_from_memory(&reply.body).unwrap();
        assert_eq!((rendition.width(), rendition.height()), (width, height), "{size}");
        assert!(difference(&rendition, &stored) < 4.0, "{size}");
        assert_eq!(exif_field(&reply.body, Tag::Model), None, "{size}");
    }
}

/// The telephone was held upright, and the file says so: the rendition is turned.
#[tokio::test]
async fn a_photograph_that_was_stored_sideways_is_upright() {
    let gateway = gateway().await;
    let (fred, visitor) = (gateway.signed_in("fred").await, gateway.client());
    let bytes = std::fs::read(file("iphone.jpg")).unwrap();
    let stored = image::load_from_memory(&bytes).unwrap();
    let upright = stored.rotate90();
    for (client, size) in [(&visitor, "thumbnail"), (&visitor, "gallery"), (&fred, "large")] {
        let reply = client.get(&format!("/image/iphone.jpg?size={size}")).await.expect(200);
        let rendition = image::load_from_memory(&reply.body).unwrap();
        assert!(difference(&rendition, &upright) < 4.0, "{size}");
        assert!(difference(&rendition, &stored) > 10.0, "{size}");
        assert_eq!(exif_field(&reply.body, Tag::Orientation), None, "{size}");
        assert_eq!(exif_field(&reply.body, Tag::GPSLatitude), None, "{size}");
    }
}

/// Where and with what they were taken is gone, and not one pixel.
#[tokio::test]
async fn originals_are_redacted_without_touching_pixels() {
    let gateway = gateway().await;
    let (fred, carla) = (gateway.signed_in("fred").await, gateway.signed_in("carla").await);
    for (name, model) in
        [("iphone.jpg", "iPhone 6 Plus"), ("lumia.jpg", "Lumia 820"), ("sony.jpg", "ILCE-6000")]
    {
        let target = format!("/image/{name}?size=original");
        let whole = fred.get(&target).await.expect(200).body;
        assert!(whole == std::fs::read(file(name)).unwrap(), "{name} is not the file itself");
        assert!(exif_field(&whole, Tag::Model).unwrap().contains(model), "{name}");
        let part = carla.get(&target).await.expect(200).body;
        for tag in [
            Tag::GPSLatitude,
            Tag::GPSLongitude,
            Tag::Make,
            Tag::Model,
            Tag::LensModel,
            Tag::MakerNote,
            Tag::Software,
            Tag::ExposureTime,
            Tag::DateTimeOriginal,
            Tag::DateTime,
        ] {
            assert_eq!(exif_field(&part, tag), None, "{name}: {tag}");
        }
        assert_eq!(
            exif_field(&part, Tag::Orientation),
            exif_field(&whole, Tag::Orientation),
            "{name}"
        );
        for word in ["Apple", "iPhone", "SONY", "ILCE", "Lumia", "NOKIA"] {
            let found = part.windows(word.len()).any(|part| part == word.as_bytes());
            assert!(!found, "{name}: {word} is still in the bytes");
        }
        assert!(pixels(&whole) == pixels(&part), "{name}: the pixels differ");
    }
    assert!(exif_field(&std::fs::read(file("iphone.jpg")).unwrap(), Tag::GPSLatitude).is_some());
}

#[tokio::test]
async fn details_name_the_camera_to_those_who_may_know() {
    let gateway = gateway().await;
    let (fred, visitor) = (gateway.signed_in("fred").await, gateway.client());
    for (name, model) in [("iphone.jpg", "iPhone 6 Plus"), ("sony.jpg", "ILCE-6000")] {
        let target = format!("/api/images/{name}");
        let known = fred.get(&target).await.expect(200).json();
        let camera = known["details"]["technical"]["camera"].as_str().unwrap();
        assert!(camera.contains(model), "{known}");
        let public = visitor.get(&target).await.expect(200).json();
        let details = &public["details"];
        assert_eq!((&details["technical"], &details["location"]), (&Value::Null, &Value::Null));
        assert!(!details["taken"].as_str().unwrap_or("").contains(':'), "{details}");
        let page = visitor.open(&format!("/view/{name}")).await.expect(200);
        assert!(!page.text().contains(model), "{name}");
    }
    let iphone = fred.get("/api/images/iphone.jpg").await.expect(200).json();
    let location = &iphone["details"]["location"];
    assert!((location["latitude"].as_f64().unwrap() - 40.004).abs() < 0.001, "{iphone}");
    assert!((location["longitude"].as_f64().unwrap() - 116.485).abs() < 0.001, "{iphone}");
}

/// Headers of RAW files of many makers, with next to no pixels behind them: a rendition of what
/// is embedded or a clear error, and the gateway serves on.
#[tokio::test]
async fn raw_files_of_many_makers_do_no_harm() {
    let gateway = gateway().await;
    let (fred, carla) = (gateway.signed_in("fred").await, gateway.signed_in("carla").await);
    let listing = fred.get("/api/folders/raw/").await.expect(200).json();
    let images = listing["images"].as_array().unwrap();
    assert!(images.len() >= 6, "{listing}");
    for image in images {
        let name = image["name"].as_str().unwrap();
        assert_eq!(image["kind"], "raw", "{name}");
        let details = fred.get(&format!("/api/images/raw/{name}")).await.expect(200).json();
        assert_eq!(details["name"], name);
        let rendition = fred.get(&format!("/image/raw/{name}?size=gallery")).await;
        match rendition.status {
            200 => assert!(image::load_from_memory(&rendition.body).is_ok(), "{name}"),
            415 | 422 => {
                let json = rendition.json();
                assert!(json["message"].as_str().is_some_and(|m| m.len() > 10), "{name}: {json}");
            }
            other => panic!("{name}: {other}"),
        }
        // the RAW itself: whole, or not at all
        let target = format!("/image/raw/{name}?size=original");
        let whole = fred.get(&target).await.expect(200).body;
        assert!(whole == std::fs::read(file(&format!("raw/{name}"))).unwrap(), "{name}");
        let refused = carla.get(&target).await;
        assert_eq!(refused.status, 403, "{name}");
    }
    fred.get("/image/lumia.jpg?size=thumbnail").await.expect(200);
}
