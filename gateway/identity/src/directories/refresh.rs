//! Asking directories again of those who are signed in (requirement S45).

use std::collections::BTreeSet;
use std::time::Duration;

use vestibule_store::audit::{Actor, Ended, Entry, Event};
use vestibule_store::{AccountId, LinkedIdentity, ProviderGroups, Subject, UnixTime};

use super::words::Word;
use crate::identity::{Identity, Unavailable};
use crate::providers::ldap::{LdapError, LdapProvider, Standing};

/// How many are asked about in one round.
const MOST_AT_ONCE: u32 = 64;

/// For so many intervals sessions go on that the directory can't be asked about.
const PATIENCE: u32 = 3;

/// After so many answers in a row that did not come in time, the directory is taken for lost.
const MOST_LATE: u32 = 3;

/// The longest time between two looks at who is due.
const LONGEST: Duration = Duration::from_secs(15);
/// The shortest.
const SHORTEST: Duration = Duration::from_millis(500);

/// Asks one directory again and again. What becomes of somebody there is in force when a round
/// ends.
#[derive(Debug)]
pub struct DirectoryWatch {
    directory: LdapProvider,
    /// Whether it could not be asked the last time, so that this is said once.
    is_lost: bool,
    /// Of whom it could not say anything the last time: they are asked about last.
    unreadable: BTreeSet<Subject>,
}

/// What is known of an account's owner in a directory.
enum Known<'i> {
    /// It vouches, or said so lately; or there is no such directory any more.
    Vouches,
    /// They are gone, or shut out.
    Shut,
    /// It must be asked.
    Ask(&'i LdapProvider),
}

impl Identity {
    /// Whether the directory that an account belongs to, if it belongs to one, vouches for its
    /// owner: it is asked if it has not been for an interval. Who shows an app password, or made a
    /// share link, may have no session that a [`DirectoryWatch`] would ask about.
    pub(crate) async fn stands_with_its_directory(
        &self,
        account: AccountId,
    ) -> Result<bool, Unavailable> {
        if self.settings.directories.is_empty() {
            return Ok(true);
        }
        if let Some(told) = self.told_of(account).await? {
            return Ok(told);
        }
        // of many requests at once one asks, and the others find what it was told
        let _turn = self.words.turn(account).await;
        for linked in self.store.identities().of_account(account).await? {
            let vouches = match self.known_of(account, &linked)? {
                Known::Vouches => true,
                Known::Shut => false,
                Known::Ask(directory) => self.ask_of(account, (directory, &linked)).await?,
            };
            if !vouches {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether an account's directories vouch for its owner, as far as they were asked lately; none
    /// if one must be asked.
    async fn told_of(&self, account: AccountId) -> Result<Option<bool>, Unavailable> {
        for linked in self.store.identities().of_account(account).await? {
            match self.known_of(account, &linked)? {
                Known::Vouches => {}
                Known::Shut => return Ok(Some(false)),
                Known::Ask(_) => return Ok(None),
            }
        }
        Ok(Some(true))
    }

    fn known_of(
        &self,
        account: AccountId,
        linked: &LinkedIdentity,
    ) -> Result<Known<'_>, Unavailable> {
        let mut all = self.settings.directories.iter();
        let own = all.find(|directory| directory.config().id == linked.provider);
        let Some(directory) = own else { return Ok(Known::Vouches) };
        let (interval, now) = (directory.config().refresh, self.now());
        if now < linked.groups_read.plus(interval) {
            return Ok(Known::Vouches);
        }
        match self.words.of(account, (linked.groups_read, now), interval) {
            Some(Word::Shut) => Ok(Known::Shut),
            Some(Word::Bearable) => Ok(Known::Vouches),
            Some(Word::Silent) => Err(LdapError::Late.into()),
            None => Ok(Known::Ask(directory)),
        }
    }

    /// Asks a directory whether it vouches for somebody, and keeps what it says.
    async fn ask_of(
        &self,
        account: AccountId,
        (directory, linked): (&LdapProvider, &LinkedIdentity),
    ) -> Result<bool, Unavailable> {
        let (interval, now) = (directory.config().refresh, self.now());
        match directory.look_up(&linked.subject.id).await {
            Ok(Some(Standing::Active(user))) => {
                self.set_groups(account, &linked.subject, &user.groups).await?;
                Ok(true)
            }
            Ok(Some(Standing::Shut(_)) | None) => {
                self.words.keep(account, Word::Shut, now);
                Ok(false)
            }
            Err(_) if now < linked.groups_read.plus(interval * PATIENCE) => {
                self.words.keep(account, Word::Bearable, now);
                Ok(true)
            }
            Err(error) => {
                self.words.keep(account, Word::Silent, now);
                Err(error.into())
            }
        }
    }

    /// The same for what goes on without its owner: where a directory can't say, it does not vouch.
    pub(crate) async fn is_vouched_for(&self, account: AccountId) -> Result<bool, Unavailable> {
        match self.stands_with_its_directory(account).await {
            Err(Unavailable::Directory(error)) => {
                let (account, error) = (account.number(), &error as &dyn std::error::Error);
                tracing::debug!(
                    account,
                    error,
                    "a directory that can't be asked vouches for nobody"
                );
                Ok(false)
            }
            other => other,
        }
    }
}

impl DirectoryWatch {
    /// A watch that has not asked yet.
    #[must_use]
    pub const fn new(directory: LdapProvider) -> Self {
        Self { directory, is_lost: false, unreadable: BTreeSet::new() }
    }

    /// How long to wait between rounds.
    #[must_use]
    pub fn pause(&self) -> Duration {
        (self.directory.config().refresh / 4).clamp(SHORTEST, LONGEST)
    }

    /// One round: asks about everybody with a session whose groups were read an interval ago.
    /// Groups are taken over; who is gone, or may not sign in any more, is signed out. While the
    /// directory can't be asked nothing changes, for three intervals: then they are signed out. An
    /// entry that can't be read is nobody's trouble but its owner's.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn round(&mut self, identity: &Identity) -> Result<(), Unavailable> {
        let mut due = self.due(identity, 1).await?;
        // who can't be read stands in nobody's way
        due.sort_by_key(|(_, subject)| self.unreadable.contains(subject));
        let (mut unreadable, mut late) = (BTreeSet::new(), 0);
        let mut has_answered = false;
        for (account, subject) in due {
            match self.directory.look_up(&subject.id).await {
                Ok(standing) => {
                    (has_answered, late) = (true, 0);
                    self.is_back();
                    self.unreadable.remove(&subject);
                    self.take_over(identity, (account, &subject), standing).await?;
                }
                Err(error) => {
                    late += u32::from(matches!(error, LdapError::Late));
                    if !is_of_one_entry(&error) || late >= MOST_LATE {
                        self.is_gone(&error);
                        return self.end_of_patience(identity, None).await;
                    }
                    self.is_unreadable(&subject, &error);
                    unreadable.insert(subject);
                }
            }
        }
        if unreadable.is_empty() {
            return Ok(());
        }
        // nothing else was asked about: perhaps it can't be asked at all
        self.end_of_patience(identity, has_answered.then_some(&unreadable)).await
    }

    async fn take_over(
        &self,
        identity: &Identity,
        (account, subject): (AccountId, &Subject),
        standing: Option<Standing>,
    ) -> Result<(), Unavailable> {
        let why = match standing {
            Some(Standing::Active(user)) => {
                return identity.set_groups(account, subject, &user.groups).await;
            }
            Some(Standing::Shut(reason)) => format!("{reason:?}"),
            None => "gone".to_owned(),
        };
        // an app password of theirs is good again when the directory says so, not before
        identity.store.identities().doubt(subject).await?;
        self.end(identity, account, &why).await
    }

    /// Ends the sessions of those who could not be asked about for too long: of these, or of all.
    async fn end_of_patience(
        &self,
        identity: &Identity,
        of: Option<&BTreeSet<Subject>>,
    ) -> Result<(), Unavailable> {
        let mut due = self.due(identity, PATIENCE).await?;
        due.retain(|(_, subject)| of.is_none_or(|of| of.contains(subject)));
        for (account, subject) in due {
            let stored = identity.store.accounts().by_id(account).await?;
            if identity.may_fall_back(stored.as_ref(), Some(&self.directory)) {
                // their own password stands; what the directory said of them does not
                identity.set_groups(account, &subject, &ProviderGroups::Unknown).await?;
            } else {
                self.end(identity, account, "the directory can't be asked").await?;
            }
        }
        Ok(())
    }

    /// Whose groups were read so many intervals ago.
    async fn due(
        &self,
        identity: &Identity,
        intervals: u32,
    ) -> Result<Vec<(AccountId, Subject)>, Unavailable> {
        let config = self.directory.config();
        let age = i64::try_from((config.refresh * intervals).as_secs()).unwrap_or(i64::MAX);
        let before = UnixTime::from_seconds(identity.now().seconds().saturating_sub(age));
        let unreadable = u32::try_from(self.unreadable.len()).unwrap_or(u32::MAX);
        let most = MOST_AT_ONCE.saturating_add(unreadable);
        Ok(identity.store.identities().stale(&config.id, before, most).await?)
    }

    async fn end(
        &self,
        identity: &Identity,
        account: AccountId,
        why: &str,
    ) -> Result<(), Unavailable> {
        let count = identity.store.sessions().delete_of_account(account, None).await?;
        identity.cache.end_of_account(account);
        let directory = &self.directory.config().id;
        let Some(account) = identity.store.accounts().by_id(account).await? else { return Ok(()) };
        tracing::info!(user = %account.name, %directory, count, why, "signed out by the directory");
        let event = Event::SessionsEnded { account: account.name, which: Ended::All, count };
        identity.audit().note(Entry::new(Actor::Gateway, event)).await;
        Ok(())
    }

    fn is_gone(&mut self, error: &LdapError) {
        if !std::mem::replace(&mut self.is_lost, true) {
            let (directory, error) = (&self.directory.config().id, error as &dyn std::error::Error);
            tracing::error!(
                %directory,
                error,
                "the directory can't be asked: sessions go on for {PATIENCE} intervals"
            );
        }
    }

    fn is_unreadable(&mut self, subject: &Subject, error: &LdapError) {
        if self.unreadable.insert(subject.clone()) {
            let (directory, error) = (&self.directory.config().id, error as &dyn std::error::Error);
            let subject = &subject.id;
            tracing::error!(%directory, subject, error, "an entry of the directory can't be read");
        }
    }

    fn is_back(&mut self) {
        if std::mem::replace(&mut self.is_lost, false) {
            tracing::info!(directory = %self.directory.config().id, "the directory answers again");
        }
    }
}

/// Whether an error may be one entry's alone, so that the next may be asked about.
const fn is_of_one_entry(error: &LdapError) -> bool {
    match error {
        LdapError::Answer { .. }
        | LdapError::Late
        | LdapError::NoId { .. }
        | LdapError::Unreadable => true,
        LdapError::Unreachable(_)
        | LdapError::ServiceAccount { .. }
        | LdapError::Referral
        | LdapError::Broken(_) => false,
    }
}
