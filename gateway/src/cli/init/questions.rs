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
            Some(gallery) => folder(&gallery.display().to_string())?,
            None => until_good(output, "1. Where are your pictures?", "~/Pictures", folder)?,
        };
        let site = match &init.site {
            Some(name) => site(name)?,
            None if init.import.is_some() => site("imported")?,
            None => until_good(output, "2. What shall the site be called?", "family", site)?,
        };
        let owner = match (&init.owner, init.import.is_some()) {
            (Some(owner), _) => Some(user_name(owner)?),
            // who owns what stands in the imported permissions
            (None, true) => None,
            (None, false) => {
                Some(until_good(output, "3. Who owns it? A user name:", "me", user_name)?)
            }
        };
        let secret = match &owner {
            None => None,
            Some(owner) => Some(new_password(init, owner, output)?),
        };
        let public = match init.public {
            Some(public) => public,
            None if init.import.is_some() => Public::Nobody,
            None => {
                let question = "4. Who may see pictures without signing in, nobody or everybody?";
                until_good(output, question, "nobody", public)?
            }
        };
        Ok(Self { gallery, site, owner, password: secret, public })
    }
}

/// Asks until the answer can be used: one mistake must not cost the answers before it.
fn until_good<T>(
    output: &mut Output,
    question: &str,
    proposed: &str,
    read: impl Fn(&str) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    loop {
        let answer = ask(output, question, proposed)?;
        match read(&answer) {
            Ok(value) => return Ok(value),
            Err(error) => output.note(format!("   {error}")),
        }
    }
}

fn new_password(
    init: &Init,
    owner: &UserName,
    output: &mut Output,
) -> anyhow::Result<Secret<String>> {
    if !init.password_stdin {
        output.note(format!("   A password for `{owner}`, of 8 characters or more"));
    }
    loop {
        let secret = ask_password(init.password_stdin);
        let checked = secret.and_then(|secret| {
            password::check(&secret, owner).map_err(|e| anyhow!(BadInput(e.to_string())))?;
            Ok(secret)
        });
        match checked {
            Err(error) if !init.password_stdin && std::io::stdin().is_terminal() => {
                output.note(format!("   {error}"));
            }
            checked => return checked,
        }
    }
}

fn site(text: &str) -> anyhow::Result<SiteId> {
    SiteId::parse(text).map_err(|error| anyhow!(BadInput(format!("`{text}`: {error}"))))
}

fn public(text: &str) -> anyhow::Result<Public> {
    match text {
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
    if std::io::stdin().lock().read_line(&mut answer)? == 0 {
        return Err(anyhow!(BadInput("the questions were not answered; nothing was made".into())));
    }
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
