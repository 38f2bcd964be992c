//! A site's owners, whom no folder can bound, and the locked-out, for whom nothing is open.

use super::tree::{self, Head};
use super::{Citing, Generated};
use crate::cited::Rule;
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
    tree::policy(cite(site, Rule::Owner), head, None, None)
}

pub(super) fn locked(site: &SiteModel) -> Generated {
    let head = Head {
        effect: "forbid",
        principal: tree::in_role(&names::synthetic(&site.site, names::LOCKED)),
        action: tree::action_scope(&[tree::ANY]),
        resource: tree::in_resource(kind::SITE, site.site.as_str()),
    };
    tree::policy(cite(site, Rule::Locked), head, None, None)
}

fn cite(site: &SiteModel, rule: Rule) -> Citing {
    Citing { reference: rule.of_site(site), rule }
}
