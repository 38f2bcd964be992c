//! Lint: for each rule a site that shows it and one that does not.

use std::collections::{BTreeMap, BTreeSet};

use pretty_assertions::assert_eq;
use vestibule_policies::audit::lint::{self, RULES, Site};
use vestibule_schema::{AccountRole, GalleryPath, Problem, UserName};

use crate::written::{AFTERNOON, Texts};

fn found(texts: &Texts<'_>) -> Vec<Problem> {
    let site = texts.site();
    let name = |text: &str| UserName::parse(text).unwrap();
    let accounts = BTreeMap::from([(name("otto"), AccountRole::parse("team").unwrap())]);
    let missing_folders =
        [GalleryPath::from_decoded("/gone/").unwrap()].into_iter().collect::<BTreeSet<_>>();
    let linted = Site {
        engine: &site.engine,
        documents: &site.documents,
        accounts: &accounts,
        missing_folders: &missing_folders,
        now: AFTERNOON.now,
    };
    let found = lint::site(&linted, &site.warnings);
    for problem in &found {
        assert!(RULES.iter().any(|rule| rule.code == problem.code), "{problem}");
        assert!(problem.help.is_some(), "{problem}");
        assert!(!problem.source.text().is_empty(), "no place: {problem}");
    }
    found
}

/// The findings as `file:line:column code: message`.
fn shown(texts: &Texts<'_>) -> Vec<String> {
    let shown = |problem: &Problem| {
        let (line, column) = problem.line_column();
        let code = problem.code.trim_start_matches("lint::");
        format!("{}:{line}:{column} {code}: {}", problem.source.name(), problem.message)
    };
    found(texts).iter().map(shown).collect()
}

fn site(permissions: &str) -> Texts<'_> {
    Texts { permissions, ..Texts::default() }
}

fn folders<'a>(folders: &'a [(&'a str, &'a str)]) -> Texts<'a> {
    Texts { folders, ..Texts::default() }
}

const CLEAN: [&str; 0] = [];

#[test]
fn a_role_that_nobody_is_given() {
    let roles = "[roles.team]\npermissions = { can_view = true }\n\
        [roles.base]\npermissions = { can_view = true }\n\
        [roles.child]\ninherits = \"base\"\n";
    assert_eq!(
        shown(&site(roles)),
        [
            "permissions.toml:1:8 unassigned_role: nobody is given the role `team`",
            "permissions.toml:3:8 unassigned_role: nobody is given the role `base`",
            "permissions.toml:5:8 unassigned_role: nobody is given the role `child`",
        ]
    );
    let by_entry = format!("{roles}[[user_roles]]\nusername = \"u\"\nroles = [\"team\"]\n");
    let by_group = "[[groups]]\ngroup = \"g\"\nrole = \"child\"\n";
    let all = Texts { permissions: &by_entry, grants: by_group, ..Texts::default() };
    assert_eq!(shown(&all), CLEAN, "an entry, a group, and a parent");
    let by_account = "[[grants]]\nuser = \"otto\"\nrole = \"\"\n";
    let team = "[roles.team]\npermissions = { can_view = true }\n";
    let of_account = Texts { permissions: team, grants: by_account, ..Texts::default() };
    assert_eq!(shown(&of_account), CLEAN, "the role of an account");
    let unknown = "[[grants]]\nuser = \"somebody\"\nrole = \"\"\n";
    let of_unknown = Texts { permissions: team, grants: unknown, ..Texts::default() };
    assert_eq!(shown(&of_unknown), CLEAN, "the role of an account that is not known here");
    let in_folder = [(
        "/a/",
        "[permissions.roles.x]\npermissions = { can_view = true }\n\
        [permissions.roles.y]\npermissions = { can_view = true }\n\
        [[permissions.group_roles]]\ngroup = \"g\"\nroles = [\"y\"]",
    )];
    assert_eq!(
        shown(&folders(&in_folder)),
        ["gallery:a/_folder.md:2:20 unassigned_role: nobody is given the role `x`"]
    );
}

#[test]
fn a_block_that_changes_nothing() {
    let open = "public_role = \"viewer\"\ndefault_authenticated_role = \"viewer\"\n";
    let same = "[permissions]\npublic_role = \"viewer\"\ndefault_authenticated_role = \"viewer\"";
    let closed = "[permissions]\npublic_role = \"none\"";
    let one = [("/a/", same)];
    let unused = Texts { permissions: open, folders: &one, ..Texts::default() };
    assert_eq!(
        shown(&unused),
        ["gallery:a/_folder.md:2:2 unused_block: the block of `/a/` changes nothing"]
    );
    let other = [("/a/", closed)];
    let used = Texts { permissions: open, folders: &other, ..Texts::default() };
    assert_eq!(shown(&used), CLEAN);
    // it bounds the folder below, which opens more than the site does
    let more = "[permissions]\npublic_role = \"user\"\ndefault_authenticated_role = \"user\"";
    let two = [("/a/", same), ("/a/b/", more)];
    let bounds = Texts { permissions: open, folders: &two, ..Texts::default() };
    let unused: Vec<_> =
        shown(&bounds).into_iter().filter(|line| line.contains("unused_block")).collect();
    assert_eq!(
        unused,
        ["gallery:a/b/_folder.md:2:2 unused_block: the block of `/a/b/` changes nothing"],
        "the outer bounds the inner, which can't open more"
    );
    // the site admits the higher of two groups, the folder both
    let roles = "[permissions.roles.a]\npermissions = { can_view = true }\n\
        [permissions.roles.b]\npermissions = { can_view = true, can_use_zoom = true }\n\
        [[permissions.group_roles]]\ngroup = \"g\"\nroles = [\"a\"]\n\
        [[permissions.group_roles]]\ngroup = \"h\"\nroles = [\"b\"]";
    let site = "[roles.a]\nrank = 2\npermissions = { can_view = true }\n\
        [roles.b]\nrank = 1\npermissions = { can_view = true, can_use_zoom = true }\n";
    let groups =
        "[[groups]]\ngroup = \"g\"\nrole = \"a\"\n[[groups]]\ngroup = \"h\"\nrole = \"b\"\n";
    let pair = [("/a/", roles)];
    let united = Texts { permissions: site, grants: groups, folders: &pair, ..Texts::default() };
    assert_eq!(shown(&united), CLEAN, "who is in both groups has more in the folder");
}

#[test]
fn false_removes_nothing() {
    let kept = "public_role = \"b\"\ndefault_authenticated_role = \"b\"\n\
        [roles.a]\npermissions = { can_view = true }\n\
        [roles.b]\ninherits = \"a\"\npermissions = { can_view = false }\n";
    assert_eq!(
        shown(&site(kept)),
        ["permissions.toml:7:17 false_removes_nothing: `can_view = false` does not remove what \
          `b` inherits"]
    );
    let alone = "public_role = \"a\"\ndefault_authenticated_role = \"a\"\n\
        [roles.a]\npermissions = { can_view = true, can_use_zoom = false }\n";
    assert_eq!(shown(&site(alone)), CLEAN);
}

#[test]
fn a_default_role_that_is_an_owner() {
    assert_eq!(
        shown(&site("default_authenticated_role = \"admin\"\n")),
        ["permissions.toml:1:30 default_owner: the default role has `owner_access`"]
    );
    assert_eq!(shown(&site("default_authenticated_role = \"manager\"\n")), CLEAN);
}

#[test]
fn a_visitor_loses_something_by_signing_in() {
    assert_eq!(
        shown(&site("public_role = \"viewer\"\n")),
        ["permissions.toml:1:15 lost_by_signing_in: in the site's block a visitor loses `view`, \
          `see_ai_analysis`, `see_ai_alt_text`, `see_exact_dates` and 11 more by signing in"]
    );
    let kept = "public_role = \"viewer\"\ndefault_authenticated_role = \"user\"\n";
    assert_eq!(shown(&site(kept)), CLEAN);
    let front = "[permissions]\npublic_role = \"v\"\n[permissions.roles.v]\n\
        permissions = { can_view = true }";
    let public = [("/open/", front)];
    assert_eq!(
        shown(&folders(&public)),
        ["gallery:open/_folder.md:3:15 lost_by_signing_in: in the block of `/open/` a visitor \
          loses `view` by signing in"]
    );
    // the root folder's block governs everything: what the site's says opens nothing
    let kept = format!("{front}\n[[permissions.user_roles]]\nusername = \"u\"\nroles = [\"v\"]");
    let kept = kept.replace("public_role = \"v\"\n", "default_authenticated_role = \"v\"\n");
    let root = [("/", kept.as_str())];
    let replaced = Texts { permissions: "public_role = \"viewer\"\n", ..folders(&root) };
    assert_eq!(shown(&replaced), CLEAN);
}

#[test]
fn permissions_that_open_nothing() {
    let nobody = "public_role = \"z\"\ndefault_authenticated_role = \"z\"\n\
        [roles.z]\npermissions = { can_use_zoom = true }\n";
    let in_folder = [(
        "/a/",
        "[permissions]\ndefault_authenticated_role = \"z\"\n\
        [permissions.roles.z]\npermissions = { can_use_zoom = true }",
    )];
    let open = "public_role = \"viewer\"\ndefault_authenticated_role = \"viewer\"\n";
    assert_eq!(
        shown(&Texts { permissions: open, ..folders(&in_folder) }),
        ["gallery:a/_folder.md:4:20 unreachable_permission: `z` opens nothing: no role of this \
          block has `can_view`"]
    );
    assert_eq!(
        shown(&site(nobody)),
        [
            "permissions.toml:3:8 unreachable_permission: `z` opens nothing: nobody who holds it may \
          view"
        ]
    );
    let both = "[roles.z]\npermissions = { can_use_zoom = true }\n\
        [[user_roles]]\nusername = \"u\"\nroles = [\"z\", \"viewer\"]\n";
    assert_eq!(shown(&site(both)), CLEAN);
    // the roles of several groups are united in a folder
    let groups = "[permissions.roles.z]\npermissions = { can_use_zoom = true }\n\
        [[permissions.group_roles]]\ngroup = \"g\"\nroles = [\"z\"]\n\
        [[permissions.group_roles]]\ngroup = \"h\"\nroles = [\"viewer\"]";
    assert_eq!(shown(&folders(&[("/a/", groups)])), CLEAN);
}

#[test]
fn a_block_grants_what_one_above_denies() {
    let outer = "[permissions.roles.v]\npermissions = { can_view = true }\n\
        [[permissions.user_roles]]\nusername = \"smith\"\nroles = [\"v\"]";
    let inner = "[permissions.roles.c]\npermissions = { can_view = true, can_use_zoom = true }\n\
        [[permissions.user_roles]]\nusername = \"smith\"\nroles = [\"c\"]";
    let two = [("/a/", outer), ("/a/b/", inner)];
    let codes = |texts: &Texts<'_>| -> Vec<String> {
        let shown = shown(texts).into_iter();
        shown.filter(|line| line.contains("shadowed_by_parent")).collect()
    };
    assert_eq!(
        codes(&folders(&two)),
        ["gallery:a/b/_folder.md:2:20 shadowed_by_parent: the block of `/a/b/` grants \
          `use_zoom`, which the block of `/a/` denies to everybody"]
    );
    assert_eq!(codes(&Texts { nearest: true, ..folders(&two) }), CLEAN);
    let turned = [("/a/", inner), ("/a/b/", outer)];
    assert_eq!(codes(&folders(&turned)), CLEAN);
    // the block above lets somebody else in
    let other = outer.replace("smith", "anna");
    let apart = [("/a/", other.as_str()), ("/a/b/", outer)];
    assert_eq!(
        codes(&folders(&apart)),
        [
            "gallery:a/b/_folder.md:2:2 shadowed_by_parent: nobody whom the block of `/a/b/` lets in \
          gets past the block of `/a/`"
        ]
    );
    assert_eq!(codes(&Texts { nearest: true, ..folders(&apart) }), CLEAN);
}

/// The names and their places, for who knows the accounts.
#[test]
fn every_name_has_its_place() {
    let texts = Texts {
        permissions: "[[user_roles]]\nusername = \"anna\"\nroles = [\"viewer\"]\n",
        grants: "[[grants]]\nuser = \"otto\"\nrole = \"viewer\"\n",
        folders: &[("/a/", "[[permissions.user_roles]]\nusername = \"zoe\"\nroles = []")],
        ..Texts::default()
    };
    let named = lint::named_users(&texts.site().documents);
    let named: Vec<_> = named
        .iter()
        .map(|(name, source, span)| format!("{name} {}", source.reference(span.start)))
        .collect();
    assert_eq!(
        named,
        ["anna permissions.toml:2", "zoe gallery:a/_folder.md:3", "otto grants.toml:2"]
    );
}

fn policies(text: &str) -> Vec<String> {
    let policies = [("own.cedar", text)];
    let open = "public_role = \"viewer\"\ndefault_authenticated_role = \"viewer\"\n";
    shown(&Texts { permissions: open, policies: &policies, ..Texts::default() })
}

/// A head of a policy with one thing in it that may be wrong.
fn forbid(principal: &str, rest: &str) -> String {
    let resource = if rest.starts_with("resource") { rest } else { &format!("resource) {rest}") };
    format!("forbid ({principal}, action == Action::\"view\", {resource};")
}

#[test]
fn a_policy_that_never_matches() {
    for (policy, why) in [
        (
            forbid("principal in Role::\"s:#viewr\"", ""),
            "1:28 never_matches: `s:policies/own.cedar:1` never matches: no block of the site has \
             the role `s:#viewr`",
        ),
        (forbid("principal == User::\"oto\"", ""), "no account is called `oto`"),
        (
            forbid("principal", "resource in Folder::\"s:/gone/\")"),
            "the gallery has no folder `/gone/`",
        ),
        (forbid("principal", "resource in Site::\"t\")"), "this site is `s`, not `t`"),
        (
            forbid("principal", "when { context.mfa && context.site == \"t\" }"),
            "this site is `s`, not `t`",
        ),
        (
            forbid("principal", "when { context.now < datetime(\"2026-11-18\") }"),
            "`2026-11-18` is over",
        ),
        (
            forbid("principal", "unless { context.now >= datetime(\"2026-11-18T13:29:00Z\") }"),
            "`2026-11-18T13:29:00Z` is over",
        ),
        (
            forbid("principal", "unless { !(principal in [Role::\"s:#x\", Role::\"s:#y\"]) }"),
            "no block of the site has the role `s:#x`",
        ),
        (forbid("principal", "when { context.mfa && false }"), "impossible"),
        (forbid("principal is Visitor", "when { principal is User }"), "impossible"),
    ] {
        let found = policies(&policy);
        assert_eq!(found.len(), 1, "{policy}: {found:?}");
        assert!(found[0].contains("never_matches") && found[0].contains(why), "{found:?}");
        assert!(found[0].starts_with("policies/own.cedar:1:"), "{found:?}");
    }
}

#[test]
fn a_policy_that_may_match_is_left_alone() {
    for policy in [
        forbid("principal in Role::\"s:#viewer\"", ""),
        forbid("principal in Role::\"s:@owner\"", ""),
        forbid("principal in Role::\"s:#contributor@upload\"", ""),
        forbid("principal == User::\"otto\"", ""),
        // known at sign-in, not before
        forbid("principal in Group::\"staff\"", ""),
        forbid("principal", "resource in Folder::\"s:/somewhere/\")"),
        forbid("principal", "when { context.site == \"s\" }"),
        forbid("principal", "when { context.mfa || context.site == \"t\" }"),
        forbid("principal", "unless { context.site == \"t\" }"),
        forbid("principal", "unless { principal in Role::\"s:#x\" }"),
        forbid("principal", "when { principal in [Role::\"s:#x\", Role::\"s:#viewer\"] }"),
        forbid("principal", "when { context.now < datetime(\"2026-11-19\") }"),
        forbid("principal", "when { context.now >= datetime(\"2026-11-18\") }"),
    ] {
        assert_eq!(policies(&policy), CLEAN, "{policy}");
    }
}
