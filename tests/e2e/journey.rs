//! The main job: somebody opens a page, signs in, sees more, and signs out.

use pretty_assertions::assert_eq;
use vestibule_tests::{ConfigDir, Gateway, password};

use crate::demo;

/// The picture that visitors see, and one that only the family does.
const OPEN: &str = "/image/welcome.jpg?size=thumbnail";
const CLOSED: &str = "/image/family/garden.jpg?size=thumbnail";

#[tokio::test]
async fn a_visitor_sees_pages_and_small_pictures() {
    let visitor = demo().await.client();
    let page = visitor.open("/").await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.text().contains("Painted light"), "{}", page.text());
    assert!(!page.text().contains("family"), "{}", page.text());
    visitor.open("/browse/landscapes/alps/").await.expect(200);
    visitor.open("/view/landscapes/still-lake.jpg").await.expect(200);
    // the picture is 480 pixels wide, and nothing is enlarged
    for (size, width) in [("thumbnail", 300), ("thumbnail@2x", 480), ("gallery", 480)] {
        let picture = visitor.get(&format!("/image/welcome.jpg?size={size}")).await.expect(200);
        assert_eq!(picture.header("content-type"), "image/jpeg");
        assert_eq!(image::load_from_memory(&picture.body).unwrap().width(), width, "{size}");
    }
    // the loupe is not for visitors
    visitor.get("/image/welcome.jpg?size=medium").await.expect(401);
}

#[tokio::test]
async fn who_signs_in_sees_more_until_they_sign_out() {
    let client = demo().await.client();
    let sent = client.open("/browse/family/").await.expect(303);
    let page = "/_vestibule/sign-in?return=%2Fbrowse%2Ffamily%2F";
    assert_eq!(sent.header("location"), page);
    let form = client.open(page).await.expect(200);
    assert!(form.text().contains(r#"name="return" value="/browse/family/""#), "{}", form.text());
    let password = password("fred");
    let fields = [("name", "fred"), ("password", password.as_str()), ("return", "/browse/family/")];
    let code = client.submit(page, "/_vestibule/sign-in", &fields).await.expect(303);
    assert!(code.header("location").starts_with("/_vestibule/arrive?code="));
    let back = client.open(code.header("location")).await.expect(303);
    assert_eq!(back.header("location"), "/browse/family/");
    let family = client.open("/browse/family/").await.expect(200);
    assert!(family.text().contains("grandmother.jpg"), "{}", family.text());
    client.get(CLOSED).await.expect(200);
    client.sign_out().await;
    client.get(CLOSED).await.expect(401);
    client.open("/browse/family/").await.expect(303);
}

/// RFC 6265bis: a script can't read it, other sites can't send it, and nobody else can set it.
#[tokio::test]
async fn the_session_cookie_is_only_for_this_host() {
    let client = demo().await.client();
    let welcome = client.sign_in("carla").await;
    let cookies = welcome.all("set-cookie");
    let session = cookies.iter().find(|c| c.starts_with("vestibule=")).unwrap();
    let attributes: Vec<_> = session.split("; ").skip(1).collect();
    assert_eq!(attributes, ["Max-Age=1209600", "Path=/", "HttpOnly", "SameSite=Lax"]);
    assert!(session.len() > "vestibule=".len() + 40, "a short token can be guessed: {session}");
}

#[tokio::test]
async fn a_cookie_that_was_signed_out_is_worth_nothing() {
    let gateway = demo().await;
    let client = gateway.client();
    client.sign_in("fred").await;
    let stolen = client.enter("/").await.cookie("vestibule.gallery");
    let stolen = [("cookie", stolen.as_str())];
    let thief = gateway.client();
    thief.get_with(CLOSED, &stolen).await.expect(200);
    client.sign_out().await;
    for _ in 0..3 {
        thief.get_with(CLOSED, &stolen).await.expect(401);
        // as if there were no cookie: what visitors see is there, and the browser forgets it
        let open = thief.get_with(OPEN, &stolen).await.expect(200);
        assert!(open.header("set-cookie").starts_with("vestibule.gallery=; Max-Age=0"));
    }
}

#[tokio::test]
async fn each_user_sees_what_is_theirs() {
    let gateway = demo().await;
    let (fred, carla) = (gateway.signed_in("fred").await, gateway.signed_in("carla").await);
    let smith = "/image/client-smith/smith-001.jpg?size=thumbnail";
    fred.get(CLOSED).await.expect(200);
    carla.get(CLOSED).await.expect(404);
    carla.get(smith).await.expect(200);
    fred.get(smith).await.expect(404);
    // one after the other over the same renditions: nobody gets what was made for somebody else
    for _ in 0..3 {
        fred.get(CLOSED).await.expect(200);
        carla.get(CLOSED).await.expect(404);
        gateway.client().get(CLOSED).await.expect(401);
    }
    let listed = carla.get("/api/folders/").await.expect(200);
    assert!(listed.header("cache-control").contains("private"), "{:?}", listed.headers);
    assert!(listed.all("vary").join(",").to_lowercase().contains("cookie"));
}

#[tokio::test]
async fn a_wrong_password_says_nothing_of_the_account() {
    let gateway = Gateway::start(ConfigDir::demo()).await;
    let client = gateway.client();
    let known = client.try_sign_in("fred", "not the password").await.expect(403);
    let unknown = client.try_sign_in("nobody-at-all", "not the password").await.expect(403);
    let told =
        |reply: &vestibule_tests::Reply, name: &str| reply.lasting_text().replace(name, "NAME");
    assert_eq!(told(&known, "fred"), told(&unknown, "nobody-at-all"));
    assert!(known.all("set-cookie").iter().all(|cookie| !cookie.starts_with("vestibule=")));
    assert!(!gateway.log().contains("not the password"), "a password in the log");
}

/// A form from another site, or without its token, signs nobody in.
#[tokio::test]
async fn forms_from_elsewhere_are_refused() {
    let gateway = demo().await;
    let client = gateway.client();
    let password = password("fred");
    let fields = [("name", "fred"), ("password", password.as_str())];
    let page = "/_vestibule/sign-in";
    let post = |origin: String, site: &'static str| {
        let request = client.request(http::Method::POST, page).form(&fields);
        let request = request.header("origin", origin).header("sec-fetch-site", site);
        vestibule_tests::Reply::to(request)
    };
    let own = format!("http://localhost:{}", gateway.port);
    for (origin, site) in [
        ("https://evil.example".to_owned(), "cross-site"),
        (own.clone(), "cross-site"),
        (own, "same-origin"),
    ] {
        let reply = post(origin, site).await.expect(403);
        assert!(reply.all("set-cookie").iter().all(|c| !c.starts_with("vestibule=")), "{site}");
    }
    client.get(CLOSED).await.expect(401);
}

/// Two sites on hosts of their own and two below paths, of which one is the same gallery.
async fn several() -> Gateway {
    let closed = "[[user_roles]]\nusername = \"jane\"\nroles = [\"viewer\"]\n";
    let config = ConfigDir::new()
        .with_site("one", r#"hosts = ["one.localhost"]"#, closed)
        .with_site("two", r#"hosts = ["two.localhost"]"#, closed)
        .with_site("open", r#"path = "/i/open/""#, "public_role = \"visitor-see\"\n[roles.visitor-see]\npermissions = { can_view = true }\n")
        .with_site("x", r#"path = "/i/x/""#, closed);
    for id in ["one", "two", "open", "x"] {
        config.put(id, &format!("{id}.jpg"), vestibule_tests::pictures::jpeg(60, 40));
        config.put(id, "sub/s.jpg", vestibule_tests::pictures::jpeg(60, 40));
    }
    Gateway::start(config).await
}

#[tokio::test]
async fn a_cookie_of_one_site_is_nothing_at_another() {
    let gateway = several().await;
    let one = gateway.client_at("one.localhost");
    let welcome = one.at_portal().sign_in("jane").await;
    let at_one = one.enter("/").await.cookie("vestibule.one");
    one.get("/image/one.jpg?size=thumbnail").await.expect(200);
    one.get("/image/two.jpg?size=thumbnail").await.expect(404);
    let two = gateway.client_at("two.localhost");
    let at_portal = welcome.cookie("vestibule");
    for session in [&at_one, &at_portal] {
        let token = session.split('=').nth(1).unwrap();
        for name in ["vestibule", "vestibule.one", "vestibule.two"] {
            let replayed = format!("{name}={token}");
            let replayed = [("cookie", replayed.as_str())];
            two.get_with("/image/two.jpg?size=thumbnail", &replayed).await.expect(401);
        }
    }
    two.open("/browse/").await.expect(303);
    two.sign_in("jane").await;
    two.get("/image/two.jpg?size=thumbnail").await.expect(200);
    gateway.client_at("three.localhost").get("/").await.expect(421);
}

#[tokio::test]
async fn sites_below_paths_keep_their_prefix() {
    let gateway = several().await;
    let visitor = gateway.client();
    let moved = visitor.open("/i/open?sort=name").await.expect(308);
    assert_eq!(moved.header("location"), "/i/open/?sort=name");
    let listing = visitor.get("/i/open/api/folders/").await.expect(200).json();
    assert_eq!(listing["images"][0]["links"]["thumbnail"], "/i/open/image/open.jpg?size=thumbnail");
    assert_eq!(listing["folders"][0]["links"]["page"], "/i/open/browse/sub/");
    visitor.get("/i/open/image/open.jpg?size=thumbnail").await.expect(200);
    let page = visitor.open("/i/open/").await.expect(200);
    for link in page.text().split("href=\"/").skip(1) {
        let known = ["i/open/", "_vestibule/"].iter().any(|start| link.starts_with(start));
        assert!(known, "a link leaves the site: /{}", link.split('"').next().unwrap());
    }
    // the other site is closed to visitors, and says where it is
    let sent = visitor.open("/i/x/browse/sub/").await.expect(303);
    assert_eq!(sent.header("location"), "/_vestibule/sign-in?return=%2Fi%2Fx%2Fbrowse%2Fsub%2F");
    visitor.sign_in("jane").await;
    let entered = visitor.enter("/i/x/browse/sub/").await;
    assert_eq!(entered.header("location"), "/i/x/browse/sub/");
    visitor.get("/i/x/image/x.jpg?size=thumbnail").await.expect(200);
    visitor.get("/i/open/image/x.jpg?size=thumbnail").await.expect(401);
    visitor.get("/i/nothing/").await.expect(404);
}
