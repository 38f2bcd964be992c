//! Public places where a visitor loses something by signing in.

use vestibule_schema::{GalleryPath, PermissionSet, Problem};

use super::{Site, list, title, ways};
use crate::model::Block;
use crate::principal::Principal;

pub(super) fn find(site: &Site<'_>) -> Vec<Problem> {
    site.blocks().filter_map(|block| in_block(site, block)).collect()
}

fn in_block(site: &Site<'_>, block: &Block) -> Option<Problem> {
    let public = block.roles.get(block.public_role.as_ref()?)?;
    let default = block.default_role.as_ref().and_then(|role| block.roles.get(role));
    let place = block.folder.clone().unwrap_or_else(GalleryPath::root);
    let root = site.engine.folders().get(&place);
    if block.folder.is_none() && root.is_some_and(|rules| rules.block.is_some()) {
        // the root folder's block governs all
        return None;
    }
    let kept = default.map(|role| role.all).unwrap_or_default();
    let stranger = site.user(&ways::stranger(site.engine)?, None);
    let visitor = site.engine.permissions(&Principal::Visitor, &place);
    let signed_in = site.engine.permissions(&stranger, &place);
    let lost: PermissionSet = public
        .all
        .actions()
        .filter(|action| !kept.allows(*action))
        .filter(|action| visitor.allows(*action) && !signed_in.allows(*action))
        .collect();
    if lost.is_empty() {
        return None;
    }
    let message =
        format!("in {} a visitor loses {} by signing in", title(block), list(lost.actions()));
    let problem = Problem::warning("lint::lost_by_signing_in", message);
    let label = "for visitors only";
    let placed = site.place(problem, block, label, |written| {
        written.block.public_role.as_ref().map(|role| role.span.clone())
    });
    let name = &public.name;
    Some(
        placed
            .help(format!("add `default_authenticated_role = \"{name}\"`, or one that holds more")),
    )
}
