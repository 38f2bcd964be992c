//! In force at once: what is revoked is refused to the first request that starts after the command
//! returned (S74), trial after trial, while others ask all the time; and what runs by it ends.
//!
//! A trial goes the way of the command line: it writes the store, or the file, tells the running
//! gateway by its control socket, and is done when that answers. `VESTIBULE_TRIALS` says how many
//! there are; `make trials` runs 10,000.

mod bench;
mod streams;

use std::time::{Duration, Instant};

use vestibule_tests::{ConfigDir, Gateway, pictures, postgres};

use bench::{Asking, Bench, PICTURE, ROLE};

/// What can be revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    Grant,
    GroupMapping,
    RoleInToml,
    Session,
    Account,
    AppPassword,
}

impl Right {
    const ALL: [Self; 6] = [
        Self::Grant,
        Self::GroupMapping,
        Self::RoleInToml,
        Self::Session,
        Self::Account,
        Self::AppPassword,
    ];

    /// Whose it is.
    const fn user(self) -> &'static str {
        match self {
            Self::Grant => "jane",
            Self::GroupMapping => "mapped",
            Self::RoleInToml => "fred",
            Self::Session => "olivia",
            Self::Account => "mia",
            Self::AppPassword => "anna",
        }
    }
}

/// Trials of one run, over all rights.
fn trials() -> usize {
    std::env::var("VESTIBULE_TRIALS").ok().and_then(|text| text.parse().ok()).unwrap_or(500)
}

/// Whoever may see the picture by their name, and those who are admitted by the store alone.
fn permissions(fred: bool) -> String {
    let named = ["olivia", "mia", "anna"].into_iter().chain(fred.then_some("fred"));
    let named =
        named.map(|name| format!("[[user_roles]]\nusername = \"{name}\"\nroles = [\"{ROLE}\"]\n"));
    let roles = format!("[roles.{ROLE}]\npermissions = {{ can_view = true }}\n");
    roles + &named.collect::<String>()
}

/// A site with one picture; groups come from a provider, which is not asked for them here.
fn config() -> ConfigDir {
    config_on("")
}

fn config_on(store: &str) -> ConfigDir {
    let provider = "issuer = \"http://127.0.0.1:9\"\nclient_id = \"vestibule\"\n";
    let config = ConfigDir::new()
        .with_gateway(&format!("{store}[identity.oidc.office]\n{provider}"))
        .with_site("site", "hosts = [\"localhost\"]", &permissions(true));
    config.put("site", "a.jpg", pictures::jpeg(60, 40));
    config
}

/// How long something took, sorted.
fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    format!("median {:?}, 90 % {:?}, 99 % {:?}, at most {:?}", at(50), at(90), at(99), at(100))
}

/// S74, S6: of so many trials, each is refused at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_is_refused_to_the_next_request() {
    let gateway = Gateway::start(config()).await;
    let mut bench = Bench::on_sqlite(&gateway).await;
    let asking = Asking::start(&gateway, bench.sessions());
    let each = trials().div_ceil(Right::ALL.len());
    let mut report = String::new();
    for right in Right::ALL {
        let began = Instant::now();
        for trial in 0..each {
            bench.give(right).await;
            let before = bench.ask(right);
            assert_eq!(before, 200, "{right:?}, trial {trial}: before it is revoked");
            bench.take(right).await;
            let after = bench.ask(right);
            assert!(
                // what was an app password is counted like a guess, and so many are held
                matches!(after, 401 | 404 | 429),
                "{right:?}, trial {trial}: {after} after it was revoked"
            );
        }
        let took = began.elapsed();
        report.push_str(&format!("{right:?}: {each} of {each} refused at once, in {took:.1?}\n"));
    }
    let asked = asking.stop();
    eprintln!("{report}meanwhile {asked} requests of the same sessions were answered");
    assert!(asked > 0);
}

/// The same by the program itself, which is slower to start than to do it.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_returns_when_it_is_in_force() {
    let gateway = Gateway::start(config()).await;
    let mut bench = Bench::on_sqlite(&gateway).await;
    let asking = Asking::start(&gateway, bench.sessions());
    let each = (trials() / 100).max(5);
    let access = ["cluster", "users", "access"];
    let whom = ["--user", "jane", "--node", "site", "--role", ROLE];
    for trial in 0..each {
        let config = &gateway.config;
        config.run(&[access.as_slice(), &["grant"], &whom].concat()).expect(0);
        assert_eq!(bench.ask(Right::Grant), 200, "grant {trial}");
        config.run(&[access.as_slice(), &["revoke", "--yes"], &whom].concat()).expect(0);
        assert_eq!(bench.ask(Right::Grant), 404, "grant {trial}");

        let node = ["cluster", "nodes"];
        let allow = ["allow-group", "site", "family", "--role", ROLE];
        config.run(&[node.as_slice(), &allow].concat()).expect(0);
        assert_eq!(bench.ask(Right::GroupMapping), 200, "mapping {trial}");
        config
            .run(&[node.as_slice(), &["deny-group", "site", "family", "--yes"]].concat())
            .expect(0);
        assert_eq!(bench.ask(Right::GroupMapping), 404, "mapping {trial}");

        for (fred, status) in [(true, 200), (false, 404)] {
            config.write("config.d/sites/site/permissions.toml", &permissions(fred));
            config.run(&["reload"]).expect(0);
            assert_eq!(bench.ask(Right::RoleInToml), status, "role {trial}");
        }
    }
    gateway.config.write("config.d/sites/site/permissions.toml", "roles = 7\n");
    gateway.config.run(&["reload"]).expect(2);
    assert_eq!(bench.ask(Right::Session), 200, "the last good rules stay");
    bench.give(Right::Account).await;
    assert_eq!(bench.ask(Right::Account), 200);
    gateway.config.run(&["users", "rm", "mia", "--yes"]).expect(0);
    assert_eq!(bench.ask(Right::Account), 401);
    // signed out by a page: the portal's session, and with it the site's
    let olivia = gateway.signed_in("olivia").await;
    olivia.get(PICTURE).await.expect(200);
    let session = olivia.enter("/").await.cookie("vestibule.site");
    olivia.sign_out().await;
    assert_eq!(bench.ask_as(&format!("Cookie: {session}")), 401);
    eprintln!("{each} of each by the program; meanwhile {} requests", asking.stop());
}

/// What is revoked through one gateway is refused by another within a second. The requirement is
/// the median's and the maximum's, which are printed; a busy machine may take longer than either.
#[tokio::test(flavor = "multi_thread")]
async fn another_gateway_refuses_within_a_second() {
    let url = postgres().await.database();
    let on = || config_on(&format!("store = \"{url}\"\n"));
    let (one, two) = tokio::join!(Gateway::start(on()), Gateway::start(on()));
    let mut first = Bench::on_postgres(&one, &url).await;
    let mut second = first.seen_through(&two);
    let mut times = Vec::new();
    for _ in 0..(trials() / 20).clamp(20, 100) {
        for right in Right::ALL.into_iter().filter(|right| *right != Right::RoleInToml) {
            first.give(right).await;
            second.becomes(right, |status| status == 200).await;
            first.take(right).await;
            times.push(second.becomes(right, |status| matches!(status, 401 | 404 | 429)).await);
        }
    }
    eprintln!("another gateway refuses, of {} trials: {}", times.len(), spread(times));
}

/// S7: with one session more than the configuration allows, the oldest is over.
#[tokio::test]
async fn an_account_has_so_many_sessions_and_no_more() {
    let gateway = Gateway::start(config_on("[sessions]\nmax_per_account = 2\n")).await;
    let first = gateway.signed_in("olivia").await;
    let second = gateway.signed_in("olivia").await;
    first.get(PICTURE).await.expect(200);
    let third = gateway.signed_in("olivia").await;
    first.get(PICTURE).await.expect(401);
    for client in [second, third] {
        client.get(PICTURE).await.expect(200);
    }
}
