//! From what a provider says to an [`ExternalUser`].

use serde_json::{Map, Value};

use super::config::OidcConfig;
use super::groups;
use super::id_token::moment;
use crate::address;
use crate::external::{ExternalUser, Subject};

/// How long a name or an address may be, in bytes.
const MAX_TEXT: usize = 255;

/// Somebody, of whom the ID token speaks and perhaps userinfo too.
pub(super) fn user(
    config: &OidcConfig,
    subject: String,
    id_token: &Map<String, Value>,
    user_info: Option<&Map<String, Value>>,
) -> ExternalUser {
    let sources: Vec<_> = std::iter::once(id_token).chain(user_info).collect();
    let text = |claim: &str| sources.iter().find_map(|source| text(source, claim));
    ExternalUser {
        provider: config.id.clone(),
        subject: Subject { issuer: config.issuer.clone(), id: subject },
        user_name: text(&config.name_claim).map(str::to_owned),
        display_name: text("name").map(str::to_owned),
        verified_email: sources.iter().find_map(|source| verified_email(source)),
        groups: groups::merge(&config.id, &config.groups_claim, &sources),
        second_factor: second_factor(id_token),
        signed_in: moment(id_token, "auth_time").ok().flatten(),
    }
}

/// A text that may be shown: trimmed, not empty, not too long, without control characters.
fn text<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c str> {
    let text = claims.get(name)?.as_str()?.trim();
    let good = !text.is_empty() && text.len() <= MAX_TEXT && !text.chars().any(char::is_control);
    good.then_some(text)
}

/// An address that the same source says is verified: of two sources, neither vouches for the
/// other's (requirement S23).
fn verified_email(claims: &Map<String, Value>) -> Option<String> {
    let verified = match claims.get("email_verified")? {
        Value::Bool(verified) => *verified,
        Value::String(verified) => verified == "true",
        _ => false,
    };
    let email = text(claims, "email").filter(|_| verified)?;
    address::parts(email).map(|_| email.to_owned())
}

/// Whether a second factor was shown, as RFC 8176 says it.
fn second_factor(id_token: &Map<String, Value>) -> bool {
    match id_token.get("amr") {
        Some(Value::Array(methods)) => methods.iter().any(|method| method == "mfa"),
        Some(method) => method == "mfa",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(claims: &str) -> Option<String> {
        verified_email(&serde_json::from_str(claims).unwrap())
    }

    /// S23.
    #[test]
    fn an_address_counts_only_verified_and_with_one_at() {
        let jane = Some("jane@example.com".to_owned());
        assert_eq!(email(r#"{"email": "jane@example.com", "email_verified": true}"#), jane);
        assert_eq!(email(r#"{"email": "jane@example.com", "email_verified": "true"}"#), jane);
        for refused in [
            r#"{"email": "jane@example.com"}"#,
            r#"{"email": "jane@example.com", "email_verified": false}"#,
            r#"{"email": "jane@example.com", "email_verified": "false"}"#,
            r#"{"email": "jane@example.com", "email_verified": 1}"#,
            r#"{"email": "jane@example.com@evil.example", "email_verified": true}"#,
            r#"{"email": "jane", "email_verified": true}"#,
            r#"{"email": "@example.com", "email_verified": true}"#,
            r#"{"email": "jane doe@example.com", "email_verified": true}"#,
            r#"{"email": ["jane@example.com"], "email_verified": true}"#,
            r#"{"email_verified": true}"#,
        ] {
            assert_eq!(email(refused), None, "{refused}");
        }
    }

    #[test]
    fn a_second_factor_is_what_the_provider_calls_one() {
        let check = |claims: &str| second_factor(&serde_json::from_str(claims).unwrap());
        assert!(check(r#"{"amr": ["pwd", "mfa"]}"#));
        assert!(check(r#"{"amr": "mfa"}"#));
        assert!(!check(r#"{"amr": ["pwd"]}"#));
        assert!(!check("{}"));
    }
}
