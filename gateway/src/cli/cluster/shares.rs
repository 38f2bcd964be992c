//! `vestibule cluster shares add|ls|rm`

use std::time::Duration;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use vestibule_identity::management::{Mode, ShareView, ShareWanted};
use vestibule_identity::{Secret, UnixTime};
use vestibule_schema::{ShareId, SiteId};

use super::session::{AdminSession, Doing, Engines};
use crate::cli::users::{ask_password, user_name};
use crate::cli::{BadInput, ConfigArg, Exit, Format, Output};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make a link; its address is told once
    Add(Add),
    /// List the links
    Ls(Ls),
    /// Revoke a link: whoever opened it has nothing of it any more
    Rm(Rm),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    #[command(flatten)]
    config: ConfigArg,
    /// Whose right the link stands on: an owner of the site, or of the folder that governs the path
    #[arg(long = "as", value_name = "USER")]
    maker: String,
    /// The site
    #[arg(long)]
    site: SiteId,
    /// The folder, with `/` at the end, or the image
    #[arg(long)]
    path: String,
    /// The role that whoever opens it has there; none that writes
    #[arg(long, default_value = "visitor")]
    role: String,
    /// What the link is called on its page
    #[arg(long, default_value = "")]
    label: String,
    /// Read a password for the link from standard input
    #[arg(long)]
    password_stdin: bool,
    /// When it ends: after `30m`, `12h` or `7d`, or at a moment such as `2027-01-31T18:00:00Z`
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// How often it can be opened
    #[arg(long, value_name = "NUMBER")]
    uses: Option<u32>,
    #[command(flatten)]
    doing: Doing,
}

#[derive(Debug, Args)]
pub(super) struct Ls {
    #[command(flatten)]
    config: ConfigArg,
    /// Of this site only
    #[arg(long)]
    site: Option<SiteId>,
    /// How the list is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct Rm {
    #[command(flatten)]
    config: ConfigArg,
    /// The link's number, as `ls` shows it
    id: i64,
    #[command(flatten)]
    doing: Doing,
}

impl Verb {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::Add(verb) => verb.run(output),
            Self::Ls(verb) => verb.run(output),
            Self::Rm(verb) => verb.run(output),
        }
    }
}

impl Add {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let maker = user_name(&self.maker)?;
        self.doing.ask(&format!("share `{}` of `{}`?", self.path, self.site))?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::Of(&self.site), output)?;
        let now = session.block_on(async |identity| Ok::<_, std::io::Error>(identity.now()))?;
        let expires = self.expires.as_deref().map(|text| end(text, now)).transpose()?;
        let reads_password = self.password_stdin && self.doing.mode() == Mode::Do;
        let password: Option<Secret<String>> =
            if reads_password { Some(ask_password(true)?) } else { None };
        session.change_telling(&cluster, (&self.doing, output), tell, async |verbs| {
            let wanted = ShareWanted {
                node: &self.site,
                path: &self.path,
                role: &self.role,
                maker: Some(&maker),
                label: &self.label,
                password: password.as_ref(),
                expires,
                uses: self.uses,
            };
            verbs.add_share(&wanted).await
        })?;
        Ok(Exit::Done)
    }
}

fn tell(output: &mut Output, made: ShareView) {
    if let Some(address) = made.url {
        output.note("the address of the link; it is not told again:");
        output.line(address.expose());
    }
}

impl Ls {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        let site = self.site.as_ref();
        let shares = session.ask(&cluster, async |verbs| verbs.shares(site).await)?;
        let columns = [
            "id",
            "node",
            "path",
            "role",
            "maker",
            "label",
            "password",
            "expires",
            "uses_left",
            "opened",
        ];
        output.items(self.format, &columns, &serde_json::to_value(&shares)?);
        Ok(Exit::Done)
    }
}

impl Rm {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let id = ShareId::from_number(self.id);
        self.doing.confirm(&format!("revoke the link {id}?"))?;
        let session = AdminSession::open(&self.config.config, output)?;
        let cluster = session.cluster(Engines::None, output)?;
        session
            .change(&cluster, (&self.doing, output), async |verbs| verbs.revoke_share(id).await)?;
        Ok(Exit::Done)
    }
}

/// When a link ends: so long from now, or at a moment.
pub(super) fn end(text: &str, now: UnixTime) -> anyhow::Result<UnixTime> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Ok(UnixTime::from_seconds(moment.as_second()));
    }
    let unit = match text.chars().next_back() {
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 24 * 3600,
        _ => 0,
    };
    let number = text.trim_end_matches(['m', 'h', 'd']).parse::<u64>().ok();
    match number.and_then(|number| number.checked_mul(unit)).filter(|seconds| *seconds > 0) {
        Some(seconds) => Ok(now.plus(Duration::from_secs(seconds))),
        None => Err(anyhow!(BadInput(format!(
            "`{text}` is no time: say `30m`, `12h` or `7d`, or a moment such as \
             `2027-01-31T18:00:00Z`"
        )))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_while_or_a_moment() {
        let now = UnixTime::from_seconds(1_000);
        let good = |text: &str| end(text, now).unwrap().seconds();
        assert_eq!(good("30m"), 2_800);
        assert_eq!(good("1d"), 1_000 + 86_400);
        assert_eq!(good("1970-01-01T01:00:00Z"), 3_600);
        for text in ["", "m", "0d", "-1h", "7", "7w", "7dd7", "tomorrow"] {
            assert!(end(text, now).is_err(), "{text}");
        }
    }
}
