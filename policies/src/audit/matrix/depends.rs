//! Which answers depend on the context of a request: those that differ between two sites without
//! any policy that reads it. In the one whatever is read of a context lets nobody do anything, in
//! the other it keeps nobody from anything.

use std::sync::Arc;

use cedar_policy::Policy;
use serde_json::Value;
use vestibule_schema::{GalleryPath, PermissionSet};

use super::Cell;
use crate::audit::{context, syntax};
use crate::engine::{Judge, SiteEngine};
use crate::model::CustomPolicy;
use crate::principal::Principal;

/// The two sites; none, if no policy reads a context.
pub(super) struct Bounds(Option<[SiteEngine; 2]>);

impl Bounds {
    pub(super) fn new(engine: &SiteEngine) -> Self {
        Self(engine.reads_context().then(|| [true, false].map(|forbids| bound(engine, forbids))))
    }

    pub(super) fn cell(&self, judge: Judge<'_>, who: &Principal, folder: &GalleryPath) -> Cell {
        let set = context::permissions(judge, who, folder);
        let Some(bounds) = &self.0 else {
            return Cell { set, depends: PermissionSet::EMPTY };
        };
        let [least, most] = bounds.each_ref().map(|engine| engine.permissions(who, folder));
        let always = least.intersection(set);
        let somewhere: PermissionSet = most.union(set).union(least);
        let depends = somewhere.actions().filter(|action| !always.allows(*action)).collect();
        Cell { set, depends }
    }
}

/// The site where each policy with this effect that reads the context applies in any, and the
/// others in none.
fn bound(engine: &SiteEngine, forbids: bool) -> SiteEngine {
    let mut model = (**engine.model()).clone();
    let policies = model.custom.policies.into_iter();
    let bound = |one: Arc<CustomPolicy>| match (one.reads_context, one.forbids() == forbids) {
        (false, _) => Some(one),
        (true, true) => Some(Arc::new(in_any_context(&one))),
        (true, false) => None,
    };
    model.custom.policies = policies.filter_map(bound).collect();
    engine.varied(model, (**engine.folders()).clone(), Arc::clone(engine.stored()))
}

/// The policy without the conditions that read the context.
fn in_any_context(one: &CustomPolicy) -> CustomPolicy {
    let mut tree = syntax::tree(one);
    let reads = |condition: &Value| {
        syntax::nodes(condition).iter().any(|node| syntax::is_variable(node, "context"))
    };
    if let Some(conditions) = tree.get_mut("conditions").and_then(Value::as_array_mut) {
        conditions.retain(|condition| !reads(condition));
    }
    let id = one.policy.id().clone();
    let policy = Policy::from_json(Some(id), tree).unwrap_or_else(|_| one.policy.clone());
    CustomPolicy { policy, reads_context: false, ..one.clone() }
}
