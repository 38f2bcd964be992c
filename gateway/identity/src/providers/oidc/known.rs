//! What is known of a provider: its discovery document and its keys, read when they are needed.

use std::sync::Arc;

use openidconnect::core::{CoreJsonWebKey, CoreJwsSigningAlgorithm as Algorithm};

use super::cached::{Cached, Reason};
use super::config::OidcConfig;
use super::discovery::{self, DiscoveryError, Metadata};
use super::error::OidcError;
use super::jwt::JwtError;
use super::keys::{KeyError, KeySet};
use super::outside::{Endpoint, Outside};
use crate::clock::Clock;

#[derive(Debug)]
pub(super) struct Known {
    config: OidcConfig,
    outside: Outside,
    metadata: Cached<Metadata>,
    keys: Cached<KeySet>,
}

impl Known {
    pub(super) fn new(config: OidcConfig, outside: Outside, clock: Arc<dyn Clock>) -> Self {
        let metadata = Cached::new(Arc::clone(&clock));
        Self { config, outside, metadata, keys: Cached::new(clock) }
    }

    /// What the provider says of itself.
    pub(super) async fn metadata(self: &Arc<Self>) -> Result<Arc<Metadata>, OidcError> {
        if let Some(fresh) = self.metadata.fresh() {
            return Ok(fresh);
        }
        let this = Arc::clone(self);
        let renewed = detached(async move {
            let read = this.read_metadata();
            this.metadata.renew(Reason::Stale, read).await
        });
        self.best(renewed.await, self.metadata.usable())
    }

    /// The key for a token. If there is none, the keys are read again, but not often: anybody can
    /// name a key that is not there (requirement S24).
    pub(super) async fn key(
        self: &Arc<Self>,
        name: Option<&str>,
        algorithm: &Algorithm,
    ) -> Result<CoreJsonWebKey, OidcError> {
        let keys = match self.keys.fresh() {
            Some(fresh) => fresh,
            None => self.best(self.renew_keys(Reason::Stale).await, self.keys.usable())?,
        };
        match keys.find(name, algorithm) {
            Ok(key) => return Ok(key.clone()),
            Err(KeyError::Unknown) => self.renew_keys(Reason::Unknown).await?,
            Err(KeyError::Ambiguous) => return Err(JwtError::from(KeyError::Ambiguous).into()),
        }
        let keys = self.keys.usable().ok_or(OidcError::Resting)?;
        Ok(keys.find(name, algorithm).map_err(JwtError::from)?.clone())
    }

    async fn renew_keys(self: &Arc<Self>, reason: Reason) -> Result<(), OidcError> {
        let this = Arc::clone(self);
        detached(async move { this.keys.renew(reason, this.read_keys()).await }).await
    }

    async fn read_metadata(&self) -> Result<Metadata, OidcError> {
        let missing = DiscoveryError::Missing("issuer");
        let address = discovery::address(&self.config.issuer).ok_or(missing)?;
        let read = self.outside.read(Endpoint::Discovery, &address, self.config.timeout);
        let document = read.await.map_err(DiscoveryError::from)?;
        Ok(Metadata::read(&document, &self.config)?)
    }

    async fn read_keys(self: &Arc<Self>) -> Result<KeySet, OidcError> {
        let metadata = self.metadata().await?;
        let read = self.outside.read(Endpoint::Keys, &metadata.keys, self.config.timeout);
        KeySet::read(&read.await.map_err(OidcError::Keys)?).ok_or(OidcError::NoKeys)
    }

    /// What was read just now; or what was read before, if the provider is only in trouble.
    fn best<T>(
        &self,
        renewed: Result<(), OidcError>,
        usable: Option<Arc<T>>,
    ) -> Result<Arc<T>, OidcError> {
        match (renewed, usable) {
            (Ok(()), Some(usable)) => Ok(usable),
            (Ok(()), None) => Err(OidcError::Resting),
            (Err(error), Some(usable)) if error.is_temporary() => {
                let error: &dyn std::error::Error = &error;
                let provider = self.config.id.as_str();
                tracing::warn!(
                    provider,
                    error,
                    "the provider is in trouble; what is known is used"
                );
                Ok(usable)
            }
            (Err(error), _) => Err(error),
        }
    }
}

/// Does something to its end also if whoever waits for it goes away: the others wait for it too.
async fn detached<F>(work: F) -> Result<(), OidcError>
where
    F: Future<Output = Result<(), OidcError>> + Send + 'static,
{
    tokio::spawn(work).await.unwrap_or(Err(OidcError::Resting))
}
