//! `vestibule cluster shares add|ls|rm`

use std::time::Duration;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use vestibule_identity::{Identity, MadeShare, MakeShareError, Secret, ShareOrder, UnixTime};
use vestibule_policies::{Principal, SiteEngine};
use vestibule_schema::{GalleryPath, RoleName, ShareId, SiteId, UserName};

use super::session::{AdminSession, confirm};
use crate::cli::policy::site::OfflineSite;
use crate::cli::users::{ask_password, user_name};
use crate::cli::{BadInput, ConfigArg, Exit, Format, NotFound, Output};

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
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
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
    /// Don't ask
    #[arg(long)]
    yes: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
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
        let path = GalleryPath::from_decoded(&self.path)
            .map_err(|error| anyhow!(BadInput(format!("`{}`: {error}", self.path))))?;
        let role = share_role(&self.role)?;
        let (offline, _) = OfflineSite::load(&self.config.config, &self.site, true, output)?;
        let session = AdminSession::open(&self.config.config, output)?;
        may_share(&session, &offline.engine, (&maker, &path, &role))?;
        let expires = self.expires.as_deref();
        let now = session.block_on(async |identity| Ok::<_, std::io::Error>(identity.now()))?;
        let expires = expires.map(|text| end(text, now)).transpose()?;
        let what = format!("`{path}` of `{}` as {role}, by `{maker}`", self.site);
        if self.dry_run {
            output.line(format!("would share {what}"));
            return Ok(Exit::Done);
        }
        let password: Option<Secret<String>> =
            if self.password_stdin { Some(ask_password(true)?) } else { None };
        let order = ShareOrder {
            site: self.site.clone(),
            path,
            role,
            maker,
            label: &self.label,
            password: password.as_ref(),
            expires,
            uses: self.uses,
        };
        let origin = session.origin_of(&self.site)?;
        let mut made: Option<MadeShare> = None;
        let exit = session.run(output, async |identity: &Identity| {
            let share = identity.make_share(&order).await.map_err(make_error)?;
            let said = format!("shared {what}, as number {}", share.id);
            made = Some(share);
            Ok(said)
        })?;
        if let Some(made) = made {
            output.note("the address of the link; it is not told again:");
            output.line(format!("{origin}/_vestibule/s/{}", made.token.expose()));
        }
        Ok(exit)
    }
}

impl Ls {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let session = AdminSession::open(&self.config.config, output)?;
        let site = self.site.as_ref();
        let shares = session.block_on(async |identity| identity.shares(site).await)?;
        let text = |number: Option<u32>| number.map(|n| n.to_string()).unwrap_or_default();
        let row = |share: &vestibule_store::ShareRow| {
            vec![
                share.id.to_string(),
                share.site.to_string(),
                share.path.to_string(),
                share.role.to_string(),
                share.maker_name.to_string(),
                share.label.clone(),
                if share.password.is_some() { "yes" } else { "no" }.to_owned(),
                share.expires.map(|expires| expires.to_string()).unwrap_or_default(),
                text(share.uses_left),
                share.opened.to_string(),
            ]
        };
        let rows: Vec<_> = shares.iter().map(row).collect();
        let heading = [
            "id",
            "site",
            "path",
            "role",
            "maker",
            "label",
            "password",
            "expires",
            "uses_left",
            "opened",
        ];
        output.rows(self.format, &heading, &rows);
        Ok(Exit::Done)
    }
}

impl Rm {
    fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let id = ShareId::from_number(self.id);
        if self.dry_run {
            output.line(format!("would revoke the link {id}"));
            return Ok(Exit::Done);
        }
        confirm(self.yes, &format!("revoke the link {id}?"))?;
        let session = AdminSession::open(&self.config.config, output)?;
        session.run(output, async |identity: &Identity| {
            if identity.revoke_share(id).await? {
                Ok(format!("revoked the link {id}"))
            } else {
                Err(anyhow!(NotFound(format!("there is no link {id}"))))
            }
        })
    }
}

/// `visitor`, or a role that a document may define.
fn share_role(text: &str) -> anyhow::Result<RoleName> {
    let visitor = RoleName::visitor();
    if text == visitor.as_str() {
        return Ok(visitor);
    }
    RoleName::parse(text).map_err(|error| anyhow!(BadInput(format!("`{text}`: {error}"))))
}

/// Whether the maker may share it, by the documents and the store as they are now.
fn may_share(
    session: &AdminSession,
    engine: &SiteEngine,
    (maker, path, role): (&UserName, &GalleryPath, &RoleName),
) -> anyhow::Result<()> {
    let principal = session.block_on(async |identity| identity.principal_of(maker).await)?;
    let unknown = || anyhow!(NotFound(format!("there is no user `{maker}` who may sign in")));
    let principal: Principal = principal.ok_or_else(unknown)?;
    engine
        .may_share(&principal, path, role)
        .map_err(|error| anyhow!(BadInput(format!("`{maker}` can't share `{path}`: {error}"))))
}

/// When a link ends: so long from now, or at a moment.
fn end(text: &str, now: UnixTime) -> anyhow::Result<UnixTime> {
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

fn make_error(error: MakeShareError) -> anyhow::Error {
    match error {
        MakeShareError::NoMaker { .. } => anyhow!(NotFound(error.to_string())),
        MakeShareError::Busy | MakeShareError::Unavailable(_) => anyhow!(error),
        _ => anyhow!(BadInput(error.to_string())),
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
