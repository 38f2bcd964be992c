//! What a request asks beside its first question: of the place as its server may read it, of the
//! place that it moves something to, and of what lies beneath.

use vestibule_adapters::{Ask, Further, HandOver, Span, Wanted, Write};
use vestibule_policies::decision::Missing;
use vestibule_policies::engine::Judge;
use vestibule_policies::{Decision, Denial, Need, Permit};
use vestibule_schema::{Action, GalleryPath, PermissionSet};

use super::Question;
use crate::gateway::Found;
use crate::refuse::Refusal;

/// What a picture tells of itself, and whether it is seen at all: nobody learns more by moving it.
const SIGHTS: [Action; 7] = [
    Action::SeeHidden,
    Action::SeeAiAnalysis,
    Action::SeeAiAltText,
    Action::SeeExactDates,
    Action::SeeLocation,
    Action::SeeTechnicalDetails,
    Action::SeeVersions,
];

/// Why a request whose first question was granted does not go on.
pub(super) type Held = (Refusal, Option<Denial>);

impl Question<'_> {
    /// Asks all the rest. The permits are those of the further questions.
    pub(super) fn ask_the_rest(
        &self,
        judge: Judge<'_>,
        permit: &Permit,
        ask: &Ask,
    ) -> Result<Vec<Permit>, Held> {
        let found = self.found(&ask.path);
        self.shun_links(ask, found)?;
        let mut permits = Vec::with_capacity(ask.further.len());
        for further in ask.further.iter().filter(|further| is_asked(further, found)) {
            match judge.decide(self.principal, need(further.wanted), &further.path) {
                Decision::Allow(permit) => permits.push(permit),
                Decision::Deny(denial) => {
                    let refusal = self.further_refusal(ask, further, denial.missing());
                    return Err((refusal, Some(denial)));
                }
            }
        }
        if self.site.adapter.hand_over() == HandOver::Nothing {
            let first = std::iter::once((permit, ask.span));
            let asked = ask.further.iter().filter(|further| is_asked(further, found));
            let rest = permits.iter().zip(asked.map(|further| further.span));
            for (permit, span) in first.chain(rest) {
                if !self.may_beneath(judge, permit, span) {
                    // a server that reads no grant would show what lies beneath to anybody
                    return Err((self.missing_view(ask.kind), None));
                }
            }
        }
        match &ask.write {
            Some(write) => self.check_write(judge, ask, write).map(|()| permits),
            None => Ok(permits),
        }
    }

    fn found(&self, path: &GalleryPath) -> Found {
        self.gateway.folders.find(&self.site.id, path)
    }

    /// A server that follows links shows one folder under another's name, and rules.
    fn shun_links(&self, ask: &Ask, found: Found) -> Result<(), Held> {
        let reads_grants = self.site.adapter.hand_over() == HandOver::Grant;
        let target = ask.write.as_ref().and_then(|write| write.target.as_ref());
        let is_link = |path| self.found(path) == Found::Link;
        if reads_grants || !(found == Found::Link || target.is_some_and(|t| is_link(&t.path))) {
            return Ok(());
        }
        Err((self.missing_view(ask.kind), None))
    }

    fn further_refusal(&self, ask: &Ask, further: &Further, missing: Missing) -> Refusal {
        match missing {
            Missing::View => self.missing_view(ask.kind),
            Missing::Action(_) if !self.may_tell(ask, &further.path) => self.missing_view(ask.kind),
            Missing::Action(missing) if self.principal.is_signed_in() => {
                Refusal::Forbidden { missing }
            }
            Missing::Action(_) => Refusal::unauthorized(self.head, &self.site),
        }
    }

    /// Whether it is no secret that there is something at a path: who may see the folder is not
    /// told "forbidden" of what is not there, as a closed folder would be known by the difference.
    /// Where the gateway can't see the gallery, everything is a secret. Where something is made, the
    /// folder that it is made in counts.
    pub(super) fn may_tell(&self, ask: &Ask, path: &GalleryPath) -> bool {
        let exists = |path: &GalleryPath| self.gateway.folders.exists(&self.site.id, path);
        let makes = ask.write.as_ref().is_some_and(|write| {
            let is_target = write
                .target
                .as_ref()
                .is_some_and(|target| target.path.as_folder() == path.as_folder());
            write.creates || is_target
        });
        if makes { path.parent().is_none_or(|parent| exists(&parent)) } else { exists(path) }
    }

    /// Whether another reading of the same place is closed: then what is there is a closed folder.
    pub(super) fn is_closed_folder(&self, judge: Judge<'_>, ask: &Ask) -> bool {
        let makes = ask.write.as_ref().is_some_and(|write| write.creates);
        let same = ask.further.iter().filter(|further| {
            further.path != ask.path && further.path.as_folder() == ask.path.as_folder()
        });
        !makes
            && same.into_iter().any(|further| {
                let decision = judge.decide(self.principal, Need::one(Action::View), &further.path);
                !decision.is_allow()
            })
    }

    /// Whether the permitted action is allowed in every folder beneath, as far as the span goes,
    /// and nothing there is hidden from the principal.
    fn may_beneath(&self, judge: Judge<'_>, permit: &Permit, span: Span) -> bool {
        let folder = permit.path();
        let (levels, action) = match span {
            Span::One => return true,
            Span::Children => (1, Action::View),
            Span::Listing | Span::Tree => (usize::MAX, permit.action()),
        };
        if !folder.is_folder() {
            return true;
        }
        let is_near = |path: &GalleryPath| path.levels_below(folder) <= levels;
        let below = judge.below(self.principal, folder);
        let allowed = below.iter().filter(|place| is_near(&place.folder)).all(|place| {
            [Action::View, action].into_iter().all(|action| place.permissions.allows(action))
        });
        allowed && self.sees_hidden(judge, folder, levels)
    }

    /// Whether nothing in a folder, so many levels deep, is hidden from the principal.
    fn sees_hidden(&self, judge: Judge<'_>, folder: &GalleryPath, levels: usize) -> bool {
        let rules = judge.engine().folders().range(folder.clone()..);
        let mut within = rules.take_while(|(path, _)| path.is_within(folder));
        within.all(|(path, rules)| {
            let level = path.levels_below(folder);
            let hides = (rules.hidden && path != folder && level <= levels)
                || (!rules.hidden_images.is_empty() && level < levels);
            !hides || judge.permissions(self.principal, path).allows(Action::SeeHidden)
        })
    }

    /// What holds for changes beyond the action itself (`permissions.md` 6).
    fn check_write(&self, judge: Judge<'_>, ask: &Ask, write: &Write) -> Result<(), Held> {
        if !self.principal.is_signed_in() {
            return Err((Refusal::unauthorized(self.head, &self.site), None));
        }
        let forbidden = (Refusal::Forbidden { missing: Action::Organize }, None);
        let target = write.target.as_ref().map(|target| &target.path);
        let taken = write.removes.then_some(&ask.path).into_iter().chain(target);
        let has_rules = |path: &GalleryPath| has_rules(judge, path);
        if taken.into_iter().any(has_rules) && !self.owns_site(judge) {
            return Err(forbidden);
        }
        if let Some(target) = target {
            let seen = |path| sights(judge.permissions(self.principal, path));
            let (here, there) = (seen(&ask.path), seen(target));
            if there.intersection(here) != there {
                return Err(forbidden);
            }
        }
        Ok(())
    }

    /// Whether the principal owns the site, whatever its folders say.
    fn owns_site(&self, judge: Judge<'_>) -> bool {
        let held = judge.engine().held_roles(self.principal, &GalleryPath::root());
        held.iter().any(|held| held.role.owner && !held.role.scoped && held.block.folder.is_none())
    }
}

/// Whether the folder at a path, or one below it, has rules of its own: they don't move with it.
fn has_rules(judge: Judge<'_>, path: &GalleryPath) -> bool {
    let folder = path.as_folder();
    let rules = judge.engine().folders().range(folder.clone()..);
    let mut within = rules.take_while(|(path, _)| path.is_within(&folder));
    within.any(|(_, rules)| rules.is_marked())
}

fn sights(set: PermissionSet) -> PermissionSet {
    let seen = SIGHTS.into_iter().filter(|action| set.allows(*action));
    seen.fold(PermissionSet::EMPTY, PermissionSet::with_action)
}

fn need(wanted: Wanted) -> Need {
    match wanted.or {
        Some(or) => Need::either(wanted.first, or),
        None => Need::one(wanted.first),
    }
}

/// Whether a question is put, of a place where this was found.
fn is_asked(further: &Further, found: Found) -> bool {
    !further.unless_folder || found != Found::Folder
}
