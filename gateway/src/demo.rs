//! The demo: a whole gateway in a temporary directory, before a gallery that the program paints.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use vestibule_identity::{Identity, Secret, Settings};
use vestibule_policies::Vocabulary;
use vestibule_sample::GallerySize;
use vestibule_schema::{AccountRole, UserName};
use vestibule_store::NewAccount;

use crate::cli::Output;
use crate::config::Configuration;
use crate::hardened;
use crate::serve;
use crate::state::StateDir;

/// How large the sample pictures are.
pub(crate) use vestibule_sample::GallerySize as Size;

/// The three accounts: name, name for people, password, what they may see.
const ACCOUNTS: [[&str; 4]; 3] = [
    ["olivia", "Olivia", "olivia-demo-password", "the owner: everything, everywhere"],
    ["fred", "Fred", "fred-demo-password", "family: originals, places and dates; /family/ too"],
    ["carla", "Carla", "carla-demo-password", "a client: what visitors see, and /client-smith/"],
];

const PERMISSIONS: &str = include_str!("demo/permissions.toml");

/// Where the sample gallery is kept between runs.
///
/// # Errors
/// If there is neither a home directory nor a cache directory.
pub(crate) fn default_gallery(size: Size) -> anyhow::Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = cache.or_else(home).context(
        "there is no home directory to keep the sample gallery in; name one with `--gallery DIR`",
    )?;
    let name = match size {
        GallerySize::Full => "sample-gallery",
        GallerySize::Small => "sample-gallery-small",
    };
    // another version may paint other pictures
    Ok(cache.join("vestibule").join(format!("{name}-{}", env!("CARGO_PKG_VERSION"))))
}

/// Paints the gallery if need be, runs the gateway until a signal ends it, and cleans up.
///
/// # Errors
/// Whatever keeps it from running.
pub(crate) fn run(
    listen: SocketAddr,
    gallery: &Path,
    size: Size,
    output: &mut Output,
) -> anyhow::Result<()> {
    hardened::against_dumps();
    serve::install_crypto();
    // before minutes are spent on pictures
    std::net::TcpListener::bind(listen).with_context(|| {
        format!("can't listen on {listen}; choose another address: `vestibule demo --listen 127.0.0.1:8081`")
    })?;
    paint(gallery, size, output)?;
    let scratch = tempfile::Builder::new().prefix("vestibule-demo-").tempdir()?;
    write_configuration(scratch.path(), listen, gallery)?;
    let vocabulary = Arc::new(Vocabulary::load()?);
    let configuration = Configuration::load(scratch.path(), &vocabulary).map_err(|problems| {
        output.problems(&problems);
        anyhow!("the demo's own configuration has an error")
    })?;
    make_accounts(&configuration)?;
    let prepared = serve::prepare(configuration, vocabulary, Settings::default())?;
    introduce(listen, output);
    prepared.run()?;
    output.note("ended; nothing is left but the sample gallery");
    Ok(())
}

fn paint(gallery: &Path, size: Size, output: &mut Output) -> anyhow::Result<()> {
    if std::fs::read_dir(gallery).is_ok_and(|mut entries| entries.next().is_some()) {
        return Ok(());
    }
    if let Some(parent) = gallery.parent() {
        std::fs::create_dir_all(parent)
            .with_context(|| format!("`{}` can't be made", parent.display()))?;
    }
    vestibule_sample::write_gallery(gallery, size, &mut |progress| {
        output.progress("painting the sample gallery", progress.done, progress.total);
    })?;
    Ok(())
}

fn write_configuration(dir: &Path, listen: SocketAddr, gallery: &Path) -> anyhow::Result<()> {
    let site = dir.join("config.d/sites/gallery");
    std::fs::create_dir_all(&site)?;
    let gallery = gallery.canonicalize()?;
    let gallery = gallery.to_str().context("the gallery's path is not UTF-8")?;
    let port = listen.port();
    std::fs::write(
        dir.join("vestibule.toml"),
        format!("listen = [\"{listen}\"]\npublic_url = \"http://localhost:{port}\"\n"),
    )?;
    let gallery = toml::Value::from(gallery);
    std::fs::write(
        site.join("site.toml"),
        format!(
            "hosts = [\"localhost\", \"127.0.0.1\"]\nupstream = [\"built-in\"]\n\
             adapter = \"vestibule\"\ngallery = {gallery}\n"
        ),
    )?;
    std::fs::write(site.join("permissions.toml"), PERMISSIONS)?;
    Ok(())
}

fn make_accounts(configuration: &Configuration) -> anyhow::Result<()> {
    let state = StateDir::open(&configuration.gateway.state_dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = state.open_store(&configuration.gateway.store).await?;
        let identity = Identity::open(store, Settings::default()).await?;
        for [name, shown, password, _] in ACCOUNTS {
            let name = UserName::parse(name)?;
            let account = NewAccount::new(name, AccountRole::default()).with_display_name(shown);
            identity.add_user(account, Some(&Secret::new(password.to_owned()))).await?;
        }
        identity.store().close().await;
        anyhow::Ok(())
    })
}

fn introduce(listen: SocketAddr, output: &mut Output) {
    output.line(format!("\n  Vestibule is at http://localhost:{}\n", listen.port()));
    output.line("  Without signing in: the public folders, without places, dates and originals.");
    output.line("  Sign in as");
    for [name, _, password, sees] in ACCOUNTS {
        output.line(format!("    {name:<7} {password:<22} {sees}"));
    }
    output.line("\n  Ctrl-C ends it.\n");
}
