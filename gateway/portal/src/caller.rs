//! [`Caller`]: who asks for a page, from where. Nothing is served without knowing.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::{COOKIE, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use vestibule_identity::cookie::Cookies;
use vestibule_identity::{Audience, Authentication, RequestOrigin, SignedIn};

use crate::answer::Failure;

/// Who asks, with what of the request the pages need.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) origin: RequestOrigin,
    /// Whose pages these are: the portal's, or a site's own few.
    pub(crate) audience: Audience,
    pub(crate) signed_in: Option<Arc<SignedIn>>,
    pub(crate) headers: HeaderMap,
    pub(crate) query: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let origin = parts.extensions.get::<RequestOrigin>().cloned();
        let authentication = parts.extensions.get::<Authentication>().cloned();
        let audience = parts.extensions.get::<Audience>().cloned();
        let (Some(origin), Some(audience), Some(authentication)) =
            (origin, audience, authentication)
        else {
            tracing::error!(
                "a request reached the portal without origin, audience or authentication"
            );
            return Err(Failure::Internal);
        };
        let signed_in = match authentication {
            Authentication::Anonymous { .. } => None,
            Authentication::SignedIn(signed_in) => Some(signed_in),
            Authentication::Failed(_) => return Err(Failure::FailedCredential),
        };
        let query = parts.uri.query().unwrap_or_default().to_owned();
        Ok(Self { origin, audience, signed_in, headers: parts.headers.clone(), query })
    }
}

impl Caller {
    /// The name for people of who is signed in.
    pub(crate) fn display_name(&self) -> Option<&str> {
        self.signed_in.as_ref().map(|signed_in| signed_in.display_name.as_str())
    }

    /// Somebody who must be signed in for this page.
    pub(crate) fn require(&self, back_to: &'static str) -> Result<&Arc<SignedIn>, Failure> {
        self.signed_in.as_ref().ok_or(Failure::SignInFirst { back_to })
    }

    /// What the browser calls itself.
    pub(crate) fn user_agent(&self) -> &str {
        self.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The `Cookie` headers' values, as far as they are text.
    pub(crate) fn cookies(&self) -> Vec<&str> {
        let values = self.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        Cookies::read(values).values().to_vec()
    }

    /// The one value of a parameter of the query; none if it comes twice.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let mut values =
            form_urlencoded::parse(self.query.as_bytes()).filter(|(key, _)| key == name);
        let value = values.next()?;
        values.next().is_none().then(|| value.1.into_owned())
    }
}
