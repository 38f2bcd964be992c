//! litmus, which holds WebDAV servers to RFC 4918, against copyparty by itself and through the
//! gateway: what passes without the gateway passes with it.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use vestibule_tests::{Run, temp_folder};

use crate::copyparty::start;
use crate::webdav::session;

/// A forward proxy that adds one header to each request: litmus has no option for that.
fn proxy_with(header: String, gateway: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (header, server) = (header.clone(), TcpStream::connect(gateway).unwrap());
            let client = client.unwrap();
            let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
            // a client that goes away in the middle is none of a proxy's concern
            std::thread::spawn(move || pass_on(client, server, &header));
        }
    });
    address
}

/// Requests one after the other: the head with the header added, the body as it is.
fn pass_on(mut client: TcpStream, mut server: TcpStream, header: &str) -> io::Result<()> {
    loop {
        let (mut head, mut byte) = (Vec::new(), [0_u8; 1]);
        while !head.ends_with(b"\r\n\r\n") {
            if client.read(&mut byte)? == 0 {
                return server.shutdown(Shutdown::Write);
            }
            head.push(byte[0]);
        }
        head.truncate(head.len() - 2);
        let text = String::from_utf8_lossy(&head).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.map_or(0, |length| length.trim().parse().unwrap());
        assert!(!text.contains("transfer-encoding"), "litmus says how long its bodies are: {text}");
        server.write_all(&head)?;
        server.write_all(format!("{header}\r\n\r\n").as_bytes())?;
        io::copy(&mut (&mut client).take(length), &mut server)?;
    }
}

/// The tests of one suite that pass: `copymove copy_simple`.
fn passes(suite: &str, arguments: &[&str]) -> BTreeSet<String> {
    let folder = temp_folder();
    let mut command = Command::new("litmus");
    command.arg("-k").args(arguments).env("TESTS", suite).current_dir(folder.path());
    let run = Run::of(&mut command, "");
    let passed = run.out.lines().filter(|line| line.trim_end().ends_with(" pass"));
    let name = |line: &str| {
        let name = line.split_once(". ")?.1.split_once("..")?.0;
        Some(format!("{suite} {}", name.trim()))
    };
    passed.filter_map(name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn litmus_finds_what_it_finds_without_the_gateway() {
    let by_itself = start(r#"hosts = ["localhost"]"#, "").await;
    let behind = start(r#"hosts = ["localhost"]"#, "").await;
    let jane = session(&behind.gateway, "jane").await;
    let proxy = proxy_with(format!("Cookie: {jane}"), behind.gateway.address());
    // its short option for this takes no address
    let proxy = format!("--proxy=http://{proxy}");
    let direct = format!("{}/", by_itself.copyparty.origin());
    let site = format!("{}/", behind.gateway.client().origin());
    let through = [proxy.as_str(), site.as_str()];
    for (suite, least) in [("basic", 15), ("copymove", 7), ("props", 7), ("locks", 14), ("http", 4)]
    {
        let expected = passes(suite, &[&direct]);
        assert!(expected.len() >= least, "{suite}: copyparty by itself passes {expected:?}");
        let missing: Vec<_> = expected.difference(&passes(suite, &through)).cloned().collect();
        assert!(missing.is_empty(), "lost behind the gateway: {missing:?}");
    }
}
