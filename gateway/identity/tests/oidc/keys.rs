//! Keys of the provider, and ways to sign and not to sign with them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreJwsSigningAlgorithm as Algorithm, CoreRsaPrivateSigningKey};
use openidconnect::{JsonWebKeyId, PrivateSigningKey};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

/// How a token is signed, or made to look so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Signing {
    /// With the first RSA key.
    #[default]
    Rs256,
    /// With the first RSA key, in the padding of PSS.
    Ps256,
    /// With the key on P-256.
    Es256,
    /// With the Ed25519 key.
    EdDsa,
    /// With an RSA key of 1,024 bits.
    Weak,
    /// With a key that the provider does not publish, under a name of its own.
    Unpublished,
    /// With a key that the provider does not publish, under the name of one that it does.
    Impostor,
    /// Not at all: `none`.
    None,
    /// With what everybody knows, the public key, as a shared secret.
    PublicKeyAsSecret,
    /// With the client's secret.
    ClientSecret,
    /// Signed well, and changed after.
    Changed,
    /// Signed well, and the signature taken away.
    Stripped,
}

/// All keys of a provider.
pub(crate) struct Keys {
    first: CoreRsaPrivateSigningKey,
    second: CoreRsaPrivateSigningKey,
    weak: CoreRsaPrivateSigningKey,
    p256: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
}

fn rsa(pem: &str, name: &str) -> CoreRsaPrivateSigningKey {
    CoreRsaPrivateSigningKey::from_pem(pem, Some(JsonWebKeyId::new(name.to_owned()))).unwrap()
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Keys {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let p256 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let ed25519 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        Self {
            first: rsa(include_str!("rsa-a.pem"), "rsa-1"),
            second: rsa(include_str!("rsa-b.pem"), "rsa-2"),
            weak: rsa(include_str!("rsa-weak.pem"), "weak"),
            p256: EcdsaKeyPair::from_pkcs8(algorithm, p256.as_ref(), &random).unwrap(),
            ed25519: Ed25519KeyPair::from_pkcs8(ed25519.as_ref()).unwrap(),
        }
    }

    /// The keys that the provider publishes by itself.
    pub(crate) fn published(&self) -> Vec<Value> {
        let point = self.p256.public_key().as_ref();
        vec![
            self.rsa("rsa-1"),
            self.rsa("weak"),
            json!({
                "kty": "EC", "crv": "P-256", "kid": "ec-1", "alg": "ES256", "use": "sig",
                "x": encode(&point[1..33]), "y": encode(&point[33..]),
            }),
            json!({
                "kty": "OKP", "crv": "Ed25519", "kid": "ed-1", "use": "sig",
                "x": encode(self.ed25519.public_key()),
            }),
            json!({ "kty": "oct", "kid": "shared", "k": encode("a shared secret, in public") }),
        ]
    }

    /// One RSA key in public.
    pub(crate) fn rsa(&self, name: &str) -> Value {
        let key = match name {
            "rsa-1" => &self.first,
            "rsa-2" => &self.second,
            _ => &self.weak,
        };
        serde_json::to_value(key.as_verification_key()).unwrap()
    }

    /// A token; `patch` changes its header before it is signed.
    pub(crate) fn token(&self, header: &Value, claims: &Value, signing: Signing) -> String {
        let (algorithm, name) = match signing {
            Signing::Rs256 | Signing::Changed | Signing::Stripped => ("RS256", "rsa-1"),
            Signing::Impostor => ("RS256", "rsa-1"),
            Signing::Ps256 => ("PS256", "rsa-1"),
            Signing::Es256 => ("ES256", "ec-1"),
            Signing::EdDsa => ("EdDSA", "ed-1"),
            Signing::Weak => ("RS256", "weak"),
            Signing::Unpublished => ("RS256", "rsa-2"),
            Signing::None => ("none", "rsa-1"),
            Signing::PublicKeyAsSecret | Signing::ClientSecret => ("HS256", "rsa-1"),
        };
        let mut whole = json!({ "alg": algorithm, "kid": name });
        for (name, value) in header.as_object().unwrap() {
            match value {
                Value::Null => whole.as_object_mut().unwrap().remove(name),
                value => whole.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        let signed = format!("{}.{}", encode(whole.to_string()), encode(claims.to_string()));
        let signature = self.sign(signed.as_bytes(), signing);
        match signing {
            Signing::Changed => {
                let mut claims = claims.clone();
                claims["groups"] = json!(["admins"]);
                let header = signed.split('.').next().unwrap();
                format!("{header}.{}.{}", encode(claims.to_string()), encode(signature))
            }
            _ => format!("{signed}.{}", encode(signature)),
        }
    }

    fn sign(&self, signed: &[u8], signing: Signing) -> Vec<u8> {
        let rs256 = &Algorithm::RsaSsaPkcs1V15Sha256;
        let hmac = |secret: &[u8]| {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
            ring::hmac::sign(&key, signed).as_ref().to_vec()
        };
        match signing {
            Signing::Rs256 | Signing::Changed => self.first.sign(rs256, signed).unwrap(),
            Signing::Ps256 => self.first.sign(&Algorithm::RsaSsaPssSha256, signed).unwrap(),
            Signing::Unpublished | Signing::Impostor => self.second.sign(rs256, signed).unwrap(),
            Signing::Weak => self.weak.sign(rs256, signed).unwrap(),
            Signing::Es256 => {
                self.p256.sign(&SystemRandom::new(), signed).unwrap().as_ref().to_vec()
            }
            Signing::EdDsa => self.ed25519.sign(signed).as_ref().to_vec(),
            Signing::None | Signing::Stripped => Vec::new(),
            Signing::PublicKeyAsSecret => hmac(self.rsa("rsa-1").to_string().as_bytes()),
            Signing::ClientSecret => hmac(super::provider::SECRET.as_bytes()),
        }
    }
}
