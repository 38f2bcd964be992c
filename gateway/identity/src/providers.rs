//! The ways to prove who one is, one file each.

pub mod ldap;
pub(crate) mod local;
pub mod oidc;
