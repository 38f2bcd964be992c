//! A request's journey through a running gateway: raw bytes in, raw bytes out.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: clippy excuses test functions only"
)]

mod assertions;
mod client;
mod harness;
mod sockets;
mod streams;
mod upstream;
mod webdav;

use std::time::SystemTime;

use client::{Client, Reply, cookie, get};
use harness::{GRANT_SECRET, NOTED, RUNNING, over_tls};
use vestibule_grant::{Binding, GrantKey, KeyRing, Subject};
use vestibule_schema::Action;

const HTML: &str = "Accept: text/html,*/*;q=0.8";

/// The value of a header in what the gallery server was sent.
pub(crate) fn forwarded<'r>(reply: &'r Reply, name: &str) -> Vec<&'r str> {
    let lines = reply.body.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()).collect()
}

#[test]
fn a_permitted_request_goes_on_with_a_grant() {
    let jane = cookie(&RUNNING.jane);
    let spoofed = "X-Vestibule-Grant: mine";
    let reply =
        get("/image/a%20b.jpg?size=large&download=1", &[&jane, spoofed, "Remote-User: boss"]);
    assert_eq!(reply.status, 200, "{reply:?}");
    let target = "/image/a%20b.jpg?download=1&size=large";
    assert!(reply.body.starts_with(&format!("GET {target} HTTP/1.1\r\n")), "{}", reply.body);
    assert!(!reply.body.contains("boss") && !reply.body.contains(&RUNNING.jane));
    let tokens = forwarded(&reply, "x-vestibule-grant");
    assert_eq!(tokens.len(), 1);
    let ring = KeyRing::new(vec![GrantKey::from_secret("test", GRANT_SECRET)]);
    let binding = Binding { site: "photos", method: "GET", target };
    let claims = ring.verify(tokens[0], &binding, SystemTime::now()).unwrap();
    assert_eq!(claims.subject, Subject::User { name: "jane".into() });
    assert!(claims.permissions.allows(Action::DownloadLarge));
    assert!(!claims.permissions.allows(Action::ManageImages));
}

#[test]
fn a_folder_page_carries_what_lies_beneath() {
    let reply = get("/browse/", &[HTML]);
    let ring = KeyRing::new(vec![GrantKey::from_secret("test", GRANT_SECRET)]);
    let binding = Binding { site: "photos", method: "GET", target: "/browse/" };
    let token = forwarded(&reply, "x-vestibule-grant")[0];
    let claims = ring.verify(token, &binding, SystemTime::now()).unwrap();
    assert_eq!(claims.subject, Subject::Visitor);
    let below: Vec<_> = claims.below.iter().map(|b| (b.folder.as_str(), b.permissions)).collect();
    assert_eq!(below.len(), 1);
    assert_eq!(below[0].0, "/closed/");
    assert!(below[0].1.is_empty());
}

#[test]
fn answers_tell_nothing_of_the_inside() {
    let reply = get("/image/a.jpg?size=thumbnail", &[]);
    assert_eq!(reply.status, 200);
    for name in ["server", "x-powered-by", "x-vestibule-grant", "set-cookie"] {
        assert_eq!(reply.header(name), [] as [&str; 0], "{name}");
    }
    assert_eq!(reply.header("cache-control"), ["private, max-age=60"]);
    assert_eq!(reply.header("vary"), ["Cookie"]);
    assert_eq!(reply.header("x-request-id")[0].len(), 32);
}

#[test]
fn nobody_is_asked_to_sign_in() {
    let page = get("/browse/closed/?sort=name", &[HTML]);
    assert_eq!(page.status, 303);
    assert_eq!(
        page.header("location"),
        ["/_vestibule/sign-in?return=%2Fbrowse%2Fclosed%2F%3Fsort%3Dname"]
    );
    assert_eq!(get("/image/closed/a.jpg?size=thumbnail", &[HTML]).status, 401);
    assert_eq!(get("/api/folders/closed/", &[]).status, 401);
    assert_eq!(get("/nothing/of/the/kind", &[]).status, 401);
    assert_eq!(get("/image/a.jpg?size=original", &[]).status, 401);
}

#[test]
fn a_missing_action_is_named_and_a_missing_view_is_not() {
    let jane = cookie(&RUNNING.jane);
    let mia = cookie(&RUNNING.mia);
    // with view but not the action
    let lacks = get("/image/a.jpg?size=large", &[&mia]);
    assert_eq!(
        (lacks.status, lacks.body.as_str()),
        (403, "{\"error\":\"forbidden\",\"missing\":\"download_large\"}\n")
    );
    assert_eq!(get("/image/a.jpg?size=medium", &[&mia]).status, 200);
    assert_eq!(get("/api/folders/unready/", &[&jane]).status, 503);
    assert_eq!(get("/image/a.jpg.xmp?size=original", &[&jane]).status, 404);
    // without view
    assert_eq!(get("/image/closed/a.jpg?size=thumbnail", &[&mia]).status, 404);
    assert_eq!(get("/image/closed/a.jpg?size=thumbnail", &[&jane]).status, 200);
}

#[test]
fn a_wrong_credential_is_never_an_absent_one() {
    let basic = "Authorization: Basic amFuZTp3cm9uZw==";
    let wrong = get("/image/a.jpg?size=thumbnail", &[basic]);
    assert_eq!(wrong.status, 401);
    assert!(wrong.header("www-authenticate")[0].starts_with("Basic"));
    let browser = get("/image/a.jpg?size=thumbnail", &[basic, "Sec-Fetch-Mode: no-cors"]);
    assert!(!browser.header("www-authenticate")[0].starts_with("Basic"));
    assert_eq!(get("/image/a.jpg.xmp?size=original", &[basic]).status, 401);
}

/// S78: what is not there and what may not be seen are one.
#[test]
fn closed_and_missing_are_the_same_bytes() {
    let mia = cookie(&RUNNING.mia);
    for fields in [vec![mia.as_str()], vec![mia.as_str(), HTML]] {
        let closed = get("/image/closed/a.jpg?size=thumbnail", &fields);
        let missing = get("/image/missing.jpg?size=thumbnail", &fields);
        let unclassified = get("/no/such/route", &fields);
        let void = get("/image/void.jpg?size=thumbnail", &fields);
        let reserved = get("/image/.secret?size=thumbnail", &fields);
        assert_eq!(closed.status, 404);
        let hollow = ["chunks", "chunked", "end"]
            .map(|form| get(&format!("/image/hollow-{form}.jpg?size=thumbnail"), &fields));
        for other in [&missing, &unclassified, &reserved, &void].into_iter().chain(&hollow) {
            assert_eq!(closed.without_names(), other.without_names());
        }
    }
    let mut client = Client::new();
    let head = client.send("HEAD", "localhost", "/image/missing.jpg?size=thumbnail", &[&mia]);
    assert_eq!((head.status, head.body.as_str()), (404, ""));
    // the connection is still in step
    let next = client.send("GET", "localhost", "/image/missing.jpg?size=thumbnail", &[&mia]);
    assert_eq!((next.status, next.body.as_str()), (404, "{\"error\":\"not_found\"}\n"));
    for nothing in ["void", "hollow-chunked"] {
        let target = format!("/image/{nothing}.jpg?size=thumbnail");
        let empty = client.send("GET", "localhost", &target, &[&mia]);
        assert_eq!((empty.status, empty.body.as_str()), (404, "{\"error\":\"not_found\"}\n"));
    }
    let after = client.send("GET", "localhost", "/image/a.jpg?size=thumbnail", &[&mia]);
    assert_eq!(after.status, 200);
}

/// A script may set a cookie that is no text: it locks nobody out.
#[test]
fn a_cookie_that_is_no_text_hides_no_session() {
    for odd in [&b"odd=\xff; "[..], b"odd=\xc3\xa9; ", b""] {
        let mut request =
            b"GET /image/a.jpg?size=large HTTP/1.1\r\nHost: localhost\r\nCookie: ".to_vec();
        request.extend_from_slice(odd);
        request.extend_from_slice(RUNNING.jane.as_bytes());
        request.extend_from_slice(b"; last=\xfe\r\n\r\n");
        assert_eq!(Client::new().raw(&request).status, 200, "{odd:?}");
    }
}

/// S58: neither way.
#[test]
fn an_answer_says_nothing_under_the_names_of_identity() {
    let jane = cookie(&RUNNING.jane_at_files);
    let mut client = Client::new();
    let reply = client.send("GET", "files.localhost", "/a.jpg", &[&jane]);
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(forwarded(&reply, "x-files-key"), ["hunter2"]);
    for name in ["x-webauth-user", "x_files_user", "x-files-key"] {
        assert_eq!(reply.header(name), [] as [&str; 0], "{name}");
    }
}

#[test]
fn sites_are_found_by_host_and_path() {
    let mut client = Client::new();
    let mut status = |host: &str, target: &str| client.send("GET", host, target, &[]).status;
    assert_eq!(status("LOCALHOST", "/image/a.jpg?size=thumbnail"), 200);
    assert_eq!(status("localhost.", "/image/a.jpg?size=thumbnail"), 200);
    assert_eq!(status("other.example", "/image/a.jpg?size=thumbnail"), 421);
    assert_eq!(status("other.example", "/_vestibule/sign-in"), 421);
    assert_eq!(status("shut.localhost", "/image/a.jpg?size=thumbnail"), 503);
    assert_eq!(status("portal.localhost", "/i/none/"), 404);
    assert_eq!(status("portal.localhost", "/"), 303);
    assert_eq!(status("portal.localhost", "/i/family/image/a.jpg?size=thumbnail"), 200);
    let moved = client.send("GET", "portal.localhost", "/i/family?sort=name", &[]);
    assert_eq!((moved.status, moved.header("location")), (308, vec!["/i/family/?sort=name"]));
    let below = client.send("GET", "portal.localhost", "/i/family/browse/a", &[HTML]);
    assert!(below.body.starts_with("GET /browse/a/ HTTP/1.1"), "{}", below.body);
    assert_eq!(forwarded(&below, "x-forwarded-prefix"), ["/i/family"]);
    assert_eq!(forwarded(&below, "x-forwarded-for"), ["127.0.0.1"]);
}

#[test]
fn the_portal_is_on_every_host() {
    let jane = cookie(&RUNNING.jane);
    let port = RUNNING.address.port();
    let reply = get("/_vestibule/account?x=1", &[&jane]);
    assert_eq!(
        reply.body,
        format!("GET /_vestibule/account?x=1 jane http://localhost:{port} 0 bytes")
    );
    let mut client = Client::new();
    let body = "a=b&c=d";
    let post = format!(
        "POST /_vestibule/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert!(client.raw(post.as_bytes()).body.ends_with(" nobody http://localhost 7 bytes"));
    let chunked = "POST /_vestibule/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3\r\nabc\r\n0\r\n\r\n";
    assert!(client.raw(chunked.as_bytes()).body.ends_with(" 3 bytes"));
    let large = "POST /_vestibule/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537\r\n\r\n";
    assert_eq!(Client::new().raw(large.as_bytes()).status, 413);
    assert_eq!(get("/_vestibule/../browse/", &[]).status, 400);
    assert_eq!(get("/_vestibule/panic", &[]).status, 500);
    assert_eq!(get("/_vestibule/fine", &[]).status, 200);
}

/// S83: it is refused, and says nothing of the cause; the next one is served.
#[test]
fn a_panic_fails_its_request_alone() {
    for target in ["/browse/panic/", "/_vestibule/panic"] {
        let failed = get(target, &[]);
        assert_eq!((failed.status, failed.body.as_str()), (500, "{\"error\":\"internal\"}\n"));
        assert_eq!(get("/image/a.jpg?size=thumbnail", &[]).status, 200);
    }
}

/// What was noted for the audit log of a request.
pub(crate) fn noted(reply: &Reply) -> String {
    let id = (*reply.header("x-request-id").first().unwrap()).to_owned();
    let (mut line, begun) = (None, std::time::Instant::now());
    // it is noted after the answer
    while line.is_none() && begun.elapsed() < std::time::Duration::from_secs(10) {
        let all = NOTED.lock().unwrap();
        line = all.iter().find_map(|line| line.strip_prefix(&format!("{id} ")).map(str::to_owned));
        drop(all);
        std::thread::yield_now();
    }
    line.unwrap_or_default()
}

/// S82: what is denied or refused is noted, with the request's name; what is allowed is not.
#[test]
fn what_is_not_let_through_is_noted() {
    let denied = noted(&get("/image/closed/a.jpg?size=thumbnail", &[]));
    // nothing permits it, so no policy had to forbid it
    assert_eq!(denied, "visitor GET /closed/a.jpg view unauthorized 401 0");
    let wrong = noted(&get("/browse/", &["Authorization: Bearer nonsense"]));
    assert_eq!(wrong, "unknown GET / - wrong_credential 401 0");
    let odd = noted(&Client::new().send("ODDITY", "localhost", "/", &[]));
    assert!(odd.contains(" other "), "{odd}");
    let fine = get("/image/a.jpg?size=thumbnail", &[]);
    assert_eq!(fine.status, 200);
    // one that is refused on the same connection afterwards comes later
    let mut client = Client::new();
    let first = client.send("GET", "localhost", "/image/a.jpg?size=thumbnail", &[]);
    let second = client.send("GET", "localhost", "/image/closed/a.jpg?size=thumbnail", &[]);
    assert_ne!(noted(&second), "");
    let id = first.header("x-request-id")[0];
    assert!(!NOTED.lock().unwrap().iter().any(|line| line.starts_with(id)));
}

/// A cookie that is worth nothing is no credential, and is cleared.
#[test]
fn an_unknown_cookie_is_cleared() {
    let reply = get("/image/a.jpg?size=thumbnail", &["Cookie: vestibule.photos=expired"]);
    assert_eq!(reply.status, 200);
    assert!(reply.header("set-cookie")[0].starts_with("vestibule.photos=; Max-Age=0"));
    // the portal sees to its own
    let own = get("/_vestibule/account", &["Cookie: vestibule=expired"]);
    assert_eq!((own.status, own.header("set-cookie").len()), (200, 0));
}

#[test]
fn a_gallery_server_that_fails_is_told_as_such() {
    let mut client = Client::new();
    let dead = client.send("GET", "dead.localhost", "/image/a.jpg?size=thumbnail", &[]);
    assert_eq!((dead.status, dead.body.as_str()), (502, "{\"error\":\"bad_gateway\"}\n"));
    assert_eq!(get("/image/unbelieved.jpg?size=thumbnail", &[]).status, 502);
    assert_eq!(get("/image/cut.jpg?size=thumbnail", &[]).status, 502);
}

/// S50, S52, S54, S56: each answer is a refusal, and after a framing error the connection ends.
#[test]
fn odd_requests_are_refused_and_the_connection_closed() {
    let smuggled = "GET /image/smuggled.jpg?size=thumbnail HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (fields, status) in [
        ("Host: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", 400),
        ("Host: localhost\r\nContent-Length: 5\r\nContent-Length: 5", 400),
        ("Host: localhost\r\nContent-Length: 5\r\nContent-Length: 6", 400),
        ("Host: localhost\r\nTransfer-Encoding: gzip, chunked", 400),
        ("Host: localhost\r\nX: a\r\n folded", 400),
        ("Host: localhost\r\nX : a", 400),
        ("Host: localhost\nX: a", 400),
        ("Host: localhost\r\nHost: localhost", 400),
        ("Host: a@localhost", 400),
        ("X: a", 400),
        ("Host: localhost\r\nConnection: x-vestibule-grant", 400),
        ("Host: localhost\r\nConnection: upgrade\r\nUpgrade: websocket", 501),
    ] {
        let mut client = Client::new();
        let bytes = format!("POST /_vestibule/x HTTP/1.1\r\n{fields}\r\n\r\n0\r\n\r\n{smuggled}");
        let reply = client.raw(bytes.as_bytes());
        assert_eq!(reply.status, status, "{fields:?}");
        assert!(client.is_closed(), "{fields:?}");
    }
    for (line, status) in [
        ("TRACE / HTTP/1.1", 405),
        ("CONNECT localhost:80 HTTP/1.1", 405),
        ("GET /browse/#x HTTP/1.1", 400),
        ("GET http://other.example/browse/ HTTP/1.1", 400),
        ("GET * HTTP/1.1", 400),
        ("OPTIONS * HTTP/1.1", 400),
        ("GET /browse/ HTTP/1.0\r\nTransfer-Encoding: chunked", 400),
        ("DELETE /image/a.jpg?size=large HTTP/1.1", 405),
        ("GET /browse/..%2fclosed/ HTTP/1.1", 400),
        ("GET /browse/%2e%2e/closed/ HTTP/1.1", 400),
        ("GET //browse/closed/ HTTP/1.1", 400),
        ("GET /image/a.jpg?size=thumbnail&size=original HTTP/1.1", 400),
    ] {
        let reply = Client::new().raw(format!("{line}\r\nHost: localhost\r\n\r\n").as_bytes());
        assert_eq!(reply.status, status, "{line}: {reply:?}");
    }
    let long = format!("X: {}", "a".repeat(40_000));
    assert_eq!(get("/browse/", &[&long]).status, 431);
}

/// A new world is seen whole, by the next request.
#[test]
fn worlds_are_replaced_whole() {
    let before = RUNNING.gateway.world();
    RUNNING.gateway.replace_world(std::sync::Arc::clone(&before));
    assert_eq!(RUNNING.gateway.world().generation(), before.generation());
    assert_eq!(before.sites().count(), 10);
}

/// Who may see some folder but not the root is led there, and gets what its page is made of.
#[test]
fn the_only_folder_is_where_one_is_led() {
    let jane = cookie(&RUNNING.jane_at_clients);
    let mut client = Client::new();
    let mut ask =
        |target: &str, fields: &[&str]| client.send("GET", "clients.localhost", target, fields);
    let led = ask("/", &[HTML, &jane]);
    assert_eq!((led.status, led.header("location")), (303, vec!["/browse/closed/"]));
    assert_eq!(ask("/browse/closed/", &[HTML, &jane]).status, 200);
    assert_eq!(ask("/assets/gallery.css", &[&jane]).status, 200);
    assert_eq!(ask("/browse/other/", &[HTML, &jane]).status, 404);
    // nobody is told that there is such a folder
    assert_eq!(ask("/", &[HTML]).header("location"), ["/_vestibule/sign-in?return=%2F"]);
    assert_eq!(ask("/assets/gallery.css", &[]).status, 401);
}

/// A folder whose rules were read a moment ago is judged by the new world.
#[test]
fn a_fresh_folder_is_judged_anew() {
    assert_eq!(get("/api/folders/fresh/", &[]).status, 200);
}

#[test]
fn a_server_that_reads_no_grants_gets_none() {
    let mut client = Client::new();
    let cookies = "Cookie: own=2; vestibule=x";
    let reply = client.send("GET", "plain.localhost", "/files/a.jpg", &[cookies]);
    assert_eq!(forwarded(&reply, "x-vestibule-grant"), [] as [&str; 0]);
    assert_eq!(forwarded(&reply, "cookie"), ["own=2"]);
    let set: Vec<_> = reply.header("set-cookie");
    assert!(!set.iter().any(|cookie| cookie.contains("evil")), "{set:?}");
    let below = client.send("GET", "portal.localhost", "/i/plain/files/a.jpg", &[]);
    assert_eq!(below.header("set-cookie"), ["own=1; Path=/i/plain/"]);
    assert_eq!(below.header("location"), ["/i/plain/elsewhere"]);
    // what lies beneath is closed to the public, and nobody would leave it out
    let tree = client.send("GET", "plain.localhost", "/all/", &[]);
    assert_eq!(tree.status, 401);
}

#[test]
fn tls_is_the_same_gateway() {
    let port = RUNNING.tls.port();
    let reply = over_tls(
        format!(
            "GET /image/a.jpg?size=thumbnail HTTP/1.1\r\nHost: localhost:{port}\r\n\
             Connection: close\r\n\r\n"
        )
        .as_bytes(),
    );
    assert!(reply.starts_with("HTTP/1.1 200 OK"), "{reply}");
    assert!(reply.contains("x-forwarded-proto: https"), "{reply}");
}

/// S80: the connection was made for `localhost`.
#[test]
fn a_tls_connection_is_for_its_own_host() {
    let port = RUNNING.tls.port();
    let ask = |host: &str| {
        over_tls(
            format!("GET / HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
    };
    assert!(!ask("LOCALHOST.").starts_with("HTTP/1.1 421"));
    assert!(ask("plain.localhost").starts_with("HTTP/1.1 421"));
}
