//! The gateway under test: its configuration, an account, and a session as a browser gets one.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use super::children::{Running, local};
use super::client::Client;
use crate::sites::Site;

const USER: &str = "reader";
/// Protects nothing: the account lives as long as the run.
const PASSWORD: &str = "benchmark-run-without-secrets";
const SIGN_IN: &str = "/_vestibule/sign-in";

/// Starts the gateway in front of `upstream`, with a site of so many folder blocks.
pub(super) fn start(
    name: &'static str,
    site: &Site,
    (port, upstream): (u16, u16),
    work: &Path,
) -> anyhow::Result<Running> {
    let config = work.join("config");
    configure(&config, site, (port, upstream))?;
    let program = beside("vestibule")?;
    add_user(&program, &config)?;
    let mut command = Command::new(&program);
    command.arg("serve").arg("--config").arg(&config).env("VESTIBULE_LOG", "warn");
    let mut running = Running::start(name, &mut command, work)?;
    running.wait_for(port)?;
    Ok(running)
}

/// A program of the same build as this one.
pub(super) fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("where this program is")?;
    let program = own.with_file_name(name);
    if !program.is_file() {
        bail!(
            "`{}` is missing; build it: cargo build --release -p vestibule -p vestibule-benchmarks",
            program.display()
        );
    }
    Ok(program)
}

/// Signs in through the form; returns the session's cookie.
pub(super) fn sign_in(port: u16) -> anyhow::Result<String> {
    let mut client = Client::connect(port)?;
    let page = client.exchange(&client.get_request(SIGN_IN, "a=1"))?;
    let cookie = cookie(&page.set_cookies, "vestibule-form").context("the form sets no cookie")?;
    let body = String::from_utf8_lossy(&page.body);
    let token = value_of(&body, "form_token").context("the form has no token")?;
    // a name, a phrase and a token of letters, digits and `-` need no encoding
    let form = format!("form_token={token}&name={USER}&password={PASSWORD}");
    let answer = client.post(SIGN_IN, &cookie, &form)?;
    let session = self::cookie(&answer.set_cookies, "vestibule");
    session.with_context(|| {
        format!("status {}: {}", answer.status, String::from_utf8_lossy(&answer.body))
    })
}

fn configure(config: &Path, site: &Site, (port, upstream): (u16, u16)) -> anyhow::Result<()> {
    let folder = config.join("config.d/sites/bench");
    fs::create_dir_all(&folder).context("the configuration")?;
    let (listen, upstream) = (local(port), local(upstream));
    let files = [
        (config.join("vestibule.toml"), format!("listen = [\"{listen}\"]\nthreads = 1\n")),
        (
            folder.join("site.toml"),
            format!(
                "hosts = [\"127.0.0.1\"]\nupstream = [\"http://{upstream}\"]\n\
                 adapter = \"vestibule\"\ngallery = \"gallery\"\n"
            ),
        ),
        (folder.join("permissions.toml"), site.permissions.clone()),
    ];
    for (path, text) in files {
        fs::write(&path, text).with_context(|| format!("`{}`", path.display()))?;
    }
    let gallery = config.join("gallery");
    fs::create_dir(&gallery).with_context(|| format!("`{}`", gallery.display()))?;
    site.write_gallery(&gallery)
}

fn add_user(program: &Path, config: &Path) -> anyhow::Result<()> {
    let mut child = Command::new(program)
        .args(["users", "add", USER, "--password-stdin", "--config"])
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("can't start `vestibule users add`")?;
    if let Some(mut input) = child.stdin.take() {
        writeln!(input, "{PASSWORD}").context("`vestibule users add`")?;
    }
    let output = child.wait_with_output().context("`vestibule users add`")?;
    if !output.status.success() {
        bail!("`vestibule users add`: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// `name=value` of a cookie that is set to something.
fn cookie(set: &[String], name: &str) -> Option<String> {
    let pairs = set.iter().filter_map(|cookie| cookie.split(';').next());
    let is_wanted = |pair: &&str| {
        pair.split_once('=').is_some_and(|(key, value)| key == name && !value.is_empty())
    };
    pairs.into_iter().find(is_wanted).map(str::to_owned)
}

/// The value of a field of a form.
fn value_of<'p>(page: &'p str, field: &str) -> Option<&'p str> {
    let (_, after) = page.split_once(&format!("name=\"{field}\""))?;
    let (_, value) = after.split_once("value=\"")?;
    value.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_token_and_the_cookie() {
        let page = r#"<input type="hidden" name="form_token" value="abc-1"><input name="x">"#;
        assert_eq!(value_of(page, "form_token"), Some("abc-1"));
        assert_eq!(value_of(page, "other"), None);
        let set = ["vestibule-form=; Max-Age=0".to_owned(), "vestibule=t; Path=/".to_owned()];
        assert_eq!(cookie(&set, "vestibule").as_deref(), Some("vestibule=t"));
        assert_eq!(cookie(&set, "vestibule-form"), None);
    }
}
