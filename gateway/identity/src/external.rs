//! [`ExternalUser`]: what an identity provider says of somebody who has just proved who they are.

use std::collections::BTreeSet;

use vestibule_schema::{GroupId, ProviderId};
pub use vestibule_store::{ProviderGroups, Subject};

/// What an identity provider says of somebody who has just proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalUser {
    /// Which provider.
    pub provider: ProviderId,
    /// Who, for ever.
    pub subject: Subject,
    /// What they are called there; becomes part of the account's name when it is made.
    pub user_name: Option<String>,
    /// The name for people.
    pub display_name: Option<String>,
    /// An e-mail address that the provider has verified, with exactly one `@`; else none.
    pub verified_email: Option<String>,
    /// Their groups.
    pub groups: ProviderGroups,
    /// Whether a second factor was shown there.
    pub second_factor: bool,
}

/// Which accounts a provider may make, and how it may name them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registration {
    /// Whether somebody who has no account gets one at their first sign-in; else an administrator
    /// makes it, or adopts an account for them.
    pub auto_register: bool,
    /// Only members of one of these groups get an account; empty: no such bound.
    pub allow_groups: BTreeSet<GroupId>,
    /// Only who has a verified address at one of these domains gets an account, in lower case;
    /// empty: no such bound.
    pub allow_email_domains: BTreeSet<String>,
    /// Whether the provider's names are taken as they are; else the account is `name@provider`.
    pub trust_names: bool,
    /// Whether a local password may stand beside the provider.
    pub local_fallback: bool,
}
