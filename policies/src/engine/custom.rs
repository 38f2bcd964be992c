//! Hand-written policies: what they may change is asked of Cedar each time, with everything that
//! they may read.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityUid, PolicySet, Request, Response,
    RestrictedExpression,
};
use vestibule_schema::{Action, GalleryPath, PathKind};

use super::admit::Admitted;
use super::mask::{Variant, Verdict};
use super::slice::{self, Slice};
use super::vocabulary::Vocabulary;
use super::{Fault, Place, SiteEngine};
use crate::cited::{Deciding, Ground as _};
use crate::compile::CompileError;
use crate::context::RequestContext;
use crate::decision::PolicyRef;
use crate::names::{self, kind};
use crate::principal::Principal;

fn fault(error: &impl ToString) -> Fault {
    CompileError::Entity(error.to_string())
}

/// A question about one action, with everything that a hand-written policy may read.
#[derive(Clone, Copy)]
pub(super) struct Exact<'a> {
    pub(super) principal: &'a Principal,
    pub(super) context: Option<&'a RequestContext<'a>>,
    pub(super) place: &'a Place<'a>,
    pub(super) action: Action,
}

impl SiteEngine {
    /// An image that stands for those of a folder: none has a rule of its own that a hand-written
    /// policy could see.
    pub(super) fn image_in<'p>(&self, folder: &'p GalleryPath) -> Place<'p> {
        Place { variant: Variant::Image, ..self.place(folder) }
    }

    /// Cedar's answer over the slice and the hand-written policies, with the principal as it is,
    /// the resource as it is, and the request's context.
    pub(super) fn judge_exactly(&self, exact: Exact<'_>) -> Result<Verdict, Fault> {
        let slice = self.slice(exact.place.mark)?;
        let set = self.set_with_custom(&slice, exact.action)?;
        let response = self.respond(&set, exact, (&slice, None))?;
        // a policy that can't be judged is skipped by Cedar; here it denies
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(fault(&error));
        }
        let mut deciding = slice.deciding(&response);
        let reasons: HashSet<_> = response.diagnostics().reason().collect();
        let custom = self.model.custom.policies.iter();
        let custom = custom.filter(|one| reasons.contains(one.policy.id()));
        deciding.extend(custom.map(|one| Deciding::Known(one.reference.clone())));
        Ok(Verdict {
            allowed: response.decision() == cedar_policy::Decision::Allow,
            deciding: deciding.into(),
        })
    }

    /// The hand-written policies that forbid something to somebody, who holds a lent role beside
    /// their own.
    pub(super) fn forbidden_by_hand(
        &self,
        exact: Exact<'_>,
        lent: Option<String>,
    ) -> Result<Vec<PolicyRef>, Fault> {
        let slice = self.slice(exact.place.mark)?;
        let custom = self.model.custom.policies.iter();
        let forbids: Vec<_> =
            custom.filter(|one| one.forbids() && one.actions.has(exact.action)).collect();
        let set = PolicySet::from_policies(forbids.iter().map(|one| one.policy.clone()));
        let set = set.map_err(|error| fault(&error))?;
        let response = self.respond(&set, exact, (&slice, lent))?;
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(fault(&error));
        }
        let reasons: HashSet<_> = response.diagnostics().reason().collect();
        let found = forbids.into_iter().filter(|one| reasons.contains(one.policy.id()));
        Ok(found.map(|one| one.reference.clone()).collect())
    }

    /// Asks over any set of policies, for what the index and the cache are held to.
    pub(crate) fn ask_over(
        &self,
        set: &PolicySet,
        (principal, context): (&Principal, Option<&RequestContext<'_>>),
        action: Action,
        path: &GalleryPath,
    ) -> Result<Response, Fault> {
        let place = self.place(path);
        let slice = self.slice(place.mark)?;
        self.respond(set, Exact { principal, context, place: &place, action }, (&slice, None))
    }

    fn respond(
        &self,
        set: &PolicySet,
        exact: Exact<'_>,
        around: (&Slice, Option<String>),
    ) -> Result<Response, Fault> {
        let (asker, resource, mut entities) =
            self.exact_entities(exact.principal, exact.place, around)?;
        let asked = self.vocabulary.action(exact.action)?;
        entities.push(asked.clone());
        let entities = Entities::from_entities(entities, None).map_err(|error| fault(&error))?;
        let context = match exact.context {
            Some(context) => self.cedar_context(context)?,
            None => Context::empty(),
        };
        let request = Request::new(asker, asked.uid(), resource, context, None)
            .map_err(|error| fault(&error))?;
        Ok(Authorizer::new().is_authorized(&request, set, &entities))
    }

    fn set_with_custom(&self, slice: &Slice, action: Action) -> Result<PolicySet, Fault> {
        let mut set = slice.set(action)?.clone();
        for one in self.model.custom.policies.iter().filter(|one| one.actions.has(action)) {
            set.add(one.policy.clone()).map_err(|error| fault(&error))?;
        }
        Ok(set)
    }

    /// The principal with roles, groups and data; the resource with every folder above it.
    fn exact_entities(
        &self,
        principal: &Principal,
        place: &Place<'_>,
        (slice, lent): (&Slice, Option<String>),
    ) -> Result<(EntityUid, EntityUid, Vec<Entity>), Fault> {
        let admitted = self.admission(principal, place.path)?;
        let mut roles = admitted.role_ids();
        let mut parents = slice.parents().clone();
        if let Some(role) = lent {
            parents.entry(role.clone()).or_default();
            roles.push(role);
        }
        for folder in &self.model.custom.role_folders {
            self.roles_of(folder, principal, (&mut roles, &mut parents))?;
        }
        let mut entities = slice::role_entities(&parents, &self.vocabulary)?;
        let asker = self.exact_principal(principal, place, (&admitted, &roles))?;
        let asker_uid = asker.uid();
        entities.push(asker);
        let resource = self.exact_resource(place, &mut entities)?;
        Ok((asker_uid, resource, entities))
    }

    /// Adds the roles of a folder's block, wherever the question is asked: a policy that names
    /// one asks who holds it in its folder.
    fn roles_of(
        &self,
        folder: &GalleryPath,
        principal: &Principal,
        (roles, parents): (&mut Vec<String>, &mut BTreeMap<String, Vec<String>>),
    ) -> Result<(), Fault> {
        let admitted = self.admission(principal, folder)?;
        let of_folder =
            admitted.held().iter().filter(|held| admitted.way().folder(held.level) == Some(folder));
        roles.extend(of_folder.map(|held| held.id(admitted.way())));
        parents.extend(slice::role_parents(admitted.way()));
        Ok(())
    }

    fn exact_resource(
        &self,
        place: &Place<'_>,
        entities: &mut Vec<Entity>,
    ) -> Result<EntityUid, Fault> {
        let vocabulary = &self.vocabulary;
        let site = &self.model.site;
        let mut parent = vocabulary.uid(kind::SITE, site.as_str())?;
        entities.push(Entity::new_no_attrs(parent.clone(), HashSet::new()));
        let way: Vec<&str> = place.path.ancestors().collect();
        for folder in way.into_iter().rev() {
            let uid = vocabulary.uid(kind::FOLDER, &names::resource(site, folder))?;
            let is_hidden = self.folders.get(folder).is_some_and(|rules| rules.hidden);
            let attributes = self.attributes_at(folder, is_hidden)?;
            entities.push(Vocabulary::entity(uid.clone(), attributes, HashSet::from([parent]))?);
            parent = uid;
        }
        if place.variant == Variant::Folder {
            return Ok(parent);
        }
        let name = match place.path.kind() {
            PathKind::Image => Cow::Borrowed(place.path.as_str()),
            PathKind::Folder => Cow::Owned(format!("{}*", place.path)),
        };
        let uid = vocabulary.uid(kind::IMAGE, &names::resource(site, &name))?;
        let folder = place.path.folder();
        let attributes = self.attributes_at(folder.as_str(), place.variant.is_hidden())?;
        entities.push(Vocabulary::entity(uid.clone(), attributes, HashSet::from([parent]))?);
        Ok(uid)
    }

    fn attributes_at(
        &self,
        folder: &str,
        hidden: bool,
    ) -> Result<HashMap<String, RestrictedExpression>, Fault> {
        let mut block = None;
        let mut way = GalleryPath::from_decoded(folder).ok();
        while let Some(step) = way {
            if self.folders.get(&step).is_some_and(|rules| rules.block.is_some()) {
                block = Some(step);
                break;
            }
            way = step.parent();
        }
        let id = names::block(&self.model.site, block.as_ref());
        let block = RestrictedExpression::new_entity_uid(self.vocabulary.uid(kind::BLOCK, &id)?);
        Ok(HashMap::from([
            ("block".to_owned(), block),
            ("hidden".to_owned(), RestrictedExpression::new_bool(hidden)),
        ]))
    }

    fn exact_principal(
        &self,
        principal: &Principal,
        place: &Place<'_>,
        (admitted, roles): (&Admitted, &[String]),
    ) -> Result<Entity, Fault> {
        let roles = roles.iter().map(|role| self.vocabulary.uid(kind::ROLE, role));
        let roles = roles.collect::<Result<Vec<_>, _>>()?;
        self.principal_with(principal, admitted.way(), place, roles)
    }

    /// `context` as JSON, as the official command reads it.
    pub(crate) fn context_value(&self, context: &RequestContext<'_>) -> serde_json::Value {
        let context = self.cedar_context(context).ok();
        context.and_then(|context| context.to_json_value().ok()).unwrap_or_default()
    }

    /// `context` as the schema has it.
    fn cedar_context(&self, context: &RequestContext<'_>) -> Result<Context, Fault> {
        let local = context.now.to_zoned(self.model.zone.clone());
        let weekday = match local.weekday() {
            jiff::civil::Weekday::Monday => "Monday",
            jiff::civil::Weekday::Tuesday => "Tuesday",
            jiff::civil::Weekday::Wednesday => "Wednesday",
            jiff::civil::Weekday::Thursday => "Thursday",
            jiff::civil::Weekday::Friday => "Friday",
            jiff::civil::Weekday::Saturday => "Saturday",
            jiff::civil::Weekday::Sunday => "Sunday",
        };
        let time = local.time();
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        let since_midnight = format!("{hour}h{minute}m{second}s");
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let now = context.now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let mut pairs = vec![
            ("now".to_owned(), RestrictedExpression::new_datetime(now)),
            ("weekday".to_owned(), text(weekday)),
            ("time_of_day".to_owned(), RestrictedExpression::new_duration(since_midnight)),
            ("mfa".to_owned(), RestrictedExpression::new_bool(context.mfa)),
            ("method".to_owned(), text(context.method)),
            ("site".to_owned(), text(self.model.site.as_str())),
        ];
        // without an address there is none to read: whoever asks for it can't be judged
        pairs.extend(
            context.ip.map(|ip| ("ip".to_owned(), RestrictedExpression::new_ip(ip.to_string()))),
        );
        Context::from_pairs(pairs).map_err(|error| fault(&error))
    }
}
