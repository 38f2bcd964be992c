//! What a live session keeps in memory: its entry, its principal, and the roles looked up for it.
//! In a process of its own, and without the store, which keeps sessions on disk.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use vestibule_identity::{
    Audience, Authentication, Credentials, Identity, RequestOrigin, Settings,
};
use vestibule_policies::{SiteEngine, Vocabulary};
use vestibule_schema::{AccountRole, UserName};
use vestibule_store::{NewAccount, NewSession, Store, TokenHash, UnixTime};

use super::memory;
use super::subject::{NEED, PICTURE};
use crate::sites::Site;

/// How many sign in, each by an account of their own.
pub(super) const SESSIONS: u32 = 8_000;
/// Folders of the site: everybody asks for one picture of it.
const BLOCKS: usize = 100;

/// In the process of its own: signs in, lets everybody ask once, and prints how many KiB a session
/// takes.
pub(super) fn print(output: &mut impl std::io::Write) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let kibibytes = runtime.block_on(measure())?;
    writeln!(output, "{kibibytes}")?;
    Ok(())
}

async fn measure() -> anyhow::Result<f64> {
    let store = Store::open_in_memory().await?;
    let mut cookies = Vec::new();
    for number in 0..SESSIONS {
        cookies.push(sign_in(&store, number).await?);
    }
    let vocabulary = Arc::new(Vocabulary::load()?);
    let site = Site::with_blocks(BLOCKS)?;
    let folder = site.spread(1).into_iter().next().context("a site without folders")?;
    let image = folder.join(PICTURE, vestibule_schema::PathKind::Image)?;
    let engine = site.check(&vocabulary)?.engine(&vocabulary);
    let identity = Identity::open(store, Settings::default()).await?;
    let (first, others) = cookies.split_first().context("no sessions")?;
    ask(&identity, &engine, first, &image).await?;

    let before = memory::status("VmRSS:")?;
    for cookie in others {
        ask(&identity, &engine, cookie, &image).await?;
    }
    let grown = memory::status("VmRSS:")? - before;
    Ok(grown * 1024.0 / f64::from(SESSIONS - 1))
}

async fn sign_in(store: &Store, number: u32) -> anyhow::Result<String> {
    let now = UnixTime::from_seconds(jiff::Timestamp::now().as_second());
    let name = UserName::parse(&format!("somebody-{number:05}"))?;
    let account = store.accounts().add(NewAccount::new(name, AccountRole::default()), now).await?;
    let bytes: [u8; 32] = Sha256::digest(number.to_le_bytes()).into();
    let session = NewSession {
        token: TokenHash::from_bytes(Sha256::digest(bytes).into()),
        account: account.id,
        revision: account.revision,
        audience: Audience::Portal,
        provider: None,
        second_factor: false,
        proved: Some(now),
        created: now,
        expires: now.plus(std::time::Duration::from_secs(3600)),
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        user_agent: "benchmark".to_owned(),
        client_certificate: None,
    };
    store.sessions().insert(&session).await?;
    Ok(format!("vestibule={}", URL_SAFE_NO_PAD.encode(bytes)))
}

async fn ask(
    identity: &Identity,
    engine: &SiteEngine,
    cookie: &str,
    image: &vestibule_schema::GalleryPath,
) -> anyhow::Result<()> {
    let origin = RequestOrigin::new(false, "localhost", IpAddr::V4(Ipv4Addr::LOCALHOST));
    let credentials = Credentials { cookies: &[cookie], ..Credentials::default() };
    let found = identity.authenticate(&origin, &Audience::Portal, &credentials).await?;
    ensure!(matches!(found, Authentication::SignedIn(_)), "nobody is signed in");
    let principal = found.principal().context("a failed credential")?;
    std::hint::black_box(engine.decide(principal, NEED, image));
    Ok(())
}
