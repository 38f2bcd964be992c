//! `vestibule users …`: local accounts.

mod app_passwords;
mod totp;

use std::io::{IsTerminal as _, Read as _};

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use vestibule_identity::{AccountError, Identity, Secret};
use vestibule_schema::{AccountRole, UserName};
use vestibule_store::audit::{Change, Object, Verb as Audited};
use vestibule_store::{AccountState, NewAccount};

use super::cluster::session::{AdminSession, confirm, record};
use super::{BadInput, ConfigArg, Exit, Format, NotFound, Output};

const AFTER_HELP: &str = "\
Examples:
  vestibule users add jane                       asks for a password
  vestibule users add jane --password-stdin <password.txt
  vestibule users ls --format json
  vestibule users totp reset jane                for who has lost it
  vestibule users rm jane --yes";

/// Add, list and remove local accounts
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Users {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add an account
    Add(Add),
    /// List the accounts
    Ls(Ls),
    /// Give an account another password; its sessions end
    Passwd(Passwd),
    Totp(totp::Totp),
    /// Remove an account with its sessions and grants
    Rm(Rm),
    /// The passwords that its programs show: list, revoke
    AppPasswords {
        #[command(subcommand)]
        verb: app_passwords::Verb,
    },
}

#[derive(Debug, Args)]
struct Add {
    #[command(flatten)]
    config: ConfigArg,
    /// The user's name
    name: String,
    /// The name for people
    #[arg(long, default_value = "")]
    display_name: String,
    /// The account's role: `cluster_admin`, or one that empty grants inherit
    #[arg(long, default_value = "")]
    role: String,
    /// Read the password from standard input instead of asking
    #[arg(long)]
    password_stdin: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct Ls {
    #[command(flatten)]
    config: ConfigArg,
    /// How the list is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Args)]
struct Passwd {
    #[command(flatten)]
    config: ConfigArg,
    /// The user's name
    name: String,
    /// Read the password from standard input instead of asking
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
struct Rm {
    #[command(flatten)]
    config: ConfigArg,
    /// The user's name
    name: String,
    /// Don't ask
    #[arg(long)]
    yes: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl Users {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self.verb {
            Verb::Add(verb) => verb.run(output),
            Verb::Ls(verb) => verb.run(output),
            Verb::Passwd(verb) => verb.run(output),
            Verb::Totp(verb) => verb.run(output),
            Verb::Rm(verb) => verb.run(output),
            Verb::AppPasswords { verb } => verb.run(output),
        }
    }
}

impl Add {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let name = user_name(&self.name)?;
        let role = AccountRole::parse(&self.role)
            .map_err(|error| anyhow!(BadInput(format!("`{}`: {error}", self.role))))?;
        if self.dry_run {
            output.line(format!("would add `{name}`"));
            return Ok(Exit::Done);
        }
        let password = ask_password(self.password_stdin)?;
        let session = AdminSession::open(&self.config.config, output)?;
        session.run(output, async |identity: &Identity| {
            let detail = format!("role `{role}`");
            let account = NewAccount::new(name.clone(), role).with_display_name(self.display_name);
            identity.add_user(account, Some(&password)).await.map_err(account_error)?;
            record(identity, change(Object::Account, Audited::Added, &name, Some(detail))).await?;
            Ok(format!("added `{name}`; grant access with `vestibule cluster users access grant`"))
        })
    }
}

impl Ls {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let session = AdminSession::open(&self.config.config, output)?;
        let accounts = session.block_on(async |identity| identity.users().await)?;
        let rows: Vec<_> = accounts
            .iter()
            .map(|account| {
                vec![
                    account.name.to_string(),
                    account.display_name.clone(),
                    account.role.to_string(),
                    match account.state {
                        AccountState::Enabled => "enabled".to_owned(),
                        AccountState::Disabled => "disabled".to_owned(),
                    },
                ]
            })
            .collect();
        if rows.is_empty() && self.format == Format::Table {
            output.note("no accounts yet; add one: vestibule users add NAME");
        }
        output.rows(self.format, &["user", "name", "role", "state"], &rows);
        Ok(Exit::Done)
    }
}

impl Passwd {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let name = user_name(&self.name)?;
        let password = ask_password(self.password_stdin)?;
        let session = AdminSession::open(&self.config.config, output)?;
        session.run(output, async |identity: &Identity| {
            identity.set_password(&name, &password).await.map_err(account_error)?;
            record(identity, change(Object::Password, Audited::Changed, &name, None)).await?;
            Ok(format!("`{name}` has another password; all sessions have ended"))
        })
    }
}

impl Rm {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let name = user_name(&self.name)?;
        if self.dry_run {
            output.line(format!("would remove `{name}` with all sessions and grants"));
            return Ok(Exit::Done);
        }
        confirm(self.yes, &format!("remove `{name}` with all sessions and grants?"))?;
        let session = AdminSession::open(&self.config.config, output)?;
        session.run(output, async |identity: &Identity| {
            identity.remove_user(&name).await.map_err(account_error)?;
            record(identity, change(Object::Account, Audited::Removed, &name, None)).await?;
            Ok(format!("removed `{name}`"))
        })
    }
}

/// A change of an account, for the audit log.
pub(super) fn change(
    object: Object,
    verb: Audited,
    name: &UserName,
    detail: Option<String>,
) -> Change {
    Change { object, verb, name: name.to_string(), detail }
}

pub(super) fn user_name(text: &str) -> anyhow::Result<UserName> {
    UserName::parse(text).map_err(|error| anyhow!(BadInput(format!("`{text}`: {error}"))))
}

/// Bad passwords are bad input; users that don't exist are not found.
fn account_error(error: AccountError) -> anyhow::Error {
    match error {
        AccountError::Password(error) => anyhow!(BadInput(error.to_string())),
        AccountError::Store(error) if error.is_not_found() => anyhow!(NotFound(error.to_string())),
        other => anyhow!(other),
    }
}

/// A password from the terminal, without echo and twice, or from standard input.
pub(super) fn ask_password(from_stdin: bool) -> anyhow::Result<Secret<String>> {
    if from_stdin {
        let mut text = String::new();
        std::io::stdin().take(4096).read_to_string(&mut text).context("standard input")?;
        let end = text.trim_end_matches(['\n', '\r']).len();
        text.truncate(end);
        return Ok(Secret::new(text));
    }
    if !std::io::stdin().is_terminal() {
        let message = "there is no terminal to ask for a password; use `--password-stdin`";
        return Err(anyhow!(BadInput(message.into())));
    }
    let first = rpassword::prompt_password("Password: ").context("the terminal")?;
    let second = rpassword::prompt_password("Again: ").context("the terminal")?;
    if first != second {
        return Err(anyhow!(BadInput("the two passwords differ".into())));
    }
    Ok(Secret::new(first))
}
