//! `[identity.oidc.<name>]`: a provider of OpenID Connect that people sign in with.

use std::path::Path;
use std::time::Duration;

use vestibule_identity::Secret;
use vestibule_identity::providers::oidc::{
    ClientAuthentication, ClientCertificate, IssuerError, OidcConfig,
};
use vestibule_schema::ProviderId;
use vestibule_schema::document::{Reader, Spanned, Table};
use vestibule_schema::problem::Problem;

use super::PublicUrl;
use crate::config::secret;

/// The longest age of a sign-in that can be asked for, in seconds: a month.
const LONGEST_AGE: i64 = 31 * 86_400;

/// Reads one provider's table; `None` if it can't be used, which is reported.
pub(super) fn read(
    id: ProviderId,
    mut table: Table<'_, '_>,
    public_url: &PublicUrl,
    dir: &Path,
) -> Option<OidcConfig> {
    let reader = table.reader();
    let issuer = table.required_string("issuer");
    let client_id = table.required_string("client_id");
    let secret = super::read_secret(&mut table, "client_secret", dir);
    if let Some(empty) = secret.as_ref().filter(|secret| secret.value.expose().is_empty()) {
        let message = "`client_secret` is empty".to_owned();
        let mend = "write the secret, or leave the key out for a public client";
        secret::report(reader, "config::bad_secret", message, &empty.span, mend);
    }
    let authentication = read_authentication(&mut table, secret.as_ref(), dir);
    let secret = secret.map(|secret| secret.value);
    let portal = public_url.text.parse().ok()?;
    let config = match (&issuer, &client_id) {
        (Some(issuer), Some(client_id)) => {
            let config = OidcConfig::new(id, &issuer.value, &client_id.value, &portal);
            config.map_err(|error| report_issuer(reader, issuer, error)).ok()
        }
        (None, _) | (_, None) => None,
    };
    let config = config.map(|mut config| {
        config.client_secret = secret;
        config.client_authentication = authentication;
        config
    });
    let config = read_rest(&mut table, config);
    table.finish();
    config
}

/// Takes the optional keys, also of a provider that can't be used, so that all mistakes are
/// reported at once.
fn read_rest(table: &mut Table<'_, '_>, config: Option<OidcConfig>) -> Option<OidcConfig> {
    let reader = table.reader();
    let display_name = table.string("display_name").map(|text| text.value);
    let groups_claim = table.string("groups_claim").map(|text| text.value);
    let name_claim = table.string("name_claim").map(|text| text.value);
    let scopes = table.strings("scopes").map(|all| read_scopes(reader, &all));
    let texts = |all: Option<Vec<Spanned<String>>>| {
        all.unwrap_or_default().into_iter().map(|text| text.value)
    };
    let acr_values: Vec<_> = texts(table.strings("acr_values")).collect();
    let required_acr = texts(table.strings("required_acr")).collect();
    let max_age = table.integer("max_age_seconds").and_then(|age| read_age(reader, &age));
    let refresh = super::ldap::seconds(table, "refresh_seconds", 1..=86_400);
    let mut config = config?;
    config.refresh = refresh.unwrap_or(config.refresh);
    config.display_name = display_name.unwrap_or(config.display_name);
    config.groups_claim = groups_claim.unwrap_or(config.groups_claim);
    config.name_claim = name_claim.unwrap_or(config.name_claim);
    config.scopes = scopes.unwrap_or(config.scopes);
    config.acr_values = acr_values;
    config.required_acr = required_acr;
    config.max_age = max_age;
    Some(config)
}

fn report_issuer(reader: &Reader<'_>, issuer: &Spanned<String>, error: IssuerError) {
    reader.report(
        Problem::error("config::bad_issuer", format!("`{}`: {error}", issuer.value))
            .at(reader.source(), issuer.span.clone(), "no issuer")
            .help("write it to the letter as `issuer` of its `/.well-known/openid-configuration`"),
    );
}

/// How the gateway proves which client it is, and with what.
fn read_authentication(
    table: &mut Table<'_, '_>,
    secret: Option<&Spanned<Secret<String>>>,
    dir: &Path,
) -> ClientAuthentication {
    let reader = table.reader();
    let text = table.string("client_authentication");
    let files = [table.string("client_certificate"), table.string("client_key")];
    let by_secret = match text.as_ref().map(|text| text.value.as_str()) {
        None | Some("auto") => ClientAuthentication::Discovered,
        Some("basic") => ClientAuthentication::Basic,
        Some("post") => ClientAuthentication::Post,
        Some("tls") => return read_certificate(reader, (text, files), secret, dir),
        Some(_) => {
            let message = "`client_authentication` must be `auto`, `basic`, `post` or `tls`";
            let problem = Problem::error("config::bad_client_authentication", message)
                .help("leave the key out: what the provider offers is the default");
            let span = text.map(|text| text.span).unwrap_or_default();
            reader.report(problem.at(reader.source(), span, "not known"));
            return ClientAuthentication::default();
        }
    };
    for file in files.into_iter().flatten() {
        // what is shown to nobody is a mistake: somebody thinks that it proves something
        reader.report(
            Problem::error("config::certificate_without_effect", "this is shown to nobody")
                .at(reader.source(), file.span, "`client_authentication` is not `tls`")
                .help("set `client_authentication = \"tls\"`, or leave this key out"),
        );
    }
    by_secret
}

/// A certificate, and nothing beside it.
fn read_certificate(
    reader: &Reader<'_>,
    (text, files): (Option<Spanned<String>>, [Option<Spanned<String>>; 2]),
    secret: Option<&Spanned<Secret<String>>>,
    dir: &Path,
) -> ClientAuthentication {
    if let Some(secret) = secret {
        let message = "`client_secret` beside `client_authentication = \"tls\"`".to_owned();
        let mend = "leave the secret out: the certificate proves which client this is";
        secret::report(reader, "config::secret_beside_certificate", message, &secret.span, mend);
    }
    let [Some(chain), Some(key)] = files else {
        reader.report(
            Problem::error(
                "config::no_client_certificate",
                "`tls` needs `client_certificate` and `client_key`",
            )
            .at(reader.source(), text.map(|text| text.span).unwrap_or_default(), "with what?")
            .help("name two files in PEM: the chain that the provider knows, and its key"),
        );
        return ClientAuthentication::default();
    };
    match ClientCertificate::load(&dir.join(&chain.value), &dir.join(&key.value)) {
        Ok(certificate) => ClientAuthentication::Tls(certificate),
        Err(error) => {
            let error = anyhow::Error::from(error);
            reader.report(
                Problem::error("config::bad_client_certificate", format!("{error:#}"))
                    .at(reader.source(), chain.span, "can't be shown")
                    .help("name files in PEM that fit, and that the gateway's user may read"),
            );
            ClientAuthentication::default()
        }
    }
}

fn read_scopes(reader: &Reader<'_>, scopes: &[Spanned<String>]) -> Vec<String> {
    let is_scope = |text: &str| {
        // RFC 6749, appendix A.4
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
    };
    let mut read = Vec::new();
    for scope in scopes {
        if is_scope(&scope.value) {
            read.push(scope.value.clone());
        } else {
            let message = format!("`{}` is no scope", scope.value);
            reader.error("config::bad_scope", message, &scope.span, "one word each");
        }
    }
    // it is asked for anyway
    read.retain(|scope| scope != "openid");
    read
}

fn read_age(reader: &Reader<'_>, age: &Spanned<i64>) -> Option<Duration> {
    let seconds = u64::try_from(age.value).ok().filter(|_| age.value <= LONGEST_AGE);
    if seconds.is_none() {
        let message = format!("`max_age_seconds` must be between 0 and {LONGEST_AGE}");
        reader.error("config::bad_max_age", message, &age.span, "out of range");
    }
    seconds.map(Duration::from_secs)
}
