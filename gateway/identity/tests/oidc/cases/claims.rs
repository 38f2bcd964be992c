//! What the ID token says.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::claims;
use crate::case::{Case, case};
use crate::provider::{CLIENT, Deviation, NOW};

const ISSUER: &str = "the token is another issuer's";
const AUDIENCE: &str = "the token is not for this client";
const PARTY: &str = "the token was made for another client";
const EXPIRED: &str = "the token has expired";
const NO_EXP: &str = "the token has no usable `exp`";
const NO_SUB: &str = "the token has no usable `sub`";
const ISSUED: &str = "the token was not made when it was asked for";
const NONCE: &str = "the token answers another sign-in";
const HASH: &str = "the token belongs to another access token";
const ASSURANCE: &str = "they did not sign in at the provider in a way that is required here";

pub(super) fn all() -> Vec<Case> {
    let mut all = parties();
    all.extend(ends());
    all.extend(beginnings());
    all.extend(bindings());
    all.extend(subjects());
    all.extend(assurance());
    all
}

fn parties() -> Vec<Case> {
    vec![
        case("`iss` is another issuer", "invalid-iss", ISSUER, |_| {
            claims(json!({ "iss": "https://evil.example" }))
        }),
        case("`iss` has a slash more", "invalid-iss", ISSUER, |p| {
            claims(json!({ "iss": format!("{}/", p.issuer) }))
        }),
        case("`iss` is missing", "missing-iss", "the token has no usable `iss`", |_| {
            claims(json!({ "iss": null }))
        }),
        case("`aud` is another client", "invalid-aud", AUDIENCE, |_| {
            claims(json!({ "aud": "another" }))
        }),
        case("`aud` is missing", "missing-aud", "the token has no usable `aud`", |_| {
            claims(json!({ "aud": null }))
        }),
        case("`aud` is an empty list", "invalid-aud", AUDIENCE, |_| claims(json!({ "aud": [] }))),
        case("`aud` is a list of this client", "OpenID Core 2", "accepted", |_| {
            claims(json!({ "aud": [CLIENT] }))
        }),
        case("`aud` names others too", "OpenID Core 3.1.3.7, 3", AUDIENCE, |_| {
            claims(json!({ "aud": [CLIENT, "another"] }))
        }),
        case(
            "`aud` names others, and `azp` this client",
            "OpenID Core 3.1.3.7, 5",
            "accepted",
            |_| claims(json!({ "aud": [CLIENT, "another"], "azp": CLIENT })),
        ),
        case("`aud` has a number in it", "OpenID Core 2", AUDIENCE, |_| {
            claims(json!({ "aud": [CLIENT, 1], "azp": CLIENT }))
        }),
        case("`aud` is an object", "OpenID Core 2", AUDIENCE, |_| {
            claims(json!({ "aud": { CLIENT: true } }))
        }),
        case("`azp` is another client", "OpenID Core 3.1.3.7, 5", PARTY, |_| {
            claims(json!({ "azp": "another" }))
        }),
    ]
}

fn ends() -> Vec<Case> {
    vec![
        case("`exp` is over", "OpenID Core 3.1.3.7, 9", EXPIRED, |_| {
            claims(json!({ "exp": NOW - 60 }))
        }),
        case(
            "`exp` is over by less than two clocks may differ",
            "RFC 7519 4.1.4",
            "accepted",
            |_| claims(json!({ "exp": NOW - 59 })),
        ),
        case("`exp` is missing", "OpenID Core 2", NO_EXP, |_| claims(json!({ "exp": null }))),
        case("`exp` is 1e300", "RFC 7519 2", NO_EXP, |_| claims(json!({ "exp": 1e300 }))),
        case("`exp` is -1", "RFC 7519 2", NO_EXP, |_| claims(json!({ "exp": -1 }))),
        case("`exp` is a text", "RFC 7519 2", NO_EXP, |_| {
            claims(json!({ "exp": (NOW + 300).to_string() }))
        }),
        case("`exp` has a fraction", "RFC 7519 2", "accepted", |_| {
            claims(json!({ "exp": 1_790_000_300.5 }))
        }),
        case("`exp` is after 2038", "RFC 7519 2", "accepted", |_| {
            claims(json!({ "exp": 4_102_444_800_i64 }))
        }),
    ]
}

fn beginnings() -> Vec<Case> {
    vec![
        case("`iat` is missing", "missing-iat", "the token has no usable `iat`", |_| {
            claims(json!({ "iat": null }))
        }),
        case("`iat` lies ahead", "OpenID Core 3.1.3.7, 10", ISSUED, |_| {
            claims(json!({ "iat": NOW + 61 }))
        }),
        case("`iat` is before the sign-in began", "OpenID Core 3.1.3.7, 10", ISSUED, |_| {
            claims(json!({ "iat": NOW - 61 }))
        }),
        case("`iat` is apart by less than two clocks may be", "RFC 7519 4.1.6", "accepted", |_| {
            claims(json!({ "iat": NOW + 60 }))
        }),
        case("`nbf` lies ahead", "RFC 7519 4.1.5", ISSUED, |_| claims(json!({ "nbf": NOW + 61 }))),
    ]
}

fn bindings() -> Vec<Case> {
    vec![
        case("`nonce` is another sign-in's", "nonce-invalid", NONCE, |_| {
            claims(json!({ "nonce": "n-0S6_WzA2Mj" }))
        }),
        case("`nonce` is missing", "nonce-invalid", "the token has no usable `nonce`", |_| {
            claims(json!({ "nonce": null }))
        }),
        case("`nonce` is a list", "nonce-invalid", NONCE, |_| claims(json!({ "nonce": ["x"] }))),
        case("`at_hash` is another access token's", "invalid-athash", HASH, |_| {
            claims(json!({ "at_hash": "x" }))
        }),
        case("`at_hash` is a number", "invalid-athash", HASH, |_| claims(json!({ "at_hash": 1 }))),
        case("`at_hash` is missing", "OpenID Core 3.1.3.6", "accepted", |_| {
            claims(json!({ "at_hash": null }))
        }),
    ]
}

fn subjects() -> Vec<Case> {
    vec![
        case("`sub` is missing", "missing-sub", NO_SUB, |_| claims(json!({ "sub": null }))),
        case("`sub` is empty", "missing-sub", NO_SUB, |_| claims(json!({ "sub": "" }))),
        case("`sub` is a number", "OpenID Core 2", NO_SUB, |_| {
            claims(json!({ "sub": 248_289_761_001_i64 }))
        }),
        case("`sub` is too long", "OpenID Core 2", NO_SUB, |_| {
            claims(json!({ "sub": "x".repeat(256) }))
        }),
        case("claims that nobody asked for are odd", "OpenID Core 5.1", "accepted", |_| {
            let odd = json!({ "birthdate": 7, "address": "x", "updated_at": "never", "aggr": [] });
            Deviation { claims: odd, ..Deviation::default() }
        }),
    ]
}

fn assurance() -> Vec<Case> {
    let required = |case: Case| {
        case.configured(|config| config.required_acr = BTreeSet::from(["urn:mfa".to_owned()]))
    };
    let recent =
        |case: Case| case.configured(|config| config.max_age = Some(Duration::from_secs(600)));
    let late = "they signed in at the provider too long ago";
    vec![
        required(case(
            "`acr` is missing where one is required",
            "OpenID Core 3.1.3.7, 12",
            ASSURANCE,
            |_| Deviation::default(),
        )),
        required(case(
            "`acr` is another than is required",
            "OpenID Core 3.1.3.7, 12",
            ASSURANCE,
            |_| claims(json!({ "acr": "0" })),
        )),
        required(case("`acr` is as required", "OpenID Core 3.1.3.7, 12", "accepted", |_| {
            claims(json!({ "acr": "urn:mfa" }))
        })),
        recent(case(
            "`auth_time` is missing where an age is required",
            "OpenID Core 3.1.3.7, 13",
            "the token has no usable `auth_time`",
            |_| Deviation::default(),
        )),
        recent(case("`auth_time` is too long ago", "OpenID Core 3.1.3.7, 13", late, |_| {
            claims(json!({ "auth_time": NOW - 661 }))
        })),
        recent(case("`auth_time` is recent enough", "OpenID Core 3.1.3.7, 13", "accepted", |_| {
            claims(json!({ "auth_time": NOW - 600 }))
        })),
    ]
}
