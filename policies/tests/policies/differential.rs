//! The engine against a naive evaluator of the checked documents, on random sites.
//!
//! The evaluator knows neither Cedar nor caches nor slices: it reads `permissions.md` sentence by
//! sentence, for one question at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use vestibule_policies::audit::export;
use vestibule_policies::model::{Block, FolderRules, Folders, Grant, Rights, SiteModel};
use vestibule_policies::{Need, Principal, SiteEngine, UserFacts, Vocabulary, check};
use vestibule_schema::document::Cascade;
use vestibule_schema::{
    AccountRole, Action, GalleryPath, GroupId, PermissionSet, RoleName, SiteId, Source, UserName,
};

use crate::load;

const USERS: [&str; 4] = ["ann", "bob", "cy", "stranger"];
const GROUPS: [&str; 3] = ["g1", "g2", "CN=G3, DC=x"];
const ROLES: [&str; 4] = ["r1", "r2", "r3", "own"];
const FOLDERS: [&str; 5] = ["/", "/a/", "/a/b/", "/a/b/c/", "/d/"];
const KEYS: [&str; 8] = [
    "can_view",
    "can_see_hidden",
    "can_download_large",
    "can_download_original",
    "can_manage_images",
    "can_add_comments",
    "can_see_technical_details",
    "can_use_zoom",
];

fn subset(of: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(of.to_vec(), 0..=of.len())
}

fn role_or_none() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("none".to_owned()),
        proptest::sample::select(vec!["r1", "r2", "r3", "viewer", "user"]).prop_map(str::to_owned),
    ]
}

/// The text of a block below a table prefix: none for the site, `permissions.` for a folder.
fn block(prefix: &'static str) -> impl Strategy<Value = String> {
    let roles = proptest::collection::vec((subset(&KEYS), any::<bool>()), ROLES.len() - 1);
    let assigned = proptest::collection::vec(
        proptest::option::weighted(0.6, subset(&["r1", "r2", "r3", "own", "viewer"])),
        USERS.len() - 1,
    );
    let groups = proptest::collection::vec(
        proptest::option::weighted(0.4, subset(&["r1", "r2", "user"])),
        GROUPS.len(),
    );
    let parents = proptest::collection::vec(any::<bool>(), 2);
    (roles, assigned, groups, role_or_none(), role_or_none(), parents, any::<bool>()).prop_map(
        move |(roles, assigned, groups, public, default, parents, owner)| {
            let mut text = String::new();
            let head = prefix.trim_end_matches('.');
            if !head.is_empty() {
                text.push_str(&format!("[{head}]\n"));
            }
            text.push_str(&format!(
                "public_role = \"{public}\"\ndefault_authenticated_role = \"{default}\"\n"
            ));
            for (i, (keys, upload)) in roles.iter().enumerate() {
                text.push_str(&format!("[{prefix}roles.{}]\n", ROLES[i]));
                // r2 may inherit from r1, r3 from r2
                if i > 0 && parents[i - 1] {
                    text.push_str(&format!("inherits = \"{}\"\n", ROLES[i - 1]));
                }
                if *upload {
                    text.push_str("upload = true\n");
                }
                let keys: Vec<_> = keys.iter().map(|key| format!("{key} = true")).collect();
                text.push_str(&format!("permissions = {{ {} }}\n", keys.join(", ")));
            }
            text.push_str(&format!(
                "[{prefix}roles.own]\npermissions = {{ owner_access = {owner} }}\n"
            ));
            for (user, roles) in USERS.iter().zip(&assigned) {
                if let Some(roles) = roles {
                    text.push_str(&format!(
                        "[[{prefix}user_roles]]\nusername = \"{user}\"\nroles = {roles:?}\n"
                    ));
                }
            }
            if !head.is_empty() {
                for (group, roles) in GROUPS.iter().zip(&groups) {
                    if let Some(roles) = roles {
                        text.push_str(&format!(
                            "[[{prefix}group_roles]]\ngroup = \"{group}\"\nroles = {roles:?}\n"
                        ));
                    }
                }
            }
            text
        },
    )
}

fn front_matter() -> impl Strategy<Value = String> {
    (any::<bool>(), any::<bool>(), proptest::option::weighted(0.8, block("permissions.")), 0..12u8)
        .prop_map(|(technical, hidden, block, broken)| {
            let mut text = format!("hide_technical_details = {technical}\n");
            if hidden {
                text.push_str("hidden_images = [\"h.jpg\"]\n");
            }
            text.push_str(&block.unwrap_or_default());
            if broken == 0 {
                text.push_str("\n[permission]\n");
            }
            format!("+++\n{text}+++\n")
        })
}

fn grants() -> impl Strategy<Value = String> {
    let users = proptest::collection::vec(
        proptest::option::weighted(0.3, proptest::sample::select(vec!["", "r1", "viewer"])),
        USERS.len(),
    );
    let groups = proptest::collection::vec(
        proptest::option::weighted(
            0.5,
            proptest::sample::select(vec!["r1", "r2", "user", "guest"]),
        ),
        GROUPS.len(),
    );
    (users, groups).prop_map(|(users, groups)| {
        let mut text = String::new();
        for (user, role) in USERS.iter().zip(users) {
            if let Some(role) = role {
                text.push_str(&format!("[[grants]]\nuser = \"{user}\"\nrole = \"{role}\"\n"));
            }
        }
        for (group, role) in GROUPS.iter().zip(groups) {
            if let Some(role) = role {
                let base = if role == "guest" { "base_path = \"/a/b/\"\n" } else { "" };
                text.push_str(&format!(
                    "[[groups]]\ngroup = \"{group}\"\nrole = \"{role}\"\n{base}"
                ));
            }
        }
        text
    })
}

#[derive(Debug, Clone)]
struct RandomSite {
    cascade: Cascade,
    permissions: String,
    grants: String,
    folders: Vec<Option<String>>,
}

fn random_site() -> impl Strategy<Value = RandomSite> {
    let folders =
        proptest::collection::vec(proptest::option::weighted(0.6, front_matter()), FOLDERS.len());
    let cascade = prop_oneof![Just(Cascade::Restrict), Just(Cascade::Nearest)];
    (cascade, block(""), grants(), folders).prop_map(|(cascade, permissions, grants, folders)| {
        RandomSite { cascade, permissions, grants, folders }
    })
}

impl RandomSite {
    fn engine(&self, vocabulary: &Arc<Vocabulary>) -> SiteEngine {
        let (model, _) = check::site(
            &SiteId::parse("s").unwrap(),
            self.cascade,
            &Source::new("permissions.toml", &self.permissions),
            Some(&Source::new("grants.toml", &self.grants)),
            vocabulary.builtin(),
        )
        .unwrap_or_else(|problems| panic!("{problems:?}\n{}", self.permissions));
        let mut folders = Folders::new();
        for (path, text) in FOLDERS.iter().zip(&self.folders) {
            let Some(text) = text else { continue };
            let path = GalleryPath::from_decoded(path).unwrap();
            let source = Source::new(&format!("gallery:{path}_folder.md"), text);
            let (rules, _) = check::folder(&path, &source, vocabulary.builtin());
            folders.insert(path, Arc::new(rules));
        }
        let stored = Rights {
            // a declared grant replaces it; without one it counts
            grants: vec![Grant {
                user: UserName::parse("bob").unwrap(),
                role: RoleName::parse("r2").ok(),
                base_path: None,
                upload_path: None,
            }],
            groups: Vec::new(),
        };
        load::engine(vocabulary, model, folders, stored)
    }
}

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
    fn site_roles(&self, who: &Principal, folder: &GalleryPath) -> (BTreeSet<RoleName>, bool) {
        let block = &self.model.block;
        let Principal::User(user) = who else {
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
            roles.retain(|role| !block.roles[role].scoped);
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
            let counts = !block.roles[&best.role].scoped || inside;
            return (counts.then(|| best.role.clone()).into_iter().collect(), false);
        }
        (block.default_role.iter().cloned().collect(), false)
    }

    /// Section 4, rule 1: the roles in a folder's block.
    fn block_roles(block: &Block, who: &Principal) -> BTreeSet<RoleName> {
        let Principal::User(user) = who else {
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
        let (site_roles, locked) = self.site_roles(who, &path.folder());
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
        if way.iter().any(|rules| rules.hide_technical_details.is_some()) {
            set = set.without_action(Action::SeeTechnicalDetails);
        }
        let hidden = !path.is_folder()
            && self
                .folders
                .get(&path.folder())
                .is_some_and(|rules| rules.hidden_images.contains(path.name().unwrap_or_default()));
        let open = set.allows(Action::View) && (!hidden || set.allows(Action::SeeHidden));
        if !open {
            return PermissionSet::EMPTY;
        }
        if !who.is_signed_in() {
            set = set.actions().filter(|action| !action.is_write()).collect();
        }
        set
    }
}

fn principals() -> Vec<Principal> {
    let mut all = vec![Principal::Visitor];
    for (i, name) in USERS.iter().enumerate() {
        for groups in [&GROUPS[..0], &GROUPS[..1], &GROUPS[..]] {
            let account = ["", "viewer", "cluster_admin", "r1"][i];
            all.push(Principal::user(UserFacts {
                name: UserName::parse(name).unwrap(),
                account_role: AccountRole::parse(account).unwrap(),
                groups: groups.iter().map(|group| GroupId::parse(group).unwrap()).collect(),
            }));
        }
    }
    all
}

fn places() -> Vec<GalleryPath> {
    let mut all = Vec::new();
    for folder in FOLDERS {
        for name in ["", "x.jpg", "h.jpg", "sub/x.jpg"] {
            all.push(GalleryPath::from_decoded(&format!("{folder}{name}")).unwrap());
        }
    }
    all
}

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

    /// One question at a time, in any order, gives the same as all at once: what is remembered
    /// changes no answer.
    #[test]
    fn remembered_answers_are_the_same(site in random_site(), picks in proptest::collection::vec((0..13usize, 0..20usize, 0..28usize), 10)) {
        let vocabulary = VOCABULARY.with(Arc::clone);
        let warm = site.engine(&vocabulary);
        let (who, places) = (principals(), places());
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
