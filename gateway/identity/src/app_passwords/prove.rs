//! From an `Authorization` header to somebody (RFC 7617).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vestibule_policies::UserFacts;
use vestibule_schema::UserName;
use vestibule_store::audit::{Event, SignInRefusal};
use vestibule_store::{Account, AppPasswordRow, Audience, TokenHash, UnixTime, folded};
use zeroize::Zeroize as _;

use super::cache::Good;
use super::text;
use crate::Secret;
use crate::credentials::{Authentication, FailedCredential, Means, SignedIn};
use crate::identity::{Identity, Unavailable};
use crate::origin::{RequestOrigin, Transport, counted};
use crate::providers::local;
use crate::sessions::cache::BeforeRead;

/// After so many seconds a use from the same address is written down again.
const WRITE_AGAIN: u64 = 3600;
/// After so many seconds the moment of its last use is noted again.
const NOTE_AGAIN: u64 = 60;
/// When an app password ends that has no end: the year 9999.
const NEVER: UnixTime = UnixTime::from_seconds(253_402_300_799);

/// A name and a password that a program showed.
#[derive(Debug)]
pub(crate) struct Shown {
    name: Option<UserName>,
    password: Secret<String>,
}

impl Shown {
    /// Of a header; `None` if it holds none, or came where it could be read on the way.
    pub(crate) fn in_header(origin: &RequestOrigin, header: &str) -> Option<Self> {
        if origin.transport() == Transport::Exposed {
            return None;
        }
        let (scheme, rest) = header.trim().split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let mut bytes = STANDARD.decode(rest.trim()).ok()?;
        let shown = std::str::from_utf8(&bytes).ok().and_then(|text| {
            let (name, password) = text.split_once(':')?;
            Some(Self {
                name: UserName::parse(name).ok(),
                password: Secret::new(password.to_owned()),
            })
        });
        bytes.zeroize();
        shown
    }

    fn folded(&self) -> Option<String> {
        self.name.as_ref().map(folded)
    }
}

/// Why somebody is not who they say.
struct Wrong {
    refusal: SignInRefusal,
    why: &'static str,
    /// The count of ends at which the store knew none such, whoever asks and where; none if it may
    /// be right elsewhere or soon.
    nobodys: Option<BeforeRead>,
}

impl Wrong {
    const fn password(why: &'static str) -> Self {
        Self { refusal: SignInRefusal::WrongPassword, why, nobodys: None }
    }
}

impl Identity {
    /// Whose app password this is, if that is known without asking the store.
    pub(crate) fn known_app_password(
        &self,
        origin: &RequestOrigin,
        audience: &Audience,
        shown: &Shown,
    ) -> Option<Arc<SignedIn>> {
        let hash = self.app_passwords.hash(&text::canonical(shown.password.expose())?);
        let now = self.now();
        let good = self.app_passwords.find(&hash, (self.cache.before_read(), now))?;
        let is_good = shown.folded().as_deref() == Some(&*good.name)
            && now < good.who.expires
            && good.client == counted(origin.client)
            && is_for(good.site.as_ref(), audience);
        is_good.then_some(good.who)
    }

    /// Whose app password this is, as the store says.
    pub(crate) async fn prove(
        &self,
        origin: &RequestOrigin,
        audience: &Audience,
        shown: Shown,
    ) -> Result<Authentication, Unavailable> {
        if !self.settings.app_passwords {
            return Ok(Authentication::Failed(FailedCredential::Basic));
        }
        let Some(password) = text::canonical(shown.password.expose()) else {
            // whose it was meant to be is nobody's business
            let wrong = Wrong::password("no app password reads so");
            return Ok(self.count(origin, (&shown, None), wrong).await);
        };
        let (hash, now) = (self.app_passwords.hash(&password), self.now());
        if self.app_passwords.is_nobodys(&self.guess(&shown), (self.cache.before_read(), now)) {
            return Ok(Authentication::Failed(FailedCredential::Basic));
        }
        // the name is looked up in any case, so that a wrong one costs what a right one does (S12)
        let account = local::find(self, shown.name.as_ref()).await?;
        match self.look_up((origin, audience), &shown, hash).await? {
            Ok(who) => Ok(Authentication::SignedIn(who)),
            Err(wrong) if account.is_none() => {
                let wrong = Wrong { refusal: SignInRefusal::UnknownUser, ..wrong };
                Ok(self.count(origin, (&shown, None), wrong).await)
            }
            Err(wrong) => Ok(self.count(origin, (&shown, account), wrong).await),
        }
    }

    /// The keyed hash of a name and a password as they were shown.
    fn guess(&self, shown: &Shown) -> TokenHash {
        let key = shown.folded().unwrap_or_default();
        let guess = Secret::new(format!("{key}\0{}", shown.password.expose()));
        self.app_passwords.hash(&guess)
    }

    async fn look_up(
        &self,
        (origin, audience): (&RequestOrigin, &Audience),
        shown: &Shown,
        hash: TokenHash,
    ) -> Result<Result<Arc<SignedIn>, Wrong>, Unavailable> {
        let before = self.cache.before_read();
        let now = self.now();
        let found = self.store.app_passwords().find(&hash).await?;
        let Some(row) = found.filter(|row| row.is_current(now)) else {
            let wrong = Wrong::password("there is no such app password");
            return Ok(Err(Wrong { nobodys: Some(before), ..wrong }));
        };
        let name = folded(&row.user);
        if shown.folded().as_deref() != Some(name.as_str()) {
            return Ok(Err(Wrong::password("it is somebody else's")));
        }
        if !is_for(row.bounds.site.as_ref(), audience) {
            return Ok(Err(Wrong::password("it is good at another site")));
        }
        if !self.stands_with_its_directory(row.account).await? {
            let wrong = Wrong::password("its directory does not vouch for them");
            return Ok(Err(Wrong { refusal: SignInRefusal::Disabled, ..wrong }));
        }
        let site = row.bounds.site.clone();
        self.note_use(origin, audience, (&row, now)).await?;
        let who = Arc::new(self.owner_of(row).await?);
        let (name, client) = (name.into(), counted(origin.client));
        let good = Good { who: Arc::clone(&who), name, site, client, read: now };
        self.app_passwords.fill(hash, good, before);
        Ok(Ok(who))
    }

    async fn owner_of(&self, row: AppPasswordRow) -> Result<SignedIn, Unavailable> {
        let groups = self.groups_of(row.account).await?;
        let facts = UserFacts { name: row.user, account_role: row.role, groups };
        let means = Means::AppPassword { id: row.id, bounds: Arc::new(row.bounds) };
        let expires = row.expires.unwrap_or(NEVER);
        let mut who =
            SignedIn::new(facts, row.account, means, expires).with_display_name(row.display_name);
        who.email = Some(row.email).filter(|email| !email.is_empty());
        Ok(who)
    }

    /// Notes that it was used; writes that down where it is news.
    async fn note_use(
        &self,
        origin: &RequestOrigin,
        audience: &Audience,
        (row, now): (&AppPasswordRow, UnixTime),
    ) -> Result<(), Unavailable> {
        let is_known = row.last_client == Some(origin.client)
            && row.last_used.is_some_and(|used| now.since(used).as_secs() < WRITE_AGAIN);
        if !is_known {
            let event = Event::AppPasswordUsed { number: row.id.number() };
            self.audit_at_site(origin, &row.user, (audience, event)).await?;
            tracing::info!(user = %row.user, app_password = %row.id, client = %origin.client, "an app password is used");
        }
        let is_noted =
            is_known && row.last_used.is_some_and(|used| now.since(used).as_secs() < NOTE_AGAIN);
        if !is_noted {
            self.store.app_passwords().touch(row.id, (now, origin.client)).await?;
        }
        Ok(())
    }

    /// Counts a wrong one against the account and the client's address (S13), unless it is the one
    /// that was wrong before.
    async fn count(
        &self,
        origin: &RequestOrigin,
        (shown, account): (&Shown, Option<Account>),
        Wrong { refusal, why, nobodys }: Wrong,
    ) -> Authentication {
        let failed = Authentication::Failed(FailedCredential::Basic);
        let now = self.now();
        if !self.app_passwords.is_new_guess(self.guess(shown), nobodys, now) {
            return failed;
        }
        let key = shown.folded().unwrap_or_default();
        let client = self.limits.count_client(origin.client, now);
        let taken = client.and_then(|()| self.limits.count_account(&key, now));
        let known = account.map(|account| account.name);
        tracing::info!(why, client = %origin.client, user = ?known, "an app password is refused");
        match taken {
            Ok(()) => {
                self.audit_refused(origin, refusal, known.as_ref()).await;
                failed
            }
            Err(limit) => {
                self.audit_refused(origin, SignInRefusal::TooMany, known.as_ref()).await;
                let retry_after = limit.retry_after;
                Authentication::Failed(FailedCredential::Held { retry_after })
            }
        }
    }
}

/// Whether one of this site is good here.
fn is_for(site: Option<&vestibule_schema::SiteId>, audience: &Audience) -> bool {
    match audience {
        Audience::Portal => false,
        Audience::Site(here) => site.is_none_or(|site| site == here),
    }
}
