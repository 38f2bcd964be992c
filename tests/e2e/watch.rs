//! What of the configuration directory is watched: the sites, wherever they are kept.

use std::fs;
use std::os::unix::fs::symlink;

use vestibule_tests::{ConfigDir, Gateway, pictures};

use crate::reload::{OPEN, ROOT, becomes};

const SITES: &str = "config.d";

/// A site whose whole `config.d` is moved elsewhere.
fn with_sites_at(place: &str) -> ConfigDir {
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, OPEN);
    config.put("site", "a.jpg", pictures::jpeg(60, 40));
    fs::create_dir_all(config.at(place)).unwrap();
    fs::rename(config.at(SITES), config.at(place).join(SITES)).unwrap();
    config
}

#[tokio::test]
async fn sites_that_come_after_the_gateway_are_read() {
    let config = with_sites_at("later");
    let gateway = Gateway::start(config).await;
    let visitor = gateway.client();
    visitor.get(ROOT).await.expect(404);
    let config = &gateway.config;
    fs::rename(config.at("later").join(SITES), config.at(SITES)).unwrap();
    becomes(&visitor, ROOT, 200).await;
    config.write("config.d/sites/site/permissions.toml", "");
    becomes(&visitor, ROOT, 401).await;
    // and gone again, whole
    config.write("config.d/sites/site/permissions.toml", OPEN);
    becomes(&visitor, ROOT, 200).await;
    fs::rename(config.at(SITES), config.at("later").join(SITES)).unwrap();
    becomes(&visitor, ROOT, 404).await;
}

/// As releases are swapped: a link that is turned to another directory at once.
#[tokio::test]
async fn sites_behind_a_link_are_read_anew_when_it_is_turned() {
    let config = with_sites_at("releases/1");
    let second = config.at("releases/2/config.d/sites/site");
    fs::create_dir_all(&second).unwrap();
    let first = config.at("releases/1/config.d/sites/site");
    fs::copy(first.join("site.toml"), second.join("site.toml")).unwrap();
    fs::write(second.join("permissions.toml"), "").unwrap();
    symlink("releases/1/config.d", config.at(SITES)).unwrap();
    let gateway = Gateway::start(config).await;
    let visitor = gateway.client();
    visitor.get(ROOT).await.expect(200);
    fs::write(first.join("permissions.toml"), "").unwrap();
    becomes(&visitor, ROOT, 401).await;
    fs::write(first.join("permissions.toml"), OPEN).unwrap();
    becomes(&visitor, ROOT, 200).await;
    let config = &gateway.config;
    symlink("releases/2/config.d", config.at("new")).unwrap();
    fs::rename(config.at("new"), config.at(SITES)).unwrap();
    becomes(&visitor, ROOT, 401).await;
    fs::write(second.join("permissions.toml"), OPEN).unwrap();
    becomes(&visitor, ROOT, 200).await;
}

/// Somebody keeps the configuration among their pictures: it is in force as soon as any other.
#[tokio::test]
async fn a_configuration_inside_its_gallery_is_in_force_soon() {
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, OPEN);
    let around = config.site_text("site", r#"hosts = ["localhost"]"#);
    let whole = toml::Value::from(config.path().to_str().unwrap());
    let gallery = toml::Value::from(config.gallery("site").to_str().unwrap());
    let around = around.replace(&gallery.to_string(), &whole.to_string());
    config.write("config.d/sites/site/site.toml", &around);
    fs::write(config.at("a.jpg"), pictures::jpeg(60, 40)).unwrap();
    let gateway = Gateway::start(config).await;
    let visitor = gateway.client();
    visitor.get(ROOT).await.expect(200);
    gateway.config.write("config.d/sites/site/permissions.toml", "");
    becomes(&visitor, ROOT, 401).await;
}

/// A file of a site is a link, as package managers make them, and what is above its target is
/// turned to another release.
#[tokio::test]
async fn what_a_link_leads_to_is_in_force_soon() {
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, OPEN);
    config.put("site", "a.jpg", pictures::jpeg(60, 40));
    let file = config.at("config.d/sites/site/permissions.toml");
    for (release, text) in [("releases/1", OPEN), ("releases/2", "")] {
        fs::create_dir_all(config.at(release)).unwrap();
        fs::write(config.at(release).join("permissions.toml"), text).unwrap();
    }
    symlink("1", config.at("releases/current")).unwrap();
    fs::remove_file(&file).unwrap();
    symlink("../../../releases/current/permissions.toml", &file).unwrap();
    let gateway = Gateway::start(config).await;
    let visitor = gateway.client();
    visitor.get(ROOT).await.expect(200);
    let releases = gateway.config.at("releases");
    symlink("2", releases.join("new")).unwrap();
    fs::rename(releases.join("new"), releases.join("current")).unwrap();
    becomes(&visitor, ROOT, 401).await;
    fs::write(releases.join("2/permissions.toml"), OPEN).unwrap();
    becomes(&visitor, ROOT, 200).await;
}
