//! A site's owners, whom no folder can bound, and the locked-out, for whom nothing is open.

use super::Generated;
use super::tree::{self, Head};
use crate::model::SiteModel;
use crate::names::{self, kind};

/// Every site role with `owner_access` is `in` the synthetic role `@owner`.
pub(super) fn permit(site: &SiteModel) -> Generated {
    let id = names::synthetic(&site.site, names::OWNER);
    let head = Head {
        effect: "permit",
        principal: tree::in_role(&id),
        action: tree::action_scope(&[tree::ANY]),
        resource: tree::in_resource(kind::SITE, site.site.as_str()),
    };
    // the first role that is an owner; `admin`, which is built in, always is
    let source = site.block.roles.values().filter(|role| role.own_owner).map(|role| &role.source);
    let source = source.min().unwrap_or(&site.block.source);
    tree::policy(id, source, head, None, None)
}

pub(super) fn locked(site: &SiteModel) -> Generated {
    let head = Head {
        effect: "forbid",
        principal: tree::in_role(&names::synthetic(&site.site, names::LOCKED)),
        action: tree::action_scope(&[tree::ANY]),
        resource: tree::in_resource(kind::SITE, site.site.as_str()),
    };
    tree::policy(format!("{}:!locked", site.site), &site.block.source, head, None, None)
}
