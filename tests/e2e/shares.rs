//! Share links, as those meet them who make, open and lose them (complaint 2 of those who share
//! galleries: the page that opens must work with every request that it makes).

use std::collections::BTreeSet;

use pretty_assertions::assert_eq;
use reqwest::Method;
use vestibule_tests::{Client, ConfigDir, Gateway, Reply, Run};

/// Closed to strangers: olivia owns it, jane owns a folder, carla is a guest.
const PERMISSIONS: &str = "[roles.watch]\npermissions = { can_view = true }\n\
    [roles.writes]\npermissions = { can_view = true, can_set_picks = true }\n\
    [[user_roles]]\nusername = \"olivia\"\nroles = [\"admin\"]\n\
    [[user_roles]]\nusername = \"fred\"\nroles = [\"watch\"]\n\
    [[user_roles]]\nusername = \"carla\"\nroles = [\"guest\"]\n";

/// A folder with rules of its own, which jane owns.
const OWNED: &str = "+++\nhidden_images = [\"secret.jpg\"]\n[permissions.roles.boss]\n\
    permissions = { owner_access = true }\n[[permissions.user_roles]]\nusername = \"jane\"\n\
    roles = [\"boss\"]\n+++\n";

async fn started() -> Gateway {
    let config = ConfigDir::new().with_sample_site("gallery", r#"hosts = ["localhost"]"#);
    config.write("config.d/sites/gallery/permissions.toml", PERMISSIONS);
    let picture = std::fs::read(config.gallery("gallery").join("landscapes/still-lake.jpg"));
    let picture = picture.unwrap();
    config.put("gallery", "landscapes/owned/_folder.md", OWNED);
    for name in ["landscapes/owned/a.jpg", "landscapes/owned/secret.jpg", "other/b.jpg"] {
        config.put("gallery", name, &picture);
    }
    Gateway::start(config).await
}

/// Runs `cluster shares add`.
fn add(gateway: &Gateway, maker: &str, path: &str, more: &[&str]) -> Run {
    let mut arguments =
        vec!["cluster", "shares", "add", "--site", "gallery", "--as", maker, "--path", path];
    arguments.extend_from_slice(more);
    gateway.config.run(&arguments)
}

/// Makes a link, and gives its path.
fn link(gateway: &Gateway, maker: &str, path: &str, more: &[&str]) -> String {
    let said = add(gateway, maker, path, more).expect(0).out;
    path_of(&said)
}

/// The path of the link that the last line tells.
fn path_of(said: &str) -> String {
    let (_, token) = said.trim_end().rsplit_once("/_vestibule/s/").unwrap();
    format!("/_vestibule/s/{token}")
}

/// Opens a link, and says where it leads.
async fn follow(client: &Client, link: &str) -> String {
    client.submit(link, link, &[]).await.expect(303).header("location").to_owned()
}

/// Opens a page as a browser does that goes by way of the portal where it is sent there.
async fn visit(client: &Client, page: &str) -> Reply {
    let mut reply = client.open(page).await;
    for _ in 0..8 {
        if reply.status != 303 {
            break;
        }
        let next = reply.header("location").to_owned();
        reply = client.open(&next).await;
    }
    reply
}

/// What a page makes the browser fetch, and what it links to.
fn requests_of(html: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let values = |name: &str| {
        let mark = format!(" {name}=\"");
        let parts = html.split(&mark).skip(1);
        let values =
            parts.filter_map(|rest| rest.split('"').next()).map(|v| v.replace("&amp;", "&"));
        values.collect::<BTreeSet<String>>()
    };
    let srcset = values("srcset");
    let sets = srcset
        .iter()
        .flat_map(|set| set.split(','))
        .filter_map(|one| one.split_whitespace().next());
    let mut fetched: BTreeSet<String> = sets.map(str::to_owned).collect();
    fetched.extend(values("src"));
    let links = values("href");
    fetched.extend(links.iter().filter(|link| link.contains(".css")).cloned());
    let here = |link: &String| link.starts_with('/') && !link.starts_with("/_vestibule/");
    let links = links.into_iter().filter(here).collect();
    (fetched.into_iter().filter(here).collect(), links)
}

/// Everything that can be reached from a page, each once: all that it fetches must be there.
async fn walk(client: &Client, start: &str, below: &[&str]) -> (usize, usize) {
    let (mut seen, mut fetched) = (BTreeSet::new(), BTreeSet::new());
    let mut waiting = vec![start.to_owned()];
    while let Some(page) = waiting.pop() {
        if !seen.insert(page.clone()) {
            continue;
        }
        let reply = client.open(&page).await.expect(200);
        if !reply.header("content-type").starts_with("text/html") {
            continue;
        }
        let (requests, links) = requests_of(reply.text());
        for request in requests {
            if fetched.insert(request.clone()) {
                let reply = client.get(&request).await;
                assert_eq!(reply.status, 200, "{page} asks for {request}");
            }
        }
        waiting.extend(links.into_iter().filter(|link| below.iter().any(|b| link.starts_with(b))));
    }
    (seen.len(), fetched.len())
}

/// Complaint 2.
#[tokio::test]
async fn everything_that_a_shared_page_asks_for_is_there() {
    let gateway = started().await;
    let link = link(&gateway, "olivia", "/landscapes/", &["--label", "The Alps & more"]);
    let client = gateway.client();
    let page = client.open(&link).await.expect(200);
    assert!(page.text().contains("The Alps"), "{}", page.text());
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert!(page.header("cache-control").contains("no-store"));
    client.open("/browse/landscapes/").await.expect(303);
    let there = follow(&client, &link).await;
    assert_eq!(there, "/browse/landscapes/");
    let below = ["/browse/landscapes/", "/view/landscapes/"];
    let (pages, fetched) = walk(&client, &there, &below).await;
    assert!(pages > 5 && fetched > 5, "{pages} pages, {fetched} requests");
    client.get("/api/folders/landscapes/").await.expect(200);
    client.get("/api/images/landscapes/still-lake.jpg").await.expect(200);
    for (size, status) in [("thumbnail", 200), ("gallery", 200), ("medium", 200), ("large", 200)] {
        let target = format!("/image/landscapes/still-lake.jpg?size={size}");
        client.get(&target).await.expect(status);
    }
    // the role of links takes no originals
    client.get("/image/landscapes/still-lake.jpg?size=original").await.expect(401);
    assert!(!gateway.log().contains(link.rsplit('/').next().unwrap()), "the token is in the log");
}

#[tokio::test]
async fn what_is_beside_and_above_stays_closed() {
    let gateway = started().await;
    let client = gateway.client();
    follow(&client, &link(&gateway, "olivia", "/landscapes/", &[])).await;
    for page in ["/", "/browse/other/", "/browse/family/", "/browse/landscapes/owned/"] {
        let sent = client.open(page).await;
        let stranger = gateway.client().open(page).await;
        assert_eq!(sent.status, 303, "{page}");
        assert_eq!(sent.header("location"), stranger.header("location"), "{page}");
    }
    for picture in ["other/b.jpg", "landscapes/owned/a.jpg", "landscapes/unfinished.jpg"] {
        client.get(&format!("/image/{picture}?size=thumbnail")).await.expect(401);
    }
    let listing = client.get("/api/folders/landscapes/").await.expect(200);
    assert!(!listing.text().contains("unfinished"), "{}", listing.text());
    assert!(!listing.text().contains("/owned/"), "{}", listing.text());
}

#[tokio::test]
async fn an_image_is_shared_alone() {
    let gateway = started().await;
    let client = gateway.client();
    let there = follow(&client, &link(&gateway, "olivia", "/landscapes/still-lake.jpg", &[])).await;
    assert_eq!(there, "/view/landscapes/still-lake.jpg");
    walk(&client, &there, &["/view/landscapes/still-lake.jpg"]).await;
    client.open("/browse/landscapes/").await.expect(303);
    client.get("/image/landscapes/aurora.jpg?size=thumbnail").await.expect(401);
}

/// A folder's owner shares what is in it; hidden pictures stay so.
#[tokio::test]
async fn a_folders_owner_shares_it() {
    let gateway = started().await;
    let client = gateway.client();
    let link = link(&gateway, "jane", "/landscapes/owned/", &[]);
    assert_eq!(follow(&client, &link).await, "/browse/landscapes/owned/");
    client.get("/image/landscapes/owned/a.jpg?size=large").await.expect(200);
    client.get("/image/landscapes/owned/secret.jpg?size=thumbnail").await.expect(401);
    client.open("/browse/landscapes/").await.expect(303);
    let outside = add(&gateway, "jane", "/landscapes/", &[]).expect(2);
    assert!(outside.err.contains("only an owner"), "{}", outside.err);
}

#[tokio::test]
async fn who_may_not_share_is_told_why() {
    let gateway = started().await;
    for (maker, role, says) in [
        ("fred", "visitor", "only an owner"),
        ("olivia", "writes", "never writes"),
        ("olivia", "admin", "owner_access"),
        ("olivia", "nosuch", "no role"),
    ] {
        let refused = add(&gateway, maker, "/landscapes/", &["--role", role]).expect(2);
        assert!(refused.err.contains(says), "{}", refused.err);
    }
    add(&gateway, "nobody", "/landscapes/", &[]).expect(3);
    let bad = add(&gateway, "olivia", "/landscapes/", &["--expires", "soon"]).expect(2);
    assert!(bad.err.contains("`soon` is no time"), "{}", bad.err);
    let dry = add(&gateway, "olivia", "/landscapes/", &["--dry-run"]).expect(0);
    assert!(dry.out.starts_with("would share"), "{}", dry.out);
    let list = gateway.config.run(&["cluster", "shares", "ls", "--format", "json"]).expect(0);
    assert_eq!(list.out.trim(), "[]");
}

#[tokio::test]
async fn a_link_may_ask_for_a_password() {
    let gateway = started().await;
    let mut all = vec!["cluster", "shares", "add", "--site", "gallery", "--as", "olivia"];
    let config = gateway.config.path().to_str().unwrap();
    all.extend(["--path", "/landscapes/", "--password-stdin", "--config", config]);
    let said = Run::vestibule(&all, "open sesame\n").expect(0).out;
    let link = path_of(&said);
    let client = gateway.client();
    let page = client.open(&link).await.expect(200);
    assert!(page.text().contains(r#"type="password""#), "{}", page.text());
    for wrong in ["", "open"] {
        client.submit(&link, &link, &[("password", wrong)]).await.expect(403);
    }
    client.open("/browse/landscapes/").await.expect(303);
    client.submit(&link, &link, &[("password", "open sesame")]).await.expect(303);
    client.open("/browse/landscapes/").await.expect(200);
}

/// Twenty browsers at once, five openings: five get in. To look at it uses none up.
#[tokio::test]
async fn no_more_get_in_than_the_link_has_uses() {
    let gateway = started().await;
    let link = link(&gateway, "olivia", "/landscapes/", &["--uses", "5"]);
    let origin = format!("http://localhost:{}", gateway.port);
    let mut tasks = Vec::new();
    for _ in 0..20 {
        let browser = gateway.client();
        let page = browser.open(&link).await.expect(200);
        let token = page.text().split("name=\"form_token\" value=\"").nth(1).unwrap();
        let token = token.split('"').next().unwrap().to_owned();
        let request = browser.request(Method::POST, &link).header("origin", &origin);
        tasks.push(async move {
            let opened = Reply::to(request.form(&[("form_token", token)])).await.status;
            (opened, browser.open("/browse/landscapes/").await.status)
        });
    }
    let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    let let_in = answers.iter().filter(|(opened, _)| *opened == 303).count();
    assert_eq!(let_in, 5, "{answers:?}");
    assert!(answers.iter().all(|(opened, seen)| (*opened == 303) == (*seen == 200)), "{answers:?}");
    gateway.client().open(&link).await.expect(404);
}

/// S74. What ends a link is in force for the next request of whoever opened it.
#[tokio::test]
async fn a_revoked_link_ends_at_once_and_no_other() {
    let gateway = started().await;
    let client = gateway.client();
    let one = link(&gateway, "olivia", "/landscapes/", &[]);
    let other = link(&gateway, "olivia", "/other/", &[]);
    follow(&client, &one).await;
    follow(&client, &other).await;
    client.open("/browse/landscapes/").await.expect(200);
    client.open("/browse/other/").await.expect(200);
    gateway.config.run(&["cluster", "shares", "rm", "1", "--yes"]).expect(0);
    client.open("/browse/landscapes/").await.expect(303);
    client.get("/image/landscapes/still-lake.jpg?size=thumbnail").await.expect(401);
    client.open("/browse/other/").await.expect(200);
    let unknown = format!("/_vestibule/s/{}", "A".repeat(43));
    let looks = |reply: Reply| (reply.status, reply.text().to_owned());
    let revoked = looks(client.open(&one).await);
    assert_eq!(revoked.0, 404);
    assert_eq!(revoked, looks(client.open(&unknown).await), "nobody can tell them apart");
    gateway.config.run(&["cluster", "shares", "rm", "1", "--yes"]).expect(3);
}

#[tokio::test]
async fn a_link_ends_with_its_makers_right() {
    let gateway = started().await;
    let client = gateway.client();
    let link = link(&gateway, "jane", "/landscapes/owned/", &[]);
    follow(&client, &link).await;
    client.open("/browse/landscapes/owned/").await.expect(200);
    let demoted = OWNED.replace("owner_access = true", "can_view = true");
    gateway.config.put("gallery", "landscapes/owned/_folder.md", &demoted);
    let wait = std::time::Duration::from_secs(30);
    vestibule_tests::eventually(wait, "the link ends", async || {
        (client.open("/browse/landscapes/owned/").await.status == 303).then_some(())
    })
    .await;
    client.open(&link).await.expect(404);
}

/// Who is signed in keeps the access with the account, and a guest's own role counts there.
#[tokio::test]
async fn a_guest_keeps_what_was_shared() {
    let gateway = started().await;
    let carla = gateway.signed_in("carla").await;
    visit(&carla, "/browse/landscapes/").await.expect(404);
    let link = link(&gateway, "olivia", "/landscapes/", &["--uses", "1"]);
    follow(&carla, &link).await;
    visit(&carla, "/browse/landscapes/").await.expect(200);
    let elsewhere = gateway.signed_in("carla").await;
    visit(&elsewhere, "/browse/landscapes/").await.expect(200);
    // `guest` may take the folder as an archive, which the role of links may not
    elsewhere.get("/zip/landscapes/").await.expect(200);
    elsewhere.open("/browse/other/").await.expect(404);
    gateway.config.run(&["cluster", "shares", "rm", "1", "--yes"]).expect(0);
    elsewhere.open("/browse/landscapes/").await.expect(404);
}

/// Another site's links are nothing here; a site below a path shows its links at the portal's host.
#[tokio::test]
async fn a_link_opens_at_its_sites_place() {
    let config = ConfigDir::new()
        .with_sample_site("gallery", r#"hosts = ["gallery.localhost"]"#)
        .with_sample_site("path", r#"path = "/i/path/""#);
    for site in ["gallery", "path"] {
        config.write(&format!("config.d/sites/{site}/permissions.toml"), PERMISSIONS);
    }
    let gateway = Gateway::start(config).await;
    let add = ["cluster", "shares", "add", "--site", "path", "--as", "olivia", "--path"];
    let mut all = add.to_vec();
    all.push("/landscapes/");
    let said = gateway.config.run(&all).expect(0).out;
    let link = path_of(&said);
    let client = gateway.client();
    assert_eq!(follow(&client, &link).await, "/i/path/browse/landscapes/");
    client.open("/i/path/browse/landscapes/").await.expect(200);
    let elsewhere = gateway.client_at("gallery.localhost");
    elsewhere.open(&link).await.expect(404);
    elsewhere.open("/browse/landscapes/").await.expect(303);
}
