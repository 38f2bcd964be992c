//! `vestibule cluster …`: who may enter which site.

mod access;
mod nodes;
mod review;
pub(super) mod session;
mod shares;

use clap::{Args, Subcommand};

use super::{Exit, Output};

const AFTER_HELP: &str = "\
Examples:
  vestibule cluster users access grant --user jane --node family --role viewer
  vestibule cluster users access grant --user jane --node family      inherits the account's role
  vestibule cluster users access ls --node family
  vestibule cluster nodes allow-group family 'cn=photographers,dc=example,dc=org' --role user
  vestibule cluster shares add --as jane --site family --path /2026/summer/ --expires 30d
  vestibule cluster access review --node family --format csv

A change is in force when the command returns.
Exit codes: 0 done, 1 failed, 2 bad input or configuration, 3 denied or not found.";

/// Grant and revoke access to sites
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Cluster {
    #[command(subcommand)]
    object: Object,
}

#[derive(Debug, Subcommand)]
enum Object {
    /// Access of single users
    Users {
        #[command(subcommand)]
        object: UserObject,
    },
    /// Access of everybody, and why
    Access {
        #[command(subcommand)]
        verb: review::Verb,
    },
    /// The sites, and access of security groups to them
    Nodes {
        #[command(subcommand)]
        verb: nodes::Verb,
    },
    /// Links that show a folder or an image to whoever opens them
    Shares {
        #[command(subcommand)]
        verb: shares::Verb,
    },
}

#[derive(Debug, Subcommand)]
enum UserObject {
    /// Grants: explicit access of one user to one site
    Access {
        #[command(subcommand)]
        verb: access::Verb,
    },
}

impl Cluster {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self.object {
            Object::Users { object: UserObject::Access { verb } } => verb.run(output),
            Object::Access { verb } => verb.run(output),
            Object::Nodes { verb } => verb.run(output),
            Object::Shares { verb } => verb.run(output),
        }
    }
}
