//! The pages of the gateway itself: sign-in, sign-out, account, the chooser, refusals.
//!
//! [`router`] serves what lies under `/_vestibule/` and nothing else. Whoever puts it to work
//! puts three extensions into every request: a `RequestOrigin`, an `Audience` and an
//! `Authentication`, all from `vestibule-identity`. A request without them is answered 500, never as anonymous. The router
//! makes browsers forget worthless session cookies by itself: the front must not touch
//! `Set-Cookie` of its answers.
//!
//! Below `/_vestibule/api/v1/` is the JSON API of management (`api.rs`).
//!
//! [`refusal_page`] makes the pages that the proxy shows instead of a gallery's.
//!
//! This crate is *not* the place of any decision about galleries, of passwords and sessions (that
//! is `vestibule-identity`), nor of any script: every page works without one, and the browser is
//! told to run none.
//!
//! Start at [`router`], then `pages.rs`, which lists every page with its path.
//!
//! ```
//! use vestibule_portal::{RefusalPage, refusal_page};
//!
//! let page = refusal_page(RefusalPage::NotFound);
//! assert!(page.contains("Not found"));
//! assert_eq!(RefusalPage::NotFound.status().as_u16(), 404);
//! ```

mod answer;
mod api;
mod caller;
mod folders;
mod form;
mod form_token;
mod pages;
mod portal;
mod refusal;
mod return_to;
mod same_origin;
mod sites;

pub use answer::PAGE_HEADERS;
pub use folders::{FolderEntry, folders_page};
pub use pages::router;
pub use portal::Portal;
pub use refusal::{RefusalPage, refusal_page, sign_in_first_page};
pub use return_to::ReturnTo;
pub use sites::{SiteCard, SitePlace, Sites};

/// Everything the portal serves begins so.
pub const PREFIX: &str = "/_vestibule/";
/// Where one signs in; the parameter `return` says where to go afterwards.
pub const SIGN_IN: &str = "/_vestibule/sign-in";
