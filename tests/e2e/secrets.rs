//! What is secret reaches no log, however much is logged: S82, S84, "secrets never reach a log".
//!
//! Every input of a request and every secret of the configuration holds a text of its own. Then
//! every byte that the gateway printed and wrote, but its database, is searched for them.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use rustix::process::Signal;
use vestibule_tests::{Client, ConfigDir, Gateway, Reply, Run, raw};

/// Stands in a path of the gallery, where it may be logged: the search must find it.
const IN_THE_OPEN: &str = "planted-in-the-open";

/// The secrets, by where they are planted.
#[derive(Default)]
struct Planted(Vec<(String, String)>);

impl Planted {
    /// A text that stands nowhere else.
    fn plant(&mut self, place: &str) -> String {
        let place_in_it = place.replace(|c: char| !c.is_ascii_alphanumeric(), "");
        let secret = format!("planted{}{place_in_it}xq", self.0.len());
        self.keep(place, &secret);
        secret
    }

    /// A secret that the gateway made itself.
    fn keep(&mut self, place: &str, secret: &str) {
        assert!(secret.len() >= 8, "{place}: too short to be looked for");
        self.0.push((place.to_owned(), secret.to_owned()));
    }

    /// The secrets that a text holds, also in another spelling.
    fn found_in(&self, name: &str, bytes: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        let holds = |secret: &str| {
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            [secret.to_lowercase(), STANDARD.encode(secret).to_lowercase(), hex]
                .iter()
                .any(|spelt| text.contains(spelt.trim_end_matches('=')))
        };
        let found = self.0.iter().filter(|(_, secret)| holds(secret));
        found.map(|(place, _)| format!("{name}: the secret in {place}")).collect()
    }
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

/// Every file below a folder but the database's.
fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let name = entry.file_name().into_string().unwrap();
        if kind.is_dir() {
            files.extend(files_below(&path));
        } else if kind.is_file() && !name.starts_with("vestibule.db") && name != "grant.key" {
            files.push((name, std::fs::read(path).unwrap()));
        }
    }
    files
}

/// Signs in, rightly and wrongly, and with a password in the wrong field.
async fn sign_in(gateway: &Gateway, planted: &mut Planted, right: &str) -> Client {
    let client = gateway.client();
    let wrong = planted.plant("a wrong password");
    client.try_sign_in("nora", &wrong).await;
    let typed = planted.plant("the name field");
    client.try_sign_in(&typed, "whatever it is").await;
    let page = client.open("/_vestibule/sign-in").await.expect(200);
    planted.keep("a form's token", between(page.text(), "name=\"form_token\" value=\"", "\""));
    let signed_in =
        vestibule_tests::eventually(std::time::Duration::from_secs(30), "signing in", async || {
            let reply = client.try_sign_in("nora", right).await;
            (reply.status != 503).then_some(reply)
        });
    let signed_in = signed_in.await.expect(303);
    let cookies = signed_in.all("set-cookie");
    let is_session =
        |cookie: &&str| cookie.starts_with("vestibule=") && !cookie.contains("Max-Age=0");
    let cookie = cookies.into_iter().find(is_session);
    planted.keep("a session's cookie", between(cookie.unwrap(), "=", ";"));
    client
}

/// Puts a secret into everything that a request has.
async fn send_everything(gateway: &Gateway, client: &Client, planted: &mut Planted) {
    for target in
        ["/browse/", "/browse/family/", "/image/welcome.jpg", "/_vestibule/account", "/no"]
    {
        let query = planted.plant("a query");
        let target = format!("{target}?size=thumbnail&token={query}");
        for (name, value) in [
            ("cookie", format!("vestibule={0}; other={0}", planted.plant("a cookie"))),
            ("authorization", format!("Bearer {}", planted.plant("a bearer token"))),
            ("authorization", {
                let both = format!("{}:{}", planted.plant("a name"), planted.plant("a password"));
                let encoded = STANDARD.encode(both);
                planted.keep("a Basic credential", &encoded);
                format!("Basic {encoded}")
            }),
            ("authorization", format!("Odd {}", planted.plant("another credential"))),
            ("user-agent", planted.plant("a user agent")),
            ("referer", format!("http://localhost/{}", planted.plant("a referrer"))),
            ("origin", format!("http://{}.example", planted.plant("an origin"))),
            ("x-forwarded-for", planted.plant("a forwarded address")),
            ("x-request-id", planted.plant("a request id")),
            ("x-vestibule-grant", planted.plant("a grant")),
            ("x-api-key", planted.plant("a key")),
        ] {
            client.get_with(&target, &[(name, &value)]).await;
        }
    }
    let back = planted.plant("a return target");
    client.open(&format!("/_vestibule/sign-in?return=/browse/%3Fx%3D{back}")).await;
    client.open(&format!("/_vestibule/s/{}", planted.plant("a share link"))).await;
    let body = planted.plant("a body");
    for target in ["/_vestibule/sign-in", "/_vestibule/account", "/image/welcome.jpg"] {
        let request = client.request(Method::POST, target).body(format!("form_token={body}"));
        let form = ("content-type", "application/x-www-form-urlencoded");
        Reply::to(request.header(form.0, form.1)).await;
    }
    Reply::to(client.request(Method::PUT, "/image/new.jpg").body(planted.plant("an upload"))).await;
    // what no client of good faith sends
    let method = planted.plant("a method");
    let host = planted.plant("a host");
    let target = planted.plant("a bad target");
    for bytes in [
        format!("{method} / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").into_bytes(),
        format!("GET / HTTP/1.1\r\nHost: {host}.example\r\nConnection: close\r\n\r\n").into_bytes(),
        raw::get(format!("/%00{target}"), &[]),
        raw::get(format!("/a/../{target}?{target}"), &[]),
        raw::get("/", &[&format!("Bad Header: {target}")]),
    ] {
        raw::tcp(gateway.address(), &bytes).await;
    }
}

/// A second factor: its secret, its recovery codes, and what is typed for a code.
async fn second_factor(gateway: &Gateway, planted: &mut Planted, right: &str) {
    let client = gateway.client();
    client.try_sign_in("nora", right).await.expect(303);
    let authenticator = client.turn_on_second_factor(right).await;
    planted.keep("a second factor", &authenticator.secret);
    planted.keep("a second factor as it is kept", &authenticator.secret.replace(' ', ""));
    for code in &authenticator.recovery_codes {
        planted.keep("a recovery code", code);
        planted.keep("a recovery code without dashes", &code.replace('-', ""));
    }
    let client = gateway.client();
    let step = client.try_sign_in("nora", right).await.expect(303);
    let ticket = step.cookie("vestibule-code");
    planted.keep("the cookie between the steps", between(&format!("{ticket};"), "=", ";"));
    client.try_code(&planted.plant("a wrong code")).await.expect(403);
    client.try_code(&authenticator.recovery_codes[0]).await.expect(200);
    let typed = planted.plant("a code for the first administrator");
    client.open(&format!("/_vestibule/setup?code={typed}")).await.expect(404);
}

/// A configuration with a mistake beside each secret; it is told of, the secrets are not.
fn mistaken_configuration(planted: &mut Planted) -> (String, Run) {
    let secrets =
        [planted.plant("store"), planted.plant("client_secret"), planted.plant("bind_password")];
    let text = format!(
        "store = \"postgres://vestibule:{}@localhost/db\"\nclient_secret = \"{}\"\n\
         bind_password = {{ value = \"{}\" }}\n",
        secrets[0], secrets[1], secrets[2],
    );
    let config = ConfigDir::new();
    config.write("vestibule.toml", &text);
    let run = Run::vestibule(&["check", "--config", config.path().to_str().unwrap()], "");
    (text, run.expect(2))
}

/// S82, S84.
#[tokio::test]
async fn a_planted_secret_reaches_no_log() {
    let mut planted = Planted::default();
    let config = ConfigDir::demo();
    let right = planted.plant("the right password");
    let folder = config.path().to_str().unwrap();
    let added =
        Run::vestibule(&["users", "add", "nora", "--password-stdin", "--config", folder], &right);
    let added = added.expect(0);
    let (mistaken, checked) = mistaken_configuration(&mut planted);
    let mut gateway = Gateway::start_talkative(config).await;
    let key = std::fs::read_to_string(gateway.config.at("state/grant.key")).unwrap();
    planted.keep("the key of grants", key.trim().rsplit([' ', ':', '=']).next().unwrap());
    let client = sign_in(&gateway, &mut planted, &right).await;
    send_everything(&gateway, &client, &mut planted).await;
    second_factor(&gateway, &mut planted, &right).await;
    gateway.client().get(&format!("/browse/family/{IN_THE_OPEN}/")).await.expect(401);
    // what is no request is told at the loudest alone
    let odd = raw::get("/browse/#x", &[]);
    let refused = raw::tcp(gateway.address(), &odd).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    gateway.config.write("vestibule.toml", &mistaken);
    vestibule_tests::eventually(
        std::time::Duration::from_secs(30),
        "the mistake is told",
        async || gateway.log().contains("the last good one stays").then_some(()),
    )
    .await;
    // a cookie that is worth nothing has ended the other
    gateway.signed_in("jane").await.sign_out().await;
    gateway.end(Signal::TERM);
    let mut files = files_below(&gateway.config.at("state"));
    files.push(("gateway.log".to_owned(), gateway.log().into_bytes()));
    files.push(("check".to_owned(), format!("{}{}", checked.out, checked.err).into_bytes()));
    files.push(("users add".to_owned(), format!("{}{}", added.out, added.err).into_bytes()));
    let found: Vec<_> =
        files.iter().flat_map(|(name, bytes)| planted.found_in(name, bytes)).collect();
    assert!(found.is_empty(), "{found:#?}");
    // the search finds what may be there, and the log was as loud as it can be
    let mut open = Planted::default();
    open.keep("the open", IN_THE_OPEN);
    for name in ["gateway.log", "audit.jsonl"] {
        let (_, bytes) = files.iter().find(|(file, _)| file == name).unwrap();
        assert_eq!(open.found_in(name, bytes), [format!("{name}: the secret in the open")]);
    }
    assert!(gateway.log().contains("DEBUG"), "{}", gateway.log());
    for record in [
        "sign_in_refused",
        "sign_in_accepted",
        "second_factor_added",
        "signed_out",
        "configuration_kept",
    ] {
        let audit = String::from_utf8_lossy(
            &std::fs::read(gateway.config.at("state/audit.jsonl")).unwrap(),
        )
        .into_owned();
        assert!(audit.contains(record), "{record}:\n{audit}");
    }
}
