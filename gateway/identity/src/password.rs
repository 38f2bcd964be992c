//! What a new password must be (requirement S11).

use vestibule_schema::UserName;
use vestibule_store::folded;

use crate::Secret;

/// The fewest characters.
pub const MIN_LENGTH: usize = 8;
/// The most characters.
pub const MAX_LENGTH: usize = 256;

/// The most common passwords of at least [`MIN_LENGTH`] characters, in lower case, sorted.
static COMMON: &str = include_str!("password/common.txt");

/// Why a text may not be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// It has fewer than [`MIN_LENGTH`] characters.
    #[error("the password is too short: it needs at least {MIN_LENGTH} characters")]
    TooShort,
    /// It has more than [`MAX_LENGTH`] characters.
    #[error("the password is too long: it may have at most {MAX_LENGTH} characters")]
    TooLong,
    /// It is among the first that anybody tries.
    #[error("the password is one of the most common ones: choose another")]
    Common,
    /// It is the user's own name.
    #[error("the password is the user name: choose another")]
    UserName,
}

/// Whether a text may be the password of a user. Nothing is cut or folded: the password is used
/// exactly as it is given.
///
/// # Errors
/// If it may not; see [`PasswordError`].
pub fn check(password: &Secret<String>, user: &UserName) -> Result<(), PasswordError> {
    let text = password.expose();
    match text.chars().count() {
        length if length < MIN_LENGTH => return Err(PasswordError::TooShort),
        length if length > MAX_LENGTH => return Err(PasswordError::TooLong),
        _ => {}
    }
    let lower = Secret::new(text.to_lowercase());
    if COMMON.lines().any(|common| common == lower.expose()) {
        return Err(PasswordError::Common);
    }
    // a name that is too odd to be one can't be the user's
    let is_name = UserName::parse(text).is_ok_and(|name| folded(&name) == folded(user));
    if is_name { Err(PasswordError::UserName) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
