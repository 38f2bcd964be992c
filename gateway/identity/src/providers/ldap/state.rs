//! What a directory says of whether an account may sign in at all.

use vestibule_store::UnixTime;

use super::Reason;
use super::entry::Entry;

/// The attributes that say so. A directory leaves out those that it does not know.
pub(crate) const ATTRIBUTES: [&str; 6] = [
    "userAccountControl",
    "msDS-User-Account-Control-Computed",
    "accountExpires",
    "pwdLastSet",
    "pwdAccountLockedTime",
    "nsAccountLock",
];

/// Bits of `userAccountControl` and what Active Directory computes from it.
const DISABLED: i64 = 0x2;
const LOCKED: i64 = 0x10;
const PASSWORD_NEVER_EXPIRES: i64 = 0x1_0000;
const PASSWORD_EXPIRED: i64 = 0x80_0000;

/// Locked by an administrator, for ever (OpenLDAP's password policy).
const LOCKED_FOR_EVER: &str = "000001010000Z";
/// Between 1601, from which Active Directory counts, and 1970.
const SECONDS_TO_1970: i64 = 11_644_473_600;

/// Why an account may not sign in, as far as its entry says so (requirement S44).
pub(crate) fn barred(entry: &Entry, now: UnixTime) -> Option<Reason> {
    let control = entry.number("userAccountControl").unwrap_or(0);
    let computed = entry.number("msDS-User-Account-Control-Computed").unwrap_or(0);
    let never_expires = control & PASSWORD_NEVER_EXPIRES != 0;
    if control & DISABLED != 0 || is_shut(entry) {
        return Some(Reason::Disabled);
    }
    if entry.number("accountExpires").is_some_and(|expires| has_expired(expires, now)) {
        return Some(Reason::AccountExpired);
    }
    if computed & LOCKED != 0 {
        return Some(Reason::Locked);
    }
    if entry.number("pwdLastSet") == Some(0) && !never_expires {
        return Some(Reason::MustChangePassword);
    }
    (computed & PASSWORD_EXPIRED != 0).then_some(Reason::PasswordExpired)
}

/// Whether a reason also ends the sessions of somebody who is signed in. A lock does not, for
/// strangers can bring it about; nor does a password whose time is over.
pub(crate) const fn ends_sessions(reason: Reason) -> bool {
    match reason {
        Reason::Disabled | Reason::AccountExpired | Reason::NoSuchUser | Reason::Ambiguous => true,
        Reason::Locked
        | Reason::PasswordExpired
        | Reason::MustChangePassword
        | Reason::NotNow
        | Reason::NoPassword
        | Reason::WrongPassword => false,
    }
}

/// OpenLDAP's and 389's ways to shut an account.
fn is_shut(entry: &Entry) -> bool {
    let for_ever = entry.texts("pwdAccountLockedTime").any(|since| since == LOCKED_FOR_EVER);
    for_ever || entry.texts("nsAccountLock").any(|locked| locked.eq_ignore_ascii_case("true"))
}

/// Active Directory's times are tenths of microseconds; 0 and the greatest number are never.
fn has_expired(expires: i64, now: UnixTime) -> bool {
    if expires == 0 || expires == i64::MAX {
        return false;
    }
    expires / 10_000_000 - SECONDS_TO_1970 <= now.seconds()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use ldap3::SearchEntry;

    use super::*;

    fn check(values: &[(&str, &str)], expected: Option<Reason>) {
        let attrs =
            values.iter().map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]));
        let entry = SearchEntry {
            dn: "cn=x".to_owned(),
            attrs: attrs.collect(),
            bin_attrs: HashMap::new(),
        };
        // 2020-01-01
        let now = UnixTime::from_seconds(1_577_836_800);
        assert_eq!(barred(&Entry::from(entry), now), expected, "{values:?}");
    }

    /// S44.
    #[test]
    fn the_states_of_active_directory_are_read() {
        let control = "userAccountControl";
        let computed = "msDS-User-Account-Control-Computed";
        check(&[(control, "512"), (computed, "0"), ("pwdLastSet", "132223104000000000")], None);
        check(&[(control, "514")], Some(Reason::Disabled));
        check(&[(control, "512"), (computed, "16")], Some(Reason::Locked));
        check(&[(control, "512"), (computed, "8388608")], Some(Reason::PasswordExpired));
        check(&[(control, "512"), ("pwdLastSet", "0")], Some(Reason::MustChangePassword));
        check(&[(control, "66048"), ("pwdLastSet", "0")], None);
        check(&[("accountExpires", "0")], None);
        check(&[("accountExpires", "9223372036854775807")], None);
        // the second itself, and the one after
        check(&[("accountExpires", "132223104000000000")], Some(Reason::AccountExpired));
        check(&[("accountExpires", "132223104010000000")], None);
    }

    #[test]
    fn other_directories_shut_accounts_in_their_own_way() {
        check(&[("pwdAccountLockedTime", "000001010000Z")], Some(Reason::Disabled));
        check(&[("pwdAccountLockedTime", "20200101000000Z")], None);
        check(&[("nsAccountLock", "TRUE")], Some(Reason::Disabled));
        check(&[("nsAccountLock", "false")], None);
    }
}
