//! `vestibule users …`: accounts and their sessions.

mod modify;
mod sessions;
mod show;

mod app_passwords;
mod passkeys;
mod totp;

use std::io::{IsTerminal as _, Read as _};

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use vestibule_identity::Secret;
use vestibule_identity::management::{Mode, UserWanted};
use vestibule_schema::{AccountRole, UserName};
use vestibule_store::audit::{Change, Object, Verb as Audited};

use super::cluster::session::{AdminSession, Doing, Engines};
use super::{BadInput, ConfigArg, Exit, Format, Output};

const AFTER_HELP: &str = "\
Examples:
  vestibule users add jane                       asks for a password
  vestibule users add jane --password-stdin <password.txt
  vestibule users ls --format json
  vestibule users totp reset jane                for who has lost it
  vestibule users mod jane --role viewer --display-name 'Jane Doe'
  vestibule users mod jane --provider office --subject 7f3a…       whoever that is there owns it
  vestibule users mod jane --disable             ends all sessions
  vestibule users sessions rm jane --all --yes
  vestibule users rm jane --yes

A change is in force when the command returns.
Exit codes: 0 done, 1 failed, 2 bad input or configuration, 3 denied or not found.";

/// Add, list, change and remove accounts, and end their sessions
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
    /// Show an account with what belongs to it
    Show(show::Show),
    /// Change an account: whole, or not at all
    Mod(modify::Mod),
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
    /// What an account's owner signs in by, instead of a password: list, remove
    Passkeys {
        #[command(subcommand)]
        verb: passkeys::Verb,
    },
    /// The sessions of an account
    Sessions {
        #[command(subcommand)]
        verb: sessions::Verb,
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
    #[command(flatten)]
    doing: Doing,
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
    #[command(flatten)]
    doing: Doing,
}

#[derive(Debug, Args)]
struct Rm {
    #[command(flatten)]
    config: ConfigArg,
    /// The user's name
    name: String,
    #[command(flatten)]
    doing: Doing,
}

impl Users {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self.verb {
            Verb::Add(verb) => verb.run(output),
            Verb::Ls(verb) => verb.run(output),
            Verb::Show(verb) => verb.run(output),
            Verb::Mod(verb) => verb.run(output),
            Verb::Passwd(verb) => verb.run(output),
            Verb::Totp(verb) => verb.run(output),
            Verb::Rm(verb) => verb.run(output),
            Verb::AppPasswords { verb } => verb.run(output),
            Verb::Passkeys { verb } => verb.run(output),
            Verb::Sessions { verb } => verb.run(output),
        }
    }
}

impl Add {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let name = user_name(&self.name)?;
        let role = account_role(&self.role)?;
        let password = if self.doing.mode() == Mode::Do {
            Some(ask_password(self.password_stdin)?)
        } else {
            None
        };
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        let added = session.change(&cluster, (&self.doing, output), async |verbs| {
            let wanted = UserWanted {
                name,
                role,
                display_name: &self.display_name,
                password: password.as_ref(),
            };
            verbs.add_user(wanted).await
        })?;
        if added.is_some() {
            output.note("grant access with `vestibule cluster users access grant`");
        }
        Ok(Exit::Done)
    }
}

impl Ls {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        let users = session.ask(&cluster, async |verbs| verbs.users().await)?;
        if users.is_empty() && self.format == Format::Table {
            output.note("no accounts yet; add one: vestibule users add NAME");
        }
        let users = serde_json::to_value(&users)?;
        output.items(self.format, &["user", "name", "role", "state"], &users);
        Ok(Exit::Done)
    }
}

impl Passwd {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let name = user_name(&self.name)?;
        let password = ask_password(self.password_stdin)?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        session.change(&cluster, (&self.doing, output), async |verbs| {
            verbs.set_password(&name, &password).await
        })?;
        Ok(Exit::Done)
    }
}

impl Rm {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let name = user_name(&self.name)?;
        self.doing.confirm(&format!("remove `{name}` with all sessions and grants?"))?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        session.change(&cluster, (&self.doing, output), async |verbs| {
            verbs.remove_user(&name).await
        })?;
        Ok(Exit::Done)
    }
}

pub(super) fn account_role(text: &str) -> anyhow::Result<AccountRole> {
    AccountRole::parse(text).map_err(|error| anyhow!(BadInput(format!("`{text}`: {error}"))))
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
