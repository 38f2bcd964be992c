//! The OpenID providers of a gateway: made from its configuration, and asked again while sessions
//! go on that began there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use vestibule_identity::providers::oidc::{
    ClientAuthentication, OidcConfig, OidcProvider, Outside,
};
use vestibule_identity::{Clock, Identity};
use vestibule_schema::ProviderId;

use crate::config::IdentityConfig;

/// How often at least it is looked which sessions are to be renewed.
const SELDOM: Duration = Duration::from_secs(10);
/// How often at most.
const OFTEN: Duration = Duration::from_millis(500);

/// The providers by name. None is asked for anything yet.
///
/// # Errors
/// If TLS can't be set up.
pub(crate) fn of(
    config: &IdentityConfig,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<BTreeMap<ProviderId, OidcProvider>> {
    if config.oidc.is_empty() {
        // a machine without certificates needs none for this
        return Ok(BTreeMap::new());
    }
    let outside = Outside::new().context("can't set up HTTPS towards OpenID providers")?;
    let provider = |config: &OidcConfig| {
        let outside = match &config.client_authentication {
            ClientAuthentication::Tls(certificate) => outside.showing(certificate),
            ClientAuthentication::Discovered
            | ClientAuthentication::Basic
            | ClientAuthentication::Post => Ok(outside.clone()),
        };
        let outside =
            outside.with_context(|| format!("can't show a certificate to `{}`", config.id))?;
        anyhow::Ok(OidcProvider::new(config.clone(), outside, Arc::clone(clock)))
    };
    let all = config.oidc.iter();
    all.map(|(id, known)| Ok((id.clone(), provider(&known.config)?))).collect()
}

/// Renews what sessions have of a provider, for as long as the process runs. Each provider has a
/// loop of its own, so that one that is slow keeps none of the others.
pub(crate) async fn keep_up(identity: Arc<Identity>, provider: OidcProvider) {
    let every = (provider.config().refresh / 4).clamp(OFTEN, SELDOM);
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match identity.renew(&provider).await {
            Ok(0) => {}
            Ok(renewed) => tracing::debug!(provider = %provider.config().id, renewed, "renewed"),
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(provider = %provider.config().id, error, "sessions are not renewed");
            }
        }
    }
}
