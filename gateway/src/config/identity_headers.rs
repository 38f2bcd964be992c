//! `[identity_headers]` of a site, held against what may be.

use std::path::Path;

use vestibule_proxy::{IdentityHeaderError, IdentityHeaders};
use vestibule_schema::document::{
    HeaderSecret, IdentityHeadersDocument, SecretSource, SiteDocument, Spanned,
};
use vestibule_schema::problem::{Problem, Source};

use super::secret;

/// Why a site's identity headers can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnusableHeaders {
    #[error("the header `{}` can't carry an identity", .0.value)]
    Header(Spanned<String>, #[source] IdentityHeaderError),
    #[error("the secret of the identity headers is not to be had: {1}")]
    Secret(SecretSource, String),
    #[error("the secret can't be used as it is")]
    Text(SecretSource, #[source] IdentityHeaderError),
}

impl UnusableHeaders {
    fn place(&self) -> &Spanned<String> {
        match self {
            Self::Header(named, _) => named,
            Self::Secret(source, _) | Self::Text(source, _) => source.named(),
        }
    }
}

/// The headers of a site as the proxy sends them.
///
/// # Errors
/// [`UnusableHeaders`]: the site is closed.
pub(crate) fn build(
    document: &IdentityHeadersDocument,
    dir: &Path,
) -> Result<IdentityHeaders, UnusableHeaders> {
    let at = |named: &Spanned<String>| {
        let named = named.clone();
        move |error| UnusableHeaders::Header(named, error)
    };
    let mut headers = IdentityHeaders::new(&document.user.value).map_err(at(&document.user))?;
    if let Some(groups) = &document.groups {
        headers = headers.with_groups(&groups.value).map_err(at(groups))?;
    }
    let read = |source: &SecretSource| {
        secret::find(source, dir).map_err(|wrong| UnusableHeaders::Secret(source.clone(), wrong))
    };
    match &document.secret {
        None => Ok(headers),
        Some(HeaderSecret::Value { header, value }) => {
            headers.with_secret(&header.value, read(value)?.expose()).map_err(at(header))
        }
        Some(HeaderSecret::Name(name)) => {
            let text = |error| UnusableHeaders::Text(name.clone(), error);
            headers.with_secret(read(name)?.expose(), "1").map_err(text)
        }
    }
}

/// What is wrong with them.
pub(super) fn check(document: &SiteDocument, dir: &Path, source: &Source) -> Vec<Problem> {
    let Some(headers) = &document.identity_headers else { return Vec::new() };
    let mut problems = Vec::new();
    if document.adapter.value == "vestibule" {
        let message = "the adapter `vestibule` reads no identity headers";
        problems.push(
            Problem::error("config::identity_headers", message)
                .at(source, headers.user.span.clone(), "believes the grant alone")
                .help("remove `[identity_headers]`"),
        );
    }
    if let Err(error) = build(headers, dir) {
        let place = error.place().span.clone();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let name = "write a name such as `X-Vestibule-User`, and the secret into a file that the \
                    gateway's user may read";
        problems.push(
            Problem::error("config::identity_headers", error.to_string())
                .at(source, place, cause.unwrap_or_default())
                .help(name),
        );
    }
    if headers.secret.is_none() {
        problems.push(
            Problem::warning("config::identity_headers", "the identity headers have no secret")
                .at(source, headers.user.span.clone(), "whoever reaches the server is believed")
                .help(
                    r#"write `secret = { header = "X-Key", value = { file = "keys/gallery" } }`"#,
                ),
        );
    }
    problems
}

#[cfg(test)]
mod tests {
    use vestibule_schema::Severity;
    use vestibule_schema::problem::Colours;

    use super::*;

    /// What is said of a table: whether it closes the site, and everything that is shown.
    fn said(table: &str) -> (bool, String) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("key"), "planted\n").unwrap();
        std::fs::write(dir.path().join("odd"), "plan\tted\u{7f}\n").unwrap();
        let text = format!(
            "hosts = [\"a.example\"]\nupstream = [\"http://127.0.0.1:1\"]\n\
             adapter = \"copyparty\"\n[identity_headers]\n{table}\n"
        );
        let source = Source::new("site.toml", &text);
        let (document, mut problems) = SiteDocument::parse(&source);
        problems.extend(check(&document.unwrap(), dir.path(), &source));
        let shown: Vec<_> = problems.iter().map(|p| p.render(Colours::Plain)).collect();
        (problems.iter().any(|p| p.severity == Severity::Error), shown.join("\n"))
    }

    #[test]
    fn a_secret_is_a_headers_value_or_its_name() {
        for secret in [
            r#"{ header = "X-Key", value = { file = "key" } }"#,
            r#"{ name = { file = "key" } }"#,
            r#"{ header = "X-Key", value = { env = "CARGO_PKG_NAME" } }"#,
        ] {
            let (closes, shown) = said(&format!("user = \"X-User-Name\"\nsecret = {secret}"));
            assert!(!closes && shown.is_empty(), "{secret}: {shown}");
        }
        let (closes, shown) = said("user = \"X-User-Name\"");
        assert!(!closes && shown.contains("have no secret"), "{shown}");
    }

    /// S84: nor is a secret shown that stands where it should not.
    #[test]
    fn what_can_not_be_used_closes_the_site_and_shows_no_secret() {
        for (table, wanted) in [
            ("groups = \"X-Groups\"", "user"),
            ("user = \"Cookie\"", "has a meaning already"),
            ("user = \"X-A\"\ngroups = \"x_a\"", "the same name"),
            ("user = \"X-A\"\nsecret = { name = { file = \"none\" } }", "can't be read"),
            ("user = \"X-A\"\nsecret = { name = { file = \"odd\" } }", "no name of a header"),
            ("user = \"X-A\"\nsecret = { name = { env = \"VESTIBULE_NO\" } }", "is not set"),
            ("user = \"X-A\"\nsecret = { name = {} }", "in a `file` or in `env`"),
            ("user = \"X-A\"\nsecret = { header = \"X-K\" }", "a `header` and its `value`"),
            ("user = \"X-A\"\nsecret = \"planted\"", "secret"),
            ("user = \"X-A\"\n[identity_headers.secret]\nname = \"planted\"", "name"),
        ] {
            let (closes, shown) = said(table);
            assert!(closes && shown.contains(wanted), "{table}: {shown}");
            assert!(!shown.contains("planted"), "{table}: {shown}");
        }
    }
}
