//! The `store` key: where accounts, sessions and grants are kept.

use std::path::Path;

use vestibule_schema::document::Table;
use vestibule_schema::problem::Problem;
use vestibule_store::PostgresUrl;

use super::secret::{self, read_secret};

/// Where accounts, sessions and grants are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum StoreChoice {
    /// In a file of the state directory.
    #[default]
    Sqlite,
    /// In a database that several gateways share.
    Postgres(PostgresUrl),
}

impl StoreChoice {
    /// Reads the key; what can't be read is reported.
    pub(super) fn read(root: &mut Table<'_, '_>, dir: &Path) -> Self {
        let Some(choice) = read_secret(root, "store", dir) else { return Self::default() };
        if choice.value.expose() == "sqlite" {
            return Self::Sqlite;
        }
        match PostgresUrl::parse(choice.value.expose()) {
            Ok(url) => Self::Postgres(url),
            Err(error) => {
                secret::report(
                    root.reader(),
                    "config::bad_store",
                    format!("the store can't be used: {error}"),
                    &choice.span,
                    "write `store = \"postgres://user:password@host/database\"`, or leave the key \
                     out for SQLite in the state directory; in user and password, `@`, `/`, `:` \
                     and `%` stand as `%40`, `%2F`, `%3A` and `%25`",
                );
                Self::default()
            }
        }
    }

    /// What is worth saying of it.
    pub(super) fn warning(&self) -> Option<Problem> {
        let Self::Postgres(url) = self else { return None };
        url.is_unverified().then(|| {
            let message = format!("the server of `{url}` is not verified");
            Problem::warning("config::unverified_store", message)
                .in_file("vestibule.toml")
                .help("end the address with `?sslmode=verify-full`, and with `&sslrootcert=…` for a certificate of your own")
        })
    }
}
