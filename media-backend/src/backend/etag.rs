//! Validators: stable across restarts, and nothing can be learnt from one about a file.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};

/// The secret below the cache's folder, made the first time.
pub(super) fn key(dir: &Path) -> io::Result<hmac::Key> {
    let path = dir.join("validators.key");
    let secret = match fs::read(&path) {
        Ok(secret) if secret.len() == 32 => secret,
        Ok(_) => make(&path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(&path)?,
        Err(error) => return Err(error),
    };
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &secret))
}

fn make(path: &Path) -> io::Result<Vec<u8>> {
    let mut secret = vec![0; 32];
    let random = SystemRandom::new().fill(&mut secret);
    random.map_err(|_| io::Error::other("the system gives no random bytes"))?;
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(&secret)?;
    Ok(secret)
}

/// A strong validator of what some parts determine.
pub(super) fn etag(key: &hmac::Key, parts: &[&[u8]]) -> String {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    let tag = context.sign();
    let short = tag.as_ref().get(..16).unwrap_or_default();
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(short))
}
