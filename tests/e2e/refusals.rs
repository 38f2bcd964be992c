//! What a stranger learns from a refusal (`permissions.md` 6), sentence by sentence.

use http::Method;
use pretty_assertions::assert_eq;
use vestibule_tests::{ConfigDir, Gateway, Reply};

use crate::demo;

#[tokio::test]
async fn a_visitor_who_opens_a_closed_page_is_sent_to_sign_in_and_back() {
    let visitor = demo().await.client();
    for (target, back) in [
        ("/browse/family/", "%2Fbrowse%2Ffamily%2F"),
        ("/browse/family/?sort=-date", "%2Fbrowse%2Ffamily%2F%3Fsort%3D-date"),
        ("/view/family/garden.jpg", "%2Fview%2Ffamily%2Fgarden.jpg"),
        // whether it exists or not
        ("/browse/clients/none/", "%2Fbrowse%2Fclients%2Fnone%2F"),
        // also where no route leads
        ("/wp-login.php", "%2Fwp-login.php"),
    ] {
        let sent = visitor.open(target).await.expect(303);
        let location = format!("/_vestibule/sign-in?return={back}");
        assert_eq!((sent.header("location"), sent.body.len()), (location.as_str(), 0));
    }
}

#[tokio::test]
async fn a_visitors_program_gets_401() {
    let visitor = demo().await.client();
    for target in [
        "/api/folders/family/",
        "/api/images/family/garden.jpg",
        "/image/family/garden.jpg?size=thumbnail",
        "/image/family/none.jpg?size=thumbnail",
        "/image/welcome.jpg?size=original",
        "/zip/",
        "/raw/night-skies/aurora.jpg?ext=dng",
    ] {
        let refused = visitor.get(target).await.expect(401);
        assert_eq!(refused.header("www-authenticate"), "Bearer realm=\"vestibule\"", "{target}");
        assert_eq!(refused.text(), "{\"error\":\"unauthorized\"}\n");
        // media and API don't lead to a page, whoever asks
        visitor.open(target).await.expect(401);
    }
}

/// Also where a visitor would see everything: a failed credential is not an absent one.
#[tokio::test]
async fn a_wrong_credential_is_always_401() {
    let gateway = Gateway::start(ConfigDir::demo()).await;
    let visitor = gateway.client();
    let open = "/image/welcome.jpg?size=thumbnail";
    visitor.get(open).await.expect(200);
    for wrong in ["Basic ZnJlZDp4", "Bearer abc", "Basic !!!", "Digest x", ""] {
        let program = visitor.get_with(open, &[("authorization", wrong)]).await.expect(401);
        let challenge = program.header("www-authenticate");
        assert_eq!(challenge, "Basic realm=\"vestibule\", charset=\"UTF-8\"", "{wrong}");
        // a browser must not show its dialogue
        for fetch in [("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-origin")] {
            let browser = visitor.get_with(open, &[("authorization", wrong), fetch]).await;
            let browser = browser.expect(401);
            assert!(!browser.header("www-authenticate").contains("Basic"), "{wrong} {fetch:?}");
        }
    }
    // an account's password is for the form; programs have passwords of their own
    let basic = [("authorization", "Basic ZnJlZDpmcmVkLWRlbW8tcGFzc3dvcmQ=")];
    visitor.get_with("/image/family/garden.jpg?size=thumbnail", &basic).await.expect(401);
}

/// Of a gallery on another machine the gateway sees nothing: what is closed there is not told by a
/// refusal, and neither is anything else.
#[tokio::test]
async fn nothing_is_told_of_a_gallery_that_is_not_seen() {
    let permissions = "[roles.looker]\npermissions = { can_view = true }\n\
        [[user_roles]]\nusername = \"fred\"\nroles = [\"looker\"]\n";
    let config = ConfigDir::new().with_site("site", r#"hosts = ["localhost"]"#, permissions);
    config.write(
        "config.d/sites/site/site.toml",
        "hosts = [\"localhost\"]\nupstream = [\"http://127.0.0.1:9\"]\nadapter = \"copyparty\"\n",
    );
    config.write(
        "config.d/sites/site/folders.toml",
        "[[folders.\"/open/secret\".permissions.user_roles]]\nusername = \"jane\"\n\
         roles = [\"viewer\"]\n",
    );
    let gateway = Gateway::start(config).await;
    let fred = gateway.signed_in("fred").await;
    let closed = fred.get("/open/secret/?zip").await.expect(404);
    let nonsense = fred.get("/open/nonsense/?zip").await.expect(404);
    assert_eq!(closed.text(), nonsense.text());
    // fred may look, and is let through to a server that does not answer
    fred.get("/open/nonsense/a.jpg?th=w").await.expect(502);
    fred.get("/open/secret/a.jpg?th=w").await.expect(404);
}

/// The same bytes and headers whether or not the thing exists.
#[tokio::test]
async fn who_may_not_view_can_not_tell_what_exists() {
    let carla = demo().await.signed_in("carla").await;
    for (existing, missing) in [
        ("/browse/family/", "/browse/famine/"),
        ("/view/family/garden.jpg", "/view/family/gorden.jpg"),
        ("/api/folders/clients/", "/api/folders/clumsy/"),
        ("/api/images/family/garden.jpg", "/api/images/family/none.jpg"),
        ("/image/family/garden.jpg?size=thumbnail", "/image/family/none.jpg?size=thumbnail"),
        ("/image/family/garden.jpg?size=original", "/image/family/none.jpg?size=original"),
        ("/raw/family/garden.jpg", "/raw/family/none.jpg"),
        ("/zip/family/", "/zip/family/none/"),
        (
            "/image/landscapes/unfinished.jpg?size=gallery",
            "/image/landscapes/nope.jpg?size=gallery",
        ),
        ("/browse/family/", "/no/such/route"),
        ("/browse/family/", "/browse/family/?unknown=1"),
        // a folder that may be seen, but what is asked for is not there: an upstream's own 404
        ("/image/family/garden.jpg?size=thumbnail", "/image/welcome.none.jpg?size=thumbnail"),
        // nor is she told "forbidden" where nothing is, of what she may do nowhere
        ("/zip/family/", "/zip/famine/"),
        ("/image/family/garden.jpg?size=original", "/image/famine/none.jpg?size=original"),
        ("/image/landscapes/unfinished.jpg?size=large", "/image/landscapes/nope.jpg?size=large"),
        ("/raw/family/garden.jpg", "/raw/famine/none.jpg"),
    ] {
        assert_same(&carla.get(existing).await, &carla.get(missing).await, (existing, missing));
        assert_same(&carla.open(existing).await, &carla.open(missing).await, (existing, missing));
    }
}

/// A visitor is asked to sign in, whether or not there is anything behind it.
#[tokio::test]
async fn a_visitor_can_not_tell_what_exists() {
    let visitor = demo().await.client();
    for (existing, missing) in [
        ("/browse/family/", "/browse/famine/"),
        ("/view/family/garden.jpg", "/view/famine/garden.jpg"),
        ("/view/landscapes/unfinished.jpg", "/view/landscapes/nope.jpg"),
        ("/api/folders/family/", "/api/folders/famine/"),
        ("/api/images/family/garden.jpg", "/api/images/famine/garden.jpg"),
        ("/image/family/garden.jpg?size=thumbnail", "/image/famine/garden.jpg?size=thumbnail"),
        ("/image/family/garden.jpg?size=original", "/image/famine/garden.jpg?size=original"),
        ("/raw/family/garden.jpg", "/raw/famine/garden.jpg"),
        ("/zip/family/", "/zip/famine/"),
    ] {
        let (there, gone) = (visitor.get(existing).await, visitor.get(missing).await);
        assert_eq!((there.status, gone.status), (401, 401), "{existing} {missing}");
        assert_eq!(there.looks(), gone.looks(), "{existing} {missing}");
        let (there, gone) = (visitor.open(existing).await, visitor.open(missing).await);
        assert_eq!(there.status, gone.status, "{existing} {missing}");
        // but for the way back, which is what was asked
        let same = |text: &str| text.replace("famine", "family").replace("nope", "unfinished");
        assert_eq!(there.text(), same(gone.text()), "{existing} {missing}");
        if there.status == 303 {
            assert_eq!(there.header("location"), same(gone.header("location")), "{existing}");
        } else {
            assert!(there.text().contains("/_vestibule/sign-in?return="), "{existing}");
        }
    }
}

#[track_caller]
fn assert_same(existing: &Reply, missing: &Reply, which: (&str, &str)) {
    assert_eq!(existing.status, 404, "{which:?}");
    assert_eq!(existing.looks(), missing.looks(), "{which:?}");
}

#[tokio::test]
async fn who_may_view_is_told_which_permission_is_missing() {
    let gateway = demo().await;
    let carla = gateway.signed_in("carla").await;
    for (target, missing) in [
        ("/image/welcome.jpg?size=medium", "download_medium"),
        ("/image/welcome.jpg?size=medium&download=1", "download_medium"),
        ("/image/welcome.jpg?size=large", "download_large"),
        ("/image/welcome.jpg?size=gallery@2x", "download_large"),
        ("/image/welcome.jpg?size=medium@2x", "download_original"),
        ("/image/welcome.jpg?size=original", "download_original"),
        ("/raw/night-skies/aurora.jpg?ext=dng", "download_raw"),
        ("/zip/landscapes/", "download_gallery"),
        // carla's loupe shows the medium size, but she may not save it
        ("/image/client-smith/smith-001.jpg?size=medium&download=1", "download_medium"),
    ] {
        let json = carla.get(target).await.expect(403).json();
        assert_eq!((&json["error"], &json["missing"]), (&"forbidden".into(), &missing.into()));
        let page = carla.open(target).await.expect(403);
        assert!(page.text().contains(&format!("<code>{missing}</code>")), "{}", page.text());
    }
    carla.get("/image/client-smith/smith-001.jpg?size=medium").await.expect(200);
    carla.get("/image/client-smith/smith-001.jpg?size=large").await.expect(200);
}

/// Unclassified is refused as if `view` were missing, also to who may do everything.
#[tokio::test]
async fn what_no_route_classifies_is_not_there() {
    let gateway = demo().await;
    let (olivia, visitor) = (gateway.signed_in("olivia").await, gateway.client());
    for target in [
        "/image/welcome.jpg",
        "/image/welcome.jpg?size=Original",
        "/image/welcome.jpg?size=original@2x",
        "/image/welcome.jpg?size=thumbnail&token=x",
        "/browse/?limit=5000",
        "/BROWSE/",
        "/healthz",
        "/assets/secret.css",
        "/admin",
        "/view/family/",
        "/raw/night-skies/aurora.jpg?ext=toml",
    ] {
        olivia.get(target).await.expect(404);
        olivia.open(target).await.expect(404);
        visitor.get(target).await.expect(401);
        visitor.open(target).await.expect(303);
    }
}

/// Names that are the gallery's own: 404 on every method, to everybody.
#[tokio::test]
async fn reserved_names_are_nowhere() {
    let gateway = demo().await;
    let (olivia, visitor) = (gateway.signed_in("olivia").await, gateway.client());
    for target in [
        "/image/family/_folder.md?size=original",
        "/view/_folder.md",
        "/image/landscapes/still-lake.jpg.md?size=original",
        "/image/.hidden.jpg?size=thumbnail",
        "/browse/__versions/",
        "/browse/.git/",
        "/image/a.xmp?size=original",
        "/image/a.toml?size=original",
    ] {
        for client in [&olivia, &visitor] {
            client.get(target).await.expect(404);
            for method in [Method::POST, Method::PUT, Method::DELETE] {
                let refused = Reply::to(client.request(method, target)).await;
                assert!(matches!(refused.status, 404 | 405), "{target}: {}", refused.status);
            }
        }
    }
}

#[tokio::test]
async fn what_is_read_can_not_be_written() {
    let gateway = demo().await;
    let (olivia, visitor) = (gateway.signed_in("olivia").await, gateway.client());
    for target in ["/browse/", "/image/welcome.jpg?size=thumbnail", "/zip/", "/api/folders/"] {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
            for client in [&olivia, &visitor] {
                let refused = Reply::to(client.request(method.clone(), target)).await.expect(405);
                assert!(refused.header("allow").contains("GET"), "{method} {target}");
            }
        }
        Reply::to(olivia.request(Method::HEAD, target)).await.expect(200);
    }
    let trace = vestibule_tests::raw::tcp(
        gateway.address(),
        b"TRACE / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(trace.await.status, 405);
}

/// Who holds no role on the root is led to the folder that is theirs; nobody learns of others.
#[tokio::test]
async fn who_may_see_one_folder_only_is_led_there() {
    let block = "+++\n[permissions.roles.guests]\npermissions = { can_view = true }\n\
                 [[permissions.user_roles]]\nusername = \"mia\"\nroles = [\"guests\"]\n+++\n";
    let config = ConfigDir::new().with_site("closed", r#"hosts = ["localhost"]"#, "");
    config.put("closed", "party/_folder.md", block);
    config.put("closed", "party/a.jpg", vestibule_tests::pictures::jpeg(40, 30));
    config.put("closed", "other/b.jpg", vestibule_tests::pictures::jpeg(40, 30));
    let gateway = Gateway::start(config).await;
    let mia = gateway.signed_in("mia").await;
    assert_eq!(mia.open("/").await.expect(303).header("location"), "/browse/party/");
    mia.open("/browse/party/").await.expect(200);
    mia.get("/assets/gallery.css").await.expect(200);
    mia.get("/image/other/b.jpg?size=thumbnail").await.expect(404);
    mia.get("/api/folders/").await.expect(404);
    let jane = gateway.signed_in("jane").await;
    // nothing is open to her: at the site she is a stranger, and at the portal she is told
    jane.open("/").await.expect(303);
    jane.get("/image/party/a.jpg?size=thumbnail").await.expect(401);
    assert!(jane.enter("/").await.expect(404).text().contains("No access"));
}

/// What was refused is in the log with its place, for whoever audits it.
#[tokio::test]
async fn a_refusal_is_in_the_log_with_its_path() {
    let gateway = demo().await;
    gateway.client().get("/image/family/first-snow.jpg?size=medium").await.expect(401);
    // others of this gateway's tests may ask for it too
    let wanted =
        [r#"path="/family/first-snow.jpg""#, r#"decision="deny""#, r#"principal="visitor""#];
    let limit = std::time::Duration::from_secs(30);
    let line = vestibule_tests::eventually(limit, "its line", async || {
        let log = gateway.log();
        let found = log.lines().find(|line| wanted.iter().all(|part| line.contains(part)));
        found.map(str::to_owned)
    });
    let line = line.await;
    assert!(!line.contains("size="), "{line}");
}

/// Where a broken body ends nobody knows: what follows it is no request.
#[tokio::test]
async fn a_broken_body_ends_the_connection() {
    let gateway = demo().await;
    for body in ["ZZ\r\n", "3\r\nabcX", "3\nabc\n0\n\n"] {
        let request = format!(
            "POST /_vestibule/sign-in HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\
             Transfer-Encoding: chunked\r\n\r\n{body}\
             GET /_vestibule/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        );
        // ends only if the gateway closes
        let reply = vestibule_tests::raw::tcp(gateway.address(), request.as_bytes()).await;
        assert_eq!(reply.status, 400, "{body:?}: {}", reply.text);
        assert_eq!(reply.text.matches("HTTP/1.1 ").count(), 1, "{body:?}: {}", reply.text);
    }
}
