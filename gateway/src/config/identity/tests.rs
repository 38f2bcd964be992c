//! What `[identity]` may say, and what is told of a mistake.

use std::collections::BTreeSet;

use vestibule_identity::providers::oidc::ClientAuthentication;
use vestibule_schema::problem::Source;

use super::*;

fn read(text: &str) -> (IdentityConfig, Vec<Problem>) {
    read_at(true, text)
}

/// The same, with or without a `public_url` that is configured.
fn read_at(is_known: bool, text: &str) -> (IdentityConfig, Vec<Problem>) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), "from a file\n").unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["vestibule".into()]).unwrap();
    std::fs::write(dir.path().join("client.pem"), made.cert.pem()).unwrap();
    std::fs::write(dir.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let source = Source::new("vestibule.toml", text);
    let reader = Reader::new(&source);
    let mut root = reader.root(source.text());
    let url = PublicUrl {
        text: "https://photos.example.com".to_owned(),
        host: "photos.example.com".to_owned(),
        is_known,
    };
    let config = IdentityConfig::read(&mut root, &url, dir.path());
    root.finish();
    (config, reader.into_problems())
}

#[test]
fn a_provider_is_read_with_its_defaults() {
    let (config, problems) = read(
        r#"
        [identity.oidc.office]
        issuer = "https://id.example.com/realms/photos"
        client_id = "vestibule"
        client_secret = { file = "secret" }
        "#,
    );
    assert!(problems.is_empty(), "{problems:?}");
    let provider = config.oidc.values().next().unwrap();
    assert_eq!(provider.registration, Registration::default());
    let oidc = &provider.config;
    assert_eq!(oidc.client_secret.as_ref().unwrap().expose(), "from a file");
    assert_eq!(oidc.display_name, "office");
    assert_eq!(oidc.scopes, ["profile", "email"]);
    assert_eq!(oidc.groups_claim, "groups");
    assert_eq!(
        oidc.redirect_uri.as_str(),
        "https://photos.example.com/_vestibule/oidc/office/callback"
    );
    assert!(!format!("{config:?}").contains("from a file"));
}

#[test]
fn every_key_is_read() {
    let (config, problems) = read(
        r#"
        [identity.oidc.office]
        issuer = "https://id.example.com"
        client_id = "vestibule"
        client_secret = "x"
        client_authentication = "post"
        display_name = "The office"
        scopes = ["openid", "profile", "groups", "offline_access"]
        groups_claim = "https://example.com/groups"
        name_claim = "upn"
        acr_values = ["urn:mfa"]
        required_acr = ["urn:mfa"]
        max_age_seconds = 3600
        auto_register = true
        allow_groups = ["Family"]
        allow_email_domains = ["@Example.com"]
        trust_names = true
        local_fallback = true

        [identity.oidc.home]
        issuer = "http://127.0.0.1:4000"
        client_id = "vestibule"
        "#,
    );
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(config.oidc.len(), 2);
    let provider = &config.oidc["office"];
    let oidc = &provider.config;
    assert_eq!(oidc.scopes, ["profile", "groups", "offline_access"]);
    assert_eq!(oidc.max_age.unwrap().as_secs(), 3600);
    assert_eq!(oidc.required_acr, BTreeSet::from(["urn:mfa".to_owned()]));
    let registration = &provider.registration;
    assert!(registration.auto_register && registration.trust_names && registration.local_fallback);
    let domains = BTreeSet::from(["example.com".to_owned()]);
    assert_eq!(registration.allow_email_domains, domains);
    assert!(registration.allow_groups.contains("family"));
}

/// Every mistake has a place, and all are told at once.
#[test]
fn mistakes_are_told() {
    let check = |line: &str, code: &str| {
        let text = format!(
            "[identity.oidc.office]\nissuer = \"https://id.example.com\"\nclient_id = \"v\"\n{line}"
        );
        let (_, problems) = read(&text);
        let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, [code], "{line}");
    };
    check("isuer = \"x\"", "document::unknown_key");
    check("client_authentication = \"jwt\"", "config::bad_client_authentication");
    check("client_secret = { file = \"nowhere\" }", "config::bad_secret");
    check("client_secret = { env = \"VESTIBULE_NO_SUCH\" }", "config::bad_secret");
    check("client_secret = { file = \"secret\", env = \"X\" }", "config::bad_secret");
    check("client_secret = {}", "config::bad_secret");
    check("client_secret = \"\"", "config::bad_secret");
    check("scopes = [\"a b\"]", "config::bad_scope");
    check("max_age_seconds = -1", "config::bad_max_age");
    check("allow_groups = [\"family\"]", "config::bound_without_effect");
    check("auto_register = true\nallow_email_domains = [\"*.com\"]", "config::bad_domain");
    check("auto_register = true\nallow_groups = [\"\"]", "config::bad_group");
    let (config, problems) = read("[identity.oidc.\"a b\"]\nissuer = 1\n[identity.oidc.b]\n");
    assert!(config.oidc.is_empty());
    assert_eq!(problems.len(), 3, "{problems:?}");
    let (_, problems) =
        read("[identity.oidc.a]\nissuer = \"http://id.example.com\"\nclient_id = \"v\"");
    assert_eq!(problems[0].code, "config::bad_issuer");
}

/// Where nobody knows how browsers reach the gateway, no provider can send them back.
#[test]
fn a_provider_needs_a_public_url() {
    let text = "[identity.oidc.office]\nissuer = \"https://id.example.com\"\nclient_id = \"v\"\n";
    let (_, problems) = read_at(false, text);
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["config::no_public_url"]);
}

/// S32: a certificate in the place of a secret, and never half of it.
#[test]
fn a_client_may_be_known_by_its_certificate() {
    let text = |more: &str| {
        format!(
            "[identity.oidc.office]\nissuer = \"https://id.example.com\"\nclient_id = \"v\"\n{more}"
        )
    };
    let both = "client_certificate = \"client.pem\"\nclient_key = \"key.pem\"\n";
    let tls = "client_authentication = \"tls\"\n";
    let (config, problems) = read(&text(&format!("{tls}{both}")));
    assert!(problems.is_empty(), "{problems:?}");
    let office = &config.oidc["office"].config;
    assert!(matches!(office.client_authentication, ClientAuthentication::Tls(_)));
    assert!(office.client_secret.is_none());
    let check = |more: &str, code: &str, line: &str| {
        let (_, problems) = read(&text(more));
        let [problem] = &problems[..] else { panic!("{more}: {problems:?}") };
        assert_eq!(problem.code, code, "{more}");
        let place = problem.source.reference(problem.span.start).to_string();
        assert!(place.contains(line) && problem.help.is_some(), "{place}: {problem:?}");
    };
    let secret = "client_secret = \"planted\"\n";
    check(&format!("{tls}{both}{secret}"), "config::secret_beside_certificate", ":7");
    let one = "client_certificate = \"client.pem\"\n";
    check(&format!("{tls}{one}"), "config::no_client_certificate", ":4");
    check(tls, "config::no_client_certificate", ":4");
    check("client_key = \"key.pem\"\n", "config::certificate_without_effect", ":4");
    let other = "client_authentication = \"post\"\nclient_secret = \"planted\"\n";
    check(&format!("{other}{one}"), "config::certificate_without_effect", ":6");
    for bad in ["nowhere.pem", "secret", "client.pem"] {
        let key = format!("client_key = \"{bad}\"\n");
        check(&format!("{tls}{one}{key}"), "config::bad_client_certificate", ":5");
    }
    check(
        &format!("{tls}{both}").replace("tls", "tlss"),
        "config::bad_client_authentication",
        ":4",
    );
}
