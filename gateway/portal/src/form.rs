//! Reading what a browser sends from a form.

use axum::body::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use vestibule_identity::Secret;

use crate::answer::Failure;
use crate::caller::Caller;
use crate::form_token::TOKEN_FIELD;
use crate::same_origin;

/// The most that a form may hold, in bytes.
pub(crate) const MAX_BYTES: usize = 16 * 1024;

/// The fields of a form that came from a page of ours, as far as the headers tell.
#[derive(Debug)]
pub(crate) struct Form(Vec<(String, Secret<String>)>);

impl Form {
    /// Reads the body of a request. A field may come once.
    pub(crate) fn read(caller: &Caller, body: &Bytes) -> Result<Self, Failure> {
        same_origin::check(&caller.origin, &caller.headers)?;
        if !is_form(&caller.headers) {
            return Err(Failure::BadRequest);
        }
        let mut fields: Vec<(String, Secret<String>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(Failure::BadRequest);
            }
            fields.push((name.into_owned(), Secret::new(value.into_owned())));
        }
        Ok(Self(fields))
    }

    /// A field's text; empty if it is missing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.field(name).map_or("", |value| value.expose())
    }

    /// A field's text as a secret.
    pub(crate) fn secret(&self, name: &str) -> Secret<String> {
        self.field(name).cloned().unwrap_or_else(|| "".into())
    }

    /// The token that shows which page the form came from.
    pub(crate) fn token(&self) -> &str {
        self.text(TOKEN_FIELD)
    }

    fn field(&self, name: &str) -> Option<&Secret<String>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
