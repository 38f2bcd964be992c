//! What a gallery server is told of who asks, signed: a JSON Web Token that anybody can verify
//! with the published keys.
//!
//! It is made anew for each request and lives for five minutes: a signature takes some fifty
//! microseconds, and nothing has to be remembered that a change of rights would have to forget.
//! Who has not signed in is told by its absence.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use vestibule_schema::{Action, PermissionSet, SiteId};

use crate::credentials::SignedIn;
use crate::identity::{Identity, Unavailable};

/// The header that carries it.
pub const HEADER: &str = "x-vestibule-assertion";

/// How long it is good.
pub const LIFETIME: Duration = Duration::from_secs(300);

/// What is said of somebody at one site, for one resource.
#[derive(Debug, Clone, Copy)]
pub struct Assertion<'a> {
    /// Who says it: the portal's address.
    pub issuer: &'a str,
    /// The site, and the only one that it is for.
    pub site: &'a SiteId,
    /// Who asks.
    pub signed_in: &'a SignedIn,
    /// The address of their mailbox, if it was verified.
    pub email: Option<&'a str>,
    /// The highest of their roles.
    pub role: Option<&'a str>,
    /// The roles that they hold where the resource is.
    pub roles: &'a [&'a str],
    /// Those of their groups that the site's rules name, and no other.
    pub groups: &'a [&'a str],
    /// What they may do with the resource.
    pub permissions: PermissionSet,
    /// What the app password that they show was made for, if they show one.
    pub scope: Option<&'a str>,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    kid: &'a str,
    typ: &'static str,
}

/// The claims, by their registered names where they have one.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: String,
    name: &'a str,
    preferred_username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    roles: &'a [&'a str],
    groups: &'a [&'a str],
    permissions: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
}

impl Identity {
    /// Signs what is said of somebody.
    ///
    /// # Errors
    /// If there is no key or no randomness; nothing may be said then.
    pub fn assertion(&self, said: &Assertion<'_>) -> Result<String, Unavailable> {
        let now = self.now();
        let key = self.signing.at(now).ok_or(Unavailable::Signing)?;
        let mut jti = [0; 16];
        getrandom::fill(&mut jti).map_err(|_| Unavailable::Randomness)?;
        let may = |action: &Action| said.permissions.allows(*action);
        let claims = Claims {
            iss: said.issuer,
            aud: said.site.as_str(),
            // the account's number is never given to another one; a name may be
            sub: said.signed_in.account.number().to_string(),
            name: &said.signed_in.display_name,
            preferred_username: said.signed_in.name.as_str(),
            email: said.email,
            email_verified: said.email.map(|_| true),
            role: said.role,
            roles: said.roles,
            groups: said.groups,
            permissions: Action::ALL.iter().filter(|a| may(a)).map(|a| a.name()).collect(),
            scope: said.scope,
            iat: now.seconds(),
            nbf: now.seconds(),
            exp: now.plus(LIFETIME).seconds(),
            jti: URL_SAFE_NO_PAD.encode(jti),
        };
        let header = Header { alg: "EdDSA", kid: &key.kid, typ: "JWT" };
        let mut token = encode(&header)?;
        token.push('.');
        token.push_str(&encode(&claims)?);
        let signature = key.sign(&token);
        token.push('.');
        token.push_str(&signature);
        Ok(token)
    }
}

fn encode(part: &impl Serialize) -> Result<String, Unavailable> {
    let json = serde_json::to_vec(part).map_err(|_| Unavailable::Signing)?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

#[cfg(test)]
mod tests;
