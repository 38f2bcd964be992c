//! Sentences of `permissions.md` that no other test holds by itself, each as a literal case. The
//! table of all of them is `policies/docs/sentences.md`.

use std::sync::Arc;

use vestibule_policies::model::{Grant, Rights};
use vestibule_policies::{Principal, SiteEngine, Vocabulary, check};
use vestibule_schema::document::Cascade;
use vestibule_schema::{Action, GalleryPath, RoleName, SiteId, Source, UserName};

use crate::load::{self, literal};
use crate::named::{may, user, who};

const VIEW: Action = Action::View;
const LARGE: Action = Action::DownloadLarge;
const ZOOM: Action = Action::UseZoom;

const TWO_ROLES: &str = "[roles.sees]\npermissions = { can_view = true }\n\
    [roles.zooms]\npermissions = { can_view = true, can_use_zoom = true }\n";

fn site(permissions: &str, grants: &str, folders: &[(&str, &str)]) -> SiteEngine {
    literal(Cascade::Restrict, permissions, grants, folders).unwrap()
}

/// Section 1: the permissions of a role are exactly those that say `true`; one named `view` gates
/// all the others.
#[test]
fn nothing_is_held_without_view() {
    let all: Vec<_> = Action::ALL.iter().filter(|action| action.name() != "view").collect();
    let keys: Vec<_> = all
        .iter()
        .filter(|action| !["upload", "organize"].contains(&action.name()))
        .map(|action| format!("can_{} = true", action.name()))
        .collect();
    let permissions = format!(
        "[roles.blind]\npermissions = {{ {} }}\n[[user_roles]]\nusername = \"u\"\n\
         roles = [\"blind\"]\n",
        keys.join(", ")
    );
    let engine = site(&permissions, "", &[]);
    for action in Action::ALL {
        assert!(!may(&engine, &user("u"), *action, "/a.jpg"), "{action}");
    }
}

/// Section 2, rule 1: the entry of the site block and the grants are combined.
#[test]
fn entries_and_grants_are_combined() {
    let permissions = format!(
        "{TWO_ROLES}[roles.large]\npermissions = {{ can_view = true, can_download_large = true }}\n\
         [[user_roles]]\nusername = \"u\"\nroles = [\"sees\", \"zooms\"]\n"
    );
    let grants = "[[grants]]\nuser = \"u\"\nrole = \"large\"\n";
    let engine = site(&permissions, grants, &[]);
    assert!(may(&engine, &user("u"), ZOOM, "/a.jpg") && may(&engine, &user("u"), LARGE, "/a.jpg"));
}

/// Section 2, rule 1: a grant of a file replaces the stored ones of that user, of no other.
#[test]
fn a_declared_grant_replaces_the_stored_ones_of_its_user() {
    let vocabulary = Arc::new(Vocabulary::load().unwrap());
    let grants = Source::new("grants.toml", "[[grants]]\nuser = \"u\"\nrole = \"sees\"\n");
    let (model, _) = check::site(
        &SiteId::parse("s").unwrap(),
        Cascade::Restrict,
        &Source::new("permissions.toml", TWO_ROLES),
        Some(&grants),
        vocabulary.builtin(),
    )
    .unwrap();
    let stored = |name: &str, role: &str| Grant {
        user: UserName::parse(name).unwrap(),
        role: RoleName::parse(role).ok(),
        base_path: None,
        upload_path: None,
    };
    let stored = Rights {
        grants: vec![
            stored("u", "zooms"),
            stored("v", "zooms"),
            stored("w", "sees"),
            stored("w", "zooms"),
            // a role that has gone since: explicitly nothing
            stored("x", "no-such-role"),
        ],
        groups: Vec::new(),
    };
    let engine = load::engine(&vocabulary, model, Default::default(), stored);
    let zooms = |name: &str| may(&engine, &user(name), ZOOM, "/a.jpg");
    assert!(may(&engine, &user("u"), VIEW, "/a.jpg") && !zooms("u"));
    assert!(zooms("v"));
    assert!(zooms("w"), "several stored grants are united");
    assert!(!may(&engine, &user("x"), VIEW, "/a.jpg"));
}

/// Section 2, rule 1: who has an entry gets nothing by a group, nor by default.
#[test]
fn an_explicit_assignment_never_falls_through() {
    let permissions = format!(
        "default_authenticated_role = \"zooms\"\n{TWO_ROLES}[[user_roles]]\nusername = \"u\"\n\
         roles = [\"sees\"]\n"
    );
    let grants = "[[groups]]\ngroup = \"g\"\nrole = \"zooms\"\n";
    let engine = site(&permissions, grants, &[]);
    assert!(may(&engine, &who("u", &["g"], "user"), VIEW, "/a.jpg"));
    assert!(!may(&engine, &who("u", &["g"], "user"), ZOOM, "/a.jpg"));
    assert!(may(&engine, &who("v", &["g"], ""), ZOOM, "/a.jpg"));
}

/// Section 2, rule 2: the built-in ranks, kept by a redefinition; none is 0; equal ranks go to
/// who holds more, then to the first name in byte order.
#[test]
fn ranks_decide_between_groups() {
    let order = ["admin", "manager", "user", "contributor", "viewer", "guest"];
    let ranked: Vec<_> = Vocabulary::load()
        .unwrap()
        .builtin()
        .iter()
        .filter_map(|(role, _)| {
            let name = role.name.value.to_string();
            order.contains(&name.as_str()).then(|| (name, role.rank.as_ref().map(|r| r.value)))
        })
        .collect();
    let expected = [60, 50, 40, 30, 20, 10];
    for (name, rank) in order.iter().zip(expected) {
        assert!(ranked.contains(&((*name).to_owned(), Some(rank))), "{name}: {ranked:?}");
    }
    let permissions = "[roles.viewer]\npermissions = { can_view = true }\n\
        [roles.unranked]\npermissions = { can_view = true, can_use_zoom = true }\n\
        [roles.low]\nrank = 19\npermissions = { can_view = true, can_use_zoom = true }\n\
        [roles.below]\nrank = -1\npermissions = { can_view = true, can_download_large = true }\n\
        [roles.b]\nrank = 5\npermissions = { can_view = true, can_use_zoom = true }\n\
        [roles.a]\nrank = 5\npermissions = { can_view = true, can_download_large = true }\n\
        [roles.Z]\nrank = 5\npermissions = { can_view = true, can_see_versions = true }\n";
    let groups: Vec<_> = ["viewer", "unranked", "low", "below", "b", "a", "Z"]
        .iter()
        .map(|role| format!("[[groups]]\ngroup = \"{role}\"\nrole = \"{role}\"\n"))
        .collect();
    let engine = site(permissions, &groups.concat(), &[]);
    let wins = |groups: &[&str], action| {
        let mut turned: Vec<_> = groups.to_vec();
        turned.reverse();
        let held = may(&engine, &who("u", groups, ""), action, "/a.jpg");
        assert_eq!(held, may(&engine, &who("u", &turned, ""), action, "/a.jpg"));
        held
    };
    assert!(!wins(&["viewer", "low"], ZOOM), "a redefined viewer keeps its rank of 20");
    assert!(wins(&["unranked", "below"], ZOOM), "no rank is 0");
    assert!(!wins(&["unranked", "below"], LARGE));
    assert!(wins(&["a", "b"], LARGE) && !wins(&["a", "b"], ZOOM), "`a` before `b`");
    assert!(wins(&["a", "b", "Z"], Action::SeeVersions), "`Z` before `a`, byte by byte");
}

/// Section 2: the visitor's role is for nobody who has signed in; what is absent is `none`.
#[test]
fn the_public_role_is_for_visitors_alone() {
    let public = "[permissions]\npublic_role = \"viewer\"";
    let engine = site("public_role = \"viewer\"\n", "", &[("/f/", public)]);
    for path in ["/a.jpg", "/f/a.jpg"] {
        assert!(may(&engine, &Principal::Visitor, VIEW, path));
        assert!(!may(&engine, &user("u"), VIEW, path), "{path}");
    }
    let default = "[permissions]\ndefault_authenticated_role = \"viewer\"";
    let engine = site("default_authenticated_role = \"viewer\"\n", "", &[("/f/", default)]);
    for path in ["/a.jpg", "/f/a.jpg"] {
        assert!(!may(&engine, &Principal::Visitor, VIEW, path), "{path}");
        assert!(may(&engine, &user("u"), VIEW, path));
    }
    let named = "public_role = \"none\"\ndefault_authenticated_role = \"none\"\n";
    for closed in [site("", "", &[("/f/", "[permissions]")]), site(named, "", &[])] {
        for path in ["/", "/f/a.jpg"] {
            assert!(!may(&closed, &Principal::Visitor, VIEW, path));
            assert!(!may(&closed, &user("u"), VIEW, path), "signing in opens nothing by itself");
        }
    }
}

/// Section 3: the built-in roles hold what the table says, as data.
#[test]
fn the_built_in_roles_are_those_of_the_table() {
    let viewer = "view see_ai_analysis see_ai_alt_text see_exact_dates see_location \
        see_technical_details download_medium download_large download_original download_raw \
        download_gallery use_zoom use_tile_zoom read_metadata see_versions";
    let contributor = "view see_ai_alt_text see_exact_dates see_location see_technical_details \
        download_medium download_large download_original download_gallery use_zoom use_tile_zoom \
        read_metadata add_comments edit_own_comments delete_own_comments";
    let guest = "view see_ai_alt_text see_exact_dates download_medium download_large \
        download_gallery use_zoom read_metadata set_picks";
    let but = ["analyze_images", "edit_any_comments", "delete_any_comments"];
    let all = Action::ALL.iter().map(|action| action.name());
    let most: Vec<_> = all.clone().filter(|name| !but.contains(name)).collect();
    let all: Vec<_> = all.collect();
    let grants: Vec<_> = ["admin", "manager", "user", "viewer", "contributor", "guest"]
        .iter()
        .map(|role| {
            format!("[[grants]]\nuser = \"{role}\"\nrole = \"{role}\"\nbase_path = \"/\"\n")
        })
        .map(|grant| {
            let scoped = grant.contains("contributor") || grant.contains("guest");
            if scoped { grant } else { grant.replace("base_path = \"/\"\n", "") }
        })
        .collect();
    let engine = site("", &grants.concat(), &[]);
    for (role, expected) in [
        ("admin", all.join(" ")),
        ("manager", most.join(" ")),
        ("user", most.join(" ")),
        ("viewer", viewer.to_owned()),
        ("contributor", contributor.to_owned()),
        ("guest", guest.to_owned()),
    ] {
        let set = engine.permissions(&user(role), &GalleryPath::from_decoded("/a.jpg").unwrap());
        let mut held: Vec<_> = set.actions().map(Action::name).collect();
        let mut expected: Vec<_> = expected.split_whitespace().collect();
        held.sort_unstable();
        expected.sort_unstable();
        assert_eq!(held, expected, "{role}");
    }
}

/// Section 3: a block that redefines a name means its own, there and nowhere else.
#[test]
fn a_redefined_role_counts_in_its_own_block() {
    let own = "[permissions]\npublic_role = \"viewer\"\n[permissions.roles.viewer]\n\
        permissions = { can_view = true }";
    let built_in = "[permissions]\npublic_role = \"viewer\"";
    let engine = site("public_role = \"viewer\"\n", "", &[("/own/", own), ("/plain/", built_in)]);
    let large = |path: &str| may(&engine, &Principal::Visitor, LARGE, path);
    assert!(large("/a.jpg") && large("/plain/a.jpg") && !large("/own/a.jpg"));
    assert!(may(&engine, &Principal::Visitor, VIEW, "/own/a.jpg"));
    let site_own = "public_role = \"viewer\"\n[roles.viewer]\npermissions = { can_view = true }\n";
    let engine = site(site_own, "", &[("/plain/", built_in)]);
    assert!(!may(&engine, &Principal::Visitor, LARGE, "/a.jpg"));
    assert!(may(&engine, &Principal::Visitor, LARGE, "/plain/a.jpg"));
}

/// Section 3: in a folder's block the folder is the scope, and a contributor uploads there only if
/// its role says so.
#[test]
fn in_a_folders_block_the_folder_is_the_scope() {
    let block = "[permissions.roles.sends]\ninherits = \"contributor\"\nupload = true\n\
        [[permissions.user_roles]]\nusername = \"reads\"\nroles = [\"contributor\"]\n\
        [[permissions.user_roles]]\nusername = \"sends\"\nroles = [\"sends\"]";
    let engine = site("", "", &[("/f/", block)]);
    for name in ["reads", "sends"] {
        assert!(may(&engine, &user(name), Action::AddComments, "/f/below/a.jpg"));
        assert!(!may(&engine, &user(name), VIEW, "/a.jpg"));
    }
    assert!(may(&engine, &user("sends"), Action::Upload, "/f/below/"));
    assert!(!may(&engine, &user("reads"), Action::Upload, "/f/below/"));
}

/// Section 3: one parent, any depth; the result is the union, and `false` removes nothing.
#[test]
fn what_is_inherited_stays() {
    let permissions = "[roles.a]\ninherits = \"viewer\"\npermissions = { can_set_picks = true }\n\
        [roles.b]\ninherits = \"a\"\npermissions = { can_view = false, can_add_tags = true }\n\
        [roles.c]\ninherits = \"b\"\npermissions = { can_set_picks = false }\n\
        [[user_roles]]\nusername = \"u\"\nroles = [\"c\"]\n";
    let engine = site(permissions, "", &[]);
    for action in [VIEW, LARGE, Action::SetPicks, Action::AddTags] {
        assert!(may(&engine, &user("u"), action, "/a.jpg"), "{action}");
    }
    assert!(!may(&engine, &user("u"), Action::EditContent, "/a.jpg"));
}

/// Section 3: names of users and roles match exactly, groups whatever their case, and DNs as DNs.
#[test]
fn names_match_exactly_and_groups_as_groups() {
    let permissions = format!("{TWO_ROLES}[[user_roles]]\nusername = \"u\"\nroles = [\"sees\"]\n");
    let grants = "[[groups]]\ngroup = \"Staff\"\nrole = \"sees\"\n\
        [[groups]]\ngroup = \"CN=Team, OU=A\\\\,B,DC=Example\"\nrole = \"sees\"\n";
    let engine = site(&permissions, grants, &[]);
    let sees = |name: &str, groups: &[&str]| may(&engine, &who(name, groups, ""), VIEW, "/a.jpg");
    assert!(sees("u", &[]) && !sees("U", &[]));
    for group in
        ["staff", " STAFF ", "cn=team,ou=a\\,b,dc=example", "CN = team , OU=a\\2cb, DC=EXAMPLE"]
    {
        assert!(sees("v", &[group]), "{group}");
    }
    for group in ["staffs", "cn=team", "dc=example,ou=a\\,b,cn=team"] {
        assert!(!sees("v", &[group]), "{group}");
    }
    assert!(literal(Cascade::Restrict, "public_role = \"Viewer\"\n", "", &[]).is_err());
}

/// Section 4, rule 1: the roles of the site are nothing in a folder with a block of its own.
#[test]
fn a_folders_block_replaces_the_sites() {
    let permissions = format!(
        "default_authenticated_role = \"sees\"\n{TWO_ROLES}\
         [[user_roles]]\nusername = \"u\"\nroles = [\"zooms\"]\n"
    );
    let grants = "[[grants]]\nuser = \"v\"\nrole = \"manager\"\n\
        [[groups]]\ngroup = \"g\"\nrole = \"manager\"\n";
    let block = "[permissions.roles.zooms]\npermissions = { can_view = true }\n\
        [[permissions.user_roles]]\nusername = \"w\"\nroles = [\"zooms\"]";
    let engine = site(&permissions, grants, &[("/f/", block)]);
    for one in [user("u"), user("v"), who("x", &["g"], "user"), Principal::Visitor] {
        assert!(!may(&engine, &one, VIEW, "/f/a.jpg"), "{one:?}");
    }
    assert!(may(&engine, &user("w"), VIEW, "/f/a.jpg"));
    assert!(!may(&engine, &user("w"), ZOOM, "/f/a.jpg"), "the block's own role of that name");
    assert!(may(&engine, &user("u"), ZOOM, "/a.jpg"));
    // a role of the site block is none of the folder's
    let foreign = "[permissions]\npublic_role = \"sees\"";
    let closed = site(&permissions, "", &[("/f/", foreign)]);
    assert!(closed.folders().get("/f/").unwrap().broken.is_some());
}

/// Section 4, rule 1: the user's entry; else all matching groups, combined; else the default.
#[test]
fn the_order_inside_a_folders_block() {
    let block = "[permissions]\ndefault_authenticated_role = \"guest\"\n\
        [permissions.roles.sees]\npermissions = { can_view = true }\n\
        [permissions.roles.zooms]\npermissions = { can_use_zoom = true }\n\
        [permissions.roles.large]\npermissions = { can_download_large = true }\n\
        [[permissions.user_roles]]\nusername = \"u\"\nroles = [\"sees\"]\n\
        [[permissions.user_roles]]\nusername = \"nothing\"\nroles = [\"none\"]\n\
        [[permissions.group_roles]]\ngroup = \"g\"\nroles = [\"sees\", \"zooms\"]\n\
        [[permissions.group_roles]]\ngroup = \"h\"\nroles = [\"large\"]";
    let engine = site("", "", &[("/f/", block)]);
    let held = |name: &str, groups: &[&str]| {
        [VIEW, ZOOM, LARGE, Action::SetPicks]
            .map(|action| may(&engine, &who(name, groups, ""), action, "/f/a.jpg"))
    };
    assert_eq!(held("u", &["g", "h"]), [true, false, false, false]);
    assert_eq!(held("v", &["g"]), [true, true, false, false]);
    assert_eq!(held("v", &["g", "h"]), [true, true, true, false], "combined, not the highest");
    assert_eq!(held("v", &[]), [true, true, true, true], "a guest, admitted to the site or not");
    assert_eq!(held("nothing", &["g"]), [false; 4]);
}

/// Section 4, rule 5: whatever the cascade, for the whole subtree, and for the folder's owners.
#[test]
fn technical_details_stay_hidden_under_nearest_too() {
    let hides = "hide_technical_details = true";
    let owned = "[permissions.roles.o]\npermissions = { owner_access = true }\n\
        [[permissions.user_roles]]\nusername = \"olga\"\nroles = [\"o\"]";
    for cascade in [Cascade::Restrict, Cascade::Nearest] {
        let site = literal(
            cascade,
            "public_role = \"viewer\"\n[roles.boss]\n\
            permissions = { owner_access = true }\n[[user_roles]]\nusername = \"boss\"\n\
            roles = [\"boss\"]\n",
            "",
            &[("/p/", hides), ("/p/own/", owned)],
        )
        .unwrap();
        let details = Action::SeeTechnicalDetails;
        assert!(may(&site, &Principal::Visitor, details, "/a.jpg"));
        assert!(!may(&site, &Principal::Visitor, details, "/p/in/a.jpg"));
        assert!(may(&site, &Principal::Visitor, LARGE, "/p/in/a.jpg"));
        assert!(!may(&site, &user("olga"), details, "/p/own/a.jpg"));
        assert!(may(&site, &user("olga"), Action::Organize, "/p/own/"));
        assert!(may(&site, &user("boss"), details, "/p/own/a.jpg"));
    }
}
