//! [`PostgresUrl`], and how a connection to PostgreSQL is made and told to behave.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AnyConnection, Connection as _, Error, Executor as _, Row as _};
use url::Url;

use crate::error::Cause;
use crate::limited::Begin;

/// How long a request waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long opening may take: another gateway may be bringing the store to its version.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(40);
/// How long a connection is kept: what was prepared on it may be of a table that has a column
/// more by now.
const MAX_LIFETIME: Duration = Duration::from_secs(120);
/// How many statements of one gateway run beside each other.
const CONNECTIONS: u32 = 8;

/// What each connection is told before it is used. The database ends what takes too long, and
/// what a gateway that is gone began. It speaks up for errors only: see [`release`].
const SETTINGS: &str = "SET statement_timeout = '5s'; SET lock_timeout = '5s'; \
    SET idle_in_transaction_session_timeout = '15s'; SET client_min_messages = 'error'; \
    SET default_transaction_isolation = 'read committed';";

/// The same while migrations run, which may wait for another gateway's.
const MIGRATION_SETTINGS: &str =
    "SET statement_timeout = 0; SET lock_timeout = '30s'; SET client_min_messages = 'error';";

/// One writer at a time, as in SQLite. The number is ours; the lock goes with the transaction.
pub(crate) const BEGIN: Begin =
    Begin { begin: "BEGIN", lock: Some("SELECT pg_advisory_xact_lock(8388193270415029357)") };

/// The channel on which a change is told.
pub(crate) const CHANNEL: &str = "vestibule_changes";
/// How it is told, in the transaction of the change.
pub(crate) const NOTIFY: &str = "SELECT pg_notify('vestibule_changes', '')";

/// What may stand behind the `?` of an address. Anything else is a mistake: a misspelt `sslmode`
/// would be a connection that nobody checks.
const PARAMETERS: [&str; 6] =
    ["application_name", "host", "sslcert", "sslkey", "sslmode", "sslrootcert"];

/// Where a PostgreSQL database is, with the password. Shown without it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    url: Url,
}

/// Why a text is no address of a database. Never repeats the text, which holds a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Not of the form.
    #[error("it is not like `postgres://user:password@host/database`")]
    Form,
    /// A parameter that is not known.
    #[error("`{0}` is no parameter here; there are {list}", list = PARAMETERS.join(", "))]
    Parameter(String),
    /// A parameter's value that can't be.
    #[error("`sslmode` must be disable, allow, prefer, require, verify-ca or verify-full")]
    Mode,
}

impl PostgresUrl {
    /// Reads an address: `postgres://user:password@host:port/database?sslmode=verify-full`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let url: Url = text.trim().parse().map_err(|_| UrlError::Form)?;
        let database = url.path().trim_start_matches('/');
        let is_socket = url.query_pairs().any(|(key, _)| key == "host");
        let has_host = url.host_str().is_some_and(|host| !host.is_empty()) || is_socket;
        let form = matches!(url.scheme(), "postgres" | "postgresql")
            && has_host
            && !database.is_empty()
            // a password that was not encoded begins to be something else
            && !database.contains(['/', '@'])
            && url.fragment().is_none();
        if !form {
            return Err(UrlError::Form);
        }
        if let Some((key, _)) = url.query_pairs().find(|(key, _)| !PARAMETERS.contains(&&**key)) {
            let is_word = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
            return Err(if is_word {
                UrlError::Parameter(key.into_owned())
            } else {
                UrlError::Form
            });
        }
        url.as_str().parse::<PgConnectOptions>().map_err(|_| UrlError::Mode)?;
        Ok(Self { url })
    }

    /// Whether the connection may leave this machine without the server being known for what it
    /// says it is.
    #[must_use]
    pub fn is_unverified(&self) -> bool {
        let value = |name| self.url.query_pairs().find(|(key, _)| key == name);
        let verified = value("sslmode").is_some_and(|(_, mode)| mode.starts_with("verify-"));
        let host = match value("host") {
            Some((_, host)) => host.into_owned(),
            None => self.url.host_str().unwrap_or_default().replace("%2F", "/"),
        };
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let here = address.map_or(host == "localhost", |address| address.is_loopback())
            || host.starts_with('/');
        !verified && !here
    }

    pub(crate) fn options(&self) -> Result<AnyConnectOptions, Error> {
        let mut url = self.url.clone();
        if !url.query_pairs().any(|(key, _)| key == "application_name") {
            url.query_pairs_mut().append_pair("application_name", "vestibule");
        }
        <AnyConnectOptions as sqlx::ConnectOptions>::from_url(&url)
    }

    pub(crate) fn listen_options(&self) -> Result<PgConnectOptions, Error> {
        let options: PgConnectOptions = self.url.as_str().parse()?;
        Ok(options.application_name("vestibule listen"))
    }
}

/// Without user, password and parameters.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "postgres://{host}")?;
        if let Some(port) = self.url.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(self.url.path())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

/// Connections that are told to behave, and that are clean when they are used again.
pub(crate) fn pool() -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(MAX_LIFETIME)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(SETTINGS).await.map(drop) })
        })
        .after_release(|connection, _| Box::pin(release(connection)))
}

/// Whether a connection can be used again. Whoever was dropped while it began a transaction may
/// have left one open, in which later changes would be lost; and a connection that is dead must
/// not keep its place in the pool. Without a transaction this is a round trip and a warning that
/// nobody hears.
async fn release(connection: &mut AnyConnection) -> Result<bool, Error> {
    let clean = tokio::time::timeout(ACQUIRE_TIMEOUT, connection.execute("ROLLBACK")).await;
    Ok(matches!(clean, Ok(Ok(_))))
}

/// A connection for migrations.
pub(crate) async fn connect_for_migrations(
    options: &AnyConnectOptions,
) -> Result<AnyConnection, Error> {
    let mut connection = AnyConnection::connect_with(options).await?;
    connection.execute(MIGRATION_SETTINGS).await?;
    let row = connection.fetch_one("SHOW server_encoding").await?;
    let encoding: String = row.try_get(0)?;
    if encoding != "UTF8" {
        let said = format!("the database's encoding is {encoding}; make it with ENCODING 'UTF8'");
        return Err(Error::Configuration(Box::new(Cause(said.into()))));
    }
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_strictly() {
        for good in [
            "postgres://gw:secret@db.example.com/vestibule",
            "postgresql://gw@[::1]:5433/vestibule?sslmode=verify-full&sslrootcert=/etc/ca.pem",
            "postgres://gw@localhost/vestibule?host=/run/postgresql",
            " postgres://gw:p%40ss@127.0.0.1/vestibule\n",
        ] {
            assert!(PostgresUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "sqlite",
            "mysql://gw@db/vestibule",
            "postgres://db.example.com",
            "postgres://db.example.com/",
            "postgres://db.example.com/a/b",
            "postgres:vestibule",
            "db.example.com/vestibule",
            "postgres://gw:12/planted@db.example.com",
            "postgres://gw:1/x?planted@db.example.com/vestibule",
        ] {
            assert_eq!(PostgresUrl::parse(bad), Err(UrlError::Form), "{bad}");
        }
        let typo = PostgresUrl::parse("postgres://gw@db/vestibule?sslmod=verify-full");
        assert_eq!(typo, Err(UrlError::Parameter("sslmod".into())));
        let mode = PostgresUrl::parse("postgres://gw@db/vestibule?sslmode=verify");
        assert_eq!(mode, Err(UrlError::Mode));
    }

    #[test]
    fn a_server_elsewhere_is_to_be_verified() {
        for (url, unverified) in [
            ("postgres://db.example.com/v", true),
            ("postgres://192.0.2.7/v?sslmode=require", true),
            ("postgres://db.example.com/v?sslmode=verify-full", false),
            ("postgres://db.example.com/v?host=/run/postgresql", false),
            ("postgres://localhost/v", false),
            ("postgres://127.0.0.1:5433/v", false),
            ("postgres://[::1]/v", false),
            ("postgres://localhost/v?host=db.example.com", true),
        ] {
            assert_eq!(PostgresUrl::parse(url).unwrap().is_unverified(), unverified, "{url}");
        }
    }

    /// S84.
    #[test]
    fn the_password_is_not_shown() {
        let url = PostgresUrl::parse("postgres://gw:planted@db:5433/v?sslmode=require").unwrap();
        assert_eq!(url.to_string(), "postgres://db:5433/v");
        assert_eq!(format!("{url:?}"), "PostgresUrl(postgres://db:5433/v)");
    }
}
