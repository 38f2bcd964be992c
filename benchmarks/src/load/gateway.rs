//! The gateway under test: its configuration, an account, and a session as a browser gets one.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use super::children::{Running, local};
use super::client::{Answer, Client};
use crate::sites::Site;

const SITE: &str = "bench";
/// Who reads.
const READER: &str = "reader";
/// How many others have accounts.
pub(super) const OTHERS: u32 = 8;
/// Protects nothing: the account lives as long as the run.
const PASSWORD: &str = "benchmark-run-without-secrets";
const SIGN_IN: &str = "/_vestibule/sign-in";

/// How many threads serve requests.
#[derive(Debug, Clone, Copy)]
pub(super) enum Threads {
    /// One, as the others that it is compared with have.
    One,
    /// As many as a gateway has that nobody configured.
    AsShipped,
}

/// Starts the gateway in front of `upstream`, with a site of so many folder blocks.
pub(super) fn start(
    program: &Path,
    threads: Threads,
    site: &Site,
    (port, upstream): (u16, u16),
    work: &Path,
) -> anyhow::Result<Running> {
    let config = work.join("config");
    configure(&config, threads, site, (port, upstream))?;
    add_user(program, &config, READER)?;
    if let Threads::AsShipped = threads {
        (0..OTHERS).try_for_each(|number| add_user(program, &config, &other(number)))?;
    }
    let mut command = Command::new(program);
    command.arg("serve").arg("--config").arg(&config).env("VESTIBULE_LOG", "warn");
    let mut running = Running::start("vestibule", &mut command, work)?;
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

/// How many redirects the way from the portal to the site has at the most.
const MAX_STEPS: usize = 6;

/// The form of the sign-in page, filled in, and the cookie that goes with it.
#[derive(Debug, Clone)]
pub(super) struct Form {
    cookie: String,
    text: String,
}

impl Form {
    /// Fetches it.
    pub(super) fn fetch(client: &mut Client, name: &str) -> anyhow::Result<Self> {
        let page = client.exchange(&client.get_request(SIGN_IN, "a=1"))?;
        let cookie = cookie(&page.set_cookies, "vestibule-form");
        let cookie = cookie.context("the form sets no cookie")?;
        let body = String::from_utf8_lossy(&page.body);
        let token = value_of(&body, "form_token").context("the form has no token")?;
        // a name, a phrase and a token of letters, digits and `-` need no encoding
        let text = format!("form_token={token}&name={name}&password={PASSWORD}");
        Ok(Self { cookie, text })
    }

    /// Sends it.
    pub(super) fn send(&self, client: &mut Client) -> anyhow::Result<Answer> {
        client.post(SIGN_IN, &self.cookie, &self.text)
    }
}

/// Signs in through the form, and enters the site as a browser does; returns the cookie of the
/// site's session.
pub(super) fn sign_in(port: u16) -> anyhow::Result<String> {
    let mut client = Client::connect(port)?;
    let form = Form::fetch(&mut client, READER)?;
    let answer = form.send(&mut client)?;
    let mut jar = Jar::default();
    jar.keep(&answer.set_cookies);
    let mut target = format!("/_vestibule/enter?site={SITE}");
    for _ in 0..MAX_STEPS {
        let step = client.exchange(&client.get_request(&target, &jar.header()))?;
        jar.keep(&step.set_cookies);
        if let Some(session) = jar.pair(&format!("vestibule.{SITE}")) {
            return Ok(session);
        }
        let origin = format!("http://{}", local(port));
        target = step.location.trim_start_matches(&origin).to_owned();
        if !target.starts_with('/') {
            bail!("status {}: {}", step.status, String::from_utf8_lossy(&step.body));
        }
    }
    bail!("signing in leads nowhere: {}", String::from_utf8_lossy(&answer.body))
}

/// The cookies of a browser.
#[derive(Debug, Default)]
struct Jar(BTreeMap<String, String>);

impl Jar {
    fn keep(&mut self, set: &[String]) {
        for cookie in set {
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// `name=value`, if it is set to something.
    fn pair(&self, name: &str) -> Option<String> {
        let value = self.0.get(name).filter(|value| !value.is_empty())?;
        Some(format!("{name}={value}"))
    }

    fn header(&self) -> String {
        self.0.keys().filter_map(|name| self.pair(name)).collect::<Vec<_>>().join("; ")
    }
}

fn configure(
    config: &Path,
    threads: Threads,
    site: &Site,
    (port, upstream): (u16, u16),
) -> anyhow::Result<()> {
    let folder = config.join("config.d/sites").join(SITE);
    fs::create_dir_all(&folder).context("the configuration")?;
    let (listen, upstream) = (local(port), local(upstream));
    let threads = match threads {
        Threads::One => "threads = 1\n",
        Threads::AsShipped => "",
    };
    let files = [
        (
            config.join("vestibule.toml"),
            format!("listen = [\"{listen}\"]\ntrusted_proxies = [\"127.0.0.1\"]\n{threads}"),
        ),
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

/// The name of one of the others.
pub(super) fn other(number: u32) -> String {
    format!("other-{}", number % OTHERS)
}

fn add_user(program: &Path, config: &Path, name: &str) -> anyhow::Result<()> {
    let mut child = Command::new(program)
        .args(["users", "add", name, "--password-stdin", "--config"])
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
