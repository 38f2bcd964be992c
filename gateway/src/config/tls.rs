//! `[[tls]]` of `vestibule.toml`: an address for HTTPS, and who may speak to it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use vestibule_proxy::{Certificate, ClientCertificates, TlsListener, Wanted};
use vestibule_schema::document::{Reader, Spanned, Table};
use vestibule_schema::problem::Problem;

use super::gateway::read_address;

/// One `[[tls]]` table.
#[derive(Debug, Clone)]
pub(crate) struct TlsConfig {
    pub(crate) listen: SocketAddr,
    certificate: PathBuf,
    key: PathBuf,
    /// What is asked of clients, if anything.
    pub(super) clients: Option<Clients>,
}

/// Who may speak to it.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    authorities: PathBuf,
    wanted: Wanted,
    /// The line that says so: `vestibule.toml:7`.
    place: String,
}

impl TlsConfig {
    /// Reads a table; `None` if it can't be used, which is reported.
    pub(super) fn read(mut table: Table<'_, '_>, dir: &Path) -> Option<Self> {
        let reader = table.reader();
        let listen = table.required_string("listen").and_then(|text| read_address(reader, &text));
        let certificate = table.required_string("certificate").map(|path| dir.join(path.value));
        let key = table.required_string("key").map(|path| dir.join(path.value));
        let authorities = table.string("client_ca");
        let wanted = table.string("client_certificates");
        table.finish();
        if let (None, Some(wanted)) = (&authorities, &wanted) {
            reader.report(
                Problem::error(
                    "config::no_client_ca",
                    "`client_certificates` says nothing of whose certificates they are",
                )
                .at(reader.source(), wanted.span.clone(), "nobody is asked for one")
                .help("name the authority's file too: `client_ca = \"ca.pem\"`"),
            );
        }
        let clients = authorities.map(|file| {
            let place = reader.reference(&file.span);
            Clients {
                authorities: dir.join(file.value),
                wanted: wanted.map_or(Wanted::Required, |text| read_wanted(reader, &text)),
                place: format!("{}:{}", place.file, place.line),
            }
        });
        Some(Self { listen: listen?, certificate: certificate?, key: key?, clients })
    }

    /// What is wrong with its files.
    pub(super) fn problem(&self) -> Option<Problem> {
        let own = match Certificate::load(&self.certificate, &self.key) {
            Ok(own) => own,
            Err(error) => {
                let error = anyhow::Error::from(error);
                return Some(
                    Problem::error("config::bad_certificate", format!("{error:#}"))
                        .in_file("vestibule.toml")
                        .help("name files in PEM that fit, and that the gateway's user may read"),
                );
            }
        };
        let clients = self.clients.as_ref()?;
        let loaded = ClientCertificates::load(&clients.authorities, clients.wanted, own);
        let error = anyhow::Error::from(loaded.err()?);
        Some(
            Problem::error("config::bad_client_ca", format!("{error:#}"))
                .in_file(&clients.place)
                .help(
                    "name a file in PEM with the certificates of the authorities that clients \
                     have theirs from, which the gateway's user may read",
                ),
        )
    }

    /// The listener.
    ///
    /// # Errors
    /// If a file can't be used.
    pub(crate) fn listener(&self) -> anyhow::Result<TlsListener> {
        let certificate = Certificate::load(&self.certificate, &self.key)?;
        let clients = self.clients.as_ref().map(|clients| {
            let own = std::sync::Arc::clone(&certificate);
            ClientCertificates::load(&clients.authorities, clients.wanted, own)
        });
        Ok(TlsListener { address: self.listen, certificate, clients: clients.transpose()? })
    }
}

fn read_wanted(reader: &Reader<'_>, text: &Spanned<String>) -> Wanted {
    match text.value.as_str() {
        "required" => Wanted::Required,
        "optional" => Wanted::Optional,
        _ => {
            reader.report(
                Problem::error(
                    "config::bad_client_certificates",
                    "`client_certificates` must be `required` or `optional`",
                )
                .at(reader.source(), text.span.clone(), "not known")
                .help("leave the key out: `required` is the default beside `client_ca`"),
            );
            Wanted::Required
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GatewayConfig;

    const LISTENER: &str =
        "[[tls]]\nlisten = \"127.0.0.1:1\"\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n";

    /// A configuration of one listener with these lines: how it is read, and what is wrong with it.
    fn read(lines: &str) -> (Option<GatewayConfig>, Vec<(&'static str, String)>) {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write("c.pem", &made.cert.pem());
        write("k.pem", &made.signing_key.serialize_pem());
        write("ca.pem", &made.cert.pem());
        write("empty.pem", "");
        write("vestibule.toml", &format!("{LISTENER}{lines}"));
        let (config, problems) = match GatewayConfig::load(dir.path()) {
            Ok(config) => {
                let problems = config.beyond_the_text();
                (Some(config), problems)
            }
            Err(problems) => (None, problems),
        };
        let told = problems.iter().map(|problem| {
            let is_of_ours = problem.code.starts_with("config::");
            assert!(problem.help.is_some() || !is_of_ours, "without the mend: {problem:?}");
            (problem.code, problem.source.reference(problem.span.start).to_string())
        });
        (config, told.collect())
    }

    fn clients(lines: &str) -> Option<Wanted> {
        let (config, problems) = read(lines);
        assert!(problems.is_empty(), "{lines}: {problems:?}");
        config.unwrap().tls[0].clients.as_ref().map(|clients| clients.wanted)
    }

    /// S80: what is not said is the stricter.
    #[test]
    fn clients_are_asked_where_their_authority_is_named() {
        let ca = "client_ca = \"ca.pem\"\n";
        assert_eq!(clients(""), None);
        assert_eq!(clients(ca), Some(Wanted::Required));
        let with = |word: &str| clients(&format!("{ca}client_certificates = \"{word}\"\n"));
        assert_eq!(with("required"), Some(Wanted::Required));
        assert_eq!(with("optional"), Some(Wanted::Optional));
        let binds = "[sessions]\nbind_to_client_certificate = true\n";
        assert_eq!(clients(&format!("{ca}{binds}")), Some(Wanted::Required));
        assert_eq!(clients("[sessions]\nbind_to_client_certificate = false\n"), None);
    }

    /// S80: no mistake means that nobody is asked.
    #[test]
    fn mistakes_are_told_with_their_place() {
        let check = |lines: &str, code: &str, line: &str| {
            let (_, problems) = read(lines);
            let [(told, place)] = &problems[..] else { panic!("{lines}: {problems:?}") };
            assert_eq!(*told, code, "{lines}");
            assert!(place.starts_with(&format!("vestibule.toml:{line}")), "{lines}: {place}");
        };
        check("client_certificates = \"optional\"\n", "config::no_client_ca", "5");
        check("client_certificates = \"required\"\n", "config::no_client_ca", "5");
        let ca = "client_ca = \"ca.pem\"\n";
        let wrong = format!("{ca}client_certificates = \"none\"\n");
        check(&wrong, "config::bad_client_certificates", "6");
        for file in ["", ".", "nowhere.pem", "empty.pem", "k.pem"] {
            check(&format!("client_ca = \"{file}\"\n"), "config::bad_client_ca", "5");
        }
        check("client_ca = true\n", "document::wrong_type", "5");
        let binds = "[sessions]\nbind_to_client_certificate = true\n";
        check(binds, "config::no_client_certificates", "6");
    }
}
