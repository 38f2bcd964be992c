//! `[identity_headers]` of `site.toml`: by which headers a gallery server learns who asks.

use crate::document::reader::{Spanned, Table};

/// The headers by which a gallery server learns who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityHeadersDocument {
    /// The header with the user's name.
    pub user: Spanned<String>,
    /// The header with the names of the user's groups, separated by commas.
    pub groups: Option<Spanned<String>>,
    /// What proves that the others come from the gateway.
    pub secret: Option<HeaderSecret>,
}

/// What proves that headers come from the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderSecret {
    /// A header whose value is secret.
    Value {
        /// The header.
        header: Spanned<String>,
        /// Where its value is.
        value: SecretSource,
    },
    /// A header whose name is secret: copyparty's way.
    Name(SecretSource),
}

/// Where a secret is; never in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file, relative to the configuration directory.
    File(Spanned<String>),
    /// In a variable of the environment.
    Env(Spanned<String>),
}

impl SecretSource {
    /// What names it, and where that stands.
    #[must_use]
    pub const fn named(&self) -> &Spanned<String> {
        match self {
            Self::File(named) | Self::Env(named) => named,
        }
    }
}

pub(super) fn read(mut table: Table<'_, '_>) -> Option<IdentityHeadersDocument> {
    let user = table.required_string("user");
    let groups = table.string("groups");
    let secret = table.table("secret").map(read_secret);
    table.finish();
    // a secret that was not understood is none: the site is closed by its problem
    Some(IdentityHeadersDocument { user: user?, groups, secret: secret.flatten() })
}

fn read_secret(mut table: Table<'_, '_>) -> Option<HeaderSecret> {
    let (reader, span) = (table.reader(), table.span().clone());
    let header = table.string("header");
    let value = table.table("value").map(read_source);
    let name = table.table("name").map(read_source);
    table.finish();
    match (header, value, name) {
        (Some(header), Some(value), None) => Some(HeaderSecret::Value { header, value: value? }),
        (None, None, Some(name)) => Some(HeaderSecret::Name(name?)),
        _ => {
            let message = "a secret has a `header` and its `value`, or a `name`".to_owned();
            let label = r#"write `{ header = "X-Key", value = { file = "keys/gallery" } }`"#;
            reader.error("site::bad_secret", message, &span, label);
            None
        }
    }
}

fn read_source(mut table: Table<'_, '_>) -> Option<SecretSource> {
    let (reader, span) = (table.reader(), table.span().clone());
    let file = table.string("file");
    let variable = table.string("env");
    table.finish();
    match (file, variable) {
        (Some(file), None) => Some(SecretSource::File(file)),
        (None, Some(variable)) => Some(SecretSource::Env(variable)),
        _ => {
            let message = "a secret is either in a `file` or in `env`".to_owned();
            let label = r#"write `{ file = "keys/gallery" }` or `{ env = "GALLERY_KEY" }`"#;
            reader.error("site::bad_secret", message, &span, label);
            None
        }
    }
}
