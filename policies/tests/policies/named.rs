//! Sentences of `permissions.md` and "what an adversarial test must check" of
//! `cedar-encoding.md`, each as a literal case.

use std::collections::BTreeSet;

use vestibule_policies::{Missing, Need, Principal, SiteEngine, UserFacts};
use vestibule_schema::document::Cascade;
use vestibule_schema::{AccountRole, Action, GalleryPath, GroupId, UserName};

use crate::load::literal;

pub(crate) fn who(name: &str, groups: &[&str], account_role: &str) -> Principal {
    Principal::user(UserFacts {
        name: UserName::parse(name).unwrap(),
        account_role: AccountRole::parse(account_role).unwrap(),
        groups: groups.iter().map(|g| GroupId::parse(g).unwrap()).collect::<BTreeSet<_>>(),
    })
}

pub(crate) fn user(name: &str) -> Principal {
    who(name, &[], "")
}

pub(crate) fn may(engine: &SiteEngine, principal: &Principal, action: Action, path: &str) -> bool {
    let path = GalleryPath::from_decoded(path).unwrap();
    let decision = engine.decide(principal, Need::one(action), &path);
    // the set of all actions, asked together, says the same
    assert_eq!(engine.permissions(principal, &path).allows(action), decision.is_allow(), "{path}");
    decision.is_allow()
}

const VIEW: Action = Action::View;
const LARGE: Action = Action::DownloadLarge;
const ORIGINAL: Action = Action::DownloadOriginal;

const OPEN_SITE: &str = "public_role = \"viewer\"\ndefault_authenticated_role = \"user\"\n\
    [roles.boss]\npermissions = { owner_access = true }\n\
    [[user_roles]]\nusername = \"boss\"\nroles = [\"boss\"]\n";

const CLIENTS: &str = "[permissions.roles.assist]\npermissions = { can_view = true, can_download_original = true }\n\
    [[permissions.user_roles]]\nusername = \"anna\"\nroles = [\"assist\"]";
const SMITH: &str = "[permissions.roles.c]\npermissions = { can_view = true, can_download_large = true }\n\
    [[permissions.user_roles]]\nusername = \"smith\"\nroles = [\"c\"]";

/// 4.3: under `nearest` the nearest block decides alone; a role of `/clients` does nothing in
/// `/clients/smith`.
#[test]
fn nearest_decides_alone() {
    let folders = [("/clients/", CLIENTS), ("/clients/smith/", SMITH)];
    let site = literal(Cascade::Nearest, OPEN_SITE, "", &folders).unwrap();
    assert!(may(&site, &user("smith"), LARGE, "/clients/smith/a.jpg"));
    assert!(!may(&site, &user("smith"), VIEW, "/clients/a.jpg"));
    assert!(may(&site, &user("anna"), ORIGINAL, "/clients/a.jpg"));
    assert!(!may(&site, &user("anna"), VIEW, "/clients/smith/a.jpg"));
    assert!(may(&site, &user("boss"), ORIGINAL, "/clients/smith/a.jpg"));
}

/// 4.3: under `restrict` every block on the way must grant it, the site block excluded.
#[test]
fn restrict_asks_every_block_on_the_way() {
    let folders = [("/clients/", CLIENTS), ("/clients/smith/", SMITH)];
    let site = literal(Cascade::Restrict, OPEN_SITE, "", &folders).unwrap();
    assert!(!may(&site, &user("smith"), VIEW, "/clients/smith/a.jpg"));
    let open = "[permissions.roles.c]\npermissions = { can_view = true, can_download_large = true }\n\
        [permissions]\npublic_role = \"c\"\ndefault_authenticated_role = \"c\"";
    let reordered = "[permissions]\npublic_role = \"c\"\ndefault_authenticated_role = \"c\"\n\
        [permissions.roles.c]\npermissions = { can_view = true, can_download_large = true }";
    assert!(literal(Cascade::Restrict, "", "", &[("/a/", open)]).is_ok());
    let closed_site = literal(Cascade::Restrict, "", "", &[("/a/", reordered)]).unwrap();
    assert!(may(&closed_site, &Principal::Visitor, LARGE, "/a/b/c.jpg"), "a folder may open more");
    assert!(!may(&closed_site, &Principal::Visitor, VIEW, "/"));
}

/// Test 2: outer `download` without `view`, inner both: denied.
#[test]
fn view_gates_every_block() {
    let outer = "[permissions.roles.d]\npermissions = { can_download_large = true }\n\
        [permissions.roles.other]\npermissions = { can_view = true }\n\
        [[permissions.user_roles]]\nusername = \"u\"\nroles = [\"d\"]";
    let inner = "[permissions.roles.c]\npermissions = { can_view = true, can_download_large = true }\n\
        [[permissions.user_roles]]\nusername = \"u\"\nroles = [\"c\"]";
    let site = literal(Cascade::Restrict, "", "", &[("/o/", outer), ("/o/i/", inner)]).unwrap();
    assert!(!may(&site, &user("u"), LARGE, "/o/i/a.jpg"));
    let split = "[permissions.roles.v]\npermissions = { can_view = true }\n\
        [permissions.roles.d]\npermissions = { can_download_large = true }\n\
        [[permissions.user_roles]]\nusername = \"u\"\nroles = [\"v\", \"d\"]";
    let site = literal(Cascade::Restrict, "", "", &[("/o/", split), ("/o/i/", inner)]).unwrap();
    assert!(may(&site, &user("u"), LARGE, "/o/i/a.jpg"), "view and download from two roles");
}

/// 4.5: hidden images are denied, by every block on the way, to who lacks `see_hidden`.
#[test]
fn hidden_images_need_see_hidden_in_every_block() {
    let sees = "[permissions]\ndefault_authenticated_role = \"s\"\n\
        [permissions.roles.s]\npermissions = { can_view = true, can_see_hidden = true }";
    let blind = "hidden_images = [\"a.jpg\"]\n[permissions]\ndefault_authenticated_role = \"s\"\n\
        [permissions.roles.s]\npermissions = { can_view = true }";
    let both = format!("hidden_images = [\"a.jpg\"]\n{sees}");
    let site = literal(Cascade::Restrict, "", "", &[("/o/", sees), ("/o/i/", blind)]).unwrap();
    assert!(!may(&site, &user("u"), VIEW, "/o/i/a.jpg"));
    assert!(!may(&site, &user("u"), VIEW, "/o/i/a.dng"), "the RAW file of a hidden image");
    assert!(may(&site, &user("u"), VIEW, "/o/i/b.jpg"));
    let site = literal(Cascade::Restrict, "", "", &[("/o/", sees), ("/o/i/", &both)]).unwrap();
    assert!(may(&site, &user("u"), VIEW, "/o/i/a.jpg"));
    let site = literal(Cascade::Nearest, "", "", &[("/o/", blind), ("/o/i/", &both)]).unwrap();
    assert!(may(&site, &user("u"), VIEW, "/o/i/a.jpg"));
}

/// 1 and 6: `manage_images` contains `upload` and `organize`; visitors write nothing.
#[test]
fn managing_is_uploading_and_organizing() {
    let block = "[permissions]\npublic_role = \"user\"\n\
        [permissions.roles.up]\nupload = true\npermissions = { can_view = true }\n\
        [permissions.roles.man]\npermissions = { can_view = true, can_manage_images = true }\n\
        [[permissions.user_roles]]\nusername = \"up\"\nroles = [\"up\"]\n\
        [[permissions.user_roles]]\nusername = \"man\"\nroles = [\"man\"]";
    let site = literal(Cascade::Restrict, "", "", &[("/f/", block)]).unwrap();
    let actions = [Action::ManageImages, Action::Upload, Action::Organize];
    let held = |name: &str| actions.map(|action| may(&site, &user(name), action, "/f/x/"));
    assert_eq!(held("man"), [true, true, true]);
    assert_eq!(held("up"), [false, true, false]);
    for action in Action::ALL {
        let allowed = may(&site, &Principal::Visitor, *action, "/f/a.jpg");
        assert!(!(action.is_write() && allowed), "{action}");
    }
    assert!(may(&site, &Principal::Visitor, Action::DownloadRaw, "/f/a.jpg"));
}

/// 3 and 4.4: a folder's owner is bounded; a site's owner passes all of it.
#[test]
fn owners_of_folders_and_of_the_site() {
    let owned = "hide_technical_details = true\n[permissions.roles.o]\npermissions = { owner_access = true }\n\
        [[permissions.user_roles]]\nusername = \"olga\"\nroles = [\"o\"]";
    let closed = "[permissions]\npublic_role = \"none\"";
    let folders = [("/o/", owned), ("/o/x/", closed), ("/c/", closed), ("/c/o/", owned)];
    let site = literal(Cascade::Restrict, OPEN_SITE, "", &folders).unwrap();
    let olga = user("olga");
    assert!(may(&site, &olga, Action::ManageImages, "/o/a.jpg"));
    assert!(!may(&site, &olga, Action::SeeTechnicalDetails, "/o/a.jpg"));
    assert!(!may(&site, &olga, VIEW, "/o/x/a.jpg"), "bounded by the block below");
    assert!(!may(&site, &olga, VIEW, "/c/o/a.jpg"), "bounded by the block above");
    for path in ["/o/a.jpg", "/o/x/a.jpg", "/c/o/a.jpg"] {
        assert!(may(&site, &user("boss"), Action::SeeTechnicalDetails, path));
    }
}

/// 2.1: an explicit assignment of nothing locks out of the whole site, folder blocks included.
#[test]
fn the_locked_out_have_nothing_anywhere() {
    let permissions = "public_role = \"viewer\"\ndefault_authenticated_role = \"viewer\"\n\
        [[user_roles]]\nusername = \"empty\"\nroles = []\n\
        [[user_roles]]\nusername = \"none\"\nroles = [\"none\"]\n";
    let grants = "[[grants]]\nuser = \"blank\"\nrole = \"\"\n\
        [[groups]]\ngroup = \"g\"\nrole = \"user\"\n";
    let block = "[permissions]\ndefault_authenticated_role = \"user\"\n\
        [[permissions.user_roles]]\nusername = \"empty\"\nroles = [\"user\"]\n\
        [[permissions.group_roles]]\ngroup = \"g\"\nroles = [\"user\"]";
    let site = literal(Cascade::Restrict, permissions, grants, &[("/f/", block)]).unwrap();
    for (name, role) in [
        ("empty", ""),
        ("none", ""),
        ("blank", ""),
        ("blank", "cluster_admin"),
        ("blank", "visitor"),
        ("blank", "nonesuch"),
    ] {
        let locked = who(name, &["g"], role);
        for path in ["/", "/a.jpg", "/f/", "/f/a.jpg"] {
            assert!(!may(&site, &locked, VIEW, path), "{name} {role} {path}");
        }
        assert!(!site.may_enter(&locked), "{name} {role}");
    }
    assert!(may(&site, &who("blank", &[], "viewer"), VIEW, "/"), "the account's role is inherited");
    assert!(may(&site, &user("other"), VIEW, "/f/a.jpg"));
}

/// 2.1: no account role makes an owner out of the synthetic one, and a grant beside it counts.
#[test]
fn an_empty_grant_joins_the_others() {
    let grants =
        "[[grants]]\nuser = \"u\"\nrole = \"\"\n[[grants]]\nuser = \"u\"\nrole = \"viewer\"\n";
    let site = literal(Cascade::Restrict, "", grants, &[]).unwrap();
    assert!(AccountRole::parse("@owner").is_err());
    assert!(may(&site, &who("u", &[], "cluster_admin"), LARGE, "/a.jpg"));
    assert!(!may(&site, &who("u", &[], "cluster_admin"), Action::SetPicks, "/a.jpg"));
    assert!(may(&site, &who("u", &[], "user"), Action::SetPicks, "/a.jpg"));
}

/// 2.2: the highest role of the groups, whatever their order.
#[test]
fn the_highest_group_wins() {
    let permissions = "default_authenticated_role = \"user\"\n\
        [roles.small]\nrank = 25\npermissions = { can_view = true }\n\
        [roles.same_a]\nrank = 5\npermissions = { can_view = true }\n\
        [roles.same_b]\nrank = 5\npermissions = { can_view = true, can_use_zoom = true }\n";
    let grants = "[[groups]]\ngroup = \"view\"\nrole = \"viewer\"\n[[groups]]\ngroup = \"small\"\nrole = \"small\"\n\
        [[groups]]\ngroup = \"a\"\nrole = \"same_a\"\n[[groups]]\ngroup = \"b\"\nrole = \"same_b\"\n\
        [[groups]]\ngroup = \"guests\"\nrole = \"contributor\"\nbase_path = \"/in/\"\nupload_path = \"/in/box/\"\n";
    let site = literal(Cascade::Restrict, permissions, grants, &[]).unwrap();
    let zoom = |groups: &[&str]| may(&site, &who("u", groups, ""), Action::UseZoom, "/a.jpg");
    assert!(zoom(&["view"]));
    assert!(!zoom(&["view", "small"]) && !zoom(&["small", "view"]), "rank 25 beats 20");
    assert!(zoom(&["a", "b"]) && zoom(&["b", "a"]), "equal ranks: more permissions");
    let scoped = who("u", &["guests", "view"], "");
    assert!(!may(&site, &scoped, VIEW, "/a.jpg"), "a scoped role of higher rank wins");
    assert!(may(&site, &scoped, VIEW, "/in/x/a.jpg"));
    assert!(may(&site, &scoped, Action::Upload, "/in/box/"));
    assert!(!may(&site, &scoped, Action::Upload, "/in/"));
    assert!(may(&site, &who("u", &["unknown"], ""), Action::SetPicks, "/"), "else the default");
}

/// 3: a scoped role counts inside its grant's base path, and in no folder with its own block.
#[test]
fn scoped_roles_count_in_their_scope() {
    let grants = "[[grants]]\nuser = \"guest\"\nrole = \"guest\"\nbase_path = \"/wedding/\"\n\
        [[grants]]\nuser = \"nowhere\"\nrole = \"guest\"\n";
    let own = "[permissions]\npublic_role = \"none\"";
    let site = literal(Cascade::Restrict, "", grants, &[("/wedding/own/", own)]).unwrap();
    let guest = user("guest");
    assert!(may(&site, &guest, VIEW, "/wedding/"));
    assert!(may(&site, &guest, LARGE, "/wedding/day/a.jpg"));
    assert!(!may(&site, &guest, VIEW, "/"));
    assert!(!may(&site, &guest, VIEW, "/weddings/a.jpg"));
    assert!(!may(&site, &guest, VIEW, "/wedding/own/a.jpg"));
    assert!(!may(&site, &user("nowhere"), VIEW, "/wedding/"));
    let entrances: Vec<_> = site.entrances(&guest).iter().map(ToString::to_string).collect();
    assert_eq!(entrances, ["/wedding/"]);
    assert!(site.may_enter(&guest));
}

/// Test 7: no two names share an identifier.
#[test]
fn odd_names_do_not_meet() {
    let block = |user: &str| {
        format!(
            "[permissions.roles.r]\npermissions = {{ can_view = true }}\n\
             [[permissions.user_roles]]\nusername = \"{user}\"\nroles = [\"r\"]"
        )
    };
    let names = ["/a/", "/a#r/", "/a:b/", "/a\"b/", "/a b/", "/s:/", "/a#r/#r/", "/%/"];
    let users: Vec<_> = (0..names.len()).map(|i| format!("user{i}")).collect();
    let blocks: Vec<_> = users.iter().map(|name| block(name)).collect();
    let folders: Vec<_> =
        names.iter().zip(&blocks).map(|(name, block)| (*name, block.as_str())).collect();
    let site = literal(Cascade::Nearest, "", "", &folders).unwrap();
    for (name, user_name) in names.iter().zip(&users) {
        for other in names {
            let path = format!("{other}x.jpg");
            let allowed = may(&site, &user(user_name), VIEW, &path);
            assert_eq!(allowed, *name == other, "{name} in {other}");
        }
    }
}

/// 5: an error in a folder closes its subtree to everybody but the site's owners.
#[test]
fn a_broken_block_closes_its_subtree() {
    let inner = "[permissions]\npublic_role = \"viewer\"";
    for cascade in [Cascade::Restrict, Cascade::Nearest] {
        let folders = [("/f/", "[permissions]\npublic_rol = \"viewer\""), ("/f/in/", inner)];
        let site = literal(cascade, OPEN_SITE, "", &folders).unwrap();
        assert!(!may(&site, &Principal::Visitor, VIEW, "/f/a.jpg"));
        assert!(!may(&site, &Principal::Visitor, VIEW, "/f/in/a.jpg"));
        assert!(!may(&site, &user("anybody"), VIEW, "/f/"));
        assert!(may(&site, &user("boss"), VIEW, "/f/in/a.jpg"));
        assert!(may(&site, &Principal::Visitor, VIEW, "/g/a.jpg"));
    }
}

/// 4.1: the root folder's own block counts.
#[test]
fn the_root_may_have_a_block() {
    let closed = "[permissions]\npublic_role = \"none\"";
    let site = literal(Cascade::Restrict, OPEN_SITE, "", &[("/", closed)]).unwrap();
    assert!(!may(&site, &Principal::Visitor, VIEW, "/"));
    assert!(!may(&site, &user("u"), VIEW, "/x/a.jpg"));
    assert!(may(&site, &user("boss"), VIEW, "/x/a.jpg"));
}

/// A decision names the policies that made it, and their lines.
#[test]
fn decisions_cite_their_lines() {
    let site = literal(Cascade::Restrict, OPEN_SITE, "", &[("/c/", CLIENTS)]).unwrap();
    let cite = |principal: &Principal, action, path: &str| {
        let path = GalleryPath::from_decoded(path).unwrap();
        let decision = site.decide(principal, Need::one(action), &path);
        let cited: Vec<_> = decision.policies().iter().map(ToString::to_string).collect();
        (decision.is_allow(), cited.join(", "))
    };
    let (allowed, cited) = cite(&user("anna"), ORIGINAL, "/c/a.jpg");
    assert_eq!((allowed, cited.as_str()), (true, "s:/c/#assist (gallery:/c/_folder.md:2)"));
    let (allowed, cited) = cite(&user("u"), VIEW, "/c/a.jpg");
    assert_eq!((allowed, cited.as_str()), (false, "s:/c/!bound (gallery:/c/_folder.md:2)"));
    let (allowed, cited) = cite(&Principal::Visitor, Action::SetPicks, "/a.jpg");
    assert!(!allowed);
    assert_eq!(cited, "base/visitors-never-write (base/decide.cedar:5)");
    let decision = site.decide(
        &Principal::Visitor,
        Need::either(Action::DownloadMedium, Action::UseZoom),
        &GalleryPath::root(),
    );
    assert!(decision.is_allow(), "either suffices");
    let decision =
        site.decide(&user("u"), Need::one(VIEW), &GalleryPath::from_decoded("/c/").unwrap());
    let vestibule_policies::Decision::Deny(denial) = decision else { panic!("denied") };
    assert_eq!(denial.missing(), Missing::View);
}

/// 4.1: who lacks `view` on `/` gets the topmost folders that he may view.
#[test]
fn entrances_are_the_topmost_folders() {
    let site =
        literal(Cascade::Nearest, "", "", &[("/c/", CLIENTS), ("/c/smith/", SMITH)]).unwrap();
    let entrances = |name: &str| {
        site.entrances(&user(name)).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(entrances("smith"), ["/c/smith/"]);
    assert_eq!(entrances("anna"), ["/c/"]);
    assert!(entrances("u").is_empty() && !site.may_enter(&user("u")));
    assert!(site.may_enter(&user("smith")));
}

/// A scoped role counts where a grant says so, and a visitor has none (`permissions.md` 3).
#[test]
fn a_scoped_role_is_nobodys_public_role() {
    for role in ["guest", "contributor", "own"] {
        let site = format!(
            "public_role = \"{role}\"\n[roles.own]\nscoped = true\npermissions = {{ can_view = true }}\n"
        );
        let errors = literal(Cascade::Restrict, &site, "", &[]).unwrap_err();
        assert!(errors[0].contains("policy::public_scoped"), "{errors:?}");
    }
    // in a folder's block the folder is the scope
    let block = "[permissions]\npublic_role = \"guest\"\n";
    literal(Cascade::Restrict, "", "", &[("/a/", block)]).unwrap();
}
