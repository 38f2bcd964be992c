//! What somebody types: a code by the clock, or a recovery code that stands in for one.

use totp_rs::Totp;
use vestibule_store::{AccountId, RecoveryCodeHash, UnixTime};

use crate::identity::Unavailable;
use crate::{Secret, tickets};

/// How long a code lasts, in seconds (RFC 6238, section 4.1).
const STEP: u64 = 30;
/// How many steps before and after the clock's own a code may be of (section 5.2).
const SKEW: u16 = 1;
/// A secret's length in bytes: that of SHA-1, as RFC 4226, section 4 recommends.
const SECRET: usize = 20;
/// A recovery code's randomness in bytes. 80 bits can't be tried out, so that a fast hash keeps
/// them: a slow one helps what people choose.
const RECOVERY: usize = 10;
/// How many recovery codes there are.
pub(crate) const RECOVERY_CODES: usize = 10;
/// How much of a name an authenticator is told, in characters: a longer one fits into no picture.
const LONGEST_NAME: usize = 64;

/// A new secret.
pub(crate) fn new_secret() -> Result<Secret<Vec<u8>>, Unavailable> {
    random(SECRET)
}

/// The step of a code, if the code is one of about now.
pub(crate) fn step_of(
    code: &Secret<String>,
    secret: &Secret<Vec<u8>>,
    now: UnixTime,
) -> Option<i64> {
    let now = u64::try_from(now.seconds()).ok()?;
    let step = clock(secret).check(code.expose(), now)?;
    i64::try_from(step).ok()
}

/// A secret as an authenticator is told it, for a person at a host: the address that a QR code
/// holds.
pub(crate) fn address(secret: &Secret<Vec<u8>>, host: &str, user: &str) -> Option<Secret<String>> {
    // the two parts of a label are divided by a colon
    let plain = |text: &str| text.replace(':', " ").chars().take(LONGEST_NAME).collect::<String>();
    let told = totp_rs::Builder::new()
        .with_secret(secret.expose().as_slice())
        .with_account_name(plain(user))
        .with_issuer(Some(plain(host)))
        .build();
    Some(Secret::new(told.ok()?.to_url().ok()?))
}

/// A secret as people type it.
pub(crate) fn text(secret: &Secret<Vec<u8>>) -> Secret<String> {
    grouped(&base32(secret), ' ')
}

/// What somebody typed.
pub(crate) enum Typed {
    /// A code by the clock.
    Code(Secret<String>),
    /// A recovery code.
    Recovery(Secret<String>),
}

impl Typed {
    /// Reads it, however it is grouped. None if it is neither.
    pub(crate) fn read(text: &Secret<String>) -> Option<Self> {
        let bare = bare(text);
        match bare.expose() {
            code if code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(Self::Code(bare))
            }
            code if code.len() == RECOVERY * 8 / 5 => Some(Self::Recovery(bare)),
            _ => None,
        }
    }
}

/// New recovery codes, as they are shown.
pub(crate) fn new_recovery_codes() -> Result<Vec<Secret<String>>, Unavailable> {
    (0..RECOVERY_CODES).map(|_| random_text(RECOVERY)).collect()
}

/// What is kept of a recovery code of an account, however it is grouped.
pub(crate) fn recovery_hash(account: AccountId, code: &Secret<String>) -> RecoveryCodeHash {
    let (account, code) = (account.number().to_string(), bare(code));
    let parts = ["recovery code", &account, code.expose()];
    RecoveryCodeHash::from_bytes(tickets::digest(&parts))
}

/// So many random bytes as text that can be typed: small letters and digits that are not mistaken for each
/// other, in groups of four.
pub(crate) fn random_text(bytes: usize) -> Result<Secret<String>, Unavailable> {
    Ok(grouped(&bare(&base32(&random(bytes)?)), '-'))
}

/// A text without what groups it, in small letters.
pub(crate) fn bare(text: &Secret<String>) -> Secret<String> {
    let kept = text.expose().chars().filter(|c| !c.is_whitespace() && *c != '-');
    Secret::new(kept.flat_map(char::to_lowercase).collect())
}

fn clock(secret: &Secret<Vec<u8>>) -> Totp {
    // six digits of SHA-1, which is all that most authenticators know
    totp_rs::Builder::new()
        .with_secret(secret.expose().as_slice())
        .with_step_duration(STEP)
        .with_skew(SKEW)
        .build_noncompliant()
}

/// Bytes in the alphabet of RFC 4648, section 6.
fn base32(bytes: &Secret<Vec<u8>>) -> Secret<String> {
    Secret::new(totp_rs::Secret::from(bytes.expose().as_slice()).to_base32())
}

fn grouped(text: &Secret<String>, between: char) -> Secret<String> {
    let mut grouped = String::with_capacity(text.expose().len() * 5 / 4);
    for (at, character) in text.expose().chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            grouped.push(between);
        }
        grouped.push(character);
    }
    Secret::new(grouped)
}

fn random(length: usize) -> Result<Secret<Vec<u8>>, Unavailable> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).map_err(|_| Unavailable::Randomness)?;
    Ok(Secret::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    fn rfc() -> Secret<Vec<u8>> {
        Secret::new(b"12345678901234567890".to_vec())
    }

    fn step(code: &str, now: i64) -> Option<i64> {
        step_of(&code.into(), &rfc(), UnixTime::from_seconds(now))
    }

    /// The values of RFC 6238, appendix B, of which six digits are shown here.
    #[test]
    fn codes_are_those_of_the_standard() {
        for (time, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(step(code, time), Some(time / 30), "{time}");
        }
    }

    /// S15: one step before and one after, and no further.
    #[test]
    fn a_code_is_of_about_now() {
        for (now, is_good) in
            [(29, false), (30, true), (89, true), (90, true), (119, true), (120, false)]
        {
            // the code of the step from 60 to 89
            let code = clock(&rfc()).generate(60).to_string();
            assert_eq!(step(&code, now), is_good.then_some(2), "{now}");
        }
        for odd in ["", "28708", "2870822", "+28708", "２８７０８２", "28708a"] {
            assert_eq!(step(odd, 59), None, "{odd}");
        }
        assert_eq!(step("287082", -1), None);
    }

    #[test]
    fn what_is_typed_is_read_however_it_is_grouped() {
        let kind = |text: &str| match Typed::read(&text.into()) {
            Some(Typed::Code(code)) => format!("code {}", code.expose()),
            Some(Typed::Recovery(code)) => format!("recovery {}", code.expose()),
            None => "neither".to_owned(),
        };
        assert_eq!(kind(" 287 082 "), "code 287082");
        assert_eq!(kind("ABCD-efgh ijkl-m234"), "recovery abcdefghijklm234");
        for neither in ["", "28708", "28708a", "abcd-efgh", &"a".repeat(5_000)] {
            assert_eq!(kind(neither), "neither", "{neither}");
        }
    }

    #[test]
    fn recovery_codes_are_long_and_differ_by_account() {
        let codes = new_recovery_codes().unwrap();
        assert_eq!(codes.len(), 10);
        let (one, two) = (AccountId::from_number(1), AccountId::from_number(2));
        for (at, code) in codes.iter().enumerate() {
            assert_eq!(code.expose().len(), 19, "80 bits in groups of four");
            assert!(matches!(Typed::read(code), Some(Typed::Recovery(_))));
            assert_eq!(recovery_hash(one, code), recovery_hash(one, &bare(code)));
            assert_ne!(recovery_hash(one, code), recovery_hash(two, code));
            assert!(codes.iter().skip(at + 1).all(|other| other.expose() != code.expose()));
        }
    }

    #[test]
    fn an_authenticator_is_told_everything() {
        let address = address(&rfc(), "photos.example.com:8443", "Jane & 😀:x").unwrap();
        assert_eq!(
            address.expose(),
            "otpauth://totp/photos.example.com%208443:Jane%20%26%20%F0%9F%98%80%20x\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=photos.example.com%208443"
        );
        assert_eq!(text(&rfc()).expose(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
    }
}
