//! The token endpoint: a code for tokens, and a refresh token for new ones.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::config::{ClientAuthentication, OidcConfig};
use super::discovery::Metadata;
use super::outside::{Endpoint, Form, Outside, OutsideError};
use crate::Secret;

/// Why the token endpoint gave no tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It can't be asked, or answers nothing that can be used.
    #[error(transparent)]
    Outside(#[from] OutsideError),
    /// What it was given is not good, or no longer.
    #[error("the provider does not accept the code or refresh token")]
    InvalidGrant,
    /// It does not know the gateway, or does not let it.
    #[error("the provider does not accept the gateway as its client")]
    InvalidClient,
    /// It refuses for another reason.
    #[error("the provider refuses to give tokens")]
    Refused,
    /// Its tokens are of a kind that is not known.
    #[error("the provider's tokens are of another type than Bearer")]
    Type,
    /// Something is missing in its answer.
    #[error("the provider gave no usable `{0}`")]
    Missing(&'static str),
}

/// What is exchanged for tokens.
#[derive(Clone, Copy)]
pub(super) enum Grant<'g> {
    Code { code: &'g Secret<String>, verifier: &'g Secret<String> },
    Refresh(&'g Secret<String>),
}

/// What the token endpoint gave.
pub(super) struct TokenSet {
    pub(super) access_token: Secret<String>,
    pub(super) id_token: Option<Secret<String>>,
    pub(super) refresh_token: Option<Secret<String>>,
}

impl fmt::Debug for TokenSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSet(***)")
    }
}

/// Asks the token endpoint.
pub(super) async fn exchange(
    outside: &Outside,
    config: &OidcConfig,
    metadata: &Metadata,
    grant: Grant<'_>,
) -> Result<TokenSet, TokenError> {
    let form = form(config, metadata, grant);
    let answer = outside.submit(Endpoint::Token, &metadata.token, form, config.timeout).await?;
    if answer.status == StatusCode::OK {
        return read(answer.body);
    }
    // only the status and a known code: what else stands there is the provider's
    let status = answer.status.as_u16();
    Err(match answer.body.get("error").and_then(Value::as_str) {
        Some("invalid_grant") => TokenError::InvalidGrant,
        Some("invalid_client" | "unauthorized_client") => TokenError::InvalidClient,
        Some(_) if answer.status.is_client_error() && status != 429 => TokenError::Refused,
        Some(_) | None => OutsideError::Status(Endpoint::Token, status).into(),
    })
}

fn form(config: &OidcConfig, metadata: &Metadata, grant: Grant<'_>) -> Form {
    let mut fields = match grant {
        Grant::Code { code, verifier } => vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.expose().clone()),
            ("code_verifier", verifier.expose().clone()),
            ("redirect_uri", config.redirect_uri.as_str().to_owned()),
        ],
        Grant::Refresh(token) => vec![
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", token.expose().clone()),
        ],
    };
    let (secret, in_body) = match &config.client_authentication {
        ClientAuthentication::Basic => (config.client_secret.as_ref(), false),
        ClientAuthentication::Post => (config.client_secret.as_ref(), true),
        ClientAuthentication::Discovered => {
            (config.client_secret.as_ref(), metadata.secret_in_body_alone)
        }
        // the connection proves it
        ClientAuthentication::Tls(_) => (None, true),
    };
    let mut authorization = None;
    match secret {
        Some(secret) if !in_body => authorization = basic(&config.client_id, secret),
        Some(secret) => {
            fields.push(("client_id", config.client_id.clone()));
            fields.push(("client_secret", secret.expose().clone()));
        }
        None => fields.push(("client_id", config.client_id.clone())),
    }
    Form { fields, authorization }
}

/// The header of RFC 6749, section 2.3.1: both parts are form-encoded before they are joined.
fn basic(client_id: &str, secret: &Secret<String>) -> Option<HeaderValue> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Secret::new(format!("{}:{}", encode(client_id), encode(secret.expose())));
    let mut value =
        HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair.expose()))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn read(mut body: Map<String, Value>) -> Result<TokenSet, TokenError> {
    let mut text = |name: &'static str| match body.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(TokenError::Missing(name)),
    };
    let kind = text("token_type")?.ok_or(TokenError::Missing("token_type"))?;
    if !kind.eq_ignore_ascii_case("bearer") {
        return Err(TokenError::Type);
    }
    let access_token = text("access_token")?.ok_or(TokenError::Missing("access_token"))?;
    // it goes into a header
    if !access_token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenError::Missing("access_token"));
    }
    Ok(TokenSet {
        access_token: Secret::new(access_token),
        id_token: text("id_token")?.map(Secret::new),
        refresh_token: text("refresh_token")?.map(Secret::new),
    })
}
