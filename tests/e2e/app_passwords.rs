//! App passwords, as programs show them (line 7 of what the portal promises; requirement S17).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pretty_assertions::assert_eq;
use vestibule_tests::{Client, ConfigDir, Gateway, Reply, password, pictures};

use crate::copyparty::{Pair, dav, known, start};

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

/// A program that shows a name and a password with each request.
struct Program {
    client: Client,
    authorization: String,
}

impl Program {
    fn new(gateway: &Gateway, name: &str, password: &str) -> Self {
        Self { client: gateway.client(), authorization: basic(name, password) }
    }

    async fn send(&self, method: &str, target: &str, more: &[(&str, &str)]) -> Reply {
        let mut headers = vec![("authorization", self.authorization.as_str())];
        headers.extend_from_slice(more);
        dav(&self.client, method, target, &headers).await
    }

    async fn get(&self, target: &str) -> Reply {
        self.send("GET", target, &[]).await
    }

    async fn put(&self, target: &str) -> Reply {
        let request = self.client.request(http::Method::PUT, target);
        let request = request.header("authorization", &self.authorization);
        Reply::to(request.body(pictures::jpeg(30, 20))).await
    }

    /// What it was told, and how.
    fn is_challenged(reply: &Reply) {
        assert_eq!(reply.status, 401, "{}", reply.text());
        assert!(reply.header("www-authenticate").starts_with("Basic realm=\"vestibule\""));
        assert_eq!(
            (reply.header("location"), reply.header("content-type")),
            ("", "application/json")
        );
        assert_eq!(reply.all("set-cookie"), Vec::<&str>::new());
    }
}

async fn pair() -> Pair {
    start(r#"hosts = ["localhost"]"#, "").await
}

/// S17: each scope does what it says, and none of it where its owner may not.
#[tokio::test]
async fn scopes_hold() {
    let pair = pair().await;
    let gateway = &pair.gateway;
    let jane = known(gateway, "jane").await;
    let read = jane.app_password((&password("jane"), "read"), &[]).await;
    let webdav = jane.app_password((&password("jane"), "webdav"), &[]).await;
    let all = jane.app_password((&password("jane"), "all"), &[]).await;
    let [read, webdav, all] = [&read, &webdav, &all].map(|pw| Program::new(gateway, "jane", pw));
    for program in [&read, &webdav, &all] {
        let picture = program.get("/open/b.jpg").await.expect(200);
        assert_eq!(picture.body, pictures::jpeg(60, 40));
        program.send("PROPFIND", "/open/", &[("depth", "1")]).await.expect(207);
        program.get("/holds/closed/secret.jpg").await.expect(404);
        assert!([403, 404].contains(&program.put("/holds/closed/x.jpg").await.status));
    }
    let refused = read.put("/open/new.jpg").await.expect(403);
    assert_eq!(refused.json()["error"], "app_password_bounds");
    for method in ["DELETE", "MKCOL", "LOCK", "PROPPATCH"] {
        read.send(method, "/open/b.jpg", &[]).await.expect(403);
    }
    let to = [("destination", "/inbox/b.jpg")];
    read.send("MOVE", "/open/b.jpg", &to).await.expect(403);
    webdav.put("/open/webdav.jpg").await.expect(201);
    all.put("/open/all.jpg").await.expect(201);
    let page = [("accept", "text/html")];
    webdav.send("GET", "/open/", &page).await.expect(403);
    all.send("GET", "/open/", &page).await.expect(200);
    let gallery = gateway.config.gallery("site");
    assert!(gallery.join("open/webdav.jpg").is_file() && gallery.join("open/b.jpg").is_file());
    assert!(!gallery.join("open/new.jpg").exists());
    assert!(!gallery.join("holds/closed/x.jpg").exists());
    // whose it is may look only
    let fred = known(gateway, "fred").await.app_password((&password("fred"), "all"), &[]).await;
    Program::new(gateway, "fred", &fred).put("/open/fred.jpg").await.expect(403);
}

#[tokio::test]
async fn one_of_a_folder_reaches_nothing_beside_it() {
    let pair = pair().await;
    let gateway = &pair.gateway;
    let jane = known(gateway, "jane").await;
    let bound = jane
        .app_password((&password("jane"), "all"), &[("site", "site"), ("folder", "/open")])
        .await;
    let program = Program::new(gateway, "jane", &bound);
    program.get("/open/b.jpg").await.expect(200);
    program.send("PROPFIND", "/open/", &[("depth", "1")]).await.expect(207);
    program.put("/open/new.jpg").await.expect(201);
    program.put("/inbox/new.jpg").await.expect(403);
    program.get("/top.jpg").await.expect(403);
    // it can't tell what is there
    let (there, missing) = (program.get("/inbox/x.jpg").await, program.get("/none.jpg").await);
    assert_eq!(there.looks(), missing.looks());
    for (from, to) in [("/open/b.jpg", "/inbox/b.jpg"), ("/inbox/x.jpg", "/open/x.jpg")] {
        program.send("COPY", from, &[("destination", to)]).await.expect(403);
    }
    let elsewhere = jane.app_password((&password("jane"), "all"), &[("site", "elsewhere")]).await;
    let elsewhere = Program::new(gateway, "jane", &elsewhere);
    Program::is_challenged(&elsewhere.get("/open/b.jpg").await);
}

/// Complaint 5 of those who mount galleries: 401 with a challenge, never a redirect or a page.
#[tokio::test]
async fn a_wrong_one_is_challenged_and_never_led_elsewhere() {
    let pair = pair().await;
    let gateway = &pair.gateway;
    let right = known(gateway, "jane").await.app_password((&password("jane"), "all"), &[]).await;
    // each character is another one
    let wrong: String =
        right.chars().map(|c| if c == '-' || c == '0' { '1' } else { '0' }).collect();
    for (name, password) in [
        ("jane", wrong.as_str()),
        ("jane", ""),
        ("fred", &right),
        ("nobody", &right),
        ("", &right),
        // the account's own password opens nothing here
        ("jane", &password("jane")),
    ] {
        let program = Program::new(gateway, name, password);
        for (method, accept) in [
            ("GET", "*/*"),
            ("GET", "text/html"),
            ("PROPFIND", "*/*"),
            ("PUT", "*/*"),
            ("OPTIONS", "*/*"),
        ] {
            // an open folder, too: a wrong credential is not an absent one
            let reply = program.send(method, "/open/", &[("accept", accept)]).await.expect(401);
            assert!(reply.header("www-authenticate").starts_with("Basic realm="), "{name}");
            assert_eq!(reply.header("location"), "");
        }
        Program::is_challenged(&program.get("/open/b.jpg").await);
    }
    Program::new(gateway, "jane", &right).get("/open/b.jpg").await.expect(200);
}

/// S17: what changes passwords and manages things takes none. S8: nor what a page of somebody
/// else's makes a browser send.
#[tokio::test]
async fn neither_the_portal_nor_a_page_of_somebody_else_can_use_one() {
    let pair = pair().await;
    let gateway = &pair.gateway;
    let olivia =
        known(gateway, "olivia").await.app_password((&password("olivia"), "all"), &[]).await;
    let program = Program::new(gateway, "olivia", &olivia);
    program.get("/open/b.jpg").await.expect(200);
    for page in ["/_vestibule/", "/_vestibule/account", "/_vestibule/account/app-passwords"] {
        for accept in ["*/*", "text/html"] {
            program.send("GET", page, &[("accept", accept)]).await.expect(401);
        }
    }
    program.send("POST", "/_vestibule/account/password", &[]).await.expect(401);
    for site in ["cross-site", "same-site"] {
        let from = [("sec-fetch-site", site), ("sec-fetch-mode", "no-cors")];
        program.send("GET", "/open/b.jpg", &from).await.expect(401);
        program.send("DELETE", "/open/b.jpg", &from).await.expect(401);
    }
    assert!(gateway.config.gallery("site").join("open/b.jpg").is_file());
}

/// S6: from the page and from the command line, in force for the next request.
#[tokio::test]
async fn a_revoked_one_is_nothing_from_the_next_request_on() {
    let pair = pair().await;
    let gateway = &pair.gateway;
    let jane = known(gateway, "jane").await;
    let (first, second) = (
        jane.app_password((&password("jane"), "all"), &[]).await,
        jane.app_password((&password("jane"), "read"), &[]).await,
    );
    let (first, second) =
        (Program::new(gateway, "jane", &first), Program::new(gateway, "jane", &second));
    first.get("/open/b.jpg").await.expect(200);
    second.get("/open/b.jpg").await.expect(200);
    let listed = gateway.config.run(&["users", "app-passwords", "ls", "jane", "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed.expect(0).out).unwrap();
    assert_eq!(
        (listed[0]["scope"].as_str(), listed[1]["scope"].as_str()),
        (Some("all"), Some("read"))
    );
    assert_eq!(listed[0]["client"], "127.0.0.1");
    let number = &listed[0]["id"].to_string();
    let page = "/_vestibule/account/app-passwords";
    let fields = [("app_password", number.as_str())];
    let portal = jane.at_portal();
    portal.submit(page, "/_vestibule/account/app-passwords/revoke", &fields).await.expect(303);
    Program::is_challenged(&first.get("/open/b.jpg").await);
    second.get("/open/b.jpg").await.expect(200);
    let rm = ["users", "app-passwords", "rm", "jane", "--all"];
    assert_eq!(gateway.config.run(&rm).code, 2, "nobody there to be asked");
    gateway.config.run(&[&rm[..], &["--dry-run"]].concat()).expect(0);
    second.get("/open/b.jpg").await.expect(200);
    gateway.config.run(&[&rm[..], &["--yes"]].concat()).expect(0);
    Program::is_challenged(&second.get("/open/b.jpg").await);
    assert_eq!(gateway.config.run(&["users", "app-passwords", "ls", "nobody"]).code, 3);
    let missing = ["users", "app-passwords", "rm", "jane", "7", "--yes"];
    assert_eq!(gateway.config.run(&missing).code, 3);
}

/// Disabled for the cluster or one site.
#[tokio::test]
async fn a_site_may_do_without_them() {
    let site = |name: &str, more: &str| format!("path = \"/i/{name}/\"\n{more}");
    let off = "disable_features = [\"app-passwords\"]\n";
    let permissions = "default_authenticated_role = \"viewer\"\n";
    let config = ConfigDir::new().with_site("with", &site("with", ""), permissions).with_site(
        "without",
        &site("without", off),
        permissions,
    );
    let gateway = Gateway::start(config).await;
    let jane = gateway.signed_in("jane").await.app_password((&password("jane"), "all"), &[]).await;
    let program = Program::new(&gateway, "jane", &jane);
    program.get("/i/with/").await.expect(200);
    program.get("/i/without/").await.expect(401);
    let config = ConfigDir::new().with_site("with", &site("with", ""), permissions);
    let gateway = Gateway::start(config.with_gateway(off)).await;
    let jane = gateway.signed_in("jane").await;
    let page = jane.at_portal().open("/_vestibule/account/app-passwords").await.expect(200);
    assert!(page.text().contains("switched them off") && !page.text().contains("Make it"));
    Program::new(&gateway, "jane", &"0".repeat(28)).get("/i/with/").await.expect(401);
}
