//! [`Portal`]: what the pages share.

use std::collections::BTreeMap;
use std::sync::Arc;

use vestibule_identity::providers::oidc::OidcProvider;
use vestibule_identity::{Identity, Unavailable};
use vestibule_schema::ProviderId;

use crate::form_token::FormTokens;
use crate::pages::Rounds;
use crate::sites::Sites;

/// What the pages share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Portal {
    pub(crate) identity: Arc<Identity>,
    pub(crate) sites: Arc<dyn Sites>,
    pub(crate) form_tokens: Arc<FormTokens>,
    pub(crate) rounds: Arc<Rounds>,
    pub(crate) oidc: Arc<BTreeMap<ProviderId, OidcProvider>>,
}

impl Portal {
    /// A portal to these sites. The key of its forms is kept in the store, so that a form
    /// outlives a restart.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn open(identity: Arc<Identity>, sites: Arc<dyn Sites>) -> Result<Self, Unavailable> {
        let key = identity.key("portal-forms").await?;
        Ok(Self {
            identity,
            sites,
            form_tokens: Arc::new(FormTokens::new(&key)),
            rounds: Arc::default(),
            oidc: Arc::default(),
        })
    }

    /// The same, where one may also sign in at these OpenID providers.
    #[must_use]
    pub fn with_providers(self, providers: BTreeMap<ProviderId, OidcProvider>) -> Self {
        Self { oidc: Arc::new(providers), ..self }
    }
}
