//! The four questions, each with a flag that answers it.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use vestibule_identity::{Secret, password};
use vestibule_schema::{SiteId, UserName};

use super::{Init, Public};
use crate::cli::users::{ask_password, user_name};
use crate::cli::{BadInput, Output};

/// What the configuration is made of.
pub(super) struct Answers {
    pub(super) gallery: String,
    pub(super) site: SiteId,
    pub(super) owner: Option<UserName>,
    pub(super) password: Option<Secret<String>>,
    pub(super) public: Public,
}

impl Answers {
    pub(super) fn gather(init: &Init, output: &mut Output) -> anyhow::Result<Self> {
        let gallery = match &init.gallery {
            Some(gallery) => gallery.display().to_string(),
            None => ask(output, "1. Where are your pictures?", "~/Pictures")?,
        };
        let gallery = folder(&gallery)?;
        let site = match &init.site {
            Some(site) => site.clone(),
            None if init.import.is_some() => "imported".to_owned(),
            None => ask(output, "2. What shall the site be called?", "family")?,
        };
        let site = SiteId::parse(&site).map_err(|e| anyhow!(BadInput(format!("`{site}`: {e}"))))?;
        let owner = match (&init.owner, init.import.is_some()) {
            (Some(owner), _) => Some(user_name(owner)?),
            // who owns what stands in the imported permissions
            (None, true) => None,
            (None, false) => {
                let name = ask(output, "3. Who owns it? A user name:", "me")?;
                Some(user_name(&name)?)
            }
        };
        let secret = match &owner {
            None => None,
            Some(owner) => {
                let secret = ask_password(init.password_stdin)?;
                password::check(&secret, owner)
                    .map_err(|error| anyhow!(BadInput(error.to_string())))?;
                Some(secret)
            }
        };
        let public = match init.public {
            Some(public) => public,
            None if init.import.is_some() => Public::Nobody,
            None => ask_public(output)?,
        };
        Ok(Self { gallery, site, owner, password: secret, public })
    }
}

fn ask_public(output: &mut Output) -> anyhow::Result<Public> {
    let question = "4. Who may see pictures without signing in, nobody or everybody?";
    match ask(output, question, "nobody")?.as_str() {
        "nobody" => Ok(Public::Nobody),
        "everybody" => Ok(Public::Everybody),
        other => Err(anyhow!(BadInput(format!("`{other}` is neither `nobody` nor `everybody`")))),
    }
}

/// Asks on the terminal; Return takes what is proposed.
fn ask(output: &mut Output, question: &str, proposed: &str) -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        let message =
            format!("there is no terminal to ask \"{question}\"; see `vestibule init --help`");
        return Err(anyhow!(BadInput(message)));
    }
    output.note(question);
    let mut stderr = std::io::stderr();
    write!(stderr, "   [{proposed}] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let answer = answer.trim();
    Ok(if answer.is_empty() { proposed.to_owned() } else { answer.to_owned() })
}

/// A folder that is there, as a whole path.
fn folder(text: &str) -> anyhow::Result<String> {
    let path = match (text.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => Path::new(text).to_owned(),
    };
    let whole = path.canonicalize().ok().filter(|path| path.is_dir());
    let whole = whole.ok_or_else(|| anyhow!(BadInput(format!("`{text}` is no folder"))))?;
    whole.to_str().map(str::to_owned).context("the folder's path is not UTF-8")
}
