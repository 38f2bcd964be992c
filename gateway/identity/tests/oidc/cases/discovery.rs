//! What a provider says of itself, and its keys.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::{discovery, redirect};
use crate::case::{Case, case};
use crate::provider::{Deviation, raw};

const JSON: &str = "application/json";
const UNUSABLE: &str = "the discovery document answered with what can't be used: it is no JSON, or \
                        a name stands twice in it";

pub(super) fn all() -> Vec<Case> {
    let mut all = document();
    all.extend(addresses());
    all.extend(keys());
    all
}

fn document() -> Vec<Case> {
    vec![
        case("an honest provider", "client-test", "accepted", |_| Deviation::default()),
        case(
            "the discovery document names another issuer",
            "discovery-issuer-mismatch",
            "the discovery document names another issuer than the configuration",
            |_| discovery(json!({ "issuer": "https://evil.example" })),
        ),
        case(
            "the discovery document names the issuer with a slash more",
            "discovery-issuer-mismatch",
            "the discovery document names another issuer than the configuration",
            |p| discovery(json!({ "issuer": format!("{}/", p.issuer) })),
        ),
        case(
            "the discovery document names the issuer twice",
            "OpenID Discovery 4.3",
            UNUSABLE,
            |p| {
                let body =
                    format!(r#"{{"issuer": "https://x.example", "issuer": "{}"}}"#, p.issuer);
                Deviation { raw_discovery: raw(200, JSON, &body), ..Deviation::default() }
            },
        ),
        case(
            "the discovery document is a page",
            "discovery-openid-config",
            "the discovery document answered with another content type than JSON",
            |_| Deviation { raw_discovery: raw(200, "text/html", "{}"), ..Deviation::default() },
        ),
        case(
            "the discovery document is elsewhere",
            "discovery-openid-config",
            "the discovery document answered with a redirect, which is not followed",
            |_| Deviation { raw_discovery: redirect(), ..Deviation::default() },
        ),
        case(
            "the discovery document never comes",
            "discovery-openid-config",
            "the discovery document did not answer in time",
            |_| Deviation { silent: BTreeSet::from(["discovery"]), ..Deviation::default() },
        )
        .configured(|config| config.timeout = Duration::from_millis(200)),
    ]
}

fn addresses() -> Vec<Case> {
    vec![
        case(
            "the token endpoint is plain HTTP, and not on this machine",
            "OpenID Core 3.1.3",
            "`token_endpoint` of the discovery document is neither HTTPS nor on this machine",
            |_| discovery(json!({ "token_endpoint": "http://id.example/token" })),
        ),
        case(
            "the authorization endpoint is a script",
            "RFC 9700 4.1",
            "`authorization_endpoint` of the discovery document is neither HTTPS nor on this machine",
            |_| discovery(json!({ "authorization_endpoint": "javascript:alert(1)" })),
        ),
        case(
            "there is no token endpoint",
            "OpenID Discovery 3",
            "the discovery document has no usable `token_endpoint`",
            |_| discovery(json!({ "token_endpoint": null })),
        ),
        case(
            "PKCE is offered as `plain` alone",
            "RFC 9700 2.1.1",
            "the provider does not offer PKCE with S256",
            |_| discovery(json!({ "code_challenge_methods_supported": ["plain"] })),
        ),
        case("PKCE is not spoken of", "RFC 7636 5", "accepted", |_| {
            discovery(json!({ "code_challenge_methods_supported": null }))
        }),
        case(
            "the code flow is not offered",
            "RFC 9700 2.1.2",
            "the provider does not offer the authorization code flow",
            |_| discovery(json!({ "response_types_supported": ["id_token"] })),
        ),
        case(
            "tokens are signed with `none` or `HS256` alone",
            "idtoken-sig-none",
            "the provider signs with no algorithm that is accepted",
            |_| discovery(json!({ "id_token_signing_alg_values_supported": ["none", "HS256"] })),
        ),
    ]
}

fn keys() -> Vec<Case> {
    vec![
        case(
            "the keys are elsewhere",
            "discovery-jwks-uri-keys",
            "the provider's keys answered with a redirect, which is not followed",
            |_| Deviation { raw_keys: redirect(), ..Deviation::default() },
        ),
        case(
            "the keys are endless",
            "discovery-jwks-uri-keys",
            "the provider's keys answered with too many bytes",
            |_| {
                let body = format!(r#"{{"keys": [], "x": "{}"}}"#, "x".repeat(600_000));
                Deviation { raw_keys: raw(200, JSON, &body), ..Deviation::default() }
            },
        ),
        case(
            "the keys are no list",
            "discovery-jwks-uri-keys",
            "the provider's keys are no list of keys",
            |_| Deviation { raw_keys: raw(200, JSON, r#"{"keys": {}}"#), ..Deviation::default() },
        ),
        case(
            "the keys can't be had",
            "discovery-jwks-uri-keys",
            "the provider's keys answered with status 503",
            |_| Deviation { raw_keys: raw(503, "text/plain", "later"), ..Deviation::default() },
        ),
    ]
}
