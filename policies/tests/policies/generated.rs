//! Random sites, as texts: documents, hand-written policies, and requests about them.
//!
//! Included by path from `tests/fuzz` too: whoever makes the random numbers, these are the sites.

#[path = "generated/comparison.rs"]
pub(crate) mod comparison;
#[path = "generated/hand_written.rs"]
mod hand_written;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use vestibule_policies::model::{CustomPolicies, Folders, Grant, Rights, SiteModel};
use vestibule_policies::principal::Share;
use vestibule_policies::{Principal, RequestContext, SiteEngine, UserFacts, Vocabulary, check};
use vestibule_schema::document::Cascade;
use vestibule_schema::problem::has_errors;
use vestibule_schema::{
    AccountRole, GalleryPath, GroupId, RoleName, ShareId, SiteId, Source, UserName,
};

const PRINCIPALS: usize = USERS.len() * 3 + 1;
const PLACES: usize = FOLDERS.len() * 4;
const CONTEXTS: usize = 5;

const USERS: [&str; 4] = ["ann", "bob", "cy", "stranger"];
const GROUPS: [&str; 3] = ["g1", "g2", "CN=G3, DC=x"];
const ROLES: [&str; 4] = ["r1", "r2", "r3", "own"];
pub(crate) const FOLDERS: [&str; 5] = ["/", "/a/", "/a/b/", "/a/b/c/", "/d/"];
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

/// Each with even chance.
fn subset(of: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(any::<bool>(), of.len()).prop_map(move |chosen| {
        of.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(one, _)| *one).collect()
    })
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

/// A site's documents.
#[derive(Debug, Clone)]
pub(crate) struct RandomSite {
    pub(crate) cascade: Cascade,
    pub(crate) permissions: String,
    pub(crate) grants: String,
    /// Front matters, by [`FOLDERS`].
    pub(crate) folders: Vec<Option<String>>,
    /// Hand-written policies, a file each.
    pub(crate) policies: Vec<String>,
}

/// Sites without hand-written policies.
pub(crate) fn random_site() -> impl Strategy<Value = RandomSite> {
    let folders =
        proptest::collection::vec(proptest::option::weighted(0.6, front_matter()), FOLDERS.len());
    let cascade = prop_oneof![Just(Cascade::Restrict), Just(Cascade::Nearest)];
    (cascade, block(""), grants(), folders).prop_map(|(cascade, permissions, grants, folders)| {
        RandomSite { cascade, permissions, grants, folders, policies: Vec::new() }
    })
}

/// Sites with up to four hand-written policies.
pub(crate) fn site_with_policies() -> impl Strategy<Value = RandomSite> {
    let policies = proptest::collection::vec(hand_written::policy(), 1..5);
    (random_site(), policies).prop_map(|(site, policies)| RandomSite { policies, ..site })
}

/// Who asks from where about which place, as positions among [`principals`], [`contexts`] and
/// [`places`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    pub(crate) who: usize,
    pub(crate) context: usize,
    pub(crate) place: usize,
}

/// Several questions.
pub(crate) fn questions(count: usize) -> impl Strategy<Value = Vec<Question>> {
    let one = (0..PRINCIPALS, 0..CONTEXTS, 0..PLACES).prop_map(|(who, context, place)| Question {
        who,
        context,
        place,
    });
    proptest::collection::vec(one, 1..=count)
}

impl RandomSite {
    /// None of the generated policies is refused.
    fn custom(&self, vocabulary: &Vocabulary) -> CustomPolicies {
        let sources: Vec<_> = (0..)
            .zip(&self.policies)
            .map(|(i, text)| Source::new(&format!("policies/{i}.cedar"), text))
            .collect();
        let site = SiteId::parse("s").unwrap();
        let (custom, problems) = check::custom(&site, &sources, true, vocabulary);
        assert!(!has_errors(&problems), "{problems:?}\n{:#?}", self.policies);
        custom
    }

    pub(crate) fn engine(&self, vocabulary: &Arc<Vocabulary>) -> SiteEngine {
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
        let model = SiteModel { custom: self.custom(vocabulary), ..model };
        SiteEngine::new(1, vocabulary, Arc::new(model), Arc::new(folders), Arc::new(stored))
    }
}

/// A visitor, and everybody in no, one and all groups.
pub(crate) fn principals() -> Vec<Principal> {
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

/// Shares of a few places, by what they are: position of the path, role, maker.
pub(crate) fn shares() -> impl Strategy<Value = Vec<Arc<Share>>> {
    let one = (0..PLACES, 0..6usize, 0..PRINCIPALS);
    proptest::collection::vec(one, 1..4).prop_map(|drawn| {
        let (places, principals) = (places(), principals());
        let share = |(number, (at, role, maker)): (i64, (usize, usize, usize))| {
            let role = ["r1", "r2", "r3", "own", "viewer", ""][role];
            Arc::new(Share {
                id: ShareId::from_number(number),
                site: SiteId::parse("s").unwrap(),
                path: places[at].clone(),
                role: RoleName::parse(role).unwrap_or_else(|_| RoleName::visitor()),
                maker: principals[maker].clone(),
            })
        };
        (1..).zip(drawn).map(share).collect()
    })
}

/// Each folder, and in it an image, a hidden one, and one in a folder that says nothing.
pub(crate) fn places() -> Vec<GalleryPath> {
    let mut all = Vec::new();
    for folder in FOLDERS {
        for name in ["", "x.jpg", "h.jpg", "sub/x.jpg"] {
            all.push(GalleryPath::from_decoded(&format!("{folder}{name}")).unwrap());
        }
    }
    all
}

/// Requests on a working day and on a Sunday, from inside and outside, with and without a second
/// factor; one without an address, and nothing known of one.
pub(crate) fn contexts() -> Vec<Option<RequestContext<'static>>> {
    let office = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    let outside = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 5));
    // a Wednesday afternoon of 2026, and a Sunday evening of 2027
    let (wednesday, sunday) =
        (Timestamp::constant(1_795_008_600, 0), Timestamp::constant(1_803_322_800, 0));
    let request = |ip, now, mfa, method| Some(RequestContext { ip, now, mfa, method });
    vec![
        request(Some(office), wednesday, true, "GET"),
        request(Some(outside), sunday, false, "POST"),
        request(Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), sunday, true, "GET"),
        request(None, wednesday, false, "GET"),
        None,
    ]
}
