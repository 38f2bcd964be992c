//! Signing in by a passkey.
//!
//! Whoever opens the page of sign-in is asked at once, and most of them never answer: so nothing is
//! kept of the question. It goes with the page, sealed, for this browser at this host, and is used
//! up when an answer to it comes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use vestibule_store::audit::SignInRefusal;
use vestibule_store::{Account, AccountState, PasskeyUse, TicketKey, UnixTime};

use super::ceremony::{self, Doubt, Shown};
use super::{Identity, LIFETIME};
use crate::Secret;
use crate::identity::Unavailable;
use crate::origin::{RequestOrigin, Transport};
use crate::providers::local;
use crate::sign_in::{NewSession, Proof, SignInError, When};

/// What the sealing key is called in the store.
const KEY: &str = "passkey-questions";
/// What tickets of used questions are for.
const USED: &str = "passkey-question";

/// What a browser is asked that may have a passkey.
#[derive(Debug)]
#[non_exhaustive]
pub struct PasskeyQuestion {
    /// The question, sealed: what the answer is to be sent with.
    pub sealed: String,
    /// What the browser is asked: a `PublicKeyCredentialRequestOptionsJSON`.
    pub options: String,
}

/// What a browser answers.
#[derive(Debug)]
pub struct PasskeyAttempt<'r> {
    /// The question, as it was sealed.
    pub sealed: &'r str,
    /// The answer: an `AuthenticationResponseJSON`.
    pub answer: &'r str,
    /// The names by which the browser may be known, which are secrets between it and us.
    pub browsers: &'r [&'r str],
    /// What the browser calls itself.
    pub user_agent: &'r str,
}

/// Why somebody is not let in: for the audit log, and in more words for the log.
pub(super) struct Refused(SignInRefusal, Option<Box<Account>>, String);

/// What came of an answer.
pub(super) enum Judged {
    /// It was another browser's question, or one of long ago.
    TooLate,
    Refused(Refused),
    Accepted(Box<Account>),
}

#[cfg(test)]
impl Judged {
    pub(super) const fn refusal(&self) -> Option<SignInRefusal> {
        match self {
            Self::Refused(Refused(refusal, ..)) => Some(*refusal),
            Self::TooLate | Self::Accepted(_) => None,
        }
    }
}

impl Identity {
    /// What a browser of this name is asked that may have a passkey; none where there can't be one.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn passkey_question(
        &self,
        origin: &RequestOrigin,
        browser: &str,
    ) -> Result<Option<PasskeyQuestion>, Unavailable> {
        if !self.settings.passkeys {
            return Ok(None);
        }
        let Some(asked) = ceremony::ask_to_sign_in(origin) else { return Ok(None) };
        let until = self.now().plus(LIFETIME).seconds();
        let open = Secret::new([&until.to_be_bytes()[..], &asked.state].concat());
        let sealed = self.seal(KEY, &place(origin, browser), &open).await?;
        let sealed = URL_SAFE_NO_PAD.encode(sealed);
        Ok(Some(PasskeyQuestion { sealed, options: asked.options }))
    }

    /// Signs somebody in at the portal by a passkey, which stands for both factors.
    ///
    /// # Errors
    /// If they are not let in; the reason is in the audit log.
    pub async fn sign_in_by_passkey(
        &self,
        origin: &RequestOrigin,
        attempt: &PasskeyAttempt<'_>,
    ) -> Result<NewSession, SignInError> {
        if origin.transport() == Transport::Exposed {
            self.audit_refused(origin, SignInRefusal::InsecureOrigin, None).await;
            return Err(SignInError::InsecureOrigin);
        }
        let client = origin.client;
        let here = match self.begin_of_client(client).await {
            Ok(here) => here,
            Err(error) => {
                self.audit_refused(origin, (&error).into(), None).await;
                return Err(error);
            }
        };
        let judged = self.judge_passkey(origin, attempt).await;
        here.end(matches!(judged, Ok(Judged::Refused(_))));
        match judged {
            Ok(Judged::Accepted(account)) => {
                let proof = Proof {
                    by: "passkey",
                    provider: None,
                    second_factor: true,
                    when: When::Now,
                    user_agent: attempt.user_agent,
                };
                self.begin_session(origin, &account, &proof).await.map_err(|error| match error {
                    SignInError::Refused => SignInError::PasskeyRefused,
                    error => error,
                })
            }
            Ok(Judged::TooLate) => Err(SignInError::StartAgain),
            Ok(Judged::Refused(Refused(refusal, account, why))) => {
                let user = account.map(|account| account.name);
                if refusal == SignInRefusal::PasskeyCounter {
                    tracing::warn!(?user, %client, why, "a passkey may have been copied");
                } else {
                    tracing::info!(?user, %client, why, "sign-in refused");
                }
                self.audit_refused(origin, refusal, user.as_ref()).await;
                Err(SignInError::PasskeyRefused)
            }
            Err(error) => {
                self.audit_refused(origin, SignInRefusal::Unavailable, None).await;
                Err(SignInError::Unavailable(error))
            }
        }
    }

    pub(super) async fn judge_passkey(
        &self,
        origin: &RequestOrigin,
        attempt: &PasskeyAttempt<'_>,
    ) -> Result<Judged, Unavailable> {
        let refused = |refusal, account: Option<Account>, why: &str| {
            Ok(Judged::Refused(Refused(refusal, account.map(Box::new), why.to_owned())))
        };
        if !self.settings.passkeys {
            return refused(SignInRefusal::Passkey, None, "passkeys are switched off");
        }
        let Some((state, until)) = self.open_question(origin, attempt).await? else {
            return Ok(Judged::TooLate);
        };
        // S16: one answer to a question, whether it is right or not
        let key = TicketKey::from_bytes(Sha256::digest(state.expose()).into());
        if !self.store.tickets().put(&key, USED, "", until).await? {
            return refused(SignInRefusal::Passkey, None, "an answer came twice");
        }
        let shown = match Shown::read(attempt.answer) {
            Ok(shown) => shown,
            Err(why) => return refused(SignInRefusal::Passkey, None, &why),
        };
        let Some(row) = self.store.passkeys().find(shown.credential()).await? else {
            return refused(SignInRefusal::Passkey, None, "nobody has this passkey");
        };
        let Some(account) = self.store.accounts().by_id(row.account).await? else {
            return refused(SignInRefusal::Passkey, None, "its owner is gone");
        };
        let handle = self.passkey_handle(row.account).await?;
        let moved = match shown.verify((origin, state.expose()), (&row, handle)) {
            Ok(moved) => moved,
            Err(Doubt::Counter) => {
                let why = "its counter did not go on";
                return refused(SignInRefusal::PasskeyCounter, Some(account), why);
            }
            Err(Doubt::Other(why)) => return refused(SignInRefusal::Passkey, Some(account), &why),
        };
        if account.state == AccountState::Disabled {
            return refused(SignInRefusal::Disabled, Some(account), "the account is disabled");
        }
        if !local::may_use_password(self, &account).await? {
            let why = "its owner belongs to a provider";
            return refused(SignInRefusal::Passkey, Some(account), why);
        }
        // `local_fallback` lets them in while the directory can't be asked, not against its word
        if !self.stands_with_its_directory(account.id).await? {
            let why = "its owner's directory does not vouch for them";
            return refused(SignInRefusal::Disabled, Some(account), why);
        }
        let (now, client) = (self.now(), origin.client);
        let used = PasskeyUse { before: &row.moving, after: &moved, now, client };
        if !self.store.passkeys().note_use(row.id, &used).await? {
            return refused(SignInRefusal::Passkey, Some(account), "it was used twice at once");
        }
        Ok(Judged::Accepted(Box::new(account)))
    }

    /// The question that is answered, and until when it may be; none if it was not put to this
    /// browser at this host, or too long ago.
    async fn open_question(
        &self,
        origin: &RequestOrigin,
        attempt: &PasskeyAttempt<'_>,
    ) -> Result<Option<(Secret<Vec<u8>>, UnixTime)>, Unavailable> {
        let Ok(sealed) = URL_SAFE_NO_PAD.decode(attempt.sealed) else { return Ok(None) };
        for browser in attempt.browsers {
            let open = self.unseal(KEY, &place(origin, browser), &sealed).await?;
            let Some(open) = open else { continue };
            let Some((until, state)) = open.expose().split_first_chunk() else { continue };
            let until = UnixTime::from_seconds(i64::from_be_bytes(*until));
            let is_open = self.now() < until;
            return Ok(is_open.then(|| (Secret::new(state.to_vec()), until)));
        }
        Ok(None)
    }
}

/// For which browser at which host a question is sealed. Each part is preceded by its length, so
/// that no two lists of parts read the same.
fn place(origin: &RequestOrigin, browser: &str) -> Vec<u8> {
    let mut place = Vec::new();
    for part in [&*origin.ascii_origin(), browser] {
        place.extend_from_slice(&part.len().to_be_bytes());
        place.extend_from_slice(part.as_bytes());
    }
    place
}
