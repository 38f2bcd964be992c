//! The token that every form carries (requirement S8): it shows that the form came from a page
//! which this gateway gave to this very browser.
//!
//! Nothing is kept: the token is a keyed hash of what the form does, for whom and at which host.
//! "For whom" is the session, or before sign-in a random cookie that is good for nothing else.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use vestibule_identity::{RequestOrigin, SessionId, SetCookie, SignedIn, cookie};
use vestibule_store::Key;

use crate::answer::Failure;
use crate::caller::Caller;

/// The field of a form that holds the token.
pub(crate) const TOKEN_FIELD: &str = "form_token";
/// The cookie by which a browser is known before sign-in; `__Host-` goes before it over HTTPS.
const COOKIE: &str = "vestibule-form";
/// A page may be left open so long before its form is sent.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// The length of the cookie's value: 128 random bits.
const VALUE_LENGTH: usize = 22;

/// What a form does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    SignIn,
    SignOut,
    Account,
    Share,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::SignOut => "sign-out",
            Self::Account => "account",
            Self::Share => "share",
        }
    }
}

/// Makes and checks tokens.
pub(crate) struct FormTokens(hmac::Key);

impl fmt::Debug for FormTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormTokens(***)")
    }
}

/// A browser that has not signed in, and the cookie by which it is known.
#[derive(Debug)]
pub(crate) struct Stranger {
    pub(crate) value: String,
    /// To be set, unless the browser has it already.
    pub(crate) cookie: Option<SetCookie>,
}

impl Stranger {
    /// The browser of a request, known by its cookie or from now on.
    pub(crate) fn of(caller: &Caller) -> Result<Self, Failure> {
        if let Some(value) = values(caller).into_iter().next() {
            return Ok(Self { value, cookie: None });
        }
        let mut bytes = [0u8; 16];
        getrandom::fill(&mut bytes).map_err(|_| Failure::Internal)?;
        let value = URL_SAFE_NO_PAD.encode(bytes);
        let cookie = SetCookie::new(&caller.origin, COOKIE, &value, LIFETIME);
        Ok(Self { value, cookie })
    }
}

impl FormTokens {
    pub(crate) fn new(key: &Key) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.bytes()))
    }

    /// The token of a form for a browser that has not signed in.
    pub(crate) fn for_stranger(&self, caller: &Caller, stranger: &Stranger) -> String {
        self.make(&caller.origin, Purpose::SignIn, &stranger.value)
    }

    /// The token of a form for somebody who has.
    pub(crate) fn for_user(&self, caller: &Caller, who: &SignedIn, purpose: Purpose) -> String {
        self.make(&caller.origin, purpose, &session_binding(who))
    }

    /// Whether the sign-in form came from a page for this browser. Several cookies of the name
    /// are possible; all are tried.
    pub(crate) fn is_from_stranger(&self, caller: &Caller, token: &str) -> bool {
        values(caller)
            .iter()
            .any(|value| self.is_good(&caller.origin, Purpose::SignIn, value, token))
    }

    /// The token of a form that opens a share link: for the browser, whoever is signed in.
    pub(crate) fn for_share(&self, caller: &Caller, stranger: &Stranger) -> String {
        self.make(&caller.origin, Purpose::Share, &stranger.value)
    }

    /// Refuses a form that did not come from a link's page for this browser.
    pub(crate) fn check_share(&self, caller: &Caller, token: &str) -> Result<(), Failure> {
        let is_good = |value| self.is_good(&caller.origin, Purpose::Share, value, token);
        if values(caller).iter().any(|value| is_good(value)) {
            Ok(())
        } else {
            Err(Failure::OldForm)
        }
    }

    /// Refuses a form that did not come from a page for this session.
    pub(crate) fn check_user(
        &self,
        caller: &Caller,
        who: &SignedIn,
        (purpose, token): (Purpose, &str),
    ) -> Result<(), Failure> {
        if self.is_good(&caller.origin, purpose, &session_binding(who), token) {
            Ok(())
        } else {
            Err(Failure::OldForm)
        }
    }

    fn make(&self, origin: &RequestOrigin, purpose: Purpose, binding: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, &message(origin, purpose, binding)))
    }

    fn is_good(
        &self,
        origin: &RequestOrigin,
        purpose: Purpose,
        binding: &str,
        token: &str,
    ) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(token) else { return false };
        hmac::verify(&self.0, &message(origin, purpose, binding), &tag).is_ok()
    }
}

/// What makes the browser forget the cookie, once somebody has signed in.
pub(crate) fn clear(origin: &RequestOrigin) -> Option<SetCookie> {
    SetCookie::new(origin, COOKIE, "", Duration::ZERO)
}

fn session_binding(who: &SignedIn) -> String {
    format!("session {}", who.session().map_or(-1, SessionId::number))
}

/// Each part is preceded by its length, so that no two lists of parts read the same.
fn message(origin: &RequestOrigin, purpose: Purpose, binding: &str) -> Vec<u8> {
    let mut message = Vec::new();
    for part in [&*origin.ascii_origin(), purpose.name(), binding] {
        message.extend_from_slice(&part.len().to_be_bytes());
        message.extend_from_slice(part.as_bytes());
    }
    message
}

/// The values by which this browser may be known.
pub(crate) fn values(caller: &Caller) -> Vec<String> {
    let name = if caller.origin.secure { format!("__Host-{COOKIE}") } else { COOKIE.to_owned() };
    let is_ours = |value: &&str| {
        value.len() == VALUE_LENGTH
            && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    cookie::values(&caller.cookies(), &name).filter(is_ours).map(str::to_owned).collect()
}
