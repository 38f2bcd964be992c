//! `audit::reach` against brute force: one decision for each user, action and place.

use std::collections::BTreeSet;
use std::sync::Arc;

use pretty_assertions::assert_eq;
use proptest::prelude::*;
use vestibule_policies::audit::reach::{self, Who};
use vestibule_policies::model::{Folders, Grant, GroupMapping, Rights};
use vestibule_policies::{
    Need, Principal, RequestContext, SiteEngine, UserFacts, Vocabulary, check,
};
use vestibule_schema::document::Cascade;
use vestibule_schema::{
    AccountRole, Action, GalleryPath, GroupId, PermissionSet, RoleName, SiteId, Source, UserName,
};

use crate::load;
use crate::written::AFTERNOON;

const FOLDERS: [&str; 6] = ["/", "/a/", "/a/b/", "/a/b/c/", "/d/", "/d/e/"];

const SITES: [&str; 4] = [
    "",
    "public_role = \"viewer\"\n[[user_roles]]\nusername = \"ann\"\nroles = [\"admin\"]\n\
     [[user_roles]]\nusername = \"out\"\nroles = []\n",
    "default_authenticated_role = \"r\"\n[roles.r]\ninherits = \"guests\"\nupload = true\n\
     [roles.guests]\npermissions = { can_view = true, can_download_large = true }\n\
     [[user_roles]]\nusername = \"bob\"\nroles = [\"r\", \"user\"]\n",
    "public_role = \"sees\"\ndefault_authenticated_role = \"sees\"\n\
     [roles.sees]\npermissions = { can_view = true, can_see_hidden = true }\n",
];

const GRANTS: [&str; 4] = [
    "",
    "[[grants]]\nuser = \"cy\"\nrole = \"guest\"\nbase_path = \"/a/b/\"\n\
     [[grants]]\nuser = \"ann\"\nrole = \"\"\n",
    "[[groups]]\ngroup = \"g1\"\nrole = \"contributor\"\nbase_path = \"/d/\"\nupload_path = \"/d/in/\"\n\
     [[groups]]\ngroup = \"g2\"\nrole = \"user\"\n",
    "[[grants]]\nuser = \"bob\"\nrole = \"contributor\"\nbase_path = \"/a/\"\nupload_path = \"/a/up/\"\n\
     [[groups]]\ngroup = \"g1\"\nrole = \"viewer\"\n",
];

const FRONTS: [&str; 8] = [
    "hide_technical_details = true",
    "hidden_images = [\"h.jpg\"]",
    "[permission]",
    "[permissions]",
    "hidden_images = [\"h.jpg\", \"image-0.jpg\"]\n[permissions]\npublic_role = \"v\"\n\
     default_authenticated_role = \"v\"\n[permissions.roles.v]\npermissions = { can_view = true }",
    "[permissions.roles.own]\npermissions = { owner_access = true }\n\
     [[permissions.user_roles]]\nusername = \"bob\"\nroles = [\"own\"]\n\
     [[permissions.group_roles]]\ngroup = \"g3\"\nroles = [\"viewer\"]",
    "hide_technical_details = true\n[permissions]\ndefault_authenticated_role = \"user\"\n\
     [[permissions.user_roles]]\nusername = \"nobody-has-this-account\"\nroles = [\"viewer\"]\n\
     [[permissions.group_roles]]\ngroup = \"g1\"\nroles = []",
    "hidden_images = [\"h.jpg\"]\n[permissions]\npublic_role = \"guest\"\n\
     [[permissions.user_roles]]\nusername = \"dora\"\nroles = [\"user\"]",
];

#[derive(Debug, Clone)]
struct Small {
    nearest: bool,
    site: usize,
    grants: usize,
    stored: bool,
    fronts: Vec<Option<usize>>,
}

fn small() -> impl Strategy<Value = Small> {
    let fronts =
        proptest::collection::vec(proptest::option::weighted(0.6, 0..FRONTS.len()), FOLDERS.len());
    (any::<bool>(), 0..SITES.len(), 0..GRANTS.len(), any::<bool>(), fronts).prop_map(
        |(nearest, site, grants, stored, fronts)| Small { nearest, site, grants, stored, fronts },
    )
}

impl Small {
    fn engine(&self, vocabulary: &Arc<Vocabulary>) -> SiteEngine {
        let (model, _) = check::site(
            &SiteId::parse("s").unwrap(),
            if self.nearest { Cascade::Nearest } else { Cascade::Restrict },
            &Source::new("permissions.toml", SITES[self.site]),
            Some(&Source::new("grants.toml", GRANTS[self.grants])),
            vocabulary.builtin(),
        )
        .unwrap();
        let mut folders = Folders::new();
        for (path, front) in FOLDERS.iter().zip(&self.fronts) {
            let Some(front) = front else { continue };
            let at = GalleryPath::from_decoded(path).unwrap();
            let text = format!("+++\n{}\n+++\n", FRONTS[*front]);
            let source = Source::new(&format!("gallery:{path}_folder.md"), &text);
            folders
                .insert(at.clone(), Arc::new(check::folder(&at, &source, vocabulary.builtin()).0));
        }
        let role = |name: &str| RoleName::parse(name).ok();
        let path = |text: &str| GalleryPath::from_decoded(text).ok();
        let grant = |user: &str, role: Option<RoleName>, base_path: Option<GalleryPath>| Grant {
            user: UserName::parse(user).unwrap(),
            role,
            upload_path: None,
            base_path,
        };
        let mut stored = Rights::default();
        if self.stored {
            stored.grants = vec![
                grant("dora", None, None),
                grant("cy", role("user"), None),
                grant("eve", role("guest"), path("/d/e/")),
            ];
            stored.groups = vec![GroupMapping {
                group: GroupId::parse("g4").unwrap(),
                role: RoleName::parse("manager").unwrap(),
                base_path: None,
                upload_path: None,
            }];
        }
        load::engine(vocabulary, model, folders, stored)
    }
}

/// The accounts that the store would name.
fn accounts() -> Vec<UserFacts> {
    let account = |(name, role): (&str, &str)| UserFacts {
        name: UserName::parse(name).unwrap(),
        account_role: AccountRole::parse(role).unwrap(),
        groups: BTreeSet::new(),
    };
    let accounts =
        [("ann", "viewer"), ("bob", ""), ("dora", "user"), ("eve", ""), ("zed", "admin")];
    // an account that has the name by which strangers would be asked for
    accounts.into_iter().chain([("somebody-else-0", "admin")]).map(account).collect()
}

fn places() -> Vec<GalleryPath> {
    let mut all = Vec::new();
    for folder in FOLDERS.into_iter().chain(["/a/up/", "/d/in/", "/new/"]) {
        for name in ["", "x.jpg", "h.jpg", "sub/", "sub/x.jpg"] {
            all.push(GalleryPath::from_decoded(&format!("{folder}{name}")).unwrap());
        }
    }
    all
}

/// Everybody who could matter, written down without the code under test.
fn everybody() -> Vec<(Who, Principal)> {
    let mut all = vec![(Who::Visitor, Principal::Visitor)];
    let stranger = |groups: &[&str]| {
        Principal::user(UserFacts {
            name: UserName::parse("a stranger").unwrap(),
            account_role: AccountRole::default(),
            groups: groups.iter().map(|group| GroupId::parse(group).unwrap()).collect(),
        })
    };
    all.push((Who::SignedIn, stranger(&[])));
    for group in ["g1", "g2", "g3", "g4"] {
        all.push((Who::Member(GroupId::parse(group).unwrap()), stranger(&[group])));
    }
    let known = accounts();
    for name in ["out", "cy", "nobody-has-this-account"] {
        all.push((
            Who::User(UserName::parse(name).unwrap()),
            Principal::user(UserFacts {
                name: UserName::parse(name).unwrap(),
                account_role: AccountRole::default(),
                groups: BTreeSet::new(),
            }),
        ));
    }
    all.extend(known.into_iter().map(|user| (Who::User(user.name.clone()), Principal::user(user))));
    all
}

thread_local! {
    static VOCABULARY: Arc<Vocabulary> = Arc::new(Vocabulary::load().unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 60, ..ProptestConfig::default() })]

    /// Whoever may is listed, and nobody else. Who is not listed at all is like `SignedIn`.
    #[test]
    fn who_can_lists_exactly_those_who_may(small in small(), actions in proptest::sample::subsequence(Action::ALL.to_vec(), 2)) {
        let engine = small.engine(&VOCABULARY.with(Arc::clone));
        let people = reach::people(&engine, accounts());
        let asked: BTreeSet<Who> = people.iter().map(|person| person.who.clone()).collect();
        prop_assert_eq!(asked.len(), people.len(), "somebody twice");
        for path in places() {
            for action in actions.iter().chain(&[Action::View]) {
                let listed = reach::who_can(engine.on(&AFTERNOON), &people, *action, &path);
                let listed_who: BTreeSet<Who> = listed.iter().map(|one| one.who.clone()).collect();
                let may = |principal: &Principal| engine.decide(principal, Need::one(*action), &path).is_allow();
                let others = listed_who.contains(&Who::SignedIn);
                for (who, principal) in everybody() {
                    let expected = if asked.contains(&who) { listed_who.contains(&who) } else { others };
                    prop_assert_eq!(may(&principal), expected, "{} {} {} in {:?}", who, action, path, small);
                }
                for one in listed {
                    let held = |holding: &reach::Holding| {
                        let person = people.iter().find(|person| person.who == one.who).unwrap();
                        engine.assumes(&person.principal, &holding.role, &path).is_allow()
                    };
                    prop_assert!(!one.roles.is_empty() && one.roles.iter().all(held), "{:?}", one);
                    prop_assert!(!one.policies.is_empty(), "{:?}", one);
                }
            }
        }
    }

    /// The nearest line above a place says exactly what may be done there.
    #[test]
    fn what_can_says_exactly_what_may_be_done(small in small(), from in 0..FOLDERS.len()) {
        let engine = small.engine(&VOCABULARY.with(Arc::clone));
        let from = GalleryPath::from_decoded(FOLDERS[from]).unwrap();
        let people = everybody().into_iter().map(|(_, principal)| principal);
        for principal in people.chain([who_is_in_all_groups()]) {
            let all = reach::what_can(engine.on(&AFTERNOON), &principal, &from);
            let short = reach::collapsed(&all);
            prop_assert!(short.len() <= all.len());
            prop_assert_eq!(&short[0].path, &from);
            for path in places().into_iter().filter(|path| path.is_within(&from)) {
                let brute: PermissionSet = Action::ALL.iter().copied()
                    .filter(|action| engine.decide(&principal, Need::one(*action), &path).is_allow())
                    .collect();
                for lines in [&all, &short] {
                    let said = said(&engine, lines, &path);
                    prop_assert_eq!(said, brute, "{:?} at {} in {:?}: {:?}", principal, path, small, lines);
                }
                if !path.is_folder() {
                    let alone = reach::what_can(engine.on(&AFTERNOON), &principal, &path);
                    prop_assert_eq!(alone.len(), 1);
                    prop_assert_eq!(alone[0].permissions, brute);
                }
            }
        }
    }
}

fn who_is_in_all_groups() -> Principal {
    Principal::user(UserFacts {
        name: UserName::parse("member").unwrap(),
        account_role: AccountRole::default(),
        groups: ["g1", "g2", "g3"].map(|group| GroupId::parse(group).unwrap()).into(),
    })
}

/// What the lines say of a place, read as the documentation tells people to.
fn said(engine: &SiteEngine, lines: &[reach::Place], path: &GalleryPath) -> PermissionSet {
    let mut above = path.ancestors();
    let line = above.find_map(|folder| lines.iter().find(|line| line.path.as_str() == folder));
    let line = line.unwrap();
    if path.is_folder() {
        return line.permissions;
    }
    let hidden = engine
        .folders()
        .get(&path.folder())
        .is_some_and(|rules| rules.hidden_images.contains(path.name().unwrap()));
    let images = line.images.unwrap_or(line.permissions);
    if hidden { line.hidden_images.unwrap_or(images) } else { images }
}

fn paths(places: &[reach::Place]) -> Vec<&str> {
    places.iter().map(|place| place.path.as_str()).collect()
}

#[test]
fn equal_folders_are_left_out() {
    let open = "public_role = \"viewer\"";
    let fronts = [
        ("/a/", "[permissions]\npublic_role = \"viewer\""),
        ("/a/b/", "[permissions]\npublic_role = \"guest\""),
        ("/a/b/c/", "hide_technical_details = true"),
        ("/d/", "[permissions]"),
    ];
    let engine = load::literal(Cascade::Restrict, open, "", &fronts).unwrap();
    let all = reach::what_can(engine.on(&AFTERNOON), &Principal::Visitor, &GalleryPath::root());
    assert_eq!(paths(&all), ["/", "/a/", "/a/b/", "/a/b/c/", "/d/"]);
    assert_eq!(paths(&reach::collapsed(&all)), ["/", "/a/b/", "/d/"]);
}

/// Each role is shown with what makes the user hold it.
#[test]
fn holdings_say_how() {
    let site = "default_authenticated_role = \"guestbook\"\n[roles.guestbook]\npermissions = { can_view = true }\n\
        [[user_roles]]\nusername = \"ann\"\nroles = [\"user\"]\n";
    let grants = "[[grants]]\nuser = \"cy\"\nrole = \"viewer\"\n[[groups]]\ngroup = \"g\"\nrole = \"viewer\"\n";
    let front = "[permissions]\npublic_role = \"guest\"\n[[permissions.group_roles]]\ngroup = \"g\"\nroles = [\"viewer\"]";
    let engine = load::literal(Cascade::Restrict, site, grants, &[("/f/", front)]).unwrap();
    let people = reach::people(&engine, []);
    let list = |path: &str| {
        let path = GalleryPath::from_decoded(path).unwrap();
        let reached = reach::who_can(engine.on(&AFTERNOON), &people, Action::View, &path);
        let line = |one: reach::Reach| {
            let roles: Vec<_> = one.roles.iter().map(ToString::to_string).collect();
            format!("{}: {}", one.who, roles.join(", "))
        };
        reached.into_iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(
        list("/"),
        [
            "any other account: guestbook (default role)",
            "group g: viewer (group g)",
            "ann: user (permissions.toml:4)",
            "cy: viewer (declared grant)",
        ]
    );
    assert_eq!(
        list("/f/"),
        [
            "anonymous: guest in /f/ (public role)",
            "group g: viewer in /f/ (gallery:/f/_folder.md:4)"
        ]
    );
}

#[test]
fn sets_in_words() {
    let check = |set: PermissionSet, expected: &str| assert_eq!(reach::words(set), expected);
    check(PermissionSet::EMPTY, "nothing");
    check(PermissionSet::ALL, "everything");
    check(PermissionSet::ALL.without_action(Action::UseZoom), "everything but use_zoom");
    let upload_only =
        PermissionSet::ALL.without_action(Action::ManageImages).without_action(Action::Organize);
    check(upload_only, "everything but manage_images, organize");
    let view = PermissionSet::EMPTY.with_action(Action::View);
    check(view.with_action(Action::Upload), "view, upload");
    check(view.with(vestibule_schema::Permission::ManageImages), "view, manage_images");
}

/// Who differs from the others by name alone in a hand-written policy is asked for alone.
#[test]
fn a_policy_that_names_a_user_sets_him_apart() {
    let policies = [(
        "own.cedar",
        "forbid (principal in Role::\"s:#all\", action == Action::\"view\", resource)\n\
         when { principal == User::\"zed\" || (principal == User::\"bob\" && context.mfa) };",
    )];
    let written = load::Written {
        permissions: "default_authenticated_role = \"all\"\n[roles.all]\n\
                      permissions = { can_view = true }\n",
        policies: &policies,
        ..load::Written::default()
    };
    let (engine, _) = written.engine(Cascade::Restrict).unwrap();
    let people = reach::people(&engine, accounts());
    let names = |mfa: bool| -> Vec<String> {
        let context = RequestContext { mfa, ..AFTERNOON };
        let judge = engine.on(&context);
        let reached = reach::who_can(judge, &people, Action::View, &GalleryPath::root());
        let expected = people.iter().filter(|person| {
            judge
                .decide(&person.principal, Need::one(Action::View), &GalleryPath::root())
                .is_allow()
        });
        let expected: Vec<_> = expected.map(|person| person.who.clone()).collect();
        assert_eq!(reached.iter().map(|one| one.who.clone()).collect::<Vec<_>>(), expected);
        reached.iter().map(|one| one.who.to_string()).collect()
    };
    let without = names(false);
    assert!(without.contains(&"bob".to_owned()) && !without.contains(&"zed".to_owned()));
    assert!(!names(true).contains(&"bob".to_owned()));
}
