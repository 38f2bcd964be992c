//! [`Judge`]: the questions of one request, with what it says beside who asks for what.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use vestibule_schema::{Action, GalleryPath, PermissionSet};

use super::admit::Admitted;
use super::custom::Exact;
use super::lent::Borne;
use super::mask::Verdict;
use super::{Fault, Place, SiteEngine, hot};
use crate::cited::{Cited, Deciding, Ground};
use crate::context::RequestContext;
use crate::decision::{
    Decision, Denial, Denied, Missing, Need, Permit, Permitted, PlacePermissions,
};
use crate::principal::Principal;

/// Answers the questions of one request.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'e> {
    engine: &'e SiteEngine,
    context: Option<&'e RequestContext<'e>>,
}

/// How much of what lies beneath a folder is looked at for a listing.
#[derive(Debug, Clone, Copy)]
pub struct InView {
    /// So many levels at most.
    pub levels: usize,
    /// No level that would make it more places than these, but for the first.
    pub places: usize,
}

/// Whose question, about what, and the roles that count there.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Without the shares that they opened.
    pub(super) principal: &'a Principal,
    pub(super) place: &'a Place<'a>,
    pub(super) admitted: &'a Admitted,
}

/// What a question comes to, and the policies that decided.
pub(super) type Weighed = (Result<Action, Missing>, Arc<[Deciding]>);

/// The action that is allowed, or what is missing for it, and the policies that decided.
pub(super) fn weigh<'v>(
    is_hidden: bool,
    need: Need,
    verdict: impl Fn(Action) -> Result<Cow<'v, Verdict>, Fault>,
) -> Result<Weighed, Fault> {
    let hidden = is_hidden.then_some(Action::SeeHidden);
    for action in std::iter::once(Action::View).chain(hidden) {
        let verdict = verdict(action)?;
        if !verdict.allowed {
            return Ok((Err(Missing::View), Arc::clone(&verdict.deciding)));
        }
    }
    for action in need.actions() {
        let verdict = verdict(action)?;
        if verdict.allowed {
            return Ok((Ok(action), Arc::clone(&verdict.deciding)));
        }
    }
    let verdict = verdict(need.named())?;
    Ok((Err(Missing::Action(need.named())), Arc::clone(&verdict.deciding)))
}

impl<'e> Judge<'e> {
    pub(super) fn new(engine: &'e SiteEngine, context: Option<&'e RequestContext<'e>>) -> Self {
        Self { engine, context }
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &'e SiteEngine {
        self.engine
    }

    pub(super) fn context(&self) -> Option<&'e RequestContext<'e>> {
        self.context
    }

    /// Decides: `view`, and the need. An error while deciding is a denial.
    #[must_use]
    pub fn decide(&self, principal: &Principal, need: Need, path: &GalleryPath) -> Decision {
        let custom = &self.engine.model.custom;
        let asks_anew = custom.reads_context_for(Action::View)
            || custom.reads_context_for(Action::SeeHidden)
            || need.actions().any(|action| custom.reads_context_for(action));
        if asks_anew {
            let decision = self.try_decide(principal, need, path);
            return decision.unwrap_or_else(|fault| self.engine.denied_by(&fault));
        }
        hot::remembered(self.engine.serial, principal, need, path, || {
            self.try_decide(principal, need, path)
        })
        .unwrap_or_else(|fault| self.engine.denied_by(&fault))
    }

    fn try_decide(
        &self,
        principal: &Principal,
        need: Need,
        path: &GalleryPath,
    ) -> Result<Decision, Fault> {
        let engine = self.engine;
        let admitted = engine.admission(principal, path)?;
        let place = engine.place_at(admitted.mark(), path);
        let asked = Asked { principal: principal.own(), place: &place, admitted: &admitted };
        let own = weigh(place.variant.is_hidden(), need, |action| self.verdict(asked, action))?;
        let ((outcome, deciding), share) = match principal {
            Principal::Visitor | Principal::User(_) => (own, None),
            Principal::Bearer(bearer) => {
                self.weigh_with_shares(asked, bearer.shares(), (need, own))?
            }
        };
        let ground: Arc<dyn Ground> = match principal {
            Principal::Visitor | Principal::User(_) => admitted,
            Principal::Bearer(_) => Arc::new(Borne { principal: principal.clone(), admitted }),
        };
        let (generation, cited) = (engine.generation, Cited::new(deciding));
        Ok(match outcome {
            Ok(action) => {
                let path = path.clone();
                let permitted = Permitted { ground, action, path, generation, cited, share };
                Decision::Allow(Permit(Arc::new(permitted)))
            }
            Err(missing) => {
                let cited = Some((ground, cited));
                let denied = Denied { missing, cited, generation, fault: None };
                Decision::Deny(Denial(Arc::new(denied)))
            }
        })
    }

    /// One action's answer: by the mask of the roles; where a hand-written policy may change it,
    /// by the principal's own; where one reads the context, anew.
    pub(super) fn verdict<'a>(
        &self,
        asked: Asked<'a>,
        action: Action,
    ) -> Result<Cow<'a, Verdict>, Fault> {
        let engine = self.engine;
        let custom = &engine.model.custom;
        if !custom.affects(action) {
            let mask = engine.mask(asked.principal, asked.place, asked.admitted)?;
            return engine.verdict(mask, action).map(Cow::Borrowed);
        }
        let own = asked.admitted.own_answers(asked.place.variant);
        let own = own.filter(|_| !custom.reads_context_for(action));
        if let Some(verdict) = own.and_then(|own| own.verdict(action)) {
            return Ok(Cow::Borrowed(verdict));
        }
        let Asked { principal, place, .. } = asked;
        let verdict =
            engine.judge_exactly(Exact { principal, context: self.context, place, action })?;
        match own {
            Some(own) => own.keep(action, verdict).map(Cow::Borrowed),
            None => Ok(Cow::Owned(verdict)),
        }
    }

    /// All that the principal may do with a folder or image; nothing if that can't be decided. Of
    /// a folder only what also holds for its images: listings and ZIPs are held to it.
    #[must_use]
    pub fn permissions(&self, principal: &Principal, path: &GalleryPath) -> PermissionSet {
        self.all_permissions(principal, path).unwrap_or_default()
    }

    fn all_permissions(
        &self,
        principal: &Principal,
        path: &GalleryPath,
    ) -> Result<PermissionSet, Fault> {
        let set = self.try_permissions(principal, &self.engine.place(path))?;
        if self.engine.model.custom.is_empty() || !path.is_folder() {
            return Ok(set);
        }
        let inside = self.try_permissions(principal, &self.engine.image_in(path))?;
        Ok(set.intersection(inside))
    }

    pub(super) fn try_permissions(
        &self,
        principal: &Principal,
        place: &Place<'_>,
    ) -> Result<PermissionSet, Fault> {
        let admitted = self.engine.admission(principal, place.path)?;
        let asked = Asked { principal: principal.own(), place, admitted: &admitted };
        let mut set = self.own_permissions(asked)?;
        for share in principal.shares() {
            set = set.union(self.lent_permissions(share, asked)?);
        }
        Ok(set)
    }

    fn own_permissions(&self, asked: Asked<'_>) -> Result<PermissionSet, Fault> {
        let engine = self.engine;
        let Asked { principal, place, admitted } = asked;
        let mask = engine.mask(principal, place, admitted)?;
        let is_generated = engine.model.custom.is_empty();
        if is_generated && let Some(set) = mask.answers.whole() {
            return Ok(set);
        }
        let mut set = engine.all_verdicts(mask)?;
        for action in Action::ALL.iter().filter(|action| engine.model.custom.affects(**action)) {
            // what can't be decided is denied, and nothing else
            let allowed = self.verdict(asked, *action).is_ok_and(|verdict| verdict.allowed);
            set = if allowed { set.with_action(*action) } else { set.without_action(*action) };
        }
        let hidden = place.variant.is_hidden() && !set.allows(Action::SeeHidden);
        if hidden || !set.allows(Action::View) {
            set = PermissionSet::EMPTY;
        }
        Ok(if is_generated { mask.answers.remember(set) } else { set })
    }

    /// Every folder below this one that has rules of its own, with what the principal may do
    /// there, sorted by path.
    #[must_use]
    pub fn below(&self, principal: &Principal, folder: &GalleryPath) -> Vec<PlacePermissions> {
        self.below_to(principal, folder, usize::MAX)
    }

    /// The same, as many levels deep as there are not too many places, but one level at least:
    /// what a listing may show. With the number of levels.
    #[must_use]
    pub fn below_in_view(
        &self,
        principal: &Principal,
        folder: &GalleryPath,
        most: InView,
    ) -> (Vec<PlacePermissions>, usize) {
        let mut counts = vec![0_usize; most.levels.max(1)];
        for place in self.engine.index.below(folder) {
            let level = place.levels_below(folder);
            counts.iter_mut().skip(level.saturating_sub(1)).for_each(|count| *count += 1);
        }
        let fitting = counts.iter().take_while(|count| **count <= most.places).count();
        let levels = fitting.max(1);
        (self.below_to(principal, folder, levels), levels)
    }

    fn below_to(
        &self,
        principal: &Principal,
        folder: &GalleryPath,
        levels: usize,
    ) -> Vec<PlacePermissions> {
        let near = |place: &&GalleryPath| place.levels_below(folder) <= levels;
        // where a scope begins there is more; less only where a policy forbids it by role
        let scoped = match self.engine.model.custom.is_empty() {
            true => Vec::new(),
            false => self.engine.scopes_of(principal),
        };
        let scoped = scoped.iter().filter(|base| base.is_within(folder) && *base != folder);
        let marked = self.engine.index.below(folder);
        let places: BTreeSet<&GalleryPath> = marked.chain(scoped).filter(near).collect();
        let judged = |folder: &GalleryPath| PlacePermissions {
            folder: folder.clone(),
            permissions: self.permissions(principal, folder),
            rules: self.engine.own_rules(folder),
        };
        places.into_iter().map(judged).collect()
    }

    /// The topmost folders that the principal may view: for most the root alone.
    #[must_use]
    pub fn entrances(&self, principal: &Principal) -> Arc<[GalleryPath]> {
        let keeps = !self.engine.reads_context();
        if let Some(known) = self.engine.entrances.get(principal).filter(|_| keeps) {
            return known;
        }
        let (entrances, is_certain) = self.find_entrances(principal);
        let entrances: Arc<[GalleryPath]> = entrances.into();
        if keeps && is_certain {
            self.engine.entrances.insert(principal.clone(), Arc::clone(&entrances));
        }
        entrances
    }

    /// With whether every folder could be judged; one that can't is none.
    fn find_entrances(&self, principal: &Principal) -> (Vec<GalleryPath>, bool) {
        let mut is_certain = true;
        let root = GalleryPath::root();
        let mut entrances: Vec<GalleryPath> = Vec::new();
        let mut scoped = self.engine.scoped_bases(principal);
        let shared = principal.shares().iter().filter(|share| self.engine.lends(share));
        scoped.extend(shared.map(|share| share.path.clone()).filter(GalleryPath::is_folder));
        let candidates = std::iter::once(&root).chain(self.engine.index.marked());
        let mut candidates: Vec<&GalleryPath> = candidates.chain(&scoped).collect();
        candidates.sort();
        for folder in candidates {
            // what is below one follows it at once, in this order
            if entrances.last().is_some_and(|entrance| folder.is_within(entrance)) {
                continue;
            }
            match self.all_permissions(principal, folder) {
                Ok(set) if set.allows(Action::View) => entrances.push(folder.clone()),
                Ok(_) => {}
                Err(_) => is_certain = false,
            }
        }
        (entrances, is_certain)
    }

    /// Whether a folder may be listed to the principal: it and those above it are not hidden, or
    /// the principal sees hidden ones there.
    #[must_use]
    pub fn lists(&self, principal: &Principal, folder: &GalleryPath) -> bool {
        let mut way = Some(folder.clone());
        while let Some(step) = way {
            let is_hidden = self.engine.folders.get(&step).is_some_and(|rules| rules.hidden);
            if is_hidden && !self.permissions(principal, &step).allows(Action::SeeHidden) {
                return false;
            }
            way = step.parent();
        }
        true
    }
}
