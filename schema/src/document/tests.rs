//! Documents and the problems they give.

use super::*;
use crate::permission::{Action, Permission};
use crate::problem::{Problem, Source};

fn codes(problems: &[Problem]) -> Vec<String> {
    problems
        .iter()
        .map(|problem| {
            let (line, column) = problem.line_column();
            format!("{line}:{column} {}", problem.code)
        })
        .collect()
}

fn folder(text: &str) -> (FolderDocument, Vec<String>) {
    let (document, problems) = FolderDocument::parse(&Source::new("gallery:_folder.md", text));
    (document, codes(&problems))
}

#[test]
fn reads_the_seeds_family_gallery() {
    let text = r#"public_role = "limited"
default_authenticated_role = "none"

[roles.limited]
name = "Limited"
permissions = { can_view = true, can_use_zoom = false }

[roles.family]
inherits = "limited"
[roles.family.permissions]
can_see_location = true
owner_access = true

[[user_roles]]
username = "mom"
roles = ["family"]

[[user_roles]]
username = "ex"
roles = ["none"]
"#;
    let (document, problems) = PermissionsDocument::parse(&Source::new("permissions.toml", text));
    assert_eq!(codes(&problems), [""; 0]);
    assert_eq!(document.roles.len(), 2);
    let [limited, family] = document.roles.as_slice() else { panic!("two roles") };
    assert!(limited.permissions.holds(Permission::View));
    assert_eq!(limited.denied[0].value, Permission::UseZoom);
    assert!(family.owner_access.is_some() && limited.owner_access.is_none());
    assert_eq!(document.user_roles[1].roles[0].value, RoleRef::None);
    assert_eq!(document.default_role.unwrap().value, RoleRef::None);
}

/// All at once, sorted by position, each with a suggestion (`permissions.md` 5).
#[test]
fn all_mistakes_are_reported_at_once() {
    let text = r#"public_rol = "x"
[roles.a]
permissions = { can_veiw = true, view = true, can_use_zoom = "yes" }
[roles."a b"]
[roles.visitor]
[[user_roles]]
user = "jane"
roles = ["none", "a"]
"#;
    let (_, problems) = PermissionsDocument::parse(&Source::new("permissions.toml", text));
    assert_eq!(
        codes(&problems),
        [
            "1:1 document::unknown_key",
            "3:17 policy::unknown_permission",
            "3:34 policy::unknown_permission",
            "3:62 document::wrong_type",
            "4:8 policy::bad_role_name",
            "5:8 policy::reserved_role",
            "6:1 document::missing_key",
            "7:1 document::unknown_key",
            "8:10 policy::none_beside_roles",
        ]
    );
    let helps: Vec<_> = problems.iter().filter_map(|problem| problem.help.as_deref()).collect();
    assert!(helps.contains(&"did you mean `public_role`?"), "{helps:?}");
    assert!(helps.contains(&"did you mean `can_view`?"), "{helps:?}");
    assert!(helps.contains(&"did you mean `username`?"), "{helps:?}");
}

#[test]
fn a_problem_renders_with_the_users_line() {
    let source = Source::new("permissions.toml", "[roles.a]\npermissions = { can_veiw = true }\n");
    let (_, problems) = PermissionsDocument::parse(&source);
    let rendered = problems[0].render(crate::problem::Colours::Plain);
    for part in [
        "error[policy::unknown_permission]: unknown permission `can_veiw`",
        "permissions.toml:2:17",
        "permissions = { can_veiw = true }",
        "^^^^^^^^ not a permission",
        "help: did you mean `can_view`?",
    ] {
        assert!(rendered.contains(part), "{part} is missing in\n{rendered}");
    }
}

#[test]
fn a_folder_may_be_plain_text_or_have_a_front_matter() {
    let (document, codes) = folder("# Hello\n\nText.\n");
    assert_eq!((codes.len(), document.body.as_str()), (0, "# Hello\n\nText.\n"));
    let (document, codes) = folder("+++\r\nhidden = true\r\n[permissions]\r\n+++\r\nText\r\n");
    assert_eq!(codes.len(), 0);
    assert!(document.hidden && document.permissions.is_some());
    assert_eq!(document.body, "Text\r\n");
    let (document, codes) = folder("");
    assert!(codes.is_empty() && document.permissions.is_none());
    let (document, _) = folder("+++\n[permissions.roles.c]\nupload = true\n+++\n");
    let role = &document.permissions.unwrap().roles[0];
    assert!(role.permissions.allows(Action::Upload));
}

/// `permissions.md` 4, rule 0: never "just text".
#[test]
fn what_looks_like_a_block_is_never_just_text() {
    let check = |text: &str, expected: &str| {
        let (_, codes) = folder(text);
        assert_eq!(codes, [expected], "{text:?}");
    };
    check("\n+++\n[permissions]\n+++\n", "2:1 document::stray_fence");
    check("---\nhidden: true\n---\n", "1:1 document::stray_fence");
    check("  \n ---\n", "2:1 document::stray_fence");
    check("+++\nhidden = true\n", "1:1 document::unclosed_front_matter");
    check("+++\n[permission]\npublic_role = \"none\"\n+++\n", "2:2 document::unknown_key");
    check("+++\n[Permissions]\n+++\n", "2:2 document::unknown_key");
    check("+++\npublic_role = \"none\"\n+++\n", "2:1 document::unknown_key");
    check("+++\nhide_technical_detail = true\n+++\n", "2:1 document::unknown_key");
    check("+++\nhidden = \"yes\"\n+++\n", "2:10 document::wrong_type");
    check("+++\nhidden = true\nhidden = false\n+++\n", "3:1 document::syntax");
    check("+++\nhidden_images = [\"a/b.jpg\"]\n+++\n", "2:18 policy::bad_hidden_image");
}

#[test]
fn presentation_is_ignored() {
    let (_, codes) = folder("+++\ntitle = \"x\"\ngrid_mode = \"wide\"\n[astro]\na = 1\n+++\n");
    assert_eq!(codes, [""; 0]);
}

#[test]
fn a_byte_order_mark_and_other_encodings_are_errors() {
    let code = |bytes: &[u8]| Source::from_bytes("f", bytes).map(|_| ()).map_err(|p| p.code);
    assert_eq!(code(b"\xEF\xBB\xBF+++\n"), Err("document::byte_order_mark"));
    assert_eq!(code(b"caf\xE9"), Err("document::not_utf8"));
    assert_eq!(code(b"+++\n+++\n"), Ok(()));
}

#[test]
fn folders_are_described_from_outside() {
    let text = "[folders.\"/clients/smith\".permissions]\npublic_role = \"none\"\n\
                [folders.\"/clients/smith/\"]\nhidden = true\n[folders.\"../x\"]\n";
    let (document, problems) = FoldersDocument::parse(&Source::new("folders.toml", text));
    assert_eq!(codes(&problems), ["3:10 policy::duplicate_folder", "5:10 policy::bad_folder"]);
    assert_eq!(document.folders.len(), 1);
}

#[test]
fn a_site_is_mounted_once() {
    let site = |text: &str| {
        let (document, problems) = SiteDocument::parse(&Source::new("site.toml", text));
        (document, codes(&problems))
    };
    let (document, problems) = site(
        "hosts = [\"Photos.Example.com.\"]\nupstream = [\"http://127.0.0.1:8090\", \"unix:/run/a\"]\nadapter = \"vestibule\"\n",
    );
    assert_eq!(problems, [""; 0]);
    let document = document.unwrap();
    let Mount::Hosts(hosts) = document.mount else { panic!("hosts") };
    assert_eq!(hosts[0].value, "photos.example.com");
    assert_eq!(document.upstream.len(), 2);
    let (document, problems) =
        site("path = \"family\"\nupstream = [\"ftp://x\"]\ncascade = \"nearst\"\n");
    assert!(document.is_none());
    assert_eq!(
        problems,
        [
            "1:1 document::missing_key",
            "1:8 site::bad_path",
            "2:13 site::bad_upstream",
            "3:11 site::bad_cascade"
        ]
    );
}

#[test]
fn grants_name_user_and_role() {
    let text = r#"[[grants]]
user = "jane"
role = ""
[[grants]]
user = "kim"
role = "guest"
base_path = "/a"
upload_path = "/b/"
[[groups]]
group = "Press"
role = "cluster_admin"
"#;
    let (document, problems) = GrantsDocument::parse(&Source::new("grants.toml", text));
    assert_eq!(
        codes(&problems),
        ["8:15 policy::upload_path_outside", "11:8 policy::reserved_role"]
    );
    assert_eq!(document.grants[0].role, None);
    assert_eq!(document.grants[1].base_path.as_ref().unwrap().value.as_str(), "/a/");
    assert!(document.groups.is_empty());
}
