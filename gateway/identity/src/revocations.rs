//! [`Revocations`]: the word that a session may have ended, for those who hold a request open.
//!
//! A request is judged when it begins. What goes on for longer (an archive, a video, a WebSocket)
//! is asked for again when this tells: who sent it, by [`Identity::authenticate`], and whether
//! they may. It tells of no session by name: whoever listens asks what a new request would ask,
//! and nobody has to keep a second record of who is signed in.

use tokio::sync::watch;

use crate::Identity;

/// Where it is said that sessions ended. Costs nothing while nobody listens.
#[derive(Debug)]
pub(crate) struct Bell(watch::Sender<u64>);

impl Bell {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Some session has ended, or may have: to be said when the cache knows it already.
    pub(crate) fn ring(&self) {
        self.0.send_modify(|rung| *rung = rung.wrapping_add(1));
    }
}

/// Tells when sessions have ended, from the moment it was asked for.
#[derive(Debug)]
pub struct Revocations(watch::Receiver<u64>);

impl Revocations {
    /// Waits until some session has ended, or may have, since this was last asked. Whose it was,
    /// [`Identity::authenticate`] knows.
    pub async fn happened(&mut self) {
        if self.0.changed().await.is_err() {
            // the identity itself is gone, and nothing of it can change any more
            std::future::pending::<()>().await;
        }
    }
}

impl Identity {
    /// Tells from now on when sessions end: by signing out, by an account that is changed,
    /// disabled or removed, and when [`Identity::maintain`] notices that another process changed
    /// anything. It does not tell of time: a session that is over at a moment is to be asked for
    /// after it.
    #[must_use]
    pub fn revocations(&self) -> Revocations {
        Revocations(self.cache.bell.0.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vestibule_schema::{AccountRole, UserName};
    use vestibule_store::{AccountState, NewAccount, Store};

    use super::*;
    use crate::{Attempt, RequestOrigin, Secret, Settings, SystemClock};

    async fn identity() -> Identity {
        let store = Store::open_in_memory().await.unwrap();
        Identity::open(store, Settings::for_tests(Arc::new(SystemClock))).await.unwrap()
    }

    /// Whether it told since it was last asked.
    fn told(revocations: &mut Revocations) -> bool {
        let told = revocations.0.has_changed().unwrap();
        revocations.0.mark_unchanged();
        told
    }

    /// S74: whatever ends a session is told to those who hold a request of it open.
    #[tokio::test]
    async fn everything_that_ends_a_session_is_told() {
        let identity = identity().await;
        let jane = UserName::parse("jane").unwrap();
        let password = Secret::from("a long enough password");
        let role = AccountRole::parse("").unwrap();
        let account = NewAccount::new(jane.clone(), role.clone());
        let id = identity.add_user(account, Some(&password)).await.unwrap().id;
        let origin = RequestOrigin::new(true, "photos.example.com", [192, 0, 2, 7].into());
        let attempt = Attempt { name: "jane", password: &password, user_agent: "test" };
        let mut revocations = identity.revocations();

        let session = identity.sign_in(&origin, &attempt).await.unwrap().session().unwrap();
        assert!(!told(&mut revocations), "signing in ends nothing");
        identity.sign_out(&origin, &session.signed_in).await.unwrap();
        assert!(told(&mut revocations), "signing out");
        identity.end_session(id, session.signed_in.session().unwrap()).await.unwrap();
        assert!(told(&mut revocations), "ending a session");
        identity.end_all_sessions(id).await.unwrap();
        assert!(told(&mut revocations), "ending all sessions");
        identity.set_role(&jane, &role).await.unwrap();
        assert!(told(&mut revocations), "another role");
        identity.set_password(&jane, &password).await.unwrap();
        assert!(told(&mut revocations), "another password");
        identity.set_state(&jane, AccountState::Disabled).await.unwrap();
        assert!(told(&mut revocations), "a disabled account");
        identity.remove_user(&jane).await.unwrap();
        assert!(told(&mut revocations), "a removed account");
        // those were changes of this process, which the round notices as it does another's
        identity.maintain().await.unwrap();
        assert!(told(&mut revocations), "a change in the store");
        identity.maintain().await.unwrap();
        assert!(!told(&mut revocations), "nothing changed");
    }
}
