//! Binds: proofs of passwords, and what a directory says of one that it refuses.

use std::time::Duration;

use ldap3::LdapResult;
use ldap3::controls::{Control, RawControl};
use tokio::time::timeout;

use super::ber::Values;
use super::config::ServiceAccount;
use super::connect::Connection;
use super::{LdapError, Reason};
use crate::Secret;

/// The password policy's control (draft-behera-ldap-password-policy); a server that does not know
/// it passes over it.
const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// Whether a password is somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It is.
    Given,
    /// The directory says no.
    Refused(Reason),
}

/// Binds as somebody. A bind with an empty name or password would prove nothing, and succeed
/// (RFC 4513, 5.1.1 and 5.1.2): it is never sent.
pub(crate) async fn prove(
    connection: &mut Connection,
    dn: &str,
    password: &Secret<String>,
    within: Duration,
) -> Result<Proof, LdapError> {
    if dn.is_empty() || is_void(password) {
        return Ok(Proof::Refused(Reason::NoPassword));
    }
    let control = RawControl { ctype: PASSWORD_POLICY.to_owned(), crit: false, val: None };
    let bind = connection.ldap.with_controls(control).simple_bind(dn, password.expose());
    let answer = timeout(within, bind).await.map_err(|_| LdapError::Late)?;
    read(&answer.map_err(LdapError::broken)?)
}

/// Binds as the service account.
pub(crate) async fn as_service(
    connection: &mut Connection,
    service: &ServiceAccount,
    within: Duration,
) -> Result<(), LdapError> {
    if service.dn.is_empty() || is_void(&service.password) {
        return Err(LdapError::ServiceAccount { code: UNWILLING });
    }
    let bind = connection.ldap.simple_bind(&service.dn, service.password.expose());
    let answer = timeout(within, bind).await.map_err(|_| LdapError::Late)?;
    match answer.map_err(LdapError::broken)?.rc {
        0 => Ok(()),
        code @ (BUSY | UNAVAILABLE) => Err(LdapError::Answer { code }),
        code => Err(LdapError::ServiceAccount { code }),
    }
}

/// Whether a password is none (requirement S41), or one that a directory written in C takes for
/// none.
pub(crate) fn is_void(password: &Secret<String>) -> bool {
    password.expose().is_empty() || password.expose().contains('\0')
}

/// Result codes (RFC 4511, appendix A).
const CONSTRAINT_VIOLATION: u32 = 19;
const NO_SUCH_OBJECT: u32 = 32;
const INAPPROPRIATE_AUTHENTICATION: u32 = 48;
const INVALID_CREDENTIALS: u32 = 49;
const BUSY: u32 = 51;
const UNAVAILABLE: u32 = 52;
const UNWILLING: u32 = 53;

fn read(answer: &LdapResult) -> Result<Proof, LdapError> {
    let by_policy = policy_says(&answer.ctrls);
    let refused = match answer.rc {
        // also a bind that succeeds for nothing but a change of the password
        0 => match by_policy {
            Some(reason) => reason,
            None => return Ok(Proof::Given),
        },
        INVALID_CREDENTIALS => {
            by_policy.or_else(|| sub_code(&answer.text)).unwrap_or(Reason::WrongPassword)
        }
        INAPPROPRIATE_AUTHENTICATION => Reason::WrongPassword,
        NO_SUCH_OBJECT => Reason::NoSuchUser,
        // 389 and those that come from it
        CONSTRAINT_VIOLATION => Reason::Locked,
        UNWILLING => by_policy.unwrap_or(Reason::Disabled),
        code => return Err(LdapError::Answer { code }),
    };
    Ok(Proof::Refused(refused))
}

/// What the password policy's control says against it.
fn policy_says(controls: &[Control]) -> Option<Reason> {
    let is_policy = |control: &&Control| control.1.ctype == PASSWORD_POLICY;
    let value = controls.iter().find(is_policy)?.1.val.as_deref()?;
    let mut values = Values::new(value).enter(0x30)?;
    // a warning, such as how long the password is good for
    values.take(0xa0);
    match values.take(0x81)? {
        [0] => Some(Reason::PasswordExpired),
        [1] => Some(Reason::Locked),
        [2] => Some(Reason::MustChangePassword),
        _ => Some(Reason::NotNow),
    }
}

/// Why Active Directory refused, from its text: `…, data 52e, v1db1` (requirement S44).
fn sub_code(text: &str) -> Option<Reason> {
    let (_, rest) = text.split_once("data ")?;
    let digits = rest.split(|c: char| !c.is_ascii_hexdigit()).next()?;
    match digits.to_ascii_lowercase().as_str() {
        "525" => Some(Reason::NoSuchUser),
        "52e" => Some(Reason::WrongPassword),
        "530" | "531" => Some(Reason::NotNow),
        "532" => Some(Reason::PasswordExpired),
        "533" => Some(Reason::Disabled),
        "701" => Some(Reason::AccountExpired),
        "773" => Some(Reason::MustChangePassword),
        "775" => Some(Reason::Locked),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rc: u32, text: &str, control: Option<&[u8]>) -> LdapResult {
        let control = control.map(|value| {
            let ctype = PASSWORD_POLICY.to_owned();
            Control(None, RawControl { ctype, crit: false, val: Some(value.to_vec()) })
        });
        LdapResult {
            rc,
            matched: String::new(),
            text: text.to_owned(),
            refs: Vec::new(),
            ctrls: control.into_iter().collect(),
        }
    }

    /// S44.
    #[test]
    fn the_sub_codes_of_active_directory_are_read() {
        let check = |code: &str, expected| {
            let text = format!(
                "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data \
                 {code}, v1db1"
            );
            let proof = read(&answer(INVALID_CREDENTIALS, &text, None)).unwrap();
            assert_eq!(proof, Proof::Refused(expected), "{code}");
        };
        check("525", Reason::NoSuchUser);
        check("52e", Reason::WrongPassword);
        check("52E", Reason::WrongPassword);
        check("530", Reason::NotNow);
        check("531", Reason::NotNow);
        check("532", Reason::PasswordExpired);
        check("533", Reason::Disabled);
        check("701", Reason::AccountExpired);
        check("773", Reason::MustChangePassword);
        check("775", Reason::Locked);
        check("77", Reason::WrongPassword);
    }

    #[test]
    fn a_bind_that_is_good_for_a_new_password_alone_is_refused() {
        let must_change = [0x30, 3, 0x81, 1, 2];
        let proof = read(&answer(0, "", Some(&must_change))).unwrap();
        assert_eq!(proof, Proof::Refused(Reason::MustChangePassword));
        // a warning alone: the password expires some day
        let warned = [0x30, 5, 0xa0, 3, 0x80, 1, 90];
        assert_eq!(read(&answer(0, "", Some(&warned))).unwrap(), Proof::Given);
        let both = [0x30, 8, 0xa0, 3, 0x80, 1, 90, 0x81, 1, 1];
        let proof = read(&answer(INVALID_CREDENTIALS, "", Some(&both))).unwrap();
        assert_eq!(proof, Proof::Refused(Reason::Locked));
    }

    #[test]
    fn only_success_is_success() {
        assert_eq!(read(&answer(0, "", None)).unwrap(), Proof::Given);
        // a referral, stronger authentication asked for, busy
        for code in [1, 2, 3, 7, 8, 10, 14, 51, 52, 80] {
            let read = read(&answer(code, "", None));
            assert!(matches!(read, Err(LdapError::Answer { .. })), "{code}");
        }
    }

    /// S41.
    #[test]
    fn no_password_is_none() {
        assert!(is_void(&Secret::from("")) && is_void(&Secret::from("\0secret")));
        assert!(!is_void(&Secret::from(" ")));
    }
}
