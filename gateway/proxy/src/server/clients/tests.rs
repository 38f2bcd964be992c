//! Authorities that can't be used, ones that change, and certificates whose time is over (S80).

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use tempfile::TempDir;

use super::*;

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A client's certificate that is good from 2020 to 2030.
    fn client(&self, usage: Option<ExtendedKeyUsagePurpose>) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["jane".to_owned()]).unwrap();
        params.extended_key_usages = usage.into_iter().collect();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &self.issuer).unwrap().der().clone()
    }
}

/// At the beginning of a year.
fn year(year: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_557_600))
}

fn own(dir: &TempDir) -> Arc<Certificate> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (chain, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    Certificate::load(&chain, &key).unwrap()
}

fn load(dir: &TempDir, wanted: Wanted) -> Result<Arc<ClientCertificates>, CertificateError> {
    ClientCertificates::load(&dir.path().join("ca.pem"), wanted, own(dir))
}

fn write(dir: &TempDir, text: &str) {
    // under another name first, so that it is another file in any case
    let partial = dir.path().join("partial");
    std::fs::write(&partial, text).unwrap();
    std::fs::rename(partial, dir.path().join("ca.pem")).unwrap();
}

/// What a client showed, found good in 2025.
fn shown(asked: &Arc<ClientCertificates>, chain: Vec<CertificateDer<'static>>) -> ShownCertificate {
    let confirmed = Mutex::new((year(2025), asked.current.load_full()));
    ShownCertificate { asked: Arc::clone(asked), chain, confirmed }
}

fn is_taken(asked: &Arc<ClientCertificates>, chain: Vec<CertificateDer<'static>>) -> bool {
    shown(asked, chain).is_good_at(year(2026))
}

/// A file that names no authority asks for nothing that anybody could show; it never means that
/// nobody is asked.
#[test]
fn a_file_without_authorities_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let message = || {
        let error = load(&dir, Wanted::Optional).unwrap_err();
        assert!(error.to_string().contains("ca.pem"), "{error}");
        error
    };
    assert!(matches!(message(), CertificateError::Read { .. }), "there is none");
    for empty in ["", "nothing", "\n\n"] {
        write(&dir, empty);
        assert!(matches!(message(), CertificateError::Empty { .. }), "{empty:?}");
    }
    write(&dir, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert!(matches!(message(), CertificateError::Authority { .. }));
    write(&dir, "-----BEGIN CERTIFICATE-----\nAAAA\n");
    message();
}

#[test]
fn a_certificate_is_of_the_authority_and_for_clients() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, others) = (Authority::new(), Authority::new());
    write(&dir, &ours.pem);
    for wanted in [Wanted::Required, Wanted::Optional] {
        let asked = load(&dir, wanted).unwrap();
        let client = Some(ExtendedKeyUsagePurpose::ClientAuth);
        let server = Some(ExtendedKeyUsagePurpose::ServerAuth);
        assert!(is_taken(&asked, vec![ours.client(client.clone())]));
        assert!(is_taken(&asked, vec![ours.client(None)]), "of no usage is of any (RFC 5280)");
        assert!(!is_taken(&asked, vec![ours.client(server)]));
        assert!(!is_taken(&asked, vec![others.client(client)]));
        assert_eq!(is_taken(&asked, Vec::new()), wanted == Wanted::Optional);
    }
}

/// A connection may outlive the certificate that was shown when it began.
#[test]
fn a_certificate_ends_on_a_connection_that_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    write(&dir, &authority.pem);
    let asked = load(&dir, Wanted::Required).unwrap();
    let shown = shown(&asked, vec![authority.client(None)]);
    assert!(shown.is_good_at(year(2025)) && shown.is_good_at(year(2029)));
    assert!(!shown.is_good_at(year(2031)));
    assert!(!shown.is_good_at(year(2019)), "a clock that runs back is no way around it");
}

#[test]
fn a_change_is_in_force_when_it_can_be_used() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (Authority::new(), Authority::new());
    write(&dir, &old.pem);
    let asked = load(&dir, Wanted::Required).unwrap();
    let (of_old, of_new) = (old.client(None), new.client(None));
    let before = shown(&asked, vec![of_old.clone()]);
    assert!(!asked.refresh().unwrap());
    write(&dir, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert!(asked.refresh().is_err());
    assert!(!asked.refresh().unwrap(), "said once");
    assert!(before.is_good_at(year(2025)) && is_taken(&asked, vec![of_old.clone()]));
    write(&dir, &new.pem);
    assert!(asked.refresh().unwrap());
    assert!(is_taken(&asked, vec![of_new]));
    assert!(!before.is_good_at(year(2025)), "the next request on a connection of before");
    assert!(!is_taken(&asked, vec![of_old]));
}

/// Whoever takes the last authority out wants its certificates to be good no more.
#[test]
fn without_an_authority_nobody_is_let_in_by_a_certificate() {
    for wanted in [Wanted::Required, Wanted::Optional] {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        write(&dir, &authority.pem);
        let asked = load(&dir, wanted).unwrap();
        let own = authority.client(None);
        let (with, without) = (shown(&asked, vec![own.clone()]), shown(&asked, Vec::new()));
        let gone = || std::fs::remove_file(dir.path().join("ca.pem")).unwrap();
        for (what, empty) in [("emptied", &(|| write(&dir, "")) as &dyn Fn()), ("gone", &gone)] {
            empty();
            assert!(asked.refresh().is_err(), "{what}");
            assert!(!is_taken(&asked, vec![own.clone()]), "{what}");
            assert!(!with.is_good_at(year(2025)), "{what}: on a connection of before");
            assert_eq!(without.is_good_at(year(2025)), wanted == Wanted::Optional, "{what}");
        }
        write(&dir, &authority.pem);
        assert!(asked.refresh().unwrap());
        assert!(is_taken(&asked, vec![own]) && with.is_good_at(year(2025)));
    }
}
