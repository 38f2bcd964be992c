//! Secrets that documents name: in files and in variables of the environment.

use std::fmt;
use std::path::Path;

use vestibule_schema::document::SecretSource;

/// A secret text. Its `Debug` shows nothing.
pub(crate) struct SecretText(String);

impl SecretText {
    /// The text itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a secret is not to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("the secret's file `{0}` can't be read")]
    File(String, #[source] std::io::Error),
    #[error("the variable `{0}` is not set")]
    Env(String),
    #[error("the secret of `{0}` is empty or has more than one line")]
    Text(String),
}

/// Reads a secret. The end of the last line is not part of it.
///
/// # Errors
/// [`SecretError`], which tells nothing of it.
pub(crate) fn read(source: &SecretSource, dir: &Path) -> Result<SecretText, SecretError> {
    let named = source.named().value.clone();
    let text = match source {
        SecretSource::File(_) => std::fs::read_to_string(dir.join(&named))
            .map_err(|error| SecretError::File(named.clone(), error))?,
        SecretSource::Env(_) => {
            std::env::var(&named).map_err(|_| SecretError::Env(named.clone()))?
        }
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err(SecretError::Text(named));
    }
    Ok(SecretText(text.to_owned()))
}
