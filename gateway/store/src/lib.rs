//! Accounts, sessions, grants and group mappings: the only crate that speaks SQL.
//!
//! A [`Store`] is one SQLite file in the state directory, or a PostgreSQL database that several
//! gateways share. Each table has a file here and a typed face: [`Store::accounts`],
//! [`Store::identities`], [`Store::sessions`], [`Store::app_passwords`], [`Store::tickets`],
//! [`Store::grants`], [`Store::group_mappings`], [`Store::second_factors`],
//! [`Store::signing_keys`], [`Store::nodes`], [`Store::join_tokens`], [`Store::meta`]. Rows come
//! back as the schema's types, or not at all.
//!
//! This crate is *not* the place of any rule about passwords, tokens, limits or time: it reads no
//! clock and makes no randomness (callers pass both), and knows neither HTTP nor Cedar. The one
//! rule it holds itself is one that only a transaction can hold: the last enabled cluster
//! administrator stays.
//!
//! Start at [`Store`], then [`accounts`].
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use vestibule_schema::{AccountRole, UserName};
//! use vestibule_store::{NewAccount, Store, UnixTime};
//!
//! let store = Store::open_in_memory().await?;
//! let jane = NewAccount::new(UserName::parse("jane").unwrap(), AccountRole::default());
//! store.accounts().add(jane, UnixTime::from_seconds(0)).await?;
//! assert!(store.accounts().find(&UserName::parse("JANE").unwrap()).await?.is_some());
//! # Ok::<(), vestibule_store::StoreError>(())
//! # }).unwrap();
//! ```

pub mod accounts;
pub mod app_passwords;
pub mod audit;
mod dialect;
#[cfg(test)]
mod engines;
pub mod error;
pub mod grants;
pub mod group_mappings;
pub mod identities;
pub mod join_tokens;
mod limited;
pub mod meta;
pub mod nodes;
mod open;
pub mod passkeys;
pub mod postgres;
pub mod provider_sessions;
mod row;
pub mod second_factors;
pub mod sessions;
pub mod shares;
pub mod signing_keys;
pub mod tickets;
pub mod time;
mod transaction;
pub mod watch;

pub use accounts::{
    Account, AccountChange, AccountId, AccountState, EndsWithPassword, Keep, NewAccount,
    PasswordHash, folded,
};
pub use app_passwords::{
    AppBounds, AppPasswordId, AppPasswordRow, AppScope, NewAppPassword, NoScope,
};
pub use audit::{AuditError, AuditLog, AuditSettings};
pub use error::{Cause, StoreError};
pub use grants::{Access, Grant, GrantFilter, RoleChoice};
pub use group_mappings::{GroupMapping, MappedGroup};
pub use identities::{LinkedIdentity, NewIdentity, ProviderGroups, Subject};
pub use join_tokens::{JoinToken, NewJoinToken};
pub use meta::Key;
pub use nodes::{NewNode, NodeChange, NodeState, RegisteredNode};
pub use open::Store;
pub use passkeys::{NewPasskey, PasskeyId, PasskeyRow, PasskeyUse};
pub use postgres::PostgresUrl;
pub use provider_sessions::ProviderSession;
pub use row::{Readable, Unreadable};
pub use second_factors::{NewSecondFactor, RecoveryCodeHash, SecondFactor};
pub use sessions::{
    Audience, CertificateHash, NewSession, SessionId, SessionRow, SiteSession, TokenHash,
};
pub use shares::{NewShare, Opener, ShareRow};
pub use signing_keys::SigningKeyRow;
pub use tickets::TicketKey;
pub use time::UnixTime;
pub use watch::Watch;
