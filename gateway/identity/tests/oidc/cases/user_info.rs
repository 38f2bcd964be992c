//! What the userinfo endpoint answers, and what of it is believed.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use vestibule_identity::ProviderGroups;

use super::{claims, discovery, redirect};
use crate::case::{Case, Stage, case};
use crate::provider::{Deviation, raw};

const JSON: &str = "application/json";
const OTHER: &str = "userinfo speaks of somebody else than the ID token";

pub(super) fn all() -> Vec<Case> {
    let mut all = answers();
    all.extend(failures());
    all.extend(groups());
    all
}

fn raw_user_info(status: u16, kind: &'static str, body: &str) -> Deviation {
    Deviation { raw_user_info: raw(status, kind, body), ..Deviation::default() }
}

fn user_info(user_info: serde_json::Value) -> Deviation {
    Deviation { user_info, ..Deviation::default() }
}

fn answers() -> Vec<Case> {
    vec![
        case("userinfo speaks of somebody else", "userinfo-invalid-sub", OTHER, |_| {
            user_info(json!({ "sub": "another" }))
        }),
        case("userinfo does not say of whom it speaks", "userinfo-invalid-sub", OTHER, |_| {
            user_info(json!({ "sub": null }))
        }),
        case(
            "userinfo is a list",
            "OpenID Core 5.3.2",
            "the userinfo endpoint answered with what can't be used: it is JSON, but no object",
            |_| raw_user_info(200, JSON, r#"[{"sub": "248289761001", "groups": ["admins"]}]"#),
        ),
        case(
            "userinfo is no JSON",
            "OpenID Core 5.3.2",
            "the userinfo endpoint answered with what can't be used: it is no JSON, or a name \
             stands twice in it",
            |_| raw_user_info(200, JSON, "sub=248289761001"),
        ),
        case(
            "userinfo names somebody twice",
            "OpenID Core 5.3.2",
            "the userinfo endpoint answered with what can't be used: it is no JSON, or a name \
             stands twice in it",
            |_| raw_user_info(200, JSON, r#"{"sub": "another", "sub": "248289761001"}"#),
        ),
        case(
            "userinfo is a page",
            "OpenID Core 5.3.2",
            "the userinfo endpoint answered with another content type than JSON",
            |_| raw_user_info(200, "text/html", "<b>hello"),
        ),
        case(
            "userinfo is signed, which was not asked for",
            "userinfo-signed",
            "the userinfo endpoint answered with another content type than JSON",
            |_| raw_user_info(200, "application/jwt", "x.y.z"),
        ),
    ]
}

fn failures() -> Vec<Case> {
    vec![
        case(
            "userinfo is refused",
            "OpenID Core 5.3.3",
            "the userinfo endpoint answered with status 401",
            |_| raw_user_info(401, JSON, "{}"),
        ),
        case(
            "userinfo is elsewhere",
            "RFC 9700 4.12",
            "the userinfo endpoint answered with a redirect, which is not followed",
            |_| Deviation { raw_user_info: redirect(), ..Deviation::default() },
        ),
        case(
            "userinfo never comes",
            "OpenID Core 5.3",
            "the userinfo endpoint did not answer in time",
            |_| Deviation { silent: BTreeSet::from(["userinfo"]), ..Deviation::default() },
        )
        .configured(|config| config.timeout = Duration::from_secs(3)),
        case("there is no userinfo", "OpenID Discovery 3", "accepted", |_| {
            discovery(json!({ "userinfo_endpoint": null }))
        }),
    ]
}

fn groups() -> Vec<Case> {
    vec![
        case("groups are elsewhere (too many to name)", "distributed-claims", "accepted", |_| {
            claims(json!({ "_claim_names": { "groups": "src1" }, "groups": null }))
        }),
        case("groups are no texts", "scope-userinfo-claims", "accepted", |_| {
            claims(json!({ "groups": [1, null, { "admins": true }] }))
        }),
    ]
}

async fn groups_of(deviation: Deviation) -> Vec<String> {
    let stage = Stage::new(|_| {}).await;
    stage.provider.deviate(deviation);
    match stage.sign_in().await.unwrap().user.groups {
        ProviderGroups::Known(groups) => {
            groups.iter().map(|group| group.id().as_str().to_owned()).collect()
        }
        ProviderGroups::Unknown => vec!["unknown".to_owned()],
        ProviderGroups::Unsaid => vec!["unsaid".to_owned()],
    }
}

/// S30.
#[tokio::test]
async fn groups_of_both_sources_are_merged_and_an_overage_is_unknown() {
    assert_eq!(groups_of(Deviation::default()).await, ["family", "friends"]);
    let overage = claims(json!({ "_claim_names": { "groups": "src1" }, "groups": null }));
    assert_eq!(groups_of(overage).await, ["unknown"]);
    let texts = claims(json!({ "groups": [1, null, { "admins": true }] }));
    assert_eq!(groups_of(texts).await, ["family", "friends"]);
    let nothing = Deviation {
        claims: json!({ "groups": null }),
        user_info: json!({ "groups": null }),
        ..Deviation::default()
    };
    assert_eq!(groups_of(nothing).await, ["unsaid"]);
}

/// S23.
#[tokio::test]
async fn somebody_is_known_by_issuer_and_subject() {
    let stage = Stage::new(|_| {}).await;
    let arrived = stage.sign_in().await.unwrap();
    assert_eq!(arrived.user.subject.issuer, stage.provider.issuer);
    assert_eq!(arrived.user.subject.id, "248289761001");
    assert_eq!(arrived.user.user_name.as_deref(), Some("jane"));
    assert_eq!(arrived.user.display_name.as_deref(), Some("Jane Doe"));
    assert_eq!(arrived.user.verified_email.as_deref(), Some("jane@example.com"));
    assert_eq!(arrived.tokens.session.as_deref(), Some("session-1"));
    let shown = format!("{arrived:?}");
    for secret in ["refresh-", "access-token", "eyJ"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
