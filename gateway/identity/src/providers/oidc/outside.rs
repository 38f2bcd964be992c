//! Calls to a provider: each has a time limit and a bound of bytes, and follows no redirect.

use std::fmt;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, StatusCode, redirect};
use serde_json::{Map, Value};
use url::Url;

use super::client_certificate::ClientCertificate;
use super::json::{self, JsonError};
use crate::Secret;

/// How much a provider may answer. Entra's longest lists of groups are a tenth of this.
const MAX_BYTES: usize = 512 * 1024;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// The discovery document.
    Discovery,
    /// The signing keys.
    Keys,
    /// The token endpoint.
    Token,
    /// The userinfo endpoint.
    UserInfo,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discovery => "the discovery document",
            Self::Keys => "the provider's keys",
            Self::Token => "the token endpoint",
            Self::UserInfo => "the userinfo endpoint",
        })
    }
}

/// Why a provider's answer is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutsideError {
    /// There was none in time.
    #[error("{0} did not answer in time")]
    Timeout(Endpoint),
    /// It can't be reached, or the connection broke.
    #[error("{0} can't be reached")]
    Unreachable(Endpoint, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// It sends elsewhere, which is not followed.
    #[error("{0} answered with a redirect, which is not followed")]
    Redirect(Endpoint),
    /// It refuses.
    #[error("{0} answered with status {1}")]
    Status(Endpoint, u16),
    /// It is longer than any honest one.
    #[error("{0} answered with too many bytes")]
    TooLong(Endpoint),
    /// It does not call itself JSON.
    #[error("{0} answered with another content type than JSON")]
    ContentType(Endpoint),
    /// It is no JSON object.
    #[error("{0} answered with what can't be used")]
    Json(Endpoint, #[source] JsonError),
}

impl OutsideError {
    /// Whether it may be gone by itself soon.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Unreachable(..) => true,
            Self::Status(_, status) => *status >= 500 || *status == 429,
            Self::Redirect(_) | Self::TooLong(_) | Self::ContentType(_) | Self::Json(..) => false,
        }
    }
}

/// The HTTP client of all providers. The process must have installed a provider of TLS.
#[derive(Debug, Clone)]
pub struct Outside {
    /// For what anybody may ask.
    plain: Client,
    /// For what is asked as a client of the provider, or with what it gave that client.
    own: Client,
}

impl Outside {
    /// A client that keeps no cookies and follows no redirects.
    ///
    /// # Errors
    /// If TLS can't be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        let plain = builder().build()?;
        Ok(Self { own: plain.clone(), plain })
    }

    /// The same, for a provider to which the gateway shows a certificate: where it asks for tokens,
    /// and with them. Whoever keeps the provider's document and keys, which may be somebody else,
    /// is not shown it.
    ///
    /// # Errors
    /// If TLS can't be set up.
    pub fn showing(&self, certificate: &ClientCertificate) -> Result<Self, reqwest::Error> {
        let own = builder().identity(certificate.identity()?).https_only(true).build()?;
        Ok(Self { plain: self.plain.clone(), own })
    }

    /// Reads a JSON object.
    pub(super) async fn read(
        &self,
        endpoint: Endpoint,
        address: &Url,
        limit: Duration,
    ) -> Result<Map<String, Value>, OutsideError> {
        let request = self.plain.get(address.clone());
        successful(send(endpoint, request, limit).await?, endpoint)
    }

    /// Reads a JSON object that whoever has this token may read.
    pub(super) async fn read_with(
        &self,
        endpoint: Endpoint,
        address: &Url,
        token: &Secret<String>,
        limit: Duration,
    ) -> Result<Map<String, Value>, OutsideError> {
        let request = self.own.get(address.clone()).bearer_auth(token.expose());
        successful(send(endpoint, request, limit).await?, endpoint)
    }

    /// Sends a form, and gives back the answer whatever its status: the token endpoint says with
    /// 400 what is wrong.
    pub(super) async fn submit(
        &self,
        endpoint: Endpoint,
        address: &Url,
        form: Form,
        limit: Duration,
    ) -> Result<Answer, OutsideError> {
        let mut request = self.own.post(address.clone()).form(&form.fields);
        if let Some(authorization) = form.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        send(endpoint, request, limit).await
    }
}

/// A client that keeps no cookies and follows no redirects.
fn builder() -> ClientBuilder {
    let builder = Client::builder().redirect(redirect::Policy::none()).referer(false);
    builder.connect_timeout(CONNECT).user_agent("vestibule")
}

/// What is sent to the token endpoint.
pub(super) struct Form {
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) authorization: Option<HeaderValue>,
}

/// A status and a JSON object.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Map<String, Value>,
}

fn successful(answer: Answer, endpoint: Endpoint) -> Result<Map<String, Value>, OutsideError> {
    if answer.status == StatusCode::OK {
        Ok(answer.body)
    } else {
        Err(OutsideError::Status(endpoint, answer.status.as_u16()))
    }
}

async fn send(
    endpoint: Endpoint,
    request: RequestBuilder,
    limit: Duration,
) -> Result<Answer, OutsideError> {
    let request = request.header(ACCEPT, HeaderValue::from_static("application/json"));
    let answer = async {
        let response = request.send().await.map_err(|error| unreachable(endpoint, error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(OutsideError::Redirect(endpoint));
        }
        if !is_json(&response) {
            // an error page of a proxy in between is best told by its status
            return Err(if status.is_success() {
                OutsideError::ContentType(endpoint)
            } else {
                OutsideError::Status(endpoint, status.as_u16())
            });
        }
        let bytes = bounded(endpoint, response).await?;
        let body = json::object(&bytes).map_err(|error| OutsideError::Json(endpoint, error))?;
        Ok(Answer { status, body })
    };
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(OutsideError::Timeout(endpoint)),
    }
}

async fn bounded(endpoint: Endpoint, mut response: Response) -> Result<Vec<u8>, OutsideError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(endpoint, error))? {
        if bytes.len() + chunk.len() > MAX_BYTES {
            return Err(OutsideError::TooLong(endpoint));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn unreachable(endpoint: Endpoint, error: reqwest::Error) -> OutsideError {
    if error.is_timeout() {
        return OutsideError::Timeout(endpoint);
    }
    // the address may hold what is nobody's business
    OutsideError::Unreachable(endpoint, Box::new(error.without_url()))
}

/// Whether an answer calls itself JSON: `application/json`, or the type that is registered for
/// keys.
fn is_json(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
        || kind.eq_ignore_ascii_case("application/jwk-set+json")
}
