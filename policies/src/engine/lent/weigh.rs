//! A share's answer: its role's, bounded by its maker's, and by what is forbidden to its bearer by
//! hand.

use std::borrow::Cow;
use std::sync::Arc;

use vestibule_schema::{Action, PermissionSet};

use super::{Lent, told};
use crate::cited::{Deciding, Ground, Way};
use crate::decision::{Missing, Need, PolicyRef};
use crate::engine::admit::Admitted;
use crate::engine::custom::Exact;
use crate::engine::judge::{Asked, Judge, Weighed, weigh};
use crate::engine::mask::Verdict;
use crate::engine::{Fault, SiteEngine};
use crate::principal::{Principal, Share};

/// On which ground a decision about a bearer stands: theirs, shares included.
#[derive(Debug)]
pub(in crate::engine) struct Borne {
    pub(in crate::engine) principal: Principal,
    pub(in crate::engine) admitted: Arc<Admitted>,
}

impl Ground for Borne {
    fn principal(&self) -> &Principal {
        &self.principal
    }

    fn way(&self) -> &Way {
        self.admitted.way()
    }
}

impl Judge<'_> {
    /// What a question comes to with the shares that were opened, and the share that allows it.
    pub(in crate::engine) fn weigh_with_shares(
        &self,
        asked: Asked<'_>,
        shares: &[Arc<Share>],
        (need, own): (Need, Weighed),
    ) -> Result<(Weighed, Option<Arc<Share>>), Fault> {
        let mut best = own;
        if best.0.is_ok() {
            return Ok((best, None));
        }
        let is_hidden = asked.place.variant.is_hidden();
        for share in shares {
            let lent = self.engine().lent(share, asked.admitted, asked.place)?;
            let Some(lent) = lent else { continue };
            let verdict = |action| self.lent_verdict(&lent, asked, action).map(Cow::Owned);
            let weighed = weigh(is_hidden, need, verdict)?;
            match weighed.0 {
                Ok(_) => return Ok((weighed, Some(Arc::clone(share)))),
                Err(Missing::Action(_)) if best.0 == Err(Missing::View) => best = weighed,
                Err(_) => {}
            }
        }
        Ok((best, None))
    }

    /// A share's answer about one action.
    fn lent_verdict(
        &self,
        lent: &Lent<'_>,
        asked: Asked<'_>,
        action: Action,
    ) -> Result<Verdict, Fault> {
        let engine = self.engine();
        let by_role = engine.verdict(&lent.mask, action)?;
        let mut allowed = by_role.allowed;
        let mut policies = engine.cite_lent(&lent.lending, &by_role.deciding);
        if let Some(mask) = lent.with_scoped.as_ref().filter(|_| !allowed) {
            let with_scoped = engine.verdict(mask, action)?;
            allowed = with_scoped.allowed;
            policies = cite(asked.admitted.way(), &with_scoped.deciding);
        }
        if !allowed {
            return Ok(told(false, policies));
        }
        let forbidden = self.forbidden_by_hand(lent, asked, action)?;
        if !forbidden.is_empty() {
            return Ok(told(false, forbidden));
        }
        let principal = lent.share.maker.own();
        let maker =
            self.verdict(Asked { principal, place: asked.place, admitted: &lent.maker }, action)?;
        let by_maker = cite(lent.maker.way(), &maker.deciding);
        if !maker.allowed {
            return Ok(told(false, by_maker));
        }
        policies.extend(by_maker);
        Ok(told(true, policies))
    }

    /// All that a share lends, also if somebody else's policy can't be judged: then not that.
    pub(in crate::engine) fn lent_permissions(
        &self,
        share: &Share,
        asked: Asked<'_>,
    ) -> Result<PermissionSet, Fault> {
        let engine = self.engine();
        let Some(lent) = engine.lent(share, asked.admitted, asked.place)? else {
            return Ok(PermissionSet::EMPTY);
        };
        let mut set = engine.all_verdicts(&lent.mask)?;
        if let Some(mask) = &lent.with_scoped {
            set = set.union(engine.all_verdicts(mask)?);
        }
        set = set.intersection(self.try_permissions(share.maker.own(), asked.place)?);
        for action in set.actions().filter(|action| engine.model.custom.affects(*action)) {
            let forbidden = self.forbidden_by_hand(&lent, asked, action);
            if !forbidden.is_ok_and(|forbidden| forbidden.is_empty()) {
                set = set.without_action(action);
            }
        }
        let hidden = asked.place.variant.is_hidden() && !set.allows(Action::SeeHidden);
        let is_open = set.allows(Action::View) && !hidden;
        Ok(if is_open { set } else { PermissionSet::EMPTY })
    }

    /// The hand-written policies that forbid it to the bearer, whatever roles they hold, the
    /// share's included.
    fn forbidden_by_hand(
        &self,
        lent: &Lent<'_>,
        asked: Asked<'_>,
        action: Action,
    ) -> Result<Vec<PolicyRef>, Fault> {
        let engine: &SiteEngine = self.engine();
        if !engine.model.custom.affects(action) {
            return Ok(Vec::new());
        }
        let Asked { principal, place, .. } = asked;
        let lent = Some(lent.role_id());
        let exact = Exact { principal, context: self.context(), place, action };
        engine.forbidden_by_hand(exact, lent)
    }
}

fn cite(way: &Way, deciding: &[Deciding]) -> Vec<PolicyRef> {
    deciding.iter().filter_map(|one| way.reference(one)).collect()
}
