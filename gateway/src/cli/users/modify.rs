//! `vestibule users mod`

use anyhow::anyhow;
use clap::Args;
use vestibule_identity::management::{Adoption, UserChange};
use vestibule_schema::ProviderId;
use vestibule_store::AccountState;

use super::{account_role, user_name};
use crate::cli::cluster::session::{AdminSession, Doing, Engines};
use crate::cli::{BadInput, ConfigArg, Exit, Output};

#[derive(Debug, Args)]
pub(super) struct Mod {
    #[command(flatten)]
    config: ConfigArg,
    /// The user's name
    name: String,
    /// Another role: `cluster_admin`, one that empty grants inherit, or empty; ends all sessions
    #[arg(long)]
    role: Option<String>,
    /// Another name for people; empty for the user name
    #[arg(long)]
    display_name: Option<String>,
    /// The identity provider at which the account's owner signs in from now on, with `--subject`
    #[arg(long, value_name = "NAME", requires = "subject")]
    provider: Option<ProviderId>,
    /// Who that is there: the identifier in the log of their refused sign-in
    #[arg(long, value_name = "ID", requires = "provider")]
    subject: Option<String>,
    /// The account may no longer sign in; ends all sessions
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
    /// The account may sign in again
    #[arg(long)]
    enable: bool,
    #[command(flatten)]
    doing: Doing,
}

impl Mod {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let name = user_name(&self.name)?;
        let state = match (self.enable, self.disable) {
            (true, _) => Some(AccountState::Enabled),
            (false, true) => Some(AccountState::Disabled),
            (false, false) => None,
        };
        let adopt = self.provider.zip(self.subject);
        let change = UserChange {
            role: self.role.as_deref().map(account_role).transpose()?,
            display_name: self.display_name,
            state,
            adopt: adopt.map(|(provider, subject)| Adoption { provider, subject }),
        };
        if change.is_empty() {
            let message = "say what to change: `--role`, `--display-name`, `--provider`, \
                           `--disable` or `--enable`";
            return Err(anyhow!(BadInput(message.into())));
        }
        let question = match &change.adopt {
            Some(adopt) => format!(
                "make `{}` at the provider `{}` an owner of the account `{name}`? They sign in \
                 without its password and second factor; all its sessions end.",
                adopt.subject.escape_debug(),
                adopt.provider
            ),
            None => format!("change `{name}`?"),
        };
        if change.takes_away() {
            self.doing.confirm(&question)?;
        } else {
            self.doing.ask(&question)?;
        }
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        session.change(&cluster, (&self.doing, output), async |verbs| {
            verbs.modify_user(&name, &change).await
        })?;
        Ok(Exit::Done)
    }
}
