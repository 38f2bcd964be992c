//! The grant: the signed word of the gateway that the media backend believes, and nothing else.
//!
//! A grant is made from a permit for one request, says who asks and what they may do there and
//! below, lives [`LIFETIME`] and is bound to method, target and site. It is signed with
//! HMAC-SHA-256 (RFC 2104) under a key that gateway and backend share. The clock is passed in.
//!
//! It is *not* a session and not a capability to pass on: another target needs another grant.
//!
//! Start at [`Claims`], then [`GrantKey::sign`] and [`KeyRing::verify`].
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use vestibule_grant::{Binding, Claims, GrantKey, KeyRing, Subject};
//! use vestibule_schema::{Permission, PermissionSet};
//!
//! let key = GrantKey::from_secret("2026-11", [7; 32]);
//! let binding = Binding { site: "family", method: "GET", target: "/browse/trip/" };
//! let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
//! let claims = Claims {
//!     subject: Subject::User { name: "jane".into() },
//!     base: String::new(),
//!     permissions: PermissionSet::EMPTY.with(Permission::View),
//!     above: Vec::new(),
//!     below: Vec::new(),
//!     reach: None,
//!     raw_keeps_metadata: false,
//! };
//! let token = key.sign(&binding, &claims, now)?;
//! let ring = KeyRing::new(vec![key]);
//! assert_eq!(ring.verify(&token, &binding, now)?, claims);
//! let other = Binding { target: "/browse/private/", ..binding };
//! assert!(ring.verify(&token, &other, now).is_err());
//! # Ok::<(), vestibule_grant::GrantError>(())
//! ```

mod claims;
mod key;

use std::time::Duration;

pub use claims::{Below, Binding, Claims, KnownRules, Subject};
pub use key::{GrantKey, KeyRing};

/// The header that carries a grant. Incoming copies from outside are always removed.
pub const HEADER: &str = "x-vestibule-grant";

/// How long a grant is good.
pub const LIFETIME: Duration = Duration::from_secs(60);

/// The longest token that is made or read, in bytes: what both sides accept as one header.
pub const MAX_TOKEN_BYTES: usize = 256 * 1024;

/// Why a grant could not be made, or is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// The text is no grant.
    #[error("the grant is malformed")]
    Malformed,
    /// The signature is not of any known key.
    #[error("the grant's signature is not known")]
    Signature,
    /// The grant has expired, or is not yet good.
    #[error("the grant has expired or is not yet good")]
    Expired,
    /// The grant is for another method, target or site.
    #[error("the grant is for another request")]
    Binding,
    /// The grant is longer than [`MAX_TOKEN_BYTES`].
    #[error("the grant is too long for a header")]
    TooLong,
}
