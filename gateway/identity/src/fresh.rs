//! What is for whoever proved who they are a moment ago: a browser that was left open is not enough
//! (requirement S85).

use std::time::Duration;

use crate::credentials::SignedIn;
use crate::identity::{Identity, Unavailable};

/// How long a proof is of a moment ago.
pub(crate) const FRESH: Duration = Duration::from_secs(15 * 60);

impl Identity {
    /// Whether somebody proved who they are a moment ago. What counts is when they did so at their
    /// provider, not when they came from there: whoever is signed in at it comes back unasked. A
    /// provider that does not say when has not said that it was just now.
    pub(crate) async fn is_fresh(&self, who: &SignedIn) -> Result<bool, Unavailable> {
        let sessions = self.sessions(who.account).await?;
        let own = sessions.iter().find(|one| Some(one.id) == who.root_session());
        let proved = own.and_then(|own| own.proved);
        Ok(proved.is_some_and(|proved| self.now() <= proved.plus(FRESH)))
    }
}
