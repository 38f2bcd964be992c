//! Secrets in a document: the secret itself, or a table that says where it is.
//!
//! ```toml
//! store = "postgres://vestibule:a-password@db.example.com/vestibule"
//! store = { file = "/run/secrets/store" }   # relative to the configuration directory
//! store = { env = "VESTIBULE_STORE" }
//! ```
//!
//! Messages name the line and never show it, as a secret may stand there.

use std::fs;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use vestibule_identity::Secret;
use vestibule_schema::document::{Reader, SecretSource, Spanned, Table};
use vestibule_schema::problem::Problem;

/// A longer file is not the one that was meant.
const MAX_BYTES: u64 = 64 * 1024;

/// The secret of a key; `None` if there is none, or if it can't be read, which is reported.
/// Paths are relative to a directory.
pub(crate) fn read_secret(
    table: &mut Table<'_, '_>,
    key: &'static str,
    dir: &Path,
) -> Option<Spanned<Secret<String>>> {
    if !table.is_table(key) {
        return table.string(key).map(|text| text.map(Secret::new));
    }
    let reader = table.reader();
    let mut place = table.table(key)?;
    let span = place.span().clone();
    let (file, env) = (place.string("file"), place.string("env"));
    place.finish();
    let found = match (file, env) {
        (Some(file), None) => from_file(&dir.join(&file.value)),
        (None, Some(env)) => from_env(&env.value),
        (Some(_), Some(_)) | (None, None) => {
            Err(format!("`{key}` must name one of `file` and `env`"))
        }
    };
    match found {
        Ok(secret) => Some(Spanned { value: secret, span }),
        Err(message) => {
            let mend = format!("write `{key} = {{ file = \"…\" }}` or `{key} = {{ env = \"…\" }}`");
            report(reader, "config::bad_secret", message, &span, &mend);
            None
        }
    }
}

/// The secret that a site's document points to.
///
/// # Errors
/// What is wrong with it, without the secret.
pub(crate) fn find(source: &SecretSource, dir: &Path) -> Result<Secret<String>, String> {
    match source {
        SecretSource::File(file) => from_file(&dir.join(&file.value)),
        SecretSource::Env(name) => from_env(&name.value),
    }
}

/// Reports what is wrong with a secret: its file and line, without what stands there.
pub(crate) fn report(
    reader: &Reader<'_>,
    code: &'static str,
    message: String,
    span: &Range<usize>,
    mend: &str,
) {
    let place = reader.reference(span);
    let place = format!("{}:{}", place.file, place.line);
    reader.report(Problem::error(code, message).in_file(&place).help(mend));
}

fn from_file(path: &Path) -> Result<Secret<String>, String> {
    let shown = path.display();
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| format!("`{shown}` can't be read: {error}"))?;
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| format!("`{shown}` can't be read: {error}"))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("`{shown}` is too long to be a secret"));
    }
    // editors end a file with a new line, which is no part of the secret
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    not_empty(text).ok_or_else(|| format!("`{shown}` is empty"))
}

fn from_env(name: &str) -> Result<Secret<String>, String> {
    match std::env::var(name) {
        Ok(value) => not_empty(value).ok_or_else(|| format!("the variable `{name}` is empty")),
        Err(std::env::VarError::NotPresent) => Err(format!("the variable `{name}` is not set")),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(format!("the variable `{name}` is not UTF-8"))
        }
    }
}

fn not_empty(text: String) -> Option<Secret<String>> {
    (!text.is_empty()).then(|| Secret::new(text))
}

#[cfg(test)]
mod tests {
    use vestibule_schema::problem::Source;

    use super::*;

    /// The secret of `key`, or what is said.
    fn read(text: &str, dir: &Path) -> Result<Option<String>, String> {
        let source = Source::new("vestibule.toml", text);
        let reader = Reader::new(&source);
        let mut root = reader.root(source.text());
        let secret = read_secret(&mut root, "key", dir);
        root.finish();
        let said: Vec<_> = reader.into_problems().iter().map(|p| format!("{p:?}")).collect();
        if said.is_empty() {
            Ok(secret.map(|secret| secret.value.expose().clone()))
        } else {
            Err(said.join("\n"))
        }
    }

    #[test]
    fn a_secret_is_written_or_pointed_to() {
        let dir = tempfile::tempdir().unwrap();
        for (bytes, secret) in [
            ("planted", "planted"),
            ("planted\n", "planted"),
            ("planted\r\n", "planted"),
            (" planted \n\n", " planted \n"),
        ] {
            fs::write(dir.path().join("secret"), bytes).unwrap();
            let found = read("key = { file = \"secret\" }", dir.path());
            assert_eq!(found, Ok(Some(secret.to_owned())), "{bytes:?}");
        }
        assert_eq!(read("key = \"planted\"", dir.path()), Ok(Some("planted".to_owned())));
        assert_eq!(read("[key]\nfile = \"secret\"", dir.path()).unwrap().unwrap(), " planted \n");
        assert_eq!(read("", dir.path()), Ok(None));
        // cargo gives every test this variable
        let found = read("key = { env = \"CARGO_PKG_NAME\" }", dir.path());
        assert_eq!(found, Ok(Some("vestibule".to_owned())));
    }

    #[test]
    fn what_can_not_be_read_is_said_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("empty"), "\n").unwrap();
        fs::write(dir.path().join("long"), "x".repeat(70_000)).unwrap();
        for (text, wanted) in [
            ("key = {}", "must name one of `file` and `env`"),
            ("key = { file = \"a\", env = \"B\" }", "must name one of `file` and `env`"),
            ("key = { file = \"none\" }", "can't be read"),
            ("key = { file = \"empty\" }", "is empty"),
            ("key = { file = \"long\" }", "too long"),
            ("key = { env = \"VESTIBULE_NO_SUCH\" }", "`VESTIBULE_NO_SUCH` is not set"),
            ("key = { flie = \"secret\" }", "did you mean `file`?"),
            ("key = 5", "must be a string"),
        ] {
            let said = read(&format!("\n{text}"), dir.path()).unwrap_err();
            assert!(said.contains(wanted), "{text}: {said}");
            assert!(said.contains("vestibule.toml"), "{text}: {said}");
        }
    }
}
