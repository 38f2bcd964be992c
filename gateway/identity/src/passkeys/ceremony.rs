//! The two ceremonies of WebAuthn, level 3, as `webauthn_rp` knows them: what a browser is asked,
//! and whether what it answers is right.
//!
//! The library checks what sections 7.1 and 7.2 of the specification list: the type, the challenge,
//! the origin, the hash of the relying party's identifier, that the user was present and verified,
//! the signature, the counter. Which origin and which identifier these are is said here: the very
//! ones of the request, no parent domain, no other port.

use std::net::IpAddr;

use serde_json::Value;
use vestibule_store::PasskeyRow;
use webauthn_rp::bin::{Decode, Encode};
use webauthn_rp::request::auth::{
    AuthenticationVerificationOptions, DiscoverableCredentialRequestOptions,
    SignatureCounterEnforcement,
};
use webauthn_rp::request::register::{
    CredProtect, PublicKeyCredentialCreationOptions, PublicKeyCredentialUserEntity,
    RegistrationVerificationOptions, UserHandle,
};
use webauthn_rp::request::{AsciiDomain, PublicKeyCredentialDescriptor, RpId};
use webauthn_rp::response::auth::error::AuthCeremonyErr;
use webauthn_rp::response::register::{DynamicState, StaticState};
use webauthn_rp::response::{AuthTransports, CredentialId};
use webauthn_rp::{
    AuthenticatedCredential, DiscoverableAuthentication, DiscoverableAuthenticationServerState,
    Registration, RegistrationServerState,
};

use crate::origin::{RequestOrigin, Transport};

/// How many bytes an account's handle has.
const HANDLE: usize = 32;

/// What authenticators know an account by.
pub(super) type Handle = [u8; HANDLE];

/// Whom a passkey is made for.
pub(super) struct User<'r> {
    pub(super) handle: Handle,
    pub(super) name: &'r str,
    pub(super) display_name: &'r str,
}

/// What a browser is asked, and what must be known when it answers.
pub(super) struct Asked {
    pub(super) options: String,
    pub(super) state: Vec<u8>,
}

/// A passkey that was made.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) credential: Vec<u8>,
    pub(super) fixed: Vec<u8>,
    pub(super) moving: Vec<u8>,
}

/// What a browser answers that signs somebody in, read but not believed.
pub(super) struct Shown(DiscoverableAuthentication<HANDLE>);

/// Why an answer is not believed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The counter did not go on.
    Counter,
    /// Anything else, for the log.
    Other(String),
}

/// The relying party at this address. None where no browser knows passkeys: over a plain
/// connection, and for addresses that are no names.
pub(super) fn party(origin: &RequestOrigin) -> Option<RpId> {
    let host = origin.host();
    let is_name = host.parse::<IpAddr>().is_err();
    if origin.transport() == Transport::Exposed || !is_name {
        return None;
    }
    AsciiDomain::try_from(host.to_owned()).ok().map(RpId::Domain)
}

/// Asks a browser to make a passkey, and not one more on an authenticator that holds one.
pub(super) fn ask_to_make(
    origin: &RequestOrigin,
    user: &User<'_>,
    known: &[PasskeyRow],
) -> Option<Asked> {
    let party = party(origin)?;
    let handle = UserHandle::<HANDLE>::decode(user.handle).ok()?;
    // the library's names are narrower than ours: they are put in below
    let entity = PublicKeyCredentialUserEntity::from(&handle);
    let here = known.iter().filter(|row| row.host == origin.host());
    let known = here.filter_map(|row| {
        let id = CredentialId::decode(row.credential.clone()).ok()?;
        // over which wires it can be reached is not kept
        let transports = AuthTransports::decode(0).ok()?;
        Some(PublicKeyCredentialDescriptor { id, transports })
    });
    let known = known.collect();
    let mut options = PublicKeyCredentialCreationOptions::passkey(&party, entity, known);
    // few authenticators know it, and none of ours is shown without its user verified
    options.extensions.cred_protect = CredProtect::None;
    let (server, client) = options.start_ceremony().ok()?;
    let mut options = serde_json::to_value(&client).ok()?;
    let shown = if user.display_name.is_empty() { user.name } else { user.display_name };
    let entity = options.get_mut("user")?.as_object_mut()?;
    entity.insert("name".into(), Value::from(user.name));
    entity.insert("displayName".into(), Value::from(shown));
    Some(Asked { options: options.to_string(), state: server.encode().ok()? })
}

/// The passkey that a browser has made, if it is what it was asked for; else why not, for the log.
pub(super) fn made(origin: &RequestOrigin, state: &[u8], answer: &str) -> Result<Made, String> {
    let party = party(origin).ok_or("not at this address")?;
    let state = RegistrationServerState::<HANDLE>::decode(state).map_err(in_words)?;
    let answer = Registration::from_json_relaxed(answer.as_bytes()).map_err(in_words)?;
    let own = origin.ascii_origin();
    let options = RegistrationVerificationOptions::<&str, &str> {
        allowed_origins: &[&own],
        // the specification: what nobody asked for is ignored
        error_on_unsolicited_extensions: false,
        ..RegistrationVerificationOptions::default()
    };
    let made = state.verify(&party, &answer, &options).map_err(in_words)?;
    Ok(Made {
        credential: made.id().as_ref().to_vec(),
        fixed: made.static_state().encode().map_err(in_words)?,
        moving: made.dynamic_state().encode().map_err(in_words)?.to_vec(),
    })
}

/// Asks a browser for whatever passkey it has.
pub(super) fn ask_to_sign_in(origin: &RequestOrigin) -> Option<Asked> {
    let party = party(origin)?;
    let options = DiscoverableCredentialRequestOptions::passkey(&party);
    let (server, client) = options.start_ceremony().ok()?;
    let options = serde_json::to_string(&client).ok()?;
    Some(Asked { options, state: server.encode().ok()?.to_vec() })
}

impl Shown {
    /// Reads an answer; if it can't be read, why not, for the log.
    pub(super) fn read(answer: &str) -> Result<Self, String> {
        // the library's reader lets an answer without a handle pass, and panics when it is used
        let read: Value = serde_json::from_str(answer).map_err(in_words)?;
        if read.pointer("/response/userHandle").is_none_or(|handle| !handle.is_string()) {
            return Err("there is no user handle".to_owned());
        }
        let read = DiscoverableAuthentication::from_json_relaxed(answer.as_bytes());
        read.map(Self).map_err(in_words)
    }

    /// What the authenticator calls its passkey.
    pub(super) fn credential(&self) -> &[u8] {
        self.0.raw_id().into_inner()
    }

    /// Whether the private half of a passkey has answered what was asked, here and now, with its
    /// user verified. What has changed of it then.
    pub(super) fn verify(
        &self,
        (origin, state): (&RequestOrigin, &[u8]),
        (row, handle): (&PasskeyRow, Handle),
    ) -> Result<Vec<u8>, Doubt> {
        let other = |what: &str| Doubt::Other(what.to_owned());
        let party = party(origin).ok_or_else(|| other("not at this address"))?;
        let state = DiscoverableAuthenticationServerState::decode(state);
        let state = state.map_err(|error| Doubt::Other(in_words(error)))?;
        let handle = UserHandle::<HANDLE>::decode(handle);
        let handle = handle.map_err(|_| other("the handle can't be read"))?;
        let fixed = StaticState::decode(&row.fixed);
        let fixed = fixed.map_err(|error| Doubt::Other(in_words(error)))?;
        let moving = row.moving.as_slice().try_into();
        let moving = moving.map_err(|_| other("the counter can't be read"))?;
        let moving = DynamicState::decode(moving).map_err(|error| Doubt::Other(in_words(error)))?;
        let known = AuthenticatedCredential::new(self.0.raw_id(), &handle, fixed, moving);
        let mut known = known.map_err(|error| Doubt::Other(in_words(error)))?;
        let own = origin.ascii_origin();
        let options = AuthenticationVerificationOptions::<&str, &str> {
            allowed_origins: &[&own],
            error_on_unsolicited_extensions: false,
            sig_counter_enforcement: SignatureCounterEnforcement::Fail,
            ..AuthenticationVerificationOptions::default()
        };
        match state.verify(&party, &self.0, &mut known, &options) {
            Ok(_) => match known.dynamic_state().encode() {
                Ok(moving) => Ok(moving.to_vec()),
            },
            Err(AuthCeremonyErr::SignatureCounter) => Err(Doubt::Counter),
            Err(error) => Err(Doubt::Other(in_words(error))),
        }
    }
}

fn in_words(error: impl std::fmt::Display) -> String {
    error.to_string()
}
