//! After a change of what somebody signs in with, a new session takes the place of theirs
//! (requirement S3).

use vestibule_store::audit::Ended;
use vestibule_store::{Account, StoreError};

use crate::credentials::SignedIn;
use crate::identity::Identity;
use crate::origin::RequestOrigin;
use crate::sign_in::{NewSession, Proof, SignInError};

/// What becomes of somebody's other sessions (ASVS 5.0, 7.4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherSessions {
    /// They go on.
    GoOn,
    /// They end.
    End,
}

impl Identity {
    /// Asks once more whether somebody's session stands: to compare their password may have taken
    /// seconds, and nothing takes the place of a session that was ended meanwhile.
    pub(crate) async fn require_session(&self, who: &SignedIn) -> Result<(), SignInError> {
        let sessions = self.sessions(who.account).await.map_err(SignInError::Unavailable)?;
        let root = who.root_session();
        let stands = sessions.iter().any(|session| Some(session.id) == root);
        if stands { Ok(()) } else { Err(SignInError::StartAgain) }
    }

    /// Begins a session in the place of somebody's own, and ends the others if they wish it.
    pub(crate) async fn renew_session(
        &self,
        origin: &RequestOrigin,
        who: &SignedIn,
        (account, proof, others): (&Account, &Proof<'_>, OtherSessions),
    ) -> Result<NewSession, SignInError> {
        let kept = self.tokens_of_owner(who).await.map_err(SignInError::Unavailable)?;
        let session = self.begin_session(origin, account, proof).await?;
        self.carry_tokens(kept, &session).await.map_err(SignInError::Unavailable)?;
        let failed = |error: StoreError| SignInError::Unavailable(error.into());
        match others {
            OtherSessions::End => {
                let spared = session.signed_in.session();
                let ended = self.store.sessions().delete_of_account(account.id, spared).await;
                self.cache.end_of_account(account.id);
                let count = ended.map_err(failed)?;
                let written = self.audit_ended(account.id, Ended::Others, count).await;
                written.map_err(SignInError::Unavailable)?;
            }
            OtherSessions::GoOn => {
                if let Some(root) = who.root_session() {
                    let ended = self.end_one(account.id, root).await;
                    ended.map_err(SignInError::Unavailable)?;
                }
            }
        }
        Ok(session)
    }
}
