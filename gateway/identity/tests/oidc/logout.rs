//! What comes later: the provider's word that somebody signed out, new tokens, signing out there.

use serde_json::{Value, json};
use url::Url;
use vestibule_identity::providers::oidc::RefreshError;

use crate::case::{Stage, told};
use crate::keys::Signing;
use crate::provider::{CLIENT, Deviation, NOW, patch, raw};

/// A logout token, and what comes of it.
pub(crate) struct LogoutCase {
    pub(crate) name: &'static str,
    pub(crate) condition: &'static str,
    pub(crate) outcome: &'static str,
    header: Value,
    claims: Value,
    signing: Signing,
}

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn case(
    name: &'static str,
    condition: &'static str,
    outcome: &'static str,
    claims: Value,
) -> LogoutCase {
    LogoutCase { name, condition, outcome, header: json!({}), claims, signing: Signing::Rs256 }
}

impl LogoutCase {
    fn signed(mut self, signing: Signing) -> Self {
        self.signing = signing;
        self
    }

    fn with_header(mut self, header: Value) -> Self {
        self.header = header;
        self
    }

    async fn run(&self, stage: &Stage) -> String {
        match stage.client.logout_token(&self.token(stage)).await {
            Ok(_) => "accepted".to_owned(),
            Err(error) => told(&error),
        }
    }

    pub(crate) fn token(&self, stage: &Stage) -> String {
        let mut header = json!({ "typ": "logout+jwt" });
        for (name, value) in self.header.as_object().unwrap() {
            header[name] = value.clone();
        }
        let mut claims = json!({
            "iss": stage.provider.issuer, "aud": CLIENT, "iat": NOW, "exp": NOW + 120,
            "jti": "logout-1", "sid": "session-1", "sub": "248289761001",
            "events": { EVENT: {} },
        });
        patch(&mut claims, &self.claims);
        stage.provider.keys().token(&header, &claims, self.signing)
    }
}

/// Every case of a logout token.
pub(crate) fn all() -> Vec<LogoutCase> {
    let mut all = signatures();
    all.extend(parties());
    all.extend(contents());
    all.extend(times());
    all
}

fn signatures() -> Vec<LogoutCase> {
    let algorithm = "the token's algorithm is not accepted";
    let kind = "the token is of another kind";
    let none = || json!({});
    vec![
        case("somebody signed out", "rp-backchannel-rpinitlogout", "accepted", none()),
        case("it is not signed", "rp-backchannel-rpinitlogout-alg-none", algorithm, none())
            .signed(Signing::None),
        case(
            "it is signed with a secret",
            "rp-backchannel-rpinitlogout-wrong-alg",
            algorithm,
            none(),
        )
        .signed(Signing::ClientSecret),
        case(
            "it is signed by somebody else",
            "OpenID Back-Channel Logout 2.6",
            "the token's signature is wrong",
            none(),
        )
        .signed(Signing::Impostor),
        case("it is an ID token", "RFC 8725 3.11", kind, none())
            .with_header(json!({ "typ": "JWT" })),
        case("it says no type", "OpenID Back-Channel Logout 2.4", kind, none())
            .with_header(json!({ "typ": null })),
    ]
}

fn parties() -> Vec<LogoutCase> {
    vec![
        case(
            "`iss` is another issuer",
            "rp-backchannel-rpinitlogout-wrong-iss",
            "the token is another issuer's",
            json!({ "iss": "https://evil.example" }),
        ),
        case(
            "`aud` is another client",
            "rp-backchannel-rpinitlogout-wrong-aud",
            "the token is not for this client",
            json!({ "aud": "another" }),
        ),
        case(
            "`aud` is missing",
            "OpenID Back-Channel Logout 2.4",
            "the token has no usable `aud`",
            json!({ "aud": null }),
        ),
        case(
            "it names a session alone",
            "OpenID Back-Channel Logout 2.4",
            "accepted",
            json!({ "sub": null }),
        ),
        case(
            "it names somebody alone",
            "OpenID Back-Channel Logout 2.4",
            "accepted",
            json!({ "sid": null }),
        ),
        case(
            "it names nobody",
            "OpenID Back-Channel Logout 2.6, 5",
            "the token has neither `sub` nor `sid`",
            json!({ "sub": null, "sid": null }),
        ),
        case(
            "`sid` is a number",
            "OpenID Back-Channel Logout 2.4",
            "the token has no usable `sid`",
            json!({ "sid": 1 }),
        ),
    ]
}

fn contents() -> Vec<LogoutCase> {
    let event = "the token tells of no sign-out";
    vec![
        case(
            "there is no event",
            "rp-backchannel-rpinitlogout-no-event",
            event,
            json!({ "events": null }),
        ),
        case(
            "it is another event",
            "rp-backchannel-rpinitlogout-wrong-event",
            event,
            json!({ "events": { "http://schemas.openid.net/event/other": {} } }),
        ),
        case(
            "the event is a text",
            "OpenID Back-Channel Logout 2.4",
            event,
            json!({ "events": { EVENT: "yes" } }),
        ),
        case(
            "it has a `nonce`",
            "rp-backchannel-rpinitlogout-with-nonce",
            "the token has a `nonce`, which no logout token has",
            json!({ "nonce": "x" }),
        ),
        case(
            "`jti` is missing",
            "OpenID Back-Channel Logout 2.4",
            "the token has no usable `jti`",
            json!({ "jti": null }),
        ),
    ]
}

fn times() -> Vec<LogoutCase> {
    vec![
        case(
            "`iat` is missing",
            "OpenID Back-Channel Logout 2.4",
            "the token has no usable `iat`",
            json!({ "iat": null }),
        ),
        case(
            "`iat` lies ahead",
            "OpenID Back-Channel Logout 2.6, 4",
            "the token was not made when it was asked for",
            json!({ "iat": NOW + 61 }),
        ),
        case(
            "`exp` is missing",
            "OpenID Back-Channel Logout 2.4",
            "the token has no usable `exp`",
            json!({ "exp": null }),
        ),
        case(
            "`exp` is over",
            "OpenID Back-Channel Logout 2.6, 4",
            "the token has expired",
            json!({ "exp": NOW - 60 }),
        ),
        case(
            "`exp` is 1e300",
            "RFC 7519 2",
            "the token has no usable `exp`",
            json!({ "exp": 1e300 }),
        ),
        case(
            "it is good for a day",
            "OpenID Back-Channel Logout 2.4",
            "the token is good for too long",
            json!({ "exp": NOW + 86_400 }),
        ),
    ]
}

/// S28: every case of the table.
#[tokio::test]
async fn every_logout_token_comes_out_as_listed() {
    let stage = Stage::new(|_| {}).await;
    let mut wrong = Vec::new();
    for case in all() {
        let outcome = case.run(&stage).await;
        if outcome != case.outcome {
            wrong
                .push(format!("{}:\n  expected {}\n  but      {outcome}", case.name, case.outcome));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A deviation while tokens are refreshed, and what comes of it.
pub(crate) struct RefreshCase {
    pub(crate) name: &'static str,
    pub(crate) condition: &'static str,
    pub(crate) outcome: &'static str,
    deviation: Deviation,
}

/// Every case of a refresh.
pub(crate) fn refreshes() -> Vec<RefreshCase> {
    let mut all = renewals();
    all.extend(no_renewals());
    all
}

fn refresh(
    name: &'static str,
    condition: &'static str,
    outcome: &'static str,
    deviation: Deviation,
) -> RefreshCase {
    RefreshCase { name, condition, outcome, deviation }
}

fn renewals() -> Vec<RefreshCase> {
    let claims = |claims| Deviation { claims, ..Deviation::default() };
    let ends = "what the provider answers to a refresh is not accepted";
    vec![
        refresh("tokens are renewed", "refresh-token", "accepted", Deviation::default()),
        refresh(
            "a renewal brings no ID token",
            "OpenID Core 12.2",
            "accepted",
            Deviation { tokens: json!({ "id_token": null }), ..Deviation::default() },
        ),
        refresh(
            "the renewed token is another issuer's",
            "refresh-token-invalid-issuer",
            ends,
            claims(json!({ "iss": "https://evil.example" })),
        ),
        refresh(
            "the renewed token speaks of somebody else",
            "refresh-token-invalid-sub",
            ends,
            claims(json!({ "sub": "another" })),
        ),
        refresh(
            "the renewed token has another `nonce`",
            "OpenID Core 12.2",
            ends,
            claims(json!({ "nonce": "another" })),
        ),
        refresh(
            "userinfo speaks of somebody else after a renewal",
            "userinfo-invalid-sub",
            ends,
            Deviation { user_info: json!({ "sub": "another" }), ..Deviation::default() },
        ),
    ]
}

fn no_renewals() -> Vec<RefreshCase> {
    let tokens = |raw| Deviation { raw_tokens: raw, ..Deviation::default() };
    vec![
        refresh(
            "the refresh token is no longer good",
            "RFC 6749 5.2",
            "the provider no longer accepts the refresh token",
            tokens(raw(400, "application/json", r#"{"error": "invalid_grant"}"#)),
        ),
        refresh(
            "the provider is in trouble at a renewal",
            "RFC 6749 5.2",
            "the provider can't be asked now",
            tokens(raw(503, "text/html", "later")),
        ),
        refresh(
            "the provider does not know the client at a renewal",
            "RFC 6749 5.2",
            "the provider can't be asked now",
            tokens(raw(401, "application/json", r#"{"error": "invalid_client"}"#)),
        ),
        refresh(
            "the provider signs a renewal with a key that is not published yet",
            "signing-key-rotation-just-before-signing",
            "the provider can't be asked now",
            Deviation { signing: Signing::Unpublished, ..Deviation::default() },
        ),
    ]
}

/// S26: what is over ends a session, what is not known does not.
#[tokio::test]
async fn every_refresh_comes_out_as_listed() {
    for case in refreshes() {
        let stage = Stage::new(|_| {}).await;
        let arrived = stage.sign_in().await.unwrap();
        stage.provider.deviate(case.deviation);
        let refreshed = stage.client.refresh(&arrived.user.subject, &arrived.tokens).await;
        let outcome = match &refreshed {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(outcome, case.outcome, "{}: {refreshed:?}", case.name);
    }
}

/// S26: a token that rotates is good once.
#[tokio::test]
async fn a_refresh_token_that_was_used_is_over() {
    let stage = Stage::new(|_| {}).await;
    let arrived = stage.sign_in().await.unwrap();
    let refresh = async |tokens| stage.client.refresh(&arrived.user.subject, tokens).await;
    let again = refresh(&arrived.tokens).await.unwrap().unwrap();
    let next = again.tokens.refresh_token.as_ref().unwrap();
    assert_ne!(next.expose(), arrived.tokens.refresh_token.as_ref().unwrap().expose());
    assert_eq!(again.tokens.session, arrived.tokens.session);
    let used = refresh(&arrived.tokens).await;
    assert!(matches!(used, Err(RefreshError::Over)), "{used:?}");
    assert!(refresh(&again.tokens).await.is_ok());
}

/// S28.
#[tokio::test]
async fn signing_out_at_the_provider_shows_the_token_and_says_where_to_come_back() {
    let stage = Stage::new(|_| {}).await;
    let arrived = stage.sign_in().await.unwrap();
    let back = Url::parse("https://photos.example.com/_vestibule/signed-out").unwrap();
    let address = stage.client.end_session(&arrived.tokens, &back, "s1").await.unwrap().unwrap();
    let query: Vec<_> = address.query_pairs().into_owned().collect();
    let hint = arrived.tokens.id_token.as_ref().unwrap().expose();
    let expected = [
        ("id_token_hint", hint.as_str()),
        ("client_id", CLIENT),
        ("post_logout_redirect_uri", back.as_str()),
        ("state", "s1"),
    ];
    let query: Vec<_> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(query, expected);
    assert!(address.as_str().starts_with(&format!("{}/end?", stage.provider.issuer)));
}

/// A token that is too long to be kept is not cut.
#[tokio::test]
async fn a_long_id_token_is_not_kept() {
    let stage = Stage::new(|_| {}).await;
    let claims = json!({ "padding": "x".repeat(4096) });
    stage.provider.deviate(Deviation { claims, ..Deviation::default() });
    assert!(stage.sign_in().await.unwrap().tokens.id_token.is_none());
}

#[tokio::test]
async fn a_provider_without_sign_out_has_none() {
    let stage = Stage::new(|_| {}).await;
    let discovery = json!({ "end_session_endpoint": null });
    stage.provider.deviate(Deviation { discovery, ..Deviation::default() });
    let arrived = stage.sign_in().await.unwrap();
    let back = Url::parse("https://photos.example.com/").unwrap();
    assert_eq!(stage.client.end_session(&arrived.tokens, &back, "s1").await.unwrap(), None);
}
