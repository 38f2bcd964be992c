//! A real copyparty behind the gateway: what it shows to whom, and who changes what.

use std::time::Duration;

use http::Method;
use tokio::sync::OnceCell;
use vestibule_tests::{Client, ConfigDir, Copyparty, Gateway, Reply, eventually, pictures};

use crate::reload::CLOSING;

/// Visitors look, fred downloads, carla uploads to one folder, jane manages, olivia owns.
pub(crate) const PERMISSIONS: &str = r#"
public_role = "looker"

[roles.looker]
permissions = { can_view = true }

[roles.guest_of_all]
inherits = "looker"
permissions = { can_download_medium = true, can_download_original = true, can_download_gallery = true }

[roles.keeper]
inherits = "guest_of_all"
permissions = { can_manage_images = true, can_see_hidden = true }

[roles.owner]
permissions = { owner_access = true }

[[user_roles]]
username = "fred"
roles = ["guest_of_all"]

[[user_roles]]
username = "jane"
roles = ["keeper"]

[[user_roles]]
username = "olivia"
roles = ["owner"]
"#;

/// Carla gives pictures to one folder.
pub(crate) const GRANTS: &str = r#"
[[grants]]
user = "carla"
role = "contributor"
base_path = "/"
upload_path = "/inbox/"
"#;

/// A gateway, and the copyparty behind it.
pub(crate) struct Pair {
    pub(crate) gateway: Gateway,
    pub(crate) copyparty: Copyparty,
}

/// A gallery with an open folder, an inbox, a closed folder in a folder, and a hidden picture.
pub(crate) async fn start(mount: &str, below: &str) -> Pair {
    let config = ConfigDir::new().with_site("site", mount, PERMISSIONS);
    for name in ["top.jpg", "open/a b.jpg", "open/b.jpg", "inbox/x.jpg", "holds/closed/secret.jpg"]
    {
        config.put("site", name, pictures::jpeg(60, 40));
    }
    config.put("site", "holds/closed/_folder.md", CLOSING);
    config.write("config.d/sites/site/grants.toml", GRANTS);
    let copyparty = Copyparty::start(&config.gallery("site"), below).await;
    config.put_behind("site", mount, &copyparty);
    Pair { gateway: Gateway::start(config).await, copyparty }
}

/// One for all tests that change nothing.
async fn shared() -> &'static Pair {
    static SHARED: OnceCell<Pair> = OnceCell::const_new();
    SHARED.get_or_init(async || start(r#"hosts = ["localhost"]"#, "").await).await
}

/// A browser in which somebody has signed in whom copyparty knows.
pub(crate) async fn known(gateway: &Gateway, name: &str) -> Client {
    let client = gateway.signed_in(name).await;
    become_known(&client, "/open/?ls").await;
    client
}

/// Looks at a folder until copyparty knows who does: the very request in which it first sees
/// somebody it may refuse, as it reads its users anew then.
async fn become_known(client: &Client, listing: &str) {
    let seen = eventually(Duration::from_secs(30), "copyparty knows them", async || {
        let reply = client.get(listing).await;
        (reply.status == 200 && reply.text().contains("\"write\"")).then_some(())
    });
    seen.await;
}

/// A request with a method of WebDAV.
pub(crate) async fn dav(
    client: &Client,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Reply {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = client.request(method, target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Reply::to(request).await
}

async fn put(client: &Client, target: &str) -> Reply {
    let picture = pictures::jpeg(30, 20);
    Reply::to(client.request(Method::PUT, target).body(picture)).await
}

/// S58: its users are those of the gateway, whatever a request says of itself.
#[tokio::test]
async fn copyparty_signs_its_users_in_by_the_identity_headers() {
    let Pair { gateway, copyparty } = shared().await;
    let named = async |client: &Client, headers: &[(&str, &str)]| {
        let listing = client.get_with("/open/?ls", headers).await.expect(200).json();
        listing["acct"].as_str().unwrap().to_owned()
    };
    for name in ["jane", "fred"] {
        let client = gateway.signed_in(name).await;
        assert_eq!(named(&client, &[]).await, name);
        for spoofed in ["X-Vestibule-User", "x_vestibule_user", "X-VESTIBULE_USER", "pw"] {
            assert_eq!(named(&client, &[(spoofed, "olivia")]).await, name, "{spoofed}");
        }
        assert_eq!(named(&client, &[("cookie", "cppwd=olivia")]).await, "*", "no session");
    }
    let visitor = gateway.client();
    for spoofed in ["X-Vestibule-User", "X_Vestibule_User", "x-vestibule_user", "Remote-User"] {
        assert_eq!(named(&visitor, &[(spoofed, "olivia")]).await, "*", "{spoofed}");
    }
    // without the gateway's key it believes nobody, though it is reached
    let direct = Client::new(&copyparty.origin());
    assert_eq!(named(&direct, &[("X-Vestibule-User", "olivia")]).await, "*");
}

#[tokio::test]
async fn folders_are_browsed_and_files_need_the_right_to_download() {
    let gateway = &shared().await.gateway;
    let (visitor, fred) = (gateway.client(), gateway.signed_in("fred").await);
    let page = visitor.open("/open/").await.expect(200);
    assert!(page.text().contains("<html"), "{}", page.text());
    let thumbnail = visitor.get("/open/a%20b.jpg?th=j").await.expect(200);
    assert_eq!(thumbnail.header("content-type"), "image/jpeg");
    visitor.get("/.cpr/w/util.js").await.expect(200);
    visitor.get("/open/a%20b.jpg").await.expect(401);
    let original = fred.get("/open/a%20b.jpg").await.expect(200);
    assert_eq!(original.body, pictures::jpeg(60, 40));
    // a slash makes no folder of a file, nor does a key make a listing of it
    visitor.get("/open/a%20b.jpg/").await.expect(401);
    visitor.get("/open/a%20b.jpg/?ls").await.expect(401);
    visitor.get("/open/a%20b.jpg?zip").await.expect(401);
    visitor.get("/open/a%20b.jpg?ls").await.expect(401);
    fred.get("/open/nothing.jpg").await.expect(404);
}

#[tokio::test]
async fn what_holds_something_closed_is_neither_packed_nor_listed() {
    let gateway = &shared().await.gateway;
    let fred = gateway.signed_in("fred").await;
    let olivia = gateway.signed_in("olivia").await;
    for archive in ["/open/?zip", "/open/?tar", "/open?zip=crc", "/inbox/?tar=gz"] {
        fred.get(archive).await.expect(200);
    }
    for closed in ["/?zip", "/?tar", "/holds/?zip", "/holds?zip", "/holds/?ls", "/holds/", "/holds"]
    {
        fred.get(closed).await.expect(404);
        olivia.get(closed).await.expect(200);
    }
    let missing = fred.get("/holds/missing/").await.expect(404);
    for closed in ["/holds/closed/", "/holds/closed", "/holds/closed/secret.jpg?th=j"] {
        assert_eq!(fred.get(closed).await.looks(), missing.looks(), "{closed}");
    }
    // what lies above lists its own folders only
    let listing = dav(&fred, "PROPFIND", "/", &[("depth", "1")]).await.expect(207);
    assert!(listing.text().contains("/holds/") && !listing.text().contains("closed"));
    dav(&fred, "PROPFIND", "/holds/", &[("depth", "0")]).await.expect(207);
    dav(&fred, "PROPFIND", "/holds/", &[("depth", "1")]).await.expect(404);
    dav(&fred, "PROPFIND", "/", &[("depth", "infinity")]).await.expect(404);
    dav(&fred, "PROPFIND", "/", &[]).await.expect(404);
}

/// S53 and S54: nothing that two readers could read differently, in the target or the destination.
#[tokio::test]
async fn odd_paths_and_keys_do_not_pass() {
    let gateway = &shared().await.gateway;
    let jane = gateway.signed_in("jane").await;
    for odd in ["/open%2fb.jpg", "/open%5cb.jpg", "/open/%00", "/open/;x", "/open//b.jpg"] {
        for method in ["GET", "PUT", "PROPFIND", "DELETE"] {
            dav(&jane, method, odd, &[]).await.expect(400);
        }
    }
    for odd in
        ["/open%2fc.jpg", "/open/%2e%2e/c.jpg", "/open/../c.jpg", "/%5cc.jpg", "/c.jpg?x", ""]
    {
        let to = [("destination", odd)];
        let reply = dav(&jane, "MOVE", "/open/b.jpg", &to).await;
        assert_eq!(reply.status, 400, "{odd}");
    }
    dav(&jane, "MOVE", "/open/b.jpg", &[("destination", "/c"), ("destination", "/d")])
        .await
        .expect(400);
    for refused in ["/open/?pw=x", "/open/?PW=x", "/OPEN/?LS", "/open/?move=/x", "/open/b.jpg?k=a"]
    {
        jane.get(refused).await.expect(404);
    }
    for reserved in
        ["/open/_folder.md", "/open/.x", "/open/__y/a.jpg", "/open/b.jpg.xmp", "/.hist/"]
    {
        for method in ["GET", "PUT", "MKCOL", "PROPFIND", "DELETE", "LOCK"] {
            dav(&jane, method, reserved, &[]).await.expect(404);
        }
        dav(&jane, "COPY", "/open/b.jpg", &[("destination", reserved)]).await.expect(404);
    }
    for method in ["POST", "PATCH", "REPORT"] {
        dav(&jane, method, "/open/", &[]).await.expect(405);
    }
}

/// Every write needs a signed-in user, whatever the public role says.
#[tokio::test]
async fn uploads_need_the_right_to_upload() {
    let pair = start(r#"hosts = ["localhost"]"#, "").await;
    let gateway = &pair.gateway;
    let carla = known(gateway, "carla").await;
    let fred = known(gateway, "fred").await;
    let jane = known(gateway, "jane").await;
    put(&carla, "/inbox/new.jpg").await.expect(201);
    put(&carla, "/open/new.jpg").await.expect(403);
    put(&fred, "/open/new.jpg").await.expect(403);
    put(&gateway.client(), "/open/new.jpg").await.expect(401);
    put(&jane, "/holds/closed/new.jpg").await.expect(404);
    put(&jane, "/open/new.jpg").await.expect(201);
    for method in ["MKCOL", "DELETE", "LOCK", "PROPPATCH"] {
        dav(&fred, method, "/open/b.jpg", &[]).await.expect(403);
        dav(&gateway.client(), method, "/open/b.jpg", &[]).await.expect(401);
    }
    dav(&carla, "DELETE", "/inbox/new.jpg", &[]).await.expect(403);
    dav(&jane, "MKCOL", "/open/made/", &[]).await.expect(201);
    let gallery = gateway.config.gallery("site");
    assert!(gallery.join("open/made").is_dir() && gallery.join("inbox/new.jpg").is_file());
    assert!(!gallery.join("holds/closed/new.jpg").exists());
}

/// S54: the destination is authorised like the path.
#[tokio::test]
async fn a_move_needs_both_places() {
    let pair = start(r#"hosts = ["localhost"]"#, "").await;
    let gateway = &pair.gateway;
    let (jane, fred) = (known(gateway, "jane").await, known(gateway, "fred").await);
    let gallery = gateway.config.gallery("site");
    let own = format!("http://localhost:{}", gateway.port);
    let refused = [
        ("/open/b.jpg", format!("{own}/holds/closed/b.jpg"), 404),
        ("/holds/closed/secret.jpg", format!("{own}/open/secret.jpg"), 404),
        ("/open/b.jpg", "http://elsewhere.example/b.jpg".to_owned(), 502),
        ("/open/b.jpg", format!("http://localhost:{}/b.jpg", pair.copyparty.port), 502),
        ("/holds/", format!("{own}/moved/"), 404),
        ("/open/", format!("{own}/holds/"), 404),
        ("/open/", format!("{own}/open/inside/"), 400),
        ("/open/b.jpg", "not an address".to_owned(), 400),
    ];
    for (from, to, status) in &refused {
        for method in ["MOVE", "COPY"] {
            let reply = dav(&jane, method, from, &[("destination", to)]).await;
            assert_eq!(reply.status, *status, "{method} {from} {to}");
        }
    }
    dav(&jane, "DELETE", "/holds/", &[]).await.expect(404);
    dav(&fred, "MOVE", "/open/b.jpg", &[("destination", &format!("{own}/c.jpg"))])
        .await
        .expect(403);
    assert!(gallery.join("open/b.jpg").is_file() && gallery.join("holds/closed").is_dir());
    let to = format!("{own}/inbox/m%20oved.jpg");
    dav(&jane, "MOVE", "/open/b.jpg", &[("destination", &to)]).await.expect(201);
    assert!(gallery.join("inbox/m oved.jpg").is_file() && !gallery.join("open/b.jpg").exists());
    // only who owns the site moves what has rules of its own
    let olivia = known(gateway, "olivia").await;
    let (kept, patience) = (format!("{own}/kept/"), Duration::from_secs(30));
    let moved = eventually(patience, "copyparty lets her move it", async || {
        // while it reads its users anew it refuses whoever it knows already, in words of its own
        let reply = dav(&olivia, "MOVE", "/holds/", &[("destination", &kept)]).await;
        let is_its_own = reply.status == 403 && reply.text().starts_with("<pre>");
        (!is_its_own).then_some(reply)
    });
    moved.await.expect(201);
    assert!(gallery.join("kept/closed/secret.jpg").is_file());
}

/// Below a path every address leads back through the gateway.
#[tokio::test]
async fn a_site_below_a_path_is_whole() {
    let pair = start(r#"path = "/i/family/""#, "/i/family").await;
    let gateway = &pair.gateway;
    let jane = gateway.signed_in("jane").await;
    jane.enter("/i/family/").await;
    become_known(&jane, "/i/family/open/?ls").await;
    let listing = dav(&jane, "PROPFIND", "/i/family/open/", &[("depth", "1")]).await.expect(207);
    assert!(
        listing.text().contains("<D:href>/i/family/open/a%20b.jpg</D:href>"),
        "{}",
        listing.text()
    );
    assert!(jane.open("/i/family/open/").await.expect(200).text().contains("/i/family/.cpr/"));
    jane.get("/i/family/.cpr/w/util.js").await.expect(200);
    let to = format!("http://localhost:{}/i/family/inbox/moved.jpg", gateway.port);
    dav(&jane, "MOVE", "/i/family/open/b.jpg", &[("destination", &to)]).await.expect(201);
    let gallery = gateway.config.gallery("site");
    assert!(gallery.join("inbox/moved.jpg").is_file());
    let outside = format!("http://localhost:{}/inbox/moved.jpg", gateway.port);
    let reply = dav(&jane, "MOVE", "/i/family/open/a%20b.jpg", &[("destination", &outside)]).await;
    reply.expect(502);
}
