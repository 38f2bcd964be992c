//! A gallery that can't be read in part, or for a while: what nobody can read is closed, the rest
//! works, and it opens when the failure ends (`permissions.md` 5).

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use vestibule_tests::{Client, ConfigDir, Gateway, eventually, pictures};

/// When a test gives up. How soon it really is, benchmarks say.
const SOON: Duration = Duration::from_secs(30);
/// Longer than the gateway waits before it looks a second time at what has changed.
const SECOND_LOOK: Duration = Duration::from_secs(1);

const OPEN: &str = "public_role = \"all\"\n[roles.all]\npermissions = { can_view = true }\n\
                    [roles.boss]\npermissions = { owner_access = true }\n\
                    [[user_roles]]\nusername = \"olivia\"\nroles = [\"boss\"]\n";
const CLOSING: &str = "+++\n[permissions]\npublic_role = \"none\"\n+++\n";
const ROOT: &str = "/image/a.jpg?size=thumbnail";
const SUB: &str = "/image/sub/b.jpg?size=thumbnail";
const INNER: &str = "/image/sub/in/c.jpg?size=thumbnail";

/// A gallery that is open but for `/sub/in/`.
fn gallery() -> ConfigDir {
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, OPEN);
    config.put("site", "a.jpg", pictures::jpeg(60, 40));
    config.put("site", "sub/b.jpg", pictures::jpeg(60, 40));
    config.put("site", "sub/in/c.jpg", pictures::jpeg(60, 40));
    config.put("site", "sub/in/_folder.md", CLOSING);
    config
}

async fn becomes(client: &Client, target: &str, status: u16) {
    let what = format!("{target} becomes {status}");
    let probe = async || (client.get(target).await.status == status).then_some(());
    eventually(SOON, &what, probe).await;
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A folder that can't be listed, one that can be listed but not searched, and one that can be
/// searched but not listed.
#[tokio::test]
async fn a_folder_that_can_not_be_read_is_closed_until_it_can() {
    let gateway = Gateway::start_bound_by_modes(gallery()).await;
    let (visitor, olivia) = (gateway.client(), gateway.signed_in("olivia").await);
    let sub = gateway.config.gallery("site").join("sub");
    for mode in [0o000, 0o600, 0o300] {
        visitor.get(SUB).await.expect(200);
        visitor.get(INNER).await.expect(401);
        // a change inside, at which the gateway is about to look a second time
        gateway.config.put("site", "sub/in/_folder.md", CLOSING);
        set_mode(&sub, mode);
        becomes(&visitor, SUB, 401).await;
        let began = Instant::now();
        while began.elapsed() < SECOND_LOOK {
            for target in [SUB, INNER, "/api/folders/sub/", "/image/sub/none/x.jpg"] {
                assert_eq!(visitor.get(target).await.status, 401, "{mode:o} {target}");
            }
            visitor.get(ROOT).await.expect(200);
        }
        let listing = visitor.get("/api/folders/").await.expect(200).json();
        assert!(!listing.to_string().contains("/sub/"), "{mode:o} {listing}");
        // to the owner it is not closed, but nobody can show it
        assert_ne!(olivia.get(SUB).await.status, 401, "{mode:o}");
        set_mode(&sub, 0o755);
        becomes(&visitor, SUB, 200).await;
        visitor.get(INNER).await.expect(401);
    }
    assert!(gateway.log().contains("the folder is closed to all but the site's owners"));
}

/// The same at start, when nothing is known yet, and without a watch, as on a network's file
/// system: the folder's right comes back with no event.
#[tokio::test]
async fn what_can_not_be_read_at_start_is_closed_until_it_can() {
    for (watching, mode) in [("", 0o000), ("", 0o600), ("watch = \"poll\"\n", 0o600)] {
        let config = gallery().with_gateway(watching);
        let sub = config.gallery("site").join("sub");
        set_mode(&sub, mode);
        let gateway = Gateway::start_bound_by_modes(config).await;
        let visitor = gateway.client();
        visitor.get(ROOT).await.expect(200);
        for target in [SUB, INNER, "/api/folders/sub/", "/api/folders/sub/in/"] {
            assert_eq!(visitor.get(target).await.status, 401, "{watching}{mode:o} {target}");
        }
        set_mode(&sub, 0o755);
        becomes(&visitor, SUB, 200).await;
        visitor.get(INNER).await.expect(401);
    }
}

/// No file can be opened any more, for a while: a folder that appears then is closed, and opens
/// when it can be read, though nothing tells that it can.
#[tokio::test]
async fn a_scan_that_fails_is_tried_again() {
    let gateway = Gateway::start(gallery()).await;
    let visitor = gateway.client();
    visitor.get(ROOT).await.expect(200);
    let made = gateway.config.at("made");
    fs::create_dir(&made).unwrap();
    fs::write(made.join("x.jpg"), pictures::jpeg(40, 30)).unwrap();
    let target = "/image/new/x.jpg?size=thumbnail";
    let before = gateway.limit_open_files(Some(0));
    fs::rename(&made, gateway.config.gallery("site").join("new")).unwrap();
    // over the connection that is open already, until the gateway has looked for the last time
    // for which it had a reason
    let began = Instant::now();
    while began.elapsed() < SECOND_LOOK {
        assert_eq!(visitor.get(target).await.status, 401);
    }
    eventually(SOON, "the log says why", async || {
        gateway.log().contains("Too many open files").then_some(())
    })
    .await;
    gateway.limit_open_files(before);
    becomes(&visitor, target, 200).await;
    visitor.get(INNER).await.expect(401);
}

/// `vestibule reload` says what the gateway has not put in force, whatever the command itself can
/// read.
#[tokio::test]
async fn a_reload_tells_what_is_not_in_force() {
    let gateway = Gateway::start_bound_by_modes(gallery()).await;
    let config = &gateway.config;
    let whole = config.run(&["reload"]).expect(0);
    assert_eq!(whole.out.trim(), "in force");
    let permissions = config.at("config.d/sites/site/permissions.toml");
    set_mode(&permissions, 0o000);
    let kept = config.run(&["reload"]);
    set_mode(&permissions, 0o644);
    // whoever may read it is told by the gateway, anybody else by the command too
    assert!([1, 2].contains(&kept.code), "{}{}", kept.out, kept.err);
    assert!(kept.out.contains("in force, but for this:"), "{}", kept.out);
    assert!(kept.out.contains("permissions.toml` can't be read"), "{}", kept.out);
    config.run(&["reload"]).expect(0);

    let file = config.at("vestibule.toml");
    let before = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("trusted_proxies = [\"10.0.0.0/8\"]\n{before}")).unwrap();
    let kept = config.run(&["reload"]).expect(1);
    assert!(kept.out.contains("`trusted_proxies` of vestibule.toml"), "{}", kept.out);
    fs::write(&file, before).unwrap();
    config.run(&["reload"]).expect(0);
}
