//! The first question of every request: is there a grant for exactly this?

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use moka::sync::Cache;
use ring::digest::{Context, SHA256};
use vestibule_grant::{Binding, Claims, HEADER, KeyRing};
use vestibule_schema::SiteId;

use crate::refusal::Refusal;

/// How long a verified grant is remembered. It adds at most this to a grant's life.
const REMEMBERED: Duration = Duration::from_secs(5);
/// How many bytes of grants are remembered.
const REMEMBERED_BYTES: u64 = 32 * 1024 * 1024;

/// Believes grants, and nothing else.
#[derive(Debug)]
pub(crate) struct Admission {
    site: SiteId,
    keys: KeyRing,
    verified: Cache<[u8; 32], Arc<Claims>>,
}

impl Admission {
    pub(crate) fn new(site: SiteId, keys: KeyRing) -> Self {
        let verified = Cache::builder()
            .max_capacity(REMEMBERED_BYTES)
            .weigher(|_: &[u8; 32], claims: &Arc<Claims>| {
                let paths: usize = claims.below.iter().map(|b| b.folder.as_str().len() + 48).sum();
                u32::try_from(paths + 256).unwrap_or(u32::MAX)
            })
            .time_to_live(REMEMBERED)
            .build();
        Self { site, keys, verified }
    }

    /// The claims of a request's grant.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] without exactly one good grant for this method and target.
    pub(crate) fn admit(
        &self,
        method: &str,
        target: &str,
        headers: &HeaderMap,
    ) -> Result<Arc<Claims>, Refusal> {
        let mut grants = headers.get_all(HEADER).iter();
        let (Some(grant), None) = (grants.next(), grants.next()) else {
            return Err(Refusal::Unauthorized);
        };
        let token = grant.to_str().map_err(|_| Refusal::Unauthorized)?;
        let key = digest(&[token, method, target]);
        if let Some(claims) = self.verified.get(&key) {
            return Ok(claims);
        }
        let binding = Binding { site: self.site.as_str(), method, target };
        let claims = self.keys.verify(token, &binding, SystemTime::now()).map_err(|error| {
            tracing::info!(%error, "refused a request without valid grant");
            Refusal::Unauthorized
        })?;
        let claims = Arc::new(claims);
        self.verified.insert(key, Arc::clone(&claims));
        Ok(claims)
    }
}

/// A digest of texts that no other texts have: each is preceded by its length.
fn digest(parts: &[&str]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part.as_bytes());
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}
