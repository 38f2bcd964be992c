//! WebDAV clients, as people use them, against copyparty through the gateway.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;

use http::Method;
use vestibule_tests::{Gateway, Reply, Run, installed, password, pictures, temp_folder};

use crate::copyparty::{Pair, dav, known, start};

/// The session at the site of somebody who signs in, as a cookie.
pub(crate) async fn session(gateway: &Gateway, name: &str) -> String {
    let client = known(gateway, name).await;
    client.enter("/").await.cookie("vestibule.site")
}

/// An app password of somebody whom copyparty knows.
pub(crate) async fn app_password(gateway: &Gateway, name: &str, scope: &str) -> String {
    known(gateway, name).await.app_password((&password(name), scope), &[]).await
}

/// A program is asked for a name and a password, a browser goes to the page; nobody is led there
/// who can't read it.
#[tokio::test]
async fn who_has_not_signed_in_is_challenged_as_it_can_answer() {
    let Pair { gateway, copyparty: _copyparty } = start(r#"hosts = ["localhost"]"#, "").await;
    let visitor = gateway.client();
    for method in ["PUT", "DELETE", "MKCOL", "PROPFIND", "OPTIONS", "LOCK"] {
        let reply = dav(&visitor, method, "/holds/closed/x", &[("depth", "0")]).await.expect(401);
        assert!(reply.header("www-authenticate").starts_with("Basic realm=\"vestibule\""));
        assert_eq!(reply.header("location"), "");
        assert_eq!(reply.header("content-type"), "application/json");
        let fetch = [("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-origin"), ("depth", "0")];
        let reply = dav(&visitor, method, "/holds/closed/x", &fetch).await.expect(401);
        assert!(reply.header("www-authenticate").starts_with("Bearer "));
    }
    let wrong = [("authorization", "Basic amFuZTp3cm9uZw=="), ("depth", "0")];
    for method in ["PUT", "PROPFIND", "GET", "OPTIONS"] {
        let reply = dav(&visitor, method, "/open/", &wrong).await.expect(401);
        assert!(reply.header("www-authenticate").starts_with("Basic realm="));
    }
    visitor.open("/holds/closed/").await.expect(303);
}

/// rclone's remote `gallery:`, with an app password.
fn remote(config: &std::path::Path, gateway: &Gateway, (user, password): (&str, &str)) {
    let url = format!("http://localhost:{}", gateway.port);
    let mut command = Command::new(installed("rclone"));
    let told = [&format!("url={url}"), &format!("user={user}"), &format!("pass={password}")];
    command.arg("--config").arg(config).args([
        "config",
        "create",
        "gallery",
        "webdav",
        "--obscure",
    ]);
    Run::of(command.args(["vendor=other"]).args(told), "").expect(0);
}

fn rclone(config: &std::path::Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(installed("rclone"));
    command
        .arg("--config")
        .arg(config)
        .args(["--retries", "1", "--low-level-retries", "1"])
        .args(arguments);
    Run::of(&mut command, "")
}

#[tokio::test]
async fn rclone_copies_lists_moves_and_deletes() {
    let Pair { gateway, copyparty: _copyparty } = start(r#"hosts = ["localhost"]"#, "").await;
    let jane = app_password(&gateway, "jane", "webdav").await;
    let folder = temp_folder();
    let config = folder.at("rclone.conf");
    remote(&config, &gateway, ("jane", &jane));
    fs::create_dir(folder.at("up")).unwrap();
    for name in ["one.jpg", "zwei ü.jpg"] {
        fs::write(folder.at("up").join(name), pictures::jpeg(40, 30)).unwrap();
    }
    let run = |arguments: &[&str]| rclone(&config, arguments);
    let up = folder.at("up").to_str().unwrap().to_owned();
    run(&["copy", &up, "gallery:open/new"]).expect(0);
    let listed = run(&["lsf", "gallery:open/new"]).expect(0).out;
    assert_eq!(listed.lines().collect::<Vec<_>>(), ["one.jpg", "zwei ü.jpg"]);
    let down = folder.at("down").to_str().unwrap().to_owned();
    run(&["copy", "gallery:open/new", &down]).expect(0);
    assert_eq!(fs::read(folder.at("down/zwei ü.jpg")).unwrap(), pictures::jpeg(40, 30));
    run(&["moveto", "gallery:open/new/one.jpg", "gallery:inbox/moved.jpg"]).expect(0);
    assert_eq!(run(&["lsf", "gallery:inbox"]).expect(0).out, "moved.jpg\nx.jpg\n");
    run(&["deletefile", "gallery:inbox/moved.jpg"]).expect(0);
    run(&["purge", "gallery:open/new"]).expect(0);
    let gallery = gateway.config.gallery("site");
    assert!(!gallery.join("open/new").exists() && !gallery.join("inbox/moved.jpg").exists());
    // what is closed stays so
    let into = run(&["copy", &up, "gallery:holds/closed"]);
    assert_ne!(into.code, 0, "{}", into.err);
    let fred = app_password(&gateway, "fred", "webdav").await;
    remote(&folder.at("fred.conf"), &gateway, ("fred", &fred));
    let reads = |arguments: &[&str]| rclone(&folder.at("fred.conf"), arguments);
    reads(&["copy", "gallery:open", &down]).expect(0);
    assert_ne!(reads(&["copy", &up, "gallery:open"]).code, 0);
    assert_ne!(reads(&["deletefile", "gallery:open/b.jpg"]).code, 0);
    assert_eq!(fs::read_dir(gallery.join("holds/closed")).unwrap().count(), 2);
}

/// The resident memory of a process, in bytes.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// A gigabyte goes through in pieces, as fast as the server takes them.
#[tokio::test]
async fn a_large_upload_is_not_held_in_memory() {
    const SIZE: u64 = 1 << 30;
    let Pair { gateway, copyparty: _copyparty } = start(r#"hosts = ["localhost"]"#, "").await;
    let jane = session(&gateway, "jane").await;
    let before = resident(gateway.pid());
    let port = gateway.port;
    let reply = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let head = format!(
            "PUT /open/large.bin HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {jane}\r\n\
             Content-Length: {SIZE}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        assert!(read_head(&mut stream).starts_with("HTTP/1.1 100 "));
        let piece = vec![0x5a_u8; 1 << 20];
        for _ in 0..SIZE >> 20 {
            stream.write_all(&piece).unwrap();
        }
        read_head(&mut stream)
    });
    let reply = reply.await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 201 "), "{reply}");
    let file = gateway.config.gallery("site").join("open/large.bin");
    assert_eq!(fs::metadata(file).unwrap().len(), SIZE);
    let grown = resident(gateway.pid()).saturating_sub(before);
    assert!(grown < 64 << 20, "the gateway grew by {grown} bytes");
}

/// Who may not upload is not told to go on.
#[tokio::test]
async fn a_refused_upload_is_not_invited() {
    let Pair { gateway, copyparty: _copyparty } = start(r#"hosts = ["localhost"]"#, "").await;
    let port = gateway.port;
    let reply = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let head = format!(
            "PUT /open/large.bin HTTP/1.1\r\nHost: localhost:{port}\r\n\
             Content-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        read_head(&mut stream)
    });
    let reply = reply.await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 401 "), "{reply}");
    assert!(reply.to_lowercase().contains("connection: close"), "{reply}");
}

fn read_head(stream: &mut TcpStream) -> String {
    use std::io::Read as _;
    let (mut head, mut byte) = (Vec::new(), [0_u8; 1]);
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "closed after {head:?}");
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A put of whoever may.
#[tokio::test]
async fn a_file_is_written_read_and_replaced() {
    let Pair { gateway, copyparty: _copyparty } = start(r#"hosts = ["localhost"]"#, "").await;
    let jane = known(&gateway, "jane").await;
    for content in ["one", "another"] {
        let request = jane.request(Method::PUT, "/open/note.txt").body(content);
        let status = Reply::to(request).await.status;
        assert!(status == 201 || status == 204, "{status}");
        assert_eq!(jane.get("/open/note.txt").await.expect(200).text(), content);
    }
}
