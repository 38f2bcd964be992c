//! Answers that take their time, and what ends them. Each test has a gateway of its own, whose
//! rules it changes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use vestibule_schema::{AccountRole, UserName};
use vestibule_store::AccountState;

use crate::client::{Client, HasBody, cookie};
use crate::harness::{CLOSED, PERMISSIONS, Running, start};
use crate::noted;
use crate::upstream::{BEGINNING, HELD};

/// The rules without the word about one user.
fn without(name: &str, rules: &str) -> String {
    rules.replace(&format!("username = \"{name}\""), "username = \"nobody-else\"")
}

fn gateway() -> Running {
    start()
}

/// An answer that has begun to arrive.
struct Download(TcpStream);

impl Download {
    fn begin(running: &Running, host: &str, target: &str, session: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(running.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let port = running.address.port();
        let cookie = session.map(|session| format!("{}\r\n", cookie(session))).unwrap_or_default();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\n{cookie}\r\n").unwrap();
        let mut download = Self(stream);
        let begun = download.take(4096);
        assert!(begun.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&begun));
        download
    }

    fn photos(running: &Running, target: &str, session: &str) -> Self {
        Self::begin(running, "localhost", target, Some(session))
    }

    /// So many bytes of what comes.
    fn take(&mut self, count: usize) -> Vec<u8> {
        let mut taken = vec![0; count];
        self.0.read_exact(&mut taken).unwrap();
        taken
    }

    /// Waits for the end, which must come, and must not look like that of a whole answer.
    fn must_be_cut(self) {
        let mut rest = Vec::new();
        // closed or reset, but never silent
        match self.0.take(95_000_000).read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
        }
        assert!(!rest.ends_with(b"0\r\n\r\n"), "it ended as if it were whole");
        assert!(rest.len() < 90_000_000, "it ended by itself");
    }

    /// Far more than could be on its way already.
    fn goes_on(&mut self) {
        self.take(32 << 20);
    }
}

const ENDLESS: &str = "/image/stream-endless.jpg?size=thumbnail";
const IDLE: &str = "/image/stream-idle.jpg?size=thumbnail";
const LONG: &str = "/image/stream-length-endless.jpg?size=thumbnail";
const LONG_IDLE: &str = "/image/stream-length-idle.jpg?size=thumbnail";

/// S74, complaint 13: signing out ends what runs, silent or not; that of others goes on, and so
/// does that of one's other sessions.
#[test]
fn answers_end_with_their_session_and_no_other() {
    let running = gateway();
    let (jane, other, mia) = (
        running.sign_in("photos", "jane"),
        running.sign_in("photos", "jane"),
        running.sign_in("photos", "mia"),
    );
    let mut others = [
        Download::photos(&running, ENDLESS, &other),
        Download::photos(&running, LONG, &mia),
        Download::begin(&running, "localhost", ENDLESS, None),
    ];
    let cut: Vec<_> = [ENDLESS, IDLE, LONG, LONG_IDLE]
        .into_iter()
        .map(|target| Download::photos(&running, target, &jane))
        .collect();
    let name = UserName::parse("jane").unwrap();
    let account = running.runtime.block_on(running.identity.user(&name)).unwrap().id;
    let sessions = running.runtime.block_on(running.identity.sessions(account)).unwrap();
    // each time she signed in there is one of the portal and one of the site born of it; those of
    // the other are the newest
    let mut ids: Vec<_> = sessions.iter().map(|session| session.id).collect();
    ids.sort_unstable_by_key(|id| id.number());
    let ended = running.identity.end_session(account, ids[ids.len() - 4]);
    assert!(running.runtime.block_on(ended).unwrap());
    let ended_at = Instant::now();
    for download in cut {
        download.must_be_cut();
    }
    eprintln!("four answers ended {:?} after their session", ended_at.elapsed());
    others.iter_mut().for_each(Download::goes_on);
}

/// S74: another password, another role, a disabled account.
#[test]
fn answers_end_with_every_change_of_the_account() {
    let running = gateway();
    let jane = UserName::parse("jane").unwrap();
    let identity = &running.identity;
    let changes: [&dyn Fn(); 3] = [
        &|| {
            let password = vestibule_identity::Secret::from("a long enough password");
            running.runtime.block_on(identity.set_password(&jane, &password)).unwrap();
        },
        &|| {
            let role = AccountRole::parse("").unwrap();
            running.runtime.block_on(identity.set_role(&jane, &role)).unwrap();
        },
        &|| {
            let disabled = identity.set_state(&jane, AccountState::Disabled);
            running.runtime.block_on(disabled).unwrap();
        },
    ];
    for change in changes {
        let session = running.sign_in("photos", "jane");
        let idle = Download::photos(&running, IDLE, &session);
        let endless = Download::photos(&running, ENDLESS, &session);
        change();
        idle.must_be_cut();
        endless.must_be_cut();
    }
}

/// S74: a reload that takes a right away ends what runs by it, and nothing else.
#[test]
fn answers_end_with_the_right_to_them() {
    let running = gateway();
    let closed = "/image/closed/stream-idle.jpg?size=thumbnail";
    let jane = Download::photos(&running, closed, &running.jane);
    let mut others = [
        Download::photos(&running, ENDLESS, &running.jane),
        Download::photos(&running, ENDLESS, &running.mia),
    ];
    running.replace_rules(PERMISSIONS, &without("jane", CLOSED));
    jane.must_be_cut();
    others.iter_mut().for_each(Download::goes_on);
    // what anybody may see ends for anybody when nobody may
    let visitor = Download::begin(&running, "localhost", IDLE, None);
    running.replace_rules(&PERMISSIONS.replace("public_role = \"guestbook\"", ""), CLOSED);
    visitor.must_be_cut();
    others.iter_mut().for_each(Download::goes_on);
}

/// S74: what an archive is made of is settled by its grant, and a folder of it may be closed before its
/// server begins. S82: what is refused because its server took its time is noted.
#[test]
fn an_archive_that_has_not_begun_ends_when_a_folder_in_it_is_closed() {
    let running = gateway();
    let close = || running.replace_rules(PERMISSIONS, &without("jane", CLOSED));
    let mut whole = Download(ask_and_wait(&running, "/zip/"));
    close();
    BEGINNING.may_go_on.wait();
    whole.take(12);
    whole.must_be_cut();
    // another part of the gallery goes on
    running.replace_rules(PERMISSIONS, CLOSED);
    let mut part = Download(ask_and_wait(&running, "/zip/elsewhere/"));
    close();
    BEGINNING.may_go_on.wait();
    part.goes_on();
    // a server that answers after more than a second answers a question of then
    running.replace_rules(PERMISSIONS, CLOSED);
    let begun = Instant::now();
    let mut late = Client::on(ask_and_wait(&running, "/zip/"));
    close();
    while begun.elapsed() < Duration::from_millis(1100) {
        std::thread::yield_now();
    }
    BEGINNING.may_go_on.wait();
    let reply = late.read(HasBody::Yes);
    assert_eq!(reply.status, 404, "{reply:?}");
    assert_eq!(noted(&reply), "jane GET / - ended before it was answered 404 0");
}

/// Jane asks for something that its server holds back.
fn ask_and_wait(running: &Running, target: &str) -> TcpStream {
    let mut stream = TcpStream::connect(running.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let host = format!("localhost:{}", running.address.port());
    let fields = format!("Host: {host}\r\n{}\r\n{HELD}", cookie(&running.jane));
    write!(stream, "GET {target} HTTP/1.1\r\n{fields}\r\n\r\n").unwrap();
    BEGINNING.asked.wait();
    stream
}

/// S74: an archive is made of what lies beneath its folder, and ends when any of it is closed.
#[test]
fn an_archive_ends_when_a_folder_in_it_is_closed() {
    let running = gateway();
    let whole = Download::photos(&running, "/zip/", &running.jane);
    let mut part = Download::photos(&running, "/zip/elsewhere/", &running.jane);
    running.replace_rules(PERMISSIONS, &without("jane", CLOSED));
    whole.must_be_cut();
    part.goes_on();
    running.replace_rules(&without("jane", PERMISSIONS), CLOSED);
    part.must_be_cut();
}
