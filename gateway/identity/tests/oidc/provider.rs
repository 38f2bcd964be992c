//! A provider of OpenID Connect on a port of its own, which does as it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::keys::{Keys, Signing, encode};

/// The time at which every case begins.
pub(crate) const NOW: i64 = 1_790_000_000;
pub(crate) const CLIENT: &str = "vestibule";
pub(crate) const SECRET: &str = "a secret of 100% & more";
pub(crate) const ACCESS_TOKEN: &str = "access-token-1";

/// An answer as it stands, instead of the provider's own.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) body: String,
    pub(crate) location: Option<&'static str>,
}

/// An answer of this status, type and body.
pub(crate) fn raw(status: u16, kind: &'static str, body: &str) -> Option<Raw> {
    Some(Raw { status, kind, body: body.to_owned(), location: None })
}

/// How the provider deviates. `null` removes what is patched.
#[derive(Debug, Default)]
pub(crate) struct Deviation {
    pub(crate) discovery: Value,
    pub(crate) keys: Option<Vec<Value>>,
    pub(crate) signing: Signing,
    pub(crate) header: Value,
    pub(crate) claims: Value,
    /// The token itself, after it was signed.
    pub(crate) id_token: Option<fn(String) -> Value>,
    pub(crate) tokens: Value,
    pub(crate) user_info: Value,
    pub(crate) raw_discovery: Option<Raw>,
    pub(crate) raw_keys: Option<Raw>,
    pub(crate) raw_tokens: Option<Raw>,
    pub(crate) raw_user_info: Option<Raw>,
    /// Endpoints that never answer.
    pub(crate) silent: BTreeSet<&'static str>,
    /// Whether the authorization endpoint says whose its answer is.
    pub(crate) names_issuer: bool,
    /// What it says instead of a code.
    pub(crate) error: Option<&'static str>,
}

/// The provider.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) issuer: String,
    inner: Arc<Inner>,
}

struct Inner {
    keys: Keys,
    deviation: Mutex<Deviation>,
    /// What was asked for with a code that was not used yet.
    codes: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
    refresh_tokens: Mutex<BTreeSet<String>>,
    /// How many codes and refresh tokens were made.
    made: AtomicUsize,
    calls: Mutex<BTreeMap<&'static str, usize>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

/// Takes over every member of a patch; `null` removes.
pub(crate) fn patch(value: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else { return };
    let object = value.as_object_mut().unwrap();
    for (name, value) in patch {
        match value {
            Value::Null => object.remove(name),
            value => object.insert(name.clone(), value.clone()),
        };
    }
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let inner = Inner {
            keys: Keys::new(),
            deviation: Mutex::default(),
            codes: Mutex::default(),
            refresh_tokens: Mutex::default(),
            made: AtomicUsize::new(0),
            calls: Mutex::default(),
        };
        let provider = Self { issuer: format!("http://{address}"), inner: Arc::new(inner) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/userinfo", get(user_info))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        provider
    }

    pub(crate) fn deviate(&self, deviation: Deviation) {
        *lock(&self.inner.deviation) = deviation;
    }

    pub(crate) fn deviation(&self) -> MutexGuard<'_, Deviation> {
        lock(&self.inner.deviation)
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    fn next(&self) -> usize {
        self.inner.made.fetch_add(1, Ordering::SeqCst)
    }

    /// How often an endpoint was asked.
    pub(crate) fn calls(&self, endpoint: &'static str) -> usize {
        lock(&self.inner.calls).get(endpoint).copied().unwrap_or(0)
    }

    /// Counts a call, and says what to answer instead of the truth.
    async fn called(&self, endpoint: &'static str) -> Option<Response> {
        *lock(&self.inner.calls).entry(endpoint).or_default() += 1;
        let (silent, raw) = {
            let deviation = self.deviation();
            let raw = match endpoint {
                "discovery" => &deviation.raw_discovery,
                "jwks" => &deviation.raw_keys,
                "token" => &deviation.raw_tokens,
                _ => &deviation.raw_user_info,
            };
            (deviation.silent.contains(endpoint), raw.clone())
        };
        if silent {
            std::future::pending::<()>().await;
        }
        let raw = raw?;
        let mut response = (StatusCode::from_u16(raw.status).unwrap(), raw.body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, raw.kind.parse().unwrap());
        if let Some(location) = raw.location {
            response.headers_mut().insert(header::LOCATION, location.parse().unwrap());
        }
        Some(response)
    }

    fn claims(&self, nonce: Option<&String>) -> Value {
        let mut claims = json!({
            "iss": self.issuer, "sub": "248289761001", "aud": CLIENT,
            "exp": NOW + 300, "iat": NOW, "sid": "session-1",
            "preferred_username": "jane", "name": "Jane Doe",
            "email": "jane@example.com", "email_verified": true, "groups": ["family"],
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        claims
    }

    /// Tokens for a sign-in or a refresh.
    fn tokens(&self, nonce: Option<&String>) -> Value {
        let deviation = self.deviation();
        let mut claims = self.claims(nonce);
        let hash = Sha256::digest(ACCESS_TOKEN);
        claims["at_hash"] = json!(encode(&hash[..16]));
        patch(&mut claims, &deviation.claims);
        let mut header = json!({});
        patch(&mut header, &json!({ "typ": "JWT" }));
        if let Some(changes) = deviation.header.as_object() {
            for (name, value) in changes {
                header[name] = value.clone();
            }
        }
        let id_token = self.inner.keys.token(&header, &claims, deviation.signing);
        let id_token = match deviation.id_token {
            Some(change) => change(id_token),
            None => json!(id_token),
        };
        let mut refresh_tokens = lock(&self.inner.refresh_tokens);
        let refresh_token = format!("refresh-{}", self.next());
        refresh_tokens.insert(refresh_token.clone());
        let mut tokens = json!({
            "access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 60,
            "id_token": id_token, "refresh_token": refresh_token,
        });
        patch(&mut tokens, &deviation.tokens);
        tokens
    }
}

fn reply(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], value.to_string()).into_response()
}

fn refuse(code: &str) -> Response {
    let body = json!({ "error": code, "error_description": "<script>no</script>" }).to_string();
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::BAD_REQUEST, kind, body).into_response()
}

async fn discovery(State(provider): State<Provider>) -> Response {
    if let Some(raw) = provider.called("discovery").await {
        return raw;
    }
    let issuer = &provider.issuer;
    let deviation = provider.deviation();
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "end_session_endpoint": format!("{issuer}/end"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code", "id_token"],
        "code_challenge_methods_supported": ["S256", "plain"],
        "id_token_signing_alg_values_supported": ["RS256", "none"],
        "authorization_response_iss_parameter_supported": deviation.names_issuer,
    });
    patch(&mut document, &deviation.discovery);
    reply(&document)
}

async fn jwks(State(provider): State<Provider>) -> Response {
    if let Some(raw) = provider.called("jwks").await {
        return raw;
    }
    let keys = provider.deviation().keys.clone();
    reply(&json!({ "keys": keys.unwrap_or_else(|| provider.keys().published()) }))
}

async fn authorize(
    State(provider): State<Provider>,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Response {
    assert_eq!(asked["response_type"], "code");
    assert_eq!(asked["client_id"], CLIENT);
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(asked["code_challenge"].len(), 43);
    assert!(asked["state"].len() >= 43 && asked["nonce"].len() >= 43, "at least 256 bits");
    assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
    let mut address = url::Url::parse(&asked["redirect_uri"]).unwrap();
    let deviation = provider.deviation();
    {
        let mut query = address.query_pairs_mut();
        if let Some(error) = deviation.error {
            query.append_pair("error", error);
            query.append_pair("error_description", "<script>alert(1)</script>");
        } else {
            let mut codes = lock(&provider.inner.codes);
            let code = format!("code-{}", provider.next());
            query.append_pair("code", &code);
            codes.insert(code, asked.clone());
        }
        query.append_pair("state", &asked["state"]);
        if deviation.names_issuer {
            query.append_pair("iss", &provider.issuer);
        }
    }
    (StatusCode::SEE_OTHER, [(header::LOCATION, address.as_str())]).into_response()
}

async fn token(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    if let Some(raw) = provider.called("token").await {
        return raw;
    }
    let encode_form =
        |text: &str| -> String { url::form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let pair = STANDARD.encode(format!("{}:{}", encode_form(CLIENT), encode_form(SECRET)));
    let shown = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap());
    let in_body = form.get("client_secret").is_some_and(|secret| secret == SECRET);
    if shown != Some(format!("Basic {pair}").as_str()) && !in_body {
        return refuse("invalid_client");
    }
    match form["grant_type"].as_str() {
        "authorization_code" => {
            let Some(asked) = lock(&provider.inner.codes).remove(&form["code"]) else {
                return refuse("invalid_grant");
            };
            let challenge = encode(Sha256::digest(&form["code_verifier"]));
            if asked["code_challenge"] != challenge || asked["redirect_uri"] != form["redirect_uri"]
            {
                return refuse("invalid_grant");
            }
            reply(&provider.tokens(asked.get("nonce")))
        }
        _ => {
            if !lock(&provider.inner.refresh_tokens).remove(&form["refresh_token"]) {
                return refuse("invalid_grant");
            }
            reply(&provider.tokens(None))
        }
    }
}

async fn user_info(State(provider): State<Provider>, headers: HeaderMap) -> Response {
    if let Some(raw) = provider.called("userinfo").await {
        return raw;
    }
    let shown = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap());
    if shown != Some(format!("Bearer {ACCESS_TOKEN}").as_str()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut claims = json!({ "sub": "248289761001", "groups": ["Friends", "family"] });
    patch(&mut claims, &provider.deviation().user_info);
    reply(&claims)
}
