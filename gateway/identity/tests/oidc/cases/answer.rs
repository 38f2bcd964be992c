//! What the browser brings back, and what the token endpoint answers.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use vestibule_identity::providers::oidc::ClientAuthentication;

use super::{redirect, tokens};
use crate::case::{Case, case};
use crate::provider::{Deviation, Provider, raw};

const JSON: &str = "application/json";

pub(super) fn all() -> Vec<Case> {
    let mut all = issuers();
    all.extend(parameters());
    all.extend(errors());
    all.extend(endpoint());
    all.extend(token_set());
    all
}

fn honest(_: &Provider) -> Deviation {
    Deviation::default()
}

fn with_issuer(_: &Provider) -> Deviation {
    Deviation { names_issuer: true, ..Deviation::default() }
}

fn push(brought: &mut Vec<(String, String)>, name: &str, value: &str) {
    brought.push((name.to_owned(), value.to_owned()));
}

fn set(brought: &mut Vec<(String, String)>, name: &str, value: &str) {
    brought.retain(|(its, _)| its != name);
    push(brought, name, value);
}

fn issuers() -> Vec<Case> {
    vec![
        case("the answer says whose it is", "RFC 9207 2.4", "accepted", with_issuer),
        case(
            "the answer is another issuer's",
            "RFC 9207 2.4",
            "the answer is another issuer's",
            with_issuer,
        )
        .meddled(|brought| set(brought, "iss", "https://evil.example")),
        case(
            "the answer does not say whose it is, though it should",
            "RFC 9207 2.4",
            "the answer does not say which issuer's it is",
            with_issuer,
        )
        .meddled(|brought| brought.retain(|(name, _)| name != "iss")),
        case(
            "the answer is another issuer's, of a provider that need not say",
            "RFC 9700 4.4",
            "the answer is another issuer's",
            honest,
        )
        .meddled(|brought| push(brought, "iss", "https://evil.example")),
        case(
            "an error is another issuer's",
            "RFC 9207 2.4",
            "the answer is another issuer's",
            |_| Deviation {
                names_issuer: true,
                error: Some("access_denied"),
                ..Deviation::default()
            },
        )
        .meddled(|brought| set(brought, "iss", "https://evil.example")),
    ]
}

fn parameters() -> Vec<Case> {
    let state = "the answer belongs to no sign-in that was begun here";
    let late = "the sign-in took longer than ten minutes";
    vec![
        case("`state` is another sign-in's", "RFC 6749 10.12", state, honest)
            .meddled(|brought| set(brought, "state", "x")),
        case("`state` is missing", "RFC 6749 10.12", state, honest)
            .meddled(|brought| brought.retain(|(name, _)| name != "state")),
        case("`state` stands twice", "RFC 6749 3.1", "`state` stands twice in the answer", honest)
            .meddled(|brought| push(brought, "state", "x")),
        case("`code` stands twice", "RFC 6749 3.1", "`code` stands twice in the answer", honest)
            .meddled(|brought| push(brought, "code", "x")),
        case("there is no code", "RFC 6749 4.1.2", "the answer holds no code", honest)
            .meddled(|brought| brought.retain(|(name, _)| name != "code")),
        case("there are a code and an error", "RFC 6749 4.1.2", "the answer holds no code", honest)
            .meddled(|brought| push(brought, "error", "access_denied")),
        case(
            "an ID token comes by the browser",
            "RFC 9700 2.1.2",
            "the answer holds `id_token`, which was not asked for",
            honest,
        )
        .meddled(|brought| push(brought, "id_token", "x.y.z")),
        case(
            "an access token comes by the browser",
            "RFC 9700 2.1.2",
            "the answer holds `access_token`, which was not asked for",
            honest,
        )
        .meddled(|brought| push(brought, "access_token", "x")),
        case(
            "a code is injected",
            "RFC 9700 4.5",
            "the provider does not accept the code or refresh token",
            honest,
        )
        .meddled(|brought| set(brought, "code", "somebody-elses")),
        case("somebody takes eleven minutes", "OpenID Core 15.5.2", late, honest)
            .taking(Duration::from_secs(660)),
    ]
}

fn errors() -> Vec<Case> {
    vec![
        case("somebody says no", "RFC 6749 4.1.2.1", "the provider denied access", |_| Deviation {
            error: Some("access_denied"),
            ..Deviation::default()
        }),
        case(
            "the provider wants to ask something",
            "OpenID Core 3.1.2.6",
            "the provider wants somebody to sign in, choose or agree first",
            |_| Deviation { error: Some("login_required"), ..Deviation::default() },
        ),
        case(
            "the provider is in trouble",
            "RFC 6749 4.1.2.1",
            "the provider has a trouble of its own",
            |_| Deviation { error: Some("server_error"), ..Deviation::default() },
        ),
        case(
            "the error is a script",
            "RFC 6749 4.1.2.1",
            "the provider answered with an error that is not known",
            |_| Deviation { error: Some("<script>alert(1)</script>"), ..Deviation::default() },
        ),
    ]
}

fn endpoint() -> Vec<Case> {
    vec![
        case("the client shows its secret in a header", "client-secret-basic", "accepted", honest)
            .configured(|config| config.client_authentication = ClientAuthentication::Basic),
        case("the client shows its secret in the body", "OpenID Core 9", "accepted", honest)
            .configured(|config| config.client_authentication = ClientAuthentication::Post),
        case(
            "the client's secret is wrong",
            "OpenID Core 9",
            "the provider does not accept the gateway as its client",
            honest,
        )
        .configured(|config| config.client_secret = Some("wrong".into())),
        case(
            "the token endpoint is elsewhere",
            "RFC 9700 4.12",
            "the token endpoint answered with a redirect, which is not followed",
            |_| Deviation { raw_tokens: redirect(), ..Deviation::default() },
        ),
        case(
            "the token endpoint never answers",
            "OpenID Core 3.1.3",
            "the token endpoint did not answer in time",
            |_| Deviation { silent: BTreeSet::from(["token"]), ..Deviation::default() },
        )
        .configured(|config| config.timeout = Duration::from_secs(3)),
        case(
            "the token endpoint answers with a list",
            "OpenID Core 3.1.3.3",
            "the token endpoint answered with what can't be used: it is JSON, but no object",
            |_| Deviation { raw_tokens: raw(200, JSON, "[{}]"), ..Deviation::default() },
        ),
        case(
            "the token endpoint refuses with a page",
            "RFC 6749 5.2",
            "the token endpoint answered with status 502",
            |_| Deviation { raw_tokens: raw(502, "text/html", "<b>no"), ..Deviation::default() },
        ),
    ]
}

fn token_set() -> Vec<Case> {
    vec![
        case(
            "there is no ID token",
            "OpenID Core 3.1.3.3",
            "the provider gave no usable `id_token`",
            |_| tokens(json!({ "id_token": null })),
        ),
        case(
            "the ID token is an object",
            "OpenID Core 3.1.3.3",
            "the provider gave no usable `id_token`",
            |_| tokens(json!({ "id_token": { "sub": "1" } })),
        ),
        case(
            "there is no access token",
            "OpenID Core 3.1.3.3",
            "the provider gave no usable `access_token`",
            |_| tokens(json!({ "access_token": null })),
        ),
        case(
            "the access token breaks the header it goes into",
            "RFC 6750 2.1",
            "the provider gave no usable `access_token`",
            |_| tokens(json!({ "access_token": "a\r\nX-Evil: 1" })),
        ),
        case(
            "the tokens are of a type that is not known",
            "OpenID Core 3.1.3.3",
            "the provider's tokens are of another type than Bearer",
            |_| tokens(json!({ "token_type": "mac" })),
        ),
        case("the type is spelled `bearer`", "RFC 6749 5.1", "accepted", |_| {
            tokens(json!({ "token_type": "bearer" }))
        }),
    ]
}
