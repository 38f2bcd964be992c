//! The gateway's own pages in Chromium: on small screens and large ones, light and dark, by
//! keyboard, as axe sees them. Pictures of all of them are in `target/pages` afterwards.

use pretty_assertions::assert_eq;
use serde_json::json;
use vestibule_tests::{ConfigDir, Gateway, OidcServer, Seen, drive, password, pictures_of_pages};

use crate::first_run::{empty, printed};

const PERMISSIONS: &str = "default_authenticated_role = \"none\"\n\
    [[user_roles]]\nusername = \"jane\"\nroles = [\"admin\"]\n";

/// Every page without a fault, and a picture of each on every screen.
fn expect_no_fault(flow: &str, seen: &Seen, least: usize) {
    assert_eq!(seen.faults(), Vec::<String>::new());
    let pages = seen.pages();
    assert!(pages.len() >= least, "{pages:?}");
    let pictures = std::fs::read_dir(pictures_of_pages(flow)).unwrap().count();
    assert_eq!(pictures, 4 * pages.len());
}

#[tokio::test]
async fn the_portals_pages_are_for_everybody() {
    let long = "a-gallery-with-a-name-of-quite-some-length-which-does-not-break";
    let config = ConfigDir::new()
        .with_site("family", "path = \"/i/family/\"", PERMISSIONS)
        .with_site(long, &format!("path = \"/i/{long}/\""), PERMISSIONS)
        .with_site("public", "path = \"/i/public/\"", "public_role = \"viewer\"\n");
    config.put("family", "open/a.jpg", vestibule_tests::pictures::jpeg(60, 40));
    let gateway = Gateway::start(config).await;
    let add = ["cluster", "shares", "add", "--site", "family", "--as", "jane", "--path", "/open/"];
    let with_password = [&add[..], &["--label", "Für Änne", "--password-stdin"]].concat();
    let said = gateway.config.run_with(&with_password, "open sesame\n").expect(0).out;
    let link = said.trim_end().rsplit_once('\n').map_or(said.trim_end(), |(_, link)| link);
    let origin = format!("http://localhost:{}", gateway.port);
    let path = link.split_once("/_vestibule/").unwrap().1;
    let wanted = json!({
        "origin": origin,
        "user": { "name": "jane", "password": password("jane") },
        "outsider": { "name": "fred", "password": password("fred") },
        "chooser": "Your galleries",
        "closed": "/_vestibule/enter?site=family",
        "refused": {
            "not-found": "/_vestibule/nothing",
            "signed-out": "/_vestibule/oidc/nowhere",
            "unreadable": "/i/public/a%2fb",
            "missing": "/i/public/browse/nothing/",
        },
        "share": format!("{origin}/_vestibule/{path}"),
        "share_password": "open sesame",
    });
    let seen = drive("pages", wanted).await;
    expect_no_fault("pages", &seen, 20);
    assert_eq!(seen.told["recovery_codes"], 10);
    assert_eq!(seen.told["app_password"].as_str().unwrap().len(), 34);
    assert_eq!(seen.told["share"], format!("{origin}/i/family/browse/open/"));
}

/// S16: an authenticator that Chromium plays itself, through its own rules for passkeys, its
/// Content-Security-Policy and the one script of the pages.
#[tokio::test]
async fn a_passkey_is_made_and_signs_in_in_a_browser() {
    let config = ConfigDir::new()
        .with_site("family", "path = \"/i/family/\"", PERMISSIONS)
        .with_site("work", "path = \"/i/work/\"", PERMISSIONS);
    let gateway = Gateway::start(config).await;
    let origin = format!("http://localhost:{}", gateway.port);
    let wanted = json!({
        "origin": origin,
        "user": { "name": "jane", "password": password("jane") },
        "chooser": "Your galleries",
    });
    let seen = drive("passkeys", wanted).await;
    expect_no_fault("passkeys", &seen, 6);
    let name = "Jürgens äußerst langes Telefon mit einem Namen ohne Ende 📷";
    assert_eq!(seen.told["kept"], name);
    let made = json!([{ "isResidentCredential": true, "rpId": "localhost" }]);
    assert_eq!(seen.told["credentials"], made);
    assert_eq!(seen.told["arrived"], format!("{origin}/_vestibule/account/passkeys"));
    assert_eq!(seen.told["used"], 1);
    assert_eq!(seen.told["quiet"], json!(["Sign in"]));
    let log = std::fs::read_to_string(gateway.config.at("state/audit.jsonl")).unwrap();
    for wanted in [r#""by":"passkey""#, "passkey_added", "passkey_removed", r#""reason":"passkey""#]
    {
        assert!(log.contains(wanted), "{wanted}: {log}");
    }
    assert!(!log.contains("passkey_counter"), "{log}");
}

#[tokio::test]
async fn the_first_administrator_is_made_in_a_browser() {
    let gateway = Gateway::start(empty()).await;
    let code = printed(&gateway).await;
    let origin = format!("http://localhost:{}", gateway.port);
    let seen = drive("first_run", json!({ "origin": origin, "code": code })).await;
    expect_no_fault("first_run", &seen, 1);
    let role = seen.told["role"].as_array().unwrap();
    assert!(role.contains(&json!("cluster_admin")), "{role:?}");
    assert_eq!(seen.told["again"], 404);
}

/// The whole way through a provider, as a browser goes it, with the browser's own rules for
/// cookies, redirects and forms.
#[tokio::test]
async fn somebody_signs_in_at_a_provider_and_out_again() {
    let provider = OidcServer::start().await;
    let config = ConfigDir::demo().with_gateway(&provider.table("office", "auto_register = true"));
    let grants = "[[groups]]\ngroup = \"family\"\nrole = \"admin\"\n";
    config.write("config.d/sites/gallery/grants.toml", grants);
    let gateway = Gateway::start(config).await;
    provider.serve(&gateway, "office").await;
    let origin = format!("http://localhost:{}", gateway.port);
    let wanted = json!({ "origin": origin, "target": "/browse/family/", "name": "alice" });
    let seen = drive("provider", wanted).await;
    expect_no_fault("provider", &seen, 2);
    assert_eq!(seen.told["arrived"], format!("{origin}/browse/family/"));
    assert!(seen.told["pictures"].as_u64().unwrap() > 0);
    assert_eq!(seen.told["after"], "/_vestibule/sign-in");
}
