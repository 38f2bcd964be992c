//! Comparing a code, within the limits of sign-in: one counter for an account, whatever is guessed.

use vestibule_store::{Account, folded};

use super::code::{self, Typed};
use crate::identity::{Identity, Unavailable};
use crate::origin::RequestOrigin;
use crate::sign_in::{SignInError, is_held_back};
use crate::{Secret, second_factor};

/// After so many wrong codes without a right one the clock's codes count no more, and a recovery
/// code is needed: six digits can be guessed by who has months. (NIST SP 800-63B-4, 3.2.2: no more
/// than 100.) Only who knows the password comes so far.
const MOST_WRONG: u32 = 100;

/// What was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// A code by the clock.
    Code,
    /// A recovery code; so many are left.
    RecoveryCode {
        /// How many.
        left: u32,
    },
}

impl Identity {
    /// Compares a code of somebody whose password was right; a right one is used up by that.
    pub(crate) async fn check_code(
        &self,
        origin: &RequestOrigin,
        account: &Account,
        code: &Secret<String>,
    ) -> Result<Shown, SignInError> {
        let (client, key) = (origin.client, folded(&account.name));
        let here = self.begin_of_client(client).await?;
        let there = match self.hold_account(client, &key, Some(account)).await {
            Ok(there) => there,
            Err(error) => {
                here.end(is_held_back(&error));
                return Err(error);
            }
        };
        let judged = self.judge_code(account, code).await;
        let failed = matches!(judged, Ok(None));
        there.into_iter().for_each(|one| one.end(failed));
        here.end(failed);
        match judged.map_err(SignInError::Unavailable)? {
            Some(shown) => Ok(shown),
            None => {
                tracing::info!(user = %account.name, %client, "a wrong code");
                Err(SignInError::WrongCode)
            }
        }
    }

    async fn judge_code(
        &self,
        account: &Account,
        typed: &Secret<String>,
    ) -> Result<Option<Shown>, Unavailable> {
        let factors = self.store.second_factors();
        let Some(factor) = factors.find(account.id).await? else { return Ok(None) };
        let shown = match Typed::read(typed) {
            Some(Typed::Code(code)) if factor.wrong < MOST_WRONG => {
                let place = account.id.number().to_be_bytes();
                let secret = self.unseal(second_factor::KEY, &place, &factor.sealed);
                // fails closed: what can't be read proves nothing
                let secret = secret.await?.ok_or(Unavailable::Unreadable)?;
                match code::step_of(&code, &secret, self.now()) {
                    Some(step) if factors.use_step(account.id, step).await? => Some(Shown::Code),
                    Some(_) | None => None,
                }
            }
            Some(Typed::Code(_)) => {
                tracing::warn!(user = %account.name, "too many wrong codes: a recovery code is needed");
                None
            }
            Some(Typed::Recovery(code)) => {
                let hash = code::recovery_hash(account.id, &code);
                let left = factors.use_recovery_code(account.id, &hash).await?;
                left.map(|left| Shown::RecoveryCode { left })
            }
            None => None,
        };
        if shown.is_none() {
            factors.count_wrong(account.id).await?;
        }
        Ok(shown)
    }
}
