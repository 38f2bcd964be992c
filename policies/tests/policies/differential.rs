//! The engine against a naive evaluator of the checked documents, on random sites.
//!
//! The evaluator knows neither Cedar nor caches nor slices: it reads `permissions.md` sentence by
//! sentence, for one question at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use vestibule_policies::audit::export;
use vestibule_policies::model::{Block, FolderRules, Folders, Rights, SiteModel};
use vestibule_policies::principal::Share;
use vestibule_policies::{Need, Principal, Vocabulary};
use vestibule_schema::document::Cascade;
use vestibule_schema::{Action, GalleryPath, PermissionSet, RoleName};

use crate::generated::comparison::{Seen, index_and_whole_set};
use crate::generated::{
    FOLDERS, Question, RandomSite, contexts, places, principals, questions, random_site, shares,
    site_with_policies,
};

/// `permissions.md`, read naively.
struct Naive<'a> {
    model: &'a SiteModel,
    folders: &'a Folders,
    stored: &'a Rights,
}

impl Naive<'_> {
    fn closure(block: &Block, roles: &BTreeSet<RoleName>) -> (PermissionSet, bool) {
        let mut set = PermissionSet::EMPTY;
        let mut owner = false;
        for name in roles {
            let mut next = block.roles.get(name);
            while let Some(role) = next {
                set = set.union(role.own);
                owner |= role.own_owner;
                next = role.parent.as_ref().and_then(|parent| block.roles.get(parent));
            }
        }
        if owner { (PermissionSet::ALL, true) } else { (set, false) }
    }

    /// Section 2: the roles at the site, and whether the user is locked out.
    fn site_roles(
        &self,
        who: &Principal,
        folder: &GalleryPath,
        with_share: bool,
    ) -> (BTreeSet<RoleName>, bool) {
        let block = &self.model.block;
        let Some(user) = who.as_user() else {
            return (block.public_role.iter().cloned().collect(), false);
        };
        let declared: Vec<_> =
            self.model.declared.grants.iter().filter(|g| g.user == user.name).collect();
        let grants = if declared.is_empty() {
            self.stored.grants.iter().filter(|g| g.user == user.name).collect()
        } else {
            declared
        };
        let entry = block.user_roles.get(&user.name);
        if entry.is_some() || !grants.is_empty() {
            let mut roles: BTreeSet<RoleName> = entry.map(|e| e.roles.clone()).unwrap_or_default();
            for grant in grants {
                let role = grant.role.clone().or_else(|| user.account_role.inheritable());
                roles.extend(role.filter(|role| block.roles.contains_key(role)));
            }
            let nothing = entry.is_some_and(|entry| entry.roles.is_empty());
            let locked = nothing || roles.is_empty();
            roles.retain(|role| with_share || !block.roles[role].scoped);
            return if locked { (BTreeSet::new(), true) } else { (roles, false) };
        }
        let matching: Vec<_> =
            self.model.declared.groups.iter().filter(|g| user.groups.contains(&g.group)).collect();
        let best = matching.iter().max_by(|a, b| {
            let order = |role: &RoleName| {
                let role = &block.roles[role];
                (role.rank, role.all.permission_count())
            };
            order(&a.role).cmp(&order(&b.role)).then_with(|| b.role.cmp(&a.role))
        });
        if let Some(best) = best {
            let inside = matching.iter().filter(|m| m.role == best.role).any(|mapping| {
                mapping.base_path.as_ref().is_some_and(|base| folder.is_within(base))
            });
            let counts = !block.roles[&best.role].scoped || inside || with_share;
            return (counts.then(|| best.role.clone()).into_iter().collect(), false);
        }
        (block.default_role.iter().cloned().collect(), false)
    }

    /// Section 4, rule 1: the roles in a folder's block.
    fn block_roles(block: &Block, who: &Principal) -> BTreeSet<RoleName> {
        let Some(user) = who.as_user() else {
            return block.public_role.iter().cloned().collect();
        };
        if let Some(entry) = block.user_roles.get(&user.name) {
            return entry.roles.clone();
        }
        let by_group: Vec<_> =
            user.groups.iter().filter_map(|group| block.group_roles.get(group)).collect();
        if by_group.is_empty() {
            return block.default_role.iter().cloned().collect();
        }
        by_group.iter().flat_map(|entry| entry.roles.iter().cloned()).collect()
    }

    fn held(&self, who: &Principal, path: &GalleryPath) -> PermissionSet {
        let lent = who.shares().iter().map(|share| self.lent(share, who, path));
        lent.fold(self.held_by(who, path, false), PermissionSet::union)
    }

    /// The block that governs a path.
    fn governing(&self, path: &GalleryPath) -> Option<&Block> {
        let block = |folder| self.folders.get(folder)?.block.as_deref();
        path.ancestors().find_map(block)
    }

    /// What a share gives (`portal.md`): its role there, as far as its maker may, who owns it.
    fn lent(&self, share: &Share, who: &Principal, path: &GalleryPath) -> PermissionSet {
        let governing = self.governing(path);
        let same = governing.map(|block| &block.folder)
            == self.governing(&share.path).map(|block| &block.folder);
        let reached = *path == share.path || path.is_within(&share.path);
        let broken = path
            .ancestors()
            .filter_map(|folder| self.folders.get(folder))
            .any(|rules| rules.broken.is_some());
        let locked = |who: &Principal| self.site_roles(who, &path.folder(), false).1;
        let (maker_roles, _) = self.site_roles(&share.maker, &share.path.folder(), false);
        let owns = !locked(&share.maker)
            && (Self::closure(&self.model.block, &maker_roles).1
                || governing.is_some_and(|block| {
                    Self::closure(block, &Self::block_roles(block, &share.maker)).1
                }));
        if !same || !reached || broken || locked(who) || !owns {
            return PermissionSet::EMPTY;
        }
        let block = governing.unwrap_or(&self.model.block);
        // of the built-in roles the folders know those that they use; a share may name any
        let builtin = |name: &RoleName| match name.as_str() {
            "visitor" => VISITOR.iter().copied().collect(),
            _ => self.model.block.roles.get(name).map(|role| role.all).unwrap_or_default(),
        };
        let (mut set, owner) = match block.roles.contains_key(&share.role) {
            true => Self::closure(block, &BTreeSet::from([share.role.clone()])),
            false if ["visitor", "viewer"].contains(&share.role.as_str()) => {
                (builtin(&share.role), false)
            }
            false => (PermissionSet::EMPTY, false),
        };
        if owner {
            return PermissionSet::EMPTY;
        }
        set = set.actions().filter(|action| !action.is_write()).collect();
        let mut lent = self.flagged(set, path);
        if governing.is_none() && who.is_signed_in() {
            lent = lent.union(self.held_by(who, path, true));
        }
        let set = lent.intersection(self.held_by(&share.maker, path, false));
        self.flagged(set, path)
    }

    /// What is left of a set by the flags on the way.
    fn flagged(&self, mut set: PermissionSet, path: &GalleryPath) -> PermissionSet {
        let mut way = path.ancestors().filter_map(|folder| self.folders.get(folder));
        if way.any(|rules| rules.hide_technical_details.is_some()) {
            set = set.without_action(Action::SeeTechnicalDetails);
        }
        let open = set.allows(Action::View) && (!self.hides(path) || set.allows(Action::SeeHidden));
        if open { set } else { PermissionSet::EMPTY }
    }

    fn hides(&self, path: &GalleryPath) -> bool {
        let rules = self.folders.get(&path.folder()).filter(|_| !path.is_folder());
        rules.is_some_and(|rules| rules.hidden_images.contains(path.name().unwrap_or_default()))
    }

    /// With the roles that count in a scope, where something was shared.
    fn held_by(&self, who: &Principal, path: &GalleryPath, with_share: bool) -> PermissionSet {
        let (site_roles, locked) = self.site_roles(who, &path.folder(), with_share);
        if locked {
            return PermissionSet::EMPTY;
        }
        let (site_set, site_owner) = Self::closure(&self.model.block, &site_roles);
        if site_owner {
            return PermissionSet::ALL;
        }
        let way: Vec<&Arc<FolderRules>> =
            path.ancestors().filter_map(|folder| self.folders.get(folder)).collect();
        if way.iter().any(|rules| rules.broken.is_some()) {
            return PermissionSet::EMPTY;
        }
        let blocks: Vec<&Block> = way.iter().filter_map(|rules| rules.block.as_deref()).collect();
        let mut set = match (blocks.first(), self.model.cascade) {
            (None, _) => site_set,
            (Some(nearest), Cascade::Nearest) => {
                Self::closure(nearest, &Self::block_roles(nearest, who)).0
            }
            (Some(_), Cascade::Restrict) => {
                blocks.iter().fold(PermissionSet::ALL, |held, block| {
                    let set = Self::closure(block, &Self::block_roles(block, who)).0;
                    let viewed = if set.allows(Action::View) { set } else { PermissionSet::EMPTY };
                    held.intersection(viewed)
                })
            }
        };
        set = self.flagged(set, path);
        if !who.is_signed_in() {
            set = set.actions().filter(|action| !action.is_write()).collect();
        }
        set
    }
}

/// The role of share links, as the contract has it.
const VISITOR: [Action; 5] = [
    Action::View,
    Action::SeeAiAltText,
    Action::DownloadMedium,
    Action::DownloadLarge,
    Action::UseZoom,
];

thread_local! {
    static VOCABULARY: Arc<Vocabulary> = Arc::new(Vocabulary::load().unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, max_shrink_iters: 60, ..ProptestConfig::default() })]

    /// The engine and the naive reading agree on every action; a valid document compiles and
    /// validates strictly.
    #[test]
    fn the_engine_agrees_with_the_naive_reading(site in random_site()) {
        let vocabulary = VOCABULARY.with(Arc::clone);
        let engine = site.engine(&vocabulary);
        prop_assert_eq!(export::validate(&engine, &vocabulary).map(|_| ()), Ok(()));
        let naive =
            Naive { model: engine.model(), folders: engine.folders(), stored: engine.stored() };
        for who in principals() {
            for path in places() {
                let expected = naive.held(&who, &path);
                let got = engine.permissions(&who, &path);
                prop_assert_eq!(got, expected, "{:?} at {}\n{:#?}", who, path, site);
            }
        }
    }

    /// The same with share links that were opened, whoever made them, for whatever.
    #[test]
    fn the_engine_agrees_with_the_naive_reading_about_shares(
        (site, shares) in (random_site(), shares())
    ) {
        let vocabulary = VOCABULARY.with(Arc::clone);
        let engine = site.engine(&vocabulary);
        let naive =
            Naive { model: engine.model(), folders: engine.folders(), stored: engine.stored() };
        for who in principals() {
            let who = who.with_shares(shares.iter().cloned());
            for path in places() {
                let expected = naive.held(&who, &path);
                let got = engine.permissions(&who, &path);
                prop_assert_eq!(got, expected, "{:?} at {}\n{:#?}", who, path, site);
                for action in [Action::View, Action::DownloadLarge, Action::ManageImages] {
                    let decision = engine.decide(&who, Need::one(action), &path);
                    prop_assert_eq!(decision.is_allow(), expected.allows(action));
                }
            }
        }
    }

    /// With hand-written policies too a share gives nothing that its maker may not do now, and
    /// takes nothing away.
    #[test]
    fn a_share_never_gives_more_than_its_maker_holds(
        (site, shares, questions) in (site_with_policies(), shares(), questions(12))
    ) {
        let vocabulary = VOCABULARY.with(Arc::clone);
        let engine = site.engine(&vocabulary);
        let (who, contexts, places) = (principals(), contexts(), places());
        for Question { who: w, context, place } in questions {
            let place = &places[place];
            let judged = |who: &Principal| match &contexts[context] {
                Some(context) => engine.on(context).permissions(who, place),
                None => engine.permissions(who, place),
            };
            let own = judged(&who[w]);
            let makers = shares.iter().map(|share| judged(&share.maker));
            let most = makers.fold(own, PermissionSet::union);
            let got = judged(&who[w].clone().with_shares(shares.iter().cloned()));
            prop_assert_eq!(got.intersection(most), got, "more than the makers hold");
            prop_assert_eq!(got.intersection(own), own, "less than without");
        }
    }

    /// One question at a time, in any order, gives the same as all at once: what is remembered
    /// changes no answer.
    #[test]
    fn remembered_answers_are_the_same(site in random_site(), shares in shares(), picks in proptest::collection::vec((0..26usize, 0..20usize, 0..28usize), 10)) {
        let vocabulary = VOCABULARY.with(Arc::clone);
        let warm = site.engine(&vocabulary);
        let (mut who, places) = (principals(), places());
        let bearers = who.clone().into_iter().zip((0..shares.len()).cycle());
        who.extend(bearers.map(|(who, at)| who.with_shares([Arc::clone(&shares[at])])));
        for (w, p, a) in picks {
            let (who, path, action) = (&who[w], &places[p], Action::ALL[a]);
            let cold = site.engine(&vocabulary);
            let first = warm.decide(who, Need::one(action), path);
            let again = warm.decide(who, Need::one(action), path);
            let fresh = cold.decide(who, Need::one(action), path);
            prop_assert_eq!(first.is_allow(), fresh.is_allow());
            prop_assert_eq!(first.policies(), fresh.policies());
            prop_assert_eq!(again.policies(), fresh.policies());
        }
    }

    /// Closing a folder never allows more anywhere.
    #[test]
    fn an_added_forbid_never_allows_more(site in random_site(), at in 0..FOLDERS.len()) {
        let vocabulary = VOCABULARY.with(Arc::clone);
        let before = site.engine(&vocabulary);
        let closed = RandomSite {
            folders: {
                let mut folders = site.folders.clone();
                folders[at] = Some("+++\n[permission]\n+++\n".to_owned());
                folders
            },
            ..site
        };
        let after = closed.engine(&vocabulary);
        for who in principals() {
            for path in places() {
                let (had, has) = (before.permissions(&who, &path), after.permissions(&who, &path));
                // under `nearest` nothing but the closed subtree changes; elsewhere likewise
                let below = path.is_within(&GalleryPath::from_decoded(FOLDERS[at]).unwrap());
                let was_own = before.folders().get(FOLDERS[at]).is_some();
                if !below || !was_own {
                    prop_assert_eq!(has.intersection(had), has, "{:?} at {}", who, path);
                }
                if below {
                    let owner = has == PermissionSet::ALL;
                    prop_assert!(has.is_empty() || owner, "{:?} at {}: {:?}", who, path, has);
                }
            }
        }
    }
}

/// Asks about random sites with hand-written policies; what came up.
fn compare(mut runner: TestRunner) -> Seen {
    let vocabulary = VOCABULARY.with(Arc::clone);
    let total = std::cell::Cell::new(Seen::default());
    let outcome = runner.run(&(site_with_policies(), questions(6)), |(site, questions)| {
        let seen =
            index_and_whole_set(&site, &questions, &vocabulary).map_err(TestCaseError::fail)?;
        let mut sum = total.get();
        sum.add(seen);
        total.set(sum);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    total.get()
}

fn cases(cases: u32) -> ProptestConfig {
    // a failure is printed whole; there is no file of its seed
    let failure_persistence = None;
    ProptestConfig { cases, max_shrink_iters: 60, failure_persistence, ..ProptestConfig::default() }
}

/// Index and slices lose nothing: for any policies, decision and deciding policies are those of
/// the whole set, for every action, whoever asks, from wherever, for whatever.
#[test]
fn the_index_answers_as_the_whole_set_on_random_sites() {
    compare(TestRunner::new(cases(10)));
}

/// The sites are such that every kind of answer comes up: the same numbers each time.
#[test]
fn random_sites_give_all_kinds_of_answers() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let seen = compare(TestRunner::new_with_rng(cases(10), rng));
    let all = [seen.allowed, seen.denied, seen.by_hand_allowed, seen.by_hand_denied];
    assert!(all.iter().all(|count| *count > 5), "one-sided sites: {all:?}");
}
