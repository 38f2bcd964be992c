//! A server that mounts folders, and believes headers: what it is sent, and what it is not.

use crate::client::{Client, Reply, cookie};
use crate::forwarded;
use crate::harness::RUNNING;

fn send(method: &str, target: &str, fields: &[&str]) -> Reply {
    let jane = cookie(&RUNNING.jane_at_files);
    let mut all = vec![jane.as_str()];
    all.extend_from_slice(fields);
    Client::new().send(method, "files.localhost", target, &all)
}

/// S54: the destination is judged like the path, and made from what was judged.
#[test]
fn a_destination_is_forwarded_as_it_was_judged() {
    let port = RUNNING.address.port();
    let to = format!("Destination: http://FILES.localhost.:{port}/b/%c3%a9 x.jpg");
    let odd = send("MOVE", "/a.jpg", &[&to]);
    assert_eq!(odd.status, 400, "{odd:?}");
    let to = format!("Destination: http://FILES.localhost.:{port}/b/%c3%a9%20x.jpg");
    let reply = send("MOVE", "/a.jpg", &[&to, "Overwrite: F", "If: (<x>)", "Depth: 1"]);
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.body.starts_with("MOVE /a.jpg HTTP/1.1"), "{}", reply.body);
    assert_eq!(forwarded(&reply, "destination"), ["/b/%C3%A9%20x.jpg"]);
    assert_eq!(forwarded(&reply, "overwrite"), ["F"]);
    assert_eq!(forwarded(&reply, "if"), ["(<x>)"]);
    assert_eq!(forwarded(&reply, "depth"), [] as [&str; 0]);
    let closed = send("MOVE", "/a.jpg", &["Destination: /closed/b.jpg"]);
    assert_eq!(closed.status, 403, "{closed:?}");
    let elsewhere = send("COPY", "/a.jpg", &["Destination: http://localhost/b.jpg"]);
    assert_eq!(elsewhere.status, 502, "{elsewhere:?}");
    let twice = send("COPY", "/a.jpg", &["Destination: /b.jpg", "Destination: /closed/b.jpg"]);
    assert_eq!(twice.status, 400, "{twice:?}");
}

/// Headers of WebDAV pass where a route names them, and nowhere else.
#[test]
fn webdav_headers_pass_by_name() {
    let fields =
        ["Overwrite: F", "If: (<x>)", "Lock-Token: <x>", "Timeout: Second-9", "Depth: 0", "PW: x"];
    let listing = send("PROPFIND", "/a/", &fields);
    assert_eq!(forwarded(&listing, "depth"), ["0"]);
    for name in ["overwrite", "if", "lock-token", "timeout", "pw"] {
        assert_eq!(forwarded(&listing, name), [] as [&str; 0], "{name}");
    }
    let read = send("GET", "/a.jpg", &fields);
    assert_eq!(read.status, 200, "{read:?}");
    for name in ["depth", "overwrite", "if", "lock-token", "timeout", "pw"] {
        assert_eq!(forwarded(&read, name), [] as [&str; 0], "{name}");
    }
}

/// S58: who asks is the gateway's word, whatever the spelling.
#[test]
fn nobody_names_themselves() {
    let spoofed = [
        "X-Files-User: boss",
        "x_files_user: boss",
        "X-FILES_USER: boss",
        "X-Files-Key: boss",
        "X_Files_Key: boss",
    ];
    let jane = send("GET", "/a.jpg", &spoofed);
    assert!(!jane.body.contains("boss"), "{}", jane.body);
    assert_eq!(forwarded(&jane, "x-files-user"), ["jane"]);
    assert_eq!(forwarded(&jane, "x-files-key"), ["hunter2"]);
    let visitor = Client::new().send("GET", "files.localhost", "/a.jpg?th=w", &spoofed);
    assert!(!visitor.body.contains("boss"), "{}", visitor.body);
    assert_eq!(forwarded(&visitor, "x-files-user"), [] as [&str; 0]);
    let cookies = ["Cookie: cppwd=x; js=y; b=u; dots=1"];
    let visitor = Client::new().send("GET", "files.localhost", "/a.jpg?th=w", &cookies);
    assert_eq!(forwarded(&visitor, "cookie"), ["js=y"]);
}

/// A server that knows its path is told all of it, and its answers are left as they are.
#[test]
fn a_path_is_kept_for_who_knows_it() {
    let reply = Client::new().send("GET", "portal.localhost", "/i/files/a.jpg?th=w", &[]);
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.body.starts_with("GET /i/files/a.jpg?th=w HTTP/1.1"), "{}", reply.body);
    assert_eq!(reply.header("location"), ["/elsewhere"]);
    assert_eq!(reply.header("set-cookie"), ["own=1; Path=/i/files/"]);
}

/// A program is asked for a name and a password; a browser never shows its dialogue.
#[test]
fn a_challenge_is_one_that_the_client_can_answer() {
    let ask = |fields: &[&str]| {
        let reply = Client::new().send("PUT", "files.localhost", "/a.jpg", fields);
        assert_eq!(reply.status, 401, "{reply:?}");
        assert_eq!(reply.header("location"), [] as [&str; 0]);
        reply.header("www-authenticate").join(" ")
    };
    assert!(ask(&[]).starts_with("Basic realm="));
    assert!(ask(&["Sec-Fetch-Mode: cors"]).starts_with("Bearer realm="));
    // what the server itself asks for is not passed on
    let refused = send("GET", "/unbelieved.jpg", &[]);
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(refused.header("www-authenticate"), [] as [&str; 0]);
}
