//! How the ID token is signed.

use serde_json::{Value, json};

use super::{header, signed};
use crate::case::{Case, case};
use crate::keys::{Signing, encode};
use crate::provider::Deviation;

const ALGORITHM: &str = "the token's algorithm is not accepted";
const UNKNOWN: &str = "no key of the provider fits the token";
const WRONG: &str = "the token's signature is wrong";
const KIND: &str = "the token is of another kind";
const NO_TOKEN: &str = "this is no signed token";

pub(super) fn all() -> Vec<Case> {
    let mut all = algorithms();
    all.extend(names());
    all.extend(headers());
    all.extend(forms());
    all
}

fn algorithms() -> Vec<Case> {
    vec![
        case("signed with RS256", "idtoken-sig-rs256", "accepted", |_| signed(Signing::Rs256)),
        case("signed with PS256", "RFC 8725 3.2", "accepted", |_| signed(Signing::Ps256)),
        case("signed with ES256", "RFC 8725 3.2", "accepted", |_| signed(Signing::Es256)),
        // `at_hash` of EdDSA is made with SHA-512
        case("signed with EdDSA", "RFC 8037 3.1", "accepted", |_| Deviation {
            signing: Signing::EdDsa,
            claims: json!({ "at_hash": null }),
            ..Deviation::default()
        }),
        case("not signed at all", "idtoken-sig-none", ALGORITHM, |_| signed(Signing::None)),
        case("`alg` is `nOnE`", "RFC 8725 3.2", ALGORITHM, |_| Deviation {
            signing: Signing::None,
            header: json!({ "alg": "nOnE" }),
            ..Deviation::default()
        }),
        case("signed with the public key as a secret", "invalid-sig-hs256", ALGORITHM, |_| {
            signed(Signing::PublicKeyAsSecret)
        }),
        case("signed with the client's secret", "invalid-sig-hs256", ALGORITHM, |_| {
            signed(Signing::ClientSecret)
        }),
        case("`alg` is missing", "RFC 7515 4.1.1", ALGORITHM, |_| header(json!({ "alg": null }))),
        case("`alg` is not the key's", "RFC 8725 3.1", UNKNOWN, |_| {
            header(json!({ "alg": "ES256" }))
        }),
        case("`alg` is another one of the same key", "RFC 8725 3.1", WRONG, |_| {
            header(json!({ "alg": "RS512" }))
        }),
        case("the key is of 1,024 bits", "RFC 8725 3.5", UNKNOWN, |_| signed(Signing::Weak)),
    ]
}

fn names() -> Vec<Case> {
    vec![
        case("the key is not published", "signing-key-rotation", UNKNOWN, |_| {
            signed(Signing::Unpublished)
        }),
        case("the key has the name of one that is published", "invalid-sig-rs256", WRONG, |_| {
            signed(Signing::Impostor)
        }),
        case("the token names no key, and one fits", "kid-absent-single-jwks", "accepted", |_| {
            header(json!({ "kid": null }))
        }),
        case(
            "the token names no key, and two fit",
            "kid-absent-multiple-jwks",
            "several keys of the provider fit the token",
            |p| Deviation {
                header: json!({ "kid": null }),
                keys: Some(vec![p.keys().rsa("rsa-1"), p.keys().rsa("rsa-2")]),
                ..Deviation::default()
            },
        ),
        case(
            "the name of the key is a number",
            "RFC 7515 4.1.4",
            "the token's header can't be used: it is no JSON, or a name stands twice in it",
            |_| header(json!({ "kid": 1 })),
        ),
        case("the key is for encryption", "RFC 7517 4.2", UNKNOWN, |p| {
            let mut key = p.keys().rsa("rsa-1");
            key["use"] = json!("enc");
            Deviation { keys: Some(vec![key]), ..Deviation::default() }
        }),
        case("the key is a secret in public", "RFC 8725 3.1", ALGORITHM, |_| Deviation {
            signing: Signing::ClientSecret,
            header: json!({ "kid": "shared" }),
            ..Deviation::default()
        }),
    ]
}

fn headers() -> Vec<Case> {
    vec![
        case("the token brings its own key", "RFC 8725 3.10", WRONG, |p| Deviation {
            signing: Signing::Impostor,
            header: json!({ "jwk": p.keys().rsa("rsa-2") }),
            ..Deviation::default()
        }),
        case("the token says where its keys are", "RFC 8725 3.10", UNKNOWN, |p| Deviation {
            signing: Signing::Unpublished,
            header: json!({ "jku": format!("{}/jwks", p.issuer), "x5u": "https://evil.example" }),
            ..Deviation::default()
        }),
        case(
            "the token demands an extension",
            "RFC 7515 4.1.11",
            "the token demands an extension",
            |_| header(json!({ "crit": ["exp"] })),
        ),
        case("the token is a logout token", "RFC 8725 3.11", KIND, |_| {
            header(json!({ "typ": "logout+jwt" }))
        }),
        case("the token is an access token", "RFC 9068 4", KIND, |_| {
            header(json!({ "typ": "at+jwt" }))
        }),
        case("the token holds another one", "RFC 7519 5.2", KIND, |_| {
            header(json!({ "cty": "JWT" }))
        }),
        case("the token says no type", "RFC 7519 5.1", "accepted", |_| {
            header(json!({ "typ": null }))
        }),
    ]
}

fn form(id_token: fn(String) -> Value) -> Deviation {
    Deviation { id_token: Some(id_token), ..Deviation::default() }
}

fn forms() -> Vec<Case> {
    vec![
        case("the claims were changed after", "invalid-sig-rs256", WRONG, |_| {
            signed(Signing::Changed)
        }),
        case("the signature was taken away", "invalid-sig-rs256", WRONG, |_| {
            signed(Signing::Stripped)
        }),
        case("the token has two parts", "RFC 7515 3.1", NO_TOKEN, |_| {
            form(|token| json!(token.rsplit_once('.').unwrap().0))
        }),
        case("the token is encrypted, or looks so", "RFC 7516 3.1", NO_TOKEN, |_| {
            form(|token| json!(format!("{token}.x.y")))
        }),
        case("the token is in another base64", "RFC 7515 2", NO_TOKEN, |_| {
            form(|token| json!(format!("{token}==")))
        }),
        case("the token is endless", "RFC 8725 3.12", NO_TOKEN, |_| {
            form(|token| json!(format!("{}{token}", "A".repeat(140_000))))
        }),
        case(
            "`alg` stands twice in the header",
            "RFC 7515 4",
            "the token's header can't be used: it is no JSON, or a name stands twice in it",
            |_| {
                form(|token| {
                    let header = encode(r#"{"alg":"none","alg":"RS256","kid":"rsa-1"}"#);
                    json!(format!("{header}.{}", token.split_once('.').unwrap().1))
                })
            },
        ),
    ]
}
