//! The ways to prove who one is, one file each.

pub(crate) mod local;
pub mod oidc;
