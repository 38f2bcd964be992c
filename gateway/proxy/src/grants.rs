//! Grants for the media backend, and those that were made a moment ago.
//!
//! Signing costs more than everything else the gateway does for a request that it knows. A page
//! asks for the same pictures again and again, so a grant is used for a third of its life.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use vestibule_grant::{Below, Binding, Claims, GrantError, KnownRules, LIFETIME, Subject};
use vestibule_policies::decision::OwnRules;
use vestibule_policies::engine::Judge;
use vestibule_policies::{Permit, Principal};

use crate::world::SiteRuntime;

/// How long a grant is used again.
const REUSE: Duration = Duration::from_secs(LIFETIME.as_secs() / 3);
/// How many grants are remembered.
const SLOTS: usize = 4096;
/// Longer grants, those of folders with thousands of blocks beneath, are not remembered.
const MAX_REMEMBERED_BYTES: usize = 2048;

/// The grants of a moment ago: a table in which newer ones push out older ones.
#[derive(Debug)]
pub(crate) struct GrantCache {
    hasher: RandomState,
    slots: Box<[Mutex<Option<Remembered>>]>,
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
}

#[derive(Debug)]
struct Remembered {
    world: u64,
    site: Arc<SiteRuntime>,
    principal: Principal,
    path: vestibule_schema::GalleryPath,
    method: String,
    target: String,
    signed: SystemTime,
    token: HeaderValue,
}

impl Remembered {
    fn key(&self) -> Key<'_> {
        Key {
            world: self.world,
            site: self.site.id.as_str(),
            principal: &self.principal,
            path: self.path.as_str(),
            method: &self.method,
            target: &self.target,
        }
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
}

impl Default for GrantCache {
    fn default() -> Self {
        let slots = std::iter::repeat_with(|| Mutex::new(None)).take(SLOTS).collect();
        Self { hasher: RandomState::new(), slots }
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
        };
        // what the request's context decides is decided for each request
        let slot = if request.judge.engine().reads_context() { None } else { self.slot(&key) };
        if let Some(token) = slot.and_then(|slot| known(slot, &key, now)) {
            return Ok(token);
        }
        let token = sign(&request, now)?;
        if token.len() <= MAX_REMEMBERED_BYTES
            && let Some(slot) = slot
        {
            let remembered = Remembered {
                world: request.world,
                site: Arc::clone(request.site),
                principal: request.permit.principal().clone(),
                path: request.permit.path().clone(),
                method: request.method.to_owned(),
                target: request.target.to_owned(),
                signed: now,
                token: token.clone(),
            };
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
    let found = slot.as_ref().filter(|found| found.key() == *key)?;
    // a clock that was set back makes the grant as good as old
    let age = now.duration_since(found.signed).ok()?;
    (age < REUSE).then(|| found.token.clone())
}

fn sign(request: &GrantRequest<'_>, now: SystemTime) -> Result<HeaderValue, GrantError> {
    let GrantRequest { permit, site, judge, method, target, .. } = *request;
    let principal = permit.principal();
    let subject = match principal.user_name() {
        Some(name) => Subject::User { name: name.as_str().to_owned() },
        None => Subject::Visitor,
    };
    let below = if permit.path().is_folder() {
        let places = judge.below(principal, permit.path()).into_iter();
        let below = places.map(|place| Below {
            folder: place.folder,
            permissions: place.permissions,
            rules: match place.rules {
                OwnRules::None => KnownRules::None,
                OwnRules::Flags => KnownRules::Flags,
                OwnRules::Block => KnownRules::Block,
            },
        });
        below.collect()
    } else {
        Vec::new()
    };
    let claims = Claims {
        subject,
        base: site.mount.base().to_owned(),
        permissions: judge.permissions(principal, permit.path()),
        above: judge.engine().judged_by(permit.path()),
        below,
        raw_keeps_metadata: site.raw_keeps_metadata,
    };
    let binding = Binding { site: site.id.as_str(), method, target };
    let token = site.grant_key.sign(&binding, &claims, now)?;
    HeaderValue::from_str(&token).map_err(|_| GrantError::Malformed)
}
