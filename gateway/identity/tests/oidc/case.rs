//! One case: a deviation, and what comes of it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect;
use url::Url;
use vestibule_identity::providers::oidc::{
    Arrived, Callback, ClientAuthentication, OidcConfig, OidcError, OidcProvider, Outside, Pending,
};
use vestibule_identity::{Clock, ManualClock, Secret, UnixTime};
use vestibule_schema::ProviderId;

use crate::provider::{CLIENT, Deviation, NOW, Provider, SECRET};

/// What somebody does between the provider and us.
pub(crate) type Meddle = fn(&mut Vec<(String, String)>);

/// One case.
pub(crate) struct Case {
    /// What the provider, or somebody between, does.
    pub(crate) name: &'static str,
    /// The condition that it is modelled on: a module of the OpenID Foundation's relying-party
    /// plans without its common beginning, or a section.
    pub(crate) condition: &'static str,
    /// What comes of it.
    pub(crate) outcome: &'static str,
    pub(crate) deviation: fn(&Provider) -> Deviation,
    pub(crate) configure: fn(&mut OidcConfig),
    pub(crate) meddle: Meddle,
    /// How long somebody takes at the provider.
    pub(crate) takes: Duration,
}

/// The provider's side and ours.
pub(crate) struct Stage {
    pub(crate) provider: Provider,
    pub(crate) client: OidcProvider,
    pub(crate) clock: Arc<ManualClock>,
}

pub(crate) fn client(
    provider: &Provider,
    clock: &Arc<ManualClock>,
    configure: fn(&mut OidcConfig),
) -> OidcProvider {
    // two tests at once install the same
    let _ = rustls::crypto::ring::default_provider().install_default();
    let portal = Url::parse("https://photos.example.com").unwrap();
    let id = ProviderId::parse("office").unwrap();
    let mut config = OidcConfig::new(id, &provider.issuer, CLIENT, &portal).unwrap();
    config.client_secret = Some(Secret::from(SECRET));
    config.client_authentication = ClientAuthentication::Discovered;
    configure(&mut config);
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    OidcProvider::new(config, Outside::new().unwrap(), clock)
}

impl Stage {
    pub(crate) async fn new(configure: fn(&mut OidcConfig)) -> Self {
        let provider = Provider::start().await;
        let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(NOW)));
        let client = client(&provider, &clock, configure);
        Self { provider, client, clock }
    }

    /// What a browser brings back that is sent to the provider.
    pub(crate) async fn visit(&self, address: Url) -> Vec<(String, String)> {
        let browser = reqwest::Client::builder().redirect(redirect::Policy::none()).build();
        let answer = browser.unwrap().get(address).send().await.unwrap();
        let location = answer.headers()[reqwest::header::LOCATION].to_str().unwrap();
        let location = Url::parse(location).unwrap();
        assert!(location.as_str().starts_with(self.client.config().redirect_uri.as_str()));
        location.query_pairs().into_owned().collect()
    }

    pub(crate) async fn sign_in(&self) -> Result<Arrived, OidcError> {
        self.sign_in_with(|_| {}, Duration::ZERO).await
    }

    pub(crate) async fn sign_in_with(
        &self,
        meddle: Meddle,
        takes: Duration,
    ) -> Result<Arrived, OidcError> {
        let begun = self.client.begin("/i/family/").await?;
        let mut brought = self.visit(begun.address).await;
        meddle(&mut brought);
        self.clock.advance(takes);
        // what is kept is written down meanwhile
        let pending = Pending::read(begun.pending.write().expose()).unwrap();
        self.client.finish(&pending, &read(&brought)?).await
    }
}

pub(crate) fn read(brought: &[(String, String)]) -> Result<Callback, OidcError> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(brought);
    Ok(Callback::read(&query.finish())?)
}

/// An error with all that caused it, as the log has it.
pub(crate) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A case in which the provider deviates.
pub(crate) fn case(
    name: &'static str,
    condition: &'static str,
    outcome: &'static str,
    deviation: fn(&Provider) -> Deviation,
) -> Case {
    let takes = Duration::ZERO;
    Case { name, condition, outcome, deviation, configure: |_| {}, meddle: |_| {}, takes }
}

impl Case {
    pub(crate) fn configured(mut self, configure: fn(&mut OidcConfig)) -> Self {
        self.configure = configure;
        self
    }

    pub(crate) fn meddled(mut self, meddle: Meddle) -> Self {
        self.meddle = meddle;
        self
    }

    pub(crate) fn taking(mut self, takes: Duration) -> Self {
        self.takes = takes;
        self
    }

    /// Runs the case. Gives what came of it, and who signed in.
    pub(crate) async fn run(&self) -> (String, Option<Arrived>) {
        let stage = Stage::new(self.configure).await;
        stage.provider.deviate((self.deviation)(&stage.provider));
        match stage.sign_in_with(self.meddle, self.takes).await {
            Ok(arrived) => ("accepted".to_owned(), Some(arrived)),
            Err(error) => (told(&error), None),
        }
    }
}
