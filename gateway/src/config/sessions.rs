//! `[sessions]` of `vestibule.toml`: how long sessions last, and how many there may be.

use std::ops::RangeInclusive;
use std::time::Duration;

use vestibule_identity::Settings;
use vestibule_schema::document::{Spanned, Table};
use vestibule_schema::problem::Problem;

use super::tls::TlsConfig;

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

/// The `[sessions]` table; what it does not say is as [`Settings`] has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SessionsConfig {
    lifetime: Option<Duration>,
    idle: Option<Duration>,
    store_grace: Option<Duration>,
    max_per_account: Option<u32>,
    bind_to_client_certificate: bool,
}

impl SessionsConfig {
    /// Reads the table, if there is one.
    pub(super) fn read(table: Option<Table<'_, '_>>, tls: &[TlsConfig]) -> Self {
        let Some(mut table) = table else { return Self::default() };
        let config = Self {
            lifetime: duration(&mut table, "lifetime", MINUTE..=400 * DAY),
            idle: duration(&mut table, "idle", MINUTE..=400 * DAY),
            store_grace: duration(&mut table, "store_grace", 0..=DAY),
            max_per_account: most(&mut table),
            bind_to_client_certificate: binds(&mut table, tls),
        };
        table.finish();
        config
    }

    /// Puts it into the settings.
    pub(crate) fn apply(self, settings: &mut Settings) {
        settings.session_lifetime = self.lifetime.unwrap_or(settings.session_lifetime);
        settings.session_idle = self.idle.unwrap_or(settings.session_idle);
        settings.store_grace = self.store_grace.unwrap_or(settings.store_grace);
        settings.bind_to_client_certificate = self.bind_to_client_certificate;
        settings.sessions_per_account = self.max_per_account.or(settings.sessions_per_account);
    }
}

fn most(table: &mut Table<'_, '_>) -> Option<u32> {
    let reader = table.reader();
    let most = table.integer("max_per_account")?;
    let number = u32::try_from(most.value).ok().filter(|number| (1..=10_000).contains(number));
    if number.is_none() {
        let message = "`max_per_account` must be between 1 and 10000".to_owned();
        reader.error("config::bad_number", message, &most.span, "out of range");
    }
    number
}

/// Whether sessions are bound to client certificates. Where nobody is asked for one, none would be,
/// and somebody thinks that they are.
fn binds(table: &mut Table<'_, '_>, tls: &[TlsConfig]) -> bool {
    let reader = table.reader();
    let Some(binds) = table.boolean("bind_to_client_certificate") else { return false };
    if binds.value && tls.iter().all(|listener| listener.clients.is_none()) {
        reader.report(
            Problem::error(
                "config::no_client_certificates",
                "no session can be bound: no listener asks for client certificates",
            )
            .at(reader.source(), binds.span, "this binds nothing")
            .help("set `client_ca` in a `[[tls]]` table, or leave this key out"),
        );
    }
    binds.value
}

fn duration(
    table: &mut Table<'_, '_>,
    key: &'static str,
    bounds: RangeInclusive<u64>,
) -> Option<Duration> {
    let reader = table.reader();
    let text: Spanned<String> = table.string(key)?;
    let found = seconds(&text.value).filter(|seconds| bounds.contains(seconds));
    if found.is_none() {
        let message = format!("`{}` is no time that `{key}` can be", text.value);
        let (least, most) = bounds.into_inner();
        let between = format!("from {least}s to {}d", most / DAY);
        reader.report(
            Problem::error("config::bad_duration", message)
                .at(reader.source(), text.span.clone(), &between)
                .help("write it like `14d`, `12h`, `30m` or `60s`"),
        );
    }
    found.map(Duration::from_secs)
}

/// A time with its unit: `14d`.
fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits)? {
        "s" => 1,
        "m" => MINUTE,
        "h" => 60 * MINUTE,
        "d" => DAY,
        _ => return None,
    };
    digits.trim_end().parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(seconds("14d"), Some(14 * DAY));
        assert_eq!(seconds(" 90 m "), Some(90 * MINUTE));
        assert_eq!(seconds("60s"), Some(60));
        assert_eq!(seconds("12h"), Some(DAY / 2));
        for text in ["14", "d", "", "-1d", "1w", "1.5h", "99999999999999999999s"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
