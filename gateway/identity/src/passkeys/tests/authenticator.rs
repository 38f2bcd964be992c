//! An authenticator as a browser shows it: a key of the curve P-256, a counter, and every lie that
//! it can be made to tell.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Flags of authenticator data (WebAuthn, section 6.1).
pub(super) const PRESENT: u8 = 0x01;
pub(super) const VERIFIED: u8 = 0x04;
const HOLDS_CREDENTIAL: u8 = 0x40;

pub(super) struct Authenticator {
    key: Vec<u8>,
    credential: Vec<u8>,
    count: u32,
    /// Whether it counts at all.
    pub(super) counts: bool,
    pub(super) origin: String,
    pub(super) party: String,
    pub(super) handle: Option<String>,
    pub(super) flags: u8,
    pub(super) crosses: bool,
    pub(super) lies_about_type: bool,
    /// What it says instead of the challenge.
    pub(super) challenge: Option<String>,
}

fn new_key() -> Vec<u8> {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new());
    pkcs8.unwrap().as_ref().to_vec()
}

fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Authenticator {
    pub(super) fn new(party: &str) -> Self {
        let mut credential = vec![0; 32];
        getrandom::fill(&mut credential).unwrap();
        Self {
            key: new_key(),
            credential,
            count: 0,
            counts: true,
            origin: format!("https://{party}"),
            party: party.to_owned(),
            handle: Some(text([0; 32])),
            flags: PRESENT | VERIFIED,
            crosses: false,
            lies_about_type: false,
            challenge: None,
        }
    }

    /// What it calls its credential.
    pub(super) fn credential(&self) -> String {
        text(&self.credential)
    }

    /// The same once more, as if it had been copied.
    pub(super) fn clone_at_next_count(&self) -> Self {
        Self {
            key: self.key.clone(),
            credential: self.credential.clone(),
            origin: self.origin.clone(),
            party: self.party.clone(),
            handle: self.handle.clone(),
            challenge: self.challenge.clone(),
            ..*self
        }
    }

    pub(super) fn change_key(&mut self) {
        self.key = new_key();
    }

    /// Makes a credential for the user of these options.
    pub(super) fn make(&mut self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        self.handle = options["user"]["id"].as_str().map(str::to_owned);
        let client_data = self.client_data("create", &options);
        let key = self.key();
        let point = key.public_key().as_ref();
        let mut data = self.data(HOLDS_CREDENTIAL);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.credential.len()).unwrap().to_be_bytes());
        data.extend(&self.credential);
        // COSE (RFC 9052): EC2, ES256, P-256, x, y
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&point[33..65]);
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(data);
        self.answer(&json!({
            "clientDataJSON": text(client_data),
            "attestationObject": text(object),
            "transports": ["internal"],
        }))
    }

    /// Answers these options with its credential.
    pub(super) fn show(&mut self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        let client_data = self.client_data("get", &options);
        let data = self.data(0);
        let signed = [data.as_slice(), &Sha256::digest(client_data.as_bytes())].concat();
        let signature = self.key().sign(&SystemRandom::new(), &signed).unwrap();
        self.answer(&json!({
            "clientDataJSON": text(client_data),
            "authenticatorData": text(data),
            "signature": text(signature),
            "userHandle": self.handle,
        }))
    }

    fn key(&self) -> EcdsaKeyPair {
        let random = SystemRandom::new();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.key, &random).unwrap()
    }

    fn client_data(&self, ceremony: &str, options: &Value) -> String {
        let ceremony = match (ceremony, self.lies_about_type) {
            ("get", false) | ("create", true) => "webauthn.get",
            _ => "webauthn.create",
        };
        let challenge = self.challenge.as_deref().or(options["challenge"].as_str()).unwrap();
        let (origin, crosses) = (&self.origin, self.crosses);
        format!(
            r#"{{"type":"{ceremony}","challenge":"{challenge}","origin":"{origin}","crossOrigin":{crosses}}}"#
        )
    }

    fn data(&mut self, more: u8) -> Vec<u8> {
        self.count += u32::from(self.counts);
        let mut data = Sha256::digest(self.party.as_bytes()).to_vec();
        data.push(self.flags | more);
        data.extend(self.count.to_be_bytes());
        data
    }

    fn answer(&self, response: &Value) -> String {
        let answer = json!({
            "id": self.credential(),
            "rawId": self.credential(),
            "response": response,
            "authenticatorAttachment": null,
            "clientExtensionResults": {},
            "type": "public-key",
        });
        answer.to_string()
    }
}
