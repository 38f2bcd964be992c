//! What runs when its right is revoked: the media backend's own archive, read and not read.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use vestibule_tests::{Client, ConfigDir, Gateway, Run, eventually, password, pictures, postgres};

use super::bench::ROLE;

/// So large that no buffer on the way holds it.
const LARGE: usize = 40 << 20;

fn large_gallery(store: &str) -> ConfigDir {
    let may = ["view", "download_gallery", "download_original", "see_exact_dates", "see_location"];
    let may = may.into_iter().chain(["see_technical_details"]);
    let may: Vec<_> = may.map(|action| format!("can_{action} = true")).collect();
    let permissions = format!(
        "[roles.{ROLE}]\npermissions = {{ {} }}\n\
         [[user_roles]]\nusername = \"jane\"\nroles = [\"{ROLE}\"]\n",
        may.join(", ")
    );
    let config = ConfigDir::new().with_gateway(store);
    let config = config.with_site("site", "hosts = [\"localhost\"]", &permissions);
    let mut picture = pictures::jpeg(60, 40);
    picture.resize(LARGE, 0);
    for name in ["a.jpg", "b.jpg"] {
        config.put("site", name, &picture);
    }
    config
}

/// An archive that has begun to come.
struct Archive(TcpStream);

impl Archive {
    fn begin(gateway: &Gateway, cookie: &str) -> Self {
        let mut stream = TcpStream::connect(gateway.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let port = gateway.port;
        write!(stream, "GET /zip/ HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {cookie}\r\n\r\n")
            .unwrap();
        let mut begun = [0; 4096];
        stream.read_exact(&mut begun).unwrap();
        assert!(begun.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&begun));
        Self(stream)
    }

    /// Reads to its end, which must come before its time; when that was.
    fn must_be_cut(mut self) -> Instant {
        let mut buffer = vec![0; 1 << 16];
        let mut come = 0;
        let mut last = Vec::new();
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    come += count;
                    last = buffer[count.saturating_sub(5)..count].to_vec();
                }
                Err(error) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
                    break;
                }
            }
        }
        assert!(come < LARGE, "{come} bytes came");
        assert_ne!(last, b"0\r\n\r\n", "it ended as if it were whole");
        Instant::now()
    }
}

async fn enter(gateway: &Gateway) -> (Client, String) {
    let jane = gateway.signed_in("jane").await;
    let cookie = jane.enter("/").await.cookie("vestibule.site");
    (jane, cookie)
}

/// S6, S74, complaint 13: nobody reads on who has signed out, and nobody whose role is gone.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_ends_with_the_session_and_with_the_right() {
    let gateway = Gateway::start(large_gallery("")).await;
    let (jane, cookie) = enter(&gateway).await;
    let archive = Archive::begin(&gateway, &cookie);
    jane.sign_out().await;
    let ended = Instant::now();
    let signed_out = archive.must_be_cut().saturating_duration_since(ended);

    let (_jane, cookie) = enter(&gateway).await;
    let archive = Archive::begin(&gateway, &cookie);
    let nobody = format!("[roles.{ROLE}]\npermissions = {{ can_view = true }}\n");
    gateway.config.write("config.d/sites/site/permissions.toml", &nobody);
    gateway.config.run(&["reload"]).expect(0);
    let ended = Instant::now();
    let reloaded = archive.must_be_cut().saturating_duration_since(ended);
    eprintln!("an archive ended {signed_out:?} after signing out, {reloaded:?} after the reload");
    for (file, words) in
        [("gateway.log", "refusal=\"ended\""), ("state/audit.jsonl", "ended while it ran")]
    {
        eventually(Duration::from_secs(30), words, async || {
            let text = std::fs::read_to_string(gateway.config.at(file)).unwrap();
            (text.matches(words).count() == 2).then_some(())
        })
        .await;
    }
}

/// S6: also through another gateway than the one by which the account is removed.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_of_another_gateway_ends_with_the_account() {
    let store = format!("store = \"{}\"\n", postgres().await.database());
    let on = || Gateway::start(large_gallery(&store));
    let (one, two) = tokio::join!(on(), on());
    let config = one.config.path().to_str().unwrap();
    let add = ["users", "add", "jane", "--password-stdin", "--config", config];
    Run::vestibule(&add, &password("jane")).expect(0);
    let (_jane, cookie) = enter(&two).await;
    let archive = Archive::begin(&two, &cookie);
    one.config.run(&["users", "rm", "jane", "--yes"]).expect(0);
    let ended = Instant::now();
    let took = archive.must_be_cut().saturating_duration_since(ended);
    eprintln!("an archive of another gateway ended {took:?} after the command returned");
}
