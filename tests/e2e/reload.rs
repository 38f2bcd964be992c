//! A change is in force within a second, checked first and swapped whole; a mistake never opens
//! anything (`permissions.md` 5).

use std::fs;
use std::time::Duration;

use pretty_assertions::assert_eq;
use vestibule_tests::{Client, ConfigDir, Gateway, eventually, pictures};

/// When a test gives up. A second is the promise, and benchmarks say how soon it is; here a busy
/// machine may take longer without being wrong.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) const OPEN: &str = "public_role = \"all\"\n[roles.all]\npermissions = { can_view = true }\n\
                    [roles.boss]\npermissions = { owner_access = true }\n\
                    [[user_roles]]\nusername = \"olivia\"\nroles = [\"boss\"]\n";
pub(crate) const CLOSING: &str = "+++\n[permissions]\npublic_role = \"none\"\n+++\n";
pub(crate) const ROOT: &str = "/image/a.jpg?size=thumbnail";
pub(crate) const SUB: &str = "/image/sub/b.jpg?size=thumbnail";

/// A gallery that is open to everybody, with one picture in it and one in `/sub/`.
pub(crate) async fn open() -> Gateway {
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, OPEN);
    config.put("site", "a.jpg", pictures::jpeg(60, 40));
    config.put("site", "sub/b.jpg", pictures::jpeg(60, 40));
    Gateway::start(config).await
}

pub(crate) async fn becomes(client: &Client, target: &str, status: u16) {
    let what = format!("{target} becomes {status}");
    let probe = async || (client.get(target).await.status == status).then_some(());
    eventually(SOON, &what, probe).await;
}

#[tokio::test]
async fn permissions_are_in_force_soon() {
    let gateway = open().await;
    let visitor = gateway.client();
    visitor.get(ROOT).await.expect(200);
    let file = "config.d/sites/site/permissions.toml";
    gateway.config.write(file, "");
    becomes(&visitor, ROOT, 401).await;
    gateway.config.write(file, OPEN);
    becomes(&visitor, ROOT, 200).await;
    // written in place, as simple editors do
    fs::write(gateway.config.at(file), "").unwrap();
    becomes(&visitor, ROOT, 401).await;
}

#[tokio::test]
async fn grants_of_a_file_are_in_force_soon() {
    let gateway = open().await;
    let file = "config.d/sites/site/permissions.toml";
    gateway.config.write(file, "");
    let jane = gateway.signed_in("jane").await;
    // nothing is open to her, so she is a stranger at the site
    becomes(&jane, ROOT, 401).await;
    let grants = "config.d/sites/site/grants.toml";
    gateway.config.write(grants, "[[grants]]\nuser = \"jane\"\nrole = \"viewer\"\n");
    eventually(SOON, "she may enter", async || {
        jane.enter("/").await;
        (jane.get(ROOT).await.status == 200).then_some(())
    })
    .await;
    jane.get("/image/a.jpg?size=original").await.expect(200);
    gateway.config.write(grants, "[[grants]]\nuser = \"mia\"\nrole = \"viewer\"\n");
    becomes(&jane, ROOT, 404).await;
    let mia = gateway.signed_in("mia").await;
    mia.get(ROOT).await.expect(200);
    fs::remove_file(gateway.config.at(grants)).unwrap();
    becomes(&mia, ROOT, 404).await;
}

#[tokio::test]
async fn the_site_itself_is_moved_soon() {
    let gateway = open().await;
    let site = gateway.config.site_text("site", r#"hosts = ["moved.localhost"]"#);
    gateway.config.write("config.d/sites/site/site.toml", &site);
    let (old, new) = (gateway.client(), gateway.client_at("moved.localhost"));
    becomes(&new, ROOT, 200).await;
    // the portal's host stays, with nothing on it
    assert_ne!(old.get(ROOT).await.status, 200);
    let nearest = format!("{site}cascade = \"nearest\"\n");
    gateway.config.put("site", "sub/_folder.md", CLOSING);
    becomes(&new, SUB, 401).await;
    let reopened = "+++\n[permissions]\npublic_role = \"all\"\n[permissions.roles.all]\n\
                    permissions = { can_view = true }\n+++\n";
    gateway.config.put("site", "sub/in/_folder.md", reopened);
    gateway.config.put("site", "sub/in/c.jpg", pictures::jpeg(60, 40));
    let inner = "/image/sub/in/c.jpg?size=thumbnail";
    assert_eq!(new.get(inner).await.status, 401);
    gateway.config.write("config.d/sites/site/site.toml", &nearest);
    becomes(&new, inner, 200).await;
    new.get(SUB).await.expect(401);
}

#[tokio::test]
async fn a_site_comes_and_goes() {
    let gateway = open().await;
    let other = gateway.client_at("other.localhost");
    other.get(ROOT).await.expect(421);
    let config = &gateway.config;
    let site =
        config.site_text("site", r#"hosts = ["other.localhost"]"#).replace("site\"", "site/sub\"");
    config.write("config.d/sites/other/permissions.toml", OPEN);
    config.write("config.d/sites/other/site.toml", &site);
    // it is shown, too: its media backend is started with it
    becomes(&other, "/image/b.jpg?size=thumbnail", 200).await;
    other.get(ROOT).await.expect(401);
    fs::remove_dir_all(config.at("config.d/sites/other")).unwrap();
    becomes(&other, ROOT, 421).await;
    gateway.client().get(ROOT).await.expect(200);
    // one of the same name shows its own folder, not that of the former
    let site = config.site_text("site", r#"hosts = ["other.localhost"]"#);
    config.write("config.d/sites/other/permissions.toml", OPEN);
    config.write("config.d/sites/other/site.toml", &site);
    becomes(&other, ROOT, 200).await;
    other.get("/image/b.jpg?size=thumbnail").await.expect(401);
}

/// One edit gives a site's host to another, and has a typo in the first, which keeps its last good
/// state with its host. The other is closed, and nothing waits for either to be mended.
#[tokio::test]
async fn sites_that_clash_while_serving_hold_nothing_back() {
    let gateway = open().await;
    let (config, visitor) = (&gateway.config, gateway.client());
    let moved = config.site_text("site", r#"hosts = ["elsewhere.localhost"]"#);
    let other = config.site_text("site", r#"hosts = ["localhost"]"#);
    config.write("config.d/sites/site/permissions.toml", "public_rolle = \"all\"\n");
    config.write("config.d/sites/site/site.toml", &moved);
    config.write("config.d/sites/z/permissions.toml", OPEN);
    config.write("config.d/sites/z/site.toml", &other.replace("site\"", "site/sub\""));
    let clash = async || {
        let log = gateway.log();
        log.lines().any(|line| line.contains("both claim the host")).then_some(())
    };
    // two reloads and the start of a media backend, which nobody promised within a second
    eventually(SOON, "the clash is told", clash).await;
    visitor.get(SUB).await.expect(200);
    // a folder that is closed now is closed at once, and a new one from its first request
    config.put("site", "new/_folder.md", CLOSING);
    config.put("site", "new/c.jpg", pictures::jpeg(60, 40));
    for _ in 0..3 {
        visitor.get("/image/new/c.jpg?size=thumbnail").await.expect(401);
    }
    config.put("site", "sub/_folder.md", CLOSING);
    becomes(&visitor, SUB, 401).await;
    visitor.get(ROOT).await.expect(200);
}

#[tokio::test]
async fn a_folders_block_closes_and_opens_soon() {
    let gateway = open().await;
    let visitor = gateway.client();
    visitor.get(SUB).await.expect(200);
    for _ in 0..3 {
        gateway.config.put("site", "sub/_folder.md", CLOSING);
        becomes(&visitor, SUB, 401).await;
        visitor.get(ROOT).await.expect(200);
        let listing = visitor.get("/api/folders/").await.expect(200).json();
        assert_eq!(listing["folders"].as_array().unwrap().len(), 0);
        fs::remove_file(gateway.config.gallery("site").join("sub/_folder.md")).unwrap();
        becomes(&visitor, SUB, 200).await;
    }
}

/// The last good policy stays, and the log says what is wrong and where.
#[tokio::test]
async fn broken_permissions_change_nothing() {
    let gateway = open().await;
    let (visitor, olivia) = (gateway.client(), gateway.signed_in("olivia").await);
    let file = "config.d/sites/site/permissions.toml";
    for broken in [
        "public_role = \"all\"\n[roles.all]\npermissions = { can_viev = true }\n",
        "public_role = ",
        "[[user_roles]]\nusername = \"mia\"\nroles = [\"no-such-role\"]\n",
        "\u{feff}public_role = \"all\"\n",
    ] {
        let before = gateway.log().len();
        gateway.config.write(file, broken);
        eventually(SOON, "the log names the mistake", async || {
            let log = gateway.log();
            let new = log.get(before..).unwrap_or_default();
            (new.contains(file) && new.contains("last good")).then_some(())
        })
        .await;
        visitor.get(ROOT).await.expect(200);
        olivia.get("/image/a.jpg?size=original").await.expect(200);
    }
    assert!(gateway.log().contains("can_view"), "the log suggests the right word");
    gateway.config.write(file, "");
    becomes(&visitor, ROOT, 401).await;
}

/// A folder is closed to everybody but the site's owners, whatever makes its file unreadable.
#[tokio::test]
async fn a_broken_block_closes_at_once() {
    let gateway = open().await;
    let (visitor, olivia) = (gateway.client(), gateway.signed_in("olivia").await);
    let sub = gateway.config.gallery("site").join("sub");
    let file = sub.join("_folder.md");
    for broken in [
        "+++\n[permissions]\n",
        "+++\n[permission]\n+++\n",
        "+++\n[permissions]\npublic_role = \"nobody-knows\"\n+++\n",
        "\u{feff}+++\n[permissions]\npublic_role = \"viewer\"\n+++\n",
        "Text first\n+++\n",
    ] {
        gateway.config.put("site", "sub/_folder.md", broken);
        becomes(&visitor, SUB, 401).await;
        // to the owner it is closed only until the gateway has read it, too
        becomes(&olivia, SUB, 200).await;
        visitor.get(ROOT).await.expect(200);
        fs::remove_file(&file).unwrap();
        becomes(&visitor, SUB, 200).await;
    }
    gateway.config.put("site", "sub/_folder.md", b"\xff\xfe+++\n");
    becomes(&visitor, SUB, 401).await;
    fs::remove_file(&file).unwrap();
    becomes(&visitor, SUB, 200).await;
}

/// What can't be read at all: not as if there were no block.
#[tokio::test]
async fn an_unreadable_block_closes() {
    let gateway = open().await;
    let visitor = gateway.client();
    let sub = gateway.config.gallery("site").join("sub");
    let file = sub.join("_folder.md");
    fs::create_dir(&file).unwrap();
    becomes(&visitor, SUB, 401).await;
    fs::remove_dir(&file).unwrap();
    becomes(&visitor, SUB, 200).await;
    std::os::unix::fs::symlink("nowhere", &file).unwrap();
    becomes(&visitor, SUB, 401).await;
    fs::remove_file(&file).unwrap();
    becomes(&visitor, SUB, 200).await;
    gateway.config.put("site", "sub/_Folder.md", "+++\n+++\n");
    becomes(&visitor, SUB, 401).await;
    eventually(SOON, "the log says why", async || {
        gateway.log().contains("differs from `_folder.md` in case only").then_some(())
    })
    .await;
}

/// A folder that appears with its block is never open, not even to a request that is faster than
/// the watch.
#[tokio::test]
async fn a_new_folder_is_governed_from_its_first_request() {
    let gateway = open().await;
    let visitor = gateway.client();
    let gallery = gateway.config.gallery("site");
    for round in 0..50 {
        let made = gateway.config.at(&format!("made-{round}"));
        fs::create_dir_all(made.join("below")).unwrap();
        fs::write(made.join("_folder.md"), CLOSING).unwrap();
        fs::write(made.join("x.jpg"), pictures::jpeg(40, 30)).unwrap();
        fs::write(made.join("below/y.jpg"), pictures::jpeg(40, 30)).unwrap();
        fs::rename(made, gallery.join(format!("new-{round}"))).unwrap();
        let target = match round % 4 {
            0 => format!("/image/new-{round}/x.jpg?size=thumbnail"),
            1 => format!("/image/new-{round}/below/y.jpg?size=thumbnail"),
            2 => format!("/api/folders/new-{round}/"),
            _ => format!("/api/folders/new-{round}/below/"),
        };
        assert_eq!(visitor.get(&target).await.status, 401, "{target}");
        let listing = visitor.get("/api/folders/").await.expect(200).json();
        assert!(!listing.to_string().contains("new-"), "round {round}: {listing}");
    }
}

/// The same where an open folder of that name has just been there.
#[tokio::test]
async fn a_folder_that_takes_anothers_place_is_governed_from_its_first_request() {
    let gateway = open().await;
    let visitor = gateway.client();
    let sub = gateway.config.gallery("site").join("sub");
    for round in 0..20 {
        becomes(&visitor, SUB, 200).await;
        let made = gateway.config.at("made");
        fs::create_dir(&made).unwrap();
        fs::write(made.join("_folder.md"), CLOSING).unwrap();
        fs::write(made.join("b.jpg"), pictures::jpeg(40, 30)).unwrap();
        fs::rename(&sub, gateway.config.at("aside")).unwrap();
        fs::rename(&made, &sub).unwrap();
        assert_ne!(visitor.get(SUB).await.status, 200, "round {round}");
        fs::rename(&sub, &made).unwrap();
        fs::rename(gateway.config.at("aside"), &sub).unwrap();
        fs::remove_dir_all(made).unwrap();
    }
}

/// What a request asks for can appear between the gateway's look and the media backend's: the
/// backend looks again.
#[tokio::test]
async fn a_folder_that_appears_is_closed_at_every_moment() {
    let gateway = open().await;
    let visitor = gateway.client();
    let (made, place) = (gateway.config.at("made"), gateway.config.gallery("site").join("appears"));
    fs::create_dir(&made).unwrap();
    fs::write(made.join("_folder.md"), CLOSING).unwrap();
    fs::write(made.join("b.jpg"), pictures::jpeg(40, 30)).unwrap();
    let flapping = std::thread::spawn(move || {
        for _ in 0..400 {
            fs::rename(&made, &place).unwrap();
            std::thread::yield_now();
            fs::rename(&place, &made).unwrap();
        }
    });
    let mut asked = 0;
    while !flapping.is_finished() || asked < 50 {
        let reply = visitor.get("/image/appears/b.jpg?size=original").await;
        assert_eq!(reply.status, 401, "request {asked}");
        asked += 1;
    }
    flapping.join().unwrap();
}

/// Where changes are not reported, as on a network's file system, everything is looked at.
#[tokio::test]
async fn a_change_is_in_force_soon_without_a_watch_too() {
    let config = ConfigDir::new()
        .with_site("site", r#"hosts = ["localhost"]"#, OPEN)
        .with_gateway("watch = \"poll\"\n");
    config.put("site", "sub/b.jpg", pictures::jpeg(60, 40));
    config.put("site", "sub/in/c.jpg", pictures::jpeg(60, 40));
    let gateway = Gateway::start(config).await;
    let visitor = gateway.client();
    visitor.get(SUB).await.expect(200);
    gateway.config.put("site", "sub/_folder.md", CLOSING);
    visitor.get(SUB).await.expect(401);
    // a folder that nobody asks for by itself goes from its parent's listing
    gateway.config.put("site", "sub/in/_folder.md", CLOSING);
    fs::remove_file(gateway.config.gallery("site").join("sub/_folder.md")).unwrap();
    eventually(SOON, "the listing has lost it", async || {
        let listing = visitor.get("/api/folders/sub/").await;
        (listing.status == 200 && !listing.text().contains("/sub/in/")).then_some(())
    })
    .await;
    gateway.config.write("config.d/sites/site/permissions.toml", "");
    becomes(&visitor, SUB, 401).await;
}

/// What waits for a restart holds nothing else back: least of all a revocation.
#[tokio::test]
async fn a_change_that_waits_for_a_restart_holds_nothing_back() {
    let gateway = open().await;
    let visitor = gateway.client();
    let site = gateway.config.site_text("site", r#"hosts = ["localhost"]"#);
    let sizes = format!("{site}[sizes]\nthumbnail = 320\n");
    gateway.config.write("config.d/sites/site/site.toml", &sizes);
    eventually(SOON, "the log says what waits", async || {
        gateway.log().contains("change with a restart").then_some(())
    })
    .await;
    gateway.config.write("config.d/sites/site/permissions.toml", "");
    becomes(&visitor, ROOT, 401).await;
}

/// A grant or its end is in force when the command returns, each time.
#[tokio::test]
async fn a_grant_is_in_force_when_the_command_returns() {
    let gateway = open().await;
    gateway.config.write("config.d/sites/site/permissions.toml", "");
    let jane = gateway.signed_in("jane").await;
    becomes(&jane, ROOT, 401).await;
    let access = |verb: &'static str, more: &[&'static str]| {
        let mut arguments =
            vec!["cluster", "users", "access", verb, "--user", "jane", "--node", "site"];
        arguments.extend(more);
        gateway.config.run(&arguments).expect(0)
    };
    access("grant", &["--role", "viewer"]);
    jane.enter("/").await;
    access("revoke", &["--yes"]);
    for round in 0..100 {
        access("grant", &["--role", "viewer"]);
        assert_eq!(jane.get(ROOT).await.status, 200, "granted, round {round}");
        access("revoke", &["--yes"]);
        assert_eq!(jane.get(ROOT).await.status, 404, "revoked, round {round}");
    }
}

/// Hand-written policies are in force soon, and read the request; a mistake keeps the last ones.
#[tokio::test]
async fn hand_written_policies_are_in_force_soon() {
    let gateway = open().await;
    let visitor = gateway.client();
    visitor.get(ROOT).await.expect(200);
    let file = "config.d/sites/site/policies/office.cedar";
    fs::create_dir(gateway.config.at("config.d/sites/site/policies")).unwrap();
    let only_from = |network: &str| {
        format!(
            "forbid (principal is Visitor, action in Action::\"any\", resource)\n\
             unless {{ context.ip.isInRange(ip(\"{network}\")) }};\n"
        )
    };
    gateway.config.write(file, &only_from("192.0.2.0/24"));
    becomes(&visitor, ROOT, 401).await;
    gateway.config.write(file, &only_from("127.0.0.0/8"));
    becomes(&visitor, ROOT, 200).await;
    gateway.config.write(file, "forbid (principal, action in Action::\"anny\", resource);");
    eventually(SOON, "the log says what is wrong", async || {
        gateway.log().contains("unrecognized action `Action::\"anny\"`").then_some(())
    })
    .await;
    visitor.get(ROOT).await.expect(200);
    // what may be seen is decided for listings, too
    gateway.config.write(
        file,
        "forbid (principal, action == Action::\"view\", resource in Folder::\"site:/sub/\")\n\
         when { context.method == \"GET\" };\n",
    );
    becomes(&visitor, SUB, 401).await;
    let listing = visitor.get("/api/folders/").await.expect(200).json();
    assert!(!listing.to_string().contains("/sub/"), "{listing}");
    fs::remove_file(gateway.config.at(file)).unwrap();
    becomes(&visitor, SUB, 200).await;
}
