//! Who a request comes from: accounts, passwords, second factors, sessions, limits.
//!
//! The one type to know is [`Identity`]. [`Identity::authenticate`] gives three answers:
//! somebody who has not signed in, somebody who has, or a credential that failed, which is never
//! taken for an absent one. [`Identity::sign_in`] makes sessions, everything that ends one is in
//! force for the next request of this process when it returns.
//!
//! This crate is *not* the place of what anybody may do (that is `vestibule-policies`), of pages
//! (`vestibule-portal`), of HTTP or of SQL: it is handed header values and answers with types.
//!
//! What whoever manages does, at the command line and by the API, is in [`management`].
//!
//! Start at [`Identity`], then [`credentials`], then [`sign_in`].
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use vestibule_identity::{
//!     Audience, Authentication, Credentials, Identity, RequestOrigin, Settings,
//! };
//! use vestibule_store::Store;
//!
//! let identity = Identity::open(Store::open_in_memory().await?, Settings::default()).await?;
//! let origin = RequestOrigin::new(true, "photos.example.com", [192, 0, 2, 7].into());
//! let who = identity.authenticate(&origin, &Audience::Portal, &Credentials::default()).await?;
//! assert!(matches!(who, Authentication::Anonymous { .. }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

pub mod accounts;
mod address;
pub mod app_passwords;
pub mod assertion;
mod audited;
pub mod clock;
pub mod cookie;
pub mod credentials;
mod directories;
pub mod entry;
pub mod external;
mod first_run;
mod fresh;
mod hasher;
mod identity;
mod limits;
pub mod management;
pub mod origin;
pub mod passkeys;
pub mod password;
mod provider_sessions;
pub mod providers;
mod renewed;
mod revocations;
mod sealed;
mod second_factor;
mod second_step;
pub mod secret;
mod sessions;
pub mod shares;
pub mod sign_in;
mod signing_keys;
mod tickets;
mod token;
mod under_way;

pub use accounts::{AccountError, ChangePasswordError, PasswordChange};
pub use app_passwords::{AppPasswordOrder, MadeAppPassword, MakeAppPasswordError, OwnersProof};
pub use assertion::Assertion;
pub use clock::{Clock, ManualClock, SystemClock};
pub use cookie::SetCookie;
pub use credentials::{Authentication, Credentials, FailedCredential, Means, SignedIn};
pub use directories::DirectoryWatch;
pub use entry::{Arrived, Entry, browser_mark};
pub use external::{ExternalUser, ProviderGroups, Registration, Subject};
pub use first_run::{FirstAccount, FirstRunError};
pub use hasher::HashCost;
pub use identity::{Identity, Settings, Unavailable};
pub use origin::{RequestOrigin, Transport};
pub use passkeys::{PasskeyAnswer, PasskeyAttempt, PasskeyError, PasskeyOrder, PasskeyQuestion};
pub use password::PasswordError;
pub use provider_sessions::SignedOutThere;
pub use renewed::OtherSessions;
pub use revocations::Revocations;
pub use second_factor::{
    Enrolled, Enrolment, FactorChange, FirstCode, NewCodes, SecondFactorError, SecondFactorState,
};
pub use second_step::{CodeAttempt, SecondStepDone, SignInStep};
pub use secret::Secret;
pub use sessions::SessionInfo;
pub use shares::{
    MadeShare, MakeShareError, OpenShareError, OpenedShare, ShareAttempt, ShareFace, ShareOrder,
};
pub use sign_in::{Attempt, NewSession, SignInError};
pub use signing_keys::PUBLISHED_FOR;
pub use under_way::{Beginning, CameBack, Heard, UnderWayError};
pub use vestibule_store::{
    AccountId, AppBounds, AppPasswordId, AppPasswordRow, AppScope, Audience, CertificateHash,
    PasskeyId, PasskeyRow, SessionId, UnixTime,
};
