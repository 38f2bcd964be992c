//! Grants for the media backend, and those that were made a moment ago.
//!
//! Signing costs more than everything else the gateway does for a request that it knows. A page
//! asks for the same pictures again and again, so a grant is used for a third of its life. The
//! grant of a folder with thousands of rules beneath takes far longer, and is remembered as well.

use std::hash::{BuildHasher as _, Hash, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use moka::sync::Cache;
use vestibule_adapters::Span;
use vestibule_grant::{Below, Binding, Claims, GrantError, KnownRules, LIFETIME, Subject};
use vestibule_policies::decision::OwnRules;
use vestibule_policies::engine::{InView, Judge};
use vestibule_policies::{Permit, Principal};
use vestibule_schema::GalleryPath;

use crate::world::SiteRuntime;

/// How long a grant is used again.
const REUSE: Duration = Duration::from_secs(LIFETIME.as_secs() / 3);
/// What a listing tells of: sub-folders, and what is in them down to pictures for their cards. More
/// places than these don't fit into a header.
const LISTED: InView = InView { levels: 4, places: 10_000 };
/// How many grants are remembered.
const SLOTS: usize = 4096;
/// Longer grants, those of folders with many rules beneath, are remembered beside them.
const LONG_BYTES: usize = 2048;
/// How many bytes the long ones may take together.
const ALL_LONG_BYTES: u64 = 16 << 20;

/// The grants of a moment ago: a table in which newer ones push out older ones.
#[derive(Debug)]
pub(crate) struct GrantCache {
    hasher: RandomState,
    slots: Box<[Mutex<Option<Remembered>>]>,
    long: Cache<Owned, (SystemTime, HeaderValue)>,
}

/// All that a grant depends on. The world's serial stands for everything that the configuration
/// says: policies, keys, where the site is.
// INVARIANT: equal keys, equal claims: where no policy reads the request's context, the engine is
// a function of world, principal and path.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key<'a> {
    world: u64,
    site: &'a str,
    principal: &'a Principal,
    path: &'a str,
    method: &'a str,
    target: &'a str,
    span: Span,
}

/// The same, to keep.
#[derive(Debug)]
struct Owned {
    world: u64,
    site: Arc<SiteRuntime>,
    principal: Principal,
    path: GalleryPath,
    method: String,
    target: String,
    span: Span,
}

#[derive(Debug)]
struct Remembered {
    key: Owned,
    signed: SystemTime,
    token: HeaderValue,
}

impl Owned {
    fn of(request: &GrantRequest<'_>) -> Self {
        Self {
            world: request.world,
            site: Arc::clone(request.site),
            principal: request.permit.principal().clone(),
            path: request.permit.path().clone(),
            method: request.method.to_owned(),
            target: request.target.to_owned(),
            span: request.span,
        }
    }

    fn key(&self) -> Key<'_> {
        Key {
            world: self.world,
            site: self.site.id.as_str(),
            principal: &self.principal,
            path: self.path.as_str(),
            method: &self.method,
            target: &self.target,
            span: self.span,
        }
    }
}

impl PartialEq for Owned {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Owned {}

impl Hash for Owned {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// The request that a grant is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GrantRequest<'a> {
    pub(crate) permit: &'a Permit,
    pub(crate) site: &'a Arc<SiteRuntime>,
    pub(crate) judge: Judge<'a>,
    pub(crate) world: u64,
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    /// How much of the gallery the answer may show.
    pub(crate) span: Span,
}

impl Default for GrantCache {
    fn default() -> Self {
        let slots = std::iter::repeat_with(|| Mutex::new(None)).take(SLOTS).collect();
        let long = Cache::builder()
            .max_capacity(ALL_LONG_BYTES)
            .weigher(|key: &Owned, (_, token): &(SystemTime, HeaderValue)| {
                let bytes = token.len() + key.target.len() + key.path.as_str().len() + LONG_BYTES;
                u32::try_from(bytes).unwrap_or(u32::MAX)
            })
            .time_to_live(REUSE)
            .build();
        Self { hasher: RandomState::new(), slots, long }
    }
}

impl GrantCache {
    /// The grant of a request, signed now or a moment ago.
    pub(crate) fn token(
        &self,
        request: GrantRequest<'_>,
        now: SystemTime,
    ) -> Result<HeaderValue, GrantError> {
        let key = Key {
            world: request.world,
            site: request.site.id.as_str(),
            principal: request.permit.principal(),
            path: request.permit.path().as_str(),
            method: request.method,
            target: request.target,
            span: request.span,
        };
        if request.judge.engine().reads_context() {
            // what the request's context decides is decided for each request
            return sign(&request, now);
        }
        let slot = self.slot(&key);
        if let Some(token) = slot.and_then(|slot| known(slot, &key, now)) {
            return Ok(token);
        }
        // only a grant that tells of what lies beneath can be long
        if request.span != Span::One {
            let found = self.long.get(&Owned::of(&request));
            if let Some((_, token)) = found.filter(|(signed, _)| is_young(*signed, now)) {
                return Ok(token);
            }
        }
        let token = sign(&request, now)?;
        if token.len() > LONG_BYTES {
            self.long.insert(Owned::of(&request), (now, token.clone()));
        } else if let Some(slot) = slot {
            let key = Owned::of(&request);
            let remembered = Remembered { key, signed: now, token: token.clone() };
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(remembered);
        }
        Ok(token)
    }

    fn slot(&self, key: &Key<'_>) -> Option<&Mutex<Option<Remembered>>> {
        // the target tells most requests apart, and hashing a principal would cost more
        let hash =
            self.hasher.hash_one((key.target, key.principal.user_name().map(|n| n.as_str())));
        let slots = u64::try_from(SLOTS).unwrap_or(1);
        self.slots.get(usize::try_from(hash % slots).unwrap_or_default())
    }
}

fn known(slot: &Mutex<Option<Remembered>>, key: &Key<'_>, now: SystemTime) -> Option<HeaderValue> {
    let slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    let found = slot.as_ref().filter(|found| found.key.key() == *key)?;
    is_young(found.signed, now).then(|| found.token.clone())
}

/// A clock that was set back makes a grant as good as old.
fn is_young(signed: SystemTime, now: SystemTime) -> bool {
    now.duration_since(signed).is_ok_and(|age| age < REUSE)
}

fn sign(request: &GrantRequest<'_>, now: SystemTime) -> Result<HeaderValue, GrantError> {
    let GrantRequest { permit, site, judge, method, target, span, .. } = *request;
    let principal = permit.principal();
    let subject = match principal.user_name() {
        Some(name) => Subject::User { name: name.as_str().to_owned() },
        None => Subject::Visitor,
    };
    // what shows one resource alone needs to know nothing of what lies beneath: whatever has rules
    // there is closed to it
    let (below, reach) = match span {
        Span::One => (Vec::new(), Some(0)),
        Span::Children | Span::Listing => {
            let (below, levels) = judge.below_in_view(principal, permit.path(), LISTED);
            (below, Some(levels))
        }
        Span::Tree => (judge.below(principal, permit.path()), None),
    };
    let below = below.into_iter().map(|place| Below {
        folder: place.folder,
        permissions: place.permissions,
        rules: match place.rules {
            OwnRules::None => KnownRules::None,
            OwnRules::Flags => KnownRules::Flags,
            OwnRules::Block => KnownRules::Block,
        },
    });
    let claims = Claims {
        subject,
        base: site.mount.base().to_owned(),
        permissions: judge.permissions(principal, permit.path()),
        above: judge.engine().judged_by(permit.path()),
        below: below.collect(),
        reach,
        raw_keeps_metadata: site.raw_keeps_metadata,
    };
    let binding = Binding { site: site.id.as_str(), method, target };
    let token = site.grant_key.sign(&binding, &claims, now)?;
    HeaderValue::from_str(&token).map_err(|_| GrantError::Malformed)
}

#[cfg(test)]
mod tests;
