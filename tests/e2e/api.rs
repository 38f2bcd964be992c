//! The JSON API of management, as administrators, owners, everybody else and attackers meet it.

use std::fs;

use pretty_assertions::assert_eq;
use reqwest::Method;
use serde_json::{Value, json};
use vestibule_tests::{Client, ConfigDir, Gateway, Reply, Run, password};

const API: &str = "/_vestibule/api/v1";

/// Closed to strangers; olivia owns it, fred is a manager, a file gives carla a role.
const PERMISSIONS: &str = "[roles.watch]\npermissions = { can_view = true }\n\
    [[user_roles]]\nusername = \"olivia\"\nroles = [\"admin\"]\n\
    [[user_roles]]\nusername = \"fred\"\nroles = [\"manager\"]\n";
const GRANTS: &str = "[[grants]]\nuser = \"carla\"\nrole = \"watch\"\n";

/// The configuration, with the administrator `ada`.
pub(crate) fn managed() -> ConfigDir {
    let config = ConfigDir::new().with_sample_site("gallery", r#"hosts = ["localhost"]"#);
    config.write("config.d/sites/gallery/permissions.toml", PERMISSIONS);
    config.write("config.d/sites/gallery/grants.toml", GRANTS);
    let folder = config.path().to_str().unwrap();
    let add = ["users", "add", "ada", "--role", "cluster_admin", "--password-stdin"];
    let add = [add.as_slice(), &["--config", folder]].concat();
    Run::vestibule(&add, &password("ada")).expect(0);
    config
}

async fn started() -> Gateway {
    Gateway::start(managed()).await
}

/// A request as a script sends it.
async fn send(client: &Client, method: Method, path: &str, body: Option<Value>) -> Reply {
    let mut request = client.at_portal().request(method, &format!("{API}{path}"));
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    Reply::to(request).await
}

async fn get(client: &Client, path: &str) -> Reply {
    send(client, Method::GET, path, None).await
}

/// The items of a list.
async fn items(client: &Client, path: &str) -> Value {
    get(client, path).await.expect(200).json()["items"].clone()
}

/// A failure says so in JSON, with its status, and never sends anybody elsewhere.
#[track_caller]
fn problem(reply: &Reply, status: u16) -> String {
    let reply = reply.clone().expect(status);
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(reply.header("location"), "");
    assert_eq!(reply.header("cache-control"), "no-store");
    let document = reply.json();
    assert_eq!(document["status"], status);
    document["detail"].as_str().unwrap().to_owned()
}

/// S17, S85: a session of the portal that Cedar lets manage, and nothing else.
#[tokio::test]
async fn strangers_and_ordinary_users_manage_nothing() {
    let gateway = started().await;
    let stranger = gateway.client();
    let jane = gateway.signed_in("jane").await;
    for path in
        ["/users", "/users/jane", "/grants", "/nodes", "/nodes/nowhere", "/shares", "/review"]
    {
        problem(&get(&stranger, path).await, 401);
        problem(&get(&jane, path).await, 403);
    }
    for client in [&stranger, &jane] {
        let status = if std::ptr::eq(client, &stranger) { 401 } else { 403 };
        let new = json!({ "user": "eve", "role": "cluster_admin" });
        problem(&send(client, Method::POST, "/users", Some(new)).await, status);
        problem(&send(client, Method::DELETE, "/users/jane", None).await, status);
        let role = json!({ "role": "cluster_admin" });
        problem(&send(client, Method::PATCH, "/users/jane", Some(role)).await, status);
    }
    // a name and a password are no session, whatever they are worth elsewhere
    let basic = stranger.request(Method::GET, &format!("{API}/users"));
    let basic = Reply::to(basic.basic_auth("ada", Some(password("ada")))).await;
    let basic = basic.expect(401);
    assert_eq!(basic.header("content-type"), "application/json");
    assert_ne!(basic.header("www-authenticate"), "");
    let log = fs::read_to_string(gateway.config.at("state/audit.jsonl")).unwrap();
    let denied = log.lines().filter(|line| line.contains("request_denied"));
    assert!(denied.clone().any(|line| line.contains("manage_users")), "{log}");
}

/// S85: what changes something comes from a page of this origin, and is said to be JSON.
#[tokio::test]
async fn other_sites_change_nothing() {
    let gateway = started().await;
    let ada = gateway.signed_in("ada").await;
    let new = json!({ "user": "eve" }).to_string();
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
    ] {
        let post = ada.request(Method::POST, &format!("{API}/users")).header(name, value);
        let post = post.header("content-type", "application/json").body(new.clone());
        problem(&Reply::to(post).await, 403);
        let remove = ada.request(Method::DELETE, &format!("{API}/users/jane")).header(name, value);
        problem(&Reply::to(remove).await, 403);
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let post = ada.request(Method::POST, &format!("{API}/users")).header("content-type", kind);
        problem(&Reply::to(post.body(new.clone())).await, 415);
    }
    let names = items(&ada, "/users").await.to_string();
    assert!(!names.contains("eve") && names.contains("jane"), "{names}");
    let here = ada.request(Method::POST, &format!("{API}/users"));
    let here = here.header("origin", ada.origin()).header("sec-fetch-site", "same-origin");
    let here = here.header("content-type", "application/json; charset=utf-8").body(new);
    Reply::to(here).await.expect(201);
}

#[tokio::test]
async fn what_is_no_request_is_told_so() {
    let gateway = started().await;
    let ada = gateway.signed_in("ada").await;
    for (method, path, body, status) in [
        (Method::GET, "/nothing", None, 404),
        (Method::GET, "/users/nobody", None, 404),
        (Method::GET, "/users?limit=0", None, 400),
        (Method::GET, "/users?limit=1001", None, 400),
        (Method::GET, "/users?nosuch=1", None, 400),
        (Method::GET, "/users?limit=1&limit=2", None, 400),
        (Method::GET, "/grants?node=a/b", None, 400),
        (Method::GET, "/grants?node=nowhere", None, 404),
        (Method::PUT, "/users", None, 405),
        (Method::DELETE, "/users/jane/sessions/x", None, 404),
        (Method::DELETE, "/users/jane/sessions/1?dry_run=perhaps", None, 400),
        (Method::POST, "/users", Some(json!({})), 422),
        (Method::POST, "/users", Some(json!({ "user": "x", "nosuch": 1 })), 422),
        (Method::POST, "/users", Some(json!({ "user": "x", "password": "short" })), 422),
        (Method::POST, "/users", Some(json!({ "user": "JANE" })), 409),
        (Method::PATCH, "/users/jane", Some(json!({})), 422),
        (Method::POST, "/grants", Some(json!({ "user": "nobody", "node": "gallery" })), 404),
        (Method::POST, "/grants", Some(json!({ "user": "jane", "node": "galery" })), 404),
        (
            Method::POST,
            "/grants",
            Some(json!({ "user": "jane", "node": "gallery", "role": "vewer" })),
            422,
        ),
        (Method::POST, "/grants", Some(json!({ "user": "carla", "node": "gallery" })), 409),
    ] {
        let reply = send(&ada, method.clone(), path, body.clone()).await;
        assert_eq!(reply.status, status, "{method} {path} {body:?}: {}", reply.text());
        let said = problem(&reply, status);
        assert!(!said.is_empty());
        if status == 405 {
            assert!(reply.header("allow").contains("POST"), "{:?}", reply.headers);
        }
        if path == "/grants" && status == 409 {
            assert!(said.contains("config.d/sites/gallery/grants.toml:1"), "{said}");
        }
    }
    let broken = ada.request(Method::POST, &format!("{API}/users"));
    let broken = broken.header("content-type", "application/json").body("{\"user\":");
    problem(&Reply::to(broken).await, 400);
    let large = json!({ "user": "x".repeat(20_000) });
    problem(&send(&ada, Method::POST, "/users", Some(large)).await, 413);
}

/// S74: in force for the first request that begins after the answer, each time.
#[tokio::test]
async fn a_change_is_in_force_when_the_answer_is_there() {
    let gateway = started().await;
    let ada = gateway.signed_in("ada").await;
    let jane = gateway.signed_in("jane").await;
    let target = "/image/landscapes/still-lake.jpg?size=thumbnail";
    let grant = json!({ "user": "jane", "node": "gallery", "role": "watch" });
    send(&ada, Method::POST, "/grants", Some(grant.clone())).await.expect(201);
    jane.enter("/").await;
    for round in 0..50 {
        assert_eq!(jane.get(target).await.status, 200, "granted, round {round}");
        let revoke = "/grants?user=jane&node=gallery";
        send(&ada, Method::DELETE, revoke, None).await.expect(200);
        assert_eq!(jane.get(target).await.status, 404, "revoked, round {round}");
        send(&ada, Method::POST, "/grants", Some(grant.clone())).await.expect(201);
    }
    send(&ada, Method::POST, "/grants", Some(grant)).await.expect(200);
    // S6: an administrator ends all sessions of somebody
    assert_eq!(items(&ada, "/users/jane/sessions").await.as_array().unwrap().len(), 2);
    let ended = send(&ada, Method::DELETE, "/users/jane/sessions", None).await.expect(200).json();
    assert_eq!(ended["changed"], true, "{ended}");
    jane.get(target).await.expect(401);
    let jane = gateway.signed_in("jane").await;
    jane.get(target).await.expect(200);
    let disable = json!({ "state": "disabled" });
    send(&ada, Method::PATCH, "/users/jane", Some(disable)).await.expect(200);
    jane.get(target).await.expect(401);
    jane.at_portal().try_sign_in("jane", &password("jane")).await.expect(403);
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let gateway = started().await;
    let ada = gateway.signed_in("ada").await;
    let all = async || {
        let mut seen = Vec::new();
        for path in ["/users", "/grants", "/group-mappings", "/shares", "/users/jane/sessions"] {
            seen.push(items(&ada, path).await);
        }
        seen
    };
    gateway.signed_in("jane").await;
    let group = json!({ "node": "gallery", "group": "staff", "role": "watch" });
    send(&ada, Method::POST, "/group-mappings", Some(group)).await.expect(201);
    let share = json!({ "node": "gallery", "path": "/", "maker": "olivia" });
    let made = send(&ada, Method::POST, "/shares", Some(share.clone())).await.expect(201).json();
    let link = format!("/shares/{}", made["item"]["id"]);
    let before = all().await;
    for (method, path, body) in [
        (Method::POST, "/users", Some(json!({ "user": "eve" }))),
        (Method::PATCH, "/users/jane", Some(json!({ "role": "cluster_admin" }))),
        (Method::DELETE, "/users/jane", None),
        (
            Method::PUT,
            "/users/jane/password",
            Some(json!({ "password": "a long enough pass phrase" })),
        ),
        (Method::DELETE, "/users/jane/sessions", None),
        (Method::POST, "/grants", Some(json!({ "user": "jane", "node": "gallery" }))),
        (Method::DELETE, "/group-mappings?node=gallery&group=staff", None),
        (Method::POST, "/shares", Some(share)),
        (Method::DELETE, link.as_str(), None),
    ] {
        let sign = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{sign}dry_run=true");
        let said = send(&ada, method, &path, body).await.expect(200).json();
        assert_eq!(said["dry_run"], true, "{path}: {said}");
        assert!(said["summary"].as_str().unwrap().starts_with("would "), "{path}: {said}");
    }
    assert_eq!(all().await, before);
}

/// The command line and the API are two faces of one room.
#[tokio::test]
async fn the_command_line_says_the_same() {
    let gateway = started().await;
    let ada = gateway.signed_in("ada").await;
    let run = |arguments: &[&str]| {
        gateway.config.run(&[arguments, &["--format", "json"]].concat()).expect(0).json()
    };
    let group = json!({ "node": "gallery", "group": "cn=Staff,dc=example", "role": "watch" });
    send(&ada, Method::POST, "/group-mappings", Some(group)).await.expect(201);
    let grant =
        json!({ "user": "jane", "node": "gallery", "role": "guest", "base_path": "/landscapes" });
    send(&ada, Method::POST, "/grants", Some(grant)).await.expect(201);
    let share = json!({ "node": "gallery", "path": "/", "maker": "olivia", "uses": 3 });
    send(&ada, Method::POST, "/shares", Some(share)).await.expect(201);
    for (path, verb) in [
        ("/users", vec!["users", "ls"]),
        ("/grants", vec!["cluster", "users", "access", "ls"]),
        ("/grants?user=carla", vec!["cluster", "users", "access", "ls", "--user", "carla"]),
        ("/group-mappings", vec!["cluster", "nodes", "groups"]),
        ("/nodes", vec!["cluster", "nodes", "ls"]),
        ("/shares", vec!["cluster", "shares", "ls"]),
        ("/review", vec!["cluster", "access", "review"]),
        ("/review?role=manager", vec!["cluster", "access", "review", "--role", "manager"]),
        ("/users/ada/sessions", vec!["users", "sessions", "ls", "ada"]),
    ] {
        let said = items(&ada, path).await;
        assert_eq!(said, run(&verb), "{path}");
        assert!(!said.as_array().unwrap().is_empty(), "{path}");
    }
    let shown = get(&ada, "/users/jane").await.expect(200).json();
    assert_eq!(shown, run(&["users", "show", "jane"]));
    let review = items(&ada, "/review?user=jane").await;
    assert_eq!(review[0]["why"], "by a stored grant, in /landscapes/", "{review}");
    // no secret of an account, session or link is in any of it
    for path in ["/users/jane", "/users", "/users/ada/sessions", "/shares"] {
        let text = get(&ada, path).await.text().to_owned();
        assert!(!text.contains("argon2") && !text.contains("token"), "{path}: {text}");
    }
}

/// Whoever owns or manages a site sees who may enter it, and nothing of the rest.
#[tokio::test]
async fn owners_and_managers_see_their_site() {
    let gateway = started().await;
    let (olivia, fred) = (gateway.signed_in("olivia").await, gateway.signed_in("fred").await);
    for client in [&olivia, &fred] {
        let rows = items(client, "/review?node=gallery").await;
        let users: Vec<_> =
            rows.as_array().unwrap().iter().map(|row| row["user"].as_str().unwrap()).collect();
        assert_eq!(users, ["carla", "fred", "olivia"]);
        problem(&get(client, "/review").await, 403);
        problem(&get(client, "/users").await, 403);
        let grant = json!({ "user": "jane", "node": "gallery", "role": "watch" });
        problem(&send(client, Method::POST, "/grants", Some(grant)).await, 403);
    }
    let share = json!({ "node": "gallery", "path": "/landscapes/" });
    let made = send(&olivia, Method::POST, "/shares", Some(share.clone())).await.expect(201).json();
    let url = made["item"]["url"].as_str().unwrap().to_owned();
    gateway.client().open(&url).await.expect(200);
    assert_eq!(items(&olivia, "/shares").await[0]["url"], Value::Null);
    problem(&send(&fred, Method::POST, "/shares", Some(share)).await, 403);
    // a manager ends what somebody has at the site, and not at the portal
    gateway.client().at_portal().sign_in("carla").await;
    let carla = gateway.signed_in("carla").await;
    let of_site = "/users/carla/sessions?node=gallery";
    assert_eq!(items(&fred, of_site).await.as_array().unwrap().len(), 2);
    send(&fred, Method::DELETE, of_site, None).await.expect(200);
    let target = "/image/landscapes/still-lake.jpg?size=thumbnail";
    carla.get(target).await.expect(401);
    problem(&send(&fred, Method::DELETE, "/users/carla/sessions", None).await, 403);
}

/// The last administrator stays, whichever way they are to go.
#[tokio::test]
async fn the_last_administrator_stays() {
    let gateway = started().await;
    let ada = gateway.signed_in("ada").await;
    let change = async |body: Value| send(&ada, Method::PATCH, "/users/ada", Some(body)).await;
    problem(&change(json!({ "role": "" })).await, 409);
    problem(&change(json!({ "state": "disabled" })).await, 409);
    problem(&send(&ada, Method::DELETE, "/users/ada", None).await, 409);
    let demote = ["users", "mod", "ada", "--role", "viewer", "--yes"];
    let refused = gateway.config.run(&demote).expect(1);
    assert!(refused.err.contains("last enabled cluster administrator"), "{}", refused.err);
    gateway.config.run(&[&demote[..], &["--dry-run"]].concat()).expect(1);
    // another name for people takes nothing away
    change(json!({ "display_name": "Ada L." })).await.expect(200);
    assert_eq!(get(&ada, "/users/ada").await.json()["account"]["name"], "Ada L.");
}

/// A join token admits new nodes, as often as it says; a known one shows its own credential. What
/// registers itself is pending, and nothing is served by it.
#[tokio::test]
async fn nodes_register_themselves_and_rotate() {
    let gateway = started().await;
    let ada = gateway.signed_in("ada").await;
    let node = gateway.client();
    let ask = async |path: &str, body: Value| send(&node, Method::POST, path, Some(body)).await;
    let token = json!({ "label": "the attic", "expires": "2126-01-31T18:00:00Z", "uses": 1 });
    let made = send(&ada, Method::POST, "/join-tokens", Some(token)).await.expect(201).json();
    let token = made["item"]["token"].as_str().unwrap().to_owned();
    assert_eq!(items(&ada, "/join-tokens").await[0]["token"], Value::Null);
    let register = |name: &str, token: &str, upstream: &str| json!({ "join_token": token, "node": name, "adapter": "vestibule", "upstream": upstream });
    let there = "http://127.0.0.1:2342";
    problem(&ask("/nodes/register", register("attic", "no token", there)).await, 401);
    for bad in ["ftp://a.example", "http://jane:secret@a.example", "http://a.example/x", "a"] {
        problem(&ask("/nodes/register", register("attic", &token, bad)).await, 422);
    }
    let registered = ask("/nodes/register", register("attic", &token, there)).await.expect(201);
    let credential = registered.json()["credential"].as_str().unwrap().to_owned();
    // it is used up
    problem(&ask("/nodes/register", register("cellar", &token, there)).await, 401);
    let shown = get(&ada, "/nodes/attic").await.expect(200).json();
    assert_eq!((&shown["state"], &shown["registered"]), (&"unserved".into(), &"pending".into()));
    assert_eq!(shown["managed_by"], "store");
    let mine = json!({ "node": "attic", "credential": credential });
    let rotated = ask("/nodes/rotate", mine.clone()).await.expect(200).json();
    problem(&ask("/nodes/rotate", mine).await, 401);
    let of_another = json!({ "node": "gallery", "credential": rotated["credential"] });
    problem(&ask("/nodes/rotate", of_another).await, 401);
    // a known one is admitted by no token
    let token = gateway.config.run(&["cluster", "nodes", "token", "add", "--uses", "5"]).expect(0);
    let token = token.out.lines().last().unwrap().to_owned();
    problem(&ask("/nodes/register", register("attic", &token, there)).await, 409);
    let run = |arguments: &[&str]| gateway.config.run(&[&["cluster", "nodes"], arguments].concat());
    run(&["mod", "attic", "--activate"]).expect(0);
    assert_eq!(get(&ada, "/nodes/attic").await.json()["registered"], "active");
    let listed = run(&["ls", "--format", "json"]).expect(0).json();
    assert_eq!(listed, items(&ada, "/nodes").await);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(run(&["rm", "gallery", "--yes"]).expect(1).err.contains("site.toml declares it"));
    run(&["rotate", "attic", "--yes", "--dry-run"]).expect(0);
    run(&["rotate", "attic", "--yes"]).expect(0);
    let old = json!({ "node": "attic", "credential": rotated["credential"] });
    problem(&ask("/nodes/rotate", old).await, 401);
    run(&["rm", "attic"]).expect(2);
    run(&["rm", "attic", "--yes"]).expect(0);
    run(&["rm", "attic", "--yes"]).expect(3);
    run(&["add", "attic", "--adapter", "vestible", "--upstream", there]).expect(2);
    run(&["add", "attic", "--adapter", "vestibule", "--upstream", there]).expect(0);
    run(&["add", "attic", "--adapter", "vestibule", "--upstream", there]).expect(1);
    let tokens = run(&["token", "ls", "--format", "json"]).expect(0).json();
    assert_eq!((&tokens[0]["used"], &tokens[0]["uses_left"]), (&1.into(), &0.into()));
    run(&["token", "rm", "1", "--yes"]).expect(0);
    run(&["token", "rm", "1", "--yes"]).expect(3);
    // S84: what was told once stands nowhere
    let log = fs::read_to_string(gateway.config.at("state/audit.jsonl")).unwrap() + &gateway.log();
    assert!(!log.contains(&credential) && !log.contains(&token), "a secret is in a log");
    assert!(log.contains("node_added"), "{log}");
}

/// A gallery server of somebody else's could ask for it from its pages: it is off, also for nodes.
#[tokio::test]
async fn the_api_is_off_where_the_origin_is_shared() {
    let config = managed().with_site("files", r#"path = "/i/files/""#, "");
    config.write(
        "config.d/sites/files/site.toml",
        "path = \"/i/files/\"\naccept_shared_origin = true\n\
         upstream = [\"http://127.0.0.1:9\"]\nadapter = \"copyparty\"\n",
    );
    let gateway = Gateway::start(config).await;
    let ada = gateway.signed_in("ada").await;
    problem(&get(&ada, "/users").await, 404);
    let node = json!({ "node": "attic", "credential": "x" }).to_string();
    let asked = ada.request(Method::POST, &format!("{API}/nodes/rotate"));
    let asked = asked.header("content-type", "application/json").body(node);
    problem(&Reply::to(asked).await, 404);
}

/// A site's own host has none of it, whoever asks there.
#[tokio::test]
async fn the_api_is_at_the_portal_alone() {
    let config = managed().with_site("work", r#"hosts = ["work.localhost"]"#, "");
    let gateway = Gateway::start(config).await;
    let there = gateway.client_at("work.localhost");
    there.at_portal().sign_in("ada").await;
    get(&there, "/users").await.expect(200);
    for (method, path) in [(Method::GET, "/users"), (Method::DELETE, "/users/jane")] {
        let asked = there.request(method, &format!("{API}{path}"));
        problem(&Reply::to(asked).await, 404);
    }
    let node = json!({ "node": "attic", "credential": "x" }).to_string();
    let asked = there.request(Method::POST, &format!("{API}/nodes/rotate"));
    let asked = asked.header("content-type", "application/json").body(node);
    problem(&Reply::to(asked).await, 404);
    let document = there.at_portal().get(&format!("{API}/openapi.json")).await.expect(200).json();
    assert_eq!(document["openapi"], "3.1.0");
}
