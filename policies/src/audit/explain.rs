//! Explain: why an answer is what it is, and what would change it.
//!
//! Nothing here is guessed. The roles are those that the admission policies give, the satisfied
//! policies are asked of Cedar one by one, and a change is named only if an engine of the changed
//! documents does give the other answer.

mod edits;
mod fewer;
mod more;
mod otherwise;
mod reasons;
mod remembered;
mod roles;
mod satisfied;
mod way;

use vestibule_schema::{Action, GalleryPath, PathKind, SiteId};

use crate::audit::documents::Documents;
use crate::compile::CompileError;
use crate::context::RequestContext;
use crate::decision::{Decision, Need};
use crate::engine::SiteEngine;
use crate::names::{self, kind};
use crate::principal::Principal;

pub use edits::{Change, Reach};
pub use remembered::Remembered;
pub use roles::{HeldRole, Origin, OriginKind};
pub use satisfied::Question;
pub use way::Step;

/// An answer with everything that led to it.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The site.
    pub site: SiteId,
    /// Who asks, as Cedar writes it: `User::"jane"`.
    pub principal: String,
    /// What is asked: `Action::"view"`.
    pub action: String,
    /// Of what: `Image::"family:/clients/smith/a.jpg"`.
    pub resource: String,
    /// The answer.
    pub decision: Decision,
    /// The roles that the principal holds there.
    pub roles: Vec<HeldRole>,
    /// The site's block and every folder on the way that has rules, the outermost first.
    pub way: Vec<Step>,
    /// Whether the engine remembers the answer, or asks anew each time.
    pub remembered: Remembered,
    /// What Cedar was asked: `view`, `see_hidden` for a hidden image, and the action.
    pub questions: Vec<Question>,
    /// Single changes that give the other answer, the smallest first. Each was tried.
    pub changes: Vec<Change>,
    /// What stands in the way of a denied request, one line each.
    pub reasons: Vec<String>,
}

/// A question about one site.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The rules in force.
    pub engine: &'a SiteEngine,
    /// The documents they come from.
    pub documents: &'a Documents,
    /// What the request says beside who asks for what.
    pub context: &'a RequestContext<'a>,
    /// Who asks.
    pub principal: &'a Principal,
    /// For what.
    pub action: Action,
    /// Where.
    pub path: &'a GalleryPath,
}

impl Asked<'_> {
    /// Whether the path is an image that its folder hides.
    pub(crate) fn is_hidden_image(&self) -> bool {
        let rules = self.engine.folders().get(&self.path.folder());
        self.path.kind() == PathKind::Image
            && rules
                .zip(self.path.name())
                .is_some_and(|(rules, name)| rules.hidden_images.contains(name))
    }

    /// Every action that the answer needs.
    pub(crate) fn needed(&self) -> Vec<Action> {
        let mut needed = vec![Action::View];
        if self.is_hidden_image() {
            needed.push(Action::SeeHidden);
        }
        if !needed.contains(&self.action) {
            needed.push(self.action);
        }
        needed
    }
}

/// Explains the answer to one question.
///
/// # Errors
/// If Cedar can't read what was generated: a defect of this crate.
pub fn explain(asked: &Asked<'_>) -> Result<Explanation, CompileError> {
    let Asked { engine, principal, action, path, .. } = *asked;
    // only the folders on the way can have a say
    let mut folders = (**engine.folders()).clone();
    folders.retain(|folder, _| path.is_within(folder));
    let engine = &engine.varied((**engine.model()).clone(), folders, engine.stored().clone());
    let asked = Asked { engine, ..*asked };
    let held = engine.held_at(principal, path)?;
    let decision = engine.on(asked.context).decide(principal, Need::one(action), path);
    let questions = satisfied::questions(&asked)?;
    let way = way::steps(&asked, &held);
    let changes = edits::flipping(&asked, &held, decision.is_allow());
    let uid = |kind, id: &str| engine.vocabulary().uid(kind, id).map(|uid| uid.to_string());
    let site = engine.id();
    let resource_kind = match path.kind() {
        PathKind::Folder => kind::FOLDER,
        PathKind::Image => kind::IMAGE,
    };
    Ok(Explanation {
        site: site.clone(),
        principal: match principal.as_user() {
            None => uid(kind::VISITOR, "")?,
            Some(user) => uid(kind::USER, user.name.as_str())?,
        },
        action: uid(kind::ACTION, action.name())?,
        resource: uid(resource_kind, &names::resource(site, path.as_str()))?,
        roles: roles::held(&asked, &held)?,
        remembered: Remembered::of(&asked),
        reasons: match &decision {
            Decision::Allow(_) => Vec::new(),
            Decision::Deny(denial) => reasons::of_denial(&asked, &held, (&way, &questions), denial),
        },
        questions,
        decision,
        way,
        changes,
    })
}
