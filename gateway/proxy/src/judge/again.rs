//! The same question, asked again while its answer is still under way.

use std::collections::HashMap;
use std::sync::Arc;

use vestibule_adapters::{Ask, Span};
use vestibule_policies::engine::Judge;
use vestibule_policies::{Decision, Principal};
use vestibule_schema::{GalleryPath, PermissionSet};

use super::Question;

/// What a permit reaches, and by which rules.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    world: u64,
    principal: Principal,
    /// Of an answer that is made of all that lies beneath its folder: an archive. None for any
    /// other, or if it is the same as before.
    beneath: Option<Arc<Beneath>>,
}

/// What may be done in a folder and beneath it.
#[derive(Debug)]
struct Beneath {
    here: PermissionSet,
    below: HashMap<GalleryPath, PermissionSet>,
}

impl Question<'_> {
    /// What the permit for an archive reaches: its grant says so, whatever the rules say by the
    /// time that the server makes it.
    pub(super) fn archived(&self, judge: Judge<'_>, ask: &Ask) -> Option<Reach> {
        (ask.span == Span::Tree).then(|| Reach {
            world: self.world.serial(),
            principal: self.principal.clone(),
            beneath: Some(Arc::new(self.beneath(judge, ask))),
        })
    }

    fn beneath(&self, judge: Judge<'_>, ask: &Ask) -> Beneath {
        let below = judge.below(self.principal, &ask.path).into_iter();
        Beneath {
            here: judge.permissions(self.principal, &ask.path),
            below: below.map(|place| (place.folder, place.permissions)).collect(),
        }
    }

    /// What is reached now; none if the request would be refused.
    pub(crate) fn reach(mut self, ask: &Ask, before: Option<&Reach>) -> Option<Reach> {
        self.refresh(ask).ok()?;
        let world = Arc::clone(&self.world);
        let engine = world.engine(&self.site.id)?;
        let context = self.context();
        let judge = engine.on(&context);
        let Decision::Allow(permit) = self.ask_engine(judge, ask) else { return None };
        let is_same = before.is_some_and(|before| {
            before.world == world.serial() && before.principal == *self.principal
        });
        if is_same && !engine.reads_context() {
            // all the rest would be answered as it was
            let principal = self.principal.clone();
            return Some(Reach { world: world.serial(), principal, beneath: None });
        }
        // what is being moved away is no longer where it was
        let is_leaving = ask.write.as_ref().is_some_and(|write| write.removes);
        if !is_leaving && self.ask_the_rest(judge, &permit, ask).is_err() {
            return None;
        }
        // a folder may have a hundred thousand rules beneath: they are not asked for again while
        // the answer can't be another
        let is_looked_at = ask.span == Span::Tree && (!is_same || engine.reads_context());
        let beneath = is_looked_at.then(|| Arc::new(self.beneath(judge, ask)));
        Some(Reach { world: world.serial(), principal: self.principal.clone(), beneath })
    }
}

impl Reach {
    /// The same, looked at once more; none if anything that was reached no longer is.
    pub(crate) fn still(self, now: Self) -> Option<Self> {
        let is_kept = match (&self.beneath, &now.beneath) {
            (Some(before), Some(now)) => before.is_within(now),
            (Some(_), None) | (None, _) => true,
        };
        is_kept.then_some(Self { beneath: self.beneath, ..now })
    }
}

impl Beneath {
    /// Whether everything that this reached is still reached.
    fn is_within(&self, now: &Self) -> bool {
        let is_kept = |before: PermissionSet, now| before.intersection(now) == before;
        let mut places = self.below.keys().chain(now.below.keys());
        is_kept(self.here, now.here) && places.all(|place| is_kept(self.at(place), now.at(place)))
    }

    /// What may be done at a place: as at the nearest folder above it that has rules.
    fn at(&self, place: &GalleryPath) -> PermissionSet {
        let mut folder = Some(place.clone());
        while let Some(path) = folder {
            if let Some(permissions) = self.below.get(&path) {
                return *permissions;
            }
            folder = path.parent();
        }
        self.here
    }
}

#[cfg(test)]
mod tests {
    use vestibule_schema::Action;

    use super::*;

    fn reach(here: &[Action], below: &[(&str, &[Action])]) -> Beneath {
        let set = |actions: &[Action]| {
            actions.iter().fold(PermissionSet::EMPTY, |set, action| set.with_action(*action))
        };
        let below = below
            .iter()
            .map(|(folder, actions)| (GalleryPath::from_decoded(folder).unwrap(), set(actions)));
        Beneath { here: set(here), below: below.collect() }
    }

    /// S74: an archive ends when anything in it is closed, not when anything is opened.
    #[test]
    fn what_is_reached_must_stay() {
        let both: &[Action] = &[Action::View, Action::DownloadOriginal];
        let before = reach(both, &[("/a/b/", &[Action::View]), ("/c/", &[])]);
        assert!(before.is_within(&before));
        let opened = reach(both, &[("/a/b/", both)]);
        assert!(before.is_within(&opened));
        // a folder that has got rules of its own
        let closed = reach(both, &[("/a/b/", &[Action::View]), ("/a/", &[]), ("/c/", &[])]);
        assert!(!before.is_within(&closed));
        let less = reach(&[Action::View], &[("/a/b/", &[Action::View]), ("/c/", &[])]);
        assert!(!before.is_within(&less));
        let below = reach(both, &[("/a/b/", &[]), ("/c/", &[])]);
        assert!(!before.is_within(&below));
        // what lay closed and lies closed by the folder above it is no difference
        let merged = reach(&[], &[]);
        assert!(reach(&[], &[("/c/", &[])]).is_within(&merged));
    }
}
