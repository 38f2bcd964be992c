//! Explanations: what led to an answer, and that each change that is named gives the other one.

use pretty_assertions::assert_eq;
use vestibule_policies::audit::explain::{Asked, Change, Explanation, OriginKind, explain};
use vestibule_policies::model::{Grant, Rights};
use vestibule_policies::{Need, Principal, RequestContext};
use vestibule_schema::{Action, GalleryPath, RoleName, UserName};

use crate::written::{AFTERNOON, Texts, Written, user};

fn ask(site: &Written, who: &Principal, action: Action, path: &str) -> Explanation {
    ask_in(site, &AFTERNOON, (who, action), path)
}

fn ask_in(
    site: &Written,
    context: &RequestContext<'_>,
    (who, action): (&Principal, Action),
    path: &str,
) -> Explanation {
    let path = &GalleryPath::from_decoded(path).unwrap();
    let (engine, documents) = (&site.engine, &site.documents);
    let asked = Asked { engine, documents, context, principal: who, action, path };
    let explained = explain(&asked).unwrap();
    let decision = site.engine.on(context).decide(who, Need::one(action), path);
    assert_eq!(explained.decision.is_allow(), decision.is_allow(), "{who:?} {action} {path}");
    // every policy that decided is among the satisfied ones
    let satisfied: Vec<_> =
        explained.questions.iter().flat_map(|q| q.permits.iter().chain(&q.forbids)).collect();
    for policy in decision.policies() {
        assert!(satisfied.contains(&policy), "{policy} is not among {satisfied:?}");
    }
    let all = explained.questions.iter().all(|question| question.allowed);
    assert_eq!(all, decision.is_allow(), "{who:?} {action} {path}");
    explained
}

fn shown(change: &Change) -> String {
    match &change.source {
        Some(source) => format!("{} at {source}", change.text),
        None => change.text.clone(),
    }
}

fn changes(explained: &Explanation) -> Vec<String> {
    explained.changes.iter().map(shown).collect()
}

fn smallest(explained: &Explanation) -> String {
    explained.changes.first().map(shown).unwrap_or_default()
}

const FAMILY: &str = "\
[roles.limited]
permissions = { can_view = true }

[roles.family]
inherits = \"limited\"
[roles.family.permissions]
can_see_location = true
can_download_large = true

[[user_roles]]
username = \"fred\"
roles = [\"family\"]
";

fn family() -> Written {
    Texts { permissions: FAMILY, ..Texts::default() }.site()
}

#[test]
fn the_request_is_shown_as_cedar_has_it() {
    let site = family();
    let explained = ask(&site, &user("fred", &[], ""), Action::DownloadLarge, "/a \"b\"/c.jpg");
    assert_eq!(explained.principal, "User::\"fred\"");
    assert_eq!(explained.action, "Action::\"download_large\"");
    assert_eq!(explained.resource, "Image::\"s:/a \\\"b\\\"/c.jpg\"");
    let explained = ask(&site, &Principal::Visitor, Action::View, "/a/");
    assert_eq!(explained.principal, "Visitor::\"\"");
    assert_eq!(explained.resource, "Folder::\"s:/a/\"");
}

#[test]
fn a_permission_that_is_missing_is_added_to_the_role_that_is_held() {
    let explained = ask(&family(), &user("fred", &[], ""), Action::DownloadOriginal, "/a.jpg");
    assert!(!explained.decision.is_allow());
    assert_eq!(
        smallest(&explained),
        "add `can_download_original = true` to role `family` at permissions.toml:4"
    );
    assert_eq!(
        explained.reasons,
        ["the site's block at permissions.toml:1 must grant `download_original`"]
    );
    // an owner is never proposed
    assert!(changes(&explained).iter().all(|change| !change.contains("admin")));
}

#[test]
fn an_allowed_request_is_denied_by_the_entry_or_the_line() {
    let explained = ask(&family(), &user("fred", &[], ""), Action::DownloadLarge, "/a.jpg");
    assert_eq!(
        changes(&explained),
        [
            "remove the user entry of `fred` at permissions.toml:10",
            "remove `can_download_large = true` from role `family` at permissions.toml:8",
            "remove `can_view = true` from role `limited` at permissions.toml:2",
            "set `roles = []` in the user entry of `fred` at permissions.toml:10",
        ]
    );
    let held: Vec<_> = explained.roles.iter().map(|role| role.uid.as_str()).collect();
    assert_eq!(held, ["Role::\"s:#family\""]);
    let role = &explained.roles[0];
    assert_eq!(role.inherits.iter().map(|r| r.as_str()).collect::<Vec<_>>(), ["limited"]);
    assert_eq!(role.origins[0].kind, OriginKind::UserEntry);
    assert_eq!(role.origins[0].source.as_ref().unwrap().to_string(), "permissions.toml:10");
    assert_eq!(&*role.admitted_by[0].id, "base/admit-explicit");
}

/// Where a role comes from, in each of the ways that there are.
#[test]
fn every_origin_has_its_line() {
    let permissions = "public_role = \"guest_view\"\ndefault_authenticated_role = \"member\"\n\
        [roles.guest_view]\npermissions = { can_view = true }\n\
        [roles.member]\npermissions = { can_view = true }\n\
        [roles.team]\npermissions = { can_view = true }\n";
    let grants = "[[grants]]\nuser = \"anna\"\nrole = \"team\"\n\n\
        [[grants]]\nuser = \"otto\"\nrole = \"\"\n\n\
        [[groups]]\ngroup = \"staff\"\nrole = \"team\"\n";
    let name = |name: &str| UserName::parse(name).unwrap();
    let stored = Rights {
        grants: vec![Grant {
            user: name("zoe"),
            role: Some(RoleName::parse("team").unwrap()),
            base_path: None,
            upload_path: None,
        }],
        groups: Vec::new(),
    };
    let site = Texts { permissions, grants, stored, ..Texts::default() }.site();
    let origin = |who: &Principal| {
        let explained = ask(&site, who, Action::View, "/a.jpg");
        let role = &explained.roles[0];
        let place = role.origins[0].source.as_ref().map(ToString::to_string).unwrap_or_default();
        let smallest = smallest(&explained);
        (role.name.clone(), role.origins[0].kind.name(), place, smallest)
    };
    let expect = |who: &Principal, name: &str, kind: &'static str, place: &str, change: &str| {
        assert_eq!(origin(who), (name.to_owned(), kind, place.to_owned(), change.to_owned()));
    };
    expect(
        &Principal::Visitor,
        "guest_view",
        "public_role",
        "permissions.toml:1",
        "remove `can_view = true` from role `guest_view` at permissions.toml:4",
    );
    expect(
        &user("x", &[], ""),
        "member",
        "default",
        "permissions.toml:2",
        "remove `can_view = true` from role `member` at permissions.toml:6",
    );
    expect(
        &user("x", &["staff"], ""),
        "team",
        "declared_group",
        "grants.toml:9",
        "remove `can_view = true` from role `team` at permissions.toml:8",
    );
    // without the grant anna would have the default role, which sees as much
    let to_anna = "remove `can_view = true` from role `team` at permissions.toml:8";
    expect(&user("anna", &[], ""), "team", "declared_grant", "grants.toml:1", to_anna);
    let to_otto = "remove `can_view = true` from role `member` at permissions.toml:6";
    expect(&user("otto", &[], "member"), "member", "account_role", "grants.toml:5", to_otto);
    expect(&user("zoe", &[], ""), "team", "stored_grant", "", to_anna);
}

#[test]
fn who_is_locked_out_is_told_by_what() {
    let site = Texts {
        permissions: "default_authenticated_role = \"viewer\"\n\
            [[user_roles]]\nusername = \"mallory\"\nroles = []\n",
        ..Texts::default()
    }
    .site();
    let explained = ask(&site, &user("mallory", &[], ""), Action::View, "/a.jpg");
    assert_eq!(explained.roles[0].origins[0].kind, OriginKind::LockedOut);
    assert_eq!(
        explained.reasons,
        ["locked out of the whole site by the user entry of `mallory`, which names no role at \
          permissions.toml:2"]
    );
    assert_eq!(smallest(&explained), "remove the user entry of `mallory` at permissions.toml:2");
}

const OUTER: &str = "[permissions.roles.assist]\npermissions = { can_view = true }\n\
    [[permissions.user_roles]]\nusername = \"smith\"\nroles = [\"assist\"]";
const INNER: &str = "[permissions.roles.client]\n\
    permissions = { can_view = true, can_download_large = true }\n\
    [[permissions.user_roles]]\nusername = \"smith\"\nroles = [\"client\"]";

#[test]
fn under_restrict_the_block_above_must_grant_it_too() {
    let folders = [("/a/", OUTER), ("/a/b/", INNER)];
    let site = Texts { folders: &folders, ..Texts::default() }.site();
    let explained = ask(&site, &user("smith", &[], ""), Action::DownloadLarge, "/a/b/c.jpg");
    assert!(!explained.decision.is_allow());
    assert_eq!(
        explained.reasons,
        ["the block of `/a/` at gallery:a/_folder.md:2 must grant `download_large` too"]
    );
    assert_eq!(
        changes(&explained),
        [
            "add `can_download_large = true` to role `assist` at gallery:a/_folder.md:2",
            "set `cascade = \"nearest\"` in config.d/sites/s/site.toml",
        ]
    );
    // what permits is shown beside what forbids
    let asked = &explained.questions[1];
    assert_eq!(asked.permits.iter().map(|p| &*p.id).collect::<Vec<_>>(), ["s:/a/b/#client"]);
    assert_eq!(asked.forbids.iter().map(|p| &*p.id).collect::<Vec<_>>(), ["s:/a/!bound"]);
    let steps: Vec<_> = explained
        .way
        .iter()
        .map(|step| (step.source.to_string(), step.governs, step.counts, step.grants.len()))
        .collect();
    let expected = [
        ("permissions.toml:1", false, false, 0),
        ("gallery:a/_folder.md:2", false, true, 1),
        ("gallery:a/b/_folder.md:2", true, true, 2),
    ];
    assert_eq!(steps, expected.map(|(place, a, b, c)| (place.to_owned(), a, b, c)));
}

#[test]
fn where_no_single_change_helps_the_reasons_are_given() {
    let folders = [("/a/", OUTER), ("/a/b/", OUTER)];
    let site = Texts { folders: &folders, ..Texts::default() }.site();
    let explained = ask(&site, &user("smith", &[], ""), Action::SetPicks, "/a/b/c.jpg");
    assert_eq!(changes(&explained), [""; 0]);
    assert_eq!(
        explained.reasons,
        [
            "the block of `/a/` at gallery:a/_folder.md:2 must grant `set_picks` too",
            "the block of `/a/b/` at gallery:a/b/_folder.md:2 must grant `set_picks`",
        ]
    );
    let explained = ask(&family(), &Principal::Visitor, Action::AddComments, "/a.jpg");
    assert_eq!(changes(&explained), [""; 0]);
    assert_eq!(explained.reasons[0], "visitors never write, whatever their role says: sign in");
}

#[test]
fn what_folders_hide_is_named() {
    let folders = [("/p/", "hide_technical_details = true\nhidden_images = [\"x.jpg\"]")];
    let permissions = "[roles.v]\n\
        permissions = { can_view = true, can_see_technical_details = true }\n\
        [[user_roles]]\nusername = \"u\"\nroles = [\"v\"]\n";
    let site = Texts { permissions, folders: &folders, ..Texts::default() }.site();
    let u = user("u", &[], "");
    let explained = ask(&site, &u, Action::SeeTechnicalDetails, "/p/a.jpg");
    assert_eq!(
        changes(&explained),
        ["remove `hide_technical_details = true` at gallery:p/_folder.md:2"]
    );
    assert_eq!(explained.reasons, ["`hide_technical_details` at gallery:p/_folder.md:2"]);
    let explained = ask(&site, &u, Action::View, "/p/x.jpg");
    let named = changes(&explained);
    assert!(
        named.contains(&"add `can_see_hidden = true` to role `v` at permissions.toml:1".into())
    );
    assert!(
        named.contains(&"take `x.jpg` out of `hidden_images` at gallery:p/_folder.md:3".into()),
        "{named:?}"
    );
    assert_eq!(
        explained.reasons,
        ["the site's block at permissions.toml:1 must grant `see_hidden`"]
    );
}

#[test]
fn a_folder_that_can_not_be_read_is_the_reason() {
    let folders = [("/x/", "[permissions]\nbroken = 1")];
    let site = Texts { permissions: FAMILY, folders: &folders, ..Texts::default() }.site();
    let explained = ask(&site, &user("fred", &[], ""), Action::View, "/x/a.jpg");
    assert_eq!(explained.reasons, ["`/x/` is closed: gallery:x/_folder.md:3 can't be used"]);
    assert!(explained.changes.is_empty(), "{:?}", explained.changes);
}

/// What `false` says is what has to be turned.
#[test]
fn a_key_that_is_there_is_set() {
    let permissions = "[roles.v]\npermissions = { can_view = true, can_use_zoom = false }\n\
        [[user_roles]]\nusername = \"u\"\nroles = [\"v\"]\n";
    let site = Texts { permissions, ..Texts::default() }.site();
    let explained = ask(&site, &user("u", &[], ""), Action::UseZoom, "/a.jpg");
    assert_eq!(smallest(&explained), "set `can_use_zoom = true` in role `v` at permissions.toml:2");
}

#[test]
fn a_stranger_needs_an_entry() {
    let explained = ask(&family(), &user("nobody", &[], ""), Action::DownloadLarge, "/a.jpg");
    assert_eq!(
        smallest(&explained),
        "add a user entry of `nobody` with the role `family` at permissions.toml:1"
    );
    assert!(explained.roles.is_empty());
}

/// A group of the user may be let in, on the site as in a folder.
#[test]
fn a_group_is_admitted() {
    let member = user("nobody", &["staff"], "");
    let explained = ask(&family(), &member, Action::DownloadLarge, "/a.jpg");
    let admit = "admit the group `staff` with the role `family` in config.d/sites/s/grants.toml";
    assert!(changes(&explained).contains(&admit.to_owned()), "{:?}", changes(&explained));
    let mapped = Texts {
        permissions: FAMILY,
        grants: "[[groups]]\ngroup = \"staff\"\nrole = \"limited\"\n",
        folders: &[("/a/", OUTER)],
        ..Texts::default()
    };
    let mapped = mapped.site();
    let explained = ask(&mapped, &member, Action::DownloadLarge, "/a.jpg");
    let instead = "admit the group `staff` with the role `family` instead at grants.toml:1";
    assert!(changes(&explained).contains(&instead.to_owned()), "{:?}", changes(&explained));
    let explained = ask(&mapped, &member, Action::View, "/a/b.jpg");
    let in_folder = "give the group `staff` the role `assist` at gallery:a/_folder.md:2";
    assert!(changes(&explained).contains(&in_folder.to_owned()), "{:?}", changes(&explained));
}

const OWN: &str = "\
@id(\"factor\")
forbid (principal, action == Action::\"download_large\", resource) unless { context.mfa };
@id(\"midweek\")
forbid (principal, action == Action::\"see_location\", resource)
when { context.weekday == \"Wednesday\" };
@id(\"secret\")
forbid (principal, action in Action::\"any\", resource in Folder::\"s:/secret/\");
@id(\"office\")
forbid (principal, action == Action::\"use_zoom\", resource)
unless { context.ip.isInRange(ip(\"198.51.100.0/24\")) };
@id(\"guest\")
permit (principal == User::\"guest\", action == Action::\"view\", resource)
when { context.now < datetime(\"2030-01-01\") };
";

/// What flips the answer without an edit comes first, and the policy is cited with its line.
#[test]
fn hand_written_policies_are_cited_and_what_flips_them() {
    let permissions = FAMILY.replace("can_see_location", "can_use_zoom = true\ncan_see_location");
    let policies = [("own.cedar", OWN)];
    let site = Texts { permissions: &permissions, policies: &policies, ..Texts::default() }.site();
    let fred = user("fred", &[], "");
    let of = |action, path: &str| {
        let explained = ask(&site, &fred, action, path);
        let why = (explained.remembered.holds(), explained.remembered.why());
        (smallest(&explained), why, explained)
    };
    let (first, why, explained) = of(Action::DownloadLarge, "/a.jpg");
    assert_eq!(first, "ask with a second factor");
    let reads = "policies/own.cedar:2 reads context.mfa; policies/own.cedar:12 reads context.now";
    assert_eq!(why, (false, reads.to_owned()));
    let forbids: Vec<_> = explained.questions[1].forbids.iter().map(ToString::to_string).collect();
    assert_eq!(forbids, ["s:policies/factor (policies/own.cedar:2)"]);
    assert!(changes(&explained).contains(
        &"remove or narrow the policy `s:policies/factor` at policies/own.cedar:2".to_owned()
    ));
    assert_eq!(
        explained.reasons,
        ["the policy `s:policies/factor` at policies/own.cedar:2 forbids `download_large`"]
    );
    assert_eq!(of(Action::SeeLocation, "/a.jpg").0, "ask on a Thursday");
    assert_eq!(of(Action::UseZoom, "/a.jpg").0, "ask from 198.51.100.0/24");
    assert_eq!(
        of(Action::View, "/secret/a.jpg").0,
        "remove or narrow the policy `s:policies/secret` at policies/own.cedar:7"
    );
    let (_, _, allowed) = of(Action::View, "/a.jpg");
    assert!(allowed.decision.is_allow() && !allowed.remembered.holds());
    let guest = ask(&site, &user("guest", &[], ""), Action::View, "/a.jpg");
    assert!(guest.decision.is_allow());
    assert!(changes(&guest).contains(&"ask on or after 2030-01-01".to_owned()), "{guest:?}");
    assert_eq!(guest.changes[0].reach.name(), "everybody", "an edit keeps somebody out");
}

/// Where no address is known what reads it denies, and is named.
#[test]
fn what_can_not_be_judged_is_named() {
    let policies = [("own.cedar", OWN)];
    let permissions = FAMILY.replace("can_see_location", "can_use_zoom = true\ncan_see_location");
    let site = Texts { permissions: &permissions, policies: &policies, ..Texts::default() }.site();
    let nowhere = RequestContext { ip: None, ..AFTERNOON };
    let fred = user("fred", &[], "");
    let explained = ask_in(&site, &nowhere, (&fred, Action::UseZoom), "/a.jpg");
    let unjudged = &explained.questions[1].unjudged;
    assert_eq!(unjudged.iter().map(|p| &*p.id).collect::<Vec<_>>(), ["s:policies/office"]);
    assert!(explained.reasons[0].starts_with("it could not be decided:"), "{explained:?}");
    assert_eq!(smallest(&explained), "ask from 198.51.100.0/24");
}

#[test]
fn what_reads_no_context_is_remembered() {
    let policies = [(
        "own.cedar",
        "forbid (principal, action == Action::\"view\", resource in Folder::\"s:/secret/\");\n\
         forbid (principal, action == Action::\"use_zoom\", resource) unless { context.mfa };",
    )];
    let site = Texts { permissions: FAMILY, policies: &policies, ..Texts::default() }.site();
    let fred = user("fred", &[], "");
    let of = |action| ask(&site, &fred, action, "/a.jpg").remembered;
    assert!(of(Action::View).holds() && of(Action::DownloadLarge).holds());
    assert!(!of(Action::UseZoom).holds());
    assert!(ask(&family(), &fred, Action::View, "/a.jpg").remembered.holds());
}
