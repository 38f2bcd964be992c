//! `[identity.ldap.<name>]`: a directory that people sign in with.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use vestibule_identity::Secret;
use vestibule_identity::providers::ldap::{
    DirectoryKind, FilterTemplate, GroupSource, LdapConfig, LdapLimits, NESTED_GROUP_FILTER,
    People, Placeholder, Server, ServiceAccount, StartTls,
};
use vestibule_schema::ProviderId;
use vestibule_schema::document::{Reader, Spanned, Table};
use vestibule_schema::problem::Problem;

use crate::config::secret;

/// How often groups are read again, unless the table says otherwise.
const REFRESH: Duration = Duration::from_secs(300);

/// Reads one directory's table; `None` if it can't be used, which is reported.
pub(super) fn read(id: ProviderId, mut table: Table<'_, '_>, dir: &Path) -> Option<LdapConfig> {
    let reader = table.reader();
    let kind = table.string("kind").map(|text| read_kind(reader, &text)).unwrap_or_default();
    let start_tls = match table.boolean("starttls").map(|on| on.value) {
        Some(false) => StartTls::Off,
        Some(true) | None => StartTls::Required,
    };
    let servers = read_servers(&mut table, start_tls);
    let ca_file = table.string("ca_file").map(|path| dir.join(path.value));
    let service_dn = required_text(&mut table, "bind_dn");
    let password = read_password(&mut table, dir);
    let people = read_people(&mut table, kind);
    let groups = read_groups(&mut table, kind, people.as_ref());
    let limits = read_limits(&mut table);
    let refresh = seconds(&mut table, "refresh_seconds", 1..=86_400).unwrap_or(REFRESH);
    table.finish();
    Some(LdapConfig {
        id,
        servers: servers?,
        ca_file,
        service: ServiceAccount { dn: service_dn?.value, password: password? },
        kind,
        people: people?,
        groups: groups?,
        limits,
        refresh,
    })
}

/// The service account's password. Without one the directory would take it for nobody, and say
/// yes.
fn read_password(table: &mut Table<'_, '_>, dir: &Path) -> Option<Secret<String>> {
    let there = table.left().iter().any(|key| key.value == "bind_password");
    let password = secret::read_secret(table, "bind_password", dir).map(|secret| secret.value);
    let is_empty = password.as_ref().is_some_and(|password| password.expose().is_empty());
    if !there || is_empty {
        table.reader().report(
            Problem::error("config::no_bind_password", "`bind_password` is missing or empty")
                .at(table.reader().source(), table.span().clone(), "no password for `bind_dn`")
                .help("write `bind_password = { file = \"…\" }` or `{ env = \"…\" }`"),
        );
        return None;
    }
    password
}

fn read_kind(reader: &Reader<'_>, text: &Spanned<String>) -> DirectoryKind {
    match text.value.as_str() {
        "openldap" => DirectoryKind::OpenLdap,
        "active-directory" => DirectoryKind::ActiveDirectory,
        _ => {
            reader.report(
                Problem::error("config::bad_directory_kind", "`kind` is not known")
                    .at(reader.source(), text.span.clone(), "not known")
                    .help("it is `openldap`, also for what is like it, or `active-directory`"),
            );
            DirectoryKind::default()
        }
    }
}

fn read_servers(table: &mut Table<'_, '_>, start_tls: StartTls) -> Option<Vec<Server>> {
    let reader = table.reader();
    let urls = table.strings("urls").unwrap_or_default();
    if urls.is_empty() {
        reader.report(
            Problem::error("config::no_directory_server", "`urls` is missing or empty")
                .at(reader.source(), table.span().clone(), "no server of this directory")
                .help("write it like `urls = [\"ldaps://ldap.example.com\"]`"),
        );
        return None;
    }
    let servers = urls.iter().filter_map(|url| match Server::parse(&url.value, start_tls) {
        Ok(server) => Some(server),
        Err(error) => {
            reader.report(
                Problem::error(
                    "config::bad_directory_server",
                    format!("`{}` can't be used", url.value),
                )
                .at(reader.source(), url.span.clone(), "not the address of such a server")
                .help(error.to_string()),
            );
            None
        }
    });
    Some(servers.collect())
}

fn read_people(table: &mut Table<'_, '_>, kind: DirectoryKind) -> Option<People> {
    let base_dn = required_text(table, "base_dn");
    let user_filter = filter(table, "user_filter", kind.user_filter(), &[Placeholder::Name]);
    let required_filter = match table.string("required_filter") {
        Some(text) => Some(parse_filter(table.reader(), &text, &[])?),
        None => None,
    };
    let domain = table.string("domain").map(|domain| domain.value);
    let user_name = attribute(table, "user_name_attribute", kind.user_name_attribute());
    let display_name = attribute(table, "display_name_attribute", kind.display_name_attribute());
    let mail = attribute(table, "mail_attribute", "mail");
    let id = attribute(table, "id_attribute", kind.id_attribute());
    Some(People {
        base_dn: base_dn?.value,
        user_filter: user_filter?,
        required_filter,
        domain,
        user_name_attribute: user_name,
        display_name_attribute: display_name,
        mail_attribute: mail,
        id_attribute: id,
    })
}

/// From a search if one of its keys is there, else from the attribute.
fn read_groups(
    table: &mut Table<'_, '_>,
    kind: DirectoryKind,
    people: Option<&People>,
) -> Option<GroupSource> {
    let reader = table.reader();
    let member_of = attribute(table, "member_of_attribute", "memberOf");
    let base_dn = table.string("group_base_dn").map(|dn| dn.value);
    let own = table.string("group_filter");
    let nested = table.boolean("nested_groups").filter(|nested| nested.value);
    if let Some(nested) = &nested
        && (kind != DirectoryKind::ActiveDirectory || own.is_some())
    {
        reader.report(
            Problem::error("config::nested_groups", "`nested_groups` can't be used here")
                .at(reader.source(), nested.span.clone(), "the rule is Active Directory's own")
                .help(
                    "it needs `kind = \"active-directory\"` and no `group_filter`; elsewhere the \
                     directory itself resolves groups of groups into `memberOf`",
                ),
        );
    }
    if base_dn.is_none() && own.is_none() && nested.is_none() {
        return Some(GroupSource::MemberOf { attribute: member_of });
    }
    let default = if nested.is_some() { NESTED_GROUP_FILTER } else { kind.group_filter() };
    let own = own.unwrap_or_else(|| Spanned { value: default.to_owned(), span: 0..0 });
    let filter = parse_filter(reader, &own, &[Placeholder::Dn, Placeholder::User])?;
    let base_dn = base_dn.or_else(|| people.map(|people| people.base_dn.clone()))?;
    Some(GroupSource::Search { base_dn, filter })
}

fn read_limits(table: &mut Table<'_, '_>) -> LdapLimits {
    let default = LdapLimits::default();
    let groups = number(table, "max_groups", 1..=100_000);
    LdapLimits {
        connect: seconds(table, "connect_seconds", 1..=60).unwrap_or(default.connect),
        operation: seconds(table, "operation_seconds", 1..=60).unwrap_or(default.operation),
        groups: groups.and_then(|groups| usize::try_from(groups).ok()).unwrap_or(default.groups),
        page: default.page,
    }
}

fn filter(
    table: &mut Table<'_, '_>,
    key: &'static str,
    default: &str,
    placeholders: &[Placeholder],
) -> Option<FilterTemplate> {
    let text = table.string(key);
    let text = text.unwrap_or_else(|| Spanned { value: default.to_owned(), span: 0..0 });
    parse_filter(table.reader(), &text, placeholders)
}

fn parse_filter(
    reader: &Reader<'_>,
    text: &Spanned<String>,
    placeholders: &[Placeholder],
) -> Option<FilterTemplate> {
    match FilterTemplate::parse(&text.value, placeholders) {
        Ok(filter) => Some(filter),
        Err(error) => {
            let problem = Problem::error("config::bad_filter", error.to_string());
            let problem = problem.at(reader.source(), text.span.clone(), "no such filter");
            let words: Vec<_> =
                placeholders.iter().map(|p| format!("`{{{}}}`", p.word())).collect();
            let help = if words.is_empty() {
                "it says what must hold of everybody, like `(objectClass=person)`".to_owned()
            } else {
                format!("its placeholders are {}", words.join(", "))
            };
            reader.report(problem.help(help));
            None
        }
    }
}

/// An attribute's name, which stands in filters as it is.
fn attribute(table: &mut Table<'_, '_>, key: &'static str, default: &str) -> String {
    let Some(text) = table.string(key) else { return default.to_owned() };
    let is_name = text.value.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    if !is_name {
        let message = format!("`{}` is no name of an attribute", text.value);
        table.reader().error("config::bad_attribute", message, &text.span, "expected like `uid`");
    }
    text.value
}

fn required_text(table: &mut Table<'_, '_>, key: &'static str) -> Option<Spanned<String>> {
    let text = table.required_string(key)?;
    if text.value.is_empty() {
        let message = format!("`{key}` is empty");
        table.reader().error("config::empty", message, &text.span, "nothing");
        return None;
    }
    Some(text)
}

pub(super) fn seconds(
    table: &mut Table<'_, '_>,
    key: &'static str,
    range: RangeInclusive<i64>,
) -> Option<Duration> {
    number(table, key, range).and_then(|n| u64::try_from(n).ok()).map(Duration::from_secs)
}

fn number(table: &mut Table<'_, '_>, key: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
    let number = table.integer(key)?;
    if range.contains(&number.value) {
        return Some(number.value);
    }
    let message = format!("`{key}` must be between {} and {}", range.start(), range.end());
    table.reader().error("config::out_of_range", message, &number.span, "out of range");
    None
}
