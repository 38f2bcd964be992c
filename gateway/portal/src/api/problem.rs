//! [`Problem`]: every failure, as RFC 9457 writes it.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use vestibule_identity::management::ManageError;

/// Why nothing was done.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    /// When it may be asked again.
    retry_after: Option<Duration>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let retry_after = match status {
            StatusCode::TOO_MANY_REQUESTS => Some(Duration::from_secs(60)),
            StatusCode::SERVICE_UNAVAILABLE => Some(Duration::from_secs(5)),
            _ => None,
        };
        Self { status, detail: detail.into(), retry_after }
    }

    /// Nobody who is signed in at the portal asked.
    pub(super) fn unauthorized() -> Self {
        let detail = "sign in at the portal; app passwords manage nothing";
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is no such resource")
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "the resource does not take this method")
    }

    pub(super) fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "it can't be done at this moment")
    }

    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "something is wrong within")
    }
}

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Self {
        let status = match &error {
            ManageError::Denied { .. } | ManageError::SignInAgain => StatusCode::FORBIDDEN,
            ManageError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            ManageError::NotFound(_) => StatusCode::NOT_FOUND,
            ManageError::BadInput(_) => StatusCode::UNPROCESSABLE_ENTITY,
            ManageError::Conflict(_) => StatusCode::CONFLICT,
            ManageError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            // also what is yet to come: the cause is in the log, for whoever runs the gateway
            other => {
                let cause = std::error::Error::source(other).map(ToString::to_string);
                tracing::error!(error = %other, cause, "the management API can't answer");
                match other {
                    ManageError::Unrecorded(_) => StatusCode::INTERNAL_SERVER_ERROR,
                    _ => StatusCode::SERVICE_UNAVAILABLE,
                }
            }
        };
        let problem = Self::new(status, error.to_string());
        match error {
            ManageError::TooMany { retry_after } => {
                Self { retry_after: Some(retry_after), ..problem }
            }
            _ => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let document = json!({
            "type": "about:blank",
            "title": title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = (self.status, document.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"vestibule\"");
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(after) = self.retry_after {
            // a part of a second is waited for too
            let seconds = after.as_millis().div_ceil(1000).max(1);
            let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_when_to_ask_again() {
        let after = |problem: Problem| {
            let response = problem.into_response();
            let value = response.headers().get(RETRY_AFTER)?;
            Some(value.to_str().unwrap().to_owned())
        };
        let too_many = |millis| ManageError::TooMany { retry_after: Duration::from_millis(millis) };
        assert_eq!(after(too_many(900_000).into()).unwrap(), "900");
        assert_eq!(after(too_many(1_500).into()).unwrap(), "2");
        assert_eq!(after(too_many(0).into()).unwrap(), "1");
        assert_eq!(after(Problem::unavailable()).unwrap(), "5");
        assert_eq!(after(Problem::not_found()), None);
    }
}
